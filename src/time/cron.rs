//! Cron expressions: the croner crate's, in a time zone, with errors that name the field.

use super::TimeZone;
use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron as Pattern, JobType};
use jiff::Timestamp;

/// What a field is called, in order.
const FIELDS: [&str; 6] = ["second", "minute", "hour", "day of the month", "month", "day of the week"];

/// A cron expression in a time zone.
///
/// Five fields – minute, hour, day of the month, month, day of the week – or six with the second before them, or `@hourly`,
/// `@daily` and the like. When both days are given, either is enough. `L`, `W`, `#` and `+` are as in the croner crate.
#[derive(Clone, Debug)]
pub struct Cron {
    pattern: Pattern,
    zone: TimeZone,
}

impl Cron {
    /// Reads an expression.
    ///
    /// # Errors
    /// It is none, or its time never comes: why, for people.
    pub fn new(expression: &str, zone: TimeZone) -> Result<Self, String> {
        let pattern = parse(expression).map_err(|reason| explain(expression, reason))?;
        let cron = Self { pattern, zone };
        match cron.next(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(cron),
            None => Err("its time never comes".to_owned()),
        }
    }

    /// The first time after this one. A time that the zone leaves out (the clock is put forward) is the first moment after the
    /// gap, if second, minute and hour are one number each, and left out otherwise; one that it has twice comes once or twice
    /// by the same rule.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let from = after.to_zoned(self.zone.clone());
        let next = self.pattern.find_next_occurrence(&from, false).ok()?.timestamp();
        (next > after).then_some(next)
    }

    /// Whether second, minute and hour are one number each: it means a time of day, and not an interval.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.pattern.determine_job_type() == JobType::FixedTime
    }
}

fn parse(expression: &str) -> Result<Pattern, String> {
    let expression = match expression.trim() {
        name if name.eq_ignore_ascii_case("@midnight") => "@daily",
        name if name.eq_ignore_ascii_case("@reboot") => {
            return Err("`@reboot` is no time: `run-at-start = true` runs it at boot".to_owned());
        }
        other => other,
    };
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(expression).map_err(|error| error.to_string())
}

/// Which field is wrong, by trying each of them alone.
fn explain(expression: &str, reason: String) -> String {
    let fields: Vec<&str> = expression.split_whitespace().collect();
    let first = match fields[..] {
        [name] if name.starts_with('@') => {
            return if reason.contains("run-at-start") {
                reason
            } else {
                format!("`{name}` is none of @yearly, @monthly, @weekly, @daily, @hourly")
            };
        }
        [_, _, _, _, _] => 1,
        [_, _, _, _, _, _] => 0,
        _ => return format!("it has {} fields, and 5 or 6 are expected", fields.len()),
    };
    for (at, (&field, name)) in fields.iter().zip(FIELDS.iter().skip(first)).enumerate() {
        let alone: Vec<&str> = (0..fields.len()).map(|other| if other == at { field } else { "*" }).collect();
        if let Err(reason) = parse(&alone.join(" ")) {
            let reason = reason.trim_start_matches("Component error: ").trim_end_matches('.');
            let reason =
                if reason.contains("illegal character") { "it has an illegal character" } else { reason };
            return format!("the {name} cannot be `{field}`: {}", uncapitalised(reason));
        }
    }
    reason
}

fn uncapitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::zone;
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The next times, in UTC.
    fn times(expression: &str, name: &str, after: &str, count: usize) -> Vec<String> {
        let cron = Cron::new(expression, zone(name).unwrap()).unwrap();
        let mut time = at(after);
        let mut times = Vec::new();
        for _ in 0..count {
            time = cron.next(time).unwrap();
            times.push(time.to_string());
        }
        times
    }

    fn wrong(expression: &str) -> String {
        Cron::new(expression, TimeZone::UTC).unwrap_err()
    }

    #[test]
    fn five_fields_six_fields_and_names_give_times() {
        let after = "2026-03-01T10:07:30.5Z";
        assert_eq!(times("*/15 * * * *", "UTC", after, 2), ["2026-03-01T10:15:00Z", "2026-03-01T10:30:00Z"]);
        assert_eq!(
            times("*/20 * * * * *", "UTC", after, 2),
            ["2026-03-01T10:07:40Z", "2026-03-01T10:08:00Z"]
        );
        assert_eq!(times("@daily", "UTC", after, 1), times("@midnight", "UTC", after, 1));
        assert_eq!(times("30 4 * * MON-FRI", "UTC", after, 1), ["2026-03-02T04:30:00Z"]);
        assert_eq!(times("0 12 L * *", "UTC", after, 1), ["2026-03-31T12:00:00Z"]);
        assert_eq!(times("0 0 29 2 *", "UTC", after, 1), ["2028-02-29T00:00:00Z"]);
    }

    #[test]
    fn a_day_of_the_month_and_one_of_the_week_are_enough_each() {
        let times = times("0 0 13 * FRI", "UTC", "2026-02-28T00:00:00Z", 3);
        assert_eq!(times, ["2026-03-06T00:00:00Z", "2026-03-13T00:00:00Z", "2026-03-20T00:00:00Z"]);
    }

    #[test]
    fn a_time_of_day_that_the_zone_leaves_out_comes_right_after_the_gap() {
        // The clock goes from 02:00 to 03:00 on 29 March 2026 at 01:00 UTC.
        let summer = times("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
        assert_eq!(summer, ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
        let interval = times("30 * * * *", "Europe/Berlin", "2026-03-29T00:10:00Z", 2);
        assert_eq!(interval, ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]);
    }

    #[test]
    fn a_time_of_day_that_the_zone_has_twice_comes_once() {
        // The clock goes back from 03:00 to 02:00 on 25 October 2026 at 01:00 UTC.
        let winter = times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(winter, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
        let interval = times("30 * * * *", "Europe/Berlin", "2026-10-25T00:10:00Z", 3);
        assert_eq!(interval, ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]);
    }

    #[test]
    fn time_only_goes_forward_through_every_change_of_a_clock() {
        let (begin, end) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
        for name in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"] {
            for expression in ["30 2 * * *", "0 * * * *", "15 1,2,3 * * *", "0 0 * * *"] {
                let cron = Cron::new(expression, zone(name).unwrap()).unwrap();
                let (mut time, mut count) = (begin, 0);
                while let Some(next) = cron.next(time).filter(|next| *next < end) {
                    assert!(
                        next > time && next.duration_since(time).as_hours() < 26,
                        "{expression} {name} {time}"
                    );
                    (time, count) = (next, count + 1);
                }
                assert!(count >= 364, "{expression} in {name}: {count} times, stuck after {time}");
            }
        }
    }

    #[test]
    fn a_wrong_expression_is_answered_with_the_field() {
        assert_eq!(wrong("0 25 * * *"), "the hour cannot be `25`: number out of bounds");
        assert_eq!(wrong("0 0 * * FUN"), "the day of the week cannot be `FUN`: it has an illegal character");
        assert_eq!(wrong("*/0 * * * * *"), "the second cannot be `*/0`: step cannot be zero");
        assert_eq!(wrong("* * *"), "it has 3 fields, and 5 or 6 are expected");
        assert_eq!(wrong(""), "it has 0 fields, and 5 or 6 are expected");
        assert_eq!(wrong("@often"), "`@often` is none of @yearly, @monthly, @weekly, @daily, @hourly");
        assert!(wrong("@reboot").contains("run-at-start"));
        assert!(wrong("0 0 1 1 * 2020 x").contains("7 fields"));
    }

    #[test]
    fn a_time_that_never_comes_is_wrong_and_soon_found_out() {
        let begin = std::time::Instant::now();
        assert_eq!(wrong("0 0 30 2 *"), "its time never comes");
        assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
    }
}
