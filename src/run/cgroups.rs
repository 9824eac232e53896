//! A cgroup for each service, where there is one to divide: its limits, and all that came from it.

use super::shell::{LEFT, Shell};
use crate::core::{Event, Proc, Role, Stage, State};
use crate::model::{Cgroup, Exit, Id, Plan, Resources, Service, Signal};
use crate::sys::cgroup::{Controller, Group, OomCounter, OomKills, Tree, Usage, is_populated, own};
use crate::sys::{Pid, errno_text, error_text, reap};
use nix::sys::epoll::{EpollEvent, EpollFlags};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Services that one line names at most.
const NAMED: usize = 8;
/// How long after the OOM killer was at work in the container a death by SIGKILL counts as its work, where services are not
/// counted apart.
const SOON: Duration = Duration::from_secs(1);

/// What is known of the cgroups.
#[derive(Debug)]
pub(super) struct Cgroups {
    tree: Option<Tree>,
    /// Why there is none.
    why_not: String,
    services: Vec<Own>,
    container: Option<OomCounter>,
    /// Deaths that the OOM killer may still account for, and until when.
    unexplained: (u64, Option<Instant>),
}

/// The cgroup of one service.
#[derive(Debug, Default)]
struct Own {
    made: bool,
    /// It cannot be made, and that was said.
    refused: bool,
    seen: OomKills,
    /// The main process and its group have had the stop signal, and nobody else.
    told: bool,
    /// Tells when all that a dead main process left in it is gone.
    events: Option<File>,
}

impl Cgroups {
    pub(super) fn open(plan: &Plan) -> Self {
        let found = match &plan.settings.cgroup {
            Cgroup::Own => own(),
            Cgroup::Path(path) => {
                Tree::at(path).inspect_err(|why| tracing::warn!("no service gets a cgroup: {why}"))
            }
            Cgroup::Off => Err("cgroups are switched off, by `cgroup = \"none\"`".to_owned()),
        };
        let (tree, why_not) = match found {
            Ok(tree) => (Some(tree), String::new()),
            Err(why) => (None, why),
        };
        let mut cgroups =
            Self { tree, why_not, services: Vec::new(), container: None, unexplained: (0, None) };
        cgroups.services.resize_with(plan.services.len(), Own::default);
        cgroups.grant(plan, &plan.ids().collect::<Vec<_>>());
        cgroups
    }

    /// Gets the controllers that the limits of these services need, or says once why there are none.
    fn grant(&mut self, plan: &Plan, ids: &[Id]) {
        let limited: Vec<&Service> =
            ids.iter().map(|id| plan.service(*id)).filter(|service| service.resources.counted).collect();
        if limited.is_empty() {
            return;
        }
        let Some(tree) = &mut self.tree else {
            let names = names(&limited);
            tracing::warn!(
                "cannot limit the resources of {names}: {}; without limits, they run all the same",
                self.why_not
            );
            return;
        };
        let needs: [Need; 3] = [
            (Controller::Memory, "memory", |r| {
                r.memory.or(r.memory_high).or(r.swap).is_some() || r.oom_group
            }),
            (Controller::Cpu, "CPU time", |r| r.cpu.is_some() || r.cpu_weight.is_some()),
            (Controller::Pids, "processes", |r| r.pids.is_some()),
        ];
        for (controller, noun, need) in needs {
            let needing: Vec<&Service> =
                limited.iter().copied().filter(|service| need(&service.resources)).collect();
            // Memory and processes are counted without limits, too. To share out the processors means to share them out.
            if needing.is_empty() && controller == Controller::Cpu {
                continue;
            }
            if let Err(why) = tree.enable(controller)
                && !needing.is_empty()
            {
                let names = names(&needing);
                tracing::warn!(
                    "cannot limit the {noun} of {names}: {why}; without that limit, they run all the same"
                );
            }
        }
    }

    /// From here on the OOM killer is watched, for services without a cgroup that counts.
    pub(super) fn begin_counting(&mut self) {
        self.container = OomCounter::new(self.tree.as_ref());
    }

    /// The directory in which a process of the service begins; `None`: it has no cgroup.
    pub(super) fn enter(&mut self, id: Id, role: Role, service: &Service) -> Option<OwnedFd> {
        let tree = self.tree.as_ref()?;
        let own = self.services.get_mut(id.index())?;
        let group = tree.group(&service.name);
        if own.made && role == Role::Main && group.is_divided() {
            // Nobody may enter one that shares out its controllers.
            group.remove();
            own.made = false;
        }
        if own.made
            && let Ok(directory) = group.open()
        {
            return Some(directory);
        }
        match group.make() {
            Ok(fresh) => {
                own.made = true;
                own.seen = group.oom_kills().filter(|_| !fresh).unwrap_or_default();
                refused(&service.name, &group.set(tree, &service.resources, !fresh, false));
                if !fresh && group.is_populated() {
                    tracing::warn!(
                        "{}: its cgroup has processes of an earlier life, which count as its own",
                        service.name
                    );
                }
                group.open().ok()
            }
            Err(error) => {
                own.made = false;
                if !std::mem::replace(&mut own.refused, true) {
                    let cause = error_text(&error);
                    tracing::warn!("{}: cannot make its cgroup: {cause}; it runs without", service.name);
                }
                None
            }
        }
    }

    fn group(&self, id: Id, service: &Service) -> Option<Group> {
        let made = self.services.get(id.index()).is_some_and(|own| own.made);
        self.tree.as_ref().filter(|_| made).map(|tree| tree.group(&service.name))
    }

    /// What the service uses now, as far as it is counted.
    pub(super) fn usage(&self, id: Id, service: &Service) -> Usage {
        let counts = |controller| self.tree.as_ref().is_some_and(|tree| tree.has(controller));
        match self.group(id, service) {
            Some(group) if counts(Controller::Memory) || counts(Controller::Pids) => group.usage(),
            _ => Usage::default(),
        }
    }

    /// How many of its processes the OOM killer has taken, as far as that is counted.
    pub(super) fn oom_kills(&self, id: Id, service: &Service) -> u64 {
        self.group(id, service).and_then(|group| group.oom_kills()).map_or(0, |kills| kills.killed)
    }

    /// The stop signal went to the main process and its group.
    pub(super) fn told(&mut self, id: Id) {
        if let Some(own) = self.services.get_mut(id.index()) {
            own.told = true;
        }
    }

    /// A new main process begins.
    pub(super) fn begin(&mut self, id: Id) {
        if let Some(own) = self.services.get_mut(id.index()) {
            (own.told, own.events) = (false, None);
        }
    }

    /// SIGKILL for all of them.
    pub(super) fn kill_all(&self, plan: &Plan) {
        plan.ids().filter_map(|id| self.group(id, plan.service(id))).for_each(|group| group.kill());
    }

    /// Another plan is in force; the services `anew` are others than before.
    pub(super) fn replace(&mut self, old: &Plan, new: &Plan, anew: &[Id]) {
        self.services.resize_with(new.services.len().max(self.services.len()), Own::default);
        for id in anew.iter().filter(|id| id.index() < old.services.len()) {
            if let Some(group) = self.group(*id, old.service(*id)) {
                group.remove();
            }
            self.services[id.index()] = Own::default();
        }
        let resources = |plan: &Plan, id: Id| plan.services.get(id.index()).map(|service| service.resources);
        let changed: Vec<Id> =
            new.ids().filter(|id| anew.contains(id) || resources(old, *id) != resources(new, *id)).collect();
        self.grant(new, &changed);
        for id in changed {
            let service = new.service(id);
            if let (Some(group), Some(tree)) = (self.group(id, service), &self.tree) {
                refused(&service.name, &group.set(tree, &service.resources, true, true));
            }
        }
    }

    /// The very end: nothing of it stays behind.
    pub(super) fn close(&mut self, plan: &Plan) {
        plan.ids().filter_map(|id| self.group(id, plan.service(id))).for_each(|group| group.remove());
        if let Some(tree) = self.tree.take() {
            tree.close();
        }
    }

    /// The service in whose cgroup a process is.
    fn name_of(&self, pid: Pid) -> Option<String> {
        self.tree.as_ref()?.service_of(pid)
    }

    /// Whether the OOM killer took somebody in the container of late who is not accounted for. Asked at every end of a main
    /// process: what it did before the last one explains nothing any more.
    fn explains_a_death(&mut self, killed: bool) -> bool {
        let Some(container) = &mut self.container else { return false };
        let (now, (left, until)) = (Instant::now(), self.unexplained);
        let left = if until.is_some_and(|until| now <= until) { left } else { 0 };
        let found = container.take();
        let left = left + found;
        let until = if found > 0 { Some(now + SOON) } else { until };
        self.unexplained = (left.saturating_sub(u64::from(killed)), until);
        killed && left > 0
    }
}

/// A controller, what it is about, and who needs it.
type Need = (Controller, &'static str, fn(&Resources) -> bool);

fn names(services: &[&Service]) -> String {
    let shown: Vec<&str> = services.iter().take(NAMED).map(|service| service.name.as_str()).collect();
    let more = services.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn refused(name: &str, limits: &[(&'static str, i32)]) {
    for (key, errno) in limits {
        tracing::warn!(
            "{name}: cannot set resources.{key}: {}; it runs without that limit",
            errno_text(*errno)
        );
    }
}

impl Shell {
    /// The cgroup of a service of which all counts as its own.
    pub(super) fn whole_group(&self, id: Id) -> Option<Group> {
        let service = self.plan.service(id);
        self.cgroups.group(id, service).filter(|_| service.stop.group)
    }

    /// Whether its dead main process has left something that is to be cleared away: in its process group, or in the cgroup
    /// of the service, however far it went. Commands of its own that just run do not count.
    pub(super) fn has_left(&mut self, id: Id, group: Pid) -> bool {
        let cgroup = self.whole_group(id);
        let of_group =
            self.plan.service(id).stop.group && cgroup.is_none() && crate::sys::signal::group_exists(group);
        self.procs.set_group(id, of_group.then_some(group));
        of_group || cgroup.is_some_and(|cgroup| self.is_left(id, &cgroup))
    }

    fn is_left(&self, id: Id, cgroup: &Group) -> bool {
        let roles = [Role::Check, Role::Stop, Role::Reload, Role::Probe];
        let commands = roles.map(|role| self.procs.pid(Proc { id, role }));
        let counts = |pid: &Pid| commands == [None; 4] || !commands.contains(&reap::session_of(*pid));
        cgroup.is_populated() && cgroup.members().iter().any(counts)
    }

    /// Its main process of this group has ended while it is being stopped: who left the group has not had the stop signal.
    pub(super) fn tell_the_rest(&mut self, id: Id, group: Pid) {
        let told = self.cgroups.services.get_mut(id.index()).is_some_and(|own| std::mem::take(&mut own.told));
        let svc = self.core.svc(id);
        if !told || !svc.live.group || !matches!(svc.state, State::Stopping { stage: Stage::Signal, .. }) {
            return;
        }
        if let Some(cgroup) = self.whole_group(id) {
            for signal in [self.plan.service(id).stop.signal, Signal::CONT] {
                cgroup.signal(signal, |pid| reap::group_of(pid) == Some(group));
            }
        }
    }

    /// Has the epoll tell when nothing is left in the cgroup. False if there is none, or none that can be waited for.
    pub(super) fn await_empty(&mut self, id: Id) -> bool {
        let Some(cgroup) = self.whole_group(id) else { return false };
        let event = EpollEvent::new(EpollFlags::EPOLLPRI, LEFT | u64::from(id.0));
        let Ok(events) = cgroup.events() else { return false };
        if self.epoll.add(&events, event).is_err() {
            return false;
        }
        if let Some(own) = self.cgroups.services.get_mut(id.index()) {
            own.events = Some(events);
        }
        self.cgroup_changed(id);
        true
    }

    /// Somebody came to the cgroup or left it.
    pub(super) fn cgroup_changed(&mut self, id: Id) {
        let Some(own) = self.cgroups.services.get_mut(id.index()) else { return };
        if own.events.as_ref().is_none_or(is_populated) {
            return;
        }
        // Closed, and so out of the epoll.
        own.events = None;
        if self.core.svc(id).live.group {
            self.facts.push_back(Event::Vacated(id));
            self.settle();
        }
    }

    /// Whether what is being cleared away of a service is gone, though nobody told.
    pub(super) fn is_cleared(&self, id: Id) -> bool {
        match (self.procs.group(id), self.whole_group(id)) {
            (Some(group), _) => !crate::sys::signal::group_exists(group),
            (None, Some(cgroup)) => !self.is_left(id, &cgroup),
            (None, None) => false,
        }
    }

    /// How a main process ended, with what only the kernel's counters tell.
    pub(super) fn cause(&mut self, id: Id, exit: Exit) -> Exit {
        let service = self.plan.service(id);
        // One that is being stopped, foster may have killed itself.
        let killed = exit == Exit::Signal { signal: Signal::KILL, core: false }
            && !matches!(self.core.svc(id).state, State::Stopping { .. });
        let counted = self.cgroups.tree.as_ref().is_some_and(|tree| tree.has(Controller::Memory));
        let now = self.cgroups.group(id, service).filter(|_| counted).and_then(|group| group.oom_kills());
        let Some(now) = now else {
            let explained = self.cgroups.explains_a_death(killed);
            return if explained { Exit::OutOfMemory { limit: None } } else { exit };
        };
        let Some(own) = self.cgroups.services.get_mut(id.index()) else { return exit };
        let before = std::mem::replace(&mut own.seen, now);
        match now.killed.saturating_sub(before.killed) {
            0 => exit,
            _ if killed => {
                Exit::OutOfMemory { limit: service.resources.memory.filter(|_| now.own > before.own) }
            }
            count => {
                let processes =
                    if count == 1 { "a process".to_owned() } else { format!("{count} processes") };
                tracing::warn!("{}: before its end the OOM killer took {processes} of it", service.name);
                exit
            }
        }
    }

    /// The service in whose cgroup a process is, be it a zombie. Reads in /proc.
    pub(super) fn by_cgroup(&self, pid: Pid) -> Option<Id> {
        let name = self.cgroups.name_of(pid)?;
        self.plan.ids().find(|id| self.name(*id) == name)
    }
}
