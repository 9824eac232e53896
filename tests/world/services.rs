//! Small services and the ways to put them together.

use foster::model::{
    Conditions, Exec, Health, Id, Kind, OnFailure, Overlap, Plan, Policy, Probe, Ready, Reload, Restart,
    Schedule, Service, Sign, Stop,
};
use std::time::Duration;

/// A daemon that gives up at its second consecutive end.
pub fn daemon(name: &str) -> Service {
    let restart = Restart { limit: Some(2), ..Restart::default() };
    Service { restart, essential: false, ..Service::new(name, Kind::Daemon) }
}

/// A daemon that fails for good at its first end.
pub fn fragile(name: &str) -> Service {
    let restart = Restart { policy: Policy::Never, ..Restart::default() };
    Service { restart, essential: false, ..Service::new(name, Kind::Daemon) }
}

pub fn oneshot(name: &str) -> Service {
    Service { essential: false, ..Service::new(name, Kind::Oneshot) }
}

pub fn target(name: &str) -> Service {
    Service { essential: false, ..Service::new(name, Kind::Target) }
}

/// Everything that a single service can be.
pub fn every_kind() -> Vec<Service> {
    let stop_command = Stop { command: Some(vec!["stop".into()]), ..Stop::default() };
    let when = Conditions { command: Some(vec!["test".into()]), ..Conditions::default() };
    let on_failure = Restart { policy: Policy::OnFailure, ..daemon("").restart };
    let never = Restart { policy: Policy::Never, ..Restart::default() };
    vec![
        daemon("plain"),
        Service {
            ready: Ready { sign: Sign::Delay(Duration::from_secs(1)), ..Ready::default() },
            ..daemon("slow")
        },
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

fn probe() -> Probe {
    Probe::Unix("/s".into())
}

/// Ready by this sign.
pub fn shows(sign: Sign, service: Service) -> Service {
    Service { ready: Ready { sign, ..Ready::default() }, ..service }
}

/// Looked at while it is ready; so many misses make it unhealthy, and this is done then.
pub fn examined(failures: u32, on_failure: OnFailure, service: Service) -> Service {
    Service { health: Health { probe: Some(probe()), failures, on_failure, ..Health::default() }, ..service }
}

pub fn watched(on_failure: OnFailure, service: Service) -> Service {
    let watchdog = Some(Duration::from_secs(1));
    Service { health: Health { watchdog, on_failure, ..service.health }, ..service }
}

pub fn on_demand(service: Service) -> Service {
    Service { on_demand: true, ..service }
}

pub fn scheduled(overlap: Overlap, service: Service) -> Service {
    let schedule =
        Schedule { cron: String::new(), timezone: None, overlap, run_at_start: false, pool: Vec::new() };
    Service { schedule: Some(schedule), ..service }
}

/// Everything that is ready by a sign, is looked at, speaks, or is started by what comes.
pub fn every_watch() -> Vec<Service> {
    let stop = || Stop { command: Some(vec!["stop".into()]), ..Stop::default() };
    let on_failure = || Restart { policy: Policy::OnFailure, ..daemon("").restart };
    let tells = || Reload { notify: true, ..Reload::default() };
    let run_at_start = |mut service: Service| {
        service.schedule.iter_mut().for_each(|schedule| schedule.run_at_start = true);
        service
    };
    vec![
        shows(Sign::Fd(3), daemon("shows")),
        shows(Sign::Probe(probe()), daemon("is probed")),
        examined(2, OnFailure::Restart, daemon("is examined")),
        examined(1, OnFailure::Shutdown, daemon("ends all")),
        examined(2, OnFailure::None, daemon("is only told of")),
        watched(OnFailure::Restart, shows(Sign::Notify, daemon("speaks"))),
        scheduled(Overlap::Skip, oneshot("job")),
        on_demand(Service { restart: on_failure(), ..daemon("on demand, ends well") }),
        // The rest meets others only in a thorough exploration.
        shows(Sign::Log("x".into()), fragile("fragile, shows")),
        Service { stop: stop(), ..shows(Sign::Probe(probe()), daemon("is probed, with a stop command")) },
        Service {
            stop: stop(),
            ..examined(1, OnFailure::Restart, daemon("is examined, with a stop command"))
        },
        reloads(examined(1, OnFailure::Restart, daemon("is examined and reloads"))),
        examined(1, OnFailure::Restart, fragile("fragile, is examined")),
        examined(1, OnFailure::Restart, shows(Sign::Probe(probe()), daemon("is always probed"))),
        Service { logger: true, ..daemon("logger") },
        Service { logger: true, stop: stop(), ..daemon("logger with a stop command") },
        watched(OnFailure::None, daemon("may be silent")),
        watched(OnFailure::Shutdown, daemon("must not be silent")),
        watched(OnFailure::Restart, examined(1, OnFailure::Restart, daemon("is examined and watched"))),
        Service { reload: tells(), ..shows(Sign::Notify, daemon("says that it reloads")) },
        Service { reload: tells(), stop: stop(), ..daemon("only says that it reloads") },
        on_demand(daemon("on demand")),
        on_demand(shows(Sign::Fd(3), daemon("on demand, shows"))),
        on_demand(examined(1, OnFailure::Restart, daemon("on demand, is examined"))),
        scheduled(Overlap::Queue, oneshot("queued job")),
        scheduled(Overlap::Skip, Service { restart: on_failure(), ..oneshot("job that is repeated") }),
        run_at_start(scheduled(Overlap::Queue, Service { restart: on_failure(), ..oneshot("first job") })),
        scheduled(Overlap::Skip, Service { essential: true, ..oneshot("essential job") }),
        scheduled(Overlap::Skip, Service { enabled: false, ..oneshot("disabled job") }),
    ]
}

/// Jobs that take the runs of one schedule in turns.
pub fn pool(count: usize) -> Vec<Service> {
    let ids = (0..count).map(|n| Id(u32::try_from(n).expect("small"))).collect();
    let mut services: Vec<_> =
        (1..=count).map(|n| scheduled(Overlap::Allow, oneshot(&format!("job@{n}")))).collect();
    if let Some(schedule) = &mut services[0].schedule {
        schedule.pool = ids;
    }
    services
}

/// How a later service may depend on an earlier one.
pub fn link(plan: &mut Plan, above: usize, below: usize, how: usize) {
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

pub fn plan(services: Vec<Service>) -> Plan {
    Plan { services, ..Plan::default() }
}

/// A service that reloads with a command.
pub fn reloads(service: Service) -> Service {
    let reload = Reload { command: Some(vec!["reload".into()]), ..Reload::default() };
    Service { reload, ..service }
}

/// The plan after somebody changed this about one service.
pub fn with(plan: &Plan, index: usize, change: impl Fn(&mut Service)) -> Plan {
    let mut plan = plan.clone();
    change(&mut plan.services[index]);
    plan
}

/// Another program: it has to be restarted.
pub fn other_program(service: &mut Service) {
    let argv = vec!["other".into()];
    service.exec = Some(Exec { argv, ..Exec::default() });
}

/// The plan without one of its services, whose slot stays.
pub fn without(plan: &Plan, index: usize) -> Plan {
    let mut plan = plan.clone();
    let gone = Id(u32::try_from(index).expect("small"));
    for service in &mut plan.services {
        for edges in
            [&mut service.requires, &mut service.wants, &mut service.after, &mut service.restart_with]
        {
            edges.retain(|id| *id != gone);
        }
    }
    plan.services[index] = Service::tombstone();
    plan
}

/// The plan with one more service, which depends on the first; `below`: and one that the first requires.
pub fn with_more(plan: &Plan, below: bool) -> Plan {
    let mut plan = plan.clone();
    let new = Id(u32::try_from(plan.services.len()).expect("small"));
    let mut more = fragile("more");
    if below {
        plan.services[0].requires.push(new);
    } else {
        more.requires.push(Id(0));
    }
    plan.services.push(more);
    plan
}
