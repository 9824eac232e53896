//! `[[socket]]`: listening sockets that are there before their service, and after it.
//!
//! They are made as soon as their service is meant to be up, before the first process of all, and held until it is not any
//! more. What cannot be made is tried again at the start of the service, which fails with the reason. Nothing is ever
//! accepted or read here: a service that starts on demand is told of what waits, no more.

use super::shell::{SOCKET, Shell};
use super::timers::Due;
use crate::core::{Event, StateName};
use crate::model::{Id, Plan};
use crate::sys::SpawnError;
use crate::sys::listen::{Bound, NotBound, listen};
use nix::sys::epoll::{EpollEvent, EpollFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A service that is started so often within this time by connections that it does not take is started more slowly.
const BURST: u32 = 20;
const BURST_TIME: Duration = Duration::from_secs(2);
const SLOW: Duration = Duration::from_secs(1);

/// The sockets of all services.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// In the order of the configuration; `None` is one that could not be made yet.
    held: BTreeMap<Id, Vec<Option<Bound>>>,
    /// Whose sockets the epoll looks at.
    awaited: BTreeSet<Id>,
    bursts: BTreeMap<Id, Burst>,
}

/// How often a service was started on demand, and since when.
#[derive(Clone, Copy, Debug)]
struct Burst {
    since: Instant,
    count: u32,
}

impl Sockets {
    /// Those of a service, in the order of the configuration.
    pub(super) fn of(&self, id: Id) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.held.get(&id).into_iter().flatten().flatten().map(|bound| bound.as_fd())
    }
}

impl Shell {
    /// Makes those sockets of a service that are not there yet.
    ///
    /// # Errors
    /// One cannot be made; the others are.
    pub(super) fn open_sockets(&mut self, id: Id) -> Result<(), NotBound> {
        let wanted = &self.plan.service(id).sockets;
        if wanted.is_empty() {
            return Ok(());
        }
        let held = self.sockets.held.entry(id).or_default();
        held.resize_with(wanted.len(), || None);
        let mut result = Ok(());
        for (place, listener) in held.iter_mut().zip(wanted).filter(|(place, _)| place.is_none()) {
            match listen(listener) {
                Ok(bound) => *place = Some(bound),
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    /// The service is in another state, by its public name.
    pub(super) fn hold_sockets(&mut self, id: Id, state: StateName) {
        match state {
            StateName::Waiting | StateName::Starting => {
                if let Err(error) = self.open_sockets(id) {
                    tracing::debug!("{}: {}", self.name(id), error.what);
                }
            }
            StateName::Inactive
            | StateName::Done
            | StateName::Failed
            | StateName::Blocked
            | StateName::Skipped => {
                self.close_sockets(id);
                self.give_up_care(id);
            }
            StateName::Ready | StateName::Stopping | StateName::Backoff => {}
        }
    }

    fn close_sockets(&mut self, id: Id) {
        self.await_no_connection(id);
        self.sockets.bursts.remove(&id);
        for bound in self.sockets.held.remove(&id).into_iter().flatten().flatten() {
            bound.close();
        }
    }

    /// Another plan: what is the same stays, what has changed is made anew.
    pub(super) fn replace_sockets(&mut self, old: &Plan, anew: &[Id]) {
        for id in anew {
            self.close_sockets(*id);
            self.give_up_care(*id);
        }
        for id in self.sockets.held.keys().copied().collect::<Vec<_>>() {
            let of = |plan: &Plan| plan.services.get(id.index()).map(|service| service.sockets.clone());
            let (before, after) = (of(old).unwrap_or_default(), of(&self.plan).unwrap_or_default());
            if before == after {
                continue;
            }
            self.await_no_connection(id);
            let mut held: Vec<_> = self.sockets.held.remove(&id).into_iter().flatten().zip(before).collect();
            let mut kept = Vec::new();
            for listener in &after {
                let at = held.iter().position(|(_, before)| before == listener);
                kept.push(at.and_then(|at| held.swap_remove(at).0));
            }
            held.into_iter().filter_map(|(bound, _)| bound).for_each(Bound::close);
            self.sockets.held.insert(id, kept);
        }
        let plan = Rc::clone(&self.plan);
        for id in plan.ids().filter(|id| !plan.service(*id).sockets.is_empty()) {
            self.hold_sockets(id, self.core.state_name(id));
        }
    }

    /// Tells [`Event::Triggered`] when something waits on one of its sockets.
    pub(super) fn await_connection(&mut self, id: Id) {
        let now = Instant::now();
        let burst = self.sockets.bursts.entry(id).or_insert(Burst { since: now, count: 0 });
        if now.duration_since(burst.since) > BURST_TIME {
            *burst = Burst { since: now, count: 0 };
        }
        if burst.count >= BURST {
            // It is over when it runs for a while, or nothing waits.
            burst.since = now;
            if burst.count == BURST {
                burst.count += 1;
                tracing::warn!(
                    "{}: was started {BURST} times within 2s and left what waits on its sockets; it is started once a second",
                    self.name(id)
                );
            }
            self.timers.arm(Due::Connection(id), SLOW);
        } else {
            self.look_for_connections(id);
        }
    }

    /// It may be started again by what waits.
    pub(super) fn look_for_connections(&mut self, id: Id) {
        if let Err(error) = self.open_sockets(id) {
            tracing::debug!("{}: {}", self.name(id), error.what);
            // Its start tells why, and tries again.
            return self.connected(id);
        }
        self.sockets.awaited.insert(id);
        for fd in self.sockets.of(id) {
            // Once: it is the service that takes what is there, and until then it is there.
            let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT;
            let _ = self.epoll.add(fd, EpollEvent::new(flags, SOCKET | u64::from(id.0)));
        }
    }

    /// Something waits on a socket of a service that is started by that.
    pub(super) fn connected(&mut self, id: Id) {
        self.await_no_connection(id);
        if let Some(burst) = self.sockets.bursts.get_mut(&id) {
            burst.count = burst.count.saturating_add(u32::from(burst.count < BURST));
        }
        self.facts.push_back(Event::Triggered(id));
    }

    pub(super) fn await_no_connection(&mut self, id: Id) {
        self.timers.disarm(Due::Connection(id));
        if self.sockets.awaited.remove(&id) {
            for fd in self.sockets.of(id) {
                // Not left to the closing: processes hold them open.
                let _ = self.epoll.delete(fd);
            }
        }
    }

    /// What a service is handed has to be there when it starts.
    pub(super) fn need_sockets(&mut self, id: Id) -> Result<(), SpawnError> {
        self.open_sockets(id).map_err(|NotBound { errno, what }| SpawnError::socket(errno, what))
    }
}
