//! Clients that are broken, slow, dead or hostile: PID 1's memory stays bounded, root is heard, services are undisturbed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use support::{Client, Container, PATIENCE, Setup, eventually, is_root, needs_namespace, serve, sh, skip};

const NOBODY: u32 = 65_534;
/// Longer than the 10 s for a head or a body, shorter than twice that.
const GIVEN_UP: Duration = Duration::from_secs(18);

/// A service that keeps a record of itself: a line for each tick, which must go on.
fn started() -> Container {
    let c = Setup::new()
        .service("web", serve("web", &[]))
        .service("tick", sh("while :; do echo tick >>$EVENTS; sleep 0.05; done"))
        .start();
    c.wait_event("up web");
    c.wait_event("tick");
    std::fs::set_permissions(c.directory(), std::fs::Permissions::from_mode(0o755)).unwrap();
    c
}

/// All is as it was: the same process, the record goes on, root is answered at once, and the end is prompt.
fn check_undisturbed(c: &mut Container) {
    let begin = Instant::now();
    let web = c.status_of("web");
    assert!(begin.elapsed() < Duration::from_secs(2), "root had to wait {:?}", begin.elapsed());
    assert_eq!((&web["state"], &web["restarts"]), (&"ready".into(), &0.into()));
    assert_eq!(web["pid"], c.pid_of("web"));
    let ticks = c.events().iter().filter(|event| *event == "tick").count();
    c.wait_events("tick", ticks + 2);
    c.stop_within(PATIENCE);
}

fn stranger(c: &Container) -> Client {
    if is_root() { Client::connect_as(&c.socket(), NOBODY) } else { c.client() }
}

#[test]
fn garbage_is_answered_with_an_error_or_the_end() {
    needs_namespace!();
    let mut c = started();
    let long = "x".repeat(100_000);
    let texts = [
        "\0\0\0\0".to_owned(),
        "\r\n\r\n\r\n\r\n".to_owned(),
        "hello\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET /v1/status\r\n\r\n".to_owned(),
        "GET /v1/status HTTP/9.9\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0".to_owned(),
        format!("GET /{long} HTTP/1.1\r\n\r\n"),
        format!("GET /v1/status HTTP/1.1\r\nx: {long}\r\n\r\n"),
        format!("GET /v1/status HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1000)),
        "POST /v1/stop HTTP/1.1\r\ncontent-length: -1\r\n\r\n".to_owned(),
        "POST /v1/stop HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!".to_owned(),
        "POST /v1/stop HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_owned(),
        "POST /v1/stop HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n".to_owned(),
    ];
    for text in texts {
        let mut client = c.client();
        let _ = client.try_send(&text);
        let _ = client.stream.get_ref().shutdown(std::net::Shutdown::Write);
        match client.try_answer() {
            Ok(answer) => assert!(answer.status >= 400, "{answer:?} to {text:.80}"),
            Err(error) => assert!(error.kind() != std::io::ErrorKind::WouldBlock, "no end: {text:.80}"),
        }
    }
    check_undisturbed(&mut c);
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    needs_namespace!();
    let mut c = started();
    let mut client = c.client();
    client.send("POST /v1/stop HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n");
    let chunk = "x".repeat(1 << 16);
    for _ in 0..4 {
        let _ = client.try_send(&chunk);
    }
    assert_eq!(client.answer().status, 413);
    let nested = format!("{{\"services\":{}", "[".repeat(60_000));
    assert_eq!(c.post("/v1/stop", &nested).status, 400);
    check_undisturbed(&mut c);
}

#[test]
fn pipelined_requests_are_answered_one_after_another() {
    needs_namespace!();
    let mut c = started();
    let mut client = c.client();
    let mut text = String::new();
    for number in 0..200 {
        let path = if number % 2 == 0 { "/v1/status?service=web" } else { "/v1/nothing" };
        text += &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    }
    client.send(&text);
    for number in 0..200 {
        assert_eq!(client.answer().status, if number % 2 == 0 { 200 } else { 404 });
    }
    check_undisturbed(&mut c);
}

/// Waits by design: its subject is who does not send.
#[test]
fn who_does_not_finish_a_request_is_given_up() {
    needs_namespace!();
    let mut c = started();
    let mut silent = c.client();
    let mut head = c.client();
    head.send("GET /v1/status HTTP/1.1\r\nhost:");
    let mut body = c.client();
    body.send("POST /v1/stop HTTP/1.1\r\nhost: x\r\ncontent-length: 30\r\n\r\n{\"serv");
    // A byte now and then makes it no better.
    let mut drip = c.client();
    drip.send("GET /v1/status HTTP/1.1\r\nx: ");
    let begin = Instant::now();
    while begin.elapsed() < GIVEN_UP && drip.try_send("y").is_ok() {
        support::pause(Duration::from_millis(200));
    }
    assert!(begin.elapsed() < GIVEN_UP, "a byte now and then holds a connection");
    assert_eq!(body.answer().status, 408);
    assert!(silent.is_closed_within(GIVEN_UP) && head.is_closed_within(GIVEN_UP));
    check_undisturbed(&mut c);
}

#[test]
fn a_thousand_idle_connections_keep_nobody_out() {
    needs_namespace!();
    let mut c = started();
    c.status_of("web");
    let before = c.private_memory();
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..1000 {
        clients.push(c.client());
    }
    check_root_is_heard(&c);
    let open = c.descriptors();
    assert!(open < 128, "{open} descriptors");
    let grown = c.private_memory().saturating_sub(before);
    assert!(grown < 2048, "it grew by {grown} KiB");
    drop(clients);
    check_undisturbed(&mut c);
}

#[track_caller]
fn check_root_is_heard(c: &Container) {
    let begin = Instant::now();
    assert_eq!(c.get("/v1/status").status, 200);
    assert!(begin.elapsed() < Duration::from_secs(2), "it took {:?}", begin.elapsed());
}

#[test]
fn strangers_who_stay_busy_leave_room_for_root_and_for_each_other() {
    needs_namespace!();
    if !is_root() {
        skip!("only root can become another user");
    }
    let mut c = started();
    let mut greedy: Vec<Client> = Vec::new();
    for _ in 0..100 {
        let mut client = stranger(&c);
        let _ = client.try_send("GET /v1/events HTTP/1.1\r\nhost: x\r\n\r\n");
        greedy.push(client);
    }
    check_root_is_heard(&c);
    let mut other = Client::connect_as(&c.socket(), 12_345);
    assert_eq!(other.get("/v1/health?service=web").status, 200, "one user keeps another one out");
    // Who is too much is told so.
    drop(other);
    let mut filler = stranger(&c);
    assert_eq!(filler.get("/v1/events").status, 200);
    let mut last = stranger(&c);
    assert_eq!(last.answer().status, 503);
    drop(greedy);
    check_undisturbed(&mut c);
}

#[test]
fn who_never_reads_its_events_holds_no_memory() {
    needs_namespace!();
    let storm = "enabled = false\nessential = false\n[restart]\nlimit = 4000\ndelay = \"0\"\n";
    let mut c = Setup::new()
        .service("web", serve("web", &[]))
        .service("tick", sh("while :; do echo tick >>$EVENTS; sleep 0.05; done"))
        .service("storm", sh("exit 1") + storm)
        .start();
    c.wait_event("up web");
    c.wait_event("tick");
    let mut deaf: Vec<Client> = Vec::new();
    for _ in 0..20 {
        let mut client = c.client();
        client.send_get("/v1/events");
        deaf.push(client);
    }
    let mut reader = c.client();
    reader.get("/v1/events");
    let before = c.private_memory();
    c.post("/v1/start", r#"{"services":["storm"],"no_wait":true}"#);
    let over = |event: &serde_json::Value| event["service"] == "storm" && event["state"] == "failed";
    let seen = reader.lines_until(over);
    assert!(!seen.iter().any(|event| event["event"] == "lost"), "who reads misses something");
    let grown = c.private_memory().saturating_sub(before);
    assert!(grown < 8192, "it grew by {grown} KiB");
    check_undisturbed(&mut c);
}

#[test]
fn requests_without_end_delay_nothing() {
    needs_namespace!();
    let mut c = started();
    let socket = c.socket();
    let end = Instant::now() + Duration::from_secs(2);
    let floods: Vec<_> = (0..8)
        .map(|_| {
            let socket = socket.clone();
            std::thread::spawn(move || {
                let mut count = 0;
                while Instant::now() < end {
                    let Ok(mut client) = Client::try_connect(&socket) else { continue };
                    for _ in 0..50 {
                        client.send_get("/v1/status");
                        count += u32::from(client.answer().status == 200);
                    }
                }
                count
            })
        })
        .collect();
    c.kill("web", libc::SIGKILL);
    let begin = Instant::now();
    c.wait_events("up web", 2);
    let took = begin.elapsed();
    let answered: u32 = floods.into_iter().map(|flood| flood.join().unwrap()).sum();
    assert!(answered > 0 && took < Duration::from_secs(1), "{answered} answers; a restart took {took:?}");
    c.stop_within(PATIENCE);
}

#[test]
fn without_descriptors_nobody_is_accepted_and_nothing_spins() {
    needs_namespace!();
    let mut c = started();
    let former = c.limit_descriptors(c.descriptors());
    let mut waiting = c.client();
    waiting.send_get("/v1/status");
    let cpu = c.cpu_time();
    support::pause(Duration::from_secs(1));
    let used = c.cpu_time().saturating_sub(cpu);
    assert!(used < Duration::from_millis(200), "it used {used:?} in a second");
    c.limit_descriptors(former);
    assert_eq!(waiting.answer().status, 200, "it is accepted as soon as that is possible");
    check_undisturbed(&mut c);
}

#[test]
fn what_clients_took_is_given_back() {
    needs_namespace!();
    let mut c = started();
    c.status_of("web");
    let before = c.descriptors();
    for _ in 0..300 {
        let mut client = c.client();
        client.send_get("/v1/events");
        drop(client);
        c.client().send_post("/v1/wait", r#"{"services":["web"],"until":"stopped"}"#);
        assert_eq!(c.get("/v1/status").status, 200);
    }
    let back = || c.descriptors() <= before;
    assert!(eventually(PATIENCE, back), "{} descriptors, {before} before", c.descriptors());
    check_undisturbed(&mut c);
}
