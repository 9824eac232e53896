//! What of `[Service]` says how it ends, and what follows.

use super::commands::Way;
use super::unit::Setting;
use super::{Making, values};
use crate::model::{Signal, format_duration};
use std::time::Duration;

/// The longest shutdown of foster, where nothing else is said.
const SHUTDOWN: Duration = Duration::from_secs(9);

pub fn restart(making: &mut Making<'_, '_>, setting: &Setting, value: &str) {
    if value == "always" && making.draft.get("type").is_some() {
        let why = "a oneshot ends after its success: `restart.policy = \"on-failure\"` repeats it until then";
        return making.not_carried(setting, why);
    }
    let (policy, why) = match value {
        "no" => ("never", None),
        "always" => ("always", None),
        "on-failure" => (
            "on-failure",
            Some(
                "an end by SIGHUP, SIGINT, SIGTERM or SIGPIPE is a failure here, unless `success-codes` names it",
            ),
        ),
        "on-abnormal" | "on-abort" | "on-watchdog" => (
            "on-failure",
            Some("it is restarted after every failure: `restart.never-on` names codes after which it is not"),
        ),
        "on-success" => {
            making.draft.set("restart.policy", "never", setting.span);
            return making
                .not_carried(setting, "nothing is restarted after a success alone: `restart.policy`");
        }
        other => {
            return making.not_carried(setting, format!("`{other}` is none of no, always, on-failure"));
        }
    };
    making.draft.set("restart.policy", policy, setting.span);
    match why {
        None => making.exact(setting, "restart.policy"),
        Some(why) => making.nearly(setting, "restart.policy", why),
    }
}

/// Names of exit codes, as of sysexits.h.
const CODES: &[(&str, i64)] = &[
    ("SUCCESS", 0),
    ("FAILURE", 1),
    ("USAGE", 64),
    ("DATAERR", 65),
    ("NOINPUT", 66),
    ("NOUSER", 67),
    ("NOHOST", 68),
    ("UNAVAILABLE", 69),
    ("SOFTWARE", 70),
    ("OSERR", 71),
    ("OSFILE", 72),
    ("CANTCREAT", 73),
    ("IOERR", 74),
    ("TEMPFAIL", 75),
    ("PROTOCOL", 76),
    ("NOPERM", 77),
    ("CONFIG", 78),
];

pub fn exits(making: &mut Making<'_, '_>, setting: &Setting, value: &str, key: &str) {
    use crate::config::tree::{Node, Value};
    let node = |value| Node { span: setting.span, value };
    let mut list: Vec<Node<'static>> = match making.draft.get(key) {
        Some(Value::List(list)) => list.clone(),
        _ if key == "restart.success-codes" => vec![node(Value::Integer(0))],
        _ => Vec::new(),
    };
    for word in value.split_whitespace() {
        let code = word.parse::<i64>().ok().filter(|code| (0..=255).contains(code));
        let code = code.or_else(|| CODES.iter().find(|(name, _)| *name == word).map(|(_, code)| *code));
        let signal = word.parse::<Signal>().ok().map(|signal| signal.to_string());
        match (code, signal) {
            (Some(code), _) => list.push(node(Value::Integer(code))),
            (None, Some(signal)) => list.push(node(Value::from(signal))),
            _ => {
                return making.not_carried(setting, format!("`{word}` is neither an exit code nor a signal"));
            }
        }
    }
    list.dedup_by(|a, b| matches!((&a.value, &b.value), (Value::Integer(a), Value::Integer(b)) if a == b));
    making.draft.set(key, Value::List(list), setting.span);
    making.exact(setting, key);
}

pub fn timeout(making: &mut Making<'_, '_>, setting: &Setting, value: &str, way: Way) {
    let span = match values::span(value) {
        Ok(span) => span.filter(|span| !span.is_zero()),
        Err(why) => return making.not_carried(setting, why),
    };
    let notifies = making.draft.get("ready.notify").is_some();
    let (starts, stops) = (setting.key != "TimeoutStopSec", setting.key != "TimeoutStartSec");
    let mut became = Vec::new();
    let mut why = None;
    if starts && notifies {
        became.push("ready.timeout");
        // One without an end would be one of a year.
        let span = span.unwrap_or(Duration::from_secs(86_400));
        making.draft.set("ready.timeout", format_duration(span), setting.span);
    } else if starts && way == Way::Oneshot && span.is_some() {
        why = Some("a oneshot has the time that it takes: begin its command with `timeout`");
    }
    if stops {
        match span {
            Some(span) => {
                became.push("stop.timeout");
                making.draft.set("stop.timeout", format_duration(span), setting.span);
                if span > SHUTDOWN {
                    why = Some(
                        "at the end of the container all have 9 s together: `[shutdown] timeout` in foster.toml",
                    );
                }
            }
            None => {
                why = Some(
                    "every stop has an end, after 5 s: `stop.timeout`, and `[shutdown] timeout` in foster.toml",
                )
            }
        }
    }
    match why {
        Some(why) => making.nearly(setting, &became.join(", "), why),
        None => making.exact(setting, &became.join(", ")),
    }
}

pub fn kill_mode(making: &mut Making<'_, '_>, setting: &Setting, value: &str) {
    match value {
        "control-group" => making.exact(setting, ""),
        "process" => {
            making.draft.set("stop.group", false, setting.span);
            making.exact(setting, "stop.group");
        }
        "mixed" => {
            making.draft.set("stop.group", false, setting.span);
            making.nearly(
                setting,
                "stop.group",
                "what the main process leaves behind is killed with the container, not before",
            );
        }
        _ => making.not_carried(setting, "a stop always sends a signal: `[stop]`"),
    }
}
