//! `foster events`: what happens, as it happens.

use super::Verb;
use super::connection::{Connection, PATIENCE};
use super::terminal::{self, paint, print, state_colour, time_of_day};
use crate::control::api::Event;
use crate::control::client::{Client, target};

/// Print every change of state, as it happens
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster events                     until Ctrl-C or the end of the supervisor
  foster events web 'worker@*'
  foster events --json              a JSON object a line; the first holds the state of every service

Times are UTC.

Exit code: 0 when the supervisor has ended, 1 when there is no such service, 69 when no supervisor \
answers, 64 for a wrong command line.")]
pub(super) struct Args {
    /// Names of services, or patterns with * and ? [default: all]
    #[arg(value_name = "SVC")]
    services: Vec<String>,

    /// Print the events as they come, one JSON object a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: Connection,
}

impl Verb for Args {
    fn run(self) -> u8 {
        self.connection.run(async |client: &Client| {
            let query: Vec<_> = self.services.iter().map(|name| ("service", name.as_str())).collect();
            let mut lines = client.lines(&target("/v1/events", &query), PATIENCE).await?;
            let colour = terminal::colours(&std::io::stdout());
            while let Some(mut line) = lines.next().await? {
                // All that is here at once goes out at once.
                let mut text = String::new();
                loop {
                    if self.json {
                        text += &format!("{line}\n");
                    } else if let Ok(event) = serde_json::from_slice(line.as_bytes()) {
                        text += &tell(&event, colour);
                    }
                    match lines.buffered() {
                        Some(next) => line = next,
                        None => break,
                    }
                }
                print(&text)?;
            }
            Ok(0)
        })
    }
}

/// One line for people; nothing for the state at the beginning.
fn tell(event: &Event, colour: bool) -> String {
    match event {
        Event::Snapshot { .. } => String::new(),
        Event::State { time, service, state, reason } => {
            let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let state = paint(state, state_colour(state), colour);
            format!("{} {service}: {state}{reason}\n", time_of_day(time))
        }
        Event::Exit { time, service, text } => format!("{} {service}: {text}\n", time_of_day(time)),
        Event::Applied { time } => format!("{} a new configuration is in force\n", time_of_day(time)),
        Event::Shutdown { time, reason } => {
            format!("{} the container is being stopped: {reason}\n", time_of_day(time))
        }
        Event::Lost { count } => {
            format!("({count} events are missing here: they came faster than they were read)\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_event_is_one_line_but_the_snapshot() {
        let time = || "2026-01-02T03:04:05.678Z".to_owned();
        let text = |text: &str| text.to_owned();
        let events = [
            Event::Snapshot { time: time(), services: Vec::new() },
            Event::State { time: time(), service: text("web"), state: text("ready"), reason: None },
            Event::State {
                time: time(),
                service: text("web"),
                state: text("waiting"),
                reason: Some(text("waits for db")),
            },
            Event::Exit {
                time: time(),
                service: text("web"),
                text: text("exited with code 3; restarting it now"),
            },
            Event::Applied { time: time() },
            Event::Shutdown { time: time(), reason: text("asked by SIGTERM") },
            Event::Lost { count: 7 },
        ];
        let told: String = events.iter().map(|event| tell(event, false)).collect();
        let expected = "\
03:04:05.678 web: ready
03:04:05.678 web: waiting (waits for db)
03:04:05.678 web: exited with code 3; restarting it now
03:04:05.678 a new configuration is in force
03:04:05.678 the container is being stopped: asked by SIGTERM
(7 events are missing here: they came faster than they were read)
";
        assert_eq!(told, expected);
    }
}
