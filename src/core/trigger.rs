//! Services that are started by what comes: a connection, or a time of a schedule.
//!
//! Such a service is armed where another would start, and starts when it is *demanded*: by what it waits for, or by
//! somebody who asks for it. A schedule is awaited for as long as the service is meant to be up, also while it runs, for what
//! comes then has an answer of its own; a connection only while it is armed, for afterwards the process accepts it.

use super::{Action, Core, Notice, State, Turn};
use crate::model::{Id, Overlap};

impl Core {
    /// Where another service would start.
    pub(super) fn await_trigger(&mut self, id: Id, turn: &mut Turn<'_>) {
        self.awaits(id, turn);
        self.set_state(id, State::Armed, turn);
    }

    /// It starts; of a schedule, the next time may come meanwhile.
    pub(super) fn await_next_run(&mut self, id: Id, turn: &mut Turn<'_>) {
        if self.plan.service(id).schedule.is_some() {
            self.awaits(id, turn);
        }
    }

    fn awaits(&mut self, id: Id, turn: &mut Turn<'_>) {
        if !std::mem::replace(&mut self.svc_mut(id).awaiting, true) {
            turn.act(Action::Await(id));
        }
    }

    /// It is not meant to be up any more.
    pub(super) fn forget(&mut self, id: Id, turn: &mut Turn<'_>) {
        if std::mem::take(&mut self.svc_mut(id).awaiting) {
            turn.act(Action::Forget(id));
        }
    }

    pub(super) fn triggered(&mut self, id: Id, turn: &mut Turn<'_>) {
        if !self.svc(id).awaiting {
            return;
        }
        let Some(schedule) = &self.plan.service(id).schedule else {
            self.svc_mut(id).awaiting = false;
            return self.demand(id, turn);
        };
        let free =
            |id: Id| matches!(self.svc(id).state, State::Armed | State::Inactive) && !self.svc(id).demanded;
        match schedule.overlap {
            Overlap::Allow => match schedule.pool.iter().copied().find(|id| free(*id)) {
                Some(id) => self.demand(id, turn),
                None => turn.say(Notice::Overlap { id, queued: false }),
            },
            _ if free(id) => self.demand(id, turn),
            overlap => {
                let queued = overlap == Overlap::Queue;
                self.svc_mut(id).queued |= queued;
                turn.say(Notice::Overlap { id, queued });
            }
        }
    }

    /// It is to start, as soon as it may. Nothing if it does not wait for that.
    pub(super) fn demand(&mut self, id: Id, turn: &mut Turn<'_>) {
        match self.svc(id).state {
            State::Armed => {
                // A connection is accepted by the process from here on.
                if self.plan.service(id).on_demand {
                    self.forget(id, turn);
                }
                self.svc_mut(id).demanded = true;
                self.set_state(id, State::Inactive, turn);
            }
            State::Starting(_) | State::Ready => {}
            _ => {
                self.svc_mut(id).demanded = self.plan.service(id).waits_for_trigger();
                self.touch(id);
            }
        }
    }

    /// A run is over, or an idle service has ended: until the next time.
    pub(super) fn rest(&mut self, id: Id, turn: &mut Turn<'_>) {
        let svc = self.svc_mut(id);
        // A restart that waited for its dependents has nothing left to take down.
        svc.demanded |= std::mem::take(&mut svc.queued) || svc.again;
        svc.failures = 0;
        self.set_state(id, State::Inactive, turn);
    }

    /// It is to be started anew, after a crash or because of others: when it may, as any other, whatever comes.
    pub(super) fn comes_again(&mut self, id: Id) {
        self.svc_mut(id).demanded = self.plan.service(id).waits_for_trigger();
    }

    /// Whether a run that has failed for good only means to wait for the next.
    pub(super) fn run_may_fail(&self, id: Id) -> bool {
        let service = self.plan.service(id);
        service.schedule.is_some() && !service.essential && !service.main
    }
}
