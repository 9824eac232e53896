//! A program as a service: what runs, as whom, and when it is restarted and stopped.

use super::super::draft::{Draft, list, literal};
use super::super::{Reading, shell};
use super::expand::Template;
use super::program::{Autorestart, Program, Role, Typed, restart};
use super::server::Server;
use super::{ending, fcgi, idiom, logs, words};
use crate::config::diagnostic::Span;

/// What a program becomes.
pub struct Made<'m> {
    pub program: &'m Program,
    pub draft: Draft,
    /// Whether this is the first service of this program, which tells what became of its keys.
    pub tells: bool,
}

/// More services of one program than anybody wants to have as files.
const MOST_FILES: i64 = 100;

impl Made<'_> {
    pub fn exact(&self, reading: &mut Reading<'_>, key: &str, became: &str) {
        if let Some((span, what, became)) = self.step(key, became) {
            reading.output.trail.exact(span, what, became);
        }
    }

    pub fn nearly(&self, reading: &mut Reading<'_>, key: &str, became: &str, why: impl Into<String>) {
        if let Some((span, what, became)) = self.step(key, became) {
            reading.output.trail.approximated(span, what, became, why);
        }
    }

    pub fn not(&self, reading: &mut Reading<'_>, key: &str, why: impl Into<String>) {
        if let Some((span, what, _)) = self.step(key, "") {
            reading.output.trail.not_carried(span, what, why);
        }
    }

    fn step(&self, key: &str, became: &str) -> Option<(Span, String, String)> {
        let (_, span) = self.program.get(key)?;
        let became = if became.is_empty() { String::new() } else { format!("{}: {became}", self.draft.name) };
        self.tells.then(|| (span, format!("{} {key}", self.program.title()), became))
    }

    /// Exact, or nearly so because the number is not what it was.
    fn told(&self, reading: &mut Reading<'_>, key: &str, became: &str, template: &Template) {
        if template.has_host() {
            let why = "`%(host_node_name)s` is the variable HOSTNAME, which container runtimes set";
            self.nearly(reading, key, became, why);
        } else {
            self.exact(reading, key, became);
        }
    }
}

/// The services of a program, into the output. `waited_for` says whether others start after it.
pub fn add(program: &Program, server: &Server, waited_for: bool, reading: &mut Reading<'_>) -> Vec<String> {
    let first = program.first();
    let many = program.processes().filter(|count| *count != 1 && program.role != Role::Fcgi);
    let shifted = |key: &str| {
        program.template(key).is_some_and(|template| template.numbers().any(|wide| wide || first != 1))
    };
    let matters = ["command", "environment", "directory"].into_iter().any(shifted);
    let mut names = Vec::new();
    match many {
        Some(0) => {
            let why = "with `numprocs=0` there is no process";
            reading.output.trail.not_carried(program.span, program.title(), why);
        }
        Some(count) if matters && count <= MOST_FILES => {
            for number in first..first + count {
                let name = program.template("process_name").map(|name| name.of(number));
                let name = name
                    .as_ref()
                    .and_then(Template::known)
                    .map_or_else(|| format!("{}-{number}", program.name), str::to_owned);
                names.push(one(program, &name, Some(number), server, waited_for, number == first, reading));
            }
        }
        Some(_) => names.push(one(program, &program.name, None, server, waited_for, true, reading)),
        None if program.processes().is_some() => {
            names.push(one(program, &program.name, Some(first), server, waited_for, true, reading));
        }
        None => names.push(one(program, &program.name, None, server, waited_for, true, reading)),
    }
    names
}

/// One service: for the process with this number, or for all of them.
fn one(
    program: &Program,
    name: &str,
    number: Option<i64>,
    server: &Server,
    waited_for: bool,
    tells: bool,
    reading: &mut Reading<'_>,
) -> String {
    let draft = reading.service(name, program.span);
    let mut made = Made { program, draft, tells };
    let template = |key: &str| -> Option<(Template, Span)> {
        let (template, span) = program.get(key)?;
        Some((number.map_or_else(|| template.clone(), |number| template.of(number)), span))
    };
    processes(&mut made, number, reading);
    let ended = command(&mut made, template("command"), reading);
    header(&made, server, ended, reading);
    identity(&mut made, server, template("directory"), reading);
    environment(&mut made, server, template("environment"), reading);
    ending::restarts(&mut made, server, waited_for, ended, reading);
    ending::stop(&mut made, server, reading);
    logs::set(&mut made, server, &template, reading);
    fcgi::rest(&mut made, reading);
    let name = made.draft.name.clone();
    reading.output.services.push(made.draft);
    name
}

/// What the section itself means; `ended` says whether the program itself ends supervisord.
fn header(made: &Made<'_>, server: &Server, ended: bool, reading: &mut Reading<'_>) {
    if !made.tells {
        return;
    }
    let program = made.program;
    let name = made.draft.name.clone();
    let restarted = program.known("autorestart", restart) != Some(Autorestart::Never);
    let why = match server.ends {
        _ if ended => None,
        Some(ends) if ends.at_any_end || restarted => None,
        Some(_) => Some(
            "when it ends with a failure, so does the container, with its exit code, where the event listener hears of \
             failed starts alone; write `essential = false` if it may end",
        ),
        None => Some(
            "when it has failed for good, the container ends with its exit code, where supervisord would stay up \
             without it; write `essential = false` for that",
        ),
    };
    match why {
        Some(why) => reading.output.trail.approximated(program.span, program.title(), name, why),
        None => reading.output.trail.exact(program.span, program.title(), name),
    }
}

/// `numprocs` and the names of the processes.
fn processes(made: &mut Made<'_>, number: Option<i64>, reading: &mut Reading<'_>) {
    let (program, first) = (made.program, made.program.first());
    let span = program.get("numprocs").map_or(program.span, |(_, span)| span);
    let many = program.processes() != Some(1);
    if many && program.role == Role::Fcgi {
        made.not(reading, "numprocs", "processes that share one socket: let the program itself start more");
    } else if number.is_some() {
        made.exact(reading, "numprocs", if many { "a file for each process" } else { "" });
    } else {
        match program.typed("numprocs", words::integer) {
            Some(Typed::Known(count)) => {
                made.draft.set("instances", count, span);
                made.exact(reading, "numprocs", "instances");
            }
            Some(Typed::Open(text)) => {
                made.draft.set("instances", text, span);
                made.exact(reading, "numprocs", "instances");
            }
            None => {}
        }
    }
    let name = made.draft.name.clone();
    if number.is_none() && first != 1 {
        let keys = ["command", "environment", "directory"];
        let matters =
            keys.iter().any(|key| program.template(key).is_some_and(|t| t.numbers().next().is_some()));
        let why = format!("instances count from 1, not from {first}");
        if matters {
            made.not(
                reading,
                "numprocs_start",
                format!("{why}, and the number matters: correct `{{instance}}`"),
            );
        } else {
            made.nearly(reading, "numprocs_start", "", why);
        }
    } else {
        made.exact(reading, "numprocs_start", "");
    }
    let same = number.is_some_and(|number| {
        program.template("process_name").is_some_and(|called| called.of(number).known() == Some(&name))
    });
    match program.template("process_name") {
        Some(_) if same && many => made.exact(reading, "process_name", "a file for each process"),
        Some(template) if number.is_none() || template.known() != Some(&program.name) => {
            let called = if number.is_none() { format!("{name}@1, {name}@2, …") } else { name };
            made.nearly(reading, "process_name", "", format!("it is called {called}"));
        }
        _ => made.exact(reading, "process_name", ""),
    }
}

/// The command; whether its end is meant to end the container.
fn command(made: &mut Made<'_>, template: Option<(Template, Span)>, reading: &mut Reading<'_>) -> bool {
    let Some((template, span)) = template else { return false };
    let words: Option<Vec<String>> = words::split(&template.marked()).filter(|words| !words.is_empty());
    let Some(words) = words else {
        reading.broken(span, "`command` is empty, or a quote in it does not end");
        return false;
    };
    let plain = template.known().is_some();
    let ours: Vec<String> = words.iter().map(|word| template.unmarked(word)).collect();
    if made.program.role == Role::Fcgi {
        // It expects the socket as its standard input.
        let wrapped = ["/bin/sh", "-c", "exec \"$@\" <&3", "sh"].map(str::to_owned);
        made.draft.set("command", list(wrapped.into_iter().chain(ours), span), span);
        let why = "a shell makes the socket its standard input, where foster has it as descriptor 3";
        made.nearly(reading, "command", "command", why);
        return false;
    }
    let found = match words.as_slice() {
        [shell, option, text] if plain && option == "-c" => idiom::of_shell(shell, text),
        _ => idiom::of_command(&words),
    };
    made.draft.notes.extend(found.note);
    let mut became = "command";
    match words.as_slice() {
        [shell, option, text] if plain && option == "-c" && idiom::is_shell(shell) => {
            let text = found.script.as_deref().unwrap_or(text);
            if matches!(shell.as_str(), "sh" | "/bin/sh") {
                shell::set_command(&mut made.draft, text, span);
            } else {
                made.draft.set("script", text, span);
                made.draft.set("shell", list([literal(shell), "-c".to_owned()], span), span);
            }
            became = if made.draft.get("script").is_some() { "script" } else { "command" };
        }
        _ => {
            made.draft.set("command", list(ours, span), span);
        }
    }
    if found.ends {
        let why =
            "it killed supervisord when it had ended; so its end ends the container, with its exit code";
        made.nearly(reading, "command", became, why);
    } else if open_word(&template) {
        let why = "a variable whose value has spaces in it stays one argument";
        made.nearly(reading, "command", became, why);
    } else {
        made.told(reading, "command", became, &template);
    }
    found.ends
}

/// Whether a variable stands where its value would be split.
fn open_word(template: &Template) -> bool {
    // In quotes it would not.
    let marked = template.marked();
    let mut quote = None;
    let mut open = false;
    for c in marked.chars() {
        match quote {
            None if matches!(c, '"' | '\'') => quote = Some(c),
            Some(end) if c == end => quote = None,
            None if words::MARKS.contains(&c) => open = true,
            _ => {}
        }
    }
    open && template.has_variables()
}

/// Whom it runs as, and where.
fn identity(
    made: &mut Made<'_>,
    server: &Server,
    directory: Option<(Template, Span)>,
    reading: &mut Reading<'_>,
) {
    let user = made.program.get("user").map(|(user, span)| (user.clone(), span));
    if let Some((user, span)) = user.or_else(|| server.user.clone()) {
        let text = user.ours();
        if text == "root" || text == "0" {
            made.exact(reading, "user", "");
        } else {
            made.draft.set("user", text, span);
            let why = "HOME, USER and LOGNAME follow it, where supervisord leaves those of root";
            made.nearly(reading, "user", "user", why);
        }
    }
    if let Some((template, span)) = directory.or_else(|| server.directory.clone()) {
        match path(&template, server) {
            Some(text) => {
                made.draft.set("working-directory", text, span);
                made.told(reading, "directory", "working-directory", &template);
            }
            None => {
                let why = "it is relative to wherever supervisord is started: write an absolute path as \
                           `working-directory`";
                made.not(reading, "directory", why);
            }
        }
    }
    if let Some((_, span)) = made.program.get("umask") {
        match made.program.typed("umask", words::octal) {
            Some(Typed::Known(mask)) => made.draft.set("umask", format!("{:03o}", mask & 0o777), span),
            Some(Typed::Open(text)) => made.draft.set("umask", text, span),
            None => return,
        };
        made.exact(reading, "umask", "umask");
    }
}

/// An absolute path in our own words; a relative one is joined to the directory of supervisord, if that is known.
pub fn path(template: &Template, server: &Server) -> Option<String> {
    let ours = template.ours();
    if ours.starts_with('/') || ours.starts_with("${") {
        return Some(ours);
    }
    if let Some(rest) = ours.strip_prefix("~/") {
        return Some(format!("${{HOME}}/{rest}"));
    }
    let (base, _) = server.directory.as_ref()?;
    let base = base.known().filter(|base| base.starts_with('/'))?;
    (!ours.starts_with('~')).then(|| format!("{}/{ours}", literal(base).trim_end_matches('/')))
}

fn environment(
    made: &mut Made<'_>,
    server: &Server,
    own: Option<(Template, Span)>,
    reading: &mut Reading<'_>,
) {
    let mut told = Template::default();
    for (template, span) in server.environment.clone().into_iter().chain(own) {
        for (key, value) in words::pairs(&template.marked()).unwrap_or_default() {
            let fine =
                !key.is_empty() && !key.contains(['.', '=']) && !key.contains(|c| words::MARKS.contains(&c));
            if !fine {
                made.not(
                    reading,
                    "environment",
                    format!("`{}` is no name of a variable", key.escape_debug()),
                );
                return;
            }
            made.draft.set(&format!("environment.{key}"), template.unmarked(&value), span);
        }
        told = template;
    }
    made.told(reading, "environment", "environment", &told);
}
