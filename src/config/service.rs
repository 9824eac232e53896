//! One service file as a [`Service`]; names of other services stay names until all files are read.

use super::command::argv;
use super::diagnostic::{Code, Diagnostic, Findings, Sources, Span};
use super::keys::SERVICE;
use super::presence::Accounts;
use super::process;
use super::reader::{Located, Reader};
use super::scope::Scope;
use super::tree::{Node, Table, Value};
use super::{Mode, Variables};
use crate::model::{
    Conditions, EnvCondition, Kind, PathCondition, Policy, Ready, Reload, Restart, Service, Settings, Sign,
    Signal, Stdin, Stop,
};
use std::cell::OnceCell;

/// What all files are read with.
pub struct Context<'r> {
    pub findings: &'r Findings,
    pub sources: &'r Sources,
    pub container: &'r Variables,
    pub mode: Mode,
    pub settings: &'r Settings,
    /// There is a command after `--`, which takes the role of main service.
    pub has_command: bool,
    pub accounts: OnceCell<Accounts>,
}

impl Context<'_> {
    /// Whether to warn of what is not on this system (yet).
    pub fn checks_presence(&self) -> bool {
        self.mode == Mode::Check
    }

    /// Adds a warning.
    pub fn warn(&self, code: Code, span: Span, message: impl Into<String>, help: Option<String>) {
        self.findings.push(Diagnostic::warning(code, span, message).help(help));
    }
}

/// The file of a service with its drop-ins laid over it.
pub struct File<'s> {
    /// The stem: its name.
    pub stem: &'s str,
    /// Index of `NAME.toml`.
    pub file: u32,
    /// What it says.
    pub table: Table<'s>,
    /// Whether every file of it is TOML, so that what is missing is really missing.
    pub complete: bool,
}

/// The keys that name other services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Requires,
    Wants,
    After,
    Before,
    RequiredBy,
    WantedBy,
    RestartWith,
}

impl Relation {
    pub const ALL: [Self; 7] = [
        Self::Requires,
        Self::Wants,
        Self::After,
        Self::Before,
        Self::RequiredBy,
        Self::WantedBy,
        Self::RestartWith,
    ];

    /// The key.
    pub fn key(self) -> &'static str {
        match self {
            Self::Requires => "requires",
            Self::Wants => "wants",
            Self::After => "after",
            Self::Before => "before",
            Self::RequiredBy => "required-by",
            Self::WantedBy => "wanted-by",
            Self::RestartWith => "restart-with",
        }
    }
}

/// A service, and the names in it that are still to be resolved.
pub struct Draft<'s> {
    pub service: Service,
    pub stem: &'s str,
    pub references: Vec<(Relation, Located<String>)>,
    /// Where `main = true` stands.
    pub main: Option<Span>,
    /// Where `stdin = "inherit"` stands.
    pub inherits_stdin: Option<Span>,
}

impl<'s> Draft<'s> {
    /// A service of which only the name is known.
    pub fn unread(file: &File<'s>, service: Service) -> Self {
        Self { service, stem: file.stem, references: Vec::new(), main: None, inherits_stdin: None }
    }
}

/// How many instances a file asks for; `None` for a plain service. Errors are left to [`read`].
pub fn instances(context: &Context<'_>, file: &File<'_>) -> Option<u32> {
    let entry = file.table.get("instances")?;
    let count = match &entry.node.value {
        Value::Integer(count) => *count,
        Value::Text(text) => {
            let quiet = Findings::default();
            let scope = Scope::new(&quiet, context.sources, context.container, file.file);
            scope.text(&entry.node, text)?.trim().parse().ok()?
        }
        _ => return None,
    };
    u32::try_from(count).ok().filter(|count| (1..=1000).contains(count))
}

/// Reads one service, or one instance of it.
pub fn read<'s>(context: &Context<'_>, file: &File<'s>, instance: Option<u32>) -> Draft<'s> {
    let secrets = match file.table.get("secrets").map(|entry| &entry.node.value) {
        Some(Value::Table(table)) => table.entries.iter().map(|entry| entry.key.to_string()).collect(),
        _ => Vec::new(),
    };
    let scope = Scope::new(context.findings, context.sources, context.container, file.file)
        .of_service(instance, secrets);
    let reader = Reader::new(&file.table, &SERVICE, &SERVICE, &scope);
    // Before all that depends on it, and with what was there before `[environment]`, as in `instances`.
    let _ = reader.integer("instances");
    let kind = match reader.choice("type").map(|kind| kind.value) {
        Some("oneshot") => Kind::Oneshot,
        Some("target") => Kind::Target,
        _ => Kind::Daemon,
    };
    let name = instance.map_or_else(|| file.stem.to_owned(), |n| format!("{}@{n}", file.stem));
    let mut service = Service::new(&name, kind);
    service.exec = if kind == Kind::Target {
        target_has_no_process(&reader);
        None
    } else {
        // A misspelt `type` may have meant a target.
        let known = kind != Kind::Daemon || reader.node("type").is_none_or(|node| is_daemon(node));
        process::exec(context, &reader, file.complete && known)
    };
    service.description = reader.text("description").map(|text| text.value);
    service.enabled = reader.boolean("enabled").is_none_or(|flag| flag.value);
    let main = reader.boolean("main").filter(|flag| flag.value && kind != Kind::Target).map(|flag| flag.span);
    service.main = main.is_some() && !context.has_command;
    service.essential = reader.boolean("essential").is_none_or(|flag| flag.value);
    check_main(&reader, &mut service, kind);
    service.when = conditions(&reader, kind).unwrap_or_default();
    if kind != Kind::Target {
        service.ready = ready(&reader, kind);
        let policy = if kind == Kind::Daemon && !service.main { Policy::Always } else { Policy::Never };
        service.restart = restart(&reader, kind, policy);
        service.stop = stop(context, &reader);
        service.reload = reload(&reader, kind);
    }
    let references = Relation::ALL
        .into_iter()
        .flat_map(|relation| {
            let names = reader.texts(relation.key()).unwrap_or_default();
            names.into_iter().map(move |name| (relation, name))
        })
        .collect();
    let inherits = service.exec.as_ref().is_some_and(|exec| exec.stdin == Stdin::Inherit);
    let inherits_stdin = reader.node("stdin").filter(|_| inherits).map(|node| node.span);
    Draft { service, stem: file.stem, references, main, inherits_stdin }
}

fn is_daemon(node: &Node<'_>) -> bool {
    matches!(&node.value, Value::Text(text) if text == "daemon")
}

/// The keys that only mean something to a process.
const OF_A_PROCESS: [&str; 24] = [
    "command",
    "script",
    "shell",
    "main",
    "user",
    "group",
    "supplementary-groups",
    "working-directory",
    "umask",
    "nice",
    "oom-score-adj",
    "limits",
    "capabilities",
    "no-new-privileges",
    "stdin",
    "environment",
    "environment-files",
    "clear-environment",
    "pass-environment",
    "secrets",
    "ready",
    "restart",
    "stop",
    "reload",
];

fn target_has_no_process(reader: &Reader<'_, '_>) {
    for key in OF_A_PROCESS {
        let message = format!("a target has no process, so `{key}` means nothing");
        reader.conflict(key, message, "", reader.key_span("type"));
    }
}

fn check_main(reader: &Reader<'_, '_>, service: &mut Service, kind: Kind) {
    if !service.main || kind == Kind::Target {
        return;
    }
    let main = reader.key_span("main");
    if !service.essential && in_one_file(reader, "essential", main) {
        let message = "`essential = false` on the main service";
        reader.conflict("essential", message, "the end of the main service always ends the container", main);
    }
    if reader.node("instances").is_some() {
        let message = "the main service cannot have instances";
        reader.conflict(
            "main",
            message,
            "only one process can decide the exit code",
            reader.key_span("instances"),
        );
    }
}

/// Whether `key` is given in the same file as `other`. A drop-in that makes a key of the file below it useless is fine:
/// it has no way to take the key away.
fn in_one_file(reader: &Reader<'_, '_>, key: &'static str, other: Option<Span>) -> bool {
    match (reader.key_span(key), other) {
        (Some(key), Some(other)) => key.file == other.file,
        (key, _) => key.is_some(),
    }
}

fn conditions(reader: &Reader<'_, '_>, kind: Kind) -> Option<Conditions> {
    let when = reader.inner("when")?;
    let mut conditions = Conditions::default();
    for text in when.text_or_texts("env").unwrap_or_default() {
        let (negate, rest) = negation(&text.value);
        let (name, value) = match rest.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (rest, None),
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            let help = "write \"NAME\", \"NAME=value\", \"!NAME\" or \"!NAME=value\"".to_owned();
            when.invalid(text.span, format!("`{}` is no condition on a variable", text.value), Some(help));
        } else {
            conditions.env.push(EnvCondition { name: name.to_owned(), value, negate });
        }
    }
    for text in when.text_or_texts("path").unwrap_or_default() {
        let (negate, path) = negation(&text.value);
        if when.absolute("path", path, text.span) {
            conditions.path.push(PathCondition { path: path.to_owned(), negate });
        }
    }
    conditions.command = argv(&when, "command").map(|argv| argv.value);
    if let Some(timeout) = when.duration("timeout") {
        conditions.timeout = timeout.value;
        positive(&when, "timeout", &timeout);
    }
    if when.node("command").is_none() {
        when.conflict("timeout", "`when.timeout` without `when.command`", "only a command takes time", None);
    } else if kind == Kind::Target {
        let help = "use `env` or `path`, or require a oneshot that runs the command";
        when.conflict("command", "a target has nothing to run a command as", help, reader.key_span("type"));
    }
    Some(conditions)
}

fn negation(text: &str) -> (bool, &str) {
    text.strip_prefix('!').map_or((false, text), |rest| (true, rest.trim_start()))
}

fn positive(reader: &Reader<'_, '_>, key: &str, duration: &Located<std::time::Duration>) {
    if duration.value.is_zero() {
        reader.invalid(duration.span, format!("`{}` must be longer than 0", reader.group.path(key)), None);
    }
}

fn ready(reader: &Reader<'_, '_>, kind: Kind) -> Ready {
    if kind == Kind::Oneshot {
        let help = "a oneshot is satisfied when it has exited with success";
        reader.conflict("ready", "`[ready]` on a oneshot", help, reader.key_span("type"));
    }
    let delay = reader.inner("ready").and_then(|ready| ready.duration("delay"));
    let sign = delay.map_or(Sign::Exec, |delay| Sign::Delay(delay.value));
    Ready { sign, ..Ready::default() }
}

fn restart(outer: &Reader<'_, '_>, kind: Kind, policy: Policy) -> Restart {
    let mut restart = Restart { policy, ..Restart::default() };
    let Some(reader) = outer.inner("restart") else { return restart };
    match reader.choice("policy") {
        Some(Located { value: "always", span }) => {
            restart.policy = Policy::Always;
            if kind == Kind::Oneshot {
                let help = "a oneshot ends after its success; use \"on-failure\", or `type = \"daemon\"`";
                let message = "a oneshot cannot have the policy \"always\"";
                let conflict = Diagnostic::error(Code::Conflict, span, message).help(help.to_owned());
                reader.scope.findings.push(conflict);
            }
        }
        Some(Located { value: "on-failure", .. }) => restart.policy = Policy::OnFailure,
        Some(Located { value: "never", .. }) => restart.policy = Policy::Never,
        _ => {}
    }
    let delay = reader.duration("delay");
    let longest = reader.duration("max-delay");
    if let Some(delay) = &delay {
        restart.delay = delay.value;
    }
    if let Some(longest) = &longest {
        restart.max_delay = longest.value;
    }
    if restart.max_delay < restart.delay {
        match (&delay, &longest) {
            (_, Some(longest)) => {
                reader.invalid(longest.span, "`restart.max-delay` is below `restart.delay`", None);
            }
            // Only the delay was given: the default must not cut it.
            _ => restart.max_delay = restart.delay,
        }
    }
    if let Some(factor) = reader.number("factor") {
        restart.factor = factor.value;
    }
    if let Some(after) = reader.duration("reset-after") {
        restart.reset_after = after.value;
        if after.value.is_zero() {
            let help = "for restarts without end, write limit = \"unlimited\"".to_owned();
            reader.invalid(after.span, "`restart.reset-after` must be longer than 0", Some(help));
        }
    }
    if let Some(node) = reader.node("limit") {
        restart.limit = limit(&reader, node).unwrap_or(restart.limit);
    }
    if let Some(success) = reader.exits("success-codes") {
        restart.success = success;
    }
    if let Some(never) = reader.exits("never-on") {
        restart.never_on = never;
    }
    if restart.policy == Policy::Never {
        let reason = reader
            .key_span("policy")
            .or_else(|| outer.key_span("main").filter(|_| kind == Kind::Daemon))
            .or_else(|| outer.key_span("type"));
        for key in ["delay", "factor", "max-delay", "limit", "reset-after", "never-on"] {
            if in_one_file(&reader, key, reason) {
                let message = format!("`restart.{key}` does nothing, because the policy is \"never\"");
                reader.conflict(key, message, "remove it, or set `policy`", reason);
            }
        }
    }
    restart
}

/// `None` if it is no limit; the inner `None` is unlimited.
fn limit(reader: &Reader<'_, '_>, node: &Node<'_>) -> Option<Option<u32>> {
    match &node.value {
        Value::Integer(0) => {
            let help = "write policy = \"never\" for no restart at all".to_owned();
            reader.invalid(node.span, "`restart.limit` must be at least 1", Some(help));
            None
        }
        Value::Integer(count) => {
            let count = u32::try_from(*count).ok();
            if count.is_none() {
                reader.invalid(node.span, "`restart.limit` must be from 1 to 4294967295", None);
            }
            count.map(Some)
        }
        Value::Text(text) if text == "unlimited" => Some(None),
        _ => {
            reader.mismatch("limit", node);
            None
        }
    }
}

fn stop(context: &Context<'_>, outer: &Reader<'_, '_>) -> Stop {
    let mut stop = Stop::default();
    let budget = context.settings.shutdown_timeout;
    let Some(reader) = outer.inner("stop") else { return stop };
    if let Some(signal) = reader.signal("signal") {
        let why = match signal.value {
            Signal::STOP => Some("it halts a process, and the SIGCONT that follows lets it go on"),
            Signal::CONT => Some("it lets a process go on"),
            Signal::CHLD => Some("processes do nothing on it"),
            _ => None,
        };
        match why {
            Some(why) => {
                let message = format!("{} cannot stop a service: {why}", signal.value);
                reader.invalid(signal.span, message, None);
            }
            None => stop.signal = signal.value,
        }
    }
    if let Some(timeout) = reader.duration("timeout") {
        stop.timeout = timeout.value;
        if timeout.value > budget {
            let text = crate::model::format_duration;
            let message = format!(
                "the stop timeout of {} is beyond the shutdown budget of {}",
                text(timeout.value),
                text(budget)
            );
            let help =
                "a shutdown kills it at the end of the budget; raise `[shutdown] timeout` in foster.toml, \
                        and what the container runtime waits"
                    .to_owned();
            context.warn(Code::Suspicious, timeout.span, message, Some(help));
        }
    }
    stop.command = argv(&reader, "command").map(|argv| argv.value);
    if let Some(group) = reader.boolean("group") {
        stop.group = group.value;
    }
    stop
}

fn reload(outer: &Reader<'_, '_>, kind: Kind) -> Reload {
    let mut reload = Reload::default();
    if kind == Kind::Oneshot {
        let help = "only a daemon reads its configuration anew; start a oneshot again instead";
        outer.conflict("reload", "`[reload]` on a oneshot", help, outer.key_span("type"));
    }
    let Some(reader) = outer.inner("reload") else { return reload };
    if let Some(signal) = reader.signal("signal") {
        match signal.value {
            Signal::KILL | Signal::STOP => {
                let message = format!("{} cannot mean \"reload\": no process can catch it", signal.value);
                reader.invalid(signal.span, message, None);
            }
            value => reload.signal = value,
        }
    }
    reload.command = argv(&reader, "command").map(|argv| argv.value);
    if let Some(timeout) = reader.duration("timeout") {
        reload.timeout = timeout.value;
        positive(&reader, "timeout", &timeout);
    }
    match (reader.key_span("command"), reader.key_span("signal")) {
        (None, _) => {
            let message = "`reload.timeout` without `reload.command`";
            reader.conflict("timeout", message, "only a command takes time", None);
        }
        (Some(command), Some(signal)) if command.file == signal.file => {
            let help = "use one of the two; a command can send any signal to $MAINPID itself";
            reader.conflict("signal", "`reload.signal` beside `reload.command`", help, Some(command));
        }
        _ => {}
    }
    reload
}
