//! The variables of a child.

use super::files::read_bounded;
use super::users::Account;
use super::{SpawnError, Stage};
use crate::model::{Environment, EnvironmentFile, parse_env_file};
use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Environment files and secrets are not read beyond this.
const LIMIT: usize = 1 << 20;

/// Variables by name: what was set last counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables(BTreeMap<OsString, OsString>);

impl Variables {
    /// Puts the parts together in the order that [`Environment`] documents.
    pub(super) fn build(
        environment: &Environment,
        container: &[(OsString, OsString)],
        extra: &[(&str, &OsStr)],
        account: Option<&Account>,
    ) -> Result<Self, SpawnError> {
        let mut variables = Self::default();
        for (name, value) in container {
            if is_own(name) {
                continue;
            }
            let passes = match &environment.pass {
                None => true,
                Some(names) => names.iter().any(|n| OsStr::new(n) == name),
            };
            if passes {
                // Of a name that is there twice, getenv(3) sees the first.
                variables.0.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        for (name, value) in extra {
            variables.set(name, value);
        }
        if let Some(account) = account {
            variables.set("HOME", &account.home);
            for name in ["USER", "LOGNAME"] {
                match &account.name {
                    Some(user) => variables.set(name, user),
                    // Another user's name would be a lie.
                    None => drop(variables.0.remove(OsStr::new(name))),
                }
            }
        }
        for file in &environment.files {
            for (name, value) in read_environment_file(file)? {
                variables.set(&name, value);
            }
        }
        for (name, path) in &environment.secrets {
            variables.set(name, read_secret(name, path)?);
        }
        for (name, value) in &environment.set {
            variables.set(name, value);
        }
        Ok(variables)
    }

    fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.insert(OsString::from(name), value.into());
    }

    /// The value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// `NAME=value` for execve(2).
    pub(super) fn strings(&self) -> Result<Vec<CString>, SpawnError> {
        self.0.iter().map(|(name, value)| assignment(name, value)).collect()
    }
}

/// What whoever started the supervisor tells the supervisor alone: its children would take it for themselves.
fn is_own(name: &OsStr) -> bool {
    matches!(
        name.as_bytes(),
        b"NOTIFY_SOCKET"
            | b"LISTEN_PID"
            | b"LISTEN_PIDFDID"
            | b"LISTEN_FDS"
            | b"LISTEN_FDNAMES"
            | b"WATCHDOG_PID"
            | b"WATCHDOG_USEC"
            | b"FDSTORE"
    )
}

fn assignment(name: &OsStr, value: &OsStr) -> Result<CString, SpawnError> {
    let error = |cause: &str| SpawnError {
        stage: Stage::Environment,
        errno: 0,
        what: format!("cannot set the variable `{}`: {cause}", name.to_string_lossy().escape_debug()),
    };
    if name.is_empty() || name.as_bytes().contains(&b'=') {
        return Err(error("a name is not empty and has no `=` in it"));
    }
    let mut text = Vec::with_capacity(name.len() + value.len() + 2);
    text.extend_from_slice(name.as_bytes());
    text.push(b'=');
    text.extend_from_slice(value.as_bytes());
    CString::new(text).map_err(|_| error("it has a NUL byte in it"))
}

fn read_environment_file(file: &EnvironmentFile) -> Result<Vec<(String, String)>, SpawnError> {
    let error = |errno, cause: &str, line: Option<usize>| SpawnError {
        stage: Stage::Environment,
        errno,
        what: match line {
            Some(line) => format!("cannot read environment file {}:{line}: {cause}", file.path),
            None => format!("cannot read environment file {}: {cause}", file.path),
        },
    };
    let bytes = match read_bounded(&file.path, LIMIT) {
        Err(missing) if file.optional && missing.errno == libc::ENOENT => return Ok(Vec::new()),
        read => read.map_err(|e| error(e.errno, &e.to_string(), None))?,
    };
    let text = String::from_utf8(bytes).map_err(|_| error(0, "it is not UTF-8 text", None))?;
    parse_env_file(&text).map_err(|(line, cause)| error(0, &cause, Some(line)))
}

/// The content of the file without one line end; never part of an error.
fn read_secret(name: &str, path: &str) -> Result<OsString, SpawnError> {
    let error = |errno, cause: &str| SpawnError {
        stage: Stage::Secret,
        errno,
        what: format!("cannot read secret {name} from {path}: {cause}"),
    };
    let mut value = read_bounded(path, LIMIT).map_err(|e| error(e.errno, &e.to_string()))?;
    if value.last() == Some(&b'\n') {
        value.pop();
    }
    if value.contains(&0) {
        return Err(error(0, "it has a NUL byte in it, which no variable can hold"));
    }
    Ok(OsString::from_vec(value))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn strings(variables: &Variables) -> Vec<String> {
        variables.strings().unwrap().into_iter().map(|s| s.into_string().unwrap()).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    fn container(list: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        list.iter().map(|(a, b)| (OsString::from(a), OsString::from(b))).collect()
    }

    #[test]
    fn a_later_part_overrides_an_earlier_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("env");
        let secret = dir.path().join("secret");
        std::fs::write(&file, "B=file\nC=file\nD=file\n").unwrap();
        std::fs::write(&secret, "hidden\n\n").unwrap();
        let environment = Environment {
            pass: None,
            files: vec![EnvironmentFile { path: file.to_str().unwrap().to_owned(), optional: false }],
            secrets: pairs(&[("C", secret.to_str().unwrap()), ("D", secret.to_str().unwrap())]),
            set: pairs(&[("D", "set")]),
        };
        let base = container(&[("A", "base"), ("B", "base"), ("A", "second"), ("HOME", "/")]);
        let account = Account { uid: 1, gid: 1, name: Some("www".into()), home: "/srv".into() };
        let extra = [("FOSTER_SERVICE", OsStr::new("web"))];
        let variables = Variables::build(&environment, &base, &extra, Some(&account)).unwrap();
        assert_eq!(
            strings(&variables),
            [
                "A=base",
                "B=file",
                "C=hidden\n",
                "D=set",
                "FOSTER_SERVICE=web",
                "HOME=/srv",
                "LOGNAME=www",
                "USER=www"
            ]
        );
    }

    #[test]
    fn only_what_is_listed_passes() {
        let environment = Environment { pass: Some(vec!["A".into()]), ..Environment::default() };
        let base = container(&[("A", "1"), ("B", "2")]);
        assert_eq!(strings(&Variables::build(&environment, &base, &[], None).unwrap()), ["A=1"]);
    }

    #[test]
    fn what_the_supervisor_alone_was_told_is_not_passed_on() {
        let names =
            ["NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID"];
        let base = container(&names.map(|name| (name, "x")));
        let environment =
            Environment { pass: Some(names.map(str::to_owned).to_vec()), ..Environment::default() };
        for environment in [environment, Environment::default()] {
            let variables = Variables::build(&environment, &base, &[], None).unwrap();
            assert!(strings(&variables).is_empty());
        }
        let extra = [("NOTIFY_SOCKET", OsStr::new("/own"))];
        let variables = Variables::build(&Environment::default(), &base, &extra, None).unwrap();
        assert_eq!(strings(&variables), ["NOTIFY_SOCKET=/own"]);
    }

    #[test]
    fn a_user_without_a_name_does_not_keep_that_of_the_supervisor() {
        let account = Account { uid: 4242, gid: 0, name: None, home: "/".into() };
        let base = container(&[("USER", "root"), ("LOGNAME", "root")]);
        let variables = Variables::build(&Environment::default(), &base, &[], Some(&account)).unwrap();
        assert_eq!(strings(&variables), ["HOME=/"]);
    }

    #[test]
    fn a_secret_is_never_part_of_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pw").to_str().unwrap().to_owned();
        let environment =
            Environment { secrets: vec![("PW".into(), path.clone())], ..Environment::default() };
        let build = || Variables::build(&environment, &[], &[], None).unwrap_err();
        assert_eq!(
            build().to_string(),
            format!("cannot read secret PW from {path}: No such file or directory")
        );
        std::fs::write(&path, b"top\0secret").unwrap();
        let error = build();
        assert_eq!(error.stage, Stage::Secret);
        assert!(error.what.ends_with("it has a NUL byte in it, which no variable can hold"), "{error}");
        assert!(!error.what.contains("top"));
    }

    #[test]
    fn a_missing_file_is_an_error_unless_it_is_optional() {
        let build = |optional| {
            let files = vec![EnvironmentFile { path: "/nonexistent/env".into(), optional }];
            Variables::build(&Environment { files, ..Environment::default() }, &[], &[], None)
        };
        assert!(build(true).is_ok());
        assert_eq!(
            build(false).unwrap_err().to_string(),
            "cannot read environment file /nonexistent/env: No such file or directory"
        );
    }

    #[test]
    fn names_that_execve_could_not_pass_are_refused() {
        for name in ["", "A=B", "A\0B"] {
            let environment = Environment { set: pairs(&[(name, "x")]), ..Environment::default() };
            let variables = Variables::build(&environment, &[], &[], None).unwrap();
            assert_eq!(variables.strings().unwrap_err().stage, Stage::Environment, "{name:?}");
        }
    }
}
