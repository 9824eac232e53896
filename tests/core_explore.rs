//! Every state × every request × every process and timer event, for every dependency graph of up to four services.

mod world;

use foster::core::Event;
use foster::model::{Conditions, Id, Kind, Plan, Policy, Ready, Restart, Service, Stop};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use world::invariants::{Edge, check_state, check_step};
use world::{ALL, FEW, Freedom, World};

/// What an exploration saw.
#[derive(Clone, Copy, Default)]
struct Extent {
    states: u64,
    transitions: u64,
}

/// Breadth first from boot, so the first violation found has the shortest trace.
fn explore(plan: &Plan, freedom: Freedom) -> Extent {
    let mut world = World::new(plan.clone());
    let boot = world.clone();
    let fail = |trace: &[Event], world: &World, why: &str| -> ! {
        let services: Vec<_> = plan.services.iter().map(story).collect();
        let states: Vec<_> = plan.ids().map(|id| *world.core.svc(id)).collect();
        let lines = |list: Vec<String>| list.join("\n  ");
        panic!(
            "{why}\nservices:\n  {}\nshortest trace:\n  {}\nends in:\n  {}\noutside: {:?}",
            lines(services),
            lines(trace.iter().map(|e| format!("{e:?}")).collect()),
            lines(states.iter().map(|s| format!("{s:?}")).collect()),
            world.outside
        );
    };
    let actions = world.happen(0, Event::Boot).unwrap_or_else(|why| fail(&[Event::Boot], &boot, &why));
    let edge = Edge { before: &boot, event: &Event::Boot, actions: &actions, after: &world };
    check_step(&edge)
        .and_then(|()| check_state(&world))
        .unwrap_or_else(|why| fail(&[Event::Boot], &world, &why));

    let mut seen = HashSet::new();
    let mut nodes: Vec<(u32, Event)> = vec![(0, Event::Boot)];
    let mut frontier = vec![(0u32, world)];
    let mut transitions = 0;
    seen.insert(frontier[0].1.key());
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for (node, world) in &frontier {
            for event in world.events(freedom).into_iter().chain(world.requests()) {
                let mut after = world.clone();
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
                    next.push((u32::try_from(nodes.len()).expect("fewer states"), after));
                    nodes.push((*node, event));
                }
            }
        }
        frontier = next;
    }
    Extent { states: nodes.len() as u64, transitions }
}

fn story(s: &Service) -> String {
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
        restart,
        stop,
        ..
    } = s;
    format!(
        "{name} {kind:?} requires {requires:?} wants {wants:?} after {after:?} restart-with {restart_with:?} essential \
         {essential} main {main} {ready:?} {:?} limit {:?} stop command {}",
        restart.policy,
        restart.limit,
        stop.command.is_some()
    )
}

/// A daemon that gives up at its second consecutive end.
fn daemon(name: &str) -> Service {
    let restart = Restart { limit: Some(2), ..Restart::default() };
    Service { restart, essential: false, ..Service::new(name, Kind::Daemon) }
}

/// A daemon that fails for good at its first end.
fn fragile(name: &str) -> Service {
    let restart = Restart { policy: Policy::Never, ..Restart::default() };
    Service { restart, essential: false, ..Service::new(name, Kind::Daemon) }
}

fn oneshot(name: &str) -> Service {
    Service { essential: false, ..Service::new(name, Kind::Oneshot) }
}

fn target(name: &str) -> Service {
    Service { essential: false, ..Service::new(name, Kind::Target) }
}

/// Everything that a single service can be.
fn every_kind() -> Vec<Service> {
    let stop_command = Stop { command: Some(vec!["stop".into()]), ..Stop::default() };
    let when = Conditions { command: Some(vec!["test".into()]), ..Conditions::default() };
    let on_failure = Restart { policy: Policy::OnFailure, ..daemon("").restart };
    let never = Restart { policy: Policy::Never, ..Restart::default() };
    vec![
        daemon("plain"),
        Service { ready: Ready::Delay(Duration::from_secs(1)), ..daemon("slow") },
        Service { stop: stop_command.clone(), ..daemon("with a stop command") },
        Service { when: when.clone(), ..daemon("conditional") },
        Service { restart: on_failure.clone(), ..daemon("may end well") },
        Service {
            restart: Restart { delay: Duration::ZERO, ..daemon("").restart },
            ..daemon("without delay")
        },
        Service {
            restart: Restart { reset_after: Duration::ZERO, ..daemon("").restart },
            ..daemon("resets at once")
        },
        Service { essential: true, ..daemon("essential") },
        Service { main: true, restart: never, ..daemon("main") },
        Service { enabled: false, ..daemon("disabled") },
        oneshot("oneshot"),
        Service { restart: on_failure, stop: stop_command, ..oneshot("oneshot that is repeated") },
        Service { when: when.clone(), essential: true, ..oneshot("essential, conditional oneshot") },
        target("target"),
        Service { when, ..target("conditional target") },
    ]
}

/// `FOSTER_EXPLORE=full` takes minutes and leaves out nothing; without it every kind still meets a plain daemon.
fn thorough() -> bool {
    std::env::var_os("FOSTER_EXPLORE").is_some_and(|v| v == "full")
}

/// How a later service may depend on an earlier one.
fn link(plan: &mut Plan, above: usize, below: usize, how: usize) {
    let id = Id(u32::try_from(below).expect("small"));
    let service = &mut plan.services[above];
    match how {
        0 => {}
        1 => service.requires.push(id),
        2 => service.wants.push(id),
        3 => service.after.push(id),
        _ => {
            service.requires.push(id);
            service.restart_with.push(id);
        }
    }
}

fn plan(services: Vec<Service>) -> Plan {
    Plan { services, ..Plan::default() }
}

/// Explores all plans on two threads and tells how far it came.
fn explore_all(name: &str, plans: Vec<Plan>, freedom: Freedom) {
    let started = std::time::Instant::now();
    let count = plans.len();
    let half = plans.len() / 2;
    let run = |plans: &[Plan]| {
        plans.iter().map(|p| explore(p, freedom)).fold(Extent::default(), |a, b| Extent {
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

#[test]
fn one_service_of_every_kind_keeps_the_invariants() {
    explore_all("one service", every_kind().into_iter().map(|s| plan(vec![s])).collect(), ALL);
}

#[test]
fn two_services_of_every_kind_with_every_edge_keep_the_invariants() {
    let mut plans = Vec::new();
    for (i, below) in every_kind().into_iter().enumerate() {
        for (j, above) in every_kind().into_iter().enumerate() {
            if !thorough() && i != 0 && j != 0 && i != j {
                continue;
            }
            for how in 0..5 {
                let mut plan = plan(vec![below.clone(), above.clone()]);
                link(&mut plan, 1, 0, how);
                plans.push(plan);
            }
        }
    }
    explore_all("two services", plans, ALL);
}

#[test]
fn three_services_with_every_combination_of_edges_keep_the_invariants() {
    let mut plans = Vec::new();
    for edges in 0..125usize {
        let kinds: [fn(&str) -> Service; 3] = [daemon, oneshot, target];
        // Every graph with daemons only, and with each other kind in turn at each place.
        let places = [(0, 0), (0, 1), (1, 1), (2, 1), (0, 2), (1, 2)];
        for (place, kind) in places
            .into_iter()
            .skip(if thorough() { 0 } else { edges % 6 })
            .take(if thorough() { 6 } else { 1 })
        {
            let mut services: Vec<_> = ["a", "b", "c"].into_iter().map(daemon).collect();
            services[place] = kinds[kind](&services[place].name);
            let mut plan = plan(services);
            link(&mut plan, 1, 0, edges % 5);
            link(&mut plan, 2, 0, edges / 5 % 5);
            link(&mut plan, 2, 1, edges / 25);
            plans.push(plan);
        }
    }
    explore_all("three services", plans, FEW);
}

#[test]
fn every_graph_of_four_services_keeps_the_invariants() {
    let pairs = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)];
    let mut shapes: HashMap<Vec<u32>, u32> = HashMap::new();
    for edges in 0..64u32 {
        shapes.entry(canonical(edges, &pairs)).or_insert(edges);
    }
    assert_eq!(shapes.len(), 31, "directed acyclic graphs of four nodes");
    let mut plans = Vec::new();
    for edges in shapes.into_values() {
        let mut plan = plan(["a", "b", "c", "d"].into_iter().map(fragile).collect());
        for (bit, (above, below)) in pairs.into_iter().enumerate() {
            link(&mut plan, above, below, (edges >> bit & 1) as usize);
        }
        plans.push(plan);
    }
    explore_all("four services", plans, FEW);
}

/// The same for all graphs that differ only in the names of the nodes.
fn canonical(edges: u32, pairs: &[(usize, usize)]) -> Vec<u32> {
    let mut best = None;
    for order in permutations() {
        let mut rows: Vec<u32> = vec![0; 4];
        for (bit, (above, below)) in pairs.iter().enumerate() {
            if edges >> bit & 1 == 1 {
                rows[order[*above]] |= 1 << order[*below];
            }
        }
        best = Some(best.map_or(rows.clone(), |b: Vec<u32>| b.min(rows)));
    }
    best.expect("there are permutations")
}

fn permutations() -> Vec<[usize; 4]> {
    let mut all = Vec::new();
    for n in 0..256usize {
        let order = [n & 3, n >> 2 & 3, n >> 4 & 3, n >> 6];
        if (0..4).all(|k| order.contains(&k)) {
            all.push(order);
        }
    }
    all
}
