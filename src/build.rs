//! Run by Cargo before the build: what keeps the file small, packed texts and no tables for unwinding.

use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> io::Result<()> {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let out = PathBuf::from(variable("OUT_DIR"));

    // The description of the API is served as it is in docs/, without what only readers of the file need.
    println!("cargo::rerun-if-changed=docs/openapi.json");
    let description = fs::read_to_string("docs/openapi.json")?;
    pack(&out.join("openapi.json.deflated"), compact(&description).as_bytes())?;

    // Names and texts in turn, each with a null byte behind it.
    let mut files = ["docs/service.schema.json", "docs/foster.schema.json"].map(PathBuf::from).to_vec();
    for directory in ["docs/man", "docs/completions"] {
        println!("cargo::rerun-if-changed={directory}");
        for entry in fs::read_dir(directory)? {
            files.push(entry?.path());
        }
    }
    files.sort();
    let mut generated = Vec::new();
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        generated.extend(file.file_name().unwrap_or_default().as_encoded_bytes());
        generated.push(0);
        generated.extend(fs::read(&file)?);
        generated.push(0);
    }
    pack(&out.join("generated.deflated"), &generated)?;

    // A release aborts in a panic, and in a static one nobody else is there who might want to unwind.
    println!("cargo::rerun-if-changed=src/discard.ld");
    let root = variable("CARGO_MANIFEST_DIR");
    let features = variable("CARGO_CFG_TARGET_FEATURE");
    if variable("PROFILE") == "release" && features.split(',').any(|feature| feature == "crt-static") {
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{root}/src/discard.ld");
        // Functions that are the same become one. LLD knows how, with which this target is linked unless flags say
        // otherwise.
        let flags = variable("CARGO_ENCODED_RUSTFLAGS");
        if variable("TARGET") == "x86_64-unknown-linux-gnu" && !flags.contains("link") {
            println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
        }
    }
    Ok(())
}

/// Writes a file in the deflate format, RFC 1951.
fn pack(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
    packed.write_all(content)?;
    fs::write(path, packed.finish()?)
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
