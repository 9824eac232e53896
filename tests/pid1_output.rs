//! Claims about output: whole lines, both streams, nothing lost, and nobody who reads slowly can stop PID 1.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;
use support::{Output, Setup, Source, helper, needs_namespace, serve, sh, skip};

/// The numbers of the flood's lines that a stream carried, in order; fails on a line that is not whole.
fn numbers(c: &support::Container, source: Source, service: &str) -> Vec<usize> {
    let lines = c.lines().into_iter().filter(|line| line.source == source);
    let of_service =
        lines.filter(|line| line.text.contains("flood") && line.text.trim_start().starts_with(service));
    of_service
        .map(|line| {
            let (_, text) = line.text.split_once("line ").unwrap_or_else(|| c.fail(&line.text));
            let number = text.strip_suffix(" of this flood").unwrap_or_else(|| c.fail(&line.text));
            number.parse().unwrap_or_else(|_| c.fail(&line.text))
        })
        .collect()
}

#[test]
fn a_line_is_shown_whole_with_the_name_of_its_service() {
    needs_namespace!();
    let mut setup = Setup::new();
    for name in ["one", "two", "three", "four"] {
        setup = setup.service(name, "type = \"oneshot\"\n".to_owned() + &helper(&["flood", "4000", "0"]));
    }
    let mut c = setup.start();
    c.expect_exit(0);
    for name in ["one", "two", "three", "four"] {
        let even: Vec<usize> = (0..4000).step_by(2).collect();
        let odd: Vec<usize> = (1..4000).step_by(2).collect();
        c.check(numbers(&c, Source::Stdout, name) == even, &format!("{name}: standard output is not whole"));
        c.check(numbers(&c, Source::Stderr, name) == odd, &format!("{name}: standard error is not whole"));
    }
}

#[test]
fn nothing_is_lost_when_a_service_crashes_after_a_flood() {
    needs_namespace!();
    let flood = format!("exec {}", support::helper_shell("flood 20000 3"));
    let mut c = Setup::new().command(&["/bin/sh", "-c", &flood]).start();
    c.expect_exit(3);
    let whole = |source, from| (from..20_000).step_by(2).eq(numbers(&c, source, "main"));
    c.check(whole(Source::Stdout, 0), "standard output is not whole");
    c.check(whole(Source::Stderr, 1), "standard error is not whole");
    c.check(
        c.lines().iter().any(|line| line.text == "main   | and half a li"),
        "the last partial line is lost",
    );
    // Its failure comes after all that it wrote, and is told with the last of it.
    let after = |line: &support::Line| {
        line.text == "foster | main: exited with code 3; it has failed, and the container stops"
    };
    let errors: Vec<_> = c.lines().into_iter().filter(|line| line.source == Source::Stderr).collect();
    let at = errors.iter().position(after).unwrap_or_else(|| c.fail("its failure is not reported"));
    c.check(!errors[at..].iter().any(|line| line.text.starts_with("main")), "a line came after the end");
    c.check(errors[at + 1].text == "foster | main: its last output was", "the last output is not told");
    // Of two streams, whose lines have no order among each other.
    let told: Vec<_> =
        errors[at + 2..].iter().filter_map(|line| line.text.strip_prefix("foster |     ")).collect();
    let whole = told.iter().all(|line| line.ends_with(" of this flood") || *line == "and half a li");
    c.check(whole && told.len() == 10, &format!("other last lines: {told:?}"));
}

#[test]
fn a_line_without_end_is_shown_all_the_same() {
    needs_namespace!();
    let long = "head -c 300000 /dev/zero | tr '\\\\0' x; echo; echo after it";
    let mut c = Setup::new()
        .service("long", "type = \"oneshot\"\n".to_owned() + &sh(&long.replace("\\\\", "\\")))
        .start();
    c.expect_exit(0);
    let shown: usize = c
        .lines()
        .iter()
        .filter(|line| line.source == Source::Stdout)
        .map(|line| line.text.matches('x').count())
        .sum();
    c.check(shown >= 300_000, &format!("{shown} of 300,000 bytes"));
    c.check(c.printed(&["after it"]), "the line after it is lost");
}

#[test]
fn what_a_service_says_while_it_stops_is_shown() {
    needs_namespace!();
    let script = "trap 'echo saving; echo saved >&2; exit 0' TERM; echo up web >> $EVENTS; while :; do sleep 100 & wait $!; done";
    let mut c = Setup::new().service("web", sh(script)).start();
    c.wait_event("up web");
    c.wait_program("sleep");
    c.stop_within(support::PROMPT);
    c.check(c.printed(&["saving"]) && c.printed(&["saved"]), "its last words are lost");
}

#[test]
fn a_reader_that_stalls_cannot_hold_up_a_stop() {
    needs_namespace!();
    let mut c = Setup::new()
        .budget("2s")
        .output(Output::Stalled)
        .service("loud", sh("echo up loud >> $EVENTS; while :; do echo a line that nobody reads; done"))
        .service("web", serve("web", &[]))
        .start();
    c.wait_event("up loud");
    c.wait_event("up web");
    // Time for the pipe to fill: nothing tells when it has.
    support::pause(Duration::from_millis(300));
    c.kill("web", libc::SIGKILL);
    c.wait_events("up web", 2);
    c.stop_within(support::PROMPT);
    c.position("term web");
}

#[test]
fn a_reader_that_has_gone_cannot_stop_pid_1() {
    needs_namespace!();
    let mut c = Setup::new()
        .output(Output::Broken)
        .service("loud", sh("echo up loud >> $EVENTS; while :; do echo into the void; sleep 0.05; done"))
        .service("web", serve("web", &[]))
        .start();
    c.wait_event("up loud");
    c.wait_event("up web");
    c.kill("web", libc::SIGKILL);
    c.wait_events("up web", 2);
    c.stop_within(support::PROMPT);
}

#[test]
fn a_full_disk_behind_the_output_cannot_stop_pid_1() {
    needs_namespace!();
    if !std::path::Path::new("/dev/full").exists() {
        skip!("there is no /dev/full");
    }
    let mut c = Setup::new()
        .output(Output::To("/dev/full".into()))
        .service("loud", sh("echo up loud >> $EVENTS; while :; do echo into the void; sleep 0.05; done"))
        .service("web", serve("web", &[]))
        .start();
    c.wait_event("up loud");
    c.wait_event("up web");
    c.kill("web", libc::SIGKILL);
    c.wait_events("up web", 2);
    c.stop_within(support::PROMPT);
}

#[test]
fn a_flood_does_not_delay_a_stop() {
    needs_namespace!();
    let loud =
        "trap 'exit 0' TERM; echo up loud >> $EVENTS; while :; do echo a line of a flood without end; done";
    let mut c = Setup::new().service("loud", sh(loud)).service("web", serve("web", &[])).start();
    c.wait_event("up loud");
    c.wait_event("up web");
    c.stop_within(support::PROMPT);
}
