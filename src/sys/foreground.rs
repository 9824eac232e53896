//! The controlling terminal of this process, and which process group is in its foreground: see tcsetpgrp(3) and
//! ioctl_tty(2).
//!
//! Nothing here fails: without a terminal, or with one that has gone (ENOTTY, ENXIO, EBADF, EIO, EPERM), there is nothing to
//! be handed over. Raw system calls, so that a child in shared memory may use it; with SIGTTOU blocked, for then the
//! kernel lets a process of the background do it too.

use super::{Pid, own_group, own_pid, raw};
use libc::c_int;

/// ioctl(2) with a pointer to a process group.
fn group_call(fd: c_int, request: libc::c_ulong, group: &mut Pid) -> bool {
    let place = std::ptr::from_mut(group) as usize;
    // SAFETY: both requests take a pointer to a pid, which lives.
    unsafe { raw::call(libc::SYS_ioctl, [fd as usize, request as usize, place, 0, 0]) == 0 }
}

/// Does something with the first descriptor that is the controlling terminal: one of the standard three, or else /dev/tty.
fn with_terminal<T>(deed: impl FnOnce(c_int, Pid) -> T) -> Option<T> {
    let mut front: Pid = 0;
    for fd in 0..3 {
        if group_call(fd, libc::TIOCGPGRP as _, &mut front) {
            return Some(deed(fd, front));
        }
    }
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC | libc::O_NONBLOCK;
    let path = c"/dev/tty".as_ptr() as usize;
    // SAFETY: the path is a C string.
    let fd = unsafe { raw::call(libc::SYS_openat, [libc::AT_FDCWD as usize, path, flags as usize, 0, 0]) };
    let fd = c_int::try_from(fd).ok().filter(|fd| *fd >= 0)?;
    let done = group_call(fd, libc::TIOCGPGRP as _, &mut front).then(|| deed(fd, front));
    // SAFETY: a descriptor of this function's own.
    unsafe { raw::call(libc::SYS_close, [fd as usize, 0, 0, 0, 0]) };
    done
}

/// Makes `to` the foreground group, where `from` is that now. A group of another pid namespace counts as 0.
pub(super) fn pass(from: Pid, mut to: Pid) -> bool {
    with_terminal(|fd, front| front == from && group_call(fd, libc::TIOCSPGRP as _, &mut to)).unwrap_or(false)
}

/// Hands the terminal to the process group `child` where this process' own group is in its foreground. Whether it did.
pub fn hand_over(child: Pid) -> bool {
    pass(own_group(), child)
}

/// The group in the foreground of standard input, if that is the controlling terminal.
pub(super) fn at_stdin() -> Option<Pid> {
    let mut front: Pid = 0;
    group_call(0, libc::TIOCGPGRP as _, &mut front).then_some(front)
}

/// Takes the terminal back from the process group `child`, or from one that has gone.
pub fn take_back(child: Pid) {
    with_terminal(|fd, front| {
        // SAFETY: signal 0 only asks.
        let gone = || front > 0 && unsafe { libc::kill(-front, 0) } != 0 && super::errno() == libc::ESRCH;
        if front == child || gone() {
            group_call(fd, libc::TIOCSPGRP as _, &mut own_group());
        }
    });
}

/// What became of [`leave_terminal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Standard input is not the controlling terminal.
    NotOurs,
    /// It has none any more.
    Member,
    /// It has none any more, and neither has anybody of its session, which it leads; the SIGHUP and the SIGCONT that the
    /// kernel sends then have been taken away.
    Leader,
}

/// Gives up the controlling terminal at standard input, for a child to have it in a session of its own (TIOCNOTTY). All
/// signals must be blocked.
pub fn leave_terminal() -> Left {
    let asked = [libc::SIGHUP, libc::SIGCONT];
    let pending = super::signal::pending();
    // SAFETY: the request takes no memory.
    if unsafe { raw::call(libc::SYS_ioctl, [0, libc::TIOCNOTTY as usize, 0, 0, 0]) } != 0 {
        return Left::NotOurs;
    }
    // SAFETY: numbers only.
    if unsafe { libc::getsid(0) } != own_pid() {
        return Left::Member;
    }
    for number in asked {
        let bit = 1 << (number - 1);
        // One that was pending before is somebody's; the kernel's has become one with it.
        if pending & bit == 0 {
            super::taking::take(bit, Some(std::time::Duration::ZERO));
        }
    }
    Left::Leader
}
