//! What the tests of imports share.
#![allow(dead_code)]

pub mod tree;

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
        Self::at(root, import)
    }

    /// What is in this directory already.
    pub fn at(root: tempfile::TempDir, import: Import) -> Self {
        Self { root, import, environment: Variables::new() }
    }

    /// The files of an archive, as a directory that the import is pointed at.
    pub fn of(kind: Kind, files: &[(String, String)]) -> Self {
        let files: Vec<(String, &str)> =
            files.iter().map(|(path, text)| (format!("image/{path}"), text.as_str())).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let path = if kind == Kind::Runit { "image/etc/service" } else { "image" };
        Self::new(kind, path, &files)
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
        let _ = fs::remove_dir_all(&directory);
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

/// The files of an archive below tests/import: `==> PATH <==`, and then what is in it.
pub fn archive(name: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import").join(name);
    let text = fs::read_to_string(path).expect("an archive");
    let parts = text.split("==> ").skip(1);
    let file = |part: &str| {
        let (path, text) = part.split_once(" <==\n").expect("a path and a text");
        (path.to_owned(), text.to_owned())
    };
    parts.map(file).collect()
}

/// The files of a listing in a page: lines with a path, what it holds behind it or indented below it.
pub fn listing(text: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(path) = line.strip_prefix('/') {
            let (path, text) = path.split_once(char::is_whitespace).unwrap_or((path, ""));
            let text = if text.is_empty() { String::new() } else { format!("{}\n", text.trim()) };
            files.push((path.to_owned(), text));
        } else if let Some((_, text)) = files.last_mut() {
            text.push_str(line.strip_prefix("    ").unwrap_or(line));
            text.push('\n');
        }
    }
    files
}

/// The blocks of a section of a page: the source, and the files that it becomes.
pub fn example(page: &str, title: &str) -> (String, Vec<(String, String)>) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let text = fs::read_to_string(page).expect("a page");
    let section = text.split("\n## ").find(|section| section.starts_with(title)).expect("a section");
    let mut blocks = section.split("```").skip(1).step_by(2);
    let source = blocks.next().and_then(|block| block.strip_prefix("text\n")).expect("a source");
    let files = blocks.filter_map(|block| {
        let (name, text) = block.strip_prefix("toml\n# file: ")?.split_once('\n')?;
        Some((name.to_owned(), text.to_owned()))
    });
    (source.to_owned(), files.collect())
}
