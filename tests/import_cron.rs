//! Claims about the import of crontabs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;
mod support;

use foster::config::import::Kind;
use import_room::{Source, file, report};
use std::path::Path;
use support::{Setup, needs_namespace};

fn crontab(text: &str) -> Source {
    Source::new(Kind::Cron, "crontab", &[("crontab", text)])
}

#[test]
fn each_line_becomes_a_oneshot_with_a_schedule() {
    let source = crontab(
        "# Sweep the cache every night.\n30 3 * * mon-fri /srv/sweep --all\n\n@hourly cd /srv && ./report.sh > out\n\
         @reboot /srv/warm 'a b'\n*/5\t*  * * *   /srv/poll\n",
    );
    let converted = source.converted();
    let names: Vec<&str> = converted.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["sweep.toml", "report.toml", "warm.toml", "poll.toml"]);
    assert_eq!(
        file(&converted, "sweep.toml"),
        "type = \"oneshot\"\ncommand = [\"/srv/sweep\", \"--all\"]\ndescription = \"Sweep the cache every night\"\n\n\
         [schedule]\ncron = \"30 3 * * mon-fri\"\n"
    );
    assert_eq!(
        file(&converted, "report.toml"),
        "type = \"oneshot\"\nscript = \"cd /srv && exec ./report.sh > out\"\n\n[schedule]\ncron = \"@hourly\"\n"
    );
    assert_eq!(
        file(&converted, "warm.toml"),
        "type = \"oneshot\"\ncommand = [\"/srv/warm\", \"a b\"]\n# Its failure is no reason to end.\nessential = false\n"
    );
    assert!(file(&converted, "poll.toml").contains("cron = \"*/5 * * * *\""));
    let report = report(&source, &converted);
    assert!(
        report.contains("crontab:2: 30 3 * * mon-fri: exact -> sweep: command, schedule.cron\n"),
        "{report}"
    );
    assert!(
        report.contains("crontab: user: approximated; whose crontab it is does not stand in it"),
        "{report}"
    );
    assert!(report.ends_with("4 exact, 2 approximated, 0 not carried\n"), "{report}");
}

#[test]
fn variables_hold_for_the_lines_below_them() {
    let source = crontab(
        "* * * * * early\nSHELL=/bin/bash\nPATH = \"/opt/bin:/usr/bin\"\nA='$HOME ${B}'\nCRON_TZ=Europe/Berlin\nMAILTO=\"\"\n\
         HOME=/srv\n0 1 * * * late | cat\nMAILTO=root\n",
    );
    let converted = source.converted();
    assert!(!file(&converted, "early.toml").contains("environment"));
    assert_eq!(
        file(&converted, "late.toml"),
        "type = \"oneshot\"\nscript = \"late | cat\"\nshell = [\"/bin/bash\", \"-c\"]\nworking-directory = \"/srv\"\n\n\
         [environment]\nSHELL = \"/bin/bash\"\nPATH = \"/opt/bin:/usr/bin\"\nA = \"$HOME $${B}\"\nHOME = \"/srv\"\n\n\
         [schedule]\ncron = \"0 1 * * *\"\ntimezone = \"Europe/Berlin\"\n"
    );
    let report = report(&source, &converted);
    assert!(report.contains("crontab:6: MAILTO: exact\n"), "{report}");
    assert!(report.contains("crontab:9: MAILTO: not carried; nothing is mailed"), "{report}");
}

#[test]
fn a_percent_sign_begins_the_input_and_an_escaped_one_is_itself() {
    let source =
        crontab("0 1 * * * mail -s hi me%Dear me,%END%bye\n0 2 * * * date +\\%F > /x\n0 3 * * * a | b%c\n");
    let converted = source.converted();
    assert_eq!(
        file(&converted, "mail.toml").lines().skip(1).take(6).collect::<Vec<_>>(),
        ["script = '''", "exec mail -s hi me <<'END_'", "Dear me,", "END", "bye", "END_"]
    );
    assert!(file(&converted, "date.toml").contains("script = \"exec date +%F > /x\""));
    assert!(file(&converted, "a.toml").contains("{ a | b\n} <<'END'\nc\nEND\n"));
}

#[test]
fn days_of_month_and_week_both_count_where_one_is_a_star_with_a_step() {
    let converted = crontab("0 0 */2 * mon a\n0 0 13 * fri b\n0 0 * * */2 c\n").converted();
    for (name, cron) in [("a", "0 0 */2 * +mon"), ("b", "0 0 13 * fri"), ("c", "0 0 * * */2")] {
        assert!(
            file(&converted, &format!("{name}.toml")).contains(&format!("cron = \"{cron}\"")),
            "{converted:#?}"
        );
    }
}

#[test]
fn crontabs_of_the_system_name_a_user() {
    let files = [
        (
            "etc/crontab",
            "SHELL=/bin/sh\n# m h dom mon dow user command\n17 * * * * root cd / && run-parts --report /etc/cron.hourly\n\
             25 6 * * * root test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }\n",
        ),
        (
            "etc/cron.d/php",
            "09,39 * * * * root [ -x /usr/lib/php/clean ] && if [ ! -d /run/x ]; then /usr/lib/php/clean; fi\n",
        ),
        ("etc/cron.d/shop", "* * * * * www-data /srv/tick\n* * * * * nobody /srv/tick\n"),
        ("etc/cron.d/old.bak", "nonsense\n"),
        ("etc/cron.d/.placeholder", "nonsense\n"),
    ];
    let source = Source::new(Kind::Cron, "", &files);
    let converted = source.converted();
    let names: Vec<&str> = converted.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["hourly.toml", "daily.toml", "php.toml", "tick.toml", "tick-2.toml"]);
    assert!(
        file(&converted, "hourly.toml")
            .contains("script = \"cd / && exec run-parts --report /etc/cron.hourly\"")
    );
    assert!(file(&converted, "tick-2.toml").contains("command = [\"/srv/tick\"]\nuser = \"nobody\"\n"));
    assert!(
        report(&source, &converted).contains("etc/cron.d/old.bak: old.bak: not carried; cron reads no file")
    );
}

#[test]
fn a_crontab_of_the_spool_belongs_to_the_user_that_it_is_named_after() {
    let source = Source::new(Kind::Cron, "crontabs/nobody", &[("crontabs/nobody", "@daily /srv/x\n")]);
    assert!(file(&source.converted(), "x.toml").contains("user = \"nobody\""));
}

#[test]
fn a_lone_file_has_users_when_every_line_says_root() {
    let converted = crontab("0 1 * * * root /srv/a\n@daily root /srv/b\n").converted();
    assert!(file(&converted, "a.toml").contains("command = [\"/srv/a\"]\nuser = \"root\""));
    let converted = crontab("0 1 * * * root /srv/a\n@daily /srv/b\n").converted();
    assert!(file(&converted, "b.toml").contains("command = [\"/srv/b\"]"));
    assert!(file(&converted, "root.toml").contains("command = [\"root\", \"/srv/a\"]"));
}

#[test]
fn a_broken_crontab_is_an_error_that_names_every_line() {
    let told = crontab("61 * * * * a\n* * * * *\n@dayly x\n* * * b\n0 0 30 2 * never\n").broken();
    for (line, what) in [
        (1, "cannot read the time `61 * * * *`"),
        (2, "a line of a crontab is `MINUTE HOUR DAY MONTH WEEKDAY COMMAND`"),
        (3, "`@dayly` is no time: did you mean `@daily`?"),
        (4, "a line of a crontab is"),
        (5, "its time never comes"),
    ] {
        assert!(told.contains(what) && told.contains(&format!("/crontab:{line}:1")), "{told}");
    }
    assert!(crontab("# nothing\nA=1\n").broken().contains("there is no job in"));
    assert!(Source::new(Kind::Cron, "nowhere", &[]).broken().contains("cannot read /nowhere"));
    let many = crontab(&"* * * * * a\n".repeat(5000)).broken();
    assert!(many.contains("there are more than 1000 jobs in it"), "{many}");
}

#[test]
fn three_hundred_lines_take_no_time() {
    let text: String = (0..300).map(|n| format!("{} 1 * * * /srv/job{n} x\n", n % 60)).collect();
    let begin = std::time::Instant::now();
    let converted = crontab(&format!("A=1\nSHELL=/bin/sh\nHOME=/\n{text}")).converted();
    assert_eq!(converted.files.len(), 300);
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
}

#[test]
fn what_debian_ships_is_read() {
    let mut read = 0;
    for path in ["/etc/crontab", "/etc/cron.d"] {
        if !Path::new(path).exists() {
            println!("left out: there is no {path}");
            continue;
        }
        let source = Source::new(Kind::Cron, path, &[]);
        read += source.converted().files.len();
    }
    println!("{read} jobs");
}

#[test]
fn it_runs_at_boot_and_at_its_times() {
    needs_namespace!();
    let source = crontab("@reboot echo \"up boot\" >> $EVENTS\n0 0 1 1 * echo \"up never\" >> $EVENTS\n");
    let path = source.path().to_str().unwrap();
    let mut c = Setup::new().arguments(&["run", "--import", "cron", path]).start();
    c.wait_event("up boot");
    c.terminate();
    c.expect_exit(0);
}
