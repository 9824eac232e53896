//! The inits of one command around one that ends at once: what they add to its life.

use crate::Bench;
use crate::records::now;
use crate::report::{Table, order};
use crate::setup::{Kind, locate};
use crate::stats::Series;
use std::process::{Command, Stdio};

/// Lives in one round; a round counts with its median.
const LIVES: usize = 50;

pub fn measure(bench: &mut Bench) {
    let Some(program) = locate("true") else { return eprintln!("skipped: init: there is no `true`") };
    let singles: Vec<_> = bench.peers.iter().filter(|peer| peer.kind == Kind::Single).collect();
    // The first is the command by itself.
    let mut rows = vec![Series::default(); singles.len() + 1];
    for round in 0..bench.options.rounds(5, 21) {
        for at in order(rows.len(), round) {
            let words = at.checked_sub(1).map_or_else(Vec::new, |at| singles[at].words());
            let words: Vec<String> =
                words.into_iter().chain([program.to_string_lossy().into_owned()]).collect();
            let mut lives = Series::default();
            (0..LIVES).for_each(|_| lives.push(live(&words)));
            rows[at].push(lives.median().ok_or_else(|| "no life".to_owned()));
        }
    }
    let mut table = Table::new(
        "A command that ends at once: ms from before its init is spawned until that is reaped",
        &["", "ms", "÷ the command by itself"],
    );
    let alone = rows[0].clone();
    let names = std::iter::once("the command by itself").chain(singles.iter().map(|peer| peer.name));
    for (name, row) in names.zip(&rows) {
        table.row(name, vec![row.show(), row.ratio(&alone)]);
    }
    bench.report.add(table);
}

fn live(words: &[String]) -> Result<f64, String> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begin = now();
    let status = command.status().map_err(|error| error.to_string())?;
    let time = (now() - begin) as f64 / 1e6;
    if status.success() { Ok(time) } else { Err(format!("{words:?} ended with {status}")) }
}
