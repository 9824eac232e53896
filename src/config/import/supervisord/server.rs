//! What is no program: supervisord itself, its sockets and its clients.

use super::super::Reading;
use super::expand::{Names, Template};
use super::ini::{Ini, Section, Setting};
use super::listener::Ends;
use super::program::{Program, Role};
use super::words;
use crate::config::diagnostic::Span;

/// What supervisord hands on to all programs.
#[derive(Debug, Default)]
pub struct Server {
    pub environment: Option<(Template, Span)>,
    pub directory: Option<(Template, Span)>,
    pub user: Option<(Template, Span)>,
    /// What an event listener makes of ends.
    pub ends: Option<Ends>,
    /// The longest stop timeout that the default shutdown has room for, in seconds.
    pub shutdown: i64,
}

/// See above: of the 9 seconds the last one is for what is left.
const SHUTDOWN: i64 = 8;

pub const SUPERVISORD: &str = "supervisord";

/// The keys of `[supervisord]`.
const KEYS: [&str; 18] = [
    "logfile",
    "logfile_maxbytes",
    "logfile_backups",
    "loglevel",
    "pidfile",
    "umask",
    "nodaemon",
    "silent",
    "minfds",
    "minprocs",
    "nocleanup",
    "childlogdir",
    "user",
    "directory",
    "strip_ansi",
    "environment",
    "identifier",
    "profile_options",
];

/// Reads `[supervisord]`.
pub fn read(ini: &Ini, here: &str, reading: &mut Reading<'_>) -> Server {
    let mut server = Server { shutdown: SHUTDOWN, ..Server::default() };
    let Some(section) = ini.section(SUPERVISORD) else { return server };
    let names = Names { here: here.to_owned(), ..Names::default() };
    let mut level: Option<(&'static str, Span)> = None;
    let log = section.get("logfile").map_or("", |setting| &setting.value);
    let silent = log == "/dev/null";
    let console = matches!(log, "/dev/stdout" | "/dev/stderr" | "/dev/fd/1" | "/dev/fd/2");
    for setting in &section.options {
        let Setting { key, value, span } = setting;
        let template = match Template::parse(value, &names) {
            Ok(template) => template,
            Err(why) if KEYS.contains(&key.as_str()) => {
                reading.broken(*span, format!("cannot expand `{key}`: {why}"));
                continue;
            }
            Err(_) => Template::default(),
        };
        if let Some(fault) = fault(key, &template) {
            reading.broken(*span, format!("`{key}` is {fault}: `{}`", value.escape_debug()));
            continue;
        }
        let trail = &mut reading.output.trail;
        let what = format!("[supervisord] {key}");
        match key.as_str() {
            "environment" => {
                trail.exact(*span, what, "environment of all");
                server.environment = Some((template, *span));
            }
            "directory" => {
                trail.exact(*span, what, "working-directory of all");
                server.directory = Some((template, *span));
            }
            "user" if matches!(value.as_str(), "root" | "0") => trail.exact(*span, what, ""),
            "user" => {
                let why = "foster itself stays who starts it; or start the container as that user";
                trail.approximated(*span, what, "user of all", why);
                server.user = Some((template, *span));
            }
            "loglevel" => match value.to_lowercase().as_str() {
                _ if silent => trail.exact(*span, what, ""),
                "critical" | "error" => level = Some(("error", *span)),
                "warn" => level = Some(("warn", *span)),
                "info" => level = Some(("info", *span)),
                "debug" => level = Some(("debug", *span)),
                _ => level = Some(("trace", *span)),
            },
            "nodaemon" if words::boolean(value) == Some(false) => {
                trail.approximated(*span, what, "", "foster stays in the foreground, as PID 1 has to");
            }
            "nodaemon" | "silent" | "nocleanup" | "profile_options" => trail.exact(*span, what, ""),
            "logfile" | "logfile_maxbytes" | "logfile_backups" if console => {
                trail.exact(*span, what, "");
            }
            "logfile" | "logfile_maxbytes" | "logfile_backups" => {
                trail.approximated(
                    *span,
                    what,
                    "",
                    "foster's own lines, which are few, go to the container's standard error",
                );
            }
            "pidfile" => {
                trail.approximated(*span, what, "", "there is none: in a container the supervisor is PID 1");
            }
            "childlogdir" => {
                let why =
                    "the newest output of each service is in memory, for `foster logs`; no files are made";
                trail.approximated(*span, what, "", why);
            }
            "minfds" | "minprocs" => {
                let limit = if key == "minfds" { "nofile" } else { "nproc" };
                let why = format!("services have the limits of the container; `limits.{limit}` sets one");
                trail.approximated(*span, what, "", why);
            }
            "umask" => {
                let why =
                    "services have the umask of the container, as with `nodaemon=true`; `umask` sets one";
                trail.approximated(*span, what, "", why);
            }
            "identifier" => trail.approximated(*span, what, "", "nobody asks for it"),
            "strip_ansi" if words::boolean(value) == Some(false) => trail.exact(*span, what, ""),
            "strip_ansi" => trail.not_carried(*span, what, "colours in the output of services stay"),
            _ => unknown(reading, section, setting, &KEYS),
        }
    }
    if let Some((level, span)) = level {
        reading.output.settings.set("log-level", level, span);
        reading.output.trail.exact(span, "[supervisord] loglevel", "foster.toml: log-level");
    }
    server
}

fn fault(key: &str, template: &Template) -> Option<&'static str> {
    let text = template.known()?;
    match key {
        "nodaemon" | "silent" | "nocleanup" | "strip_ansi" => {
            words::boolean(text).is_none().then_some("neither yes, true, on, 1 nor no, false, off, 0")
        }
        "minfds" | "minprocs" | "logfile_backups" => {
            words::integer(text).is_none().then_some("no whole number")
        }
        "logfile_maxbytes" => words::size(text).is_none().then_some("no size such as 50MB"),
        "umask" => words::octal(text).is_none().then_some("no octal number"),
        "environment" => words::pairs(text).is_none().then_some("no list of KEY=\"value\" pairs"),
        "loglevel" => {
            let levels = ["critical", "error", "warn", "info", "debug", "trace", "blather"];
            (!levels.contains(&text.to_lowercase().as_str())).then_some("no level")
        }
        _ => None,
    }
}

fn unknown(reading: &mut Reading<'_>, section: &Section, setting: &Setting, known: &[&str]) {
    let help = crate::config::did_you_mean(&setting.key, known.iter().copied());
    let help = help.map_or_else(String::new, |help| format!("; {help}"));
    let what = format!("[{}] {}", section.name, setting.key);
    let why = format!("supervisord knows no such key, and ignores it{help}");
    reading.output.trail.not_carried(setting.span, what, why);
}

/// Gives the shutdown the time that the slowest service needs.
pub fn shutdown_timeout(programs: &[Program], server: &Server, reading: &mut Reading<'_>) {
    let slow = programs.iter().filter(|program| program.role != Role::Listener).filter_map(|program| {
        let seconds = program.known("stopwaitsecs", words::integer)?;
        Some((seconds, program.get("stopwaitsecs")?.1))
    });
    let Some((seconds, span)) = slow.max_by_key(|(seconds, _)| *seconds) else { return };
    if seconds > server.shutdown {
        let item =
            reading.output.settings.set("shutdown.timeout", format!("{}s", seconds.saturating_add(2)), span);
        item.note("More than the longest `stop.timeout`; `docker stop` has to wait longer than this.");
    }
}

/// What becomes of the sections that are neither supervisord nor programs.
pub fn others(ini: &Ini, reading: &mut Reading<'_>) {
    for section in &ini.sections {
        let kind = section.name.split(':').next().unwrap_or_default();
        match kind {
            "unix_http_server" => {
                let why = "the control socket of foster takes its place: root and foster's own user may act, all may ask";
                let keys = ["file", "chmod", "chown", "username", "password"];
                keys_of(section, &keys, reading, |trail, span, what| trail.approximated(span, what, "", why));
            }
            "inet_http_server" => {
                let why =
                    "control is by the Unix socket alone; `http.listen` in foster.toml has read-only pages";
                keys_of(section, &["port", "username", "password"], reading, |trail, span, what| {
                    trail.not_carried(span, what, why);
                });
            }
            "supervisorctl" => {
                let keys = ["serverurl", "username", "password", "prompt", "history_file"];
                let why =
                    "`foster status`, `start`, `stop`, … take its place and find the socket by themselves";
                keys_of(section, &keys, reading, |trail, span, what| trail.approximated(span, what, "", why));
            }
            "rpcinterface" => {
                for setting in &section.options {
                    let what = format!("[{}] {}", section.name, setting.key);
                    if setting.value == "supervisor.rpcinterface:make_main_rpcinterface" {
                        reading.output.trail.exact(setting.span, what, "");
                    } else {
                        let why = "an extension of supervisord; foster's API is HTTP and JSON on its socket";
                        reading.output.trail.not_carried(setting.span, what, why);
                    }
                }
            }
            "ctlplugin" => {
                let why = "an extension of supervisorctl; see what verbs foster has";
                reading.output.trail.not_carried(section.span, format!("[{}]", section.name), why);
            }
            "group" => group(section, reading),
            SUPERVISORD | "program" | "fcgi-program" | "eventlistener" | "include" => {}
            _ => {
                let kinds = [
                    "program",
                    "group",
                    "eventlistener",
                    "fcgi-program",
                    "include",
                    "supervisord",
                    "supervisorctl",
                    "unix_http_server",
                    "inet_http_server",
                    "rpcinterface",
                ];
                let help = crate::config::did_you_mean(kind, kinds);
                let help = help.map_or_else(String::new, |help| format!("; {help}"));
                let why = format!("supervisord knows no such section, and ignores it{help}");
                reading.output.trail.not_carried(section.span, format!("[{}]", section.name), why);
            }
        }
    }
}

fn group(section: &Section, reading: &mut Reading<'_>) {
    for setting in &section.options {
        let what = format!("[{}] {}", section.name, setting.key);
        match setting.key.as_str() {
            "programs" => {
                let why = "there are no groups: verbs take several names, and patterns";
                reading.output.trail.approximated(setting.span, what, "", why);
            }
            "priority" => {
                reading.output.trail.exact(setting.span, what, "`after`, where others have another one")
            }
            _ => unknown(reading, section, setting, &["programs", "priority"]),
        }
    }
}

fn keys_of(
    section: &Section,
    known: &[&str],
    reading: &mut Reading<'_>,
    tell: impl Fn(&mut super::super::Trail, Span, String),
) {
    for setting in &section.options {
        if known.contains(&setting.key.as_str()) {
            tell(&mut reading.output.trail, setting.span, format!("[{}] {}", section.name, setting.key));
        } else {
            unknown(reading, section, setting, known);
        }
    }
}
