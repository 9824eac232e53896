//! How much one service can say: `cargo test --release --test log_throughput -- --ignored --nocapture`.
#![allow(clippy::unwrap_used)]

use foster::log::{OwnLines, consoles};
use foster::model::{Id, Kind, Plan, Service};
use foster::run::Output;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent};
use nix::sys::resource::{UsageWho, getrusage};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Moves `total` bytes of 100-byte lines to a file, with the writer in a thread; prints MB/s and this thread's CPU.
fn measure(name: &str, console: &File, total: usize) {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    let consoles = consoles(console.as_fd(), console.as_fd());
    let plan = Plan { services: vec![Service::new("web", Kind::Daemon)], ..Plan::default() };
    let mut output = Output::new(&plan, consoles, OwnLines::default(), &epoll, 1).unwrap();
    let mut to = File::from(output.open(Id(0)).unwrap()[0].try_clone_to_owned().unwrap());
    let start = Instant::now();
    let cpu = |usage: nix::sys::resource::Usage| {
        let [user, system] = [usage.user_time(), usage.system_time()]
            .map(|time| Duration::new(time.tv_sec().unsigned_abs(), time.tv_usec() as u32 * 1000));
        user + system
    };
    let before = cpu(getrusage(UsageWho::RUSAGE_THREAD).unwrap());
    let writer = std::thread::spawn(move || {
        let chunk = [b"x".repeat(99), b"\n".to_vec()].concat().repeat(640);
        for _ in 0..total / chunk.len() {
            to.write_all(&chunk).unwrap();
        }
        to.write_all(b"end\n").unwrap();
    });
    let mut more = false;
    let mut events = [EpollEvent::empty(); 16];
    while !output.last_lines(Id(0), 1).any(|(_, line)| line.bytes == b"end") {
        let count = epoll.wait(&mut events, if more { 0u16 } else { 1000 }).unwrap();
        for event in &events[..count] {
            output.event(event.data());
        }
        more = output.turn(256 * 1024);
    }
    let minute = Duration::from_secs(60);
    output.finish(minute, start + minute);
    let seconds = start.elapsed().as_secs_f64();
    let used = cpu(getrusage(UsageWho::RUSAGE_THREAD).unwrap()) - before;
    let gigabytes = total as f64 / 1e9;
    println!("{name}: {:.0} MB/s, {:.2} CPU s/GB", gigabytes * 1e3 / seconds, used.as_secs_f64() / gigabytes);
    writer.join().unwrap();
}

#[test]
#[ignore = "a measurement"]
fn one_gigabyte_of_short_lines() {
    let null = File::options().write(true).open("/dev/null").unwrap();
    measure("/dev/null", &null, 1_000_000_000);
    measure("a file", &tempfile::tempfile().unwrap(), 1_000_000_000);
}
