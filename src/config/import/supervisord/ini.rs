//! The files as supervisord reads them: Python's `RawConfigParser` with `;` and `#` for comments, also behind values.

use super::super::Reading;
use crate::config::diagnostic::Span;

/// All sections of all files, in the order in which they came up first.
#[derive(Debug, Default)]
pub struct Ini {
    pub sections: Vec<Section>,
}

/// What stands below one header, or below several of the same name.
#[derive(Debug)]
pub struct Section {
    pub name: String,
    /// The first header.
    pub span: Span,
    pub options: Vec<Setting>,
}

/// One key; a later one of the same name takes its value.
#[derive(Clone, Debug)]
pub struct Setting {
    /// In lower case.
    pub key: String,
    pub value: String,
    pub span: Span,
}

/// Below this header stands what holds for all sections.
const DEFAULT: &str = "DEFAULT";

impl Ini {
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The sections of a kind (`program:`) with their names.
    pub fn of_kind<'i>(&'i self, kind: &'i str) -> impl Iterator<Item = (&'i str, &'i Section)> {
        let name = move |section: &'i Section| Some((section.name.strip_prefix(kind)?, section));
        self.sections.iter().filter_map(name)
    }

    /// Adds what a file says. What is wrong with it goes to the findings.
    pub fn add(&mut self, file: u32, reading: &Reading<'_>) {
        let text = reading.sources.text(file);
        let mut section: Option<usize> = None;
        let mut option: Option<usize> = None;
        let mut indent = 0;
        let mut start = 0;
        for whole in text.split_inclusive(['\n', '\r']) {
            let (line, at) = (whole.trim_end_matches(['\n', '\r']), start);
            start += whole.len();
            // The second half of "\r\n".
            if line.is_empty() && whole == "\n" && at > 0 && text[..at].ends_with('\r') {
                continue;
            }
            let comment = comment(line);
            let value = strip(line.get(..comment.unwrap_or(line.len())).unwrap_or_default());
            let open = section.zip(option);
            if value.is_empty() {
                if let (None, Some(old)) = (comment, open.and_then(|open| self.option(open))) {
                    old.value.push('\n');
                }
                continue;
            }
            let deep = line.chars().take_while(|c| is_space(*c)).count();
            let from = at + line.find(|c| !is_space(c)).unwrap_or(0);
            let span = Span::new(file, from..from + value.len());
            if let Some(old) = open.filter(|_| deep > indent).and_then(|open| self.option(open)) {
                old.value.push('\n');
                old.value.push_str(value);
                continue;
            }
            indent = deep;
            if let Some(name) = header(value) {
                (section, option) = (Some(self.enter(name, span)), None);
                continue;
            }
            let Some(at) = section else {
                return reading.broken(span, "it begins without a [section]");
            };
            match value.split_once(['=', ':']) {
                Some((key, value)) if !strip(key).is_empty() => {
                    let value = strip(value).to_owned();
                    let setting = Setting { key: strip(key).to_lowercase(), value, span };
                    option = self.set(at, setting);
                }
                _ => reading
                    .broken(span, "a line is `[SECTION]`, `KEY=VALUE` or more of the value above, indented"),
            }
        }
        for setting in self.sections.iter_mut().flat_map(|section| &mut section.options) {
            if setting.span.file == file {
                setting.value.truncate(setting.value.trim_end_matches(is_space).len());
            }
        }
    }

    fn option(&mut self, (section, option): (usize, usize)) -> Option<&mut Setting> {
        self.sections.get_mut(section)?.options.get_mut(option)
    }

    fn enter(&mut self, name: &str, span: Span) -> usize {
        if let Some(at) = self.sections.iter().position(|section| section.name == name) {
            return at;
        }
        self.sections.push(Section { name: name.to_owned(), span, options: Vec::new() });
        self.sections.len() - 1
    }

    fn set(&mut self, section: usize, setting: Setting) -> Option<usize> {
        let options = &mut self.sections.get_mut(section)?.options;
        match options.iter().position(|old| old.key == setting.key) {
            Some(at) => {
                if let Some(old) = options.get_mut(at) {
                    *old = setting;
                }
                Some(at)
            }
            None => {
                options.push(setting);
                Some(options.len() - 1)
            }
        }
    }

    /// Gives every section what stands below `[DEFAULT]` and not in it.
    pub fn spread_defaults(&mut self) {
        let Some(at) = self.sections.iter().position(|section| section.name == DEFAULT) else { return };
        let defaults = self.sections.remove(at).options;
        for section in &mut self.sections {
            for default in &defaults {
                if section.get(&default.key).is_none() {
                    section.options.push(default.clone());
                }
            }
        }
    }

    /// Puts a directory where the values of a file say `%(here)s`: so supervisord does where there is an `[include]`.
    pub fn expand_here(&mut self, file: u32, here: &str) {
        for setting in self.sections.iter_mut().flat_map(|section| &mut section.options) {
            if setting.span.file == file && setting.value.contains(HERE) {
                setting.value = setting.value.replace(HERE, here);
            }
        }
    }
}

const HERE: &str = "%(here)s";

impl Section {
    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.options.iter().find(|option| option.key == key)
    }
}

/// `[NAME]`, to the last bracket.
fn header(line: &str) -> Option<&str> {
    let name = line.strip_prefix('[')?;
    let name = name.get(..name.rfind(']')?)?;
    (!name.is_empty()).then_some(name)
}

/// Where a comment begins: at a `;` or `#` at the begin of a line or behind white space. Of both, occurrence by occurrence,
/// the first: that is how Python looks for it.
fn comment(line: &str) -> Option<usize> {
    if strip(line).starts_with([';', '#']) {
        return Some(0);
    }
    let mut searches: Vec<_> = [';', '#'].into_iter().map(|prefix| line.match_indices(prefix)).collect();
    loop {
        let mut found: Option<usize> = None;
        searches.retain_mut(|search| {
            let Some((at, _)) = search.next() else { return false };
            let begins = line.get(..at).is_some_and(|before| before.chars().next_back().is_none_or(is_space));
            if begins {
                found = Some(found.map_or(at, |other| other.min(at)));
            }
            true
        });
        if found.is_some() || searches.is_empty() {
            return found;
        }
    }
}

/// White space of Python: with the four separators of ASCII.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// Without white space at both ends.
pub fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_begins_a_line_or_follows_white_space() {
        for (line, at) in [
            ("a=b ; c", Some(4)),
            ("a=b;c", None),
            ("a=b;c ;d", Some(6)),
            ("a=b #c", Some(4)),
            ("  ; x", Some(0)),
            ("a=\"x ; y\"", Some(5)),
            // What Python finds first is not what comes first.
            ("x;y;z ;c # d", Some(9)),
        ] {
            assert_eq!(comment(line), at, "{line}");
        }
    }

    #[test]
    fn a_header_goes_to_the_last_bracket() {
        assert_eq!(header("[program:x]"), Some("program:x"));
        assert_eq!(header("[a] b]"), Some("a] b"));
        assert_eq!(header("[]"), None);
    }
}
