//! Claims about lives: restarts, giving up, and the code that the container ends with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;
use support::{Setup, helper, needs_namespace, serve, sh};

#[test]
fn the_first_crash_is_mended_at_once() {
    needs_namespace!();
    // With a delay far beyond the patience of this test, only an immediate restart is seen.
    let mut c = Setup::new()
        .service("web", serve("web", &[]) + "[restart]\ndelay = \"10m\"\nmax-delay = \"10m\"\n")
        .start();
    c.wait_event("up web");
    c.kill("web", libc::SIGKILL);
    c.wait_events("up web", 2);
    c.wait_line(&["web: was killed by SIGKILL; restarting it now"]);
    c.stop_within(support::PROMPT);
}

#[test]
fn the_replacement_of_every_crash_is_another_process() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("web", serve("web", &[]) + "[restart]\ndelay = \"0\"\nlimit = \"unlimited\"\n")
        .start();
    let mut pids = Vec::new();
    for life in 1..=20 {
        c.wait_events("up web", life);
        pids.push(c.pid_of("web"));
        c.kill("web", libc::SIGKILL);
    }
    c.wait_events("up web", 21);
    let all = pids.len();
    pids.sort_unstable();
    pids.dedup();
    c.check(pids.len() == all, "one pid for two lives");
    c.stop_within(support::PROMPT);
}

#[test]
fn later_crashes_back_off_further_each_time() {
    needs_namespace!();
    let toml = sh("echo run $(date +%s%N) >> $EVENTS; exit 1") + "[restart]\ndelay = \"200ms\"\nlimit = 5\n";
    let mut c = Setup::new().service("web", toml).start();
    c.expect_exit(1);
    let events = c.events();
    let at: Vec<u64> = events.iter().filter_map(|event| event.strip_prefix("run ")?.parse().ok()).collect();
    let gaps: Vec<Duration> =
        at.windows(2).map(|pair| Duration::from_nanos(pair[1].saturating_sub(pair[0]))).collect();
    // At once, then 200, 400 and 800 ms, give or take a tenth.
    let least = [0, 150, 300, 600].map(Duration::from_millis);
    let grows = gaps.len() == least.len() && gaps.iter().zip(least).all(|(gap, least)| *gap >= least);
    c.check(grows, &format!("no growing delay: {gaps:?}"));
}

#[test]
fn a_service_that_fails_for_good_ends_the_container_with_its_code() {
    needs_namespace!();
    let toml = sh("echo run >> $EVENTS; exit 7") + "[restart]\ndelay = \"5ms\"\nlimit = 3\n";
    let mut c = Setup::new().service("web", toml).service("other", serve("other", &[])).start();
    c.expect_exit(7);
    let runs = c.events().iter().filter(|event| *event == "run").count();
    c.check(runs == 3, &format!("{runs} runs with a limit of 3"));
    c.wait_line(&["web: exited with code 7; gave up after 3 consecutive ends, and the container stops"]);
    c.wait_line(&["stopping: web has failed and is essential, code 7"]);
    c.position("term other");
}

#[test]
fn a_service_that_is_not_essential_leaves_the_rest() {
    needs_namespace!();
    let toml = "essential = false\n".to_owned() + &sh("exit 7") + "[restart]\ndelay = \"5ms\"\nlimit = 2\n";
    let mut c = Setup::new().service("extra", toml).service("web", serve("web", &[])).start();
    c.wait_event("up web");
    c.wait_line(&[
        "extra: exited with code 7; gave up after 2 consecutive ends, and the container goes on without it",
    ]);
    c.stop_within(support::PROMPT);
    c.position("term web");
}

#[test]
fn a_policy_of_never_and_success_codes_are_kept() {
    needs_namespace!();
    let mut c = Setup::new()
        .service(
            "once",
            "essential = false\n".to_owned()
                + &sh("echo run once >> $EVENTS")
                + "[restart]\npolicy = \"never\"\n",
        )
        .service(
            "fine",
            sh("echo run fine >> $EVENTS; exit 3")
                + "[restart]\npolicy = \"on-failure\"\nsuccess-codes = [0, 3]\n",
        )
        .start();
    c.expect_exit(0);
    c.check(c.events().len() == 2, "a service ran twice");
}

#[test]
fn the_code_of_the_main_service_is_the_code_of_the_container() {
    needs_namespace!();
    for code in [0, 1, 42] {
        let mut c = Setup::new()
            .service("web", serve("web", &[]))
            .command(&["/bin/sh", "-c", &format!("exec \"$HELPER\" @helper serve main code={code}")])
            .start();
        c.wait_event("up web");
        c.wait_event("up main");
        // Not asked by foster: it ends by itself.
        c.kill("main", libc::SIGTERM);
        c.expect_exit(code);
        // Started before the main service, and stopped after it.
        c.check_order(&["up main", "end main", "term web", "end web"]);
    }
}

/// What is done once all services with a helper are up.
#[derive(Clone, Copy)]
enum Then {
    Nothing,
    Term,
    Kill(&'static str, i32),
}

/// SPEC section 5: every cause and the code that the container ends with.
#[test]
fn every_cause_of_an_end_has_its_code() {
    needs_namespace!();
    let web = || ("web", serve("web", &[]));
    let oneshot = |script: &str| "type = \"oneshot\"\n".to_owned() + &sh(script);
    let twice = "[restart]\ndelay = \"1ms\"\nlimit = 2\n";
    let once = "[restart]\npolicy = \"never\"\n";
    let lax = "essential = false\n";
    let above = || ("above", serve("above", &[]) + "requires = [\"job\"]\n");
    let job = |toml: String| ("job", toml);
    type Case = (&'static str, Vec<(&'static str, String)>, Option<&'static str>, Then, i32);
    #[rustfmt::skip]
    let cases: Vec<Case> = vec![
        // Asked to stop.
        ("a stop", vec![web()], None, Then::Term, 0),
        ("a stop with codes", vec![job(serve("job", &["code=9"]))], None, Then::Term, 0),
        ("a stop and a service that is killed", vec![job(serve("job", &["ignore"]) + "[stop]\ntimeout = \"100ms\"\n")], None, Then::Term, 0),
        ("a stop, main 0", vec![web()], Some("main"), Then::Term, 0),
        ("a stop, main 5", vec![web()], Some("main code=5"), Then::Term, 5),
        ("a stop, main by file", vec![job("main = true\n".to_owned() + &serve("job", &["code=6"]))], None, Then::Term, 6),
        ("a stop, main killed", vec![job("main = true\n".to_owned() + &serve("job", &["ignore"]) + "[stop]\ntimeout = \"100ms\"\n")], None, Then::Term, 137),
        ("a stop, main dies of it", vec![job("main = true\n".to_owned() + &sh("echo up job $$ >>$EVENTS; exec sleep 1000"))], None, Then::Term, 143),
        // The main service ended.
        ("main ends, 0", vec![web()], Some("main"), Then::Kill("main", 15), 0),
        ("main ends, 42", vec![web()], Some("main code=42"), Then::Kill("main", 15), 42),
        ("main ends, 255", vec![web()], Some("main code=255"), Then::Kill("main", 15), 255),
        ("main, SIGKILL", vec![web()], Some("main"), Then::Kill("main", 9), 137),
        ("main, SIGSEGV", vec![web()], Some("main"), Then::Kill("main", 11), 139),
        ("main by file", vec![web(), job("main = true\n".to_owned() + &serve("job", &["code=7"]))], None, Then::Kill("job", 15), 7),
        ("main oneshot", vec![job("main = true\n".to_owned() + &oneshot("exit 8"))], None, Then::Nothing, 8),
        ("a command before main by file", vec![job("main = true\n".to_owned() + &serve("job", &["code=7"]))], Some("main code=3"), Then::Kill("main", 15), 3),
        // An essential service failed for good.
        ("fails for good", vec![web(), job(sh("exit 7") + twice)], None, Then::Nothing, 7),
        ("fails for good with 0", vec![web(), job(sh("exit 0") + twice)], None, Then::Nothing, 1),
        ("fails for good by a signal", vec![web(), job(sh("kill -ABRT $$") + twice)], None, Then::Nothing, 134),
        ("fails without a restart", vec![web(), job(serve("job", &["code=4"]) + once)], None, Then::Kill("job", 15), 4),
        ("fails by never-on", vec![web(), job(sh("exit 5") + "[restart]\nnever-on = [5]\n")], None, Then::Nothing, 5),
        ("is not found", vec![web(), job("command = [\"no-such-command\"]\n".into())], None, Then::Nothing, 127),
        ("is not executable", vec![web(), job("command = [\"/etc/passwd\"]\n".into())], None, Then::Nothing, 126),
        ("has no directory", vec![web(), job(sh("true") + "working-directory = \"/no/such\"\n")], None, Then::Nothing, 1),
        ("fails beside main", vec![job(sh("exit 7") + twice)], Some("main"), Then::Nothing, 7),
        // A required oneshot failed.
        ("a oneshot", vec![job(oneshot("exit 3")), above()], None, Then::Nothing, 3),
        ("a oneshot by a signal", vec![job(oneshot("kill -9 $$")), above()], None, Then::Nothing, 137),
        ("a required oneshot, essential by what requires it", vec![web(), job(lax.to_owned() + &oneshot("exit 3")), above()], None, Then::Nothing, 3),
        // All ended well.
        ("oneshots", vec![job(oneshot("exit 0"))], None, Then::Nothing, 0),
        ("a oneshot with a success code", vec![job(oneshot("exit 3") + "[restart]\nsuccess-codes = [3]\n")], None, Then::Nothing, 0),
        ("a daemon that ends", vec![job(serve("job", &[]) + once)], None, Then::Kill("job", 15), 0),
        ("a daemon with a success signal", vec![job(serve("job", &[]) + once + "success-codes = [\"SIGKILL\"]\n")], None, Then::Kill("job", 9), 0),
        // Nothing is left, though not all is well.
        ("all that is left has failed", vec![job(lax.to_owned() + &oneshot("exit 4"))], None, Then::Nothing, 4),
    ];
    let mut wrong = Vec::new();
    for (what, services, main, then, code) in cases {
        let mut setup = Setup::new();
        let mut up: Vec<&str> = Vec::new();
        for (name, toml) in services {
            up.extend((toml.contains("\"serve\"") || toml.contains("echo up ")).then_some(name));
            setup = setup.service(name, toml);
        }
        if let Some(options) = main {
            setup = setup.command(&["/bin/sh", "-c", &format!("exec \"$HELPER\" @helper serve {options}")]);
            up.push("main");
        }
        let mut c = setup.start();
        if !matches!(then, Then::Nothing) {
            up.iter().for_each(|name| drop(c.wait_event(&format!("up {name}"))));
        }
        match then {
            Then::Nothing => {}
            Then::Term => c.terminate(),
            Then::Kill(name, signal) => c.kill(name, signal),
        }
        let exit = c.wait_exit(support::PATIENCE);
        if exit.code != code {
            wrong.push(format!("{what}: {} instead of {code}; {:#?}", exit.code, c.lines()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_takes_the_place_of_a_main_service_by_file() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("job", "main = true\n".to_owned() + &serve("job", &["code=9"]))
        .command(&["/bin/sh", "-c", "exec \"$HELPER\" @helper serve main code=3"])
        .start();
    c.wait_event("up job");
    c.wait_event("up main");
    // A service like any other: its end does not end the container.
    c.kill("job", libc::SIGTERM);
    c.wait_events("up job", 2);
    c.kill("main", libc::SIGTERM);
    c.expect_exit(3);
    c.check_order(&["end job", "end main"]);
}

#[test]
fn a_main_service_killed_by_a_signal_gives_128_and_that() {
    needs_namespace!();
    let mut c = Setup::new().command(&["/bin/sh", "-c", "exec \"$HELPER\" @helper serve main"]).start();
    c.wait_event("up main");
    c.kill("main", libc::SIGKILL);
    c.expect_exit(137);
}

#[test]
fn a_stop_on_request_ends_with_0() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &["code=9"])).start();
    c.wait_event("up web");
    c.stop_within(support::PROMPT);
}

#[test]
fn a_stop_on_request_ends_with_the_code_of_the_main_service_where_there_is_one() {
    needs_namespace!();
    let mut c =
        Setup::new().command(&["/bin/sh", "-c", "exec \"$HELPER\" @helper serve main code=5"]).start();
    c.wait_event("up main");
    c.terminate();
    c.expect_exit(5);
}

#[test]
fn when_all_has_ended_well_the_container_ends_with_0() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("one", "type = \"oneshot\"\n".to_owned() + &sh("true"))
        .service(
            "two",
            "type = \"oneshot\"\nrequires = [\"one\"]\n".to_owned() + &sh("echo done two >> $EVENTS"),
        )
        .start();
    c.expect_exit(0);
    c.position("done two");
}

#[test]
fn a_main_command_that_is_not_found_gives_127() {
    needs_namespace!();
    for command in ["no-such-command-here", "/no/such/path"] {
        let mut c = Setup::new().command(&[command]).start();
        c.expect_exit(127);
        c.check(c.printed(&[command]), "the command is not named");
    }
}

#[test]
fn a_directory_of_the_path_that_may_not_be_searched_hides_nothing() {
    needs_namespace!();
    if !support::is_root() {
        support::skip!("only root can become another user");
    }
    // The directory of a test is root's alone.
    let toml = "command = [\"no-such-command-here\"]\nuser = \"65534\"\n".to_owned()
        + "[environment]\nPATH = \"/usr/bin:${DIRECTORY}:/bin\"\n";
    let mut c = Setup::new().service("web", toml).start();
    c.expect_exit(127);
    c.wait_line(&["web: cannot find `no-such-command-here` in PATH (/usr/bin:"]);
}

#[test]
fn a_main_command_that_cannot_be_executed_gives_126() {
    needs_namespace!();
    for command in ["/etc/passwd", "/etc"] {
        let mut c = Setup::new().command(&[command]).start();
        c.expect_exit(126);
        c.check(c.printed(&[command]), "the command is not named");
    }
}

#[test]
fn a_service_that_cannot_be_executed_says_why() {
    needs_namespace!();
    let toml =
        "command = [\"/no/such/daemon\"]\nworking-directory = \"/\"\n[restart]\ndelay = \"5ms\"\nlimit = 2\n";
    let mut c = Setup::new().service("web", toml).start();
    let exit = c.wait_exit(support::PATIENCE);
    c.check(exit.code != 0, "a success");
    c.check(c.printed(&["web", "/no/such/daemon"]), "the command is not named");

    let toml = sh("true") + "working-directory = \"/no/such/place\"\n[restart]\ndelay = \"5ms\"\nlimit = 2\n";
    let mut c = Setup::new().service("web", toml).start();
    let exit = c.wait_exit(support::PATIENCE);
    c.check(exit.code != 0, "a success");
    c.check(c.printed(&["web", "/no/such/place"]), "the directory is not named");
}

#[test]
fn nothing_to_run_is_an_error_that_says_where_it_looked() {
    needs_namespace!();
    let mut c = Setup::new().start();
    let looked = c.path("services").to_str().unwrap().to_owned();
    c.expect_exit(78);
    c.check(c.printed(&[&looked]), "it does not say where it looked");

    let mut c = Setup::new().arguments(&["run", "--services", "/no/such/directory"]).start();
    c.expect_exit(78);
    c.check(c.printed(&["/no/such/directory"]), "it does not say where it looked");
}

#[test]
fn a_wrong_configuration_starts_nothing_and_gives_78() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("good", serve("good", &[]))
        .service("bad", "comand = [\"true\"]\n")
        .service("worse", sh("true") + "requires = [\"goood\"]\n")
        .start();
    c.expect_exit(78);
    c.check(c.printed(&["bad.toml:1"]), "the first culprit is not named");
    c.check(c.printed(&["worse.toml:2"]), "the second culprit is not named in the same run");
    c.check(c.events().is_empty(), "something was started");
}

#[test]
fn wrong_usage_gives_64() {
    needs_namespace!();
    for arguments in [&["run", "--no-such-option"][..], &["no-such-verb"][..]] {
        let mut c = Setup::new().arguments(arguments).start();
        c.expect_exit(64);
    }
}

#[test]
fn a_service_inherits_nothing_by_accident() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("look", "type = \"oneshot\"\n".to_owned() + &helper(&["status"]))
        .prelude("trap '' HUP TERM CHLD USR1; exec 7</dev/null 9>/dev/null")
        .start();
    c.expect_exit(0);
    let events = c.events();
    for wanted in ["SigBlk 0000000000000000", "SigIgn 0000000000000000", "leads true", "open [0, 1, 2]"] {
        c.check(events.iter().any(|event| event == wanted), &format!("not {wanted:?}"));
    }
}
