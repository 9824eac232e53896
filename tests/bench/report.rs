//! Tables, and the page that they go to.

use crate::options::Options;
use crate::setup::Peer;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(title: &str, head: &[&str]) -> Self {
        Self { title: title.into(), head: head.iter().map(|&cell| cell.into()).collect(), rows: Vec::new() }
    }

    pub fn row(&mut self, name: &str, cells: Vec<String>) {
        let mut row = vec![name.to_owned()];
        row.extend(cells);
        self.rows.push(row);
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = format!("### {}\n\n{}", self.title, line(&self.head));
        text.push_str("| --- |");
        text.push_str(&" ---: |".repeat(self.head.len() - 1));
        text.push('\n');
        self.rows.iter().for_each(|row| text.push_str(&line(row)));
        text
    }
}

pub struct Report {
    parts: Vec<String>,
}

impl Report {
    pub fn new() -> Self {
        Self { parts: Vec::new() }
    }

    pub fn add(&mut self, table: Table) {
        let text = table.markdown();
        eprintln!("{text}");
        self.parts.push(text);
    }

    pub fn note(&mut self, text: String) {
        self.parts.push(text + "\n");
    }

    pub fn text(&self, options: &Options, peers: &[Peer], took: Duration) -> String {
        let mut text = format!(
            "Machine: {}. {} run of {}, {} s in all. Service program: static, by {}.\n\n",
            machine(),
            if options.quick { "Quick" } else { "Full" },
            shell("date -u '+%Y-%m-%d %H:%M UTC'"),
            took.as_secs(),
            options.compiler,
        );
        text.push_str("Versions: ");
        let versions: Vec<String> =
            peers.iter().map(|peer| format!("{} = {}", peer.name, peer.version)).collect();
        let _ = writeln!(text, "{}.\n", versions.join("; "));
        text.push_str(&self.parts.join("\n"));
        text
    }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = shell("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1");
    let memory = shell("awk '/^MemTotal/ {printf \"%.0f GiB\", $2 / 1048576}' /proc/meminfo");
    let system = shell(". /etc/os-release && echo \"$PRETTY_NAME\"");
    format!("{cores} cores of {model}, {memory}, {system}, Linux {}", shell("uname -r"))
}

fn shell(script: &str) -> String {
    let output =
        Command::new("sh").args(["-c", script]).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

/// The order of a round: A B C, then C B A.
pub fn order(count: usize, round: usize) -> Vec<usize> {
    let forward = 0..count;
    if round.is_multiple_of(2) { forward.collect() } else { forward.rev().collect() }
}

/// A failed round is said when it happens.
pub fn complain<T>(peer: &Peer, result: &Result<T, String>) {
    if let Err(why) = result {
        eprintln!("{}: {why}", peer.name);
    }
}

const BEGIN: &str = "<!-- figures: begin (written by tests/bench/run.sh) -->";
const END: &str = "<!-- figures: end -->";

/// Puts the figures between the markers of the page; the text around them is written by hand.
pub fn store(document: &Path, figures: &str) -> std::io::Result<()> {
    let page =
        std::fs::read_to_string(document).unwrap_or_else(|_| format!("# Benchmarks\n\n{BEGIN}\n{END}\n"));
    let missing = || std::io::Error::other("the markers are missing");
    let begin = page.find(BEGIN).ok_or_else(missing)? + BEGIN.len();
    let end = page.find(END).ok_or_else(missing)?;
    std::fs::write(document, format!("{}\n\n{}\n{}", &page[..begin], figures.trim_end(), &page[end..]))
}
