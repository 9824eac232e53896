//! The last words.

use super::pipe::Pipe;
use super::{Output, Source};
use crate::log::Stream;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{EpollEvent, EpollTimeout};
use std::time::{Duration, Instant};

impl Output {
    /// The end of PID 1: takes what is in all pipes and writes it out. It waits for outlets that move, but for none that takes
    /// nothing for so long as `patience`, and not beyond `end`. The one function here that waits.
    pub fn finish(&mut self, patience: Duration, end: Instant) {
        self.divert_all();
        let sources = self.with_something_left();
        for &at in &sources {
            self.drain_source(at);
        }
        self.outlets.files.hurry();
        let (mut left, mut moved) = (usize::MAX, Instant::now());
        loop {
            for &at in &sources {
                for stream in Stream::BOTH {
                    self.read_to_cut(at, stream);
                }
            }
            self.settle();
            let now = Instant::now();
            let pending = self.outlets.press();
            if std::mem::replace(&mut left, pending) != pending {
                moved = now;
            }
            let undone = !self.own.is_empty() || self.sources.iter().any(Source::is_cut);
            let until = end.min(moved + patience);
            if pending == 0 && !undone || now >= until {
                return;
            }
            self.wait_for_outlets(until);
        }
    }

    fn wait_for_outlets(&self, until: Instant) {
        let waiting = || self.outlets.all().filter(|(_, slot)| slot.outlet.pending() > 0);
        let until = waiting().filter_map(|(_, slot)| slot.outlet.retry()).fold(until, Instant::min);
        let fds = waiting().filter_map(|(_, slot)| slot.outlet.fd());
        let files = self.outlets.files.fd().map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        let mut fds: Vec<_> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLOUT)).chain(files).collect();
        let left = until.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        // What it was, the next look at the outlets shows.
        let _ = poll(&mut fds, left);
        self.outlets.files.rang();
    }

    /// The sources with output in a pipe or a line under way. The epoll knows at once who has something; to ask every
    /// pipe would cost more than all the rest of the end.
    fn with_something_left(&mut self) -> Vec<usize> {
        let mut events = [EpollEvent::empty(); 64];
        // It goes round, so that those that come up again do not hide others.
        for _ in 0..=2 * self.sources.len() / events.len() {
            let count = self.epoll.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
            for event in events.iter().take(count) {
                self.event(event.data());
            }
            if count < events.len() {
                break;
            }
        }
        let left = |pipe: &Pipe| pipe.queued || pipe.paused || !pipe.is_between_lines();
        let sources = self.sources.iter().enumerate();
        sources.filter(|(_, s)| s.pipes.iter().flatten().any(|p| left(p))).map(|(at, _)| at).collect()
    }
}
