//! Claims about order: what starts after what, what stops before what, and what goes side by side.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;
use support::{PROMPT, Setup, needs_namespace, serve, sh};

/// Says when it runs, and a while after that that it is ready, so that the order of what the services say is the order of
/// starts.
fn slow_to_be_ready(name: &str, more: &str) -> String {
    format!("{}{more}\n[ready]\nnotify = true\n", serve(name, &["ready=300"]))
}

fn oneshot(script: &str, more: &str) -> String {
    format!("type = \"oneshot\"\n{}{more}\n", sh(script))
}

#[test]
fn a_service_starts_after_what_it_requires() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("web", slow_to_be_ready("web", "requires = [\"app\"]"))
        .service("app", slow_to_be_ready("app", "requires = [\"db\"]"))
        .service("db", slow_to_be_ready("db", ""))
        .start();
    c.wait_event("up web");
    c.check_order(&["up db", "up app", "up web"]);
    c.stop_within(support::PROMPT);
}

#[test]
fn before_required_by_and_wanted_by_order_too() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("first", slow_to_be_ready("first", "before = [\"second\"]"))
        .service("second", slow_to_be_ready("second", "required-by = [\"third\"]"))
        .service("third", slow_to_be_ready("third", "wanted-by = [\"fourth\"]"))
        .service("fourth", slow_to_be_ready("fourth", ""))
        .start();
    c.wait_event("up fourth");
    c.check_order(&["up first", "up second", "up third", "up fourth"]);
    c.stop_within(support::PROMPT);
}

#[test]
fn a_dependent_stops_before_its_requirement() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("db", serve("db", &["delay=100"]))
        .service("app", serve("app", &["delay=100"]) + "requires = [\"db\"]\n")
        .service("web", serve("web", &["delay=100"]) + "requires = [\"app\"]\n")
        .start();
    for name in ["db", "app", "web"] {
        c.wait_event(&format!("up {name}"));
    }
    c.stop_within(support::PROMPT);
    c.check_order(&["term web", "end web", "term app", "end app", "term db", "end db"]);
}

#[test]
fn twenty_independent_services_stop_side_by_side() {
    needs_namespace!();
    let mut setup = Setup::new();
    for number in 0..20 {
        let name = format!("s{number}");
        setup = setup.service(&name, serve(&name, &["delay=1000"]));
    }
    let mut c = setup.start();
    for number in 0..20 {
        c.wait_event(&format!("up s{number}"));
    }
    let exit = c.stop_within(PROMPT);
    c.check(exit.after >= Duration::from_secs(1), "they were not given their time");
    for number in 0..20 {
        c.position(&format!("end s{number}"));
    }
}

#[test]
fn independent_services_start_side_by_side() {
    needs_namespace!();
    // Each oneshot takes a second and they share nothing.
    let mut setup = Setup::new();
    let mut names = Vec::new();
    for number in 0..8 {
        let name = format!("o{number}");
        setup = setup.service(&name, oneshot("sleep 1", ""));
        names.push(name);
    }
    let mut c = setup.service("web", serve("web", &[]) + &format!("requires = {names:?}\n")).start();
    let begin = std::time::Instant::now();
    let up = c.wait_event("up web");
    c.check(up.at - begin < Duration::from_secs(7), "eight oneshots of a second ran one after another");
    c.stop_within(support::PROMPT);
}

#[test]
fn a_oneshot_gates_what_requires_it() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("migrate", oneshot("sleep 0.5; echo done migrate >> $EVENTS", ""))
        .service("web", serve("web", &[]) + "requires = [\"migrate\"]\n")
        .start();
    c.wait_event("up web");
    c.check_order(&["done migrate", "up web"]);
    c.stop_within(support::PROMPT);
}

#[test]
fn a_failed_required_oneshot_ends_the_container_with_its_code_and_shows_its_output() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("migrate", oneshot("echo cannot reach the database; echo giving up >&2; exit 3", ""))
        .service("web", serve("web", &[]) + "requires = [\"migrate\"]\n")
        .start();
    c.expect_exit(3);
    c.check(c.printed(&["cannot reach the database"]), "its standard output is not shown");
    c.check(c.printed(&["giving up"]), "its standard error is not shown");
    c.wait_line(&["foster  | migrate: exited with code 3; it has failed, and the container stops"]);
    c.wait_line(&["foster  | migrate: its last output was"]);
    c.wait_line(&["foster  |     cannot reach the database"]);
    c.wait_line(&["foster  |     giving up"]);
    c.check(!c.events().iter().any(|event| event.starts_with("up web")), "its dependent was started");
}

#[test]
fn a_oneshot_killed_by_a_signal_ends_the_container_with_128_and_that() {
    needs_namespace!();
    let mut c = Setup::new().service("migrate", oneshot("kill -9 $$", "")).start();
    c.expect_exit(137);
    c.check(c.printed(&["migrate", "SIGKILL"]), "the signal is not named");
}

#[test]
fn a_target_is_satisfied_when_all_that_it_requires_is() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("one", oneshot("sleep 0.3; echo done one >> $EVENTS", ""))
        .service("two", oneshot("sleep 0.1; echo done two >> $EVENTS", ""))
        .service("data", "type = \"target\"\nrequires = [\"one\", \"two\"]\n")
        .service("web", serve("web", &[]) + "requires = [\"data\"]\n")
        .start();
    c.wait_event("up web");
    c.check_order(&["done one", "up web"]);
    c.check_order(&["done two", "up web"]);
    c.stop_within(support::PROMPT);
}

#[test]
fn what_is_only_wanted_may_fail() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("warm", oneshot("echo ran warm >> $EVENTS; exit 1", "essential = false"))
        .service("web", serve("web", &[]) + "wants = [\"warm\"]\n")
        .start();
    c.wait_event("up web");
    c.check_order(&["ran warm", "up web"]);
    c.stop_within(support::PROMPT);
}

#[test]
fn what_requires_a_failed_service_does_not_start_and_the_rest_goes_on() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("migrate", oneshot("exit 1", "essential = false"))
        .service("web", serve("web", &[]) + "requires = [\"migrate\"]\nessential = false\n")
        .service("other", serve("other", &[]) + "after = [\"web\"]\n")
        .start();
    c.wait_event("up other");
    c.wait_line(&["migrate", "exited with code 1"]);
    c.stop_within(support::PROMPT);
    c.check(!c.events().iter().any(|event| event.starts_with("up web")), "web was started");
}

#[test]
fn the_main_service_starts_last_and_stops_first() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("db", slow_to_be_ready("db", ""))
        .command(&["/bin/sh", "-c", "exec \"$HELPER\" @helper serve main delay=100"])
        .start();
    c.wait_event("up main");
    c.stop_within(support::PROMPT);
    c.check_order(&["up db", "up main", "term main", "end main", "term db"]);
}

#[test]
fn instances_are_separate_processes_that_know_their_number() {
    needs_namespace!();
    let script = "echo hello; echo up {instance} $FOSTER_SERVICE $FOSTER_INSTANCE >>$EVENTS; exec \"$HELPER\" @helper serve worker";
    let mut c = Setup::new()
        .service("worker", "instances = 2\n".to_owned() + &sh(script))
        .service("web", serve("web", &[]) + "requires = [\"worker\"]\n")
        .start();
    c.wait_event("up 1 worker@1 1");
    c.wait_event("up 2 worker@2 2");
    c.wait_event("up web");
    let up = c.wait_events("up worker", 2);
    c.check(up[0].text != up[1].text, "one process twice");
    c.kill("worker", libc::SIGKILL);
    c.wait_events("up worker", 3);
    c.stop_within(support::PROMPT);
    c.wait_events("term worker", 2);
    for name in ["worker@1", "worker@2"] {
        let said = |line: &&support::Line| line.text.starts_with(name) && line.text.ends_with("| hello");
        c.check(c.lines().iter().any(|line| said(&line)), &format!("no line of {name}"));
    }
}

#[test]
fn a_restart_of_a_requirement_takes_along_what_asked_for_it() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("db", serve("db", &[]))
        .service("app", serve("app", &[]) + "requires = [\"db\"]\nrestart-with = [\"db\"]\n")
        .service("web", serve("web", &[]) + "requires = [\"db\"]\n")
        .start();
    for name in ["db", "app", "web"] {
        c.wait_event(&format!("up {name}"));
    }
    c.kill("db", libc::SIGKILL);
    c.wait_events("up app", 2);
    c.check(
        c.events().iter().filter(|event| event.starts_with("up web")).count() == 1,
        "web was restarted, too",
    );
    c.stop_within(support::PROMPT);
}
