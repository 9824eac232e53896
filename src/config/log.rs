//! `[log]`: where the output of a service goes, and how it looks.

use super::diagnostic::{Code, Diagnostic, Span};
use super::keys::{FACILITIES, SINKS};
use super::log_targets::syslog_address;
use super::presence;
use super::process::octal;
use super::reader::{Located, Reader};
use super::service::Context;
use super::suggest;
use super::tree::Value;
use crate::model::{
    Log, LogFile, LogFormat, OnFull, Service, Shape, Sign, Sink, StderrTo, Syslog, SyslogAddress,
};
use std::path::{Component, Path};

/// What is known of `[log]` before the other services are.
#[derive(Default)]
pub struct Draft {
    /// The names behind `service:`, in place of [`Sink::Service`].
    pub loggers: Vec<Located<String>>,
    /// Where `path` and `stderr-path` stand.
    pub paths: Vec<Span>,
}

/// Reads `[log]` into a service of which `[ready]` is read.
pub fn log(context: &Context<'_>, outer: &Reader<'_, '_>, service: &mut Service) -> Draft {
    let mut draft = Draft::default();
    service.log.format = context.settings.log_format;
    if let Some(Value::Text(text)) = outer.node("log").map(|node| &node.value) {
        let span = outer.key_span("log").unwrap_or(Span::whole(outer.scope.home));
        let help = format!("write [log] below all other keys, and under it to = \"{text}\"");
        let message = "`log` must be a table, not a string";
        outer.scope.findings.error(Code::Type, span, message, Some(help));
        return draft;
    }
    let Some(reader) = outer.inner("log") else { return draft };
    let log = &mut service.log;
    log.format = format(&reader, log.format);
    match reader.choice("stderr").map(|choice| choice.value) {
        Some("stdout") => log.stderr = StderrTo::Stdout,
        Some("null") => log.stderr = StderrTo::Null,
        _ => {}
    }
    if reader.choice("on-full").is_some_and(|choice| choice.value == "drop") {
        log.on_full = OnFull::Drop;
    }
    if let Some(size) = reader.size("memory").and_then(|size| size.value) {
        log.memory = u32::try_from(size).unwrap_or(Log::MEMORY);
    }
    let file = file(context, &reader, log, &mut draft);
    let syslog = syslog(context, &reader, &service.name);
    let names = match reader.node("to") {
        // What is wrong with it has been said, and the rest means nothing without it.
        Some(_) => match to(&reader, &mut draft) {
            Some(names) => names,
            None => return draft,
        },
        None => vec!["console"],
    };
    log.to = names
        .iter()
        .filter_map(|name| match *name {
            "console" => Some(Sink::Console),
            "null" => Some(Sink::Null),
            "inherit" => Some(Sink::Inherit),
            "file" => file.clone().map(Sink::File),
            _ => syslog.clone().map(Sink::Syslog),
        })
        .collect();
    let wanted = |name: &str| names.contains(&name);
    if wanted("file") && reader.node("file").is_none() && !reader.seems_to_have(&["file"]) {
        let span = reader.node("to").map_or(Span::whole(reader.scope.home), |node| node.span);
        let help = "write [log.file], and under it path = \"/var/log/NAME.log\"".to_owned();
        reader.scope.findings.error(
            Code::Missing,
            span,
            "`log.to` names a file, and `[log.file]` is missing",
            Some(help),
        );
    }
    for (table, name) in [("file", "file"), ("syslog", "syslog")] {
        if !wanted(name) && (reader.node("to").is_none() || reader.given_with(table, reader.key_span("to"))) {
            let help = format!("write to = \"{name}\", or to = [\"console\", \"{name}\"], above it");
            let message = format!("`[log.{table}]` does nothing, because `log.to` does not name it");
            reader.conflict(table, message, &help, reader.key_span("to"));
        }
    }
    without_effect(&reader, &names, log.stderr, !draft.loggers.is_empty());
    if wanted("inherit") && log.stderr != StderrTo::Null && matches!(service.ready.sign, Sign::Log(_)) {
        let place = outer.table("ready").and_then(|table| table.get("log")).map(|entry| entry.key_span);
        let message = "`ready.log` on a service that inherits the supervisor's output";
        let help = "foster sees nothing of what it writes; use another sign, or to = \"console\"".to_owned();
        let mut error = Diagnostic::error(Code::Conflict, place, message).help(help);
        if let Some(to) = reader.key_span("to") {
            error = error.related(to, "because of this");
        }
        reader.scope.findings.push(error);
    }
    draft
}

/// The words of `to` that name no service; `None` if something is wrong with them, which has been reported.
fn to(reader: &Reader<'_, '_>, draft: &mut Draft) -> Option<Vec<&'static str>> {
    let before = reader.scope.findings.len();
    let mut seen: Vec<Located<&'static str>> = Vec::new();
    let list = reader.text_or_texts("to")?;
    let all = list.len();
    for Located { value, span } in list {
        if let Some(name) = value.strip_prefix("service:") {
            draft.loggers.push(Located { value: name.trim().to_owned(), span });
            continue;
        }
        let Some(word) = SINKS.iter().find(|word| **word == value) else {
            let help = match value.as_str() {
                "stdout" | "stderr" => "for the container's own output, write \"console\"".to_owned(),
                path if path.starts_with('/') => {
                    format!("write to = \"file\", and [log.file] with path = \"{path}\" below it")
                }
                other => suggest::did_you_mean(other, SINKS).unwrap_or_else(|| {
                    "expected \"console\", \"file\", \"syslog\", \"service:NAME\", \"null\" or \"inherit\"".to_owned()
                }),
            };
            reader.invalid(span, format!("`log.to` cannot be `{value}`"), Some(help));
            continue;
        };
        match seen.iter().find(|other| other.value == *word) {
            Some(first) => {
                let error = Diagnostic::error(Code::Conflict, span, format!("`log.to` names `{word}` twice"));
                reader.scope.findings.push(error.related(first.span, "named here first"));
            }
            None => seen.push(Located { value: *word, span }),
        }
    }
    if let Some(alone) = seen.iter().find(|word| matches!(word.value, "inherit" | "null"))
        && all > 1
    {
        let message = format!("`log.to` names `{}` beside others", alone.value);
        let help = match alone.value {
            "null" => "it means nowhere; leave it out",
            _ => {
                "what goes to the supervisor's own descriptors, foster does not see; leave it out, or the others"
            }
        };
        let error = Diagnostic::error(Code::Conflict, alone.span, message);
        reader.scope.findings.push(error.help(help.to_owned()));
    }
    if let (0, Some(node)) = (all, reader.node("to"))
        && matches!(&node.value, Value::List(list) if list.is_empty())
    {
        reader.invalid(node.span, "`log.to` names nothing", Some("for nowhere, write \"null\"".to_owned()));
    }
    let fine = reader.scope.findings.len() == before;
    fine.then(|| seen.into_iter().map(|word| word.value).collect())
}

/// Reports keys that mean nothing to the sinks that there are.
fn without_effect(reader: &Reader<'_, '_>, names: &[&str], stderr: StderrTo, has_logger: bool) {
    let why = reader.key_span("to");
    let report = |keys: &[&'static str], message: &str, help: &str| {
        for key in keys.iter().filter(|key| reader.given_with(key, why)) {
            reader.conflict(key, format!("`log.{key}` {message}"), help, why);
        }
    };
    match names {
        ["inherit"] => {
            let help = "it writes to the supervisor's own descriptors, and foster sees nothing of it";
            report(&["format", "timestamps", "on-full"], "does nothing with to = \"inherit\"", help);
            if stderr != StderrTo::Null {
                report(&["memory"], "does nothing with to = \"inherit\"", help);
            }
        }
        ["null"] => {
            let help = "nothing is written anywhere but into memory";
            report(&["format", "timestamps", "on-full"], "does nothing with to = \"null\"", help);
        }
        ["syslog"] if !has_logger => {
            let help = "a message of syslog has its own time and name";
            report(&["format", "timestamps"], "means nothing to syslog", help);
        }
        _ => {}
    }
}

/// `format` and `timestamps`, or what holds without them.
fn format(reader: &Reader<'_, '_>, otherwise: LogFormat) -> LogFormat {
    let shape = reader.choice("format").and_then(|word| shape(word.value)).unwrap_or(otherwise.shape);
    let given = reader.boolean("timestamps").map(|flag| flag.value);
    if shape == Shape::Json
        && given == Some(false)
        && reader.given_with("timestamps", reader.key_span("format"))
    {
        let message = format!("`{}` with JSON", reader.group.path("timestamps = false"));
        let help = "each object has its `time`; leave it out";
        reader.conflict("timestamps", message, help, reader.key_span("format"));
    }
    LogFormat { shape, timestamps: given.unwrap_or(otherwise.timestamps) }
}

/// A word of `format`.
pub fn shape(word: &str) -> Option<Shape> {
    match word {
        "prefix" => Some(Shape::Prefix),
        "raw" => Some(Shape::Raw),
        "json" => Some(Shape::Json),
        _ => None,
    }
}

fn file(context: &Context<'_>, outer: &Reader<'_, '_>, log: &Log, draft: &mut Draft) -> Option<LogFile> {
    let reader = outer.inner("file")?;
    let mut file = LogFile::new("");
    file.format = format(&reader, log.format);
    if let Some(size) = reader.size("max-size") {
        match size.value {
            Some(0) => {
                let help = "for no limit, write \"unlimited\"".to_owned();
                reader.invalid(size.span, "`log.file.max-size` must be at least 1 byte", Some(help));
            }
            size => file.max_size = size,
        }
    }
    file.max_age = reader.positive("max-age");
    if let Some(keep) = reader.integer("keep") {
        file.keep = u32::try_from(keep.value).unwrap_or(file.keep);
    }
    file.compress = reader.boolean("compress").is_some_and(|flag| flag.value);
    if let Some(mode) = octal(&reader, "mode", "mode") {
        file.mode = mode;
    }
    if file.compress && file.keep == 0 && reader.given_with("compress", reader.key_span("keep")) {
        let message = "`log.file.compress` with `keep = 0`";
        reader.conflict("compress", message, "no file that was put away is kept", reader.key_span("keep"));
    }
    if file.max_size.is_none() && file.max_age.is_none() {
        let why = reader.key_span("max-size");
        for key in ["keep", "compress"] {
            if reader.given_with(key, why) {
                let message = format!("`log.file.{key}` does nothing, because no file is put away");
                reader.conflict(key, message, "give `max-size` or `max-age`", why);
            }
        }
    }
    let stderr = path(context, &reader, "stderr-path");
    if log.stderr != StderrTo::Stderr {
        let message = "`log.file.stderr-path` without a standard error of its own";
        let help = "for a file of its own, leave `log.stderr` out";
        reader.conflict("stderr-path", message, help, outer.key_span("stderr"));
    }
    let Some(path) = path(context, &reader, "path") else {
        if let Some(span) = outer.key_span("file").filter(|_| reader.node("path").is_none())
            && !reader.seems_to_have(&["path"])
        {
            let help = "write path = \"/var/log/NAME.log\"".to_owned();
            reader.scope.findings.error(Code::Missing, span, "`[log.file]` without `path`", Some(help));
        }
        return None;
    };
    if stderr.as_ref().is_some_and(|stderr| stderr.value == path.value) {
        let message = "`log.file.stderr-path` is the same as `path`";
        reader.conflict("stderr-path", message, "leave it out", reader.key_span("path"));
    }
    file.path = path.value;
    draft.paths.push(path.span);
    if let Some(stderr) = stderr {
        file.stderr_path = Some(stderr.value);
        draft.paths.push(stderr.span);
    }
    Some(file)
}

/// The path of a file, spelt in one way, for several services may name it.
fn path(context: &Context<'_>, reader: &Reader<'_, '_>, key: &'static str) -> Option<Located<String>> {
    let Located { value, span } = reader.path(key)?;
    let path = Path::new(&value);
    let name = reader.group.path(key);
    if value.ends_with('/') || matches!(path.components().next_back(), Some(Component::ParentDir)) {
        reader.invalid(span, format!("`{name}` names a directory, not a file"), None);
        return None;
    }
    if path.file_name().is_none_or(|name| name.len() > LONGEST_NAME) || value.len() > LONGEST_PATH {
        reader.invalid(span, format!("`{name}` is too long for a path"), None);
        return None;
    }
    if context.checks_presence() {
        presence::log_file(context, path, span);
    }
    let value = path.components().collect::<std::path::PathBuf>().to_string_lossy().into_owned();
    Some(Located { value, span })
}

/// What file systems take (255), less what the names of files that are put away have behind it: `.1000.gz` and a little.
const LONGEST_NAME: usize = 240;
/// PATH_MAX, less the same.
const LONGEST_PATH: usize = 4_080;

fn syslog(context: &Context<'_>, outer: &Reader<'_, '_>, name: &str) -> Option<Syslog> {
    /// APP-NAME of RFC 5424.
    const LONGEST_TAG: usize = 48;
    let mut syslog = Syslog {
        address: SyslogAddress::Unix("/dev/log".to_owned()),
        facility: 3,
        tag: name.chars().take(LONGEST_TAG).collect(),
    };
    let reader = outer.node("syslog").map(|_| outer.inner("syslog"));
    let mut span = outer.node("to").map(|node| node.span);
    if let Some(reader) = reader {
        let reader = reader?;
        if let Some(word) = reader.choice("facility") {
            let number = FACILITIES.iter().position(|facility| *facility == word.value);
            syslog.facility = number.and_then(|number| u8::try_from(number).ok()).unwrap_or(3);
        }
        if let Some(tag) = reader.text("tag") {
            let fine = (1..=LONGEST_TAG).contains(&tag.value.len())
                && tag.value.bytes().all(|byte| byte.is_ascii_graphic());
            if !fine {
                let help = format!("1 to {LONGEST_TAG} printable characters of ASCII, without spaces");
                let message = format!("`{}` is no tag", tag.value.escape_debug());
                reader.invalid(tag.span, message, Some(help));
            }
            syslog.tag = tag.value;
        }
        if reader.node("address").is_some() {
            let text = reader.text("address")?;
            span = Some(text.span);
            syslog.address = match syslog_address(&text.value) {
                Ok(address) => address,
                Err(fault) => return fault.report(&reader, "address", &text),
            };
        }
    }
    let named = |value: &Value<'_>| match value {
        Value::Text(text) => text == "syslog",
        Value::List(list) => {
            list.iter().any(|node| matches!(&node.value, Value::Text(text) if text == "syslog"))
        }
        _ => false,
    };
    if let (SyslogAddress::Unix(path), Some(span)) = (&syslog.address, span)
        && context.checks_presence()
        && outer.node("to").is_some_and(|node| named(&node.value))
    {
        presence::file(context, "socket", path, span);
    }
    Some(syslog)
}
