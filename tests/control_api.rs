//! Every route of the control socket, on the binary: success, failure, timeout, unknown name, not allowed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use support::{Client, Container, Setup, is_root, needs_namespace, serve, sh, skip};

const NOBODY: u32 = 65_534;

/// `web` needs `db`; `slow` becomes ready by nothing that happens here; `bad` fails for good; `off` is not enabled.
fn tree() -> Setup {
    Setup::new()
        .service("db", serve("db", &[]))
        .service("web", serve("web", &[]) + "requires = [\"db\"]\n")
        .service("slow", serve("slow", &[]) + "enabled = false\n[ready]\ndelay = \"1h\"\n")
        .service(
            "bad",
            sh("echo last words; exit 3")
                + "essential = false\n[ready]\ndelay = \"1s\"\n[restart]\nlimit = 2\ndelay = \"1ms\"\n",
        )
        .service("off", serve("off", &[]) + "enabled = false\nrequires = [\"db\"]\n")
        .service("setup", sh("true") + "type = \"oneshot\"\ndescription = \"Once\"\n")
        .service("all", "type = \"target\"\nrequires = [\"setup\"]\nwants = [\"web\"]\n")
}

/// Started, and at rest.
fn started() -> Container {
    let c = tree().start();
    c.wait_event("up web");
    let mut events = c.client();
    assert_eq!(events.get("/v1/events").status, 200);
    let rests = [("bad", "failed"), ("web", "ready"), ("setup", "done"), ("all", "ready")];
    let mut missing = BTreeSet::from(rests);
    while !missing.is_empty() {
        let line = events.line().unwrap();
        for one in line["services"].as_array().unwrap_or(&vec![line.clone()]) {
            let name = if one["name"].is_string() { &one["name"] } else { &one["service"] };
            missing.retain(|(service, state)| name != service || one["state"] != *state);
        }
    }
    c
}

fn states(c: &Container) -> Vec<(String, String)> {
    let status = c.get("/v1/status").json();
    let pair = |s: &Value| [&s["name"], &s["state"]].map(|v| v.as_str().unwrap().to_owned()).into();
    status["services"].as_array().unwrap().iter().map(pair).collect()
}

#[track_caller]
fn acted(answer: &support::Answer, status: u16, outcome: &str) -> Value {
    let body = answer.json();
    assert_eq!(answer.status, status, "{body:#}");
    assert_eq!(body["ok"], status == 200, "{body:#}");
    assert_eq!(body["results"][0]["outcome"], outcome, "{body:#}");
    body
}

#[test]
fn status_tells_all_of_every_service() {
    needs_namespace!();
    let mut c = started();
    let status = c.get("/v1/status").json();
    assert_eq!(status["supervisor"]["pid"], 1);
    assert_eq!(status["supervisor"]["stopping"], false);
    let names: Vec<_> = status["services"].as_array().unwrap().iter().map(|s| s["name"].clone()).collect();
    assert_eq!(names, ["all", "bad", "db", "off", "setup", "slow", "web"]);

    let web = c.status_of("web");
    assert_eq!(web["pid"], c.pid_of("web"));
    assert_eq!((&web["state"], &web["ready"], &web["wanted"]), (&json!("ready"), &json!(true), &json!(true)));
    let bad = c.status_of("bad");
    assert_eq!(bad["exit"]["code"], 3);
    assert_eq!(bad["exit"]["text"], "exited with code 3");
    assert_eq!((&bad["failures"], &bad["restarts"]), (&json!(2), &json!(1)));
    assert_eq!(c.status_of("setup")["description"], "Once");
    assert_eq!(c.status_of("off")["state"], "inactive");
    assert_eq!(c.status_of("off")["wanted"], false);
    let since: jiff::Timestamp = web["since"].as_str().unwrap().parse().unwrap();
    assert!(jiff::Timestamp::now().duration_since(since).as_secs().abs() < 60, "{since}");

    let some = c.get("/v1/status?service=w*&service=db").json();
    assert_eq!(some["services"].as_array().unwrap().len(), 2);
    c.stop_within(support::PROMPT);
}

#[test]
fn who_is_not_there_is_named_with_a_suggestion() {
    needs_namespace!();
    let c = started();
    let asked = [
        c.get("/v1/status?service=wbe"),
        c.get("/v1/services/wbe"),
        c.get("/v1/explain/wbe"),
        c.get("/v1/health?service=wbe"),
        c.get("/v1/events?service=wbe"),
        c.get("/v1/logs?service=wbe"),
        c.post("/v1/stop", r#"{"services":["db","wbe"]}"#),
        c.post("/v1/wait", r#"{"services":["wbe"],"until":"ready"}"#),
        c.post("/v1/signal", r#"{"services":["wbe"],"signal":"HUP"}"#),
    ];
    for answer in asked {
        assert_eq!(answer.status, 404, "{answer:?}");
        let problem = answer.json();
        assert_eq!(problem["error"], "no service is called `wbe`");
        assert_eq!(problem["help"], "did you mean `web`?");
    }
    assert_eq!(c.get("/v1/status?service=x*").json()["error"], "no service matches `x*`");
    assert_eq!(c.status_of("db")["state"], "ready", "half of what was asked was done");
}

#[test]
fn what_cannot_be_understood_is_answered_with_what_is_wrong() {
    needs_namespace!();
    let c = Setup::new().service("web", serve("web", &[])).start();
    let asked = [
        (c.get("/v1/nothing"), 404, "nothing at this path"),
        (c.get("/v1/stop"), 405, "POST only"),
        (c.post("/v1/status", ""), 405, "GET only"),
        (c.get("/v1/status?servce=web"), 400, "unknown parameter `servce`"),
        (c.post("/v1/stop", r#"{"servces":["web"]}"#), 400, "`servces`"),
        (c.post("/v1/stop", "{\"services\":\n[}"), 400, "line 2 column 2"),
        (c.post("/v1/stop", ""), 400, "empty"),
        (c.post("/v1/stop", r#"{"services":[]}"#), 400, "names none"),
        (c.post("/v1/stop", r#"{"services":["web"],"timeout":-1}"#), 400, "`timeout` cannot be -1"),
        (c.post("/v1/signal", r#"{"services":["web"],"signal":"SIGHUB"}"#), 400, "`SIGHUB` is no signal"),
        (c.post("/v1/wait", r#"{"until":"happy"}"#), 400, "`happy`"),
    ];
    for (answer, status, text) in asked {
        let problem = answer.json();
        assert_eq!(answer.status, status, "{problem}");
        assert!(problem["error"].as_str().unwrap().contains(text), "{problem}");
    }
    assert!(c.get("/v1/stop").head.contains("allow: post"));
}

#[test]
fn stop_takes_dependents_down_first_and_start_brings_up_what_is_required() {
    needs_namespace!();
    let mut c = started();
    let body = acted(&c.post("/v1/stop", r#"{"services":["db"]}"#), 200, "done");
    assert_eq!(body["also"], json!(["web"]));
    c.wait_event("term db");
    c.check_order(&["end web", "term db"]);
    assert_eq!(c.status_of("db")["state"], "inactive");

    let body = acted(&c.post("/v1/start", r#"{"services":["off"]}"#), 200, "done");
    assert_eq!(body["results"][0]["state"], "ready");
    // `web` was not stopped by itself, so it comes back with `db`.
    assert_eq!(body["also"], json!(["db"]));
    c.wait_events("up db", 2);
    c.wait_event("up off");
    c.check_order(&["term db", "up off"]);
    c.stop_within(support::PROMPT);
}

#[test]
fn restart_replaces_a_process_and_starts_what_is_down() {
    needs_namespace!();
    let mut c = started();
    let before = c.pid_of("web");
    acted(&c.post("/v1/restart", r#"{"services":["web"]}"#), 200, "done");
    assert_ne!(c.status_of("web")["pid"], before);
    assert_eq!(c.status_of("web")["restarts"], 1);
    acted(&c.post("/v1/stop", r#"{"services":["web"]}"#), 200, "done");
    acted(&c.post("/v1/restart", r#"{"services":["web"]}"#), 200, "done");
    let body = acted(&c.post("/v1/restart", r#"{"services":["db"]}"#), 200, "done");
    assert_eq!(body["also"], json!(["web"]));
    c.stop_within(support::PROMPT);
}

#[test]
fn what_does_not_come_true_says_why() {
    needs_namespace!();
    let c = started();
    let body = acted(&c.post("/v1/start", r#"{"services":["bad"]}"#), 409, "failed");
    assert_eq!(body["results"][0]["state"], "failed");
    assert!(body["results"][0]["reason"].as_str().unwrap().contains("code 3"), "{body}");
    let body = acted(&c.post("/v1/wait", r#"{"services":["bad","db"],"until":"ready"}"#), 409, "failed");
    assert_eq!(body["results"][1]["outcome"], "done", "{body}");
    let body = acted(&c.post("/v1/reload", r#"{"services":["off"]}"#), 409, "failed");
    assert!(body["results"][0]["reason"].as_str().unwrap().contains("not ready"), "{body}");
}

#[test]
fn a_timeout_ends_the_waiting_and_not_what_was_asked() {
    needs_namespace!();
    let c = started();
    let body = acted(&c.post("/v1/start", r#"{"services":["slow","db"],"timeout":0.05}"#), 504, "done");
    let slow = &body["results"][1];
    assert_eq!((&slow["outcome"], &slow["state"]), (&json!("timeout"), &json!("starting")));
    assert_eq!(c.status_of("slow")["state"], "starting", "it goes on");
    let body = c.post("/v1/wait", r#"{"services":["slow"],"until":"ready","timeout":0}"#);
    acted(&body, 504, "timeout");
}

#[test]
fn who_does_not_wait_is_answered_at_once() {
    needs_namespace!();
    let c = started();
    let body = acted(&c.post("/v1/start", r#"{"services":["slow"],"no_wait":true}"#), 200, "accepted");
    assert_eq!(body["results"][0]["state"], "starting");
    let body = acted(&c.post("/v1/start", r#"{"services":["db"],"no_wait":true}"#), 200, "done");
    assert_eq!(body["results"][0]["state"], "ready", "what is true already is said to be");
}

#[test]
fn a_signal_goes_to_the_main_process_alone() {
    needs_namespace!();
    let script =
        "trap 'echo got >>$EVENTS' HUP; sleep 1000 & echo up own $! >>$EVENTS; while :; do wait; done";
    let c = Setup::new()
        .service("own", sh(script))
        .service("off", serve("off", &[]) + "enabled = false\n")
        .start();
    let child = c.wait_event("up own").text;
    let body = c.post("/v1/signal", r#"{"services":["own"],"signal":"hup"}"#);
    acted(&body, 200, "done");
    c.wait_event("got");
    let child: u32 = child.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(c.processes().iter().any(|p| p.inside == child), "its child was hit");
    let body = c.post("/v1/signal", r#"{"services":["off"],"signal":"HUP"}"#);
    let body = acted(&body, 409, "failed");
    assert_eq!(body["results"][0]["reason"], "it has no process");
}

#[test]
fn reload_sends_the_signal_of_the_service_or_runs_its_command() {
    needs_namespace!();
    let trap = "trap 'echo got >>$EVENTS' USR1; echo up sig >>$EVENTS; while :; do sleep 1000 & wait; done";
    let c = Setup::new()
        .service("sig", sh(trap) + "[reload]\nsignal = \"USR1\"\n")
        .service(
            "cmd",
            serve("cmd", &[])
                + "[reload]\ncommand = [\"/bin/sh\", \"-c\", \"echo for $MAINPID >>$EVENTS\"]\n",
        )
        .service("no", serve("no", &[]) + "[reload]\ncommand = [\"/bin/sh\", \"-c\", \"exit 4\"]\n")
        .start();
    c.wait_event("up sig");
    c.wait_event("up cmd");
    c.wait_event("up no");
    acted(&c.post("/v1/reload", r#"{"services":["sig","cmd"]}"#), 200, "done");
    c.wait_event("got");
    c.wait_event(&format!("for {}", c.pid_of("cmd")));
    let body = acted(&c.post("/v1/reload", r#"{"services":["no"]}"#), 409, "failed");
    assert!(body["results"][0]["reason"].as_str().unwrap().contains("code 4"), "{body}");
    assert_eq!(c.status_of("no")["state"], "ready");
}

#[test]
fn wait_waits_until_it_is_true_and_not_longer() {
    needs_namespace!();
    let gate = sh("cat $DIRECTORY/fifo") + "type = \"oneshot\"\n";
    let c = Setup::new()
        .service("gate", gate)
        .service("web", serve("web", &[]) + "requires = [\"gate\"]\n")
        .prelude("mkfifo $DIRECTORY/fifo")
        .start();
    let mut waiting = c.client();
    waiting.send_post("/v1/wait", r#"{"until":"ready"}"#);
    assert_eq!(c.status_of("web")["state"], "waiting", "it was not answered before");
    std::fs::write(c.path("fifo"), "open").unwrap();
    let body = acted(&waiting.answer(), 200, "done");
    assert_eq!(body["results"].as_array().unwrap().len(), 2);

    let mut waiting = c.client();
    waiting.send_post("/v1/wait", r#"{"services":["web"],"until":"stopped"}"#);
    acted(&c.post("/v1/stop", r#"{"services":["web"]}"#), 200, "done");
    acted(&waiting.answer(), 200, "done");
}

#[test]
fn health_is_that_of_what_is_meant_to_be_up() {
    needs_namespace!();
    let c = started();
    let ill = c.get("/v1/health");
    assert_eq!(ill.status, 503);
    let body = ill.json();
    assert_eq!(body["unhealthy"].as_array().unwrap().len(), 1, "{body}");
    assert_eq!((&body["unhealthy"][0]["service"], &body["healthy"]), (&json!("bad"), &json!(false)));
    let well = c.get("/v1/health?service=web&service=setup");
    assert_eq!((well.status, well.json()["healthy"].clone()), (200, json!(true)));
    assert_eq!(c.get("/v1/health?service=off").status, 503);
}

#[test]
fn explain_leads_to_the_root_cause() {
    needs_namespace!();
    let c = Setup::new()
        .service(
            "db",
            sh("echo cannot open the file; exit 3")
                + "[ready]\ndelay = \"1s\"\n[restart]\ndelay = \"1h\"\nmax-delay = \"1h\"\nlimit = 5\n",
        )
        .service("app", serve("app", &[]) + "requires = [\"db\"]\n[restart]\n")
        .service("web", serve("web", &[]) + "requires = [\"app\"]\n")
        .start();
    let mut events = c.client();
    events.get("/v1/events");
    if !events.line().unwrap().to_string().contains("\"backoff\"") {
        events.lines_until(|event| event["state"] == "backoff");
    }
    let body = c.get("/v1/explain/web").json();
    let chain: Vec<_> = body["chain"].as_array().unwrap().iter().map(|l| l["service"].clone()).collect();
    assert_eq!(chain, ["web", "app", "db"], "{body:#}");
    assert_eq!(body["service"]["state"], "waiting");
    let lines = body["last_lines"].as_array().unwrap();
    assert_eq!(lines.last().unwrap()["text"], "cannot open the file");

    let body = c.get("/v1/explain/db").json();
    assert!(body["next"].as_str().unwrap().contains("of 5"), "{body:#}");
    assert_eq!(body["exits"][0]["code"], 3);
}

#[test]
fn graph_and_timeline_tell_what_depends_on_what_and_how_long_it_took() {
    needs_namespace!();
    let c = started();
    let graph = c.get("/v1/graph").json();
    let node = |name: &str| graph["services"].as_array().unwrap().iter().find(|n| n["name"] == name).unwrap();
    assert_eq!(node("web")["requires"], json!(["db"]));
    assert_eq!(node("all")["wants"], json!(["web"]));
    assert_eq!(node("all")["type"], "target");
    assert_eq!(node("off")["enabled"], false);

    let timeline = c.get("/v1/timeline").json();
    let spans = timeline["services"].as_array().unwrap();
    let span = |name: &str| spans.iter().find(|s| s["service"] == name).unwrap();
    let (db, web) = (span("db"), span("web"));
    assert_eq!(web["waited_for"], "db");
    assert!(web["started"].as_f64() >= db["ready"].as_f64(), "{timeline:#}");
    assert!(spans.iter().all(|s| s["service"] != "off"), "it was never started");
    let times: Vec<_> = spans.iter().filter_map(|s| s["started"].as_f64()).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn events_are_a_snapshot_and_every_change_since() {
    needs_namespace!();
    let mut c = started();
    let mut all = c.client();
    let head = all.get("/v1/events");
    assert!(head.head.contains("application/x-ndjson"), "{head:?}");
    let mut db = c.client();
    db.get("/v1/events?service=d*");
    assert_eq!(all.line().unwrap()["event"], "snapshot");
    let snapshot = db.line().unwrap();
    assert_eq!(snapshot["services"].as_array().unwrap().len(), 1);

    acted(&c.post("/v1/stop", r#"{"services":["db"]}"#), 200, "done");
    let is = |event: &Value, name: &str, state: &str| event["service"] == name && event["state"] == state;
    let seen = all.lines_until(|event| is(event, "db", "inactive"));
    let at = |name: &str, state: &str| seen.iter().position(|event| is(event, name, state)).unwrap();
    assert!(at("web", "stopping") < at("db", "stopping"), "{seen:#?}");
    assert!(seen.iter().any(|e| e["event"] == "exit" && e["service"] == "db" && e["time"].is_string()));
    let seen = db.lines_until(|event| is(event, "db", "inactive"));
    assert!(seen.iter().all(|event| event["service"] == "db"), "{seen:#?}");

    c.terminate();
    let seen = all.lines_until(|event| event["event"] == "shutdown");
    assert!(!seen.is_empty());
    while all.line().is_some() {}
    c.expect_exit(0);
}

#[test]
fn the_boot_of_a_thousand_services_is_seen_whole() {
    needs_namespace!();
    let mut setup = Setup::new()
        .service("first", sh("cat $DIRECTORY/fifo") + "type = \"oneshot\"\n")
        .service("last", serve("last", &[]));
    for number in 0..1000 {
        let name = format!("s{number:03}");
        setup = setup.service(&name, "type = \"target\"\nrequires = [\"first\"]\n");
    }
    let c = setup.prelude("mkfifo $DIRECTORY/fifo").start();
    let mut events = c.client();
    events.get("/v1/events");
    let snapshot = events.line().unwrap();
    assert_eq!(snapshot["services"].as_array().unwrap().len(), 1002);
    std::fs::write(c.path("fifo"), "open").unwrap();
    let mut missing: BTreeSet<String> = (0..1000).map(|number| format!("s{number:03}")).collect();
    while !missing.is_empty() {
        let event = events.line().unwrap();
        assert_ne!(event["event"], "lost", "{event}");
        if event["state"] == "ready" {
            missing.remove(event["service"].as_str().unwrap());
        }
    }
    assert_eq!(states(&c).len(), 1002);
}

#[test]
fn logs_are_the_last_lines_and_with_follow_those_that_come() {
    needs_namespace!();
    let script = "echo one; echo two >&2; echo up talker >>$EVENTS; cat $DIRECTORY/pipe";
    let mut c = Setup::new()
        .service("talker", sh(script) + "[restart]\npolicy = \"never\"\n")
        .service("other", serve("other", &[]))
        .prelude("mkfifo $DIRECTORY/pipe")
        .start();
    c.wait_event("up talker");
    let mut follower = c.client();
    follower.get("/v1/logs?follow=true&service=talker");
    let first = follower.lines_until(|line| line["text"] == "two");
    assert_eq!(first[0]["stream"], "stdout");
    assert_eq!(first.last().unwrap()["stream"], "stderr");
    let mut last = c.client();
    last.get("/v1/logs?lines=1");
    assert_eq!(last.line().unwrap()["text"], "two");
    assert_eq!(last.line(), None, "it ends by itself");
    let mut none = c.client();
    assert_eq!(none.get("/v1/logs?service=other").status, 200);
    assert_eq!(none.line(), None);

    std::fs::write(c.path("pipe"), "three\n").unwrap();
    let line = follower.line().unwrap();
    assert_eq!((&line["text"], &line["service"]), (&json!("three"), &json!("talker")));
    c.terminate();
    while follower.line().is_some() {}
    c.expect_exit(0);
}

#[test]
fn shutdown_answers_at_once_and_the_connection_ends_with_the_container() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &["delay=200"])).start();
    c.wait_event("up web");
    let mut client = c.client();
    let answer = client.post("/v1/shutdown", r#"{"code":7}"#);
    assert_eq!((answer.status, answer.json()["ok"].clone()), (200, json!(true)));
    let status = client.get("/v1/status").json();
    assert_eq!(status["supervisor"]["stopping"], true, "it still answers");
    assert_eq!(client.get("/v1/health").status, 503, "it is not to get work any more");
    let late = client.post("/v1/start", r#"{"services":["web"]}"#);
    let body = acted(&late, 409, "failed");
    assert!(body["results"][0]["reason"].as_str().unwrap().contains("container"), "{body}");
    assert!(client.is_closed_within(support::PATIENCE));
    c.expect_exit(7);
    assert!(!c.socket().exists(), "the socket is left behind");
}

#[test]
fn a_waiter_is_answered_when_the_container_ends() {
    needs_namespace!();
    let mut c = tree().start();
    c.wait_event("up web");
    let [mut ready, mut stopped] = [c.client(), c.client()];
    ready.send_post("/v1/wait", r#"{"services":["slow"],"until":"ready"}"#);
    stopped.send_post("/v1/wait", r#"{"services":["web"],"until":"stopped"}"#);
    c.status_of("web");
    c.terminate();
    acted(&ready.answer(), 409, "failed");
    acted(&stopped.answer(), 200, "done");
    c.expect_exit(0);
}

#[test]
fn who_leaves_in_the_middle_ends_the_waiting_and_nothing_else() {
    needs_namespace!();
    let mut c = Setup::new().service("web", serve("web", &["delay=300"])).start();
    c.wait_event("up web");
    for _ in 0..100 {
        c.client().send_post("/v1/wait", r#"{"services":["web"],"until":"stopped"}"#);
    }
    let mut client = c.client();
    client.send_post("/v1/stop", r#"{"services":["web"]}"#);
    c.wait_event("term web");
    drop(client);
    let body = c.post("/v1/wait", r#"{"services":["web"],"until":"stopped"}"#);
    acted(&body, 200, "done");
    c.stop_within(support::PROMPT);
}

#[test]
fn others_may_read_and_not_act() {
    needs_namespace!();
    if !is_root() {
        skip!("only root can become another user");
    }
    let c = started();
    std::fs::set_permissions(c.directory(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let stranger = || Client::connect_as(&c.socket(), NOBODY);
    for path in [
        "/v1/status",
        "/v1/services/web",
        "/v1/explain/bad",
        "/v1/events",
        "/v1/graph",
        "/v1/timeline",
        "/v1/openapi.json",
        "/v1/health?service=web",
    ] {
        assert_eq!(stranger().get(path).status, 200, "{path}");
    }
    assert_eq!(stranger().post("/v1/wait", r#"{"services":["web"],"until":"ready"}"#).status, 200);
    let explained = stranger().get("/v1/explain/bad").json();
    assert_eq!(explained["last_lines"], json!([]), "what services write is not for everybody");
    let explained = c.get("/v1/explain/bad").json();
    assert_eq!(explained["last_lines"][0]["text"], "last words");

    let name = r#"{"services":["web"]}"#;
    for (path, body) in [
        ("/v1/start", name),
        ("/v1/stop", name),
        ("/v1/restart", name),
        ("/v1/reload", name),
        ("/v1/signal", r#"{"services":["web"],"signal":"KILL"}"#),
        ("/v1/apply", ""),
        ("/v1/logs/reopen", ""),
        ("/v1/log-level", r#"{"level":"debug"}"#),
        ("/v1/shutdown", ""),
    ] {
        let answer = stranger().post(path, body);
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.json()["error"].as_str().unwrap().contains("root"), "{path}");
    }
    assert_eq!(stranger().get("/v1/logs").status, 403);
    assert_eq!(c.status_of("web")["restarts"], 0);
}

#[test]
fn every_route_of_the_description_is_there_and_answers_as_it_says() {
    needs_namespace!();
    let c = started();
    let description = c.get("/v1/openapi.json").json();
    let schemas = &description["components"]["schemas"];
    let mut tried = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if path == "/v1/shutdown" {
                continue;
            }
            let mut client = c.client();
            let target = path.replace("{name}", "web");
            let body = match path.as_str() {
                "/v1/signal" => r#"{"services":["web"],"signal":"CONT"}"#,
                "/v1/wait" => r#"{"services":["web"],"until":"ready"}"#,
                "/v1/apply" => r#"{"dry_run":true}"#,
                "/v1/log-level" => r#"{"level":"info"}"#,
                _ => r#"{"services":["web"]}"#,
            };
            let answer = if method == "get" { client.get(&target) } else { client.post(&target, body) };
            let response = &operation["responses"][answer.status.to_string()];
            assert!(response.is_object(), "{method} {path} answered {}", answer.status);
            let content = response["content"].as_object().unwrap();
            let (media, content) = content.iter().next().unwrap();
            assert!(answer.head.contains(&format!("content-type: {media}")), "{path}: {}", answer.head);
            let value = if media.ends_with("ndjson") { client.line().unwrap() } else { answer.json() };
            validate(&value, &content["schema"], schemas, path);
            tried += 1;
        }
    }
    assert!(tried >= 16, "the routes were not found");
}

/// As much of JSON schema as the description uses.
#[track_caller]
fn validate(value: &Value, schema: &Value, schemas: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return validate(value, &schemas[name], schemas, &format!("{at} {name}"));
    }
    for any in ["anyOf", "oneOf"] {
        if let Some(list) = schema[any].as_array() {
            let fits =
                |schema: &Value| std::panic::catch_unwind(|| validate(value, schema, schemas, at)).is_ok();
            assert!(list.iter().any(fits), "{at}: {value} is none of {schema}");
            return;
        }
    }
    if let Some(constant) = schema.get("const") {
        assert_eq!(value, constant, "{at}");
    }
    if let Some(list) = schema["enum"].as_array() {
        assert!(list.contains(value), "{at}: {value} is none of {list:?}");
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let number = kind == "integer" && kinds.contains(&"number");
    assert!(kinds.contains(&kind) || number, "{at}: {value} is no {kinds:?}");
    if let Value::Array(list) = value {
        list.iter().for_each(|item| validate(item, &schema["items"], schemas, at));
    }
    if let (Value::Object(map), Some(properties)) = (value, schema["properties"].as_object()) {
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(map.contains_key(required.as_str().unwrap()), "{at}: no {required} in {value}");
        }
        for (key, value) in map {
            let schema =
                properties.get(key).unwrap_or_else(|| panic!("{at}: the key {key} is not described"));
            validate(value, schema, schemas, &format!("{at}.{key}"));
        }
    }
}

/// The keys of an output that is JSON, or would be if it were shown whole.
fn keys(text: &str) -> BTreeSet<String> {
    let quoted = text.split("\":").filter_map(|before| before.rsplit('"').next());
    quoted.filter(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_')).map(str::to_owned).collect()
}

#[test]
fn what_the_documentation_shows_works() {
    needs_namespace!();
    let page = std::fs::read_to_string("docs/api.md").unwrap();
    let c = tree().service("last", serve("last", &[])).start();
    c.wait_event("up web");
    let socket = c.socket().to_str().unwrap().to_owned();
    let there = |program: &str| std::process::Command::new(program).arg("--version").output().is_ok();
    if !there("curl") || !there("python3") {
        skip!("curl or python3 is not installed");
    }
    let run = |program: &str, script: &str| {
        let mut command = std::process::Command::new(program);
        let output = command.args(["-c", script]).env("S", &socket).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let mut tried = 0;
    for block in page.split("```").skip(1).step_by(2) {
        if let Some((command, shown)) = block.split_once("$ curl").and_then(|(_, rest)| rest.split_once('\n'))
        {
            let command = command.replace("/run/foster/control.sock", &socket);
            // A stream has no end of its own.
            let (code, printed) = run("sh", &format!("exec curl -sS --fail --max-time 1 {command}"));
            assert!(matches!(code, Some(0 | 28)), "{command}: {code:?}: {printed}");
            let first = shown.lines().next().unwrap();
            assert!(
                keys(first).is_subset(&keys(&printed)),
                "{command} is shown to print {first}, not {printed}"
            );
            tried += 1;
        } else if let Some((_, script)) = block.split_once("import http") {
            let script = format!("import http{script}").replace("/run/foster/control.sock", &socket);
            assert_eq!(run("python3", &script), (Some(0), "True\n".to_owned()));
            tried += 1;
        }
    }
    assert_eq!(tried, 4, "the examples were not found");
    for route in foster::control::routes::ROUTES {
        let path = route.path.replace("{name}", "NAME");
        assert!(
            path.ends_with(".json")
                || page.contains(&format!("`{path}`"))
                || page.contains(&format!(" {path}`")),
            "{path} is not in docs/api.md"
        );
    }
    for bound in [foster::control::CLIENTS, foster::control::STRANGERS] {
        assert!(page.contains(&bound.to_string()));
    }
}
