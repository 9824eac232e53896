//! One supervisor as PID 1 of a fresh pid and mount namespace.

use crate::Bench;
use crate::procfs;
use crate::records::{self, Record};
use crate::setup::{Load, Peer};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a start, a restart or a stop may take before the round counts as failed.
pub const LIMIT: Duration = Duration::from_secs(40);

/// The name of the control socket of foster.
const SOCKET: &str = "control.sock";

pub struct Instance {
    unshare: Child,
    /// PID 1 of the namespace, as seen from here.
    pub init: i32,
    pidfd: OwnedFd,
    pub records: PathBuf,
    /// Config and state of this run, on a tmpfs where there is one.
    _directory: tempfile::TempDir,
}

impl Instance {
    /// Starts the peer with the load and waits for time zero, but for no service.
    pub fn start(bench: &Bench, peer: &Peer, load: Load) -> Result<Self, String> {
        Self::start_in(bench, peer, load, None)
    }

    /// The same, in a cgroup that exists.
    pub fn start_in(bench: &Bench, peer: &Peer, load: Load, cgroup: Option<&Path>) -> Result<Self, String> {
        let base = if Path::new("/dev/shm").is_dir() { "/dev/shm".into() } else { std::env::temp_dir() };
        let directory =
            tempfile::Builder::new().prefix("foster-bench-").tempdir_in(base).map_err(|e| e.to_string())?;
        let records = directory.path().join("records");
        let argv =
            peer.prepare(&bench.options, load, directory.path(), &records).map_err(|e| e.to_string())?;
        let output = std::fs::File::create(directory.path().join("output")).map_err(|e| e.to_string())?;
        let mut command = match cgroup {
            None => Command::new("unshare"),
            Some(cgroup) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", "echo $$ >\"$0/cgroup.procs\" && exec unshare \"$@\""]).arg(cgroup);
                shell
            }
        };
        if !procfs::is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--pid", "--fork", "--mount-proc", "--kill-child", "--"]);
        command.arg(bench.options.helper("stamp-exec")).arg(&records).args(&argv);
        // Not one for all of them, in a directory of this machine.
        command.env("FOSTER_SOCKET", directory.path().join(SOCKET));
        command.stdin(Stdio::null()).stdout(output.try_clone().map_err(|e| e.to_string())?).stderr(output);
        let mut unshare = command.spawn().map_err(|e| format!("cannot run unshare: {e}"))?;
        let zero = records::wait(&records, 1, Duration::from_secs(5)).and_then(|_| {
            let init = procfs::only_child(unshare.id() as i32).ok_or("unshare has no child")?;
            Ok((init, open_pid(init)?))
        });
        match zero {
            Ok((init, pidfd)) => Ok(Self { unshare, init, pidfd, records, _directory: directory }),
            Err(why) => {
                let _ = unshare.kill();
                let _ = unshare.wait();
                Err(why)
            }
        }
    }

    /// Where the control socket is.
    pub fn socket(&self) -> PathBuf {
        self.records.with_file_name(SOCKET)
    }

    /// Waits for `count` records in all and gives those of one kind.
    pub fn wait(&self, count: usize, kind: char) -> Result<Vec<Record>, String> {
        let begin = std::time::Instant::now();
        let all = loop {
            // In slices, so that a supervisor that has ended is not waited for.
            match records::wait(&self.records, count, Duration::from_millis(200)) {
                Ok(all) => break all,
                Err(_) if begin.elapsed() < LIMIT && !wait_end(&self.pidfd, Duration::ZERO) => {}
                Err(why) => {
                    let why =
                        if wait_end(&self.pidfd, Duration::ZERO) { format!("it ended; {why}") } else { why };
                    let output =
                        std::fs::read_to_string(self.records.with_file_name("output")).unwrap_or_default();
                    return Err(format!("{why}; it said: {:?}", output.trim()));
                }
            }
        };
        Ok(all.into_iter().filter(|one| one.kind == kind).collect())
    }

    /// CLOCK_MONOTONIC right before the exec of the supervisor.
    pub fn zero(&self) -> u64 {
        records::read(&self.records).iter().find(|one| one.kind == 'Z').map_or(0, |one| one.ns)
    }

    /// A process of the namespace, by its pid in there, as seen from here.
    pub fn outside(&self, inside: u32) -> Result<i32, String> {
        procfs::in_namespace_of(self.init)
            .into_iter()
            .find(|&pid| procfs::innermost_pid(pid) == Some(inside))
            .ok_or_else(|| format!("no process {inside} in the namespace"))
    }

    /// The processes of the supervisor: all in the namespace but the services.
    pub fn supervision(&self, bench: &Bench) -> Vec<i32> {
        let mut services = vec![PathBuf::from(bench.options.helper("service"))];
        services.extend(services[0].canonicalize().ok());
        procfs::in_namespace_of(self.init)
            .into_iter()
            .filter(|pid| {
                std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| !services.contains(&exe))
            })
            .collect()
    }

    /// Runs a program in the namespace, as `docker exec` and exec probes do.
    pub fn enter(&self, argv: &[String]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(self.init.to_string());
        if !procfs::is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.args(["--pid", "--mount", "--"]).args(argv);
        command
    }

    /// SIGTERM to PID 1; milliseconds until it has ended, and its exit code.
    pub fn stop(mut self) -> Result<(f64, Option<i32>), String> {
        let begin = records::now();
        procfs::kill(self.init, libc::SIGTERM);
        if !wait_end(&self.pidfd, LIMIT) {
            return Err("did not end".into());
        }
        let end = records::now();
        let status = self.unshare.wait().map_err(|e| e.to_string())?;
        Ok(((end - begin) as f64 / 1e6, status.code()))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Ok(None) = self.unshare.try_wait() {
            // The namespace goes with its PID 1, and unshare with that. PID 1 is not reaped before unshare ends.
            procfs::kill(self.init, libc::SIGKILL);
            let _ = self.unshare.wait();
        }
    }
}

#[allow(unsafe_code)]
fn open_pid(pid: i32) -> Result<OwnedFd, String> {
    // SAFETY: a system call with two integers; a descriptor that it returns is ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return Err(format!("cannot open pid {pid}: {}", std::io::Error::last_os_error()));
    }
    // SAFETY: see above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

#[allow(unsafe_code)]
fn wait_end(pidfd: &OwnedFd, limit: Duration) -> bool {
    let mut poll = libc::pollfd { fd: pidfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one pollfd of our own.
    unsafe { libc::poll(&raw mut poll, 1, limit.as_millis() as i32) == 1 }
}
