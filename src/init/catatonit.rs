//! catatonit 0.2's command line.

use super::decide::{Jobs, Rules};
use super::getopt::{Fault, Flag, Getopt, Manner};
use super::options::{Asked, FAULTS, Options, Subreaper};
use super::say::{DEBUG, Dialect, FATAL, Voice};
use crate::sys::arguments::variable;
use crate::sys::console::print;
use crate::sys::init_child::{Place, SignalState};
use std::ffi::CStr;

pub(super) const FLAGS: &[Flag] = &[
    Flag { key: b'g', long: "", value: "", help: "Forward signals to pid1's process group." },
    Flag { key: b'h', long: "", value: "", help: "Print this help page." },
    Flag { key: b'L', long: "", value: "", help: "Print license information." },
    Flag {
        key: b'P',
        long: "",
        value: "",
        help: "Run in pause mode (no program is run and quit on SIGINT).",
    },
    Flag { key: b'V', long: "version", value: "", help: "Print version information." },
];

/// `docker info` looks for the name of tini.
const VERSION: &str = concat!("tini version 0.2.1_catatonit (foster ", env!("CARGO_PKG_VERSION"), ")\n");
const USAGE: &str = "usage: catatonit [-ghLPV] [--] <progname> [<arguments>...]\n";

/// Reads the command line; `words` without the name of the program.
pub(super) fn read(name: &'static str, words: &[&'static CStr]) -> Asked {
    let level = if variable(c"CATATONIT_DEBUG").is_some() { DEBUG } else { FATAL };
    let voice = Voice { dialect: Dialect::Catatonit, level };
    if variable(c"CATATONIT_LOG").is_some() {
        voice.print(FATAL, format_args!("CATATONIT_LOG is reserved for future use"));
        return Asked::Printed(1);
    }
    // Signals that a terminal stops by are not passed on: they are the kernel's answer to what the init does there.
    let mut rules = Rules { jobs: Jobs::Follow, ..Rules::default() };
    rules.rewrite.iter_mut().skip(20).take(3).for_each(|to| *to = 0);
    let permute = variable(c"POSIXLY_CORRECT").is_none();
    let mut getopt = Getopt::new(words, FLAGS, Manner { permute, abbreviate: true });
    while let Some(found) = getopt.option() {
        match found {
            Ok((b'g', _)) => rules.group = true,
            Ok((b'P', _)) => rules.pause = true,
            Ok((b'h', _)) => {
                print(2, &help());
                return Asked::Printed(0);
            }
            Ok((b'L', _)) => {
                print(1, super::LICENCE);
                return Asked::Printed(0);
            }
            Ok(_) => {
                print(1, VERSION);
                return Asked::Printed(0);
            }
            Err(Fault(why)) => {
                print(2, &format!("{name}: {why}\n{USAGE}"));
                return Asked::Printed(1);
            }
        }
    }
    let command = getopt.operands();
    if command.is_empty() && !rules.pause {
        voice.print(FATAL, format_args!("missing program name"));
        print(2, USAGE);
        return Asked::Printed(1);
    }
    Asked::Run(Box::new(Options {
        command,
        place: Place::Group,
        state: SignalState::Restore,
        rules,
        voice,
        subreaper: Subreaper::Must,
        parent_death: None,
        free: FAULTS,
        warn_on_reap: false,
    }))
}

fn help() -> String {
    let mut text = format!("{USAGE}\noptions:\n");
    for flag in FLAGS {
        let long = if flag.long.is_empty() { String::new() } else { format!(", --{}", flag.long) };
        text += &format!("  {:<15} {}\n", format!("-{}{long}", char::from(flag.key)), flag.help);
    }
    text + "\nThis is foster; its source code is not that of catatonit.\n"
}
