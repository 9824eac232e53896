//! Outlets that take lines elsewhere: the standard input of loggers, and syslog servers.

use super::outlets::{Key, Slot};
use super::source::NOWHERE;
use super::{Output, Source, Stream};
use crate::log::{Input, Outlet, Syslog};
use crate::model::{self, Id, Plan};
use std::io;
use std::os::fd::BorrowedFd;

impl Output {
    /// The descriptor that a new process of a logger gets as fd 0; none if nobody writes to it. What was not read by the one
    /// before, and has waited since, goes there first.
    ///
    /// # Errors
    /// When descriptors are short; what waits is kept.
    pub fn open_input(&mut self, id: Id) -> io::Result<Option<BorrowedFd<'_>>> {
        let Some(at) = self.outlets.find(&Key::Logger(id)) else { return Ok(None) };
        self.ending.retain(|ending| *ending != at);
        self.outlets.list(at);
        let Some(slot) = self.outlets.get_mut(at) else { return Ok(None) };
        slot.diverted = false;
        slot.outlet.input().map(Input::open).transpose()
    }

    /// Lets the input of a logger end, once it has got what processes have written to it that have ended since.
    pub fn end_input(&mut self, id: Id) {
        if let Some(at) = self.outlets.find(&Key::Logger(id)) {
            self.ending.push(at);
            self.settle();
        }
    }

    /// Ends the inputs that nothing more comes to.
    pub(super) fn end_inputs(&mut self) {
        let Self { ending, outlets, sources, .. } = self;
        ending.retain(|at| {
            let writes = |source: &&Source| source.routes.iter().any(|route| route.outlets.contains(at));
            if sources.iter().filter(writes).any(Source::is_cut) {
                return true;
            }
            if let Some(slot) = outlets.get_mut(*at)
                && let Some(input) = slot.outlet.input()
            {
                input.end();
                slot.open = None;
                outlets.list(*at);
            }
            false
        });
    }

    /// The logger is down and does not come up by itself: what is meant for it goes to the console until
    /// [`Output::open_input`], and so does what it has not read. False if that is so already, or nobody writes to it.
    pub fn divert(&mut self, id: Id) -> bool {
        self.outlets.find(&Key::Logger(id)).is_some_and(|at| self.divert_outlet(at))
    }

    /// The end of PID 1: nobody reads from any logger's input any more.
    pub(super) fn divert_all(&mut self) {
        for at in self.loggers(|_| true) {
            self.divert_outlet(at);
        }
    }

    /// Those that are not loggers any more, or others than before under the same id, get nothing of what waits.
    pub(super) fn forget_loggers(&mut self, plan: &Plan, anew: &[Id]) {
        let remains = |id: &Id| !anew.contains(id) && plan.services.get(id.index()).is_some_and(|s| s.logger);
        for at in self.loggers(|id| !remains(id)) {
            self.divert_outlet(at);
            if let Some(slot) = self.outlets.get_mut(at) {
                slot.diverted = false;
            }
        }
    }

    /// The outlets to loggers of these ids.
    fn loggers(&self, of: impl Fn(&Id) -> bool) -> Vec<u32> {
        let is = |slot: &Slot| matches!(&slot.key, Key::Logger(id) if of(id));
        self.outlets.all().filter(|(_, slot)| is(slot)).map(|(at, _)| at).collect()
    }

    fn divert_outlet(&mut self, at: u32) -> bool {
        let Some(slot) = self.outlets.get_mut(at) else { return false };
        if std::mem::replace(&mut slot.diverted, true) {
            return false;
        }
        self.ending.retain(|ending| *ending != at);
        slot.open = None;
        let left = slot.outlet.input().map(Input::take_left).unwrap_or_default();
        self.outlets.resumable = true;
        if !left.is_empty() {
            self.outlets.put_own(self.outlets.console(Stream::Out), |_, to| {
                to.extend_from_slice(&left);
                if left.last() != Some(&b'\n') {
                    to.push(b'\n');
                }
            });
        }
        true
    }

    /// The outlet to a logger.
    pub(super) fn logger(&mut self, id: Id, plan: &Plan) -> u32 {
        self.outlet(Key::Logger(id), || (plan.service(id).name.clone(), Box::<Input>::default()))
    }

    /// The outlet to a syslog server, which all services share whose lines go there.
    pub(super) fn syslog(&mut self, syslog: &model::Syslog) -> u32 {
        let place = syslog.address.to_string();
        let name = format!("syslog at {place}");
        self.outlet(Key::Syslog(place), || (name, Box::new(Syslog::new(&syslog.address))))
    }

    fn outlet(&mut self, key: Key, new: impl FnOnce() -> (String, Box<dyn Outlet>)) -> u32 {
        if let Some(at) = self.outlets.find(&key) {
            return at;
        }
        let (name, outlet) = new();
        // Neither has a descriptor yet, so there is nothing that could fail.
        self.outlets.add(key, name, outlet, false).unwrap_or(NOWHERE)
    }
}
