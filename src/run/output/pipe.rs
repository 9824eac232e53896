//! One stream of one service: a pipe that outlives the processes that write to it.

use crate::log::{Block, End, Splitter};
use crate::sys::console::readable_bytes;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{pipe2, read};
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The size of a pipe until its service turns out to be busy. The kernel keeps 40 bytes per page of it even when it
/// is empty, which for the usual 16 pages is more than all the rest, and counts them against the container's limit.
const SMALL: i32 = 2 * PAGE as i32;
/// The size for a busy service: the usual one.
const LARGE: i32 = 64 * 1024;
const PAGE: usize = 4096;
/// How many ends of processes are kept apart in one pipe while the console stalls.
const MOST_CUTS: usize = 16;

/// The pipe, with both ends held here, and the beginning of the line that is under way in it.
#[derive(Debug)]
pub(super) struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    splitter: Splitter,
    /// Where processes ended: so many bytes after the one before (or from here), a line ends even without a newline.
    cuts: VecDeque<usize>,
    large: bool,
    /// When it was last looked at, in nanoseconds of the output's clock.
    pub(super) looked: u64,
    /// How many looks in a row followed each other soon, and whether it has just had a rest.
    pub(super) quick: u8,
    pub(super) rested: bool,
    /// What has come through it.
    count: Count,
    /// It waits for its share of a turn.
    pub(super) queued: bool,
    /// The epoll does not look at it, because its console is full.
    pub(super) paused: bool,
}

impl Pipe {
    pub(super) fn new() -> nix::Result<Self> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        // Only a saving; where it is refused, the pipe has its usual size.
        let large = fcntl(&reader, FcntlArg::F_SETPIPE_SZ(SMALL)).is_err();
        // A service under another uid can then open /dev/stdout, as the images that link their log files to it do.
        // Nobody else gets at the pipe by that: it has no name but in /proc/PID/fd, which has its own guard.
        let _ = fchmod(&writer, Mode::from_bits_truncate(0o622));
        Ok(Self {
            reader,
            writer,
            splitter: Splitter::default(),
            cuts: VecDeque::new(),
            large,
            looked: 0,
            quick: 0,
            rested: false,
            count: Count::default(),
            queued: false,
            paused: false,
        })
    }

    pub(super) fn reader(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    /// The end for a new process, blocking again if an earlier one made it non-blocking (as node.js does): a program
    /// that does not expect `EAGAIN` would lose output.
    pub(super) fn writer(&self) -> BorrowedFd<'_> {
        let _ = fcntl(&self.writer, FcntlArg::F_SETFL(OFlag::empty()));
        self.writer.as_fd()
    }

    /// Reads once, as much as `buffer` takes, and hands on the lines that end in it. Gives the number of bytes, which
    /// is less than asked for only when the pipe is empty or a process ended there.
    pub(super) fn read(&mut self, buffer: &mut [u8], mut emit: impl FnMut(Block<'_>)) -> Taken {
        let most = self.cuts.front().map_or(buffer.len(), |cut| buffer.len().min(*cut));
        let count = loop {
            match read(&self.reader, &mut buffer[..most]) {
                Ok(count) => break count,
                Err(Errno::EINTR) => {}
                // EAGAIN: empty. Nothing else can happen to a pipe whose both ends are held here.
                Err(_) => break 0,
            }
        };
        if count > PAGE && !self.large {
            // More than one page was in use, so with two the writer had to wait, or soon would.
            self.large = true;
            let _ = fcntl(&self.reader, FcntlArg::F_SETPIPE_SZ(LARGE));
        }
        self.count.bytes += count as u64;
        let lines = &mut self.count.lines;
        let mut emit = |block: Block<'_>| {
            *lines += block.lines as u64 - u64::from(block.end == End::Cut);
            emit(block);
        };
        self.splitter.feed(&buffer[..count], &mut emit);
        if let Some(cut) = self.cuts.front_mut() {
            *cut = cut.saturating_sub(count);
            // Empty before the cut: a stranger took the rest out of the pipe.
            if *cut == 0 || count == 0 {
                self.cuts.pop_front();
                self.splitter.flush(emit);
            }
        }
        if count == most && count > 0 { Taken { count, more: true } } else { Taken { count, more: false } }
    }

    /// A process ended: what is in the pipe now is its output, and the last line of it ends there.
    pub(super) fn cut(&mut self, mut emit: impl FnMut(Block<'_>)) {
        let known: usize = self.cuts.iter().sum();
        let new = readable_bytes(&self.reader).unwrap_or(0).saturating_sub(known);
        if new == 0 {
            if self.cuts.is_empty() {
                let lines = &mut self.count.lines;
                self.splitter.flush(|block| {
                    *lines += 1;
                    emit(block);
                });
            }
        } else if self.cuts.len() < MOST_CUTS {
            self.cuts.push_back(new);
        }
    }

    /// Whether nothing of what was read waits for its newline, and nothing of a process that ended waits to be read.
    pub(super) fn is_between_lines(&self) -> bool {
        self.splitter.partial().is_empty() && self.cuts.is_empty()
    }

    /// What has come through it.
    pub(super) fn count(&self) -> Count {
        self.count
    }

    /// Whether output of a process that ended is still in the pipe.
    pub(super) fn is_cut(&self) -> bool {
        !self.cuts.is_empty()
    }
}

/// How much a service has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Whole lines; what a process left unfinished at its end is one, too.
    pub lines: u64,
    /// Bytes, newlines included.
    pub bytes: u64,
}

/// What [`Pipe::read`] did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// So many bytes.
    pub(super) count: usize,
    /// There is probably more.
    pub(super) more: bool,
}
