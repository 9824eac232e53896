//! Conditions of a unit: `Condition…=` and `Assert…=` of `[Unit]`, and with them `ExecCondition=`, as `[when]`.

use super::super::draft::{list, literal};
use super::super::shell::{joined, quoted};
use super::super::words::is_variable;
use super::unit::Setting;
use super::{Making, order, values};
use crate::config::diagnostic::Span;

/// What `when.command` asks: alone as argv, beside others as a part of a line for a shell.
pub struct Test {
    pub argv: Vec<String>,
    pub shell: String,
    pub span: Span,
}

/// What is known of a condition.
enum Known {
    /// It holds in a container, or never does.
    Always(bool),
    /// argv of a command that asks.
    Words(Vec<String>),
    /// The same for a shell.
    Line(String),
}

impl Known {
    /// As a part of a line for a shell.
    fn line(&self) -> String {
        match self {
            Self::Always(holds) => holds.to_string(),
            Self::Words(words) => joined(words),
            Self::Line(line) => line.clone(),
        }
    }
}

/// Reads them all.
pub fn conditions(making: &mut Making<'_, '_>) {
    let unit = making.unit;
    for group in ["Condition", "Assert"] {
        let settings = unit.settings.iter().filter(|setting| setting.section == "Unit");
        let mine: Vec<&Setting> = settings.filter(|setting| setting.key.starts_with(group)).collect();
        let (any, all): (Vec<_>, Vec<_>) =
            mine.into_iter().partition(|setting| setting.value.starts_with('|'));
        for setting in all {
            one(making, setting);
        }
        one_of(making, &any);
    }
}

/// `PathExists` of `ConditionPathExists`.
fn kind(setting: &Setting) -> &str {
    setting.key.trim_start_matches("Condition").trim_start_matches("Assert")
}

/// A condition that has to hold.
fn one(making: &mut Making<'_, '_>, setting: &Setting) {
    let Some(text) = order::expand(making, setting) else { return };
    let (negated, value) = negated(&text);
    let bang = if negated { "!" } else { "" };
    let key = match kind(setting) {
        "PathExists" => "when.path",
        "Environment" => "when.env",
        _ => {
            return match known(setting, value, negated) {
                Ok(known) => ask(making, setting, known),
                Err(why) => making.not_carried(setting, why),
            };
        }
    };
    making.draft.push(key, format!("{bang}{}", literal(value)), setting.span);
    told(making, setting, key);
}

/// Conditions of which one has to hold.
fn one_of(making: &mut Making<'_, '_>, settings: &[&Setting]) {
    let Some(first) = settings.first() else { return };
    let mut open = Vec::new();
    let mut holds = false;
    for setting in settings {
        let Some(text) = order::expand(making, setting) else { return };
        let (negated, value) = negated(text.trim_start_matches('|').trim_start());
        match known(setting, value, negated) {
            Ok(Known::Always(value)) => holds |= value,
            Ok(known) => open.push(known),
            Err(why) => {
                for setting in settings {
                    making.not_carried(setting, format!("{why}; one of these conditions has to hold"));
                }
                return;
            }
        }
    }
    let known = match open.len() {
        _ if holds => Known::Always(true),
        0 => Known::Always(false),
        1 => open.remove(0),
        _ => {
            let lines: Vec<String> = open.iter().map(Known::line).collect();
            Known::Line(format!("{{ {}; }}", lines.join(" || ")))
        }
    };
    for setting in settings.iter().skip(1) {
        told(making, setting, if matches!(known, Known::Always(_)) { "" } else { "when.command" });
    }
    ask(making, first, known);
}

fn negated(text: &str) -> (bool, &str) {
    text.strip_prefix('!').map_or((false, text), |value| (true, value.trim_start()))
}

/// What a condition asks.
///
/// # Errors
/// Nothing here can tell.
fn known(setting: &Setting, value: &str, negated: bool) -> Result<Known, &'static str> {
    let test = |option: &str| {
        let mut words = vec!["test".to_owned()];
        words.extend(negated.then(|| "!".to_owned()));
        words.extend([option.to_owned(), value.to_owned()]);
        Ok(Known::Words(words))
    };
    let line = |line: String| Ok(Known::Line(if negated { format!("! {line}") } else { line }));
    match kind(setting) {
        "PathExists" => test("-e"),
        "PathIsDirectory" => test("-d"),
        "PathIsSymbolicLink" => test("-L"),
        "FileNotEmpty" => test("-s"),
        "FileIsExecutable" => test("-x"),
        "PathIsReadWrite" => test("-w"),
        "PathIsMountPoint" => line(format!("mountpoint -q {}", quoted(value))),
        "DirectoryNotEmpty" => line(format!("test -n \"$(ls -A {} 2>/dev/null)\"", quoted(value))),
        "Environment" => match value.split_once('=') {
            Some((name, value)) if is_variable(name) => line(format!("test \"${name}\" = {}", quoted(value))),
            None if is_variable(value) => line(format!("test -n \"${{{value}+set}}\"")),
            _ => Err("it names no variable"),
        },
        "Virtualization" => match value {
            "container" => Ok(Known::Always(!negated)),
            "vm" => Ok(Known::Always(negated)),
            value => match values::boolean(value) {
                Ok(value) => Ok(Known::Always(value != negated)),
                Err(_) => Err("in which kind of container it runs is not asked"),
            },
        },
        "ACPower" => match values::boolean(value) {
            Ok(value) => Ok(Known::Always(value != negated)),
            Err(_) => Err("it is neither yes nor no"),
        },
        _ => {
            Err("there is no such condition: write `when.command`, or leave it out if the container is known")
        }
    }
}

fn ask(making: &mut Making<'_, '_>, setting: &Setting, known: Known) {
    let span = setting.span;
    let line = known.line();
    let argv = match known {
        Known::Always(true) => return told(making, setting, ""),
        Known::Always(false) => {
            making.draft.set("enabled", false, span).note("Not in a container, its unit says.");
            return told(making, setting, "enabled");
        }
        Known::Words(words) => words.iter().map(|word| literal(word)).collect(),
        Known::Line(_) => shell(&line),
    };
    making.tests.push(Test { argv, shell: line, span });
    told(making, setting, "when.command");
}

fn told(making: &mut Making<'_, '_>, setting: &Setting, became: &str) {
    if setting.key.starts_with("Assert") {
        making.nearly(setting, became, "where it does not hold, the service is skipped, and has not failed");
    } else {
        making.exact(setting, became);
    }
}

/// argv of a shell that runs a line.
pub fn shell(line: &str) -> Vec<String> {
    vec!["/bin/sh".to_owned(), "-c".to_owned(), literal(line)]
}

/// Sets `when.command` from all tests.
pub fn write(making: &mut Making<'_, '_>) {
    let mut tests = std::mem::take(&mut making.tests);
    let Some(span) = tests.first().map(|test| test.span) else { return };
    let argv = match tests.len() {
        1 => tests.remove(0).argv,
        _ => shell(&tests.iter().map(|test| test.shell.as_str()).collect::<Vec<_>>().join(" && ")),
    };
    making.draft.set("when.command", list(argv, span), span);
}
