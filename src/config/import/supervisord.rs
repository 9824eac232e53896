//! supervisord: its configuration file with what that includes, as supervisord itself reads them.

mod daemon;
mod ending;
mod expand;
mod fcgi;
mod glob;
mod idiom;
mod ini;
mod listener;
mod logs;
mod program;
mod resolved;
mod server;
mod words;

use super::{Output, Reading, Trail};
use crate::config::Variables;
use crate::config::diagnostic::{Findings, Report, Sources, Span};
use expand::{Names, Template};
use ini::{Ini, is_space};
use program::{Group, Program, Role};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// More files than anybody includes.
const MOST_FILES: usize = 1000;
/// Where it is in a directory.
const NAMES: [&str; 5] = [
    "supervisord.conf",
    "etc/supervisord.conf",
    "etc/supervisor/supervisord.conf",
    "supervisor/supervisord.conf",
    "supervisor.conf",
];

/// Reads it.
pub fn read(path: &Path, reading: &mut Reading<'_>) {
    let Some((path, ini)) = files(path, reading) else { return };
    let here = directory(&path);
    let text = here.to_string_lossy().into_owned();
    let (programs, groups) = program::read(&ini, &text, reading);
    let mut server = server::read(&ini, &text, reading);
    if reading.findings.failed_since(0) {
        return;
    }
    for program in programs.iter().filter(|program| program.role == Role::Listener) {
        let ends = listener::read(program, &here, reading);
        server.ends = match (server.ends, ends) {
            (Some(old), Some(new)) => Some(listener::Ends { at_any_end: old.at_any_end || new.at_any_end }),
            (old, new) => old.or(new),
        };
    }
    server::others(&ini, reading);
    server::shutdown_timeout(&programs, &server, reading);
    services(&programs, &groups, &server, reading);
    if reading.output.services.is_empty() && reading.findings.is_empty() {
        let file = ini.sections.first().map_or(0, |section| section.span.file);
        reading.broken(Span::whole(file), "there is no program in it");
    }
}

/// Programs of the same priority, which start side by side.
type Levels = BTreeMap<(i64, i64), Vec<(String, Span)>>;

fn services(programs: &[Program], groups: &[Group], server: &server::Server, reading: &mut Reading<'_>) {
    let enabled = |program: &Program| program.known("autostart", words::boolean) != Some(false);
    let key = |program: &Program| (program.group_priority, program.priority());
    let last = programs.iter().filter(|p| p.role != Role::Listener && enabled(p)).map(key).max();
    let mut levels = Levels::new();
    for program in programs.iter().filter(|program| program.role != Role::Listener) {
        let waited_for = enabled(program) && last.is_some_and(|last| key(program) < last);
        let names = daemon::add(program, server, waited_for, reading);
        let (_, span) = program.get("priority").unwrap_or((&Template(Vec::new()), program.span));
        if program.get("priority").is_some() {
            let became = if levels.is_empty() && !waited_for { "" } else { "after" };
            reading.output.trail.exact(span, format!("{} priority", program.title()), became);
        }
        if enabled(program) {
            levels.entry(key(program)).or_default().extend(names.into_iter().map(|name| (name, span)));
        }
        if groups.iter().filter(|group| group.programs.contains(&program.name)).count() > 1 {
            let why = "a program of several groups is a service for each of them";
            reading.output.trail.approximated(program.span, program.title(), "", why);
        }
    }
    order(levels, reading);
}

/// Has each level start after the one before; said where that takes fewer words.
fn order(levels: Levels, reading: &mut Reading<'_>) {
    let levels: Vec<Vec<(String, Span)>> = levels.into_values().collect();
    for pair in levels.windows(2) {
        let [lower, upper] = pair else { continue };
        let (those, key, others) =
            if lower.len() <= upper.len() { (upper, "after", lower) } else { (lower, "before", upper) };
        for (name, span) in those {
            let Some(draft) = reading.output.services.iter_mut().find(|draft| draft.name == *name) else {
                continue;
            };
            for (other, _) in others {
                draft.push(key, other.as_str(), *span);
            }
        }
    }
}

/// The file and what it includes; `None`, and findings, when they are broken.
fn files(path: &Path, reading: &mut Reading<'_>) -> Option<(PathBuf, Ini)> {
    let path = match path.is_dir() {
        true => {
            let mut found = NAMES.iter().map(|name| path.join(name)).filter(|path| path.is_file());
            found.next().unwrap_or_else(|| path.join(NAMES[0]))
        }
        false => path.to_owned(),
    };
    let here = directory(&path);
    let main = reading.load(&path)?;
    let mut ini = Ini::default();
    ini.add(main, reading);
    if reading.findings.failed_since(0) {
        return None;
    }
    told_here(&ini, &here, reading);
    if ini.section("include").is_some() {
        include(&mut ini, main, &here, reading)?;
    }
    ini.spread_defaults();
    if ini.section(server::SUPERVISORD).is_none() {
        reading
            .broken(Span::whole(main), "there is no [supervisord] section, so supervisord would refuse it");
    }
    (!reading.findings.failed_since(0)).then_some((path, ini))
}

fn include(ini: &mut Ini, main: u32, here: &Path, reading: &mut Reading<'_>) -> Option<()> {
    ini.expand_here(main, &here.to_string_lossy());
    let section = ini.section("include")?;
    let place = section.span;
    for setting in section.options.iter().filter(|setting| setting.key != "files") {
        let why = "supervisord knows no such key, and ignores it; did you mean `files`?";
        reading.output.trail.not_carried(setting.span, format!("[include] {}", setting.key), why);
    }
    let Some(setting) = section.get("files").cloned() else {
        reading.broken(place, "[include] without `files`");
        return None;
    };
    let names = Names { here: here.to_string_lossy().into_owned(), ..Names::default() };
    let template = Template::parse(&setting.value, &names);
    let patterns = match template.as_ref().map(Template::known) {
        Ok(Some(text)) => text.to_owned(),
        Ok(None) => {
            let why = "which files it names depends on variables: import with their values in place";
            reading.output.trail.not_carried(setting.span, "[include] files", why);
            return Some(());
        }
        Err(why) => {
            reading.broken(setting.span, format!("cannot expand `files`: {why}"));
            return None;
        }
    };
    let mut count = 0;
    for pattern in patterns.split(is_space).filter(|pattern| !pattern.is_empty()) {
        let found = glob::files(here, pattern);
        if found.is_empty() {
            let why = format!("no file is named by `{pattern}`, as far as can be seen from here");
            reading.output.trail.approximated(setting.span, "[include] files", "", why);
            continue;
        }
        reading.output.trail.exact(setting.span, format!("[include] files {pattern}"), "");
        for path in found {
            count += 1;
            if count > MOST_FILES {
                reading.broken(setting.span, format!("more than {MOST_FILES} files are included"));
                return None;
            }
            let file = reading.load(&path)?;
            ini.add(file, reading);
            told_here(ini, &directory(&path), reading);
            ini.expand_here(file, &directory(&path).to_string_lossy());
            if let Some(section) = ini.section("include")
                && let Some(setting) =
                    section.options.iter().find(|setting| setting.span.file == file && file != main)
            {
                let why = "supervisord reads no [include] of an included file";
                reading.output.trail.not_carried(setting.span, "[include]", why);
            }
        }
    }
    (!reading.findings.failed_since(0)).then_some(())
}

/// Says where `%(here)s` is, once for each file that has it.
fn told_here(ini: &Ini, here: &Path, reading: &mut Reading<'_>) {
    let mut settings = ini.sections.iter().flat_map(|section| &section.options);
    if let Some(setting) = settings.find(|setting| setting.value.contains("%(here)s")) {
        let why = format!("it is {} now: correct that if the image has the file elsewhere", here.display());
        reading.output.trail.approximated(setting.span, "%(here)s", "", why);
    }
}

/// The absolute directory that a file is in.
fn directory(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.parent().unwrap_or(Path::new("/")).to_owned()
}

/// What supervisord would make of a file in an environment, for the test that holds it against supervisord itself.
///
/// # Errors
/// What is wrong with the file, or with a value once the variables have theirs.
#[doc(hidden)]
pub fn resolved(path: &Path, environment: &Variables) -> Result<serde_json::Value, String> {
    let mut sources = Sources::default();
    let findings = Findings::default();
    let settings = super::Draft::new("foster", Span::whole(0));
    let output = Output { services: Vec::new(), settings, trail: Trail::default() };
    let mut reading = Reading { sources: &mut sources, findings: &findings, output };
    let read = files(path, &mut reading).map(|(path, ini)| {
        let here = directory(&path).to_string_lossy().into_owned();
        let (programs, _) = program::read(&ini, &here, &reading);
        (programs, server::read(&ini, &here, &mut reading))
    });
    match read {
        Some((programs, server)) if !findings.failed_since(0) => {
            let text = |text: &std::ffi::OsString| text.to_str().map(str::to_owned);
            let pair = |(key, value)| Some((text(key)?, text(value)?));
            let variables = environment.iter().filter_map(pair).collect();
            resolved::resolved(
                &programs,
                server.environment.as_ref().map(|(template, _)| template),
                &variables,
            )
        }
        _ => Err(Report { diagnostics: findings.into_sorted(), sources }.render(false)),
    }
}
