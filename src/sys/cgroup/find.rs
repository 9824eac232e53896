//! Which cgroup this process is in, and whether that is its own to divide.

use super::Tree;
use crate::sys::files::read_start;
use crate::sys::{not_writable, own_pid, procs};
use std::fs::read_to_string;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where it is mounted nearly everywhere; the second beside version 1.
const USUAL: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// More than any such file has.
const LONGEST: usize = 1 << 20;

/// The cgroup of this process, if it can be written to, is not the root of all, and holds nobody but this process and its
/// descendants.
///
/// # Errors
/// Why it is left alone, as the cause in a sentence.
pub fn own() -> Result<Tree, String> {
    let no = |why: &str| Err(why.to_owned());
    let Some(path) = path_in("/proc/self/cgroup") else {
        return no("there is no cgroup v2 here");
    };
    let Some(directory) = directory_of(&path) else {
        return no("no cgroup v2 is mounted here");
    };
    if let Some(why) = not_writable(&directory.join("cgroup.procs")) {
        return Err(format!("the cgroup of this container cannot be written to: {why}"));
    }
    if !is_cgroup(&directory) {
        return no("no cgroup v2 is mounted here");
    }
    match read_to_string(directory.join("cgroup.type")) {
        Ok(kind) if kind == "domain\n" => {}
        Ok(_) => return no("the cgroup of this container is for threads"),
        Err(_) => return no("foster is in the root of all cgroups, which is the host's"),
    }
    let procs = read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    // 0 is a process of another pid namespace.
    let mut pids = procs.lines().map(|line| line.parse().unwrap_or(0));
    if !pids.all(|pid| pid == own_pid() || pid > 0 && procs::is_descendant(pid)) {
        return no("other processes are in the same cgroup");
    }
    Ok(Tree::new(directory, &path))
}

/// The cgroup v2 in such a file, as in /proc/PID/cgroup: the line `0::PATH`.
pub(super) fn path_in(file: &str) -> Option<String> {
    line_in(file, "0::")
}

fn line_in(file: &str, start: &str) -> Option<String> {
    let text = read_start(file, LONGEST).ok()?;
    let text = String::from_utf8(text).ok()?;
    text.lines().find_map(|line| line.strip_prefix(start)).map(str::to_owned)
}

/// Where the cgroup of this path is mounted.
fn directory_of(path: &str) -> Option<PathBuf> {
    let below = |mount: &str, rest: &str| PathBuf::from(format!("{mount}{}", rest.trim_end_matches('/')));
    let exists = |directory: &PathBuf| directory.join("cgroup.procs").exists();
    let usual = USUAL.iter().map(|mount| below(mount, path)).find(exists);
    usual.or_else(|| {
        mounts()
            .into_iter()
            .filter_map(|(root, mount)| Some(below(&mount, rest_of(path, &root)?)))
            .find(exists)
    })
}

/// The path of the cgroup in this directory.
pub(super) fn path_of(directory: &str) -> Option<String> {
    let found = mounts()
        .into_iter()
        .filter_map(|(root, mount)| Some((mount.len(), root, rest_of(directory, &mount)?.to_owned())));
    found
        .max_by_key(|(length, ..)| *length)
        .map(|(_, root, rest)| format!("{}{rest}", root.trim_end_matches('/')))
}

/// What is behind `start`, which ends at a slash.
fn rest_of<'a>(path: &'a str, start: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(start.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// Every mount of a cgroup v2: what of it, and where; see proc_pid_mountinfo(5).
fn mounts() -> Vec<(String, String)> {
    let text = read_start("/proc/self/mountinfo", LONGEST).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mount = |line: &str| {
        let (front, back) = line.split_once(" - ")?;
        let mut fields = front.split(' ').skip(3);
        let (root, place) = (fields.next()?, fields.next()?);
        back.starts_with("cgroup2 ").then(|| (root.to_owned(), place.to_owned()))
    };
    text.lines().filter_map(mount).collect()
}

/// Whether a directory is in a cgroup v2 file system; see statfs(2).
pub(super) fn is_cgroup(directory: &Path) -> bool {
    let Ok(path) = std::ffi::CString::new(directory.as_os_str().as_bytes()) else { return false };
    // SAFETY: zero is a valid statfs.
    let mut found: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: a string with its end, and room for the answer.
    let result = unsafe { libc::statfs(path.as_ptr(), &raw mut found) };
    // Its type depends on the C library.
    #[allow(clippy::unnecessary_cast)]
    let kind = found.f_type as libc::c_long;
    result == 0 && kind == libc::CGROUP2_SUPER_MAGIC as libc::c_long
}

/// How many processes the OOM killer has taken in the container, services or not.
#[derive(Debug)]
pub struct OomCounter {
    file: PathBuf,
    seen: u64,
}

impl OomCounter {
    /// Counts from now on; `None` where the kernel does not tell. By version 2 or 1 of cgroups.
    #[must_use]
    pub fn new(tree: Option<&Tree>) -> Option<Self> {
        let first = |candidates: Vec<PathBuf>| {
            candidates.into_iter().find_map(|file| Some(Self { seen: count(&file)?, file }))
        };
        let own = || Some(directory_of(&path_in("/proc/self/cgroup")?)?.join("memory.events"));
        let of_tree = tree.map(|tree| tree.directory.join("memory.events"));
        first(of_tree.into_iter().collect()).or_else(|| first(own().into_iter().collect())).or_else(|| {
            let text = read_start("/proc/self/cgroup", LONGEST).ok()?;
            let text = String::from_utf8_lossy(&text);
            let of = |line: &str| {
                let (names, path) = line.split_once(':')?.1.split_once(':')?;
                names.split(',').any(|name| name == "memory").then(|| path.trim_end_matches('/').to_owned())
            };
            let path = text.lines().find_map(of)?;
            // In a container the mount begins at its own cgroup, whatever that is called outside.
            first(
                [path.as_str(), ""]
                    .map(|path| format!("/sys/fs/cgroup/memory{path}/memory.oom_control").into())
                    .into(),
            )
        })
    }

    /// How many it took since the last time that this was asked.
    pub fn take(&mut self) -> u64 {
        let now = count(&self.file).unwrap_or(self.seen);
        now.saturating_sub(std::mem::replace(&mut self.seen, now))
    }
}

/// `oom_kill N`, which both versions have.
fn count(file: &Path) -> Option<u64> {
    super::group::field(&read_start(file, 4096).ok()?, "oom_kill")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cut_at_slashes_only() {
        assert_eq!(rest_of("/a/b", "/a"), Some("/b"));
        assert_eq!(rest_of("/a", "/a"), Some(""));
        assert_eq!(rest_of("/a/b", "/"), Some("/a/b"));
        assert_eq!(rest_of("/ab", "/a"), None);
        assert_eq!(rest_of("/b", "/a"), None);
    }

    #[test]
    fn the_usual_places_of_a_file_system_that_is_none_are_no_cgroups() {
        assert!(!is_cgroup(Path::new("/proc")));
        assert!(!is_cgroup(Path::new("/no/such/place")));
    }
}
