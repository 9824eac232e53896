//! Linux: everything that this program asks the kernel for, and every `unsafe` of it.
//!
//! | file             | does                                                                      |
//! |------------------|---------------------------------------------------------------------------|
//! | `signal`         | the signal state of PID 1 from its first instruction; kill(2)              |
//! | `reap`           | waitid(2): who died, and whose child that was                              |
//! | `prepare`        | a service's `Exec` to orders for a child: all that may fail or allocate    |
//! | `environment`    | the variables of a child, files and secrets included                       |
//! | `spawn`, `stack` | clone(2), the report of the child, the stacks that children borrow         |
//! | `init_child`, `arguments` | the one child of `foster init`, and the command line without a copy   |
//! | `foreground`, `taking` | the terminal's foreground group; signals one at a time                |
//! | `child`, `child_fds`, `raw` | what the child does until exec, on raw system calls             |
//! | `error`, `diagnose` | why a start failed, in words                                            |
//! | `users`          | /etc/passwd and /etc/group without NSS                                     |
//! | `limits`, `capabilities` | setrlimit(2), capabilities(7)                                      |
//! | `memory`         | giving back memory that only the start needed                             |
//! | `passed`         | what a child gets beside its standard descriptors                         |
//! | `notify`, `listen` | sockets on which services tell, and on which they are asked            |
//! | `watch`          | waiting in the runtime for a descriptor of our own                         |
//! | `cgroup`         | a cgroup for each service: its limits, who is in it, what it uses           |
//! | `procs`          | the descendants of this process, and signals to them                       |
//! | `connect`        | connections that nobody waits for                                         |
//! | `fork`           | a copy of this process that works something out                            |
//! | `thread`         | threads that wait for disks, so that PID 1 does not                        |
//! | `console`        | writing to what PID 1 was given as output, without ever waiting           |
//! | `terminal`       | who is in the foreground of the terminal                                   |
//! | `fds`, `files`   | descriptors; reading files without blocking                                |
//! | `unlinked`       | what a static release leaves out of libc                                   |

#![allow(unsafe_code)]

pub mod arguments;
mod capabilities;
pub mod cgroup;
mod child;
mod child_fds;
pub mod connect;
pub mod console;
mod diagnose;
mod environment;
mod error;
pub mod fds;
mod files;
pub mod foreground;
mod fork;
pub mod init_child;
pub mod limits;
pub mod listen;
pub mod memory;
pub mod notify;
mod passed;
mod prepare;
pub mod procs;
mod raw;
pub mod reap;
pub mod signal;
mod spawn;
mod stack;
pub mod taking;
mod terminal;
pub mod thread;
#[cfg(all(panic = "abort", target_feature = "crt-static", target_env = "gnu"))]
mod unlinked;
pub mod users;
mod watch;

pub use error::{SpawnError, Stage};
pub use files::{FileError, not_writable, read_bounded};
pub use fork::{Fork, fork};
pub use prepare::{DEFAULT_PATH, Prepared};
pub use spawn::{Child, Method, Outcome, Report, Spawner};
pub use terminal::{Modes, Terminal};
pub use watch::Watch;

/// A process id, or that of a process group, as the kernel counts them in this namespace.
pub type Pid = libc::pid_t;

/// The process id of this process.
#[must_use]
pub fn own_pid() -> Pid {
    // SAFETY: takes no memory.
    unsafe { libc::getpid() }
}

/// The process group of this process; 0 if that is one of another pid namespace. Not for a child in shared memory, see
/// `raw`.
fn own_group() -> Pid {
    // SAFETY: takes no memory.
    unsafe { libc::getpgrp() }
}

/// The text of an error number, without the number: `No such file or directory`.
#[must_use]
pub fn errno_text(errno: i32) -> &'static str {
    match errno {
        // "Try again" would be advice.
        libc::EAGAIN => "Resource temporarily unavailable",
        _ => nix::errno::Errno::from_raw(errno).desc(),
    }
}

/// The text of an error as [`errno_text`] has it, or as it is.
#[must_use]
pub fn error_text(error: &std::io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |errno| errno_text(errno).to_owned())
}

/// The error number that the last failed libc call of this thread left behind.
fn errno() -> i32 {
    nix::errno::Errno::last_raw()
}
