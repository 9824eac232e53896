//! Bytes as a source of one kind of import: whatever stands there is a clear error, or a configuration whose files read back
//! as the same plan.
//!
//! `FOSTER_FUZZ_KIND` names the kind, so that each parser has a run of its own. A line `== PATH` begins a file of that name;
//! what has none is one file.
#![no_main]
#![allow(clippy::unwrap_used, missing_docs)]

use foster::config::import::{Import, Kind, convert};
use foster::config::{ConfigFile, Loaded, Mode, Report, Request, Variables, load};
use libfuzzer_sys::fuzz_target;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

/// More would only take its time.
const MOST_FILES: usize = 12;

static KIND: LazyLock<(&str, Kind)> = LazyLock::new(|| {
    let name = std::env::var("FOSTER_FUZZ_KIND").unwrap_or_default();
    let kind = Kind::ALL.iter().find(|(known, _)| *known == name);
    *kind.unwrap_or_else(|| panic!("FOSTER_FUZZ_KIND is {name:?}, which is no kind of import"))
});

/// In memory.
static ROOT: LazyLock<PathBuf> =
    LazyLock::new(|| PathBuf::from(format!("/dev/shm/foster-fuzz-{}", std::process::id())));

fuzz_target!(|data: &[u8]| {
    let _ = fs::remove_dir_all(&*ROOT);
    let import = Import { kind: KIND.1, path: source(data) };
    let variables = Variables::new();
    let converted = match convert(&import, &variables) {
        Ok(converted) => converted,
        Err(report) => return assert!(report.errors() > 0, "it has failed and says nothing"),
    };
    assert!(!converted.trail.text(&converted.sources).is_empty());
    // What needs a variable that is not there is no plan.
    let Ok(itself) = read(Vec::new(), Some(import), &variables) else { return };
    let directory = ROOT.join("converted");
    fs::create_dir_all(&directory).unwrap();
    for (name, text) in &converted.files {
        fs::write(directory.join(name), text).unwrap();
    }
    match read(vec![directory], None, &variables) {
        Ok(back) => assert!(back.plan == itself.plan, "another plan: {:#?}", converted.files),
        Err(report) => panic!("it does not read back: {}\n{:#?}", report.render(false), converted.files),
    }
});

fn read(
    directories: Vec<PathBuf>,
    import: Option<Import>,
    environment: &Variables,
) -> Result<Loaded, Report> {
    let config = ConfigFile::Default(ROOT.join("none"));
    load(&Request { directories, config, command: Vec::new(), import, environment, mode: Mode::Run })
}

/// Writes the source, and says where it begins.
fn source(data: &[u8]) -> PathBuf {
    let source = ROOT.join("source");
    let files = files(data);
    for (path, text) in &files {
        let path = source.join(path);
        // One file may stand where another one needs a directory.
        if fs::create_dir_all(path.parent().unwrap()).is_ok() {
            let _ = fs::write(path, text);
        }
    }
    match &files[..] {
        [(path, _)] if !matches!(KIND.0, "runit" | "s6") => source.join(path),
        _ => source,
    }
}

fn files(data: &[u8]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        if let Some(path) = line.strip_prefix(b"== ").and_then(path) {
            if files.len() == MOST_FILES {
                break;
            }
            files.push((path, Vec::new()));
            continue;
        }
        if files.is_empty() {
            let name = match KIND.0 {
                "systemd" => "a.service",
                "runit" => "a/run",
                "s6" => "etc/services.d/a/run",
                _ => "source",
            };
            files.push((PathBuf::from(name), Vec::new()));
        }
        if let Some((_, text)) = files.last_mut() {
            text.extend_from_slice(line);
        }
    }
    files
}

/// A path that stays inside.
fn path(line: &[u8]) -> Option<PathBuf> {
    let path = Path::new(std::str::from_utf8(line).ok()?.trim_end());
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    (inside && path.components().count() > 0 && !path.to_string_lossy().contains('\0'))
        .then(|| path.to_owned())
}
