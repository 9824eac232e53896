//! `[Service]`.

use super::super::draft::literal;
use super::commands::{self, Way};
use super::unit::{Setting, specifiers};
use super::{Making, conditions, ending, order, process, settings, sockets, timer, values};
use crate::model::{Signal, format_duration};
use std::time::Duration;

/// What [`commands`] reads.
const COMMANDS: &[&str] =
    &["ExecCondition", "ExecReload", "ExecStart", "ExecStartPost", "ExecStartPre", "ExecStop"];

/// Reads a service unit with its sockets and timers.
pub fn service(making: &mut Making<'_, '_>) {
    let unit = making.unit;
    order::order(making);
    let way = way(making);
    if way == Way::Oneshot {
        making.draft.set("type", "oneshot", unit.span);
    }
    for setting in unit.settings.iter().filter(|setting| setting.section == "Service") {
        // Its value, with specifiers expanded; commands expand their words.
        if COMMANDS.contains(&setting.key.as_str()) {
            continue;
        }
        match specifiers(&setting.value, &unit.name) {
            Ok(value) => key(making, setting, &value, way),
            // A share of something.
            Err(_) if setting.value.ends_with('%') => key(making, setting, &setting.value, way),
            Err(why) => making.not_carried(setting, why),
        }
    }
    if way != Way::Oneshot && unit.last("Restart").is_none() && making.draft.get("restart.policy").is_none() {
        making.draft.set("restart.policy", "never", unit.span);
    }
    process::directories(making);
    let is_triggered = sockets::sockets(making) | timer::timers(making);
    if !is_triggered && !order::is_enabled(making) && making.draft.get("enabled").is_none() {
        making.draft.set("enabled", false, unit.span);
        let why =
            "nothing of the import starts it by itself: write `enabled = true` if it is to start at boot";
        let became = format!("{}: enabled", making.draft.name);
        making.reading.output.trail.approximated(unit.span, &unit.name, became, why);
    }
    commands::commands(making, way);
    conditions::write(making);
}

fn way(making: &mut Making<'_, '_>) -> Way {
    let unit = making.unit;
    if timer::is_scheduled(making) && unit.value("Type") != Some("oneshot") {
        let why = "a schedule is for what runs to its end";
        match unit.last("Type") {
            Some(setting) => making.nearly(setting, "type", why),
            None => {
                let became = format!("{}: type", making.draft.name);
                making.reading.output.trail.approximated(unit.span, &unit.name, became, why);
            }
        }
        return Way::Oneshot;
    }
    // What only stops, or ends the whole, needs no command to start.
    let has_no_start = ["ExecStop", "SuccessAction"].iter().any(|key| unit.last(key).is_some())
        && unit.last("ExecStart").is_none();
    let Some(setting) = unit.last("Type") else {
        return if has_no_start { Way::Oneshot } else { Way::Daemon };
    };
    match setting.value.as_str() {
        "simple" | "exec" => making.exact(setting, ""),
        "idle" => making.nearly(setting, "", "it does not wait until all others are started"),
        "notify" => {
            making.draft.set("ready.notify", true, setting.span);
            making.exact(setting, "ready.notify");
        }
        "notify-reload" => {
            making.draft.set("ready.notify", true, setting.span);
            making.draft.set("reload.notify", true, setting.span);
            making.exact(setting, "ready.notify, reload.notify");
        }
        "dbus" => {
            let why = "it is ready when it is executed, and not when it has its name on D-Bus: \
                       `ready.exec = [\"busctl\", \"status\", NAME]` waits for that";
            making.nearly(setting, "", why);
        }
        "oneshot" => {
            making.exact(setting, "type");
            return Way::Oneshot;
        }
        // What became of it is told with the command.
        "forking" => return Way::Forking,
        other => {
            let known = ["simple", "exec", "forking", "oneshot", "dbus", "notify", "notify-reload", "idle"];
            let advice = crate::config::did_you_mean(other, known).unwrap_or_default();
            making
                .reading
                .broken(setting.span, format!("`{other}` is no type of a service {advice}").trim_end());
        }
    }
    Way::Daemon
}

/// One key that is no command.
fn key(making: &mut Making<'_, '_>, setting: &Setting, value: &str, way: Way) {
    let span = setting.span;
    let never_restarts = settings::never_restarts(making);
    let mut plain = |key: &str, value: String| {
        making.draft.set(key, value, span);
        making.exact(setting, key);
    };
    match setting.key.as_str() {
        "Type" => {}
        "User" => plain("user", literal(value)),
        "Group" => plain("group", literal(value)),
        "UMask" => match value.trim_start_matches('0') {
            "" => plain("umask", "000".to_owned()),
            digits => plain("umask", format!("{digits:0>3}")),
        },
        "WorkingDirectory" => match value.strip_prefix('-') {
            _ if value.ends_with('~') => {
                making
                    .not_carried(setting, "the home of a user is in /etc/passwd: write `working-directory`");
            }
            Some(path) => {
                making.draft.set("working-directory", literal(path), span);
                making.nearly(setting, "working-directory", "it has to be there");
            }
            None => plain("working-directory", literal(value)),
        },
        "SupplementaryGroups" => {
            value
                .split_whitespace()
                .for_each(|name| making.draft.push("supplementary-groups", literal(name), span));
            making.exact(setting, "supplementary-groups");
        }
        "Environment" => process::environment(making, setting, value),
        "EnvironmentFile" => {
            if value.contains(['*', '?', '[']) {
                return making.not_carried(setting, "files are named one by one in `environment-files`");
            }
            making.draft.push("environment-files", literal(value), span);
            making.exact(setting, "environment-files");
        }
        "PassEnvironment" => making.exact(setting, "the container's environment passes"),
        "Nice" | "OOMScoreAdjust" => {
            let key = if setting.key == "Nice" { "nice" } else { "oom-score-adj" };
            match value.trim_start_matches('+').parse::<i64>() {
                Ok(number) if number < 0 => {
                    let why = format!(
                        "a container may not by default: with the capability for it write `{key} = {number}`"
                    );
                    making.not_carried(setting, why);
                }
                Ok(number) => {
                    making.draft.set(key, number, span);
                    making.exact(setting, key);
                }
                Err(_) => making.not_carried(setting, format!("`{value}` is no number")),
            }
        }
        "NoNewPrivileges" => yes(making, setting, value, "no-new-privileges"),
        "CapabilityBoundingSet" | "AmbientCapabilities" => process::capabilities(making, setting, value),
        "StandardOutput" | "StandardError" | "StandardInput" => process::standard(making, setting, value),
        "SyslogIdentifier" => {
            if value == making.draft.name {
                making.exact(setting, "");
            } else {
                making.nearly(setting, "", "lines come with the name of the service");
            }
        }
        "Restart" => ending::restart(making, setting, value),
        "RestartSec" | "RestartPreventExitStatus" if never_restarts => {
            making.exact(setting, "it is not restarted");
        }
        "RestartSec" => {
            if let Some(span) = duration(making, setting, value) {
                making.draft.set("restart.delay", format_duration(span), setting.span);
                if span > Duration::from_millis(100) {
                    making.draft.set("restart.factor", 1, setting.span);
                    making.nearly(
                        setting,
                        "restart.delay",
                        "the first restart of a service that was ready is immediate",
                    );
                } else {
                    making.nearly(setting, "restart.delay", "it doubles with each failure, up to 30 s");
                }
            }
        }
        "RestartSteps" | "RestartMaxDelaySec" => {
            making.not_carried(
                setting,
                "the delay grows by `restart.factor` up to `restart.max-delay`: write these",
            );
        }
        "StartLimitBurst" | "StartLimitIntervalSec" | "StartLimitInterval" => {
            settings::start_limit(making, setting)
        }
        "SuccessExitStatus" => ending::exits(making, setting, value, "restart.success-codes"),
        "RestartPreventExitStatus" => ending::exits(making, setting, value, "restart.never-on"),
        "RemainAfterExit" => match values::boolean(value) {
            Ok(false) => making.exact(setting, ""),
            Ok(true) if way == Way::Oneshot => making.exact(setting, "a oneshot that has succeeded is done"),
            _ => {
                making.nearly(setting, "", "a daemon that has ended well is done, and counts as not running")
            }
        },
        "TimeoutStartSec" | "TimeoutStopSec" | "TimeoutSec" => ending::timeout(making, setting, value, way),
        "KillSignal" | "ReloadSignal" => {
            let key = if setting.key == "KillSignal" { "stop.signal" } else { "reload.signal" };
            match value.parse::<Signal>() {
                Ok(signal) => plain(key, signal.to_string()),
                Err(_) => making.not_carried(setting, format!("`{value}` is no signal")),
            }
        }
        "KillMode" => ending::kill_mode(making, setting, value),
        "WatchdogSec" => {
            if let Some(span) = duration(making, setting, value).filter(|span| !span.is_zero()) {
                making.draft.set("health.watchdog", format_duration(span), setting.span);
                making.nearly(
                    setting,
                    "health.watchdog",
                    "it is restarted then if `restart.policy` says so, as after a failure",
                );
            }
        }
        "NotifyAccess" => match value {
            "none" => making.nearly(setting, "", "every process of the service may notify"),
            "all" => making.exact(setting, ""),
            _ => {
                making.nearly(setting, "", "every process of the service may notify, not the main one alone")
            }
        },
        "PIDFile" => making.exact(setting, "foster knows what it has started"),
        "FileDescriptorStoreMax" => match value.parse::<i64>() {
            Ok(count) => {
                making.draft.set("fd-store", count.clamp(0, 512), span);
                making.exact(setting, "fd-store");
            }
            Err(_) => making.not_carried(setting, format!("`{value}` is no count")),
        },
        "Sockets" => making.exact(setting, "socket"),
        "OOMPolicy" => match value {
            "kill" => {
                making.draft.set("resources.oom-group", true, span);
                making.exact(setting, "resources.oom-group");
            }
            "continue" => making.exact(setting, ""),
            _ => {
                making.nearly(setting, "", "only the process that was killed ends, unless it is the main one")
            }
        },
        "MemoryMax" | "MemoryLimit" => size(making, setting, value, "resources.memory"),
        "MemoryHigh" => size(making, setting, value, "resources.memory-high"),
        "MemorySwapMax" => size(making, setting, value, "resources.swap"),
        "CPUQuota" | "CPUWeight" | "TasksMax" => number(making, setting, value),
        "RuntimeDirectory"
        | "StateDirectory"
        | "CacheDirectory"
        | "LogsDirectory"
        | "ConfigurationDirectory"
        | "RuntimeDirectoryPreserve" => {}
        name => match name.strip_prefix("Limit").map(str::to_ascii_lowercase) {
            Some(resource) => match values::limit(&resource, value) {
                Ok(limit) if crate::config::limits::names().contains(&resource.as_str()) => {
                    let key = format!("limits.{resource}");
                    making.draft.set(&key, limit, span);
                    let why =
                        "above the container's own limit it does not start; systemd takes the nearest then";
                    making.nearly(setting, &key, why);
                }
                Ok(_) => settings::other(making, setting),
                Err(why) => making.not_carried(setting, why),
            },
            None => settings::other(making, setting),
        },
    }
}

fn yes(making: &mut Making<'_, '_>, setting: &Setting, value: &str, key: &str) {
    match values::boolean(value) {
        Ok(value) => {
            making.draft.set(key, value, setting.span);
            making.exact(setting, key);
        }
        Err(why) => making.not_carried(setting, why),
    }
}

/// A time span with an end; what is none is told.
fn duration(making: &mut Making<'_, '_>, setting: &Setting, value: &str) -> Option<Duration> {
    let year = Duration::from_secs(365 * 86_400);
    match values::span(value) {
        Ok(Some(span)) if span < year => return Some(span),
        Ok(_) => making.not_carried(setting, "there is no time without an end"),
        Err(why) => making.not_carried(setting, why),
    }
    None
}

fn size(making: &mut Making<'_, '_>, setting: &Setting, value: &str, key: &str) {
    match values::size(value) {
        Ok(size) if size == "unlimited" && key == "resources.swap" => making.exact(setting, ""),
        Ok(size) => {
            making.draft.set(key, size, setting.span);
            making.exact(setting, key);
        }
        Err(why) => making.not_carried(setting, why),
    }
}

fn number(making: &mut Making<'_, '_>, setting: &Setting, value: &str) {
    use crate::config::tree::Value;
    let percent = value.strip_suffix('%').and_then(|text| text.parse::<f64>().ok());
    let count = value.parse::<i64>().ok().filter(|count| *count > 0);
    let (key, value) = match (setting.key.as_str(), percent, count) {
        (_, None, None) if matches!(value, "infinity" | "idle") => return making.exact(setting, ""),
        ("CPUQuota", Some(percent), _) if percent >= 1.0 => ("resources.cpu", Value::Float(percent / 100.0)),
        ("CPUWeight", _, Some(count)) => ("resources.cpu-weight", Value::Integer(count)),
        ("TasksMax", _, Some(count)) => ("resources.pids", Value::Integer(count)),
        _ => {
            return making
                .not_carried(setting, format!("`{value}` is no number that is known before it runs"));
        }
    };
    making.draft.set(key, value, setting.span);
    making.exact(setting, key);
}
