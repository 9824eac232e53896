//! Claims about syslog: lines get to a server over each kind of socket, also when that is restarted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use support::{Container, PATIENCE, PROMPT, Setup, needs_namespace, sh};

const COUNT: usize = 2000;

/// Lines to either stream, a line when asked to stop, and an event before it waits for that.
const SCRIPT: &str = "echo up web $$ >> $EVENTS; trap 'echo bye; exit 0' TERM; i=0; \
     while [ $i -lt 2000 ]; do i=$((i+1)); echo \"line $i\"; done; \
     echo failed >&2; echo done web >> $EVENTS; while :; do sleep 100 & wait $!; done";

fn web(script: &str, address: &str) -> String {
    let log =
        format!("[log]\nto = \"syslog\"\n[log.syslog]\naddress = \"{address}\"\nfacility = \"local0\"\n");
    sh(script) + &log
}

/// The text of a message, whose header is what it has to be.
#[track_caller]
fn text(c: &Container, message: &[u8], severity: u32) -> String {
    let message = String::from_utf8(message.to_vec()).unwrap();
    let parts: Vec<&str> = message.splitn(8, ' ').collect();
    let [priority, time, host, tag, pid, id, data, text] = parts[..] else { c.fail(&message) };
    let priority_is = priority == format!("<{}>1", 16 * 8 + severity);
    let time_is = time.len() == 24 && time.starts_with("20") && time.ends_with('Z');
    let host_is = host == nix::sys::utsname::uname().unwrap().nodename().to_str().unwrap();
    let rest = tag == "web" && pid == c.pid_of("web").to_string() && id == "-" && data == "-";
    c.check(priority_is && time_is && host_is && rest, &message);
    text.to_owned()
}

/// The next messages are all that the script wrote.
fn check_all(c: &Container, mut next: impl FnMut() -> Vec<u8>) {
    for number in 1..=COUNT {
        let message = next();
        // The two streams have no order among each other.
        let message = if message.ends_with(b" failed") {
            c.check(text(c, &message, 3) == "failed", "another line of standard error");
            next()
        } else {
            message
        };
        let text = text(c, &message, 6);
        c.check(text == format!("line {number}"), &format!("{text} instead of line {number}"));
    }
}

fn read_frame(stream: &mut BufReader<TcpStream>) -> Vec<u8> {
    let mut length = Vec::new();
    stream.read_until(b' ', &mut length).unwrap();
    let mut message = vec![0; std::str::from_utf8(&length).unwrap().trim().parse().unwrap()];
    stream.read_exact(&mut message).unwrap();
    message
}

fn accept(server: &TcpListener) -> BufReader<TcpStream> {
    let stream = server.accept().unwrap().0;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    BufReader::new(stream)
}

fn collector(path: &Path) -> UnixDatagram {
    let server = UnixDatagram::bind(path).unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    server
}

fn datagram(receive: impl Fn(&mut [u8]) -> std::io::Result<usize>) -> Vec<u8> {
    let mut message = vec![0; 9000];
    let length = receive(&mut message).unwrap();
    message.truncate(length);
    message
}

#[test]
fn a_unix_socket_gets_every_line_and_the_last_words_too() {
    needs_namespace!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let server = collector(&path);
    let mut c = Setup::new().service("web", web(SCRIPT, path.to_str().unwrap())).start();
    c.wait_event("up web");
    check_all(&c, || datagram(|to| server.recv(to)));
    c.wait_event("done web");
    c.wait_program("sleep");
    let pid = c.pid_of("web");
    c.stop_within(PROMPT);
    // All that is there by now; the shell has more to say than that.
    server.set_nonblocking(true).unwrap();
    let (mut shown, mut message) = (String::new(), [0; 9000]);
    while let Ok(length) = server.recv(&mut message) {
        shown += &(String::from_utf8_lossy(&message[..length]) + "\n");
    }
    c.check(shown.contains(&format!(" web {pid} - - bye\n")), &format!("its last words are lost: {shown}"));
}

#[test]
fn a_udp_server_gets_every_line_that_the_network_does_not_lose() {
    needs_namespace!();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = format!("udp:{}", server.local_addr().unwrap());
    // A hundred at a time, for which the one who receives has room; beyond that datagrams are lost.
    let wait = "[ $((i % 100)) = 0 ] && until [ -e $DIRECTORY/got$i ]; do sleep 0.01; done;";
    let script = SCRIPT.replace("echo \"line $i\";", &format!("echo \"line $i\"; {wait}"));
    let mut c = Setup::new().service("web", web(&script, &address)).start();
    c.wait_event("up web");
    check_all(&c, || {
        let message = datagram(|to| server.recv(to));
        let text = String::from_utf8_lossy(&message);
        if let Some(number) = text.rsplit(' ').next().filter(|number| number.ends_with("00")) {
            std::fs::write(c.path(&format!("got{number}")), "").unwrap();
        }
        message
    });
    c.stop_within(PROMPT);
}

#[test]
fn a_tcp_server_gets_every_line_also_after_it_was_restarted() {
    needs_namespace!();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = server.local_addr().unwrap();
    let script = "echo up web $$ >> $EVENTS; for i in 1 2 3; do echo \"line $i\"; done; \
         while ! [ -e $DIRECTORY/on ]; do sleep 0.01; done; for i in 4 5 6; do echo \"line $i\"; done; \
         while ! [ -e $DIRECTORY/end ]; do sleep 0.01; done; echo last; exec sleep 1000";
    let mut c = Setup::new().service("web", web(script, &format!("tcp:{address}"))).start();
    c.wait_event("up web");
    let mut stream = accept(&server);
    let next = |expected: &[&str], stream: &mut BufReader<TcpStream>, c: &Container| {
        for line in expected {
            c.check(text(c, &read_frame(stream), 6) == *line, line);
        }
    };
    next(&["line 1", "line 2", "line 3"], &mut stream, &c);
    drop((stream, server));
    std::fs::write(c.path("on"), "").unwrap();
    c.wait_line(&["cannot write to syslog at tcp:127.0.0.1"]);
    let server = TcpListener::bind(address).unwrap();
    let mut stream = accept(&server);
    next(&["line 4", "line 5", "line 6"], &mut stream, &c);
    c.wait_line(&["works again"]);
    std::fs::write(c.path("end"), "").unwrap();
    next(&["last"], &mut stream, &c);
    c.stop_within(PROMPT);
}

#[test]
fn a_server_that_is_missing_holds_nobody_up() {
    needs_namespace!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    // More than is kept for it.
    let script = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); echo \"line $i\"; done; \
         echo done web >> $EVENTS; exec sleep 1000";
    let mut c = Setup::new().service("web", web(script, path.to_str().unwrap())).start();
    c.wait_event("done web");
    let said =
        |c: &Container| c.lines().iter().filter(|line| line.text.contains("cannot write to syslog")).count();
    c.check(said(&c) == 1, &format!("said {} times", said(&c)));
    let server = collector(&path);
    c.check(datagram(|to| server.recv(to)).ends_with(b" line 1"), "the first lines are not kept");
    // The rest waits for its room, which it gets from a reader only.
    let reader =
        std::thread::spawn(move || while server.recv(&mut [0; 9000]).is_ok_and(|length| length > 0) {});
    c.wait_line(&["works again"]);
    c.wait_line(&["lines were not written to syslog at"]);
    c.stop_within(PROMPT);
    drop(reader);
}
