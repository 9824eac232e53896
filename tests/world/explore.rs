//! Breadth first through every state that a tree can reach.

use super::invariants::{Edge, check_state, check_step};
use super::key::Mixed;
use super::{Freedom, World};
use foster::core::Event;
use foster::model::{Plan, Service};
use std::collections::HashSet;
use std::hash::BuildHasherDefault;

/// What an exploration saw.
#[derive(Clone, Copy, Default)]
pub struct Extent {
    states: u64,
    transitions: u64,
}

/// Breadth first from boot, so the first violation found has the shortest trace.
pub fn explore(plans: &[Plan], freedom: Freedom) -> Extent {
    let mut world = World::with_plans(plans.to_vec());
    let boot = world.clone();
    let lines = |list: Vec<String>| list.join("\n  ");
    let fail = |trace: &[Event], world: &World, why: &str| -> ! {
        let plans: Vec<_> =
            plans.iter().map(|plan| lines(plan.services.iter().map(story).collect())).collect();
        let states: Vec<_> = world.core.plan().ids().map(|id| *world.core.svc(id)).collect();
        panic!(
            "{why}\nplans:\n  {}\nshortest trace:\n  {}\nends in:\n  {}\noutside: {:?}",
            plans.join("\n and\n  "),
            lines(trace.iter().map(told).collect()),
            lines(states.iter().map(|s| format!("{s:?}")).collect()),
            world.outside
        );
    };
    let actions = world.happen(0, Event::Boot).unwrap_or_else(|why| fail(&[Event::Boot], &boot, &why));
    let edge = Edge { before: &boot, event: &Event::Boot, actions: &actions, after: &world };
    check_step(&edge)
        .and_then(|()| check_state(&world))
        .unwrap_or_else(|why| fail(&[Event::Boot], &world, &why));

    let mut seen: HashSet<u128, BuildHasherDefault<Mixed>> = HashSet::default();
    let mut nodes: Vec<(u32, Event)> = vec![(0, Event::Boot)];
    let mut frontier = vec![(0u32, world)];
    let mut transitions = 0;
    // Most ways lead to where somebody has been already: one world serves them all.
    let mut after = boot;
    seen.insert(frontier[0].1.key());
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for (node, world) in &frontier {
            for event in world.events(freedom).into_iter().chain(world.requests(freedom)) {
                after.clone_from(world);
                transitions += 1;
                let result = after.happen(0, event.clone()).and_then(|actions| {
                    check_step(&Edge { before: world, event: &event, actions: &actions, after: &after })
                });
                let new = seen.insert(after.key());
                let result = if new { result.and_then(|()| check_state(&after)) } else { result };
                if let Err(why) = result {
                    let mut trace = vec![event];
                    let mut at = *node;
                    while at != 0 {
                        trace.push(nodes[at as usize].1.clone());
                        at = nodes[at as usize].0;
                    }
                    trace.push(Event::Boot);
                    trace.reverse();
                    fail(&trace, &after, &why);
                }
                if new {
                    next.push((u32::try_from(nodes.len()).expect("fewer states"), after.clone()));
                    nodes.push((*node, event));
                }
            }
        }
        frontier = next;
    }
    Extent { states: nodes.len() as u64, transitions }
}

/// An event, without a whole plan.
pub fn told(event: &Event) -> String {
    match event {
        Event::Replace(plan, ticket) => {
            format!("Replace({:?}, {ticket:?})", plan.services.iter().map(story).collect::<Vec<_>>())
        }
        event => format!("{event:?}"),
    }
}

pub fn story(s: &Service) -> String {
    let Service {
        name,
        kind,
        requires,
        wants,
        after,
        restart_with,
        essential,
        main,
        ready,
        health,
        on_demand,
        schedule,
        reload,
        restart,
        stop,
        ..
    } = s;
    format!(
        "{name} {kind:?} requires {requires:?} wants {wants:?} after {after:?} restart-with {restart_with:?} essential \
         {essential} main {main} {:?} {health:?} on demand {on_demand} {schedule:?} {reload:?} {:?} limit {:?} stop command {}",
        ready.sign,
        restart.policy,
        restart.limit,
        stop.command.is_some()
    )
}

/// `FOSTER_EXPLORE=full` takes minutes and leaves out nothing; without it every kind still meets a plain daemon.
pub fn thorough() -> bool {
    std::env::var_os("FOSTER_EXPLORE").is_some_and(|v| v == "full")
}

/// Explores all plans on two threads and tells how far it came.
pub fn explore_all(name: &str, plans: Vec<Vec<Plan>>, freedom: Freedom) {
    let started = std::time::Instant::now();
    let count = plans.len();
    let half = plans.len() / 2;
    let run = |plans: &[Vec<Plan>]| {
        plans.iter().map(|p| explore(&p[..], freedom)).fold(Extent::default(), |a, b| Extent {
            states: a.states + b.states,
            transitions: a.transitions + b.transitions,
        })
    };
    let (a, b) = std::thread::scope(|scope| {
        let (first, second) = plans.split_at(half);
        let other = scope.spawn(move || run(second));
        let a = run(first);
        (a, other.join().expect("no violation"))
    });
    let (states, transitions) = (a.states + b.states, a.transitions + b.transitions);
    println!(
        "{name}: {count} trees, {states} states, {transitions} transitions in {:.1?}",
        started.elapsed()
    );
    assert!(states > count as u64, "nothing was explored");
}
