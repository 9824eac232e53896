//! How each peer is told to run the same services.

use crate::options::Options;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// What runs, and as what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// N services; whatever the peer does by default.
    Plain(usize),
    /// N services, restarted with the least delay that the peer can be set to.
    Immediate(usize),
    /// N services that shall see a clean stop.
    Stop(usize),
    /// One service that ignores SIGTERM, with a stop timeout of [`GRACE_MS`].
    Stubborn,
    /// One service that makes K orphans.
    Orphans(usize),
    /// N services whose health is asked once a second.
    Probed(usize, Look),
    /// A service, and if so another one that writes without end.
    Beside(bool),
}

/// What health is asked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Exec,
    /// The port of this machine that answers.
    Tcp(u16),
    Http(u16),
}

pub const GRACE_MS: u32 = 2000;

impl Load {
    pub fn services(self) -> usize {
        match self {
            Self::Plain(n) | Self::Immediate(n) | Self::Stop(n) | Self::Probed(n, _) => n,
            Self::Stubborn | Self::Orphans(_) | Self::Beside(_) => 1,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Floor,
    Foster,
    S6,
    Runit,
    /// foster init, tini, dumb-init, catatonit: one command.
    Single,
}

/// The one of these that is a verb.
const INIT: &str = "foster init";

#[derive(Clone, Debug)]
pub struct Peer {
    pub name: &'static str,
    pub kind: Kind,
    pub program: PathBuf,
    pub version: String,
}

/// The peers that this machine has; the others are named on standard error.
pub fn installed(options: &Options) -> Vec<Peer> {
    let all = [
        ("floor", Kind::Floor, options.helper("floor"), ""),
        ("foster", Kind::Foster, options.foster.to_string_lossy().into_owned(), ""),
        (INIT, Kind::Single, options.foster.to_string_lossy().into_owned(), ""),
        ("s6", Kind::S6, "s6-svscan".into(), "s6"),
        ("runit", Kind::Runit, "runsvdir".into(), "runit"),
        ("tini", Kind::Single, "tini".into(), "tini"),
        ("dumb-init", Kind::Single, "dumb-init".into(), "dumb-init"),
        ("catatonit", Kind::Single, "catatonit".into(), "catatonit"),
    ];
    let mut found = Vec::new();
    for (name, kind, program, package) in all {
        // The floor is always there: it is what the ratios are to.
        if kind != Kind::Floor && !options.peers.is_empty() && !options.peers.iter().any(|one| one == name) {
            continue;
        }
        let Some(program) = locate(&program) else {
            eprintln!("skipped: {name}: {program} is not there");
            continue;
        };
        let version = match kind {
            Kind::Floor => "tests/bench/src/floor.c".into(),
            _ if kind == Kind::Foster || name == INIT => {
                first_line(Command::new(&program).arg("--version")).unwrap_or_else(|| "?".into())
            }
            _ => first_line(Command::new("dpkg-query").args([
                "-W",
                "-f",
                "${Package} ${Version} (Debian)",
                package,
            ]))
            .unwrap_or_else(|| "version not known".into()),
        };
        found.push(Peer { name, kind, program, version });
    }
    found
}

pub fn locate(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.is_file());
    }
    std::env::var("PATH").ok()?.split(':').map(|at| Path::new(at).join(program)).find(|path| path.is_file())
}

pub fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
}

impl Peer {
    /// The program, and what is to be said before a command.
    pub fn words(&self) -> Vec<String> {
        let program = self.program.to_string_lossy().into_owned();
        let words: &[&str] = match self.name {
            INIT => &["init", "--"],
            "tini" => &["-s", "--"],
            "catatonit" => &["--"],
            _ => &[],
        };
        std::iter::once(program).chain(words.iter().map(|&word| word.into())).collect()
    }

    /// Whether the peer can do this at all.
    pub fn can(&self, load: Load) -> bool {
        match (self.kind, load) {
            (Kind::Single, Load::Plain(n) | Load::Stop(n)) => n == 1,
            (Kind::Single, Load::Orphans(_)) => true,
            (Kind::Single, _) | (Kind::Runit, Load::Immediate(_)) => false,
            _ => true,
        }
    }

    /// Writes the configuration and gives the argv of PID 1.
    pub fn prepare(
        &self,
        o: &Options,
        load: Load,
        directory: &Path,
        records: &Path,
    ) -> io::Result<Vec<String>> {
        let program = self.program.to_string_lossy().into_owned();
        let services = directory.join("services");
        fs::create_dir(&services)?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let command = |id: &str| -> Vec<String> {
            match load {
                Load::Orphans(count) => vec![o.helper("orphans"), text(records), count.to_string()],
                Load::Stubborn => vec![o.helper("service"), text(records), id.into(), "ignore-term".into()],
                _ => vec![o.helper("service"), text(records), id.into()],
            }
        };
        let each = |write: &dyn Fn(&str, Vec<String>) -> io::Result<()>| -> io::Result<()> {
            (0..load.services()).try_for_each(|id| write(&format!("s{id:03}"), command(&id.to_string())))
        };
        let mut argv = vec![program];
        match self.kind {
            Kind::Floor => {
                argv.extend([load.services().to_string(), GRACE_MS.to_string()]);
                argv.extend(command("{}"));
            }
            Kind::Single => {
                argv = self.words();
                argv.extend(command("0"));
            }
            Kind::Foster => {
                each(&|name, command| {
                    fs::write(services.join(format!("{name}.toml")), foster(load, &command))
                })?;
                if load == Load::Beside(true) {
                    let flood =
                        format!("command = [\"yes\", \"{}\"]\n[log]\nto = \"null\"\n", "x".repeat(99));
                    fs::write(services.join("flood.toml"), flood)?;
                }
                argv.extend(["run".into(), "--services".into(), text(&services)]);
            }
            Kind::S6 => {
                each(&|name, command| s6(load, &services.join(name), command))?;
                argv.extend(["-c".into(), "1000".into(), text(&services)]);
            }
            Kind::Runit => {
                each(&|name, command| {
                    fs::create_dir(services.join(name))?;
                    script(
                        &services.join(name).join("run"),
                        &format!("#!/bin/sh\nexec {}\n", command.join(" ")),
                    )
                })?;
                // runsvdir waits a second when its directory has changed in the current one; an image's is old.
                let long_ago = SystemTime::now() - Duration::from_secs(3600);
                fs::File::open(&services)?.set_modified(long_ago)?;
                argv.extend(["-P".into(), text(&services)]);
                if matches!(load, Load::Stop(_) | Load::Stubborn) {
                    // At SIGTERM runsvdir just ends, and the kernel kills the rest: images wrap it like this.
                    let wait = if load == Load::Stubborn { GRACE_MS / 1000 } else { 7 };
                    let wrapper = directory.join("init");
                    let (all, runsvdir) = (text(&services), argv.join(" "));
                    script(
                        &wrapper,
                        &format!(
                            "#!/bin/sh\ntrap 'sv -w {wait} force-stop {all}/* >/dev/null; kill -HUP $p; wait $p; exit 0' TERM\n\
                             {runsvdir} & p=$!\nwhile :; do wait; done\n"
                        ),
                    )?;
                    argv = vec![text(&wrapper)];
                }
            }
        }
        Ok(argv)
    }
}

fn foster(load: Load, command: &[String]) -> String {
    let mut text = format!("command = {command:?}\n");
    if matches!(load, Load::Immediate(_)) {
        text.push_str("[restart]\ndelay = \"0\"\nlimit = \"unlimited\"\n");
    }
    if let Load::Probed(_, look) = load {
        let probe = match look {
            Look::Exec => "exec = \"/bin/true\"".to_owned(),
            Look::Tcp(port) => format!("tcp = \"127.0.0.1:{port}\""),
            Look::Http(port) => format!("http = \"http://127.0.0.1:{port}/\""),
        };
        let _ = writeln!(text, "[health]\n{probe}\ninterval = \"1s\"");
    }
    if load == Load::Stubborn {
        let _ = writeln!(text, "[stop]\ntimeout = \"{GRACE_MS}ms\"");
    }
    text
}

fn s6(load: Load, directory: &Path, mut command: Vec<String>) -> io::Result<()> {
    fs::create_dir(directory)?;
    if matches!(load, Load::Immediate(_)) {
        // s6-supervise rests a second before it restarts what was not ready, so readiness is its least delay.
        fs::write(directory.join("notification-fd"), "3\n")?;
        command.push("ready-3".into());
    }
    if load == Load::Stubborn {
        fs::write(directory.join("timeout-kill"), format!("{GRACE_MS}\n"))?;
    }
    // Debian's dynamic execlineb takes longer to start than its sh: the run script that is the better for s6.
    script(&directory.join("run"), &format!("#!/bin/sh\nexec {}\n", command.join(" ")))
}

fn script(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}
