//! `$VAR` and `${VAR:-x}` of compose files: as foster writes them, or as what they are now.

use super::super::draft::literal;
use crate::config::Variables;
use std::collections::BTreeMap;
use std::ffi::OsStr;

/// How deep defaults may lie in each other.
const DEEPEST: usize = 8;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Variable(Variable),
}

/// `${NAME:-word}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    /// `-`, `?`, `+`, or nothing.
    operator: Option<char>,
    /// Whether what is empty counts as unset (`:`).
    is_empty_unset: bool,
    word: Vec<Part>,
}

/// What values a file is read with, and what had to be done to its variables.
pub struct Lookup<'c> {
    /// Of the file `.env`.
    pub known: &'c BTreeMap<String, String>,
    /// That in which it would run.
    pub environment: &'c Variables,
    /// A variable is left to foster.
    pub is_used: bool,
    /// One has been replaced by what it is now.
    pub is_decided: bool,
    /// A default stands in for what is empty, too.
    pub is_wider: bool,
}

/// The parts of a text.
///
/// # Errors
/// Compose refuses it, or it lies too deep.
pub fn parts(text: &str) -> Result<Vec<Part>, String> {
    parts_within(text, 0)
}

fn parts_within(text: &str, depth: usize) -> Result<Vec<Part>, String> {
    if depth > DEEPEST {
        return Err(format!("defaults lie in each other more than {DEEPEST} deep"));
    }
    let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some((before, after)) = rest.split_once('$') {
        plain.push_str(before);
        let variable;
        if let Some(more) = after.strip_prefix('$') {
            plain.push('$');
            rest = more;
            continue;
        } else if let Some(inside) = after.strip_prefix('{') {
            let end = closing(inside).ok_or("a `${` without its `}`")?;
            variable = braced(inside.get(..end).unwrap_or_default(), depth)?;
            rest = inside.get(end + 1..).unwrap_or_default();
        } else {
            let (name, more) = after.split_at(name_length(after));
            if name.is_empty() {
                return Err("a `$` alone: `$$` is one".to_owned());
            }
            let name = name.to_owned();
            variable = Variable { name, operator: None, is_empty_unset: false, word: Vec::new() };
            rest = more;
        }
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Variable(variable));
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

/// How long the name is that the text begins with; 0 for none.
fn name_length(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// Where the brace ends that has been opened.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn is_balanced(text: &str) -> bool {
    let closed = text.matches('}').count();
    closing(text).is_none() && text.matches('{').count() == closed
}

fn braced(inside: &str, depth: usize) -> Result<Variable, String> {
    let (name, rest) = inside.split_at(name_length(inside));
    let wrong = || format!("`${{{inside}}}` is no variable");
    if name.is_empty() {
        return Err(wrong());
    }
    let (is_empty_unset, rest) = match rest.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let mut chars = rest.chars();
    let operator = chars.next();
    if !matches!((operator, is_empty_unset), (None, false) | (Some('-' | '?' | '+'), _)) {
        return Err(wrong());
    }
    let word = parts_within(chars.as_str(), depth + 1)?;
    Ok(Variable { name: name.to_owned(), operator, is_empty_unset, word })
}

impl<'c> Lookup<'c> {
    /// With these values.
    pub fn new(known: &'c BTreeMap<String, String>, environment: &'c Variables) -> Self {
        Self { known, environment, is_used: false, is_decided: false, is_wider: false }
    }

    /// The text with foster's variables.
    ///
    /// # Errors
    /// It is no text of Compose, or foster cannot say it.
    pub fn written(&mut self, text: &str) -> Result<String, String> {
        self.write(&parts(text)?)
    }

    /// The parts with foster's variables.
    pub fn write(&mut self, parts: &[Part]) -> Result<String, String> {
        let mut out = String::new();
        let mut is_behind_dollar = false;
        for part in parts {
            match part {
                Part::Text(text) => out.push_str(&literal(text)),
                Part::Variable(_) if is_behind_dollar => {
                    return Err("foster cannot write a `$` right before a variable".to_owned());
                }
                Part::Variable(variable) => out.push_str(&self.variable(variable)?),
            }
            is_behind_dollar = matches!(part, Part::Text(text) if text.ends_with('$'));
        }
        Ok(out)
    }

    fn variable(&mut self, variable: &Variable) -> Result<String, String> {
        let name = &variable.name;
        if variable.operator == Some('+') {
            self.is_decided = true;
            return if self.is_set(variable) { self.write(&variable.word) } else { Ok(String::new()) };
        }
        self.is_used = true;
        let known = self.known.get(name).filter(|known| !known.is_empty() || !variable.is_empty_unset);
        let (sign, word) = match (known, variable.operator) {
            (Some(known), _) => ("-", literal(known)),
            (None, Some('?')) if variable.word.is_empty() => ("?", "it is not set".to_owned()),
            (None, Some('?')) => ("?", self.now_of(&variable.word)?),
            (None, operator) => {
                self.is_wider |=
                    operator == Some('-') && !variable.is_empty_unset && !variable.word.is_empty();
                ("-", self.write(&variable.word)?)
            }
        };
        if !is_balanced(&word) {
            return Err(format!("what stands in for `{name}` has a brace without its other"));
        }
        Ok(format!("${{{name}:{sign}{word}}}"))
    }

    /// Whether it may stand for several words or none: where no quotes are around it, a shell has to see.
    pub fn may_split(&self, variable: &Variable) -> bool {
        let default = match self.known.get(&variable.name) {
            Some(known) => known.clone(),
            None if variable.operator == Some('?') => return false,
            None => match &variable.word[..] {
                [Part::Text(text)] => text.clone(),
                [Part::Variable(inner)] => return self.may_split(inner),
                _ => String::new(),
            },
        };
        default.is_empty() || default.contains([' ', '\t', '\n', '"', '\'', '\\'])
    }

    /// As a shell writes it; `None` where that needs quotes.
    pub fn shell(&mut self, variable: &Variable) -> Option<String> {
        self.is_used = true;
        let word = match self.known.get(&variable.name) {
            Some(known) => known,
            None => match &variable.word[..] {
                [] => "",
                [Part::Text(text)] if variable.operator == Some('-') => text,
                _ => return None,
            },
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+=, -".contains(c);
        let name = &variable.name;
        match (word, variable.operator) {
            (_, Some('+' | '?')) => None,
            ("", _) => Some(format!("${name}")),
            (word, _) => word.chars().all(is_plain).then(|| format!("${{{name}:-{word}}}")),
        }
    }

    /// The text as it is now.
    ///
    /// # Errors
    /// It is no text of Compose, or a variable is missing that has to be there.
    pub fn now(&mut self, text: &str) -> Result<String, String> {
        self.now_of(&parts(text)?)
    }

    fn now_of(&mut self, parts: &[Part]) -> Result<String, String> {
        let mut out = String::new();
        for part in parts {
            let variable = match part {
                Part::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                Part::Variable(variable) => variable,
            };
            self.is_decided = true;
            match (self.is_set(variable), variable.operator) {
                (true, Some('+')) | (false, Some('-')) => out.push_str(&self.now_of(&variable.word)?),
                (false, Some('?')) => {
                    let why = self.now_of(&variable.word)?;
                    let name = &variable.name;
                    return Err(format!("`{name}` has to be set, for it is needed here: {why}"));
                }
                (false, _) => {}
                (true, _) => out.push_str(&self.value(&variable.name).unwrap_or_default()),
            }
        }
        Ok(out)
    }

    fn is_set(&self, variable: &Variable) -> bool {
        let is_there = |value: &String| !value.is_empty() || !variable.is_empty_unset;
        self.value(&variable.name).as_ref().is_some_and(is_there)
    }

    fn value(&self, name: &str) -> Option<String> {
        let value = self.environment.get(OsStr::new(name)).map(|value| value.to_string_lossy().into_owned());
        value.or_else(|| self.known.get(name).cloned())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn with<T>(look: impl FnOnce(&mut Lookup<'_>) -> T) -> (T, [bool; 3]) {
        let known = BTreeMap::from([("K".to_owned(), "v".to_owned()), ("E".to_owned(), String::new())]);
        let environment = Variables::from([("S".into(), "set".into())]);
        let mut lookup = Lookup::new(&known, &environment);
        let made = look(&mut lookup);
        (made, [lookup.is_used, lookup.is_decided, lookup.is_wider])
    }

    #[test]
    fn variables_become_those_of_foster() {
        for (text, written, used) in [
            ("a $B ${C}", "a ${B:-} ${C:-}", [true, false, false]),
            ("${A:-x} ${A:-${B:-c}}", "${A:-x} ${A:-${B:-c}}", [true, false, false]),
            ("${A-y}", "${A:-y}", [true, false, true]),
            ("${A:?no} ${A?}", "${A:?no} ${A:?it is not set}", [true, false, false]),
            (
                "$K ${K:-x} ${K:?no} ${E:-x} ${E-x}",
                "${K:-v} ${K:-v} ${K:-v} ${E:-x} ${E:-}",
                [true, false, false],
            ),
            ("$$B $${C} $$ {d}", "$B $${C} $ {d}", [false, false, false]),
            ("${S:+a}${T:+b}${K+c}${E:+d}", "ac", [false, true, false]),
        ] {
            let (made, noted) = with(|lookup| lookup.written(text));
            assert_eq!((made.as_deref(), noted), (Ok(written), used), "{text}");
        }
        for text in ["$", "${", "${}", "${A!}", "$1", "$$${A}", "${A:-$${}", "${A:}", &"${A:-".repeat(20)] {
            assert!(with(|lookup| lookup.written(text)).0.is_err(), "{text}");
        }
    }

    #[test]
    fn what_has_to_be_known_is_what_it_is_now() {
        for (text, now) in
            [("$S ${K} ${N}", "set v "), ("${N:-${S}} ${E-x} ${E:-x}", "set  x"), ("5$$", "5$")]
        {
            assert_eq!(with(|lookup| lookup.now(text)).0.as_deref(), Ok(now), "{text}");
        }
        assert!(with(|lookup| lookup.now("${N?why}")).0.unwrap_err().ends_with("why"));
    }
}
