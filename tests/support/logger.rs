//! A service that others write to, which can be killed without losing what it has read.

use super::helper::say;
use std::io::Write as _;

/// `logger NAME FILE [stuck=N] [lives=L]`: appends to the file each line that it reads, by one write, and says `eof NAME` at the
/// end of its input. In its first L lives (all, if not given) it reads N lines only, says `stuck NAME`, and waits to be killed.
pub fn log(name: &str, file: &str, options: &[&str]) -> i32 {
    let number = |key: &str| {
        let value = options.iter().find_map(|one| one.strip_prefix(key)?.strip_prefix('='));
        value.map(|text| text.parse::<usize>().unwrap())
    };
    let append = |path: &str| std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    let lives = format!("{file}.lives");
    append(&lives).write_all(b".").unwrap();
    let life = std::fs::metadata(&lives).unwrap().len() as usize;
    let most = number("stuck").filter(|_| number("lives").is_none_or(|lives| life <= lives));
    say(&format!("up {name} {}", std::process::id()));

    let mut to = append(file);
    let mut input = std::io::stdin().lock();
    if most.is_none() {
        // Nobody kills it while it reads, so it may read ahead.
        std::io::copy(&mut input, &mut to).unwrap();
        say(&format!("eof {name}"));
        return 0;
    }
    let (mut line, mut count) = (Vec::new(), 0);
    while Some(count) != most {
        let byte = read_byte();
        line.extend(byte);
        if byte.is_none_or(|byte| byte == b'\n') {
            to.write_all(&line).unwrap();
            line.clear();
            count += 1;
        }
        if byte.is_none() {
            say(&format!("eof {name}"));
            return 0;
        }
    }
    say(&format!("stuck {name}"));
    loop {
        // SAFETY: no arguments.
        unsafe { libc::pause() };
    }
}

/// One byte, and not one more, of standard input.
fn read_byte() -> Option<u8> {
    let mut byte = [0];
    // SAFETY: room for one byte.
    (unsafe { libc::read(0, byte.as_mut_ptr().cast(), 1) } == 1).then_some(byte[0])
}
