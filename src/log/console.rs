//! The console: fd 1 and fd 2 of PID 1, written to without ever waiting.
//!
//! They are shared with whoever made them: `O_NONBLOCK` belongs to the open file description, so setting it here would
//! set it for a shell, or for another container's process, at the other end of an inheritance. What is done instead,
//! by kind of file:
//!
//! - pipe, terminal: opened anew through /proc/self/fd, which gives a description of our own, with `O_NONBLOCK`.
//!   It is refused without /proc, and for a pipe that another user made (a container that does not run as root); then
//! - pipe: `RWF_NOWAIT` (Linux 6.4); before that, and for a terminal: write no more than poll says there is room for.
//! - socket: `MSG_DONTWAIT`.
//! - regular file, /dev/null and the like: write(2) does not wait for anybody.

use super::outlet::{LOW, Notice, Outlet, Progress, empty};
use crate::sys::console::{send_nowait, write_nowait};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::{isatty, write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The most that [`Way::PollPipe`] writes at once: PIPE_BUF. A pipe polls writable when at least one page is free, and
/// a write of one page fits there. It could still wait if another process that shares the pipe took that page between
/// the two calls; nothing older than Linux 6.4 offers better on a description that is not ours.
const ONE_PAGE: usize = 4096;
/// The most that [`Way::PollTerminal`] writes at once; see [`terminal_part`].
const LITTLE: usize = 128;

/// How to write without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// write(2): the description is our own and non-blocking, or the file is of a kind that never waits.
    Plain,
    Socket,
    NowaitPipe,
    PollPipe,
    PollTerminal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Good,
    /// The last write failed (disk full, I/O error): output is dropped and counted until one succeeds.
    Failing {
        lost: u64,
    },
    /// Its reader is gone or it never was open: output is discarded from then on.
    Closed,
}

/// One console stream and the bytes that wait for it.
#[derive(Debug)]
pub struct Console {
    fd: Option<OwnedFd>,
    way: Way,
    terminal: bool,
    state: State,
    buffer: Vec<u8>,
    /// How much of the buffer is written already.
    written: usize,
    /// Whether the last byte that the console took ended a line.
    at_line_start: bool,
    notice: Option<Notice>,
}

impl Console {
    /// The console behind a descriptor. The descriptor's own flags are not changed; a closed one, or one that cannot
    /// be duplicated, makes a console that discards.
    #[must_use]
    pub fn new(fd: BorrowedFd<'_>) -> Self {
        let terminal = isatty(fd).unwrap_or(false);
        let (fd, way) = open_way(fd, terminal);
        let state = if fd.is_some() { State::Good } else { State::Closed };
        Self { fd, way, terminal, state, buffer: Vec::new(), written: 0, at_line_start: true, notice: None }
    }

    /// Whether it is a terminal.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether output is discarded for good.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    fn advance(&mut self, count: usize) {
        self.written = (self.written + count).min(self.buffer.len());
        if let Some(last) = self.written.checked_sub(1) {
            self.at_line_start = self.buffer[last] == b'\n';
        }
        if let State::Failing { lost } = self.state {
            self.state = State::Good;
            self.notice = Some(Notice::Recovered(lost));
        }
    }

    /// Drops what waits. Keeping it would stop the services for as long as the disk is full.
    fn fail(&mut self, errno: Errno) {
        let dropped = self.pending() as u64;
        self.state = match self.state {
            State::Closed => State::Closed,
            State::Failing { lost } => State::Failing { lost: lost + dropped },
            State::Good => {
                self.notice = Some(Notice::Failing(errno.desc().to_owned()));
                State::Failing { lost: dropped }
            }
        };
        self.buffer.clear();
        self.written = 0;
    }
}

impl Outlet for Console {
    fn buffer(&mut self) -> &mut Vec<u8> {
        if self.is_closed() {
            self.buffer.clear();
            self.written = 0;
        }
        if self.written >= LOW {
            // One move of at most HIGH bytes for each LOW bytes written.
            self.buffer.drain(..self.written);
            self.written = 0;
        }
        if self.buffer.is_empty() && !self.at_line_start && self.state != State::Good {
            // The end of the last line was dropped; what comes now must not become it.
            self.buffer.push(b'\n');
        }
        &mut self.buffer
    }

    fn pending(&self) -> usize {
        if self.is_closed() { 0 } else { self.buffer.len() - self.written }
    }

    /// A line written in part goes on exactly where it stopped.
    fn flush(&mut self) -> Progress {
        while self.written < self.buffer.len() {
            let Some(fd) = &self.fd else { break };
            let bytes = &self.buffer[self.written..];
            let result = match self.way {
                Way::Plain => write(fd, bytes),
                Way::Socket => send_nowait(fd.as_fd(), bytes),
                Way::NowaitPipe => write_nowait(fd.as_fd(), bytes),
                Way::PollPipe => write_polled(fd, bytes, ONE_PAGE),
                Way::PollTerminal => write_polled(fd, bytes, terminal_part(bytes)),
            };
            match result {
                Ok(0) => self.fail(Errno::EIO),
                Ok(count) => self.advance(count),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Progress::Stalled,
                Err(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EINVAL) if self.way == Way::NowaitPipe => {
                    self.way = Way::PollPipe;
                }
                Err(Errno::EPIPE | Errno::EBADF | Errno::ECONNRESET | Errno::ENOTCONN) => {
                    self.state = State::Closed;
                    self.fd = None;
                }
                Err(errno) => self.fail(errno),
            }
        }
        self.written = 0;
        empty(&mut self.buffer);
        Progress::Empty
    }

    /// None when closed.
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }

    fn is_failing(&self) -> bool {
        self.state != State::Good
    }

    fn give_up(&mut self) {
        self.fail(Errno::EAGAIN);
    }

    fn take_notice(&mut self) -> Option<Notice> {
        self.notice.take()
    }
}

/// A descriptor of our own and the way to use it.
fn open_way(fd: BorrowedFd<'_>, terminal: bool) -> (Option<OwnedFd>, Way) {
    let Ok(stat) = fstat(fd) else { return (None, Way::Plain) };
    let kind = kind(&stat);
    let way = match kind {
        SFlag::S_IFSOCK => Way::Socket,
        SFlag::S_IFIFO | SFlag::S_IFCHR if kind == SFlag::S_IFIFO || terminal => {
            let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
            let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
            if let Ok(own) = open(path.as_str(), flags, Mode::empty()) {
                return (Some(own), Way::Plain);
            }
            if terminal { Way::PollTerminal } else { Way::NowaitPipe }
        }
        _ => Way::Plain,
    };
    (fd.try_clone_to_owned().ok(), way)
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

fn write_polled(fd: &OwnedFd, bytes: &[u8], most: usize) -> nix::Result<usize> {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLOUT)];
    if poll(&mut fds, PollTimeout::ZERO)? == 0 {
        return Err(Errno::EAGAIN);
    }
    // Without POLLOUT it is POLLERR or POLLHUP, and the write says at once which error that is.
    write(fd, &bytes[..bytes.len().min(most)])
}

/// How much of this a terminal takes for certain when it polls writable: a run without control characters, or one of
/// those alone. The line discipline passes such a part on in one go; before the next it asks for room again and would
/// wait, and a pseudo-terminal can have none left then, because it counts room in steps of 256 bytes.
fn terminal_part(bytes: &[u8]) -> usize {
    let run = bytes.iter().take(LITTLE).take_while(|byte| !byte.is_ascii_control()).count();
    run.max(1)
}

/// The consoles behind standard output and standard error. Where both are the same file (`docker run -t`, `2>&1`) they are
/// one console, and so one order: the end of a line written in part comes before anything of the other stream.
#[must_use]
pub fn consoles(out: BorrowedFd<'_>, err: BorrowedFd<'_>) -> Vec<Console> {
    // The descriptions may differ (`>file 2>file`); for the order of the bytes only the file matters.
    let same = match (fstat(out), fstat(err)) {
        (Ok(a), Ok(b)) => (a.st_dev, a.st_ino, a.st_rdev) == (b.st_dev, b.st_ino, b.st_rdev),
        _ => false,
    };
    std::iter::once(out).chain((!same).then_some(err)).map(Console::new).collect()
}

#[cfg(test)]
#[path = "console_tests.rs"]
mod tests;
