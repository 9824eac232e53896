//! `foster log-level`: how much the supervisor itself says.

use super::Verb;
use super::connection::{Connection, PATIENCE};
use super::terminal::print;
use crate::control::api::Level;
use crate::control::client::Client;
use crate::model::LogLevel;

/// Print or set how much the supervisor itself says
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster log-level                  print it
  foster log-level debug            say more from now on: orphans, spawns, signals
  foster log-level warn             one line per failure, as by default

It holds until the supervisor ends, or until an apply finds another `log-level` in foster.toml than before.

Exit code: 0, 1 when this user may not set it, 69 when no supervisor answers, 64 for a wrong command line.")]
pub(super) struct Args {
    /// The new level: error, warn, info, debug or trace
    #[arg(value_name = "LEVEL", value_parser = LogLevel::ALL.map(|(name, _)| name))]
    level: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

impl Verb for Args {
    fn run(self) -> u8 {
        self.connection.run(async |client: &Client| {
            match &self.level {
                Some(level) => {
                    let asked = Level { level: level.clone() };
                    client.post("/v1/log-level", &asked, Some(PATIENCE)).await?;
                }
                None => {
                    let answer: Level = client.get("/v1/log-level", PATIENCE).await?.read()?;
                    print(&format!("{}\n", answer.level))?;
                }
            }
            Ok(0)
        })
    }
}
