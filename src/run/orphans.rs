//! Processes that nobody of this program made: adopted when their parent died.

use super::shell::Shell;
use super::timers::Due;
use crate::core::{Event, Phase, Proc, Role, State, Sweep, Timer};
use crate::model::{Exit, Id};
use crate::sys::reap::{self, Peek};
use crate::sys::{Pid, signal};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The first and the longest interval between looks at groups that are being cleared away.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LAST_LOOK: Duration = Duration::from_millis(320);
/// So many turns in a row that found dead orphans, each within [`STORM_GAP`] of the one before, are a storm.
const STORM_TURNS: u32 = 32;
const STORM_GAP: Duration = Duration::from_millis(3);
/// In a storm the dead wait for each other, for a turn costs more than a reaping. The wait is adapted so that a few are
/// found together, no more: who counts processes (a pids limit) counts the dead too.
const FEW: std::ops::RangeInclusive<u64> = 4..=12;
const SHORTEST_WAIT: Duration = Duration::from_micros(125);
const LONGEST_WAIT: Duration = Duration::from_millis(2);
/// Orphans of an unknown session that one look for the dead looks up in /proc; none in a storm.
const LOOKUPS: u32 = 16;

/// What is known of them. Their number is unbounded, what is kept is not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Orphans {
    /// How many were reaped.
    pub(super) reaped: u64,
    /// The last interval between looks at groups.
    pause: Duration,
    /// The last turn that found dead orphans, and how many before it followed each other closely.
    last: Instant,
    turns: u32,
    /// How long the dead wait for each other.
    wait: Duration,
    /// How many may be looked up in /proc until the next look for the dead.
    lookups: u32,
}

impl Orphans {
    pub(super) fn new() -> Self {
        Self {
            reaped: 0,
            pause: FIRST_LOOK,
            last: Instant::now(),
            turns: 0,
            wait: SHORTEST_WAIT,
            lookups: LOOKUPS,
        }
    }
}

impl Shell {
    /// Looks for the dead, if somebody died. True when there may be more.
    pub(super) fn look_for_the_dead(&mut self, budget: usize) -> bool {
        if !std::mem::take(&mut self.deaths) {
            return false;
        }
        self.look_at_the_terminal();
        let before = self.orphans.reaped;
        self.deaths = self.reap(budget);
        let found = self.orphans.reaped - before;
        let now = Instant::now();
        let close = now.duration_since(self.orphans.last) < STORM_GAP;
        if found > 0 {
            self.orphans.turns = if close { self.orphans.turns.saturating_add(1) } else { 0 };
            self.orphans.last = now;
        }
        // A look that found nobody came for one who was taken along with those before, and is no calm.
        let storm = close && self.orphans.turns >= STORM_TURNS;
        if storm {
            let wait = self.orphans.wait;
            self.orphans.wait = match found {
                few if few < *FEW.start() => (wait * 2).min(LONGEST_WAIT),
                many if many > *FEW.end() => (wait / 2).max(SHORTEST_WAIT),
                _ => wait,
            };
            self.timers.arm(Due::Dead, self.orphans.wait);
        } else {
            self.orphans.wait = SHORTEST_WAIT;
        }
        self.orphans.lookups = if storm { 0 } else { LOOKUPS };
        self.listen_to_deaths(!storm);
        self.deaths
    }

    /// Takes up to `budget` dead children, ours and adopted. True when there may be more.
    fn reap(&mut self, budget: usize) -> bool {
        for taken in 0..budget {
            match reap::peek() {
                Peek::Running => {
                    if taken > 0 && self.core.phase() == Phase::Killing {
                        // Who is not PID 1 of a namespace cannot reach everybody at once, only again.
                        self.signal_all(Sweep::Kill);
                    }
                    return false;
                }
                Peek::None => {
                    if self.is_sweeping() {
                        self.facts.push_back(Event::NoChildren);
                    }
                    return false;
                }
                Peek::Dead { pid, exit } => {
                    let flooded = self.hear_the_dead();
                    match self.procs.get_mut(pid) {
                        Some(_) => self.bury(pid, exit),
                        None if self.applies.is_reader(pid) => {
                            reap::consume(pid);
                            self.bury_reader(exit);
                        }
                        None => self.adopt(pid, exit),
                    }
                    if flooded {
                        return true;
                    }
                }
            }
        }
        true
    }

    /// A process of a service has died: first what it reported and wrote, then its end.
    fn bury(&mut self, pid: Pid, exit: Exit) {
        self.report(pid);
        let Some(entry) = self.procs.get_mut(pid) else { return };
        if let Proc { id, role: Role::Main } = entry.proc {
            self.read_newline(id);
            self.expect_no_newline(id);
            self.forget_moved(id);
        }
        let Some(entry) = self.procs.remove(pid) else { return };
        let proc = entry.proc;
        if proc.role == Role::Probe {
            self.bury_probe(proc.id, pid, exit);
            reap::consume(pid);
            return self.settle();
        }
        self.terminal.ended(pid, exit);
        self.output.drain(proc.id);
        self.take_lines_found();
        reap::consume(pid);
        tracing::debug!("{}: process {pid} ended", self.name(proc.id));
        if entry.failed {
            // Its report said it all.
            return self.settle();
        }
        let decides = self.core.svc(proc.id).state == State::Checking { command: true };
        if proc.role == Role::Check && exit != Exit::Code(0) && decides {
            self.unmet(proc.id, Some(format!("its command {}", super::report::ended(exit))));
        }
        if proc.role == Role::Main {
            let exit = self.cause(proc.id, exit);
            return self.main_ended(proc.id, exit, entry.group);
        }
        self.facts.push_back(Event::Exited { proc, exit, leftover: false });
        self.settle();
    }

    /// The main process of a service, of this group, has ended and was waited for.
    pub(super) fn main_ended(&mut self, id: Id, exit: Exit, group: Pid) {
        self.note_end(id, exit);
        let leftover = self.has_left(id, group);
        self.facts.push_back(Event::Exited { proc: Proc { id, role: Role::Main }, exit, leftover });
        self.settle();
        self.tell_the_rest(id, group);
        self.look_after_group(id);
    }

    /// Its main process has ended, which the core knows.
    fn look_after_group(&mut self, id: Id) {
        if self.core.svc(id).live.group {
            if !self.await_empty(id) {
                self.orphans.pause = FIRST_LOOK;
                self.timers.arm(Due::Groups, FIRST_LOOK);
            }
        } else {
            // It is nobody's business: what a oneshot that did its work left running.
            self.procs.set_group(id, None);
        }
    }

    /// Looks whether what dead main processes left in their groups is still there. A death tells, but a process that
    /// makes a session of its own (a server that becomes a daemon) leaves its group in silence.
    pub(super) fn look_at_groups(&mut self) {
        let plan = Rc::clone(&self.plan);
        for id in plan.ids().filter(|id| self.core.svc(*id).live.group).collect::<Vec<_>>() {
            if self.is_cleared(id) {
                self.vacate(id);
            }
        }
        self.settle();
        if plan.ids().any(|id| self.core.svc(id).live.group) {
            self.orphans.pause = (self.orphans.pause * 2).min(LAST_LOOK);
            self.timers.arm(Due::Groups, self.orphans.pause);
        }
    }

    fn vacate(&mut self, id: Id) {
        self.procs.set_group(id, None);
        self.facts.push_back(Event::Vacated(id));
    }

    /// What it means that a timer is due. The last member of a group may have been reaped by a parent outside of it,
    /// which nobody tells; then there is nothing left to be late.
    pub(super) fn due(&mut self, timer: Timer) -> Event {
        if let Timer::Service(id) = timer
            && self.core.svc(id).live.only_group()
            && self.is_cleared(id)
        {
            self.procs.set_group(id, None);
            return Event::Vacated(id);
        }
        Event::Timer(timer)
    }

    fn adopt(&mut self, pid: Pid, exit: Exit) {
        // A zombie still has its session and group; afterwards nobody knows.
        let session = reap::session_of(pid);
        let group = if self.procs.any_group() { reap::group_of(pid) } else { None };
        let mut id = session.and_then(|session| self.procs.of_session(session));
        if id.is_none() && self.orphans.lookups > 0 {
            self.orphans.lookups -= 1;
            id = self.by_cgroup(pid);
        }
        // One that was a main process, until another took its place.
        self.terminal.ended(pid, exit);
        reap::consume(pid);
        self.orphans.reaped += 1;
        self.procs.adopt(id);
        match id {
            Some(id) => tracing::debug!(
                "{}: reaped its orphan, process {pid}, {}",
                self.name(id),
                super::report::ended(exit)
            ),
            None => tracing::debug!("reaped an orphan, process {pid}, {}", super::report::ended(exit)),
        }
        if let Some(group) = group
            && let Some(id) = self.procs.clearing(group)
            && !signal::group_exists(group)
        {
            self.vacate(id);
            self.settle();
        }
    }
}
