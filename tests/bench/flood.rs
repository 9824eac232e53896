//! What somebody else notices of a service that writes without end: foster alone.

use crate::Bench;
use crate::control::{get, post, sampled};
use crate::instance::Instance;
use crate::report::{Table, complain};
use crate::setup::{Kind, Load};

pub fn measure(bench: &mut Bench) {
    let mut table = Table::new(
        "While one service writes 100-byte lines without end: ms, median and 99th percentile",
        &["", "requests", "quiet", "flooded"],
    );
    let Some(peer) = bench.peers.iter().find(|peer| peer.kind == Kind::Foster) else { return };
    let rounds = bench.options.rounds(50, 300);
    let running = [false, true].map(|flooded| {
        let instance = Instance::start(bench, peer, Load::Beside(flooded)).and_then(|instance| {
            instance.wait(2, 'S')?;
            Ok(instance)
        });
        complain(peer, &instance);
        instance
    });
    type Ask = fn(&Instance) -> Result<usize, String>;
    let asks: [(&str, Ask); 3] = [
        ("GET /v1/status", |one| get(&one.socket(), "/v1/status")),
        ("POST /v1/restart of another service, done", |one| {
            post(&one.socket(), "/v1/restart", r#"{"services":["s000"]}"#)
        }),
        ("POST /v1/stop and /v1/start of it, done", |one| {
            post(&one.socket(), "/v1/stop", r#"{"services":["s000"]}"#)?;
            post(&one.socket(), "/v1/start", r#"{"services":["s000"]}"#)
        }),
    ];
    for (name, ask) in asks {
        let cells = running
            .each_ref()
            .map(|instance| sampled(peer, name, rounds, instance, |instance| ask(instance).map(drop)));
        let [quiet, flooded] = cells;
        table.row(name, vec![rounds.to_string(), quiet, flooded]);
    }
    bench.report.add(table);
}
