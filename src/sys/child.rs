//! What the child does between clone and exec.
//!
//! It may still share the supervisor's memory, so it makes raw system calls only, allocates nothing, cannot panic, and
//! writes to nothing but its stack and its own [`Orders`]. All signals are blocked until the last moment.

use super::child_fds::{close_on_exec, pass_on, stdio};
use super::passed::Passed;
use super::signal::Mask;
use super::{Pid, Stage, capabilities, foreground, limits, raw};
use libc::{c_char, c_int};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::null;

/// What a failed child writes into the report pipe, as one machine word; nothing is written on success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// A [`Stage`] as number.
    pub(super) stage: u8,
    /// Which of several: a limit, a candidate of PATH.
    pub(super) index: u16,
    /// Number of errno(3).
    pub(super) errno: i32,
}

impl Failure {
    fn new(stage: Stage, index: usize, result: isize) -> Self {
        Self { stage: stage as u8, index: index as u16, errno: result.wrapping_neg() as i32 }
    }

    fn pack(self) -> u64 {
        u64::from(self.errno as u32) << 32 | u64::from(self.index) << 8 | u64::from(self.stage)
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
    pub(super) fn unpack(word: u64) -> Self {
        Self { stage: word as u8, index: (word >> 8) as u16, errno: (word >> 32) as i32 }
    }
}

/// Where standard input comes from.
#[derive(Debug)]
pub(super) enum Input {
    Descriptor(c_int),
    Path(CString),
}

/// Who the service runs as; `None` is "as the supervisor".
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) groups: Option<Vec<u32>>,
    /// A refusal of setgroups(2) is no failure: neither user nor group changes, and nobody asked for groups.
    pub(super) groups_optional: bool,
    pub(super) gid: Option<u32>,
    pub(super) uid: Option<u32>,
}

impl Identity {
    /// Whether the child makes no identity system call at all.
    pub(super) fn is_unchanged(&self) -> bool {
        self.groups.is_none() && self.gid.is_none() && self.uid.is_none()
    }
}

/// Everything that the child needs, made by the parent. It lives until the child has executed or ended.
#[derive(Debug)]
pub(super) struct Orders {
    /// Write end of the report pipe, close-on-exec.
    pub(super) report: Cell<c_int>,
    /// The signals that have another action than the default one in the supervisor.
    pub(super) reset: Mask,
    /// See [`dumps_core`].
    pub(super) contain: bool,
    /// The directory of the cgroup that it belongs to.
    pub(super) cgroup: Option<OwnedFd>,
    /// It is not made in there, and has to enter it.
    pub(super) enter: bool,
    pub(super) stdin: Input,
    /// Stays in the supervisor's session, and takes the terminal that is its standard input.
    pub(super) terminal: bool,
    pub(super) stdout: c_int,
    pub(super) stderr: c_int,
    /// Further descriptors, and the variables that tell of them.
    pub(super) passed: Passed,
    pub(super) oom_score_adj: Option<Vec<u8>>,
    pub(super) nice: Option<c_int>,
    /// Resource, then soft and hard value.
    pub(super) limits: Vec<(u32, [u64; 2])>,
    /// The limit of open files to go back to, where the supervisor has raised its own.
    pub(super) nofile: Option<[u64; 2]>,
    pub(super) umask: Option<u32>,
    pub(super) identity: Identity,
    pub(super) directory: Option<CString>,
    pub(super) capabilities: Option<capabilities::Orders>,
    pub(super) no_new_privs: bool,
    /// Files to try, in order.
    pub(super) candidates: Vec<CString>,
    pub(super) argv: Strings,
    pub(super) envp: Strings,
    /// `/bin/sh`, a place for the script, and the arguments: for a script without `#!`, see execvp(3).
    pub(super) shell: Strings,
}

/// A null-terminated array of C strings, with the strings.
#[derive(Debug)]
pub(super) struct Strings {
    /// The first of the pointers are to these.
    owned: Vec<CString>,
    pointers: Vec<Cell<*const c_char>>,
}

// SAFETY: the pointers are to the strings owned beside them, which no thread is tied to.
unsafe impl Send for Strings {}

impl Strings {
    pub(super) fn new(owned: Vec<CString>) -> Self {
        let ends = std::iter::once(null());
        let pointers = owned.iter().map(|s| s.as_ptr()).chain(ends).map(Cell::new).collect();
        Self { owned, pointers }
    }

    /// Adds a string that is owned elsewhere and lives as long, in the place of the one that begins alike, if there is one.
    pub(super) fn set(&mut self, start: &[u8], string: *const c_char) {
        let known = self.owned.iter().position(|owned| owned.as_bytes().starts_with(start));
        match known.and_then(|index| self.pointers.get(index)) {
            Some(place) => place.set(string),
            None => self.pointers.insert(self.pointers.len().saturating_sub(1), Cell::new(string)),
        }
    }

    fn as_ptr(&self) -> usize {
        self.pointers.as_ptr() as usize
    }
}

const SHELL: &CStr = c"/bin/sh";
const NO_EXEC: isize = -(libc::ENOEXEC as isize);

/// The child's life until exec. It ends in the new program or in exit code 127 after its report.
///
/// # Safety
/// `orders` is valid, no other child follows it, and all signals are blocked.
pub(super) unsafe extern "C" fn run(orders: *const Orders) -> ! {
    // SAFETY: the caller's promise.
    let orders = unsafe { &*orders };
    let word = follow(orders).pack();
    // SAFETY: eight bytes of the stack; a pipe takes them in one piece.
    unsafe { raw::call(libc::SYS_write, [orders.report.get() as usize, &raw const word as usize, 8, 0, 0]) };
    raw::exit(127)
}

/// A system call whose arguments are numbers, or addresses that outlive it.
pub(super) fn call(number: libc::c_long, a: usize, b: usize, c: usize, d: usize) -> isize {
    // SAFETY: every use in this file passes numbers or addresses of live data of the type that the call takes; a wrong
    // number would give an error from the kernel.
    unsafe { raw::call(number, [a, b, c, d, 0]) }
}

pub(super) fn must(stage: Stage, index: usize, result: isize) -> Result<isize, Failure> {
    if result < 0 { Err(Failure::new(stage, index, result)) } else { Ok(result) }
}

fn follow(orders: &Orders) -> Failure {
    match settle(orders) {
        Ok(()) => execute(orders),
        Err(failure) => failure,
    }
}

/// Everything before exec.
fn settle(orders: &Orders) -> Result<(), Failure> {
    if orders.terminal {
        take_the_terminal()?;
    } else {
        must(Stage::Session, 0, call(libc::SYS_setsid, 0, 0, 0, 0))?;
    }
    if let Some(cgroup) = orders.cgroup.as_ref().filter(|_| orders.enter) {
        must(Stage::Cgroup, 0, write_file(cgroup.as_raw_fd(), c"cgroup.procs", b"0"))?;
    }
    if let Some(text) = &orders.oom_score_adj {
        must(Stage::OomScoreAdj, 0, write_file(libc::AT_FDCWD, c"/proc/self/oom_score_adj", text))?;
    }
    if let Some(nice) = orders.nice {
        must(Stage::Nice, 0, call(libc::SYS_setpriority, 0, 0, nice as usize, 0))?;
    }
    stdio(orders)?;
    let pass = !orders.passed.fds.is_empty();
    if pass {
        pass_on(orders)?;
    }
    for (index, (resource, value)) in orders.limits.iter().enumerate() {
        must(Stage::Limit, index, set_limit(*resource, value))?;
    }
    if let Some(umask) = orders.umask {
        call(libc::SYS_umask, umask as usize, 0, 0, 0);
    }
    if let Some(capabilities) = &orders.capabilities {
        for number in &capabilities.drop {
            must(Stage::Capabilities, 0, prctl(libc::PR_CAPBSET_DROP, usize::from(*number), 0))?;
        }
        if orders.identity.uid.is_some() {
            must(Stage::Capabilities, 0, prctl(libc::PR_SET_KEEPCAPS, 1, 0))?;
        }
    }
    identity(&orders.identity)?;
    if let Some(directory) = &orders.directory {
        must(Stage::Directory, 0, call(libc::SYS_chdir, directory.as_ptr() as usize, 0, 0, 0))?;
    }
    if let Some(capabilities) = &orders.capabilities {
        keep_capabilities(capabilities)?;
    }
    if orders.no_new_privs || orders.capabilities.as_ref().is_some_and(|c| c.no_new_privs) {
        must(Stage::NoNewPrivileges, 0, prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0))?;
    }
    close_on_exec()?;
    if pass {
        for (_, target) in &orders.passed.fds {
            must(Stage::Descriptors, 0, fcntl(*target as usize, libc::F_SETFD, 0))?;
        }
    }
    if !orders.passed.own_pid.is_empty() {
        let pid = call(libc::SYS_getpid, 0, 0, 0, 0) as u32;
        orders.passed.own_pid.iter().for_each(|variable| variable.write(pid));
    }
    if let Some(value) = &orders.nofile {
        set_limit(limits::NOFILE, value);
    }
    for signal in 1..=64 {
        let contained = orders.contain && dumps_core(signal);
        if contained || orders.reset >> signal.wrapping_sub(1) & 1 == 1 {
            raw::set_action(signal, contained);
        }
    }
    raw::unblock_all();
    Ok(())
}

/// A process group of its own, in the foreground of the terminal if the supervisor's is there still.
fn take_the_terminal() -> Result<(), Failure> {
    let from = must(Stage::Session, 0, call(libc::SYS_getpgid, 0, 0, 0, 0))?;
    must(Stage::Session, 0, call(libc::SYS_setpgid, 0, 0, 0, 0))?;
    foreground::pass(from as Pid, call(libc::SYS_getpid, 0, 0, 0, 0) as Pid);
    Ok(())
}

/// Whether the default action of a signal is a core dump.
///
/// In shared memory, before Linux 5.16, a core dump of the child would kill the supervisor too (`zap_threads`). There,
/// for the instant between unblocking and exec, which resets it, such a signal ends the child with exit code 128+n.
pub(super) fn dumps_core(signal: c_int) -> bool {
    matches!(
        signal,
        libc::SIGQUIT
            | libc::SIGILL
            | libc::SIGTRAP
            | libc::SIGABRT
            | libc::SIGBUS
            | libc::SIGFPE
            | libc::SIGSEGV
            | libc::SIGXCPU
            | libc::SIGXFSZ
            | libc::SIGSYS
    )
}

fn prctl(option: c_int, a: usize, b: usize) -> isize {
    call(libc::SYS_prctl, option as usize, a, b, 0)
}

fn set_limit(resource: u32, value: &[u64; 2]) -> isize {
    call(libc::SYS_prlimit64, 0, resource as usize, value.as_ptr() as usize, 0)
}

pub(super) fn open(path: &CStr, flags: c_int) -> isize {
    open_at(libc::AT_FDCWD, path, flags)
}

fn open_at(directory: c_int, path: &CStr, flags: c_int) -> isize {
    call(libc::SYS_openat, directory as usize, path.as_ptr() as usize, flags as usize, 0)
}

pub(super) fn fcntl(fd: usize, command: c_int, argument: usize) -> isize {
    call(libc::SYS_fcntl, fd, command as usize, argument, 0)
}

fn write_file(directory: c_int, path: &CStr, text: &[u8]) -> isize {
    let fd = open_at(directory, path, libc::O_WRONLY | libc::O_CLOEXEC);
    if fd < 0 {
        return fd;
    }
    let result = call(libc::SYS_write, fd as usize, text.as_ptr() as usize, text.len(), 0);
    call(libc::SYS_close, fd as usize, 0, 0, 0);
    result
}

fn identity(identity: &Identity) -> Result<(), Failure> {
    // 32-bit machines have a second set of these calls for ids of more than 16 bits.
    #[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
    use libc::{SYS_setgroups as SETGROUPS, SYS_setresgid as SETRESGID, SYS_setresuid as SETRESUID};
    #[cfg(any(target_arch = "x86", target_arch = "arm"))]
    use libc::{SYS_setgroups32 as SETGROUPS, SYS_setresgid32 as SETRESGID, SYS_setresuid32 as SETRESUID};
    if let Some(groups) = &identity.groups {
        let result = call(SETGROUPS, groups.len(), groups.as_ptr() as usize, 0, 0);
        if !identity.groups_optional || result != -(libc::EPERM as isize) {
            must(Stage::Groups, 0, result)?;
        }
    }
    if let Some(gid) = identity.gid {
        let gid = gid as usize;
        must(Stage::Gid, 0, call(SETRESGID, gid, gid, gid, 0))?;
    }
    if let Some(uid) = identity.uid {
        let uid = uid as usize;
        must(Stage::Uid, 0, call(SETRESUID, uid, uid, uid, 0))?;
    }
    Ok(())
}

fn keep_capabilities(orders: &capabilities::Orders) -> Result<(), Failure> {
    let header = capabilities::SELF;
    let sets = orders.sets.as_ptr() as usize;
    must(Stage::Capabilities, 0, call(libc::SYS_capset, &raw const header as usize, sets, 0, 0))?;
    for number in &orders.ambient {
        let raise = libc::PR_CAP_AMBIENT_RAISE as usize;
        must(Stage::Capabilities, 0, prctl(libc::PR_CAP_AMBIENT, raise, usize::from(*number)))?;
    }
    Ok(())
}

/// Tries the candidates as execvp(3) does; returns why none was executed.
fn execute(orders: &Orders) -> Failure {
    let mut last = Failure::new(Stage::Exec, 0, -(libc::ENOENT as isize));
    for (index, candidate) in orders.candidates.iter().enumerate() {
        let result = execve(candidate, &orders.argv, &orders.envp);
        match result.wrapping_neg() as i32 {
            libc::ENOEXEC => {
                if is_script(candidate) {
                    if let Some(place) = orders.shell.pointers.get(1) {
                        place.set(candidate.as_ptr());
                    }
                    execve(SHELL, &orders.shell, &orders.envp);
                }
                return Failure::new(Stage::Exec, index, NO_EXEC);
            }
            // Go on; what was found and may not be executed is worth more than what was not found.
            libc::EACCES => last = Failure::new(Stage::Exec, index, result),
            libc::ENOENT | libc::ENOTDIR | libc::ENODEV | libc::ETIMEDOUT | libc::ESTALE => {}
            _ => return Failure::new(Stage::Exec, index, result),
        }
    }
    last
}

fn execve(path: &CStr, argv: &Strings, envp: &Strings) -> isize {
    call(libc::SYS_execve, path.as_ptr() as usize, argv.as_ptr(), envp.as_ptr(), 0)
}

/// Whether a file that the kernel does not know how to execute is text for a shell: no NUL byte in its first line.
pub(super) fn is_script(path: &CStr) -> bool {
    let fd = open(path, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_CLOEXEC);
    if fd < 0 {
        return false;
    }
    let mut start = [0u8; 128];
    let length = call(libc::SYS_read, fd as usize, start.as_mut_ptr() as usize, 128, 0);
    call(libc::SYS_close, fd as usize, 0, 0, 0);
    if length < 0 {
        return false;
    }
    let start = start.get(..length as usize).unwrap_or_default();
    !start.iter().take_while(|byte| **byte != b'\n').any(|byte| *byte == 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_pipe() {
        let failure = Failure { stage: 20, index: 65_535, errno: 2 };
        assert_eq!(Failure::unpack(failure.pack()), failure);
    }
}
