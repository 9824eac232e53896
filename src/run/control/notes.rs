//! What happens, as it happens: told to those who listen, and kept for who asks later.

use super::super::report;
use super::super::shell::Shell;
use crate::control::api::Event;
use crate::core::{Notice, State};
use crate::model::{Exit, Id, Plan};

impl Shell {
    /// Tells those who listen, and keeps what is asked for later.
    pub(in crate::run) fn take_note(&mut self, notice: Notice, fault: Option<&str>) {
        if let Notice::State(id, state) = notice {
            let now = self.running();
            self.history.state(id, state, now);
        }
        if !self.control.feed.is_heard() {
            return;
        }
        let time = self.wall().at(self.running());
        let event = match notice {
            Notice::State(id, state) => {
                let reason = if self.core.state_name(id) == state { self.reason(id) } else { None };
                Event::State { time, service: self.name(id).to_owned(), state: state.to_string(), reason }
            }
            Notice::Shutdown(_) | Notice::Escalated | Notice::Overdue => {
                Event::Shutdown { time, reason: report::words(&self.core, &self.plan, notice, fault) }
            }
            // What the reload of a service came to, who asked for it is told.
            Notice::Reloaded(_) | Notice::ReloadFailed { .. } => return,
            _ => {
                let Some(id) = report::about(notice) else { return };
                Event::Exit {
                    time,
                    service: self.name(id).to_owned(),
                    text: report::words(&self.core, &self.plan, notice, fault),
                }
            }
        };
        let id = report::about(notice);
        let name = id.map(|id| self.plan.service(id).name.as_str());
        self.control.feed.record(name, &event);
    }

    /// A new plan is in force.
    pub(in crate::run) fn note_replaced(&mut self, former: &Plan) {
        let name = |plan: &Plan, id: Id| plan.services.get(id.index()).map(|service| service.name.clone());
        let other = self.plan.ids().filter(|id| name(former, *id) != name(&self.plan, *id));
        self.history.replaced(self.plan.services.len(), other);
        if self.control.feed.is_heard() {
            let time = self.wall().at(self.running());
            self.control.feed.record(None, &Event::Applied { time });
        }
    }

    /// A main process has ended.
    pub(in crate::run) fn note_end(&mut self, id: Id, exit: Exit) {
        let now = self.running();
        self.history.ended(id, exit, now);
        // What ends by itself, the core tells of, with what follows.
        if matches!(self.core.svc(id).state, State::Stopping { .. }) && self.control.feed.is_heard() {
            let (time, service) = (self.wall().at(now), self.name(id).to_owned());
            let event = Event::Exit { time, service, text: report::ended(exit) };
            self.control.feed.record(Some(&self.plan.service(id).name), &event);
        }
    }
}
