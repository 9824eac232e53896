//! Random trees of up to twelve services, random faults, requests, other plans and a shutdown at any moment: the same invariants as
//! in the exhaustive exploration, where that does not reach. A failure shrinks to a short story.

mod world;

use foster::core::{Event, Phase, Request};
use foster::model::{Conditions, Id, Kind, Plan, Policy, Service, Sign, Stop};
use proptest::prelude::*;
use std::time::Duration;
use world::invariants::{Edge, check_state, check_step};
use world::services::{every_watch, other_program};
use world::{ALL, ASKED, World};

/// A service and, for each earlier one, how it depends on it.
#[derive(Clone, Debug)]
struct Draft {
    kind: Kind,
    policy: Policy,
    limit: u32,
    essential: bool,
    enabled: bool,
    main: bool,
    delayed: bool,
    condition: bool,
    stop_command: bool,
    /// Which of [`every_watch`] it is also like, if any.
    watch: Option<usize>,
    edges: Vec<u8>,
}

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let kind = prop_oneof![4 => Just(Kind::Daemon), 2 => Just(Kind::Oneshot), 1 => Just(Kind::Target)];
    let policy =
        prop_oneof![3 => Just(Policy::Always), 2 => Just(Policy::OnFailure), 1 => Just(Policy::Never)];
    let often = |weight| prop::bool::weighted(weight);
    let flags = (often(0.2), often(0.9), often(0.05), often(0.3), often(0.2), often(0.2));
    let watch = prop::option::weighted(0.3, 0..every_watch().len());
    let draft = (kind, policy, 1..4u32, flags, watch, prop::collection::vec(0..12u8, 12)).prop_map(
        |(
            kind,
            policy,
            limit,
            (essential, enabled, main, delayed, condition, stop_command),
            watch,
            edges,
        )| Draft {
            kind,
            policy,
            limit,
            essential,
            enabled,
            main,
            delayed,
            condition,
            stop_command,
            watch,
            edges,
        },
    );
    prop::collection::vec(draft, 1..=12)
}

/// What a plan makes of a draft.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    None,
    Absent,
    Program,
    Enabled,
    Description,
    /// The edges of the next draft.
    Edges,
}

fn changes() -> impl Strategy<Value = Vec<Vec<Change>>> {
    let change = prop_oneof![
        12 => Just(Change::None),
        2 => Just(Change::Absent),
        2 => Just(Change::Program),
        1 => Just(Change::Enabled),
        1 => Just(Change::Description),
        1 => Just(Change::Edges),
    ];
    prop::collection::vec(prop::collection::vec(change, 12), 3)
}

fn plan(drafts: &[Draft], changes: &[Change]) -> Plan {
    let mut main_given = false;
    let services = drafts.iter().enumerate().map(|(index, draft)| {
        let change = changes[index];
        if change == Change::Absent {
            return Service::tombstone();
        }
        let mut s = Service::new(&format!("s{index}"), draft.kind);
        let wanted = if draft.kind == Kind::Oneshot && draft.policy == Policy::Always {
            Policy::OnFailure
        } else {
            draft.policy
        };
        (s.restart.policy, s.restart.limit) = (wanted, Some(draft.limit));
        (s.essential, s.enabled) = (draft.essential, draft.enabled);
        s.main = draft.main && draft.kind != Kind::Target && !std::mem::replace(&mut main_given, draft.main);
        if let Some(like) = draft.watch.map(|which| every_watch().swap_remove(which))
            && like.kind == draft.kind
        {
            let Service { ready, health, on_demand, schedule, reload, .. } = like;
            s = Service { ready, health, on_demand, schedule, reload, ..s };
            if s.waits_for_trigger() {
                s.main = false;
            }
        } else if draft.delayed && draft.kind == Kind::Daemon {
            s.ready.sign = Sign::Delay(Duration::from_secs(1));
        }
        if draft.condition {
            s.when = Conditions { command: Some(vec!["test".into()]), ..Conditions::default() };
        }
        if draft.stop_command {
            s.stop = Stop { command: Some(vec!["stop".into()]), ..Stop::default() };
        }
        match change {
            Change::Program => other_program(&mut s),
            Change::Enabled => s.enabled = !s.enabled,
            Change::Description => s.description = Some("other".into()),
            _ => {}
        }
        let edges =
            if change == Change::Edges { &drafts[(index + 1) % drafts.len()].edges } else { &draft.edges };
        for (below, how) in edges.iter().take(index).enumerate() {
            if changes[below] == Change::Absent {
                continue;
            }
            let id = Id(u32::try_from(below).expect("at most twelve"));
            match how {
                0 => s.requires.push(id),
                1 => s.wants.push(id),
                2 => s.after.push(id),
                3 => {
                    s.requires.push(id);
                    s.restart_with.push(id);
                }
                _ => {}
            }
        }
        s
    });
    Plan { services: services.collect(), ..Plan::default() }
}

/// A world and how it came to be as it is.
struct Run {
    world: World,
    trace: Vec<Event>,
}

impl Run {
    fn step(&mut self, now: u64, event: Event) -> Result<(), TestCaseError> {
        let before = self.world.clone();
        self.trace.push(event.clone());
        let result = self.world.happen(now, event.clone()).and_then(|actions| {
            check_step(&Edge { before: &before, event: &event, actions: &actions, after: &self.world })?;
            check_state(&self.world)
        });
        result.map_err(|why| TestCaseError::fail(format!("{why}\n{}", self.story())))
    }

    fn story(&self) -> String {
        let services = self.world.core.plan().services.iter().map(|s| {
            let Service { name, kind, requires, wants, after, restart_with, .. } = s;
            format!(
                "{name} {kind:?} requires {requires:?} wants {wants:?} after {after:?} with {restart_with:?}"
            )
        });
        let ids = self.world.core.plan().ids();
        let states = ids.map(|id| format!("{id:?} {:?}", self.world.core.svc(id)));
        let events = self.trace.iter().map(world::explore::told);
        services.chain(events).chain(states).collect::<Vec<_>>().join("\n")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn twelve_services_keep_the_invariants_and_end(
        drafts in drafts(),
        changes in changes(),
        picks in prop::collection::vec((0..8u8, any::<u16>()), 0..150),
    ) {
        let plans = changes.iter().map(|changes| plan(&drafts, changes)).collect();
        let mut run = Run { world: World::with_plans(plans), trace: Vec::new() };
        run.step(0, Event::Boot)?;
        let mut now = 0;
        for (what, which) in picks {
            now += u64::from(which % 512);
            // One in eight is a request, if there is anything else.
            let (events, mut requests) = (run.world.events(ALL), run.world.requests(ASKED));
            if which % 5 == 0 {
                requests.retain(|request| matches!(request, Event::Replace(..) | Event::Cancel(_)));
            }
            let list = if (what == 0 && !requests.is_empty()) || events.is_empty() { requests } else { events };
            let Some(event) = list.get(usize::from(which) % list.len().max(1)) else { break };
            run.step(now, event.clone())?;
        }
        // From wherever it is: asked to end, it ends, though nothing that happens is up to it.
        for round in 0..2_000u32 {
            if run.world.exit.is_some() {
                break;
            }
            let events = run.world.events(ALL);
            let event = if run.world.core.phase() == Phase::Running && !events.iter().any(|e| matches!(e, Event::Checked(..))) {
                Event::Request(Request::Shutdown(None), None)
            } else {
                events[round as usize % events.len()].clone()
            };
            run.step(now, event)?;
        }
        prop_assert!(run.world.exit.is_some(), "the shutdown did not end: {:?}", run.world.core.phase());
    }
}
