//! The container's terminal: one service has it while it runs, as a job of a shell has; see setpgid(2) and termios(3).
//!
//! The process that gets it puts itself in the foreground before exec (`sys::child`), so that it never reads too early.
//! The supervisor takes the foreground back when that process ends, and when it is stopped (Ctrl-Z), so that the terminal
//! is never nobody's: Ctrl-C then reaches the supervisor. What others write goes to it as ever; they have sessions of
//! their own and cannot read from it.

use super::shell::Shell;
use crate::model::{Exit, Id, Service, Signal, Sink, StderrTo};
use crate::sys::reap::{self, Job};
use crate::sys::{self, Modes, Pid, signal};
use std::io::IsTerminal;
use std::os::fd::BorrowedFd;

/// The terminal, if the container has one, and who has it now.
#[derive(Debug)]
pub(super) struct Terminal {
    own: Option<sys::Terminal>,
    /// The service that is being started with it.
    next: Option<Id>,
    holder: Option<Holder>,
}

#[derive(Debug)]
struct Holder {
    id: Id,
    /// Its process, and the process group of that.
    pid: Pid,
    /// It was stopped, and the terminal taken from it, with these modes.
    stopped: Option<Modes>,
}

impl Terminal {
    /// That at standard input.
    pub(super) fn new() -> Self {
        Self { own: sys::Terminal::own(), next: None, holder: None }
    }

    /// Whether the process of the service that is made now gets the terminal. Not when this supervisor is in the
    /// background itself.
    pub(super) fn offer(&mut self, id: Id, service: &Service) -> bool {
        let wanted = service.exec.as_ref().is_some_and(|exec| exec.tty);
        let given = wanted && self.own.as_ref().is_some_and(sys::Terminal::is_ours);
        self.next = given.then_some(id);
        given
    }

    /// A process of the service was made. The session that it is in, if that is not one of its own.
    pub(super) fn took(&mut self, id: Id, pid: Pid) -> Option<Pid> {
        self.next.take_if(|next| *next == id)?;
        self.holder = Some(Holder { id, pid, stopped: None });
        reap::session_of(sys::own_pid())
    }

    /// A process has ended: the terminal comes back from it, and as it was before if it had no chance to leave it so.
    pub(super) fn ended(&mut self, pid: Pid, exit: Exit) {
        let Some(own) = &self.own else { return };
        if self.holder.take_if(|holder| holder.pid == pid).is_some() {
            own.take_back(pid);
            if matches!(exit, Exit::Signal { .. }) {
                own.set_modes(None);
            }
        }
    }

    /// Whether its holder was stopped just now, who that is and by what.
    fn look(&mut self) -> Option<(Id, Signal)> {
        let own = self.own.as_ref()?;
        let holder = self.holder.as_mut()?;
        match reap::job(holder.pid)? {
            Job::Continued => {
                hand_over(own, holder);
                None
            }
            // It went on before the terminal was its own again.
            Job::Stopped(Signal::TTIN | Signal::TTOU) if hand_over(own, holder) => {
                signal::kill_group(holder.pid, Signal::CONT);
                None
            }
            Job::Stopped(signal) => {
                let modes = own.modes();
                own.take_back(holder.pid);
                own.set_modes(None);
                holder.stopped = modes;
                Some((holder.id, signal))
            }
        }
    }
}

/// Gives the terminal to its holder again, unless this supervisor has been put in the background meanwhile. Whether the
/// holder has it now.
fn hand_over(own: &sys::Terminal, holder: &mut Holder) -> bool {
    let has_it = own.foreground() == Some(holder.pid) || own.give(holder.pid);
    if has_it && let Some(modes) = holder.stopped.take() {
        own.set_modes(Some(&modes));
    }
    has_it
}

/// Where a service that has the terminal writes to: there itself, where it would go to the console.
pub(super) fn output<'o>(
    service: &Service,
    pipes: [BorrowedFd<'o>; 2],
    own: [BorrowedFd<'o>; 2],
) -> [BorrowedFd<'o>; 2] {
    let [out, err] = [0, 1].map(|n| {
        let direct = service.log.to == [Sink::Console] && own[n].is_terminal();
        if direct { own[n] } else { pipes[n] }
    });
    match service.log.stderr {
        StderrTo::Stderr => [out, err],
        StderrTo::Stdout => [out, out],
        StderrTo::Null => [out, pipes[1]],
    }
}

impl Shell {
    /// Looks whether the holder of the terminal was stopped or goes on.
    pub(super) fn look_at_the_terminal(&mut self) {
        if let Some((id, signal)) = self.terminal.look() {
            tracing::warn!(
                "{}: stopped by {signal}; SIGCONT lets it go on, Ctrl-C now stops the container",
                self.name(id)
            );
        }
    }
}
