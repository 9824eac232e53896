//! The time of a line, as text.

use jiff::Timestamp;
use std::io::Write;
use std::time::SystemTime;

/// `2026-01-02T03:04:05.678Z` and a space.
const LENGTH: usize = 25;

/// A time of the clock to the millisecond, in UTC, as RFC 3339 has it; made once for all lines that came together.
#[derive(Clone, Debug)]
pub struct TimeText {
    millis: i64,
    text: [u8; LENGTH],
}

impl Default for TimeText {
    fn default() -> Self {
        Self { millis: 0, text: *b"1970-01-01T00:00:00.000Z " }
    }
}

impl TimeText {
    /// Is this time from now on. What is not of our four-digit years changes nothing.
    pub fn set(&mut self, time: SystemTime) {
        let Ok(time) = Timestamp::try_from(time) else { return };
        if std::mem::replace(&mut self.millis, time.as_millisecond()) == time.as_millisecond() {
            return;
        }
        let mut text = [b' '; LENGTH];
        if write!(&mut text[..LENGTH - 1], "{time:.3}").is_ok() && text[LENGTH - 2] == b'Z' {
            self.text = text;
        }
    }

    /// Without the space.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..LENGTH - 1]
    }

    /// With a space behind it.
    #[must_use]
    pub fn before_line(&self) -> &[u8] {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn it_has_one_length() {
        let mut time = TimeText::default();
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_767_323_045_678, "2026-01-02T03:04:05.678Z"),
            (1_767_323_046_000, "2026-01-02T03:04:06.000Z"),
            // The year 10,000.
            (253_402_300_800_000, "2026-01-02T03:04:06.000Z"),
        ] {
            time.set(UNIX_EPOCH + Duration::from_millis(millis));
            assert_eq!(str::from_utf8(time.as_bytes()).unwrap(), text);
        }
    }
}
