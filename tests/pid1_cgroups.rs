//! Claims about cgroups: each service has one where there is one to divide, nobody gets away from it, nothing of it stays
//! behind, and without one nothing breaks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::{
    Container, PATIENCE, PROMPT, Setup, Unified, eventually, helper_shell, needs_namespace, pause, serve, sh,
    unified,
};

/// A service whose main process has started another in a session of its own, which says so.
fn with_escapee(name: &str, escapee: &str) -> String {
    // Its parent ends at once, so that nothing but the cgroup tells whose it is.
    let serve = helper_shell(&format!("serve {name}"));
    let script = format!("(setsid {escapee} &) ; exec {serve}");
    sh(&script)
}

fn escapee(options: &str) -> String {
    helper_shell(&format!("serve escapee {options}"))
}

fn inside(cgroup: &Unified) -> Setup {
    Setup::new().prelude(&cgroup.enter())
}

/// Waits for the end of the newest process of this name.
#[track_caller]
fn wait_gone(c: &Container, name: &str) {
    let pid = c.pid_of(name);
    let gone = || !c.processes().iter().any(|one| one.inside == pid);
    c.check(eventually(PATIENCE, gone), &format!("{name} is left"));
}

#[test]
fn each_service_has_a_cgroup_and_none_stays_behind() {
    let cgroup = unified!();
    let mut c = inside(&cgroup)
        .service("web", serve("web", &[]))
        // The kernel has a file of this name in every cgroup.
        .service("cgroup.procs", serve("odd", &[]))
        .service("worker", serve("worker", &[]) + "instances = 2\n")
        .service("job", "type = \"oneshot\"\n".to_owned() + &sh("echo job >> $EVENTS"))
        .start();
    for event in ["up web", "up odd", "job"] {
        c.wait_event(event);
    }
    c.wait_events("up worker", 2);
    let expected =
        ["service-cgroup.procs", "service-job", "service-web", "service-worker@1", "service-worker@2"];
    c.check(cgroup.inner() == expected, &format!("{:?}", cgroup.inner()));
    for name in ["service-cgroup.procs", "service-web", "service-worker@1", "service-worker@2"] {
        c.check(cgroup.count(name) == 1, &format!("{name} has {} processes", cgroup.count(name)));
    }
    c.stop_within(PROMPT);
    assert!(cgroup.inner().is_empty(), "left: {:?}", cgroup.inner());
}

#[test]
fn commands_of_a_service_are_in_its_cgroup_and_are_not_taken_for_what_is_left_of_it() {
    let cgroup = unified!();
    // What a process is in, it reads itself; and the probe runs while the main process ends.
    let say = |what: &str| format!("echo \"{what} $(grep -o 'service-.*' /proc/self/cgroup)\" >> $EVENTS");
    let toml = sh(&format!("{}; [ -e $DIRECTORY/again ] && exec sleep 1000; sleep 0.3; exit 3", say("main")))
        + &format!("[when]\ncommand = [\"/bin/sh\", \"-c\", {:?}]\n", say("check"))
        + &format!(
            "[health]\ngrace = \"50ms\"\nexec = [\"/bin/sh\", \"-c\", {:?}]\n",
            format!("{}; touch $DIRECTORY/again; exec sleep 1000", say("probe"))
        )
        + &format!("[stop]\ncommand = [\"/bin/sh\", \"-c\", {:?}]\n", say("stop"));
    let mut c = inside(&cgroup).service("web", toml).start();
    for what in ["check service-web", "main service-web", "probe service-web"] {
        c.wait_event(what);
    }
    c.wait_events("main service-web", 2);
    c.check(!c.printed(&["left running"]), "a probe was taken for what is left");
    c.stop_within(PROMPT);
    c.position("stop service-web");
}

#[test]
fn a_daemon_in_a_session_of_its_own_stops_with_its_service() {
    let cgroup = unified!();
    let mut c = inside(&cgroup)
        .service("web", with_escapee("web", &escapee("")))
        .service("other", serve("other", &[]))
        .start();
    for event in ["up web", "up escapee", "up other"] {
        c.wait_event(event);
    }
    c.check(cgroup.count("service-web") == 2, "it is not in the cgroup");
    let started = std::time::Instant::now();
    c.foster_ends(0, &["stop", "web"]);
    c.check(started.elapsed() < PROMPT, "the stop took its whole timeout");
    c.wait_event("end escapee");
    // The main process first: it knows best what its children have to hear.
    c.check_order(&["term web", "end web", "term escapee", "end escapee"]);
    c.check(cgroup.count("service-web") == 0, "something is left");
    c.stop_within(PROMPT);
    assert!(c.events().iter().filter(|event| event.starts_with("term")).count() == 3, "{:?}", c.events());
}

#[test]
fn without_clone3_a_child_enters_its_cgroup_by_itself() {
    for plight in ["refuse=ENOSYS:clone3", "refuse=EPERM:clone3", "refuse=ENOSYS:pidfd_open"] {
        let cgroup = unified!();
        let mut c = inside(&cgroup)
            .under(&[plight])
            .service("web", with_escapee("web", &escapee("")))
            .service("other", serve("other", &[]))
            .start();
        for event in ["up web", "up escapee", "up other"] {
            c.wait_event(event);
        }
        c.check(cgroup.count("service-web") == 2, "not both are in it");
        c.foster_ends(0, &["stop", "web"]);
        c.wait_event("end escapee");
        c.stop_within(PROMPT);
        assert!(cgroup.inner().is_empty(), "left: {:?}", cgroup.inner());
    }
}

#[test]
fn who_ignores_the_stop_signal_in_a_session_of_its_own_is_killed_at_the_timeout() {
    let cgroup = unified!();
    let mut c = inside(&cgroup)
        .service("web", with_escapee("web", &escapee("ignore")) + "[stop]\ntimeout = \"3s\"\n")
        .service("other", serve("other", &[]))
        .start();
    for event in ["up web", "up escapee", "up other"] {
        c.wait_event(event);
    }
    c.foster_ends(0, &["stop", "web"]);
    c.wait_event("term escapee");
    c.wait_line(&["web: did not stop within 3s; killing it with SIGKILL"]);
    wait_gone(&c, "escapee");
    c.stop_within(PROMPT);
}

#[test]
fn processes_that_fork_and_change_their_session_for_ever_do_not_outrun_a_stop() {
    let cgroup = unified!();
    let chains = helper_shell("chains 3");
    let mut c = inside(&cgroup)
        .service("web", sh(&format!("exec {chains}")) + "[stop]\ntimeout = \"300ms\"\n")
        .service("other", serve("other", &[]))
        .start();
    c.wait_event("up chains");
    c.wait_event("up other");
    c.foster_ends(0, &["stop", "web"]);
    c.check(cgroup.count("service-web") == 0, "something is left");
    c.check(eventually(PATIENCE, || c.processes().len() == 2), "more than PID 1 and the other one");
    c.stop_within(PROMPT);
}

#[test]
fn what_a_crash_leaves_in_another_session_is_gone_before_the_restart() {
    let cgroup = unified!();
    let mut c = inside(&cgroup).service("web", with_escapee("web", &escapee(""))).start();
    c.wait_event("up web");
    c.wait_event("up escapee");
    c.kill("web", libc::SIGKILL);
    c.wait_line(&["web: was killed by SIGKILL; clearing away what it left running"]);
    c.wait_events("up web", 2);
    let before =
        |lines: &[support::Line]| lines.iter().filter(|line| line.text.starts_with("up web")).count();
    let ended = c.lines().iter().position(|line| line.text == "end escapee");
    let ended = ended.unwrap_or_else(|| c.fail("the daemon of the first life did not end"));
    c.check(before(&c.lines()[..ended]) == 1, "the second life began beside the daemon of the first");
    c.stop_within(PROMPT);
}

#[test]
fn with_stop_group_off_the_rest_is_left_alone() {
    let cgroup = unified!();
    let mut c = inside(&cgroup)
        .service("web", with_escapee("web", &escapee("")) + "[stop]\ngroup = false\n")
        .service("other", serve("other", &[]))
        .start();
    for event in ["up web", "up escapee", "up other"] {
        c.wait_event(event);
    }
    c.foster_ends(0, &["restart", "web"]);
    c.wait_events("up web", 2);
    c.wait_events("up escapee", 2);
    c.check(!c.events().iter().any(|event| event == "term escapee"), "it was signalled");
    c.stop_within(PROMPT);
}

#[test]
fn an_orphan_that_left_its_session_is_still_known() {
    let cgroup = unified!();
    let script = format!("(setsid sleep 0.2 &) ; exec {}", helper_shell("serve parent"));
    let mut c = inside(&cgroup).env("FOSTER_LOG_LEVEL", "debug").service("parent", sh(&script)).start();
    c.wait_event("up parent");
    c.wait_line(&["parent: reaped its orphan, process ", "exited with code 0"]);
    c.stop_within(PROMPT);
}

#[test]
fn what_a_service_makes_of_its_own_cgroup_is_removed_with_it() {
    let cgroup = unified!();
    let script =
        format!("mkdir -p {0}/service-web/a/b && exec {1}", cgroup.path.display(), helper_shell("serve web"));
    let mut c = inside(&cgroup).service("web", sh(&script)).start();
    c.wait_event("up web");
    // A service that had divided it can be started again.
    c.foster_ends(0, &["restart", "web"]);
    c.wait_events("up web", 2);
    c.stop_within(PROMPT);
    assert!(cgroup.inner().is_empty(), "left: {:?}", cgroup.inner());
}

#[test]
fn a_service_that_leaves_the_plan_takes_its_cgroup_along() {
    let cgroup = unified!();
    let mut c = inside(&cgroup).service("web", serve("web", &[])).service("old", serve("old", &[])).start();
    c.wait_event("up web");
    c.wait_event("up old");
    std::fs::remove_file(c.path("services/old.toml")).unwrap();
    std::fs::write(c.path("services/new.toml"), serve("new", &[])).unwrap();
    c.foster_ends(0, &["apply"]);
    c.wait_event("up new");
    c.check(cgroup.inner() == ["service-new", "service-web"], &format!("{:?}", cgroup.inner()));
    c.stop_within(PROMPT);
    assert!(cgroup.inner().is_empty(), "left: {:?}", cgroup.inner());
}

#[test]
fn the_cgroup_of_an_earlier_life_is_used_again() {
    let cgroup = unified!();
    for life in 1..=2 {
        let mut c = inside(&cgroup).service("web", serve("web", &[])).start();
        c.wait_event("up web");
        c.check(cgroup.inner() == ["service-web"], &format!("{:?} in life {life}", cgroup.inner()));
        if life == 2 {
            c.stop_within(PROMPT);
        }
    }
    assert!(cgroup.inner().is_empty(), "left: {:?}", cgroup.inner());
}

#[test]
fn a_cgroup_with_somebody_else_in_it_is_left_alone() {
    let cgroup = unified!();
    let mut bystander = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    std::fs::write(cgroup.path.join("cgroup.procs"), bystander.id().to_string()).unwrap();
    let limits = "[resources]\nmemory = \"64MiB\"\npids = 20\n";
    let mut c = inside(&cgroup)
        .service("web", serve("web", &[]) + limits)
        .service("db", serve("db", &[]) + limits)
        .service("free", serve("free", &[]))
        .start();
    for event in ["up web", "up db", "up free"] {
        c.wait_event(event);
    }
    c.check(cgroup.inner().is_empty(), &format!("{:?}", cgroup.inner()));
    c.stop_within(PROMPT);
    let told = c.lines().iter().filter(|line| line.text.contains("cannot limit")).count();
    assert_eq!(told, 1, "said once, not {told} times");
    c.wait_line(&["cannot limit the resources of db, web: other processes are in the same cgroup; without"]);
    assert!(bystander.try_wait().unwrap().is_none(), "the bystander was harmed");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn a_controller_that_is_not_there_is_named_once() {
    let cgroup = unified!();
    let controllers = std::fs::read_to_string(cgroup.path.join("cgroup.controllers")).unwrap();
    if controllers.contains("pids") {
        support::skip!("this machine has all controllers");
    }
    let mut c = inside(&cgroup)
        .service("web", serve("web", &[]) + "[resources]\npids = 20\n")
        .service("db", serve("db", &[]) + "[resources]\npids = 30\n")
        .start();
    c.wait_event("up web");
    c.wait_event("up db");
    c.stop_within(PROMPT);
    c.wait_line(&[
        "cannot limit the processes of db, web: the cgroup has no pids controller; without that limit",
    ]);
    let told = c.lines().iter().filter(|line| line.text.contains("cannot limit")).count();
    assert_eq!(told, 1, "said once, not {told} times");
}

#[test]
fn without_a_cgroup_limits_are_one_line_and_nothing_else() {
    needs_namespace!();
    let mut c = Setup::new()
        .env("FOSTER_CGROUP", "none")
        .service("web", serve("web", &[]) + "[resources]\nmemory = \"64MiB\"\n")
        .start();
    c.wait_event("up web");
    c.stop_within(PROMPT);
    c.wait_line(&[
        "cannot limit the resources of web: cgroups are switched off, by `cgroup = \"none\"`; without",
    ]);
}

#[test]
fn a_place_can_be_named_and_is_made() {
    let cgroup = unified!();
    let place = cgroup.path.join("here");
    let mut c = Setup::new()
        .config(&format!("cgroup = {:?}\n", place.to_str().unwrap()))
        .service("web", with_escapee("web", &escapee("")))
        .start();
    c.wait_event("up web");
    c.wait_event("up escapee");
    c.check(cgroup.inner() == ["here"], &format!("{:?}", cgroup.inner()));
    c.check(cgroup.count("here/service-web") == 2, "not both are in it");
    c.stop_within(PROMPT);
    assert!(cgroup.inner().is_empty(), "left: {:?}", cgroup.inner());
}

#[test]
fn a_place_that_is_none_is_told_and_nothing_breaks() {
    needs_namespace!();
    let mut c = Setup::new().env("FOSTER_CGROUP", "/tmp").service("web", serve("web", &[])).start();
    c.wait_event("up web");
    c.wait_line(&["no service gets a cgroup: /tmp is in no cgroup v2 file system"]);
    c.stop_within(PROMPT);
}

#[test]
fn below_another_init_the_last_sweep_kills_by_cgroup() {
    let cgroup = unified!();
    // PID 1 stays outside, and is nobody's to kill. Who changes his session for ever, no look at /proc catches for certain.
    let below = format!("sh -c '{}; exec \"$@\"' sh \"$@\" & wait $!", cgroup.enter());
    let chains = helper_shell("chains 3");
    let mut c = Setup::new()
        .below(&below)
        .budget("1s")
        .service("web", sh(&format!("exec {chains}")) + "[stop]\ntimeout = \"10s\"\n")
        .start();
    c.wait_event("up chains");
    c.check(cgroup.inner() == ["service-web"], &format!("{:?}", cgroup.inner()));
    c.terminate();
    c.wait_exit(PATIENCE);
    assert!(cgroup.inner().is_empty(), "left: {:?}", cgroup.inner());
}

#[test]
fn waiting_for_what_is_left_in_a_cgroup_wakes_nobody() {
    let cgroup = unified!();
    let mut c = inside(&cgroup)
        .service("web", with_escapee("web", &escapee("ignore")) + "[stop]\ntimeout = \"30s\"\n")
        .service("other", serve("other", &[]))
        .start();
    for event in ["up web", "up escapee", "up other"] {
        c.wait_event(event);
    }
    c.foster_ends(0, &["stop", "--no-wait", "web"]);
    c.wait_event("term escapee");
    c.wait_rest();
    let before = c.context_switches();
    pause(std::time::Duration::from_secs(1));
    c.check(c.context_switches() == before, "it looks again and again");
    let started = std::time::Instant::now();
    c.kill("escapee", libc::SIGKILL);
    c.wait_state("web", "inactive");
    c.check(started.elapsed() < std::time::Duration::from_secs(10), "it was not told that it is gone");
    c.stop_within(PROMPT);
}
