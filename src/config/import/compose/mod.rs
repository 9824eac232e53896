//! Compose files: services that run the same image, side by side in one container; see the Compose specification.

mod health;
mod interpolate;
mod service;
mod yaml;

use super::Reading;
use super::draft::{Draft, service_name};
use crate::config::diagnostic::{Code, Diagnostic, Span};
use crate::model::parse_env_file;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use yaml::{Node, Yaml};

/// What a compose file is called.
const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// A service that is carried.
pub struct Source<'y> {
    /// As it is called in the file.
    pub called: &'y str,
    /// As it is called here.
    pub name: String,
    pub span: Span,
    pub node: &'y Node,
    /// Whether others wait until it has ended well.
    pub is_oneshot: bool,
    /// Whether others wait until it is healthy.
    pub is_awaited: bool,
}

/// What all of them are read with.
pub struct Compose<'y> {
    pub services: Vec<Source<'y>>,
    /// Variables of the file `.env`.
    pub known: BTreeMap<String, String>,
    /// The directory of the file.
    pub directory: PathBuf,
}

/// Reads it: the file, or the directory that it is in.
pub fn read(path: &Path, reading: &mut Reading<'_>) {
    let path = match path.is_dir() {
        true => NAMES.map(|name| path.join(name)).into_iter().find(|path| path.exists()).unwrap_or(path.join(NAMES[0])),
        false => path.to_owned(),
    };
    let Some(file) = reading.load(&path) else { return };
    let text = reading.sources.text(file).to_owned();
    let root = match yaml::parse(file, &text) {
        Ok(root) => root,
        Err((span, why)) => return reading.broken(span, why),
    };
    let Some(services) = root.get("services").filter(|node| node.map().is_some_and(|map| !map.is_empty())) else {
        return reading.broken(root.span, "there are no `services` in it");
    };
    top(&root, reading);
    let directory = path.parent().unwrap_or(Path::new(".")).to_owned();
    let directory = directory.canonicalize().unwrap_or(directory);
    let known = dot_env(&directory, reading);
    let sources = choose(services, reading);
    let compose = Compose { services: sources, known, directory };
    for source in &compose.services {
        if !reading.has_room(source.span) {
            return;
        }
        let draft = Draft::new(source.name.clone(), source.span);
        let draft = service::service(&compose, source, draft, reading);
        reading.output.services.push(draft);
    }
    if compose.services.is_empty() && reading.findings.is_empty() {
        let message = "no service in it says what it runs: what their images run does not stand in this file";
        let help = "write `command` in each service".to_owned();
        reading.findings.push(Diagnostic::error(Code::Missing, services.span, message).help(help));
    }
}

/// The keys beside `services`.
fn top(root: &Node, reading: &mut Reading<'_>) {
    for (key, span, _) in root.map().unwrap_or_default() {
        let trail = &mut reading.output.trail;
        match key.as_str() {
            "services" => {}
            "version" | "name" => trail.exact(*span, key, ""),
            key if key.starts_with("x-") => trail.exact(*span, key, ""),
            "networks" | "volumes" | "configs" | "secrets" => {
                let why = "they are of the container: give them to what runs it";
                trail.not_carried(*span, key, why);
            }
            "include" => {
                let help = "`docker compose config` writes one file of all".to_owned();
                let message = "`include` names other files, which are not read";
                reading.findings.push(Diagnostic::error(Code::Value, *span, message).help(help));
            }
            other => {
                let known = ["services", "version", "name", "networks", "volumes", "configs", "secrets", "include"];
                let advice = crate::config::did_you_mean(other, known);
                let why = advice.map_or("unknown key".to_owned(), |advice| format!("unknown key, {advice}"));
                trail.not_carried(*span, other, why);
            }
        }
    }
}

fn dot_env(directory: &Path, reading: &mut Reading<'_>) -> BTreeMap<String, String> {
    let path = directory.join(".env");
    if !path.is_file() {
        return BTreeMap::new();
    }
    let Some(file) = reading.load(&path) else { return BTreeMap::new() };
    let text = reading.sources.text(file).to_owned();
    match parse_env_file(&text) {
        Ok(variables) => {
            let why = "its values are the defaults where the compose file names them: the container's environment overrides them";
            reading.output.trail.approximated(Span::whole(file), ".env", "", why);
            variables.into_iter().collect()
        }
        Err(why) => {
            reading.broken(Span::whole(file), format!("cannot read .env: {why:?}"));
            BTreeMap::new()
        }
    }
}

/// The services that one container can run: those of the image that most have, as far as they say what they run.
fn choose<'y>(services: &'y Node, reading: &mut Reading<'_>) -> Vec<Source<'y>> {
    let all = services.map().unwrap_or_default();
    let mut images: Vec<(String, usize)> = Vec::new();
    for (name, _, node) in all.iter().filter(|(_, _, node)| runs(node)) {
        let image = image(name, node);
        match images.iter_mut().find(|(other, _)| *other == image) {
            Some((_, count)) => *count += 1,
            None => images.push((image, 1)),
        }
    }
    let most = images.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let chosen = images.iter().find(|(_, count)| *count == most).map(|(image, _)| image.as_str());
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut sources: Vec<Source<'y>> = Vec::new();
    for (called, span, node) in all {
        let trail = &mut reading.output.trail;
        if !matches!(node.value, Yaml::Map(_)) {
            reading.broken(*span, format!("`services.{called}` is a map of keys"));
        } else if let Some(extends) = node.map().unwrap_or_default().iter().find(|(key, _, _)| key == "extends") {
            let help = "`docker compose config` writes it out".to_owned();
            let message = "`extends` takes over another service, which is not read";
            reading.findings.push(Diagnostic::error(Code::Value, extends.1, message).help(help));
        } else if !runs(node) {
            let why = "what its image runs does not stand here: write `command`, or a service of its own if this image has the program";
            trail.not_carried(*span, format!("services.{called}"), why);
        } else if Some(image(called, node).as_str()) != chosen {
            let why = "it runs another image than most: if its program is in this one, write a service for it";
            trail.not_carried(*span, format!("services.{called}"), why);
        } else {
            let name = service_name(called, |name| taken.contains(name));
            taken.insert(name.clone());
            sources.push(Source { called, name, span: *span, node, is_oneshot: false, is_awaited: false });
        }
    }
    for (_, _, node) in all {
        let Some(waits) = node.get("depends_on").and_then(Node::map) else { continue };
        for (called, _, how) in waits {
            let condition = how.get("condition").and_then(Node::text).unwrap_or_default();
            if let Some(source) = sources.iter_mut().find(|source| source.called == called) {
                source.is_oneshot |= condition == "service_completed_successfully";
                source.is_awaited |= condition == "service_healthy";
            }
        }
    }
    sources
}

fn runs(node: &Node) -> bool {
    ["command", "entrypoint"].iter().any(|key| {
        node.get(key).is_some_and(|node| match &node.value {
            Yaml::Text(text) => !text.trim().is_empty(),
            Yaml::List(list) => !list.is_empty(),
            _ => false,
        })
    })
}

/// What it runs in, so that the same is the same.
fn image(called: &str, node: &Node) -> String {
    let build = |node: &Node| match node.get("build") {
        Some(Node { value: Yaml::Text(text), .. }) => Some(format!("build {text}")),
        Some(node) => {
            let part = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default().to_owned();
            Some(format!("build {} {} {}", part("context"), part("dockerfile"), part("target")))
        }
        None => None,
    };
    let image = node.get("image").and_then(Node::text).map(|image| format!("image {image}"));
    // One without either is taken for one of this image.
    build(node).or(image).unwrap_or_else(|| format!("none {}", if called.is_empty() { "" } else { "here" }))
}
