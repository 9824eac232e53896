//! Claims about the import of directories of systemd units, which start, want and order each other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;

use foster::config::import::Kind;
use import_room::{Source, file, report};
use std::path::Path;

fn names(converted: &foster::config::import::Converted) -> Vec<&str> {
    converted.files.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn units_of_a_directory_wait_for_each_other() {
    let files = [
        ("db.service", "[Service]\nExecStart=/bin/db\n[Install]\nWantedBy=multi-user.target\n"),
        (
            "schema.service",
            "[Unit]\nRequires=db.service\nAfter=db.service\n[Service]\nType=oneshot\nExecStart=/bin/migrate\n",
        ),
        (
            "web.service",
            "[Unit]\nRequires=schema.service\nAfter=schema.service network-online.target\nWants=network-online.target cache.service\n\
             BindsTo=db.service\nAfter=db.service\nConditionPathExists=!/etc/off\nConditionEnvironment=WEB\nConditionFileNotEmpty=/x\n\
             PartOf=db.service\n[Service]\nExecStart=/bin/web\nRestart=on-failure\n[Install]\nWantedBy=shop.target\n",
        ),
        ("shop.target", "[Unit]\nDescription=All\nRequires=db.service\nAfter=db.service\n"),
        ("web.service.d/10-more.conf", "[Service]\nExecStart=\nExecStart=/bin/web2\nEnvironment=A=1\n"),
        ("multi-user.target", "[Unit]\nDescription=x\n"),
        ("readme", "x"),
    ];
    let source = Source::new(Kind::Systemd, "", &files);
    let converted = source.converted();
    assert_eq!(names(&converted), ["db.toml", "schema.toml", "shop.toml", "web.toml"]);
    let web = file(&converted, "web.toml");
    for text in [
        "command = [\"/bin/web2\"]",
        "requires = [\"schema\"]",
        "restart-with = [\"db\"]",
        "wanted-by = [\"shop\"]",
        "path = [\"!/etc/off\"]",
        "env = [\"WEB\"]",
        "command = [\"test\", \"-s\", \"/x\"]",
    ] {
        assert!(web.contains(text), "{text}: {web}");
    }
    assert!(file(&converted, "shop.toml").contains("type = \"target\""));
    let report = report(&source, &converted);
    for text in [
        "web.service:12: [Service] ExecStart: exact -> overridden below",
        "[Unit] Wants: approximated; cache.service is not in the import",
        "[Unit] PartOf: not carried; ",
        "readme: readme: not carried; it is no unit",
        "schema.service: schema.service: approximated -> schema: enabled; nothing of the import starts it",
    ] {
        assert!(report.contains(text), "{text}:\n{report}");
    }
}

#[test]
fn a_service_with_a_socket_starts_on_demand_unless_it_is_started_anyway() {
    let files = [
        ("echo.service", "[Service]\nExecStart=/bin/echo-server\n"),
        (
            "echo.socket",
            "[Socket]\nListenStream=7000\nListenStream=/run/echo.sock\nSocketMode=0660\nNoDelay=yes\n[Install]\nWantedBy=sockets.target\n",
        ),
        (
            "log.service",
            "[Unit]\nRequires=log.socket\n[Service]\nExecStart=/bin/log\n[Install]\nWantedBy=multi-user.target\n",
        ),
        ("log.socket", "[Socket]\nListenDatagram=514\nListenDatagram=/run/log\n"),
        ("lost.socket", "[Socket]\nListenStream=1\n"),
    ];
    let source = Source::new(Kind::Systemd, "", &files);
    let converted = source.converted();
    assert_eq!(
        file(&converted, "echo.toml"),
        "command = [\"/bin/echo-server\"]\non-demand = true\n\n[restart]\npolicy = \"never\"\n\n[[socket]]\nlisten = \"7000\"\n\n\
         [[socket]]\nlisten = \"/run/echo.sock\"\nmode = \"660\"\n"
    );
    let log = file(&converted, "log.toml");
    assert!(
        log.contains("\"udp:514\"") && log.contains("\"unixgram:/run/log\"") && !log.contains("on-demand"),
        "{log}"
    );
    let report = report(&source, &converted);
    assert!(
        report.contains("[Socket] NoDelay: not carried; ") && report.contains("lost.socket: not carried; "),
        "{report}"
    );
}

#[test]
fn a_timer_is_the_schedule_of_its_service() {
    let files = [
        ("backup.service", "[Service]\nType=oneshot\nExecStart=/bin/backup\n"),
        (
            "backup.timer",
            "[Timer]\nOnCalendar=Mon..Fri 03:30\nPersistent=true\nRandomizedDelaySec=1h\n[Install]\nWantedBy=timers.target\n",
        ),
        ("sweep.service", "[Service]\nExecStart=/bin/sweep\n"),
        ("sweep.timer", "[Timer]\nOnBootSec=1min\nOnUnitActiveSec=15min\n"),
    ];
    let source = Source::new(Kind::Systemd, "", &files);
    let converted = source.converted();
    assert_eq!(
        file(&converted, "backup.toml"),
        "type = \"oneshot\"\ncommand = [\"/bin/backup\"]\n\n[schedule]\ncron = \"30 3 * * mon-fri\"\n"
    );
    assert_eq!(
        file(&converted, "sweep.toml"),
        "type = \"oneshot\"\ncommand = [\"/bin/sweep\"]\n\n[schedule]\ncron = \"*/15 * * * *\"\nrun-at-start = true\n"
    );
    // The timer brings its service with it.
    let one = Source::new(Kind::Systemd, "backup.timer", &files);
    assert_eq!(names(&one.converted()), ["backup.toml"]);
}

#[test]
fn instances_of_templates_are_those_that_something_names() {
    let template =
        "[Unit]\nDescription=Worker %i\n[Service]\nExecStart=/bin/work --queue %I --%%\nPIDFile=/run/%p-%i\n";
    let files = [
        ("work@.service", template),
        ("multi-user.target.wants/work@mail-high.service", template),
        ("all.target", "[Unit]\nWants=work@low.service\nAfter=work@low.service\n"),
        ("work@low.service.d/nice.conf", "[Service]\nNice=5\n"),
    ];
    let source = Source::new(Kind::Systemd, "", &files);
    let converted = source.converted();
    assert_eq!(names(&converted), ["all.toml", "work-low.toml", "work-mail-high.toml"]);
    assert!(
        file(&converted, "work-mail-high.toml").contains("\"--queue\", \"mail/high\", \"--%\""),
        "{converted:#?}"
    );
    assert!(file(&converted, "work-low.toml").contains("nice = 5"));
    let one = Source::new(Kind::Systemd, "work@7.service", &files);
    assert!(file(&one.converted(), "work-7.toml").contains("description = \"Worker 7\""));
    let none = Source::new(Kind::Systemd, "work@.service", &files);
    assert!(none.broken().contains("work@.service is a template: name an instance, such as work@1.service"));
}

#[test]
fn units_that_name_each_other_are_read_once() {
    let files = [
        ("a@.service", "[Unit]\nWants=a@%i.service a@x.service a@y.service\n[Service]\nExecStart=/a %i\n"),
        (
            "b.service",
            "[Unit]\nRequires=c.service\n[Service]\nExecStart=/b\n[Install]\nWantedBy=multi-user.target\n",
        ),
        ("c.service", "[Unit]\nAfter=b.service\nWants=b.service\n[Service]\nExecStart=/c\n"),
    ];
    let growing = [("g@.service", "[Unit]\nWants=g@%ii.service\n[Service]\nExecStart=/a %i\n")];
    let source = Source::new(Kind::Systemd, "a@x.service", &files);
    // x and y want each other; that is a circle which foster shows as its path.
    let _ = foster::config::import::convert(
        &foster::config::import::Import { kind: Kind::Systemd, path: source.path().to_owned() },
        &foster::config::Variables::new(),
    );
    // Until its name is too long for a file.
    let growing = Source::new(Kind::Systemd, "g@1.service", &growing);
    assert!((200..300).contains(&growing.converted().files.len()));
    let both = Source::new(Kind::Systemd, "", &files);
    assert_eq!(names(&both.converted()), ["b.toml", "c.toml"]);
}

#[test]
fn the_whole_directory_of_debian_becomes_services_that_can_be_checked() {
    let path = Path::new("/lib/systemd/system");
    if !path.exists() {
        println!("left out: there is no {}", path.display());
        return;
    }
    let source = Source::new(Kind::Systemd, path.to_str().unwrap(), &[]);
    let converted = source.converted();
    let names = names(&converted);
    println!("{} services: {names:?}", names.len());
    assert!(names.iter().all(|name| !name.starts_with("systemd-")), "{names:?}");
    let report = report(&source, &converted);
    assert!(
        !report.contains("system/systemd-logind.service: ") || report.contains("or part of systemd itself")
    );
}

#[test]
fn several_times_are_one_schedule_where_one_expression_says_them() {
    let service = "[Service]\nType=notify\nExecStart=/bin/x\n";
    let files = [
        ("a.service", service),
        ("a.timer", "[Timer]\nOnCalendar=06:00\nOnCalendar=18:00\nOnCalendar=12:30\n"),
        ("b.service", service),
        ("b.timer", "[Timer]\nOnCalendar=2030-01-01\n"),
        ("c.service", "[Service]\nExecStart=/bin/x\n"),
        ("c.timer", "[Timer]\nOnBootSec=1min\n"),
    ];
    let source = Source::new(Kind::Systemd, "", &files);
    let converted = source.converted();
    assert!(file(&converted, "a.toml").contains("cron = \"0 6,18 * * *\""), "{converted:#?}");
    // What is meant for one day in ten years does not run at boot.
    assert!(file(&converted, "b.toml").contains("enabled = false"), "{converted:#?}");
    assert_eq!(file(&converted, "c.toml"), "command = [\"/bin/x\"]\n\n[restart]\npolicy = \"never\"\n");
    let report = report(&source, &converted);
    assert!(
        report.contains("a.timer:4: [Timer] OnCalendar: not carried; a service has one schedule"),
        "{report}"
    );
    assert!(report.contains("a.service:2: [Service] Type: approximated -> a: type"), "{report}");
}

#[test]
fn what_there_can_be_one_of_goes_to_what_starts_first() {
    let install = "[Install]\nWantedBy=multi-user.target\n";
    let shell =
        format!("[Unit]\nSuccessAction=exit\n[Service]\nExecStart=/bin/sh\nStandardInput=tty\n{install}");
    let off = "[Unit]\nSuccessAction=exit\n[Service]\nStandardInput=tty\n";
    let files = [
        ("a.service", off),
        ("b.service", shell.as_str()),
        ("c.service", shell.as_str()),
        ("systemd-x.service", off),
        ("printer.target", "[Unit]\n"),
        ("lines.target", "[Unit]\nWants=b.service\n"),
    ];
    let source = Source::new(Kind::Systemd, "", &files);
    let converted = source.converted();
    assert_eq!(names(&converted), ["a.toml", "b.toml", "c.toml", "lines.toml"]);
    for (name, has) in [("a.toml", false), ("b.toml", true), ("c.toml", false)] {
        // The main service has the terminal anyway.
        let text = file(&converted, name);
        assert_eq!((text.contains("main = true"), text.contains("tty = true")), (has, false), "{text}");
    }
    let report = report(&source, &converted);
    for text in [
        "a.service:2: [Unit] SuccessAction: not carried; nothing of the import starts it",
        "c.service:2: [Unit] SuccessAction: not carried; the container ends with one service",
        "c.service:5: [Service] StandardInput: not carried; the container has one terminal, and b has it",
        "systemd-x.service: systemd-x.service: not carried; it is for the boot of a machine",
        "printer.target: printer.target: exact",
    ] {
        assert!(report.contains(text), "{text}:\n{report}");
    }
}
