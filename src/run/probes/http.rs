//! HTTP/1.1 as far as a probe needs it: one request, and what its answer is worth.
//!
//! Not the client that the verbs use: for another kind of stream it would be in the program twice.

use super::Verdict;
use crate::model::{Host, Http};
use regex_lite::Regex;
use std::borrow::Cow;
use std::fmt::Write;

/// A request, and what answer is a good one.
#[derive(Debug)]
pub(super) struct Request {
    bytes: Vec<u8>,
    status: Vec<(u16, u16)>,
    body: Option<Regex>,
    /// The answer has no body, whatever its head says.
    headless: bool,
}

impl Request {
    /// # Errors
    /// `body` is no regular expression, which the configuration does not let happen.
    pub(super) fn new(http: &Http) -> Result<Self, String> {
        let body = match &http.body {
            Some(text) => Some(Regex::new(text).map_err(|error| format!("cannot match the body: {error}"))?),
            None => None,
        };
        let has = |name: &str| http.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        let mut text = format!("{} {} HTTP/1.1\r\n", http.method, http.path);
        let mut header = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{name}: {value}\r\n");
        };
        let usual = [
            ("Host", host(&http.host)),
            ("User-Agent", concat!("foster/", env!("CARGO_PKG_VERSION")).to_owned()),
            ("Accept", "*/*".to_owned()),
        ];
        for (name, value) in usual.iter().filter(|(name, _)| !has(name)) {
            header(name, value);
        }
        for (name, value) in &http.headers {
            header(name, value);
        }
        header("Connection", "close");
        if matches!(http.method.as_str(), "POST" | "PUT" | "PATCH") {
            header("Content-Length", "0");
        }
        text.push_str("\r\n");
        let headless = http.method == "HEAD";
        Ok(Self { bytes: text.into_bytes(), status: http.status.clone(), body, headless })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the answer is worth; `None` while more of it decides. `ended`: there is no more.
    pub(super) fn judge(&self, answer: &[u8], ended: bool) -> Option<Verdict> {
        let head = match Head::read(answer) {
            Read::Head(head) => head,
            Read::Part if !ended => return None,
            Read::Part if answer.is_empty() => {
                return Some(Err("the connection was closed without an answer".to_owned()));
            }
            Read::Part | Read::Other => return Some(Err("what answers does not speak HTTP/1.1".to_owned())),
        };
        let (body, complete) = self.body(&head);
        let said = format!("HTTP {} {}", head.status, head.reason).trim_end().to_owned();
        if !self.status.iter().any(|(first, last)| (*first..=*last).contains(&head.status)) {
            return Some(Err(match first_line(&body) {
                Some(line) => format!("{said}: {line}"),
                None => said,
            }));
        }
        let Some(expected) = &self.body else { return Some(Ok(said)) };
        if !complete && !ended {
            return None;
        }
        // `$` is to stand for the end of the last line too, as it does with grep.
        let body = body.strip_suffix(b"\n").unwrap_or(&body);
        let matches = expected.is_match(&String::from_utf8_lossy(body));
        Some(if matches { Ok(said) } else { Err(format!("{said}, but its body does not match")) })
    }

    /// What is there of the body, and whether that is all.
    fn body<'a>(&self, head: &Head<'a>) -> (Cow<'a, [u8]>, bool) {
        if self.headless || matches!(head.status, 204 | 304) {
            return (Cow::Borrowed(&[]), true);
        }
        if head.chunked {
            let (body, complete) = unchunk(head.rest);
            return (Cow::Owned(body), complete);
        }
        match head.length {
            Some(length) => match head.rest.get(..length) {
                Some(body) => (Cow::Borrowed(body), true),
                None => (Cow::Borrowed(head.rest), false),
            },
            None => (Cow::Borrowed(head.rest), false),
        }
    }
}

/// As the header has it: an IPv6 address in brackets, the usual port left out.
fn host(Host { host, port }: &Host) -> String {
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.clone() };
    if *port == 80 { host } else { format!("{host}:{port}") }
}

/// The head of an answer, and what came after it.
struct Head<'a> {
    status: u16,
    reason: String,
    chunked: bool,
    length: Option<usize>,
    rest: &'a [u8],
}

enum Read<'a> {
    Head(Head<'a>),
    /// Its end has not come.
    Part,
    /// It is no answer of HTTP/1.
    Other,
}

impl<'a> Head<'a> {
    fn read(answer: &'a [u8]) -> Read<'a> {
        let mut rest = answer;
        loop {
            match Self::read_one(rest) {
                // Others may come before the answer proper.
                Read::Head(head) if (100..200).contains(&head.status) && head.status != 101 => {
                    rest = head.rest;
                }
                read => return read,
            }
        }
    }

    fn read_one(answer: &'a [u8]) -> Read<'a> {
        const BEGIN: &[u8] = b"HTTP/1.";
        let begins = BEGIN.iter().zip(answer).all(|(wanted, byte)| wanted == byte);
        if !begins {
            return Read::Other;
        }
        let Some((line, mut rest)) = line(answer) else { return Read::Part };
        let line = String::from_utf8_lossy(line);
        let mut words = line.splitn(3, ' ').skip(1);
        let status = words.next().and_then(|code| code.parse().ok());
        let Some(status @ 100..=999) = status else { return Read::Other };
        let reason = words.next().unwrap_or_default().trim().to_owned();
        let (mut chunked, mut length) = (false, None);
        loop {
            let Some((header, after)) = self::line(rest) else { return Read::Part };
            rest = after;
            if header.is_empty() {
                return Read::Head(Head { status, reason, chunked, length, rest });
            }
            let header = String::from_utf8_lossy(header);
            let Some((name, value)) = header.split_once(':') else { continue };
            if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.to_ascii_lowercase().contains("chunked");
            } else if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok();
            }
        }
    }
}

/// The first line without its end, and what follows; `None` while it has no end.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..)?))
}

/// What is there of a chunked body, and whether that is all; from a chunk that is none on there is nothing.
fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some((size, after)) = line(rest) {
        let size = size.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let size = std::str::from_utf8(size).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let Some(size @ 1..) = size else { return (body, true) };
        match after.split_at_checked(size) {
            Some((chunk, after)) => {
                body.extend_from_slice(chunk);
                rest = after.strip_prefix(b"\r\n").or_else(|| after.strip_prefix(b"\n")).unwrap_or(after);
            }
            None => {
                body.extend_from_slice(after);
                break;
            }
        }
    }
    (body, false)
}

/// The first line of a text; markup is for browsers.
fn first_line(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    (!line.starts_with('<')).then(|| line.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn http() -> Http {
        Http {
            host: Host { host: "127.0.0.1".into(), port: 8080 },
            path: "/health?full".into(),
            method: "GET".into(),
            status: vec![(200, 299)],
            headers: vec![],
            body: None,
        }
    }

    fn with_body(body: &str) -> Request {
        Request::new(&Http { body: Some(body.into()), ..http() }).unwrap()
    }

    #[test]
    fn the_request_says_whom_it_is_for_and_that_no_other_follows() {
        let text = |http: &Http| String::from_utf8(Request::new(http).unwrap().bytes).unwrap();
        let plain = text(&http());
        assert!(plain.starts_with("GET /health?full HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"), "{plain}");
        assert!(plain.ends_with("Connection: close\r\n\r\n"), "{plain}");
        let headers = vec![("host".into(), "example.org".into()), ("X-Key".into(), "a b".into())];
        let six = Host { host: "::1".into(), port: 80 };
        let own = text(&Http { method: "POST".into(), headers, ..http() });
        assert!(
            own.contains("\r\nhost: example.org\r\nX-Key: a b\r\n") && !own.contains("127.0.0.1"),
            "{own}"
        );
        assert!(own.contains("Content-Length: 0\r\n"), "{own}");
        assert!(text(&Http { host: six, ..http() }).contains("Host: [::1]\r\n"));
    }

    #[test]
    fn the_status_decides_as_soon_as_the_head_is_there() {
        let request = Request::new(&http()).unwrap();
        let judge = |answer: &str| request.judge(answer.as_bytes(), false);
        assert_eq!(judge(""), None);
        assert_eq!(judge("HTTP/1.1 200 OK\r\nA: b\r\n"), None);
        assert_eq!(judge("HTTP/1.1 200 OK\r\nA: b\r\n\r\n"), Some(Ok("HTTP 200 OK".into())));
        assert_eq!(judge("HTTP/1.0 204\n\n"), Some(Ok("HTTP 204".into())));
        assert_eq!(judge("HTTP/1.1 302 Found\r\n\r\n"), Some(Err("HTTP 302 Found".into())));
        assert_eq!(
            judge("HTTP/1.1 503 Service Unavailable\r\n\r\nno database\r\nmore"),
            Some(Err("HTTP 503 Service Unavailable: no database".into()))
        );
        assert_eq!(judge("HTTP/1.1 500 No\r\n\r\n<html>"), Some(Err("HTTP 500 No".into())));
        let interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
        assert_eq!(judge(interim), None);
        assert_eq!(judge(&format!("{interim}HTTP/1.1 200 OK\r\n\r\n")), Some(Ok("HTTP 200 OK".into())));
    }

    #[test]
    fn what_is_no_answer_is_told_as_that() {
        let request = Request::new(&http()).unwrap();
        let other = Some(Err("what answers does not speak HTTP/1.1".to_owned()));
        for answer in ["SSH-2.0-x", "HTTP/2", "\0\0\x12\x04", "HTTP/1.1 abc\r\n", "HTTP/1.1 20\r\n\r\n"] {
            assert_eq!(request.judge(answer.as_bytes(), false), other, "{answer:?}");
        }
        assert_eq!(request.judge(b"HTTP/1.1 200 OK\r\n", true), other);
        let closed = Some(Err("the connection was closed without an answer".to_owned()));
        assert_eq!(request.judge(b"", true), closed);
    }

    #[test]
    fn a_body_is_matched_when_it_is_whole_however_it_comes() {
        let request = with_body("^all (is )?well$");
        let well = Some(Ok("HTTP 200 OK".to_owned()));
        let not = Some(Err("HTTP 200 OK, but its body does not match".to_owned()));
        let answer = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes();
        let judge = |rest: &str| request.judge(&answer(rest), false);
        assert_eq!(judge("Content-Length: 8\r\n\r\nall wel"), None);
        assert_eq!(judge("Content-Length: 8\r\n\r\nall well"), well);
        assert_eq!(judge("content-length: 8\r\n\r\nall hell"), not);
        assert_eq!(judge("\r\nall well"), None, "it ends with the connection");
        assert_eq!(request.judge(&answer("\r\nall well"), true), well);
        assert_eq!(request.judge(&answer("\r\nall well\n"), true), well);
        let chunked = "Transfer-Encoding: chunked\r\n\r\n4\r\nall \r\n7;x=y\r\nis well\r\n";
        assert_eq!(judge(chunked), None);
        assert_eq!(judge(&format!("{chunked}0\r\n\r\n")), well);
        assert_eq!(request.judge(&answer("Transfer-Encoding: chunked\r\n\r\n9\r\nall well"), true), well);
        let empty = Request::new(&Http { method: "HEAD".into(), body: Some("^$".into()), ..http() }).unwrap();
        assert_eq!(empty.judge(&answer("Content-Length: 8\r\n\r\n"), false), well);
    }

    proptest! {
        #[test]
        fn no_answer_is_too_strange(
            head in "(HTTP/1\\.[01] [0-9]{0,5} ?[a-z]{0,5}\r?\n){0,2}((transfer-encoding: ?chunked|content-length: [0-9]{1,30}|x)\r\n){0,2}(\r\n)?",
            rest in prop::collection::vec(any::<u8>(), 0..60),
            chunk in "([0-9a-f]{0,17}\r\n.{0,20}\r\n){0,3}",
        ) {
            let mut answer = head.into_bytes();
            answer.extend(chunk.into_bytes());
            answer.extend(rest);
            let request = with_body("x");
            for end in 0..=answer.len() {
                request.judge(&answer[..end], false);
            }
            prop_assert!(request.judge(&answer, true).is_some());
        }
    }
}
