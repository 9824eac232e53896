//! Who writes little and often is left alone for a moment, so that one look takes many lines: to look at each of them as it
//! comes would cost more than all that is done with it, and its writer a wake-up of ours for each.

use super::pipe::{Pipe, Taken};
use super::{Output, Token, data};
use nix::sys::epoll::{EpollEvent, EpollFlags};
use std::time::{Duration, Instant};

/// Less than this is little.
const LITTLE: usize = 2 * 1024;
/// Looks that follow each other within this time, in nanoseconds, are often.
const OFTEN: u64 = 100_000;
/// After so many looks in a row that follow each other soon.
const MANY: u8 = 16;
/// How long a stream rests. A pipe of 64 KiB takes 400 MB/s meanwhile without its writer having to wait.
const REST: Duration = Duration::from_micros(150);

/// The streams that rest.
#[derive(Debug, Default)]
pub(super) struct Resting {
    tokens: Vec<Token>,
    /// When they are looked at again, all of them.
    until: Option<Instant>,
}

impl Resting {
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    pub(super) fn forget(&mut self, tokens: [Token; 2]) {
        self.tokens.retain(|token| !tokens.contains(token));
    }
}

impl Pipe {
    /// Whether looks follow each other so soon, and this one found so little, that a moment of rest pays.
    pub(super) fn should_rest(&mut self, now: u64, taken: Taken) -> bool {
        let before = std::mem::replace(&mut self.looked, now);
        let quick = std::mem::take(&mut self.rested) || now.saturating_sub(before) < OFTEN;
        self.quick = if quick { self.quick.saturating_add(1) } else { 0 };
        self.rested = self.quick >= MANY && !taken.more && taken.count > 0 && taken.count < LITTLE;
        self.rested
    }
}

impl Output {
    /// Takes a stream out of the epoll's sight for a moment.
    pub(super) fn rest(&mut self, token: Token) {
        let event = EpollEvent::new(EpollFlags::empty(), data(self.tag, token));
        if self.watch(token, event, true) {
            self.resting.tokens.push(token);
            self.resting.until.get_or_insert_with(|| Instant::now() + REST);
        }
    }

    /// Has those looked at whose rest is over.
    pub(super) fn wake_resting(&mut self) {
        if self.resting.until.is_none_or(|until| until > Instant::now()) {
            return;
        }
        self.resting.until = None;
        let tokens = std::mem::take(&mut self.resting.tokens);
        for &token in &tokens {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, data(self.tag, token));
            if self.watch(token, event, false)
                && let Some(pipe) = self.pipe_mut(token).filter(|pipe| !pipe.queued)
            {
                pipe.queued = true;
                self.queue.push_back(token);
            }
        }
        self.resting.tokens = tokens;
        self.resting.tokens.clear();
    }
}
