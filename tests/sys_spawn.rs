//! What a child is when its program begins.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod sys_child;

use foster::model::{Environment, Exec, Exit, Limit, Resource, Stdin};
use foster::sys::{Prepared, Spawner, fds, limits, users};
use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use sys_child::{BOTH, alone, argv, end, is_root, path_only, report, run, sh, try_run_with};

fn status_field(text: &str, name: &str) -> String {
    let line = text.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name} in {text}"));
    line.split_once(':').unwrap().1.trim().to_owned()
}

#[test]
fn the_arguments_arrive_exactly() {
    let _alone = alone();
    let words = argv(&["printf", "%s|", "", "a b", "\u{e9}\n", "$HOME", "*"]);
    assert_eq!(run(&Exec::default(), &words).stdout, "|a b|\u{e9}\n|$HOME|*|");
}

#[test]
fn the_environment_is_the_one_that_was_built_and_nothing_else() {
    let _alone = alone();
    let exec = Exec {
        environment: Environment { set: vec![("A".into(), "x=y\nz".into())], ..Environment::default() },
        ..Exec::default()
    };
    let container: Vec<(OsString, OsString)> = vec![("B".into(), "1".into()), ("A".into(), "0".into())];
    for method in BOTH {
        let extra = [("FOSTER_SERVICE", OsStr::new("web"))];
        let prepared = Prepared::new(&exec, &argv(&["/usr/bin/env", "-0"]), &extra, &container).unwrap();
        let done = try_run_with(&mut Spawner::new(method).unwrap(), prepared).unwrap();
        assert_eq!(done.stdout, "A=x=y\nz\0B=1\0FOSTER_SERVICE=web\0");
    }
}

#[test]
fn a_command_is_found_in_the_default_path_when_the_child_has_none() {
    let _alone = alone();
    for method in BOTH {
        let prepared = Prepared::new(&Exec::default(), &argv(&["echo", "hi"]), &[], &[]).unwrap();
        let done = try_run_with(&mut Spawner::new(method).unwrap(), prepared).unwrap();
        assert_eq!(done.stdout, "hi\n");
    }
}

#[test]
fn the_path_of_the_child_is_searched_and_not_that_of_the_supervisor() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tool");
    std::fs::write(&path, "#!/bin/sh\necho mine\n").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let value = format!("/nonexistent:{}:/usr/bin", dir.path().display());
    let exec = Exec {
        environment: Environment { set: vec![("PATH".into(), value)], ..Environment::default() },
        ..Exec::default()
    };
    assert_eq!(run(&exec, &argv(&["tool"])).stdout, "mine\n");
}

#[test]
fn a_script_without_a_first_line_is_run_by_the_shell() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("script");
    std::fs::write(&path, "echo \"$0:$1:$2\"\n").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(run(&Exec::default(), &argv(&[path, "a b", "c"])).stdout, format!("{path}:a b:c\n"));
    std::fs::write(path, "").unwrap();
    assert_eq!(run(&Exec::default(), &argv(&[path])).exit, Exit::Code(0), "an empty file is an empty script");
}

#[test]
fn every_signal_has_its_default_action_and_none_is_blocked_or_pending() {
    let _alone = alone();
    // Bad inheritance: all is blocked in the supervisor itself, and Rust's runtime ignores SIGPIPE.
    use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before)).unwrap();
    let done = run(&Exec::default(), &argv(&["cat", "/proc/self/status"]));
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None).unwrap();
    for field in ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"] {
        assert_eq!(status_field(&done.stdout, field), "0000000000000000", "{field}");
    }
}

#[test]
fn it_leads_a_session_and_a_process_group_of_its_own() {
    let _alone = alone();
    let done = run(&Exec::default(), &sh("cat /proc/$$/stat; echo $$"));
    let fields: Vec<&str> = done.stdout.rsplit_once(") ").unwrap().1.split_whitespace().collect();
    let own = *fields.last().unwrap();
    assert_eq!((fields[2], fields[3], fields[4]), (own, own, "0"), "group, session, no terminal: {fields:?}");
}

#[test]
fn no_descriptor_but_the_three_is_inherited() {
    let _alone = alone();
    // One that forgot close-on-exec, as a library might.
    let file = std::fs::File::open("/proc/self/status").unwrap();
    nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let done = run(&Exec::default(), &argv(&["ls", "/proc/self/fd"]));
    assert_eq!(done.stdout.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"], "3 is that of ls");
    drop(file);
}

#[test]
fn standard_input_is_empty_a_file_or_an_error() {
    let _alone = alone();
    assert_eq!(run(&Exec::default(), &argv(&["cat"])).stdout, "");
    assert_eq!(run(&Exec::default(), &argv(&["readlink", "/proc/self/fd/0"])).stdout, "/dev/null\n");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("in");
    std::fs::write(&path, "text").unwrap();
    let exec = Exec { stdin: Stdin::Path(path.to_str().unwrap().into()), ..Exec::default() };
    assert_eq!(run(&exec, &argv(&["cat"])).stdout, "text");
    let exec = Exec { stdin: Stdin::Path("/nonexistent/in".into()), ..Exec::default() };
    let error = sys_child::fails(&exec, &argv(&["cat"]));
    assert_eq!(error.to_string(), "cannot open /nonexistent/in as standard input: No such file or directory");
}

#[test]
fn the_supervisors_own_output_can_be_passed_on() {
    let _alone = alone();
    // Descriptors 1 and 2 crosswise: no order of duplicating may lose one.
    for method in BOTH {
        let mut spawner = Spawner::new(method).unwrap();
        let script = "test $(readlink /proc/$$/fd/1) = $(readlink /proc/$PPID/fd/2) \
                      && test $(readlink /proc/$$/fd/2) = $(readlink /proc/$PPID/fd/1)";
        let prepared = sys_child::prepare(&Exec::default(), &sh(script)).unwrap();
        let (out, err) = (std::io::stdout(), std::io::stderr());
        let mut child = spawner.spawn(prepared, err.as_fd(), out.as_fd()).unwrap();
        report(&mut child.report).unwrap();
        assert_eq!(end(child.pid), Exit::Code(0), "{method:?}");
    }
}

#[test]
fn working_directory_umask_and_nice_are_set() {
    let _alone = alone();
    let exec = Exec {
        working_directory: Some("/usr/lib".into()),
        umask: Some(0o027),
        nice: Some(7),
        ..Exec::default()
    };
    assert_eq!(run(&exec, &sh("pwd; umask; nice")).stdout, "/usr/lib\n0027\n7\n");
}

#[test]
fn limits_are_set_and_that_of_open_files_is_the_inherited_one() {
    let _alone = alone();
    let before = run(&Exec::default(), &sh("ulimit -Sn; ulimit -Hn")).stdout;
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, 512, 4096).unwrap();
    assert_eq!(limits::raise_nofile(), 4096);
    assert_eq!(run(&Exec::default(), &sh("ulimit -Sn; ulimit -Hn")).stdout, "512\n4096\n", "not {before}");
    let exec = Exec {
        limits: vec![
            Limit { resource: Resource::Nofile, soft: Some(100), hard: Some(200) },
            Limit { resource: Resource::Core, soft: Some(0), hard: Some(0) },
        ],
        ..Exec::default()
    };
    assert_eq!(run(&exec, &sh("ulimit -Sn; ulimit -Hn; ulimit -c")).stdout, "100\n200\n0\n");
}

#[test]
fn the_oom_score_is_the_childs_and_not_the_supervisors() {
    let _alone = alone();
    let own = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    let exec = Exec { oom_score_adj: Some(321), ..Exec::default() };
    assert_eq!(run(&exec, &argv(&["cat", "/proc/self/oom_score_adj"])).stdout, "321\n");
    assert_eq!(std::fs::read_to_string("/proc/self/oom_score_adj").unwrap(), own);
}

#[test]
fn no_new_privileges_is_set() {
    let _alone = alone();
    let exec = Exec { no_new_privileges: true, ..Exec::default() };
    let words = argv(&["cat", "/proc/self/status"]);
    assert_eq!(status_field(&run(&exec, &words).stdout, "NoNewPrivs"), "1");
    assert_eq!(status_field(&run(&Exec::default(), &words).stdout, "NoNewPrivs"), "0");
}

#[test]
fn only_the_named_capabilities_are_kept() {
    let _alone = alone();
    if !is_root("only_the_named_capabilities_are_kept") {
        return;
    }
    let words = argv(&["cat", "/proc/self/status"]);
    let caps = |exec: &Exec| {
        let text = run(exec, &words).stdout;
        ["CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb"].map(|f| status_field(&text, f))
    };
    let bit10 = "0000000000000400";
    let none = "0000000000000000";
    let root = Exec { capabilities: Some(vec![10]), ..Exec::default() };
    assert_eq!(caps(&root), [bit10, bit10, bit10, bit10, none]);
    let user = Exec { user: Some("4242".into()), ..root };
    assert_eq!(caps(&user), [bit10; 5]);
    let nothing = Exec { capabilities: Some(vec![]), ..Exec::default() };
    assert_eq!(caps(&nothing), [none; 5]);
    let nobody = Exec { user: Some("4242".into()), capabilities: Some(vec![]), ..Exec::default() };
    assert_eq!(caps(&nobody), [none; 5]);
}

#[test]
fn a_user_brings_its_groups_home_and_name() {
    let _alone = alone();
    if !is_root("a_user_brings_its_groups_home_and_name") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("passwd"), "web:x:4001:4002::/srv/web:/bin/false\n").unwrap();
    std::fs::write(dir.path().join("group"), "web:x:4002:\nlog:x:4003:web\nssl:x:4004:other\n").unwrap();
    let database = users::Database::below(dir.path());
    let script = "id -u; id -g; grep Groups /proc/self/status; echo $HOME $USER $LOGNAME";
    let with = |exec: &Exec| {
        let [first, second] = BOTH.map(|method| {
            let prepared = Prepared::with_database(exec, &sh(script), &[], &path_only(), &database).unwrap();
            try_run_with(&mut Spawner::new(method).unwrap(), prepared).unwrap().stdout
        });
        assert_eq!(first, second);
        first.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let web = Exec { user: Some("web".into()), ..Exec::default() };
    assert_eq!(with(&web), "4001 4002 Groups: 4002 4003 /srv/web web web");
    let number = Exec { user: Some("4001".into()), ..Exec::default() };
    assert_eq!(with(&number), "4001 4002 Groups: 4002 4003 /srv/web web web");
    let unknown = Exec { user: Some("5555".into()), ..Exec::default() };
    assert!(with(&unknown).starts_with("5555 0 Groups:"), "{}", with(&unknown));
    assert!(with(&unknown).ends_with(" /"), "{}", with(&unknown));
    let explicit = Exec {
        group: Some("ssl".into()),
        supplementary_groups: Some(vec!["log".into(), "77".into()]),
        ..web
    };
    assert_eq!(with(&explicit), "4001 4004 Groups: 77 4003 /srv/web web web");
}

#[test]
fn the_supervisor_stays_dumpable_when_a_child_changes_its_user() {
    let _alone = alone();
    if !is_root("the_supervisor_stays_dumpable_when_a_child_changes_its_user") {
        return;
    }
    let before = nix::sys::prctl::get_dumpable().unwrap();
    run(&Exec { user: Some("4242".into()), ..Exec::default() }, &argv(&["true"]));
    assert_eq!(nix::sys::prctl::get_dumpable().unwrap(), before);
}

#[test]
fn descriptors_arrive_where_they_are_to_be_whatever_is_there_before() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    // Far more than the test has open, so targets lie on sources, on the report pipe and on what it stands on.
    let files: Vec<_> =
        (0..40).map(|n| std::fs::File::create(dir.path().join(n.to_string())).unwrap()).collect();
    let script =
        "for fd in $(seq 3 42) 77; do basename $(readlink /proc/$$/fd/$fd); done; set -- /proc/$$/fd/*; echo $#;
        test $LISTEN_PID = $$ && test $WATCHDOG_PID = $$ && echo own";
    let exec = Exec {
        environment: Environment { set: vec![("LISTEN_PID".into(), "7".into())], ..Environment::default() },
        ..Exec::default()
    };
    let mut expected: Vec<String> = (0..40).rev().map(|n| n.to_string()).collect();
    expected.extend(["0", "45", "own"].map(str::to_owned));
    for method in BOTH {
        let mut passed: Vec<_> = files.iter().rev().zip(3..).map(|(file, fd)| (file.as_fd(), fd)).collect();
        passed.push((files[0].as_fd(), 77));
        let prepared = sys_child::prepare(&exec, &sh(script)).unwrap();
        let prepared = prepared.pass(&passed, &["LISTEN_PID", "WATCHDOG_PID"]);
        let done = try_run_with(&mut Spawner::new(method).unwrap(), prepared).unwrap();
        assert_eq!(done.stdout.lines().collect::<Vec<_>>(), expected, "{method:?} {}", done.stderr);
    }
}

#[test]
fn a_failure_is_reported_when_descriptors_have_moved_the_report() {
    let _alone = alone();
    let file = std::fs::File::open("/dev/null").unwrap();
    for method in BOTH {
        let passed: Vec<_> = (3..60).map(|fd| (file.as_fd(), fd)).collect();
        let prepared = sys_child::prepare(&Exec::default(), &argv(&["/nonexistent/x"])).unwrap();
        let error =
            try_run_with(&mut Spawner::new(method).unwrap(), prepared.pass(&passed, &[])).unwrap_err();
        assert_eq!(error.to_string(), "cannot execute /nonexistent/x: No such file or directory");
    }
}

#[test]
fn becoming_who_one_is_already_works() {
    let _alone = alone();
    let own = nix::unistd::geteuid().to_string();
    let exec = Exec { user: Some(own.clone()), ..Exec::default() };
    assert_eq!(run(&exec, &argv(&["id", "-u"])).stdout, format!("{own}\n"));
    let _ = fds::closed_at_entry();
}
