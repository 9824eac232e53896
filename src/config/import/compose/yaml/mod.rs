//! YAML as a tree in which everything knows its place: a strict subset of YAML 1.2, which other readers take for the
//! same.
//!
//! Read are block and flow collections, all styles of scalars, anchors, aliases, merge keys, comments, and one document.
//! Refused with their place are directives, keys that are no text, tags but those of Compose, and what YAML itself
//! forbids. All work and memory is bounded: aliases are put in where they are used, up to [`MOST`].

mod blocks;
mod flow;
mod scalars;

use crate::config::diagnostic::Span;
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
/// It is no YAML, or beyond the subset: the first thing that is.
pub fn parse(file: u32, text: &str) -> Result<Node, Fault> {
    let begin = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut reader = Reader {
        file,
        text,
        at: begin,
        line: begin,
        depth: 0,
        flow: 0,
        left: MOST,
        anchors: BTreeMap::new(),
    };
    reader.check_characters()?;
    reader.document()
}

/// Where the reading is.
struct Reader<'t> {
    file: u32,
    text: &'t str,
    /// The next byte.
    at: usize,
    /// The first byte of its line.
    line: usize,
    depth: usize,
    /// How many flow collections are open.
    flow: usize,
    /// How much of [`MOST`] is left.
    left: usize,
    anchors: BTreeMap<&'t str, Node>,
}

/// What stands before a value.
#[derive(Default)]
struct Properties<'t> {
    anchor: Option<&'t str>,
    tag: Option<&'t str>,
    /// The line of the last of them.
    line: Option<usize>,
}

/// A key of a map.
struct Key {
    text: String,
    span: Span,
    is_merge: bool,
}

/// Whether nothing, a blank or a line break is there.
fn is_blank(byte: u8) -> bool {
    matches!(byte, 0 | b' ' | b'\t' | b'\n' | b'\r')
}

fn is_flow_indicator(byte: u8) -> bool {
    matches!(byte, b',' | b'[' | b']' | b'{' | b'}')
}

impl<'t> Reader<'t> {
    /// The byte so far ahead; 0 at the end, for it is nowhere else.
    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn slice(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn column(&self) -> usize {
        self.at - self.line
    }

    fn is_line_end(&self) -> bool {
        matches!(self.byte(0), 0 | b'\n' | b'\r')
    }

    fn span_from(&self, start: usize) -> Span {
        Span::new(self.file, start..self.at.max(start))
    }

    /// What is wrong with the character that is next.
    fn fault<T>(&self, why: impl Into<String>) -> Read<T> {
        let width = self.slice(self.at, self.text.len()).chars().next().map_or(0, char::len_utf8);
        Err((Span::new(self.file, self.at..self.at + width), why.into()))
    }

    fn check_characters(&self) -> Read<()> {
        let mut rest = self.text.char_indices().skip_while(|(at, _)| *at < self.at).peekable();
        while let Some((at, c)) = rest.next() {
            let is_wrong = match c {
                '\t' | '\n' => false,
                '\r' => rest.peek().is_none_or(|(_, next)| *next != '\n'),
                // Other readers take some of these for line breaks.
                '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => true,
                c => c.is_control(),
            };
            if is_wrong {
                let why = format!("not YAML: a character U+{:04X}, which may not stand there", u32::from(c));
                return Err((Span::new(self.file, at..at + c.len_utf8()), why));
            }
        }
        Ok(())
    }

    fn next_line(&mut self) {
        if self.byte(0) == b'\r' {
            self.at += 1;
        }
        if self.byte(0) == b'\n' {
            self.at += 1;
        }
        self.line = self.at;
    }

    fn skip_blanks(&mut self) {
        while matches!(self.byte(0), b' ' | b'\t') {
            self.at += 1;
        }
    }

    /// Over blanks and a comment to the end of the line.
    fn skip_comment(&mut self) {
        self.skip_blanks();
        let before = self.at.checked_sub(1).and_then(|at| self.text.as_bytes().get(at)).copied().unwrap_or(0);
        if self.byte(0) == b'#' && (self.at == self.line || is_blank(before)) {
            let rest = self.slice(self.at, self.text.len());
            self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
        }
    }

    /// Over blank lines and comments to what is next, on this line or a later one.
    fn skip(&mut self) -> Read<()> {
        loop {
            let is_indentation = self.at == self.line;
            self.skip_comment();
            if matches!(self.byte(0), b'\n' | b'\r') {
                self.next_line();
                continue;
            }
            let blanks = self.slice(self.line, self.at);
            if is_indentation && !self.tabs_may_indent() && self.byte(0) != 0 && blanks.contains('\t') {
                self.at = self.line + blanks.find('\t').unwrap_or(0);
                return self.fault("not YAML: a tab where spaces indent");
            }
            return Ok(());
        }
    }

    /// Whether all of it is a flow collection, as JSON is.
    fn tabs_may_indent(&self) -> bool {
        self.flow > 0 && self.depth == self.flow + 1
    }

    /// Nothing but a comment may follow on this line.
    fn end_of_line(&mut self) -> Read<()> {
        self.skip_comment();
        if self.is_line_end() { Ok(()) } else { self.fault("not YAML: this is more than one value") }
    }

    /// Whether `---` or `...` is next, at the beginning of a line.
    fn is_marker(&self) -> bool {
        self.at == self.line
            && matches!(self.slice(self.at, self.at + 3), "---" | "...")
            && is_blank(self.byte(3))
    }

    fn is_dash(&self) -> bool {
        self.byte(0) == b'-' && is_blank(self.byte(1))
    }

    fn spend(&mut self, weight: usize, span: Span) -> Read<()> {
        match self.left.checked_sub(weight) {
            Some(left) => self.left = left,
            None => {
                let why = format!("there are more than {MOST} values in it, with all that aliases repeat");
                return Err((span, why));
            }
        }
        Ok(())
    }

    fn enter(&mut self) -> Read<()> {
        if self.depth >= DEEPEST {
            return self.fault(format!("lists and maps lie in each other more than {DEEPEST} deep"));
        }
        self.depth += 1;
        Ok(())
    }

    /// `&name` or `!tag`, if one is next.
    fn property(&mut self, properties: &mut Properties<'t>) -> Read<bool> {
        let start = self.at;
        let kind = self.byte(0);
        if !matches!(kind, b'&' | b'!') {
            return Ok(false);
        }
        self.at += 1;
        let name = self.name(if kind == b'!' { "!_-" } else { "_-." });
        let is_ended = is_blank(self.byte(0)) || self.flow > 0 && is_flow_indicator(self.byte(0));
        let place = if kind == b'&' { &mut properties.anchor } else { &mut properties.tag };
        if !is_ended || place.is_some() || name.is_empty() {
            return Err((self.span_from(start), "not an anchor or a tag that is read here".to_owned()));
        }
        *place = Some(name);
        properties.line = Some(self.line);
        if kind == b'&' {
            // What it named before is out of reach, even within the value.
            self.anchors.remove(name);
        }
        Ok(true)
    }

    /// Letters, digits and these.
    fn name(&mut self, others: &str) -> &'t str {
        let rest = self.slice(self.at, self.text.len());
        let end =
            rest.find(|c: char| !c.is_ascii_alphanumeric() && !others.contains(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// The value of `*name`, which is next.
    fn alias(&mut self) -> Read<Node> {
        let start = self.at;
        self.at += 1;
        let name = self.name("_-.");
        let span = self.span_from(start);
        let is_ended = is_blank(self.byte(0)) || self.flow > 0 && is_flow_indicator(self.byte(0));
        let Some(node) = self.anchors.get(name).filter(|_| is_ended) else {
            return Err((span, format!("`*{name}` is an alias of what is not there, or not yet closed")));
        };
        let node = node.clone();
        self.spend(node.weight(), span)?;
        Ok(node)
    }

    /// A value as its properties make it.
    fn with(&mut self, properties: &Properties<'t>, mut node: Node) -> Read<Node> {
        match properties.tag {
            None => {}
            Some("!str") if node.value == Yaml::Null => {
                let range = node.span.range();
                node.value = Yaml::Text(self.slice(range.start, range.end).to_owned());
            }
            Some("!str" | "!int" | "!float" | "!bool" | "!null" | "!map" | "!seq") => {}
            Some("override") => node.is_whole = true,
            Some("reset") => (node.is_whole, node.value) = (true, Yaml::Null),
            Some(tag) => return Err((node.span, format!("the tag `!{tag}` is not known"))),
        }
        if let Some(name) = properties.anchor {
            self.spend(node.weight(), node.span)?;
            self.anchors.insert(name, node.clone());
        }
        Ok(node)
    }
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
#[path = "peer.rs"]
mod peer;
