//! One file that is written to: opened, looked after, and put away between two lines.

use super::FileSpec;
use super::shelf;
use crate::sys::error_text;
use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How often it is looked whether the path still names the file, when much is written.
const LOOK: Duration = Duration::from_secs(1);
/// How long after a failure to put the file away that is tried again.
const PATIENCE: Duration = Duration::from_secs(1);
/// A line that is longer than this, and than the file may be, is cut: the disk is not infinite.
const ENDLESS: u64 = 1 << 20;

/// A log file, and what is still to be written to it.
#[derive(Debug)]
pub(super) struct Target {
    spec: FileSpec,
    open: Option<Open>,
    /// What is to be written, and how much of the first is.
    pub(super) backlog: VecDeque<Vec<u8>>,
    done: usize,
    /// How much of the line under way is written.
    line: u64,
    looked: Option<Instant>,
    reopen: bool,
    /// The last write failed, perhaps in the middle of a line.
    failed: bool,
    /// The file went away in the middle of a line.
    is_torn: bool,
    /// What an earlier life left half done has been seen to.
    is_clear: bool,
    /// It could not be put away, and is written to beyond its size until this.
    stays_until: Option<Instant>,
    was_put_away: bool,
    told: Option<String>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Where it is when all symbolic links are followed: a link stays where it is when the file is put away.
    place: PathBuf,
    id: (u64, u64),
    /// Whether it is a regular file. A device is only written to.
    regular: bool,
    size: u64,
    /// When its first line was written, as far as anybody knows.
    first: Option<SystemTime>,
}

impl Target {
    pub(super) fn new(spec: FileSpec) -> Self {
        Self {
            spec,
            open: None,
            backlog: VecDeque::new(),
            done: 0,
            line: 0,
            looked: None,
            reopen: false,
            failed: false,
            is_torn: false,
            is_clear: false,
            stays_until: None,
            was_put_away: false,
            told: None,
        }
    }

    /// From now on it is treated like this.
    pub(super) fn treat(&mut self, spec: FileSpec) {
        self.spec = spec;
    }

    /// It is opened anew before the next line.
    pub(super) fn reopen(&mut self) {
        self.reopen = true;
    }

    pub(super) fn take_told(&mut self) -> Option<String> {
        self.told.take()
    }

    pub(super) fn take_put_away(&mut self) -> bool {
        std::mem::take(&mut self.was_put_away)
    }

    /// Where files that were put away have to be compressed, and how many are kept.
    pub(super) fn wants_press(&self) -> Option<(PathBuf, u32)> {
        let open = self.open.as_ref().filter(|open| open.regular && self.spec.compress)?;
        Some((open.place.clone(), self.spec.keep))
    }

    /// Forgets what is to be written; gives how much that is.
    pub(super) fn give_up(&mut self) -> usize {
        self.done = 0;
        self.backlog.drain(..).map(|buffer| buffer.len()).sum()
    }

    /// Opens it where that is due, also when there is nothing to write.
    pub(super) fn begin(&mut self, now: Instant) -> io::Result<()> {
        let is_due = self.open.is_none() || self.reopen && self.line == 0;
        if is_due { self.look(now) } else { Ok(()) }
    }

    /// Writes the first buffer to its end; gives its length. None if there is none. After an error it goes on exactly
    /// where it stopped.
    pub(super) fn write_first(&mut self, now: Instant) -> io::Result<Option<usize>> {
        let Some(buffer) = self.backlog.pop_front() else { return Ok(None) };
        let result = self.write(&buffer, now);
        let count = buffer.len();
        self.backlog.push_front(buffer);
        self.failed = result.is_err();
        result?;
        self.done = 0;
        Ok(Some(count))
    }

    fn write(&mut self, buffer: &[u8], now: Instant) -> io::Result<()> {
        while self.done < buffer.len() {
            let is_due =
                self.reopen || self.looked.is_none_or(|at| now.saturating_duration_since(at) >= LOOK);
            if self.open.is_none() || self.failed || is_due && self.line == 0 {
                self.look(now)?;
                self.failed = false;
            }
            if std::mem::take(&mut self.is_torn) {
                // The line whose beginning is in another file comes whole, as far as it is still here.
                let written = buffer.get(..self.done).unwrap_or_default();
                self.done = memchr::memrchr(b'\n', written).map_or(0, |at| at + 1);
            }
            let rest = buffer.get(self.done..).unwrap_or_default();
            let count = self.part(rest, now);
            if count == 0 {
                self.put_away(now)?;
                continue;
            }
            let Some(open) = &mut self.open else { continue };
            let part = rest.get(..count).unwrap_or(rest);
            let count = match open.file.write(part) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if open.first.is_none() && self.spec.max_age.is_some() {
                open.first = Some(SystemTime::now());
            }
            open.size += count as u64;
            self.done += count;
            self.line = match memchr::memrchr(b'\n', part.get(..count).unwrap_or(part)) {
                Some(at) => (count - at - 1) as u64,
                None => self.line + count as u64,
            };
        }
        Ok(())
    }

    /// How much of this goes into the file as it is; 0: it is to be put away first.
    fn part(&self, rest: &[u8], now: Instant) -> usize {
        let Some(open) = self.open.as_ref().filter(|open| open.regular) else { return rest.len() };
        if self.stays_until.is_some_and(|until| now < until) {
            return rest.len();
        }
        let line_end = || memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let is_endless = self.line >= self.spec.max_size.unwrap_or(u64::MAX).max(ENDLESS);
        if self.reopen && self.line > 0 && !is_endless {
            return line_end();
        }
        if self.line == 0 && open.size > 0 && self.is_old(open) {
            return 0;
        }
        let room = self.spec.max_size.map_or(u64::MAX, |most| most.saturating_sub(open.size));
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        if rest.len() <= room {
            return rest.len();
        }
        if let Some(at) = memchr::memrchr(b'\n', rest.get(..room).unwrap_or(rest)) {
            return at + 1;
        }
        // The line under way ends here if it ends at all; a new one that is too long has a file of its own.
        let goes_elsewhere = self.line == 0 && open.size > 0;
        if goes_elsewhere || is_endless { 0 } else { line_end() }
    }

    fn is_old(&self, open: &Open) -> bool {
        let (Some(most), Some(first)) = (self.spec.max_age, open.first) else { return false };
        // A clock that was set back makes no file old.
        SystemTime::now().duration_since(first).is_ok_and(|age| age >= most)
    }

    /// Puts the file away and begins another. Where that fails, nothing is lost: the file is written to beyond its
    /// size, and people are told.
    fn put_away(&mut self, now: Instant) -> io::Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        // Another file may have the name meanwhile, and is not to be put away for this one.
        if fs::metadata(&open.place).is_ok_and(|found| id(&found) == open.id)
            && let Err(error) = shelf::put_away(&open.place, self.spec.keep)
        {
            if self.stays_until.is_none() {
                let (path, why) = (self.spec.path.display(), error_text(&error));
                self.told = Some(format!("cannot put {path} away: {why}; it is written to until that works"));
            }
            self.stays_until = Some(now + PATIENCE);
            return Ok(());
        }
        self.stays_until = None;
        self.was_put_away = true;
        self.open = None;
        self.line = 0;
        self.look(now)
    }

    /// Sees to it that the file is open, and is the one that the path names.
    fn look(&mut self, now: Instant) -> io::Result<()> {
        self.looked = Some(now);
        if let Some(open) = &mut self.open
            && !self.reopen
        {
            match fs::metadata(&self.spec.path) {
                Ok(found) if id(&found) == open.id => {
                    // Somebody may have cut it.
                    if found.len() < open.size {
                        open.first = None;
                    }
                    open.size = found.len();
                    return Ok(());
                }
                // The path is not to be seen now, which says nothing of the file.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
                _ => {}
            }
        }
        let before = self.open.take();
        let mut new = open(&self.spec)?;
        match before {
            Some(before) if before.id == new.id => new.first = before.first,
            _ => {
                new.end_line()?;
                self.is_torn |= self.line > 0;
                self.line = 0;
                if !self.is_clear {
                    shelf::clear_up(&new.place, self.spec.keep);
                    self.is_clear = true;
                }
            }
        }
        self.reopen = false;
        self.open = Some(new);
        Ok(())
    }
}

impl Open {
    /// A line that an earlier life left without an end gets one.
    fn end_line(&mut self) -> io::Result<()> {
        let Some(last) = self.size.checked_sub(1).filter(|_| self.regular) else { return Ok(()) };
        let mut byte = [b'\n'];
        // What cannot be read is believed to be whole.
        if self.file.read_exact_at(&mut byte, last).is_ok() && byte != [b'\n'] {
            self.file.write_all(b"\n")?;
            self.size += 1;
        }
        Ok(())
    }
}

/// Opens or makes it. What is no file is refused before it is touched: a FIFO would wait for a reader, and some devices
/// do something when they are opened.
fn open(spec: &FileSpec) -> io::Result<Open> {
    let path = spec.path.as_path();
    let file = match open_existing(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match create(path, spec.mode) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(directory) = path.parent() {
                    DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
                }
                create(path, spec.mode)?
            }
            other => other?,
        },
        other => other?,
    };
    let data = file.metadata()?;
    if data.file_type().is_char_device() && file.is_terminal() {
        return Err(refused("a terminal"));
    }
    let regular = data.is_file();
    // An old line is as old as the file, or as the last change if nobody knows when it was made.
    let first = (data.len() > 0).then(|| data.created().or_else(|_| data.modified()).ok()).flatten();
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    Ok(Open { file, place, id: id(&data), regular, size: data.len(), first })
}

fn open_existing(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(refused("a directory"));
    }
    if kind.is_fifo() {
        return Err(refused("a pipe"));
    }
    if kind.is_socket() {
        return Err(refused("a socket"));
    }
    if kind.is_block_device() {
        return Err(refused("a block device"));
    }
    // To be read as well, for its last byte; not everybody may.
    match options().read(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => options().open(path),
        other => other,
    }
}

fn create(path: &Path, mode: u32) -> io::Result<File> {
    let file = options().read(true).create(true).mode(mode).open(path)?;
    // The mode that is asked for, whatever the umask; some file systems know of none.
    let _ = file.set_permissions(Permissions::from_mode(mode));
    Ok(file)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC);
    options
}

fn refused(what: &str) -> io::Error {
    io::Error::other(format!("it is {what}, not a file"))
}

fn id(data: &Metadata) -> (u64, u64) {
    (data.dev(), data.ino())
}
