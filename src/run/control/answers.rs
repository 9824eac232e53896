//! What is told of the tree: views of the core, the processes and the past, as the types of the API.

use super::super::report;
use super::super::shell::Shell;
use super::wall::Wall;
use crate::control::api::{
    ActResult, Exit, Graph, Health, Node, Outcome, ServiceStatus, Span, Status, Supervisor, Timeline,
};
use crate::core::{Phase, Proc, Role, State, StateName};
use crate::model::{self, Id, Signal, Sink, StderrTo, set_of, sort, sort_by_key};
use std::time::Duration;

/// An end, for the API.
fn exit(time: Duration, exit: model::Exit, wall: Wall) -> Exit {
    let (code, signal, core) = match exit {
        model::Exit::Code(code) => (Some(code), None, false),
        model::Exit::Signal { signal, core } => (None, Some(signal.to_string()), core),
        model::Exit::OutOfMemory { .. } => (None, Some(Signal::KILL.to_string()), false),
    };
    let oom = matches!(exit, model::Exit::OutOfMemory { .. });
    Exit { time: wall.at(time), code, signal, core, oom, text: report::ended(exit) }
}

impl Shell {
    /// The time of day, as of now.
    pub(super) fn wall(&self) -> Wall {
        let now = Wall::now(self.running());
        let wall = self.control.wall.get().filter(|known| known.is_close(now)).unwrap_or(now);
        self.control.wall.set(Some(wall));
        wall
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.core.phase() != Phase::Running
    }

    pub(super) fn status(&self, ids: &[Id]) -> Status {
        let wall = self.wall();
        let supervisor = Supervisor {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            stopping: self.is_stopping(),
            since: wall.at_millis(0),
            orphans: self.orphans.reaped,
        };
        Status { supervisor, services: ids.iter().map(|id| self.service_status(*id, wall)).collect() }
    }

    pub(super) fn service_status(&self, id: Id, wall: Wall) -> ServiceStatus {
        let (service, view, svc) = (self.plan.service(id), self.core.view(id), self.core.svc(id));
        let main = self.procs.pid(Proc { id, role: Role::Main });
        let usage = self.cgroups.usage(id, service);
        let next_start = view.next.filter(|_| view.state == StateName::Backoff);
        ServiceStatus {
            name: service.name.clone(),
            kind: service.kind.to_string(),
            description: service.description.clone(),
            state: view.state.to_string(),
            reason: self.reason(id),
            pid: main.and_then(|pid| u32::try_from(pid).ok()),
            ready: self.core.satisfied(id),
            wanted: svc.target(),
            restarts: view.restarts,
            failures: svc.failures,
            since: wall.at_millis(view.since),
            exit: self.history.ends(id).next().map(|(time, end)| exit(time, end, wall)),
            next_start: next_start.map(|time| wall.at_millis(time)),
            main: service.main,
            essential: service.essential,
            orphans: self.procs.orphans(id),
            healthy: self.is_looked_after(id).then_some(svc.flaw.is_none()),
            misses: view.misses,
            answer: self.last_answer(id),
            status: self.status_text(id).map(str::to_owned),
            next_run: self.next_run(id).map(|time| format!("{time:.3}")),
            log: self.sinks(id),
            log_memory: self.log_memory(id),
            log_dropped: self.output.dropped(id),
            memory: usage.memory,
            processes: usage.pids,
        }
    }

    /// Where its output goes.
    pub(super) fn sinks(&self, id: Id) -> Vec<String> {
        let service = self.plan.service(id);
        if service.exec.is_none() {
            return Vec::new();
        }
        let words = |sink: &Sink| match sink {
            Sink::Console => vec!["console".to_owned()],
            Sink::Null => vec!["null".to_owned()],
            Sink::Inherit => vec!["inherit".to_owned()],
            Sink::File(file) => {
                [Some(&file.path), file.stderr_path.as_ref()].into_iter().flatten().cloned().collect()
            }
            Sink::Syslog(syslog) => vec![format!("syslog {}", syslog.address)],
            Sink::Service(logger) => vec![format!("service:{}", self.name(*logger))],
        };
        service.log.to.iter().flat_map(words).collect()
    }

    /// How much of its output is kept in memory at most: nothing of what foster does not see.
    fn log_memory(&self, id: Id) -> u32 {
        let service = self.plan.service(id);
        let unseen = service.inherits_output() && service.log.stderr != StderrTo::Null;
        if unseen || service.exec.is_none() { 0 } else { service.log.memory }
    }

    /// Whether something would tell that it is not well.
    fn is_looked_after(&self, id: Id) -> bool {
        let svc = self.core.svc(id);
        svc.state == State::Ready && (self.plan.service(id).health.probe.is_some() || svc.watchdog.is_some())
    }

    pub(super) fn exits(&self, id: Id, wall: Wall) -> Vec<Exit> {
        self.history.ends(id).map(|(time, end)| exit(time, end, wall)).collect()
    }

    pub(super) fn state(&self, id: Id) -> StateName {
        self.core.state_name(id)
    }

    /// What came of one service, as it is now.
    pub(super) fn result(&self, id: Id, outcome: Outcome, reason: Option<String>) -> ActResult {
        ActResult { service: self.name(id).to_owned(), outcome, state: self.state(id).to_string(), reason }
    }

    /// Whether it is as it should be: satisfied, and not found unhealthy. What comes and goes by itself – a run of a schedule,
    /// what starts on demand – only has to be able to.
    pub(super) fn is_well(&self, id: Id) -> bool {
        let (svc, service) = (self.core.svc(id), self.plan.service(id));
        match svc.state {
            State::Ready => svc.flaw.is_none(),
            State::Failed | State::Blocked(_) => false,
            _ => self.core.satisfied(id) || svc.target() && service.waits_for_trigger(),
        }
    }

    /// Why it is not well, and what the last probe heard if that tells it.
    pub(super) fn ailment(&self, id: Id) -> Option<String> {
        let probed = matches!(self.core.svc(id).state, State::Ready | State::Starting(_));
        let heard = self.last_answer(id).filter(|_| probed);
        let reason = self.reason(id)?;
        Some(heard.map_or_else(|| reason.clone(), |heard| format!("{reason}: {heard}")))
    }

    pub(super) fn health(&self, ids: &[Id]) -> Health {
        let ill = ids.iter().filter(|id| !self.is_well(**id));
        let unhealthy: Vec<_> = ill.map(|id| self.result(*id, Outcome::Failed, self.ailment(*id))).collect();
        Health { healthy: unhealthy.is_empty() && !self.is_stopping(), unhealthy }
    }

    pub(super) fn graph(&self, ids: &[Id]) -> Graph {
        let names = |ids: &[Id]| {
            let mut names: Vec<String> = ids.iter().map(|id| self.name(*id).to_owned()).collect();
            sort(&mut names);
            names
        };
        let node = |id: &Id| {
            let service = self.plan.service(*id);
            Node {
                name: service.name.clone(),
                kind: service.kind.to_string(),
                state: Some(self.state(*id).to_string()),
                enabled: service.enabled,
                main: service.main,
                requires: names(&service.requires),
                wants: names(&service.wants),
                after: names(&service.after),
            }
        };
        Graph { services: ids.iter().map(node).collect() }
    }

    /// Those that were started or wait for that, in order of their start; who waits is last.
    pub(super) fn timeline(&self, ids: &[Id]) -> Timeline {
        let started = |id: Id| self.history.first(id).started.unwrap_or(Duration::MAX);
        let begun =
            |id: &Id| self.history.first(*id).started.is_some() || self.state(*id) == StateName::Waiting;
        let mut ids: Vec<Id> = ids.iter().copied().filter(begun).collect();
        sort_by_key(&mut ids, |id| started(*id));
        let millis = |time: Option<Duration>| time.map(|time| time.as_micros() as f64 / 1000.0);
        let span = |id: Id| {
            let (service, first) = (self.plan.service(id), self.history.first(id));
            Span {
                service: service.name.clone(),
                kind: service.kind.to_string(),
                state: self.state(id).to_string(),
                waiting: millis(first.waiting),
                started: millis(first.started),
                ready: millis(first.ready),
                waited_for: self.waited_for(id).map(|id| self.name(id).to_owned()),
            }
        };
        Timeline { since: self.wall().at_millis(0), services: ids.into_iter().map(span).collect() }
    }

    /// The dependency that was ready last before the first start of this service, if it waited at all.
    fn waited_for(&self, id: Id) -> Option<Id> {
        let service = self.plan.service(id);
        let first = self.history.first(id);
        let (waiting, started) = (first.waiting?, first.started?);
        let below = service.requires.iter().chain(&service.wants).chain(&service.after).copied();
        let ready = |id: Id| self.history.first(id).ready.filter(|time| (waiting..=started).contains(time));
        below.filter_map(|id| Some((ready(id)?, id))).max_by_key(|(time, _)| *time).map(|(_, id)| id)
    }

    /// What these require or want that is not up, and so comes up for them.
    pub(super) fn to_come_up(&self, ids: &[Id]) -> Vec<Id> {
        let mut seen = set_of(ids.iter().copied());
        let (mut way, mut found) = (ids.to_vec(), Vec::new());
        while let Some(id) = way.pop() {
            let service = self.plan.service(id);
            for &below in service.requires.iter().chain(&service.wants) {
                if seen.insert(below) {
                    way.push(below);
                    found.extend((!self.core.satisfied(below)).then_some(below));
                }
            }
        }
        found
    }
}
