//! The newest output of one service, in memory.

use super::{End, Line, Stream};
use std::collections::VecDeque;

/// How much of its newest output is kept per service.
pub const DEFAULT_TAIL: usize = 64 * 1024;

/// What precedes each line in the ring: its length in 24 bits, and its stream and end.
const HEADER: usize = 4;
/// The first allocation; it doubles from there, so that a service that says little costs little.
const FIRST: usize = 512;
const STDERR: u8 = 1;
const CUT: u8 = 2;
const EOF: u8 = 4;

/// A ring of the newest lines, both streams in the order of their arrival.
///
/// It holds at most as many bytes as it was made for, four bytes of bookkeeping per line included, and allocates as it
/// is used: nothing before the first line.
#[derive(Debug)]
pub struct Tail {
    ring: VecDeque<u8>,
    limit: usize,
    lines: usize,
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
        Self { ring: VecDeque::new(), limit, lines: 0 }
    }

    /// Adds a line, and forgets as many of the oldest as that takes.
    pub fn push(&mut self, stream: Stream, line: Line<'_>) {
        let Some(room) = self.limit.checked_sub(HEADER) else { return };
        // What cannot fit keeps its beginning, where messages say what they are.
        let bytes = &line.bytes[..line.bytes.len().min(room).min(0x00FF_FFFF)];
        let need = HEADER + bytes.len();
        while self.ring.len() + need > self.limit {
            self.forget_oldest();
        }
        self.reserve(need);
        let [a, b, c, _] = u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes();
        let end = match line.end {
            End::Newline => 0,
            End::Cut => CUT,
            End::Eof => EOF,
        };
        let flags = end | if stream == Stream::Err { STDERR } else { 0 };
        self.ring.extend(&[a, b, c, flags]);
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

    /// The newest `count` lines, oldest first. It makes the ring contiguous, hence `mut`.
    pub fn last_lines(&mut self, count: usize) -> impl Iterator<Item = (Stream, Line<'_>)> {
        let skip = self.lines.saturating_sub(count);
        Lines { rest: self.ring.make_contiguous() }.skip(skip)
    }

    fn forget_oldest(&mut self) {
        let header = [0, 1, 2].map(|at| self.ring.get(at).copied().unwrap_or(0));
        let length =
            HEADER + usize::from(header[0]) + (usize::from(header[1]) << 8) + (usize::from(header[2]) << 16);
        self.ring.drain(..length.min(self.ring.len()));
        self.lines = self.lines.saturating_sub(1);
    }

    fn reserve(&mut self, need: usize) {
        let wanted = self.ring.len() + need;
        if wanted > self.ring.capacity() {
            let grown = (self.ring.capacity() * 2).max(FIRST).max(wanted).min(self.limit);
            self.ring.reserve_exact(grown - self.ring.len());
        }
    }
}

struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = (Stream, Line<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[a, b, c, flags], rest) = self.rest.split_first_chunk::<HEADER>()?;
        let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes([a, b, c, 0]) as usize)?;
        self.rest = rest;
        let stream = if flags & STDERR == 0 { Stream::Out } else { Stream::Err };
        let end = match flags & (CUT | EOF) {
            0 => End::Newline,
            CUT => End::Cut,
            _ => End::Eof,
        };
        Some((stream, Line { bytes, end }))
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
        tail.push(Stream::Out, line(b"hello"));
        assert!(tail.footprint() <= FIRST);
    }

    #[test]
    fn it_gives_the_newest_lines_oldest_first() {
        let mut tail = Tail::default();
        tail.push(Stream::Out, line(b"one"));
        tail.push(Stream::Err, line(b"two"));
        tail.push(Stream::Out, Line { bytes: b"three", end: End::Eof });
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
        let mut tail = Tail::new(10);
        tail.push(Stream::Out, line(b"old"));
        tail.push(Stream::Out, line(b"0123456789"));
        assert_eq!(tail.last_lines(9).collect::<Vec<_>>(), [(Stream::Out, line(b"012345"))]);
        let mut none = Tail::new(3);
        none.push(Stream::Out, line(b"x"));
        assert!(none.is_empty());
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
            for (err, bytes) in pushes {
                let stream = if err { Stream::Err } else { Stream::Out };
                tail.push(stream, line(&bytes));
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
            }
        }
    }
}
