//! Claims about what s6-overlay has beside services: bundles, variables, and what is wrong with a tree.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;

use foster::config::import::Kind;
use import_room::{Source, file, report};
use std::os::unix::fs::{PermissionsExt as _, symlink};

/// Files of an image: `rc/` is its directory of definitions.
fn image(files: &[(&str, &str)]) -> Source {
    let below = |path: &str| match path.strip_prefix("rc/") {
        Some(path) => format!("image/etc/s6-overlay/s6-rc.d/{path}"),
        None => format!("image/{path}"),
    };
    let files: Vec<(String, &str)> = files.iter().map(|(path, text)| (below(path), *text)).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    Source::new(Kind::S6, "image", &files)
}

/// Definitions by what they are and require, all of them in `user` but for those in `user2`.
fn definitions(of: &[(&str, &str, &[&str])], user2: &[&str]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for (name, kind, dependencies) in of {
        files.push((format!("rc/{name}/type"), format!("{kind}\n")));
        match *kind {
            "longrun" => files.push((format!("rc/{name}/run"), format!("#!/bin/sh\nexec {name}\n"))),
            "oneshot" => files.push((format!("rc/{name}/up"), format!("{name}\n"))),
            _ => {}
        }
        let directory = if *kind == "bundle" { "contents.d" } else { "dependencies.d" };
        files.extend(
            dependencies.iter().map(|other| (format!("rc/{name}/{directory}/{other}"), String::new())),
        );
        let bundle = if user2.contains(name) { "user2" } else { "user" };
        files.push((format!("rc/{bundle}/contents.d/{name}"), String::new()));
    }
    files
}

fn tree(of: &[(&str, &str, &[&str])], user2: &[&str], more: &[(&str, &str)]) -> Source {
    let files = definitions(of, user2);
    let files = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    image(&files.chain(more.iter().copied()).collect::<Vec<_>>())
}

#[test]
fn what_is_in_user2_may_depend_on_user_and_comes_after_services_d() {
    let source = tree(
        &[
            ("a", "longrun", &[]),
            ("b", "longrun", &["a"]),
            ("late", "longrun", &["user", "legacy-services"]),
            ("later", "longrun", &["user"]),
        ],
        &["late", "later"],
        &[("etc/services.d/old/run", "#!/bin/sh\nexec old\n")],
    );
    let converted = source.converted();
    assert_eq!(
        file(&converted, "late.toml"),
        "command = [\"late\"]\nrequires = [\"a\", \"b\"]\nafter = [\"old\"]\n"
    );
    assert_eq!(file(&converted, "later.toml"), "command = [\"later\"]\nrequires = [\"a\", \"b\"]\n");
    assert_eq!(file(&converted, "old.toml"), "command = [\"old\"]\nafter = [\"a\", \"b\"]\n");
    let told = report(&source, &converted);
    let line = "late/dependencies.d/legacy-services: approximated -> late: after; it starts when these are ready, as with \
                S6_CMD_WAIT_FOR_SERVICES=1; there as soon as they are started\n";
    assert!(told.contains(line), "{told}");
}

#[test]
fn names_of_the_overlay_that_are_not_there_are_said() {
    let source = tree(&[("a", "longrun", &["base", "syslogd", "top", "legacy-services"])], &[], &[]);
    let converted = source.converted();
    assert_eq!(file(&converted, "a.toml"), "command = [\"a\"]\n");
    let told = report(&source, &converted);
    for line in [
        "a/dependencies.d/base: exact\n",
        "a/dependencies.d/legacy-services: exact\n",
        "a/dependencies.d/syslogd: not carried; it is of the syslogd-overlay",
        "a/dependencies.d/top: not carried; it is all that starts at boot",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

#[test]
fn what_s6_rc_ignores_and_what_a_logger_loses_is_said() {
    let source = image(&[
        ("rc/web/type", "longrun"),
        ("rc/web/run", "#!/bin/sh\nexec web\n"),
        ("rc/web/down", ""),
        ("rc/web/log/run", "#!/bin/sh\nexec s6-log /x\n"),
        ("rc/web/producer-for", "web-log"),
        ("rc/web-log/type", "longrun"),
        ("rc/web-log/run", "#!/command/execlineb -P\ns6-setuidgid log\ns6-log n3 /var/log/web\n"),
        ("rc/web-log/consumer-for", "web"),
        ("rc/web-log/timeout-kill", "1000"),
        ("rc/web-log/finish", "#!/bin/sh\nrm -f /x\n"),
        ("rc/web-log/nonsense", ""),
        ("rc/user/contents.d/web", ""),
        ("rc/user/contents.d/web-log", ""),
    ]);
    let converted = source.converted();
    let told = report(&source, &converted);
    for line in [
        "web/down: not carried; s6-rc ignores it, and so does foster: what is to stay down is in no bundle",
        "web/log: not carried; s6-rc ignores it",
        "web-log/finish: not carried; the logger is no process any more",
        "web-log/timeout-kill: not carried; as web-log/finish, above",
        "web-log/nonsense: not carried; s6 does not know it",
        "`user` of the logger is not needed: foster writes the file",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

#[test]
fn a_run_that_nobody_may_execute_is_said_and_run_by_its_interpreter() {
    let source = image(&[("etc/services.d/a/run", "#!/usr/bin/python3 -u\nprint()\n")]);
    let run = source.path().join("etc/services.d/a/run");
    std::fs::set_permissions(run, std::fs::Permissions::from_mode(0o644)).unwrap();
    let converted = source.converted();
    assert_eq!(
        file(&converted, "a.toml"),
        "command = [\"/usr/bin/python3\", \"-u\", \"/etc/services.d/a/run\"]\n"
    );
    let told = report(&source, &converted);
    assert!(
        told.contains("a/run: approximated -> a: command; nobody may execute the file (its mode is 644)"),
        "{told}"
    );
}

#[test]
fn variables_become_settings_and_keys() {
    let source = image(&[
        ("rc/web/type", "longrun"),
        ("rc/web/run", "#!/bin/sh\nexec web\n"),
        ("rc/web/notification-fd", "3"),
        ("rc/web/timeout-kill", "20000"),
        ("etc/s6-overlay/mine.d/user/contents.d/web", ""),
        ("etc/services.d/old/run", "#!/bin/sh\nexec old\n"),
        ("etc/cont-finish.d/bye", "#!/bin/sh\nexec bye\n"),
    ]);
    let source = source
        .env("S6_KILL_GRACETIME", "0")
        .env("S6_SERVICES_GRACETIME", "4000")
        .env("S6_KILL_FINISH_MAXTIME", "7000")
        .env("S6_CMD_WAIT_FOR_SERVICES", "1")
        .env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "90000")
        .env("S6_VERBOSITY", "3")
        .env("S6_LOGGING", "1")
        .env("S6_LOGGING_SCRIPT", "n20 s1000000 T")
        .env("S6_RUNTIME_BUNDLEDIR", "/etc/s6-overlay/mine.d")
        .env("S6_STAGE2_HOOK", "/hook")
        .env("S6_SYNC_DISKS", "1")
        .env("S6_READ_ONLY_ROOT", "1")
        .env("S6_CMD_RECEIVE_SIGNALS", "1")
        .env("OTHER", "x");
    let converted = source.converted();
    assert_eq!(
        file(&converted, "foster.toml"),
        "log-level = \"info\"\n\n[shutdown]\n\
         # More than the longest `stop.timeout`; `docker stop` has to wait longer than this.\ntimeout = \"22s\"\n"
    );
    let log = "\n[log]\nto = [\"console\", \"file\"]\n\n[log.file]\npath = \"/run/uncaught-logs/current\"\nmax-size = 99999\n\
               keep = 10\nformat = \"raw\"\ntimestamps = true\n";
    assert_eq!(
        file(&converted, "web.toml"),
        format!(
            "command = [\"web\"]\n\n[ready]\nfd = 3\ntimeout = \"90s\"\n\n[stop]\ntimeout = \"20s\"\n{log}"
        )
    );
    assert_eq!(
        file(&converted, "old.toml"),
        format!("command = [\"old\"]\nafter = [\"web\"]\n\n[stop]\ntimeout = \"4s\"\n{log}")
    );
    assert!(file(&converted, "finish-bye.toml").contains("timeout = \"7s\"\n"));
    let told = report(&source, &converted);
    for line in [
        "the environment: S6_KILL_GRACETIME=0: exact\n",
        "the environment: S6_READ_ONLY_ROOT=1: exact\n",
        "the environment: S6_CMD_WAIT_FOR_SERVICES=1: exact\n",
        "the environment: S6_CMD_WAIT_FOR_SERVICES_MAXTIME=90000: approximated -> ready.timeout; ",
        "the environment: S6_VERBOSITY=3: approximated -> foster: log-level; ",
        "the environment: S6_RUNTIME_BUNDLEDIR=/etc/s6-overlay/mine.d: exact -> enabled\n",
        "the environment: S6_STAGE2_HOOK=/hook: not carried; ",
        "the environment: S6_SYNC_DISKS=1: not carried; ",
        "the environment: S6_CMD_RECEIVE_SIGNALS=1: approximated; ",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(!told.contains("OTHER"), "{told}");
}

#[test]
fn without_variables_there_are_no_settings() {
    let source = image(&[("etc/services.d/a/run", "#!/bin/sh\nexec a\n")]);
    let source = source.env("S6_KILL_GRACETIME", "3000").env("S6_VERBOSITY", "2").env("S6_LOGGING", "0");
    let names: Vec<String> = source.converted().files.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a.toml"]);
}

#[test]
fn bundles_that_contain_each_other_and_services_that_wait_for_themselves_are_cycles() {
    let of = [("a", "longrun", &[][..]), ("x", "bundle", &["y", "a"]), ("y", "bundle", &["x"])];
    let told = tree(&of, &[], &[]).broken();
    assert!(told.contains("x → y → x") || told.contains("y → x → y"), "{told}");
    let told = tree(&[("a", "longrun", &["user"])], &[], &[]).broken();
    assert!(told.contains("`a/dependencies.d/user`: `user` contains it itself"), "{told}");
    let told = tree(
        &[("a", "longrun", &["legacy-services"])],
        &[],
        &[("etc/services.d/o/run", "#!/bin/sh\nexec o\n")],
    );
    assert!(told.broken().contains("a → o → a"), "{}", told.broken());
    // Two that read each other.
    let told = image(&[
        ("rc/a/type", "longrun"),
        ("rc/a/run", "#!/bin/sh\nexec a\n"),
        ("rc/a/consumer-for", "b"),
        ("rc/a/producer-for", "b"),
        ("rc/b/type", "longrun"),
        ("rc/b/run", "#!/bin/sh\nexec b\n"),
        ("rc/b/consumer-for", "a"),
        ("rc/b/producer-for", "a"),
        ("rc/user/contents.d/a", ""),
    ]);
    assert!(told.broken().contains(" → "), "{}", told.broken());
    let of = [("a", "longrun", &[][..]), ("b", "longrun", &[])];
    let told = tree(&of, &[], &[("rc/a/pipeline-name", "b"), ("rc/b/pipeline-name", "a")]);
    assert!(told.broken().contains("a pipeline and a definition are called `b`"), "{}", told.broken());
}

#[test]
fn links_that_lead_nowhere_or_to_themselves_are_errors() {
    let source = image(&[("rc/a/type", "longrun"), ("rc/a/run", "#!/bin/sh\nexec a\n")]);
    let directory = source.path().join("etc/s6-overlay/s6-rc.d/a");
    for name in ["notification-fd", "run"] {
        let _ = std::fs::remove_file(directory.join(name));
        symlink(name, directory.join(name)).unwrap();
        let told = source.broken();
        assert!(told.contains("symbolic link") && told.contains(name), "{told}");
        std::fs::remove_file(directory.join(name)).unwrap();
        std::fs::write(directory.join("run"), "#!/bin/sh\nexec a\n").unwrap();
    }
    symlink("nowhere", directory.join("timeout-kill")).unwrap();
    let told = source.broken();
    assert!(told.contains("/a/nowhere: No such file or directory"), "{told}");
    // A link of the image is followed in the image.
    let source = image(&[("opt/run", "#!/bin/sh\nexec a\n"), ("etc/services.d/a/down-signal", "QUIT\n")]);
    symlink("/opt/run", source.path().join("etc/services.d/a/run")).unwrap();
    assert!(file(&source.converted(), "a.toml").starts_with("command = [\"a\"]\n"));
}

#[test]
fn binary_truncated_and_enormous_files_are_errors_or_what_they_are() {
    let longrun = |more: &[(&str, &str)]| {
        let mut files = vec![("rc/a/type", "longrun"), ("rc/a/run", "#!/bin/sh\nexec a\n")];
        files.extend(more);
        image(&files)
    };
    for (path, bytes) in [
        ("type", &b"\xff\xfe\0longrun"[..]),
        ("type", b"long"),
        ("type", b""),
        ("dependencies", b"\xff\n"),
        ("notification-fd", b"\0\0"),
        ("run", b"#!/bin/sh\r\nexec a\r\n"),
        ("run", b"#!/command/execlineb -P\nforeground { a\n"),
    ] {
        let source = longrun(&[]);
        std::fs::write(source.path().join("etc/s6-overlay/s6-rc.d/a").join(path), bytes).unwrap();
        if path == "notification-fd" {
            let converted = source.converted();
            assert!(report(&source, &converted).contains("a descriptor of readiness is a number"));
        } else {
            assert!(source.broken().contains(path), "{path}: {}", source.broken());
        }
    }
    let large = "x\n".repeat(1 << 20);
    for path in ["rc/a/type", "rc/a/dependencies", "rc/a/timeout-kill", "rc/user/contents"] {
        let told = longrun(&[(path, &large)]).broken();
        assert!(told.contains("larger than") || told.contains("too large"), "{path}: {told}");
    }
    let many: String = (0..5000).map(|n| format!("n{n}\n")).collect();
    let told = longrun(&[("rc/a/dependencies", &many)]).broken();
    assert!(told.contains("there are more than 4000 names in it"), "{told}");
    // A program is run as it is.
    let source = longrun(&[]);
    let run = source.path().join("etc/s6-overlay/s6-rc.d/a/run");
    std::fs::write(&run, b"\x7fELF\0\xff").unwrap();
    assert!(file(&source.converted(), "a.toml").contains("command = [\"/etc/s6-overlay/s6-rc.d/a/run\"]"));
}

#[test]
fn more_services_than_foster_reads_are_an_error() {
    let files: Vec<(String, &str)> =
        (0..1100).map(|n| (format!("etc/services.d/s{n}/run"), "#!/bin/sh\nexec a\n")).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let told = image(&files).broken();
    assert!(told.contains("there are more than 1000 services in it"), "{told}");
}
