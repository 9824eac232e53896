//! `foster logs`: what services wrote last.

use super::Verb;
use super::connection::{Connection, PATIENCE};
use super::terminal::{self, print};
use crate::control::api::{LogLine, ServiceStatus, Status};
use crate::control::client::{Client, Lines, target};
use crate::log::{End, Line, Prefix, Style};
use crate::model::parse_duration;
use jiff::Timestamp;
use std::collections::HashMap;

/// Print what services wrote last, from the memory of the supervisor
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster logs                        all services, in the order in which the lines came
  foster logs -f web                 and what comes from now on, until Ctrl-C
  foster logs -n 20 'worker@*'       the last 20 lines of them together
  foster logs --since 10m web        or --since 2026-01-02T03:04:05Z
  foster logs --stream stderr web    what it wrote to standard error
  foster logs --json web             for tools: time, service, stream and text of each line
  foster logs --reopen               for logrotate: have all log files opened anew

The newest 64 KiB of each service are kept, or what `memory` of its [log] says. Only root and the user that foster runs as may read them.

Exit code: 0, 1 when there is no such service or this user may not read it, 69 when no supervisor answers, \
64 for a wrong command line.")]
pub(super) struct Args {
    /// Names of services, or patterns with * and ? [default: all]
    #[arg(value_name = "SVC")]
    services: Vec<String>,

    /// Go on with what comes, until Ctrl-C or the end of the supervisor
    #[arg(short, long)]
    follow: bool,

    /// The last N lines only [default: all that are kept]
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<u32>,

    /// Only what came since then: a time as in 2026-01-02T03:04:05Z, or how long ago, as in 10m
    #[arg(long, value_name = "T", value_parser = parse_since)]
    since: Option<Timestamp>,

    /// Only what came on this stream: stdout or stderr
    #[arg(long, value_name = "STREAM", value_parser = ["stdout", "stderr"])]
    stream: Option<String>,

    /// Put the time before each line, in UTC
    #[arg(short, long, conflicts_with = "json")]
    timestamps: bool,

    /// Have all log files opened anew, for their paths may name other files now, and print nothing
    #[arg(long, conflicts_with_all = ["services", "follow", "lines", "since", "stream", "timestamps", "json"])]
    reopen: bool,

    /// Print each line as a JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: Connection,
}

fn parse_since(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = parse_duration(text)
        .map_err(|error| format!("{error}; a time is written as in 2026-01-02T03:04:05Z"))?;
    Timestamp::now().checked_sub(ago).map_err(|error| error.to_string())
}

impl Verb for Args {
    fn run(self) -> u8 {
        self.connection.run(async |client: &Client| {
            if self.reopen {
                client.post("/v1/logs/reopen", &(), Some(PATIENCE)).await?;
                return Ok(0);
            }
            let mut query: Vec<_> = self.services.iter().map(|name| ("service", name.as_str())).collect();
            let colour = terminal::colours(&std::io::stdout());
            let mut prefixes = if self.json {
                Prefixes::new(&[], false)
            } else {
                let status: Status = client.get(&target("/v1/status", &query), PATIENCE).await?.read()?;
                for service in status.services.iter().filter(|_| !self.services.is_empty()) {
                    if let Some(text) = not_kept(service) {
                        terminal::note(&text);
                    }
                }
                let names: Vec<&str> = status.services.iter().map(|service| service.name.as_str()).collect();
                Prefixes::new(&names, colour)
            };
            let lines = self.lines.map(|count| count.to_string());
            query.extend(lines.as_ref().map(|count| ("lines", count.as_str())));
            let since = self.since.map(|time| format!("{time:.3}"));
            query.extend(since.as_ref().map(|time| ("since", time.as_str())));
            query.extend(self.stream.as_ref().map(|stream| ("stream", stream.as_str())));
            query.extend(self.follow.then_some(("follow", "true")));
            let mut lines: Lines = client.lines(&target("/v1/logs", &query), PATIENCE).await?;
            while let Some(mut line) = lines.next().await? {
                // All that is here at once goes out at once.
                let mut text = Vec::new();
                loop {
                    if self.json {
                        text.extend_from_slice(line.as_bytes());
                        text.push(b'\n');
                    } else if let Ok(line) = serde_json::from_slice(line.as_bytes()) {
                        prefixes.append(&line, self.timestamps, &mut text);
                    }
                    match lines.buffered() {
                        Some(next) if text.len() < 1 << 20 => line = next,
                        Some(next) => {
                            print(&String::from_utf8_lossy(&text))?;
                            text.clear();
                            line = next;
                        }
                        None => break,
                    }
                }
                print(&String::from_utf8_lossy(&text))?;
            }
            Ok(0)
        })
    }
}

/// Where to look, when nothing of its output is in memory.
fn not_kept(service: &ServiceStatus) -> Option<String> {
    if service.log_memory > 0 || service.log.is_empty() {
        return None;
    }
    let name = &service.name;
    let places: Vec<&str> = service.log.iter().map(String::as_str).collect();
    Some(match places.as_slice() {
        ["inherit"] => format!("{name}: its output goes past foster, to the output of the container"),
        ["null"] => format!("{name}: its output goes nowhere, and nothing of it is kept in memory"),
        ["console"] => {
            format!("{name}: nothing of its output is kept in memory; it goes to the output of the container")
        }
        _ => format!("{name}: nothing of its output is kept in memory; it goes to {}", places.join(", ")),
    })
}

/// The names before the lines, as on the console of the container.
struct Prefixes {
    style: Style,
    colour: bool,
    known: HashMap<String, Prefix>,
}

impl Prefixes {
    fn new(names: &[&str], colour: bool) -> Self {
        let style = Style::new(names.iter().copied(), colour);
        let named = names.iter().enumerate();
        let known = named.map(|(at, name)| ((*name).to_owned(), Prefix::service(style, name, at))).collect();
        Self { style, colour, known }
    }

    fn append(&mut self, line: &LogLine, timestamp: bool, to: &mut Vec<u8>) {
        // A service that was added meanwhile.
        let next = self.known.len();
        let prefix = self
            .known
            .entry(line.service.clone())
            .or_insert_with(|| Prefix::service(self.style, &line.service, next));
        if timestamp {
            to.extend_from_slice(line.time.as_bytes());
            to.push(b' ');
        }
        prefix.append(Line { bytes: line.text.as_bytes(), end: End::Newline }, self.colour, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        let time = parse_since("2026-01-02T03:04:05Z").unwrap();
        assert_eq!(time.to_string(), "2026-01-02T03:04:05Z");
        let since = parse_since("10m").unwrap();
        let ago = Timestamp::now().duration_since(since);
        assert!((600..610).contains(&ago.as_secs()), "{ago:?}");
        let error = parse_since("yesterday").unwrap_err();
        assert!(error.ends_with("a time is written as in 2026-01-02T03:04:05Z"), "{error}");
    }

    #[test]
    fn lines_look_as_on_the_console() {
        let mut prefixes = Prefixes::new(&["web", "worker@1"], false);
        let mut text = Vec::new();
        for (service, said) in [("web", "up"), ("worker@1", "working"), ("new", "added")] {
            let line = LogLine {
                time: "2026-01-02T03:04:05.678Z".to_owned(),
                service: service.to_owned(),
                stream: "stdout".to_owned(),
                text: said.to_owned(),
            };
            prefixes.append(&line, service == "new", &mut text);
        }
        let expected = "web      | up\nworker@1 | working\n2026-01-02T03:04:05.678Z new      | added\n";
        assert_eq!(String::from_utf8_lossy(&text), expected);
    }
}
