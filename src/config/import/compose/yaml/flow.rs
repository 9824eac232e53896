//! Collections in brackets and braces.

use super::{Entries, Key, Node, Properties, Read, Reader, Yaml, is_blank};

impl<'t> Reader<'t> {
    /// A list or a map, at its bracket.
    pub(super) fn flow_collection(&mut self) -> Read<Node> {
        self.enter()?;
        self.flow += 1;
        let node = self.flow_within()?;
        self.flow -= 1;
        self.depth -= 1;
        Ok(node)
    }

    fn flow_within(&mut self) -> Read<Node> {
        let start = self.at;
        let is_list = self.byte(0) == b'[';
        let close = if is_list { b']' } else { b'}' };
        self.at += 1;
        self.spend(1, self.span_from(start))?;
        let (mut list, mut entries) = (Vec::new(), Entries::default());
        loop {
            self.flow_skip(start)?;
            if self.byte(0) == close {
                break;
            }
            if is_list {
                list.push(self.flow_value(start)?);
            } else {
                self.flow_entry(start, &mut entries)?;
            }
            self.flow_skip(start)?;
            match self.byte(0) {
                b',' => self.at += 1,
                byte if byte == close => {}
                b':' if is_list => return self.fault("a map in a list needs braces here"),
                _ => return self.fault("not YAML: a `,` or a closing bracket is missing"),
            }
        }
        self.at += 1;
        let value = if is_list { Yaml::List(list) } else { entries.merged() };
        Ok(Node::new(self.span_from(start), value))
    }

    /// To what is next, which there has to be before the bracket at `start` is closed.
    fn flow_skip(&mut self, start: usize) -> Read<()> {
        self.skip()?;
        if self.byte(0) == 0 || self.is_marker() {
            let span = crate::config::diagnostic::Span::new(self.file, start..start + 1);
            return Err((span, "not YAML: this bracket is never closed".to_owned()));
        }
        Ok(())
    }

    /// A value, which a comma or a bracket ends.
    fn flow_value(&mut self, open: usize) -> Read<Node> {
        let mut properties = Properties::default();
        while self.property(&mut properties)? {
            self.flow_skip(open)?;
        }
        let start = self.at;
        let node = match self.byte(0) {
            b'[' | b'{' => self.flow_collection()?,
            b'*' => self.alias()?,
            b'"' | b'\'' => {
                let text = self.quoted(-1)?;
                self.scalar(text, false, self.span_from(start))?
            }
            b',' | b']' | b'}' if properties.line.is_some() => {
                self.scalar(String::new(), true, self.span_from(start))?
            }
            _ => {
                let mut text = self.plain_line()?.to_owned();
                self.plain_rest(&mut text, -1)?;
                self.scalar(text, true, self.span_from(start))?
            }
        };
        self.with(&properties, node)
    }

    /// A key with its value, if it has one.
    fn flow_entry(&mut self, open: usize, entries: &mut Entries) -> Read<()> {
        let (start, line) = (self.at, self.line);
        let is_quoted = matches!(self.byte(0), b'"' | b'\'');
        if matches!(self.byte(0), b'[' | b'{' | b'*' | b'&' | b'!') {
            return self.fault("not YAML, or not read here: a key is text");
        }
        let text = if is_quoted { self.quoted(-1)? } else { self.plain_line()?.to_owned() };
        let span = self.span_from(start);
        self.flow_skip(open)?;
        let next = self.byte(1);
        let has_value = self.byte(0) == b':' && (is_quoted || is_blank(next) || matches!(next, b',' | b'}'));
        if has_value && self.line != line || span.range().len() > 1000 {
            return Err((
                span,
                "a key stands in one line with its `:`, and has 1000 bytes at most".to_owned(),
            ));
        }
        let mut value = None;
        if has_value {
            self.at += 1;
            self.flow_skip(open)?;
            if !matches!(self.byte(0), b',' | b'}') {
                value = Some(self.flow_value(open)?);
            }
        }
        let value = match value {
            Some(value) => value,
            None => self.scalar(String::new(), true, self.span_from(self.at))?,
        };
        let is_merge = !is_quoted && text == "<<";
        entries.add(Key { text, span, is_merge }, value)
    }
}
