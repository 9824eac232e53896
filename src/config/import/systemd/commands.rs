//! `ExecStart=` and the commands around it.

use super::super::draft::{Draft, list};
use super::super::words::base;
use super::conditions::{Test, shell};
use super::exec::{Exec, Line, parse};
use super::unit::{Setting, specifiers};
use super::{Making, foreground};

/// How a service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As a daemon in the foreground.
    Daemon,
    /// As one that goes into the background.
    Forking,
    /// To its end.
    Oneshot,
}

/// Reads all of them. What else the service is made of has been read.
pub fn commands(making: &mut Making<'_, '_>, way: Way) {
    start(making, way);
    condition(making);
    stop(making, way);
    reload(making, way);
    after_start(making);
}

/// The commands of a key, each with its assignment.
fn all<'m>(making: &mut Making<'m, '_>, key: &'static str) -> Vec<(&'m Setting, Exec)> {
    let unit = making.unit;
    let mut commands = Vec::new();
    for setting in unit.all(key) {
        match parse(&setting.value, |text| specifiers(text, &unit.name)) {
            Ok(execs) => commands.extend(execs.into_iter().map(|exec| (setting, exec))),
            Err(why) => making.reading.broken(setting.span, format!("cannot read {key}: {why}")),
        }
    }
    // Where no file says otherwise, what a variable is set to is known.
    if unit.all("EnvironmentFile").next().is_none() {
        let known = |name: &str| match making.draft.get(&format!("environment.{name}")) {
            Some(crate::config::tree::Value::Text(text)) if !text.contains("${") => Some(text.to_string()),
            _ => None,
        };
        for (_, exec) in &mut commands {
            exec.resolve(known);
        }
    }
    commands
}

fn start(making: &mut Making<'_, '_>, way: Way) {
    let before = all(making, "ExecStartPre");
    let mut main = all(making, "ExecStart");
    if main.is_empty() {
        if making.reading.findings.is_empty() && way != Way::Oneshot {
            making.reading.broken(making.unit.span, format!("{} has no ExecStart", making.unit.name));
        }
        making.draft.set("command", list(["true"], making.unit.span), making.unit.span);
    }
    if way != Way::Oneshot
        && let [_, (second, _), ..] = main.as_slice()
    {
        making.reading.broken(second.span, "only a oneshot has more than one ExecStart");
    }
    let has_user = making.draft.get("user").is_some();
    let (privileged, before): (Vec<_>, Vec<_>) =
        before.into_iter().partition(|(_, exec)| exec.is_privileged && has_user);
    for (setting, exec) in privileged {
        let line = lenient(&exec);
        set_up(making, &line, setting);
        making.nearly(setting, "requires", "it runs once, before the first start, and not before restarts");
    }
    for (setting, exec) in &mut main {
        if way == Way::Forking {
            in_foreground(making, setting, exec);
        }
        if exec.is_lenient && way != Way::Oneshot {
            making.draft.set("essential", false, setting.span);
        }
    }
    write_start(making, &before, &main, way);
    for (setting, exec) in &main {
        tell_start(making, setting, exec, way);
    }
    for (setting, _) in &before {
        making.exact(setting, "script");
    }
}

/// Sets `command`, or `script` where there is more than one, or words of a variable.
fn write_start(
    making: &mut Making<'_, '_>,
    before: &[(&Setting, Exec)],
    main: &[(&Setting, Exec)],
    way: Way,
) {
    let Some((setting, last)) = main.last() else { return };
    let only = before.is_empty() && main.len() == 1 && !(last.is_lenient && way == Way::Oneshot);
    if only {
        match last.line() {
            Line::Argv(argv) => making.draft.set("command", list(argv, setting.span), setting.span),
            Line::Shell(line) => making.draft.set("script", line, setting.span),
        };
        return;
    }
    let mut script = String::from("set -e\n");
    for (_, exec) in before.iter().chain(main.get(..main.len() - 1).unwrap_or_default()) {
        script.push_str(&lenient(exec));
        script.push('\n');
    }
    if last.is_lenient && way == Way::Oneshot {
        script.push_str(&lenient(last));
    } else {
        script.push_str(&format!("exec {}", last.shell()));
    }
    script.push('\n');
    making.draft.set("script", script, setting.span);
}

fn tell_start(making: &mut Making<'_, '_>, setting: &Setting, exec: &Exec, way: Way) {
    let is_script = making.draft.get("script").is_some();
    let became = if is_script { "script" } else { "command" };
    if exec.is_privileged && making.draft.get("user").is_some() {
        let why = "it runs as the user, as all of the service: `capabilities` gives what it needs as root";
        making.nearly(setting, became, why);
    } else if exec.is_lenient && way != Way::Oneshot {
        let why = "a failure of it counts as one, and does not end the container (`essential = false`)";
        making.nearly(setting, became, why);
    } else if exec.renames {
        making.nearly(
            setting,
            became,
            "the program gets its own name as its first word, not the one behind it",
        );
    } else if exec.clone().resolve(|_| None) {
        let why = "the shell splits the variable: it does not look at quotes in it, and expands `*`";
        making.nearly(setting, became, why);
    } else {
        making.exact(setting, became);
    }
}

fn in_foreground(making: &mut Making<'_, '_>, setting: &Setting, exec: &mut Exec) {
    let Some(unit_type) = making.unit.last("Type") else { return };
    match foreground::foreground(exec) {
        Some(other) => {
            *exec = other;
            making.nearly(
                unit_type,
                "command",
                "it stays in the foreground, by the option that its program has for that",
            );
        }
        None => {
            making
                .draft
                .notes
                .push("It has to stay in the foreground: see the options of its program.".to_owned());
            let why = "foster looks after what it starts: give the program the option that keeps it in the foreground";
            making.not_carried(unit_type, why);
            making.reading.output.trail.approximated(
                setting.span,
                setting.what(),
                "",
                "as it is, it goes into the background and counts as ended",
            );
        }
    }
}

/// A command as a line of a script, whose failure counts or not.
fn lenient(exec: &Exec) -> String {
    if exec.is_lenient { format!("{} || :", exec.shell()) } else { exec.shell() }
}

/// Adds a line to the oneshot that runs as root before the service.
pub fn set_up(making: &mut Making<'_, '_>, line: &str, setting: &Setting) {
    let found = making.beside.iter().position(|draft| draft.name.contains("-setup"));
    let at = match found {
        Some(at) => at,
        None => {
            let mut draft = making.beside("setup", setting.span);
            draft.set("type", "oneshot", setting.span);
            making.draft.push("requires", draft.name.clone(), setting.span);
            making.beside.push(draft);
            making.beside.len() - 1
        }
    };
    let Some(draft) = making.beside.get_mut(at) else { return };
    let script = match draft.get("script") {
        Some(crate::config::tree::Value::Text(old)) => format!("{old}{line}\n"),
        _ => format!("set -e\n{line}\n"),
    };
    draft.set("script", script, setting.span);
}

/// Several commands as one.
fn together(execs: &[(&Setting, Exec)]) -> Vec<String> {
    if let [(_, exec)] = execs
        && !exec.is_lenient
        && let Line::Argv(argv) = exec.line()
    {
        return argv;
    }
    let lines: Vec<String> = execs.iter().map(|(_, exec)| lenient(exec)).collect();
    let line = match lines.as_slice() {
        [line] if !line.ends_with("|| :") => format!("exec {line}"),
        lines => format!("set -e; {}", lines.join("; ")),
    };
    shell(&line)
}

fn condition(making: &mut Making<'_, '_>) {
    let execs = all(making, "ExecCondition");
    let Some((first, _)) = execs.first() else { return };
    let lines: Vec<String> =
        execs.iter().filter(|(_, exec)| !exec.is_lenient).map(|(_, exec)| exec.shell()).collect();
    if !lines.is_empty() {
        making.tests.push(Test { argv: together(&execs), shell: lines.join(" && "), span: first.span });
    }
    for (setting, _) in &execs {
        making.nearly(setting, "when.command", "it is not asked again before restarts");
    }
}

/// The signal of `kill -HUP $MAINPID`.
fn killed_with(exec: &Exec) -> Option<String> {
    let words = exec.texts();
    let [program, arguments @ .., target] = words.as_slice() else { return None };
    let is_main = *target == "$MAINPID" || exec.shell().ends_with("\"${MAINPID}\"");
    if base(program) != "kill" || !is_main {
        return None;
    }
    let name = match arguments {
        [] => "TERM",
        ["-s" | "--signal", name] => *name,
        [name] => name.strip_prefix("--signal=").or(name.strip_prefix("-s")).or(name.strip_prefix('-'))?,
        _ => return None,
    };
    name.parse::<crate::model::Signal>().ok().map(|signal| signal.to_string())
}

/// The first signal of `start-stop-daemon --stop --retry QUIT/5`.
fn retried_with(exec: &Exec) -> Option<String> {
    let words = exec.texts();
    if base(words.first()?) != "start-stop-daemon" || !words.contains(&"--stop") {
        return None;
    }
    let at = words.iter().position(|word| matches!(*word, "--retry" | "-R"))?;
    let first = words.get(at + 1)?.split('/').next()?;
    first.parse::<crate::model::Signal>().ok().map(|signal| signal.to_string())
}

fn stop(making: &mut Making<'_, '_>, way: Way) {
    let execs = all(making, "ExecStop");
    let Some((first, exec)) = execs.first() else { return };
    if way == Way::Oneshot {
        for (setting, _) in &execs {
            let why = "a oneshot that is done is not stopped: make it a daemon that ends with this command, if it matters";
            making.not_carried(setting, why);
        }
        return;
    }
    if let (Some(signal), 1) = (killed_with(exec).or_else(|| retried_with(exec)), execs.len()) {
        making.draft.set("stop.signal", signal, first.span);
        return match killed_with(exec) {
            Some(_) => making.exact(first, "stop.signal"),
            None => {
                making.nearly(first, "stop.signal", "one signal, and SIGKILL at the end of `stop.timeout`")
            }
        };
    }
    making.draft.set("stop.command", list(together(&execs), first.span), first.span);
    for (setting, _) in &execs {
        making.exact(setting, "stop.command");
    }
}

fn reload(making: &mut Making<'_, '_>, way: Way) {
    let execs = all(making, "ExecReload");
    let Some((first, exec)) = execs.first() else { return };
    if way == Way::Oneshot {
        return making.not_carried(first, "a oneshot cannot be told to reload");
    }
    if let (Some(signal), 1) = (killed_with(exec), execs.len()) {
        making.draft.set("reload.signal", signal, first.span);
        return making.exact(first, "reload.signal");
    }
    making.draft.set("reload.command", list(together(&execs), first.span), first.span);
    for (setting, _) in &execs {
        making.exact(setting, "reload.command");
    }
}

/// What a command of the service has of it, and of that what one with all privileges has not.
const SHARED: &[&str] =
    &["user", "group", "supplementary-groups", "working-directory", "umask", "environment-files"];
const OF_THE_USER: &[&str] = &["user", "group", "supplementary-groups"];

fn after_start(making: &mut Making<'_, '_>) {
    let execs = all(making, "ExecStartPost");
    let Some((first, exec)) = execs.first() else { return };
    if ["schedule.cron", "on-demand"].iter().any(|key| making.draft.get(key).is_some()) {
        return making.not_carried(first, "nothing runs right after a start: let the service itself do it");
    }
    let mut draft: Draft = making.beside("post", first.span);
    draft.set("type", "oneshot", first.span);
    match (execs.as_slice(), exec.line()) {
        ([_], Line::Argv(argv)) if !exec.is_lenient => {
            draft.set("command", list(argv, first.span), first.span);
        }
        _ => {
            let lines: Vec<String> = execs.iter().map(|(_, exec)| lenient(exec)).collect();
            draft.set("script", format!("set -e\n{}\n", lines.join("\n")), first.span);
        }
    }
    draft.push("requires", making.draft.name.clone(), first.span);
    let is_privileged = execs.iter().all(|(_, exec)| exec.is_privileged);
    for item in making.draft.items().to_vec() {
        if is_privileged && OF_THE_USER.contains(&item.path.as_str()) {
            continue;
        }
        if SHARED.contains(&item.path.as_str()) || item.path.starts_with("environment.") {
            draft.set(&item.path, item.value, item.span);
        }
    }
    if let Some(crate::config::tree::Value::Boolean(false)) = making.draft.get("enabled") {
        draft.set("enabled", false, first.span);
    }
    let became = format!("{}: command", draft.name);
    for (setting, _) in &execs {
        let why = "it runs when the service is ready for the first time, and not after restarts";
        making.reading.output.trail.approximated(setting.span, setting.what(), became.clone(), why);
    }
    making.beside.push(draft);
}
