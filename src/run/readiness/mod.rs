//! Signs of readiness that nobody has to ask for: a newline, a file, a line of output. The latter two are waited for from
//! the moment before the process is made until the service is not starting any more.

mod fd;
mod file;
mod log;

pub(super) use fd::Newlines;
pub(super) use file::Files;

use super::shell::Shell;
use crate::core::{Event, StateName};
use crate::model::{Id, Sign};

impl Shell {
    /// Its main process is about to be made.
    pub(super) fn expect_sign(&mut self, id: Id) {
        match &self.plan.service(id).ready.sign {
            Sign::File(path) => {
                let path = path.clone();
                self.expect_file(id, path.into());
            }
            Sign::Log(regex) => {
                let regex = regex.clone();
                self.expect_line(id, &regex);
            }
            Sign::Exec | Sign::Delay(_) | Sign::Notify | Sign::Fd(_) | Sign::Probe(_) => {}
        }
    }

    /// Its main process runs its program, which the core has been told.
    pub(super) fn sign_may_come(&mut self, id: Id) {
        self.file_may_come(id);
    }

    /// It is in another state.
    pub(super) fn state_is(&mut self, id: Id, state: StateName) {
        if state != StateName::Starting {
            self.expect_no_file(id);
            self.expect_no_line(id);
        }
    }

    fn sign_came(&mut self, id: Id) {
        self.facts.push_back(Event::Ready(id));
    }

    /// What a service that is not ready did not do.
    pub(super) fn missing_sign(&self, id: Id) -> Option<String> {
        match &self.plan.service(id).ready.sign {
            Sign::Notify => Some(match self.status_text(id) {
                Some(status) => format!("it did not say READY=1, but: {status}"),
                None => "it did not say READY=1".to_owned(),
            }),
            Sign::Fd(number) => Some(self.missing_newline(id, *number)),
            Sign::File(path) => Some(self.missing_file(id, path)),
            Sign::Log(regex) => Some(format!("no line matched {regex}")),
            Sign::Probe(_) => Some("no answer".to_owned()),
            Sign::Exec | Sign::Delay(_) => None,
        }
    }
}
