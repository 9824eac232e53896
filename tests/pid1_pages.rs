//! Claims about the pages that probes and Prometheus read: what each says in every state, and that nobody who reads them can
//! do any harm.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use support::{Container, PATIENCE, PROMPT, Setup, eventually, needs_namespace, pause, serve, sh};

/// An address where nobody listens.
fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

fn pages(address: SocketAddr) -> Setup {
    Setup::new().config(&format!("[http]\nlisten = \"{address}\"\n"))
}

#[derive(Debug)]
struct Page {
    status: u16,
    head: String,
    body: String,
}

impl Page {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let end = Instant::now() + PATIENCE;
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                return stream;
            }
            Err(error) => assert!(Instant::now() < end, "cannot connect to {address}: {error}"),
        }
        pause(Duration::from_millis(5));
    }
}

fn ask(address: SocketAddr, method: &str, path: &str, fields: &str) -> Page {
    let mut stream = connect(address);
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{fields}\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap();
    Page { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

fn get(address: SocketAddr, path: &str) -> Page {
    ask(address, "GET", path, "")
}

#[track_caller]
fn expect(address: SocketAddr, path: &str, status: u16, body: &str) {
    let page = get(address, path);
    assert!(
        page.status == status && page.body.contains(body),
        "{path}: {status} {body:?} expected: {page:?}"
    );
}

#[track_caller]
fn until(c: &Container, address: SocketAddr, path: &str, status: u16) {
    c.check(
        eventually(PATIENCE, || get(address, path).status == status),
        &format!("{path} is never {status}"),
    );
}

/// A oneshot that goes on when the test says so.
fn gate() -> String {
    format!("type = \"oneshot\"\n{}", sh("echo up gate >> $EVENTS; cat $DIRECTORY/door"))
}

#[test]
fn every_page_tells_what_is_from_the_boot_to_the_end() {
    needs_namespace!();
    let address = free();
    let mut c = pages(address)
        .prelude("mkfifo $DIRECTORY/door")
        .service("gate", gate())
        .service("web", serve("web", &["delay=4000"]) + "requires = [\"gate\"]\n")
        .start();
    c.wait_event("up gate");
    expect(address, "/livez", 200, "alive\n");
    expect(address, "/", 200, "/metrics");
    for (path, words) in [("/readyz", "not ready"), ("/startupz", "not started"), ("/healthz", "not healthy")]
    {
        expect(address, path, 503, &format!("{words}: 2 of 2 services\n  gate: starting\n  web: waiting"));
    }
    expect(address, "/services/web", 503, "web: waiting\n");
    expect(address, "/services/nobody", 404, "there is no such service\n");
    c.check(get(address, "/metrics").body.contains("foster_ready 0"), "it is ready before it is");

    fs::write(c.path("door"), "").unwrap();
    c.wait_event("up web");
    until(&c, address, "/readyz", 200);
    expect(address, "/readyz", 200, "ready\n");
    expect(address, "/startupz", 200, "started\n");
    expect(address, "/healthz", 200, "healthy\n");
    expect(address, "/services/web", 200, "web: ready\n");
    expect(address, "/services/gate", 200, "gate: done\n");

    c.kill("web", libc::SIGSTOP);
    c.terminate();
    until(&c, address, "/readyz", 503);
    expect(address, "/livez", 200, "alive\n");
    expect(address, "/readyz", 503, "the container is stopping\n");
    expect(address, "/healthz", 503, "the container is stopping\n");
    expect(address, "/startupz", 200, "started\n");
    until(&c, address, "/services/web", 503);
    c.expect_exit(0);
    assert!(TcpStream::connect(address).is_err(), "somebody still listens");
}

#[test]
fn one_service_that_failed_is_named_with_the_reason() {
    needs_namespace!();
    let address = free();
    let fails = sh("exit 3") + "essential = false\n[restart]\npolicy = \"never\"\n";
    let mut c = pages(address)
        .service("bad", fails)
        .service("good", serve("good", &[]))
        .service("pair", "instances = 2\n".to_owned() + &serve("pair", &[]))
        .start();
    c.wait_events("up pair", 2);
    until(&c, address, "/services/good", 200);
    until(&c, address, "/services/pair", 200);
    c.wait_line(&["bad", "exited with code 3"]);
    expect(address, "/readyz", 503, "not ready: 1 of 4 services\n  bad: failed, exited with code 3\n");
    expect(address, "/services/bad", 503, "bad: failed\n");
    expect(address, "/services/pair", 200, "pair@1: ready\npair@2: ready\n");
    expect(address, "/services/pair%402", 200, "pair@2: ready\n");
    expect(address, "/startupz", 503, "not started");

    let page = ask(address, "GET", "/readyz", "accept: application/json\r\n");
    let json = page.json();
    assert!(page.head.contains("application/json") && page.status == 503, "{page:?}");
    assert_eq!((&json["healthy"], &json["unhealthy"][0]["service"]), (&false.into(), &"bad".into()));
    c.stop_within(PROMPT);
}

#[test]
fn a_schedule_that_runs_makes_nobody_unready() {
    needs_namespace!();
    let address = free();
    let job = format!("type = \"oneshot\"\n{}", serve("job", &[]));
    let mut c = pages(address)
        .service("job", job + "[schedule]\ncron = \"0 0 1 1 *\"\nrun-at-start = true\n")
        .service("web", serve("web", &[]))
        .start();
    c.wait_event("up job");
    c.wait_event("up web");
    until(&c, address, "/readyz", 200);
    expect(address, "/services/job", 200, "job: starting\n");
    assert_eq!(c.get("/v1/health").status, 200, "the healthcheck is of another opinion");
    let text = get(address, "/metrics").body;
    assert!(text.contains("foster_service_next_run_seconds{service=\"job\"} 1"), "{text}");
    c.stop_within(PROMPT);
}

#[test]
fn the_pages_can_only_be_read() {
    needs_namespace!();
    let address = free();
    let mut c = pages(address).service("web", serve("web", &[])).start();
    c.wait_event("up web");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let page = ask(address, method, "/livez", "content-length: 0\r\n");
        assert!(page.status == 405 && page.head.contains("allow: get, head"), "{page:?}");
    }
    for path in ["/v1/status", "/v1/logs", "/v1/shutdown", "/livez/", "/services", "/..", "/%2e%2e"] {
        assert_eq!(get(address, path).status, 404, "{path}");
    }
    assert_eq!(ask(address, "POST", "/v1/shutdown", "content-length: 0\r\n").status, 404);
    let head = ask(address, "HEAD", "/livez", "");
    assert!(
        head.status == 200 && head.body.is_empty() && head.head.contains("content-length: 6"),
        "{head:?}"
    );
    assert_eq!(get(address, "/livez?verbose").status, 200);
    c.check(!c.events().contains(&"term web".to_owned()), "somebody has stopped it");
    c.stop_within(PROMPT);
}

/// One series of figures: its name, its labels, its value.
type Series = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Reads figures as strictly as a scraper may: every family has its help and type before its series and comes once, names and
/// labels have their letters, values are numbers, no series comes twice.
fn figures(text: &str, suffixed: bool) -> (BTreeMap<String, String>, Series) {
    let (mut types, mut series) = (BTreeMap::new(), Series::new());
    let (mut help, mut family) = (String::new(), String::new());
    let name_is_good = |name: &str| {
        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    for line in text.lines() {
        assert_ne!(line, "# EOF", "not at the end");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split(' ').next().unwrap().to_owned();
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, help, "a type without its help");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} comes twice");
            family = name.to_owned();
            continue;
        }
        let (name, rest) =
            line.split_at(line.find(['{', ' ']).unwrap_or_else(|| panic!("no series: {line}")));
        let kind = types.get(&family).map(String::as_str);
        let expected = match kind {
            Some("counter") if suffixed => format!("{family}_total"),
            Some("info") if suffixed => format!("{family}_info"),
            Some("counter" | "gauge") => family.clone(),
            other => panic!("{line}: type {other:?}"),
        };
        assert!(name == expected && name_is_good(name), "{line} in the family {family}");
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.split_once("} ").unwrap_or_else(|| panic!("{line}")),
            None => ("", &rest[1..]),
        };
        let pair = |part: &str| {
            let (name, value) = part.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(name_is_good(name), "{line}");
            (name.to_owned(), value.strip_suffix('"').unwrap_or_else(|| panic!("{line}")).to_owned())
        };
        let labels: BTreeMap<String, String> =
            labels.split(',').filter(|part| !part.is_empty()).map(pair).collect();
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(series.insert((name.to_owned(), labels), value).is_none(), "{line} comes twice");
    }
    (types, series)
}

#[track_caller]
fn value(series: &Series, name: &str, labels: &[(&str, &str)]) -> f64 {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let key = (name.to_owned(), labels);
    *series.get(&key).unwrap_or_else(|| panic!("no {key:?}"))
}

#[test]
fn the_figures_are_those_of_the_tree_in_both_formats() {
    needs_namespace!();
    let address = free();
    let talker = sh("echo one; echo two; printf three >&2; echo said >> $EVENTS; exec sleep 1000");
    let mut c = pages(address).service("talker", talker).service("web", serve("web", &[])).start();
    c.wait_event("up web");
    c.wait_event("said");
    c.kill("web", libc::SIGKILL);
    c.wait_events("up web", 2);
    until(&c, address, "/readyz", 200);

    let page = get(address, "/metrics");
    assert!(page.head.contains("content-type: text/plain; version=0.0.4"), "{}", page.head);
    // A second may end between two.
    let same = || get(address, "/metrics").body == get(address, "/metrics").body;
    c.check((0..5).any(|_| same()), "it is rendered more than once in a second");
    let settled = || {
        let (_, series) = figures(&get(address, "/metrics").body, false);
        value(&series, "foster_service_restarts_total", &[("service", "web")]) == 1.0
            && value(&series, "foster_log_bytes_total", &[("service", "talker"), ("stream", "stdout")]) == 8.0
            && value(&series, "foster_ready", &[]) == 1.0
    };
    c.check(eventually(PATIENCE, settled), &format!("{:#?}", get(address, "/metrics").body));

    let page =
        ask(address, "GET", "/metrics", "accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n");
    assert!(page.head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{}", page.head);
    let (types, series) = figures(page.body.strip_suffix("# EOF\n").expect("an end"), true);
    assert_eq!(types["foster_service_restarts"], "counter");
    let of = |name: &str, labels: &[(&str, &str)]| value(&series, name, labels);
    assert_eq!(of("foster_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
    assert_eq!(of("foster_service_state", &[("service", "web"), ("state", "ready")]), 1.0);
    assert_eq!(of("foster_service_state", &[("service", "web"), ("state", "failed")]), 0.0);
    assert_eq!(of("foster_log_lines_total", &[("service", "talker"), ("stream", "stdout")]), 2.0);
    assert_eq!(
        of("foster_log_lines_total", &[("service", "talker"), ("stream", "stderr")]),
        0.0,
        "it goes on"
    );
    assert_eq!(of("foster_log_bytes_total", &[("service", "talker"), ("stream", "stderr")]), 5.0);
    assert_eq!(of("foster_service_ready", &[("service", "web")]), 1.0);
    assert!(of("foster_boot_duration_seconds", &[]) < PATIENCE.as_secs_f64());
    assert!(of("process_resident_memory_bytes", &[]) > 100_000.0);
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let started = of("foster_service_start_time_seconds", &[("service", "web")]);
    assert!((now - started).abs() < 60.0 && started >= of("process_start_time_seconds", &[]), "{started}");
    let kinds: BTreeSet<&str> = types.values().map(String::as_str).collect();
    assert_eq!(kinds, ["counter", "gauge", "info"].into());
    c.stop_within(PROMPT);
}

#[test]
fn clients_who_come_in_masses_or_say_nothing_keep_nobody_out() {
    needs_namespace!();
    let address = free();
    let mut c = pages(address).service("web", serve("web", &[])).start();
    c.wait_event("up web");
    until(&c, address, "/readyz", 200);
    let descriptors = c.descriptors();
    let crowd = || (0..1000).map(|_| connect(address)).collect::<Vec<TcpStream>>();
    drop(crowd());
    expect(address, "/livez", 200, "alive");
    let memory = c.anonymous_memory();
    let idle = crowd();
    // A new one takes the place of who has been idle for longest.
    expect(address, "/livez", 200, "alive");
    c.check(c.descriptors() <= descriptors + 40, "the connections are not bounded");
    c.check(c.get("/v1/status").status == 200, "the control socket is not reached");
    let mut slow = connect(address);
    slow.write_all(b"GET /li").unwrap();
    expect(address, "/readyz", 200, "ready");
    drop(idle);
    expect(address, "/livez", 200, "alive");
    let grown = c.anonymous_memory().saturating_sub(memory);
    c.check(grown < 2000, &format!("{grown} KiB more for another thousand"));
    c.stop_within(PROMPT);
}

#[test]
fn what_is_no_request_is_refused_and_harms_nobody() {
    needs_namespace!();
    let address = free();
    let mut c = pages(address).service("web", serve("web", &[])).start();
    c.wait_event("up web");
    let huge = format!("GET /livez HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "z".repeat(9_000));
    let many = format!("GET /livez HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(500));
    let texts: [&[u8]; 6] = [
        b"\x16\x03\x01\x02\x00\x01",
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        huge.as_bytes(),
        long.as_bytes(),
        many.as_bytes(),
    ];
    for text in texts {
        let mut stream = connect(address);
        // It may be closed before all is sent.
        let _ = stream.write_all(text);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let status = String::from_utf8_lossy(&answer).split(' ').nth(1).map(str::to_owned);
        assert!(status.as_deref().is_none_or(|status| status.starts_with('4')), "{answer:?}");
    }
    expect(address, "/livez", 200, "alive");
    c.stop_within(PROMPT);
}

#[test]
fn a_port_that_is_taken_is_one_clear_line_and_the_tree_runs() {
    needs_namespace!();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let mut c = pages(address).service("web", serve("web", &[])).start();
    c.wait_event("up web");
    c.wait_line(&["no pages", &address.to_string(), "Address already in use", "the tree runs without them"]);
    c.check(c.get("/v1/status").status == 200, "nobody answers");
    c.stop_within(PROMPT);
}

#[test]
fn the_pages_are_served_over_ipv6_and_over_both() {
    needs_namespace!();
    let Ok(probe) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        support::skip!("there is no IPv6 here");
    };
    let port = probe.local_addr().unwrap().port();
    drop(probe);
    let mut c = pages((Ipv6Addr::UNSPECIFIED, port).into()).service("web", serve("web", &[])).start();
    c.wait_event("up web");
    expect((Ipv6Addr::LOCALHOST, port).into(), "/livez", 200, "alive");
    expect((Ipv4Addr::LOCALHOST, port).into(), "/livez", 200, "alive");
    c.stop_within(PROMPT);
}

#[test]
fn another_address_counts_when_it_is_applied() {
    needs_namespace!();
    let (first, second) = (free(), free());
    let mut c = pages(first).service("web", serve("web", &[])).start();
    c.wait_event("up web");
    expect(first, "/livez", 200, "alive");
    let idle = connect(first);
    let apply = |text: &str| {
        fs::write(c.path("foster.toml"), text).unwrap();
        let answer = c.post("/v1/apply", "{}");
        c.check(answer.status == 200, &format!("{answer:?}"));
    };
    apply(&format!("[http]\nlisten = \"{second}\"\n"));
    expect(second, "/livez", 200, "alive");
    assert!(eventually(PATIENCE, || TcpStream::connect(first).is_err()), "the old place still answers");
    drop(idle);
    // The same port with other addresses, which only one socket can have at a time.
    apply(&format!("[http]\nlisten = \"0.0.0.0:{}\"\n", second.port()));
    let answers = || TcpStream::connect(second).is_ok_and(|_| get(second, "/livez").status == 200);
    assert!(eventually(PATIENCE, answers), "nobody answers any more");
    apply("");
    assert!(eventually(PATIENCE, || TcpStream::connect(second).is_err()), "the pages are still there");
    apply(&format!("[http]\nlisten = \"{first}\"\n"));
    expect(first, "/livez", 200, "alive");
    assert!(!c.printed(&["no pages"]));
    c.stop_within(PROMPT);
}

#[test]
fn an_unhealthy_service_is_told_of_with_what_its_probe_heard_and_counted() {
    needs_namespace!();
    let address = free();
    let health = "[health]\nexec = [\"/bin/sh\", \"-c\", \"test ! -e $DIRECTORY/ill || { echo it hurts; exit 1; }\"]\n\
                  interval = \"50ms\"\nfailures = 2\non-failure = \"none\"\n";
    let ready = "[ready]\nexec = [\"/bin/true\"]\n";
    let mut c = pages(address).service("web", serve("web", &[]) + ready + health).start();
    c.wait_event("up web");
    until(&c, address, "/readyz", 200);
    fs::write(c.path("ill"), "").unwrap();
    until(&c, address, "/readyz", 503);
    expect(address, "/readyz", 503, "not ready: 1 of 1 services\n  web: ready, is not healthy");
    expect(address, "/healthz", 503, "it hurts");
    until(&c, address, "/services/web", 503);
    assert_eq!(c.get("/v1/health").status, 503, "the healthcheck is of another opinion");
    expect(address, "/startupz", 200, "started");
    expect(address, "/livez", 200, "alive");
    fs::remove_file(c.path("ill")).unwrap();
    until(&c, address, "/readyz", 200);
    let counted = || {
        let (_, series) = figures(&get(address, "/metrics").body, false);
        let count = |probe, result| {
            let labels = [("service", "web"), ("probe", probe), ("result", result)];
            value(&series, "foster_probe_results_total", &labels)
        };
        count("ready", "success") == 1.0
            && count("health", "failure") >= 2.0
            && count("health", "success") >= 2.0
    };
    c.check(eventually(PATIENCE, counted), "the probes are not counted");
    c.stop_within(PROMPT);
}
