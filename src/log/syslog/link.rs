//! The way to a syslog server: a socket of one of four kinds, none of which ever waits.

use crate::model::SyslogAddress;
use crate::sys::connect;
use crate::sys::console::send_nowait;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

/// The send buffer of a connection. The kernel doubles it; so all that is under way stays below [`LOW`](crate::log::LOW)
/// and alone never makes services wait.
const QUEUE: usize = 32 * 1024;
/// A peer that acknowledges nothing for so long is gone, or as good as gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most that is read of what a server says, which no protocol lets it, before it is sent something.
const CHATTER: usize = 4096;

/// An open socket.
#[derive(Debug)]
pub(super) enum Link {
    /// RFC 6587, octet counting.
    Tcp(TcpStream),
    /// RFC 5426.
    Udp(UdpSocket),
    Datagrams(UnixDatagram),
    /// RFC 6587, each message with a newline at its end: what reads streams at /dev/log knows no other way.
    Lines(UnixStream),
}

impl Link {
    /// Begins to connect. Only a connection over TCP may be under way for a while; see [`Link::is_up`].
    pub(super) fn open(address: &SyslogAddress) -> io::Result<Self> {
        Ok(match address {
            SyslogAddress::Tcp(to) => {
                let stream = connect::begin(*to)?;
                connect::keep_short(&stream, QUEUE, PATIENCE);
                Self::Tcp(stream)
            }
            SyslogAddress::Udp(to) => {
                let any = match to {
                    SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
                    SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
                };
                let socket = UdpSocket::bind(any)?;
                socket.set_nonblocking(true)?;
                socket.connect(to)?;
                Self::Udp(socket)
            }
            SyslogAddress::Unix(path) => match connect::unix_datagram(path) {
                Err(error) if error.raw_os_error() == Some(libc::EPROTOTYPE) => {
                    Self::Lines(connect::unix_stream(path)?)
                }
                other => Self::Datagrams(other?),
            },
        })
    }

    /// Whether messages can be sent by now.
    ///
    /// # Errors
    /// The connection came to nothing.
    pub(super) fn is_up(&self) -> io::Result<bool> {
        match self {
            Self::Tcp(stream) => connect::connected(stream),
            Self::Udp(_) | Self::Datagrams(_) | Self::Lines(_) => Ok(true),
        }
    }

    /// Whether the server is still there, as far as is known. A server that ended is not asked again: what is sent to it
    /// would be lost.
    pub(super) fn check(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => heard(stream),
            Self::Lines(stream) => heard(stream),
            Self::Udp(socket) => socket.take_error()?.map_or(Ok(()), Err),
            Self::Datagrams(_) => Ok(()),
        }
    }

    /// Sends what goes now of these bytes: frames over TCP, else one message, of which `part` bytes went already. Gives how
    /// many; in lines the newline counts too.
    pub(super) fn send(&mut self, bytes: &[u8], part: usize) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => Ok(send_nowait(stream.as_fd(), bytes)?),
            Self::Udp(socket) => socket.send(bytes),
            Self::Datagrams(socket) => Ok(send_nowait(socket.as_fd(), bytes)?),
            Self::Lines(stream) => {
                let rest = bytes.get(part..).unwrap_or_default();
                stream.write_vectored(&[IoSlice::new(rest), IoSlice::new(b"\n")])
            }
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Udp(socket) => socket.as_fd(),
            Self::Datagrams(socket) => socket.as_fd(),
            Self::Lines(stream) => stream.as_fd(),
        }
    }
}

/// Reads what the server says, which nobody wants to know; its end is what matters.
fn heard(stream: &mut impl Read) -> io::Result<()> {
    match stream.read(&mut [0; CHATTER]) {
        Ok(0) => Err(io::Error::from_raw_os_error(libc::ECONNRESET)),
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
        Err(error) => Err(error),
    }
}
