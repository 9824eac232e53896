//! `[limits]` and `capabilities`.

use super::reader::{Located, Reader};
use super::suggest;
use super::tree::{Node, Value};
use crate::model::{Limit, Resource, capability_names, capability_number, parse_size, sort};

/// The resources by their keys, and whether they count bytes.
const RESOURCES: [(&str, Resource, bool); 16] = [
    ("as", Resource::As, true),
    ("core", Resource::Core, true),
    ("cpu", Resource::Cpu, false),
    ("data", Resource::Data, true),
    ("fsize", Resource::Fsize, true),
    ("locks", Resource::Locks, false),
    ("memlock", Resource::Memlock, true),
    ("msgqueue", Resource::Msgqueue, true),
    ("nice", Resource::Nice, false),
    ("nofile", Resource::Nofile, false),
    ("nproc", Resource::Nproc, false),
    ("rss", Resource::Rss, true),
    ("rtprio", Resource::Rtprio, false),
    ("rttime", Resource::Rttime, false),
    ("sigpending", Resource::Sigpending, false),
    ("stack", Resource::Stack, true),
];

/// The keys of `[limits]`.
pub fn names() -> Vec<&'static str> {
    RESOURCES.iter().map(|(name, ..)| *name).collect()
}

/// Reads `[limits]`.
pub fn limits(reader: &Reader<'_, '_>) -> Vec<Limit> {
    let limit = |(key, resource, bytes): &(&'static str, Resource, bool)| {
        let node = reader.node(key)?;
        let (soft, hard) = bounds(reader, key, node, *bytes)?;
        Some(Limit { resource: *resource, soft, hard })
    };
    RESOURCES.iter().filter_map(limit).collect()
}

type Bound = Option<u64>;

fn bounds(reader: &Reader<'_, '_>, key: &str, node: &Node<'_>, bytes: bool) -> Option<(Bound, Bound)> {
    let name = reader.group.path(key);
    let parsed = match &node.value {
        Value::Integer(number) => {
            u64::try_from(*number).map(|n| (Some(n), Some(n))).map_err(|_| format!("`{name}` is negative"))
        }
        Value::Text(text) => {
            let text = reader.scope.text(node, text)?;
            let (soft, hard) = text.split_once(':').unwrap_or((&text, &text));
            bound(soft, bytes).and_then(|soft| Ok((soft, bound(hard, bytes)?)))
        }
        _ => {
            reader.mismatch(key, node);
            return None;
        }
    };
    match parsed {
        Ok((soft, hard)) if soft.unwrap_or(u64::MAX) > hard.unwrap_or(u64::MAX) => {
            reader.invalid(node.span, format!("`{name}`: the soft limit is above the hard limit"), None);
            None
        }
        Ok(bounds) => Some(bounds),
        Err(message) => {
            reader.invalid(node.span, message, None);
            None
        }
    }
}

fn bound(text: &str, bytes: bool) -> Result<Bound, String> {
    let text = text.trim();
    if matches!(text, "unlimited" | "infinity") {
        return Ok(None);
    }
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if number.is_empty() || !number.trim_end().bytes().all(|byte| byte.is_ascii_digit()) {
        let message =
            format!("`{text}` is no limit; write a number, \"unlimited\", or \"SOFT:HARD\" of the two");
        return Err(message);
    }
    if !bytes && number != text {
        return Err(format!("`{text}` has a unit, but this limit counts no bytes"));
    }
    parse_size(text).map(Some)
}

/// Reads `capabilities`: `net-bind-service` or `CAP_NET_BIND_SERVICE`.
pub fn capabilities(reader: &Reader<'_, '_>) -> Option<Vec<u8>> {
    let number = |Located { value, span }: Located<String>| {
        let found = capability_number(&value);
        if found.is_none() {
            let written = |name: &str| name.to_ascii_lowercase().replace('_', "-");
            let lower = written(&value);
            let known: Vec<String> = capability_names().map(written).collect();
            let name = lower.strip_prefix("cap-").unwrap_or(&lower);
            let help = suggest::did_you_mean(name, known.iter().map(String::as_str));
            reader.invalid(span, format!("`{value}` is no capability"), help);
        }
        found
    };
    let mut list: Vec<u8> = reader.texts("capabilities")?.into_iter().filter_map(number).collect();
    sort(&mut list);
    list.dedup();
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_sizes_or_unlimited() {
        for (text, bytes, value) in [
            ("1024", false, Some(1024)),
            ("unlimited", false, None),
            ("64MiB", true, Some(64 << 20)),
            ("10 MB", true, Some(10_000_000)),
        ] {
            assert_eq!(bound(text, bytes), Ok(value), "{text}");
        }
        for (text, bytes) in [("", true), ("-1", true), ("1x", true), ("64MiB", false), ("99999999TiB", true)]
        {
            assert!(bound(text, bytes).is_err(), "{text}");
        }
    }
}
