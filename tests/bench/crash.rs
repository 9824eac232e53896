//! Restart: SIGKILL of one service to the exec of its replacement.

use crate::Bench;
use crate::instance::Instance;
use crate::procfs;
use crate::records;
use crate::report::{Table, complain, order};
use crate::setup::{Load, Peer};
use crate::stats::Series;

/// Milliseconds of several kills in one instance; the next comes once the replacement of the last runs.
fn kills(bench: &Bench, peer: &Peer, load: Load, count: usize) -> Result<Vec<f64>, String> {
    let instance = Instance::start(bench, peer, load)?;
    let n = load.services();
    let mut running = instance.wait(n + 1, 'S')?;
    settle();
    let mut taken = Vec::new();
    for kill in 0..count {
        // With several services, another one each time, so that each has run well before.
        let victim_id = if n > 1 { (kill * 7 % n) as u32 } else { 0 };
        let victim = running.iter().rev().find(|one| one.id == victim_id).ok_or("no such service")?;
        let pid = instance.outside(victim.pid)?;
        let begin = records::now();
        procfs::kill(pid, libc::SIGKILL);
        running = instance.wait(n + 2 + kill, 'S')?;
        let replacement = running.last().ok_or("no replacement")?;
        if replacement.id != victim_id {
            return Err("another service was restarted".into());
        }
        taken.push((replacement.ns - begin) as f64 / 1e6);
    }
    Ok(taken)
}

/// Lets a service run well first: runit rests after one that lived for less than a second.
fn settle() {
    std::thread::sleep(std::time::Duration::from_millis(1200));
}

pub fn measure(bench: &mut Bench) {
    // (title, load, kills in one instance, which of them count)
    type Column = (&'static str, Load, usize, fn(Vec<f64>) -> Vec<f64>);
    let first: fn(Vec<f64>) -> Vec<f64> = |all| all[..1].to_vec();
    let second: fn(Vec<f64>) -> Vec<f64> = |all| all[1..].to_vec();
    let many = if bench.options.quick { 4 } else { 10 };
    let columns: [Column; 5] = [
        ("default, N=1", Load::Plain(1), 1, first),
        ("default, killed again at once", Load::Plain(1), 2, second),
        ("default, N=100", Load::Plain(100), 1, first),
        ("least delay, N=1, again and again", Load::Immediate(1), many, |all| all),
        ("least delay, N=100, one after another", Load::Immediate(100), many, |all| all),
    ];
    let mut rows = vec![vec![Series::default(); columns.len()]; bench.peers.len()];
    for (at_column, (_, load, count, pick)) in columns.iter().enumerate() {
        for round in 0..bench.options.rounds(3, 9) {
            for at in order(bench.peers.len(), round) {
                let peer = &bench.peers[at];
                if peer.kind != crate::setup::Kind::Single && peer.can(*load) {
                    let slow =
                        peer.kind != crate::setup::Kind::Foster && rows[at][at_column].least() > Some(500.0);
                    if slow && rows[at][at_column].values.len() >= 3 {
                        continue; // a fixed second does not vary: three rounds tell it
                    }
                    let count = if slow { (*count).min(2) } else { *count };
                    let result = kills(bench, peer, *load, count).map(pick);
                    complain(peer, &result);
                    rows[at][at_column].extend(result);
                }
            }
        }
    }
    let mut head = vec![""];
    head.extend(columns.iter().map(|column| column.0));
    head.extend(["default N=1 ÷ floor", "least N=1 ÷ floor", "least N=100 ÷ floor"]);
    let mut table = Table::new("Restart: SIGKILL to the exec of the replacement, ms", &head);
    let floor = rows[0].clone();
    for (peer, row) in bench.peers.iter().zip(&rows) {
        if peer.kind == crate::setup::Kind::Single {
            continue;
        }
        let mut cells: Vec<String> = row.iter().map(Series::show).collect();
        cells.extend([0, 3, 4].map(|at| row[at].ratio(&floor[at])));
        table.row(peer.name, cells);
    }
    bench.report.add(table);
}
