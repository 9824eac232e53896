//! A fixture of supervisord's in the life that it is made for: put right for this machine, converted by the binary, passed
//! by `foster check`, and started by foster as PID 1 among the programs that it names.

#![allow(dead_code)]

use crate::support::{Container, LONG, Ran, Setup, World, eventually, foster_bin};
use nix::unistd::User;
use std::fs;
use std::path::Path;
use std::process::Command;

pub const PHP: (&str, &str) = ("php-fpm", "php-fpm");
pub const PHP_CLI: (&str, &str) = ("php", "php-cli");
pub const NGINX: (&str, &str) = ("nginx", "nginx-light");
pub const CLIENT: (&str, &str) = ("busybox", "busybox-static");

/// Not that of whoever runs the tests.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Says who it is, as whom and where it runs, and which signal ends it. It waits without a child: one that is told to end
/// between its fork and its exec does not hear it.
pub const PROGRAM: &str = "#!/bin/sh
    name=${0##*/}
    echo \"$name $* as $(id -un) in $PWD\"
    trap 'echo \"$name got TERM\"; echo \"term $name\" >> $EVENTS; exit 0' TERM
    wait=$(mktemp -u); mkfifo $wait; exec 3<>$wait; rm $wait
    echo \"up $name $$\" >> $EVENTS
    while :; do read -r line <&3; done\n";

/// A /tmp of its own, in which all that was there is still to be found.
pub const OWN_TMP: &str = "mkdir /run/tmp; mount --rbind /tmp /run/tmp; mount -t tmpfs -o mode=1777 tmp /tmp
    for entry in /run/tmp/*; do ln -s \"$entry\" /tmp; done\n";

/// A converted fixture.
pub struct Shape<'w> {
    world: &'w World,
    environment: Vec<(String, String)>,
    prelude: String,
    services: String,
    command: Vec<String>,
}

impl<'w> Shape<'w> {
    /// Converts the fixture, in which each text of `swaps` stands for the other one. The conversion ends with this code.
    #[track_caller]
    pub fn new(
        world: &'w World,
        fixture: &str,
        swaps: &[(&str, &str)],
        environment: &[(&str, &str)],
        code: i32,
    ) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/supervisord").join(fixture);
        let source = world.path().join("source").join(if root.is_dir() { "" } else { fixture });
        let mut unused: Vec<&str> = swaps.iter().map(|(text, _)| *text).collect();
        copy(&root, &source, &mut |text| {
            swaps.iter().fold(text, |text, (this, other)| {
                unused.retain(|swap| !(swap == this && text.contains(this)));
                text.replace(this, &world.fill(other))
            })
        });
        assert!(unused.is_empty(), "not in {fixture}: {unused:?}");
        let foster = foster_bin();
        let ours = [("PATH", PATH), ("FOSTER", foster.to_str().unwrap())];
        let environment = environment.iter().chain(&ours);
        let environment = environment.map(|(name, value)| ((*name).into(), world.fill(value))).collect();
        let (prelude, services) = (String::new(), world.fill("WORLD/services"));
        let shape = Self { world, environment, prelude, services, command: Vec::new() };
        let _ = fs::remove_dir_all(&shape.services);
        let source = source.to_str().unwrap();
        let converted = shape.foster(&["import", "supervisord", source, "-o", &shape.services]);
        assert_eq!(converted.code, code, "{converted:#?}");
        let checked = shape.foster(&["check", &shape.services]);
        assert_eq!(checked.code, 0, "{checked:#?}");
        shape
    }

    /// Shell text that puts in place what the image would have.
    pub fn prelude(mut self, script: &str) -> Self {
        self.prelude = format!("set -e\nmount -t tmpfs -o mode=755 run /run\n{}", self.world.fill(script));
        self
    }

    /// The command of the image, which runs beside.
    pub fn command(mut self, words: &[&str]) -> Self {
        self.command = words.iter().map(|word| self.world.fill(word)).collect();
        self
    }

    /// Starts it once `foster check` misses nothing, with everything in place.
    #[track_caller]
    pub fn start(&self) -> Container {
        let mut arguments = vec!["run", &self.services];
        if !self.command.is_empty() {
            arguments.push("--");
            arguments.extend(self.command.iter().map(String::as_str));
        }
        let report = self.world.path().join("checked");
        let _ = fs::remove_file(&report);
        // Before it is started: it may end at once.
        let check = format!("$FOSTER check {} > {} 2>&1", self.services, report.display());
        let prelude = format!("{}\n{check} || exit", self.prelude);
        let setup = Setup::new().network().prelude(&prelude).arguments(&arguments);
        let setup = self.environment.iter().fold(setup, |setup, (name, value)| setup.env(name, value));
        let c = setup.start();
        let said = || fs::read_to_string(&report).unwrap_or_default();
        c.check(eventually(LONG, || said().ends_with("no errors, no warnings\n")), &said());
        c
    }

    fn foster(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(foster_bin());
        command.args(arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ran::of(command)
    }
}

fn copy(from: &Path, to: &Path, swap: &mut impl FnMut(String) -> String) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in from.read_dir().unwrap() {
            let path = entry.unwrap().path();
            copy(&path, &to.join(path.file_name().unwrap()), swap);
        }
        return;
    }
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::write(to, swap(fs::read_to_string(from).unwrap())).unwrap();
}

/// Writes a file whose indentation counts.
pub fn as_it_is(world: &World, name: &str, text: &str) {
    world.file(name, "");
    fs::write(world.path().join(name), world.fill(text)).unwrap();
}

/// The users of the processes whose command line has this in it.
pub fn users(c: &Container, command: &str) -> Vec<String> {
    let processes = c.processes().into_iter().filter(|process| process.command_line().contains(command));
    processes
        .filter_map(|process| {
            let status = fs::read_to_string(format!("/proc/{}/status", process.outside)).ok()?;
            let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
            let user = User::from_uid(ids.split_whitespace().next()?.parse::<u32>().ok()?.into()).ok()?;
            Some(user?.name)
        })
        .collect()
}

/// Fails unless there are such processes, and all of this user.
#[track_caller]
pub fn all_are(c: &Container, command: &str, user: &str) {
    let users = users(c, command);
    c.check(!users.is_empty() && users.iter().all(|one| one == user), &format!("{command}: {users:?}"));
}

/// Waits until a page has this in it.
#[track_caller]
pub fn page(c: &Container, port: u16, expected: &str) {
    c.wait_answer(&["busybox", "wget", "-qO-", &format!("http://127.0.0.1:{port}/")], expected);
}

/// Fails unless these lines were printed, and in this order.
#[track_caller]
pub fn printed_in_order(c: &Container, lines: &[&[&str]]) {
    let all = c.lines();
    let at = |parts: &&[&str]| {
        let found = all.iter().position(|line| parts.iter().all(|part| line.text.contains(part)));
        found.unwrap_or_else(|| c.fail(&format!("no line with {parts:?}")))
    };
    let places: Vec<usize> = lines.iter().map(at).collect();
    c.check(places.is_sorted(), &format!("not in this order: {lines:?}"));
}
