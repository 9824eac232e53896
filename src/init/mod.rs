//! `foster init`: one command, and all that tini, dumb-init and catatonit do for it.
//!
//! | file                                              | does                                                       |
//! |---------------------------------------------------|------------------------------------------------------------|
//! | `foster`, `tini`, `dumb_init`, `catatonit`        | a command line and an environment to options               |
//! | `getopt`                                          | the words of a command line                                |
//! | `options`                                         | what is to be done, as plain data                          |
//! | `decide`                                          | decides: events in, actions out                            |
//! | `life`                                            | takes signals and the dead, and does what is decided       |
//! | `say`                                             | messages, in the words of whom it stands for               |
//!
//! No runtime, no thread, no allocation while the command runs.

mod catatonit;
mod decide;
mod dumb_init;
pub mod foster;
pub mod getopt;
mod life;
mod options;
mod say;
mod tini;

use crate::sys::arguments::arguments;
use options::Asked;
use std::ffi::CStr;

const LICENCE: &str = concat!(
    "foster ",
    env!("CARGO_PKG_VERSION"),
    ", which stands here for another init, is licensed under the MIT License or the Apache License, Version 2.0, at your \
     option.\nIt is provided \"as is\", without warranty of any kind.\n"
);

/// Who is asked for, by the name of the program or by its first word.
fn dialect(word: &[u8]) -> Option<fn(&[&'static CStr]) -> Asked> {
    Some(match word {
        b"tini" => |words| tini::read("tini", words),
        b"tini-static" => |words| tini::read("tini-static", words),
        b"docker-init" => |words| tini::read("docker-init", words),
        b"podman-init" => |words| tini::read("podman-init", words),
        b"dumb-init" => |words| dumb_init::read("dumb-init", words),
        b"catatonit" => |words| catatonit::read("catatonit", words),
        _ => return None,
    })
}

/// Is an init, when this process was started as one; `None` when it was not, or when help for the verb is asked for.
#[must_use]
pub fn main() -> Option<u8> {
    let words = arguments();
    let (name, rest) = words.split_first()?;
    let base = name.to_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let asked = match (dialect(base), rest.split_first()) {
        (Some(read), _) => read(rest),
        (None, Some((verb, rest))) if *verb == c"init" => foster::read(rest),
        (None, Some((verb, rest))) => dialect(verb.to_bytes())?(rest),
        (None, None) => return None,
    };
    match asked {
        Asked::Run(options) => Some(life::live(*options)),
        Asked::Printed(code) => Some(code),
        Asked::Help => None,
    }
}
