//! Durations as people write them: `5s`, `1m30s`, `200ms`, `1.5s`, `0`.

use std::time::Duration;

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
/// Longer ones are surely a mistake, and timers need room to add.
const MAX_MILLIS: u64 = 365 * 86_400_000;

/// Reads a duration: numbers with a unit (`ms`, `s`, `m`, `h`, `d`), one after another, or a bare `0`.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let compact: String = text.chars().filter(|c| *c != ' ').collect();
    if compact.is_empty() {
        return Err("a duration is empty; write for example \"5s\"".to_owned());
    }
    if compact == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = compact.as_str();
    let mut millis = 0f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let number: f64 = number
            .parse()
            .map_err(|_| format!("`{text}` is no duration; write for example \"5s\" or \"1m30s\""))?;
        if unit.is_empty() {
            return Err(format!("`{text}` has no unit; write for example \"{text}s\""));
        }
        let (_, factor) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(|| format!("`{unit}` is no unit of time; the units are ms, s, m, h, d"))?;
        #[allow(clippy::cast_precision_loss)]
        let factor = *factor as f64;
        millis += number * factor;
        rest = tail;
    }
    #[allow(clippy::cast_precision_loss)]
    if millis > MAX_MILLIS as f64 {
        return Err(format!("`{text}` is longer than a year"));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(Duration::from_millis(millis.round() as u64))
}

/// Writes a duration so that [`parse_duration`] reads it back: `1m30s`, `200ms`, `1.5s`.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis == 0 {
        return "0".to_owned();
    }
    if millis < 1_000 {
        return format!("{millis}ms");
    }
    if millis < 60_000 && !millis.is_multiple_of(1_000) {
        let text = format!("{}.{:03}", millis / 1_000, millis % 1_000);
        return format!("{}s", text.trim_end_matches('0'));
    }
    let mut rest = millis;
    let mut text = String::new();
    for (unit, factor) in UNITS.iter().rev() {
        let factor = u128::from(*factor);
        if rest >= factor {
            text += &format!("{}{unit}", rest / factor);
            rest %= factor;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("5s", 5_000),
            ("1m30s", 90_000),
            ("200ms", 200),
            ("1.5s", 1_500),
            ("0", 0),
            ("1h 5m", 3_900_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "5 parsecs", "-1s", "1..5s", "400d", "ever"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for millis in [0, 1, 999, 1_000, 1_500, 1_050, 59_999, 60_000, 90_000, 61_001, 3_600_000, 90_061_000]
        {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse_duration(&format_duration(duration)), Ok(duration), "{millis}");
        }
    }
}
