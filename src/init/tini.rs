//! tini 0.19's command line, which is also docker-init's and podman-init's.

use super::decide::{Jobs, Rules};
use super::getopt::{Fault, Flag, Getopt, Manner};
use super::options::{Asked, FAULTS, Options, Subreaper};
use super::say::{Dialect, FATAL, Voice};
use crate::model::Signal;
use crate::sys::arguments::variable;
use crate::sys::console::print;
use crate::sys::init_child::{Place, SignalState};
use std::ffi::CStr;

const fn flag(key: u8, value: &'static str, help: &'static str) -> Flag {
    Flag { key, long: "", value, help }
}

pub(super) const FLAGS: &[Flag] = &[
    flag(b'h', "", "Show this help message and exit."),
    flag(b's', "", "Register as a process subreaper (requires Linux >= 3.4)."),
    flag(b'p', "SIGNAL", "Trigger SIGNAL when parent dies, e.g. \"-p SIGKILL\"."),
    flag(b'v', "", "Generate more verbose output. Repeat up to 3 times."),
    flag(b'w', "", "Print a warning when processes are getting reaped."),
    flag(b'g', "", "Send signals to the child's process group."),
    flag(b'e', "EXIT_CODE", "Remap EXIT_CODE (from 0 to 255) to 0 (can be repeated)."),
    flag(b'l', "", "Show license and exit."),
];

/// Reads the command line; `words` without the name of the program.
pub(super) fn read(name: &'static str, words: &[&'static CStr]) -> Asked {
    if words == [c"--version"] {
        // `docker info` takes what follows "git." for the commit.
        print(1, concat!("tini version 0.19.0 (foster ", env!("CARGO_PKG_VERSION"), ") - git.foster\n"));
        return Asked::Printed(0);
    }
    let mut voice = Voice { dialect: Dialect::Tini, level: 1 };
    let (mut rules, mut subreaper, mut parent_death, mut warn_on_reap) =
        (Rules { jobs: Jobs::Follow, ..Rules::default() }, Subreaper::Warn, None, false);
    // It ignores what the terminal does to a process of the background.
    rules.rewrite.iter_mut().skip(21).take(2).for_each(|to| *to = 0);
    let permute = variable(c"POSIXLY_CORRECT").is_none();
    let mut getopt = Getopt::new(words, FLAGS, Manner { permute, abbreviate: false });
    while let Some(found) = getopt.option() {
        match found {
            Ok((b'h', _)) => {
                print(1, &usage(name));
                return Asked::Printed(0);
            }
            Ok((b'l', _)) => {
                print(1, super::LICENCE);
                return Asked::Printed(0);
            }
            Ok((b's', _)) => subreaper = Subreaper::Must,
            Ok((b'v', _)) => voice.level = voice.level.saturating_add(1),
            Ok((b'w', _)) => warn_on_reap = true,
            Ok((b'g', _)) => rules.group = true,
            Ok((key, value)) => {
                let value = value.unwrap_or_default();
                if !set_value(key, value, &mut rules, &mut parent_death) {
                    let shown = char::from(key);
                    voice.print(FATAL, format_args!("Not a valid option for -{shown}: {value}"));
                    return Asked::Printed(1);
                }
            }
            Err(Fault(why)) => {
                print(2, &format!("{name}: {why}\n{}", usage(name)));
                return Asked::Printed(1);
            }
        }
    }
    let command = getopt.operands();
    if command.is_empty() {
        print(2, &usage(name));
        return Asked::Printed(1);
    }
    if variable(c"TINI_SUBREAPER").is_some() {
        subreaper = Subreaper::Must;
    }
    if variable(c"TINI_KILL_PROCESS_GROUP").is_some() {
        rules.group = true;
    }
    if let Some(level) = variable(c"TINI_VERBOSITY") {
        voice.level = leading_number(level);
    }
    Asked::Run(Box::new(Options {
        command,
        place: Place::Group,
        state: SignalState::Restore,
        rules,
        voice,
        subreaper,
        parent_death,
        free: FAULTS,
        warn_on_reap,
    }))
}

fn set_value(key: u8, value: &str, rules: &mut Rules, parent_death: &mut Option<Signal>) -> bool {
    match key {
        // By name alone, and as it is written in signal(7).
        b'p' => match value.parse::<Signal>() {
            Ok(signal) if value == signal.to_string() => *parent_death = Some(signal),
            _ => return false,
        },
        _ => match value.parse::<u8>().ok().and_then(|code| rules.codes.get_mut(usize::from(code))) {
            Some(place) => *place = 0,
            None => return false,
        },
    }
    true
}

/// As atoi(3) reads it.
fn leading_number(text: &CStr) -> u8 {
    let text = text.to_str().unwrap_or_default().trim_start();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..digits).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn usage(name: &str) -> String {
    let mut text = format!(
        "{name} (tini version 0.19.0 of foster {version})\n\
         Usage: {name} [OPTIONS] PROGRAM -- [ARGS] | --version\n\n\
         Execute a program under the supervision of a valid init process ({name})\n\n\
         Command line options:\n\n  --version: Show version and exit.\n",
        version = env!("CARGO_PKG_VERSION")
    );
    for flag in FLAGS {
        let space = if flag.value.is_empty() { "" } else { " " };
        text += &format!("  -{}{space}{}: {}\n", char::from(flag.key), flag.value, flag.help);
    }
    text + "\nEnvironment variables:\n\n  \
            TINI_SUBREAPER: Register as a process subreaper (requires Linux >= 3.4).\n  \
            TINI_VERBOSITY: Set the verbosity level (default: 1).\n  \
            TINI_KILL_PROCESS_GROUP: Send signals to the child's process group.\n\n"
}
