//! The programs: sections of `[program:x]`, `[fcgi-program:x]` and `[eventlistener:x]` with their keys, as supervisord
//! checks them, and the groups that they are in.

use super::super::Reading;
use super::expand::{Names, Template};
use super::ini::{Ini, Section, Setting, strip};
use super::words;
use crate::config::diagnostic::{Code, Diagnostic, Span};
use crate::model::Signal;

/// What a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Program,
    Fcgi,
    Listener,
}

/// One section, in one group.
#[derive(Debug)]
pub struct Program {
    pub role: Role,
    pub name: String,
    pub group: String,
    /// The priority of the group, which orders before that of the program.
    pub group_priority: i64,
    pub span: Span,
    values: Vec<Value>,
    /// The keys that have no meaning.
    pub unknown: Vec<Setting>,
}

#[derive(Clone, Debug)]
struct Value {
    key: String,
    template: Template,
    span: Span,
}

/// A value that is known, or that depends on variables: then in our own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed<T> {
    Known(T),
    Open(String),
}

/// How a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Integer,
    Boolean,
    Size,
    Codes,
    Signal,
    Octal,
    Restart,
    Pairs,
}

/// The keys of a program; whether they are read for each process, so that `process_num` has a meaning.
const KEYS: &[(&str, Form, bool)] = &[
    ("command", Form::Text, true),
    ("process_name", Form::Text, true),
    ("numprocs", Form::Integer, false),
    ("numprocs_start", Form::Integer, false),
    ("priority", Form::Integer, false),
    ("autostart", Form::Boolean, false),
    ("autorestart", Form::Restart, false),
    ("startsecs", Form::Integer, false),
    ("startretries", Form::Integer, false),
    ("exitcodes", Form::Codes, false),
    ("stopsignal", Form::Signal, false),
    ("stopwaitsecs", Form::Integer, false),
    ("stopasgroup", Form::Boolean, false),
    ("killasgroup", Form::Boolean, false),
    ("user", Form::Text, false),
    ("umask", Form::Octal, false),
    ("directory", Form::Text, true),
    ("environment", Form::Pairs, true),
    ("redirect_stderr", Form::Boolean, false),
    ("stdout_logfile", Form::Text, true),
    ("stdout_logfile_maxbytes", Form::Size, true),
    ("stdout_logfile_backups", Form::Integer, true),
    ("stdout_capture_maxbytes", Form::Size, false),
    ("stdout_events_enabled", Form::Boolean, false),
    ("stdout_syslog", Form::Boolean, true),
    ("stderr_logfile", Form::Text, true),
    ("stderr_logfile_maxbytes", Form::Size, true),
    ("stderr_logfile_backups", Form::Integer, true),
    ("stderr_capture_maxbytes", Form::Size, false),
    ("stderr_events_enabled", Form::Boolean, false),
    ("stderr_syslog", Form::Boolean, true),
    ("serverurl", Form::Text, false),
];
const LISTENER_KEYS: &[(&str, Form, bool)] = &[
    ("events", Form::Text, false),
    ("buffer_size", Form::Integer, false),
    ("result_handler", Form::Text, false),
];
const FCGI_KEYS: &[(&str, Form, bool)] = &[
    ("socket", Form::Text, false),
    ("socket_backlog", Form::Integer, false),
    ("socket_owner", Form::Text, false),
    ("socket_mode", Form::Octal, false),
];

/// More processes than anybody has.
const MOST: i64 = 1000;

impl Role {
    const ALL: [(&str, Self); 3] =
        [("program:", Self::Program), ("fcgi-program:", Self::Fcgi), ("eventlistener:", Self::Listener)];

    /// What its sections begin with.
    pub fn prefix(self) -> &'static str {
        Self::ALL.iter().find(|(_, role)| *role == self).map_or("", |(prefix, _)| prefix)
    }

    fn keys(self) -> impl Iterator<Item = &'static (&'static str, Form, bool)> {
        let more = match self {
            Self::Program => &[],
            Self::Fcgi => FCGI_KEYS,
            Self::Listener => LISTENER_KEYS,
        };
        KEYS.iter().chain(more)
    }

    /// The names of its keys.
    pub fn key_names(self) -> impl Iterator<Item = &'static str> {
        self.keys().map(|(key, ..)| *key)
    }
}

/// A `[group:x]`.
#[derive(Debug)]
pub struct Group {
    pub name: String,
    pub programs: Vec<String>,
    pub priority: i64,
}

/// Reads all groups and programs, in the order in which supervisord would start them. `here` is the directory of the first
/// file.
pub fn read(ini: &Ini, here: &str, reading: &Reading<'_>) -> (Vec<Program>, Vec<Group>) {
    let mut programs = Vec::new();
    let mut groups = Vec::new();
    let mut grouped: Vec<&str> = Vec::new();
    for (name, section) in ini.of_kind("group:") {
        let group = group(name, section, here, reading);
        for member in &group.programs {
            let found: Vec<(Role, &Section)> = [Role::Program, Role::Fcgi]
                .into_iter()
                .filter_map(|role| Some((role, ini.section(&format!("{}{member}", role.prefix()))?)))
                .collect();
            let span = section.get("programs").map_or(section.span, |setting| setting.span);
            match found.as_slice() {
                [(role, section)] => {
                    grouped.push(&section.name);
                    // In a group it is no different from others.
                    let role = *role;
                    programs.extend(program(role, member, section, Some(&group), here, reading));
                }
                [] => {
                    let names = ini.of_kind("program:").map(|(name, _)| name);
                    let help = crate::config::did_you_mean(member, names);
                    let message = format!("the group `{}` names `{member}`, which is no program", group.name);
                    let finding = Diagnostic::error(Code::Reference, span, message);
                    reading.findings.push(match help {
                        Some(help) => finding.help(help),
                        None => finding,
                    });
                }
                _ => reading.broken(span, format!("`{member}` is a program and an fcgi-program")),
            }
        }
        groups.push(group);
    }
    for role in [Role::Program, Role::Listener, Role::Fcgi] {
        for (name, section) in ini.of_kind(role.prefix()) {
            if !grouped.contains(&section.name.as_str()) {
                programs.extend(program(role, name, section, None, here, reading));
            }
        }
    }
    let total: i64 = programs.iter().map(|program| program.processes().unwrap_or(1)).sum();
    if total > 10 * MOST {
        let span = programs.first().map_or(Span::whole(0), |program| program.span);
        reading.broken(span, format!("{total} processes in all"));
    }
    programs.sort_by(|a, b| {
        let key = |program: &Program| (program.group_priority, program.group.clone(), program.priority());
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
    });
    (programs, groups)
}

fn group(name: &str, section: &Section, here: &str, reading: &Reading<'_>) -> Group {
    let names = Names { here: here.to_owned(), ..Names::default() };
    let name = checked_name(name, section.span, reading);
    let text = |key: &str| {
        let setting = section.get(key)?;
        match Template::parse(&setting.value, &names) {
            Ok(template) => match template.known() {
                Some(text) => return Some((text.to_owned(), setting.span)),
                None => reading.broken(setting.span, format!("`{key}` of a group depends on variables")),
            },
            Err(why) => reading.broken(setting.span, format!("cannot expand `{key}`: {why}")),
        }
        None
    };
    let programs = text("programs").map(|(text, _)| text).filter(|text| !text.is_empty());
    let programs =
        programs.iter().flat_map(|text| text.split(',')).map(|name| strip(name).to_owned()).collect();
    let priority = text("priority").map_or(Some(999), |(text, span)| {
        let number = words::integer(&text);
        if number.is_none() {
            reading.broken(span, format!("`priority` is no whole number: `{text}`"));
        }
        number
    });
    Group { name, programs, priority: priority.unwrap_or(999) }
}

fn checked_name(name: &str, span: Span, reading: &Reading<'_>) -> String {
    let name = strip(name);
    if name.contains([' ', ':', '/']) {
        reading.broken(span, format!("`{name}` cannot be a name: it has a space, `:` or `/` in it"));
    }
    name.to_owned()
}

fn program(
    role: Role,
    name: &str,
    section: &Section,
    group: Option<&Group>,
    here: &str,
    reading: &Reading<'_>,
) -> Option<Program> {
    let before = reading.findings.len();
    let name = checked_name(name, section.span, reading);
    let mut names = Names {
        here: here.to_owned(),
        program: Some(name.clone()),
        group: Some(group.map_or(name.clone(), |group| group.name.clone())),
        processes: None,
        numbered: false,
    };
    let mut program = Program {
        role,
        name,
        group: names.group.clone().unwrap_or_default(),
        group_priority: 999,
        span: section.span,
        values: Vec::new(),
        unknown: Vec::new(),
    };
    for each_process in [false, true] {
        names.numbered = each_process;
        for setting in &section.options {
            match role.keys().find(|(key, ..)| *key == setting.key) {
                None if !each_process => program.unknown.push(setting.clone()),
                Some((_, form, each)) if *each == each_process => {
                    program.values.extend(value(setting, *form, &names, reading));
                }
                _ => {}
            }
        }
        names.processes = program.processes();
    }
    program.group_priority = match (group, role) {
        (Some(group), _) => group.priority,
        (None, Role::Listener) if program.template("priority").is_none() => -1,
        (None, _) => program.priority(),
    };
    program.check(reading);
    (reading.findings.len() == before).then_some(program)
}

fn value(setting: &Setting, form: Form, names: &Names, reading: &Reading<'_>) -> Option<Value> {
    let Setting { key, value, span } = setting;
    let template = match Template::parse(value, names) {
        Ok(template) => template,
        Err(why) => {
            reading.broken(*span, format!("cannot expand `{key}`: {why}"));
            return None;
        }
    };
    if key == "process_name" {
        checked_name(value, *span, reading);
    }
    let fault = match (template.known(), form) {
        (_, Form::Pairs) if words::pairs(&template.marked()).is_none() => {
            Some("no list of KEY=\"value\" pairs")
        }
        (None, _) | (_, Form::Text | Form::Pairs) => None,
        (Some(text), Form::Integer) => words::integer(text).is_none().then_some("no whole number"),
        (Some(text), Form::Boolean) => {
            words::boolean(text).is_none().then_some("neither yes, true, on, 1 nor no, false, off, 0")
        }
        (Some(text), Form::Size) => words::size(text).is_none().then_some("no size such as 50MB"),
        (Some(text), Form::Codes) => codes(text).is_none().then_some("no list of exit codes, 0 to 255"),
        (Some(text), Form::Signal) => signal(text).is_none().then_some("no signal"),
        (Some(text), Form::Octal) => words::octal(text).is_none().then_some("no octal number"),
        (Some(text), Form::Restart) => {
            restart(text).is_none().then_some("none of true, false and unexpected")
        }
    };
    if let Some(fault) = fault {
        reading.broken(*span, format!("`{key}` is {fault}: `{}`", value.escape_debug()));
    }
    Some(Value { key: key.clone(), template, span: *span })
}

/// The exit codes of a list.
pub fn codes(text: &str) -> Option<Vec<i64>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split(',').map(|code| words::integer(code).filter(|code| (0..=255).contains(code))).collect()
}

/// A signal, by name or number.
pub fn signal(text: &str) -> Option<Signal> {
    if let Some(number) = words::integer(text) {
        return i32::try_from(number).ok().and_then(Signal::from_number).filter(|signal| has_name(*signal));
    }
    let name = strip(text).to_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let name = match name {
        "CLD" => "CHLD",
        "POLL" => "IO",
        "IOT" => "ABRT",
        name => name,
    };
    format!("SIG{name}").parse().ok().filter(|_| name.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Python knows the real-time signals by their ends alone.
fn has_name(signal: Signal) -> bool {
    !(35..64).contains(&signal.number()) && !matches!(signal.number(), 32 | 33)
}

/// Whether ends are followed by restarts: all, none, or the unexpected ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autorestart {
    Always,
    Never,
    Unexpected,
}

pub fn restart(text: &str) -> Option<Autorestart> {
    match words::boolean(text) {
        Some(true) => Some(Autorestart::Always),
        Some(false) => Some(Autorestart::Never),
        None => (text.to_lowercase() == "unexpected").then_some(Autorestart::Unexpected),
    }
}

impl Program {
    /// `[program:web]`.
    pub fn title(&self) -> String {
        format!("[{}{}]", self.role.prefix(), self.name)
    }

    /// What is said of a key, and where.
    pub fn get(&self, key: &str) -> Option<(&Template, Span)> {
        self.values.iter().find(|value| value.key == key).map(|value| (&value.template, value.span))
    }

    pub fn template(&self, key: &str) -> Option<&Template> {
        self.get(key).map(|(template, _)| template)
    }

    /// The keys that are set.
    pub fn keys(&self) -> impl Iterator<Item = (&str, Span)> {
        self.values.iter().map(|value| (value.key.as_str(), value.span))
    }

    /// A value, read by `parse`, which takes what is known of it.
    pub fn typed<T>(&self, key: &str, parse: fn(&str) -> Option<T>) -> Option<Typed<T>> {
        let template = self.template(key)?;
        match template.known() {
            Some(text) => parse(text).map(Typed::Known),
            None => Some(Typed::Open(template.ours())),
        }
    }

    /// A value that is known.
    pub fn known<T>(&self, key: &str, parse: fn(&str) -> Option<T>) -> Option<T> {
        match self.typed(key, parse) {
            Some(Typed::Known(value)) => Some(value),
            _ => None,
        }
    }

    pub fn flag(&self, key: &str) -> bool {
        self.known(key, words::boolean).unwrap_or(false)
    }

    pub fn priority(&self) -> i64 {
        self.known("priority", words::integer).unwrap_or(999)
    }

    /// How many processes it has; `None` if a variable says so.
    pub fn processes(&self) -> Option<i64> {
        match self.typed("numprocs", words::integer) {
            None => Some(1),
            Some(Typed::Known(count)) => Some(count.max(0)),
            Some(Typed::Open(_)) => None,
        }
    }

    /// The number of the first one.
    pub fn first(&self) -> i64 {
        self.known("numprocs_start", words::integer).unwrap_or(0)
    }

    fn check(&self, reading: &Reading<'_>) {
        if self.template("command").is_none() {
            reading.broken(self.span, format!("{} has no `command`", self.title()));
        }
        let count = self.processes();
        let (_, place) = self.get("numprocs").unwrap_or((EMPTY, self.span));
        if count.is_some_and(|count| count > MOST) {
            reading.broken(place, format!("more than {MOST} processes of one program"));
        }
        let numbered = self.template("process_name").is_some_and(|name| name.numbers().next().is_some());
        if count.is_some_and(|count| count > 1) && !numbered {
            reading.broken(place, "with `numprocs`, `process_name` must have `%(process_num)` in it");
        }
        if self.flag("stopasgroup") && self.known("killasgroup", words::boolean) == Some(false) {
            let (_, place) = self.get("killasgroup").unwrap_or((EMPTY, self.span));
            reading.broken(place, "`killasgroup=false` beside `stopasgroup=true`");
        }
        match self.role {
            Role::Listener if self.template("events").and_then(Template::known).unwrap_or("").is_empty() => {
                reading.broken(self.span, format!("{} has no `events`", self.title()));
            }
            Role::Listener if self.flag("redirect_stderr") => {
                let (_, place) = self.get("redirect_stderr").unwrap_or((EMPTY, self.span));
                reading.broken(place, "`redirect_stderr=true` on an event listener");
            }
            Role::Fcgi if self.template("socket").is_none() => {
                reading.broken(self.span, format!("{} has no `socket`", self.title()));
            }
            _ => {}
        }
    }
}

static NOTHING: Template = Template(Vec::new());
const EMPTY: &Template = &NOTHING;
