//! The cgroup of one service.

use super::{Controller, Tree, write};
use crate::model::{Resources, Signal};
use crate::sys::Pid;
use crate::sys::files::read_start;
use crate::sys::own_pid;
use crate::sys::procs::{open, send};
use crate::sys::signal::Sent;
use std::fs::{File, create_dir, read_dir, remove_dir};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How often a group without `cgroup.kill` is looked at again for processes that appeared meanwhile.
const ROUNDS: usize = 16;
/// Processes that are signalled between two looks at who is there.
const SHARE: usize = 64;
/// Groups inside each other that are looked into. A service may divide its own.
const DEPTH: usize = 8;

/// The cgroup of one service, by its name: it may come and go.
#[derive(Debug)]
pub struct Group {
    directory: PathBuf,
}

/// What a service uses, as far as it is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes, what the kernel keeps for it included.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// What the OOM killer did to a service since its cgroup was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OomKills {
    /// Processes that it took.
    pub killed: u64,
    /// How often the service's own limit was the reason to call it.
    pub own: u64,
}

impl Group {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes it. False if it was there already: of an earlier supervisor of the same container.
    ///
    /// # Errors
    /// That of mkdir(2).
    pub fn make(&self) -> io::Result<bool> {
        match create_dir(&self.directory) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// For [`crate::sys::Prepared::in_cgroup`].
    ///
    /// # Errors
    /// That of open(2).
    pub fn open(&self) -> io::Result<OwnedFd> {
        let flags = libc::O_PATH | libc::O_DIRECTORY;
        File::options().read(true).custom_flags(flags).open(&self.directory).map(OwnedFd::from)
    }

    /// Whether a former main process has made further groups in it.
    #[must_use]
    pub fn is_divided(&self) -> bool {
        // As in any directory: two, and one for each other directory in it.
        std::fs::metadata(&self.directory).is_ok_and(|found| found.nlink() > 2)
    }

    /// Whether a process is in it or below it. Zombies do not count.
    #[must_use]
    pub fn is_populated(&self) -> bool {
        self.number("cgroup.events", "populated") == Some(1)
    }

    /// A descriptor with EPOLLPRI when that may have changed, until [`is_populated`] reads it.
    ///
    /// # Errors
    /// That of open(2).
    pub fn events(&self) -> io::Result<File> {
        File::open(self.file("cgroup.events"))
    }

    /// The processes in it and below it, those of this pid namespace.
    #[must_use]
    pub fn members(&self) -> Vec<Pid> {
        let mut found = Vec::new();
        let mut open = vec![(self.directory.clone(), 0)];
        while let Some((directory, depth)) = open.pop() {
            let text = read_start(directory.join("cgroup.procs"), 1 << 20).unwrap_or_default();
            let pids = text
                .split(|byte| *byte == b'\n')
                .filter_map(|line| std::str::from_utf8(line).ok()?.parse().ok());
            found.extend(pids.filter(|pid: &Pid| *pid > 1 && *pid != own_pid()));
            if depth < DEPTH {
                open.extend(subgroups(&directory).map(|inner| (inner, depth + 1)));
            }
        }
        found
    }

    /// Sends a signal to its members, but for those that are to be spared, and to nobody else: a process is fixed by a
    /// pidfd first, and then looked up again.
    pub fn signal(&self, signal: Signal, spared: impl Fn(Pid) -> bool) -> Sent {
        let mut result = Sent::Gone;
        for share in self.members().chunks(SHARE) {
            let fixed: Vec<_> =
                share.iter().filter(|pid| !spared(**pid)).map(|pid| (*pid, open(*pid))).collect();
            let now = self.members();
            for (pid, fd) in fixed.into_iter().filter(|(pid, _)| now.contains(pid)) {
                match fd.map_or(Sent::Gone, |fd| send(pid, fd.as_ref(), signal)) {
                    Sent::Gone => {}
                    sent if result == Sent::Gone || sent == Sent::NotPermitted => result = sent,
                    _ => {}
                }
            }
        }
        result
    }

    /// Sends SIGKILL to all in it and below it; no fork outruns that. Before Linux 5.14 one by one, as far as some rounds
    /// get: the caller comes again.
    pub fn kill(&self) {
        if write(&self.file("cgroup.kill"), "1") != Err(libc::ENOENT) {
            return;
        }
        for _ in 0..ROUNDS {
            if self.signal(Signal::KILL, |_| false) == Sent::Gone {
                return;
            }
        }
    }

    /// Removes it, and what the service has made below it. What is not empty stays.
    pub fn remove(&self) {
        remove(&self.directory, 0);
    }

    /// Writes the limits, `all` of them or those that are not the kernel's own. Gives those that were refused.
    ///
    /// `live`: those of memory are written by a thread that may wait while the kernel reclaims what is too much, and their
    /// refusal is not told.
    #[must_use]
    pub fn set(&self, tree: &Tree, limits: &Resources, all: bool, live: bool) -> Vec<(&'static str, i32)> {
        let mut refused = Vec::new();
        for (key, controller, file, value, usual) in values(limits) {
            if !tree.has(controller) || usual && !all {
                continue;
            }
            let path = self.file(file);
            if live && matches!(file, "memory.max" | "memory.high") {
                let (path, value) = (path.clone(), value.clone());
                let work = move || drop(std::fs::write(path, value));
                if crate::sys::thread::start("cgroup", 64 << 10, work).is_ok() {
                    continue;
                }
            }
            if let Err(errno) = write(&path, &value) {
                refused.push((key, errno));
            }
        }
        refused
    }

    /// What is in use now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage { memory: self.alone("memory.current"), pids: self.alone("pids.current") }
    }

    /// What the OOM killer did to it, if that is counted.
    #[must_use]
    pub fn oom_kills(&self) -> Option<OomKills> {
        let text = read_start(self.file("memory.events"), 4096).ok()?;
        Some(OomKills { killed: field(&text, "oom_kill")?, own: field(&text, "oom")? })
    }

    fn number(&self, file: &str, name: &str) -> Option<u64> {
        field(&read_start(self.file(file), 4096).ok()?, name)
    }

    fn alone(&self, file: &str) -> Option<u64> {
        std::str::from_utf8(&read_start(self.file(file), 64).ok()?).ok()?.trim_end().parse().ok()
    }
}

/// Whether the cgroup of [`Group::events`] has a process, from that descriptor, which is then quiet until it changes.
#[must_use]
pub fn is_populated(events: &File) -> bool {
    use std::os::unix::fs::FileExt;
    let mut text = [0; 256];
    let length = events.read_at(&mut text, 0).unwrap_or(0);
    field(text.get(..length).unwrap_or_default(), "populated") == Some(1)
}

/// The number behind a word at the beginning of a line.
pub(super) fn field(text: &[u8], name: &str) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    rest.trim_end().parse().ok()
}

type Value = (&'static str, Controller, &'static str, String, bool);

/// Key, controller, file, what is to be in it, and whether that is there anyway.
fn values(limits: &Resources) -> [Value; 7] {
    let or_max = |limit: Option<u64>| limit.map_or_else(|| "max".to_owned(), |limit| limit.to_string());
    let Resources { memory, memory_high, swap, oom_group, cpu, cpu_weight, pids, counted: _ } = *limits;
    let period = format!("{} {}", or_max(cpu), Resources::CPU_PERIOD);
    [
        ("memory", Controller::Memory, "memory.max", or_max(memory), memory.is_none()),
        ("memory-high", Controller::Memory, "memory.high", or_max(memory_high), memory_high.is_none()),
        ("swap", Controller::Memory, "memory.swap.max", or_max(swap), swap.is_none()),
        ("oom-group", Controller::Memory, "memory.oom.group", u8::from(oom_group).to_string(), !oom_group),
        ("cpu", Controller::Cpu, "cpu.max", period, cpu.is_none()),
        (
            "cpu-weight",
            Controller::Cpu,
            "cpu.weight",
            cpu_weight.unwrap_or(100).to_string(),
            cpu_weight.is_none(),
        ),
        ("pids", Controller::Pids, "pids.max", or_max(pids.map(u64::from)), pids.is_none()),
    ]
}

fn subgroups(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = read_dir(directory).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

fn remove(directory: &Path, depth: usize) {
    if remove_dir(directory).is_ok() || depth > DEPTH {
        return;
    }
    subgroups(directory).for_each(|inner| remove(&inner, depth + 1));
    let _ = remove_dir(directory);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_that_of_its_whole_word() {
        let events = b"low 0\nhigh 0\nmax 25\noom 3\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(field(events, "oom"), Some(3));
        assert_eq!(field(events, "oom_kill"), Some(2));
        assert_eq!(field(events, "oom_"), None);
        assert_eq!(field(b"oom_kill_disable 0\nunder_oom 0\noom_kill 7\n", "oom_kill"), Some(7));
        assert_eq!(field(b"", "oom"), None);
    }

    #[test]
    fn only_what_is_given_is_other_than_the_kernel_has_it() {
        let given = |limits: Resources| {
            let values = values(&limits).into_iter().filter(|value| !value.4);
            values.map(|(_, _, file, text, _)| format!("{file} {text}")).collect::<Vec<_>>()
        };
        assert!(given(Resources::default()).is_empty());
        let limits = Resources { cpu: Some(150_000), pids: Some(5), oom_group: true, ..Resources::default() };
        assert_eq!(given(limits), ["memory.oom.group 1", "cpu.max 150000 100000", "pids.max 5"]);
        assert_eq!(given(Resources { swap: Some(0), ..Resources::default() }), ["memory.swap.max 0"]);
    }
}
