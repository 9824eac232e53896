//! What services wait for before they start: connections, and times.

use super::shell::Shell;
use crate::model::Id;

impl Shell {
    pub(super) fn await_trigger(&mut self, id: Id) {
        if self.plan.service(id).on_demand {
            self.await_connection(id);
        }
    }

    pub(super) fn forget_trigger(&mut self, id: Id) {
        self.await_no_connection(id);
    }
}
