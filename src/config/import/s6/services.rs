//! Definitions as services.

use super::definitions::{Definition, Definitions, Type};
use super::directories::{FILES, longrun, program};
use super::variables::Rules;
use crate::config::diagnostic::{Code, Span};
use crate::config::import::Reading;
use crate::config::import::draft::{Draft, service_name};
use crate::config::import::logger::{self, Logger};
use crate::config::import::place::Image;
use crate::config::import::script::Script;
use crate::config::suggest::did_you_mean;
use std::collections::BTreeMap;

/// What definitions have become: which services each name stands for.
type Become = BTreeMap<String, Vec<String>>;

/// All definitions as services; gives the names of those that start at boot. `steps` is what runs before everything.
pub fn all(
    definitions: &Definitions,
    image: &Image,
    steps: &[String],
    rules: &Rules,
    reading: &mut Reading<'_>,
) -> Vec<String> {
    let mut become_: Become = BTreeMap::new();
    let mut loggers: BTreeMap<&str, Logger> = BTreeMap::new();
    for (name, definition) in &definitions.all {
        let logger = (!definition.consumer_for.is_empty() && definition.producer_for.is_none())
            .then(|| logger_of(definition, image, rules, reading))
            .flatten();
        if let Some(logger) = logger {
            loggers.insert(name, logger);
        } else {
            let taken: Vec<&String> = become_.values().flatten().collect();
            let free = |text: &str| taken.iter().any(|name| *name == text);
            let called = service_name(name, |text| {
                free(text) || reading.output.services.iter().any(|d| d.name == text)
            });
            become_.insert(name.clone(), vec![called]);
        }
    }
    for (name, definition) in &definitions.all {
        if let Some((pipeline, _)) = &definition.pipeline {
            let members =
                definitions.pipeline(pipeline).into_iter().filter_map(|name| become_.get(name)).flatten();
            let members: Vec<String> = members.cloned().collect();
            become_.insert(pipeline.clone(), members);
        }
        // Who wants the logger gets what it wanted.
        if loggers.contains_key(name.as_str()) {
            become_.insert(name.clone(), Vec::new());
        }
    }
    let user: Vec<String> =
        definitions.user.iter().filter_map(|(name, _)| become_.get(name)).flatten().cloned().collect();
    for (member, span) in &definitions.user {
        if !become_.contains_key(member) {
            unknown(member, *span, &become_, reading);
        }
    }
    become_.insert("user".to_owned(), user.clone());
    become_.insert("user2".to_owned(), user.clone());
    for built_in in ["base", "legacy-cont-init", "fix-attrs"] {
        become_.insert(built_in.to_owned(), steps.last().into_iter().cloned().collect());
    }
    for built_in in ["legacy-services", "top", "syslogd"] {
        become_.entry(built_in.to_owned()).or_default();
    }
    for (name, definition) in &definitions.all {
        if let Some(logger) = loggers.get(name.as_str()) {
            told_of_logger(name, definition, logger, image, reading);
            continue;
        }
        let Some(called) = become_.get(name).and_then(|names| names.first()).cloned() else { continue };
        let mut draft = Draft::new(called, definition.span);
        let made = match definition.kind {
            Type::Longrun => {
                longrun(name, &definition.directory, &mut draft, image, rules, reading).map(|_| ())
            }
            Type::Oneshot => oneshot(name, definition, &mut draft, image, rules, reading),
            Type::Bundle => {
                draft.set("type", "target", definition.span);
                for (member, span) in &definition.contents {
                    depend(&mut draft, member, *span, &become_, reading);
                }
                reading.output.trail.exact(definition.span, name, format!("{}: type, requires", draft.name));
                Some(())
            }
        };
        if made.is_none() {
            continue;
        }
        for (dependency, span) in &definition.dependencies {
            depend(&mut draft, dependency, *span, &become_, reading);
            let became = if draft.get("requires").is_some() {
                format!("{}: requires", draft.name)
            } else {
                String::new()
            };
            reading.output.trail.exact(*span, format!("{name}/dependencies.d/{dependency}"), became);
        }
        if let Some((consumer, span)) = &definition.producer_for {
            produces(name, &mut draft, consumer, *span, definitions, &loggers, &become_, reading);
        }
        if !definitions.enabled.contains(name) {
            draft.set("enabled", false, definition.span);
            draft
                .notes
                .push("In no bundle that starts at boot: only what depends on it starts it.".to_owned());
            reading.output.trail.exact(
                definition.span,
                format!("{name}/type"),
                format!("{}: enabled", draft.name),
            );
        }
        reading.output.services.push(draft);
    }
    user
}

fn depend(draft: &mut Draft, on: &str, span: Span, become_: &Become, reading: &Reading<'_>) {
    match become_.get(on) {
        Some(names) => {
            for name in names {
                if *name != draft.name {
                    draft.push("requires", name.clone(), span);
                }
            }
        }
        None => unknown(on, span, become_, reading),
    }
}

fn unknown(name: &str, span: Span, become_: &Become, reading: &Reading<'_>) {
    let help = did_you_mean(name, become_.keys().map(String::as_str));
    let message = format!("there is no definition `{name}`; s6-rc-compile refuses that, and starts nothing");
    reading.findings.error(Code::Reference, span, message, help);
}

/// What a service of a pipeline writes.
#[allow(clippy::too_many_arguments)]
fn produces(
    name: &str,
    draft: &mut Draft,
    consumer: &str,
    span: Span,
    definitions: &Definitions,
    loggers: &BTreeMap<&str, Logger>,
    become_: &Become,
    reading: &mut Reading<'_>,
) {
    let joined = draft.get("log.stderr").is_some();
    let mut differs = Vec::new();
    if let Some(logger) = loggers.get(consumer) {
        for (path, value) in &logger.keys {
            draft.set(path, value.clone(), span);
        }
        // What the logger waited for.
        for (dependency, span) in
            definitions.all.get(consumer).map(|d| &d.dependencies[..]).unwrap_or_default()
        {
            depend(draft, dependency, *span, become_, reading);
        }
        differs.extend(logger.differs.iter().cloned());
    } else if let Some(to) = become_.get(consumer).and_then(|names| names.first()) {
        draft.set("log.to", format!("service:{to}"), span);
        draft.set("log.format", "raw", span);
    } else {
        return unknown(consumer, span, become_, reading);
    }
    if !joined {
        differs.push("standard error goes there too".to_owned());
    }
    let became = format!("{}: log", draft.name);
    let what = format!("{name}/producer-for");
    if differs.is_empty() {
        reading.output.trail.exact(span, what, became);
    } else {
        reading.output.trail.approximated(span, what, became, differs.join("; "));
    }
}

/// A consumer that only writes files.
fn logger_of(
    definition: &Definition,
    image: &Image,
    rules: &Rules,
    reading: &mut Reading<'_>,
) -> Option<Logger> {
    let run = Script::read(&definition.directory.join("run"), image, reading)?;
    let mut draft = Draft::new("logger", run.span);
    let became = run.apply(&mut draft, image, reading);
    let beside = image.inside(&definition.directory);
    logger::recognise(&rules.logging(became.words), &beside, image, reading)
}

fn told_of_logger(
    name: &str,
    definition: &Definition,
    logger: &Logger,
    image: &Image,
    reading: &mut Reading<'_>,
) {
    for (entry, path) in image.entries(&definition.directory, reading) {
        let file = reading.sources.add(path.to_string_lossy(), None);
        let what = format!("{name}/{entry}");
        if entry == "run" {
            let why =
                format!("foster itself writes the file, as who is told to; {}", logger.differs.join("; "));
            reading.output.trail.approximated(Span::whole(file), what, "log of its producers", why);
        } else {
            reading.output.trail.exact(Span::whole(file), what, "");
        }
    }
}

fn oneshot(
    name: &str,
    definition: &Definition,
    draft: &mut Draft,
    image: &Image,
    rules: &Rules,
    reading: &mut Reading<'_>,
) -> Option<()> {
    let up = definition.directory.join("up");
    if !up.exists() {
        let file = reading.sources.add(up.to_string_lossy(), None);
        reading.broken(Span::whole(file), format!("the oneshot `{name}` has no `up`"));
        return None;
    }
    let file = reading.load(&up)?;
    let line = Script::of_line(file, image.inside(&up), reading)?;
    // Mostly it is the path of a script.
    let named = line.only_word().filter(|word| word.starts_with('/')).map(str::to_owned);
    let script = named.as_deref().and_then(|path| Script::read(&image.here(path), image, reading));
    draft.set("type", "oneshot", definition.span);
    let mut became = match script {
        Some(mut script) => program(name, &mut script, draft, image, reading),
        None => line.apply(draft, image, reading),
    };
    if became.nothing {
        draft.set("type", "target", definition.span);
        reading.output.trail.exact(line.span, format!("{name}/up"), format!("{}: type", draft.name));
    } else {
        if line.text.starts_with("#!") {
            became.differs.push("`up` is one line of execline there, and its `#!` a comment".to_owned());
        }
        if !rules.strict {
            let why = "a failure ends the container, as with S6_BEHAVIOUR_IF_STAGE2_FAILS=2; `essential = false` lets the rest go on";
            became.differs.push(why.to_owned());
        }
        let keys = format!("{}: type, {}", draft.name, became.keys.join(", "));
        if became.differs.is_empty() {
            reading.output.trail.exact(line.span, format!("{name}/up"), keys);
        } else {
            reading.output.trail.approximated(
                line.span,
                format!("{name}/up"),
                keys,
                became.differs.join("; "),
            );
        }
    }
    for (entry, path) in image.entries(&definition.directory, reading) {
        let what = format!("{name}/{entry}");
        let span = Span::whole(reading.sources.add(path.to_string_lossy(), None));
        let trail = &mut reading.output.trail;
        match entry.as_str() {
            "up" | "dependencies" | "dependencies.d" => {}
            "type" => trail.exact(span, what, ""),
            "flag-essential" | "flag-recommended" => {
                trail.approximated(span, what, "", "`foster stop` stops it when it is asked to");
            }
            "timeout-up" => {
                let why = "a oneshot has as long as it needs: `timeout` before its command sets it an end";
                trail.not_carried(span, what, why);
            }
            "timeout-down" | "down" => {
                let why = "nothing runs when a oneshot is taken down: a daemon `sleep infinity` with this as `[stop] command` does that";
                trail.not_carried(span, what, why);
            }
            _ if named.as_deref().is_some_and(|path| path.ends_with(&format!("/{entry}"))) => {
                trail.exact(span, what, "")
            }
            _ if line.text.contains(&entry) => trail.exact(span, what, ""),
            _ => {
                let advice =
                    did_you_mean(&entry, FILES).map_or(String::new(), |advice| format!(": {advice}"));
                trail.not_carried(
                    span,
                    what,
                    format!("s6-rc does not know it, and `up` does not name it{advice}"),
                );
            }
        }
    }
    Some(())
}
