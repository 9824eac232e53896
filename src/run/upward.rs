//! Telling whoever started the supervisor how far it is, if that gave it a `NOTIFY_SOCKET`: systemd, podman with
//! `--sdnotify=container`, or another foster. See sd_notify(3).

use super::shell::Shell;
use crate::sys::notify::monotonic_usec;
use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Where to tell it, and what was told.
#[derive(Debug)]
pub(super) struct Upward {
    socket: UnixDatagram,
    to: SocketAddr,
    /// All was up once.
    ready: bool,
    reloading: bool,
    stopping: bool,
}

impl Upward {
    /// `None` if nobody wants to know, or cannot be told.
    pub(super) fn new(environment: &[(OsString, OsString)]) -> Option<Self> {
        let (_, address) = environment.iter().find(|(name, _)| name == "NOTIFY_SOCKET")?;
        match Self::open(address) {
            Ok((socket, to)) => Some(Self { socket, to, ready: false, reloading: false, stopping: false }),
            Err(error) => {
                tracing::debug!("cannot tell {} how far this is: {error}", address.to_string_lossy());
                None
            }
        }
    }

    fn open(address: &OsString) -> io::Result<(UnixDatagram, SocketAddr)> {
        let to = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(address)?,
            _ => return Err(io::Error::other("it is neither a path nor an abstract name")),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok((socket, to))
    }

    fn tell(&self, text: &str) {
        if let Err(error) = self.socket.send_to_addr(text.as_bytes(), &self.to) {
            tracing::debug!("cannot tell the NOTIFY_SOCKET that it was given {text:?}: {error}");
        }
    }
}

impl Shell {
    /// Tells, the first time, that all that is meant to be up is; and later that a new plan is on its way, or there.
    pub(super) fn tell_progress(&mut self) {
        let was_up = self.was_up();
        let Some(upward) = self.upward.as_mut().filter(|upward| !upward.stopping) else { return };
        if upward.ready {
            let reloading = self.applies.are_under_way();
            if std::mem::replace(&mut upward.reloading, reloading) != reloading {
                if reloading {
                    upward.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_usec()));
                } else {
                    upward.tell("READY=1");
                }
            }
            return;
        }
        if was_up {
            upward.ready = true;
            let count = self.plan.ids().filter(|id| self.core.svc(*id).target()).count();
            upward.tell(&format!("READY=1\nSTATUS=up: {count} services"));
        }
    }

    pub(super) fn tell_stopping(&mut self) {
        if let Some(upward) = self.upward.as_mut().filter(|upward| !upward.stopping) {
            upward.stopping = true;
            upward.tell("STOPPING=1\nSTATUS=stopping");
        }
    }
}
