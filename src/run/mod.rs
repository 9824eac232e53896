//! The shell around the core: one process, one thread, one turn after another.
//!
//! It owns the pids, the timers and the descriptors, turns every fact into one event, lets the core decide and does what
//! it says. It has no policy of its own. A turn goes through its sources in a fixed order: signals, reports
//! of spawns, deaths, timers, calls of clients, output. Between turns it waits for any of them; an idle tree never wakes it.

mod apply;
mod boot;
mod cgroups;
mod conditions;
mod control;
mod driver;
mod gifts;
mod history;
mod loggers;
mod notify;
mod orphans;
mod output;
mod probes;
mod procs;
mod readiness;
mod report;
mod schedule;
mod shell;
mod signals;
mod sockets;
mod sweep;
mod terminal;
mod timers;
mod triggers;
mod upward;

pub use apply::Origin;
pub use boot::{BootError, run};
pub use output::{Cursor, Entry, Output};
