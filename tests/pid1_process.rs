//! Claims about the process of a service: its environment and secrets, how it is asked to stop, and what it leaves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;
use support::{PROMPT, Setup, needs_namespace, serve, sh};

const SECRET: &str = "hunter2-hunter3";

#[test]
fn the_environment_is_put_together_in_its_order() {
    needs_namespace!();
    let script = "echo \"got $A $B $C $D $PW $FOSTER_SERVICE ${E-unset}\" >>$EVENTS";
    let toml = "type = \"oneshot\"\n".to_owned()
        + &sh(&script.replace("${", "$${"))
        + "environment-files = [\"${DIRECTORY}/env\", \"-${DIRECTORY}/none\"]\n"
        + "clear-environment = true\npass-environment = [\"EVENTS\", \"A\", \"B\"]\n"
        + "[environment]\nC = \"<${B}>\"\nD = \"${NOWHERE:-default}\"\n"
        + "[secrets]\nPW = \"${DIRECTORY}/pw\"\n";
    let mut c = Setup::new()
        .env("A", "a")
        .env("B", "b")
        .env("E", "e")
        .service("job", toml)
        .prelude("printf 'B=file\\nC=file\\n' >$DIRECTORY/env; echo word >$DIRECTORY/pw")
        .start();
    c.expect_exit(0);
    c.position("got a file <file> default word job unset");
}

#[test]
fn a_secret_is_given_and_never_shown() {
    needs_namespace!();
    // A failure for good, a status and all that foster can say of itself: nothing of it may name the value.
    let script =
        format!("[ \"$PW\" = {SECRET} ] && echo right >>$EVENTS; \"$HELPER\" @helper serve job; exit 3");
    let with = "[secrets]\nPW = \"${DIRECTORY}/pw\"\nBAD = \"${DIRECTORY}/pw\"\n";
    let mut c = Setup::new()
        .env("FOSTER_LOG_LEVEL", "trace")
        .service("job", sh(&script) + "[restart]\npolicy = \"never\"\n" + with)
        .service("broken", sh("true").replace("/bin/sh", "/no/such/shell") + "essential = false\n" + with)
        .prelude(&format!("echo {SECRET} >$DIRECTORY/pw"))
        .start();
    c.wait_event("right");
    c.wait_event("up job");
    c.wait_line(&["broken: cannot execute /no/such/shell: "]);
    c.signal(libc::SIGUSR1);
    c.wait_line(&["orphans reaped: "]);
    c.kill("job", libc::SIGTERM);
    c.expect_exit(3);
    c.wait_line(&["job: exited with code 3; it has failed, and the container stops"]);
    c.check(!c.printed(&[SECRET]), "the value was printed");
}

#[test]
fn a_secret_that_is_not_there_is_named_by_its_file() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &[]) + "[secrets]\nPW = \"/no/such/pw\"\n").start();
    c.expect_exit(1);
    c.wait_line(&["web: cannot read secret PW from /no/such/pw: no such file or directory; it has failed"]);
}

#[test]
fn a_stop_command_runs_first_and_knows_the_process() {
    needs_namespace!();
    let stop = "[stop]\ncommand = [\"/bin/sh\", \"-c\", \"echo asked $MAINPID >>$EVENTS; kill $MAINPID\"]\n";
    let mut c = Setup::new().service("web", serve("web", &[]) + stop).start();
    c.wait_event("up web");
    let pid = c.pid_of("web");
    c.stop_within(PROMPT);
    c.check_order(&[&format!("asked {pid}"), "term web", "end web"]);
}

#[test]
fn a_stop_command_that_hangs_is_part_of_the_timeout() {
    needs_namespace!();
    let stop = "[stop]\ncommand = [\"sleep\", \"1000\"]\ntimeout = \"1s\"\n";
    let mut c = Setup::new().service("web", serve("web", &[]) + stop).start();
    c.wait_event("up web");
    let exit = c.stop_within(PROMPT);
    c.check(exit.after >= Duration::from_secs(1), "it was not given its time");
    c.wait_line(&["web: did not stop within 1s; killing it with SIGKILL"]);
}

#[test]
fn a_stop_command_that_is_not_there_does_not_keep_the_signal_back() {
    needs_namespace!();
    let stop = "[stop]\ncommand = [\"/no/such/command\"]\n";
    let mut c = Setup::new().service("web", serve("web", &[]) + stop).start();
    c.wait_event("up web");
    c.stop_within(PROMPT);
    c.wait_line(&["web: its stop command did not run: ", "/no/such/command", "; sending the stop signal"]);
    c.position("end web");
}

#[test]
fn the_stop_signal_can_be_another() {
    needs_namespace!();
    let script = "trap 'echo told web >>$EVENTS; exit 0' USR1; trap 'echo wrong >>$EVENTS' TERM
        echo up web $$ >>$EVENTS; while :; do sleep 1000 & wait $!; done";
    let mut c = Setup::new().service("web", sh(script) + "[stop]\nsignal = \"SIGUSR1\"\n").start();
    c.wait_event("up web");
    c.wait_program("sleep");
    c.stop_within(PROMPT);
    c.position("told web");
    c.check(!c.events().iter().any(|event| event == "wrong"), "SIGTERM came, too");
}

#[test]
fn a_stopped_process_is_continued_to_stop() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &[])).start();
    c.wait_event("up web");
    c.kill("web", libc::SIGSTOP);
    c.stop_within(PROMPT);
    c.position("end web");
}

#[test]
fn the_stop_signal_goes_to_the_group_unless_that_is_off() {
    needs_namespace!();
    for (group, delay, order) in [
        (true, 3000, ["term child", "end child", "end web"]),
        (false, 300, ["term web", "end web", "term child"]),
    ] {
        let script =
            &format!("\"$HELPER\" @helper serve child & exec \"$HELPER\" @helper serve web delay={delay}");
        let mut c = Setup::new().service("web", sh(script) + &format!("[stop]\ngroup = {group}\n")).start();
        c.wait_event("up child");
        c.wait_event("up web");
        c.stop_within(PROMPT);
        c.check_order(&order);
    }
}

/// Takes a lock that its child holds on to, and complains if somebody has it.
fn lock_holder(child: &str) -> String {
    format!(
        "exec 9>${{DIRECTORY}}/lock; flock -n 9 || {{ echo clash >>$EVENTS; exit 9; }}
        \"$HELPER\" @helper serve child {child} & exec \"$HELPER\" @helper serve web"
    )
}

#[test]
fn a_replacement_waits_until_the_group_of_its_predecessor_has_gone() {
    needs_namespace!();
    let mut c = Setup::new().service("web", sh(&lock_holder("delay=300"))).start();
    c.wait_event("up child");
    c.wait_event("up web");
    c.kill("web", libc::SIGKILL);
    c.wait_events("up web", 2);
    c.wait_events("up child", 2);
    c.check(!c.events().iter().any(|event| event == "clash"), "it was started too early");
    c.check_order(&["up web", "term child", "end child"]);
    c.wait_line(&["web: was killed by SIGKILL; restarting it now"]);
    c.stop_within(PROMPT);
}

#[test]
fn a_group_that_does_not_go_is_killed_at_the_stop_timeout_before_a_replacement() {
    needs_namespace!();
    let toml = sh(&lock_holder("ignore")) + "[stop]\ntimeout = \"500ms\"\n";
    let mut c = Setup::new().service("web", toml).start();
    c.wait_event("up child");
    c.wait_event("up web");
    let (former, killed) = (c.pid_of("child"), std::time::Instant::now());
    c.kill("web", libc::SIGKILL);
    let up = c.wait_events("up web", 2);
    c.check(up[1].at - killed >= Duration::from_millis(400), "the child was not given its time");
    c.check(!c.processes().iter().any(|one| one.inside == former), "the child is still there");
    c.check(!c.events().iter().any(|event| event == "clash"), "it was started too early");
    c.stop_within(PROMPT);
}

#[test]
fn a_service_can_run_in_another_directory_with_another_umask_and_limits() {
    needs_namespace!();
    let script = "echo \"in $PWD umask $(umask) files $(ulimit -n) nice $(nice)\" >>$EVENTS";
    let toml = "type = \"oneshot\"\n".to_owned()
        + &sh(script)
        + "working-directory = \"/usr\"\numask = \"027\"\nnice = 5\n[limits]\nnofile = 123\n";
    let mut c = Setup::new().service("job", toml).start();
    c.expect_exit(0);
    c.position("in /usr umask 0027 files 123 nice 5");
}
