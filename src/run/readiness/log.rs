//! Ready when a line of the output matches.

use crate::core::{Proc, Role};
use crate::model::Id;
use crate::run::shell::Shell;
use regex_lite::Regex;

impl Shell {
    pub(super) fn expect_line(&mut self, id: Id, regex: &str) {
        match Regex::new(regex) {
            Ok(regex) => self.output.seek(id, regex),
            // The configuration does not let that happen.
            Err(error) => tracing::warn!("{}: cannot match its output: {error}", self.name(id)),
        }
    }

    pub(super) fn expect_no_line(&mut self, id: Id) {
        self.output.seek_no_more(id);
    }

    /// Tells the core which services wrote their line. True if any did.
    pub(in crate::run) fn take_lines_found(&mut self) -> bool {
        let found = self.output.found();
        for id in &found {
            // Who has written runs its program, and the core has to hear that first.
            if let Some(pid) = self.procs.pid(Proc { id: *id, role: Role::Main }) {
                self.report(pid);
            }
            self.sign_came(*id);
        }
        !found.is_empty()
    }
}
