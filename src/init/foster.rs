//! The options of `foster init`, and what they mean.

use super::decide::{Jobs, Rules};
use super::getopt::{Fault, Flag, Getopt, Manner};
use super::options::{Asked, Options, Subreaper};
use super::say::{DEBUG, Dialect, INFO, Voice, WARN};
use crate::model::{Signal, parse_duration};
use crate::sys::arguments::variable;
use crate::sys::console::print;
use crate::sys::init_child::{Place, SignalState};
use std::ffi::CStr;

const MAP_EXIT: u8 = b'e';
const NO_SETSID: u8 = Flag::LONG_ONLY;
const WAIT: u8 = Flag::LONG_ONLY + 1;
const EXIT_ZERO: u8 = Flag::LONG_ONLY + 2;
const STATE: u8 = Flag::LONG_ONLY + 3;

const fn flag(key: u8, long: &'static str, value: &'static str, help: &'static str) -> Flag {
    Flag { key, long, value, help }
}

/// Every option: the declaration of the verb is made of it, and so are its help, its manual page and its completions.
pub const FLAGS: &[Flag] = &[
    flag(
        b'g',
        "kill-group",
        "",
        "Pass signals on to the process group of the command, not to the command alone",
    ),
    flag(
        b's',
        "subreaper",
        "",
        "End with code 1 where orphans cannot be adopted; without it they are wherever the kernel allows it",
    ),
    flag(
        b'p',
        "parent-death-signal",
        "SIGNAL",
        "The signal that foster gets, and passes on, when its own parent dies",
    ),
    flag(
        MAP_EXIT,
        "map-exit",
        "CODE=CODE",
        "End with the second code when the command ends with the first; a signal stands for 128+n, and a code alone \
         becomes 0 [repeatable]",
    ),
    flag(b'w', "warn-on-reap", "", "Tell of every orphan that is reaped"),
    flag(
        b'r',
        "rewrite-signal",
        "SIGNAL:SIGNAL",
        "Pass the second signal on for the first; 0 drops it [repeatable]",
    ),
    flag(
        b'c',
        "single-child",
        "",
        "Leave the command in the process group of foster, and the terminal as it is",
    ),
    flag(NO_SETSID, "no-setsid", "", "The same as --single-child"),
    flag(
        WAIT,
        "wait",
        "TIME",
        "When the command has ended, send SIGTERM to all that it has left, daemons too, wait so long for them, and kill \
         the rest",
    ),
    flag(
        EXIT_ZERO,
        "exit-zero-on-stop",
        "",
        "End with 0 when the command was ended by a signal that was passed on, or with 128+n for it",
    ),
    flag(
        STATE,
        "signal-state",
        "STATE",
        "The blocked and ignored signals that the command begins with: `restore` those that foster began with, or \
         `reset` to none [default: restore]",
    ),
    flag(b'v', "verbose", "", "Tell of the life of the command; twice: of every signal and every orphan"),
    flag(b'h', "help", "", "Print help"),
];

/// The variables that stand for options.
pub const VARIABLES: [(&CStr, u8); 3] = [
    (c"FOSTER_INIT_KILL_GROUP", b'g'),
    (c"FOSTER_INIT_SUBREAPER", b's'),
    (c"FOSTER_INIT_SINGLE_CHILD", b'c'),
];

struct Wishes {
    options: Options,
    single: bool,
}

/// Reads the command line; `words` without the name of the program and of the verb.
pub(super) fn read(words: &[&'static CStr]) -> Asked {
    let mut wishes = Wishes {
        options: Options {
            command: Vec::new(),
            place: Place::Group,
            state: SignalState::Restore,
            rules: Rules { jobs: Jobs::Follow, ..Rules::default() },
            voice: Voice { dialect: Dialect::Foster, level: WARN },
            subreaper: Subreaper::Try,
            parent_death: None,
            free: 0,
            warn_on_reap: false,
        },
        single: false,
    };
    // As other switches of the environment: anything but nothing and 0 is yes.
    for (name, key) in VARIABLES {
        if variable(name).is_some_and(|value| !matches!(value.to_bytes(), b"" | b"0")) {
            let _ = wishes.set(key, "");
        }
    }
    let mut getopt = Getopt::new(words, FLAGS, Manner { permute: false, abbreviate: false });
    while let Some(found) = getopt.option() {
        let result = match found {
            Ok((b'h', _)) => return Asked::Help,
            Ok((key, value)) => wishes.set(key, value.unwrap_or_default()),
            Err(Fault(why)) => Err(why),
        };
        if let Err(why) = result {
            return wrong(&why);
        }
    }
    wishes.options.command = getopt.operands();
    if wishes.options.command.is_empty() {
        return wrong("there is no command; write `foster init -- CMD`");
    }
    if wishes.single {
        if wishes.options.rules.group {
            return wrong(
                "--kill-group and --single-child exclude each other: the group would be foster's own",
            );
        }
        wishes.options.place = Place::Shared;
        wishes.options.rules.shared = true;
    }
    Asked::Run(Box::new(wishes.options))
}

fn wrong(why: &str) -> Asked {
    print(2, &format!("foster init: {why}\n\nFor more information, try 'foster init --help'.\n"));
    Asked::Printed(64)
}

impl Wishes {
    fn set(&mut self, key: u8, value: &str) -> Result<(), String> {
        let Options { rules, voice, .. } = &mut self.options;
        match key {
            b'g' => rules.group = true,
            b's' => self.options.subreaper = Subreaper::Must,
            b'p' => self.options.parent_death = Some(signal(value)?),
            MAP_EXIT => {
                let (from, to) = value.split_once('=').unwrap_or((value, "0"));
                let (from, to) = (exit_code(from)?, exit_code(to)?);
                if let Some(place) = rules.codes.get_mut(usize::from(from)) {
                    *place = to;
                }
            }
            b'w' => self.options.warn_on_reap = true,
            b'r' => {
                let (from, to) = value.split_once(':').ok_or_else(|| {
                    format!("`{value}` is no rewriting; write for example --rewrite-signal TERM:QUIT")
                })?;
                let (from, to) = (number(signal(from)?), if to == "0" { 0 } else { number(signal(to)?) });
                if matches!(from, 9 | 17 | 19) {
                    return Err(format!("`{value}`: SIGKILL, SIGSTOP and SIGCHLD are never passed on"));
                }
                if let Some(place) = rules.rewrite.get_mut(usize::from(from)) {
                    *place = to;
                }
            }
            b'c' | NO_SETSID => self.single = true,
            WAIT => {
                let time = parse_duration(value)?.as_millis();
                rules.wait = Some(time.try_into().unwrap_or(u32::MAX));
            }
            EXIT_ZERO => rules.zero_on_stop = true,
            STATE => {
                self.options.state = match value {
                    "restore" => SignalState::Restore,
                    "reset" => SignalState::Reset,
                    _ => return Err(format!("`{value}` is no signal state; there are restore and reset")),
                }
            }
            _ => voice.level = if voice.level < INFO { INFO } else { DEBUG },
        }
        Ok(())
    }
}

fn signal(text: &str) -> Result<Signal, String> {
    text.parse::<Signal>().map_err(|error| error.to_string())
}

fn number(signal: Signal) -> u8 {
    signal.number().try_into().unwrap_or(0)
}

/// A code, or the name of the signal that makes it.
fn exit_code(text: &str) -> Result<u8, String> {
    if let Ok(code) = text.parse() {
        return Ok(code);
    }
    match text.parse::<Signal>() {
        Ok(signal) if !text.starts_with(|c: char| c.is_ascii_digit()) => Ok(128 + number(signal)),
        _ => Err(format!("`{text}` is neither an exit code, 0 to 255, nor a signal")),
    }
}
