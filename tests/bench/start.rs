//! Start: from the exec of PID 1 to the exec of the last service.

use crate::Bench;
use crate::instance::Instance;
use crate::report::Table;
use crate::setup::{Load, Peer};
use crate::stats::Series;

const SIZES: [usize; 4] = [1, 10, 100, 500];

fn once(bench: &Bench, peer: &Peer, n: usize) -> Result<f64, String> {
    let instance = Instance::start(bench, peer, Load::Plain(n))?;
    let started = instance.wait(n + 1, 'S')?;
    let last = started.iter().map(|one| one.ns).max().ok_or("nothing started")?;
    Ok((last - instance.zero()) as f64 / 1e6)
}

pub fn measure(bench: &mut Bench) {
    let mut rows = vec![vec![Series::default(); SIZES.len()]; bench.peers.len()];
    for (column, n) in SIZES.into_iter().enumerate() {
        let rounds = match n {
            1 | 10 => bench.options.rounds(5, 21),
            100 => bench.options.rounds(3, 11),
            _ => bench.options.rounds(3, 9),
        };
        for round in 0..rounds {
            for at in crate::report::order(bench.peers.len(), round) {
                let peer = &bench.peers[at];
                if peer.can(Load::Plain(n)) {
                    let result = once(bench, peer, n);
                    crate::report::complain(peer, &result);
                    rows[at][column].push(result);
                }
            }
        }
    }
    let mut table = Table::new(
        "Start: exec of PID 1 to exec of the last service, ms",
        &[
            "",
            "N=1",
            "N=10",
            "N=100",
            "N=500",
            "N=1 ÷ floor",
            "N=100 ÷ floor",
            "N=500 ÷ floor",
            "N=500, best rounds",
        ],
    );
    let floor = rows[0].clone();
    for (peer, row) in bench.peers.iter().zip(&rows) {
        let mut cells: Vec<String> = row.iter().map(Series::show).collect();
        cells.extend([0, 2, 3].map(|at| row[at].ratio(&floor[at])));
        cells.push(row[3].best_ratio(&floor[3]));
        table.row(peer.name, cells);
    }
    bench.report.add(table);
}
