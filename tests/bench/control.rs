//! What it takes to ask: foster alone, for no peer tells as much.

use crate::Bench;
use crate::instance::Instance;
use crate::report::{Table, complain};
use crate::setup::{Kind, Load, Peer};
use crate::stats::{Series, digits};
use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

pub fn measure(bench: &mut Bench) {
    let mut table = Table::new(
        "Asking a running tree over the control socket: ms, median and 99th percentile",
        &["", "requests", "N=100", "N=1000", "KiB, N=1000"],
    );
    let Some(peer) = bench.peers.iter().find(|peer| peer.kind == Kind::Foster) else { return };
    let rounds = bench.options.rounds(50, 300);
    let sizes = [100, 1000];
    let running = sizes.map(|n| {
        let instance = Instance::start(bench, peer, Load::Plain(n)).and_then(|instance| {
            instance.wait(n + 1, 'S')?;
            Ok(instance)
        });
        complain(peer, &instance);
        instance
    });
    type Ask<'a> = &'a dyn Fn(&Instance) -> Result<usize, String>;
    let verb = |instance: &Instance| verb(&bench.options.foster, &instance.socket());
    let asks: [(&str, usize, Ask<'_>); 5] = [
        ("GET /v1/status, a connection for each", rounds, &|one| get(&one.socket(), "/v1/status")),
        ("GET /v1/health, a connection for each", rounds, &|one| get(&one.socket(), "/v1/health")),
        ("GET /v1/graph", rounds, &|one| get(&one.socket(), "/v1/graph")),
        ("GET /v1/events, up to the snapshot", rounds, &|one| first_event(&one.socket())),
        ("`foster status --json`, the whole process", rounds, &verb),
    ];
    for (name, count, ask) in asks {
        let size = Cell::new(0);
        let cells = running.each_ref().map(|instance| {
            sampled(peer, name, count, instance, |instance| ask(instance).map(|bytes| size.set(bytes)))
        });
        let [hundred, thousand] = cells;
        table.row(name, vec![count.to_string(), hundred, thousand, digits(size.get() as f64 / 1024.0)]);
    }
    bench.report.add(table);
}

/// The median and the 99th percentile of so many rounds, in ms.
pub fn sampled(
    peer: &Peer,
    name: &str,
    rounds: usize,
    instance: &Result<Instance, String>,
    ask: impl Fn(&Instance) -> Result<(), String>,
) -> String {
    let mut series = Series::default();
    for _ in 0..rounds {
        let result = instance.as_ref().map_err(Clone::clone).and_then(|instance| {
            let begin = Instant::now();
            ask(instance)?;
            Ok(begin.elapsed().as_secs_f64() * 1e3)
        });
        let failed = result.is_err();
        series.push(result);
        if failed {
            break;
        }
    }
    match (series.median(), series.percentile(99)) {
        (Some(median), Some(most)) => format!("{} / {}", digits(median), digits(most)),
        _ => {
            complain(peer, &Err::<(), _>(format!("{name}: {}", series.failures.join(", "))));
            "failed".into()
        }
    }
}

fn connect(socket: &Path, path: &str) -> Result<BufReader<UnixStream>, String> {
    ask(socket, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
}

fn ask(socket: &Path, request: &str) -> Result<BufReader<UnixStream>, String> {
    let mut stream = UnixStream::connect(socket).map_err(|e| format!("{}: {e}", socket.display()))?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(|e| e.to_string())?;
    stream.write_all(request.as_bytes()).map_err(|e| e.to_string())?;
    Ok(BufReader::new(stream))
}

/// Bytes of the answer.
pub fn get(socket: &Path, path: &str) -> Result<usize, String> {
    whole(connect(socket, path)?)
}

/// The same, of something that is to be done.
pub fn post(socket: &Path, path: &str, body: &str) -> Result<usize, String> {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    whole(ask(
        socket,
        &format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"),
    )?)
}

fn whole(mut stream: BufReader<UnixStream>) -> Result<usize, String> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(|e| e.to_string())?;
    if !answer.starts_with(b"HTTP/1.1 200 ") {
        return Err(String::from_utf8_lossy(&answer).lines().next().unwrap_or("no answer").to_owned());
    }
    Ok(answer.len())
}

fn first_event(socket: &Path) -> Result<usize, String> {
    let mut stream = connect(socket, "/v1/events")?;
    let mut line = String::new();
    while !line.starts_with('{') {
        line.clear();
        if stream.read_line(&mut line).map_err(|e| e.to_string())? == 0 {
            return Err("no event".into());
        }
    }
    Ok(line.len())
}

fn verb(foster: &Path, socket: &Path) -> Result<usize, String> {
    let mut command = std::process::Command::new(foster);
    command.args(["status", "--json"]).env("FOSTER_SOCKET", socket).stdin(Stdio::null());
    let output = command.output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("it failed").to_owned());
    }
    Ok(output.stdout.len())
}
