//! What is left when the services are gone: every process that is still below this one.

use crate::core::Sweep;
use crate::model::Signal;
use crate::sys::{Pid, procs, signal};

/// Signals everything that is left. PID 1 of a namespace owns it and asks the kernel to reach all of it at once, which
/// no fork can outrun; anybody else has only its descendants. False when these could not be looked for, and only `known`
/// ones were signalled.
pub(super) fn sweep(sweep: Sweep, known: &[Pid]) -> bool {
    let signals: &[Signal] = match sweep {
        Sweep::Term => &[Signal::TERM, Signal::CONT],
        Sweep::Kill => &[Signal::KILL],
    };
    let mut complete = true;
    for &signal in signals {
        if signal::kill_everything(signal) == signal::Sent::Refused {
            complete = procs::signal_descendants(signal, known).complete;
        }
    }
    complete
}

/// The names of those that are left, for people: `sleep (pid 12, of web)`. The first few; how many there are.
/// `service` knows main processes, whose environment may be overwritten by a title; others are known by it.
pub(super) fn left<'a>(service: impl Fn(Pid) -> Option<&'a str>) -> (Vec<String>, usize) {
    const SHOWN: usize = 5;
    let pids = procs::descendants().unwrap_or_default();
    let name = |pid: &Pid| {
        let description = procs::describe(*pid)?;
        Some(match service(*pid).or(description.service.as_deref()) {
            Some(service) => format!("{} (pid {pid}, of {service})", description.comm),
            None => format!("{} (pid {pid})", description.comm),
        })
    };
    (pids.iter().filter_map(name).take(SHOWN).collect(), pids.len())
}
