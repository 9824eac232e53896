//! How one service takes an event.

use super::restart::{Verdict, delay, verdict, verdict_unborn};
use super::{
    Action, Core, Fault, Next, Notice, Proc, Role, Stage, Starting, State, Then, Timer, Turn, millis,
};
use crate::model::{Exit, Id, Kind, Ready};
use std::time::Duration;

/// How long the members of a killed group have to vanish before they are given up: a zombie whose parent does not reap
/// it keeps its group for ever, and no signal changes that.
const GROUP_PATIENCE: Duration = Duration::from_secs(1);

impl Core {
    pub(super) fn set_state(&mut self, id: Id, state: State, turn: &mut Turn<'_>) {
        let svc = self.svc_mut(id);
        if svc.state == state {
            return;
        }
        svc.state = state;
        svc.since = turn.now;
        // However it came down, a restart has nothing left to take down.
        if !self.standing(id) {
            self.svc_mut(id).again = false;
        }
        self.tell(id, turn);
        self.touch(id);
    }

    /// Announces its state, if it is not what was last told.
    pub(super) fn tell(&mut self, id: Id, turn: &mut Turn<'_>) {
        let name = self.state_name(id);
        if std::mem::replace(&mut self.svc_mut(id).told, name) != name {
            turn.say(Notice::State(id, name));
        }
    }

    fn arm(&mut self, id: Id, after: Duration, turn: &mut Turn<'_>) {
        let after = millis(after);
        self.svc_mut(id).due = Some(turn.now.saturating_add(after));
        turn.act(Action::Arm(Timer::Service(id), after));
    }

    /// Takes a service that is inactive the first step up.
    pub(super) fn begin(&mut self, id: Id, turn: &mut Turn<'_>) {
        let service = self.plan.service(id);
        let (kind, conditions) = (service.kind, !service.when.is_empty());
        if conditions && !self.svc(id).checked {
            self.set_state(id, State::Checking { command: false }, turn);
            turn.act(Action::Check(id));
        } else if kind == Kind::Target {
            self.set_state(id, State::Ready, turn);
        } else {
            let svc = self.svc_mut(id);
            svc.live.main = true;
            svc.restarts += u32::from(std::mem::replace(&mut svc.started, true));
            self.set_state(id, State::Starting(Starting::Exec), turn);
            turn.act(Action::Spawn(Proc { id, role: Role::Main }));
        }
    }

    pub(super) fn checked(&mut self, id: Id, holds: bool, turn: &mut Turn<'_>) {
        if self.svc(id).state != (State::Checking { command: false }) {
            return;
        }
        let when = &self.plan.service(id).when;
        let (command, timeout) = (when.command.is_some(), when.timeout);
        if self.svc(id).doomed {
            // It was asked to come down in the same step in which it asked.
            self.down(id, turn);
        } else if holds && command {
            self.svc_mut(id).live.check = true;
            self.set_state(id, State::Checking { command: true }, turn);
            turn.act(Action::Spawn(Proc { id, role: Role::Check }));
            self.arm(id, timeout, turn);
        } else {
            self.conditions_are(id, holds, turn);
        }
    }

    fn conditions_are(&mut self, id: Id, hold: bool, turn: &mut Turn<'_>) {
        self.svc_mut(id).checked = hold;
        self.set_state(id, if hold { State::Inactive } else { State::Skipped }, turn);
    }

    pub(super) fn spawned(&mut self, proc: Proc, turn: &mut Turn<'_>) {
        let id = proc.id;
        if proc.role != Role::Main || self.svc(id).state != State::Starting(Starting::Exec) {
            return;
        }
        self.svc_mut(id).stillborn = false;
        let service = self.plan.service(id);
        match (service.kind, &service.ready) {
            (Kind::Oneshot, _) => self.set_state(id, State::Starting(Starting::Run), turn),
            (_, Ready::Delay(delay)) => {
                let delay = *delay;
                self.set_state(id, State::Starting(Starting::Delay), turn);
                self.arm(id, delay, turn);
            }
            (_, Ready::Exec) => self.ready(id, turn),
        }
    }

    fn ready(&mut self, id: Id, turn: &mut Turn<'_>) {
        self.set_state(id, State::Ready, turn);
        if self.svc(id).failures > 0 {
            self.arm(id, self.plan.service(id).restart.reset_after, turn);
        }
    }

    pub(super) fn spawn_failed(&mut self, proc: Proc, fault: Fault, turn: &mut Turn<'_>) {
        let id = proc.id;
        let state = self.svc(id).state;
        match proc.role {
            Role::Main => {
                self.svc_mut(id).live.main = false;
                match state {
                    State::Starting(_) => self.unborn(id, fault, turn),
                    State::Stopping { .. } => self.one_less(id, turn),
                    _ => {}
                }
            }
            Role::Check => {
                self.svc_mut(id).live.check = false;
                match state {
                    State::Checking { command: true } => {
                        turn.disarm(id);
                        self.svc_mut(id).stillborn = true;
                        turn.say(Notice::CheckFailed { id, late: false });
                        self.fail(id, fault.code, turn);
                    }
                    State::Stopping { .. } => self.one_less(id, turn),
                    _ => {}
                }
            }
            Role::Stop => self.stop_command_over(id, turn),
            Role::Reload => self.reload_over(id, Err(fault), turn),
        }
    }

    /// A start that came to no process.
    fn unborn(&mut self, id: Id, fault: Fault, turn: &mut Turn<'_>) {
        let failures = self.svc(id).failures.saturating_add(1);
        let svc = self.svc_mut(id);
        (svc.failures, svc.stillborn) = (failures, true);
        let restart = &self.plan.service(id).restart;
        let verdict = if fault.temporary { verdict_unborn(restart, failures) } else { Verdict::Failed };
        let next = self.next(id, verdict, failures, false);
        turn.say(Notice::NotStarted { id, next });
        self.follow(id, next, fault.code, turn);
    }

    pub(super) fn exited(&mut self, proc: Proc, exit: Exit, leftover: bool, turn: &mut Turn<'_>) {
        let id = proc.id;
        let state = self.svc(id).state;
        match proc.role {
            Role::Main => {
                let svc = self.svc_mut(id);
                svc.live.main = false;
                (svc.last_exit, svc.stillborn) = (Some(exit), false);
                match state {
                    State::Starting(_) | State::Ready => self.main_ended(id, exit, leftover, turn),
                    State::Stopping { .. } => {
                        self.svc_mut(id).live.group = leftover;
                        self.one_less(id, turn);
                    }
                    _ => {}
                }
            }
            Role::Check => {
                self.svc_mut(id).live.check = false;
                match state {
                    State::Checking { command: true } => {
                        turn.disarm(id);
                        self.conditions_are(id, exit == Exit::Code(0), turn);
                    }
                    State::Stopping { .. } => self.one_less(id, turn),
                    _ => {}
                }
            }
            Role::Stop => self.stop_command_over(id, turn),
            Role::Reload => self.reload_over(id, Ok(exit), turn),
        }
    }

    /// The main process ended though nobody stopped it.
    fn main_ended(&mut self, id: Id, exit: Exit, leftover: bool, turn: &mut Turn<'_>) {
        if self.needs_timer(id) {
            turn.disarm(id);
        }
        let service = self.plan.service(id);
        let ready = self.svc(id).state == State::Ready;
        let success = service.restart.success.iter().any(|m| m.matches(exit));
        // What a successful oneshot leaves running is its work (a legacy start script); any other rest would be in the
        // way of the next start (workers that hold the port).
        if leftover && !(service.kind == Kind::Oneshot && success) {
            let timeout = service.stop.timeout;
            self.svc_mut(id).live.group = true;
            let then = Then::Ended { exit, ready };
            turn.say(Notice::Leftover { id, exit });
            self.set_state(id, State::Stopping { stage: Stage::Signal, then }, turn);
            self.drop_reload(id, turn);
            turn.act(Action::Stop(id));
            self.arm(id, timeout, turn);
        } else if self.svc(id).live.reload {
            self.set_state(
                id,
                State::Stopping { stage: Stage::Kill, then: Then::Ended { exit, ready } },
                turn,
            );
            self.drop_reload(id, turn);
        } else {
            self.ended(id, exit, ready, turn);
        }
    }

    fn ended(&mut self, id: Id, exit: Exit, ready: bool, turn: &mut Turn<'_>) {
        let failures = self.svc(id).failures.saturating_add(1);
        let service = self.plan.service(id);
        let verdict = verdict(&service.restart, service.kind, exit, ready, failures);
        self.svc_mut(id).failures = if verdict == Verdict::Done { 0 } else { failures };
        let next = self.next(id, verdict, failures, ready);
        turn.say(Notice::Ended { id, exit, next });
        self.follow(id, next, exit.shell_code(), turn);
    }

    fn next(&self, id: Id, verdict: Verdict, failures: u32, ready: bool) -> Next {
        match verdict {
            _ if self.svc(id).retiring => Next::Retires,
            Verdict::Now => Next::Restart,
            Verdict::Later => {
                let delay = delay(&self.plan.service(id).restart, id, failures, ready, self.seed);
                Next::RestartIn(delay, failures.saturating_add(1))
            }
            Verdict::Done => Next::Done,
            Verdict::Failed => Next::Failed,
            Verdict::GaveUp => Next::GaveUp(failures),
        }
    }

    fn follow(&mut self, id: Id, next: Next, code: u8, turn: &mut Turn<'_>) {
        match next {
            Next::Restart => self.set_state(id, State::Inactive, turn),
            Next::RestartIn(delay, _) => {
                self.set_state(id, State::Backoff, turn);
                self.arm(id, Duration::from_millis(delay), turn);
            }
            Next::Done => {
                self.set_state(id, State::Done, turn);
                self.main_is_over(id, code, turn);
            }
            Next::Failed | Next::GaveUp(_) => self.fail(id, code, turn),
            Next::Retires => self.down(id, turn),
        }
    }

    fn fail(&mut self, id: Id, code: u8, turn: &mut Turn<'_>) {
        if self.svc(id).retiring {
            return self.down(id, turn);
        }
        let code = code.max(1);
        self.svc_mut(id).fail_code = code;
        self.set_state(id, State::Failed, turn);
        self.failed_for_good(id, code, turn);
    }

    /// Starts to take a service down that is checking, starting or ready.
    pub(super) fn take_down(&mut self, id: Id, turn: &mut Turn<'_>) {
        let svc = self.svc(id);
        let (state, live) = (svc.state, svc.live);
        if self.needs_timer(id) {
            turn.disarm(id);
        }
        if !live.any() {
            self.down(id, turn);
            return;
        }
        let stop = &self.plan.service(id).stop;
        let (command, timeout) = (stop.command.is_some(), stop.timeout);
        let stage = match state {
            State::Checking { .. } => Stage::Kill,
            // Before exec there is nobody who would understand the command.
            State::Starting(Starting::Exec) => Stage::Signal,
            _ if command => Stage::Command,
            _ => Stage::Signal,
        };
        self.set_state(id, State::Stopping { stage, then: Then::Down }, turn);
        self.drop_reload(id, turn);
        match stage {
            Stage::Kill => turn.act(Action::Kill(Proc { id, role: Role::Check })),
            Stage::Command => {
                self.svc_mut(id).live.stop = true;
                turn.act(Action::Spawn(Proc { id, role: Role::Stop }));
                self.arm(id, timeout, turn);
            }
            Stage::Signal => {
                turn.act(Action::Stop(id));
                self.arm(id, timeout, turn);
            }
        }
    }

    fn down(&mut self, id: Id, turn: &mut Turn<'_>) {
        let svc = self.svc_mut(id);
        svc.checked = false;
        svc.failures = 0;
        self.set_state(id, State::Inactive, turn);
    }

    fn stop_command_over(&mut self, id: Id, turn: &mut Turn<'_>) {
        self.svc_mut(id).live.stop = false;
        let State::Stopping { stage, then } = self.svc(id).state else { return };
        let live = self.svc(id).live;
        if stage == Stage::Command && live.any() {
            self.set_state(id, State::Stopping { stage: Stage::Signal, then }, turn);
            // A reload command that is left has got SIGKILL already.
            if live.main || live.group {
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

    fn one_less_than(&mut self, id: Id, armed: bool, turn: &mut Turn<'_>) {
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
            Then::Fail => self.fail(id, 1, turn),
        }
    }

    /// Sends SIGKILL to all that is left of a service that is stopping.
    pub(super) fn kill(&mut self, id: Id, turn: &mut Turn<'_>) {
        let State::Stopping { then, .. } = self.svc(id).state else { return };
        let live = self.svc(id).live;
        self.set_state(id, State::Stopping { stage: Stage::Kill, then }, turn);
        self.drop_reload(id, turn);
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

    pub(super) fn service_timer(&mut self, id: Id, turn: &mut Turn<'_>) {
        match self.svc(id).state {
            State::Checking { command: true } => {
                self.svc_mut(id).stillborn = true;
                turn.say(Notice::CheckFailed { id, late: true });
                self.set_state(id, State::Stopping { stage: Stage::Kill, then: Then::Fail }, turn);
                turn.act(Action::Kill(Proc { id, role: Role::Check }));
            }
            State::Starting(Starting::Delay) => self.ready(id, turn),
            State::Ready => self.svc_mut(id).failures = 0,
            State::Backoff => self.set_state(id, State::Inactive, turn),
            State::Stopping { stage: Stage::Kill, .. } => {
                self.svc_mut(id).live.group = false;
                self.one_less_than(id, false, turn);
            }
            State::Stopping { .. } => {
                turn.say(Notice::Late(id));
                self.kill(id, turn);
            }
            _ => {}
        }
    }
}
