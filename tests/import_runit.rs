//! Claims about the import of runit's service directories.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;
mod support;

use foster::config::import::Kind;
use import_room::{Source, file, report};
use support::{Setup, needs_namespace};

fn runit(files: &[(&str, &str)]) -> Source {
    let files: Vec<(String, &str)> = files.iter().map(|(path, text)| (format!("sv/{path}"), *text)).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    Source::new(Kind::Runit, "sv", &files)
}

#[test]
fn a_simple_run_becomes_a_command_and_keys() {
    let source = runit(&[(
        "web/run",
        "#!/bin/sh\n# The shop.\nexec 2>&1\nset -e\nexport MODE=production\ncd /srv/shop\nulimit -n 4096\n\
         exec chpst -u www-data:www-data:tls -n +5 -m 64000000 -P nginx -g 'daemon off;'\n",
    )]);
    let converted = source.converted();
    assert_eq!(
        file(&converted, "web.toml"),
        "command = [\"nginx\", \"-g\", \"daemon off;\"]\nuser = \"www-data\"\ngroup = \"www-data\"\n\
         supplementary-groups = [\"tls\"]\nworking-directory = \"/srv/shop\"\nnice = 5\n\n[limits]\nas = 64000000\n\
         data = 64000000\nmemlock = 64000000\nnofile = 4096\nstack = 64000000\n\n[environment]\nMODE = \"production\"\n\n\
         [log]\nstderr = \"stdout\"\n"
    );
    let report = report(&source, &converted);
    assert!(
        report.starts_with("sv/web/run: web/run: approximated -> web: command, log.stderr, "),
        "{report}"
    );
    assert!(
        report.contains("; HOME, USER and LOGNAME follow the user; limits count for hard ones too\n"),
        "{report}"
    );
}

#[test]
fn what_only_a_shell_can_do_stays_a_script() {
    let source = runit(&[
        ("a/run", "#!/bin/sh\nexec chpst -u www app --port $PORT\n"),
        ("b/run", "#!/bin/bash -e\nmkdir -p /run/b\nexec b --foreground\n"),
        ("c/run", "#!/bin/sh\n. ./conf\nexec c $OPTIONS\n"),
        ("c/conf", "OPTIONS=-v\n"),
        ("d/run", "#!/usr/bin/env python3\nimport time\ntime.sleep(1000)\n"),
    ]);
    let converted = source.converted();
    assert_eq!(file(&converted, "a.toml"), "script = \"exec app --port $PORT\"\nuser = \"www\"\n");
    assert_eq!(
        file(&converted, "b.toml"),
        "script = '''\nmkdir -p /run/b\nexec b --foreground\n'''\nshell = [\"/bin/bash\", \"-ec\"]\n"
    );
    let directory = source.path().display().to_string();
    assert_eq!(
        file(&converted, "c.toml"),
        format!("command = [\"{directory}/c/run\"]\nworking-directory = \"{directory}/c\"\n")
    );
    assert_eq!(file(&converted, "d.toml"), format!("command = [\"{directory}/d/run\"]\n"));
    assert!(report(&source, &converted).contains("sv/c/conf: c/conf: exact\n"));
}

#[test]
fn a_tree_in_the_root_of_an_image_names_the_paths_of_the_image() {
    let files = [("root/etc/sv/a/run", "#!/bin/sh\n. ./conf\nexec a\n"), ("root/etc/sv/a/conf", "")];
    let converted = Source::new(Kind::Runit, "root/etc/sv", &files).converted();
    assert_eq!(
        file(&converted, "a.toml"),
        "command = [\"/etc/sv/a/run\"]\nworking-directory = \"/etc/sv/a\"\n"
    );
}

#[test]
fn its_logger_becomes_a_file_with_the_rotation_of_svlogd() {
    let source = runit(&[
        ("web/run", "#!/bin/sh\nexec 2>&1\nexec web\n"),
        ("web/log/run", "#!/bin/sh\nexec chpst -u log svlogd -tt /var/log/web\n"),
        ("db/run", "#!/bin/sh\nexec db\n"),
        ("db/log/run", "#!/bin/sh\nexec svlogd ./main\n"),
        ("db/log/main/config", "# Rotation.\ns5000000\nn20\nt86400\n-*debug*\n"),
        ("mail/run", "#!/bin/sh\nexec mail\n"),
        ("mail/log/run", "#!/bin/sh\nexec logger -t mail -p mail.info\n"),
        ("odd/run", "#!/bin/sh\nexec odd\n"),
        ("odd/log/run", "#!/bin/sh\nexec logs-to-nowhere\n"),
    ]);
    let converted = source.converted();
    assert_eq!(
        file(&converted, "web.toml"),
        "command = [\"web\"]\n\n[log]\nto = \"file\"\nstderr = \"stdout\"\n\n[log.file]\npath = \"/var/log/web/current\"\n\
         max-size = \"1MB\"\nkeep = 10\nformat = \"raw\"\ntimestamps = true\n"
    );
    let directory = source.path().display().to_string();
    assert_eq!(
        file(&converted, "db.toml"),
        format!(
            "command = [\"db\"]\n\n[log]\nto = \"file\"\n\n[log.file]\npath = \"{directory}/db/log/main/current\"\n\
             max-size = \"5MB\"\nkeep = 20\nmax-age = \"86400s\"\nformat = \"raw\"\n"
        )
    );
    assert_eq!(
        file(&converted, "mail.toml"),
        "command = [\"mail\"]\n\n[log]\nto = \"syslog\"\n\n[log.syslog]\ntag = \"mail\"\nfacility = \"mail\"\n"
    );
    assert!(file(&converted, "odd.toml").contains("to = \"service:odd-log\"\nformat = \"raw\"\n"));
    assert_eq!(file(&converted, "odd-log.toml"), "command = [\"logs-to-nowhere\"]\n");
    let report = report(&source, &converted);
    assert!(report.contains("sv/db/log/main/config:5: -*debug*: not carried; "), "{report}");
    assert!(report.contains("`user` of the logger is not needed"), "{report}");
}

#[test]
fn down_check_control_and_finish_become_what_they_mean() {
    let source = runit(&[
        ("a/run", "#!/bin/sh\nsv start db >/dev/null || exit 1\nsv check elsewhere || exit 1\nexec a\n"),
        ("a/down", ""),
        ("a/check", "#!/bin/sh\nexec curl -fs http://127.0.0.1/\n"),
        ("a/control/t", "#!/bin/sh\nexec a-stop\n"),
        ("a/control/h", "#!/bin/sh\nexec a-reload\n"),
        ("a/control/1", "#!/bin/sh\nexec a-one\n"),
        ("a/fnish", "#!/bin/sh\n"),
        ("db/run", "#!/bin/sh\nexec db\n"),
        ("db/finish", "#!/bin/sh\nkill -TERM 1\n"),
        ("once/run", "#!/bin/sh\nexec once\n"),
        ("once/finish", "#!/bin/sh\nexec sv down .\n"),
        ("odd/run", "#!/bin/sh\nexec odd\n"),
        ("odd/finish", "#!/bin/sh\nrm -f /run/odd.pid\n"),
        ("slow/run", "#!/bin/sh\nexec slow\n"),
        ("slow/finish", "#!/bin/sh\nsleep 5\n"),
    ]);
    let converted = source.converted();
    assert_eq!(
        file(&converted, "a.toml"),
        "command = [\"a\"]\nenabled = false\nrequires = [\"db\"]\n\n[ready]\nexec = [\"curl\", \"-fs\", \
         \"http://127.0.0.1/\"]\n\n[stop]\ncommand = [\"a-stop\"]\n\n[reload]\ncommand = [\"a-reload\"]\n"
    );
    assert!(file(&converted, "db.toml").ends_with("policy = \"never\"\n"));
    assert!(file(&converted, "once.toml").contains("essential = false\n"));
    let report = report(&source, &converted);
    for line in [
        "sv/a/down: a/down: exact -> a: enabled\n",
        "sv/a/control/1: a/control/1: not carried; ",
        "sv/a/fnish: a/fnish: not carried; runsv does not know it, and `run` does not name it: did you mean `finish`?\n",
        "sv/a/run: sv start elsewhere: not carried; there is no service `elsewhere` in the source\n",
        "sv/odd/finish: odd/finish: not carried; ",
        "sv/slow/finish: slow/finish: exact\n",
    ] {
        assert!(report.contains(line), "{line}\n{report}");
    }
}

#[test]
fn a_directory_of_variables_becomes_variables() {
    let source = runit(&[
        ("a/run", "#!/bin/sh\nexec chpst -e ./env a\n"),
        ("a/env/PORT", "8080 \nmore\n"),
        ("a/env/TEXT", "costs ${X}\n"),
    ]);
    let converted = source.converted();
    assert_eq!(
        file(&converted, "a.toml"),
        "command = [\"a\"]\n\n[environment]\nPORT = \"8080\"\nTEXT = \"costs $${X}\"\n"
    );
    assert!(report(&source, &converted).contains("are what they are now, not at each start"));
    let missing = runit(&[("a/run", "#!/bin/sh\nexec chpst -e /nowhere/env a\n")]);
    assert!(file(&missing.converted(), "a.toml").contains("exec chpst -e /nowhere/env a\n"));
}

#[test]
fn what_is_broken_is_an_error_with_its_place() {
    let source = runit(&[("a/run", "#!/bin/sh\r\nexec a\r\n")]);
    assert!(source.broken().contains("its first line ends in CR LF"), "{}", source.broken());
    let source = runit(&[("a/README", "nothing\n")]);
    assert!(source.broken().contains("there is no service directory in it"), "{}", source.broken());
    let source = Source::new(Kind::Runit, "nowhere", &[]);
    assert!(source.broken().contains("cannot read /nowhere"), "{}", source.broken());
    let source = runit(&[("a/run", "#!/bin/execlineb -P\nforeground { a\n")]);
    assert!(source.broken().contains("a `{` is never closed"), "{}", source.broken());
}

#[test]
fn loops_of_links_and_enormous_trees_are_errors() {
    let source =
        runit(&[("a/run", "#!/bin/sh\nexec a\n"), ("a/log/run", "#!/bin/sh\nexec svlogd /var/log/a\n")]);
    let run = source.path().join("a/log/run");
    std::fs::remove_file(&run).unwrap();
    std::os::unix::fs::symlink("run", &run).unwrap();
    assert!(source.broken().contains("symbolic link"), "{}", source.broken());
    // runsvdir would not come to an end with these either.
    let source = runit(&[("a/run", "#!/bin/sh\nexec a\n")]);
    std::os::unix::fs::symlink(".", source.path().join("b")).unwrap();
    std::os::unix::fs::symlink("c", source.path().join("c")).unwrap();
    let converted = source.converted();
    assert_eq!(converted.files.len(), 1, "{:#?}", converted.files);
    let files: Vec<(String, &str)> =
        (0..1100).map(|n| (format!("s{n}/run"), "#!/bin/sh\nexec a\n")).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    assert!(runit(&files).broken().contains("there are more than 1000 services in it"));
    let large = format!("#!/bin/sh\n{}exec a\n", "# more\n".repeat(1 << 18));
    let source = runit(&[("a/run", &large)]);
    let converted = source.converted();
    assert!(file(&converted, "a.toml").contains("/a/run\"]\n"), "what is larger than a script is a program");
}

/// Pieces of which scripts and configurations consist, in any order.
const PIECES: &str = "[ -~\\n]{0,40}|((exec|chpst|-u|-e|-o|-C|--|www|./env|/srv|svlogd|-tt|sv start a \\|\\| exit 1|2>&1|\"|'|\\$1|;|\\n|if|then|fi|\
                      elif|else|\\[\\[|\\]\\]|-eq|&&|>|kill 1|s1000|n3|t60|!gzip|u1.2.3.4|é)( |\\n)){0,25}";

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]
    #[test]
    fn whatever_is_in_the_files_there_is_an_answer(run in PIECES, finish in PIECES, config in PIECES) {
        let source = runit(&[
            ("a/run", &format!("#!/bin/sh\n{run}")),
            ("a/finish", &format!("#!/bin/sh\n{finish}")),
            ("a/control/t", &finish),
            ("a/check", &run),
            ("a/log/run", "#!/bin/sh\nexec svlogd main\n"),
            ("a/log/main/config", &config),
            ("b/run", &format!("#!/bin/execlineb -P\n{run}")),
        ]);
        // Either is fine; a panic is not.
        let import = foster::config::import::Import { kind: Kind::Runit, path: source.path().to_owned() };
        if let Err(report) = foster::config::import::convert(&import, &foster::config::Variables::new()) {
            let _ = report.render(false);
        }
    }
}

#[test]
fn it_runs_as_it_is() {
    needs_namespace!();
    let source = runit(&[
        ("db/run", "#!/bin/sh\nexec 2>&1\necho up db >> $EVENTS\nexec sleep 1000\n"),
        ("web/run", "#!/bin/sh\nexport X=1\nexec sh -c 'echo up web $X >> $EVENTS; exec sleep 1000'\n"),
        ("off/run", "#!/bin/sh\necho up off >> $EVENTS\nexec sleep 1000\n"),
        ("off/down", ""),
    ]);
    let mut c =
        Setup::new().arguments(&["run", "--import", "runit", source.path().to_str().unwrap()]).start();
    c.wait_event("up web 1");
    c.wait_event("up db");
    c.terminate();
    c.expect_exit(0);
}
