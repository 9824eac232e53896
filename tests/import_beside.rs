//! Claims about the examples of the guides for s6-overlay and runit: they are what the import makes, and do the same before,
//! under Debian's s6-svscan and runsvdir, and after, under foster.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;
mod support;

use foster::config::import::Kind;
use import_room::{Source, example, file, listing};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use support::{Container, LONG, Setup, World, eventually, needs_servers};

const SVSCAN: (&str, &str) = ("s6-svscan", "s6");
const RUNSVDIR: (&str, &str) = ("runsvdir", "runit");

const S6: (&str, &str) = ("howto-replace-s6-overlay.md", "An example\n");
const VERSION_3: (&str, &str) = ("howto-replace-s6-overlay.md", "An example of version 3\n");
const RUNIT: (&str, &str) = ("howto-replace-runit.md", "An example\n");

/// Files with what is in them.
type Files = Vec<(String, String)>;

/// The files of an example: those of the source, and those that it becomes.
fn files(of: (&str, &str)) -> (Files, Files) {
    let (source, files) = example(of.0, of.1);
    (listing(&source), files)
}

#[test]
fn the_examples_of_the_guides_are_what_the_import_makes() {
    for (of, kind) in [(S6, Kind::S6), (VERSION_3, Kind::S6), (RUNIT, Kind::Runit)] {
        let (source, files) = files(of);
        let converted = Source::of(kind, &source).converted();
        assert_eq!(converted.files.len(), files.len(), "{:#?}", converted.files);
        for (name, text) in &files {
            assert_eq!(file(&converted, name), text, "{name}");
        }
    }
}

/// Says who it is, and what it is told. It waits without a child: one that is told to end between its fork and its exec
/// does not hear it.
const PROGRAM: &str = "#!/bin/sh
    name=${0##*/}
    echo \"$name $* as $(id -un) in $PWD with $(ulimit -n) files\"
    echo \"$name complains\" >&2
    trap 'echo \"$name got TERM\"; exit 0' TERM
    trap 'echo \"$name got INT\"; exit 0' INT
    wait=$(mktemp -u); mkfifo $wait; exec 3<>$wait; rm $wait
    echo \"up $name\" >> $EVENTS
    while :; do read -r line <&3; done\n";

/// A place where the example runs.
struct Place {
    world: World,
    services: Files,
}

impl Place {
    fn new(of: (&str, &str)) -> Self {
        let (source, services) = files(of);
        let world = World::new();
        world.file("shop", PROGRAM);
        world.file("worker", PROGRAM);
        for (path, text) in &source {
            let path = world.path().join("image").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for (name, text) in &services {
            world.file(&format!("services/{name}"), text);
        }
        Self { world, services }
    }

    /// Shell text that makes the file system of the image, with an empty log.
    fn prelude(&self) -> String {
        self.world.fill(
            "rm -rf WORLD/etc WORLD/log && mkdir -p WORLD/log/shop && chown nobody WORLD/log/shop &&
             cp -a /etc WORLD/etc && rm -rf WORLD/etc/service && cp -a WORLD/image/etc/. WORLD/etc &&
             mount --bind WORLD/etc /etc && mount --bind WORLD/log /var/log && mount -t tmpfs -o mode=755 run /run &&
             mount -t tmpfs -o mode=755 srv /srv && cp WORLD/shop WORLD/worker /srv && mkdir /run/shop && ulimit -n 1024 || exit",
        )
    }

    fn log(&self) -> String {
        fs::read_to_string(self.world.path().join("log/shop/current")).unwrap_or_default()
    }

    /// What is to be seen of a container: its processes but for those of supervisors and sleeps, its lines on the console
    /// and in the log without what stands before them, and its exit code.
    fn observed(&self, mut c: Container, before_the_end: impl Fn(&Container)) -> Observed {
        c.wait_event("up shop");
        c.wait_event("up worker");
        c.wait_line(&["worker complains"]);
        c.check(eventually(LONG, || self.log().contains("shop complains")), "the shop has no log");
        let mut processes: Vec<String> = c
            .processes()
            .iter()
            .filter(|process| matches!(process.name.as_str(), "shop" | "worker" | "mailer"))
            .map(|process| {
                let status = fs::read_to_string(format!("/proc/{}/status", process.outside)).unwrap();
                let is_id = |line: &&str| line.starts_with("Uid:") || line.starts_with("Gid:");
                let ids: Vec<&str> = status.lines().filter(is_id).collect();
                let at = fs::read_link(format!("/proc/{}/cwd", process.outside)).unwrap();
                format!("{} {ids:?} {}", process.command_line(), at.display())
            })
            .collect();
        processes.sort();
        // What waits for a child beside it would be counted twice.
        processes.dedup();
        before_the_end(&c);
        c.terminate();
        let code = c.wait_exit(Duration::from_secs(30)).code;
        let own = |line: &str| {
            let at = line.find("shop ").or_else(|| line.find("worker "))?;
            Some(line[at..].to_owned()).filter(|text| !text.contains('|'))
        };
        let console = c.lines();
        let console =
            console.iter().map(|line| line.text.split_once("| ").map_or(&*line.text, |(_, text)| text));
        let mut lines: Vec<String> = console
            .filter(|text| text.starts_with("shop ") || text.starts_with("worker "))
            .map(|text| format!("console: {text}"))
            .chain(self.log().lines().filter_map(own).map(|text| format!("log: {text}")))
            .collect();
        lines.sort();
        Observed { processes, lines, code }
    }

    /// Under what it ran with before.
    fn before(&self, supervisor: &str) -> Setup {
        Setup::new().prelude(&format!("{}; {supervisor}", self.prelude()))
    }

    fn after(&self, arguments: &[&str]) -> Setup {
        let arguments: Vec<String> = arguments.iter().map(|one| self.world.fill(one)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Setup::new().prelude(&self.prelude()).arguments(&arguments)
    }

    /// What a container with the files of the guide shows, which is what one with the import does.
    fn under_foster(&self, kind: &str, path: &str) -> Observed {
        assert!(!self.services.is_empty());
        let files = self.observed(self.after(&["run", "WORLD/services"]).start(), |_| {});
        let imported = self.observed(self.after(&["run", "--import", kind, path]).start(), |_| {});
        assert_eq!(files, imported);
        files
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Observed {
    processes: Vec<String>,
    lines: Vec<String>,
    code: i32,
}

#[test]
fn the_example_of_s6_does_the_same_before_and_after() {
    needs_servers!(SVSCAN);
    let place = Place::new(S6);
    // What s6-overlay does before it becomes s6-svscan.
    let stage = "for step in /etc/cont-init.d/*; do $step; done; exec s6-svscan /etc/services.d";
    let before = place.observed(place.before(stage).start(), |_| {});
    let after = place.under_foster("s6", "/etc");
    assert_eq!(before, after);
    let expected = [
        "console: worker --queue mail as daemon in /srv with 1024 files",
        "console: worker complains",
        "console: worker got INT",
        "log: shop --port 8080 as www-data in /run/shop with 512 files",
        "log: shop complains",
        "log: shop got TERM",
    ];
    assert!(
        after.lines.len() == 6
            && after.lines.iter().zip(expected).all(|(line, start)| line.starts_with(start)),
        "{after:#?}"
    );
    assert_eq!((after.processes.len(), after.code), (2, 0), "{after:#?}");
}

#[test]
fn the_example_of_runit_does_the_same_before_and_after() {
    needs_servers!(RUNSVDIR);
    let place = Place::new(RUNIT);
    let before = place.observed(place.before("exec runsvdir -P /etc/service").start(), |c| {
        let stopped = c.ask(&["sv", "stop", "/etc/service/worker", "/etc/service/shop"]);
        c.check(stopped.status.success(), &format!("{stopped:?}"));
    });
    let after = place.under_foster("runit", "/etc/service");
    assert_eq!(before, after);
    assert!(after.lines.contains(&"log: shop got TERM".to_owned()), "{after:#?}");
    assert!(after.lines.contains(&"console: worker got TERM".to_owned()), "{after:#?}");
    assert_eq!((after.processes.len(), after.lines.len(), after.code), (2, 6, 0), "{after:#?}");
}
