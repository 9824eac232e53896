//! What s6-overlay had before version 3, and still reads: `fix-attrs.d`, `cont-init.d`, `services.d`, `cont-finish.d`.

use super::variables::Rules;
use super::{Layout, directories, settings};
use crate::config::diagnostic::Span;
use crate::config::import::Reading;
use crate::config::import::chain_options::milliseconds;
use crate::config::import::draft::{Draft, list};
use crate::config::import::logger;
use crate::config::import::place;
use crate::config::import::script::Script;
use std::path::Path;

/// What runs before all services, one after another: the names of the oneshots, in order.
pub fn before(layout: &Layout, reading: &mut Reading<'_>) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    attributes(layout, &mut steps, reading);
    let scripts = layout.before.as_deref().map(|directory| layout.image.entries(directory, reading));
    for (name, path) in scripts.unwrap_or_default() {
        let Some(script) = Script::read(&path, &layout.image, reading) else { continue };
        if !reading.has_room(script.span) {
            break;
        }
        let mut draft = reading.service(stem(&name), script.span);
        draft.set("type", "oneshot", script.span);
        let became = script.apply(&mut draft, &layout.image, reading);
        let what = format!("cont-init.d/{name}");
        if became.nothing {
            reading.output.trail.exact(script.span, what, "");
            continue;
        }
        if script.text.contains("container_environment") {
            let why = "what it writes for the environment of others is not read by them: have it write a file of NAME=value lines, \
                       and name that in their `environment-files`";
            reading.output.trail.not_carried(script.span, format!("{what}: container_environment"), why);
        }
        if let Some(last) = steps.last() {
            draft.push("requires", last.clone(), script.span);
        }
        let keys = format!("{}: type, {}", draft.name, became.keys.join(", "));
        if became.differs.is_empty() {
            reading.output.trail.exact(script.span, what, keys);
        } else {
            reading.output.trail.approximated(script.span, what, keys, became.differs.join("; "));
        }
        steps.push(draft.name.clone());
        reading.output.services.push(draft);
    }
    steps
}

/// `path recurse account fmode dmode`
fn attributes(layout: &Layout, steps: &mut Vec<String>, reading: &mut Reading<'_>) {
    let files = layout.attributes.as_deref().map(|directory| layout.image.entries(directory, reading));
    let (mut script, mut first) = (String::new(), None);
    for (name, path) in files.unwrap_or_default() {
        let Some(file) = reading.load(&path) else { continue };
        for (line, span) in place::lines(file, reading) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let what = format!("fix-attrs.d/{name}");
            let [path, recurse @ ("true" | "false"), account, files, directories] = words[..] else {
                reading.broken(span, "a line of fix-attrs.d is `path recurse account fmode dmode`");
                continue;
            };
            let (account, numbers) = account.split_once(',').unwrap_or((account, ""));
            let fine = |text: &str| {
                !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-:./+".contains(&b))
            };
            if ![path, account, files, directories].iter().all(|word| fine(word)) {
                reading.output.trail.not_carried(
                    span,
                    what,
                    "it has characters that a shell would read: write it as a script",
                );
                continue;
            }
            let depth = if recurse == "true" { "" } else { " -maxdepth 0" };
            script.push_str(&format!(
                "if [ -e {path} ]; then\n  find {path}{depth} -exec chown {account} {{}} +\n  \
                 find {path}{depth} -type d -exec chmod {directories} {{}} +\n  \
                 find {path}{depth} ! -type d ! -type l -exec chmod {files} {{}} +\nfi\n"
            ));
            first = first.or(Some(span));
            let numbers =
                if numbers.is_empty() { String::new() } else { format!("; `{numbers}` is left out") };
            let why = format!("hidden files too{numbers}");
            reading.output.trail.approximated(span, what, "fix-attrs: script", why);
        }
    }
    if let Some(span) = first {
        let mut draft = reading.service("fix-attrs", span);
        draft.set("type", "oneshot", span);
        draft.set("script", script, span);
        steps.push(draft.name.clone());
        reading.output.services.push(draft);
    }
}

/// Service directories, each of which starts after the steps, and after what starts at boot otherwise. Gives their names.
pub fn services(
    layout: &Layout,
    steps: &[String],
    earlier: &[String],
    rules: &Rules,
    reading: &mut Reading<'_>,
) -> Vec<String> {
    let mut names = Vec::new();
    let directories = layout.services.as_deref().map(|directory| layout.image.entries(directory, reading));
    for (name, directory) in directories.unwrap_or_default() {
        if !directory.is_dir() {
            let file = reading.sources.add(directory.to_string_lossy(), None);
            reading.output.trail.not_carried(
                Span::whole(file),
                name,
                "it is not a directory, so s6-svscan ignores it",
            );
            continue;
        }
        let file = reading.sources.add(directory.join("run").to_string_lossy(), None);
        let mut draft = reading.service(&name, Span::whole(file));
        if !reading.has_room(draft.span) {
            break;
        }
        let kind = directories::Kind::Scanned;
        if directories::longrun(&name, &directory, kind, &mut draft, &layout.image, reading).is_none() {
            continue;
        }
        settings::grace(rules, &mut draft);
        for step in steps.last().into_iter() {
            draft.push("requires", step.clone(), Span::whole(file));
        }
        for name in earlier {
            draft.push("after", name.clone(), Span::whole(file));
        }
        let down = directory.join("down");
        if down.exists() {
            let file = reading.sources.add(down.to_string_lossy(), None);
            draft.set("enabled", false, Span::whole(file));
            reading.output.trail.exact(
                Span::whole(file),
                format!("{name}/down"),
                format!("{}: enabled", draft.name),
            );
        }
        log(&name, &directory.join("log"), &mut draft, layout, rules, reading);
        names.push(draft.name.clone());
        reading.output.services.push(draft);
    }
    names
}

/// The logger of a service directory.
fn log(
    name: &str,
    directory: &Path,
    draft: &mut Draft,
    layout: &Layout,
    rules: &Rules,
    reading: &mut Reading<'_>,
) {
    let Some(run) = Script::read(&directory.join("run"), &layout.image, reading) else { return };
    let what = format!("{name}/log/run");
    let mut service = reading.service(&format!("{}-log", draft.name), run.span);
    let mut became = run.apply(&mut service, &layout.image, reading);
    let beside = layout.image.inside(directory);
    match logger::recognise(&rules.logging(became.words.clone()), &beside, &layout.image, reading) {
        Some(logger) => {
            let joined = draft.get("log.stderr").is_some();
            for (path, value) in logger.keys {
                draft.set(&path, value, run.span);
            }
            let mut differs = logger.differs;
            if !joined {
                differs.push("standard error is in it too".to_owned());
            }
            for key in became.keys.iter().filter(|key| !matches!(key.as_str(), "command" | "log.stderr")) {
                differs.push(format!("`{key}` of the logger is not needed: foster writes the file"));
            }
            reading.output.trail.approximated(
                run.span,
                what,
                format!("{}: log", draft.name),
                differs.join("; "),
            );
        }
        None => {
            draft.set("log.to", format!("service:{}", service.name), run.span);
            draft.set("log.format", "raw", run.span);
            became.differs.push("standard error goes there too".to_owned());
            let keys = format!("{}: log.to; {}: {}", draft.name, service.name, became.keys.join(", "));
            reading.output.trail.approximated(run.span, what, keys, became.differs.join("; "));
            reading.output.services.push(service);
        }
    }
}

/// What runs at the end, after all services are down: a daemon that does nothing until it is stopped, as the last.
pub fn after(layout: &Layout, rules: &Rules, reading: &mut Reading<'_>) {
    let scripts =
        layout.after.as_deref().map(|directory| layout.image.entries(directory, reading)).unwrap_or_default();
    let all: Vec<String> = reading.output.services.iter().map(|draft| draft.name.clone()).collect();
    let mut following = all;
    for (name, path) in scripts {
        let Some(script) = Script::read(&path, &layout.image, reading) else { continue };
        let span = script.span;
        if !reading.has_room(span) {
            break;
        }
        let mut draft = reading.service(&format!("finish-{}", stem(&name)), span);
        draft.notes.push("It waits to be stopped, as the last, and runs what cont-finish.d had.".to_owned());
        draft.set("command", list(["sleep", "infinity"], span), span);
        draft.set("stop.command", list(script.command(), span), span);
        if let Some((time, span)) = rules.finish {
            draft.set("stop.timeout", milliseconds(time), span);
        }
        draft.set("before", list(following.iter(), span), span);
        following.push(draft.name.clone());
        let became = format!("{}: stop.command", draft.name);
        let why = "it runs when all services are down, within its `[stop] timeout`, 5 s by default";
        reading.output.trail.approximated(span, format!("cont-finish.d/{name}"), became, why);
        reading.output.services.push(draft);
    }
}

/// A name without what a script ends in.
fn stem(name: &str) -> &str {
    name.strip_suffix(".sh").unwrap_or(name)
}
