//! What people have, as a configuration of foster: every source becomes tables of the same schema that services
//! directories have, whose keys and values point into the source. So they are checked as those are, can be run as they are
//! (`foster run --import`), and are written as TOML that reads back as the same plan.
//!
//! A new kind of source is one file here: it parses, fills [`Draft`]s, and says of each key and file what became of it
//! ([`Trail`]).

mod chain;
mod chain_options;
mod compose;
mod cron;
mod draft;
mod finish;
mod idle;
mod logger;
mod place;
mod procfile;
mod reduce;
mod runit;
mod s6;
mod script;
mod shell;
mod supervisord;
mod systemd;
mod tools;
mod trail;
mod words;
mod write;

pub use draft::Draft;
#[doc(hidden)]
pub use supervisord::resolved as supervisord_resolved;
pub use trail::{Fate, Step, Trail};

use super::diagnostic::{Code, Diagnostic, Findings, Report, Sources, Span};
use super::keys::{SERVICE, SETTINGS};
use super::service::File;
use super::{ConfigFile, Mode, Request, Variables, assemble, settings};
use crate::model::Plan;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A kind of source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A Procfile, as of Foreman and Heroku.
    Procfile,
    /// Service directories of runit.
    Runit,
    /// The tree of s6-overlay in an image, or one of s6.
    S6,
    /// The configuration file of supervisord.
    Supervisord,
    /// A crontab, or a directory of them.
    Cron,
    /// A unit of systemd, or a directory of them.
    Systemd,
    /// A compose file, whose services of one image become those of one container.
    Compose,
}

impl Kind {
    /// All of them by their names.
    pub const ALL: &[(&str, Self)] = &[
        ("procfile", Self::Procfile),
        ("runit", Self::Runit),
        ("s6", Self::S6),
        ("supervisord", Self::Supervisord),
        ("cron", Self::Cron),
        ("systemd", Self::Systemd),
        ("compose", Self::Compose),
    ];
}

/// A source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// What it is.
    pub kind: Kind,
    /// A file, or a directory.
    pub path: PathBuf,
}

/// What a source says.
#[derive(Debug)]
pub struct Output {
    /// Its services, with different names.
    pub services: Vec<Draft>,
    /// The keys of `foster.toml`.
    pub settings: Draft,
    /// What became of each key and file.
    pub trail: Trail,
}

impl Output {
    /// Its services as files of a services directory would be read.
    pub(super) fn files(&self) -> Vec<File<'_>> {
        let mut files: Vec<File<'_>> = self.services.iter().map(Draft::file).collect();
        files.sort_by_key(|file| file.stem);
        files
    }
}

/// More services than this are surely no source: reading them as a plan, again and again, would take minutes.
pub const MOST: usize = 1000;

/// What a kind of source reads with, and writes into.
pub struct Reading<'r> {
    /// Every file that is read.
    pub sources: &'r mut Sources,
    /// What makes the source useless.
    pub findings: &'r Findings,
    /// The environment in which it would run.
    pub environment: &'r Variables,
    /// What came of it so far.
    pub output: Output,
}

impl Reading<'_> {
    /// A new service; its name is `called`, made fit, and so that no two have the same.
    pub fn service(&mut self, called: &str, span: Span) -> Draft {
        let taken: BTreeSet<&str> = self.output.services.iter().map(|draft| draft.name.as_str()).collect();
        Draft::new(draft::service_name(called, |name| taken.contains(name)), span)
    }

    /// Whether there may be another service; a finding where there may not.
    pub fn has_room(&self, span: Span) -> bool {
        let room = self.output.services.len() < MOST;
        if !room {
            self.broken(span, format!("there are more than {MOST} services in it"));
        }
        room
    }

    /// Reads a text file; `None`, and a finding, when that fails.
    pub fn load(&mut self, path: &Path) -> Option<u32> {
        let (file, fine) = super::files::load(path, self.sources, self.findings);
        fine.then_some(file)
    }

    /// The source is broken here.
    pub fn broken(&self, span: Span, message: impl Into<String>) {
        self.findings.push(Diagnostic::error(Code::Syntax, span, message));
    }
}

/// Reads a source. What makes it useless goes to `findings`.
pub fn read(import: &Import, environment: &Variables, sources: &mut Sources, findings: &Findings) -> Output {
    let settings = Draft::new("foster", Span::whole(0));
    let output = Output { services: Vec::new(), settings, trail: Trail::default() };
    let mut reading = Reading { sources, findings, environment, output };
    match import.kind {
        Kind::Procfile => procfile::read(&import.path, &mut reading),
        Kind::Runit => runit::read(&import.path, &mut reading),
        Kind::S6 => s6::read(&import.path, &mut reading),
        Kind::Supervisord => supervisord::read(&import.path, &mut reading),
        Kind::Cron => cron::read(&import.path, &mut reading),
        Kind::Systemd => systemd::read(&import.path, &mut reading),
        Kind::Compose => compose::read(&import.path, &mut reading),
    }
    reading.output
}

/// A source as a configuration.
#[derive(Clone, Debug)]
pub struct Converted {
    /// The files of a services directory by their names; `foster.toml` holds settings.
    pub files: Vec<(String, String)>,
    /// What became of each key and file.
    pub trail: Trail,
    /// Warnings about the source as a configuration.
    pub warnings: Vec<Diagnostic>,
    /// What all of these point into.
    pub sources: Sources,
}

/// Converts a source. `environment` is that in which it would run; what it uses of it and what is not there is no error.
///
/// # Errors
/// The source is broken: all that is wrong with it.
pub fn convert(import: &Import, environment: &Variables) -> Result<Converted, Report> {
    let mut sources = Sources::default();
    let findings = Findings::default();
    let mut output = read(import, environment, &mut sources, &findings);
    if findings.failed_since(0) {
        return Err(Report { diagnostics: findings.into_sorted(), sources });
    }
    let environment = with_all_variables(&output, environment);
    let (plan, findings) = plan(&output, &mut sources, &environment);
    let Some(plan) = plan else {
        return Err(Report { diagnostics: findings.into_sorted(), sources });
    };
    reduce::reduce(&mut output, &plan, &mut sources, &environment);
    let mut files: Vec<(String, String)> = output
        .services
        .iter()
        .map(|draft| (format!("{}.toml", draft.name), write::toml(draft, &SERVICE)))
        .collect();
    if !output.settings.items().is_empty() {
        files.push(("foster.toml".to_owned(), write::toml(&output.settings, &SETTINGS)));
    }
    Ok(Converted { files, trail: output.trail, warnings: findings.into_sorted(), sources })
}

/// The plan of these tables; `None`, and findings that say why, when they make none.
fn plan(output: &Output, sources: &mut Sources, environment: &Variables) -> (Option<Plan>, Findings) {
    plan_of(output, output.files(), &[], sources, environment)
}

/// The plan of some of the services, where `others` are known to be there, too.
fn plan_of(
    output: &Output,
    files: Vec<File<'_>>,
    others: &[&str],
    sources: &mut Sources,
    environment: &Variables,
) -> (Option<Plan>, Findings) {
    let findings = Findings::default();
    let request = Request {
        directories: Vec::new(),
        config: ConfigFile::Default(PathBuf::new()),
        command: Vec::new(),
        import: None,
        environment,
        mode: Mode::Run,
    };
    let global = settings::read(&request, Some(output), sources, &findings);
    let plan = assemble(&request, &global, files, others, sources, &findings);
    (Some(plan).filter(|_| !findings.failed_since(0)), findings)
}

/// The environment, and a value for each variable that is used and not in it.
fn with_all_variables(output: &Output, environment: &Variables) -> Variables {
    let mut all: Variables = environment.clone();
    let texts = output.services.iter().map(|draft| write::toml(draft, &SERVICE));
    for text in texts {
        for part in text.split("${").skip(1) {
            let name: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if !name.is_empty() {
                all.entry(OsString::from(name)).or_insert_with(|| OsString::from("1"));
            }
        }
    }
    all
}
