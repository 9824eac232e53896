//! `FDSTORE`: descriptors that services leave in care, to find them again after a restart.

use crate::model::Id;
use crate::run::shell::{CARE, Shell};
use crate::sys::notify::{Parcel, is_same_file};
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};

/// All that is in care.
#[derive(Debug, Default)]
pub(super) struct Care {
    of: BTreeMap<Id, Vec<Kept>>,
    last: u32,
}

#[derive(Debug)]
struct Kept {
    name: String,
    fd: Parcel,
    /// Names it in events of the epoll.
    serial: u32,
}

impl Care {
    /// Keeps them, the same only once. Gives how many there was no room for.
    pub(super) fn keep(
        &mut self,
        epoll: &Epoll,
        id: Id,
        most: usize,
        name: &str,
        poll: bool,
        fds: Vec<Parcel>,
    ) -> usize {
        let list = self.of.entry(id).or_default();
        let mut refused = 0;
        for fd in fds {
            if list.iter().any(|kept| is_same_file(kept.fd.as_fd(), fd.as_fd())) {
                continue;
            }
            if list.len() >= most {
                refused += 1;
                continue;
            }
            self.last = self.last.wrapping_add(1);
            let serial = self.last;
            // That the other side has gone is told without being asked for. A file has no other side, which is no mistake.
            if poll {
                let _ = epoll.add(&fd, EpollEvent::new(EpollFlags::empty(), CARE | u64::from(serial)));
            }
            list.push(Kept { name: name.to_owned(), fd, serial });
        }
        if list.is_empty() {
            self.of.remove(&id);
        }
        refused
    }

    fn drop_those(&mut self, epoll: &Epoll, id: Id, wanted: impl Fn(&Kept) -> bool) {
        let Some(list) = self.of.get_mut(&id) else { return };
        for kept in list.extract_if(.., |kept| wanted(kept)) {
            // Not left to the closing: others hold it open too.
            let _ = epoll.delete(&kept.fd);
        }
        if list.is_empty() {
            self.of.remove(&id);
        }
    }

    pub(super) fn remove(&mut self, epoll: &Epoll, id: Id, name: &str) {
        self.drop_those(epoll, id, |kept| kept.name == name);
    }

    pub(super) fn is_over(&mut self, epoll: &Epoll, serial: u32) {
        let owner = self.of.iter().find(|(_, list)| list.iter().any(|kept| kept.serial == serial));
        if let Some(id) = owner.map(|(id, _)| *id) {
            self.drop_those(epoll, id, |kept| kept.serial == serial);
        }
    }

    /// What is in care for a service, with names.
    pub(super) fn of(&self, id: Id) -> impl Iterator<Item = (&str, BorrowedFd<'_>)> {
        self.of.get(&id).into_iter().flatten().map(|kept| (kept.name.as_str(), kept.fd.as_fd()))
    }
}

impl super::Notify {
    /// The descriptors in care for a service, with their names, in the order of their arrival.
    pub(in crate::run) fn kept(&self, id: Id) -> impl Iterator<Item = (&str, BorrowedFd<'_>)> {
        self.care.of(id)
    }
}

impl Shell {
    /// It is not meant to be up any more, or it is another service now.
    pub(in crate::run) fn give_up_care(&mut self, id: Id) {
        self.notify.care.drop_those(&self.epoll, id, |_| true);
    }
}
