//! Scripts that start a service: as keys where all that they do can be said so, otherwise as they are.

use super::chain::{self, Chain, Opaque};
use super::draft::{Draft, list, literal};
use super::place::Image;
use super::tools::{needs, says_once};
use super::words::{self, Piece, base, is_variable};
use super::{Reading, shell};
use crate::config::diagnostic::Span;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A larger file is a program and not a script.
const LARGEST: usize = 1 << 20;
/// Longer scripts stay where they are.
const LINES: usize = 40;

/// A file that is executed.
#[derive(Debug)]
pub struct Script {
    /// The whole file.
    pub span: Span,
    /// Where it is in the image.
    pub path: String,
    /// Its text, without the line of its interpreter; empty for a program.
    pub text: String,
    /// What runs it: without what only passes the environment.
    interpreter: Vec<String>,
    /// Whether it can be executed as it is, without anything of the old supervisor.
    itself: bool,
    /// The mode of the file, if nobody may execute it.
    not_executable: Option<u32>,
    language: Language,
}

#[derive(Debug)]
enum Language {
    Program,
    Shell,
    Execline(Vec<Piece>),
    Other,
}

/// What became of a script: which keys, and what differs.
#[derive(Debug, Default)]
pub struct Became {
    /// The keys that it set.
    pub keys: Vec<String>,
    /// What differs, as sentences.
    pub differs: Vec<String>,
    /// The command at the end, if it is nothing but words.
    pub words: Vec<String>,
    /// A check of readiness that is in a file beside it: `data/check`.
    pub checks: bool,
    /// Whether nothing is done: only a comment, or no word.
    pub nothing: bool,
}

impl Script {
    /// Reads it; `None` when it is not there, and a finding when it is broken.
    pub fn read(path: &Path, image: &Image, reading: &mut Reading<'_>) -> Option<Self> {
        let inside = image.inside(path);
        let path = &*image.followed(path.to_owned());
        let content = match crate::sys::read_bounded(path, LARGEST) {
            Ok(content) => content,
            Err(why) if why.errno == libc::ENOENT => return None,
            Err(why) if why.errno == libc::EFBIG => b"\x7fELF".to_vec(),
            Err(why) => {
                let file = reading.sources.add(path.to_string_lossy(), None);
                reading.broken(Span::whole(file), format!("cannot read {}: {why}", path.display()));
                return None;
            }
        };
        let mode = std::fs::metadata(path).map_or(0o111, |data| data.permissions().mode());
        let not_executable = (mode & 0o111 == 0).then_some(mode & 0o777);
        let text = String::from_utf8(content)
            .ok()
            .filter(|text| !text.contains('\0') && !text.starts_with("\x7fELF"));
        let file = reading.sources.add(path.to_string_lossy(), text.clone());
        let span = Span::whole(file);
        let Some(text) = text else {
            let program = Self {
                span,
                path: inside,
                text: String::new(),
                interpreter: Vec::new(),
                itself: true,
                not_executable,
                language: Language::Program,
            };
            return Some(program);
        };
        let first = text.lines().next().unwrap_or_default();
        if text.starts_with("#!")
            && text.split_inclusive('\n').next().is_some_and(|line| line.ends_with("\r\n"))
        {
            reading.broken(
                Span::new(file, 0..first.len()),
                "its first line ends in CR LF: no interpreter is called so",
            );
            return None;
        }
        let shebang =
            first.strip_prefix("#!").map(|line| line.split_whitespace().map(str::to_owned).collect());
        let mut interpreter: Vec<String> = shebang.clone().unwrap_or_default();
        let mut itself = !interpreter.is_empty() && not_executable.is_none();
        while let Some(first) = interpreter.first() {
            match base(first) {
                "with-contenv" => itself = false,
                "env" | "-S" => {}
                _ => break,
            }
            interpreter.remove(0);
        }
        if interpreter.is_empty() {
            interpreter.push("/bin/sh".to_owned());
        }
        let body = if shebang.is_some() { text.split_once('\n').map_or("", |(_, body)| body) } else { &text };
        let language = match base(&interpreter[0]) {
            "execlineb" => match words::execline(body) {
                Ok(pieces) => Language::Execline(pieces),
                Err((at, why)) => {
                    let at = text.len() - body.len() + at;
                    reading
                        .broken(Span::new(file, at..at + 1), format!("it is no script of execline: {why}"));
                    return None;
                }
            },
            "sh" | "bash" | "dash" | "ash" | "ksh" | "mksh" | "zsh" | "busybox" => Language::Shell,
            _ => Language::Other,
        };
        let body = body.trim_start_matches('\n').to_owned();
        Some(Self { span, path: inside, text: body, interpreter, itself, not_executable, language })
    }

    /// One command line of execline, as in `up` of a oneshot.
    pub fn of_line(file: u32, path: String, reading: &Reading<'_>) -> Option<Self> {
        let text = reading.sources.text(file).to_owned();
        match words::execline(&text) {
            Ok(pieces) => Some(Self {
                span: Span::new(file, 0..text.trim_end().len()),
                path,
                text,
                interpreter: ["execlineb", "-P"].map(str::to_owned).to_vec(),
                itself: false,
                not_executable: None,
                language: Language::Execline(pieces),
            }),
            Err((at, why)) => {
                reading
                    .broken(Span::new(file, at..at + 1), format!("it is no command line of execline: {why}"));
                None
            }
        }
    }

    /// The one word that it consists of.
    pub fn only_word(&self) -> Option<&str> {
        match &self.language {
            Language::Execline(pieces) => match &pieces[..] {
                [piece] => piece.value(),
                _ => None,
            },
            _ => None,
        }
    }

    /// What it consists of, in execline.
    pub fn execline(&self) -> Option<&[Piece]> {
        match &self.language {
            Language::Execline(pieces) => Some(pieces),
            _ => None,
        }
    }

    /// Whether a shell reads it, or one with functions of its own.
    pub fn is_shell(&self) -> bool {
        matches!(self.language, Language::Shell)
            || self.interpreter.first().is_some_and(|program| base(program) == "bashio")
    }

    /// That nobody may execute it, as a sentence.
    pub fn told_of_mode(&self) -> Option<String> {
        self.not_executable.map(|mode| {
            format!("nobody may execute the file (its mode is {mode:o}), so there it does not run, unless the image changes that")
        })
    }

    /// argv that runs it where it is.
    pub fn argv(&self) -> Vec<String> {
        let mut argv = if self.itself { Vec::new() } else { self.interpreter.clone() };
        argv.push(self.path.clone());
        argv.iter().map(|word| literal(word)).collect()
    }

    /// argv that does what it does, for a key that takes a command.
    pub fn command(&self) -> Vec<String> {
        if let Ok(chain) = self.chain()
            && chain.keys.is_empty()
            && chain.before.is_empty()
            && chain.environments.is_empty()
            && chain.check.is_none()
            && chain.requires.is_empty()
        {
            let words: Vec<String> = chain.command.iter().filter_map(|word| word.value.clone()).collect();
            if !words.is_empty() && words.len() == chain.command.len() {
                return words;
            }
        }
        self.argv()
    }

    /// What it does, in keys.
    fn chain(&self) -> Result<Chain, Opaque> {
        match &self.language {
            Language::Program | Language::Other => Err(String::new()),
            Language::Execline(pieces) => {
                let mut chain = Chain::new(true);
                chain.follow(pieces)?;
                Ok(chain)
            }
            Language::Shell => self.shell_chain(),
        }
    }

    fn shell_chain(&self) -> Result<Chain, Opaque> {
        let mut chain = Chain::new(false);
        let joined = self.text.replace("\\\n", " ");
        let lines: Vec<&str> =
            joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        let Some((last, first)) = lines.split_last() else { return Ok(chain) };
        for line in first {
            preamble(&mut chain, line)?;
        }
        let (pieces, stderr) = words::shell_command(last).map_err(|_| "more than one command".to_owned())?;
        if stderr || *last == "exec 2>&1" {
            chain.set("log.stderr", "stdout");
        }
        let word = pieces.first().and_then(Piece::value).unwrap_or_default();
        if word != "exec" && shell::is_of_the_shell(word) {
            return Err(format!("`{}`", if word.is_empty() { last } else { word }));
        }
        chain.follow(&pieces)?;
        Ok(chain)
    }

    /// Sets what it does in a service.
    pub fn apply(&self, draft: &mut Draft, image: &Image, reading: &mut Reading<'_>) -> Became {
        let mut became = self.keys(draft, image, reading);
        became.differs.extend(self.told_of_mode());
        became
    }

    fn keys(&self, draft: &mut Draft, image: &Image, reading: &mut Reading<'_>) -> Became {
        let mut became = Became::default();
        let chain = self.chain().and_then(|mut chain| {
            let directories = std::mem::take(&mut chain.environments);
            for directory in directories {
                self.variables(&directory, &mut chain, image, reading)?;
            }
            self.program(&mut chain, &mut became)?;
            Ok(chain)
        });
        let chain = match chain {
            Ok(chain) => chain,
            Err(why) => {
                became = self.whole(draft, &why);
                return became;
            }
        };
        for (path, value) in chain.keys {
            became.keys.push(path.clone());
            draft.set(&path, value, self.span);
        }
        for required in &chain.requires {
            draft.push("requires", required.clone(), self.span);
        }
        if !chain.requires.is_empty() {
            became.keys.push("requires".to_owned());
        }
        match chain.check {
            Some(check) if check.is_empty() => became.checks = true,
            Some(check) => {
                draft.set("ready.exec", list(check.iter().map(|word| literal(word)), self.span), self.span);
                became.keys.push("ready.exec".to_owned());
            }
            None => {}
        }
        became.differs.extend(chain.differs);
        became
    }

    /// The command at the end of a chain, as `command` or `script` among its keys.
    fn program(&self, chain: &mut Chain, became: &mut Became) -> Result<(), Opaque> {
        let values: Vec<String> = chain.command.iter().filter_map(|word| word.value.clone()).collect();
        let known = values.len() == chain.command.len();
        if chain.command.is_empty() && chain.before.is_empty() {
            became.nothing = true;
            return Ok(());
        }
        if chain.before.is_empty() && known {
            if values.first().is_some_and(|word| word.starts_with('.') && word.contains('/')) {
                return Err("a command beside it".to_owned());
            }
            became.words = values.clone();
            chain.keys.insert(0, ("command".to_owned(), list(values, self.span)));
            return Ok(());
        }
        let mut lines = chain.before.clone();
        if known && values.iter().any(|value| value.contains("${")) && !chain.before.is_empty() {
            return Err("variables after commands that run first".to_owned());
        }
        let last = if known {
            shell::joined(&values)
        } else {
            chain.command.iter().map(|word| word.raw.as_str()).collect::<Vec<_>>().join(" ")
        };
        if !last.is_empty() {
            lines.push(format!("exec {last}"));
        }
        let script = if lines.len() > 1 { lines.join("\n") + "\n" } else { lines.join("") };
        chain.keys.insert(0, ("script".to_owned(), script.into()));
        Ok(())
    }

    /// What is in a directory of variables now.
    fn variables(
        &self,
        directory: &str,
        chain: &mut Chain,
        image: &Image,
        reading: &mut Reading<'_>,
    ) -> Result<(), Opaque> {
        let beside = self.path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let inside =
            if directory.starts_with('/') { directory.to_owned() } else { format!("{beside}/{directory}") };
        let here = image.here(&inside);
        if !here.is_dir() {
            return Err(format!("the variables in {inside}, which is not there now"));
        }
        for (name, path) in image.entries(&here, reading) {
            if !is_variable(&name) {
                return Err(format!("`{name}` in {inside}, which is no name of a variable"));
            }
            let Some(file) = reading.load(&path) else { continue };
            let text = reading.sources.text(file).to_owned();
            if text.is_empty() {
                return Err(format!("`{name}` in {inside}, which unsets a variable"));
            }
            chain.set(format!("environment.{name}"), chain::environment_value(&text));
        }
        chain.differs.push(format!("the variables in {inside} are what they are now, not at each start"));
        Ok(())
    }

    /// The script as it is: in the file of the service if it is short, otherwise where it is.
    fn whole(&self, draft: &mut Draft, why: &str) -> Became {
        let mut became = Became::default();
        let is_once = self.text.lines().any(says_once);
        if is_once {
            // Unless its `finish` says that its end is that of the container.
            draft.set("restart.policy", "never", self.span);
            draft.set("essential", false, self.span);
            became.keys.extend(["restart.policy", "essential"].map(str::to_owned));
        }
        if matches!(self.language, Language::Shell) && self.stands_alone() {
            let lines = self.text.split_inclusive('\n').filter(|line| !says_once(line));
            draft.set("script", lines.collect::<String>(), self.span);
            let mut shell = self.interpreter.clone();
            match shell.get_mut(1).filter(|option| option.starts_with('-')) {
                Some(options) => options.push('c'),
                None => shell.push("-c".to_owned()),
            }
            draft.set("shell", list(shell.iter().map(|word| literal(word)), self.span), self.span);
            became.keys.push("script".to_owned());
        } else {
            draft.set("command", list(self.argv(), self.span), self.span);
            became.keys.push("command".to_owned());
            if is_once {
                let why = "take the line out that says that it runs once: foster refuses that, and has `policy = \"never\"`";
                became.differs.push(why.to_owned());
            }
            if let Some((directory, _)) = self.path.rsplit_once('/')
                && self.is_of_its_place()
            {
                draft.set("working-directory", literal(directory), self.span);
                became.keys.push("working-directory".to_owned());
            }
        }
        match &self.language {
            Language::Execline(_) => became.differs.push(format!(
                "{why} cannot be said in keys, so it runs as it is, and needs execline in the image"
            )),
            _ => became.differs.extend(needs(&self.text)),
        }
        became
    }

    fn stands_alone(&self) -> bool {
        let options_end = self.interpreter.len() <= 2 && base(&self.interpreter[0]) != "busybox";
        self.text.lines().count() <= LINES && options_end && !self.is_of_its_place() && !self.has_arguments()
    }

    /// Whether it uses files beside it.
    fn is_of_its_place(&self) -> bool {
        let texts = ["./", "../", "$0", "BASH_SOURCE", "$PWD", "$(pwd)", "supervise/"];
        matches!(self.language, Language::Shell | Language::Execline(_) | Language::Other)
            && texts.iter().any(|text| self.text.contains(text))
    }

    fn has_arguments(&self) -> bool {
        ["$1", "$2", "$@", "$*", "$#", "${1", "${2", "${@"].iter().any(|text| self.text.contains(text))
    }
}

/// A line before the command.
fn preamble(chain: &mut Chain, line: &str) -> Result<(), Opaque> {
    let simple = line.split("||").next().unwrap_or_default().trim();
    let quiet = simple.split(" >").next().unwrap_or_default().trim();
    let guarded =
        simple == line || line.split("||").nth(1).is_some_and(|rest| rest.trim_start().starts_with("exit"));
    let (pieces, joined) = words::shell_command(quiet).map_err(|_| "more than one command".to_owned())?;
    let values: Vec<&str> = pieces.iter().filter_map(Piece::value).collect();
    if !guarded || values.len() != pieces.len() || (quiet != simple && values.first() != Some(&"sv")) {
        return Err(format!("`{line}`"));
    }
    match values[..] {
        ["exec"] if joined => chain.set("log.stderr", "stdout"),
        ["set", option] if option.trim_start_matches(['-', 'e', 'u', 'x']).is_empty() => {}
        ["set", "-o" | "-eo" | "-euo", "pipefail"] => {}
        ["cd", directory] => chain.directory(directory.to_owned())?,
        ["umask", mask] => chain.set("umask", mask.to_owned()),
        ["ulimit", "-n", number] => match number.parse::<i64>() {
            Ok(number) => chain.set("limits.nofile", number),
            Err(_) => return Err(format!("`{line}`")),
        },
        ["export", ref assignments @ ..] if !assignments.is_empty() => {
            for assignment in assignments {
                let (name, value) = assignment.split_once('=').ok_or_else(|| format!("`{line}`"))?;
                chain.set(format!("environment.{name}"), value.to_owned());
            }
        }
        // What runit has for dependencies.
        ["sv", "start" | "check" | "up", ref names @ ..] if simple != line && !names.is_empty() => {
            chain.requires.extend(names.iter().map(|name| base(name.trim_end_matches('/')).to_owned()));
        }
        _ => return Err(format!("`{line}`")),
    }
    Ok(())
}
