//! What the core tells about a service: a snapshot for status lines, without a second opinion.

use super::{Core, Flaw, Millis, Phase, State, Then};
use crate::model::{Exit, Id, sort};

/// The names of SPEC section 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum StateName {
    Inactive,
    Waiting,
    Starting,
    Ready,
    Stopping,
    Backoff,
    Done,
    Failed,
    Blocked,
    Skipped,
}

impl std::fmt::Display for StateName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Inactive => "inactive",
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Stopping => "stopping",
            Self::Backoff => "backoff",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Skipped => "skipped",
        })
    }
}

/// Why a service is where it is. Where another service is named, that one says the rest: see [`Core::chain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The state says it all.
    Plain,
    /// It waits until this requirement is satisfied.
    Requires(Id),
    /// It waits for its turn behind this one.
    After(Id),
    /// This requirement is not meant to be up: stopped, about to be replaced, or without what it requires itself.
    Stopped(Id),
    /// This requirement failed for good or ended.
    Blocked(Id),
    /// This dependent of it has to come down first.
    Dependents(Id),
    /// It comes down because this requirement does, or is not up and it has `restart-with` on it.
    With(Id),
    /// It was stopped on purpose.
    Held,
    /// Nobody asked for it, and nothing that is meant to be up requires or wants it.
    Unwanted,
    /// A restart was asked for.
    Restart,
    /// A new plan removes it or changes its process, and waits until it is down.
    Retiring,
    /// Its conditions do not hold.
    Condition,
    /// Its last attempt ended, and the next one comes at [`ServiceView::next`].
    Backoff,
    /// It waits for a connection, or for the next time of its schedule.
    Trigger,
    /// It is stopped for [`ServiceView::flaw`].
    Flaw,
    /// It said that it is stopping by itself.
    Leaving,
    /// Its main process has ended, and what that left behind is cleared away.
    Leftover,
    /// It has failed for good, with this code.
    Failed(u8),
    /// It has ended well.
    Ended,
    /// The container ends.
    Ending,
}

/// One service, as `status` shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServiceView {
    /// Which.
    pub id: Id,
    /// The state by its public name.
    pub state: StateName,
    /// Why.
    pub why: Why,
    /// Since when it is in that state.
    pub since: Millis,
    /// When it goes on by itself: in `backoff` to the next attempt, in `starting` to readiness by `[ready] delay` or to
    /// the end of the patience with its condition or its sign of readiness, in `stopping` to SIGKILL.
    pub next: Option<Millis>,
    /// Whether it is meant to be up: wanted, or needed by something that is, and not stopped on purpose.
    pub target: bool,
    /// Whether it was asked for itself.
    pub want: bool,
    /// Whether it was stopped on purpose.
    pub held: bool,
    /// Consecutive ends that count toward its restart limit.
    pub failures: u32,
    /// Starts of its main process after the first.
    pub restarts: u32,
    /// How its main process last ended.
    pub last_exit: Option<Exit>,
    /// Its last start came to no main process, so the exit is that of an earlier one.
    pub stillborn: bool,
    /// What is wrong with its process, or was with the last one.
    pub flaw: Option<Flaw>,
    /// Probes of its health that failed in a row.
    pub misses: u32,
}

impl Core {
    /// The state by its public name.
    #[must_use]
    pub fn state_name(&self, id: Id) -> StateName {
        let svc = self.svc(id);
        match svc.state {
            State::Inactive if svc.target && self.phase == Phase::Running && !self.is_removed(id) => {
                StateName::Waiting
            }
            State::Inactive => StateName::Inactive,
            State::Checking { .. } | State::Starting(_) => StateName::Starting,
            State::Armed => StateName::Waiting,
            State::Ready => StateName::Ready,
            State::Stopping { .. } => StateName::Stopping,
            State::Backoff => StateName::Backoff,
            State::Done => StateName::Done,
            State::Failed => StateName::Failed,
            State::Blocked(_) => StateName::Blocked,
            State::Skipped => StateName::Skipped,
        }
    }

    /// A snapshot of one service.
    #[must_use]
    pub fn view(&self, id: Id) -> ServiceView {
        let svc = self.svc(id);
        ServiceView {
            id,
            state: self.state_name(id),
            why: self.why(id),
            since: svc.since,
            next: svc.due.filter(|_| svc.state != State::Ready && self.needs_timer(id)),
            target: svc.target,
            want: svc.want,
            held: svc.held,
            failures: svc.failures,
            restarts: svc.restarts,
            last_exit: svc.last_exit,
            stillborn: svc.stillborn,
            flaw: svc.flaw,
            misses: svc.misses,
        }
    }

    /// Why a service is where it is, and why that which is named there is, to the root cause. Each service comes once.
    #[must_use]
    pub fn chain(&self, id: Id) -> Vec<(Id, Why)> {
        let mut links: Vec<(Id, Why)> = Vec::new();
        let mut seen = vec![false; self.svc.len()];
        let mut at = Some(id);
        while let Some(id) = at
            && !std::mem::replace(&mut seen[id.index()], true)
        {
            let why = self.why(id);
            links.push((id, why));
            at = match why {
                Why::Requires(other)
                | Why::After(other)
                | Why::Stopped(other)
                | Why::Blocked(other)
                | Why::Dependents(other)
                | Why::With(other) => Some(other),
                _ => None,
            };
        }
        links
    }

    /// Who would come down if these were stopped, they themselves not counted, in order of number.
    #[must_use]
    pub fn dependents_of(&self, ids: &[Id]) -> Vec<Id> {
        let mut seen = vec![false; self.svc.len()];
        for id in ids {
            seen[id.index()] = true;
        }
        let (mut way, mut found) = (ids.to_vec(), Vec::new());
        while let Some(id) = way.pop() {
            for &above in self.required_by(id) {
                if !std::mem::replace(&mut seen[above.index()], true) {
                    way.push(above);
                    if self.standing(above) || self.svc(above).state == State::Backoff {
                        found.push(above);
                    }
                }
            }
        }
        sort(&mut found);
        found
    }

    fn why(&self, id: Id) -> Why {
        let svc = self.svc(id);
        match svc.state {
            State::Blocked(by) => Why::Blocked(by),
            State::Failed => Why::Failed(svc.fail_code),
            State::Skipped => Why::Condition,
            State::Done => Why::Ended,
            State::Backoff => Why::Backoff,
            State::Armed if !svc.doomed => Why::Trigger,
            State::Stopping { then: Then::Flawed { .. }, .. } => Why::Flaw,
            State::Stopping { then: Then::Leaving { .. }, .. } => Why::Leaving,
            State::Inactive if svc.target && !svc.retiring => self.why_waiting(id),
            State::Inactive => self.why_down(id),
            State::Stopping { then: Then::Ended { .. }, .. } => Why::Leftover,
            State::Stopping { .. } => self.why_down(id),
            _ if svc.doomed => self.held_up_by(id).map_or(Why::Plain, Why::Dependents),
            _ => Why::Plain,
        }
    }

    /// Why it is not up or does not stay so.
    fn why_down(&self, id: Id) -> Why {
        let (svc, service) = (self.svc(id), self.plan.service(id));
        if self.phase != Phase::Running {
            Why::Ending
        } else if svc.held {
            Why::Held
        } else if svc.retiring {
            Why::Retiring
        } else if svc.again {
            Why::Restart
        } else if !svc.target {
            Why::Unwanted
        } else if let Some(&lost) = service.requires.iter().find(|r| self.lost(**r)) {
            Why::Blocked(lost)
        } else if let Some(&below) = service.requires.iter().find(|r| self.svc(**r).doomed) {
            Why::With(below)
        } else {
            let below = service.restart_with.iter().find(|r| !self.satisfied(**r));
            below.map_or(Why::Plain, |&below| Why::With(below))
        }
    }

    fn why_waiting(&self, id: Id) -> Why {
        let requires = &self.plan.service(id).requires;
        if let Some(&off) = requires.iter().find(|r| self.svc(**r).off) {
            Why::Stopped(off)
        } else if let Some(open) = self.unsatisfied(id) {
            Why::Requires(open)
        } else if let Some(earlier) = self.ordered_behind(id) {
            Why::After(earlier)
        } else {
            self.below_the_leaving(id).map_or(Why::Plain, Why::Dependents)
        }
    }
}
