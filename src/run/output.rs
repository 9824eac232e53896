//! The output of the services: from their pipes, as whole lines, into memory and to where their sinks lead.
//!
//! Every service has one pipe per stream, made at its first start and held open across restarts, so that a line
//! outlives the process that wrote it. Their read ends are in the shell's epoll instance. A turn of the shell goes:
//!
//! 1. `epoll.wait` with timeout zero; each event that [`Output::event`] does not want is the shell's own;
//! 2. … the shell's other work …
//! 3. [`Output::turn`] with a budget of bytes. When it returns true, the next turn must not wait.
//!
//! The epoll is level-triggered but the reactor around it is not: the shell may clear the readiness of the epoll's own
//! descriptor only after an `epoll.wait` that gave no event.
//!
//! A line goes into the memory of its service and to each of its outlets, in the format of that sink. When an outlet does not
//! keep up, its buffer fills to a mark; the streams that go there are then left alone until it took enough (writability is
//! an event like any other), and their writers wait in write(2). Nothing is lost, PID 1 does not wait, and its memory
//! stays bounded: the mark, plus what one read can become with a prefix before each line. Who would rather lose lines
//! (`on-full = "drop"`) is read on.

mod files;
mod finish;
mod loggers;
mod logs;
mod outlets;
mod own;
mod pipe;
mod replace;
mod rest;
mod seek;
mod source;

pub use logs::{Cursor, Entry};
pub use pipe::Count;

use crate::log::{
    Console, End, Format, Line, Notice, OwnLines, Stamp, Stream, Style, TimeText, colour_wanted,
};
use crate::model::{Id, LogLevel, Plan, StderrTo};
use crate::sys::Pid;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use outlets::{Key, Outlets};
use pipe::{Pipe, Taken};
use rest::Resting;
use source::{Source, Way};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Instant, SystemTime};

/// The most that is read from one stream before the next has its share.
const SHARE: usize = 64 * 1024;
/// What a read counts for at least, so that a turn has a bounded number of them.
const LEAST: usize = 4 * 1024;
/// Event data from here on (in the lower half) stand for outlets, below for streams.
const OUTLETS: u32 = 1 << 31;
/// This one for all log files.
const FILES: u32 = u32::MAX;

/// Which stream or outlet an event is of.
type Token = u32;

/// The streams of all services, their outlets, and what lies between them.
#[derive(Debug)]
pub struct Output {
    epoll: Epoll,
    /// The upper half of this room's event data; the lower half says which stream or outlet.
    tag: u32,
    sources: Vec<Source>,
    /// The source of each service, by id; beyond the end of [`Output::sources`] for the id of none.
    of: Vec<u32>,
    /// Sources without a service: those to be used again, and how many are still to be emptied.
    free: Vec<u32>,
    retired: usize,
    /// Counts [`Output::replace`].
    epoch: u32,
    clock: Clock,
    time: TimeText,
    outlets: Outlets,
    own: OwnLines,
    own_format: Format,
    /// Standard output and standard error, for services that inherit them; made for the first of those.
    inherited: [Option<OwnedFd>; 2],
    /// Streams with something to read, in the order in which they have their share.
    queue: VecDeque<Token>,
    paused: Vec<Token>,
    resting: Resting,
    /// The outlets to loggers whose input is to end.
    ending: Vec<u32>,
    /// The services that wrote the line that is sought.
    found: Vec<Id>,
    buffer: Box<[u8]>,
}

/// Gives lines their stamps.
#[derive(Debug)]
struct Clock {
    began: Instant,
    last: u64,
}

impl Clock {
    /// Looks what time it is. Once for all lines of one read: they follow each other by a nanosecond.
    fn look(&mut self) {
        self.last = self.last.max(u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }

    /// The first of so many stamps.
    fn next(&mut self, count: usize) -> Stamp {
        let first = self.last.saturating_add(1);
        self.last = self.last.saturating_add(count as u64);
        Stamp(first)
    }
}

impl Output {
    /// For the services of a plan. Events of `epoll` with `tag` in the upper half of their data are this room's; the epoll
    /// instance is shared, not copied.
    ///
    /// # Errors
    /// When descriptors or memory are short.
    pub fn new(
        plan: &Plan,
        consoles: Vec<Console>,
        own: OwnLines,
        epoll: &Epoll,
        tag: u32,
    ) -> io::Result<Self> {
        let [own_epoll, outlets] = [Epoll(epoll.0.try_clone()?), Epoll(epoll.0.try_clone()?)];
        let mut outlets = Outlets::new(outlets, tag);
        for (index, console) in consoles.into_iter().enumerate() {
            let coloured = colour_wanted(console.is_terminal(), |name| std::env::var_os(name));
            let name = if index == 0 { "standard output" } else { "standard error" };
            outlets.add(Key::Console(index), name.to_owned(), Box::new(console), coloured)?;
        }
        let mut output = Self {
            epoll: own_epoll,
            tag,
            sources: Vec::new(),
            of: Vec::new(),
            free: Vec::new(),
            retired: 0,
            epoch: 0,
            clock: Clock { began: Instant::now(), last: 0 },
            time: TimeText::default(),
            outlets,
            own,
            own_format: Format::own(plan.settings.log_format, Style::default()),
            inherited: [None, None],
            queue: VecDeque::new(),
            paused: Vec::new(),
            resting: Resting::default(),
            ending: Vec::new(),
            found: Vec::new(),
            buffer: vec![0; SHARE].into_boxed_slice(),
        };
        output.replace(plan, &[]);
        output.epoch = 0;
        Ok(output)
    }

    /// The descriptors that a new process of the service gets as fd 1 and fd 2: ends of its pipes, which are made at the
    /// first call, or the supervisor's own.
    ///
    /// # Errors
    /// When descriptors or memory are short; what exists stays as it is, and a later call tries again.
    pub fn open(&mut self, id: Id) -> io::Result<[BorrowedFd<'_>; 2]> {
        let tag = self.tag;
        let at = self.at(id).ok_or(io::ErrorKind::NotFound)?;
        let source = self.sources.get_mut(at).ok_or(io::ErrorKind::NotFound)?;
        let (inherits, stderr) = (source.inherits, source.stderr);
        if inherits && self.inherited[0].is_none() {
            let own =
                [io::stdout().as_fd().try_clone_to_owned()?, io::stderr().as_fd().try_clone_to_owned()?];
            self.inherited = own.map(Some);
        }
        for stream in Stream::BOTH {
            let slot = &mut source.pipes[stream.index()];
            let apart = stream == Stream::Out || stderr != StderrTo::Stdout;
            let needed = if inherits { stream == Stream::Err && stderr == StderrTo::Null } else { apart };
            if slot.is_none() && needed {
                let pipe = Pipe::new()?;
                let event = EpollEvent::new(EpollFlags::EPOLLIN, data(tag, stream_token(at, stream)));
                self.epoll.add(pipe.reader(), event)?;
                *slot = Some(Box::new(pipe));
            }
        }
        let own = |stream: Stream| self.inherited[stream.index()].as_ref().map(AsFd::as_fd);
        let [out, err] = source.pipes.each_ref().map(|pipe| pipe.as_ref().map(|pipe| pipe.writer()));
        let (out, err) = if inherits {
            let out = own(Stream::Out);
            let merged = if stderr == StderrTo::Stdout { out } else { own(Stream::Err) };
            (out, err.or(merged))
        } else {
            (out, err.or(out))
        };
        out.zip(err).map(|(out, err)| [out, err]).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Takes note of an event of the epoll, without acting yet. False if its data are not this room's.
    pub fn event(&mut self, data: u64) -> bool {
        let [tag, token] = [data >> 32, data & u64::from(u32::MAX)].map(|half| half as u32);
        if tag != self.tag {
            return false;
        }
        if token == FILES {
            self.outlets.files_rang();
        } else if let Some(at) = token.checked_sub(OUTLETS) {
            self.outlets.rang(at);
        } else if let Some(pipe) = self.pipe_mut(token)
            && !pipe.queued
        {
            pipe.queued = true;
            self.queue.push_back(token);
        }
        true
    }

    /// Moves output along: reads up to `budget` bytes (somewhat more at most) in fair shares, and writes what the
    /// outlets take. True when there is more to do at once.
    pub fn turn(&mut self, budget: usize) -> bool {
        self.wake_resting();
        self.settle();
        let mut left = budget;
        while left > 0
            && let Some(token) = self.queue.pop_front()
        {
            let Some(pipe) = self.pipe_mut(token) else { continue };
            pipe.queued = false;
            let (at, stream) = of_token(token);
            if self.comes_later(at, stream) || self.is_held_up(at, stream) {
                self.pause(token);
                continue;
            }
            // A whole share, though it exceeds the budget: the rest of one would always fall to the same.
            let taken = self.read(at, stream, SHARE);
            left = left.saturating_sub(taken.count.max(LEAST));
            let now = self.clock.last;
            let Some(pipe) = self.pipe_mut(token) else { continue };
            let rests = pipe.should_rest(now, taken);
            if taken.more {
                pipe.queued = true;
                self.queue.push_back(token);
            } else if rests {
                self.rest(token);
            }
        }
        self.settle();
        if self.retired > 0 {
            self.bury_sources();
        }
        !self.queue.is_empty()
    }

    /// When [`Output::turn`] is to be called though nothing happens; none: not at all.
    #[must_use]
    pub fn retry(&self) -> Option<Instant> {
        [self.outlets.retry(), self.resting.until()].into_iter().flatten().min()
    }

    /// A process of the service ended: takes what it wrote out of its pipes, the last line too if it has no newline.
    /// To be called before the end is announced. What a stalled outlet does not take now stays in the pipe and is
    /// still told from the output of the next process; descendants that go on writing are not waited for.
    pub fn drain(&mut self, id: Id) {
        if let Some(at) = self.at(id) {
            self.drain_source(at);
        }
    }

    fn drain_source(&mut self, at: usize) {
        self.take_own();
        for stream in Stream::BOTH {
            self.look_at_the_clock(at);
            let Self { sources, clock, time, outlets, found, .. } = self;
            let Some((mut way, pipe)) = sources.get_mut(at).and_then(|source| source.way(at, stream, found))
            else {
                continue;
            };
            pipe.cut(|block| way.pass(clock.next(block.lines), block, true, time, outlets));
            self.read_to_cut(at, stream);
        }
        self.settle();
    }

    /// A new main process of the service has been made: what comes from now on is its output, as far as
    /// [`Output::last_lines`] goes.
    pub fn begin(&mut self, id: Id, pid: Pid) {
        let Some(source) = self.at(id).and_then(|at| self.sources.get_mut(at)) else { return };
        source.pid = Some(pid);
        source.routes.iter_mut().for_each(|route| route.format.set_pid(Some(pid)));
        source.begins = source.is_cut();
        if !source.begins {
            source.tail.begin();
        }
    }

    /// The newest `count` lines of the last main process of a service, oldest first.
    pub fn last_lines(&mut self, id: Id, count: usize) -> impl Iterator<Item = (Stream, Line<'_>)> {
        let source = self.at(id).and_then(|at| self.sources.get_mut(at));
        source.into_iter().flat_map(move |source| source.tail.last_lines(count))
    }

    fn at(&self, id: Id) -> Option<usize> {
        self.of.get(id.index()).map(|at| *at as usize)
    }

    /// How many bytes wait for the outlets.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.outlets.all().map(|(_, slot)| slot.outlet.pending()).sum()
    }

    fn is_held_up(&mut self, at: usize, stream: Stream) -> bool {
        self.sources.get(at).is_some_and(|source| source.is_held_up(stream, &mut self.outlets))
    }

    fn comes_later(&self, at: usize, stream: Stream) -> bool {
        self.sources.get(at).is_some_and(|source| source.comes_later(stream, &self.outlets))
    }

    /// Reads what is left of processes that ended, as far as the outlets go along.
    fn read_to_cut(&mut self, at: usize, stream: Stream) {
        let is_cut = |output: &Self| {
            let source = output.sources.get(at);
            source.and_then(|source| source.pipes[stream.index()].as_ref()).is_some_and(|pipe| pipe.is_cut())
        };
        while is_cut(self) && !self.is_held_up(at, stream) {
            self.read(at, stream, SHARE);
        }
    }

    /// One read from a stream, its lines to wherever they go.
    fn read(&mut self, at: usize, stream: Stream, most: usize) -> Taken {
        let nothing = Taken { count: 0, more: false };
        self.look_at_the_clock(at);
        let Self { sources, buffer, clock, time, outlets, found, .. } = self;
        let Some(source) = sources.get_mut(at) else { return nothing };
        let Some((mut way, pipe)) = source.way(at, stream, found) else { return nothing };
        let is_ours = !pipe.is_cut();
        let most = most.min(buffer.len());
        let taken = pipe.read(&mut buffer[..most], |block| {
            way.pass(clock.next(block.lines), block, is_ours, time, outlets);
        });
        if source.begins && !source.is_cut() {
            source.begins = false;
            source.tail.begin();
        }
        taken
    }

    fn look_at_the_clock(&mut self, at: usize) {
        self.clock.look();
        if self.sources.get(at).is_some_and(Source::needs_time) {
            self.time.set(SystemTime::now());
        }
    }

    /// Writes what the outlets take, has the epoll wait for those that stall, and lets streams go on whose outlets have
    /// room again.
    fn settle(&mut self) {
        if self.outlets.retry().is_some_and(|time| time <= Instant::now()) {
            self.outlets.try_again(Instant::now());
        }
        // What one outlet has to tell goes to another, which may then have something to tell too; once.
        for _ in 0..2 {
            self.take_own();
            self.end_inputs();
            self.outlets.flush_all();
            for (at, notice) in self.outlets.take_notices() {
                self.tell(at, &notice);
            }
        }
        if std::mem::take(&mut self.outlets.resumable) {
            self.resume();
        }
    }

    /// Takes a stream out of the epoll's sight. Only those that have something to say come here, so a stall costs
    /// nothing for the many that are silent.
    fn pause(&mut self, token: Token) {
        let event = EpollEvent::new(EpollFlags::empty(), data(self.tag, token));
        if self.watch(token, event, true) {
            self.paused.push(token);
        }
    }

    /// Lets those go on that have room again, before all others: each had no share when its turn came.
    fn resume(&mut self) {
        let mut first = VecDeque::new();
        for token in std::mem::take(&mut self.paused) {
            let (at, stream) = of_token(token);
            let event = EpollEvent::new(EpollFlags::EPOLLIN, data(self.tag, token));
            if self.is_held_up(at, stream) || !self.watch(token, event, false) {
                self.paused.push(token);
            } else if let Some(pipe) = self.pipe_mut(token).filter(|pipe| !pipe.queued) {
                pipe.queued = true;
                first.push_back(token);
            }
        }
        first.append(&mut self.queue);
        self.queue = first;
    }

    /// Tells the epoll what to wait for on a stream. False if nothing changed.
    fn watch(&mut self, token: Token, mut event: EpollEvent, paused: bool) -> bool {
        let (at, stream) = of_token(token);
        let Some(source) = self.sources.get_mut(at) else { return false };
        let Some(pipe) = &mut source.pipes[stream.index()] else { return false };
        if pipe.paused == paused || self.epoll.modify(pipe.reader(), &mut event).is_err() {
            return false;
        }
        pipe.paused = paused;
        true
    }

    /// Says that an outlet fails, or works again: on another, if it is a console.
    fn tell(&mut self, at: u32, notice: &Notice) {
        let Some(slot) = self.outlets.get(at) else { return };
        let (name, console) = (&slot.name, matches!(slot.key, Key::Console(_)));
        let text = match notice {
            Notice::Failing(why) if console => {
                format!("cannot write to {name}: {why}; output is dropped until it works again")
            }
            Notice::Failing(why) => format!("cannot write to {name}: {why}; trying again until it works"),
            Notice::Recovered(0) => format!("{name} works again"),
            Notice::Recovered(lost) => format!("{name} works again; {lost} bytes of output were dropped"),
            Notice::Told(text) => text.clone(),
        };
        let other = match notice {
            Notice::Failing(_) if console => {
                let out = self.outlets.console(Stream::Out);
                if at == out { self.outlets.console(Stream::Err) } else { out }
            }
            Notice::Recovered(_) if console => at,
            _ => return self.own.push(LogLevel::Warn, text.as_bytes()),
        };
        if other == at && matches!(notice, Notice::Failing(_)) {
            return;
        }
        if self.own_format.needs_time() {
            self.time.set(SystemTime::now());
        }
        let line = Line { bytes: text.as_bytes(), end: End::Newline };
        let Self { own_format, time, outlets, .. } = self;
        outlets.put_own(other, |coloured, to| {
            own_format.append_own(line, LogLevel::Warn, time, coloured, to);
        });
    }

    fn pipe_mut(&mut self, token: Token) -> Option<&mut Pipe> {
        let (at, stream) = of_token(token);
        self.sources.get_mut(at)?.pipes[stream.index()].as_deref_mut()
    }
}

impl Source {
    /// What lines of a stream go through, and the pipe that they come out of.
    fn way<'a>(
        &'a mut self,
        at: usize,
        stream: Stream,
        found: &'a mut Vec<Id>,
    ) -> Option<(Way<'a>, &'a mut Pipe)> {
        let Self { routes, on_full, tail, pipes, sought, dropped, .. } = self;
        let pipe = pipes[stream.index()].as_deref_mut()?;
        Some((Way { at, stream, routes, on_full: *on_full, tail, dropped, sought, found }, pipe))
    }
}

fn data(tag: u32, token: Token) -> u64 {
    u64::from(tag) << 32 | u64::from(token)
}

fn outlet_token(at: u32) -> Token {
    OUTLETS.saturating_add(at)
}

fn stream_token(source: usize, stream: Stream) -> Token {
    // Sources are indices of a list in memory, far below half of the range.
    (source as u32).wrapping_mul(2) | u32::from(stream == Stream::Err)
}

fn of_token(token: Token) -> (usize, Stream) {
    ((token / 2) as usize, if token.is_multiple_of(2) { Stream::Out } else { Stream::Err })
}
