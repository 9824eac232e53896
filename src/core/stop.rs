//! How one service comes down.

use super::{Action, Cause, Core, Flaw, Millis, Proc, Role, Stage, Starting, State, Then, Timer, Turn};
use crate::model::{Id, OnFailure};
use std::time::Duration;

/// How long the members of a killed group have to vanish before they are given up: a zombie whose parent does not reap
/// it keeps its group for ever, and no signal changes that.
const GROUP_PATIENCE: Duration = Duration::from_secs(1);

impl Core {
    /// Whatever comes after the state that it is in: drops the timers of that state, and what it alone gives a meaning (a
    /// reload, a probe).
    pub(super) fn let_go(&mut self, id: Id, turn: &mut Turn<'_>) {
        if self.needs_timer(id) {
            turn.disarm(id);
        }
        if self.needs_watchdog(id) {
            turn.act(Action::Disarm(Timer::Watchdog(id)));
        }
        self.drop_probe(id, turn);
        self.drop_reload(id, turn);
    }

    /// Its process lives and is of no use: it is stopped, which counts as a failure, or the container ends with it.
    pub(super) fn has_flaw(&mut self, id: Id, flaw: Flaw, turn: &mut Turn<'_>) {
        self.svc_mut(id).flaw = Some(flaw);
        let (health, timeout) = (&self.plan.service(id).health, self.plan.service(id).stop.timeout);
        match health.on_failure {
            OnFailure::Shutdown => {
                // It may have to wait for others until it comes down, and nothing else changes meanwhile.
                if flaw == Flaw::Unready {
                    self.arm(id, self.plan.service(id).ready.timeout, turn);
                }
                self.begin_watchdog(id, turn);
                self.begin_shutdown(Cause::Unhealthy(id), turn);
            }
            OnFailure::None if flaw != Flaw::Unready => self.begin_watchdog(id, turn),
            OnFailure::Restart | OnFailure::None => {
                let ready = self.svc(id).state == State::Ready;
                self.let_go(id, turn);
                let then = Then::Flawed { ready };
                self.set_state(id, State::Stopping { stage: Stage::Signal, then }, turn);
                // A core dump may tell why it hangs.
                let hangs = matches!(flaw, Flaw::Silent | Flaw::Hung);
                turn.act(if hangs { Action::Abort(id) } else { Action::Stop(id) });
                self.arm(id, timeout, turn);
            }
        }
    }

    /// It says that it is stopping: its own end is awaited, for as long as a stop may take.
    pub(super) fn leaves(&mut self, id: Id, turn: &mut Turn<'_>) {
        let state = self.svc(id).state;
        if !matches!(state, State::Ready | State::Starting(Starting::Sign)) {
            return;
        }
        let timeout = self.plan.service(id).stop.timeout;
        self.let_go(id, turn);
        let then = Then::Leaving { ready: state == State::Ready };
        self.set_state(id, State::Stopping { stage: Stage::Signal, then }, turn);
        self.arm(id, timeout, turn);
    }

    /// It asks for more time for its start or its stop. Nothing gets shorter by that, and a shutdown has its own end.
    pub(super) fn extend(&mut self, id: Id, time: Millis, turn: &mut Turn<'_>) {
        let svc = self.svc(id);
        let may = match svc.state {
            State::Starting(Starting::Sign) => true,
            State::Stopping { stage, .. } => stage != Stage::Kill,
            _ => false,
        };
        let later = svc.due.is_none_or(|due| turn.now.saturating_add(time) > due);
        if may && later && time > 0 {
            self.arm(id, Duration::from_millis(time), turn);
        }
    }

    /// Starts to take a service down that is checking, starting or ready.
    pub(super) fn take_down(&mut self, id: Id, turn: &mut Turn<'_>) {
        let state = self.svc(id).state;
        self.let_go(id, turn);
        if matches!(state, State::Starting(_) | State::Ready | State::Backoff) {
            self.comes_again(id);
        }
        if !self.svc(id).live.any() {
            self.down(id, turn);
            return;
        }
        let service = self.plan.service(id);
        let (command, timeout) = (service.stop.command.is_some(), service.stop.timeout);
        let stage = match state {
            State::Checking { .. } => Stage::Kill,
            // Before exec there is nobody who would understand the command.
            State::Starting(Starting::Exec) => Stage::Signal,
            _ if command => Stage::Command,
            _ if service.logger => Stage::Input,
            _ => Stage::Signal,
        };
        self.set_state(id, State::Stopping { stage, then: Then::Down }, turn);
        match stage {
            Stage::Kill => turn.act(Action::Kill(Proc { id, role: Role::Check })),
            Stage::Command => {
                self.svc_mut(id).live.stop = true;
                turn.act(Action::Spawn(Proc { id, role: Role::Stop }));
                self.arm(id, timeout, turn);
            }
            Stage::Input => {
                turn.act(Action::EndInput(id));
                self.arm(id, timeout / 2, turn);
            }
            Stage::Signal => {
                turn.act(Action::Stop(id));
                self.arm(id, timeout, turn);
            }
        }
    }

    /// A logger did not end with its input: it gets its stop signal, and the other half of its time.
    pub(super) fn input_was_no_reason(&mut self, id: Id, then: Then, turn: &mut Turn<'_>) {
        self.set_state(id, State::Stopping { stage: Stage::Signal, then }, turn);
        turn.act(Action::Stop(id));
        self.arm(id, self.plan.service(id).stop.timeout / 2, turn);
    }

    pub(super) fn down(&mut self, id: Id, turn: &mut Turn<'_>) {
        self.forget(id, turn);
        let triggered = self.plan.service(id).waits_for_trigger();
        let svc = self.svc_mut(id);
        svc.checked = false;
        svc.failures = 0;
        svc.queued = false;
        // What was asked for since it began to come down holds.
        svc.demanded = triggered && svc.target && (svc.demanded || svc.again);
        self.set_state(id, State::Inactive, turn);
    }

    pub(super) fn stop_command_over(&mut self, id: Id, turn: &mut Turn<'_>) {
        self.svc_mut(id).live.stop = false;
        let State::Stopping { stage, then } = self.svc(id).state else { return };
        let live = self.svc(id).live;
        if stage == Stage::Command && live.any() {
            let ends_input = live.main && self.plan.service(id).logger;
            let stage = if ends_input { Stage::Input } else { Stage::Signal };
            self.set_state(id, State::Stopping { stage, then }, turn);
            if ends_input {
                turn.act(Action::EndInput(id));
                self.arm(id, self.plan.service(id).stop.timeout / 2, turn);
            } else if live.main || live.group {
                // A reload command that is left has got SIGKILL already.
                turn.act(Action::Stop(id));
            }
        } else {
            self.one_less(id, turn);
        }
    }

    pub(super) fn vacated(&mut self, id: Id, turn: &mut Turn<'_>) {
        if self.svc(id).live.group && matches!(self.svc(id).state, State::Stopping { .. }) {
            let patience = self.needs_timer(id);
            self.svc_mut(id).live.group = false;
            self.one_less_than(id, patience, turn);
        }
    }

    /// One process less of a service that is stopping: goes on when it was the last.
    pub(super) fn one_less(&mut self, id: Id, turn: &mut Turn<'_>) {
        self.one_less_than(
            id,
            matches!(self.svc(id).state, State::Stopping { stage, .. } if stage != Stage::Kill),
            turn,
        );
    }

    pub(super) fn one_less_than(&mut self, id: Id, armed: bool, turn: &mut Turn<'_>) {
        let State::Stopping { stage, then } = self.svc(id).state else { return };
        let live = self.svc(id).live;
        if live.any() {
            if stage == Stage::Kill && live.only_group() {
                self.arm(id, GROUP_PATIENCE, turn);
            }
            return;
        }
        if armed {
            turn.disarm(id);
        }
        match then {
            Then::Down => self.down(id, turn),
            Then::Ended { exit, ready } => self.ended(id, exit, ready, turn),
            Then::Flawed { ready } | Then::Leaving { ready } => self.flawed(id, ready, turn),
            Then::Fail => self.fail(id, 1, turn),
        }
    }

    /// Sends SIGKILL to all that is left of a service that is stopping.
    pub(super) fn kill(&mut self, id: Id, turn: &mut Turn<'_>) {
        let State::Stopping { then, .. } = self.svc(id).state else { return };
        let live = self.svc(id).live;
        self.set_state(id, State::Stopping { stage: Stage::Kill, then }, turn);
        for (alive, role) in
            [(live.main || live.group, Role::Main), (live.check, Role::Check), (live.stop, Role::Stop)]
        {
            if alive {
                turn.act(Action::Kill(Proc { id, role }));
            }
        }
        if live.only_group() {
            self.arm(id, GROUP_PATIENCE, turn);
        } else {
            turn.disarm(id);
        }
    }
}
