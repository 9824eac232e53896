//! Claims about faults: what the kernel refuses is reported and tried again, and nothing else is disturbed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;
use support::{Pids, Setup, needs_namespace, serve, sh, skip};

/// What foster said in its own name.
fn own_lines(c: &support::Container) -> Vec<String> {
    c.lines().iter().filter_map(|line| line.text.strip_prefix("foster | ")).map(str::to_owned).collect()
}

fn lives(c: &support::Container, name: &str) -> usize {
    let up = format!("up {name} ");
    c.events().iter().filter(|event| event.starts_with(&up)).count()
}

#[test]
fn a_limit_on_processes_is_reported_and_tried_again() {
    needs_namespace!();
    let pids = match Pids::create() {
        Ok(pids) => pids,
        Err(why) => skip!("{why}"),
    };
    let eager = "[restart]\ndelay = \"100ms\"\nmax-delay = \"200ms\"\nlimit = \"unlimited\"\n";
    let mut c = Setup::new()
        .service("steady", serve("steady", &[]))
        .service("flaky", serve("flaky", &[]) + eager)
        .pids(pids)
        .start();
    c.wait_event("up steady");
    c.wait_event("up flaky");
    c.pids().allow(Some(-1));
    c.kill("flaky", libc::SIGKILL);
    c.wait_line(&["flaky: cannot start a process: the limit of processes is reached", "; restarting it in "]);
    c.pids().allow(None);
    c.wait_events("up flaky", 2);
    c.check(lives(&c, "steady") == 1, "steady was disturbed");
    c.stop_within(support::PROMPT);
    c.position("term steady");
}

#[test]
fn a_lack_of_descriptors_is_reported_and_tried_again() {
    needs_namespace!();
    let eager = "[restart]\ndelay = \"50ms\"\nmax-delay = \"100ms\"\nlimit = \"unlimited\"\n";
    let mut setup = Setup::new()
        .service("steady", serve("steady", &[]))
        .service("flaky", serve("flaky", &[]) + eager)
        .service(
            "gate",
            "type = \"oneshot\"\nrequires = [\"steady\", \"flaky\"]\n".to_owned() + &serve("gate", &[]),
        );
    for number in 0..20 {
        let name = format!("s{number}");
        setup = setup.service(&name, serve(&name, &[]) + "requires = [\"gate\"]\n" + eager);
    }
    let mut c = setup.start();
    for name in ["steady", "flaky", "gate"] {
        c.wait_event(&format!("up {name}"));
    }
    // Room for some of the twenty: each takes four for its pipes, and two more while it starts.
    let usual = c.limit_descriptors(c.descriptors() + 10);
    c.kill("gate", libc::SIGTERM);
    c.wait_line(&[": cannot make pipes for its output: too many open files; restarting it in "]);
    // What has run has its pipes, but each start needs another one.
    c.limit_descriptors(3);
    c.kill("flaky", libc::SIGKILL);
    c.wait_line(&["flaky: was killed by SIGKILL; restarting it now"]);
    c.wait_line(&["flaky: cannot start a process: too many open files; restarting it in "]);
    c.limit_descriptors(usual);
    c.wait_events("up flaky", 2);
    for number in 0..20 {
        c.wait_event(&format!("up s{number}"));
    }
    c.check(lives(&c, "steady") == 1, "a running service was disturbed");
    c.stop_within(support::PROMPT);
    c.position("term steady");
}

#[test]
fn a_lack_of_memory_at_a_start_is_reported_and_tried_again() {
    needs_namespace!();
    // clone(2) in shared memory is refused with ENOMEM for ever; a service with an oom-score-adj is made by fork(2).
    let mut c = Setup::new()
        .service("steady", serve("steady", &[]) + "oom-score-adj = 900\n")
        .service(
            "starved",
            "essential = false\n".to_owned()
                + &serve("starved", &[])
                + "[restart]\ndelay = \"5ms\"\nlimit = 4\n",
        )
        .prelude("set -- \"$HELPER\" @helper starve \"$@\"")
        .start();
    c.wait_event("up steady");
    c.wait_line(&["starved: cannot start a process: out of memory; restarting it in ", "(attempt 4)"]);
    c.wait_line(&["starved: cannot start a process: out of memory; gave up after 4 consecutive ends, and the container goes on without it"]);
    c.kill("steady", libc::SIGKILL);
    c.wait_events("up steady", 2);
    c.check(lives(&c, "starved") == 0, "it was started all the same");
    c.stop_within(support::PROMPT);
}

#[test]
fn a_service_that_ends_at_once_is_counted_right() {
    needs_namespace!();
    let mut setup = Setup::new();
    let mut names = Vec::new();
    for number in 0..150 {
        let name = format!("o{number}");
        setup = setup.service(&name, "type = \"oneshot\"\ncommand = [\"/bin/true\"]\n");
        names.push(name);
    }
    let last = format!("type = \"oneshot\"\nrequires = {names:?}\n") + &sh("echo done last >> $EVENTS");
    let mut c = setup.service("last", last).start();
    c.expect_exit(0);
    c.position("done last");
}

#[test]
fn failures_at_once_are_each_counted_once() {
    needs_namespace!();
    let toml = sh("exit 5") + "[restart]\ndelay = \"0\"\nlimit = 100\n";
    let mut c = Setup::new().service("web", toml.replace("exit 5", "echo run >> $EVENTS; exit 5")).start();
    c.expect_exit(5);
    let runs = c.events().iter().filter(|event| *event == "run").count();
    c.check(runs == 100, &format!("{runs} runs with a limit of 100"));
    c.wait_line(&["web: exited with code 5; gave up after 100 consecutive ends, and the container stops"]);
}

#[test]
fn many_failures_at_once_are_each_counted_once() {
    needs_namespace!();
    // They end while foster is busy with others: before their report is read, after, and in one go with it.
    let toml = "essential = false\ninstances = 40\n".to_owned()
        + &sh("echo run {instance} >> $EVENTS; kill -KILL $$")
        + "[restart]\ndelay = \"0\"\nlimit = 20\n";
    let mut c = Setup::new().service("web", toml).start();
    c.expect_exit(137);
    for instance in 1..=40 {
        let run = format!("run {instance}");
        let runs = c.events().iter().filter(|event| **event == run).count();
        c.check(runs == 20, &format!("{runs} runs of instance {instance} with a limit of 20"));
        c.wait_line(&[&format!(
            "web@{instance}: was killed by SIGKILL; gave up after 20 consecutive ends, "
        )]);
    }
}

#[test]
fn a_reused_pid_gets_no_signal_of_its_former_owner() {
    needs_namespace!();
    // pid_max belongs to the pid namespace from Linux 6.14 on; before that the write would change the host's.
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map(|text| text.parse::<u32>().unwrap_or(0));
    if (numbers.next(), numbers.next()) < (Some(6), Some(14)) {
        skip!("pid_max is not by namespace before Linux 6.14, this is {}", release.trim());
    }
    let eager = "[restart]\ndelay = \"0\"\nmax-delay = \"0\"\nlimit = \"unlimited\"\n";
    let mut setup = Setup::new().prelude("echo 400 >/proc/sys/kernel/pid_max || exit 77");
    for number in 0..4 {
        // Ends by itself, so that each of its pids is soon somebody else's.
        setup = setup.service(&format!("brief{number}"), sh("echo run >> $EVENTS; exit 0") + eager);
    }
    for number in 0..10 {
        setup = setup.service(&format!("steady{number}"), serve(&format!("steady{number}"), &[]));
    }
    let mut c = setup.start();
    // Some times around the whole range of pids.
    let runs = |lines: &[support::Line]| {
        (lines.iter().filter(|line| line.text == "run").count() >= 1500).then_some(())
    };
    c.wait_for("1500 short lives", Duration::from_secs(60), runs);
    for number in 0..10 {
        c.check(lives(&c, &format!("steady{number}")) == 1, "a steady service was hit");
    }
    c.check(!c.events().iter().any(|event| event.starts_with("term")), "a steady service was told to stop");
    c.stop_within(support::PROMPT);
}

#[test]
fn closed_standard_descriptors_are_no_fault() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &[])).prelude("exec <&- >&- 2>&-").start();
    c.wait_event("up web");
    c.kill("web", libc::SIGKILL);
    c.wait_events("up web", 2);
    c.stop_within(support::PROMPT);
}

#[test]
fn a_read_only_root_without_a_writable_path_is_no_fault() {
    needs_namespace!();
    // All mounts, as far as that is allowed; whether it took is looked at below.
    let prelude = "mount --make-rprivate /
        while read -r device path rest; do
            mount -o remount,bind,ro \"$path\" 2>/dev/null
        done </proc/self/mounts";
    let probe = "for path in / /tmp /run /var/tmp /dev/shm /etc ${DIRECTORY} ${DIRECTORY}/services; do
            probe=$path/.foster-test-$$
            if (: >$probe) 2>/dev/null; then rm -f $probe; echo writable $path >>$EVENTS; fi
        done
        echo probed >>$EVENTS";
    let mut c = Setup::new()
        .service("probe", "type = \"oneshot\"\n".to_owned() + &sh(probe))
        .service("web", serve("web", &[]))
        .prelude(prelude)
        .start();
    c.wait_event("probed");
    c.wait_event("up web");
    if let Some(writable) = c.events().into_iter().find(|event| event.starts_with("writable ")) {
        skip!("cannot make everything read-only: {writable}");
    }
    c.kill("web", libc::SIGKILL);
    c.wait_events("up web", 2);
    c.stop_within(support::PROMPT);
    let lines = own_lines(&c);
    let socket = lines.iter().filter(|line| line.starts_with("no control socket: ")).count();
    c.check(socket == 1, "it does not say, once, that there is no control socket");
    let rest: Vec<_> = lines.iter().filter(|line| !line.starts_with("no control socket: ")).collect();
    c.check(rest == ["web: was killed by SIGKILL; restarting it now"], "it complains");
}
