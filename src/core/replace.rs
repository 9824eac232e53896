//! Another plan for a running tree.
//!
//! First those *retire* that the new plan removes or whose process it changes: they and their dependents come down, in
//! the order and by the rules of the plan that they were started under, and all others go on. When nothing of a retiring
//! service stands any more, the plan is swapped at one go, and the tree settles by the new one. So at every moment there
//! is one plan, and no service lives by two.

use super::jobs::Ask;
use super::{Action, Answer, Core, Graph, Phase, Reason, State, Svc, Ticket, Turn};
use crate::model::{Id, Plan, Service};
use std::rc::Rc;

/// A plan that waits until it can be swapped in.
#[derive(Clone, Debug)]
pub(super) struct Coming {
    pub(super) plan: Rc<Plan>,
    /// Services that retire; those that were seen to be down are taken off the end. A retiring service stays down.
    left: Vec<Id>,
}

/// Services that the last new plan started or restarted, for who waits until they are up.
#[derive(Clone, Debug, Default)]
pub(super) struct Rising {
    pub(super) ids: Vec<Id>,
    /// Those before this one were decided when they were looked at last.
    pub(super) decided: usize,
}

impl Core {
    pub(super) fn replace(&mut self, plan: Rc<Plan>, ticket: Option<Ticket>) {
        if self.phase != Phase::Running {
            return self.wait_for(ticket, Ask::Over(Answer::Not(Reason::Ending)));
        }
        self.turn_into(Ask::Over(Answer::Not(Reason::Superseded)), Ask::Replace);
        self.rising = Rising::default();
        self.wait_for(ticket, Ask::Replace);
        let mut left = Vec::new();
        for id in self.plan.ids() {
            let retires = plan.services.get(id.index()).is_none_or(|new| retires(self.plan.service(id), new));
            if retires {
                left.push(id);
            }
            if std::mem::replace(&mut self.svc_mut(id).retiring, retires) != retires {
                self.touch(id);
            }
        }
        self.coming = Some(Coming { plan, left });
    }

    /// Whether a new plan waits for services to come down, to be in force then.
    #[must_use]
    pub fn is_replacing(&self) -> bool {
        self.coming.is_some()
    }

    /// The new plan does not have it.
    pub(super) fn is_removed(&self, id: Id) -> bool {
        let current = self.plan.service(id);
        current.is_tombstone()
            || self.coming.as_ref().is_some_and(|coming| {
                coming.plan.services.get(id.index()).is_none_or(|new| new.name != current.name)
            })
    }

    /// Whether a new plan waits, and for nothing any more.
    pub(super) fn may_swap(&mut self) -> bool {
        let Some(mut coming) = self.coming.take() else { return false };
        while let Some(&last) = coming.left.last()
            && self.is_down(last)
            && !self.svc(last).awaiting
        {
            coming.left.pop();
        }
        let may = coming.left.is_empty();
        self.coming = Some(coming);
        may
    }

    pub(super) fn swap(&mut self, turn: &mut Turn<'_>) {
        let Some(Coming { mut plan, .. }) = self.coming.take() else { return };
        if plan.services.len() < self.svc.len() {
            // Whoever forgot them means that they are gone.
            Rc::make_mut(&mut plan).services.resize_with(self.svc.len(), Service::tombstone);
        }
        let mut rising = self.retired_and_above();
        let old = std::mem::replace(&mut self.plan, plan);
        self.graph = Rc::new(Graph::new(&self.plan));
        turn.act(Action::Replaced);
        let plan = Rc::clone(&self.plan);
        rising.resize(plan.services.len(), false);
        for (id, rises) in plan.ids().zip(&mut rising) {
            let new = plan.service(id);
            match old.services.get(id.index()) {
                Some(old) if old.name == new.name => *rises |= self.carry_over(id, old, new, turn),
                former => {
                    let fresh = Svc { since: turn.now, ..Svc::new(new) };
                    match former {
                        Some(_) => *self.svc_mut(id) = fresh,
                        None => self.svc.push(fresh),
                    }
                    *rises = true;
                }
            }
        }
        // Without anybody who waits for it, it is not worth its memory.
        if self.jobs.iter().any(|job| job.ask == Ask::Replace) {
            let ids = plan.ids().zip(rising).filter_map(|(id, rises)| rises.then_some(id)).collect();
            self.rising = Rising { ids, decided: 0 };
        }
        self.all_stale();
    }

    /// Services that retired, and what was taken down with them.
    fn retired_and_above(&self) -> Vec<bool> {
        let mut marked: Vec<bool> = self.svc.iter().map(|svc| svc.retiring).collect();
        let mut way: Vec<Id> = self.plan.ids().filter(|id| self.svc(*id).retiring).collect();
        while let Some(id) = way.pop() {
            for &above in self.required_by(id) {
                if !std::mem::replace(&mut marked[above.index()], true) {
                    way.push(above);
                }
            }
        }
        // What had failed for other reasons before is not brought back.
        for (id, marked) in self.plan.ids().zip(&mut marked) {
            *marked &= self.svc(id).state != State::Failed;
        }
        marked
    }

    /// Takes a service that is in both plans into the new one. True when it gets another chance or is wanted from now on.
    fn carry_over(&mut self, id: Id, old: &Service, new: &Service, turn: &mut Turn<'_>) -> bool {
        self.health_changes(id, old, new, turn);
        let svc = self.svc_mut(id);
        let retired = std::mem::take(&mut svc.retiring);
        let wanted = new.enabled && !old.enabled;
        if new.enabled != old.enabled {
            svc.want = new.enabled;
        }
        let chance = match svc.state {
            // A blocked one is blocked again if nothing of what it requires changed, and it may be essential by now.
            State::Failed | State::Blocked(_) => new != old,
            State::Skipped => retired || new.when != old.when,
            // Its end was not the container's then, and would never be.
            State::Done => new.main && !old.main,
            _ => false,
        };
        if retired || chance {
            // What its state is called is told when all is derived.
            (svc.failures, svc.checked) = (0, false);
            if svc.state != State::Inactive {
                (svc.state, svc.since) = (State::Inactive, turn.now);
            }
        }
        wanted || chance
    }

    /// Whether the new plan is in force and all that it started is up, or why not.
    pub(super) fn replace_verdict(&mut self) -> Option<Answer> {
        if self.phase != Phase::Running {
            return Some(Answer::Not(Reason::Ending));
        } else if self.coming.is_some() {
            return None;
        }
        let open = |at: &usize| self.rising.ids.get(*at).is_some_and(|id| self.rises(*id, true).is_none());
        let count = self.rising.ids.len();
        // Mostly it is the same one that is not decided yet. When all were, they are looked at together once more.
        let from = self.rising.decided;
        if let Some(at) = (from..count).chain(0..from).find(open) {
            self.rising.decided = at;
            return None;
        }
        let rising = std::mem::take(&mut self.rising);
        let failed = rising.ids.into_iter().find_map(|id| match self.rises(id, true) {
            // Nobody meant it to be up.
            Some(Answer::Not(Reason::Stopped(_) | Reason::Disabled | Reason::Removed)) => None,
            Some(Answer::Not(reason)) => Some(Answer::Except(id, reason)),
            _ => None,
        });
        Some(failed.unwrap_or(Answer::Done))
    }
}

/// Whether a service has to come down before another plan can be in force.
fn retires(old: &Service, new: &Service) -> bool {
    !old.is_tombstone() && (old.name != new.name || old.needs_restart(new))
}
