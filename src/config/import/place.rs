//! Directories of a source, and where their files are when the image runs.

use super::Reading;
use crate::config::diagnostic::{Code, Span};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// More entries than this are surely no configuration.
const MOST: usize = 4000;

/// The file system that a source is part of: that of the machine, or one in a directory (what a Dockerfile copies).
#[derive(Clone, Debug)]
pub struct Image {
    root: PathBuf,
}

impl Image {
    /// The one in which `path` is: what is before the last `etc` in it is its root, otherwise that of the machine.
    pub fn around(path: &Path) -> Self {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let parts: Vec<Component<'_>> = whole.components().collect();
        let etc = parts.iter().rposition(|part| part.as_os_str() == "etc").unwrap_or(1);
        Self { root: parts.iter().take(etc).collect() }
    }

    /// That with this root.
    pub fn at(root: &Path) -> Self {
        Self { root: std::path::absolute(root).unwrap_or_else(|_| root.to_owned()) }
    }

    /// Where a file of it is here.
    pub fn here(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Where a file that is here is in it.
    pub fn inside(&self, path: &Path) -> String {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let inside = whole.strip_prefix(&self.root).unwrap_or(&whole).to_string_lossy().into_owned();
        if inside.starts_with('/') { inside } else { format!("/{inside}") }
    }

    /// A path, with the links in its last part followed as the image would.
    pub fn followed(&self, path: PathBuf) -> PathBuf {
        let mut path = path;
        for _ in 0..8 {
            let Ok(target) = fs::read_link(&path) else { break };
            path = match target.strip_prefix("/") {
                Ok(inside) => self.root.join(inside),
                Err(_) => path.parent().map(|parent| parent.join(&target)).unwrap_or(target),
            };
        }
        path
    }

    /// What is in a directory, by name; without what begins with a dot. Empty when there is no such directory, and a finding
    /// when it cannot be read.
    pub fn entries(&self, directory: &Path, reading: &mut Reading<'_>) -> Vec<(String, PathBuf)> {
        let mut found = Vec::new();
        let listing = match fs::read_dir(directory) {
            Ok(listing) => listing,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return found,
            Err(why) => {
                let file = reading.sources.add(directory.to_string_lossy(), None);
                let message = format!("cannot read the directory {}: {why}", directory.display());
                reading.findings.error(Code::Unreadable, Span::whole(file), message, None);
                return found;
            }
        };
        for entry in listing.flatten() {
            let Ok(name) = entry.file_name().into_string() else {
                let file = reading.sources.add(entry.path().to_string_lossy(), None);
                reading.broken(Span::whole(file), "its name is not UTF-8");
                continue;
            };
            if found.len() == MOST {
                let file = reading.sources.add(directory.to_string_lossy(), None);
                reading.broken(Span::whole(file), format!("there are more than {MOST} files in it"));
                break;
            }
            if !name.starts_with('.') {
                found.push((name, self.followed(entry.path())));
            }
        }
        found.sort();
        found
    }
}

/// The first line of a file that is there; `None` for one that is not, and a finding when it cannot be read.
pub fn first_line(path: &Path, reading: &mut Reading<'_>) -> Option<(String, Span)> {
    // A link that leads nowhere is there.
    fs::symlink_metadata(path).ok()?;
    let file = reading.load(path)?;
    let line = reading.sources.text(file).lines().next().unwrap_or_default();
    Some((line.trim().to_owned(), Span::new(file, 0..line.len())))
}

/// The lines of a file that say something: without comments, and with their places.
pub fn lines(file: u32, reading: &Reading<'_>) -> Vec<(String, Span)> {
    let (mut found, mut start) = (Vec::new(), 0);
    for line in reading.sources.text(file).split_inclusive('\n') {
        let text = line.trim();
        if !text.is_empty() && !text.starts_with('#') {
            found.push((text.to_owned(), Span::new(file, start..start + line.trim_end().len())));
        }
        start += line.len();
    }
    found
}
