//! A program as PID 1 of a pid namespace and nothing more, for what has to be done a thousand times: one clone and one
//! exec, where `Container` makes directories, pipes and threads.

use super::is_root;
use std::ffi::CString;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr::{null, null_mut};
use std::time::{Duration, Instant};

/// How it begins.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    pub argv: Vec<String>,
    pub environment: Vec<String>,
    /// All signals are blocked, and this one is sent before its first instruction.
    pub at_once: Option<i32>,
    /// This one is ignored.
    pub ignored: Option<i32>,
    /// Its standard descriptors: a path, or closed.
    pub stdio: Option<&'static str>,
}

/// PID 1 of its namespace. It goes with this value.
pub struct Launched {
    pub pid: i32,
    pidfd: OwnedFd,
    status: Option<i32>,
}

impl Launch {
    pub fn start(&self) -> Launched {
        let text = |words: &[String]| -> Vec<CString> {
            words.iter().map(|word| CString::new(word.as_str()).unwrap()).collect()
        };
        let (argv, environment) = (text(&self.argv), text(&self.environment));
        let pointers = |words: &[CString]| -> Vec<*const libc::c_char> {
            words.iter().map(|word| word.as_ptr()).chain([null()]).collect()
        };
        let (argv, environment) = (pointers(&argv), pointers(&environment));
        let path = self.stdio.map(|path| CString::new(path).unwrap());
        let user = if is_root() { 0 } else { libc::CLONE_NEWUSER };
        let flags = libc::CLONE_NEWPID | libc::CLONE_PIDFD | libc::SIGCHLD | user;
        let mut pidfd = -1;
        let (gate, mut opener) = std::io::pipe().unwrap();
        // SAFETY: as fork(2); the child uses what was made before, and system calls.
        unsafe {
            // Blocked in the child from its first moment on.
            let none = null_mut::<u64>();
            let all = if self.at_once.is_some() { u64::MAX } else { 0 };
            let mut before = 0_u64;
            let (set, how) = (&raw const all, libc::SIG_SETMASK);
            libc::syscall(libc::SYS_rt_sigprocmask, how, set, &raw mut before, 8);
            let pid = libc::syscall(libc::SYS_clone, flags as u64, null::<u8>(), &raw mut pidfd, 0, 0) as i32;
            if pid == 0 {
                self.become_it(gate.as_raw_fd(), &argv, &environment, path.as_ref());
            }
            libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const before, none, 8);
            assert!(pid > 0, "clone: {}", std::io::Error::last_os_error());
            let launched = Launched { pid, pidfd: OwnedFd::from_raw_fd(pidfd), status: None };
            self.at_once.into_iter().for_each(|number| launched.signal(number));
            opener.write_all(b"x").unwrap();
            launched
        }
    }

    unsafe fn become_it(
        &self,
        gate: i32,
        argv: &[*const libc::c_char],
        environment: &[*const libc::c_char],
        path: Option<&CString>,
    ) -> ! {
        // SAFETY: system calls with what lives in the copy of the caller.
        unsafe {
            // Those of the C library too, which posix_spawn(3) of glibc leaves ignored.
            for number in 1..=64 {
                let handler = if self.ignored == Some(number) { libc::SIG_IGN } else { libc::SIG_DFL };
                let action = [handler as u64, 0, 0, 0];
                let none = null_mut::<u64>();
                libc::syscall(libc::SYS_rt_sigaction, number, action.as_ptr(), none, 8);
            }
            let mut word = 0_u8;
            libc::read(gate, (&raw mut word).cast(), 1);
            for fd in 0..3 {
                libc::close(fd);
                if let Some(path) = path.filter(|path| !path.is_empty()) {
                    libc::open(path.as_ptr(), libc::O_RDWR);
                }
            }
            libc::execve(argv[0], argv.as_ptr(), environment.as_ptr());
            libc::_exit(99)
        }
    }
}

impl Launched {
    pub fn signal(&self, number: i32) {
        // SAFETY: the child is unreaped, so the pid is its own.
        unsafe { libc::kill(self.pid, number) };
    }

    /// The exit code, 128+n for signal n; `None` when it does not end.
    pub fn wait(&mut self, limit: Duration) -> Option<i32> {
        let end = Instant::now() + limit;
        let mut poll = libc::pollfd { fd: self.pidfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        while self.status.is_none() {
            let left = end.saturating_duration_since(Instant::now()).as_millis() as i32;
            // SAFETY: one pollfd of our own.
            match unsafe { libc::poll(&raw mut poll, 1, left) } {
                0 => return None,
                1 => {
                    let mut status = 0;
                    // SAFETY: an own child that is dead.
                    assert_eq!(unsafe { libc::waitpid(self.pid, &raw mut status, 0) }, self.pid);
                    let signal = libc::WIFSIGNALED(status).then(|| 128 + libc::WTERMSIG(status));
                    self.status = Some(signal.unwrap_or(libc::WEXITSTATUS(status)));
                }
                _ => {}
            }
        }
        self.status
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.signal(libc::SIGKILL);
            // SAFETY: an own child that is dead, or will be.
            unsafe { libc::waitpid(self.pid, null_mut(), 0) };
        }
    }
}
