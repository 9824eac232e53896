//! Log files, written by a thread of their own.
//!
//! A write to a file can wait for a disk, for a server, for ever. So PID 1 hands over whole buffers (`desk`), and one
//! thread for all files writes them (`thread`); it is started for the first file and ends after the last. Where a
//! file is put away is decided between two lines (`target`), the names PATH.1, PATH.2 … are those of `shelf`, and
//! what was put away is compressed by another, short-lived thread of low priority (`press`), one file at a time.
//!
//! How much waits for each file is known at any time, so a slow disk pushes back as a slow console does. What moved is
//! told through one descriptor for the epoll; a thread with nothing to do waits without a timeout.

mod desk;
mod press;
mod shelf;
mod target;
mod thread;

use super::outlet::{Notice, Outlet, Progress};
use super::{HIGH, Stream};
use crate::model::LogFile;
use crate::sys::error_text;
use desk::{Entry, Mail, Room};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// When so much is in a buffer of ours, [`FileOutlet::buffer`] hands it over by itself.
const BATCH: usize = HIGH / 4;
/// What the stack of the writing thread can grow to.
const STACK: usize = 128 << 10;

/// One log file: where it is and when it is put away. See [`LogFile`] for the meaning of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSpec {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// The most that it has, in bytes, before it is put away.
    pub max_size: Option<u64>,
    /// How old its first line may be.
    pub max_age: Option<Duration>,
    /// How many that were put away are kept.
    pub keep: u32,
    /// Whether those are compressed.
    pub compress: bool,
    /// The permissions of a new file.
    pub mode: u32,
}

impl FileSpec {
    /// The file that a stream goes to.
    #[must_use]
    pub fn of(file: &LogFile, stream: Stream) -> Self {
        let path = match (&file.stderr_path, stream) {
            (Some(path), Stream::Err) => path,
            _ => &file.path,
        };
        Self {
            path: PathBuf::from(path),
            max_size: file.max_size,
            max_age: file.max_age,
            keep: file.keep,
            compress: file.compress,
            mode: file.mode,
        }
    }
}

/// All log files. Nothing is started before the first [`Files::open`].
#[derive(Debug, Default)]
pub struct Files {
    room: Option<Arc<Room>>,
}

impl Files {
    /// No files yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Has a file opened (or made, with the directories that it is in). Whether that works is told by the outlet's
    /// notices. A path that is open already stays the same file, which is treated from now on as the newer wants it.
    ///
    /// # Errors
    /// No thread or no descriptor is to be had (`EAGAIN`, `EMFILE`).
    pub fn open(&mut self, spec: FileSpec) -> io::Result<FileOutlet> {
        let room = match &self.room {
            Some(room) => Arc::clone(room),
            None => Arc::clone(self.room.insert(Arc::new(Room::new()?))),
        };
        let mut desk = room.desk();
        if !desk.is_staffed {
            let theirs = Arc::clone(&room);
            let started = crate::sys::thread::start("foster-log", STACK, move || thread::run(&theirs));
            // With its errno alone it would seem to be the file that is refused.
            started.map_err(|error| {
                io::Error::other(format!("no thread is to be had: {}", error_text(&error)))
            })?;
            desk.is_staffed = true;
        }
        let known = desk.files.iter_mut().find(|(_, mail)| mail.entry.path == spec.path);
        let (key, entry) = match known {
            Some((key, mail)) => {
                mail.handles += 1;
                mail.spec = Some(spec);
                (*key, Arc::clone(&mail.entry))
            }
            None => {
                desk.last_key += 1;
                let entry = Arc::new(Entry::new(spec.path.clone()));
                let key = desk.last_key;
                desk.files.insert(key, Mail::new(Arc::clone(&entry), spec));
                (key, entry)
            }
        };
        desk.call(key);
        room.release(desk);
        Ok(FileOutlet { room, key, entry, buffer: Vec::new() })
    }

    /// Readable when an outlet has to tell something: a notice, that so little waits that more can be added, or, after
    /// [`Files::hurry`], that nothing waits any more. None before the first file.
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.room.as_ref().map(|room| room.bell.as_fd())
    }

    /// From now on it is told of each file when nothing waits for it any more: somebody waits for the end.
    pub fn hurry(&self) {
        if let Some(room) = &self.room {
            room.bell.hurry();
        }
    }

    /// Takes the event of [`Files::fd`] away. The outlets are to be looked at after that, not before.
    pub fn rang(&self) {
        if let Some(room) = &self.room {
            room.bell.rang();
        }
    }

    /// Whether no file is open any more and the thread is gone.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.room.as_ref().is_none_or(|room| !room.desk().is_staffed)
    }

    /// Has all files opened anew, between two lines: their paths may name others now.
    pub fn reopen(&self) {
        let Some(room) = &self.room else { return };
        let mut desk = room.desk();
        let keys: Vec<_> = desk.files.keys().copied().collect();
        for key in keys {
            if let Some(mail) = desk.files.get_mut(&key) {
                mail.reopen = true;
                mail.retry = None;
            }
            desk.call(key);
        }
        room.release(desk);
    }
}

/// The way to a file. When it is dropped, what waits is still written, unless the file fails; with the last of a path
/// the file is closed.
#[derive(Debug)]
pub struct FileOutlet {
    room: Arc<Room>,
    key: u64,
    entry: Arc<Entry>,
    buffer: Vec<u8>,
}

impl FileOutlet {
    fn hand_over(&mut self) {
        if !self.buffer.is_empty() {
            let mut desk = self.room.desk();
            self.entry.add(self.buffer.len());
            desk.put(self.key, &mut self.buffer);
            self.room.release(desk);
        }
    }
}

impl Outlet for FileOutlet {
    fn buffer(&mut self) -> &mut Vec<u8> {
        if self.buffer.len() >= BATCH {
            self.hand_over();
        }
        &mut self.buffer
    }

    fn pending(&self) -> usize {
        self.buffer.len() + self.entry.waiting()
    }

    /// Nothing is left behind, unless so much is under way that it is full.
    fn flush(&mut self) -> Progress {
        self.hand_over();
        if self.is_full() { Progress::Stalled } else { Progress::Empty }
    }

    /// None: its owner hears of it through [`Files::fd`].
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn is_failing(&self) -> bool {
        self.entry.failing.load(Ordering::SeqCst)
    }

    fn take_notice(&mut self) -> Option<Notice> {
        self.entry.take_notice(&self.room.bell)
    }
}

impl Drop for FileOutlet {
    fn drop(&mut self) {
        self.hand_over();
        let mut desk = self.room.desk();
        if let Some(mail) = desk.files.get_mut(&self.key) {
            mail.handles = mail.handles.saturating_sub(1);
        }
        desk.call(self.key);
        self.room.release(desk);
    }
}
