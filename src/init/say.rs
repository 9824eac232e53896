//! What an init says, in the words of the program that it stands for: scripts read some of them.

use crate::model::{Exit, Signal};
use crate::sys::signal::Sent;
use crate::sys::{Pid, SpawnError, console, errno_text, own_pid};
use std::fmt::{self, Write};
use std::os::fd::AsFd;

/// In whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `foster init`.
    Foster,
    /// tini, and its other names.
    Tini,
    /// dumb-init.
    DumbInit,
    /// catatonit.
    Catatonit,
}

/// How much is said, and how.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    /// In whose words.
    pub dialect: Dialect,
    /// What is said: [`FATAL`] to [`DEBUG`].
    pub level: u8,
}

/// What ends the init.
pub const FATAL: u8 = 0;
/// What somebody should know.
pub const WARN: u8 = 1;
/// The life of the child.
pub const INFO: u8 = 2;
/// Every signal and every orphan.
pub const DEBUG: u8 = 3;

/// What there is to say while it runs.
#[derive(Debug)]
pub enum Note<'a> {
    /// The program cannot be executed.
    NotExecuted {
        /// As it was given.
        command: &'a str,
        /// Number of errno(3).
        errno: i32,
        /// After a look at the files.
        why: &'a SpawnError,
    },
    /// There is no process to be had, and it will be tried again.
    Retry(i32),
    /// There is none, for good.
    GaveUp(i32),
    /// The child runs.
    Spawned(Pid, &'a str),
    /// A signal came.
    Received(u8),
    /// It was passed on, as this one.
    Passed(u8),
    /// It was not, for this reason.
    NotPassed(u8, Sent),
    /// A dead process was taken away.
    Reaped(Pid, Exit),
    /// One that was not the child, and nobody waited for it.
    Zombie(Pid),
    /// The child has ended.
    Ended(Exit),
    /// SIGKILL has not ended everybody.
    Abandoned {
        /// It could not be sent: nobody could be found.
        blind: bool,
    },
}

impl Voice {
    /// Says it, if it is to be said.
    pub fn note(&self, note: &Note) {
        match self.dialect {
            Dialect::Foster => self.foster(note),
            Dialect::Tini => self.tini(note),
            Dialect::DumbInit => self.dumb_init(note),
            Dialect::Catatonit => self.catatonit(note),
        }
    }

    fn foster(&self, note: &Note) {
        match note {
            Note::NotExecuted { why, .. } => self.print(FATAL, format_args!("{why}")),
            Note::Retry(errno) => {
                let why = errno_text(*errno);
                self.print(WARN, format_args!("cannot start a process: {why}; trying again for 4 s"));
            }
            Note::GaveUp(errno) => {
                self.print(FATAL, format_args!("cannot start a process: {}; gave up", errno_text(*errno)));
            }
            Note::Spawned(pid, command) => self.print(INFO, format_args!("started {command}, pid {pid}")),
            Note::Received(_) => {}
            Note::Passed(number) => self.print(DEBUG, format_args!("passed {} on", Name(*number))),
            Note::NotPassed(number, Sent::NotPermitted) => self.print(
                WARN,
                format_args!("cannot pass {} on: the command belongs to another user", Name(*number)),
            ),
            Note::NotPassed(number, _) => {
                self.print(DEBUG, format_args!("cannot pass {} on: nobody is left", Name(*number)));
            }
            Note::Reaped(pid, exit) => self.print(DEBUG, format_args!("process {pid} {}", Ended(*exit))),
            Note::Zombie(pid) => {
                self.print(WARN, format_args!("reaped process {pid}, which nobody had waited for"))
            }
            Note::Ended(exit) => self.print(INFO, format_args!("the command {}", Ended(*exit))),
            Note::Abandoned { blind: false } => {
                self.print(WARN, format_args!("processes are left that SIGKILL has not ended; leaving them"))
            }
            Note::Abandoned { blind: true } => self.print(
                WARN,
                format_args!(
                    "cannot end what the command left behind: /proc of this pid namespace is not mounted; leaving it"
                ),
            ),
        }
    }

    fn tini(&self, note: &Note) {
        match note {
            Note::NotExecuted { command, errno, .. } => {
                self.print(FATAL, format_args!("exec {command} failed: {}", errno_text(*errno)))
            }
            Note::GaveUp(errno) => self.print(FATAL, format_args!("fork failed: {}", errno_text(*errno))),
            Note::Spawned(pid, command) => {
                self.print(INFO, format_args!("Spawned child process '{command}' with pid '{pid}'"));
            }
            Note::Received(17) => self.print(DEBUG, format_args!("Received SIGCHLD")),
            Note::Received(number) => self.print(DEBUG, format_args!("Passing signal: '{}'", Name(*number))),
            Note::NotPassed(_, Sent::NotPermitted) => {
                let why = errno_text(libc::EPERM);
                self.print(WARN, format_args!("Unexpected error when forwarding signal: '{why}'"));
            }
            Note::NotPassed(..) => self.print(WARN, format_args!("Child was dead when forwarding signal")),
            Note::Reaped(pid, _) => self.print(DEBUG, format_args!("Reaped child with pid: '{pid}'")),
            Note::Zombie(pid) => self.print(WARN, format_args!("Reaped zombie process with pid={pid}")),
            Note::Ended(Exit::Code(code)) => {
                self.print(INFO, format_args!("Main child exited normally (with status '{code}')"));
            }
            Note::Ended(exit) => {
                let signal = Name(killer(*exit));
                self.print(INFO, format_args!("Main child exited with signal (with signal '{signal}')"));
            }
            Note::Retry(_) | Note::Passed(_) | Note::Abandoned { .. } => {}
        }
    }

    fn dumb_init(&self, note: &Note) {
        match note {
            Note::NotExecuted { command, errno, .. } => {
                self.print(FATAL, format_args!("{command}: {}", errno_text(*errno)))
            }
            Note::GaveUp(_) => self.print(FATAL, format_args!("Unable to fork. Exiting.")),
            Note::Spawned(pid, _) => self.print(DEBUG, format_args!("Child spawned with PID {pid}.")),
            Note::Received(number) => self.print(DEBUG, format_args!("Received signal {number}.")),
            Note::Passed(number) | Note::NotPassed(number, _) => {
                self.print(DEBUG, format_args!("Forwarded signal {number} to children."));
            }
            Note::Reaped(pid, Exit::Code(code)) => {
                self.print(DEBUG, format_args!("A child with PID {pid} exited with exit status {code}."));
            }
            Note::Reaped(pid, exit) => {
                let number = killer(*exit);
                self.print(DEBUG, format_args!("A child with PID {pid} was terminated by signal {number}."));
            }
            Note::Ended(exit) => {
                let code = exit.shell_code();
                self.print(DEBUG, format_args!("Child exited with status {code}. Goodbye."));
            }
            Note::Retry(_) | Note::Zombie(_) | Note::Abandoned { .. } => {}
        }
    }

    fn catatonit(&self, note: &Note) {
        match note {
            Note::NotExecuted { errno, .. } => {
                self.print(FATAL, format_args!("failed to exec pid1: {}", errno_text(*errno)))
            }
            Note::GaveUp(errno) => {
                self.print(FATAL, format_args!("failed to fork child: {}", errno_text(*errno)))
            }
            Note::Spawned(pid, command) => {
                self.print(DEBUG, format_args!("pid1 ({pid}) spawned: {command}"));
            }
            Note::NotPassed(number, _) => {
                self.print(WARN, format_args!("forwarding of signal {number} to pid1 failed"));
            }
            Note::Reaped(pid, Exit::Code(code)) => {
                self.print(DEBUG, format_args!("child process {pid} exited with code {code}"));
            }
            Note::Reaped(pid, exit) => {
                let number = killer(*exit);
                self.print(DEBUG, format_args!("child process {pid} exited due to signal {number}"));
            }
            Note::Retry(_)
            | Note::Received(_)
            | Note::Passed(_)
            | Note::Zombie(_)
            | Note::Ended(_)
            | Note::Abandoned { .. } => {}
        }
    }

    /// Says a line of this level, if it is to be said, without ever waiting.
    pub fn print(&self, level: u8, text: fmt::Arguments) {
        if level > self.level {
            return;
        }
        let (mut line, pid) = (Line::default(), own_pid());
        // What does not fit is cut off.
        let _ = match self.dialect {
            Dialect::Foster => write!(line, "foster init: {text}"),
            Dialect::Tini => {
                let kind = ["FATAL", "WARN ", "INFO "].get(usize::from(level));
                write!(line, "[{} tini ({pid})] {text}", kind.unwrap_or(&"DEBUG"))
            }
            Dialect::DumbInit => write!(line, "[dumb-init] {text}"),
            Dialect::Catatonit => {
                let kind = ["ERROR", "WARN"].get(usize::from(level));
                write!(line, "{} (catatonit:{pid}): {text}", kind.unwrap_or(&"DEBUG"))
            }
        };
        let text = line.end();
        // tini tells of its life where the program speaks.
        if self.dialect == Dialect::Tini && level >= INFO {
            console::say(std::io::stdout().as_fd(), text);
        } else {
            console::say(std::io::stderr().as_fd(), text);
        }
    }
}

/// The name of a signal, by its number.
struct Name(u8);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Signal::from_number(self.0.into()) {
            Some(signal) => signal.fmt(f),
            None => self.0.fmt(f),
        }
    }
}

/// The number of the signal that killed a process.
fn killer(exit: Exit) -> u8 {
    exit.shell_code().wrapping_sub(128)
}

/// How a process ended, in words.
struct Ended(Exit);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Exit::Code(code) => write!(f, "exited with code {code}"),
            exit => write!(f, "was killed by {}", Name(killer(exit))),
        }
    }
}

/// A line in the making, without the heap.
struct Line {
    bytes: [u8; 1024],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; 1024], length: 0 }
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The last byte is for the end of the line.
        let most = self.bytes.len() - 1;
        let room = self.bytes.get_mut(self.length..most).unwrap_or_default();
        let count = room.len().min(text.len());
        room.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
        self.length += count;
        if count < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

impl Line {
    fn end(&mut self) -> &[u8] {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = b'\n';
        }
        self.bytes.get(..=self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_cut_and_ends() {
        let mut line = Line::default();
        assert!(write!(line, "{}", "x".repeat(2000)).is_err());
        assert_eq!(line.end().len(), 1024);
        assert_eq!(line.end().last(), Some(&b'\n'));
        let mut line = Line::default();
        assert!(write!(line, "one {}", 2).is_ok());
        assert_eq!(line.end(), b"one 2\n");
    }
}
