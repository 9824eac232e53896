//! What the commands in `finish` scripts do, for one end of the service.

use super::{Of, Part, Step, Text, Unknown};
use std::collections::BTreeMap;

/// How the service has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Code(u8),
    Signal(u8),
}

impl End {
    /// Its exit code for the container.
    pub fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// What a script has done so far.
#[derive(Debug)]
pub struct Followed {
    of: Of,
    arguments: [i64; 2],
    variables: BTreeMap<String, String>,
    ended: bool,
    /// It has asked for the end of the container.
    pub halted: bool,
    /// The exit code of the container that it has written.
    pub written: Option<u8>,
    /// The service is not to be started again.
    pub down: bool,
    /// So many ends within so many seconds are too many.
    pub limit: Option<(u64, u64)>,
}

/// Where s6-overlay has the exit code of the container.
const RESULT: &str = "/run/s6-linux-init-container-results/exitcode";

/// No rule needs a longer word.
const LONGEST: usize = 4096;

type Succeeded = Result<bool, Unknown>;

impl Followed {
    pub fn new(end: End, of: Of) -> Self {
        let arguments = match (end, of) {
            (End::Code(code), _) => [i64::from(code), 0],
            (End::Signal(signal), Of::S6) => [256, i64::from(signal)],
            (End::Signal(signal), Of::Runit) => [-1, i64::from(signal)],
        };
        Self {
            of,
            arguments,
            variables: BTreeMap::new(),
            ended: false,
            halted: false,
            written: None,
            down: false,
            limit: None,
        }
    }

    /// Through the whole script.
    pub fn through(mut self, step: &Step) -> Result<Self, Unknown> {
        self.run(step)?;
        Ok(self)
    }

    fn run(&mut self, step: &Step) -> Succeeded {
        if self.ended {
            return Ok(true);
        }
        match step {
            Step::Command(words, to) => {
                let words: Result<Vec<String>, Unknown> = words.iter().map(|word| self.text(word)).collect();
                let to = to.as_ref().map(|to| self.text(to)).transpose()?;
                self.command(&words?, to.as_deref())
            }
            Step::All(steps) => steps.iter().try_fold(true, |_, step| self.run(step)),
            Step::And(first, second) => Ok(self.run(first)? && self.run(second)?),
            Step::Or(first, second) => Ok(self.run(first)? || self.run(second)?),
            Step::Not(step) => Ok(!self.run(step)?),
            Step::If(branches, otherwise) => {
                for (condition, branch) in branches {
                    if self.run(condition)? {
                        return self.run(branch);
                    }
                }
                self.run(otherwise)
            }
            Step::Last(step) => {
                let succeeded = self.run(step)?;
                self.ended = true;
                Ok(succeeded)
            }
        }
    }

    fn text(&self, text: &Text) -> Result<String, Unknown> {
        let mut whole = String::new();
        for part in text {
            match part {
                Part::Plain(plain) => whole.push_str(plain),
                Part::Argument(1) => whole.push_str(&self.arguments[0].to_string()),
                Part::Argument(2) => whole.push_str(&self.arguments[1].to_string()),
                // The name of the service, which only messages say.
                Part::Argument(_) => whole.push('?'),
                Part::Variable(name) => whole.push_str(self.variables.get(name).ok_or(Unknown)?),
                Part::ContainerCode => whole.push_str(&self.written.unwrap_or(0).to_string()),
                Part::Sum(terms) => {
                    let numbers: Result<Vec<i64>, Unknown> =
                        terms.iter().map(|term| number(&self.text(term)?)).collect();
                    let sum = numbers?.into_iter().fold(0, i64::saturating_add);
                    whole.push_str(&sum.to_string());
                }
            }
            // Words that are made of themselves again and again.
            if whole.len() > LONGEST {
                return Err(Unknown);
            }
        }
        Ok(whole)
    }

    fn command(&mut self, words: &[String], to: Option<&str>) -> Succeeded {
        let Some((first, rest)) = words.split_first() else { return Ok(true) };
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        let name = first.rsplit('/').next().unwrap_or_default();
        let speaks = matches!(name, "echo" | "printf" | "logger") || name.starts_with("bashio::log.");
        if let Some(to) = to {
            return match to {
                RESULT if name == "echo" => self.write(rest.first().ok_or(Unknown)?),
                RESULT if name == "printf" => self.write(printed(&rest)?),
                "/dev/null" | "/dev/stderr" | "/dev/stdout" | "/proc/1/fd/1" | "/proc/1/fd/2" | "2" => {
                    self.command(words, None)
                }
                _ => Err(Unknown),
            };
        }
        if let Some((variable, value)) = first.split_once('=')
            && rest.is_empty()
            && super::super::words::is_variable(variable)
        {
            self.variables.insert(variable.to_owned(), value.to_owned());
            return Ok(true);
        }
        match name {
            _ if speaks => {}
            "true" | ":" | "set" | "sleep" | "s6-sleep" | "shopt" => {}
            "false" => return Ok(false),
            "declare" | "local" | "readonly" | "export" | "typeset" => {
                for word in rest.iter().filter(|word| !word.starts_with('-')) {
                    if let Some((variable, value)) = word.split_once('=') {
                        self.variables.insert(variable.to_owned(), value.to_owned());
                    }
                }
            }
            "[" | "[[" | "test" | "s6-test" => return test(&rest),
            "exit" => {
                let code = rest.first().map_or(Ok(0), |code| number(code))?;
                self.ended = true;
                // Of s6 alone: a failure for good.
                self.down |= code == 125 && self.of == Of::S6;
                return Ok(code == 0);
            }
            _ if self.halts(first, name, &rest) => self.halted = true,
            _ if self.stays_down(name, &rest) => self.down = true,
            "s6-permafailon" if self.of == Of::S6 => {
                let [seconds, times, _, then @ ..] = &rest[..] else { return Err(Unknown) };
                self.limit =
                    Some((times.parse().map_err(|_| Unknown)?, seconds.parse().map_err(|_| Unknown)?));
                let then: Vec<String> = then.iter().map(|&word| word.to_owned()).collect();
                return self.command(&then, None);
            }
            _ => return Err(Unknown),
        }
        Ok(true)
    }

    fn write(&mut self, code: &str) -> Succeeded {
        let code = number(code)?;
        self.written = Some(u8::try_from(code.rem_euclid(256)).map_err(|_| Unknown)?);
        Ok(true)
    }

    /// Whether a command asks for the end of the container.
    fn halts(&self, command: &str, name: &str, rest: &[&str]) -> bool {
        let overlay =
            command.trim_start_matches("/var").starts_with("/run/s6/basedir/bin/") || !command.contains('/');
        match (self.of, name) {
            (Of::S6, "halt" | "poweroff") => overlay,
            (Of::S6, "shutdown" | "s6-linux-init-shutdown") => rest.contains(&"-h") || rest.contains(&"-p"),
            (Of::S6, "s6-svscanctl") => {
                matches!(rest, [option, _] if matches!(*option, "-t" | "-bt" | "-q" | "-st"))
            }
            (Of::S6, "kill") => matches!(
                rest,
                ["1"] | ["-TERM" | "-SIGTERM" | "-15", "1"] | ["-s", "TERM" | "SIGTERM" | "15", "1"]
            ),
            (Of::Runit, "kill") => match rest {
                ["1"] => true,
                [signal, "1"] | ["-s", signal, "1"] => {
                    let signal = signal.trim_start_matches('-').trim_start_matches("SIG");
                    matches!(signal, "TERM" | "HUP" | "15" | "1" | "CONT" | "18")
                }
                _ => false,
            },
            (Of::Runit, "runit-init" | "init") => matches!(rest, ["0" | "6"]),
            _ => false,
        }
    }

    /// Whether a command says of this service that it is not to be started again.
    fn stays_down(&self, name: &str, rest: &[&str]) -> bool {
        match self.of {
            Of::S6 if name == "s6-svc" => matches!(rest, ["-d" | "-D" | "-O" | "-o" | "-x", "."]),
            Of::Runit if name == "sv" => {
                matches!(rest, ["d" | "down" | "stop" | "o" | "once" | "x" | "exit", "."])
            }
            _ => false,
        }
    }
}

/// The number that `printf` writes.
fn printed<'w>(words: &[&'w str]) -> Result<&'w str, Unknown> {
    match words {
        ["%s" | "%d" | "%s\\n" | "%d\\n", value] => Ok(value),
        [value] if !value.contains('%') => Ok(value.trim_end_matches("\\n")),
        _ => Err(Unknown),
    }
}

fn number(text: &str) -> Result<i64, Unknown> {
    text.trim().parse().map_err(|_| Unknown)
}

/// One condition; `&&` and `||` between several are the grammar's.
fn test(words: &[&str]) -> Succeeded {
    let words = match words {
        [inner @ .., "]" | "]]"] => inner,
        _ => words,
    };
    let order = |one: &str, other: &str| Ok(number(one)?.cmp(&number(other)?));
    match words {
        ["!", rest @ ..] => Ok(!test(rest)?),
        ["-z", text] => Ok(text.is_empty()),
        ["-n", text] => Ok(!text.is_empty()),
        // Patterns have no place here.
        [_, "=" | "==" | "!=", pattern] if pattern.contains(['*', '?', '[']) => Err(Unknown),
        [one, "=" | "==", other] => Ok(one == other),
        [one, "!=", other] => Ok(one != other),
        [one, "-eq", other] => Ok(order(one, other)?.is_eq()),
        [one, "-ne", other] => Ok(order(one, other)?.is_ne()),
        [one, "-gt", other] => Ok(order(one, other)?.is_gt()),
        [one, "-ge", other] => Ok(order(one, other)?.is_ge()),
        [one, "-lt", other] => Ok(order(one, other)?.is_lt()),
        [one, "-le", other] => Ok(order(one, other)?.is_le()),
        [one, "-a", two @ ..] if !two.is_empty() => Ok(test(&[*one])? && test(two)?),
        _ => Err(Unknown),
    }
}
