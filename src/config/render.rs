//! A report as text for people and as JSON for tools.

use super::diagnostic::{Diagnostic, Report, Severity, Span};
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

/// A span as people count: lines and columns from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position<'a> {
    /// Path, or name of a variable.
    pub file: &'a str,
    /// Line of the first character.
    pub line: usize,
    /// Column of the first character.
    pub column: usize,
    /// Line of the last character.
    pub end_line: usize,
    /// Column after the last character.
    pub end_column: usize,
}

/// One underline.
struct Mark<'a> {
    span: Span,
    label: Option<&'a str>,
    primary: bool,
}

impl Report {
    /// Where a span is; `None` when it points into nothing.
    #[must_use]
    pub fn place(&self, span: Span) -> Option<Position<'_>> {
        let source = self.sources.get(span.file)?;
        let text = source.text.as_deref().unwrap_or_default();
        let count = |offset: u32| {
            let before = text.get(..offset as usize).unwrap_or(text);
            let line_start = before.rfind('\n').map_or(0, |n| n + 1);
            (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
        };
        let (line, column) = count(span.start);
        let (end_line, end_column) = count(span.end.max(span.start));
        Some(Position { file: &source.name, line, column, end_line, end_column })
    }

    /// The report as text, each finding with the source line underlined; ends with a newline unless it is empty.
    ///
    /// `colour` puts ANSI escapes in; control characters of the sources never pass to the terminal.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let mut text = String::new();
        for diagnostic in &self.diagnostics {
            text += renderer.render(&[self.group(diagnostic)]).trim_end();
            text += "\n\n";
        }
        text.pop();
        text
    }

    fn group<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(plain(&diagnostic.message)));
        // One snippet per file, in the order in which the files come up: two snippets of one file would not be joined.
        let mut files: Vec<(u32, Vec<Mark<'_>>)> = Vec::new();
        let primary =
            diagnostic.span.map(|span| Mark { span, label: diagnostic.label.as_deref(), primary: true });
        let other =
            |(span, label): &'a (Span, String)| Mark { span: *span, label: Some(label), primary: false };
        let related = diagnostic.related.iter().map(other);
        for place in primary.into_iter().chain(related) {
            match files.iter_mut().find(|(file, _)| *file == place.span.file) {
                Some((_, list)) => list.push(place),
                None => files.push((place.span.file, vec![place])),
            }
        }
        for (file, places) in files {
            let Some(source) = self.sources.get(file) else { continue };
            let Some(text) = source.text.as_deref().filter(|text| !text.is_empty()) else {
                group = group.element(Origin::path(plain(&source.name)));
                continue;
            };
            let mut snippet = Snippet::source(text).path(plain(&source.name)).line_start(1);
            for Mark { span, label, primary } in places {
                let kind = if primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                snippet = snippet.annotation(kind.span(bounded(text, span)).label(label.map(plain)));
            }
            group = group.element(snippet);
        }
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(plain(help)));
        }
        group
    }

    /// The report as JSON: `{"diagnostics": […], "errors": N, "warnings": N}`.
    ///
    /// Each diagnostic has `severity` (`error` or `warning`), `code` (a stable word, see [`super::Code`]), `message`,
    /// `help` (or null), and where it is: `file`, `line`, `column`, `end_line`, `end_column` (from 1, in characters, the
    /// end behind the last one; null where there is none). `related` is a list of further places with a `message` each.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let place = |span: Option<Span>| {
            let mut object = serde_json::Map::new();
            let position = span.and_then(|span| self.place(span));
            let in_text = span.is_some_and(|s| self.sources.get(s.file).is_some_and(|f| f.text.is_some()));
            let number = |n: Option<usize>| n.filter(|_| in_text).map_or(Value::Null, Value::from);
            object.insert("file".into(), position.as_ref().map_or(Value::Null, |p| p.file.into()));
            object.insert("line".into(), number(position.as_ref().map(|p| p.line)));
            object.insert("column".into(), number(position.as_ref().map(|p| p.column)));
            object.insert("end_line".into(), number(position.as_ref().map(|p| p.end_line)));
            object.insert("end_column".into(), number(position.as_ref().map(|p| p.end_column)));
            object
        };
        let list: Vec<Value> = self
            .diagnostics
            .iter()
            .map(|diagnostic| {
                let severity = match diagnostic.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                };
                let related: Vec<Value> = diagnostic
                    .related
                    .iter()
                    .map(|(span, message)| {
                        let mut object = place(Some(*span));
                        object.insert("message".into(), message.as_str().into());
                        Value::Object(object)
                    })
                    .collect();
                let mut object = serde_json::Map::new();
                object.insert("severity".into(), severity.into());
                object.insert("code".into(), diagnostic.code.as_str().into());
                object.insert("message".into(), diagnostic.message.as_str().into());
                object.extend(place(diagnostic.span));
                object.insert("help".into(), json!(diagnostic.help));
                object.insert("related".into(), related.into());
                Value::Object(object)
            })
            .collect();
        json!({ "diagnostics": list, "errors": self.errors(), "warnings": self.warnings() })
    }
}

/// Text of a file inside a message must not move the cursor.
fn plain(text: &str) -> String {
    annotate_snippets::normalize_untrusted_str(text)
}

/// A span that the renderer can show: inside the text, on character boundaries.
fn bounded(text: &str, span: Span) -> std::ops::Range<usize> {
    let floor = |mut n: usize| {
        n = n.min(text.len());
        while !text.is_char_boundary(n) {
            n -= 1;
        }
        n
    };
    let start = floor(span.start as usize);
    start..floor(span.end as usize).max(start)
}
