//! Claims about storms of processes. They leave little of the machine to others, so each of them runs alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use support::{PATIENCE, Pids, Setup, eventually, helper, needs_namespace, serve, skip};

const SECOND: Duration = Duration::from_secs(1);

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const STORM: usize = 50_000;

#[test]
fn no_zombie_is_left_of_fifty_thousand_orphans() {
    needs_namespace!();
    let _alone = alone();
    let mut c = Setup::new()
        .service("web", serve("web", &[]))
        .service("maker", helper(&["orphans", &STORM.to_string()]))
        .start();
    let made = |lines: &[support::Line]| lines.iter().any(|line| line.text == "made orphans").then_some(());
    c.wait_for("50,000 orphans", Duration::from_secs(120), made);
    c.check(eventually(PATIENCE, || c.zombies().is_empty()), "zombies are left");
    let cpu = c.cpu_time();
    println!("CPU of PID 1: {cpu:?}, {:.1} µs for each orphan", cpu.as_secs_f64() * 1e6 / STORM as f64);
    c.check(c.events().iter().filter(|event| event.starts_with("up web")).count() == 1, "web was disturbed");
    c.stop_within(support::PROMPT);
}

#[test]
fn a_storm_of_forks_does_not_delay_a_stop() {
    needs_namespace!();
    let _alone = alone();
    let mut c = Setup::new()
        .budget("4s")
        .service("storm", helper(&["chains", "20"]) + "[stop]\ntimeout = \"1s\"\n")
        .service("web", serve("web", &[]))
        .start();
    c.wait_event("up chains");
    c.wait_event("up web");
    c.stop_within(8 * SECOND);
    c.position("term web");
}

#[test]
fn a_fork_bomb_does_not_delay_a_stop() {
    needs_namespace!();
    let _alone = alone();
    let pids = match Pids::create() {
        Ok(pids) => pids,
        Err(why) => skip!("{why}"),
    };
    let mut c = Setup::new()
        .budget("4s")
        .service("web", serve("web", &[]))
        .service("bomb", helper(&["bomb"]) + "requires = [\"web\"]\n[stop]\ntimeout = \"1s\"\n")
        .pids(pids)
        .held()
        .start();
    c.pids().allow(Some(300));
    c.release();
    c.wait_event("up bomb");
    c.check(eventually(PATIENCE, || c.pids().count() > 250), "the bomb did not go off");
    c.stop_within(8 * SECOND);
}
