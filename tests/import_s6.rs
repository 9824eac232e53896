//! Claims about the import of s6-overlay's trees, in the shapes that real images have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;
mod support;

use foster::config::import::Kind;
use import_room::{Source, file, report};
use support::{Setup, needs_namespace};

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

const LONGRUN: &str = "longrun\n";
const ONESHOT: &str = "oneshot\n";

#[test]
fn a_base_image_of_milestones_into_which_a_layer_puts_a_step() {
    let source = image(&[
        ("rc/init-config/type", ONESHOT),
        ("rc/init-config/up", "# nothing\n"),
        ("rc/init-config/dependencies.d/init-os", ""),
        ("rc/init-config-end/type", ONESHOT),
        ("rc/init-config-end/up", ""),
        ("rc/init-config-end/dependencies.d/init-config", ""),
        ("rc/init-os/type", ONESHOT),
        ("rc/init-os/up", "/etc/s6-overlay/s6-rc.d/init-os/run\n"),
        ("rc/init-os/run", "#!/usr/bin/with-contenv bash\nmkdir -p /config\nchown 1000 /config\n"),
        ("rc/init-os/dependencies.d/base", ""),
        // What the child image adds.
        ("rc/init-config-end/dependencies.d/init-shop", ""),
        ("rc/init-shop/type", ONESHOT),
        ("rc/init-shop/up", "/etc/s6-overlay/s6-rc.d/init-shop/run"),
        ("rc/init-shop/run", "#!/usr/bin/with-contenv bash\nprintf x > /run/s6/container_environment/X\n"),
        ("rc/init-shop/dependencies.d/init-config", ""),
        ("rc/svc-shop/type", LONGRUN),
        (
            "rc/svc-shop/run",
            "#!/usr/bin/with-contenv bash\n\nexec 2>&1\nexec s6-setuidgid abc shop --port 80\n",
        ),
        ("rc/svc-shop/notification-fd", "3\n"),
        ("rc/svc-shop/dependencies.d/init-config-end", ""),
        ("rc/svc-cron/type", LONGRUN),
        (
            "rc/svc-cron/run",
            "#!/usr/bin/with-contenv bash\nif [[ -z \"${CRON}\" ]]; then\n    echo off\n    sleep infinity\nfi\nexec crond -f\n",
        ),
        ("rc/user/type", "bundle\n"),
        ("rc/user/contents.d/init-os", ""),
        ("rc/user/contents.d/init-config", ""),
        ("rc/user/contents.d/init-config-end", ""),
        ("rc/user/contents.d/init-shop", ""),
        ("rc/user/contents.d/svc-shop", ""),
        ("rc/user/contents.d/svc-cron", ""),
    ]);
    let converted = source.converted();
    assert_eq!(file(&converted, "init-config.toml"), "type = \"target\"\nrequires = [\"init-os\"]\n");
    assert_eq!(
        file(&converted, "init-config-end.toml"),
        "type = \"target\"\nrequires = [\"init-config\", \"init-shop\"]\n"
    );
    assert_eq!(
        file(&converted, "init-os.toml"),
        "type = \"oneshot\"\nscript = '''\nmkdir -p /config\nchown 1000 /config\n'''\nshell = [\"bash\", \"-c\"]\n"
    );
    assert_eq!(
        file(&converted, "svc-shop.toml"),
        "command = [\"shop\", \"--port\", \"80\"]\nrequires = [\"init-config-end\"]\nuser = \"abc\"\n\n[ready]\nfd = 3\n\n\
         [log]\nstderr = \"stdout\"\n"
    );
    assert_eq!(
        file(&converted, "svc-cron.toml"),
        "command = [\"crond\", \"-f\"]\n\n[when]\nenv = [\"CRON\"]\n"
    );
    let report = report(&source, &converted);
    assert!(report.contains("init-shop: container_environment: not carried; "), "{report}");
    assert!(
        report.contains("init-config-end/dependencies.d/init-shop: exact -> init-config-end: requires\n"),
        "{report}"
    );
}

#[test]
fn an_add_on_whose_services_end_the_container_by_their_finish() {
    let finish = "#!/command/with-contenv bashio\ndeclare exit_code\n\
                  readonly exit_code_container=$(</run/s6-linux-init-container-results/exitcode)\n\
                  if [[ \"${1}\" -eq 256 ]]; then\n  [[ \"${2}\" -eq 15 ]] && exec /run/s6/basedir/bin/halt\n\
                  elif [[ \"${1}\" -ne 0 ]]; then\n  echo \"${1}\" > /run/s6-linux-init-container-results/exitcode\n  \
                  exec /run/s6/basedir/bin/halt\nfi\n";
    let source = image(&[
        ("rc/app/type", LONGRUN),
        ("rc/app/run", "#!/command/with-contenv bashio\nbashio::log.info 'x'\nexec app\n"),
        ("rc/app/finish", finish),
        ("rc/app/dependencies.d/init-app", ""),
        ("rc/init-app/type", ONESHOT),
        ("rc/init-app/up", "/etc/s6-overlay/s6-rc.d/init-app/run"),
        ("rc/init-app/run", "#!/command/with-contenv bashio\nbashio::config x\n"),
        ("etc/s6-overlay/user-bundles.d/user/contents.d/app", ""),
    ]);
    let source = source.env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2").env("S6_KILL_GRACETIM", "0");
    let converted = source.converted();
    assert_eq!(
        file(&converted, "app.toml"),
        "command = [\"bashio\", \"/etc/s6-overlay/s6-rc.d/app/run\"]\nrequires = [\"init-app\"]\n\n[restart]\n\
         # A failure ends the container with its exit code.\npolicy = \"never\"\n"
    );
    assert!(file(&converted, "init-app.toml").contains("enabled = false\n"), "only what needs it starts it");
    let report = report(&source, &converted);
    assert!(report.contains("S6_KILL_GRACETIM=0: not carried; "), "{report}");
    assert!(report.contains("did you mean `S6_KILL_GRACETIME`?"), "{report}");
    assert!(report.contains("S6_BEHAVIOUR_IF_STAGE2_FAILS=2: exact\n"), "{report}");
}

#[test]
fn pipelines_into_loggers_become_files_and_others_keep_their_reader() {
    let source = image(&[
        ("rc/log-prepare/type", ONESHOT),
        ("rc/log-prepare/up", "if { mkdir -p /dev/shm/logs } chown nobody /dev/shm/logs"),
        ("rc/nginx/type", LONGRUN),
        (
            "rc/nginx/run",
            "#!/command/execlineb -P\nfdmove -c 2 1\nimportas -D 80 PORT PORT\nnginx -p ${PORT}\n",
        ),
        ("rc/nginx/producer-for", "nginx-log\n"),
        ("rc/nginx/timeout-kill", "5000\n"),
        ("rc/nginx/down-signal", "SIGQUIT\n"),
        ("rc/nginx-log/type", LONGRUN),
        ("rc/nginx-log/run", "#!/command/execlineb -P\nlogutil-service /dev/shm/logs/nginx\n"),
        ("rc/nginx-log/consumer-for", "nginx\n"),
        ("rc/nginx-log/pipeline-name", "nginx-pipeline\n"),
        ("rc/nginx-log/notification-fd", "3\n"),
        ("rc/nginx-log/dependencies.d/log-prepare", ""),
        ("rc/a/type", LONGRUN),
        ("rc/a/run", "#!/command/execlineb -P\na\n"),
        ("rc/a/producer-for", "reader"),
        ("rc/b/type", LONGRUN),
        ("rc/b/run", "#!/command/execlineb -P\nfdmove -c 2 1 b\n"),
        ("rc/b/producer-for", "reader"),
        ("rc/reader/type", LONGRUN),
        ("rc/reader/run", "#!/command/execlineb -P\nreader\n"),
        ("rc/reader/consumer-for", "a\nb\n"),
        ("rc/user/type", "bundle"),
        ("rc/user/contents.d/nginx-pipeline", ""),
        ("rc/user/contents.d/a", ""),
        ("rc/user/contents.d/b", ""),
        ("rc/user/contents.d/reader", ""),
    ]);
    let source = source.env("S6_LOGGING_SCRIPT", "T 1 n0 s10000000 T");
    let converted = source.converted();
    assert_eq!(
        file(&converted, "nginx.toml"),
        "command = [\"nginx\", \"-p\", \"${PORT:-80}\"]\nrequires = [\"log-prepare\"]\n\n[stop]\nsignal = \"SIGQUIT\"\n\n\
         [log]\nto = [\"console\", \"file\"]\nstderr = \"stdout\"\n\n[log.file]\npath = \"/dev/shm/logs/nginx/current\"\n\
         keep = 0\nformat = \"raw\"\ntimestamps = true\n"
    );
    assert_eq!(
        file(&converted, "log-prepare.toml"),
        "# In no bundle that starts at boot: only what depends on it starts it.\n\n\
         type = \"oneshot\"\nscript = '''\nmkdir -p /dev/shm/logs || exit\nexec chown nobody /dev/shm/logs\n'''\n\
         enabled = false\n"
    );
    assert!(!converted.files.iter().any(|(name, _)| name == "nginx-log.toml"));
    assert_eq!(
        file(&converted, "a.toml"),
        "command = [\"a\"]\n\n[log]\nto = \"service:reader\"\nformat = \"raw\"\n"
    );
    let report = report(&source, &converted);
    assert!(report.contains("b/producer-for:1: b/producer-for: exact -> b: log\n"), "{report}");
    assert!(
        report.contains(
            "a/producer-for:1: a/producer-for: approximated -> a: log; standard error goes there too\n"
        ),
        "{report}"
    );
}

#[test]
fn a_pair_that_waits_for_readiness_drains_and_has_its_old_files() {
    let source = image(&[
        ("rc/php-fpm/type", LONGRUN),
        ("rc/php-fpm/run", "#!/command/execlineb -P\ns6-notifyoncheck -d -n 10 -w 500 php-fpm -F\n"),
        ("rc/php-fpm/data/check", "#!/bin/sh\nexec php-fpm-healthcheck\n"),
        ("rc/php-fpm/notification-fd", "3"),
        ("rc/php-fpm/down-signal", "SIGQUIT"),
        ("rc/nginx/type", LONGRUN),
        ("rc/nginx/run", "#!/bin/sh\nexec s6-notifyoncheck -c 'curl -fs http://localhost/' nginx\n"),
        ("rc/nginx/dependencies", "php-fpm\n"),
        ("rc/nginx/max-death-tally", "10"),
        ("rc/nginx/timeut-kill", "10"),
        ("rc/user/type", "bundle"),
        ("rc/user/contents", "php-fpm\nnginx\n"),
    ]);
    let converted = source.converted();
    assert_eq!(
        file(&converted, "php-fpm.toml"),
        "command = [\"php-fpm\", \"-F\"]\n\n[ready]\nexec = [\"php-fpm-healthcheck\"]\ninterval = \"500ms\"\n\n[stop]\n\
         signal = \"SIGQUIT\"\n"
    );
    assert_eq!(
        file(&converted, "nginx.toml"),
        "command = [\"nginx\"]\nrequires = [\"php-fpm\"]\n\n[ready]\nexec = [\"curl\", \"-fs\", \"http://localhost/\"]\n\
         interval = \"1s\"\n"
    );
    let report = report(&source, &converted);
    assert!(report.contains("nginx/timeut-kill: not carried; s6 does not know it"), "{report}");
    assert!(report.contains("did you mean `timeout-kill`?"), "{report}");
}

#[test]
fn scripts_and_service_directories_of_before_version_3() {
    let source = image(&[
        ("etc/fix-attrs.d/01-data", "/data true www-data 0644 0755\n"),
        ("etc/cont-init.d/10-first.sh", "#!/usr/bin/with-contenv sh\nmkdir -p /data\n"),
        ("etc/cont-init.d/20-second", "#!/usr/bin/with-contenv sh\nexec second\n"),
        ("etc/services.d/web/run", "#!/usr/bin/execlineb -P\nwith-contenv\ns6-setuidgid www-data\nweb\n"),
        ("etc/services.d/web/finish", "#!/usr/bin/execlineb -S0\ns6-svscanctl -t /var/run/s6/services\n"),
        ("etc/services.d/web/log/run", "#!/bin/sh\nexec logutil-service /var/log/web\n"),
        ("etc/services.d/off/run", "#!/bin/sh\nexec off\n"),
        ("etc/services.d/off/down", ""),
        ("etc/cont-finish.d/10-bye", "#!/usr/bin/with-contenv sh\nexec bye\n"),
        ("etc/cont-finish.d/20-late", "#!/bin/sh\nexec late\n"),
    ]);
    let converted = source.converted();
    assert!(file(&converted, "fix-attrs.toml").contains("  find /data -exec chown www-data {} +\n"));
    assert_eq!(
        file(&converted, "10-first.toml"),
        "type = \"oneshot\"\ncommand = [\"mkdir\", \"-p\", \"/data\"]\nrequires = [\"fix-attrs\"]\n"
    );
    assert_eq!(
        file(&converted, "20-second.toml"),
        "type = \"oneshot\"\ncommand = [\"second\"]\nrequires = [\"10-first\"]\n"
    );
    assert_eq!(
        file(&converted, "web.toml"),
        "command = [\"web\"]\nrequires = [\"20-second\"]\nuser = \"www-data\"\n\n[restart]\n\
         # A failure ends the container with its exit code.\npolicy = \"never\"\n\n[log]\nto = \"file\"\n\n[log.file]\n\
         path = \"/var/log/web/current\"\nmax-size = \"1MB\"\nkeep = 20\nformat = \"raw\"\ntimestamps = true\n"
    );
    assert!(file(&converted, "off.toml").contains("enabled = false\n"));
    let bye = file(&converted, "finish-10-bye.toml");
    assert!(
        bye.contains("command = [\"sleep\", \"infinity\"]\n")
            && bye.contains("[stop]\ncommand = [\"bye\"]\n"),
        "{bye}"
    );
    assert!(file(&converted, "finish-20-late.toml").contains("\"finish-10-bye\"]\n"));
}

#[test]
fn a_chain_that_has_no_keys_stays_a_script_and_that_is_said() {
    let source = image(&[
        ("etc/services.d/a/run", "#!/command/execlineb -P\nbacktick X { hostname }\nimportas -i X X\na $X\n"),
        (
            "etc/services.d/b/run",
            "#!/bin/sh\nwhile sleep 30; do curl -fs http://localhost/ || s6-svc -t /run/service/a; done\n",
        ),
        ("etc/services.d/c/run", "#!/command/execlineb -P\nforeground { mkdir /x }\ns6-setuidgid c\nc\n"),
    ]);
    let converted = source.converted();
    assert_eq!(file(&converted, "a.toml"), "command = [\"/etc/services.d/a/run\"]\n");
    assert_eq!(file(&converted, "c.toml"), "command = [\"/etc/services.d/c/run\"]\n");
    let report = report(&source, &converted);
    assert!(
        report.contains("`backtick` cannot be said in keys, so it runs as it is, and needs execline"),
        "{report}"
    );
    assert!(report.contains("it runs `s6-svc`: "), "{report}");
}

#[test]
fn what_runs_once_is_a_policy_and_no_line_of_its_script() {
    let run = "#!/command/with-contenv bash\nset -e\ns6-svc -O .\nmkdir -p /run/app\nexec app\n";
    let files = [("etc/services.d/app/run", run)];
    let script = "script = '''\nset -e\nmkdir -p /run/app\nexec app\n'''\n";
    let text = file(&image(&files).converted(), "app.toml").to_owned();
    assert!(text.contains(script) && text.contains("essential = false\n"), "{text}");
    assert!(text.ends_with("[restart]\npolicy = \"never\"\n"), "{text}");
    let halts = ("etc/services.d/app/finish", "#!/bin/sh\nexec /run/s6/basedir/bin/halt\n");
    let text = file(&image(&[files[0], halts]).converted(), "app.toml").to_owned();
    assert!(!text.contains("essential") && text.ends_with("policy = \"never\"\n"), "{text}");
}

#[test]
fn what_is_broken_is_an_error_with_its_place() {
    for (files, told) in [
        (&[("rc/a/type", "longrn\n")][..], "there is no type `longrn`"),
        (&[("rc/a/type", LONGRUN)], "`a` has no `run`"),
        (&[("rc/a/type", ONESHOT)], "the oneshot `a` has no `up`"),
        (&[("rc/a/type", ONESHOT), ("rc/a/up", "a {\n")], "a `{` is never closed"),
        (
            &[
                ("rc/a/type", ONESHOT),
                ("rc/a/up", "a"),
                ("rc/a/dependencies.d/bb", ""),
                ("rc/b/type", ONESHOT),
                ("rc/b/up", "b"),
            ],
            "there is no definition `bb`",
        ),
        (&[("etc/fix-attrs.d/a", "x y\n"), ("etc/cont-init.d/a", "")], "a line of fix-attrs.d is"),
    ] {
        let told_of = image(files).broken();
        assert!(told_of.contains(told), "{told_of}");
    }
    let cycle = image(&[
        ("rc/a/type", ONESHOT),
        ("rc/a/up", "a"),
        ("rc/a/dependencies.d/b", ""),
        ("rc/b/type", ONESHOT),
        ("rc/b/up", "b"),
        ("rc/b/dependencies.d/a", ""),
    ]);
    assert!(cycle.broken().contains("a → b → a"), "{}", cycle.broken());
    let nothing = Source::new(Kind::S6, "", &[("README", "")]);
    assert!(nothing.broken().contains("cannot find services of s6"), "{}", nothing.broken());
}

#[test]
fn it_runs_as_it_is() {
    needs_namespace!();
    let source = image(&[
        ("rc/init/type", ONESHOT),
        ("rc/init/up", "/etc/s6-overlay/scripts/init"),
        (
            "etc/s6-overlay/scripts/init",
            "#!/command/with-contenv sh\necho up init >> $EVENTS\nsleep 0.1\necho init done >> $EVENTS\n",
        ),
        ("rc/web/type", LONGRUN),
        ("rc/web/run", "#!/command/with-contenv sh\necho up web >> $EVENTS\nexec sleep 1000\n"),
        ("rc/web/finish", "#!/bin/sh\n/run/s6/basedir/bin/halt\n"),
        ("rc/web/dependencies.d/init", ""),
        ("rc/user/type", "bundle"),
        ("rc/user/contents.d/web", ""),
        ("etc/cont-finish.d/bye", "#!/command/with-contenv sh\necho bye >> $EVENTS\n"),
    ]);
    let mut c = Setup::new().arguments(&["run", "--import", "s6", source.path().to_str().unwrap()]).start();
    c.wait_event("up web");
    c.check_order(&["up init", "init done", "up web"]);
    c.terminate();
    c.expect_exit(0);
}

/// Pieces of which scripts consist, in any order.
const PIECES: &str = "[ -~\\n]{0,60}|((#!/bin/sh|#!/command/execlineb -P|exec|if|foreground|\\{|\\}|\"|'|\\\\|\\$\\{X\\}|importas|-i|\
                      X|s6-setuidgid|chpst|-u|-e|cd|export|A=B|fdmove|-c|2>&1|;|then|fi|elif|else|\\[\\[|\\]\\]|-eq|&&|>|halt|\\$1|\\$\\(\\(|exit 125|sleep infinity|\\[ -z \"\\$X\" \\]|é|\u{1F600})( |\\n)){0,30}";

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]
    #[test]
    fn whatever_is_in_the_files_there_is_an_answer(run in PIECES, up in PIECES, finish in PIECES, number in PIECES) {
        for shebang in ["", "#!/bin/sh\n", "#!/command/execlineb -P\n"] {
            let run = format!("{shebang}{run}");
            let source = image(&[
                ("rc/a/type", LONGRUN),
                ("rc/a/run", &run),
                ("rc/a/finish", &finish),
                ("rc/a/notification-fd", &number),
                ("rc/a/timeout-kill", &number),
                ("rc/a/down-signal", &number),
                ("rc/a/dependencies", &number),
                ("rc/b/type", ONESHOT),
                ("rc/b/up", &up),
                ("etc/fix-attrs.d/x", &number),
                ("etc/services.d/c/run", &run),
            ]);
            // Either is fine; a panic is not.
            let import = foster::config::import::Import { kind: Kind::S6, path: source.path().to_owned() };
            if let Err(report) = foster::config::import::convert(&import, &foster::config::Variables::new()) {
                let _ = report.render(false);
            }
        }
    }
}
