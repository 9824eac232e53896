//! Probes: looks at a service from outside, one at a time, while it is starting (readiness) and while it is ready (health).
//!
//! An attempt lives from [`Action::Probe`] to [`Event::Probed`](super::Event::Probed), whatever it is made of, and nothing
//! of the service is over while one lives. Its timer is the end of the patience with it, or the time of the next one; it is
//! not armed while an attempt that was given up is still being cleared away, so attempts never pile up.

use super::{Action, Core, Flaw, Millis, Notice, Starting, State, Timer, Turn, millis};
use crate::model::{Id, Service, Sign};

/// The patience with one attempt at readiness: the next one may fare better.
const ATTEMPT: Millis = 5_000;
/// The first attempts follow each other faster than `interval`: so soon, and twice that each time.
const FIRST: Millis = 5;

impl Core {
    pub(super) fn start_probe(&mut self, id: Id, turn: &mut Turn<'_>) {
        let patience = self.probe_patience(id);
        let svc = self.svc_mut(id);
        (svc.live.probe, svc.probe_dropped) = (true, false);
        turn.act(Action::Probe(id));
        turn.act(Action::Arm(Timer::Probe(id), patience));
    }

    /// It is ready: its health is looked at from now on.
    pub(super) fn begin_health(&mut self, id: Id, turn: &mut Turn<'_>) {
        self.svc_mut(id).misses = 0;
        let health = &self.plan.service(id).health;
        if health.probe.is_some() && !self.svc(id).live.probe {
            let first = millis(health.grace.unwrap_or(health.interval));
            turn.act(Action::Arm(Timer::Probe(id), first));
        }
    }

    pub(super) fn probe_timer(&mut self, id: Id, turn: &mut Turn<'_>) {
        if !self.needs_probe_timer(id) {
        } else if self.svc(id).live.probe {
            self.svc_mut(id).probe_dropped = true;
            turn.act(Action::Abandon(id));
            self.probe_failed(id, turn);
        } else {
            self.start_probe(id, turn);
        }
    }

    pub(super) fn probed(&mut self, id: Id, success: bool, turn: &mut Turn<'_>) {
        let svc = self.svc_mut(id);
        if !std::mem::replace(&mut svc.live.probe, false) {
            return;
        }
        let counts = !std::mem::replace(&mut svc.probe_dropped, false);
        match self.svc(id).state {
            State::Starting(Starting::Sign) if counts && success => {
                turn.act(Action::Disarm(Timer::Probe(id)));
                self.ready(id, turn);
            }
            State::Ready if counts && success => {
                let misses = std::mem::take(&mut self.svc_mut(id).misses);
                if misses >= self.plan.service(id).health.failures {
                    turn.say(Notice::Healthy(id));
                    self.svc_mut(id).flaw = None;
                }
            }
            State::Starting(_) | State::Ready if counts => self.probe_failed(id, turn),
            State::Stopping { .. } => self.one_less(id, turn),
            _ => {}
        }
        self.arm_next_probe(id, turn);
    }

    /// The time of the next one, unless there is none.
    fn arm_next_probe(&mut self, id: Id, turn: &mut Turn<'_>) {
        let svc = self.svc(id);
        if !self.needs_probe_timer(id) || svc.live.probe {
            return;
        }
        let service = self.plan.service(id);
        let pause = match svc.state {
            State::Ready => millis(service.health.interval),
            _ => millis(service.ready.interval).min(FIRST << svc.attempts.saturating_sub(1).min(20)),
        };
        turn.act(Action::Arm(Timer::Probe(id), pause.max(1)));
    }

    fn probe_failed(&mut self, id: Id, turn: &mut Turn<'_>) {
        let service = self.plan.service(id);
        if self.svc(id).state != State::Ready {
            let svc = self.svc_mut(id);
            svc.attempts = svc.attempts.saturating_add(1);
            return;
        }
        let (failures, on_failure) = (service.health.failures, service.health.on_failure);
        let before = self.svc(id).misses;
        let misses = before.saturating_add(1).min(failures);
        self.svc_mut(id).misses = misses;
        if misses < failures {
            turn.say(Notice::Unwell(id, misses));
        } else if before < failures {
            turn.say(Notice::Unhealthy(id, misses, on_failure));
            self.has_flaw(id, Flaw::Unhealthy, turn);
        }
    }

    /// Whatever it comes to, the probe that runs does not matter any more, and no other follows.
    pub(super) fn drop_probe(&mut self, id: Id, turn: &mut Turn<'_>) {
        if self.needs_probe_timer(id) {
            turn.act(Action::Disarm(Timer::Probe(id)));
        }
        let svc = self.svc_mut(id);
        if svc.live.probe && !std::mem::replace(&mut svc.probe_dropped, true) {
            turn.act(Action::Abandon(id));
        }
    }

    /// Another plan may look at the health of a service that goes on in another way.
    pub(super) fn health_changes(&mut self, id: Id, old: &Service, new: &Service, turn: &mut Turn<'_>) {
        if self.svc(id).state != State::Ready || old.health == new.health {
            return;
        }
        let svc = self.svc_mut(id);
        svc.misses = 0;
        svc.flaw = None;
        if svc.live.probe && !std::mem::replace(&mut svc.probe_dropped, true) {
            // The next one is by the new plan, when this one is cleared away.
            turn.act(Action::Abandon(id));
        }
        turn.act(Action::Disarm(Timer::Probe(id)));
        self.begin_health(id, turn);
    }

    /// How long an attempt may take now.
    #[must_use]
    pub fn probe_patience(&self, id: Id) -> Millis {
        let health = self.svc(id).state == State::Ready;
        if health { millis(self.plan.service(id).health.timeout) } else { ATTEMPT }
    }

    /// Whether it is being probed, and not just a probe of it cleared away: its timer is armed exactly then.
    #[must_use]
    pub fn needs_probe_timer(&self, id: Id) -> bool {
        let (svc, service) = (self.svc(id), self.plan.service(id));
        let probed = match svc.state {
            State::Starting(Starting::Sign) => matches!(service.ready.sign, Sign::Probe(_)),
            State::Ready => service.health.probe.is_some(),
            _ => false,
        };
        probed && !(svc.live.probe && svc.probe_dropped)
    }
}
