//! What /proc says about processes.

use std::collections::BTreeMap;
use std::fs;

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

pub fn kill(pid: i32, signal: i32) {
    let signal = nix::sys::signal::Signal::try_from(signal).expect("a signal");
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
}

fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok())
}

/// A field of /proc/PID/status or smaps_rollup: the text behind "Name:".
pub fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
}

pub fn only_child(parent: i32) -> Option<i32> {
    let listed = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    if let Some(child) = listed.split_whitespace().next() {
        return child.parse().ok();
    }
    pids().find(|pid| {
        fs::read_to_string(format!("/proc/{pid}/status"))
            .is_ok_and(|status| field(&status, "PPid").as_deref() == Some(&parent.to_string()))
    })
}

pub fn in_namespace_of(init: i32) -> Vec<i32> {
    let Ok(namespace) = fs::read_link(format!("/proc/{init}/ns/pid")) else { return Vec::new() };
    pids()
        .filter(|pid| fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|one| one == namespace))
        .collect()
}

/// The pid of a process in its own namespace.
pub fn innermost_pid(pid: i32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    field(&status, "NSpid")?.split_whitespace().last()?.parse().ok()
}

/// CPU time of a process in milliseconds: by schedstat to the nanosecond, else by stat in clock ticks.
pub fn cpu_ms(pid: i32) -> f64 {
    let mut total = 0.0;
    let mut exact = false;
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        if let Some(ns) = text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()) {
            total += ns / 1e6;
            exact = true;
        }
    }
    if exact {
        return total;
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) * 10.0
}

/// Voluntary and involuntary context switches of each process: how often it woke up.
pub fn switches(pids: &[i32]) -> BTreeMap<i32, u64> {
    let mut found = BTreeMap::new();
    for pid in pids {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            for name in ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"] {
                sum += field(&status, name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
            }
        }
        found.insert(*pid, sum);
    }
    found
}

/// Private and proportional memory of processes, summed, in KiB.
pub fn memory(pids: &[i32]) -> (f64, f64) {
    let mut private = 0.0;
    let mut proportional = 0.0;
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let kib = |name: &str| {
            field(&text, name).and_then(|v| v.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0)
        };
        private += kib("Private_Clean") + kib("Private_Dirty");
        proportional += kib("Pss");
    }
    (private, proportional)
}
