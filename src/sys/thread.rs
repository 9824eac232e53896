//! Threads for what may wait on a disk. PID 1 decides everything in its one main thread; these carry bytes.
//!
//! What a second thread means for the rest of this room:
//!
//! - Signals: it has all of them blocked, so every handler runs in the main thread, and who waits with signalfd is the
//!   main thread.
//! - fork(2) copies the calling thread alone. What another held at that moment stays held in the copy for ever. The C
//!   libraries see to their own locks (malloc(3) may be used after fork(2) in glibc and in musl from 1.2.2 on), and of
//!   ours a copy may use none that such a thread uses: those of `log::file`.
//! - Children in shared memory (`child`) keep to raw system calls and wait for no lock.
//! - User, groups, capabilities and priority belong to threads: the main thread does not change its own after the start.

use super::signal::{block_all, set_mask};
use std::io;
use std::thread::Builder;

/// Starts a thread that no signal comes to. It is known by its name in /proc/PID/task/TID/comm (15 bytes at most) and
/// ends when `work` returns; nobody waits for it.
///
/// # Errors
/// `EAGAIN`: a limit of processes, or no memory.
pub fn start(name: &str, stack: usize, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // One heap for all: another would cost each thread pages of its own, and they allocate next to nothing.
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt(3) with numbers.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
    // It begins with the mask of the thread that makes it.
    let mask = block_all();
    let started = Builder::new().name(name.to_owned()).stack_size(stack).spawn(work);
    set_mask(mask);
    started.map(drop)
}

/// Gives this thread the lowest priority: it gets what others leave of the processors.
pub fn stand_back() {
    // SAFETY: numbers. On Linux, 0 is the calling thread and no other; see setpriority(2), BUGS.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) };
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn no_signal_comes_to_it_and_its_priority_is_its_own() {
        let before = crate::sys::signal::mask();
        let (sender, receiver) = channel();
        let work = move || {
            stand_back();
            let name = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
            // SAFETY: numbers.
            let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
            sender.send((crate::sys::signal::mask(), name, nice)).unwrap();
        };
        start("as-tested", 64 << 10, work).unwrap();
        let (mask, name, nice) = receiver.recv().unwrap();
        // SIGKILL and SIGSTOP cannot be blocked, and the C library keeps 32 and 33 for itself, see nptl(7).
        let own = 1 << (32 - 1) | 1 << (33 - 1);
        assert_eq!(!mask & !own, 1 << (libc::SIGKILL - 1) | 1 << (libc::SIGSTOP - 1));
        assert_eq!((name.as_str(), nice), ("as-tested\n", 19));
        assert_eq!(crate::sys::signal::mask(), before);
        // SAFETY: numbers.
        assert_eq!(unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }, 0);
    }
}
