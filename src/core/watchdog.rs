//! Services that say themselves that they are alive: the watchdog of sd_notify(3).

use super::{Action, Core, Flaw, Millis, Notice, Starting, State, Timer, Turn};
use crate::model::Id;

impl Core {
    pub(super) fn begin_watchdog(&mut self, id: Id, turn: &mut Turn<'_>) {
        if self.needs_watchdog(id)
            && let Some(interval) = self.svc(id).watchdog
        {
            turn.act(Action::Arm(Timer::Watchdog(id), interval));
        }
    }

    pub(super) fn alive(&mut self, id: Id, turn: &mut Turn<'_>) {
        let health = &self.plan.service(id).health;
        // A probe that fails is not outweighed by what it says itself.
        let probed = health.probe.is_some() && self.svc(id).misses >= health.failures;
        if self.svc(id).state == State::Ready && !probed {
            self.svc_mut(id).flaw = None;
        }
        self.begin_watchdog(id, turn);
    }

    /// It wants to be watched like this until it is started anew.
    pub(super) fn watch(&mut self, id: Id, interval: Millis, turn: &mut Turn<'_>) {
        if !matches!(self.svc(id).state, State::Starting(_) | State::Ready) {
            return;
        }
        if self.needs_watchdog(id) {
            turn.act(Action::Disarm(Timer::Watchdog(id)));
        }
        self.svc_mut(id).watchdog = (interval > 0).then_some(interval);
        self.begin_watchdog(id, turn);
    }

    pub(super) fn watchdog_timer(&mut self, id: Id, turn: &mut Turn<'_>) {
        if self.needs_watchdog(id) {
            turn.say(Notice::Watchdog { id, hung: false });
            self.has_flaw(id, Flaw::Silent, turn);
        }
    }

    pub(super) fn hung(&mut self, id: Id, turn: &mut Turn<'_>) {
        if matches!(self.svc(id).state, State::Ready | State::Starting(Starting::Sign)) {
            turn.say(Notice::Watchdog { id, hung: true });
            self.has_flaw(id, Flaw::Hung, turn);
        }
    }

    /// Whether it has to say that it is alive: its timer is armed exactly then.
    #[must_use]
    pub fn needs_watchdog(&self, id: Id) -> bool {
        let svc = self.svc(id);
        svc.state == State::Ready && svc.watchdog.is_some()
    }
}
