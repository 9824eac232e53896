//! The first instant of the process: signals, standard descriptors, inheritance.
//!
//! The constructor runs in every program that is linked with the library, this test too; so the test runs itself anew
//! in the state to be tried and looks at what is found there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod sys_child;

use foster::model::Signal;
use foster::sys::signal::{Sent, inherited, kill_everything, mask, restore_inherited, unblock_handled};
use foster::sys::{fds, reap};
use std::process::Command;
use sys_child::{alone, text};

const TERM: u64 = 1 << 14;
const USR1: u64 = 1 << 9;

fn inner() -> bool {
    std::env::var_os("FOSTER_TEST_INNER").is_some()
}

/// This test once more, below `wrapper`, a shell command that ends in `"$@"`.
fn again(name: &str, wrapper: &str) {
    let out = Command::new("/bin/sh")
        .args(["-c", wrapper, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env("FOSTER_TEST_INNER", "1")
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", text(&out));
}

fn namespaces() -> Option<&'static str> {
    let works = |flags: &str| {
        Command::new("unshare").args(flags.split(' ')).arg("true").status().is_ok_and(|s| s.success())
    };
    ["-pf --mount-proc", "-Urpf --mount-proc"].into_iter().find(|flags| works(flags))
}

#[test]
fn what_was_inherited_is_known_and_stays_where_this_is_not_pid_1() {
    let _alone = alone();
    if !inner() {
        return again(
            "what_was_inherited_is_known_and_stays_where_this_is_not_pid_1",
            "trap '' USR1; exec \"$@\"",
        );
    }
    assert_eq!(inherited().ignored & USR1, USR1);
    assert_eq!(inherited().blocked, 0);
    assert_eq!(mask(), 0);
    assert_eq!(kill_everything(Signal::TERM), Sent::Refused);
}

#[test]
fn pid_1_begins_with_every_signal_blocked_and_queues_an_early_one() {
    let _alone = alone();
    let name = "pid_1_begins_with_every_signal_blocked_and_queues_an_early_one";
    if !inner() {
        let Some(flags) = namespaces() else {
            eprintln!("skipped: {name} needs a pid namespace");
            return;
        };
        return again(name, &format!("exec unshare {flags} --kill-child \"$@\""));
    }
    assert_eq!(std::process::id(), 1);
    assert_eq!(mask() & TERM, TERM, "blocked by the constructor, and so in the test's thread");
    assert_eq!(inherited().blocked, 0);
    // From a process of the container: dropped by the kernel were it not blocked.
    let status = Command::new("/bin/sh").args(["-c", "kill -TERM 1"]).status().unwrap();
    assert!(status.success());
    let pending = std::fs::read_to_string("/proc/1/status").unwrap();
    let pending = pending.lines().find_map(|l| l.strip_prefix("ShdPnd:")).unwrap().trim();
    assert_eq!(u64::from_str_radix(pending, 16).unwrap() & TERM, TERM, "queued");
    restore_inherited();
    assert_eq!(mask(), 0);
    unblock_handled();
    assert_eq!(mask(), 1 << (17 - 1), "only SIGCHLD, which is read");
    assert!(reap::set_child_subreaper());
}

#[test]
fn closed_standard_descriptors_are_opened_before_main() {
    let _alone = alone();
    let name = "closed_standard_descriptors_are_opened_before_main";
    if !inner() {
        return again(name, "exec \"$@\" <&- >&- 2>&-");
    }
    assert_eq!(fds::closed_at_entry(), [0, 1, 2]);
    for fd in 0..3 {
        let target = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
        assert_eq!(target.to_str(), Some("/dev/null"), "{fd}");
    }
}

#[test]
fn without_dev_null_the_standard_descriptors_are_open_all_the_same() {
    let _alone = alone();
    let name = "without_dev_null_the_standard_descriptors_are_open_all_the_same";
    if !inner() {
        let Some(flags) = namespaces() else {
            eprintln!("skipped: {name} needs a mount namespace");
            return;
        };
        let script = format!(
            "exec unshare -m {flags} --kill-child /bin/sh -c \
             'mount -t tmpfs none /dev && exec \"$@\" <&- 2>&-' sh \"$@\""
        );
        return again(name, &script);
    }
    assert!(!std::path::Path::new("/dev/null").exists());
    // The test's own harness needs its output.
    assert_eq!(fds::closed_at_entry(), [0, 2]);
    assert_eq!(std::io::Read::read(&mut std::io::stdin(), &mut [0; 8]).unwrap(), 0, "end of file");
    assert_eq!(nix::unistd::write(std::io::stderr(), b"x"), Err(nix::errno::Errno::EPIPE));
    let null = fds::null_input().unwrap();
    assert_eq!(nix::unistd::read(&null, &mut [0; 8]), Ok(0));
}

#[test]
fn inherited_descriptors_are_closed() {
    let _alone = alone();
    if !inner() {
        return again("inherited_descriptors_are_closed", "exec \"$@\" 7</dev/null 8</dev/null");
    }
    fds::close_inherited();
    let out = Command::new("ls").arg("/proc/self/fd").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout).split_whitespace().count(), 4, "{}", text(&out));
}
