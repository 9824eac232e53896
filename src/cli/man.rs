//! `foster man`: the manual pages, made of what the verbs declare.

use super::terminal::{note, print};
use super::{EX_FALSE, EX_USAGE, VERBS, Verb, command};
use clap::Command;
use clap::builder::Resettable;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use std::io;
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
        let mut all = pages();
        let written = match &self.out {
            Some(directory) => write_all(directory, &all),
            None => {
                let wanted = self.verb.map_or("foster".to_owned(), |verb| format!("foster-{verb}"));
                // clap has looked at the name.
                let Some(at) = all.iter().position(|(name, _)| *name == wanted) else { return EX_USAGE };
                render(all.swap_remove(at).1).and_then(|page| print(&page)).map_err(|error| error.to_string())
            }
        };
        match written {
            Err(error) => {
                note(&format!("cannot write the manual: {error}"));
                EX_FALSE
            }
            Ok(()) => 0,
        }
    }
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
pub(super) fn render(mut page: Command) -> io::Result<String> {
    let below = page.get_after_help().map(ToString::to_string).unwrap_or_default();
    page = page.after_help(Resettable::Reset);
    let mut text = Vec::new();
    Man::new(page).render(&mut text)?;
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
    roff.to_writer(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn write_all(directory: &Path, pages: &[(String, Command)]) -> Result<(), String> {
    for (name, page) in pages {
        let path = directory.join(format!("{name}.1"));
        let written = render(page.clone()).and_then(|text| std::fs::write(&path, text));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}
