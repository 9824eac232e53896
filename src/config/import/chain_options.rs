//! The commands of chains that have options of their own.

use super::chain::{Chain, Opaque};
use super::words::Piece;

type Rest<'p> = Result<&'p [Piece], Opaque>;

/// Which limits an option of `softlimit` and `chpst` sets.
const LIMITS: &[(char, &[&str])] = &[
    ('m', &["data", "stack", "memlock", "as"]),
    ('d', &["data"]),
    ('s', &["stack"]),
    ('l', &["memlock"]),
    ('a', &["as"]),
    ('o', &["nofile"]),
    ('p', &["nproc"]),
    ('f', &["fsize"]),
    ('c', &["core"]),
    ('r', &["rss"]),
    ('t', &["cpu"]),
];

/// `chpst -u user -e dir -n inc … prog`
pub fn chpst<'p>(chain: &mut Chain, rest: &'p [Piece]) -> Rest<'p> {
    options(chain, "chpst", "uUbe/nlLmdopfctC", rest, |chain, option, value| {
        match option {
            'u' => chain.user_and_group(value),
            'e' => chain.environments.push(value.to_owned()),
            'n' => niceness(chain, value)?,
            'C' => chain.directory(value.to_owned())?,
            // Standard input is empty anyway, and the group its own.
            'v' | 'P' | '0' => {}
            'm' | 'd' | 'o' | 'p' | 'f' | 'c' | 't' => limit(chain, option, value),
            _ => return Err(format!("`chpst -{option}`")),
        }
        Ok(())
    })
}

/// `softlimit -o 1024 … prog`, of daemontools and s6; capital letters are hard limits.
pub fn softlimit<'p>(chain: &mut Chain, rest: &'p [Piece]) -> Rest<'p> {
    options(chain, "softlimit", "amdslopfcrt", rest, |chain, option, value| {
        match option {
            'h' | 'H' => return Err(format!("`softlimit -{option}`")),
            _ => limit(chain, option, value),
        }
        Ok(())
    })
}

/// `s6-applyuidgid -u uid -g gid -G list -U prog`
pub fn applyuidgid<'p>(chain: &mut Chain, rest: &'p [Piece]) -> Rest<'p> {
    options(chain, "s6-applyuidgid", "ugG", rest, |chain, option, value| {
        match option {
            'U' => match chain.take_user() {
                Some(user) => chain.user_and_group(&user),
                None => return Err("`s6-applyuidgid -U`, whose user is in the environment".to_owned()),
            },
            'z' => {}
            'u' => chain.set("user", value.to_owned()),
            'g' => chain.set("group", value.to_owned()),
            'G' => {
                let groups = value.split(',').filter(|group| !group.is_empty());
                let span = crate::config::diagnostic::Span::whole(0);
                chain.set("supplementary-groups", super::draft::list(groups, span));
            }
            _ => return Err(format!("`s6-applyuidgid -{option}`")),
        }
        Ok(())
    })
}

/// `s6-notifyoncheck -d -3 fd -s initial -T global -t local -w between -n tries -c prog`
pub fn notifyoncheck<'p>(chain: &mut Chain, rest: &'p [Piece]) -> Rest<'p> {
    let (mut between, mut tries, mut check) = (1000u64, 7u64, Vec::new());
    let after = options(chain, "s6-notifyoncheck", "3sTtwnc", rest, |chain, option, value| {
        let number = || value.parse::<u64>().map_err(|_| format!("`s6-notifyoncheck -{option} {value}`"));
        match option {
            'w' => between = number()?,
            'n' => tries = number()?,
            'T' if number()? > 0 => chain.set("ready.timeout", milliseconds(number()?)),
            'c' => check = shlex::split(value).ok_or("`s6-notifyoncheck -c`")?,
            'd' | '3' | 's' | 'T' | 't' => {}
            _ => return Err(format!("`s6-notifyoncheck -{option}`")),
        }
        Ok(())
    })?;
    chain.check = Some(check);
    if between != 200 {
        chain.set("ready.interval", milliseconds(between.clamp(1, 3_600_000)));
    }
    if tries > 0 && !chain.keys.iter().any(|(key, _)| key == "ready.timeout") {
        chain.differs.push(format!(
            "it fails when it is not ready within `[ready] timeout`; s6-notifyoncheck gives up after {tries} attempts, and lets it run"
        ));
    }
    Ok(after)
}

/// `nice -n N prog`
pub fn nice<'p>(chain: &mut Chain, rest: &'p [Piece]) -> Rest<'p> {
    match chain.option(rest, 0) {
        Some(option) if option == "-n" => {
            let (value, rest) = chain.argument("nice", rest.get(1..).unwrap_or_default())?;
            niceness(chain, &value)?;
            Ok(rest)
        }
        Some(option) => {
            niceness(chain, option.trim_start_matches("-n").trim_start_matches('-'))?;
            Ok(rest.get(1..).unwrap_or_default())
        }
        None => {
            niceness(chain, "10")?;
            Ok(rest)
        }
    }
}

fn niceness(chain: &mut Chain, value: &str) -> Result<(), Opaque> {
    let number: i64 =
        value.trim_start_matches('+').parse().map_err(|_| format!("a nice value of `{value}`"))?;
    chain.set("nice", number.clamp(-20, 19));
    Ok(())
}

fn limit(chain: &mut Chain, option: char, value: &str) {
    let text = if value == "=" || value == "unlimited" { "unlimited" } else { value };
    for name in LIMITS.iter().filter(|(known, _)| *known == option).flat_map(|(_, names)| *names) {
        match text.parse::<i64>() {
            Ok(number) => chain.set(format!("limits.{name}"), number),
            Err(_) => chain.set(format!("limits.{name}"), text.to_owned()),
        }
    }
    let difference = "limits count for hard ones too".to_owned();
    if !chain.differs.contains(&difference) {
        chain.differs.push(difference);
    }
}

/// Milliseconds as a duration.
pub fn milliseconds(number: u64) -> String {
    if number > 0 && number.is_multiple_of(1000) {
        format!("{}s", number / 1000)
    } else {
        format!("{number}ms")
    }
}

/// Options as getopt(3) reads them: those in `valued` have a value, the others none.
fn options<'p>(
    chain: &mut Chain,
    name: &str,
    valued: &str,
    rest: &'p [Piece],
    mut take: impl FnMut(&mut Chain, char, &str) -> Result<(), Opaque>,
) -> Rest<'p> {
    let mut at = 0;
    while let Some(word) = chain.option(rest, at) {
        at += 1;
        if word == "--" {
            break;
        }
        let mut letters = word.trim_start_matches('-').chars();
        while let Some(letter) = letters.next() {
            if !valued.contains(letter) {
                take(chain, letter, "")?;
                continue;
            }
            let mut value = letters.as_str().to_owned();
            if value.is_empty() {
                value = chain.argument(name, rest.get(at..).unwrap_or_default())?.0;
                at += 1;
            }
            take(chain, letter, &value)?;
            break;
        }
    }
    Ok(rest.get(at..).unwrap_or_default())
}
