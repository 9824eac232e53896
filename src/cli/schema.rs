//! `foster schema`: the JSON schema of the configuration, for editors.

use super::connection::print_only;
use super::{EX_USAGE, Verb, generated};

/// Print the JSON schema of a service file, or of foster.toml
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster schema > service.schema.json
  foster schema settings > foster.schema.json

Exit code: 0, 1 when it cannot be written, 64 for a wrong command line.")]
pub(super) struct Args {
    /// Of which file
    #[arg(value_name = "FILE", value_enum, default_value_t = File::Service)]
    file: File,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum File {
    /// NAME.toml in a services directory, and its drop-ins
    Service,
    /// foster.toml
    Settings,
}

impl Verb for Args {
    fn run(self) -> u8 {
        crate::sys::signal::restore_inherited();
        let name = match self.file {
            File::Service => "service.schema.json",
            File::Settings => "foster.schema.json",
        };
        // The build packs both.
        generated::text(name).map_or(EX_USAGE, |schema| print_only(&schema))
    }
}
