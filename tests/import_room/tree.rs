//! A source of an import as one text: a line `== PATH` begins a file of that name, and what has none is one file. Seeds of the
//! fuzzer are written so.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// More would only take a fuzzer's time.
const MOST_FILES: usize = 16;

/// Writes the source of this kind, and says where it begins.
pub fn write(root: &Path, kind: &str, text: &[u8]) -> PathBuf {
    let files = files(kind, text);
    for (path, text) in &files {
        let path = root.join(path);
        // One file may stand where another one needs a directory.
        if path.parent().is_some_and(|parent| fs::create_dir_all(parent).is_ok()) {
            let _ = fs::write(path, text);
        }
    }
    match &files[..] {
        [(path, _)] if !matches!(kind, "runit" | "s6") => root.join(path),
        _ => root.to_owned(),
    }
}

fn files(kind: &str, text: &[u8]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if let Some(path) = line.strip_prefix(b"== ").and_then(inside) {
            if files.len() == MOST_FILES {
                break;
            }
            files.push((path, Vec::new()));
            continue;
        }
        if files.is_empty() {
            let name = match kind {
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

/// A path that stays below its root.
fn inside(line: &[u8]) -> Option<PathBuf> {
    let path = Path::new(std::str::from_utf8(line).ok()?.trim_end());
    let mut parts = path.components().peekable();
    let stays = parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)));
    (stays && !path.to_string_lossy().contains('\0')).then(|| path.to_owned())
}
