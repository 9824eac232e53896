//! One service, as the rooms behind the configuration see it.

use super::{Health, Id, Listener, Log, Ready, Resources, Schedule, Sign, Signal, Sink, StderrTo};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// One service of the plan. [`Service::new`] gives the documented defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// File stem, or `stem@k` for the k-th of several instances.
    pub name: String,
    /// `description`, for people.
    pub description: Option<String>,
    /// `type`.
    pub kind: Kind,
    /// `enabled`: started at boot by itself. What requires or wants it starts it all the same.
    pub enabled: bool,
    /// `main`: its end ends the container, with its code.
    pub main: bool,
    /// `essential`: when it fails for good, the container ends.
    pub essential: bool,
    /// `when`: conditions that all must hold, or the service is skipped.
    pub when: Conditions,
    /// `requires` and others' `required-by`: start it too, start after it is satisfied, share its failure.
    pub requires: Vec<Id>,
    /// `wants` and others' `wanted-by`: start it too and after it, without sharing its failure.
    pub wants: Vec<Id>,
    /// `after`, others' `before`, and the main service's place at the end: order only.
    pub after: Vec<Id>,
    /// `restart-with`, a part of [`Service::requires`]: its crash takes this service down too.
    pub restart_with: Vec<Id>,
    /// What is executed; `None` exactly for a target.
    pub exec: Option<Exec>,
    /// `[ready]`: when a daemon counts as ready.
    pub ready: Ready,
    /// `[health]`: whether a ready daemon still works.
    pub health: Health,
    /// `[[socket]]`: sockets that the supervisor holds and hands on, in this order.
    pub sockets: Vec<Listener>,
    /// `on-demand`: starts when something arrives on one of its sockets, not before.
    pub on_demand: bool,
    /// `schedule`: runs of a oneshot at times of the clock.
    pub schedule: Option<Schedule>,
    /// `fd-store`: how many descriptors it may leave in care of the supervisor.
    pub fd_store: u16,
    /// `[restart]`.
    pub restart: Restart,
    /// `[stop]`.
    pub stop: Stop,
    /// `[reload]`.
    pub reload: Reload,
    /// `[resources]`: the limits of its cgroup.
    pub resources: Resources,
    /// `[log]`: where its output goes.
    pub log: Log,
    /// It is the [`Sink::Service`] of another: its standard input is a pipe with what that one says, and its stop begins with
    /// the end of that.
    pub logger: bool,
}

impl Service {
    /// A service with the documented defaults of its kind.
    #[must_use]
    pub fn new(name: &str, kind: Kind) -> Self {
        let policy = if kind == Kind::Daemon { Policy::Always } else { Policy::Never };
        Self {
            name: name.to_owned(),
            description: None,
            kind,
            enabled: true,
            main: false,
            essential: true,
            when: Conditions::default(),
            requires: Vec::new(),
            wants: Vec::new(),
            after: Vec::new(),
            restart_with: Vec::new(),
            exec: None,
            ready: Ready::default(),
            health: Health::default(),
            sockets: Vec::new(),
            on_demand: false,
            schedule: None,
            fd_store: 0,
            restart: Restart { policy, ..Restart::default() },
            stop: Stop::default(),
            reload: Reload::default(),
            resources: Resources::default(),
            log: Log::default(),
            logger: false,
        }
    }

    /// What stands in the slot of a service that was removed from a running plan, so that the others keep their [`Id`]s:
    /// a nameless target that nobody wants and nothing depends on.
    #[must_use]
    pub fn tombstone() -> Self {
        Self { enabled: false, essential: false, ..Self::new("", Kind::Target) }
    }

    /// Whether nothing but the slot is left of it.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.name.is_empty()
    }

    /// Whether a running `self` has to be restarted to become `new`: when its process would differ, or what makes it
    /// ready. All else (order, conditions, restarts, health, stop, reload, what its end means) counts from the next time
    /// that it is looked at.
    #[must_use]
    pub fn needs_restart(&self, new: &Self) -> bool {
        self.kind != new.kind
            || self.exec != new.exec
            || self.ready.sign != new.ready.sign
            || self.sockets != new.sockets
            || self.waits_for_trigger() != new.waits_for_trigger()
            || self.speaks_notify() != new.speaks_notify()
            || self.health.watchdog != new.health.watchdog
            || self.fd_store != new.fd_store
            || self.logger != new.logger
            || self.inherits_output() != new.inherits_output()
            || (self.log.stderr == StderrTo::Stdout) != (new.log.stderr == StderrTo::Stdout)
    }

    /// Whether it writes to the supervisor's own descriptors.
    #[must_use]
    pub fn inherits_output(&self) -> bool {
        self.log.to.contains(&Sink::Inherit)
    }

    /// Whether it is started by what comes (a connection, a time) and not by itself.
    #[must_use]
    pub fn waits_for_trigger(&self) -> bool {
        self.on_demand || self.schedule.is_some()
    }

    /// Whether it gets a `NOTIFY_SOCKET`.
    #[must_use]
    pub fn speaks_notify(&self) -> bool {
        self.ready.sign == Sign::Notify
            || self.health.watchdog.is_some()
            || self.reload.notify
            || self.fd_store > 0
    }
}

/// `type`: what a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Runs for ever; satisfied while ready.
    Daemon,
    /// Runs to its end; satisfied once it has exited with success.
    Oneshot,
    /// A milestone without a process; satisfied when all it requires is.
    Target,
}

/// As it is written: `daemon`, `oneshot`, `target`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Daemon => "daemon",
            Self::Oneshot => "oneshot",
            Self::Target => "target",
        })
    }
}

/// `[when]`: every condition given must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// `env`: on the container's environment.
    pub env: Vec<EnvCondition>,
    /// `path`: on the file system, looked at when the service would start.
    pub path: Vec<PathCondition>,
    /// `command`: argv; exit 0 means it holds. Runs with the service's own identity and environment.
    pub command: Option<Vec<String>>,
    /// `timeout` of the command; then it is killed and the service fails.
    pub timeout: Duration,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { env: Vec::new(), path: Vec::new(), command: None, timeout: Duration::from_secs(10) }
    }
}

impl Conditions {
    /// Whether there is nothing to check.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.env.is_empty() && self.path.is_empty() && self.command.is_none()
    }
}

/// `NAME`, `NAME=value`, and either with a leading `!`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvCondition {
    /// The variable.
    pub name: String,
    /// The value it must have; without one it must be set and not empty.
    pub value: Option<String>,
    /// `!`: must not hold.
    pub negate: bool,
}

/// `/path`, or `!/path`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathCondition {
    /// Absolute path that must exist.
    pub path: String,
    /// `!`: must not exist.
    pub negate: bool,
}

/// What is executed, and as whom.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exec {
    /// argv, never empty; a `script` is already `shell` plus the script.
    pub argv: Vec<String>,
    /// `user`: name or number.
    pub user: Option<String>,
    /// `group`: name or number; the user's own group otherwise.
    pub group: Option<String>,
    /// `supplementary-groups`: names or numbers; from the user database when not given.
    pub supplementary_groups: Option<Vec<String>>,
    /// `working-directory`; the supervisor's own otherwise.
    pub working_directory: Option<String>,
    /// `umask`, as an octal number below 0o1000.
    pub umask: Option<u32>,
    /// `nice`, -20 to 19.
    pub nice: Option<i32>,
    /// `oom-score-adj`, -1000 to 1000.
    pub oom_score_adj: Option<i32>,
    /// `[limits]`.
    pub limits: Vec<Limit>,
    /// `capabilities`: the only ones kept, as numbers of capability.h; `None` leaves them alone.
    pub capabilities: Option<Vec<u8>>,
    /// `no-new-privileges`.
    pub no_new_privileges: bool,
    /// `stdin`.
    pub stdin: Stdin,
    /// `tty`: it gets the container's terminal, when there is one.
    pub tty: bool,
    /// What the environment is made of.
    pub environment: Environment,
}

/// `stdin`: where a service reads from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdin {
    /// Nothing: end of file at once.
    #[default]
    Null,
    /// The supervisor's own.
    Inherit,
    /// A file, opened for reading at each start.
    Path(String),
}

/// What the environment of a process is made of. A later part overrides an earlier one: the container's environment
/// (as far as it passes), `FOSTER_SERVICE` and the user's `HOME`, `USER` and `LOGNAME`, the files, the secrets, the
/// variables set here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// `clear-environment` and `pass-environment`: `None` passes everything, a list passes those names only.
    pub pass: Option<Vec<String>>,
    /// `environment-files`, read at each start; with a leading `-` in the configuration, one that may be missing.
    pub files: Vec<EnvironmentFile>,
    /// `[secrets]`: variable and the file that holds its value, read at each start; never printed.
    pub secrets: Vec<(String, String)>,
    /// `[environment]`, already expanded.
    pub set: Vec<(String, String)>,
}

/// One entry of `environment-files`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentFile {
    /// Path of the file.
    pub path: String,
    /// Whether it may be missing.
    pub optional: bool,
}

/// One resource limit, see setrlimit(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Which.
    pub resource: Resource,
    /// Soft limit; `None` is unlimited.
    pub soft: Option<u64>,
    /// Hard limit; `None` is unlimited.
    pub hard: Option<u64>,
}

/// The resources of setrlimit(2), by their configuration names: `as`, `core`, `cpu`, `data`, `fsize`, `locks`,
/// `memlock`, `msgqueue`, `nice`, `nofile`, `nproc`, `rss`, `rtprio`, `rttime`, `sigpending`, `stack`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Resource {
    As,
    Core,
    Cpu,
    Data,
    Fsize,
    Locks,
    Memlock,
    Msgqueue,
    Nice,
    Nofile,
    Nproc,
    Rss,
    Rtprio,
    Rttime,
    Sigpending,
    Stack,
}

/// `[restart]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restart {
    /// `policy`.
    pub policy: Policy,
    /// `delay` before the first delayed restart.
    pub delay: Duration,
    /// `factor` by which the delay grows, at least 1.
    pub factor: f64,
    /// `max-delay`.
    pub max_delay: Duration,
    /// `limit` of consecutive ends; `None` is unlimited, never 0.
    pub limit: Option<u32>,
    /// `reset-after` this long in readiness the count starts anew.
    pub reset_after: Duration,
    /// `success-codes`: ends that are a success.
    pub success: Vec<ExitMatch>,
    /// `never-on`: ends after which it is never restarted.
    pub never_on: Vec<ExitMatch>,
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            policy: Policy::Always,
            delay: Duration::from_millis(100),
            factor: 2.0,
            max_delay: Duration::from_secs(30),
            limit: Some(10),
            reset_after: Duration::from_secs(60),
            success: vec![ExitMatch::Code(0)],
            never_on: Vec::new(),
        }
    }
}

/// `[restart] policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Policy {
    /// After every end.
    Always,
    /// After an end that is not a success.
    OnFailure,
    /// Never.
    Never,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Exit {
    /// exit(2) with this code, 0 to 255.
    Code(u8),
    /// Killed by this signal; `core` when it dumped core.
    Signal {
        /// The signal.
        signal: Signal,
        /// Whether a core was dumped.
        core: bool,
    },
    /// Killed by the kernel because memory ran out: a death by SIGKILL whose cause is known.
    OutOfMemory {
        /// The limit of the service that was reached, in bytes; `None`: another one, of the container or the host.
        limit: Option<u64>,
    },
}

impl Exit {
    /// The code that a shell or a container shows for it: the code, or 128+n.
    #[must_use]
    pub fn shell_code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal { signal, .. } => 128u8.saturating_add(u8::try_from(signal.number()).unwrap_or(127)),
            Self::OutOfMemory { .. } => 137,
        }
    }
}

/// An entry of `success-codes` or `never-on`: an exit code or a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExitMatch {
    /// This exit code.
    Code(u8),
    /// Death by this signal.
    Signal(Signal),
}

impl ExitMatch {
    /// Whether `exit` is the end meant here.
    #[must_use]
    pub fn matches(self, exit: Exit) -> bool {
        match (self, exit) {
            (Self::Code(a), Exit::Code(b)) => a == b,
            (Self::Signal(a), Exit::Signal { signal, .. }) => a == signal,
            (Self::Signal(a), Exit::OutOfMemory { .. }) => a == Signal::KILL,
            _ => false,
        }
    }
}

/// `[stop]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// `signal`, sent when the command (if any) has ended.
    pub signal: Signal,
    /// `timeout` of the whole stop, command included; then SIGKILL.
    pub timeout: Duration,
    /// `command`: argv, run first, with the service's identity and environment and `MAINPID`.
    pub command: Option<Vec<String>>,
    /// `group`: signal the whole process group, not only the process.
    pub group: bool,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: Signal::TERM, timeout: Duration::from_secs(5), command: None, group: true }
    }
}

/// `[reload]`: how the service is told to read its own configuration anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// `signal`, sent to the main process; not when there is a command.
    pub signal: Signal,
    /// `command`: argv, run instead of the signal, with the service's identity and environment and `MAINPID`.
    pub command: Option<Vec<String>>,
    /// `timeout` of the command, or of the answer; then it is killed, and the reload has failed.
    pub timeout: Duration,
    /// `notify`: after the signal it says `RELOADING=1` and, when it is through, `READY=1`; see sd_notify(3).
    pub notify: bool,
}

impl Default for Reload {
    fn default() -> Self {
        Self { signal: Signal::HUP, command: None, timeout: Duration::from_secs(10), notify: false }
    }
}
