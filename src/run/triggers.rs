//! What services wait for before they start: connections, and times.

use super::shell::Shell;
use crate::model::Id;

impl Shell {
    pub(super) fn await_trigger(&mut self, id: Id) {
        if self.plan.service(id).schedule.is_some() {
            return self.await_schedule(id);
        }
        tracing::debug!("{}: waits", self.name(id));
    }

    pub(super) fn forget_trigger(&mut self, id: Id) {
        if self.forget_schedule(id) {
            return;
        }
        tracing::debug!("{}: waits no more", self.name(id));
    }
}
