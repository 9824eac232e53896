//! Claims about what a script sees of `foster init` under the names of other inits. Where those are installed, the same claims
//! are tried on them: so that they are about what scripts know.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Ran, foster_bin};

/// One call, and what it gives: the exit code, the start of standard output, and a part of standard error.
struct Call {
    name: &'static str,
    words: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
    code: i32,
    stdout: &'static str,
    stderr: &'static str,
    /// The other does it differently, which is documented.
    cured: bool,
}

const fn call(name: &'static str, words: &'static [&'static str], code: i32) -> Call {
    Call { name, words, environment: &[], code, stdout: "", stderr: "", cured: false }
}

impl Call {
    const fn out(self, stdout: &'static str) -> Self {
        Self { stdout, ..self }
    }

    const fn err(self, stderr: &'static str) -> Self {
        Self { stderr, ..self }
    }

    const fn env(self, environment: &'static [(&'static str, &'static str)]) -> Self {
        Self { environment, ..self }
    }
}

const CALLS: &[Call] = &[
    call("tini", &["--version"], 0).out("tini version 0."),
    call("tini", &["-h"], 0).out("tini (tini version "),
    call("tini", &["echo", "-h"], 0).out("tini (tini version "),
    call("tini", &["echo", "-h"], 0).env(&[("POSIXLY_CORRECT", "1")]).out("-h\n").err("not running as PID 1"),
    call("tini", &["--", "echo", "-h"], 0).out("-h\n"),
    call("tini", &["echo", "--version"], 1).err("invalid option -- '-'"),
    call("tini", &[], 1).err("Usage: tini [OPTIONS] PROGRAM -- [ARGS] | --version"),
    call("tini", &["-Z", "true"], 1).err("tini: invalid option -- 'Z'"),
    call("tini", &["-p"], 1).err("tini: option requires an argument -- 'p'"),
    call("tini", &["-p", "FOO", "true"], 1).err("] Not a valid option for -p: FOO"),
    call("tini", &["-p", "15", "true"], 1).err("] Not a valid option for -p: 15"),
    call("tini", &["-p", "SIGTERM", "--", "true"], 0),
    call("tini", &["-e", "256", "true"], 1).err("] Not a valid option for -e: 256"),
    call("tini", &["-e", "x", "true"], 1).err("] Not a valid option for -e: x"),
    call("tini", &["-e", "143", "-e", "7", "--", "sh", "-c", "exit 7"], 0),
    call("tini", &["-e", "143", "--", "sh", "-c", "kill -TERM $$"], 0),
    call("tini", &["-e", "143", "--", "sh", "-c", "exit 8"], 8),
    call("tini", &["-l"], 0),
    call("tini", &["--", "sh", "-c", "kill -9 $$"], 137),
    call("tini", &["true"], 0).err("Tini is not running as PID 1 and isn't registered as a child subreaper"),
    call("tini", &["-v", "true"], 0).out("[INFO  tini ("),
    call("tini", &["-vvv", "true"], 0).out("[").err("[WARN  tini ("),
    call("tini", &["true"], 0).env(&[("TINI_VERBOSITY", "2")]).out("[INFO  tini ("),
    call("tini", &["-v", "--", "sh", "-c", "echo only"], 0).env(&[("TINI_VERBOSITY", "0")]).out("only\n"),
    call("tini", &["-s", "-w", "--", "sh", "-c", support::ORPHAN_DIES], 0)
        .err("] Reaped zombie process with pid="),
    call("tini", &["-w", "--", "sh", "-c", support::ORPHAN_DIES], 0)
        .env(&[("TINI_SUBREAPER", "")])
        .err("] Reaped zombie process with pid="),
    call("tini", &["/nonexistent"], 127).err("] exec /nonexistent failed: No such file or directory"),
    call("tini", &["/"], 126).err("] exec / failed: Permission denied"),
    call("docker-init", &["--", "sh", "-c", "exit 5"], 5),
    call("docker-init", &["--version"], 0).out("tini version 0."),
    call("podman-init", &["--", "sh", "-c", "exit 5"], 5),
    call("tini-static", &["-s", "--", "sh", "-c", "exit 5"], 5),
    call("dumb-init", &["--version"], 0).err("dumb-init v1.2.5"),
    call("dumb-init", &["-V"], 0).err("dumb-init v1.2.5"),
    call("dumb-init", &["--help"], 0)
        .err("-r, --rewrite s:r    Rewrite received signal s to new signal r before proxying."),
    call("dumb-init", &["-h"], 0).err("Usage: dumb-init [option] command [[arg] ...]"),
    call("dumb-init", &[], 1).err("Try dumb-init --help for full usage."),
    call("dumb-init", &["--nope", "true"], 1).err("dumb-init: unrecognized option '--nope'"),
    call("dumb-init", &["-r"], 1).err("dumb-init: option requires an argument -- 'r'"),
    call("dumb-init", &["-r", "99:1", "true"], 1)
        .err("Usage: -r option takes <signum>:<signum>, where <signum> is between 1 and 31."),
    call("dumb-init", &["-r", "TERM:1", "true"], 1).err("Usage: -r option takes <signum>:<signum>"),
    call("dumb-init", &["--sing", "echo", "-V"], 0).out("-V\n"),
    call("dumb-init", &["-r", "15:3x", "echo", "x"], 0).out("x\n"),
    call("dumb-init", &["sh", "-c", "exit 9"], 9),
    call("dumb-init", &["sh", "-c", "kill -9 $$"], 137),
    call("dumb-init", &["-v", "true"], 0).err("[dumb-init] Child exited with status 0. Goodbye."),
    call("dumb-init", &["true"], 0)
        .env(&[("DUMB_INIT_DEBUG", "1")])
        .err("[dumb-init] Running in debug mode."),
    call("dumb-init", &["-v", "true"], 0)
        .env(&[("DUMB_INIT_SETSID", "0")])
        .err("[dumb-init] Not running in setsid mode."),
    call("dumb-init", &["/nonexistent"], 2).err("[dumb-init] /nonexistent: No such file or directory"),
    call("dumb-init", &["/"], 2).err("[dumb-init] /: Permission denied"),
    call("catatonit", &["-V"], 0).out("tini version 0."),
    call("catatonit", &["--version"], 0).out("tini version 0."),
    call("catatonit", &["--vers"], 0).out("tini version 0."),
    call("catatonit", &["-h"], 0).err("usage: catatonit [-ghLPV] [--] <progname> [<arguments>...]"),
    call("catatonit", &["--help"], 1).err("catatonit: unrecognized option '--help'"),
    call("catatonit", &["echo", "-Z"], 1).err("catatonit: invalid option -- 'Z'"),
    call("catatonit", &[], 1).err("): missing program name"),
    call("catatonit", &["-L"], 0),
    call("catatonit", &["true"], 1)
        .env(&[("CATATONIT_LOG", "x")])
        .err("CATATONIT_LOG is reserved for future use"),
    call("catatonit", &["true"], 0).env(&[("CATATONIT_DEBUG", "")]).err("DEBUG (catatonit:"),
    call("catatonit", &["--", "sh", "-c", "exit 6"], 6),
    call("catatonit", &["-g", "sh"], 0),
    call("catatonit", &["--", "sh", "-c", "kill -9 $$"], 137),
    call("catatonit", &["/nonexistent"], 1).err("): failed to exec pid1: No such file or directory"),
    call("catatonit", &["/"], 1).err("): failed to exec pid1: Permission denied"),
    Call {
        cured: true,
        ..call("catatonit", &["--", "sed", "-n", "s/SigBlk:\t//p", "/proc/self/status"], 0)
            .out("0000000000000000\n")
    },
];

fn run(call: &Call, mut command: Command, who: &str) {
    command.args(call.words).stdin(Stdio::null()).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.envs(call.environment.iter().copied());
    let ran = Ran::of(command);
    let words = call.words;
    let holds =
        ran.code == call.code && ran.stdout.starts_with(call.stdout) && ran.stderr.contains(call.stderr);
    assert!(holds, "{who} {words:?} {:?}: {ran:#?}", call.environment);
}

#[test]
fn under_another_name_it_is_what_scripts_know() {
    for call in CALLS {
        let mut command = Command::new(foster_bin());
        command.arg0(format!("/sbin/{}", call.name));
        run(call, command, call.name);
    }
}

#[test]
fn the_name_may_be_the_first_word() {
    for call in CALLS {
        let mut command = Command::new(foster_bin());
        command.arg(call.name);
        run(call, command, &format!("foster {}", call.name));
    }
}

#[test]
fn the_others_do_the_same() {
    for call in CALLS.iter().filter(|call| !call.cured) {
        let path = format!("/usr/bin/{}", call.name);
        if Path::new(&path).exists() {
            let mut command = Command::new(&path);
            command.arg0(call.name);
            run(call, command, &path);
        }
    }
}

#[test]
fn a_link_is_enough() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["tini", "tini-static", "docker-init", "podman-init", "dumb-init", "catatonit"] {
        let link = directory.path().join(name);
        std::os::unix::fs::symlink(foster_bin(), &link).unwrap();
        let mut command = Command::new(link);
        let words: &[&str] = if name == "dumb-init" { &[] } else { &["--"] };
        command.args(words).args(["sh", "-c", "exit 42"]).stdin(Stdio::null());
        assert_eq!(Ran::of(command).code, 42, "{name}");
    }
}
