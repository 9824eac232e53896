//! No input upsets the configuration, and no key of the schema is accepted and ignored.
#![allow(clippy::expect_used, clippy::panic)]

use foster::config::{
    ConfigFile, Group, Loaded, Mode, Report, Request, SERVICE, SETTINGS, Type, Variables, load,
};
use proptest::prelude::*;
use std::fs;

fn run(service: &[u8], settings: Option<&str>) -> Result<Loaded, Report> {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    fs::create_dir(root.join("s")).expect("a directory");
    fs::write(root.join("s/web.toml"), service).expect("a file");
    if let Some(settings) = settings {
        fs::write(root.join("foster.toml"), settings).expect("a file");
    }
    let environment = Variables::from([("SET".into(), "1".into())]);
    let mut request = Request::new(vec![root.join("s")], None, &environment, Mode::Check);
    request.config = ConfigFile::Default(root.join("foster.toml"));
    load(&request)
}

/// Every key of a group and of those inside it, as a file that sets it to a date, which fits nowhere.
fn files(group: &'static Group) -> Vec<(String, String)> {
    let header = if group.name.is_empty() { String::new() } else { format!("{}\n", group.header()) };
    let mut list = Vec::new();
    for key in group.keys {
        match key.kind {
            Type::Table(inner) | Type::Tables(inner) => list.extend(files(inner)),
            _ => list.push((group.path(key.name), format!("{header}{} = 1979-05-27\n", key.name))),
        }
    }
    list
}

#[test]
fn every_key_of_the_schema_is_read() {
    for (name, text) in files(&SERVICE) {
        let report = run(text.as_bytes(), None).map(|_| ()).expect_err(&name);
        let said = report.diagnostics.iter().any(|d| d.message.starts_with(&format!("`{name}` must be ")));
        assert!(said, "{name}: {report}");
    }
    for (name, text) in files(&SETTINGS) {
        let report = run(b"command = 'x'", Some(&text)).map(|_| ()).expect_err(&name);
        let said = report.diagnostics.iter().any(|d| d.message.starts_with(&format!("`{name}` ")));
        assert!(said, "{name}: {report}");
    }
}

#[test]
fn deep_nesting_and_many_keys_end_in_a_report() {
    for text in [
        format!("command = {}", "[".repeat(100_000)),
        format!("command = 'x'\nx = {}1{}", "[".repeat(50_000), "]".repeat(50_000)),
        format!("command = \"{}\"", "${A:-".repeat(20_000)),
        format!("command = \"{}{}\"", "${A:-".repeat(5_000), "}".repeat(5_000)),
        (0..5_000).map(|n| format!("unknown-{n} = 1\n")).collect(),
    ] {
        let report = run(text.as_bytes(), None).map(|_| ()).expect_err("an error");
        assert!(report.errors() > 0);
    }
}

const VALID: &str = r#"
type = "daemon"
command = "run --port ${PORT:-80} '{instance}'"
instances = 2
requires = []
user = "root"
environment-files = ["-/run/x.env"]
[environment]
PORT = "${SET:-1}"
NAME = "n-${PORT}"
[restart]
policy = "on-failure"
success-codes = [0, "SIGTERM"]
[stop]
timeout = "1m30s"
[limits]
nofile = "10:20"
[ready]
http = "http://[::1]:80/x?y=%20"
status = [204, "300-399"]
headers = { Host = "a" }
body = "a(b|c)*"
[health]
tcp = "localhost:81"
grace = "0"
[[socket]]
listen = "127.0.0.1:8{instance}"
[[socket]]
listen = "unixgram:@x{instance}"
name = "door"
"#;

const SCHEDULED: &str = r#"
type = "oneshot"
command = "x"
[schedule]
cron = "*/5 1-3,5 L * mon#2"
timezone = "CET-1CEST,M3.5.0,M10.5.0/3"
overlap = "queue"
"#;

/// A report must be shown, whatever it says.
fn shown(result: Result<Loaded, Report>) {
    let report = match result {
        Ok(loaded) => loaded.warnings,
        Err(report) => {
            assert!(report.errors() > 0);
            report
        }
    };
    let text = report.render(true);
    assert_eq!(text.is_empty(), report.diagnostics.is_empty());
    let _ = report.to_json();
}

/// These took a minute each, while PID 1 listened to nobody.
#[test]
fn very_many_mistakes_end_in_a_report_soon() {
    let mut keys = "command = 'x'\n".to_owned();
    (0..80_000).for_each(|number| keys += &format!("k{number} = 1\n"));
    for (text, hidden) in [
        (keys, 80_000 - 500),
        (format!("command = ['x', {}]", "'${X}',".repeat(80_000)), 80_000 - 500),
        (format!("command = '{}'", "${X}".repeat(200_000)), 0),
        (format!("command = 'x'\n{}", "=\n".repeat(400_000)), 0),
    ] {
        let start = std::time::Instant::now();
        let report = run(text.as_bytes(), None).map(|_| ()).expect_err("errors");
        assert!(!report.render(false).is_empty());
        let _ = report.to_json();
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
        assert!(report.errors() <= 501);
        let last = report.diagnostics.last().map(|d| d.message.clone()).unwrap_or_default();
        assert_eq!(last == format!("{hidden} more errors are not shown"), hidden > 0, "{last}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_upset_it(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        shown(run(&bytes, None));
    }

    #[test]
    fn no_text_upsets_it(text in "([a-z]{1,8}|command|requires|\\[stop\\]|\\[|\\]|=|\"|'|\"\"\"|\\$\\{|\\}|[0-9]{1,4}|é|,|\n| |\\\\|#){0,40}") {
        shown(run(text.as_bytes(), Some(&text)));
    }

    #[test]
    fn no_address_expression_or_pattern_upsets_it(
        text in "[0-9a-fA-FlL*/,#W?@:.%+()|\\[\\] -]{0,40}|[0-9]{0,30}:[0-9]{0,9}|(([0-9*/,-]{1,8}|[a-z]{3}|L|W|#) ){4,6}"
    ) {
        for (before, key) in [
            ("type='oneshot'\ncommand='x'\n[schedule]", "cron"),
            ("type='oneshot'\ncommand='x'\n[schedule]\ncron='@daily'", "timezone"),
            ("command='x'\n[[socket]]", "listen"),
            ("command='x'\n[ready]", "tcp"),
            ("command='x'\n[ready]", "log"),
            ("command='x'\n[ready]\nhttp='http://[::1]/'", "status"),
            ("command='x'\n[health]", "http"),
        ] {
            let text = if key == "http" { format!("http://{text}") } else { text.clone() };
            shown(run(format!("{before}\n{key} = '{text}'").as_bytes(), None));
        }
    }

    #[test]
    fn no_mutation_of_a_valid_file_upsets_it(
        scheduled in any::<bool>(),
        edits in proptest::collection::vec((0usize..VALID.len(), 0usize..4, "[\\PC\n\"\\[\\]={}$']{0,3}"), 1..6)
    ) {
        let mut bytes: Vec<char> = if scheduled { SCHEDULED } else { VALID }.chars().collect();
        for (at, cut, text) in edits {
            let at = at % (bytes.len() + 1);
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, text.chars());
        }
        let text: String = bytes.into_iter().collect();
        shown(run(text.as_bytes(), None));
    }
}

#[test]
fn the_files_that_are_mutated_are_valid() {
    for text in [VALID, SCHEDULED] {
        if let Err(report) = run(text.as_bytes(), None) {
            panic!("{}", report.render(false));
        }
    }
}
