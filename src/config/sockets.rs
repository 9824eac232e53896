//! `[[socket]]`: what the supervisor listens on for a service. And the addresses of it.

use super::diagnostic::{Code, Diagnostic, Span};
use super::presence;
use super::probe::{Fault, port, unix};
use super::process::{identity, octal};
use super::reader::{Located, Reader};
use super::service::{Context, Draft};
use super::tree::Value;
use crate::model::{Kind, Listen, Listener};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Connections that wait to be accepted, where nothing else is said: what Linux allows by default.
const BACKLOG: u32 = 4096;
/// Of the name of a socket, as systemd has it.
const LONGEST_NAME: usize = 255;
/// Sockets of one service: with what it stores beside them, still below the usual limit of 1024 open files.
const MOST: usize = 256;

/// Reads all `[[socket]]`, each with the place of its `listen`.
pub fn sockets(
    context: &Context<'_>,
    outer: &Reader<'_, '_>,
    stem: &str,
    kind: Kind,
) -> Vec<(Listener, Span)> {
    if kind == Kind::Oneshot {
        let help = "only a daemon serves what connects";
        outer.conflict("socket", "`[[socket]]` on a oneshot", help, outer.key_span("type"));
    }
    if let Some(Value::Table(_)) = outer.node("socket").map(|node| &node.value) {
        let span = outer.key_span("socket").unwrap_or(Span::whole(outer.scope.home));
        let help = "write [[socket]], for there may be several".to_owned();
        let message = "`socket` must be an array of tables, not a table";
        outer.scope.findings.error(Code::Type, span, message, Some(help));
        return Vec::new();
    }
    let readers = outer.inners("socket");
    if let Some((reader, span)) = readers.get(MOST) {
        reader.invalid(*span, format!("more than {MOST} sockets in one service"), None);
    }
    readers.iter().filter_map(|(reader, place)| socket(context, reader, *place, stem)).collect()
}

fn socket(
    context: &Context<'_>,
    reader: &Reader<'_, '_>,
    place: Span,
    stem: &str,
) -> Option<(Listener, Span)> {
    let name = match reader.text("name") {
        Some(name) => {
            let fine = !name.value.is_empty()
                && name.value.len() <= LONGEST_NAME
                && !name.value.contains(|c: char| c == ':' || !c.is_ascii() || c.is_ascii_control());
            if !fine {
                let message = format!("`{}` is no name of a socket", name.value.escape_debug());
                let help = format!("up to {LONGEST_NAME} characters of ASCII, without `:`");
                reader.invalid(name.span, message, Some(help));
            }
            name.value
        }
        None => stem.to_owned(),
    };
    let mode = octal(reader, "mode", "mode");
    let (user, group) = (identity(reader, "user"), identity(reader, "group"));
    let backlog = reader.integer("backlog").and_then(|count| u32::try_from(count.value).ok());
    let reuse_port = reader.boolean("reuse-port").is_some_and(|flag| flag.value);
    if context.checks_presence() {
        presence::owner(context, reader, user.as_deref(), group.as_deref());
    }
    let Some(text) = reader.text("listen") else {
        if reader.node("listen").is_none() && !reader.seems_to_have(&["listen"]) {
            let help = "write listen = \"0.0.0.0:80\" or listen = \"/run/x.sock\"".to_owned();
            reader.scope.findings.error(Code::Missing, place, "a `[[socket]]` without `listen`", Some(help));
        }
        return None;
    };
    let span = text.span;
    let listen = listen(reader, text)?;
    let why = reader.key_span("listen");
    let (is_path, is_internet) = match &listen {
        Listen::Tcp(_) | Listen::Udp(_) => (false, true),
        Listen::Unix(path) | Listen::UnixDatagram(path) => (path.starts_with('/'), false),
    };
    for key in ["mode", "user", "group"] {
        if !is_path {
            let message = format!("`socket.{key}` without a path that could have it");
            reader.conflict(key, message, "only the path of a Unix socket has an owner and a mode", why);
        }
    }
    if !is_internet && reuse_port {
        let message = "`socket.reuse-port` on a Unix socket";
        reader.conflict("reuse-port", message, "only ports can be shared", why);
    }
    if matches!(listen, Listen::Udp(_) | Listen::UnixDatagram(_)) {
        let message = "`socket.backlog` on a socket without connections";
        reader.conflict("backlog", message, "datagrams wait in the receive buffer", why);
    }
    let backlog = backlog.unwrap_or(BACKLOG);
    Some((Listener { name, listen, mode, user, group, backlog, reuse_port }, span))
}

fn listen(reader: &Reader<'_, '_>, text: Located<String>) -> Option<Listen> {
    let found = match text.value.as_str() {
        value if value.starts_with(['/', '@']) => {
            return unix(reader, "listen", text).map(Listen::Unix);
        }
        value => match (value.strip_prefix("unixgram:"), value.strip_prefix("udp:")) {
            (Some(path), _) => {
                let path = Located { value: path.to_owned(), span: text.span };
                return unix(reader, "listen", path).map(Listen::UnixDatagram);
            }
            (_, Some(rest)) => address(rest).map(Listen::Udp),
            _ => address(value).map(Listen::Tcp),
        },
    };
    found.map_or_else(|fault| fault.report(reader, "listen", &text), Some)
}

/// `ADDRESS:PORT`; a port alone stands for all addresses, of IPv4 too.
pub fn address(text: &str) -> Result<SocketAddr, Fault> {
    let (host, number) = match text.rsplit_once(':') {
        None => ("", text),
        Some(parts) => parts,
    };
    let is_host = |text: &str| !text.bytes().all(|byte| byte.is_ascii_digit());
    if !text.contains(':') && is_host(text) {
        let help = "write \"ADDRESS:PORT\", \"udp:ADDRESS:PORT\", \"/path\" or \"@name\"";
        return Err(Fault::new(format!("`{text}` is no address"), help));
    }
    let port = port(number)?;
    if host.is_empty() {
        return Ok(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port));
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let parsed = match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().map(IpAddr::V6).ok(),
        None => host.parse::<std::net::Ipv4Addr>().map(IpAddr::V4).ok(),
    };
    parsed.map(|ip| SocketAddr::new(ip, port)).ok_or_else(|| match host {
        "*" => Fault::new("`*` is no address", &format!("write \":{port}\" for all addresses")),
        _ if host.parse::<Ipv6Addr>().is_ok() => {
            Fault::new(format!("`{text}` is ambiguous"), &format!("write \"[{host}]:{port}\""))
        }
        _ if host.eq_ignore_ascii_case("localhost") => {
            let help = format!("write \"127.0.0.1:{port}\" or \"[::1]:{port}\"");
            Fault::new("names are not resolved", &help)
        }
        _ => {
            let help = format!("write an address, or \":{port}\" for all addresses");
            Fault::new(format!("`{host}` is no address, and names are not resolved"), &help)
        }
    })
}

/// A socket of a service.
struct Taken<'d> {
    service: &'d str,
    listener: &'d Listener,
    span: Span,
}

/// Reports sockets that cannot both be there.
pub fn check(context: &Context<'_>, drafts: &[Draft<'_>]) {
    let mut taken: BTreeMap<(u8, u16), Vec<Taken<'_>>> = BTreeMap::new();
    for draft in drafts {
        for (listener, span) in draft.service.sockets.iter().zip(&draft.listens) {
            let place = match &listener.listen {
                Listen::Tcp(address) => (0, address.port()),
                Listen::Udp(address) => (1, address.port()),
                // A datagram socket at the same path is in the way as well.
                Listen::Unix(_) | Listen::UnixDatagram(_) => (2, 0),
            };
            let others = taken.entry(place).or_default();
            let one = Taken { service: &draft.service.name, listener, span: *span };
            let in_the_way = |other: &&Taken<'_>| {
                overlap(&other.listener.listen, &listener.listen)
                    && !(listener.reuse_port && other.listener.reuse_port)
            };
            match others.iter().find(in_the_way) {
                Some(other) => context.findings.push(collision(&one, other)),
                None => others.push(one),
            }
        }
    }
}

fn collision(one: &Taken<'_>, other: &Taken<'_>) -> Diagnostic {
    let message = match one.service == other.service {
        true => format!("`{}` listens there twice", one.service),
        false => format!("`{}` and `{}` both listen there", one.service, other.service),
    };
    let help = if one.span == other.span {
        "give each instance an address of its own with {instance}, or share the port with `reuse-port = true`"
    } else if matches!(one.listener.listen, Listen::Unix(_) | Listen::UnixDatagram(_)) {
        "give one of them another path"
    } else if one.listener.listen != other.listener.listen {
        "one of them takes all addresses; `[::]` those of IPv4 too"
    } else {
        "give one of them another port, or `reuse-port = true` to both"
    };
    let mut error = Diagnostic::error(Code::Conflict, one.span, message);
    if one.span != other.span {
        error = error.related(other.span, "the other one");
    }
    error.help(help.to_owned())
}

/// Whether the kernel has them in each other's way, if both are of the same protocol and port.
fn overlap(one: &Listen, other: &Listen) -> bool {
    use Listen::{Tcp, Udp, Unix, UnixDatagram};
    match (one, other) {
        (Tcp(a), Tcp(b)) | (Udp(a), Udp(b)) => {
            let covers = |a: IpAddr, b: IpAddr| a.is_unspecified() && (a.is_ipv6() || b.is_ipv4());
            a.ip() == b.ip() || covers(a.ip(), b.ip()) || covers(b.ip(), a.ip())
        }
        (Unix(a) | UnixDatagram(a), Unix(b) | UnixDatagram(b)) => a == b,
        _ => false,
    }
}
