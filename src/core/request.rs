//! What people ask for.

use super::jobs::Ask;
use super::{Answer, Cause, Core, Phase, Reason, Request, State, Ticket, Turn};
use crate::model::Id;

impl Core {
    pub(super) fn request(&mut self, request: Request, ticket: Option<Ticket>, turn: &mut Turn<'_>) {
        let running = self.phase == Phase::Running;
        match request {
            Request::Shutdown(code) => {
                if running {
                    self.begin_shutdown(Cause::Asked(code), turn);
                } else {
                    self.escalate(turn);
                }
                self.wait_for(ticket, Ask::Over(Answer::Done));
            }
            Request::Stop(id) => {
                if running && !self.plan.service(id).is_tombstone() {
                    self.stop(id, turn);
                }
                self.wait_for(ticket, Ask::Down(id));
            }
            Request::Await(id, goal) => self.wait_for(ticket, Ask::Await(id, goal)),
            _ if !running => self.wait_for(ticket, Ask::Over(Answer::Not(Reason::Ending))),
            Request::Reload(id) => self.reload(id, ticket, turn),
            Request::Start(id) | Request::Restart(id) if self.is_removed(id) => {
                self.wait_for(ticket, Ask::Over(Answer::Not(Reason::Removed)));
            }
            Request::Start(id) => {
                self.start(id, turn);
                self.demand(id, turn);
                self.wait_for(ticket, Ask::Up(id));
            }
            Request::Restart(id) => {
                let standing = self.standing(id);
                self.start(id, turn);
                // One that is armed has nothing to take down.
                if standing && self.standing(id) && self.svc(id).state != State::Armed {
                    self.svc_mut(id).again = true;
                    self.touch(id);
                } else {
                    self.demand(id, turn);
                }
                self.wait_for(ticket, Ask::Up(id));
            }
        }
    }

    fn stop(&mut self, id: Id, turn: &mut Turn<'_>) {
        let svc = self.svc_mut(id);
        (svc.want, svc.held, svc.again) = (false, true, false);
        if svc.state == State::Failed {
            svc.failures = 0;
            self.set_state(id, State::Inactive, turn);
        }
        self.touch(id);
    }

    /// Wants it, lets go of what it requires, and gives what had failed on that way another chance.
    fn start(&mut self, id: Id, turn: &mut Turn<'_>) {
        self.svc_mut(id).want = true;
        if self.svc(id).state == State::Skipped {
            self.set_state(id, State::Inactive, turn);
        }
        let mut seen = vec![false; self.svc.len()];
        let mut way = vec![id];
        while let Some(id) = way.pop() {
            if std::mem::replace(&mut seen[id.index()], true) {
                continue;
            }
            way.extend_from_slice(&self.plan.service(id).requires);
            self.svc_mut(id).held = false;
            match self.svc(id).state {
                State::Backoff => {
                    turn.disarm(id);
                    self.anew(id, turn);
                }
                State::Failed => self.anew(id, turn),
                State::Done if !self.satisfied(id) => self.anew(id, turn),
                _ => {}
            }
            self.touch(id);
        }
    }

    fn anew(&mut self, id: Id, turn: &mut Turn<'_>) {
        let svc = self.svc_mut(id);
        svc.failures = 0;
        svc.checked = false;
        self.set_state(id, State::Inactive, turn);
    }
}
