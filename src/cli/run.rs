//! `foster run`: supervise.

use super::EX_CONFIG;
use super::check::{Format, print};
use crate::config::{Mode, Request, Variables, load};
use crate::run::Origin;
use std::ffi::OsString;
use std::path::PathBuf;

/// Start the services and supervise them until the container is to end
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster run                                supervise /etc/foster/services.d
  foster run services.d                     supervise a directory
  foster run --services base.d --services site.d -- nginx -g 'daemon off;'
                                            two layers, and a main service whose end ends the container

Exit code: that of the main service or of the essential service that failed, 128+n when signal n killed it; 0 when asked
to stop or when nothing is left to do; 127 or 126 when its command was not found or not executable; 78 for a wrong
configuration; 64 for a wrong command line.")]
pub struct Args {
    /// Services directories, base layer first [default: FOSTER_SERVICES, then foster.toml, then /etc/foster/services.d]
    #[arg(value_name = "DIR")]
    pub directories: Vec<PathBuf>,

    /// A further services directory, over those before it
    #[arg(long, value_name = "DIR")]
    pub services: Vec<PathBuf>,

    /// Settings file [default: FOSTER_CONFIG, then /etc/foster/foster.toml if it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The main service: started last, stopped first; its end ends the container with its code
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// Loads the configuration, supervises, and gives the exit code of the container.
#[must_use]
pub fn run(args: Args, environment: Variables) -> u8 {
    let directories = args.directories.into_iter().chain(args.services).collect();
    let mut request = Request::new(directories, args.config, &environment, Mode::Run);
    request.command = args.command;
    let loaded = match load(&request) {
        Ok(loaded) => loaded,
        Err(report) => {
            print(&report, None, Format::Text, &environment);
            return EX_CONFIG;
        }
    };
    let notes: Vec<String> = loaded.warnings.diagnostics.iter().map(|d| d.message.clone()).collect();
    let Request { directories, config, command, .. } = request;
    let origin = Origin { directories, config, command };
    match crate::run::run(loaded.plan, origin, environment.into_iter().collect(), &notes) {
        Ok(code) => code,
        Err(error) => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "foster: {error}");
            1
        }
    }
}
