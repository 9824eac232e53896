//! `foster run`: supervise.

use super::check::{Format, print};
use super::configuration::Configuration;
use super::{EX_CONFIG, EX_USAGE, Verb};
use crate::config::{Mode, Request, Variables, load};
use crate::model::map_of;
use crate::run::Origin;
use std::ffi::OsString;

/// Start the services and supervise them until the container is to end
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster run                                supervise /etc/foster/services.d
  foster run services.d                     supervise a directory
  foster run --services base.d --services site.d -- nginx -g 'daemon off;'
                                            two layers, and a main service

Exit code: that of the main service or of the essential service that failed, 128+n when signal n killed \
it; 0 when asked to stop or when nothing is left to do; 127 or 126 when its command was not found or not \
executable; 78 for a wrong configuration; 64 for a wrong command line.")]
pub struct Args {
    #[command(flatten)]
    configuration: Configuration,

    /// Run what KIND has at SRC, as `foster import` would convert it, instead of services directories
    #[arg(long, num_args = 2, value_names = ["KIND", "SRC"], conflicts_with_all = ["directories", "services"])]
    import: Option<Vec<String>>,

    /// The main service: started last, stopped first; its end ends the container with its code
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl Verb for Args {
    fn run(self) -> u8 {
        run(self, map_of(std::env::vars_os()))
    }
}

/// Loads the configuration, supervises, and gives the exit code of the container.
fn run(args: Args, environment: Variables) -> u8 {
    let mut request = args.configuration.request(&environment, Mode::Run);
    request.command = args.command;
    request.import = match args.import.as_deref().map(super::import::source) {
        None => None,
        Some(Ok(import)) => Some(import),
        Some(Err(why)) => {
            super::import::say(&why);
            return EX_USAGE;
        }
    };
    let loaded = match load(&request) {
        Ok(loaded) => loaded,
        Err(report) => {
            print(&report, None, Format::Text);
            return EX_CONFIG;
        }
    };
    let notes: Vec<String> = loaded.warnings.diagnostics.iter().map(|d| d.message.clone()).collect();
    let Request { directories, config, command, import, .. } = request;
    let origin = Origin { directories, config, command, import };
    match crate::run::run(loaded.plan, origin, environment.into_iter().collect(), &notes) {
        Ok(code) => code,
        Err(error) => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "foster: {error}");
            1
        }
    }
}
