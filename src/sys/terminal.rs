//! The terminal that this process was started on: whose process group is in the foreground, see tcsetpgrp(3) and
//! credentials(7).

use super::Pid;
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp, tcsetpgrp};
use std::io;
use std::os::fd::AsFd;

/// The controlling terminal of this process, which is its standard input. Only one process group is in its foreground: it
/// gets what is typed, Ctrl-C and the like as signals too; any other one that reads is stopped by SIGTTIN.
///
/// Needs SIGTTOU ignored or blocked: it is for the one who leaves the foreground to others and takes it back.
#[derive(Debug)]
pub struct Terminal {
    group: Pid,
    modes: Option<Termios>,
}

/// How a terminal treats what is typed and written, see termios(3).
#[derive(Clone, Debug)]
pub struct Modes(Termios);

impl Terminal {
    /// That of this process; `None` when standard input is no terminal or that of another session, or when this process's
    /// group is of another pid namespace, where nobody could take the foreground back.
    #[must_use]
    pub fn own() -> Option<Self> {
        let stdin = io::stdin();
        // It fails for any other terminal.
        tcgetpgrp(stdin.as_fd()).ok()?;
        let group = getpgrp().as_raw();
        (group > 0).then(|| Self { group, modes: tcgetattr(stdin.as_fd()).ok() })
    }

    /// The process group in the foreground; `None` when the terminal was hung up.
    #[must_use]
    pub fn foreground(&self) -> Option<Pid> {
        tcgetpgrp(io::stdin().as_fd()).ok().map(nix::unistd::Pid::as_raw)
    }

    /// Whether the group of this process is in the foreground.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.foreground() == Some(self.group)
    }

    /// Puts a process group of this session in the foreground. Whether it is there now.
    pub fn give(&self, group: Pid) -> bool {
        tcsetpgrp(io::stdin().as_fd(), nix::unistd::Pid::from_raw(group)).is_ok()
    }

    /// Puts the group of this process back in the foreground.
    pub fn take_back(&self) {
        // It fails when the terminal was hung up: then there is nothing to take.
        self.give(self.group);
    }

    /// Its modes as they are now.
    #[must_use]
    pub fn modes(&self) -> Option<Modes> {
        tcgetattr(io::stdin().as_fd()).ok().map(Modes)
    }

    /// Sets modes; `None`: those that it had when [`Terminal::own`] was called.
    pub fn set_modes(&self, modes: Option<&Modes>) {
        if let Some(modes) = modes.map(|Modes(modes)| modes).or(self.modes.as_ref()) {
            // At once: to wait until all output was read could take for ever.
            let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSANOW, modes);
        }
    }
}
