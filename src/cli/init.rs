//! `foster init` as people read of it: help, manual page and completions. What it does begins in [`crate::init::main`], before
//! any command line is declared.

use crate::init::foster::FLAGS;
use clap::{Arg, ArgAction, Command};

/// Declares the verb by the table that its own parser reads.
pub(super) fn declare(verb: Command) -> Command {
    let flags = FLAGS.iter().filter(|flag| flag.long != "help").map(|flag| {
        let arg = Arg::new(flag.long).long(flag.long).help(flag.help);
        let arg = flag.letter().map_or_else(|| arg.clone(), |letter| arg.clone().short(letter));
        if flag.value.is_empty() {
            arg.action(ArgAction::Count)
        } else {
            arg.action(ArgAction::Append).value_name(flag.value)
        }
    });
    verb.about("Be the init of one command: pass signals on, reap orphans, end with its code")
        .args(flags)
        .arg(
            Arg::new("command")
                .value_name("CMD")
                .help("The command and its arguments")
                .num_args(1..)
                .required(true)
                .trailing_var_arg(true)
                .allow_hyphen_values(true),
        )
        .after_help(
            "\
Examples:
  foster init -- nginx -g 'daemon off;'
  foster init --kill-group --wait 5s -- sh start.sh
  foster init --rewrite-signal TERM:QUIT --map-exit 143=0 -- /srv/app
  foster tini -g -- /srv/app                as tini; so with dumb-init and catatonit

Under the names tini, tini-static, docker-init, podman-init, dumb-init and catatonit it takes the options of those.

Exit code: that of the command, 128+n when signal n killed it; 127 or 126 when it was not found or not executable; 1 when no \
process is to be had; 64 for a wrong command line. 0 with --exit-zero-on-stop, and others by --map-exit.",
        )
}
