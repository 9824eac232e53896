//! The namespace that integration tests run foster in: a fresh pid and mount namespace with foster as its PID 1,
//! its output line by line, and a FIFO in which the services say what happens to them.
//!
//! Everything waits on events with a deadline; a missed deadline shows all that was seen until then.
#![allow(
    dead_code,
    unsafe_code,
    unused_imports,
    unused_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod answer;
mod cgroup;
mod container;
mod hearer;
mod helper;
mod http;
mod launch;
mod lives;
mod logger;
mod plight;
mod processes;
mod servers;
mod setup;
mod speaker;
mod terminal;
mod threads;
mod transcript;
mod verbs;

pub(crate) use cgroup::unified;
pub use cgroup::{Memory, Pids, Unified};
pub use container::{Container, Exit};
pub use helper::{helper, helper_shell, program, reset_signals};
pub use http::{Answer, Client};
pub use launch::{Launch, Launched};
pub use processes::{Process, in_namespace_of, signal, signal_mask};
pub use servers::{LONG, World, program as find_program, servers_problem};
pub use setup::{Output, Setup};
pub use speaker::speaker;
pub use threads::{Stuck, thread_switches, threads};
pub use transcript::{Line, Source};
pub use verbs::Ran;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long anything may take that has no budget of its own: long enough for a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A stop at which nobody has to be killed ends well before the stop timeout, which is 5 s unless it is set.
pub const PROMPT: Duration = Duration::from_millis(4500);

/// The binary under test: `FOSTER_BIN`, or the one that cargo built for this test.
pub fn foster_bin() -> PathBuf {
    std::env::var_os("FOSTER_BIN").map_or_else(|| env!("CARGO_BIN_EXE_foster").into(), PathBuf::from)
}

/// TOML of a daemon that is this test program in its helper role: says `up NAME PID`, and `term NAME` when it is
/// asked to stop. Options: `ready=MS` (a notification after that time), `delay=MS` (of the stop), `ignore`, `code=N`.
pub fn serve(name: &str, options: &[&str]) -> String {
    let mut arguments = vec!["serve", name];
    arguments.extend(options);
    helper(&arguments)
}

/// TOML of a shell command. A `${` in it is expanded by foster.
pub fn sh(script: &str) -> String {
    format!("command = [\"/bin/sh\", \"-c\", {script:?}]\n")
}

/// A shell script whose orphan dies, and has been reaped by the one who adopted it when the script ends. In its own words a
/// shell would have the child of a shell that it waits for; it is no orphan before that has ended.
pub const ORPHAN_DIES: &str =
    "p=$( (sleep 1000 >/dev/null 2>&1 & echo $!) ); kill $p; while kill -0 $p 2>/dev/null; do :; done";

/// Looks at something that nothing notifies about (the state of processes in /proc) until it holds.
pub fn eventually(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !holds() {
        if Instant::now() > end {
            return false;
        }
        pause(Duration::from_millis(2));
    }
    true
}

/// A timed wait, for tests whose subject is that nothing happens for a time.
pub fn pause(time: Duration) {
    let time =
        libc::timespec { tv_sec: time.as_secs().try_into().unwrap(), tv_nsec: time.subsec_nanos().into() };
    // SAFETY: no descriptors, a time that lives through the call, and no mask.
    unsafe { libc::ppoll(std::ptr::null_mut(), 0, &raw const time, std::ptr::null()) };
}

/// Leaves the test, saying why, in the output and in the file that `tests/run.sh` shows at its end.
macro_rules! skip {
    ($($why:tt)*) => {{
        $crate::support::record_skip(&format!($($why)*));
        return;
    }};
}
pub(crate) use skip;

/// Leaves the test where namespaces cannot be made.
macro_rules! needs_namespace {
    () => {
        if let Some(why) = $crate::support::namespace_problem() {
            $crate::support::skip!("{why}");
        }
    };
}
pub(crate) use needs_namespace;

/// Leaves the test where the servers cannot be run: pairs of a program and the Debian package that has it.
macro_rules! needs_servers {
    ($($needed:expr),* $(,)?) => {
        $crate::support::needs_namespace!();
        if let Some(why) = $crate::support::servers_problem(&[$($needed),*]) {
            $crate::support::skip!("{why}");
        }
    };
}
pub(crate) use needs_servers;

pub fn record_skip(why: &str) {
    let thread = std::thread::current();
    let line = format!("skipped: {}: {why}", thread.name().unwrap_or("a test"));
    eprintln!("{line}");
    if let Some(path) = std::env::var_os("FOSTER_SKIPPED")
        && let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path)
    {
        let _ = writeln!(file, "{line}");
    }
}

pub fn is_root() -> bool {
    // SAFETY: no arguments, cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// The namespaces that every container of these tests has.
pub fn unshare() -> Command {
    let mut command = Command::new("unshare");
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--pid", "--fork", "--mount", "--mount-proc", "--kill-child"]);
    command
}

/// Why namespaces cannot be made here, if so.
pub fn namespace_problem() -> Option<&'static str> {
    static PROBLEM: OnceLock<Option<String>> = OnceLock::new();
    PROBLEM
        .get_or_init(|| match unshare().arg("true").output() {
            Err(error) => Some(format!("cannot run unshare: {error}")),
            Ok(output) if !output.status.success() => {
                Some(format!("cannot make namespaces: {}", String::from_utf8_lossy(&output.stderr).trim()))
            }
            Ok(_) => None,
        })
        .as_deref()
}
