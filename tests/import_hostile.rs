//! Claims about sources that are broken, cut off, circular, enormous or no text at all: each is an error that says where and why.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;

use foster::config::import::Kind;
use import_room::{Source, file, report};
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

const UNIT: &str = "[Service]\nExecStart=/bin/a\n[Install]\nWantedBy=multi-user.target\n";

#[test]
fn what_is_no_text_is_told_with_the_file() {
    for (kind, path) in [
        (Kind::Procfile, "Procfile"),
        (Kind::Cron, "crontab"),
        (Kind::Systemd, "a.service"),
        (Kind::Supervisord, "supervisord.conf"),
    ] {
        let binary = Source::new(kind, path, &[]);
        std::fs::write(binary.path(), b"\x7fELF\x02\xff\xfe\n").unwrap();
        assert!(
            binary.broken().contains(&format!("cannot read /{path}: it is not UTF-8")),
            "{}",
            binary.broken()
        );
        let enormous = Source::new(kind, path, &[(path, &"# and so on\n".repeat(200_000))]);
        assert!(enormous.broken().contains(&format!("cannot read /{path}: it is larger than")));
        let missing = Source::new(kind, path, &[]);
        assert!(
            missing.broken().contains(&format!("cannot read /{path}: No such file")),
            "{}",
            missing.broken()
        );
        let itself = Source::new(kind, path, &[]);
        symlink(itself.path(), itself.path()).unwrap();
        assert!(itself.broken().contains("symbolic links"), "{}", itself.broken());
        let pipe = Source::new(kind, path, &[]);
        assert!(std::process::Command::new("mkfifo").arg(pipe.path()).status().unwrap().success());
        assert!(
            pipe.broken().contains(&format!("cannot read /{path}: it is not a regular file")),
            "{}",
            pipe.broken()
        );
    }
}

#[test]
fn what_has_no_end_is_refused_soon() {
    let many = |line: &str| line.repeat((1 << 20) / line.len());
    let numbered: String = (0..60_000).map(|number| format!("V{number}=1\n")).collect();
    for (kind, path, text, told) in [
        (Kind::Cron, "crontab", many("* * * * * a\n"), "there are more than 1000 jobs in it"),
        (Kind::Cron, "crontab", numbered, "there are more than 100 variables in it"),
        (Kind::Cron, "crontab", "x\n".repeat(5000), "a line of a crontab is"),
        (
            Kind::Systemd,
            "a.service",
            "[Service]\n".to_owned() + &many("User=x\nA=b\n"),
            "more than 5000 assignments",
        ),
        (
            Kind::Systemd,
            "a.service",
            "[Service]\nExecStart=/a ".to_owned() + &many("\\\n"),
            "goes on, behind a `\\`",
        ),
    ] {
        let begin = Instant::now();
        let source = Source::new(kind, path, &[(path, text.get(..text.len().min((1 << 20) - 100)).unwrap())]);
        let shown = source.broken();
        assert!(shown.contains(told), "{told}: {}", shown.get(..2000).unwrap_or(&shown));
        assert!(begin.elapsed() < Duration::from_secs(10), "{told}: {:?}", begin.elapsed());
    }
}

#[test]
fn a_file_that_was_cut_off_is_no_shorter_one() {
    for (kind, path, text, told) in [
        (Kind::Cron, "crontab", "0 1 * * *", "a line of a crontab is"),
        (Kind::Systemd, "a.service", "[Service]\nExecStart=/bin/a \\\n", "its last line goes on"),
        (Kind::Systemd, "a.service", "[Service]\nExecStart=/bin/a\n[Instal", "a section is `[NAME]`"),
        (Kind::Systemd, "a.service", "[Service]\nExecStart=/bin/a\nUse", "a line of a unit file is"),
        (Kind::Systemd, "a.service", "[Service]\nExecStart=/bin/a 'b", "a quote without its end"),
    ] {
        let shown = Source::new(kind, path, &[(path, text)]).broken();
        assert!(shown.contains(told) && shown.contains(&format!("/{path}:")), "{told}: {shown}");
    }
}

#[test]
fn links_that_lead_in_a_circle_are_told_and_followed_once() {
    let source = Source::new(Kind::Systemd, "", &[("web.service", UNIT)]);
    let link = |from: &str, to: &str| symlink(to, source.path().join(from)).unwrap();
    link("a.service", "b.service");
    link("b.service", "a.service");
    link("gone.service", "/nowhere/gone-too.service");
    link("first.service", "second.service");
    link("second.service", "web.service");
    link("masked.service", "/dev/null");
    let converted = source.converted();
    assert_eq!(converted.files.len(), 1);
    let report = report(&source, &converted);
    for text in [
        "a.service: not carried; the link leads to no file",
        "b.service: not carried; the link leads to no file",
        "gone.service: not carried; the link leads to no file",
        "first.service: exact -> another name of web.service",
        "masked.service: exact -> masked",
    ] {
        assert!(report.contains(text), "{text}:\n{report}");
    }
}

#[test]
fn drop_ins_that_are_links_to_each_other_are_an_error() {
    let source =
        Source::new(Kind::Systemd, "web.service", &[("web.service", UNIT), ("web.service.d/c.conf", "")]);
    let link = |from: &str, to: &str| symlink(to, source.path().with_file_name(from)).unwrap();
    link("web.service.d/a.conf", "b.conf");
    link("web.service.d/b.conf", "a.conf");
    let shown = source.broken();
    assert!(shown.contains("cannot read /web.service.d/a.conf: Too many symbolic links"), "{shown}");
    assert!(shown.contains("/web.service.d/b.conf"), "{shown}");
    let source = Source::new(Kind::Systemd, "web.service", &[("web.service", UNIT)]);
    symlink("web.service.d", source.path().with_file_name("web.service.d")).unwrap();
    let shown = source.broken();
    assert!(shown.contains("cannot read /web.service.d: Too many levels of symbolic links"), "{shown}");
    let files: Vec<(String, &str)> = (0..200).map(|n| (format!("web.service.d/{n}.conf"), "")).collect();
    let mut files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    files.push(("web.service", UNIT));
    let shown = Source::new(Kind::Systemd, "web.service", &files).broken();
    assert!(shown.contains("web.service has more than 100 drop-ins"), "{shown}");
}

#[test]
fn a_unit_that_is_elsewhere_is_read_under_its_own_name() {
    let files = [("lib/ssh.service", UNIT), ("etc/other.service", UNIT)];
    let source = Source::new(Kind::Systemd, "etc", &files);
    symlink("../lib/ssh.service", source.path().join("sshd.service")).unwrap();
    assert!(file(&source.converted(), "ssh.toml").contains("/bin/a"));
}

#[test]
fn services_that_wait_for_each_other_are_told_as_a_circle() {
    let unit = |other: &str| format!("[Unit]\nRequires={other}.service\nAfter={other}.service\n{UNIT}");
    let files = [("a.service", unit("b")), ("b.service", unit("c")), ("c.service", unit("a"))];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let shown = Source::new(Kind::Systemd, "", &files).broken();
    println!("{shown}");
    assert!(["a", "b", "c"].iter().all(|name| shown.contains(&format!("`{name}`"))), "{shown}");
}
