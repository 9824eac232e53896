//! Compose files: services that run the same image, side by side in one container; see the Compose specification.

mod command;
mod files;
mod health;
mod lay;
mod limits;
mod outside;
mod service;
mod variables;
mod waiting;
mod yaml;

use super::Reading;
use super::draft::{Draft, service_name};
use crate::config::diagnostic::{Code, Diagnostic, Span};
use crate::config::did_you_mean;
use files::{Files, Found, Project};
use std::collections::BTreeSet;
use std::path::Path;
use variables::Lookup;
use yaml::{Node, Yaml};

/// A service that is carried.
struct Source<'y> {
    /// As it is called in the file.
    called: &'y str,
    /// As it is called here.
    name: String,
    span: Span,
    node: &'y Node,
    project: &'y Project,
    /// Whether others wait until it has ended well.
    is_oneshot: bool,
    /// Whether others wait until it is healthy.
    is_awaited: bool,
}

/// A service that is being made.
struct Making<'m, 'r> {
    all: &'m [Source<'m>],
    source: &'m Source<'m>,
    lookup: Lookup<'m>,
    draft: Draft,
    reading: &'m mut Reading<'r>,
}

/// A key with its value, and what the report calls it.
#[derive(Clone)]
struct Key<'y> {
    what: String,
    span: Span,
    node: &'y Node,
}

impl<'y> Key<'y> {
    /// A key in it.
    fn sub(&self, name: &str, span: Span, node: &'y Node) -> Self {
        Self { what: format!("{}.{name}", self.what), span, node }
    }

    /// The keys in it.
    fn subs(&self) -> impl Iterator<Item = (&'y str, Self)> {
        let entries = self.node.map().unwrap_or_default().iter();
        entries.map(|(name, span, node)| (name.as_str(), self.sub(name, *span, node)))
    }
}

/// Reads it: the file, or the directory that it is in.
pub fn read(path: &Path, reading: &mut Reading<'_>) {
    let mut files = Files::default();
    files.read(path, reading);
    if reading.findings.failed_since(0) {
        return;
    }
    let sources = choose(&files, reading);
    if sources.is_empty() && !reading.findings.failed_since(0) {
        let span = files.services.first().map_or(Span::whole(0), |found| found.span);
        let message = "no service in it says what it runs: what their images run does not stand in this file";
        let help = "write `command` in each service".to_owned();
        reading.findings.push(Diagnostic::error(Code::Missing, span, message).help(help));
    }
    for source in &sources {
        if !reading.has_room(source.span) {
            return;
        }
        let environment = reading.environment;
        let making = Making {
            all: &sources,
            source,
            lookup: Lookup::new(&source.project.known, environment),
            draft: Draft::new(source.name.clone(), source.span),
            reading: &mut *reading,
        };
        let draft = making.made();
        reading.output.services.push(draft);
    }
}

/// The services that one container can run: those of the image that most have, as far as they say what they run.
fn choose<'y>(files: &'y Files, reading: &mut Reading<'_>) -> Vec<Source<'y>> {
    let mut images: Vec<(String, usize)> = Vec::new();
    for found in files.services.iter().filter(|found| runs(&found.node)) {
        let image = image(&found.node);
        match images.iter_mut().find(|(other, _)| *other == image) {
            Some((_, count)) => *count += 1,
            None => images.push((image, 1)),
        }
    }
    let most = images.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let chosen = images.iter().find(|(_, count)| *count == most).map(|(image, _)| image.as_str());
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut sources: Vec<Source<'y>> = Vec::new();
    for Found { called, span, node, project } in &files.services {
        let what = || format!("services.{called}");
        let trail = &mut reading.output.trail;
        if node.map().is_none() && node.value != Yaml::Null {
            reading.broken(*span, format!("`services.{called}` is a map of keys"));
        } else if !runs(node) {
            let why =
                "what its image runs does not stand here: if this image has the program, write `command`";
            trail.not_carried(*span, what(), why);
        } else if Some(image(node).as_str()) != chosen {
            let why =
                "it runs another image than most do: if its program is in this one, write a service for it";
            trail.not_carried(*span, what(), why);
        } else if let Some(project) = files.projects.get(*project) {
            let name = service_name(called, |name| taken.contains(name));
            taken.insert(name.clone());
            let (is_oneshot, is_awaited) = (false, false);
            sources.push(Source { called, name, span: *span, node, project, is_oneshot, is_awaited });
        }
    }
    for found in &files.services {
        waits(found, files, &mut sources, reading);
    }
    sources
}

/// What `depends_on` says of those that it names.
fn waits(found: &Found, files: &Files, sources: &mut [Source<'_>], reading: &Reading<'_>) {
    let Some(node) = found.node.get("depends_on") else { return };
    let of_list =
        node.list().unwrap_or_default().iter().filter_map(|item| Some((item.text()?, item.span, None)));
    let of_map = node.map().unwrap_or_default().iter();
    let of_map = of_map.map(|(called, span, how)| (called.as_str(), *span, how.get("condition")));
    for (called, span, condition) in of_list.chain(of_map) {
        let names = || files.services.iter().map(|other| other.called.as_str());
        if !names().any(|name| name == called) {
            let message = format!("there is no service `{called}`");
            let help = did_you_mean(called, names());
            let finding = Diagnostic::error(Code::Reference, span, message);
            reading.findings.push(match help {
                Some(help) => finding.help(help),
                None => finding,
            });
        }
        let condition = condition.and_then(Node::text).unwrap_or_default();
        if let Some(source) = sources.iter_mut().find(|source| source.called == called) {
            source.is_oneshot |= condition == "service_completed_successfully";
            source.is_awaited |= condition == "service_healthy";
        }
    }
}

fn runs(node: &Node) -> bool {
    ["command", "entrypoint"].iter().any(|key| {
        node.get(key).is_some_and(|node| match &node.value {
            Yaml::Text(text) => !text.trim().is_empty(),
            Yaml::List(list) => !list.is_empty(),
            // That is wrong, and will be told.
            Yaml::Map(_) => true,
            Yaml::Null => false,
        })
    })
}

/// What it runs in, so that the same is the same. One without an image is taken for one of this image.
fn image(node: &Node) -> String {
    let part = |node: &Node, key: &str| node.get(key).and_then(Node::text).unwrap_or_default().to_owned();
    match (node.get("build"), node.get("image")) {
        (Some(build), _) => match build.text() {
            Some(context) => format!("build {context}  "),
            None => format!(
                "build {} {} {}",
                part(build, "context"),
                part(build, "dockerfile"),
                part(build, "target")
            ),
        },
        (None, Some(image)) => format!("image {}", image.text().unwrap_or_default()),
        (None, None) => String::new(),
    }
}

impl Making<'_, '_> {
    /// It became these keys.
    fn exact(&mut self, key: &Key<'_>, became: &str) {
        self.reading.output.trail.exact(key.span, &key.what, self.became(became));
    }

    /// It nearly became these keys.
    fn nearly(&mut self, key: &Key<'_>, became: &str, why: impl Into<String>) {
        self.reading.output.trail.approximated(key.span, &key.what, self.became(became), why);
    }

    /// Nothing came of it.
    fn not_carried(&mut self, key: &Key<'_>, why: impl Into<String>) {
        self.reading.output.trail.not_carried(key.span, &key.what, why);
    }

    fn became(&self, keys: &str) -> String {
        if keys.is_empty() { String::new() } else { format!("{}: {keys}", self.source.name) }
    }

    /// A key that is not known.
    fn unknown(&mut self, key: &Key<'_>, name: &str, known: &[&str]) {
        if name.starts_with("x-") {
            return self.exact(key, "");
        }
        let advice = did_you_mean(name, known.iter().copied());
        let why = advice.map_or("unknown key".to_owned(), |advice| format!("unknown key, {advice}"));
        self.not_carried(key, why);
    }

    /// Its text with foster's variables; `None`, and a line in the report, when there is none.
    fn written(&mut self, key: &Key<'_>) -> Option<String> {
        let Some(text) = key.node.text() else {
            self.not_carried(key, "it should be text here");
            return None;
        };
        match self.lookup.written(text) {
            Ok(text) => Some(text),
            Err(why) => {
                self.not_carried(key, why);
                None
            }
        }
    }

    /// Its text, with variables as they are now; `None`, and a line in the report, when there is none.
    fn now(&mut self, key: &Key<'_>) -> Option<String> {
        let Some(text) = key.node.text() else {
            self.not_carried(key, "it should be text here");
            return None;
        };
        match self.lookup.now(text) {
            Ok(text) => Some(text),
            Err(why) => {
                self.not_carried(key, why);
                None
            }
        }
    }

    /// Sets a key to what this one says.
    fn set(&mut self, key: &Key<'_>, path: &str, value: impl Into<crate::config::tree::Value<'static>>) {
        self.draft.set(path, value, key.span);
        self.exact(key, path);
    }
}
