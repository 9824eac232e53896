//! What a configuration names and the system does not have (yet). Warnings, because an earlier oneshot may create it.

use super::diagnostic::{Code, Span};
use super::reader::Reader;
use super::service::Context;
use super::suggest;
use crate::model::{EnvironmentFile, Exec, Stdin};
use crate::sys::DEFAULT_PATH;
use crate::sys::not_writable;
use crate::sys::users::Database;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The names in `/etc/passwd` and `/etc/group`.
#[derive(Debug)]
pub struct Accounts {
    users: BTreeSet<String>,
    groups: BTreeSet<String>,
}

impl Accounts {
    /// Reads both files; one that is missing has no names.
    pub fn read() -> Self {
        let database = Database::default();
        Self { users: database.user_names(), groups: database.group_names() }
    }
}

/// Warns of what the process of a service needs and does not find.
pub fn process(context: &Context<'_>, reader: &Reader<'_, '_>, exec: &Exec, argv: Span) {
    owner(context, reader, exec.user.as_deref(), exec.group.as_deref());
    let accounts = context.accounts.get_or_init(Accounts::read);
    if let (Some(groups), Some(node)) = (&exec.supplementary_groups, reader.node("supplementary-groups")) {
        for group in groups {
            account(context, "group", group, &accounts.groups, "/etc/group", node.span);
        }
    }
    if let (Some(path), Some(node)) = (&exec.working_directory, reader.node("working-directory"))
        && !Path::new(path).is_dir()
    {
        context.warn(Code::Absent, node.span, format!("the directory {path} does not exist"), None);
    }
    if let (Stdin::Path(path), Some(node)) = (&exec.stdin, reader.node("stdin")) {
        file(context, "file", path, node.span);
    }
    if let Some(program) = exec.argv.first() {
        command(context, reader, exec, program, argv);
    }
}

/// Warns of a user or a group that nobody knows.
pub fn owner(context: &Context<'_>, reader: &Reader<'_, '_>, user: Option<&str>, group: Option<&str>) {
    let accounts = context.accounts.get_or_init(Accounts::read);
    if let (Some(user), Some(node)) = (user, reader.node("user")) {
        account(context, "user", user, &accounts.users, "/etc/passwd", node.span);
    }
    if let (Some(group), Some(node)) = (group, reader.node("group")) {
        account(context, "group", group, &accounts.groups, "/etc/group", node.span);
    }
}

/// Numbers need no entry.
fn account(context: &Context<'_>, kind: &str, name: &str, known: &BTreeSet<String>, file: &str, span: Span) {
    if name.parse::<u32>().is_ok() || known.contains(name) {
        return;
    }
    let help = suggest::did_you_mean(name, known.iter().map(String::as_str));
    context.warn(Code::Absent, span, format!("the {kind} `{name}` is not in {file}"), help);
}

/// Warns of a file that does not exist.
pub fn file(context: &Context<'_>, kind: &str, path: &str, span: Span) {
    if !Path::new(path).exists() {
        context.warn(Code::Absent, span, format!("the {kind} {path} does not exist"), None);
    }
}

/// Warns of a log file that nothing could be written to. Directories that are missing are made.
pub fn log_file(context: &Context<'_>, path: &Path, span: Span) {
    let shown = path.display();
    if path.exists() {
        let why = if path.is_dir() { Some("it is a directory") } else { not_writable(path) };
        if let Some(why) = why {
            context.warn(Code::Absent, span, format!("cannot write the log file {shown}: {why}"), None);
        }
        return;
    }
    let Some(base) = path.ancestors().skip(1).find(|base| base.exists()) else { return };
    let why = if base.is_dir() { not_writable(base) } else { Some("it is no directory") };
    if let Some(why) = why {
        let message = format!("cannot create the log file {shown} below {}: {why}", base.display());
        context.warn(Code::Absent, span, message, None);
    }
}

/// Warns of an environment file that is missing, and of one that is malformed.
pub fn environment_file(context: &Context<'_>, file: &EnvironmentFile, span: Span) {
    let path = Path::new(&file.path);
    if !path.exists() {
        if !file.optional {
            let help = format!("write \"-{}\" if it may be missing", file.path);
            let message = format!("the environment file {} does not exist", file.path);
            context.warn(Code::Absent, span, message, Some(help));
        }
        return;
    }
    match super::files::read_text(path) {
        Ok(text) => super::scope::check_env_file(context.findings, span, &file.path, &text),
        Err(why) => {
            let message = format!("cannot read the environment file {}: {why}", file.path);
            context.warn(Code::Absent, span, message, None);
        }
    }
}

fn command(context: &Context<'_>, reader: &Reader<'_, '_>, exec: &Exec, program: &str, span: Span) {
    if program.contains('/') {
        let base = exec.working_directory.as_deref().unwrap_or(".");
        if let Some(why) = not_executable(&Path::new(base).join(program)) {
            context.warn(Code::Absent, span, format!("the command {program} {why}"), None);
        }
        return;
    }
    let path = reader.scope.value_for_process("PATH", exec.environment.pass.as_deref());
    let path = path.unwrap_or_else(|| OsString::from(DEFAULT_PATH));
    let mut found = None;
    for directory in std::env::split_paths(&path) {
        let candidate: PathBuf = directory.join(program);
        match not_executable(&candidate) {
            None => return,
            Some(why) if candidate.exists() => {
                found.get_or_insert(format!("{} {why}", candidate.display()));
            }
            Some(_) => {}
        }
    }
    let path = path.to_string_lossy();
    let message = match found {
        Some(found) => format!("the command `{program}` is not executable: {found}"),
        None => format!("the command `{program}` is not in the PATH ({path})"),
    };
    context.warn(Code::Absent, span, message, None);
}

fn not_executable(path: &Path) -> Option<&'static str> {
    match std::fs::metadata(path) {
        Err(_) => Some("does not exist"),
        Ok(data) if data.is_dir() => Some("is a directory"),
        Ok(data) if data.permissions().mode() & 0o111 == 0 => Some("has no execute permission"),
        Ok(_) => None,
    }
}
