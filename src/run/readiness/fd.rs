//! `[ready] fd`: a newline on a descriptor that the process got for that, as s6 has it.

use crate::core::{Event, Proc, Role};
use crate::model::{Id, Sign};
use crate::run::shell::{NEWLINE, Shell};
use crate::sys::{SpawnError, fds};
use nix::errno::Errno;
use nix::sys::epoll::{EpollEvent, EpollFlags};
use nix::unistd::read;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

/// The reading ends, until a newline came or nobody can write one any more (`None`).
pub(in crate::run) type Newlines = BTreeMap<Id, Option<OwnedFd>>;

impl Shell {
    /// The writing end for a process that is about to be made, and the number that it has there.
    pub(in crate::run) fn newline_pipe(&mut self, id: Id) -> Result<Option<(OwnedFd, i32)>, SpawnError> {
        let Sign::Fd(number) = self.plan.service(id).ready.sign else { return Ok(None) };
        self.expect_no_newline(id);
        let failed = |errno: i32| {
            let why = crate::sys::errno_text(errno);
            SpawnError::socket(errno, format!("cannot make a pipe for descriptor {number}: {why}"))
        };
        let (reader, writer) =
            fds::pipe().map_err(|error| failed(error.raw_os_error().unwrap_or_default()))?;
        // Only this end: the process may not expect that its writing fails.
        fds::set_nonblocking(&reader).map_err(|error| failed(error.raw_os_error().unwrap_or_default()))?;
        let event = EpollEvent::new(EpollFlags::EPOLLIN, NEWLINE | u64::from(id.0));
        self.epoll.add(&reader, event).map_err(|errno| failed(errno as i32))?;
        self.newlines.insert(id, Some(reader));
        Ok(Some((writer, i32::from(number))))
    }

    /// There may be something to read from it.
    pub(in crate::run) fn read_newline(&mut self, id: Id) {
        let Some(Some(reader)) = self.newlines.get(&id) else { return };
        let mut buffer = [0; 4096];
        match read(reader, &mut buffer) {
            Ok(count @ 1..) => {
                if buffer.iter().take(count).any(|byte| *byte == b'\n') {
                    self.expect_no_newline(id);
                    // Who writes has been executed, and that comes first.
                    if let Some(pid) = self.procs.pid(Proc { id, role: Role::Main }) {
                        self.report(pid);
                    }
                    self.facts.push_back(Event::Ready(id));
                    self.settle();
                }
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Ok(0) | Err(_) => {
                self.expect_no_newline(id);
                self.newlines.insert(id, None);
            }
        }
    }

    pub(in crate::run) fn expect_no_newline(&mut self, id: Id) {
        if let Some(Some(reader)) = self.newlines.remove(&id) {
            let _ = self.epoll.delete(&reader);
        }
    }

    /// What a service that is not ready did not do.
    pub(super) fn missing_newline(&self, id: Id, number: u16) -> String {
        match self.newlines.get(&id) {
            Some(None) => format!("closed descriptor {number} without a newline"),
            _ => format!("no newline on descriptor {number}"),
        }
    }
}
