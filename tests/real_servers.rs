//! Claims about real servers under one tree: redis, postgres with its initialisation, and nginx in front of a small
//! app that uses both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::Read as _;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Container, LONG, Source, World, eventually, find_program, needs_servers};

const REDIS: (&str, &str) = ("redis-server", "redis-server");
const POSTGRES: (&str, &str) = ("initdb", "postgresql");
const NGINX: (&str, &str) = ("nginx", "nginx-light");
const APP: (&str, &str) = ("busybox", "busybox-static");

/// How their main processes look.
const MAINS: [&str; 4] =
    ["redis-server 127.0.0.1", "bin/postgres -D", "busybox httpd", "nginx: master process"];

const DB: usize = 1;

/// What the default budget allows, and what a loaded machine takes to notice.
const BUDGET: Duration = Duration::from_secs(10);

fn tree() -> World {
    let world = World::new();
    world.file(
        "nginx.conf",
        "daemon off; user www-data; worker_processes 2; pid WORLD/nginx.pid; error_log stderr notice;
         events {}
         http {
             access_log off;
             server { listen 127.0.0.1:8080; location / { proxy_pass http://127.0.0.1:8081; } }
         }",
    );
    world.file(
        "www/cgi-bin/visit",
        "#!/bin/sh
         set -e
         rows=$(psql -qtAc 'insert into visits default values; select count(*) from visits')
         hits=$(redis-cli incr hits)
         printf 'Content-Type: text/plain\\r\\n\\r\\nrows %s hits %s\\n' \"$rows\" \"$hits\"\n",
    );
    // Answers when somebody writes a line into the FIFO.
    world.file(
        "www/cgi-bin/slow",
        "#!/bin/sh
         echo 'up slow' >> WORLD/asked
         read -r line < WORLD/answer
         printf 'Content-Type: text/plain\\r\\n\\r\\n%s\\n' \"$line\"\n",
    );
    for name in ["asked", "answer"] {
        nix::unistd::mkfifo(&world.path().join(name), nix::sys::stat::Mode::empty()).unwrap();
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        std::fs::set_permissions(world.path().join(name), everybody).unwrap();
    }
    world
}

fn start(world: &World) -> Container {
    let bin = find_program("initdb").unwrap();
    let bin = bin.parent().unwrap().to_str().unwrap();
    let database = format!("user = \"postgres\"\ncommand = [\"{bin}/");
    world
        .setup(&[
            (
                "directories",
                "type = \"oneshot\"
                 script = \"install -d -m 700 -o redis WORLD/redis; install -d -m 700 -o postgres WORLD/postgres\"",
            ),
            (
                "redis",
                "requires = [\"directories\"]
                 command = \"redis-server --bind 127.0.0.1 --dir WORLD/redis --appendonly yes\"
                 user = \"redis\"",
            ),
            (
                "db-init",
                &(database.clone()
                    + "initdb\", \"-D\", \"WORLD/postgres\", \"-A\", \"trust\", \"--locale=C\"]
                       type = \"oneshot\"
                       requires = [\"directories\"]
                       when.path = \"!WORLD/postgres/PG_VERSION\""),
            ),
            (
                "db",
                &(database.clone()
                    + "postgres\", \"-D\", \"WORLD/postgres\", \"-k\", \"\"]
                       requires = [\"db-init\"]
                       stop.signal = \"SIGINT\""),
            ),
            (
                "db-ready",
                "type = \"oneshot\"
                 requires = [\"db\"]
                 script = \"until pg_isready -q -h 127.0.0.1 -U postgres; do sleep 0.05; done\"",
            ),
            (
                "app",
                "requires = [\"db-ready\", \"redis\"]
                 user = \"www-data\"
                 environment = { PGHOST = \"127.0.0.1\", PGUSER = \"postgres\", PGDATABASE = \"postgres\" }
                 script = '''
                 set -e
                 psql -qc 'create table if not exists visits (at timestamptz default now())'
                 redis-cli ping
                 exec busybox httpd -f -p 127.0.0.1:8081 -h WORLD/www
                 '''",
            ),
            (
                "nginx",
                "requires = [\"app\"]
                 command = \"nginx -e stderr -c WORLD/nginx.conf\"
                 stop.signal = \"SIGQUIT\"",
            ),
        ])
        .start()
}

const VISIT: [&str; 4] = ["busybox", "wget", "-qO-", "http://127.0.0.1:8080/cgi-bin/visit"];
const SLOW: [&str; 4] = ["busybox", "wget", "-qO-", "http://127.0.0.1:8080/cgi-bin/slow"];

#[track_caller]
fn all_answer(c: &Container) {
    c.wait_answer(&VISIT, "hits");
    c.wait_answer(&["redis-cli", "ping"], "PONG");
    c.wait_answer(&["psql", "-h", "127.0.0.1", "-U", "postgres", "-tAc", "select 6 * 7"], "42");
}

fn mains(c: &Container) -> [u32; 4] {
    MAINS.map(|main| c.server_pid(main))
}

#[track_caller]
fn nothing_was_said(c: &Container) {
    let said = c.lines().into_iter().find(|l| l.source == Source::Stderr && l.text.starts_with("foster"));
    c.check(said.is_none(), &format!("nothing went wrong, yet foster said {said:?}"));
}

#[test]
fn servers_start_in_order_stop_cleanly_and_find_their_data_again() {
    needs_servers!(REDIS, POSTGRES, NGINX, APP);
    let world = tree();
    let mut c = start(&world);
    all_answer(&c);
    let [redis, db, app, nginx] = mains(&c);
    c.check(redis < app && db < app && app < nginx, "not started in order");
    c.check(c.printed(&["db-init", "Success"]), "the database was not initialised");
    c.wait_answer(&["redis-cli", "set", "kept", "yes"], "OK");
    c.stop_within(BUDGET);
    c.check(c.printed(&["db ", "database system is shut down"]), "postgres did not end well");
    c.check(c.printed(&["redis ", "ready to exit, bye bye"]), "redis did not end well");
    c.check(c.printed(&["nginx ", "gracefully shutting down"]), "nginx did not end well");
    c.check(c.printed(&["nginx ", "#", ": exit"]), "nginx did not end");
    nothing_was_said(&c);

    let mut c = start(&world);
    all_answer(&c);
    c.check(!c.printed(&["db-init"]), "the database was initialised again");
    c.check(c.printed(&["db ", "database system was shut down at"]), "postgres does not know of its end");
    c.check(!c.printed(&["recovery"]) && !c.printed(&["interrupted"]), "postgres had to recover");
    c.wait_answer(&["redis-cli", "get", "kept"], "yes");
    let visits = String::from_utf8(c.ask(&VISIT).stdout).unwrap();
    let numbers: Vec<u32> = visits.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    c.check(matches!(numbers[..], [rows, hits] if rows >= 3 && hits >= 3), &format!("lost visits: {visits}"));
    c.stop_within(BUDGET);
    nothing_was_said(&c);
}

#[test]
fn each_killed_server_is_replaced_and_the_others_go_on() {
    needs_servers!(REDIS, POSTGRES, NGINX, APP);
    let world = tree();
    let mut c = start(&world);
    all_answer(&c);
    c.wait_answer(&["redis-cli", "set", "kept", "yes"], "OK");
    for (killed, &command) in MAINS.iter().enumerate() {
        let before = mains(&c);
        let workers = c.all_of("nginx");
        let successor = c.replace(command);
        all_answer(&c);
        let mut expected = before;
        // A postgres that comes too early, while a process of the former is still ending, is restarted once more.
        expected[killed] = if killed == DB { c.server_pid(command) } else { successor };
        c.check(mains(&c) == expected, &format!("{command} was killed; {before:?} became {:?}", mains(&c)));
        if killed == 3 {
            let left = c.all_of("nginx").into_iter().find(|pid| workers.contains(pid));
            c.check(left.is_none(), &format!("worker {left:?} of the killed nginx is left"));
        } else {
            c.check(c.all_of("nginx") == workers, "nginx was disturbed");
        }
        c.check(eventually(LONG, || c.zombies().is_empty()), "zombies are left");
    }
    c.wait_line(&["db ", "database system was not properly shut down; automatic recovery"]);
    c.check(!c.printed(&["address already in use"]), "the former server still held the port");
    c.wait_answer(&["redis-cli", "get", "kept"], "yes");
    let said: Vec<String> =
        c.lines().into_iter().map(|line| line.text).filter(|t| t.starts_with("foster")).collect();
    for name in ["redis", "db", "app", "nginx"] {
        let told = format!("foster | {name}: was killed by SIGKILL; restarting it now");
        let count = said.iter().filter(|line| line.split_whitespace().eq(told.split_whitespace())).count();
        c.check(count == 1, "one line for each failure");
    }
    c.check(
        said.iter().all(|line| line.contains("SIGKILL") || line.contains(" db: ")),
        "others were told of",
    );
    c.stop_within(BUDGET);
    let ends =
        c.lines().into_iter().filter(|line| line.text.contains("database system is shut down")).count();
    c.check(ends == 1, "postgres did not end well after its recovery");
}

/// Starts a request and gives what it will say; `WORLD/answer` makes the app answer.
fn ask_slowly(c: &Container, world: &World) -> std::process::Child {
    let child = c.exec(&SLOW).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The other end is opened once the app has the request.
    let mut asked = String::new();
    std::fs::File::open(world.path().join("asked")).unwrap().read_to_string(&mut asked).unwrap();
    assert_eq!(asked, "up slow\n");
    child
}

#[test]
fn a_request_in_flight_is_answered_before_the_end() {
    needs_servers!(REDIS, POSTGRES, NGINX, APP);
    let world = tree();
    let mut c = start(&world);
    all_answer(&c);
    let request = ask_slowly(&c, &world);
    c.terminate();
    c.wait_line(&["nginx ", "gracefully shutting down"]);
    c.check(c.server("busybox httpd").is_some(), "the app was stopped before nginx had ended");
    std::fs::write(world.path().join("answer"), "at last\n").unwrap();
    let output = request.wait_with_output().unwrap();
    c.check(output.stdout == b"at last\n", &format!("the request was cut off: {output:?}"));
    let exit = c.expect_exit(0);
    c.check(exit.after <= BUDGET, "took longer than its budget");
    c.check(c.printed(&["db ", "database system is shut down"]), "postgres did not end well");
    nothing_was_said(&c);
}

#[test]
fn a_worker_that_lingers_is_gone_before_the_next_nginx_runs() {
    needs_servers!(REDIS, POSTGRES, NGINX, APP);
    let world = tree();
    let mut c = start(&world);
    all_answer(&c);
    let mut request = ask_slowly(&c, &world);
    let workers = c.all_of("nginx");
    let killed = Instant::now();
    let successor = c.replace("nginx: master process");
    // The worker with the request has the stop timeout, five seconds, for it.
    c.check(killed.elapsed() >= Duration::from_secs(4), "the worker was not given its time");
    c.check(c.all_of("nginx").iter().all(|pid| !workers.contains(pid)), "the worker is left");
    request.wait().unwrap();
    std::fs::write(world.path().join("answer"), "too late\n").unwrap();
    all_answer(&c);
    c.check(c.server_pid("nginx: master process") == successor, "nginx was restarted again");
    c.check(!c.printed(&["address already in use"]), "the former server still held the port");
    c.check(eventually(LONG, || c.zombies().is_empty()), "zombies are left");
    c.stop_within(BUDGET);
}

#[test]
fn two_hundred_probes_leave_no_zombie_and_disturb_nobody() {
    needs_servers!(REDIS, POSTGRES, NGINX, APP);
    let world = tree();
    let mut c = start(&world);
    all_answer(&c);
    let before = mains(&c);
    // A probe that is killed at its timeout leaves a child of its own behind, as pg_isready in a shell does.
    let probe = "redis-cli ping > /dev/null; (sleep 0.02 &); sleep 0.01 & \
                 test $(($1 % 4)) = 0 || exit 0; pg_isready -q -h 127.0.0.1 & kill -9 $$";
    for number in 0..200 {
        let _ = c.ask(&["/bin/sh", "-c", probe, "probe", &number.to_string()]);
    }
    let left = || c.processes().into_iter().filter(|one| one.state == 'Z' || one.name == "sleep").count();
    c.check(eventually(LONG, || left() == 0), &format!("left of the probes: {:#?}", c.zombies()));
    c.check(mains(&c) == before, "a server was disturbed");
    nothing_was_said(&c);
    c.stop_within(BUDGET);
    nothing_was_said(&c);
}

#[test]
fn a_backend_that_outlives_its_postmaster_delays_the_restart_and_nothing_else() {
    needs_servers!(REDIS, POSTGRES, NGINX, APP);
    let world = tree();
    let mut c = start(&world);
    all_answer(&c);
    let before = mains(&c);
    // It does not look whether its postmaster lives, and is in a session of its own.
    let busy = "do $$ begin loop end loop; end $$";
    let mut query = c
        .exec(&["psql", "-h", "127.0.0.1", "-U", "postgres", "-c", busy])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let backend = || c.processes().into_iter().find(|one| one.command_line().ends_with(" DO"));
    c.check(eventually(LONG, || backend().is_some()), "no query runs");
    c.kill_server(MAINS[DB]);
    c.wait_line(&["db ", "pre-existing shared memory block"]);
    c.wait_line(&["foster", "db: exited with code 1; restarting it in"]);
    support::signal(backend().expect("the query runs").outside, libc::SIGTERM);
    all_answer(&c);
    query.wait().unwrap();
    let mut expected = before;
    expected[DB] = c.server_pid(MAINS[DB]);
    c.check(mains(&c) == expected, "others were disturbed");
    c.check(eventually(LONG, || c.zombies().is_empty()), "zombies are left");
    c.stop_within(BUDGET);
}

#[test]
fn whoever_is_killed_by_a_second_stop_is_named_with_its_service() {
    needs_servers!(REDIS, POSTGRES, NGINX, APP);
    let world = tree();
    let mut c = start(&world);
    all_answer(&c);
    let request = ask_slowly(&c, &world);
    c.terminate();
    c.wait_line(&["nginx ", "gracefully shutting down"]);
    c.terminate();
    c.expect_exit(0);
    request.wait_with_output().unwrap();
    // Its title has overwritten its environment. It may be gone before the names are taken.
    let named = c.printed(&["left with SIGKILL", ", of redis)"]) || !c.printed(&["redis-server (pid"]);
    c.check(named && c.printed(&["asked to stop again"]), "redis is named without its service");
}
