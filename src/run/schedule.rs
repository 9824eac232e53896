//! Times of schedules: one alarm of the time of day for all of them, which also rings when the clock is set.

use super::shell::Shell;
use crate::core::Event;
use crate::model::{Id, Schedule};
use crate::time::{Agenda, Clock, Cron, TimeZone, local_zone, zone};
use jiff::Timestamp;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent};
use nix::sys::time::TimeSpec;
use nix::sys::timer::TimerSetTimeFlags;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// The schedules whose times are awaited.
#[derive(Debug, Default)]
pub(super) struct Schedules {
    agenda: Agenda<Id>,
    /// All that the core awaits, with the schedule as it was then.
    awaited: BTreeMap<Id, Schedule>,
    /// There from the first of them on.
    alarm: Option<TimerFd>,
    /// What the alarm is set to.
    set: Option<Timestamp>,
}

impl Schedules {
    /// Awaits its times from now on. What it awaits already goes on, unless it is another schedule.
    ///
    /// # Errors
    /// Its times cannot be told: why, for people.
    fn watch(
        &mut self,
        id: Id,
        schedule: &Schedule,
        environment: &[(OsString, OsString)],
    ) -> Result<(), String> {
        if self.awaited.get(&id) == Some(schedule) {
            return Ok(());
        }
        self.awaited.insert(id, schedule.clone());
        self.agenda.remove(id);
        if !schedule.leads() {
            return Ok(());
        }
        let zone = match &schedule.timezone {
            Some(name) => zone(name)?,
            None => local(environment),
        };
        self.agenda.insert(id, Cron::new(&schedule.cron, zone)?, Clock::now());
        Ok(())
    }

    fn forget(&mut self, id: Id) {
        self.agenda.remove(id);
        self.awaited.remove(&id);
    }

    /// Sets the alarm for the first time of all. To be called before the shell waits. `event` tells that it rang.
    pub(super) fn settle(&mut self, epoll: &Epoll, event: EpollEvent) {
        let first = self.agenda.first();
        if first == self.set {
            return;
        }
        // Should it fail, the next turn tries again.
        self.set = self.wake_at(first, epoll, event).ok().and(first);
    }

    fn wake_at(&mut self, time: Option<Timestamp>, epoll: &Epoll, event: EpollEvent) -> Result<(), Errno> {
        let alarm = match &mut self.alarm {
            Some(alarm) => alarm,
            None if time.is_none() => return Ok(()),
            none => {
                let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
                let alarm = TimerFd::new(ClockId::CLOCK_REALTIME, flags)?;
                epoll.add(&alarm, event)?;
                none.insert(alarm)
            }
        };
        let Some(time) = time else { return alarm.unset() };
        let expiration = Expiration::OneShot(TimeSpec::new(time.as_second(), 0));
        let absolute = TimerSetTimeFlags::TFD_TIMER_ABSTIME;
        let also_when_set = absolute | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        match alarm.set(expiration, also_when_set) {
            // A kernel that cannot tell when the clock is set (gVisor); it is seen at the next time then.
            Err(Errno::EINVAL) => alarm.set(expiration, absolute),
            // The clock was set just now; it is armed all the same, and the next look sees it.
            Err(Errno::ECANCELED) => Ok(()),
            done => done,
        }
    }

    /// The alarm rang, or the clock was set: who is due.
    fn rang(&mut self) -> Vec<Id> {
        self.set = None;
        if let Some(alarm) = &self.alarm {
            let _ = alarm.wait();
        }
        self.agenda.due(Clock::now())
    }
}

/// The zone of the container.
fn local(environment: &[(OsString, OsString)]) -> TimeZone {
    let variable =
        environment.iter().find(|(name, _)| name == "TZ").map(|(_, value)| value.to_string_lossy());
    // The configuration was warned of.
    local_zone(variable.as_deref()).unwrap_or(TimeZone::UTC)
}

impl Shell {
    pub(super) fn await_schedule(&mut self, id: Id) {
        let Some(schedule) = &self.plan.service(id).schedule else { return };
        if let Err(reason) = self.schedules.watch(id, schedule, &self.environment) {
            tracing::warn!("{}: cannot tell its times: {reason}; it runs by request only", self.name(id));
        }
    }

    pub(super) fn forget_schedule(&mut self, id: Id) {
        self.schedules.forget(id);
    }

    /// Those that are due run.
    pub(super) fn schedules_rang(&mut self) {
        for id in self.schedules.rang() {
            tracing::info!("{}: it is time", self.name(id));
            self.facts.push_back(Event::Triggered(id));
        }
    }

    /// Another plan is in force: expressions may be others.
    pub(super) fn schedules_replaced(&mut self) {
        let awaited: Vec<Id> = self.schedules.awaited.keys().copied().collect();
        for id in awaited {
            match self.plan.service(id).schedule {
                Some(_) => self.await_schedule(id),
                None => self.schedules.forget(id),
            }
        }
    }

    /// When a schedule runs next.
    pub(super) fn next_run(&self, id: Id) -> Option<Timestamp> {
        self.schedules.agenda.next_of(id)
    }
}
