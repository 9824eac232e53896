//! Bytes in, whole lines out.

/// The longest line that is passed on whole, without its newline. A longer one comes in pieces of this size.
pub const MAX_LINE: usize = 16 * 1024;

/// Why a [`Line`] ends where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At its newline, which is not part of [`Line::bytes`].
    Newline,
    /// It is longer than [`MAX_LINE`]: the rest follows as the stream's next line.
    Cut,
    /// The writer went away without a newline.
    Eof,
}

/// One line, or a piece of one that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Any bytes but the newline.
    pub bytes: &'a [u8],
    /// What ended it.
    pub end: End,
}

/// Lines of one stream that came together, as they came: what many lines have in common is done once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// The lines, with newlines between them and none at the end.
    pub bytes: &'a [u8],
    /// What ended the last one; all others end at their newlines.
    pub end: End,
    /// How many there are, never 0; a piece counts as one.
    pub lines: usize,
}

impl<'a> Block<'a> {
    /// A single line.
    #[must_use]
    pub fn one(line: Line<'a>) -> Self {
        Self { bytes: line.bytes, end: line.end, lines: 1 }
    }

    /// The lines, one by one.
    pub fn lines(self) -> impl Iterator<Item = Line<'a>> {
        let mut rest = Some(self.bytes);
        std::iter::from_fn(move || {
            let bytes = rest?;
            let Some(at) = memchr::memchr(b'\n', bytes) else {
                rest = None;
                return Some(Line { bytes, end: self.end });
            };
            rest = bytes.get(at + 1..);
            Some(Line { bytes: &bytes[..at], end: End::Newline })
        })
    }
}

/// Cuts the bytes of one stream into lines, and keeps the beginning of a line whose end has not come yet.
///
/// The lines depend on the bytes alone, never on how they were chunked. Those that lie whole in a chunk are handed on as
/// slices of it; only what is carried over to the next chunk is copied, at most [`MAX_LINE`] bytes.
#[derive(Debug, Default)]
pub struct Splitter {
    carry: Vec<u8>,
}

impl Splitter {
    /// Takes the next bytes and hands the lines that end in them to `emit`.
    pub fn feed(&mut self, mut chunk: &[u8], mut emit: impl FnMut(Block<'_>)) {
        if !self.carry.is_empty() {
            chunk = self.complete(chunk, &mut emit);
        }
        // Lines from `from` on are not handed on yet, the one that begins at `line` is not whole.
        let (mut from, mut line, mut lines) = (0, 0, 0);
        for at in memchr::memchr_iter(b'\n', chunk) {
            if at - line > MAX_LINE {
                hand_on(&chunk[from..line], lines, &mut emit);
                from = at - cut(&chunk[line..at], &mut emit).len();
                lines = 0;
            }
            lines += 1;
            line = at + 1;
        }
        hand_on(&chunk[from..line], lines, &mut emit);
        if line < chunk.len() {
            self.carry.extend_from_slice(cut(&chunk[line..], &mut emit));
        }
    }

    /// Hands on a line that has no newline as a line of its own: its writer is gone.
    pub fn flush(&mut self, emit: impl FnOnce(Block<'_>)) {
        if !self.carry.is_empty() {
            emit(Block { bytes: &self.carry, end: End::Eof, lines: 1 });
        }
        // Its memory goes back, because a writer that is gone needs none.
        self.carry = Vec::new();
    }

    /// The bytes of a line that has not ended yet.
    #[must_use]
    pub fn partial(&self) -> &[u8] {
        &self.carry
    }

    /// Completes the carried line from the chunk; returns what comes after it. The carry is then empty, or the
    /// chunk is used up.
    fn complete<'c>(&mut self, chunk: &'c [u8], emit: &mut impl FnMut(Block<'_>)) -> &'c [u8] {
        // One byte beyond the bound decides between a line of exactly that length and one to cut.
        let room = (MAX_LINE + 1).saturating_sub(self.carry.len()).min(chunk.len());
        let (head, rest) = chunk.split_at(room);
        if let Some(at) = memchr::memchr(b'\n', head) {
            self.carry.extend_from_slice(&head[..at]);
            emit(Block { bytes: &self.carry, end: End::Newline, lines: 1 });
            self.carry.clear();
            return &chunk[at + 1..];
        }
        if self.carry.len() + head.len() <= MAX_LINE {
            self.carry.extend_from_slice(head);
            return rest;
        }
        let fits = MAX_LINE - self.carry.len();
        self.carry.extend_from_slice(&head[..fits]);
        emit(Block { bytes: &self.carry, end: End::Cut, lines: 1 });
        self.carry.clear();
        &chunk[fits..]
    }
}

/// Hands on so many whole lines, with all their newlines.
fn hand_on(bytes: &[u8], lines: usize, emit: &mut impl FnMut(Block<'_>)) {
    if let Some((_, bytes)) = bytes.split_last() {
        emit(Block { bytes, end: End::Newline, lines });
    }
}

/// Hands on all pieces of a line but the last, which is returned: at most [`MAX_LINE`] bytes, and empty only if the
/// line is.
fn cut<'c>(mut line: &'c [u8], emit: &mut impl FnMut(Block<'_>)) -> &'c [u8] {
    while line.len() > MAX_LINE {
        let (piece, rest) = line.split_at(MAX_LINE);
        emit(Block { bytes: piece, end: End::Cut, lines: 1 });
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(chunks: &[&[u8]]) -> Vec<(Vec<u8>, End)> {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        let mut take = |block: Block<'_>| {
            let before = lines.len();
            lines.extend(block.lines().map(|line| (line.bytes.to_vec(), line.end)));
            assert_eq!(lines.len() - before, block.lines);
        };
        for chunk in chunks {
            splitter.feed(chunk, &mut take);
            assert!(splitter.partial().len() <= MAX_LINE);
        }
        splitter.flush(take);
        lines
    }

    #[test]
    fn a_line_is_passed_on_when_its_newline_comes() {
        assert_eq!(
            split(&[b"on", b"e\n\ntwo", b"\nthr", b"ee"]),
            [
                (b"one".to_vec(), End::Newline),
                (Vec::new(), End::Newline),
                (b"two".to_vec(), End::Newline),
                (b"three".to_vec(), End::Eof)
            ]
        );
    }

    #[test]
    fn a_line_of_exactly_the_bound_is_whole_and_a_longer_one_comes_in_pieces() {
        let mut exact = vec![b'x'; MAX_LINE];
        exact.push(b'\n');
        assert_eq!(split(&[&exact]), [(vec![b'x'; MAX_LINE], End::Newline)]);
        assert_eq!(split(&[&exact[1..], b"y\n"])[1], (b"y".to_vec(), End::Newline));
        let longer = vec![b'x'; MAX_LINE + 1];
        assert_eq!(split(&[&longer]), [(vec![b'x'; MAX_LINE], End::Cut), (b"x".to_vec(), End::Eof)]);
        assert_eq!(split(&[&longer[1..], b"x"]), split(&[&longer]));
    }

    /// Bytes with lines of all lengths around the bound, and where to cut them into chunks.
    fn input() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
        let length = prop_oneof![0..40usize, Just(MAX_LINE), MAX_LINE - 2..MAX_LINE + 3, 0..3 * MAX_LINE];
        let line = (length, any::<u8>()).prop_map(|(n, b)| vec![if b == b'\n' { 0 } else { b }; n]);
        (prop::collection::vec(line, 0..8), any::<bool>()).prop_flat_map(|(lines, ended)| {
            let mut bytes = lines.join(&b'\n');
            if ended {
                bytes.push(b'\n');
            }
            let cuts = prop::collection::vec(0..=bytes.len(), 0..20);
            (Just(bytes), cuts)
        })
    }

    proptest! {
        #[test]
        fn the_lines_do_not_depend_on_the_chunks((bytes, mut cuts) in input()) {
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                chunks.push(&bytes[from..cut]);
                from = cut;
            }
            chunks.push(&bytes[from..]);
            let lines = split(&chunks);
            prop_assert_eq!(&lines, &split(&[&bytes]));

            let mut again = Vec::new();
            for (line, end) in &lines {
                prop_assert!(line.len() <= MAX_LINE);
                prop_assert!(*end == End::Newline || !line.is_empty());
                again.extend_from_slice(line);
                if *end == End::Newline {
                    again.push(b'\n');
                }
            }
            prop_assert_eq!(again, bytes);
        }
    }
}
