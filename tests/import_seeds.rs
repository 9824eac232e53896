//! What the fuzzer begins with, kind by kind: a source that is good.

mod import_room;

use foster::config::import::{Import, Kind};
use import_room::{Source, tree};
use std::fs;
use std::path::Path;

#[test]
fn the_fuzzer_has_words_and_good_sources_of_every_kind() {
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    for &(name, kind) in Kind::ALL {
        let words = fs::read_to_string(room.join(format!("import-{name}.dict"))).expect(name);
        assert!(words.lines().count() > 4, "{name}");
        for seed in fs::read_dir(room.join(format!("seeds/import-{name}"))).expect(name) {
            let text = fs::read(seed.expect("an entry").path()).expect("a seed");
            let root = tempfile::tempdir().expect("a directory");
            let path = tree::write(&root.path().join("source"), name, &text);
            println!("{name}: {}", path.display());
            let converted = Source::at(root, Import { kind, path }).env("HOME", "/root").converted();
            assert!(!converted.files.is_empty(), "{name}");
        }
    }
}
