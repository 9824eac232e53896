//! Ready when a file is there that was not there before the start.
//!
//! inotify(7) on the directory of the file, or on the nearest one above it that exists, tells when to look; what it tells
//! does not matter. Where it is not to be had, the file is looked for every `ready.interval`.

use crate::model::Id;
use crate::run::shell::{FILES, Shell};
use crate::run::timers::Due;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Directories may come and go while they are looked for; so often that is followed.
const ATTEMPTS: usize = 8;
const SHORTEST: Duration = Duration::from_millis(10);

/// The files that services wait for.
#[derive(Debug, Default)]
pub(in crate::run) struct Files {
    /// While there are any.
    inotify: Option<Inotify>,
    awaited: BTreeMap<Id, Awaited>,
}

#[derive(Debug)]
struct Awaited {
    path: PathBuf,
    /// What was there before the start.
    before: Option<Identity>,
    /// Its program runs, so that it may be ready.
    runs: bool,
    watch: Option<WatchDescriptor>,
}

/// Which file it is, and which content: two lives of one file differ in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

impl Identity {
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        let changed = (found.ctime(), found.ctime_nsec());
        Some(Self { device: found.dev(), inode: found.ino(), changed })
    }
}

impl Awaited {
    fn is_there(&self) -> bool {
        let now = Identity::of(&self.path);
        now.is_some() && now != self.before
    }
}

impl Files {
    /// Takes the events away.
    pub(in crate::run) fn read(&self) {
        if let Some(inotify) = &self.inotify {
            let mut events = [0; 4096];
            let _ = nix::unistd::read(inotify, &mut events);
        }
    }

    /// The services that wait for one.
    pub(in crate::run) fn waiting(&self) -> Vec<Id> {
        self.awaited.keys().copied().collect()
    }

    /// Has the kernel tell of changes in the nearest directory that there is.
    fn watch(&mut self, id: Id, epoll: &Epoll) -> nix::Result<()> {
        let Some(awaited) = self.awaited.get(&id) else { return Ok(()) };
        let inotify = match &self.inotify {
            Some(inotify) => inotify,
            None => {
                let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
                epoll.add(&inotify, EpollEvent::new(EpollFlags::EPOLLIN, FILES))?;
                self.inotify.insert(inotify)
            }
        };
        let watch = nearest(inotify, &awaited.path)?;
        let former = self.awaited.get_mut(&id).and_then(|awaited| awaited.watch.replace(watch));
        self.drop_watch(former.filter(|former| *former != watch));
        Ok(())
    }

    fn drop_watch(&self, watch: Option<WatchDescriptor>) {
        if let (Some(watch), Some(inotify)) = (watch, &self.inotify)
            && !self.awaited.values().any(|awaited| awaited.watch == Some(watch))
        {
            // The directory may have gone, and the watch with it.
            let _ = inotify.rm_watch(watch);
        }
    }

    fn forget(&mut self, id: Id, epoll: &Epoll) -> bool {
        let Some(awaited) = self.awaited.remove(&id) else { return false };
        self.drop_watch(awaited.watch);
        if self.awaited.is_empty()
            && let Some(inotify) = self.inotify.take()
        {
            let _ = epoll.delete(&inotify);
        }
        true
    }
}

/// Watches the nearest directory above `path` that exists.
fn nearest(inotify: &Inotify, path: &Path) -> nix::Result<WatchDescriptor> {
    let mask = AddWatchFlags::IN_ONLYDIR
        | AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_MODIFY
        | AddWatchFlags::IN_CLOSE_WRITE
        | AddWatchFlags::IN_ATTRIB
        | AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_MOVE_SELF;
    let mut last = Err(Errno::ENOENT);
    for _ in 0..ATTEMPTS {
        let mut below: Option<&Path> = None;
        for directory in path.ancestors().skip(1) {
            last = inotify.add_watch(directory, mask);
            match last {
                Err(Errno::ENOENT | Errno::ENOTDIR) => below = Some(directory),
                _ => break,
            }
        }
        // It may have come between the two looks, which nobody would tell.
        if last.is_err() || !below.is_some_and(Path::is_dir) {
            break;
        }
    }
    last
}

impl Shell {
    pub(super) fn expect_file(&mut self, id: Id, path: PathBuf) {
        let before = Identity::of(&path);
        self.expect_no_file(id);
        self.files.awaited.insert(id, Awaited { path, before, runs: false, watch: None });
        self.look_for_file(id);
    }

    pub(super) fn file_may_come(&mut self, id: Id) {
        if let Some(awaited) = self.files.awaited.get_mut(&id) {
            awaited.runs = true;
            self.look_for_file(id);
        }
    }

    pub(super) fn expect_no_file(&mut self, id: Id) {
        if self.files.forget(id, &self.epoll) {
            self.timers.disarm(Due::File(id));
        }
    }

    /// Whether it is there; if not, when to look again.
    pub(in crate::run) fn look_for_file(&mut self, id: Id) {
        // First the watch: what comes after it is told.
        let watched = self.files.watch(id, &self.epoll);
        let Some(awaited) = self.files.awaited.get(&id) else { return };
        if awaited.runs && awaited.is_there() {
            self.expect_no_file(id);
            return self.sign_came(id);
        }
        // What a symbolic link names may come to be in another directory.
        let elsewhere = || std::fs::symlink_metadata(&awaited.path).is_ok_and(|found| found.is_symlink());
        if watched.is_err() || elsewhere() {
            let interval = self.plan.service(id).ready.interval.max(SHORTEST);
            if let (Err(errno), false) = (watched, awaited.runs) {
                let path = awaited.path.display();
                tracing::debug!("{}: cannot watch for {path}: {errno}; looking now and then", self.name(id));
            }
            self.timers.arm(Due::File(id), interval);
        }
    }

    /// Something has changed in a directory.
    pub(in crate::run) fn look_for_files(&mut self) {
        self.files.read();
        for id in self.files.waiting() {
            self.look_for_file(id);
        }
    }

    pub(super) fn missing_file(&self, id: Id, path: &str) -> String {
        let is_old = self.files.awaited.get(&id).is_some_and(|awaited| awaited.before.is_some());
        let is_there = std::fs::symlink_metadata(path).is_ok();
        match (is_old, is_there) {
            (true, true) => format!("{path} is the one from before the start"),
            _ => format!("no file {path}"),
        }
    }
}
