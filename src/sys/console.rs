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
