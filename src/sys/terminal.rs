//! The terminal that a supervisor was started on, which it gives to one service and takes back; see `foreground` for how, and
//! termios(3) for its modes.

use super::{Pid, foreground, own_group};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use std::io;
use std::os::fd::AsFd;

/// The controlling terminal of this process, which is its standard input. Only one process group is in its foreground: it
/// gets what is typed, Ctrl-C and the like as signals too; any other one that reads is stopped by SIGTTIN.
///
/// Needs SIGTTOU ignored or blocked: it is for the one who leaves the foreground to others and takes it back.
#[derive(Debug)]
pub struct Terminal {
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
        let is_there = foreground::at_stdin().is_some() && own_group() > 0;
        is_there.then(|| Self { modes: tcgetattr(io::stdin().as_fd()).ok() })
    }

    /// The process group in the foreground; `None` when the terminal was hung up.
    #[must_use]
    pub fn foreground(&self) -> Option<Pid> {
        foreground::at_stdin()
    }

    /// Whether the group of this process is in the foreground.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.foreground() == Some(own_group())
    }

    /// Puts a process group of this session in the foreground, if this process's own is there. Whether it is there now.
    pub fn give(&self, group: Pid) -> bool {
        foreground::hand_over(group)
    }

    /// Takes the foreground back from a process group, or from one that has gone.
    pub fn take_back(&self, group: Pid) {
        foreground::take_back(group);
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
