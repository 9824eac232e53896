//! YAML as a tree in which everything knows its place. Anchors are put in where they are used, up to a bound.

use crate::config::diagnostic::Span;
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;

/// Nodes, with all that aliases repeat: more is no compose file but an attack.
const MOST: usize = 50_000;
/// How deep they may lie in each other.
const DEEPEST: usize = 64;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    pub span: Span,
    pub value: Yaml,
}

/// A value.
#[derive(Clone, Debug)]
pub enum Yaml {
    Null,
    /// Also numbers and booleans: compose makes text of most of them.
    Text(String),
    List(Vec<Node>),
    /// Keys in their order; `<<` has been merged.
    Map(Vec<(String, Span, Node)>),
}

impl Node {
    /// Its text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Yaml::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its keys, if it is a map.
    pub fn map(&self) -> Option<&[(String, Span, Node)]> {
        match &self.value {
            Yaml::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.iter().find(|(name, _, _)| name == key).map(|(_, _, node)| node)
    }

    /// Whether it says yes.
    pub fn says_yes(&self) -> bool {
        matches!(self.text(), Some("true" | "True" | "yes" | "on"))
    }

    fn size(&self) -> usize {
        1 + match &self.value {
            Yaml::List(list) => list.iter().map(Node::size).sum(),
            Yaml::Map(entries) => entries.iter().map(|(_, _, node)| node.size()).sum(),
            _ => 0,
        }
    }
}

/// What is wrong, and where.
pub type Fault = (Span, String);

/// A list or a map that is being read.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<(String, Span)>,
    merges: Vec<Node>,
}

struct Reader {
    root: Option<Node>,
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

/// Reads the one document of a file.
///
/// # Errors
/// What is wrong with it.
pub fn parse(file: u32, text: &str) -> Result<Node, Fault> {
    // The parser counts characters.
    let bytes: Option<Vec<usize>> =
        (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).chain([text.len()]).collect());
    let byte = |index: usize| match &bytes {
        Some(bytes) => bytes.get(index).copied().unwrap_or(text.len()),
        None => index.min(text.len()),
    };
    let mut reader = Reader { root: None, stack: Vec::new(), anchors: HashMap::new(), nodes: 0 };
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, place) = event.map_err(|error| {
            let at = byte(error.marker().index());
            (Span::new(file, at..at), format!("not YAML: {}", error.info()))
        })?;
        let (from, to) = (byte(place.start.index()), byte(place.end.index()));
        let span = Span::new(file, from..to.max(from));
        if let Event::DocumentStart(..) = event {
            documents += 1;
            if documents > 1 {
                return Err((span, "there is more than one document in it".to_owned()));
            }
        }
        reader.event(event, span)?;
    }
    reader.root.ok_or((Span::whole(file), "there is nothing in it".to_owned()))
}

impl Reader {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                (if is_null { Yaml::Null } else { Yaml::Text(text.into_owned()) }, anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err((span, "an alias of what is not there, or not yet closed".to_owned()));
                };
                let node = node.clone();
                self.count(node.size(), span)?;
                return self.add(node, 0);
            }
            Event::SequenceStart(anchor, _) => return self.open(Yaml::List(Vec::new()), anchor, span),
            Event::MappingStart(anchor, _) => return self.open(Yaml::Map(Vec::new()), anchor, span),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.stack.pop() else { return Ok(()) };
                let (node, anchor) = (open.merged(), open.anchor);
                return self.add(node, anchor);
            }
            _ => return Ok(()),
        };
        self.count(1, span)?;
        self.add(Node { span, value }, anchor)
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Fault> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MOST {
            return Err((span, format!("there are more than {MOST} values in it, with all that aliases repeat")));
        }
        Ok(())
    }

    fn open(&mut self, value: Yaml, anchor: usize, span: Span) -> Result<(), Fault> {
        self.count(1, span)?;
        if self.stack.len() >= DEEPEST {
            return Err((span, format!("lists and maps lie in each other more than {DEEPEST} deep")));
        }
        self.stack.push(Open { node: Node { span, value }, anchor, key: None, merges: Vec::new() });
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
            self.count(node.size(), node.span)?;
        }
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.node.value, open.key.take()) {
            (Yaml::List(list), _) => list.push(node),
            (Yaml::Map(_), None) => match node.value {
                Yaml::Text(text) => open.key = Some((text, node.span)),
                Yaml::Null => open.key = Some((String::new(), node.span)),
                _ => return Err((node.span, "a key is text".to_owned())),
            },
            (Yaml::Map(_), Some((key, _))) if key == "<<" => open.merges.push(node),
            (Yaml::Map(entries), Some((key, span))) => {
                if entries.iter().any(|(other, _, _)| *other == key) {
                    return Err((span, format!("`{key}` is given twice")));
                }
                entries.push((key, span, node));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Open {
    /// With what `<<` brings: what is there already stays.
    fn merged(&self) -> Node {
        let mut node = self.node.clone();
        let Yaml::Map(entries) = &mut node.value else { return node };
        for merge in &self.merges {
            let maps: Vec<&Node> = match &merge.value {
                Yaml::List(list) => list.iter().collect(),
                _ => vec![merge],
            };
            for (key, span, value) in maps.into_iter().filter_map(Node::map).flatten() {
                if !entries.iter().any(|(other, _, _)| other == key) {
                    entries.push((key.clone(), *span, value.clone()));
                }
            }
        }
        node
    }
}
