//! `foster apply`: read the configuration again, and change what changed.

use super::act::Waiting;
use super::check::count;
use super::connection::{Connection, Trouble};
use super::terminal::{note, print};
use super::{EX_FALSE, EX_TIMEOUT, Verb, progress};
use crate::control::api::{Applied, Apply, Change, ChangeKind};
use crate::control::client::{Answer, Client};
use std::io::Write;

/// Read the configuration again and change only what changed
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster apply --dry-run            print the difference
  foster apply                      until all that changed is up again
  foster apply --timeout 1m

All files are checked first: with a mistake in any of them nothing is changed. A service whose process \
would differ is restarted, with those that require it; a new one is started, one whose file has gone is \
stopped. SIGHUP does the same.

Exit code: 0 when the new configuration is in force and what changed is up again (also when nothing \
changed; with --dry-run: when it could be), 1 when it has mistakes (saying which), a service did not come \
up or this user may not do it, 124 when the timeout ran out, 130 after Ctrl-C (the apply goes on), 69 when no \
supervisor answers, 64 for a wrong command line.")]
pub(super) struct Args {
    /// Only print what would change
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    waiting: Waiting,

    /// Print the answer as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: Connection,
}

impl Verb for Args {
    fn run(self) -> u8 {
        self.connection.run_and_wait("no longer waiting; the apply goes on", async |client: &Client| {
            let Waiting { no_wait, timeout } = self.waiting;
            let timeout = timeout.map(|time| time.as_secs_f64());
            let request = Apply { dry_run: self.dry_run, no_wait, timeout };
            // Reading the configuration takes its time even where nobody waits for the services.
            let work = client.post("/v1/apply", &request, self.waiting.timeout.and(self.waiting.patience()));
            let shown = !self.json && !self.dry_run && !no_wait;
            let answer = progress::show(client, &[], shown, work).await?;
            self.report(&answer)
        })
    }
}

impl Args {
    fn report(&self, answer: &Answer) -> Result<u8, Trouble> {
        let applied: Applied = answer.read()?;
        if self.json {
            print(&format!("{:#}\n", answer.body))?;
        } else {
            let _ = std::io::stderr().write_all(applied.findings.as_bytes());
            let text: String = applied.changes.iter().map(tell).collect();
            print(&text)?;
            match &applied.reason {
                _ if applied.ok => print(&format!("{}\n", self.summary(&applied)))?,
                _ if applied.errors > 0 => {
                    note(&format!("not applied, nothing was changed: {}", count(applied.errors, "error")));
                }
                Some(reason) => note(reason),
                None => note("not applied"),
            }
        }
        Ok(match (applied.ok, answer.status) {
            (true, _) => 0,
            (false, 504) => EX_TIMEOUT,
            (false, _) => EX_FALSE,
        })
    }

    fn summary(&self, applied: &Applied) -> String {
        let of = |kind| applied.changes.iter().filter(|change| change.change == kind).count();
        let counts: Vec<String> =
            [ChangeKind::Added, ChangeKind::Removed, ChangeKind::Restarted, ChangeKind::Updated]
                .into_iter()
                .map(|kind| (of(kind), word(kind)))
                .filter(|(count, _)| *count > 0)
                .map(|(count, word)| format!("{count} {word}"))
                .collect();
        let what = match (self.dry_run, self.waiting.no_wait) {
            (true, _) => "would be applied",
            (_, true) => "accepted",
            _ => "applied",
        };
        if counts.is_empty() {
            "nothing has changed".to_owned()
        } else {
            format!("{what}: {}", counts.join(", "))
        }
    }
}

fn word(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Restarted => "restarted",
        ChangeKind::Updated => "updated",
    }
}

/// `web: restarted (command, environment)`.
fn tell(change: &Change) -> String {
    let Change { service, change, keys, because } = change;
    let why = match because {
        Some(other) => format!(", because it requires {other}"),
        None if keys.is_empty() => String::new(),
        None => format!(" ({})", keys.join(", ")),
    };
    format!("{service}: {}{why}\n", word(*change))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_says_why() {
        let change = |change, keys: &[&str], because: Option<&str>| Change {
            service: "web".to_owned(),
            change,
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
            because: because.map(str::to_owned),
        };
        let told = [
            change(ChangeKind::Added, &[], None),
            change(ChangeKind::Restarted, &["command", "environment"], None),
            change(ChangeKind::Restarted, &[], Some("db")),
        ]
        .iter()
        .map(tell)
        .collect::<String>();
        let expected = "\
web: added
web: restarted (command, environment)
web: restarted, because it requires db
";
        assert_eq!(told, expected);
    }
}
