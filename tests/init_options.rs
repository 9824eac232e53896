//! Claims about the options of `foster init`, and about what its command begins with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use support::{Ran, foster_bin};

fn init(words: &[&str]) -> Command {
    let mut command = Command::new(foster_bin());
    command.arg("init").args(words).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FOSTER_INIT")) {
        command.env_remove(name);
    }
    // SAFETY: system calls only.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(|| {
            support::reset_signals();
            Ok(())
        });
    }
    command
}

/// Runs a shell script below these options.
fn script(options: &[&str], script: &str) -> Ran {
    Ran::of(init(&[options, &["--", "/bin/sh", "-c", script]].concat()))
}

#[test]
fn the_code_is_that_of_the_command_or_what_it_is_mapped_to() {
    let cases: [(&[&str], &str, i32); 9] = [
        (&[], "exit 42", 42),
        (&[], "kill -TERM $$", 143),
        (&["--map-exit", "42=3"], "exit 42", 3),
        (&["-e", "143"], "kill -TERM $$", 0),
        (&["-e", "SIGTERM=7", "-e", "3=4"], "kill -TERM $$", 7),
        (&["-e", "SIGTERM=7", "-e", "3=4"], "exit 3", 4),
        (&["-e", "3=4", "-e", "4=5"], "exit 3", 4),
        (&["-e", "0=1"], "exit 0", 1),
        (&["--exit-zero-on-stop"], "kill -TERM $$", 143),
    ];
    for (options, text, code) in cases {
        let ran = script(options, text);
        assert_eq!((ran.code, ran.stderr.as_str()), (code, ""), "{options:?} {text}");
    }
}

#[test]
fn a_stop_that_was_asked_for_is_a_success_where_that_is_wished() {
    // The shell asks its parent, which passes it on.
    let stopped = "kill -TERM $PPID; while :; do sleep 0.1; done";
    assert_eq!(script(&[], stopped).code, 143);
    assert_eq!(script(&["--exit-zero-on-stop"], stopped).code, 0);
    let by_itself = "trap 'exit 143' TERM; kill -TERM $PPID; while :; do sleep 0.1; done";
    assert_eq!(script(&["--exit-zero-on-stop"], by_itself).code, 0);
    let failing = "trap 'exit 5' TERM; kill -TERM $PPID; while :; do sleep 0.1; done";
    assert_eq!(script(&["--exit-zero-on-stop"], failing).code, 5);
}

#[test]
fn a_mistake_is_told_and_ends_with_64() {
    let cases: [(&[&str], &str); 13] = [
        (&[], "there is no command"),
        (&["-g"], "there is no command"),
        (&["--nope", "true"], "unrecognized option '--nope'"),
        (&["-Z", "true"], "invalid option -- 'Z'"),
        (&["--wait", "5", "true"], "`5` has no unit"),
        (&["--wait"], "option '--wait' requires an argument"),
        (&["-e", "300", "true"], "`300` is neither an exit code, 0 to 255, nor a signal"),
        (&["-e", "1=x", "true"], "`x` is neither"),
        (&["-r", "TERM", "true"], "`TERM` is no rewriting"),
        (&["-r", "KILL:TERM", "true"], "never passed on"),
        (&["-p", "NOPE", "true"], "`NOPE` is no signal"),
        (&["--signal-state", "x", "true"], "`x` is no signal state"),
        (&["-g", "-c", "true"], "exclude each other"),
    ];
    for (words, told) in cases {
        let ran = Ran::of(init(words));
        assert_eq!(ran.code, 64, "{words:?}");
        assert!(
            ran.stderr.starts_with("foster init: ") && ran.stderr.contains(told),
            "{words:?}: {}",
            ran.stderr
        );
    }
}

#[test]
fn what_cannot_be_executed_is_told_with_the_cause() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (dos, lost) = (file("dos", "#!/bin/sh\r\nexit 0\n"), file("lost", "#!/no/interpreter\n"));
    for (command, code, told) in [
        ("no-such-command", 127, "cannot find `no-such-command` in PATH"),
        ("/no/such", 127, "cannot execute /no/such"),
        ("/", 126, "it is a directory"),
        (dos.as_str(), 127, "CR"),
        (lost.as_str(), 127, "/no/interpreter"),
    ] {
        let ran = Ran::of(init(&["--", command]));
        assert_eq!(ran.code, code, "{command}: {ran:?}");
        assert!(ran.stderr.starts_with("foster init: cannot ") && ran.stderr.contains(told), "{ran:?}");
    }
}

#[test]
fn help_is_that_of_the_declaration_and_names_every_option() {
    let ran = Ran::of(init(&["--help"]));
    assert_eq!(ran.code, 0);
    for flag in foster::init::foster::FLAGS {
        assert!(ran.stdout.contains(&format!("--{}", flag.long)), "{}", flag.long);
        // And each is understood, with some value.
        let value = match flag.value {
            "" => None,
            "SIGNAL" => Some("TERM"),
            "SIGNAL:SIGNAL" => Some("TERM:INT"),
            "CODE=CODE" => Some("1=2"),
            "TIME" => Some("1s"),
            _ => Some("reset"),
        };
        let word = format!("--{}", flag.long);
        let words: Vec<&str> = [word.as_str()].into_iter().chain(value).chain(["--", "true"]).collect();
        assert_eq!(Ran::of(init(&words)).code, 0, "{words:?}");
    }
    assert_eq!(Ran::of(init(&["-h"])).stdout, ran.stdout);
}

#[test]
fn its_life_is_told_where_that_is_wished() {
    let ran = script(&["-v"], "exit 3");
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert!(lines[0].starts_with("foster init: started /bin/sh, pid "), "{ran:?}");
    assert_eq!(lines[1..], ["foster init: the command exited with code 3"]);
    let ran = script(&["-vv"], "kill -USR1 $PPID; while :; do sleep 0.1; done");
    assert!(ran.stderr.contains("foster init: passed SIGUSR1 on"), "{ran:?}");
    assert!(ran.stderr.contains("foster init: the command was killed by SIGUSR1"), "{ran:?}");
    let ran = script(&["-w"], support::ORPHAN_DIES);
    assert!(ran.stderr.contains("foster init: reaped process "), "{ran:?}");
}

/// With signals blocked and ignored when the init begins.
fn inherits(words: &[&str]) -> (u64, u64) {
    let mut command = init(words);
    command.args(["sed", "-n", "s/Sig\\(Blk\\|Ign\\):\t//p", "/proc/self/status"]);
    // SAFETY: system calls only.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGCHLD, libc::SIG_IGN);
            libc::signal(libc::SIGTERM, libc::SIG_IGN);
            libc::signal(libc::SIGPIPE, libc::SIG_IGN);
            let mask = [1_u64 << 9 | 1 << 39];
            let none = std::ptr::null_mut::<u64>();
            libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, mask.as_ptr(), none, 8);
            Ok(())
        });
    }
    let ran = Ran::of(command);
    // glibc's posix_spawn(3) leaves two of its own ignored.
    let own = 3_u64 << 31;
    let mut masks = ran.stdout.lines().map(|line| u64::from_str_radix(line, 16).unwrap() & !own);
    (masks.next().unwrap(), masks.next().unwrap())
}

#[test]
fn the_signal_state_is_restored_or_reset() {
    let found = (1 << 9 | 1 << 39, 1 << 16 | 1 << 14 | 1 << 12);
    assert_eq!(inherits(&["--"]), found);
    assert_eq!(inherits(&["--signal-state", "restore", "--"]), found);
    assert_eq!(inherits(&["--signal-state", "reset", "--"]), (0, 0));
}

#[test]
fn the_command_has_a_group_of_its_own_or_that_of_the_init() {
    let group = "test $(ps -o pgid= -p $$) = $$";
    if !std::path::Path::new("/bin/ps").exists() {
        support::skip!("no ps");
    }
    assert_eq!(script(&[], group).code, 0);
    for option in ["-c", "--single-child", "--no-setsid"] {
        assert_eq!(script(&[option], group).code, 1, "{option}");
    }
    let mut command = init(&["--", "/bin/sh", "-c", group]);
    command.env("FOSTER_INIT_SINGLE_CHILD", "1");
    assert_eq!(Ran::of(command).code, 1);
    let mut command = init(&["--", "/bin/sh", "-c", group]);
    command.env("FOSTER_INIT_SINGLE_CHILD", "0");
    assert_eq!(Ran::of(command).code, 0);
}

#[test]
fn the_command_gets_every_descriptor_and_the_init_keeps_three() {
    let text = "exec 7</dev/null; exec \"$0\" init -- /bin/sh -c '
        test -e /proc/self/fd/7 || exit 1
        test -e /proc/$PPID/fd/2 || exit 2
        # It does so when this runs already.
        left=500
        while test -e /proc/$PPID/fd/7 || test \"$(readlink /proc/$PPID/cwd)\" != /; do
            left=$((left - 1)); test $left -gt 0 || exit 3; sleep 0.02
        done
        test \"$PWD\" = /tmp'";
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(text).arg(foster_bin()).current_dir("/tmp").stdin(Stdio::null());
    assert_eq!(Ran::of(command).code, 0);
}

#[test]
fn what_was_closed_is_closed_for_the_command_too() {
    let text =
        "exec <&-; exec \"$0\" init -- /bin/sh -c 'test -e /proc/self/fd/1 && ! test -e /proc/$$/fd/0'";
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(text).arg(foster_bin());
    assert_eq!(Ran::of(command).code, 0);
}

#[test]
fn sockets_that_were_meant_for_the_init_are_the_command_s() {
    for (given, wanted) in [("LISTEN_PID=$$ LISTEN_PIDFDID=5", "$$"), ("LISTEN_PID=1", "1")] {
        let text = format!(
            "{given} exec \"$0\" init -- /bin/sh -c 'test \"$LISTEN_PID$LISTEN_PIDFDID-$LISTEN_FDS\" = \"{wanted}-3\"'"
        );
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(text).arg(foster_bin()).env("LISTEN_FDS", "3").stdin(Stdio::null());
        assert_eq!(Ran::of(command).code, 0, "{given}");
    }
}

#[test]
fn the_death_of_its_parent_is_passed_on() {
    // The middle shell ends while the init runs; the command hears of it and says so.
    let directory = tempfile::tempdir().unwrap();
    let heard = directory.path().join("heard");
    let text = "\"$0\" init -p USR1 -- /bin/sh -c '
        trap \"echo heard > $1; exit\" USR1; echo ready > $1.fifo; while :; do sleep 0.1; done' sh \"$1\" &
        read -r line < \"$1.fifo\"";
    let fifo = directory.path().join("heard.fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let status = Command::new("/bin/sh").arg("-c").arg(text).arg(foster_bin()).arg(&heard).status().unwrap();
    assert!(status.success());
    let told = || std::fs::read_to_string(&heard).is_ok_and(|text| text == "heard\n");
    assert!(support::eventually(support::PATIENCE, told), "the command was not told");
}
