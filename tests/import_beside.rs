//! Claims about trees of runit and s6 that run before, under Debian's runsvdir and s6-svscan, and after, under foster: what
//! can be observed is the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::{eventually, find_program, foster_bin, record_skip};

const LONG: Duration = Duration::from_secs(30);

/// What it says of itself, and when it is asked to end.
const SHOP: &str = "echo up $MODE in $PWD with $(ulimit -n) files as $(id -un)\nsleep 1000 & child=$!\n\
                    trap 'echo asked to end; kill $child 2>/dev/null; exit 0' TERM\necho also on stderr >&2\nwait\n";

struct Tree {
    root: tempfile::TempDir,
}

impl Tree {
    /// `run` of the service and of its logger.
    fn new(run: &str, logger: &str) -> Self {
        let tree = Self { root: tempfile::tempdir().unwrap() };
        std::fs::set_permissions(tree.root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let logs = tree.path("logs");
        std::fs::create_dir(&logs).unwrap();
        let fill = |text: &str| {
            let user = if support::is_root() { "nobody" } else { "SELF" };
            text.replace("LOGS", logs.to_str().unwrap())
                .replace("ROOT", tree.root.path().to_str().unwrap())
                .replace("USER", user)
        };
        for (path, text) in [("shop", SHOP), ("service/shop/run", run), ("service/shop/log/run", logger)] {
            let path = tree.path(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, fill(text)).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        tree
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("logs/current")).unwrap_or_default()
    }

    /// Runs a supervisor until the service is up and has been stopped again: what it wrote, how it was called, and the code.
    fn observed(&self, mut supervisor: Command, signal: i32) -> (Vec<String>, Vec<String>, Option<i32>) {
        let _ = std::fs::remove_dir_all(self.path("logs"));
        std::fs::create_dir(self.path("logs")).unwrap();
        supervisor.env_clear().env("PATH", std::env::var("PATH").unwrap()).env("FOSTER_SOCKET", "none");
        supervisor.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut child: Child = supervisor.spawn().unwrap();
        let up = eventually(LONG, || self.log().contains("up ") && self.log().contains("stderr"));
        let called = commands_below(child.id(), &self.path("shop"));
        support::signal(child.id().cast_signed(), signal);
        let down = eventually(LONG, || self.log().contains("asked to end"));
        let mut code = None;
        eventually(LONG, || {
            code = child.try_wait().unwrap();
            code.is_some()
        });
        if code.is_none() {
            let _ = child.kill();
        }
        assert!(up && down, "up: {up}, down: {down}, log: {:?}", self.log());
        let mut lines: Vec<String> = self.log().lines().map(str::to_owned).collect();
        lines.sort();
        (lines, called, code.and_then(|status| status.code()))
    }
}

/// The command lines that name this program, of descendants of a process.
fn commands_below(pid: u32, program: &Path) -> Vec<String> {
    let mut open = vec![pid];
    let mut found = Vec::new();
    while let Some(pid) = open.pop() {
        let children =
            std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|word| word.parse::<u32>().ok()) {
            open.push(child);
            let line = std::fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default();
            if line.split('\0').any(|word| Path::new(word) == program) {
                found.push(line.replace('\0', " ").trim().to_owned());
            }
        }
    }
    // Between its fork and its exec, a child looks like its parent.
    found.dedup();
    found
}

fn foster(kind: &str, tree: &Tree) -> Command {
    let mut command = Command::new(foster_bin());
    command.args(["run", "--import", kind, tree.path("service").to_str().unwrap()]);
    command
}

/// Whether these programs are there, and this user can become another.
fn has(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| find_program(program).is_none());
    if let Some(program) = missing {
        record_skip(&format!("{program} is not installed"));
    } else if !support::is_root() {
        record_skip("only root can become another user");
    }
    missing.is_none() && support::is_root()
}

#[test]
fn a_tree_of_runit_does_the_same_before_and_after() {
    if !has(&["runsvdir", "chpst", "svlogd"]) {
        return;
    }
    let tree = Tree::new(
        "#!/bin/sh\nexec 2>&1\nexport MODE=production\ncd ROOT\nexec chpst -u USER -o 512 /bin/sh ROOT/shop\n",
        "#!/bin/sh\nexec svlogd LOGS\n",
    );
    let mut runsvdir = Command::new("runsvdir");
    runsvdir.args(["-P", tree.path("service").to_str().unwrap()]);
    let (before, called_before, _) = tree.observed(runsvdir, libc::SIGHUP);
    let (after, called_after, code) = tree.observed(foster("runit", &tree), libc::SIGTERM);
    assert_eq!(before, after);
    assert!(before.iter().any(|line| line.ends_with("with 512 files as nobody")), "{before:?}");
    assert_eq!(called_before, called_after);
    assert_eq!(code, Some(0));
}

#[test]
fn a_tree_of_s6_does_the_same_before_and_after() {
    if !has(&["s6-svscan", "s6-setuidgid", "s6-softlimit", "s6-log"]) {
        return;
    }
    let tree = Tree::new(
        "#!/bin/sh\nexec 2>&1\nexport MODE=production\ncd ROOT\nexec s6-softlimit -o 512 s6-setuidgid USER /bin/sh ROOT/shop\n",
        "#!/bin/sh\nexec s6-log n5 s100000 LOGS\n",
    );
    let mut svscan = Command::new("s6-svscan");
    svscan.arg(tree.path("service"));
    let (before, called_before, _) = tree.observed(svscan, libc::SIGTERM);
    let (after, called_after, code) = tree.observed(foster("s6", &tree), libc::SIGTERM);
    assert_eq!(before, after);
    assert!(before.iter().any(|line| line.ends_with("with 512 files as nobody")), "{before:?}");
    assert_eq!(called_before, called_after);
    assert_eq!(code, Some(0));
}
