//! The benchmarks: foster beside a bare loop and its peers, in one run, with interleaved rounds.
//! `sh tests/bench/run.sh` builds what it needs and calls this; docs/benchmarks.md says what is measured and how.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cgroup;
mod control;
mod crash;
mod flood;
mod init;
mod instance;
mod log;
mod options;
mod orphans;
mod probes;
mod procfs;
mod records;
mod report;
mod rest;
mod setup;
mod start;
mod stats;
mod stop;

use options::Options;
use report::Report;

/// What every measurement needs.
pub struct Bench {
    pub options: Options,
    pub peers: Vec<setup::Peer>,
    pub report: Report,
}

fn main() {
    let Some(options) = Options::from_arguments() else {
        println!("the benchmarks are run by: sh tests/bench/run.sh");
        return;
    };
    let peers = setup::installed(&options);
    let mut bench = Bench { options, peers, report: Report::new() };
    type Part = fn(&mut Bench);
    let parts: [(&str, Part); 12] = [
        ("start", start::measure),
        ("restart", crash::measure),
        ("orphans", orphans::measure),
        ("stop", stop::measure),
        ("memory", rest::memory),
        ("idle", rest::idle),
        ("init", init::measure),
        ("control", control::measure),
        ("probes", probes::measure),
        ("flood", flood::measure),
        ("log", log::measure),
        ("size", rest::size),
    ];
    let begin = std::time::Instant::now();
    for (name, measure) in parts {
        if bench.options.wants(name) {
            eprintln!("{name} …");
            measure(&mut bench);
        }
    }
    let text = bench.report.text(&bench.options, &bench.peers, begin.elapsed());
    println!("{text}");
    if bench.options.only.is_empty() {
        match report::store(&bench.options.document, &text) {
            Ok(()) => eprintln!("written to {}", bench.options.document.display()),
            Err(why) => eprintln!("cannot write {}: {why}", bench.options.document.display()),
        }
    }
}
