//! What `[ready]`, `[health]`, `[[socket]]`, `[schedule]`, `[log]` and `[http]` mean: each key arrives, with its default.
#![allow(clippy::expect_used, clippy::panic)]

use foster::config::{ConfigFile, Loaded, Mode, Report, Request, Variables, load};
use foster::model::{
    Health, Host, Http, Id, Listen, Listener, Log, LogFile, LogFormat, OnFailure, OnFull, Overlap, Plan,
    Policy, Probe, Ready, Service, Shape, Sign, Sink, StderrTo, Stdin, Syslog, SyslogAddress,
};
use std::fs;
use std::time::Duration;

fn read(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Loaded, Report> {
    let root = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    let environment: Variables =
        environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let mut request = Request::new(vec![root.path().join("s")], None, &environment, Mode::Run);
    request.config = ConfigFile::Default(root.path().join("foster.toml"));
    load(&request)
}

fn plan(files: &[(&str, &str)]) -> Plan {
    read(files, &[]).unwrap_or_else(|report| panic!("{}", report.render(false))).plan
}

fn one(more: &str) -> Service {
    plan(&[("s/web.toml", &format!("command = 'x'\n{more}"))]).services.remove(0)
}

fn sign(more: &str) -> Sign {
    one(&format!("[ready]\n{more}")).ready.sign
}

fn errors(files: &[(&str, &str)]) -> String {
    read(files, &[]).map(|_| ()).expect_err("an error was expected").to_string()
}

fn http(host: &str, port: u16, path: &str) -> Http {
    Http {
        host: Host { host: host.into(), port },
        path: path.into(),
        method: "GET".into(),
        status: vec![(200, 399)],
        headers: Vec::new(),
        body: None,
    }
}

#[test]
fn every_sign_of_readiness_arrives() {
    let host = |host: &str, port| Host { host: host.into(), port };
    for (text, expected) in [
        ("notify = true", Sign::Notify),
        ("notify = false", Sign::Exec),
        ("fd = 3", Sign::Fd(3)),
        ("tcp = 'LOCALHOST:80'", Sign::Probe(Probe::Tcp(host("localhost", 80)))),
        ("tcp = '[::1]:5432'", Sign::Probe(Probe::Tcp(host("::1", 5432)))),
        ("unix = '@x'", Sign::Probe(Probe::Unix("@x".into()))),
        ("exec = 'pg_isready -q'", Sign::Probe(Probe::Exec(vec!["pg_isready".into(), "-q".into()]))),
        ("file = '/run/x'", Sign::File("/run/x".into())),
        ("log = 'up [0-9]+'", Sign::Log("up [0-9]+".into())),
        ("delay = '2s'", Sign::Delay(Duration::from_secs(2))),
    ] {
        assert_eq!(sign(text), expected, "{text}");
    }
    assert_eq!(one("").ready, Ready::default());
    let ready = one("[ready]\ntcp = '1.2.3.4:5'\ninterval = '1s'\ntimeout = '5m'").ready;
    assert_eq!((ready.interval, ready.timeout), (Duration::from_secs(1), Duration::from_secs(300)));
}

#[test]
fn a_url_is_taken_apart_and_has_the_usual_defaults() {
    for (url, expected) in [
        ("http://127.0.0.1/x?y=%20", http("127.0.0.1", 80, "/x?y=%20")),
        ("HTTP://[::1]:8080", http("::1", 8080, "/")),
        ("http://localhost:81?a", http("localhost", 81, "/?a")),
    ] {
        assert_eq!(sign(&format!("http = '{url}'")), Sign::Probe(Probe::Http(expected)), "{url}");
    }
    let all = "http = 'http://[::1]/'\nmethod = 'POST'\nstatus = [204, '300-302']\nbody = 'ok'\nheaders = {Host = 'a', X = ' b '}";
    let expected = Http {
        method: "POST".into(),
        status: vec![(204, 204), (300, 302)],
        headers: vec![("Host".into(), "a".into()), ("X".into(), "b".into())],
        body: Some("ok".into()),
        ..http("::1", 80, "/")
    };
    assert_eq!(sign(all), Sign::Probe(Probe::Http(expected)));
    assert!(
        matches!(sign("http = 'http://[::1]/'\nstatus = 204"), Sign::Probe(Probe::Http(h)) if h.status == [(204, 204)])
    );
    for url in [
        "https://[::1]/",
        "http://",
        "http:///x",
        "http://a.example/",
        "http://u:p@[::1]/",
        "http://[::1]/#x",
        "[::1]/",
        "http://[::1]:0/",
        "http://[::1]:/",
        "http://[::1/",
        "http://::1/",
        "http://[::1]x/",
        "http://[::1]/ä",
        "http://[1.2.3.4]/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:+1/",
        "http://[::1]/a b",
    ] {
        let found = read(&[("s/a.toml", &format!("command = 'x'\n[ready]\nhttp = \"{url}\""))], &[]);
        assert!(found.is_err(), "{url}");
    }
}

#[test]
fn a_drop_in_takes_the_sign_of_the_file_away_and_may_give_another() {
    let base = "command = 'x'\n[ready]\nhttp = 'http://[::1]/'\nstatus = 204\ntimeout = '5s'\n[health]\nhttp = 'http://[::1]/'\nmethod = 'POST'";
    let over = |text: &str| {
        let mut plan = plan(&[("s/web.toml", base), ("s/web.d/1.toml", text)]);
        plan.services.remove(0)
    };
    let service = over("[ready]\ntcp = '[::1]:1'\n[health]\nunix = '/x'");
    assert!(matches!(service.ready.sign, Sign::Probe(Probe::Tcp(_))));
    assert_eq!(service.ready.timeout, Duration::from_secs(5), "what still means something stays");
    assert_eq!(service.health.probe, Some(Probe::Unix("/x".into())));
    assert_eq!(over("[ready]\nnotify = false").ready.sign, Sign::Exec);
    assert_eq!(over("[ready]\nnotify = true").ready.sign, Sign::Notify);
    let text = errors(&[("s/web.toml", base), ("s/web.d/1.toml", "[ready]\ntcp = '[::1]:1'\nstatus = 200")]);
    assert!(text.contains("1.toml:3:1: `ready.status` without `ready.http`"), "{text}");
}

#[test]
fn health_has_its_defaults_and_every_key_arrives() {
    assert_eq!(one("").health, Health::default());
    let health = one(
        "[health]\nexec = ['a']\ninterval = '1s'\ntimeout = '2s'\nfailures = 1\ngrace = '0'\nwatchdog = '30s'\non-failure = 'none'",
    )
    .health;
    let expected = Health {
        probe: Some(Probe::Exec(vec!["a".into()])),
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(2),
        failures: 1,
        grace: Some(Duration::ZERO),
        on_failure: OnFailure::None,
        watchdog: Some(Duration::from_secs(30)),
    };
    assert_eq!(health, expected);
    let late = one("[ready]\nnotify = true\n[health]\non-failure = 'shutdown'").health;
    assert_eq!(late.on_failure, OnFailure::Shutdown, "it may not be ready in time");
}

#[test]
fn every_address_of_a_socket_arrives() {
    let listen = |text: &str| one(&format!("[[socket]]\nlisten = '{text}'")).sockets.remove(0).listen;
    for (text, expected) in [
        ("80", Listen::Tcp("[::]:80".parse().expect("an address"))),
        (":80", Listen::Tcp("[::]:80".parse().expect("an address"))),
        ("127.0.0.1:80", Listen::Tcp("127.0.0.1:80".parse().expect("an address"))),
        ("[::1]:80", Listen::Tcp("[::1]:80".parse().expect("an address"))),
        ("udp:53", Listen::Udp("[::]:53".parse().expect("an address"))),
        ("udp:0.0.0.0:53", Listen::Udp("0.0.0.0:53".parse().expect("an address"))),
        ("/run/x", Listen::Unix("/run/x".into())),
        ("@x", Listen::Unix("@x".into())),
        ("unixgram:/run/x", Listen::UnixDatagram("/run/x".into())),
    ] {
        assert_eq!(listen(text), expected, "{text}");
    }
}

#[test]
fn a_socket_has_its_defaults_and_every_key_arrives() {
    let plain = one("[[socket]]\nlisten = '/x'").sockets.remove(0);
    let expected = Listener {
        name: "web".into(),
        listen: Listen::Unix("/x".into()),
        mode: None,
        user: None,
        group: None,
        backlog: 4096,
        reuse_port: false,
    };
    assert_eq!(plain, expected);
    let service = one(
        "on-demand = true\nfd-store = 5\n[[socket]]\nname = 'a'\nlisten = '/x'\nmode = '0640'\nuser = 'u'\ngroup = 5\nbacklog = 7\n\
         [[socket]]\nlisten = '81'\nreuse-port = true",
    );
    assert!(service.on_demand);
    assert_eq!(service.restart.policy, Policy::OnFailure, "it may end when it has nothing to do");
    assert_eq!(service.fd_store, 5);
    let first = &service.sockets[0];
    assert_eq!((first.name.as_str(), first.mode, first.backlog), ("a", Some(0o640), 7));
    assert_eq!((first.user.as_deref(), first.group.as_deref()), (Some("u"), Some("5")));
    assert!(service.sockets[1].reuse_port);
}

#[test]
fn instances_have_sockets_of_their_own_or_share_a_port() {
    let services = plan(&[(
        "s/web.toml",
        "command = 'x'\ninstances = 2\n[[socket]]\nlisten = '/run/{instance}.sock'\n[[socket]]\nlisten = '80'\nreuse-port = true",
    )])
    .services;
    assert_eq!(services[1].sockets[0].listen, Listen::Unix("/run/2.sock".into()));
    assert_eq!(services[1].sockets[0].name, "web", "one name for all of them");
}

#[test]
fn sockets_that_are_in_each_others_way_are_errors_and_others_are_not() {
    let two = |a: &str, b: &str| {
        let file = |listen: &str| format!("command = 'x'\n[[socket]]\nlisten = '{listen}'");
        read(&[("s/a.toml", &file(a)), ("s/b.toml", &file(b))], &[]).is_ok()
    };
    for (a, b) in [
        ("80", "80"),
        ("80", "0.0.0.0:80"),
        ("0.0.0.0:80", "127.0.0.1:80"),
        ("[::1]:80", "80"),
        ("udp:80", "udp:1.2.3.4:80"),
        ("/x", "/x"),
        ("/x", "unixgram:/x"),
    ] {
        assert!(!two(a, b), "{a} and {b}");
    }
    for (a, b) in [
        ("80", "81"),
        ("80", "udp:80"),
        ("127.0.0.1:80", "127.0.0.2:80"),
        ("0.0.0.0:80", "[::1]:80"),
        ("/x", "@/x"),
    ] {
        assert!(two(a, b), "{a} and {b}");
    }
}

#[test]
fn a_schedule_has_its_defaults_and_every_key_arrives() {
    let files = [(
        "s/job.toml",
        "type = 'oneshot'\ncommand = 'x'\n[schedule]\ncron = '*/5 * * * *'\noverlap = 'queue'\nrun-at-start = true\ntimezone = 'EST5'",
    )];
    let service = plan(&files).services.remove(0);
    assert!(!service.essential, "a run that fails is not the end of the container");
    let schedule = service.schedule.expect("a schedule");
    assert_eq!((schedule.cron.as_str(), schedule.timezone.as_deref()), ("*/5 * * * *", Some("EST5")));
    assert_eq!((schedule.overlap, schedule.run_at_start), (Overlap::Queue, true));
    let service = plan(&[(
        "s/job.toml",
        "type = 'oneshot'\ncommand = 'x'\nessential = true\n[schedule]\ncron = '@daily'",
    )])
    .services
    .remove(0);
    assert!(service.essential);
    let schedule = service.schedule.expect("a schedule");
    assert_eq!((schedule.timezone, schedule.overlap, schedule.run_at_start), (None, Overlap::Skip, false));
}

#[test]
fn instances_that_run_side_by_side_are_a_pool_of_the_first() {
    let job = |overlap: &str| {
        format!(
            "type = 'oneshot'\ncommand = 'x'\ninstances = 3\n[schedule]\ncron = '@daily'\noverlap = '{overlap}'"
        )
    };
    let pools = |overlap: &str| -> Vec<Vec<Id>> {
        let plan = plan(&[
            ("s/a.toml", "command = 'x'"),
            ("s/job.toml", &job(overlap)),
            ("s/z.toml", "command = 'x'"),
        ]);
        plan.services
            .into_iter()
            .filter_map(|service| service.schedule)
            .map(|schedule| schedule.pool)
            .collect()
    };
    assert_eq!(pools("allow"), [vec![Id(1), Id(2), Id(3)], vec![], vec![]]);
    assert_eq!(pools("skip"), [vec![], vec![], vec![]]);
}

#[test]
fn the_pages_are_where_the_variable_or_the_file_says() {
    let files = |listen: &str| format!("[http]\nlisten = '{listen}'");
    let http = |listen: &str, variable: &str| {
        let text = files(listen);
        let files = [("s/web.toml", "command = 'x'"), ("foster.toml", text.as_str())];
        let files = if listen.is_empty() { &files[..1] } else { &files[..] };
        read(files, &[("FOSTER_HTTP_LISTEN", variable)])
            .map(|loaded| loaded.plan.settings.http.map(|address| address.to_string()))
            .map_err(|report| report.to_string())
    };
    let at = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(http("", ""), Ok(None));
    assert_eq!(http("127.0.0.1:9102", ""), at("127.0.0.1:9102"));
    assert_eq!(http(":9102", ""), at("[::]:9102"));
    assert_eq!(http("9102", "[::1]:80"), at("[::1]:80"));
    assert_eq!(http("9102", "none"), Ok(None));
    assert_eq!(http("none", ""), Ok(None));
    assert!(http("", "http").is_err() && http("localhost:1", "").is_err());
}

#[test]
fn a_reload_may_be_answered_by_the_service_itself() {
    let reload = one("[reload]\nnotify = true\ntimeout = '1s'\nsignal = 'USR1'").reload;
    assert!(reload.notify);
    assert_eq!(reload.timeout, Duration::from_secs(1));
}

fn log(more: &str) -> Log {
    one(more).log
}

#[test]
fn every_key_of_a_log_arrives_with_its_default() {
    assert_eq!(log(""), Log::default());
    let json = LogFormat { shape: Shape::Json, timestamps: false };
    let timed = LogFormat { shape: Shape::Prefix, timestamps: true };
    let found = log("[log]\nto = 'null'\nstderr = 'null'\nmemory = 0");
    let null = Log { to: vec![Sink::Null], stderr: StderrTo::Null, memory: 0, ..Log::default() };
    assert_eq!(found, null);
    let found = log(
        "[log]\nto = ['console', 'file']\nformat = 'json'\nstderr = 'stdout'\non-full = 'drop'\nmemory = '1MiB'\n[log.file]\npath = '/a'",
    );
    let file = LogFile { format: json, ..LogFile::new("/a") };
    let expected = Log {
        to: vec![Sink::Console, Sink::File(file)],
        stderr: StderrTo::Stdout,
        format: json,
        on_full: OnFull::Drop,
        memory: 1 << 20,
    };
    assert_eq!(found, expected);
    let found = log(
        "[log]\nto = 'file'\nformat = 'json'\n[log.file]\npath = '/a/./b'\nstderr-path = '/c'\nformat = 'prefix'\ntimestamps = true\nmax-size = '1kB'\nmax-age = '1d'\nkeep = 0\nmode = '600'",
    );
    let expected = LogFile {
        path: "/a/b".into(),
        stderr_path: Some("/c".into()),
        format: timed,
        max_size: Some(1000),
        max_age: Some(Duration::from_secs(86_400)),
        keep: 0,
        compress: false,
        mode: 0o600,
    };
    assert_eq!(found.to, [Sink::File(expected)]);
    let found = log(
        "[log]\nto = 'file'\n[log.file]\npath = '/a'\nmax-size = 'unlimited'\nmax-age = '1h'\ncompress = true",
    );
    let Some(Sink::File(file)) = found.to.first() else { panic!("{found:?}") };
    assert_eq!((file.max_size, file.compress, file.keep), (None, true, 5));
    let syslog = |address, facility, tag: &str| Sink::Syslog(Syslog { address, facility, tag: tag.into() });
    let local = SyslogAddress::Unix("/dev/log".into());
    assert_eq!(log("[log]\nto = 'syslog'").to, [syslog(local, 3, "web")]);
    let found = log(
        "[log]\nto = ['syslog']\n[log.syslog]\naddress = 'udp:[::1]:514'\nfacility = 'local7'\ntag = 'x'",
    );
    assert_eq!(found.to, [syslog(SyslogAddress::Udp("[::1]:514".parse().expect("an address")), 23, "x")]);
}

#[test]
fn a_logger_is_wanted_by_who_writes_to_it_and_reads_a_pipe() {
    let plan = plan(&[
        ("s/a.toml", "command = 'x'\ninstances = 2\n[log]\nto = ['console', 'service:logger@{instance}']"),
        ("s/logger.toml", "command = 'x'\ninstances = 2"),
    ]);
    let [one, two, logger, _] = plan.services.as_slice() else { panic!("{plan:?}") };
    assert_eq!(
        (one.log.to.as_slice(), one.wants.as_slice()),
        (&[Sink::Console, Sink::Service(Id(2))][..], &[Id(2)][..])
    );
    assert_eq!(two.wants, [Id(3)]);
    assert!(logger.logger && !one.logger);
    assert_eq!(logger.exec.as_ref().map(|exec| &exec.stdin), Some(&Stdin::Null));
}

#[test]
fn settings_say_how_lines_look_where_a_service_does_not() {
    let files = [
        ("foster.toml", "[log]\nformat = 'raw'\ntimestamps = true"),
        ("s/a.toml", "command = 'x'"),
        ("s/b.toml", "command = 'x'\n[log]\nformat = 'json'"),
        ("s/c.toml", "command = 'x'\n[log]\nto = 'file'\ntimestamps = false\n[log.file]\npath = '/c'"),
    ];
    let shapes = |variables: &[(&str, &str)]| {
        let plan = read(&files, variables).unwrap_or_else(|report| panic!("{}", report.render(false))).plan;
        let formats = plan.services.iter().map(|service| service.log.format);
        formats.map(|format| (format.shape, format.timestamps)).collect::<Vec<_>>()
    };
    assert_eq!(shapes(&[]), [(Shape::Raw, true), (Shape::Json, true), (Shape::Raw, false)]);
    let variables = [("FOSTER_LOG_FORMAT", "prefix"), ("FOSTER_LOG_TIMESTAMPS", "false")];
    assert_eq!(shapes(&variables), [(Shape::Prefix, false), (Shape::Json, false), (Shape::Prefix, false)]);
}

#[test]
fn services_may_share_a_file_that_they_say_the_same_of() {
    let toml = |more: &str| format!("command = 'x'\n[log]\nto = 'file'\n[log.file]\npath = '/a'\n{more}");
    let both = |one: &str, other: &str| {
        let (one, other) = (toml(one), toml(other));
        read(&[("s/a.toml", one.as_str()), ("s/b.toml", other.as_str())], &[]).is_ok()
    };
    assert!(both("keep = 3", "keep = 3\nformat = 'json'"));
    assert!(!both("keep = 3", "keep = 4"));
}

#[test]
fn a_drop_in_may_lead_output_elsewhere() {
    let base = "command = 'x'\n[log]\nto = 'file'\nformat = 'json'\n[log.file]\npath = '/a'";
    let plan = plan(&[("s/web.toml", base), ("s/web.d/here.toml", "[log]\nto = 'inherit'")]);
    assert_eq!(plan.services[0].log.to, [Sink::Inherit]);
}
