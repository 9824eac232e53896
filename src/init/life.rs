//! The life of an init: takes signals and the dead, lets [`Mind`] decide, and does what it says. Nothing is allocated
//! here while the child lives, and nothing wakes it but signals.

use super::decide::{Action, Event, Jobs, Mind, Origin};
use super::options::{Options, Subreaper};
use super::say::{DEBUG, Dialect, FATAL, Note, Voice, WARN};
use crate::model::{Exit, Signal};
use crate::sys::foreground::{self, Left};
use crate::sys::init_child::{self, Began, InitChild, NotExecuted, Place};
use crate::sys::reap::{self, Next};
use crate::sys::signal::{self, Mask, Sent};
use crate::sys::{Pid, fds, own_pid, procs, taking};
use std::time::{Duration, Instant};

/// How many dead are taken before signals are looked at again.
const BATCH: usize = 1024;
/// SIGCHLD alone.
const DEATHS: Mask = 1 << 16;

/// Is an init until its child, and whom it is to wait for, have ended; gives the exit code.
pub fn live(mut options: Options) -> u8 {
    let began = init_child::begin(options.free);
    if let Err(code) = prepare(&mut options) {
        return code;
    }
    let orphaned = options.parent_death.filter(|signal| init_child::set_parent_death(*signal));
    let life = Life {
        mind: Mind::new(options.rules.clone()),
        voice: options.voice,
        options,
        began,
        child: None,
        refused: 0,
        deadline: None,
        orphaned,
        rested: false,
        blind: false,
    };
    life.run()
}

/// What an init asks of the kernel before it has a child.
fn prepare(options: &mut Options) -> Result<(), u8> {
    let (first, voice) = (own_pid() == 1, options.voice);
    if first && options.rules.jobs == Jobs::Follow {
        // Nothing stops PID 1, and no shell above it would continue it.
        options.rules.jobs = Jobs::None;
    }
    let adopts = first
        || match options.subreaper {
            Subreaper::Try | Subreaper::Must => reap::set_child_subreaper(),
            Subreaper::Warn | Subreaper::No => reap::is_child_subreaper(),
        };
    match options.subreaper {
        Subreaper::Must if !adopts => {
            voice.print(
                FATAL,
                format_args!("cannot adopt orphans: the kernel refuses it (PR_SET_CHILD_SUBREAPER)"),
            );
            return Err(1);
        }
        Subreaper::Warn if !adopts => voice.print(WARN, format_args!("{NOT_PID_1}")),
        _ => {}
    }
    if options.place == Place::Session {
        match foreground::leave_terminal() {
            Left::NotOurs => voice.print(DEBUG, format_args!("Unable to detach from controlling tty.")),
            Left::Member => {
                let text = "Detached from controlling tty, but was not session leader.";
                voice.print(DEBUG, format_args!("{text}"));
            }
            Left::Leader => {
                let text = "Detached from controlling tty, ignoring the first SIGHUP and SIGCONT we receive.";
                voice.print(DEBUG, format_args!("{text}"));
            }
        }
    }
    Ok(())
}

/// In the words of tini, the one that warns of it.
const NOT_PID_1: &str = "Tini is not running as PID 1 and isn't registered as a child subreaper.
Zombie processes will not be re-parented to Tini, so zombie reaping won't work.
To fix the problem, use the -s option or set the environment variable TINI_SUBREAPER to register Tini as a child subreaper, \
or run Tini as PID 1.";

struct Life {
    mind: Mind,
    voice: Voice,
    options: Options,
    began: Began,
    child: Option<InitChild>,
    /// Number of errno(3) of the last refusal to make a process.
    refused: i32,
    deadline: Option<Instant>,
    /// The parent had died before the kernel was asked to tell of that by this signal.
    orphaned: Option<Signal>,
    /// What only the start needed has been given back.
    rested: bool,
    /// A signal to everybody below could not be sent, for they cannot be found.
    blind: bool,
}

/// What follows from an action.
enum Then {
    Nothing,
    Event(Event),
    Exit(u8),
}

impl Life {
    fn run(mut self) -> u8 {
        let mut so_far = self.obey(|mind, act| mind.begin(act)).and_then(|next| self.follow(next));
        loop {
            match so_far {
                Ok(()) => so_far = self.turn(),
                Err(code) => return code,
            }
        }
    }

    /// Takes all the dead, and then a signal, or waits for one. The exit code, when it is over.
    fn turn(&mut self) -> Result<(), u8> {
        let more = self.sweep()?;
        if self.mind.listens()
            && let Some(signal) = self.orphaned.take()
        {
            return self.feed(Event::Signal(signal.number().try_into().unwrap_or(0), Origin::Kernel));
        }
        let set = if self.mind.listens() { Mask::MAX & !self.options.free } else { DEATHS };
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let taken = if more || left.is_some() || self.rested {
            taking::take(set, if more { Some(Duration::ZERO) } else { left })
        } else {
            self.rested = true;
            taking::take_at_rest(set)
        };
        match taken {
            Some(taken) => {
                // A line that nobody reads makes a SIGPIPE, which would make a line.
                if taken.origin != Origin::Own {
                    self.voice.note(&Note::Received(taken.number));
                }
                self.feed(Event::Signal(taken.number, taken.origin))
            }
            None if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                self.deadline = None;
                self.feed(Event::Timer)
            }
            None => Ok(()),
        }
    }

    /// Takes the dead; whether there may be more of them.
    fn sweep(&mut self) -> Result<bool, u8> {
        let stops = self.options.rules.jobs == Jobs::Follow;
        for _ in 0..BATCH {
            let alone = match reap::next(stops) {
                Next::Dead { pid, exit } => {
                    self.died(pid, exit)?;
                    continue;
                }
                Next::Stopped { pid } => {
                    if self.pid() == Some(pid) {
                        self.feed(Event::Stopped)?;
                    }
                    continue;
                }
                Next::Running => false,
                Next::None => true,
            };
            return self.feed(Event::Swept { alone }).map(|()| false);
        }
        self.feed(Event::Swept { alone: false }).map(|()| true)
    }

    fn died(&mut self, pid: Pid, exit: Exit) -> Result<(), u8> {
        self.voice.note(&Note::Reaped(pid, exit));
        match self.child.take() {
            Some(child) if child.pid == pid => match child.failure() {
                Some(failure) => {
                    let code = self.not_executed(failure);
                    self.feed(Event::Failed(code))
                }
                None => {
                    self.voice.note(&Note::Ended(exit));
                    self.child = Some(child);
                    let result = self.feed(Event::Ended(exit.shell_code()));
                    // From here on its number may mean another process.
                    self.child = None;
                    result
                }
            },
            other => {
                self.child = other;
                if self.options.warn_on_reap {
                    self.voice.note(&Note::Zombie(pid));
                }
                Ok(())
            }
        }
    }

    fn pid(&self) -> Option<Pid> {
        self.child.as_ref().map(|child| child.pid)
    }

    fn feed(&mut self, event: Event) -> Result<(), u8> {
        self.follow(Some(event))
    }

    /// Tells of an event, and of what follows from that.
    fn follow(&mut self, mut next: Option<Event>) -> Result<(), u8> {
        while let Some(event) = next.take() {
            next = self.obey(|mind, act| mind.step(event, act))?;
        }
        Ok(())
    }

    /// Lets the mind decide and does what it says; what follows at once from that, or the exit code.
    fn obey(&mut self, decide: impl FnOnce(&mut Mind, &mut dyn FnMut(Action))) -> Result<Option<Event>, u8> {
        // More than one event ever asks for.
        let (mut actions, mut count) = ([None; 4], 0);
        decide(&mut self.mind, &mut |action| {
            if let Some(place) = actions.get_mut(count) {
                *place = Some(action);
                count += 1;
            }
        });
        let mut follows = None;
        for action in actions.into_iter().flatten() {
            match self.perform(action) {
                Then::Nothing => {}
                Then::Event(event) => follows = Some(event),
                Then::Exit(code) => return Err(code),
            }
        }
        Ok(follows)
    }

    fn perform(&mut self, action: Action) -> Then {
        match action {
            Action::Start => return Then::Event(self.start()),
            Action::Pass { number, whole } => self.pass(number, whole),
            Action::Farewell(number) => {
                if let (Some(pid), Some(signal)) = (self.pid(), Signal::from_number(number.into())) {
                    signal::kill_group(pid, signal);
                }
            }
            Action::PassAll(number) => self.blind = !pass_all(number),
            Action::Arm(time) => {
                self.deadline = Instant::now().checked_add(Duration::from_millis(time.into()));
            }
            Action::HandOver => {
                let _ = self.pid().map(foreground::hand_over);
            }
            Action::TakeBack => self.pid().into_iter().for_each(foreground::take_back),
            Action::Suspend { group } => {
                if !taking::suspend(group) {
                    return Then::Event(Event::NotSuspended);
                }
            }
            Action::StopSelf => taking::stop_self(),
            Action::GiveUp => self.voice.note(&Note::GaveUp(self.refused)),
            Action::Abandon => self.voice.note(&Note::Abandoned { blind: self.blind }),
            Action::Exit(code) => return Then::Exit(code),
        }
        Then::Nothing
    }

    fn start(&mut self) -> Event {
        let options = &self.options;
        match init_child::start(&options.command, options.place, options.state, self.began) {
            Ok(child) => {
                let (pid, failure) = (child.pid, child.failure());
                self.child = Some(child);
                if let Some(failure) = failure {
                    return Event::Failed(self.not_executed(failure));
                }
                // Whoever waits for the other end of a pipe, or wants to unmount, waits for the child alone.
                fds::close_inherited();
                let _ = std::env::set_current_dir("/");
                self.voice.note(&Note::Spawned(pid, &self.name()));
                Event::Started
            }
            Err(errno) => {
                let again = matches!(errno, libc::EAGAIN | libc::ENOMEM);
                if again && self.refused == 0 {
                    self.voice.note(&Note::Retry(errno));
                }
                self.refused = errno;
                Event::Refused { again }
            }
        }
    }

    fn name(&self) -> std::borrow::Cow<'static, str> {
        self.options.command.first().map(|name| name.to_string_lossy()).unwrap_or_default()
    }

    /// Says why, and gives the exit code for it.
    fn not_executed(&self, failure: NotExecuted) -> u8 {
        let why = failure.explain(self.options.command.first().copied().unwrap_or_default());
        self.voice.note(&Note::NotExecuted { command: &self.name(), errno: failure.errno, why: &why });
        match (self.voice.dialect, failure.errno) {
            (Dialect::Foster, _) => why.exit_code(),
            (Dialect::Tini, libc::ENOENT) => 127,
            (Dialect::Tini, libc::EACCES) => 126,
            (Dialect::DumbInit, _) => 2,
            (Dialect::Tini | Dialect::Catatonit, _) => 1,
        }
    }

    fn pass(&self, number: u8, whole: bool) {
        let (Some(pid), Some(signal)) = (self.pid(), Signal::from_number(number.into())) else { return };
        let sent = if whole { signal::kill_family(pid, signal) } else { signal::kill(pid, signal) };
        self.voice.note(&match sent {
            Sent::Sent => Note::Passed(number),
            other => Note::NotPassed(number, other),
        });
    }
}

/// PID 1 reaches everybody of its container in one call, be they its children or not: they end with it anyway. Anybody else
/// looks for its own in /proc. False when that is not there.
fn pass_all(number: u8) -> bool {
    let Some(signal) = Signal::from_number(number.into()) else { return true };
    signal::kill_everything(signal) != Sent::Refused || procs::signal_descendants(signal, &[]).complete
}
