//! What a service says of itself: one datagram of sd_notify(3), read.
//!
//! Lines of `KEY=value`, of which the first of each key counts; unknown keys are ignored, as the protocol wants it. A value
//! that means nothing is as good as none.

use std::fmt;

/// A datagram is not longer than this.
pub const LONGEST_NOTIFICATION: usize = 4096;
/// What is kept of a status text, in bytes.
const LONGEST_STATUS: usize = 1024;
/// Bytes of the name of a descriptor that is left in care.
const LONGEST_NAME: usize = 255;

/// What one datagram says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notification {
    /// `READY=1`.
    pub ready: bool,
    /// `RELOADING=1`.
    pub reloading: bool,
    /// `MONOTONIC_USEC`: when that began, in microseconds of CLOCK_MONOTONIC.
    pub monotonic: Option<u64>,
    /// `STOPPING=1`.
    pub stopping: bool,
    /// `STATUS`: one line that can be shown as it is; empty clears it.
    pub status: Option<String>,
    /// `MAINPID`; never 1 or less.
    pub main: Option<i32>,
    /// `WATCHDOG`.
    pub watchdog: Option<Watchdog>,
    /// `WATCHDOG_USEC`, in milliseconds, rounded up; 0: no watchdog.
    pub watch: Option<u64>,
    /// `EXTEND_TIMEOUT_USEC`, in milliseconds, rounded up; never 0.
    pub extend: Option<u64>,
    /// What becomes of the descriptors that came with it.
    pub store: Option<Store>,
    /// `BARRIER=1`: the descriptor that came with it is closed when all that was said before has been dealt with.
    pub barrier: bool,
}

/// `WATCHDOG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watchdog {
    /// `1`: it is alive.
    Alive,
    /// `trigger`: it does not work any more.
    Hung,
}

/// What is to be done with descriptors in care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// `FDSTORE=1`: keep those that came with it.
    Keep {
        /// `FDNAME`.
        name: String,
        /// Unless `FDPOLL=0`: drop them when their other side has gone.
        poll: bool,
    },
    /// `FDSTOREREMOVE=1`: drop all of this `FDNAME`.
    Drop(String),
}

/// Why a datagram counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// Nothing is in it.
    Empty,
    /// Longer than [`LONGEST_NOTIFICATION`].
    TooLong,
    /// A NUL byte before its end.
    Nul,
    /// `BARRIER=1` beside something else, or without exactly one descriptor.
    Barrier,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::TooLong => "it is longer than 4096 bytes",
            Self::Nul => "it has a NUL byte in it",
            Self::Barrier => "BARRIER=1 stands alone, with one descriptor",
        })
    }
}

impl Notification {
    /// Reads a datagram that came with so many descriptors.
    ///
    /// # Errors
    /// It counts for nothing.
    pub fn parse(datagram: &[u8], descriptors: usize) -> Result<Self, Malformed> {
        if datagram.len() > LONGEST_NOTIFICATION {
            return Err(Malformed::TooLong);
        }
        let text = datagram.strip_suffix(&[0]).unwrap_or(datagram);
        if text.contains(&0) {
            return Err(Malformed::Nul);
        }
        if text.iter().all(|byte| *byte == b'\n') {
            return Err(Malformed::Empty);
        }
        let value = |key: &str| {
            let values =
                text.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(key.as_bytes()));
            values.filter_map(|rest| rest.strip_prefix(b"=")).next()
        };
        let says = |key: &str| value(key) == Some(b"1");
        let number = |key: &str| value(key).and_then(decimal);
        let barrier = says("BARRIER");
        if barrier {
            let alone = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() == 1;
            return match (alone, descriptors) {
                (true, 1) => Ok(Self { barrier, ..Self::default() }),
                _ => Err(Malformed::Barrier),
            };
        }
        let stopping = says("STOPPING");
        Ok(Self {
            // What stops is neither ready nor reloading.
            ready: says("READY") && !stopping,
            reloading: says("RELOADING") && !stopping,
            monotonic: number("MONOTONIC_USEC"),
            stopping,
            status: value("STATUS").and_then(|text| std::str::from_utf8(text).ok()).map(status),
            main: number("MAINPID").and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 1),
            watchdog: match value("WATCHDOG") {
                Some(b"1") => Some(Watchdog::Alive),
                Some(b"trigger") => Some(Watchdog::Hung),
                _ => None,
            },
            // What never ends is no watchdog.
            watch: number("WATCHDOG_USEC").map(|time| if time == u64::MAX { 0 } else { time.div_ceil(1000) }),
            extend: number("EXTEND_TIMEOUT_USEC")
                .filter(|time| !matches!(*time, 0 | u64::MAX))
                .map(|time| time.div_ceil(1000)),
            store: store(says("FDSTORE"), says("FDSTOREREMOVE"), value("FDNAME"), value("FDPOLL")),
            barrier: false,
        })
    }

    /// Whether it says nothing that anybody acts upon.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        *self == Self { monotonic: self.monotonic, ..Self::default() }
    }
}

/// Digits and nothing else, without an overflow.
fn decimal(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

/// The beginning of a status, fit for a terminal.
fn status(text: &str) -> String {
    let mut shown = String::new();
    for c in text.trim().chars() {
        let before = shown.len();
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
        if shown.len() > LONGEST_STATUS {
            shown.truncate(before);
            break;
        }
    }
    shown
}

fn store(keep: bool, drop: bool, name: Option<&[u8]>, poll: Option<&[u8]>) -> Option<Store> {
    let fits = |name: &&[u8]| {
        name.len() <= LONGEST_NAME && name.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b':')
    };
    let name = name.filter(fits).and_then(|name| std::str::from_utf8(name).ok());
    match (drop, keep, name) {
        (true, _, Some(name)) => Some(Store::Drop(name.to_owned())),
        (false, true, name) => {
            let name = name.filter(|name| !name.is_empty()).unwrap_or("stored").to_owned();
            Some(Store::Keep { name, poll: poll != Some(b"0") })
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Notification {
        Notification::parse(text.as_bytes(), 0).unwrap()
    }

    #[test]
    fn all_that_can_be_said_is_read() {
        let said = parse(
            "READY=1\nSTATUS=serving 3 requests\nMAINPID=42\nWATCHDOG=1\nWATCHDOG_USEC=1500\nEXTEND_TIMEOUT_USEC=2000001\n",
        );
        let expected = Notification {
            ready: true,
            status: Some("serving 3 requests".to_owned()),
            main: Some(42),
            watchdog: Some(Watchdog::Alive),
            watch: Some(2),
            extend: Some(2001),
            ..Notification::default()
        };
        assert_eq!(said, expected);
        let reload = parse("RELOADING=1\nMONOTONIC_USEC=77");
        assert!(reload.reloading && reload.monotonic == Some(77));
        assert_eq!(parse("WATCHDOG=trigger").watchdog, Some(Watchdog::Hung));
    }

    #[test]
    fn the_first_of_a_key_counts_and_unknown_keys_do_not_matter() {
        let said = parse("X_NEW=5\nREADYNESS=1\nSTATUS=a\nSTATUS=b\nMAINPID=x\nMAINPID=7\nnonsense\n=\n");
        assert_eq!(said.status.as_deref(), Some("a"));
        assert_eq!((said.main, said.ready), (None, false));
        assert!(parse("READY=0\nREADY=1\nERRNO=2\nMONOTONIC_USEC=1").is_idle());
    }

    #[test]
    fn what_stops_is_neither_ready_nor_reloading() {
        let said = parse("RELOADING=1\nREADY=1\nSTOPPING=1");
        assert!(said.stopping && !said.ready && !said.reloading);
        let through = parse("RELOADING=1\nREADY=1");
        assert!(through.ready && through.reloading, "a reload that is through at once");
    }

    #[test]
    fn numbers_that_mean_nothing_are_ignored() {
        for number in ["", "-1", "+1", " 1", "1x", "18446744073709551616", "0x10"] {
            let said = parse(&format!(
                "A=1\nMAINPID={number}\nWATCHDOG_USEC={number}\nEXTEND_TIMEOUT_USEC={number}"
            ));
            assert!(said.is_idle(), "{number:?}");
        }
        assert!(parse("EXTEND_TIMEOUT_USEC=0").is_idle());
        assert!(parse("EXTEND_TIMEOUT_USEC=18446744073709551615").is_idle(), "infinity");
        assert_eq!(parse("WATCHDOG_USEC=0").watch, Some(0), "no watchdog any more");
        for pid in ["0", "1", "2147483648"] {
            assert!(parse(&format!("MAINPID={pid}")).is_idle(), "{pid}");
        }
    }

    #[test]
    fn a_status_is_one_line_that_can_be_shown() {
        assert_eq!(parse("STATUS=a\x1b[31m\tb").status.as_deref(), Some("a\\u{1b}[31m\\tb"));
        assert_eq!(parse("STATUS=").status.as_deref(), Some(""), "it is cleared");
        assert_eq!(Notification::parse(b"STATUS=\xff", 0).unwrap().status, None, "it is no text");
        let long = parse(&format!("STATUS={}", "ä".repeat(2000))).status.unwrap();
        assert_eq!(long.len(), LONGEST_STATUS);
    }

    #[test]
    fn what_counts_for_nothing_is_told_apart() {
        let refused = |bytes: &[u8]| Notification::parse(bytes, 0).unwrap_err();
        assert_eq!(refused(b""), Malformed::Empty);
        assert_eq!(refused(b"\n\0"), Malformed::Empty);
        assert_eq!(refused(&[b'A'; LONGEST_NOTIFICATION + 1]), Malformed::TooLong);
        assert_eq!(refused(b"READY=1\0\n"), Malformed::Nul);
        assert_eq!(refused(b"READY=1\0\0"), Malformed::Nul);
        assert!(Notification::parse(b"READY=1\0", 0).unwrap().ready, "one at the end is C's");
        assert!(Notification::parse(&[b'A'; LONGEST_NOTIFICATION], 0).is_ok());
    }

    #[test]
    fn a_barrier_stands_alone_with_one_descriptor() {
        assert!(Notification::parse(b"BARRIER=1\n", 1).unwrap().barrier);
        for (text, descriptors) in [("BARRIER=1", 0), ("BARRIER=1", 2), ("BARRIER=1\nREADY=1", 1)] {
            assert_eq!(Notification::parse(text.as_bytes(), descriptors), Err(Malformed::Barrier), "{text}");
        }
    }

    #[test]
    fn descriptors_are_left_in_care_by_name() {
        let keep = |name: &str, poll| Some(Store::Keep { name: name.to_owned(), poll });
        assert_eq!(parse("FDSTORE=1").store, keep("stored", true));
        assert_eq!(parse("FDSTORE=1\nFDNAME=db\nFDPOLL=0").store, keep("db", false));
        assert_eq!(parse("FDSTORE=1\nFDNAME=a:b").store, keep("stored", true), "a name has no colon");
        assert_eq!(parse("FDSTOREREMOVE=1\nFDNAME=db").store, Some(Store::Drop("db".to_owned())));
        assert_eq!(parse("FDSTOREREMOVE=1").store, None, "nobody is named");
        assert_eq!(parse(&format!("FDSTOREREMOVE=1\nFDNAME={}", "x".repeat(256))).store, None);
    }
}
