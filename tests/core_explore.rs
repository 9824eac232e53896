//! Every state × every request × every process and timer event, for every dependency graph of up to four services.

mod world;

use foster::model::Service;
use std::collections::HashMap;
use world::explore::{explore_all, thorough};
use world::services::{daemon, every_kind, fragile, link, oneshot, plan, target};
use world::{ALL, FEW};

#[test]
fn one_service_of_every_kind_keeps_the_invariants() {
    explore_all("one service", every_kind().into_iter().map(|s| vec![plan(vec![s])]).collect(), ALL);
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
                plans.push(vec![plan]);
            }
        }
    }
    explore_all("two services", plans, ALL);
}

#[test]
fn three_services_with_every_combination_of_edges_keep_the_invariants() {
    let mut plans = Vec::new();
    for edges in (0..125usize).filter(|edges| thorough() || is_first(*edges)) {
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
            plans.push(vec![plan]);
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
        plans.push(vec![plan]);
    }
    explore_all("four services", plans, FEW);
}

/// Whether no smaller number means the same graph of three with other names.
fn is_first(edges: usize) -> bool {
    let kinds = [((1, 0), edges % 5), ((2, 0), edges / 5 % 5), ((2, 1), edges / 25)];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    orders.into_iter().all(|order| {
        let mut number = 0;
        for ((above, below), kind) in kinds.into_iter().filter(|(_, kind)| *kind > 0) {
            number += match (order[above], order[below]) {
                (1, 0) => kind,
                (2, 0) => kind * 5,
                (2, 1) => kind * 25,
                _ => return true,
            };
        }
        edges <= number
    })
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
