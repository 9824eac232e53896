//! What the supervisor itself says, among the lines of the services.

use super::Output;
use crate::log::Stream;
use crate::model::LogLevel;
use std::time::SystemTime;

impl Output {
    /// Says a line, or several, in the supervisor's own name, in order with what services wrote and tracing said.
    pub fn say(&mut self, level: LogLevel, text: &[u8]) {
        self.own.push(level, text);
        self.take_own();
    }

    /// How much of what the supervisor itself has to say is said from now on.
    pub fn set_log_level(&self, level: LogLevel) {
        self.own.set_level(level);
    }

    /// How much that is now.
    #[must_use]
    pub fn log_level(&self) -> LogLevel {
        self.own.level()
    }

    /// The supervisor's own lines go to standard error, if it has room; else they wait where they are.
    pub(super) fn take_own(&mut self) {
        let at = self.outlets.console(Stream::Err);
        if self.own.is_empty() || self.outlets.get(at).is_none_or(|slot| slot.outlet.is_full()) {
            return;
        }
        if self.own_format.needs_time() {
            self.time.set(SystemTime::now());
        }
        let Self { own, own_format, time, outlets, .. } = self;
        outlets.put_own(at, |coloured, to| {
            own.take(|level, line| own_format.append_own(line, level, time, coloured, to));
        });
    }
}
