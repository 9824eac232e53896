//! What PID 1 and the writing thread have in common: buffers on their way, and what is told of them.
//!
//! One lock, held for as long as it takes to move a few pointers, never while anybody writes, waits or logs.

use super::FileSpec;
use super::target::Target;
use crate::log::outlet::{LOW, Notice};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A buffer that waits is added to until it has so much; so few buffers are under way, however small the pieces.
const WHOLE: usize = 64 * 1024;
/// So many empty buffers are kept while there is much to write, of such capacities: a small one is soon made anew.
const SPARE: usize = 4;
const SPARE_SIZE: std::ops::RangeInclusive<usize> = 16 * 1024..=256 * 1024;

/// What both threads hold.
#[derive(Debug)]
pub(super) struct Room {
    desk: Mutex<Desk>,
    /// For the writing thread, which waits for work.
    work: Condvar,
    pub(super) bell: Bell,
}

#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) files: BTreeMap<u64, Mail>,
    pub(super) last_key: u64,
    /// Files with something to do, each once.
    ready: VecDeque<u64>,
    /// Empty buffers to be used again.
    pub(super) spare: Vec<Vec<u8>>,
    /// Whether the thread lives. It leaves under the lock, so this is never out of date.
    pub(super) is_staffed: bool,
    is_asleep: bool,
    /// The file of which something is being compressed; it stays until that is over.
    pub(super) pressing: Option<u64>,
    /// What became of that.
    pub(super) pressed: Option<super::press::Pressed>,
}

/// What there is to do for one file.
#[derive(Debug)]
pub(super) struct Mail {
    pub(super) entry: Arc<Entry>,
    /// How many outlets there are.
    pub(super) handles: usize,
    /// How it is to be treated from now on.
    pub(super) spec: Option<FileSpec>,
    pub(super) reopen: bool,
    /// Handed over and not yet taken.
    pub(super) waiting: VecDeque<Vec<u8>>,
    /// It fails, and is tried again at this time.
    pub(super) retry: Option<Instant>,
    /// Some of what was put away may have to be compressed.
    pub(super) to_press: bool,
    is_ready: bool,
    /// None while the thread is at work on it, and before it was first.
    pub(super) target: Option<Box<Target>>,
}

impl Mail {
    pub(super) fn new(entry: Arc<Entry>, spec: FileSpec) -> Self {
        Self {
            entry,
            handles: 1,
            spec: Some(spec),
            reopen: false,
            waiting: VecDeque::new(),
            retry: None,
            to_press: true,
            is_ready: false,
            target: None,
        }
    }
}

impl Room {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { desk: Mutex::default(), work: Condvar::new(), bell: Bell::new()? })
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        // Nothing under the lock can panic half way, so a poisoned desk is as good as any.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of the desk, and wakes the thread if it sleeps. In this order, or it would wake up to wait for the desk.
    pub(super) fn release(&self, mut desk: MutexGuard<'_, Desk>) {
        let is_asleep = std::mem::take(&mut desk.is_asleep);
        drop(desk);
        if is_asleep {
            self.work.notify_one();
        }
    }

    /// Has the thread wait until there is something to do, or so long.
    pub(super) fn wait<'a>(
        &self,
        mut desk: MutexGuard<'a, Desk>,
        most: Option<Duration>,
    ) -> MutexGuard<'a, Desk> {
        desk.is_asleep = true;
        let mut desk = match most {
            None => self.work.wait(desk).unwrap_or_else(PoisonError::into_inner),
            Some(most) => self.work.wait_timeout(desk, most).unwrap_or_else(PoisonError::into_inner).0,
        };
        desk.is_asleep = false;
        desk
    }
}

impl Desk {
    /// There is something to do for this file.
    pub(super) fn call(&mut self, key: u64) {
        if let Some(mail) = self.files.get_mut(&key)
            && !mail.is_ready
        {
            mail.is_ready = true;
            self.ready.push_back(key);
        }
    }

    /// Takes a buffer, and leaves an empty one.
    pub(super) fn put(&mut self, key: u64, buffer: &mut Vec<u8>) {
        let Some(mail) = self.files.get_mut(&key) else { return buffer.clear() };
        match mail.waiting.back_mut() {
            Some(last) if last.len() < WHOLE => {
                last.extend_from_slice(buffer);
                buffer.clear();
            }
            _ => {
                let spare = self.spare.pop().unwrap_or_default();
                mail.waiting.push_back(std::mem::replace(buffer, spare));
            }
        }
        self.call(key);
    }

    /// Takes a buffer back that was written.
    pub(super) fn give_back(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < SPARE && SPARE_SIZE.contains(&buffer.capacity()) {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// The next file with something to do. One that fails is left alone until its time.
    pub(super) fn next(&mut self, now: Instant) -> Option<u64> {
        while let Some(key) = self.ready.pop_front() {
            let Some(mail) = self.files.get_mut(&key) else { continue };
            mail.is_ready = false;
            if mail.retry.is_none() || mail.handles == 0 {
                return Some(key);
            }
        }
        let due = |mail: &Mail| mail.retry.is_some_and(|at| at <= now);
        self.files.iter().find(|(_, mail)| due(mail)).map(|(key, _)| *key)
    }

    /// How long there is nothing to do.
    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        let first = self.files.values().filter_map(|mail| mail.retry).min();
        first.map(|at| at.saturating_duration_since(now))
    }
}

/// What is known of one file without the lock.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    /// Bytes handed over and not yet written.
    waiting: AtomicUsize,
    pub(super) failing: AtomicBool,
    /// At most one of each kind.
    notices: Mutex<VecDeque<Notice>>,
}

impl Entry {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            waiting: AtomicUsize::new(0),
            failing: AtomicBool::new(false),
            notices: Mutex::default(),
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    pub(super) fn add(&self, count: usize) {
        self.waiting.fetch_add(count, Ordering::SeqCst);
    }

    /// So much is written, or given up.
    pub(super) fn done(&self, count: usize, bell: &Bell) {
        let before = self.waiting.fetch_sub(count, Ordering::SeqCst);
        let after = before.saturating_sub(count);
        if before > LOW && after <= LOW || after == 0 && bell.is_hurried() {
            bell.ring();
        }
    }

    pub(super) fn tell(&self, notice: Notice, bell: &Bell) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = std::mem::discriminant(&notice);
        notices.retain(|earlier| std::mem::discriminant(earlier) != kind);
        notices.push_back(notice);
        drop(notices);
        bell.ring();
    }

    /// One at a time; it rings for those that follow.
    pub(super) fn take_notice(&self, bell: &Bell) -> Option<Notice> {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        let notice = notices.pop_front();
        if !notices.is_empty() {
            bell.ring();
        }
        notice
    }
}

/// Wakes PID 1; see eventfd(2).
#[derive(Debug)]
pub(super) struct Bell {
    fd: EventFd,
    has_rung: AtomicBool,
    hurried: AtomicBool,
}

impl Bell {
    fn new() -> io::Result<Self> {
        let fd = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self { fd, has_rung: AtomicBool::new(false), hurried: AtomicBool::new(false) })
    }

    fn ring(&self) {
        if !self.has_rung.swap(true, Ordering::SeqCst) {
            // It fails only at a count that nobody reaches.
            let _ = self.fd.write(1);
        }
    }

    pub(super) fn hurry(&self) {
        self.hurried.store(true, Ordering::SeqCst);
    }

    fn is_hurried(&self) -> bool {
        self.hurried.load(Ordering::SeqCst)
    }

    pub(super) fn rang(&self) {
        self.has_rung.store(false, Ordering::SeqCst);
        let _ = self.fd.read();
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
