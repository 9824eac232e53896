//! Which process is what: the table of pids, and which sessions belong to which service.

use crate::core::{Proc, Role};
use crate::model::{Id, Signal};
use crate::sys::signal::{self, Sent};
use crate::sys::{Pid, Report};
use std::collections::BTreeMap;

/// A process that is ours and has not been waited for: its pid cannot pass to another one.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) proc: Proc,
    /// Until exec is reported.
    pub(super) report: Option<Report>,
    /// It never became its program, and the core knows.
    pub(super) failed: bool,
    /// Its process group: its own, unless it became the main process by its own word.
    pub(super) group: Pid,
}

/// The processes of one service.
#[derive(Clone, Copy, Debug, Default)]
struct OfService {
    /// By [`Role`].
    pids: [Option<Pid>; 5],
    /// The group that the last main process left behind and that is being cleared away.
    group: Option<Pid>,
    /// The last session of the main process, this one or the former.
    session: Option<Pid>,
    /// Another one, of a process that became the main one by its own word.
    second: Option<Pid>,
    orphans: u64,
}

/// All processes of all services.
#[derive(Debug)]
pub(super) struct Procs {
    alive: BTreeMap<Pid, Entry>,
    services: Vec<OfService>,
    /// Session leaders, living and dead, to services; bounded by forgetting a service's oldest at its next start.
    sessions: BTreeMap<Pid, Id>,
    groups: usize,
}

fn slot(role: Role) -> usize {
    match role {
        Role::Main => 0,
        Role::Check => 1,
        Role::Stop => 2,
        Role::Reload => 3,
        Role::Probe => 4,
    }
}

impl Procs {
    pub(super) fn new(services: usize) -> Self {
        Self {
            alive: BTreeMap::new(),
            services: vec![OfService::default(); services],
            sessions: BTreeMap::new(),
            groups: 0,
        }
    }

    /// Makes room for the services of a longer plan. Ids are stable, so nothing moves; the services of `anew` are others
    /// than before under the same id, and what the former ones left behind is nobody's.
    pub(super) fn replace(&mut self, services: usize, anew: &[Id]) {
        self.services.resize(services.max(self.services.len()), OfService::default());
        for id in anew {
            self.set_group(*id, None);
            let Some(service) = self.services.get_mut(id.index()) else { continue };
            let OfService { session, second, .. } = std::mem::take(service);
            for session in [session, second].into_iter().flatten() {
                self.sessions.remove(&session);
            }
        }
    }

    /// Takes note of a new process, in the turn that made it and before anything is waited for. Its session is its own, or
    /// that of the supervisor if it has its terminal.
    pub(super) fn insert(&mut self, pid: Pid, proc: Proc, report: Report, session: Pid) {
        if let Some(service) = self.services.get_mut(proc.id.index()) {
            service.pids[slot(proc.role)] = Some(pid);
            if proc.role == Role::Main {
                for former in [service.session.replace(session), service.second.take()].into_iter().flatten()
                {
                    if self.sessions.get(&former) == Some(&proc.id) {
                        self.sessions.remove(&former);
                    }
                }
            }
        }
        // What a probe leaves behind is none of the service's.
        if proc.role != Role::Probe {
            self.sessions.insert(session, proc.id);
        }
        self.alive.insert(pid, Entry { proc, report: Some(report), failed: false, group: pid });
    }

    pub(super) fn get_mut(&mut self, pid: Pid) -> Option<&mut Entry> {
        self.alive.get_mut(&pid)
    }

    /// Forgets a process that is being waited for: from here on nothing can send it a signal.
    pub(super) fn remove(&mut self, pid: Pid) -> Option<Entry> {
        let entry = self.alive.remove(&pid)?;
        if let Some(service) = self.services.get_mut(entry.proc.id.index()) {
            // A start that failed before exec may have a successor already.
            let slot = &mut service.pids[slot(entry.proc.role)];
            *slot = slot.filter(|current| *current != pid);
        }
        if entry.proc.role != Role::Main {
            self.sessions.remove(&pid);
        }
        Some(entry)
    }

    /// Another process is the main one of a service from now on, of this group and session; the former is nobody's.
    pub(super) fn move_main(&mut self, id: Id, old: Pid, new: Pid, group: Pid, session: Option<Pid>) {
        let Some(service) = self.services.get_mut(id.index()) else { return };
        service.pids[slot(Role::Main)] = Some(new);
        if let Some(session) = session.filter(|session| !self.sessions.contains_key(session)) {
            if let Some(former) = service.second.replace(session) {
                self.sessions.remove(&former);
            }
            self.sessions.insert(session, id);
        }
        self.alive.remove(&old);
        let proc = Proc { id, role: Role::Main };
        self.alive.insert(new, Entry { proc, report: None, failed: false, group });
    }

    /// The service in whose session a process is.
    pub(super) fn of_session(&self, session: Pid) -> Option<Id> {
        self.sessions.get(&session).copied()
    }

    /// Sends a signal to a process of ours and to its group.
    pub(super) fn signal(&self, pid: Pid, signal: Signal) -> Sent {
        match self.alive.get(&pid).map(|entry| entry.group) {
            Some(group) if group != pid => match signal::kill_group(group, signal) {
                Sent::Gone | Sent::Refused => signal::kill(pid, signal),
                sent => sent,
            },
            _ => signal::kill_family(pid, signal),
        }
    }

    /// The service whose process this is.
    pub(super) fn service_of(&self, pid: Pid) -> Option<Id> {
        self.alive.get(&pid).map(|entry| entry.proc.id)
    }

    pub(super) fn pid(&self, proc: Proc) -> Option<Pid> {
        self.services.get(proc.id.index()).and_then(|s| s.pids[slot(proc.role)])
    }

    pub(super) fn group(&self, id: Id) -> Option<Pid> {
        self.services.get(id.index()).and_then(|s| s.group)
    }

    pub(super) fn set_group(&mut self, id: Id, group: Option<Pid>) {
        let Some(service) = self.services.get_mut(id.index()) else { return };
        self.groups -= usize::from(service.group.is_some());
        self.groups += usize::from(group.is_some());
        service.group = group;
    }

    /// The service whose rest of a group this is.
    pub(super) fn clearing(&self, group: Pid) -> Option<Id> {
        let index = self.services.iter().position(|s| s.group == Some(group))?;
        u32::try_from(index).ok().map(Id)
    }

    /// Whether any rest of a group is being cleared away.
    pub(super) fn any_group(&self) -> bool {
        self.groups > 0
    }

    /// Counts an orphan for the service that it came from.
    pub(super) fn adopt(&mut self, id: Option<Id>) {
        if let Some(service) = id.and_then(|id| self.services.get_mut(id.index())) {
            service.orphans += 1;
        }
    }

    /// How many orphans were counted for it.
    pub(super) fn orphans(&self, id: Id) -> u64 {
        self.services.get(id.index()).map_or(0, |service| service.orphans)
    }

    pub(super) fn pids(&self) -> impl Iterator<Item = Pid> {
        self.alive.keys().copied()
    }
}
