//! What services wait for before they start: connections, and times.

use super::shell::Shell;
use crate::model::Id;

impl Shell {
    pub(super) fn await_trigger(&mut self, id: Id) {
        let service = self.plan.service(id);
        if service.schedule.is_some() {
            self.await_schedule(id);
        } else if service.on_demand {
            self.await_connection(id);
        }
    }

    pub(super) fn forget_trigger(&mut self, id: Id) {
        self.forget_schedule(id);
        self.await_no_connection(id);
    }
}
