//! What the core tells about a service: a snapshot for status lines, without a second opinion.

use super::{Core, Millis, Phase, State};
use crate::model::{Exit, Id};

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

/// Why a service is where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The state says it all.
    Plain,
    /// It waits until this requirement is satisfied.
    Requires(Id),
    /// It waits for its turn behind this one.
    After(Id),
    /// This requirement is stopped, or on its way there.
    Stopped(Id),
    /// This requirement failed for good or ended.
    Blocked(Id),
    /// A dependent of it is still coming down.
    Dependents,
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
    /// Starts of its main process after the first.
    pub restarts: u32,
    /// How its main process last ended.
    pub last_exit: Option<Exit>,
}

impl Core {
    /// The state by its public name.
    #[must_use]
    pub fn state_name(&self, id: Id) -> StateName {
        let svc = self.svc(id);
        match svc.state {
            State::Inactive if svc.target && self.phase == Phase::Running => StateName::Waiting,
            State::Inactive => StateName::Inactive,
            State::Checking { .. } | State::Starting(_) => StateName::Starting,
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
        let why = match svc.state {
            State::Blocked(by) => Why::Blocked(by),
            State::Inactive if svc.target => self.why_waiting(id),
            _ => Why::Plain,
        };
        let (since, restarts, last_exit) = (svc.since, svc.restarts, svc.last_exit);
        ServiceView { id, state: self.state_name(id), why, since, restarts, last_exit }
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
            Why::Dependents
        }
    }
}
