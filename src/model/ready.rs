//! When a service is ready, whether it is well, and what starts it: `[ready]`, `[health]`, `[[socket]]`, `[schedule]`.

use super::{Id, format_duration};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// `[ready]`: when a daemon counts as ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The one sign of it that is given.
    pub sign: Sign,
    /// `interval` between attempts of a [`Sign::Probe`], at most: the first follow each other faster.
    pub interval: Duration,
    /// `timeout` from exec on; then it is stopped, and that counts as a failure. None for [`Sign::Exec`] and [`Sign::Delay`].
    pub timeout: Duration,
}

impl Default for Ready {
    fn default() -> Self {
        Self { sign: Sign::Exec, interval: Duration::from_millis(200), timeout: Duration::from_secs(60) }
    }
}

/// What shows that a daemon is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sign {
    /// exec has succeeded.
    Exec,
    /// `delay`: it has run this long after exec.
    Delay(Duration),
    /// `notify`: it said `READY=1`; see sd_notify(3).
    Notify,
    /// `fd`: it wrote a newline to this descriptor, above those of its sockets and of what it may store.
    Fd(u16),
    /// `file`: this absolute path came to be, or became another file, after it was started.
    File(String),
    /// `log`: a line of its output matches this regular expression.
    Log(String),
    /// `http`, `tcp`, `unix`, `exec`: a probe succeeded.
    Probe(Probe),
}

/// What is waited for, in words: `READY=1`, `the file /run/x`, `tcp localhost:80`.
impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exec => f.write_str("its start"),
            Self::Delay(time) => write!(f, "{} of life", format_duration(*time)),
            Self::Notify => f.write_str("READY=1"),
            Self::Fd(fd) => write!(f, "a newline on descriptor {fd}"),
            Self::File(path) => write!(f, "the file {path}"),
            Self::Log(regex) => write!(f, "a line of output that matches {regex}"),
            Self::Probe(probe) => probe.fmt(f),
        }
    }
}

/// One look at a service from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// `http`.
    Http(Http),
    /// `tcp`: a connection is accepted.
    Tcp(Host),
    /// `unix`: a connection to this absolute path, or `@name` in the abstract namespace, is accepted.
    Unix(String),
    /// `exec`: argv; exit 0 is success. Runs with the service's own identity and environment, and `MAINPID`.
    Exec(Vec<String>),
}

/// As it is configured: `http://localhost/x`, `tcp [::1]:80`, `unix /run/x`, `exec pg_isready -q`.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(Http { host, path, .. }) => write!(f, "http://{host}{path}"),
            Self::Tcp(host) => write!(f, "tcp {host}"),
            Self::Unix(path) => write!(f, "unix {path}"),
            Self::Exec(argv) => write!(f, "exec {}", argv.join(" ")),
        }
    }
}

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// An address (of IPv6 without brackets), or `localhost`, which is 127.0.0.1 and then ::1. Names are not resolved.
    pub host: String,
    /// Never 0.
    pub port: u16,
}

/// `HOST:PORT`, with an address of IPv6 in brackets.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// A request, and what answer is a good one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http {
    /// From the URL.
    pub host: Host,
    /// From the URL: path and query, with the `/`.
    pub path: String,
    /// `method`.
    pub method: String,
    /// `status`: ranges with both ends.
    pub status: Vec<(u16, u16)>,
    /// `headers` of the request.
    pub headers: Vec<(String, String)>,
    /// `body`: a regular expression that must match in the first [`Http::LONGEST`] bytes of the answer.
    pub body: Option<String>,
}

impl Http {
    /// What is read of an answer.
    pub const LONGEST: usize = 64 * 1024;
}

/// `[health]`: whether a ready daemon still works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `http`, `tcp`, `unix` or `exec`.
    pub probe: Option<Probe>,
    /// `interval` from the end of one probe to the next.
    pub interval: Duration,
    /// `timeout` of one probe.
    pub timeout: Duration,
    /// `failures` in a row that make it unhealthy; never 0.
    pub failures: u32,
    /// `grace`: from readiness to the first probe; `interval` if not given.
    pub grace: Option<Duration>,
    /// `on-failure`.
    pub on_failure: OnFailure,
    /// `watchdog`: it has to say `WATCHDOG=1` within each such time; see sd_notify(3).
    pub watchdog: Option<Duration>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            probe: None,
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(3),
            failures: 3,
            grace: None,
            on_failure: OnFailure::Restart,
            watchdog: None,
        }
    }
}

/// `[health] on-failure`: what becomes of an unhealthy service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OnFailure {
    /// It is stopped, which counts as a failure, and `[restart]` says what follows.
    Restart,
    /// The container ends with code 1.
    Shutdown,
    /// It is only told.
    None,
}

/// `[[socket]]`: a socket that the supervisor makes and holds, and every process of the service inherits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// `name` in `LISTEN_FDNAMES`; that of the service if not given.
    pub name: String,
    /// `listen`.
    pub listen: Listen,
    /// `mode` of the path of a Unix socket, 0o666 if not given.
    pub mode: Option<u32>,
    /// `user` who owns the path.
    pub user: Option<String>,
    /// `group` that owns the path.
    pub group: Option<String>,
    /// `backlog`: connections that wait to be accepted; see listen(2).
    pub backlog: u32,
    /// `reuse-port`: others may bind the same address; see SO_REUSEPORT in socket(7).
    pub reuse_port: bool,
}

/// Where a socket listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Listen {
    /// `"ADDRESS:PORT"`.
    Tcp(SocketAddr),
    /// `"udp:ADDRESS:PORT"`.
    Udp(SocketAddr),
    /// `"/path"`, or `"@name"` in the abstract namespace.
    Unix(String),
    /// `"unixgram:/path"` or `"unixgram:@name"`.
    UnixDatagram(String),
}

/// As it is configured.
impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Udp(address) => write!(f, "udp:{address}"),
            Self::Unix(path) => f.write_str(path),
            Self::UnixDatagram(path) => write!(f, "unixgram:{path}"),
        }
    }
}

/// `[schedule]`: runs of a oneshot at times of the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// `cron`: an expression that was checked.
    pub cron: String,
    /// `timezone`: an IANA name that was found; that of the container if not given.
    pub timezone: Option<String>,
    /// `overlap`: what happens when it is due while it runs.
    pub overlap: Overlap,
    /// `run-at-start`: once at boot, too.
    pub run_at_start: bool,
    /// With [`Overlap::Allow`]: all its instances, this one first, of which the first that is free takes the run. Empty in
    /// the other instances, which have no times of their own.
    pub pool: Vec<Id>,
}

impl Schedule {
    /// Whether it has times of its own, and does not only take the runs of another instance.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.overlap != Overlap::Allow || !self.pool.is_empty()
    }
}

/// `[schedule] overlap`: what happens when a run is due while it still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Overlap {
    /// The run is left out.
    Skip,
    /// It runs once more afterwards, however often it was due.
    Queue,
    /// Another of its `instances` runs, and if none is free the run is left out.
    Allow,
}
