//! Claims about `foster init` where little is to be had.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::{PATIENCE, Pids, Setup, eventually, needs_namespace, program, skip};

#[test]
fn a_full_table_of_processes_is_waited_for_and_then_told_of() {
    needs_namespace!();
    for freed in [true, false] {
        let pids = match Pids::create() {
            Ok(pids) => pids,
            Err(why) => skip!("{why}"),
        };
        let program = program();
        let mut c = Setup::new()
            .arguments(&["init", "--", &program, "@helper", "serve", "main", "code=3"])
            .pids(pids)
            .held()
            .start();
        c.pids().allow(Some(0));
        c.release();
        c.wait_line(&["foster init: cannot start a process: Resource temporarily unavailable; trying again"]);
        if freed {
            c.pids().allow(None);
            c.wait_event("up main");
            c.terminate();
            c.expect_exit(3);
        } else {
            c.expect_exit(1);
            c.wait_line(&["foster init: cannot start a process: Resource temporarily unavailable; gave up"]);
        }
    }
}

#[test]
fn a_signal_that_comes_while_there_is_no_process_waits_for_the_command() {
    needs_namespace!();
    let pids = match Pids::create() {
        Ok(pids) => pids,
        Err(why) => skip!("{why}"),
    };
    let program = program();
    let command = ["init", "--", &program, "@helper", "serve", "main", "code=3"];
    let mut c = Setup::new().arguments(&command).pids(pids).held().start();
    c.pids().allow(Some(0));
    c.release();
    c.wait_line(&["trying again"]);
    c.terminate();
    c.pids().allow(None);
    let exit = c.wait_exit(PATIENCE);
    // It comes before the program has readied itself, or after.
    c.check(matches!(exit.code, 3 | 143), &format!("ended with {}", exit.code));
}

#[test]
fn orphans_do_not_use_up_a_limit_of_processes() {
    needs_namespace!();
    let pids = match Pids::create() {
        Ok(pids) => pids,
        Err(why) => skip!("{why}"),
    };
    let program = program();
    let command = ["init", "--", &program, "@helper", "budget", "1000"];
    let mut c = Setup::new().arguments(&command).pids(pids).held().start();
    c.pids().allow(Some(64 - i64::from(c.pids().count())));
    c.release();
    let refused = c.wait_event("refused").text;
    c.check(refused == "refused 0", &format!("{refused} of 1,000 forks"));
    c.check(eventually(PATIENCE, || c.processes().len() == 2), "an orphan is left");
    c.terminate();
    c.expect_exit(0);
}

#[test]
fn a_program_that_refuses_memory_to_be_shared_is_started_all_the_same() {
    needs_namespace!();
    // clone(2) with CLONE_VM fails there, so it is a fork.
    let program = program();
    for (command, code) in [("exit 7", 7), ("kill -9 $$", 137)] {
        let starve = format!("exec \"{program}\" @helper starve \"$@\"");
        let mut c = Setup::new().arguments(&["init", "--", "/bin/sh", "-c", command]).below(&starve).start();
        c.expect_exit(code);
    }
    let starve = format!("exec \"{program}\" @helper starve \"$@\"");
    let mut c = Setup::new().arguments(&["init", "--", "/no/such/command"]).below(&starve).start();
    c.wait_line(&["foster init: cannot execute /no/such/command"]);
    c.expect_exit(127);
}
