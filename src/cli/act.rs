//! `foster start`, `stop`, `restart` and `reload`: act, wait until it is true, and say what came of it.

use super::connection::{Connection, PATIENCE, Trouble};
use super::terminal::print;
use super::{EX_FALSE, EX_TIMEOUT, Verb, progress};
use crate::control::api::{Act, ActResult, Acted, Outcome};
use crate::control::client::{Answer, Client};
use crate::model::{format_duration, parse_duration};
use std::time::Duration;

/// Start services, with all that they require, and wait until they are ready
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster start web                  until web is ready (a oneshot: done)
  foster start 'worker@*' cron      several at once; quote a pattern, or the shell expands it
  foster start web --timeout 10s    wait no longer; the start goes on

Exit code: 0 when all are ready, 1 when one will not be (saying why) or may not be started by this user, \
124 when the timeout ran out, 130 after Ctrl-C (the start goes on), 69 when no supervisor answers, 64 for \
a wrong command line.")]
pub(super) struct Start {
    #[command(flatten)]
    options: Options,
}

/// Stop services, those that require them first, and wait until they are down
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster stop web                   and says which others went down first
  foster stop '*' --no-wait         all services, while foster itself stays
  foster stop db --timeout 10s      wait no longer; the stop goes on

A service that was stopped stays down until somebody starts it, or one that requires it; those that went \
down with it wait for that.

Exit code: 0 when all are down, 1 when somebody started one again or this user may not stop them, 124 when \
the timeout ran out, 130 after Ctrl-C (the stop goes on), 69 when no supervisor answers, 64 for a wrong \
command line.")]
pub(super) struct Stop {
    #[command(flatten)]
    options: Options,
}

/// Stop services and start them again, with those that require them; one that is down is started
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster restart web
  foster restart 'worker@*' --timeout 30s

Exit code: 0 when all are ready again, 1 when one will not be (saying why) or this user may not restart \
them, 124 when the timeout ran out, 130 after Ctrl-C (the restart goes on), 69 when no supervisor answers, \
64 for a wrong command line.")]
pub(super) struct Restart {
    #[command(flatten)]
    options: Options,
}

/// Have services read their own configuration again, by the signal or command of [reload]
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster reload web                 SIGHUP, unless its file has [reload]
  foster reload web --no-wait

For the services directory itself see `foster apply`.

Exit code: 0 when the signal was sent or the command succeeded, 1 when not (saying why) or this user may \
not do it, 124 when the timeout ran out, 130 after Ctrl-C (the reload goes on), 69 when no supervisor \
answers, 64 for a wrong command line.")]
pub(super) struct Reload {
    #[command(flatten)]
    options: Options,
}

/// What the four have in common.
#[derive(clap::Args, Debug)]
struct Options {
    /// Names of services, or patterns with * and ?; the name of one with instances means all of them
    #[arg(value_name = "SVC", required = true)]
    services: Vec<String>,

    #[command(flatten)]
    waiting: Waiting,

    /// Print the answer as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: Connection,
}

/// How long to wait for what was asked.
#[derive(clap::Args, Debug)]
pub(super) struct Waiting {
    /// Do not wait until it is true
    #[arg(long, conflicts_with = "timeout")]
    pub(super) no_wait: bool,

    /// Wait this long at most, as in 10s or 1m30s [default: as long as it takes]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(super) timeout: Option<Duration>,
}

impl Waiting {
    /// How long the answer may take.
    pub(super) fn patience(&self) -> Option<Duration> {
        if self.no_wait { Some(PATIENCE) } else { patience(self.timeout) }
    }
}

/// How long an answer may take whose time is counted by the supervisor.
pub(super) fn patience(timeout: Option<Duration>) -> Option<Duration> {
    timeout.map(|time| time.saturating_add(PATIENCE))
}

/// The words in which results are told.
pub(super) struct Words<'a> {
    /// What was asked for: `start`.
    pub(super) noun: &'a str,
    /// What became of a service; its state where this is `None`.
    pub(super) done: Option<&'a str>,
    /// What it had not become within the time.
    pub(super) goal: &'a str,
    /// What became of others.
    pub(super) also: &'a str,
}

impl Verb for Start {
    fn run(self) -> u8 {
        let words = Words { noun: "start", done: None, goal: "ready", also: "also started" };
        self.options.act("/v1/start", &words)
    }
}

impl Verb for Stop {
    fn run(self) -> u8 {
        let words = Words { noun: "stop", done: Some("stopped"), goal: "down", also: "also stopped" };
        self.options.act("/v1/stop", &words)
    }
}

impl Verb for Restart {
    fn run(self) -> u8 {
        let words =
            Words { noun: "restart", done: Some("restarted"), goal: "ready again", also: "also restarted" };
        self.options.act("/v1/restart", &words)
    }
}

impl Verb for Reload {
    fn run(self) -> u8 {
        let words = Words { noun: "reload", done: Some("reloaded"), goal: "reloaded", also: "also reloaded" };
        self.options.act("/v1/reload", &words)
    }
}

impl Options {
    fn act(self, route: &str, words: &Words<'_>) -> u8 {
        let goes_on = format!("no longer waiting; the {} goes on", words.noun);
        self.connection.run_and_wait(&goes_on, async |client: &Client| {
            let Waiting { no_wait, timeout } = self.waiting;
            let seconds = timeout.map(|time| time.as_secs_f64());
            let request = Act { services: self.services.clone(), no_wait, timeout: seconds };
            let work = client.post(route, &request, self.waiting.patience());
            let shown = !self.json && !no_wait;
            let answer = progress::show(client, &self.services, shown, work).await?;
            report(&answer, self.json, words, timeout)
        })
    }
}

/// Prints what came of it, one line for each service: what came true to stdout, what did not to stderr. Gives the exit
/// code.
pub(super) fn report(
    answer: &Answer,
    json: bool,
    words: &Words<'_>,
    timeout: Option<Duration>,
) -> Result<u8, Trouble> {
    let acted: Acted = answer.read()?;
    let (mut told, mut failed) = (String::new(), String::new());
    for result in &acted.results {
        let good = matches!(result.outcome, Outcome::Done | Outcome::Accepted);
        let to = if good { &mut told } else { &mut failed };
        *to += &format!("{}: {}\n", result.service, words.tell(result, timeout));
    }
    if !acted.also.is_empty() {
        told += &format!("{}: {}\n", words.also, acted.also.join(", "));
    }
    if json {
        print(&format!("{:#}\n", answer.body))?;
    } else {
        eprint_all(&failed);
        print(&told)?;
    }
    let any = |outcome| acted.results.iter().any(|result| result.outcome == outcome);
    Ok(match acted.ok {
        true => 0,
        false if any(Outcome::Timeout) && !any(Outcome::Failed) => EX_TIMEOUT,
        false => EX_FALSE,
    })
}

/// The exit code tells where nobody can read it.
fn eprint_all(text: &str) {
    use std::io::Write;
    let _ = std::io::stderr().write_all(text.as_bytes());
}

impl Words<'_> {
    fn tell(&self, result: &ActResult, timeout: Option<Duration>) -> String {
        let ActResult { outcome, state, reason, .. } = result;
        let because = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        match outcome {
            Outcome::Done => match self.done {
                Some(done) => done.to_owned(),
                None => format!("{state}{because}"),
            },
            Outcome::Accepted => format!("{} accepted", self.noun),
            Outcome::Failed => format!("{state}{because}"),
            Outcome::Timeout => {
                let time = timeout.map(|time| format!(" within {}", format_duration(time)));
                format!("{state}, not {}{}{because}", self.goal, time.unwrap_or_default())
            }
        }
    }
}
