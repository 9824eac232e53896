//! A copy of this process that works something out which may hang or fail, and hands the answer over in a pipe.
//!
//! A plain fork(2), which copies the calling thread alone, the one that decides everything. It holds no lock itself. The
//! threads that write log files (`thread`) may hold some at that moment: those of the C library, which it sees to at a
//! fork, and those of `log::file`, which no work here may use. So the copy finds all others free and may use all of Rust.
//! What it does to its memory, its descriptors or its stack is its own affair; the supervisor sees a child that ends, and
//! bytes.

use super::signal::{block_all, not_default, set_mask};
use super::{Pid, errno, fds};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A forked copy.
#[derive(Debug)]
pub struct Fork {
    /// Its process id: to be waited for as any child is.
    pub pid: Pid,
    /// Its answer, never waiting; end of file when it is over. Whether it is complete, only its content tells.
    pub answer: OwnedFd,
}

/// Starts a copy of this process that does `work`, hands over what that returns, and ends with code 0. `work` has nothing
/// to do with log files.
///
/// The copy has default actions for all signals and none blocked, a session of its own, no descriptors but 0 to 2 and its
/// pipe, dumps no core, and dies with this process. A panic ends it with code 101 (or by SIGABRT).
///
/// # Errors
/// No process (`EAGAIN`, `ENOMEM`) or no descriptor is to be had.
pub fn fork(work: impl FnOnce() -> Vec<u8>) -> io::Result<Fork> {
    let (reader, writer) = fds::pipe()?;
    // SAFETY: an open descriptor and numbers.
    if unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } < 0 {
        return Err(io::Error::from_raw_os_error(errno()));
    }
    // Until its handlers are gone, a signal to the copy would be told to the supervisor, whose pipes it shares.
    let mask = block_all();
    // SAFETY: this thread is in no other function of C, malloc(3) works in the child with glibc and with musl although
    // there are other threads, and the child takes no lock of theirs; see above.
    match unsafe { libc::fork() } {
        0 => be_the_copy(writer, work),
        -1 => {
            let error = io::Error::from_raw_os_error(errno());
            set_mask(mask);
            Err(error)
        }
        pid => {
            set_mask(mask);
            Ok(Fork { pid, answer: reader })
        }
    }
}

/// The child's life. It never comes back into the frames of its parent.
fn be_the_copy(mut writer: OwnedFd, work: impl FnOnce() -> Vec<u8>) -> ! {
    let reset = not_default();
    // SAFETY: numbers, and structures that live through the call. What fails here is only less tidy.
    unsafe {
        for number in (1..=64).filter(|number| reset >> (number - 1) & 1 == 1) {
            libc::signal(number, libc::SIG_DFL);
        }
        libc::setsid();
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
    }
    close_all_but(&mut writer);
    set_mask(0);
    let done = catch_unwind(AssertUnwindSafe(|| {
        let answer = work();
        std::fs::File::from(writer).write_all(&answer).is_ok()
    }));
    let code = match done {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(_) => 101,
    };
    // SAFETY: ends this process at once, without what the parent has registered to be done at its own end.
    unsafe { libc::_exit(code) }
}

/// Closes what it inherited: a client whose connection the supervisor closes would otherwise wait for this process too.
/// Before Linux 5.9 the descriptors stay open for as long as it lives.
fn close_all_but(writer: &mut OwnedFd) {
    // SAFETY: the copy uses none of them; descriptor 3 is the pipe from here on.
    unsafe {
        if writer.as_raw_fd() != 3 && libc::dup3(writer.as_raw_fd(), 3, libc::O_CLOEXEC) == 3 {
            use std::os::fd::FromRawFd;
            std::mem::forget(std::mem::replace(writer, OwnedFd::from_raw_fd(3)));
        }
        if writer.as_raw_fd() == 3 {
            libc::syscall(libc::SYS_close_range, 4u32, u32::MAX, 0u32);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::{Exit, Signal};
    use crate::sys::reap;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    /// What the copy said, and how it ended.
    fn finish(fork: Fork) -> (Vec<u8>, Exit) {
        let mut answer = Vec::new();
        let mut file = std::fs::File::from(fork.answer);
        loop {
            let mut fd = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
            assert_ne!(poll(&mut fd, PollTimeout::from(20_000u16)), Ok(0), "no answer in time");
            match file.read_to_end(&mut answer) {
                Ok(_) => break,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(exit) = reap::consume(fork.pid) {
                return (answer, exit);
            }
            assert!(Instant::now() < deadline, "it did not end");
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_a_copy_works_out_arrives_whole_however_much_it_is() {
        let kept = vec![7u8; 3 << 20];
        let (answer, exit) = finish(fork(|| kept.clone()).unwrap());
        assert!(answer == kept);
        assert_eq!(exit, Exit::Code(0));
    }

    #[test]
    fn a_copy_that_panics_or_is_killed_harms_nobody() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ()));
        let panicking = fork(|| panic!("as tested")).unwrap();
        std::panic::set_hook(hook);
        assert_eq!(finish(panicking), (Vec::new(), Exit::Code(101)));
        let hanging = fork(|| {
            loop {
                std::thread::park()
            }
        })
        .unwrap();
        assert_eq!(reap::consume(hanging.pid), None);
        crate::sys::signal::kill(hanging.pid, Signal::KILL);
        assert_eq!(finish(hanging), (Vec::new(), Exit::Signal { signal: Signal::KILL, core: false }));
    }

    #[test]
    fn a_copy_inherits_no_descriptors_no_mask_and_no_session() {
        let (_reader, writer) = fds::pipe().unwrap();
        let fd = writer.as_raw_fd();
        // SAFETY: asks, and changes nothing.
        let look = move || unsafe {
            let open = libc::fcntl(fd, libc::F_GETFD) >= 0;
            let leads = libc::getsid(0) == libc::getpid();
            // The C library keeps 32 and 33 for itself.
            let actions = not_default() & !(0b11 << 31);
            format!("{open} {leads} {:x} {actions:x}", crate::sys::signal::mask()).into_bytes()
        };
        let (answer, _) = finish(fork(look).unwrap());
        assert_eq!(String::from_utf8(answer).unwrap(), "false true 0 0");
    }
}
