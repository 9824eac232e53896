//! Reads the keys of one table by name and type. Whatever does not fit goes to the findings, and reading goes on.

use super::diagnostic::{Code, Diagnostic, Findings, Sources, Span};
use super::schema::{Group, Type};
use super::scope::Scope;
use super::tree::{Entry, Node, Table, Value};
use crate::model::{ExitMatch, Signal, format_size, parse_duration, parse_size, sort};
use std::str::FromStr;
use std::time::Duration;

/// A value that was read, and where it stands.
#[derive(Clone, Debug)]
pub struct Located<T> {
    pub value: T,
    pub span: Span,
}

/// One table with the keys that it may have.
pub struct Reader<'r, 's> {
    pub table: &'r Table<'s>,
    pub group: &'static Group,
    top: &'static Group,
    pub scope: &'r Scope<'r>,
}

impl<'r, 's> Reader<'r, 's> {
    /// A reader of `table`; reports every key that is not one of `group`.
    pub fn new(
        table: &'r Table<'s>,
        group: &'static Group,
        top: &'static Group,
        scope: &'r Scope<'r>,
    ) -> Self {
        for entry in &table.entries {
            let name = group.path(&entry.key);
            if group.key(&entry.key).is_none() {
                let what = if matches!(entry.node.value, Value::Table(_)) { "table" } else { "key" };
                let message = format!("unknown {what} `{name}`");
                let help = group.advice(&entry.key, top);
                scope.findings.error(Code::UnknownKey, entry.key_span, message, help);
            }
        }
        Self { table, group, top, scope }
    }

    /// Whether there is an unknown key in place of which one of `keys` was probably meant.
    pub fn seems_to_have(&self, keys: &[&str]) -> bool {
        let unknown = self.table.entries.iter().filter(|entry| self.group.key(&entry.key).is_none());
        let mut advice = unknown.filter_map(|entry| self.group.advice(&entry.key, self.top));
        advice.any(|advice| keys.iter().any(|key| advice.contains(&format!("`{key}`"))))
    }

    fn findings(&self) -> &'r Findings {
        self.scope.findings
    }

    /// The entry of a key. Every key that is read must be in the schema.
    pub fn entry(&self, key: &'static str) -> Option<&'r Entry<'s>> {
        debug_assert!(self.group.key(key).is_some(), "`{key}` is not in the schema");
        self.table.get(key)
    }

    /// The node of a key.
    pub fn node(&self, key: &'static str) -> Option<&'r Node<'s>> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The place of a key, if it is given.
    pub fn key_span(&self, key: &'static str) -> Option<Span> {
        self.entry(key).map(|entry| entry.key_span)
    }

    /// Reports that the value is not of the type of its key.
    pub fn mismatch(&self, key: &str, node: &Node<'_>) {
        let expected = self.group.key(key).map_or_else(|| "a string".to_owned(), |key| key.kind.expected());
        self.scope.mismatch(&format!("`{}`", self.group.path(key)), &expected, node);
    }

    /// Reports a value of the right type that makes no sense.
    pub fn invalid(&self, span: Span, message: impl Into<String>, help: Option<String>) {
        self.findings().error(Code::Value, span, message, help);
    }

    /// A table inside this one.
    pub fn table(&self, key: &'static str) -> Option<&'r Table<'s>> {
        let node = self.node(key)?;
        match &node.value {
            Value::Table(table) => Some(table),
            _ => {
                self.mismatch(key, node);
                None
            }
        }
    }

    /// A reader of a table inside this one.
    pub fn inner(&self, key: &'static str) -> Option<Self> {
        let table = self.table(key)?;
        match self.group.key(key).map(|key| key.kind) {
            Some(Type::Table(group)) => Some(Self::new(table, group, self.top, self.scope)),
            _ => None,
        }
    }

    /// Readers of an array of tables inside this one, each with its place.
    pub fn inners(&self, key: &'static str) -> Vec<(Self, Span)> {
        let Some(Type::Tables(group)) = self.group.key(key).map(|key| key.kind) else { return Vec::new() };
        let mut readers = Vec::new();
        for node in self.list(key).unwrap_or_default() {
            match &node.value {
                Value::Table(table) => {
                    readers.push((Self::new(table, group, self.top, self.scope), node.span));
                }
                _ => {
                    let name = format!("an item of `{}`", self.group.path(key));
                    self.scope.mismatch(&name, "a table", node);
                }
            }
        }
        readers
    }

    /// An expanded string.
    pub fn text(&self, key: &'static str) -> Option<Located<String>> {
        let node = self.node(key)?;
        match &node.value {
            Value::Text(text) => self
                .scope
                .text(node, text)
                .map(|value| Located { value: value.into_owned(), span: node.span }),
            _ => {
                self.mismatch(key, node);
                None
            }
        }
    }

    /// An absolute path.
    pub fn path(&self, key: &'static str) -> Option<Located<String>> {
        let text = self.text(key)?;
        self.absolute(key, &text.value, text.span).then_some(text)
    }

    /// An absolute path or one of the words of its key.
    pub fn path_or_word(&self, key: &'static str) -> Option<Located<String>> {
        let text = self.text(key)?;
        let words = match self.group.key(key).map(|key| key.kind) {
            Some(Type::PathOr(words)) => words,
            _ => &[],
        };
        match path_or_word(&text.value, words) {
            Ok(()) => Some(text),
            Err(help) => {
                let message = format!("`{}` cannot be `{}`", self.group.path(key), text.value);
                self.invalid(text.span, message, Some(help));
                None
            }
        }
    }

    /// Whether a path is absolute; reported if not.
    pub fn absolute(&self, key: &str, path: &str, span: Span) -> bool {
        let fine = path.starts_with('/');
        if !fine {
            let message = format!("`{}` must be an absolute path, not `{path}`", self.group.path(key));
            self.invalid(span, message, None);
        }
        fine
    }

    /// `true` or `false`, also out of a variable.
    pub fn boolean(&self, key: &'static str) -> Option<Located<bool>> {
        let node = self.node(key)?;
        let value = match &node.value {
            Value::Boolean(value) => *value,
            Value::Text(text) if text.contains("${") => {
                let text = self.scope.text(node, text)?;
                match text.parse() {
                    Ok(value) => value,
                    Err(_) => {
                        let message =
                            format!("`{}` expands to `{text}`; expected true or false", self.group.path(key));
                        self.invalid(node.span, message, None);
                        return None;
                    }
                }
            }
            _ => {
                self.mismatch(key, node);
                return None;
            }
        };
        Some(Located { value, span: node.span })
    }

    /// A whole number within the bounds of its key, also out of a variable.
    pub fn integer(&self, key: &'static str) -> Option<Located<i64>> {
        let node = self.node(key)?;
        let value = match &node.value {
            Value::Integer(value) => *value,
            Value::Text(text) if text.contains("${") => {
                let text = self.scope.text(node, text)?;
                match text.trim().parse() {
                    Ok(value) => value,
                    Err(_) => {
                        let message =
                            format!("`{}` expands to `{text}`; expected an integer", self.group.path(key));
                        self.invalid(node.span, message, None);
                        return None;
                    }
                }
            }
            _ => {
                self.mismatch(key, node);
                return None;
            }
        };
        if let Some(Type::Integer(low, high)) = self.group.key(key).map(|key| key.kind)
            && !(low..=high).contains(&value)
        {
            let message = format!("`{}` must be from {low} to {high}, not {value}", self.group.path(key));
            self.invalid(node.span, message, None);
            return None;
        }
        Some(Located { value, span: node.span })
    }

    /// A number of at least the bound of its key.
    pub fn number(&self, key: &'static str) -> Option<Located<f64>> {
        let node = self.node(key)?;
        let value = match &node.value {
            #[allow(clippy::cast_precision_loss)]
            Value::Integer(value) => *value as f64,
            Value::Float(value) => *value,
            _ => {
                self.mismatch(key, node);
                return None;
            }
        };
        if let Some(Type::Number(low)) = self.group.key(key).map(|key| key.kind)
            && !(value >= low && value.is_finite())
        {
            let message = format!("`{}` must be at least {low}", self.group.path(key));
            self.invalid(node.span, message, None);
            return None;
        }
        Some(Located { value, span: node.span })
    }

    /// A duration.
    pub fn duration(&self, key: &'static str) -> Option<Located<Duration>> {
        let node = self.node(key)?;
        if let Value::Integer(number) = node.value {
            let message = format!("`{}` has no unit", self.group.path(key));
            let help = format!("write \"{number}s\" for seconds or \"{number}ms\" for milliseconds");
            self.findings().error(Code::Type, node.span, message, Some(help));
            return None;
        }
        let Value::Text(text) = &node.value else {
            self.mismatch(key, node);
            return None;
        };
        let text = self.scope.text(node, text)?;
        match parse_duration(&text) {
            Ok(value) => Some(Located { value, span: node.span }),
            Err(message) => {
                self.invalid(node.span, message, None);
                None
            }
        }
    }

    /// A duration longer than 0.
    pub fn positive(&self, key: &'static str) -> Option<Duration> {
        let duration = self.duration(key)?;
        if duration.value.is_zero() {
            self.invalid(duration.span, format!("`{}` must be longer than 0", self.group.path(key)), None);
            return None;
        }
        Some(duration.value)
    }

    /// A size within the bound of its key; the inner `None` is unlimited.
    pub fn size(&self, key: &'static str) -> Option<Located<Option<u64>>> {
        let node = self.node(key)?;
        let kind = self.group.key(key).map(|key| key.kind);
        let size = match &node.value {
            Value::Integer(number) => {
                u64::try_from(*number).map_err(|_| format!("`{}` is negative", self.group.path(key)))
            }
            Value::Text(text) => match self.scope.text(node, text)? {
                text if text == "unlimited" && kind == Some(Type::SizeOrUnlimited) => {
                    return Some(Located { value: None, span: node.span });
                }
                text => parse_size(&text),
            },
            _ => {
                self.mismatch(key, node);
                return None;
            }
        };
        let size = size.and_then(|size| match kind {
            Some(Type::Size(most)) if size > most => {
                Err(format!("`{}` is {} at most", self.group.path(key), format_size(most)))
            }
            _ => Ok(size),
        });
        match size {
            Ok(size) => Some(Located { value: Some(size), span: node.span }),
            Err(message) => {
                self.invalid(node.span, message, None);
                None
            }
        }
    }

    /// One of the words of its key.
    pub fn choice(&self, key: &'static str) -> Option<Located<&'static str>> {
        let Some(Type::Choice(words)) = self.group.key(key).map(|key| key.kind) else { return None };
        let text = self.text(key)?;
        let found = words.iter().find(|word| **word == text.value);
        if found.is_none() {
            let message = format!("`{}` cannot be `{}`", self.group.path(key), text.value);
            let expected = Type::Choice(words).expected();
            let help = super::suggest::did_you_mean(&text.value, words.iter().copied());
            self.invalid(text.span, message, Some(help.unwrap_or_else(|| format!("expected {expected}"))));
        }
        found.map(|word| Located { value: *word, span: text.span })
    }

    /// A signal.
    pub fn signal(&self, key: &'static str) -> Option<Located<Signal>> {
        let node = self.node(key)?;
        self.signal_of(key, node).map(|value| Located { value, span: node.span })
    }

    /// Several signals.
    pub fn signals(&self, key: &'static str) -> Option<Vec<Located<Signal>>> {
        let list = self.list(key)?;
        let signal =
            |node: &Node<'_>| self.signal_of(key, node).map(|value| Located { value, span: node.span });
        Some(list.iter().filter_map(signal).collect())
    }

    fn signal_of(&self, key: &str, node: &Node<'_>) -> Option<Signal> {
        let signal = match &node.value {
            Value::Text(text) => parse_signal(&self.scope.text(node, text)?),
            Value::Integer(number) => i32::try_from(*number)
                .ok()
                .and_then(Signal::from_number)
                .ok_or_else(|| (format!("`{number}` is no signal"), None)),
            _ => {
                self.mismatch(key, node);
                return None;
            }
        };
        signal.map_err(|(message, help)| self.invalid(node.span, message, help)).ok()
    }

    /// Exit codes and signals.
    pub fn exits(&self, key: &'static str) -> Option<Vec<ExitMatch>> {
        let exit = |node: &Node<'_>| match &node.value {
            Value::Integer(number) => match u8::try_from(*number) {
                Ok(code) => Some(ExitMatch::Code(code)),
                Err(_) => {
                    self.invalid(node.span, format!("an exit code is from 0 to 255, not {number}"), None);
                    None
                }
            },
            _ => self.signal_of(key, node).map(ExitMatch::Signal),
        };
        Some(self.list(key)?.iter().filter_map(exit).collect())
    }

    /// The items of an array.
    pub fn list(&self, key: &'static str) -> Option<&'r [Node<'s>]> {
        let node = self.node(key)?;
        match &node.value {
            Value::List(list) => Some(list),
            _ => {
                self.mismatch(key, node);
                None
            }
        }
    }

    /// Expanded strings; those that are not strings are reported and left out.
    pub fn texts(&self, key: &'static str) -> Option<Vec<Located<String>>> {
        let list = self.list(key)?;
        Some(list.iter().filter_map(|node| self.item(key, node)).collect())
    }

    /// A string or several.
    pub fn text_or_texts(&self, key: &'static str) -> Option<Vec<Located<String>>> {
        match self.node(key)? {
            Node { value: Value::Text(_), .. } => self.text(key).map(|text| vec![text]),
            _ => self.texts(key),
        }
    }

    /// One string of an array.
    pub fn item(&self, key: &str, node: &Node<'_>) -> Option<Located<String>> {
        match &node.value {
            Value::Text(text) => self
                .scope
                .text(node, text)
                .map(|value| Located { value: value.into_owned(), span: node.span }),
            _ => {
                let name = format!("an item of `{}`", self.group.path(key));
                self.scope.mismatch(&name, "a string", node);
                None
            }
        }
    }

    /// Whether `key` is given in the same file as `other`, or in one that is laid over it; whether it is given at all, if
    /// `other` is nowhere. A drop-in that makes a key of the file below it useless is fine: it has no way to take the key
    /// away.
    pub fn given_with(&self, key: &'static str, other: Option<Span>) -> bool {
        match (self.key_span(key), other) {
            // A file is read before those that are laid over it.
            (Some(key), Some(other)) => key.file >= other.file,
            (key, _) => key.is_some(),
        }
    }

    /// Which of `keys`, that exclude each other, is given; what is given beside the first one is reported.
    pub fn one_of(&self, keys: impl Iterator<Item = &'static str>) -> Option<&'static str> {
        let mut given: Vec<(Span, &'static str)> =
            keys.filter_map(|key| self.key_span(key).map(|span| (span, key))).collect();
        sort(&mut given);
        let (place, first) = *given.first()?;
        for (_, key) in given.iter().skip(1) {
            let message = format!("`{}` beside `{}`", self.group.path(key), self.group.path(first));
            self.conflict(key, message, "use one of the two", Some(place));
        }
        Some(first)
    }

    /// Reports that a key must not be there, because of what stands at `why`.
    pub fn conflict(&self, key: &'static str, message: impl Into<String>, help: &str, why: Option<Span>) {
        let Some(span) = self.key_span(key) else { return };
        let help = (!help.is_empty()).then(|| help.to_owned());
        let mut diagnostic = Diagnostic::error(Code::Conflict, span, message).help(help);
        if let Some(why) = why {
            diagnostic = diagnostic.related(why, "because of this");
        }
        self.findings().push(diagnostic);
    }
}

/// Whether `text` is an absolute path or one of `words`; otherwise what to write instead.
pub fn path_or_word(text: &str, words: &'static [&'static str]) -> Result<(), String> {
    if text.starts_with('/') || words.contains(&text) {
        return Ok(());
    }
    let help = super::suggest::did_you_mean(text, words.iter().copied());
    Err(help.unwrap_or_else(|| format!("expected {}", Type::PathOr(words).expected())))
}

/// A signal by its name, or what is wrong and what was probably meant.
pub fn parse_signal(text: &str) -> Result<Signal, (String, Option<String>)> {
    Signal::from_str(text).map_err(|error| {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let near = super::suggest::nearest(name, Signal::names());
        (error.to_string(), near.map(|near| format!("did you mean `SIG{near}`?")))
    })
}

/// Where in the file the bytes `range` of the string in `span` stand: exactly if the string is written without
/// escapes; otherwise the first place with the same text; otherwise the whole string.
pub fn span_inside(sources: &Sources, span: Span, text: &str, range: std::ops::Range<usize>) -> Span {
    let raw = sources.slice(span);
    let offset = match raw.find(text) {
        Some(at) => Some(at + range.start),
        None => text.get(range.clone()).and_then(|part| raw.find(part)),
    };
    offset.map_or(span, |offset| {
        let start = span.start as usize + offset;
        Span::new(span.file, start..start + range.len())
    })
}
