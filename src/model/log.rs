//! `[log]`: what becomes of the output of a service.

use super::Id;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// `[log]` of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// `to`: never empty; [`Sink::Inherit`] stands alone.
    pub to: Vec<Sink>,
    /// `stderr`: what becomes of standard error.
    pub stderr: StderrTo,
    /// `format` and `timestamps` on the console and for another service; a file may have its own.
    pub format: LogFormat,
    /// `on-full`: what happens when a sink does not keep up.
    pub on_full: OnFull,
    /// `memory`: so many bytes of its newest output stay in memory; 0: none.
    pub memory: u32,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            to: vec![Sink::Console],
            stderr: StderrTo::Stderr,
            format: LogFormat::default(),
            on_full: OnFull::Block,
            memory: Self::MEMORY,
        }
    }
}

impl Log {
    /// `memory` where nothing is said.
    pub const MEMORY: u32 = 64 * 1024;
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sink {
    /// `"console"`: standard output and standard error of the supervisor.
    Console,
    /// `"null"`: nowhere but into memory.
    Null,
    /// `"inherit"`: the service has the supervisor's own descriptors, and foster sees nothing of what it writes.
    Inherit,
    /// `"file"`: a file that is put away when it is large or old.
    File(LogFile),
    /// `"syslog"`: a syslog server.
    Syslog(Syslog),
    /// `"service:NAME"`: the standard input of another service.
    Service(Id),
}

/// `format` and `timestamps`: how a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogFormat {
    /// `format`.
    pub shape: Shape,
    /// `timestamps`: the time of its arrival before each line, as in `2026-01-02T03:04:05.678Z`. JSON always has it.
    pub timestamps: bool,
}

/// `format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Shape {
    /// `"prefix"`: the name of the service before each line.
    #[default]
    Prefix,
    /// `"raw"`: the bytes as they are.
    Raw,
    /// `"json"`: one object a line.
    Json,
}

/// `stderr`: what becomes of standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StderrTo {
    /// `"stderr"`: kept apart.
    #[default]
    Stderr,
    /// `"stdout"`: the same pipe as standard output, as `2>&1` in a shell.
    Stdout,
    /// `"null"`: nowhere but into memory.
    Null,
}

/// `on-full`: what happens when a sink does not keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OnFull {
    /// `"block"`: nothing is lost; the service waits in write(2).
    #[default]
    Block,
    /// `"drop"`: what the sink has no room for is counted and lost there.
    Drop,
}

/// `[log.file]`. Services that name the same path write into the same file, and say the same of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogFile {
    /// `path`, absolute.
    pub path: String,
    /// `stderr-path`, absolute: a file of its own for standard error.
    pub stderr_path: Option<String>,
    /// `format` and `timestamps`; those of [`Log`] where nothing is said.
    pub format: LogFormat,
    /// `max-size` in bytes: before it gets larger, it is put away as PATH.1. Never 0.
    pub max_size: Option<u64>,
    /// `max-age`: when its first line is older, the next one begins another file.
    pub max_age: Option<Duration>,
    /// `keep`: so many files that were put away are kept.
    pub keep: u32,
    /// `compress`: those are compressed, as PATH.1.gz.
    pub compress: bool,
    /// `mode` of new files, as an octal number below 0o1000.
    pub mode: u32,
}

impl LogFile {
    /// A file at this path with the documented defaults.
    #[must_use]
    pub fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            stderr_path: None,
            format: LogFormat::default(),
            max_size: Some(10_000_000),
            max_age: None,
            keep: 5,
            compress: false,
            mode: 0o640,
        }
    }
}

/// `[log.syslog]`, see RFC 5424.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Syslog {
    /// `address`.
    pub address: SyslogAddress,
    /// `facility` by its number, 0 to 23. Lines of standard output have severity 6, those of standard error 3.
    pub facility: u8,
    /// `tag`: APP-NAME, 1 to 48 printable characters of ASCII; the name of the service where nothing is said.
    pub tag: String,
}

/// `address`: where the syslog server is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SyslogAddress {
    /// `"/dev/log"`: a Unix socket for datagrams, or, where that is what it turns out to be, for a stream. RFC 5424 there too:
    /// rsyslog's imuxsock reads it with `UseSpecialParser="off"`, and else takes its head for a part of the message.
    Unix(String),
    /// `"udp:192.0.2.1:514"`: a datagram for each line, RFC 5426.
    Udp(SocketAddr),
    /// `"tcp:192.0.2.1:601"`: octet counting, RFC 6587.
    Tcp(SocketAddr),
}

/// Without `unix:`, else as it is written: `/dev/log`, `udp:192.0.2.1:514`.
impl fmt::Display for SyslogAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => f.write_str(path),
            Self::Udp(address) => write!(f, "udp:{address}"),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}
