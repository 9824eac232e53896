//! A world for the core without a single process: what exists, what may happen next, and what must never be.
//!
//! Shared by the exhaustive exploration, the random runs and the simulation transcripts.
#![allow(dead_code)]

pub mod explore;
pub mod invariants;
pub mod key;
pub mod services;
pub mod waiters;

use foster::core::{Action, Core, Event, Fault, Goal, Phase, Proc, Request, Role, Sweep, Ticket, Timer};
use foster::model::{Exit, Id, Kind, Plan, Service, Sign, Signal};
use key::Fnv;
use std::hash::Hasher;
use std::rc::Rc;
use waiters::Waiter;

/// A process as the world knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Life {
    #[default]
    None,
    /// Asked for; exec is not reported yet.
    Spawning,
    Running,
}

/// What exists outside the core for one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    pub main: Life,
    pub check: Life,
    pub stop: Life,
    pub reload: Life,
    /// The group of the main process outlived it, and the core was told.
    pub group: bool,
    /// A question that is answered before anything else happens.
    pub asked: bool,
    /// A probe lives; `given_up`: and the core does not want it any more.
    pub probe: bool,
    pub given_up: bool,
    /// A connection or a time of a schedule is told to the core.
    pub awaited: bool,
    pub timer: bool,
    pub reload_timer: bool,
    pub probe_timer: bool,
    pub watchdog_timer: bool,
}

impl std::hash::Hash for Outside {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let lives = [self.main, self.check, self.stop, self.reload];
        let flags = [self.group, self.asked, self.probe, self.given_up, self.awaited];
        let timers = [self.timer, self.reload_timer, self.probe_timer, self.watchdog_timer];
        let lives = lives.into_iter().fold(0, |bits, life| bits << 2 | life as u32);
        let flags = flags.into_iter().chain(timers);
        hasher.write_u32(flags.fold(lives, |bits, flag| bits << 1 | u32::from(flag)));
    }
}

/// The core and everything outside it.
#[derive(Debug)]
pub struct World {
    pub core: Core,
    pub outside: Vec<Outside>,
    pub shutdown_timer: bool,
    pub swept: Option<Sweep>,
    pub exit: Option<u8>,
    /// Who waits for an answer, in the order in which they asked.
    pub waiters: Vec<Waiter>,
    /// Plans that somebody may apply.
    pub plans: Rc<[Rc<Plan>]>,
    /// The plan that was in force before the last step, and the last one that somebody asked for.
    pub plan: Rc<Plan>,
    pub asked: Rc<Plan>,
}

/// What the explorer lets happen, to keep four services affordable.
#[derive(Clone, Copy, Debug)]
pub struct Freedom {
    /// Main processes may leave members in their group.
    pub leftovers: bool,
    /// Daemons may end with success too.
    pub good_exits: bool,
    /// Starts may fail, for a while or for good.
    pub spawn_faults: bool,
    /// Somebody may wait for what is asked for, ask for reloads and apply other plans.
    pub waiters: bool,
    /// Services that can speak say what they like, as sd_notify(3) has it.
    pub speech: bool,
}

pub const ALL: Freedom =
    Freedom { leftovers: true, good_exits: true, spawn_faults: true, waiters: false, speech: true };
/// All that may happen, and all that may be asked for.
pub const ASKED: Freedom = Freedom { waiters: true, ..ALL };
/// The same, with few ways to fail.
pub const ASKED_FEW: Freedom = Freedom { waiters: true, ..FEW };
pub const FEW: Freedom =
    Freedom { leftovers: false, good_exits: false, spawn_faults: false, waiters: false, speech: true };

impl Clone for World {
    fn clone(&self) -> Self {
        Self {
            core: self.core.clone(),
            outside: self.outside.clone(),
            shutdown_timer: self.shutdown_timer,
            swept: self.swept,
            exit: self.exit,
            waiters: self.waiters.clone(),
            plans: Rc::clone(&self.plans),
            plan: Rc::clone(&self.plan),
            asked: Rc::clone(&self.asked),
        }
    }

    /// In the memory that is there: the exploration does little else.
    fn clone_from(&mut self, from: &Self) {
        self.core.clone_from(&from.core);
        self.outside.clone_from(&from.outside);
        (self.shutdown_timer, self.swept, self.exit) = (from.shutdown_timer, from.swept, from.exit);
        self.waiters.clone_from(&from.waiters);
        self.plans.clone_from(&from.plans);
        self.plan.clone_from(&from.plan);
        self.asked.clone_from(&from.asked);
    }
}

impl World {
    pub fn new(plan: Plan) -> Self {
        Self::with_plans(vec![plan])
    }

    /// The first plan is the one to begin with. All are as long as the longest, so each may follow each.
    pub fn with_plans(mut plans: Vec<Plan>) -> Self {
        let plan = Rc::new(plans[0].clone());
        let longest = plans.iter().map(|plan| plan.services.len()).max().unwrap_or(0);
        for plan in &mut plans {
            plan.services.resize_with(longest, Service::tombstone);
        }
        let plans: Rc<[Rc<Plan>]> = plans.into_iter().map(Rc::new).collect();
        Self {
            core: Core::new(Rc::clone(&plan), 1),
            outside: vec![Outside::default(); plan.services.len()],
            shutdown_timer: false,
            swept: None,
            exit: None,
            waiters: Vec::new(),
            plans,
            asked: Rc::clone(&plan),
            plan,
        }
    }

    /// Lets an event happen: the world changes, the core decides, the world obeys. Returns what the core did.
    pub fn happen(&mut self, now: u64, event: Event) -> Result<Vec<Action>, String> {
        self.before(&event);
        let mut actions = Vec::new();
        self.core.step(now, event, &mut actions);
        for action in &actions {
            self.obey(action)?;
        }
        self.plan = Rc::clone(self.core.plan());
        for id in self.core.plan().ids() {
            // What the core does not wait for, nobody watches: what a successful oneshot left, what was given up.
            self.outside[id.index()].group &= self.core.svc(id).live.group;
        }
        for action in &actions {
            if let Action::Reply(ticket, answer) = *action {
                self.answered(ticket, answer)?;
            }
        }
        match self.waiters.first() {
            Some(waiter) if self.exit.is_some() => Err(format!("{waiter:?} was never answered")),
            _ => Ok(actions),
        }
    }

    fn life(&mut self, proc: Proc) -> &mut Life {
        let outside = &mut self.outside[proc.id.index()];
        match proc.role {
            Role::Main => &mut outside.main,
            Role::Check => &mut outside.check,
            Role::Stop => &mut outside.stop,
            Role::Reload => &mut outside.reload,
            Role::Probe => unreachable!("the core hears nothing of the processes of probes"),
        }
    }

    fn before(&mut self, event: &Event) {
        match *event {
            Event::Checked(id, _) => self.outside[id.index()].asked = false,
            Event::Spawned(proc) => *self.life(proc) = Life::Running,
            Event::SpawnFailed(proc, _) => *self.life(proc) = Life::None,
            Event::Exited { proc, leftover, .. } => {
                *self.life(proc) = Life::None;
                if proc.role == Role::Main {
                    self.outside[proc.id.index()].group = leftover;
                }
            }
            Event::Vacated(id) => self.outside[id.index()].group = false,
            Event::Timer(Timer::Service(id)) => self.outside[id.index()].timer = false,
            Event::Timer(Timer::Shutdown) => self.shutdown_timer = false,
            Event::Timer(Timer::Reload(id)) => self.outside[id.index()].reload_timer = false,
            Event::Timer(Timer::Probe(id)) => self.outside[id.index()].probe_timer = false,
            Event::Timer(Timer::Watchdog(id)) => self.outside[id.index()].watchdog_timer = false,
            Event::Probed(id, _) => {
                let outside = &mut self.outside[id.index()];
                (outside.probe, outside.given_up) = (false, false);
            }
            // A connection is told once; a schedule goes on.
            Event::Triggered(id) => {
                self.outside[id.index()].awaited &= self.core.plan().service(id).schedule.is_some();
            }
            Event::Request(request, Some(ticket)) => {
                self.waiters.push(Waiter::new(&self.core, ticket, request))
            }
            Event::Cancel(ticket) => self.waiters.retain(|waiter| waiter.ticket != ticket),
            Event::Replace(ref plan, ticket) => {
                if self.core.phase() == Phase::Running {
                    self.asked = Rc::clone(plan);
                }
                self.waiters.extend(ticket.map(|ticket| Waiter::for_plan(ticket, plan)));
            }
            Event::Boot | Event::Request(_, None) | Event::NoChildren => {}
            Event::Ready(_) | Event::Leaving(_) | Event::Reloading(_) => {}
            Event::Extend(..) | Event::Alive(_) | Event::Watch(..) | Event::Hung(_) => {}
        }
    }

    fn obey(&mut self, action: &Action) -> Result<(), String> {
        if self.exit.is_some() {
            return Err(format!("{action:?} after the exit"));
        }
        match *action {
            Action::Check(id) => self.outside[id.index()].asked = true,
            Action::Spawn(proc) => {
                if *self.life(proc) != Life::None {
                    return Err(format!("a second process for {proc:?}"));
                }
                *self.life(proc) = Life::Spawning;
                self.waiters.iter_mut().for_each(|waiter| waiter.spawned |= waiter.is_about(proc));
            }
            Action::Stop(id) => {
                let outside = self.outside[id.index()];
                if outside.main == Life::None && !outside.group {
                    return Err(format!("a stop signal for {id:?}, which has no process"));
                }
            }
            Action::Kill(proc) => {
                let group = self.outside[proc.id.index()].group && proc.role == Role::Main;
                if *self.life(proc) == Life::None && !group {
                    return Err(format!("SIGKILL for {proc:?}, which does not live"));
                }
            }
            Action::Arm(Timer::Service(id), _) => self.outside[id.index()].timer = true,
            Action::Arm(Timer::Shutdown, _) => self.shutdown_timer = true,
            Action::Disarm(Timer::Service(id)) => self.outside[id.index()].timer = false,
            Action::Disarm(Timer::Shutdown) => self.shutdown_timer = false,
            Action::Sweep(sweep) => self.swept = Some(sweep),
            Action::Arm(Timer::Reload(id), _) => self.outside[id.index()].reload_timer = true,
            Action::Disarm(Timer::Reload(id)) => self.outside[id.index()].reload_timer = false,
            Action::Reload(id) | Action::Abort(id) | Action::EndInput(id) => {
                if self.outside[id.index()].main != Life::Running {
                    return Err(format!("{action:?}, and it has no process"));
                }
            }
            Action::Arm(Timer::Probe(id), _) => self.outside[id.index()].probe_timer = true,
            Action::Disarm(Timer::Probe(id)) => self.outside[id.index()].probe_timer = false,
            Action::Arm(Timer::Watchdog(id), _) => self.outside[id.index()].watchdog_timer = true,
            Action::Disarm(Timer::Watchdog(id)) => self.outside[id.index()].watchdog_timer = false,
            Action::Probe(id) => {
                let outside = &mut self.outside[id.index()];
                if std::mem::replace(&mut outside.probe, true) || outside.main != Life::Running {
                    return Err(format!("a probe of {id:?}: {outside:?}"));
                }
            }
            Action::Abandon(id) => {
                let outside = &mut self.outside[id.index()];
                if std::mem::replace(&mut outside.given_up, true) || !outside.probe {
                    return Err(format!("a probe of {id:?} given up: {outside:?}"));
                }
            }
            Action::Await(id) => {
                if std::mem::replace(&mut self.outside[id.index()].awaited, true) {
                    return Err(format!("{id:?} is awaited already"));
                }
            }
            Action::Forget(id) => {
                if !std::mem::take(&mut self.outside[id.index()].awaited) {
                    return Err(format!("{id:?} is forgotten and was not awaited"));
                }
            }
            Action::Replaced => self.replaced()?,
            // An answer is judged when the step is over.
            Action::Reply(..) | Action::Announce(_) => {}
            Action::Exit(code) => self.exit = Some(code),
        }
        Ok(())
    }

    /// The plan is another one: nothing may be left of what it does away with.
    fn replaced(&mut self) -> Result<(), String> {
        let (old, new) = (Rc::clone(&self.plan), Rc::clone(self.core.plan()));
        if !Rc::ptr_eq(&new, &self.asked) {
            return Err("a plan is in force that nobody asked for last".to_owned());
        }
        for id in old.ids().filter(|id| invariants::retires(&old, &new, *id)) {
            let Outside { timer, awaited, probe, .. } = self.outside[id.index()];
            if self.has_process(id) || timer || awaited || probe {
                return Err(format!("the plan is swapped while something of {id:?} lives"));
            }
        }
        self.outside.resize(new.services.len(), Outside::default());
        Ok(())
    }

    /// Everything that may happen next without anybody asking for it.
    pub fn events(&self, freedom: Freedom) -> Vec<Event> {
        if self.exit.is_some() {
            return Vec::new();
        }
        if let Some(asked) = self.outside.iter().position(|o| o.asked) {
            let id = Id(u32::try_from(asked).unwrap_or(0));
            return vec![Event::Checked(id, true), Event::Checked(id, false)];
        }
        let mut events = Vec::new();
        for id in self.core.plan().ids() {
            let outside = self.outside[id.index()];
            for (role, life) in [
                (Role::Main, outside.main),
                (Role::Check, outside.check),
                (Role::Stop, outside.stop),
                (Role::Reload, outside.reload),
            ] {
                self.process_events(Proc { id, role }, life, freedom, &mut events);
            }
            if outside.group {
                events.push(Event::Vacated(id));
            }
            if outside.timer {
                events.push(Event::Timer(Timer::Service(id)));
            }
            if outside.reload_timer {
                events.push(Event::Timer(Timer::Reload(id)));
            }
            if outside.probe {
                events.extend([true, false].map(|success| Event::Probed(id, success)));
            }
            if outside.probe_timer {
                events.push(Event::Timer(Timer::Probe(id)));
            }
            if outside.watchdog_timer {
                events.push(Event::Timer(Timer::Watchdog(id)));
            }
            if outside.awaited {
                events.push(Event::Triggered(id));
            }
            if freedom.speech && outside.main == Life::Running {
                self.speech(id, &mut events);
            }
        }
        if self.shutdown_timer {
            events.push(Event::Timer(Timer::Shutdown));
        }
        if self.swept.is_some() && !self.anything_lives() {
            events.push(Event::NoChildren);
        }
        events
    }

    /// What a service that runs may say, at any time.
    fn speech(&self, id: Id, events: &mut Vec<Event>) {
        let service = self.core.plan().service(id);
        let silent = matches!(service.ready.sign, Sign::Exec | Sign::Delay(_) | Sign::Probe(_));
        if !silent || service.reload.notify {
            events.push(Event::Ready(id));
        }
        if service.reload.notify {
            events.push(Event::Reloading(id));
        }
        if service.health.watchdog.is_some() {
            events.extend([Event::Alive(id), Event::Watch(id, 0), Event::Watch(id, 1), Event::Hung(id)]);
        }
        if service.speaks_notify() {
            events.extend([Event::Leaving(id), Event::Extend(id, 100_000)]);
        }
    }

    fn process_events(&self, proc: Proc, life: Life, freedom: Freedom, events: &mut Vec<Event>) {
        let kind = self.core.plan().service(proc.id).kind;
        match life {
            Life::None => {}
            Life::Spawning => {
                events.push(Event::Spawned(proc));
                if freedom.spawn_faults {
                    for (temporary, code) in [(true, 1), (false, 127)] {
                        events.push(Event::SpawnFailed(proc, Fault { temporary, code }));
                    }
                }
            }
            Life::Running => {
                let group = freedom.leftovers && proc.role == Role::Main;
                let good = freedom.good_exits || proc.role != Role::Main || kind == Kind::Oneshot;
                for (code, given) in [(0, good), (3, true)] {
                    for leftover in [false, true] {
                        if given && (group || !leftover) {
                            events.push(Event::Exited { proc, exit: Exit::Code(code), leftover });
                        }
                    }
                }
            }
        }
    }

    /// Everything that somebody may ask for. Who asks waits for the answer unless somebody waits already; as they may leave
    /// at once, asking without waiting is covered by that.
    pub fn requests(&self, freedom: Freedom) -> Vec<Event> {
        if self.exit.is_some() || self.outside.iter().any(|o| o.asked) {
            return Vec::new();
        }
        let ids = || self.core.plan().ids().filter(|id| !self.core.plan().service(*id).is_tombstone());
        let mut requests: Vec<_> =
            ids().flat_map(|id| [Request::Start(id), Request::Stop(id), Request::Restart(id)]).collect();
        requests.push(Request::Shutdown(None));
        if !freedom.waiters {
            return requests.into_iter().map(|request| Event::Request(request, None)).collect();
        }
        requests.extend(ids().map(Request::Reload));
        let ticket = self.waiters.is_empty().then_some(Ticket(0));
        if ticket.is_some() {
            requests.extend(
                ids().flat_map(|id| [Goal::Ready, Goal::Stopped].map(|goal| Request::Await(id, goal))),
            );
        }
        let mut events: Vec<_> =
            requests.into_iter().map(|request| Event::Request(request, ticket)).collect();
        if self.plans.len() > 1 {
            // Who applies over somebody else's apply waits too, to see the first one answered.
            let applied = |waiter: &Waiter| waiter.plan.is_some();
            let ticket = match self.waiters.as_slice() {
                [waiter] if applied(waiter) => Some(Ticket(1 - waiter.ticket.0)),
                _ => ticket,
            };
            events.extend(self.plans.iter().map(|plan| Event::Replace(Rc::clone(plan), ticket)));
        }
        events.extend(self.waiters.iter().map(|waiter| Event::Cancel(waiter.ticket)));
        events
    }

    fn has_process(&self, id: Id) -> bool {
        let o = self.outside[id.index()];
        o.probe || [o.main, o.check, o.stop, o.reload].iter().any(|life| *life != Life::None)
    }

    pub fn lives(&self, id: Id) -> bool {
        let o = self.outside[id.index()];
        o.group || self.has_process(id)
    }

    pub fn anything_lives(&self) -> bool {
        self.core.plan().ids().any(|id| self.lives(id))
    }

    /// Two worlds with the same key have the same future.
    pub fn key(&self) -> u128 {
        use std::hash::Hash;
        let mut hasher = Fnv::default();
        self.core.hash_key(&mut hasher);
        (&self.outside, self.shutdown_timer, self.swept, self.exit, &self.waiters).hash(&mut hasher);
        hasher.key()
    }
}

/// The signal that kills.
pub fn killed() -> Exit {
    Exit::Signal { signal: Signal::KILL, core: false }
}
