//! `finish` scripts of s6 and runit: what they do after each end of a service. A script is read by a small grammar ([`shell`],
//! [`blocks`]) and then followed for every exit code and signal that there is; one word that is not known makes it unknown as
//! a whole.

mod blocks;
mod commands;
mod shell;

use super::draft::Draft;
use super::script::Script;
use crate::config::diagnostic::Span;
use crate::config::tree::{Node as Element, Value};
use crate::model::Signal;
use commands::{End, Followed};
use std::collections::BTreeMap;

/// Which supervisor runs it: they differ in what they tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// `$1` is the exit code, or 256; `$2` the signal.
    S6,
    /// `$1` is the exit code, or -1; `$2` the signal.
    Runit,
}

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A simple command, and the file that its output goes to.
    Command(Vec<Text>, Option<Text>),
    /// One after another.
    All(Vec<Step>),
    /// The second only if the first succeeds.
    And(Box<Step>, Box<Step>),
    /// The second only if the first fails.
    Or(Box<Step>, Box<Step>),
    /// The opposite of its success.
    Not(Box<Step>),
    /// The first branch whose condition succeeds; otherwise the last.
    If(Vec<(Step, Step)>, Box<Step>),
    /// It takes the place of the script, or nothing after it is reached.
    Last(Box<Step>),
}

/// A word, in parts.
type Text = Vec<Part>;

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// As it is.
    Plain(String),
    /// An argument of the script, from 1.
    Argument(usize),
    /// What was assigned before.
    Variable(String),
    /// What the exit code of the container is so far.
    ContainerCode,
    /// The sum of numbers.
    Sum(Vec<Text>),
}

/// It has something that the grammar does not know.
#[derive(Debug, PartialEq, Eq)]
struct Unknown;

/// Longer scripts are surely more than a rule: in bytes.
const LONGEST: usize = 16 << 10;
/// How deep commands may be in each other.
const DEEPEST: usize = 32;
/// So many ends are listed in `never-on`; beyond that, another policy is the better rule.
const LISTED: usize = 8;

/// What becomes of a service after one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// It is started again.
    Again,
    /// It stays down.
    Down,
    /// The container ends, with this code.
    Halt(u8),
}

/// What a script says.
#[derive(Debug, PartialEq, Eq)]
struct Rules {
    fates: Vec<(End, Fate)>,
    /// It is not started again after so many ends within so many seconds.
    limit: Option<(u64, u64)>,
    /// It writes the exit code of the container without ending it.
    leaves_a_code: bool,
}

/// Sets what a `finish` says about the end of a service and of the container, and tells of it.
pub fn apply(what: &str, script: &Script, of: Of, draft: &mut Draft, trail: &mut super::Trail) {
    let span = script.span;
    let Some(rules) = rules(script, of) else {
        let why = "foster runs nothing after each end: read it; what it says of the end of the service or the container, say with \
                   `[restart] policy` and `essential`, and what it clears away, clear away at the start of `script`";
        return trail.not_carried(span, what, why);
    };
    let mut differs = Vec::new();
    let keys = rules.set(span, draft, &mut differs);
    differs.extend(script.told_of_mode());
    let became = if keys.is_empty() { String::new() } else { format!("{}: {}", draft.name, keys.join(", ")) };
    if differs.is_empty() {
        trail.exact(span, what, became);
    } else {
        trail.approximated(span, what, became, differs.join("; "));
    }
}

fn rules(script: &Script, of: Of) -> Option<Rules> {
    if script.text.len() > LONGEST {
        return None;
    }
    let step = match script.execline() {
        Some(pieces) => blocks::read(pieces),
        None if script.is_shell() => shell::read(&script.text),
        None => Err(Unknown),
    };
    follow(&step.ok()?, of).ok()
}

/// Every end that there is.
fn follow(step: &Step, of: Of) -> Result<Rules, Unknown> {
    let mut rules = Rules { fates: Vec::new(), limit: None, leaves_a_code: false };
    let codes = (0..=255u8).map(End::Code);
    for end in codes.chain((1..=31u8).map(End::Signal)) {
        let followed = Followed::new(end, of).through(step)?;
        rules.limit = rules.limit.or(followed.limit);
        rules.leaves_a_code |= !followed.halted && followed.written.is_some();
        let fate = match (followed.halted, followed.down) {
            (true, _) => Fate::Halt(followed.written.unwrap_or(0)),
            (false, true) => Fate::Down,
            (false, false) => Fate::Again,
        };
        rules.fates.push((end, fate));
    }
    Ok(rules)
}

impl Rules {
    fn of(&self, end: End) -> Fate {
        self.fates.iter().find(|(other, _)| *other == end).map_or(Fate::Again, |(_, fate)| *fate)
    }

    /// Gives the keys that it has set.
    fn set(&self, span: Span, draft: &mut Draft, differs: &mut Vec<String>) -> Vec<&'static str> {
        let halts = self.fates.iter().any(|(_, fate)| matches!(fate, Fate::Halt(_)));
        let others = |fate: Fate| self.fates.iter().filter(move |(_, other)| *other != fate);
        if let Some((times, seconds)) = self.limit.filter(|_| !halts) {
            draft.set("restart.limit", i64::try_from(times).unwrap_or(i64::MAX), span);
            draft.set("restart.reset-after", format!("{seconds}s"), span);
            draft.set("essential", false, span);
            differs.push(
                "the limit counts ends in a row, whatever their codes are, and begins anew after that time without one"
                    .to_owned(),
            );
            return vec!["restart.limit", "restart.reset-after", "essential"];
        }
        if halts {
            if let Some(at) = draft.items().iter().position(|item| item.path == "essential") {
                draft.remove(at);
            }
            let rest: Vec<&(End, Fate)> = others(Fate::Again).collect();
            if rest.len() <= LISTED && self.of(End::Code(0)) == Fate::Again {
                self.set_never_on(rest.iter().map(|(end, _)| *end), span, draft);
                self.compare(|end| rest.iter().all(|(other, _)| *other != end), differs);
                return vec!["restart.never-on"];
            }
            let note = "A failure ends the container with its exit code.";
            draft.set("restart.policy", "never", span).note(note);
            self.compare(|_| false, differs);
            return vec!["restart.policy"];
        }
        if self.leaves_a_code {
            let why =
                "the code that it writes is not that of the container: asked to stop, foster ends with 0";
            differs.push(why.to_owned());
        }
        let up: Vec<End> = others(Fate::Again).map(|(end, _)| *end).collect();
        if up.is_empty() {
            return Vec::new();
        }
        draft.set("essential", false, span);
        if others(Fate::Down).next().is_none() {
            draft.set("restart.policy", "never", span);
        } else if up == [End::Code(0)] {
            draft.set("restart.policy", "on-failure", span);
            // Its failures for good are none: it is started again and again there.
            return vec!["restart.policy", "essential"];
        } else if up.len() <= LISTED {
            self.set_never_on(up.into_iter(), span, draft);
            return vec!["restart.never-on", "essential"];
        } else {
            draft.set("restart.policy", "never", span);
            differs.push(
                "it is not started again after any end; there it is after those for which the script says so"
                    .to_owned(),
            );
        }
        vec!["restart.policy", "essential"]
    }

    fn set_never_on(&self, ends: impl Iterator<Item = End>, span: Span, draft: &mut Draft) {
        let value = |end| match end {
            End::Code(code) => Value::from(i64::from(code)),
            End::Signal(signal) => Value::from(signal_name(signal)),
        };
        let nodes = ends.map(|end| Element { span, value: value(end) });
        draft.set("restart.never-on", Value::List(nodes.collect()), span);
    }

    /// What foster does otherwise, where a service that fails ends the container, and `again` says after which it is
    /// started again.
    fn compare(&self, again: impl Fn(End) -> bool, differs: &mut Vec<String>) {
        match self.of(End::Code(0)) {
            Fate::Again if !again(End::Code(0)) => {
                differs.push("after an end with 0 it stays down; there it is started again".to_owned());
            }
            Fate::Halt(_) => differs.push(
                "an end with 0 does not end the container; for that, write `main = true`, which one service can have"
                    .to_owned(),
            ),
            _ => {}
        }
        let (mut started, mut down, mut codes) = (Vec::new(), Vec::new(), BTreeMap::<u8, Vec<End>>::new());
        for (end, fate) in self.fates.iter().filter(|(end, _)| *end != End::Code(0)) {
            match fate {
                Fate::Again if !again(*end) => started.push(*end),
                Fate::Down => down.push(*end),
                Fate::Halt(code) if *code != end.code() => codes.entry(*code).or_default().push(*end),
                _ => {}
            }
        }
        if !started.is_empty() {
            differs.push(format!("{} ends the container; there it is started again", told(&started)));
        }
        if !down.is_empty() {
            differs.push(format!("{} ends the container; there it stays down", told(&down)));
        }
        match codes.len() {
            0 => {}
            1 => differs.extend(codes.iter().map(|(code, ends)| {
                let them = if ends.len() == self.fates.len() - 1 {
                    "always".to_owned()
                } else {
                    format!("after {}", told(ends))
                };
                format!("the container ends with the code of the service; there {them} with {code}")
            })),
            _ => {
                differs.push("the container ends with the code of the service; there with another".to_owned())
            }
        }
    }
}

/// Ends in words.
fn told(ends: &[End]) -> String {
    let codes: Vec<u8> =
        ends.iter().filter_map(|end| if let End::Code(code) = end { Some(*code) } else { None }).collect();
    let signals: Vec<u8> = ends
        .iter()
        .filter_map(|end| if let End::Signal(signal) = end { Some(*signal) } else { None })
        .collect();
    let mut parts = Vec::new();
    match codes[..] {
        [] => {}
        [code] => parts.push(format!("exit code {code}")),
        _ if codes.len() >= 255 => parts.push("any other exit code".to_owned()),
        _ if codes.len() <= 4 => {
            let codes: Vec<String> = codes.iter().map(u8::to_string).collect();
            parts.push(format!("exit codes {}", codes.join(", ")));
        }
        _ => parts.push(format!("one of {} exit codes", codes.len())),
    }
    match signals[..] {
        [] => {}
        [signal] => parts.push(format!("death by {}", signal_name(signal))),
        _ if signals.len() >= 31 => parts.push("death by a signal".to_owned()),
        _ => {
            let others: Vec<u8> = (1..=31u8).filter(|signal| !signals.contains(signal)).collect();
            let names: Vec<String> = others.iter().take(4).map(|signal| signal_name(*signal)).collect();
            let but = if others.len() <= 4 { format!(" but {}", names.join(", ")) } else { String::new() };
            let which = if others.len() <= 4 { "any signal" } else { "some signals" };
            parts.push(format!("death by {which}{but}"));
        }
    }
    parts.join(" or ")
}

fn signal_name(signal: u8) -> String {
    Signal::from_number(i32::from(signal)).map_or_else(|| signal.to_string(), |signal| signal.to_string())
}

#[cfg(test)]
#[path = "finish_tests.rs"]
mod finish_tests;
