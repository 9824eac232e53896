//! A directory of runit's service directories, such as `/etc/service` or `/etc/sv`.

use super::draft::{self, Draft, list, literal};
use super::logger::{self, Logger};
use super::place::Image;
use super::script::{Became, Script};
use super::{Reading, finish};
use crate::config::diagnostic::Span;
use crate::config::suggest::did_you_mean;
use crate::config::tree::Value;
use std::path::{Path, PathBuf};

/// What runsv looks at in a service directory.
const FILES: [&str; 7] = ["run", "finish", "log", "down", "check", "control", "supervise"];

/// Reads it: the directory of all, or that of one service.
pub fn read(path: &Path, reading: &mut Reading<'_>) {
    let image = Image::around(path);
    if !path.is_dir() {
        let file = reading.sources.add(path.to_string_lossy(), None);
        let message = format!("cannot read {}: it is not a directory of service directories", path.display());
        return reading.broken(Span::whole(file), message);
    }
    let found: Vec<(String, PathBuf)> = if path.join("run").exists() {
        let name = path.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
        vec![(name.unwrap_or_else(|| "service".to_owned()), path.to_owned())]
    } else {
        image.entries(path, reading)
    };
    for (name, directory) in &found {
        if directory.is_dir() {
            if !service(name, directory, &image, reading) {
                break;
            }
        } else {
            let file = reading.sources.add(directory.to_string_lossy(), None);
            let why = "it is not a directory, so runsvdir does not look at it";
            reading.output.trail.not_carried(Span::whole(file), name, why);
        }
    }
    if reading.output.services.is_empty() && reading.findings.is_empty() {
        let file = reading.sources.add(path.to_string_lossy(), None);
        reading.broken(Span::whole(file), "there is no service directory in it: one has a file `run`");
    }
    only_known(reading);
    of_all(path, reading);
}

/// What differs for all services alike, once.
fn of_all(path: &Path, reading: &mut Reading<'_>) {
    let span = Span::whole(reading.sources.add(path.to_string_lossy(), None));
    let never =
        |draft: &Draft| matches!(draft.get("restart.policy"), Some(Value::Text(text)) if text == "never");
    let trail = &mut reading.output.trail;
    if reading.output.services.iter().any(|draft| !never(draft)) {
        trail.approximated(
            span,
            "restarts",
            "",
            "at once, then with growing delays, and after 10 ends in a row the container ends; runsv restarts each second, for \
             ever: `[restart] limit = \"unlimited\"`, or `essential = false`",
        );
    }
    if reading.output.services.iter().any(|draft| draft.get("working-directory").is_none()) {
        let why = "services run in that of foster; there in their service directory: `working-directory`";
        trail.approximated(span, "directories", "", why);
    }
    trail.approximated(
        span,
        "stops",
        "",
        "SIGKILL 5 s after the stop signal, and all in 9 s; runsv waits for ever: `[stop] timeout`, and `[shutdown] timeout` in \
         foster.toml, give more time",
    );
}

/// One service directory; whether there is room for more.
fn service(name: &str, directory: &Path, image: &Image, reading: &mut Reading<'_>) -> bool {
    let Some(run) = Script::read(&directory.join("run"), image, reading) else {
        if reading.findings.is_empty() {
            let file = reading.sources.add(directory.to_string_lossy(), None);
            let why = "it has no `run`: runsv tries to start it for ever";
            reading.output.trail.not_carried(Span::whole(file), name, why);
        }
        return true;
    };
    if !reading.has_room(run.span) {
        return false;
    }
    let mut draft = reading.service(name, run.span);
    let became = run.apply(&mut draft, image, reading);
    told_of_run(name, &draft, &run, became, reading);
    for (entry, path) in image.entries(directory, reading) {
        let what = format!("{name}/{entry}");
        match entry.as_str() {
            "run" => {}
            "finish" => {
                let Some(script) = Script::read(&path, image, reading) else { continue };
                finish::apply(&what, &script, finish::Of::Runit, &mut draft, &mut reading.output.trail);
            }
            "log" => log(&what, &path, &mut draft, image, reading),
            "down" => {
                let file = reading.sources.add(path.to_string_lossy(), None);
                draft.set("enabled", false, Span::whole(file));
                reading.output.trail.exact(Span::whole(file), what, format!("{}: enabled", draft.name));
            }
            "check" => {
                let Some(check) = Script::read(&path, image, reading) else { continue };
                draft.set("ready.exec", list(check.command(), check.span), check.span);
                let why = "others wait for it at each start; `sv start` asks once, for 7 seconds";
                let became = format!("{}: ready.exec", draft.name);
                reading.output.trail.approximated(check.span, what, became, why);
            }
            "control" => control(&what, &path, &mut draft, image, reading),
            "supervise" => {
                let file = reading.sources.add(path.to_string_lossy(), None);
                reading.output.trail.exact(Span::whole(file), what, "");
            }
            _ => {
                let file = reading.sources.add(path.to_string_lossy(), None);
                if run.text.contains(&entry) {
                    reading.output.trail.exact(Span::whole(file), what, "");
                } else {
                    let advice =
                        did_you_mean(&entry, FILES).map_or(String::new(), |advice| format!(": {advice}"));
                    let why = format!("runsv does not know it, and `run` does not name it{advice}");
                    reading.output.trail.not_carried(Span::whole(file), what, why);
                }
            }
        }
    }
    reading.output.services.push(draft);
    true
}

fn told_of_run(name: &str, draft: &Draft, run: &Script, became: Became, reading: &mut Reading<'_>) {
    let why = became.differs;
    if became.nothing {
        let why = "it does nothing: write a command";
        return reading.output.trail.not_carried(run.span, format!("{name}/run"), why);
    }
    let became = format!("{}: {}", draft.name, became.keys.join(", "));
    if why.is_empty() {
        reading.output.trail.exact(run.span, format!("{name}/run"), became);
    } else {
        reading.output.trail.approximated(run.span, format!("{name}/run"), became, why.join("; "));
    }
}

/// The service that gets its output.
fn log(what: &str, directory: &Path, draft: &mut Draft, image: &Image, reading: &mut Reading<'_>) {
    let Some(run) = Script::read(&directory.join("run"), image, reading) else {
        let file = reading.sources.add(directory.to_string_lossy(), None);
        let why = "it has no `run`, so nothing reads the output";
        return reading.output.trail.not_carried(Span::whole(file), what, why);
    };
    let what = format!("{what}/run");
    let mut service = reading.service(&format!("{}-log", draft.name), run.span);
    let mut became = run.apply(&mut service, image, reading);
    let beside = image.inside(directory);
    match logger::recognise(&became.words, &beside, image, reading) {
        Some(Logger { keys, mut differs, .. }) => {
            let joined = draft.get("log.stderr").is_some();
            for (path, value) in keys {
                draft.set(&path, value, run.span);
            }
            if !joined {
                differs.push("standard error is in it too".to_owned());
            }
            for key in became.keys.iter().filter(|key| *key != "command" && *key != "log.stderr") {
                differs.push(format!("`{key}` of the logger is not needed: foster writes the file"));
            }
            let became = format!("{}: log", draft.name);
            reading.output.trail.approximated(run.span, &*what, became, differs.join("; "));
        }
        None => {
            draft.set("log.to", format!("service:{}", service.name), run.span);
            draft.set("log.format", "raw", run.span);
            became.differs.push("standard error goes there too".to_owned());
            let keys = format!("{}: log.to; {}: {}", draft.name, service.name, became.keys.join(", "));
            reading.output.trail.approximated(run.span, &*what, keys, became.differs.join("; "));
            reading.output.services.push(service);
        }
    }
    for (entry, path) in image.entries(directory, reading) {
        if !matches!(entry.as_str(), "run" | "supervise" | "main") {
            let file = reading.sources.add(path.to_string_lossy(), None);
            let what = format!("{}/{entry}", what.trim_end_matches("/run"));
            if run.text.contains(&entry) || entry == "config" {
                reading.output.trail.exact(Span::whole(file), what, "");
            } else {
                let why = "a logger has nothing of that here";
                reading.output.trail.not_carried(Span::whole(file), what, why);
            }
        }
    }
}

/// Commands instead of signals.
fn control(what: &str, directory: &Path, draft: &mut Draft, image: &Image, reading: &mut Reading<'_>) {
    let mut stop = false;
    for (entry, path) in image.entries(directory, reading) {
        let Some(script) = Script::read(&path, image, reading) else { continue };
        let what = format!("{what}/{entry}");
        let pid = match script.text.contains("supervise") {
            true => "; the pid is in MAINPID, not in supervise/pid",
            false => "",
        };
        match entry.as_str() {
            "t" | "d" | "x" if !stop => {
                stop = true;
                draft.set("stop.command", list(script.command(), script.span), script.span);
                let why = format!("the stop signal follows, whatever it exits with{pid}");
                let became = format!("{}: stop.command", draft.name);
                reading.output.trail.approximated(script.span, what, became, why);
            }
            "h" => {
                draft.set("reload.command", list(script.command(), script.span), script.span);
                let became = format!("{}: reload.command", draft.name);
                reading.output.trail.approximated(
                    script.span,
                    what,
                    became,
                    format!("`foster reload` runs it{pid}"),
                );
            }
            _ => {
                let why = "foster has a command for the stop (`[stop] command`) and the reload (`[reload] command`) only";
                reading.output.trail.not_carried(script.span, what, why);
            }
        }
    }
}

/// `sv start` names services that may be elsewhere.
fn only_known(reading: &mut Reading<'_>) {
    let names: Vec<String> = reading.output.services.iter().map(|draft| draft.name.clone()).collect();
    for draft in &mut reading.output.services {
        let Some(at) = draft.items().iter().position(|item| item.path == "requires") else { continue };
        let item = draft.remove(at);
        let crate::config::tree::Value::List(required) = &item.value else { continue };
        for node in required {
            let crate::config::tree::Value::Text(text) = &node.value else { continue };
            let name = draft::service_name(text, |_| false);
            if names.contains(&name) && name != draft.name {
                draft.push("requires", name, item.span);
            } else {
                let why = format!("there is no service `{}` in the source", literal(text));
                reading.output.trail.not_carried(item.span, format!("sv start {text}"), why);
            }
        }
    }
}
