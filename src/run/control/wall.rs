//! The time of day, for people: kept as time since the supervisor began, and made into one when somebody asks.

use crate::core::Millis;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// What the time of day was when the supervisor began, by the clock of now: a clock that was set meanwhile moves the past
/// too, and so keeps every distance true.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wall(Timestamp);

impl Wall {
    /// `running`: for how long the supervisor has been running.
    pub(crate) fn now(running: Duration) -> Self {
        let now = Timestamp::now();
        // Whole milliseconds, as times of the core are: so what follows from each other is told in order.
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let running = Duration::from_millis(u64::try_from(running.as_millis()).unwrap_or(u64::MAX));
        let began = SignedDuration::try_from(running).ok().and_then(|time| now.checked_sub(time).ok());
        Self(began.unwrap_or(now))
    }

    /// Whether `other` is the same but for the grain of the clocks. Then times that were told once are told the same again.
    pub(crate) fn is_close(self, other: Self) -> bool {
        self.0.duration_since(other.0).abs() < SignedDuration::from_millis(2)
    }

    /// How long after the begin this was; nothing for what was before.
    pub(crate) fn since_begin(self, time: Timestamp) -> Duration {
        Duration::try_from(time.duration_since(self.0)).unwrap_or_default()
    }

    /// Unix time in seconds, with milliseconds.
    pub(crate) fn unix(self, since_begin: Duration) -> f64 {
        let since_begin = i64::try_from(since_begin.as_millis()).unwrap_or_default();
        self.0.as_millisecond().saturating_add(since_begin) as f64 / 1000.0
    }

    /// RFC 3339 in UTC with milliseconds.
    pub(crate) fn at(self, since_begin: Duration) -> String {
        let time = SignedDuration::try_from(since_begin).ok().and_then(|time| self.0.checked_add(time).ok());
        format!("{:.3}", time.unwrap_or(self.0))
    }

    /// The same for a time of the core.
    pub(crate) fn at_millis(self, millis: Millis) -> String {
        self.at(Duration::from_millis(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc_with_milliseconds() {
        let wall = Wall(Timestamp::UNIX_EPOCH);
        assert_eq!(wall.at_millis(1_234_567), "1970-01-01T00:20:34.567Z");
        assert_eq!(wall.at(Duration::from_secs(7)), "1970-01-01T00:00:07.000Z");
        assert_eq!(wall.at(Duration::MAX), "1970-01-01T00:00:00.000Z", "beyond all calendars");
    }

    #[test]
    fn now_is_as_far_from_the_begin_as_the_supervisor_is_old() {
        let wall = Wall::now(Duration::from_secs(60));
        let now: Timestamp = wall.at(Duration::from_secs(60)).parse().unwrap();
        assert!(Timestamp::now().duration_since(now).as_secs().abs() < 5);
    }
}
