//! The last words.

use super::pipe::Pipe;
use super::{Output, Source};
use crate::log::{Outlet, Stream};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{EpollEvent, EpollTimeout};
use std::time::Instant;

impl Output {
    /// The end of PID 1: takes what is in all pipes and writes it out, waiting for the consoles until the deadline at
    /// most. The one function here that waits.
    pub fn finish(&mut self, deadline: Instant) {
        let sources = self.with_something_left();
        for &at in &sources {
            self.drain_source(at);
        }
        loop {
            for &at in &sources {
                for stream in Stream::BOTH {
                    self.read_to_cut(at, stream);
                }
            }
            self.settle();
            let left = deadline.saturating_duration_since(Instant::now());
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let stalled = (0..self.consoles.count()).map(|console| self.consoles.get(console));
            let mut fds: Vec<_> = stalled
                .filter(|console| console.pending() > 0)
                .filter_map(|console| console.fd())
                .map(|fd| PollFd::new(fd, PollFlags::POLLOUT))
                .collect();
            let undone = !self.own.is_empty() || self.sources.iter().any(Source::is_cut);
            if fds.is_empty() && !undone {
                return;
            }
            if !fds.is_empty() && matches!(poll(&mut fds, left), Ok(0)) || Instant::now() >= deadline {
                return;
            }
        }
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
