//! Claims about the container's terminal, as `docker run -t` gives it: one service has it, as a job of a shell has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::{Output, PATIENCE, Setup, eventually, find_program, needs_namespace, serve, sh, skip};

/// A container with a terminal, whose main service is a shell script.
fn with_main(script: &str) -> Setup {
    Setup::new().output(Output::Terminal).command(&["/bin/sh", "-c", script])
}

#[test]
fn the_main_service_has_the_terminal_and_reads_what_is_typed() {
    needs_namespace!();
    let mut c = with_main(
        "test -t 0 && test -t 1 && test -t 2 && echo all three; read line; echo \"got $line\"; exit 7",
    )
    .start();
    c.wait_line(&["all three"]);
    c.type_in("hello\n");
    c.wait_line(&["got hello"]);
    c.expect_exit(7);
    let shown = c.lines().iter().any(|line| line.text == "got hello");
    c.check(shown, "what it writes is shown as it is, without a name before it");
}

#[test]
fn ctrl_c_reaches_the_main_service_and_nobody_else() {
    needs_namespace!();
    let mut c = with_main("trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.1; done")
        .service("web", serve("web", &[]))
        .start();
    c.wait_event("up web");
    c.wait_line(&["ready"]);
    c.type_in("\x03");
    c.wait_line(&["interrupted"]);
    c.expect_exit(5);
    c.check(!c.events().iter().any(|event| event.starts_with("signal web 2")), "web was not interrupted");
}

#[test]
fn a_program_that_does_not_mind_ctrl_c_ends_with_130() {
    needs_namespace!();
    let mut c = with_main("echo ready; exec sleep 1000").start();
    c.wait_program("sleep");
    c.type_in("\x03");
    c.expect_exit(130);
}

#[test]
fn the_size_of_the_window_and_its_changes_reach_it() {
    needs_namespace!();
    let mut c = with_main("trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.1; done").start();
    c.wait_line(&["ready"]);
    c.resize(33, 99);
    c.wait_line(&["33 99"]);
    c.expect_exit(0);
}

#[test]
fn ctrl_z_stops_it_is_told_and_sigcont_gives_it_the_terminal_again() {
    needs_namespace!();
    let mut c = with_main("echo ready; read line; echo \"got $line\"; exit 3").start();
    c.wait_line(&["ready"]);
    c.type_in("\x1a");
    c.wait_line(&["main: stopped by SIGTSTP", "SIGCONT"]);
    c.wait_in_foreground("foster");
    c.foster_ends(0, &["signal", "CONT", "main"]);
    c.wait_in_foreground("sh");
    c.type_in("again\n");
    c.wait_line(&["got again"]);
    c.expect_exit(3);
}

#[test]
fn after_ctrl_z_ctrl_c_stops_the_container() {
    needs_namespace!();
    let mut c = with_main("trap 'exit 9' TERM; echo ready; read line").start();
    c.wait_line(&["ready"]);
    c.type_in("\x1a");
    c.wait_line(&["stopped by SIGTSTP"]);
    c.wait_in_foreground("foster");
    c.type_in("\x03");
    c.expect_exit(9);
}

#[test]
fn an_interactive_shell_has_job_control() {
    needs_namespace!();
    if find_program("bash").is_none() {
        skip!("no bash");
    }
    let mut c =
        Setup::new().output(Output::Terminal).command(&["bash", "--norc", "-i"]).env("PS1", "").start();
    c.expect_job_control();
}

#[test]
fn other_services_read_nothing_and_write_lines_with_their_names() {
    needs_namespace!();
    let mut c = with_main("read line; echo \"got $line\"")
        .service("other", sh("cat; echo \"it ends\"; tty; ps -o tty= -p $$; exec sleep 1000"))
        .start();
    c.wait_line(&["other", "it ends"]);
    c.wait_line(&["other", "not a tty"]);
    c.type_in("hello\n");
    c.wait_line(&["got hello"]);
    c.expect_exit(0);
}

#[test]
fn a_restarted_service_gets_the_terminal_again_and_as_it_was() {
    needs_namespace!();
    let again = "main = true\nscript = '''\nif [ -e \"$DIRECTORY/once\" ]; then stty -a | grep -c -- ' echo '; read line; echo \"got $line\"; exit 6; fi\n\
        touch \"$DIRECTORY/once\"; stty -echo; kill -9 $$\n'''\n[restart]\npolicy = \"on-failure\"\nnever-on = [6]\n";
    let mut c = Setup::new().output(Output::Terminal).service("shell", again).start();
    c.wait_line(&["shell: was killed by SIGKILL"]);
    c.wait_for("the line of stty", PATIENCE, |lines| lines.iter().any(|line| line.text == "1").then_some(()));
    c.type_in("hello\n");
    c.wait_line(&["got hello"]);
    c.expect_exit(6);
}

#[test]
fn a_service_with_tty_has_it_and_the_main_one_does_not() {
    needs_namespace!();
    let mut c = with_main("test -t 0 || echo none for main; exec sleep 1000")
        .service(
            "shell",
            format!("tty = true\n{}", sh("read line; echo \"shell got $line\"; exec sleep 1000")),
        )
        .start();
    c.wait_line(&["none for main"]);
    c.type_in("hello\n");
    c.wait_line(&["shell got hello"]);
    c.terminate();
    c.expect_exit(143);
}

#[test]
fn output_that_goes_elsewhere_still_goes_there() {
    needs_namespace!();
    let toml = format!("main = true\n{}[log]\nto = \"null\"\n", sh("test -t 1 || echo hidden; read line"));
    let mut c = Setup::new().output(Output::Terminal).service("shell", toml).start();
    c.wait_state("shell", "ready");
    c.check(
        eventually(PATIENCE, || c.foster_ends(0, &["logs", "shell"]).stdout.contains("hidden")),
        "in memory",
    );
    c.type_in("\n");
    c.expect_exit(0);
    c.check(!c.printed(&["hidden"]), "not on the terminal");
}

#[test]
fn its_orphans_are_counted_as_its_own() {
    needs_namespace!();
    let mut c = with_main("(sleep 0.05 & exit); read line").start();
    c.wait_state("main", "ready");
    let orphans = || c.status_of("main")["orphans"].as_u64();
    c.check(eventually(PATIENCE, || orphans() == Some(1)), &format!("counted: {:?}", orphans()));
    c.type_in("\n");
    c.expect_exit(0);
}

#[test]
fn without_a_terminal_tty_changes_nothing() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("main", format!("main = true\ntty = true\n{}", sh("test -t 0 || echo none; cat; exit 8")))
        .start();
    c.wait_line(&["main", "| none"]);
    c.expect_exit(8);
}

#[test]
fn as_a_job_of_a_shell_it_stops_with_a_second_ctrl_z_and_goes_on_with_fg() {
    needs_namespace!();
    if find_program("bash").is_none() {
        skip!("no bash");
    }
    let mut c = Setup::new()
        .output(Output::Terminal)
        .service("shell", format!("main = true\n{}", sh("echo ready; read line; echo \"got $line\"; exit 3")))
        .below("export FOSTER=\"$*\" PS1=; exec bash --norc -i")
        .start();
    c.type_in("$FOSTER\n");
    c.wait_line(&["ready"]);
    c.type_in("\x1a");
    c.wait_line(&["shell: stopped by SIGTSTP"]);
    c.wait_in_foreground("foster");
    c.type_in("\x1a");
    c.wait_line(&["Stopped", "$FOSTER"]);
    c.type_in("fg\n");
    c.wait_in_foreground("sh");
    c.type_in("again\n");
    c.wait_line(&["got again"]);
    c.type_in("echo \"it was $?\"; exit 0\n");
    c.wait_line(&["it was 3"]);
    c.expect_exit(0);
}
