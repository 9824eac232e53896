//! Calls that write to an inherited descriptor, or ask about one, without ever waiting.
#![allow(unsafe_code)]

use nix::Result;
use nix::errno::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Sends to a socket; `EAGAIN` instead of waiting, `EPIPE` without a signal. The descriptor's flags stay untouched.
///
/// # Errors
/// As send(2).
pub fn send_nowait(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the pointer and the length are those of one live slice, which the kernel only reads.
    let sent = unsafe {
        libc::send(
            fd.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
        )
    };
    Errno::result(sent).map(isize::unsigned_abs)
}

/// Writes with `RWF_NOWAIT`: `EAGAIN` instead of waiting, although the open file description is a blocking one.
///
/// # Errors
/// As pwritev2(2): `EOPNOTSUPP` where the file cannot do it (pipes can since Linux 6.4, terminals cannot), `ENOSYS`
/// or `EINVAL` on older kernels.
pub fn write_nowait(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    let part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let here: libc::c_long = -1;
    // SAFETY: one iovec that describes one live slice; a write only reads it. The raw call, because not every libc
    // has the wrapper; the offset -1 (in two halves) means "where the file is", as for write(2).
    let written = unsafe {
        libc::syscall(libc::SYS_pwritev2, fd.as_raw_fd(), &raw const part, 1, here, here, libc::RWF_NOWAIT)
    };
    Errno::result(written).map(|n| usize::try_from(n).unwrap_or(0))
}

/// How many bytes can be read from a pipe now (FIONREAD).
///
/// # Errors
/// As ioctl(2).
pub fn readable_bytes(fd: impl AsFd) -> Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD stores one int at the address given, which is that of a live one.
    let done = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::FIONREAD, &raw mut count) };
    Errno::result(done).map(|_| usize::try_from(count).unwrap_or(0))
}

/// Writes a short text to standard output or error of this process without waiting: what has no room is lost, and so is what
/// cannot be written at all. No descriptor is changed. A SIGPIPE that it causes is from this process.
pub fn say(fd: BorrowedFd<'_>, text: &[u8]) {
    // A pipe of Linux 6.4; a socket; or whatever poll(2) says has room.
    if matches!(send_nowait(fd, text), Err(Errno::ENOTSOCK))
        && matches!(write_nowait(fd, text), Err(Errno::EOPNOTSUPP | Errno::EINVAL | Errno::ENOSYS))
    {
        let mut ask = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
        // SAFETY: one pollfd that lives, and one live slice.
        unsafe {
            if libc::poll(&raw mut ask, 1, 0) == 1 {
                libc::write(fd.as_raw_fd(), text.as_ptr().cast(), text.len());
            }
        }
    }
}

/// Writes a text to a standard descriptor, 1 or 2, waiting for room; what cannot be written is lost. For what is printed
/// before an init has begun.
pub fn print(fd: i32, text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        // SAFETY: the pointer and the length are those of one live slice.
        let written = unsafe { libc::write(fd, rest.as_ptr().cast(), rest.len()) };
        match usize::try_from(written) {
            Ok(count) if count > 0 => rest = rest.get(count..).unwrap_or_default(),
            Err(_) if Errno::last() == Errno::EINTR => {}
            _ => return,
        }
    }
}
