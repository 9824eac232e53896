//! Values as systemd writes them: time spans (systemd.time(7)), sizes, booleans.

use std::time::Duration;

const UNITS: &[(&str, u64)] = &[
    ("us", 1),
    ("usec", 1),
    ("µs", 1),
    ("ms", 1_000),
    ("msec", 1_000),
    ("s", 1_000_000),
    ("sec", 1_000_000),
    ("second", 1_000_000),
    ("seconds", 1_000_000),
    ("m", 60_000_000),
    ("min", 60_000_000),
    ("minute", 60_000_000),
    ("minutes", 60_000_000),
    ("h", 3_600_000_000),
    ("hr", 3_600_000_000),
    ("hour", 3_600_000_000),
    ("hours", 3_600_000_000),
    ("d", 86_400_000_000),
    ("day", 86_400_000_000),
    ("days", 86_400_000_000),
    ("w", 604_800_000_000),
    ("week", 604_800_000_000),
    ("weeks", 604_800_000_000),
];

/// A time span, `None` for one without an end. Without a unit it counts in seconds.
///
/// # Errors
/// It is none.
pub fn span(text: &str) -> Result<Option<Duration>, String> {
    if text == "infinity" {
        return Ok(None);
    }
    let bad = || format!("`{text}` is no time span");
    let mut total = 0u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let number: f64 = number.parse().map_err(|_| bad())?;
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let scale = match unit {
            "" => 1_000_000,
            unit => UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?.1,
        };
        let microseconds = number * scale as f64;
        if !(0.0..1e15).contains(&microseconds) {
            return Err(bad());
        }
        total = total.saturating_add(microseconds as u64);
        rest = after.trim_start();
    }
    Ok(Some(Duration::from_micros(total)))
}

/// A size in foster's units, which are called otherwise; `unlimited` for `infinity`.
///
/// # Errors
/// It is none, or a share.
pub fn size(text: &str) -> Result<String, String> {
    if text == "infinity" {
        return Ok("unlimited".to_owned());
    }
    if text.ends_with('%') {
        return Err("a share of all memory is not known before it runs: write a size".to_owned());
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim_end();
    let fine = !digits.is_empty() && digits.len() < 16 && digits.bytes().all(|b| b.is_ascii_digit());
    let unit = match text.get(digits.len()..).unwrap_or_default().trim() {
        "" | "B" => "",
        "K" => "KiB",
        "M" => "MiB",
        "G" => "GiB",
        "T" => "TiB",
        _ => return Err(format!("`{text}` is no size")),
    };
    if fine { Ok(format!("{digits}{unit}")) } else { Err(format!("`{text}` is no size")) }
}

/// A boolean.
///
/// # Errors
/// It is none.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Ok(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Ok(false),
        _ => Err(format!("`{text}` is neither yes nor no")),
    }
}

/// A resource limit: what of `LimitNOFILE=1024:65536` stands behind the `=`, in foster's units.
///
/// # Errors
/// It is none.
pub fn limit(resource: &str, text: &str) -> Result<String, String> {
    let bytes = ["as", "core", "data", "fsize", "memlock", "msgqueue", "rss", "stack"].contains(&resource);
    let one = |text: &str| {
        let text = text.trim();
        match (text, resource) {
            ("infinity", _) => Ok("unlimited".to_owned()),
            (text, _) if bytes => size(text),
            (text, "cpu" | "rttime") if !text.bytes().all(|b| b.is_ascii_digit()) => {
                let span = span(text)?.unwrap_or_default();
                Ok(if resource == "cpu" { span.as_secs().to_string() } else { span.as_micros().to_string() })
            }
            (text, "nice") if text.starts_with(['+', '-']) => {
                let nice: i64 = text.parse().map_err(|_| format!("`{text}` is no nice value"))?;
                Ok((20 - nice.clamp(-20, 19)).to_string())
            }
            (text, _) if !text.is_empty() && text.len() < 20 && text.bytes().all(|b| b.is_ascii_digit()) => {
                Ok(text.to_owned())
            }
            _ => Err(format!("`{text}` is no limit")),
        }
    };
    match text.split_once(':') {
        Some((soft, hard)) => Ok(format!("{}:{}", one(soft)?, one(hard)?)),
        None => one(text),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn spans_sizes_and_limits_are_read() {
        let ms = |text| span(text).unwrap().map(|span| span.as_millis());
        assert_eq!(ms("5"), Some(5000));
        assert_eq!(ms("1min 30s"), Some(90_000));
        assert_eq!(ms("1.5h"), Some(5_400_000));
        assert_eq!(ms("100ms"), Some(100));
        assert_eq!(ms("infinity"), None);
        assert!(span("soon").is_err() && span("").is_err() && span("5 x").is_err());
        assert_eq!(size("2G").unwrap(), "2GiB");
        assert!(size("50%").is_err() && size("G").is_err());
        assert_eq!(limit("nofile", "1024:65536").unwrap(), "1024:65536");
        assert_eq!(limit("core", "infinity").unwrap(), "unlimited");
        assert_eq!(limit("nice", "-5").unwrap(), "25");
    }
}
