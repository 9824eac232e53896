//! Claims about schedules: runs come at their times, one at a time unless it is said otherwise, and their failures are theirs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::time::Duration;
use support::{
    Container, Line, PATIENCE, PROMPT, Setup, eventually, needs_namespace, pause, serve, sh, signal,
};

const NEVER: &str = "0 0 1 1 *";
const EACH_SECOND: &str = "* * * * * *";

/// A oneshot with this schedule; `more` are further keys of `[schedule]`.
fn job(process: String, cron: &str, more: &str) -> String {
    format!("type = \"oneshot\"\n{process}[schedule]\ncron = \"{cron}\"\n{more}")
}

/// Says `ran SECOND`.
fn tick() -> String {
    sh("echo ran $(date +%s) >> $EVENTS")
}

/// The seconds of all runs so far.
fn seconds(c: &Container) -> Vec<u64> {
    let runs = c.events();
    runs.iter().filter_map(|event| event.strip_prefix("ran ")?.parse().ok()).collect()
}

/// Waits until it is armed, with nothing running.
#[track_caller]
fn wait_armed(c: &Container, name: &str) {
    let armed = || {
        let status = c.status_of(name);
        status["state"] == "waiting" && status["pid"].is_null()
    };
    c.check(eventually(PATIENCE, armed), &format!("{name} does not wait for its time"));
}

#[track_caller]
fn run_now(c: &Container, name: &str) -> (u16, String) {
    let answer = c.post("/v1/start", &format!("{{\"services\":[\"{name}\"],\"timeout\":20}}"));
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
}

#[test]
fn a_job_runs_at_its_times_again_and_again_and_its_output_is_logged() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("job", job(sh("echo done; echo ran $(date +%s) >> $EVENTS"), EACH_SECOND, ""))
        .start();
    c.wait_events("ran", 6);
    c.wait_line(&["job", "done"]);
    let seconds = seconds(&c);
    // A late one may be of the next second, and come before the run of that.
    let time = seconds[seconds.len() - 1] - seconds[0];
    c.check(seconds.len() as u64 <= time + 2, &format!("twice in a second: {seconds:?}"));
    c.check(c.status_of("job")["restarts"].as_u64() >= Some(2), "it was started again");
    c.stop_within(PROMPT);
}

#[test]
fn a_job_does_not_run_before_its_time_and_costs_nothing_until_then() {
    needs_namespace!();
    let mut c = Setup::new().service("job", job(tick(), NEVER, "")).service("web", serve("web", &[])).start();
    c.wait_event("up web");
    wait_armed(&c, "job");
    c.check(c.status_of("job")["ready"] == true, "who waits for it waits for nothing");
    c.wait_rest();
    let before = c.context_switches();
    // Waits by design: its subject is that nothing happens.
    pause(Duration::from_secs(3));
    let woken = c.context_switches() - before;
    c.check(woken == 0, &format!("{woken} wakeups"));
    c.check(seconds(&c).is_empty(), "it ran");
    c.stop_within(PROMPT);
}

#[test]
fn a_run_that_is_due_while_it_runs_is_left_out() {
    needs_namespace!();
    let mut c = Setup::new().service("job", job(serve("job", &[]), EACH_SECOND, "")).start();
    c.wait_event("up job");
    c.wait_line(&["job", "still runs", "left out"]);
    c.check(c.events().iter().filter(|event| event.starts_with("up")).count() == 1, "two at once");
    c.kill("job", libc::SIGTERM);
    c.wait_events("up job", 2);
    c.stop_within(PROMPT);
}

#[test]
fn a_run_that_is_due_while_it_runs_comes_afterwards_if_that_is_wanted() {
    needs_namespace!();
    // Once a second for two seconds of each minute would depend on the moment; a job that is asked for does not.
    let mut c = Setup::new()
        .service("job", job(serve("job", &[]), EACH_SECOND, "overlap = \"queue\"\nrun-at-start = true\n"))
        .start();
    c.wait_event("up job");
    // Just after one of its times it is long to the next. More than once, for a pause may come between.
    let at_once = (1..=5).any(|run| {
        let up = c.wait_events("up job", run).pop().unwrap();
        c.wait_for("the line about it", PATIENCE, |lines| {
            let told = |line: &&Line| line.at > up.at && line.text.contains("runs again afterwards");
            lines.iter().find(told).cloned()
        });
        c.kill("job", libc::SIGTERM);
        let next = c.wait_events("up job", run + 1).pop().unwrap();
        let end = c.wait_events("end job", run).pop().unwrap();
        next.at - end.at < Duration::from_millis(700)
    });
    c.check(at_once, "it waits for its next time");
    c.stop_within(PROMPT);
}

#[test]
fn runs_overlap_as_far_as_there_are_instances_if_that_is_wanted() {
    needs_namespace!();
    let toml = "instances = 2\n".to_owned() + &job(serve("job", &[]), EACH_SECOND, "overlap = \"allow\"\n");
    let mut c = Setup::new().service("job", toml).start();
    c.wait_events("up job", 2);
    c.wait_line(&["job@1", "still runs", "left out"]);
    c.check(c.events().len() == 2, "three at once");
    c.stop_within(PROMPT);
}

#[test]
fn a_job_runs_at_start_too_if_that_is_wanted_and_then_waits() {
    needs_namespace!();
    let mut c = Setup::new().service("job", job(tick(), NEVER, "run-at-start = true\n")).start();
    c.wait_event("ran");
    wait_armed(&c, "job");
    c.check(seconds(&c).len() == 1, "it ran more than once");
    c.stop_within(PROMPT);
}

#[test]
fn a_run_that_fails_is_shown_and_ends_nothing() {
    needs_namespace!();
    let fails = sh("echo ran $(date +%s) >> $EVENTS; exit 7");
    let mut c = Setup::new().service("job", job(fails, EACH_SECOND, "")).start();
    c.wait_events("ran", 2);
    c.wait_line(&["job", "exited with code 7"]);
    let exit = || c.status_of("job")["exit"]["code"] == 7;
    c.check(eventually(PATIENCE, exit), "its last end is not shown");
    c.stop_within(PROMPT);
}

#[test]
fn a_run_that_fails_ends_the_container_if_it_is_essential() {
    needs_namespace!();
    let toml = "essential = true\n".to_owned() + &job(sh("exit 7"), EACH_SECOND, "");
    let mut c = Setup::new().service("job", toml).service("web", serve("web", &[])).start();
    c.expect_exit(7);
}

#[test]
fn who_asks_for_a_run_gets_it_at_once_and_is_told_what_came_of_it() {
    needs_namespace!();
    let script = "echo ran $(date +%s) >> $EVENTS; test ! -e $DIRECTORY/broken";
    let mut c = Setup::new().service("job", job(sh(script), NEVER, "")).start();
    wait_armed(&c, "job");
    let (status, body) = run_now(&c, "job");
    c.check(status == 200 && seconds(&c).len() == 1, &format!("{status} {body}"));
    wait_armed(&c, "job");
    fs::write(c.path("broken"), "").unwrap();
    let (status, body) = run_now(&c, "job");
    c.check(status == 409, &format!("{status} {body}"));
    c.wait_events("ran", 2);
    wait_armed(&c, "job");
    c.stop_within(PROMPT);
}

#[test]
fn a_job_that_is_stopped_does_not_run_until_it_is_started_again() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("job", job(tick(), EACH_SECOND, ""))
        .service("long", job(serve("long", &[]), EACH_SECOND, ""))
        .start();
    c.wait_event("ran");
    c.wait_event("up long");
    let answer = c.post("/v1/stop", "{\"services\":[\"*\"],\"timeout\":20}");
    c.check(answer.status == 200, &format!("{answer:?}"));
    c.catch_up();
    c.position("end long");
    let before = c.events().len();
    // Waits by design: its subject is that nothing happens.
    pause(Duration::from_millis(2200));
    c.check(c.events().len() == before, "something ran");
    let (status, body) = run_now(&c, "job");
    c.check(status == 200, &body);
    c.wait_events("ran", seconds(&c).len() + 2);
    c.stop_within(PROMPT);
}

#[test]
fn a_shutdown_takes_down_what_runs_and_what_waits() {
    needs_namespace!();
    let mut c = Setup::new()
        .service("armed", job(tick(), NEVER, ""))
        .service("running", job(serve("running", &[]), NEVER, "run-at-start = true\n"))
        .start();
    c.wait_event("up running");
    wait_armed(&c, "armed");
    c.stop_within(PROMPT);
    c.check_order(&["up running", "term running", "end running"]);
}

#[test]
fn another_expression_counts_from_the_moment_that_it_is_applied() {
    needs_namespace!();
    let apply = |c: &Container| {
        let answer = c.post("/v1/apply", "{}");
        c.check(answer.status == 200, &format!("{answer:?}"));
    };
    let mut c = Setup::new()
        .service("job", job(tick(), NEVER, ""))
        .service("other", job(serve("other", &[]), NEVER, "run-at-start = true\n"))
        .start();
    wait_armed(&c, "job");
    c.wait_event("up other");
    let file = |name: &str| c.path(&format!("services/{name}.toml"));
    fs::write(file("job"), job(tick(), EACH_SECOND, "")).unwrap();
    fs::write(file("other"), job(serve("other", &[]), EACH_SECOND, "run-at-start = true\n")).unwrap();
    apply(&c);
    c.wait_events("ran", 2);
    c.wait_line(&["other", "still runs", "left out"]);
    c.check(c.events().iter().filter(|event| event.starts_with("up other")).count() == 1, "it was restarted");
    fs::remove_file(file("job")).unwrap();
    apply(&c);
    c.catch_up();
    let before = seconds(&c).len();
    // Waits by design: its subject is that nothing happens.
    pause(Duration::from_millis(2200));
    c.check(seconds(&c).len() == before, "it runs though it is gone");
    c.stop_within(PROMPT);
}

#[test]
fn who_was_paused_runs_what_was_missed_once() {
    needs_namespace!();
    let mut c = Setup::new().service("job", job(tick(), EACH_SECOND, "")).start();
    c.wait_event("ran");
    signal(c.init(), libc::SIGSTOP);
    let before = seconds(&c).len();
    pause(Duration::from_millis(3500));
    signal(c.init(), libc::SIGCONT);
    c.wait_events("ran", before + 3);
    let seconds = seconds(&c);
    // The one that was missed may come just before the next.
    c.check(seconds.windows(3).all(|some| some[0] < some[2]), &format!("all that was missed: {seconds:?}"));
    c.check(
        seconds.windows(2).any(|pair| pair[1] - pair[0] >= 3),
        &format!("there was no pause: {seconds:?}"),
    );
    c.stop_within(PROMPT);
}

#[test]
fn a_job_has_the_environment_of_the_container_and_waits_for_what_it_requires() {
    needs_namespace!();
    let script = "test \"$FROM_OUTSIDE\" = yes && test -e $DIRECTORY/made && echo ran 1 >> $EVENTS";
    let mut c = Setup::new()
        .env("FROM_OUTSIDE", "yes")
        .service("made", format!("type = \"oneshot\"\n{}", sh("sleep 0.3; echo > $DIRECTORY/made")))
        .service("job", format!("requires = [\"made\"]\n{}", job(sh(script), EACH_SECOND, "")))
        .start();
    c.wait_event("ran 1");
    c.check(!c.printed(&["job", "exited with code"]), "it ran too early");
    c.stop_within(PROMPT);
}
