//! cgroup v2: a group for the processes of each service, which they cannot leave by a session or a parent of their own.
//! See cgroups(7) and the kernel's admin-guide/cgroup-v2.
//!
//! Files of cgroups are written and read at once, whatever the state of the machine, but for limits of memory, where the
//! kernel may reclaim some first: see [`Group::set`].

mod find;
mod group;

pub use find::{OomCounter, own};
pub use group::{Group, OomKills, Usage, is_populated};

use super::errno_text;
use std::fs::{create_dir, read_to_string, remove_dir};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The supervisor's own leaf: a cgroup that gives controllers to others may hold no process itself.
const LEAF: &str = "foster";
/// Before the names of services, so that none can be the name of a file that the kernel makes there.
const PREFIX: &str = "service-";

/// A kind of resource that cgroups can limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Controller {
    /// Memory and swap.
    Memory = 1,
    /// Processors.
    Cpu = 2,
    /// Processes and threads.
    Pids = 4,
}

impl Controller {
    /// As the kernel calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
        }
    }
}

/// A cgroup below which each service gets one of its own.
#[derive(Debug)]
pub struct Tree {
    directory: PathBuf,
    /// The same as /proc/PID/cgroup has it, without a slash at its end.
    path: String,
    /// Bits of the controllers that its children have.
    enabled: u8,
    /// Those of them that they have from here.
    granted: u8,
    /// It was made here, and goes with this.
    made: bool,
    /// The supervisor has moved to its leaf.
    moved: bool,
}

impl Tree {
    fn new(directory: PathBuf, path: &str) -> Self {
        let path = path.trim_end_matches('/').to_owned();
        Self { directory, path, enabled: 0, granted: 0, made: false, moved: false }
    }

    /// The one in this directory, which is made if it is not there.
    ///
    /// # Errors
    /// Why it cannot be used, as the cause in a sentence.
    pub fn at(directory: &str) -> Result<Self, String> {
        let made = match create_dir(directory) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(format!("cannot make {directory}: {}", super::error_text(&error))),
        };
        let usable = find::path_of(directory).filter(|_| find::is_cgroup(Path::new(directory)));
        let tree = usable.map(|path| Self { made, ..Self::new(directory.into(), &path) });
        let why = match &tree {
            None => format!("{directory} is in no cgroup v2 file system"),
            // Others would also need the cgroup that has both theirs and that one in it.
            Some(_) if !nix::unistd::geteuid().is_root() => {
                format!("only root may move processes to {directory}")
            }
            Some(_) => match super::not_writable(&Path::new(directory).join("cgroup.procs")) {
                Some(why) => format!("{directory} cannot be written to: {why}"),
                None => return tree.ok_or_else(String::new),
            },
        };
        if made {
            let _ = remove_dir(directory);
        }
        Err(why)
    }

    /// Gives the children a controller. If that is what it takes, the supervisor moves to a leaf of its own first.
    ///
    /// # Errors
    /// Why they do not have it.
    pub fn enable(&mut self, controller: Controller) -> Result<(), String> {
        if self.has(controller) {
            return Ok(());
        }
        let lists = |file: &str| {
            let list = read_to_string(self.directory.join(file)).unwrap_or_default();
            list.split_ascii_whitespace().any(|name| name == controller.name())
        };
        if !lists("cgroup.controllers") {
            return Err(format!("the cgroup has no {} controller", controller.name()));
        }
        if lists("cgroup.subtree_control") {
            self.enabled |= controller as u8;
            return Ok(());
        }
        let grant = format!("+{}", controller.name());
        let mut given = write(&self.directory.join("cgroup.subtree_control"), &grant);
        if given == Err(libc::EBUSY) && self.is_own() {
            self.move_to_leaf().map_err(|errno| {
                format!("foster cannot move to a cgroup of its own: {}", errno_text(errno))
            })?;
            given = write(&self.directory.join("cgroup.subtree_control"), &grant);
        }
        match given {
            Ok(()) => {
                self.enabled |= controller as u8;
                self.granted |= controller as u8;
                Ok(())
            }
            Err(errno) => {
                if self.granted == 0 {
                    self.move_back();
                }
                Err(match errno {
                    libc::EBUSY => "other processes are in the same cgroup".to_owned(),
                    _ => format!(
                        "the {} controller cannot be enabled: {}",
                        controller.name(),
                        errno_text(errno)
                    ),
                })
            }
        }
    }

    /// Whether the children have a controller.
    #[must_use]
    pub fn has(&self, controller: Controller) -> bool {
        self.enabled & controller as u8 != 0
    }

    /// Whether the supervisor itself is in it.
    fn is_own(&self) -> bool {
        find::path_in("/proc/self/cgroup").is_some_and(|path| path.trim_end_matches('/') == self.path)
    }

    fn move_to_leaf(&mut self) -> Result<(), i32> {
        let leaf = self.directory.join(LEAF);
        match create_dir(&leaf) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error.raw_os_error().unwrap_or(libc::EIO));
            }
            _ => {}
        }
        self.moved = true;
        let moved = write(&leaf.join("cgroup.procs"), "0");
        if moved.is_err() {
            self.move_back();
        }
        moved
    }

    fn move_back(&mut self) {
        if std::mem::take(&mut self.moved) {
            let _ = write(&self.directory.join("cgroup.procs"), "0");
            let _ = remove_dir(self.directory.join(LEAF));
        }
    }

    /// That of a service, which may not exist.
    #[must_use]
    pub fn group(&self, service: &str) -> Group {
        Group::new(self.directory.join(format!("{PREFIX}{service}")))
    }

    /// The service in whose cgroup a process is, be it a zombie, as far as /proc tells.
    #[must_use]
    pub fn service_of(&self, pid: super::Pid) -> Option<String> {
        let path = find::path_in(&format!("/proc/{pid}/cgroup"))?;
        let rest = path.strip_prefix(&self.path)?.strip_prefix('/')?.strip_prefix(PREFIX)?;
        let name = rest.split('/').next()?;
        Some(name.strip_suffix(" (deleted)").unwrap_or(name).to_owned())
    }

    /// At the very end: leaves all as it was found, once the groups of the services are removed.
    pub fn close(mut self) {
        for controller in [Controller::Memory, Controller::Cpu, Controller::Pids] {
            if self.granted & controller as u8 != 0 {
                let _ =
                    write(&self.directory.join("cgroup.subtree_control"), &format!("-{}", controller.name()));
            }
        }
        self.move_back();
        if self.made {
            let _ = remove_dir(&self.directory);
        }
    }
}

/// Writes a line to a file of a cgroup, in one piece.
fn write(path: &Path, text: &str) -> Result<(), i32> {
    use io::Write;
    // Without O_NONBLOCK a limit of memory waits until so much is reclaimed.
    let file = std::fs::OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))
}
