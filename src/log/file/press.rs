//! Compression of what was put away: gzip, RFC 1952.
//!
//! A thread of the lowest priority reads and compresses; the names are changed by the writing thread, which alone moves
//! files. Until then the result has a temporary name, and the original is there.

use super::shelf;
use crate::sys::thread;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{self, FileTimes, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const STACK: usize = 512 << 10;
const PIECE: usize = 64 << 10;

/// What a compression came to.
#[derive(Debug)]
pub(super) struct Pressed {
    base: PathBuf,
    keep: u32,
    /// The original.
    result: io::Result<Metadata>,
}

/// Begins to compress a file; `tell` is called in the thread that does it.
///
/// # Errors
/// No thread is to be had.
pub(super) fn begin(
    source: PathBuf,
    base: PathBuf,
    keep: u32,
    tell: impl FnOnce(Pressed) + Send + 'static,
) -> io::Result<()> {
    thread::start("foster-gzip", STACK, move || {
        thread::stand_back();
        let result = compress(&source, &shelf::temporary(&base));
        tell(Pressed { base, keep, result });
    })
}

impl Pressed {
    /// Gives the result its name, or removes what came of a failure.
    pub(super) fn finish(self) -> io::Result<()> {
        let temporary = shelf::temporary(&self.base);
        let done = self.result.and_then(|source| shelf::replace(&self.base, self.keep, &source, &temporary));
        if done.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        done
    }
}

/// Compresses a file into a new one, which is on its disk when this returns.
fn compress(source: &Path, into: &Path) -> io::Result<Metadata> {
    let mut from = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW)
        .open(source)?;
    let data = from.metadata()?;
    let to = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(data.mode() & 0o777)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW)
        .open(into)?;
    to.set_permissions(data.permissions())?;
    let mut gzip = GzEncoder::new(to, Compression::default());
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => gzip.write_all(piece.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let to = gzip.finish()?;
    // Its lines are as old as they were.
    if let Ok(modified) = data.modified() {
        let _ = to.set_times(FileTimes::new().set_modified(modified));
    }
    // The original goes only when this cannot be lost any more.
    to.sync_all()?;
    Ok(data)
}
