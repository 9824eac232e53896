//! Claims about health: what fails is told and acted upon, what hangs is killed, and looking costs nothing that lasts.
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::time::Duration;
use support::{Container, LONG, PATIENCE, PROMPT, Setup, World};
use support::{eventually, find_program, helper, needs_namespace, needs_servers, pause, serve};

/// Healthy while the file `well` is there.
const WELL: &str = "exec = [\"/bin/sh\", \"-c\", \"test -e $DIRECTORY/well || { echo unwell; exit 3; }\"]";

fn web(health: &str) -> String {
    serve("web", &[]) + "[health]\n" + health
}

/// Starts a service that is well.
fn well(health: &str) -> Container {
    let mut c = Setup::new().network().service("web", web(&format!("{WELL}\n{health}"))).held().start();
    fs::write(c.path("well"), "").unwrap();
    c.release();
    c.wait_event("up web");
    c
}

#[test]
fn a_service_that_is_not_healthy_is_restarted() {
    needs_namespace!();
    // It is this process that is unwell; the next one is well from its beginning.
    let probe = "test \"$(cat $DIRECTORY/unwell 2>/dev/null)\" != $MAINPID || { echo unwell; exit 3; }";
    let health = format!("exec = [\"/bin/sh\", \"-c\", {probe:?}]\ninterval = \"20ms\"\n");
    let toml = web(&(health + "[restart]\ndelay = \"10ms\"\n"));
    let mut c = Setup::new().service("web", toml).start();
    c.wait_event("up web");
    for life in 2..=3 {
        fs::write(c.path("unwell"), c.pid_of("web").to_string()).unwrap();
        c.wait_line(&[
            "web: is not healthy: 3 probes in a row failed: exited with code 3: unwell; stopping it",
        ]);
        c.wait_events("term web", life - 1);
        c.wait_events("up web", life);
    }
    let unhealthy = c.lines().iter().filter(|line| line.text.contains("is not healthy")).count();
    c.check(unhealthy == 2, &format!("{unhealthy} times not healthy"));
    c.stop_within(PROMPT);
}

#[test]
fn the_container_ends_with_1_if_health_says_so() {
    needs_namespace!();
    let mut c = well("interval = \"20ms\"\nfailures = 1\non-failure = \"shutdown\"\n");
    fs::remove_file(c.path("well")).unwrap();
    c.wait_line(&["web: is not healthy: a probe failed: exited with code 3: unwell"]);
    c.expect_exit(1);
    c.position("end web");
}

#[test]
fn it_is_only_told_if_health_says_so_and_told_again_when_it_is_well() {
    needs_namespace!();
    let mut c = well("interval = \"20ms\"\nfailures = 2\non-failure = \"none\"\n");
    fs::remove_file(c.path("well")).unwrap();
    c.wait_line(&["web: is not healthy: 2 probes in a row failed: exited with code 3: unwell"]);
    fs::write(c.path("well"), "").unwrap();
    c.wait_line(&["web: is healthy again"]);
    c.check(c.events().len() == 1, "something was done about it");
    c.stop_within(PROMPT);
}

#[test]
fn health_is_asked_of_every_kind_of_place() {
    needs_namespace!();
    let kinds = [
        ("tcp=127.0.0.1:81", "tcp = \"127.0.0.1:81\"", "cannot connect to 127.0.0.1:81: connection refused"),
        (
            "unix=${DIRECTORY}/web.sock",
            "unix = \"${DIRECTORY}/web.sock\"",
            "web.sock: no such file or directory",
        ),
        ("http=127.0.0.1:81", "http = \"http://127.0.0.1:81/\"", "connection refused"),
    ];
    for (place, probe, heard) in kinds {
        let health = format!("[health]\n{probe}\ninterval = \"10ms\"\nfailures = 1\non-failure = \"none\"\n");
        let toml = helper(&["answer", "web", place]) + &health;
        let mut c = Setup::new().network().service("web", toml).start();
        fs::write(c.path("answer"), "HTTP/1.1 200 OK\r\n\r\n").unwrap();
        c.wait_line(&["web: is not healthy: a probe failed: ", heard]);
        fs::write(c.path("go"), "").unwrap();
        c.wait_line(&["web: is healthy again"]);
        if place.starts_with("http") {
            fs::write(c.path("answer"), "HTTP/1.1 500 Broken\r\n\r\nno disk").unwrap();
            c.wait_line(&["web: is not healthy: a probe failed: HTTP 500 Broken: no disk"]);
        }
        c.stop_within(PROMPT);
    }
}

#[test]
fn a_server_that_does_not_answer_is_not_healthy() {
    needs_namespace!();
    let toml = helper(&["answer", "web", "http=127.0.0.1:81"])
        + "[ready]\nfile = \"${DIRECTORY}/go\"\n\
           [health]\nhttp = \"http://127.0.0.1:81/\"\ninterval = \"20ms\"\ntimeout = \"200ms\"\nfailures = 2\n\
           [restart]\ndelay = \"10ms\"\n";
    let mut c = Setup::new().network().service("web", toml).start();
    c.wait_event("up web");
    fs::write(c.path("answer"), "").unwrap();
    fs::write(c.path("go"), "").unwrap();
    c.wait_line(&["web: is not healthy: 2 probes in a row failed: no answer within 200ms; stopping it"]);
    c.wait_events("up web", 2);
    c.stop_within(PROMPT);
}

fn named(c: &Container, name: &str) -> usize {
    c.processes().iter().filter(|one| one.name == name && one.state != 'Z').count()
}

#[test]
fn a_probe_that_hangs_is_killed_with_its_group_and_they_never_pile_up() {
    needs_namespace!();
    // Its own name for who hangs: one that ignores SIGTERM, and two children of it.
    let probe = "exec = [\"/bin/sh\", \"-c\", \"trap '' TERM; echo probing >>$EVENTS; echo thinking; sleep 1000 & sleep 1000\"]\n";
    let toml =
        web(&format!("{probe}interval = \"10ms\"\ntimeout = \"2s\"\nfailures = 2\non-failure = \"none\"\n"));
    let mut c = Setup::new().service("web", toml).start();
    c.wait_line(&["web: is not healthy: 2 probes in a row failed: no answer within 2s: thinking"]);
    for probes in 3..=5 {
        c.wait_events("probing", probes);
        let sleeping = named(&c, "sleep");
        c.check(sleeping <= 4, &format!("{sleeping} children of probes"));
    }
    c.stop_within(PROMPT);
}

#[test]
fn what_a_probe_leaves_behind_is_cleared_away_and_what_hides_holds_nothing_up() {
    needs_namespace!();
    // One stays in the group, one makes a session of its own; both keep the output open.
    let script = "sleep 1001 & if ! test -e $DIRECTORY/hidden; then touch $DIRECTORY/hidden; setsid sleep 1002 & fi; \
                  echo probed >>$EVENTS; exit 0";
    let toml = web(&format!("exec = [\"/bin/sh\", \"-c\", {script:?}]\ninterval = \"10ms\"\n"));
    let mut c = Setup::new().service("web", toml).start();
    c.wait_events("probed", 20);
    let sleeping = named(&c, "sleep");
    c.check(sleeping <= 3, &format!("{sleeping} processes of twenty probes"));
    c.check(!c.printed(&["web: ", "failed"]), "a probe failed");
    let status = c.foster_ends(0, &["status", "--json"]);
    c.check(status.stdout.contains("\"web\""), &status.stdout);
    c.stop_within(PROMPT);
}

#[test]
fn however_much_a_probe_says_it_ends_and_its_last_line_is_told() {
    needs_namespace!();
    let script = "head -c 1000000 /dev/zero | tr '\\0' x; printf '\\nall \\033[1mis\\tlost\\n\\n'; exit 3";
    let toml = web(&format!(
        "exec = [\"/bin/sh\", \"-c\", {script:?}]\ninterval = \"10ms\"\nfailures = 1\non-failure = \"none\"\n"
    ));
    let mut c = Setup::new().service("web", toml).start();
    c.wait_line(&["web: is not healthy: a probe failed: exited with code 3: all \\u{1b}[1mis\\tlost"]);
    c.check(!c.printed(&["xxxxxxxx"]), "it is in the log");
    c.stop_within(PROMPT);
}

#[test]
fn a_service_may_die_while_it_is_probed() {
    needs_namespace!();
    let probe = "exec = [\"/bin/sh\", \"-c\", \"echo probing >>$EVENTS; exec sleep 1000\"]\n";
    let toml = web(&format!("{probe}interval = \"10ms\"\ntimeout = \"20s\"\n[restart]\ndelay = \"10ms\"\n"));
    let mut c = Setup::new().service("web", toml).start();
    for life in 1..=4 {
        c.wait_events("up web", life);
        c.wait_events("probing", life);
        c.kill("web", libc::SIGKILL);
    }
    c.wait_events("up web", 5);
    c.wait_events("probing", 5);
    c.check(eventually(PATIENCE, || named(&c, "sleep") == 1), "probes of former lives live on");
    // The last one hangs now.
    c.stop_within(PROMPT);
}

#[test]
fn another_plan_may_look_in_another_way_while_a_probe_hangs() {
    needs_namespace!();
    let probe = "exec = [\"/bin/sh\", \"-c\", \"echo probing >>$EVENTS; exec sleep 1000\"]\n";
    let mut c =
        Setup::new().service("web", web(&format!("{probe}interval = \"10ms\"\ntimeout = \"20s\"\n"))).start();
    c.wait_event("probing");
    let other = "exec = [\"/bin/sh\", \"-c\", \"echo looking >>$EVENTS\"]\ninterval = \"10ms\"\n";
    fs::write(c.path("services/web.toml"), web(other)).unwrap();
    c.foster_ends(0, &["apply"]);
    c.wait_events("looking", 3);
    c.check(named(&c, "sleep") == 0, "the former probe lives on");
    fs::write(c.path("services/web.toml"), serve("web", &[])).unwrap();
    c.foster_ends(0, &["apply"]);
    c.check(eventually(PATIENCE, || c.processes().len() == 2), "a probe lives on");
    c.catch_up();
    let last = c.events().len();
    pause(Duration::from_millis(100));
    c.check(c.events().len() == last, "it is probed on");
    c.check(c.events().iter().filter(|event| event.starts_with("up web")).count() == 1, "it was restarted");
    c.stop_within(PROMPT);
}

/// Waits by design: its subject is that nothing grows while time passes.
#[test]
fn two_hundred_probes_a_second_leave_nothing_behind() {
    needs_namespace!();
    let mut setup = Setup::new().network();
    for number in 0..5 {
        let probe = if number == 0 {
            "exec = [\"/bin/sh\", \"-c\", \"echo probed >>$EVENTS\"]"
        } else {
            "exec = \"true\""
        };
        let exec = serve(&format!("e{number}"), &[]) + "[health]\n" + probe + "\ninterval = \"50ms\"\n";
        setup = setup.service(&format!("e{number}"), exec);
        let port = 8080 + number;
        let tcp = helper(&["answer", &format!("t{number}"), &format!("tcp=127.0.0.1:{port}")])
            + &format!(
                "[ready]\ntcp = \"127.0.0.1:{port}\"\n[health]\ntcp = \"127.0.0.1:{port}\"\ninterval = \"50ms\"\n"
            );
        setup = setup.service(&format!("t{number}"), tcp);
    }
    let mut c = setup.start();
    fs::write(c.path("go"), "").unwrap();
    c.wait_events("probed", 20);
    c.wait_events("asked t4", 20);
    let least = |look: &dyn Fn() -> u64| (0..50).map(|_| look()).min().unwrap_or(0);
    let descriptors = || least(&|| c.descriptors());
    // Not the pages of the file: whose they are depends on who else runs it.
    let (before, memory) = (descriptors(), c.anonymous_memory());
    c.wait_events("probed", 100);
    c.wait_events("asked t4", 100);
    let (after, grown) = (descriptors(), c.anonymous_memory());
    c.check(after <= before + 2, &format!("{before} descriptors became {after}"));
    c.check(grown <= memory + 128, &format!("{memory} KiB became {grown}"));
    c.check(!c.printed(&["failed"]), "a probe failed");
    c.check(eventually(PATIENCE, || c.zombies().is_empty()), "zombies");
    c.stop_within(PROMPT);
}

#[test]
fn real_servers_are_ready_and_healthy_by_their_own_tools() {
    needs_servers!(("redis-server", "redis-server"), ("nginx", "nginx-light"), ("redis-cli", "redis-tools"));
    let world = World::new();
    world.file(
        "nginx.conf",
        "daemon off; user www-data; pid WORLD/nginx.pid; error_log stderr notice;
         events { worker_connections 64; }
         http { access_log off; server { listen 127.0.0.1:8080; location /health { return 200 'well\\n'; } } }",
    );
    assert!(find_program("redis-cli").is_some());
    let mut c = world
        .setup(&[
            (
                "redis",
                "command = \"redis-server --bind 127.0.0.1 --save '' --dir WORLD\"
                 [ready]
                 exec = [\"/bin/sh\", \"-c\", \"redis-cli ping | grep PONG\"]
                 [health]
                 exec = [\"/bin/sh\", \"-c\", \"redis-cli ping | grep PONG\"]
                 interval = \"50ms\"
                 timeout = \"1s\"
                 [restart]
                 delay = \"10ms\"",
            ),
            (
                "nginx",
                "command = \"nginx -e stderr -c WORLD/nginx.conf\"
                 requires = [\"redis\"]
                 [ready]
                 http = \"http://127.0.0.1:8080/health\"
                 body = \"^well$\"
                 timeout = \"20s\"",
            ),
            ("after", "type = \"oneshot\"\nrequires = [\"nginx\"]\ncommand = [\"/bin/sh\", \"-c\", \"echo all ready >>$EVENTS\"]"),
        ])
        .start();
    c.wait_event("all ready");
    // It hangs, as far as its clients can tell.
    let redis = c.server("redis-server").unwrap_or_else(|| c.fail("no redis"));
    support::signal(redis.outside, libc::SIGSTOP);
    c.wait_for("redis is not healthy", LONG, |lines| {
        lines
            .iter()
            .any(|line| {
                line.text.contains("redis: is not healthy: 3 probes in a row failed: no answer within 1s")
            })
            .then_some(())
    });
    let replaced =
        eventually(LONG, || c.server("redis-server").is_some_and(|one| one.inside != redis.inside));
    c.check(replaced, "redis was not replaced");
    c.terminate();
    c.expect_exit(0);
}

#[test]
fn a_probe_that_cannot_be_made_has_failed_and_the_next_one_is_made() {
    needs_namespace!();
    for probe in ["exec = \"true\"", "tcp = \"127.0.0.1:81\""] {
        let health = format!("[health]\n{probe}\ninterval = \"10ms\"\nfailures = 2\non-failure = \"none\"\n");
        let toml =
            helper(&["answer", "web", "tcp=127.0.0.1:81"]) + "[ready]\ntcp = \"127.0.0.1:81\"\n" + &health;
        let mut c = Setup::new().network().service("web", toml).start();
        fs::write(c.path("go"), "").unwrap();
        c.wait_events("asked web", 1);
        let limit = c.limit_descriptors(4);
        c.wait_line(&["web: is not healthy: 2 probes in a row failed: cannot ", "too many open files"]);
        c.limit_descriptors(limit);
        c.wait_line(&["web: is healthy again"]);
        c.stop_within(PROMPT);
    }
}

#[test]
fn a_probe_is_made_as_the_user_of_the_service() {
    needs_namespace!();
    if !support::is_root() {
        support::skip!("only root can become another user");
    }
    let probe = "echo $(id -u) $(id -g) >/dev/stderr; exit 5";
    let toml = "user = \"65534\"\ngroup = \"65533\"\n".to_owned()
        + &helper(&["answer", "web", "tcp=127.0.0.1:81"])
        + &format!(
            "[health]\nexec = [\"/bin/sh\", \"-c\", {probe:?}]\ninterval = \"10ms\"\non-failure = \"none\"\n"
        );
    let mut c = Setup::new().service("web", toml).start();
    c.wait_line(&["web: is not healthy: 3 probes in a row failed: exited with code 5: 65534 65533"]);
    c.check(!c.printed(&["cannot", "/dev/stderr"]), "it cannot open its standard error");
    c.stop_within(PROMPT);
}
