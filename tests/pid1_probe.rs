//! The thirteen checks that no other init passes all of, and stop signals that come early: in every mode of foster.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{Launch, Launched, PATIENCE, eventually, needs_namespace, signal_mask};

/// What comes before the command.
const MODES: [&[&str]; 3] =
    [&["run", "--"], &["init", "--"], &["init", "--kill-group", "--wait", "1s", "--"]];
/// Those of the inits that foster can stand for. Their codes and messages are their own, see `init_names`.
const NAMES: [&[&str]; 5] = [
    &["tini", "--"],
    &["tini", "-g", "--"],
    &["dumb-init"],
    &["dumb-init", "-c"],
    &["catatonit", "-g", "--"],
];

fn modes() -> impl Iterator<Item = &'static [&'static str]> {
    MODES.into_iter()
}

/// A directory for what the runs need.
struct Place {
    directory: tempfile::TempDir,
    count: AtomicUsize,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), count: AtomicUsize::new(0) }
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn launch(&self, words: &[&str]) -> Launch {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let socket = self.directory.path().join(format!("{number}.sock"));
        let foster = support::foster_bin();
        Launch {
            argv: [foster.to_str().unwrap()].iter().chain(words).map(|&word| word.to_owned()).collect(),
            environment: vec!["PATH=/usr/bin:/bin".into(), format!("FOSTER_SOCKET={}", socket.display())],
            stdio: Some("/dev/null"),
            ..Launch::default()
        }
    }

    fn command(&self, mode: &[&str], command: &[&str]) -> Launch {
        self.launch(&[mode, command].concat())
    }
}

fn code(launch: &Launch) -> Option<i32> {
    launch.start().wait(PATIENCE)
}

#[test]
fn the_thirteen_checks_hold_in_every_mode() {
    needs_namespace!();
    let place = Place::new();
    let plain = place.file("plain", "exit 4\n", 0o755);
    let closed = place.file("closed", "#!/bin/sh\n", 0o644);
    for mode in modes().chain(NAMES) {
        let (not_there, no_program) = match mode[0] {
            "dumb-init" => (2, 2),
            "catatonit" => (1, 1),
            _ => (127, 126),
        };
        let run = |command: &[&str]| place.command(mode, command);
        let sh = |script: &str| run(&["/bin/sh", "-c", script]);
        let with = |script: &str, change: fn(&mut Launch)| {
            let mut launch = sh(script);
            change(&mut launch);
            launch
        };
        // A mask of /proc/self/status, read by a shell that changes none.
        let mask = |name: &str, pattern: &str| {
            sh(&format!(
                "while read -r a b; do case $a in {name}:) case $b in {pattern}) exit 9; esac; esac; done </proc/self/status; exit 8"
            ))
        };
        let cases = [
            ("the code of the command", 42, sh("exit 42")),
            ("its death by a signal", 137, sh("kill -9 $$")),
            ("SIGCHLD ignored at entry", 3, with("sleep 0.05; exit 3", |l| l.ignored = Some(libc::SIGCHLD))),
            ("no standard descriptors", 3, with("exit 3", |l| l.stdio = None)),
            (
                "standard descriptors that take nothing",
                3,
                with("echo x; echo x >&2; exit 3", |l| l.stdio = Some("/dev/full")),
            ),
            ("a script without #!", 4, run(&[&plain])),
            ("a command that is not there", not_there, run(&["/no/such/command"])),
            ("a command that is no program", no_program, run(&[&closed])),
            ("no signal is blocked", 9, mask("SigBlk", "0000000000000000")),
            ("SIGPIPE is not ignored", 9, mask("SigIgn", "????????????[02468ace]???")),
            ("SIGKILL from inside", 5, sh("kill -9 1; sleep 0.05; exit 5")),
        ];
        for (what, wanted, launch) in cases {
            assert_eq!(code(&launch), Some(wanted), "{what}: {:?}", launch.argv);
        }
        let events = place.file("events", "", 0o644);
        storm(run(&[&support::program(), "@helper", "broods", "1000", "4"]), &events);
        let lost = early(60, mode, &place);
        assert_eq!(lost, 0, "of 60 early signals, {mode:?}");
    }
}

/// 4,000 orphans, and no zombie is left of them.
fn storm(mut launch: Launch, events: &str) {
    launch.environment.push(format!("EVENTS={events}"));
    let mut init = launch.start();
    let over = || std::fs::read_to_string(events).unwrap().contains("up maker");
    assert!(eventually(PATIENCE, over), "the storm has no end");
    let processes = || support::in_namespace_of(init.pid);
    assert!(eventually(PATIENCE, || processes().len() == 2), "{:#?}", processes());
    init.signal(libc::SIGTERM);
    assert_eq!(init.wait(PATIENCE), Some(0));
}

/// How many of so many stop signals are lost that come within 5 ms of the moment at which PID 1 can have them: before, the
/// kernel keeps none for it.
fn early(count: usize, mode: &[&str], place: &Place) -> usize {
    let (next, lost) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let mut init = place.command(mode, &["/bin/sleep", "1000"]).start();
                    wait_until_it_listens(&init);
                    support::pause(Duration::from_micros(number as u64 * 37 % 5000));
                    init.signal(libc::SIGTERM);
                    // 0 when the command was not started any more.
                    if !matches!(init.wait(PATIENCE), Some(0 | 143)) {
                        lost.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    lost.into_inner()
}

/// Until it blocks or handles SIGTERM. One that waits in sigwaitinfo(2) shows as neither, but then it has a child.
fn wait_until_it_listens(init: &Launched) {
    let term = 1 << (libc::SIGTERM - 1);
    let children = format!("/proc/{0}/task/{0}/children", init.pid);
    let end = Instant::now() + PATIENCE;
    while (signal_mask(init.pid, "SigBlk") | signal_mask(init.pid, "SigCgt")) & term == 0
        && std::fs::read_to_string(&children).unwrap_or_default().is_empty()
    {
        assert!(Instant::now() < end, "it never listens");
    }
}

#[test]
fn of_a_thousand_early_stop_signals_none_is_lost() {
    needs_namespace!();
    let place = Place::new();
    let services = place.directory.path().join("services");
    std::fs::create_dir(&services).unwrap();
    std::fs::write(services.join("web.toml"), "command = [\"/bin/sleep\", \"1000\"]\n").unwrap();
    let services = ["run", "--services", services.to_str().unwrap(), "--"];
    let mut all: Vec<&[&str]> = modes().chain(NAMES).map(|mode| -> &[&str] { mode }).collect();
    all.push(&services);
    for mode in all {
        let begun = Instant::now();
        assert_eq!(early(1000, mode, &place), 0, "{mode:?}");
        println!("{mode:?}: 1,000 in {:?}", begun.elapsed());
    }
}

#[test]
fn a_stop_signal_that_is_there_before_the_first_instruction_stops() {
    needs_namespace!();
    let place = Place::new();
    // An init that restores what it began with would have its command begin with all signals blocked.
    for mode in modes().take(2) {
        let reset: &[&str] = &["init", "--signal-state", "reset", "--"];
        let mode = if mode[0] == "init" { reset } else { mode };
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT] {
            let mut launch = place.command(mode, &["/bin/sleep", "1000"]);
            launch.at_once = Some(signal);
            let code = code(&launch);
            assert!(matches!(code, Some(0 | 130 | 131 | 143)), "{signal}, {mode:?}: {code:?}");
        }
    }
}
