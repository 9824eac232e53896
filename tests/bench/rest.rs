//! At rest: memory, wakeups, and the size of the file.

use crate::Bench;
use crate::cgroup::Cgroup;
use crate::instance::Instance;
use crate::procfs;
use crate::report::{Table, complain, order};
use crate::setup::{Kind, Load, Peer};
use crate::stats::{Series, digits};
use std::time::Duration;

/// Time for start-up work to end.
const SETTLE: Duration = Duration::from_millis(500);

fn running(bench: &Bench, peer: &Peer, n: usize, cgroup: Option<&Cgroup>) -> Result<Instance, String> {
    let instance =
        Instance::start_in(bench, peer, Load::Plain(n), cgroup.map(|cgroup| cgroup.path.as_path()))?;
    instance.wait(n + 1, 'S')?;
    std::thread::sleep(SETTLE);
    Ok(instance)
}

pub fn memory(bench: &mut Bench) {
    let sizes = [1, 10, 100, 500];
    let mut head = vec![String::new()];
    head.extend(sizes.map(|n| format!("N={n}")));
    head.push("private KiB per service, 1→500".into());
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut table = Table::new("Memory of the supervision side: private KiB / PSS KiB / processes", &head);
    for peer in &bench.peers {
        let mut cells = Vec::new();
        let mut private = Vec::new();
        for n in sizes {
            if !peer.can(Load::Plain(n)) {
                cells.push("–".into());
                continue;
            }
            let result = running(bench, peer, n, None).map(|instance| {
                let pids = instance.supervision(bench);
                (procfs::memory(&pids), pids.len())
            });
            complain(peer, &result);
            match result {
                Ok(((own, pss), count)) => {
                    private.push(own);
                    cells.push(format!("{} / {} / {count}", digits(own), digits(pss)));
                }
                Err(_) => cells.push("failed".into()),
            }
        }
        cells.push(match private[..] {
            [one, _, _, most] => digits((most - one) / 499.0),
            _ => "–".into(),
        });
        table.row(peer.name, cells);
    }
    bench.report.add(table);
    in_cgroup(bench);
}

/// Medians of kernel and anonymous memory with 0 (1 for the floor's base) and 100 services.
fn in_cgroup(bench: &mut Bench) {
    if let Err(why) = Cgroup::create("probe") {
        eprintln!("skipped: memory as a limit sees it: {why}");
        bench.report.note(format!("Memory as a container's limit sees it: skipped, {why}."));
        return;
    }
    let n = 100;
    let mut kernel = vec![Series::default(); bench.peers.len()];
    let mut anonymous = vec![Series::default(); bench.peers.len()];
    for round in 0..bench.options.rounds(2, 5) {
        for at in order(bench.peers.len(), round) {
            let peer = &bench.peers[at];
            if !peer.can(Load::Plain(n)) {
                continue;
            }
            let result = Cgroup::create(&format!("{}-{round}", peer.name)).and_then(|cgroup| {
                let instance = running(bench, peer, n, Some(&cgroup))?;
                let read = cgroup.read().ok_or("no statistics")?;
                drop(instance);
                Ok(read)
            });
            complain(peer, &result);
            if let Ok((of_kernel, of_processes)) = result {
                kernel[at].push(Ok(of_kernel));
                anonymous[at].push(Ok(of_processes));
            }
        }
    }
    let mut table = Table::new(
        "Memory as a container's limit sees it, N=100: MiB more than the floor with the same services",
        &["", "kernel", "anonymous", "sum", "KiB per service"],
    );
    for (at, peer) in bench.peers.iter().enumerate() {
        let more = |series: &[Series]| Some(series[at].median()? - series[0].median()?);
        if let (Some(kernel), Some(anonymous)) = (more(&kernel), more(&anonymous)) {
            let sum = kernel + anonymous;
            let cells = [kernel, anonymous, sum, sum * 1024.0 / n as f64].map(digits);
            table.row(peer.name, cells.to_vec());
        }
    }
    bench.report.add(table);
}

pub fn idle(bench: &mut Bench) {
    let seconds = if bench.options.quick { 10 } else { 20 };
    let mut standing = Vec::new();
    for peer in &bench.peers {
        let n = if peer.kind == Kind::Single { 1 } else { 100 };
        let result = running(bench, peer, n, None);
        complain(peer, &result);
        if let Ok(instance) = result {
            let pids = instance.supervision(bench);
            standing.push((peer.name, n, instance, pids));
        }
    }
    // All side by side, so they share the same noise.
    std::thread::sleep(Duration::from_secs(2));
    let look =
        |pids: &[i32]| (procfs::switches(pids), pids.iter().map(|pid| procfs::cpu_ms(*pid)).sum::<f64>());
    let before: Vec<_> = standing.iter().map(|(.., pids)| look(pids)).collect();
    std::thread::sleep(Duration::from_secs(seconds));
    let mut table = Table::new(
        &format!("Idle for {seconds} s: context switches, which is wakeups"),
        &["", "services", "supervision processes", "of PID 1", "of all of them", "CPU ms"],
    );
    for ((name, n, instance, pids), (switches, cpu)) in standing.iter().zip(&before) {
        let (after, cpu_after) = look(pids);
        let more = |pid: &i32| after.get(pid).unwrap_or(&0).saturating_sub(*switches.get(pid).unwrap_or(&0));
        let cells = vec![
            n.to_string(),
            pids.len().to_string(),
            more(&instance.init).to_string(),
            pids.iter().map(more).sum::<u64>().to_string(),
            digits(cpu_after - cpu),
        ];
        table.row(name, cells);
    }
    bench.report.add(table);
}

pub fn size(bench: &mut Bench) {
    let mut table = Table::new("Size of the file", &["", "KiB", "linked"]);
    for peer in &bench.peers {
        // s6 and runit need their per-service program, too.
        let more: &[&str] = match peer.kind {
            Kind::S6 => &["s6-supervise"],
            Kind::Runit => &["runsv"],
            _ => &[],
        };
        let mut bytes = std::fs::metadata(&peer.program).map_or(0, |meta| meta.len());
        for name in more {
            bytes += std::fs::metadata(peer.program.with_file_name(name)).map_or(0, |meta| meta.len());
        }
        let program = std::fs::read(&peer.program).unwrap_or_default();
        let dynamic = has_interpreter(&program);
        let linked = if dynamic { "dynamically" } else { "statically" };
        table.row(peer.name, vec![digits(bytes as f64 / 1024.0), linked.into()]);
    }
    bench.report.add(table);
}

/// Whether a 64-bit ELF file asks for a dynamic loader (PT_INTERP).
fn has_interpreter(file: &[u8]) -> bool {
    let number = |at: usize, size: usize| {
        let bytes = file.get(at..at + size).unwrap_or(&[]);
        bytes.iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).any(|at| number(table + at * size, 4) == 3)
}
