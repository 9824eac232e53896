//! The newest output of one service, in memory.

use super::{Block, End, Line, Stream};
use std::collections::VecDeque;

/// How much of its newest output is kept per service.
pub const DEFAULT_TAIL: usize = 64 * 1024;

/// What precedes the lines of a record in the ring: their length in 24 bits, their stream and the end of the last one, the
/// stamp of the first.
const HEADER: usize = 12;
/// The first allocation; it doubles from there, so that a service that says little costs little.
const FIRST: usize = 512;
const STDERR: u8 = 1;
const CUT: u8 = 2;
const EOF: u8 = 4;

/// When a line arrived, in nanoseconds after `run::Output` was made. Each line has another one, later than those of all
/// lines before it, of whatever service: it is the time and the order in one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub u64);

/// A place between two lines of one [`Tail`], which stays the same place while the tail moves on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Bytes of the ring before the record of the next line, forgotten ones included.
    record: u64,
    /// Bytes and lines of that record before the line.
    offset: usize,
    index: u64,
    /// Lines before it in all.
    line: u64,
}

/// A ring of the newest lines, both streams in the order of their arrival.
///
/// It holds at most as many bytes as it was made for, twelve bytes of bookkeeping for what arrived together included, and
/// allocates as it is used: nothing before the first line.
#[derive(Debug)]
pub struct Tail {
    /// Records: a header, and lines with newlines between them.
    ring: VecDeque<u8>,
    limit: usize,
    lines: usize,
    /// Where the oldest line that it holds begins, which is at the beginning of a record.
    oldest: Place,
    /// How many lines there were when the last process began.
    began: u64,
}

/// A line of a [`Tail`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept<'a> {
    /// When it arrived.
    pub stamp: Stamp,
    /// Where from.
    pub stream: Stream,
    /// The line itself.
    pub line: Line<'a>,
}

/// What a header says.
#[derive(Clone, Copy)]
struct Header {
    length: usize,
    flags: u8,
    stamp: u64,
}

impl Header {
    fn of(bytes: [u8; HEADER]) -> Self {
        let [a, b, c, flags, stamp @ ..] = bytes;
        Self { length: u32::from_le_bytes([a, b, c, 0]) as usize, flags, stamp: u64::from_le_bytes(stamp) }
    }

    fn bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let [a, b, c, _] = u32::try_from(self.length).unwrap_or(0).to_le_bytes();
        bytes[..4].copy_from_slice(&[a, b, c, self.flags]);
        bytes[4..].copy_from_slice(&self.stamp.to_le_bytes());
        bytes
    }
}

impl Default for Tail {
    fn default() -> Self {
        Self::new(DEFAULT_TAIL)
    }
}

impl Tail {
    /// An empty tail that will hold at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { ring: VecDeque::new(), limit, lines: 0, oldest: Place::default(), began: 0 }
    }

    /// Holds at most so many bytes from now on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.make_room(0);
        self.ring.shrink_to(limit);
    }

    /// Adds lines that arrived now, the first at `stamp` and each of the others a nanosecond later, and forgets as many of
    /// the oldest as that takes.
    pub fn push(&mut self, stamp: Stamp, stream: Stream, block: Block<'_>) {
        // A record of more than its length can say would be of no use to anybody.
        let room = self.limit.saturating_sub(HEADER).min(0x00FF_FFFF);
        if room == 0 {
            self.skip(block.lines);
            return;
        }
        let (bytes, skipped) = newest(block, room);
        if skipped > 0 {
            self.skip(skipped);
        }
        self.make_room(HEADER + bytes.len());
        self.reserve(HEADER + bytes.len());
        let end = match block.end {
            End::Newline => 0,
            End::Cut => CUT,
            End::Eof => EOF,
        };
        let flags = end | if stream == Stream::Err { STDERR } else { 0 };
        let stamp = stamp.0.saturating_add(skipped as u64);
        self.ring.extend(&Header { length: bytes.len(), flags, stamp }.bytes());
        self.ring.extend(bytes);
        self.lines += block.lines - skipped;
    }

    /// How many lines it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// How many bytes of memory it takes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.ring.capacity()
    }

    /// The output of another process begins here.
    pub fn begin(&mut self) {
        self.began = self.end().line;
    }

    /// The newest `count` lines of the last process, oldest first. It makes the ring contiguous, hence `mut`.
    pub fn last_lines(&mut self, count: usize) -> impl Iterator<Item = (Stream, Line<'_>)> {
        let ours = self.end().line - self.began.max(self.oldest.line);
        let mut place = self.place(usize::try_from(ours).unwrap_or(usize::MAX).min(count), Stamp::default());
        self.ring.make_contiguous();
        let tail = &*self;
        std::iter::from_fn(move || tail.line_at(&mut place)).map(|kept| (kept.stream, kept.line))
    }

    /// Behind the newest line.
    #[must_use]
    pub fn end(&self) -> Place {
        let Place { record, line, .. } = self.oldest;
        Place { record: record + self.ring.len() as u64, line: line + self.lines as u64, ..Place::default() }
    }

    /// Before the newest `count` lines that arrived at `since` or later.
    pub fn place(&mut self, count: usize, since: Stamp) -> Place {
        self.ring.make_contiguous();
        let skip = self.oldest.line + self.lines.saturating_sub(count) as u64;
        let mut place = self.oldest;
        while let Some(header) = self.header(place.record) {
            let lines = self.lines_of(place.record, header);
            let newest = header.stamp + lines - 1;
            if place.line + lines > skip && newest >= since.0 {
                break;
            }
            place = Place {
                record: place.record + (HEADER + header.length) as u64,
                line: place.line + lines,
                ..Place::default()
            };
        }
        while place.line < skip || self.stamp_at(place).is_some_and(|stamp| stamp < since) {
            if self.line_at(&mut place).is_none() {
                break;
            }
        }
        place
    }

    /// Moves a place whose lines are forgotten to the oldest that are not; gives how many are missed by that.
    pub fn catch_up(&self, place: &mut Place) -> u64 {
        let lost = self.oldest.line.saturating_sub(place.line);
        if lost > 0 {
            *place = self.oldest;
        }
        lost
    }

    /// The line behind a place, if there is one (and it is not forgotten), without moving the ring: its stamp.
    #[must_use]
    pub fn stamp_at(&self, place: Place) -> Option<Stamp> {
        let place = self.now(place)?;
        Some(Stamp(self.header(place.record)?.stamp + place.index))
    }

    /// The line behind a place, which moves behind it. It makes the ring contiguous.
    pub fn next(&mut self, place: &mut Place) -> Option<Kept<'_>> {
        self.ring.make_contiguous();
        self.line_at(place)
    }

    /// As [`Tail::next`], of a ring that is contiguous.
    fn line_at(&self, place: &mut Place) -> Option<Kept<'_>> {
        let at = self.now(*place)?;
        let header = self.header(at.record)?;
        let from = self.index(at.record)? + HEADER;
        let bytes = self.ring.as_slices().0.get(from..from + header.length)?.get(at.offset..)?;
        let (bytes, end) = match memchr::memchr(b'\n', bytes) {
            Some(length) => (&bytes[..length], End::Newline),
            None if header.flags & CUT != 0 => (bytes, End::Cut),
            None if header.flags & EOF != 0 => (bytes, End::Eof),
            None => (bytes, End::Newline),
        };
        let offset = at.offset + bytes.len() + 1;
        *place = if offset > header.length {
            Place {
                record: at.record + (HEADER + header.length) as u64,
                line: at.line + 1,
                ..Place::default()
            }
        } else {
            Place { offset, index: at.index + 1, line: at.line + 1, ..at }
        };
        let stream = if header.flags & STDERR == 0 { Stream::Out } else { Stream::Err };
        Some(Kept { stamp: Stamp(header.stamp + at.index), stream, line: Line { bytes, end } })
    }

    /// The same place, if its line is still there: the record that it is in may have lost lines at its front.
    fn now(&self, place: Place) -> Option<Place> {
        if place.line < self.oldest.line {
            return None;
        }
        let Some(moved) = self.oldest.record.checked_sub(place.record).filter(|moved| *moved > 0) else {
            return Some(place);
        };
        Some(Place {
            record: self.oldest.record,
            offset: place.offset.saturating_sub(usize::try_from(moved).unwrap_or(usize::MAX)),
            index: place.line - self.oldest.line,
            line: place.line,
        })
    }

    fn index(&self, record: u64) -> Option<usize> {
        usize::try_from(record.checked_sub(self.oldest.record)?).ok()
    }

    fn header(&self, record: u64) -> Option<Header> {
        let at = self.index(record)?;
        let mut bytes = [0; HEADER];
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = *self.ring.get(at + n)?;
        }
        Some(Header::of(bytes))
    }

    fn lines_of(&self, record: u64, header: Header) -> u64 {
        let Some(at) = self.index(record) else { return 1 };
        self.newlines(at + HEADER, header.length) as u64 + 1
    }

    /// How many newlines are in a part of the ring.
    fn newlines(&self, from: usize, length: usize) -> usize {
        let (a, b) = self.slices(from, length);
        memchr::memchr_iter(b'\n', a).count() + memchr::memchr_iter(b'\n', b).count()
    }

    /// A part of the ring, which may go round its end.
    fn slices(&self, from: usize, length: usize) -> (&[u8], &[u8]) {
        let (a, b) = self.ring.as_slices();
        let to = from.saturating_add(length).min(self.ring.len());
        let part = |slice: &[u8], before: usize| {
            from.saturating_sub(before).min(slice.len())..to.saturating_sub(before).min(slice.len())
        };
        (&a[part(a, 0)], &b[part(b, a.len())])
    }

    /// Forgets the oldest lines until so many bytes have room.
    fn make_room(&mut self, need: usize) {
        while let Some(excess) = (self.ring.len() + need).checked_sub(self.limit).filter(|excess| *excess > 0)
        {
            let Some(header) = self.header(self.oldest.record) else { return };
            // The front of the record, up to the end of a line, if that is enough and leaves something.
            let (a, b) = self.slices(HEADER + excess - 1, (header.length + 1).saturating_sub(excess));
            let newline =
                memchr::memchr(b'\n', a).or_else(|| memchr::memchr(b'\n', b).map(|at| a.len() + at));
            let gone = newline.map_or(header.length, |at| excess + at);
            let lines = self.newlines(HEADER, gone) + usize::from(newline.is_none());
            if newline.is_some() {
                self.ring.drain(..gone);
                let Header { length, flags, stamp } = header;
                let header = Header { length: length - gone, flags, stamp: stamp + lines as u64 };
                for (slot, byte) in self.ring.iter_mut().zip(header.bytes()) {
                    *slot = byte;
                }
                self.oldest.record += gone as u64;
            } else {
                self.ring.drain(..(HEADER + gone).min(self.ring.len()));
                self.oldest.record += (HEADER + gone) as u64;
            }
            self.lines = self.lines.saturating_sub(lines);
            self.oldest.line += lines as u64;
        }
    }

    /// Forgets all, and so many lines that were never kept.
    fn skip(&mut self, lines: usize) {
        self.oldest = self.end();
        self.oldest.line += lines as u64;
        self.ring.clear();
        self.lines = 0;
    }

    fn reserve(&mut self, need: usize) {
        let wanted = self.ring.len() + need;
        if wanted > self.ring.capacity() {
            let grown = (self.ring.capacity() * 2).max(FIRST).max(wanted).min(self.limit);
            self.ring.reserve_exact(grown - self.ring.len());
        }
    }
}

/// As many of the last lines as there is room for, and how many that leaves out. One that alone does not fit keeps its
/// beginning, where messages say what they are.
fn newest(block: Block<'_>, room: usize) -> (&[u8], usize) {
    let Some(excess) = block.bytes.len().checked_sub(room).filter(|excess| *excess > 0) else {
        return (block.bytes, 0);
    };
    let last = memchr::memrchr(b'\n', block.bytes).map_or(0, |at| at + 1);
    let from = match memchr::memchr(b'\n', &block.bytes[excess - 1..]) {
        Some(at) => excess + at,
        None => last,
    };
    let rest = &block.bytes[from..];
    (&rest[..rest.len().min(room)], memchr::memchr_iter(b'\n', &block.bytes[..from]).count())
}

impl Place {
    /// How many lines are between the two.
    #[must_use]
    pub fn lines_since(self, earlier: Self) -> u64 {
        self.line.saturating_sub(earlier.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(bytes: &[u8]) -> Line<'_> {
        Line { bytes, end: End::Newline }
    }

    fn block(bytes: &[u8]) -> Block<'_> {
        Block::one(line(bytes))
    }

    #[test]
    fn it_costs_nothing_before_the_first_line_and_little_after() {
        let mut tail = Tail::default();
        assert_eq!((tail.footprint(), tail.len()), (0, 0));
        tail.push(Stamp(0), Stream::Out, block(b"hello"));
        assert!(tail.footprint() <= FIRST);
    }

    #[test]
    fn it_gives_the_newest_lines_oldest_first() {
        let mut tail = Tail::default();
        tail.push(Stamp(0), Stream::Out, block(b"one"));
        tail.push(Stamp(0), Stream::Err, block(b"two"));
        tail.push(Stamp(0), Stream::Out, Block::one(Line { bytes: b"three", end: End::Eof }));
        let last: Vec<_> = tail.last_lines(2).collect();
        assert_eq!(
            last,
            [(Stream::Err, line(b"two")), (Stream::Out, Line { bytes: b"three", end: End::Eof })]
        );
        assert_eq!(tail.last_lines(0).count(), 0);
        assert_eq!(tail.last_lines(9).count(), 3);
    }

    #[test]
    fn a_line_that_cannot_fit_keeps_its_beginning() {
        let mut tail = Tail::new(18);
        tail.push(Stamp(0), Stream::Out, block(b"old"));
        tail.push(Stamp(0), Stream::Out, block(b"0123456789"));
        assert_eq!(tail.last_lines(9).collect::<Vec<_>>(), [(Stream::Out, line(b"012345"))]);
        let mut none = Tail::new(3);
        none.push(Stamp(0), Stream::Out, block(b"x"));
        assert!(none.is_empty());
    }

    #[test]
    fn the_last_lines_are_those_of_the_last_process() {
        let mut tail = Tail::default();
        tail.push(Stamp(1), Stream::Out, block(b"of the first"));
        tail.begin();
        assert_eq!(tail.last_lines(9).count(), 0);
        tail.push(Stamp(2), Stream::Out, block(b"of the second"));
        assert_eq!(tail.last_lines(9).collect::<Vec<_>>(), [(Stream::Out, line(b"of the second"))]);
        let mut place = tail.place(9, Stamp(0));
        assert_eq!(
            tail.next(&mut place).map(|kept| kept.stamp),
            Some(Stamp(1)),
            "nothing is forgotten by that"
        );
        let mut place = tail.place(9, Stamp(2));
        assert_eq!(tail.next(&mut place).map(|kept| kept.stamp), Some(Stamp(2)));
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_list_that_forgets_from_the_front(
            limit in 0..300usize,
            pushes in prop::collection::vec(
                (any::<bool>(), prop::collection::vec(prop::collection::vec(b'a'..=b'z', 0..30), 1..6)),
                0..60,
            ),
            count in 0..20usize,
        ) {
            let mut tail = Tail::new(limit);
            let mut model: Vec<(u64, Stream, Vec<u8>)> = Vec::new();
            let (mut place, mut seen, mut next) = (Place::default(), 0, 0);
            for (number, (err, lines)) in pushes.into_iter().enumerate() {
                let stream = if err { Stream::Err } else { Stream::Out };
                let bytes = lines.join(&b'\n');
                tail.push(Stamp(next), stream, Block { bytes: &bytes, end: End::Newline, lines: lines.len() });
                for line in lines {
                    model.push((next, stream, line));
                    next += 1;
                }
                prop_assert!(tail.footprint() <= limit && tail.len() <= model.len());
                prop_assert_eq!(tail.end().line, next);
                // It holds the newest lines, and forgets no more than it must.
                let held = &model[model.len() - tail.len()..];
                let size = |lines: &[(u64, Stream, Vec<u8>)]| lines.iter().map(|l| l.2.len() + 1).sum::<usize>();
                if held.len() < model.len() && limit > HEADER {
                    let one_more = &model[model.len() - tail.len() - 1..];
                    prop_assert!(size(one_more) + HEADER * one_more.len() > limit, "{} of {limit}", size(held));
                }
                let newest = &held[held.len().saturating_sub(count)..];
                let lines: Vec<_> = tail.last_lines(count).map(|(s, l)| (s, l.bytes.to_vec())).collect();
                prop_assert_eq!(lines.len(), newest.len());
                for ((s, bytes), (_, stream, line)) in lines.iter().zip(newest) {
                    // One that alone does not fit keeps its beginning.
                    prop_assert!(s == stream && line.starts_with(bytes));
                    prop_assert!(bytes == line || tail.len() == 1);
                }

                let mut newest_again = tail.place(count, Stamp(0));
                for (stamp, stream, _) in newest {
                    prop_assert_eq!(tail.stamp_at(newest_again), Some(Stamp(*stamp)));
                    let kept = tail.next(&mut newest_again);
                    prop_assert_eq!(kept.map(|k| (k.stamp, k.stream)), Some((Stamp(*stamp), *stream)));
                }
                prop_assert_eq!(newest_again, tail.end());
                if let Some((stamp, ..)) = newest.last() {
                    let mut since = tail.place(usize::MAX, Stamp(*stamp));
                    prop_assert_eq!(tail.next(&mut since).map(|kept| kept.stamp), Some(Stamp(*stamp)));
                }
                // Who looks now and then, and not to the end, sees each line once, or is told that it is lost.
                if number % 7 == 0 {
                    seen += tail.catch_up(&mut place);
                    for _ in 0..5 {
                        let Some(stamp) = tail.stamp_at(place) else { break };
                        prop_assert_eq!(stamp, Stamp(seen));
                        prop_assert_eq!(tail.next(&mut place).map(|kept| kept.stamp), Some(stamp));
                        seen += 1;
                    }
                }
            }
            seen += tail.catch_up(&mut place);
            while let Some(kept) = tail.next(&mut place) {
                prop_assert_eq!(kept.stamp, Stamp(seen));
                seen += 1;
            }
            prop_assert_eq!(seen, next);
        }
    }
}
