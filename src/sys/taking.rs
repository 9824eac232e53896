//! Taking signals one at a time, without handlers: rt_sigtimedwait(2) itself, because libc's function leaves out the signals
//! that libc uses. They must be blocked.

use super::signal::{self, Mask};
use super::{memory, own_pid, raw};
use std::mem::MaybeUninit;
use std::time::Duration;

/// Who sent a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The kernel: a key of the terminal, the death of a child.
    Kernel,
    /// This process itself: the SIGPIPE of a write that nobody will read, the SIGTSTP of [`suspend`]. It sends itself nothing
    /// else; what else has its number is from before it executed this program.
    Own,
    /// Any other.
    Somebody,
}

/// A signal that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its number, 1 to 64.
    pub number: u8,
    /// Who sent it.
    pub origin: Origin,
}

/// Waits for one of the signals of a set and takes it; for ever without `most`. `None` when the time is over, and
/// when a signal out of the set came between.
pub fn take(set: Mask, most: Option<Duration>) -> Option<Taken> {
    wait(set, most)
}

/// [`take`] for ever, and before that the pages of this program's code are given back to the kernel, for this may take long.
/// Until a signal comes, no more of them is here than this function.
#[inline(never)]
pub fn take_at_rest(set: Mask) -> Option<Taken> {
    memory::keep_apart(take_at_rest as *const ());
    let (start, length) = memory::code();
    // SAFETY: see there; nothing is given back that would not come again.
    unsafe { raw::call(libc::SYS_madvise, [start, length, libc::MADV_DONTNEED as usize, 0, 0]) };
    wait(set, None)
}

/// A part of both, so that [`take_at_rest`] needs nothing but itself.
#[inline(always)]
fn wait(set: Mask, most: Option<Duration>) -> Option<Taken> {
    // The kernel's timespec is two longs.
    let most = most.map(|time| {
        [
            time.as_secs().try_into().unwrap_or(libc::c_long::MAX),
            libc::c_long::from(time.subsec_nanos() as i32),
        ]
    });
    let timeout = most.as_ref().map_or(0, |time| time.as_ptr() as usize);
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let set = [set, 0];
    let result = loop {
        let (set, info) = (set.as_ptr() as usize, info.as_mut_ptr() as usize);
        // SAFETY: a set of 8 bytes at least, room for a siginfo_t, and a timespec or none.
        let result =
            unsafe { raw::call(libc::SYS_rt_sigtimedwait, [set, info, timeout, signal::SET_SIZE, 0]) };
        // With a time it is told at which the caller looks again anyway.
        if result == -(libc::EINTR as isize) && most.is_none() {
            continue;
        }
        break result;
    };
    let number = u8::try_from(result).ok().filter(|number| *number > 0)?;
    // SAFETY: zeroed, and filled by the kernel.
    let info = unsafe { info.assume_init() };
    let own = matches!(result as libc::c_int, libc::SIGPIPE | libc::SIGTSTP);
    let origin = match info.si_code {
        // SAFETY: a signal that a process sent has a pid.
        code if code <= 0 && own && unsafe { info.si_pid() } == own_pid() => Origin::Own,
        code if code <= 0 => Origin::Somebody,
        _ => Origin::Kernel,
    };
    Some(Taken { number, origin })
}

/// Stops this process, and with `group` all of its process group, as the terminal's key for that does (SIGTSTP). Returns
/// when it is continued, and at once where nobody could do that: an orphaned group is not stopped, nor is PID 1 (setpgid(2),
/// signal(7)). SIGTSTP must be blocked. Whether it was stopped.
pub fn suspend(group: bool) -> bool {
    let bit = |number: i32| 1 << (number - 1);
    // SAFETY: numbers only; 0 is the own group.
    unsafe { libc::kill(if group { 0 } else { own_pid() }, libc::SIGTSTP) };
    let mask = signal::mask();
    signal::set_mask(mask & !bit(libc::SIGTSTP));
    signal::set_mask(mask);
    // What continues it is pending then, for it is blocked.
    signal::pending() & bit(libc::SIGCONT) != 0
}

/// Stops this process by SIGSTOP, whoever may or may not continue it; PID 1 goes on.
pub fn stop_self() {
    // SAFETY: numbers only.
    unsafe { libc::kill(own_pid(), libc::SIGSTOP) };
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_real_time_signal_is_taken_and_its_sender_is_known() {
        let before = signal::block_all();
        for number in 32..=64_u8 {
            // SAFETY: to this thread alone, in which all is blocked.
            unsafe { libc::syscall(libc::SYS_tgkill, own_pid(), libc::gettid(), i32::from(number)) };
            let taken = take(1 << (number - 1), Some(Duration::ZERO)).unwrap();
            assert_eq!(taken, Taken { number, origin: Origin::Somebody });
        }
        // SAFETY: as above.
        unsafe { libc::syscall(libc::SYS_tgkill, own_pid(), libc::gettid(), libc::SIGPIPE) };
        let taken = take(1 << (libc::SIGPIPE - 1), Some(Duration::ZERO)).unwrap();
        assert_eq!(taken.origin, Origin::Own);
        assert_eq!(take(1 << 63, Some(Duration::ZERO)), None);
        signal::set_mask(before);
    }
}
