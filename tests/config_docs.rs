//! `docs/config.md` is generated from the schema, and what it shows works.
#![allow(clippy::expect_used, clippy::panic)]

use foster::config::{ConfigFile, Mode, Request, Variables, load, reference};
use std::fs;

#[test]
fn the_reference_is_fresh() {
    let path = "docs/config.md";
    let fresh = reference();
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all("docs").and_then(|()| fs::write(path, &fresh)).expect("docs can be written");
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert!(kept == fresh, "{path} is stale; UPDATE=1 cargo test --test config_docs writes it anew");
}

#[test]
fn every_example_of_the_reference_is_right() {
    let text = reference();
    let blocks: Vec<&str> =
        text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() > 10, "the examples were not found");
    for block in blocks {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        fs::create_dir(root.join("services.d")).expect("a directory");
        for name in ["app", "db", "cache"] {
            fs::write(root.join(format!("services.d/{name}.toml")), "command = 'true'").expect("a file");
        }
        let settings = block.starts_with("# foster.toml");
        let path = root.join(if settings { "foster.toml" } else { "services.d/web.toml" });
        fs::write(&path, block).expect("a file");
        let environment = Variables::from([("QUEUE".into(), "q".into())]);
        let mut request = Request::new(vec![root.join("services.d")], None, &environment, Mode::Run);
        request.config = ConfigFile::Default(root.join("foster.toml"));
        if let Err(report) = load(&request) {
            panic!("{}", report.render(false));
        }
    }
}
