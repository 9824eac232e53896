//! Reading the configuration in a copy of this process, for a file may hang and a parser may fail, and PID 1 may not.

use crate::config::import::Import;
use crate::config::{ConfigFile, Mode, Request, Variables, load};
use crate::model::{Plan, map_of};
use crate::sys::{Fork, Pid, fork};
use nix::errno::Errno;
use nix::unistd::read;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

/// How long a reading may take; then its process is killed.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// The most that it may answer: some ten thousand services.
const MOST: usize = 64 << 20;
/// What one turn of the shell takes of it.
const SHARE: usize = 256 << 10;
/// What findings may take: more, nobody reads.
const FINDINGS: usize = 64 << 10;

/// Where the configuration comes from: what the command line said, kept to be read again.
#[derive(Clone, Debug)]
pub struct Origin {
    /// As in [`Request::directories`].
    pub directories: Vec<PathBuf>,
    /// As in [`Request::config`].
    pub config: ConfigFile,
    /// As in [`Request::command`].
    pub command: Vec<OsString>,
    /// As in [`Request::import`].
    pub import: Option<Import>,
}

/// What came of a reading.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Read {
    /// Nothing when there are errors.
    pub(super) plan: Option<Plan>,
    /// Errors and warnings as text, with their places.
    pub(super) findings: String,
    pub(super) errors: usize,
    /// The warnings, a sentence each.
    pub(super) notes: Vec<String>,
}

/// A reading under way.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) pid: Pid,
    answer: OwnedFd,
    bytes: Vec<u8>,
    too_much: bool,
}

impl Reading {
    /// # Errors
    /// No process or descriptor is to be had.
    pub(super) fn begin(origin: &Origin, environment: &[(OsString, OsString)]) -> io::Result<Self> {
        let Fork { pid, answer } = fork(|| {
            let environment: Variables = map_of(environment.iter().cloned());
            let request = Request {
                directories: origin.directories.clone(),
                config: origin.config.clone(),
                command: origin.command.clone(),
                import: origin.import.clone(),
                environment: &environment,
                mode: Mode::Run,
            };
            // A type without maps and without foreign numbers can always be written.
            serde_json::to_vec(&read_all(&request)).unwrap_or_default()
        })?;
        Ok(Self { pid, answer, bytes: Vec::new(), too_much: false })
    }

    /// Readable when there is more, or no more.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.answer.as_fd()
    }

    /// Takes what is there, at most a turn's share. False when nothing will come any more.
    pub(super) fn take(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        let mut left = SHARE;
        while left > 0 {
            match read(&self.answer, &mut buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    left = left.saturating_sub(count);
                    self.too_much |= self.bytes.len() + count > MOST;
                    if self.too_much {
                        return false;
                    }
                    self.bytes.extend_from_slice(&buffer[..count]);
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return true,
                Err(_) => return false,
            }
        }
        true
    }

    /// Whether it has answered more than is taken.
    pub(super) fn is_too_much(&self) -> bool {
        self.too_much
    }

    /// The answer, now that the process is dead.
    ///
    /// # Errors
    /// It has none: why, for people.
    pub(super) fn end(mut self, ended: &str) -> Result<Read, String> {
        // What is left in a pipe is far less than a share.
        self.take();
        if self.too_much {
            return Err(format!("it is larger than {} MiB", MOST >> 20));
        }
        serde_json::from_slice(&self.bytes).map_err(|_| format!("the process that reads it {ended}"))
    }
}

fn read_all(request: &Request<'_>) -> Read {
    match load(request) {
        Ok(loaded) => Read {
            plan: Some(loaded.plan),
            findings: shortened(loaded.warnings.render(false)),
            errors: 0,
            notes: loaded.warnings.diagnostics.iter().map(|d| d.message.clone()).collect(),
        },
        Err(report) => Read {
            plan: None,
            errors: report.errors(),
            findings: shortened(report.render(false)),
            notes: Vec::new(),
        },
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > FINDINGS {
        text.truncate(text.floor_char_boundary(FINDINGS));
        text.push_str("\n… and more; `foster check` shows all\n");
    }
    text
}
