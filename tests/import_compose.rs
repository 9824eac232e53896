//! Claims about the import of compose files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;
mod support;

use foster::config::Variables;
use foster::config::import::{Converted, Import, Kind, convert};
use import_room::{Source, file, report};
use support::{Setup, needs_namespace};

fn compose(text: &str) -> Source {
    Source::new(Kind::Compose, "compose.yaml", &[("compose.yaml", text)])
}

/// The file that a service with these keys becomes, and the report without its line about `services`.
#[track_caller]
fn one(keys: &str) -> (String, String) {
    let keys: String = keys.lines().map(|line| format!("    {line}\n")).collect();
    let source = compose(&format!("services:\n  a:\n{keys}"));
    let converted = source.converted();
    (file(&converted, "a.toml").to_owned(), report(&source, &converted))
}

fn names(converted: &Converted) -> Vec<&str> {
    converted.files.iter().map(|(name, _)| name.as_str()).collect()
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

const SHOP: &str = r#"
version: "3"
x-base: &base
  image: shop
  restart: on-failure:3
  environment: &environment
    MODE: ${MODE:-production}
services:
  migrate:
    <<: *base
    command: rake db:migrate
    restart: "no"
  web:
    <<: *base
    command: ["puma", "-p", "$PORT", "$$HOME"]
    environment:
      <<: *environment
      TOKEN:
      COUNT: 3
      CACHE_URL: redis://cache:6379/1
    depends_on:
      migrate:
        condition: service_completed_successfully
      cache:
        condition: service_healthy
      db:
        condition: service_healthy
    ports: ["80:80"]
    stop_signal: SIGQUIT
    stop_grace_period: 1m30s
    user: "1000:1001"
    working_dir: /srv
    ulimits:
      nofile: {soft: 1024, hard: 2048}
    init: true
    deploy:
      replicas: 2
      resources:
        limits: {cpus: "0.5", memory: 256M}
    ulimit: x
  cache:
    <<: *base
    entrypoint: redis-server --save ''
    restart: always
    healthcheck:
      test: ["CMD", "redis-cli", "ping"]
      interval: 5s
      retries: 5
      start_period: 10s
  db:
    image: postgres
"#;

#[test]
fn services_of_one_image_become_services_of_one_container() {
    let source = compose(SHOP);
    let converted = source.converted();
    assert_eq!(names(&converted), ["migrate.toml", "web.toml", "cache.toml", "foster.toml"]);
    assert_eq!(
        file(&converted, "migrate.toml"),
        "type = \"oneshot\"\ncommand = [\"rake\", \"db:migrate\"]\n\n[environment]\nMODE = \"${MODE:-production}\"\n"
    );
    assert_eq!(
        file(&converted, "web.toml"),
        r#"command = ["puma", "-p", "${PORT:-}", "$HOME"]
instances = 2
requires = ["migrate", "cache"]
user = "1000"
group = "1001"
working-directory = "/srv"

[limits]
nofile = "1024:2048"

[environment]
COUNT = "3"
# `cache` is a service of this container now: it is at `localhost`.
CACHE_URL = "redis://cache:6379/1"
MODE = "${MODE:-production}"

[restart]
policy = "on-failure"
limit = 4

[stop]
signal = "SIGQUIT"
timeout = "1m30s"

[resources]
memory = "256MiB"
cpu = 0.5
"#
    );
    let cache = file(&converted, "cache.toml");
    has(
        cache,
        &[
            "command = [\"redis-server\", \"--save\", \"\"]",
            "[ready]\nexec = [\"redis-cli\", \"ping\"]\ntimeout = \"3m5s\"",
            "interval = \"5s\"\ntimeout = \"30s\"\nfailures = 5",
            "on-failure = \"none\"",
        ],
    );
    has(file(&converted, "foster.toml"), &["[shutdown]\n", "timeout = \"1m32s\""]);
    let report = report(&source, &converted);
    has(
        &report,
        &[
            "compose.yaml:2: version: exact",
            "compose.yaml:3: x-base: exact",
            "compose.yaml:8: services: approximated; they share one container",
            "services.web.ports: not carried; it is of the container, which all services share: `docker run -p 80:80`",
            "services.web.ulimit: not carried; unknown key, did you mean `ulimits`?",
            "services.web.depends_on.db: not carried; that service is not carried",
            "services.web.environment.CACHE_URL: approximated -> web: environment.CACHE_URL; `cache` runs in this",
            "services.db: not carried; what its image runs does not stand here",
            "services.web.stop_grace_period: approximated -> web: stop.timeout; `docker stop` waits 10 s",
        ],
    );
}

#[test]
fn commands_are_words_and_only_variables_that_may_be_several_need_a_shell() {
    for (keys, written) in [
        (
            "command: a 'b c' \"d\" e\\ f '#g' h#i",
            "command = [\"a\", \"b c\", \"d\", \"e f\", \"#g\", \"h#i\"]",
        ),
        ("entrypoint: [e, x]\ncommand: a b", "command = [\"e\", \"x\", \"a\", \"b\"]"),
        ("entrypoint: a b", "command = [\"a\", \"b\"]"),
        ("command: \"a #b\"", "command = [\"a\", \"#b\"]"),
        ("entrypoint: []\ncommand: a", "command = [\"a\"]"),
        ("command: >-\n  a\n  --b\n\n  --c", "command = [\"a\", \"--b\", \"--c\"]"),
        (
            "command: a --port=${PORT:-80} \"$X\" '$$Y'",
            "command = [\"a\", \"--port=${PORT:-80}\", \"${X:-}\", \"$Y\"]",
        ),
        ("command: [a, \"${X:-b c}\", \"$$${Y:-}\"]", "cannot"),
        ("command: a $OPTIONS --b \"$X\" 'c d'", "script = \"exec a $OPTIONS --b \\\"$X\\\" 'c d'\""),
        ("command: a ${OPTIONS:--x -y}", "script = \"exec a ${OPTIONS:--x -y}\""),
        ("command: a ${O:-x 'y'}", "command = [\"a\", \"${O:-x 'y'}\"]"),
        ("command: sh -c \"echo $$A && exec b\"", "command = [\"sh\", \"-c\", \"echo $A && exec b\"]"),
    ] {
        if written == "cannot" {
            let indented = keys.replace('\n', "\n    ");
            has(
                &compose(&format!("services:\n  a:\n    {indented}\n")).broken(),
                &["a `$` right before a variable"],
            );
            continue;
        }
        let (text, _) = one(keys);
        assert!(text.starts_with(&format!("{written}\n")), "{written}:\n{text}");
    }
    let (_, report) = one("command: a $O");
    has(&report, &["a shell splits what its variables hold"]);
    let (_, report) = one("command: a");
    has(
        &report,
        &["command: approximated -> a: command; if the image has an ENTRYPOINT, it has to stand before it"],
    );
    let (_, report) = one("entrypoint: a\ncommand: b");
    has(&report, &["a.command: exact -> a: command", "a.entrypoint: exact -> a: command"]);
    let (_, report) = one("entrypoint: a && b");
    has(
        &report,
        &[
            "approximated -> a: command; no shell runs it, here or with Compose: a shell's operator is an argument",
        ],
    );
}

#[test]
fn every_key_says_what_became_of_it() {
    for (keys, written, told) in [
        ("user: www-data", "user = \"www-data\"", "exact -> a: user"),
        ("user: \"${U:-1}:${G:-2}\"", "user = \"${U:-1}\"\ngroup = \"${G:-2}\"", "exact -> a: user, group"),
        ("user: \"${U:-1}\"", "user = \"${U:-1}\"", "exact -> a: user"),
        ("group_add: [x]", "", "not carried; `supplementary-groups` names all"),
        ("working_dir: /srv", "working-directory = \"/srv\"", "exact -> a: working-directory"),
        ("oom_score_adj: 500", "oom-score-adj = 500", "exact -> a: oom-score-adj"),
        ("oom_score_adj: x", "", "not carried; it is no number"),
        ("init: true", "", "init: exact"),
        ("tty: true\nstdin_open: true", "tty = true", "stdin_open: exact"),
        ("stdin_open: true", "stdin = \"inherit\"", "exact -> a: stdin"),
        ("tty: false", "", "tty: exact"),
        ("profiles: [debug]", "enabled = false", "approximated -> a: enabled; there are no profiles"),
        ("scale: 3", "instances = 3", "exact -> a: instances"),
        ("scale: 1", "", "scale: exact"),
        ("scale: 0", "enabled = false", "exact -> a: enabled"),
        (
            "deploy: {replicas: \"${N:-2}\"}",
            "instances = \"${N:-2}\"",
            "deploy.replicas: exact -> a: instances",
        ),
        ("deploy: {mode: global}", "", "deploy.mode: not carried; it is for those who distribute"),
        ("deploy: {replcas: 2}", "", "deploy.replcas: not carried; unknown key, did you mean `replicas`?"),
        ("deploy: {resources: {reservations: {memory: 1g}}}", "", "reservations: not carried"),
        ("deploy: {resources: {limits: {pids: 50}}}", "pids = 50", "limits.pids: exact -> a: resources.pids"),
        ("mem_limit: 512m", "memory = \"512MiB\"", "exact -> a: resources.memory"),
        ("mem_limit: ${M:-1.5g}", "memory = \"1536MiB\"", "their values of now have been taken"),
        ("mem_limit: much", "", "not carried; it is no size"),
        (
            "mem_limit: 1g\nmemswap_limit: 1.5g",
            "swap = \"512MiB\"",
            "memswap_limit: exact -> a: resources.swap",
        ),
        ("memswap_limit: 1g", "", "not carried; it is memory and swap together"),
        ("cpus: 1.5", "cpu = 1.5", "exact -> a: resources.cpu"),
        ("cpu_shares: 100", "", "not carried; `[resources]` has `cpu-weight`"),
        ("pids_limit: -1", "", "pids_limit: exact"),
        ("ulimits: {nproc: 65535, memlock: -1}", "memlock = \"unlimited\"\nnproc = ", "ulimits.nproc: exact"),
        ("ulimits: {nofiles: 5}", "", "ulimits.nofiles: not carried; unknown key, did you mean `nofile`?"),
        ("ulimits: {nofile: {soft: 5}}", "", "not carried; it is a number, or `soft` and `hard`"),
        ("cap_add: [NET_ADMIN]", "", "not carried; the container has to have it"),
        (
            "cap_drop: [ALL]\ncap_add: [NET_BIND_SERVICE]",
            "capabilities = [\"net-bind-service\"]",
            "cap_drop: approx",
        ),
        ("cap_drop: [ALL]", "capabilities = []", "cap_drop: exact"),
        ("cap_drop: [MKNOD]", "", "not carried; `capabilities` names those that it keeps"),
        ("security_opt: [\"no-new-privileges:true\"]", "no-new-privileges = true", "security_opt: exact"),
        ("security_opt: [\"seccomp:x\"]", "", "`docker run --security-opt seccomp:x`"),
        ("stop_signal: SIGINT", "signal = \"SIGINT\"", "exact -> a: stop.signal"),
        ("stop_signal: SIGNOT", "", "not carried; it is no signal"),
        ("stop_grace_period: 8s", "[stop]\ntimeout = \"8s\"", "exact -> a: stop.timeout"),
        ("stop_grace_period: 8", "", "not carried; it is no duration"),
        ("pre_stop: [{command: [a, b]}]", "[stop]\ncommand = [\"a\", \"b\"]", "exact -> a: stop.command"),
        (
            "pre_stop: [{command: a, user: root}]",
            "",
            "not carried; `[stop] command` runs as the service does",
        ),
        ("post_start: [{command: a}]", "", "not carried; write a oneshot"),
        ("restart: always", "command = [\"x\"]\n", "approximated -> a: restart.policy; after ten ends"),
        ("restart: unless-stopped", "command = [\"x\"]\n", "approximated -> a: restart.policy"),
        ("restart: no", "policy = \"never\"", "exact -> a: restart.policy"),
        ("restart: on-failure:5", "policy = \"on-failure\"\nlimit = 6", "exact -> a: restart"),
        ("restart: sometimes", "", "not carried; it is none of"),
        ("command: x", "policy = \"never\"", ""),
        ("logging: {driver: none}", "[log]\nto = \"null\"", "exact -> a: log.to"),
        (
            "logging: {driver: json-file, options: {max-size: 10m, max-file: \"3\"}}",
            "",
            "`docker run --log-driver json-file --log-opt max-size=10m --log-opt max-file=3`",
        ),
        (
            "logging:\n  driver: syslog\n  options: {syslog-address: \"udp://10.0.0.1:514\", syslog-facility: local0, tag: t}",
            "[log.syslog]\naddress = \"udp:10.0.0.1:514\"\nfacility = \"local0\"\ntag = \"t\"",
            "options.tag: exact -> a: log.syslog.tag",
        ),
        (
            "ports:\n  - \"8080:80\"\n  - {target: 53, published: 53, protocol: udp}",
            "",
            "-p 8080:80 -p 53:53/udp`",
        ),
        (
            "logging: {driver: syslog, options: {syslog-address: \"udp://logs.example.com\"}}",
            "",
            "syslog-address: not carried; foster resolves no names",
        ),
        ("working_dir: app", "", "not carried; where it begins is said by the image"),
        ("user: \"1000:\"", "user = \"1000\"", "user: exact -> a: user\n"),
        ("user: \"\"", "", "user: exact\n"),
        (
            "tty: true\nscale: 2",
            "instances = 2",
            "tty: not carried; the container has one terminal, and there are several",
        ),
        ("deploy: {restart_policy: {condition: none, delay: 5s}}", "policy = \"never\"", "delay: exact\n"),
        (
            "restart: no\ndeploy: {restart_policy: {condition: any}}",
            "\"never\"",
            "`restart` is there, and counts",
        ),
        ("expose: [80]", "", "expose: exact"),
        (
            "volumes:\n  - ./a:/b:ro\n  - {type: bind, source: /c, target: /d, read_only: true}\n  - /e",
            "",
            "`docker run -v ./a:/b:ro -v /c:/d:ro -v /e`",
        ),
        ("tmpfs: /run", "", "`docker run --tmpfs /run`"),
        ("tmpfs: [/run, /tmp]", "", "`docker run --tmpfs /run --tmpfs /tmp`"),
        ("hostname: web", "", "`docker run --hostname web`"),
        ("read_only: true", "", "`docker run --read-only`"),
        ("extra_hosts: {h: 1.2.3.4}", "", "`docker run --add-host h:1.2.3.4`"),
        ("sysctls: {net.core.somaxconn: 1024}", "", "`docker run --sysctl net.core.somaxconn=1024`"),
        ("networks: [front]", "", "`docker run --network front`"),
        ("networks: {front: {aliases: [x]}}", "", "`docker run --network front`"),
        ("secrets: [key]", "", "secrets: not carried; it is of the container"),
        ("image: x\nbuild: {context: .}\npull_policy: always", "", "pull_policy: exact"),
        ("x-mine: 1", "", "a.x-mine: exact"),
        ("enviroment:", "", "not carried; unknown key, did you mean `environment`?"),
        ("command: wait a:80", "", "`a` runs in this container: its host is `localhost`"),
        ("enviroment: {A: b}", "", "not carried; unknown key, did you mean `environment`?"),
        ("labels:", "", "labels: exact"),
    ] {
        let keys =
            if keys.contains("command: x") { keys.to_owned() } else { format!("entrypoint: x\n{keys}") };
        let (text, report) = one(&keys);
        has(&text, &[written]);
        has(&report, &[told]);
        let told = report.lines().filter(|line| line.contains("services.a.")).count();
        assert!(
            told >= keys.lines().filter(|line| !line.starts_with(' ')).count(),
            "something is lost:\n{report}"
        );
    }
}

#[test]
fn environment_is_a_map_or_a_list_and_foster_expands_it() {
    let (map, _) =
        one("entrypoint: x\nenvironment:\n  A: \"${A:-1}\"\n  B: $$B\n  C: 2\n  D:\n  E: true\n  F: ''");
    let (list, _) =
        one("entrypoint: x\nenvironment:\n  - A=${A:-1}\n  - B=$$B\n  - C=2\n  - D\n  - E=true\n  - F=");
    assert_eq!(map, list);
    has(&map, &["[environment]\nA = \"${A:-1}\"\nB = \"$B\"\nC = \"2\"\nE = \"true\"\nF = \"\"\n"]);
    let (text, report) = one("entrypoint: x\nenvironment: {A: \"${A-x}\", B: \"${B:+y}\", C: \"a$\"}");
    has(&text, &["A = \"${A:-x}\"\nB = \"\"\n"]);
    has(
        &report,
        &[
            "services.a.environment.C: not carried; a `$` alone: `$$` is one",
            "services.a: variables: approximated; foster expands them at the start",
            "`${X-y}` stands in for an empty X, too; for numbers, times, sizes and `${X:+y}` their values of now",
        ],
    );
    let set = compose("services:\n  a:\n    entrypoint: x ${B:+--b}\n    scale: ${N:-1}\n")
        .env("B", "1")
        .env("N", "3");
    has(file(&set.converted(), "a.toml"), &["command = [\"x\", \"--b\"]\ninstances = \"${N:-1}\""]);
}

#[test]
fn health_is_asked_as_docker_asks() {
    let (text, report) = one(
        "entrypoint: x\nrestart: always\nhealthcheck:\n  test: curl -f http://localhost/ || exit 1\n  \
                              interval: 1m\n  start_period: 2m\n  retries: 0\n  timeout: 0s\n  intervall: 3s",
    );
    assert_eq!(
        text,
        "command = [\"x\"]\n\n[health]\nexec = [\"/bin/sh\", \"-c\", \"curl -f http://localhost/ || exit 1\"]\n\
         interval = \"1m\"\ntimeout = \"30s\"\ngrace = \"2m\"\n\
         # As with Docker, which only tells: `restart` would restart it.\non-failure = \"none\"\n"
    );
    has(
        &report,
        &["healthcheck: exact -> a: health", "healthcheck.intervall: not carried; unknown key, did you mean"],
    );
    for (check, told) in [
        ("{disable: true}", "healthcheck: exact\n"),
        ("{test: [NONE]}", "healthcheck: exact\n"),
        ("{interval: 3s}", "healthcheck: not carried; the test is that of the image"),
        ("{test: [curl, x]}", "healthcheck: not carried; `test` is a string, or a list that begins with"),
        ("{test: [CMD-SHELL, a b], retries: many}", "healthcheck.retries: not carried; it is no count"),
        ("{test: [CMD, a], interval: soon}", "healthcheck.interval: not carried; it is no duration"),
    ] {
        let (_, report) = one(&format!("entrypoint: x\nhealthcheck: {check}"));
        has(&report, &[told]);
    }
    let waiting = "services:\n  a:\n    command: a\n    depends_on: {b: {condition: service_healthy}}\n  b:\n    command: b\n    \
                   healthcheck: {test: [CMD, t], interval: 10s, timeout: 5s, retries: 2, start_period: 1m, start_interval: 1s}\n";
    let converted = compose(waiting).converted();
    has(file(&converted, "b.toml"), &["[ready]\nexec = [\"t\"]\ninterval = \"1s\"\ntimeout = \"1m30s\"\n"]);
    has(file(&converted, "a.toml"), &["requires = [\"b\"]"]);
}

#[test]
fn waiting_for_others_keeps_its_condition() {
    let text = "services:\n  web:\n    command: a\n    depends_on:\n      init: {condition: service_completed_successfully}\n      \
                db: {condition: service_healthy, restart: true}\n      opt: {condition: service_started, required: false}\n      \
                odd: {condition: service_odd, requird: true}\n  \
                init: {command: b, restart: always}\n  db: {command: c}\n  opt: {command: d}\n  odd: {command: d}\n  \
                late: {command: e, depends_on: [init, web]}\n";
    let source = compose(text);
    let converted = source.converted();
    has(
        file(&converted, "web.toml"),
        &["requires = [\"init\", \"odd\"]\nwants = [\"opt\"]\nrestart-with = [\"db\"]\n"],
    );
    has(file(&converted, "init.toml"), &["type = \"oneshot\"\n"]);
    has(file(&converted, "late.toml"), &["requires = [\"init\", \"web\"]\n"]);
    has(
        &report(&source, &converted),
        &[
            "depends_on.init: exact -> web: requires",
            "depends_on.db: approximated -> web: restart-with; that has no test of its health here",
            "depends_on.opt: exact -> web: wants",
            "depends_on.odd: approximated -> web: requires; its condition is none of",
            "depends_on.odd.requird: not carried; unknown key, did you mean `required`?",
            "services.late.depends_on.init: approximated -> late: requires; it waits until that has ended well",
            "services.init.restart: not carried; others wait for its end",
        ],
    );
}

#[test]
fn deploy_says_how_it_is_restarted() {
    let (text, report) =
        one("entrypoint: x\ndeploy:\n  restart_policy:\n    condition: on-failure\n    delay: 5s\n    \
                              max_attempts: 3\n    window: 2m");
    has(
        &text,
        &[
            "[restart]\npolicy = \"on-failure\"\ndelay = \"5s\"\nfactor = 1\nlimit = 4\nreset-after = \"2m\"\n",
        ],
    );
    has(
        &report,
        &["restart_policy.delay: exact -> a: restart.delay", "deploy.restart_policy: exact -> a: restart"],
    );
}

#[test]
fn those_of_the_image_that_most_have_are_carried() {
    let source = compose(
        "services:\n  a: {build: ., command: a}\n  b: {build: {context: .}, command: b}\n  c: {image: other, command: c}\n",
    );
    let converted = source.converted();
    assert_eq!(names(&converted), ["a.toml", "b.toml"]);
    has(&report(&source, &converted), &["services.c: not carried; it runs another image than most do"]);
}

#[test]
fn whatever_is_left_of_a_file_is_read_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("compose.yaml");
    for end in (0..SHOP.len()).step_by(7) {
        std::fs::write(&path, &SHOP[..end]).unwrap();
        match convert(&Import { kind: Kind::Compose, path: path.clone() }, &Variables::new()) {
            Ok(converted) => assert!(!converted.files.is_empty()),
            Err(report) => assert!(report.errors() > 0),
        }
    }
}

#[test]
fn places_are_right_behind_letters_of_more_than_one_byte() {
    let source = compose("# äöü €\nservices:\n  a:\n    command: x\n    ports: []\n");
    let report = report(&source, &source.converted());
    has(&report, &["compose.yaml:5: services.a.ports: not carried"]);
}

#[test]
fn it_runs_as_it_is() {
    needs_namespace!();
    let source = compose(
        "services:\n  web:\n    command: ['sh', '-c', 'echo \"up web $$MODE\" >> $$EVENTS; exec sleep 1000']\n    environment: [\"MODE=${M:-x}\"]\n\
         \x20   depends_on: {init: {condition: service_completed_successfully}}\n  init:\n    command: sh -c 'echo \"up init\" >> $$EVENTS'\n",
    );
    let path = source.path().to_str().unwrap();
    let mut c = Setup::new().arguments(&["run", "--import", "compose", path]).start();
    c.wait_event("up web x");
    c.check_order(&["up init", "up web x"]);
    c.terminate();
    c.expect_exit(0);
}
