//! Every way that the life of an init can take, step by step: what may happen in each state does happen, and what must hold
//! is looked at after each step.

use super::*;
use std::collections::{HashMap, HashSet, VecDeque};

/// What stands for Linux: who lives, what is pending, which timer is armed, who has the terminal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct World {
    /// Signals that were sent and not taken, in order.
    pending: Vec<(u8, bool)>,
    /// How many more may be sent.
    budget: u8,
    child: Child,
    /// Processes that the child leaves behind, and whether they have been told to end.
    left: u8,
    told: bool,
    timer: bool,
    refusals: u8,
    /// The child has the terminal.
    handed: bool,
    /// What was sent by somebody and should reach the child once each.
    owed: Vec<u8>,
    exit: Option<u8>,
    abandoned: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
enum Child {
    #[default]
    None,
    Running,
    Stopped,
    /// The init has been told that it is stopped.
    KnownStopped,
    Ended(u8),
    Reaped(u8),
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chance {
    Send(u8, Origin),
    Take,
    Stop,
    End(u8),
    OtherDies,
    Reap,
    Sweep,
    Tick,
}

struct Case {
    rules: Rules,
    /// The kernel refuses the first processes that are asked for, so many times.
    refuses: u8,
    /// Whether the init can be stopped.
    stops: bool,
}

type Key = (State, u64, World);

fn step(case: &Case, mind: &mut Mind, world: &mut World, event: Event) {
    let mut next = Some(event);
    while let Some(event) = next.take() {
        let mut actions = Vec::new();
        mind.step(event, &mut |action| actions.push(action));
        assert!(actions.len() <= 4, "more than the shell takes: {actions:?}");
        next = perform(case, world, &actions);
    }
}

fn perform(case: &Case, world: &mut World, actions: &[Action]) -> Option<Event> {
    let mut next = None;
    for action in actions {
        assert!(world.exit.is_none(), "nothing is done after the end: {actions:?}");
        match *action {
            Action::Start => {
                assert_eq!(world.child, Child::None, "one child is started once");
                next = Some(if world.refusals < case.refuses {
                    world.refusals += 1;
                    Event::Refused { again: true }
                } else {
                    world.child = Child::Running;
                    world.handed = !case.rules.shared;
                    Event::Started
                });
            }
            Action::Pass { number, .. } => {
                let alive = matches!(
                    world.child,
                    Child::Running | Child::Stopped | Child::KnownStopped | Child::Ended(_)
                );
                assert!(alive, "a signal goes only to a child that is not reaped");
                let owed = world.owed.iter().position(|one| *one == number);
                assert!(owed.is_some(), "what is passed on was sent, and once: {number}");
                owed.map(|at| world.owed.remove(at));
                match (number, world.child) {
                    (number::CONT, Child::Stopped | Child::KnownStopped) => {
                        world.child = Child::Running;
                    }
                    (number::TSTP | 19, Child::Running) => world.child = Child::Stopped,
                    _ => {}
                }
            }
            Action::Farewell(_) => assert!(matches!(world.child, Child::Reaped(_))),
            Action::PassAll(number) => {
                assert!(
                    matches!(world.child, Child::Reaped(_)),
                    "nobody but the child is signalled while it lives"
                );
                world.told |= matches!(number, number::TERM | number::KILL);
                if let Some(at) = world.owed.iter().position(|one| *one == number) {
                    world.owed.remove(at);
                }
            }
            Action::Arm(_) => world.timer = true,
            Action::HandOver => world.handed = true,
            Action::TakeBack => world.handed = false,
            Action::Suspend { .. } => {
                assert_eq!(case.rules.jobs, Jobs::Follow, "only with job control");
                assert!(!world.handed, "the terminal is taken back before the init stops");
                if case.stops {
                    // A shell continues it: SIGCONT is pending then.
                    world.pending.push((number::CONT, true));
                    world.owed.push(number::CONT);
                } else {
                    next = Some(Event::NotSuspended);
                }
            }
            Action::StopSelf => assert_eq!(case.rules.jobs, Jobs::Echo),
            Action::GiveUp => assert!(world.refusals > ATTEMPTS),
            Action::Abandon => world.abandoned = true,
            Action::Exit(code) => world.exit = Some(code),
        }
    }
    next
}

/// What can happen in this world now.
fn chances(case: &Case, mind: &Mind, world: &World) -> Vec<Chance> {
    let mut all = Vec::new();
    if world.exit.is_some() {
        return all;
    }
    if world.budget > 0 {
        for number in [number::TERM, number::TSTP, number::CONT] {
            all.push(Chance::Send(number, Origin::Somebody));
        }
        all.push(Chance::Send(number::INT, Origin::Kernel));
        all.push(Chance::Send(13, Origin::Own));
    }
    if !world.pending.is_empty() && mind.listens() {
        all.push(Chance::Take);
    }
    match world.child {
        Child::Running => all.extend([Chance::Stop, Chance::End(0), Chance::End(143), Chance::End(3)]),
        // What is stopped can still be killed.
        Child::Stopped if case.rules.jobs == Jobs::Follow => all.extend([Chance::Reap, Chance::End(137)]),
        Child::Stopped | Child::KnownStopped => all.push(Chance::End(137)),
        Child::Ended(_) => all.push(Chance::Reap),
        _ => {}
    }
    if world.left > 0 {
        all.push(Chance::OtherDies);
    }
    if !matches!(world.child, Child::Ended(_)) {
        all.push(Chance::Sweep);
    }
    if world.timer {
        all.push(Chance::Tick);
    }
    all
}

fn happen(case: &Case, mind: &mut Mind, world: &mut World, chance: Chance) {
    match chance {
        Chance::Send(number, origin) => {
            world.budget -= 1;
            world.pending.push((number, origin == Origin::Somebody));
            let to = case.rules.rewrite[usize::from(number)];
            let doubled = origin == Origin::Kernel && case.rules.shared;
            if origin != Origin::Own && to != 0 && !doubled {
                world.owed.push(to);
            }
            if origin == Origin::Own {
                // Told apart from somebody's by its number here.
                world.pending.pop();
                step(case, mind, world, Event::Signal(number, origin));
            }
        }
        Chance::Take => {
            let (number, somebody) = world.pending.remove(0);
            let origin = if somebody { Origin::Somebody } else { Origin::Kernel };
            step(case, mind, world, Event::Signal(number, origin));
        }
        Chance::Stop => world.child = Child::Stopped,
        Chance::End(code) => world.child = Child::Ended(code),
        Chance::OtherDies => world.left -= 1,
        Chance::Reap => match world.child {
            Child::Ended(code) => {
                world.child = Child::Reaped(code);
                step(case, mind, world, Event::Ended(code));
            }
            _ => {
                world.child = Child::KnownStopped;
                step(case, mind, world, Event::Stopped);
            }
        },
        Chance::Sweep => {
            let alone = world.left == 0 && matches!(world.child, Child::Reaped(_) | Child::None);
            step(case, mind, world, Event::Swept { alone });
        }
        Chance::Tick => {
            world.timer = false;
            step(case, mind, world, Event::Timer);
        }
    }
}

/// What holds after every step.
fn check(case: &Case, mind: &Mind, world: &World) -> Result<(), &'static str> {
    if let Some(code) = world.exit {
        let own = match world.child {
            Child::Reaped(code) => code,
            _ => return if code == 1 { Ok(()) } else { Err("without a child it ends with 1") },
        };
        let asked = case.rules.zero_on_stop && own == 143 && mind.passed >> 14 & 1 == 1;
        let expected = if asked { 0 } else { case.rules.codes[usize::from(own)] };
        if code != expected {
            return Err("the exit code is the child's, mapped");
        }
        if case.rules.wait.is_some() && world.left > 0 && !world.abandoned {
            return Err("nobody is left behind when they are to be waited for");
        }
    }
    if world.exit.is_none() && matches!(mind.state, State::Over) {
        return Err("what is over has ended");
    }
    if matches!(mind.state, State::Waiting { .. }) && !(world.timer && world.told) {
        return Err("who is waited for has been told, and only for a time");
    }
    if world.pending.is_empty() && world.exit.is_none() && !world.owed.is_empty() {
        return Err("no signal that was taken is lost");
    }
    if matches!(mind.state, State::Starting { refused: 1.. }) && !world.timer {
        return Err("after a refusal there is another attempt");
    }
    Ok(())
}

/// Explores all ways, and gives how many states there were. From each state an end is in reach.
fn explore(name: &str, case: &Case) -> usize {
    let mut mind = Mind::new(case.rules.clone());
    let mut world = World { budget: 2, left: 1, ..World::default() };
    let mut first = Vec::new();
    mind.begin(&mut |action| first.push(action));
    if let Some(event) = perform(case, &mut world, &first) {
        step(case, &mut mind, &mut world, event);
    }
    let key = |mind: &Mind, world: &World| -> Key { (mind.state, mind.passed, world.clone()) };
    let start = key(&mind, &world);
    let mut before: HashMap<Key, Vec<Key>> = HashMap::new();
    let mut seen = HashSet::from([start.clone()]);
    let mut ends = Vec::new();
    let mut open = VecDeque::from([(start, mind, world, Vec::new())]);
    while let Some((from, mind, world, path)) = open.pop_front() {
        if world.exit.is_some() {
            ends.push(from.clone());
        }
        for chance in chances(case, &mind, &world) {
            let (mut mind, mut world) = (mind.clone(), world.clone());
            let mut path: Vec<Chance> = path.clone();
            path.push(chance);
            happen(case, &mut mind, &mut world, chance);
            if let Err(sentence) = check(case, &mind, &world) {
                panic!("{name}: not so: {sentence}\n{path:?}\n{:?}\n{world:?}", mind.state);
            }
            let to = key(&mind, &world);
            before.entry(to.clone()).or_default().push(from.clone());
            if seen.insert(to.clone()) {
                open.push_back((to, mind, world, path));
            }
        }
    }
    // Backwards from the ends: whatever has happened, it can still end.
    let mut ending: HashSet<Key> = ends.iter().cloned().collect();
    while let Some(end) = ends.pop() {
        for from in before.remove(&end).unwrap_or_default() {
            if ending.insert(from.clone()) {
                ends.push(from);
            }
        }
    }
    assert_eq!(ending.len(), seen.len(), "{name}: from some states there is no end");
    seen.len()
}

fn case(change: impl FnOnce(&mut Rules)) -> Case {
    let mut rules = Rules::default();
    change(&mut rules);
    Case { rules, refuses: 0, stops: true }
}

#[test]
fn in_every_life_that_an_init_can_have_all_that_must_hold_holds() {
    let mut cases = vec![
        ("as PID 1", case(|_| {})),
        ("as a job", case(|rules| rules.jobs = Jobs::Follow)),
        ("in the group of a shell", case(|rules| (rules.jobs, rules.shared) = (Jobs::Follow, true))),
        ("with a wait", case(|rules| rules.wait = Some(5000))),
        ("with a wait of nothing", case(|rules| rules.wait = Some(0))),
        ("with a success on request", case(|rules| rules.zero_on_stop = true)),
        ("with another code", case(|rules| rules.codes[3] = 7)),
        ("with rewritings", case(|rules| (rules.rewrite[15], rules.rewrite[18]) = (3, 0))),
        (
            "as dumb-init",
            case(|rules| {
                (rules.group, rules.jobs, rules.farewell) = (true, Jobs::Echo, true);
                rules.rewrite[20] = 19;
            }),
        ),
    ];
    cases.push((
        "where nobody continues it",
        Case { stops: false, ..case(|rules| rules.jobs = Jobs::Follow) },
    ));
    cases.push(("with few processes", Case { refuses: 3, ..case(|_| {}) }));
    cases.push(("without processes", Case { refuses: u8::MAX, ..case(|_| {}) }));
    for (name, case) in &cases {
        let states = explore(name, case);
        // Without a child there is little that can happen.
        assert!(states > if case.refuses == u8::MAX { 10 } else { 100 }, "{name}: only {states} states");
    }
}

/// What is done for a list of events.
fn done(rules: Rules, events: &[Event]) -> Vec<Action> {
    let mut mind = Mind::new(rules);
    let mut actions = Vec::new();
    mind.begin(&mut |_| {});
    for event in events {
        mind.step(*event, &mut |action| actions.push(action));
    }
    actions
}

#[test]
fn a_stopped_child_stops_its_init_and_both_go_on_together() {
    let rules = Rules { jobs: Jobs::Follow, ..Rules::default() };
    let events = [Event::Started, Event::Stopped, Event::Signal(number::CONT, Origin::Somebody)];
    let expected = [
        Action::TakeBack,
        Action::Suspend { group: true },
        Action::HandOver,
        // A key had stopped all of the group.
        Action::Pass { number: number::CONT, whole: true },
    ];
    assert_eq!(done(rules, &events), expected);
}

#[test]
fn a_key_of_the_terminal_is_not_passed_on_to_who_got_it_already() {
    let rules = Rules { shared: true, ..Rules::default() };
    let by_key = |number| Event::Signal(number, Origin::Kernel);
    let events = [Event::Started, by_key(number::INT), by_key(number::WINCH), by_key(1)];
    assert_eq!(done(rules, &events), [Action::Pass { number: 1, whole: false }]);
}

#[test]
fn a_pause_ends_at_the_two_signals_and_at_nothing_else() {
    let pause = || Rules { pause: true, ..Rules::default() };
    let signals: Vec<Event> = (1..=64).map(|number| Event::Signal(number, Origin::Somebody)).collect();
    for (at, signal) in signals.iter().enumerate() {
        let ends = matches!(at + 1, 2 | 15);
        assert_eq!(done(pause(), &[*signal]), if ends { vec![Action::Exit(0)] } else { Vec::new() });
    }
    assert_eq!(done(pause(), &[Event::Swept { alone: true }]), []);
}

#[test]
fn the_attempts_at_a_process_take_some_seconds_and_no_more() {
    let mut total = 0;
    let events = vec![Event::Refused { again: true }; 11];
    let actions = done(Rules::default(), &events);
    for action in &actions {
        if let Action::Arm(time) = action {
            total += time;
        }
    }
    assert!((4000..5000).contains(&total), "{total}");
    assert_eq!(actions[10..], [Action::GiveUp, Action::Exit(1)]);
    assert_eq!(done(Rules::default(), &[Event::Refused { again: false }]), [Action::GiveUp, Action::Exit(1)]);
}
