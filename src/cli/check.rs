//! `foster check`: is the configuration right?

use super::configuration::Configuration;
use super::{EX_CONFIG, Verb, terminal};
use crate::config::{DEFAULT_DIRECTORY, Mode, Report, Variables, load};
use crate::model::map_of;
use std::io::Write;

/// Validate the configuration without starting anything
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster check                              check /etc/foster
  foster check services.d                   check a directory
  foster check base.d site.d                check two layers, the later one over the earlier
  foster check --format json services.d     for tools; see docs/config.md

Exit code: 0 without errors (also with warnings), 78 with errors, 64 for a wrong command line.")]
pub struct Args {
    #[command(flatten)]
    configuration: Configuration,

    /// How to print what was found: text to stderr, json to stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For tools.
    Json,
}

impl Verb for Args {
    fn run(self) -> u8 {
        crate::sys::signal::restore_inherited();
        check(self, &map_of(std::env::vars_os()))
    }
}

/// Checks, prints what was found, and gives the exit code.
fn check(args: Args, environment: &Variables) -> u8 {
    let Args { configuration, format } = args;
    let request = configuration.request(environment, Mode::Check);
    let (report, summary) = match load(&request) {
        Ok(loaded) => {
            let services = loaded.plan.services.len();
            let places: Vec<String> =
                loaded.directories.iter().map(|path| path.display().to_string()).collect();
            let places = if places.is_empty() { DEFAULT_DIRECTORY.to_owned() } else { places.join(", ") };
            let warnings = count(loaded.warnings.warnings(), "warning");
            let summary = format!("{places}: {}, no errors, {warnings}", count(services, "service"));
            (loaded.warnings, Some(summary))
        }
        Err(report) => (report, None),
    };
    print(&report, summary.as_deref(), format);
    if summary.is_some() { 0 } else { EX_CONFIG }
}

/// A reader that went away is no reason to fail: the exit code still tells.
pub(super) fn print(report: &Report, summary: Option<&str>, format: Format) {
    let mut stdout = std::io::stdout().lock();
    let mut stderr = std::io::stderr().lock();
    match format {
        Format::Json => {
            let _ = writeln!(stdout, "{:#}", report.to_json());
        }
        Format::Text => {
            let text = report.render(terminal::colours(&stderr));
            let _ = stderr.write_all(text.as_bytes());
            let _ = match summary {
                Some(summary) => writeln!(stdout, "{summary}"),
                None => {
                    let (errors, warnings) = (report.errors(), report.warnings());
                    let warnings = if warnings > 0 {
                        format!(", {}", count(warnings, "warning"))
                    } else {
                        String::new()
                    };
                    writeln!(stderr, "\n{}{warnings}: nothing can be started", count(errors, "error"))
                }
            };
        }
    }
}

/// `no errors`, `1 error`, `2 errors`.
pub(super) fn count(number: usize, noun: &str) -> String {
    match number {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}
