//! Time zones, by name or as the container has it. Read as any other file in PID 1: bounded, and without a wait.

use super::TimeZone;
use crate::sys::read_bounded;
use std::path::Path;

/// Where time zone data is; the first that has the name counts.
const DIRECTORIES: [&str; 3] = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/etc/zoneinfo"];
/// The zone of the container, unless TZ says otherwise.
const LOCAL: &str = "/etc/localtime";
/// The largest file of time zone data has 4 KiB.
const LONGEST: usize = 64 << 10;

/// The zone of this name: `UTC`, an IANA name as in `Europe/Berlin`, or rules as in `CET-1CEST,M3.5.0,M10.5.0/3`, which
/// need no time zone data; see tzset(3).
///
/// # Errors
/// There is no such zone, or no data about it: why, for people.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    if ["UTC", "Etc/UTC", "GMT"].contains(&name) {
        return Ok(TimeZone::UTC);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+-/.".contains(c);
    if !name.starts_with('/') && !name.contains("..") && name.chars().all(plain) {
        for directory in DIRECTORIES {
            if let Ok(data) = read_bounded(Path::new(directory).join(name), LONGEST) {
                return TimeZone::tzif(name, &data)
                    .map_err(|_| format!("the data about `{name}` in {directory} is damaged"));
            }
        }
    }
    if let Ok(zone) = TimeZone::posix(name) {
        return Ok(zone);
    }
    match DIRECTORIES.iter().any(|directory| Path::new(directory).is_dir()) {
        true => Err(format!("there is no time zone `{name}`")),
        false => Err(format!("there is no time zone data for `{name}`: install the package tzdata")),
    }
}

/// The zone of the container: what its variable `TZ` names, else /etc/localtime, else UTC. See tzset(3).
///
/// # Errors
/// `TZ` names one that is not there; then other programs take UTC.
pub fn local_zone(variable: Option<&str>) -> Result<TimeZone, String> {
    match variable.map(|name| name.strip_prefix(':').unwrap_or(name)) {
        None => Ok(file(LOCAL).unwrap_or(TimeZone::UTC)),
        Some("") => Ok(TimeZone::UTC),
        Some(path) if path.starts_with('/') => file(path),
        Some(name) => zone(name),
    }
}

fn file(path: &str) -> Result<TimeZone, String> {
    let data = read_bounded(path, LONGEST).map_err(|error| format!("cannot read {path}: {error}"))?;
    TimeZone::tzif(path, &data).map_err(|_| format!("{path} is no time zone data"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn hours(zone: &TimeZone) -> i32 {
        zone.to_offset(Timestamp::from_second(1_767_225_600).unwrap()).seconds() / 3600
    }

    #[test]
    fn a_zone_is_found_by_name_or_is_given_by_its_rules() {
        assert_eq!(hours(&zone("UTC").unwrap()), 0);
        assert_eq!(hours(&zone("Europe/Berlin").unwrap()), 1);
        assert_eq!(hours(&zone("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()), 1);
        assert_eq!(hours(&zone("<-03>3").unwrap()), -3);
    }

    #[test]
    fn what_is_no_zone_is_not_searched_for_elsewhere() {
        assert_eq!(zone("Europe/Berlon").unwrap_err(), "there is no time zone `Europe/Berlon`");
        for name in ["../../../etc/passwd", "/etc/localtime", "", "Europe", "a\0b", "tzdata.zi"] {
            assert!(zone(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn the_container_has_a_zone_by_its_variable() {
        assert_eq!(hours(&local_zone(Some("Europe/Berlin")).unwrap()), 1);
        assert_eq!(hours(&local_zone(Some(":America/New_York")).unwrap()), -5);
        assert_eq!(hours(&local_zone(Some("/usr/share/zoneinfo/Asia/Tokyo")).unwrap()), 9);
        assert_eq!(hours(&local_zone(Some("")).unwrap()), 0);
        assert!(local_zone(Some("/dev/zero")).is_err() && local_zone(Some("Mars/Phobos")).is_err());
        assert!(local_zone(None).is_ok());
    }
}
