//! What the tests of imports share.
#![allow(dead_code)]

use foster::config::import::{Converted, Import, Kind, convert};
use foster::config::{ConfigFile, Loaded, Mode, Report, Request, Variables, load};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A source in a directory of its own.
pub struct Source {
    root: tempfile::TempDir,
    import: Import,
    environment: Variables,
}

impl Source {
    /// These files, of which the import begins at `path`.
    pub fn new(kind: Kind, path: &str, files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(&path, text).expect("a file");
            if text.starts_with("#!") {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
            }
        }
        let import = Import { kind, path: root.path().join(path) };
        Self { root, import, environment: Variables::new() }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    pub fn path(&self) -> &Path {
        &self.import.path
    }

    /// Its conversion, which reads back as the plan that the source itself gives.
    #[track_caller]
    pub fn converted(&self) -> Converted {
        let converted = convert(&self.import, &self.environment)
            .unwrap_or_else(|report| panic!("{}", report.render(false)));
        let directory = self.root.path().join("converted");
        fs::create_dir(&directory).expect("a new directory");
        for (name, text) in &converted.files {
            fs::write(directory.join(name), text).expect("a file");
        }
        let read_back = self.load(vec![directory], None).unwrap_or_else(|report| {
            panic!("it does not read back: {}\n{:#?}", report.render(false), converted.files)
        });
        let itself = self.load(Vec::new(), Some(self.import.clone())).expect("a plan");
        assert_eq!(read_back.plan, itself.plan, "the files give another plan");
        converted
    }

    /// What is wrong with it.
    #[track_caller]
    pub fn broken(&self) -> String {
        let report = convert(&self.import, &self.environment).expect_err("it should be broken");
        assert!(report.errors() > 0);
        report.render(false).replace(&self.root.path().display().to_string(), "")
    }

    fn load(&self, directories: Vec<PathBuf>, import: Option<Import>) -> Result<Loaded, Report> {
        let mut request = Request::new(directories, None, &self.environment, Mode::Run);
        request.config = ConfigFile::Default(self.root.path().join("none.toml"));
        request.import = import;
        load(&request)
    }
}

/// The text of one of the files.
#[track_caller]
pub fn file<'c>(converted: &'c Converted, name: &str) -> &'c str {
    let found = converted.files.iter().find(|(other, _)| other == name);
    found.map(|(_, text)| text.as_str()).unwrap_or_else(|| panic!("no {name}: {:#?}", converted.files))
}

/// The report, without the directory of the source.
pub fn report(source: &Source, converted: &Converted) -> String {
    converted.trail.text(&converted.sources).replace(&format!("{}/", source.root.path().display()), "")
}
