//! What is left of a program: its socket, and the keys that nobody knows.

use super::daemon::Made;
use super::expand::Template;
use super::program::Role;
use super::words;
use crate::config::diagnostic::Span;
use crate::config::import::Reading;
use crate::config::tree::{Entry, Node, Table, Value};

/// What has no place of its own, what it listens on, and what nobody knows.
pub fn rest(made: &mut Made<'_>, reading: &mut Reading<'_>) {
    let program = made.program;
    let none = program.template("serverurl").and_then(Template::known);
    if none.is_some_and(|url| url.trim().eq_ignore_ascii_case("auto") || url.is_empty()) {
        made.exact(reading, "serverurl", "");
    } else {
        made.not(
            reading,
            "serverurl",
            "there is no SUPERVISOR_SERVER_URL; the control socket is in FOSTER_SOCKET",
        );
    }
    if program.role == Role::Fcgi {
        socket(made, reading);
    }
    if !made.tells {
        return;
    }
    for setting in &program.unknown {
        let help = crate::config::did_you_mean(&setting.key, program.role.key_names());
        let help = match help {
            Some(help) => format!("; {help}"),
            None if setting.key.starts_with("depend") => {
                "; a service that needs another one says so with `requires`".to_owned()
            }
            None => String::new(),
        };
        let why = format!("supervisord knows no such key, and ignores it{help}");
        let what = format!("{} {}", program.title(), setting.key);
        reading.output.trail.not_carried(setting.span, what, why);
    }
}

/// The socket of FastCGI, as `[[socket]]`.
fn socket(made: &mut Made<'_>, reading: &mut Reading<'_>) {
    let Some((template, span)) = made.program.get("socket") else { return };
    let ours = template.ours();
    let listen = match (ours.strip_prefix("unix://"), ours.strip_prefix("tcp://")) {
        (Some(path), _) if path.starts_with('/') => path.to_owned(),
        (_, Some(address)) => address.replacen("localhost:", "127.0.0.1:", 1),
        _ => {
            reading.broken(span, "`socket` is neither tcp://HOST:PORT nor unix:///PATH");
            return;
        }
    };
    let unix = listen.starts_with('/');
    let mut table = Table::default();
    let mut add = |key: &'static str, value: Value<'static>, span: Span| {
        table.entries.push(Entry { key: key.into(), key_span: span, node: Node { span, value } });
    };
    add("listen", listen.into(), span);
    if let Some((owner, span)) = made.program.get("socket_owner") {
        let owner = owner.ours();
        let (user, group) = owner.split_once(':').map_or((owner.as_str(), None), |(u, g)| (u, Some(g)));
        add("user", user.into(), span);
        if let Some(group) = group {
            add("group", group.into(), span);
        }
    } else if let Some((user, span)) = made.program.get("user").filter(|_| unix) {
        add("user", user.ours().into(), span);
    }
    if unix {
        let mode = made.program.known("socket_mode", words::octal).unwrap_or(0o700);
        add(
            "mode",
            format!("{mode:03o}").into(),
            made.program.get("socket_mode").map_or(span, |(_, span)| span),
        );
    }
    if let Some(backlog) = made.program.known("socket_backlog", words::integer) {
        add("backlog", backlog.into(), span);
    }
    made.draft.set("socket", Value::List(vec![Node { span, value: Value::Table(table) }]), span);
    for key in ["socket", "socket_owner", "socket_mode", "socket_backlog"] {
        made.exact(reading, key, "socket");
    }
}
