//! What a container is made of.

use super::container::Container;
use super::{Pids, foster_bin, helper};
use std::path::{Path, PathBuf};

/// Stands for the directory of the test in services, arguments and plights, where nothing else knows it.
pub const HERE: &str = "@HERE@";

/// Where foster's standard output and error go.
#[derive(Clone, Debug, Default)]
pub enum Output {
    /// Two pipes that the test reads, line by line.
    #[default]
    Read,
    /// Two pipes that nobody reads.
    Stalled,
    /// Two pipes whose readers have gone.
    Broken,
    /// A file, such as /dev/full.
    To(PathBuf),
    /// A terminal, which is its standard input too and controls its session, as of `docker run -t`.
    Terminal,
}

/// A container that is not started yet.
#[derive(Default)]
pub struct Setup {
    pub(super) services: Vec<(String, String)>,
    pub(super) config: Option<String>,
    pub(super) arguments: Option<Vec<String>>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) command: Vec<String>,
    pub(super) output: Output,
    pub(super) prelude: Option<String>,
    pub(super) plight: Vec<String>,
    pub(super) above: Option<String>,
    pub(super) pids: Option<Pids>,
    pub(super) held: bool,
    pub(super) network: bool,
}

impl Setup {
    pub fn new() -> Self {
        Self::default()
    }

    /// A service: `NAME.toml`; a name with a `/` is a drop-in.
    pub fn service(mut self, name: &str, toml: impl Into<String>) -> Self {
        self.services.push((name.into(), toml.into()));
        self
    }

    /// The text of `foster.toml`.
    pub fn config(mut self, toml: &str) -> Self {
        self.config = Some(toml.into());
        self
    }

    /// `[shutdown] timeout` of the container.
    pub fn budget(self, time: &str) -> Self {
        self.config(&format!("[shutdown]\ntimeout = \"{time}\"\n"))
    }

    /// The arguments of foster, instead of `run --services DIR`.
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = Some(arguments.iter().map(|&one| one.into()).collect());
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// A Docker CMD: the main service.
    pub fn command(mut self, argv: &[&str]) -> Self {
        self.command = argv.iter().map(|&one| one.into()).collect();
        self
    }

    pub fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// Shell text that runs in the same process before foster, such as `ulimit -n 64`.
    pub fn prelude(mut self, script: &str) -> Self {
        self.prelude = Some(script.into());
        self
    }

    /// What foster finds when it begins, in words of `plight`.
    pub fn under(mut self, words: &[&str]) -> Self {
        self.plight.extend(words.iter().map(|&word| word.into()));
        self
    }

    /// A shell script that is PID 1 instead of foster and runs it as `"$@"`.
    pub fn below(mut self, script: &str) -> Self {
        self.above = Some(script.into());
        self
    }

    /// A cgroup whose number of processes can be limited.
    pub fn pids(mut self, cgroup: Pids) -> Self {
        self.pids = Some(cgroup);
        self
    }

    /// A network of its own, with loopback and nothing else.
    pub fn network(mut self) -> Self {
        self.network = true;
        self
    }

    /// Foster is executed by [`Container::release`] only.
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    pub fn start(self) -> Container {
        Container::start(self)
    }

    /// Writes the files and gives the argv that becomes PID 1.
    pub(super) fn prepare(&self, directory: &Path) -> Vec<String> {
        let services = directory.join("services");
        std::fs::create_dir(&services).unwrap();
        for (name, toml) in &self.services {
            let path = services.join(format!("{name}.toml"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, toml.replace(HERE, directory.to_str().unwrap())).unwrap();
        }
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let mut foster = vec![text(&foster_bin())];
        if let Some(arguments) = &self.arguments {
            let place = directory.to_str().unwrap();
            foster.extend(arguments.iter().map(|one| one.replace(HERE, place)));
        } else {
            foster.extend(["run".into(), "--services".into(), text(&services)]);
            if let Some(config) = &self.config {
                let path = directory.join("foster.toml");
                std::fs::write(&path, config).unwrap();
                foster.extend(["--config".into(), text(&path)]);
            }
            if !self.command.is_empty() {
                foster.push("--".into());
                foster.extend(self.command.iter().cloned());
            }
        }
        if !self.plight.is_empty() {
            let words = self.plight.join(";").replace(HERE, &text(directory));
            let before = [helper::program(), helper::MARK.into(), "under".into(), words];
            foster.splice(0..0, before);
        }
        let script = match (&self.above, &self.prelude) {
            (Some(script), _) => script.clone(),
            (None, Some(prelude)) => format!("{prelude}\nexec \"$@\""),
            (None, None) => return foster,
        };
        let mut shell = vec!["/bin/sh".into(), "-c".into(), script, "sh".into()];
        shell.extend(foster);
        shell
    }
}
