//! The JSON schemas in docs/: fresh, right about what foster takes, and about what it refuses.
#![allow(clippy::expect_used, clippy::panic)]

use foster::config::{ConfigFile, Mode, Request, SchemaOf, Variables, json_schema, load, reference};
use foster::model::Plan;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const FILES: [(SchemaOf, &str); 2] =
    [(SchemaOf::Service, "docs/service.schema.json"), (SchemaOf::Settings, "docs/foster.schema.json")];

/// What a value breaks, as `place: rule`; nothing if it is valid. A keyword that it does not know is a failure of the test,
/// so it knows all that the schemas use.
fn problems(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let Value::Object(rules) = schema else {
        return if *schema == Value::Bool(true) { vec![] } else { vec![format!("{place}: is not allowed")] };
    };
    let inner = |schema: &Value, value: &Value, place: &str| problems(root, schema, value, place);
    let mut found = Vec::new();
    for (keyword, rule) in rules {
        let number = || rule.as_f64().expect("a number");
        let length = || rule.as_u64().expect("a length") as usize;
        let fine = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" | "examples" => true,
            "$ref" => {
                let name = rule.as_str().and_then(|text| text.strip_prefix("#/$defs/")).expect("a reference");
                found.extend(inner(&root["$defs"][name], value, place));
                true
            }
            "type" => match rule.as_str().expect("one type") {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64() || value.is_u64(),
                "number" => value.is_number(),
                other => panic!("the type {other}"),
            },
            "enum" => rule.as_array().expect("a list").contains(value),
            "const" => rule == value,
            "anyOf" => rule.as_array().expect("a list").iter().any(|one| inner(one, value, place).is_empty()),
            "pattern" => {
                let pattern =
                    regex_lite::Regex::new(rule.as_str().expect("a pattern")).expect("a right pattern");
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "minimum" => value.as_f64().is_none_or(|value| value >= number()),
            "maximum" => value.as_f64().is_none_or(|value| value <= number()),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() >= length()),
            "minItems" => value.as_array().is_none_or(|list| list.len() >= length()),
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(inner(rule, item, &format!("{place}[{n}]")));
                }
                true
            }
            "properties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = rule.get(name) {
                        found.extend(inner(schema, value, &format!("{place}.{name}")));
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = |name: &str| schema["properties"].get(name).is_some();
                for (name, value) in value.as_object().into_iter().flatten().filter(|(name, _)| !known(name))
                {
                    found.extend(inner(rule, value, &format!("{place}.{name}")));
                }
                true
            }
            "propertyNames" => {
                for (name, _) in value.as_object().into_iter().flatten() {
                    found.extend(inner(rule, &Value::from(name.as_str()), &format!("{place}.{name}")));
                }
                true
            }
            other => panic!("the keyword {other}"),
        };
        if !fine {
            found.push(format!("{place}: {keyword}"));
        }
    }
    found
}

fn check(file: SchemaOf, toml: &str) -> Vec<String> {
    let schema = json_schema(file);
    let value: Value = toml::from_str(toml).expect("TOML");
    problems(&schema, &schema, &value, "")
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if path.extension().is_some_and(|end| end == "toml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn the_schemas_are_fresh() {
    for (file, path) in FILES {
        let fresh = format!("{:#}\n", json_schema(file));
        if std::env::var_os("UPDATE").is_some() {
            fs::write(path, &fresh).expect("docs can be written");
        }
        let kept = fs::read_to_string(path).unwrap_or_default();
        assert!(kept == fresh, "{path} is stale; UPDATE=1 cargo test --test config_schema writes it anew");
    }
}

#[test]
fn every_default_and_example_is_valid_by_its_own_schema() {
    fn walk(root: &Value, schema: &Value, count: &mut usize) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let examples = property["examples"].as_array().into_iter().flatten();
            for value in examples.chain(property.get("default")) {
                assert_eq!(problems(root, property, value, name), Vec::<String>::new(), "{value}");
                *count += 1;
            }
            walk(root, property, count);
        }
    }
    let mut count = 0;
    for (file, _) in FILES {
        let schema = json_schema(file);
        walk(&schema, &schema, &mut count);
    }
    assert!(count > 80, "{count}: the examples were not found");
}

#[test]
fn what_the_documentation_shows_and_what_works_is_valid() {
    let text = reference();
    let blocks: Vec<&str> =
        text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() > 10, "the examples were not found");
    for block in blocks {
        let file = if block.starts_with("# foster.toml") { SchemaOf::Settings } else { SchemaOf::Service };
        assert_eq!(check(file, block), Vec::<String>::new(), "{block}");
    }
    for path in files_below(Path::new("services.d.example")) {
        let text = fs::read_to_string(&path).expect("a file");
        assert_eq!(check(SchemaOf::Service, &text), Vec::<String>::new(), "{}", path.display());
    }
}

/// Files of every kind of value in every spelling, each tried with foster too.
#[test]
fn what_foster_takes_is_valid() {
    let files = [
        "command = 'x ${HOME:-/}'\nenabled = '${ON:-true}'\ninstances = '${N:-2}'\nnice = '${NICE:-5}'",
        "command = ['x']\nuser = 0\ngroup = 'g'\nsupplementary-groups = [5, 'tls']\numask = '0o022'",
        "command = 'x'\n[stop]\nsignal = 15\ntimeout = '1h 5m'\n[reload]\nsignal = 'rtmin+3'",
        "command = 'x'\n[restart]\nlimit = 'unlimited'\nsuccess-codes = [0, 'TERM', '15']\nfactor = 2\ndelay = '1.5s'",
        "command = 'x'\n[limits]\nnofile = '1024:65536'\nstack = '8 MiB'\ncore = 0\nas = 'unlimited'\nfsize = '10MB:1GiB'",
        "command = 'x'\ncapabilities = ['CAP_NET_RAW', 'net-admin', 'chown', 'CAP-SETUID']",
        "script = 'exec x'\nshell = ['/bin/sh', '-euc']\nstdin = '${IN:-/dev/null}'\nworking-directory = '${DIR:-/srv}/x'",
        "command = 'x'\n[when]\nenv = 'A'\npath = ['!/x']\ncommand = 'true'\ntimeout = '${T:-1s}'",
        "command = 'x'\nenvironment-files = ['-/x', '/y', '-${DIR:-/etc}/z']\n[environment]\nA = '${B:-c}'\n[secrets]\nS = '/run/s'",
        "type = '${KIND:-target}'\ndescription = 'x'",
        "command = 'x'\n[ready]\ndelay = '0'",
        "command = 'x'\n[ready]\nhttp = 'HTTP://[::1]:81?a=%20'\nmethod = 'HEAD'\nstatus = [204, '300 - 399']\nheaders = {Host = 'a'}",
        "command = 'x'\n[ready]\ntcp = '[::1]:5432'\n[health]\nunix = '@x'\ngrace = '0'\non-failure = 'none'\nfailures = 1",
        "command = 'x'\nfd-store = 2\n[ready]\nfd = 5\n[health]\nwatchdog = '2s'\non-failure = 'shutdown'",
        "command = 'x'\non-demand = true\n[[socket]]\nlisten = '127.0.0.1:80'\nreuse-port = true\n[[socket]]\nlisten = 'udp:[::]:53'\nname = 'dns'",
        "command = 'x'\n[[socket]]\nlisten = '80'\nbacklog = 5\n[[socket]]\nlisten = ':81'\n[[socket]]\nlisten = 'unixgram:@a'\n[[socket]]\nlisten = '/run/x'\nmode = '0660'\nuser = 0",
        "type = 'oneshot'\ncommand = 'x'\ninstances = 2\n[schedule]\ncron = '*/5 * * * * *'\noverlap = 'allow'\nrun-at-start = true\ntimezone = 'CET-1CEST,M3.5.0,M10.5.0/3'",
        "type = 'oneshot'\ncommand = 'x'\n[schedule]\ncron = '@Daily'",
        "command = 'x'\ninstances = 2\n[log]\nto = ['console', 'file', 'syslog']\nstderr = 'stdout'\non-full = 'drop'\nmemory = 4096\n[log.file]\npath = '/var/log/x{instance}.log'\nmax-size = 'unlimited'\nmax-age = '1d'\nkeep = 0\nformat = 'raw'\n[log.syslog]\naddress = 'tcp:[::1]:601'\ntag = 'x-{instance}'",
        "command = 'x'\n[log]\nto = 'file'\nmemory = '0'\n[log.file]\npath = '/a'\nstderr-path = '/b'\nmax-size = '10 kB'\ncompress = true\nmode = '0600'",
        "command = 'x'\n[log]\nto = 'syslog'\n[log.syslog]\naddress = 'unix:/dev/log'\nfacility = 'authpriv'",
        "command = 'x'\n[log]\nto = ['inherit']",
    ];
    for text in files {
        let root = tempfile::tempdir().expect("a directory");
        fs::write(root.path().join("a.toml"), text).expect("a file");
        fs::write(root.path().join("y"), "A=1").expect("a file");
        let environment = Variables::new();
        let mut request = Request::new(vec![root.path().into()], None, &environment, Mode::Run);
        request.config = ConfigFile::Default(root.path().join("none"));
        let plan = match load(&request) {
            Ok(loaded) => loaded.plan,
            Err(report) => panic!("foster refuses it: {}", report.render(false)),
        };
        // As it is when it comes from the process that reads it anew.
        let again: Plan = serde_json::from_str(&serde_json::to_string(&plan).expect("JSON")).expect("a plan");
        assert_eq!(again, plan);
        assert_eq!(check(SchemaOf::Service, text), Vec::<String>::new(), "{text}");
    }
    let settings = "log-level = 'debug'\nlog = {format = 'json', timestamps = true}\nsocket = 'none'\n[http]\nlisten = ':80'\n[shutdown]\nsignals = ['WINCH', 10]\ntimeout = '20s'";
    assert_eq!(check(SchemaOf::Settings, settings), Vec::<String>::new());
}

#[test]
fn what_is_wrong_by_itself_is_invalid_at_its_place() {
    let wrong = [
        ("comand = 'x'", ".comand: is not allowed"),
        ("command = []", ".command: anyOf"),
        ("command = 7", ".command: anyOf"),
        ("type = 'demon'", ".type: anyOf"),
        ("instances = 1001", ".instances: anyOf"),
        ("nice = 40", ".nice: anyOf"),
        ("umask = 22", ".umask: type"),
        ("umask = '888'", ".umask: pattern"),
        ("requires = 'db'", ".requires: type"),
        ("requires = ['DB']", ".requires[0]: pattern"),
        ("working-directory = 'srv'", ".working-directory: pattern"),
        ("stdin = 'inherti'", ".stdin: anyOf"),
        ("capabilities = ['net-bind-servce']", ".capabilities[0]: anyOf"),
        ("user = 'www-data:www-data'", ".user: anyOf"),
        ("schedule = '@daily'", ".schedule: type"),
        ("tty = 'yes'", ".tty: anyOf"),
        ("[schedule]\ncron = '* * *'", ".schedule.cron: pattern"),
        ("[schedule]\ncron = '@daily'\noverlap = 'kill'", ".schedule.overlap: anyOf"),
        ("[ready]\nhttp = 'https://localhost/'", ".ready.http: pattern"),
        ("[ready]\ntcp = 'localhost'", ".ready.tcp: pattern"),
        ("[ready]\nfd = 2", ".ready.fd: anyOf"),
        ("[ready]\nhttp = 'http://[::1]/'\nstatus = [20]", ".ready.status: anyOf"),
        ("[health]\nunix = 'run/x'", ".health.unix: pattern"),
        ("[health]\ntcp = 'localhost:1'\nfailures = 0", ".health.failures: anyOf"),
        ("[[socket]]\nlisten = 'localhost:80'", ".socket[0].listen: pattern"),
        ("[[socket]]\nlisten = '80'\nmode = '999'", ".socket[0].mode: pattern"),
        ("[socket]\nlisten = '80'", ".socket: type"),
        ("log = 'json'", ".log: type"),
        ("[log]\nto = 'stdout'", ".log.to: anyOf"),
        ("[log]\nto = []", ".log.to: anyOf"),
        ("[log]\nto = ['console', 'service:DB']", ".log.to: anyOf"),
        ("[log]\nmemory = '17MiB'\nmemory-size = 1", ".log.memory-size: is not allowed"),
        ("[log]\nmemory = 16777217", ".log.memory: anyOf"),
        ("[log.file]\nmax-size = '1 banana'", ".log.file.max-size: anyOf"),
        ("[log.file]\nmode = 644", ".log.file.mode: type"),
        ("[log.syslog]\naddress = 'logs.example.org'", ".log.syslog.address: pattern"),
        ("fd-store = 513", ".fd-store: anyOf"),
        ("[stop]\ntimeout = 5", ".stop.timeout: type"),
        ("[stop]\ntimeout = '5 parsecs'", ".stop.timeout: pattern"),
        ("[stop]\nsignal = 'SIGTREM'", ".stop.signal: anyOf"),
        ("[restart]\nlimit = 0", ".restart.limit: anyOf"),
        ("[restart]\nfactor = 0.5", ".restart.factor: minimum"),
        ("[restart]\nsuccess-codes = [256]", ".restart.success-codes[0]: anyOf"),
        ("[limits]\nstack = '8 bananas'", ".limits.stack: anyOf"),
        ("[environment]\nPORT = 80", ".environment.PORT: type"),
        ("[environment]\n'A B' = ''", ".environment.A B: pattern"),
        ("[secrets]\nS = 'geheim'", ".secrets.S: pattern"),
        ("[stops]\ntimeout = '5s'", ".stops: is not allowed"),
    ];
    for (text, problem) in wrong {
        let found = check(SchemaOf::Service, text);
        assert!(found.iter().any(|found| found == problem), "{text}: {found:?}");
    }
    for text in [
        "log-level = 'verbose'",
        "socket = 'run/x'",
        "[http]\nlisten = ':http'",
        "[log]\nto = 'file'",
        "[shutdown]\nsignals = ['X']",
    ] {
        assert_ne!(check(SchemaOf::Settings, text), Vec::<String>::new(), "{text}");
    }
}
