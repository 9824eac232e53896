//! One service file as a [`Service`]; names of other services stay names until all files are read.

use super::command::argv;
use super::diagnostic::{Code, Diagnostic, Findings, Sources, Span};
use super::health::health;
use super::keys::SERVICE;
use super::log;
use super::presence::Accounts;
use super::process;
use super::reader::{Located, Reader};
use super::ready::ready;
use super::resources::resources;
use super::restart::restart;
use super::schedule::schedule;
use super::scope::Scope;
use super::sockets::sockets;
use super::tree::{Node, Table, Value};
use super::{Mode, Variables};
use crate::model::{
    Conditions, EnvCondition, Exec, Kind, PathCondition, Policy, Reload, Service, Settings, Signal, Stdin,
    Stop,
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
    /// `to` of `[log]`.
    Log,
}

impl Relation {
    /// Those that are keys at the top of the file.
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
            Self::Log => "log.to",
        }
    }
}

/// A service, and the names in it that are still to be resolved.
pub struct Draft<'s> {
    pub service: Service,
    pub stem: &'s str,
    pub references: Vec<(Relation, Located<String>)>,
    /// Where each of its sockets says what it listens on.
    pub listens: Vec<Span>,
    /// Where each path of a log file stands.
    pub log_paths: Vec<Span>,
    /// Where `main = true` stands.
    pub main: Option<Span>,
    /// Where `stdin` is given.
    pub stdin: Option<Span>,
    /// Where `stdin = "inherit"` or `tty = true` stands: it reads what the container gets.
    pub inherits_stdin: Option<Span>,
}

impl<'s> Draft<'s> {
    /// A service of which nothing stands anywhere.
    pub fn new(stem: &'s str, service: Service) -> Self {
        Self {
            service,
            stem,
            references: Vec::new(),
            listens: Vec::new(),
            log_paths: Vec::new(),
            main: None,
            stdin: None,
            inherits_stdin: None,
        }
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
    let reads_elsewhere = reader.node("tty").or_else(|| reader.node("stdin")).is_some();
    if let Some(exec) = service.exec.as_mut().filter(|_| service.main && !reads_elsewhere) {
        exec.tty = true;
    }
    service.when = conditions(&reader, kind).unwrap_or_default();
    let mut listens = Vec::new();
    let mut log = log::Draft::default();
    if kind != Kind::Target {
        let sockets = sockets(context, &reader, file.stem, kind);
        (service.sockets, listens) = sockets.into_iter().unzip();
        service.fd_store = fd_store(&reader, kind);
        service.ready = ready(&reader, kind, service.sockets.len() + usize::from(service.fd_store));
        service.health = health(&reader, kind, &service.ready);
        service.on_demand = on_demand(&reader, &service);
        service.schedule = schedule(context, &reader, &service);
        if reader.node("schedule").is_some() && reader.node("essential").is_none() {
            service.essential = false;
        }
        let policy = match kind {
            // One that has nothing to do any more may end until somebody comes.
            Kind::Daemon if service.on_demand => Policy::OnFailure,
            Kind::Daemon if !service.main => Policy::Always,
            _ => Policy::Never,
        };
        service.restart = restart(&reader, kind, policy);
        service.stop = stop(context, &reader);
        service.reload = reload(&reader, kind);
        service.resources = resources(&reader);
        log = log::log(context, &reader, &mut service);
    }
    let mut references: Vec<_> = Relation::ALL
        .into_iter()
        .flat_map(|relation| {
            let names = reader.texts(relation.key()).unwrap_or_default();
            names.into_iter().map(move |name| (relation, name))
        })
        .collect();
    references.extend(log.loggers.into_iter().map(|name| (Relation::Log, name)));
    let exec = service.exec.as_ref();
    let inherits =
        |key, is: fn(&Exec) -> bool| reader.node(key).filter(|_| exec.is_some_and(is)).map(|node| node.span);
    let inherits_stdin =
        inherits("stdin", |exec| exec.stdin == Stdin::Inherit).or_else(|| inherits("tty", |exec| exec.tty));
    let stdin = reader.key_span("stdin").or(inherits_stdin);
    Draft { service, stem: file.stem, references, listens, log_paths: log.paths, main, stdin, inherits_stdin }
}

fn is_daemon(node: &Node<'_>) -> bool {
    matches!(&node.value, Value::Text(text) if text == "daemon")
}

/// The keys that only mean something to a process.
const OF_A_PROCESS: [&str; 32] = [
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
    "tty",
    "environment",
    "environment-files",
    "clear-environment",
    "pass-environment",
    "secrets",
    "ready",
    "health",
    "socket",
    "on-demand",
    "fd-store",
    "schedule",
    "restart",
    "stop",
    "reload",
    "resources",
    "log",
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
    if !service.essential && reader.given_with("essential", main) {
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

fn fd_store(reader: &Reader<'_, '_>, kind: Kind) -> u16 {
    let Some(count) = reader.integer("fd-store") else { return 0 };
    if kind == Kind::Oneshot && count.value > 0 {
        let help = "what it stores is for the next start of a daemon";
        reader.conflict("fd-store", "`fd-store` on a oneshot", help, reader.key_span("type"));
    }
    u16::try_from(count.value).unwrap_or(0)
}

fn on_demand(reader: &Reader<'_, '_>, service: &Service) -> bool {
    let wanted = reader.boolean("on-demand").is_some_and(|flag| flag.value);
    if !wanted {
        return false;
    }
    if service.kind == Kind::Oneshot {
        let message = "`on-demand` on a oneshot";
        reader.conflict("on-demand", message, "only a daemon serves what connects", reader.key_span("type"));
    } else if service.main {
        let help = "the main service is what the container is for: it runs all the time";
        reader.conflict("on-demand", "`on-demand` on the main service", help, reader.key_span("main"));
    } else if reader.node("socket").is_none() {
        let help = "it starts when something connects to a `[[socket]]` of its own";
        reader.conflict("on-demand", "`on-demand` without a socket", help, None);
    }
    true
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
    if let Some(timeout) = when.positive("timeout") {
        conditions.timeout = timeout;
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
    if let Some(timeout) = reader.positive("timeout") {
        reload.timeout = timeout;
    }
    reload.notify = reader.boolean("notify").is_some_and(|flag| flag.value);
    if let Some(command) = reader.key_span("command") {
        if reader.given_with("signal", Some(command)) {
            let help = "use one of the two; a command can send any signal to $MAINPID itself";
            reader.conflict("signal", "`reload.signal` beside `reload.command`", help, Some(command));
        }
        if reload.notify {
            let help = "use one of the two; the end of a command says that the reload is done";
            reader.conflict("notify", "`reload.notify` beside `reload.command`", help, Some(command));
        }
    } else if !reload.notify {
        let message = "`reload.timeout` without `reload.command` or `reload.notify`";
        reader.conflict("timeout", message, "nobody waits for the end of a signal alone", None);
    }
    reload
}
