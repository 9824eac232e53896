//! Claims about what the import makes of supervisord's files, held against supervisord itself, as Debian has it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use foster::config::Variables;
use foster::config::import::supervisord_resolved;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PYTHON: &str = "/usr/bin/python3";

/// What the fixtures use of the environment.
const VARIABLES: [(&str, &str); 7] = [
    ("PATH", "/usr/bin:/bin"),
    ("PORT", "8080"),
    ("DISPLAY_WIDTH", "800"),
    ("DISPLAY_HEIGHT", "600"),
    ("START_VNC", "true"),
    ("A", "value of a"),
    ("B", "7"),
];

fn oracle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/supervisord_oracle.py")
}

/// Why there is no supervisord to ask.
fn problem() -> Option<&'static str> {
    let asked = Command::new(PYTHON).args(["-W", "ignore", "-c", "import supervisor.options"]).output();
    (!asked.is_ok_and(|output| output.status.success()))
        .then_some("it needs python3 and supervisor of Debian")
}

/// What supervisord makes of these files.
fn theirs(paths: &[PathBuf]) -> Vec<Value> {
    let output = Command::new(PYTHON)
        .args(["-W", "ignore"])
        .arg(oracle())
        .args(paths)
        .env_clear()
        .envs(VARIABLES)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the import makes of one.
fn ours(path: &Path) -> Result<Value, String> {
    let environment: Variables = VARIABLES.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    supervisord_resolved(path, &environment)
}

/// The processes in the order of their names, which is not the same for numbers.
fn sorted(resolved: &Value) -> Vec<Value> {
    let mut processes = resolved["processes"].as_array().unwrap().clone();
    processes.sort_by_key(|process| format!("{} {} {process}", process["group"], process["name"]));
    processes
}

#[track_caller]
fn same(paths: &[PathBuf]) -> usize {
    let theirs = theirs(paths);
    assert_eq!(theirs.len(), paths.len());
    let mut refused = 0;
    for (path, theirs) in paths.iter().zip(&theirs) {
        let text = fs::read_to_string(path).unwrap();
        match (ours(path), theirs.get("error")) {
            (Ok(ours), None) => assert_eq!(sorted(&ours), sorted(theirs), "{text}"),
            (Err(_), Some(_)) => refused += 1,
            (Ok(_), Some(why)) => panic!("supervisord refuses it: {why}\n{text}"),
            (Err(why), None) => panic!("supervisord takes it: {why}\n{text}"),
        }
    }
    refused
}

macro_rules! needs_supervisord {
    () => {
        if let Some(why) = problem() {
            support::record_skip(why);
            return;
        }
    };
}

#[test]
fn every_fixture_means_to_the_import_what_it_means_to_supervisord() {
    needs_supervisord!();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/supervisord");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in &mut paths {
        if path.is_dir() {
            path.push("supervisord.conf");
        }
    }
    assert!(paths.len() >= 10);
    assert_eq!(same(&paths), 0, "supervisord takes them all");
}

/// Numbers that look random and are the same in each run; see xorshift64*.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).unwrap() % limit
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

/// Values that supervisord takes, and, at the end of some, one that it does not.
const VALUES: [(&str, &[&str]); 29] = [
    (
        "command",
        &[
            "/bin/cat",
            "sh -c 'a; b' x",
            "a \"b c\" d\\ e",
            "x --n=%(process_num)03d",
            "y %(ENV_A)s %(ENV_B)s",
            "z \"%(ENV_A)s\" 100%%",
            "w ;no",
            "v ; a comment",
            "u # one more",
            "t 'not; this",
            "s\n  -t\n\n  -u",
            "r %(numprocs)d",
        ],
    ),
    ("priority", &["1", "999", " 5", "-3", "1_0", "x"]),
    ("autostart", &["true", "FALSE", "on", "0", "no", "maybe"]),
    ("autorestart", &["true", "unexpected", "False", "1", "UNEXPECTED", "never"]),
    ("startsecs", &["0", "1", "10", "+2"]),
    ("startretries", &["0", "3", "%(ENV_B)s", "three"]),
    ("exitcodes", &["0", "0,2", " 1 , 2 ", "", "255", "256"]),
    ("stopsignal", &["TERM", "sigquit", "9", "USR1", "WINCH", "Int", "BOOM"]),
    ("stopwaitsecs", &["10", "0", "3600"]),
    ("stopasgroup", &["true", "false"]),
    ("killasgroup", &["true", "true", "true", "false"]),
    ("user", &["root", "nobody", "1000"]),
    ("umask", &["022", "0o77", "7", "9"]),
    ("directory", &["/tmp", "%(here)s/x", "relative", "/%(program_name)s"]),
    (
        "environment",
        &[
            "A=\"1\"",
            "A=1,B='two, three'",
            "KEY=\"%(ENV_A)s\"",
            "A = x , C=/a:/b-c.d",
            "A",
            "",
            "P=\"%(process_num)d %(group_name)s\"",
            "A=1,A=2,",
            "Q=\"a;b\"",
        ],
    ),
    ("redirect_stderr", &["true", "false"]),
    (
        "stdout_logfile",
        &["/dev/stdout", "NONE", "auto", "/tmp/%(program_name)s_%(process_num)02d.log", "Syslog", "off"],
    ),
    ("stderr_logfile", &["/dev/stderr", "/tmp/x.err", "None", "AUTO"]),
    ("stdout_logfile_maxbytes", &["0", "10MB", "1 kb", "2Gb", "77", "1TB"]),
    ("stderr_logfile_maxbytes", &["50MB", "0"]),
    ("stdout_logfile_backups", &["0", "3"]),
    ("stderr_logfile_backups", &["10"]),
    ("stdout_capture_maxbytes", &["1MB", "0"]),
    ("stdout_events_enabled", &["true", "off"]),
    ("stdout_syslog", &["true", "false"]),
    (
        "process_name",
        &[
            "%(program_name)s_%(process_num)02d",
            "p%(process_num)s",
            "q%(process_num)5d",
            "fixed-%(process_num)d",
        ],
    ),
    ("numprocs", &["1", "1", "1", "2"]),
    ("numprocs_start", &["0", "1", "5"]),
    ("unknown_key", &["x", "%% y"]),
];

fn generated(dice: &mut Dice) -> String {
    let mut text = String::new();
    if dice.one_in(8) {
        text += "; a comment first\n\n";
    }
    if !dice.one_in(40) {
        text += dice.of(&[
            "[supervisord]\n",
            "[supervisord]\nnodaemon=true ; really\n",
            "[supervisord]\nenvironment=G=\"g\",A=from_above\n",
        ]);
    }
    let names = ["one", "two", "three", "one"];
    for name in names.iter().take(1 + dice.below(4)) {
        let _ = writeln!(text, "[program:{name}]");
        let sane = !dice.one_in(4);
        for (key, values) in VALUES {
            let wanted = if key == "process_name" && sane {
                true
            } else if key == "command" {
                !dice.one_in(30)
            } else {
                dice.one_in(3)
            };
            // Most of what breaks stands at the end.
            let values = if sane && values.len() > 4 && key != "command" {
                &values[..values.len() - 1]
            } else {
                values
            };
            if wanted {
                let key = if dice.one_in(6) { key.to_uppercase() } else { key.to_owned() };
                let separator = dice.of(&["=", " = ", ": ", " : ", "=  "]);
                let _ = writeln!(
                    text,
                    "{key}{separator}{}{}",
                    dice.of(values),
                    dice.of(&["", "", "", " ; why", " # how", "  "])
                );
            }
            if dice.one_in(25) {
                text += dice.of(&["\n", "# comment\n", "   ; comment\n", "  \n", "\r\n"]);
            }
        }
    }
    if dice.one_in(3) {
        let _ = writeln!(
            text,
            "[group:{}]\nprograms={}",
            dice.of(&["g", "one"]),
            dice.of(&["one", "one", "one", "one", "one, two", "two,one", ""])
        );
        if dice.one_in(2) {
            text += "priority=5\n";
        }
    }
    if dice.one_in(4) {
        text += "[eventlistener:ear]\ncommand=/bin/ear\n";
        text += dice.of(&[
            "events=PROCESS_STATE\n",
            "events=tick_5, PROCESS_STATE_FATAL\n",
            "",
            "events=TICK_60\nbuffer_size=20\n",
        ]);
    }
    if dice.one_in(4) {
        text += "[fcgi-program:fast]\ncommand=/bin/fast\n";
        text += dice.of(&[
            "socket=tcp://localhost:9000\n",
            "socket=unix:///tmp/fast.sock\nsocket_mode=0700\n",
            "",
            "socket=tcp://localhost:9000\nnumprocs=2\nprocess_name=f%(process_num)d\n",
        ]);
    }
    if dice.one_in(10) {
        text += "[DEFAULT]\nstopwaitsecs=33\n";
    }
    text
}

#[test]
fn generated_files_mean_to_the_import_what_they_mean_to_supervisord() {
    needs_supervisord!();
    let directory = tempfile::tempdir().unwrap();
    let mut dice = Dice(0x5EED);
    let paths: Vec<PathBuf> = (0..500)
        .map(|number| {
            let path = directory.path().join(format!("{number}.conf"));
            fs::write(&path, generated(&mut dice)).unwrap();
            path
        })
        .collect();
    let refused = same(&paths);
    // Otherwise they say little.
    assert!((20..350).contains(&refused), "{refused} of 500 are refused");
}

#[test]
fn lines_are_read_as_python_reads_them() {
    needs_supervisord!();
    let directory = tempfile::tempdir().unwrap();
    let head = "[supervisord]\n[program:x]\n";
    let texts = [
        format!("{head}command=a\n b\n  c\n\n d\n"),
        format!("{head}  command=a\n    b\n  priority=3\n"),
        format!("{head}command=a ;c\n ;c\n b\n"),
        format!("{head}command:a=b\n"),
        format!("{head}command\n"),
        format!("{head}=a\ncommand=b\n"),
        format!("{head}command=a\n[program:x]\npriority=3\n"),
        format!("{head}command=a\ncommand=b\n"),
        format!("{head}command=a\r\npriority=3\r\n"),
        "command=a\n[supervisord]\n".to_owned(),
        format!("{head}command=a\n[program:y\ncommand=b\n"),
        format!("{head}command=a # b # c ; d\n"),
        format!("{head}command=x;y;z ;c # d\n"),
        format!("{head}command=\n  a b\n"),
        format!("{head}command=a\n\tb\n"),
        format!("{head}[program: y ]\ncommand=a\n"),
        format!("{head}command=a\n[program:a b]\ncommand=b\n"),
        format!("{head}command=%(ENV_NOWHERE)s\n"),
        format!("{head}command=a %\n"),
        format!("{head}command=a\nnumprocs=2\n"),
        format!("{head}command=a\nstopasgroup=true\nkillasgroup=false\n"),
        format!("{head}command=a 'b\n"),
        format!("{head}COMMAND=a\nPriority = 4\n"),
    ];
    let paths: Vec<PathBuf> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| {
            let path = directory.path().join(format!("{number}.conf"));
            fs::write(&path, text).unwrap();
            path
        })
        .collect();
    same(&paths);
}
