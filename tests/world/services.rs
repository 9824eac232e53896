//! Small services and the ways to put them together.

use foster::model::{Conditions, Exec, Id, Kind, Plan, Policy, Ready, Reload, Restart, Service, Sign, Stop};
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
