//! Claims about what is started at all: conditions, services that are not enabled, and what pulls them in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::{Container, PROMPT, Setup, helper, needs_namespace, serve, sh, signal};

/// A service with a `[when]` table.
fn when(name: &str, conditions: &str) -> String {
    format!("{}[when]\n{conditions}\n", serve(name, &[]))
}

fn check_down(c: &Container, name: &str) {
    let up = format!("up {name} ");
    c.check(!c.events().iter().any(|event| event.starts_with(&up)), &format!("{name} was started"));
}

#[test]
fn conditions_on_variables_decide_who_starts() {
    needs_namespace!();
    let mut c = Setup::new()
        .env("FLAG", "1")
        .env("EMPTY", "")
        .env("FOSTER_LOG_LEVEL", "info")
        .service("equal", when("equal", "env = \"FLAG=1\""))
        .service("set", when("set", "env = [\"FLAG\", \"!NOWHERE\", \"!FLAG=2\"]"))
        .service("other", when("other", "env = \"FLAG=2\""))
        .service("empty", when("empty", "env = \"EMPTY\""))
        .service("one-of-two", when("one-of-two", "env = [\"FLAG\", \"!FLAG\"]"))
        // What is skipped counts as satisfied.
        .service("above", serve("above", &[]) + "requires = [\"other\", \"equal\"]\n")
        .start();
    for name in ["equal", "set", "above"] {
        c.wait_event(&format!("up {name}"));
    }
    c.wait_line(&["other: skipped, for it does not hold: env FLAG=2"]);
    c.wait_line(&["empty: skipped, for it does not hold: env EMPTY"]);
    c.wait_line(&["one-of-two: skipped, for it does not hold: env !FLAG"]);
    c.stop_within(PROMPT);
    for name in ["other", "empty", "one-of-two"] {
        check_down(&c, name);
    }
}

#[test]
fn conditions_on_paths_are_looked_at_when_the_service_would_start() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("make", "type = \"oneshot\"\n".to_owned() + &sh(": >${DIRECTORY}/made"))
        .service("with", "requires = [\"make\"]\n".to_owned() + &when("with", "path = \"${DIRECTORY}/made\""))
        .service(
            "without",
            "requires = [\"make\"]\n".to_owned() + &when("without", "path = \"!${DIRECTORY}/made\""),
        )
        .service("nowhere", when("nowhere", "path = [\"/\", \"/no/such/path\"]"))
        .service("last", serve("last", &[]) + "requires = [\"with\", \"without\", \"nowhere\"]\n")
        .start();
    c.wait_event("up with");
    c.wait_event("up last");
    c.stop_within(PROMPT);
    check_down(&c, "without");
    check_down(&c, "nowhere");
}

#[test]
fn a_condition_command_decides_by_its_code_and_runs_as_the_service_would() {
    needs_namespace!();
    let asks = |code: &str| format!("command = [\"/bin/sh\", \"-c\", \"[ $WORD = yes ] && exit {code}\"]");
    let service = |name: &str, code: &str| when(name, &asks(code)) + "[environment]\nWORD = \"yes\"\n";
    let mut c = Setup::new()
        .service("holds", service("holds", "0"))
        .service("fails", service("fails", "1"))
        .service("dies", service("dies", "0; kill -9 $$").replace("&& exit 0;", "&&"))
        .service("last", serve("last", &[]) + "requires = [\"holds\", \"fails\", \"dies\"]\n")
        .config("log-level = \"info\"\n")
        .start();
    c.wait_event("up holds");
    c.wait_event("up last");
    c.wait_line(&["fails: skipped, for it does not hold: its command exited with code 1"]);
    c.wait_line(&["dies: skipped, for it does not hold: its command was killed by SIGKILL"]);
    signal(c.init(), libc::SIGUSR1);
    c.wait_line(&["fails", "skipped", "does not hold: its command exited with code 1"]);
    // Once for each start, not for each restart.
    c.kill("holds", libc::SIGKILL);
    c.wait_events("up holds", 2);
    c.stop_within(PROMPT);
    check_down(&c, "fails");
    check_down(&c, "dies");
}

#[test]
fn a_condition_command_that_cannot_run_fails_the_service() {
    needs_namespace!();
    let mut c = Setup::new().service("web", when("web", "command = [\"/no/such/question\"]")).start();
    c.expect_exit(127);
    c.wait_line(&["web: its condition could not be evaluated: cannot execute /no/such/question: "]);
    check_down(&c, "web");
}

/// A condition that is never decided, and does not listen to SIGTERM either.
fn hanging(name: &str, timeout: &str) -> String {
    let command = helper(&["serve", "question", "ignore"]);
    when(name, &format!("timeout = \"{timeout}\"\n{command}"))
}

#[test]
fn a_condition_command_that_hangs_fails_the_service_at_its_timeout() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("web", "essential = false\n".to_owned() + &hanging("web", "300ms"))
        .service("other", serve("other", &[]))
        .start();
    c.wait_event("up other");
    c.wait_line(&["web: its condition was not decided within 300ms; it has failed"]);
    c.check(
        support::eventually(support::PATIENCE, || c.processes().len() == 2),
        "the command of the condition is left",
    );
    c.stop_within(PROMPT);
    check_down(&c, "web");

    let mut c = Setup::new().service("web", hanging("web", "100ms")).start();
    c.expect_exit(1);
}

#[test]
fn a_condition_command_that_hangs_does_not_delay_a_stop() {
    needs_namespace!();
    let mut c =
        Setup::new().service("web", hanging("web", "10m")).service("other", serve("other", &[])).start();
    c.wait_event("up question");
    c.wait_event("up other");
    c.stop_within(PROMPT);
    c.position("term other");
    check_down(&c, "web");
}

#[test]
fn what_is_not_enabled_starts_only_when_something_needs_it() {
    needs_namespace!();
    let off = |name: &str| "enabled = false\n".to_owned() + &serve(name, &[]);
    let mut c = Setup::new()
        .service("required", off("required"))
        .service("wanted", off("wanted"))
        .service("named", off("named"))
        .service("alone", off("alone"))
        .service(
            "web",
            serve("web", &[]) + "requires = [\"required\"]\nwants = [\"wanted\"]\nafter = [\"named\"]\n",
        )
        .start();
    for name in ["required", "wanted", "web"] {
        c.wait_event(&format!("up {name}"));
    }
    c.stop_within(PROMPT);
    check_down(&c, "named");
    check_down(&c, "alone");
}

#[test]
fn a_wanted_service_that_fails_later_takes_nobody_along() {
    needs_namespace!();
    let mut c = Setup::new()
        .service(
            "cache",
            "essential = false\n".to_owned()
                + &serve("cache", &["code=3"])
                + "[restart]\npolicy = \"never\"\n",
        )
        .service("web", serve("web", &[]) + "wants = [\"cache\"]\n")
        .start();
    c.wait_event("up cache");
    c.wait_event("up web");
    c.kill("cache", libc::SIGTERM);
    c.wait_line(&["cache: exited with code 3; it has failed, and the container goes on without it"]);
    c.stop_within(PROMPT);
    c.check_order(&["end cache", "term web"]);
}

#[test]
fn what_requires_a_service_goes_down_when_that_fails_for_good() {
    needs_namespace!();
    let mut c = Setup::new()
        .service(
            "db",
            "essential = false\n".to_owned() + &serve("db", &["code=3"]) + "[restart]\npolicy = \"never\"\n",
        )
        .service("web", serve("web", &[]) + "requires = [\"db\"]\nessential = false\n")
        .service("other", serve("other", &[]))
        .start();
    for name in ["db", "web", "other"] {
        c.wait_event(&format!("up {name}"));
    }
    c.kill("db", libc::SIGTERM);
    c.wait_event("end web");
    c.wait_line(&["web: blocked, because db, which it requires, has failed"]);
    c.check(!c.events().iter().any(|event| event == "term other"), "other was stopped too");
    c.stop_within(PROMPT);
    c.check_order(&["end db", "term web", "term other"]);
}
