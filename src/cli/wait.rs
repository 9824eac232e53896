//! `foster wait`: block until services are ready, or stopped.

use super::act::{Words, patience, report};
use super::connection::Connection;
use super::{Verb, progress};
use crate::control::api::{Goal, Wait};
use crate::control::client::Client;
use crate::model::parse_duration;
use std::time::Duration;

/// Wait until services are ready, or stopped
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster wait                       until every service that is wanted is ready
  foster wait web db --timeout 30s
  foster wait --stopped migrate     until nothing of it runs
  foster wait web --timeout 0       whether it is ready now

Ready means: a daemon is ready, a oneshot is done, or a service was skipped. It changes nothing and \
anybody may do it.

Exit code: 0 when it is true of all, 1 when it cannot come true of one by itself (saying why), 124 when \
the timeout ran out, 130 after Ctrl-C, 69 when no supervisor answers, 64 for a wrong command line.")]
pub(super) struct Args {
    /// Names of services, or patterns with * and ? [default: all that are wanted; with --stopped all]
    #[arg(value_name = "SVC")]
    services: Vec<String>,

    /// Until they are ready (the default)
    #[arg(long)]
    ready: bool,

    /// Until nothing of them runs, or is about to
    #[arg(long, conflicts_with = "ready")]
    stopped: bool,

    /// Wait this long at most, as in 10s or 1m30s [default: as long as it takes]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,

    /// Print the answer as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: Connection,
}

impl Verb for Args {
    fn run(self) -> u8 {
        self.connection.run_and_wait("no longer waiting", async |client: &Client| {
            let stopped = self.stopped && !self.ready;
            let (until, goal) = if stopped { (Goal::Stopped, "stopped") } else { (Goal::Ready, "ready") };
            let timeout = self.timeout.map(|time| time.as_secs_f64());
            let request = Wait { services: self.services.clone(), until, timeout };
            let work = client.post("/v1/wait", &request, patience(self.timeout));
            let answer = progress::show(client, &self.services, !self.json, work).await?;
            let done = stopped.then_some("stopped");
            let words = Words { noun: "wait", done, goal, also: "also" };
            report(&answer, self.json, &words, self.timeout)
        })
    }
}
