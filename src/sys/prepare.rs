//! From what the configuration says to orders for a child. All that can fail or allocate happens here.

use super::child::{Identity, Input, Orders, Strings};
use super::environment::Variables;
use super::passed::{Passed, PidVariable};
use super::users::{Account, Database, LookupError};
use super::{SpawnError, Stage, capabilities, limits};
use crate::model::{Exec, Limit, Stdin};
use std::cell::Cell;
use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

/// Where commands are looked for when the child has no PATH.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A child ready to be spawned, once.
#[derive(Debug)]
pub struct Prepared {
    pub(super) orders: Box<Orders>,
    pub(super) context: Context,
    /// `None`: as in the orders.
    pub(super) stdin: Option<Stdin>,
}

/// What an explanation of a failure needs.
#[derive(Debug, Default)]
pub(super) struct Context {
    pub(super) command: String,
    pub(super) path: String,
    pub(super) user: Option<String>,
    pub(super) directory: Option<String>,
    pub(super) stdin: Option<String>,
    pub(super) limits: Vec<Limit>,
    pub(super) nice: i32,
    pub(super) oom_score_adj: i32,
}

impl Prepared {
    /// Resolves everything that `exec` says, for the command `argv`: the service's own, or a stop or condition
    /// command that runs with the same identity. `extra` holds `FOSTER_SERVICE` and the like; `container` is the
    /// environment that the supervisor was started with.
    ///
    /// Reads the user database, environment files and secrets: regular files only, up to 1 MiB, so it cannot hang on a
    /// FIFO.
    ///
    /// # Errors
    /// An unknown user or group, an unreadable file, a NUL byte, a capability that is not there.
    pub fn new(
        exec: &Exec,
        argv: &[String],
        extra: &[(&str, &OsStr)],
        container: &[(OsString, OsString)],
    ) -> Result<Self, SpawnError> {
        Self::with_database(exec, argv, extra, container, &Database::default())
    }

    /// [`Prepared::new`] with another user database.
    ///
    /// # Errors
    /// As there.
    pub fn with_database(
        exec: &Exec,
        argv: &[String],
        extra: &[(&str, &OsStr)],
        container: &[(OsString, OsString)],
        database: &Database,
    ) -> Result<Self, SpawnError> {
        let account = match &exec.user {
            Some(user) => {
                Some(database.user(user).map_err(|e| unknown(&format!("become user `{user}`"), &e))?)
            }
            None => None,
        };
        let identity = identity(exec, account.as_ref(), database)?;
        let root = identity.uid.unwrap_or_else(|| nix::unistd::geteuid().as_raw()) == 0;
        let kept = exec.capabilities.as_ref();
        let capabilities = kept.map(|keep| capabilities::plan(keep, root)).transpose()?;
        let variables = Variables::build(&exec.environment, container, extra, account.as_ref())?;

        let command = argv.first().map(String::as_str).unwrap_or_default();
        if command.is_empty() {
            let what = "cannot execute the command: it is empty".to_owned();
            return Err(SpawnError { stage: Stage::Exec, errno: libc::ENOENT, what });
        }
        let arguments = argv
            .iter()
            .map(|a| c_string(a, Stage::Arguments, "pass an argument"))
            .collect::<Result<Vec<_>, _>>()?;
        // execvp(3): /bin/sh, the script (filled in by the child), the arguments.
        let shell =
            [c"/bin/sh".to_owned(), c"".to_owned()].into_iter().chain(arguments.iter().skip(1).cloned());
        let path = variables.get("PATH").unwrap_or(OsStr::new(DEFAULT_PATH));
        let stdin = match &exec.stdin {
            Stdin::Path(path) => Input::Path(c_string(path, Stage::Stdin, "open standard input")?),
            Stdin::Null | Stdin::Inherit => Input::Descriptor(0),
        };
        let directory = exec.working_directory.as_ref();
        let orders = Orders {
            report: Cell::new(-1),
            reset: 0,
            contain: false,
            cgroup: None,
            enter: false,
            stdin,
            terminal: false,
            stdout: 1,
            stderr: 2,
            passed: Passed::default(),
            oom_score_adj: exec.oom_score_adj.map(|score| score.to_string().into_bytes()),
            nice: exec.nice,
            limits: exec.limits.iter().map(limits::numbers).collect(),
            nofile: limits::inherited_nofile()
                .filter(|_| !exec.limits.iter().any(|l| l.resource == crate::model::Resource::Nofile)),
            umask: exec.umask,
            identity,
            directory: directory.map(|d| c_string(d, Stage::Directory, "change directory")).transpose()?,
            capabilities,
            no_new_privs: exec.no_new_privileges,
            candidates: candidates(command, path)?,
            shell: Strings::new(shell.collect()),
            argv: Strings::new(arguments),
            envp: Strings::new(variables.strings()?),
        };
        let context = Context {
            command: command.to_owned(),
            path: path.to_string_lossy().into_owned(),
            user: exec.user.clone(),
            directory: exec.working_directory.clone(),
            stdin: match &exec.stdin {
                Stdin::Path(path) => Some(path.clone()),
                Stdin::Null | Stdin::Inherit => None,
            },
            limits: exec.limits.clone(),
            nice: exec.nice.unwrap_or_default(),
            oom_score_adj: exec.oom_score_adj.unwrap_or_default(),
        };
        Ok(Self { orders: Box::new(orders), context, stdin: Some(exec.stdin.clone()) })
    }

    /// With a standard input that reads as empty, whatever `exec` says.
    #[must_use]
    pub fn without_input(mut self) -> Self {
        self.stdin = Some(Stdin::Null);
        self
    }

    /// With the terminal that is the supervisor's own standard input, and in the foreground there: see [`super::Terminal`].
    #[must_use]
    pub fn with_terminal(mut self) -> Self {
        self.orders.terminal = true;
        self.stdin = Some(Stdin::Inherit);
        self
    }

    /// With this standard input, which is open here until the child is made, whatever `exec` says.
    #[must_use]
    pub fn with_input(mut self, input: BorrowedFd<'_>) -> Self {
        self.orders.stdin = Input::Descriptor(input.as_raw_fd());
        self.context.stdin = None;
        self.stdin = None;
        self
    }

    /// In the cgroup v2 of this directory from its first moment, or from before anything else that it does.
    #[must_use]
    pub fn in_cgroup(mut self, directory: OwnedFd) -> Self {
        self.orders.cgroup = Some(directory);
        self
    }

    /// Has the child inherit `fds` too: each what is open here until the child is made, and the number that it has there, 3
    /// or above. `own_pid` are variables that hold the pid of the child, whatever the configuration sets them to.
    #[must_use]
    pub fn pass(mut self, fds: &[(BorrowedFd<'_>, RawFd)], own_pid: &[&str]) -> Self {
        let orders = &mut self.orders;
        orders.passed.fds = fds.iter().map(|(fd, target)| (Cell::new(fd.as_raw_fd()), *target)).collect();
        orders.passed.own_pid = own_pid.iter().map(|name| PidVariable::new(name)).collect();
        for (variable, name) in orders.passed.own_pid.iter().zip(own_pid) {
            orders.envp.set(format!("{name}=").as_bytes(), variable.as_ptr());
        }
        self
    }

    /// Whether the child may run in the supervisor's memory until exec. A change of identity there would make the
    /// supervisor undumpable, and could let the new user at its memory; an `oom-score-adj` written there would be the
    /// supervisor's too (`__set_oom_adj` goes through all that share the memory).
    pub(super) fn may_share_memory(&self) -> bool {
        self.orders.identity.is_unchanged() && self.orders.oom_score_adj.is_none()
    }
}

fn unknown(what: &str, error: &LookupError) -> SpawnError {
    let errno = match error {
        LookupError::File(_, error) => error.errno,
        _ => 0,
    };
    SpawnError { stage: Stage::User, errno, what: format!("cannot {what}: {error}") }
}

fn c_string(text: impl AsRef<[u8]>, stage: Stage, what: &str) -> Result<CString, SpawnError> {
    CString::new(text.as_ref()).map_err(|_| SpawnError {
        stage,
        errno: libc::EINVAL,
        what: format!("cannot {what}: it has a NUL byte in it"),
    })
}

/// The files that execvp(3) would try.
fn candidates(command: &str, path: &OsStr) -> Result<Vec<CString>, SpawnError> {
    let c_string = |bytes: &[u8]| c_string(bytes, Stage::Arguments, "execute the command");
    if command.contains('/') {
        return Ok(vec![c_string(command.as_bytes())?]);
    }
    let join = |directory: &[u8]| match directory {
        [] => c_string(&[b"./", command.as_bytes()].concat()),
        _ => c_string(&[directory, b"/", command.as_bytes()].concat()),
    };
    path.as_bytes().split(|b| *b == b':').map(join).collect()
}

fn identity(exec: &Exec, account: Option<&Account>, database: &Database) -> Result<Identity, SpawnError> {
    let group = |name: &str| {
        database.group(name).map_err(|e| unknown(&format!("become a member of group `{name}`"), &e))
    };
    let own = nix::unistd::geteuid().as_raw();
    let gid = match &exec.group {
        Some(name) => Some(group(name)?),
        // A number without an entry that is the supervisor's own (an arbitrary uid) keeps the supervisor's group.
        None => account
            .map(|a| if a.name.is_none() && a.uid == own { nix::unistd::getegid().as_raw() } else { a.gid }),
    };
    let uid = account.map(|a| a.uid);
    let wanted = match (&exec.supplementary_groups, account) {
        (Some(names), _) => Some(names.iter().map(|n| group(n)).collect::<Result<Vec<_>, _>>()?),
        (None, Some(Account { name: Some(name), gid: own, .. })) => {
            Some(database.groups_of(name, gid.unwrap_or(*own)))
        }
        (None, Some(_)) => Some(gid.into_iter().collect()),
        (None, None) => None,
    };
    let unchanged =
        uid.is_none_or(|uid| uid == own) && gid.is_none_or(|gid| gid == nix::unistd::getegid().as_raw());
    let groups_optional = unchanged && exec.supplementary_groups.is_none();
    let groups = wanted.filter(|wanted| !same_membership(wanted, &current_groups(), gid));
    Ok(Identity { groups, groups_optional, gid, uid })
}

/// Whether setgroups(2), which a user namespace may forbid, would change nothing.
fn same_membership(wanted: &[u32], current: &[u32], gid: Option<u32>) -> bool {
    let covers = |a: &[u32], b: &[u32]| b.iter().all(|g| a.contains(g) || gid == Some(*g));
    covers(wanted, current) && covers(current, wanted)
}

/// The supplementary groups of this process.
fn current_groups() -> Vec<u32> {
    nix::unistd::getgroups().unwrap_or_default().into_iter().map(nix::unistd::Gid::as_raw).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tried(command: &str, path: &str) -> Vec<String> {
        let list = candidates(command, OsStr::new(path)).unwrap();
        list.into_iter().map(|c| c.into_string().unwrap()).collect()
    }

    #[test]
    fn path_is_searched_as_execvp_does() {
        assert_eq!(tried("a", "/bin:/usr/bin"), ["/bin/a", "/usr/bin/a"]);
        assert_eq!(tried("a", "/bin:"), ["/bin/a", "./a"]);
        assert_eq!(tried("./a", "/bin"), ["./a"]);
        assert_eq!(tried("x/a", "/bin"), ["x/a"]);
    }

    #[test]
    fn groups_that_are_there_already_are_not_set_again() {
        assert!(same_membership(&[5, 7], &[7, 5], None));
        assert!(same_membership(&[33], &[], Some(33)), "the primary group is in force anyway");
        assert!(!same_membership(&[33], &[0], Some(33)), "root's group must go");
        assert!(!same_membership(&[33, 100], &[33], Some(33)));
    }

    #[test]
    fn an_empty_command_and_a_nul_byte_are_refused() {
        let prepare = |argv: &[&str]| {
            let argv: Vec<String> = argv.iter().map(|a| (*a).to_owned()).collect();
            Prepared::new(&Exec::default(), &argv, &[], &[]).map(drop).unwrap_err().stage
        };
        assert_eq!(prepare(&[]), Stage::Exec);
        assert_eq!(prepare(&[""]), Stage::Exec);
        assert_eq!(prepare(&["/bin/true", "a\0b"]), Stage::Arguments);
    }
}
