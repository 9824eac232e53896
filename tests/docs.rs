//! What the documentation shows works.
//!
//! Every fenced block of README.md and docs/*.md says what it is, and is tried accordingly:
//!
//! - `toml`: a configuration file; its first line is `# file: NAME.toml`, `# file: NAME.d/X.toml` or
//!   `# file: foster.toml`. The files below one `##` heading are one tree. It must load without errors, as
//!   `foster check` would load it; warnings (a server that is not installed here) are allowed.
//! - `console`: commands behind `$ `, and what they print. `foster check` is executed, in a directory with the tree of the
//!   section in `services.d`, and must print what is shown and else succeed. Of any other `foster` command line (also
//!   behind `cargo run … --`), only the options are tried, by adding `--help`. Of `cargo` the subcommand must be one of
//!   those used here, of `sh FILE` and `.ci/run` the file must exist.
//! - `dockerfile`: instructions exist, an ENTRYPOINT or CMD is an array, and one that executes foster has options that
//!   it understands. Whole images are built and run by tests/docker/run.sh.
//! - `text`: not tried. Any other mark, and none, is an error.
//!
//! Links within the documentation must lead somewhere. docs/config.md is generated and has its own test.
#![allow(clippy::expect_used, clippy::panic)]

use foster::config::{ConfigFile, Mode, Request, Variables, load};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const FOSTER: &str = env!("CARGO_BIN_EXE_foster");

struct Block {
    /// `page:line`, for messages.
    at: String,
    kind: String,
    text: String,
}

struct Section {
    blocks: Vec<Block>,
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![PathBuf::from("README.md")];
    for entry in fs::read_dir("docs").expect("docs") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    assert!(pages.len() > 8, "the pages were not found");
    pages
}

/// The blocks of a page, by the `##` heading above them.
fn sections(page: &Path) -> Vec<Section> {
    let text = fs::read_to_string(page).expect("a page");
    let mut sections = vec![Section { blocks: Vec::new() }];
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => {
                let section = sections.last_mut().expect("a section");
                section.blocks.extend(open.take());
            }
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, Some(kind)) => {
                let at = format!("{}:{}", page.display(), number + 1);
                open = Some(Block { at, kind: kind.to_owned(), text: String::new() });
            }
            (None, None) if line.starts_with("## ") => sections.push(Section { blocks: Vec::new() }),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{}: a block has no end", page.display());
    sections
}

/// Writes the configuration files of a section; the services go to `services.d`.
fn write_tree(section: &Section, root: &Path) -> usize {
    let services = root.join("services.d");
    fs::create_dir(&services).expect("a directory");
    let mut written = 0;
    for block in section.blocks.iter().filter(|b| b.kind == "toml") {
        let name = block.text.lines().next().and_then(|line| line.strip_prefix("# file: "));
        let name = name.unwrap_or_else(|| panic!("{}: the first line is not `# file: NAME.toml`", block.at));
        let path = if name == "foster.toml" { root.join(name) } else { services.join(name) };
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        assert!(!path.exists(), "{}: {name} is there twice", block.at);
        fs::write(path, &block.text).expect("a file");
        written += 1;
    }
    written
}

#[test]
fn every_configuration_shown_is_right() {
    let mut tried = 0;
    for page in pages().iter().filter(|page| !page.ends_with("config.md")) {
        for section in sections(page) {
            let directory = tempfile::tempdir().expect("a directory");
            let root = directory.path();
            if write_tree(&section, root) == 0 {
                continue;
            }
            tried += 1;
            let environment = Variables::from([("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into())]);
            let mut request = Request::new(vec![root.join("services.d")], None, &environment, Mode::Check);
            request.config = ConfigFile::Default(root.join("foster.toml"));
            if let Err(report) = load(&request) {
                panic!("{}\n{}", section.blocks[0].at, report.render(false));
            }
        }
    }
    assert!(tried > 5, "the examples were not found");
}

fn foster(arguments: &[String], directory: &Path) -> Output {
    let mut command = Command::new(FOSTER);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FOSTER_")) {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(directory).stdin(Stdio::null()).output().expect("foster")
}

/// Whether foster understands these options; nothing is executed.
fn understood(arguments: &[String], at: &str) {
    let mut arguments = arguments.to_vec();
    let end = arguments.iter().position(|a| a == "--").unwrap_or(arguments.len());
    arguments.insert(end, "--help".to_owned());
    let output = foster(&arguments, Path::new("."));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{at}: foster {arguments:?} is not understood: {told}");
}

/// Tries one command; `shown` is what the page says that it prints.
fn try_command(command: &str, shown: &str, at: &str, root: &Path) {
    let words = shlex::split(command).unwrap_or_else(|| panic!("{at}: {command}: unbalanced quotes"));
    let assignment = |word: &&String| {
        word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
    };
    let words: Vec<String> = words.iter().skip_while(assignment).cloned().collect();
    let program = words.first().map_or("", String::as_str);
    match program {
        "foster" if words.get(1).is_some_and(|verb| verb == "check") => {
            let output = foster(&words[1..], root);
            let printed = [output.stdout, output.stderr].concat();
            let printed = String::from_utf8_lossy(&printed);
            if shown.is_empty() {
                assert!(output.status.success(), "{at}: {command} fails: {printed}");
            } else {
                assert_eq!(printed.trim_end(), shown.trim_end(), "{at}: {command} prints something else");
            }
        }
        "foster" => understood(&words[1..], at),
        "cargo" => {
            let known = ["build", "run", "test", "fmt", "clippy", "deny"];
            assert!(words.get(1).is_some_and(|verb| known.contains(&verb.as_str())), "{at}: {command}");
            if words[1] == "run"
                && let Some(end) = words.iter().position(|word| word == "--")
            {
                understood(&words[end + 1..], at);
                for path in words[end + 1..].iter().filter(|word| word.contains(".d")) {
                    assert!(Path::new(path).is_dir(), "{at}: {path} is not there");
                }
            }
        }
        "sh" => assert!(words.get(1).is_some_and(|f| Path::new(f).exists()), "{at}: {command}: no such file"),
        _ if program.starts_with('.') => {
            assert!(Path::new(program).exists(), "{at}: {program}: no such file")
        }
        _ => panic!("{at}: `{command}` is not tried here; mark the block `text`"),
    }
}

#[test]
fn every_command_shown_is_understood() {
    let mut tried = 0;
    for page in pages() {
        for section in sections(&page) {
            let directory = tempfile::tempdir().expect("a directory");
            if !page.ends_with("config.md") {
                write_tree(&section, directory.path());
            }
            for block in section.blocks.iter().filter(|b| b.kind == "console") {
                let mut commands: Vec<(String, String)> = Vec::new();
                for line in block.text.lines() {
                    match (line.strip_prefix("$ "), commands.last_mut()) {
                        (Some(command), _) => commands.push((command.to_owned(), String::new())),
                        (None, Some((_, shown))) => {
                            shown.push_str(line);
                            shown.push('\n');
                        }
                        (None, None) => panic!("{}: output without a command", block.at),
                    }
                }
                for (command, shown) in commands {
                    // A comment behind a command is for the reader.
                    let command = command.split("  # ").next().unwrap_or_default();
                    try_command(command, &shown, &block.at, directory.path());
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 5, "the commands were not found");
}

/// Looks at the instructions of a Dockerfile; returns the sources of what it copies from the build context.
fn try_dockerfile(text: &str, at: &str) -> Vec<String> {
    let known = [
        "FROM",
        "ARG",
        "ENV",
        "RUN",
        "COPY",
        "WORKDIR",
        "USER",
        "EXPOSE",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
        "VOLUME",
        "LABEL",
    ];
    let mut sources = Vec::new();
    let joined = text.replace("\\\n", " ");
    for line in joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        assert!(known.contains(&word), "{at}: {word} is no instruction");
        if word == "ENTRYPOINT" || word == "CMD" {
            let argv: Vec<String> = serde_json::from_str(rest)
                .unwrap_or_else(|e| panic!("{at}: {line}: not an array of strings: {e}"));
            if argv.first().is_some_and(|program| program.ends_with("/foster")) {
                understood(&argv[1..], at);
            }
        }
        if word == "COPY" && !rest.contains("--from=") {
            let words: Vec<_> = rest.split_whitespace().filter(|word| !word.starts_with("--")).collect();
            sources.extend(words.iter().take(words.len().saturating_sub(1)).map(|s| (*s).to_owned()));
        }
    }
    sources
}

#[test]
fn every_dockerfile_shown_is_sound() {
    let mut tried = 0;
    for page in pages() {
        for block in sections(&page).iter().flat_map(|s| &s.blocks).filter(|b| b.kind == "dockerfile") {
            try_dockerfile(&block.text, &block.at);
            tried += 1;
        }
    }
    assert!(tried > 2, "the examples were not found");
    let example = fs::read_to_string("Dockerfile.example").expect("Dockerfile.example");
    for source in try_dockerfile(&example, "Dockerfile.example") {
        assert!(Path::new(&source).exists(), "Dockerfile.example copies {source}, which is not there");
    }
}

#[test]
fn every_block_says_what_it_is() {
    for page in pages() {
        for block in sections(&page).iter().flat_map(|s| &s.blocks) {
            let known = ["toml", "console", "sh", "dockerfile", "text"];
            assert!(known.contains(&block.kind.as_str()), "{}: a block of kind `{}`", block.at, block.kind);
        }
    }
}

/// The anchor that a heading gets: lower case, words joined by hyphens, other signs gone.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).expect("a page");
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let mut found = BTreeSet::new();
    for anchor in headings.map(|line| anchor(line.trim_start_matches('#'))) {
        // One that is there already gets a number.
        let next = (1..).map(|n| format!("{anchor}-{n}")).find(|next| !found.contains(next));
        found.insert(if found.contains(&anchor) { next.unwrap_or_default() } else { anchor });
    }
    found
}

#[test]
fn every_link_leads_somewhere() {
    let mut tried = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") {
                continue;
            }
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { page.clone() } else { page.with_file_name("").join(file) };
            assert!(path.exists(), "{}: the link {target} leads nowhere", page.display());
            if !fragment.is_empty() {
                assert!(anchors(&path).contains(fragment), "{}: no heading for {target}", page.display());
            }
            tried += 1;
        }
    }
    assert!(tried > 10, "the links were not found");
}

/// A supervisor that is killed if a test fails half-way.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_example_has_no_faults_and_shows_every_kind_of_service() {
    let environment = Variables::from([("PATH".into(), "/usr/bin:/bin".into())]);
    let mut request = Request::new(vec!["services.d.example".into()], None, &environment, Mode::Check);
    request.config = ConfigFile::Default("nowhere/foster.toml".into());
    let loaded = load(&request).unwrap_or_else(|report| panic!("{}", report.render(false)));
    assert!(loaded.warnings.diagnostics.is_empty(), "{}", loaded.warnings.render(false));
    let names: Vec<_> = loaded.plan.services.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["all", "setup", "store", "web", "worker@1", "worker@2"]);
}

#[test]
fn the_example_starts_in_order_and_stops_in_reverse_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let child = Command::new(FOSTER)
        .args(["run", "services.d.example"])
        .env("TMPDIR", directory.path())
        .env("EVERY", "1")
        .env("FOSTER_SOCKET", "none")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let mut running = Running(child.expect("foster"));
    let mut lines = BufReader::new(running.0.stdout.take().expect("its output")).lines();
    let mut seen = Vec::new();
    // Its own pace, a line a second at least, is the clock of this test.
    for line in lines.by_ref().map(|line| line.expect("a line")) {
        let counted = line.contains("the count is");
        seen.push(line);
        if counted && seen.len() >= 6 {
            break;
        }
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(running.0.id()).expect("a pid"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("a signal");
    seen.extend(lines.map(|line| line.expect("a line")));
    assert!(running.0.wait().expect("its end").success(), "{seen:#?}");

    let place = |needle: &str| {
        seen.iter()
            .position(|line| line.contains(needle))
            .unwrap_or_else(|| panic!("no `{needle}`: {seen:#?}"))
    };
    let order =
        ["setup    | prepared", "store    | up", "web      | up", "web      | stopped", "store    | stops"];
    let places = order.map(place);
    assert!(places.is_sorted(), "{seen:#?}");
    for worker in ["worker@1 | up", "worker@1 | stops", "worker@2 | up", "worker@2 | stops"] {
        assert!(place(worker) < place("store    | stops"), "{seen:#?}");
    }
    let left = fs::read_dir(directory.path()).expect("the directory").count();
    assert_eq!(left, 0, "the example cleans up after itself");
}
