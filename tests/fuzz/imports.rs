//! Bytes as sources of every kind of import: whatever stands there is a configuration or a clear error, soon.
//!
//! The first byte picks the kind.
#![no_main]
#![allow(missing_docs)]

use foster::config::Variables;
use foster::config::import::{Import, Kind, convert};
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;

fuzz_target!(|data: &[u8]| {
    let [kind, bytes @ ..] = data else { return };
    let (name, kind) = Kind::ALL[usize::from(*kind) % Kind::ALL.len()];
    let directory = PathBuf::from(format!("/dev/shm/foster-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    // Some kinds look at the name.
    let path = directory.join(if name == "systemd" { "a.service" } else { "source" });
    std::fs::write(&path, bytes).expect("a file");
    match convert(&Import { kind, path }, &Variables::new()) {
        Ok(converted) => assert!(!converted.files.is_empty()),
        Err(report) => assert!(report.errors() > 0),
    }
});
