//! More claims about the shapes that supervisord.conf has in images, as in `import_supervisord_shapes`: workers with their
//! broker, a desktop, a remote shell, a base image, a swarm.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod shape_room;
mod support;

use shape_room::{CLIENT, NGINX, OWN_TMP, PROGRAM, Shape, all_are, as_it_is, page, users};
use std::fs;
use support::{LONG, Setup, World, needs_servers};

const CELERY: (&str, &str) = ("celery", "celery");
const REDIS: (&str, &str) = ("redis-server", "redis-server");
const SCREEN: (&str, &str) = ("Xvfb", "xvfb");
const WINDOWS: (&str, &str) = ("fluxbox", "fluxbox");
const VNC: (&str, &str) = ("x11vnc", "x11vnc");
const SSHD: (&str, &str) = ("sshd", "openssh-server");
const SSH: (&str, &str) = ("ssh", "openssh-client");
const CGI: (&str, &str) = ("php-cgi", "php-cgi");

const SHOP: &str = "import getpass, os
from celery import Celery
shop = Celery('shop', broker='redis+socket://WORLD/redis.sock')
shop.conf.task_ignore_result = True
shop.conf.task_routes = {'mail': {'queue': 'mail'}, 'image': {'queue': 'images'}}
shop.conf.beat_schedule = {
    name: {'task': name, 'schedule': 1.0} for name in ['mail', 'image']
}
def say(text):
    with open(os.environ['EVENTS'], 'a') as events:
        events.write(text + '\\n')
@shop.task(name='mail')
def mail():
    say(f'mail by {getpass.getuser()} in {os.getcwd()}')
@shop.task(name='image')
def image():
    say('image with ' + os.environ['PATH'].rsplit(':', 1)[1])
";

#[test]
fn celery_workers_and_their_beat_do_what_is_in_the_queues_of_a_redis() {
    needs_servers!(CELERY, REDIS);
    let world = World::new();
    as_it_is(&world, "app/shop.py", SHOP);
    world.file("log/celery/.keep", "");
    // The broker is another container.
    let redis = world.fill(
        "command = \"redis-server --port 0 --unixsocket WORLD/redis.sock --unixsocketperm 777 --save ''\"",
    );
    let mut broker = Setup::new().service("redis", redis).start();
    broker.wait_line(&["redis", "ready to accept connections"]);
    let environment = [("HOSTNAME", "farm")];
    let shape = Shape::new(&world, "celery.conf", &[], &environment, 1);
    let shape = shape.prelude(&format!(
        "{OWN_TMP}
         mount --bind WORLD/log /var/log
         mount -t tmpfs -o mode=755 srv /srv; mkdir /srv/app; mount --bind WORLD/app /srv/app"
    ));
    let mut c = shape.start();
    c.wait_event("mail by daemon in /srv/app");
    c.wait_event("image with /srv/app/bin");
    all_are(&c, "-Q mail -n worker_mail_farm -c 2", "daemon");
    all_are(&c, "-Q images -n worker_images", "root");
    c.check(!c.printed(&["celery"]), "what goes into files is shown");
    c.stop_within(LONG);
    let log = |name: &str| fs::read_to_string(world.path().join("log/celery").join(name)).unwrap();
    c.check(log("worker_mail.log").contains("worker_mail_farm"), &log("worker_mail.log"));
    c.check(log("worker_mail.err").contains("Warm shutdown"), &log("worker_mail.err"));
    broker.stop_within(LONG);
}

/// What a client says first, and the beginning of what a screen answers.
const X11: &str = "printf 'l\\0\\013\\0\\0\\0\\0\\0\\0\\0\\0\\0' | busybox timeout 5 busybox nc 127.0.0.1 6000 | head -c 1 | od -An -tx1";
const RFB: &str = "sleep 1 | busybox timeout 5 busybox nc 127.0.0.1 5900 | head -c 11";

#[test]
fn a_desktop_ends_with_the_code_of_its_browser() {
    needs_servers!(SCREEN, WINDOWS, VNC, CLIENT);
    let world = World::new();
    world.file(
        "start-browser.sh",
        "#!/bin/sh
         trap 'echo \"the browser got INT\"; exit 0' INT
         echo \"up browser\" >> $EVENTS
         while [ ! -e /run/close ]; do sleep 0.1; done
         exit $(cat /run/close)",
    );
    let environment =
        [("DISPLAY_WIDTH", "640"), ("DISPLAY_HEIGHT", "480"), ("START_VNC", "true"), ("HOME", "/run")];
    let shape = Shape::new(&world, "desktop.conf", &[], &environment, 0);
    let shape = shape.prelude(&format!(
        "{OWN_TMP}
         mkdir -m 1777 /tmp/.X11-unix
         mount -t tmpfs -o mode=755 opt /opt; mkdir /opt/bin; cp WORLD/start-browser.sh /opt/bin"
    ));
    let mut c = shape.start();
    c.wait_event("up browser");
    c.wait_answer(&["sh", "-c", X11], "01");
    c.wait_answer(&["sh", "-c", RFB], "RFB 003.008");
    let starts = ["Xvfb :0 -screen 0 640x480x24", "fluxbox", "x11vnc -forever -shared", "start-browser"];
    c.wait_program("fluxbox");
    for command in starts {
        c.check(!users(&c, command).is_empty(), &format!("{command} does not run"));
    }
    c.check(c.ask(&["sh", "-c", "echo 7 > /run/new; mv /run/new /run/close"]).status.success(), "no file");
    let exit = c.wait_exit(LONG);
    c.check(exit.code == 7, &format!("ended with {}", exit.code));

    let mut c = shape.start();
    c.wait_event("up browser");
    c.wait_answer(&["sh", "-c", RFB], "RFB 003.008");
    c.stop_within(LONG);
    c.check(c.printed(&["browser", "the browser got INT"]), "another signal");
}

#[test]
fn an_application_runs_beside_an_sshd_that_lets_its_owner_in() {
    needs_servers!(SSHD, SSH, CLIENT);
    let world = World::new();
    world.file(
        "sshd_config",
        "HostKey WORLD/host_key
         AuthorizedKeysFile WORLD/key.pub
         StrictModes no
         UsePAM no",
    );
    world.file("site/index.html", "a page of the site");
    world.file(
        "node",
        "#!/bin/sh\necho \"$* in $PWD, umask $(umask)\"\nexec busybox httpd -f -p 127.0.0.1:8080",
    );
    let environment = [("APP_COLOUR", "green"), ("HOME", "/root")];
    let shape = Shape::new(&world, "sshd.conf", &[], &environment, 0);
    let shape = shape.prelude(
        "mkdir /run/sshd
         for key in host_key key; do
             [ -e WORLD/$key ] || ssh-keygen -q -t ed25519 -N '' -f WORLD/$key
         done
         mount --bind WORLD/sshd_config /etc/ssh/sshd_config
         mount -t tmpfs -o mode=755 profiles /etc/profile.d
         mount -t tmpfs -o mode=755 programs /usr/local/bin
         cp WORLD/node /usr/local/bin
         mount -t tmpfs -o mode=755 home /home
         mkdir /home/LogFiles
         cp -r WORLD/site /home/site",
    );
    let mut c = shape.start();
    page(&c, 8080, "a page of the site");
    c.wait_line(&["app", "server.js in /home/site, umask 0022"]);
    let key = world.fill("WORLD/key");
    let options =
        ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes"];
    let mut ssh = vec!["ssh", "-i", &key];
    ssh.extend(options);
    ssh.extend(["root@127.0.0.1", ". /etc/profile.d/app.sh; echo \"in with $APP_COLOUR\""]);
    c.wait_answer(&ssh, "in with green");
    c.check(
        c.ask(&["sh", "-c", "echo 'told in a file' >> /home/LogFiles/app.log"]).status.success(),
        "no log",
    );
    c.wait_line(&["logs", "told in a file"]);
    c.replace("/usr/sbin/sshd -D");
    c.wait_answer(&ssh, "in with green");
    c.stop_within(LONG);
}

#[test]
fn a_base_image_starts_what_the_image_below_it_has_enabled() {
    needs_servers!(CLIENT);
    let world = World::new();
    world.file("www/index.html", "a page of the base image");
    world.file("mail.sh", PROGRAM);
    let enabled = ("autostart = false", "autostart = true");
    for swaps in [&[][..], &[enabled]] {
        let httpd =
            "#!/bin/sh\necho \"up httpd\" >> $EVENTS\nexec busybox httpd -f -p 127.0.0.1:8080 -h WORLD/www";
        world.file("source/conf.d/httpd.sh", httpd);
        let shape = Shape::new(&world, "modular", swaps, &[], 1);
        let shape = shape.prelude("mount -t tmpfs -o mode=755 opt /opt; cp WORLD/mail.sh /opt");
        let mut c = shape.start();
        page(&c, 8080, "a page of the base image");
        if swaps.is_empty() {
            c.check(users(&c, "/opt/mail.sh").is_empty(), "it was started by nobody");
            c.foster_ends(0, &["start", "postfix"]);
        }
        c.wait_event("up mail.sh");
        c.wait_line(&["postfix", "mail.sh  as root in "]);
        c.check(
            c.server_pid("busybox httpd") < c.server_pid("/opt/mail.sh"),
            "not in the order of the groups",
        );
        c.stop_within(LONG);
        c.check(c.events().contains(&"term mail.sh".to_owned()), "another signal");
    }
}

const GAMES: [&str; 11] =
    ["login", "world", "auction", "chat", "match", "bank", "map1", "map2", "map3", "map4", "map5"];

#[test]
fn a_swarm_starts_after_its_login_and_ends_before_it() {
    needs_servers!(CGI, NGINX, CLIENT);
    let world = World::new();
    world.file("game", PROGRAM);
    world.file("log/.keep", "");
    world.file("panel.php", "<?php echo 'a panel of ', posix_getpwuid(posix_geteuid())['name'];");
    world.file(
        "nginx.conf",
        "user www-data; worker_processes 1; pid /run/nginx.pid; error_log /run/nginx.log;
         events {}
         http {
             access_log off;
             server {
                 listen 127.0.0.1:8080;
                 location / {
                     fastcgi_pass unix:/run/panel.sock;
                     fastcgi_param SCRIPT_FILENAME WORLD/panel.php;
                     fastcgi_param REQUEST_METHOD $request_method;
                     fastcgi_param REDIRECT_STATUS 200;
                 }
             }
         }",
    );
    let shape = Shape::new(&world, "swarm.conf", &[("user=game", "user=games")], &[], 1);
    let shape = shape.prelude(&format!(
        "mount -t tmpfs -o mode=755 opt /opt
         mkdir -p /opt/game/bin /opt/game/log
         mount --bind WORLD/log /opt/game/log
         for game in {}; do cp WORLD/game /opt/game/bin/$game; done",
        GAMES.join(" ")
    ));
    let mut c = shape.start();
    for game in GAMES {
        c.wait_event(&format!("up {game}"));
        all_are(&c, &format!("/opt/game/bin/{game}"), "games");
    }
    // What stands before the panel is no part of the swarm.
    let nginx = world.fill("WORLD/nginx.conf");
    c.check(c.ask(&["nginx", "-e", "/run/nginx.log", "-c", &nginx]).status.success(), "nginx does not start");
    page(&c, 8080, "a panel of www-data");
    let pid = |command: &str| c.server_pid(command);
    let login = pid("/opt/game/bin/login");
    for game in &GAMES[1..] {
        c.check(login < pid(&format!("/opt/game/bin/{game}")), "started before the login");
        c.check(pid(&format!("/opt/game/bin/{game}")) < pid("php-cgi"), "started after the panel");
    }
    c.stop_within(LONG);
    for (number, game) in GAMES.iter().enumerate() {
        c.check(
            c.position(&format!("term {game}")) <= c.position("term login"),
            "the login ended before others",
        );
        let log = fs::read_to_string(world.path().join(format!("log/{game}.log"))).unwrap();
        c.check(log.starts_with(&format!("{game} --id {number} as games in /opt/game\n")), &log);
        c.check(log.ends_with(&format!("{game} got TERM\n")), &log);
    }
}
