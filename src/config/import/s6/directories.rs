//! Service directories of s6, each file of them.

use crate::config::diagnostic::Span;
use crate::config::import::chain_options::milliseconds;
use crate::config::import::draft::{Draft, list};
use crate::config::import::place::{self, Image};
use crate::config::import::script::{Became, Script};
use crate::config::import::{Reading, finish, idle};
use crate::config::suggest::did_you_mean;
use std::path::Path;

/// What a definition or a service directory may consist of.
pub const FILES: [&str; 31] = [
    "type",
    "run",
    "up",
    "down",
    "finish",
    "notification-fd",
    "timeout-kill",
    "timeout-finish",
    "timeout-up",
    "timeout-down",
    "down-signal",
    "reload-signal",
    "max-death-tally",
    "flag-essential",
    "flag-recommended",
    "flag-timeout-killpg",
    "flag-newpidns",
    "lock-fd",
    "data",
    "env",
    "dependencies",
    "dependencies.d",
    "contents",
    "contents.d",
    "producer-for",
    "consumer-for",
    "pipeline-name",
    "log",
    "reload",
    "supervise",
    "event",
];

/// Where a service directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Among definitions of s6-rc, which copies what it knows.
    Definition,
    /// In a directory that s6-svscan scans, with a logger or without.
    Scanned,
}

/// A service that runs for ever, by its service directory.
pub fn longrun(
    name: &str,
    directory: &Path,
    kind: Kind,
    draft: &mut Draft,
    image: &Image,
    reading: &mut Reading<'_>,
) -> Option<Became> {
    let Some(mut run) = Script::read(&directory.join("run"), image, reading) else {
        let file = reading.sources.add(directory.join("run").to_string_lossy(), None);
        if reading.findings.is_empty() {
            reading.broken(Span::whole(file), format!("`{name}` has no `run`"));
        }
        return None;
    };
    let mut became = program(name, &mut run, draft, image, reading);
    if became.nothing {
        reading.output.trail.not_carried(run.span, format!("{name}/run"), "it does nothing: write a command");
        return None;
    }
    if matches!(
        became.words.iter().map(String::as_str).collect::<Vec<_>>()[..],
        ["sleep", "infinity"] | ["s6-pause"]
    ) {
        became
            .differs
            .push("it only stays up: a target with the same `requires` needs no process".to_owned());
    }
    for (entry, path) in image.entries(directory, reading) {
        if kind == Kind::Definition && matches!(entry.as_str(), "log" | "down") {
            let span = Span::whole(reading.sources.add(path.to_string_lossy(), None));
            let why = match entry.as_str() {
                "log" => {
                    "s6-rc ignores it, and so does foster: a logger is a `consumer-for` there, and `[log]` here"
                }
                _ => {
                    "s6-rc ignores it, and so does foster: what is to stay down is in no bundle, here `enabled = false`"
                }
            };
            reading.output.trail.not_carried(span, format!("{name}/{entry}"), why);
            continue;
        }
        file(name, &entry, &path, &run, &became, draft, image, reading);
    }
    if became.checks {
        let check = directory.join("data/check");
        match Script::read(&check, image, reading) {
            Some(check) => {
                draft.set("ready.exec", list(check.command(), check.span), check.span);
                became.keys.push("ready.exec".to_owned());
            }
            None => {
                reading.output.trail.not_carried(run.span, format!("{name}/data/check"), "it is not there")
            }
        }
    }
    let (what, keys) = (format!("{name}/run"), format!("{}: {}", draft.name, became.keys.join(", ")));
    if became.differs.is_empty() {
        reading.output.trail.exact(run.span, what, keys);
    } else {
        reading.output.trail.approximated(run.span, what, keys, became.differs.join("; "));
    }
    Some(became)
}

/// What is executed, and the conditions before it.
pub fn program(
    name: &str,
    run: &mut Script,
    draft: &mut Draft,
    image: &Image,
    reading: &mut Reading<'_>,
) -> Became {
    let mut keys = Vec::new();
    if let Some((conditions, rest)) = idle::conditions(&run.text) {
        for (key, value) in conditions {
            draft.push(key, value, run.span);
            keys.push(key.to_owned());
        }
        run.text = rest;
    }
    let mut became = run.apply(draft, image, reading);
    if keys.is_empty()
        && run.text.contains("sleep infinity")
        && became.words.first().is_none_or(|word| word != "sleep")
    {
        became
            .differs
            .push("where it sleeps for ever, `[when]` would skip it: write the condition there".to_owned());
    }
    if !keys.is_empty() {
        became.differs.push("where it would have slept for ever, it is skipped".to_owned());
    }
    became.keys.extend(keys);
    if run.text.contains("container_environment") {
        let why = "what it writes for the environment of others is not read by them: have it write a file of NAME=value lines, \
                   and name that in their `environment-files`";
        reading.output.trail.not_carried(run.span, format!("{name}: container_environment"), why);
    }
    became
}

/// One file of a service directory.
#[allow(clippy::too_many_arguments)]
fn file(
    name: &str,
    entry: &str,
    path: &Path,
    run: &Script,
    became: &Became,
    draft: &mut Draft,
    image: &Image,
    reading: &mut Reading<'_>,
) {
    let what = format!("{name}/{entry}");
    let keys = |keys: &str| format!("{}: {keys}", draft.name);
    match entry {
        "run" | "dependencies" | "dependencies.d" | "producer-for" | "log" | "down" => return,
        "finish" => {
            if let Some(script) = Script::read(path, image, reading) {
                finish::apply(&what, &script, finish::Of::S6, draft, &mut reading.output.trail);
            }
            return;
        }
        _ => {}
    }
    let is_data = path.is_dir()
        || entry.starts_with("flag-")
        || matches!(entry, "type" | "consumer-for" | "pipeline-name");
    let line = if is_data { None } else { place::first_line(path, reading) };
    if line.is_none() && !is_data && !path.exists() {
        // A link that leads nowhere, or to itself.
        reading.load(path);
        return;
    }
    let (value, span) = line
        .unwrap_or_else(|| (String::new(), Span::whole(reading.sources.add(path.to_string_lossy(), None))));
    let number = value.parse::<u64>().ok();
    let trail = &mut reading.output.trail;
    match (entry, number) {
        (
            "type"
            | "consumer-for"
            | "pipeline-name"
            | "flag-timeout-killpg"
            | "supervise"
            | "event"
            | "lock-fd",
            _,
        ) => {
            trail.exact(span, what, "");
        }
        ("notification-fd", _) if became.checks || draft.get("ready.exec").is_some() => {
            trail.exact(span, what, "")
        }
        ("notification-fd", Some(fd @ 3..=1023)) => {
            trail.exact(span, what, keys("ready.fd"));
            draft.set("ready.fd", i64::try_from(fd).unwrap_or(3), span);
        }
        ("notification-fd", _) => {
            trail.not_carried(span, what, "a descriptor of readiness is a number from 3 to 1023")
        }
        ("timeout-kill", Some(0)) => {
            let why = "it is killed 5 s after the stop signal; 0 means never there";
            trail.approximated(span, what, "", why);
        }
        ("timeout-kill", Some(time)) => {
            trail.exact(span, what, keys("stop.timeout"));
            draft.set("stop.timeout", milliseconds(time), span);
        }
        ("timeout-up", Some(0)) => {
            trail.approximated(span, what, "", "it has 60 s to become ready; 0 means for ever there")
        }
        ("timeout-up", Some(time)) => {
            let why =
                "it is stopped then and counts as failed; there it goes on and only its start has failed";
            trail.approximated(span, what, keys("ready.timeout"), why);
            if became.checks || draft.get("ready.exec").is_some() || draft.get("ready.fd").is_some() {
                draft.set("ready.timeout", milliseconds(time), span);
            }
        }
        ("timeout-down" | "timeout-finish", Some(_)) => {
            trail.approximated(span, what, "", "`[stop] timeout` is the time of the whole stop");
        }
        ("down-signal" | "reload-signal", _) => {
            let key = if entry == "down-signal" { "stop.signal" } else { "reload.signal" };
            trail.exact(span, what, keys(key));
            let signal = value.trim_start_matches("SIG");
            match number.and_then(|number| i64::try_from(number).ok()) {
                Some(number) => draft.set(key, number, span),
                None => draft.set(key, format!("SIG{signal}"), span),
            };
        }
        ("max-death-tally", _) => trail.exact(span, what, ""),
        ("flag-essential" | "flag-recommended", _) => {
            trail.approximated(span, what, "", "`foster stop` stops it when it is asked to");
        }
        ("flag-newpidns", _) => {
            trail.not_carried(span, what, "foster makes no namespaces: `unshare --pid --fork` does")
        }
        ("data" | "env", _) if run.text.contains(entry) || became.checks => trail.exact(span, what, ""),
        ("data", _) => trail.not_carried(span, what, "nothing reads it: name its files where they are"),
        ("env", _) => {
            trail.not_carried(span, what, "s6 does not read it by itself; write it as `[environment]`")
        }
        _ if run.text.contains(entry) && !FILES.contains(&entry) => trail.exact(span, what, ""),
        _ => {
            let advice = did_you_mean(entry, FILES).map_or(String::new(), |advice| format!(": {advice}"));
            let why = if FILES.contains(&entry) {
                format!("`{value}` means nothing here")
            } else {
                format!("s6 does not know it, and `run` does not name it{advice}")
            };
            trail.not_carried(span, what, why);
        }
    }
}
