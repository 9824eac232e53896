//! How lines look where they end up.

mod json;
mod prefix;
mod time;

pub use json::Json;
pub use prefix::{MAX_WIDTH, Prefix, Style, colour_wanted};
pub use time::TimeText;

use super::{Block, End, Header, Line, Stream};
use crate::model::{LogFormat, LogLevel, Shape, Syslog};

/// How the lines of one source look in one outlet.
#[derive(Clone, Debug)]
pub struct Format {
    shape: Form,
    timestamps: bool,
}

#[derive(Clone, Debug)]
enum Form {
    Prefix(Prefix),
    Raw,
    Json(Json),
    Syslog(Box<Header>),
}

impl Format {
    /// The format of a service, by its full name and its index.
    #[must_use]
    pub fn service(format: LogFormat, style: Style, name: &str, index: usize) -> Self {
        Self::new(format, Json::new(name), || Prefix::service(style, name, index))
    }

    /// The format of the supervisor's own lines.
    #[must_use]
    pub fn own(format: LogFormat, style: Style) -> Self {
        // Raw, nobody would know whose they are.
        let shape = if format.shape == Shape::Raw { Shape::Prefix } else { format.shape };
        Self::new(LogFormat { shape, ..format }, Json::new(Prefix::OWN), || Prefix::own(style))
    }

    /// The format of a service for a syslog server.
    #[must_use]
    pub fn syslog(syslog: &Syslog) -> Self {
        Self { shape: Form::Syslog(Box::new(Header::new(syslog))), timestamps: false }
    }

    /// The lines that come now are those of this process.
    pub fn set_pid(&mut self, pid: Option<i32>) {
        if let Form::Syslog(header) = &mut self.shape {
            header.set_pid(pid);
        }
    }

    fn new(format: LogFormat, json: Json, prefix: impl FnOnce() -> Prefix) -> Self {
        let shape = match format.shape {
            Shape::Prefix => Form::Prefix(prefix()),
            Shape::Raw => Form::Raw,
            Shape::Json => Form::Json(json),
        };
        Self { shape, timestamps: format.timestamps }
    }

    /// Whether [`Format::append`] looks at the time.
    #[must_use]
    pub fn needs_time(&self) -> bool {
        self.timestamps || matches!(self.shape, Form::Json(_) | Form::Syslog(_))
    }

    /// Whether what has no newline in the end gets none: the bytes are passed as they are.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        matches!(self.shape, Form::Raw)
    }

    /// Appends lines that arrived at this time. Each ends with a newline then, but for the last one of an
    /// [exact](Format::is_exact) format that has none itself.
    pub fn append(
        &self,
        block: Block<'_>,
        stream: Stream,
        time: &TimeText,
        coloured: bool,
        to: &mut Vec<u8>,
    ) {
        let before = self.timestamps.then(|| time.before_line());
        match &self.shape {
            Form::Prefix(prefix) => prefix.append_block(block, before, coloured, to),
            Form::Json(json) => block.lines().for_each(|line| json.append(line, stream, time, to)),
            Form::Syslog(header) => {
                block.lines().for_each(|line| header.frame(time, stream, line.bytes, to));
            }
            Form::Raw => {
                let newline = block.end == End::Newline;
                match before {
                    None => to.extend_from_slice(block.bytes),
                    Some(before) => {
                        for line in block.lines() {
                            to.extend_from_slice(before);
                            to.extend_from_slice(line.bytes);
                            to.push(b'\n');
                        }
                        to.pop();
                    }
                }
                if newline {
                    to.push(b'\n');
                }
            }
        }
    }

    /// Appends a line of the supervisor, of this level.
    pub fn append_own(
        &self,
        line: Line<'_>,
        level: LogLevel,
        time: &TimeText,
        coloured: bool,
        to: &mut Vec<u8>,
    ) {
        match &self.shape {
            Form::Json(json) => json.append_own(line.bytes, level.name(), time, to),
            _ => self.append(Block::one(line), Stream::Err, time, coloured, to),
        }
    }

    /// Appends the rest, or a further piece, of a line whose beginning is there already, to an [exact](Format::is_exact)
    /// format; gives what comes after that line.
    pub fn append_rest<'a>(&self, block: Block<'a>, to: &mut Vec<u8>) -> Option<Block<'a>> {
        let Some(at) = memchr::memchr(b'\n', block.bytes) else {
            to.extend_from_slice(block.bytes);
            if block.end == End::Newline {
                to.push(b'\n');
            }
            return None;
        };
        let (first, rest) = block.bytes.split_at(at + 1);
        to.extend_from_slice(first);
        Some(Block { bytes: rest, lines: block.lines - 1, ..block })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: LogFormat, bytes: &[u8], end: End) -> String {
        let style = Style::new(["web@2"], false);
        let mut to = Vec::new();
        let lines = 1 + memchr::memchr_iter(b'\n', bytes).count();
        let mut time = TimeText::default();
        time.set(std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_767_323_045_678));
        let block = Block { bytes, end, lines };
        Format::service(format, style, "web@2", 0).append(block, Stream::Err, &time, false, &mut to);
        String::from_utf8_lossy(&to).into_owned()
    }

    #[test]
    fn every_shape_with_and_without_the_time() {
        let format = |shape, timestamps| LogFormat { shape, timestamps };
        let time = "2026-01-02T03:04:05.678Z";
        assert_eq!(shown(format(Shape::Prefix, false), b"a\nb", End::Newline), "web@2  | a\nweb@2  | b\n");
        assert_eq!(
            shown(format(Shape::Prefix, true), b"a\nb", End::Cut),
            format!("{time} web@2  | a\n{time} web@2  | b\n")
        );
        assert_eq!(shown(format(Shape::Raw, false), b"a\nb", End::Newline), "a\nb\n");
        assert_eq!(shown(format(Shape::Raw, false), b"a\nb", End::Eof), "a\nb");
        assert_eq!(shown(format(Shape::Raw, true), b"a\nb", End::Newline), format!("{time} a\n{time} b\n"));
        assert_eq!(shown(format(Shape::Raw, true), b"a", End::Cut), format!("{time} a"));
        for timestamps in [false, true] {
            let head =
                format!("{{\"time\":\"{time}\",\"service\":\"web\",\"instance\":2,\"stream\":\"stderr\"");
            assert_eq!(
                shown(format(Shape::Json, timestamps), b"a\n{\"b\":1}", End::Newline),
                format!("{head},\"message\":\"a\"}}\n{head},\"message\":{{\"b\":1}}}}\n")
            );
        }
    }

    #[test]
    fn a_line_in_pieces_is_put_together_again() {
        let format =
            Format::service(LogFormat { shape: Shape::Raw, timestamps: false }, Style::default(), "web", 0);
        let mut to = Vec::new();
        let piece = Block { bytes: b"bc", end: End::Cut, lines: 1 };
        assert_eq!(format.append_rest(piece, &mut to), None);
        let more = Block { bytes: b"d\ne", end: End::Eof, lines: 2 };
        assert_eq!(format.append_rest(more, &mut to), Some(Block { bytes: b"e", end: End::Eof, lines: 1 }));
        assert_eq!(format.append_rest(Block { end: End::Newline, ..piece }, &mut to), None);
        assert_eq!(to, b"bcd\nbc\n");
    }
}
