//! Claims about another configuration for a running tree: what changed is restarted, in order, and nothing else is touched.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use support::{
    Container, Line, PATIENCE, PROMPT, Setup, Source, eventually, needs_namespace, serve, sh, signal,
};

/// With the option of a helper, so that what services say is in the order of their starts.
const NOTIFIES: &str = "[ready]\nnotify = true\n";
const LATER: &str = "ready=200";

fn hang_up(c: &Container) {
    signal(c.init(), libc::SIGHUP);
}

fn write(c: &Container, name: &str, toml: &str) {
    fs::write(c.path(&format!("services/{name}.toml")), toml).unwrap();
}

fn remove(c: &Container, name: &str) {
    fs::remove_file(c.path(&format!("services/{name}.toml"))).unwrap();
}

/// The count-th line that says what came of an apply.
#[track_caller]
fn outcome(c: &Container, count: usize) -> String {
    let said = |line: &&Line| line.source == Source::Stderr && line.text.contains("applied");
    c.wait_for(&format!("{count} × what came of an apply"), PATIENCE, |lines| {
        lines.iter().filter(said).nth(count - 1).map(|line| line.text.clone())
    })
}

/// Applies what the files say now and gives the line that tells of it.
#[track_caller]
fn apply(c: &Container, count: usize) -> String {
    hang_up(c);
    outcome(c, count)
}

#[track_caller]
fn expect(c: &Container, said: &str, text: &str) {
    c.check(said.ends_with(text), &format!("{said:?} instead of {text:?}"));
}

fn untouched(c: &Container, name: &str) {
    let events = c.events();
    let count = |words: String| events.iter().filter(|event| event.starts_with(&words)).count();
    c.check(
        count(format!("up {name} ")) == 1 && count(format!("term {name}")) == 0,
        &format!("{name} was touched"),
    );
}

/// A request to the control socket that is not answered yet.
fn post(c: &Container, body: &Value) -> UnixStream {
    let socket = c.path("control.sock");
    assert!(eventually(PATIENCE, || socket.exists()), "no control socket");
    let mut stream = UnixStream::connect(socket).unwrap();
    let body = body.to_string();
    let head =
        format!("POST /v1/apply HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}", body.len());
    write!(stream, "{head}\r\n\r\n{body}").unwrap();
    stream
}

/// The status and the JSON of the answer.
fn answer(mut stream: UnixStream) -> (u16, Value) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap())
}

fn ask(c: &Container, body: &Value) -> (u16, Value) {
    answer(post(c, body))
}

#[test]
fn what_changed_is_restarted_with_its_dependents_in_order_and_nothing_else() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("db", serve("db", &[LATER]) + NOTIFIES)
        .service("app", serve("app", &["delay=50", LATER]) + "requires = [\"db\"]\n" + NOTIFIES)
        .service("web", serve("web", &["delay=50"]) + "requires = [\"app\"]\n")
        .service("other", serve("other", &[]))
        .start();
    for name in ["db", "app", "web", "other"] {
        c.wait_event(&format!("up {name}"));
    }
    write(&c, "db", &(serve("db", &["code=0", LATER]) + NOTIFIES));
    let said = apply(&c, 1);
    expect(&c, &said, "applied: 3 restarted (app, db, web)");
    c.wait_events("up web", 2);
    let events = c.events();
    let last = |words: &str| events.iter().rposition(|event| event.starts_with(words)).unwrap();
    let order =
        ["term web", "end web", "term app", "end app", "term db", "end db", "up db", "up app", "up web"];
    let at: Vec<usize> = order.iter().map(|words| last(words)).collect();
    c.check(at.is_sorted(), "not in this order");
    untouched(&c, "other");
    let said = apply(&c, 2);
    expect(&c, &said, "applied: nothing has changed");
    c.stop_within(PROMPT);
}

#[test]
fn services_are_added_removed_disabled_and_changed_without_a_restart() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("stays", serve("stays", &[]))
        .service("goes", serve("goes", &[]))
        .service("renamed", serve("renamed", &[]))
        .start();
    for name in ["stays", "goes", "renamed"] {
        c.wait_event(&format!("up {name}"));
    }
    remove(&c, "goes");
    write(&c, "comes", &(serve("comes", &[]) + "requires = [\"stays\"]\n"));
    write(&c, "stays", &(serve("stays", &[]) + "description = \"more words\"\n[stop]\ntimeout = \"2s\"\n"));
    let said = apply(&c, 1);
    expect(&c, &said, "applied: 1 removed (goes), 1 added (comes), 1 updated (stays)");
    c.wait_event("end goes");
    c.wait_event("up comes");

    fs::rename(c.path("services/renamed.toml"), c.path("services/another.toml")).unwrap();
    write(&c, "comes", &(serve("comes", &[]) + "enabled = false\n"));
    let said = apply(&c, 2);
    expect(&c, &said, "applied: 1 removed (renamed), 1 added (another), 1 updated (comes)");
    c.wait_events("up renamed", 2);
    c.wait_event("end comes");
    write(&c, "goes", &serve("goes", &[]));
    let said = apply(&c, 3);
    expect(&c, &said, "applied: 1 added (goes)");
    c.wait_events("up goes", 2);
    untouched(&c, "stays");
    c.stop_within(PROMPT);
}

#[test]
fn a_broken_file_changes_nothing_and_says_why() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &[])).service("db", serve("db", &[])).start();
    c.wait_event("up web");
    c.wait_event("up db");
    write(&c, "web", "command = [\"true\"]\nrequires = [\"bd\"]\nnise = 3\n");
    remove(&c, "db");
    let said = apply(&c, 1);
    expect(&c, &said, "not applied, nothing was changed: the configuration has 2 errors");
    c.wait_line(&["web.toml:3:1"]);
    c.wait_line(&["did you mean `nice`?"]);
    untouched(&c, "web");
    untouched(&c, "db");

    // The next one is as good as any.
    write(&c, "web", &serve("web", &["code=1"]));
    let said = apply(&c, 2);
    expect(&c, &said, "applied: 1 removed (db), 1 restarted (web)");
    c.wait_events("up web", 2);
    c.wait_event("end db");
    c.stop_within(PROMPT);
}

#[test]
fn files_that_cannot_be_read_are_named_and_change_nothing() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &[])).start();
    c.wait_event("up web");
    nix::unistd::mkfifo(&c.path("services/fifo.toml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let said = apply(&c, 1);
    expect(&c, &said, "the configuration has 1 error");
    c.wait_line(&["fifo.toml", "not a regular file"]);
    remove(&c, "fifo");
    write(&c, "huge", &"# much ado\n".repeat(200_000));
    let said = apply(&c, 2);
    expect(&c, &said, "the configuration has 1 error");
    c.wait_line(&["huge.toml", "larger than 1 MiB"]);
    fs::remove_dir_all(c.path("services")).unwrap();
    let said = apply(&c, 3);
    expect(&c, &said, "the configuration has 1 error");
    untouched(&c, "web");
    c.stop_within(PROMPT);
}

#[test]
fn an_apply_during_the_boot_counts_for_what_has_not_begun() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("slow", sh("echo up slow > $EVENTS; exec sleep 1000") + "[ready]\ndelay = \"1000s\"\n")
        .service("web", serve("web", &[]) + "requires = [\"slow\"]\n")
        .service("other", serve("other", &[]))
        .start();
    c.wait_event("up slow");
    c.wait_event("up other");
    write(&c, "web", &serve("web", &[]));
    write(&c, "late", &serve("late", &[]));
    let said = apply(&c, 1);
    expect(&c, &said, "applied: 1 added (late), 1 updated (web)");
    c.wait_event("up web");
    c.wait_event("up late");
    untouched(&c, "other");
    c.stop_within(PROMPT);
}

#[test]
fn an_apply_during_the_shutdown_is_refused() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &["delay=3500"])).start();
    c.wait_event("up web");
    c.terminate();
    c.wait_event("term web");
    write(&c, "late", &serve("late", &[]));
    let said = apply(&c, 1);
    expect(&c, &said, "not applied, nothing was changed: the container is stopping");
    c.expect_exit(0);
    c.check(!c.events().iter().any(|event| event.starts_with("up late")), "it was started all the same");
}

#[test]
fn of_many_applies_at_once_the_last_one_counts() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("keeps", serve("keeps", &[]))
        .service("slow", serve("slow", &["delay=400"]))
        .start();
    c.wait_event("up keeps");
    c.wait_event("up slow");
    // Its stop takes a while, and until then other plans come.
    write(&c, "slow", &serve("slow", &["delay=1"]));
    hang_up(&c);
    c.wait_event("term slow");
    for number in 0..20 {
        write(&c, "last", &serve(&format!("last{number}"), &[]));
        hang_up(&c);
    }
    c.wait_event("up last19");
    c.wait_events("up slow", 2);
    untouched(&c, "keeps");
    let events = c.events();
    c.check(
        events.iter().filter(|event| event.starts_with("term slow")).count() == 1,
        "slow went down twice",
    );
    c.stop_within(PROMPT);
}

#[test]
fn settings_count_from_the_apply_on() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("web", serve("web", &["ignore"]) + "[stop]\ntimeout = \"9s\"\n")
        .config("socket = \"none\"\n[shutdown]\ntimeout = \"9s\"\n")
        .env("FOSTER_SOCKET", "")
        .start();
    c.wait_event("up web");
    let config = "log-level = \"info\"\nsocket = \"/nowhere/foster.sock\"\n[shutdown]\ntimeout = \"1s\"\nsignals = [\"USR2\"]\n";
    fs::write(c.path("foster.toml"), config).unwrap();
    let said = apply(&c, 1);
    expect(&c, &said, "applied: settings (shutdown.timeout, shutdown.signals, log-level, socket)");
    c.wait_line(&["the control socket", "/nowhere/foster.sock", "restarted"]);
    c.signal(libc::SIGUSR2);
    c.wait_line(&["SIGUSR2 received"]);
    let exit = c.wait_exit(PATIENCE);
    c.check(exit.after < Duration::from_secs(7), &format!("it took {:?}", exit.after));
}

#[test]
fn the_main_service_goes_on() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("helper", serve("helper", &[]))
        .command(&[
            "/bin/sh",
            "-c",
            "echo up main $$ > $EVENTS; trap 'exit 7' TERM; while :; do sleep 0.1; done",
        ])
        .start();
    c.wait_event("up main");
    c.wait_event("up helper");
    write(&c, "helper", &serve("helper", &["code=0"]));
    write(&c, "more", &serve("more", &[]));
    let said = apply(&c, 1);
    expect(&c, &said, "applied: 1 restarted (helper), 1 added (more)");
    c.wait_events("up helper", 2);
    c.wait_event("up more");
    untouched(&c, "main");
    c.terminate();
    c.expect_exit(7);
}

#[test]
fn two_hundred_applies_leave_nothing_behind() {
    needs_namespace!();
    let mut c =
        Setup::new().service("keeps", serve("keeps", &[])).service("changes", serve("n0", &[])).start();
    c.wait_event("up keeps");
    c.wait_event("up n0");
    let apply_some = |c: &Container, numbers: std::ops::Range<usize>| {
        for number in numbers {
            write(c, "changes", &serve(&format!("n{number}"), &[]));
            write(c, &format!("s{number}"), &serve(&format!("s{number}"), &[]));
            if number > 1 {
                remove(c, &format!("s{}", number - 1));
            }
            apply(c, number);
            c.wait_event(&format!("up s{number}"));
            c.wait_event(&format!("up n{number}"));
        }
    };
    let rest = |c: &Container| {
        c.check(eventually(PATIENCE, || c.processes().len() == 4), &format!("{:#?}", c.processes()));
        // What the last start needed is closed soon, and then their number stays.
        let mut descriptors = c.descriptors();
        eventually(PATIENCE, || {
            support::pause(Duration::from_millis(50));
            std::mem::replace(&mut descriptors, c.descriptors()) == descriptors
        });
        (descriptors, c.anonymous_memory())
    };
    apply_some(&c, 1..41);
    let (descriptors, memory) = rest(&c);
    apply_some(&c, 41..201);
    let (_, memory_then) = rest(&c);
    let same = eventually(PATIENCE, || c.descriptors() == descriptors);
    c.check(same, &format!("{descriptors} descriptors, then {}", c.descriptors()));
    println!("{memory} KiB after 40 applies, {memory_then} KiB after 200");
    c.check(memory_then <= memory + 200, &format!("{memory} KiB, then {memory_then} KiB"));
    c.check(c.zombies().is_empty(), "zombies");
    signal(c.init(), libc::SIGUSR1);
    c.wait_line(&["orphans reaped: 0"]);
    untouched(&c, "keeps");
    c.stop_within(PROMPT);
}

#[test]
fn a_client_is_told_what_would_change_and_then_what_has() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("db", serve("db", &[]))
        .service("web", serve("web", &[]) + "requires = [\"db\"]\n")
        .start();
    c.wait_event("up web");
    write(&c, "db", &(serve("db", &["code=0", LATER]) + "umask = \"027\"\n" + NOTIFIES));
    write(&c, "new", &serve("new", &[]));
    let changes = json!([
        {"service": "db", "change": "restarted", "keys": ["ready", "command", "umask"], "because": null},
        {"service": "new", "change": "added", "keys": [], "because": null},
        {"service": "web", "change": "restarted", "keys": [], "because": "db"},
    ]);
    let (status, told) = ask(&c, &json!({"dry_run": true}));
    c.check(status == 200 && told["ok"] == true && told["changes"] == changes, &told.to_string());
    untouched(&c, "db");

    let (status, told) = ask(&c, &json!({}));
    c.check(status == 200 && told["ok"] == true && told["changes"] == changes, &told.to_string());
    // It has waited for all of them, and db takes a while to be ready.
    c.wait_event("up new");
    c.check_order(&["term web", "term db", "up new"]);
    c.wait_events("up web", 2);
    c.check(!c.printed(&["applied"]), "who asks is told, and nobody else");

    write(&c, "web", "command = [\"true\"]\nnise = 3\n");
    let (status, told) = ask(&c, &json!({}));
    c.check(status == 422 && told["ok"] == false && told["errors"] == 1, &told.to_string());
    c.check(told["findings"].as_str().unwrap().contains("did you mean `nice`?"), &told.to_string());

    // A service that never gets ready, and one that fails for good.
    write(&c, "web", &(serve("web", &[]) + "[ready]\ndelay = \"1h\"\n"));
    let (status, told) = ask(&c, &json!({"timeout": 0.3}));
    c.check(
        status == 504 && told["ok"] == false && told["changes"][0]["service"] == "web",
        &told.to_string(),
    );
    let (status, told) = ask(&c, &json!({"no_wait": true}));
    c.check(status == 200 && told["ok"] == true, &told.to_string());
    write(&c, "web", "command = [\"/nowhere\"]\nessential = false\n");
    let (status, told) = ask(&c, &json!({}));
    c.check(status == 409 && told["ok"] == false, &told.to_string());
    c.check(told["reason"].as_str().unwrap().starts_with("web: it has failed"), &told.to_string());
    c.stop_within(PROMPT);
}

#[test]
fn of_two_clients_the_one_whose_plan_is_overtaken_is_told_so() {
    needs_namespace!();
    let mut c = Setup::new().service("slow", serve("slow", &["delay=3000"])).start();
    c.wait_event("up slow");
    write(&c, "slow", &serve("slow", &["code=1"]));
    let first = post(&c, &json!({}));
    c.wait_event("term slow");
    write(&c, "more", &serve("more", &[]));
    let (status, told) = ask(&c, &json!({}));
    c.check(status == 200 && told["ok"] == true, &told.to_string());
    let (status, told) = answer(first);
    c.check(status == 409 && told["reason"].as_str().unwrap().contains("newer"), &told.to_string());
    c.wait_events("up slow", 2);
    c.stop_within(PROMPT);
}

/// Asks for an apply, stops the process that reads the configuration for that, and gives what it is; asks again where it was
/// done before that.
fn hold_reader(c: &Container, mut ask: impl FnMut()) -> support::Process {
    let second = Duration::from_secs(1);
    let reader = || {
        let mut all = c.processes().into_iter();
        all.find(|one| one.exe == support::foster_bin() && one.inside != 1)
    };
    for _ in 0..20 {
        ask();
        if !eventually(second, || reader().is_some()) {
            continue;
        }
        let Some(found) = reader() else { continue };
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(found.outside), nix::sys::signal::SIGSTOP);
        if eventually(second, || reader().is_some_and(|one| one.inside == found.inside && one.state == 'T')) {
            return found;
        }
    }
    c.fail("nobody reads the configuration")
}

/// A configuration that takes a while to read.
fn big(mut setup: Setup) -> Setup {
    for number in 0..2000 {
        setup = setup.service(&format!("z{number}"), "type = \"target\"\nenabled = false\n");
    }
    setup
}

#[test]
fn a_configuration_that_hangs_holds_nobody_up_and_is_given_up() {
    needs_namespace!();
    let mut c = big(Setup::new().service("web", serve("web", &[]))).start();
    c.wait_event("up web");
    let reader = hold_reader(&c, || hang_up(&c));
    c.kill("web", libc::SIGKILL);
    c.wait_events("up web", 2);
    hang_up(&c);
    let patience = Duration::from_secs(40);
    let late = |line: &Line| line.text.contains("cannot read the configuration: not done within 30s");
    c.wait_for("the end of the patience", patience, |lines| lines.iter().any(late).then_some(()));
    let gone = || !c.processes().iter().any(|one| one.inside == reader.inside);
    c.check(eventually(PATIENCE, gone), "the process that reads is still there");
    write(&c, "late", &serve("late", &[]));
    hang_up(&c);
    c.wait_event("up late");
    c.stop_within(PROMPT);
}

#[test]
fn a_configuration_that_hangs_does_not_delay_the_end() {
    needs_namespace!();
    let mut c = big(Setup::new().service("web", serve("web", &[]))).start();
    c.wait_event("up web");
    hold_reader(&c, || hang_up(&c));
    c.stop_within(PROMPT);
}

#[test]
fn a_reader_that_dies_is_told_of() {
    needs_namespace!();
    let mut c = big(Setup::new().service("web", serve("web", &[]))).start();
    c.wait_event("up web");
    let reader = hold_reader(&c, || hang_up(&c));
    signal(reader.outside, libc::SIGKILL);
    c.wait_line(&[
        "applied",
        "cannot read the configuration: the process that reads it was killed by SIGKILL",
    ]);
    untouched(&c, "web");
    c.stop_within(PROMPT);
}

#[test]
fn what_somebody_asked_for_is_done_though_he_left_or_waited_long_enough() {
    needs_namespace!();
    let mut c = big(Setup::new().service("web", serve("web", &[]))).start();
    c.wait_event("up web");
    write(&c, "first", &serve("first", &[]));
    let mut leaves = Vec::new();
    let reader = hold_reader(&c, || leaves.push(post(&c, &json!({}))));
    write(&c, "second", &serve("second", &[]));
    let (status, told) = ask(&c, &json!({"timeout": 0.2}));
    c.check(status == 504 && told["reason"] == "not done in time; it goes on", &told.to_string());
    drop(leaves);
    signal(reader.outside, libc::SIGCONT);
    c.wait_event("up first");
    c.wait_event("up second");
    c.stop_within(PROMPT);
}
