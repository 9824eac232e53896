//! Commands that change something about themselves and then become the next command, as keys: those of runit, daemontools,
//! s6 and execline.

use super::draft::literal;
use super::shell;
use super::words::{Piece, Word, base, is_variable};
use crate::config::tree::Value;

/// A chain that was understood: what it becomes, and the command at its end.
#[derive(Debug, Default)]
pub struct Chain {
    /// Keys with their values, in the order of the chain.
    pub keys: Vec<(String, Value<'static>)>,
    /// Directories with a file for each variable.
    pub environments: Vec<String>,
    /// What of it differs, as sentences for the report.
    pub differs: Vec<String>,
    /// Lines of a shell that come before the command.
    pub before: Vec<String>,
    /// The command that says when it is ready: of `s6-notifyoncheck`; empty for `data/check`.
    pub check: Option<Vec<String>>,
    /// Services that it asks for before it begins.
    pub requires: Vec<String>,
    /// The command at the end; empty for none.
    pub command: Vec<Word>,
    variables: Vec<(String, String)>,
    is_execline: bool,
    user: Option<String>,
    settled: bool,
}

/// Why a chain stays as it is: what in it is not known, or cannot be said otherwise.
pub type Opaque = String;

impl Chain {
    /// One that begins like this, in execline or in a shell.
    pub fn new(is_execline: bool) -> Self {
        Self { is_execline, ..Self::default() }
    }

    /// Sets a key; the last one counts.
    pub fn set(&mut self, path: impl Into<String>, value: impl Into<Value<'static>>) {
        let (path, value) = (path.into(), value.into());
        self.keys.retain(|(known, _)| *known != path);
        self.keys.push((path, value));
    }

    /// What a word means as a value of the configuration.
    fn meaning(&self, piece: &Piece) -> Result<String, Opaque> {
        let value = piece.value().ok_or("what a shell has to expand")?;
        if !self.is_execline {
            return Ok(value.to_owned());
        }
        let (mut text, mut rest) = (String::new(), value);
        while let Some(at) = rest.find('$') {
            text.push_str(&rest[..at]);
            let named = &rest[at + 1..];
            let inner = named.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let (name, after) = inner.unwrap_or_else(|| {
                let end = named.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(named.len());
                named.split_at(end)
            });
            match self.variables.iter().find(|(known, _)| known == name) {
                Some((_, value)) => {
                    text.push_str(value);
                    rest = after;
                }
                None => {
                    // `$$` before a brace is what is no variable here either.
                    text.push_str(if inner.is_some() { "$$" } else { "$" });
                    rest = named;
                }
            }
        }
        text.push_str(rest);
        Ok(text)
    }

    /// Follows the chain to the command at its end.
    ///
    /// # Errors
    /// It has something that cannot be said in keys.
    pub fn follow(&mut self, pieces: &[Piece]) -> Result<(), Opaque> {
        let mut rest = pieces;
        while let Some((first, after)) = rest.split_first() {
            let Ok(name) = self.meaning(first) else { break };
            let base = base(&name);
            let Some(next) = self.step(base, after)? else { break };
            rest = next;
        }
        if self.user.is_some() {
            self.differs.push("UID, GID and GIDLIST are not set".to_owned());
        }
        for piece in rest {
            let Piece::Word(word) = piece else {
                return Err("a block of a command that is not known".to_owned());
            };
            let value = if self.is_execline { Some(self.meaning(piece)?) } else { word.value.clone() };
            self.command.push(Word { raw: word.raw.clone(), value });
        }
        Ok(())
    }

    /// One command of the chain; `None` when it is the command at the end.
    fn step<'p>(&mut self, name: &str, rest: &'p [Piece]) -> Result<Option<&'p [Piece]>, Opaque> {
        let late = !self.before.is_empty();
        let changes = ["chpst", "s6-setuidgid", "setuidgid", "cd", "s6-applyuidgid", "umask", "s6-softlimit"];
        if late && changes.contains(&name) {
            return Err(format!("commands that run before `{name}`, and so without it"));
        }
        let rest = match name {
            "exec" => match self.option(rest, 0) {
                Some(option) => return Err(format!("`exec {option}`")),
                None => rest,
            },
            "with-contenv" | "pgrphack" | "s6-setsid" | "setsid" => {
                if self.option(rest, 0).is_some() {
                    return Err(format!("options of `{name}`"));
                }
                rest
            }
            "chpst" => super::chain_options::chpst(self, rest)?,
            "softlimit" | "s6-softlimit" => super::chain_options::softlimit(self, rest)?,
            "s6-setuidgid" | "setuidgid" | "su-exec" | "gosu" => {
                let (user, rest) = self.argument(name, rest)?;
                self.user_and_group(&user);
                rest
            }
            "s6-envuidgid" => {
                let (user, rest) = self.argument(name, rest)?;
                self.user = Some(user);
                rest
            }
            "s6-applyuidgid" => super::chain_options::applyuidgid(self, rest)?,
            "s6-notifyoncheck" => super::chain_options::notifyoncheck(self, rest)?,
            "envdir" | "s6-envdir" => {
                let (directory, rest) = self.argument(name, rest)?;
                self.environments.push(directory);
                rest
            }
            "env" => self.env(rest)?,
            "nice" => super::chain_options::nice(self, rest)?,
            "fdmove" | "fdclose" | "redirfd" | "unexport" | "emptyenv" | "cd" | "export" | "umask"
            | "importas" | "define" | "multisubstitute" | "foreground" | "if"
                if self.is_execline =>
            {
                self.execline(name, rest)?
            }
            "background" | "backtick" | "ifelse" | "ifte" | "ifthenelse" | "loopwhilex" | "forx" | "trap"
            | "pipeline" | "elgetopt" | "getcwd" | "elglob" | "runblock" | "case" | "heredoc"
            | "forstdin" | "forbacktickx" | "dollarat" | "withstdinas" | "multidefine" | "wait"
            | "tryexec" | "piperw" | "getpid" | "shift" | "posix-cd" | "posix-umask" | "exit" | "fdblock"
            | "fdreserve" | "fdswap"
                if self.is_execline =>
            {
                return Err(format!("`{name}`"));
            }
            "s6-fghack" | "s6-setlock" | "setlock" | "s6-sudo" | "unshare" | "chroot" | "s6-ipcserver" => {
                return Err(format!("`{name}`"));
            }
            _ => return Ok(None),
        };
        Ok(Some(rest))
    }

    fn execline<'p>(&mut self, name: &str, rest: &'p [Piece]) -> Result<&'p [Piece], Opaque> {
        match name {
            "fdmove" => {
                let words: Vec<String> =
                    rest.iter().take(3).filter_map(|piece| self.meaning(piece).ok()).collect();
                if words != ["-c", "2", "1"] {
                    return Err(format!("`fdmove {}`", words.join(" ")));
                }
                self.set("log.stderr", "stdout");
                Ok(rest.get(3..).unwrap_or_default())
            }
            "fdclose" => match self.argument(name, rest)? {
                (fd, rest) if fd == "0" => Ok(rest),
                (fd, _) => Err(format!("`fdclose {fd}`")),
            },
            "redirfd" => {
                let words: Vec<String> =
                    rest.iter().take(3).filter_map(|piece| self.meaning(piece).ok()).collect();
                match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                    ["-r", "0", "/dev/null"] => {}
                    ["-w", "2", "/dev/null"] => self.set("log.stderr", "null"),
                    ["-r", "0", path] if path.starts_with('/') => self.set("stdin", path.to_owned()),
                    _ => return Err(format!("`redirfd {}`", words.join(" "))),
                }
                Ok(rest.get(3..).unwrap_or_default())
            }
            "emptyenv" => {
                if let Some(option) = self.option(rest, 0) {
                    return Err(format!("`emptyenv {option}`"));
                }
                self.set("clear-environment", true);
                Ok(rest)
            }
            "cd" => {
                let (directory, rest) = self.argument(name, rest)?;
                self.directory(directory)?;
                Ok(rest)
            }
            "umask" => {
                let (mask, rest) = self.argument(name, rest)?;
                self.set("umask", mask);
                Ok(rest)
            }
            "export" => {
                let (variable, rest) = self.argument(name, rest)?;
                let (value, rest) = self.argument(name, rest)?;
                self.set(format!("environment.{variable}"), value);
                Ok(rest)
            }
            "define" => {
                let (variable, rest) = self.argument(name, rest)?;
                let (value, rest) = self.argument(name, rest)?;
                self.variables.push((variable, value));
                Ok(rest)
            }
            "importas" => self.importas(rest),
            "multisubstitute" => {
                let Some((Piece::Block(block), rest)) = rest.split_first() else {
                    return Err("`multisubstitute` without a block".to_owned());
                };
                let mut inner: &[Piece] = block;
                while let Some((first, after)) = inner.split_first() {
                    inner = match self.meaning(first)?.as_str() {
                        "importas" => self.importas(after)?,
                        "define" => self.execline("define", after)?,
                        other => return Err(format!("`{other}`")),
                    };
                }
                Ok(rest)
            }
            "foreground" | "if" => {
                let Some((Piece::Block(block), rest)) = rest.split_first() else {
                    return Err(format!("options of `{name}`"));
                };
                self.earlier(name, block)?;
                Ok(rest)
            }
            _ => Err(format!("`{name}`")),
        }
    }

    /// A block that runs first, as a line of a shell.
    fn earlier(&mut self, name: &str, block: &[Piece]) -> Result<(), Opaque> {
        let mut inner = Self { variables: self.variables.clone(), ..Self::new(true) };
        inner.follow(block)?;
        if !inner.keys.is_empty()
            || !inner.before.is_empty()
            || inner.check.is_some()
            || !inner.environments.is_empty()
        {
            return Err(format!("a block of `{name}` that is more than one command"));
        }
        let values: Vec<String> = inner.command.iter().filter_map(|word| word.value.clone()).collect();
        if values.is_empty() || values.iter().any(|value| value.contains("${")) {
            return Err(format!("variables in a block of `{name}`"));
        }
        let line = shell::joined(&values);
        self.before.push(if name == "if" { format!("{line} || exit") } else { line });
        Ok(())
    }

    /// `importas [-i] [-u] [-s] [-D default] variable envvar`
    fn importas<'p>(&mut self, rest: &'p [Piece]) -> Result<&'p [Piece], Opaque> {
        let (mut at, mut strict, mut default) = (0, false, None);
        while let Some(option) = self.option(rest, at) {
            at += 1;
            match option.as_str() {
                "-i" | "-ui" | "-iu" => strict = true,
                "-u" => {}
                "-D" => {
                    default = Some(self.argument("importas", rest.get(at..).unwrap_or_default())?.0);
                    at += 1;
                }
                _ => return Err(format!("`importas {option}`")),
            }
        }
        let (variable, rest) = self.argument("importas", rest.get(at..).unwrap_or_default())?;
        let (name, rest) = self.argument("importas", rest)?;
        let text = match default {
            Some(default) => format!("${{{name}:-{default}}}"),
            None if strict => format!("${{{name}}}"),
            // The word is left out there, which nothing here says.
            None => return Err("`importas` of what may not be set".to_owned()),
        };
        self.variables.push((variable, text));
        Ok(rest)
    }

    /// `env [-i] [NAME=value]…`
    fn env<'p>(&mut self, rest: &'p [Piece]) -> Result<&'p [Piece], Opaque> {
        let mut rest = rest;
        while let Some((first, after)) = rest.split_first() {
            let Ok(word) = self.meaning(first) else { break };
            match word.split_once('=') {
                _ if word == "-i" || word == "-" => self.set("clear-environment", true),
                Some((name, value)) if is_variable(name) => {
                    self.set(format!("environment.{name}"), value.to_owned())
                }
                _ if word.starts_with('-') => return Err(format!("`env {word}`")),
                _ => break,
            }
            rest = after;
        }
        Ok(rest)
    }

    /// The option that stands there, if one does.
    pub(super) fn option(&self, rest: &[Piece], at: usize) -> Option<String> {
        rest.get(at)
            .and_then(|piece| self.meaning(piece).ok())
            .filter(|word| word.starts_with('-') && word != "-")
    }

    /// An argument that a command has to have.
    pub(super) fn argument<'p>(
        &self,
        name: &str,
        rest: &'p [Piece],
    ) -> Result<(String, &'p [Piece]), Opaque> {
        let (first, rest) = rest.split_first().ok_or_else(|| format!("`{name}` without its argument"))?;
        let value =
            self.meaning(first).map_err(|_| format!("`{name}` with an argument that a shell expands"))?;
        Ok((value, rest))
    }

    /// `user`, `user:group` or `:uid:gid`, further groups behind.
    pub(super) fn user_and_group(&mut self, text: &str) {
        let mut parts = text.trim_start_matches(':').split(':').filter(|part| !part.is_empty());
        let Some(user) = parts.next() else { return };
        self.set("user", user.to_owned());
        if let Some(group) = parts.next() {
            self.set("group", group.to_owned());
            let further: Vec<String> = parts.map(str::to_owned).collect();
            let span = crate::config::diagnostic::Span::whole(0);
            self.set("supplementary-groups", super::draft::list(further, span));
        }
        if !self.settled {
            self.settled = true;
            self.differs.push("HOME, USER and LOGNAME follow the user".to_owned());
        }
    }

    /// Who `s6-envuidgid` named, once.
    pub(super) fn take_user(&mut self) -> Option<String> {
        self.user.take()
    }

    pub(super) fn directory(&mut self, directory: String) -> Result<(), Opaque> {
        if !directory.starts_with('/') {
            return Err(format!("`cd {directory}`, which depends on where it is"));
        }
        self.set("working-directory", directory);
        Ok(())
    }
}

/// What a file of an environment directory means: its first line, without blanks at its end; NUL bytes are line breaks.
pub fn environment_value(text: &str) -> String {
    literal(text.split('\n').next().unwrap_or_default().trim_end_matches([' ', '\t', '\r']))
}
