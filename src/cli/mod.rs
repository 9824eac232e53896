//! The command line: one file for each verb, and one table of them. Help, completions, man pages and the check of
//! docs/cli.md are made of what the verbs declare.

mod act;
mod apply;
mod check;
mod compat;
mod completions;
mod configuration;
mod connection;
mod events;
mod explain;
mod generated;
mod graph;
mod healthcheck;
mod import;
mod init;
mod log_level;
mod logs;
mod man;
mod progress;
mod run;
mod schema;
mod shutdown;
mod signal;
mod status;
mod terminal;
mod timeline;
mod wait;

use clap::{ArgMatches, Args, Command};

/// What was asked did not come true.
const EX_FALSE: u8 = 1;
/// The command line is wrong: EX_USAGE of sysexits.h.
const EX_USAGE: u8 = 64;
/// No supervisor answers: EX_UNAVAILABLE of sysexits.h.
const EX_UNAVAILABLE: u8 = 69;
/// The configuration is wrong: EX_CONFIG of sysexits.h.
const EX_CONFIG: u8 = 78;
/// Not within the time given, as of timeout(1).
const EX_TIMEOUT: u8 = 124;
/// Interrupted by Ctrl-C: 128 + SIGINT.
const EX_INTERRUPTED: u8 = 130;

/// The arguments of a verb, which declare all that there is to say of it, and what it does.
trait Verb: Args {
    /// Does it, and gives the exit code.
    fn run(self) -> u8;
}

/// A row of the table of verbs.
struct Row {
    name: &'static str,
    declare: fn(Command) -> Command,
    run: fn(&ArgMatches) -> Result<u8, clap::Error>,
}

impl Row {
    const fn new<V: Verb>(name: &'static str) -> Self {
        Self { name, declare: V::augment_args, run: |matches| Ok(V::from_arg_matches(matches)?.run()) }
    }

    fn command(&self) -> Command {
        (self.declare)(Command::new(self.name))
    }
}

/// Every verb, in the order in which people meet them.
const VERBS: &[Row] = &[
    Row::new::<run::Args>("run"),
    Row { name: "init", declare: init::declare, run: |_| Ok(EX_USAGE) },
    Row::new::<check::Args>("check"),
    Row::new::<status::Args>("status"),
    Row::new::<act::Start>("start"),
    Row::new::<act::Stop>("stop"),
    Row::new::<act::Restart>("restart"),
    Row::new::<act::Reload>("reload"),
    Row::new::<signal::Args>("signal"),
    Row::new::<wait::Args>("wait"),
    Row::new::<logs::Args>("logs"),
    Row::new::<log_level::Args>("log-level"),
    Row::new::<explain::Args>("explain"),
    Row::new::<apply::Args>("apply"),
    Row::new::<healthcheck::Args>("healthcheck"),
    Row::new::<events::Args>("events"),
    Row::new::<timeline::Args>("timeline"),
    Row::new::<graph::Args>("graph"),
    Row::new::<shutdown::Args>("shutdown"),
    Row::new::<import::Args>("import"),
    Row::new::<compat::Install>("install-compat"),
    Row::new::<schema::Args>("schema"),
    Row::new::<completions::Args>("completions"),
    Row::new::<man::Args>("man"),
];

/// The whole command line, or that part which one verb needs: to declare all of them takes longer than a start of PID 1
/// may take.
fn command(only: Option<&Row>) -> Command {
    let command = Command::new("foster")
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "PID 1 supervisor for multi-process containers: starts the services of a directory in order, restarts \
             what dies, reaps every zombie, and stops all in reverse order",
        )
        .subcommand_required(true)
        .arg_required_else_help(true);
    match only {
        Some(verb) => command.subcommand(verb.command()),
        None => command.subcommands(VERBS.iter().map(Row::command)),
    }
}

/// Runs the command line of this process, and gives the exit code.
#[must_use]
pub fn main() -> u8 {
    if let Some(code) = compat::main() {
        return code;
    }
    let first = std::env::args_os().nth(1);
    let named = first.and_then(|word| VERBS.iter().find(|verb| word == verb.name));
    let parsed = command(named).try_get_matches().and_then(|matches| {
        let asked = matches.subcommand().and_then(|(name, matches)| {
            let verb = VERBS.iter().find(|verb| verb.name == name)?;
            Some((verb, matches))
        });
        // clap has asked for one.
        let Some((verb, matches)) = asked else { return Ok(EX_USAGE) };
        (verb.run)(matches)
    });
    match parsed {
        Ok(code) => code,
        Err(error) => {
            // Where nobody can read it, the code still tells.
            let _ = error.print();
            if error.use_stderr() { EX_USAGE } else { 0 }
        }
    }
}

#[cfg(test)]
#[path = "generated_tests.rs"]
mod generated_tests;
#[cfg(test)]
#[path = "table_tests.rs"]
mod table_tests;
