//! `[health]`: whether a ready daemon still works.

use super::diagnostic::Code;
use super::probe::{PROBES, probe, without_http};
use super::reader::Reader;
use crate::model::{Health, Kind, OnFailure};

/// Reads `[health]`.
pub fn health(outer: &Reader<'_, '_>, kind: Kind) -> Health {
    let mut health = Health::default();
    if kind == Kind::Oneshot {
        let help = "a oneshot is over when it has exited; `[stop]` and `[restart]` say more of it";
        outer.conflict("health", "`[health]` on a oneshot", help, outer.key_span("type"));
    }
    let Some(reader) = outer.inner("health") else { return health };
    let chosen = reader.one_of(PROBES.iter().copied());
    // All of them are read, for what is wrong in each.
    for key in PROBES {
        if let Some(found) = probe(&reader, key).filter(|_| chosen == Some(key)) {
            health.probe = Some(found);
        }
    }
    without_http(&reader, chosen);
    if let Some(interval) = reader.positive("interval") {
        health.interval = interval;
    }
    if let Some(timeout) = reader.positive("timeout") {
        health.timeout = timeout;
    }
    if let Some(failures) = reader.integer("failures") {
        health.failures = u32::try_from(failures.value).unwrap_or(health.failures);
    }
    health.grace = reader.duration("grace").map(|grace| grace.value);
    health.watchdog = reader.positive("watchdog");
    health.on_failure = match reader.choice("on-failure").map(|choice| choice.value) {
        Some("shutdown") => OnFailure::Shutdown,
        Some("none") => OnFailure::None,
        _ => OnFailure::Restart,
    };
    let watched = reader.node("watchdog").is_some();
    if chosen.is_none() {
        for key in ["interval", "timeout", "failures", "grace"] {
            let message = format!("`health.{key}` without a probe");
            let help = "give one of `http`, `tcp`, `unix` and `exec`";
            reader.conflict(key, message, help, None);
        }
        if !watched {
            let help = "give one of `http`, `tcp`, `unix` and `exec`, or `watchdog`";
            reader.conflict("on-failure", "`health.on-failure` without anything that can fail", help, None);
            if let Some(span) = outer.key_span("health").filter(|_| reader.table.entries.is_empty()) {
                let message = "`[health]` is empty, so nothing is looked at";
                reader.scope.findings.error(Code::Missing, span, message, Some(help.to_owned()));
            }
        }
    }
    health
}
