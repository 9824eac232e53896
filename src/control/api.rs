//! What goes over the control socket: every request body and every answer, as JSON. The verbs use nothing else.
//!
//! Times are RFC 3339 in UTC with milliseconds; durations in requests and answers are seconds, as numbers. Keys that a
//! client does not know may be added at any time; none is ever renamed or removed. `docs/openapi.json` is made of these
//! types.

mod event;

pub use event::Event;

use serde::{Deserialize, Serialize};

/// `GET /v1/status`: the whole tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Status {
    /// The supervisor itself.
    pub supervisor: Supervisor,
    /// Every service (or those asked for), by name; instances by number.
    pub services: Vec<ServiceStatus>,
}

/// The supervisor itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Supervisor {
    /// Version of foster.
    pub version: String,
    /// Its pid, in its own namespace.
    pub pid: u32,
    /// Whether the container is being stopped.
    pub stopping: bool,
    /// When it began.
    pub since: String,
    /// Orphans reaped since then.
    pub orphans: u64,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ServiceStatus {
    /// Its name; instances are `name@k`.
    pub name: String,
    /// `daemon`, `oneshot` or `target`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its description, if it has one.
    pub description: Option<String>,
    /// `inactive`, `waiting`, `starting`, `ready`, `stopping`, `backoff`, `done`, `failed`, `blocked` or `skipped`.
    pub state: String,
    /// Why it is in that state, for people: `waits for db`, `stopped by request`, `exited with code 3`.
    pub reason: Option<String>,
    /// The pid of its main process, while there is one.
    pub pid: Option<u32>,
    /// Whether what depends on it may start: a daemon or target is ready, a oneshot has succeeded, or it was skipped.
    pub ready: bool,
    /// Whether it is meant to be up: wanted, or needed by something that is, and not stopped by request.
    pub wanted: bool,
    /// Starts of its main process after the first.
    pub restarts: u32,
    /// Consecutive ends that count toward its restart limit.
    pub failures: u32,
    /// Since when it is in that state.
    pub since: String,
    /// How its main process last ended.
    pub exit: Option<Exit>,
    /// When it is started again, in `backoff`.
    pub next_start: Option<String>,
    /// Whether its end ends the container.
    pub main: bool,
    /// Whether its failure for good ends the container.
    pub essential: bool,
    /// Orphans of its processes that were reaped.
    pub orphans: u64,
    /// Whether it is well, while it is ready and something looks after it: its probe, its watchdog. It is not from the
    /// failure on that makes it unhealthy, until it is well again.
    #[serde(default)]
    pub healthy: Option<bool>,
    /// Probes of its health that failed in a row.
    #[serde(default)]
    pub misses: u32,
    /// What the last probe of it heard: `HTTP 503 Service Unavailable`; while it is starting, what is missing.
    #[serde(default)]
    pub answer: Option<String>,
    /// What it last said of itself, by `STATUS=` of sd_notify(3).
    #[serde(default)]
    pub status: Option<String>,
    /// When its schedule runs it next.
    #[serde(default)]
    pub next_run: Option<String>,
    /// Where its output goes: `console`, the path of a file, `syslog ADDRESS`, `service:NAME`, `null`, `inherit`.
    #[serde(default)]
    pub log: Vec<String>,
    /// How many bytes of its newest output are kept in memory at most. 0: none.
    #[serde(default)]
    pub log_memory: u32,
    /// Lines of its output that a sink had no room for.
    #[serde(default)]
    pub log_dropped: u64,
    /// Bytes of memory that it uses, where it has a cgroup that counts them.
    #[serde(default)]
    pub memory: Option<u64>,
    /// Processes and threads that it has, where it has a cgroup that counts them.
    #[serde(default)]
    pub processes: Option<u64>,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Exit {
    /// When.
    pub time: String,
    /// Its exit code, when it exited.
    pub code: Option<u8>,
    /// The signal that killed it, when one did: `SIGKILL`.
    pub signal: Option<String>,
    /// Whether it dumped core.
    pub core: bool,
    /// Whether it was the kernel's OOM killer.
    #[serde(default)]
    pub oom: bool,
    /// The same for people: `exited with code 3`, `was killed by SIGKILL`.
    pub text: String,
}

/// `POST /v1/start`, `/v1/stop`, `/v1/restart`, `/v1/reload`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Act {
    /// Names, or patterns with `*` and `?`. The name of a service with instances means all of them.
    pub services: Vec<String>,
    /// Answer at once, not when it is done.
    #[serde(default)]
    pub no_wait: bool,
    /// Seconds to wait at most; without it, as long as it takes.
    #[serde(default)]
    pub timeout: Option<f64>,
}

/// The answer to an act, a wait or a signal. The HTTP status is 200 when `ok`, 504 when the timeout ran out, 409 when what
/// was asked did not come true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Acted {
    /// Whether all that was asked came true (with `no_wait`: was accepted).
    pub ok: bool,
    /// One for each service asked for.
    pub results: Vec<ActResult>,
    /// Other services that went down with them, or came up for them, in order of name.
    pub also: Vec<String>,
}

/// What came of it for one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ActResult {
    /// Which.
    pub service: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Its state at that moment.
    pub state: String,
    /// Why it did not come true, for people.
    pub reason: Option<String>,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Outcome {
    /// It is true.
    Done,
    /// It was accepted, and nobody waits for it.
    Accepted,
    /// It did not come true.
    Failed,
    /// It had not come true when the timeout ran out; it goes on.
    Timeout,
}

/// `POST /v1/signal`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SendSignal {
    /// As in [`Act::services`].
    pub services: Vec<String>,
    /// `SIGHUP`, `HUP`, `1`.
    pub signal: String,
}

/// `POST /v1/wait`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Wait {
    /// As in [`Act::services`]; none means every service that is wanted (until `ready`) or every one (until `stopped`).
    #[serde(default)]
    pub services: Vec<String>,
    /// What to wait for.
    pub until: Goal,
    /// Seconds to wait at most; without it, as long as it takes.
    #[serde(default)]
    pub timeout: Option<f64>,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Goal {
    /// Ready, or a oneshot done, or skipped. Fails when it can no longer come true by itself.
    Ready,
    /// No process of it is alive, and none is about to be started.
    Stopped,
}

/// `POST /v1/apply`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Apply {
    /// Only tell what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Answer when the new plan has been accepted, not when what changed is up again.
    #[serde(default)]
    pub no_wait: bool,
    /// Seconds to wait at most; without it, as long as it takes.
    #[serde(default)]
    pub timeout: Option<f64>,
}

/// The answer to an apply. The HTTP status is 200 when `ok`, 422 when the configuration has errors (and nothing was
/// changed), 504 and 409 as for an act.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Applied {
    /// Whether the new plan is in force and what changed is up again (dry run: whether it could be).
    pub ok: bool,
    /// What is different, in order of name.
    pub changes: Vec<Change>,
    /// The keys of `foster.toml` that differ.
    #[serde(default)]
    pub settings: Vec<String>,
    /// Why it is not in force, or what did not come up, for people.
    pub reason: Option<String>,
    /// The findings of the check as text: every error with its place, and the warnings.
    pub findings: String,
    /// How many of them are errors.
    pub errors: usize,
}

/// What an apply does to one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Change {
    /// Which.
    pub service: String,
    /// What.
    pub change: ChangeKind,
    /// The keys that differ.
    pub keys: Vec<String>,
    /// The service because of which it is restarted though nothing of it differs.
    pub because: Option<String>,
}

/// What an apply does to one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum ChangeKind {
    /// It is new, and started if it is enabled.
    Added,
    /// It is stopped and gone.
    Removed,
    /// It is stopped and started anew (or, when it was down, takes its next start from the new plan).
    Restarted,
    /// It goes on; what differs counts from now on.
    Updated,
}

/// `POST /v1/shutdown`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Shutdown {
    /// The exit code of the container instead of the usual one.
    #[serde(default)]
    pub code: Option<u8>,
}

/// `GET /v1/health`: 200 when healthy, 503 when not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Health {
    /// Whether every service asked for is ready (asked for none: every service that is wanted).
    pub healthy: bool,
    /// Those that are not, with the reason.
    pub unhealthy: Vec<ActResult>,
}

/// `GET /v1/explain/NAME`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Explanation {
    /// The service itself.
    pub service: ServiceStatus,
    /// From it to the root cause: each link says why the one before is in its state.
    pub chain: Vec<Link>,
    /// What is known of it besides, for people, a line each: its sign of readiness, its health, its sockets, its schedule.
    #[serde(default)]
    pub facts: Vec<String>,
    /// What happens next, for people: `restarting it in 1.6s (attempt 5 of 10)`, `nothing until somebody starts it`.
    pub next: String,
    /// The last ends of its main process, newest first.
    pub exits: Vec<Exit>,
    /// The last lines of output of the service at the end of the chain; only for those who may act.
    pub last_lines: Vec<LogLine>,
}

/// One service on the way to the root cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Link {
    /// Which.
    pub service: String,
    /// Its state.
    pub state: String,
    /// What is said of it: `waits until db is ready`, `gave up after 10 consecutive ends: exited with code 3`.
    pub text: String,
}

/// `GET /v1/graph`: every service and what it depends on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Graph {
    /// In order of name.
    pub services: Vec<Node>,
}

/// A service in the graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Node {
    /// Its name.
    pub name: String,
    /// `daemon`, `oneshot` or `target`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its state, of a running tree.
    pub state: Option<String>,
    /// Whether it starts at boot by itself.
    pub enabled: bool,
    /// Whether its end ends the container.
    pub main: bool,
    /// What it requires.
    pub requires: Vec<String>,
    /// What it wants.
    pub wants: Vec<String>,
    /// What it merely starts after.
    pub after: Vec<String>,
}

/// `GET /v1/timeline`: what the start of each service spent its time on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Timeline {
    /// When the supervisor began: the zero of all times in it.
    pub since: String,
    /// Every service that was started at least once or waits for that, in order of start.
    pub services: Vec<Span>,
}

/// The first start of a service, in milliseconds after [`Timeline::since`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Span {
    /// Which.
    pub service: String,
    /// `daemon`, `oneshot` or `target`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its state now.
    pub state: String,
    /// When it began to wait for what it depends on.
    pub waiting: Option<f64>,
    /// When its process was started.
    pub started: Option<f64>,
    /// When it was ready (a oneshot: done).
    pub ready: Option<f64>,
    /// The dependency that became satisfied last before it started: it is what it waited for.
    pub waited_for: Option<String>,
}

/// A line of `GET /v1/logs`: JSON objects, one a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LogLine {
    /// When PID 1 read it.
    pub time: String,
    /// Whose it is.
    pub service: String,
    /// `stdout` or `stderr`; or `lost`, where lines of it are missing because they were not read in time, and the text
    /// says how many.
    pub stream: String,
    /// Without its newline; what is not UTF-8 is replaced.
    pub text: String,
}

/// `GET` and `POST /v1/log-level`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Level {
    /// How much the supervisor itself says: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

/// Every answer that is not the one asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Problem {
    /// What is wrong: `no service is called "wbe"`.
    pub error: String,
    /// What may have been meant: `did you mean "web"?`.
    pub help: Option<String>,
}
