//! The document, and collections that indentation makes.

use super::{Entries, Key, Node, Properties, Read, Reader, Yaml, is_blank};
use crate::config::diagnostic::Span;

/// What a value stands behind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// Nothing: it is the document.
    Start,
    /// `---` on its line.
    Marker,
    /// `key:`.
    Key,
    /// `- `.
    Dash,
}

const OWN_LINE: &str =
    "not YAML: a list or a map begins on a line of its own (and text with `: ` needs quotes)";

impl<'t> Reader<'t> {
    /// All of it.
    pub(super) fn document(&mut self) -> Read<Node> {
        self.skip()?;
        if self.byte(0) == 0 || self.is_marker() && self.byte(0) == b'.' {
            return Err((Span::whole(self.file), "there is nothing in it".to_owned()));
        }
        if self.byte(0) == b'%' && self.column() == 0 {
            return self.fault("directives are not read here");
        }
        let mut behind = Behind::Start;
        if self.is_marker() && self.byte(0) == b'-' {
            self.at += 3;
            behind = Behind::Marker;
        }
        let root = self.value(-1, behind)?;
        self.skip()?;
        if self.is_marker() && self.byte(0) == b'.' {
            self.at += 3;
            self.end_of_line()?;
            self.skip()?;
        }
        match self.byte(0) {
            0 if self.at >= self.text.len() => Ok(root),
            _ if self.is_marker() => self.fault("there is more than one document in it"),
            _ => self.fault("not YAML: its indentation fits nothing above"),
        }
    }

    fn value(&mut self, indent: isize, behind: Behind) -> Read<Node> {
        self.enter()?;
        let node = self.value_within(indent, behind)?;
        self.depth -= 1;
        Ok(node)
    }

    fn value_within(&mut self, indent: isize, behind: Behind) -> Read<Node> {
        let (begin, begin_line) = (self.at, self.line);
        let mut properties = Properties::default();
        loop {
            self.skip()?;
            let column = self.column().cast_signed();
            let is_item = behind == Behind::Key && column == indent && self.is_dash();
            let is_less = self.line != begin_line && column <= indent && !is_item;
            if self.byte(0) == 0 || self.is_marker() || is_less {
                let nothing = Node::new(Span::new(self.file, begin..begin), Yaml::Null);
                self.spend(1, nothing.span)?;
                return self.with(&properties, nothing);
            }
            if !self.property(&mut properties)? {
                break;
            }
        }
        let is_fresh = self.line != begin_line || behind == Behind::Start || behind == Behind::Dash;
        let has_tab = self.line == begin_line && self.slice(begin, self.at).contains('\t');
        let may_open = is_fresh && !has_tab && properties.line != Some(self.line);
        let node = self.content(indent, may_open)?;
        self.with(&properties, node)
    }

    /// What is next. A block collection begins there only if it `may_open`.
    fn content(&mut self, indent: isize, may_open: bool) -> Read<Node> {
        let (start, line) = (self.at, self.line);
        if self.is_dash() {
            return if may_open { self.sequence() } else { self.fault(OWN_LINE) };
        }
        let node = match self.byte(0) {
            b'?' if is_blank(self.byte(1)) => return self.fault("a key behind `?` is not read here"),
            b'|' | b'>' => {
                let text = self.block_scalar(indent)?;
                let span = Span::new(self.file, start..start + 1);
                return self.scalar(text, false, span);
            }
            b'[' | b'{' => self.flow_collection()?,
            b'*' => self.alias()?,
            quote => {
                let is_quoted = matches!(quote, b'"' | b'\'');
                let mut text = if is_quoted { self.quoted(indent)? } else { self.plain_line()?.to_owned() };
                let span = self.span_from(start);
                if self.is_at_colon() {
                    if !may_open || self.line != line {
                        return Err((span, OWN_LINE.to_owned()));
                    }
                    let is_merge = !is_quoted && text == "<<";
                    return self.mapping(start - line, Key { text, span, is_merge });
                }
                if !is_quoted {
                    self.plain_rest(&mut text, indent)?;
                }
                self.scalar(text, !is_quoted, self.span_from(start))?
            }
        };
        if self.is_at_colon() {
            return Err((self.span_from(start), "a key is text in one line".to_owned()));
        }
        self.end_of_line()?;
        Ok(node)
    }

    /// Whether a colon is next that ends a key; goes to it then.
    fn is_at_colon(&mut self) -> bool {
        let at = self.at;
        self.skip_blanks();
        let is_colon = self.byte(0) == b':' && is_blank(self.byte(1));
        if !is_colon {
            self.at = at;
        }
        is_colon
    }

    /// A map, behind its first key.
    fn mapping(&mut self, column: usize, first: Key) -> Read<Node> {
        let span = first.span;
        self.spend(1, span)?;
        let (mut entries, mut key) = (Entries::default(), first);
        loop {
            if key.span.range().len() > 1000 {
                return Err((key.span, "a key has 1000 bytes at most".to_owned()));
            }
            self.at += 1;
            let value = self.value(column.cast_signed(), Behind::Key)?;
            entries.add(key, value)?;
            self.skip()?;
            if self.byte(0) == 0 || self.is_marker() || self.column() < column {
                return Ok(Node::new(span, entries.merged()));
            }
            if self.column() > column {
                return self.fault("not YAML: it is indented deeper than the key above");
            }
            key = self.key()?;
        }
    }

    /// A further key of a map, up to its colon.
    fn key(&mut self) -> Read<Key> {
        let (start, line) = (self.at, self.line);
        let is_quoted = matches!(self.byte(0), b'"' | b'\'');
        if self.is_dash() || matches!(self.byte(0), b'[' | b'{' | b'*' | b'&' | b'!') {
            return self.fault("not YAML, or not read here: a key is text");
        }
        let text = if is_quoted { self.quoted(-1)? } else { self.plain_line()?.to_owned() };
        let span = self.span_from(start);
        if !self.is_at_colon() || self.line != line {
            return Err((span, "not YAML: a key needs a `:` and a space behind it".to_owned()));
        }
        let is_merge = !is_quoted && text == "<<";
        Ok(Key { text, span, is_merge })
    }

    /// A list, at its first dash.
    fn sequence(&mut self) -> Read<Node> {
        let (start, column) = (self.at, self.column());
        let span = Span::new(self.file, start..start + 1);
        self.spend(1, span)?;
        let mut list = Vec::new();
        loop {
            self.at += 1;
            list.push(self.value(column.cast_signed(), Behind::Dash)?);
            self.skip()?;
            if self.byte(0) == 0 || self.column() != column || !self.is_dash() {
                break;
            }
        }
        if self.byte(0) != 0 && self.column() > column {
            return self.fault("not YAML: it is indented deeper than the list above");
        }
        Ok(Node::new(span, Yaml::List(list)))
    }

    /// A text as a value.
    pub(super) fn scalar(&mut self, text: String, is_plain: bool, span: Span) -> Read<Node> {
        self.spend(1 + text.len() / 64, span)?;
        let is_null = is_plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
        Ok(Node::new(span, if is_null { Yaml::Null } else { Yaml::Text(text) }))
    }
}
