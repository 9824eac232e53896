//! Where lines go, and how they look there; what a sink that does not keep up costs, and whom.
#![allow(clippy::unwrap_used)]

mod log_room;

use foster::log::Stream;
use foster::model::{Id, LogFormat, OnFull, Plan, Shape, Sink, StderrTo};
use log_room::{Shell, plan, read_all};
use std::fs::File;
use std::io::{Write, pipe};
use std::os::fd::AsRawFd;
use std::thread;

/// A plan of these services, each changed by `change`.
fn changed(names: &[&str], change: impl Fn(&mut foster::model::Log)) -> Plan {
    let mut plan = plan(names);
    plan.services.iter_mut().for_each(|service| change(&mut service.log));
    plan
}

/// What comes out on both consoles when each service writes these to stdout and stderr, in one life.
fn shown(plan: &Plan, said: &[(u32, Stream, &[u8])]) -> String {
    let (reader, console) = pipe().unwrap();
    let mut shell = Shell::of(plan, &console, &console);
    let text = read_all(reader);
    for (id, stream, bytes) in said {
        let before = shell.output.counts(Id(*id)).map(|count| count.bytes).iter().sum::<u64>();
        let mut to = shell.open(*id, *stream);
        let bytes = bytes.to_vec();
        let all = before + bytes.len() as u64;
        let writer = thread::spawn(move || to.write_all(&bytes).unwrap());
        shell.until(|output| output.counts(Id(*id)).map(|count| count.bytes).iter().sum::<u64>() == all);
        writer.join().unwrap();
    }
    shell.end();
    drop(console);
    text.join().unwrap()
}

fn format(shape: Shape, timestamps: bool) -> impl Fn(&mut foster::model::Log) {
    move |log| log.format = LogFormat { shape, timestamps }
}

#[test]
fn raw_lines_pass_as_they_are_and_two_services_never_share_one() {
    let plan = changed(&["a", "b"], format(Shape::Raw, false));
    let long = vec![b'x'; 40_000];
    let said: [(u32, Stream, &[u8]); 6] = [
        (0, Stream::Out, b"one\ntwo\n"),
        (0, Stream::Out, &long),
        (1, Stream::Out, b"between\n"),
        (0, Stream::Out, b"yz\n"),
        (1, Stream::Err, b"last"),
        (0, Stream::Out, b"end"),
    ];
    let text = shown(&plan, &said);
    let lines: Vec<_> = text.split('\n').collect();
    assert_eq!((lines[0], lines[1]), ("one", "two"));
    // Two pieces were passed on when the other line came; the rest is another line.
    assert_eq!(
        (lines[2].len(), lines[3], lines[4].len()),
        (2 * 16 * 1024, "between", 40_000 + 2 - 2 * 16 * 1024)
    );
    // What has no newline in the end gets none, but for what would be added to it.
    let mut rest = [lines[5], lines[6]];
    rest.sort_unstable();
    assert_eq!((rest, lines.len()), (["end", "last"], 7));
}

#[test]
fn raw_lines_of_one_service_are_exact_byte_for_byte() {
    let plan = changed(&["a"], format(Shape::Raw, false));
    let mut bytes = Vec::new();
    for length in [0, 1, 70_000, 16 * 1024, 16 * 1024 + 1, 3] {
        bytes.extend(std::iter::repeat_n(b'q', length));
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(&[b'w'; 20_000]);
    let (mut all, mut said) = (Vec::new(), Vec::new());
    for part in bytes.chunks(50_000) {
        said.push((0, Stream::Out, part));
        all.extend_from_slice(part);
    }
    assert!(shown(&plan, &said).as_bytes() == all);
}

#[test]
fn timestamps_and_json_tell_when_and_by_whom() {
    let text =
        shown(&changed(&["web@2"], format(Shape::Prefix, true)), &[(0, Stream::Out, b"up\nand running\n")]);
    for (line, end) in text.lines().zip([" web@2  | up", " web@2  | and running"]) {
        let (time, rest) = line.split_at(24);
        assert!(time.parse::<jiff::Timestamp>().is_ok() && rest == end, "{line}");
    }
    let said: [(u32, Stream, &[u8]); 2] =
        [(0, Stream::Out, b"{\"level\": \"info\"}\n"), (0, Stream::Err, b"no \"object\"\n")];
    let text = shown(&changed(&["web@2"], format(Shape::Json, false)), &said);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["message"]["level"], &lines[0]["stream"]), (&"info".into(), &"stdout".into()));
    assert_eq!((&lines[1]["message"], &lines[1]["stream"]), (&"no \"object\"".into(), &"stderr".into()));
    assert!(lines.iter().all(|line| line["service"] == "web" && line["instance"] == 2));
}

#[test]
fn standard_error_can_share_the_pipe_of_standard_output_and_its_order() {
    let plan = changed(&["a"], |log| log.stderr = StderrTo::Stdout);
    let null = File::options().write(true).open("/dev/null").unwrap();
    let mut shell = Shell::of(&plan, &null, &null);
    let [out, err] = shell.output.open(Id(0)).unwrap();
    assert_eq!(out.as_raw_fd(), err.as_raw_fd());
    let said: Vec<_> =
        (0..100).map(|n| (0, if n % 3 == 0 { Stream::Err } else { Stream::Out }, format!("{n}\n"))).collect();
    let said: Vec<_> = said.iter().map(|(id, stream, text)| (*id, *stream, text.as_bytes())).collect();
    let text = shown(&plan, &said);
    let expected: String = (0..100).map(|n| format!("a      | {n}\n")).collect();
    assert_eq!(text, expected);
}

#[test]
fn what_goes_nowhere_is_still_kept_in_memory() {
    let said: [(u32, Stream, &[u8]); 2] =
        [(0, Stream::Out, b"to stdout\n"), (0, Stream::Err, b"to stderr\n")];
    assert_eq!(shown(&changed(&["a"], |log| log.stderr = StderrTo::Null), &said), "a      | to stdout\n");
    let plan = changed(&["a", "b"], |log| log.to = vec![Sink::Null]);
    assert_eq!(shown(&plan, &said), "");
    let null = File::options().write(true).open("/dev/null").unwrap();
    let mut shell = Shell::of(&plan, &null, &null);
    shell.open(0, Stream::Err).write_all(b"why it failed\n").unwrap();
    shell.until_says(0, b"why it failed");
}

#[test]
fn who_inherits_has_the_descriptors_of_the_supervisor() {
    let plan = changed(&["a"], |log| log.to = vec![Sink::Inherit]);
    let null = File::options().write(true).open("/dev/null").unwrap();
    let mut shell = Shell::of(&plan, &null, &null);
    let ends = shell.output.open(Id(0)).unwrap();
    let stdio: [&dyn std::os::fd::AsFd; 2] = [&std::io::stdout(), &std::io::stderr()];
    for (end, own) in ends.iter().zip(stdio) {
        let [a, b] = [end, &own.as_fd()].map(|fd| nix::sys::stat::fstat(fd).unwrap());
        assert_eq!((a.st_dev, a.st_ino), (b.st_dev, b.st_ino));
    }
}

#[test]
fn memory_is_as_large_as_it_is_set_and_can_be_nothing() {
    let null = File::options().write(true).open("/dev/null").unwrap();
    for (memory, kept) in [(0, 0), (1000, 12), (1 << 20, 1000)] {
        let plan = changed(&["a"], |log| log.memory = memory);
        let mut shell = Shell::of(&plan, &null, &null);
        let mut out = shell.open(0, Stream::Out);
        let writer = thread::spawn(move || (0..1000).for_each(|n| writeln!(out, "{n:080}").unwrap()));
        shell.until(|output| output.counts(Id(0))[0].lines == 1000);
        writer.join().unwrap();
        let lines = shell.output.last_lines(Id(0), usize::MAX).count();
        assert!(lines == kept || memory == 1000 && (10..=kept).contains(&lines), "{memory}: {lines}");
    }
}

#[test]
fn who_would_rather_lose_lines_is_not_held_up_and_loses_whole_lines_that_are_counted() {
    let (reader, console) = pipe().unwrap();
    let mut plan = plan(&["drops", "waits"]);
    plan.services[0].log.on_full = OnFull::Drop;
    let mut shell = Shell::of(&plan, &console, &console);
    let [mut drops, mut waits] = [0, 1].map(|id| shell.open(id, Stream::Out));
    let total = 100_000;
    // It is never held up, so it comes to its end though nobody reads.
    let writer = thread::spawn(move || {
        (0..total).for_each(|n| writeln!(drops, "line {n}").unwrap());
        writeln!(drops, "end").unwrap();
    });
    shell.until_says(0, b"end");
    writer.join().unwrap();
    let dropped = shell.output.dropped(Id(0));
    assert!(dropped > 0 && dropped < total, "{dropped}");
    // Who waits is not read, and loses nothing.
    waits.write_all(b"said in vain\n").unwrap();
    shell.until_idle();
    assert_eq!((shell.output.counts(Id(1))[0].lines, shell.output.dropped(Id(1))), (0, 0));
    let text = read_all(reader);
    shell.until_says(1, b"said in vain");
    shell.end();
    drop(console);
    let text = text.join().unwrap();
    let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("drops  | ")).collect();
    assert_eq!(lines.len() as u64 + dropped, total + 1);
    let numbers: Vec<u64> =
        lines.iter().filter_map(|line| line.strip_prefix("line ")?.parse().ok()).collect();
    assert!(numbers.is_sorted(), "in order");
    let told = format!("foster | {dropped} lines were not written to standard output, which did not keep up");
    assert!(text.lines().any(|line| line == told), "{told}: {}", &text[text.len() - 300..]);
    assert!(text.contains("waits  | said in vain"));
}

#[test]
fn a_hundred_services_that_write_without_end_have_equal_shares_and_cost_bounded_memory() {
    let (reader, console) = pipe().unwrap();
    let names: Vec<String> = (0..100).map(|n| format!("s{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut shell = Shell::new(&names, &console, &console);
    let line = [&[b'x'; 99][..], b"\n"].concat();
    let mut pipes: Vec<_> = (0..100)
        .map(|id| {
            let pipe = shell.open(id, Stream::Out);
            let flags = nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK);
            nix::fcntl::fcntl(&pipe, flags).unwrap();
            pipe
        })
        .collect();
    let text = thread::spawn(move || {
        let mut reader = reader;
        std::io::copy(&mut reader, &mut std::io::sink()).unwrap()
    });
    let bytes = |shell: &Shell, id: u32| shell.output.counts(Id(id))[0].bytes;
    while (0..100).map(|id| bytes(&shell, id)).sum::<u64>() < 64 << 20 {
        // All pipes are full at all times.
        for pipe in &mut pipes {
            while pipe.write(&line).is_ok() {}
        }
        shell.turn(0);
        assert!(shell.output.pending() <= (256 + 2 * 72) * 1024, "{}", shell.output.pending());
    }
    let shares: Vec<u64> = (0..100).map(|id| bytes(&shell, id)).collect();
    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
    // A share is one read, and none has a second one before each other has had his.
    assert!(most - least <= 3 * 64 * 1024, "{least} to {most}");
    drop((shell, console));
    text.join().unwrap();
}
