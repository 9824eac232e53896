//! `logutil-service`: what it reads goes into a directory of log files.

use super::{REFUSED, tell, wrong};
use crate::sys::users::{Database, become_user};
use crate::time::{TimeZone, local_zone};
use jiff::Timestamp;
use std::fs::{File, OpenOptions, create_dir_all, remove_file, rename};
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};

/// A longer line is split.
const LONGEST: u64 = 8192;

/// What stands before a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stamp {
    None,
    /// `t`: TAI64N.
    Tai,
    /// `T`: the local time.
    Local,
}

/// What a logging script says, as far as it is known here.
#[derive(Debug, PartialEq, Eq)]
struct Rules {
    keep: u32,
    size: u64,
    /// `1`: to standard output too, stamped like this.
    copy: Option<Stamp>,
    stamp: Stamp,
}

/// `logutil-service DIR`, by the rules of S6_LOGGING_SCRIPT, of which it knows `nN`, `sSIZE`, `t`, `T` and `1`. As root it
/// becomes `nobody` first. What is put away is called `current.1`, `current.2`, …
pub(super) fn logutil_service(name: &str, words: Vec<String>) -> u8 {
    let [directory] = &words[..] else { return wrong(name, "usage: logutil-service directory") };
    let script = std::env::var("S6_LOGGING_SCRIPT").unwrap_or_else(|_| "n20 s1000000 T".to_owned());
    let rules = match rules(&script) {
        Ok(rules) => rules,
        Err(word) => {
            let why =
                format!("foster does not know `{word}` in S6_LOGGING_SCRIPT: `[log]` writes files, too");
            return wrong(name, &why);
        }
    };
    if crate::sys::users::is_root()
        && let Err(why) = become_nobody()
    {
        tell(name, &format!("unable to become nobody: {why}"));
        return REFUSED;
    }
    match write_all(Path::new(directory), &rules) {
        Ok(()) => 0,
        Err(why) => {
            tell(name, &format!("unable to write to {directory}: {why}"));
            REFUSED
        }
    }
}

fn rules(script: &str) -> Result<Rules, &str> {
    let mut rules = Rules { keep: 10, size: 99_999, copy: None, stamp: Stamp::None };
    for word in script.split_whitespace() {
        let number = word.get(1..).and_then(|text| text.parse::<u64>().ok());
        match (word.as_bytes().first(), number) {
            (Some(b'n'), Some(number)) => rules.keep = u32::try_from(number.min(1000)).unwrap_or(1000),
            (Some(b's'), Some(number)) => rules.size = number,
            // A stamp is for the next place only.
            (Some(b'1'), None) if word == "1" => {
                rules.copy = Some(std::mem::replace(&mut rules.stamp, Stamp::None));
            }
            (Some(b't'), None) if word == "t" => rules.stamp = Stamp::Tai,
            (Some(b'T'), None) if word == "T" => rules.stamp = Stamp::Local,
            (Some(b'S' | b'l' | b'r' | b'E' | b'^' | b'R'), Some(_)) => {}
            _ => return Err(word),
        }
    }
    Ok(rules)
}

fn become_nobody() -> io::Result<()> {
    // As Linux has it, where nobody is called so.
    let (uid, gid) =
        Database::default().user("nobody").map_or((65534, 65534), |account| (account.uid, account.gid));
    become_user(uid, gid, &[gid])
}

impl Stamp {
    /// What stands before a line that comes now.
    fn text(self, zone: &TimeZone) -> String {
        let now = Timestamp::now();
        match self {
            Self::None => String::new(),
            Self::Tai => {
                let seconds = now.as_second().cast_unsigned().wrapping_add((1 << 62) + TAI);
                format!("@{seconds:016x}{:08x} ", now.subsec_nanosecond())
            }
            Self::Local => now.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.9f  ").to_string(),
        }
    }
}

/// Seconds that the clocks of atoms are ahead of UTC, since 2017.
const TAI: u64 = 37;

fn write_all(directory: &Path, rules: &Rules) -> io::Result<()> {
    create_dir_all(directory)?;
    let current = directory.join("current");
    let open = |path: &PathBuf| OpenOptions::new().create(true).append(true).open(path);
    let zone = local_zone(std::env::var("TZ").ok().as_deref()).unwrap_or(TimeZone::UTC);
    let mut file: File = open(&current)?;
    let mut written = file.metadata()?.len();
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        let stamp = rules.stamp.text(&zone);
        let length = (stamp.len() + line.len()) as u64;
        if rules.size > 0 && written > 0 && written + length > rules.size {
            put_away(&current, rules.keep)?;
            file = open(&current)?;
            written = 0;
        }
        file.write_all(&[stamp.as_bytes(), &line].concat())?;
        written += length;
        if let Some(copy) = rules.copy {
            io::stdout().write_all(&[copy.text(&zone).as_bytes(), &line].concat())?;
        }
    }
}

fn put_away(current: &Path, keep: u32) -> io::Result<()> {
    let of = |n: u32| current.with_file_name(format!("current.{n}"));
    if keep == 0 {
        return remove_file(current);
    }
    for n in (1..keep).rev() {
        match rename(of(n), of(n + 1)) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
    }
    rename(current, of(1))
}
