//! `foster schema`: the JSON schema of the configuration, for editors.

use super::Verb;
use super::connection::print_only;
use crate::config::{SchemaOf, json_schema};

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
        let file = match self.file {
            File::Service => SchemaOf::Service,
            File::Settings => SchemaOf::Settings,
        };
        print_only(&format!("{:#}\n", json_schema(file)))
    }
}
