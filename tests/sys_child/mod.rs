//! Real children for the tests of `sys`: made, read to their end, reaped one by one.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use foster::model::{Exec, Exit};
use foster::sys::{Method, Outcome, Prepared, Report, SpawnError, Spawner, fds, reap};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::io::Read;
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub const BOTH: [Method; 2] = [Method::Shared, Method::Fork];

/// Children are of the whole process, so one test at a time has them.
pub fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

pub fn sh(script: &str) -> Vec<String> {
    argv(&["/bin/sh", "-c", script])
}

pub fn path_only() -> Vec<(OsString, OsString)> {
    vec![("PATH".into(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into())]
}

pub fn prepare(exec: &Exec, words: &[String]) -> Result<Prepared, SpawnError> {
    Prepared::new(exec, words, &[], &path_only())
}

#[derive(Debug)]
pub struct Finished {
    pub pid: i32,
    pub stdout: String,
    pub stderr: String,
    pub exit: Exit,
}

/// Waits for the child's report, at most ten seconds.
pub fn report(report: &mut Report) -> Result<(), SpawnError> {
    loop {
        match report.poll() {
            Outcome::Executed => return Ok(()),
            Outcome::Failed(error) => return Err(error),
            Outcome::Pending => {
                let ready =
                    poll(&mut [PollFd::new(report.as_fd(), PollFlags::POLLIN)], PollTimeout::from(10_000u16));
                assert!(ready.unwrap() > 0, "no report within ten seconds");
            }
        }
    }
}

/// Waits for the child's end and reaps it.
pub fn end(pid: i32) -> Exit {
    // An error is of nix, which has no name for a death by a real-time signal.
    let _ = waitid(Id::Pid(Pid::from_raw(pid)), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
    reap::consume(pid).expect("it was dead")
}

pub fn try_run(method: Method, exec: &Exec, words: &[String]) -> Result<Finished, SpawnError> {
    let mut spawner = Spawner::new(method).unwrap();
    try_run_with(&mut spawner, prepare(exec, words)?)
}

pub fn try_run_with(spawner: &mut Spawner, prepared: Prepared) -> Result<Finished, SpawnError> {
    let (out_reader, out) = fds::pipe().unwrap();
    let (err_reader, err) = fds::pipe().unwrap();
    let mut child = spawner.spawn(prepared, out.as_fd(), err.as_fd())?;
    drop((out, err));
    let outcome = report(&mut child.report);
    let (mut stdout, mut stderr) = (String::new(), String::new());
    std::fs::File::from(out_reader).read_to_string(&mut stdout).unwrap();
    std::fs::File::from(err_reader).read_to_string(&mut stderr).unwrap();
    let exit = end(child.pid);
    if outcome.is_err() {
        assert_eq!(exit, Exit::Code(127), "a child that failed ends with 127");
    }
    assert_eq!(spawner.lent(), 0, "the stack came back");
    outcome.map(|()| Finished { pid: child.pid, stdout, stderr, exit })
}

/// Runs it by every method, and expects the same each time.
pub fn run(exec: &Exec, words: &[String]) -> Finished {
    let mut list = BOTH.map(|method| try_run(method, exec, words).expect("it starts")).into_iter();
    let (first, second) = (list.next().unwrap(), list.next().unwrap());
    assert_eq!((first.exit, &first.stderr), (second.exit, &second.stderr));
    first
}

pub fn fails(exec: &Exec, words: &[String]) -> SpawnError {
    let [first, second] = BOTH.map(|method| try_run(method, exec, words).expect_err("it does not start"));
    assert_eq!(first, second);
    first
}

/// Whether this is root; says so when a test is skipped for it.
pub fn is_root(test: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("skipped: {test} needs root");
    }
    root
}

/// What a run of the test as somebody else has said.
pub fn text(out: &std::process::Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}
