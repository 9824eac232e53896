//! `foster signal`: any signal to the main process of services.

use super::Verb;
use super::act::{Words, report};
use super::connection::{Connection, PATIENCE};
use crate::control::api::SendSignal;
use crate::control::client::Client;
use crate::model::Signal;

/// Send a signal to the main process of services
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster signal HUP web
  foster signal SIGUSR1 'worker@*'
  foster signal 10 web

What a service does then is its own affair: one that dies of it is restarted as its file says. To stop \
one, use `foster stop`.

Exit code: 0 when it was sent to all, 1 when a service has no process or this user may not send it, 69 \
when no supervisor answers, 64 for a wrong command line.")]
pub(super) struct Args {
    /// A signal: SIGHUP, HUP or 1
    #[arg(value_name = "SIG", value_parser = parse)]
    signal: Signal,

    /// Names of services, or patterns with * and ?; the name of one with instances means all of them
    #[arg(value_name = "SVC", required = true)]
    services: Vec<String>,

    /// Print the answer as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: Connection,
}

fn parse(text: &str) -> Result<Signal, String> {
    text.parse().map_err(|error: crate::model::ParseSignalError| error.to_string())
}

impl Verb for Args {
    fn run(self) -> u8 {
        self.connection.run(async |client: &Client| {
            let signal = self.signal.to_string();
            let request = SendSignal { services: self.services.clone(), signal: signal.clone() };
            let answer = client.post("/v1/signal", &request, Some(PATIENCE)).await?;
            let done = format!("sent {signal}");
            let words = Words { noun: "signal", done: Some(&done), goal: "sent", also: "also sent" };
            report(&answer, self.json, &words, None)
        })
    }
}
