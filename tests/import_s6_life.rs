//! Claims about images of s6-overlay and trees of runit in the shapes that real ones have: they import, pass the check, and
//! start under foster with the servers that they name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;
mod support;

use foster::config::import::Kind;
use import_room::{Source, archive, file, report};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;
use support::{Container, LONG, Ran, Setup, World, eventually, find_program, foster_bin, needs_servers};

const PHP: (&str, &str) = ("php-fpm", "php-fpm");
const NGINX: (&str, &str) = ("nginx", "nginx-light");
const REDIS: (&str, &str) = ("redis-server", "redis-server");
const CLIENT: (&str, &str) = ("busybox", "busybox-static");

/// An archive as the file system of a container, with the names of s6's tools, and its source.
struct Image {
    world: World,
    kind: &'static str,
    source: Source,
}

impl Image {
    fn new(kind: &'static str, name: &str) -> Self {
        let files = archive(&format!("{kind}/{name}.txt"));
        let source = Source::of(if kind == "s6" { Kind::S6 } else { Kind::Runit }, &files);
        let world = World::new();
        for (path, text) in &files {
            let path = world.path().join("image").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let bin = world.path().join("bin");
        let mut install = Command::new(foster_bin());
        install.arg("install-compat").arg(&bin);
        assert_eq!(Ran::of(install).code, 0);
        // Debian has its version in the name.
        if let Some(php) = find_program("php-fpm") {
            symlink(php, bin.join("php-fpm")).unwrap();
        }
        Self { world, kind, source }
    }

    /// The source as it is, or what it was converted to, in a container whose `/etc` has the image's files.
    fn start(&self, converted: bool, more: &[&str]) -> Container {
        let prelude = self.world.fill(
            "cp -a /etc WORLD/etc && rm -rf WORLD/etc/service && cp -a WORLD/image/etc/. WORLD/etc && mount --bind WORLD/etc /etc &&
             mount -t tmpfs -o mode=755 run /run && mount -t tmpfs -o mode=755 srv /srv &&
             mkdir -p /run/s6-linux-init-container-results /run/s6/basedir /srv/log/nginx && ln -s WORLD/bin /run/s6/basedir/bin &&
             echo 0 > /run/s6-linux-init-container-results/exitcode && chown nobody /srv/log/nginx &&
             export PATH=WORLD/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin || exit",
        );
        let path = if self.kind == "runit" { "/etc/service" } else { "/" };
        let services = self.world.path().join("services");
        let mut arguments = vec!["run"];
        if converted {
            fs::create_dir_all(&services).unwrap();
            for (name, text) in self.source.converted().files {
                fs::write(services.join(name), text).unwrap();
            }
            let mut check = Command::new(foster_bin());
            check.args(["check", services.to_str().unwrap()]).env("ANSWER", "42");
            let checked = Ran::of(check);
            assert_eq!(checked.code, 0, "{checked:#?}");
            arguments.push(services.to_str().unwrap());
        } else {
            arguments.extend(["--import", self.kind, path]);
        }
        arguments.extend(more);
        Setup::new().network().prelude(&prelude).env("ANSWER", "42").arguments(&arguments).start()
    }

    /// The report.
    fn report(&self) -> String {
        report(&self.source, &self.source.converted())
    }
}

const PAGE: [&str; 4] = ["busybox", "wget", "-qO-", "http://127.0.0.1:8080/"];

fn text_of(c: &Container, path: &str) -> String {
    String::from_utf8_lossy(&c.ask(&["cat", path]).stdout).into_owned()
}

#[test]
fn an_image_on_a_base_of_milestones() {
    needs_servers!(NGINX, CLIENT);
    let image = Image::new("s6", "milestones");
    let converted = image.source.converted();
    assert_eq!(
        file(&converted, "svc-jobs.toml"),
        "command = [\"cron\", \"-f\"]\nrequires = [\"init-services\"]\n\n[when]\nenv = [\"JOBS\"]\n"
    );
    assert_eq!(
        file(&converted, "init-config-end.toml"),
        "type = \"target\"\nrequires = [\"init-config\", \"init-web\"]\n"
    );
    let mut c = image.start(true, &[]);
    c.wait_answer(&PAGE, "answer 42");
    c.wait_state("svc-web", "ready");
    c.wait_state("svc-jobs", "skipped");
    c.replace("nginx: master");
    c.wait_answer(&PAGE, "answer 42");
    assert_eq!(c.stop_within(LONG).code, 0);
}

#[test]
fn an_add_on_that_ends_with_the_code_of_what_failed() {
    needs_servers!(NGINX, REDIS, CLIENT);
    let image = Image::new("s6", "add-on");
    let told = image.report();
    assert!(
        told.contains("app/finish: approximated -> app: restart.policy; ")
            && told.contains("death by any signal but SIGTERM ends the container; there it is started again"),
        "{told}"
    );
    let mut c = image.start(false, &[]);
    c.wait_answer(&PAGE, "answer 42");
    c.wait_answer(&["redis-cli", "ping"], "PONG\n");
    c.wait_line(&["starting the application"]);
    c.kill_server("redis-server 127.0.0.1");
    assert_eq!(c.wait_exit(LONG).code, 137);
}

#[test]
fn pipelines_with_a_service_that_looks_after_another() {
    needs_servers!(NGINX, REDIS, CLIENT);
    let image = Image::new("s6", "pipelines");
    let converted = image.source.converted();
    assert_eq!(
        file(&converted, "nginx.toml"),
        "command = [\"nginx\", \"-e\", \"stderr\", \"-c\", \"/etc/nginx/pipelines.conf\"]\nrequires = [\"log-prepare\"]\n\n\
         [ready]\nexec = [\"test\", \"-s\", \"/run/nginx.pid\"]\ninterval = \"100ms\"\n\n[stop]\ntimeout = \"20s\"\n\n[log]\n\
         to = \"file\"\nstderr = \"stdout\"\n\n[log.file]\npath = \"/srv/logs/nginx/current\"\nmax-size = \"1MB\"\nkeep = 20\n\
         format = \"raw\"\ntimestamps = true\n"
    );
    assert!(file(&converted, "foster.toml").contains("timeout = \"22s\"\n"));
    assert!(!converted.files.iter().any(|(name, _)| name.ends_with("-log.toml")));
    let mut c = image.start(true, &[]);
    c.wait_answer(&PAGE, "answer 42");
    for port in ["7001", "7002"] {
        c.wait_answer(&["redis-cli", "-p", port, "ping"], "PONG\n");
    }
    let holds = eventually(LONG, || text_of(&c, "/srv/logs/nginx/current").contains("GET / HTTP/1.1 200\n"));
    c.check(holds, "nginx has no log");
    let both =
        eventually(LONG, || text_of(&c, "/srv/logs/jobs/current").matches("Ready to accept").count() == 2);
    c.check(both, "the two have no log");
    // It hangs, and the other one restarts it.
    let sick = c.server_pid("redis-server 127.0.0.1:7001");
    c.ask(&["redis-cli", "-p", "7001", "shutdown", "nosave"]);
    let healed =
        eventually(LONG, || c.server("redis-server 127.0.0.1:7001").is_some_and(|one| one.inside != sick));
    c.check(healed, "nobody restarted it");
    assert_eq!(c.stop_within(LONG).code, 0);
}

#[test]
fn a_pair_that_is_ready_when_checks_say_so() {
    needs_servers!(NGINX, PHP, CLIENT);
    let image = Image::new("s6", "web-pair");
    let told = image.report();
    assert!(
        told.contains(
            "nginx/finish: approximated -> nginx: restart.policy; an end with 0 does not end the container"
        ),
        "{told}"
    );
    let mut c = image.start(true, &[]);
    c.wait_state("nginx", "ready");
    c.wait_answer(&PAGE, "answer 42");
    assert_eq!(c.stop_within(LONG).code, 0);
}

#[test]
fn a_command_with_helpers_of_before_version_3() {
    needs_servers!(NGINX, REDIS, CLIENT);
    let image = Image::new("s6", "legacy");
    let mut c = image.start(
        false,
        &["--", "sh", "-c", "trap 'echo command asked; exit 7' TERM; echo command began; sleep 1000 & wait"],
    );
    c.wait_line(&["command began"]);
    c.wait_answer(&PAGE, "answer 42");
    c.wait_answer(&["redis-cli", "ping"], "PONG\n");
    let holds = eventually(LONG, || text_of(&c, "/srv/logs/nginx/current").contains("GET / HTTP"));
    c.check(holds, "nginx has no log");
    c.terminate();
    assert_eq!(c.wait_exit(LONG).code, 7, "the code is that of the command");
    assert!(c.printed(&["command asked"]));
}

#[test]
fn a_typical_tree_of_runit() {
    needs_servers!(NGINX, PHP, REDIS, CLIENT);
    let image = Image::new("runit", "typical");
    let converted = image.source.converted();
    assert_eq!(
        file(&converted, "nginx.toml"),
        "command = [\"nginx\", \"-e\", \"stderr\", \"-c\", \"/etc/nginx/typical.conf\"]\nrequires = [\"redis\"]\n\n[limits]\n\
         nofile = 1024\n\n[reload]\ncommand = [\"nginx\", \"-s\", \"reload\", \"-e\", \"stderr\", \"-c\", \"/etc/nginx/typical.conf\"]\n\n\
         [log]\nto = \"file\"\nstderr = \"stdout\"\n\n[log.file]\npath = \"/srv/log/nginx/current\"\nmax-size = \"1MB\"\nkeep = 10\n\
         format = \"raw\"\ntimestamps = true\n"
    );
    let mut c = image.start(true, &[]);
    c.wait_answer(&PAGE, "answer 42");
    c.wait_answer(&["redis-cli", "ping"], "PONG\n");
    c.wait_state("redis", "ready");
    let holds = eventually(LONG, || text_of(&c, "/srv/log/nginx/current").contains("GET / HTTP"));
    c.check(holds, "nginx has no log");
    c.check(c.foster(&["reload", "nginx"]).code == 0, "it does not reload");
    c.check(c.server("worker").is_none(), "what is down runs");
    assert_eq!(c.stop_within(LONG).code, 0);
}
