//! Probes that are commands: their processes, and what they say.

use super::Work;
use crate::model::{Exit, Id, Signal};
use crate::run::report;
use crate::run::shell::Shell;
use crate::sys::{Child, Pid, Prepared, SpawnError, fds, signal};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::{Mode, fchmod};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How much of the end of what it says is kept.
const KEPT: usize = 1024;
const PIECE: usize = 4096;
/// Reads after its death at most: more than a pipe holds, so that only who goes on writing is cut short.
const LAST_READS: usize = 32;

/// What a command writes to its standard output and error.
#[derive(Debug)]
pub(super) struct Said {
    reader: OwnedFd,
    kept: VecDeque<u8>,
    /// Why its program was not executed.
    failure: Option<String>,
}

impl Said {
    /// With the end for the process.
    fn new() -> io::Result<(Self, OwnedFd)> {
        let (reader, writer) = fds::pipe()?;
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        // A command under another uid can then open /dev/stderr.
        let _ = fchmod(&writer, Mode::from_bits_truncate(0o622));
        Ok((Self { reader, kept: VecDeque::new(), failure: None }, writer))
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    /// Reads once. Ok(0): all who could write have closed it.
    pub(super) fn read(&mut self) -> nix::Result<usize> {
        let mut piece = [0; PIECE];
        let count = nix::unistd::read(&self.reader, &mut piece)?;
        self.kept.extend(&piece[..count]);
        let excess = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..excess);
        Ok(count)
    }

    /// The last line that is not empty: where programs say what is wrong.
    pub(super) fn last_line(&self) -> Option<String> {
        let bytes: Vec<u8> = self.kept.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    }
}

impl Shell {
    /// The command of the probe that is due.
    pub(in crate::run) fn probe_command(&self, id: Id) -> Option<&Vec<String>> {
        match self.current_probe(id) {
            Some(crate::model::Probe::Exec(argv)) => Some(argv),
            _ => None,
        }
    }

    /// Makes its process: as one of the service, but with output and input apart.
    pub(in crate::run) fn spawn_probe(&mut self, id: Id, prepared: Prepared) -> Result<Child, SpawnError> {
        let (said, writer) = Said::new().map_err(|error| SpawnError::output(&error))?;
        let child = self.spawner.spawn(prepared.without_input(), writer.as_fd(), writer.as_fd())?;
        // Without the event it is read when the process dies, at the latest.
        if let Err(errno) = self.epoll.add(&said.reader, Self::probe_event(id)) {
            tracing::debug!("{}: cannot wait for what its probe says: {errno}", self.name(id));
        }
        if let Some(attempt) = self.probes.attempts.get_mut(&id) {
            attempt.work = Work::Command(Some(said));
        }
        Ok(child)
    }

    /// It never became its program; its end is near.
    pub(in crate::run) fn probe_not_executed(&mut self, id: Id, error: &SpawnError) {
        if let Some(attempt) = self.probes.attempts.get_mut(&id)
            && let Work::Command(Some(said)) = &mut attempt.work
        {
            said.failure = Some(error.to_string());
        }
    }

    /// Its process has died and is about to be waited for: what it left in its group goes with it.
    pub(in crate::run) fn bury_probe(&mut self, id: Id, pid: Pid, exit: Exit) {
        signal::kill_group(pid, Signal::KILL);
        let Some(attempt) = self.probes.attempts.get_mut(&id) else { return };
        let (mut failure, mut text) = (None, report::ended(exit));
        if let Work::Command(Some(said)) = &mut attempt.work {
            let mut reads = 0;
            while reads < LAST_READS && matches!(said.read(), Ok(1..)) {
                reads += 1;
            }
            failure = said.failure.take();
            if let Some(line) = said.last_line() {
                text = format!("{text}: {line}");
            }
        }
        let verdict = match failure {
            Some(failure) => Err(failure),
            None if exit == Exit::Code(0) => Ok(text),
            None => Err(text),
        };
        self.answer_probe(id, verdict);
    }
}
