//! What was, of each service: how its main process ended the last times, and when its first start went how far.

use crate::core::StateName;
use crate::model::{Exit, Id};
use std::collections::VecDeque;
use std::time::Duration;

/// Ends that are kept of each service.
pub(super) const ENDS: usize = 8;

/// The past of all services, by id. Times are since the supervisor began.
#[derive(Debug, Default)]
pub(super) struct History {
    services: Vec<Past>,
}

/// The past of one service.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    pub(super) first: Start,
    /// When its last main process was made.
    begun: Duration,
    /// The newest is last. Nothing is allocated before the first.
    ends: VecDeque<(Duration, Exit)>,
}

/// How far the first start went, and when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Start {
    /// It began to wait for what it depends on.
    pub(super) waiting: Option<Duration>,
    /// Its process was started, or its conditions looked at.
    pub(super) started: Option<Duration>,
    /// It was ready; a oneshot: done; or skipped, which is as good for those who wait.
    pub(super) ready: Option<Duration>,
}

impl History {
    pub(super) fn new(services: usize) -> Self {
        Self { services: vec![Past::default(); services] }
    }

    /// A service is in another state.
    pub(super) fn state(&mut self, id: Id, state: StateName, now: Duration) {
        let Some(Past { first, .. }) = self.services.get_mut(id.index()) else { return };
        // It ends when it is over; what a restart waits for is another story.
        if first.ready.is_some() {
            return;
        }
        match state {
            StateName::Waiting => first.waiting = first.waiting.or(Some(now)),
            StateName::Starting => first.started = first.started.or(Some(now)),
            StateName::Ready | StateName::Done | StateName::Skipped => {
                first.started = first.started.or(Some(now));
                first.ready = Some(now);
            }
            _ => {}
        }
    }

    /// A main process has been made.
    pub(super) fn begun(&mut self, id: Id, now: Duration) {
        if let Some(past) = self.services.get_mut(id.index()) {
            past.begun = now;
        }
    }

    /// When its last main process was made.
    pub(super) fn last_begin(&self, id: Id) -> Duration {
        self.services.get(id.index()).map(|past| past.begun).unwrap_or_default()
    }

    /// A main process has ended.
    pub(super) fn ended(&mut self, id: Id, exit: Exit, now: Duration) {
        let Some(Past { ends, .. }) = self.services.get_mut(id.index()) else { return };
        if ends.len() >= ENDS {
            ends.pop_front();
        }
        ends.push_back((now, exit));
    }

    /// The ends of its main process, newest first.
    pub(super) fn ends(&self, id: Id) -> impl Iterator<Item = (Duration, Exit)> {
        self.services.get(id.index()).into_iter().flat_map(|past| past.ends.iter().rev().copied())
    }

    /// How its first start went.
    pub(super) fn first(&self, id: Id) -> Start {
        self.services.get(id.index()).map(|past| past.first).unwrap_or_default()
    }

    /// A new plan is in force, with so many services; `other`: those ids stand for another service than before.
    pub(super) fn replaced(&mut self, services: usize, other: impl Iterator<Item = Id>) {
        self.services.resize_with(services, Past::default);
        for id in other {
            if let Some(past) = self.services.get_mut(id.index()) {
                *past = Past::default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn only_the_newest_ends_are_kept() {
        let mut history = History::new(1);
        for number in 0..20 {
            history.ended(Id(0), Exit::Code(number), MS(u64::from(number)));
        }
        let ends: Vec<_> = history.ends(Id(0)).collect();
        assert_eq!(ends.len(), ENDS);
        assert_eq!(ends[0], (MS(19), Exit::Code(19)));
        assert_eq!(ends[7], (MS(12), Exit::Code(12)));
        assert_eq!(history.ends(Id(7)).count(), 0, "nobody has that id");
    }

    #[test]
    fn the_first_start_counts_and_no_later_one() {
        let mut history = History::new(1);
        let states = [
            (StateName::Waiting, 1),
            (StateName::Starting, 2),
            (StateName::Backoff, 3),
            (StateName::Starting, 4),
            (StateName::Ready, 5),
            (StateName::Stopping, 6),
            (StateName::Starting, 7),
            (StateName::Ready, 8),
        ];
        for (state, at) in states {
            history.state(Id(0), state, MS(at));
        }
        let first = history.first(Id(0));
        assert_eq!((first.waiting, first.started, first.ready), (Some(MS(1)), Some(MS(2)), Some(MS(5))));
    }

    #[test]
    fn who_takes_the_place_of_another_has_no_past() {
        let mut history = History::new(2);
        history.ended(Id(0), Exit::Code(1), MS(1));
        history.ended(Id(1), Exit::Code(1), MS(1));
        history.replaced(3, [Id(1)].into_iter());
        let counts = [0, 1, 2].map(|id| history.ends(Id(id)).count());
        assert_eq!(counts, [1, 0, 0]);
    }
}
