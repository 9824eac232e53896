//! Connections that are made without waiting, see connect(2).

use super::errno;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

/// Begins a connection. It never waits: until the socket is writable the connection may still be under way, which
/// [`connected`] tells.
///
/// # Errors
/// What is known at once: `ECONNREFUSED`, `ENETUNREACH`, `EMFILE` and the like.
pub fn begin(to: SocketAddr) -> io::Result<TcpStream> {
    // SAFETY: zero is a valid sockaddr_storage, which is large enough for either family.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let at = &raw mut storage;
    let (family, length) = match to {
        SocketAddr::V4(to) => {
            let address = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: to.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(to.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: it fits, and the storage is aligned for it.
            unsafe { at.cast::<libc::sockaddr_in>().write(address) };
            (libc::AF_INET, size_of::<libc::sockaddr_in>())
        }
        SocketAddr::V6(to) => {
            let address = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: to.port().to_be(),
                sin6_flowinfo: to.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: to.ip().octets() },
                sin6_scope_id: to.scope_id(),
            };
            // SAFETY: it fits, and the storage is aligned for it.
            unsafe { at.cast::<libc::sockaddr_in6>().write(address) };
            (libc::AF_INET6, size_of::<libc::sockaddr_in6>())
        }
    };
    let socket = socket(family, libc::SOCK_STREAM)?;
    match connect(&socket, at.cast(), length) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => return Err(error),
    }
    Ok(socket.into())
}

/// Whether a connection that was begun is there by now.
///
/// # Errors
/// It came to nothing.
pub fn connected(stream: &TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(peer) => {
            // A socket that connects to a free port of its own machine may be given that very port, and so reaches itself.
            if stream.local_addr()? == peer {
                reset(stream);
                return Err(io::Error::from_raw_os_error(libc::ECONNREFUSED));
            }
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}

/// Closing it will leave nothing behind that holds the port.
fn reset(stream: &TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let (value, length) = ((&raw const linger).cast(), size_of::<libc::linger>() as libc::socklen_t);
    // SAFETY: the option is read during the call.
    unsafe { libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, value, length) };
}

/// Has a connection hold little that its peer has not acknowledged, send at once what it is given, and break after so long
/// without any acknowledgement; see `TCP_USER_TIMEOUT` in tcp(7).
pub fn keep_short(stream: &TcpStream, queue: usize, patience: Duration) {
    let set = |level, option, value: libc::c_int| {
        let (value, length) = ((&raw const value).cast(), size_of::<libc::c_int>() as libc::socklen_t);
        // SAFETY: the option is read during the call. Where it is refused, the usual value is good enough.
        unsafe { libc::setsockopt(stream.as_raw_fd(), level, option, value, length) };
    };
    set(libc::SOL_SOCKET, libc::SO_SNDBUF, libc::c_int::try_from(queue).unwrap_or(libc::c_int::MAX));
    let patience = libc::c_int::try_from(patience.as_millis()).unwrap_or(libc::c_int::MAX);
    set(libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, patience);
    let _ = stream.set_nodelay(true);
}

/// How many bytes that were sent the peer has not acknowledged, also of a connection that is broken; see `SIOCOUTQ` in
/// tcp(7).
#[must_use]
pub fn unacknowledged(stream: &TcpStream) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: TIOCOUTQ, which is SIOCOUTQ, stores one int at the address given, which is that of a live one.
    let done = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    if done == 0 { usize::try_from(count).unwrap_or(0) } else { 0 }
}

/// Connects to a Unix stream socket and gives the connection up again: a path, or `@name` in the abstract namespace.
///
/// # Errors
/// `ENOENT`, `ECONNREFUSED`; `EAGAIN` when the queue of those who wait to be accepted is full.
pub fn try_unix(path: &str) -> io::Result<()> {
    unix(path, libc::SOCK_STREAM).map(drop)
}

/// A connection to a Unix stream socket, as [`try_unix`], that never waits.
///
/// # Errors
/// As there, and `EPROTOTYPE` when it is a socket for datagrams.
pub fn unix_stream(path: &str) -> io::Result<UnixStream> {
    unix(path, libc::SOCK_STREAM).map(UnixStream::from)
}

/// A socket whose datagrams go to a Unix socket, as [`try_unix`], that never waits.
///
/// # Errors
/// `ENOENT`, `ECONNREFUSED`, and `EPROTOTYPE` when it is a socket for streams.
pub fn unix_datagram(path: &str) -> io::Result<UnixDatagram> {
    unix(path, libc::SOCK_DGRAM).map(UnixDatagram::from)
}

fn unix(path: &str, kind: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: zero is a valid sockaddr_un.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let is_abstract = path.starts_with('@');
    // A path ends with a NUL, which has to fit too.
    let room = address.sun_path.len() - usize::from(!is_abstract);
    if path.len() > room {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    for (to, from) in address.sun_path.iter_mut().zip(path.bytes()) {
        *to = from as libc::c_char;
    }
    if is_abstract && let Some(first) = address.sun_path.first_mut() {
        *first = 0;
    }
    let length = std::mem::offset_of!(libc::sockaddr_un, sun_path) + path.len() + usize::from(!is_abstract);
    let socket = socket(libc::AF_UNIX, kind)?;
    connect(&socket, (&raw const address).cast(), length)?;
    Ok(socket)
}

fn socket(family: libc::c_int, kind: libc::c_int) -> io::Result<OwnedFd> {
    let kind = kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: numbers only.
    match unsafe { libc::socket(family, kind, 0) } {
        -1 => Err(io::Error::from_raw_os_error(errno())),
        // SAFETY: a new descriptor that nothing else owns.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}

fn connect(socket: &OwnedFd, address: *const libc::sockaddr, length: usize) -> io::Result<()> {
    // SAFETY: the callers give an address of their own and its length.
    match unsafe { libc::connect(socket.as_raw_fd(), address, length as libc::socklen_t) } {
        0 => Ok(()),
        _ => Err(io::Error::from_raw_os_error(errno())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::net::TcpListener;
    use std::os::fd::AsFd;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener};

    /// What comes of a connection.
    fn outcome(to: SocketAddr) -> io::Result<TcpStream> {
        let stream = begin(to)?;
        let mut fd = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
        assert_ne!(poll(&mut fd, PollTimeout::from(20_000u16)), Ok(0), "nothing comes of it");
        connected(&stream).map(|done| {
            assert!(done, "writable, and not connected");
            stream
        })
    }

    #[test]
    fn a_connection_is_made_to_who_listens_and_refused_by_nobody() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let at = listener.local_addr().unwrap();
            assert_eq!(outcome(at).unwrap().peer_addr().unwrap(), at);
            drop(listener);
            assert_eq!(outcome(at).unwrap_err().raw_os_error(), Some(libc::ECONNREFUSED));
        }
    }

    #[test]
    fn nobody_is_reached_by_reaching_oneself() {
        // Bound to the very port that it connects to, as chance would have it sooner or later.
        let socket = socket(libc::AF_INET, libc::SOCK_STREAM).unwrap();
        let any = TcpListener::bind("127.0.0.1:0").unwrap();
        let SocketAddr::V4(at) = any.local_addr().unwrap() else { return };
        drop(any);
        // SAFETY: zero is a valid sockaddr_in.
        let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
        address.sin_family = libc::AF_INET as libc::sa_family_t;
        address.sin_port = at.port().to_be();
        address.sin_addr.s_addr = u32::from_ne_bytes(at.ip().octets());
        let (raw, length) = ((&raw const address).cast(), size_of::<libc::sockaddr_in>());
        // SAFETY: an address of our own and its length.
        assert_eq!(unsafe { libc::bind(socket.as_raw_fd(), raw, length as libc::socklen_t) }, 0);
        let _ = connect(&socket, raw, length);
        assert_eq!(connected(&socket.into()).unwrap_err().raw_os_error(), Some(libc::ECONNREFUSED));
        TcpListener::bind(at).unwrap();
    }

    #[test]
    fn unix_sockets_are_tried_by_path_and_by_abstract_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let path = path.to_str().unwrap();
        let errno = |path: &str| try_unix(path).unwrap_err().raw_os_error();
        assert_eq!(errno(path), Some(libc::ENOENT));
        let listener = UnixListener::bind(path).unwrap();
        try_unix(path).unwrap();
        drop(listener);
        assert_eq!(errno(path), Some(libc::ECONNREFUSED));

        let name = format!("@foster-test-{}", std::process::id());
        assert_eq!(errno(&name), Some(libc::ECONNREFUSED));
        let address = UnixAddress::from_abstract_name(&name[1..]).unwrap();
        let _listener = UnixListener::bind_addr(&address).unwrap();
        try_unix(&name).unwrap();
        assert_eq!(errno(&format!("/{}", "x".repeat(200))), Some(libc::ENAMETOOLONG));
    }
}
