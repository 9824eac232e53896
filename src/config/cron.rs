//! Times of the clock: a cron expression in a time zone.

use crate::sys::read_bounded;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// The times of a schedule.
#[derive(Clone, Debug)]
pub struct Times {
    cron: Cron,
    zone: TimeZone,
}

impl Times {
    /// Reads an expression, as it is in the model, in a zone; without one, in that of the container.
    ///
    /// # Errors
    /// What is wrong with the expression or the zone, in words.
    pub fn new(cron: &str, timezone: Option<&str>) -> Result<Self, String> {
        let zone = timezone.map_or_else(|| Ok(local()), zone)?;
        Ok(Self { cron: expression(cron)?, zone })
    }

    /// The first time after `now`, of which there are whole seconds only; `None` if none comes any more.
    ///
    /// A time that the clock skips when summer begins comes right after the gap, and one that it shows twice when summer
    /// ends comes once, unless the expression means every hour or minute.
    #[must_use]
    pub fn after(&self, now: Timestamp) -> Option<Timestamp> {
        let now = now.to_zoned(self.zone.clone());
        self.cron.find_next_occurrence(&now, false).ok().map(|next| next.timestamp())
    }
}

/// Longer ones are surely no expression.
const LONGEST: usize = 1000;

/// Five fields (minute, hour, day, month, weekday), or six with seconds before them, or a name such as `@daily`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn expression(text: &str) -> Result<Cron, String> {
    if !text.is_ascii() || text.len() > LONGEST {
        return Err("it is no cron expression".to_owned());
    }
    let text = if text.trim().eq_ignore_ascii_case("@midnight") { "@daily" } else { text };
    if text.trim_start().starts_with('@') && text.trim().contains(char::is_whitespace) {
        return Err("a name such as @daily stands alone".to_owned());
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(text).map_err(|error| {
        use croner::errors::CronError::{ComponentError, EmptyPattern, IllegalCharacters, InvalidPattern};
        match error {
            EmptyPattern => "it is empty".to_owned(),
            InvalidPattern(why) | IllegalCharacters(why) | ComponentError(why) => {
                why.trim_end_matches('.').to_owned()
            }
            other => other.to_string(),
        }
    })
}

/// Where distributions put what they know of time zones; `TZDIR` overrides it.
const DIRECTORIES: [&str; 3] = ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"];
/// A file of a zone has 4 KiB at most.
const LARGEST: usize = 1 << 20;

/// The directory of time zones, if there is one.
pub fn directory() -> Option<PathBuf> {
    let given = std::env::var_os("TZDIR").map(PathBuf::from);
    given.into_iter().chain(DIRECTORIES.iter().map(PathBuf::from)).find(|path| path.is_dir())
}

/// A zone by its IANA name, or as a rule of its own (`CET-1CEST,M3.5.0,M10.5.0/3`; see the POSIX TZ variable).
///
/// # Errors
/// Why there is no such zone, in words.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    // Both are usual in the variable TZ.
    let name = name.strip_prefix(':').unwrap_or(name);
    let name = name.split_once("/zoneinfo/").map_or(name, |(_, name)| name);
    if matches!(name, "UTC" | "Etc/UTC" | "Z") {
        return Ok(TimeZone::UTC);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(plain);
    let directory = directory();
    let file = directory.as_ref().filter(|_| is_name).map(|directory| directory.join(name));
    if let Some(zone) = file.and_then(|file| from_file(name, &file)) {
        return Ok(zone);
    }
    if let Ok(zone) = TimeZone::posix(name) {
        return Ok(zone);
    }
    match directory {
        _ if !is_name => Err(format!("`{name}` is no time zone")),
        Some(directory) => Err(format!("there is no time zone `{name}` in {}", directory.display())),
        None => Err(format!("cannot find the time zone `{name}`: no time zones are installed here")),
    }
}

/// What is there beside a zone that is not, for "did you mean".
pub fn zones_like(name: &str) -> Vec<String> {
    let region = name.rsplit_once('/').map_or("", |(region, _)| region);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-');
    let Some(directory) = directory().filter(|_| region.chars().all(plain)) else { return Vec::new() };
    let entries = std::fs::read_dir(directory.join(region)).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.map(|name| if region.is_empty() { name } else { format!("{region}/{name}") }).collect()
}

/// `TZ`, else `/etc/localtime`, else UTC.
fn local() -> TimeZone {
    let given = std::env::var("TZ").ok().filter(|name| !name.is_empty());
    match given {
        // As the C library does.
        Some(name) => zone(&name).unwrap_or(TimeZone::UTC),
        None => from_file("localtime", Path::new("/etc/localtime")).unwrap_or(TimeZone::UTC),
    }
}

fn from_file(name: &str, path: &Path) -> Option<TimeZone> {
    TimeZone::tzif(name, &read_bounded(path, LARGEST).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, zone: &str, now: &str) -> String {
        let times = Times::new(cron, Some(zone)).expect("a schedule");
        let next = times.after(now.parse().expect("a time"));
        next.map_or("never".to_owned(), |next| next.to_string())
    }

    /// What the zone of Berlin was in 2026, for images without time zones.
    const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

    #[test]
    fn a_time_is_that_of_the_clock_in_the_zone() {
        assert_eq!(next("0 3 * * *", "UTC", "2026-01-15T03:00:00Z"), "2026-01-16T03:00:00Z");
        assert_eq!(next("0 3 * * *", BERLIN, "2026-01-15T00:00:00Z"), "2026-01-15T02:00:00Z");
        assert_eq!(next("0 3 * * *", BERLIN, "2026-07-15T00:00:00Z"), "2026-07-15T01:00:00Z");
        assert_eq!(next("@hourly", "UTC", "2026-01-15T03:00:00.5Z"), "2026-01-15T04:00:00Z");
        assert_eq!(next("*/20 * * * * *", "UTC", "2026-01-15T03:00:20Z"), "2026-01-15T03:00:40Z");
        assert_eq!(next("0 0 29 2 *", "UTC", "2026-01-15T03:00:00Z"), "2028-02-29T00:00:00Z");
    }

    #[test]
    fn a_time_in_the_gap_of_summer_comes_after_it_and_one_that_is_twice_comes_once() {
        assert_eq!(next("30 2 * * *", BERLIN, "2026-03-28T12:00:00Z"), "2026-03-29T01:00:00Z");
        assert_eq!(next("30 2 * * *", BERLIN, "2026-03-29T01:00:00Z"), "2026-03-30T00:30:00Z");
        assert_eq!(next("30 2 * * *", BERLIN, "2026-10-24T12:00:00Z"), "2026-10-25T00:30:00Z");
        assert_eq!(next("30 2 * * *", BERLIN, "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
        assert_eq!(next("0 * * * *", BERLIN, "2026-10-25T00:00:00Z"), "2026-10-25T01:00:00Z");
    }

    #[test]
    fn a_time_that_never_comes_is_found_out_soon() {
        let start = std::time::Instant::now();
        assert_eq!(next("0 0 30 2 *", "UTC", "2026-01-15T00:00:00Z"), "never");
        assert_eq!(next("0 0 31 4,6,9,11 *", BERLIN, "2026-01-15T00:00:00Z"), "never");
        assert!(start.elapsed() < std::time::Duration::from_secs(2), "{:?}", start.elapsed());
    }

    #[test]
    fn what_is_no_expression_is_refused_with_the_reason() {
        for text in ["", "x", "* * * *", "60 * * * *", "* * * * * * 2026", "@reboot", "@daily x", "é * * * *"]
        {
            let why = expression(text).expect_err(text);
            assert!(!why.is_empty() && !why.ends_with('.'), "{text}: {why}");
        }
    }

    #[test]
    fn a_zone_is_a_name_or_a_rule() {
        for name in ["UTC", ":UTC", "/usr/share/zoneinfo/UTC", "EST5", BERLIN, "<+03>-3"] {
            assert!(zone(name).is_ok(), "{name}");
        }
        for name in ["", "Mars/Phobos", "../../etc/passwd", "/etc/passwd", "Europe"] {
            assert!(zone(name).is_err(), "{name}");
        }
    }
}
