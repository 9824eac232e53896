//! The command line: one file for each verb.

pub mod check;
pub mod run;

use clap::Parser;
use std::process::ExitCode;

/// The command line is wrong: EX_USAGE of sysexits.h.
const EX_USAGE: u8 = 64;
/// The configuration is wrong: EX_CONFIG of sysexits.h.
const EX_CONFIG: u8 = 78;

/// PID 1 supervisor for multi-process containers: starts the services of a directory in order, restarts what dies,
/// reaps every zombie, and stops all in reverse order.
#[derive(Parser)]
#[command(name = "foster", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    Run(run::Args),
    Check(check::Args),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Where nobody can read it, the code still tells.
            let _ = error.print();
            return if error.use_stderr() { EX_USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    let environment = std::env::vars_os();
    match cli.verb {
        Verb::Run(args) => run::run(args, environment.collect()).into(),
        Verb::Check(args) => {
            crate::sys::signal::restore_inherited();
            check::run(&args, &environment.collect()).into()
        }
    }
}
