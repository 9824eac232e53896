//! `foster check` as a program: what goes where, and with which exit code.
#![allow(clippy::expect_used)]

use std::fs;
use std::process::{Command, Output};

/// Runs it on a directory with one service of this text.
fn check(service: &str, options: &[&str]) -> Output {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("web.toml"), service).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_foster"));
    command.arg("check").args(options).arg(directory.path()).env_clear().env("PATH", "/bin:/usr/bin");
    command.output().expect("foster runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_right_configuration_exits_0_with_one_line() {
    let output = check("command = 'true'", &[]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert!(text(&output.stdout).ends_with(": 1 service, no errors, no warnings\n"));
}

#[test]
fn a_warning_is_shown_and_exits_0() {
    let output = check("command = 'no-such-command'", &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).ends_with(": 1 service, no errors, 1 warning\n"));
    assert!(text(&output.stderr).contains("warning: the command `no-such-command` is not in the PATH"));
}

#[test]
fn an_error_exits_78_and_says_nothing_on_stdout() {
    let output = check("comand = 'true'", &[]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(78), String::new()));
    assert!(text(&output.stderr).contains("web.toml:1:1"));
    assert!(text(&output.stderr).ends_with("1 error: nothing can be started\n"));
}

#[test]
fn json_goes_to_stdout_and_the_exit_code_is_the_same() {
    let output = check("comand = 'true'", &["--format", "json"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(78), String::new()));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&report["errors"], &report["warnings"]), (&1.into(), &0.into()));
}
