//! Claims about the import of compose files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;
mod support;

use foster::config::import::Kind;
use import_room::{Source, file, report};
use support::{Setup, needs_namespace};

fn compose(text: &str) -> Source {
    Source::new(Kind::Compose, "compose.yaml", &[("compose.yaml", text)])
}

fn names(converted: &foster::config::import::Converted) -> Vec<&str> {
    converted.files.iter().map(|(name, _)| name.as_str()).collect()
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
    moun: x
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
    assert_eq!(names(&converted), ["migrate.toml", "web.toml", "cache.toml"]);
    assert_eq!(
        file(&converted, "migrate.toml"),
        "type = \"oneshot\"\ncommand = [\"rake\", \"db:migrate\"]\n\n[environment]\nMODE = \"${MODE:-production}\"\n"
    );
    let web = file(&converted, "web.toml");
    for text in [
        "command = [\"puma\", \"-p\", \"${PORT:-}\", \"$HOME\"]",
        "instances = 2",
        "requires = [\"migrate\", \"cache\"]",
        "user = \"1000\"\ngroup = \"1001\"\nworking-directory = \"/srv\"",
        "nofile = \"1024:2048\"",
        "COUNT = \"3\"",
        "policy = \"on-failure\"\nlimit = 4",
        "signal = \"SIGQUIT\"\ntimeout = \"1m30s\"",
        "memory = \"256MiB\"\ncpu = 0.5",
    ] {
        assert!(web.contains(text), "{text}:\n{web}");
    }
    assert!(!web.contains("TOKEN"));
    let cache = file(&converted, "cache.toml");
    assert!(cache.contains("command = [\"redis-server\", \"--save\", \"\"]"), "{cache}");
    assert!(cache.contains("[ready]\nexec = [\"redis-cli\", \"ping\"]"), "{cache}");
    assert!(cache.contains("interval = \"5s\"\ntimeout = \"30s\"\nfailures = 5"), "{cache}");
    let report = report(&source, &converted);
    for text in [
        "services.web.ports: not carried; it is of the container",
        "services.web.moun: not carried; unknown key",
        "services.web.depends_on.db: not carried; that service is not carried",
        "services.db: not carried; what its image runs does not stand here",
        "compose.yaml:2: version: exact",
        "compose.yaml:3: x-base: exact",
    ] {
        assert!(report.contains(text), "{text}:\n{report}");
    }
}

#[test]
fn environment_files_and_dot_env_are_where_compose_looks_for_them() {
    let files = [
        (
            "compose.yml",
            "services:\n  a:\n    command: a ${X} $Y\n    env_file:\n      - ./a.env\n      - path: b.env\n        required: false\n",
        ),
        (".env", "X=from-file\n"),
        ("a.env", "A=1\n"),
    ];
    let source = Source::new(Kind::Compose, "", &files);
    let converted = source.converted();
    let text = file(&converted, "a.toml");
    assert!(text.contains("command = [\"a\", \"${X:-from-file}\", \"${Y:-}\"]"), "{text}");
    assert!(text.contains("/a.env\"") && text.contains("\"-/"), "{text}");
}

#[test]
fn a_broken_file_is_an_error_with_its_place() {
    for (text, line, told) in [
        ("services:\n  a: [\n", 3, "not YAML"),
        ("a: 1\n", 1, "there are no `services` in it"),
        ("services:\n  a:\n    image: x\n", 2, "no service in it says what it runs"),
        ("services:\n  a:\n    extends: b\n    command: x\n", 3, "`extends` takes over another service"),
        ("include: x\nservices:\n  a:\n    command: x\n", 1, "`include` names other files"),
        ("services:\n  a:\n    command: x ${A:+b}\n", 3, "there is no value for variables that are set"),
        ("services:\n  a:\n    command: x 'y\n", 3, "a quote without its end"),
        ("services:\n  a: x\n", 2, "is a map of keys"),
        ("services:\n  a:\n    command: x\n  a:\n    command: y\n", 4, "`a` is given twice"),
        ("services:\n  a:\n    command: *x\n", 3, "not YAML"),
        ("---\na: 1\n---\nb: 1\n", 3, "more than one document"),
    ] {
        let shown = compose(text).broken();
        assert!(
            shown.contains(told) && shown.contains(&format!("/compose.yaml:{line}:")),
            "{told} {line}:\n{shown}"
        );
    }
    assert!(Source::new(Kind::Compose, "nowhere.yaml", &[]).broken().contains("cannot read /nowhere.yaml"));
    assert!(
        compose("").broken().contains("there is nothing in it")
            || compose("").broken().contains("no `services`")
    );
}

#[test]
fn aliases_that_multiply_are_refused_before_they_fill_the_memory() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let list = vec![format!("*a{}", n - 1); 10].join(", ");
        text.push_str(&format!("a{n}: &a{n} [{list}]\n"));
    }
    let begin = std::time::Instant::now();
    let shown = compose(&text).broken();
    assert!(shown.contains("with all that aliases repeat") && begin.elapsed().as_secs() < 5, "{shown}");
    let deep = format!("services: {}{}\n", "[".repeat(5000), "]".repeat(5000));
    let shown = compose(&deep).broken();
    assert!(shown.contains("more than 64 deep") || shown.contains("not YAML"), "{shown}");
    let tail = compose("services: &a\n  b: *a\n").broken();
    assert!(tail.contains("an alias of what is not there, or not yet closed"), "{tail}");
}

#[test]
fn places_are_right_behind_letters_of_more_than_one_byte() {
    let source = compose("# äöü €\nservices:\n  a:\n    command: x\n    ports: []\n");
    let report = report(&source, &source.converted());
    assert!(report.contains("compose.yaml:5: services.a.ports: not carried"), "{report}");
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
