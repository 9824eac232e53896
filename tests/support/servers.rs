//! What tests with real servers share: a directory that outlives a container, and what the servers answer.

use super::container::Container;
use super::processes::Process;
use super::setup::Setup;
use super::{eventually, is_root, pause};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

/// How long real servers may take: databases write their files first.
pub const LONG: Duration = Duration::from_secs(60);

/// The files of a tree of servers. Another container may begin where the first one ended.
pub struct World {
    directory: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("foster-real-").tempdir().unwrap();
        // The servers run as users of their own.
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        Self { directory }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file for everybody to read and, as a CGI program has to be, to execute; `WORLD` in it stands for the
    /// directory, and indentation does not count.
    pub fn file(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let lines: String = text.lines().map(|line| line.trim_start().to_owned() + "\n").collect();
        std::fs::write(&path, self.fill(&lines)).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// The text with `WORLD` replaced by the directory.
    pub fn fill(&self, text: &str) -> String {
        text.replace("WORLD", self.path().to_str().unwrap())
    }

    /// The services, each `(NAME, TOML)`, in a container with a network of its own.
    pub fn setup(&self, services: &[(&str, &str)]) -> Setup {
        services
            .iter()
            .fold(Setup::new().network(), |setup, (name, toml)| setup.service(name, self.fill(toml)))
    }
}

/// Why these programs cannot be tried here, if so: what is missing, and the Debian package that has it.
pub fn servers_problem(needed: &[(&str, &str)]) -> Option<String> {
    if !is_root() {
        return Some("servers with users of their own need root".into());
    }
    let missing: Vec<String> = needed
        .iter()
        .filter(|(name, _)| program(name).is_none())
        .map(|(name, package)| format!("{name} (package {package})"))
        .collect();
    (!missing.is_empty()).then(|| format!("not installed: {}", missing.join(", ")))
}

/// Where a program is: by PATH, or where Debian keeps the servers that are not in it. A version may follow the name.
pub fn program(name: &str) -> Option<PathBuf> {
    let mut places: Vec<PathBuf> =
        ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"].map(PathBuf::from).into();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    places.extend(versions.map(|version| version.path().join("bin")));
    let exact = places.iter().map(|place| place.join(name)).find(|path| path.is_file());
    exact.or_else(|| {
        let entries = places.iter().flat_map(std::fs::read_dir).flatten().flatten().map(|entry| entry.path());
        entries.into_iter().find(|path| {
            let version = path.file_name().and_then(|file| file.to_str()?.strip_prefix(name));
            path.is_file() && version.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
        })
    })
}

impl Container {
    /// What a program that enters the container says.
    pub fn ask(&self, argv: &[&str]) -> Output {
        self.exec(argv).output().unwrap()
    }

    /// Asks until the answer has this in it.
    #[track_caller]
    pub fn wait_answer(&self, argv: &[&str], expected: &str) {
        let mut last = None;
        let answered = eventually(LONG, || {
            let output = self.ask(argv);
            let holds = output.status.success() && String::from_utf8_lossy(&output.stdout).contains(expected);
            last = Some(output);
            if !holds {
                // A server that logs what it refuses should not log a thousand times.
                pause(Duration::from_millis(20));
            }
            holds
        });
        self.check(answered, &format!("{argv:?} does not answer {expected:?}: {last:?}"));
    }

    /// The main process of a server, if it lives: the child of PID 1 whose command line has this in it.
    pub fn server(&self, command: &str) -> Option<Process> {
        self.processes()
            .into_iter()
            .find(|one| one.parent == self.init() && one.state != 'Z' && one.command_line().contains(command))
    }

    /// The same, by its pid inside; it has to live.
    #[track_caller]
    pub fn server_pid(&self, command: &str) -> u32 {
        self.server(command).unwrap_or_else(|| self.fail(&format!("{command:?} does not run"))).inside
    }

    /// The pids inside of all processes with this name.
    pub fn all_of(&self, name: &str) -> Vec<u32> {
        self.processes().into_iter().filter(|one| one.name == name).map(|one| one.inside).collect()
    }

    /// Kills the main process of a server.
    #[track_caller]
    pub fn kill_server(&self, command: &str) {
        let main = self.server(command).unwrap_or_else(|| self.fail(&format!("{command:?} does not run")));
        super::signal(main.outside, libc::SIGKILL);
    }

    /// The same, and waits for the one that takes its place; gives its pid inside.
    #[track_caller]
    pub fn replace(&self, command: &str) -> u32 {
        let before: Vec<u32> = self.processes().iter().map(|one| one.inside).collect();
        self.kill_server(command);
        let mut successor = None;
        let replaced = eventually(LONG, || {
            // What the dead one left behind has been adopted by PID 1, and may look like it.
            successor = self.server(command).map(|one| one.inside).filter(|pid| !before.contains(pid));
            successor.is_some()
        });
        self.check(replaced, &format!("{command:?} was not replaced"));
        successor.unwrap()
    }
}
