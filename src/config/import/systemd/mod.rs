//! Units of systemd: services with their sockets and timers, and targets; see systemd.unit(5).
//!
//! Which units there are and what they are called is found here; what they say becomes keys in the modules below.

mod boot;
mod calendar;
mod commands;
mod conditions;
mod directory;
mod ending;
mod exec;
mod foreground;
mod order;
mod process;
mod service;
mod settings;
mod sockets;
mod timer;
mod unit;
mod values;

use super::draft::{Draft, service_name};
use super::{MOST, Reading};
use crate::config::diagnostic::Span;
use directory::{Found, template};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use unit::{Setting, Unit};

/// The longest name of a unit, in bytes; a file can have no longer one.
const LONGEST_NAME: usize = 250;

/// All units of an import.
pub struct Units {
    list: Vec<Unit>,
    /// Whether they come from a directory, where what nothing starts stays down.
    is_directory: bool,
    aliases: BTreeMap<String, String>,
    links: Vec<(String, String, bool)>,
}

impl Units {
    /// The unit of this name, or of this other name of it.
    pub fn get(&self, name: &str) -> Option<&Unit> {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        self.list.iter().find(|unit| unit.name == name)
    }

    /// The sockets or timers that start this service.
    pub fn starting(&self, service: &Unit, kind: &str) -> Vec<&Unit> {
        let units = self.list.iter().filter(|unit| unit.kind() == kind);
        units
            .filter(|unit| sockets::service_of(self, unit).is_some_and(|one| one.name == service.name))
            .collect()
    }
}

/// What is said of one unit, and where it goes.
pub struct Making<'m, 'r> {
    pub unit: &'m Unit,
    pub units: &'m Units,
    pub reading: &'m mut Reading<'r>,
    pub draft: Draft,
    /// Services beside it: what runs before and after it.
    pub beside: Vec<Draft>,
    /// What has to hold for it to start, as commands.
    pub tests: Vec<conditions::Test>,
}

impl Making<'_, '_> {
    /// It became this key.
    pub fn exact(&mut self, setting: &Setting, became: &str) {
        let became = self.became(became);
        self.reading.output.trail.exact(setting.span, setting.what(), became);
    }

    /// It nearly became this key.
    pub fn nearly(&mut self, setting: &Setting, became: &str, why: impl Into<String>) {
        let became = self.became(became);
        self.reading.output.trail.approximated(setting.span, setting.what(), became, why);
    }

    /// Nothing came of it.
    pub fn not_carried(&mut self, setting: &Setting, why: impl Into<String>) {
        self.reading.output.trail.not_carried(setting.span, setting.what(), why);
    }

    /// The service that has this key, of which there can be one.
    pub fn holder(&self, key: &str) -> Option<&str> {
        let drafts = &self.reading.output.services;
        drafts.iter().find(|draft| draft.get(key).is_some()).map(|draft| draft.name.as_str())
    }

    fn became(&self, keys: &str) -> String {
        if keys.is_empty() { String::new() } else { format!("{}: {keys}", self.draft.name) }
    }

    /// A new service beside this one, called after it.
    pub fn beside(&self, what: &str, span: Span) -> Draft {
        let called = format!("{}-{what}", self.draft.name);
        let taken = |name: &str| {
            let drafts = self.reading.output.services.iter().chain(&self.beside);
            drafts.map(|draft| &draft.name).any(|other| other == name)
                || self.units.list.iter().any(|unit| unit.service == name)
        };
        Draft::new(service_name(&called, taken), span)
    }
}

/// Reads a unit with its drop-ins, or a directory of units.
pub fn read(path: &Path, reading: &mut Reading<'_>) {
    let is_directory = path.is_dir();
    let directory = if is_directory { path } else { path.parent().unwrap_or(Path::new(".")) };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut found =
        if is_directory { Found::scan(directory, reading) } else { Found::single(directory, &name) };
    let mut list: Vec<Unit> = Vec::new();
    let mut waiting: Vec<String> = found.units.keys().rev().cloned().collect();
    let mut known: BTreeSet<String> = waiting.iter().cloned().collect();
    while let Some(name) = waiting.pop() {
        if list.len() >= MOST {
            let file = reading.sources.add(path.to_string_lossy(), None);
            reading.broken(Span::whole(file), format!("there are more than {MOST} units in it"));
            return;
        }
        let Some(file) = found.units.get(&name).cloned() else { continue };
        let Some(unit) = load(&name, &file, directory, &found, reading) else { continue };
        for instance in instances(&unit) {
            let template = template(&instance).and_then(|template| directory::file(directory, &template));
            if let Some(file) = template.filter(|_| known.insert(instance.clone())) {
                found.units.insert(instance.clone(), file);
                waiting.push(instance);
            }
        }
        list.push(unit);
    }
    crate::model::sort_by_key(&mut list, |unit| unit.name.clone());
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for unit in list.iter_mut().filter(|unit| boot::is_carried(unit, is_directory)) {
        unit.service = service_name(unit.stem(), |name| taken.contains(name));
        taken.insert(unit.service.clone());
    }
    if let Some(unit) = list.first() {
        let why = "a service that has failed for good ends the container, with systemd the others go on: `essential = false`";
        reading.output.trail.approximated(unit.span, "all units", "", why);
    }
    let units = Units { list, is_directory, aliases: found.aliases, links: found.links };
    make(&units, reading);
    if reading.output.services.is_empty() && reading.findings.is_empty() {
        let file = reading.sources.add(path.to_string_lossy(), None);
        reading.broken(Span::whole(file), format!("there is no service in {}", path.display()));
    }
}

fn make(units: &Units, reading: &mut Reading<'_>) {
    for unit in &units.list {
        if units.is_directory && boot::is_of_the_machine(&unit.name) {
            let why = "it is for the boot of a machine, or part of systemd itself: import its file alone if it is needed";
            reading.output.trail.not_carried(unit.span, &unit.name, why);
            continue;
        }
        let draft = Draft::new(unit.service.clone(), unit.span);
        let mut making =
            Making { unit, units, reading: &mut *reading, draft, beside: Vec::new(), tests: Vec::new() };
        unknown_sections(&mut making);
        match unit.kind() {
            "service" => service::service(&mut making),
            "target" if unit.service.is_empty() => {
                making.reading.output.trail.exact(unit.span, &unit.name, "");
                continue;
            }
            "target" => {
                making.draft.set("type", "target", unit.span);
                order::order(&mut making);
                conditions::write(&mut making);
            }
            // With the service that they start.
            "socket" | "timer" if sockets::service_of(units, unit).is_some() => continue,
            kind => {
                let why = match kind {
                    "socket" | "timer" => "the service that it starts is not there: import its directory",
                    "path" => "nothing waits for files to appear: let the service itself wait (inotifywait)",
                    "mount" | "automount" | "swap" => "the container runtime mounts: give it a volume",
                    "slice" => "`[resources]` of each service says what it may use",
                    _ => "it is no service, socket, timer or target",
                };
                making.reading.output.trail.not_carried(unit.span, &unit.name, why);
                continue;
            }
        }
        let Making { draft, beside, .. } = making;
        reading.output.services.push(draft);
        reading.output.services.extend(beside);
    }
}

/// Tells of sections that this kind of unit does not have.
fn unknown_sections(making: &mut Making<'_, '_>) {
    let unit = making.unit;
    let own = match unit.kind() {
        "service" => "Service",
        "target" => "Target",
        // Their keys are told where they are read.
        _ => return,
    };
    let known = ["Unit", "Install", own];
    for setting in &unit.settings {
        let section = setting.section.as_str();
        if !known.contains(&section) && section.starts_with("X-") {
            making.exact(setting, "");
        } else if !known.contains(&section) {
            let advice = crate::config::did_you_mean(section, known).unwrap_or_default();
            making.not_carried(setting, format!("unknown section {advice}").trim_end().to_owned());
        }
    }
}

/// Instances of templates that a unit brings with it.
fn instances(unit: &Unit) -> Vec<String> {
    let mut names = Vec::new();
    for key in ["Requires", "Wants", "BindsTo", "Upholds", "Unit", "Service"] {
        for setting in unit.all(key) {
            for word in setting.words() {
                let name = unit::specifiers(word, &unit.name).ok();
                names.extend(name.filter(|name| template(name).is_some() && name.len() <= LONGEST_NAME));
            }
        }
    }
    names
}

/// Reads a unit and its drop-ins: `NAME.d`, and that of its template and of its kind.
fn load(name: &str, file: &Path, directory: &Path, found: &Found, reading: &mut Reading<'_>) -> Option<Unit> {
    if name.contains("@.") {
        let file = reading.sources.add(file.to_string_lossy(), None);
        let message =
            format!("{name} is a template: name an instance, such as {}", name.replacen('@', "@1", 1));
        reading.broken(Span::whole(file), message);
        return None;
    }
    let index = reading.load(file)?;
    let mut settings = unit::parse(index, reading);
    for path in found.drop_ins(name, directory, reading) {
        if let Some(index) = reading.load(&path) {
            settings.extend(unit::parse(index, reading));
        }
    }
    let settings = unit::effective(settings, reading);
    let is_linked = found.links.iter().any(|(_, linked, _)| linked == name);
    Some(Unit {
        name: name.to_owned(),
        service: String::new(),
        span: Span::whole(index),
        settings,
        is_linked,
    })
}
