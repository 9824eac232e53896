//! A cgroup that limits the number of processes, and one of version 2 to be divided.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

pub struct Pids {
    path: PathBuf,
}

impl Pids {
    /// A fresh one without a limit, or why there is none.
    pub fn create() -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("foster-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut why = String::from("no cgroup with a pids controller is mounted");
        for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"] {
            let root = PathBuf::from(root);
            let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
            let unified = controllers.split_whitespace().any(|one| one == "pids");
            if !unified && !root.ends_with("pids") {
                continue;
            }
            if unified {
                let _ = fs::write(root.join("cgroup.subtree_control"), "+pids");
            }
            let cgroup = Self { path: root.join(&name) };
            match fs::create_dir(&cgroup.path) {
                Ok(()) if cgroup.path.join("pids.max").exists() => return Ok(cgroup),
                Ok(()) => why = format!("{} has no pids.max", cgroup.path.display()),
                Err(error) => {
                    why = format!("cannot create {}: {error}", cgroup.path.display());
                    std::mem::forget(cgroup);
                }
            }
        }
        Err(why)
    }

    /// The same command, in this cgroup from its first moment.
    pub fn wrap(&self, command: &Command) -> Command {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "echo $$ >\"$0/cgroup.procs\" && exec \"$@\""]).arg(&self.path);
        shell.arg(command.get_program()).args(command.get_args());
        shell
    }

    /// Limits the number of processes to what it is now and `more`; `None` lifts the limit.
    pub fn allow(&self, more: Option<i64>) {
        let limit = more.map_or("max".into(), |more| (i64::from(self.count()) + more).to_string());
        fs::write(self.path.join("pids.max"), limit).unwrap();
    }

    pub fn count(&self) -> u32 {
        fs::read_to_string(self.path.join("pids.current")).unwrap().trim().parse().unwrap()
    }
}

impl Drop for Pids {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn remove(path: &Path) {
    // It is empty once the namespace has ended, but the kernel may take a moment to say so.
    super::eventually(super::PATIENCE, || fs::remove_dir(path).is_ok() || !path.exists());
}

/// A cgroup that limits memory. To enter it, a process writes 0 into `cgroup.procs`.
pub struct Memory {
    pub path: PathBuf,
}

impl Memory {
    /// A fresh one for this many bytes, or why there is none.
    pub fn create(bytes: u64) -> Result<Self, String> {
        let name = format!("foster-test-memory-{}", std::process::id());
        for (root, limit) in
            [("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")]
        {
            let path = Path::new(root).join(&name);
            // What is no cgroup may be a directory as any other.
            if !Path::new(root).join("cgroup.procs").exists() || fs::create_dir(&path).is_err() {
                continue;
            }
            let cgroup = Self { path };
            if cgroup.path.join(limit).exists()
                && fs::write(cgroup.path.join(limit), bytes.to_string()).is_ok()
            {
                return Ok(cgroup);
            }
        }
        Err("no cgroup with a memory controller can be made".into())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// A cgroup of version 2 that holds nobody, for foster to move to and divide.
pub struct Unified {
    pub path: PathBuf,
}

impl Unified {
    /// A fresh one, or why there is none.
    pub fn create() -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !super::is_root() {
            return Err("a cgroup to divide needs root".into());
        }
        let name = format!("foster-unified-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut why = String::from("no cgroup of version 2 is mounted");
        for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(PathBuf::from) {
            if !root.join("cgroup.controllers").exists() {
                continue;
            }
            let cgroup = Self { path: root.join(&name) };
            match fs::create_dir(&cgroup.path) {
                Ok(()) => return Ok(cgroup),
                Err(error) => {
                    why = format!("cannot create {}: {error}", cgroup.path.display());
                    std::mem::forget(cgroup);
                }
            }
        }
        Err(why)
    }

    /// Shell text that enters it.
    pub fn enter(&self) -> String {
        format!("echo 0 > {}/cgroup.procs", self.path.display())
    }

    /// The cgroups in it.
    pub fn inner(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.path).unwrap().flatten();
        let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut names: Vec<String> =
            directories.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    /// How many processes one of them has.
    pub fn count(&self, inner: &str) -> usize {
        let procs = fs::read_to_string(self.path.join(inner).join("cgroup.procs")).unwrap_or_default();
        procs.lines().count()
    }
}

impl Drop for Unified {
    fn drop(&mut self) {
        for inner in self.inner() {
            super::eventually(super::PATIENCE, || fs::remove_dir(self.path.join(&inner)).is_ok());
        }
        super::eventually(super::PATIENCE, || fs::remove_dir(&self.path).is_ok() || !self.path.exists());
    }
}

/// A cgroup to divide; leaves the test where there is none.
macro_rules! unified {
    () => {{
        $crate::support::needs_namespace!();
        match $crate::support::Unified::create() {
            Ok(cgroup) => cgroup,
            Err(why) => $crate::support::skip!("{why}"),
        }
    }};
}
pub(crate) use unified;
