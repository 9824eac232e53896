//! Services that others write to: their input, and where that goes while there is none.

use super::shell::Shell;
use crate::core::{Phase, StateName};
use crate::model::Id;

impl Shell {
    /// What has been written to a logger goes to it, and then the end of file.
    pub(super) fn end_input(&mut self, id: Id) {
        tracing::debug!("{}: its input ends", self.name(id));
        self.output.end_input(id);
    }

    /// A logger that is down and does not come up by itself leaves its lines to the console.
    pub(super) fn divert_from(&mut self, id: Id, state: StateName) {
        let service = self.plan.service(id);
        let is_down = match state {
            StateName::Inactive
            | StateName::Done
            | StateName::Failed
            | StateName::Blocked
            | StateName::Skipped => true,
            StateName::Waiting => service.waits_for_trigger(),
            StateName::Starting | StateName::Ready | StateName::Stopping | StateName::Backoff => false,
        };
        if service.logger && is_down && self.output.divert(id) && self.core.phase() == Phase::Running {
            let name = self.name(id);
            tracing::warn!(
                "{name}: it is {state}; what is meant for it goes to the console until it is started"
            );
        }
    }

    /// Another plan is in force: who writes to whom may be another matter.
    pub(super) fn divert_from_all(&mut self) {
        for id in self.plan.ids() {
            if !self.plan.service(id).is_tombstone() {
                self.divert_from(id, self.core.state_name(id));
            }
        }
    }
}
