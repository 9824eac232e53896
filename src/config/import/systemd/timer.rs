//! `[Timer]`: times at which a service runs.

use super::unit::{Setting, Unit};
use super::{Making, calendar, settings, sockets, values};
use std::time::Duration;

/// Reads the timers of a service; whether there is one.
pub fn timers(making: &mut Making<'_, '_>) -> bool {
    let units = making.units;
    let name = making.unit.name.clone();
    let timers = units.list.iter().filter(|unit| unit.kind() == "timer");
    let mine: Vec<&Unit> = timers
        .filter(|unit| sockets::service_of(units, unit).is_some_and(|other| other.name == name))
        .collect();
    for unit in &mine {
        timer(making, unit);
    }
    if mine.is_empty() {
        return false;
    }
    if making.draft.get("type").is_none() {
        let unit = making.unit;
        let why = "a schedule is for what runs to its end";
        let became = format!("{}: type", making.draft.name);
        making.reading.output.trail.approximated(unit.span, &unit.name, became, why);
        making.draft.set("type", "oneshot", unit.span);
    }
    true
}

fn timer(making: &mut Making<'_, '_>, unit: &Unit) {
    let mut at_start = None;
    for setting in &unit.settings {
        match setting.key.as_str() {
            "OnCalendar" => calendar(making, setting),
            "OnBootSec" | "OnStartupSec" | "OnActiveSec" => at_start = Some(setting),
            "OnUnitActiveSec" | "OnUnitInactiveSec" => interval(making, setting),
            "Persistent" => match values::boolean(&setting.value) {
                Ok(true) => {
                    let why = "a container does not know what it has missed before it was there: `run-at-start` runs it at boot";
                    making.nearly(setting, "", why);
                }
                _ => making.exact(setting, ""),
            },
            "AccuracySec"
            | "Unit"
            | "Description"
            | "Documentation"
            | "WantedBy"
            | "After"
            | "Before"
            | "DefaultDependencies"
            | "RemainAfterElapse"
            | "Also"
            | "Requires"
            | "Wants"
            | "PartOf"
            | "Conflicts" => {
                making.exact(setting, "");
            }
            "RandomizedDelaySec" | "FixedRandomDelay" | "RandomizedOffsetSec" => {
                making.not_carried(
                    setting,
                    "it runs at its time: choose one that others have not, or begin with `sleep`",
                );
            }
            "WakeSystem" | "OnClockChange" | "OnTimezoneChange" => {
                making.not_carried(setting, "it is for the service manager of a whole machine");
            }
            _ => settings::other(making, setting),
        }
    }
    let Some(setting) = at_start else { return };
    if making.draft.get("schedule.cron").is_some() {
        making.draft.set("schedule.run-at-start", true, setting.span);
        making.nearly(setting, "schedule.run-at-start", "it runs at boot at once");
    } else {
        // Without another time it runs once.
        making.nearly(
            setting,
            "type",
            "it runs once, at boot at once: begin its command with `sleep` for a delay",
        );
    }
}

fn calendar(making: &mut Making<'_, '_>, setting: &Setting) {
    if making.draft.get("schedule.cron").is_some() {
        let why = "a service has one schedule: write another service with this time";
        return making.not_carried(setting, why);
    }
    match calendar::cron(&setting.value) {
        Ok((cron, zone)) => {
            making.draft.set("schedule.cron", cron, setting.span);
            if let Some(zone) = zone {
                making.draft.set("schedule.timezone", zone, setting.span);
            }
            making.exact(setting, "schedule.cron");
        }
        Err(why) => making.not_carried(setting, why),
    }
}

fn interval(making: &mut Making<'_, '_>, setting: &Setting) {
    if making.draft.get("schedule.cron").is_some() {
        return making.not_carried(setting, "a service has one schedule");
    }
    let span = match values::span(&setting.value) {
        Ok(span) => span.unwrap_or_default(),
        Err(why) => return making.not_carried(setting, why),
    };
    match every(span) {
        Some(cron) => {
            making.draft.set("schedule.cron", cron, setting.span);
            making.nearly(setting, "schedule.cron", "it runs by the clock, not so long after its last run");
        }
        None => making.not_carried(setting, "no cron expression says this interval: write `schedule.cron`"),
    }
}

/// What divides a minute, an hour or a day without a rest.
fn every(span: Duration) -> Option<String> {
    let seconds = span.as_secs();
    match seconds {
        0 => None,
        60 => Some("* * * * *".to_owned()),
        3600 => Some("@hourly".to_owned()),
        86_400 => Some("@daily".to_owned()),
        604_800 => Some("@weekly".to_owned()),
        1..60 if 60 % seconds == 0 => Some(format!("*/{seconds} * * * * *")),
        61..3600 if 3600 % seconds == 0 && seconds.is_multiple_of(60) => {
            Some(format!("*/{} * * * *", seconds / 60))
        }
        3601..86_400 if 86_400 % seconds == 0 && seconds.is_multiple_of(3600) => {
            Some(format!("0 */{} * * *", seconds / 3600))
        }
        _ => None,
    }
}
