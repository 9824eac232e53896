//! Compose files, with those that they include, extend, and are overridden by.

use super::super::Reading;
use super::lay::lay;
use super::variables::Lookup;
use super::yaml::{self, Node, Yaml};
use crate::config::diagnostic::{Code, Diagnostic, Span};
use crate::config::did_you_mean;
use crate::model::parse_env_file;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What a compose file is called, and what lies over it.
const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDES: [&str; 4] = [
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];
/// Files, and how far they may lead.
const MOST: usize = 50;
/// How long a chain of `extends` may be.
const LONGEST: usize = 16;
/// Values in all services that extend others.
const MOST_VALUES: usize = 200_000;

/// What a file is read with.
pub struct Project {
    /// Where its paths begin.
    pub directory: PathBuf,
    /// Variables of the file `.env`.
    pub known: BTreeMap<String, String>,
}

/// A service of one of the files, with what it extends.
pub struct Found {
    pub called: String,
    pub span: Span,
    pub node: Node,
    /// Index of its project.
    pub project: usize,
}

/// All files.
#[derive(Default)]
pub struct Files {
    pub projects: Vec<Project>,
    pub services: Vec<Found>,
    /// By path.
    parsed: BTreeMap<PathBuf, Rc<Node>>,
    values: usize,
}

/// A service in a file.
type Place = (PathBuf, String);

impl Files {
    /// Reads the file, or what there is in the directory. What is wrong goes to the findings.
    pub fn read(&mut self, path: &Path, reading: &mut Reading<'_>) {
        let first =
            |names: [&str; 4]| names.map(|name| path.join(name)).into_iter().find(|path| path.exists());
        if !path.is_dir() {
            return self.model(path, None, &BTreeMap::new(), &mut Vec::new(), reading);
        }
        let main = first(NAMES).unwrap_or(path.join(NAMES[0]));
        self.model(&main, first(OVERRIDES).as_deref(), &BTreeMap::new(), &mut Vec::new(), reading);
    }

    /// A file with what it includes. `outer` are the variables of the file that includes it.
    fn model(
        &mut self,
        path: &Path,
        over: Option<&Path>,
        outer: &BTreeMap<String, String>,
        open: &mut Vec<PathBuf>,
        reading: &mut Reading<'_>,
    ) {
        let Some(mut root) = self.parse(path, reading) else { return };
        if let Some(over) = over {
            let Some(over) = self.parse(over, reading) else { return };
            root = Rc::new(lay("", (*root).clone(), (*over).clone()));
        }
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = directory.canonicalize().unwrap_or(directory.to_owned());
        let mut known = dot_env(&directory, reading);
        known.extend(outer.clone());
        top(&root, reading);
        let index = self.projects.len();
        if index >= MOST {
            return reading.broken(root.span, format!("there are more than {MOST} files"));
        }
        self.projects.push(Project { directory: directory.clone(), known: known.clone() });
        open.push(path.to_owned());
        self.includes(&root, &directory, &known, open, reading);
        open.pop();
        let Some(services) = root.get("services") else {
            if root.get("include").is_none() {
                reading.broken(root.span, "there are no `services` in it");
            }
            return;
        };
        let Some(entries) = services.map() else {
            return reading.broken(services.span, "`services` is a map of services");
        };
        for (called, span, node) in entries {
            if self.services.len() > super::super::MOST {
                return reading
                    .broken(*span, format!("there are more than {} services in it", super::super::MOST));
            }
            if self.services.iter().any(|other| other.called == *called) {
                reading.broken(*span, format!("the service `{called}` is given twice, by what is included"));
                continue;
            }
            let mut chain = vec![(path.to_owned(), called.clone())];
            if let Some(node) = self.whole(node, &root, index, &mut chain, reading) {
                self.services.push(Found { called: called.clone(), span: *span, node, project: index });
            }
        }
    }

    /// Reads and parses a file, once.
    fn parse(&mut self, path: &Path, reading: &mut Reading<'_>) -> Option<Rc<Node>> {
        if let Some(node) = self.parsed.get(path) {
            return Some(Rc::clone(node));
        }
        let file = reading.load(path)?;
        if self.parsed.len() >= MOST {
            reading.broken(Span::whole(file), format!("there are more than {MOST} files"));
            return None;
        }
        let text = reading.sources.text(file).to_owned();
        match yaml::parse(file, &text) {
            Ok(node) => {
                let node = Rc::new(node);
                self.parsed.insert(path.to_owned(), Rc::clone(&node));
                Some(node)
            }
            Err((span, why)) => {
                reading.broken(span, why);
                None
            }
        }
    }

    fn includes(
        &mut self,
        root: &Node,
        directory: &Path,
        known: &BTreeMap<String, String>,
        open: &mut Vec<PathBuf>,
        reading: &mut Reading<'_>,
    ) {
        let Some(include) = root.get("include") else { return };
        let one = [include.clone()];
        for node in include.list().unwrap_or(&one) {
            let paths = node.get("path").unwrap_or(node);
            let paths = paths.list().map_or(vec![paths], |list| list.iter().collect());
            let text = paths.first().and_then(|node| node.text()).and_then(|text| now(text, known, reading));
            let Some(text) = text.filter(|_| paths.len() <= 2) else {
                reading.broken(
                    node.span,
                    "`include` takes paths; `docker compose config` writes one file of all",
                );
                continue;
            };
            for (key, span, _) in node.map().unwrap_or_default() {
                if key != "path" {
                    let why = "paths and `.env` are looked for beside the included file";
                    reading.output.trail.not_carried(*span, format!("include.{key}"), why);
                }
            }
            let path = directory.join(&text);
            if open.len() >= LONGEST || open.contains(&path) {
                reading.broken(
                    node.span,
                    format!("cannot include {text}: it includes itself, or leads too far"),
                );
                continue;
            }
            let over = paths.get(1).and_then(|node| node.text()).map(|over| directory.join(over));
            self.model(&path, over.as_deref(), known, open, reading);
        }
    }

    /// A service with what it extends. `chain` ends with it.
    fn whole(
        &mut self,
        node: &Node,
        root: &Rc<Node>,
        project: usize,
        chain: &mut Vec<Place>,
        reading: &mut Reading<'_>,
    ) -> Option<Node> {
        let Some(extends) = node.get("extends") else { return Some(node.clone()) };
        let fault = |reading: &Reading<'_>, why: String| {
            reading.findings.push(Diagnostic::error(Code::Reference, extends.span, why));
            None
        };
        let called = extends.text().or_else(|| extends.get("service").and_then(Node::text));
        let Some(called) = called else { return fault(reading, "`extends` names a `service`".to_owned()) };
        let (path, _) = chain.last()?.clone();
        let (path, root) = match extends.get("file").and_then(Node::text) {
            None => (path, Rc::clone(root)),
            Some(file) => {
                let known = self.projects.get(project)?.known.clone();
                let Some(file) = now(file, &known, reading) else {
                    return fault(reading, "cannot tell which `file` this is".to_owned());
                };
                let path = path.parent().unwrap_or(Path::new(".")).join(file);
                let root = self.parse(&path, reading)?;
                (path, root)
            }
        };
        let services = root.get("services").and_then(Node::map).unwrap_or_default();
        let Some((_, _, base)) = services.iter().find(|(name, _, _)| name == called) else {
            let advice = did_you_mean(called, services.iter().map(|(name, _, _)| name.as_str()));
            let advice = advice.map_or(String::new(), |advice| format!(": {advice}"));
            return fault(reading, format!("there is no service `{called}` to extend{advice}"));
        };
        let place = (path.clone(), called.to_owned());
        if chain.contains(&place) || chain.len() >= LONGEST {
            return fault(reading, format!("cannot extend `{called}`: it extends itself, or leads too far"));
        }
        chain.push(place);
        let mut base = self.whole(base, &root, project, chain, reading)?;
        chain.pop();
        if extends.get("file").is_some() {
            rebase(&mut base, path.parent().unwrap_or(Path::new(".")));
        }
        self.values += base.weight() + node.weight();
        if self.values > MOST_VALUES {
            return fault(reading, format!("there are more than {MOST_VALUES} values in what is extended"));
        }
        Some(lay("", base, node.clone()))
    }
}

/// Has the paths in a service begin in this directory.
fn rebase(service: &mut Node, directory: &Path) {
    let absolute = |node: &mut Node| {
        if let Yaml::Text(text) = &mut node.value
            && !text.starts_with(['/', '$'])
        {
            let directory = directory.canonicalize().unwrap_or(directory.to_owned());
            *text = directory.join(text.trim_start_matches("./")).to_string_lossy().replace('$', "$$");
        }
    };
    let Yaml::Map(entries) = &mut service.value else { return };
    let Some((_, _, files)) = entries.iter_mut().find(|(key, _, _)| key == "env_file") else { return };
    match &mut files.value {
        Yaml::List(list) => {
            for node in list {
                match &mut node.value {
                    Yaml::Map(entries) => entries.iter_mut().for_each(|(key, _, node)| {
                        if key == "path" {
                            absolute(node);
                        }
                    }),
                    _ => absolute(node),
                }
            }
        }
        _ => absolute(files),
    }
}

/// A path as it is now; a finding is left to whoever needs it.
fn now(text: &str, known: &BTreeMap<String, String>, reading: &Reading<'_>) -> Option<String> {
    Lookup::new(known, reading.environment).now(text).ok().filter(|text| !text.is_empty())
}

/// The keys beside `services`.
fn top(root: &Node, reading: &mut Reading<'_>) {
    for (key, span, _) in root.map().unwrap_or_default() {
        let trail = &mut reading.output.trail;
        match key.as_str() {
            "services" => {
                let why = "they share one container: its network (one reaches the other at `localhost`, not by its \
                           name), its files, and its end: one that has failed for good ends it, but for \
                           `essential = false`. Each has 5 s to stop, not 10, unless it says so";
                trail.approximated(*span, key, "", why);
            }
            "version" | "name" | "include" => trail.exact(*span, key, ""),
            key if key.starts_with("x-") => trail.exact(*span, key, ""),
            "networks" | "volumes" | "configs" | "secrets" | "models" => {
                let why = "they are of the container: give them to what runs it";
                trail.not_carried(*span, key, why);
            }
            other => {
                let known = [
                    "services", "version", "name", "networks", "volumes", "configs", "secrets", "include",
                    "models",
                ];
                let advice = did_you_mean(other, known);
                let why = advice.map_or("unknown key".to_owned(), |advice| format!("unknown key, {advice}"));
                trail.not_carried(*span, other, why);
            }
        }
    }
}

/// The variables in `.env`.
fn dot_env(directory: &Path, reading: &mut Reading<'_>) -> BTreeMap<String, String> {
    let path = directory.join(".env");
    if !path.is_file() {
        return BTreeMap::new();
    }
    let Some(file) = reading.load(&path) else { return BTreeMap::new() };
    let text = reading.sources.text(file).to_owned();
    match parse_env_file(&text) {
        Ok(variables) => {
            let why = "its values are the defaults where the compose file names them: the environment of the \
                       container overrides them; a `$` in them stays what it is";
            reading.output.trail.approximated(Span::whole(file), ".env", "", why);
            variables.into_iter().collect()
        }
        Err((line, why)) => {
            let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
            let span = Span::new(file, start..start + 1);
            reading.broken(span, format!("cannot read .env: {why}"));
            BTreeMap::new()
        }
    }
}
