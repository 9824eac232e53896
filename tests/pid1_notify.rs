//! Claims about what services say of themselves: readiness by notification and by newline, watchdogs, reloads, and whose word
//! counts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use support::{
    Container, LONG, PATIENCE, PROMPT, Setup, World, eventually, find_program, needs_namespace,
    needs_servers, serve, sh, skip, speaker,
};

/// Both ways of saying that it is ready, as `(name, toml, step)`.
const WAYS: [(&str, &str, &str); 2] =
    [("notify", "[ready]\nnotify = true\n", "say:READY=1"), ("fd", "[ready]\nfd = 7\n", "write:7:up|")];

fn usr1(c: &Container, name: &str) {
    c.kill(name, libc::SIGUSR1);
}

#[test]
fn what_requires_a_service_waits_for_its_word() {
    needs_namespace!();
    for (way, ready, word) in WAYS {
        let mut c = Setup::new()
            .service(
                "db",
                speaker("db", &["say:STATUS=loading", "write:7:no newline", &format!("usr1:{word}")]) + ready,
            )
            .service("web", "requires = [\"db\"]\n".to_owned() + &serve("web", &[]))
            .start();
        c.wait_event("up db");
        c.wait_state("db", "starting");
        let reason = c.foster_json(0, &["status", "db", "--json"])["services"][0]["reason"].clone();
        c.check(way == "fd" || reason == "not ready yet; says: loading", &format!("{reason}"));
        c.check(
            !c.events().iter().any(|event| event.starts_with("up web")),
            &format!("{way}: web did not wait"),
        );
        usr1(&c, "db");
        c.wait_event("up web");
        c.wait_state("db", "ready");
        c.stop_within(PROMPT);
    }
}

#[test]
fn who_does_not_say_it_in_time_is_stopped_with_the_reason() {
    needs_namespace!();
    let toml = |steps: &[&str], ready: &str| {
        "essential = false\n".to_owned()
            + &speaker("db", steps)
            + ready
            + "timeout = \"2s\"\n[restart]\npolicy = \"never\"\n"
    };
    for (steps, ready, reason) in [
        (&[][..], WAYS[0].1, "db: was not ready within 2s: it did not say READY=1"),
        (
            &["say:STATUS=half\tway"],
            WAYS[0].1,
            "db: was not ready within 2s: it did not say READY=1, but: half\\tway",
        ),
        (&["write:7:x"], WAYS[1].1, "db: was not ready within 2s: no newline on descriptor 7"),
        (&["close:7"], WAYS[1].1, "db: was not ready within 2s: closed descriptor 7 without a newline"),
    ] {
        let mut c = Setup::new().service("db", toml(steps, ready)).service("web", serve("web", &[])).start();
        c.wait_line(&[reason]);
        c.wait_event("term db");
        c.wait_state("db", "failed");
        c.stop_within(PROMPT);
    }
}

#[test]
fn a_service_that_fails_before_its_word_is_tried_again() {
    needs_namespace!();
    for (_, ready, word) in WAYS {
        let steps = ["once:first:exit:3", word];
        let mut c = Setup::new()
            .service("db", speaker("db", &steps) + ready)
            .service("web", "requires = [\"db\"]\n".to_owned() + &serve("web", &[]))
            .start();
        c.wait_event("up web");
        c.check(c.events().iter().filter(|event| event.starts_with("up db")).count() == 2, "not twice");
        c.wait_line(&["db: exited with code 3"]);
        c.stop_within(PROMPT);
    }
}

#[test]
fn a_word_counts_also_when_its_sender_ends_right_after() {
    needs_namespace!();
    for (_, ready, word) in WAYS {
        let toml = speaker("db", &[word, "exit:0"]) + ready + "[restart]\ndelay = \"0\"\nlimit = 30\n";
        let mut c = Setup::new().service("db", toml).config("log-level = \"info\"\n").start();
        c.wait_exit(PATIENCE);
        let ready = c.lines().iter().filter(|line| line.text.contains("db: ready")).count();
        c.check(ready == 30, &format!("its word counted {ready} times of 30"));
    }
}

#[test]
fn a_shutdown_does_not_wait_for_a_word() {
    needs_namespace!();
    for (_, ready, _) in WAYS {
        let mut c = Setup::new().service("db", speaker("db", &[]) + ready).start();
        c.wait_event("up db");
        c.stop_within(PROMPT);
        c.position("term db");
    }
}

#[test]
fn a_watchdog_is_fed_or_bites() {
    needs_namespace!();
    let toml = speaker("db", &["given", "every:50:WATCHDOG=1", "usr1:say:WATCHDOG=trigger"])
        + "[health]\nwatchdog = \"3s\"\n";
    let mut c = Setup::new().service("db", toml).start();
    c.wait_event("given db fds=- names=- pid=false watchdog=3000000 own=true store=- notify=true");
    support::pause(Duration::from_millis(4500));
    c.check(c.events().iter().filter(|event| event.starts_with("up db")).count() == 1, "it was fed and bit");
    usr1(&c, "db");
    c.wait_line(&["db: says that it does not work; sending SIGABRT"]);
    c.wait_events("up db", 2);
    std::fs::write(c.path("silence"), "").unwrap();
    c.wait_line(&["db: did not say for 3s that it is alive; sending SIGABRT"]);
    c.wait_events("up db", 3);
    c.stop_within(PROMPT);
}

#[test]
fn who_ignores_the_bite_of_its_watchdog_is_killed() {
    needs_namespace!();
    let toml = speaker("db", &["ignore", "say:WATCHDOG_USEC=200000"])
        + "[health]\nwatchdog = \"1h\"\n[stop]\ntimeout = \"200ms\"\n[restart]\nlimit = 2\n";
    let mut c = Setup::new().service("db", toml).start();
    c.wait_line(&["db: did not say for 200ms that it is alive; sending SIGABRT"]);
    c.wait_line(&["db", "SIGKILL"]);
    c.wait_events("up db", 2);
    c.wait_exit(PATIENCE);
}

#[test]
fn more_time_is_given_to_who_asks_for_it() {
    needs_namespace!();
    let toml = speaker("db", &["say:EXTEND_TIMEOUT_USEC=20000000", "sleep:3000", "say:READY=1"])
        + "[ready]\nnotify = true\ntimeout = \"2s\"\n";
    let mut c = Setup::new().service("db", toml).start();
    c.wait_state("db", "ready");
    c.check(!c.printed(&["not ready"]), "it was not given the time");
    c.stop_within(PROMPT);
}

#[test]
fn a_reload_waits_until_the_service_says_that_it_is_through() {
    needs_namespace!();
    let reload =
        |timeout: &str| format!("[ready]\nnotify = true\n[reload]\nnotify = true\ntimeout = \"{timeout}\"\n");
    let steps =
        ["say:READY=1", "hup:say:RELOADING=1|MONOTONIC_USEC=NOW", "hup:event:reloading", "hup:say:READY=1"];
    let stale = ["say:READY=1", "hup:say:RELOADING=1|MONOTONIC_USEC=1", "hup:say:READY=1"];
    let mut c = Setup::new()
        .service("web", speaker("web", &steps) + &reload("20s"))
        .service("old", speaker("old", &stale) + &reload("500ms"))
        .start();
    c.wait_state("web", "ready");
    c.wait_state("old", "ready");
    c.foster_ends(0, &["reload", "web"]);
    c.position("reloading");
    c.foster_ends(1, &["reload", "old"]);
    c.stop_within(PROMPT);
}

#[test]
fn who_says_that_it_stops_is_awaited() {
    needs_namespace!();
    let toml = "essential = false\n".to_owned()
        + &speaker("db", &["say:READY=1", "usr1:say:STOPPING=1", "hup:exit:0"])
        + "[ready]\nnotify = true\n[restart]\npolicy = \"on-failure\"\n";
    let mut c = Setup::new().service("db", toml).service("web", serve("web", &[])).start();
    c.wait_state("db", "ready");
    usr1(&c, "db");
    c.wait_state("db", "stopping");
    c.kill("db", libc::SIGHUP);
    c.wait_state("db", "done");
    c.check(!c.events().contains(&"term db".to_owned()), "it was stopped");
    c.stop_within(PROMPT);
}

#[test]
fn a_server_that_forks_into_the_background_names_its_main_process() {
    needs_namespace!();
    let toml = speaker("db", &["daemon:MAINPID=SELF|READY=1", "event:settled"]) + "[ready]\nnotify = true\n";
    let mut c = Setup::new().service("db", toml).start();
    c.wait_state("db", "ready");
    let events = c.events();
    let daemon: u32 = events.iter().find_map(|event| event.strip_prefix("daemon ")?.parse().ok()).unwrap();
    let main = |c: &Container| c.foster_json(0, &["status", "db", "--json"])["services"][0]["pid"].clone();
    c.check(main(&c) == daemon, "its main process is another");
    // The first process ends with code 9, which is nobody's business.
    let gone = || !c.processes().iter().any(|one| one.inside == c.pid_of("db"));
    c.check(eventually(PATIENCE, gone), "the first process stays");
    c.wait_state("db", "ready");
    c.check(!c.printed(&["db: exited"]), "the end of the first process counted");
    let process = c.processes().into_iter().find(|one| one.inside == daemon).unwrap();
    support::signal(process.outside, libc::SIGKILL);
    c.wait_line(&["db: was killed by SIGKILL; restarting it now"]);
    c.wait_events("daemon", 2);
    c.wait_state("db", "ready");
    c.stop_within(PROMPT);
    c.position("term db");
}

#[test]
fn nobody_names_a_process_of_somebody_else_as_its_main_one() {
    needs_namespace!();
    let toml = "after = [\"victim\"]\n".to_owned()
        + &speaker("db", &["usr1:say-file:victim", "usr1:barrier"])
        + "[reload]\nnotify = true\n";
    let mut c = Setup::new().service("db", toml).service("victim", serve("victim", &[])).start();
    c.wait_event("up victim");
    c.wait_event("up db");
    std::fs::write(c.path("victim"), format!("MAINPID={}", c.pid_of("victim"))).unwrap();
    usr1(&c, "db");
    c.wait_event("barrier db");
    c.wait_line(&["was ignored: MAINPID=", "of db: that is another process of the supervisor"]);
    let pid = c.foster_json(0, &["status", "db", "--json"])["services"][0]["pid"].clone();
    c.check(pid == c.pid_of("db"), "it was believed");
    c.stop_within(PROMPT);
}

#[test]
fn a_barrier_is_lifted_when_all_before_it_has_counted() {
    needs_namespace!();
    let toml = speaker("db", &["say:READY=1", "barrier", "say:FDSTORE=0"]) + "[ready]\nnotify = true\n";
    let mut c = Setup::new()
        .service("db", toml)
        .service("web", "requires = [\"db\"]\n".to_owned() + &serve("web", &[]))
        .start();
    c.wait_event("barrier db");
    c.wait_event("up web");
    c.stop_within(PROMPT);
}

#[test]
fn descriptors_in_care_come_back_after_a_restart_and_go_with_a_stop() {
    needs_namespace!();
    let steps =
        ["given", "once:kept:store:one", "once:kept2:store:two", "once:pipe:store-pipe:gone", "barrier"];
    let toml = "fd-store = 2\n".to_owned() + &speaker("db", &steps) + "[restart]\ndelay = \"1ms\"\n";
    let mut c = Setup::new().service("db", toml).service("web", serve("web", &[])).start();
    c.wait_event("given db fds=- names=- pid=false watchdog=- own=false store=2 notify=true");
    c.wait_event("barrier db");
    let first = c.pid_of("db");
    c.wait_line(&["was ignored: db keeps no more than 2 descriptors"]);
    c.kill("db", libc::SIGKILL);
    c.wait_event("given db fds=2 names=one:two pid=true watchdog=- own=false store=2 notify=true");
    c.wait_event(&format!("holds one one {first}"));
    c.wait_event(&format!("holds two two {first}"));
    c.wait_event("open [3, 4]");
    c.foster_ends(0, &["restart", "db"]);
    c.wait_events(&format!("holds two two {first}"), 2);
    c.foster_ends(0, &["stop", "db"]);
    c.foster_ends(0, &["start", "db"]);
    c.wait_events("given db fds=- names=-", 2);
    c.stop_within(PROMPT);
}

#[test]
fn a_descriptor_in_care_goes_when_its_other_side_does() {
    needs_namespace!();
    let steps = ["given", "once:pipe:store-pipe:gone", "barrier"];
    let toml = "fd-store = 9\n".to_owned() + &speaker("db", &steps) + "[restart]\ndelay = \"1ms\"\n";
    let mut c = Setup::new().service("db", toml).start();
    c.wait_event("barrier db");
    let before = c.descriptors();
    // The writing end dies with the process.
    c.kill("db", libc::SIGKILL);
    c.wait_events("barrier db", 2);
    c.check(eventually(PATIENCE, || c.descriptors() < before), "it is still open");
    c.stop_within(PROMPT);
}

#[test]
fn nobodys_word_counts_for_somebody_else() {
    needs_namespace!();
    let toml = "essential = false\n".to_owned() + &speaker("db", &[]) + "[ready]\nnotify = true\n";
    let mut c = Setup::new()
        .service("db", toml)
        // It knows the socket, for it may speak too.
        .service(
            "other",
            speaker("other", &["usr1:say:READY=1", "usr1:barrier"]) + "[health]\nwatchdog = \"1h\"\n",
        )
        .service("deaf", sh("echo \"up deaf $$\" >> $EVENTS; exec sleep 1000"))
        .start();
    c.wait_event("up other");
    c.wait_event("up db");
    usr1(&c, "other");
    c.wait_event("barrier other");
    let socket = c.path("notify");
    c.check(socket.exists(), "the socket is elsewhere");
    let stranger = format!(
        "NOTIFY_SOCKET={} {}",
        socket.display(),
        support::helper_shell("speak stranger say:READY=1 barrier exit:0")
    );
    let helper = support::program();
    let ran = c.exec(&["/bin/sh", "-c", &stranger]).env("HELPER", &helper).status().unwrap();
    c.check(ran.success(), "the stranger did not run");
    c.wait_event("barrier stranger");
    c.wait_line(&["a notification of process", "was ignored: it belongs to no service"]);
    c.wait_state("db", "starting");
    c.stop_within(PROMPT);
}

/// Of PID 1, in KiB. Not what is private, for its program is shared with the other tests.
fn anonymous_memory(c: &Container) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", c.init())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_flood_of_nonsense_changes_nothing() {
    needs_namespace!();
    let toml =
        speaker("db", &["hup:flood:20000", "usr1:flood:100000", "usr1:barrier"]) + "[ready]\nnotify = true\n";
    let mut c = Setup::new()
        .service("db", "fd-store = 1\n".to_owned() + &toml)
        .service("web", "requires = [\"db\"]\n".to_owned() + &serve("web", &[]))
        .service("other", serve("other", &[]))
        .start();
    c.wait_event("up db");
    c.wait_event("up other");
    // What a first time costs is no growth.
    c.foster_ends(0, &["restart", "other"]);
    c.kill("db", libc::SIGHUP);
    let ends = |event: &'static str| {
        c.wait_for("the end of the flood", 3 * PATIENCE, |lines| {
            lines.iter().any(|line| line.text == event).then_some(())
        });
    };
    ends("flooded");
    let (descriptors, memory) = (c.descriptors(), anonymous_memory(&c));
    usr1(&c, "db");
    // Meanwhile others are served.
    c.foster_ends(0, &["restart", "other"]);
    ends("barrier db");
    c.wait_state("db", "starting");
    c.check(c.descriptors() <= descriptors + 1, "descriptors are left");
    let grown = anonymous_memory(&c).saturating_sub(memory);
    c.check(grown < 600, &format!("{grown} KiB more than {memory}"));
    let lines = c.lines().iter().filter(|line| line.text.contains("was ignored")).count();
    c.check(lines == 1, &format!("{lines} lines about it"));
    c.stop_within(PROMPT);
}

#[test]
fn what_the_container_was_told_is_not_told_to_services() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("web", speaker("web", &["given"]))
        .env("NOTIFY_SOCKET", "/nonexistent/notify")
        .env("LISTEN_FDS", "3")
        .env("WATCHDOG_USEC", "1000")
        .env("FDSTORE", "7")
        .start();
    c.wait_event("given web fds=- names=- pid=false watchdog=- own=false store=- notify=false");
    c.stop_within(PROMPT);
}

#[test]
fn without_a_directory_that_all_can_reach_the_socket_has_a_secret_name() {
    needs_namespace!();
    if !support::is_root() {
        skip!("only root can take the usual places away");
    }
    let prelude = "chmod 700 $DIRECTORY; mount -t tmpfs -o ro none /run;
        mkdir -p /tmp/foster-0; mount -t tmpfs -o ro none /tmp/foster-0";
    let shows =
        sh("echo socket $${NOTIFY_SOCKET%%/*} >> $EVENTS; exec sleep 1000") + "[health]\nwatchdog = \"1h\"\n";
    let mut c = Setup::new()
        .prelude(prelude)
        .service("shows", shows)
        .service("db", speaker("db", &["say:READY=1", "barrier"]) + "[ready]\nnotify = true\n")
        .start();
    c.wait_event("socket @foster");
    c.wait_event("barrier db");
    c.wait_state("db", "ready");
    c.stop_within(PROMPT);
}

#[test]
fn whoever_started_the_container_is_told_how_far_it_is() {
    needs_namespace!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("up");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let heard = || {
        let mut text = [0; 4096];
        let count = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..count]).into_owned()
    };
    let mut c = Setup::new()
        .service("db", speaker("db", &["usr1:say:READY=1"]) + "[ready]\nnotify = true\n")
        .service("web", serve("web", &[]))
        .env("NOTIFY_SOCKET", path.to_str().unwrap())
        .start();
    c.wait_event("up db");
    c.wait_event("up web");
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 16]).is_err(), "it was told too early");
    socket.set_nonblocking(false).unwrap();
    usr1(&c, "db");
    assert_eq!(heard(), "READY=1\nSTATUS=up: 2 services");
    c.foster_ends(0, &["apply"]);
    assert!(heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(heard(), "READY=1");
    c.stop_within(PROMPT);
    assert_eq!(heard(), "STOPPING=1\nSTATUS=stopping");
}

#[test]
fn systemds_own_program_is_understood() {
    needs_namespace!();
    if find_program("systemd-notify").is_none() {
        skip!("not installed: systemd-notify (package systemd)");
    }
    let script = "echo \"up db $$\" >> $EVENTS; systemd-notify --status='half way'; systemd-notify --ready --status=up; \
                  echo told >> $EVENTS; exec sleep 1000";
    let mut c = Setup::new()
        .service("db", sh(script) + "[ready]\nnotify = true\n")
        .service("web", "requires = [\"db\"]\n".to_owned() + &serve("web", &[]))
        .start();
    c.wait_event("told");
    c.wait_event("up web");
    c.stop_within(PROMPT);
}

#[test]
fn redis_says_when_it_is_ready() {
    needs_servers!(("redis-server", "redis-server"));
    let redis = "command = \"redis-server --port 6399 --bind 127.0.0.1 --supervised systemd --save ''\"\n\
                 [ready]\nnotify = true\ntimeout = \"20s\"\n";
    let mut c = Setup::new()
        .network()
        .service("redis", redis)
        .service("web", "requires = [\"redis\"]\n".to_owned() + &serve("web", &[]))
        .start();
    c.wait_event("up web");
    c.wait_state("redis", "ready");
    c.stop_within(PROMPT);
}

#[test]
fn postgres_says_when_it_is_ready() {
    needs_servers!(("initdb", "postgresql"));
    let bin = find_program("initdb").unwrap();
    let bin = bin.parent().unwrap().to_str().unwrap();
    let world = World::new();
    let database = format!("user = \"postgres\"\ncommand = [\"{bin}/");
    let socket = "[environment]\nPGHOST = \"WORLD\"\n";
    let mut c = world
        .setup(&[
            ("place", "type = \"oneshot\"\nscript = \"install -d -m 700 -o postgres WORLD/db && chmod 777 WORLD\""),
            (
                "init",
                &format!("type = \"oneshot\"\nrequires = [\"place\"]\n{database}initdb\", \"-D\", \"WORLD/db\"]\n"),
            ),
            (
                "db",
                &format!(
                    "requires = [\"init\"]\n{database}postgres\", \"-D\", \"WORLD/db\", \"-k\", \"WORLD\"]\n\
                     [ready]\nnotify = true\n[stop]\nsignal = \"SIGINT\"\n"
                ),
            ),
            // Only once, and it succeeds: the server accepts it when it says that it is ready.
            (
                "ask",
                &format!(
                    "type = \"oneshot\"\nrequires = [\"db\"]\nuser = \"postgres\"\ncommand = [\"psql\", \"-c\", \"select 1\"]\n{socket}"
                ),
            ),
        ])
        .start();
    c.check(eventually(LONG, || c.server("bin/postgres -D").is_some()), "postgres does not run");
    c.wait_state("ask", "done");
    c.stop_within(PROMPT);
}
