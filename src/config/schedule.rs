//! `[schedule]`: runs of a oneshot at times of the clock.

use super::cron::{self, Times};
use super::diagnostic::{Code, Diagnostic};
use super::reader::{Located, Reader};
use super::service::{Context, Draft};
use super::suggest;
use super::tree::Value;
use crate::model::{Id, Kind, Overlap, Schedule, Service};
use jiff::Timestamp;
use std::ffi::OsStr;

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
    let timezone = timezone(context, &reader);
    let Some(text) = reader.text("cron") else {
        if let Some(span) = outer.key_span("schedule").filter(|_| reader.node("cron").is_none())
            && !reader.seems_to_have(&["cron"])
        {
            let help = "write cron = \"0 3 * * *\" for three in the morning, say".to_owned();
            reader.scope.findings.error(Code::Missing, span, "`[schedule]` without `cron`", Some(help));
        }
        return None;
    };
    check(&reader, &text, timezone.as_deref())?;
    Some(Schedule { cron: text.value, timezone, overlap, run_at_start, pool: Vec::new() })
}

fn check(reader: &Reader<'_, '_>, text: &Located<String>, timezone: Option<&str>) -> Option<()> {
    let fault = match cron::expression(&text.value) {
        // What is wrong with the zone has been reported.
        Ok(_) => match Times::new(&text.value, timezone).map(|times| times.after(Timestamp::now())) {
            Ok(None) => (format!("`{}` never comes", text.value), None),
            _ => return Some(()),
        },
        Err(_) if text.value.trim().eq_ignore_ascii_case("@reboot") => {
            let help = "leave `[schedule]` out, or add `run-at-start = true` to one";
            ("`@reboot` is no time".to_owned(), Some(help.to_owned()))
        }
        Err(why) => {
            let help = "five fields: minute, hour, day, month, weekday; or six, with seconds before them";
            (format!("cannot read `schedule.cron`: {why}"), Some(help.to_owned()))
        }
    };
    reader.invalid(text.span, fault.0, fault.1);
    None
}

/// The zone that is given, or else that of the container, if it is named and known.
fn timezone(context: &Context<'_>, reader: &Reader<'_, '_>) -> Option<String> {
    if reader.node("timezone").is_some() {
        let name = reader.text("timezone")?;
        if let Err(why) = cron::zone(&name.value) {
            let known = cron::zones_like(&name.value);
            let help = match cron::directory() {
                Some(_) => suggest::did_you_mean(&name.value, known.iter().map(String::as_str)),
                None => Some(
                    "install the package tzdata, or write the rule itself, such as \"CET-1CEST,M3.5.0,M10.5.0/3\""
                        .to_owned(),
                ),
            };
            reader.invalid(name.span, why, help);
            return None;
        }
        return Some(name.value);
    }
    let given = context.container.get(OsStr::new("TZ")).filter(|name| !name.is_empty())?;
    let why = match given.to_str() {
        Some(name) => match cron::zone(name) {
            Ok(_) => return Some(name.to_owned()),
            Err(why) => why,
        },
        None => "it is not UTF-8".to_owned(),
    };
    if let Some(span) = reader.key_span("cron") {
        let message = format!("the variable TZ counts as UTC: {why}");
        let help = "install the package tzdata, or give `timezone`".to_owned();
        reader.scope.findings.push(Diagnostic::warning(Code::Absent, span, message).help(help));
    }
    Some("UTC".to_owned())
}

/// Gives the instances that run side by side to the first of them. `drafts` stand in the order of their ids.
pub fn pool(drafts: &mut [Draft<'_>]) {
    let mut at = 0;
    while at < drafts.len() {
        let end = drafts[at..]
            .iter()
            .position(|draft| draft.stem != drafts[at].stem)
            .map_or(drafts.len(), |n| at + n);
        let ids = (at..end).filter_map(|index| u32::try_from(index).ok()).map(Id).collect();
        if let Some(schedule) = &mut drafts[at].service.schedule
            && schedule.overlap == Overlap::Allow
        {
            schedule.pool = ids;
        }
        at = end;
    }
}
