//! How one service takes an event.

use super::restart::{Verdict, delay, retry, verdict, verdict_failed};
use super::{
    Action, Core, Fault, Flaw, Next, Notice, Proc, Role, Stage, Starting, State, Then, Timer, Turn, millis,
};
use crate::model::{Exit, Id, Kind, Sign};
use std::time::Duration;

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

    pub(super) fn arm(&mut self, id: Id, after: Duration, turn: &mut Turn<'_>) {
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
        } else if self.plan.service(id).waits_for_trigger() && !self.svc(id).demanded {
            self.await_trigger(id, turn);
        } else {
            self.await_next_run(id, turn);
            let watchdog = self.plan.service(id).health.watchdog.map(millis);
            let svc = self.svc_mut(id);
            svc.live.main = true;
            (svc.demanded, svc.run_failed, svc.watchdog) = (false, false, watchdog);
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
        if !hold {
            self.forget(id, turn);
        }
        self.set_state(id, if hold { State::Inactive } else { State::Skipped }, turn);
    }

    pub(super) fn spawned(&mut self, proc: Proc, turn: &mut Turn<'_>) {
        let id = proc.id;
        if proc.role != Role::Main || self.svc(id).state != State::Starting(Starting::Exec) {
            return;
        }
        self.svc_mut(id).stillborn = false;
        let service = self.plan.service(id);
        match (service.kind, &service.ready.sign) {
            (Kind::Oneshot, _) => self.set_state(id, State::Starting(Starting::Run), turn),
            (_, Sign::Exec) => self.ready(id, turn),
            (_, Sign::Delay(delay)) => {
                let delay = *delay;
                self.set_state(id, State::Starting(Starting::Delay), turn);
                self.arm(id, delay, turn);
            }
            (_, sign) => {
                let (timeout, probed) = (service.ready.timeout, matches!(sign, Sign::Probe(_)));
                self.set_state(id, State::Starting(Starting::Sign), turn);
                self.arm(id, timeout, turn);
                if probed {
                    self.svc_mut(id).attempts = 0;
                    self.start_probe(id, turn);
                }
            }
        }
    }

    /// It gave its sign.
    pub(super) fn said_ready(&mut self, id: Id, turn: &mut Turn<'_>) {
        let probed = matches!(self.plan.service(id).ready.sign, Sign::Probe(_));
        if self.svc(id).state == State::Starting(Starting::Sign) && !probed {
            self.ready(id, turn);
        } else {
            self.said_reloaded(id, turn);
        }
    }

    pub(super) fn ready(&mut self, id: Id, turn: &mut Turn<'_>) {
        self.let_go(id, turn);
        self.set_state(id, State::Ready, turn);
        self.svc_mut(id).flaw = None;
        if self.svc(id).failures > 0 {
            self.arm(id, self.plan.service(id).restart.reset_after, turn);
        }
        self.begin_health(id, turn);
        self.begin_watchdog(id, turn);
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
            Role::Probe => {}
        }
    }

    /// A start that came to no process.
    fn unborn(&mut self, id: Id, fault: Fault, turn: &mut Turn<'_>) {
        let failures = self.svc(id).failures.saturating_add(1);
        let svc = self.svc_mut(id);
        (svc.failures, svc.stillborn) = (failures, true);
        let restart = &self.plan.service(id).restart;
        let verdict = if fault.temporary { retry(restart, false, failures) } else { Verdict::Failed };
        let next = self.next(id, verdict, failures, false);
        turn.say(Notice::NotStarted { id, next });
        self.svc_mut(id).run_failed = true;
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
                    State::Starting(_) | State::Ready => {
                        self.main_ended(id, exit, leftover, state == State::Ready, turn);
                    }
                    State::Stopping { then: Then::Leaving { ready }, .. } => {
                        self.main_ended(id, exit, leftover, ready, turn);
                    }
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
            Role::Probe => {}
        }
    }

    /// The main process ended though nobody stopped it.
    fn main_ended(&mut self, id: Id, exit: Exit, leftover: bool, ready: bool, turn: &mut Turn<'_>) {
        self.let_go(id, turn);
        self.svc_mut(id).flaw = None;
        let service = self.plan.service(id);
        let success = service.restart.success.iter().any(|m| m.matches(exit));
        // What a successful oneshot leaves running is its work (a legacy start script); any other rest would be in the
        // way of the next start (workers that hold the port).
        if leftover && !(service.kind == Kind::Oneshot && success) {
            let timeout = service.stop.timeout;
            self.svc_mut(id).live.group = true;
            let then = Then::Ended { exit, ready };
            turn.say(Notice::Leftover { id, exit });
            self.set_state(id, State::Stopping { stage: Stage::Signal, then }, turn);
            turn.act(Action::Stop(id));
            self.arm(id, timeout, turn);
        } else if self.svc(id).live.any() {
            let then = Then::Ended { exit, ready };
            self.set_state(id, State::Stopping { stage: Stage::Kill, then }, turn);
        } else {
            self.ended(id, exit, ready, turn);
        }
    }

    pub(super) fn ended(&mut self, id: Id, exit: Exit, ready: bool, turn: &mut Turn<'_>) {
        let failures = self.svc(id).failures.saturating_add(1);
        let service = self.plan.service(id);
        let verdict = verdict(&service.restart, service.kind, exit, ready, failures);
        let svc = self.svc_mut(id);
        svc.run_failed = verdict != Verdict::Done;
        svc.failures = if svc.run_failed { failures } else { 0 };
        let next = self.next(id, verdict, failures, ready);
        turn.say(Notice::Ended { id, exit, next });
        self.follow(id, next, exit.shell_code(), turn);
    }

    /// It was taken down for a flaw, and is down.
    pub(super) fn flawed(&mut self, id: Id, ready: bool, turn: &mut Turn<'_>) {
        let failures = self.svc(id).failures.saturating_add(1);
        let svc = self.svc_mut(id);
        (svc.failures, svc.run_failed) = (failures, true);
        let verdict = verdict_failed(&self.plan.service(id).restart, ready, failures);
        let next = self.next(id, verdict, failures, ready);
        turn.say(Notice::TakenDown { id, next });
        self.follow(id, next, 1, turn);
    }

    fn next(&self, id: Id, verdict: Verdict, failures: u32, ready: bool) -> Next {
        let rests = match verdict {
            Verdict::Done => self.plan.service(id).waits_for_trigger(),
            Verdict::Failed | Verdict::GaveUp => self.run_may_fail(id),
            Verdict::Now | Verdict::Later => false,
        };
        match verdict {
            _ if self.svc(id).retiring => Next::Retires,
            _ if rests => Next::Rest,
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
            Next::Restart => {
                self.comes_again(id);
                self.set_state(id, State::Inactive, turn);
            }
            Next::RestartIn(delay, _) => {
                self.comes_again(id);
                self.set_state(id, State::Backoff, turn);
                self.arm(id, Duration::from_millis(delay), turn);
            }
            Next::Done => {
                self.set_state(id, State::Done, turn);
                self.main_is_over(id, code, turn);
            }
            Next::Rest => self.rest(id, turn),
            Next::Failed | Next::GaveUp(_) => self.fail(id, code, turn),
            Next::Retires => self.down(id, turn),
        }
    }

    pub(super) fn fail(&mut self, id: Id, code: u8, turn: &mut Turn<'_>) {
        if self.svc(id).retiring {
            return self.down(id, turn);
        }
        self.forget(id, turn);
        let code = code.max(1);
        self.svc_mut(id).fail_code = code;
        self.set_state(id, State::Failed, turn);
        self.failed_for_good(id, code, turn);
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
            State::Starting(Starting::Sign) => {
                turn.say(Notice::Unready(id));
                self.has_flaw(id, Flaw::Unready, turn);
            }
            State::Ready => self.svc_mut(id).failures = 0,
            State::Backoff => self.set_state(id, State::Inactive, turn),
            State::Stopping { stage: Stage::Kill, .. } => {
                self.svc_mut(id).live.group = false;
                self.one_less_than(id, false, turn);
            }
            State::Stopping { stage: Stage::Input, then } => self.input_was_no_reason(id, then, turn),
            State::Stopping { .. } => {
                turn.say(Notice::Late(id));
                self.kill(id, turn);
            }
            _ => {}
        }
    }
}
