//! foster: a PID 1 supervisor for multi-process containers.
//!
//! The rooms, and what each may use (held by `tests/layering.rs`):
//!
//! | room      | does                                                        | may use                   |
//! |-----------|-------------------------------------------------------------|---------------------------|
//! | `model`   | the typed plan: services, names, durations, signals, graph  | nothing but serde         |
//! | `config`  | files to plan: layers, drop-ins, diagnostics, expansion     | `model`, `sys`, `time`    |
//! | `core`    | decides: events in, actions out; no I/O, no clock, no pids  | `model`                   |
//! | `sys`     | Linux: spawn, reap, signals, users, limits, capabilities    | `model`                   |
//! | `time`    | when a schedule comes due: cron, time zones, set clocks     | `sys`                     |
//! | `log`     | lines, the tail in memory, the console, log files           | `model`, `sys`            |
//! | `control` | the control socket: its types, the server, the client      | `model`, `core`, `sys`     |
//! | `run`     | the shell around the core: one thread, one turn after another | `core` `sys` `time` `log` `control` `config` `model` |
//! | `init`    | `foster init`: one command, no services, no runtime         | `sys` `model`             |
//! | `cli`     | the command line, one file per verb                         | `config` `run` `init` `control` `log` `sys` `core` `model` `time` |

// PID 1 does not panic.
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod cli;
pub mod config;
pub mod control;
pub mod core;
pub mod init;
pub mod log;
pub mod model;
pub mod run;
pub mod sys;
pub mod time;

/// Plays the role that the command line of this process asks for, and gives the exit code.
#[must_use]
pub fn main() -> u8 {
    init::main().unwrap_or_else(|| {
        // An init leaves it as it is, for its command.
        sys::signal::ignore_pipe();
        cli::main()
    })
}
