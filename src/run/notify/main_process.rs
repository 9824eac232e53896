//! `MAINPID`: another process is the main one of its service from now on.
//!
//! Its end is the end of the service, and it gets the signals. If it is not a child of the supervisor, its parent waits for
//! it, and how it ended is not known: it counts as exit code 0, as systemd has it.

use crate::core::{Proc, Role, State};
use crate::model::{Exit, Id};
use crate::run::shell::{MOVED, Shell};
use crate::sys::notify::watch_process;
use crate::sys::{Pid, own_pid, procs, reap};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{EpollEvent, EpollFlags};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

/// Main processes that are no children: what tells of their end.
pub(super) type Moved = BTreeMap<Id, OwnedFd>;

impl Shell {
    /// Makes it the main process, on the word of somebody who runs as `uid`.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) fn move_main(&mut self, id: Id, pid: Pid, uid: u32) -> Result<(), &'static str> {
        let main = Proc { id, role: Role::Main };
        let Some(old) = self.procs.pid(main) else { return Err("it has no process") };
        if old == pid {
            return Ok(());
        }
        if !matches!(self.core.svc(id).state, State::Starting(_) | State::Ready) {
            return Err("it is stopping");
        }
        if pid == own_pid() || self.procs.get_mut(pid).is_some() {
            return Err("that is another process of the supervisor");
        }
        let found = procs::look(pid).filter(|found| !found.zombie).ok_or("it does not live")?;
        match self.sender(pid) {
            Some(owner) if owner == id => {}
            None if uid == 0 && procs::is_descendant(pid) => {}
            _ => return Err("it does not belong to the service"),
        }
        if found.parent != own_pid() {
            let watch = watch_process(pid).map_err(|_| "its end cannot be waited for")?;
            let event = EpollEvent::new(EpollFlags::EPOLLIN, MOVED | u64::from(id.0));
            self.epoll.add(&watch, event).map_err(|_| "its end cannot be waited for")?;
            self.forget_moved(id);
            self.notify.moved.insert(id, watch);
        }
        let group = reap::group_of(pid).unwrap_or(pid);
        self.procs.move_main(id, old, pid, group, reap::session_of(pid));
        tracing::info!("{}: its main process is {pid} from now on, no longer {old}", self.name(id));
        Ok(())
    }

    /// The main process of the service is no child, and has ended: whoever waits for it does not tell how.
    pub(in crate::run) fn moved_main_ended(&mut self, id: Id) {
        let proc = Proc { id, role: Role::Main };
        let Some(pid) = self.procs.pid(proc).filter(|_| self.notify.moved.contains_key(&id)) else { return };
        self.forget_moved(id);
        // Meanwhile its parent has died: it is waited for here.
        if procs::look(pid).is_some_and(|found| found.zombie && found.parent == own_pid()) {
            return;
        }
        let Some(entry) = self.procs.remove(pid) else { return };
        self.main_ended(id, Exit::Code(0), entry.group);
    }

    /// Its pid may be somebody else's by now, if it is no child and has ended.
    pub(in crate::run) fn is_alive(&self, id: Id) -> bool {
        let Some(watch) = self.notify.moved.get(&id) else { return true };
        let mut fd = [PollFd::new(watch.as_fd(), PollFlags::POLLIN)];
        poll(&mut fd, PollTimeout::ZERO) == Ok(0)
    }

    pub(in crate::run) fn forget_moved(&mut self, id: Id) {
        if let Some(watch) = self.notify.moved.remove(&id) {
            let _ = self.epoll.delete(&watch);
        }
    }
}
