//! `foster completions`: what a shell needs to complete its command line.

use super::connection::print_only;
use super::{Verb, command};
use clap_complete::Shell;

/// Print a script that completes foster's command line in a shell
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster completions bash > /usr/share/bash-completion/completions/foster
  foster completions fish > ~/.config/fish/completions/foster.fish
  foster completions zsh > \"${fpath[1]}/_foster\"

Exit code: 0, 1 when it cannot be written, 64 for a wrong command line.")]
pub(super) struct Args {
    /// For which shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

impl Verb for Args {
    fn run(self) -> u8 {
        crate::sys::signal::restore_inherited();
        print_only(&script(self.shell))
    }
}

pub(super) fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(None), "foster", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
