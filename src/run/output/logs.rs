//! What services wrote, for who asks: the newest lines of several in the order of their arrival, and what comes after.
//!
//! A reader holds a [`Cursor`], nothing else: no line is kept for him. When he comes too late, what he has missed is gone,
//! and he is told how much that is.

use super::{Count, Output, Source};
use crate::log::{Kept, Place, Stamp, Stream};
use crate::model::{Id, set_of};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// How far somebody has read in the output of some services.
#[derive(Clone, Debug)]
pub struct Cursor {
    readings: Vec<Reading>,
    /// Services that come later are read too.
    all: bool,
    /// See [`Output::epoch`].
    epoch: u32,
    /// Nothing that arrived after this is read.
    until: Option<Stamp>,
}

/// How far he has read in that of one service.
#[derive(Clone, Copy, Debug)]
struct Reading {
    id: Id,
    born: Stamp,
    place: Place,
}

/// What [`Output::read`] gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A line of this service.
    Line(Id, Kept<'a>),
    /// So many lines of this service were forgotten before they were read.
    Lost(Id, u64),
}

impl Output {
    /// A cursor before the newest `count` lines, not older than `since`, of these services together; `None` means all, and
    /// those that an apply adds later too. With `follow`, it goes on with what arrives later; without, it ends here.
    pub fn cursor(&mut self, ids: Option<&[Id]>, count: usize, since: Stamp, follow: bool) -> Cursor {
        self.clock.look();
        let mut cursor = Cursor { readings: Vec::new(), all: ids.is_none(), epoch: self.epoch, until: None };
        let every = ids.is_none().then(|| self.ids());
        let mut lines = 0;
        for id in ids.unwrap_or_default().iter().copied().chain(every.into_iter().flatten()) {
            let Some(source) = self.source_mut(id) else { continue };
            let place = source.tail.place(count, since);
            lines += source.tail.end().lines_since(place);
            cursor.readings.push(Reading { id, born: source.born, place });
        }
        let mut surplus = lines.saturating_sub(count as u64);
        if surplus > 0 {
            self.read_logs(&mut cursor, |_| {
                surplus -= 1;
                surplus > 0
            });
        }
        cursor.until = (!follow).then_some(Stamp(self.clock.last));
        cursor
    }

    /// Hands on what follows the cursor, in the order of arrival, until `emit` returns false or there is no more.
    pub fn read_logs(&mut self, cursor: &mut Cursor, mut emit: impl FnMut(Entry<'_>) -> bool) {
        self.renew(cursor);
        let until = cursor.until.unwrap_or(Stamp(u64::MAX));
        let mut next = BinaryHeap::new();
        for (index, reading) in cursor.readings.iter_mut().enumerate() {
            let Some(source) = self.source_mut(reading.id) else { continue };
            let lost = source.tail.catch_up(&mut reading.place);
            next.extend(source.tail.stamp_at(reading.place).map(|stamp| Reverse((stamp, index))));
            if lost > 0 && !emit(Entry::Lost(reading.id, lost)) {
                return;
            }
        }
        while let Some(Reverse((stamp, index))) = next.pop()
            && stamp <= until
        {
            let Some(reading) = cursor.readings.get_mut(index) else { continue };
            let Some(source) = self.source_mut(reading.id) else { continue };
            let Some(kept) = source.tail.next(&mut reading.place) else { continue };
            if !emit(Entry::Line(reading.id, kept)) {
                return;
            }
            next.extend(source.tail.stamp_at(reading.place).map(|stamp| Reverse((stamp, index))));
        }
    }

    /// Whether [`Output::read_logs`] may give something.
    #[must_use]
    pub fn has_logs(&self, cursor: &Cursor) -> bool {
        let behind = |reading: &Reading| {
            let source = self.at(reading.id).and_then(|at| self.sources.get(at));
            source.is_some_and(|source| source.tail.end() != reading.place)
        };
        cursor.epoch != self.epoch || cursor.readings.iter().any(behind)
    }

    /// The stamp of the newest line of all services: another one means that there may be something to read.
    #[must_use]
    pub fn newest(&self) -> Stamp {
        Stamp(self.clock.last)
    }

    /// What stamps count from.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.clock.began
    }

    /// How much a service has written to stdout and stderr, in this order.
    #[must_use]
    pub fn counts(&self, id: Id) -> [Count; 2] {
        let source = self.at(id).and_then(|at| self.sources.get(at));
        Stream::BOTH.map(|stream| source.map(|source| source.count(stream)).unwrap_or_default())
    }

    /// How many lines of a service some sink had no room for.
    #[must_use]
    pub fn dropped(&self, id: Id) -> u64 {
        self.at(id).and_then(|at| self.sources.get(at)).map_or(0, |source| source.dropped)
    }

    /// Forgets services that are gone, and takes up those that are new.
    fn renew(&mut self, cursor: &mut Cursor) {
        if std::mem::replace(&mut cursor.epoch, self.epoch) == self.epoch {
            return;
        }
        let born = |output: &mut Self, id| output.source_mut(id).map(|source| source.born);
        cursor.readings.retain(|reading| born(self, reading.id) == Some(reading.born));
        if cursor.all {
            let known = set_of(cursor.readings.iter().map(|reading| reading.id));
            for id in self.ids().filter(|id| !known.contains(id)) {
                let Some(source) = self.source_mut(id) else { continue };
                cursor.readings.push(Reading { id, born: source.born, place: Place::default() });
            }
        }
    }

    fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..u32::try_from(self.of.len()).unwrap_or(u32::MAX)).map(Id)
    }

    fn source_mut(&mut self, id: Id) -> Option<&mut Source> {
        let at = self.at(id)?;
        self.sources.get_mut(at)
    }
}
