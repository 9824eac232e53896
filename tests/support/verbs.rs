//! The verbs, executed in a container as `docker exec` would.

use super::container::Container;
use super::{PATIENCE, eventually, foster_bin, is_root, processes, record_skip};
use std::process::{Command, Stdio};

/// What a verb did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Of a command that ends by itself, or is killed.
    pub fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap_or(-1);
        Self { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// Kills what hangs, with the code 137.
const DEADLINE: [&str; 4] = ["timeout", "-s", "KILL", "60"];

impl Container {
    /// A verb, not started yet, that finds the supervisor of this container.
    pub fn verb(&self, arguments: &[&str]) -> Command {
        self.verb_below(&DEADLINE, arguments)
    }

    /// The same, executed by these words.
    pub fn verb_below(&self, below: &[&str], arguments: &[&str]) -> Command {
        let foster = foster_bin();
        let mut words = below.to_vec();
        words.push(foster.to_str().unwrap());
        words.extend(arguments);
        let mut command = self.exec(&words);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FOSTER_")) {
            command.env_remove(name);
        }
        command.env("FOSTER_SOCKET", self.path("control.sock")).env_remove("NO_COLOR");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Executes a verb to its end.
    pub fn foster(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.verb(arguments))
    }

    /// The same with what it must end with.
    #[track_caller]
    pub fn foster_ends(&self, code: i32, arguments: &[&str]) -> Ran {
        let ran = self.foster(arguments);
        self.check(ran.code == code, &format!("{arguments:?} did not end with {code}: {ran:#?}"));
        ran
    }

    /// The JSON that a verb prints.
    #[track_caller]
    pub fn foster_json(&self, code: i32, arguments: &[&str]) -> serde_json::Value {
        let ran = self.foster_ends(code, arguments);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| self.fail(&format!("{error}: {ran:#?}")))
    }

    /// Executes a verb as another user; `None` where nobody can become one.
    pub fn foster_as_nobody(&self, arguments: &[&str]) -> Option<Ran> {
        if !is_root() {
            record_skip("only root can become another user");
            return None;
        }
        // Neither the build directory nor that of the container is everybody's.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(self.directory(), open).unwrap();
        let copy = self.path("foster");
        if !copy.exists() {
            // Not by this process: a fork of another thread would hold it open for writing, and nobody could execute it.
            assert!(Command::new("cp").arg(foster_bin()).arg(&copy).status().unwrap().success());
        }
        let user =
            ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", copy.to_str().unwrap()];
        let mut words = DEADLINE.to_vec();
        words.extend(user);
        words.extend(arguments);
        let mut command = self.exec(&words);
        command.env("FOSTER_SOCKET", self.path("control.sock"));
        Some(Ran::of(command))
    }

    /// Sends a signal to the verb that runs in the container, once it catches or ignores it.
    #[track_caller]
    pub fn signal_verb(&self, signal: i32) {
        let bit = 1 << (signal - 1);
        let ready = |pid: i32| {
            (processes::signal_mask(pid, "SigCgt") | processes::signal_mask(pid, "SigIgn")) & bit != 0
        };
        self.check(eventually(PATIENCE, || self.find_verb().is_some_and(ready)), "no verb is ready for it");
        self.kill_verb(signal);
    }

    /// Sends a signal to the verb that runs in the container.
    #[track_caller]
    pub fn kill_verb(&self, signal: i32) {
        match self.find_verb() {
            Some(pid) => processes::signal(pid, signal),
            None => self.fail("no verb runs"),
        }
    }

    /// The pid, as seen from here, of the verb that runs in the container.
    fn find_verb(&self) -> Option<i32> {
        let mut here = self.processes().into_iter();
        here.find(|one| one.exe == foster_bin() && one.outside != self.init()).map(|one| one.outside)
    }

    /// Waits until a service is in this state.
    #[track_caller]
    pub fn wait_state(&self, service: &str, state: &str) {
        let holds = || {
            let status: serde_json::Value =
                serde_json::from_str(&self.foster(&["status", service, "--json"]).stdout).unwrap_or_default();
            status["services"][0]["state"] == state
        };
        self.check(eventually(PATIENCE, holds), &format!("{service} does not become {state}"));
    }
}
