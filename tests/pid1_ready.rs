//! Claims about readiness by what a service does: it answers, it makes a file, it writes a line; or by time.
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::time::Duration;
use support::{Container, PROMPT, Setup, eventually, helper, needs_namespace, pause, serve, sh};

/// Long enough for who is not ready to be taken for ready.
const WHILE: Duration = Duration::from_millis(150);

/// A kind of readiness: a service that has it from the moment when the file `go` is there.
struct Kind {
    name: &'static str,
    /// What it runs.
    command: String,
    /// The key of `[ready]`.
    sign: String,
    /// What is said of one that is not ready.
    heard: &'static str,
}

/// Says that it is up, and runs what follows when the file `go` is there.
fn when_told(then: &str) -> String {
    sh(&format!("echo up web $$ >>$EVENTS; while ! test -e $DIRECTORY/go; do sleep 0.005; done; {then}"))
}

fn up() -> String {
    sh("echo up web $$ >>$EVENTS; exec sleep 1000")
}

fn kinds() -> Vec<Kind> {
    let kind = |name, command, sign: &str, heard| Kind { name, command, sign: sign.to_owned(), heard };
    vec![
        kind(
            "tcp",
            helper(&["answer", "web", "tcp=127.0.0.1:81"]),
            "tcp = \"127.0.0.1:81\"",
            "cannot connect to 127.0.0.1:81: connection refused",
        ),
        kind(
            "tcp by name",
            helper(&["answer", "web", "tcp=127.0.0.1:81"]),
            "tcp = \"localhost:81\"",
            "cannot connect to localhost:81: connection refused",
        ),
        kind(
            "unix",
            helper(&["answer", "web", "unix=${DIRECTORY}/web.sock"]),
            "unix = \"${DIRECTORY}/web.sock\"",
            "web.sock: no such file or directory",
        ),
        kind(
            "http",
            helper(&["answer", "web", "http=127.0.0.1:82"]),
            "http = \"http://127.0.0.1:82/\"",
            "cannot connect to 127.0.0.1:82: connection refused",
        ),
        kind(
            "exec",
            up(),
            "exec = [\"/bin/sh\", \"-c\", \"test -e $DIRECTORY/go || { echo not yet; exit 4; }\"]",
            "exited with code 4: not yet",
        ),
        kind("file", up(), "file = \"${DIRECTORY}/go\"", "no file /"),
        kind(
            "log",
            when_told("echo 'up and listening'; exec sleep 1000"),
            "log = '^up and \\w+$'",
            "no line matched ^up and \\w+$",
        ),
        kind(
            "log to standard error",
            when_told("echo '[1] ready.' >&2; exec sleep 1000"),
            "log = 'ready\\.'",
            "no line matched ready\\.",
        ),
    ]
}

/// The service, and one that requires it.
fn start(kind: &Kind, more: &str) -> Container {
    let toml = format!("{}[ready]\n{}\ninterval = \"20ms\"\n{more}", kind.command, kind.sign);
    // `interval` is for what is asked again and again.
    let asked = ["tcp", "unix", "http", "exec"].iter().any(|key| kind.sign.starts_with(key));
    let toml = if asked { toml } else { toml.replace("interval = \"20ms\"\n", "") };
    let c = Setup::new()
        .network()
        .service("web", toml)
        .service("app", serve("app", &[]) + "requires = [\"web\"]\n")
        .start();
    fs::write(c.path("answer"), "HTTP/1.1 200 OK\r\n\r\n").unwrap();
    println!("{}", kind.name);
    c
}

fn is_up(c: &Container, name: &str) -> bool {
    c.events().iter().any(|event| event.starts_with(&format!("up {name}")))
}

#[test]
fn each_kind_is_ready_at_its_sign_and_not_before() {
    needs_namespace!();
    for kind in kinds() {
        let mut c = start(&kind, "");
        c.wait_event("up web");
        pause(WHILE);
        c.check(!is_up(&c, "app"), &format!("{}: ready too early", kind.name));
        fs::write(c.path("go"), "").unwrap();
        c.wait_event("up app");
        c.stop_within(PROMPT);
        c.check(c.zombies().is_empty(), "zombies");
    }
}

#[test]
fn each_kind_that_is_not_ready_in_time_says_what_was_heard_last_and_the_next_life_may_fare_better() {
    needs_namespace!();
    for kind in kinds() {
        let mut c = start(&kind, "timeout = \"300ms\"\n[restart]\ndelay = \"10ms\"\n");
        c.wait_line(&["web: was not ready within 300ms: ", kind.heard, "; stopping it"]);
        c.wait_events("up web", 2);
        fs::write(c.path("go"), "").unwrap();
        c.wait_event("up app");
        c.stop_within(PROMPT);
    }
}

#[test]
fn each_kind_whose_service_dies_meanwhile_is_waited_for_anew() {
    needs_namespace!();
    for kind in kinds() {
        let mut c = start(&kind, "[restart]\ndelay = \"10ms\"\n");
        for life in 1..=3 {
            c.wait_events("up web", life);
            c.kill("web", libc::SIGKILL);
        }
        c.wait_events("up web", 4);
        c.check(!is_up(&c, "app"), &format!("{}: ready by its death", kind.name));
        fs::write(c.path("go"), "").unwrap();
        c.wait_event("up app");
        c.stop_within(PROMPT);
    }
}

#[test]
fn each_kind_is_no_hindrance_to_a_shutdown() {
    needs_namespace!();
    let mut kinds = kinds();
    let hangs = Kind {
        name: "an exec that hangs",
        command: up(),
        sign: "exec = [\"/bin/sh\", \"-c\", \"trap '' TERM; echo probed >>$EVENTS; sleep 1000; sleep 1000\"]"
            .into(),
        heard: "probed",
    };
    kinds.push(hangs);
    for kind in kinds {
        let mut c = start(&kind, "");
        c.wait_event("up web");
        if kind.heard == "probed" {
            c.wait_event("probed");
        }
        c.stop_within(PROMPT);
        c.check(!is_up(&c, "app"), "a service was started");
    }
}

#[test]
fn a_delay_counts_from_exec() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("web", serve("web", &[]) + "[ready]\ndelay = \"1s\"\n")
        .service("app", serve("app", &[]) + "requires = [\"web\"]\n")
        .held()
        .start();
    // What is seen of the first may be late; it began after this.
    let begin = std::time::Instant::now();
    c.release();
    let app = c.wait_event("up app").at;
    c.check(app - begin >= Duration::from_secs(1), &format!("{:?}", app - begin));
    c.stop_within(PROMPT);
}

#[test]
fn what_answers_has_to_answer_well() {
    needs_namespace!();
    let toml = helper(&["answer", "web", "http=127.0.0.1:80"])
        + "[ready]\nhttp = \"http://localhost/health?a=b\"\nmethod = \"POST\"\nstatus = [204, \"210-219\"]\n\
           body = \"^fine\"\ninterval = \"20ms\"\ntimeout = \"400ms\"\nheaders = { X-Key = \"k e y\" }\n\
           [restart]\ndelay = \"10ms\"\nfactor = 1\nlimit = \"unlimited\"\n";
    let mut c = Setup::new()
        .network()
        .service("web", toml)
        .service("app", serve("app", &[]) + "requires = [\"web\"]\n")
        .start();
    fs::write(c.path("go"), "").unwrap();
    let cases = [
        ("HTTP/1.1 200 OK\r\n\r\nfine", "HTTP 200 OK: fine"),
        ("HTTP/1.1 210 Odd\r\n\r\nnot fine", "HTTP 210 Odd, but its body does not match"),
        ("HTTP/1.1 503 Gone\r\n\r\nnot \x1b[31mnow", "HTTP 503 Gone: not \\u{1b}[31mnow"),
        ("SSH-2.0-OpenSSH\r\n", "what answers does not speak HTTP/1.1"),
    ];
    for (answer, heard) in cases {
        fs::write(c.path("answer"), answer).unwrap();
        c.wait_line(&["web: was not ready within 400ms: ", heard]);
    }
    fs::write(c.path("answer"), "").unwrap();
    c.wait_line(&["web: was not ready within 400ms: no answer for "]);
    c.check(!is_up(&c, "app"), "ready by a bad answer");
    let good = "HTTP/1.1 211 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nfi\r\n2\r\nne\r\n0\r\n\r\n";
    fs::write(c.path("answer"), good).unwrap();
    c.wait_event("up app");
    let request = fs::read_to_string(c.path("request")).unwrap();
    for part in
        ["POST /health?a=b HTTP/1.1\r\n", "Host: localhost\r\n", "X-Key: k e y\r\n", "Connection: close\r\n"]
    {
        c.check(request.contains(part), &request);
    }
    c.stop_within(PROMPT);
}

#[test]
fn localhost_is_also_the_one_of_ipv6() {
    needs_namespace!();
    if fs::read_to_string("/proc/net/if_inet6").unwrap_or_default().is_empty() {
        support::skip!("no IPv6");
    }
    let toml = helper(&["answer", "web", "tcp=[::1]:81"]) + "[ready]\ntcp = \"localhost:81\"\n";
    let mut c = Setup::new().network().service("web", toml).start();
    fs::write(c.path("go"), "").unwrap();
    c.wait_event("asked web");
    c.stop_within(PROMPT);
}

#[test]
fn nobody_is_asked_any_more_once_it_is_ready() {
    needs_namespace!();
    let toml = helper(&["answer", "web", "tcp=127.0.0.1:81"])
        + "[ready]\ntcp = \"127.0.0.1:81\"\ninterval = \"5ms\"\n";
    let mut c = Setup::new()
        .network()
        .service("web", toml)
        .service("app", serve("app", &[]) + "requires = [\"web\"]\n")
        .start();
    fs::write(c.path("go"), "").unwrap();
    c.wait_event("up app");
    c.wait_event("asked web");
    pause(WHILE);
    let asked = c.events().iter().filter(|event| *event == "asked web").count();
    c.check(asked == 1, &format!("asked {asked} times"));
    c.stop_within(PROMPT);
}

#[test]
fn a_command_runs_as_the_service_does_and_its_words_are_not_the_service_s() {
    needs_namespace!();
    let probe = "echo probe $FOSTER_SERVICE $MAINPID $COLOUR $(cat; echo end) >>$EVENTS; echo words; pwd >&2; \
                 if test -e $DIRECTORY/go; then exit 0; fi; exit 1";
    let toml = sh("echo up web $$ >>$EVENTS; exec sleep 1000")
        + "working-directory = \"/usr\"\nstdin = \"/etc/hostname\"\n[environment]\nCOLOUR = \"green\"\n"
        + &format!(
            "[ready]\nexec = [\"/bin/sh\", \"-c\", {probe:?}]\ntimeout = \"3s\"\n[restart]\ndelay = \"10ms\"\n"
        );
    let mut c = Setup::new().service("web", toml).start();
    let first = c.wait_event("up web").text.split(' ').nth(2).unwrap().to_owned();
    c.wait_event(&format!("probe web {first} green end"));
    c.wait_line(&["web: was not ready within 3s: exited with code 1: /usr"]);
    fs::write(c.path("go"), "").unwrap();
    c.wait_events("up web", 2);
    c.check(!c.printed(&["web", "| words"]), "the log has what a probe said");
    c.stop_within(PROMPT);
}

#[test]
fn a_command_that_cannot_be_executed_says_why() {
    needs_namespace!();
    let toml = up()
        + "essential = false\n[ready]\nexec = [\"/no/such/probe\"]\ntimeout = \"2s\"\n[restart]\npolicy = \"never\"\n";
    let mut c = Setup::new().service("web", toml).service("other", serve("other", &[])).start();
    c.wait_line(&["web: was not ready within 2s: cannot ", "/no/such/probe"]);
    c.check(eventually(support::PATIENCE, || c.zombies().is_empty()), "zombies");
    c.stop_within(PROMPT);
}

fn by_file(path: &str, more: &str) -> Setup {
    let toml = up() + &format!("[ready]\nfile = \"{path}\"\n{more}");
    Setup::new().service("web", toml).service("app", serve("app", &[]) + "requires = [\"web\"]\n").held()
}

#[test]
fn a_file_from_before_the_start_is_no_sign_until_it_is_another() {
    needs_namespace!();
    type Change = fn(&std::path::Path);
    let changes: [(&str, Change); 3] = [
        ("written anew", |path| fs::write(path, "2").unwrap()),
        ("touched", |path| fs::File::open(path).unwrap().set_modified(std::time::SystemTime::now()).unwrap()),
        ("replaced", |path| {
            fs::write(path.with_extension("new"), "1").unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        }),
    ];
    for (what, change) in changes {
        let mut c = by_file("${DIRECTORY}/pid", "").start();
        fs::write(c.path("pid"), "1").unwrap();
        c.release();
        c.wait_event("up web");
        pause(WHILE);
        c.check(!is_up(&c, "app"), &format!("ready by an old file ({what})"));
        change(&c.path("pid"));
        c.wait_event("up app");
        c.stop_within(PROMPT);
    }
    let mut c = by_file("${DIRECTORY}/pid", "timeout = \"2s\"\n[restart]\npolicy = \"never\"\n").start();
    fs::write(c.path("pid"), "1").unwrap();
    c.release();
    c.wait_line(&["web: was not ready within 2s: ", "/pid is the one from before the start"]);
    c.wait_exit(support::PATIENCE);
}

#[test]
fn the_directory_of_a_file_may_come_and_go_before_it() {
    needs_namespace!();
    let mut c = by_file("${DIRECTORY}/a/b/c/ready", "").start();
    c.release();
    c.wait_event("up web");
    for _ in 0..3 {
        fs::create_dir_all(c.path("a/b/c")).unwrap();
        fs::write(c.path("a/b/other"), "").unwrap();
        fs::remove_dir_all(c.path("a")).unwrap();
    }
    fs::create_dir_all(c.path("a/b")).unwrap();
    fs::create_dir(c.path("a/b/d")).unwrap();
    fs::write(c.path("a/b/d/ready"), "").unwrap();
    pause(WHILE);
    c.check(!is_up(&c, "app"), "ready without its file");
    fs::rename(c.path("a/b/d"), c.path("a/b/c")).unwrap();
    c.wait_event("up app");
    c.stop_within(PROMPT);
}

#[test]
fn a_file_may_be_behind_a_link_that_leads_nowhere_yet() {
    needs_namespace!();
    let mut c = by_file("${DIRECTORY}/link", "").start();
    fs::create_dir(c.path("far")).unwrap();
    std::os::unix::fs::symlink(c.path("far/away"), c.path("link")).unwrap();
    c.release();
    c.wait_event("up web");
    fs::write(c.path("far/away"), "").unwrap();
    c.wait_event("up app");
    c.stop_within(PROMPT);
}

#[test]
fn nothing_watches_directories_once_nobody_waits() {
    needs_namespace!();
    let mut c = by_file("${DIRECTORY}/go", "").start();
    c.release();
    c.wait_event("up web");
    let watches = |c: &Container| {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", c.init())).unwrap().flatten();
        descriptors
            .filter(|fd| fs::read_link(fd.path()).is_ok_and(|to| to.ends_with("anon_inode:inotify")))
            .count()
    };
    c.check(eventually(support::PATIENCE, || watches(&c) == 1), "no watch");
    fs::write(c.path("go"), "").unwrap();
    c.wait_event("up app");
    c.check(watches(&c) == 0, "a watch for nobody");
    c.stop_within(PROMPT);
}

#[test]
fn without_watches_a_file_is_looked_for_now_and_then() {
    needs_namespace!();
    if support::is_root() {
        support::skip!("the limit of watches would be that of the whole machine");
    }
    let mut c =
        by_file("${DIRECTORY}/go", "").prelude("echo 0 >/proc/sys/user/max_inotify_instances").start();
    c.release();
    c.wait_event("up web");
    pause(WHILE);
    c.check(!is_up(&c, "app"), "ready without its file");
    fs::write(c.path("go"), "").unwrap();
    c.wait_event("up app");
    c.stop_within(PROMPT);
}
