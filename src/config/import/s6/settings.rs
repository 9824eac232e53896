//! What the variables of s6-overlay say of all services, and of foster itself.

use super::variables::Rules;
use crate::config::diagnostic::Span;
use crate::config::import::chain_options::milliseconds;
use crate::config::import::draft::Draft;
use crate::config::import::{Reading, logger};
use crate::config::tree::Value;

/// What foster has for a whole shutdown, in milliseconds, without the last second, which is for what is left.
const SHUTDOWN: u64 = 8000;
/// s6-overlay's own, in milliseconds.
const GRACE: u64 = 3000;

/// Sets it, when all services are there.
pub fn set(rules: &Rules, reading: &mut Reading<'_>) {
    for draft in &mut reading.output.services {
        let has_sign = ["ready.fd", "ready.exec"].iter().any(|key| draft.get(key).is_some());
        if let Some((time, span)) = rules.start
            && has_sign
            && draft.get("ready.timeout").is_none()
        {
            draft.set("ready.timeout", milliseconds(time), span);
        }
        let logs =
            draft.items().iter().any(|item| item.path.starts_with("log.") && item.path != "log.stderr");
        if let Some((level, span)) = rules.catch_all
            && !logs
            && !matches!(draft.get("type"), Some(Value::Text(kind)) if kind == "target")
        {
            let stamps = rules.logging_script.iter().flatten().any(|word| word == "t" || word == "T");
            for (key, value) in logger::catch_all(level == 1, stamps) {
                draft.set(&key, value, span);
            }
        }
    }
    let settings = &mut reading.output.settings;
    let level = rules.verbosity.and_then(|(level, span)| match level {
        0 => Some(("error", span)),
        1 | 2 => None,
        3 => Some(("info", span)),
        4 => Some(("debug", span)),
        _ => Some(("trace", span)),
    });
    if let Some((level, span)) = level {
        settings.set("log-level", level, span);
    }
    let slowest = reading.output.services.iter().filter_map(stop_timeout).max_by_key(|(time, _)| *time);
    let longest = slowest.into_iter().chain(rules.kill).max_by_key(|(time, _)| *time);
    if let Some((time, span)) = longest.filter(|(time, _)| *time > SHUTDOWN) {
        let seconds = time.div_ceil(1000).saturating_add(2);
        settings
            .set("shutdown.timeout", format!("{seconds}s"), span)
            .note("More than the longest `stop.timeout`; `docker stop` has to wait longer than this.");
    }
}

/// Gives a service of `services.d` the time that s6-overlay has for it, if a variable says something of that.
pub fn grace(rules: &Rules, draft: &mut Draft) {
    let kill = rules.kill.filter(|(time, _)| *time > GRACE || rules.services.is_some());
    let Some((_, span)) = rules.services.or(kill) else { return };
    let of = |time: Option<(u64, Span)>| time.map_or(GRACE, |(time, _)| time);
    if draft.get("stop.timeout").is_none() {
        draft.set(
            "stop.timeout",
            milliseconds(of(rules.services).saturating_add(of(rules.kill)).max(1)),
            span,
        );
    }
}

/// In milliseconds, as [`milliseconds`] has written it.
fn stop_timeout(draft: &Draft) -> Option<(u64, Span)> {
    let item = draft.items().iter().find(|item| item.path == "stop.timeout")?;
    let Value::Text(text) = &item.value else { return None };
    let time = match text.strip_suffix("ms") {
        Some(number) => number.parse().ok()?,
        None => text.strip_suffix('s')?.parse::<u64>().ok()?.saturating_mul(1000),
    };
    Some((time, item.span))
}
