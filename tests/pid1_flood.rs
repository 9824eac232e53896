//! Claims about services that write without end: nobody starves, nobody else is disturbed, and it costs bounded memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;
use support::{Container, Output, Setup, eventually, needs_namespace, serve, sh};

const PATIENCE: Duration = Duration::from_secs(30);

/// Writes lines without end, as quickly as it can.
fn flood() -> String {
    sh("while :; do echo a line of a flood that comes to no end as long as it is let; done")
}

/// Whether anything that this service wrote is known.
fn is_heard(c: &Container, service: &str) -> bool {
    c.foster(&["logs", "-n", "1", service]).stdout.contains("a line of a flood")
}

#[test]
fn a_hundred_services_that_write_at_once_are_all_heard_and_cost_bounded_memory() {
    needs_namespace!();
    let names: Vec<String> = (0..100).map(|n| format!("s{n:02}")).collect();
    let setup = Setup::new().output(Output::To("/dev/null".into()));
    let mut c = names.iter().fold(setup, |setup, name| setup.service(name, flood())).start();
    let heard = || names.iter().all(|name| is_heard(&c, name));
    c.check(eventually(PATIENCE, heard), "not all are heard");
    // Of each service the newest 64 KiB are kept; the buffers are the same for all.
    let most = 100 * (64 << 10) + (6 << 20);
    let memory = c.anonymous_memory();
    c.check(memory <= most, &format!("{memory} bytes of memory"));
    let ran = c.foster_ends(0, &["stop", "s00"]);
    c.check(ran.stdout.contains("s00"), &ran.stdout);
    c.stop_within(PATIENCE);
}

#[test]
fn a_flood_disturbs_no_other_service_and_nobody_who_asks() {
    needs_namespace!();
    let health = "[health]\nexec = [\"/bin/true\"]\ninterval = \"100ms\"\n";
    let web = serve("web", &[]) + health;
    let mut c = Setup::new()
        .output(Output::To("/dev/null".into()))
        .service("loud", flood())
        .service("web", web)
        .start();
    c.wait_event("up web");
    c.check(eventually(PATIENCE, || is_heard(&c, "loud")), "the flood has not begun");
    for round in 1..=5 {
        c.foster_ends(0, &["restart", "web"]);
        c.wait_events("up web", round + 1);
        c.check(c.status_of("web")["state"] == "ready", "web is not ready");
    }
    c.check(eventually(PATIENCE, || c.status_of("web")["healthy"] == true), "its health is not known");
    c.foster_ends(0, &["stop", "web"]);
    c.check(c.status_of("web")["state"] == "inactive", "web is not down");
    c.stop_within(PATIENCE);
}

#[test]
fn behind_a_console_that_nobody_reads_all_verbs_work_and_the_shutdown_keeps_its_budget() {
    needs_namespace!();
    let mut c = Setup::new()
        .budget("3s")
        .output(Output::Stalled)
        .service("loud", flood())
        .service("drops", flood() + "[log]\non-full = \"drop\"\n")
        .service("web", serve("web", &[]))
        .start();
    c.wait_event("up web");
    let dropped = || c.status_of("drops")["log_dropped"].as_u64().is_some_and(|lines| lines > 0);
    c.check(eventually(PATIENCE, dropped), "nothing is dropped");
    c.check(c.status_of("loud")["log_dropped"].as_u64().unwrap_or(0) == 0, "who waits has lost lines");
    c.foster_ends(0, &["restart", "web"]);
    c.wait_events("up web", 2);
    let memory = c.anonymous_memory();
    c.check(memory <= 6 << 20, &format!("{memory} bytes of memory"));
    c.stop_within(Duration::from_secs(8));
}
