//! `${VAR}` in strings: `${VAR}`, `${VAR:-default}`, `${VAR:?message}`, `$${` for a literal `${`; and `{instance}`.
//!
//! A `$` before anything else is left alone, so arguments of `sh -c` survive.

use std::borrow::Cow;
use std::ops::Range;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// It is set, perhaps to nothing.
    Value(Cow<'a, str>),
    /// It is not set.
    Unset,
    /// It is a secret, which no other value may show.
    Secret,
    /// It is set to bytes that are not UTF-8.
    NotUtf8,
}

/// One `${…}` that cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The variable, when it is the variable that is wrong and not the form.
    pub unset: Option<String>,
}

/// Defaults in defaults: deeper is surely a mistake.
const DEPTH: usize = 16;
/// The kernel passes on no longer argument or variable (`MAX_ARG_STRLEN`, see execve(2)), and values that hold each
/// other several times over would grow without bound.
const LONGEST: usize = 128 << 10;
/// One text shows no more faults than this.
const MOST_FAULTS: usize = 20;

/// Expands `text`. With `instance`, every `{instance}` is replaced by it.
///
/// # Errors
/// Every `${…}` that cannot be expanded.
pub fn expand<'t>(
    text: &'t str,
    instance: Option<&str>,
    lookup: &dyn Fn(&str) -> Lookup<'t>,
) -> Result<Cow<'t, str>, Vec<Fault>> {
    let touched = text.contains("${") || (instance.is_some() && text.contains(INSTANCE));
    if !touched {
        return Ok(Cow::Borrowed(text));
    }
    let mut expansion = Expansion { instance, lookup, out: String::new(), faults: Vec::new() };
    expansion.run(text, 0, 0);
    if expansion.faults.is_empty() && expansion.out.len() > LONGEST {
        let message = "it expands to more than 128 KiB, which no argument and no variable can hold";
        expansion.fault(0..text.len(), message, None);
    }
    if expansion.faults.is_empty() { Ok(Cow::Owned(expansion.out)) } else { Err(expansion.faults) }
}

/// Replaces `{instance}` alone, as in a `script`, where `${instance}` is the shell's.
pub fn replace_instance<'t>(text: &'t str, instance: Option<&str>) -> Cow<'t, str> {
    let Some(instance) = instance.filter(|_| text.contains(INSTANCE)) else { return Cow::Borrowed(text) };
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(INSTANCE) {
        let (before, after) = rest.split_at(at);
        out += before;
        out += if before.ends_with('$') { INSTANCE } else { instance };
        rest = &after[INSTANCE.len()..];
    }
    out += rest;
    Cow::Owned(out)
}

const INSTANCE: &str = "{instance}";

struct Expansion<'a, 't> {
    instance: Option<&'a str>,
    lookup: &'a dyn Fn(&str) -> Lookup<'t>,
    out: String,
    faults: Vec<Fault>,
}

impl Expansion<'_, '_> {
    /// Expands `text`, which begins at byte `base` of the whole.
    fn run(&mut self, text: &str, base: usize, depth: usize) {
        let mut rest = text;
        while let Some(at) = rest.find(['$', '{'])
            && self.out.len() <= LONGEST
            && self.faults.len() < MOST_FAULTS
        {
            let (before, tail) = rest.split_at(at);
            self.out += before;
            let offset = base + text.len() - tail.len();
            let used = if tail.starts_with("$${") {
                self.out += "${";
                3
            } else if tail.starts_with("${") {
                self.variable(tail, offset, depth)
            } else if let (true, Some(instance)) = (tail.starts_with(INSTANCE), self.instance) {
                self.out += instance;
                INSTANCE.len()
            } else {
                self.out += &tail[..1];
                1
            };
            rest = &tail[used..];
        }
        self.out += rest;
    }

    /// Expands the `${…}` that `tail` begins with; returns its length.
    fn variable(&mut self, tail: &str, offset: usize, depth: usize) -> usize {
        let Some(length) = length(tail) else {
            self.fault(offset..offset + tail.len(), "`${` without its `}`", Some(LITERAL.to_owned()));
            return tail.len();
        };
        let inner = &tail[2..length - 1];
        let range = offset..offset + length;
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
        let (name, operator) = inner.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            self.fault(range, format!("`${{{inner}}}` names no variable"), Some(LITERAL.to_owned()));
            return length;
        }
        let operation = match operator.get(..2) {
            _ if operator.is_empty() => Operation::Plain,
            Some(":-") => Operation::Default,
            Some(":?") => Operation::Demand,
            _ => {
                let help =
                    "the forms are `${VAR}`, `${VAR:-default}` and `${VAR:?message}`; ".to_owned() + LITERAL;
                self.fault(range, format!("`${{{inner}}}` is no form that is known here"), Some(help));
                return length;
            }
        };
        let word = operator.get(2..).unwrap_or_default();
        match (self.lookup)(name) {
            Lookup::Value(value) if operation == Operation::Plain || !value.is_empty() => self.out += &value,
            Lookup::Value(_) | Lookup::Unset => match operation {
                Operation::Default if depth >= DEPTH => {
                    self.fault(range, "defaults are nested too deeply", None);
                }
                Operation::Default => self.run(word, offset + 2 + name.len() + 2, depth + 1),
                Operation::Demand => {
                    let message = if word.is_empty() { "it must be set" } else { word };
                    self.faults.push(Fault {
                        range,
                        message: format!("`{name}` is not set: {message}"),
                        help: None,
                        unset: Some(name.to_owned()),
                    });
                }
                Operation::Plain => self.faults.push(Fault {
                    range,
                    message: format!("`{name}` is not set"),
                    help: Some(format!("write `${{{name}:-default}}` for a default, even an empty one")),
                    unset: Some(name.to_owned()),
                }),
            },
            Lookup::Secret => {
                let help =
                    "a secret is only in the environment of the process; let the program read it there";
                self.fault(range, format!("`{name}` is a secret and does not expand"), Some(help.to_owned()));
            }
            Lookup::NotUtf8 => self.fault(range, format!("the value of `{name}` is not UTF-8"), None),
        }
        length
    }

    fn fault(&mut self, range: Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.faults.push(Fault { range, message: message.into(), help, unset: None });
    }
}

const LITERAL: &str = "write `$${` for a literal `${`";

#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Plain,
    Default,
    Demand,
}

/// The length of the `${…}` that `tail` begins with. Braces inside count, so a default may be JSON or another `${…}`.
fn length(tail: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in tail.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lookup(name: &str) -> Lookup<'static> {
        match name {
            "PORT" => Lookup::Value("80".into()),
            "EMPTY" => Lookup::Value("".into()),
            "PW" => Lookup::Secret,
            "RAW" => Lookup::NotUtf8,
            _ => Lookup::Unset,
        }
    }

    fn run(text: &str) -> Result<String, Vec<String>> {
        let expanded = expand(text, Some("3"), &|name| lookup(name));
        expanded.map(Cow::into_owned).map_err(|f| f.into_iter().map(|f| f.message).collect())
    }

    #[test]
    fn each_form_expands_as_documented() {
        for (text, result) in [
            ("plain", "plain"),
            (":${PORT}:", ":80:"),
            ("${PORT:-1}${NOPE:-2}${EMPTY:-3}", "8023"),
            ("[${EMPTY}]", "[]"),
            ("${NOPE:-}", ""),
            ("${PORT:?needed}", "80"),
            ("${NOPE:-${ALSO:-${PORT}}}", "80"),
            ("${NOPE:-{\"a\":{}}}", "{\"a\":{}}"),
            ("$${PORT}", "${PORT}"),
            ("$$${PORT}", "$${PORT}"),
            ("$HOME $1 $$ $( ) $", "$HOME $1 $$ $( ) $"),
            ("w{instance}-{other}", "w3-{other}"),
            ("${NOPE:-{instance}}", "3"),
        ] {
            assert_eq!(run(text), Ok(result.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_does_not_expand_says_why() {
        for (text, message) in [
            ("${NOPE}", "`NOPE` is not set"),
            ("${NOPE:?give a port}", "`NOPE` is not set: give a port"),
            ("${EMPTY:?}", "`EMPTY` is not set: it must be set"),
            ("${PW}", "`PW` is a secret and does not expand"),
            ("${PW:-x}", "`PW` is a secret and does not expand"),
            ("${RAW}", "the value of `RAW` is not UTF-8"),
            ("${", "`${` without its `}`"),
            ("${}", "`${}` names no variable"),
            ("${1}", "`${1}` names no variable"),
            ("${A-b}", "`${A-b}` is no form that is known here"),
            ("${#A}", "`${#A}` names no variable"),
        ] {
            assert_eq!(run(text), Err(vec![message.to_owned()]), "{text}");
        }
    }

    #[test]
    fn what_grows_without_bound_is_refused_before_it_has_grown() {
        let value = "x".repeat(1000);
        let lookup = |_: &str| Lookup::Value(value.as_str().into());
        let (long, fine, unset) = ("${A}".repeat(100_000), "${A}".repeat(131), "${B}".repeat(100_000));
        let message = "it expands to more than 128 KiB, which no argument and no variable can hold";
        let refused = expand(&long, None, &lookup).map_err(|faults| faults[0].message.clone());
        assert_eq!(refused, Err(message.to_owned()));
        assert_eq!(expand(&fine, None, &lookup).map(|text| text.len()), Ok(131_000));
        let faults = expand(&unset, None, &|_| Lookup::Unset).err().unwrap_or_default();
        assert_eq!(faults.len(), MOST_FAULTS);
    }

    #[test]
    fn every_fault_of_a_text_has_its_own_place() {
        let faults = expand("a ${B} ${C:-${D}}", None, &|_| Lookup::Unset).err().unwrap_or_default();
        assert_eq!(faults.into_iter().map(|f| f.range).collect::<Vec<_>>(), [2..6, 12..16]);
    }

    #[test]
    fn a_script_keeps_the_variables_of_its_shell() {
        assert_eq!(
            replace_instance("echo {instance} ${instance} ${PORT}", Some("2")),
            "echo 2 ${instance} ${PORT}"
        );
        assert_eq!(replace_instance("{instance}", None), "{instance}");
    }

    proptest! {
        #[test]
        fn no_text_upsets_the_expansion(text in "[${}:?a-zA-Z0-9_é \\-]{0,60}") {
            if let Err(faults) = expand(&text, Some("1"), &|name| lookup(name)) {
                for fault in faults {
                    prop_assert!(text.get(fault.range).is_some());
                }
            }
        }

        #[test]
        fn text_without_a_brace_is_left_alone(text in "[^{]{0,60}") {
            prop_assert_eq!(expand(&text, Some("1"), &|_| Lookup::Unset), Ok(Cow::Borrowed(text.as_str())));
        }
    }
}
