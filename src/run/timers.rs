//! Timers: when each is due, and one timerfd that is armed for the first of them.

use crate::core::Timer;
use crate::model::Id;
use nix::sys::time::TimeSpec;
use nix::sys::timer::TimerSetTimeFlags;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The core armed it.
    Core(Timer),
    /// To look whether what dead main processes left in their groups is still there.
    Groups,
    /// To look for the dead, while so many die that looking for each would be a waste.
    Dead,
    /// To try outlets again that wait for a time.
    Outlets,
    /// To look for the file that is the sign of a service, where nobody tells of it.
    File(Id),
    /// To look again whether something waits on the sockets of a service.
    Connection(Id),
    /// The end of the patience with the process that reads the configuration.
    Reading,
    /// The end of the patience of somebody who asked for an apply.
    Apply(u32),
    /// The timeout of a client's request is over.
    Request(u32),
}

/// The armed timers. Each exists at most once; a disarmed one is gone at once and can never come late.
#[derive(Debug)]
pub(super) struct Timers {
    due: BTreeSet<(Instant, Due)>,
    when: BTreeMap<Due, Instant>,
    alarm: TimerFd,
    /// What the alarm is set to.
    set: Option<Instant>,
}

impl Timers {
    /// # Errors
    /// No descriptor is to be had.
    pub(super) fn new() -> io::Result<Self> {
        // Not tokio's clock, which has a grain of a millisecond: SIGKILL comes within one of its deadline.
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let alarm = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        Ok(Self { due: BTreeSet::new(), when: BTreeMap::new(), alarm, set: None })
    }

    /// Readable when a timer is due.
    pub(super) fn alarm(&self) -> BorrowedFd<'_> {
        self.alarm.as_fd()
    }

    pub(super) fn arm(&mut self, timer: Due, after: Duration) {
        self.disarm(timer);
        // Farther than the clock goes is as good as never; the configuration allows a year.
        let Some(due) = Instant::now().checked_add(after) else { return };
        self.due.insert((due, timer));
        self.when.insert(timer, due);
    }

    pub(super) fn disarm(&mut self, timer: Due) {
        if let Some(due) = self.when.remove(&timer) {
            self.due.remove(&(due, timer));
        }
    }

    /// The next timer that is due, which is disarmed with that.
    pub(super) fn pop(&mut self) -> Option<Due> {
        let &(due, timer) = self.due.first()?;
        if due > Instant::now() {
            return None;
        }
        self.disarm(timer);
        Some(timer)
    }

    /// Sets the alarm for the first timer. To be called before the shell waits.
    pub(super) fn settle(&mut self) {
        let first = self.due.first().map(|(due, _)| *due);
        if first == self.set {
            return;
        }
        let done = match first {
            Some(due) => {
                // Zero would disarm it.
                let left = due.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
                let expiration = Expiration::OneShot(TimeSpec::from_duration(left));
                self.alarm.set(expiration, TimerSetTimeFlags::empty())
            }
            None => self.alarm.unset(),
        };
        // It cannot fail with a valid time; if it did, the next turn would try again.
        self.set = done.ok().and(first);
    }

    /// The alarm went off: it has to be set anew.
    pub(super) fn rang(&mut self) {
        self.set = None;
        let _ = self.alarm.wait();
    }
}
