//! Where the socket for notifications is: beside the control socket, for its path reaches into other network namespaces too;
//! or without a path, where none is to be had.

use crate::control::socket;
use crate::model::{Settings, Socket};
use crate::sys::error_text;
use crate::sys::listen::answers;
use crate::sys::notify::{Mailbox, queue_length};
use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

const NAME: &str = "notify";

/// The socket that services write to.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) mailbox: Mailbox,
    /// What `NOTIFY_SOCKET` says: a path, or a name behind an `@`.
    pub(super) address: String,
    /// How many datagrams wait in it at most.
    pub(super) depth: usize,
    path: Option<(PathBuf, u64)>,
}

impl Post {
    /// Makes the socket in the first place where that is possible.
    ///
    /// # Errors
    /// It is possible nowhere: why not.
    pub(super) fn open(settings: &Settings, environment: &[(OsString, OsString)]) -> Result<Self, String> {
        // One more may be under way while the queue is full.
        let depth = queue_length().saturating_add(2);
        for path in places(settings, environment) {
            match at(&path) {
                Ok(mailbox) => {
                    let inode = path.symlink_metadata().map_or(0, |found| found.ino());
                    let address = path.to_string_lossy().into_owned();
                    return Ok(Self { mailbox, address, depth, path: Some((path, inode)) });
                }
                Err(error) => {
                    tracing::debug!(
                        "no socket for notifications at {}: {}",
                        path.display(),
                        error_text(&error)
                    );
                }
            }
        }
        // Whoever knows the name can write; the name is only for those who are told.
        let name = format!("foster/{:016x}{:016x}", random(), random());
        let mailbox = Mailbox::at_name(&name).map_err(|error| error_text(&error))?;
        Ok(Self { mailbox, address: format!("@{name}"), depth, path: None })
    }

    pub(super) fn close(self) {
        if let Some((path, inode)) = self.path
            && path.symlink_metadata().is_ok_and(|found| found.ino() == inode)
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn random() -> u64 {
    RandomState::new().hash_one(NAME)
}

/// Paths that services can reach, whoever they run as.
fn places(settings: &Settings, environment: &[(OsString, OsString)]) -> Vec<PathBuf> {
    let variable =
        |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let uid = nix::unistd::Uid::effective().as_raw();
    let mut places = Vec::new();
    if let Socket::Path(path) = &settings.socket {
        places.extend(Path::new(path).parent().map(|directory| directory.join(NAME)));
    }
    places.extend(socket::directories(uid, variable).into_iter().map(|directory| directory.join(NAME)));
    places
}

fn at(path: &Path) -> io::Result<Mailbox> {
    socket::prepare(path, true)?;
    if nix::unistd::Uid::effective().is_root() && !is_open(path) {
        return Err(io::Error::other("other users cannot reach it"));
    }
    match Mailbox::at_path(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let known = path.symlink_metadata()?.file_type().is_socket();
            if !known || answers(path, true)? {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            Mailbox::at_path(path)
        }
        made => made,
    }
}

/// Whether everybody may go through all directories above.
fn is_open(path: &Path) -> bool {
    path.ancestors()
        .skip(1)
        .all(|directory| directory.metadata().is_ok_and(|found| found.mode() & 0o001 != 0))
}
