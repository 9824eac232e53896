//! The signals that the supervisor takes, and what they mean.

use crate::core::Request;
use crate::model::{Settings, Signal};
use futures_core::Stream;
use signal_hook_tokio::Signals;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// End the container; once more, at once.
    Shutdown,
    /// Re-read the configuration.
    Apply,
    /// Print the status.
    Status,
    /// Not for the supervisor: to the main service, if there is one.
    Forward,
}

/// Signals that mean "stop" always.
const STOP: [Signal; 5] = [Signal::TERM, Signal::INT, Signal::QUIT, Signal::PWR, Signal::RTMIN_3];

/// What this signal means with these settings.
pub(super) fn meaning(signal: Signal, settings: &Settings) -> Meaning {
    if STOP.contains(&signal) || settings.shutdown_signals.contains(&signal) {
        Meaning::Shutdown
    } else if signal == Signal::HUP {
        Meaning::Apply
    } else if signal == Signal::USR1 {
        Meaning::Status
    } else {
        Meaning::Forward
    }
}

impl Meaning {
    /// The request behind it, where it is one.
    pub(super) fn request(self) -> Option<Request> {
        (self == Self::Shutdown).then_some(Request::Shutdown(None))
    }
}

/// The signals that arrived, as a source of the shell.
pub(super) struct Inbox {
    signals: Signals,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbox")
    }
}

/// Every signal that can be taken, has no other meaning for a process than to end or to be told something, and is not
/// raised by a fault of its own; and those that the settings give a meaning. SIGCHLD comes another way, see
/// [`crate::sys::signal::Obituaries`].
fn taken(settings: &Settings) -> impl Iterator<Item = Signal> {
    let other = |n: i32| matches!(n, 4 | 5 | 6 | 7 | 8 | 9 | 11 | 13 | 17 | 19 | 20 | 21 | 22 | 31 | 32 | 33);
    let signals = (1..=64).filter_map(Signal::from_number);
    signals.filter(move |s| !other(s.number()) || settings.shutdown_signals.contains(s))
}

/// Those of them that mean something now.
fn wanted(settings: &Settings, has_main: bool) -> impl Iterator<Item = Signal> {
    let all = has_main || std::process::id() != 1;
    taken(settings).filter(move |s| all || meaning(*s, settings) != Meaning::Forward)
}

impl Inbox {
    /// Installs the handlers. Inside the runtime only. Signals that are blocked meanwhile arrive afterwards.
    ///
    /// What could only be passed on is not taken when there is nobody to pass it on to; but PID 1 alone is safe from the
    /// default actions, and anybody else would leave its services behind.
    ///
    /// # Errors
    /// No descriptors are to be had.
    pub(super) fn new(settings: &Settings, has_main: bool) -> io::Result<Self> {
        let signals = Signals::new(wanted(settings, has_main).map(Signal::number))?;
        Ok(Self { signals })
    }

    /// Takes what other settings, or a main service that there was not, ask for too. What was taken stays so: without a
    /// meaning, it is passed on.
    ///
    /// # Errors
    /// The kernel refuses one.
    pub(super) fn renew(&self, settings: &Settings, has_main: bool) -> io::Result<()> {
        let handle = self.signals.handle();
        wanted(settings, has_main).try_for_each(|signal| handle.add_signal(signal.number()))
    }

    /// The next signal that arrived. Several of a kind may come as one.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Signal>> {
        Pin::new(&mut self.signals).poll_next(context).map(|number| number.and_then(Signal::from_number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_signals_are_those_of_the_runtimes_and_those_of_the_settings() {
        let asked: Vec<Signal> = [6, 20, 28].into_iter().filter_map(Signal::from_number).collect();
        let settings = Settings { shutdown_signals: asked.clone(), ..Settings::default() };
        for signal in asked.into_iter().chain(STOP) {
            assert_eq!(meaning(signal, &settings), Meaning::Shutdown, "{signal}");
            assert!(taken(&settings).any(|s| s == signal), "{signal}");
        }
        assert!(taken(&settings).all(|s| s != Signal::CHLD), "it is read, not handled");
        assert_eq!(meaning(Signal::USR2, &settings), Meaning::Forward);
        assert_eq!(meaning(Signal::HUP, &settings), Meaning::Apply);
    }
}
