//! Claims about loggers: what services write to another one's standard input gets there, whatever becomes of that one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{
    Container, PATIENCE, PROMPT, Setup, Source, eventually, find_program, helper, needs_namespace,
};
use support::{serve, sh, skip};

/// `[log]` of who writes to the service `log`.
const TO_LOG: &str = "[log]\nto = \"service:log\"\nformat = \"raw\"\n";
/// A writer that is at work while something happens: a hundred numbered lines at a time, so that they can be looked through.
const AT_WORK: &str =
    "i=0; while :; do i=$((i+1)); echo \"web $i\"; [ $((i % 100)) = 0 ] && sleep 0.01; done";

/// A directory for what a logger writes, and the file in it.
fn file() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lines");
    (directory, path)
}

fn logger(file: &Path, options: &[&str]) -> String {
    let mut arguments = vec!["logger", "log", file.to_str().unwrap()];
    arguments.extend(options);
    helper(&arguments)
}

/// A oneshot that writes so many lines, `NAME 1` and on, and says that it is done.
fn writer(name: &str, count: usize) -> String {
    let script = format!(
        "i=0; while [ $i -lt {count} ]; do i=$((i+1)); echo \"{name} $i\"; done; echo done {name} >> $EVENTS"
    );
    "type = \"oneshot\"\n".to_owned() + &sh(&script) + TO_LOG
}

/// The numbers of the lines of one service.
fn numbers<'a>(lines: impl Iterator<Item = &'a str>, name: &str) -> Vec<usize> {
    let numbers = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    numbers.map(|number| number.parse().unwrap_or_else(|_| panic!("not whole: {number}"))).collect()
}

fn logged(file: &Path, name: &str) -> Vec<usize> {
    numbers(std::fs::read_to_string(file).unwrap_or_default().lines(), name)
}

fn printed(c: &Container, name: &str) -> Vec<usize> {
    let lines = c.lines();
    numbers(lines.iter().filter(|line| line.source == Source::Stdout).map(|line| line.text.as_str()), name)
}

#[track_caller]
fn check_whole(c: &Container, found: &[usize], count: usize) {
    let first = found.iter().zip(1..).find(|(found, expected)| *found != expected);
    c.check(found.len() == count && first.is_none(), &format!("{} of {count}, {first:?}", found.len()));
}

#[test]
fn a_logger_starts_first_gets_all_lines_of_two_writers_and_ends_with_its_input() {
    needs_namespace!();
    let (_directory, file) = file();
    let mut c = Setup::new()
        .service("log", logger(&file, &[]))
        .service("a", writer("a", 20_000))
        .service("b", writer("b", 20_000))
        .start();
    c.wait_event("done a");
    c.wait_event("done b");
    c.stop_within(PROMPT);
    c.check_order(&["up log", "done a", "eof log"]);
    for name in ["a", "b"] {
        check_whole(&c, &logged(&file, name), 20_000);
        check_whole(&c, &printed(&c, name), 0);
    }
}

#[test]
fn a_logger_that_is_killed_under_load_loses_and_doubles_nothing_that_it_has_not_read() {
    needs_namespace!();
    let (_directory, file) = file();
    let restart = "[restart]\ndelay = \"0s\"\nlimit = \"unlimited\"\n";
    let mut c = Setup::new()
        .service("log", logger(&file, &["stuck=3000", "lives=5"]) + restart)
        .service("a", writer("a", 30_000))
        .start();
    for life in 1..=5 {
        c.wait_events("stuck log", life);
        c.kill("log", libc::SIGKILL);
    }
    c.wait_event("done a");
    c.wait_events("up log", 6);
    c.stop_within(PROMPT);
    check_whole(&c, &logged(&file, "a"), 30_000);
    check_whole(&c, &printed(&c, "a"), 0);
}

#[test]
fn a_logger_that_is_stopped_sees_the_end_and_the_console_has_the_rest_until_it_is_started() {
    needs_namespace!();
    let (_directory, file) = file();
    let mut c = Setup::new()
        .service("log", logger(&file, &[]) + "[stop]\ntimeout = \"60s\"\n")
        .service("web", sh(AT_WORK) + TO_LOG)
        .start();
    c.check(eventually(PATIENCE, || logged(&file, "web").len() > 1000), "nothing is logged");
    c.foster_ends(0, &["stop", "log"]);
    c.wait_event("eof log");
    c.wait_line(&[
        "foster | log: it is inactive; what is meant for it goes to the console until it is started",
    ]);
    let first = logged(&file, "web");
    check_whole(&c, &first, first.len());
    c.wait_line(&[&format!("web {}", first.len() + 200)]);

    c.foster_ends(0, &["start", "log"]);
    let more = || logged(&file, "web").len() > first.len() + 500;
    c.check(eventually(PATIENCE, more), "nothing is logged any more");
    c.stop_within(Duration::from_secs(8));
    c.wait_events("eof log", 2);
    let mut all = logged(&file, "web");
    all.extend(printed(&c, "web"));
    all.sort_unstable();
    check_whole(&c, &all, all.len());
}

#[test]
fn a_logger_that_is_restarted_under_load_gets_what_was_written_meanwhile() {
    needs_namespace!();
    let (_directory, file) = file();
    let mut c = Setup::new().service("log", logger(&file, &[])).service("web", sh(AT_WORK) + TO_LOG).start();
    for life in 1..=3 {
        c.check(eventually(PATIENCE, || logged(&file, "web").len() > life * 500), "nothing is logged");
        c.foster_ends(0, &["restart", "log"]);
        c.wait_events("eof log", life);
    }
    c.stop_within(PROMPT);
    let all = logged(&file, "web");
    check_whole(&c, &all, all.len());
    check_whole(&c, &printed(&c, "web"), 0);
}

#[test]
fn a_shutdown_under_load_leaves_the_logger_everything() {
    needs_namespace!();
    let (_directory, file) = file();
    let mut c = Setup::new().service("log", logger(&file, &[])).service("web", sh(AT_WORK) + TO_LOG).start();
    c.check(eventually(PATIENCE, || logged(&file, "web").len() > 1000), "nothing is logged");
    c.stop_within(PROMPT);
    c.wait_event("eof log");
    let all = logged(&file, "web");
    check_whole(&c, &all, all.len());
    check_whole(&c, &printed(&c, "web"), 0);
}

#[test]
fn the_console_has_what_a_logger_that_failed_for_good_did_not_take() {
    needs_namespace!();
    let (_directory, file) = file();
    let mut c = Setup::new()
        .service(
            "log",
            "essential = false\n".to_owned()
                + &logger(&file, &["stuck=3000"])
                + "[restart]\npolicy = \"never\"\n",
        )
        .service("a", writer("a", 30_000))
        .start();
    c.wait_event("stuck log");
    c.kill("log", libc::SIGKILL);
    c.wait_line(&["foster | log: it is failed; what is meant for it goes to the console"]);
    c.wait_event("done a");
    c.wait_line(&["a 30000"]);
    // With that, nothing is left to do.
    c.wait_exit(PATIENCE);
    check_whole(&c, &logged(&file, "a"), 3000);
    let rest: Vec<usize> = printed(&c, "a").iter().map(|number| number - 3000).collect();
    check_whole(&c, &rest, 27_000);
}

#[test]
fn a_logger_that_never_reads_makes_its_writer_wait_and_nobody_else() {
    needs_namespace!();
    let (_directory, file) = file();
    let mut c = Setup::new()
        .budget("3s")
        .service("log", logger(&file, &["stuck=0"]))
        .service("a", writer("a", 1_000_000))
        .service("web", serve("web", &[]))
        .start();
    c.wait_event("stuck log");
    c.wait_event("up web");
    // Until the pipes are full, its writer does not use the processor any more.
    let writer = || c.processes().into_iter().any(|one| one.name == "sh" && one.state == 'S');
    c.check(eventually(PATIENCE, writer), "its writer does not wait");
    c.kill("web", libc::SIGKILL);
    c.wait_events("up web", 2);
    c.wait_state("web", "ready");
    c.terminate();
    let exit = c.expect_exit(0);
    c.check(exit.after < Duration::from_secs(8), &format!("took {:?} to stop", exit.after));
    c.check(!c.events().contains(&"done a".to_owned()), "its writer did not wait");
}

#[test]
fn who_would_rather_lose_lines_does_not_wait_for_a_logger_that_never_reads() {
    needs_namespace!();
    let (_directory, file) = file();
    let mut c = Setup::new()
        .budget("3s")
        .service("log", logger(&file, &["stuck=0"]))
        .service("a", writer("a", 100_000) + "on-full = \"drop\"\n")
        .start();
    c.wait_event("stuck log");
    c.wait_event("done a");
    c.terminate();
    c.expect_exit(0);
    // What nobody read is not lost.
    let left = printed(&c, "a");
    check_whole(&c, &left, left.len());
    c.check(left.len() > 1000 && left.len() < 100_000, &format!("{} lines left", left.len()));
}

#[test]
fn s6_log_gets_all_lines_and_ends_with_its_input() {
    needs_namespace!();
    let Some(s6_log) = find_program("s6-log") else { skip!("s6-log is not installed (Debian package s6)") };
    let directory = tempfile::tempdir().unwrap();
    let command = [s6_log.to_str().unwrap(), "n20", "s100000", directory.path().to_str().unwrap()];
    let mut c = Setup::new()
        .service("log", format!("command = {command:?}\n"))
        .service("a", writer("a", 20_000))
        .start();
    c.wait_event("done a");
    c.stop_within(PROMPT);
    let mut files: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Those that were put away are named by their time, and come before `current`.
    files.retain(|path| {
        path.file_name().unwrap() == "current" || path.file_name().unwrap().as_encoded_bytes()[0] == b'@'
    });
    files.sort();
    let text: String = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    check_whole(&c, &numbers(text.lines(), "a"), 20_000);
}

#[test]
fn an_apply_leads_lines_to_a_new_logger_and_back() {
    needs_namespace!();
    let (_directory, file) = file();
    let mut c = Setup::new().service("web", sh(AT_WORK) + "[log]\nformat = \"raw\"\n").start();
    c.wait_line(&["web 500"]);
    let place = |name: &str| c.path("services").join(format!("{name}.toml"));
    let (web, log) = (place("web"), place("log"));
    std::fs::write(&log, logger(&file, &[])).unwrap();
    std::fs::write(&web, sh(AT_WORK) + TO_LOG).unwrap();
    c.foster_ends(0, &["apply"]);
    c.check(eventually(PATIENCE, || logged(&file, "web").len() > 1000), "nothing is logged");
    std::fs::remove_file(&log).unwrap();
    std::fs::write(&web, sh(AT_WORK) + "[log]\nformat = \"raw\"\n").unwrap();
    c.foster_ends(0, &["apply"]);
    c.wait_event("eof log");
    let last = logged(&file, "web").last().copied().unwrap_or_default();
    c.wait_line(&[&format!("web {}", last + 500)]);
    c.stop_within(Duration::from_secs(8));
    // One process wrote it all, and each line is somewhere, once.
    let mut all = logged(&file, "web");
    all.extend(printed(&c, "web"));
    all.sort_unstable();
    check_whole(&c, &all, all.len());
}
