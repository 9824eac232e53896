//! `[health]`: whether a ready daemon still works.

use super::diagnostic::Code;
use super::probe::{PROBES, probe, without_http};
use super::reader::Reader;
use crate::model::{Health, Kind, OnFailure, Ready, Sign};

/// Reads `[health]`. `ready` has been read: what is not ready in time is as good as unhealthy.
pub fn health(outer: &Reader<'_, '_>, kind: Kind, ready: &Ready) -> Health {
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
    without_http(&reader, chosen.unwrap_or("http"));
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
    if chosen.is_none() {
        let help = "give one of `http`, `tcp`, `unix` and `exec`";
        for key in ["interval", "timeout", "failures", "grace"] {
            reader.conflict(key, format!("`health.{key}` without a probe"), help, None);
        }
        let help = "give one of `http`, `tcp`, `unix` and `exec`, or `watchdog`";
        let cannot_fail =
            matches!(ready.sign, Sign::Exec | Sign::Delay(_)) && reader.node("watchdog").is_none();
        if cannot_fail {
            reader.conflict("on-failure", "`health.on-failure` without anything that can fail", help, None);
        }
        if let Some(span) = outer.key_span("health").filter(|_| reader.table.entries.is_empty()) {
            let message = "`[health]` is empty, so nothing is looked at";
            reader.scope.findings.error(Code::Missing, span, message, Some(help.to_owned()));
        }
    }
    health
}
