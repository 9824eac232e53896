//! Crontabs: those of users, and /etc/crontab and /etc/cron.d, whose lines name a user; as cron of Debian reads them.

use super::draft::{Draft, literal};
use super::{Reading, shell};
use crate::config::diagnostic::Span;
use crate::time::{Cron, TimeZone};
use std::path::{Path, PathBuf};

/// What `@reboot` and the like are called.
const NICKNAMES: [&str; 8] =
    ["@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
/// What programs are called that run others, whose names say more.
const RUNNERS: &[&str] = &[
    "sudo", "env", "nice", "ionice", "flock", "timeout", "chronic", "exec", "nohup", "sh", "bash", "dash",
    "php", "perl", "python", "python3", "ruby", "node", "test", "[", "cd", "command", "if", "then",
];

/// A crontab.
struct Tab {
    path: PathBuf,
    /// Whether its lines name a user; `None` where they have to tell.
    has_users: Option<bool>,
    /// Whose it is.
    owner: Option<String>,
}

/// A variable, for the lines below it.
struct Variable {
    name: String,
    value: String,
    span: Span,
}

/// One line that runs something.
struct Job<'t> {
    time: String,
    user: Option<&'t str>,
    command: &'t str,
    span: Span,
    description: Option<String>,
}

/// Reads it: a crontab, a directory of them such as /etc/cron.d, or one with `crontab` and `cron.d` in it.
pub fn read(path: &Path, reading: &mut Reading<'_>) {
    let tabs = if path.is_dir() { directory(path, reading) } else { vec![tab(path.to_owned())] };
    let mut jobs = 0;
    for tab in tabs {
        jobs += crontab(&tab, reading);
    }
    if jobs == 0 && reading.findings.is_empty() {
        let file = reading.sources.add(path.to_string_lossy(), None);
        reading.broken(Span::whole(file), format!("there is no job in {}", path.display()));
    }
}

fn tab(path: PathBuf) -> Tab {
    let parent = path.parent().and_then(Path::file_name).unwrap_or_default();
    let (is_spool, is_system) = (parent == "crontabs", parent == "cron.d" || path.ends_with("etc/crontab"));
    let owner = path.file_name().filter(|_| is_spool).map(|name| name.to_string_lossy().into_owned());
    let has_users = if is_spool { Some(false) } else { is_system.then_some(true) };
    Tab { path, has_users, owner }
}

fn directory(path: &Path, reading: &mut Reading<'_>) -> Vec<Tab> {
    let etc = if path.join("etc").is_dir() { path.join("etc") } else { path.to_owned() };
    let system = |path| Tab { path, has_users: Some(true), owner: None };
    if etc.join("crontab").is_file() || etc.join("cron.d").is_dir() {
        let mut tabs = Vec::new();
        if etc.join("crontab").is_file() {
            tabs.push(system(etc.join("crontab")));
        }
        if etc.join("cron.d").is_dir() {
            tabs.extend(listed(&etc.join("cron.d"), reading).into_iter().map(system));
        }
        return tabs;
    }
    let is_spool = path.file_name().is_some_and(|name| name == "crontabs");
    listed(path, reading).into_iter().map(|path| if is_spool { tab(path) } else { system(path) }).collect()
}

/// The files of a directory that cron reads.
fn listed(path: &Path, reading: &mut Reading<'_>) -> Vec<PathBuf> {
    let entries = match crate::config::files::entries(path) {
        Ok(entries) => entries,
        Err(why) => {
            let file = reading.sources.add(path.to_string_lossy(), None);
            reading.broken(Span::whole(file), format!("cannot read {}: {why}", path.display()));
            return Vec::new();
        }
    };
    let mut files = Vec::new();
    for (name, path) in entries {
        if name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
            files.push(path);
        } else {
            let file = reading.sources.add(path.to_string_lossy(), None);
            let why = "cron reads no file whose name has another character than letters, digits, `_` and `-`: \
                       if it is meant to run, import it by itself";
            reading.output.trail.not_carried(Span::whole(file), name, why);
        }
    }
    files
}

/// Reads one crontab; how many jobs it has.
fn crontab(tab: &Tab, reading: &mut Reading<'_>) -> usize {
    let Some(file) = reading.load(&tab.path) else { return 0 };
    let text = reading.sources.text(file).to_owned();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| is_entry(line)).collect();
    let has_users = tab.has_users.unwrap_or_else(|| {
        let names_root = |line: &&str| fields(line, 2).is_some_and(|(_, rest)| rest.starts_with("root "));
        let mut jobs = lines.iter().filter(|line| variable(line).is_none()).peekable();
        jobs.peek().is_some() && jobs.all(names_root)
    });
    let alone = lines.iter().filter(|line| variable(line).is_none()).count() == 1;
    let mut variables: Vec<Variable> = Vec::new();
    let mut comments: Vec<&str> = Vec::new();
    let (mut start, mut count) = (0, 0);
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let span = Span::new(file, start + indent..start + line.trim_end().len().max(indent));
        start += line.len();
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            comments.push(comment.trim());
            continue;
        }
        let description = describe(&std::mem::take(&mut comments));
        if line.is_empty() {
            continue;
        }
        if let Some((name, value)) = variable(line) {
            set_variable(&mut variables, name, value, span, reading);
            continue;
        }
        if !reading.has_room(span) {
            return count;
        }
        count += 1;
        match job(line, has_users, span, description) {
            Ok(job) => {
                let called = name(tab, alone, job.command);
                service(&called, job, tab, &variables, reading);
            }
            Err(why) => reading.broken(span, why),
        }
    }
    if count > 0 && reading.findings.is_empty() {
        differences(file, tab, has_users, reading);
    }
    count
}

/// What holds for every job of a crontab.
fn differences(file: u32, tab: &Tab, has_users: bool, reading: &mut Reading<'_>) {
    let why = "jobs get the container's environment (cron gives them HOME, LOGNAME, SHELL and PATH=/usr/bin:/bin \
               alone), run in the supervisor's directory (cron: the user's home), and one that is due while it still \
               runs is left out (cron starts a second one): `working-directory` and `schedule.overlap` change that";
    let what = if has_users { "crontab with users" } else { "crontab" };
    let trail = &mut reading.output.trail;
    trail.approximated(Span::whole(file), what, "", why);
    if !has_users && tab.owner.is_none() {
        let why = "whose crontab it is does not stand in it: its jobs run as the supervisor's own user; write `user`";
        trail.approximated(Span::whole(file), "user", "", why);
    }
}

fn is_entry(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// The first words of a line, five or one, and what follows `more` further ones at most: the rest.
fn fields(line: &str, more: usize) -> Option<(String, &str)> {
    let count = if line.starts_with('@') { 1 } else { 5 };
    let mut rest = line;
    let mut time: Vec<&str> = Vec::new();
    for _ in 0..count {
        let (word, after) = rest.split_once([' ', '\t'])?;
        time.push(word);
        rest = after.trim_start();
    }
    (more == 0 || !rest.is_empty()).then(|| (time.join(" "), rest))
}

/// `NAME = value`, with quotes around either or not.
fn variable(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = unquoted(name.trim());
    let fine = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    fine.then(|| (name, unquoted(value.trim())))
}

fn unquoted(text: &str) -> &str {
    ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(text)
}

fn set_variable(
    variables: &mut Vec<Variable>,
    name: &str,
    value: &str,
    span: Span,
    reading: &mut Reading<'_>,
) {
    let trail = &mut reading.output.trail;
    match name {
        "MAILTO" if value.is_empty() => trail.exact(span, name, ""),
        "MAILTO" | "MAILFROM" | "CONTENT_TYPE" | "CONTENT_TRANSFER_ENCODING" => {
            let why = "nothing is mailed: output is in the log (`foster logs NAME`), and a run that fails is a line of \
                       foster's own and a number in /metrics";
            return trail.not_carried(span, name, why);
        }
        "LOGNAME" | "USER" => {
            return trail.not_carried(span, name, "cron does not let it be set; it follows `user`");
        }
        "RANDOM_DELAY" | "START_HOURS_RANGE" => {
            return trail.not_carried(span, name, "there is no such delay: begin the command with `sleep`");
        }
        "CRON_TZ" => trail.exact(span, name, "schedule.timezone"),
        "TZ" => {
            let why = "commands have it, and as with cron the times do not follow it: `schedule.timezone` moves them";
            trail.approximated(span, name, "environment.TZ", why);
        }
        "SHELL" => trail.exact(span, name, "shell"),
        "HOME" => trail.exact(span, name, "environment.HOME, working-directory"),
        _ => trail.exact(span, name, format!("environment.{name}")),
    }
    variables.retain(|variable| variable.name != name);
    variables.push(Variable { name: name.to_owned(), value: value.to_owned(), span });
}

fn job<'t>(
    line: &'t str,
    has_users: bool,
    span: Span,
    description: Option<String>,
) -> Result<Job<'t>, String> {
    if let Some(name) = line.split_whitespace().next().filter(|word| word.starts_with('@'))
        && !NICKNAMES.contains(&name)
    {
        let advice = crate::config::did_you_mean(name, NICKNAMES);
        let advice = advice.unwrap_or_else(|| format!("there are {}", NICKNAMES.join(", ")));
        return Err(format!("`{name}` is no time: {advice}"));
    }
    let expected = if has_users {
        "a line of this crontab is `MINUTE HOUR DAY MONTH WEEKDAY USER COMMAND` or `NAME=value`"
    } else {
        "a line of a crontab is `MINUTE HOUR DAY MONTH WEEKDAY COMMAND` or `NAME=value`"
    };
    let (time, rest) = fields(line, 1).ok_or(expected)?;
    let (user, command) = match has_users {
        true => rest.split_once([' ', '\t']).map(|(user, rest)| (Some(user), rest.trim())).ok_or(expected)?,
        false => (None, rest),
    };
    if command.is_empty() {
        return Err(expected.to_owned());
    }
    let time = if time == "@reboot" { time } else { expression(&time)? };
    Ok(Job { time, user, command, span, description })
}

/// The same times in foster's way of writing them.
fn expression(time: &str) -> Result<String, String> {
    let mut fields: Vec<String> = time.split(' ').map(str::to_owned).collect();
    if let [_, _, day, _, weekday] = fields.as_mut_slice() {
        // To cron, `*/2` counts as a star: then both days have to fit.
        let star = |field: &str| field.starts_with('*');
        if (star(day) || star(weekday)) && day != "*" && weekday != "*" {
            weekday.insert(0, '+');
        }
    }
    let written = fields.join(" ");
    match Cron::new(&written, TimeZone::UTC) {
        Ok(_) => Ok(written),
        Err(why) => Err(format!("cannot read the time `{time}`: {why}")),
    }
}

fn service(called: &str, job: Job<'_>, tab: &Tab, variables: &[Variable], reading: &mut Reading<'_>) {
    let span = job.span;
    let mut draft = reading.service(called, span);
    draft.set("type", "oneshot", span);
    let (line, input) = percent(job.command);
    match input {
        None => shell::set_command(&mut draft, &line, span),
        Some(input) => {
            draft.set("script", with_input(&line, &input), span);
        }
    }
    if let Some(description) = job.description {
        draft.set("description", literal(&description), span);
    }
    let user = job.user.map(str::to_owned).or_else(|| tab.owner.clone());
    if let Some(user) = &user {
        // NAME:GROUP, as cronie has it, and with a login class behind a slash elsewhere.
        match user.split_once(':') {
            Some((user, group)) => {
                draft.set("user", literal(user), span);
                draft.set("group", literal(group), span);
            }
            None => {
                draft.set("user", literal(user), span);
            }
        }
    }
    let is_boot = job.time == "@reboot";
    if is_boot {
        draft.set("essential", false, span).note("Its failure is no reason to end.");
    } else {
        draft.set("schedule.cron", job.time.as_str(), span);
    }
    for variable in variables {
        carry(&mut draft, variable, is_boot);
    }
    let became = if is_boot { "command, essential" } else { "command, schedule.cron" };
    let user = if user.is_some() { ", user" } else { "" };
    let became = format!("{}: {became}{user}", draft.name);
    reading.output.trail.exact(span, job.time, became);
    reading.output.services.push(draft);
}

fn carry(draft: &mut Draft, variable: &Variable, is_boot: bool) {
    let Variable { name, value, span } = variable;
    match name.as_str() {
        "MAILTO" => {}
        "CRON_TZ" if is_boot => {}
        "CRON_TZ" => {
            draft.set("schedule.timezone", value.as_str(), *span);
        }
        "SHELL" => {
            if draft.get("script").is_some() {
                let shell = [value.as_str(), "-c"].map(literal);
                draft.set("shell", super::draft::list(shell, *span), *span);
            }
        }
        _ => {
            draft.set(&format!("environment.{name}"), literal(value), *span);
            if name == "HOME" && value.starts_with('/') {
                draft.set("working-directory", literal(value), *span);
            }
        }
    }
}

/// What stands before the first `%`, and what stands behind it: the input, in which each further one ends a line.
fn percent(command: &str) -> (String, Option<String>) {
    let mut parts: Vec<String> = vec![String::new()];
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'%') => {
                chars.next();
                if let Some(last) = parts.last_mut() {
                    last.push('%');
                }
            }
            '%' => parts.push(String::new()),
            c => {
                if let Some(last) = parts.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    let line = parts.remove(0).trim_end().to_owned();
    (line, (!parts.is_empty()).then(|| parts.join("\n")))
}

/// A script that runs the line with this on its standard input.
fn with_input(line: &str, input: &str) -> String {
    let mut end = "END".to_owned();
    while input.lines().any(|line| line == end) {
        end.push('_');
    }
    let simple = !line.contains(['|', '&', ';', '<', '(', '\n', '`', '#']);
    let begin = if simple { format!("exec {line} <<'{end}'") } else { format!("{{ {line}\n}} <<'{end}'") };
    let begin = if simple && line.contains('=') { begin.replacen("exec ", "", 1) } else { begin };
    format!("{begin}\n{input}\n{end}\n")
}

/// The comment right above a line, if it speaks of it.
fn describe(comments: &[&str]) -> Option<String> {
    let [.., last] = comments else { return None };
    let words = last.split_whitespace().count();
    let is_prose = last.starts_with(char::is_alphabetic)
        && !last.contains('=')
        && !last.contains("* *")
        && !last.to_ascii_lowercase().contains("dow")
        && (2..=20).contains(&words);
    (is_prose && comments.len() == 1).then(|| last.trim_end_matches(['.', ':']).to_owned())
}

/// What a job is called: as its file where it is the only one there, otherwise as its program.
fn name(tab: &Tab, alone: bool, command: &str) -> String {
    let file = tab.path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if alone && tab.owner.is_none() && !file.is_empty() && !file.contains("cron") {
        return file;
    }
    if let Some((_, directory)) = command.split_once("/cron.") {
        let period: String = directory.chars().take_while(char::is_ascii_alphanumeric).collect();
        if !period.is_empty() && command.contains("run-parts") {
            return period;
        }
    }
    // Behind what only looks, or goes somewhere.
    let last = command.split(['|', ';', '>', '<']).next().unwrap_or(command);
    let last = last.rsplit("&&").next().unwrap_or(last);
    let is_name = |word: &&str| {
        !word.contains('=')
            && !word.starts_with(['-', '!', '$', '"', '\'', '(', '{'])
            && !word.starts_with(|c: char| c.is_ascii_digit())
    };
    let mut words = last.split_whitespace().filter(is_name).map(|word| {
        let name = word.rsplit('/').next().unwrap_or(word);
        name.rsplit_once('.').map_or(name, |(stem, end)| if end.len() <= 4 { stem } else { name })
    });
    let found = words.find(|word| !RUNNERS.contains(word) && !word.is_empty());
    found.unwrap_or("job").to_owned()
}
