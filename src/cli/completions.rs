//! `foster completions`: what a shell needs to complete its command line.

use super::connection::print_only;
use super::{EX_USAGE, Verb, generated};

/// The shells that have a script.
pub(super) const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

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
    #[arg(value_name = "SHELL", value_parser = SHELLS)]
    shell: String,
}

impl Verb for Args {
    fn run(self) -> u8 {
        crate::sys::signal::restore_inherited();
        // clap has looked at the name.
        generated::text(&format!("foster.{}", self.shell)).map_or(EX_USAGE, |script| print_only(&script))
    }
}
