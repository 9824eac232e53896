//! Claims about the import of supervisord's configuration: what becomes of its keys, and of what people do with it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;

use foster::config::Variables;
use foster::config::import::{Converted, Import, Kind, convert};
use import_room::{Source, file, report};
use std::path::Path;

/// A file of which `[supervisord]` is written already.
fn programs(text: &str) -> Source {
    let text = format!("[supervisord]\nnodaemon=true\n{text}");
    Source::new(Kind::Supervisord, "supervisord.conf", &[("supervisord.conf", &text)])
}

/// One of the fixtures, with the variables that it uses.
fn fixture(name: &str) -> Source {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/supervisord");
    let mut files = Vec::new();
    let mut directories = vec![root.join(name)];
    if root.join(name).is_file() {
        directories.clear();
        files.push((name.to_owned(), std::fs::read_to_string(root.join(name)).unwrap()));
    }
    while let Some(directory) = directories.pop() {
        for entry in directory.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let inside = path.strip_prefix(root.join(name)).unwrap().to_str().unwrap().to_owned();
            files.push((inside, std::fs::read_to_string(&path).unwrap()));
        }
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let main = if root.join(name).is_file() { name } else { "" };
    let source = Source::new(Kind::Supervisord, main, &files);
    let variables = [
        ("PATH", "/bin"),
        ("PORT", "1"),
        ("DISPLAY_WIDTH", "1"),
        ("DISPLAY_HEIGHT", "1"),
        ("START_VNC", "true"),
    ];
    variables.into_iter().fold(source, |source, (name, value)| source.env(name, value))
}

/// The lines of the report that speak of what is not carried, without their places.
fn not_carried(source: &Source, converted: &Converted) -> Vec<String> {
    let report = report(source, converted);
    let lines = report.lines().filter(|line| line.contains(": not carried"));
    lines.map(|line| line.splitn(3, ':').nth(2).unwrap_or(line).trim().to_owned()).collect()
}

fn names(converted: &Converted) -> Vec<&str> {
    converted.files.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn php_fpm_and_nginx_in_the_foreground_become_two_short_files() {
    let source = fixture("php-nginx.conf");
    let converted = source.converted();
    assert_eq!(names(&converted), ["php-fpm.toml", "nginx.toml"]);
    assert_eq!(
        file(&converted, "php-fpm.toml"),
        "command = [\"php-fpm\", \"-F\"]\n\n[restart]\npolicy = \"never\"\n"
    );
    assert_eq!(
        file(&converted, "nginx.toml"),
        "command = [\"nginx\", \"-g\", \"daemon off;\"]\nafter = [\"php-fpm\"]\n\n[restart]\nlimit = 2\n\n\
         [stop]\nsignal = \"SIGQUIT\"\n"
    );
    assert_eq!(not_carried(&source, &converted), [""; 0]);
}

#[test]
fn workers_become_instances_and_those_whose_number_matters_a_file_each() {
    let source = fixture("laravel.conf");
    let converted = source.converted();
    assert_eq!(
        names(&converted),
        ["php.toml", "queue.toml", "scheduler.toml", "shard_0.toml", "shard_1.toml", "foster.toml"]
    );
    let php = file(&converted, "php.toml");
    assert!(php.contains("\"--port=${PORT}\""), "{php}");
    assert!(php.contains("PATH = \"/srv/shop/bin:${PATH}\""), "{php}");
    let queue = file(&converted, "queue.toml");
    assert!(queue.contains("instances = 4\n"), "{queue}");
    assert!(queue.contains("path = \"/srv/shop/storage/logs/queue_{instance}.log\""), "{queue}");
    assert!(
        file(&converted, "shard_1.toml")
            .contains("command = [\"/srv/shop/bin/shard\", \"--port\", \"7001\"]")
    );
    assert!(file(&converted, "shard_0.toml").contains("success-codes = [0, 3]"));
    let scheduler = file(&converted, "scheduler.toml");
    assert!(scheduler.contains("# cron = \"* * * * *\"\n"), "{scheduler}");
    assert!(file(&converted, "foster.toml").contains("timeout = \"3602s\""));
    let report = report(&source, &converted);
    assert!(report.contains("[program:shards] process_name: exact -> shard_0: a file for each process\n"));
    assert_eq!(not_carried(&source, &converted), [""; 0]);
}

#[test]
fn the_apache_of_a_shop_and_its_cron_are_two_commands() {
    let source = fixture("apache-cron.conf");
    let converted = source.converted();
    assert_eq!(names(&converted), ["apache2.toml", "cron.toml", "foster.toml"]);
    assert_eq!(
        file(&converted, "cron.toml"),
        "command = [\"/cron.sh\"]\n\n[restart]\npolicy = \"on-failure\"\n"
    );
    assert_eq!(file(&converted, "foster.toml"), "log-level = \"error\"\n");
}

#[test]
fn a_listener_that_ends_supervisord_is_what_essential_means() {
    let source = fixture("listener");
    let converted = source.converted();
    assert_eq!(names(&converted), ["nginx.toml", "uwsgi.toml"]);
    let report = report(&source, &converted);
    let told =
        "[eventlistener:quit_on_failure]: approximated -> essential, the default; what fails for good ends";
    assert!(report.contains(told), "{report}");
    assert!(report.contains("[program:nginx]: exact -> nginx\n"), "{report}");
    // It hears nothing of a program that ends and is not restarted.
    assert!(
        report.contains("[program:uwsgi]: approximated -> uwsgi; when it ends with a failure"),
        "{report}"
    );
    let uwsgi = file(&converted, "uwsgi.toml");
    assert!(uwsgi.contains("# With `startsecs=0` and no restart: if it runs to its end"), "{uwsgi}");
    assert!(uwsgi.contains("policy = \"never\""), "{uwsgi}");
}

#[test]
fn what_an_entrypoint_starts_by_hand_is_disabled_with_a_comment() {
    let source = fixture("database.conf");
    let converted = source.converted();
    let postgresql = file(&converted, "postgresql.toml");
    assert!(
        postgresql.contains("# It starts by hand alone: with `foster start`, where it was"),
        "{postgresql}"
    );
    assert!(
        postgresql.contains("enabled = false\n") && postgresql.contains("signal = \"SIGINT\""),
        "{postgresql}"
    );
    assert!(postgresql.contains("[ready]\ndelay = \"3s\"\n"), "{postgresql}");
    assert!(
        postgresql.contains("[log.file]\npath = \"/var/log/supervisor/postgresql.log\"\n"),
        "{postgresql}"
    );
    assert!(postgresql.contains("stderr = \"stdout\""), "{postgresql}");
    assert!(file(&converted, "init.toml").contains("# With `startsecs=0` and no restart"));
    let report = report(&source, &converted);
    let told = "[program:postgresql] autostart: approximated -> postgresql: enabled; `foster start` starts it; but foster ends when";
    assert!(report.contains(told), "{report}");
}

#[test]
fn workers_with_files_and_long_stops_keep_both() {
    let source = fixture("celery.conf");
    let converted = source.converted();
    let mail = file(&converted, "worker_mail.toml");
    assert!(mail.contains("\"worker_mail_${HOSTNAME:-localhost}\""), "{mail}");
    assert!(mail.contains("stderr-path = \"/var/log/celery/worker_mail.err\""), "{mail}");
    assert!(mail.contains("max-size = \"20MiB\"\nkeep = 3\n"), "{mail}");
    assert!(mail.contains("[stop]\ntimeout = \"600s\"\n"), "{mail}");
    assert!(mail.contains("PYTHONPATH = \"/srv/app\"\nLANG = \"C.UTF-8\"\n"), "{mail}");
    let images = file(&converted, "worker_images.toml");
    assert!(images.contains("C_FORCE_ROOT = \"1, surely\"") && images.contains("to = \"null\""), "{images}");
    assert!(images.contains("after = [\"worker_mail\"]") || mail.contains("before ="), "{images}{mail}");
    assert!(not_carried(&source, &converted)[0].contains("stdout_events_enabled"));
}

#[test]
fn the_last_program_of_a_desktop_ends_the_container() {
    let source = fixture("desktop.conf");
    let converted = source.converted();
    let browser = file(&converted, "browser.toml");
    assert!(browser.contains("main = true\n"), "{browser}");
    assert!(!browser.contains("kill") && browser.contains("/opt/bin/start-browser.sh"), "{browser}");
    let report = report(&source, &converted);
    assert!(report.contains("[program:browser]: exact -> browser\n"), "it ended supervisord: {report}");
    assert!(report.contains("[program:x11]: approximated -> x11; when it has failed"), "{report}");
    assert!(file(&converted, "x11.toml").contains("\"${DISPLAY_WIDTH}x${DISPLAY_HEIGHT}x24\""));
    assert!(file(&converted, "x11vnc.toml").contains("enabled = \"${START_VNC}\"\n"));
}

#[test]
fn a_shell_line_becomes_a_script_and_a_tail_gets_a_comment() {
    let source = fixture("sshd.conf");
    let converted = source.converted();
    let app = file(&converted, "app.toml");
    assert!(
        app.contains("shell = [\"/bin/bash\", \"-c\"]\n") && app.contains("${APP_MAIN:-server.js}"),
        "{app}"
    );
    assert!(app.contains("umask = \"022\"\n"), "{app}");
    assert!(file(&converted, "logs.toml").contains("# It only shows what others write into a file."));
}

#[test]
fn included_files_are_read_and_misspelt_keys_are_told() {
    let source = fixture("modular");
    let converted = source.converted();
    assert_eq!(names(&converted), ["httpd.toml", "postfix.toml"]);
    let told = not_carried(&source, &converted).join("\n");
    for (key, near) in
        [("auto_start", "autostart"), ("unmask", "umask"), ("logfile_backupcount", "logfile_backups")]
    {
        assert!(told.contains(key), "{told}");
        assert!(key == "logfile_backupcount" || told.contains(&format!("did you mean `{near}`?")), "{told}");
    }
    assert!(!told.contains("secret"), "a password is nobody's business");
    let report = report(&source, &converted);
    assert!(report.contains("conf.d/10-httpd.conf:6: %(here)s: approximated"), "{report}");
    assert!(report.contains("no file is named by `extra/*.ini`"), "{report}");
    assert!(file(&converted, "httpd.toml").contains("/conf.d/httpd.sh\"]"));
}

#[test]
fn a_swarm_with_foreign_keys_keeps_its_order() {
    let source = fixture("swarm.conf");
    let converted = source.converted();
    assert_eq!(names(&converted).len(), 12);
    assert!(file(&converted, "world.toml").contains("after = [\"login\"]\n"));
    assert_eq!(not_carried(&source, &converted).iter().filter(|line| line.contains("depend")).count(), 11);
    assert!(not_carried(&source, &converted)[0].ends_with("says so with `requires`"));
    assert!(file(&converted, "world.toml").contains("max-size = \"1GiB\"\n"));
    let panel = file(&converted, "panel.toml");
    assert!(
        panel.contains("[[socket]]\nlisten = \"/run/panel.sock\"\nuser = \"www-data\"\nmode = \"770\"\n"),
        "{panel}"
    );
    assert!(panel.contains("'exec \"$@\" <&3'"), "{panel}");
}

#[test]
fn a_variable_stays_one() {
    let converted = programs(
        "[program:a]\ncommand=a %(ENV_X)s ${HOME}\nnumprocs=%(ENV_N)s\nprocess_name=a%(process_num)d\n\
         startsecs=%(ENV_S)s\nstopwaitsecs=%(ENV_S)s\nautorestart=true\n",
    )
    .env("X", "x")
    .env("N", "2")
    .env("S", "5")
    .converted();
    assert_eq!(
        file(&converted, "a.toml"),
        "command = [\"a\", \"${X}\", \"$${HOME}\"]\ninstances = \"${N}\"\n\n[ready]\ndelay = \"${S}s\"\n\n\
         [stop]\ntimeout = \"${S}s\"\n"
    );
}

#[test]
fn what_supervisord_refuses_is_an_error_with_its_place() {
    for (text, line, told) in [
        ("[program:a]\n", 3, "[program:a] has no `command`"),
        ("[program:a]\ncommand=x\nautostart=maybe\n", 5, "`autostart` is neither yes, true, on, 1"),
        ("[program:a]\ncommand=x\nnumprocs=2\n", 5, "`process_name` must have `%(process_num)` in it"),
        ("[program:a]\ncommand=%(nothing)s\n", 4, "`%(nothing)s` has no meaning here"),
        ("[program:a]\ncommand=x\nstopsignal=BOOM\n", 5, "`stopsignal` is no signal"),
        ("[program:a b]\ncommand=x\n", 3, "`a b` cannot be a name"),
        ("[program:a]\ncommand=x\n[group:g]\nprograms=aa\n", 6, "names `aa`, which is no program"),
        ("[program:a]\ncommand='x\n", 4, "a quote in it does not end"),
        ("[program:a]\ncommand=x\nnonsense\n", 5, "a line is `[SECTION]`, `KEY=VALUE`"),
        (
            "[program:a]\ncommand=x\nnumprocs=5000\nprocess_name=%(process_num)d\n",
            5,
            "more than 1000 processes",
        ),
    ] {
        let broken = programs(text).broken();
        assert!(broken.contains(told) && broken.contains(&format!("/supervisord.conf:{line}:1")), "{broken}");
    }
    let only = |text: &str| Source::new(Kind::Supervisord, "s.conf", &[("s.conf", text)]).broken();
    assert!(only("command=x\n").contains("it begins without a [section]"));
    assert!(only("[program:a]\ncommand=x\n").contains("there is no [supervisord] section"));
    assert!(only("[supervisord]\n").contains("there is no program in it"));
    assert!(only("").contains("there is no [supervisord] section"));
}

#[test]
fn a_file_that_includes_itself_is_read_and_thousands_are_not() {
    let text = "[supervisord]\n[include]\nfiles=*.conf\n[program:a]\ncommand=x\n";
    let source = Source::new(Kind::Supervisord, "a.conf", &[("a.conf", text), ("b.conf", text)]);
    assert_eq!(names(&source.converted()), ["a.toml"]);
    let many: Vec<(String, &str)> = (0..1100).map(|n| (format!("d/{n}.conf"), "")).collect();
    let mut files: Vec<(&str, &str)> = many.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let text = "[supervisord]\n[include]\nfiles=d/*.conf\n[program:a]\ncommand=x\n";
    files.push(("a.conf", text));
    let told = Source::new(Kind::Supervisord, "a.conf", &files).broken();
    assert!(told.contains("more than 1000 files are included"), "{told}");
}

#[test]
fn binary_and_enormous_files_are_a_clear_error() {
    let source = programs("");
    std::fs::write(source.path(), b"\x7fELF\xff\xfe\0\0").unwrap();
    assert!(source.broken().contains("cannot read /supervisord.conf: it is not UTF-8"));
    let told = programs(&"; a\n".repeat(400_000)).broken();
    assert!(told.contains("cannot read /supervisord.conf: it is larger than"), "{told}");
}

#[test]
fn what_would_take_for_ever_to_read_is_refused_soon() {
    let keys: String = (0..100_000).map(|n| format!("k{n}=1\n")).collect();
    assert!(programs(&format!("[program:a]\n{keys}")).broken().contains("more than 500 keys in one section"));
    let sections: String = (0..50_000).map(|n| format!("[program:{n}]\n")).collect();
    assert!(programs(&sections).broken().contains("more than 2000 sections"));
    let many: String = (0..1500).map(|n| format!("[program:{n}]\ncommand=x\n")).collect();
    assert!(programs(&many).broken().contains("1500 processes in all, more than 1000"));
    let patterns = "a* ".repeat(1000);
    assert!(programs(&format!("[include]\nfiles={patterns}\n")).broken().contains("more than 100 patterns"));
}

#[test]
fn a_file_that_ends_too_early_is_a_configuration_or_a_clear_error() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/supervisord");
    let variables = [("PATH", "/bin"), ("PORT", "1")].map(|(name, value)| (name.into(), value.into()));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("supervisord.conf");
    for name in ["laravel.conf", "celery.conf", "desktop.conf"] {
        let text = std::fs::read_to_string(root.join(name)).unwrap();
        for end in (0..text.len()).step_by(3) {
            std::fs::write(&path, &text[..end]).unwrap();
            let import = Import { kind: Kind::Supervisord, path: path.clone() };
            match convert(&import, &Variables::from(variables.clone())) {
                Ok(converted) => assert!(!converted.files.is_empty()),
                Err(report) => assert!(report.errors() > 0, "{name} {end}"),
            }
        }
    }
    let far = "[program:a]\ncommand=x\nnumprocs=2\nprocess_name=%(process_num)d\nnumprocs_start=9223372036854775807\n";
    assert!(programs(far).broken().contains("`numprocs_start` is not within"));
}

#[test]
fn every_key_has_a_line_in_the_report() {
    let keys = [
        "command=x",
        "process_name=%(program_name)s",
        "numprocs=1",
        "numprocs_start=0",
        "priority=5",
        "autostart=true",
        "autorestart=true",
        "startsecs=1",
        "startretries=3",
        "exitcodes=0",
        "stopsignal=TERM",
        "stopwaitsecs=10",
        "stopasgroup=false",
        "killasgroup=false",
        "user=root",
        "umask=022",
        "directory=/tmp",
        "environment=A=1",
        "redirect_stderr=false",
        "stdout_logfile=AUTO",
        "stdout_logfile_maxbytes=0",
        "stdout_logfile_backups=0",
        "stdout_capture_maxbytes=0",
        "stdout_events_enabled=0",
        "stdout_syslog=0",
        "stderr_logfile=NONE",
        "stderr_logfile_maxbytes=0",
        "stderr_logfile_backups=0",
        "stderr_capture_maxbytes=0",
        "stderr_events_enabled=0",
        "stderr_syslog=0",
        "serverurl=AUTO",
        "misspelt=1",
    ];
    let source = programs(&format!("[program:a]\n{}\n", keys.join("\n")));
    let report = report(&source, &source.converted());
    for key in keys.iter().map(|line| line.split('=').next().unwrap()) {
        let lines = report.lines().filter(|line| line.contains(&format!("[program:a] {key}: "))).count();
        assert_eq!(lines, 1, "{key}\n{report}");
    }
}
