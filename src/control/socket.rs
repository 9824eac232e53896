//! Where the control socket is, and how it gets there.
//!
//! The setting `socket` names it, or says `none`. Otherwise it is in the first of a few places that can be written, and clients
//! look in the same places. The socket itself may be connected to by anybody: who may do what is decided by the peer's
//! credentials.

use crate::model::Socket;
use crate::sys::error_text;
use nix::unistd::Uid;
use std::ffi::OsString;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// The name of the socket in its directory.
const NAME: &str = "control.sock";

/// The usual places for the socket of a supervisor that runs as `uid`, best first.
#[must_use]
pub fn usual(uid: u32, variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    directories(uid, variable).into_iter().map(|directory| directory.join(NAME)).collect()
}

/// The directories of a supervisor that runs as `uid`, best first.
#[must_use]
pub fn directories(uid: u32, variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let runtime = variable("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let directories = [
        Some("/run/foster".into()),
        runtime.map(|path| path.join("foster")),
        Some(PathBuf::from(format!("/tmp/foster-{uid}"))),
    ];
    directories.into_iter().flatten().collect()
}

/// Where a client that was told nothing looks for the socket: the usual places, also those of a supervisor that is PID 1
/// and runs as another user. One below /tmp counts only where it is that user's own, so that nobody poses as it.
#[must_use]
pub fn search(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let own = Uid::effective().as_raw();
    let init = std::fs::metadata("/proc/1").map_or(own, |process| process.uid());
    let mut places = Vec::new();
    for uid in [own, init] {
        for place in usual(uid, &variable) {
            let shared = place.starts_with("/tmp");
            let trusted = !shared || place.parent().is_some_and(|parent| check_owner(parent, uid).is_ok());
            if trusted && !places.contains(&place) {
                places.push(place);
            }
        }
    }
    places
}

/// A socket that listens.
#[derive(Debug)]
pub struct Bound {
    /// Where.
    pub path: PathBuf,
    /// Device and inode, to know it again.
    identity: (u64, u64),
}

impl Bound {
    /// Removes it, if it is still this one that is there.
    pub fn remove(&self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Why there is no socket at one place.
#[derive(Debug)]
pub struct NotBound {
    /// Where.
    pub path: PathBuf,
    /// Why.
    pub cause: io::Error,
}

impl std::fmt::Display for NotBound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path.display(), error_text(&self.cause))
    }
}

/// Makes the socket in the first of these places where that is possible; the places before it, with the reasons, are in
/// the list. Its directory is made, if that is missing. `usual`: nobody named the place, so below /tmp, where anybody may
/// make a directory, it has to be this user's.
///
/// A socket that nobody listens to any more is replaced; one with somebody behind it is left alone. Inside the runtime only.
pub async fn bind(places: &[PathBuf], usual: bool) -> (Option<(UnixListener, Bound)>, Vec<NotBound>) {
    let mut failed = Vec::new();
    for path in places {
        match bind_at(path, usual).await {
            Ok(bound) => return (Some(bound), failed),
            Err(cause) => failed.push(NotBound { path: path.clone(), cause }),
        }
    }
    (None, failed)
}

async fn bind_at(path: &Path, usual: bool) -> io::Result<(UnixListener, Bound)> {
    prepare(path, usual)?;
    if path.symlink_metadata().is_ok() {
        check_stale(path).await?;
    }
    let listener = listen(path)?;
    listener.set_nonblocking(true)?;
    let bound = Bound { path: path.to_owned(), identity: identity(path)? };
    Ok((listener, bound))
}

/// Makes the directory of a socket. `usual`: see [`bind`].
///
/// # Errors
/// It cannot be made, is not to be trusted, or the path is too long.
pub fn prepare(path: &Path, usual: bool) -> io::Result<()> {
    // Longer ones give an error that does not say so.
    if path.as_os_str().len() > Socket::LONGEST {
        return Err(other(format!("a path of a socket has at most {} bytes", Socket::LONGEST)));
    }
    if let Some(directory) = path.parent() {
        make_directory(directory)?;
        if usual && directory.starts_with("/tmp") {
            check_owner(directory, Uid::effective().as_raw())?;
        }
    }
    Ok(())
}

/// Makes it, and those above that are missing: an image FROM scratch has no /run either. Everybody may pass through,
/// whatever umask this process was given.
fn make_directory(directory: &Path) -> io::Result<()> {
    // On a read-only file system the error would be that even for one that exists.
    if directory.is_dir() || directory.as_os_str().is_empty() {
        return Ok(());
    }
    directory.parent().map_or(Ok(()), make_directory)?;
    match std::fs::create_dir(directory) {
        Ok(()) => std::fs::set_permissions(directory, Permissions::from_mode(0o755)),
        // Somebody else was faster.
        Err(_) if directory.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(nix::errno::Errno::ENOTDIR.into()),
        Err(error) => Err(error),
    }
}

/// Anybody may make a directory in /tmp, or a link.
fn check_owner(directory: &Path, uid: u32) -> io::Result<()> {
    let found = directory.symlink_metadata()?;
    if !found.is_dir() {
        return Err(other("it is no directory".to_owned()));
    }
    if found.uid() != uid || found.mode() & 0o022 != 0 {
        return Err(other(format!("it can be written by others than user {uid}")));
    }
    Ok(())
}

/// Makes the socket under another name and moves it: who sees it finds somebody who listens.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    if fresh.len() > Socket::LONGEST {
        let _ = std::fs::remove_file(path);
        return bind_for_all(path);
    }
    // Nobody else has this pid, so what is there is left over.
    let _ = std::fs::remove_file(&fresh);
    let listener = bind_for_all(Path::new(&fresh))?;
    std::fs::rename(&fresh, path).inspect_err(|_| drop(std::fs::remove_file(&fresh)))?;
    Ok(listener)
}

/// Who may connect does not depend on the umask that this process was given.
fn bind_for_all(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Whether what is there was left by a supervisor that did not end in order.
///
/// # Errors
/// It was not, and is to be left alone.
async fn check_stale(path: &Path) -> io::Result<()> {
    if !path.symlink_metadata()?.file_type().is_socket() {
        return Err(other("something else than a socket is there".to_owned()));
    }
    // Of the runtime, for it does not wait where the queue of the other side is full.
    match tokio::net::UnixStream::connect(path).await {
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => {
            Ok(())
        }
        _ => Err(other("another supervisor answers there".to_owned())),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    path.symlink_metadata().map(|found| (found.dev(), found.ino()))
}

fn other(text: String) -> io::Error {
    io::Error::other(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn bind_now(path: &Path) -> Result<(UnixListener, Bound), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let (bound, mut failed) = runtime.block_on(bind(&[path.to_owned()], false));
        bound.ok_or_else(|| error_text(&failed.remove(0).cause))
    }

    #[test]
    fn the_usual_places_come_best_first() {
        let places = usual(7, |name| (name == "XDG_RUNTIME_DIR").then(|| "/run/user/7".into()));
        let expected =
            ["/run/foster/control.sock", "/run/user/7/foster/control.sock", "/tmp/foster-7/control.sock"];
        assert_eq!(places, expected.map(PathBuf::from));
        assert_eq!(usual(7, |_| Some("relative".into())).len(), 2, "a relative directory is nowhere");
    }

    #[test]
    fn anybody_may_connect_whatever_the_umask_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let _bound = bind_now(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o666);
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        drop(bind_now(&path).unwrap());
        assert!(path.exists(), "it was left behind");
        let (_listener, _) = bind_now(&path).unwrap();
        assert_eq!(bind_now(&path).unwrap_err(), "another supervisor answers there");
    }

    #[test]
    fn what_is_no_socket_is_never_removed() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("f"), directory.path().join("l"));
        std::fs::write(&file, "kept").unwrap();
        symlink(&file, &link).unwrap();
        for path in [&file, &link] {
            assert_eq!(bind_now(path).unwrap_err(), "something else than a socket is there");
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
    }

    #[test]
    fn a_socket_is_removed_only_while_it_is_the_own_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let (_listener, bound) = bind_now(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let (_other, newer) = bind_now(&path).unwrap();
        // An inode may come again, so the file is replaced by one that cannot be the same.
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        bound.remove();
        newer.remove();
        assert!(path.exists(), "somebody else's was removed");
    }

    #[test]
    fn errors_name_the_place_and_the_cause() {
        let directory = tempfile::tempdir().unwrap();
        let long = directory.path().join("x".repeat(Socket::LONGEST));
        assert_eq!(bind_now(&long).unwrap_err(), "a path of a socket has at most 107 bytes");
        std::fs::write(directory.path().join("file"), "").unwrap();
        assert_eq!(bind_now(&directory.path().join("file/new/s")).unwrap_err(), "Not a directory");
        assert!(bind_now(&directory.path().join("new/one/s")).is_ok(), "its directory is made");
    }

    #[test]
    fn a_directory_in_tmp_that_others_can_write_is_not_taken() {
        let directory = tempfile::tempdir().unwrap();
        let uid = Uid::effective().as_raw();
        assert!(check_owner(directory.path(), uid).is_ok());
        assert!(check_owner(directory.path(), uid + 1).is_err(), "another user's");
        let link = directory.path().join("link");
        symlink(directory.path(), &link).unwrap();
        assert_eq!(check_owner(&link, uid).unwrap_err().to_string(), "it is no directory");
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(check_owner(directory.path(), uid).is_err(), "anybody may write");
    }
}
