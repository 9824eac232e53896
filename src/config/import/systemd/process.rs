//! What of `[Service]` says what its process is made of: variables, capabilities, output, directories.

use super::super::draft::{list, literal, table};
use super::super::shell::quoted;
use super::unit::{Setting, specifiers};
use super::{Making, commands, exec, order};
use crate::model::capability_number;

pub fn environment(making: &mut Making<'_, '_>, setting: &Setting, value: &str) {
    let words = match exec::words(value) {
        Ok(words) => words,
        Err(why) => return making.not_carried(setting, why),
    };
    let has_file = making.unit.all("EnvironmentFile").next().is_some();
    for word in words {
        let Some((name, value)) = word.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return making.not_carried(setting, format!("`{word}` is no `NAME=value`"));
        };
        // A file would override it there, and cannot override `[environment]`.
        let value = if has_file
            && !value.contains('}')
            && !name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        {
            format!("${{{name}:-{}}}", literal(value))
        } else {
            literal(value)
        };
        making.draft.set(&format!("environment.{name}"), value, setting.span);
    }
    if has_file {
        let why = "the container's environment overrides it too, as the file does";
        making.nearly(setting, "environment", why);
    } else {
        making.exact(setting, "environment");
    }
}

pub fn capabilities(making: &mut Making<'_, '_>, setting: &Setting, value: &str) {
    if value.starts_with('~') {
        let why = "`capabilities` names those that it keeps, not those that it loses";
        return making.not_carried(setting, why);
    }
    let names: Vec<String> = value
        .split_whitespace()
        .map(|name| name.to_ascii_lowercase().trim_start_matches("cap_").replace('_', "-"))
        .collect();
    if let Some(name) = names.iter().find(|name| capability_number(name).is_none()) {
        return making.not_carried(setting, format!("`{name}` is no capability"));
    }
    let is_ambient = setting.key == "AmbientCapabilities";
    let user = making.unit.value("User").is_some_and(|user| !matches!(user, "root" | "0"));
    let has_ambient = making.unit.all("AmbientCapabilities").next().is_some();
    if user && !is_ambient && !names.is_empty() {
        let why = "another user than root has none of these, but by programs that give them; `no-new-privileges` takes \
                   that away, too";
        return making.nearly(setting, "", why);
    }
    if !is_ambient && has_ambient {
        return making.exact(setting, "capabilities, as AmbientCapabilities says");
    }
    if names.is_empty() {
        making.draft.set("capabilities", list(Vec::<String>::new(), setting.span), setting.span);
    }
    names.into_iter().for_each(|name| making.draft.push("capabilities", name, setting.span));
    making.exact(setting, "capabilities");
}

/// The file of `append:/var/log/x`.
fn log_file(value: &str) -> Option<&str> {
    ["file:", "append:", "truncate:"].iter().find_map(|kind| value.strip_prefix(kind))
}

pub fn standard(making: &mut Making<'_, '_>, setting: &Setting, value: &str) {
    let file = log_file(value);
    let has_file = making.unit.value("StandardOutput").and_then(log_file).is_some();
    let span = setting.span;
    match (setting.key.as_str(), value, file) {
        ("StandardInput", "null", _) => making.exact(setting, ""),
        ("StandardInput", _, Some(path)) => {
            making.draft.set("stdin", literal(path), span);
            making.exact(setting, "stdin");
        }
        ("StandardInput", "tty" | "tty-force" | "tty-fail", _) => {
            let why = match making.holder("tty") {
                Some(other) => format!("the container has one terminal, and {other} has it: `tty`"),
                None if !order::is_enabled(making) => {
                    "nothing of the import starts it by itself: `tty = true` gives it the container's terminal".to_owned()
                }
                None => String::new(),
            };
            if !why.is_empty() {
                return making.not_carried(setting, why);
            }
            making.draft.set("tty", true, span);
            making.nearly(setting, "tty", "it is the container's terminal, if that has one");
        }
        ("StandardOutput", "null", _) => {
            making.draft.set("log.to", "null", span);
            making.nearly(setting, "log.to", "standard error goes there, too");
        }
        ("StandardError", "null", _) => {
            making.draft.set("log.stderr", "null", span);
            making.exact(setting, "log.stderr");
        }
        ("StandardOutput", _, Some(path)) => {
            let mut entries = vec![("path", literal(path).into()), ("format", "raw".into())];
            let errors = making.unit.value("StandardError").and_then(log_file);
            if let Some(errors) = errors.filter(|errors| *errors != path) {
                entries.push(("stderr-path", literal(errors).into()));
            }
            making.draft.set("log.to", "file", span);
            making.draft.set("log.file", table(entries, span), span);
            making.nearly(setting, "log.file", "the file is put away at 10 MB, and five of them are kept");
        }
        ("StandardError", _, Some(_)) if has_file => making.exact(setting, "log.file"),
        ("StandardError", _, Some(_)) => {
            making
                .not_carried(setting, "standard error has no file of its own while standard output has none");
        }
        ("StandardError", "inherit", _) if has_file => making.exact(setting, "log.file"),
        ("StandardError", _, _) if has_file => {
            making.nearly(setting, "log.file", "it goes to the file of standard output, too");
        }
        (
            _,
            "inherit" | "journal" | "journal+console" | "syslog" | "syslog+console" | "kmsg" | "kmsg+console",
            _,
        ) => {
            making.exact(setting, "the container's output");
        }
        ("StandardInput", "socket", _) => {
            making.not_carried(setting, "it is given sockets as descriptors from 3 on, not as its input");
        }
        _ => making.not_carried(setting, "output goes to the container's: `[log]` says where else"),
    }
}

/// `RuntimeDirectory=` and the like: a oneshot makes them.
pub fn directories(making: &mut Making<'_, '_>) {
    let unit = making.unit;
    for (key, parent) in [
        ("RuntimeDirectory", "/run"),
        ("StateDirectory", "/var/lib"),
        ("CacheDirectory", "/var/cache"),
        ("LogsDirectory", "/var/log"),
        ("ConfigurationDirectory", "/etc"),
    ] {
        let mode = unit.value(&format!("{key}Mode")).unwrap_or("755").trim_start_matches('0').to_owned();
        let mut paths = Vec::new();
        for setting in unit.all(key) {
            let Ok(value) = specifiers(&setting.value, &unit.name) else {
                making.not_carried(setting, "its name is not known before it runs");
                continue;
            };
            let mut line = format!("install -d -m {}", quoted(&mode));
            for (option, key) in [("-o", "User"), ("-g", "Group")] {
                if let Some(Ok(name)) = unit.value(key).map(|name| specifiers(name, &unit.name)) {
                    line.push_str(&format!(" {option} {}", quoted(&name)));
                }
            }
            for name in value.split_whitespace() {
                let path = format!("{parent}/{}", name.split(':').next().unwrap_or(name));
                line.push_str(&format!(" {}", quoted(&path)));
                paths.push(path);
            }
            commands::set_up(making, &line, setting);
            making.nearly(
                setting,
                "requires",
                "it is made once, before the first start, and not removed at its stop",
            );
        }
        if let Some(setting) = unit.last(key).filter(|_| !paths.is_empty()) {
            let name = format!("{}_DIRECTORY", key.trim_end_matches("Directory").to_ascii_uppercase());
            making.draft.set(&format!("environment.{name}"), literal(&paths.join(":")), setting.span);
        }
        if let Some(setting) = unit.last(&format!("{key}Preserve")) {
            making.exact(setting, "it is not removed");
        }
    }
}
