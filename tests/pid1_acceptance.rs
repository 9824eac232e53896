//! What people have suffered from, as tests. The list with its sources, and which test holds what:
//!
//! | scenario | test |
//! |---|---|
//! | A1 probes of a real runtime | `tests/docker` |
//! | A2 a storm of probes | `a_storm_of_probes_leaves_nothing_and_is_counted`, `pid1_probe` |
//! | A3 a probe is killed, its child runs on | `what_a_killed_probe_leaves_is_reaped_when_it_ends` |
//! | A4 a main service that makes orphans | `pid1_storms`: `no_zombie_is_left_of_fifty_thousand_orphans`; A9 |
//! | A5 a main service that takes its time to stop | `a_main_service_has_its_time_to_stop_and_its_code` |
//! | A6 the same without an init | the control in A7 |
//! | A7 a budget of processes | `orphans_do_not_use_up_a_limit_of_processes` |
//! | A8 a crash with children | `a_crash_leaves_nothing_behind_and_gives_its_code` |
//! | A9 a day of orphans | `a_hundred_thousand_orphans_leave_no_trace` |
//! | A10 not PID 1 | `a_storm_of_probes_…`, `pid1_anywhere`: "beside others in one pid namespace" |
//! | A11 any user, nothing to write, no capabilities | `pid1_anywhere`: "OpenShift, read-only" |
//! | A12 a drop-in for other inits | `init_names`, `init_options`; `pid1_probe` under their names |
//! | A13 whose end was that? | `every_end_is_told_of_the_service_that_ended_in_a_storm_of_others` |
//! | A14 early signals | `pid1_probe`: `of_a_thousand_early_stop_signals_none_is_lost` |
//! | A15 hostile standard descriptors | `a_reader_that_stalls_does_not_delay_a_reaping`, `pid1_anywhere`, `pid1_output` |
//! | A16 bad inheritance | `pid1_anywhere`, `pid1_probe`, `pid1_life`: `a_service_inherits_nothing_by_accident` |
//! | A17 the kernel kills for want of memory | `tests/vm`, `pid1_cgroups`; `pid1_anywhere` |
//! | A18 orphans as a metric | `a_storm_of_probes_leaves_nothing_and_is_counted` |
//! | A19 of a certification suite | `pid1_orphans`: `orphans_of_entered_processes_are_reaped`, `pid1_stop` |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use support::{
    Container, Output, PATIENCE, PROMPT, Pids, Setup, Source, eventually, helper, helper_shell,
    needs_namespace, serve, sh, skip,
};

/// Storms leave little of the machine to others.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A helper below `foster run` as a service, and below `foster init` as its command.
fn both(words: &[&str]) -> impl Iterator<Item = (bool, Setup)> {
    let program = support::program();
    let command: Vec<&str> = ["init", "--", &program, "@helper"].iter().chain(words).copied().collect();
    [(true, Setup::new().service("web", helper(words))), (false, Setup::new().arguments(&command))]
        .into_iter()
}

/// Those that the test has: PID 1, the service, and perhaps who is above.
fn is_alone(c: &Container, count: usize) -> bool {
    eventually(PATIENCE, || c.processes().len() == count)
}

#[test]
fn a_storm_of_probes_leaves_nothing_and_is_counted() {
    needs_namespace!();
    let _alone = alone();
    // Who enters becomes no descendant of a foster that is not PID 1, so there a service probes.
    let probes = "type = \"oneshot\"\n".to_owned() + &sh(&helper_shell("broods 5000 4"));
    let below = Setup::new()
        .service("web", serve("web", &[]))
        .service("probes", probes + "[environment]\nONCE = \"1\"\n")
        .below("\"$@\" & wait $!; exit $?");
    let both = both(&["serve", "web"]).map(|(is_run, setup)| (is_run, setup, 2));
    for (is_run, setup, count) in both.chain([(true, below, 3)]) {
        let mut c = setup.start();
        c.wait_event("up web");
        let begun = Instant::now();
        if count == 2 {
            let argv = [&support::program(), "@helper", "broods", "5000", "4"];
            assert!(c.exec(&argv).env("ONCE", "1").status().unwrap().success());
        }
        let made =
            |lines: &[support::Line]| lines.iter().any(|line| line.text == "made broods").then_some(());
        c.wait_for("5,000 probes", 3 * PATIENCE, made);
        let (storm, over) = (begun.elapsed(), Instant::now());
        c.check(is_alone(&c, count), "something is left");
        println!("drained {:?} after {storm:?}, CPU of PID 1 {:?}", over.elapsed(), c.cpu_time());
        if is_run {
            c.signal(libc::SIGUSR1);
            c.wait_line(&["orphans reaped: 20000"]);
        }
        let lives = c.events().iter().filter(|event| event.starts_with("up web")).count();
        c.check(lives == 1, "web was disturbed");
        c.check(!c.printed(&["cannot"]) && !c.printed(&["warning"]), "it complains");
        c.stop_within(PROMPT);
    }
}

#[test]
fn what_a_killed_probe_leaves_is_reaped_when_it_ends() {
    needs_namespace!();
    for (_, setup) in both(&["serve", "web"]) {
        let mut c = setup.start();
        c.wait_event("up web");
        let script = format!("{} & wait", helper_shell("serve late"));
        let mut probe =
            c.exec(&["/bin/sh", "-c", &script]).env("HELPER", support::program()).spawn().unwrap();
        c.wait_event("up late");
        // Its timeout is over, and only the probe itself is killed.
        let shell = c.processes().into_iter().find(|one| one.name == "sh").expect("the probe runs");
        support::signal(shell.outside, libc::SIGKILL);
        probe.wait().unwrap();
        let adopted =
            || c.processes().iter().any(|one| one.inside == c.pid_of("late") && one.parent == c.init());
        c.check(eventually(PATIENCE, adopted), "it was not adopted");
        c.kill("late", libc::SIGTERM);
        c.check(is_alone(&c, 2), "something is left");
        c.stop_within(PROMPT);
    }
}

#[test]
fn a_main_service_has_its_time_to_stop_and_its_code() {
    needs_namespace!();
    let mut c = Setup::new()
        .command(&["/bin/sh", "-c", &format!("exec {}", helper_shell("serve main delay=1500"))])
        .start();
    c.wait_event("up main");
    let exit = c.stop_within(PROMPT);
    c.check(exit.after >= Duration::from_millis(1500), "it was not given its time");
    c.position("end main");
    c.check(!c.printed(&["SIGKILL"]), "somebody was killed");
}

#[test]
fn orphans_do_not_use_up_a_limit_of_processes() {
    needs_namespace!();
    let both = both(&["budget", "1000"]).map(|(_, setup)| (true, setup));
    // As a control, with one that does not reap.
    let control = Setup::new().below(&format!("exec {}", helper_shell("budget 1000")));
    for (reaps, setup) in both.chain([(false, control)]) {
        let pids = match Pids::create() {
            Ok(pids) => pids,
            Err(why) => skip!("{why}"),
        };
        let mut c = setup.pids(pids).held().start();
        c.pids().allow(Some(64 - i64::from(c.pids().count())));
        c.release();
        let refused = c.wait_event("refused").text;
        let all = refused == "refused 0";
        c.check(all == reaps, &format!("{refused} of 1,000 forks, PID 1 that reaps: {reaps}"));
        if reaps {
            c.stop_within(PROMPT);
        }
    }
}

#[test]
fn a_crash_leaves_nothing_behind_and_gives_its_code() {
    needs_namespace!();
    let children =
        "setsid \"$HELPER\" @helper serve polite & setsid \"$HELPER\" @helper serve stubborn ignore &
        exec \"$HELPER\" @helper serve main";
    for below in [None, Some("\"$@\" & wait $!; code=$?; \"$HELPER\" @helper look; exit $code")] {
        let mut setup = Setup::new().budget("2s").command(&["/bin/sh", "-c", children]);
        if let Some(script) = below {
            setup = setup.below(script);
        }
        let mut c = setup.start();
        for name in ["polite", "stubborn", "main"] {
            c.wait_event(&format!("up {name}"));
        }
        c.kill("main", libc::SIGSEGV);
        let exit = c.expect_exit(139);
        c.check(exit.after < Duration::from_secs(7), "the budget does not hold");
        c.check_order(&["term polite", "end polite"]);
        c.position("term stubborn");
        c.wait_line(&["killing 1 process that is left with SIGKILL: "]);
        if below.is_some() {
            // PID 1 itself, and who looks.
            c.position("there are 2");
        }
    }
}

#[test]
fn a_hundred_thousand_orphans_leave_no_trace() {
    needs_namespace!();
    let _alone = alone();
    let storm = |c: &Container, count: &str| {
        let argv = [&support::program(), "@helper", "broods", count, "20"];
        let mut probes = c.exec(&argv).env("ONCE", "1").spawn().unwrap();
        let mut counts = Vec::new();
        while probes.try_wait().unwrap().is_none() {
            counts.push(c.zombies().len());
            support::pause(Duration::from_millis(50));
        }
        c.check(is_alone(c, 2), "something is left");
        counts.sort_unstable();
        counts
    };
    for (is_run, setup) in both(&["serve", "web"]) {
        let mut c = setup.start();
        c.wait_event("up web");
        // What a first storm needs is kept.
        storm(&c, "100");
        let before = (c.descriptors(), c.anonymous_memory());
        let zombies = storm(&c, "4900");
        let after = (c.descriptors(), c.anonymous_memory());
        println!("zombies: {zombies:?}; descriptors and KiB: {before:?}, then {after:?}");
        c.check(after.0 == before.0, "descriptors are left open");
        c.check(after.1 <= before.1 + 64, "it grows");
        // A few that had just died; more at a moment when PID 1 was kept from running.
        let usual = zombies.get(zombies.len() * 3 / 4).copied().unwrap_or(0);
        c.check(usual <= 500, &format!("zombies, by how many at a time: {zombies:?}"));
        if is_run {
            c.signal(libc::SIGUSR1);
            c.wait_line(&["orphans reaped: 100000"]);
        }
        c.stop_within(PROMPT);
    }
}

#[test]
fn every_end_is_told_of_the_service_that_ended_in_a_storm_of_others() {
    needs_namespace!();
    let _alone = alone();
    const LIVES: usize = 150;
    let often = "[restart]\ndelay = \"10ms\"\nmax-delay = \"10ms\"\nlimit = \"unlimited\"\n";
    let mut c = Setup::new()
        .service("web", serve("web", &[]))
        .service(
            "storm",
            sh("while :; do \"$HELPER\" @helper broods 200 4; done") + "[environment]\nONCE = \"1\"\n",
        )
        .service("flap", helper(&["flap"]) + often)
        .start();
    let told = |lines: &[support::Line]| -> Vec<String> {
        let own = lines.iter().filter(|line| line.source != Source::Event);
        own.filter_map(|line| {
            Some(line.text.split_once("flap: exited with code ")?.1.split(';').next()?.to_owned())
        })
        .collect()
    };
    let enough = |lines: &[support::Line]| Some(told(lines)).filter(|told| told.len() >= LIVES);
    let told = c.wait_for("so many ends", 3 * PATIENCE, enough);
    let flapped: Vec<String> =
        c.events().iter().filter_map(|event| event.strip_prefix("flapped ").map(str::to_owned)).collect();
    c.check(flapped.get(..LIVES) == told.get(..LIVES), &format!("{flapped:?}, and told was {told:?}"));
    c.check(!c.printed(&["web: "]) && !c.printed(&["storm: "]), "an end was told of another service");
    c.stop_within(2 * PROMPT);
}

#[test]
fn a_reader_that_stalls_does_not_delay_a_reaping() {
    needs_namespace!();
    let mut c = Setup::new()
        .budget("2s")
        .output(Output::Stalled)
        .service("loud", sh("echo up loud >> $EVENTS; exec yes a line that nobody reads"))
        .service("web", serve("web", &[]))
        .start();
    c.wait_event("up loud");
    c.wait_event("up web");
    // The pipes are full when nobody writes any more.
    let loud = || c.processes().into_iter().find(|one| one.name == "yes");
    let stuck = || {
        loud().is_some_and(|loud| {
            let at = std::fs::read_to_string(format!("/proc/{}/wchan", loud.outside));
            at.is_ok_and(|at| at.contains("pipe_write"))
        })
    };
    c.check(eventually(PATIENCE, stuck), "it is not held back");
    for _ in 0..20 {
        assert!(c.exec(&["/bin/sh", "-c", "(true &) ; exit 0"]).status().unwrap().success());
        c.check(eventually(PATIENCE, || c.processes().len() == 3), "an orphan waits");
    }
    c.stop_within(2 * PROMPT);
}
