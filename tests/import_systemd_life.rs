//! Claims about what runs: Debian's own units, with the programs that they are for, under foster.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use support::{Container, LONG, Ran, Setup, World, foster_bin, needs_servers, skip};

const NGINX: (&str, &str) = ("nginx", "nginx-light");
const PHP: (&str, &str) = ("php-fpm", "php-fpm");
const REDIS: (&str, &str) = ("redis-server", "redis-server");
const CRON: (&str, &str) = ("cron", "cron");
const MARIADB: (&str, &str) = ("mariadbd", "mariadb-server");
const POSTGRES: (&str, &str) = ("pg_createcluster", "postgresql-common");
const RSYSLOG: (&str, &str) = ("rsyslogd", "rsyslog");
const DBUS: (&str, &str) = ("dbus-daemon", "dbus-daemon");
const CLIENT: (&str, &str) = ("busybox", "busybox-static");

const UNITS: &str = "/lib/systemd/system";

/// What the import makes of a unit or a directory of them, which passes `foster check`: the directory of its files.
#[track_caller]
fn import(world: &World, source: &str) -> String {
    let services = world.fill("WORLD/services");
    let foster = |arguments: &[&str]| {
        let mut command = Command::new(foster_bin());
        command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        Ran::of(command)
    };
    let imported = foster(&["import", "systemd", &world.fill(source), "-o", &services]);
    assert!(matches!(imported.code, 0 | 1), "{imported:#?}");
    let checked = foster(&["check", &services]);
    assert_eq!(checked.code, 0, "{checked:#?}\n{imported:#?}");
    services
}

/// Starts those files. What images have beside units (directories of tmpfiles.d, configuration) is for `prelude` to make.
fn start(world: &World, services: &str, prelude: &str) -> Container {
    let prelude = format!(
        "set -e\nmount -t tmpfs -o mode=755 run /run\nmount -t tmpfs -o mode=755 log /var/log\n{prelude}"
    );
    Setup::new().network().arguments(&["run", services]).prelude(&world.fill(&prelude)).start()
}

/// Leaves the test where Debian's unit is not there.
macro_rules! needs_unit {
    ($name:expr) => {
        if !Path::new(UNITS).join($name).exists() {
            skip!("there is no {UNITS}/{}", $name);
        }
    };
}

fn web(world: &World) {
    world.file(
        "nginx.conf",
        "user www-data; worker_processes 1; pid /run/nginx.pid; error_log /var/log/nginx/error.log notice;
         events {}
         http {
             access_log off;
             server {
                 listen 127.0.0.1:80;
                 location / {
                     fastcgi_pass unix:/run/php/php8.2-fpm.sock;
                     fastcgi_param SCRIPT_FILENAME WORLD/www/index.php;
                     fastcgi_param REQUEST_METHOD $request_method;
                 }
             }
         }",
    );
    world.file("www/index.php", "<?php echo 'answer ', 6 * 7, \"\\n\";\n");
    world.file("helper", "#!/bin/sh\necho \"up helper $1\" >> WORLD/helped\n");
    world.file("job", "#!/bin/sh\necho \"$(id -un) in $PWD\" > WORLD/ran\n");
}

#[test]
fn the_servers_of_a_web_site_run_from_debians_units() {
    needs_servers!(NGINX, PHP, REDIS, CRON, CLIENT);
    let world = World::new();
    fs::create_dir(world.path().join("units")).unwrap();
    for name in ["nginx.service", "php8.2-fpm.service", "redis-server.service", "cron.service"] {
        needs_unit!(name);
        fs::copy(Path::new(UNITS).join(name), world.path().join("units").join(name)).unwrap();
    }
    web(&world);
    // systemd takes what the container allows; foster says so.
    world.file("units/redis-server.service.d/limit.conf", "[Service]\nLimitNOFILE=1024\n");
    let services = import(&world, "WORLD/units");
    let mut c = start(
        &world,
        &services,
        "mkdir /run/php /var/log/nginx; install -d -o redis /var/log/redis
         mount -t tmpfs -o mode=755,uid=$(id -u redis) data /var/lib/redis
         mount --bind WORLD/nginx.conf /etc/nginx/nginx.conf
         mount --bind WORLD/helper /usr/lib/php/php-fpm-socket-helper
         mount -t tmpfs jobs /etc/cron.d; mount -t tmpfs tables /var/spool/cron; mkdir /var/spool/cron/crontabs
         mount --bind /dev/null /etc/crontab
         echo '@reboot root cd /srv && WORLD/job' > /etc/cron.d/job",
    );
    c.wait_answer(&["busybox", "wget", "-qO-", "http://127.0.0.1/"], "answer 42\n");
    c.wait_answer(&["redis-cli", "ping"], "PONG\n");
    c.wait_answer(&["cat", &world.fill("WORLD/ran")], "root in /srv\n");
    c.wait_answer(&["cat", &world.fill("WORLD/helped")], "up helper install\n");
    let redis = c.server_pid("redis-server 127.0.0.1");
    let status = c.ask(&["cat", &format!("/proc/{redis}/status")]).stdout;
    let status = String::from_utf8_lossy(&status).into_owned();
    c.check(status.contains("CapBnd:\t0000000000000000") && status.contains("NoNewPrivs:\t1"), &status);
    // As ExecReload says: nginx by a command, php-fpm by a signal.
    c.foster_ends(0, &["reload", "nginx"]);
    c.foster_ends(0, &["reload", "php8.2-fpm"]);
    c.wait_answer(&["busybox", "wget", "-qO-", "http://127.0.0.1/"], "answer 42\n");
    // redis alone says Restart=always.
    c.replace("redis-server 127.0.0.1");
    c.wait_answer(&["redis-cli", "ping"], "PONG\n");
    assert_eq!(c.stop_within(LONG).code, 0);
}

#[test]
fn mariadb_runs_from_debians_unit_with_what_follows_its_start() {
    needs_servers!(MARIADB, ("mariadb-install-db", "mariadb-server"));
    needs_unit!("mariadb.service");
    let world = World::new();
    world.file("units/mariadb.service", &fs::read_to_string("/lib/systemd/system/mariadb.service").unwrap());
    world.file("units/mariadb.service.d/limit.conf", "[Service]\nLimitNOFILE=\nLimitMEMLOCK=\n");
    let services = import(&world, "WORLD/units/mariadb.service");
    world.file("start", "#!/bin/sh\necho \"$(id -un)\" > WORLD/started\n");
    let mut c = start(
        &world,
        &services,
        "install -d -o mysql /run/mysqld /var/log/mysql
         mount -t tmpfs -o mode=700,uid=$(id -u mysql) data /var/lib/mysql
         mount --bind WORLD/start /etc/mysql/debian-start
         mariadb-install-db --user=mysql --datadir=/var/lib/mysql --skip-test-db > /dev/null",
    );
    c.wait_answer(
        &["mariadb", "--no-defaults", "-S", "/run/mysqld/mysqld.sock", "-Ne", "select 6 * 7"],
        "42",
    );
    // It has all privileges: `ExecStartPost=!`.
    c.wait_answer(&["cat", &world.fill("WORLD/started")], "root\n");
    assert_eq!(c.stop_within(LONG).code, 0);
}

#[test]
fn a_cluster_of_postgresql_runs_from_debians_template() {
    needs_servers!(POSTGRES, ("psql", "postgresql-client"));
    needs_unit!("postgresql@.service");
    let versions = fs::read_dir("/usr/lib/postgresql").unwrap();
    let version = versions.flatten().next().unwrap().file_name().into_string().unwrap();
    let world = World::new();
    let services = import(&world, &format!("/lib/systemd/system/postgresql@{version}-main.service"));
    let mut c = start(
        &world,
        &services,
        &format!(
            "install -d -o postgres /run/postgresql; install -d -m 1775 -g postgres /var/log/postgresql
             mount -t tmpfs etc /etc/postgresql; mount -t tmpfs -o mode=755,uid=$(id -u postgres) data /var/lib/postgresql
             pg_createcluster {version} main > /dev/null"
        ),
    );
    let ask = ["runuser", "-u", "postgres", "--", "psql", "-h", "/run/postgresql", "-tAc", "select 6 * 7"];
    c.wait_answer(&ask, "42");
    assert_eq!(c.stop_within(LONG).code, 0);
}

#[test]
fn rsyslog_runs_from_debians_unit() {
    needs_servers!(RSYSLOG, ("logger", "bsdutils"));
    needs_unit!("rsyslog.service");
    let world = World::new();
    world.file(
        "rsyslog.conf",
        "module(load=\"imuxsock\" SysSock.Use=\"off\")
         input(type=\"imuxsock\" Socket=\"/run/log.sock\")
         *.* /var/log/all",
    );
    let services = import(&world, "/lib/systemd/system/rsyslog.service");
    let mut c = start(&world, &services, "mount --bind WORLD/rsyslog.conf /etc/rsyslog.conf");
    c.wait_answer(&["logger", "--socket-errors=on", "-u", "/run/log.sock", "-t", "shop", "sold"], "");
    c.wait_answer(&["cat", "/var/log/all"], "shop: sold");
    assert_eq!(c.stop_within(LONG).code, 0);
}

#[test]
fn a_connection_to_debians_socket_starts_the_bus_of_dbus() {
    needs_servers!(DBUS, ("dbus-send", "dbus-bin"));
    needs_unit!("dbus.socket");
    let world = World::new();
    let services = import(&world, "/lib/systemd/system/dbus.socket");
    let mut c = start(&world, &services, "mkdir /run/dbus");
    let socket = "unix:path=/run/dbus/system_bus_socket";
    let address = format!("DBUS_SYSTEM_BUS_ADDRESS={socket}");
    let list = "org.freedesktop.DBus.ListNames";
    let send = ["dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/", list];
    let mut ask = vec!["env", address.as_str()];
    ask.extend(send);
    c.wait_answer(&["ls", "/run/dbus/system_bus_socket"], "");
    c.check(c.server("dbus-daemon").is_none(), "it runs before anybody asks");
    c.wait_answer(&ask, "string \"org.freedesktop.DBus\"");
    c.server_pid("dbus-daemon --system");
    c.foster_ends(0, &["reload", "dbus"]);
    assert_eq!(c.stop_within(LONG).code, 0);
}

#[test]
fn a_timer_runs_its_service_again_and_again() {
    needs_servers!(CLIENT);
    let world = World::new();
    world.file(
        "units/tick.service",
        "[Service]\nExecStart=/bin/sh -c 'echo \"up tick $USER\" >> $EVENTS'\nUser=nobody\n",
    );
    world.file("units/tick.timer", "[Timer]\nOnCalendar=*:*:0/2\n[Install]\nWantedBy=timers.target\n");
    let services = import(&world, "WORLD/units");
    let mut c = start(&world, &services, "chmod 777 \"$EVENTS\" \"${EVENTS%/*}\"");
    c.wait_events("up tick nobody", 2);
    assert_eq!(c.stop_within(LONG).code, 0);
}
