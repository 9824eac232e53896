//! Everything that people may ask for, at every state: starts, stops, restarts and reloads that somebody waits for or no
//! longer, and other plans, one over the other. Beyond `core_explore.rs`: the trees are smaller, the requests are all.

mod world;

use foster::model::{Plan, Service};
use world::explore::{explore_all, thorough};
use world::services::{
    daemon, every_kind, fragile, link, oneshot, other_program, plan, reloads, target, with, with_more,
    without,
};
use world::{ASKED, ASKED_FEW};

/// The plans that somebody may come to from this one by changing one of its services.
fn others(base: &Plan) -> Vec<Plan> {
    let mut plans = Vec::new();
    for index in 0..base.services.len() {
        plans.push(without(base, index));
        plans.push(with(base, index, other_program));
        plans.push(with(base, index, |s| s.enabled = !s.enabled));
        // Nothing that a process would notice, but a failure is given another chance.
        plans.push(with(base, index, |s| s.description = Some("other".into())));
    }
    plans
}

#[test]
fn one_service_of_every_kind_under_every_request() {
    let kinds = every_kind().into_iter().chain([
        reloads(daemon("reloads")),
        reloads(Service { stop: every_kind()[2].stop.clone(), ..daemon("reloads, with a stop command") }),
    ]);
    let (mut sets, mut larger) = (Vec::new(), Vec::new());
    for service in kinds {
        let base = plan(vec![service]);
        sets.extend(others(&base).into_iter().map(|other| vec![base.clone(), other]));
        sets.push(vec![base.clone(), without(&base, 0), with(&base, 0, other_program)]);
        larger.extend([false, true].map(|below| vec![base.clone(), with_more(&base, below)]));
    }
    explore_all("one service, asked for everything", sets, ASKED);
    explore_all("one service and perhaps another, asked for everything", larger, ASKED_FEW);
}

#[test]
fn two_services_with_every_edge_under_every_request() {
    let kinds: [fn(&str) -> Service; 3] = [fragile, oneshot, target];
    let mut sets = Vec::new();
    for (i, below) in kinds.iter().enumerate() {
        for (j, above) in kinds.iter().enumerate() {
            if !thorough() && i != 0 && j != 0 {
                continue;
            }
            for how in 0..5 {
                let mut base = plan(vec![below("below"), above("above")]);
                link(&mut base, 1, 0, how);
                let mut turned = plan(base.services.clone());
                turned.services.iter_mut().for_each(|s| {
                    s.requires.clear();
                    s.wants.clear();
                    s.after.clear();
                    s.restart_with.clear();
                });
                if thorough() || how % 2 == 0 {
                    sets.push(vec![base.clone(), turned.clone()]);
                }
                if thorough() || how % 2 == 1 {
                    link(&mut turned, 0, 1, 1);
                    sets.push(vec![base.clone(), turned]);
                }
                // Each change meets each edge, and each kind, but not all three in one.
                let picked = others(&base).into_iter().skip(if thorough() { 0 } else { (i + j + how) % 4 });
                let others = picked.step_by(if thorough() { 1 } else { 4 });
                sets.extend(others.map(|other| vec![base.clone(), other]));
            }
        }
    }
    explore_all("two services, asked for everything", sets, ASKED_FEW);
}
