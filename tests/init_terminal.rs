//! Claims about `foster init` at a terminal, as PID 1 and as a job of a shell.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::{Output, PATIENCE, Setup, eventually, find_program, foster_bin, needs_namespace, skip};

const INITS: [&[&str]; 4] = [&["init", "--"], &["tini", "--"], &["catatonit", "--"], &["dumb-init"]];

fn at_terminal(init: &[&str], command: &[&str]) -> Setup {
    let foster = foster_bin();
    Setup::new()
        .output(Output::Terminal)
        .arguments(&[init, command].concat())
        .env("FOSTER", foster.to_str().unwrap())
        .env("PS1", "")
}

#[test]
fn the_command_has_the_terminal_and_the_keys_reach_it_once() {
    needs_namespace!();
    let script = "trap 'echo interrupted' INT; trap 'stty size; exit 7' WINCH; echo ready; read line; echo \"got $line\";
        while :; do sleep 0.1; done";
    for init in INITS.into_iter().chain([&["init", "-c", "--"][..]]) {
        let mut c = at_terminal(init, &["/bin/sh", "-c", script]).start();
        c.wait_line(&["ready"]);
        c.type_in("hello\n");
        c.wait_line(&["got hello"]);
        c.type_in("\x03");
        c.wait_line(&["interrupted"]);
        c.resize(33, 99);
        c.wait_line(&["33 99"]);
        c.expect_exit(7);
        let count = c.lines().iter().filter(|line| line.text.contains("interrupted")).count();
        c.check(count == 1, &format!("{init:?}: interrupted {count} times"));
    }
}

#[test]
fn a_shell_below_has_job_control() {
    needs_namespace!();
    if find_program("bash").is_none() {
        skip!("no bash");
    }
    for init in INITS {
        let mut c = at_terminal(init, &["bash", "--norc", "-i"]).start();
        c.expect_job_control();
    }
}

#[test]
fn below_a_shell_the_init_is_a_job_and_stops_and_goes_on_with_its_command() {
    needs_namespace!();
    if find_program("bash").is_none() {
        skip!("no bash");
    }
    for init in ["init --", "init -c --", "tini -s --", "catatonit --"] {
        let mut c = at_terminal(&["init", "--"], &["bash", "--norc", "-i"]).start();
        c.type_in(&format!("$FOSTER {init} sleep 1000\n"));
        c.wait_program("sleep");
        let in_front = || matches!(c.in_foreground().as_str(), "sleep" | "foster");
        c.check(eventually(PATIENCE, in_front), "the command has the terminal");
        c.type_in("\x1a");
        c.wait_line(&["Stopped", init]);
        c.wait_in_foreground("bash");
        c.type_in("fg\n");
        let runs = || {
            c.processes().iter().all(|one| one.name != "sleep" || one.state != 'T')
                && c.in_foreground() != "bash"
        };
        c.check(eventually(PATIENCE, runs), &format!("{init}: it does not go on"));
        c.type_in("\x03");
        c.type_in("echo \"it was $?\"; exit 4\n");
        c.wait_line(&["it was 130"]);
        c.expect_exit(4);
    }
}

#[test]
fn in_the_background_of_a_shell_it_leaves_the_terminal_to_the_shell() {
    needs_namespace!();
    if find_program("bash").is_none() {
        skip!("no bash");
    }
    let mut c = at_terminal(&["init", "--"], &["bash", "--norc", "-i"]).start();
    c.type_in("$FOSTER init -- sleep 1000 &\n");
    c.wait_program("sleep");
    c.check(c.in_foreground() == "bash", "the terminal was taken");
    c.type_in("kill %1; wait %1; echo \"it was $?\"; exit 4\n");
    c.wait_line(&["it was 143"]);
    c.expect_exit(4);
}

#[test]
fn at_its_end_the_terminal_is_the_caller_s_again() {
    needs_namespace!();
    // A script has no job control and does not take it back by itself.
    let script = "$FOSTER init -- true; echo \"done $?\"; read line; echo \"got $line\"; exit 6";
    let mut c = at_terminal(&["init", "--"], &["/bin/sh", "-c", script]).start();
    c.wait_line(&["done 0"]);
    c.type_in("hello\n");
    c.wait_line(&["got hello"]);
    c.expect_exit(6);
}

#[test]
fn a_hangup_reaches_the_command() {
    needs_namespace!();
    for init in INITS {
        let mut c = at_terminal(
            init,
            &["/bin/sh", "-c", "trap 'exit 8' HUP; echo ready; while :; do sleep 0.1; done"],
        )
        .start();
        c.wait_line(&["ready"]);
        c.signal(libc::SIGHUP);
        c.expect_exit(8);
    }
}
