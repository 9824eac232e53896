//! The command line of the driver.

use std::path::PathBuf;

pub struct Options {
    /// Fewer rounds and smaller loads.
    pub quick: bool,
    /// The parts to run; empty means all.
    pub only: Vec<String>,
    /// The peers to run; empty means all that are installed.
    pub peers: Vec<String>,
    /// The supervisor under test.
    pub foster: PathBuf,
    /// Where the compiled C programs of `src/` are.
    pub helpers: PathBuf,
    /// What compiled them, for the report.
    pub compiler: String,
    /// Where the figures go.
    pub document: PathBuf,
    /// Rounds, instead of the default of each part.
    pub rounds: Option<usize>,
}

impl Options {
    /// `None` when not run as a benchmark (`cargo test --all-targets` runs this program, too).
    pub fn from_arguments() -> Option<Self> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut options = Self {
            quick: false,
            only: Vec::new(),
            peers: Vec::new(),
            foster: PathBuf::from(env!("CARGO_BIN_EXE_foster")),
            helpers: root.join("tests/bench/out"),
            compiler: "cc".into(),
            document: root.join("docs/benchmarks.md"),
            rounds: None,
        };
        let mut benchmark = false;
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let (name, inline) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let mut value = || {
                inline
                    .clone()
                    .or_else(|| arguments.next())
                    .unwrap_or_else(|| usage(&format!("{name} needs a value")))
            };
            let list = |text: String| text.split(',').map(str::to_owned).collect();
            match name.as_str() {
                "--bench" => benchmark = true,
                "--quick" => options.quick = true,
                "--only" => options.only = list(value()),
                "--peers" => options.peers = list(value()),
                "--foster" => options.foster = value().into(),
                "--helpers" => options.helpers = value().into(),
                "--compiler" => options.compiler = value(),
                "--document" => options.document = value().into(),
                "--rounds" => options.rounds = value().parse().ok(),
                other => usage(&format!("unknown option {other}")),
            }
        }
        benchmark.then_some(options)
    }

    /// Whether a part was asked for.
    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|one| one == part)
    }

    /// Rounds: as asked, or the default of the mode.
    pub fn rounds(&self, quick: usize, full: usize) -> usize {
        self.rounds.unwrap_or(if self.quick { quick } else { full })
    }

    /// Path of a compiled helper.
    pub fn helper(&self, name: &str) -> String {
        self.helpers.join(name).to_string_lossy().into_owned()
    }
}

fn usage(problem: &str) -> ! {
    eprintln!("{problem}");
    eprintln!(
        "usage: sh tests/bench/run.sh [--quick] [--only start,restart,orphans,stop,memory,idle,init,control,probes,flood,log,size] \
         [--peers floor,foster,…] [--foster PATH] [--rounds K] [--document FILE]"
    );
    std::process::exit(64);
}
