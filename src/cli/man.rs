//! `foster man`: the manual pages, made of what the verbs declare.

use super::connection::{Trouble, print_only};
use super::{EX_USAGE, VERBS, Verb, command};
use clap::Command;
use clap::builder::Resettable;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
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
        let page = pages().into_iter().find(|(name, _)| *name == wanted);
        // clap has looked at the name.
        page.map_or(EX_USAGE, |(_, page)| print_only(&render(page)))
    }
}

fn write_all(directory: &Path) -> Result<(), Trouble> {
    for (name, page) in pages() {
        let path = directory.join(format!("{name}.1"));
        std::fs::write(&path, render(page))
            .map_err(|error| Trouble::Own(format!("write {}", path.display()), error))?;
    }
    Ok(())
}

/// The name of every page, without its section, and what it is made of.
pub(super) fn pages() -> Vec<(String, Command)> {
    let mut whole = command(None).disable_help_subcommand(true);
    whole.build();
    let verbs = whole.get_subcommands().cloned().map(|verb| verb.version(env!("CARGO_PKG_VERSION")));
    let pages: Vec<Command> = verbs.collect();
    let named = |page: Command| (page.get_display_name().unwrap_or("foster").to_owned(), page);
    std::iter::once(whole).chain(pages).map(named).collect()
}

/// As clap_mangen does it, but with what stands below the options under the titles where man-pages(7) has it.
pub(super) fn render(mut page: Command) -> String {
    let below = page.get_after_help().map(ToString::to_string).unwrap_or_default();
    page = page.after_help(Resettable::Reset);
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = Man::new(page).render(&mut text);
    let mut roff = Roff::new();
    let (examples, codes) = below.split_once("Exit code: ").unwrap_or((&below, ""));
    if let Some(examples) = examples.strip_prefix("Examples:\n") {
        let (commands, prose) = examples.split_once("\n\n").unwrap_or((examples, ""));
        roff.control("SH", ["EXAMPLES"]).control("nf", []).text([roman(commands)]).control("fi", []);
        if !prose.trim().is_empty() {
            roff.control("SH", ["NOTES"]).text([roman(prose.trim())]);
        }
    }
    if !codes.is_empty() {
        roff.control("SH", ["EXIT STATUS"]).text([roman(codes)]);
    }
    let _ = roff.to_writer(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}
