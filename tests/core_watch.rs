//! Readiness, health, watchdogs, connections and schedules: every state × every sign, probe, word and time, and everything that
//! people may ask for meanwhile, with the same invariants as `core_explore.rs`.

mod world;

use foster::model::{Plan, Service};
use world::explore::{explore_all, thorough};
use world::services::{daemon, every_watch, fragile, link, other_program, plan, pool, with, without};
use world::{ALL, ASKED_FEW, FEW, Freedom};

/// Those that meet every other service in every exploration.
fn common() -> Vec<Service> {
    let count = if thorough() { usize::MAX } else { 8 };
    every_watch().into_iter().take(count).collect()
}

#[test]
fn one_service_of_every_kind_keeps_the_invariants() {
    explore_all(
        "one service, watched",
        every_watch().into_iter().map(|s| vec![plan(vec![s])]).collect(),
        ALL,
    );
}

#[test]
fn one_service_of_every_kind_under_every_request() {
    let mut sets = Vec::new();
    for service in every_watch() {
        let base = plan(vec![service]);
        let unwatched = with(&base, 0, |s| s.health.probe = None);
        let patient = with(&base, 0, |s| s.health.failures += 1);
        sets.push(vec![base.clone(), with(&base, 0, other_program), without(&base, 0)]);
        if base.services[0].health.probe.is_some() {
            sets.push(vec![base.clone(), unwatched, patient]);
        }
    }
    explore_all("one service, watched, asked for everything", sets, ASKED_FEW);
}

#[test]
fn a_watched_service_above_and_below_another_keeps_the_invariants() {
    let mut plans = Vec::new();
    for service in common() {
        for how in 1..5 {
            for order in [[service.clone(), daemon("other")], [daemon("other"), service.clone()]] {
                let mut plan = plan(order.to_vec());
                link(&mut plan, 1, 0, how);
                plans.push(vec![plan]);
            }
        }
    }
    explore_all("two services, one watched", plans, Freedom { good_exits: true, ..FEW });
}

#[test]
fn a_watched_service_above_and_below_another_under_every_request() {
    let mut sets = Vec::new();
    for (at, mut service) in common().into_iter().enumerate() {
        // One failure is enough: what follows from several, a service meets alone.
        service.restart.limit = Some(1);
        service.health.failures = 1;
        for (order, services) in
            [[service.clone(), fragile("other")], [fragile("other"), service.clone()]].into_iter().enumerate()
        {
            for (turn, how) in [1, 4, 2, 3].into_iter().enumerate() {
                // Each meets each edge or each change, but not all of both.
                if !thorough() && turn != (at + order) % 2 {
                    continue;
                }
                let mut base = plan(services.to_vec());
                link(&mut base, 1, 0, how);
                let changed = (at + turn) % 2;
                let other =
                    if turn == order { with(&base, changed, other_program) } else { without(&base, changed) };
                sets.push(vec![base.clone(), other]);
            }
        }
    }
    explore_all("two services, one watched, asked for everything", sets, ASKED_FEW);
}

#[test]
fn a_logger_and_who_writes_to_it_keep_the_invariants() {
    let logger = || Service { logger: true, ..daemon("logger") };
    let mut base = plan(vec![logger(), daemon("writer")]);
    link(&mut base, 1, 0, 2);
    let silent = with(&without(&base, 1), 0, |s| s.logger = false);
    explore_all("a logger and a writer", vec![vec![base.clone()]], Freedom { good_exits: true, ..FEW });
    explore_all("a logger and a writer, asked for everything", vec![vec![base, silent]], ASKED_FEW);
}

#[test]
fn jobs_that_take_turns_keep_the_invariants() {
    let plans: Vec<Vec<Plan>> = vec![vec![plan(pool(2))], vec![plan(pool(2)), without(&plan(pool(2)), 1)]];
    explore_all("two jobs in turns", plans[..1].to_vec(), ALL);
    explore_all("two jobs in turns, asked for everything", plans[1..].to_vec(), ASKED_FEW);
}
