//! Run by Cargo before the build: what keeps the file small.

use std::{env, fs, path::Path};

fn main() -> std::io::Result<()> {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let root = variable("CARGO_MANIFEST_DIR");

    // The description of the API is served as it is in docs/, without what only readers of the file need.
    println!("cargo::rerun-if-changed=docs/openapi.json");
    let description = fs::read_to_string(Path::new(&root).join("docs/openapi.json"))?;
    fs::write(Path::new(&variable("OUT_DIR")).join("openapi.json"), compact(&description))?;

    // A release aborts in a panic, and in a static one nobody else is there who might want to unwind.
    println!("cargo::rerun-if-changed=src/discard.ld");
    let features = variable("CARGO_CFG_TARGET_FEATURE");
    if variable("PROFILE") == "release" && features.split(',').any(|feature| feature == "crt-static") {
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{root}/src/discard.ld");
    }
    Ok(())
}

/// JSON without white space between its parts.
fn compact(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let kept = json.chars().filter(|c| {
        let inside = quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        inside || !c.is_whitespace()
    });
    kept.collect()
}
