//! Claims about the verbs that show something.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout};
use support::{Container, Ran, Setup, needs_namespace, serve, sh};

/// db and web above it; bad, which waits for its next attempt; job, which needs bad.
fn tree() -> Container {
    let c = Setup::new()
        .service("db", serve("db", &[]) + "description = \"data\"\n")
        .service("web", "requires = [\"db\"]\n".to_owned() + &serve("web", &[]))
        .service(
            "bad",
            "essential = false\n".to_owned()
                + &sh("echo no disk; exit 3")
                + "[restart]\ndelay = \"1h\"\nmax-delay = \"1h\"\n[ready]\ndelay = \"1h\"\n",
        )
        .service("job", "type = \"oneshot\"\nrequires = [\"bad\"]\n".to_owned() + &sh("true"))
        .start();
    c.wait_event("up web");
    c.wait_event("up db");
    c.wait_state("bad", "backoff");
    c
}

/// A verb that goes on, and its lines.
struct Following {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Following {
    fn new(c: &Container, arguments: &[&str]) -> Self {
        let mut child = c.verb(arguments).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Reads on to a line with this; `timeout` in front of the verb is the deadline.
    #[track_caller]
    fn until(&mut self, part: &str) -> String {
        let found = self.lines.by_ref().map(Result::unwrap).find(|line| line.contains(part));
        found.unwrap_or_else(|| panic!("no line with {part:?}"))
    }

    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let rest = self.lines.map(Result::unwrap).collect();
        (self.child.wait().unwrap().code(), rest)
    }
}

fn find<'a>(status: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    status["services"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

#[test]
fn the_status_is_a_table_or_json() {
    needs_namespace!();
    let c = tree();
    let ran = c.foster_ends(0, &["status"]);
    let rows: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..6], ["NAME", "STATE", "SINCE", "PID", "RESTARTS", "READY"]);
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), ["NAME", "bad", "db", "job", "web"]);
    assert_eq!((rows[1][1], rows[2][1], rows[3][1], rows[4][1]), ("backoff", "ready", "waiting", "ready"));
    assert_eq!(rows[2][3], c.pid_of("db").to_string());
    assert!(!ran.stdout.contains('\x1b'), "colours in a pipe: {ran:#?}");

    let status = c.foster_json(0, &["status", "--json"]);
    assert_eq!(status["supervisor"]["pid"], 1);
    let db = find(&status, "db");
    assert_eq!((&db["state"], &db["ready"], &db["type"]), (&"ready".into(), &true.into(), &"daemon".into()));
    assert_eq!(db["pid"], c.pid_of("db"));
    assert_eq!(find(&status, "bad")["exit"]["code"], 3);

    let ran = c.foster_ends(0, &["status", "w*", "db"]);
    assert_eq!(ran.stdout.lines().count(), 3, "{ran:#?}");
    let ran = c.foster_ends(1, &["status", "wbe"]);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("did you mean `web`?"), "{ran:#?}");
}

#[test]
fn a_watched_status_comes_again_at_every_change() {
    needs_namespace!();
    let mut c = tree();
    let mut watch = Following::new(&c, &["status", "--watch", "web"]);
    watch.until("web");
    c.foster_ends(0, &["stop", "web"]);
    watch.until("inactive");
    let mut json = Following::new(&c, &["status", "--watch", "--json", "web"]);
    let status: serde_json::Value = serde_json::from_str(&json.until("{")).unwrap();
    assert_eq!(find(&status, "web")["state"], "inactive");
    c.stop_within(support::PROMPT);
    // Neither is a failure: the supervisor has ended, or the stragglers were asked to.
    drop((watch.end(), json.end()));
}

#[test]
fn an_explanation_leads_to_the_root_cause() {
    needs_namespace!();
    let c = tree();
    let ran = c.foster_ends(0, &["explain", "job"]);
    assert!(ran.stdout.starts_with("job: waiting, for "), "{ran:#?}");
    for part in ["  job: waiting: ", "\n    bad: backoff: ", "next: ", "last output of bad:", " no disk"] {
        assert!(ran.stdout.contains(part), "{part:?}: {ran:#?}");
    }
    let explanation = c.foster_json(0, &["explain", "job", "--json"]);
    assert_eq!(explanation["chain"].as_array().unwrap().last().unwrap()["service"], "bad");
    let ran = c.foster_ends(1, &["explain", "jbo"]);
    assert!(ran.stderr.contains("did you mean `job`?"), "{ran:#?}");
    // The lines are nobody else's business.
    if let Some(ran) = c.foster_as_nobody(&["explain", "job"]) {
        assert!(ran.code == 0 && !ran.stdout.contains("no disk"), "{ran:#?}");
    }
}

#[test]
fn a_healthcheck_tells_by_its_code() {
    needs_namespace!();
    let c = tree();
    let ran = c.foster_ends(1, &["healthcheck"]);
    assert_eq!(ran.stdout.lines().count(), 1);
    assert!(ran.stdout.starts_with("unhealthy: bad: backoff"), "{ran:#?}");
    assert_eq!(c.foster_ends(0, &["healthcheck", "web", "db"]).stdout, "healthy\n");
    c.foster_ends(1, &["healthcheck", "wbe"]);
    // What was stopped on purpose is not meant to be up.
    c.foster_ends(0, &["stop", "bad", "job"]);
    assert_eq!(c.foster_ends(0, &["healthcheck"]).stdout, "healthy\n");
    if let Some(ran) = c.foster_as_nobody(&["healthcheck"]) {
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "healthy\n"));
    }
}

#[test]
fn events_come_as_they_happen_until_the_end() {
    needs_namespace!();
    let mut c = tree();
    let mut events = Following::new(&c, &["events", "--json", "web"]);
    let snapshot: serde_json::Value = serde_json::from_str(&events.until("snapshot")).unwrap();
    assert_eq!(snapshot["services"].as_array().unwrap().len(), 1, "{snapshot}");
    c.foster_ends(0, &["restart", "db"]);
    for state in ["stopping", "starting", "ready"] {
        let event: serde_json::Value = serde_json::from_str(&events.until(state)).unwrap();
        assert_eq!((&event["event"], &event["service"]), (&"state".into(), &"web".into()));
    }
    c.stop_within(support::PROMPT);
    let (_, rest) = events.end();
    assert!(!rest.iter().any(|line| line.contains("\"db\"")), "{rest:#?}");
}

#[test]
fn the_graph_is_that_of_the_running_tree() {
    needs_namespace!();
    let c = tree();
    let ran = c.foster_ends(0, &["graph"]);
    let expected = "\
job  waiting  (oneshot)
`- bad  backoff
web  ready
`- db  ready

start order:
  1. bad, db
  2. job, web
";
    assert_eq!(ran.stdout, expected);
    let graph = c.foster_json(0, &["graph", "--format", "json"]);
    assert_eq!(find(&graph, "web")["requires"], serde_json::json!(["db"]));
    assert!(c.foster_ends(0, &["graph", "--format", "dot"]).stdout.contains("\"web\" -> \"db\";"));
    assert!(c.foster_ends(0, &["graph", "--format", "mermaid"]).stdout.starts_with("flowchart LR\n"));
}

#[test]
fn the_graph_of_a_directory_needs_no_supervisor() {
    let directory = tempfile::tempdir().unwrap();
    let graph = |text: &str| {
        std::fs::write(directory.path().join("web.toml"), text).unwrap();
        let mut command = std::process::Command::new(support::foster_bin());
        command.args(["graph", directory.path().to_str().unwrap()]).env("FOSTER_SOCKET", "/nowhere");
        Ran::of(command)
    };
    std::fs::write(directory.path().join("db.toml"), "command = 'true'\nenabled = false").unwrap();
    let ran = graph("command = 'true'\nrequires = ['db']");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:#?}");
    assert_eq!(ran.stdout, "web\n`- db  (not enabled)\n\nstart order:\n  1. db\n  2. web\n");
    let ran = graph("command = 'true'\nrequires = ['bd']");
    assert_eq!((ran.code, ran.stdout.as_str()), (78, ""));
    assert!(ran.stderr.contains("did you mean `db`?"), "{ran:#?}");
}

#[test]
fn the_timeline_shows_what_the_boot_waited_for() {
    needs_namespace!();
    let c = Setup::new()
        .service("setup", "type = \"oneshot\"\n".to_owned() + &sh("read line < $DIRECTORY/gate-1; true"))
        .service("web", "requires = [\"setup\"]\n".to_owned() + &serve("web", &[]))
        .service("other", serve("other", &[]))
        .prelude("mkfifo $DIRECTORY/gate-1")
        .start();
    c.wait_event("up other");
    assert!(c.foster_ends(0, &["timeline"]).stdout.contains("setup"));
    std::fs::write(c.path("gate-1"), "go\n").unwrap();
    c.foster_ends(0, &["wait"]);
    let ran = c.foster_ends(0, &["timeline"]);
    let marked: Vec<&str> = ran.stdout.lines().filter_map(|line| line.strip_prefix("* ")).collect();
    assert_eq!(marked.len(), 2, "{ran:#?}");
    assert!(marked[0].starts_with("setup") && marked[1].starts_with("web"), "{ran:#?}");
    assert!(ran.stdout.contains("web was ready last, after "), "{ran:#?}");

    let svg = c.path("boot.svg");
    assert_eq!(c.foster_ends(0, &["timeline", "--svg", svg.to_str().unwrap()]).stdout, "");
    let drawn = std::fs::read_to_string(svg).unwrap();
    assert!(drawn.starts_with("<svg ") && drawn.contains("waited for setup"), "{drawn}");
    assert!(c.foster_ends(0, &["timeline", "--svg", "-"]).stdout.starts_with("<svg "));
    let ran = c.foster_ends(1, &["timeline", "--svg", "/nowhere/boot.svg"]);
    assert_eq!(ran.stderr, "foster: cannot write /nowhere/boot.svg: No such file or directory\n");
    assert_eq!(c.foster_json(0, &["timeline", "--json"])["services"].as_array().unwrap().len(), 3);
}

#[test]
fn logs_are_the_last_lines_of_all_in_order() {
    needs_namespace!();
    let talker = sh("echo one; echo two >&2; echo said >> $EVENTS; cat $DIRECTORY/pipe; exec sleep 1000");
    let other =
        sh("read line < $DIRECTORY/gate-1; echo between; echo said other >> $EVENTS; exec sleep 1000");
    let mut c = Setup::new()
        .service("talker", talker)
        .service("other", other)
        .prelude("mkfifo $DIRECTORY/pipe $DIRECTORY/gate-1")
        .start();
    c.wait_event("said");
    let mut follow = Following::new(&c, &["logs", "-f", "talker"]);
    follow.until("talker | two");
    std::fs::write(c.path("gate-1"), "go\n").unwrap();
    c.wait_event("said other");
    std::fs::write(c.path("pipe"), "three\n").unwrap();
    follow.until("talker | three");

    let whole = "talker | one\ntalker | two\nother  | between\ntalker | three\n";
    assert_eq!(c.foster_ends(0, &["logs"]).stdout, whole);
    assert_eq!(c.foster_ends(0, &["logs", "-n", "2"]).stdout, "other  | between\ntalker | three\n");
    assert_eq!(c.foster_ends(0, &["logs", "--stream", "stderr"]).stdout, "talker | two\n");
    let ran = c.foster_ends(0, &["logs", "--stream", "stdout", "-n", "2"]);
    assert_eq!(ran.stdout, "other  | between\ntalker | three\n");
    assert_eq!(c.foster_ends(0, &["logs", "--since", "1h", "o*"]).stdout, "other  | between\n");
    assert_eq!(c.foster_ends(0, &["logs", "--since", "2999-01-01T00:00:00Z"]).stdout, "");
    let ran = c.foster_ends(0, &["logs", "-t", "other"]);
    let (time, rest) = ran.stdout.split_once(' ').unwrap();
    assert!(time.ends_with('Z') && rest == "other  | between\n", "{ran:#?}");
    let line = c.foster_json(0, &["logs", "--json", "-n", "1", "other"]);
    assert_eq!((&line["service"], &line["text"]), (&"other".into(), &"between".into()));

    let ran = c.foster_ends(1, &["logs", "tlaker"]);
    assert!(ran.stderr.contains("did you mean `talker`?"), "{ran:#?}");
    if let Some(ran) = c.foster_as_nobody(&["logs"]) {
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:#?}");
        assert!(ran.stderr.contains("root"), "{ran:#?}");
    }
    c.terminate();
    drop(follow.end());
    c.expect_exit(0);
}

#[test]
fn what_is_looked_at_and_waited_for_is_shown_with_what_it_came_to() {
    needs_namespace!();
    let job = "type = \"oneshot\"\n".to_owned()
        + &sh("true")
        + "[schedule]\ncron = \"0 0 1 1 *\"\ntimezone = \"UTC\"\n";
    let idle = "on-demand = true\n".to_owned()
        + &serve("idle", &[])
        + "[[socket]]\nname = \"door\"\nlisten = \"@door\"\n";
    let slow = serve("slow", &[]) + "[ready]\nunix = \"@nobody\"\ntimeout = \"1h\"\n";
    let ill = serve("ill", &[])
        + "[health]\ninterval = \"10ms\"\nfailures = 2\non-failure = \"none\"\n"
        + "exec = [\"/bin/sh\", \"-c\", \"test ! -e $DIRECTORY/ill || { echo the disk is full; exit 1; }\"]\n";
    let mut c = Setup::new()
        .service("job", job)
        .service("idle", idle)
        .service("slow", slow)
        .service("ill", ill)
        .start();
    c.wait_event("up ill");
    c.wait_state("ill", "ready");
    c.wait_state("slow", "starting");
    c.wait_state("job", "waiting");
    c.foster_ends(0, &["healthcheck", "ill", "idle", "job"]);
    std::fs::write(c.path("ill"), "").unwrap();
    c.wait_line(&["ill: is not healthy: 2 probes in a row failed", "the disk is full", "it goes on"]);

    let status = c.foster_json(0, &["status", "--json"]);
    let ill = find(&status, "ill");
    assert_eq!((&ill["state"], &ill["healthy"], &ill["misses"]), (&"ready".into(), &false.into(), &2.into()));
    assert!(ill["answer"].as_str().is_some_and(|answer| answer.contains("the disk is full")), "{ill}");
    assert!(find(&status, "slow")["answer"].is_string() && find(&status, "slow")["healthy"].is_null());
    let next = find(&status, "job")["next_run"].as_str().unwrap_or_default().to_owned();
    assert!(next.ends_with("-01-01T00:00:00.000Z"), "{next}");
    let table = c.foster_ends(0, &["status"]).stdout;
    assert!(table.contains("is not healthy; ") && table.contains("the disk is full"), "{table}");
    assert!(
        table.contains("waits for its next time; next run in ") && table.contains("waits for a connection"),
        "{table}"
    );

    let ran = c.foster_ends(1, &["healthcheck", "ill"]);
    assert!(ran.stdout.contains("the disk is full"), "{ran:#?}");

    let explain = |name: &str| c.foster_ends(0, &["explain", name]).stdout;
    let text = explain("ill");
    assert!(
        text.contains("health: exec /bin/sh -c ") && text.contains("(2 of 2 failures in a row)\n"),
        "{text}"
    );
    let text = explain("slow");
    assert!(
        text.contains("readiness: unix @nobody: ")
            && text.contains("next: it becomes ready, or is stopped in "),
        "{text}"
    );
    let text = explain("idle");
    assert!(
        text.contains("socket door: @door\n")
            && text.contains("it starts when something comes on its sockets\n"),
        "{text}"
    );
    let text = explain("job");
    assert!(
        text.contains("schedule: 0 0 1 1 * in UTC, next at ") && text.contains("next: it runs at "),
        "{text}"
    );

    std::fs::remove_file(c.path("ill")).unwrap();
    c.wait_line(&["ill: is healthy again"]);
    c.foster_ends(0, &["healthcheck", "ill"]);
    c.terminate();
    c.expect_exit(0);
}

#[test]
fn the_schema_is_that_of_the_documentation() {
    for (arguments, file) in [
        (&["schema"][..], "service"),
        (&["schema", "service"], "service"),
        (&["schema", "settings"], "foster"),
    ] {
        let mut command = std::process::Command::new(support::foster_bin());
        command.args(arguments);
        let kept = std::fs::read_to_string(format!("docs/{file}.schema.json")).unwrap();
        assert!(Ran::of(command).stdout == kept, "{arguments:?}");
    }
}

#[test]
fn manual_pages_and_completions_are_printed_and_written() {
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(support::foster_bin());
        command.args(arguments);
        Ran::of(command)
    };
    let kept = |path: &str| std::fs::read_to_string(path).unwrap();
    assert_eq!(run(&["man"]).stdout, kept("docs/man/foster.1"));
    assert_eq!(run(&["man", "status"]).stdout, kept("docs/man/foster-status.1"));
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert_eq!(run(&["completions", shell]).stdout, kept(&format!("docs/completions/foster.{shell}")));
    }
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    assert_eq!(run(&["man", "--out", out]), Ran { code: 0, stdout: String::new(), stderr: String::new() });
    let pages = |directory: &Path| -> BTreeMap<OsString, String> {
        let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
        entries.map(|one| (one.file_name(), std::fs::read_to_string(one.path()).unwrap())).collect()
    };
    assert_eq!(pages(directory.path()), pages(Path::new("docs/man")));
    let ran = run(&["man", "--out", "/nowhere"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stderr, "foster: cannot write /nowhere/foster-apply.1: No such file or directory\n");
}
