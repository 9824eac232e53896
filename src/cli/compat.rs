//! Names under which foster does what scripts of s6-overlay expect of its tools, by the verbs that it has anyway; and
//! `foster install-compat`, which makes links of these names.

mod logutil;
mod process;
mod status;
mod svc;

use super::{EX_FALSE, Verb};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The command line is wrong, as of all tools of s6.
const WRONG: u8 = 100;
/// Something that the system refused, as of all tools of s6.
const REFUSED: u8 = 111;
/// A time ran out, as of `s6-svwait`.
const LATE: u8 = 99;

/// What a name does with the words after it; gives the exit code.
type Tool = fn(&str, Vec<String>) -> u8;

/// Every name, in the order in which links are made.
const TOOLS: &[(&str, Tool)] = &[
    ("with-contenv", process::with_contenv),
    ("printcontenv", process::printcontenv),
    ("s6-setuidgid", process::setuidgid),
    ("s6-envdir", process::envdir),
    ("s6-notifyoncheck", process::notifyoncheck),
    ("s6-svc", svc::svc),
    ("s6-svwait", svc::svwait),
    ("s6-svok", status::svok),
    ("s6-svstat", status::svstat),
    ("s6-rc", svc::rc),
    ("logutil-service", logutil::logutil_service),
    ("halt", svc::halt),
    ("poweroff", svc::halt),
    ("reboot", svc::halt),
];

/// Plays one of these, if the program was started under its name.
pub(super) fn main() -> Option<u8> {
    let mut words = std::env::args_os();
    let name = words.next()?;
    let base = name.as_bytes().rsplit(|byte| *byte == b'/').next()?;
    let (name, tool) = TOOLS.iter().find(|(name, _)| name.as_bytes() == base)?;
    let words: Result<Vec<String>, _> = words.map(std::ffi::OsString::into_string).collect();
    crate::sys::signal::restore_inherited();
    Some(match words {
        Ok(words) => tool(name, words),
        Err(_) => wrong(name, "its arguments are not UTF-8"),
    })
}

/// Make links to foster under the names of s6's tools, for scripts that call these
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster install-compat /command
  foster install-compat /run/s6/basedir/bin     for scripts that call halt there

The names: with-contenv, printcontenv, s6-setuidgid, s6-envdir, s6-notifyoncheck, s6-svc, s6-svwait, s6-svok, s6-svstat, \
s6-rc (start, stop, change), logutil-service, halt, poweroff, reboot. What is there under such a name is \
never replaced.

Exit code: 0 when all links are there, 1 when one cannot be made (saying why), 64 for a wrong command line.")]
pub(super) struct Install {
    /// Where: made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Verb for Install {
    fn run(self) -> u8 {
        match install(&self.directory) {
            Ok(()) => 0,
            Err(why) => {
                super::import::say(&why);
                EX_FALSE
            }
        }
    }
}

fn install(directory: &Path) -> Result<(), String> {
    let shown = directory.display();
    let foster = std::env::current_exe().map_err(|why| format!("cannot find foster itself: {why}"))?;
    std::fs::create_dir_all(directory).map_err(|why| format!("cannot make {shown}: {why}"))?;
    for (name, _) in TOOLS {
        let link = directory.join(name);
        match std::os::unix::fs::symlink(&foster, &link) {
            Ok(()) => {}
            Err(_) if std::fs::read_link(&link).is_ok_and(|target| target == foster) => {}
            Err(why) => return Err(format!("cannot make {}: {why}", link.display())),
        }
    }
    Ok(())
}

/// Says what is wrong with a command line, as s6 does.
fn wrong(name: &str, why: &str) -> u8 {
    tell(name, why);
    WRONG
}

fn tell(name: &str, why: &str) {
    let _ = writeln!(io::stderr(), "{name}: fatal: {why}");
}

/// The service that a path such as `/run/service/web` stands for; `.` is the one that this process belongs to.
fn service(path: &str) -> Option<String> {
    let path = path.trim_end_matches('/');
    let mut parts = path.rsplit('/');
    let name = match (parts.next(), parts.next()) {
        (Some("." | ""), _) => return std::env::var("FOSTER_SERVICE").ok(),
        (Some("log"), Some(parent)) => format!("{parent}-log"),
        (Some(name), _) => name.to_owned(),
        (None, _) => return None,
    };
    Some(name.to_ascii_lowercase())
}

/// Runs a verb of foster, and gives its exit code; `None`, and a message, when that fails.
fn verb(name: &str, words: &[&str], output: Stdio) -> Option<std::process::Output> {
    let run = || {
        let foster = std::env::current_exe()?;
        Command::new(foster).args(words).stdin(Stdio::null()).stdout(output).stderr(Stdio::inherit()).output()
    };
    run().map_err(|why: io::Error| tell(name, &format!("cannot ask foster: {why}"))).ok()
}

/// The exit code of s6 for one of foster's.
fn code(output: Option<std::process::Output>) -> u8 {
    match output.and_then(|output| output.status.code()) {
        Some(0) => 0,
        Some(64) => WRONG,
        Some(124) => LATE,
        Some(69) | None => REFUSED,
        Some(_) => 1,
    }
}

/// Options as getopt(3) reads them: `take` gets each with its value, if `valued` has it; gives what follows.
fn options<'w>(
    words: &'w [String],
    valued: &str,
    mut take: impl FnMut(char, &str) -> Result<(), String>,
) -> Result<&'w [String], String> {
    let mut at = 0;
    while let Some(word) = words.get(at).filter(|word| word.len() > 1 && word.starts_with('-')) {
        at += 1;
        if word == "--" {
            break;
        }
        let mut letters = word.trim_start_matches('-').chars();
        while let Some(letter) = letters.next() {
            if !valued.contains(letter) {
                take(letter, "")?;
                continue;
            }
            let mut value = letters.as_str();
            if value.is_empty() {
                value =
                    words.get(at).map(String::as_str).ok_or_else(|| format!("-{letter} needs a value"))?;
                at += 1;
            }
            take(letter, value)?;
            break;
        }
    }
    Ok(words.get(at..).unwrap_or_default())
}

/// Becomes another program; gives the exit code when that fails.
fn become_program(name: &str, words: &[String]) -> u8 {
    become_program_with(name, words, Vec::new())
}

/// The same, with these variables set, or unset.
fn become_program_with(name: &str, words: &[String], variables: Vec<(OsString, Option<OsString>)>) -> u8 {
    use std::os::unix::process::CommandExt;
    let Some((program, rest)) = words.split_first() else { return wrong(name, "a program is missing") };
    let mut command = Command::new(OsStr::new(program));
    for (variable, value) in variables {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    let why = command.args(rest).exec();
    tell(name, &format!("unable to exec {program}: {why}"));
    if why.kind() == io::ErrorKind::NotFound { 127 } else { 126 }
}
