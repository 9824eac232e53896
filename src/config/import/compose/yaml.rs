//! YAML as a tree in which everything knows its place.
//!
//! The events are the parser's. What they make is bounded: aliases are put in where they are used, up to [`MOST`]. Refused
//! with their place are keys that are no text, tags but those of Compose, and a second document.

use crate::config::diagnostic::Span;
use granit_parser::{Event, Parser, ScalarStyle, Tag};
use std::collections::BTreeMap;

/// Values, with all that aliases repeat, and 64 bytes of text each: more is no compose file but an attack.
const MOST: usize = 50_000;
/// How deep they may lie in each other.
const DEEPEST: usize = 64;
/// Keys in one map.
const MOST_KEYS: usize = 2_000;

/// A value and where it stands: of a block collection, its first key or dash.
#[derive(Clone, Debug)]
pub struct Node {
    pub span: Span,
    pub value: Yaml,
    /// Whether it is laid over another value as a whole (`!override`, `!reset`).
    pub is_whole: bool,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Yaml {
    Null,
    /// Also numbers and booleans: Compose makes text of most of them.
    Text(String),
    List(Vec<Node>),
    /// Keys in their order; `<<` has been merged.
    Map(Vec<(String, Span, Node)>),
}

impl PartialEq for Node {
    /// The same value, wherever it stands.
    fn eq(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Yaml::Map(one), Yaml::Map(other)) => one
                .iter()
                .map(|(key, _, node)| (key, node))
                .eq(other.iter().map(|(key, _, node)| (key, node))),
            (one, other) => one == other,
        }
    }
}

impl Node {
    /// A value that stands there.
    pub fn new(span: Span, value: Yaml) -> Self {
        Self { span, value, is_whole: false }
    }

    /// Its text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Yaml::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its values, if it is a list.
    pub fn list(&self) -> Option<&[Self]> {
        match &self.value {
            Yaml::List(list) => Some(list),
            _ => None,
        }
    }

    /// Its keys, if it is a map.
    pub fn map(&self) -> Option<&[(String, Span, Self)]> {
        match &self.value {
            Yaml::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key; `None` also where it is null.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let entry = self.map()?.iter().find(|(name, _, _)| name == key);
        entry.map(|(_, _, node)| node).filter(|node| node.value != Yaml::Null)
    }

    /// Whether it says yes.
    pub fn says_yes(&self) -> bool {
        matches!(self.text(), Some("true" | "True" | "TRUE" | "yes" | "Yes" | "y" | "on" | "On"))
    }

    /// How much it holds: one for each value, and for 64 bytes of text.
    pub fn weight(&self) -> usize {
        1 + match &self.value {
            Yaml::Null => 0,
            Yaml::Text(text) => text.len() / 64,
            Yaml::List(list) => list.iter().map(Self::weight).sum(),
            Yaml::Map(entries) => entries.iter().map(|(key, _, node)| key.len() / 64 + node.weight()).sum(),
        }
    }
}

/// What is wrong, and where.
pub type Fault = (Span, String);
type Read<T> = Result<T, Fault>;

/// Reads a text, which the finding of `file` points into.
///
/// # Errors
/// It is no YAML, or more than is read here: the first thing that is.
pub fn parse(file: u32, text: &str) -> Result<Node, Fault> {
    let options = granit_parser::options! {
        disallow_directives: true,
        flow_nesting_limit: 2 * DEEPEST,
        block_nesting_limit: 2 * DEEPEST,
    };
    let mut reader = Reader { text, open: Vec::new(), left: MOST, anchors: BTreeMap::new(), root: None };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, place)) => {
                let span = place.byte_range().map_or(Span::whole(file), |range| Span::new(file, range));
                reader.take(event, span)?;
            }
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
                let width = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
                return Err((Span::new(file, at..at + width), format!("not YAML: {}", error.info())));
            }
        }
    }
    reader.root.ok_or_else(|| (Span::whole(file), "there is nothing in it".to_owned()))
}

struct Reader<'t> {
    text: &'t str,
    /// The collections that are not closed yet, the innermost last.
    open: Vec<Open>,
    /// How much of [`MOST`] is left.
    left: usize,
    /// What aliases stand for, by the parser's numbers.
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
}

/// A collection that is being read.
struct Open {
    span: Span,
    anchor: usize,
    tag: Option<String>,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    /// With the key whose value is next.
    Map(Entries, Option<Key>),
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Read<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                if let Some(Items::Map(_, key @ None)) = self.open.last_mut().map(|open| &mut open.items) {
                    let is_merge = is_plain && text == "<<";
                    if anchor > 0 {
                        self.anchors.insert(anchor, Node::new(span, Yaml::Text(text.clone().into_owned())));
                    }
                    *key = Some(Key { text: text.into_owned(), span, is_merge });
                    return Ok(());
                }
                let is_null = is_plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let is_text = tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let value = if is_null && !is_text { Yaml::Null } else { Yaml::Text(text.into_owned()) };
                let node = Node::new(span, value);
                self.spend(node.weight(), span)?;
                self.close(node, anchor, tag.as_deref().map(Tag::original))
            }
            Event::Alias(anchor) => {
                let name = self.text.get(span.range()).unwrap_or_default();
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err((span, format!("`{name}` is an alias of what is not yet closed")));
                };
                let node = node.clone();
                self.spend(node.weight(), span)?;
                if let Some(Items::Map(_, key @ None)) = self.open.last_mut().map(|open| &mut open.items) {
                    let text = node.text().ok_or((span, NO_KEY.to_owned()))?.to_owned();
                    *key = Some(Key { text, span, is_merge: false });
                    return Ok(());
                }
                self.place(node)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.enter(span, anchor, tag.as_deref(), Items::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.enter(span, anchor, tag.as_deref(), Items::Map(Entries::default(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { span, anchor, tag, items }) = self.open.pop() else { return Ok(()) };
                let value = match items {
                    Items::List(list) => Yaml::List(list),
                    Items::Map(entries, _) => entries.merged(),
                };
                self.close(Node::new(span, value), anchor, tag)
            }
            Event::DocumentStart(..) if self.root.is_some() => {
                Err((span, "there is more than one document in it".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, span: Span, anchor: usize, tag: Option<&Tag>, items: Items) -> Read<()> {
        if matches!(self.open.last(), Some(Open { items: Items::Map(_, None), .. })) {
            return Err((span, NO_KEY.to_owned()));
        }
        if self.open.len() >= DEEPEST {
            return Err((span, format!("lists and maps lie in each other more than {DEEPEST} deep")));
        }
        self.spend(1, span)?;
        self.open.push(Open { span, anchor, tag: tag.map(Tag::original), items });
        Ok(())
    }

    /// A value is complete but for what its tag and its anchor say.
    fn close(&mut self, mut node: Node, anchor: usize, tag: Option<String>) -> Read<()> {
        match tag.as_deref() {
            None | Some("!" | "!!str" | "!!int" | "!!float" | "!!bool" | "!!null" | "!!map" | "!!seq") => {}
            Some("!override") => node.is_whole = true,
            Some("!reset") => (node.is_whole, node.value) = (true, Yaml::Null),
            Some(tag) => return Err((node.span, format!("the tag `{tag}` is not known"))),
        }
        if anchor > 0 {
            self.spend(node.weight(), node.span)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.place(node)
    }

    fn place(&mut self, node: Node) -> Read<()> {
        match self.open.last_mut().map(|open| &mut open.items) {
            Some(Items::List(list)) => list.push(node),
            Some(Items::Map(entries, key)) => {
                if let Some(key) = key.take() {
                    return entries.add(key, node);
                }
            }
            None => self.root = Some(node),
        }
        Ok(())
    }

    fn spend(&mut self, weight: usize, span: Span) -> Read<()> {
        let why = || format!("there are more than {MOST} values in it, with all that aliases repeat");
        self.left = self.left.checked_sub(weight).ok_or_else(|| (span, why()))?;
        Ok(())
    }
}

const NO_KEY: &str = "a key is text";

/// A key of a map.
struct Key {
    text: String,
    span: Span,
    is_merge: bool,
}

/// A map that is being read.
#[derive(Default)]
struct Entries {
    entries: Vec<(String, Span, Node)>,
    merges: Vec<Node>,
}

impl Entries {
    fn add(&mut self, key: Key, node: Node) -> Read<()> {
        if key.is_merge {
            let is_map = |node: &Node| node.map().is_some();
            if !is_map(&node) && !node.list().is_some_and(|list| list.iter().all(is_map)) {
                return Err((key.span, "`<<` merges a map, or a list of maps".to_owned()));
            }
            self.merges.push(node);
            return Ok(());
        }
        if self.entries.iter().any(|(other, _, _)| *other == key.text) {
            return Err((key.span, format!("`{}` is given twice", key.text)));
        }
        if self.entries.len() >= MOST_KEYS {
            return Err((key.span, format!("there are more than {MOST_KEYS} keys in one map")));
        }
        self.entries.push((key.text, key.span, node));
        Ok(())
    }

    /// With what `<<` brings: what is there already stays.
    fn merged(mut self) -> Yaml {
        for merge in self.merges {
            let maps = match merge.value {
                Yaml::List(list) => list,
                value => vec![Node::new(merge.span, value)],
            };
            for map in maps {
                let Yaml::Map(entries) = map.value else { continue };
                for entry in entries {
                    if !self.entries.iter().any(|(other, _, _)| *other == entry.0) {
                        self.entries.push(entry);
                    }
                }
            }
        }
        Yaml::Map(self.entries)
    }
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
