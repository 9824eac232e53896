//! What is wrong with a configuration, and where: the one error type of this room.

use crate::model::sort_by_key;
use std::cell::RefCell;
use std::fmt;

/// A stretch of bytes of one [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Index into [`Sources`].
    pub file: u32,
    /// First byte.
    pub start: u32,
    /// Byte after the last one.
    pub end: u32,
}

impl Span {
    /// The whole of a file, a directory or a variable.
    #[must_use]
    pub fn whole(file: u32) -> Self {
        Self { file, start: 0, end: 0 }
    }

    /// `start..end` of `file`; what lies beyond 4 GiB is cut, and files are bounded far below that.
    #[must_use]
    pub fn new(file: u32, range: std::ops::Range<usize>) -> Self {
        let cut = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { file, start: cut(range.start), end: cut(range.end) }
    }

    /// The bytes as a range.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Something that a diagnostic can point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Path as it was given, or the name of a variable.
    pub name: String,
    /// Its text; `None` for a directory, and for a file that cannot be read.
    pub text: Option<String>,
}

/// All files, directories and variables that were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Adds one and gives its index.
    pub fn add(&mut self, name: impl Into<String>, text: Option<String>) -> u32 {
        self.0.push(Source { name: name.into(), text });
        u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX)
    }

    /// The source with this index.
    #[must_use]
    pub fn get(&self, file: u32) -> Option<&Source> {
        self.0.get(file as usize)
    }

    /// The text of a source; empty when it has none.
    #[must_use]
    pub fn text(&self, file: u32) -> &str {
        self.get(file).and_then(|source| source.text.as_deref()).unwrap_or_default()
    }

    /// The text that a span covers; empty when it covers none.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.range()).unwrap_or_default()
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing is started.
    Error,
    /// Probably not what was meant, or not there yet.
    Warning,
}

/// What kind of mistake it is: stable words for tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A file or directory cannot be read.
    Unreadable,
    /// Not TOML.
    Syntax,
    /// A key that does not exist.
    UnknownKey,
    /// A value of the wrong type.
    Type,
    /// A value of the right type that makes no sense.
    Value,
    /// Settings that exclude each other, or one that would do nothing.
    Conflict,
    /// Something needed is not given.
    Missing,
    /// A service that does not exist, or a bad name of one.
    Reference,
    /// Services that wait for each other.
    Cycle,
    /// `${VAR}` cannot be expanded.
    Expansion,
    /// A command, user, file or directory is not there (yet).
    Absent,
    /// Works, but is likely a mistake.
    Suspicious,
}

impl Code {
    /// The word for tools.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Syntax => "syntax",
            Self::UnknownKey => "unknown-key",
            Self::Type => "type",
            Self::Value => "value",
            Self::Conflict => "conflict",
            Self::Missing => "missing",
            Self::Reference => "reference",
            Self::Cycle => "cycle",
            Self::Expansion => "expansion",
            Self::Absent => "absent",
            Self::Suspicious => "suspicious",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind it is.
    pub code: Code,
    /// One sentence without a full stop.
    pub message: String,
    /// Where; `None` when it concerns no file.
    pub span: Option<Span>,
    /// What is said at the underline itself.
    pub label: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// Other places that have to do with it, and what each has to do with it.
    pub related: Vec<(Span, String)>,
}

impl Diagnostic {
    fn new(severity: Severity, code: Code, span: Option<Span>, message: String) -> Self {
        Self { severity, code, message, span, label: None, help: None, related: Vec::new() }
    }

    /// An error.
    #[must_use]
    pub fn error(code: Code, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span.into(), message.into())
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: Code, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span.into(), message.into())
    }

    /// With advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }

    /// With words at the underline.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// With another place.
    #[must_use]
    pub fn related(mut self, span: Span, message: impl Into<String>) -> Self {
        self.related.push((span, message.into()));
        self
    }
}

/// More errors, and more warnings, are only counted: a large file that is no configuration at all would otherwise keep
/// PID 1 busy for minutes.
pub const MOST: usize = 500;

/// Where readers put what they find. Shared, so that every reader can hold it at once.
#[derive(Debug, Default)]
pub struct Findings(RefCell<Found>);

#[derive(Debug, Default)]
struct Found {
    list: Vec<Diagnostic>,
    /// How many errors and warnings there were, those that are not in the list too.
    errors: usize,
    warnings: usize,
}

impl Findings {
    /// Adds one.
    pub fn push(&self, diagnostic: Diagnostic) {
        let mut found = self.0.borrow_mut();
        let count = match diagnostic.severity {
            Severity::Error => &mut found.errors,
            Severity::Warning => &mut found.warnings,
        };
        *count += 1;
        if *count <= MOST {
            found.list.push(diagnostic);
        }
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.borrow().list.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds `error(code, span, message)` with optional help.
    pub fn error(&self, code: Code, span: Span, message: impl Into<String>, help: Option<String>) {
        self.push(Diagnostic::error(code, span, message).help(help));
    }

    /// Whether there is an error among those from number `from` on.
    #[must_use]
    pub fn failed_since(&self, from: usize) -> bool {
        self.0.borrow().list.iter().skip(from).any(|d| d.severity == Severity::Error)
    }

    /// All of them, by file and position, each once; those beyond [`MOST`] as one at the end.
    #[must_use]
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let Found { mut list, errors, warnings } = self.0.into_inner();
        sort_by_key(&mut list, |d| d.span.map_or((u32::MAX, 0), |s| (s.file, s.start)));
        let mut kept: Vec<Diagnostic> = Vec::with_capacity(list.len());
        for diagnostic in list {
            // Equal ones stand next to each other but for others at the same place, and those are few.
            let same = |other: &&Diagnostic| other.span == diagnostic.span;
            if !kept.iter().rev().take_while(same).any(|other| *other == diagnostic) {
                kept.push(diagnostic);
            }
        }
        for (severity, count, noun) in
            [(Severity::Error, errors, "errors"), (Severity::Warning, warnings, "warnings")]
        {
            if count > MOST {
                let message = format!("{} more {noun} are not shown", count - MOST);
                kept.push(Diagnostic::new(severity, Code::Suspicious, None, message));
            }
        }
        kept
    }
}

/// Everything that was found, with the sources to show it in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// By file, then by position.
    pub diagnostics: Vec<Diagnostic>,
    /// What the spans point into.
    pub sources: Sources,
}

impl Report {
    /// How many errors there are.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count()
    }

    /// How many warnings there are.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.diagnostics.len() - self.errors()
    }
}

/// One line per finding, without the source: for a log. [`Report::render`] shows it to people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, diagnostic) in self.diagnostics.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            if let Some(place) = diagnostic.span.and_then(|span| self.place(span)) {
                write!(f, "{}:{}:{}: ", place.file, place.line, place.column)?;
            }
            f.write_str(&diagnostic.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}
