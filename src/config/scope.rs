//! What `${VAR}` sees in one service.

use super::Variables;
use super::diagnostic::{Code, Diagnostic, Findings, Sources};
use super::expand::{Fault, Lookup, expand};
use super::reader::span_inside;
use super::suggest;
use super::tree::Node;
use crate::model::{EnvironmentFile, map_of, parse_env_file};
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// What `${VAR}` sees: the variables of `[environment]` so far, then `environment-files` as they are now, then the
/// container's environment.
pub struct Scope<'r> {
    pub findings: &'r Findings,
    pub sources: &'r Sources,
    container: &'r Variables,
    /// The file that is read, for what is missing in it.
    pub home: u32,
    /// The number of the instance, where there are several.
    pub instance: Option<String>,
    set: RefCell<BTreeMap<String, String>>,
    secrets: Vec<String>,
    /// Not there yet while their own paths are read.
    files: OnceCell<Vec<EnvironmentFile>>,
    /// What the files say: read when the first name is looked up that is set nowhere above them.
    cache: OnceCell<BTreeMap<String, String>>,
}

impl<'r> Scope<'r> {
    /// A scope with nothing but the container's environment.
    pub fn new(findings: &'r Findings, sources: &'r Sources, container: &'r Variables, home: u32) -> Self {
        Self {
            findings,
            sources,
            container,
            home,
            instance: None,
            set: RefCell::default(),
            secrets: Vec::new(),
            files: OnceCell::new(),
            cache: OnceCell::new(),
        }
    }

    /// The scope of one service, or one instance of it, whose secrets have these names.
    pub fn of_service(self, instance: Option<u32>, secrets: Vec<String>) -> Self {
        Self { instance: instance.map(|n| n.to_string()), secrets, ..self }
    }

    /// Brings a variable of `[environment]` into scope.
    pub fn set(&self, name: &str, value: &str) {
        self.set.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    /// Brings `environment-files` into scope. Once.
    pub fn add_files(&self, files: &[EnvironmentFile]) {
        let _ = self.files.set(files.to_vec());
    }

    /// The value of a variable as the process will see it, if the container's variables named in `pass` (or all) pass.
    pub fn value_for_process(&self, name: &str, pass: Option<&[String]>) -> Option<OsString> {
        if let Some(value) = self.set.borrow().get(name) {
            return Some(value.into());
        }
        if let Some(value) = self.file_variables().get(name) {
            return Some(value.into());
        }
        let passes = pass.is_none_or(|names| names.iter().any(|passed| passed == name));
        self.container.get(OsStr::new(name)).filter(|_| passes).cloned()
    }

    /// Expands the text of `node`. Reports what does not expand, each `${…}` at its own place.
    pub fn text<'t>(&self, node: &Node<'_>, text: &'t str) -> Option<Cow<'t, str>> {
        if text.contains('\0') {
            let message = "the string contains a NUL character, which no argument, variable or path can hold";
            self.findings.error(Code::Value, node.span, message, None);
            return None;
        }
        match expand(text, self.instance.as_deref(), &|name| self.lookup(name)) {
            Ok(text) => Some(text),
            Err(faults) => {
                for fault in faults {
                    let span = span_inside(self.sources, node.span, text, fault.range.clone());
                    let help = self.help(&fault);
                    self.findings.error(Code::Expansion, span, fault.message, help);
                }
                None
            }
        }
    }

    /// Reports a value of the wrong type.
    pub fn mismatch(&self, name: &str, expected: &str, node: &Node<'_>) {
        if matches!(node.value, super::tree::Value::Bad) {
            return;
        }
        let found = node.value.type_name();
        let message = format!("{name} must be {expected}, not {found}");
        let raw = self.sources.slice(node.span);
        // A scalar where a string or an array belongs is the usual slip, and then the right text is known.
        let short = !raw.is_empty() && raw.len() < 60 && !raw.contains('\n');
        let scalar = matches!(found, "an integer" | "a number" | "a boolean" | "a date");
        let help = match found {
            "a string" if expected.starts_with("an array") && short => Some(format!("write [{raw}]")),
            "a string" if expected == "true or false" || expected == "an integer" => {
                let bare = raw.trim_matches(['"', '\'']);
                let plain = bare.parse::<i64>().is_ok() || matches!(bare, "true" | "false");
                plain.then(|| format!("write {bare} without quotes"))
            }
            _ if scalar && matches!(expected, "a string" | "a string or an array of strings") && short => {
                Some(format!("write \"{raw}\""))
            }
            _ => None,
        };
        self.findings.error(Code::Type, node.span, message, help);
    }

    fn lookup(&self, name: &str) -> Lookup<'static> {
        if let Some(value) = self.set.borrow().get(name) {
            return Lookup::Value(Cow::Owned(value.clone()));
        }
        if self.secrets.iter().any(|secret| secret == name) {
            return Lookup::Secret;
        }
        if let Some(value) = self.file_variables().get(name) {
            return Lookup::Value(Cow::Owned(value.clone()));
        }
        match self.container.get(OsStr::new(name)).map(|value| value.to_str()) {
            Some(Some(value)) => Lookup::Value(Cow::Owned(value.to_owned())),
            Some(None) => Lookup::NotUtf8,
            None => Lookup::Unset,
        }
    }

    /// A file that is missing or malformed is reported where it is named, by `check`; here it sets nothing.
    fn file_variables(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        let Some(files) = self.files.get() else { return &NONE };
        self.cache.get_or_init(|| {
            let texts = files.iter().filter_map(|file| super::files::read_text(file.path.as_ref()).ok());
            map_of(texts.filter_map(|text| parse_env_file(&text).ok()).flatten())
        })
    }

    fn help(&self, fault: &Fault) -> Option<String> {
        let Some(name) = &fault.unset else { return fault.help.clone() };
        let set = self.set.borrow();
        let names = set.keys().map(String::as_str).chain(self.file_variables().keys().map(String::as_str));
        let names = names.chain(self.container.keys().filter_map(|name| name.to_str()));
        let near = suggest::did_you_mean(name, names.filter(|other| other != name));
        match (&fault.help, near) {
            (Some(help), Some(near)) => Some(format!("{near} Otherwise {help}")),
            (help, near) => near.or_else(|| help.clone()),
        }
    }
}

/// Warns of a malformed environment file that exists, at the place that names it; its lines may be secret.
pub fn check_env_file(findings: &Findings, span: super::diagnostic::Span, path: &str, text: &str) {
    if let Err((line, message)) = parse_env_file(text) {
        let message = format!("cannot read the environment file {path}: line {line}: {message}");
        findings.push(Diagnostic::warning(Code::Value, span, message));
    }
}
