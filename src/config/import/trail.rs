//! What became of each key and file of a source.

use crate::config::diagnostic::{Sources, Span};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A reason of so many bytes is not said twice.
const LONG: usize = 80;

/// What became of one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It means the same.
    Exact,
    /// Nearly: what differs, and why that matters.
    Approximated(String),
    /// It is not there any more: why, and what to do.
    NotCarried(String),
}

/// One key or file of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where it stands.
    pub span: Span,
    /// What it is called there: `[program:web] startsecs`.
    pub what: String,
    /// What became of it.
    pub fate: Fate,
    /// Which keys of which service it became: `web: ready.delay`; empty when none was needed.
    pub became: String,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    steps: Vec<Step>,
}

impl Trail {
    /// It means the same.
    pub fn exact(&mut self, span: Span, what: impl Into<String>, became: impl Into<String>) {
        self.steps.push(Step { span, what: what.into(), fate: Fate::Exact, became: became.into() });
    }

    /// It means nearly the same; `why` says what differs.
    pub fn approximated(
        &mut self,
        span: Span,
        what: impl Into<String>,
        became: impl Into<String>,
        why: impl Into<String>,
    ) {
        let fate = Fate::Approximated(why.into());
        self.steps.push(Step { span, what: what.into(), fate, became: became.into() });
    }

    /// Nothing came of it; `why` says so, and what to do.
    pub fn not_carried(&mut self, span: Span, what: impl Into<String>, why: impl Into<String>) {
        let fate = Fate::NotCarried(why.into());
        self.steps.push(Step { span, what: what.into(), fate, became: String::new() });
    }

    /// How many are exact, approximated and not carried.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        let count = |fits: fn(&Fate) -> bool| self.steps.iter().filter(|step| fits(&step.fate)).count();
        [
            count(|fate| matches!(fate, Fate::Exact)),
            count(|fate| matches!(fate, Fate::Approximated(_))),
            count(|fate| matches!(fate, Fate::NotCarried(_))),
        ]
    }

    /// All steps, in the order of the source.
    #[must_use]
    pub fn steps(&self) -> Vec<&Step> {
        let mut steps: Vec<&Step> = self.steps.iter().collect();
        steps.sort_by_key(|step| (step.span.file, step.span.start));
        steps
    }

    /// A line for each, as `FILE:LINE: WHAT: …`, and one with the counts. A long reason stands there once.
    #[must_use]
    pub fn text<'t>(&'t self, sources: &Sources) -> String {
        let mut text = String::new();
        let mut said: BTreeMap<&str, &str> = BTreeMap::new();
        for step in self.steps() {
            let mut once = |why: &'t str| match said.get(why) {
                Some(before) => format!("as {before}, above"),
                None if why.len() < LONG => why.to_owned(),
                None => {
                    said.insert(why, &step.what);
                    why.to_owned()
                }
            };
            let place = place(sources, step.span);
            let became = if step.became.is_empty() { String::new() } else { format!(" -> {}", step.became) };
            let _ = match &step.fate {
                Fate::Exact => writeln!(text, "{place}: {}: exact{became}", step.what),
                Fate::Approximated(why) => {
                    writeln!(text, "{place}: {}: approximated{became}; {}", step.what, once(why))
                }
                Fate::NotCarried(why) => {
                    writeln!(text, "{place}: {}: not carried; {}", step.what, once(why))
                }
            };
        }
        let [exact, approximated, not_carried] = self.counts();
        let _ = writeln!(text, "{exact} exact, {approximated} approximated, {not_carried} not carried");
        text
    }

    /// The same for tools.
    #[must_use]
    pub fn json(&self, sources: &Sources) -> Value {
        let steps: Vec<Value> = self
            .steps()
            .into_iter()
            .map(|step| {
                let (fate, why) = match &step.fate {
                    Fate::Exact => ("exact", None),
                    Fate::Approximated(why) => ("approximated", Some(why)),
                    Fate::NotCarried(why) => ("not-carried", Some(why)),
                };
                let (file, line) = file_and_line(sources, step.span);
                json!({"file": file, "line": line, "what": step.what, "fate": fate, "became": step.became, "why": why})
            })
            .collect();
        let [exact, approximated, not_carried] = self.counts();
        json!({"steps": steps, "exact": exact, "approximated": approximated, "not-carried": not_carried})
    }
}

fn place(sources: &Sources, span: Span) -> String {
    match file_and_line(sources, span) {
        (file, Some(line)) => format!("{file}:{line}"),
        (file, None) => file.to_owned(),
    }
}

/// The file, and the line in it, from 1; no line where the whole file is meant.
fn file_and_line(sources: &Sources, span: Span) -> (&str, Option<usize>) {
    let name = sources.get(span.file).map_or("", |source| &source.name);
    if span == Span::whole(span.file) {
        return (name, None);
    }
    let before = sources.text(span.file).get(..span.start as usize).unwrap_or_default();
    (name, Some(before.matches('\n').count() + 1))
}
