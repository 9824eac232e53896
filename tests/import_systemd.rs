//! Claims about the import of systemd units.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;
mod support;

use foster::config::import::Kind;
use import_room::{Source, file, report};
use std::path::Path;
use support::{Setup, needs_namespace};

fn unit(text: &str) -> Source {
    Source::new(Kind::Systemd, "web.service", &[("web.service", text)])
}

fn names(converted: &foster::config::import::Converted) -> Vec<&str> {
    converted.files.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_unit_becomes_what_a_person_would_have_written() {
    let source = unit(
        "[Unit]\nDescription=The shop\nDocumentation=man:shop(8)\nAfter=network.target\n\n[Service]\nType=notify\n\
         ExecStart=/srv/shop --port ${PORT} \\\n  --name 'a b'\nExecReload=/bin/kill -HUP $MAINPID\nUser=nobody\n\
         Environment=A=1 \"B=x y\"\nLimitNOFILE=65536\nRestart=always\nRestartSec=2\nTimeoutStopSec=3\nUMask=0027\n\
         MemoryMax=512M\nCPUQuota=150%\nTasksMax=64\nWatchdogSec=30\nOOMScoreAdjust=5\n\
         AmbientCapabilities=CAP_NET_BIND_SERVICE\nKillSignal=SIGQUIT\n\n[Install]\nWantedBy=multi-user.target\n",
    );
    let converted = source.converted();
    assert_eq!(
        file(&converted, "web.toml"),
        "# See man:shop(8).\n\ncommand = [\"/srv/shop\", \"--port\", \"${PORT:-}\", \"--name\", \"a b\"]\n\
         description = \"The shop\"\nuser = \"nobody\"\numask = \"027\"\noom-score-adj = 5\n\
         capabilities = [\"net-bind-service\"]\n\n[limits]\nnofile = \"65536\"\n\n[environment]\nA = \"1\"\nB = \"x y\"\n\n\
         [ready]\nnotify = true\n\n[restart]\ndelay = \"2s\"\nfactor = 1\n\n[stop]\nsignal = \"SIGQUIT\"\n\
         timeout = \"3s\"\n\n[health]\nwatchdog = \"30s\"\n\n[resources]\nmemory = \"512MiB\"\ncpu = 1.5\npids = 64\n"
    );
    let report = report(&source, &converted);
    assert!(report.contains("web.service:8: [Service] ExecStart: exact -> web: command\n"), "{report}");
    assert!(
        report.contains("web.service:10: [Service] ExecReload: exact -> web: reload.signal\n"),
        "{report}"
    );
    assert!(report.ends_with(", 0 not carried\n"), "{report}");
}

#[test]
fn a_unit_without_restart_is_not_restarted() {
    let converted = unit("[Service]\nExecStart=/srv/a\n").converted();
    assert_eq!(file(&converted, "web.toml"), "command = [\"/srv/a\"]\n\n[restart]\npolicy = \"never\"\n");
}

#[test]
fn output_goes_to_files_where_the_unit_says_so() {
    let source = unit(
        "[Service]\nExecStart=/srv/a\nStandardError=append:/var/log/a.err\nStandardOutput=append:/var/log/a.log\n\
         Restart=always\n",
    );
    assert_eq!(
        file(&source.converted(), "web.toml"),
        "command = [\"/srv/a\"]\n\n[log]\nto = \"file\"\n\n[log.file]\npath = \"/var/log/a.log\"\nformat = \"raw\"\n\
         stderr-path = \"/var/log/a.err\"\n"
    );
    let once = unit("[Service]\nType=oneshot\nRestart=always\nExecStart=/srv/a\nStandardError=file:/x\n");
    let report = report(&once, &once.converted());
    assert!(report.contains("Restart: not carried; a oneshot ends after its success"), "{report}");
    assert!(report.contains("StandardError: not carried; "), "{report}");
}

#[test]
fn several_commands_become_a_script_that_stops_at_the_first_failure() {
    let source = unit(
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/a 'x y'\nExecStart=-/bin/b $OPTS\nExecStart=/bin/c\n",
    );
    let converted = source.converted();
    assert_eq!(
        file(&converted, "web.toml"),
        "type = \"oneshot\"\nscript = '''\nset -e\n/bin/a 'x y'\n/bin/b $OPTS || :\nexec /bin/c\n'''\n",
        "{converted:#?}"
    );
    assert!(
        report(&source, &converted)
            .contains("web.service:5: [Service] ExecStart: approximated -> web: script; ")
    );
}

#[test]
fn what_runs_before_and_after_the_start_runs_in_its_place() {
    let source = unit(
        "[Service]\nUser=nobody\nExecStartPre=/bin/check\nExecStartPre=+/bin/prepare\nExecStart=/srv/a\n\
         ExecStartPost=/bin/register\nRuntimeDirectory=shop\nRuntimeDirectoryMode=0750\nExecStop=/bin/bye ${MAINPID}\n",
    );
    let converted = source.converted();
    assert_eq!(names(&converted), ["web.toml", "web-setup.toml", "web-post.toml"]);
    assert!(file(&converted, "web.toml").contains("set -e\n/bin/check\nexec /srv/a\n"), "{converted:#?}");
    assert!(file(&converted, "web.toml").contains("requires = [\"web-setup\"]"));
    assert!(file(&converted, "web.toml").contains("RUNTIME_DIRECTORY = \"/run/shop\""));
    assert!(file(&converted, "web.toml").contains("exec /bin/bye"), "{converted:#?}");
    let setup = file(&converted, "web-setup.toml");
    assert!(
        setup.contains("install -d -m 750 -o nobody /run/shop\n/bin/prepare\n") && !setup.contains("user")
    );
    let post = file(&converted, "web-post.toml");
    assert!(post.contains("requires = [\"web\"]") && post.contains("user = \"nobody\""), "{post}");
    let all = unit("[Service]\nUser=nobody\nUMask=077\nExecStart=/srv/a\nExecStartPost=!/bin/register\n")
        .converted();
    let post = file(&all, "web-post.toml");
    assert!(!post.contains("user") && post.contains("umask = \"077\""), "{post}");
}

#[test]
fn a_program_that_goes_into_the_background_is_kept_in_the_foreground() {
    for (line, command) in [
        (
            "/usr/sbin/nginx -g 'daemon on; master_process on;'",
            "[\"/usr/sbin/nginx\", \"-g\", \"daemon off; master_process on;\"]",
        ),
        ("/usr/sbin/nginx", "[\"/usr/sbin/nginx\", \"-g\", \"daemon off;\"]"),
        ("/usr/sbin/cron", "[\"/usr/sbin/cron\", \"-f\"]"),
        ("/usr/sbin/apachectl start", "[\"/usr/sbin/apachectl\", \"-D\", \"FOREGROUND\"]"),
        (
            "/usr/bin/pg_ctlcluster 15 main start",
            "[\"/usr/bin/pg_ctlcluster\", \"--foreground\", \"15\", \"main\", \"start\"]",
        ),
    ] {
        let source = unit(&format!("[Service]\nType=forking\nPIDFile=/run/x.pid\nExecStart={line}\n"));
        let converted = source.converted();
        assert!(file(&converted, "web.toml").contains(&format!("command = {command}")), "{converted:#?}");
    }
    let source = unit("[Service]\nType=forking\nExecStart=/opt/own start\n");
    let converted = source.converted();
    assert!(file(&converted, "web.toml").starts_with("# It has to stay in the foreground"));
    assert!(
        report(&source, &converted)
            .contains("web.service:2: [Service] Type: not carried; foster looks after")
    );
}

#[test]
fn keys_that_mean_nothing_here_are_told_one_by_one() {
    let source = unit(
        "[Service]\nExecStart=/srv/a\nProtectSystem=strict\nMemoryMx=1G\nFoo=1\nNice=-5\nSlice=x.slice\nX-Own=1\nLimitNOFILE=many\n",
    );
    let report = report(&source, &source.converted());
    for text in [
        "web.service:3: [Service] ProtectSystem: not carried; foster makes no sandbox",
        "web.service:4: [Service] MemoryMx: not carried; unknown key, did you mean `MemoryMax`?",
        "web.service:5: [Service] Foo: not carried; there is nothing like it here",
        "web.service:6: [Service] Nice: not carried; a container may not by default",
        "web.service:7: [Service] Slice: not carried; ",
        "web.service:8: [Service] X-Own: exact",
        "web.service:9: [Service] LimitNOFILE: not carried; `many` is no limit",
    ] {
        assert!(report.contains(text), "{text}:\n{report}");
    }
}

#[test]
fn a_broken_unit_is_an_error_with_its_place() {
    for (text, told) in [
        ("nonsense\n", "a line of a unit file is `[SECTION]` or `KEY=value`"),
        ("ExecStart=/a\n", "an assignment before the first `[SECTION]`"),
        ("[Service\nExecStart=/a\n", "a section is `[NAME]`"),
        ("[Service]\nExecStart=/a 'b\n", "cannot read ExecStart: a quote without its end"),
        ("[Service]\nExecStart=/a %H\n", "cannot read ExecStart: what `%H` stands for is not known"),
        ("[Service]\nUser=x\n", "web.service has no ExecStart"),
        ("[Service]\nExecStart=/a\nExecStart=/b\n", "only a oneshot has more than one ExecStart"),
        ("[Service]\nType=simpel\nExecStart=/a\n", "did you mean `simple`?"),
        ("", "web.service has no ExecStart"),
    ] {
        let shown = unit(text).broken();
        assert!(shown.contains(told) && shown.contains("/web.service"), "{told}:\n{shown}");
    }
    assert!(
        Source::new(Kind::Systemd, "nowhere.service", &[]).broken().contains("cannot read /nowhere.service")
    );
    assert!(Source::new(Kind::Systemd, "", &[("a.target", "[Unit]\n")]).converted().files.len() == 1);
    assert!(
        Source::new(Kind::Systemd, "", &[("a.mount", "[Unit]\n")])
            .broken()
            .contains("there is no service in")
    );
}

#[test]
fn what_debian_ships_is_read() {
    for name in [
        "cron.service",
        "nginx.service",
        "redis-server.service",
        "php8.2-fpm.service",
        "postgresql@15-main.service",
        "mariadb.service",
        "supervisor.service",
        "rsyslog.service",
        "containerd.service",
        "docker.service",
        "e2scrub_all.timer",
        "apt-daily.timer",
        "man-db.timer",
        "phpsessionclean.timer",
        "podman.socket",
        "rsync.service",
        "polkit.service",
    ] {
        let path = Path::new("/lib/systemd/system").join(name);
        let template = Path::new("/lib/systemd/system/postgresql@.service");
        if !(path.exists() || name.contains('@') && template.exists()) {
            println!("left out: there is no {}", path.display());
            continue;
        }
        let source = Source::new(Kind::Systemd, path.to_str().unwrap(), &[]);
        let converted = source.converted();
        assert!(!converted.files.is_empty(), "{name}");
        println!("{}", report(&source, &converted));
    }
}

#[test]
fn conditions_are_asked_together_and_of_those_with_a_bar_one_has_to_hold() {
    let source = unit(
        "[Unit]\nConditionPathIsDirectory=/a\nConditionFileNotEmpty=!/b c\nConditionPathExists=|/d\n\
         ConditionEnvironment=|!E=f\nConditionVirtualization=|vm\nConditionVirtualization=!vm\nConditionACPower=true\n\
         [Service]\nExecCondition=/bin/ask $MORE\nExecStart=/srv/a\n",
    );
    let converted = source.converted();
    let line = "test -d /a && test ! -s '/b c' && { test -e /d || ! test \"$E\" = f; } && /bin/ask $MORE";
    let text = file(&converted, "web.toml").replace("\\\"", "\"");
    assert!(text.contains(line), "{text}");
    assert!(report(&source, &converted).ends_with(", 0 not carried\n"));
    let one = unit("[Unit]\nConditionPathExists=|/d\n[Service]\nExecStart=/srv/a\n").converted();
    assert!(file(&one, "web.toml").contains("command = [\"test\", \"-e\", \"/d\"]"), "{one:#?}");
    let never = unit("[Unit]\nConditionVirtualization=|vm\n[Service]\nExecStart=/srv/a\n").converted();
    assert!(file(&never, "web.toml").contains("enabled = false"), "{never:#?}");
    let source = unit("[Unit]\nConditionPathExists=|/d\nConditionHost=|x\n[Service]\nExecStart=/srv/a\n");
    let report = report(&source, &source.converted());
    assert!(report.contains("ConditionPathExists: not carried; there is no such condition"), "{report}");
}

#[test]
fn it_runs_as_it_is() {
    needs_namespace!();
    let files = [
        (
            "db.service",
            "[Unit]\nDescription=db\n[Service]\nExecStart=/bin/sh -c 'echo \"up db\" >> $EVENTS; exec sleep 1000'\n[Install]\nWantedBy=multi-user.target\n",
        ),
        (
            "web.service",
            "[Unit]\nRequires=db.service\nAfter=db.service\n[Service]\nExecStartPre=/bin/sh -c 'echo \"up check\" >> $EVENTS'\n\
             ExecStart=/bin/sh -c 'echo \"up web $0\" >> $$EVENTS; exec sleep 1000' ${NAME}\nEnvironment=NAME=shop\n[Install]\nWantedBy=multi-user.target\n",
        ),
    ];
    let source = Source::new(Kind::Systemd, "", &files);
    let path = source.path().to_str().unwrap();
    let mut c = Setup::new().arguments(&["run", "--import", "systemd", path]).start();
    c.wait_event("up web shop");
    c.check_order(&["up db", "up web shop"]);
    c.check_order(&["up check", "up web shop"]);
    c.terminate();
    c.expect_exit(0);
}
