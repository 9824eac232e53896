//! Claims about the stop: it comes at any moment, it ends inside its budget, and nobody is forgotten.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::{Duration, Instant};
use support::{Container, PATIENCE, PROMPT, Setup, needs_namespace, serve, sh, signal_mask};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_hanging_oneshot_does_not_delay_a_stop() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("migrate", "type = \"oneshot\"\n".to_owned() + &serve("migrate", &[]))
        .service("web", serve("web", &[]) + "requires = [\"migrate\"]\n")
        .start();
    c.wait_event("up migrate");
    c.stop_within(PROMPT);
    c.position("term migrate");
    c.check(!c.events().iter().any(|event| event.starts_with("up web")), "web was started");
}

#[test]
fn a_hanging_oneshot_that_ignores_the_stop_is_killed_at_its_timeout() {
    needs_namespace!();
    let mut c = Setup::new()
        .service(
            "migrate",
            "type = \"oneshot\"\n".to_owned() + &serve("migrate", &["ignore"]) + "[stop]\ntimeout = \"1s\"\n",
        )
        .start();
    c.wait_event("up migrate");
    let exit = c.stop_within(PROMPT);
    c.check(exit.after >= SECOND, "it was not given its time");
}

#[test]
fn a_service_in_backoff_does_not_delay_a_stop() {
    needs_namespace!();
    let toml = sh("echo run >> $EVENTS; exit 1") + "[restart]\ndelay = \"10m\"\nmax-delay = \"10m\"\n";
    let mut c = Setup::new().service("web", toml).start();
    c.wait_events("run", 2);
    c.wait_line(&["web: exited with code 1; restarting it in ", "m", "(attempt 3)"]);
    c.stop_within(PROMPT);
}

#[test]
fn a_service_that_ignores_sigterm_is_killed_at_its_timeout_and_named() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("deaf", serve("deaf", &["ignore"]) + "[stop]\ntimeout = \"1s\"\n")
        .service("web", serve("web", &[]))
        .start();
    c.wait_event("up deaf");
    c.wait_event("up web");
    let exit = c.stop_within(PROMPT);
    c.check(exit.after >= SECOND, "it was not given its time");
    c.wait_line(&["deaf: did not stop within 1s; killing it with SIGKILL"]);
    c.position("term web");
}

#[test]
fn the_budget_holds_against_longer_stop_timeouts() {
    needs_namespace!();
    let deaf = |name: &str, more: &str| serve(name, &["ignore"]) + more + "[stop]\ntimeout = \"60s\"\n";
    let mut c = Setup::new()
        .budget("2s")
        .service("db", deaf("db", ""))
        .service("app", deaf("app", "requires = [\"db\"]\n"))
        .service("web", deaf("web", "requires = [\"app\"]\n"))
        .start();
    for name in ["db", "app", "web"] {
        c.wait_event(&format!("up {name}"));
    }
    c.stop_within(PROMPT);
    c.wait_line(&["the shutdown timeout of 2s is almost over; killing with SIGKILL: ", "app", "db", "web"]);
}

#[test]
fn a_second_signal_kills_what_is_left_at_once() {
    needs_namespace!();
    let mut c = Setup::new()
        .budget("60s")
        .service("deaf", serve("deaf", &["ignore"]) + "[stop]\ntimeout = \"50s\"\n")
        .start();
    c.wait_event("up deaf");
    c.terminate();
    c.wait_event("term deaf");
    c.terminate();
    let exit = c.wait_exit(PROMPT);
    c.check(exit.code == 0, &format!("ended with {}", exit.code));
    c.wait_line(&["asked to stop again: killing what is left with SIGKILL"]);
}

#[test]
fn a_second_signal_does_not_wait_for_stragglers() {
    needs_namespace!();
    let script = "setsid \"$HELPER\" @helper serve far ignore & exec \"$HELPER\" @helper serve near";
    let mut c = Setup::new().budget("60s").service("web", sh(script)).start();
    c.wait_event("up far");
    c.wait_event("up near");
    c.terminate();
    c.wait_event("term far");
    c.terminate();
    let exit = c.wait_exit(PROMPT);
    c.check(exit.code == 0, &format!("ended with {}", exit.code));
}

#[test]
fn a_straggler_in_a_session_of_its_own_is_asked_first_and_given_time() {
    needs_namespace!();
    let script = "setsid \"$HELPER\" @helper serve far delay=300 & exec \"$HELPER\" @helper serve near";
    let mut c = Setup::new().service("web", sh(script)).start();
    c.wait_event("up far");
    c.wait_event("up near");
    c.stop_within(PROMPT);
    c.check_order(&["term near", "term far", "end far"]);
}

#[test]
fn a_straggler_that_ignores_sigterm_is_killed_inside_the_budget_and_named() {
    needs_namespace!();
    let script = "setsid \"$HELPER\" @helper serve far ignore & exec \"$HELPER\" @helper serve near";
    let mut c = Setup::new().budget("3s").service("web", sh(script)).start();
    c.wait_event("up far");
    c.wait_event("up near");
    let named = format!("(pid {}, of web)", c.pid_of("far"));
    c.stop_within(PROMPT);
    c.position("term far");
    c.wait_line(&["killing 1 process that is left with SIGKILL: ", &named]);
}

#[test]
fn every_stop_signal_stops() {
    needs_namespace!();
    for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGPWR, 37] {
        let mut c = Setup::new().service("web", serve("web", &[])).start();
        c.wait_event("up web");
        c.signal(signal);
        c.expect_exit(0);
        c.position("term web");
    }
}

#[test]
fn the_stop_signals_of_the_configuration_stop_too() {
    needs_namespace!();
    // Others than those that mean something to a process anyway, too.
    for signal in [libc::SIGWINCH, libc::SIGUSR1, libc::SIGHUP, libc::SIGABRT, libc::SIGTSTP, 64] {
        let mut c = Setup::new()
            .config(&format!("[shutdown]\nsignals = [{signal}]\n"))
            .service("web", serve("web", &[]))
            .start();
        c.wait_event("up web");
        c.signal(signal);
        c.expect_exit(0);
        c.position("term web");
    }
}

/// Waits until foster blocks or handles SIGTERM: the kernel drops what a PID 1 does neither with, so nothing can be
/// promised before. (In sigwait(3) a signal shows as neither, so a service that runs is a sign, too.)
fn wait_until_it_listens(c: &Container) {
    let end = Instant::now() + PATIENCE;
    let mask = |name| signal_mask(c.init(), name);
    while (mask("SigBlk") | mask("SigCgt")) & (1 << (libc::SIGTERM - 1)) == 0 && c.events().is_empty() {
        if Instant::now() > end {
            c.fail(&format!("it never listens for SIGTERM; processes: {:#?}", c.processes()));
        }
        std::hint::spin_loop();
    }
}

#[test]
fn a_stop_signal_of_the_first_instant_is_never_lost() {
    needs_namespace!();
    for round in 0..200 {
        let mut c = Setup::new().service("web", serve("web", &[])).held().start();
        c.release();
        wait_until_it_listens(&c);
        c.terminate();
        let exit = c.wait_exit(PROMPT);
        c.check(exit.code == 0, &format!("round {round}: ended with {}", exit.code));
    }
}

#[test]
fn a_stop_at_any_moment_of_the_boot_stops() {
    needs_namespace!();
    for round in 0..40 {
        let mut setup = Setup::new();
        for number in 0..10 {
            let requires =
                if number == 0 { String::new() } else { format!("requires = [\"s{}\"]\n", number - 1) };
            setup = setup.service(&format!("s{number}"), serve(&format!("s{number}"), &[]) + &requires);
        }
        let mut c = setup.start();
        wait_until_it_listens(&c);
        support::pause(Duration::from_micros(500 * round));
        c.terminate();
        let exit = c.wait_exit(PROMPT);
        c.check(exit.code == 0, &format!("round {round}: ended with {}", exit.code));
    }
}

#[test]
fn signals_that_are_ignored_at_entry_are_mended() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &[])).prelude("trap '' TERM INT CHLD").start();
    c.wait_event("up web");
    c.kill("web", libc::SIGKILL);
    c.wait_events("up web", 2);
    c.stop_within(PROMPT);
}

#[test]
fn a_stop_harms_nobody_else_where_foster_is_not_pid_1() {
    needs_namespace!();
    let far = "setsid \"$HELPER\" @helper serve far & exec \"$HELPER\" @helper serve near";
    let mut c = Setup::new()
        .service("web", sh(far))
        .below(
            "\"$HELPER\" @helper serve bystander & bystander=$!
            \"$@\" & foster=$!
            wait $foster; code=$?
            kill -0 $bystander && echo bystander lives >> $EVENTS
            exit $code",
        )
        .start();
    for name in ["far", "near", "bystander"] {
        c.wait_event(&format!("up {name}"));
    }
    c.stop_within(PROMPT);
    c.position("term near");
    c.position("term far");
    c.position("bystander lives");
    c.check(!c.events().iter().any(|event| event == "term bystander"), "the bystander was told to stop");
}
