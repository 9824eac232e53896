//! The typed plan: everything that the configuration says, resolved, and nothing that the system knows.
//!
//! Strings are checked and references are [`Id`]s, so the rooms behind it meet no bad input.

mod capability;
mod diff;
mod duration;
mod env_file;
mod graph;
mod log;
mod name;
mod notification;
mod order;
mod ready;
mod resources;
mod service;
mod signal;
mod size;

pub use capability::{capability_name, capability_names, capability_number};
pub use diff::{Change, Difference, align, differences, settings_differences};
pub use duration::{format_duration, parse_duration};
pub use env_file::parse_env_file;
pub use graph::{find_cycle, topological_order};
pub use log::*;
pub use name::{NameError, check_name};
pub use notification::{LONGEST_NOTIFICATION, Malformed, Notification, Store, Watchdog};
pub use order::{map_of, set_of, sort, sort_by, sort_by_key};
pub use ready::*;
pub use resources::Resources;
pub use service::*;
pub use signal::{ParseSignalError, Signal};
pub use size::{format_size, parse_size};

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// A service of one [`Plan`]: an index into [`Plan::services`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id(pub u32);

impl Id {
    /// The index into [`Plan::services`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// All services and the settings of one run. Its graph of `requires`, `wants` and `after` has no cycle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Every service, instances and the command after `--` included. As it is read, sorted by file name; instances by
    /// number, so that `web@10` stands behind `web@9`. After [`align`], in the order of what was there before, with a
    /// [tombstone](Service::tombstone) in each slot that is empty; [`Plan::by_name`] has the order for people.
    pub services: Vec<Service>,
    /// What concerns the whole container.
    pub settings: Settings,
}

impl Plan {
    /// The ids of all services that there are, by name; instances by number.
    #[must_use]
    pub fn by_name(&self) -> Vec<Id> {
        let key = |id: &Id| {
            let name = self.service(*id).name.as_str();
            let (stem, number) = name.split_once('@').unwrap_or((name, ""));
            (stem, number.parse::<u32>().unwrap_or(0), name)
        };
        let mut ids: Vec<Id> = self.ids().filter(|id| !self.service(*id).is_tombstone()).collect();
        sort_by(&mut ids, |a, b| key(a).cmp(&key(b)));
        ids
    }

    /// The ids of all services, in the order of [`Plan::services`].
    pub fn ids(&self) -> impl ExactSizeIterator<Item = Id> + use<> {
        (0..u32::try_from(self.services.len()).unwrap_or(u32::MAX)).map(Id)
    }

    /// The service with this id. Ids come from this plan, so the index is always inside.
    #[must_use]
    pub fn service(&self, id: Id) -> &Service {
        &self.services[id.index()]
    }
}

/// What concerns the whole container (`foster.toml` and its environment overrides).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// `[shutdown] timeout`: from the stop request to the end of PID 1, whatever happens.
    pub shutdown_timeout: Duration,
    /// `[shutdown] signals`: further signals that mean "stop", beside TERM, INT, QUIT, PWR and 37.
    pub shutdown_signals: Vec<Signal>,
    /// `log-level`: how much the supervisor itself says.
    pub log_level: LogLevel,
    /// `socket`: where the control socket is.
    pub socket: Socket,
    /// `[http] listen`: where the read-only health and metrics pages are served.
    pub http: Option<SocketAddr>,
    /// `[log]`: how the supervisor's own lines look, and those of services that do not say it themselves.
    pub log_format: LogFormat,
    /// `cgroup`: below which cgroup those of the services are.
    pub cgroup: Cgroup,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shutdown_timeout: Duration::from_secs(9),
            shutdown_signals: Vec::new(),
            log_level: LogLevel::Warn,
            socket: Socket::Search,
            http: None,
            log_format: LogFormat::default(),
            cgroup: Cgroup::default(),
        }
    }
}

/// `socket`: where the control socket is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Socket {
    /// In the first of the usual places that can be written to (default).
    #[default]
    Search,
    /// At this absolute path, of at most [`Socket::LONGEST`] bytes, and nowhere else.
    Path(String),
    /// `"none"`: nowhere.
    Off,
}

impl Socket {
    /// What an address of a Unix socket has room for, less the NUL at its end; see unix(7).
    pub const LONGEST: usize = 107;
}

/// `cgroup`: below which cgroup those of the services are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cgroup {
    /// Below the supervisor's own, if that is the container's alone and can be written to (default).
    #[default]
    Own,
    /// Below the one in this directory, which is made if it is not there.
    Path(String),
    /// `"none"`: there are none.
    Off,
}

/// How much the supervisor itself says, least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LogLevel {
    /// Only what ends the container.
    Error,
    /// And one line per failure (default).
    #[default]
    Warn,
    /// And every change of a service's state.
    Info,
    /// And adopted orphans, spawns, signals.
    Debug,
    /// And every event of the core.
    Trace,
}

impl LogLevel {
    /// All of them with their names, least said first.
    pub const ALL: [(&'static str, Self); 5] = [
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];

    /// The level of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
    }

    /// As it is written: `warn`.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, level)| *level == self).map_or("", |(name, _)| name)
    }
}
