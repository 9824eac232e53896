//! Everything that people may ask for, at every state: starts, stops, restarts and reloads that somebody waits for or no
//! longer, and other plans, one over the other. Beyond `core_explore.rs`: the trees are smaller, the requests are all.

mod world;

use foster::core::{Action, Answer, Core, Event, Proc, Request, Role, State, Ticket};
use foster::model::{Exit, Id, Plan, Service};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};
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

#[test]
fn three_services_in_a_row_under_every_request() {
    // And, when there is time, two above one and one above two, each with every change.
    let shapes: [&[(usize, usize)]; 3] = [&[(1, 0), (2, 1)], &[(1, 0), (2, 0)], &[(2, 0), (2, 1)]];
    let mut sets = Vec::new();
    for (at, shape) in shapes.into_iter().enumerate().take(if thorough() { 3 } else { 1 }) {
        let mut base = plan(vec![fragile("a"), fragile("b"), fragile("c")]);
        for &(above, below) in shape {
            link(&mut base, above, below, 1);
        }
        sets.push(vec![base.clone(), with(&base, at, other_program)]);
        if thorough() {
            sets.extend(others(&base).into_iter().map(|other| vec![base.clone(), other]));
        }
    }
    explore_all("three services, asked for everything", sets, ASKED_FEW);
}

/// Obeys the core at once: what is started runs, what is stopped ends. Returns the answers.
fn obey(core: &mut Core, event: Event) -> Vec<Answer> {
    let (mut events, mut actions, mut answers) = (VecDeque::from([event]), Vec::new(), Vec::new());
    while let Some(event) = events.pop_front() {
        core.step(0, event, &mut actions);
        for action in actions.drain(..) {
            match action {
                Action::Spawn(proc) => events.push_back(Event::Spawned(proc)),
                Action::Stop(id) => {
                    let proc = Proc { id, role: Role::Main };
                    events.push_back(Event::Exited { proc, exit: Exit::Code(0), leftover: false });
                }
                Action::Reply(_, answer) => answers.push(answer),
                _ => {}
            }
        }
    }
    answers
}

#[test]
fn a_thousand_services_are_replaced_restarted_and_stopped_while_a_thousand_wait() {
    let count = 1_000;
    let mut services: Vec<_> = (0..count).map(|n| daemon(&format!("s{n}"))).collect();
    for (n, service) in services.iter_mut().enumerate().skip(10) {
        service.requires = [1, 5, 10].map(|back| Id(u32::try_from(n - back).expect("few"))).to_vec();
    }
    let first = plan(services.clone());
    services.iter_mut().for_each(other_program);
    let second = Rc::new(plan(services));
    let mut core = Core::new(Rc::new(first), 1);
    let started = Instant::now();
    obey(&mut core, Event::Boot);
    assert_eq!(obey(&mut core, Event::Replace(Rc::clone(&second), Some(Ticket(0)))), [Answer::Done]);
    assert!(Rc::ptr_eq(core.plan(), &second));
    assert!(second.ids().all(|id| core.svc(id).state == State::Ready && core.svc(id).restarts == 1));
    // Everybody at once, and somebody waits for each of them.
    for request in [Request::Restart, Request::Stop, Request::Start] {
        let (mut actions, mut answered) = (Vec::new(), 0);
        for id in second.ids() {
            core.step(0, Event::Request(request(id), Some(Ticket(id.0))), &mut actions);
        }
        for action in actions {
            let follow = match action {
                Action::Spawn(proc) => Event::Spawned(proc),
                Action::Stop(id) => Event::Exited {
                    proc: Proc { id, role: Role::Main },
                    exit: Exit::Code(0),
                    leftover: false,
                },
                Action::Reply(_, answer) => {
                    assert_eq!(answer, Answer::Done);
                    answered += 1;
                    continue;
                }
                _ => continue,
            };
            let answers = obey(&mut core, follow);
            assert!(answers.iter().all(|answer| *answer == Answer::Done));
            answered += answers.len();
        }
        assert_eq!(answered, count);
    }
    // Some hundred milliseconds in a debug build on an idle machine.
    assert!(started.elapsed() < Duration::from_secs(10), "took {:?}", started.elapsed());
    println!("a thousand services: {:.1?}", started.elapsed());
}
