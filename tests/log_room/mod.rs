//! The room of the output, with nothing of a supervisor around it.
#![allow(clippy::unwrap_used, dead_code)]

use foster::log::{OwnLines, Stream, consoles};
use foster::model::{Id, Kind, Plan, Service};
use foster::run::Output;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent};
use std::fs::File;
use std::io::{PipeReader, Read};
use std::os::fd::AsFd;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub const TAG: u32 = 7;
pub const BUDGET: usize = 256 * 1024;
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A plan of services with these names; an empty one stands for none.
pub fn plan(names: &[&str]) -> Plan {
    let service = |name: &&str| match *name {
        "" => Service::tombstone(),
        name => Service::new(name, Kind::Daemon),
    };
    Plan { services: names.iter().map(service).collect(), ..Plan::default() }
}

/// A shell with nothing but output.
pub struct Shell {
    pub epoll: Epoll,
    pub output: Output,
    pub own: OwnLines,
    pub deadline: Instant,
    pub turns: usize,
}

impl Shell {
    pub fn new(names: &[&str], out: impl AsFd, err: impl AsFd) -> Self {
        Self::of(&plan(names), out, err)
    }

    pub fn of(plan: &Plan, out: impl AsFd, err: impl AsFd) -> Self {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        let own = OwnLines::default();
        let consoles = consoles(out.as_fd(), err.as_fd());
        let output = Output::new(plan, consoles, own.clone(), &epoll, TAG).unwrap();
        Self { epoll, output, own, deadline: Instant::now() + PATIENCE, turns: 0 }
    }

    /// The end that a new process of the service would have.
    pub fn open(&mut self, id: u32, stream: Stream) -> File {
        let ends = self.output.open(Id(id)).unwrap();
        ends[stream.index()].try_clone_to_owned().unwrap().into()
    }

    /// One turn; the number of events it had.
    pub fn turn(&mut self, timeout_ms: u16) -> (usize, bool) {
        let mut events = [EpollEvent::empty(); 16];
        let count = self.epoll.wait(&mut events, timeout_ms).unwrap();
        for event in &events[..count] {
            assert!(self.output.event(event.data()));
        }
        self.turns += 1;
        (count, self.output.turn(BUDGET))
    }

    /// Turns until something holds; fails at the deadline.
    pub fn until(&mut self, mut holds: impl FnMut(&mut Output) -> bool) {
        let mut more = true;
        while !holds(&mut self.output) {
            assert!(Instant::now() < self.deadline, "it took too long");
            let left = self.output.retry().map(|time| time.saturating_duration_since(Instant::now()));
            let left = left.map_or(1000, |left| u16::try_from(left.as_millis()).unwrap_or(1000) + 1);
            more = self.turn(if more { 0 } else { left }).1;
        }
    }

    /// Turns until there is nothing to do but wait.
    pub fn until_idle(&mut self) {
        // One that rests for a moment has more to say.
        let rests = |output: &Output| {
            output.retry().is_some_and(|time| time < Instant::now() + Duration::from_millis(10))
        };
        while self.turn(0) != (0, false) || rests(&self.output) {
            assert!(Instant::now() < self.deadline, "it never rests");
        }
    }

    pub fn until_says(&mut self, id: u32, line: &[u8]) {
        self.until(|output| output.last_lines(Id(id), 1).any(|(_, last)| last.bytes == line));
    }

    pub fn end(mut self) {
        self.output.finish(PATIENCE, self.deadline);
        assert_eq!(self.output.pending(), 0);
    }
}

pub fn read_all(mut console: PipeReader) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        console.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    })
}
