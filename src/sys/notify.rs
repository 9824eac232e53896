//! The socket on which services say things of themselves: datagrams with the credentials of their sender, see sd_notify(3)
//! and unix(7).

use super::{Pid, errno};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

/// Descriptors that one datagram can carry at most: `SCM_MAX_FD`.
const MOST: usize = 253;

/// A socket that receives. It never waits.
#[derive(Debug)]
pub struct Mailbox(UnixDatagram);

/// One datagram.
#[derive(Debug)]
pub struct Letter {
    /// Who sent it, as the kernel says; 0 if it is nobody of this namespace. Only a privileged process can name another.
    pub pid: Pid,
    /// As whom.
    pub uid: u32,
    /// Bytes of it in the buffer.
    pub length: usize,
    /// It was longer than the buffer, or descriptors of it are lost; those that came are closed already.
    pub truncated: bool,
    /// What it carries, close-on-exec.
    pub fds: Vec<Parcel>,
}

/// A descriptor that somebody sent. Closing it never waits for a peer, as a socket may be set to do (`SO_LINGER`).
#[derive(Debug)]
pub struct Parcel(OwnedFd);

impl AsFd for Parcel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        let mut linger = libc::linger { l_onoff: 0, l_linger: 0 };
        let mut size = size_of::<libc::linger>() as libc::socklen_t;
        let (fd, level, option) = (self.0.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER);
        // SAFETY: pointers to locals of the size that is said. What is no socket refuses both.
        unsafe {
            let got = libc::getsockopt(fd, level, option, (&raw mut linger).cast(), &raw mut size);
            if got == 0 && linger.l_onoff != 0 {
                linger.l_onoff = 0;
                libc::setsockopt(fd, level, option, (&raw const linger).cast(), size);
            }
        }
    }
}

impl Mailbox {
    /// A socket at a path where nothing is, for everybody to write to.
    ///
    /// # Errors
    /// `EADDRINUSE`: something is there. Or it cannot be made.
    pub fn at_path(path: &Path) -> io::Result<Self> {
        let bound = Self::at(&SocketAddr::from_pathname(path)?)?;
        // Not left to the umask that this process was given.
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        std::fs::set_permissions(path, everybody).inspect_err(|_| drop(std::fs::remove_file(path)))?;
        Ok(bound)
    }

    /// A socket in the abstract namespace.
    ///
    /// # Errors
    /// As for [`Mailbox::at_path`].
    pub fn at_name(name: &str) -> io::Result<Self> {
        Self::at(&SocketAddr::from_abstract_name(name)?)
    }

    fn at(address: &SocketAddr) -> io::Result<Self> {
        let socket = UnixDatagram::bind_addr(address)?;
        socket.set_nonblocking(true)?;
        // Before anybody has its address: what was sent without could not be attributed.
        super::listen::set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_PASSCRED, 1)?;
        Ok(Self(socket))
    }

    /// Takes the next datagram; `None` when there is none. What of it does not fit in `buffer` is lost.
    pub fn receive(&self, buffer: &mut [u8]) -> Option<Letter> {
        let mut control = Control([0; CONTROL]);
        let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
        loop {
            // SAFETY: zero is a valid msghdr: no name, no parts.
            let mut header: libc::msghdr = unsafe { zeroed() };
            header.msg_iov = &raw mut part;
            header.msg_iovlen = 1;
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = CONTROL as _;
            // SAFETY: the header is to live locals of the sizes that it says.
            let length = unsafe { libc::recvmsg(self.0.as_raw_fd(), &raw mut header, flags) };
            return match usize::try_from(length) {
                Ok(length) => Some(open(&header, length)),
                Err(_) if errno() == libc::EINTR => continue,
                // EAGAIN. Anything else is of this datagram, which is gone then.
                Err(_) => None,
            };
        }
    }
}

impl AsFd for Mailbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

const CONTROL: usize = {
    // SAFETY: arithmetic.
    let (one, other) = unsafe {
        (
            libc::CMSG_SPACE(size_of::<libc::ucred>() as u32),
            libc::CMSG_SPACE((MOST * size_of::<libc::c_int>()) as u32),
        )
    };
    (one + other) as usize
};

#[repr(C, align(16))]
struct Control([u8; CONTROL]);

/// What lies beside the text. Every descriptor that came is owned from here on, whatever becomes of the datagram.
fn open(header: &libc::msghdr, length: usize) -> Letter {
    let (mut pid, mut uid, mut fds) = (0, u32::MAX, Vec::new());
    // SAFETY: the kernel has filled the header; the macros stay inside of it.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !next.is_null() {
        // SAFETY: not null, so a whole header of a message inside of the buffer.
        let (level, kind, size, data) = unsafe {
            let found = &*next;
            (found.cmsg_level, found.cmsg_type, found.cmsg_len as usize, libc::CMSG_DATA(next))
        };
        // SAFETY: arithmetic.
        let size = size.saturating_sub(unsafe { libc::CMSG_LEN(0) } as usize);
        if (level, kind) == (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) && size >= size_of::<libc::ucred>() {
            // SAFETY: the message holds one, not necessarily aligned.
            let from = unsafe { data.cast::<libc::ucred>().read_unaligned() };
            (pid, uid) = (from.pid, from.uid);
        } else if (level, kind) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            for index in 0..size / size_of::<libc::c_int>() {
                // SAFETY: the message holds so many new descriptors that nothing else owns.
                let fd = unsafe { data.cast::<libc::c_int>().add(index).read_unaligned() };
                // SAFETY: as above.
                fds.push(Parcel(unsafe { OwnedFd::from_raw_fd(fd) }));
            }
        }
        // SAFETY: as above.
        next = unsafe { libc::CMSG_NXTHDR(header, next) };
    }
    let truncated = header.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0;
    if truncated {
        fds.clear();
    }
    Letter { pid, uid, length, truncated, fds }
}

/// How many datagrams a socket holds that is made now; who sends one more waits.
#[must_use]
pub fn queue_length() -> usize {
    let text = super::files::read_start("/proc/sys/net/unix/max_dgram_qlen", 32).unwrap_or_default();
    std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(512)
}

/// The time of CLOCK_MONOTONIC in microseconds, as `MONOTONIC_USEC` has it.
#[must_use]
pub fn monotonic_usec() -> u64 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
        .map_or(0, |t| i128::from(t.tv_sec()) * 1_000_000 + i128::from(t.tv_nsec()) / 1000);
    u64::try_from(time).unwrap_or(0)
}

/// Whether two descriptors are of the same open file, as far as the kernel tells.
#[must_use]
pub fn is_same_file(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    let pid = std::process::id();
    let (a, b) = (one.as_raw_fd(), other.as_raw_fd());
    const KCMP_FILE: libc::c_int = 0;
    // SAFETY: numbers only.
    match unsafe {
        libc::syscall(libc::SYS_kcmp, pid, pid, KCMP_FILE, a as libc::c_ulong, b as libc::c_ulong)
    } {
        0 => true,
        1.. => false,
        // Not compiled into the kernel, or forbidden.
        _ => match (nix::sys::stat::fstat(one), nix::sys::stat::fstat(other)) {
            (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
            _ => false,
        },
    }
}

/// A descriptor of a process that becomes readable when it ends.
///
/// # Errors
/// `ESRCH`: there is none. `ENOSYS`: before Linux 5.3.
pub fn watch_process(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: numbers only.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    match libc::c_int::try_from(fd) {
        // SAFETY: a new descriptor that nothing else owns.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::from_raw_os_error(errno())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn mailbox() -> (Mailbox, UnixDatagram, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let mailbox = Mailbox::at_path(&path).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect(&path).unwrap();
        (mailbox, sender, directory)
    }

    /// Sends `fds` with one byte.
    fn send(socket: &UnixDatagram, fds: &[libc::c_int]) {
        let mut control = vec![0u64; 256];
        let mut byte = *b"x";
        let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
        // SAFETY: a header to live locals, and room for so many descriptors.
        unsafe {
            let mut header: libc::msghdr = zeroed();
            header.msg_iov = &raw mut part;
            header.msg_iovlen = 1;
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = libc::CMSG_SPACE(size_of_val(fds) as u32) as _;
            let message = libc::CMSG_FIRSTHDR(&raw const header);
            (*message).cmsg_level = libc::SOL_SOCKET;
            (*message).cmsg_type = libc::SCM_RIGHTS;
            (*message).cmsg_len = libc::CMSG_LEN(size_of_val(fds) as u32) as _;
            std::ptr::copy_nonoverlapping(fds.as_ptr(), libc::CMSG_DATA(message).cast(), fds.len());
            assert_eq!(libc::sendmsg(socket.as_raw_fd(), &raw const header, 0), 1);
        }
    }

    #[test]
    fn a_letter_says_who_sent_it() {
        let (mailbox, sender, directory) = mailbox();
        assert!(mailbox.receive(&mut [0; 8]).is_none());
        sender.send(b"hello").unwrap();
        let mut buffer = [0; 8];
        let letter = mailbox.receive(&mut buffer).unwrap();
        assert_eq!((letter.pid, letter.length, letter.truncated), (std::process::id() as Pid, 5, false));
        assert_eq!(&buffer[..5], b"hello");
        assert_eq!(letter.uid, nix::unistd::getuid().as_raw());
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &directory.path().join("s").metadata().unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o666);
        sender.send(&[0; 9]).unwrap();
        assert!(mailbox.receive(&mut buffer).unwrap().truncated);
        sender.send(b"").unwrap();
        assert_eq!(mailbox.receive(&mut buffer).unwrap().length, 0);
    }

    #[test]
    fn as_many_descriptors_as_can_come_are_taken_and_none_is_left_open() {
        let (mailbox, sender, _directory) = mailbox();
        let open = || std::fs::read_dir("/proc/self/fdinfo").unwrap().count();
        let before = open();
        for count in [1, MOST] {
            send(&sender, &vec![0; count]);
            let letter = mailbox.receive(&mut [0; 8]).unwrap();
            assert_eq!((letter.fds.len(), letter.truncated), (count, false));
            // SAFETY: an open descriptor.
            assert_eq!(
                unsafe { libc::fcntl(letter.fds[0].as_fd().as_raw_fd(), libc::F_GETFD) },
                libc::FD_CLOEXEC
            );
        }
        send(&sender, &[0; 3]);
        drop(mailbox.receive(&mut []));
        // Other tests of this process open and close theirs meanwhile.
        assert!(open() < before + MOST, "they are still open");
    }

    #[test]
    fn the_same_file_is_known_again() {
        let one = std::fs::File::open("/dev/null").unwrap();
        let (copy, other) = (one.try_clone().unwrap(), std::fs::File::open("/proc/self/stat").unwrap());
        assert!(is_same_file(one.as_fd(), copy.as_fd()));
        assert!(!is_same_file(one.as_fd(), other.as_fd()));
    }

    #[test]
    fn an_abstract_name_is_taken_once() {
        let name = format!("foster-test-{}", std::process::id());
        let _mailbox = Mailbox::at_name(&name).unwrap();
        assert_eq!(Mailbox::at_name(&name).unwrap_err().raw_os_error(), Some(libc::EADDRINUSE));
    }
}
