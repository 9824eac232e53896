//! The shape of the configuration: what a key is. The keys themselves are in [`super::keys`].
//!
//! Readers accept a key only if it is there, so the reference (`docs/config.md`), "did you mean" and what is understood
//! cannot drift apart.

use super::suggest;
use crate::model::format_size;

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What its value may be.
    pub kind: Type,
    /// The default, in words or as TOML.
    pub default: &'static str,
    /// What it does: Markdown, one sentence or two.
    pub doc: &'static str,
    /// An example value in TOML, which parses.
    pub example: &'static str,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Type {
    /// Any string.
    Text,
    /// A string that is not expanded: a program for the shell.
    Script,
    /// A string that is an absolute path.
    Path,
    /// A string that is an absolute path or one of these words.
    PathOr(&'static [&'static str]),
    /// `true` or `false`.
    Boolean,
    /// A whole number within these bounds.
    Integer(i64, i64),
    /// A number of at least this.
    Number(f64),
    /// A string such as `"5s"`.
    Duration,
    /// A size in bytes, from 0 to this.
    Size(u64),
    /// A size in bytes of at least 1, or `"unlimited"`.
    SizeOrUnlimited,
    /// Where the output of a service goes: one of these words, `"service:NAME"`, or several.
    Sinks(&'static [&'static str]),
    /// The name or number of a signal.
    Signal,
    /// Several signals.
    Signals,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Names of services.
    Services,
    /// Strings.
    Texts,
    /// A string or several.
    TextOrTexts,
    /// Absolute paths.
    Paths,
    /// Absolute paths, each with a `-` before it if it may be missing.
    EnvironmentFiles,
    /// argv, or a string that is split into one.
    Command,
    /// A string of octal digits.
    Octal,
    /// Name or number of a user or group.
    Identity,
    /// Names or numbers of groups.
    Identities,
    /// A resource limit.
    Limit,
    /// A count of at least 1, or `"unlimited"`.
    Count,
    /// Exit codes and signals.
    Exits,
    /// Names of capabilities.
    Capabilities,
    /// A string of this form: what it is called, and a pattern that it matches.
    Form(&'static str, &'static str),
    /// An HTTP status, a range or several of them.
    Statuses,
    /// A table of its own.
    Table(&'static Group),
    /// An array of tables.
    Tables(&'static Group),
}

impl Type {
    /// What is expected, for "expected …, found …".
    #[must_use]
    pub fn expected(self) -> String {
        match self {
            Self::Text | Self::Script => "a string".into(),
            Self::Path => "a string with an absolute path".into(),
            Self::PathOr(words) => format!("{} or an absolute path", quoted(words).join(", ")),
            Self::Boolean => "true or false".into(),
            Self::Integer(..) => "an integer".into(),
            Self::Number(_) => "a number".into(),
            Self::Duration => "a duration such as \"5s\" or \"1m30s\"".into(),
            Self::Size(_) => "a size such as \"64KiB\"".into(),
            Self::SizeOrUnlimited => "a size such as \"10MB\", or \"unlimited\"".into(),
            Self::Sinks(_) => "a string or an array of strings".into(),
            Self::Signal => "a signal such as \"SIGTERM\"".into(),
            Self::Signals => "an array of signals such as [\"SIGWINCH\"]".into(),
            Self::Choice(words) => one_of(words),
            Self::Services => "an array of service names such as [\"db\"]".into(),
            Self::Texts => "an array of strings".into(),
            Self::TextOrTexts => "a string or an array of strings".into(),
            Self::Paths | Self::EnvironmentFiles => "an array of absolute paths".into(),
            Self::Command => "an array of strings or a string".into(),
            Self::Octal => "a string of octal digits such as \"022\"".into(),
            Self::Identity => "a name or a number".into(),
            Self::Identities => "an array of names or numbers".into(),
            Self::Limit => "an integer, \"unlimited\", \"SOFT:HARD\" or a size such as \"64MiB\"".into(),
            Self::Count => "an integer or \"unlimited\"".into(),
            Self::Exits => "an array of exit codes and signals such as [0, \"SIGTERM\"]".into(),
            Self::Capabilities => "an array of capabilities such as [\"net-bind-service\"]".into(),
            Self::Form(title, _) => format!("a string with {title}"),
            Self::Statuses => "a status, a range such as \"200-299\" or an array of them".into(),
            Self::Table(_) => "a table".into(),
            Self::Tables(_) => "an array of tables".into(),
        }
    }

    /// The type in the reference.
    #[must_use]
    pub fn title(self) -> String {
        match self {
            Self::Text | Self::Script => "string".into(),
            Self::Path => "absolute path".into(),
            Self::PathOr(words) => format!("{}, absolute path", in_code(words)),
            Self::Boolean => "boolean".into(),
            Self::Integer(low, high) => format!("integer, {low} to {high}"),
            Self::Number(low) => format!("number, at least {low}"),
            Self::Duration => "duration".into(),
            Self::Size(most) => format!("size, to `\"{}\"`", format_size(most)),
            Self::SizeOrUnlimited => "size, `\"unlimited\"`".into(),
            Self::Sinks(words) => format!("{}, `\"service:NAME\"`, or array", in_code(words)),
            Self::Signal => "signal".into(),
            Self::Signals => "array of signals".into(),
            Self::Choice(words) => in_code(words),
            Self::Services => "array of services".into(),
            Self::Texts => "array of strings".into(),
            Self::TextOrTexts => "string or array of strings".into(),
            Self::Paths | Self::EnvironmentFiles => "array of absolute paths".into(),
            Self::Command => "argv: array of strings, or a string".into(),
            Self::Octal => "string of octal digits".into(),
            Self::Identity => "name or number".into(),
            Self::Identities => "array of names or numbers".into(),
            Self::Limit => "limit".into(),
            Self::Count => "integer, at least 1, or `\"unlimited\"`".into(),
            Self::Exits => "array of exit codes and signals".into(),
            Self::Capabilities => "array of capabilities".into(),
            Self::Form(title, _) => title.trim_start_matches("an ").trim_start_matches("a ").into(),
            Self::Statuses => "status, range of them, or array".into(),
            Self::Table(_) => "table".into(),
            Self::Tables(_) => "array of tables".into(),
        }
    }
}

fn one_of(words: &[&str]) -> String {
    let quoted = quoted(words);
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

fn quoted(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| format!("\"{word}\"")).collect()
}

fn in_code(words: &[&str]) -> String {
    words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
}

/// A table with its keys.
#[derive(Debug)]
pub struct Group {
    /// Its header without brackets; empty for the top of a file.
    pub name: &'static str,
    /// Whether there may be several, as an array of tables.
    pub repeats: bool,
    /// What it is for: Markdown.
    pub doc: &'static str,
    /// Its keys. Empty when any key may stand in it.
    pub keys: &'static [Key],
}

impl PartialEq for Group {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Group {
    /// The key of this name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The tables inside it.
    pub fn groups(&self) -> impl Iterator<Item = &'static Group> {
        self.keys.iter().filter_map(|key| match key.kind {
            Type::Table(group) | Type::Tables(group) => Some(group),
            _ => None,
        })
    }

    /// The line above its keys: `[stop]`, or `[[socket]]`.
    #[must_use]
    pub fn header(&self) -> String {
        if self.repeats { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }

    /// A key as it is called in a message: `stop.timeout`.
    #[must_use]
    pub fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// What was probably meant by a key that is not here. `top` is the top of the same file.
    #[must_use]
    pub fn advice(&'static self, unknown: &str, top: &'static Group) -> Option<String> {
        let meant =
            ALIASES.iter().find(|(alias, _)| *alias == unknown.replace('_', "-").to_ascii_lowercase());
        if let Some((_, meant)) = meant.filter(|(_, meant)| self.key(meant).is_some()) {
            return Some(format!("did you mean `{meant}`?"));
        }
        if let Some(advice) = suggest::did_you_mean(unknown, self.keys.iter().map(|key| key.name)) {
            return Some(advice);
        }
        if !self.name.is_empty() && top.key(unknown).is_some() {
            return Some(format!("`{unknown}` stands at the top of the file, above the first `[table]`"));
        }
        let home = top.groups().find(|group| *group != self && group.key(unknown).is_some())?;
        Some(format!("`{unknown}` is a key of `{}`", home.header()))
    }
}

/// What other tools call the same thing.
const ALIASES: &[(&str, &str)] = &[
    ("cmd", "command"),
    ("exec", "command"),
    ("execstart", "command"),
    ("exec-start", "command"),
    ("entrypoint", "command"),
    ("run", "command"),
    ("depends-on", "requires"),
    ("depends", "requires"),
    ("dependencies", "requires"),
    ("needs", "requires"),
    ("cwd", "working-directory"),
    ("workdir", "working-directory"),
    ("directory", "working-directory"),
    ("working-dir", "working-directory"),
    ("env", "environment"),
    ("env-file", "environment-files"),
    ("env-files", "environment-files"),
    ("environment-file", "environment-files"),
    ("autostart", "enabled"),
    ("numprocs", "instances"),
    ("replicas", "instances"),
    ("kind", "type"),
    ("max-retries", "limit"),
    ("stopsignal", "signal"),
    ("healthcheck", "health"),
    ("health-check", "health"),
    ("liveness", "health"),
    ("liveness-probe", "health"),
    ("readiness", "ready"),
    ("readiness-probe", "ready"),
    ("sd-notify", "notify"),
    ("notification-fd", "fd"),
    ("url", "http"),
    ("pattern", "log"),
    ("retries", "failures"),
    ("failure-threshold", "failures"),
    ("start-period", "grace"),
    ("initial-delay", "grace"),
    ("listen", "socket"),
    ("sockets", "socket"),
    ("address", "listen"),
    ("owner", "user"),
    ("cron", "schedule"),
    ("timer", "schedule"),
    ("expression", "cron"),
    ("on-calendar", "cron"),
    ("tz", "timezone"),
    ("time-zone", "timezone"),
    ("logging", "log"),
    ("output", "to"),
    ("sink", "to"),
    ("sinks", "to"),
    ("rotate", "keep"),
    ("backups", "keep"),
    ("maxsize", "max-size"),
    ("size", "max-size"),
    ("ident", "tag"),
    ("cgroup", "resources"),
    ("mem-limit", "memory"),
    ("memory-max", "memory"),
    ("memory-limit", "memory"),
    ("memory-swap-max", "swap"),
    ("memory-swap", "swap"),
    ("cpus", "cpu"),
    ("cpu-quota", "cpu"),
    ("cpu-shares", "cpu-weight"),
    ("pids-limit", "pids"),
    ("pids-max", "pids"),
    ("tasks-max", "pids"),
];
