//! Where lines end up: a console, a file, a syslog server, the input of a logger.

use super::Input;
use std::fmt::Debug;
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// When so many bytes wait for an outlet, it is full: no more is read from the services that write there.
pub const HIGH: usize = 256 * 1024;
/// At this, reading goes on.
pub const LOW: usize = 64 * 1024;

/// A buffer that grew beyond this gives its memory back once it is empty.
const KEEP: usize = 128 * 1024;

/// Empties a buffer of which nothing waits any more.
pub(super) fn empty(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEEP {
        *buffer = Vec::new();
    } else {
        buffer.clear();
    }
}

/// Takes bytes and moves them on without ever waiting.
///
/// Whole lines come, as a [format](super::Format) made them; an outlet passes on the bytes as they are, in their order. It does
/// not look at how much waits: who appends asks [`Outlet::is_full`] first. So at most [`HIGH`] bytes wait, and what one
/// read from a pipe becomes.
pub trait Outlet: Debug {
    /// Where bytes are appended.
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// How many bytes wait or are under way.
    fn pending(&self) -> usize;

    /// Moves on what goes now.
    fn flush(&mut self) -> Progress;

    /// What becomes writable when a stalled outlet takes more; none if its owner hears of that in another way, or it is to be
    /// tried again at a time.
    fn fd(&self) -> Option<BorrowedFd<'_>>;

    /// When a stalled outlet is to be flushed again, if time is what it waits for.
    fn retry(&self) -> Option<Instant> {
        None
    }

    /// It fails, and nobody knows for how long: what it has no room for is lost rather than waited for.
    fn is_failing(&self) -> bool;

    /// Gives up on what waits: nothing can tell when it would take that.
    fn give_up(&mut self) {}

    /// It, if it is the input of a logger.
    fn input(&mut self) -> Option<&mut Input> {
        None
    }

    /// A change that is worth a line, once.
    fn take_notice(&mut self) -> Option<Notice>;

    /// Whether so much waits that nothing should be added.
    fn is_full(&self) -> bool {
        self.pending() >= HIGH
    }

    /// Whether so little waits that reading may go on.
    fn is_low(&self) -> bool {
        self.pending() <= LOW
    }
}

/// What [`Outlet::flush`] left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing.
    Empty,
    /// Something that goes later.
    Stalled,
}

/// A change in how well an outlet works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It does not work; why, as it follows "cannot write to NAME: ".
    Failing(String),
    /// It works again, after so many bytes were dropped by itself.
    Recovered(u64),
    /// Something else that people should know.
    Told(String),
}
