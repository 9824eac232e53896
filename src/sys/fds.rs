//! File descriptors: the three standard ones, inherited ones, pipes.

use super::errno;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU8, Ordering};

/// One bit for each of the descriptors 0 to 2 that was closed when this process began.
static CLOSED_AT_ENTRY: AtomicU8 = AtomicU8::new(0);

/// Makes sure that the descriptors 0 to 2 are open, so that no later one takes their place: with /dev/null, or where
/// that is missing with the end of a pipe that nobody holds the other end of (reads end of file, writes fail).
///
/// It runs by itself before `main` and before Rust's own runtime, which would abort without /dev. libc only.
pub(super) extern "C" fn ensure_stdio() {
    for fd in 0..3 {
        // SAFETY: F_GETFD takes no memory.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0 {
            continue;
        }
        CLOSED_AT_ENTRY.fetch_or(1 << fd, Ordering::Relaxed);
        // SAFETY: the path is a C string. The lowest free descriptor is `fd`.
        if unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) } >= 0 {
            continue;
        }
        let mut ends = [-1; 2];
        // SAFETY: room for two descriptors; those used below are of this pipe, or -1.
        unsafe {
            if libc::pipe(ends.as_mut_ptr()) != 0 {
                continue;
            }
            // The lower end is the reading one and in place; standard output and error want the writing one there.
            let [reader, writer] = ends;
            if fd != 0 && reader == fd {
                libc::dup2(writer, fd);
            }
            libc::close(writer);
        }
    }
}

/// Which of the descriptors 0 to 2 were closed when this process began.
#[must_use]
pub fn closed_at_entry() -> Vec<RawFd> {
    let closed = CLOSED_AT_ENTRY.load(Ordering::Relaxed);
    (0..3).filter(|fd| closed >> fd & 1 == 1).collect()
}

/// The same as one bit for each.
pub(super) fn closed_bits() -> u8 {
    CLOSED_AT_ENTRY.load(Ordering::Relaxed)
}

/// Without close_range(2) and /proc, descriptors up to this one are closed.
const HIGHEST: RawFd = 65_535;

/// Closes all descriptors from 3 on, so that no service inherits them, nobody waits for the end of a pipe that is held
/// here for nothing, and all that the limit allows are there for services. To be called while this process has opened
/// nothing itself.
pub fn close_inherited() {
    // SAFETY: numbers; none of the descriptors is owned by anything here.
    if unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0u32) } == 0 {
        return;
    }
    // Before Linux 5.9, or forbidden by a seccomp filter.
    let number = |entry: io::Result<std::fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let open: Vec<RawFd> = match std::fs::read_dir("/proc/self/fd") {
        Ok(entries) => entries.filter_map(number).collect(),
        Err(_) => (3..=HIGHEST).collect(),
    };
    for fd in open.into_iter().filter(|fd| *fd > 2) {
        // SAFETY: as above. That of the directory is closed already, and its number nobody's.
        unsafe { libc::close(fd) };
    }
}

/// A pipe: the end to read and the end to write, both close-on-exec and 3 or above; see pipe(2).
///
/// # Errors
/// `EMFILE`, `ENFILE`.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    pipe_with(libc::O_CLOEXEC)
}

/// [`pipe`], both ends of which never wait.
///
/// # Errors
/// As there.
pub fn pipe_nonblocking() -> io::Result<(OwnedFd, OwnedFd)> {
    pipe_with(libc::O_CLOEXEC | libc::O_NONBLOCK)
}

fn pipe_with(flags: libc::c_int) -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    // SAFETY: room for two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), flags) } != 0 {
        return Err(io::Error::from_raw_os_error(errno()));
    }
    // SAFETY: new descriptors that nothing else owns.
    let [reader, writer] = ends.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    Ok((lift(reader)?, lift(writer)?))
}

/// Has reads and writes of all who share this open file not wait; see `O_NONBLOCK` in open(2).
///
/// # Errors
/// The kernel refuses it.
pub fn set_nonblocking(fd: &OwnedFd) -> io::Result<()> {
    // SAFETY: an open descriptor and numbers.
    match unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } {
        -1 => Err(io::Error::from_raw_os_error(errno())),
        _ => Ok(()),
    }
}

pub(super) fn lift(fd: OwnedFd) -> io::Result<OwnedFd> {
    if fd.as_raw_fd() > 2 { Ok(fd) } else { duplicate(fd.as_fd()) }
}

/// A copy of a descriptor, close-on-exec and 3 or above.
///
/// # Errors
/// `EMFILE`.
pub fn duplicate(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: duplicates an open descriptor.
    match unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3) } {
        -1 => Err(io::Error::from_raw_os_error(errno())),
        // SAFETY: a new descriptor that nothing else owns.
        new => Ok(unsafe { OwnedFd::from_raw_fd(new) }),
    }
}

/// A descriptor that reads as end of file: /dev/null, or where that is missing a pipe that nobody writes to.
///
/// # Errors
/// `EMFILE`, `ENFILE`.
pub fn null_input() -> io::Result<OwnedFd> {
    match std::fs::File::open("/dev/null") {
        Ok(file) => lift(file.into()),
        Err(_) => pipe().map(|(reader, _)| reader),
    }
}

/// Asks for a pipe of this many bytes; returns how many it holds then. See `F_SETPIPE_SZ` in fcntl(2).
///
/// # Errors
/// `EPERM` beyond /proc/sys/fs/pipe-max-size or the user's share; the pipe is as it was.
pub fn set_pipe_size(fd: BorrowedFd<'_>, bytes: i32) -> io::Result<usize> {
    // SAFETY: an open descriptor and a number.
    let result = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETPIPE_SZ, bytes) };
    usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(errno()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_close_on_exec_and_out_of_the_way() {
        let (reader, writer) = pipe().unwrap();
        for fd in [reader.as_raw_fd(), writer.as_raw_fd()] {
            assert!(fd > 2);
            // SAFETY: an open descriptor.
            assert_eq!(unsafe { libc::fcntl(fd, libc::F_GETFD) }, libc::FD_CLOEXEC);
        }
        assert_eq!(set_pipe_size(writer.as_fd(), 1 << 17).unwrap(), 1 << 17);
        assert!(set_pipe_size(writer.as_fd(), -1).is_err());
    }

    #[test]
    fn nothing_comes_from_the_null_input() {
        let fd = null_input().unwrap();
        assert_eq!(nix::unistd::read(&fd, &mut [0; 4]), Ok(0));
    }
}
