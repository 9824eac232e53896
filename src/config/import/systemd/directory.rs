//! Which units a directory has, under which names, and what its links say; see systemd.unit(5).

use super::super::{MOST, Reading};
use crate::config::diagnostic::Span;
use crate::config::files::entries;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Drop-ins of one unit, at most.
const MOST_DROP_INS: usize = 100;

/// Names of one unit that lead to each other, at most.
const MOST_LINKS: usize = 8;

const KINDS: &[&str] = &[
    "service",
    "socket",
    "timer",
    "target",
    "path",
    "mount",
    "automount",
    "swap",
    "slice",
    "scope",
    "device",
];

/// What is found in a directory of units.
#[derive(Default)]
pub struct Found {
    /// Units by name, with the file that says what they are: that of their template for an instance.
    pub units: BTreeMap<String, PathBuf>,
    /// Other names of units.
    pub aliases: BTreeMap<String, String>,
    /// What `X.wants` and `X.requires` hold: who wants, what, and whether it requires it.
    pub links: Vec<(String, String, bool)>,
}

/// The file of a unit, if the directory has it.
pub fn file(directory: &Path, name: &str) -> Option<PathBuf> {
    let file = directory.join(name);
    file.is_file().then_some(file)
}

/// `x@.service` of `x@1.service`.
pub fn template(name: &str) -> Option<String> {
    let (stem, kind) = name.rsplit_once('.')?;
    let (prefix, instance) = stem.split_once('@')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{kind}"))
}

/// What is in a directory; nothing where there is none, and a finding where it cannot be read.
fn listed(directory: &Path, reading: &mut Reading<'_>) -> Vec<(String, PathBuf)> {
    match entries(directory) {
        Ok(listed) => listed,
        Err(why) if why.kind() == ErrorKind::NotFound => Vec::new(),
        Err(why) => {
            let file = reading.sources.add(directory.to_string_lossy(), None);
            reading.broken(Span::whole(file), format!("cannot read {}: {why}", directory.display()));
            Vec::new()
        }
    }
}

impl Found {
    /// One unit, and what it starts.
    pub fn single(directory: &Path, name: &str) -> Self {
        let mut found = Self::default();
        let path = directory.join(name);
        let path = match template(name).filter(|_| !path.exists()) {
            Some(template) => directory.join(template),
            None => path,
        };
        found.units.insert(name.to_owned(), path);
        if let Some((stem, "socket" | "timer")) = name.rsplit_once('.') {
            let service = format!("{stem}.service");
            if let Some(path) = file(directory, &service) {
                found.units.insert(service, path);
            }
        }
        found
    }

    /// All units of a directory.
    pub fn scan(directory: &Path, reading: &mut Reading<'_>) -> Self {
        let mut found = Self::default();
        for (name, path) in listed(directory, reading) {
            if path.is_dir() {
                found.add_links(&name, &path, directory, reading);
                continue;
            }
            let is_unit = name.rsplit_once('.').is_some_and(|(_, kind)| KINDS.contains(&kind));
            let target = fs::read_link(&path).ok();
            let real = target
                .as_deref()
                .and_then(Path::file_name)
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if !is_unit {
                let file = reading.sources.add(path.to_string_lossy(), None);
                reading.output.trail.not_carried(Span::whole(file), name, "it is no unit");
            } else if target.as_deref() == Some(Path::new("/dev/null")) {
                let file = reading.sources.add(path.to_string_lossy(), None);
                reading.output.trail.exact(Span::whole(file), name, "masked: it is not there");
            } else if target.is_some() && real != name && template(&name).as_ref() != Some(&real) {
                found.aliases.insert(name, real);
            } else if !name.contains("@.") {
                found.units.insert(name, path);
            }
        }
        found.settle_aliases(directory, reading);
        let linked: Vec<String> = found.links.iter().map(|(_, name, _)| name.clone()).collect();
        for name in linked {
            if let Some(path) = template(&name).and_then(|template| file(directory, &template)) {
                found.units.entry(name).or_insert(path);
            }
        }
        found
    }

    /// Follows names to the unit that they mean, whose file may be elsewhere.
    fn settle_aliases(&mut self, directory: &Path, reading: &mut Reading<'_>) {
        for (name, first) in self.aliases.clone() {
            let mut real = &first;
            for _ in 0..MOST_LINKS {
                real = self.aliases.get(real).unwrap_or(real);
            }
            let real = real.clone();
            let path = directory.join(&name);
            let place = reading.sources.add(path.to_string_lossy(), None);
            let trail = &mut reading.output.trail;
            if !path.is_file() {
                self.aliases.remove(&name);
                trail.not_carried(Span::whole(place), &name, "the link leads to no file");
                continue;
            }
            trail.exact(Span::whole(place), &name, format!("another name of {real}"));
            if !real.contains("@.") {
                self.units.entry(real.clone()).or_insert(path);
            }
            self.aliases.insert(name, real);
        }
    }

    /// What a directory `X.wants` or `X.requires` holds.
    fn add_links(&mut self, name: &str, path: &Path, directory: &Path, reading: &mut Reading<'_>) {
        let (who, requires) = match (name.strip_suffix(".wants"), name.strip_suffix(".requires")) {
            (Some(who), _) => (who, false),
            (_, Some(who)) => (who, true),
            _ => return,
        };
        for (unit, link) in listed(path, reading).into_iter().take(MOST) {
            // What the link names may be elsewhere, as in /etc/systemd/system.
            let has_file = |name: &str| directory.join(name).exists();
            let is_here = has_file(&unit) || template(&unit).is_some_and(|template| has_file(&template));
            if !is_here && link.is_file() {
                self.units.entry(unit.clone()).or_insert(link);
            }
            self.links.push((who.to_owned(), unit, requires));
        }
    }

    /// The drop-ins of a unit: in `NAME.d`, and in those of its template and of its kind. Of two with the same name that of
    /// the unit itself counts.
    pub fn drop_ins(&self, name: &str, directory: &Path, reading: &mut Reading<'_>) -> Vec<PathBuf> {
        let kind = name.rsplit_once('.').map_or("", |(_, kind)| kind);
        let mut drop_ins: BTreeMap<String, PathBuf> = BTreeMap::new();
        for of in [Some(kind.to_owned()), template(name), Some(name.to_owned())].into_iter().flatten() {
            let listed = listed(&directory.join(format!("{of}.d")), reading);
            drop_ins.extend(listed.into_iter().filter(|(name, _)| name.ends_with(".conf")));
        }
        if drop_ins.len() > MOST_DROP_INS {
            let file = reading.sources.add(directory.join(name).to_string_lossy(), None);
            reading.broken(Span::whole(file), format!("{name} has more than {MOST_DROP_INS} drop-ins"));
            drop_ins.clear();
        }
        drop_ins.into_values().collect()
    }
}
