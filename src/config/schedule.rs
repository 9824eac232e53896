//! `[schedule]`: runs of a oneshot at times of the clock.

use super::diagnostic::{Code, Diagnostic};
use super::reader::{Located, Reader};
use super::service::{Context, Draft};
use super::suggest;
use super::tree::Value;
use crate::model::{Id, Kind, Overlap, Schedule, Service};
use crate::time::{Cron, TimeZone, local_zone, zone};
use std::ffi::OsStr;
use std::path::Path;

/// Reads `[schedule]`.
pub fn schedule(context: &Context<'_>, outer: &Reader<'_, '_>, service: &Service) -> Option<Schedule> {
    if let Some(Value::Text(text)) = outer.node("schedule").map(|node| &node.value) {
        let span = outer.key_span("schedule")?;
        let help = format!("write [schedule] below all other keys, and under it cron = \"{text}\"");
        let message = "`schedule` must be a table, not a string";
        outer.scope.findings.error(Code::Type, span, message, Some(help));
        return None;
    }
    let reader = outer.inner("schedule")?;
    if service.kind == Kind::Daemon {
        let help = "write type = \"oneshot\": a daemon runs all the time";
        outer.conflict("schedule", "`[schedule]` on a daemon", help, outer.key_span("type"));
    }
    if service.main {
        let help = "it runs again and again, and the end of the main service ends the container";
        outer.conflict("main", "the main service cannot have a schedule", help, outer.key_span("schedule"));
    }
    let overlap = match reader.choice("overlap").map(|choice| choice.value) {
        Some("queue") => Overlap::Queue,
        Some("allow") => Overlap::Allow,
        _ => Overlap::Skip,
    };
    if overlap == Overlap::Allow
        && outer.node("instances").is_none_or(|node| matches!(node.value, Value::Integer(1)))
    {
        let help = "write instances = 2 or more: so many runs there are at once, at most";
        reader.conflict("overlap", "`schedule.overlap = \"allow\"` without instances", help, None);
    }
    let run_at_start = reader.boolean("run-at-start").is_some_and(|flag| flag.value);
    let timezone = reader.text("timezone");
    let Some(text) = reader.text("cron") else {
        if let Some(span) = outer.key_span("schedule").filter(|_| reader.node("cron").is_none())
            && !reader.seems_to_have(&["cron"])
        {
            let help = "write cron = \"0 3 * * *\" for three in the morning, say".to_owned();
            reader.scope.findings.error(Code::Missing, span, "`[schedule]` without `cron`", Some(help));
        }
        return None;
    };
    check(context, &reader, &text, timezone.as_ref())?;
    let timezone = timezone.map(|name| name.value);
    Some(Schedule { cron: text.value, timezone, overlap, run_at_start, pool: Vec::new() })
}

/// Checks the expression, in the zone that is given or in that of the container.
fn check(
    context: &Context<'_>,
    reader: &Reader<'_, '_>,
    cron: &Located<String>,
    timezone: Option<&Located<String>>,
) -> Option<()> {
    let zone = match timezone {
        Some(name) => match zone(&name.value) {
            Ok(zone) => zone,
            Err(why) => {
                let known = zones_beside(&name.value);
                let help = suggest::did_you_mean(&name.value, known.iter().map(String::as_str));
                reader.invalid(name.span, why, help);
                return None;
            }
        },
        None => {
            let variable = context.container.get(OsStr::new("TZ")).map(|name| name.to_string_lossy());
            local_zone(variable.as_deref()).unwrap_or_else(|why| {
                let message = format!("the variable TZ counts as UTC: {why}");
                let help = "give `timezone`, or mend the variable".to_owned();
                // At no place, so that it is said once.
                let warning = Diagnostic::warning(Code::Absent, None, message);
                context.findings.push(warning.help(help));
                TimeZone::UTC
            })
        }
    };
    if let Err(why) = Cron::new(&cron.value, zone) {
        reader.invalid(cron.span, format!("`schedule.cron`: {why}"), None);
        return None;
    }
    Some(())
}

/// The time zones of the same region.
fn zones_beside(name: &str) -> Vec<String> {
    let region = name.split_once('/').map_or("", |(region, _)| region);
    if !region.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Vec::new();
    }
    let entries =
        std::fs::read_dir(Path::new("/usr/share/zoneinfo").join(region)).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.map(|name| if region.is_empty() { name } else { format!("{region}/{name}") }).collect()
}

/// Gives the instances that run side by side to the first of them. `drafts` stand in the order of their ids.
pub fn pool(drafts: &mut [Draft<'_>]) {
    let mut first = 0;
    for instances in drafts.chunk_by_mut(|a, b| a.stem == b.stem) {
        let next = first + u32::try_from(instances.len()).unwrap_or(0);
        let schedule = instances.first_mut().and_then(|draft| draft.service.schedule.as_mut());
        if let Some(schedule) = schedule.filter(|schedule| schedule.overlap == Overlap::Allow) {
            schedule.pool = (first..next).map(Id).collect();
        }
        first = next;
    }
}
