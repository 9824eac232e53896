//! `logutil-service`: what it reads goes into a directory of log files.

use super::{REFUSED, tell, wrong};
use std::fs::{File, OpenOptions, create_dir_all, remove_file, rename};
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};

/// A longer line is split.
const LONGEST: u64 = 8192;

/// `logutil-service DIR`, by the rules of S6_LOGGING_SCRIPT, of which it knows `nN`, `sSIZE` and `1`. It asks for no other
/// user, and what is put away is called `current.1`, `current.2`, …
pub(super) fn logutil_service(name: &str, words: Vec<String>) -> u8 {
    let [directory] = &words[..] else { return wrong(name, "usage: logutil-service directory") };
    let script = std::env::var("S6_LOGGING_SCRIPT").unwrap_or_else(|_| "n20 s1000000 T".to_owned());
    let (mut keep, mut size, mut copy) = (10u32, 99_999u64, false);
    for word in script.split_whitespace() {
        let number = word.get(1..).and_then(|text| text.parse::<u64>().ok());
        match (word.as_bytes().first(), number) {
            (Some(b'n'), Some(number)) => keep = u32::try_from(number.min(1000)).unwrap_or(1000),
            (Some(b's'), Some(number)) => size = number,
            (Some(b'1'), None) if word == "1" => copy = true,
            // Times are foster's own affair.
            (Some(b't' | b'T' | b'S' | b'l' | b'r' | b'E' | b'^' | b'R'), _) => {}
            _ => {
                return wrong(
                    name,
                    &format!("foster does not know `{word}` in S6_LOGGING_SCRIPT: `[log]` writes files, too"),
                );
            }
        }
    }
    match write_all(Path::new(directory), keep, size, copy) {
        Ok(()) => 0,
        Err(why) => {
            tell(name, &format!("unable to write to {directory}: {why}"));
            REFUSED
        }
    }
}

fn write_all(directory: &Path, keep: u32, size: u64, copy: bool) -> io::Result<()> {
    create_dir_all(directory)?;
    let current = directory.join("current");
    let open = |path: &PathBuf| OpenOptions::new().create(true).append(true).open(path);
    let mut file: File = open(&current)?;
    let mut written = file.metadata()?.len();
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        let length = line.len() as u64;
        if size > 0 && written > 0 && written + length > size {
            put_away(&current, keep)?;
            file = open(&current)?;
            written = 0;
        }
        file.write_all(&line)?;
        written += length;
        if copy {
            io::stdout().write_all(&line)?;
        }
    }
}

fn put_away(current: &Path, keep: u32) -> io::Result<()> {
    let of = |n: u32| current.with_file_name(format!("current.{n}"));
    if keep == 0 {
        return remove_file(current);
    }
    for n in (1..keep).rev() {
        match rename(of(n), of(n + 1)) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
    }
    rename(current, of(1))
}
