//! Probes: looks at services from outside, for the core.

use super::shell::Shell;
use crate::core::{Event, State};
use crate::model::{Id, Probe, Sign};

impl Shell {
    /// What a service is to be looked at with now.
    fn current_probe(&self, id: Id) -> Option<&Probe> {
        let service = self.plan.service(id);
        match (self.core.svc(id).state, &service.ready.sign) {
            (State::Ready, _) => service.health.probe.as_ref(),
            (_, Sign::Probe(probe)) => Some(probe),
            _ => None,
        }
    }

    /// Looks at it once; the answer is an [`Event::Probed`].
    pub(super) fn probe(&mut self, id: Id) {
        self.facts.push_back(Event::Probed(id, false));
    }

    /// Gives the look up; it is answered all the same.
    pub(super) fn abandon(&mut self, id: Id) {
        self.facts.push_back(Event::Probed(id, false));
    }

    pub(super) fn probe_command(&self, id: Id) -> Option<&Vec<String>> {
        match self.current_probe(id) {
            Some(Probe::Exec(argv)) => Some(argv),
            _ => None,
        }
    }

    /// What the last probe heard, for people.
    pub(super) fn last_answer(&self, _id: Id) -> Option<String> {
        None
    }
}
