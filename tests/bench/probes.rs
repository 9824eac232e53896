//! What it costs PID 1 to look at services: foster alone.

use crate::Bench;
use crate::instance::Instance;
use crate::procfs;
use crate::report::{Table, complain};
use crate::setup::{Kind, Load, Look};
use crate::stats::{Series, digits};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Services, each of which is probed once a second.
const SERVICES: usize = 100;

pub fn measure(bench: &mut Bench) {
    let seconds = if bench.options.quick { 3 } else { 10 };
    let mut table = Table::new(
        &format!("A probe a second of each of {SERVICES} services: CPU of PID 1 in {seconds} s"),
        &["", "probes each second", "% of a core", "µs for each"],
    );
    let Some(peer) = bench.peers.iter().find(|peer| peer.kind == Kind::Foster) else { return };
    let (port, answered) = match serve() {
        Ok(serving) => serving,
        Err(why) => return eprintln!("skipped: probes: {why}"),
    };
    for (name, look) in
        [("`exec`, /bin/true", Look::Exec), ("`tcp`", Look::Tcp(port)), ("`http`", Look::Http(port))]
    {
        let (mut each_second, mut share, mut each) =
            (Series::default(), Series::default(), Series::default());
        for _ in 0..bench.options.rounds(1, 3) {
            let result = Instance::start(bench, peer, Load::Probed(SERVICES, look)).and_then(|instance| {
                instance.wait(SERVICES + 1, 'S')?;
                std::thread::sleep(Duration::from_secs(2));
                let look_at =
                    || (procfs::cpu_ms(instance.init), answered.load(Ordering::Relaxed), Instant::now());
                let before = look_at();
                std::thread::sleep(Duration::from_secs(seconds));
                let after = look_at();
                Ok((after.0 - before.0, after.1 - before.1, (after.2 - before.2).as_secs_f64()))
            });
            complain(peer, &result);
            if let Ok((cpu, count, time)) = result {
                // Nobody counts the commands: as many as there should be.
                let count = if look == Look::Exec { SERVICES as f64 * time } else { count as f64 };
                each_second.push(Ok(count / time));
                share.push(Ok(cpu / time / 10.0));
                each.push(Ok(cpu * 1e3 / count.max(1.0)));
            }
        }
        let cells = [each_second, share, each].map(|series| series.median().map_or("failed".into(), digits));
        table.row(name, cells.to_vec());
    }
    bench.report.add(table);
}

/// Answers every connection; gives the port, and how many there were.
fn serve() -> Result<(u16, Arc<AtomicU64>), String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| format!("cannot listen: {e}"))?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    let count = Arc::new(AtomicU64::new(0));
    let answered = Arc::clone(&count);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // A bare connection sends nothing and is closed.
            if stream.read(&mut [0; 1024]).is_ok_and(|count| count > 0) {
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
            }
            answered.fetch_add(1, Ordering::Relaxed);
        }
    });
    Ok((port, count))
}
