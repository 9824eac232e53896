#![allow(clippy::unwrap_used)]

use super::*;
use crate::log::outlet::HIGH;
use crate::log::{Stream, TimeText};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::cell::Cell;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::thread;

const PATIENCE: Duration = Duration::from_secs(20);

struct Sender {
    syslog: Syslog,
    header: Header,
    notices: Vec<Notice>,
}

impl Sender {
    fn new(address: SyslogAddress) -> Self {
        let syslog = Syslog::new(&address);
        let model = crate::model::Syslog { address, facility: 1, tag: "web".to_owned() };
        Self { syslog, header: Header::new(&model), notices: Vec::new() }
    }

    fn unix(path: &std::path::Path) -> Self {
        Self::new(SyslogAddress::Unix(path.to_str().unwrap().to_owned()))
    }

    fn say(&mut self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            let line = format!("line {number}");
            self.header.frame(&TimeText::default(), Stream::Out, line.as_bytes(), self.syslog.buffer());
        }
    }

    /// As the shell would do: flushes, and waits for what it is told to wait for.
    fn until(&mut self, is: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let progress = self.syslog.flush();
            self.notices.extend(self.syslog.take_notice());
            assert_eq!(progress == Progress::Empty, self.syslog.pending() == 0);
            if is(self) {
                return;
            }
            assert!(Instant::now() < end, "it never comes: {:?} {:?}", self.notices, self.syslog.pending());
            // What it waits for, or a look now and then at what the other side has done meanwhile.
            let mut fds: Vec<_> =
                self.syslog.fd().map(|fd| PollFd::new(fd, PollFlags::POLLOUT)).into_iter().collect();
            let left = self.syslog.retry().map(|at| at.saturating_duration_since(Instant::now()));
            let left = left.unwrap_or(Duration::from_millis(20)).min(Duration::from_millis(20));
            assert!(
                progress == Progress::Empty || !fds.is_empty() || self.syslog.retry().is_some(),
                "waits for nothing"
            );
            let _ = poll(&mut fds, PollTimeout::try_from(left).unwrap());
        }
    }

    fn until_empty(&mut self) {
        self.until(|sender| sender.syslog.pending() == 0);
    }

    fn until_failing(&mut self) {
        self.until(|sender| sender.syslog.is_failing());
    }
}

/// The number at the end of a message.
fn number(message: &[u8]) -> usize {
    let text = std::str::from_utf8(message).unwrap();
    assert!(text.starts_with("<14>1 1970") && text.contains(" web - - - line "), "{text}");
    text.rsplit(' ').next().unwrap().parse().unwrap()
}

/// The numbers of all messages until the connection ends or `last` has come.
fn read_tcp(stream: &TcpStream, last: usize) -> Vec<usize> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream);
    let mut found = Vec::new();
    while found.last() != Some(&last) {
        let mut length = Vec::new();
        if !matches!(reader.read_until(b' ', &mut length), Ok(count) if count > 0) {
            break;
        }
        let length = std::str::from_utf8(&length).unwrap().trim().parse().unwrap();
        let mut message = vec![0; length];
        if reader.read_exact(&mut message).is_err() {
            break;
        }
        found.push(number(&message));
    }
    found
}

fn received(socket: &UnixDatagram) -> usize {
    let mut message = [0; 9000];
    let length = socket.recv(&mut message).unwrap();
    number(&message[..length])
}

fn at(directory: &tempfile::TempDir) -> std::path::PathBuf {
    directory.path().join("log")
}

#[test]
fn a_unix_socket_that_is_slow_pushes_back_and_gets_every_message() {
    let directory = tempfile::tempdir().unwrap();
    let server = UnixDatagram::bind(at(&directory)).unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut sender = Sender::unix(&at(&directory));
    sender.say(0..5000);
    assert_eq!(sender.syslog.flush(), Progress::Stalled);
    assert!(sender.syslog.is_full() && sender.syslog.fd().is_some() && !sender.syslog.is_failing());
    let reader = thread::spawn(move || (0..5000).map(|_| received(&server)).collect::<Vec<_>>());
    sender.until_empty();
    assert!(reader.join().unwrap().into_iter().eq(0..5000));
    assert_eq!(sender.notices, []);
}

#[test]
fn a_unix_socket_that_is_missing_is_said_once_and_gets_all_when_it_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let mut sender = Sender::unix(&at(&directory));
    sender.say(0..3);
    let begun = Instant::now();
    sender.until(|_| begun.elapsed() > Duration::from_millis(700));
    assert_eq!(sender.notices, [Notice::Failing("No such file or directory".to_owned())]);
    let server = UnixDatagram::bind(at(&directory)).unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    sender.until_empty();
    assert_eq!(sender.notices[1..], [Notice::Recovered(0)]);
    assert!((0..3).all(|n| received(&server) == n));

    // Gone, and there again under the same name, as when the server is restarted.
    drop(server);
    std::fs::remove_file(at(&directory)).unwrap();
    sender.say(3..5);
    sender.until_failing();
    let server = UnixDatagram::bind(at(&directory)).unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    sender.until_empty();
    assert!((3..5).all(|n| received(&server) == n));
    assert!(!sender.syslog.is_failing());
}

#[test]
fn a_stream_at_the_unix_socket_gets_lines_and_the_one_under_way_again_when_it_breaks() {
    let directory = tempfile::tempdir().unwrap();
    let server = UnixListener::bind(at(&directory)).unwrap();
    let mut sender = Sender::unix(&at(&directory));
    sender.say(0..20_000);
    assert_eq!(sender.syslog.flush(), Progress::Stalled);
    let mut first = BufReader::new(server.accept().unwrap().0);
    let mut line = Vec::new();
    for expected in 0..10 {
        line.clear();
        first.read_until(b'\n', &mut line).unwrap();
        assert_eq!(number(&line[..line.len() - 1]), expected);
    }
    // It is with the kernel in part, so this one is not read to its end by anybody.
    drop(first);
    let reader = thread::spawn(move || {
        let lines = BufReader::new(server.accept().unwrap().0).split(b'\n');
        let mut found: Vec<usize> = Vec::new();
        for line in lines {
            found.push(number(&line.unwrap()));
            if found.last() == Some(&19_999) {
                break;
            }
        }
        found
    });
    sender.until_empty();
    let found = reader.join().unwrap();
    let begin = found[0];
    assert!(begin > 10 && found.into_iter().eq(begin..20_000));
}

#[test]
fn udp_that_is_refused_is_tried_until_it_is_not_and_loses_nothing_on_one_machine() {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut sender = Sender::new(SyslogAddress::Udp(free));
    sender.say(0..100);
    sender.until_failing();
    sender.say(100..200);
    let begun = Instant::now();
    sender.until(|_| begun.elapsed() > Duration::from_millis(700));
    assert_eq!(sender.notices, [Notice::Failing("Connection refused".to_owned())]);
    let server = UdpSocket::bind(free).unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let reader = thread::spawn(move || {
        let mut message = [0; 4096];
        let mut next = || {
            let length = server.recv(&mut message).unwrap();
            number(&message[..length])
        };
        (0..200).map(|_| next()).collect::<Vec<_>>()
    });
    sender.until_empty();
    assert!(reader.join().unwrap().into_iter().eq(0..200));
    assert_eq!(sender.notices[1..], [Notice::Recovered(0)]);
    assert!(sender.syslog.delay > DELAY, "it grows until a link has been steady");
}

#[test]
fn tcp_gets_every_message_however_slowly_it_reads() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sender = Sender::new(SyslogAddress::Tcp(server.local_addr().unwrap()));
    sender.say(0..20_000);
    sender.until(|sender| sender.syslog.up);
    let reader = thread::spawn(move || {
        let stream = server.accept().unwrap().0;
        (read_tcp(&stream, 19_999), stream)
    });
    sender.until_empty();
    let (found, _stream) = reader.join().unwrap();
    assert!(found.into_iter().eq(0..20_000));
    assert_eq!(sender.notices, []);
}

#[test]
fn a_tcp_server_that_never_reads_makes_who_writes_wait_and_when_it_ends_the_rest_goes_to_the_next() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sender = Sender::new(SyslogAddress::Tcp(server.local_addr().unwrap()));
    let (mut said, mut taken) = (100, None);
    sender.say(0..said);
    sender.until(|sender| sender.syslog.up);
    // Until neither its memory nor that of the kernel has room.
    let end = Instant::now() + PATIENCE;
    while !(sender.syslog.is_full() && sender.syslog.crammed && taken == Some(sender.syslog.pending())) {
        taken = Some(sender.syslog.pending());
        if !sender.syslog.is_full() {
            sender.say(said..said + 100);
            said += 100;
        }
        let _ = sender.syslog.flush();
        assert!(Instant::now() < end);
    }
    assert!(!sender.syslog.is_failing() && sender.syslog.pending() < HIGH + 100_000);
    drop(server.accept().unwrap());
    let reader = thread::spawn(move || read_tcp(&server.accept().unwrap().0, said - 1));
    sender.until_empty();
    let found = reader.join().unwrap();
    let begin = found[0];
    assert!(begin > 0 && found.into_iter().eq(begin..said), "whole messages, and none left out");
}

#[test]
fn a_tcp_server_that_takes_connections_and_closes_them_is_said_once_and_eats_no_more() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sender = Sender::new(SyslogAddress::Tcp(server.local_addr().unwrap()));
    let closed = Cell::new(0);
    // Between two looks at the connection, so that none is found good because nobody had the time to close it.
    let close = |sender: &Sender| {
        if let Some(link) = sender.syslog.link.as_ref().filter(|_| sender.syslog.up) {
            drop(server.accept().unwrap());
            let mut fd = [PollFd::new(link.fd(), PollFlags::POLLIN)];
            assert_eq!(poll(&mut fd, PollTimeout::try_from(PATIENCE).unwrap()), Ok(1));
            closed.update(|count| count + 1);
        }
    };
    // Before it is known, its kernel may have taken some.
    let mut said = 0;
    while !sender.syslog.is_failing() {
        sender.say(said..said + 1);
        said += 1;
        sender.until(|sender| {
            close(sender);
            sender.syslog.pending() == 0 || sender.syslog.is_failing()
        });
    }
    sender.say(said..said + 200);
    let before = closed.get();
    sender.until(|sender| {
        close(sender);
        closed.get() == before + 3
    });
    assert!(matches!(&sender.notices[..], [Notice::Failing(_)]), "{:?}", sender.notices);
    let reader = thread::spawn(move || {
        let stream = server.accept().unwrap().0;
        (read_tcp(&stream, said + 199), stream)
    });
    sender.until_empty();
    let (found, _stream) = reader.join().unwrap();
    assert!(found[0] < said && (found[0]..said + 200).eq(found), "one of them is lost");
    assert_eq!(sender.notices[1..], [Notice::Recovered(0)]);
}

#[test]
fn a_tcp_server_that_nobody_runs_is_refused_and_one_that_is_restarted_is_found_again() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    drop(server);
    let mut sender = Sender::new(SyslogAddress::Tcp(address));
    sender.say(0..2);
    sender.until_failing();
    let serve = |address: SocketAddr, last| {
        let server = TcpListener::bind(address).unwrap();
        thread::spawn(move || {
            let stream = server.accept().unwrap().0;
            (read_tcp(&stream, last), stream)
        })
    };
    let reader = serve(address, 1);
    sender.until_empty();
    let (found, stream) = reader.join().unwrap();
    assert_eq!(found, [0, 1]);

    // It has ended while nothing was said: what is said now goes to its successor, all of it.
    drop(stream);
    let reader = serve(address, 3);
    sender.say(2..4);
    sender.until_empty();
    assert_eq!(reader.join().unwrap().0, [2, 3]);
}

#[test]
fn what_no_datagram_can_hold_is_cut_and_said() {
    let directory = tempfile::tempdir().unwrap();
    let server = UnixDatagram::bind(at(&directory)).unwrap();
    let mut sender = Sender::unix(&at(&directory));
    sender.syslog.buffer().extend_from_slice(format!("300000 {}", "x".repeat(300_000)).as_bytes());
    sender.until_empty();
    let mut message = vec![0; 300_000];
    let length = server.recv(&mut message).unwrap();
    assert!((SHORTEST..300_000).contains(&length), "{length}");
    assert!(matches!(&sender.notices[..], [Notice::Told(text)] if text.contains("cut")));
}
