//! Claims about log files, by the built binary: nothing lost, nothing doubled, whatever happens to the services, the
//! supervisor, the files or the disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{Container, PATIENCE, Setup, Source, eventually, helper_shell, needs_namespace, serve, sh};
use tempfile::TempDir;

/// A directory for log files: the container sees it under the same path.
fn directory() -> TempDir {
    tempfile::Builder::new().prefix("foster-logs-").tempdir().unwrap()
}

/// `[log]` of a service that writes to this file and elsewhere.
fn to_file(to: &str, path: &Path, more: &str) -> String {
    format!("[log]\nto = {to}\n[log.file]\npath = {:?}\n{more}", path.display().to_string())
}

/// What is in a file and in those that were put away, the oldest first.
fn in_order(path: &Path) -> Vec<u8> {
    let numbered = |n: &usize| PathBuf::from(format!("{}.{n}", path.display()));
    let last = (1..).take_while(|n| numbered(n).exists()).last().unwrap_or(0);
    let mut all: Vec<u8> = (1..=last).rev().flat_map(|n| fs::read(numbered(&n)).unwrap()).collect();
    all.extend(fs::read(path).unwrap());
    all
}

/// The numbers of a flood's lines, apart by whether they are even; fails on what is neither such a line nor its last,
/// which has no end.
fn numbers<'a>(c: &Container, lines: impl Iterator<Item = &'a str>) -> [Vec<usize>; 2] {
    let mut found = [Vec::new(), Vec::new()];
    for line in lines.filter(|line| *line != "and half a li") {
        let number = line.strip_prefix("line ").and_then(|rest| rest.strip_suffix(" of this flood"));
        let number: usize = number.and_then(|n| n.parse().ok()).unwrap_or_else(|| c.fail(line));
        found[number % 2].push(number);
    }
    found
}

#[test]
fn sixteen_crashes_lose_nothing_in_a_rotating_file_and_on_the_console() {
    needs_namespace!();
    const LIVES: usize = 16;
    const LINES: usize = 20_000;
    let dir = directory();
    let path = dir.path().join("deep/web.log");
    let script = format!(
        "n=$(cat {0}/n 2>/dev/null || echo 0); echo $((n+1)) > {0}/n; [ $n -lt {LIVES} ] || exit 0; exec {1}",
        dir.path().display(),
        helper_shell(&format!("flood {LINES} 3"))
    );
    let log =
        to_file("[\"console\", \"file\"]", &path, "format = \"raw\"\nmax-size = \"300kB\"\nkeep = 100\n");
    let restart = "[restart]\npolicy = \"on-failure\"\ndelay = \"0\"\nlimit = \"unlimited\"\n";
    let mut c = Setup::new().service("web", sh(&script) + restart + &log).start();
    let exit = c.wait_exit(Duration::from_secs(120));
    c.check(exit.code == 0, &format!("ended with {}", exit.code));
    let wanted = [0, 1]
        .map(|from| std::iter::repeat_n((from..LINES).step_by(2), LIVES).flatten().collect::<Vec<usize>>());

    let text = String::from_utf8(in_order(&path)).unwrap();
    c.check(numbers(&c, text.lines()) == wanted, "the file is not whole");
    let partial = text.lines().filter(|line| *line == "and half a li").count();
    c.check(partial == LIVES, &format!("{partial} of {LIVES} lines without an end"));
    for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
        let size = entry.unwrap().metadata().unwrap().len();
        c.check(size <= 300_000, &format!("a file of {size} bytes"));
    }

    let lines = c.lines();
    for (source, parity) in [(Source::Stdout, 0), (Source::Stderr, 1)] {
        let of_web = lines.iter().filter(|line| line.source == source);
        let of_web = of_web.filter_map(|line| line.text.strip_prefix("web    | "));
        c.check(numbers(&c, of_web)[parity] == wanted[parity], "the console is not whole");
    }
}

#[test]
fn a_shutdown_under_load_loses_nothing_that_was_written() {
    needs_namespace!();
    let dir = directory();
    let path = dir.path().join("web.log");
    // What it has written when it is told to stop, it says itself.
    let script = "trap 'echo told $n; exit 0' TERM; n=0; echo up web >> $EVENTS; \
                  while :; do n=$((n+1)); echo line $n; done";
    let log = to_file("\"file\"", &path, "format = \"raw\"\nmax-size = \"100kB\"\nkeep = 1000\n");
    let mut c = Setup::new().service("web", sh(script) + &log).start();
    c.wait_event("up web");
    let put_away = PathBuf::from(format!("{}.3", path.display()));
    c.check(eventually(PATIENCE, || put_away.exists()), "it is not put away");
    c.stop_within(support::PROMPT);
    let text = String::from_utf8(in_order(&path)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let (last, lines) = lines.split_last().unwrap();
    let whole = lines.iter().zip(1..).all(|(line, n)| *line == format!("line {n}"));
    c.check(whole, "lines are missing or doubled");
    let told: usize = last.strip_prefix("told ").and_then(|n| n.parse().ok()).unwrap_or_else(|| c.fail(last));
    c.check(lines.len() == told || lines.len() + 1 == told, &format!("{} lines of {told}", lines.len()));
}

#[test]
fn hangup_opens_a_file_anew_and_services_that_name_the_same_share_it() {
    needs_namespace!();
    let dir = directory();
    let path = dir.path().join("all.log");
    let speaker = |name: &str| {
        sh(&format!(
            "trap 'echo {name} again; echo said {name} >> $EVENTS' USR1; echo {name} once; echo up {name} $$ >> $EVENTS; \
             while :; do sleep 100 & wait $!; done"
        )) + &to_file("\"file\"", &path, "format = \"prefix\"\n")
    };
    let mut c = Setup::new().service("one", speaker("one")).service("two", speaker("two")).start();
    c.wait_event("up one");
    c.wait_event("up two");
    let has = |path: &Path, count: usize| {
        eventually(PATIENCE, || fs::read_to_string(path).is_ok_and(|text| text.lines().count() == count))
    };
    c.check(has(&path, 2), "their first lines are missing");
    let moved = dir.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    support::signal(c.init(), libc::SIGHUP);
    c.check(eventually(PATIENCE, || path.exists()), "it is not opened anew");
    for name in ["one", "two"] {
        c.kill(name, libc::SIGUSR1);
        c.wait_event(&format!("said {name}"));
    }
    c.check(has(&path, 2), "their second lines are missing");
    let mut lines: Vec<_> =
        [&moved, &path].map(|p| fs::read_to_string(p).unwrap()).join("").lines().map(String::from).collect();
    lines.sort();
    assert_eq!(lines, ["one    | one again", "one    | one once", "two    | two again", "two    | two once"]);
    c.stop_within(support::PROMPT);
}

/// A file of the container, which may be on a file system of its own.
fn inside(c: &Container, path: &Path) -> String {
    let output = c.exec(&["cat", path.to_str().unwrap()]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_full_disk_is_told_once_holds_nobody_up_and_when_there_is_room_again_no_line_is_cut() {
    needs_namespace!();
    let dir = directory();
    let small = dir.path().join("small");
    fs::create_dir(&small).unwrap();
    let path = small.join("web.log");
    let prelude = format!("mount -t tmpfs -o size=1m none {} || exit 99", small.display());
    // More than the disk has and what is kept in memory, which has room on it once it is freed; then a line now and then.
    let script = format!(
        "i=0; while [ $i -lt 80000 ]; do i=$((i+1)); echo line $i of the flood; done; echo flooded >> $EVENTS; \
         while [ ! -e {0}/room ]; do echo waiting; sleep 0.05; done; echo the last line; echo done >> $EVENTS; sleep 1000",
        dir.path().display()
    );
    let log = to_file("\"file\"", &path, "format = \"raw\"\nmax-size = \"unlimited\"\n");
    let mut c = Setup::new()
        .prelude(&prelude)
        .service("web", sh(&script) + &log)
        .service("other", serve("other", &[]))
        .start();
    c.wait_event("flooded");
    c.wait_line(&["cannot write to", "web.log", "No space left on device"]);
    // Not a copy that is written to: somebody frees the disk.
    let status = c.exec(&["sh", "-c", &format!("head -c 100000 /dev/zero > {}/x", small.display())]).status();
    assert!(!status.unwrap().success(), "the disk has room");
    let before = inside(&c, &path);
    c.check(
        c.exec(&["rm", "-f", path.to_str().unwrap(), small.join("x").to_str().unwrap()])
            .status()
            .unwrap()
            .success(),
        "rm",
    );
    c.wait_line(&["web.log", "works again"]);
    fs::write(dir.path().join("room"), "").unwrap();
    c.wait_event("done");
    let text = || inside(&c, &path);
    c.check(eventually(PATIENCE, || text().ends_with("the last line\n")), "it does not go on");
    let after = text();
    let is_whole = |line: &str| {
        let number = line.strip_prefix("line ").and_then(|rest| rest.strip_suffix(" of the flood"));
        number.is_some_and(|n| n.parse::<usize>().is_ok()) || line == "waiting" || line == "the last line"
    };
    // The last one of what was removed may be half a line, which came again, whole.
    let (end, lines) = {
        let mut lines: Vec<_> = before.split('\n').collect();
        (lines.pop().unwrap(), lines)
    };
    c.check(lines.iter().all(|line| is_whole(line)), "a line was cut before the disk was full");
    let first = after.lines().next().unwrap();
    c.check(first.starts_with(end), &format!("after {end:?} comes {first:?}"));
    c.check(after.lines().all(is_whole), "a line was cut");
    let told = c.lines().iter().filter(|line| line.text.contains("No space left")).count();
    c.check(told == 1, &format!("told {told} times"));
    c.check(c.printed(&["lines were not written"]), "what was dropped is not told");
    c.stop_within(support::PROMPT);
}

#[test]
fn a_read_only_disk_and_a_fifo_are_told_and_the_other_sinks_go_on() {
    needs_namespace!();
    let dir = directory();
    let fixed = dir.path().join("fixed");
    fs::create_dir(&fixed).unwrap();
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let prelude = format!("mount -t tmpfs -o ro none {} || exit 99", fixed.display());
    let script = "echo up web >> $EVENTS; echo heard all the same; sleep 1000";
    let mut c = Setup::new()
        .prelude(&prelude)
        .service("a", sh(script) + &to_file("[\"file\", \"console\"]", &fixed.join("logs/a.log"), ""))
        .service("b", sh(script) + &to_file("[\"file\", \"console\"]", &fifo, ""))
        .start();
    c.wait_line(&["cannot write to", "a.log", "Read-only file system"]);
    c.wait_line(&["cannot write to", "fifo", "it is a pipe, not a file"]);
    c.wait_line(&["a ", "heard all the same"]);
    c.wait_line(&["b ", "heard all the same"]);
    c.stop_within(support::PROMPT);
}

#[test]
fn a_writer_that_is_stuck_for_ever_stops_neither_pid_1_nor_its_shutdown() {
    needs_namespace!();
    let dir = directory();
    let path = dir.path().join("web.log");
    let script = "echo up web >> $EVENTS; while :; do echo a line that is never written; done";
    let mut c = Setup::new()
        .budget("3s")
        .service(
            "web",
            sh(script) + &to_file("\"file\"", &path, "max-size = \"1MB\"\n") + "[stop]\ntimeout = \"1s\"\n",
        )
        .service("other", serve("other", &[]))
        .start();
    c.wait_event("up web");
    c.wait_event("up other");
    // As by a disk that does not answer: the kernel has the thread wait, whatever it does.
    let writer = support::threads(c.init()).into_iter().find(|(_, name)| name == "foster-log");
    let (writer, _) = writer.unwrap_or_else(|| c.fail("there is no thread that writes"));
    let Some(_stuck) = support::Stuck::hold(writer) else { support::skip!("a thread cannot be held here") };
    // Its bytes wait in PID 1 up to a mark, then the service waits too.
    let before = fs::metadata(&path).unwrap().len();
    c.kill("other", libc::SIGKILL);
    c.wait_events("up other", 2);
    let status = c.foster(&["status"]);
    c.check(status.code == 0 && status.stdout.contains("web"), &format!("no status: {status:?}"));
    c.check(fs::metadata(&path).unwrap().len() == before, "it is not stuck");
    let memory = c.private_memory();
    c.check(memory < 8 * 1024, &format!("{memory} KiB of memory"));
    c.terminate();
    let exit = c.wait_exit(PATIENCE);
    c.check(exit.after < Duration::from_secs(8), &format!("took {:?}", exit.after));
}

#[test]
fn the_thread_that_writes_sleeps_when_there_is_nothing_to_write() {
    needs_namespace!();
    let dir = directory();
    let path = dir.path().join("web.log");
    let mut c = Setup::new()
        .service(
            "web",
            sh("echo up web >> $EVENTS; echo once; exec sleep 1000") + &to_file("\"file\"", &path, ""),
        )
        .start();
    c.wait_event("up web");
    c.check(
        eventually(PATIENCE, || fs::read_to_string(&path).is_ok_and(|text| text.ends_with("once\n"))),
        "no line",
    );
    let wakeups = || -> u64 {
        support::threads(c.init()).iter().map(|(tid, _)| support::thread_switches(c.init(), *tid)).sum()
    };
    c.check(
        eventually(PATIENCE, || {
            let before = wakeups();
            support::pause(Duration::from_secs(2));
            wakeups() == before
        }),
        "it wakes up for nothing",
    );
    c.stop_within(support::PROMPT);
}
