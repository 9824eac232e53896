//! The level-triggered half: what every service should be, and its next step toward it.
//!
//! First the derived facts are brought to rest over the whole graph, then it is seen who is blocked, then one service
//! moves, then again. A service never
//! acts on stale facts of another, so the order in which services are looked at does not matter.

use super::{Core, Notice, Phase, Stage, State, Then, Turn};
use crate::model::{Id, Kind};

impl Core {
    /// The service changed: it and all that look at it have to be looked at again.
    pub(super) fn touch(&mut self, id: Id) {
        self.look_at(id);
        let plan = self.plan.clone();
        let graph = self.graph.clone();
        let service = plan.service(id);
        for &above in &graph.ordered_after[id.index()] {
            self.look_at(above);
        }
        for &below in service.requires.iter().chain(&service.wants).chain(&service.after) {
            self.look_at(below);
        }
    }

    pub(super) fn all_stale(&mut self) {
        for id in self.plan.ids() {
            self.look_at(id);
        }
    }

    fn look_at(&mut self, id: Id) {
        self.stale.push(id);
        self.doubtful.push(id);
        self.movable.push(id);
    }

    pub(super) fn settle(&mut self, turn: &mut Turn<'_>) {
        loop {
            while let Some(id) = self.stale.pop() {
                self.derive(id);
            }
            if self.may_swap() {
                self.swap(turn);
                continue;
            }
            if let Some(id) = self.doubtful.pop() {
                self.judge(id, turn);
                continue;
            }
            match self.movable.pop() {
                Some(id) => self.nudge(id, turn),
                None if !self.conclude(turn) => return,
                None => {}
            }
        }
    }

    /// Brings the derived facts of one service up to date with its neighbours'.
    fn derive(&mut self, id: Id) {
        let target = self.is_target(id);
        let off = !target || self.is_off(id);
        let doomed = off || self.is_doomed(id);
        let svc = self.svc_mut(id);
        if (svc.target, svc.off, svc.doomed) != (target, off, doomed) {
            (svc.target, svc.off, svc.doomed) = (target, off, doomed);
            self.touch(id);
        }
    }

    fn is_target(&self, id: Id) -> bool {
        let svc = self.svc(id);
        self.phase == Phase::Running
            && !svc.held
            && (svc.want || self.pulled_by(id).iter().any(|p| self.svc(*p).target))
    }

    fn is_off(&self, id: Id) -> bool {
        self.svc(id).retiring
            || self.plan.service(id).requires.iter().any(|&r| self.svc(r).off || self.lost(r))
    }

    fn is_doomed(&self, id: Id) -> bool {
        let service = self.plan.service(id);
        self.svc(id).again
            || service.requires.iter().any(|&r| self.svc(r).doomed)
            || service.restart_with.iter().any(|&r| !self.satisfied(r))
    }

    /// Failed for good: takes those down that require it.
    pub(super) fn lost(&self, id: Id) -> bool {
        matches!(self.svc(id).state, State::Failed | State::Blocked(_))
    }

    /// Something that must be taken down before what it depends on.
    #[must_use]
    pub fn standing(&self, id: Id) -> bool {
        matches!(
            self.svc(id).state,
            State::Checking { .. }
                | State::Starting(_)
                | State::Ready
                | State::Armed
                | State::Stopping { .. }
                | State::Done
        )
    }

    /// Coming down, or about to.
    fn leaving(&self, id: Id) -> bool {
        self.standing(id) && (self.svc(id).doomed || matches!(self.svc(id).state, State::Stopping { .. }))
    }

    /// What depends on it, is coming down and has to be down first.
    pub(super) fn held_up_by(&self, id: Id) -> Option<Id> {
        self.ordered_after(id).iter().copied().find(|&d| self.leaving(d))
    }

    fn held_up(&self, id: Id) -> bool {
        self.held_up_by(id).is_some()
    }

    /// A dependent of an earlier life that is still coming down.
    pub(super) fn below_the_leaving(&self, id: Id) -> Option<Id> {
        self.required_by(id).iter().copied().find(|&d| self.leaving(d))
    }

    /// The requirement because of which it cannot start, now or later.
    fn blocker(&self, id: Id) -> Option<Id> {
        self.plan.service(id).requires.iter().copied().find(|&r| self.blocks(r))
    }

    /// Failed for good, or a daemon that has ended and is to stay so. A new plan may bring it back.
    fn blocks(&self, id: Id) -> bool {
        if self.svc(id).retiring {
            return false;
        }
        let over = || self.svc(id).state == State::Done && self.plan.service(id).kind != Kind::Oneshot;
        self.lost(id) || (over() && !self.svc(id).doomed)
    }

    /// What it has to wait for by order alone: it is meant to be up, and its first attempt is not yet over.
    pub(super) fn ordered_behind(&self, id: Id) -> Option<Id> {
        let service = self.plan.service(id);
        service.wants.iter().chain(&service.after).copied().find(|&o| {
            let svc = self.svc(o);
            let over = matches!(
                svc.state,
                State::Done | State::Failed | State::Blocked(_) | State::Skipped | State::Backoff
            );
            let off = svc.off && !(svc.retiring && svc.target);
            !(off || self.satisfied(o) || over || svc.failures > 0)
        })
    }

    /// The requirement that is not satisfied yet.
    pub(super) fn unsatisfied(&self, id: Id) -> Option<Id> {
        self.plan.service(id).requires.iter().copied().find(|&r| !self.satisfied(r))
    }

    fn may_start(&self, id: Id) -> bool {
        !self.svc(id).doomed
            && self.unsatisfied(id).is_none()
            && self.ordered_behind(id).is_none()
            && self.below_the_leaving(id).is_none()
    }

    /// Blocks a service that cannot start any more. Before anything moves, because it may be the end of the container, and
    /// then everything goes down in the one order of a shutdown.
    fn judge(&mut self, id: Id, turn: &mut Turn<'_>) {
        match self.svc(id).state {
            State::Inactive if self.svc(id).target && !self.svc(id).retiring => {
                if let Some(by) = self.blocker(id) {
                    self.svc_mut(id).checked = false;
                    self.forget(id, turn);
                    self.set_state(id, State::Blocked(by), turn);
                    turn.say(Notice::Blocked(id, by));
                    self.blocked_for_good(id, by, turn);
                }
            }
            State::Blocked(by) if !self.svc(id).target || !self.blocks(by) => {
                self.set_state(id, State::Inactive, turn);
            }
            _ => {}
        }
    }

    /// Moves one service one legal step toward what it should be, if there is one.
    fn nudge(&mut self, id: Id, turn: &mut Turn<'_>) {
        let svc = *self.svc(id);
        match svc.state {
            State::Inactive if svc.target && self.may_start(id) => self.begin(id, turn),
            State::Inactive => {
                if svc.doomed {
                    self.forget(id, turn);
                }
                // Whether it waits or not shows only when all is derived.
                self.tell(id, turn);
            }
            State::Checking { command: true } | State::Starting(_) | State::Ready | State::Armed
                if svc.doomed && !self.held_up(id) =>
            {
                self.take_down(id, turn);
            }
            State::Backoff if svc.doomed => self.take_down(id, turn),
            State::Done | State::Skipped if svc.doomed && !self.held_up(id) => self.take_down(id, turn),
            State::Stopping {
                stage,
                then: Then::Ended { .. } | Then::Flawed { .. } | Then::Leaving { .. },
            } if svc.doomed => {
                self.comes_again(id);
                self.set_state(id, State::Stopping { stage, then: Then::Down }, turn);
            }
            State::Stopping { stage: Stage::Kill, then: Then::Fail } if svc.doomed => {
                self.set_state(id, State::Stopping { stage: Stage::Kill, then: Then::Down }, turn);
            }
            _ => {}
        }
    }
}
