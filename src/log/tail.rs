//! The newest output of one service, in memory.

use super::{End, Line, Stream};
use std::collections::VecDeque;

/// How much of its newest output is kept per service.
pub const DEFAULT_TAIL: usize = 64 * 1024;

/// What precedes each line in the ring: its length in 24 bits, its stream and end, its stamp.
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
    /// Bytes of the ring before it, forgotten ones included.
    byte: u64,
    /// Lines before it.
    line: u64,
}

/// A ring of the newest lines, both streams in the order of their arrival.
///
/// It holds at most as many bytes as it was made for, twelve bytes of bookkeeping per line included, and allocates as it
/// is used: nothing before the first line.
#[derive(Debug)]
pub struct Tail {
    ring: VecDeque<u8>,
    limit: usize,
    lines: usize,
    /// Where the oldest line that it holds begins.
    oldest: Place,
    /// Where the output of the last process begins.
    began: Place,
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

impl Default for Tail {
    fn default() -> Self {
        Self::new(DEFAULT_TAIL)
    }
}

impl Tail {
    /// An empty tail that will hold at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let start = Place::default();
        Self { ring: VecDeque::new(), limit, lines: 0, oldest: start, began: start }
    }

    /// Adds a line that arrived now, and forgets as many of the oldest as that takes.
    pub fn push(&mut self, stamp: Stamp, stream: Stream, line: Line<'_>) {
        let Some(room) = self.limit.checked_sub(HEADER) else { return };
        // What cannot fit keeps its beginning, where messages say what they are.
        let bytes = &line.bytes[..line.bytes.len().min(room).min(0x00FF_FFFF)];
        let need = HEADER + bytes.len();
        while self.ring.len() + need > self.limit {
            self.forget_oldest();
        }
        self.reserve(need);
        let end = match line.end {
            End::Newline => 0,
            End::Cut => CUT,
            End::Eof => EOF,
        };
        let flags = end | if stream == Stream::Err { STDERR } else { 0 };
        let [a, b, c, _] = u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes();
        self.ring.extend(&[a, b, c, flags]);
        self.ring.extend(&stamp.0.to_le_bytes());
        self.ring.extend(bytes);
        self.lines += 1;
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
        self.began = self.end();
    }

    /// The newest `count` lines of the last process, oldest first. It makes the ring contiguous, hence `mut`.
    pub fn last_lines(&mut self, count: usize) -> impl Iterator<Item = (Stream, Line<'_>)> {
        let ours = usize::try_from(self.end().line - self.began.line.max(self.oldest.line)).unwrap_or(0);
        let skip = self.lines - ours.min(count).min(self.lines);
        Lines { rest: self.ring.make_contiguous() }.skip(skip).map(|kept| (kept.stream, kept.line))
    }

    /// Behind the newest line.
    #[must_use]
    pub fn end(&self) -> Place {
        let Place { byte, line } = self.oldest;
        Place { byte: byte + self.ring.len() as u64, line: line + self.lines as u64 }
    }

    /// Before the newest `count` lines that arrived at `since` or later.
    pub fn place(&mut self, count: usize, since: Stamp) -> Place {
        let skip = self.lines.saturating_sub(count);
        let mut place = self.oldest;
        for (number, kept) in (Lines { rest: self.ring.make_contiguous() }).enumerate() {
            if number >= skip && kept.stamp >= since {
                break;
            }
            place = place.behind(&kept);
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
        let at = usize::try_from(place.byte.checked_sub(self.oldest.byte)?).ok()?;
        let mut bytes = [0; 8];
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = *self.ring.get(at + 4 + n)?;
        }
        Some(Stamp(u64::from_le_bytes(bytes)))
    }

    /// The line behind a place, which moves behind it. It makes the ring contiguous.
    pub fn next(&mut self, place: &mut Place) -> Option<Kept<'_>> {
        let at = usize::try_from(place.byte.checked_sub(self.oldest.byte)?).ok()?;
        let kept = Lines { rest: self.ring.make_contiguous().get(at..)? }.next()?;
        *place = place.behind(&kept);
        Some(kept)
    }

    fn forget_oldest(&mut self) {
        let header = [0, 1, 2].map(|at| self.ring.get(at).copied().unwrap_or(0));
        let length =
            HEADER + usize::from(header[0]) + (usize::from(header[1]) << 8) + (usize::from(header[2]) << 16);
        let length = length.min(self.ring.len());
        self.ring.drain(..length);
        self.lines = self.lines.saturating_sub(1);
        self.oldest.byte += length as u64;
        self.oldest.line += 1;
    }

    fn reserve(&mut self, need: usize) {
        let wanted = self.ring.len() + need;
        if wanted > self.ring.capacity() {
            let grown = (self.ring.capacity() * 2).max(FIRST).max(wanted).min(self.limit);
            self.ring.reserve_exact(grown - self.ring.len());
        }
    }
}

impl Place {
    /// How many lines are between the two.
    #[must_use]
    pub fn lines_since(self, earlier: Self) -> u64 {
        self.line.saturating_sub(earlier.line)
    }

    fn behind(self, kept: &Kept<'_>) -> Self {
        Self { byte: self.byte + (HEADER + kept.line.bytes.len()) as u64, line: self.line + 1 }
    }
}

struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = Kept<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&[a, b, c, flags], rest) = self.rest.split_first_chunk::<4>()?;
        let (stamp, rest) = rest.split_first_chunk::<8>()?;
        let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes([a, b, c, 0]) as usize)?;
        self.rest = rest;
        let stream = if flags & STDERR == 0 { Stream::Out } else { Stream::Err };
        let end = match flags & (CUT | EOF) {
            0 => End::Newline,
            CUT => End::Cut,
            _ => End::Eof,
        };
        Some(Kept { stamp: Stamp(u64::from_le_bytes(*stamp)), stream, line: Line { bytes, end } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(bytes: &[u8]) -> Line<'_> {
        Line { bytes, end: End::Newline }
    }

    #[test]
    fn it_costs_nothing_before_the_first_line_and_little_after() {
        let mut tail = Tail::default();
        assert_eq!((tail.footprint(), tail.len()), (0, 0));
        tail.push(Stamp(0), Stream::Out, line(b"hello"));
        assert!(tail.footprint() <= FIRST);
    }

    #[test]
    fn it_gives_the_newest_lines_oldest_first() {
        let mut tail = Tail::default();
        tail.push(Stamp(0), Stream::Out, line(b"one"));
        tail.push(Stamp(0), Stream::Err, line(b"two"));
        tail.push(Stamp(0), Stream::Out, Line { bytes: b"three", end: End::Eof });
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
        tail.push(Stamp(0), Stream::Out, line(b"old"));
        tail.push(Stamp(0), Stream::Out, line(b"0123456789"));
        assert_eq!(tail.last_lines(9).collect::<Vec<_>>(), [(Stream::Out, line(b"012345"))]);
        let mut none = Tail::new(3);
        none.push(Stamp(0), Stream::Out, line(b"x"));
        assert!(none.is_empty());
    }

    #[test]
    fn the_last_lines_are_those_of_the_last_process() {
        let mut tail = Tail::default();
        tail.push(Stamp(1), Stream::Out, line(b"of the first"));
        tail.begin();
        assert_eq!(tail.last_lines(9).count(), 0);
        tail.push(Stamp(2), Stream::Out, line(b"of the second"));
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
            pushes in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..60)), 0..60),
            count in 0..20usize,
        ) {
            let mut tail = Tail::new(limit);
            let mut model: Vec<(Stream, Vec<u8>)> = Vec::new();
            let (mut place, mut seen) = (Place::default(), 0);
            for (number, (err, bytes)) in pushes.into_iter().enumerate() {
                let stream = if err { Stream::Err } else { Stream::Out };
                tail.push(Stamp(number as u64), stream, line(&bytes));
                if limit >= HEADER {
                    let mut kept = bytes;
                    kept.truncate(limit - HEADER);
                    model.push((stream, kept));
                }
                while model.iter().map(|(_, bytes)| bytes.len() + HEADER).sum::<usize>() > limit {
                    model.remove(0);
                }
                prop_assert_eq!(tail.len(), model.len());
                prop_assert!(tail.footprint() <= limit);
                let newest = &model[model.len().saturating_sub(count)..];
                let lines: Vec<_> = tail.last_lines(count).map(|(s, l)| (s, l.bytes.to_vec())).collect();
                prop_assert_eq!(&lines[..], newest);

                let mut newest_again = tail.place(count, Stamp(0));
                for (stream, bytes) in newest {
                    let kept = tail.next(&mut newest_again);
                    prop_assert_eq!(kept.map(|k| (k.stream, k.line.bytes)), Some((*stream, &bytes[..])));
                }
                prop_assert_eq!(newest_again, tail.end());
                // Who looks now and then sees each line once, or is told that it is lost.
                if limit >= HEADER && number % 7 == 0 {
                    seen += tail.catch_up(&mut place);
                    while let Some(stamp) = tail.stamp_at(place) {
                        prop_assert_eq!(stamp, Stamp(seen));
                        prop_assert_eq!(tail.next(&mut place).map(|kept| kept.stamp), Some(stamp));
                        seen += 1;
                    }
                    prop_assert_eq!(seen, number as u64 + 1);
                }
            }
        }
    }
}
