//! What a verb does when what answers at the socket is no supervisor, or a bad one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The environment of this test must not say where a supervisor is.
fn foster(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foster"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FOSTER_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The code, and both outputs.
fn outcome(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// Reads the head of a request and its body.
fn request(stream: &UnixStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

/// Runs a verb against somebody who does this with its connection.
fn against(arguments: &[&str], answer: impl FnOnce(UnixStream) + Send + 'static) -> (i32, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || answer(listener.accept().unwrap().0));
    let output = foster(arguments).env("FOSTER_SOCKET", &path).output().unwrap();
    server.join().unwrap();
    outcome(&output)
}

fn json(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

#[test]
fn without_a_supervisor_the_code_is_69_and_the_place_is_named() {
    let (code, stdout, stderr) = outcome(&foster(&["status", "--socket", "/nowhere/s"]).output().unwrap());
    assert_eq!((code, stdout.as_str()), (69, ""));
    assert_eq!(stderr, "foster: no supervisor answers at /nowhere/s: No such file or directory\n");

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    drop(UnixListener::bind(&path).unwrap());
    for verb in [&["start", "web"][..], &["wait"], &["events"], &["shutdown"], &["logs"], &["explain", "web"]]
    {
        let (code, _, stderr) = outcome(&foster(verb).env("FOSTER_SOCKET", &path).output().unwrap());
        assert_eq!(code, 69, "{verb:?}");
        assert!(stderr.ends_with("/s: Connection refused\n"), "{stderr}");
    }
}

#[test]
fn a_healthcheck_without_a_supervisor_is_unhealthy() {
    let (code, stdout, stderr) =
        outcome(&foster(&["healthcheck", "--socket", "/nowhere/s"]).output().unwrap());
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert_eq!(stderr, "foster: no supervisor answers at /nowhere/s: No such file or directory\n");
}

#[test]
fn the_socket_is_found_where_the_settings_say() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("foster.toml");
    std::fs::write(&config, "socket = \"/nowhere/of-the-file\"\n").unwrap();
    let told = |command: &mut Command| outcome(&command.env("FOSTER_CONFIG", &config).output().unwrap()).2;
    assert!(told(&mut foster(&["status"])).contains("/nowhere/of-the-file"));
    assert!(
        told(foster(&["status"]).env("FOSTER_SOCKET", "/nowhere/of-the-variable"))
            .contains("of-the-variable")
    );
    assert!(told(&mut foster(&["status", "--socket", "/nowhere/of-the-option"])).contains("of-the-option"));
    let (code, _, stderr) = outcome(&foster(&["status"]).env("FOSTER_SOCKET", "none").output().unwrap());
    assert_eq!(code, 69);
    assert!(stderr.contains("the setting `socket` is \"none\""), "{stderr}");
}

#[test]
fn garbage_is_said_to_be_garbage() {
    for garbage in
        ["SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nnot", "\0\0\0\0\r\n\r\n"]
    {
        let (code, stdout, stderr) = against(&["status"], move |mut stream| {
            request(&stream);
            stream.write_all(garbage.as_bytes()).unwrap();
        });
        assert_eq!((code, stdout.as_str()), (69, ""), "{garbage:?}");
        assert!(stderr.starts_with("foster: cannot understand what answers at "), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn json_of_another_shape_is_said_to_be_that() {
    let (code, _, stderr) = against(&["status"], |mut stream| {
        request(&stream);
        stream.write_all(json("200 OK", "{\"services\": 3}").as_bytes()).unwrap();
    });
    assert_eq!(code, 69);
    assert!(stderr.contains("cannot understand what answers at "), "{stderr}");
}

#[test]
fn a_connection_that_breaks_is_said_to_be_broken() {
    let halves: [&str; 3] =
        ["", "HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"ser"];
    for half in halves {
        let (code, _, stderr) = against(&["status"], move |mut stream| {
            request(&stream);
            stream.write_all(half.as_bytes()).unwrap();
        });
        assert_eq!(code, 69, "{half:?}: {stderr}");
        assert!(stderr.ends_with("ended before it answered\n"), "{half:?}: {stderr}");
    }
}

#[test]
fn an_answer_that_comes_byte_by_byte_is_read_whole() {
    let body = "{\"healthy\": true, \"unhealthy\": []}";
    let (code, stdout, _) = against(&["healthcheck", "--timeout", "20s"], move |mut stream| {
        request(&stream);
        for byte in json("200 OK", body).bytes() {
            stream.write_all(&[byte]).unwrap();
        }
    });
    assert_eq!((code, stdout.as_str()), (0, "healthy\n"));
}

#[test]
fn a_supervisor_that_says_nothing_is_waited_for_no_longer_than_was_said() {
    let begin = Instant::now();
    let (code, stdout, stderr) = against(&["healthcheck", "--timeout", "100ms"], |stream| {
        request(&stream);
        // Until the client has gone.
        let _ = (&stream).read(&mut [0]);
    });
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.ends_with("does not answer within 100ms\n"), "{stderr}");
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[test]
fn a_problem_is_told_with_its_help_and_the_code_is_1() {
    let (code, stdout, stderr) = against(&["start", "wbe"], |mut stream| {
        request(&stream);
        let body = r#"{"error": "no service is called `wbe`", "help": "did you mean `web`?"}"#;
        stream.write_all(json("404 Not Found", body).as_bytes()).unwrap();
    });
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert_eq!(stderr, "foster: no service is called `wbe`; did you mean `web`?\n");
}

#[test]
fn a_request_says_what_the_command_line_says() {
    let (code, stdout, _) =
        against(&["restart", "web", "w*", "--timeout", "1m30s", "--json"], |mut stream| {
            let (head, body) = request(&stream);
            assert!(head.starts_with("POST /v1/restart HTTP/1.1\r\n"), "{head}");
            assert_eq!(body, r#"{"services":["web","w*"],"no_wait":false,"timeout":90.0}"#);
            let body = r#"{"ok":true,"results":[],"also":[],"of_a_later_version":1}"#;
            stream.write_all(json("200 OK", body).as_bytes()).unwrap();
        });
    assert_eq!(code, 0);
    assert!(stdout.contains("\"of_a_later_version\": 1"), "a key is lost: {stdout}");
}

#[test]
fn what_came_of_an_act_is_one_line_for_each_service() {
    let answer = |results: &'static str, arguments: &[&str]| {
        against(arguments, move |mut stream| {
            request(&stream);
            let body = format!("{{\"ok\":false,\"results\":[{results}],\"also\":[\"api\",\"job\"]}}");
            stream.write_all(json("409 Conflict", &body).as_bytes()).unwrap();
        })
    };
    let mixed = r#"{"service":"db","outcome":"done","state":"ready","reason":null},
        {"service":"web","outcome":"failed","state":"failed","reason":"gave up after 10 consecutive ends: exited with code 3"}"#;
    let (code, stdout, stderr) = answer(mixed, &["start", "db", "web"]);
    assert_eq!(code, 1);
    assert_eq!(stdout, "db: ready\nalso started: api, job\n");
    assert_eq!(stderr, "web: failed: gave up after 10 consecutive ends: exited with code 3\n");

    let late = r#"{"service":"web","outcome":"timeout","state":"waiting","reason":"waits for db"}"#;
    let (code, _, stderr) = answer(late, &["start", "web", "--timeout", "5s"]);
    assert_eq!((code, stderr.as_str()), (124, "web: waiting, not ready within 5s: waits for db\n"));
}

/// A line of a stream, in the chunked encoding of HTTP/1.1.
fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

const STREAM: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn events_are_printed_as_they_come_however_they_are_cut() {
    let (code, stdout, stderr) = against(&["events", "web"], |mut stream| {
        let (head, _) = request(&stream);
        assert!(head.starts_with("GET /v1/events?service=web HTTP/1.1\r\n"), "{head}");
        let event = |state: &str| {
            format!(
                "{{\"event\":\"state\",\"time\":\"2026-01-02T03:04:05.678Z\",\"service\":\"web\",\"state\":\"{state}\",\"reason\":null}}\n"
            )
        };
        let text = format!(
            "{{\"event\":\"snapshot\",\"time\":\"\",\"services\":[]}}\n{}{{\"event\":\"of-a-later-version\"}}\n{}",
            event("starting"),
            event("ready")
        );
        stream.write_all(STREAM.as_bytes()).unwrap();
        for part in text.as_bytes().chunks(7) {
            stream.write_all(chunk(std::str::from_utf8(part).unwrap()).as_bytes()).unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
    });
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(stdout, "03:04:05.678 web: starting\n03:04:05.678 web: ready\n");
}

#[test]
fn a_stream_that_breaks_off_inside_a_line_is_an_error() {
    let (code, stdout, stderr) = against(&["events", "--json"], |mut stream| {
        request(&stream);
        stream.write_all(format!("{STREAM}{}", chunk("{\"a\":1}\n{\"b\":")).as_bytes()).unwrap();
    });
    assert_eq!((code, stdout.as_str()), (69, "{\"a\":1}\n"));
    assert!(stderr.ends_with("ended before it answered\n"), "{stderr}");
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let mut child =
        foster(&["events", "--json"]).env("FOSTER_SOCKET", &path).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    request(&stream);
    stream.write_all(STREAM.as_bytes()).unwrap();
    drop(child.stdout.take());
    // Until it notices.
    while stream.write_all(chunk("{\"a\":1}\n").as_bytes()).is_ok() {}
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_full_disk_is_said_and_the_code_is_1() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let child =
        foster(&["healthcheck"]).env("FOSTER_SOCKET", &path).stdout(full).stderr(Stdio::piped()).spawn();
    let (mut stream, _) = listener.accept().unwrap();
    request(&stream);
    stream.write_all(json("200 OK", "{\"healthy\":true,\"unhealthy\":[]}").as_bytes()).unwrap();
    let output = child.unwrap().wait_with_output().unwrap();
    let (code, _, stderr) = outcome(&output);
    assert_eq!(code, 1);
    assert_eq!(stderr, "foster: cannot write to stdout: No space left on device\n");
}

#[test]
fn a_mistake_on_the_command_line_is_64_and_nobody_is_asked() {
    for arguments in [
        &["start"][..],
        &["signal", "SIGNOPE", "web"],
        &["signal", "HUP"],
        &["wait", "--ready", "--stopped"],
        &["start", "web", "--timeout", "5"],
        &["start", "web", "--timeout", "5s", "--no-wait"],
        &["logs", "--since", "yesterday"],
        &["shutdown", "--code", "256"],
        &["graph", "--format", "png"],
        &["completions", "csh"],
        &["man", "nothing"],
        &["statsu"],
        &[],
    ] {
        let (code, stdout, stderr) =
            outcome(&foster(arguments).env("FOSTER_SOCKET", "/nowhere").output().unwrap());
        assert_eq!((code, stdout.as_str()), (64, ""), "{arguments:?}: {stderr}");
    }
}
