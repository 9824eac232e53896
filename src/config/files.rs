//! Finds the files: layers of services directories, and the drop-ins beside them.

use super::diagnostic::{Code, Diagnostic, Findings, Sources, Span};
use super::{settings, suggest};
use crate::model::{check_name, sort};
use crate::sys::read_bounded;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Larger files are surely no configuration.
const MAX_BYTES: usize = 1 << 20;

/// One services directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it may be missing: true of the default one alone.
    pub optional: bool,
}

/// The files of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceFiles {
    /// `NAME.toml`, of the last layer that has it.
    pub main: PathBuf,
    /// `NAME.d/*.toml`, in the order in which they apply.
    pub drop_ins: Vec<PathBuf>,
}

/// A drop-in directory and its files by name.
struct DropIns {
    directory: PathBuf,
    files: BTreeMap<String, PathBuf>,
}

/// Finds the files of all services, by name. A later directory's `NAME.toml` replaces an earlier one; drop-ins apply
/// layer by layer, in name order within one, and one of the same name in a later layer takes the place of the earlier.
pub fn scan(
    directories: &[Directory],
    sources: &mut Sources,
    findings: &Findings,
) -> BTreeMap<String, ServiceFiles> {
    let mut services: BTreeMap<String, ServiceFiles> = BTreeMap::new();
    let mut drop_ins: BTreeMap<String, Vec<DropIns>> = BTreeMap::new();
    for directory in directories {
        let entries = match entries(&directory.path) {
            Ok(entries) => entries,
            Err(why) if directory.optional && why.kind() == io::ErrorKind::NotFound => continue,
            Err(why) => {
                let file = sources.add(directory.path.to_string_lossy(), None);
                let message =
                    format!("cannot read the directory {}: {}", directory.path.display(), reason(&why));
                findings.error(Code::Unreadable, Span::whole(file), message, None);
                continue;
            }
        };
        for (name, path) in entries {
            if name == settings::FILE {
                // What is in it holds for all services.
            } else if let Some(stem) = name.strip_suffix(".toml") {
                if let Err(why) = check_name(stem) {
                    let file = sources.add(path.to_string_lossy(), None);
                    let message = format!("cannot name a service `{stem}`: {why}");
                    findings.error(Code::Reference, Span::whole(file), message, None);
                } else {
                    let files = ServiceFiles { main: path, drop_ins: Vec::new() };
                    services.insert(stem.to_owned(), files);
                }
            } else if let Some(stem) = name.strip_suffix(".d")
                && path.is_dir()
            {
                match self::entries(&path) {
                    Ok(entries) => {
                        let files = entries.into_iter().filter(|(name, _)| name.ends_with(".toml")).collect();
                        drop_ins.entry(stem.to_owned()).or_default().push(DropIns { directory: path, files });
                    }
                    Err(why) => {
                        let file = sources.add(path.to_string_lossy(), None);
                        let message =
                            format!("cannot read the directory {}: {}", path.display(), reason(&why));
                        findings.error(Code::Unreadable, Span::whole(file), message, None);
                    }
                }
            } else if [".conf", ".yaml", ".yml", ".ini"].iter().any(|end| name.ends_with(end)) {
                let file = sources.add(path.to_string_lossy(), None);
                let message = format!("{} is ignored: a service is a .toml file", path.display());
                findings.push(Diagnostic::warning(Code::Suspicious, Span::whole(file), message));
            }
        }
    }
    for (stem, layers) in drop_ins {
        attach(&stem, layers, &mut services, sources, findings);
    }
    services
}

fn attach(
    stem: &str,
    mut layers: Vec<DropIns>,
    services: &mut BTreeMap<String, ServiceFiles>,
    sources: &mut Sources,
    findings: &Findings,
) {
    let Some(service) = services.get_mut(stem) else {
        let help = suggest::did_you_mean(stem, services.keys().map(String::as_str));
        for layer in layers {
            let file = sources.add(layer.directory.to_string_lossy(), None);
            let message = format!("drop-ins for `{stem}`, a service that does not exist");
            findings.error(Code::Reference, Span::whole(file), message, help.clone());
        }
        return;
    };
    for n in 0..layers.len() {
        let (earlier, later) = layers.split_at_mut(n + 1);
        if let Some(layer) = earlier.last_mut() {
            layer.files.retain(|name, _| !later.iter().any(|other| other.files.contains_key(name)));
        }
    }
    service.drop_ins = layers.into_iter().flat_map(|layer| layer.files.into_values()).collect();
}

/// The names in a directory but for hidden ones, sorted, each with its path. A ConfigMap's `..data` is hidden too.
pub fn entries(directory: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut list = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let lossy = name.to_string_lossy();
        if !lossy.starts_with('.') {
            list.push((lossy.into_owned(), directory.join(&name)));
        }
    }
    sort(&mut list);
    Ok(list)
}

/// Reads a text file: a regular one of at most 1 MiB in UTF-8. A byte order mark is dropped.
///
/// # Errors
/// The reason, to be put behind "cannot read FILE: ".
pub fn read_text(path: &Path) -> Result<String, String> {
    let mut bytes = read_bounded(path, MAX_BYTES).map_err(|why| why.to_string())?;
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("it is not UTF-8 (line {line}, byte {at})")
    })
}

/// Reads a file into `sources`; `None`, and a finding, if that fails. Its index is given in either case.
pub fn load(path: &Path, sources: &mut Sources, findings: &Findings) -> (u32, bool) {
    let name = path.to_string_lossy();
    match read_text(path) {
        Ok(text) => (sources.add(name, Some(text)), true),
        Err(why) => {
            let message = format!("cannot read {name}: {why}");
            let file = sources.add(name, None);
            findings.error(Code::Unreadable, Span::whole(file), message, None);
            (file, false)
        }
    }
}

/// An error of the system in its own words, without "(os error 2)".
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}
