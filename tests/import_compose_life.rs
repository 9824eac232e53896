//! Claims about what runs: an application of several containers, as a compose file has it, in one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;
mod support;

use foster::config::import::Kind;
use import_room::{Source, file, report};
use std::fs;
use std::path::Path;
use support::{LONG, Setup, World, find_program, needs_namespace, needs_servers};

const NGINX: (&str, &str) = ("nginx", "nginx-light");
const REDIS: (&str, &str) = ("redis-server", "redis-server");
const POSTGRES: (&str, &str) = ("initdb", "postgresql");
const CLIENT: (&str, &str) = ("busybox", "busybox-static");

/// A web server, a worker and a scheduler with redis and postgres, all of one image.
const APPLICATION: &str = r#"
name: shop
x-app: &app
  image: shop:latest
  restart: unless-stopped
  environment: &environment
    PGHOST: 127.0.0.1
    PGUSER: postgres
    QUEUE: ${QUEUE:-jobs}

services:
  directories:
    <<: *app
    command: [sh, -c, 'install -d -m 700 -o postgres WORLD/postgres && echo "up directories" >> $$EVENTS']
    restart: "no"

  initdb:
    <<: *app
    user: postgres
    restart: "no"
    command: BIN/initdb -D WORLD/postgres -A trust --locale=C
    depends_on:
      directories: {condition: service_completed_successfully}

  postgres:
    <<: *app
    user: postgres
    entrypoint: ["BIN/postgres"]
    command: ["-D", WORLD/postgres, "-k", ""]
    stop_signal: SIGINT
    stop_grace_period: 8s
    depends_on:
      initdb:
        condition: service_completed_successfully
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -q -h 127.0.0.1 -U $$PGUSER"]
      interval: 5s
      timeout: 3s
      retries: 10

  redis:
    <<: *app
    user: nobody
    command: >-
      redis-server --bind 127.0.0.1
      --dir WORLD/redis
      --save ''
    healthcheck:
      test: redis-cli ping | grep -q PONG
      interval: 5s
      timeout: 3s
    ulimits:
      nofile: 4096

  web:
    <<: *app
    command: ["nginx", "-e", "stderr", "-c", "WORLD/nginx.conf", "-g", "daemon off;"]
    stop_signal: SIGQUIT
    ports: ["80:8080"]
    depends_on: [worker]

  worker: &worker
    <<: *app
    working_dir: WORLD
    command:
      - sh
      - -c
      - |
        psql -qtAc 'create table if not exists done (name text)'
        echo "up worker" >> $$EVENTS
        while :; do
          job=$$(redis-cli --raw blpop $$QUEUE 0 | tail -n 1)
          psql -qtAc "insert into done values ('$$job')"
          echo "done $$job" >> $$EVENTS
        done
    environment:
      <<: *environment
      PGDATABASE: postgres
    depends_on: &needs
      postgres: {condition: service_healthy}
      redis: {condition: service_healthy}

  scheduler:
    <<: *worker
    restart: on-failure
    command: ["sh", "-c", "redis-cli rpush $$QUEUE first; exec sleep 1000"]

  shell:
    <<: *app
    command: sh
    profiles: [debug]
    tty: true
"#;

#[test]
fn an_application_of_real_servers_runs_in_one_container() {
    needs_servers!(NGINX, REDIS, POSTGRES, CLIENT);
    let world = World::new();
    world.file(
        "nginx.conf",
        "user www-data; worker_processes 1; pid WORLD/nginx.pid; error_log stderr notice;
         events {}
         http { access_log off; server { listen 127.0.0.1:8080; location / { return 200 'served\\n'; } } }",
    );
    world.file("redis/there", "");
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(world.path().join("redis"), everybody).unwrap();
    let bin = find_program("initdb").unwrap();
    let bin = bin.parent().unwrap().to_str().unwrap();
    let text = APPLICATION.replace("BIN", bin).replace("WORLD", world.path().to_str().unwrap());
    fs::write(world.path().join("compose.yaml"), text).unwrap();
    let config = world.fill("WORLD/compose.yaml");
    let mut c = Setup::new().network().arguments(&["run", "--import", "compose", &config]).start();
    c.wait_event("done first");
    c.check_order(&["up directories", "up worker", "done first"]);
    c.wait_answer(&["busybox", "wget", "-qO-", "http://127.0.0.1:8080/"], "served\n");
    let done = ["psql", "-h", "127.0.0.1", "-U", "postgres", "-qtAc", "select name from done"];
    c.wait_answer(&done, "first\n");
    c.wait_answer(&["redis-cli", "rpush", "jobs", "second"], "1\n");
    c.wait_event("done second");
    let redis = c.server_pid("redis-server 127.0.0.1");
    let limits = String::from_utf8(c.ask(&["cat", &format!("/proc/{redis}/limits")]).stdout).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    c.check(files.split_whitespace().filter(|word| *word == "4096").count() == 2, &limits);
    c.replace("nginx: master");
    c.wait_answer(&["busybox", "wget", "-qO-", "http://127.0.0.1:8080/"], "served\n");
    assert_eq!(c.stop_within(LONG).code, 0);
}

#[test]
fn an_application_reads_back_as_the_same_plan() {
    let text = APPLICATION.replace("BIN", "/usr/bin").replace("WORLD", "/srv");
    let source = Source::new(Kind::Compose, "compose.yaml", &[("compose.yaml", &text)]);
    let converted = source.converted();
    assert_eq!(converted.files.len(), 8);
    assert_eq!(
        file(&converted, "postgres.toml"),
        r#"command = ["/usr/bin/postgres", "-D", "/srv/postgres", "-k", ""]
requires = ["initdb"]
user = "postgres"

[environment]
PGHOST = "127.0.0.1"
PGUSER = "postgres"
QUEUE = "${QUEUE:-jobs}"

[ready]
exec = ["/bin/sh", "-c", "pg_isready -q -h 127.0.0.1 -U $PGUSER"]
timeout = "1m20s"

[stop]
signal = "SIGINT"
timeout = "8s"

[health]
exec = ["/bin/sh", "-c", "pg_isready -q -h 127.0.0.1 -U $PGUSER"]
interval = "5s"
failures = 10
# As with Docker, which only tells: `restart` would restart it.
on-failure = "none"
"#
    );
    let report = report(&source, &converted);
    let not_carried: Vec<&str> = report.lines().filter(|line| line.contains(": not carried;")).collect();
    assert_eq!(not_carried.len(), 1, "{not_carried:#?}");
    assert!(not_carried[0].contains("services.web.ports"), "{not_carried:#?}");
}

#[test]
fn the_example_of_the_guide_is_what_the_import_makes() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/howto-replace-compose.md");
    let text = fs::read_to_string(page).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with("An example")).unwrap();
    let mut blocks = section.split("```").skip(1).step_by(2);
    let source = blocks.next().unwrap().strip_prefix("text\n").unwrap();
    let converted = Source::new(Kind::Compose, "compose.yaml", &[("compose.yaml", source)]).converted();
    let mut count = 0;
    for block in blocks.filter(|block| block.starts_with("toml\n")) {
        let (name, text) = block.strip_prefix("toml\n# file: ").unwrap().split_once('\n').unwrap();
        assert_eq!(file(&converted, name), text);
        count += 1;
    }
    assert_eq!(converted.files.len(), count);
}

/// What stands in for a program of the guide: says who it is.
const PROGRAM: &str =
    "#!/bin/sh\necho \"up ${0##*/} $* as $(id -un) in $PWD for $DATABASE_URL\" >> $EVENTS\nexec sleep 1000\n";

#[test]
fn the_example_of_the_guide_runs() {
    needs_namespace!();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/howto-replace-compose.md");
    let text = fs::read_to_string(page).unwrap();
    let source = text.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let world = World::new();
    fs::write(world.path().join("compose.yaml"), source).unwrap();
    for name in ["web", "worker", "redis-server"] {
        world.file(&format!("bin/{name}"), PROGRAM);
    }
    world.file("bin/migrate", "#!/bin/sh\necho \"up migrate\" >> $EVENTS\n");
    world.file("bin/redis-cli", "#!/bin/sh\necho PONG\n");
    let place = world.fill("mount -t tmpfs -o mode=755 srv /srv; mkdir /srv/shop; chmod 755 WORLD/bin/*; export PATH=WORLD/bin:$PATH");
    let config = world.fill("WORLD/compose.yaml");
    let mut c = Setup::new().prelude(&place).arguments(&["run", "--import", "compose", &config]).start();
    c.wait_event("up web --port 8080 as www-data in /srv/shop for postgres://db.example.com/shop");
    c.wait_events("up worker  as www-data in /srv/shop for postgres://db.example.com/shop", 2);
    c.terminate();
    c.expect_exit(0);
}
