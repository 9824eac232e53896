//! Which configuration: the options of every verb that reads one.

use crate::config::{Mode, Request, Variables};
use std::path::PathBuf;

/// Where the configuration is.
#[derive(clap::Args, Debug)]
pub struct Configuration {
    /// Services directories, base layer first [default: FOSTER_SERVICES, then foster.toml, then /etc/foster/services.d]
    #[arg(value_name = "DIR")]
    directories: Vec<PathBuf>,

    /// A further services directory, over those before it
    #[arg(long, value_name = "DIR")]
    services: Vec<PathBuf>,

    /// Settings file [default: FOSTER_CONFIG, then /etc/foster/foster.toml if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Configuration {
    /// Whether an option names one.
    pub(super) fn is_given(&self) -> bool {
        !self.directories.is_empty() || !self.services.is_empty() || self.config.is_some()
    }

    /// What is to be loaded: the directories given by position below those of `--services`.
    pub(super) fn request(self, environment: &Variables, mode: Mode) -> Request<'_> {
        let directories = self.directories.into_iter().chain(self.services).collect();
        Request::new(directories, self.config, environment, mode)
    }
}
