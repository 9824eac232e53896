//! The output of the services: from their pipes, as whole lines, to the console and into the memory.
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
//! When the console does not keep up, its buffer fills to a mark; the streams that go there are then left alone until
//! the console took enough (writability is an event like any other), and their writers wait in write(2). Nothing is
//! lost, PID 1 does not wait, and its memory stays bounded: the mark, plus what one read can become with a prefix before
//! each line.

mod finish;
mod logs;
mod pipe;
mod replace;
mod seek;

pub use logs::{Cursor, Entry};
pub use pipe::Count;

use crate::log::{
    Consoles, End, Line, Notice, Outlet, OwnLines, Prefix, Progress, Stamp, Stream, Style, Tail,
    colour_wanted,
};
use crate::model::{Id, LogLevel};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use pipe::{Pipe, Taken};
use seek::Sought;
use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// The most that is read from one stream before the next has its share.
const SHARE: usize = 64 * 1024;
/// What a read counts for at least, so that a turn has a bounded number of them.
const LEAST: usize = 4 * 1024;
/// When so much waits for a console, it is written before more is read.
const BATCH: usize = 64 * 1024;
/// Event data from here on (in the lower half) stand for consoles, below for streams.
const CONSOLES: u32 = u32::MAX - 1;

/// The streams of all services, the consoles, and what lies between them.
#[derive(Debug)]
pub struct Output {
    epoll: Epoll,
    /// The upper half of this room's event data; the lower half says which stream or console.
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
    consoles: Consoles,
    /// Per console: coloured, the epoll is told to wait for it, the epoll can.
    coloured: [bool; 2],
    armed: [bool; 2],
    pollable: [bool; 2],
    own: OwnLines,
    own_prefix: Prefix,
    /// Streams with something to read, in the order in which they have their share.
    queue: VecDeque<u32>,
    paused: Vec<u32>,
    /// The services that wrote the line that is sought.
    found: Vec<Id>,
    buffer: Box<[u8]>,
}

/// What one service writes.
#[derive(Debug)]
struct Source {
    prefix: Prefix,
    tail: Tail,
    pipes: [Option<Box<Pipe>>; 2],
    /// Since when it belongs to this service: tells it from an earlier one in the same place.
    born: Stamp,
    /// Its service is gone, and what is in its pipes is still to be told.
    retired: bool,
    /// A process was started while output of the one before was still in a pipe.
    begins: bool,
    sought: Option<Box<Sought>>,
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

    fn next(&mut self) -> Stamp {
        self.last = self.last.saturating_add(1);
        Stamp(self.last)
    }
}

impl Output {
    /// For the services with these names, in the order of their ids. Events of `epoll` with `tag` in the upper half
    /// of their data are this room's; the epoll instance is shared, not copied.
    ///
    /// # Errors
    /// When descriptors or memory are short.
    pub fn new(
        names: &[&str],
        consoles: Consoles,
        own: OwnLines,
        epoll: &Epoll,
        tag: u32,
    ) -> io::Result<Self> {
        let coloured =
            [0, 1].map(|c| colour_wanted(consoles.get(c).is_terminal(), |name| std::env::var_os(name)));
        let style = Style::new(names.iter().copied(), coloured.contains(&true));
        let source = |(index, name): (usize, &&str)| Source::new(style, name, index, Stamp(0));
        let mut output = Self {
            epoll: Epoll(epoll.0.try_clone()?),
            tag,
            sources: names.iter().enumerate().map(source).collect(),
            of: (0..u32::try_from(names.len()).unwrap_or(u32::MAX)).collect(),
            free: Vec::new(),
            retired: 0,
            epoch: 0,
            clock: Clock { began: Instant::now(), last: 0 },
            consoles,
            coloured,
            armed: [false; 2],
            pollable: [true; 2],
            own,
            own_prefix: Prefix::own(style),
            queue: VecDeque::new(),
            paused: Vec::new(),
            found: Vec::new(),
            buffer: vec![0; SHARE].into_boxed_slice(),
        };
        for console in 0..output.consoles.count() {
            let Some(fd) = output.consoles.get(console).fd() else { continue };
            // Added asleep, so that waking it later needs no memory.
            match output.epoll.add(fd, output.console_event(console, EpollFlags::empty())) {
                Ok(()) => {}
                Err(Errno::EPERM) => output.pollable[console] = false,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(output)
    }

    /// The ends that a new process of the service gets as fd 1 and fd 2. Their pipes are made at the first call.
    ///
    /// # Errors
    /// When descriptors or memory are short; what exists stays as it is, and a later call tries again.
    pub fn open(&mut self, id: Id) -> io::Result<[BorrowedFd<'_>; 2]> {
        let tag = self.tag;
        let at = self.at(id).ok_or(io::ErrorKind::NotFound)?;
        let source = self.sources.get_mut(at).ok_or(io::ErrorKind::NotFound)?;
        for stream in Stream::BOTH {
            let slot = &mut source.pipes[stream.index()];
            if slot.is_none() {
                let pipe = Pipe::new()?;
                let event = EpollEvent::new(EpollFlags::EPOLLIN, data(tag, stream_token(at, stream)));
                self.epoll.add(pipe.reader(), event)?;
                *slot = Some(Box::new(pipe));
            }
        }
        match &source.pipes {
            [Some(out), Some(err)] => Ok([out.writer(), err.writer()]),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Takes note of an event of the epoll, without acting yet. False if its data are not this room's.
    pub fn event(&mut self, data: u64) -> bool {
        let [tag, token] = [data >> 32, data & u64::from(u32::MAX)].map(|half| half as u32);
        if tag != self.tag {
            return false;
        }
        if token >= CONSOLES {
            self.armed[usize::from(token > CONSOLES)] = false;
        } else if let Some(pipe) = self.pipe_mut(token)
            && !pipe.queued
        {
            pipe.queued = true;
            self.queue.push_back(token);
        }
        true
    }

    /// Moves output along: reads up to `budget` bytes (somewhat more at most) in fair shares, and writes what the
    /// consoles take. True when there is more to do at once.
    pub fn turn(&mut self, budget: usize) -> bool {
        self.settle();
        let mut left = budget;
        while left > 0
            && let Some(token) = self.queue.pop_front()
        {
            let Some(pipe) = self.pipe_mut(token) else { continue };
            pipe.queued = false;
            let (at, stream) = of_token(token);
            if self.consoles.get(stream.index()).is_full() {
                self.pause(token);
                continue;
            }
            let taken = self.read(at, stream, SHARE.min(left.max(LEAST)));
            left = left.saturating_sub(taken.count.max(LEAST));
            if taken.more
                && let Some(pipe) = self.pipe_mut(token)
            {
                pipe.queued = true;
                self.queue.push_back(token);
            }
        }
        self.settle();
        if self.retired > 0 {
            self.bury_sources();
        }
        !self.queue.is_empty()
    }

    /// A process of the service ended: takes what it wrote out of its pipes, the last line too if it has no newline.
    /// To be called before the end is announced. What a stalled console does not take now stays in the pipe and is
    /// still told from the output of the next process; descendants that go on writing are not waited for.
    pub fn drain(&mut self, id: Id) {
        if let Some(at) = self.at(id) {
            self.drain_source(at);
        }
    }

    fn drain_source(&mut self, at: usize) {
        self.take_own();
        self.clock.look();
        for stream in Stream::BOTH {
            let Some(source) = self.sources.get_mut(at) else { return };
            let Source { prefix, tail, pipes, .. } = source;
            let Some(pipe) = &mut pipes[stream.index()] else { continue };
            let (console, coloured) = (self.consoles.get_mut(stream.index()), self.coloured[stream.index()]);
            pipe.cut(|line| {
                tail.push(self.clock.next(), stream, line);
                prefix.append(line, coloured, console.buffer());
            });
            self.read_to_cut(at, stream);
        }
        self.settle();
    }

    /// A new main process of the service has been made: what comes from now on is its output, as far as
    /// [`Output::last_lines`] goes.
    pub fn begin(&mut self, id: Id) {
        let Some(source) = self.at(id).and_then(|at| self.sources.get_mut(at)) else { return };
        source.begins = source.is_cut();
        if !source.begins {
            source.tail.begin();
        }
    }

    /// Says a line, or several, in the supervisor's own name, in order with what services wrote and tracing said.
    pub fn say(&mut self, text: &[u8]) {
        self.own.push(text);
        self.take_own();
    }

    /// How much of what the supervisor itself has to say is said from now on.
    pub fn set_log_level(&self, level: LogLevel) {
        self.own.set_level(level);
    }

    /// The newest `count` lines of the last main process of a service, oldest first.
    pub fn last_lines(&mut self, id: Id, count: usize) -> impl Iterator<Item = (Stream, Line<'_>)> {
        let source = self.at(id).and_then(|at| self.sources.get_mut(at));
        source.into_iter().flat_map(move |source| source.tail.last_lines(count))
    }

    /// How much a service has written to stdout and stderr, in this order.
    #[must_use]
    pub fn counts(&self, id: Id) -> [Count; 2] {
        let source = self.at(id).and_then(|at| self.sources.get(at));
        let count = |stream: Stream| source?.pipes[stream.index()].as_ref().map(|pipe| pipe.count());
        Stream::BOTH.map(|stream| count(stream).unwrap_or_default())
    }

    fn at(&self, id: Id) -> Option<usize> {
        self.of.get(id.index()).map(|at| *at as usize)
    }

    /// How many bytes wait for the consoles.
    #[must_use]
    pub fn pending(&self) -> usize {
        (0..self.consoles.count()).map(|console| self.consoles.get(console).pending()).sum()
    }

    /// Reads what is left of processes that ended, as far as the console goes along.
    fn read_to_cut(&mut self, at: usize, stream: Stream) {
        let is_cut = |output: &Self| {
            let source = output.sources.get(at);
            source.and_then(|source| source.pipes[stream.index()].as_ref()).is_some_and(|pipe| pipe.is_cut())
        };
        while is_cut(self) && !self.consoles.get(stream.index()).is_full() {
            self.read(at, stream, SHARE);
        }
    }

    /// One read from a stream, its lines into the tail and to the console.
    fn read(&mut self, at: usize, stream: Stream, most: usize) -> Taken {
        let nothing = Taken { count: 0, more: false };
        self.clock.look();
        let Some(source) = self.sources.get_mut(at) else { return nothing };
        let Source { prefix, tail, pipes, sought, .. } = source;
        let Some(pipe) = &mut pipes[stream.index()] else { return nothing };
        let is_ours = !pipe.is_cut();
        let (console, coloured) = (self.consoles.get_mut(stream.index()), self.coloured[stream.index()]);
        let most = most.min(self.buffer.len());
        let taken = pipe.read(&mut self.buffer[..most], |line| {
            tail.push(self.clock.next(), stream, line);
            if is_ours && let Some(id) = sought.as_ref().and_then(|sought| sought.is_in(line)) {
                self.found.push(id);
                *sought = None;
            }
            prefix.append(line, coloured, console.buffer());
        });
        if source.begins && !source.is_cut() {
            source.begins = false;
            source.tail.begin();
        }
        if console.pending() >= BATCH {
            // What it does not take is seen, and said, when the turn is settled.
            let _ = console.flush();
        }
        taken
    }

    /// Writes what the consoles take, has the epoll wait for those that stall, and lets streams go on whose console
    /// has room again.
    fn settle(&mut self) {
        self.take_own();
        // What one console has to tell goes to the other, which may then have something to tell too; once.
        let consoles = 0..self.consoles.count();
        for console in consoles.clone().chain(consoles.clone()) {
            if self.consoles.get_mut(console).flush() == Progress::Stalled && !self.pollable[console] {
                self.consoles.get_mut(console).drop_pending();
            }
            if let Some(notice) = self.consoles.get_mut(console).take_notice() {
                self.tell(console, notice);
            }
        }
        for console in consoles {
            if self.consoles.get(console).pending() > 0 && !self.armed[console] {
                self.arm(console);
            }
            if self.consoles.get(console).is_low() && !self.paused.is_empty() {
                self.resume(console);
            }
        }
    }

    fn arm(&mut self, console: usize) {
        let Some(fd) = self.consoles.get(console).fd() else { return };
        self.armed[console] =
            self.epoll.modify(fd, &mut self.console_event(console, EpollFlags::EPOLLOUT)).is_ok();
    }

    /// One-shot: an event once, then asleep, so that a console whose reader left (which is an event for ever) does not
    /// keep the shell awake.
    fn console_event(&self, console: usize, flags: EpollFlags) -> EpollEvent {
        let token = CONSOLES + u32::from(console == 1);
        EpollEvent::new(flags | EpollFlags::EPOLLONESHOT, data(self.tag, token))
    }

    /// Takes a stream out of the epoll's sight. Only those that have something to say come here, so a stall costs
    /// nothing for the many that are silent.
    fn pause(&mut self, token: u32) {
        let event = EpollEvent::new(EpollFlags::empty(), data(self.tag, token));
        if self.watch(token, event, true) {
            self.paused.push(token);
        }
    }

    fn resume(&mut self, console: usize) {
        let shared = self.consoles.count() == 1;
        for token in std::mem::take(&mut self.paused) {
            if shared || of_token(token).1.index() == console {
                let event = EpollEvent::new(EpollFlags::EPOLLIN, data(self.tag, token));
                if self.watch(token, event, false) {
                    continue;
                }
            }
            self.paused.push(token);
        }
    }

    /// Tells the epoll what to wait for on a stream. False if nothing changed.
    fn watch(&mut self, token: u32, mut event: EpollEvent, paused: bool) -> bool {
        let (at, stream) = of_token(token);
        let Some(source) = self.sources.get_mut(at) else { return false };
        let Some(pipe) = &mut source.pipes[stream.index()] else { return false };
        if pipe.paused == paused || self.epoll.modify(pipe.reader(), &mut event).is_err() {
            return false;
        }
        pipe.paused = paused;
        true
    }

    /// The supervisor's own lines go to standard error, if it has room; else they wait where they are.
    fn take_own(&mut self) {
        let console = self.consoles.get_mut(Stream::Err.index());
        if console.is_full() || self.own.is_empty() {
            return;
        }
        let (prefix, coloured) = (&self.own_prefix, self.coloured[Stream::Err.index()]);
        self.own.take(|line| prefix.append(line, coloured, console.buffer()));
    }

    /// Says on the other console that this one fails, or works again.
    fn tell(&mut self, console: usize, notice: Notice) {
        let name = if console == 0 { "standard output" } else { "standard error" };
        let text = match notice {
            Notice::Failing(ref why) => {
                format!("cannot write to {name}: {why}; output is dropped until it works again")
            }
            Notice::Recovered(lost) => format!("{name} works again; {lost} bytes of output were dropped"),
            Notice::Told(ref text) => text.clone(),
        };
        let other = match notice {
            Notice::Failing(_) if self.consoles.count() == 1 => return,
            Notice::Failing(_) => 1 - console,
            Notice::Recovered(_) | Notice::Told(_) => console,
        };
        let (prefix, coloured) = (&self.own_prefix, self.coloured[other]);
        let line = Line { bytes: text.as_bytes(), end: End::Newline };
        prefix.append(line, coloured, self.consoles.get_mut(other).buffer());
    }

    fn pipe_mut(&mut self, token: u32) -> Option<&mut Pipe> {
        let (at, stream) = of_token(token);
        self.sources.get_mut(at)?.pipes[stream.index()].as_deref_mut()
    }
}

impl Source {
    fn new(style: Style, name: &str, index: usize, born: Stamp) -> Self {
        Self {
            prefix: Prefix::service(style, name, index),
            tail: Tail::default(),
            pipes: [None, None],
            born,
            retired: false,
            begins: false,
            sought: None,
        }
    }

    fn is_cut(&self) -> bool {
        self.pipes.iter().flatten().any(|pipe| pipe.is_cut())
    }
}

fn data(tag: u32, token: u32) -> u64 {
    u64::from(tag) << 32 | u64::from(token)
}

fn stream_token(source: usize, stream: Stream) -> u32 {
    // Sources are indices of a list in memory, far below half of the range.
    (source as u32).wrapping_mul(2) | u32::from(stream == Stream::Err)
}

fn of_token(token: u32) -> (usize, Stream) {
    ((token / 2) as usize, if token.is_multiple_of(2) { Stream::Out } else { Stream::Err })
}
