//! The signal state of this process, from its first instruction, and kill(2).
//!
//! The kernel drops a signal that a process of its own container sends to PID 1 while its action is the default one. So
//! a SIGTERM in the first millisecond, before handlers are installed, would be lost. A *blocked* signal is queued whatever
//! its action. Therefore a constructor (`.init_array`) blocks all signals before Rust's runtime and `main` begin; the
//! supervisor installs its handlers and then calls [`unblock_handled`]. Only PID 1 needs it: any other process dies of an
//! early SIGTERM, as everybody expects, so there (client verbs, tests) the constructor changes nothing. It records the
//! mask and the ignored signals that were inherited, and opens what is closed of the descriptors 0 to 2.

use super::{Pid, errno, fds, own_group, own_pid, raw};
use crate::model::Signal;
use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU64, Ordering};

/// A set of signals: bit n-1 stands for signal n.
pub type Mask = u64;

/// Bytes of a set of signals as the kernel has it; MIPS has 128 signals.
pub(super) const SET_SIZE: usize =
    if cfg!(any(target_arch = "mips", target_arch = "mips64")) { 16 } else { 8 };

static INHERITED_MASK: AtomicU64 = AtomicU64::new(0);
static INHERITED_PIPE: AtomicU64 = AtomicU64::new(0);

#[used]
#[unsafe(link_section = ".init_array")]
static FIRST: extern "C" fn() = first;

/// Runs before anything else of Rust: libc and atomics only.
extern "C" fn first() {
    let mask = if own_pid() == 1 { block_all() } else { mask() };
    INHERITED_MASK.store(mask, Ordering::Relaxed);
    // The one that Rust's runtime changes; a look at all 64 would cost a tenth of a millisecond here, for every start.
    let pipe = if raw::action(libc::SIGPIPE) == Some(libc::SIG_IGN) { bit(libc::SIGPIPE) } else { 0 };
    INHERITED_PIPE.store(pipe, Ordering::Relaxed);
    fds::ensure_stdio();
}

fn bit(number: i32) -> Mask {
    1 << (number - 1)
}

/// What this process inherited: blocked and ignored signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inherited {
    /// Signals that were blocked.
    pub blocked: Mask,
    /// Signals that were ignored.
    pub ignored: Mask,
}

/// What this process inherited. To be asked before [`prepare_supervisor`], which changes what is ignored.
#[must_use]
pub fn inherited() -> Inherited {
    let ignored = signals_with(|action| action == libc::SIG_IGN) & !bit(libc::SIGPIPE);
    Inherited {
        blocked: INHERITED_MASK.load(Ordering::Relaxed),
        ignored: ignored | INHERITED_PIPE.load(Ordering::Relaxed),
    }
}

/// Puts the inherited mask back, for a verb that is no supervisor and happens to be PID 1.
pub fn restore_inherited() {
    set_mask(INHERITED_MASK.load(Ordering::Relaxed));
}

/// Readies the signal state of a supervisor, with all signals still blocked: SIGCHLD gets its default action (ignored,
/// children would vanish unseen; likewise with `SA_NOCLDWAIT`), and SIGPIPE, SIGTTIN and SIGTTOU can neither end nor stop
/// it. SIGSEGV and SIGBUS lose the handlers of Rust's runtime: these end the program when the fault that they are told
/// of looks like an overflow of the stack, and with sigqueue(3) anybody can tell them so. By its default action such a
/// signal does nothing to PID 1 unless the fault is its own.
///
/// Handlers are installed after this, and then [`unblock_handled`] is called.
pub fn prepare_supervisor() {
    block_all();
    for number in [libc::SIGCHLD, libc::SIGSEGV, libc::SIGBUS] {
        set_action(number, libc::SIG_DFL);
    }
    for number in [libc::SIGPIPE, libc::SIGTTIN, libc::SIGTTOU] {
        set_action(number, libc::SIG_IGN);
    }
}

/// Unblocks all signals but SIGCHLD, which [`Obituaries`] reads; those that were queued arrive at once.
pub fn unblock_handled() {
    set_mask(bit(libc::SIGCHLD));
}

/// SIGCHLD as a descriptor, see signalfd(2): readable when somebody died since the last [`Obituaries::read`]. However
/// many died meanwhile, it is one event, and no handler runs for each. Needs SIGCHLD blocked.
#[derive(Debug)]
pub struct Obituaries(SignalFd);

impl Obituaries {
    /// # Errors
    /// No descriptor is to be had.
    pub fn new() -> io::Result<Self> {
        let mut mask = SigSet::empty();
        mask.add(nix::sys::signal::SIGCHLD);
        Ok(Self(SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?))
    }

    /// Takes the event away. Who died, only waiting can tell.
    pub fn read(&self) {
        let _ = self.0.read_signal();
    }
}

impl AsFd for Obituaries {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Blocks all signals of this thread, libc's own included; returns the mask before.
pub fn block_all() -> Mask {
    change_mask(libc::SIG_BLOCK, Some(Mask::MAX))
}

/// Sets the mask of this thread.
pub fn set_mask(mask: Mask) {
    change_mask(libc::SIG_SETMASK, Some(mask));
}

/// The mask of this thread.
#[must_use]
pub fn mask() -> Mask {
    change_mask(libc::SIG_BLOCK, None)
}

/// rt_sigprocmask(2) itself: libc's functions leave out the signals that libc uses.
fn change_mask(how: libc::c_int, set: Option<Mask>) -> Mask {
    let set = set.map(|mask| [mask, if how == libc::SIG_BLOCK { mask } else { 0 }]);
    let new = set.as_ref().map_or(null(), |words| words.as_ptr());
    let mut old = [0 as Mask; 2];
    // SAFETY: both sets have room for so many bytes.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, new, old.as_mut_ptr(), SET_SIZE) };
    old[0]
}

/// The signals that wait to be unblocked.
pub(super) fn pending() -> Mask {
    let mut set = [0 as Mask; 2];
    // SAFETY: the set has room for so many bytes.
    unsafe { libc::syscall(libc::SYS_rt_sigpending, set.as_mut_ptr(), SET_SIZE) };
    set[0]
}

/// Whether a signal was ignored, and is not after this: its action is the default one then.
pub(super) fn heed(number: libc::c_int) -> bool {
    let ignored = raw::action(number) == Some(libc::SIG_IGN);
    set_action(number, libc::SIG_DFL);
    ignored
}

/// Ignores SIGPIPE, as Rust's runtime does: a write that nobody will read is an error then.
pub fn ignore_pipe() {
    set_action(libc::SIGPIPE, libc::SIG_IGN);
}

/// The mask that this process was started with.
pub(super) fn inherited_mask() -> Mask {
    INHERITED_MASK.load(Ordering::Relaxed)
}

/// Whether SIGPIPE was ignored when this process was started.
pub(super) fn inherited_pipe() -> bool {
    INHERITED_PIPE.load(Ordering::Relaxed) != 0
}

fn set_action(number: libc::c_int, action: libc::sighandler_t) {
    // SAFETY: zero is a valid sigaction: no flags, an empty mask, SIG_DFL.
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    new.sa_sigaction = action;
    // SAFETY: `new` is valid, and neither action runs code.
    unsafe { libc::sigaction(number, &raw const new, null_mut()) };
}

/// The signals whose action is not the default one now.
pub(super) fn not_default() -> Mask {
    signals_with(|action| action != libc::SIG_DFL)
}

fn signals_with(wanted: impl Fn(libc::sighandler_t) -> bool) -> Mask {
    (1..=64)
        .filter(|number| raw::action(*number).is_some_and(&wanted))
        .fold(0, |set, number| set | bit(number))
}

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// It was sent, to one process at least. (A zombie takes it and does not notice.)
    Sent,
    /// There is no such process or group any more.
    Gone,
    /// The kernel does not allow it: another user's process.
    NotPermitted,
    /// This program does not allow it: PID 1, every process, the supervisor itself.
    Refused,
}

/// Sends a signal to one process, which must be an unreaped child or it may be anybody.
pub fn kill(pid: Pid, signal: Signal) -> Sent {
    if pid <= 1 || pid == own_pid() {
        return Sent::Refused;
    }
    send(pid, signal.number())
}

/// Sends a signal to a process group, whose leader must be an unreaped child, or a member known to be alive.
pub fn kill_group(pgid: Pid, signal: Signal) -> Sent {
    if pgid <= 1 || pgid == own_group() {
        return Sent::Refused;
    }
    send(-pgid, signal.number())
}

/// Sends a signal to the group of an unreaped child, or to the child alone while it does not lead a group yet: between
/// its clone and its setsid(2).
pub fn kill_family(pid: Pid, signal: Signal) -> Sent {
    match kill_group(pid, signal) {
        Sent::Gone => kill(pid, signal),
        sent => sent,
    }
}

/// Whether a process group has a member, be it a zombie.
#[must_use]
pub fn group_exists(pgid: Pid) -> bool {
    pgid > 1 && send(-pgid, 0) != Sent::Gone
}

/// Sends a signal to every process of the container. Only as its PID 1: anywhere else it would hit bystanders.
pub fn kill_everything(signal: Signal) -> Sent {
    if own_pid() != 1 {
        return Sent::Refused;
    }
    send(-1, signal.number())
}

fn send(target: Pid, number: libc::c_int) -> Sent {
    // SAFETY: kill(2) takes numbers; the callers have excluded those that mean more than they say.
    match unsafe { libc::kill(target, number) } {
        0 => Sent::Sent,
        _ if errno() == libc::ESRCH => Sent::Gone,
        _ => Sent::NotPermitted,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_signal_goes_to_init_to_everybody_or_to_the_supervisor() {
        for pid in [-7, -1, 0, 1, own_pid()] {
            assert_eq!(kill(pid, Signal::TERM), Sent::Refused, "{pid}");
        }
        for pgid in [-7, -1, 0, 1, own_group()] {
            assert_eq!(kill_group(pgid, Signal::TERM), Sent::Refused, "{pgid}");
        }
        assert_eq!(kill_everything(Signal::TERM), Sent::Refused);
        assert!(!group_exists(0));
    }

    #[test]
    fn all_64_signals_can_be_blocked_and_the_mask_comes_back() {
        let before = block_all();
        let all = !(bit(libc::SIGKILL) | bit(libc::SIGSTOP));
        assert_eq!(mask(), all);
        set_mask(before);
        assert_eq!(mask(), before);
    }
}
