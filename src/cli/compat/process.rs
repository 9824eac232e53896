//! Names that change something and become another program.

use super::{REFUSED, become_program, options, tell, wrong};
use crate::sys::users::{Database, become_user};
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// `with-contenv prog…`: services have the environment of the container anyway.
pub(super) fn with_contenv(name: &str, words: Vec<String>) -> u8 {
    become_program(name, &words)
}

/// `printcontenv VAR`: its value without a line break; 1 if it is not set.
pub(super) fn printcontenv(name: &str, words: Vec<String>) -> u8 {
    let [variable] = &words[..] else { return wrong(name, "usage: printcontenv variable") };
    let Some(value) = std::env::var_os(variable) else { return 1 };
    let bytes = value.as_bytes();
    if std::io::stdout().write_all(bytes).is_ok() { 0 } else { REFUSED }
}

/// `s6-setuidgid account prog…` or `uid:gid`.
pub(super) fn setuidgid(name: &str, words: Vec<String>) -> u8 {
    let Some((account, program)) = words.split_first() else {
        return wrong(name, "usage: s6-setuidgid account prog...");
    };
    let database = Database::default();
    let numbers = account.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    let (uid, gid, groups) = match numbers {
        Some((uid, gid)) => (uid, gid, vec![gid]),
        None => match database.user(account) {
            Ok(found) => {
                let groups = found.name.as_deref().map(|name| database.groups_of(name, found.gid));
                (found.uid, found.gid, groups.unwrap_or_else(|| vec![found.gid]))
            }
            Err(why) => {
                tell(name, &format!("unable to find account {account}: {why}"));
                return 1;
            }
        },
    };
    match become_user(uid, gid, &groups) {
        Ok(()) => become_program(name, program),
        Err(why) => {
            tell(name, &format!("unable to become {account}: {why}"));
            REFUSED
        }
    }
}

/// `s6-envdir [-fnil…] dir prog…`: a variable for each file in a directory; an empty file unsets one.
pub(super) fn envdir(name: &str, words: Vec<String>) -> u8 {
    let (mut whole, mut trims) = (false, true);
    let read = options(&words, "lc", |option, _| {
        match option {
            'f' => whole = true,
            'n' => trims = false,
            'L' | 'i' | 'I' | 'l' | 'c' => {}
            _ => return Err(format!("there is no option -{option}")),
        }
        Ok(())
    });
    let (directory, program) = match read.map(<[String]>::split_first) {
        Ok(Some((directory, program))) if !program.is_empty() => (directory, program),
        Ok(_) => return wrong(name, "usage: s6-envdir [options] dir prog..."),
        Err(why) => return wrong(name, &why),
    };
    match variables(directory, whole, trims) {
        Ok(variables) => super::become_program_with(name, program, variables),
        Err(why) => {
            tell(name, &format!("unable to read {directory}: {why}"));
            REFUSED
        }
    }
}

type Variables = Vec<(OsString, Option<OsString>)>;

/// The variables in a directory; `whole` takes what is behind the first line, too, and `trims` takes blanks at its end away.
fn variables(directory: &str, whole: bool, trims: bool) -> std::io::Result<Variables> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        if name.as_bytes().starts_with(b".") || name.as_bytes().contains(&b'=') {
            continue;
        }
        let text = crate::sys::read_bounded(std::path::Path::new(directory).join(&name), LARGEST)
            .map_err(|why| std::io::Error::other(why.to_string()))?;
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let value = match (whole, trims) {
            (true, _) => &text[..],
            (false, true) => line.trim_ascii_end(),
            (false, false) => line,
        };
        let value: Vec<u8> = value.iter().map(|byte| if *byte == 0 { b'\n' } else { *byte }).collect();
        found.push((name, (!text.is_empty()).then(|| OsString::from_vec(value))));
    }
    Ok(found)
}

/// A larger file is no value of a variable.
const LARGEST: usize = 128 << 10;

/// How the program that looks at readiness is told apart from the one that it is asked for by.
const LOOK: &str = "--foster-look";
const LEAVE: &str = "--foster-leave";

/// `s6-notifyoncheck [-d] [-3 fd] [-s ms] [-T ms] [-t ms] [-w ms] [-n tries] [-c check] prog…`: becomes the program, while
/// another process writes a newline to the descriptor as soon as the check succeeds.
pub(super) fn notifyoncheck(name: &str, words: Vec<String>) -> u8 {
    if let Some((first, rest)) = words.split_first() {
        match first.as_str() {
            LEAVE => return start(name, LOOK, rest).map_or(REFUSED, |_| 0),
            LOOK => return look(rest),
            _ => {}
        }
    }
    let (mut fd, mut initial, mut between, mut tries, mut check) =
        (None, 10u64, 1000u64, 7u64, String::new());
    let read = options(&words, "3sTtwnc", |option, value| {
        let number = || value.parse::<u64>().map_err(|_| format!("-{option} needs a number"));
        match option {
            '3' => fd = Some(number()?),
            's' => initial = number()?,
            'w' => between = number()?,
            'n' => tries = number()?,
            'c' => value.clone_into(&mut check),
            'T' | 't' => drop(number()?),
            'd' => {}
            _ => return Err(format!("there is no option -{option}")),
        }
        Ok(())
    });
    let program = match read {
        Ok(program) => program,
        Err(why) => return wrong(name, &why),
    };
    let written = || std::fs::read_to_string("notification-fd").ok()?.trim().parse().ok();
    let fd = fd.or_else(written).unwrap_or(3);
    let check = if check.is_empty() {
        vec!["./data/check".to_owned()]
    } else {
        shlex::split(&check).unwrap_or_default()
    };
    if check.is_empty() {
        return wrong(name, "-c needs a command");
    }
    let mut rest: Vec<String> = [fd, initial, between, tries].iter().map(u64::to_string).collect();
    rest.extend(check);
    // Its parent ends at once: the program has no child that it does not know.
    match start(name, LEAVE, &rest).map(|mut child| child.wait()) {
        Some(Ok(_)) => become_program(name, program),
        _ => REFUSED,
    }
}

fn start(name: &str, part: &str, words: &[String]) -> Option<std::process::Child> {
    let run = || {
        let foster = std::env::current_exe()?;
        Command::new(foster).arg0("s6-notifyoncheck").arg(part).args(words).stdin(Stdio::null()).spawn()
    };
    run().map_err(|why: std::io::Error| tell(name, &format!("unable to start: {why}"))).ok()
}

/// `fd initial between tries check…`
fn look(words: &[String]) -> u8 {
    let [fd, initial, between, tries, check @ ..] = words else { return REFUSED };
    let number = |text: &String| text.parse::<u64>().unwrap_or_default();
    let (Some((program, arguments)), tries) = (check.split_first(), number(tries)) else { return REFUSED };
    std::thread::sleep(Duration::from_millis(number(initial)));
    let mut done = 0;
    while tries == 0 || done < tries {
        done += 1;
        let status = Command::new(program).args(arguments).stdin(Stdio::null()).status();
        if status.is_ok_and(|status| status.success()) {
            let written = std::fs::OpenOptions::new().write(true).open(format!("/dev/fd/{fd}"));
            return written.and_then(|mut file| file.write_all(b"\n")).map_or(REFUSED, |()| 0);
        }
        std::thread::sleep(Duration::from_millis(number(between)));
    }
    1
}
