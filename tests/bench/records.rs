//! The records that the programs of a run append (see `src/record.h`).

use std::path::Path;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Z time zero, S a service runs, T it was asked to stop, B orphans begin, M all orphans made.
    pub kind: char,
    pub id: u32,
    /// As seen in the namespace.
    pub pid: u32,
    /// CLOCK_MONOTONIC.
    pub ns: u64,
}

const SIZE: usize = 24;

/// All records so far.
pub fn read(path: &Path) -> Vec<Record> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let number = |at: &[u8]| u32::from_ne_bytes(at.try_into().expect("four bytes"));
    bytes
        .chunks_exact(SIZE)
        .map(|one| Record {
            kind: char::from(one[0]),
            id: number(&one[4..8]),
            pid: number(&one[8..12]),
            ns: u64::from_ne_bytes(one[16..24].try_into().expect("eight bytes")),
        })
        .collect()
}

/// Waits until `count` records are there. Looks at the size of the file once per millisecond: the records carry
/// their own time, so this decides nothing but when we go on.
pub fn wait(path: &Path, count: usize, limit: Duration) -> Result<Vec<Record>, String> {
    let end = Instant::now() + limit;
    loop {
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        if size >= (count * SIZE) as u64 {
            return Ok(read(path));
        }
        if Instant::now() > end {
            return Err(format!("{} of {count} records after {limit:?}", size / SIZE as u64));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// CLOCK_MONOTONIC in nanoseconds: the clock of the records.
#[allow(unsafe_code)]
pub fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of our own.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
