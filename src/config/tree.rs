//! TOML as a tree in which every key and value knows its file and place, so that merged files still point home.

use super::diagnostic::{Code, Diagnostic, Findings, MOST, Sources, Span};
use crate::model::sort_by_key;
use std::borrow::Cow;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node<'s> {
    pub span: Span,
    pub value: Value<'s>,
}

/// A TOML value.
#[derive(Clone, Debug)]
pub enum Value<'s> {
    Text(Cow<'s, str>),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime,
    List(Vec<Node<'s>>),
    Table(Table<'s>),
    /// A number that does not fit; reported where it was read.
    Bad,
}

impl Value<'_> {
    /// The type with its article, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::Datetime => "a date",
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
            Self::Bad => "a bad value",
        }
    }
}

/// Keys and values, in the order in which they are written.
#[derive(Clone, Debug, Default)]
pub struct Table<'s> {
    pub entries: Vec<Entry<'s>>,
}

/// One key and its value.
#[derive(Clone, Debug)]
pub struct Entry<'s> {
    pub key: Cow<'s, str>,
    pub key_span: Span,
    pub node: Node<'s>,
}

impl<'s> Table<'s> {
    pub fn get(&self, key: &str) -> Option<&Entry<'s>> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Lays `over` upon this: tables merge deeply, everything else is replaced.
    ///
    /// `exclusive` are, for the top of a file (`""`) and for the tables in it, keys of which a file can only mean one: who
    /// sets one takes the others away.
    pub fn merge(&mut self, over: Self, exclusive: Exclusive) {
        self.merge_table("", over, exclusive);
    }

    fn merge_table(&mut self, name: &str, over: Self, exclusive: Exclusive) {
        for (_, keys) in exclusive.iter().filter(|(table, _)| *table == name) {
            if over.entries.iter().any(|entry| keys.contains(&&*entry.key)) {
                self.entries.retain(|entry| !keys.contains(&&*entry.key));
            }
        }
        for entry in over.entries {
            match self.entries.iter_mut().find(|old| old.key == entry.key) {
                None => self.entries.push(entry),
                Some(old) => match (&mut old.node.value, entry.node.value) {
                    (Value::Table(old), Value::Table(new)) => match name {
                        "" => old.merge_table(&entry.key, new, exclusive),
                        _ => old.merge_table("inner", new, &[]),
                    },
                    (_, value) => {
                        old.node = Node { span: entry.node.span, value };
                        old.key_span = entry.key_span;
                    }
                },
            }
        }
    }
}

/// Tables, and keys in them that exclude each other.
pub type Exclusive = &'static [(&'static str, &'static [&'static str])];

/// A parsed file: what could be read of it, and whether that is not all.
#[derive(Debug)]
pub struct Parsed<'s> {
    pub root: Table<'s>,
    pub broken: bool,
}

/// Parses one file. Syntax errors go to `findings`, and what can be read beside them is still returned.
pub fn parse<'s>(sources: &'s Sources, file: u32, findings: &Findings) -> Parsed<'s> {
    let text = sources.text(file);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut root = table_of(table.into_inner(), file, findings, &errors);
    if errors.is_empty() {
        return Parsed { root, broken: false };
    }
    let mut faults: Vec<(Range<usize>, String)> = errors
        .iter()
        .map(|error| {
            let range = error.span().unwrap_or(0..0);
            (range, error.message().lines().collect::<Vec<_>>().join("; "))
        })
        .collect();
    sort_by_key(&mut faults, |(range, _)| range.start);
    // The rest of a file with so many is not worth the time that finding their lines takes.
    faults.truncate(MOST);
    // One slip often upsets the parser several times over: once a line is enough.
    let line = |at: usize| text.get(..at).map_or(0, |before| before.matches('\n').count());
    faults.dedup_by_key(|(range, _)| line(range.start));
    prune(&mut root, &mut faults);
    for (range, message) in faults {
        findings.push(Diagnostic::error(
            Code::Syntax,
            Span::new(file, range),
            format!("not TOML: {message}"),
        ));
    }
    Parsed { root, broken: true }
}

/// Takes out the values in which something is wrong, and all but the first fault in each: an array without its end
/// swallows the lines below it, and each of them is a fault of its own to the parser.
fn prune(table: &mut Table<'_>, faults: &mut Vec<(Range<usize>, String)>) {
    table.entries.retain_mut(|entry| {
        if let Value::Table(inner) = &mut entry.node.value {
            prune(inner, faults);
            return true;
        }
        let whole = entry.key_span.start as usize..=entry.node.span.end as usize;
        let mut count = 0;
        faults.retain(|(range, message)| {
            let inside = whole.contains(&range.start) && message != DUPLICATE;
            count += usize::from(inside);
            !inside || count == 1
        });
        count == 0
    });
}

/// What the parser says of a key given twice; the first one is sound.
const DUPLICATE: &str = "duplicate key";

fn table_of<'s>(table: DeTable<'s>, file: u32, findings: &Findings, errors: &[toml::de::Error]) -> Table<'s> {
    let mut entries: Vec<Entry<'s>> = table
        .into_iter()
        .map(|(key, value)| Entry {
            key_span: Span::new(file, key.span()),
            key: key.into_inner(),
            node: node_of(value, file, findings, errors),
        })
        .collect();
    // The parser sorts by name; the written order is what `[environment]` means.
    sort_by_key(&mut entries, |entry| entry.key_span.start);
    Table { entries }
}

fn node_of<'s>(
    value: Spanned<DeValue<'s>>,
    file: u32,
    findings: &Findings,
    errors: &[toml::de::Error],
) -> Node<'s> {
    let span = Span::new(file, value.span());
    let bad = |what: &str| {
        // A number cut off by a syntax error has been reported as such.
        let known = errors.iter().filter_map(toml::de::Error::span).any(|e| {
            let range = span.range();
            e.start <= range.end && range.start <= e.end
        });
        if !known {
            findings.error(Code::Value, span, what, None);
        }
        Value::Bad
    };
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => bad("the number is too large"),
        },
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) => Value::Float(number),
            Err(_) => bad("the number cannot be read"),
        },
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Datetime(_) => Value::Datetime,
        DeValue::Array(list) => {
            Value::List(list.into_iter().map(|item| node_of(item, file, findings, errors)).collect())
        }
        DeValue::Table(table) => Value::Table(table_of(table, file, findings, errors)),
    };
    Node { span, value }
}
