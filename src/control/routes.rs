//! What can be asked: one table. The server dispatches by it, and `docs/openapi.json` is written from it.

use super::api::{Act, Apply, Level, Problem, SendSignal, Wait};
use super::call::{Ask, Logs, Stream, Verb};
use crate::model::{LogLevel, parse_duration};
use flate2::bufread::DeflateDecoder;
use hyper::body::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use std::io::Read;

/// Names or patterns in one request at most.
pub const NAMES: usize = 4096;
/// Seconds that a request may ask to wait: a year.
const LONGEST_WAIT: f64 = 366.0 * 86_400.0;

/// Something that can be asked.
#[derive(Debug)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path; `{name}` at its end stands for one segment.
    pub path: &'static str,
    /// Whether only those may ask who may act.
    pub acts: bool,
    /// What it does, for people.
    pub about: &'static str,
    /// The parameters of its query.
    pub parameters: &'static [Parameter],
    /// The type of its body, if it takes one.
    pub body: Option<&'static str>,
    /// The type of its answer.
    pub answer: Type,
    /// Every status with which it answers by itself, and what it means. All of them may also be answered with those
    /// of [`COMMON`].
    pub statuses: &'static [(u16, &'static str)],
    /// What is to be done.
    pub ask: fn(Input) -> Result<Way, Problem>,
}

/// What an answer consists of.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// One JSON value of this type of [`super::api`].
    One(&'static str),
    /// One of these a line, until one side ends it.
    Lines(&'static str),
    /// The description of the API itself.
    Description,
}

/// A parameter of a query. All are optional.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
    /// Whether it may be given more than once.
    pub repeated: bool,
}

/// What came with a request.
#[derive(Debug, Default)]
pub struct Input {
    /// What stands for `{name}`.
    pub name: String,
    /// The parameters, known ones only.
    pub query: Vec<(&'static str, String)>,
    /// The body, if the route takes one.
    pub body: Bytes,
}

/// What is to be done for a request.
#[derive(Debug)]
pub enum Way {
    /// The shell knows.
    Ask(Ask),
    /// It is known.
    Text(String),
}

/// What any route may answer besides its own.
pub const COMMON: [(u16, &str); 8] = [
    (400, "The request is not understood: a wrong key, value or parameter"),
    (403, "Only root and the supervisor's own user may do this"),
    (404, "No such path or service"),
    (405, "The path takes another method"),
    (408, "The body did not come in time"),
    (413, "The body is too large"),
    (431, "The head of the request is too large"),
    (503, "There are too many clients or open requests, or the supervisor is ending"),
];

const SERVICES: Parameter = Parameter {
    name: "service",
    about: "A name, or a pattern with `*` and `?`; the name of a service with instances means all of them",
    repeated: true,
};

const LINES: Parameter = Parameter {
    name: "lines",
    about: "The last so many lines only, of all these services together",
    repeated: false,
};

const SINCE: Parameter = Parameter {
    name: "since",
    about: "Only what came since then: a time as in `2026-01-02T03:04:05Z`, or how long ago, as in `10m`",
    repeated: false,
};

const STREAM: Parameter =
    Parameter { name: "stream", about: "`stdout` or `stderr`: only what came from there", repeated: false };

const FOLLOW: Parameter = Parameter {
    name: "follow",
    about: "`true`: go on with what comes, until one side ends it",
    repeated: false,
};

const ACTED: [(u16, &str); 3] = [
    (200, "It came true"),
    (409, "It did not come true; the answer says why"),
    (504, "It had not come true when the timeout ran out; it goes on"),
];

const OK: [(u16, &str); 1] = [(200, "The answer")];

/// Everything that can be asked.
pub const ROUTES: [Route; 20] = [
    Route {
        parameters: &[SERVICES],
        ..get(
            "/v1/status",
            Type::One("Status"),
            "Every service, or those asked for, and the supervisor",
            |input| Ok(Way::Ask(Ask::Status(services(input)?))),
        )
    },
    get("/v1/services/{name}", Type::One("ServiceStatus"), "One service, by its exact name", |input| {
        Ok(Way::Ask(Ask::Service(input.name)))
    }),
    post("/v1/start", "Act", "Starts services and what they require, and forgets their failures", |input| {
        act(Verb::Start, input)
    }),
    post("/v1/stop", "Act", "Stops services, what depends on them first, and keeps them down", |input| {
        act(Verb::Stop, input)
    }),
    post(
        "/v1/restart",
        "Act",
        "Stops and starts services, with what depends on them; starts those that are down",
        |input| act(Verb::Restart, input),
    ),
    post("/v1/reload", "Act", "Has services read their own configuration anew", |input| {
        act(Verb::Reload, input)
    }),
    Route {
        statuses: &[ACTED[0], ACTED[1]],
        ..post("/v1/signal", "SendSignal", "Sends a signal to the main processes of services", |input| {
            let signal: SendSignal = read(&input.body)?;
            named(&signal.services)?;
            Ok(Way::Ask(Ask::Signal(signal)))
        })
    },
    Route {
        acts: false,
        ..post("/v1/wait", "Wait", "Waits until services are ready, or stopped", |input| {
            let wait: Wait = read(&input.body)?;
            bounded(&wait.services)?;
            duration(wait.timeout)?;
            Ok(Way::Ask(Ask::Wait(wait)))
        })
    },
    get(
        "/v1/explain/{name}",
        Type::One("Explanation"),
        "Why a service is in its state: the chain to the root cause, what follows, the last ends; for those who may act \
         also the last lines",
        |input| Ok(Way::Ask(Ask::Explain(input.name))),
    ),
    Route {
        parameters: &[SERVICES],
        ..get(
            "/v1/events",
            Type::Lines("Event"),
            "A snapshot, and then every change as it happens, one a line",
            |input| Ok(Way::Ask(Ask::Events(services(input)?))),
        )
    },
    get("/v1/graph", Type::One("Graph"), "Every service and what it depends on", |_| {
        Ok(Way::Ask(Ask::Graph))
    }),
    get(
        "/v1/timeline",
        Type::One("Timeline"),
        "What the first start of each service waited for, and how long it took",
        |_| Ok(Way::Ask(Ask::Timeline)),
    ),
    Route {
        answer: Type::One("Applied"),
        statuses: &[ACTED[0], ACTED[1], (422, "The configuration has errors; nothing was changed"), ACTED[2]],
        ..post("/v1/apply", "Apply", "Reads the configuration anew, and changes what changed", |input| {
            let apply: Apply = read_or_default(&input.body)?;
            duration(apply.timeout)?;
            Ok(Way::Ask(Ask::Apply(apply)))
        })
    },
    Route {
        statuses: &[(200, "It ends")],
        ..post(
            "/v1/shutdown",
            "Shutdown",
            "Ends the container in order, and answers at once; asked again, kills what is left",
            |input| Ok(Way::Ask(Ask::Shutdown(read_or_default(&input.body)?))),
        )
    },
    Route {
        parameters: &[SERVICES],
        statuses: &[(200, "All of them are ready"), (503, "Some are not, or the container ends")],
        ..get(
            "/v1/health",
            Type::One("Health"),
            "Whether every service asked for is ready; asked for none, every one that is meant to be up",
            |input| Ok(Way::Ask(Ask::Health(services(input)?))),
        )
    },
    Route {
        acts: true,
        parameters: &[SERVICES, LINES, SINCE, STREAM, FOLLOW],
        ..get(
            "/v1/logs",
            Type::Lines("LogLine"),
            "What services wrote last, as far as it is in memory, in the order in which it came, one line each",
            |input| logs(input).map(|logs| Way::Ask(Ask::Logs(logs))),
        )
    },
    Route {
        body: None,
        statuses: &[(200, "It will be, between two lines")],
        ..post("/v1/logs/reopen", "", "Has all log files opened anew, for who has moved them away", |_| {
            Ok(Way::Ask(Ask::ReopenLogs))
        })
    },
    get("/v1/log-level", Type::One("Level"), "How much the supervisor itself says", |_| {
        Ok(Way::Ask(Ask::LogLevel(None)))
    }),
    Route {
        answer: Type::One("Level"),
        statuses: &[(200, "It says that much from now on")],
        ..post(
            "/v1/log-level",
            "Level",
            "Has the supervisor itself say more or less, until it ends or an apply changes `log-level`",
            |input| level(&input.body).map(|level| Way::Ask(Ask::LogLevel(Some(level)))),
        )
    },
    get("/v1/openapi.json", Type::Description, "This description", |_| Ok(Way::Text(description()))),
];

type Handler = fn(Input) -> Result<Way, Problem>;

const fn get(path: &'static str, answer: Type, about: &'static str, ask: Handler) -> Route {
    let (parameters, statuses) = (&[], &OK);
    Route { method: "GET", path, acts: false, about, parameters, body: None, answer, statuses, ask }
}

/// By default it acts, and answers as an act does.
const fn post(path: &'static str, body: &'static str, about: &'static str, ask: Handler) -> Route {
    let answer = Type::One("Acted");
    Route { method: "POST", acts: true, body: Some(body), statuses: &ACTED, ..get(path, answer, about, ask) }
}

/// `docs/openapi.json`, without white space: some 50 KB, which are unpacked in less than a millisecond.
fn description() -> String {
    const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.deflated"));
    let mut text = String::new();
    // The build has packed it whole.
    let _ = DeflateDecoder::new(PACKED).read_to_string(&mut text);
    text
}

/// What is found at a path.
#[derive(Debug)]
pub enum Found {
    /// A route, and what stands for its `{name}`.
    Route(&'static Route, String),
    /// Only for this other method.
    OtherMethod(&'static str),
    /// Nothing.
    Nothing,
}

/// Looks a request up in the table.
#[must_use]
pub fn find(method: &str, path: &str) -> Found {
    static TABLE: [Route; ROUTES.len()] = ROUTES;
    let mut found = Found::Nothing;
    for route in &TABLE {
        let name = match route.path.strip_suffix("{name}") {
            None if route.path == path => String::new(),
            Some(stem) => {
                match path.strip_prefix(stem).filter(|rest| !rest.is_empty() && !rest.contains('/')) {
                    Some(rest) => decode(rest),
                    None => continue,
                }
            }
            None => continue,
        };
        if route.method == method {
            return Found::Route(route, name);
        }
        found = match found {
            Found::OtherMethod(_) => Found::OtherMethod("GET, POST"),
            _ => Found::OtherMethod(route.method),
        };
    }
    found
}

impl Route {
    /// Takes a query apart.
    ///
    /// # Errors
    /// A parameter that this route does not take, or takes once only.
    pub fn query(&self, text: &str) -> Result<Vec<(&'static str, String)>, Problem> {
        let mut query: Vec<(&'static str, String)> = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = decode(name);
            let Some(known) = self.parameters.iter().find(|known| known.name == name) else {
                let names: Vec<_> = self.parameters.iter().map(|known| known.name).collect();
                let help = if names.is_empty() { "it takes none".to_owned() } else { names.join(", ") };
                return Err(problem(format!("unknown parameter `{name}`"), Some(help)));
            };
            if !known.repeated && query.iter().any(|(name, _)| *name == known.name) {
                return Err(problem(format!("the parameter `{name}` is given twice"), None));
            }
            query.push((known.name, decode(value)));
        }
        Ok(query)
    }
}

/// `%40` as the byte that it stands for; what is no UTF-8 then is replaced, and names nobody.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |at: usize| tail.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        let escaped = if *first == b'%' { hex(0).zip(hex(1)) } else { None };
        match escaped.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn problem(error: String, help: Option<String>) -> Problem {
    Problem { error, help }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| match body {
        [] => {
            problem("cannot read the body: it is empty".to_owned(), Some("it takes a JSON object".to_owned()))
        }
        _ => problem(format!("cannot read the body: {error}"), None),
    })
}

fn read_or_default<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() { Ok(T::default()) } else { read(body) }
}

fn services(input: Input) -> Result<Vec<String>, Problem> {
    let names: Vec<_> =
        input.query.into_iter().filter(|(name, _)| *name == SERVICES.name).map(|(_, value)| value).collect();
    bounded(&names)?;
    Ok(names)
}

fn logs(input: Input) -> Result<Logs, Problem> {
    let mut logs = Logs::default();
    for (name, value) in input.query {
        let wrong =
            |expected: &str| problem(format!("`{name}` cannot be `{value}`"), Some(expected.to_owned()));
        match name {
            "lines" => logs.lines = Some(value.parse().map_err(|_| wrong("it is a number of lines"))?),
            "since" => {
                logs.since =
                    Some(time(&value).ok_or_else(|| wrong("expected `2026-01-02T03:04:05Z` or `10m`"))?)
            }
            "stream" => match value.as_str() {
                "stdout" => logs.stream = Some(Stream::Stdout),
                "stderr" => logs.stream = Some(Stream::Stderr),
                _ => return Err(wrong("expected `stdout` or `stderr`")),
            },
            "follow" => match value.as_str() {
                "true" => logs.follow = true,
                "false" => logs.follow = false,
                _ => return Err(wrong("expected `true` or `false`")),
            },
            _ => logs.services.push(value),
        }
    }
    bounded(&logs.services)?;
    Ok(logs)
}

fn level(body: &[u8]) -> Result<LogLevel, Problem> {
    let Level { level } = read(body)?;
    LogLevel::named(&level).ok_or_else(|| {
        let help = "expected `error`, `warn`, `info`, `debug` or `trace`".to_owned();
        problem(format!("`{level}` is no log level"), Some(help))
    })
}

/// A time, or how long ago.
fn time(text: &str) -> Option<Timestamp> {
    let ago = || parse_duration(text).ok().and_then(|ago| Timestamp::now().checked_sub(ago).ok());
    text.parse().ok().or_else(ago)
}

fn act(verb: Verb, input: Input) -> Result<Way, Problem> {
    let act: Act = read(&input.body)?;
    named(&act.services)?;
    duration(act.timeout)?;
    Ok(Way::Ask(Ask::Act(verb, act)))
}

fn named(names: &[String]) -> Result<(), Problem> {
    if names.is_empty() {
        let help = Some("`*` means all of them".to_owned());
        return Err(problem("`services` names none".to_owned(), help));
    }
    bounded(names)
}

fn bounded(names: &[String]) -> Result<(), Problem> {
    if names.len() > NAMES {
        return Err(problem(format!("more than {NAMES} names in one request"), None));
    }
    Ok(())
}

fn duration(seconds: Option<f64>) -> Result<(), Problem> {
    match seconds {
        Some(seconds) if !(0.0..=LONGEST_WAIT).contains(&seconds) => {
            let help = Some("seconds, 0 to 31622400".to_owned());
            Err(problem(format!("`timeout` cannot be {seconds}"), help))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
