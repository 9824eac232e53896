//! Bytes as services could write them, through the splitter, the memory and each format.
//!
//! The first byte says how large the memory is, the second how the rest is cut into chunks; a chunk of the one and the other
//! stream take turns.
#![no_main]
#![allow(missing_docs)]

use foster::log::{Block, End, Format, MAX_LINE, Splitter, Stamp, Stream, Style, Tail, TimeText};
use foster::model::{LogFormat, Shape};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [memory, cut, bytes @ ..] = data else { return };
    // Long lines, of few bytes of the fuzzer's.
    let bytes: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| std::iter::repeat_n(*byte, if *byte == b'~' { 3000 } else { 1 }))
        .collect();
    let size = 1 + usize::from(*cut) * 17;
    let mut tail = Tail::new(usize::from(*memory) * 16);
    let format =
        |shape| Format::service(LogFormat { shape, timestamps: false }, Style::default(), "web@2", 0);
    let (raw, prefix, json) = (format(Shape::Raw), format(Shape::Prefix), format(Shape::Json));
    let time = TimeText::default();
    let mut splitters = [Splitter::default(), Splitter::default()];
    let (mut exact, mut stamp) = ([Vec::new(), Vec::new()], 0);
    let mut pass = |stream: Stream, block: Block<'_>| {
        let lines: Vec<_> = block.lines().collect();
        assert_eq!(lines.len(), block.lines);
        assert!(lines.iter().all(|line| line.bytes.len() <= MAX_LINE && !line.bytes.contains(&b'\n')));
        tail.push(Stamp(stamp), stream, block);
        stamp += block.lines as u64;
        assert!(tail.footprint() <= usize::from(*memory) * 16 && tail.len() as u64 <= stamp);
        let newest = tail.last_lines(1).next().map(|(stream, line)| (stream, line.bytes.to_vec(), line.end));
        if let (Some((of, kept, end)), Some(last)) = (newest, lines.last()) {
            assert!(of == stream && last.bytes.starts_with(&kept) && end == last.end);
        }
        raw.append(block, stream, &time, false, &mut exact[stream.index()]);
        let mut to = Vec::new();
        prefix.append(block, stream, &time, true, &mut to);
        assert_eq!(to.iter().filter(|byte| **byte == b'\n').count(), block.lines);
        to.clear();
        json.append(block, stream, &time, false, &mut to);
        let objects: Vec<_> =
            to.strip_suffix(b"\n").unwrap_or_default().split(|byte| *byte == b'\n').collect();
        assert_eq!(objects.len(), block.lines);
        assert!(objects.iter().all(|object| object.starts_with(b"{\"time\":\"") && object.ends_with(b"}")));
    };
    let mut wrote = [Vec::new(), Vec::new()];
    for (turn, chunk) in bytes.chunks(size).enumerate() {
        let stream = Stream::BOTH[turn % 2];
        wrote[stream.index()].extend_from_slice(chunk);
        splitters[stream.index()].feed(chunk, |block| pass(stream, block));
    }
    for stream in Stream::BOTH {
        splitters[stream.index()].flush(|block| {
            assert_eq!(block.end, End::Eof);
            pass(stream, block);
        });
    }
    // What was written comes out of the raw format byte for byte.
    assert!(exact == wrote);
    let end = tail.end();
    let mut place = tail.place(usize::MAX, Stamp::default());
    let held = end.lines_since(place);
    assert_eq!(held, tail.len() as u64);
    for left in (0..held).rev() {
        assert!(tail.next(&mut place).is_some());
        assert_eq!(end.lines_since(place), left);
    }
    assert!(place == end && tail.next(&mut place).is_none());
});
