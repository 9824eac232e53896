//! Why a start failed, in words: worked out afterwards in the parent, by a look at the files.

use super::child::Failure;
use super::files::read_start;
use super::prepare::Context;
use super::{SpawnError, Stage, errno_text, limits};
use std::fs::{Metadata, metadata, symlink_metadata};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The kernel reads this much of a `#!` line.
const SHEBANG: usize = 256;

/// The sentence for a child's failure.
pub(super) fn explain(failure: Failure, context: &Context) -> SpawnError {
    let stage = Stage::from_number(failure.stage).unwrap_or(Stage::Fork);
    let Failure { errno, index, .. } = failure;
    let what = match stage {
        Stage::Exec => {
            let errno = if hidden(errno, index.into(), context) { libc::ENOENT } else { errno };
            return SpawnError { stage, errno, what: explain_exec(errno, index.into(), context) };
        }
        Stage::Directory => format!("change to {}", context.directory.as_deref().unwrap_or("/")),
        Stage::Session => "begin a session".to_owned(),
        Stage::Cgroup => "enter the cgroup of the service".to_owned(),
        Stage::Stdin => match &context.stdin {
            Some(path) => format!("open {path} as standard input"),
            None => "set standard input".to_owned(),
        },
        Stage::Stdout => "set standard output".to_owned(),
        Stage::OomScoreAdj => format!("set oom-score-adj to {}", context.oom_score_adj),
        Stage::Nice => format!("set nice to {}", context.nice),
        Stage::Limit => match context.limits.get(usize::from(index)) {
            Some(limit) => format!("set the limit {}", limits::name(limit.resource)),
            None => "set a limit".to_owned(),
        },
        Stage::Groups | Stage::Gid | Stage::Uid => {
            return SpawnError { stage, errno, what: explain_identity(stage, errno, context) };
        }
        Stage::Capabilities => "reduce the capabilities".to_owned(),
        Stage::NoNewPrivileges => "set no-new-privileges".to_owned(),
        Stage::Descriptors => "hand on descriptors".to_owned(),
        Stage::User
        | Stage::Environment
        | Stage::Secret
        | Stage::Arguments
        | Stage::Pipe
        | Stage::Fork
        | Stage::Sockets => "start a process".to_owned(),
    };
    let mut error = SpawnError::system(stage, errno, &what);
    if let (Stage::Limit, libc::EPERM) = (stage, errno) {
        error.what += "; only root may raise a hard limit";
    }
    error
}

fn explain_identity(stage: Stage, errno: i32, context: &Context) -> String {
    let own = nix::unistd::geteuid();
    let what = match (&context.user, stage) {
        (Some(user), Stage::Gid) => format!("cannot become user `{user}` with its group"),
        (Some(user), _) => format!("cannot become user `{user}`"),
        (None, Stage::Groups) => "cannot set the supplementary groups".to_owned(),
        (None, _) => "cannot change the group".to_owned(),
    };
    let cause = match errno {
        libc::EPERM if !own.is_root() => {
            format!("only root may, and the supervisor runs as user {own}")
        }
        libc::EPERM if stage == Stage::Groups && setgroups_denied() => {
            "its supplementary groups cannot be set in this user namespace (/proc/self/setgroups says deny)"
                .to_owned()
        }
        libc::EPERM => "the container lacks CAP_SETUID or CAP_SETGID".to_owned(),
        libc::EINVAL => "the id does not exist in this user namespace".to_owned(),
        _ => errno_text(errno).to_owned(),
    };
    format!("{what}: {cause}")
}

fn setgroups_denied() -> bool {
    read_start("/proc/self/setgroups", 16).is_ok_and(|text| text.starts_with(b"deny"))
}

/// The file that execve(2) tried for an entry of PATH.
fn candidate(entry: &str, context: &Context) -> PathBuf {
    let directory = Path::new(context.directory.as_deref().unwrap_or(""));
    directory.join(if entry.is_empty() { "." } else { entry }).join(&context.command)
}

/// Whether "permission denied" came from a directory of PATH that may not be searched (root's own, say), and no file
/// is known to be there: then the command was not found.
fn hidden(errno: i32, index: usize, context: &Context) -> bool {
    errno == libc::EACCES
        && !context.command.contains('/')
        && context
            .path
            .split(':')
            .nth(index)
            .is_some_and(|entry| metadata(candidate(entry, context)).is_err())
}

fn explain_exec(errno: i32, index: usize, context: &Context) -> String {
    let command = context.command.as_str();
    if command.contains('/') {
        let directory = Path::new(context.directory.as_deref().unwrap_or(""));
        let cause = explain_file(&directory.join(command), errno, context);
        return format!("cannot execute {command}: {cause}");
    }
    let mut entries = context.path.split(':').map(|entry| candidate(entry, context));
    let found = match errno {
        // Every candidate gave it, which can also mean a missing interpreter.
        libc::ENOENT => entries.find(|path| metadata(path).is_ok_and(|m| m.is_file())),
        _ => entries.nth(index),
    };
    match found {
        Some(path) => format!("cannot execute {}: {}", path.display(), explain_file(&path, errno, context)),
        None => format!("cannot find `{command}` in PATH ({})", context.path),
    }
}

/// What is wrong with a file that execve(2) refused with `errno`.
fn explain_file(path: &Path, errno: i32, context: &Context) -> String {
    let facts = match metadata(path) {
        Ok(facts) => facts,
        Err(_) => return explain_missing(path, errno),
    };
    if facts.is_dir() {
        return "it is a directory".to_owned();
    }
    if !facts.is_file() {
        return "it is not a regular file".to_owned();
    }
    let start = read_start(path, 4096).unwrap_or_default();
    let cause = if start.starts_with(b"#!") {
        explain_script(&start, errno)
    } else if start.starts_with(b"\x7fELF") {
        explain_elf(&start, errno)
    } else if errno == libc::ENOEXEC {
        Some(explain_unknown(&start))
    } else {
        None
    };
    cause
        .or_else(|| explain_permission(path, &facts, errno, context))
        .unwrap_or_else(|| errno_text(errno).to_owned())
}

fn explain_missing(path: &Path, errno: i32) -> String {
    match std::fs::read_link(path) {
        Ok(target) if symlink_metadata(path).is_ok() => {
            format!("it is a symbolic link to {}, which does not exist", target.display())
        }
        _ => errno_text(errno).to_owned(),
    }
}

fn explain_permission(path: &Path, facts: &Metadata, errno: i32, context: &Context) -> Option<String> {
    if errno != libc::EACCES {
        return None;
    }
    let mode = facts.permissions().mode() & 0o7777;
    if mode & 0o111 == 0 {
        return Some(format!("it has no execute permission (mode {mode:04o})"));
    }
    if on_noexec_mount(path) {
        return Some("its file system is mounted noexec".to_owned());
    }
    let user = context.user.as_ref()?;
    Some(format!("user `{user}` may not execute it, or may not enter a directory above it"))
}

fn on_noexec_mount(path: &Path) -> bool {
    nix::sys::statvfs::statvfs(path).is_ok_and(|s| s.flags().contains(nix::sys::statvfs::FsFlags::ST_NOEXEC))
}

fn explain_script(start: &[u8], errno: i32) -> Option<String> {
    let line = start.get(2..)?.split(|b| *b == b'\n').next()?;
    let line = line.get(..SHEBANG.min(line.len()))?;
    if line.last() == Some(&b'\r') {
        return Some(
            "its first line ends in a carriage return (CRLF); save it with Unix line ends".to_owned(),
        );
    }
    let text = String::from_utf8_lossy(line);
    let Some(interpreter) = text.split_whitespace().next() else {
        return Some("its first line names no interpreter".to_owned());
    };
    match (metadata(interpreter), errno) {
        (Err(_), libc::ENOENT | libc::ENOTDIR) => {
            Some(format!("the interpreter {interpreter} of its first line does not exist"))
        }
        (Ok(facts), libc::EACCES) if facts.is_dir() => {
            Some(format!("the interpreter {interpreter} of its first line is a directory"))
        }
        (Ok(facts), libc::EACCES) if facts.permissions().mode() & 0o111 == 0 => {
            Some(format!("the interpreter {interpreter} of its first line has no execute permission"))
        }
        (Ok(_), libc::ENOEXEC) => Some(format!(
            "the interpreter {interpreter} of its first line cannot be executed on this machine"
        )),
        _ => None,
    }
}

fn explain_elf(start: &[u8], errno: i32) -> Option<String> {
    match errno {
        libc::ENOEXEC => {
            let built = machine(word(start, 18, 2)?);
            let this = std::env::consts::ARCH;
            Some(if built == this {
                "it is damaged: the kernel cannot load it".to_owned()
            } else {
                format!("it is built for {built}, this machine is {this}")
            })
        }
        libc::ENOENT => {
            let loader = PathBuf::from(elf_loader(start)?);
            (!loader.exists()).then(|| {
                format!(
                    "its dynamic loader {} does not exist (it is built for another libc)",
                    loader.display()
                )
            })
        }
        _ => None,
    }
}

fn explain_unknown(start: &[u8]) -> String {
    if start.split(|b| *b == b'\n').next().is_some_and(|line| line.contains(&0)) {
        "it is neither a program of this machine nor a script".to_owned()
    } else {
        "it has no `#!` line, and /bin/sh, which would run it then, cannot be executed".to_owned()
    }
}

/// The names of elf(5)'s `e_machine`.
fn machine(number: u64) -> String {
    let name = match number {
        3 => "x86",
        8 => "mips",
        20 => "powerpc",
        21 => "powerpc64",
        22 => "s390x",
        40 => "arm",
        62 => "x86_64",
        183 => "aarch64",
        243 => "riscv64",
        258 => "loongarch64",
        _ => return format!("another machine (ELF number {number})"),
    };
    name.to_owned()
}

/// A number of the file's own byte order.
fn word(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    Some(if bytes.get(5) == Some(&2) { field.iter().fold(0, add) } else { field.iter().rev().fold(0, add) })
}

/// The program interpreter of a 64-bit ELF file, when it is within its start; see elf(5).
fn elf_loader(start: &[u8]) -> Option<String> {
    if start.get(4) != Some(&2) {
        return None;
    }
    let at = |offset, length| word(start, offset, length).and_then(|n| usize::try_from(n).ok());
    let (table, size, count) = (at(32, 8)?, at(54, 2)?, at(56, 2)?);
    for index in 0..count.min(64) {
        let header = table.checked_add(index.checked_mul(size)?)?;
        if at(header, 4)? == 3 {
            let offset = at(header.checked_add(8)?, 8)?;
            let length = at(header.checked_add(32)?, 8)?.min(4096);
            let path = start.get(offset..offset.checked_add(length)?)?;
            let path = path.split(|b| *b == 0).next()?;
            return String::from_utf8(path.to_vec()).ok();
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_of_this_test_program_is_found() {
        let start = read_start("/proc/self/exe", 4096).unwrap();
        if let Some(loader) = elf_loader(&start) {
            assert!(Path::new(&loader).exists(), "{loader}");
        }
    }

    #[test]
    fn a_hostile_elf_header_is_survived() {
        let mut start = vec![0xff; 64];
        start[..6].copy_from_slice(b"\x7fELF\x02\x01");
        assert_eq!(elf_loader(&start), None);
        assert_eq!(elf_loader(b"\x7fELF"), None);
        assert_eq!(explain_elf(b"\x7fELF", libc::ENOEXEC), None);
    }
}
