//! From files to the plan: layers, drop-ins, expansion, cross checks. Everything wrong is found in one run.
//!
//! ```no_run
//! use foster::config::{Mode, Request, Variables, load};
//!
//! let environment: Variables = std::env::vars_os().collect();
//! match load(&Request::new(vec!["/etc/foster/services.d".into()], None, &environment, Mode::Run)) {
//!     Ok(loaded) => println!("{} services", loaded.plan.services.len()),
//!     Err(report) => eprint!("{}", report.render(false)),
//! }
//! ```

mod command;
mod cycle;
mod diagnostic;
mod expand;
mod files;
mod health;
pub mod import;
mod json_schema;
mod keys;
mod limits;
mod log;
mod log_targets;
mod presence;
mod probe;
mod process;
mod reader;
mod ready;
mod reference;
mod render;
mod resolve;
mod resources;
mod restart;
mod schedule;
mod schema;
mod scope;
mod service;
mod settings;
mod sockets;
mod suggest;
mod tree;

pub use diagnostic::{Code, Diagnostic, Findings, Report, Severity, Source, Sources, Span};
pub use files::Directory;
pub use json_schema::{SchemaOf, json_schema};
pub use keys::{SERVICE, SETTINGS, VARIABLES};
pub use reference::reference;
pub use render::Position;
pub use schema::{Group, Key, Type};
pub use suggest::did_you_mean;

use crate::model::{Exec, Kind, Plan, Policy, Service, Settings, Stdin};
use import::Import;
use service::{Context, Draft, File};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The services directory that is used when nothing names another.
pub const DEFAULT_DIRECTORY: &str = "/etc/foster/services.d";
/// The settings file that is used when nothing names another.
pub const DEFAULT_CONFIG: &str = "/etc/foster/foster.toml";

/// An environment.
pub type Variables = BTreeMap<OsString, OsString>;

/// What the caller wants with the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To be told all about it: also what the system does not have (yet).
    Check,
    /// To run it, soon.
    Run,
}

/// `foster.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigFile {
    /// Somebody named it, so it must exist.
    Given(PathBuf),
    /// It may be missing.
    Default(PathBuf),
}

/// What to load. [`Request::new`] fills it by the documented rules.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Services directories of the command line, base layer first. With none, `FOSTER_SERVICES` names them, then
    /// `foster.toml`, then [`DEFAULT_DIRECTORY`].
    pub directories: Vec<PathBuf>,
    /// The settings file.
    pub config: ConfigFile,
    /// The command after `--`; empty when there is none.
    pub command: Vec<OsString>,
    /// What stands for a services directory instead of one.
    pub import: Option<Import>,
    /// The environment of the container.
    pub environment: &'a Variables,
    /// What for.
    pub mode: Mode,
}

impl<'a> Request<'a> {
    /// A request for these directories (may be none) and this settings file: the one given, else `FOSTER_CONFIG`, else
    /// [`DEFAULT_CONFIG`] if it exists.
    #[must_use]
    pub fn new(
        directories: Vec<PathBuf>,
        config: Option<PathBuf>,
        environment: &'a Variables,
        mode: Mode,
    ) -> Self {
        let variable = environment.get(OsStr::new("FOSTER_CONFIG")).filter(|path| !path.is_empty());
        let config = match config.or_else(|| variable.map(PathBuf::from)) {
            Some(path) => ConfigFile::Given(path),
            None => ConfigFile::Default(DEFAULT_CONFIG.into()),
        };
        Self { directories, config, command: Vec::new(), import: None, environment, mode }
    }
}

/// A configuration without errors.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The plan.
    pub plan: Plan,
    /// The warnings, with the sources to show them in; both empty when there are none.
    pub warnings: Report,
    /// The services directories that were read.
    pub directories: Vec<PathBuf>,
}

/// Reads the configuration. Reads files and the user database, and changes nothing.
///
/// # Errors
/// A [`Report`] with at least one error, and all errors and warnings of all files.
pub fn load(request: &Request<'_>) -> Result<Loaded, Report> {
    let mut sources = Sources::default();
    let findings = Findings::default();
    let imported = request
        .import
        .as_ref()
        .map(|import| import::read(import, request.environment, &mut sources, &findings));
    let global = settings::read(request, imported.as_ref(), &mut sources, &findings);
    let found = match &imported {
        Some(_) => Vec::new(),
        None => find(&global.directories, &mut sources, &findings),
    };
    let plan = match &imported {
        Some(output) => assemble(request, &global, output.files(), &[], &sources, &findings),
        None => {
            let (whole, broken): (Vec<_>, Vec<_>) = found.iter().partition(|loading| loading.readable);
            let broken: Vec<&str> = broken.iter().map(|loading| loading.stem.as_str()).collect();
            let files = whole.iter().map(|loading| loading.parse(&sources, &findings)).collect();
            assemble(request, &global, files, &broken, &sources, &findings)
        }
    };
    let failed = findings.failed_since(0);
    let diagnostics = findings.into_sorted();
    if failed {
        return Err(Report { diagnostics, sources });
    }
    let warnings = if diagnostics.is_empty() { Report::default() } else { Report { diagnostics, sources } };
    let directories = global.directories.into_iter().map(|directory| directory.path).collect();
    Ok(Loaded { plan, warnings, directories })
}

/// Finds and reads the files of all services, in the order of their names.
fn find(directories: &[Directory], sources: &mut Sources, findings: &Findings) -> Vec<Loading> {
    let services = files::scan(directories, sources, findings);
    let load = |(stem, files): (String, files::ServiceFiles)| {
        let (file, readable) = files::load(&files.main, sources, findings);
        let drop_ins = files.drop_ins.iter().map(|path| files::load(path, sources, findings)).collect();
        Loading { stem, file, readable, drop_ins }
    };
    services.into_iter().map(load).collect()
}

/// From the tables of the services, in the order of their names, to the plan, which is none if there are findings.
/// `broken` are the names of those that could not be read.
fn assemble<'s>(
    request: &Request<'_>,
    global: &settings::Global,
    files: Vec<File<'s>>,
    broken: &[&str],
    sources: &Sources,
    findings: &Findings,
) -> Plan {
    let settings = &global.settings;
    let context = Context {
        findings,
        sources,
        container: request.environment,
        mode: request.mode,
        settings,
        has_command: !request.command.is_empty(),
        accounts: OnceCell::new(),
    };
    let names: Vec<&str> = files.iter().map(|file| file.stem).chain(broken.iter().copied()).collect();
    let command_name = command_name(&names);
    let mut drafts: Vec<Draft<'_>> = Vec::with_capacity(files.len() + 1);
    for file in &files {
        read_all(&context, file, &mut drafts);
    }
    if let Some(draft) = command_service(&context, request, &command_name, &drafts) {
        let place = drafts.partition_point(|other: &Draft<'_>| other.stem < draft.stem);
        drafts.insert(place, draft);
    }
    resolve::resolve(&context, &mut drafts, broken);
    check_something_to_run(&context, request, &global.directories, names.is_empty(), &drafts);
    Plan { services: drafts.into_iter().map(|draft| draft.service).collect(), settings: settings.clone() }
}

/// The settings alone, for those who need to know where a supervisor is. What is wrong with them is the business of
/// [`load`]; here the default stands for it.
#[must_use]
pub fn settings(request: &Request<'_>) -> Settings {
    settings::read(request, None, &mut Sources::default(), &Findings::default()).settings
}

/// Keys of which a service means one: who sets one in a drop-in takes those of the files below away.
const EXCLUSIVE: tree::Exclusive =
    &[("", &["command", "script"]), ("ready", &ready::SIGNS), ("health", &probe::PROBES)];

/// The files of one service, as indexes of sources, and whether each could be read.
struct Loading {
    stem: String,
    file: u32,
    readable: bool,
    drop_ins: Vec<(u32, bool)>,
}

impl Loading {
    fn parse<'s>(&'s self, sources: &'s Sources, findings: &Findings) -> File<'s> {
        let base = tree::parse(sources, self.file, findings);
        let mut file = File { stem: &self.stem, file: self.file, table: base.root, complete: !base.broken };
        for (drop_in, readable) in &self.drop_ins {
            if *readable {
                let over = tree::parse(sources, *drop_in, findings);
                file.complete &= !over.broken;
                file.table.merge(over.root, EXCLUSIVE);
            } else {
                file.complete = false;
            }
        }
        file
    }
}

/// Reads a service, or all its instances. What is wrong with the first one is wrong with all.
fn read_all<'s>(context: &Context<'_>, file: &File<'s>, drafts: &mut Vec<Draft<'s>>) {
    let Some(count) = service::instances(context, file) else {
        drafts.push(service::read(context, file, None));
        return;
    };
    let before = context.findings.len();
    let mut failed = None;
    for number in 1..=count {
        if let Some(kind) = failed {
            // Only its name counts from here on, for those that refer to it.
            let name = format!("{}@{number}", file.stem);
            drafts.push(Draft::new(file.stem, Service::new(&name, kind)));
            continue;
        }
        let draft = service::read(context, file, Some(number));
        failed = context.findings.failed_since(before).then_some(draft.service.kind);
        drafts.push(draft);
    }
}

fn command_name(services: &[&str]) -> String {
    let numbered = (2..).map(|n| format!("cmd-{n}"));
    let mut names = ["main".to_owned(), "cmd".to_owned()].into_iter().chain(numbered);
    names.find(|name| !services.contains(&name.as_str())).unwrap_or_default()
}

/// The command after `--` as the main service: a daemon that is never restarted, and reads the container's stdin
/// unless another service does, so that `docker run -i` pipes into it.
fn command_service<'s>(
    context: &Context<'_>,
    request: &Request<'_>,
    name: &'s str,
    others: &[Draft<'_>],
) -> Option<Draft<'s>> {
    let program = request.command.first()?;
    let argv: Option<Vec<String>> =
        request.command.iter().map(|word| word.to_str().map(str::to_owned)).collect();
    let problem = match &argv {
        _ if program.is_empty() => Some("the command after `--` names no program: its first word is empty"),
        None => Some("the command after `--` is not UTF-8"),
        Some(_) => None,
    };
    if let Some(message) = problem {
        context.findings.push(Diagnostic::error(Code::Value, None, message));
        return None;
    }
    let mut service = Service::new(name, Kind::Daemon);
    let taken = others.iter().any(|draft| draft.inherits_stdin.is_some());
    let stdin = if taken { Stdin::Null } else { Stdin::Inherit };
    service.exec = Some(Exec { argv: argv?, stdin, tty: !taken, ..Exec::default() });
    service.main = true;
    service.restart.policy = Policy::Never;
    service.log.format = context.settings.log_format;
    Some(Draft::new(name, service))
}

fn check_something_to_run(
    context: &Context<'_>,
    request: &Request<'_>,
    directories: &[Directory],
    no_service: bool,
    drafts: &[Draft<'_>],
) {
    let unreadable = directories.iter().any(|directory| !directory.optional && !directory.path.is_dir());
    // What is wrong with an import is told already.
    if no_service && request.import.is_none() && request.command.is_empty() && !unreadable {
        let list: Vec<String> = directories.iter().map(|d| d.path.display().to_string()).collect();
        let message = format!("nothing to run: no service in {}, and no command after `--`", list.join(", "));
        let help = "a service is a file NAME.toml in a services directory";
        context.findings.push(Diagnostic::error(Code::Missing, None, message).help(help.to_owned()));
    } else if !drafts.is_empty() && drafts.iter().all(|draft| !draft.service.enabled) {
        let message = "nothing starts at boot: every service has `enabled = false`";
        context.findings.push(Diagnostic::warning(Code::Suspicious, None, message));
    }
}
