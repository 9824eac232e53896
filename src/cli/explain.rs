//! `foster explain`: why a service is in its state.

use super::Verb;
use super::connection::{Connection, PATIENCE};
use super::terminal::{self, BOLD, ago, paint, print, state_colour, time_of_day};
use crate::control::api::Explanation;
use crate::control::client::{Client, encode};
use jiff::Timestamp;

/// Tell why a service is in its state, down to the root cause
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster explain web                which dependency, what probes heard, what happens next
  foster explain web --json

The last lines of output are shown to root and to the user that foster runs as.

Exit code: 0, 1 when there is no such service, 69 when no supervisor answers, 64 for a wrong command line.")]
pub(super) struct Args {
    /// Name of a service
    #[arg(value_name = "SVC")]
    service: String,

    /// Print the answer as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: Connection,
}

impl Verb for Args {
    fn run(self) -> u8 {
        self.connection.run(async |client: &Client| {
            let mut target = "/v1/explain/".to_owned();
            encode(&self.service, &mut target);
            let answer = client.get(&target, PATIENCE).await?;
            if self.json {
                print(&format!("{:#}\n", answer.body))?;
            } else {
                let colour = terminal::colours(&std::io::stdout());
                print(&tell(&answer.read()?, Timestamp::now(), colour))?;
            }
            Ok(0)
        })
    }
}

fn tell(explanation: &Explanation, now: Timestamp, colour: bool) -> String {
    let Explanation { service, chain, facts, next, exits, last_lines } = explanation;
    let state = |state: &str| paint(state, state_colour(state), colour);
    let heading = |text: &str| paint(text, BOLD, colour);
    let mut text =
        format!("{}: {}, for {}\n", heading(&service.name), state(&service.state), ago(&service.since, now));
    for (depth, link) in chain.iter().enumerate() {
        let indent = "  ".repeat(depth + 1);
        text += &format!("{indent}{}: {}: {}\n", link.service, state(&link.state), link.text);
    }
    for fact in facts {
        text += &match fact.split_once(": ") {
            Some((about, rest)) => format!("{} {rest}\n", heading(&format!("{about}:"))),
            None => format!("{fact}\n"),
        };
    }
    text += &format!("{} {next}\n", heading("next:"));
    if !exits.is_empty() {
        text += &format!("{}\n", heading("last ends, newest first:"));
        for exit in exits {
            text += &format!("  {} {}\n", time_of_day(&exit.time), exit.text);
        }
    }
    if let Some(last) = last_lines.last() {
        text += &format!("{}\n", heading(&format!("last output of {}:", last.service)));
        for line in last_lines {
            text += &format!("  {} {}\n", time_of_day(&line.time), line.text);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_goes_down_to_the_root_cause() {
        let explanation: Explanation = serde_json::from_value(serde_json::json!({
            "service": {
                "name": "web", "type": "daemon", "description": null, "state": "waiting", "reason": "waits for db",
                "pid": null, "ready": false, "wanted": true, "restarts": 0, "failures": 0,
                "since": "2026-01-02T03:04:00.000Z", "exit": null, "next_start": null, "main": false,
                "essential": true, "orphans": 0
            },
            "chain": [
                { "service": "web", "state": "waiting", "text": "waits until db is ready" },
                { "service": "db", "state": "backoff", "text": "exited with code 3" }
            ],
            "facts": ["readiness: http://localhost:80/: HTTP 503 Busy", "socket web: [::]:80"],
            "next": "restarting db in 1.6s (attempt 5 of 10)",
            "exits": [{ "time": "2026-01-02T03:04:04.100Z", "code": 3, "signal": null, "core": false, "text": "exited with code 3" }],
            "last_lines": [{ "time": "2026-01-02T03:04:04.099Z", "service": "db", "stream": "stderr", "text": "no disk" }]
        }))
        .unwrap();
        let expected = "\
web: waiting, for 5s
  web: waiting: waits until db is ready
    db: backoff: exited with code 3
readiness: http://localhost:80/: HTTP 503 Busy
socket web: [::]:80
next: restarting db in 1.6s (attempt 5 of 10)
last ends, newest first:
  03:04:04.100 exited with code 3
last output of db:
  03:04:04.099 no disk
";
        assert_eq!(tell(&explanation, "2026-01-02T03:04:05Z".parse().unwrap(), false), expected);
    }
}
