//! dumb-init 1.2.5's command line.

use super::decide::{Jobs, Rules};
use super::getopt::{Fault, Flag, Getopt, Manner};
use super::options::{Asked, Options, Subreaper};
use super::say::{DEBUG, Dialect, FATAL, Voice};
use crate::sys::arguments::variable;
use crate::sys::console::print;
use crate::sys::init_child::{Place, SignalState};
use std::ffi::CStr;

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        key: b'c',
        long: "single-child",
        value: "",
        help: "Run in single-child mode.\nIn this mode, signals are only proxied to the\n\
               direct child and not any of its descendants.",
    },
    Flag {
        key: b'r',
        long: "rewrite",
        value: "s:r",
        help: "Rewrite received signal s to new signal r before proxying.\n\
               To ignore (not proxy) a signal, rewrite it to 0.\n\
               This option can be specified multiple times.",
    },
    Flag { key: b'v', long: "verbose", value: "", help: "Print debugging information to stderr." },
    Flag { key: b'h', long: "help", value: "", help: "Print this help message and exit." },
    Flag { key: b'V', long: "version", value: "", help: "Print the current version and exit." },
];

const VERSION: &str = concat!("dumb-init v1.2.5 (foster ", env!("CARGO_PKG_VERSION"), ")\n");
/// The last signal that it rewrites.
const LAST: u8 = 31;
const STOP: u8 = 19;

/// Reads the command line; `words` without the name of the program.
pub(super) fn read(name: &'static str, words: &[&'static CStr]) -> Asked {
    let mut voice = Voice { dialect: Dialect::DumbInit, level: FATAL };
    let (mut session, mut rewrite) = (true, [None; 32]);
    let mut getopt = Getopt::new(words, FLAGS, Manner { permute: false, abbreviate: true });
    while let Some(found) = getopt.option() {
        match found {
            Ok((b'h', _)) => {
                print(2, &help(name));
                return Asked::Printed(0);
            }
            Ok((b'V', _)) => {
                print(2, VERSION);
                return Asked::Printed(0);
            }
            Ok((b'v', _)) => voice.level = DEBUG,
            Ok((b'c', _)) => session = false,
            Ok((_, value)) => {
                let pair = rewriting(value.unwrap_or_default());
                let Some((place, to)) = pair.and_then(|(from, to)| Some((rewrite.get_mut(from)?, to))) else {
                    let range = format!("is between 1 and {LAST}.");
                    print(
                        2,
                        &format!(
                            "Usage: -r option takes <signum>:<signum>, where <signum> {range}\n\
                             This option can be specified multiple times.\nUse --help for full usage.\n"
                        ),
                    );
                    return Asked::Printed(1);
                };
                *place = Some(to);
            }
            Err(Fault(why)) => {
                print(2, &format!("{name}: {why}\n"));
                return Asked::Printed(1);
            }
        }
    }
    let command = getopt.operands();
    if command.is_empty() {
        print(2, &format!("Usage: {name} [option] program [args]\nTry {name} --help for full usage.\n"));
        return Asked::Printed(1);
    }
    if variable(c"DUMB_INIT_DEBUG") == Some(c"1") {
        voice.level = DEBUG;
        voice.print(DEBUG, format_args!("Running in debug mode."));
    }
    if variable(c"DUMB_INIT_SETSID") == Some(c"0") {
        session = false;
        voice.print(DEBUG, format_args!("Not running in setsid mode."));
    }
    if session {
        // A group that nobody above could continue ignores the signals that a terminal stops by.
        for place in rewrite.iter_mut().skip(20).take(3) {
            place.get_or_insert(STOP);
        }
    }
    let mut rules =
        Rules { group: session, shared: !session, jobs: Jobs::Echo, farewell: session, ..Rules::default() };
    for (place, to) in rules.rewrite.iter_mut().zip(rewrite) {
        *place = to.unwrap_or(*place);
    }
    Asked::Run(Box::new(Options {
        command,
        place: if session { Place::Session } else { Place::Shared },
        state: SignalState::Reset,
        rules,
        voice,
        subreaper: Subreaper::No,
        parent_death: None,
        free: 0,
        warn_on_reap: false,
    }))
}

/// As sscanf(3) reads `%d:%d`: what stands behind the numbers does not matter.
fn rewriting(text: &str) -> Option<(usize, u8)> {
    let (from, to) = text.split_once(':')?;
    let to = to.trim_start();
    let digits = to.find(|c: char| !c.is_ascii_digit()).unwrap_or(to.len());
    let (from, to) = (from.trim_start().parse::<u8>().ok()?, to.get(..digits)?.parse::<u8>().ok()?);
    ((1..=LAST).contains(&from) && to <= LAST).then_some((from.into(), to))
}

fn help(name: &str) -> String {
    let mut text = format!(
        "{VERSION}Usage: {name} [option] command [[arg] ...]\n\n\
         dumb-init is a simple process supervisor that forwards signals to children.\n\
         It is designed to run as PID1 in minimal container environments.\n\nOptional arguments:\n"
    );
    for flag in FLAGS {
        let option = format!("-{}, --{} {}", char::from(flag.key), flag.long, flag.value);
        let help = flag.help.replace('\n', "\n                        ");
        text += &format!("   {option:<21}{help}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewriting_is_read_as_dumb_init_reads_it() {
        assert_eq!(rewriting("15:3"), Some((15, 3)));
        assert_eq!(rewriting("15:3x"), Some((15, 3)));
        assert_eq!(rewriting(" 1: 0"), Some((1, 0)));
        for wrong in ["", "15", "15:", "0:1", "32:1", "1:32", "x:1", "TERM:QUIT", "1:-1", "99999:1"] {
            assert_eq!(rewriting(wrong), None, "{wrong}");
        }
    }
}
