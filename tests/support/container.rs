//! A started container.

use super::processes::{self, Process};
use super::setup::{Output, Setup};
use super::transcript::{END, Line, Source, Transcript};
use super::{PATIENCE, Pids, eventually, foster_bin, helper, is_root, pause, terminal, unshare};
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How a container ended.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// As a container runtime shows it: 128+n when PID 1 was killed by signal n.
    pub code: i32,
    /// Since the first stop signal that the test sent, or since the start.
    pub after: Duration,
}

pub struct Container {
    unshare: Child,
    /// PID 1, as seen from here.
    init: i32,
    pidfd: OwnedFd,
    /// The gate that the exec of foster waits behind.
    gate: Option<UnixStream>,
    transcript: Arc<Transcript>,
    readers: Vec<JoinHandle<()>>,
    events: std::fs::File,
    started: Instant,
    signalled: Option<Instant>,
    exit: Option<Exit>,
    above: bool,
    pids: Option<Pids>,
    stalled: Vec<OwnedFd>,
    network: bool,
    terminal: Option<std::fs::File>,
    directory: tempfile::TempDir,
}

impl Container {
    pub(super) fn start(setup: Setup) -> Self {
        let directory = tempfile::Builder::new().prefix("foster-test-").tempdir().unwrap();
        // Services run as other users too, and have to reach the sockets in it.
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(directory.path(), everybody).unwrap();
        let argv = setup.prepare(directory.path());
        let fifo = directory.path().join("events");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o666)).unwrap();
        // Whatever the umask is.
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        std::fs::set_permissions(&fifo, all).unwrap();
        // Open for both, so that it neither blocks nor ends while no service has it open.
        let events = std::fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
        let socket = directory.path().join("gate");
        let listener = UnixListener::bind(&socket).unwrap();

        let mut command = unshare();
        if setup.network {
            command.arg("--net");
        }
        if let Some(pids) = &setup.pids {
            command = pids.wrap(&command);
        }
        let role = match setup.output {
            _ if setup.network => "enter-network",
            Output::Terminal => "enter-terminal",
            _ => "enter",
        };
        command.arg(helper::program()).args([helper::MARK, role]).arg(&socket).args(&argv);
        command
            .env("EVENTS", &fifo)
            .env("DIRECTORY", directory.path())
            // The usual places are shared with everybody else on this machine.
            .env("FOSTER_SOCKET", directory.path().join("control.sock"))
            .env("HELPER", helper::program())
            .env_remove("FOSTER_SKIPPED");
        command.envs(setup.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        let mut terminal = None;
        match &setup.output {
            Output::To(path) => {
                let open = || std::fs::OpenOptions::new().append(true).open(path).unwrap();
                command.stdout(open()).stderr(open());
            }
            Output::Terminal => {
                let (master, slave) = terminal::open();
                let slave = || slave.try_clone().unwrap();
                command.stdin(slave()).stdout(slave()).stderr(slave());
                terminal = Some(master);
            }
            _ => {
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
            }
        }
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        // Its copies of the terminal keep that open.
        drop(command);
        let transcript = Arc::new(Transcript::default());
        let mut readers = vec![transcript.read(Source::Event, events.try_clone().unwrap())];
        let mut stalled: Vec<OwnedFd> = Vec::new();
        if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
            match setup.output {
                Output::Stalled => stalled.extend([stdout.into(), stderr.into()]),
                Output::Broken => drop((stdout, stderr)),
                Output::Read | Output::To(_) | Output::Terminal => {
                    readers.push(transcript.read(Source::Stdout, stdout));
                    readers.push(transcript.read(Source::Stderr, stderr));
                }
            }
        }
        if let Some(terminal) = &terminal {
            readers.push(transcript.read(Source::Stdout, terminal.try_clone().unwrap()));
        }
        let started = Instant::now();
        assert!(readable(&listener, PATIENCE), "PID 1 did not come: {}", transcript.show(started));
        let (gate, _) = listener.accept().unwrap();
        let init = peer_pid(&gate);
        let mut container = Self {
            unshare: child,
            init,
            pidfd: open_pid(init),
            gate: Some(gate),
            transcript,
            readers,
            events,
            started,
            signalled: None,
            exit: None,
            above: setup.above.is_some(),
            pids: setup.pids,
            stalled,
            network: setup.network,
            terminal,
            directory,
        };
        if !setup.held {
            container.release();
        }
        container
    }

    /// Lets a held container execute foster.
    pub fn release(&mut self) {
        if let Some(mut gate) = self.gate.take() {
            self.started = Instant::now();
            gate.write_all(b"go").unwrap();
        }
    }

    /// The test fails, with all that was seen.
    #[track_caller]
    pub fn fail(&self, what: &str) -> ! {
        panic!("{what}\n{}", self.transcript.show(self.started))
    }

    #[track_caller]
    pub fn check(&self, holds: bool, what: &str) {
        if !holds {
            self.fail(what);
        }
    }

    /// Waits for an event whose words begin with these, such as `up web`.
    #[track_caller]
    pub fn wait_event(&self, words: &str) -> Line {
        self.wait_events(words, 1).pop().unwrap()
    }

    /// The same for the count-th time; gives all of them.
    #[track_caller]
    pub fn wait_events(&self, words: &str, count: usize) -> Vec<Line> {
        self.wait_for(&format!("{count} × the event {words:?}"), PATIENCE, |lines| {
            let found: Vec<Line> = lines.iter().filter(|line| is_event(line, words)).cloned().collect();
            (found.len() >= count).then_some(found)
        })
    }

    /// Waits for a line of foster that contains all of these, in any case of letters.
    #[track_caller]
    pub fn wait_line(&self, parts: &[&str]) -> Line {
        self.wait_for(&format!("a line with {parts:?}"), PATIENCE, |lines| {
            lines.iter().find(|line| line.source != Source::Event && contains(line, parts)).cloned()
        })
    }

    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, limit: Duration, find: impl FnMut(&[Line]) -> Option<T>) -> T {
        self.transcript
            .wait(limit, find)
            .unwrap_or_else(|| self.fail(&format!("waited {limit:?} in vain for {what}")))
    }

    pub fn lines(&self) -> Vec<Line> {
        self.transcript.lines()
    }

    /// The events so far, as text.
    pub fn events(&self) -> Vec<String> {
        self.lines().into_iter().filter(|line| line.source == Source::Event).map(|line| line.text).collect()
    }

    /// Waits until all that services have said so far is among the events.
    #[track_caller]
    pub fn catch_up(&self) {
        let mark = format!("caught up with {}", self.lines().len());
        (&self.events).write_all(format!("{mark}\n").as_bytes()).unwrap();
        self.wait_event(&mark);
    }

    /// Which event came first, by position; fails when it never came.
    #[track_caller]
    pub fn position(&self, words: &str) -> usize {
        let found =
            self.lines().iter().filter(|l| l.source == Source::Event).position(|line| is_event(line, words));
        found.unwrap_or_else(|| self.fail(&format!("no event {words:?}")))
    }

    /// Fails unless the events came in this order.
    #[track_caller]
    pub fn check_order(&self, events: &[&str]) {
        let at: Vec<usize> = events.iter().map(|event| self.position(event)).collect();
        self.check(at.is_sorted(), &format!("not in this order: {events:?}"));
    }

    /// Whether foster printed a line with all of these.
    pub fn printed(&self, parts: &[&str]) -> bool {
        self.lines().iter().any(|line| line.source != Source::Event && contains(line, parts))
    }

    /// The master's side of its terminal.
    pub fn terminal(&self) -> &std::fs::File {
        self.terminal.as_ref().expect("a container with a terminal")
    }

    /// Sends a signal to foster, through its pidfd.
    pub fn signal(&mut self, signal: i32) {
        self.signalled.get_or_insert_with(Instant::now);
        if self.above {
            let foster =
                self.processes().into_iter().find(|one| one.exe == foster_bin()).expect("foster runs");
            processes::signal(foster.outside, signal);
        } else {
            send(&self.pidfd, signal);
        }
    }

    pub fn terminate(&mut self) {
        self.signal(libc::SIGTERM);
    }

    /// The pid inside of the newest process that said `up NAME PID`.
    #[track_caller]
    pub fn pid_of(&self, name: &str) -> u32 {
        let up = format!("up {name}");
        let lines = self.lines();
        let line = lines.iter().rev().find(|line| is_event(line, &up)).unwrap_or_else(|| self.fail(&up));
        line.text.split(' ').nth(2).and_then(|pid| pid.parse().ok()).unwrap_or_else(|| self.fail(&line.text))
    }

    /// Sends a signal to the newest process of a service, from outside.
    #[track_caller]
    pub fn kill(&self, name: &str, signal: i32) {
        let inside = self.pid_of(name);
        let found = self.processes().into_iter().find(|one| one.inside == inside);
        processes::signal(found.unwrap_or_else(|| self.fail(&format!("{name} has gone"))).outside, signal);
    }

    /// A program that enters the container, as `docker exec` does.
    pub fn exec(&self, argv: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(self.init.to_string());
        if !is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        if self.network {
            command.arg("--net");
        }
        command.args(["--pid", "--mount", "--"]).args(argv);
        command.env("EVENTS", self.directory.path().join("events")).stdin(Stdio::null());
        command
    }

    /// All processes of the namespace, zombies included.
    pub fn processes(&self) -> Vec<Process> {
        processes::in_namespace_of(self.init)
    }

    /// Waits until a program runs: a signal that comes between fork and exec of a shell's child is lost to the child.
    #[track_caller]
    pub fn wait_program(&self, name: &str) {
        let runs = || self.processes().iter().any(|one| one.name == name);
        self.check(eventually(PATIENCE, runs), &format!("{name} does not run"));
    }

    pub fn zombies(&self) -> Vec<Process> {
        self.processes().into_iter().filter(|one| one.state == 'Z').collect()
    }

    /// How often PID 1 was put to sleep or aside: its wakeups.
    pub fn context_switches(&self) -> u64 {
        processes::context_switches(self.init)
    }

    /// Waits until PID 1 sleeps, and has done so for half a second.
    #[track_caller]
    pub fn wait_rest(&self) {
        let rests = || {
            let before = self.context_switches();
            pause(Duration::from_millis(500));
            let sleeps = self.processes().iter().any(|one| one.outside == self.init && one.state == 'S');
            sleeps && self.context_switches() == before
        };
        self.check(eventually(PATIENCE, rests), "it does not come to rest");
    }

    /// CPU time that PID 1 has used.
    pub fn cpu_time(&self) -> Duration {
        processes::cpu_time(self.init)
    }

    /// Private memory of PID 1 in KiB.
    pub fn private_memory(&self) -> u64 {
        processes::private_memory(self.init)
    }

    /// Memory of PID 1 that is in no file, in KiB.
    pub fn anonymous_memory(&self) -> u64 {
        processes::memory(self.init, &["Anonymous:"])
    }

    pub fn init(&self) -> i32 {
        self.init
    }

    /// How many descriptors PID 1 has open.
    pub fn descriptors(&self) -> u64 {
        std::fs::read_dir(format!("/proc/{}/fd", self.init)).unwrap().count() as u64
    }

    /// Sets the soft limit of open descriptors of PID 1; gives what it was.
    pub fn limit_descriptors(&self, count: u64) -> u64 {
        processes::limit_descriptors(self.init, count)
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where a service can write a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The cgroup that the setup was given.
    pub fn pids(&self) -> &Pids {
        self.pids.as_ref().expect("a pids cgroup")
    }

    /// Waits for the end and for the last line of output.
    #[track_caller]
    pub fn wait_exit(&mut self, limit: Duration) -> Exit {
        if let Some(exit) = self.exit {
            return exit;
        }
        let unshare = open_pid(self.unshare.id() as i32);
        if !readable(&unshare, limit) {
            self.fail(&format!("still running after {limit:?}; processes: {:#?}", self.processes()));
        }
        let end = Instant::now();
        let status = self.unshare.wait().unwrap();
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        let exit = Exit { code, after: end - self.signalled.unwrap_or(self.started) };
        self.exit = Some(exit);
        self.finish_reading();
        exit
    }

    /// Waits for the end and its code.
    #[track_caller]
    pub fn expect_exit(&mut self, code: i32) -> Exit {
        let exit = self.wait_exit(PATIENCE);
        self.check(exit.code == code, &format!("ended with {} instead of {code}", exit.code));
        exit
    }

    /// SIGTERM, and a clean end inside the time.
    #[track_caller]
    pub fn stop_within(&mut self, limit: Duration) -> Exit {
        self.terminate();
        let exit = self.expect_exit(0);
        self.check(exit.after <= limit, &format!("took {:?} to stop, more than {limit:?}", exit.after));
        exit
    }

    fn finish_reading(&mut self) {
        let _ = self.events.write_all(format!("{END}\n").as_bytes());
        self.stalled.clear();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if self.exit.is_none() {
            // The namespace goes with its PID 1, and unshare with that.
            send(&self.pidfd, libc::SIGKILL);
            let _ = self.unshare.wait();
            self.finish_reading();
        }
    }
}

fn is_event(line: &Line, words: &str) -> bool {
    line.source == Source::Event
        && line.text.strip_prefix(words).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn contains(line: &Line, parts: &[&str]) -> bool {
    let text = line.text.to_lowercase();
    parts.iter().all(|part| text.contains(&part.to_lowercase()))
}

fn readable(fd: &impl std::os::fd::AsRawFd, limit: Duration) -> bool {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let end = Instant::now() + limit;
    loop {
        let left = end.saturating_duration_since(Instant::now()).as_millis() as i32;
        // SAFETY: one pollfd of our own.
        match unsafe { libc::poll(&raw mut poll, 1, left) } {
            -1 if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            count => return count == 1,
        }
    }
}

/// The pid of who connected, as seen from here even when it lives in a namespace below.
fn peer_pid(stream: &UnixStream) -> i32 {
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut size = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the pointers are to locals of the size that is said.
    let result = unsafe {
        let to = (&raw mut credentials).cast();
        libc::getsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, to, &raw mut size)
    };
    assert!(result == 0 && credentials.pid > 0, "no peer credentials");
    credentials.pid
}

fn open_pid(pid: i32) -> OwnedFd {
    // SAFETY: integers; the descriptor that it returns is ours.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        assert!(fd >= 0, "cannot open pid {pid}: {}", std::io::Error::last_os_error());
        OwnedFd::from_raw_fd(fd as i32)
    }
}

fn send(pidfd: &OwnedFd, signal: i32) {
    let info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a descriptor, an integer, a null pointer that is allowed, and no flags. A process that has ended gives ESRCH.
    unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, info, 0_u32) };
}
