//! Stop: SIGTERM to the end of PID 1.

use crate::Bench;
use crate::instance::Instance;
use crate::records;
use crate::report::{Table, complain, order};
use crate::setup::{GRACE_MS, Kind, Load, Peer};
use crate::stats::Series;

/// Milliseconds, and the share of services that were asked to stop (and not just killed with the namespace).
fn once(bench: &Bench, peer: &Peer, load: Load) -> Result<(f64, f64, Option<i32>), String> {
    let instance = Instance::start(bench, peer, load)?;
    instance.wait(load.services() + 1, 'S')?;
    std::thread::sleep(std::time::Duration::from_millis(200));
    // The directory goes with the instance; the open file stays.
    let file = std::fs::File::open(&instance.records).map_err(|e| e.to_string())?;
    let (ms, code) = instance.stop()?;
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    let told = records::read(path.as_ref()).iter().filter(|one| one.kind == 'T').count();
    Ok((ms, told as f64 / load.services() as f64, code))
}

pub fn measure(bench: &mut Bench) {
    let peers = bench.peers.len();
    let mut ms = vec![[Series::default(), Series::default(), Series::default()]; peers];
    let mut told = vec![None; peers];
    let mut codes = vec![Vec::new(); peers];
    let loads = [
        (Load::Stop(1), bench.options.rounds(3, 11)),
        (Load::Stop(100), bench.options.rounds(3, 11)),
        (Load::Stubborn, bench.options.rounds(1, 4)),
    ];
    for (column, (load, rounds)) in loads.into_iter().enumerate() {
        for round in 0..rounds {
            for at in order(peers, round) {
                let peer = &bench.peers[at];
                if !peer.can(load) {
                    continue;
                }
                let result = once(bench, peer, load);
                complain(peer, &result);
                if let Ok((_, share, code)) = &result {
                    if load != Load::Stubborn {
                        told[at] = Some(told[at].unwrap_or(1.0_f64).min(*share));
                    }
                    if !codes[at].contains(code) {
                        codes[at].push(*code);
                    }
                }
                let over = if load == Load::Stubborn { f64::from(GRACE_MS) } else { 0.0 };
                ms[at][column].push(result.map(|(ms, ..)| ms - over));
            }
        }
    }
    let mut table = Table::new(
        "Stop: SIGTERM to the end of PID 1, ms",
        &[
            "",
            "N=1",
            "N=100",
            "N=100 ÷ floor",
            "N=100, best rounds",
            "services that were told",
            "one ignores SIGTERM: ms over its 2 s",
            "exit codes",
        ],
    );
    for (at, peer) in bench.peers.iter().enumerate() {
        let [one, hundred, over] = &ms[at];
        let show: Vec<String> = codes[at]
            .iter()
            .map(|code: &Option<i32>| code.map_or("signal".into(), |c| c.to_string()))
            .collect();
        table.row(
            peer.name,
            vec![
                one.show(),
                hundred.show(),
                hundred.ratio(&ms[0][1]),
                hundred.best_ratio(&ms[0][1]),
                told[at].map_or("–".into(), |share| format!("{:.0} %", share * 100.0)),
                if peer.kind == Kind::Single { "–".into() } else { over.show() },
                show.join(", "),
            ],
        );
    }
    bench.report.add(table);
}
