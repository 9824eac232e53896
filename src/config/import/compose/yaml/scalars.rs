//! Texts: plain ones, quoted ones, and blocks.

use super::{Read, Reader, is_blank, is_flow_indicator};

impl<'t> Reader<'t> {
    /// A plain text as far as it goes on this line, without the blanks at its end.
    pub(super) fn plain_line(&mut self) -> Read<&'t str> {
        let (first, second) = (self.byte(0), self.byte(1));
        let is_wrong = match first {
            b'-' | b'?' | b':' => is_blank(second) || self.flow > 0 && is_flow_indicator(second),
            first => b",[]{}#&*!|>'\"%@`".contains(&first),
        };
        if is_wrong {
            return self.fault("not YAML: this cannot begin a value without quotes");
        }
        Ok(self.plain_part())
    }

    fn plain_part(&mut self) -> &'t str {
        let start = self.at;
        let (mut end, mut is_behind_blank) = (start, false);
        loop {
            let byte = self.byte(0);
            match byte {
                0 | b'\n' | b'\r' => break,
                b'#' if is_behind_blank => break,
                b':' if is_blank(self.byte(1)) => break,
                b':' if self.flow > 0 && is_flow_indicator(self.byte(1)) => break,
                byte if self.flow > 0 && is_flow_indicator(byte) => break,
                b' ' | b'\t' => is_behind_blank = true,
                _ => (is_behind_blank, end) = (false, self.at + 1),
            }
            self.at += 1;
        }
        self.at = end;
        self.slice(start, end)
    }

    /// The further lines of a plain text: those that are indented deeper than `indent`.
    pub(super) fn plain_rest(&mut self, text: &mut String, indent: isize) -> Read<()> {
        loop {
            let (at, line) = (self.at, self.line);
            self.skip_blanks();
            let mut breaks = 0;
            while matches!(self.byte(0), b'\n' | b'\r') {
                self.next_line();
                breaks += 1;
                self.skip_blanks();
            }
            let has_tab = !self.tabs_may_indent() && self.slice(self.line, self.at).contains('\t');
            let is_over = breaks == 0
                || matches!(self.byte(0), 0 | b'#')
                || self.is_marker()
                || has_tab
                || self.flow == 0 && self.column().cast_signed() <= indent;
            let part = if is_over { "" } else { self.plain_part() };
            if part.is_empty() {
                (self.at, self.line) = (at, line);
                return Ok(());
            }
            self.skip_blanks();
            if self.flow == 0 && self.byte(0) == b':' {
                return self.fault("not YAML: a key stands in one line, where its map is indented");
            }
            self.at = self.line + self.slice(self.line, self.at).trim_end().len();
            fold(text, breaks);
            text.push_str(part);
        }
    }

    /// A text in quotes, whose further lines are indented deeper than `indent`.
    pub(super) fn quoted(&mut self, indent: isize) -> Read<String> {
        let start = self.at;
        let quote = self.byte(0);
        self.at += 1;
        // What a line break takes away are the blanks behind `kept`.
        let (mut text, mut kept) = (String::new(), 0);
        loop {
            match self.byte(0) {
                0 => {
                    self.at = start;
                    return self.fault("not YAML: a quote without its end");
                }
                b'\'' if quote == b'\'' && self.byte(1) == b'\'' => {
                    text.push('\'');
                    self.at += 2;
                    kept = text.len();
                }
                byte if byte == quote => {
                    self.at += 1;
                    return Ok(text);
                }
                b'\\' if quote == b'"' => {
                    self.at += 1;
                    if self.is_line_end() {
                        let breaks = self.quoted_lines(indent)?;
                        text.extend(std::iter::repeat_n('\n', breaks.saturating_sub(1)));
                    } else {
                        text.push(self.escape()?);
                    }
                    kept = text.len();
                }
                b'\n' | b'\r' => {
                    text.truncate(kept);
                    let breaks = self.quoted_lines(indent)?;
                    fold(&mut text, breaks);
                    kept = text.len();
                }
                byte => {
                    let rest = self.slice(self.at, self.text.len());
                    let end =
                        rest.find([' ', '\t', '\n', '\r', '\'', '"', '\\']).unwrap_or(rest.len()).max(1);
                    text.push_str(rest.get(..end).unwrap_or_default());
                    self.at += end;
                    if !is_blank(byte) {
                        kept = text.len();
                    }
                }
            }
        }
    }

    /// Over line breaks within quotes to what is next: how many there were.
    fn quoted_lines(&mut self, indent: isize) -> Read<usize> {
        let mut breaks = 0;
        while matches!(self.byte(0), b'\n' | b'\r') {
            self.next_line();
            breaks += 1;
            if self.is_marker() {
                return self.fault("not YAML: a quote that the end of the document leaves open");
            }
            self.skip_blanks();
        }
        let spaces = self.slice(self.line, self.at).bytes().take_while(|byte| *byte == b' ').count();
        if self.flow == 0 && spaces.cast_signed() <= indent && self.byte(0) != 0 {
            return self.fault("not YAML: a further line of a text in quotes is indented");
        }
        Ok(breaks)
    }

    /// The character of an escape, behind its backslash.
    fn escape(&mut self) -> Read<char> {
        let digits = match self.byte(0) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => 0,
        };
        let known = match self.byte(0) {
            b'0' => Some('\0'),
            b'a' => Some('\u{7}'),
            b'b' => Some('\u{8}'),
            b't' | b'\t' => Some('\t'),
            b'n' => Some('\n'),
            b'v' => Some('\u{b}'),
            b'f' => Some('\u{c}'),
            b'r' => Some('\r'),
            b'e' => Some('\u{1b}'),
            byte @ (b' ' | b'"' | b'/' | b'\\') => Some(char::from(byte)),
            b'N' => Some('\u{85}'),
            b'_' => Some('\u{a0}'),
            b'L' => Some('\u{2028}'),
            b'P' => Some('\u{2029}'),
            _ if digits > 0 => {
                let hex = self.slice(self.at + 1, self.at + 1 + digits);
                let is_hex = hex.len() == digits && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
                u32::from_str_radix(hex, 16).ok().filter(|_| is_hex).and_then(char::from_u32)
            }
            _ => None,
        };
        let Some(c) = known else { return self.fault("not YAML: there is no such escape") };
        self.at += 1 + digits;
        Ok(c)
    }

    /// A text behind `|` or `>`, whose lines are indented deeper than `indent`.
    pub(super) fn block_scalar(&mut self, indent: isize) -> Read<String> {
        let is_folded = self.byte(0) == b'>';
        let (mut chomping, mut width): (Option<u8>, Option<usize>) = (None, None);
        loop {
            self.at += 1;
            match self.byte(0) {
                sign @ (b'+' | b'-') if chomping.is_none() => chomping = Some(sign),
                digit @ b'1'..=b'9' if width.is_none() => {
                    width = Some(usize::try_from(indent).unwrap_or(0) + usize::from(digit - b'0'));
                }
                _ => break,
            }
        }
        self.end_of_line()?;
        self.next_line();
        let lines = self.block_lines(indent, width)?;
        let (mut text, mut breaks) = (String::new(), 0);
        // Whether a line stands before, and whether it is indented further than the block.
        let mut before: Option<bool> = None;
        for line in lines {
            if line.is_empty() {
                breaks += 1;
                continue;
            }
            let is_further = line.starts_with([' ', '\t']);
            match before {
                Some(false) if is_folded && !is_further => text.extend((breaks == 0).then_some(' ')),
                Some(_) => text.push('\n'),
                None => {}
            }
            text.extend(std::iter::repeat_n('\n', breaks));
            text.push_str(line);
            (before, breaks) = (Some(is_further), 0);
        }
        if before.is_some() && chomping != Some(b'-') {
            text.push('\n');
        }
        if chomping == Some(b'+') {
            text.extend(std::iter::repeat_n('\n', breaks));
        }
        Ok(text)
    }

    /// The lines of a block, without their indentation.
    fn block_lines(&mut self, indent: isize, mut width: Option<usize>) -> Read<Vec<&'t str>> {
        let (mut lines, mut deepest) = (Vec::new(), 0);
        while self.byte(0) != 0 {
            let rest = self.slice(self.at, self.text.len());
            let line = rest.split('\n').next().unwrap_or_default();
            let line = line.strip_suffix('\r').unwrap_or(line);
            let spaces = line.len() - line.trim_start_matches(' ').len();
            let is_empty = spaces == line.len();
            let wide = match width {
                Some(wide) if spaces >= wide => wide,
                _ if is_empty => {
                    deepest = deepest.max(spaces);
                    spaces
                }
                // Other readers do not agree on what this is.
                Some(_)
                    if line.trim_start().starts_with('#')
                        && lines.iter().all(|line: &&str| line.is_empty()) =>
                {
                    return self.fault("not YAML: a comment where a text begins");
                }
                Some(_) => break,
                None if spaces.cast_signed() <= indent => break,
                None if deepest > spaces => {
                    return self.fault("not YAML: a blank line above is indented deeper than this one");
                }
                None => spaces,
            };
            if self.is_marker() {
                break;
            }
            if !is_empty && width.is_none() {
                if line.get(wide..).unwrap_or_default().starts_with('\t') {
                    return self.fault("not YAML: a tab where spaces indent");
                }
                width = Some(wide);
            }
            let content = line.get(wide..).unwrap_or_default();
            // Blanks behind the last line that the end of the file cuts off are none.
            if !content.is_empty() || rest.len() > line.len() || lines.iter().all(|line| line.is_empty()) {
                lines.push(content);
            }
            self.at += line.len();
            self.next_line();
        }
        Ok(lines)
    }
}

/// The line breaks between two lines of a text that is one in truth.
fn fold(text: &mut String, breaks: usize) {
    match breaks {
        0 | 1 => text.push(' '),
        _ => text.extend(std::iter::repeat_n('\n', breaks - 1)),
    }
}
