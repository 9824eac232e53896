//! What happens, as it is told to who follows.

use super::ServiceStatus;
use serde::{Deserialize, Serialize};

/// A line of `GET /v1/events`: JSON objects, one a line, until one side ends it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Event {
    /// The first: everything as it is now. What follows is every change since.
    Snapshot {
        /// When.
        time: String,
        /// Every service.
        services: Vec<ServiceStatus>,
    },
    /// A service is in another state.
    State {
        /// When.
        time: String,
        /// Which.
        service: String,
        /// The new state.
        state: String,
        /// Why, if there is more to say.
        reason: Option<String>,
    },
    /// A main process ended, or could not be started.
    Exit {
        /// When.
        time: String,
        /// Of which service.
        service: String,
        /// What is said of it: `exited with code 3; restarting it in 200ms (attempt 3)`.
        text: String,
    },
    /// A new plan is in force.
    Applied {
        /// When.
        time: String,
    },
    /// The container is being stopped.
    Shutdown {
        /// When.
        time: String,
        /// Why, for people.
        reason: String,
    },
    /// This client did not read fast enough, and so many events are missing here.
    Lost {
        /// How many.
        count: u64,
    },
}

/// Any [`Event`], as it is read: what tells a variant from the others comes anywhere, and to keep all until then would take a
/// reader of its own.
#[derive(Deserialize)]
struct AnyEvent {
    event: String,
    #[serde(default)]
    time: String,
    #[serde(default)]
    services: Vec<ServiceStatus>,
    #[serde(default)]
    service: String,
    #[serde(default)]
    state: String,
    reason: Option<String>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    count: u64,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let AnyEvent { event, time, services, service, state, reason, text, count } =
            AnyEvent::deserialize(from)?;
        Ok(match event.as_str() {
            "snapshot" => Self::Snapshot { time, services },
            "state" => Self::State { time, service, state, reason },
            "exit" => Self::Exit { time, service, text },
            "applied" => Self::Applied { time },
            "shutdown" => Self::Shutdown { time, reason: reason.unwrap_or_default() },
            "lost" => Self::Lost { count },
            other => return Err(serde::de::Error::custom(format!("unknown event `{other}`"))),
        })
    }
}
