//! Calendar events of systemd.time(7) as cron expressions.

use crate::time::{Cron, TimeZone};

const NAMES: &[(&str, &str)] = &[
    ("minutely", "* * * * *"),
    ("hourly", "@hourly"),
    ("daily", "@daily"),
    ("weekly", "0 0 * * mon"),
    ("monthly", "@monthly"),
    ("quarterly", "0 0 1 1,4,7,10 *"),
    ("semiannually", "0 0 1 1,7 *"),
    ("yearly", "@yearly"),
    ("annually", "@yearly"),
];
/// What `cron` has names for.
const NICKNAMES: &[(&str, &str)] =
    &[("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@monthly", "0 0 1 * *"), ("@yearly", "0 0 1 1 *")];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The cron expression, and the time zone.
///
/// # Errors
/// It cannot be said so; or it is none.
pub fn cron(event: &str) -> Result<(String, Option<String>), String> {
    let mut words: Vec<&str> = event.split_whitespace().collect();
    let is_zone = |word: &str| {
        word == "UTC" || (word.contains('/') && word.starts_with(|c: char| c.is_ascii_uppercase()))
    };
    let zone = words.pop_if(|word| is_zone(word)).map(str::to_owned);
    if let [name] = words.as_slice()
        && let Some((_, cron)) = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
    {
        return Ok(((*cron).to_owned(), zone));
    }
    let bad = || format!("no cron expression says `{event}`: write `schedule.cron`");
    if words.is_empty() {
        return Err(bad());
    }
    let (mut weekdays, mut date, mut time) = (None, None, None);
    for word in words {
        let slot = match word {
            word if word.contains(':') => &mut time,
            word if word.starts_with(|c: char| c.is_ascii_alphabetic()) => &mut weekdays,
            _ => &mut date,
        };
        if slot.replace(word).is_some() {
            return Err(bad());
        }
    }
    let weekday = match weekdays {
        Some(text) => list(text, weekday).ok_or_else(bad)?,
        None => "*".to_owned(),
    };
    let (day, month) = match date {
        Some(date) => self::date(date).ok_or_else(bad)?,
        None => ("*".to_owned(), "*".to_owned()),
    };
    let mut parts = time.unwrap_or("00:00:00").split(':');
    let mut next = |top| parts.next().map(|part| list(part, |part| number(part, 0, top)));
    let (hour, minute, second) = (next(23), next(59), next(59));
    let (Some(Some(hour)), Some(Some(minute))) = (hour, minute) else { return Err(bad()) };
    let second = second.unwrap_or(Some("0".to_owned())).ok_or_else(bad)?;
    if parts.next().is_some() {
        return Err(bad());
    }
    // Both days have to fit.
    let both = if day != "*" && weekday != "*" { "+" } else { "" };
    let mut cron = format!("{minute} {hour} {day} {month} {both}{weekday}");
    if second != "0" {
        cron = format!("{second} {cron}");
    }
    Cron::new(&cron, TimeZone::UTC).map_err(|_| bad())?;
    Ok((cron, zone))
}

/// One expression for the times of two, which may differ in one field.
pub fn both(
    one: &(String, Option<String>),
    other: &(String, Option<String>),
) -> Option<(String, Option<String>)> {
    let fields = |cron: &str| -> Vec<String> {
        let known = NICKNAMES.iter().find(|(name, _)| *name == cron).map_or(cron, |(_, cron)| cron);
        known.split(' ').map(str::to_owned).collect()
    };
    let (mut all, others) = (fields(&one.0), fields(&other.0));
    if all.len() != others.len() || one.1 != other.1 {
        return None;
    }
    let mut different = all.iter_mut().zip(&others).filter(|(one, other)| one != other);
    if let Some((field, other)) = different.next() {
        // Lists of days of the week and of the month together mean something else.
        if different.next().is_some()
            || [field.as_str(), other].iter().any(|field| field.contains(['*', '+', 'L']))
        {
            return None;
        }
        field.push(',');
        field.push_str(other);
    }
    let cron = all.join(" ");
    Cron::new(&cron, TimeZone::UTC).ok().map(|_| (cron, one.1.clone()))
}

/// `*-01,07-01`: the day and the month of it.
fn date(text: &str) -> Option<(String, String)> {
    if let Some((left, day)) = text.split_once('~') {
        let month = left.strip_prefix("*-").unwrap_or(left);
        let is_last = matches!(day, "1" | "01");
        return is_last
            .then(|| list(month, |part| number(part, 1, 12)).map(|month| ("L".to_owned(), month)))?;
    }
    let parts: Vec<&str> = text.split('-').collect();
    let (month, day) = match parts.as_slice() {
        ["*", month, day] | [month, day] => (*month, *day),
        _ => return None,
    };
    Some((list(day, |part| number(part, 1, 31))?, list(month, |part| number(part, 1, 12))?))
}

/// A list of what `one` reads.
fn list(text: &str, one: impl Fn(&str) -> Option<String>) -> Option<String> {
    let parts: Option<Vec<String>> = text.split(',').filter(|part| !part.is_empty()).map(one).collect();
    parts.filter(|parts| !parts.is_empty()).map(|parts| parts.join(","))
}

/// `*`, `5`, `1..5`, `0/15` or `1..30/5` of numbers from `low` to `top`.
fn number(text: &str, low: u32, top: u32) -> Option<String> {
    let within = |text: &str| text.parse::<u32>().ok().filter(|number| (low..=top).contains(number));
    let (range, step) = match text.split_once('/') {
        Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
        None => (text, None),
    };
    let step_text = step.map(|step| format!("/{step}")).unwrap_or_default();
    if range == "*" {
        return Some(format!("*{step_text}"));
    }
    if let Some((first, last)) = range.split_once("..") {
        return Some(format!("{}-{}{step_text}", within(first)?, within(last)?));
    }
    let first = within(range)?;
    Some(match step {
        Some(_) if first == low => format!("*{step_text}"),
        Some(_) => format!("{first}-{top}{step_text}"),
        None => first.to_string(),
    })
}

/// `Mon`, `Monday` or `Mon..Fri`.
fn weekday(text: &str) -> Option<String> {
    let one = |name: &str| {
        let name = name.to_ascii_lowercase();
        let short = name.get(..3)?;
        let long = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        DAYS.iter().find(|day| **day == short && (name.len() == 3 || long.contains(&name.as_str()))).copied()
    };
    match text.split_once("..").or_else(|| text.split_once('-')) {
        None => one(text).map(str::to_owned),
        Some((first, last)) => {
            let place = |day: &str| DAYS.iter().position(|other| *other == day);
            let (first, last) = (one(first)?, one(last)?);
            let (from, to) = (place(first)?, place(last)?);
            // To cron a week begins with Sunday.
            match (from, to) {
                (from, 6) if from < 6 => Some(DAYS.get(from..)?.join(",")),
                (from, to) if from <= to => Some(format!("{first}-{last}")),
                (from, to) => Some([DAYS.get(from..)?, DAYS.get(..=to)?].concat().join(",")),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_cron_can_say_is_said_and_nothing_else() {
        for (event, expression) in [
            ("daily", "@daily"),
            ("weekly", "0 0 * * mon"),
            ("*-*-* 6,18:00", "0 6,18 * * *"),
            ("*:0/15", "*/15 * * * *"),
            ("*:5/15", "5-59/15 * * * *"),
            ("Mon..Fri 09:30", "30 9 * * mon-fri"),
            ("Sat,Sun *-*-* 01:02:03", "3 2 1 * * sat,sun"),
            ("Sat..Mon 00:00", "0 0 * * sat,sun,mon"),
            ("*-*-01..07 04:00", "0 4 1-7 * *"),
            ("Sun *-*-1..7 3:10", "10 3 1-7 * +sun"),
            ("*-01,07-01", "0 0 1 1,7 *"),
            ("*-*~01 23:00", "0 23 L * *"),
            ("Mon", "0 0 * * mon"),
            ("00/2:30", "30 */2 * * *"),
        ] {
            assert_eq!(cron(event), Ok((expression.to_owned(), None)), "{event}");
        }
        let both = |one, other| both(&cron(one).unwrap(), &cron(other).unwrap()).map(|(cron, _)| cron);
        assert_eq!(both("daily", "12:00").as_deref(), Some("0 0,12 * * *"));
        assert_eq!(both("Mon 3:00", "Thu 3:00").as_deref(), Some("0 3 * * mon,thu"));
        for (one, other) in
            [("daily", "12:30"), ("daily", "weekly"), ("3:00", "4:00 UTC"), ("*:*:30", "3:00")]
        {
            assert_eq!(both(one, other), None, "{one} and {other}");
        }
        assert_eq!(cron("03:00 Europe/Berlin").unwrap().1.as_deref(), Some("Europe/Berlin"));
        for event in ["2026-01-01", "Foo 3:00", "25:00", "", "*-*~03", "1:2:3:4", "1:00 2:00", "*:0/0"] {
            assert!(cron(event).is_err(), "{event}: {:?}", cron(event));
        }
    }
}
