//! System calls without libc, for a child that still shares the memory of its parent.
//!
//! libc writes `errno` into thread-local storage, which parent and child have in common until exec; so the child may
//! call nothing of it. Where there is no assembly below, the child is always forked, has its own memory, and libc does.
//!
//! A result is what the kernel returns: negative error numbers.

use super::signal::{Mask, SET_SIZE};
use libc::{c_int, c_long};
use std::os::fd::RawFd;

/// Whether this machine has the assembly for a child in shared memory.
pub(super) const SHARED: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// One system call.
///
/// # Safety
/// The arguments must be right for the call `number`.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) unsafe fn call(number: c_long, args: [usize; 5]) -> isize {
    let result;
    // SAFETY: the kernel clobbers only rax, rcx and r11; what it does with memory is the caller's promise.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") args[0], in("rsi") args[1], in("rdx") args[2], in("r10") args[3], in("r8") args[4],
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// One system call.
///
/// # Safety
/// The arguments must be right for the call `number`.
#[cfg(target_arch = "aarch64")]
#[inline]
pub(super) unsafe fn call(number: c_long, args: [usize; 5]) -> isize {
    let result;
    // SAFETY: the kernel clobbers only x0; what it does with memory is the caller's promise.
    unsafe {
        core::arch::asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") args[0] => result,
            in("x1") args[1], in("x2") args[2], in("x3") args[3], in("x4") args[4],
            options(nostack),
        );
    }
    result
}

/// One system call.
///
/// # Safety
/// The arguments must be right for the call `number`.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) unsafe fn call(number: c_long, args: [usize; 5]) -> isize {
    // SAFETY: the caller's promise.
    match unsafe { libc::syscall(number, args[0], args[1], args[2], args[3], args[4]) } {
        -1 => -(super::errno() as isize),
        result => result as isize,
    }
}

/// `struct clone_args`, see clone3(2).
#[repr(C)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

impl CloneArguments {
    /// A child whose stack pointer is `sp`, or its parent's for 0.
    fn new(flags: c_int, cgroup: Option<RawFd>, sp: usize) -> Self {
        const CLONE_INTO_CGROUP: u64 = 1 << 33;
        // clone3(2) wants the lower end and a size, of which it only makes the sum.
        let (stack, stack_size) = if sp == 0 { (0, 0) } else { (sp as u64 - 16, 16) };
        let into = if cgroup.is_some() { CLONE_INTO_CGROUP } else { 0 };
        let (flags, exit_signal) = (flags as u64 | into, libc::SIGCHLD as u64);
        let cgroup = cgroup.map_or(0, |fd| fd as u64);
        let (pidfd, child_tid, parent_tid, tls, set_tid, set_tid_size) = (0, 0, 0, 0, 0, 0);
        Self {
            flags,
            pidfd,
            child_tid,
            parent_tid,
            exit_signal,
            stack,
            stack_size,
            tls,
            set_tid,
            set_tid_size,
            cgroup,
        }
    }

    /// The call that does it, clone(2) unless there is a cgroup, and its first two arguments.
    fn of_call(&self, sp: usize) -> (c_long, usize, usize) {
        if self.cgroup > 0 {
            (libc::SYS_clone3, &raw const *self as usize, size_of::<Self>())
        } else {
            (libc::SYS_clone, (self.flags | self.exit_signal) as usize, sp)
        }
    }
}

/// fork(2) whose child is in the cgroup v2 of this directory.
///
/// # Safety
/// The child may only run what may run after a fork in a program with threads, and no handler of libc's for it has run.
pub(super) unsafe fn fork_into(cgroup: RawFd) -> libc::pid_t {
    let arguments = CloneArguments::new(0, Some(cgroup), 0);
    // SAFETY: the arguments live through the call, which makes a process and no more; the caller's promise.
    unsafe {
        libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<CloneArguments>()) as libc::pid_t
    }
}

/// Starts a child on the stack that ends at `top`, in this memory and in the cgroup v2 of this directory if one is given,
/// which runs `entry(argument)`. The parent goes on at once, or with `CLONE_VFORK` in `flags` when the child has executed
/// or ended. Returns the child's pid, or a negative error number.
///
/// # Safety
/// The stack must be free, large enough and live until the child has executed or ended, as must all that `argument`
/// points to; `entry` may use neither libc nor thread-local storage; all signals must be blocked.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn clone_shared<T>(
    top: *mut usize,
    cgroup: Option<RawFd>,
    entry: unsafe extern "C" fn(*const T) -> !,
    argument: *const T,
    flags: c_int,
) -> isize {
    let result;
    // SAFETY: two words below the (16-byte aligned) end of the stack hold what the child pops, so that it calls with an
    // aligned stack. The child never comes back from `entry`; for the parent this is one system call.
    unsafe {
        let sp = top.sub(2);
        sp.write(argument as usize);
        sp.add(1).write(entry as *const () as usize);
        let arguments = CloneArguments::new(libc::CLONE_VM | flags, cgroup, sp as usize);
        let (number, first, second) = arguments.of_call(sp as usize);
        core::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "pop rdi",
            "pop rax",
            "call rax",
            "ud2",
            "2:",
            inlateout("rax") number as isize => result,
            in("rdi") first, in("rsi") second,
            in("rdx") 0usize, in("r10") 0usize, in("r8") 0usize,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    result
}

/// Starts a child on the stack that ends at `top`, in this memory and in the cgroup v2 of this directory if one is given,
/// which runs `entry(argument)`. The parent goes on at once, or with `CLONE_VFORK` in `flags` when the child has executed
/// or ended. Returns the child's pid, or a negative error number.
///
/// # Safety
/// The stack must be free, large enough and live until the child has executed or ended, as must all that `argument`
/// points to; `entry` may use neither libc nor thread-local storage; all signals must be blocked.
#[cfg(target_arch = "aarch64")]
pub(super) unsafe fn clone_shared<T>(
    top: *mut usize,
    cgroup: Option<RawFd>,
    entry: unsafe extern "C" fn(*const T) -> !,
    argument: *const T,
    flags: c_int,
) -> isize {
    let result;
    // SAFETY: two words below the (16-byte aligned) end of the stack hold what the child pops. The child never comes
    // back from `entry`; for the parent this is one system call.
    unsafe {
        let sp = top.sub(2);
        sp.write(argument as usize);
        sp.add(1).write(entry as *const () as usize);
        let arguments = CloneArguments::new(libc::CLONE_VM | flags, cgroup, sp as usize);
        let (number, first, second) = arguments.of_call(sp as usize);
        core::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "ldp x0, x9, [sp], #16",
            "blr x9",
            "brk #1",
            "2:",
            in("x8") number,
            inlateout("x0") first => result,
            in("x1") second,
            in("x2") 0usize, in("x3") 0usize, in("x4") 0usize,
        );
    }
    result
}

/// Not possible on this machine: `ENOSYS`.
///
/// # Safety
/// None needed.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) unsafe fn clone_shared<T>(
    _: *mut usize,
    _: Option<RawFd>,
    _: unsafe extern "C" fn(*const T) -> !,
    _: *const T,
    _: c_int,
) -> isize {
    -(libc::ENOSYS as isize)
}

/// Ends the process.
pub(super) fn exit(code: c_int) -> ! {
    loop {
        // SAFETY: exit_group(2) takes no memory.
        unsafe { call(libc::SYS_exit_group, [code as usize, 0, 0, 0, 0]) };
    }
}

/// `struct sigaction` of the kernel, the same on x86-64 and aarch64.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[repr(C)]
struct KernelAction {
    handler: usize,
    flags: usize,
    restorer: usize,
    mask: u64,
}

/// Sets the default action of `signal`, or, for `contained`, one that ends the process with 128+n (see `child`).
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) fn set_action(signal: c_int, contained: bool) {
    extern "C" fn end(signal: c_int) {
        exit(128_i32.wrapping_add(signal))
    }
    install(signal, if contained { end as *const () as usize } else { libc::SIG_DFL });
}

/// Ignores `signal`.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) fn ignore(signal: c_int) {
    install(signal, libc::SIG_IGN);
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn install(signal: c_int, handler: usize) {
    // The kernel of x86-64 insists on a restorer; the one handler that there is never returns to one.
    const SA_RESTORER: usize = 0x0400_0000;
    let action = match handler {
        libc::SIG_DFL | libc::SIG_IGN => KernelAction { handler, flags: 0, restorer: 0, mask: 0 },
        _ => KernelAction { handler, flags: SA_RESTORER, restorer: handler, mask: u64::MAX },
    };
    // SAFETY: `action` has the kernel's layout and 8 is the size of its mask.
    unsafe { call(libc::SYS_rt_sigaction, [signal as usize, &raw const action as usize, 0, 8, 0]) };
}

/// Sets the default action of `signal`.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn set_action(signal: c_int, _: bool) {
    // SAFETY: SIG_DFL is a valid action; a signal that may not be set gives an error and no harm.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// Ignores `signal`.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn ignore(signal: c_int) {
    // SAFETY: as above.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// The action of `signal`. libc would not tell that of its own signals, which can be inherited ignored: posix_spawn(3)
/// of glibc leaves 32 and 33 so.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) fn action(signal: c_int) -> Option<libc::sighandler_t> {
    let mut action = KernelAction { handler: 0, flags: 0, restorer: 0, mask: 0 };
    let place = &raw mut action as usize;
    // SAFETY: `action` has the kernel's layout and 8 is the size of its mask.
    let result = unsafe { call(libc::SYS_rt_sigaction, [signal as usize, 0, place, 8, 0]) };
    (result == 0).then_some(action.handler)
}

/// The action of `signal`; `None` for those that libc keeps to itself.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn action(signal: c_int) -> Option<libc::sighandler_t> {
    // SAFETY: zero is a valid sigaction.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: only reads the action of a signal; `old` has room for it.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut old) };
    (result == 0).then_some(old.sa_sigaction)
}

/// Unblocks every signal of this thread.
pub(super) fn unblock_all() {
    set_mask(0);
}

/// Sets the mask of this thread.
pub(super) fn set_mask(mask: Mask) {
    let mask = [mask, 0];
    let how = libc::SIG_SETMASK as usize;
    // SAFETY: the set is as large as said.
    unsafe { call(libc::SYS_rt_sigprocmask, [how, &raw const mask as usize, 0, SET_SIZE, 0]) };
}
