//! `foster import`: what people have, as a services directory.

use super::{EX_CONFIG, EX_FALSE, EX_USAGE, Verb};
use crate::config::import::{Converted, Import, Kind, convert};
use crate::config::{Report, did_you_mean};
use crate::model::map_of;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Convert what another supervisor reads into a services directory, with a report
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster import procfile Procfile -o services.d     convert
  foster import supervisord supervisord.conf -o services.d
  foster import s6 / --dry-run                      only the report: what becomes of each file
  foster import cron /etc/cron.d -o services.d      crontabs: a schedule for each line
  foster import systemd app.service -o services.d   a unit, or a directory of them
  foster import compose compose.yaml -o services.d  its services of one image
  foster run --import procfile Procfile             run it as it is, to try

The report says of every key and file of the source whether it means the same (exact), nearly the same \
(approximated: what differs, and why it matters) or nothing any more (not carried: why, and what to do).

Exit code: 0 when all is exact or approximated, 1 when something is not carried or cannot be written, 78 \
when the source is broken, 64 for a wrong command line.")]
pub struct Args {
    /// What it is: supervisord, s6, runit, systemd, cron, procfile or compose
    #[arg(value_name = "KIND")]
    kind: String,

    /// Where it is: a file or a directory
    #[arg(value_name = "SRC")]
    source: PathBuf,

    /// The services directory to write: a new or an empty one
    #[arg(long, short, value_name = "DIR", required_unless_present = "dry_run")]
    output: Option<PathBuf>,

    /// Write nothing
    #[arg(long)]
    dry_run: bool,

    /// How to print the report
    #[arg(long, value_enum, default_value_t = super::check::Format::Text)]
    format: super::check::Format,
}

impl Verb for Args {
    fn run(self) -> u8 {
        crate::sys::signal::restore_inherited();
        let words = [self.kind.clone(), self.source.to_string_lossy().into_owned()];
        let import = match source(&words) {
            Ok(import) => Import { path: self.source, ..import },
            Err(why) => {
                say(&why);
                return EX_USAGE;
            }
        };
        let converted = match convert(&import, &map_of(std::env::vars_os())) {
            Ok(converted) => converted,
            Err(report) => {
                super::check::print(&report, None, self.format);
                return EX_CONFIG;
            }
        };
        let written = match self.output.filter(|_| !self.dry_run) {
            Some(directory) => write(&directory, &converted.files)
                .map_err(|why| say(&format!("cannot write {}: {why}", directory.display()))),
            None => Ok(()),
        };
        print(&converted, self.format);
        let [_, _, not_carried] = converted.trail.counts();
        if written.is_err() || not_carried > 0 { EX_FALSE } else { 0 }
    }
}

/// The source that KIND and SRC name.
///
/// # Errors
/// There is no such kind.
pub(super) fn source(words: &[String]) -> Result<Import, String> {
    let [kind, path] = words else { return Err("an import is KIND and SRC".to_owned()) };
    let names = || Kind::ALL.iter().map(|(name, _)| *name);
    match Kind::ALL.iter().find(|(name, _)| name == kind) {
        Some((_, kind)) => Ok(Import { kind: *kind, path: path.into() }),
        None => {
            let advice = did_you_mean(kind, names());
            let advice =
                advice.unwrap_or_else(|| format!("there are: {}", names().collect::<Vec<_>>().join(", ")));
            Err(format!("cannot import `{kind}`: {advice}"))
        }
    }
}

pub(super) fn say(message: &str) {
    let _ = writeln!(io::stderr(), "foster: {message}");
}

/// All files or none: into a directory that is new or empty.
fn write(directory: &Path, files: &[(String, String)]) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    if fs::read_dir(directory)?.next().is_some() {
        return Err(io::Error::other("it is not empty"));
    }
    files.iter().try_for_each(|(name, text)| fs::write(directory.join(name), text))
}

fn print(converted: &Converted, format: super::check::Format) {
    let Converted { files, trail, warnings, sources } = converted;
    let report = Report { diagnostics: warnings.clone(), sources: sources.clone() };
    match format {
        super::check::Format::Text => {
            super::check::print(&report, Some(trail.text(sources).trim_end()), format);
        }
        super::check::Format::Json => {
            let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
            let report = json!({"files": names, "report": trail.json(sources), "findings": report.to_json()});
            let _ = writeln!(io::stdout(), "{report:#}");
        }
    }
}
