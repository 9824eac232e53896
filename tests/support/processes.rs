//! Processes of a namespace, by the /proc of the host.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Process {
    /// Its pid here.
    pub outside: i32,
    /// Its pid in its own namespace.
    pub inside: u32,
    /// Its parent's pid here.
    pub parent: i32,
    pub state: char,
    pub name: String,
    /// Empty for a zombie.
    pub exe: PathBuf,
}

impl Process {
    /// Its arguments, or the title that it has given itself.
    pub fn command_line(&self) -> String {
        let bytes = fs::read(format!("/proc/{}/cmdline", self.outside)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ").trim_end().to_owned()
    }
}

pub fn in_namespace_of(init: i32) -> Vec<Process> {
    let Ok(namespace) = fs::read_link(format!("/proc/{init}/ns/pid")) else { return Vec::new() };
    let pids =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|one| one == namespace))
        .filter_map(read)
        .collect()
}

fn read(outside: i32) -> Option<Process> {
    let status = fs::read_to_string(format!("/proc/{outside}/status")).ok()?;
    let field = |name: &str| -> Option<&str> {
        status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    Some(Process {
        outside,
        inside: field("NSpid")?.split_whitespace().last()?.parse().ok()?,
        parent: field("PPid")?.parse().ok()?,
        state: field("State")?.chars().next()?,
        name: field("Name")?.to_owned(),
        exe: fs::read_link(format!("/proc/{outside}/exe")).unwrap_or_default(),
    })
}

/// Sends a signal by pid. Only for processes that somebody in the namespace would have to reap first, in tests that
/// know that it lives.
pub fn signal(pid: i32, signal: i32) {
    // SAFETY: two integers; pid is that of one process.
    assert!(pid > 1 && unsafe { libc::kill(pid, signal) } == 0, "cannot signal {pid}");
}

pub fn context_switches(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let counts = status.lines().filter(|line| line.contains("_ctxt_switches:"));
    counts.map(|line| line.rsplit(':').next().unwrap().trim().parse::<u64>().unwrap()).sum()
}

pub fn cpu_time(pid: i32) -> Duration {
    if let Ok(text) = fs::read_to_string(format!("/proc/{pid}/schedstat")) {
        return Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap());
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<u64> =
        stat.rsplit(')').next().unwrap().split_whitespace().map(|text| text.parse().unwrap_or(0)).collect();
    Duration::from_millis((fields[11] + fields[12]) * 10)
}

pub fn private_memory(pid: i32) -> u64 {
    memory(pid, &["Private_Clean:", "Private_Dirty:"])
}

/// The sum of these kinds of memory in KiB.
pub fn memory(pid: i32, kinds: &[&str]) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let lines = rollup.lines().filter(|line| kinds.iter().any(|kind| line.starts_with(kind)));
    lines.map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()).sum()
}

/// Sets the soft limit of open descriptors of another process; gives what it was.
pub fn limit_descriptors(pid: i32, count: u64) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointers are to a local, or null.
    unsafe {
        assert_eq!(libc::prlimit(pid, libc::RLIMIT_NOFILE, std::ptr::null(), &raw mut limit), 0);
        let former = std::mem::replace(&mut limit.rlim_cur, count);
        assert_eq!(libc::prlimit(pid, libc::RLIMIT_NOFILE, &raw const limit, std::ptr::null_mut()), 0);
        former
    }
}

/// What a mask of /proc/PID/status holds, such as SigCgt.
pub fn signal_mask(pid: i32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let text = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or("0");
    u64::from_str_radix(text.trim(), 16).unwrap_or(0)
}
