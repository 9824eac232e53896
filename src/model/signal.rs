//! Signals by the numbers and names of Linux, independent of any libc.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A Linux signal number, 1 to 64.
///
/// Real-time signals are counted from 34, as the kernel, systemd and the container runtimes do, whatever libc reserves:
/// `SIGRTMIN+3` is 37 in glibc and musl alike (signal(7)).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct Signal(u8);

/// First real-time signal that glibc leaves to programs.
const RTMIN: u8 = 34;
/// Last real-time signal.
const RTMAX: u8 = 64;

/// Numbers of x86, arm and most others; MIPS, SPARC and Alpha, where they differ, are not supported.
const NAMES: [(&str, u8); 33] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
];

#[allow(missing_docs)]
impl Signal {
    pub const HUP: Self = Self(1);
    pub const INT: Self = Self(2);
    pub const QUIT: Self = Self(3);
    pub const ABRT: Self = Self(6);
    pub const KILL: Self = Self(9);
    pub const USR1: Self = Self(10);
    pub const USR2: Self = Self(12);
    pub const PIPE: Self = Self(13);
    pub const TERM: Self = Self(15);
    pub const CHLD: Self = Self(17);
    pub const CONT: Self = Self(18);
    pub const STOP: Self = Self(19);
    pub const TTIN: Self = Self(21);
    pub const TTOU: Self = Self(22);
    pub const WINCH: Self = Self(28);
    pub const PWR: Self = Self(30);
    /// `SIGRTMIN+3`: "halt" by systemd's convention.
    pub const RTMIN_3: Self = Self(37);
}

impl Signal {
    /// The signal with this number, if there is one.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        u8::try_from(number).ok().filter(|n| (1..=RTMAX).contains(n)).map(Self)
    }

    /// Its number, as kill(2) takes it.
    #[must_use]
    pub fn number(self) -> i32 {
        i32::from(self.0)
    }

    /// Every name that [`Signal::from_str`] takes, without `SIG`, real-time ones left out: for suggestions.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }
}

impl From<Signal> for i32 {
    fn from(signal: Signal) -> Self {
        signal.number()
    }
}

impl TryFrom<i32> for Signal {
    type Error = ParseSignalError;

    fn try_from(number: i32) -> Result<Self, Self::Error> {
        Self::from_number(number).ok_or_else(|| ParseSignalError(number.to_string()))
    }
}

/// `SIGTERM`, `SIGRTMIN+3`, or the number where a signal has no name.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, n)| *n == self.0) {
            Some((name, _)) => write!(f, "SIG{name}"),
            None if self.0 == RTMIN => f.write_str("SIGRTMIN"),
            None if self.0 > RTMIN => write!(f, "SIGRTMIN+{}", self.0 - RTMIN),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseSignalError(String);

impl fmt::Display for ParseSignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no signal", self.0)
    }
}

impl std::error::Error for ParseSignalError {}

/// `SIGTERM`, `TERM`, `term`, `15`, `SIGRTMIN`, `RTMIN+3`, `RTMAX-1`.
impl FromStr for Signal {
    type Err = ParseSignalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseSignalError(text.to_owned());
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().and_then(Self::from_number).ok_or_else(error);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some((_, number)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(Self(*number));
        }
        let offset = |rest: &str, sign: char| match rest {
            "" => Some(0),
            _ => rest.strip_prefix(sign).and_then(|n| n.parse::<u8>().ok()),
        };
        let number = if let Some(rest) = name.strip_prefix("RTMIN") {
            offset(rest, '+').and_then(|n| RTMIN.checked_add(n))
        } else if let Some(rest) = name.strip_prefix("RTMAX") {
            offset(rest, '-').and_then(|n| RTMAX.checked_sub(n))
        } else {
            None
        };
        number.filter(|n| (RTMIN..=RTMAX).contains(n)).map(Self).ok_or_else(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_real_time_signals_are_understood() {
        for (text, number) in
            [("SIGTERM", 15), ("term", 15), ("9", 9), ("SIGRTMIN+3", 37), ("RTMAX-1", 63), ("IOT", 6)]
        {
            assert_eq!(text.parse::<Signal>().map(Signal::number), Ok(number), "{text}");
        }
        for text in ["", "0", "65", "SIGNOPE", "RTMIN+31", "RTMAX+1", "-1"] {
            assert!(text.parse::<Signal>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_signal_prints_as_text_that_parses_back() {
        for signal in (1..=64).filter_map(Signal::from_number).filter(|s| !matches!(s.number(), 32 | 33)) {
            assert_eq!(signal.to_string().parse(), Ok(signal));
        }
    }
}
