//! What is said when a start fails, and with which code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod sys_child;

use foster::model::{Environment, Exec, Limit, Resource};
use foster::sys::{SpawnError, Stage};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use sys_child::{alone, argv, fails, is_root, path_only, prepare, run};

fn file(dir: &Path, name: &str, content: &[u8], mode: u32) -> String {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn says(error: &SpawnError, stage: Stage, code: u8, text: &str) {
    assert_eq!((error.stage, error.exit_code(), error.to_string().as_str()), (stage, code, text));
}

#[test]
fn a_command_that_is_nowhere_is_named_with_the_path() {
    let _alone = alone();
    let exec = Exec {
        environment: Environment {
            set: vec![("PATH".into(), "/usr/bin:/nonexistent:".into())],
            ..Environment::default()
        },
        ..Exec::default()
    };
    let text = "cannot find `no-such-server` in PATH (/usr/bin:/nonexistent:)";
    says(&fails(&exec, &argv(&["no-such-server"])), Stage::Exec, 127, text);
    let text = "cannot execute /nonexistent/run: No such file or directory";
    says(&fails(&Exec::default(), &argv(&["/nonexistent/run"])), Stage::Exec, 127, text);
}

#[test]
fn a_file_that_cannot_be_executed_is_explained() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, &[u8], u32, u8, &str); 6] = [
        ("plain", b"echo hi\n", 0o644, 126, "it has no execute permission (mode 0644)"),
        (
            "bash",
            b"#!/nonexistent/bash -e\n",
            0o755,
            127,
            "the interpreter /nonexistent/bash of its first line does not exist",
        ),
        (
            "crlf",
            b"#!/bin/sh\r\necho hi\r\n",
            0o755,
            127,
            "its first line ends in a carriage return (CRLF); save it with Unix line ends",
        ),
        ("loop", b"#!/tmp\n", 0o755, 126, "the interpreter /tmp of its first line is a directory"),
        (
            "junk",
            b"\0\x01\x02 not a program",
            0o755,
            126,
            "it is neither a program of this machine nor a script",
        ),
        ("elf", &wrong_machine(), 0o755, 126, WRONG),
    ];
    for (name, content, mode, code, cause) in cases {
        let path = file(dir.path(), name, content, mode);
        let error = fails(&Exec::default(), &argv(&[&path]));
        says(&error, Stage::Exec, code, &format!("cannot execute {path}: {cause}"));
        // And through PATH the same is said.
        let exec = Exec {
            environment: Environment {
                set: vec![("PATH".into(), format!("/nonexistent:{}", dir.path().display()))],
                ..Environment::default()
            },
            ..Exec::default()
        };
        says(&fails(&exec, &argv(&[name])), Stage::Exec, code, &format!("cannot execute {path}: {cause}"));
    }
    let path = dir.path().to_str().unwrap();
    says(
        &fails(&Exec::default(), &argv(&[path])),
        Stage::Exec,
        126,
        &format!("cannot execute {path}: it is a directory"),
    );
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("/nonexistent/x", &link).unwrap();
    let link = link.to_str().unwrap();
    let text =
        format!("cannot execute {link}: it is a symbolic link to /nonexistent/x, which does not exist");
    says(&fails(&Exec::default(), &argv(&[link])), Stage::Exec, 127, &text);
}

#[cfg(target_arch = "x86_64")]
const WRONG: &str = "it is built for aarch64, this machine is x86_64";
#[cfg(not(target_arch = "x86_64"))]
const WRONG: &str = "it is built for x86_64, this machine is aarch64";

fn wrong_machine() -> Vec<u8> {
    let mut elf = std::fs::read("/proc/self/exe").unwrap();
    elf.truncate(4096);
    elf[18..20].copy_from_slice(&(if cfg!(target_arch = "x86_64") { 183u16 } else { 62 }).to_le_bytes());
    elf
}

#[test]
fn a_missing_dynamic_loader_is_named() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let mut elf = std::fs::read("/bin/true").unwrap();
    let Some(at) = elf.windows(5).position(|w| w == b"/lib6") else {
        eprintln!("skipped: /bin/true has no loader in /lib64");
        return;
    };
    elf[at..at + 5].copy_from_slice(b"/nope");
    let path = file(dir.path(), "elf", &elf, 0o755);
    let error = fails(&Exec::default(), &argv(&[&path]));
    assert!(error.what.contains("its dynamic loader /nope4/"), "{error}");
    assert_eq!(error.exit_code(), 127);
}

#[test]
fn a_relative_command_is_explained_from_its_working_directory() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "run", b"#!/bin/sh\r\n", 0o755);
    let exec = Exec { working_directory: Some(dir.path().to_str().unwrap().into()), ..Exec::default() };
    let error = fails(&exec, &argv(&["./run"]));
    assert!(
        error.what.starts_with("cannot execute ./run: its first line ends in a carriage return"),
        "{error}"
    );
}

#[test]
fn a_missing_directory_is_named() {
    let _alone = alone();
    let exec = Exec { working_directory: Some("/srv/no-app".into()), ..Exec::default() };
    let text = "cannot change to /srv/no-app: No such file or directory";
    says(&fails(&exec, &argv(&["true"])), Stage::Directory, 1, text);
}

#[test]
fn an_unknown_user_or_group_is_named() {
    let exec = Exec { user: Some("no-such-user".into()), ..Exec::default() };
    let error = prepare(&exec, &argv(&["true"])).unwrap_err();
    says(&error, Stage::User, 1, "cannot become user `no-such-user`: not in /etc/passwd");
    let exec = Exec { group: Some("no-such-group".into()), ..Exec::default() };
    let error = prepare(&exec, &argv(&["true"])).unwrap_err();
    says(&error, Stage::User, 1, "cannot become a member of group `no-such-group`: not in /etc/group");
}

#[test]
fn a_secret_file_that_is_missing_is_named() {
    let environment =
        Environment { secrets: vec![("PW".into(), "/run/secrets/no-pw".into())], ..Environment::default() };
    let exec = Exec { environment, ..Exec::default() };
    let text = "cannot read secret PW from /run/secrets/no-pw: No such file or directory";
    says(&prepare(&exec, &argv(&["true"])).unwrap_err(), Stage::Secret, 1, text);
}

#[test]
fn a_limit_that_the_kernel_refuses_is_named() {
    let _alone = alone();
    let limits = vec![
        Limit { resource: Resource::Core, soft: Some(0), hard: Some(0) },
        Limit { resource: Resource::Nofile, soft: Some(10), hard: Some(5) },
    ];
    let error = fails(&Exec { limits, ..Exec::default() }, &argv(&["true"]));
    says(&error, Stage::Limit, 1, "cannot set the limit nofile: Invalid argument");
}

#[test]
fn the_users_rights_count_for_directory_and_command() {
    let _alone = alone();
    if !is_root("the_users_rights_count_for_directory_and_command") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let path = file(dir.path(), "run", b"#!/bin/sh\n", 0o755);
    let user = Exec { user: Some("4242".into()), ..Exec::default() };
    let text = format!(
        "cannot execute {path}: user `4242` may not execute it, or may not enter a directory above it"
    );
    says(&fails(&user, &argv(&[&path])), Stage::Exec, 126, &text);
    let exec = Exec { working_directory: Some(dir.path().to_str().unwrap().into()), ..user };
    let text = format!("cannot change to {}: Permission denied", dir.path().display());
    says(&fails(&exec, &argv(&["true"])), Stage::Directory, 1, &text);
}

/// The rest of a test as somebody else: in a new user namespace, or with another uid.
fn again(test: &str, wrapper: &[&str]) -> std::process::Output {
    let exe = std::env::current_exe().unwrap();
    // In a place that the other user may read.
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let copy = dir.path().join("test");
    std::fs::copy(&exe, &copy).unwrap();
    std::process::Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg(&copy)
        .args(["--exact", test, "--nocapture"])
        .env("FOSTER_TEST_INNER", "1")
        .current_dir("/")
        .output()
        .unwrap()
}

fn inner() -> bool {
    std::env::var_os("FOSTER_TEST_INNER").is_some()
}

#[test]
fn another_user_without_root_is_an_error_that_says_so() {
    let _alone = alone();
    if !inner() {
        if is_root("another_user_without_root_is_an_error_that_says_so") {
            let wrapper = ["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups"];
            let out = again("another_user_without_root_is_an_error_that_says_so", &wrapper);
            assert!(out.status.success(), "{}", sys_child::text(&out));
        }
        return;
    }
    let exec = Exec { user: Some("33".into()), ..Exec::default() };
    let error = fails(&exec, &argv(&["true"]));
    assert_eq!(
        error.what,
        "cannot become user `33` with its group: only root may, and the supervisor runs as user 4242"
    );
    let own = Exec { user: Some("4242".into()), ..Exec::default() };
    run(&own, &argv(&["true"]));
    let nothing = Exec { capabilities: Some(vec![]), ..Exec::default() };
    let status = run(&nothing, &argv(&["cat", "/proc/self/status"])).stdout;
    assert!(status.contains("NoNewPrivs:\t1"), "the bounding set stays, so exec must give nothing back");
    let bind = Exec { capabilities: Some(vec![10]), ..Exec::default() };
    let error = prepare(&bind, &argv(&["true"])).unwrap_err();
    assert_eq!(error.what, "cannot keep CAP_NET_BIND_SERVICE: the supervisor does not have it itself");
}

#[test]
fn a_user_namespace_that_denies_setgroups_is_no_obstacle_when_groups_stay() {
    let _alone = alone();
    let name = "a_user_namespace_that_denies_setgroups_is_no_obstacle_when_groups_stay";
    if !inner() {
        if std::process::Command::new("unshare").args(["-Ur", "true"]).status().is_ok_and(|s| s.success()) {
            let out = again(name, &["unshare", "-Ur"]);
            assert!(out.status.success(), "{}", sys_child::text(&out));
        } else {
            eprintln!("skipped: {name} needs user namespaces");
        }
        return;
    }
    let own = Exec { user: Some("0".into()), ..Exec::default() };
    assert_eq!(run(&own, &argv(&["id", "-u"])).stdout, "0\n");
    let other = Exec { supplementary_groups: Some(vec!["77".into()]), ..own };
    let error = fails(&other, &argv(&["true"]));
    assert!(error.what.contains("/proc/self/setgroups says deny"), "{error}");
    let _ = path_only();
}
