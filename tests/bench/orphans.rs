//! Orphans: what it costs PID 1 to reap them, and how many wait at a time.

use crate::Bench;
use crate::instance::Instance;
use crate::procfs;
use crate::report::{Table, complain, order};
use crate::setup::{Kind, Load, Peer};
use crate::stats::{Series, digits};
use std::io::Read as _;
use std::process::Stdio;

/// One storm.
struct Storm {
    most: f64,
    left: f64,
    lag_ms: f64,
    cpu_ms: f64,
}

/// `entered`: made by a process that came from outside (nsenter), else by the service.
fn storm(bench: &Bench, peer: &Peer, count: usize, entered: bool) -> Result<Storm, String> {
    // The maker as a service begins at once, so the sampler is a little late; the CPU is counted from the start.
    let load = if entered { Load::Plain(1) } else { Load::Orphans(count) };
    let instance = Instance::start(bench, peer, load)?;
    if entered {
        instance.wait(2, 'S')?;
    }
    let before = if entered { procfs::cpu_ms(instance.init) } else { 0.0 };
    let mut sampler = instance
        .enter(&[bench.options.helper("zombies")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot run nsenter: {e}"))?;
    let records = if entered { 4 } else { 3 };
    let mut maker = None;
    if entered {
        let argv = [
            bench.options.helper("orphans"),
            instance.records.to_string_lossy().into_owned(),
            count.to_string(),
            "once".into(),
        ];
        maker = Some(instance.enter(&argv).spawn().map_err(|e| e.to_string())?);
    }
    let made = instance.wait(records, 'M');
    if let Some(mut maker) = maker {
        let _ = maker.wait();
    }
    drop(sampler.stdin.take());
    let mut said = String::new();
    if let Some(mut output) = sampler.stdout.take() {
        output.read_to_string(&mut said).map_err(|e| e.to_string())?;
    }
    let _ = sampler.wait();
    made?;
    let cpu_ms = procfs::cpu_ms(instance.init) - before;
    let numbers: Vec<f64> = said.split_whitespace().filter_map(|one| one.parse().ok()).collect();
    match numbers[..] {
        [most, left, _, lag] => Ok(Storm { most, left, lag_ms: lag / 1e6, cpu_ms }),
        _ => Err(format!("the sampler said {said:?}")),
    }
}

pub fn measure(bench: &mut Bench) {
    let counts: &[(usize, bool)] = if bench.options.quick {
        &[(10_000, false), (10_000, true)]
    } else {
        &[(10_000, false), (50_000, false), (10_000, true)]
    };
    let mut table = Table::new(
        "Orphans: CPU of PID 1 for each, and zombies",
        &[
            "",
            "made by",
            "K",
            "µs of CPU each",
            "÷ floor",
            "most zombies seen",
            "left at the end",
            "ms until none was left",
        ],
    );
    for &(count, entered) in counts {
        let mut cpu = vec![Series::default(); bench.peers.len()];
        let mut seen = vec![[0.0_f64; 3]; bench.peers.len()];
        for round in 0..bench.options.rounds(2, 5) {
            for at in order(bench.peers.len(), round) {
                let peer = &bench.peers[at];
                if peer.kind == Kind::Runit && round > 0 {
                    continue; // reaps every five seconds: one round shows it
                }
                let result = storm(bench, peer, count, entered);
                complain(peer, &result);
                if let Ok(storm) = &result {
                    for (worst, value) in seen[at].iter_mut().zip([storm.most, storm.left, storm.lag_ms]) {
                        *worst = worst.max(value);
                    }
                }
                cpu[at].push(result.map(|storm| storm.cpu_ms * 1000.0 / count as f64));
            }
        }
        for (at, peer) in bench.peers.iter().enumerate() {
            let by = if entered { "a process entered from outside" } else { "a service" };
            let mut cells = vec![by.into(), count.to_string(), cpu[at].show(), cpu[at].ratio(&cpu[0])];
            cells.extend([format!("{:.0}", seen[at][0]), format!("{:.0}", seen[at][1]), digits(seen[at][2])]);
            table.row(peer.name, cells);
        }
    }
    bench.report.add(table);
}
