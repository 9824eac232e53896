//! Reading small files in PID 1: never more than asked for, and never a wait for somebody who writes.

use super::errno_text;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};
use std::ffi::OsStr;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// Number of errno(3).
    pub errno: i32,
    text: String,
}

impl FileError {
    fn new(errno: i32, text: &str) -> Self {
        Self { errno, text: text.to_owned() }
    }
}

impl From<std::io::Error> for FileError {
    fn from(error: std::io::Error) -> Self {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        Self::new(errno, errno_text(errno))
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for FileError {}

/// Opens a regular file for reading; a FIFO, socket or device is refused before anything could wait for it.
fn open_regular(path: &OsStr) -> Result<File, FileError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC)
        .open(Path::new(path))?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(FileError::new(libc::EISDIR, "it is a directory"));
    }
    if !kind.is_file() {
        return Err(FileError::new(libc::EINVAL, "it is not a regular file"));
    }
    Ok(file)
}

/// Why this process cannot write to a file or directory that exists; `None` if it can. See access(2).
#[must_use]
pub fn not_writable(path: &Path) -> Option<&'static str> {
    let result = faccessat(AT_FDCWD, path, AccessFlags::W_OK, AtFlags::AT_EACCESS);
    result.err().map(|errno| errno_text(errno as i32))
}

/// The whole content of a regular file of at most `limit` bytes.
///
/// # Errors
/// It cannot be opened or read, is not a regular file, or is larger (`EFBIG`).
pub fn read_bounded(path: impl AsRef<OsStr>, limit: usize) -> Result<Vec<u8>, FileError> {
    let content = read_start(path, limit.saturating_add(1))?;
    if content.len() > limit {
        let size =
            if limit < 1 << 20 { format!("{} KiB", limit >> 10) } else { format!("{} MiB", limit >> 20) };
        return Err(FileError::new(libc::EFBIG, &format!("it is larger than {size}")));
    }
    Ok(content)
}

/// The first `limit` bytes of a regular file, or all of it when it is shorter.
///
/// # Errors
/// It cannot be opened or read, or is not a regular file.
pub(super) fn read_start(path: impl AsRef<OsStr>, limit: usize) -> Result<Vec<u8>, FileError> {
    let mut content = Vec::new();
    open_regular(path.as_ref())?.take(limit as u64).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_limit_and_refused_beyond_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read_bounded(&path, 5), Ok(b"12345".to_vec()));
        assert_eq!(read_bounded(&path, 4).map_err(|e| e.errno), Err(libc::EFBIG));
        assert_eq!(read_start(&path, 2), Ok(b"12".to_vec()));
    }

    #[test]
    fn a_fifo_and_a_directory_are_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(read_bounded(&fifo, 10).unwrap_err().to_string(), "it is not a regular file");
        assert_eq!(read_bounded(dir.path(), 10).unwrap_err().to_string(), "it is a directory");
    }
}
