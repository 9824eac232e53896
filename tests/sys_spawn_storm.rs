//! Many children, scarce resources, signals at the worst moment.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod sys_child;

use foster::model::{Exec, Exit, Signal};
use foster::sys::signal::{Sent, group_exists, kill, kill_family, kill_group};
use foster::sys::{Method, Outcome, Spawner, Stage, fds, reap};
use std::os::fd::AsFd;
use sys_child::{BOTH, alone, argv, end, is_root, prepare, report, sh};

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

#[test]
fn a_thousand_starts_leave_nothing_behind() {
    let _alone = alone();
    for method in BOTH {
        let mut spawner = Spawner::new(method).unwrap();
        let (_reader, out) = fds::pipe().unwrap();
        let (descriptors, before) = (open_descriptors(), mappings());
        for round in 0..1000 {
            let command = if round % 10 == 0 { "/nonexistent" } else { "/bin/true" };
            let prepared = prepare(&Exec::default(), &argv(&[command])).unwrap();
            let mut child = spawner.spawn(prepared, out.as_fd(), out.as_fd()).unwrap();
            if round % 3 == 0 {
                // Nobody listens to this one; its memory is freed all the same.
                drop(child.report);
            } else {
                assert_eq!(report(&mut child.report).is_ok(), round % 10 != 0);
            }
            assert_eq!(end(child.pid), Exit::Code(if round % 10 == 0 { 127 } else { 0 }));
        }
        assert_eq!(spawner.lent(), 0);
        assert_eq!(open_descriptors(), descriptors);
        assert!(mappings() <= before + 8, "{before} to {} mappings", mappings());
    }
}

#[test]
fn a_child_borrows_memory_unless_it_changes_who_it_is() {
    let _alone = alone();
    let mut spawner = Spawner::new(Method::Shared).unwrap();
    let (_reader, out) = fds::pipe().unwrap();
    let own = nix::unistd::geteuid().to_string();
    let cases = [
        (Exec::default(), 1),
        (Exec { user: Some(own), ..Exec::default() }, 0),
        (Exec { oom_score_adj: Some(1000), ..Exec::default() }, 0),
    ];
    for (exec, lent) in cases {
        let mut child =
            spawner.spawn(prepare(&exec, &argv(&["true"])).unwrap(), out.as_fd(), out.as_fd()).unwrap();
        assert_eq!(spawner.lent(), lent);
        report(&mut child.report).unwrap();
        assert_eq!((end(child.pid), spawner.lent()), (Exit::Code(0), 0));
    }
}

#[test]
fn more_children_at_once_than_stacks_all_start() {
    let _alone = alone();
    let mut spawner = Spawner::new(Method::Shared).unwrap();
    let (_reader, out) = fds::pipe().unwrap();
    let mut children: Vec<_> = (0..100)
        .map(|_| {
            let prepared = prepare(&Exec::default(), &argv(&["true"])).unwrap();
            spawner.spawn(prepared, out.as_fd(), out.as_fd()).unwrap()
        })
        .collect();
    for child in &mut children {
        report(&mut child.report).unwrap();
        assert_eq!(end(child.pid), Exit::Code(0));
        assert_eq!(child.report.poll(), Outcome::Executed, "and it stays so");
    }
    assert_eq!(spawner.lent(), 0);
    assert!(spawner.ready());
}

/// Every kind: one that ends, one whose default would be a core dump, a real-time one.
#[test]
fn a_signal_in_the_first_instant_is_never_lost() {
    let _alone = alone();
    for method in BOTH {
        let mut spawner = Spawner::new(method).unwrap();
        let (_reader, out) = fds::pipe().unwrap();
        for round in 0..500 {
            let number = [15, 3, 37, 1][round % 4];
            let signal = Signal::from_number(number).unwrap();
            let prepared = prepare(&Exec::default(), &argv(&["sleep", "1000"])).unwrap();
            let child = spawner.spawn(prepared, out.as_fd(), out.as_fd()).unwrap();
            let sent = if round % 2 == 0 { kill(child.pid, signal) } else { kill_family(child.pid, signal) };
            assert_eq!(sent, Sent::Sent);
            let exit = end(child.pid);
            assert_eq!(i32::from(exit.shell_code()), 128 + number, "{exit:?} in round {round}");
        }
        assert_eq!(spawner.lent(), 0);
    }
}

#[test]
fn a_child_killed_before_its_program_gives_its_stack_back() {
    let _alone = alone();
    let mut spawner = Spawner::new(Method::Shared).unwrap();
    let (_reader, out) = fds::pipe().unwrap();
    for _ in 0..200 {
        let prepared = prepare(&Exec::default(), &argv(&["sleep", "1000"])).unwrap();
        let mut child = spawner.spawn(prepared, out.as_fd(), out.as_fd()).unwrap();
        assert_eq!(kill(child.pid, Signal::KILL), Sent::Sent);
        assert_eq!(end(child.pid), Exit::Signal { signal: Signal::KILL, core: false });
        assert_eq!(child.report.poll(), Outcome::Executed, "dead, so never pending");
    }
    assert_eq!(spawner.lent(), 0);
}

#[test]
fn without_descriptors_a_start_fails_for_now_and_leaks_nothing() {
    let _alone = alone();
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let mut spawner = Spawner::new(Method::Shared).unwrap();
    let (_reader, out) = fds::pipe().unwrap();
    let before = open_descriptors();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let prepared = prepare(&Exec::default(), &argv(&["true"])).unwrap();
    // One is free, a pipe needs two.
    let lowest = std::fs::File::open("/dev/null").unwrap();
    let limit = std::os::fd::AsRawFd::as_raw_fd(&lowest) as u64 + 1;
    drop(lowest);
    setrlimit(Resource::RLIMIT_NOFILE, limit, hard).unwrap();
    let result = spawner.spawn(prepared, out.as_fd(), out.as_fd());
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    let error = result.expect_err("no descriptor is left");
    assert_eq!((error.stage, error.temporary()), (Stage::Pipe, true));
    assert_eq!(error.to_string(), "cannot start a process: Too many open files");
    assert_eq!((open_descriptors(), spawner.lent()), (before, 0));
}

#[test]
fn without_processes_a_start_fails_for_now_and_leaks_nothing() {
    let _alone = alone();
    let name = "without_processes_a_start_fails_for_now_and_leaks_nothing";
    if std::env::var_os("FOSTER_TEST_INNER").is_none() {
        if !is_root(name) {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let copy = dir.path().join("test");
        std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        let out = std::process::Command::new("setpriv")
            .args(["--reuid=4343", "--regid=4343", "--clear-groups"])
            .arg(copy)
            .args(["--exact", name, "--nocapture"])
            .env("FOSTER_TEST_INNER", "1")
            .current_dir("/")
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", sys_child::text(&out));
        return;
    }
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NPROC).unwrap();
    for method in BOTH {
        let mut spawner = Spawner::new(method).unwrap();
        let (_reader, out) = fds::pipe().unwrap();
        let before = open_descriptors();
        let prepared = || prepare(&Exec::default(), &argv(&["true"])).unwrap();
        setrlimit(Resource::RLIMIT_NPROC, 1, hard).unwrap();
        for _ in 0..50 {
            let error = spawner.spawn(prepared(), out.as_fd(), out.as_fd()).expect_err("no process is left");
            assert_eq!((error.stage, error.temporary()), (Stage::Fork, true));
            assert_eq!(
                error.to_string(),
                "cannot start a process: the limit of processes is reached (pids of the container, or nproc of the user)"
            );
        }
        setrlimit(Resource::RLIMIT_NPROC, soft, hard).unwrap();
        assert_eq!((open_descriptors(), spawner.lent()), (before, 0));
        assert_eq!(spawner.method(), method, "that is no reason to change the method");
        let mut child = spawner.spawn(prepared(), out.as_fd(), out.as_fd()).unwrap();
        report(&mut child.report).unwrap();
        assert_eq!(end(child.pid), Exit::Code(0));
    }
}

#[test]
fn a_dead_child_is_seen_until_it_is_consumed() {
    let _alone = alone();
    assert_eq!(reap::peek(), reap::Peek::None);
    let mut spawner = Spawner::new(Method::Shared).unwrap();
    let (_reader, out) = fds::pipe().unwrap();
    let sleeper = prepare(&Exec::default(), &argv(&["sleep", "1000"])).unwrap();
    let sleeper = spawner.spawn(sleeper, out.as_fd(), out.as_fd()).unwrap();
    assert_eq!(reap::peek(), reap::Peek::Running);
    let mut child =
        spawner.spawn(prepare(&Exec::default(), &sh("exit 7")).unwrap(), out.as_fd(), out.as_fd()).unwrap();
    report(&mut child.report).unwrap();
    let mut seen = reap::peek();
    while seen == reap::Peek::Running {
        seen = reap::peek();
    }
    let dead = reap::Peek::Dead { pid: child.pid, exit: Exit::Code(7) };
    assert_eq!((seen, reap::peek()), (dead, dead));
    assert_eq!(reap::session_of(child.pid), Some(child.pid), "of a zombie too");
    assert_eq!(reap::group_of(child.pid), Some(child.pid));
    assert!(group_exists(child.pid));
    assert_eq!(reap::peek_one(child.pid), Some(Exit::Code(7)));
    assert_eq!(reap::consume(child.pid), Some(Exit::Code(7)));
    assert_eq!(reap::consume(child.pid), None);
    assert_eq!(kill_group(child.pid, Signal::TERM), Sent::Gone);
    assert_eq!(kill_family(sleeper.pid, Signal::KILL), Sent::Sent);
    end(sleeper.pid);
}
