//! Where its output goes.

use super::daemon::{Made, path};
use super::expand::Template;
use super::program::Typed;
use super::server::Server;
use super::words;
use crate::config::diagnostic::Span;
use crate::config::import::Reading;
use crate::config::import::draft::list;
use crate::config::tree::{Entry, Node, Table, Value};

/// What a `*_logfile` means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// Nothing is said: a file that nobody else finds.
    Unset,
    /// The same, said.
    Auto,
    Null,
    /// The output of the container, by its descriptor.
    Console(u8),
    File(String),
    Syslog,
    /// A path that is relative to nobody knows what.
    Lost,
}

/// What supervisord does where nothing is said.
const SIZE: i64 = 50 << 20;
const KEEP: i64 = 10;

/// Sets `[log]`.
pub fn set(
    made: &mut Made<'_>,
    server: &Server,
    get: &dyn Fn(&str) -> Option<(Template, Span)>,
    reading: &mut Reading<'_>,
) {
    let place = |key: &str| made.program.get(key).map_or(made.program.span, |(_, span)| span);
    let (out_place, err_place) = (place("stdout_logfile"), place("stderr_logfile"));
    let redirected = place("redirect_stderr");
    let redirect = made.program.flag("redirect_stderr");
    let out = target(get("stdout_logfile"), server);
    let err = if redirect { Target::Unset } else { target(get("stderr_logfile"), server) };
    let mut to: Vec<&str> = Vec::new();
    let mut stderr: Option<(&str, Span)> = redirect.then_some(("stdout", redirected));
    let (mut why_out, mut why_err) = (None, None);
    match (&out, &err) {
        (Target::Console(number), err) => {
            if *number == 2 {
                why_out = Some("standard output comes out of the container's standard output");
            }
            match err {
                Target::Console(1) => stderr = Some(("stdout", err_place)),
                Target::Null | Target::Auto => stderr = Some(("null", err_place)),
                Target::File(_) => why_err = Some("it is shown; a file would take standard output, too"),
                _ => {}
            }
        }
        (Target::File(_), Target::Console(_)) => {
            to = vec!["console", "file"];
            why_err = Some("both streams go to both places");
        }
        (Target::File(_), err) => {
            to = vec!["file"];
            if !redirect && !matches!(err, Target::File(_)) {
                stderr = Some(("null", err_place));
            }
        }
        (Target::Unset, Target::File(_)) => {
            to = vec!["console", "file"];
            why_err = Some("standard output goes to the file, too");
        }
        (Target::Auto | Target::Null | Target::Syslog, Target::File(_)) => {
            to = vec!["file"];
            why_err = Some("standard output goes to the file, too");
        }
        (Target::Auto | Target::Null | Target::Syslog, Target::Console(_)) => {
            why_out = Some("it is shown, for standard error is");
        }
        (Target::Auto | Target::Null, _) => to = vec!["null"],
        (_, Target::Null | Target::Auto) => stderr = Some(("null", err_place)),
        _ => {}
    }
    let syslog = made.program.flag("stdout_syslog") || made.program.flag("stderr_syslog");
    if syslog || out == Target::Syslog || err == Target::Syslog {
        to.retain(|sink| *sink != "null");
        to.push("syslog");
    }
    for key in ["stdout_syslog", "stderr_syslog"] {
        let both = made.program.flag("stdout_syslog") != made.program.flag("stderr_syslog") && !redirect;
        match made.program.flag(key) && both {
            true => made.nearly(reading, key, "log.to", "both streams go there"),
            false => made.exact(reading, key, if made.program.flag(key) { "log.to" } else { "" }),
        }
    }
    match to.as_slice() {
        [] => {}
        [sink] => {
            made.draft.set("log.to", *sink, out_place);
        }
        sinks => {
            made.draft.set("log.to", list(sinks.iter().copied(), out_place), out_place);
        }
    }
    if let Some((word, span)) = stderr {
        made.draft.set("log.stderr", word, span);
    }
    made.exact(reading, "redirect_stderr", if redirect { "log.stderr" } else { "" });
    files(made, &out, &err, [out_place, err_place]);
    tell(made, "stdout", &out, why_out, reading);
    tell(made, "stderr", if redirect { &Target::Unset } else { &err }, why_err, reading);
    events(made, reading);
}

fn target(value: Option<(Template, Span)>, server: &Server) -> Target {
    let Some((template, _)) = value else { return Target::Unset };
    let Some(text) = template.known() else {
        return path(&template, server).map_or(Target::Lost, Target::File);
    };
    let lower = text.to_lowercase();
    match lower.as_str() {
        "none" | "off" | "/dev/null" => Target::Null,
        "auto" => Target::Auto,
        "syslog" => Target::Syslog,
        "/dev/stdout" | "/dev/tty" | "/dev/console" | "/dev/pts/0" => Target::Console(1),
        "/dev/stderr" => Target::Console(2),
        _ if lower.starts_with("/dev/fd/") || (lower.starts_with("/proc/") && lower.contains("/fd/")) => {
            Target::Console(if lower.ends_with("/2") { 2 } else { 1 })
        }
        _ => path(&template, server).map_or(Target::Lost, Target::File),
    }
}

/// `[log.file]`.
fn files(made: &mut Made<'_>, out: &Target, err: &Target, places: [Span; 2]) {
    let (main, stream, place) = match (out, err) {
        (Target::File(path), _) => (path, "stdout", places[0]),
        (Target::Unset | Target::Auto | Target::Null | Target::Syslog, Target::File(path)) => {
            (path, "stderr", places[1])
        }
        _ => return,
    };
    let (size_key, keep_key) = (format!("{stream}_logfile_maxbytes"), format!("{stream}_logfile_backups"));
    let span = |key: &str| made.program.get(key).map_or(place, |(_, span)| span);
    let mut table = Table::default();
    let mut add = |key: &'static str, value: Value<'static>, span: Span| {
        table.entries.push(Entry { key: key.into(), key_span: span, node: Node { span, value } });
    };
    add("path", main.as_str().into(), place);
    if let (Target::File(_), Target::File(other)) = (out, err)
        && other != main
    {
        add("stderr-path", other.as_str().into(), places[1]);
    }
    add("format", "raw".into(), place);
    let size = made.program.typed(&size_key, words::size);
    let rotated = size != Some(Typed::Known(0));
    let size = match size {
        Some(Typed::Known(0)) => "unlimited".to_owned(),
        Some(Typed::Open(text)) => text,
        Some(Typed::Known(size)) => bytes(size),
        None => bytes(SIZE),
    };
    add("max-size", size.into(), span(&size_key));
    if rotated {
        let keep = match made.program.typed(&keep_key, words::integer) {
            Some(Typed::Open(text)) => text.into(),
            Some(Typed::Known(keep)) => keep.clamp(0, 1000).into(),
            None => KEEP.into(),
        };
        add("keep", keep, span(&keep_key));
    }
    made.draft.set("log.file", Value::Table(table), place);
}

fn bytes(size: i64) -> String {
    match size {
        _ if size % (1 << 30) == 0 => format!("{}GiB", size >> 30),
        _ if size % (1 << 20) == 0 => format!("{}MiB", size >> 20),
        _ if size % (1 << 10) == 0 => format!("{}KiB", size >> 10),
        _ => size.to_string(),
    }
}

/// What became of the keys of one stream.
fn tell(made: &Made<'_>, stream: &str, target: &Target, why: Option<&str>, reading: &mut Reading<'_>) {
    let key = |end: &str| format!("{stream}_{end}");
    let file = matches!(target, Target::File(_));
    match (target, why) {
        (Target::Lost, _) => {
            let why = "the path is relative to wherever supervisord is started, so it is shown: write an absolute one \
                       as `log.file.path`";
            made.not(reading, &key("logfile"), why);
        }
        (_, Some(why)) => made.nearly(reading, &key("logfile"), "log", why),
        (Target::Auto, None) => {
            let why = "the newest 64 KiB stay in memory, for `foster logs`, where supervisord has a file";
            made.nearly(reading, &key("logfile"), "log", why);
        }
        (Target::File(_), None) => {
            let numbered =
                made.program.template(&key("logfile")).is_some_and(|t| t.numbers().next().is_some());
            if numbered && made.draft.get("instances").is_some() {
                made.nearly(
                    reading,
                    &key("logfile"),
                    "log.file",
                    "the numbers in it are those of the instances, from 1",
                );
            } else {
                made.exact(reading, &key("logfile"), "log.file");
            }
        }
        _ => made.exact(reading, &key("logfile"), if target == &Target::Null { "log" } else { "" }),
    }
    made.exact(reading, &key("logfile_maxbytes"), if file { "log.file.max-size" } else { "" });
    made.exact(reading, &key("logfile_backups"), if file { "log.file.keep" } else { "" });
}

/// What event listeners would have been told.
fn events(made: &Made<'_>, reading: &mut Reading<'_>) {
    for stream in ["stdout", "stderr"] {
        let key = format!("{stream}_events_enabled");
        if made.program.flag(&key) {
            made.not(reading, &key, "there are no event listeners; `foster logs -f` follows the output");
        } else {
            made.exact(reading, &key, "");
        }
        let key = format!("{stream}_capture_maxbytes");
        if made.program.known(&key, words::size).is_some_and(|size| size > 0) {
            made.not(
                reading,
                &key,
                "there is no capture mode; `foster events --json` tells of state changes",
            );
        } else {
            made.exact(reading, &key, "");
        }
    }
}
