//! A helper that says which signals reach it.

use super::helper::say;

/// `hear END`: says `up hear PID`, then `heard N` for each signal, until signal END, with which it ends with code 0.
pub fn hear(end: i32) -> i32 {
    let all = u64::MAX;
    // SAFETY: sets of eight bytes, as the kernel has them: libc's leave out signals that libc uses.
    unsafe {
        let none = std::ptr::null_mut::<u64>();
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const all, none, 8);
        say(&format!("up hear {}", libc::getpid()));
        loop {
            let nothing = std::ptr::null::<u8>();
            let number = libc::syscall(libc::SYS_rt_sigtimedwait, &raw const all, nothing, nothing, 8) as i32;
            if number > 0 {
                say(&format!("heard {number}"));
            }
            if number == end {
                return 0;
            }
        }
    }
}
