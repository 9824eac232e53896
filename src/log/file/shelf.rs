//! The names of what was put away: PATH.1 is the newest, each may have `.gz` behind it.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// PATH.n, or PATH.n.gz.
fn numbered(base: &Path, number: u32, pressed: bool) -> PathBuf {
    let mut name = OsString::from(base);
    name.push(format!(".{number}{}", if pressed { ".gz" } else { "" }));
    PathBuf::from(name)
}

/// Where something is compressed to before it gets its name.
pub(super) fn temporary(base: &Path) -> PathBuf {
    let mut name = OsString::from(base);
    name.push(".gz.tmp");
    PathBuf::from(name)
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn is_taken(base: &Path, number: u32) -> bool {
    exists(&numbered(base, number, false)) || exists(&numbered(base, number, true))
}

/// What is there is the aim; that it was gone already is no error.
fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn remove(base: &Path, number: u32) -> io::Result<()> {
    gone(fs::remove_file(numbered(base, number, false)))?;
    gone(fs::remove_file(numbered(base, number, true)))
}

/// Puts a file away as PATH.1, and moves what was there up to the first number that is free. What has no number up to
/// `keep` any more is removed. When it fails, nothing is lost: the file still has its name, and there may be a gap.
///
/// # Errors
/// As rename(2) and unlink(2): the directory cannot be written to.
pub(super) fn put_away(base: &Path, keep: u32) -> io::Result<()> {
    trim(base, keep)?;
    if keep == 0 {
        return gone(fs::remove_file(base));
    }
    let mut free = 1;
    while free < keep && is_taken(base, free) {
        free += 1;
    }
    // The last number may be taken; nothing was lost yet if this is the first that fails.
    remove(base, free)?;
    for number in (1..free).rev() {
        for pressed in [false, true] {
            gone(fs::rename(numbered(base, number, pressed), numbered(base, number + 1, pressed)))?;
        }
    }
    gone(fs::rename(base, numbered(base, 1, false)))
}

/// Removes what is left of a time when more were kept. It stops at the first gap: a number that does not follow is
/// not ours, but a date perhaps.
fn trim(base: &Path, keep: u32) -> io::Result<()> {
    let mut number = keep.saturating_add(1);
    while is_taken(base, number) {
        remove(base, number)?;
        number = number.saturating_add(1);
    }
    Ok(())
}

/// Clears up after an end in the middle of a compression: the half-made file, and an original whose compressed twin
/// has its name already. Only what cannot be anything else is removed.
pub(super) fn clear_up(base: &Path, keep: u32) {
    // What cannot be removed now is in nobody's way.
    let _ = fs::remove_file(temporary(base));
    let _ = trim(base, keep);
    for number in 1..=keep {
        let (plain, pressed) = (numbered(base, number, false), numbered(base, number, true));
        match (fs::symlink_metadata(&plain), unpressed_size(&pressed)) {
            (Err(_), Err(_)) if !exists(&pressed) => return,
            // gzip says the size modulo 2^32, RFC 1952.
            (Ok(plain_data), Ok(size)) if plain_data.len() as u32 == size => {
                let _ = fs::remove_file(&plain);
            }
            _ => {}
        }
    }
}

/// What the end of a gzip file says of the size of its content.
fn unpressed_size(path: &Path) -> io::Result<u32> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-4))?;
    let mut size = [0; 4];
    file.read_exact(&mut size)?;
    Ok(u32::from_le_bytes(size))
}

/// The newest that is not compressed.
pub(super) fn newest_plain(base: &Path, keep: u32) -> Option<PathBuf> {
    for number in 1..=keep {
        let path = numbered(base, number, false);
        match fs::symlink_metadata(&path) {
            Ok(data) if data.is_file() && !exists(&numbered(base, number, true)) => return Some(path),
            Ok(_) => {}
            Err(_) if !exists(&numbered(base, number, true)) => return None,
            Err(_) => {}
        }
    }
    None
}

/// The compressed form of a file, which may have moved on, takes its place. When the file is gone, it goes too.
///
/// # Errors
/// As rename(2).
pub(super) fn replace(base: &Path, keep: u32, source: &Metadata, pressed: &Path) -> io::Result<()> {
    for number in 1..=keep {
        let plain = numbered(base, number, false);
        match fs::symlink_metadata(&plain) {
            Ok(found) if (found.dev(), found.ino()) == (source.dev(), source.ino()) => {
                fs::rename(pressed, numbered(base, number, true))?;
                return gone(fs::remove_file(plain));
            }
            Err(_) if !exists(&numbered(base, number, true)) => break,
            _ => {}
        }
    }
    gone(fs::remove_file(pressed))
}
