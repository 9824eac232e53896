//! `[ready]`: when a daemon is ready.

use super::probe::{PROBES, probe, regex, without_http};
use super::reader::Reader;
use crate::model::{Kind, Ready, Sign};

/// The keys of which a file says one.
pub const SIGNS: [&str; 9] = ["notify", "fd", "http", "tcp", "unix", "exec", "file", "log", "delay"];

/// Reads `[ready]`. `taken` is the number of descriptors that the sockets of the service have, from 3 on.
pub fn ready(outer: &Reader<'_, '_>, kind: Kind, taken: usize) -> Ready {
    let mut ready = Ready::default();
    if kind == Kind::Oneshot {
        let help = "a oneshot is satisfied when it has exited with success";
        outer.conflict("ready", "`[ready]` on a oneshot", help, outer.key_span("type"));
    }
    let Some(reader) = outer.inner("ready") else { return ready };
    let notify = reader.boolean("notify").is_some_and(|flag| flag.value);
    let chosen = reader.one_of(SIGNS.iter().copied().filter(|key| notify || *key != "notify"));
    // All of them are read, for what is wrong in each.
    for key in SIGNS {
        let sign = match key {
            "notify" => notify.then_some(Sign::Notify),
            "fd" => descriptor(&reader, taken),
            "file" => reader.path(key).map(|path| Sign::File(path.value)),
            "log" => regex(&reader, key).flatten().map(Sign::Log),
            "delay" => reader.duration(key).map(|delay| Sign::Delay(delay.value)),
            _ => probe(&reader, key).map(Sign::Probe),
        };
        if let Some(sign) = sign.filter(|_| chosen == Some(key)) {
            ready.sign = sign;
        }
    }
    // `notify = false` takes the sign of a file below away.
    let reason = chosen.unwrap_or("notify");
    without_http(&reader, reason);
    if let Some(interval) = reader.positive("interval") {
        ready.interval = interval;
    }
    if let Some(timeout) = reader.positive("timeout") {
        ready.timeout = timeout;
    }
    let why = reader.key_span(reason);
    if chosen.is_none_or(|key| !PROBES.contains(&key)) && reader.given_with("interval", why) {
        let help = "it is the time between two attempts of `http`, `tcp`, `unix` or `exec`";
        reader.conflict("interval", "`ready.interval` without a probe", help, why);
    }
    if chosen.is_none_or(|key| key == "delay") && reader.given_with("timeout", why) {
        let help = "it is the longest time until a sign of readiness comes";
        reader.conflict("timeout", "`ready.timeout` without a sign to wait for", help, why);
    }
    ready
}

fn descriptor(reader: &Reader<'_, '_>, taken: usize) -> Option<Sign> {
    let fd = reader.integer("fd")?;
    let number = u16::try_from(fd.value).ok()?;
    let free = taken.saturating_add(3);
    if usize::from(number) < free {
        let message =
            format!("`ready.fd` cannot be {number}: sockets and stored descriptors are passed there");
        reader.invalid(fd.span, message, Some(format!("use {free} or more")));
        return None;
    }
    Some(Sign::Fd(number))
}
