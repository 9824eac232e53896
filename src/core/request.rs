//! What people ask for.

use super::{Cause, Core, Phase, Request, State, Turn};
use crate::model::Id;

impl Core {
    pub(super) fn request(&mut self, request: Request, turn: &mut Turn<'_>) {
        match request {
            Request::Shutdown(code) if self.phase == Phase::Running => {
                self.begin_shutdown(Cause::Asked(code), turn)
            }
            Request::Shutdown(_) => self.escalate(turn),
            _ if self.phase != Phase::Running => {}
            Request::Start(id) => self.start(id, turn),
            Request::Stop(id) => {
                let svc = self.svc_mut(id);
                (svc.want, svc.held, svc.again) = (false, true, false);
                if svc.state == State::Failed {
                    svc.failures = 0;
                    self.set_state(id, State::Inactive, turn);
                }
                self.touch(id);
            }
            Request::Reload(_) | Request::Await(..) => {}
            Request::Restart(id) => {
                let standing = self.standing(id);
                self.start(id, turn);
                if standing && self.standing(id) {
                    self.svc_mut(id).again = true;
                    self.touch(id);
                }
            }
        }
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
