//! What `[ready]` and `[health]` look at a service with: `http`, `tcp`, `unix` and `exec`.

use super::command::argv;
use super::reader::{Located, Reader};
use super::tree::{Node, Value};
use crate::model::{Host, Http, Probe, Socket};
use std::net::IpAddr;

/// The keys of a probe, of which one is given at most.
pub const PROBES: [&str; 4] = ["http", "tcp", "unix", "exec"];
/// The keys that say more of `http`.
const OF_HTTP: [&str; 4] = ["method", "status", "headers", "body"];

/// Reads the probe under one of [`PROBES`].
pub fn probe(reader: &Reader<'_, '_>, key: &'static str) -> Option<Probe> {
    match key {
        "http" => http(reader).map(Probe::Http),
        "tcp" => {
            let text = reader.text(key)?;
            match host(&text.value, None) {
                Ok(host) => Some(Probe::Tcp(host)),
                Err(fault) => fault.report(reader, key, &text),
            }
        }
        "unix" => reader.text(key).and_then(|text| unix(reader, key, text)).map(Probe::Unix),
        _ => argv(reader, key).map(|argv| Probe::Exec(argv.value)),
    }
}

/// A path, or `@name`, that the address of a Unix socket has room for.
pub fn unix(reader: &Reader<'_, '_>, key: &'static str, text: Located<String>) -> Option<String> {
    let Located { value, span } = text;
    let fault = match value.strip_prefix('@') {
        Some("") => Some("has no name behind the `@`".to_owned()),
        None if !value.starts_with('/') => {
            Some(format!("must be an absolute path or \"@name\", not `{value}`"))
        }
        _ if value.len() > Socket::LONGEST => {
            Some(format!("has {} bytes; a Unix socket takes {} at most", value.len(), Socket::LONGEST))
        }
        _ => None,
    };
    match fault {
        Some(fault) => {
            reader.invalid(span, format!("`{}` {fault}", reader.group.path(key)), None);
            None
        }
        None => Some(value),
    }
}

/// What is wrong with an address, and what to write instead.
pub struct Fault {
    message: String,
    help: Option<String>,
}

impl Fault {
    pub fn new(message: impl Into<String>, help: &str) -> Self {
        Self { message: message.into(), help: (!help.is_empty()).then(|| help.to_owned()) }
    }

    /// "`KEY`: what is wrong".
    pub fn report<T>(self, reader: &Reader<'_, '_>, key: &str, text: &Located<String>) -> Option<T> {
        reader.invalid(text.span, format!("`{}`: {}", reader.group.path(key), self.message), self.help);
        None
    }

    /// For where there is no key.
    pub fn parts(self) -> (String, Option<String>) {
        (self.message, self.help)
    }
}

/// `HOST:PORT`, or `HOST` alone where there is a usual port.
fn host(text: &str, usual: Option<u16>) -> Result<Host, Fault> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) if address.contains(':') => {
            (address, rest.strip_prefix(':').or(not_empty(rest)))
        }
        Some(_) => return Err(Fault::new(format!("`{text}` is no address"), "")),
        // More than one colon is an address of IPv6 without its brackets.
        None if text.matches(':').count() > 1 => {
            return Err(Fault::new(format!("`{text}` is ambiguous"), "write [ADDRESS]:PORT"));
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match (port, usual) {
        (Some(port), _) => self::port(port)?,
        (None, Some(usual)) => usual,
        (None, None) => return Err(Fault::new(format!("`{text}` has no port"), "write HOST:PORT")),
    };
    let host = match host.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) if host.eq_ignore_ascii_case("localhost") => "localhost".to_owned(),
        Err(_) if host.is_empty() => {
            let help = format!("write localhost:{port}");
            return Err(Fault::new("the host is missing", &help));
        }
        Err(_) => {
            let message = format!("cannot look for `{host}`: names are not resolved");
            return Err(Fault::new(message, "write an address or localhost"));
        }
    };
    Ok(Host { host, port })
}

fn not_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// A port, 1 to 65535.
pub fn port(text: &str) -> Result<u16, Fault> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse::<u16>().ok().filter(|port| digits && *port > 0);
    port.ok_or_else(|| Fault::new(format!("`{text}` is no port; ports are from 1 to 65535"), ""))
}

fn http(reader: &Reader<'_, '_>) -> Option<Http> {
    let method = method(reader);
    let status = match reader.node("status") {
        Some(node) => status(reader, node),
        None => Some(vec![(200, 399)]),
    };
    let headers = headers(reader);
    let body = regex(reader, "body");
    if let (Some("HEAD"), Some(method)) = (method.as_deref(), reader.key_span("method")) {
        let help = "use \"GET\"";
        reader.conflict("body", "the answer to HEAD has no body", help, Some(method));
    }
    let url = reader.text("http")?;
    let (host, path) = match self::url(&url.value) {
        Ok(parts) => parts,
        Err(fault) => return fault.report(reader, "http", &url),
    };
    Some(Http { host, path, method: method?, status: status?, headers: headers?, body: body? })
}

/// Reports what says more of `http` where that is not what is looked at, but `chosen`; and reads it, for what is wrong in
/// it.
pub fn without_http(reader: &Reader<'_, '_>, chosen: &'static str) {
    if reader.node("http").is_some() {
        return;
    }
    let why = reader.key_span(chosen);
    for key in OF_HTTP {
        if reader.given_with(key, why) {
            let message = format!("`{}` without `{}`", reader.group.path(key), reader.group.path("http"));
            reader.conflict(key, message, "it says more of a request", why);
        }
    }
    let _ = (method(reader), headers(reader), regex(reader, "body"));
    let _ = reader.node("status").and_then(|node| status(reader, node));
}

/// Host and port, and path with query, of a URL.
fn url(text: &str) -> Result<(Host, String), Fault> {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    if lower.starts_with("https://") {
        let help = "use `exec` with a client, or a port without TLS";
        return Err(Fault::new("https is not spoken", help));
    }
    let Some(rest) = lower.starts_with("http://").then(|| text.get(7..)).flatten() else {
        return Err(Fault::new(format!("`{text}` is no URL"), "write \"http://HOST:PORT/PATH\""));
    };
    if text.contains('#') {
        return Err(Fault::new("a URL with a `#` part, which no server gets to see", "leave it out"));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        let help = "give a header instead: headers = { Authorization = \"Basic …\" }";
        return Err(Fault::new("user and password cannot stand in the URL", help));
    }
    if let Some(c) = path.chars().find(|c| !c.is_ascii_graphic()) {
        let message = format!("`{}` cannot stand in a URL", c.escape_default());
        return Err(Fault::new(message, "write it as %XX"));
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok((host(authority, Some(80))?, format!("{slash}{path}")))
}

/// What may stand in a method and in the name of a header: a token of RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fine)
}

/// `None` if it makes no sense.
fn method(reader: &Reader<'_, '_>) -> Option<String> {
    if reader.node("method").is_none() {
        return Some("GET".to_owned());
    }
    let text = reader.text("method")?;
    // CONNECT asks for a tunnel, not for a path.
    if is_token(&text.value) && text.value != "CONNECT" {
        return Some(text.value);
    }
    let message = format!("`{}` cannot be `{}`", reader.group.path("method"), text.value);
    reader.invalid(text.span, message, Some("write GET, HEAD or POST".to_owned()));
    None
}

/// One code or range, or several.
fn status(reader: &Reader<'_, '_>, node: &Node<'_>) -> Option<Vec<(u16, u16)>> {
    let one = |node: &Node<'_>| {
        let text = match &node.value {
            Value::Integer(code) => code.to_string(),
            Value::Text(text) => reader.scope.text(node, text)?.into_owned(),
            _ => {
                reader.mismatch("status", node);
                return None;
            }
        };
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        let code = |text: &str| text.trim().parse::<u16>().ok().filter(|code| (100..=599).contains(code));
        let range = code(first).zip(code(last)).filter(|(first, last)| first <= last);
        if range.is_none() {
            let message = format!("`{text}` is no HTTP status: they are from 100 to 599");
            reader.invalid(node.span, message, Some("write 204 or \"200-299\"".to_owned()));
        }
        range
    };
    let Value::List(list) = &node.value else { return one(node).map(|range| vec![range]) };
    if list.is_empty() {
        let message = format!("`{}` is empty, so no answer is a good one", reader.group.path("status"));
        reader.invalid(node.span, message, None);
        return None;
    }
    // All of them, for what is wrong in each.
    let ranges: Vec<_> = list.iter().map(one).collect();
    ranges.into_iter().collect()
}

/// What a request cannot do without being wrong, and is written by the one who makes it.
const OWN: [&str; 4] = ["connection", "content-length", "transfer-encoding", "upgrade"];

fn headers(reader: &Reader<'_, '_>) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    if reader.node("headers").is_none() {
        return Some(headers);
    }
    let mut fine = true;
    for entry in &reader.table("headers")?.entries {
        let name = format!("{}.{}", reader.group.path("headers"), entry.key);
        let Value::Text(text) = &entry.node.value else {
            reader.scope.mismatch(&format!("`{name}`"), "a string", &entry.node);
            fine = false;
            continue;
        };
        let Some(value) = reader.scope.text(&entry.node, text) else {
            fine = false;
            continue;
        };
        let control = |c: char| c.is_control() && c != '\t';
        let fault = if !is_token(&entry.key) {
            Some(format!("`{}` is no name of a header", entry.key.escape_debug()))
        } else if OWN.iter().any(|own| entry.key.eq_ignore_ascii_case(own)) {
            Some(format!("the header `{}` cannot be given: each request is one of its own", entry.key))
        } else if value.contains(control) {
            Some(format!("the header `{}` contains a control character", entry.key))
        } else {
            None
        };
        match fault {
            Some(message) => {
                reader.invalid(entry.key_span, message, None);
                fine = false;
            }
            None => headers.push((entry.key.to_string(), value.trim().to_owned())),
        }
    }
    fine.then_some(headers)
}

/// A regular expression that can be used; the inner `None` is one that is not given.
#[allow(clippy::option_option)]
pub fn regex(reader: &Reader<'_, '_>, key: &'static str) -> Option<Option<String>> {
    if reader.node(key).is_none() {
        return Some(None);
    }
    let text = reader.text(key)?;
    match regex_lite::Regex::new(&text.value) {
        Ok(_) => Some(Some(text.value)),
        Err(why) => {
            let message = format!("`{}` is no regular expression: {why}", reader.group.path(key));
            reader.invalid(text.span, message, None);
            None
        }
    }
}
