//! From the pipes of the services to the console: what comes out is whole, in order, and never waited for.
#![allow(clippy::unwrap_used)]

mod log_room;

use foster::log::{Stamp, Stream};
use foster::model::{Id, LogLevel};
use foster::run::{Cursor, Entry};
use log_room::{BUDGET, PATIENCE, Shell, TAG, plan, read_all};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write, pipe};
use std::os::fd::{AsFd, BorrowedFd};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The mark at which a console counts as full, and what one read of long lines adds at most.
const BOUND: usize = (256 + 2 * 72) * 1024;

/// Writes numbered lines of many lengths, in chunks that do not care about lines.
fn write_numbered(mut to: File, count: usize, chunk: usize) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        for n in 0..count {
            writeln!(bytes, "{n} {}", "x".repeat(n % 97)).unwrap();
        }
        bytes.extend_from_slice(b"end\n");
        for part in bytes.chunks(chunk) {
            to.write_all(part).unwrap();
        }
    })
}

/// Takes the console's text apart by prefix; every line must be whole.
fn by_service(text: &str) -> HashMap<&str, Vec<&str>> {
    assert!(text.is_empty() || text.ends_with('\n'));
    let mut lines: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in text.lines() {
        let (name, line) = line.split_once(" | ").unwrap();
        lines.entry(name.trim_end()).or_default().push(line);
    }
    lines
}

fn assert_numbered(lines: &[&str], count: usize) {
    assert_eq!(lines.len(), count + 1);
    for (n, line) in lines[..count].iter().enumerate() {
        let (number, rest) = line.split_once(' ').unwrap();
        assert_eq!((number.parse(), rest.len()), (Ok(n), n % 97));
    }
    assert_eq!(lines[count], "end");
}

#[test]
fn chatty_services_interleave_by_whole_lines() {
    let (reader, console) = pipe().unwrap();
    let mut shell = Shell::new(&["web", "db"], &console, &console);
    let text = read_all(reader);
    let writers = [
        write_numbered(shell.open(0, Stream::Out), 20_000, 7777),
        write_numbered(shell.open(1, Stream::Out), 20_000, 313),
    ];
    shell.until_says(0, b"end");
    shell.until_says(1, b"end");
    shell.end();
    drop(console);
    let text = text.join().unwrap();
    let lines = by_service(&text);
    assert_numbered(&lines["web"], 20_000);
    assert_numbered(&lines["db"], 20_000);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

#[test]
fn a_stalled_console_pushes_back_and_loses_nothing() {
    let (reader, console) = pipe().unwrap();
    let mut shell = Shell::new(&["web", "db"], &console, &console);
    let writers = [
        write_numbered(shell.open(0, Stream::Out), 30_000, 5000),
        write_numbered(shell.open(1, Stream::Err), 30_000, 5000),
    ];
    shell.until(|output| output.pending() >= 256 * 1024);
    shell.until_idle();
    for _ in 0..100 {
        shell.turn(1);
        assert!(shell.output.pending() < BOUND);
    }
    assert!(writers.iter().all(|writer| !writer.is_finished()), "they wait for room in their pipes");

    let text = read_all(reader);
    shell.until_says(0, b"end");
    shell.until_says(1, b"end");
    shell.end();
    drop(console);
    let text = text.join().unwrap();
    let lines = by_service(&text);
    assert_numbered(&lines["web"], 30_000);
    assert_numbered(&lines["db"], 30_000);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

#[test]
fn one_stalled_console_does_not_stop_the_other() {
    let (_reader, stalled) = pipe().unwrap();
    let (reader, console) = pipe().unwrap();
    let mut shell = Shell::new(&["web", "db"], &stalled, &console);
    let flood = write_numbered(shell.open(0, Stream::Out), 30_000, 5000);
    shell.until(|output| output.pending() >= 256 * 1024);
    let text = read_all(reader);
    let writer = write_numbered(shell.open(1, Stream::Err), 20_000, 5000);
    shell.until_says(1, b"end");
    writer.join().unwrap();

    // At the end the deadline holds whatever the console does, and the other got everything.
    let start = Instant::now();
    shell.output.finish(PATIENCE, start + Duration::from_millis(100));
    assert!(start.elapsed() < Duration::from_secs(5));
    drop((shell, console));
    assert_numbered(&by_service(&text.join().unwrap())["db"], 20_000);
    // Its pipe has lost the only reader now.
    assert!(flood.join().is_err());
}

#[test]
fn a_console_whose_reader_left_disturbs_nobody() {
    let (reader, console) = pipe().unwrap();
    let mut shell = Shell::new(&["web"], &console, &console);
    drop(reader);
    let writer = write_numbered(shell.open(0, Stream::Out), 50_000, 5000);
    shell.until_says(0, b"end");
    writer.join().unwrap();
    shell.until_idle();
    shell.end();
}

#[test]
fn a_reader_that_leaves_while_it_stalls_frees_the_services() {
    let (reader, console) = pipe().unwrap();
    let mut shell = Shell::new(&["web"], &console, &console);
    let writer = write_numbered(shell.open(0, Stream::Out), 50_000, 5000);
    shell.until(|output| output.pending() >= 256 * 1024);
    shell.until_idle();
    drop(reader);
    shell.until_says(0, b"end");
    writer.join().unwrap();
    shell.until_idle();
}

#[test]
fn a_full_disk_is_said_once_on_the_other_stream() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (reader, console) = pipe().unwrap();
    let mut shell = Shell::new(&["web"], &full, &console);
    let writer = write_numbered(shell.open(0, Stream::Out), 20_000, 5000);
    shell.until_says(0, b"end");
    writer.join().unwrap();
    shell.end();
    drop(console);
    assert_eq!(
        read_all(reader).join().unwrap(),
        "foster | cannot write to standard output: No space left on device; output is dropped until it works again\n"
    );
}

#[test]
fn the_last_line_needs_no_newline_and_comes_before_the_news_of_the_end() {
    let (reader, console) = pipe().unwrap();
    let mut shell = Shell::new(&["web"], &console, &console);
    let mut out = shell.open(0, Stream::Out);
    out.write_all(b"one\nlast wo").unwrap();
    shell.until_says(0, b"one");
    out.write_all(b"rds").unwrap();
    shell.own.push(LogLevel::Warn, b"said before");
    shell.output.drain(Id(0));
    shell.own.push(LogLevel::Warn, b"web: exited");
    let last: Vec<_> = shell.output.last_lines(Id(0), 1).map(|(_, line)| line.bytes.to_vec()).collect();
    assert_eq!(last, [b"last words"]);
    out.write_all(b"a new life\n").unwrap();
    shell.until_says(0, b"a new life");
    shell.end();
    drop((console, out));
    assert_eq!(
        read_all(reader).join().unwrap(),
        "web    | one\nfoster | said before\nweb    | last words\nfoster | web: exited\nweb    | a new life\n"
    );
}

#[test]
fn last_words_into_a_stalled_console_stay_apart_from_the_next_life() {
    let (reader, console) = pipe().unwrap();
    let mut shell = Shell::new(&["web", "db"], &console, &console);
    let flood = write_numbered(shell.open(1, Stream::Out), 30_000, 5000);
    shell.until(|output| output.pending() >= 256 * 1024);
    let mut out = shell.open(0, Stream::Out);
    for life in 0..3 {
        write!(out, "last words {life}").unwrap();
        shell.output.drain(Id(0));
    }
    writeln!(out, "alive").unwrap();
    let text = read_all(reader);
    shell.until_says(0, b"alive");
    shell.until_says(1, b"end");
    shell.end();
    drop(console);
    let text = text.join().unwrap();
    let lines = by_service(&text);
    assert_eq!(lines["web"], ["last words 0", "last words 1", "last words 2", "alive"]);
    assert_numbered(&lines["db"], 30_000);
    flood.join().unwrap();
}

#[test]
fn a_descendant_that_writes_on_does_not_hold_up_the_news_of_the_end() {
    let null = File::options().write(true).open("/dev/null").unwrap();
    let mut shell = Shell::new(&["web"], &null, &null);
    let mut out = shell.open(0, Stream::Out);
    // It ends when its reader does, and floods until then.
    let flood = thread::spawn(move || while out.write_all(&[b'x'; 1000]).is_ok() {});
    shell.until(|output| output.last_lines(Id(0), 1).next().is_some());
    for _ in 0..100 {
        shell.output.drain(Id(0));
    }
    assert!(Instant::now() < shell.deadline);
    drop(shell);
    flood.join().unwrap();
}

#[test]
fn a_very_long_line_comes_in_pieces_with_a_prefix_each() {
    let (reader, console) = pipe().unwrap();
    let mut shell = Shell::new(&["web"], &console, &console);
    let text = read_all(reader);
    let mut out = shell.open(0, Stream::Out);
    let writer = thread::spawn(move || writeln!(out, "{}", "y".repeat(40_000)).unwrap());
    shell.until_says(0, &vec![b'y'; 40_000 - 2 * 16 * 1024]);
    writer.join().unwrap();
    shell.end();
    drop(console);
    let text = text.join().unwrap();
    let lengths: Vec<_> = by_service(&text)["web"].iter().map(|line| line.len()).collect();
    assert_eq!(lengths, [16 * 1024, 16 * 1024, 40_000 - 2 * 16 * 1024]);
}

#[test]
fn a_quiet_service_is_heard_through_a_flood() {
    let null = File::options().write(true).open("/dev/null").unwrap();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "quiet"];
    let mut shell = Shell::new(&names, &null, &null);
    let floods: Vec<_> = (0..8)
        .map(|id| {
            let mut out = shell.open(id, Stream::Out);
            thread::spawn(move || while out.write_all(&[b'\n'; 4096]).is_ok() {})
        })
        .collect();
    let mut quiet = shell.open(8, Stream::Out);
    for id in 0..8 {
        shell.until(|output| output.last_lines(Id(id), 1).next().is_some());
    }
    for n in 0..20 {
        writeln!(quiet, "line {n}").unwrap();
        let before = shell.turns;
        shell.until_says(8, format!("line {n}").as_bytes());
        // Eight floods with a share of 64 KiB each are two budgets.
        assert!(shell.turns - before <= 4, "{} turns", shell.turns - before);
    }
    drop(shell);
    floods.into_iter().for_each(|flood| flood.join().unwrap());
}

#[test]
fn a_new_process_gets_a_blocking_pipe_whatever_the_last_one_did() {
    let null = File::options().write(true).open("/dev/null").unwrap();
    let mut shell = Shell::new(&["web"], &null, &null);
    let first = shell.open(0, Stream::Out);
    fcntl(&first, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let second = shell.open(0, Stream::Out);
    let nonblocking = |fd: BorrowedFd<'_>| {
        OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL).unwrap()).contains(OFlag::O_NONBLOCK)
    };
    assert!(!nonblocking(second.as_fd()));
    let [out, err] = shell.output.open(Id(0)).unwrap();
    for fd in [out, err] {
        assert_ne!(fcntl(fd, FcntlArg::F_GETFD).unwrap() & nix::libc::FD_CLOEXEC, 0);
    }
}

#[test]
fn events_of_others_are_left_to_them() {
    let null = File::options().write(true).open("/dev/null").unwrap();
    let mut shell = Shell::new(&["web"], &null, &null);
    assert!(!shell.output.event(3));
    assert!(!shell.output.event(u64::from(TAG + 1) << 32));
    assert!(shell.output.event(u64::from(TAG) << 32 | 999), "a stream that is not there");
    assert!(!shell.output.turn(BUDGET));
    assert!(shell.output.open(Id(9)).is_err());
    shell.output.drain(Id(9));
    assert_eq!(shell.output.last_lines(Id(9), 1).count(), 0);
}

/// What a reader is given, as text: `1: line`, `1: 3 lost`.
fn read_on(shell: &mut Shell, cursor: &mut Cursor, most: usize) -> Vec<String> {
    let mut seen = Vec::new();
    if most > 0 {
        shell.output.read_logs(cursor, |entry| {
            seen.push(match entry {
                Entry::Line(id, kept) => format!("{}: {}", id.0, String::from_utf8_lossy(kept.line.bytes)),
                Entry::Lost(id, count) => format!("{}: {count} lost", id.0),
            });
            seen.len() < most
        });
    }
    seen
}

fn say(shell: &mut Shell, id: u32, line: &str) {
    let mut to = shell.open(id, Stream::Out);
    writeln!(to, "{line}").unwrap();
    shell.until_says(id, line.as_bytes());
}

#[test]
fn the_lines_of_several_services_are_read_in_the_order_of_their_arrival() {
    let (console, out) = pipe().unwrap();
    let console = read_all(console);
    let mut shell = Shell::new(&["a", "b", "c"], &out, &out);
    for n in 0..6 {
        say(&mut shell, n % 3, &format!("line {n}"));
    }
    let mut cursor = shell.output.cursor(Some(&[Id(0), Id(2)]), 3, Stamp(0), false);
    assert_eq!(read_on(&mut shell, &mut cursor, 1), ["2: line 2"], "the newest three of the two");
    say(&mut shell, 0, "too late");
    assert_eq!(read_on(&mut shell, &mut cursor, 9), ["0: line 3", "2: line 5"]);
    assert!(read_on(&mut shell, &mut cursor, 9).is_empty(), "it was not to follow");

    let since = shell.output.newest();
    let mut cursor = shell.output.cursor(None, usize::MAX, since, true);
    assert_eq!(read_on(&mut shell, &mut cursor, 9), ["0: too late"]);
    assert!(!shell.output.has_logs(&cursor));
    say(&mut shell, 1, "new");
    assert!(shell.output.has_logs(&cursor));
    assert_eq!(read_on(&mut shell, &mut cursor, 9), ["1: new"]);
    shell.end();
    drop(out);
    console.join().unwrap();
}

#[test]
fn a_reader_who_is_too_slow_is_told_how_many_lines_he_has_missed() {
    let (console, out) = pipe().unwrap();
    let console = read_all(console);
    let mut shell = Shell::new(&["a"], &out, &out);
    say(&mut shell, 0, "first");
    let mut cursor = shell.output.cursor(None, usize::MAX, Stamp(0), true);
    assert_eq!(read_on(&mut shell, &mut cursor, 9), ["0: first"]);
    let writer = write_numbered(shell.open(0, Stream::Out), 10_000, 4096);
    shell.until_says(0, b"end");
    writer.join().unwrap();
    let seen = read_on(&mut shell, &mut cursor, usize::MAX);
    let lost: usize = seen[0].strip_prefix("0: ").unwrap().strip_suffix(" lost").unwrap().parse().unwrap();
    assert_eq!(lost + seen.len() - 1, 10_001);
    assert!(seen[1].starts_with(&format!("0: {lost} ")), "{}", seen[1]);
    shell.end();
    drop(out);
    console.join().unwrap();
}

#[test]
fn another_plan_takes_over_what_stays_and_forgets_what_is_gone() {
    let (console, out) = pipe().unwrap();
    let console = read_all(console);
    let mut shell = Shell::new(&["stays", "goes"], &out, &out);
    let mut cursor = shell.output.cursor(None, 0, Stamp(0), true);
    say(&mut shell, 0, "one");
    let mut stranger = shell.open(1, Stream::Out);
    stranger.write_all(b"a last word without its newline").unwrap();
    shell.output.drain(Id(1));

    shell.output.replace(&plan(&["stays", "another", "a-longer-name"]), &[Id(1), Id(2)]);
    assert_eq!(stranger.write(b"x").map_err(|e| e.kind()), Err(std::io::ErrorKind::BrokenPipe));
    assert_eq!(shell.output.last_lines(Id(1), 9).count(), 0);
    say(&mut shell, 1, "two");
    say(&mut shell, 2, "three");
    say(&mut shell, 0, "four");
    assert_eq!(read_on(&mut shell, &mut cursor, 9), ["0: one", "1: two", "2: three", "0: four"]);

    shell.output.replace(&plan(&["stays", "", ""]), &[Id(1), Id(2)]);
    assert!(shell.output.open(Id(1)).is_err());
    say(&mut shell, 0, "five");
    assert_eq!(read_on(&mut shell, &mut cursor, 9), ["0: five"]);
    shell.end();
    drop(out);
    let text = console.join().unwrap();
    let expected = "stays  | one\ngoes   | a last word without its newline\nanother       | two\n\
                    a-longer-name | three\nstays         | four\nstays  | five\n";
    assert_eq!(text, expected);
}

#[test]
fn what_a_service_that_is_gone_has_said_waits_for_a_console_that_does_not_keep_up() {
    let (mut console, out) = pipe().unwrap();
    let mut shell = Shell::new(&["loud", "goes"], &out, &out);
    let writer = write_numbered(shell.open(0, Stream::Out), 50_000, 4096);
    shell.until(|output| output.pending() >= 256 * 1024);
    let mut goes = shell.open(1, Stream::Out);
    writeln!(goes, "farewell").unwrap();
    drop(goes);
    shell.turn(0);
    shell.output.drain(Id(1));
    shell.output.replace(&plan(&["loud", "comes"]), &[Id(1)]);
    let mut comes = shell.open(1, Stream::Out);
    writeln!(comes, "hello").unwrap();

    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        console.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    });
    shell.until_says(0, b"end");
    shell.until_says(1, b"hello");
    writer.join().unwrap();
    shell.end();
    drop(out);
    let text = reader.join().unwrap();
    let lines = by_service(&text);
    assert_eq!((&lines["goes"][..], &lines["comes"][..]), (&["farewell"][..], &["hello"][..]));
    assert_numbered(&lines["loud"], 50_000);
}
