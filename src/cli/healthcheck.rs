//! `foster healthcheck`: 0 or 1, for Docker's HEALTHCHECK and exec probes.

use super::connection::Connection;
use super::terminal::print;
use super::{EX_FALSE, Verb};
use crate::control::api::{ActResult, Health};
use crate::control::client::{Client, target};
use crate::model::parse_duration;
use std::time::Duration;

/// Tell by the exit code whether services are ready
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster healthcheck                every service that is wanted
  foster healthcheck web db
  HEALTHCHECK CMD [\"/usr/bin/foster\", \"healthcheck\"]

Prints one line. Any user may ask.

Exit code: 0 when they are ready, 1 when one is not, when there is no such service, or when no supervisor \
answers in time, for container runtimes give other codes no meaning; 64 for a wrong command line.")]
pub(super) struct Args {
    /// Names of services, or patterns with * and ? [default: all that are wanted]
    #[arg(value_name = "SVC")]
    services: Vec<String>,

    /// How long the supervisor may take to answer
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "2s")]
    timeout: Duration,

    #[command(flatten)]
    connection: Connection,
}

impl Verb for Args {
    fn run(self) -> u8 {
        let code = self.connection.run(async |client: &Client| {
            let query: Vec<_> = self.services.iter().map(|name| ("service", name.as_str())).collect();
            let answer = client.get(&target("/v1/health", &query), self.timeout).await?;
            let health: Health = answer.read()?;
            print(&tell(&health))?;
            Ok(if health.healthy { 0 } else { EX_FALSE })
        });
        if code == 0 { 0 } else { EX_FALSE }
    }
}

/// One line: Docker shows it in `docker inspect`.
fn tell(health: &Health) -> String {
    if health.healthy {
        return "healthy\n".to_owned();
    }
    let tell = |result: &ActResult| {
        let reason = result.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        format!("{}: {}{reason}", result.service, result.state)
    };
    let shown: Vec<String> = health.unhealthy.iter().take(5).map(tell).collect();
    let more = health.unhealthy.len() - shown.len();
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("unhealthy: {}{more}\n", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::api::Outcome;

    #[test]
    fn whatever_is_wrong_fits_on_one_line() {
        let result = |number: usize| ActResult {
            service: format!("s{number}"),
            outcome: Outcome::Failed,
            state: "waiting".to_owned(),
            reason: (number == 0).then(|| "waits for db".to_owned()),
        };
        let health =
            |count: usize| Health { healthy: count == 0, unhealthy: (0..count).map(result).collect() };
        assert_eq!(tell(&health(0)), "healthy\n");
        assert_eq!(tell(&health(2)), "unhealthy: s0: waiting (waits for db), s1: waiting\n");
        assert!(tell(&health(9)).ends_with("s4: waiting, and 4 more\n"));
    }
}
