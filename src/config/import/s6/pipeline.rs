//! Services whose output another one reads.

use super::definitions::{Definition, Definitions};
use super::directories::FILES;
use super::order::Order;
use super::variables::Rules;
use crate::config::diagnostic::Span;
use crate::config::import::Reading;
use crate::config::import::draft::Draft;
use crate::config::import::logger::{self, Logger};
use crate::config::import::place::Image;
use crate::config::import::script::Script;
use crate::config::suggest::did_you_mean;
use std::collections::BTreeMap;

/// The consumers that only write files.
pub fn loggers<'d>(
    definitions: &'d Definitions,
    image: &Image,
    rules: &Rules,
    reading: &mut Reading<'_>,
) -> BTreeMap<&'d str, Logger> {
    let mut found = BTreeMap::new();
    for (name, definition) in &definitions.all {
        if definition.consumer_for.is_empty() || definition.producer_for.is_some() {
            continue;
        }
        if let Some(logger) = logger_of(definition, image, rules, reading) {
            found.insert(name.as_str(), logger);
        }
    }
    found
}

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
    let mut logger = logger::recognise(&rules.logging(became.words), &beside, image, reading)?;
    for key in became.keys.iter().filter(|key| !matches!(key.as_str(), "command" | "log.stderr")) {
        logger.differs.push(format!("`{key}` of the logger is not needed: foster writes the file"));
    }
    Some(logger)
}

/// What a service of a pipeline writes.
pub fn produces(
    name: &str,
    draft: &mut Draft,
    consumer: &str,
    span: Span,
    order: &mut Order<'_>,
    reading: &mut Reading<'_>,
) {
    let joined = draft.get("log.stderr").is_some();
    let what = format!("{name}/producer-for");
    let mut differs = Vec::new();
    if let Some(logger) = order.loggers.get(consumer) {
        for (path, value) in &logger.keys {
            draft.set(path, value.clone(), span);
        }
        differs.extend(logger.differs.iter().cloned());
        // What the logger waited for.
        order.require(draft, consumer, span, &what, reading);
    } else if let Some(to) = order.service(consumer) {
        draft.set("log.to", format!("service:{to}"), span);
        draft.set("log.format", "raw", span);
    } else {
        return order.unknown(consumer, span, reading);
    }
    if !joined {
        differs.push("standard error goes there too".to_owned());
    }
    let became = format!("{}: log", draft.name);
    if differs.is_empty() {
        reading.output.trail.exact(span, what, became);
    } else {
        reading.output.trail.approximated(span, what, became, differs.join("; "));
    }
}

/// Tells of the files of a logger, which is no service any more.
pub fn told_of_logger(name: &str, definition: &Definition, image: &Image, reading: &mut Reading<'_>) {
    for (entry, path) in image.entries(&definition.directory, reading) {
        let span = Span::whole(reading.sources.add(path.to_string_lossy(), None));
        let what = format!("{name}/{entry}");
        let trail = &mut reading.output.trail;
        match entry.as_str() {
            "run" => {
                let why = "foster itself writes the file: see `producer-for` of these";
                trail.approximated(span, what, "log of its producers", why);
            }
            "type" | "consumer-for" | "pipeline-name" | "dependencies" | "dependencies.d"
            | "notification-fd" | "supervise" | "event" => trail.exact(span, what, ""),
            _ if FILES.contains(&entry.as_str()) => {
                let why = "the logger is no process any more: foster itself writes the file, until the last line is in it";
                trail.not_carried(span, what, why);
            }
            _ => {
                let advice =
                    did_you_mean(&entry, FILES).map_or(String::new(), |advice| format!(": {advice}"));
                trail.not_carried(span, what, format!("s6 does not know it{advice}"));
            }
        }
    }
}
