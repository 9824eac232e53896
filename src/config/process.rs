//! The keys of a service that say what is executed, as whom, and with which environment.

use super::command::argv;
use super::diagnostic::{Code, Span};
use super::expand::replace_instance;
use super::keys::SERVICE;
use super::limits::{capabilities, limits};
use super::presence;
use super::reader::{Located, Reader};
use super::service::Context;
use super::tree::{Node, Value};
use crate::model::{Environment, EnvironmentFile, Exec, Stdin};

/// What `script` runs under when `shell` is not given.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Reads the process of a daemon or oneshot; `None` when nothing can be executed, which has been reported.
///
/// `complete` says that the file has no syntax error, so that what is missing is really missing.
pub fn exec(context: &Context<'_>, reader: &Reader<'_, '_>, complete: bool) -> Option<Exec> {
    let environment = environment(context, reader);
    let argv = program(reader, complete);
    let stdin = stdin(reader);
    let exec = Exec {
        argv: argv.as_ref().map(|argv| argv.value.clone()).unwrap_or_default(),
        user: identity(reader, "user"),
        group: identity(reader, "group"),
        supplementary_groups: reader.list("supplementary-groups").map(|list| {
            list.iter().filter_map(|node| identity_of(reader, "supplementary-groups", node)).collect()
        }),
        working_directory: reader.path("working-directory").map(|path| path.value),
        umask: octal(reader, "umask", "umask"),
        nice: reader.integer("nice").and_then(|n| i32::try_from(n.value).ok()),
        oom_score_adj: reader.integer("oom-score-adj").and_then(|n| i32::try_from(n.value).ok()),
        limits: reader.inner("limits").map(|table| limits(&table)).unwrap_or_default(),
        capabilities: capabilities(reader),
        no_new_privileges: reader.boolean("no-new-privileges").is_some_and(|flag| flag.value),
        tty: tty(reader, &stdin),
        stdin,
        environment,
    };
    let argv = argv?;
    if context.checks_presence() {
        presence::process(context, reader, &exec, argv.span);
    }
    Some(exec)
}

/// argv out of `command`, or `shell` and `script`.
fn program(reader: &Reader<'_, '_>, complete: bool) -> Option<Located<Vec<String>>> {
    let command = argv(reader, "command");
    let script = script(reader);
    let shell = argv_of_shell(reader);
    match (reader.key_span("command"), reader.key_span("script")) {
        (Some(command), Some(_)) => {
            reader.conflict("script", "`script` beside `command`", "use one of the two", Some(command));
            return None;
        }
        (Some(_), None) => {
            if let (Some(a), Some(b)) = (reader.key_span("command"), reader.key_span("shell"))
                && a.file == b.file
            {
                let help = "`shell` only runs a `script`";
                reader.conflict("shell", "`shell` without `script`", help, Some(a));
            }
            return command;
        }
        (None, None) => {
            // A misspelt key or type has been reported, and is the reason.
            if complete && !reader.seems_to_have(&["command", "script"]) {
                let message = "nothing to execute: neither `command` nor `script` is given";
                let help = "a service without a process is `type = \"target\"`";
                let span = Span::whole(reader.scope.home);
                reader.scope.findings.error(Code::Missing, span, message, Some(help.to_owned()));
            }
            return None;
        }
        (None, Some(_)) => {}
    }
    let script = script?;
    let mut argv = match reader.node("shell") {
        Some(_) => shell?,
        None => SHELL.map(str::to_owned).to_vec(),
    };
    argv.push(script.value);
    Some(Located { value: argv, span: script.span })
}

fn script(reader: &Reader<'_, '_>) -> Option<Located<String>> {
    let node = reader.node("script")?;
    let Value::Text(text) = &node.value else {
        reader.mismatch("script", node);
        return None;
    };
    if text.trim().is_empty() || text.contains('\0') {
        let what = if text.contains('\0') { "contains a NUL character" } else { "is empty" };
        reader.invalid(node.span, format!("`script` {what}"), None);
        return None;
    }
    let value = replace_instance(text, reader.scope.instance.as_deref()).into_owned();
    Some(Located { value, span: node.span })
}

fn argv_of_shell(reader: &Reader<'_, '_>) -> Option<Vec<String>> {
    let words: Vec<String> = reader.texts("shell")?.into_iter().map(|word| word.value).collect();
    if words.first().is_none_or(String::is_empty) {
        let span = reader.node("shell")?.span;
        reader.invalid(span, "`shell` names no program", None);
        return None;
    }
    Some(words)
}

/// A user or a group.
pub fn identity(reader: &Reader<'_, '_>, key: &'static str) -> Option<String> {
    reader.node(key).and_then(|node| identity_of(reader, key, node))
}

/// A name, or a number that setuid(2) takes: all but 2³² − 1, which means "no change" there.
fn identity_of(reader: &Reader<'_, '_>, key: &'static str, node: &Node<'_>) -> Option<String> {
    let text = match &node.value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => reader.scope.text(node, text)?.into_owned(),
        _ => {
            reader.mismatch(key, node);
            return None;
        }
    };
    let numeric = text.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit()) && !text.is_empty();
    if let Some((user, group)) = text.split_once(':') {
        let help = format!("write user = \"{user}\" and group = \"{group}\"");
        reader.invalid(node.span, format!("`{}` takes one name", reader.group.path(key)), Some(help));
        None
    } else if text.is_empty() {
        reader.invalid(node.span, format!("`{}` is empty", reader.group.path(key)), None);
        None
    } else if numeric && text.parse::<u32>().is_ok_and(|id| id < u32::MAX) {
        Some(text)
    } else if numeric {
        reader.invalid(node.span, format!("`{text}` is no id: ids are from 0 to 4294967294"), None);
        None
    } else {
        Some(text)
    }
}

/// A string of up to three octal digits. `what` it is.
pub fn octal(reader: &Reader<'_, '_>, key: &'static str, what: &str) -> Option<u32> {
    if let Some(Node { value: Value::Integer(number), span }) = reader.node(key) {
        let help = format!("write {key} = \"{number:03}\"");
        let message =
            format!("`{}` must be a string of octal digits, not an integer", reader.group.path(key));
        reader.scope.findings.error(Code::Type, *span, message, Some(help));
        return None;
    }
    let text = reader.text(key)?;
    let digits = text.value.strip_prefix("0o").unwrap_or(&text.value);
    let octal = !digits.is_empty() && digits.bytes().all(|b| matches!(b, b'0'..=b'7'));
    let value = u32::from_str_radix(digits, 8).ok().filter(|n| octal && *n < 0o1000);
    if value.is_none() {
        let message = format!("`{}` is no {what}; it is octal, from \"000\" to \"777\"", text.value);
        reader.invalid(text.span, message, None);
    }
    value
}

fn stdin(reader: &Reader<'_, '_>) -> Stdin {
    match reader.path_or_word("stdin").map(|text| text.value) {
        None => Stdin::Null,
        Some(text) => match text.as_str() {
            "null" => Stdin::Null,
            "inherit" => Stdin::Inherit,
            _ => Stdin::Path(text),
        },
    }
}

fn tty(reader: &Reader<'_, '_>, stdin: &Stdin) -> bool {
    let tty = reader.boolean("tty").is_some_and(|flag| flag.value);
    let given = reader.key_span("tty");
    if tty && *stdin != Stdin::Inherit && reader.given_with("stdin", given) {
        let help = "the terminal is its standard input; take one of the two away";
        reader.conflict("stdin", "`stdin` beside `tty = true`", help, given);
    }
    tty
}

/// Reads the environment, and brings its variables into the scope of what is read after it.
fn environment(context: &Context<'_>, reader: &Reader<'_, '_>) -> Environment {
    let file = |path: Located<String>| {
        let (optional, name) = match path.value.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, path.value.as_str()),
        };
        if !reader.absolute("environment-files", name, path.span) {
            return None;
        }
        let file = EnvironmentFile { path: name.to_owned(), optional };
        if context.checks_presence() {
            presence::environment_file(context, &file, path.span);
        }
        Some(file)
    };
    let files: Vec<EnvironmentFile> =
        reader.texts("environment-files").unwrap_or_default().into_iter().filter_map(file).collect();
    reader.scope.add_files(&files);

    let mut set = Vec::new();
    if let Some(table) = reader.table("environment") {
        for entry in &table.entries {
            let fine = variable_name(reader, &entry.key, entry.key_span);
            // A key of the service below `[environment]` would silently become a variable.
            if SERVICE.key(&entry.key).is_some() && !matches!(entry.node.value, Value::Text(_)) {
                let message = format!("`environment.{}` must be a string", entry.key);
                let help =
                    format!("if the key `{}` is meant, it stands above the first `[table]`", entry.key);
                reader.scope.findings.error(Code::Type, entry.node.span, message, Some(help));
                continue;
            }
            if SERVICE.key(&entry.key).is_some() {
                let message =
                    format!("`{}` is a variable here, and it is also a key of a service", entry.key);
                let help = "if the key is meant, it stands above the first `[table]`".to_owned();
                let warning = super::Diagnostic::warning(Code::Suspicious, entry.key_span, message);
                reader.scope.findings.push(warning.help(help));
            }
            let Value::Text(text) = &entry.node.value else {
                reader.scope.mismatch(&format!("`environment.{}`", entry.key), "a string", &entry.node);
                continue;
            };
            if let Some(value) = reader.scope.text(&entry.node, text).filter(|_| fine) {
                reader.scope.set(&entry.key, &value);
                set.push((entry.key.to_string(), value.into_owned()));
            }
        }
    }
    Environment { pass: pass(reader), files, secrets: secrets(context, reader), set }
}

fn pass(reader: &Reader<'_, '_>) -> Option<Vec<String>> {
    let clear = reader.boolean("clear-environment").is_some_and(|flag| flag.value);
    let names = reader.texts("pass-environment");
    if !clear && names.is_some() {
        let help = "without it the whole environment passes; add `clear-environment = true`";
        let message = "`pass-environment` without `clear-environment`";
        reader.conflict("pass-environment", message, help, reader.key_span("clear-environment"));
    }
    let names = names.unwrap_or_default();
    let names = names.into_iter().filter(|name| variable_name(reader, &name.value, name.span));
    clear.then(|| names.map(|name| name.value).collect())
}

fn secrets(context: &Context<'_>, reader: &Reader<'_, '_>) -> Vec<(String, String)> {
    let Some(table) = reader.table("secrets") else { return Vec::new() };
    let mut secrets = Vec::new();
    let environment = reader.node("environment").and_then(|node| match &node.value {
        Value::Table(table) => Some(table),
        _ => None,
    });
    for entry in &table.entries {
        let name = format!("secrets.{}", entry.key);
        if let Some(twin) = environment.and_then(|table| table.get(&entry.key)) {
            let message =
                format!("`{}` is set in `[environment]` too, which overrides the secret", entry.key);
            let conflict = super::Diagnostic::error(Code::Conflict, entry.key_span, message);
            reader.scope.findings.push(conflict.related(twin.key_span, "set here"));
        }
        let Value::Text(text) = &entry.node.value else {
            reader.scope.mismatch(&format!("`{name}`"), "a string with an absolute path", &entry.node);
            continue;
        };
        let Some(path) = reader.scope.text(&entry.node, text) else { continue };
        if !path.starts_with('/') {
            // What stands here may be the secret itself, put in the wrong place: the message does not repeat it.
            let help = "a secret is named by the absolute path of the file that holds it".to_owned();
            reader.invalid(entry.key_span, format!("`{name}` is no absolute path"), Some(help));
        } else if variable_name(reader, &entry.key, entry.key_span) {
            if context.checks_presence() {
                presence::file(context, "secret", &path, entry.node.span);
            }
            secrets.push((entry.key.to_string(), path.into_owned()));
        }
    }
    secrets
}

/// Whether a name can be the name of a variable; reported if not.
fn variable_name(reader: &Reader<'_, '_>, name: &str, span: Span) -> bool {
    let fine = !name.is_empty() && !name.contains(['=', '\0']) && !name.contains(char::is_whitespace);
    if !fine {
        reader.invalid(span, format!("`{}` is no name of a variable", name.escape_debug()), None);
    }
    fine
}
