//! A Procfile: a line `NAME: COMMAND` for each process, which a shell runs; as of Foreman and Heroku.

use super::draft::literal;
use super::{Reading, shell};
use crate::config::diagnostic::Span;
use std::path::Path;

/// The port of the first process, and how far they are apart: as Foreman counts.
const PORT: usize = 5000;
const PORTS: usize = 100;

/// Reads it.
pub fn read(path: &Path, reading: &mut Reading<'_>) {
    let path = if path.is_dir() { path.join("Procfile") } else { path.to_owned() };
    let Some(file) = reading.load(&path) else { return };
    let text = reading.sources.text(file).to_owned();
    let mut names: Vec<&str> = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let span = Span::new(file, start..start + line.trim_end().len());
        start += line.len();
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = line.split_once(':').map(|(name, command)| (name.trim(), command.trim()));
        let Some((name, command)) = entry.filter(|(name, command)| is_name(name) && !command.is_empty())
        else {
            reading.broken(span, "a line of a Procfile is `NAME: COMMAND`");
            continue;
        };
        if names.contains(&name) {
            reading.broken(span, format!("two processes are called `{name}`"));
            continue;
        }
        let earlier = names.iter().filter(|name| **name != RELEASE).count();
        process(reading, name, command, PORT + PORTS * earlier, span);
        names.push(name);
    }
    if names.is_empty() && reading.findings.is_empty() {
        reading.broken(Span::whole(file), "there is no process in it");
    }
    wait_for_release(reading);
    environment_file(&path, reading);
}

/// The process that Heroku runs to its end before all others.
const RELEASE: &str = "release";
/// The one to which Heroku gives PORT.
const WEB: &str = "web";

fn process(reading: &mut Reading<'_>, name: &str, command: &str, port: usize, span: Span) {
    let mut draft = reading.service(name, span);
    shell::set_command(&mut draft, command, span);
    let service = draft.name.clone();
    if name == RELEASE {
        draft.set("type", "oneshot", span);
        let why = "it runs to its end before the others start, as on Heroku; Foreman starts it beside them";
        reading.output.trail.approximated(span, name, format!("{service}: type, command"), why);
    } else {
        let why = "when it ends it is restarted, as on Heroku; Foreman stops all others then: \
                   write `restart.policy = \"never\"` for that";
        reading.output.trail.approximated(span, name, format!("{service}: command"), why);
        if mentions_port(command) {
            // Whoever sets PORT for the container means this one.
            let value = if name == WEB { format!("${{PORT:-{port}}}") } else { port.to_string() };
            draft.set("environment.PORT", value, span).note("As Foreman counts: 100 more for each line.");
        }
    }
    reading.output.services.push(draft);
}

fn mentions_port(command: &str) -> bool {
    command.contains("$PORT") || command.contains("${PORT")
}

fn wait_for_release(reading: &mut Reading<'_>) {
    let services = &mut reading.output.services;
    let Some(release) = services.iter().find(|draft| draft.name == RELEASE).map(|draft| draft.span) else {
        return;
    };
    for draft in services.iter_mut().filter(|draft| draft.name != RELEASE) {
        draft.push("requires", RELEASE, release);
    }
}

/// What Foreman reads beside it.
fn environment_file(procfile: &Path, reading: &mut Reading<'_>) {
    let path = procfile.with_file_name(".env");
    let Ok(path) = path.canonicalize() else { return };
    let text = path.to_string_lossy().into_owned();
    let file = reading.sources.add(&text, None);
    let span = Span::whole(file);
    for draft in &mut reading.output.services {
        draft.push("environment-files", literal(&text), span);
    }
    let why = "it is read at each start, from where it is now: change the path if the image has it elsewhere";
    reading.output.trail.approximated(span, ".env", "environment-files", why);
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}
