//! The loop: gathers facts, a turn at a time, until the core says that it is over.

use super::apply::{Applies, Asker, Origin};
use super::boot::{BootError, cannot};
use super::cgroups::Cgroups;
use super::control::Control;
use super::history::History;
use super::notify::{self, Notify};
use super::orphans::Orphans;
use super::output::Output;
use super::probes::Probes;
use super::procs::Procs;
use super::readiness::{Files, Newlines};
use super::schedule::Schedules;
use super::signals::{Inbox, Meaning, meaning};
use super::sockets::Sockets;
use super::terminal::Terminal;
use super::timers::Due;
use super::timers::Timers;
use super::upward::Upward;
use crate::control::api::{Apply, Outcome};
use crate::core::{Core, Event, Millis, Phase, Proc};
use crate::log::{OwnLines, consoles};
use crate::model::{Id, Plan, Signal};
use crate::sys::signal::Obituaries;
use crate::sys::{Method, Pid, Spawner, Watch, error_text, memory};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Events of the epoll by whose they are: the upper half of their data.
const OUTPUT: u32 = 0;
const REPORT: u64 = 1 << 32;
const ALARM: u64 = 2 << 32;
const DEATH: u64 = 4 << 32;
const READING: u64 = 8 << 32;
pub(super) const PROBE: u64 = 16 << 32;
pub(super) const FILES: u64 = 32 << 32;
const SCHEDULE: u64 = 64 << 32;
pub(super) const NOTIFY: u64 = 1 << 40;
/// With the number of a service in the lower half.
pub(super) const SOCKET: u64 = 1 << 41;
pub(super) const NEWLINE: u64 = 1 << 42;
pub(super) const MOVED: u64 = 1 << 43;
/// With the number of a descriptor in care in the lower half.
pub(super) const CARE: u64 = 1 << 44;
/// With the number of a service in the lower half.
pub(super) const LEFT: u64 = 1 << 45;
/// Bytes of output that one turn moves at most, so that a chatty service cannot delay a stop.
const OUTPUT_BUDGET: usize = 256 * 1024;
/// Deaths that one turn takes at most, so that a storm of orphans cannot either.
const DEATHS: usize = 512;
/// Events of the epoll that one turn looks at.
const EVENTS: usize = 64;
/// How long an outlet that takes nothing may delay the very end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The supervisor of one container.
pub(super) struct Shell {
    pub(super) plan: Rc<Plan>,
    pub(super) core: Core,
    pub(super) environment: Vec<(OsString, OsString)>,
    /// Where the configuration is read from anew.
    pub(super) origin: Origin,
    pub(super) applies: Applies,
    pub(super) procs: Procs,
    pub(super) probes: Probes,
    pub(super) files: Files,
    pub(super) notify: Notify,
    pub(super) newlines: Newlines,
    pub(super) sockets: Sockets,
    pub(super) upward: Option<Upward>,
    pub(super) orphans: Orphans,
    pub(super) cgroups: Cgroups,
    obituaries: Obituaries,
    /// Whether the epoll listens to them.
    listening: bool,
    pub(super) timers: Timers,
    pub(super) schedules: Schedules,
    pub(super) output: Output,
    /// When an outlet is to be tried again, as the timer has it.
    retry: Option<Instant>,
    pub(super) terminal: Terminal,
    pub(super) spawner: Spawner,
    /// Processes to be made, in order, as soon as the spawner has room.
    pub(super) spawns: VecDeque<Proc>,
    /// Facts that the core has had.
    pub(super) steps: u64,
    /// Facts for the core.
    pub(super) facts: VecDeque<Event>,
    pub(super) epoll: Epoll,
    pub(super) swept: bool,
    /// The end of the time for the shutdown, once that began.
    ends: Option<Instant>,
    /// Somebody died since the dead were last looked for. Looking costs more the more children there are.
    pub(super) deaths: bool,
    /// What can be started at once is not started yet.
    booting: bool,
    /// The epoll may have something to tell.
    readable: bool,
    pub(super) exit: Option<u8>,
    pub(super) inbox: Inbox,
    started: Instant,
    pub(super) history: History,
    pub(super) control: Control,
    /// What the spawn of each service last failed of, for the line that says so.
    pub(super) faults: Vec<Option<String>>,
    /// Which condition of a service that is skipped does not hold.
    pub(super) unmet: BTreeMap<Id, String>,
}

impl Shell {
    pub(super) fn new(
        plan: Rc<Plan>,
        environment: Vec<(OsString, OsString)>,
        origin: Origin,
        own: OwnLines,
        inbox: Inbox,
        control: Control,
    ) -> Result<Self, BootError> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(cannot("wait for events"))?;
        let timers = Timers::new().map_err(cannot("keep time"))?;
        epoll
            .add(timers.alarm(), EpollEvent::new(EpollFlags::EPOLLIN, ALARM))
            .map_err(cannot("keep time"))?;
        let obituaries = Obituaries::new().map_err(cannot("hear of deaths"))?;
        epoll
            .add(&obituaries, EpollEvent::new(EpollFlags::EPOLLIN, DEATH))
            .map_err(cannot("hear of deaths"))?;
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let consoles = consoles(stdout.as_fd(), stderr.as_fd());
        let output = Output::new(&plan, consoles, own, &epoll, OUTPUT).map_err(cannot("carry output"))?;
        let spawner = Spawner::new(Method::Shared).map_err(cannot("start processes"))?;
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
        let services = plan.services.len();
        let cgroups = Cgroups::open(&plan);
        Ok(Self {
            core: Core::new(Rc::clone(&plan), seed),
            plan,
            upward: Upward::new(&environment),
            environment,
            origin,
            applies: Applies::default(),
            procs: Procs::new(services),
            probes: Probes::default(),
            files: Files::default(),
            notify: Notify::default(),
            newlines: Newlines::default(),
            sockets: Sockets::default(),
            orphans: Orphans::new(),
            cgroups,
            obituaries,
            listening: true,
            timers,
            schedules: Schedules::default(),
            output,
            retry: None,
            terminal: Terminal::new(),
            spawner,
            spawns: VecDeque::new(),
            steps: 0,
            facts: VecDeque::from([Event::Boot]),
            epoll,
            swept: false,
            ends: None,
            deaths: true,
            booting: true,
            readable: false,
            exit: None,
            inbox,
            started: Instant::now(),
            history: History::new(services),
            control,
            faults: vec![None; services],
            unmet: BTreeMap::new(),
        })
    }

    pub(super) fn now(&self) -> Millis {
        Millis::try_from(self.running().as_millis()).unwrap_or(Millis::MAX)
    }

    /// For how long this supervisor has been running.
    pub(super) fn running(&self) -> Duration {
        self.started.elapsed()
    }

    /// Turns until the end; returns the exit code.
    pub(super) async fn supervise(&mut self) -> u8 {
        // The epoll is itself a descriptor, readable when it has something to tell.
        let watch = match Watch::new(self.epoll.0.as_fd()) {
            Ok(watch) => watch,
            Err(error) => {
                tracing::error!("cannot wait for events: {}", error_text(&error));
                return self.end(1);
            }
        };
        loop {
            let readable = self.readable;
            let busy = self.turn();
            if let Some(code) = self.exit {
                self.say_goodbye().await;
                return self.end(code);
            }
            if readable && !self.readable {
                watch.forget();
            }
            if busy {
                // Signals come through the runtime's own poll, so it gets a turn too; and who does not wait is not told
                // that there is something to see.
                self.readable = true;
                tokio::task::yield_now().await;
                continue;
            }
            self.keep_trying();
            self.timers.settle();
            let rang = EpollEvent::new(EpollFlags::EPOLLIN, SCHEDULE);
            self.schedules.settle(&self.epoll, rang);
            if self.booting && self.spawns.is_empty() && self.spawner.lent() == 0 {
                self.booting = false;
                self.spawner.calm();
                self.cgroups.begin_counting();
                memory::give_back();
            }
            tokio::select! {
                biased;
                signal = poll_fn(|context| self.inbox.poll(context)) => {
                    if let Some(signal) = signal {
                        self.signal(signal);
                    }
                }
                // It cannot fail while the runtime lives.
                _ = watch.readable() => self.readable = true,
                () = self.control.called() => {}
            }
        }
    }

    /// Comes back to an outlet that is to be tried again at a time.
    fn keep_trying(&mut self) {
        let retry = self.output.retry();
        if std::mem::replace(&mut self.retry, retry) == retry {
            return;
        }
        match retry {
            Some(time) => self.timers.arm(Due::Outlets, time.saturating_duration_since(Instant::now())),
            None => self.timers.disarm(Due::Outlets),
        }
    }

    /// The last words, for as long as somebody listens.
    fn end(&mut self, code: u8) -> u8 {
        self.close_notify();
        self.cgroups.close(&self.plan);
        let now = Instant::now();
        let end = self.ends.unwrap_or(now + self.plan.settings.shutdown_timeout);
        self.output.finish(LAST_WORDS, end.max(now + LAST_WORDS));
        code
    }

    /// Goes through all sources once. True when there is more to do at once.
    fn turn(&mut self) -> bool {
        self.signals();
        self.settle();
        if self.readable {
            // Only a look that found nothing may be taken for "nothing is there": what the epoll still has to tell would
            // not be told again.
            self.readable = self.events() > 0;
            self.settle();
        }
        // Before the dead: a word counts also when its sender has ended since.
        if self.notify.waits {
            self.take_notifications(notify::SHARE);
        }
        let more_deaths = self.look_for_the_dead(DEATHS);
        self.settle();
        while let Some(due) = self.timers.pop() {
            match due {
                Due::Core(timer) => {
                    let fact = self.due(timer);
                    self.facts.push_back(fact);
                }
                Due::Groups => self.look_at_groups(),
                Due::Dead => self.deaths = true,
                // The output looks itself what is due.
                Due::Outlets => {}
                Due::File(id) => self.look_for_file(id),
                Due::Connection(id) => self.look_for_connections(id),
                Due::Reading => self.reading_is_late(),
                Due::Apply(number) => self.end_waiting(number),
                Due::Request(number) => self.close_request(number, Outcome::Timeout),
            }
            self.settle();
        }
        let more_calls = self.answer_calls();
        let more_output = self.output.turn(OUTPUT_BUDGET);
        if self.take_lines_found() {
            self.settle();
        }
        self.tell_followers();
        self.look_whether_up();
        self.tell_progress();
        more_deaths || more_calls || more_output || self.readable || self.deaths || self.may_start()
    }

    /// Takes the signals that have arrived.
    fn signals(&mut self) {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(Some(signal)) = self.inbox.poll(&mut context) {
            self.signal(signal);
        }
    }

    fn signal(&mut self, signal: Signal) {
        let meaning = meaning(signal, &self.plan.settings);
        match meaning {
            Meaning::Shutdown => {
                tracing::info!("{signal} received");
                self.facts.extend(meaning.request().map(|request| Event::Request(request, None)));
            }
            Meaning::Apply => {
                self.output.reopen_files();
                self.apply(Apply::default(), Asker::Hangup);
            }
            Meaning::Status => self.print_status(),
            Meaning::Forward => self.forward(signal),
        }
    }

    /// Looks what the epoll has to tell; returns how much that was.
    fn events(&mut self) -> usize {
        let mut events = [EpollEvent::empty(); EVENTS];
        let count = self.epoll.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
        for event in events.iter().take(count) {
            let data = event.data();
            if self.output.event(data) {
                continue;
            }
            if data == ALARM {
                self.timers.rang();
            } else if data == DEATH {
                self.obituaries.read();
                self.deaths = true;
            } else if data == SCHEDULE {
                self.schedules_rang();
            } else if data == READING {
                self.read_on();
            } else if data == FILES {
                self.look_for_files();
            } else if data & PROBE != 0 {
                self.go_on_probing(Id((data & u64::from(u32::MAX)) as u32));
            } else if data & REPORT != 0 {
                self.report(Pid::try_from(data & u64::from(u32::MAX)).unwrap_or_default());
            } else if data == NOTIFY {
                self.notify.waits = true;
            } else {
                self.event_of(data, u32::try_from(data & u64::from(u32::MAX)).unwrap_or_default());
            }
        }
        count
    }

    /// The event is of a service or of a descriptor in care, by its number.
    fn event_of(&mut self, data: u64, number: u32) {
        if data & SOCKET != 0 {
            self.connected(Id(number));
        } else if data & NEWLINE != 0 {
            self.read_newline(Id(number));
        } else if data & MOVED != 0 {
            self.moved_main_ended(Id(number));
        } else if data & CARE != 0 {
            self.care_is_over(number);
        } else if data & LEFT != 0 {
            self.cgroup_changed(Id(number));
        }
    }

    /// Whether a death is to wake the shell.
    pub(super) fn listen_to_deaths(&mut self, listen: bool) {
        if listen == self.listening {
            return;
        }
        let flags = if listen { EpollFlags::EPOLLIN } else { EpollFlags::empty() };
        if self.epoll.modify(&self.obituaries, &mut EpollEvent::new(flags, DEATH)).is_ok() {
            self.listening = listen;
        }
    }

    /// The data of the event that a report is there.
    pub(super) fn report_event(pid: Pid) -> EpollEvent {
        EpollEvent::new(EpollFlags::EPOLLIN, REPORT | u64::from(pid.unsigned_abs()))
    }

    /// The event that the process that reads the configuration has something to say.
    pub(super) fn reading_event() -> EpollEvent {
        EpollEvent::new(EpollFlags::EPOLLIN, READING)
    }

    /// Feeds the core until it has nothing more to say, and starts what can be started.
    ///
    /// What could not be started is told at once, but what the core makes of it is left in the queue for the next turn:
    /// a restart without a delay would be tried here for ever, and nobody would be listened to meanwhile.
    pub(super) fn settle(&mut self) {
        self.feed();
        self.start_queued();
        self.feed();
    }

    fn feed(&mut self) {
        let mut actions = Vec::new();
        while let Some(fact) = self.facts.pop_front() {
            match &fact {
                // A plan is long, and holds values of variables.
                Event::Replace(..) => tracing::trace!("Replace"),
                fact => tracing::trace!("{fact:?}"),
            }
            let now = self.now();
            self.steps += 1;
            self.core.step(now, fact, &mut actions);
            if self.ends.is_none() && self.core.phase() != Phase::Running {
                self.ends = Some(Instant::now() + self.plan.settings.shutdown_timeout);
            }
            for action in actions.drain(..) {
                self.perform(action);
            }
        }
    }

    /// Whether the container is past its services.
    pub(super) fn is_sweeping(&self) -> bool {
        self.swept && matches!(self.core.phase(), Phase::Sweeping { .. } | Phase::Killing)
    }
}
