//! Claims about real servers under one tree: mariadb with its installation, php-fpm behind nginx, and cron.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;
use support::{Container, LONG, Source, World, eventually, find_program, needs_servers};

const MARIADB: (&str, &str) = ("mariadbd", "mariadb-server");
const PHP: (&str, &str) = ("php-fpm", "php-fpm");
const NGINX: (&str, &str) = ("nginx", "nginx-light");
const CRON: (&str, &str) = ("cron", "cron");
const CLIENT: (&str, &str) = ("busybox", "busybox-static");

const MAINS: [&str; 4] = ["mariadbd --no-defaults", "php-fpm: master", "nginx: master", "cron -f"];

/// What the default budget allows, and what a loaded machine takes to notice.
const BUDGET: Duration = Duration::from_secs(10);

fn tree() -> World {
    let world = World::new();
    world.file(
        "nginx.conf",
        "daemon off; user www-data; worker_processes 1; pid WORLD/nginx.pid; error_log stderr notice;
         events {}
         http {
             access_log off;
             server {
                 listen 127.0.0.1:8080;
                 location / {
                     fastcgi_pass unix:WORLD/run/php.sock;
                     fastcgi_param SCRIPT_FILENAME WORLD/www/index.php;
                     fastcgi_param REQUEST_METHOD $request_method;
                 }
             }
         }",
    );
    world.file(
        "php-fpm.conf",
        "[global]
         error_log = /proc/self/fd/2
         daemonize = no
         [www]
         user = www-data
         listen = WORLD/run/php.sock
         listen.mode = 0666
         pm = static
         pm.max_children = 2\n",
    );
    world.file("www/index.php", "<?php echo 'answer ', 6 * 7, \"\\n\";\n");
    world
}

/// What cron is to run once, at its start: a job that serves, and leaves orphans behind at once.
const JOB: &str = "#!/bin/sh
    for number in 1 2 3 4 5 6 7 8; do (setsid sleep 0.0$number &); done
    echo \"up job $$\" >> \"$1\"
    trap 'echo term job >> \"$1\"; exit 0' TERM
    while :; do sleep 1 & wait $!; done\n";

/// A tree with cron, whose jobs are those of this test only.
fn with_cron(world: &World, services: &[(&str, &str)]) -> Container {
    world.file("job", JOB);
    world.file("crontab", "SHELL=/bin/sh");
    let prelude = world.fill(
        "mount -t tmpfs -o mode=755 run /run
         mount -t tmpfs -o mode=755 jobs /etc/cron.d
         mount -t tmpfs -o mode=700 tables /var/spool/cron
         mkdir /var/spool/cron/crontabs
         mount --bind WORLD/crontab /etc/crontab
         echo \"@reboot root WORLD/job $EVENTS\" > /etc/cron.d/job",
    );
    world
        .setup(services)
        .service("cron", "command = \"cron -f\"\nrestart = { factor = 1, limit = \"unlimited\" }")
        .prelude(&prelude)
        .start()
}

/// cron runs those jobs at the first start after a boot only, and leaves this mark.
#[track_caller]
fn pretend_boot(c: &Container) {
    c.check(c.ask(&["rm", "/run/crond.reboot"]).status.success(), "cron left no mark");
}

fn start(world: &World) -> Container {
    let php = find_program("php-fpm").unwrap();
    let php = php.to_str().unwrap();
    let mariadb = "user = \"mysql\"\nrequires = [\"directories\"]\n";
    with_cron(
        world,
        &[
            (
                "directories",
                "type = \"oneshot\"
             script = \"install -d -m 700 -o mysql WORLD/mysql; install -d WORLD/run\"",
            ),
            (
                "db-init",
                &(mariadb.to_owned()
                    + "type = \"oneshot\"
                   command = \"mariadb-install-db --no-defaults --datadir=WORLD/mysql --skip-test-db\"
                   when.path = \"!WORLD/mysql/mysql\""),
            ),
            (
                "db",
                "user = \"mysql\"
             requires = [\"db-init\"]
             command = \"mariadbd --no-defaults --datadir=WORLD/mysql --socket=WORLD/mysql/socket \
               --pid-file=WORLD/mysql/pid --bind-address=127.0.0.1 --innodb-buffer-pool-size=16M\"",
            ),
            (
                "db-ready",
                "type = \"oneshot\"
             requires = [\"db\"]
             script = \"until mariadb-admin --socket WORLD/mysql/socket ping; do sleep 0.05; done 2>&1 >&-\"",
            ),
            (
                "php",
                &format!(
                    "requires = [\"directories\", \"db-ready\"]
                 command = \"{php} --nodaemonize --fpm-config WORLD/php-fpm.conf\"
                 stop.signal = \"SIGQUIT\""
                ),
            ),
            (
                "nginx",
                "requires = [\"php\"]
             command = \"nginx -e stderr -c WORLD/nginx.conf\"
             stop.signal = \"SIGQUIT\"",
            ),
        ],
    )
}

fn query<'a>(socket: &'a str, sql: &'a str) -> [&'a str; 6] {
    ["mariadb", "--no-defaults", "--socket", socket, "-Ne", sql]
}

const WRITE: &str = "create database kept; create table kept.t (n int); insert into kept.t values (7)";

#[track_caller]
fn all_answer(c: &Container, world: &World) {
    c.wait_answer(&["busybox", "wget", "-qO-", "http://127.0.0.1:8080/"], "answer 42");
    c.wait_answer(&query(&world.fill("WORLD/mysql/socket"), "select 6 * 7"), "42");
}

#[test]
fn servers_and_their_jobs_start_stop_and_find_their_data_again() {
    needs_servers!(MARIADB, PHP, NGINX, CRON, CLIENT);
    let world = tree();
    let socket = world.fill("WORLD/mysql/socket");
    for round in 0..2 {
        let mut c = start(&world);
        all_answer(&c, &world);
        c.wait_event("up job");
        let [db, php, nginx, _] = MAINS.map(|main| c.server_pid(main));
        c.check(db < php && php < nginx, "not started in order");
        if round == 0 {
            c.check(
                c.ask(&query(&socket, "create table test.kept (n int)")).status.code() == Some(1),
                "no test",
            );
            let sql = "create database kept; create table kept.t (n int); insert into kept.t values (7)";
            c.check(c.ask(&query(&socket, sql)).status.success(), "cannot write");
        } else {
            c.wait_answer(&query(&socket, "select n from kept.t"), "7");
            c.check(!c.printed(&["db-init"]), "the database was installed again");
            c.check(!c.printed(&["crash recovery"]), "mariadb had to recover");
        }
        c.stop_within(BUDGET);
        c.check(c.printed(&["db ", "mariadbd: Shutdown complete"]), "mariadb did not end well");
        c.check(c.printed(&["php ", "exiting, bye-bye!"]), "php-fpm did not end well");
        c.check(c.printed(&["nginx ", "gracefully shutting down"]), "nginx did not end well");
        // cron does not stop its jobs.
        c.position("term job");
        let said = c.lines().into_iter().find(|l| l.source == Source::Stderr && l.text.starts_with("foster"));
        c.check(said.is_none(), &format!("nothing went wrong, yet foster said {said:?}"));
    }
}

#[test]
fn each_killed_server_is_replaced_and_the_others_go_on() {
    needs_servers!(MARIADB, PHP, NGINX, CRON, CLIENT);
    let world = tree();
    let mut c = start(&world);
    all_answer(&c, &world);
    c.wait_event("up job");
    let socket = world.fill("WORLD/mysql/socket");
    c.check(c.ask(&query(&socket, WRITE)).status.success(), "cannot write");
    for (killed, command) in MAINS.iter().enumerate() {
        let mut expected = MAINS.map(|main| c.server_pid(main));
        let name = ["mariadbd", "php-fpm", "nginx", "cron"][killed];
        let before: Vec<u32> = family(&c, name);
        if name == "cron" {
            pretend_boot(&c);
        }
        expected[killed] = c.replace(command);
        all_answer(&c, &world);
        if name == "cron" {
            c.wait_events("up job", 2);
        }
        let after = MAINS.map(|main| c.server_pid(main));
        c.check(after == expected, &format!("{name} was killed: {expected:?} became {after:?}"));
        let left = family(&c, name).into_iter().find(|pid| before.contains(pid));
        c.check(left.is_none(), &format!("process {left:?} of the killed {name} is left"));
        c.check(eventually(LONG, || c.zombies().is_empty()), "zombies are left");
    }
    c.wait_line(&["db ", "crash recovery"]);
    c.wait_answer(&query(&socket, "select n from kept.t"), "7");
    c.check(!c.printed(&["in use"]) && !c.printed(&["already listen"]), "a former server held its place");
    let said: Vec<_> = c.lines().into_iter().filter(|line| line.text.starts_with("foster")).collect();
    c.check(said.iter().all(|line| line.text.contains("was killed by SIGKILL")), "others were told of");
    let restarts = said.iter().filter(|line| line.text.ends_with("restarting it now")).count();
    c.check(restarts == MAINS.len(), "one restart for each that was killed");
    c.stop_within(BUDGET);
    c.check(
        c.events().iter().filter(|event| *event == "term job").count() == 2,
        "a job was not asked to stop",
    );
}

fn family(c: &Container, name: &str) -> Vec<u32> {
    let of = |one: &support::Process| one.name.to_lowercase().starts_with(name);
    c.processes().iter().filter(|one| of(one)).map(|one| one.inside).collect()
}

#[test]
fn orphans_of_cron_jobs_are_reaped() {
    needs_servers!(CRON);
    let world = World::new();
    let mut c = with_cron(&world, &[]);
    for round in 1..=10 {
        c.wait_events("up job", round);
        c.check(
            eventually(LONG, || {
                let left = c.processes();
                !left.iter().any(|one| one.state == 'Z' || one.command_line().starts_with("sleep 0.0"))
            }),
            "orphans are left",
        );
        if round < 10 {
            pretend_boot(&c);
            c.kill_server("cron -f");
        }
    }
    c.stop_within(BUDGET);
    c.check(
        c.events().iter().filter(|event| *event == "term job").count() == 10,
        "a job was not asked to stop",
    );
}
