//! The claim that an idle tree costs nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;
use support::{Setup, needs_namespace, serve};

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
    c.wait_rest();
    let (switches, cpu) = (c.context_switches(), c.cpu_time());
    support::pause(Duration::from_secs(20));
    let woken = c.context_switches() - switches;
    c.check(woken == 0, &format!("{woken} wakeups, {:?} of CPU", c.cpu_time().saturating_sub(cpu)));
    println!("private memory of PID 1 with 100 services: {} KiB", c.private_memory());
    c.stop_within(support::PROMPT);
}
