//! What all streams end up in: the outlets, who waits for which, and what has to be told of them.

use super::Token;
use crate::log::{Block, End, Files, Format, Notice, Outlet, Progress, Stream, TimeText};
use crate::model::Id;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use std::io;
use std::time::{Duration, Instant};

/// When so much waits for an outlet, it is moved on before more is read.
const BATCH: usize = 64 * 1024;
/// How long nothing more is said of lines that an outlet drops, after something was.
const SILENCE: Duration = Duration::from_secs(10);

/// What an outlet is, and which: two routes with equal keys lead to the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Standard output (0) or standard error (1) of the supervisor.
    Console(usize),
    /// A log file, by its path.
    File(String),
    /// The standard input of a logger.
    Logger(Id),
    /// A syslog server, by its address as it is written.
    Syslog(String),
}

/// One outlet, and what is known of it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) outlet: Box<dyn Outlet>,
    pub(super) key: Key,
    /// As it is called in messages.
    pub(super) name: String,
    pub(super) coloured: bool,
    /// What is meant for it goes to the consoles, for as long as nobody takes it.
    pub(super) diverted: bool,
    /// No route leads here any more: it goes when it is empty.
    closing: bool,
    /// The epoll cannot tell when it takes more.
    deaf: bool,
    /// It is in the list of those to be flushed.
    listed: bool,
    /// It stalled, and an event, or time, will tell when to go on.
    waiting: bool,
    /// Streams were left alone because of it.
    held_up: bool,
    /// Whose line is under way in it without a newline, and why that has none.
    pub(super) open: Option<(Token, End)>,
    /// Lines dropped since that was last told, and when that was.
    lost: u64,
    told: Option<Instant>,
}

/// All outlets. Their numbers stay the same for as long as they exist.
#[derive(Debug)]
pub(super) struct Outlets {
    slots: Vec<Option<Slot>>,
    pub(super) files: Files,
    pub(super) epoll: Epoll,
    pub(super) tag: u32,
    /// Those to be flushed.
    list: Vec<u32>,
    notices: Vec<(u32, Notice)>,
    /// Somebody who was left alone may be read again.
    pub(super) resumable: bool,
    /// When the first of those that wait for a time is to be tried again.
    retry: Option<Instant>,
}

impl Outlets {
    pub(super) fn new(epoll: Epoll, tag: u32) -> Self {
        Self {
            slots: Vec::new(),
            files: Files::new(),
            epoll,
            tag,
            list: Vec::new(),
            notices: Vec::new(),
            resumable: false,
            retry: None,
        }
    }

    /// Takes up an outlet; gives its number.
    ///
    /// # Errors
    /// The epoll cannot watch it for want of memory.
    pub(super) fn add(
        &mut self,
        key: Key,
        name: String,
        outlet: Box<dyn Outlet>,
        coloured: bool,
    ) -> io::Result<u32> {
        let free = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let at = u32::try_from(free).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut slot = Slot {
            outlet,
            key,
            name,
            coloured,
            diverted: false,
            closing: false,
            deaf: false,
            listed: false,
            waiting: false,
            held_up: false,
            open: None,
            lost: 0,
            told: None,
        };
        if let Some(fd) = slot.outlet.fd() {
            // Added asleep, so that waking it later needs no memory.
            match self.epoll.add(fd, self.event(at, EpollFlags::empty())) {
                Ok(()) => {}
                Err(Errno::EPERM) => slot.deaf = true,
                Err(errno) => return Err(errno.into()),
            }
        }
        match self.slots.get_mut(free) {
            Some(place) => *place = Some(slot),
            None => self.slots.push(Some(slot)),
        }
        Ok(at)
    }

    /// The outlet with this key.
    pub(super) fn find(&self, key: &Key) -> Option<u32> {
        self.all().find(|(_, slot)| slot.key == *key).map(|(at, _)| at)
    }

    pub(super) fn get(&self, at: u32) -> Option<&Slot> {
        self.slots.get(at as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut Slot> {
        self.slots.get_mut(at as usize)?.as_mut()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (u32, &Slot)> {
        self.slots.iter().zip(0..).filter_map(|(slot, at)| slot.as_ref().map(|slot| (at, slot)))
    }

    /// Lets go of those that no route leads to, as soon as they are empty; what fails is not waited for.
    pub(super) fn keep(&mut self, is_used: impl Fn(u32) -> bool) {
        for (slot, at) in self.slots.iter_mut().zip(0..) {
            let Some(known) = slot else { continue };
            known.closing = !matches!(known.key, Key::Console(_)) && !is_used(at);
            if known.closing && (known.outlet.pending() == 0 || known.outlet.is_failing()) {
                *slot = None;
            }
        }
    }

    /// Where what is meant for this outlet goes now.
    fn way(&self, at: u32, stream: Stream) -> u32 {
        match self.get(at) {
            Some(slot) if slot.diverted => self.console(stream),
            _ => at,
        }
    }

    /// The console of a stream: both have the same where both are the same file.
    pub(super) fn console(&self, stream: Stream) -> u32 {
        let both = self.get(1).is_some_and(|slot| slot.key == Key::Console(1));
        u32::from(both && stream == Stream::Err)
    }

    /// Whether a stream with a route to this outlet has to wait for it.
    pub(super) fn holds_up(&mut self, at: u32, stream: Stream) -> bool {
        let at = self.way(at, stream);
        let Some(slot) = self.get_mut(at) else { return false };
        let full = slot.outlet.is_full() && !slot.outlet.is_failing();
        slot.held_up |= full;
        full
    }

    /// Whether others have been waiting for this outlet, and it has not had room for them since.
    pub(super) fn is_awaited(&self, at: u32, stream: Stream) -> bool {
        self.get(self.way(at, stream)).is_some_and(|slot| slot.held_up)
    }

    /// Appends lines; gives how many it had to drop instead. Who may not drop has asked [`Outlets::holds_up`].
    pub(super) fn put(
        &mut self,
        at: u32,
        format: &Format,
        block: Block<'_>,
        from: (Token, Stream),
        time: &TimeText,
        may_drop: bool,
    ) -> usize {
        let at = self.way(at, from.1);
        let Some(slot) = self.get_mut(at) else { return 0 };
        if slot.outlet.is_full() && (may_drop || slot.outlet.is_failing()) {
            slot.lost += block.lines as u64;
            return block.lines;
        }
        let coloured = slot.coloured;
        let to = slot.outlet.buffer();
        let mut rest = Some(block);
        match slot.open.take() {
            Some((token, End::Cut)) if token == from.0 && format.is_exact() => {
                rest = format.append_rest(block, to);
            }
            Some(_) => to.push(b'\n'),
            None => {}
        }
        if let Some(rest) = rest {
            format.append(rest, from.1, time, coloured, to);
        }
        if format.is_exact() && block.end != End::Newline {
            slot.open = Some((from.0, block.end));
        }
        if slot.outlet.pending() >= BATCH && !slot.waiting {
            self.flush(at);
        } else {
            self.list(at);
        }
        0
    }

    /// Appends the supervisor's own bytes, whole lines.
    pub(super) fn put_own(&mut self, at: u32, append: impl FnOnce(bool, &mut Vec<u8>)) {
        let Some(slot) = self.get_mut(at) else { return };
        let coloured = slot.coloured;
        let to = slot.outlet.buffer();
        if slot.open.take().is_some() {
            to.push(b'\n');
        }
        append(coloured, to);
        self.list(at);
    }

    /// It is to be flushed, unless an event will tell when that is of use.
    pub(super) fn list(&mut self, at: u32) {
        let Some(slot) = self.get_mut(at) else { return };
        let rings = slot.waiting && slot.outlet.fd().is_some();
        if !rings && !std::mem::replace(&mut slot.listed, true) {
            self.list.push(at);
        }
    }

    /// Moves on what the outlets take now; has the epoll, or time, tell of those that stall.
    pub(super) fn flush_all(&mut self) {
        let mut list = std::mem::take(&mut self.list);
        for at in list.drain(..) {
            self.flush(at);
        }
        if self.list.is_empty() {
            self.list = list;
        }
    }

    /// As [`Outlets::flush_all`], of all in which anything waits; gives how much that still is.
    pub(super) fn press(&mut self) -> usize {
        let all = 0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        all.map(|at| {
            self.flush(at);
            self.get(at).map_or(0, |slot| slot.outlet.pending())
        })
        .sum()
    }

    fn flush(&mut self, at: u32) {
        let Some(slot) = self.get_mut(at) else { return };
        (slot.listed, slot.waiting) = (false, false);
        let mut progress = slot.outlet.flush();
        if progress == Progress::Stalled && slot.deaf {
            slot.outlet.give_up();
            progress = Progress::Empty;
        }
        let low = slot.outlet.is_low() || slot.outlet.is_failing();
        let resumable = low && std::mem::take(&mut slot.held_up);
        let notice = slot.outlet.take_notice();
        let lost = (low && !slot.outlet.is_failing()).then(|| slot.lost_lines()).flatten();
        let gone = slot.closing && (progress == Progress::Empty || slot.outlet.is_failing());
        let retry = slot.outlet.retry();
        self.resumable |= resumable;
        self.notices.extend(notice.map(|notice| (at, notice)));
        self.notices.extend(lost.map(|lost| (at, Notice::Told(lost))));
        if gone {
            if let Some(slot) = self.slots.get_mut(at as usize) {
                *slot = None;
            }
        } else if progress == Progress::Stalled {
            self.wait(at, retry);
        }
    }

    fn wait(&mut self, at: u32, retry: Option<Instant>) {
        let mut event = self.event(at, EpollFlags::EPOLLOUT);
        let Some(slot) = self.slots.get_mut(at as usize).and_then(Option::as_mut) else { return };
        slot.waiting = true;
        if let Some(retry) = retry {
            self.retry = Some(self.retry.map_or(retry, |first| first.min(retry)));
        }
        if let Some(fd) = slot.outlet.fd() {
            let done = match self.epoll.modify(fd, &mut event) {
                // Another descriptor than when it was taken up.
                Err(Errno::ENOENT) => self.epoll.add(fd, event),
                done => done,
            };
            if done.is_err() {
                // Tried again with the next turn, which is soon enough: it is out of memory.
                slot.waiting = false;
            }
        }
    }

    /// An outlet may take more.
    pub(super) fn rang(&mut self, at: u32) {
        if let Some(slot) = self.get_mut(at) {
            slot.waiting = false;
            self.list(at);
        }
    }

    /// When one of them is to be tried again.
    pub(super) fn retry(&self) -> Option<Instant> {
        self.retry
    }

    /// Tries those again whose time has come.
    pub(super) fn try_again(&mut self, now: Instant) {
        let times: Vec<_> = self
            .all()
            .filter(|(_, slot)| slot.waiting)
            .filter_map(|(at, slot)| slot.outlet.retry().map(|time| (at, time)))
            .collect();
        self.retry = times.iter().map(|(_, time)| *time).filter(|time| *time > now).min();
        for (at, _) in times.iter().filter(|(_, time)| *time <= now) {
            self.rang(*at);
        }
    }

    /// What has to be told, since the last call.
    pub(super) fn take_notices(&mut self) -> Vec<(u32, Notice)> {
        std::mem::take(&mut self.notices)
    }

    /// One-shot: an event once, then asleep, so that an outlet whose reader left (which is an event for ever) does not keep
    /// the shell awake.
    fn event(&self, at: u32, flags: EpollFlags) -> EpollEvent {
        EpollEvent::new(flags | EpollFlags::EPOLLONESHOT, super::data(self.tag, super::outlet_token(at)))
    }
}

impl Slot {
    /// What was dropped for want of room, if that should be said now.
    fn lost_lines(&mut self) -> Option<String> {
        if self.lost == 0 || self.told.is_some_and(|told| told.elapsed() < SILENCE) {
            return None;
        }
        self.told = Some(Instant::now());
        let lost = std::mem::take(&mut self.lost);
        let lines = if lost == 1 { "line was" } else { "lines were" };
        Some(format!("{lost} {lines} not written to {}, which did not keep up", self.name))
    }
}
