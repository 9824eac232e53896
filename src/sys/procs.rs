//! The descendants of this process, from /proc: for a shutdown where `kill(-1)` would hit bystanders.

use super::files::read_start;
use super::signal::{Sent, kill};
use super::{Pid, errno, own_pid};
use crate::model::Signal;
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// How often one call looks again for processes that appeared meanwhile.
const ROUNDS: usize = 16;

/// What [`signal_descendants`] has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// The processes that got the signal.
    pub signalled: Vec<Pid>,
    /// Whether all descendants could be seen. Without /proc they are only those that the caller knows.
    pub complete: bool,
}

/// One line of /proc/PID/stat, see proc_pid_stat(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    pid: Pid,
    parent: Pid,
    zombie: bool,
    stopped: bool,
    /// In clock ticks since boot.
    started: u64,
}

/// Every living descendant of this process, orphans that it adopted included; `None` without /proc.
#[must_use]
pub fn descendants() -> Option<Vec<Pid>> {
    Some(scan()?.into_iter().map(|s| s.pid).collect())
}

/// Sends a signal to every living descendant of this process, and to nobody else: a pid that may have passed to
/// another process is looked at again through a pidfd before it is used.
///
/// For SIGKILL they are stopped first, until no new one appears, so that no fork can outrun it. That is bounded; the
/// caller repeats the call until nothing is left. `known` are unreaped children, for when there is no /proc.
pub fn signal_descendants(signal: Signal, known: &[Pid]) -> Sweep {
    if signal == Signal::KILL {
        freeze();
    }
    let Some(list) = scan() else {
        let signalled = known.iter().copied().filter(|pid| kill(*pid, signal) == Sent::Sent).collect();
        return Sweep { signalled, complete: false };
    };
    let family = family(&list);
    let signalled = list.iter().filter(|s| send_checked(s, &family, signal)).map(|s| s.pid).collect();
    Sweep { signalled, complete: true }
}

/// Stops all descendants, those included that appear meanwhile, as far as some rounds get.
fn freeze() {
    let mut stopped = HashSet::new();
    for _ in 0..ROUNDS {
        let Some(list) = scan() else { return };
        let family = family(&list);
        let fresh: Vec<_> =
            list.iter().filter(|s| !s.stopped && stopped.insert((s.pid, s.started))).collect();
        if fresh.is_empty() {
            return;
        }
        for stat in fresh {
            send_checked(stat, &family, Signal::STOP);
        }
    }
}

fn family(list: &[Stat]) -> HashSet<Pid> {
    list.iter().map(|s| s.pid).chain([own_pid()]).collect()
}

/// Whether the process of this pid is still the one seen, or another one of the family, and got the signal.
fn send_checked(seen: &Stat, family: &HashSet<Pid>, signal: Signal) -> bool {
    let Some(fd) = open(seen.pid) else { return false };
    // The pid is fixed by the pidfd now (or nearly); is it the right process?
    let Some(now) = read_stat(seen.pid) else { return false };
    if now.zombie || now.started != seen.started || !family.contains(&now.parent) {
        return false;
    }
    send(seen.pid, fd.as_ref(), signal) == Sent::Sent
}

/// Fixes a process: its pid may pass to another one, the descriptor does not. `None`: it is gone; without a descriptor before
/// Linux 5.3, or where a seccomp filter forbids it.
pub(super) fn open(pid: Pid) -> Option<Option<OwnedFd>> {
    // SAFETY: numbers only.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    match libc::c_int::try_from(fd) {
        // SAFETY: a new descriptor that nothing else owns.
        Ok(fd) if fd >= 0 => Some(Some(unsafe { OwnedFd::from_raw_fd(fd) })),
        _ if errno() == libc::ESRCH => None,
        _ => Some(None),
    }
}

/// Sends a signal to what [`open`] has fixed.
pub(super) fn send(pid: Pid, fd: Option<&OwnedFd>, signal: Signal) -> Sent {
    let Some(fd) = fd else { return kill(pid, signal) };
    let (fd, number) = (fd.as_raw_fd(), signal.number());
    // SAFETY: an open descriptor, a number, and no siginfo.
    match unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, number, 0usize, 0) } {
        0 => Sent::Sent,
        _ => match errno() {
            libc::ENOSYS => kill(pid, signal),
            libc::ESRCH => Sent::Gone,
            _ => Sent::NotPermitted,
        },
    }
}

/// The living descendants of this process.
fn scan() -> Option<Vec<Stat>> {
    // Absent, or of another pid namespace: its numbers would mean other processes.
    let this = std::fs::read_link("/proc/self").ok()?;
    if this.to_str().and_then(|pid| pid.parse().ok()) != Some(own_pid()) {
        return None;
    }
    let entries = std::fs::read_dir("/proc").ok()?;
    let pids = entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse::<Pid>().ok());
    Some(below(own_pid(), &pids.filter_map(read_stat).collect::<Vec<_>>()))
}

/// Those of `all` whose chain of parents leads to `root`, zombies left out.
fn below(root: Pid, all: &[Stat]) -> Vec<Stat> {
    let mut children: HashMap<Pid, Vec<&Stat>> = HashMap::new();
    for stat in all {
        children.entry(stat.parent).or_default().push(stat);
    }
    let mut found = Vec::new();
    let mut seen = HashSet::from([root]);
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for stat in children.get(&parent).into_iter().flatten() {
            // A scan is not of one instant, so a reused pid could make a circle.
            if seen.insert(stat.pid) {
                open.push(stat.pid);
                if !stat.zombie {
                    found.push(**stat);
                }
            }
        }
    }
    found
}

fn read_stat(pid: Pid) -> Option<Stat> {
    let text = read_start(format!("/proc/{pid}/stat"), 4096).ok()?;
    parse_stat(&String::from_utf8_lossy(&text))
}

/// `pid (comm) state ppid …`, where comm may hold anything, parentheses and blanks included.
fn parse_stat(text: &str) -> Option<Stat> {
    let (pid, rest) = text.split_once(" (")?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some(Stat {
        pid: pid.parse().ok()?,
        parent,
        zombie: matches!(state, "Z" | "X" | "x"),
        stopped: state == "T",
        started,
    })
}

/// Whose child a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kin {
    /// Its parent, 0 if that is outside of this namespace.
    pub parent: Pid,
    /// It is dead and waits to be reaped.
    pub zombie: bool,
}

/// Looks at one process; `None` when it is gone or /proc does not tell.
#[must_use]
pub fn look(pid: Pid) -> Option<Kin> {
    read_stat(pid).map(|Stat { parent, zombie, .. }| Kin { parent, zombie })
}

/// Whether its chain of parents leads to this process.
#[must_use]
pub fn is_descendant(pid: Pid) -> bool {
    let mut at = pid;
    // A scan is not of one instant, so a reused pid could make a circle.
    for _ in 0..4096 {
        match look(at) {
            Some(kin) if kin.parent == own_pid() => return true,
            Some(kin) if kin.parent > 1 => at = kin.parent,
            _ => return false,
        }
    }
    false
}

/// The real user id of a process, zombies included.
#[must_use]
pub fn user_of(pid: Pid) -> Option<u32> {
    let text = read_start(format!("/proc/{pid}/status"), 4096).ok()?;
    let text = String::from_utf8_lossy(&text);
    text.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_ascii_whitespace().next()?.parse().ok()
}

/// Who a process is, for a message; as far as /proc tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Name of its program, at most 15 bytes.
    pub comm: String,
    /// The service that it came from: `FOSTER_SERVICE` of its environment.
    pub service: Option<String>,
}

/// Who the process `pid` is; `None` when it is gone or /proc does not tell.
#[must_use]
pub fn describe(pid: Pid) -> Option<Description> {
    let comm = read_start(format!("/proc/{pid}/comm"), 64).ok()?;
    let comm = String::from_utf8_lossy(&comm).trim_end().to_owned();
    Some(Description { comm, service: service_of(pid) })
}

fn service_of(pid: Pid) -> Option<String> {
    let mut environ = Vec::new();
    // An image's environment is small; what is beyond is not worth the memory.
    std::fs::File::open(format!("/proc/{pid}/environ"))
        .ok()?
        .take(128 << 10)
        .read_to_end(&mut environ)
        .ok()?;
    let value = environ.split(|b| *b == 0).find_map(|v| v.strip_prefix(b"FOSTER_SERVICE="))?;
    String::from_utf8(value.to_vec()).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 1 2 3";
        let stat = parse_stat(line).unwrap();
        assert_eq!((stat.pid, stat.parent, stat.started, stat.zombie), (42, 7, 777, false));
        for text in ["", "42", "42 (a", "42 (a) S", "42 (a) Z 7"] {
            assert_eq!(parse_stat(text), None, "{text}");
        }
    }

    #[test]
    fn only_descendants_are_below() {
        let stat = |pid, parent| Stat { pid, parent, zombie: pid == 13, stopped: false, started: 1 };
        let all =
            [stat(1, 0), stat(10, 1), stat(11, 10), stat(12, 11), stat(13, 10), stat(14, 13), stat(20, 1)];
        let mut pids: Vec<_> = below(10, &all).iter().map(|s| s.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [11, 12, 14], "a zombie's children count, the zombie does not");
        let circle = [stat(10, 12), stat(11, 10), stat(12, 11)];
        assert_eq!(below(10, &circle).len(), 2, "it ends");
    }

    #[test]
    fn this_process_is_described() {
        assert!(!describe(own_pid()).unwrap().comm.is_empty());
        assert_eq!(describe(Pid::MAX), None);
    }
}
