//! Why a start failed.

use super::errno_text;
use std::fmt;

/// The step of a start that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Stage {
    /// Looking up `user`, `group` or `supplementary-groups`.
    User = 1,
    /// Building the environment, or reading an environment file.
    Environment,
    /// Reading a secret.
    Secret,
    /// The command line itself, for example a NUL byte in it.
    Arguments,
    /// Making the pipe through which the child reports.
    Pipe,
    /// Making the process.
    Fork,
    /// setsid(2).
    Session,
    /// Standard input.
    Stdin,
    /// Standard output and error.
    Stdout,
    /// `oom-score-adj`.
    OomScoreAdj,
    /// `nice`.
    Nice,
    /// One of `[limits]`.
    Limit,
    /// setgroups(2).
    Groups,
    /// setresgid(2).
    Gid,
    /// setresuid(2).
    Uid,
    /// `working-directory`.
    Directory,
    /// `capabilities`.
    Capabilities,
    /// `no-new-privileges`.
    NoNewPrivileges,
    /// Handing on descriptors, and closing what the service must not inherit.
    Descriptors,
    /// execve(2).
    Exec,
    /// Making what the service is handed: listening sockets, the socket of its notifications.
    Sockets,
    /// Entering the cgroup of the service.
    Cgroup,
}

impl Stage {
    const ALL: [Self; 22] = [
        Self::User,
        Self::Environment,
        Self::Secret,
        Self::Arguments,
        Self::Pipe,
        Self::Fork,
        Self::Session,
        Self::Stdin,
        Self::Stdout,
        Self::OomScoreAdj,
        Self::Nice,
        Self::Limit,
        Self::Groups,
        Self::Gid,
        Self::Uid,
        Self::Directory,
        Self::Capabilities,
        Self::NoNewPrivileges,
        Self::Descriptors,
        Self::Exec,
        Self::Sockets,
        Self::Cgroup,
    ];

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| *stage as u8 == number)
    }
}

/// Why a start failed: a sentence for people, and the facts behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpawnError {
    /// The step.
    pub stage: Stage,
    /// Number of errno(3); 0 where no system call failed.
    pub errno: i32,
    /// The sentence: `cannot <verb> <object>: <cause>`. It never holds a secret.
    pub what: String,
}

impl SpawnError {
    /// `cannot <what>: <text of errno>`.
    pub(super) fn system(stage: Stage, errno: i32, what: &str) -> Self {
        Self { stage, errno, what: format!("cannot {what}: {}", errno_text(errno)) }
    }

    /// A service without a command was to be started. The configuration does not let that happen.
    #[must_use]
    pub fn nothing(service: &str) -> Self {
        Self { stage: Stage::Arguments, errno: 0, what: format!("cannot start {service}: it has no command") }
    }

    /// There is no pipe for the output of the child.
    #[must_use]
    pub fn output(error: &std::io::Error) -> Self {
        Self::system(Stage::Stdout, error.raw_os_error().unwrap_or_default(), "make pipes for its output")
    }

    /// A socket that it is to be handed is not to be had; `what` is the whole sentence.
    #[must_use]
    pub fn socket(errno: i32, what: String) -> Self {
        Self { stage: Stage::Sockets, errno, what }
    }

    /// Whether the same start may succeed a little later, with nothing changed by hand.
    #[must_use]
    pub fn temporary(&self) -> bool {
        // Who has the address may go.
        self.stage == Stage::Sockets
            || matches!(
                self.errno,
                libc::EAGAIN
                    | libc::ENOMEM
                    | libc::EMFILE
                    | libc::ENFILE
                    | libc::EINTR
                    | libc::ETXTBSY
                    | libc::EIO
                    | libc::ENOSPC
                    | libc::ESTALE
                    | libc::EBUSY
            )
    }

    /// The exit code that a shell or a container would show for it: 127 when the command was not found, 126 when it
    /// cannot be executed, 1 for all else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (self.stage, self.errno) {
            (Stage::Exec, libc::ENOENT | libc::ENOTDIR) => 127,
            (
                Stage::Exec,
                libc::EACCES
                | libc::ENOEXEC
                | libc::EISDIR
                | libc::EPERM
                | libc::ELOOP
                | libc::EINVAL
                | libc::ENAMETOOLONG
                | libc::ELIBBAD,
            ) => 126,
            _ => 1,
        }
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for SpawnError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_survives_the_way_through_the_pipe() {
        for stage in Stage::ALL {
            assert_eq!(Stage::from_number(stage as u8), Some(stage));
        }
        assert_eq!(Stage::from_number(0), None);
        assert_eq!(Stage::from_number(23), None);
    }

    #[test]
    fn exit_codes_are_those_of_a_shell() {
        let code = |stage, errno| SpawnError::system(stage, errno, "x").exit_code();
        assert_eq!(code(Stage::Exec, libc::ENOENT), 127);
        assert_eq!(code(Stage::Exec, libc::EACCES), 126);
        assert_eq!(code(Stage::Exec, libc::EAGAIN), 1);
        assert_eq!(code(Stage::Directory, libc::ENOENT), 1);
    }
}
