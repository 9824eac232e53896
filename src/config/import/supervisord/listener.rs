//! Event listeners: what people have them do, and what does it here.

use super::super::Reading;
use super::expand::Template;
use super::program::Program;
use super::{idiom, words};
use crate::config::files::read_text;
use std::path::Path;

/// An event listener ends the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// When a program has ended, and not only when it has failed for good.
    pub at_any_end: bool,
}

/// What listeners of others are for, by a part of their names.
const KNOWN: [(&str, &str); 8] = [
    ("memmon", "`resources.memory` limits the memory of a service"),
    ("httpok", "`[health] http` looks at a service, and restarts it"),
    ("crashmail", "`foster events --json` tells of each end"),
    ("crashsms", "`foster events --json` tells of each end"),
    ("fatalmailbatch", "`foster events --json` tells of each failure"),
    ("supervisor_stdout", "the output of services is shown as it is"),
    ("supervisor-stdout", "the output of services is shown as it is"),
    ("startup", "`requires` and `after` put services in order"),
];

/// Reads a listener; what it makes of ends, if that is what it is for.
pub fn read(program: &Program, here: &Path, reading: &mut Reading<'_>) -> Option<Ends> {
    let events = program.template("events").and_then(Template::known).unwrap_or_default().to_uppercase();
    let heard = |event: &str| events.split(',').any(|name| name.trim() == event);
    let states = heard("PROCESS_STATE");
    let of_ends = states || heard("EVENT") || heard("PROCESS_STATE_EXITED") || heard("PROCESS_STATE_STOPPED");
    let command = program.template("command").map(Template::marked).unwrap_or_default();
    let ends = match script(&command, here) {
        Some(text) => idiom::kills_supervisor(&text),
        // By its name, as far as that goes.
        None => {
            let name = format!("{} {command}", program.name).to_lowercase();
            let words = ["quit", "exit", "kill", "stop", "shutdown", "die", "fatal", "suicide", "watchdog"];
            words.iter().any(|word| name.contains(word))
                && !KNOWN.iter().any(|(known, _)| name.contains(known))
        }
    };
    let title = program.title();
    let trail = &mut reading.output.trail;
    if ends && (of_ends || heard("PROCESS_STATE_FATAL")) {
        let keys: Vec<_> = program.keys().map(|(key, span)| (key.to_owned(), span)).collect();
        if of_ends {
            let why = "it ends supervisord when a program ends: nothing is restarted now, and an end that is a failure \
                       ends the container with its code; for ends with code 0, write `main = true` in the service whose \
                       end counts";
            trail.approximated(program.span, title.clone(), "restart.policy and essential, the default", why);
        } else {
            let why = "what fails for good ends the container with its exit code, where supervisord, asked to end, ends \
                       with 0";
            trail.approximated(program.span, title.clone(), "essential, the default", why);
        }
        for (key, span) in keys {
            trail.exact(span, format!("{title} {key}"), "");
        }
        return Some(Ends { at_any_end: of_ends });
    }
    let name = format!("{} {command}", program.name).to_lowercase();
    let known = KNOWN.iter().find(|(part, _)| name.contains(part)).map(|(_, instead)| *instead);
    let instead =
        known.unwrap_or("`foster events --json` tells of state changes, for a service that reads it");
    trail.not_carried(program.span, title.clone(), format!("there are no event listeners: {instead}"));
    for (key, span) in program.keys().map(|(key, span)| (key.to_owned(), span)).collect::<Vec<_>>() {
        trail.not_carried(span, format!("{title} {key}"), "as the listener itself");
    }
    None
}

/// The text of the script that a command runs: its own, or that of the last file among its words that can be read.
fn script(command: &str, here: &Path) -> Option<String> {
    let words = words::split(command)?;
    if let Some(at) = words.iter().position(|word| word == "-c") {
        return words.get(at + 1).cloned();
    }
    words.iter().rev().take(10).find_map(|word| {
        let path = Path::new(word);
        let beside = path.file_name().map(|name| here.join(name));
        let text = |path: &Path| read_text(path).ok();
        text(&here.join(path)).or_else(|| text(&beside?))
    })
}
