//! Claims about services that mean harm, or that a mistake makes look like it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::{Setup, helper, needs_namespace, serve, signal_mask};

#[test]
fn a_start_without_a_delay_that_comes_to_no_process_leaves_time_for_everything_else() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("steady", serve("steady", &[]))
        .service("eager", serve("eager", &[]) + "[restart]\ndelay = \"0\"\nlimit = \"unlimited\"\n")
        .start();
    c.wait_event("up steady");
    c.wait_event("up eager");
    let usual = c.limit_descriptors(3);
    c.kill("eager", libc::SIGKILL);
    c.wait_line(&["eager: cannot start a process: too many open files; restarting it now"]);
    c.kill("steady", libc::SIGKILL);
    c.wait_line(&["steady: was killed by SIGKILL; restarting it now"]);
    c.limit_descriptors(usual);
    c.wait_events("up eager", 2);
    c.limit_descriptors(3);
    c.kill("eager", libc::SIGKILL);
    c.stop_within(support::PROMPT);
}

#[test]
fn a_fault_of_somebody_else_cannot_be_told_to_pid_1_as_its_own() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &[])).start();
    c.wait_event("up web");
    // A handler that looks at the address of the fault would believe what sigqueue(3) says of it.
    let faults =
        [libc::SIGILL, libc::SIGTRAP, libc::SIGABRT, libc::SIGBUS, libc::SIGFPE, libc::SIGSEGV, libc::SIGSYS];
    let caught = signal_mask(c.init(), "SigCgt");
    for fault in faults {
        c.check(caught >> (fault - 1) & 1 == 0, &format!("signal {fault} has a handler"));
    }
    let script = faults.map(|fault| format!("kill -{fault} 1; kill -{fault} 1")).join("; ");
    c.check(c.exec(&["sh", "-c", &script]).status().unwrap().success(), "the signals were not sent");
    c.kill("web", libc::SIGKILL);
    c.wait_events("up web", 2);
    c.stop_within(support::PROMPT);
}

#[test]
fn a_signal_that_nobody_is_there_for_does_not_end_a_supervisor_that_is_not_pid_1() {
    needs_namespace!();
    let mut c =
        Setup::new().service("web", serve("web", &[])).below("\"$@\" & wait $!; code=$?; exit $code").start();
    c.wait_event("up web");
    for signal in [libc::SIGUSR2, libc::SIGALRM, libc::SIGIO, libc::SIGVTALRM, 50] {
        c.signal(signal);
    }
    c.kill("web", libc::SIGKILL);
    c.wait_events("up web", 2);
    c.stop_within(support::PROMPT);
}

#[test]
fn a_group_whose_last_member_somebody_else_reaped_is_not_late() {
    needs_namespace!();
    let patient = "[restart]\nlimit = 2\n[stop]\nsignal = \"SIGWINCH\"\ntimeout = \"5s\"\n";
    let mut c = Setup::new().service("web", helper(&["outsider"]) + patient).start();
    c.wait_event("up outsider");
    c.expect_exit(1);
    c.wait_line(&["web: exited with code 1; clearing away what it left running"]);
    c.wait_line(&["web: exited with code 1; restarting it now"]);
    c.check(!c.printed(&["did not stop"]), "what had gone was called late");
}

#[test]
fn the_table_of_very_many_services_is_shown_whole() {
    needs_namespace!();
    let name = format!("target-{}", "x".repeat(80));
    let mut c = Setup::new()
        .service(&name, "type = \"target\"\ninstances = 1000\n")
        .service("web", serve("web", &[]))
        .start();
    c.wait_event("up web");
    c.signal(libc::SIGUSR1);
    c.wait_line(&["orphans reaped: 0"]);
    for number in [1, 500, 1000] {
        c.wait_line(&[&format!("foster | {name}@{number} "), "ready"]);
    }
    c.stop_within(support::PROMPT);
}

#[test]
fn a_check_does_not_wait_for_a_user_database_that_is_no_file() {
    needs_namespace!();
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    std::fs::create_dir(root.join("s")).unwrap();
    std::fs::write(root.join("s/web.toml"), "command = \"true\"\nuser = \"www\"\n").unwrap();
    let script =
        "mkfifo \"$1/p\" && mount --bind \"$1/p\" /etc/passwd && exec timeout 10 \"$2\" check \"$1/s\"";
    let output = support::unshare()
        .args(["sh", "-c", script, "sh"])
        .args([root, &support::foster_bin()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the user `www` is not in /etc/passwd"), "{:?}: {said}", output.status);
    assert_eq!(output.status.code(), Some(0));
}
