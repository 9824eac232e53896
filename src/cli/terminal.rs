//! What a verb prints, and how that depends on whether somebody looks at it.

use jiff::Timestamp;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

pub(super) const BOLD: &str = "\x1b[1m";
pub(super) const DIM: &str = "\x1b[2m";
pub(super) const RED: &str = "\x1b[31m";
pub(super) const GREEN: &str = "\x1b[32m";
pub(super) const YELLOW: &str = "\x1b[33m";
const RESET: &str = "\x1b[0m";

/// Whether to colour what goes there.
pub(super) fn colours(stream: &impl IsTerminal) -> bool {
    crate::log::colour_wanted(stream.is_terminal(), |name| std::env::var_os(name))
}

/// Text in a colour, or as it is.
pub(super) fn paint(text: &str, colour: &str, wanted: bool) -> String {
    if wanted && !colour.is_empty() { format!("{colour}{text}{RESET}") } else { text.to_owned() }
}

/// The colour of a state: red for what needs somebody, yellow for what is on its way, green for what is well.
pub(super) fn state_colour(state: &str) -> &'static str {
    match state {
        "ready" | "done" => GREEN,
        "failed" | "blocked" => RED,
        "waiting" | "starting" | "stopping" | "backoff" => YELLOW,
        _ => DIM,
    }
}

/// Columns of the terminal that stdout is; `None` when it is none.
pub(super) fn width() -> Option<usize> {
    size().map(|(columns, _)| columns)
}

/// Columns and rows of the terminal that stdout is.
pub(super) fn size() -> Option<(usize, usize)> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    match terminal_size::terminal_size_of(stdout) {
        Some((columns, rows)) if columns.0 > 0 && rows.0 > 0 => Some((columns.0.into(), rows.0.into())),
        _ => Some((80, 24)),
    }
}

/// Whether more than ASCII can be shown: the locale says UTF-8, and stdout is a terminal.
pub(super) fn unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_default()
        .to_ascii_lowercase();
    io::stdout().is_terminal() && (locale.contains("utf-8") || locale.contains("utf8"))
}

/// Writes to stdout, all of it now.
///
/// # Errors
/// As write(2); `BrokenPipe` when the reader has gone.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Says something beside the answer. Where nobody can read it, the exit code still tells.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "foster: {text}");
}

/// How long ago a time of the API was, as `5m12s`; `?` if it cannot be read.
pub(super) fn ago(time: &str, now: Timestamp) -> String {
    let Ok(then) = time.parse::<Timestamp>() else { return "?".to_owned() };
    let seconds = now.duration_since(then).as_secs().max(0);
    coarse(Duration::from_secs(seconds.unsigned_abs()))
}

/// How long it is until a time of the API; `?` if it cannot be read.
pub(super) fn ahead(time: &str, now: Timestamp) -> String {
    let Ok(then) = time.parse::<Timestamp>() else { return "?".to_owned() };
    // A time that has come while the answer was on its way is now.
    let seconds = then.duration_since(now).as_secs().max(0);
    coarse(Duration::from_secs(seconds.unsigned_abs()))
}

/// The two largest units of a duration: `5m12s`, `2d3h`.
fn coarse(duration: Duration) -> String {
    let total = duration.as_secs();
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let first = units.iter().position(|(_, length)| total >= *length).unwrap_or(units.len() - 1);
    let mut rest = total;
    let mut text = String::new();
    for (unit, length) in units.iter().skip(first).take(2) {
        if rest >= *length || text.is_empty() {
            text += &format!("{}{unit}", rest / length);
        }
        rest %= length;
    }
    text
}

/// The time of day of a time of the API, in UTC: `12:03:04.123`. As it is if it cannot be read.
pub(super) fn time_of_day(time: &str) -> &str {
    time.split_once('T').map_or(time, |(_, clock)| clock.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (312, "5m12s"),
            (3_600, "1h"),
            (3_661, "1h1m"),
            (86_399, "23h59m"),
            (90_000, "1d1h"),
            (86_400 * 400 + 59, "400d"),
        ] {
            assert_eq!(coarse(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_time_of_the_api_becomes_an_age_and_a_time_of_day() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(ago("2026-01-02T03:03:00.500Z", now), "1m4s");
        assert_eq!(ago("2026-01-02T03:04:06.000Z", now), "0s", "a clock that was set back");
        assert_eq!(ago("yesterday", now), "?");
        assert_eq!(ahead("2026-01-02T04:04:05.000Z", now), "1h");
        assert_eq!(ahead("2026-01-02T03:03:00.000Z", now), "0s");
        assert_eq!(time_of_day("2026-01-02T03:03:00.500Z"), "03:03:00.500");
    }
}
