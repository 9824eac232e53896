//! The descriptors of a child, put in place between clone and exec. As in `child`: raw system calls, no allocation.

use super::child::{Failure, Input, Orders, call, fcntl, must, open};
use super::{Stage, limits};
use libc::c_int;
use std::cell::Cell;

/// Puts the three descriptors in place. A source that is itself one of 0 to 2 moves up first, so that no order of
/// duplicating can overwrite it.
pub(super) fn stdio(orders: &Orders) -> Result<(), Failure> {
    let input = match &orders.stdin {
        Input::Descriptor(fd) => *fd as usize,
        Input::Path(path) => {
            let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
            let fd = must(Stage::Stdin, 0, open(path, flags))? as usize;
            must(Stage::Stdin, 0, fcntl(fd, libc::F_SETFL, 0))?;
            fd
        }
    };
    let input = above(Stage::Stdin, input, 0)?;
    let output = above(Stage::Stdout, orders.stdout as usize, 1)?;
    let errors = above(Stage::Stdout, orders.stderr as usize, 2)?;
    place(Stage::Stdin, input, 0)?;
    place(Stage::Stdout, output, 1)?;
    place(Stage::Stdout, errors, 2)
}

/// Puts further descriptors in place. What lies where another of them is to be, moves out of the way first: the sources, and
/// the pipe of the report. Not far away, for the limit of open files may be just above.
pub(super) fn pass_on(orders: &Orders) -> Result<(), Failure> {
    let fds = &orders.passed.fds;
    let is_target = |fd: c_int| fds.iter().any(|(_, target)| *target == fd);
    let beyond = |fd: &Cell<c_int>| {
        let mut least = 3;
        while is_target(fd.get()) {
            let copy = fcntl(fd.get() as usize, libc::F_DUPFD_CLOEXEC, least);
            let copy = must(Stage::Descriptors, 0, copy)? as c_int;
            least = copy.wrapping_add(1) as usize;
            // A copy that lies on a target itself is overwritten there.
            fd.set(copy);
        }
        Ok(())
    };
    beyond(&orders.report)?;
    fds.iter().try_for_each(|(source, _)| beyond(source))?;
    fds.iter()
        .try_for_each(|(source, target)| place(Stage::Descriptors, source.get() as usize, *target as usize))
}

fn above(stage: Stage, fd: usize, target: usize) -> Result<usize, Failure> {
    if fd > 2 || fd == target {
        return Ok(fd);
    }
    Ok(must(stage, 0, fcntl(fd, libc::F_DUPFD_CLOEXEC, 3))? as usize)
}

fn place(stage: Stage, fd: usize, target: usize) -> Result<(), Failure> {
    let result =
        if fd == target { fcntl(fd, libc::F_SETFD, 0) } else { call(libc::SYS_dup3, fd, target, 0, 0) };
    must(stage, 0, result).map(drop)
}

/// Marks every descriptor from 3 on close-on-exec. All of the supervisor's are anyway; this is for what others opened.
pub(super) fn close_on_exec() -> Result<(), Failure> {
    let result = call(libc::SYS_close_range, 3, c_uint_max(), libc::CLOSE_RANGE_CLOEXEC as usize, 0);
    // Before Linux 5.11, or forbidden by a seccomp filter.
    if result == 0 { Ok(()) } else { close_on_exec_one_by_one() }
}

fn close_on_exec_one_by_one() -> Result<(), Failure> {
    let directory = open(c"/proc/self/fd", libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC);
    if directory < 0 {
        let mut limit = [0u64; 2];
        let resource = limits::NOFILE as usize;
        must(Stage::Descriptors, 0, call(libc::SYS_prlimit64, 0, resource, 0, limit.as_mut_ptr() as usize))?;
        for fd in 3..limit[0].min(65_536) as usize {
            fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC as usize);
        }
        return Ok(());
    }
    let mut entries = Entries([0; 1024]);
    loop {
        let length = call(libc::SYS_getdents64, directory as usize, entries.0.as_mut_ptr() as usize, 1024, 0);
        if must(Stage::Descriptors, 0, length)? == 0 {
            break;
        }
        let mut rest = entries.0.get(..length as usize).unwrap_or_default();
        // struct linux_dirent64: inode 8, offset 8, length 2, type 1, name.
        while let (Some([low, high]), Some(name)) = (rest.get(16..18), rest.get(19..)) {
            if let Some(fd) = decimal(name).filter(|fd| *fd > 2) {
                fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC as usize);
            }
            let length = usize::from(u16::from_ne_bytes([*low, *high]));
            rest = if length == 0 { &[] } else { rest.get(length..).unwrap_or_default() };
        }
    }
    Ok(())
}

#[repr(C, align(8))]
struct Entries([u8; 1024]);

/// `~0U`, the end of all descriptors.
fn c_uint_max() -> usize {
    libc::c_uint::MAX as usize
}

/// The number that a name of digits spells, up to its NUL.
fn decimal(name: &[u8]) -> Option<usize> {
    let mut number = 0usize;
    let mut digits = 0u32;
    for byte in name {
        match byte {
            b'0'..=b'9' => {
                number = number.wrapping_mul(10).wrapping_add(usize::from(byte.wrapping_sub(b'0')));
                digits = digits.wrapping_add(1);
            }
            _ => break,
        }
    }
    if digits == 0 { None } else { Some(number) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn without_close_range_descriptors_are_marked_one_by_one() {
        use std::os::fd::AsRawFd;
        let files: Vec<_> = (0..100).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        let flags = |fd: usize| fcntl(fd, libc::F_GETFD, 0);
        for file in &files {
            fcntl(file.as_raw_fd() as usize, libc::F_SETFD, 0);
        }
        assert_eq!(close_on_exec_one_by_one(), Ok(()));
        assert!(files.iter().all(|f| flags(f.as_raw_fd() as usize) == libc::FD_CLOEXEC as isize));
        assert_eq!(flags(0) & 1, 0, "the standard ones stay");
    }

    #[test]
    fn names_of_descriptors_are_read_as_numbers() {
        assert_eq!(decimal(b"17\0junk"), Some(17));
        assert_eq!(decimal(b"..\0"), None);
    }
}
