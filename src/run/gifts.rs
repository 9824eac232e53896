//! What a main process gets beside what every process gets: sockets, descriptors that were in care, and where to say what it
//! has to say.

use super::notify::Notify;
use super::shell::Shell;
use super::sockets::Sockets;
use crate::model::Id;
use crate::sys::SpawnError;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

/// The first of the descriptors that `LISTEN_FDS` counts; see sd_listen_fds(3).
const FIRST: RawFd = 3;

/// For one process. Most get nothing.
#[derive(Debug, Default)]
pub(super) struct Gifts {
    pub(super) variables: Vec<(&'static str, OsString)>,
    /// Variables that hold its own pid.
    pub(super) own_pid: Vec<&'static str>,
    /// Where it writes that it is ready, and the number that it knows it by.
    newline: Option<(OwnedFd, RawFd)>,
    listens: bool,
}

impl Gifts {
    /// Whether there is anything that the child has to do about it.
    pub(super) fn any(&self) -> bool {
        self.listens || self.newline.is_some() || !self.own_pid.is_empty()
    }

    /// The descriptors, each with its number there: the sockets in order, then what was in care.
    pub(super) fn fds<'a>(
        &'a self,
        id: Id,
        sockets: &'a Sockets,
        notify: &'a Notify,
    ) -> Vec<(BorrowedFd<'a>, RawFd)> {
        let kept = notify.kept(id).map(|(_, fd)| fd);
        let mut fds: Vec<_> = sockets.of(id).chain(kept).zip(FIRST..).collect();
        fds.extend(self.newline.iter().map(|(fd, number)| (fd.as_fd(), *number)));
        fds
    }
}

impl Shell {
    /// Makes what the main process of a service is to be handed.
    pub(super) fn gifts(&mut self, id: Id) -> Result<Gifts, SpawnError> {
        self.need_sockets(id)?;
        let newline = self.newline_pipe(id)?;
        let mut gifts = Gifts { newline, ..Gifts::default() };
        let service = self.plan.service(id);
        let mut names: Vec<&str> = service.sockets.iter().map(|socket| socket.name.as_str()).collect();
        names.extend(self.notify.kept(id).map(|(name, _)| name));
        if !names.is_empty() {
            gifts.listens = true;
            gifts.variables.push(("LISTEN_FDS", names.len().to_string().into()));
            gifts.variables.push(("LISTEN_FDNAMES", names.join(":").into()));
            gifts.own_pid.push("LISTEN_PID");
        }
        if service.fd_store > 0 {
            gifts.variables.push(("FDSTORE", service.fd_store.to_string().into()));
        }
        if let Some(interval) = service.health.watchdog {
            gifts.variables.push(("WATCHDOG_USEC", interval.as_micros().to_string().into()));
            gifts.own_pid.push("WATCHDOG_PID");
        }
        if service.speaks_notify() {
            gifts.variables.push(("NOTIFY_SOCKET", self.notify_address()?.into()));
        }
        Ok(gifts)
    }
}
