//! The claim that an idle tree costs nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;
use support::{Setup, eventually, needs_namespace, serve};

/// Waits by design: its subject is that nothing happens for twenty seconds.
#[test]
fn a_hundred_idle_services_wake_pid_1_not_once_in_twenty_seconds() {
    needs_namespace!();
    let mut setup = Setup::new();
    for number in 0..100 {
        let name = format!("s{number}");
        setup = setup.service(&name, serve(&name, &[]));
    }
    let mut c = setup.start();
    for number in 0..100 {
        c.wait_event(&format!("up s{number}"));
    }
    // The work of the boot ends: no switch for half a second.
    let mut last = c.context_switches();
    let quiet = eventually(Duration::from_secs(10), || {
        support::pause(Duration::from_millis(500));
        std::mem::replace(&mut last, c.context_switches()) == c.context_switches()
    });
    c.check(quiet, "it does not come to rest");
    let (switches, cpu) = (c.context_switches(), c.cpu_time());
    support::pause(Duration::from_secs(20));
    let woken = c.context_switches() - switches;
    c.check(woken == 0, &format!("{woken} wakeups, {:?} of CPU", c.cpu_time().saturating_sub(cpu)));
    println!("private memory of PID 1 with 100 services: {} KiB", c.private_memory());
    c.stop_within(support::PROMPT);
}
