//! Waiting for children: the only `wait` of the program, see waitid(2).
//!
//! Its use: [`peek`], look the pid up, read the child's report, signal it for the last time if need be, [`consume`].
//! Between the two the pid cannot be given to another process.

use super::{Pid, errno};
use crate::model::{Exit, Signal};

/// What [`peek`] sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// There is no child at all.
    None,
    /// There are children, and none is dead.
    Running,
    /// This one is dead and waits to be consumed. Until then it is seen again and again.
    Dead {
        /// Its process id.
        pid: Pid,
        /// How it ended.
        exit: Exit,
    },
}

/// Looks for a dead child, own or adopted, and leaves it as it is. Never waits.
#[must_use]
pub fn peek() -> Peek {
    loop {
        match wait(libc::P_ALL, 0, libc::WNOWAIT) {
            Wait::Nobody => return Peek::None,
            Wait::Nothing => return Peek::Running,
            Wait::Event { pid, exit: Some(exit) } => return Peek::Dead { pid, exit },
            // A tracer's business; put it away so that it does not hide the others.
            Wait::Event { pid, exit: None } => {
                if matches!(wait(libc::P_PID, pid, 0), Wait::Nobody | Wait::Nothing) {
                    return Peek::Running;
                }
            }
        }
    }
}

/// Takes a dead child away; from then on its pid may mean another process. `None` when it was not dead.
pub fn consume(pid: Pid) -> Option<Exit> {
    match wait(libc::P_PID, pid, 0) {
        Wait::Event { exit, .. } => exit,
        Wait::Nobody | Wait::Nothing => None,
    }
}

/// How one child ended, if it is dead; it stays to be consumed.
#[must_use]
pub fn peek_one(pid: Pid) -> Option<Exit> {
    match wait(libc::P_PID, pid, libc::WNOWAIT) {
        Wait::Event { exit, .. } => exit,
        Wait::Nobody | Wait::Nothing => None,
    }
}

/// What [`next`] took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// There is no child at all.
    None,
    /// There are children, and none has anything to tell.
    Running,
    /// This one was dead, and is consumed.
    Dead {
        /// Its process id.
        pid: Pid,
        /// How it ended.
        exit: Exit,
    },
    /// This one was stopped by a signal.
    Stopped {
        /// Its process id.
        pid: Pid,
    },
}

/// Takes a dead child away, own or adopted, or, with `stops`, what one tells that was stopped, in one system call: for
/// `foster init`, which has nothing to look up before. Never waits.
#[must_use]
pub fn next(stops: bool) -> Next {
    let flags = libc::WNOHANG | libc::__WALL | if stops { libc::WUNTRACED } else { 0 };
    loop {
        let mut status = 0;
        // SAFETY: `status` has room for the answer.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, flags) };
        match pid {
            0 => return Next::Running,
            1.. if libc::WIFEXITED(status) => {
                let code = libc::WEXITSTATUS(status).try_into().unwrap_or(u8::MAX);
                return Next::Dead { pid, exit: Exit::Code(code) };
            }
            1.. if libc::WIFSTOPPED(status) => return Next::Stopped { pid },
            1.. => match Signal::from_number(libc::WTERMSIG(status)) {
                Some(signal) => {
                    let core = libc::WCOREDUMP(status);
                    return Next::Dead { pid, exit: Exit::Signal { signal, core } };
                }
                None => continue,
            },
            _ if errno() == libc::EINTR => {}
            _ => return Next::None,
        }
    }
}

/// What a shell wants to know of a job that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// It was stopped by this signal.
    Stopped(Signal),
    /// It goes on.
    Continued,
}

/// Whether a child was stopped, or goes on, since this was last asked; of both the later one.
#[must_use]
pub fn job(pid: Pid) -> Option<Job> {
    let id = libc::id_t::try_from(pid).ok()?;
    // SAFETY: zero is a valid siginfo_t, which waitid leaves so when there is no news.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG;
    // SAFETY: `info` has room for the answer.
    if unsafe { libc::waitid(libc::P_PID, id, &raw mut info, flags) } != 0 {
        return None;
    }
    // SAFETY: after success the fields of a SIGCHLD are set, or all are zero.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    match info.si_code {
        libc::CLD_STOPPED if pid != 0 => Signal::from_number(status).map(Job::Stopped),
        libc::CLD_CONTINUED if pid != 0 => Some(Job::Continued),
        _ => None,
    }
}

enum Wait {
    Nobody,
    Nothing,
    Event { pid: Pid, exit: Option<Exit> },
}

fn wait(which: libc::idtype_t, pid: Pid, flags: libc::c_int) -> Wait {
    let Ok(id) = libc::id_t::try_from(pid) else { return Wait::Nobody };
    let mut all = libc::__WALL;
    loop {
        // SAFETY: zero is a valid siginfo_t, which waitid leaves so when nobody is dead.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: `info` has room for the answer.
        let result =
            unsafe { libc::waitid(which, id, &raw mut info, libc::WEXITED | libc::WNOHANG | all | flags) };
        if result == 0 {
            // SAFETY: after success the fields of a SIGCHLD are set, or all are zero.
            let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
            return if pid == 0 {
                Wait::Nothing
            } else {
                Wait::Event { pid, exit: exit(info.si_code, status) }
            };
        }
        match errno() {
            libc::EINTR => {}
            // waitid(2) knows __WALL since Linux 4.7.
            libc::EINVAL if all != 0 => all = 0,
            _ => return Wait::Nobody,
        }
    }
}

/// What `si_code` and `si_status` mean; `None` for a stop or a trap.
fn exit(code: libc::c_int, status: libc::c_int) -> Option<Exit> {
    match code {
        // Only the low eight bits of a code get here.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        libc::CLD_EXITED => Some(Exit::Code(status as u8)),
        libc::CLD_KILLED | libc::CLD_DUMPED => {
            Signal::from_number(status).map(|signal| Exit::Signal { signal, core: code == libc::CLD_DUMPED })
        }
        _ => None,
    }
}

/// The session of a process, zombies included: for an adopted orphan, the pid of the service that it came from.
#[must_use]
pub fn session_of(pid: Pid) -> Option<Pid> {
    // SAFETY: takes a number.
    Some(unsafe { libc::getsid(pid) }).filter(|sid| *sid > 0)
}

/// The process group of a process, zombies included.
#[must_use]
pub fn group_of(pid: Pid) -> Option<Pid> {
    // SAFETY: takes a number.
    Some(unsafe { libc::getpgid(pid) }).filter(|pgid| *pgid > 0)
}

/// Makes this process adopt the orphans among its descendants (PR_SET_CHILD_SUBREAPER, prctl(2)); PID 1 does anyway.
/// Whether it worked.
pub fn set_child_subreaper() -> bool {
    // SAFETY: takes numbers.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 }
}

/// Whether that is so.
#[must_use]
pub fn is_child_subreaper() -> bool {
    let mut answer: libc::c_int = 0;
    // SAFETY: room for the answer.
    unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut answer) == 0 && answer != 0 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn codes_and_signals_are_told_apart_and_the_rest_is_ignored() {
        assert_eq!(exit(libc::CLD_EXITED, 255), Some(Exit::Code(255)));
        assert_eq!(exit(libc::CLD_KILLED, 9), Some(Exit::Signal { signal: Signal::KILL, core: false }));
        assert_eq!(exit(libc::CLD_DUMPED, 11).map(Exit::shell_code), Some(139));
        assert_eq!(exit(libc::CLD_TRAPPED, 5), None);
        assert_eq!(exit(libc::CLD_STOPPED, 19), None);
    }

    #[test]
    fn the_session_and_the_group_of_a_process_are_known_and_those_of_nobody_are_not() {
        // A child with a session of its own: that of this process may lie outside its pid namespace, where it has no number.
        let mut command = Command::new("cat");
        // SAFETY: setsid(2) may be called between fork and exec.
        unsafe {
            command.pre_exec(|| if libc::setsid() < 0 { Err(io::Error::last_os_error()) } else { Ok(()) })
        };
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let pid = Pid::try_from(child.id()).unwrap();
        assert_eq!(session_of(pid), Some(pid));
        assert_eq!(group_of(pid), Some(pid));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(session_of(i32::MAX), None);
        assert_eq!(group_of(i32::MAX), None);
    }
}
