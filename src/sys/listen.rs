//! Sockets that are made before who listens on them: see socket(7), and `[[socket]]`.
//!
//! They are close-on-exec and blocking, as a program that inherits one expects it. Nothing here ever accepts or reads.

use super::users::Database;
use super::{errno, errno_text, error_text, fds};
use crate::model::{Listen, Listener, Socket};
use std::io;
use std::mem::size_of;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net as unix;
use std::path::{Path, PathBuf};

/// A socket that is bound, and listens if it is of a kind that does.
#[derive(Debug)]
pub struct Bound {
    /// The socket.
    pub fd: OwnedFd,
    /// Where it is in the file system, with device and inode.
    path: Option<(PathBuf, (u64, u64))>,
}

/// What went wrong: number of errno(3), 0 if it is none, and the sentence.
#[derive(Debug)]
pub struct NotBound {
    /// Number of errno(3), or 0.
    pub errno: i32,
    /// `cannot listen on 0.0.0.0:80: Address already in use`
    pub what: String,
}

impl Bound {
    /// Closes it, and removes its path if it is still this one that is there.
    pub fn close(self) {
        if let Some((path, known)) = &self.path
            && identity(path).is_ok_and(|found| found == *known)
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl AsFd for Bound {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Makes the socket. A path that nobody answers at any more is replaced; one with somebody behind it, or something else
/// than a socket, is left alone.
///
/// # Errors
/// It cannot be made or bound, or its owner is unknown.
pub fn listen(listener: &Listener) -> Result<Bound, NotBound> {
    let made = match &listener.listen {
        Listen::Tcp(address) => everywhere(address, libc::SOCK_STREAM, listener),
        Listen::Udp(address) => everywhere(address, libc::SOCK_DGRAM, listener),
        Listen::Unix(path) => local(path, libc::SOCK_STREAM, listener),
        Listen::UnixDatagram(path) => local(path, libc::SOCK_DGRAM, listener),
    };
    made.map_err(|error| {
        let errno = error.raw_os_error().unwrap_or(0);
        let why = match (errno, &listener.listen) {
            (libc::EACCES, Listen::Tcp(address) | Listen::Udp(address)) if address.port() < 1024 => {
                "only root, or who has CAP_NET_BIND_SERVICE, takes a port below 1024".to_owned()
            }
            (0, _) => error_text(&error),
            (errno, _) => errno_text(errno).to_owned(),
        };
        NotBound { errno, what: format!("cannot listen on {}: {why}", listener.listen) }
    })
}

fn socket(family: libc::c_int, kind: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: numbers only.
    match unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) } {
        -1 => Err(io::Error::from_raw_os_error(errno())),
        // SAFETY: a new descriptor that nothing else owns. It may be one of 0 to 2 only if those were closed.
        fd => fds::lift(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}

/// Sets an option of a socket that is a number.
pub(super) fn set_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: a pointer to a local of the size that is said.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(errno())) }
}

fn start(socket: &OwnedFd, kind: libc::c_int, backlog: u32) -> io::Result<()> {
    if kind != libc::SOCK_STREAM {
        return Ok(());
    }
    let backlog = libc::c_int::try_from(backlog).unwrap_or(libc::c_int::MAX);
    // SAFETY: numbers only.
    match unsafe { libc::listen(socket.as_raw_fd(), backlog) } {
        0 => Ok(()),
        _ => Err(io::Error::from_raw_os_error(errno())),
    }
}

/// Where there is no IPv6, `[::]` is every address of IPv4.
fn everywhere(address: &SocketAddr, kind: libc::c_int, listener: &Listener) -> io::Result<Bound> {
    let made = internet(address, kind, listener);
    match (made.as_ref().map_err(io::Error::raw_os_error), address) {
        (Err(Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)), SocketAddr::V6(v6))
            if v6.ip().is_unspecified() =>
        {
            internet(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, v6.port())), kind, listener)
        }
        _ => made,
    }
}

fn internet(address: &SocketAddr, kind: libc::c_int, listener: &Listener) -> io::Result<Bound> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let fd = socket(family, kind)?;
    if kind == libc::SOCK_STREAM {
        // A connection of before that is still being closed is no reason to wait.
        set_option(fd.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    }
    if listener.reuse_port {
        set_option(fd.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    }
    if let SocketAddr::V6(address) = address {
        // `[::]` is every address, those of IPv4 too, whatever the default of the system is.
        let only = libc::c_int::from(!address.ip().is_unspecified());
        set_option(fd.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, only)?;
    }
    let (storage, size) = raw_address(address);
    // SAFETY: an address of the size that is said.
    if unsafe { libc::bind(fd.as_raw_fd(), (&raw const storage).cast(), size) } != 0 {
        return Err(io::Error::from_raw_os_error(errno()));
    }
    start(&fd, kind, listener.backlog)?;
    Ok(Bound { fd, path: None })
}

fn raw_address(address: &SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: zero is a valid address of any family.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let size = match address {
        SocketAddr::V4(v4) => {
            let address = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: a sockaddr_storage has room, and the alignment, for every address.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in>().write(address) };
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(v6) => {
            let address = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: as above.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in6>().write(address) };
            size_of::<libc::sockaddr_in6>()
        }
    };
    (storage, size as libc::socklen_t)
}

fn local(path: &str, kind: libc::c_int, listener: &Listener) -> io::Result<Bound> {
    if let Some(name) = path.strip_prefix('@') {
        let fd = bind_local(&unix::SocketAddr::from_abstract_name(name)?, kind)?;
        start(&fd, kind, listener.backlog)?;
        return Ok(Bound { fd, path: None });
    }
    if path.len() > Socket::LONGEST {
        return Err(io::Error::other(format!("a path of a socket has at most {} bytes", Socket::LONGEST)));
    }
    let path = Path::new(path);
    // Before anything is done: an unknown owner leaves what is there as it is.
    let (user, group) = owner(listener)?;
    if let Some(directory) = path.parent().filter(|directory| !directory.is_dir()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
    }
    if path.symlink_metadata().is_ok() {
        check_stale(path, kind)?;
        std::fs::remove_file(path)?;
    }
    let fd = bind_local(&unix::SocketAddr::from_pathname(path)?, kind)?;
    let bound = Bound { fd, path: identity(path).ok().map(|identity| (path.to_owned(), identity)) };
    // Nobody can connect before it listens, so nobody gets in by a mode that it has only meanwhile.
    let dressed = (|| {
        if user.is_some() || group.is_some() {
            std::os::unix::fs::chown(path, user, group)?;
        }
        std::fs::set_permissions(path, PermissionsExt::from_mode(listener.mode.unwrap_or(0o666)))?;
        start(&bound.fd, kind, listener.backlog)
    })();
    match dressed {
        Ok(()) => Ok(bound),
        Err(error) => {
            bound.close();
            Err(error)
        }
    }
}

fn owner(listener: &Listener) -> io::Result<(Option<u32>, Option<u32>)> {
    let database = Database::default();
    let unknown = |kind: &str, name: &str, error: &dyn std::fmt::Display| {
        io::Error::other(format!("{kind} `{name}`: {error}"))
    };
    let account = match &listener.user {
        Some(user) => Some(database.user(user).map_err(|error| unknown("user", user, &error))?),
        None => None,
    };
    let group = match &listener.group {
        Some(group) => Some(database.group(group).map_err(|error| unknown("group", group, &error))?),
        None => account.as_ref().map(|account| account.gid),
    };
    Ok((account.map(|account| account.uid), group))
}

/// # Errors
/// It is not a socket that nobody is behind.
fn check_stale(path: &Path, kind: libc::c_int) -> io::Result<()> {
    if !path.symlink_metadata()?.file_type().is_socket() {
        return Err(io::Error::other("something else than a socket is there"));
    }
    if answers(path, kind == libc::SOCK_DGRAM)? {
        Err(io::Error::from_raw_os_error(libc::EADDRINUSE))
    } else {
        Ok(())
    }
}

/// Whether somebody is behind a socket, of datagrams or of streams. Never waits.
///
/// # Errors
/// There is no descriptor to try it with.
pub fn answers(path: &Path, datagrams: bool) -> io::Result<bool> {
    let kind = if datagrams { libc::SOCK_DGRAM } else { libc::SOCK_STREAM };
    let probe = socket(libc::AF_UNIX, kind | libc::SOCK_NONBLOCK)?;
    let address = unix::SocketAddr::from_pathname(path)?;
    let connected = with_raw(&address, |address, size| {
        // SAFETY: an address of the size that is said.
        unsafe { libc::connect(probe.as_raw_fd(), address, size) }
    });
    // EAGAIN: the queue is full. EPROTOTYPE: it is of the other kind. EACCES: who knows.
    Ok(connected == 0 || !matches!(errno(), libc::ECONNREFUSED | libc::ENOENT))
}

fn bind_local(address: &unix::SocketAddr, kind: libc::c_int) -> io::Result<OwnedFd> {
    let fd = socket(libc::AF_UNIX, kind)?;
    let bound = with_raw(address, |address, size| {
        // SAFETY: an address of the size that is said.
        unsafe { libc::bind(fd.as_raw_fd(), address, size) }
    });
    if bound == 0 { Ok(fd) } else { Err(io::Error::from_raw_os_error(errno())) }
}

/// Hands on an address as the kernel wants it.
fn with_raw<T>(
    address: &unix::SocketAddr,
    call: impl FnOnce(*const libc::sockaddr, libc::socklen_t) -> T,
) -> T {
    // SAFETY: zero is a valid address.
    let mut raw: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    raw.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let (bytes, from) = match (address.as_pathname(), address.as_abstract_name()) {
        (Some(path), _) => (path.as_os_str().as_encoded_bytes(), 0),
        (None, Some(name)) => (name, 1),
        (None, None) => (&[][..], 0),
    };
    for (to, byte) in raw.sun_path.iter_mut().skip(from).zip(bytes) {
        *to = *byte as libc::c_char;
    }
    // A path has a NUL at its end; a name of the abstract namespace has one before it, and no other.
    let size = std::mem::offset_of!(libc::sockaddr_un, sun_path) + bytes.len() + 1;
    call((&raw const raw).cast(), size.min(size_of::<libc::sockaddr_un>()) as libc::socklen_t)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    path.symlink_metadata().map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    fn on(listen: Listen) -> Listener {
        Listener {
            name: "x".into(),
            listen,
            mode: None,
            user: None,
            group: None,
            backlog: 8,
            reuse_port: false,
        }
    }

    fn bound(wanted: &Listener) -> Bound {
        listen(wanted).unwrap_or_else(|error| unreachable!("{}", error.what))
    }

    #[test]
    fn a_client_is_served_that_came_before_the_server() {
        let made = bound(&on(Listen::Tcp("127.0.0.1:0".parse().unwrap())));
        let listener = TcpListener::from(made.fd.try_clone().unwrap());
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(b"hi").unwrap();
        let mut text = [0; 2];
        listener.accept().unwrap().0.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"hi");
        let taken = listen(&on(Listen::Tcp(listener.local_addr().unwrap()))).unwrap_err();
        let expected = format!("cannot listen on {}: Address already in use", listener.local_addr().unwrap());
        assert_eq!((taken.errno, taken.what), (libc::EADDRINUSE, expected));
    }

    #[test]
    fn every_address_of_both_families_is_one_socket() {
        let Ok(made) = listen(&on(Listen::Tcp("[::]:0".parse().unwrap()))) else { return };
        let port = TcpListener::from(made.fd).local_addr().map(|address| (address.port(), address.is_ipv6()));
        assert!(matches!(port, Ok((1.., true))));
        let made = bound(&on(Listen::Udp("127.0.0.1:0".parse().unwrap())));
        let receiver = UdpSocket::from(made.fd);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"x", receiver.local_addr().unwrap()).unwrap();
        assert_eq!(receiver.recv(&mut [0; 4]).unwrap(), 1);
    }

    #[test]
    fn a_path_has_its_mode_is_replaced_when_stale_and_goes_with_its_socket() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/s");
        let text = path.to_str().unwrap().to_owned();
        let mut wanted = on(Listen::Unix(text.clone()));
        wanted.mode = Some(0o600);
        let made = bound(&wanted);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(UnixStream::connect(&path).is_ok());
        let taken = listen(&wanted).unwrap_err();
        assert_eq!(taken.what, format!("cannot listen on {text}: Address already in use"));
        drop(made);
        let again = bound(&wanted);
        again.close();
        assert!(!path.exists(), "it is left behind");
        drop(UnixListener::bind(&path).unwrap());
        let datagrams = bound(&on(Listen::UnixDatagram(text)));
        assert!(UnixDatagram::unbound().unwrap().send_to(b"x", &path).is_ok());
        datagrams.close();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_socket_is_never_removed_and_an_owner_has_to_exist() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        std::fs::write(&path, "kept").unwrap();
        let mut wanted = on(Listen::Unix(path.to_str().unwrap().to_owned()));
        assert!(listen(&wanted).unwrap_err().what.ends_with("something else than a socket is there"));
        wanted.user = Some("no such user".into());
        assert!(listen(&wanted).unwrap_err().what.ends_with("user `no such user`: not in /etc/passwd"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept");
    }

    #[test]
    fn an_abstract_name_is_a_socket_too() {
        let name = format!("@foster-listen-{}", std::process::id());
        let _made = bound(&on(Listen::Unix(name.clone())));
        let address = unix::SocketAddr::from_abstract_name(name.trim_start_matches('@')).unwrap();
        assert!(UnixStream::connect_addr(&address).is_ok());
        assert_eq!(listen(&on(Listen::Unix(name))).unwrap_err().errno, libc::EADDRINUSE);
    }
}
