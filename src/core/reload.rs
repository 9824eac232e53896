//! Telling a service to read its own configuration anew: a signal, or a command with a deadline of its own.
//!
//! One command runs at a time. Who asks while one runs waits for one more, for what it is about may have changed after
//! the first has looked. The command never outlives the readiness of its service.

use super::jobs::Ask;
use super::{
    Action, Answer, Core, Fault, Notice, Proc, Reason, Role, Said, State, Ticket, Timer, Turn, millis,
};
use crate::model::{Exit, Id, Kind};

impl Core {
    pub(super) fn reload(&mut self, id: Id, ticket: Option<Ticket>, turn: &mut Turn<'_>) {
        let svc = self.svc(id);
        let refused = if self.is_removed(id) {
            Some(Reason::Removed)
        } else if self.plan.service(id).kind == Kind::Target {
            Some(Reason::NoProcess)
        } else if svc.state != State::Ready || svc.doomed {
            Some(Reason::NotReady)
        } else {
            None
        };
        if let Some(reason) = refused {
            return self.wait_for(ticket, Ask::Over(Answer::Not(reason)));
        }
        let runs = svc.live.reload || svc.reload_said != Said::Nothing;
        self.wait_for(ticket, Ask::Reload { id, next: true });
        if runs {
            self.svc_mut(id).reload_again = true;
        } else {
            self.start_reload(id, turn);
        }
    }

    /// Reloads for all that wait for the next one.
    fn start_reload(&mut self, id: Id, turn: &mut Turn<'_>) {
        let reload = &self.plan.service(id).reload;
        let waits = Ask::Reload { id, next: true };
        let timeout = millis(reload.timeout);
        if reload.command.is_some() {
            self.svc_mut(id).live.reload = true;
            turn.act(Action::Spawn(Proc { id, role: Role::Reload }));
        } else if reload.notify {
            self.svc_mut(id).reload_said = Said::Asked;
            turn.act(Action::Reload(id));
        } else {
            turn.act(Action::Reload(id));
            turn.say(Notice::Reloaded(id));
            return self.turn_into(Ask::Over(Answer::Done), waits);
        }
        turn.act(Action::Arm(Timer::Reload(id), timeout));
        self.turn_into(Ask::Reload { id, next: false }, waits);
    }

    /// The command has ended, or did not come to life.
    pub(super) fn reload_over(&mut self, id: Id, outcome: Result<Exit, Fault>, turn: &mut Turn<'_>) {
        let svc = self.svc_mut(id);
        svc.live.reload = false;
        let again = std::mem::take(&mut svc.reload_again);
        if !std::mem::take(&mut svc.reload_killed) {
            turn.act(Action::Disarm(Timer::Reload(id)));
            match outcome {
                Ok(Exit::Code(0)) => {
                    turn.say(Notice::Reloaded(id));
                    self.turn_into(Ask::Over(Answer::Done), Ask::Reload { id, next: false });
                }
                Ok(exit) => self.reload_failed(id, Reason::ReloadFailed(exit), turn),
                Err(_) => self.reload_failed(id, Reason::ReloadNotStarted, turn),
            }
        }
        if self.svc(id).state == State::Ready {
            self.reload_next(id, again, turn);
        } else {
            self.one_less(id, turn);
        }
    }

    fn reload_next(&mut self, id: Id, again: bool, turn: &mut Turn<'_>) {
        if again && !self.svc(id).doomed {
            self.start_reload(id, turn);
        } else {
            self.turn_into(Ask::Over(Answer::Not(Reason::NotReady)), Ask::Reload { id, next: true });
        }
    }

    pub(super) fn said_reloading(&mut self, id: Id) {
        let said = &mut self.svc_mut(id).reload_said;
        if *said == Said::Asked {
            *said = Said::Begun;
        }
    }

    /// It says that it is ready, and was already.
    pub(super) fn said_reloaded(&mut self, id: Id, turn: &mut Turn<'_>) {
        let svc = self.svc_mut(id);
        if svc.reload_said == Said::Begun {
            svc.reload_said = Said::Nothing;
            let again = std::mem::take(&mut svc.reload_again);
            turn.act(Action::Disarm(Timer::Reload(id)));
            turn.say(Notice::Reloaded(id));
            self.turn_into(Ask::Over(Answer::Done), Ask::Reload { id, next: false });
            self.reload_next(id, again, turn);
        }
    }

    pub(super) fn reload_timer(&mut self, id: Id, turn: &mut Turn<'_>) {
        if self.svc(id).reload_said != Said::Nothing {
            let svc = self.svc_mut(id);
            svc.reload_said = Said::Nothing;
            let again = std::mem::take(&mut svc.reload_again);
            self.reload_failed(id, Reason::ReloadLate, turn);
            self.reload_next(id, again, turn);
        } else if self.needs_reload_timer(id) {
            self.svc_mut(id).reload_killed = true;
            turn.act(Action::Kill(Proc { id, role: Role::Reload }));
            self.reload_failed(id, Reason::ReloadLate, turn);
        }
    }

    fn reload_failed(&mut self, id: Id, reason: Reason, turn: &mut Turn<'_>) {
        turn.say(Notice::ReloadFailed { id, reason });
        self.turn_into(Ask::Over(Answer::Not(reason)), Ask::Reload { id, next: false });
    }

    /// The service is not ready any more: its command has lost its meaning.
    pub(super) fn drop_reload(&mut self, id: Id, turn: &mut Turn<'_>) {
        let svc = self.svc_mut(id);
        svc.reload_again = false;
        if std::mem::replace(&mut svc.reload_said, Said::Nothing) != Said::Nothing {
            turn.act(Action::Disarm(Timer::Reload(id)));
        } else if self.needs_reload_timer(id) {
            self.svc_mut(id).reload_killed = true;
            turn.act(Action::Disarm(Timer::Reload(id)));
            turn.act(Action::Kill(Proc { id, role: Role::Reload }));
        }
    }

    /// Whether a reload is under way that was not given up: its timer is armed exactly then.
    #[must_use]
    pub fn needs_reload_timer(&self, id: Id) -> bool {
        let svc = self.svc(id);
        (svc.live.reload && !svc.reload_killed) || svc.reload_said != Said::Nothing
    }
}
