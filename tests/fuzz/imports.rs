//! Bytes as a source of one kind of import: whatever stands there is a clear error, or a configuration whose files read back
//! as the same plan.
//!
//! `FOSTER_FUZZ_KIND` names the kind, so that each parser has a run of its own.
#![no_main]
#![allow(clippy::unwrap_used, missing_docs)]

use foster::config::import::{Import, Kind, convert};
use foster::config::{ConfigFile, Loaded, Mode, Report, Request, Variables, load};
use libfuzzer_sys::fuzz_target;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

#[path = "../import_room/tree.rs"]
mod tree;

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
    let import = Import { kind: KIND.1, path: tree::write(&ROOT.join("source"), KIND.0, data) };
    let variables = Variables::from([("HOME".into(), "/root".into())]);
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
