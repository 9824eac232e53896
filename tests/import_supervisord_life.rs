//! Claims about what runs: the example of the guide under Debian's supervisord and under foster, and real servers from
//! one of supervisord's files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;
mod support;

use foster::config::import::Kind;
use import_room::{Source as Imported, file};
use std::fs;
use std::path::Path;
use std::time::Duration;
use support::{Container, LONG, Setup, World, find_program, needs_servers};

const SUPERVISORD: (&str, &str) = ("supervisord", "supervisor");
const PHP: (&str, &str) = ("php-fpm", "php-fpm");
const NGINX: (&str, &str) = ("nginx", "nginx-light");
const REDIS: (&str, &str) = ("redis-server", "redis-server");
const CLIENT: (&str, &str) = ("busybox", "busybox-static");

/// The blocks of the guide's example: the source, and the files that it becomes.
fn example() -> (String, Vec<(String, String)>) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/howto-replace-supervisord.md");
    let text = fs::read_to_string(page).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with("An example")).unwrap();
    let mut blocks = section.split("```").skip(1).step_by(2);
    let source = blocks.next().unwrap().strip_prefix("text\n").unwrap().to_owned();
    let files = blocks.map(|block| {
        let (name, text) = block.strip_prefix("toml\n# file: ").unwrap().split_once('\n').unwrap();
        (name.to_owned(), text.to_owned())
    });
    (source, files.collect())
}

#[test]
fn the_example_of_the_guide_is_what_the_import_makes() {
    let (source, files) = example();
    let source = Imported::new(Kind::Supervisord, "s.conf", &[("s.conf", &source)]);
    let converted = source.converted();
    assert_eq!(converted.files.len(), files.len());
    for (name, text) in &files {
        assert_eq!(file(&converted, name), text);
    }
}

/// Says who it is, and what it is told. It waits without a child: one that is told to end between its fork and its exec
/// does not hear it.
const PROGRAM: &str = "#!/bin/sh
    name=${0##*/}
    echo \"$name $* as $(id -un) in $PWD in mode $MODE\"
    echo \"$name complains\" >&2
    trap 'echo \"$name got TERM\"; exit 0' TERM
    trap 'echo \"$name got INT\"; exit 0' INT
    wait=$(mktemp -u); mkfifo $wait; exec 3<>$wait; rm $wait
    echo \"up $name\" >> $EVENTS
    while :; do read -r line <&3; done\n";

/// A place for the programs that the example names.
fn place(world: &World) -> String {
    world.file("app", PROGRAM);
    world.file("worker", PROGRAM);
    world.fill(
        "mount -t tmpfs -o mode=755 run /run; mount -t tmpfs -o mode=755 srv /srv; cp WORLD/app WORLD/worker /srv",
    )
}

/// What is to be seen of a container: its processes but for the supervisor and sleeps, its lines without prefixes, and
/// its exit code.
fn observed(mut c: Container) -> (Vec<String>, Vec<String>, i32) {
    c.wait_events("up worker", 2);
    c.wait_event("up app");
    c.wait_line(&["worker complains"]);
    c.wait_line(&["app complains"]);
    let mut processes: Vec<String> = c
        .processes()
        .iter()
        .filter(|process| matches!(process.name.as_str(), "app" | "worker"))
        .map(|process| {
            let status = fs::read_to_string(format!("/proc/{}/status", process.outside)).unwrap();
            let ids: Vec<&str> =
                status.lines().filter(|line| line.starts_with("Uid:") || line.starts_with("Gid:")).collect();
            let at = fs::read_link(format!("/proc/{}/cwd", process.outside)).unwrap();
            format!("{} {ids:?} {}", process.command_line(), at.display())
        })
        .collect();
    processes.sort();
    // What waits for a child beside it would be counted twice.
    processes.dedup();
    c.terminate();
    let code = c.wait_exit(Duration::from_secs(30)).code;
    let mut lines: Vec<String> = c
        .lines()
        .iter()
        .map(|line| line.text.split_once("| ").map_or(line.text.as_str(), |(_, text)| text).to_owned())
        .filter(|text| text.starts_with("app ") || text.starts_with("worker "))
        .collect();
    lines.sort();
    (processes, lines, code)
}

#[test]
fn the_example_of_the_guide_does_the_same_before_and_after() {
    needs_servers!(SUPERVISORD);
    let (source, files) = example();
    let world = World::new();
    let place = place(&world);
    fs::write(world.path().join("supervisord.conf"), &source).unwrap();
    for (name, text) in &files {
        world.file(&format!("services/{name}"), text);
    }
    let before = world.fill(&format!("{place}; exec supervisord -n -c WORLD/supervisord.conf"));
    let before = observed(Setup::new().prelude(&before).start());
    let services = world.fill("WORLD/services");
    let setup = || Setup::new().prelude(&place);
    let after = observed(setup().arguments(&["run", &services]).start());
    assert_eq!(before, after);
    let (processes, lines, code) = after;
    assert_eq!((processes.len(), lines.len(), code), (2, 9, 0), "{processes:#?}\n{lines:#?}");
    // And as it is, without a conversion.
    let config = world.fill("WORLD/supervisord.conf");
    let imported = observed(setup().arguments(&["run", "--import", "supervisord", &config]).start());
    assert_eq!((processes, lines, code), imported);
}

#[test]
fn real_servers_of_one_supervisord_conf_serve_under_foster_and_stop_with_it() {
    needs_servers!(PHP, NGINX, REDIS, CLIENT);
    let world = World::new();
    world.file(
        "nginx.conf",
        "user www-data; worker_processes 1; pid WORLD/nginx.pid; error_log stderr notice;
         events {}
         http {
             access_log off;
             server {
                 listen 127.0.0.1:8080;
                 location / {
                     fastcgi_pass unix:WORLD/php.sock;
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
         [www]
         user = www-data
         listen = WORLD/php.sock
         listen.mode = 0666
         pm = static
         pm.max_children = 2\n",
    );
    world.file("www/index.php", "<?php echo 'answer ', 6 * 7, \"\\n\";\n");
    world.file(
        "supervisord.conf",
        "[supervisord]
         nodaemon=true
         [include]
         files=conf.d/*.conf",
    );
    world.file(
        "conf.d/web.conf",
        &format!(
            "[program:php]
             command={} -F --fpm-config WORLD/php-fpm.conf
             stdout_logfile=/dev/stdout
             stdout_logfile_maxbytes=0
             stopsignal=QUIT
             priority=5
             [program:nginx]
             command=nginx -e stderr -c WORLD/nginx.conf -g 'daemon off;'   ; in the foreground
             stopsignal=QUIT
             autorestart=true
             startretries=0
             priority=10",
            find_program("php-fpm").unwrap().display()
        ),
    );
    world.file(
        "conf.d/redis.conf",
        "[program:redis]
         command=redis-server --bind 127.0.0.1 --dir WORLD --save ''
         user=nobody
         redirect_stderr=true
         stdout_logfile=WORLD/log/redis.log
         stdout_logfile_maxbytes=1MB
         stopasgroup=true",
    );
    let config = world.fill("WORLD/supervisord.conf");
    let mut c = Setup::new().network().arguments(&["run", "--import", "supervisord", &config]).start();
    c.wait_answer(&["busybox", "wget", "-qO-", "http://127.0.0.1:8080/"], "answer 42\n");
    c.wait_answer(&["redis-cli", "ping"], "PONG\n");
    let user = c.server_pid("redis-server 127.0.0.1");
    let status = c.ask(&["cat", &format!("/proc/{user}/status")]);
    assert!(String::from_utf8_lossy(&status.stdout).contains("Uid:\t65534\t65534"), "redis runs as nobody");
    let log = world.path().join("log/redis.log");
    c.check(fs::read_to_string(log).is_ok_and(|text| text.contains("Ready to accept connections")), "no log");
    c.replace("nginx: master");
    c.wait_answer(&["busybox", "wget", "-qO-", "http://127.0.0.1:8080/"], "answer 42\n");
    let exit = c.stop_within(LONG);
    assert_eq!(exit.code, 0);
}
