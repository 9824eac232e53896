//! Claims about the verbs that act on services and wait: what comes true, what does not, and the code that says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::{Container, Ran, Setup, needs_namespace, serve, sh};

const DISABLED: &str = "enabled = false\n";

fn service(name: &str, more: &str) -> String {
    more.to_owned() + &serve(name, &[])
}

/// db, app above it, web above that; slow, which is not ready for an hour; bad, which fails for good before it is ready.
fn tree() -> Container {
    let c = Setup::new()
        .service("db", service("db", ""))
        .service("app", service("app", "requires = [\"db\"]\n"))
        .service("web", service("web", "requires = [\"app\"]\n"))
        .service("slow", service("slow", DISABLED) + "[ready]\ndelay = \"1h\"\n")
        .service(
            "bad",
            "essential = false\nenabled = false\n".to_owned()
                + &sh("exit 3")
                + "[restart]\nlimit = 1\n[ready]\ndelay = \"1h\"\n",
        )
        .service("job", "type = \"oneshot\"\n".to_owned() + DISABLED + &sh("true"))
        .start();
    for name in ["db", "app", "web"] {
        c.wait_event(&format!("up {name}"));
    }
    c
}

fn said(code: i32, stdout: &str, stderr: &str) -> Ran {
    Ran { code, stdout: stdout.to_owned(), stderr: stderr.to_owned() }
}

#[test]
fn a_stop_takes_dependents_down_first_and_names_them() {
    needs_namespace!();
    let mut c = tree();
    assert_eq!(c.foster(&["stop", "db"]), said(0, "db: stopped\nalso stopped: app, web\n", ""));
    c.check_order(&["end web", "end app", "end db"]);
    // It stays down, and what requires it waits.
    let status = c.foster_json(0, &["status", "--json"]);
    let states: Vec<_> = ["app", "db", "web"]
        .iter()
        .map(|name| {
            let services = status["services"].as_array().unwrap();
            services.iter().find(|one| one["name"] == *name).unwrap()["state"].clone()
        })
        .collect();
    assert_eq!(states, ["waiting", "inactive", "waiting"]);
    assert_eq!(c.foster(&["start", "db"]).code, 0);
    c.wait_events("up web", 2);
    c.stop_within(support::PROMPT);
}

#[test]
fn a_start_brings_up_what_is_required_and_waits_for_it() {
    needs_namespace!();
    let c = tree();
    c.foster_ends(0, &["stop", "db"]);
    assert_eq!(c.foster(&["start", "web"]), said(0, "web: ready\nalso started: app, db\n", ""));
    assert_eq!(c.foster(&["start", "web", "job"]), said(0, "job: done\nweb: ready\n", ""));
}

#[test]
fn a_start_that_fails_says_why_and_ends_with_1() {
    needs_namespace!();
    let c = tree();
    let ran = c.foster(&["start", "bad"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.starts_with("bad: failed") && ran.stderr.contains("code 3"), "{ran:#?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:#?}");
}

#[test]
fn a_timeout_ends_the_waiting_and_not_the_start() {
    needs_namespace!();
    let c = tree();
    let ran = c.foster(&["start", "slow", "--timeout", "200ms"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (124, ""));
    assert!(ran.stderr.starts_with("slow: starting, not ready within 200ms"), "{ran:#?}");
    c.wait_event("up slow");
    let answer = c.foster_json(124, &["start", "slow", "--timeout", "1ms", "--json"]);
    assert_eq!((&answer["ok"], &answer["results"][0]["outcome"]), (&false.into(), &"timeout".into()));
    c.wait_state("slow", "starting");
}

#[test]
fn nobody_waits_with_no_wait() {
    needs_namespace!();
    let c = tree();
    assert_eq!(c.foster(&["start", "slow", "--no-wait"]), said(0, "slow: start accepted\n", ""));
    c.wait_event("up slow");
    assert_eq!(c.foster(&["stop", "slow", "--no-wait"]), said(0, "slow: stop accepted\n", ""));
    c.wait_event("end slow");
}

#[test]
fn an_unknown_name_moves_nothing_and_says_what_was_meant() {
    needs_namespace!();
    let c = tree();
    for verb in [&["stop", "web", "dbb"][..], &["restart", "dbb"], &["start", "dbb"], &["wait", "dbb"]] {
        let ran = c.foster_ends(1, verb);
        assert_eq!(ran.stdout, "", "{verb:?}");
        assert!(ran.stderr.contains("`dbb`") && ran.stderr.contains("did you mean `db`?"), "{ran:#?}");
    }
    c.foster_ends(1, &["stop", "nothing-like-*"]);
    c.check(!c.events().iter().any(|event| event.starts_with("term")), "something was stopped");
}

#[test]
fn a_restart_is_another_process_with_what_requires_it() {
    needs_namespace!();
    let c = tree();
    let before = c.pid_of("app");
    assert_eq!(c.foster(&["restart", "app"]), said(0, "app: restarted\nalso restarted: web\n", ""));
    c.wait_events("up app", 2);
    c.check(c.pid_of("app") != before, "the same process");
    c.check_order(&["end web", "end app"]);
    c.check(!c.events().contains(&"term db".to_owned()), "what it requires was stopped");
}

#[test]
fn a_restart_of_a_stopped_service_starts_it() {
    needs_namespace!();
    let c = tree();
    c.foster_ends(0, &["stop", "web"]);
    assert_eq!(c.foster(&["restart", "web"]), said(0, "web: restarted\n", ""));
    c.wait_events("up web", 2);
}

#[test]
fn patterns_and_instances_mean_all_of_them() {
    needs_namespace!();
    let toml = "instances = 2\n".to_owned() + &sh("echo up $FOSTER_SERVICE >> $EVENTS; exec sleep 1000");
    let c = Setup::new().service("worker", toml).service("web", serve("web", &[])).start();
    for instance in ["worker@1", "worker@2"] {
        c.wait_event(&format!("up {instance}"));
    }
    let both = said(0, "worker@1: stopped\nworker@2: stopped\n", "");
    assert_eq!(c.foster(&["stop", "worker"]), both);
    assert_eq!(c.foster(&["stop", "w*r@?"]), both);
    assert_eq!(c.foster(&["start", "worker@2"]), said(0, "worker@2: ready\n", ""));
    c.wait_state("worker@1", "inactive");
    c.check(!c.events().contains(&"term web".to_owned()), "another one was stopped");
}

#[test]
fn a_reload_is_the_signal_or_the_command_of_the_file() {
    needs_namespace!();
    let plain = sh(
        "trap 'echo hup >> $EVENTS' HUP; echo up plain $$ >> $EVENTS; while :; do sleep 1000 & wait; done",
    );
    let by_command = |script: &str| format!("[reload]\ncommand = [\"/bin/sh\", \"-c\", {script:?}]\n");
    let c = Setup::new()
        .service("plain", plain)
        .service("told", serve("told", &[]) + &by_command("echo reload $MAINPID >> $EVENTS"))
        .service("stubborn", serve("stubborn", &[]) + &by_command("exit 7"))
        .service("down", service("down", DISABLED))
        .start();
    for name in ["plain", "told", "stubborn"] {
        c.wait_event(&format!("up {name}"));
    }
    assert_eq!(c.foster(&["reload", "plain"]), said(0, "plain: reloaded\n", ""));
    c.wait_event("hup");
    assert_eq!(c.foster(&["reload", "told"]), said(0, "told: reloaded\n", ""));
    c.wait_event(&format!("reload {}", c.pid_of("told")));
    let ran = c.foster_ends(1, &["reload", "stubborn"]);
    assert!(ran.stderr.starts_with("stubborn: ready: ") && ran.stderr.contains("code 7"), "{ran:#?}");
    let ran = c.foster_ends(1, &["reload", "down"]);
    assert!(ran.stderr.starts_with("down: inactive"), "{ran:#?}");
}

#[test]
fn a_signal_goes_to_the_main_process_and_to_nobody_else() {
    needs_namespace!();
    let toml =
        sh("trap 'echo got >> $EVENTS' USR1; echo up web $$ >> $EVENTS; while :; do sleep 1000 & wait; done");
    let c = Setup::new().service("web", toml).service("down", service("down", DISABLED)).start();
    c.wait_event("up web");
    assert_eq!(c.foster(&["signal", "usr1", "web"]), said(0, "web: sent SIGUSR1\n", ""));
    c.wait_event("got");
    let ran = c.foster_ends(1, &["signal", "HUP", "down"]);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.starts_with("down: inactive: "), "{ran:#?}");
}

#[test]
fn waiting_ends_when_it_is_true_and_changes_nothing() {
    needs_namespace!();
    let c = tree();
    assert_eq!(c.foster(&["wait"]), said(0, "app: ready\ndb: ready\nweb: ready\n", ""));
    assert_eq!(c.foster(&["wait", "--stopped", "slow"]), said(0, "slow: stopped\n", ""));
    assert_eq!(c.foster(&["wait", "web", "--timeout", "0"]).code, 0);
    let ran = c.foster_ends(124, &["wait", "--stopped", "web", "--timeout", "50ms"]);
    assert_eq!(ran.stderr, "web: ready, not stopped within 50ms\n");
    c.foster_ends(1, &["start", "bad"]);
    let ran = c.foster_ends(1, &["wait", "bad"]);
    assert!(ran.stderr.starts_with("bad: failed"), "{ran:#?}");

    // Until it happens.
    let waiting = c.verb(&["wait", "--stopped", "web"]).spawn().unwrap();
    c.foster_ends(0, &["stop", "web"]);
    let output = waiting.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"web: stopped\n"[..]));
}

fn rewrite(c: &Container, service: &str, toml: &str) {
    std::fs::write(c.path("services").join(format!("{service}.toml")), toml).unwrap();
}

#[test]
fn an_apply_changes_only_what_changed_and_says_it() {
    needs_namespace!();
    let c = tree();
    assert_eq!(c.foster(&["apply"]), said(0, "nothing has changed\n", ""));
    rewrite(&c, "app", &(service("app", "requires = [\"db\"]\n") + "[environment]\nNEW = \"1\"\n"));
    rewrite(&c, "cron", &service("cron", ""));
    std::fs::remove_file(c.path("services").join("slow.toml")).unwrap();
    let changes = "\
app: restarted (environment)
cron: added
slow: removed
web: restarted, because it requires app
";
    let dry = c.foster_ends(0, &["apply", "--dry-run"]);
    assert_eq!(dry.stdout, format!("{changes}would be applied: 1 added, 1 removed, 2 restarted\n"));
    c.check(!c.events().iter().any(|event| event.starts_with("term")), "a dry run moved something");
    let ran = c.foster_ends(0, &["apply"]);
    assert_eq!(ran.stdout, format!("{changes}applied: 1 added, 1 removed, 2 restarted\n"));
    c.wait_event("up cron");
    c.wait_events("up web", 2);
    c.check(!c.events().contains(&"term db".to_owned()), "what did not change was stopped");
    let answer = c.foster_json(0, &["apply", "--json"]);
    assert_eq!((&answer["ok"], &answer["changes"]), (&true.into(), &serde_json::json!([])));
}

#[test]
fn an_apply_with_a_mistake_changes_nothing_and_shows_it() {
    needs_namespace!();
    let c = tree();
    rewrite(&c, "cron", &service("cron", ""));
    rewrite(&c, "app", "comand = \"true\"\n");
    for arguments in [&["apply"][..], &["apply", "--dry-run"]] {
        let ran = c.foster_ends(1, arguments);
        assert_eq!(ran.stdout, "", "{arguments:?}");
        assert!(
            ran.stderr.contains("app.toml:1:1") && ran.stderr.contains("did you mean `command`?"),
            "{ran:#?}"
        );
        assert!(ran.stderr.lines().last().unwrap().starts_with("foster: not applied"), "{ran:#?}");
    }
    c.foster_ends(1, &["status", "cron"]);
    c.check(!c.events().iter().any(|event| event.starts_with("term")), "something was stopped");
}

#[test]
fn an_apply_says_what_did_not_come_up_and_waits_no_longer_than_said() {
    needs_namespace!();
    let c = tree();
    rewrite(&c, "app", &(service("app", "requires = [\"db\"]\n") + "[ready]\ndelay = \"1h\"\n"));
    let ran = c.foster_ends(124, &["apply", "--timeout", "300ms"]);
    assert!(ran.stdout.contains("app: restarted"), "{ran:#?}");
    c.wait_events("up app", 2);
    rewrite(&c, "app", &(service("app", "requires = [\"db\"]\n") + "[environment]\nNEW = \"2\"\n"));
    assert_eq!(c.foster_ends(0, &["apply", "--no-wait"]).stderr, "");
    c.wait_events("up app", 3);
    let bad =
        "essential = false\n".to_owned() + &sh("exit 3") + "[restart]\nlimit = 1\n[ready]\ndelay = \"1h\"\n";
    rewrite(&c, "bad", &bad);
    let ran = c.foster_ends(1, &["apply"]);
    assert!(ran.stderr.contains("bad") && ran.stderr.contains("failed"), "{ran:#?}");
}

#[test]
fn another_user_may_ask_but_not_act() {
    needs_namespace!();
    let c = tree();
    let acts = [
        &["stop", "web"][..],
        &["start", "slow"],
        &["restart", "web"],
        &["reload", "web"],
        &["signal", "KILL", "web"],
        &["apply"],
        &["shutdown"],
    ];
    for verb in acts {
        let Some(ran) = c.foster_as_nobody(verb) else { return };
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{verb:?}: {ran:#?}");
        assert!(ran.stderr.contains("root") && ran.stderr.lines().count() == 1, "{verb:?}: {ran:#?}");
    }
    let asks =
        [&["status"][..], &["wait", "web"], &["healthcheck"], &["explain", "web"], &["graph"], &["timeline"]];
    for verb in asks {
        let ran = c.foster_as_nobody(verb).unwrap();
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{verb:?}: {ran:#?}");
    }
    c.check(!c.events().iter().any(|event| event.starts_with("term")), "something was stopped");
}

#[test]
fn a_shutdown_ends_the_container_with_the_code_asked_for() {
    needs_namespace!();
    let mut c = tree();
    // It lives in the container, and ends in order all the same; timeout(1) would not.
    let ran = Ran::of(c.verb_below(&[], &["shutdown", "--code", "3"]));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:#?}");
    c.expect_exit(3);
    c.check_order(&["end web", "end app", "end db"]);
}

#[test]
fn a_shutdown_can_be_left_to_itself() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &["delay=2000"])).start();
    c.wait_event("up web");
    assert_eq!(Ran::of(c.verb_below(&[], &["shutdown", "--no-wait"])), said(0, "stopping\n", ""));
    c.expect_exit(0);
    c.position("end web");
}

#[test]
fn a_shutdown_that_takes_longer_than_the_timeout_goes_on() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &["delay=2000"])).start();
    c.wait_event("up web");
    let ran = c.foster(&["shutdown", "--timeout", "100ms"]);
    assert_eq!(ran, said(124, "", "foster: not stopped within 100ms; the shutdown goes on\n"));
    c.expect_exit(0);
    c.position("end web");
}

#[test]
fn a_stop_of_one_that_ignores_it_is_not_waited_for_longer_than_said() {
    needs_namespace!();
    let toml = serve("web", &["ignore"]) + "[stop]\ntimeout = \"8s\"\n";
    let c = Setup::new().service("web", toml).budget("1s").start();
    c.wait_event("up web");
    let ran = c.foster(&["stop", "web", "--timeout", "100ms"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (124, ""));
    assert!(ran.stderr.starts_with("web: stopping, not down within 100ms"), "{ran:#?}");
}
