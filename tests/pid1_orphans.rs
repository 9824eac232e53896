//! Claims about orphans: all are reaped at once, whoever made them, and nobody else notices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::{PATIENCE, Setup, eventually, helper, needs_namespace, serve, sh};

#[test]
fn orphans_of_entered_processes_are_reaped() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &[])).start();
    c.wait_event("up web");
    for _ in 0..40 {
        let status = c.exec(&["/bin/sh", "-c", "(true &) ; (sleep 0.05 &) ; exit 0"]).status().unwrap();
        assert!(status.success());
    }
    c.check(eventually(PATIENCE, || c.processes().len() == 2), "something is left of the probes");
    let status =
        c.exec(&[&support::program(), "@helper", "orphans", "2000"]).env("ONCE", "1").status().unwrap();
    assert!(status.success());
    c.check(eventually(PATIENCE, || c.processes().len() == 2), "something is left of the storm");
    c.stop_within(support::PROMPT);
}

#[test]
fn an_orphan_is_not_taken_for_its_service() {
    needs_namespace!();
    // The service ends; what it left behind lives on and ends later with another code.
    let script = "(sleep 0.3; exit 9) & echo run >> $EVENTS; exit 0";
    let mut c = Setup::new()
        .service("web", serve("web", &[]))
        .service("job", "type = \"oneshot\"\n".to_owned() + &sh(script))
        .start();
    c.wait_event("run");
    c.wait_event("up web");
    c.check(eventually(PATIENCE, || c.processes().len() == 2), "the orphan is left");
    c.check(!c.printed(&["code 9"]), "the orphan's code was reported as the service's");
    c.stop_within(support::PROMPT);
}

#[test]
fn an_orphan_is_attributed_to_its_service_at_debug_level() {
    needs_namespace!();
    // By its session, all that a zombie still tells of where it came from.
    let script = "(sleep 0.2 &) ; exec \"$HELPER\" @helper serve parent";
    let mut c = Setup::new().env("FOSTER_LOG_LEVEL", "debug").service("parent", sh(script)).start();
    c.wait_event("up parent");
    c.wait_line(&["parent: reaped its orphan, process ", "exited with code 0"]);
    c.stop_within(support::PROMPT);

    let mut c = Setup::new().service("parent", sh(script)).start();
    c.wait_event("up parent");
    c.check(eventually(PATIENCE, || c.processes().len() == 2), "the orphan is left");
    c.stop_within(support::PROMPT);
    c.check(!c.printed(&["orphan"]), "an orphan is not worth a line by default");
}

#[test]
fn an_orphan_that_leaves_its_group_does_not_hold_up_the_restart() {
    needs_namespace!();
    // As a server does that makes itself a daemon, and takes its time for it.
    let script = "trap '' TERM; (sleep 0.3; exec setsid sleep 0.1) & echo run >> $EVENTS; exit 0";
    let mut c = Setup::new().service("daemon", sh(script) + "[stop]\ntimeout = \"1h\"\n").start();
    c.wait_events("run", 2);
    c.check(!c.printed(&["did not stop"]), "who is gone was waited for");
    c.stop_within(support::PROMPT);
}

#[test]
fn orphans_are_reaped_where_foster_is_not_pid_1() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("maker", helper(&["orphans", "5000"]))
        .below("\"$@\" & wait $!; code=$?; exit $code")
        .start();
    c.wait_event("made orphans");
    let foster = support::foster_bin();
    let pid = c.processes().into_iter().find(|one| one.exe == foster).expect("foster runs").outside;
    let adopted = || c.processes().into_iter().filter(|one| one.state == 'Z' && one.parent == pid).count();
    c.check(eventually(PATIENCE, || adopted() == 0), "zombies are left");
    c.check(eventually(PATIENCE, || c.zombies().is_empty()), "orphans went past the subreaper");
    c.stop_within(support::PROMPT);
}
