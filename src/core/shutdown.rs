//! The end of the container: why, in which steps, with which code.
//!
//! One budget `T` from the first request on. Services stop in order until `T - r`, with `r` the smaller of one second
//! and a quarter of `T`; then what is left of them is killed. When no service is left, every other process gets SIGTERM
//! and up to five seconds, but not beyond `T - r/2`; then SIGKILL. At `T` it is over, whoever is left. It is over earlier
//! the moment there is no child any more.

use super::{Action, Cause, Core, Millis, Notice, Phase, Stage, State, Sweep, Then, Timer, Turn, millis};
use crate::model::{Id, Kind};

/// How long processes that no service knows have between SIGTERM and SIGKILL, if the budget allows.
const STRAGGLER_GRACE: Millis = 5_000;

impl Core {
    fn budget(&self) -> Millis {
        millis(self.plan.settings.shutdown_timeout)
    }

    /// The part of the budget kept for what is left after the services.
    fn reserve(&self) -> Millis {
        (self.budget() / 4).min(1_000)
    }

    pub(super) fn begin_shutdown(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        if self.phase != Phase::Running {
            return;
        }
        let deadline = turn.now.saturating_add(self.budget());
        self.phase = Phase::Stopping { deadline };
        self.cause = Some(cause);
        // What comes down is the tree as it is.
        self.coming = None;
        for svc in &mut self.svc {
            svc.retiring = false;
        }
        turn.say(Notice::Shutdown(cause));
        turn.act(Action::Arm(Timer::Shutdown, self.budget() - self.reserve()));
        self.all_stale();
    }

    /// Asked to end again while ending: no more patience.
    pub(super) fn escalate(&mut self, turn: &mut Turn<'_>) {
        if matches!(self.phase, Phase::Stopping { .. } | Phase::Sweeping { .. }) {
            turn.say(Notice::Escalated);
            self.kill_services(turn);
            self.start_killing(turn);
        }
    }

    fn start_killing(&mut self, turn: &mut Turn<'_>) {
        self.phase = Phase::Killing;
        turn.act(Action::Sweep(Sweep::Kill));
        turn.act(Action::Arm(Timer::Shutdown, (self.reserve() / 2).max(1)));
    }

    fn start_sweeping(&mut self, deadline: Millis, turn: &mut Turn<'_>) {
        self.phase = Phase::Sweeping { deadline };
        turn.act(Action::Sweep(Sweep::Term));
        let left = deadline.saturating_sub(self.reserve() / 2).saturating_sub(turn.now);
        turn.act(Action::Arm(Timer::Shutdown, left.min(STRAGGLER_GRACE)));
    }

    /// Leaves every service that has a process stopping, killed.
    fn kill_services(&mut self, turn: &mut Turn<'_>) {
        for id in self.plan.ids() {
            let svc = self.svc(id);
            if !svc.live.any() || matches!(svc.state, State::Stopping { stage: Stage::Kill, .. }) {
                continue;
            }
            self.let_go(id, turn);
            self.set_state(id, State::Stopping { stage: Stage::Signal, then: Then::Down }, turn);
            self.kill(id, turn);
        }
    }

    pub(super) fn shutdown_timer(&mut self, turn: &mut Turn<'_>) {
        match self.phase {
            Phase::Running | Phase::Over => {}
            Phase::Stopping { deadline } => {
                turn.say(Notice::Overdue);
                self.kill_services(turn);
                self.start_sweeping(deadline, turn);
            }
            Phase::Sweeping { .. } => self.start_killing(turn),
            Phase::Killing => self.exit(turn),
        }
    }

    pub(super) fn no_children(&mut self, turn: &mut Turn<'_>) {
        if matches!(self.phase, Phase::Sweeping { .. } | Phase::Killing) {
            turn.act(Action::Disarm(Timer::Shutdown));
            self.exit(turn);
        }
    }

    fn exit(&mut self, turn: &mut Turn<'_>) {
        self.phase = Phase::Over;
        self.reply(true, turn);
        turn.act(Action::Exit(self.exit_code()));
    }

    /// After everything has settled: whether the tree as a whole has come to an end of something.
    pub(super) fn conclude(&mut self, turn: &mut Turn<'_>) -> bool {
        match self.phase {
            Phase::Running if self.coming.is_none() && self.finished() => {
                self.begin_shutdown(Cause::Finished, turn)
            }
            Phase::Stopping { deadline } if !self.svc.iter().any(|s| s.live.any()) => {
                self.start_sweeping(deadline, turn)
            }
            _ => return false,
        }
        true
    }

    /// Nothing runs, nothing is to come, and nobody keeps something down by hand who may start it again.
    fn finished(&self) -> bool {
        let at_rest = |id: Id| {
            let svc = self.svc(id);
            !svc.live.any()
                && match svc.state {
                    State::Done | State::Failed | State::Blocked(_) | State::Skipped => true,
                    State::Ready => self.plan.service(id).kind == Kind::Target,
                    State::Inactive => !svc.target && !svc.held,
                    _ => false,
                }
        };
        self.plan.ids().all(at_rest)
    }

    /// The main service ended well, or its failure does not count as one.
    pub(super) fn main_is_over(&mut self, id: Id, code: u8, turn: &mut Turn<'_>) {
        if self.plan.service(id).main {
            self.begin_shutdown(Cause::Main(id, code), turn);
        }
    }

    pub(super) fn failed_for_good(&mut self, id: Id, code: u8, turn: &mut Turn<'_>) {
        let service = self.plan.service(id);
        if service.main {
            self.begin_shutdown(Cause::Main(id, code), turn);
        } else if service.essential {
            self.begin_shutdown(Cause::Failed(id, code), turn);
        }
    }

    pub(super) fn blocked_for_good(&mut self, id: Id, by: Id, turn: &mut Turn<'_>) {
        let mut root = by;
        while let State::Blocked(by) = self.svc(root).state {
            root = by;
        }
        let code = if self.svc(root).state == State::Failed { self.svc(root).fail_code } else { 1 };
        self.svc_mut(id).fail_code = code;
        let service = self.plan.service(id);
        if service.main || service.essential {
            self.begin_shutdown(Cause::Blocked(id, by, code), turn);
        }
    }

    /// The exit code of the container, by SPEC section 5.
    fn exit_code(&self) -> u8 {
        match self.cause {
            Some(Cause::Asked(Some(code)) | Cause::Main(_, code)) => code,
            Some(Cause::Failed(_, code) | Cause::Blocked(_, _, code)) => code.max(1),
            Some(Cause::Unhealthy(_)) => 1,
            Some(Cause::Asked(None)) => {
                let main = self.plan.ids().find(|id| self.plan.service(*id).main);
                main.and_then(|id| self.svc(id).last_exit).map_or(0, crate::model::Exit::shell_code)
            }
            Some(Cause::Finished) => {
                // Only services that are not essential can have failed.
                self.svc.iter().find(|s| s.state == State::Failed).map_or(0, |s| s.fail_code)
            }
            None => 0,
        }
    }
}
