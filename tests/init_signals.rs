//! Claims about what `foster init`, and the inits that it stands in for, do with signals and with those that are left at the end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;
use support::{Container, Output, PATIENCE, Setup, eventually, needs_namespace, pause, program};

/// A container whose PID 1 is this init with this command.
fn container(init: &[&str], command: &[&str]) -> Setup {
    Setup::new().arguments(&[init, command].concat())
}

fn hearing(init: &[&str]) -> Container {
    let program = program();
    let c = container(init, &[&program, "@helper", "hear", "15"]).start();
    c.wait_event("up hear");
    c
}

#[test]
fn every_signal_reaches_the_command_once_and_by_its_own_number() {
    needs_namespace!();
    let faults = [4, 5, 6, 7, 8, 11, 31];
    let inits: [(&[&str], &[i32]); 8] = [
        (&["init", "--"], &[]),
        (&["init", "-g", "--"], &[]),
        (&["init", "-c", "--"], &[]),
        (&["dumb-init", "-c"], &[]),
        // It makes SIGSTOP of the three that a terminal stops by.
        (&["dumb-init"], &[20, 21, 22]),
        (&["tini", "--"], &[4, 5, 6, 7, 8, 11, 31, 21, 22]),
        (&["tini", "-g", "--"], &[4, 5, 6, 7, 8, 11, 31, 21, 22]),
        (&["catatonit", "--"], &[4, 5, 6, 7, 8, 11, 31, 20, 21, 22]),
    ];
    for (init, not) in inits {
        let mut c = hearing(init);
        let all = (1..=64).filter(|number| ![9, 15, 17, 19].contains(number));
        let expected: Vec<i32> = all.clone().filter(|number| !not.contains(number)).collect();
        for number in all.filter(|number| !not.contains(number) || faults.contains(number) || *number > 20) {
            if init == ["dumb-init"] && not.contains(&number) {
                continue;
            }
            c.signal(number);
            if expected.contains(&number) {
                c.wait_event(&format!("heard {number}"));
            }
        }
        c.signal(libc::SIGTERM);
        c.expect_exit(0);
        let heard: Vec<i32> =
            c.events().iter().filter_map(|event| event.strip_prefix("heard ")?.parse().ok()).collect();
        let wanted: Vec<i32> = expected.into_iter().chain([15]).collect();
        c.check(heard == wanted, &format!("{init:?} passed on {heard:?}"));
    }
}

#[test]
fn real_time_signals_that_wait_are_all_passed_on() {
    needs_namespace!();
    let mut c = hearing(&["init", "--"]);
    for _ in 0..200 {
        c.signal(40);
    }
    c.wait_events("heard 40", 200);
    c.signal(libc::SIGTERM);
    c.expect_exit(0);
    c.check(c.events().iter().filter(|event| *event == "heard 40").count() == 200, "one came twice");
}

#[test]
fn signals_are_rewritten_and_dropped_by_name_and_number() {
    needs_namespace!();
    let mut c =
        hearing(&["init", "--rewrite-signal", "INT:TERM", "-r", "HUP:0", "-r", "10:SIGRTMIN+3", "--"]);
    c.signal(libc::SIGHUP);
    c.signal(libc::SIGUSR1);
    c.wait_event("heard 37");
    c.signal(libc::SIGINT);
    c.expect_exit(0);
    let events = c.events();
    c.check(!events.iter().any(|event| event == "heard 1" || event == "heard 10"), "not rewritten");

    let mut c = hearing(&["dumb-init", "-r", "2:15", "--rewrite", "1:0"]);
    c.signal(libc::SIGHUP);
    c.signal(libc::SIGINT);
    c.expect_exit(0);
    c.check(!c.events().iter().any(|event| event == "heard 1"), "not dropped");
}

#[test]
fn the_group_gets_signals_where_it_was_asked_for() {
    needs_namespace!();
    // It is killed once all have heard, and before it would end by itself.
    let script = "\"$HELPER\" @helper serve member & exec \"$HELPER\" @helper serve main delay=1000000";
    for (init, group) in [
        (&["init", "--"][..], false),
        (&["init", "-g", "--"], true),
        (&["tini", "--"], false),
        (&["tini", "-g", "--"], true),
        (&["catatonit", "--"], false),
        (&["catatonit", "-g", "--"], true),
        (&["dumb-init"], true),
    ] {
        let mut c = container(init, &["/bin/sh", "-c", script]).start();
        c.wait_event("up member");
        c.wait_event("up main");
        c.terminate();
        c.wait_event("term main");
        if group {
            c.wait_event("term member");
        }
        c.kill("main", libc::SIGKILL);
        c.expect_exit(137);
        // dumb-init says it to the rest of the group at the end, and the kernel is quicker.
        let told = c.events().iter().any(|event| event == "term member");
        c.check(told == group, &format!("{init:?}: member was told: {told}"));
    }
}

#[test]
fn the_group_is_asked_for_by_the_environment_too() {
    needs_namespace!();
    // It is killed once all have heard, and before it would end by itself.
    let script = "\"$HELPER\" @helper serve member & exec \"$HELPER\" @helper serve main delay=1000000";
    for (init, name) in [("init", "FOSTER_INIT_KILL_GROUP"), ("tini", "TINI_KILL_PROCESS_GROUP")] {
        let mut c = container(&[init, "--"], &["/bin/sh", "-c", script]).env(name, "1").start();
        c.wait_event("up member");
        c.wait_event("up main");
        c.terminate();
        c.wait_event("term member");
        c.kill("main", libc::SIGKILL);
        c.expect_exit(137);
    }
}

#[test]
fn what_is_left_is_asked_and_then_killed_within_the_time() {
    needs_namespace!();
    let script =
        "setsid \"$HELPER\" @helper serve polite & setsid \"$HELPER\" @helper serve stubborn ignore &
        exec \"$HELPER\" @helper serve main";
    for below in [None, Some("\"$@\" & wait $!; code=$?; \"$HELPER\" @helper look; exit $code")] {
        let mut setup = container(&["init", "--wait", "3s", "--"], &["/bin/sh", "-c", script]);
        if let Some(script) = below {
            setup = setup.below(script);
        }
        let mut c = setup.start();
        for name in ["polite", "stubborn", "main"] {
            c.wait_event(&format!("up {name}"));
        }
        c.kill("main", libc::SIGABRT);
        let exit = c.expect_exit(134);
        for name in ["polite", "stubborn"] {
            c.position(&format!("term {name}"));
        }
        c.position("end polite");
        c.check(exit.after >= Duration::from_secs(3), "stubborn was not given its time");
    }
}

#[test]
fn the_wait_ends_with_the_last_process() {
    needs_namespace!();
    let script =
        "setsid \"$HELPER\" @helper serve daemon delay=200 & exec \"$HELPER\" @helper serve main code=3";
    let mut c = container(&["init", "--wait", "10m", "--"], &["/bin/sh", "-c", script]).start();
    c.wait_event("up daemon");
    c.wait_event("up main");
    c.terminate();
    c.expect_exit(3);
    c.check_order(&["end main", "term daemon", "end daemon"]);
}

#[test]
fn without_a_wait_the_end_of_the_command_is_the_end() {
    needs_namespace!();
    let script = "setsid \"$HELPER\" @helper serve daemon & exec \"$HELPER\" @helper serve main code=3";
    for init in [&["init", "--"][..], &["tini", "--"], &["catatonit", "--"]] {
        let mut c = container(init, &["/bin/sh", "-c", script]).start();
        c.wait_event("up daemon");
        c.wait_event("up main");
        c.terminate();
        c.expect_exit(3);
        c.check(!c.events().iter().any(|event| event == "term daemon"), "the daemon was asked");
    }
}

#[test]
fn the_rest_of_the_group_of_dumb_init_is_told_at_the_end_by_the_signal_it_is_rewritten_to() {
    needs_namespace!();
    // Below another PID 1, for there the rest lives on and can say so.
    let script = "\"$HELPER\" @helper hear 3 & exec \"$HELPER\" @helper serve main";
    let below = "\"$@\"; exec sleep 1000";
    let c = container(&["dumb-init", "-r", "15:3"], &["/bin/sh", "-c", script]).below(below).start();
    c.wait_event("up hear");
    c.wait_event("up main");
    c.kill("main", libc::SIGKILL);
    c.wait_event("heard 3");
}

#[test]
fn a_pause_reaps_and_ends_at_two_signals_only() {
    needs_namespace!();
    for number in [libc::SIGTERM, libc::SIGINT] {
        let mut c = Setup::new().arguments(&["catatonit", "-P"]).start();
        let orphans = ["/bin/sh", "-c", "(sleep 0.01 &) ; exit 0"];
        assert!(c.exec(&orphans).status().unwrap().success());
        c.check(eventually(PATIENCE, || c.processes().len() == 1), "an orphan is left");
        for other in [libc::SIGHUP, libc::SIGUSR1, libc::SIGQUIT] {
            c.signal(other);
        }
        c.signal(number);
        c.expect_exit(0);
    }
}

#[test]
fn an_idle_init_does_not_wake() {
    needs_namespace!();
    for init in [&["init", "--"][..], &["tini", "--"], &["dumb-init"], &["catatonit", "--"]] {
        let c = hearing(init);
        c.wait_rest();
        let before = c.context_switches();
        pause(Duration::from_millis(2500));
        c.check(c.context_switches() == before, &format!("{init:?} woke up"));
    }
}

#[test]
fn nobody_who_reads_what_it_says_can_hold_it_up() {
    needs_namespace!();
    for output in [Output::Stalled, Output::Broken, Output::To("/dev/full".into())] {
        for init in [&["init", "-vv", "-w", "--"][..], &["dumb-init", "-v"], &["tini", "-vvv", "-w", "--"]] {
            let program = program();
            let mut c = container(init, &[&program, "@helper", "hear", "15"]).output(output.clone()).start();
            c.wait_event("up hear");
            for _ in 0..3000 {
                c.signal(40);
            }
            c.wait_events("heard 40", 3000);
            c.signal(libc::SIGTERM);
            c.expect_exit(0);
            c.check(!c.events().iter().any(|event| event == "heard 13"), "its own SIGPIPE was passed on");
        }
    }
}
