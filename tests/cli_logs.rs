//! Claims about the verbs that have to do with logs, on the built binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::fs;
use std::time::Duration;
use support::{Setup, Source, eventually, needs_namespace, serve, sh};

#[test]
fn the_level_of_the_supervisor_is_told_and_set_while_it_runs() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &[])).start();
    c.wait_event("up web");
    assert_eq!(c.foster_ends(0, &["log-level"]).stdout, "warn\n");
    assert!(!c.printed(&["web: ready"]));
    assert_eq!(c.foster_ends(0, &["log-level", "info"]).stdout, "");
    assert_eq!(c.foster_ends(0, &["log-level"]).stdout, "info\n");
    c.foster_ends(0, &["restart", "web"]);
    c.wait_line(&["foster", "web"]);
    c.foster_ends(0, &["apply"]);
    assert_eq!(
        c.get("/v1/log-level").json(),
        json!({"level": "info"}),
        "an apply without a difference leaves it"
    );

    let ran = c.foster_ends(64, &["log-level", "loud"]);
    assert!(ran.stderr.contains("possible values"), "{ran:#?}");
    let refused = c.post("/v1/log-level", r#"{"level":"loud"}"#);
    assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("`loud` is no log level")));
    if let Some(ran) = c.foster_as_nobody(&["log-level", "error"]) {
        assert_eq!(ran.code, 1, "{ran:#?}");
    }
    c.terminate();
    c.expect_exit(0);
}

#[test]
fn own_lines_are_objects_with_their_level_where_the_settings_say_json() {
    needs_namespace!();
    let bad = sh("echo '{\"a\":1}'; echo last words >&2; exit 3")
        + "essential = false\n[restart]\npolicy = \"never\"\n";
    let mut c = Setup::new()
        .config("log-level = \"info\"\n[log]\nformat = \"json\"\n")
        .service("bad", bad)
        .service("web", serve("web", &[]))
        .start();
    c.wait_event("up web");
    c.wait_line(&["exited with code 3"]);
    c.terminate();
    c.expect_exit(0);
    let parse = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| panic!("no object: {text}"));
    let printed = c.lines().into_iter().filter(|line| line.source != Source::Event);
    let lines: Vec<Value> = printed.map(|line| parse(&line.text)).collect();
    let find = |part: &str| {
        let holds = |line: &&Value| line["message"].as_str().is_some_and(|text| text.contains(part));
        lines.iter().find(holds).unwrap_or_else(|| panic!("no {part}: {lines:#?}"))
    };
    let own = find("bad: exited with code 3");
    assert_eq!((&own["service"], &own["level"], own.get("stream")), (&json!("foster"), &json!("warn"), None));
    assert!(own["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{own}");
    assert_eq!(find("stopping")["level"], "info");
    assert_eq!(
        (&find("last words")["service"], &find("last words")["stream"]),
        (&json!("bad"), &json!("stderr"))
    );
    assert!(lines.iter().any(|line| line["message"] == json!({"a": 1})), "{lines:#?}");
}

#[test]
fn who_asks_for_lines_that_are_not_kept_is_told_where_they_went() {
    needs_namespace!();
    let log = |name: &str, log: &str| serve(name, &[]) + "[log]\n" + log;
    let mut c = Setup::new()
        .service("past", log("past", "to = \"inherit\"\n"))
        .service("none", log("none", "to = \"null\"\nmemory = 0\n"))
        .service("web", log("web", "to = [\"console\", \"service:none\"]\nmemory = \"0\"\n"))
        .start();
    for name in ["past", "none", "web"] {
        c.wait_event(&format!("up {name}"));
    }
    let ran = c.foster_ends(0, &["logs", "past", "none", "web"]);
    let told = ran.stderr;
    assert!(told.contains("past: its output goes past foster"), "{told}");
    assert!(told.contains("none: its output goes nowhere, and nothing of it is kept in memory"), "{told}");
    assert!(
        told.contains("web: nothing of its output is kept in memory; it goes to console, service:none"),
        "{told}"
    );
    let status = c.status_of("web");
    assert_eq!((&status["log"], &status["log_memory"]), (&json!(["console", "service:none"]), &json!(0)));
    assert_eq!(status["log_dropped"], 0);
    let ran = c.foster_ends(0, &["explain", "web"]);
    assert!(ran.stdout.contains("output: console, service:none\n"), "{ran:#?}");
    let ran = c.foster_ends(0, &["graph"]);
    assert!(ran.stdout.contains("none"), "{ran:#?}");
    c.terminate();
    c.expect_exit(0);
}

#[test]
fn a_file_that_was_moved_away_is_opened_anew_on_request() {
    needs_namespace!();
    let directory = tempfile::Builder::new().prefix("foster-logs-").tempdir().unwrap();
    let path = directory.path().join("web.log");
    let log = format!("[log]\nto = \"file\"\nformat = \"raw\"\n[log.file]\npath = \"{}\"\n", path.display());
    let mut c = Setup::new()
        .service("web", sh("echo up web >> $EVENTS; while read line; do echo $line; done < $DIRECTORY/pipe; exec sleep 1000") + &log)
        .prelude("mkfifo $DIRECTORY/pipe")
        .start();
    c.wait_event("up web");
    let mut pipe = fs::OpenOptions::new().write(true).open(c.path("pipe")).unwrap();
    let holds = |path: &std::path::Path, text: &str| {
        eventually(Duration::from_secs(10), || fs::read_to_string(path).is_ok_and(|found| found == text))
    };
    std::io::Write::write_all(&mut pipe, b"one\n").unwrap();
    assert!(holds(&path, "one\n"));
    let moved = directory.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    assert_eq!(c.foster_ends(0, &["logs", "--reopen"]).stdout, "");
    std::io::Write::write_all(&mut pipe, b"two\n").unwrap();
    assert!(holds(&path, "two\n"), "{:?}", fs::read_to_string(&path));
    assert!(holds(&moved, "one\n"));
    assert_eq!(c.foster_ends(64, &["logs", "--reopen", "web"]).code, 64);
    c.terminate();
    c.expect_exit(0);
}
