//! Source definitions of s6-rc: directories with a `type`.

use crate::config::diagnostic::Span;
use crate::config::import::Reading;
use crate::config::import::place::{self, Image};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a definition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Longrun,
    Oneshot,
    Bundle,
}

/// Names, and where each is written.
pub type Names = Vec<(String, Span)>;

/// One directory.
#[derive(Debug)]
pub struct Definition {
    /// What it is.
    pub kind: Type,
    /// Where it is.
    pub directory: PathBuf,
    /// Its `type`.
    pub span: Span,
    /// What is up before it.
    pub dependencies: Names,
    /// What a bundle consists of.
    pub contents: Names,
    /// Who reads what it writes.
    pub producer_for: Option<(String, Span)>,
    /// Whose output it reads.
    pub consumer_for: Names,
    /// The name of the bundle of its pipeline.
    pub pipeline: Option<(String, Span)>,
}

/// All of them by name.
#[derive(Debug, Default)]
pub struct Definitions {
    /// Without `user` and `user2`; those of s6-overlay itself are not among them.
    pub all: BTreeMap<String, Definition>,
    /// What is started at boot: the members of `user` and `user2`, and of the bundles in them.
    pub enabled: BTreeSet<String>,
    /// `user` and `user2`, with their members.
    pub started: Vec<(&'static str, Names)>,
}

/// More names than this are surely no configuration.
const MOST: usize = 4000;

/// The bundles that s6-overlay starts.
const STARTED: [&str; 2] = ["user", "user2"];

/// Reads a directory of definitions, and the bundles beside it.
pub fn read(
    directory: &Path,
    bundles: Option<&Path>,
    image: &Image,
    reading: &mut Reading<'_>,
) -> Definitions {
    let started = STARTED.map(|bundle| (bundle, Names::new())).to_vec();
    let mut found = Definitions { started, ..Definitions::default() };
    let mut directories: Vec<(String, PathBuf)> = image.entries(directory, reading);
    directories.extend(bundles.map(|bundles| image.entries(bundles, reading)).unwrap_or_default());
    for (name, directory) in directories {
        if !directory.is_dir() {
            let file = reading.sources.add(directory.to_string_lossy(), None);
            let why = "it is not a directory, so it is no definition";
            reading.output.trail.not_carried(Span::whole(file), name, why);
        } else if let Some(at) = STARTED.iter().position(|bundle| **bundle == name) {
            let contents = names(&directory, "contents", image, reading);
            for (member, span) in &contents {
                reading.output.trail.exact(*span, format!("{name}/contents.d/{member}"), "");
            }
            if let Some((_, members)) = found.started.get_mut(at) {
                members.extend(contents);
            }
        } else if let Some(definition) = definition(&name, directory, image, reading) {
            found.all.insert(name, definition);
        }
    }
    let started = found.started.iter().flat_map(|(_, members)| members);
    let mut open: Vec<String> = started.map(|(name, _)| name.clone()).collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        open.extend(found.pipeline(&name).into_iter().map(str::to_owned));
        if let Some(definition) = found.all.get(&name) {
            found.enabled.insert(name);
            open.extend(definition.contents.iter().map(|(name, _)| name.clone()));
        }
    }
    found
}

impl Definitions {
    /// The members of the pipeline that is called so: who says so, and whose output goes there.
    pub fn pipeline(&self, name: &str) -> Vec<&str> {
        let of = |definition: &&Definition| definition.pipeline.as_ref().is_some_and(|(p, _)| p == name);
        let mut members: Vec<&str> =
            self.all.iter().filter(|(_, definition)| of(definition)).map(|(name, _)| name.as_str()).collect();
        let mut at = 0;
        while let Some(definition) = members.get(at).and_then(|name| self.all.get(*name)) {
            at += 1;
            for (producer, _) in &definition.consumer_for {
                if let Some((producer, _)) = self.all.get_key_value(producer)
                    && !members.contains(&producer.as_str())
                {
                    members.push(producer);
                }
            }
        }
        members
    }
}

fn definition(
    name: &str,
    directory: PathBuf,
    image: &Image,
    reading: &mut Reading<'_>,
) -> Option<Definition> {
    let Some((text, span)) = place::first_line(&directory.join("type"), reading) else {
        if directory.join("dependencies.d").is_dir() || directory.join("contents.d").is_dir() {
            let file = reading.sources.add(directory.to_string_lossy(), None);
            let why = "it has no `type` here: another layer of the image has the rest of it; import the root of the whole image";
            reading.output.trail.not_carried(Span::whole(file), name, why);
        } else {
            let file = reading.sources.add(directory.join("type").to_string_lossy(), None);
            reading.broken(Span::whole(file), format!("`{name}` has no `type`"));
        }
        return None;
    };
    let kind = match text.as_str() {
        "longrun" => Type::Longrun,
        "oneshot" => Type::Oneshot,
        "bundle" => Type::Bundle,
        _ => {
            reading.broken(
                span,
                format!("there is no type `{text}`: a definition is a longrun, oneshot or bundle"),
            );
            return None;
        }
    };
    let one = |file: &str, reading: &mut Reading<'_>| place::first_line(&directory.join(file), reading);
    let producer_for = one("producer-for", reading).filter(|(name, _)| !name.is_empty());
    let pipeline = one("pipeline-name", reading).filter(|(name, _)| !name.is_empty());
    let consumer_for = match directory.join("consumer-for") {
        path if path.exists() => {
            let file = reading.load(&path);
            let mut lines = file.map(|file| place::lines(file, reading)).unwrap_or_default();
            lines.truncate(MOST);
            lines
        }
        _ => Vec::new(),
    };
    Some(Definition {
        kind,
        span,
        dependencies: names(&directory, "dependencies", image, reading),
        contents: names(&directory, "contents", image, reading),
        producer_for,
        consumer_for,
        pipeline,
        directory,
    })
}

/// The files in `KIND.d`, and the lines of `KIND`.
fn names(directory: &Path, kind: &str, image: &Image, reading: &mut Reading<'_>) -> Names {
    let mut found = Vec::new();
    for (name, path) in image.entries(&directory.join(format!("{kind}.d")), reading) {
        let file = reading.sources.add(path.to_string_lossy(), None);
        found.push((name, Span::whole(file)));
    }
    let lines = directory.join(kind);
    if lines.is_file()
        && let Some(file) = reading.load(&lines)
    {
        found.extend(place::lines(file, reading));
        if let Some((_, span)) = found.get(MOST) {
            reading.broken(*span, format!("there are more than {MOST} names in it"));
            found.truncate(MOST);
        }
    }
    found
}
