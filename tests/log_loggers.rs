//! From the pipes of services to the standard input of a logger, whether that reads, does not, or is not there.
#![allow(clippy::unwrap_used)]

use foster::log::{OwnLines, Stream, consoles};
use foster::model::{Id, Kind, LogFormat, Plan, Service, Shape, Sink};
use foster::run::Output;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent};
use std::fs::File;
use std::io::{PipeReader, Read, Write, pipe};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

const WEB: Id = Id(0);
const LOG: Id = Id(1);
const DB: Id = Id(2);
const PATIENCE: Duration = Duration::from_secs(20);

/// `web` writes to `log`, `db` to the console.
fn plan() -> Plan {
    let mut services = ["web", "log", "db"].map(|name| Service::new(name, Kind::Daemon));
    services[0].log.to = vec![Sink::Service(LOG)];
    services[0].log.format = LogFormat { shape: Shape::Raw, timestamps: false };
    services[1].logger = true;
    Plan { services: services.into(), ..Plan::default() }
}

struct Shell {
    epoll: Epoll,
    output: Output,
    console: PipeReader,
    web: File,
}

impl Shell {
    fn new() -> Self {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        let (console, writer) = pipe().unwrap();
        let mut output =
            Output::new(&plan(), consoles(writer.as_fd(), writer.as_fd()), OwnLines::default(), &epoll, 0)
                .unwrap();
        let web = output.open(WEB).unwrap()[0].try_clone_to_owned().unwrap().into();
        Self { epoll, output, console, web }
    }

    /// A new process of the logger: what it reads from.
    fn log(&mut self) -> File {
        self.output.open_input(LOG).unwrap().unwrap().try_clone_to_owned().unwrap().into()
    }

    fn turn(&mut self, timeout_ms: u16) -> bool {
        let mut events = [EpollEvent::empty(); 16];
        let count = self.epoll.wait(&mut events, timeout_ms).unwrap();
        events[..count].iter().for_each(|event| assert!(self.output.event(event.data())));
        self.output.turn(256 * 1024) || count > 0
    }

    fn until_idle(&mut self) {
        let end = Instant::now() + PATIENCE;
        // One that rests for a moment has more to say.
        let rests = |output: &Output| {
            output.retry().is_some_and(|time| time < Instant::now() + Duration::from_millis(10))
        };
        while self.turn(0) || rests(&self.output) {
            assert!(Instant::now() < end, "it never rests");
        }
    }

    fn say(&mut self, text: &str) {
        self.web.write_all(text.as_bytes()).unwrap();
        self.until_idle();
    }

    /// What the console has got; the end of it all.
    fn shown(self) -> String {
        let Self { mut output, mut console, .. } = self;
        output.finish(PATIENCE, Instant::now() + PATIENCE);
        drop(output);
        let mut text = String::new();
        console.read_to_string(&mut text).unwrap();
        text
    }
}

fn rest(mut file: File) -> String {
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn lines_wait_for_the_first_process_and_what_comes_after_the_end_for_the_next() {
    let mut shell = Shell::new();
    shell.say("early\n");
    let first = shell.log();
    shell.say("in time\n");
    shell.web.write_all(b"no newline").unwrap();
    shell.output.drain(WEB);
    shell.output.end_input(LOG);
    shell.say("late\n");
    assert_eq!(rest(first), "early\nin time\nno newline");
    let second = shell.log();
    shell.until_idle();
    shell.output.end_input(LOG);
    shell.until_idle();
    assert_eq!(rest(second), "late\n");
    assert_eq!(shell.shown(), "");
}

#[test]
fn the_end_comes_after_all_that_a_dead_writer_left_in_its_pipe() {
    let mut shell = Shell::new();
    let mut log = shell.log();
    let line = format!("{}\n", "x".repeat(999));
    let mut said = 0;
    // Until the logger, who does not read, is full, and the pipe of its writer nearly so.
    while shell.output.pending() < 256 * 1024 {
        shell.say(&line);
        said += line.len();
    }
    for _ in 0..5 {
        shell.say(&line);
        said += line.len();
    }
    shell.web.write_all(b"half").unwrap();
    shell.output.drain(WEB);
    shell.output.end_input(LOG);
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        text
    });
    let end = Instant::now() + PATIENCE;
    while !reader.is_finished() {
        assert!(Instant::now() < end, "there is no end");
        shell.turn(1);
    }
    let text = reader.join().unwrap();
    assert_eq!((text.len(), text.ends_with("x\nhalf")), (said + 4, true));
}

#[test]
fn a_logger_that_is_down_for_good_leaves_its_lines_to_the_console_until_it_is_started() {
    let mut shell = Shell::new();
    let mut first = shell.log();
    shell.say("read\n");
    first.read_exact(&mut [0; 5]).unwrap();
    drop(first);
    shell.say("not read\n");
    assert!(shell.output.divert(LOG));
    assert!(!shell.output.divert(LOG), "that is known");
    shell.say("diverted\n");
    let second = shell.log();
    shell.say("read again\n");
    shell.output.end_input(LOG);
    shell.until_idle();
    assert_eq!(rest(second), "read again\n");
    let third = shell.log();
    shell.say("at the end\n");
    drop(third);
    assert_eq!(shell.shown(), "not read\ndiverted\nat the end\n");
}

#[test]
fn a_logger_that_never_reads_holds_up_its_writer_alone_and_frees_it_when_it_is_gone() {
    let mut shell = Shell::new();
    let log = shell.log();
    let line = "y".repeat(999) + "\n";
    while shell.output.pending() < 256 * 1024 {
        shell.say(&line);
    }
    shell.say("held up\n");
    let mut db: File = shell.output.open(DB).unwrap()[0].try_clone_to_owned().unwrap().into();
    db.write_all(b"free\n").unwrap();
    shell.until_idle();
    let last = |shell: &mut Shell, id| {
        let last = shell.output.last_lines(id, 1).next();
        last.map(|(stream, line)| (stream, line.bytes.to_vec()))
    };
    assert_eq!(last(&mut shell, DB), Some((Stream::Out, b"free".to_vec())));
    assert_ne!(last(&mut shell, WEB), Some((Stream::Out, b"held up".to_vec())));
    drop(log);
    shell.output.divert(LOG);
    // Which is more than the console takes at once.
    let mut console = shell.console.try_clone().unwrap();
    let reader = std::thread::spawn(move || console.read_to_end(&mut Vec::new()).unwrap());
    let end = Instant::now() + PATIENCE;
    while last(&mut shell, WEB) != Some((Stream::Out, b"held up".to_vec())) {
        assert!(Instant::now() < end, "its writer is not freed");
        shell.turn(1);
    }
    drop(shell);
    reader.join().unwrap();
}

#[test]
fn another_plan_without_the_logger_leaves_what_it_has_not_read_to_the_console() {
    let mut shell = Shell::new();
    let log = shell.log();
    shell.say("not read\n");
    drop(log);
    let mut new = plan();
    new.services[0].log.to = vec![Sink::Console];
    new.services[1] = Service::tombstone();
    shell.output.replace(&new, &[LOG]);
    assert!(shell.output.open_input(LOG).unwrap().is_none());
    shell.say("shown\n");
    assert_eq!(shell.shown(), "not read\nshown\n");
}
