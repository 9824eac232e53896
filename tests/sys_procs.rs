//! Descendants are found and signalled, and nobody else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod sys_child;

use foster::model::{Environment, Exec, Exit, Signal};
use foster::sys::{Method, Spawner, fds, procs, reap};
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use sys_child::{alone, argv, end, prepare, report, sh};

/// A bystander: the child of a process that is not of ours any more, were we no subreaper.
#[test]
fn descendants_in_any_session_are_signalled_and_bystanders_are_not() {
    let _alone = alone();
    assert!(reap::set_child_subreaper());
    let (reader, out) = fds::pipe().unwrap();
    let mut spawner = Spawner::new(Method::Shared).unwrap();
    let script = "setsid sleep 1000 & echo $!; (sleep 1000 & echo $!); echo up; exec sleep 1000";
    let mut child =
        spawner.spawn(prepare(&Exec::default(), &sh(script)).unwrap(), out.as_fd(), out.as_fd()).unwrap();
    report(&mut child.report).unwrap();
    let mut lines = BufReader::new(std::fs::File::from(reader)).lines();
    let mut pids: Vec<i32> = (0..2).map(|_| lines.next().unwrap().unwrap().parse().unwrap()).collect();
    // The shell in between has ended, and what it left is a child of this process.
    assert_eq!(lines.next().unwrap().unwrap(), "up");
    // Reaped first: with it the others become orphans, and so children of this process.
    pids.insert(0, child.pid);
    let seen = procs::descendants().unwrap();
    assert!(pids.iter().all(|p| seen.contains(p)), "{pids:?} in {seen:?}");
    assert!(!seen.contains(&nix::unistd::getppid().as_raw()));
    let sweep = procs::signal_descendants(Signal::TERM, &[]);
    assert!(sweep.complete);
    assert!(pids.iter().all(|p| sweep.signalled.contains(p)), "{sweep:?}");
    for pid in pids {
        assert_eq!(end(pid), Exit::Signal { signal: Signal::TERM, core: false });
    }
    assert_eq!(procs::descendants().unwrap(), Vec::<i32>::new());
}

#[test]
fn a_fork_bomb_cannot_outrun_sigkill() {
    let _alone = alone();
    assert!(reap::set_child_subreaper());
    let (reader, out) = fds::pipe().unwrap();
    let mut spawner = Spawner::new(Method::Shared).unwrap();
    // Each one begets its successor in a new session and dies: always about one alive, never the same.
    let script = "echo up; b() { setsid sh -c \"$1\" bomb \"$1\" & exit; }; b 'setsid sh -c \"$1\" bomb \"$1\" & exit'";
    for _ in 0..2 {
        let child =
            spawner.spawn(prepare(&Exec::default(), &sh(script)).unwrap(), out.as_fd(), out.as_fd()).unwrap();
        drop(child.report);
    }
    let mut lines = BufReader::new(std::fs::File::from(reader)).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "up");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        procs::signal_descendants(Signal::KILL, &[]);
        loop {
            match reap::peek() {
                reap::Peek::Dead { pid, .. } => drop(reap::consume(pid)),
                reap::Peek::Running => break,
                reap::Peek::None => return,
            }
        }
        assert!(std::time::Instant::now() < deadline, "something always escapes");
    }
}

#[test]
fn a_process_is_described_by_its_program_and_its_service() {
    let _alone = alone();
    let (_reader, out) = fds::pipe().unwrap();
    let mut spawner = Spawner::new(Method::Shared).unwrap();
    let environment =
        Environment { set: vec![("FOSTER_SERVICE".into(), "web".into())], ..Environment::default() };
    let exec = Exec { environment, ..Exec::default() };
    let mut child =
        spawner.spawn(prepare(&exec, &argv(&["sleep", "1000"])).unwrap(), out.as_fd(), out.as_fd()).unwrap();
    report(&mut child.report).unwrap();
    let description = procs::describe(child.pid).unwrap();
    assert_eq!((description.comm.as_str(), description.service.as_deref()), ("sleep", Some("web")));
    let sweep = procs::signal_descendants(Signal::KILL, &[]);
    assert_eq!(sweep.signalled, [child.pid]);
    end(child.pid);
    assert_eq!(procs::describe(child.pid), None);
}
