//! The name before each line: `web    | listening on :80`.

use crate::log::{Block, Line};
use std::ffi::OsString;

/// Names up to this long are aligned. A longer one is shown whole and shifts its own lines only.
pub const MAX_WIDTH: usize = 20;

/// One colour per service, in turn. Red is left to what services themselves mark as an error.
const COLOURS: [&str; 10] = [
    "\x1b[36m", "\x1b[33m", "\x1b[32m", "\x1b[35m", "\x1b[34m", "\x1b[96m", "\x1b[93m", "\x1b[92m",
    "\x1b[95m", "\x1b[94m",
];
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

/// Whether to colour a stream: it is a terminal, `NO_COLOR` is unset or empty, and `TERM` is not `dumb`.
///
/// See <https://no-color.org>.
pub fn colour_wanted(terminal: bool, env: impl Fn(&str) -> Option<OsString>) -> bool {
    terminal && env("NO_COLOR").is_none_or(|v| v.is_empty()) && env("TERM").is_none_or(|v| v != "dumb")
}

/// What all prefixes of one run have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// The width of the name column.
    pub width: usize,
    /// Whether any stream is coloured; without it no coloured prefix is kept in memory.
    pub colour: bool,
}

impl Style {
    /// The style for these names and the supervisor's own, aligned to the longest one of up to [`MAX_WIDTH`].
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>, colour: bool) -> Self {
        let longest = names.into_iter().map(str::len).filter(|n| *n <= MAX_WIDTH).max();
        Self { width: longest.unwrap_or(0).max(Prefix::OWN.len()), colour }
    }
}

/// The prefix of one source of lines, made once and copied before each of its lines.
#[derive(Clone, Debug)]
pub struct Prefix {
    plain: Box<[u8]>,
    coloured: Option<Box<[u8]>>,
}

impl Prefix {
    /// The name before the supervisor's own lines.
    pub const OWN: &str = "foster";

    /// The prefix of the service with this name and index.
    #[must_use]
    pub fn service(style: Style, name: &str, index: usize) -> Self {
        Self::new(style, name, COLOURS[index % COLOURS.len()])
    }

    /// The prefix of the supervisor's own lines.
    #[must_use]
    pub fn own(style: Style) -> Self {
        Self::new(style, Self::OWN, BOLD)
    }

    fn new(style: Style, name: &str, colour: &str) -> Self {
        let width = style.width;
        let plain = format!("{name:width$} | ").into_bytes().into_boxed_slice();
        let coloured =
            style.colour.then(|| format!("{colour}{name:width$} |{RESET} ").into_bytes().into_boxed_slice());
        Self { plain, coloured }
    }

    /// Appends the line with its prefix and a newline, whatever ended it. Its bytes pass as they are; on a coloured
    /// stream, what colours a line leaves set is reset at its end, or it would colour other services' lines.
    pub fn append(&self, line: Line<'_>, coloured: bool, to: &mut Vec<u8>) {
        self.append_block(Block::one(line), None, coloured, to);
    }

    /// As [`Prefix::append`], each line; with this time before the prefix.
    pub(super) fn append_block(
        &self,
        block: Block<'_>,
        time: Option<&[u8]>,
        coloured: bool,
        to: &mut Vec<u8>,
    ) {
        let prefix = match &self.coloured {
            Some(prefix) if coloured => prefix,
            _ => &self.plain,
        };
        let time = time.unwrap_or_default();
        let more = time.len() + prefix.len() + 1 + if coloured { RESET.len() } else { 0 };
        to.reserve(block.bytes.len() + more * block.lines);
        let resets = coloured && memchr::memchr(0x1b, block.bytes).is_some();
        for line in block.lines() {
            to.extend_from_slice(time);
            to.extend_from_slice(prefix);
            to.extend_from_slice(line.bytes);
            if resets && memchr::memchr(0x1b, line.bytes).is_some() {
                to.extend_from_slice(RESET.as_bytes());
            }
            to.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::End;

    fn shown(prefix: &Prefix, bytes: &[u8], end: End, coloured: bool) -> String {
        let mut to = Vec::new();
        prefix.append(Line { bytes, end }, coloured, &mut to);
        String::from_utf8_lossy(&to).into_owned()
    }

    #[test]
    fn prefixes_are_aligned_to_the_longest_name() {
        let style = Style::new(["web", "postgres"], false);
        assert_eq!(shown(&Prefix::service(style, "web", 0), b"up", End::Newline, false), "web      | up\n");
        assert_eq!(shown(&Prefix::service(style, "postgres", 1), b"", End::Newline, false), "postgres | \n");
        assert_eq!(shown(&Prefix::own(style), b"bye", End::Eof, false), "foster   | bye\n");
    }

    #[test]
    fn a_very_long_name_shifts_its_own_lines_only() {
        let long = "a-name-of-more-than-twenty-bytes";
        let style = Style::new(["web", long], false);
        assert_eq!(shown(&Prefix::service(style, "web", 0), b"up", End::Newline, false), "web    | up\n");
        assert_eq!(shown(&Prefix::service(style, long, 1), b"up", End::Cut, false), format!("{long} | up\n"));
    }

    #[test]
    fn colours_are_reset_at_the_end_of_a_line_that_sets_them() {
        let prefix = Prefix::service(Style::new(["web"], true), "web", 0);
        assert_eq!(shown(&prefix, b"up", End::Newline, true), "\x1b[36mweb    |\x1b[0m up\n");
        assert_eq!(
            shown(&prefix, b"\x1b[31mred", End::Newline, true),
            "\x1b[36mweb    |\x1b[0m \x1b[31mred\x1b[0m\n"
        );
        assert_eq!(shown(&prefix, b"\x1b[31mred", End::Newline, false), "web    | \x1b[31mred\n");
    }

    #[test]
    fn colour_needs_a_terminal_that_wants_it() {
        let env = |no_color: Option<&str>, term: Option<&str>| {
            let (no_color, term) = (no_color.map(OsString::from), term.map(OsString::from));
            move |name: &str| if name == "NO_COLOR" { no_color.clone() } else { term.clone() }
        };
        assert!(colour_wanted(true, env(None, Some("xterm"))));
        assert!(colour_wanted(true, env(Some(""), None)));
        assert!(!colour_wanted(false, env(None, Some("xterm"))));
        assert!(!colour_wanted(true, env(Some("1"), Some("xterm"))));
        assert!(!colour_wanted(true, env(None, Some("dumb"))));
    }
}
