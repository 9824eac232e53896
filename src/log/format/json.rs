//! One JSON object a line.

use super::TimeText;
use crate::log::{End, Line, Stream};
use serde::de::IgnoredAny;

/// What is the same in all lines of one source.
#[derive(Clone, Debug)]
pub struct Json {
    /// `"service":"web","instance":2`
    who: Box<str>,
}

impl Json {
    /// For the service with this full name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        // Names are made of characters that mean nothing in JSON.
        let who = match name.split_once('@') {
            Some((stem, instance)) => format!(r#""service":"{stem}","instance":{instance}"#),
            None => format!(r#""service":"{name}""#),
        };
        Self { who: who.into_boxed_str() }
    }

    /// Appends the line as an object: `time`, `service`, `instance` if it has several, `stream`, `partial` of a piece that
    /// is followed by another, and `message`. A line that is an object itself is the message as it is; of any other, what
    /// is no UTF-8 is replaced by U+FFFD.
    pub fn append(&self, line: Line<'_>, stream: Stream, time: &TimeText, to: &mut Vec<u8>) {
        to.extend_from_slice(b"{\"time\":\"");
        to.extend_from_slice(time.as_bytes());
        to.extend_from_slice(b"\",");
        to.extend_from_slice(self.who.as_bytes());
        let stream = match stream {
            Stream::Out => ",\"stream\":\"stdout\"",
            Stream::Err => ",\"stream\":\"stderr\"",
        };
        to.extend_from_slice(stream.as_bytes());
        if line.end == End::Cut {
            to.extend_from_slice(b",\"partial\":true");
        }
        to.extend_from_slice(b",\"message\":");
        append_value(line.bytes, to);
        to.extend_from_slice(b"}\n");
    }

    /// Appends a line of the supervisor, which has a level and no stream.
    pub fn append_own(&self, bytes: &[u8], level: &str, time: &TimeText, to: &mut Vec<u8>) {
        to.extend_from_slice(b"{\"time\":\"");
        to.extend_from_slice(time.as_bytes());
        to.extend_from_slice(b"\",");
        to.extend_from_slice(self.who.as_bytes());
        to.extend_from_slice(b",\"level\":\"");
        to.extend_from_slice(level.as_bytes());
        to.extend_from_slice(b"\",\"message\":");
        append_string(bytes, to);
        to.extend_from_slice(b"}\n");
    }
}

fn append_value(bytes: &[u8], to: &mut Vec<u8>) {
    let object = bytes.trim_ascii();
    let is_object = object.first() == Some(&b'{')
        && str::from_utf8(object)
            .is_ok_and(|text| serde_json::from_slice::<IgnoredAny>(text.as_bytes()).is_ok());
    if is_object {
        to.extend_from_slice(object);
    } else {
        append_string(bytes.strip_suffix(b"\r").unwrap_or(bytes), to);
    }
}

fn append_string(bytes: &[u8], to: &mut Vec<u8>) {
    // A string can be written, and memory does not refuse.
    let _ = serde_json::to_writer(to, &*String::from_utf8_lossy(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn message(bytes: &[u8], end: End) -> Value {
        let mut to = Vec::new();
        Json::new("web").append(Line { bytes, end }, Stream::Out, &TimeText::default(), &mut to);
        assert_eq!(to.pop(), Some(b'\n'));
        assert!(!to.contains(&b'\n'));
        let mut value: Value = serde_json::from_slice(&to).unwrap();
        assert_eq!((&value["service"], &value["stream"]), (&json!("web"), &json!("stdout")));
        assert_eq!(value.get("partial").is_some(), end == End::Cut);
        value["message"].take()
    }

    #[test]
    fn any_line_becomes_an_object_and_an_object_stays_one() {
        assert_eq!(
            message(b"up \"and\" \\ \x00\x1b[31mrunning", End::Newline),
            json!("up \"and\" \\ \0\x1b[31mrunning")
        );
        assert_eq!(message(b"", End::Eof), json!(""));
        assert_eq!(message(b"caf\xe9\r", End::Newline), json!("caf\u{fffd}"));
        assert_eq!(message(b" {\"a\": {\"b\": [1, \"}\"]}} \r", End::Newline), json!({"a": {"b": [1, "}"]}}));
        for text in ["{\"a\": 1", "{\"a\": 1} and more", "[1]", "17", "{a}"] {
            assert_eq!(message(text.as_bytes(), End::Cut), json!(text));
        }
        let deep = format!("{}{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        assert_eq!(message(deep.as_bytes(), End::Newline), json!(deep));
        assert_eq!(message(b"{\"a\":\"\xff\"}", End::Newline), json!("{\"a\":\"\u{fffd}\"}"));
    }

    #[test]
    fn a_line_of_the_supervisor_has_a_level() {
        let mut to = Vec::new();
        Json::new("foster").append_own(b"it is so", "warn", &TimeText::default(), &mut to);
        let value: Value = serde_json::from_slice(&to).unwrap();
        assert_eq!((&value["level"], &value["message"]), (&json!("warn"), &json!("it is so")));
    }
}
