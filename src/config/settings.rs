//! `foster.toml` and the variables that override it.

use super::Variables;
use super::diagnostic::{Code, Diagnostic, Findings, Sources, Span};
use super::files::{self, Directory};
use super::import::Output;
use super::keys::{SETTINGS, VARIABLES};
use super::log;
use super::reader::{Located, Reader, parse_signal, path_or_word};
use super::scope::Scope;
use super::sockets::address;
use super::suggest;
use super::tree::{Table, parse};
use super::{ConfigFile, DEFAULT_CONFIG, DEFAULT_DIRECTORY, Request};
use crate::model::{Cgroup, LogLevel, Settings, Signal, Socket, parse_duration};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of a file of settings, in a services directory too.
pub const FILE: &str = "foster.toml";

/// What holds for all services, and where they are.
pub struct Global {
    pub settings: Settings,
    pub directories: Vec<Directory>,
}

/// Reads what an import says, then `foster.toml`, then that of each services directory, then the variables. Which directories
/// there are is said by the command line, else by a variable, else by `foster.toml`.
pub fn read(
    request: &Request<'_>,
    imported: Option<&Output>,
    sources: &mut Sources,
    findings: &Findings,
) -> Global {
    let variables = request.environment;
    let mut settings = Settings::default();
    if let Some(Output { settings: draft, .. }) = imported {
        let table = draft.table();
        from_table(&table, sources, draft.span.file, variables, findings, &mut settings);
    }
    let path = match &request.config {
        ConfigFile::Given(path) => Some(path),
        // One that exists and cannot be read is an error all the same.
        ConfigFile::Default(path) => Some(path).filter(|path| path.symlink_metadata().is_ok()),
    };
    let mut named = Vec::new();
    if let Some(path) = path {
        let (file, fine) = files::load(path, sources, findings);
        if fine {
            let table = parse(sources, file, findings).root;
            named = from_table(&table, sources, file, variables, findings, &mut settings);
        }
    }
    let directories = directories(request, named);
    for directory in directories.iter().filter(|_| imported.is_none()) {
        from_directory(&directory.path, path, sources, variables, findings, &mut settings);
    }
    from_variables(variables, sources, findings, &mut settings);
    Global { settings, directories }
}

/// The services directories; `named` are those of `foster.toml`.
fn directories(request: &Request<'_>, named: Vec<PathBuf>) -> Vec<Directory> {
    let variable = request.environment.get(OsStr::new("FOSTER_SERVICES")).filter(|list| !list.is_empty());
    let of_variable = || -> Option<Vec<PathBuf>> {
        Some(std::env::split_paths(variable?).filter(|path| !path.as_os_str().is_empty()).collect())
    };
    let directories = match request.directories.is_empty() {
        true => of_variable().unwrap_or(named),
        false => request.directories.clone(),
    };
    if directories.is_empty() {
        return vec![Directory { path: DEFAULT_DIRECTORY.into(), optional: true }];
    }
    directories.into_iter().map(|path| Directory { path, optional: false }).collect()
}

/// The settings that a services directory brings along. `config` is read already.
fn from_directory(
    directory: &Path,
    config: Option<&PathBuf>,
    sources: &mut Sources,
    variables: &Variables,
    findings: &Findings,
    settings: &mut Settings,
) {
    let path = directory.join(FILE);
    if path.symlink_metadata().is_err() {
        return;
    }
    let same = |config: &PathBuf| config.canonicalize().is_ok_and(|it| path.canonicalize().ok() == Some(it));
    if config.is_some_and(same) {
        return;
    }
    let (file, fine) = files::load(&path, sources, findings);
    if !fine {
        return;
    }
    let table = parse(sources, file, findings).root;
    from_table(&table, sources, file, variables, findings, settings);
    if let Some(entry) = table.get("services") {
        let message = "`services` in the settings of a services directory";
        let help =
            format!("it counts in {DEFAULT_CONFIG} only, or what `--config` names; or set FOSTER_SERVICES");
        findings.error(Code::Conflict, entry.key_span, message, Some(help));
    }
}

/// Sets what it says; the services directories that it names.
fn from_table(
    table: &Table<'_>,
    sources: &Sources,
    file: u32,
    variables: &Variables,
    findings: &Findings,
    settings: &mut Settings,
) -> Vec<PathBuf> {
    let scope = Scope::new(findings, sources, variables, file);
    let reader = Reader::new(table, &SETTINGS, &SETTINGS, &scope);
    if let Some(shutdown) = reader.inner("shutdown") {
        if let Some(timeout) = shutdown.duration("timeout") {
            set_timeout(settings, timeout, "shutdown.timeout", findings);
        }
        if let Some(signals) = shutdown.signals("signals") {
            settings.shutdown_signals = stop_signals(signals, findings);
        }
    }
    if let Some(level) = reader.choice("log-level") {
        settings.log_level = LogLevel::named(level.value).unwrap_or_default();
    }
    if let Some(log) = reader.inner("log") {
        if let Some(shape) = log.choice("format").and_then(|word| log::shape(word.value)) {
            settings.log_format.shape = shape;
        }
        if let Some(timestamps) = log.boolean("timestamps") {
            settings.log_format.timestamps = timestamps.value;
        }
    }
    if let Some(socket) = reader.path_or_word("socket") {
        set_socket(settings, socket, findings);
    }
    if let Some(cgroup) = reader.path_or_word("cgroup") {
        settings.cgroup = cgroup_at(cgroup.value);
    }
    if let Some(http) = reader.inner("http") {
        match http.text("listen") {
            Some(listen) => set_http(settings, &listen, "http.listen", findings),
            None if http.node("listen").is_none() && !http.seems_to_have(&["listen"]) => {
                let help = "write listen = \":9102\"".to_owned();
                let span = reader.key_span("http").unwrap_or(Span::whole(file));
                findings.error(Code::Missing, span, "`[http]` without `listen`", Some(help));
            }
            None => {}
        }
    }
    let mut directories = Vec::new();
    for path in reader.texts("services").unwrap_or_default() {
        if reader.absolute("services", &path.value, path.span) {
            directories.push(path.value.into());
        }
    }
    directories
}

fn from_variables(
    variables: &Variables,
    sources: &mut Sources,
    findings: &Findings,
    settings: &mut Settings,
) {
    // A variable set to nothing is not set: so an image's ENV can be taken back.
    let mut value = |name: &'static str| {
        let value = variables.get(OsStr::new(name)).filter(|value| !value.is_empty())?;
        match value.to_str() {
            Some(text) => Some((text, sources.add(name, Some(text.to_owned())))),
            None => {
                let file = sources.add(name, None);
                findings.error(Code::Value, Span::whole(file), format!("{name} is not UTF-8"), None);
                None
            }
        }
    };
    if let Some((text, file)) = value("FOSTER_SHUTDOWN_TIMEOUT") {
        let span = Span::new(file, 0..text.len());
        match parse_duration(text) {
            Ok(timeout) => {
                set_timeout(settings, Located { value: timeout, span }, "FOSTER_SHUTDOWN_TIMEOUT", findings);
            }
            Err(message) => findings.error(Code::Value, span, message, None),
        }
    }
    if let Some((text, file)) = value("FOSTER_SHUTDOWN_SIGNALS") {
        let mut signals = Vec::new();
        let mut start = 0;
        for part in text.split([',', ' ']) {
            let span = Span::new(file, start..start + part.len());
            start += part.len() + 1;
            match parse_signal(part) {
                _ if part.is_empty() => {}
                Ok(value) => signals.push(Located { value, span }),
                Err((message, help)) => findings.error(Code::Value, span, message, help),
            }
        }
        settings.shutdown_signals = stop_signals(signals, findings);
    }
    if let Some((text, file)) = value("FOSTER_SOCKET") {
        let span = Span::new(file, 0..text.len());
        match path_or_word(text, &["none"]) {
            Ok(()) => set_socket(settings, Located { value: text.to_owned(), span }, findings),
            Err(help) => {
                findings.error(Code::Value, span, format!("FOSTER_SOCKET cannot be `{text}`"), Some(help));
            }
        }
    }
    if let Some((text, file)) = value("FOSTER_CGROUP") {
        match path_or_word(text, &["own", "none"]) {
            Ok(()) => settings.cgroup = cgroup_at(text.to_owned()),
            Err(help) => {
                let message = format!("FOSTER_CGROUP cannot be `{text}`");
                findings.error(Code::Value, Span::new(file, 0..text.len()), message, Some(help));
            }
        }
    }
    if let Some((text, file)) = value("FOSTER_HTTP_LISTEN") {
        let listen = Located { value: text.to_owned(), span: Span::new(file, 0..text.len()) };
        set_http(settings, &listen, "FOSTER_HTTP_LISTEN", findings);
    }
    if let Some((text, file)) = value("FOSTER_LOG_LEVEL") {
        match LogLevel::named(text) {
            Some(level) => settings.log_level = level,
            None => {
                let message = format!("`{text}` is no log level");
                let help = suggest::did_you_mean(text, LogLevel::ALL.map(|(name, _)| name));
                let help = help.unwrap_or_else(|| "expected error, warn, info, debug or trace".to_owned());
                findings.error(Code::Value, Span::new(file, 0..text.len()), message, Some(help));
            }
        }
    }
    if let Some((text, file)) = value("FOSTER_LOG_FORMAT") {
        match log::shape(text) {
            Some(shape) => settings.log_format.shape = shape,
            None => {
                let message = format!("`{text}` is no log format");
                let help = suggest::did_you_mean(text, ["prefix", "raw", "json"]);
                let help = help.unwrap_or_else(|| "expected prefix, raw or json".to_owned());
                findings.error(Code::Value, Span::new(file, 0..text.len()), message, Some(help));
            }
        }
    }
    if let Some((text, file)) = value("FOSTER_LOG_TIMESTAMPS") {
        match text.parse() {
            Ok(timestamps) => settings.log_format.timestamps = timestamps,
            Err(_) => {
                let message = format!("FOSTER_LOG_TIMESTAMPS cannot be `{text}`");
                let help = "expected true or false".to_owned();
                findings.error(Code::Value, Span::new(file, 0..text.len()), message, Some(help));
            }
        }
    }
    for name in variables.keys().filter_map(|name| name.to_str()).filter(|name| name.starts_with("FOSTER_")) {
        if !VARIABLES.contains(&name)
            && !OTHERS.contains(&name)
            && let Some(near) = suggest::nearest(name, VARIABLES)
        {
            let file = sources.add(name, None);
            let message = format!("the variable {name} has no meaning");
            let warning = Diagnostic::warning(Code::UnknownKey, Span::whole(file), message);
            findings.push(warning.help(format!("did you mean {near}?")));
        }
    }
}

/// Read elsewhere: by the command line, and by the services for which they are set.
const OTHERS: [&str; 3] = ["FOSTER_CONFIG", "FOSTER_SERVICE", "FOSTER_INSTANCE"];

fn set_timeout(settings: &mut Settings, timeout: Located<Duration>, name: &str, findings: &Findings) {
    if timeout.value.is_zero() {
        findings.error(Code::Value, timeout.span, format!("`{name}` must be longer than 0"), None);
    } else {
        settings.shutdown_timeout = timeout.value;
    }
}

fn set_socket(settings: &mut Settings, socket: Located<String>, findings: &Findings) {
    let Located { value, span } = socket;
    if value.len() > Socket::LONGEST {
        let message = format!(
            "the path of the socket has {} bytes; a Unix socket takes {} at most",
            value.len(),
            Socket::LONGEST
        );
        findings.error(Code::Value, span, message, None);
    } else {
        settings.socket = if value == "none" { Socket::Off } else { Socket::Path(value) };
    }
}

fn cgroup_at(text: String) -> Cgroup {
    match text.as_str() {
        "own" => Cgroup::Own,
        "none" => Cgroup::Off,
        _ => Cgroup::Path(text),
    }
}

fn set_http(settings: &mut Settings, listen: &Located<String>, name: &str, findings: &Findings) {
    if listen.value == "none" {
        settings.http = None;
        return;
    }
    match address(&listen.value) {
        Ok(address) => settings.http = Some(address),
        Err(fault) => {
            let (message, help) = fault.parts();
            findings.error(Code::Value, listen.span, format!("`{name}`: {message}"), help);
        }
    }
}

/// Leaves out, and reports, what no process can catch, or must not take for a request to stop.
fn stop_signals(signals: Vec<Located<Signal>>, findings: &Findings) -> Vec<Signal> {
    let mut list: Vec<Signal> = Vec::new();
    for Located { value: signal, span } in signals {
        let why = match signal.number() {
            9 | 19 => "no process can catch it",
            17 => "it says that a child has ended",
            13 => "the supervisor gets it when the reader of its output goes away",
            21 | 22 => "the supervisor gets it when it uses a terminal in the background",
            4 | 5 | 7 | 8 | 11 | 31 => "it says that the process itself has a fault",
            32 | 33 => "the C library keeps it for itself",
            _ => {
                if !list.contains(&signal) {
                    list.push(signal);
                }
                continue;
            }
        };
        findings.error(Code::Value, span, format!("{signal} cannot mean \"stop\": {why}"), None);
    }
    list
}
