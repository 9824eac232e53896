//! What is due, and what of it is run when time did not pass as it should.
//!
//! A run that is late, for nothing ran meanwhile (a paused container, a sleeping machine), is run once, however many times it
//! missed. A clock that was set is another matter, and is treated as cron(8) does: by less than three hours it is as summer
//! time comes and goes: what was jumped over is run once, and what has a time of day is not run again when that comes again.
//! By more, and it was wrong before: the new time counts, and nothing was missed.

use super::Cron;
use jiff::{SignedDuration, Timestamp};
use nix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::time::Duration;

/// A clock that was set by less than this goes on; see cron(8).
const SMALL: SignedDuration = SignedDuration::from_hours(3);

/// A clock that was put back by less than this has everybody wait, rather than run again what was run just now.
const TINY: SignedDuration = SignedDuration::from_mins(1);

/// A look at two clocks: the time of day, and one that nobody can set (CLOCK_BOOTTIME, which counts a sleeping machine too).
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The time of day.
    pub wall: Timestamp,
    /// How long the machine has been running.
    pub running: Duration,
}

impl Clock {
    /// Both as they are.
    #[must_use]
    pub fn now() -> Self {
        // It is there on every Linux that this runs on.
        let running = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default();
        Self { wall: Timestamp::now(), running }
    }

    /// By how much the time of day was set since `earlier`.
    fn set_since(self, earlier: Self) -> SignedDuration {
        let passed =
            SignedDuration::try_from(self.running.saturating_sub(earlier.running)).unwrap_or_default();
        self.wall.duration_since(earlier.wall).saturating_sub(passed)
    }
}

#[derive(Debug)]
struct Entry {
    cron: Cron,
    /// `None`: never again.
    next: Option<Timestamp>,
}

/// The times to come of everything that has some.
#[derive(Debug)]
pub struct Agenda<K> {
    entries: BTreeMap<K, Entry>,
    seen: Option<Clock>,
}

impl<K> Default for Agenda<K> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), seen: None }
    }
}

impl<K: Ord + Copy> Agenda<K> {
    /// From now on, with these times; those that it had before are forgotten.
    pub fn insert(&mut self, key: K, cron: Cron, now: Clock) {
        self.seen.get_or_insert(now);
        let next = cron.next(now.wall);
        self.entries.insert(key, Entry { cron, next });
    }

    /// No more.
    pub fn remove(&mut self, key: K) {
        self.entries.remove(&key);
        if self.entries.is_empty() {
            self.seen = None;
        }
    }

    /// Whether it has times here.
    #[must_use]
    pub fn contains(&self, key: K) -> bool {
        self.entries.contains_key(&key)
    }

    /// Its next time.
    #[must_use]
    pub fn next_of(&self, key: K) -> Option<Timestamp> {
        self.entries.get(&key)?.next
    }

    /// The first time of all.
    #[must_use]
    pub fn first(&self) -> Option<Timestamp> {
        self.entries.values().filter_map(|entry| entry.next).min()
    }

    /// What is to be run now, each once. To be asked at the first time of all, and when the clock was set.
    pub fn due(&mut self, now: Clock) -> Vec<K> {
        let Some(before) = self.seen.replace(now) else { return Vec::new() };
        let set = now.set_since(before);
        // What would be the time had nobody set the clock.
        let unset = now.wall.checked_sub(set).unwrap_or(now.wall);
        let jumped_over = !set.is_negative() && set < SMALL;
        let limit = if jumped_over { now.wall } else { unset };
        let mut due = Vec::new();
        for (key, Entry { cron, next }) in &mut self.entries {
            let Some(time) = *next else { continue };
            if time <= limit {
                due.push(*key);
            }
            let anew = set.abs() >= SMALL || set <= -TINY && !cron.is_fixed();
            if anew {
                *next = cron.next(now.wall);
            } else if time <= limit {
                *next = cron.next(limit);
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::super::TimeZone;
    use super::*;

    /// Clocks that a test moves, and an agenda that is looked at as the shell does: at its first time, and when a clock is set.
    struct Sim {
        now: Clock,
        agenda: Agenda<&'static str>,
        ran: Vec<String>,
    }

    const MINUTE: i64 = 60;
    const HOUR: i64 = 3600;

    impl Sim {
        fn new(begin: &str, crons: &[(&'static str, &str)]) -> Self {
            let wall = begin.parse().unwrap();
            let now = Clock { wall, running: Duration::from_secs(1_000_000) };
            let mut sim = Self { now, agenda: Agenda::default(), ran: Vec::new() };
            for (name, cron) in crons {
                sim.agenda.insert(name, Cron::new(cron, TimeZone::UTC).unwrap(), now);
            }
            sim
        }

        fn look(&mut self) {
            for name in self.agenda.due(self.now) {
                self.ran.push(format!("{name} {}", self.now.wall.strftime("%H:%M")));
            }
        }

        /// Time passes, as it should.
        fn pass(&mut self, seconds: i64) {
            let end = self.now.wall + SignedDuration::from_secs(seconds);
            while let Some(next) = self.agenda.first().filter(|next| *next <= end) {
                self.sleep(next.duration_since(self.now.wall).as_secs().max(0));
                self.look();
            }
            self.sleep(end.duration_since(self.now.wall).as_secs());
        }

        /// Time passes, and nobody looks.
        fn sleep(&mut self, seconds: i64) {
            self.now.wall += SignedDuration::from_secs(seconds);
            self.now.running += Duration::from_secs(seconds.unsigned_abs());
        }

        /// Somebody sets the clock, and that wakes who looks.
        fn set(&mut self, by: i64) {
            self.now.wall += SignedDuration::from_secs(by);
            self.look();
        }

        fn ran(&mut self) -> Vec<String> {
            std::mem::take(&mut self.ran)
        }
    }

    const CRONS: [(&str, &str); 2] = [("daily", "30 2 * * *"), ("often", "*/20 * * * *")];

    #[test]
    fn everything_runs_at_its_times() {
        let mut sim = Sim::new("2026-05-01T02:15:00Z", &CRONS);
        sim.pass(30 * MINUTE);
        assert_eq!(sim.ran(), ["often 02:20", "daily 02:30", "often 02:40"]);
        assert_eq!(sim.agenda.next_of("daily"), Some("2026-05-02T02:30:00Z".parse().unwrap()));
        sim.agenda.remove("daily");
        sim.pass(48 * HOUR);
        assert!(sim.ran().iter().all(|run| run.starts_with("often")));
        sim.agenda.remove("often");
        assert_eq!((sim.agenda.first(), sim.agenda.due(sim.now)), (None, vec![]));
    }

    #[test]
    fn who_was_asleep_runs_what_was_missed_once() {
        for hours in [1, 10, 100] {
            let mut sim = Sim::new("2026-05-01T02:25:00Z", &CRONS);
            sim.sleep(hours * HOUR);
            sim.look();
            assert_eq!(sim.ran().len(), 2, "after {hours} hours");
            sim.pass(10 * MINUTE);
            assert!(sim.ran().is_empty());
        }
    }

    #[test]
    fn a_clock_put_forward_a_little_has_what_it_jumped_over_run_once() {
        let mut sim = Sim::new("2026-05-01T02:05:00Z", &CRONS);
        sim.set(2 * HOUR);
        assert_eq!(sim.ran(), ["daily 04:05", "often 04:05"]);
        sim.pass(HOUR);
        assert_eq!(sim.ran(), ["often 04:20", "often 04:40", "often 05:00"]);
    }

    #[test]
    fn a_clock_put_forward_a_lot_was_wrong_and_nothing_was_missed() {
        let mut sim = Sim::new("2026-05-01T02:05:00Z", &CRONS);
        sim.set(50 * HOUR);
        assert!(sim.ran().is_empty());
        sim.pass(20 * MINUTE);
        assert_eq!(sim.ran(), ["often 04:20"]);
        assert_eq!(sim.agenda.next_of("daily"), Some("2026-05-04T02:30:00Z".parse().unwrap()));
    }

    #[test]
    fn a_clock_put_back_a_little_has_no_time_of_day_run_twice() {
        let mut sim = Sim::new("2026-05-01T02:25:00Z", &CRONS);
        sim.pass(10 * MINUTE);
        assert_eq!(sim.ran(), ["daily 02:30"]);
        sim.set(-HOUR);
        sim.pass(2 * HOUR);
        let ran = sim.ran();
        assert_eq!(ran.first().map(String::as_str), Some("often 01:40"), "an interval goes on at once");
        assert_eq!(ran.len(), 6, "and nothing else ran: {ran:?}");
    }

    #[test]
    fn a_clock_put_back_a_lot_was_wrong_and_the_new_time_counts() {
        let mut sim = Sim::new("2026-05-01T02:25:00Z", &CRONS);
        sim.pass(10 * MINUTE);
        sim.set(-24 * HOUR);
        sim.pass(24 * HOUR);
        let daily = sim.ran().iter().filter(|run| run.starts_with("daily")).count();
        assert_eq!(daily, 2);
    }

    #[test]
    fn a_clock_put_back_by_a_moment_has_nothing_run_twice() {
        let mut sim = Sim::new("2026-05-01T02:19:00Z", &CRONS);
        sim.pass(MINUTE);
        assert_eq!(sim.ran(), ["often 02:20"]);
        sim.set(-2);
        sim.pass(10);
        assert!(sim.ran().is_empty());
    }

    #[test]
    fn what_came_due_before_the_clock_was_put_back_is_run_all_the_same() {
        let mut sim = Sim::new("2026-05-01T02:25:00Z", &CRONS);
        sim.sleep(10 * MINUTE);
        sim.set(-HOUR);
        assert_eq!(sim.ran(), ["daily 01:35"]);
        sim.pass(2 * HOUR);
        assert!(sim.ran().iter().all(|run| run.starts_with("often")));
    }
}
