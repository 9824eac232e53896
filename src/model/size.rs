//! Sizes as people write them: `512`, `64KiB`, `10MB`, `1GiB`.

/// A size is written with the first one that divides it.
const UNITS: [(&str, u64); 14] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
    ("KB", 1_000),
    ("T", 1 << 40),
    ("G", 1 << 30),
    ("M", 1 << 20),
    ("K", 1 << 10),
];

/// Reads a size in bytes: a number, and a unit unless bytes are meant. kB, MB, GB and TB are powers of 1000; KiB, MiB, GiB
/// and TiB, or K, M, G and T, are powers of 1024.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    if number.is_empty() || unit.starts_with(['.', ',']) {
        return Err(format!("`{text}` is no size; write a whole number and a unit, such as \"10MB\""));
    }
    let unit = if unit.is_empty() { "B" } else { unit };
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| {
        format!("`{unit}` is no unit of size; the units are B, kB, MB, GB, TB and KiB, MiB, GiB, TiB")
    })?;
    // Digits alone, so it can only be too large.
    let size = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
    size.ok_or_else(|| format!("`{text}` is too large"))
}

/// Writes a size so that [`parse_size`] reads it back: `64KiB`, `10MB`, `1536B`.
#[must_use]
pub fn format_size(size: u64) -> String {
    let fits = |(_, factor): &&(&str, u64)| size.is_multiple_of(*factor) && size >= *factor;
    match UNITS.iter().find(fits) {
        Some((unit, factor)) => format!("{}{unit}", size / factor),
        None => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, size) in [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("64KiB", 65_536),
            ("64K", 65_536),
            ("10MB", 10_000_000),
            ("10 kB", 10_000),
            ("1GiB", 1 << 30),
            ("2TB", 2_000_000_000_000),
        ] {
            assert_eq!(parse_size(text), Ok(size), "{text}");
        }
        for text in ["", "MB", "-1", "1.5MB", "10mb", "1x", "99999999TiB", "99999999999999999999"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (size, text) in [(0, "0"), (1, "1B"), (1536, "1536B"), (65_536, "64KiB"), (10_000_000, "10MB")] {
            assert_eq!(format_size(size), text);
            assert_eq!(parse_size(text), Ok(size));
        }
        for size in [999, 1_000, 1_024, 1_000_000, 3 << 20, 5 << 40, u64::MAX] {
            assert_eq!(parse_size(&format_size(size)), Ok(size));
        }
    }
}
