//! What the tests of a configuration's meaning share.
#![allow(dead_code)]

use foster::config::{ConfigFile, Loaded, Mode, Report, Request, Variables, load};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// A configuration in a directory of its own.
pub struct Case {
    root: TempDir,
    layers: Vec<&'static str>,
    environment: Variables,
    command: Vec<&'static str>,
}

impl Case {
    /// These files; the layer of services is `s`, the settings are `foster.toml`.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, text).expect("a file");
        }
        Self { root, layers: vec!["s"], environment: Variables::new(), command: Vec::new() }
    }

    /// The layers of services, instead of `s` alone.
    pub fn layers(mut self, layers: &[&'static str]) -> Self {
        self.layers = layers.to_vec();
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    pub fn command(mut self, words: &[&'static str]) -> Self {
        self.command = words.to_vec();
        self
    }

    /// Where a file of it is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn load(&self) -> Result<Loaded, Report> {
        let layers = self.layers.iter().map(|layer| self.path(layer)).collect();
        let mut request = Request::new(layers, None, &self.environment, Mode::Run);
        request.config = ConfigFile::Default(self.path("foster.toml"));
        request.command = self.command.iter().map(Into::into).collect();
        load(&request)
    }

    pub fn fine(&self) -> Loaded {
        self.load().unwrap_or_else(|report| panic!("{}", report.render(false)))
    }

    pub fn errors(&self) -> String {
        self.load().map(|_| ()).expect_err("an error was expected").to_string()
    }
}
