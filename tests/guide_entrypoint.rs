//! The example of docs/howto-replace-entrypoint.md, before and after: what can be seen from outside is the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use support::foster_bin;

/// The blocks of the page, with its directories below `root`.
fn blocks(root: &Path) -> Vec<(String, String)> {
    let page = fs::read_to_string("docs/howto-replace-entrypoint.md").unwrap();
    let root = root.display().to_string();
    let mut blocks = Vec::new();
    for part in page.split("\n```").skip(1).step_by(2) {
        let (kind, text) = part.split_once('\n').unwrap();
        let text =
            text.replace("/srv/shop", &format!("{root}/srv")).replace("/run/shop", &format!("{root}/run"));
        blocks.push((kind.to_owned(), text));
    }
    blocks
}

/// The programs of the example: they say who they are, with what, and when they are asked to stop. They wait without a
/// child: one that is asked to end between its fork and its exec does not hear it.
const PROGRAM: &str = r#"#!/bin/sh
name=${0##*/}
trap 'echo "$name: bye"; exit 0' TERM
[ "$name" = web ] && detail=" $* $(cat "$2") in ${PWD##*/}"
mkfifo "ROOT/run/$name.wait"
echo "$name: up$detail"
[ "$name" = db ] && : > ROOT/run/db.ready
[ "$name" = web ] && [ -n "$FAIL" ] && exit 3
read -r line <> "ROOT/run/$name.wait"
"#;

struct Run {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Run {
    fn wait_line(&mut self, text: &str) {
        while !self.seen.iter().any(|line| line.starts_with(text)) {
            match self.lines.recv_timeout(Duration::from_secs(20)) {
                Ok(line) => self.seen.push(line),
                Err(why) => panic!("no `{text}` ({why}): {:#?}", self.seen),
            }
        }
    }

    /// The code, and all lines in an order of their own.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let code = self.child.wait().unwrap().code();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(20)) {
            self.seen.push(line);
        }
        self.seen.sort();
        (code, std::mem::take(&mut self.seen))
    }

    fn terminate(&self) {
        support::signal(self.child.id().cast_signed(), 15);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

enum Way {
    Script,
    Foster,
}

fn start(root: &Path, way: Way, variables: &[(&str, &str)]) -> Run {
    fs::create_dir_all(root.join("srv")).unwrap();
    fs::create_dir_all(root.join("services.d")).unwrap();
    for name in ["db", "web", "worker"] {
        let path = root.join("srv").join(name);
        fs::write(&path, PROGRAM.replace("ROOT", &root.display().to_string())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for (kind, text) in blocks(root) {
        let name = text.lines().next().and_then(|line| line.strip_prefix("# file: "));
        match (kind.as_str(), name) {
            ("text", _) => fs::write(root.join("entrypoint.sh"), &text).unwrap(),
            ("toml", Some("foster.toml")) => fs::write(root.join("foster.toml"), &text).unwrap(),
            ("toml", Some(name)) => fs::write(root.join("services.d").join(name), &text).unwrap(),
            _ => {}
        }
    }
    let mut command = match way {
        Way::Script => {
            let mut command = Command::new("/bin/bash");
            command.arg(root.join("entrypoint.sh"));
            command
        }
        Way::Foster => {
            let mut command = Command::new(foster_bin());
            command.arg("run").arg("--services").arg(root.join("services.d"));
            command.arg("--config").arg(root.join("foster.toml")).env("FOSTER_SOCKET", "none");
            command
        }
    };
    command.env_remove("FAIL").envs(variables.iter().copied());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let (send, lines) = channel();
    let output = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    Run { child, lines, seen: Vec::new() }
}

/// Both, with these variables; `act` when the web server is up.
fn both(variables: &[(&str, &str)], act: fn(&mut Run)) -> [(Option<i32>, Vec<String>); 2] {
    [Way::Script, Way::Foster].map(|way| {
        let root = tempfile::tempdir().unwrap();
        let mut run = start(root.path(), way, variables);
        run.wait_line("web: up");
        act(&mut run);
        let (code, lines) = run.end();
        let root = root.path().display().to_string();
        (code, lines.into_iter().map(|line| line.replace(&root, "")).collect())
    })
}

#[test]
fn script_and_services_write_the_same_and_end_with_0_when_they_are_asked_to_stop() {
    let [before, after] = both(&[("MODE", "test")], Run::terminate_it);
    assert_eq!(before, after);
    let expected = ["db: bye", "db: up", "web: bye"];
    assert_eq!((after.0, &after.1[..3]), (Some(0), &expected.map(String::from)[..]), "{after:#?}");
    assert!(after.1[3].contains("mode=test in srv"), "{after:#?}");
}

#[test]
fn script_and_services_end_with_the_code_of_what_failed() {
    let [before, after] = both(&[("FAIL", "1")], |_| {});
    assert_eq!((before.0, after.0), (Some(3), Some(3)));
    assert!(after.1.contains(&"db: bye".to_owned()), "{after:#?}");
}

#[test]
fn the_worker_is_there_when_it_is_asked_for_and_is_asked_to_stop_too() {
    let root = tempfile::tempdir().unwrap();
    let mut run = start(root.path(), Way::Foster, &[("WITH_WORKER", "1")]);
    run.wait_line("web: up");
    run.wait_line("worker: up");
    run.terminate();
    let (code, lines) = run.end();
    assert_eq!(code, Some(0));
    assert!(lines.contains(&"worker: bye".to_owned()), "{lines:#?}");
}

impl Run {
    fn terminate_it(&mut self) {
        self.terminate();
    }
}
