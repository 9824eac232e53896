//! The threads of a process, and one that does not move.

use std::fs;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

/// The threads of a process by their numbers, with their names.
pub fn threads(pid: i32) -> Vec<(i32, String)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let named = tasks.filter_map(|task| {
        let name = fs::read_to_string(task.path().join("comm")).ok()?;
        Some((task.file_name().to_str()?.parse().ok()?, name.trim_end().to_owned()))
    });
    named.collect()
}

/// How often a thread was put to sleep or aside: its wakeups.
pub fn thread_switches(pid: i32, tid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).unwrap_or_default();
    let counts = status.lines().filter(|line| line.contains("_ctxt_switches:"));
    counts.filter_map(|line| line.rsplit(':').next()?.trim().parse::<u64>().ok()).sum()
}

/// A thread of another process that stands still until it is killed, as one does that waits for a dead disk.
pub struct Stuck(#[allow(dead_code)] JoinHandle<()>);

impl Stuck {
    /// None where ptrace(2) is not allowed.
    pub fn hold(tid: i32) -> Option<Self> {
        let (tell, told) = channel();
        // Only the thread that holds it can let it go; and has to wait for its end, or the process would stay.
        let holder = std::thread::spawn(move || {
            let nothing = std::ptr::null_mut::<libc::c_void>();
            let mut status = 0;
            // SAFETY: numbers, null pointers that are allowed, and a local.
            let held = unsafe {
                libc::ptrace(libc::PTRACE_SEIZE, tid, nothing, nothing) == 0
                    && libc::ptrace(libc::PTRACE_INTERRUPT, tid, nothing, nothing) == 0
                    && libc::waitpid(tid, &raw mut status, libc::__WALL) == tid
                    && libc::WIFSTOPPED(status)
            };
            let _ = tell.send(held);
            // SAFETY: as above.
            while held && unsafe { libc::waitpid(tid, &raw mut status, libc::__WALL) } == tid {
                if !libc::WIFSTOPPED(status) {
                    return;
                }
            }
        });
        told.recv().unwrap_or(false).then_some(Self(holder))
    }
}
