//! `foster shutdown`: stop the whole container.

use super::act::Waiting;
use super::connection::{Connection, PATIENCE, arrives};
use super::terminal::{note, print};
use super::{EX_TIMEOUT, Verb, progress};
use crate::control::api::Shutdown;
use crate::control::client::Client;
use crate::model::{Signal, format_duration};
use std::time::Duration;

/// Stop all services and end the container
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster shutdown                   and wait until it is over
  foster shutdown --code 3          with this exit code instead of the usual one
  foster shutdown --no-wait

The same as SIGTERM to foster: services stop in reverse order within the budget of [shutdown], and a \
second time means SIGKILL for what is left. Inside the container this process is stopped last, with \
whatever else is left there; that counts as success.

Exit code: 0 when the supervisor has ended (with --no-wait: when it has begun to stop), 1 when this user \
may not do it, 124 when the timeout ran out, 130 after Ctrl-C (the shutdown goes on), 69 when no \
supervisor answers, 64 for a wrong command line.")]
pub(super) struct Args {
    /// Exit code of the container
    #[arg(long, value_name = "N")]
    code: Option<u8>,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    connection: Connection,
}

impl Verb for Args {
    fn run(self) -> u8 {
        self.connection.run_and_wait("no longer waiting; the shutdown goes on", async |client: &Client| {
            // What is left when all services are down is asked to end by SIGTERM: this process too, if it lives there.
            let asked_to_end = arrives(Signal::TERM);
            // They end with the supervisor.
            let mut events = client.lines("/v1/events", PATIENCE).await?;
            events.next().await?;
            client.post("/v1/shutdown", &Shutdown { code: self.code }, Some(PATIENCE)).await?;
            if self.waiting.no_wait {
                print("stopping\n")?;
                return Ok(0);
            }
            tokio::select! {
                () = progress::until_the_end(&mut events) => {
                    print("stopped\n")?;
                    Ok(0)
                }
                () = asked_to_end => Ok(0),
                time = elapsed(self.waiting.timeout) => {
                    note(&format!("not stopped within {}; the shutdown goes on", format_duration(time)));
                    Ok(EX_TIMEOUT)
                }
            }
        })
    }
}

/// Waits for the end of this time, if it has one.
async fn elapsed(time: Option<Duration>) -> Duration {
    let Some(time) = time else { return std::future::pending().await };
    tokio::time::sleep(time).await;
    time
}
