//! The decisions: a deterministic state machine, events in, actions out.
//!
//! No I/O, no pids, no clock, no runtime. [`Core::step`] takes one [`Event`], lets it change the one service that it
//! names, then settles: every service moves, one legal step at a time, toward what it should be, until nothing moves.
//!
//! ```text
//!            ┌──────────────────────── inactive ◄───────────────────┐
//!            │ requirements satisfied     ▲ ▲                       │ stopped
//!            ▼                            │ │ delay over            │
//!        checking ──► skipped             │ backoff            stopping ◄─── no longer meant to run
//!            │                            │  ▲                      ▲
//!            ▼           crash            │  │ and again            │
//!        starting ───────────────────►────┴──┴──► failed            │
//!            │ exec, delay, sign          ▲                         │
//!            ▼           crash            │                         │
//!          ready ─────────────────────────┴─────────────────────────┘
//!            │ ended well, not to be restarted; a oneshot: success
//!            ▼
//!          done                 blocked: inactive, and a requirement cannot become satisfied
//! ```
//!
//! Words, used everywhere with one meaning:
//! - *want*: somebody asked for the service itself (at boot: `enabled`). *Target*: wanted, or required or wanted by a
//!   service with a target, and not *held* (stopped on purpose).
//! - *Satisfied*: what a requirement must be before a dependent starts ([`Core::satisfied`]).
//! - *Off*: not meant to be up: no target, or a requirement that is off or failed for good.
//! - *Doomed*: has to come down: off, or asked to restart, or a requirement is doomed, or one of `restart-with` is not
//!   satisfied.
//! - *Standing*: something that must be taken down before what it depends on.
//!
//! - *Retiring*: off, because the plan that is to come removes it or changes its process.
//!
//! A service that is started by a connection or by its schedule is *armed* instead of inactive while it waits for that.
//!
//! At most one live process per (service, role), so the core needs no pid and no generation counter. A service has one
//! timer whose meaning follows from the state ([`Core::needs_timer`]), and one each for its reload, its probes and its
//! watchdog; a disarmed timer never fires.
//!
//! When all has settled, those who wait for something are answered ([`Ticket`], [`Answer`]): an answer is true of the
//! state that it is given in.

mod event;
mod jobs;
mod probe;
mod reload;
mod replace;
mod request;
mod restart;
mod service;
mod settle;
mod shutdown;
mod state;
mod stop;
mod trigger;
mod view;
mod watchdog;

pub use event::{
    Action, Answer, Cause, Event, Fault, Goal, Next, Notice, Proc, Reason, Request, Role, Sweep, Ticket,
    Timer,
};
pub use state::{Flaw, Live, Phase, Said, Stage, Starting, State, Svc, Then};
pub use view::{ServiceView, StateName, Why};

use crate::model::{Id, Kind, Plan, Service};
use jobs::Job;
use replace::{Coming, Rising};
use std::rc::Rc;

/// Milliseconds of a monotonic clock. The core never reads one: time is data.
pub type Millis = u64;

/// The state of the whole tree.
#[derive(Debug)]
pub struct Core {
    plan: Rc<Plan>,
    graph: Rc<Graph>,
    svc: Vec<Svc>,
    phase: Phase,
    /// Why the container ends, once that is decided.
    cause: Option<Cause>,
    /// Mixed into the jitter of delays, so that containers started together do not restart together.
    seed: u64,
    /// Who waits for an answer, in the order in which they asked.
    jobs: Vec<Job>,
    /// The plan that is to be carried out next.
    coming: Option<Coming>,
    /// What the last new plan has to bring up.
    rising: Rising,
    /// Services whose target or doom may have changed; empty between steps.
    stale: Pending,
    /// Services that may have become blocked; empty between steps.
    doubtful: Pending,
    /// Services that may be able to move; empty between steps.
    movable: Pending,
}

impl Clone for Core {
    fn clone(&self) -> Self {
        let Self { plan, graph, svc, phase, cause, seed, jobs, coming, rising, stale, doubtful, movable } =
            self;
        Self {
            plan: Rc::clone(plan),
            graph: Rc::clone(graph),
            svc: svc.clone(),
            phase: *phase,
            cause: *cause,
            seed: *seed,
            jobs: jobs.clone(),
            coming: coming.clone(),
            rising: rising.clone(),
            stale: stale.clone(),
            doubtful: doubtful.clone(),
            movable: movable.clone(),
        }
    }

    /// Into the memory that is there, for an exploration does little else.
    fn clone_from(&mut self, from: &Self) {
        let Self { plan, graph, svc, phase, cause, seed, jobs, coming, rising, stale, doubtful, movable } =
            self;
        plan.clone_from(&from.plan);
        graph.clone_from(&from.graph);
        svc.clone_from(&from.svc);
        (*phase, *cause, *seed) = (from.phase, from.cause, from.seed);
        jobs.clone_from(&from.jobs);
        coming.clone_from(&from.coming);
        rising.ids.clone_from(&from.rising.ids);
        rising.decided = from.rising.decided;
        for (set, from) in [(stale, &from.stale), (doubtful, &from.doubtful), (movable, &from.movable)] {
            set.words.clone_from(&from.words);
            set.first = from.first;
        }
    }
}

impl Core {
    /// A tree in which nothing runs yet. The first event is [`Event::Boot`].
    #[must_use]
    pub fn new(plan: Rc<Plan>, seed: u64) -> Self {
        let graph = Rc::new(Graph::new(&plan));
        let svc = plan.services.iter().map(Svc::new).collect();
        let [stale, doubtful, movable] = [const { Pending::new() }; 3];
        Self {
            plan,
            graph,
            svc,
            phase: Phase::Running,
            cause: None,
            seed,
            jobs: Vec::new(),
            coming: None,
            rising: Rising::default(),
            stale,
            doubtful,
            movable,
        }
    }

    /// Takes one event and appends what is to be done, in order.
    ///
    /// An event that does not fit the state (a late exec report of a process that is being stopped, say) changes nothing,
    /// and none does after [`Action::Exit`].
    pub fn step(&mut self, now: Millis, event: Event, out: &mut Vec<Action>) {
        if self.phase == Phase::Over {
            return;
        }
        let mut turn = Turn { now, out };
        match event {
            Event::Boot => self.all_stale(),
            Event::Request(request, ticket) => self.request(request, ticket, &mut turn),
            Event::Cancel(ticket) => self.cancel(ticket),
            Event::Replace(plan, ticket) => self.replace(plan, ticket),
            Event::Checked(id, holds) => self.checked(id, holds, &mut turn),
            Event::Spawned(proc) => self.spawned(proc, &mut turn),
            Event::SpawnFailed(proc, fault) => self.spawn_failed(proc, fault, &mut turn),
            Event::Exited { proc, exit, leftover } => self.exited(proc, exit, leftover, &mut turn),
            Event::Vacated(id) => self.vacated(id, &mut turn),
            Event::Timer(Timer::Service(id)) => self.service_timer(id, &mut turn),
            Event::Timer(Timer::Reload(id)) => self.reload_timer(id, &mut turn),
            Event::Timer(Timer::Probe(id)) => self.probe_timer(id, &mut turn),
            Event::Timer(Timer::Watchdog(id)) => self.watchdog_timer(id, &mut turn),
            Event::Ready(id) => self.said_ready(id, &mut turn),
            Event::Probed(id, success) => self.probed(id, success, &mut turn),
            Event::Leaving(id) => self.leaves(id, &mut turn),
            Event::Reloading(id) => self.said_reloading(id),
            Event::Extend(id, time) => self.extend(id, time, &mut turn),
            Event::Alive(id) => self.alive(id, &mut turn),
            Event::Watch(id, interval) => self.watch(id, interval, &mut turn),
            Event::Hung(id) => self.hung(id, &mut turn),
            Event::Triggered(id) => self.triggered(id, &mut turn),
            Event::Timer(Timer::Shutdown) => self.shutdown_timer(&mut turn),
            Event::NoChildren => self.no_children(&mut turn),
        }
        self.settle(&mut turn);
        self.reply(false, &mut turn);
    }

    /// The plan that is carried out.
    #[must_use]
    pub fn plan(&self) -> &Rc<Plan> {
        &self.plan
    }

    /// What is known of one service.
    #[must_use]
    pub fn svc(&self, id: Id) -> &Svc {
        &self.svc[id.index()]
    }

    /// How far the end of the container is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Who requires this service.
    #[must_use]
    pub fn required_by(&self, id: Id) -> &[Id] {
        &self.graph.required_by[id.index()]
    }

    /// Who starts after and stops before this service.
    #[must_use]
    pub fn ordered_after(&self, id: Id) -> &[Id] {
        &self.graph.ordered_after[id.index()]
    }

    /// Who requires or wants this service.
    #[must_use]
    pub fn pulled_by(&self, id: Id) -> &[Id] {
        &self.graph.pulled_by[id.index()]
    }

    /// A daemon or target is ready, a oneshot has ended with success, the service was skipped by its conditions, or it waits
    /// for a connection or a time.
    #[must_use]
    pub fn satisfied(&self, id: Id) -> bool {
        match self.svc(id).state {
            State::Ready | State::Armed | State::Skipped => true,
            State::Done => self.plan.service(id).kind == Kind::Oneshot,
            _ => false,
        }
    }

    /// Whether the state needs its timer: it is armed exactly then.
    #[must_use]
    pub fn needs_timer(&self, id: Id) -> bool {
        let svc = self.svc(id);
        match svc.state {
            State::Checking { command } => command,
            State::Starting(Starting::Delay | Starting::Sign) | State::Backoff => true,
            State::Ready => svc.failures > 0,
            State::Stopping { stage: Stage::Command | Stage::Input | Stage::Signal, .. } => true,
            // A killed process ends by itself; a killed group whose last member somebody else must reap may not.
            State::Stopping { stage: Stage::Kill, .. } => svc.live.only_group(),
            _ => false,
        }
    }

    /// Hashes everything that decides the future, times and last exits left out: equal keys behave alike.
    pub fn hash_key(&self, hasher: &mut impl std::hash::Hasher) {
        use std::hash::Hash;
        self.phase.hash(hasher);
        for s in &self.svc {
            let flags = [s.want, s.held, s.again, s.checked, s.retiring, s.reload_again, s.reload_killed];
            let more =
                [s.demanded, s.queued, s.awaiting, s.run_failed, s.probe_dropped, s.watchdog.is_some()];
            let Live { main, check, stop, reload, probe, group } = s.live;
            let flags = flags.into_iter().chain(more).chain([main, check, stop, reload, probe, group]);
            let flags = flags.fold(0u32, |bits, flag| bits << 1 | u32::from(flag));
            (s.state, flags, s.failures, s.misses, s.reload_said).hash(hasher);
        }
        self.jobs.hash(hasher);
        (self.rising.ids.as_slice(), self.rising.decided).hash(hasher);
        // Plans are told apart by where they are.
        (Rc::as_ptr(&self.plan), self.coming.as_ref().map(|p| Rc::as_ptr(&p.plan))).hash(hasher);
    }

    fn svc_mut(&mut self, id: Id) -> &mut Svc {
        &mut self.svc[id.index()]
    }
}

/// What a step has at hand besides the state.
struct Turn<'a> {
    now: Millis,
    out: &'a mut Vec<Action>,
}

impl Turn<'_> {
    fn act(&mut self, action: Action) {
        self.out.push(action);
    }

    fn say(&mut self, notice: Notice) {
        self.out.push(Action::Announce(notice));
    }

    fn disarm(&mut self, id: Id) {
        self.out.push(Action::Disarm(Timer::Service(id)));
    }
}

fn millis(duration: std::time::Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

/// The edges of the plan against their direction.
#[derive(Debug)]
struct Graph {
    required_by: Vec<Box<[Id]>>,
    pulled_by: Vec<Box<[Id]>>,
    ordered_after: Vec<Box<[Id]>>,
}

impl Graph {
    fn new(plan: &Plan) -> Self {
        let reverse = |edges: fn(&Service) -> [&[Id]; 3]| -> Vec<Box<[Id]>> {
            let mut reversed: Vec<Vec<Id>> = vec![Vec::new(); plan.services.len()];
            for id in plan.ids() {
                for &below in edges(plan.service(id)).into_iter().flatten() {
                    let above = &mut reversed[below.index()];
                    // Edges from one service come together, so one that is there twice is the last.
                    if above.last() != Some(&id) {
                        above.push(id);
                    }
                }
            }
            reversed.into_iter().map(Vec::into_boxed_slice).collect()
        };
        Self {
            required_by: reverse(|s| [&s.requires, &[], &[]]),
            pulled_by: reverse(|s| [&s.requires, &s.wants, &[]]),
            ordered_after: reverse(|s| [&s.requires, &s.wants, &s.after]),
        }
    }
}

/// A set of services that is worked off in order of number; a bit each, for it lives in every copy of the core.
#[derive(Clone, Debug)]
struct Pending {
    words: Vec<u64>,
    /// No bit is set in the words before this one.
    first: usize,
}

impl Pending {
    const fn new() -> Self {
        Self { words: Vec::new(), first: 0 }
    }

    fn push(&mut self, id: Id) {
        let word = id.index() / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (id.index() % 64);
        self.first = self.first.min(word);
    }

    fn pop(&mut self) -> Option<Id> {
        while let Some(word) = self.words.get_mut(self.first) {
            if *word != 0 {
                let bit = word.trailing_zeros();
                *word &= *word - 1;
                return u32::try_from(self.first * 64).ok().map(|base| Id(base + bit));
            }
            self.first += 1;
        }
        self.words.clear();
        self.first = 0;
        None
    }
}
