//! `foster man`: the manual pages.

use super::connection::{Trouble, print_only};
use super::{EX_USAGE, VERBS, Verb, generated};
use std::path::{Path, PathBuf};

/// Print a manual page, or write all of them
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster man | man -l -                     the page of foster itself
  foster man status | man -l -
  foster man --out /usr/share/man/man1      foster.1, foster-run.1, foster-status.1, ...

Exit code: 0, 1 when it cannot be written, 64 for a wrong command line.")]
pub(super) struct Args {
    /// A verb [default: foster itself]
    #[arg(value_name = "VERB", value_parser = VERBS.iter().map(|verb| verb.name).collect::<Vec<_>>())]
    verb: Option<String>,

    /// Write the pages of all verbs into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "verb")]
    out: Option<PathBuf>,
}

impl Verb for Args {
    fn run(self) -> u8 {
        crate::sys::signal::restore_inherited();
        if let Some(directory) = &self.out {
            return write_all(directory).map_or_else(Trouble::say, |()| 0);
        }
        let wanted = self.verb.map_or("foster".to_owned(), |verb| format!("foster-{verb}"));
        // clap has looked at the name.
        generated::text(&format!("{wanted}.1")).map_or(EX_USAGE, |page| print_only(&page))
    }
}

fn write_all(directory: &Path) -> Result<(), Trouble> {
    for (name, page) in generated::texts().into_iter().filter(|(name, _)| name.ends_with(".1")) {
        let path = directory.join(name);
        std::fs::write(&path, page)
            .map_err(|error| Trouble::Own(format!("write {}", path.display()), error))?;
    }
    Ok(())
}
