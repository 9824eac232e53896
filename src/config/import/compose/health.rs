//! `healthcheck` and `restart`.

use super::super::Reading;
use super::super::draft::{Draft, list};
use super::service::{Key, words};
use super::yaml::{Node, Yaml};
use super::{Compose, Source};
use crate::model::{format_duration, parse_duration};

/// Reads `healthcheck`.
pub fn healthcheck(compose: &Compose<'_>, source: &Source<'_>, key: &Key<'_>, draft: &mut Draft, reading: &mut Reading<'_>) {
    let disabled = key.node.get("disable").is_some_and(Node::says_yes);
    let none = key.node.get("test").is_some_and(|test| match &test.value {
        Yaml::List(list) => list.first().and_then(Node::text) == Some("NONE"),
        _ => false,
    });
    if disabled || none {
        return key.exact("", reading);
    }
    if source.is_oneshot {
        return key.not_carried("others wait for its end, not for its health", reading);
    }
    let Some(test) = key.node.get("test") else {
        return key.not_carried("the test is that of the image, which does not stand here: write `health.exec`", reading);
    };
    let command = match words(compose, test) {
        Ok(command) => command,
        Err(why) => return key.not_carried(&why, reading),
    };
    let argv: Vec<String> = match (&test.value, command.split_first()) {
        (Yaml::Text(_), _) => match super::interpolate::interpolate(test.text().unwrap_or_default(), &compose.known) {
            Ok(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line],
            Err(why) => return key.not_carried(&why, reading),
        },
        (_, Some((first, rest))) if first == "CMD" && !rest.is_empty() => rest.to_vec(),
        (_, Some((first, [line]))) if first == "CMD-SHELL" => {
            vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()]
        }
        _ => return key.not_carried("`test` is a string, or a list after `CMD` or `CMD-SHELL`", reading),
    };
    draft.set("health.exec", list(argv.clone(), test.span), test.span);
    let mut became = vec!["health"];
    if source.is_awaited {
        draft.set("ready.exec", list(argv, test.span), test.span);
        became.push("ready");
    }
    // Docker tells, and does nothing about it.
    draft.set("health.on-failure", "none", key.span).note("As Docker does; `restart` would restart it.");
    for (name, default, path) in [
        ("interval", "30s", "health.interval"),
        ("timeout", "30s", "health.timeout"),
        ("start_period", "", "health.grace"),
    ] {
        let node = key.node.get(name);
        let text = node.and_then(Node::text).unwrap_or(default);
        match duration(text) {
            _ if text.is_empty() => {}
            Some(span) => {
                draft.set(path, span, node.map_or(key.span, |node| node.span));
            }
            None => key.sub(name).not_carried("it is no duration", reading),
        }
    }
    if let Some(node) = key.node.get("retries") {
        match node.text().and_then(|text| text.parse::<i64>().ok()).filter(|count| (1..=1000).contains(count)) {
            Some(count) => {
                draft.set("health.failures", count, node.span);
            }
            None => key.sub("retries").not_carried("it is no count from 1 to 1000", reading),
        }
    }
    for (name, _, _) in key.node.map().unwrap_or_default() {
        if !["test", "interval", "timeout", "start_period", "retries", "disable", "start_interval"].contains(&name.as_str()) {
            key.sub(name).not_carried("unknown key", reading);
        }
    }
    key.exact(&became.join(", "), reading);
}

/// A duration as Go writes them, in foster's way.
pub fn duration(text: &str) -> Option<String> {
    parse_duration(text).ok().map(format_duration)
}

/// Reads `restart`.
pub fn restart(source: &Source<'_>, key: &Key<'_>, draft: &mut Draft, reading: &mut Reading<'_>) {
    let text = key.node.text().unwrap_or("no");
    let (policy, count) = text.split_once(':').map_or((text, None), |(policy, count)| (policy, Some(count)));
    if source.is_oneshot && matches!(policy, "always" | "unless-stopped") {
        return key.not_carried("others wait for its end: it is not restarted after a success", reading);
    }
    let (policy, is_near) = match policy {
        "no" | "false" => ("never", false),
        "always" => ("always", true),
        "unless-stopped" => ("always", true),
        "on-failure" => ("on-failure", false),
        _ => return key.not_carried("it is none of no, always, on-failure, unless-stopped", reading),
    };
    draft.set("restart.policy", policy, key.span);
    if let Some(count) = count {
        match count.parse::<i64>().ok().filter(|count| (0..1_000_000).contains(count)) {
            // Docker counts restarts, foster ends.
            Some(count) => {
                draft.set("restart.limit", count + 1, key.span);
            }
            None => return key.not_carried("the number of restarts is no number", reading),
        }
    } else if is_near {
        let why = "after ten ends in a row it has failed for good: `restart.limit = \"unlimited\"` goes on as Docker does";
        return key.nearly("restart.policy", why, reading);
    }
    key.exact("restart", reading);
}
