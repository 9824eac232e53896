//! Claims about the shapes that supervisord.conf has in images: each fixture, imported, starts under foster with the programs
//! that it names, and serves, speaks, stops and ends as its file says. Here: what serves pages, and what works behind them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod shape_room;
mod support;

use shape_room::{CLIENT, NGINX, PHP, PHP_CLI, Shape, as_it_is, page, printed_in_order, users};
use std::fs;
use support::{LONG, World, find_program, needs_servers};

const APACHE: (&str, &str) = ("apache2", "apache2");
const CRON: (&str, &str) = ("cron", "cron");
const GUNICORN: (&str, &str) = ("gunicorn", "gunicorn");
const POSTGRES: (&str, &str) = ("postgres", "postgresql");
const PYTHON: (&str, &str) = ("python3", "python3");

const NGINX_CONF: &str = "user www-data; worker_processes 1; pid WORLD/nginx.pid; error_log stderr notice;
     events {}
     http {
         access_log off;
         server {
             listen 127.0.0.1:8080;
             location / { PASS }
         }
     }";

fn nginx(world: &World, daemon: &str, pass: &str) {
    world.file("nginx.conf", &format!("{daemon}{}", NGINX_CONF.replace("PASS", pass)));
}

#[test]
fn php_fpm_and_nginx_serve_and_an_end_that_is_not_restarted_is_that_of_the_container() {
    needs_servers!(PHP, NGINX, CLIENT);
    let world = World::new();
    nginx(
        &world,
        "",
        "fastcgi_pass unix:WORLD/php.sock;
         fastcgi_param SCRIPT_FILENAME WORLD/www/index.php;
         fastcgi_param REQUEST_METHOD $request_method;",
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
    let php = find_program("php-fpm").unwrap();
    let version = php.to_str().unwrap().rsplit("php-fpm").next().unwrap().to_owned();
    let shape = Shape::new(&world, "php-nginx.conf", &[], &[], 0);
    let shape = shape.prelude(&format!(
        "mount --bind WORLD/nginx.conf /etc/nginx/nginx.conf
         mount --bind WORLD/php-fpm.conf /etc/php/{version}/fpm/php-fpm.conf
         mount -t tmpfs programs /usr/local/sbin
         ln -s {} /usr/local/sbin/php-fpm",
        php.display()
    ));
    let mut c = shape.start();
    page(&c, 8080, "answer 42");
    c.check(users(&c, "php-fpm: pool") == ["www-data"; 2], "not the users of the pool");
    c.check(users(&c, "nginx: worker") == ["www-data"], "not the user of nginx");
    c.check(c.server_pid("php-fpm: master") < c.server_pid("nginx: master"), "not in the order of priority");
    c.wait_line(&["php-fpm", "ready to handle connections"]);
    c.replace("nginx: master");
    page(&c, 8080, "answer 42");
    c.stop_within(LONG);
    printed_in_order(&c, &[&["nginx", "gracefully shutting down"], &["php-fpm", "exiting, bye-bye!"]]);

    let mut c = shape.start();
    page(&c, 8080, "answer 42");
    c.kill_server("php-fpm: master");
    c.expect_exit(128 + libc::SIGKILL);
    c.check(c.printed(&["nginx", "gracefully shutting down"]), "nginx did not end well");
}

const ARTISAN: &str = "<?php
    $who = posix_getpwuid(posix_geteuid())['name'];
    switch ($argv[1]) {
    case 'serve':
        [$host, $port] = [substr($argv[2], 7), substr($argv[3], 7)];
        pcntl_exec('/usr/bin/php', ['-S', \"$host:$port\", 'router.php']);
    case 'queue:work':
        pcntl_async_signals(true);
        pcntl_signal(SIGTERM, function () { echo \"the job is finished\\n\"; exit(0); });
        echo \"working as $who\\n\";
        file_put_contents(getenv('EVENTS'), \"up queue\\n\", FILE_APPEND);
        while (true) sleep(1);
    case 'schedule:run':
        echo \"the schedule runs as $who\\n\";
    }\n";

#[test]
fn a_php_application_serves_with_its_workers_its_scheduler_and_its_shards() {
    needs_servers!(PHP_CLI, CLIENT);
    let world = World::new();
    world.file("shop/artisan", ARTISAN);
    world.file(
        "shop/router.php",
        "<?php echo 'shop in ', getenv('APP_ENV'), ' by ', posix_getpwuid(posix_geteuid())['name'];",
    );
    // The first ends with a code that counts as a success, the second one fails once.
    world.file(
        "shop/bin/shard",
        "#!/bin/sh
         echo \"shard $*\"
         [ $2 != 7000 ] || exit 3
         if mkdir /run/failed 2> /dev/null; then exit 1; fi
         echo \"up shard $2\" >> $EVENTS
         exec sleep 1000",
    );
    world.file("shop/storage/logs/.keep", "");
    let shape = Shape::new(&world, "laravel.conf", &[], &[("PORT", "8123")], 0);
    let shape = shape
        .prelude("mount -t tmpfs -o mode=755 srv /srv; mkdir /srv/shop; mount --bind WORLD/shop /srv/shop");
    let mut c = shape.start();
    page(&c, 8123, "shop in production by www-data");
    c.wait_events("up queue", 4);
    c.check(users(&c, "queue:work") == ["www-data"; 4], "not the users of the workers");
    c.wait_line(&["scheduler", "the schedule runs as www-data"]);
    c.wait_event("up shard 7001");
    c.wait_state("shard_0", "done");
    c.check(!c.printed(&["queue", "working"]), "the log of the workers is shown");
    c.stop_within(LONG);
    for number in 1..=4 {
        let log = fs::read_to_string(world.path().join(format!("shop/storage/logs/queue_{number}.log")));
        assert_eq!(log.unwrap(), "working as www-data\nthe job is finished\n");
    }
}

#[test]
fn apache_serves_beside_a_cron_that_is_replaced() {
    needs_servers!(APACHE, CRON, CLIENT);
    let world = World::new();
    world.file(
        "apache2.conf",
        "ServerRoot /etc/apache2
         ServerName localhost
         PidFile /run/apache2.pid
         Mutex file:/run default
         LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
         LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
         LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
         User www-data
         Group www-data
         Listen 127.0.0.1:8080
         DocumentRoot WORLD/www
         DirectoryIndex index.txt
         LogFormat \"%m %U %>s\" short
         CustomLog /proc/self/fd/1 short
         ErrorLog /proc/self/fd/2",
    );
    world.file("www/index.txt", "a page of apache");
    world.file("apache2-foreground", "#!/bin/sh\nexec apache2 -D FOREGROUND \"$@\"");
    world.file("cron.sh", "#!/bin/sh\nexec cron -f");
    world.file("job", "#!/bin/sh\necho \"up job\" >> \"$1\"");
    world.file("crontab", "SHELL=/bin/sh");
    let shape = Shape::new(&world, "apache-cron.conf", &[("/cron.sh", "WORLD/cron.sh")], &[], 0);
    let shape = shape.prelude(
        "mount --bind WORLD/apache2.conf /etc/apache2/apache2.conf
         mount -t tmpfs programs /usr/local/bin
         cp WORLD/apache2-foreground /usr/local/bin
         mount -t tmpfs -o mode=755 jobs /etc/cron.d
         mount -t tmpfs -o mode=700 tables /var/spool/cron
         mkdir /var/spool/cron/crontabs
         mount --bind WORLD/crontab /etc/crontab
         echo \"@reboot root WORLD/job $EVENTS\" > /etc/cron.d/job",
    );
    let mut c = shape.start();
    page(&c, 8080, "a page of apache");
    c.wait_line(&["apache2", "GET /index.txt 200"]);
    c.check(users(&c, "apache2 -D").contains(&"www-data".to_owned()), "not the user of apache");
    c.wait_event("up job");
    // cron runs those jobs at the first start after a boot only, and leaves this mark.
    c.check(c.ask(&["rm", "/run/crond.reboot"]).status.success(), "cron left no mark");
    c.replace("cron -f");
    c.wait_events("up job", 2);
    page(&c, 8080, "a page of apache");
    c.stop_within(LONG);
    c.check(c.printed(&["apache2", "caught SIGTERM, shutting down"]), "apache did not end well");
}

#[test]
fn gunicorn_and_nginx_end_the_container_as_the_listener_did_and_with_the_code_of_what_failed() {
    needs_servers!(GUNICORN, NGINX, CLIENT);
    let world = World::new();
    let good = "def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'a page of gunicorn']\n";
    let app = || as_it_is(&world, "app/shop.py", good);
    let web = || nginx(&world, "daemon off;", "proxy_pass http://unix:WORLD/app.sock;");
    let gunicorn =
        "/usr/bin/gunicorn --chdir WORLD/app --bind unix:WORLD/app.sock --user www-data shop:application";
    let swaps = [("/usr/local/bin/uwsgi --ini /etc/uwsgi/uwsgi.ini --die-on-term --need-app", gunicorn)];
    let shape = Shape::new(&world, "listener", &swaps, &[], 0);
    let shape = shape.prelude("mount --bind WORLD/nginx.conf /etc/nginx/nginx.conf");
    let start = || {
        app();
        web();
        let c = shape.start();
        page(&c, 8080, "a page of gunicorn");
        c
    };

    let mut c = start();
    c.check(users(&c, "gunicorn").contains(&"www-data".to_owned()), "not the user of gunicorn");
    c.wait_line(&["uwsgi", "Booting worker"]);
    c.stop_within(LONG);
    c.check(c.printed(&["nginx", "gracefully shutting down"]), "nginx did not end well");
    c.check(c.printed(&["uwsgi", "Handling signal: term"]), "gunicorn did not end well");

    // A worker that cannot start is the end of gunicorn.
    let mut c = start();
    as_it_is(&world, "app/shop.py", "raise SystemError('no more')\n");
    let master = c.server("gunicorn").unwrap();
    let worker = c.processes().into_iter().find(|process| process.parent == master.outside).unwrap();
    support::signal(worker.outside, libc::SIGKILL);
    c.expect_exit(3);
    c.check(c.printed(&["uwsgi", "SystemError: no more"]), "its words are lost");

    // nginx is started again, until it has failed for good.
    let mut c = start();
    world.file("nginx.conf", "no configuration");
    c.kill_server("nginx: master");
    let exit = c.wait_exit(LONG);
    c.check(exit.code == 1, &format!("ended with {}", exit.code));
    c.check(c.printed(&["uwsgi", "Handling signal: term"]), "gunicorn did not end well");
}

#[test]
fn a_database_and_an_application_start_when_the_entrypoint_says_so() {
    needs_servers!(POSTGRES, PYTHON);
    let world = World::new();
    world.file(
        "postgresql.conf",
        "hba_file = '/opt/data/postgresql/pg_hba.conf'
         ident_file = '/opt/data/postgresql/pg_ident.conf'
         listen_addresses = ''
         unix_socket_directories = '/opt/data'",
    );
    world.file(
        "start",
        "#!/bin/sh
         psql -h /opt/data -U postgres -Atc \"select 'core of $(id -un) has ' || 6 * 7\"
         echo \"up core\" >> $EVENTS
         exec sleep 1000",
    );
    world.file(
        "entrypoint",
        "#!/bin/sh -e
         $FOSTER start postgresql
         $FOSTER start core
         echo \"up entrypoint\" >> $EVENTS
         trap 'exit 0' TERM
         wait=$(mktemp -u); mkfifo $wait; exec 3<>$wait; rm $wait; read -r line <&3",
    );
    world.file("init.py", "#!/usr/bin/python3\nprint('init has run')\n");
    world.file("log/.keep", "");
    let postgres = find_program("postgres").unwrap();
    let swaps = [
        ("/usr/lib/postgresql/15/bin/postgres", postgres.to_str().unwrap()),
        ("user=stellar", "user=daemon"),
    ];
    let shape = Shape::new(&world, "database.conf", &swaps, &[], 0);
    let shape = shape.prelude(&format!(
        "mount --bind WORLD/log /var/log
         mount -t tmpfs -o mode=755 opt /opt
         mkdir -p /opt/app/core/bin /opt/data
         chown postgres /opt/data
         cp WORLD/start /opt/app/core/bin
         cp WORLD/init.py /opt/app
         as_postgres=\"setpriv --reuid postgres --regid postgres --clear-groups\"
         cd /opt/data
         $as_postgres {}/initdb -A trust --locale C --no-sync -D /opt/data/postgresql > /dev/null
         $as_postgres mkdir /opt/data/postgresql/etc
         cp WORLD/postgresql.conf /opt/data/postgresql/etc",
        postgres.parent().unwrap().display()
    ));
    // Somebody has to be there who starts what starts by hand.
    let mut c = shape.start();
    c.wait_line(&["init", "init has run"]);
    c.expect_exit(0);
    c.check(!c.printed(&["core"]), "the application was started by nobody");

    let mut c = shape.command(&["WORLD/entrypoint"]).start();
    c.wait_event("up entrypoint");
    c.wait_line(&["init", "init has run"]);
    c.wait_line(&["core", "core of daemon has 42"]);
    c.check(users(&c, "bin/postgres -D") == ["postgres"], "not the user of the database");
    c.stop_within(LONG);
    let log = fs::read_to_string(world.path().join("log/supervisor/postgresql.log")).unwrap();
    for said in
        ["ready to accept connections", "received fast shutdown request", "database system is shut down"]
    {
        c.check(log.contains(said), &log);
    }
}
