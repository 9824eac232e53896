//! The one child of `foster init`: a program executed as it would have been without an init, but for its process group.
//!
//! The child borrows the memory of the parent, which waits (`CLONE_VFORK`) until the program is executed or cannot be. So
//! no signal is passed on before there is somebody who gets it, no descriptor is needed to learn of a failure, and no page
//! is copied. Where that is refused, it is forked; signals that come early are then pending in the child, which has them
//! blocked until it executes.

use super::arguments::{environment, variable};
use super::child::{Failure, dumps_core, is_script};
use super::diagnose;
use super::passed::PidVariable;
use super::prepare::Context;
use super::signal::Mask;
use super::{Pid, SpawnError, Stage, errno, fds, foreground, own_group, own_pid, raw, signal};
use crate::model::Signal;
use libc::c_char;
use std::ffi::CStr;
use std::ptr::{NonNull, null};
use std::sync::atomic::{AtomicU64, Ordering};

/// Where execvp(3) of glibc looks for a command when there is no PATH.
const DEFAULT_PATH: &CStr = c"/bin:/usr/bin";
const SHELL: &CStr = c"/bin/sh";
/// The stack of the child, of which it uses little: a path, and the frame of a signal. Its lowest word is where it tells.
const STACK: usize = 48 << 10;
/// A path as long as the kernel takes one.
const PATH: usize = libc::PATH_MAX as usize;

/// Where the child is to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the process group of the init.
    Shared,
    /// In a group of its own, in the foreground of the terminal if the init is.
    Group,
    /// In a session of its own, which takes the terminal that is standard input.
    Session,
}

/// The signal state in which the program begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalState {
    /// What was inherited: blocked and ignored signals.
    Restore,
    /// Nothing blocked and nothing ignored.
    Reset,
}

/// What was changed of the signal state of this process by [`begin`].
#[derive(Clone, Copy, Debug)]
pub struct Began {
    child_ignored: bool,
}

/// Readies the signal state of an init: all is blocked but `free`, and the deaths of children can be waited for.
pub fn begin(free: Mask) -> Began {
    signal::block_all();
    signal::set_mask(Mask::MAX & !free);
    Began { child_ignored: signal::heed(libc::SIGCHLD) }
}

/// Has the kernel send this process a signal when its parent dies (`PR_SET_PDEATHSIG`, prctl(2)). Whether it has died
/// meanwhile, so that this never comes; with SIGKILL, that ends the process here.
#[must_use]
pub fn set_parent_death(signal: Signal) -> bool {
    // SAFETY: numbers only.
    unsafe {
        let parent = libc::getppid();
        libc::prctl(libc::PR_SET_PDEATHSIG, signal.number(), 0, 0, 0);
        let gone = libc::getppid() != parent;
        if gone && signal == Signal::KILL {
            libc::kill(own_pid(), libc::SIGKILL);
        }
        gone
    }
}

/// What the child is to do.
struct Orders {
    place: Place,
    state: SignalState,
    began: Began,
    /// The group of the parent, which may have the terminal.
    group: Pid,
    /// Bits of the standard descriptors that were closed at the start.
    closed: u8,
    listen_pid: Option<PidVariable>,
    command: &'static CStr,
    path: &'static CStr,
    argv: Vec<*const c_char>,
    envp: *const *const c_char,
    /// `/bin/sh`, a place for the script, and the arguments.
    shell: Vec<std::cell::Cell<*const c_char>>,
    told: *const AtomicU64,
}

/// A child that was started.
#[derive(Debug)]
pub struct InitChild {
    /// Its process id.
    pub pid: Pid,
    told: Told,
}

/// Where it tells that it could not execute.
#[derive(Debug)]
enum Told {
    /// It has done so, or never will.
    Already(u64),
    /// It was forked, and may still.
    There(Stack),
}

/// Why the program could not be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotExecuted {
    /// Number of errno(3).
    pub errno: i32,
    /// Which entry of PATH that was.
    entry: u16,
}

impl NotExecuted {
    /// The same in words, and as an exit code, after a look at the files.
    #[must_use]
    pub fn explain(self, command: &CStr) -> SpawnError {
        let command = command.to_string_lossy().into_owned();
        let path = variable(c"PATH").unwrap_or(DEFAULT_PATH).to_string_lossy().into_owned();
        let failure = Failure { stage: Stage::Exec as u8, index: self.entry, errno: self.errno };
        diagnose::explain(failure, &Context { command, path, ..Context::default() })
    }
}

impl InitChild {
    /// Why it could not execute the program, if so. To be asked right after the start, and when it has ended.
    #[must_use]
    pub fn failure(&self) -> Option<NotExecuted> {
        let word = match &self.told {
            Told::Already(word) => *word,
            Told::There(stack) => stack.told().load(Ordering::Relaxed),
        };
        let failure = NotExecuted { errno: (word & 0xffff) as i32, entry: (word >> 16 & 0xffff) as u16 };
        (word != 0).then_some(failure)
    }
}

/// Starts the program.
///
/// # Errors
/// Number of errno(3): `EAGAIN` and `ENOMEM` may pass.
pub fn start(
    command: &[&'static CStr],
    place: Place,
    state: SignalState,
    began: Began,
) -> Result<InitChild, i32> {
    let name = command.first().copied().unwrap_or(c"");
    let stack = Stack::new().ok_or(libc::ENOMEM)?;
    let ends = || std::iter::once(null());
    let rest = command.iter().skip(1).map(|word| word.as_ptr());
    let listen_pid = is_listen_pid().then(|| PidVariable::new("LISTEN_PID"));
    let environment = listen_pid.as_ref().map(with_listen_pid);
    let orders = Orders {
        place,
        state,
        began,
        group: own_group(),
        closed: fds::closed_bits(),
        command: name,
        path: variable(c"PATH").unwrap_or(DEFAULT_PATH),
        argv: command.iter().map(|word| word.as_ptr()).chain(ends()).collect(),
        envp: environment.as_ref().map_or_else(self::environment, |list| list.as_ptr()),
        shell: [SHELL.as_ptr(), null()].into_iter().chain(rest).chain(ends()).map(Into::into).collect(),
        listen_pid,
        told: stack.told(),
    };
    let mask = signal::block_all();
    // SAFETY: the stack is free and outlives the child's use of it, for with CLONE_VFORK the parent waits; so do the orders.
    // The child uses neither libc nor thread-local storage, and all signals are blocked.
    let mut pid =
        unsafe { raw::clone_shared(stack.top(), None, follow, &raw const orders, libc::CLONE_VFORK) };
    let forked = pid < 0 && pid != -(libc::EAGAIN as isize);
    if forked {
        // SAFETY: this process has one thread.
        pid = match unsafe { libc::fork() } {
            // SAFETY: a child with memory of its own, but for the page in which it tells.
            0 => unsafe { follow(&raw const orders) },
            -1 => -(errno() as isize),
            pid => pid as isize,
        };
    }
    signal::set_mask(mask);
    let pid = Pid::try_from(pid).unwrap_or(-libc::EAGAIN);
    if pid < 0 {
        return Err(-pid);
    }
    if place == Place::Group {
        // A forked child may not have come to it; one that has executed already has done it.
        // SAFETY: numbers only.
        unsafe { libc::setpgid(pid, pid) };
    }
    let told = if forked { Told::There(stack) } else { Told::Already(stack.told().load(Ordering::Relaxed)) };
    Ok(InitChild { pid, told })
}

/// Whether the sockets of systemd's protocol are meant for this process, so that they are the program's now.
fn is_listen_pid() -> bool {
    variable(c"LISTEN_PID").and_then(|pid| pid.to_str().ok()?.parse().ok()) == Some(own_pid())
}

/// The environment with that variable instead of the one there is, and without the one that names this process in another
/// way.
fn with_listen_pid(own: &PidVariable) -> Vec<*const c_char> {
    let mut list = vec![own.as_ptr()];
    let mut place = environment();
    // SAFETY: the environment is a null-terminated array of pointers to C strings, which nobody changes.
    unsafe {
        while !place.is_null() && !(*place).is_null() {
            let text = CStr::from_ptr(*place).to_bytes();
            if !text.starts_with(b"LISTEN_PID=") && !text.starts_with(b"LISTEN_PIDFDID=") {
                list.push(*place);
            }
            place = place.add(1);
        }
    }
    list.push(null());
    list
}

/// A system call whose arguments are numbers, or addresses that outlive it.
fn call(number: libc::c_long, a: usize, b: usize, c: usize) -> isize {
    // SAFETY: every use in this file passes numbers or addresses of live data of the type that the call takes.
    unsafe { raw::call(number, [a, b, c, 0, 0]) }
}

/// The child's life until exec; it ends in the program or in exit code 127 after it has told.
///
/// # Safety
/// `orders` is valid.
unsafe extern "C" fn follow(orders: *const Orders) -> ! {
    // SAFETY: the caller's promise.
    let orders = unsafe { &*orders };
    settle(orders);
    let word = execute(orders);
    // SAFETY: the place is part of the stack's mapping, which the parent keeps.
    unsafe { (*orders.told).store(word, Ordering::Relaxed) };
    raw::exit(127)
}

fn settle(orders: &Orders) {
    let pid = call(libc::SYS_getpid, 0, 0, 0);
    match orders.place {
        Place::Shared => {}
        Place::Group => {
            call(libc::SYS_setpgid, 0, 0, 0);
            foreground::pass(orders.group, pid as Pid);
        }
        Place::Session => {
            call(libc::SYS_setsid, 0, 0, 0);
            call(libc::SYS_ioctl, 0, libc::TIOCSCTTY as usize, 0);
        }
    }
    for fd in 0..3 {
        if orders.closed >> fd & 1 == 1 {
            call(libc::SYS_close, fd, 0, 0);
        }
    }
    if let Some(variable) = &orders.listen_pid {
        variable.write(pid as u32);
    }
    let reset = orders.state == SignalState::Reset;
    for number in 1..=64 {
        if reset || (number == libc::SIGPIPE && !signal::inherited_pipe()) {
            raw::set_action(number, false);
        }
        // See `child`: it may share the parent's memory still.
        if dumps_core(number) && raw::action(number) != Some(libc::SIG_IGN) {
            raw::set_action(number, true);
        }
    }
    if !reset && orders.began.child_ignored {
        raw::ignore(libc::SIGCHLD);
    }
    raw::set_mask(if reset { 0 } else { signal::inherited_mask() });
}

/// Tries what execvp(3) does; tells the number of errno(3), and above it which entry of PATH that was.
fn execute(orders: &Orders) -> u64 {
    let name = orders.command.to_bytes();
    if name.contains(&b'/') {
        return u64::from(try_file(orders, orders.command) as u16);
    }
    let mut last = libc::ENOENT as u64;
    if name.is_empty() {
        return last;
    }
    for (index, directory) in orders.path.to_bytes().split(|byte| *byte == b':').enumerate() {
        let mut buffer = [0u8; PATH];
        // An empty entry is the working directory.
        let slash: &[u8] = if directory.is_empty() { b"" } else { b"/" };
        let bytes = directory.iter().chain(slash).chain(name);
        if directory.len().saturating_add(name.len()).saturating_add(2) > PATH {
            continue;
        }
        buffer.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        let Ok(path) = CStr::from_bytes_until_nul(&buffer) else { continue };
        let here = (index as u64 & 0xffff) << 16;
        match try_file(orders, path) {
            // What was found and may not be executed is worth more than what was not found.
            libc::EACCES => last = here | libc::EACCES as u64,
            libc::ENOENT | libc::ENOTDIR | libc::ENODEV | libc::ETIMEDOUT | libc::ESTALE => {}
            other => return here | u64::from(other as u16),
        }
    }
    last
}

/// Executes a file, by the shell if it is text without `#!`; comes back with the number of errno(3).
fn try_file(orders: &Orders, path: &CStr) -> i32 {
    let execve = |path: &CStr, argv: usize| {
        call(libc::SYS_execve, path.as_ptr() as usize, argv, orders.envp as usize).wrapping_neg() as i32
    };
    let errno = execve(path, orders.argv.as_ptr() as usize);
    if errno == libc::ENOEXEC && is_script(path) {
        if let Some(place) = orders.shell.get(1) {
            place.set(path.as_ptr());
        }
        execve(SHELL, orders.shell.as_ptr() as usize);
    }
    errno
}

/// The child's stack, in memory that a forked child shares too.
#[derive(Debug)]
struct Stack(NonNull<AtomicU64>);

impl Stack {
    fn new() -> Option<Self> {
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: a new anonymous mapping where the kernel likes, which replaces nothing.
        let base = unsafe {
            libc::mmap(std::ptr::null_mut(), STACK, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
        };
        if base == libc::MAP_FAILED { None } else { NonNull::new(base.cast()).map(Self) }
    }

    fn top(&self) -> *mut usize {
        self.0.as_ptr().wrapping_byte_add(STACK).cast()
    }

    /// Where the child tells; zero so far.
    fn told(&self) -> &AtomicU64 {
        // SAFETY: the start of the mapping, which this owns.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is this stack's own; whoever drops it knows that no child is on it.
        unsafe { libc::munmap(self.0.as_ptr().cast(), STACK) };
    }
}
