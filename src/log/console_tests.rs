#![allow(clippy::unwrap_used)]

use super::*;
use nix::fcntl::FcntlArg;
use nix::fcntl::fcntl;
use std::io::Read;
use std::os::unix::net::UnixStream;

fn put(console: &mut Console, bytes: &[u8]) {
    console.buffer().extend_from_slice(bytes);
}

fn numbered(lines: usize) -> Vec<u8> {
    (0..lines).flat_map(|n| format!("line {n}\n").into_bytes()).collect()
}

/// Fills a console that nobody reads, then reads everything and expects every byte in order.
fn stalls_and_loses_nothing(mut console: Console, mut reader: impl Read) {
    let bytes = numbered(200_000);
    put(&mut console, &bytes);
    assert_eq!(console.flush(), Progress::Stalled);
    assert!(console.is_full());
    let mut got = vec![0; bytes.len()];
    let mut at = 0;
    while at < bytes.len() {
        let end = (at + 10_000).min(bytes.len());
        at += reader.read(&mut got[at..end]).unwrap();
        let _ = console.flush();
    }
    assert_eq!(console.flush(), Progress::Empty);
    assert!(got == bytes);
}

#[test]
fn a_stalled_pipe_is_never_waited_for_and_its_flags_stay() {
    for way in [Way::Plain, Way::NowaitPipe, Way::PollPipe] {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut console = Console::new(writer.as_fd());
        assert_eq!(console.way, Way::Plain, "opened anew");
        if way != Way::Plain {
            console.fd = writer.as_fd().try_clone_to_owned().ok();
            console.way = way;
        }
        stalls_and_loses_nothing(console, reader);
        let flags = OFlag::from_bits_retain(fcntl(&writer, FcntlArg::F_GETFL).unwrap());
        assert!(!flags.contains(OFlag::O_NONBLOCK));
    }
}

/// Reads from the other side of a terminal, without the carriage returns that it adds.
struct Screen(std::fs::File);

impl Read for Screen {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let mut bytes = vec![0; to.len()];
        let count = self.0.read(&mut bytes)?;
        bytes.truncate(count);
        bytes.retain(|byte| *byte != b'\r');
        to[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

#[test]
fn a_stalled_terminal_is_never_waited_for_and_its_flags_stay() {
    for way in [Way::Plain, Way::PollTerminal] {
        let pty = nix::pty::openpty(None, None).unwrap();
        let mut console = Console::new(pty.slave.as_fd());
        assert!(console.is_terminal());
        assert_eq!(console.way, Way::Plain, "opened anew");
        if way != Way::Plain {
            console.fd = pty.slave.try_clone().ok();
            console.way = way;
        }
        stalls_and_loses_nothing(console, Screen(pty.master.into()));
        let flags = OFlag::from_bits_retain(fcntl(&pty.slave, FcntlArg::F_GETFL).unwrap());
        assert!(!flags.contains(OFlag::O_NONBLOCK));
    }
}

#[test]
fn a_stalled_socket_is_never_waited_for() {
    let (reader, writer) = UnixStream::pair().unwrap();
    let console = Console::new(writer.as_fd());
    assert_eq!(console.way, Way::Socket);
    stalls_and_loses_nothing(console, reader);
}

#[test]
fn a_closed_console_discards() {
    for socket in [false, true] {
        let mut console = if socket {
            Console::new(UnixStream::pair().unwrap().1.as_fd())
        } else {
            let (reader, writer) = std::io::pipe().unwrap();
            let console = Console::new(writer.as_fd());
            drop(reader);
            console
        };
        put(&mut console, b"nobody reads this\n");
        assert_eq!(console.flush(), Progress::Empty);
        assert!(console.is_closed());
        put(&mut console, b"nor this\n");
        assert_eq!((console.pending(), console.take_notice()), (0, None));
    }
}

#[test]
fn a_full_disk_is_said_once_and_tried_again() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut console = Console::new(full.as_fd());
    for _ in 0..3 {
        put(&mut console, b"0123456789\n");
        assert_eq!(console.flush(), Progress::Empty);
    }
    assert_eq!(console.take_notice(), Some(Notice::Failing(Errno::ENOSPC.desc().to_owned())));
    assert_eq!(console.take_notice(), None);

    let mut file = tempfile::tempfile().unwrap();
    console.fd = file.as_fd().try_clone_to_owned().ok();
    put(&mut console, b"again\n");
    assert_eq!(console.flush(), Progress::Empty);
    assert_eq!(console.take_notice(), Some(Notice::Recovered(33)));
    let mut text = String::new();
    std::io::Seek::rewind(&mut file).unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "again\n");
}

#[test]
fn a_line_cut_by_a_failure_is_ended_before_the_next() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut console = Console::new(writer.as_fd());
    put(&mut console, b"half a li");
    assert_eq!(console.flush(), Progress::Empty);
    put(&mut console, b"ne\n");
    console.give_up();
    put(&mut console, b"next\n");
    assert_eq!(console.flush(), Progress::Empty);
    let mut got = [0; 15];
    reader.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"half a li\nnext\n");
}

#[test]
fn the_same_file_twice_is_one_console() {
    let (_reader, writer) = std::io::pipe().unwrap();
    let again = writer.try_clone().unwrap();
    assert_eq!(consoles(writer.as_fd(), again.as_fd()).len(), 1);
    let (_other_reader, other) = std::io::pipe().unwrap();
    assert_eq!(consoles(writer.as_fd(), other.as_fd()).len(), 2);
}

#[test]
fn a_terminal_that_was_hung_up_is_an_error_that_is_said_once() {
    let pty = nix::pty::openpty(None, None).unwrap();
    let mut console = Console::new(pty.slave.as_fd());
    drop(pty.master);
    put(&mut console, b"to nobody\n");
    assert_eq!(console.flush(), Progress::Empty);
    assert_eq!(console.take_notice(), Some(Notice::Failing(Errno::EIO.desc().to_owned())));
    put(&mut console, b"nor this\n");
    assert_eq!((console.flush(), console.take_notice(), console.pending()), (Progress::Empty, None, 0));
}
