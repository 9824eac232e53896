//! Claims about what compose reads beside a compose file, or from several.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;

use foster::config::import::Kind;
use import_room::{Source, file, report};

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

#[test]
fn environment_files_and_dot_env_are_where_compose_looks_for_them() {
    let files = [
        (
            "compose.yml",
            "services:\n  a:\n    command: a ${X} \"$Y\"\n    environment: [X, Z]\n    env_file:\n      - ./a.env\n\
             \x20     - path: b.env\n        required: false\n        format: raw\n",
        ),
        (".env", "X=from-file\n"),
        ("a.env", "A=1\n"),
    ];
    let source = Source::new(Kind::Compose, "", &files);
    let converted = source.converted();
    let text = file(&converted, "a.toml");
    has(
        text,
        &[
            "command = [\"a\", \"${X:-from-file}\", \"${Y:-}\"]",
            "/a.env\"",
            "\"-/",
            "X = \"${X:-from-file}\"",
        ],
    );
    assert!(!text.contains("Z ="), "{text}");
    has(
        &report(&source, &converted),
        &[
            ".env: .env: approximated; its values are the defaults",
            "env_file: approximated -> a: environment-files; they are read at each start",
            "env_file.format: not carried; there is one format",
        ],
    );
    let broken = Source::new(
        Kind::Compose,
        "",
        &[("compose.yml", "services:\n  a:\n    command: a\n"), (".env", "\nx y\n")],
    );
    has(&broken.broken(), &["/.env:2:", "cannot read .env: there is no `=`"]);
}

#[test]
fn what_is_extended_included_and_overridden_is_read_with_it() {
    let files = [
        (
            "compose.yaml",
            "include:\n  - jobs/compose.yaml\nservices:\n  base:\n    image: x\n    command: base\n    \
             environment: {A: '1', B: '2'}\n  web:\n    extends: base\n    command: web\n    environment: [B=3]\n  \
             mail:\n    extends: {file: common/mail.yaml, service: mail}\n    image: x\n",
        ),
        (
            "compose.override.yaml",
            "services:\n  web:\n    environment: {C: '4'}\n    command: [web, --debug]\n",
        ),
        (
            "jobs/compose.yaml",
            "services:\n  job:\n    image: x\n    command: job $K\n    env_file: job.env\n",
        ),
        ("jobs/.env", "K=key\n"),
        ("jobs/job.env", "J=1\n"),
        (
            "common/mail.yaml",
            "services:\n  mail:\n    extends: {service: first}\n    command: mail\n  first:\n    env_file: mail.env\n",
        ),
        ("common/mail.env", "M=1\n"),
    ];
    let source = Source::new(Kind::Compose, "", &files);
    let converted = source.converted();
    let names: Vec<&str> = converted.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["job.toml", "base.toml", "web.toml", "mail.toml"]);
    let web = file(&converted, "web.toml");
    has(web, &["command = [\"web\", \"--debug\"]", "A = \"1\"\nB = \"3\"\nC = \"4\""]);
    has(file(&converted, "job.toml"), &["command = [\"job\", \"${K:-key}\"]", "/jobs/job.env\"]"]);
    has(file(&converted, "mail.toml"), &["command = [\"mail\"]", "/common/mail.env\"]"]);
    has(&report(&source, &converted), &["services.web.extends: exact", "include: exact", "override.yaml:3:"]);
}

#[test]
fn json_is_a_compose_file_too() {
    let text =
        "{\n\t\"services\": {\n\t\t\"a\": {\"command\": [\"x\", \"\\u00e9\"], \"tty\": false}\n\t}\n}\n";
    let source = Source::new(Kind::Compose, "compose.json", &[("compose.json", text)]);
    has(file(&source.converted(), "a.toml"), &["command = [\"x\", \"é\"]"]);
}
