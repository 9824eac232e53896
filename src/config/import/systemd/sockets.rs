//! `[Socket]`: what the supervisor listens on for a service.

use super::super::draft::literal;
use super::unit::{Unit, specifiers};
use super::{Making, Units, order, settings};
use crate::config::diagnostic::Span;
use crate::config::tree::{Entry, Node, Table, Value};

/// The service that a socket or a timer starts.
pub fn service_of<'u>(units: &'u Units, unit: &Unit) -> Option<&'u Unit> {
    let key = if unit.kind() == "socket" { "Service" } else { "Unit" };
    let name = match unit.value(key) {
        Some(name) => specifiers(name, &unit.name).ok()?,
        None => format!("{}.service", unit.stem()),
    };
    units.get(&name).filter(|unit| unit.kind() == "service")
}

/// Reads the sockets of a service; whether something that arrives there is what starts it.
pub fn sockets(making: &mut Making<'_, '_>) -> bool {
    let units = making.units;
    let mut list: Vec<Node<'static>> = Vec::new();
    for unit in units.starting(making.unit, "socket") {
        list.extend(socket(making, unit));
    }
    let Some(span) = list.first().map(|node| node.span) else { return false };
    making.draft.set("socket", Value::List(list), span);
    let is_at_boot = units.is_directory && order::is_installed(making);
    if !is_at_boot {
        making.draft.set("on-demand", true, span);
    }
    true
}

fn socket(making: &mut Making<'_, '_>, unit: &Unit) -> Vec<Node<'static>> {
    let mut listens: Vec<(String, Span)> = Vec::new();
    let mut more: Vec<(&'static str, Value<'static>, Span)> = Vec::new();
    for setting in &unit.settings {
        let value = match specifiers(&setting.value, &unit.name) {
            Ok(value) => value,
            Err(why) => {
                making.not_carried(setting, why);
                continue;
            }
        };
        let mut carry = |key: &'static str, value: Value<'static>, making: &mut Making<'_, '_>| {
            // The last one counts.
            more.retain(|(known, ..)| *known != key);
            more.push((key, value, setting.span));
            making.exact(setting, &format!("socket.{key}"));
        };
        match setting.key.as_str() {
            key if key.starts_with("Listen") && value.is_empty() => {
                listens.clear();
                making.exact(setting, "");
            }
            "ListenStream" | "ListenDatagram" => match address(&value, setting.key == "ListenDatagram") {
                Some(address) => {
                    listens.push((address, setting.span));
                    making.exact(setting, "socket.listen");
                }
                None => making.not_carried(setting, "sockets are of TCP, UDP and Unix"),
            },
            "SocketUser" => carry("user", literal(&value).into(), making),
            "SocketGroup" => carry("group", literal(&value).into(), making),
            "SocketMode" => carry("mode", format!("{:0>3}", value.trim_start_matches('0')).into(), making),
            "FileDescriptorName" => carry("name", literal(&value).into(), making),
            "Backlog" => match value.parse::<i64>() {
                Ok(count) => carry("backlog", count.clamp(1, 65535).into(), making),
                Err(_) => making.not_carried(setting, format!("`{value}` is no count")),
            },
            "ReusePort" => match super::values::boolean(&value) {
                Ok(value) => carry("reuse-port", value.into(), making),
                Err(why) => making.not_carried(setting, why),
            },
            "Accept" if super::values::boolean(&value) != Ok(false) => {
                let why = "foster accepts nothing itself: the service does, with `[[socket]]`, or socat does for it";
                making.not_carried(setting, why);
            }
            "Accept"
            | "Service"
            | "RemoveOnStop"
            | "Description"
            | "Documentation"
            | "WantedBy"
            | "PassCredentials"
            | "After"
            | "Before"
            | "PartOf"
            | "DefaultDependencies"
            | "Requires"
            | "Wants"
            | "Conflicts"
            | "RequiredBy"
            | "Also"
            | "Alias" => making.exact(setting, ""),
            "DirectoryMode" => making.nearly(setting, "", "the directory has to be there"),
            key if key.starts_with("Listen") => {
                making.not_carried(setting, "sockets are of TCP, UDP and Unix")
            }
            key if key.starts_with("Condition") => {
                making.not_carried(setting, "what has a condition is the service: `[when]`");
            }
            _ if setting.section == "Socket" => {
                making.not_carried(
                    setting,
                    "sockets have no such option here: the service can set it (setsockopt(2))",
                );
            }
            _ => settings::other(making, setting),
        }
    }
    listens.into_iter().map(|(address, span)| table(&address, span, &more)).collect()
}

/// A `[[socket]]`.
fn table(address: &str, span: Span, more: &[(&'static str, Value<'static>, Span)]) -> Node<'static> {
    let entry = |key: &'static str, value: Value<'static>, span: Span| Entry {
        key: key.into(),
        key_span: span,
        node: Node { span, value },
    };
    let is_path = address.starts_with('/') || address.starts_with("unixgram:/");
    let is_datagram = address.starts_with("unixgram:") || address.starts_with("udp:");
    let mut entries = vec![entry("listen", literal(address).into(), span)];
    for (key, value, span) in more {
        let fits = match *key {
            "user" | "group" | "mode" => is_path,
            "backlog" => !is_datagram,
            "reuse-port" => !address.starts_with(['/', '@']) && !address.starts_with("unixgram:"),
            _ => true,
        };
        if fits {
            entries.push(entry(key, value.clone(), *span));
        }
    }
    Node { span, value: Value::Table(Table { entries }) }
}

fn address(text: &str, is_datagram: bool) -> Option<String> {
    let is_unix = text.starts_with(['/', '@']);
    if text.contains("vsock") || (!is_unix && text.contains('/')) {
        return None;
    }
    Some(match (is_unix, is_datagram) {
        (_, false) => text.to_owned(),
        (true, true) => format!("unixgram:{text}"),
        (false, true) => format!("udp:{text}"),
    })
}
