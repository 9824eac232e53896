//! Command lines of units: prefixes, quotes and variables, as systemd.service(5) has them.

use super::super::draft::literal;
use super::super::shell::quoted;
use super::super::words::is_variable;

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `${NAME}`: what it is set to, or nothing.
    Braced(String),
}

/// An argument.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    One(Vec<Part>),
    /// `$NAME` alone: as many arguments as it has words.
    Split(String),
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    words: Vec<Word>,
    /// `-`: its failure is none.
    pub is_lenient: bool,
    /// `+`, `!`, `!!`: it runs with all privileges.
    pub is_privileged: bool,
    /// `@`: the word behind the program is its own name for it.
    pub renames: bool,
}

/// How a command can be written.
pub enum Line {
    /// argv, with `${…}` for foster to expand.
    Argv(Vec<String>),
    /// A line for a shell.
    Shell(String),
}

/// The commands of one assignment, which a `;` divides.
///
/// # Errors
/// What is wrong with it.
pub fn parse(line: &str, specifier: impl Fn(&str) -> Result<String, String>) -> Result<Vec<Exec>, String> {
    let mut commands = Vec::new();
    let mut exec: Option<Exec> = None;
    let mut is_literal = false;
    for raw in split(line)? {
        if raw.text == ";" && !raw.quoted {
            commands.extend(exec.take());
            continue;
        }
        let text = specifier(&raw.text)?;
        let exec = match &mut exec {
            Some(exec) => exec,
            None => {
                let program = text.trim_start_matches(['-', '+', '!', '@', ':', '|']);
                let prefix = text.get(..text.len() - program.len()).unwrap_or_default();
                if program.is_empty() {
                    return Err("it names no program".to_owned());
                }
                is_literal = prefix.contains(':');
                let words = vec![Word::One(vec![Part::Text(program.to_owned())])];
                exec = Some(Exec {
                    words,
                    is_lenient: prefix.contains('-'),
                    is_privileged: prefix.contains(['+', '!']),
                    renames: prefix.contains('@'),
                });
                continue;
            }
        };
        let text = if text == "\\;" && !raw.quoted { ";".to_owned() } else { text };
        exec.words.push(if is_literal { Word::One(vec![Part::Text(text)]) } else { word(&text) });
    }
    commands.extend(exec);
    if commands.is_empty() {
        return Err("it names no program".to_owned());
    }
    for command in &mut commands {
        if command.renames && command.words.len() > 1 {
            command.words.remove(1);
        }
    }
    Ok(commands)
}

fn word(text: &str) -> Word {
    if let Some(name) = text.strip_prefix('$').filter(|name| is_variable(name)) {
        return Word::Split(name.to_owned());
    }
    let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        plain.push_str(before);
        let braced = after.strip_prefix("${").and_then(|after| after.split_once('}'));
        if let Some((name, after)) = braced.filter(|(name, _)| is_variable(name)) {
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Braced(name.to_owned()));
            rest = after;
        } else {
            // `$$` is one.
            rest = after.strip_prefix("$$").or(after.strip_prefix('$')).unwrap_or_default();
            plain.push('$');
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() || parts.is_empty() {
        parts.push(Part::Text(plain));
    }
    Word::One(parts)
}

/// The words of a line, without quotes and escapes.
///
/// # Errors
/// What is wrong with it.
pub fn words(line: &str) -> Result<Vec<String>, String> {
    Ok(split(line)?.into_iter().map(|raw| raw.text).collect())
}

struct Raw {
    text: String,
    quoted: bool,
}

/// Splits by blanks and quotes, and reads escapes as in C.
fn split(line: &str) -> Result<Vec<Raw>, String> {
    let mut words: Vec<Raw> = Vec::new();
    let mut word: Option<Raw> = None;
    let mut quote: Option<char> = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert(Raw { text: String::new(), quoted: true }).quoted = true;
            }
            (Some(open), c) if c == open => quote = None,
            (_, '\\') => {
                let word = word.get_or_insert(Raw { text: String::new(), quoted: false });
                match chars.next() {
                    Some('n') => word.text.push('\n'),
                    Some('t') => word.text.push('\t'),
                    Some('r') => word.text.push('\r'),
                    Some('s') => word.text.push(' '),
                    Some('a') => word.text.push('\u{7}'),
                    Some('b') => word.text.push('\u{8}'),
                    Some('f') => word.text.push('\u{c}'),
                    Some('v') => word.text.push('\u{b}'),
                    Some('x') => {
                        let digits: String = chars.by_ref().take(2).collect();
                        let code =
                            u8::from_str_radix(&digits, 16).ok().filter(|code| (1..128).contains(code));
                        word.text.push(code.map(char::from).ok_or("a `\\x` without a character of ASCII")?);
                    }
                    Some(c @ ('\\' | '"' | '\'')) => word.text.push(c),
                    // Alone it is a `;` that divides no commands.
                    Some(c) => {
                        word.text.push('\\');
                        word.text.push(c);
                    }
                    None => return Err("a `\\` at its end".to_owned()),
                }
            }
            (_, c) => word.get_or_insert(Raw { text: String::new(), quoted: false }).text.push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote without its end".to_owned());
    }
    words.extend(word);
    Ok(words)
}

impl Exec {
    /// The words, where none depends on a variable.
    pub fn plain(&self) -> Option<Vec<&str>> {
        let text = |word: &'_ Word| match word {
            Word::One(parts) => match parts.as_slice() {
                [Part::Text(text)] => Some(text.len()),
                _ => None,
            },
            Word::Split(_) => None,
        };
        if self.words.iter().any(|word| text(word).is_none()) {
            return None;
        }
        let words = self.words.iter().filter_map(|word| match word {
            Word::One(parts) => match parts.first() {
                Some(Part::Text(text)) => Some(text.as_str()),
                _ => None,
            },
            Word::Split(_) => None,
        });
        Some(words.collect())
    }

    /// The same program with other arguments.
    pub fn with_words(&self, words: &[&str]) -> Self {
        let words = words.iter().map(|word| Word::One(vec![Part::Text((*word).to_owned())])).collect();
        Self { words, ..self.clone() }
    }

    /// The program, and all arguments that are plain text.
    pub fn texts(&self) -> Vec<&str> {
        self.words
            .iter()
            .map(|word| match word {
                Word::One(parts) => match parts.as_slice() {
                    [Part::Text(text)] => text.as_str(),
                    _ => "",
                },
                Word::Split(name) if name == "MAINPID" => "$MAINPID",
                Word::Split(_) => "",
            })
            .collect()
    }

    /// Puts the words in the place of each `$NAME` whose value is `known` for good, and says whether others are left.
    pub fn resolve(&mut self, known: impl Fn(&str) -> Option<String>) -> bool {
        let mut words = Vec::with_capacity(self.words.len());
        let mut left = false;
        for word in std::mem::take(&mut self.words) {
            match word {
                Word::Split(name) => match known(&name) {
                    Some(value) => {
                        let one = |word: &str| Word::One(vec![Part::Text(word.to_owned())]);
                        words.extend(value.split_whitespace().map(one));
                    }
                    None => {
                        left = true;
                        words.push(Word::Split(name));
                    }
                },
                word => words.push(word),
            }
        }
        self.words = words;
        left
    }

    /// The simplest way to write it.
    pub fn line(&self) -> Line {
        let argv: Option<Vec<String>> = self.words.iter().map(argument).collect();
        match argv {
            Some(argv) => Line::Argv(argv),
            None => Line::Shell(format!("exec {}", self.shell())),
        }
    }

    /// As a line of a shell script.
    pub fn shell(&self) -> String {
        self.words.iter().map(shell_word).collect::<Vec<_>>().join(" ")
    }
}

/// An argument as foster would expand it; `None` for what only a shell can split, or knows.
fn argument(word: &Word) -> Option<String> {
    let Word::One(parts) = word else { return None };
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(plain) => text.push_str(&literal(plain)),
            Part::Braced(name) if name == "MAINPID" => return None,
            Part::Braced(name) => text.push_str(&format!("${{{name}:-}}")),
        }
    }
    Some(text)
}

fn shell_word(word: &Word) -> String {
    let Word::One(parts) = word else {
        let Word::Split(name) = word else { return String::new() };
        return format!("${name}");
    };
    if let [Part::Text(text)] = parts.as_slice() {
        return quoted(text);
    }
    let mut text = String::from("\"");
    for part in parts {
        match part {
            Part::Text(plain) => {
                for c in plain.chars() {
                    if matches!(c, '"' | '\\' | '$' | '`') {
                        text.push('\\');
                    }
                    text.push(c);
                }
            }
            Part::Braced(name) => text.push_str(&format!("${{{name}}}")),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn one(line: &str) -> Exec {
        parse(line, |text| Ok(text.to_owned())).unwrap().remove(0)
    }

    fn shown(line: &str) -> String {
        match one(line).line() {
            Line::Argv(argv) => format!("{argv:?}"),
            Line::Shell(line) => line,
        }
    }

    #[test]
    fn a_line_is_argv_unless_words_of_a_variable_are_split() {
        assert_eq!(shown("/bin/a 'b c' \"d\\te\" f\\x20g"), "[\"/bin/a\", \"b c\", \"d\\te\", \"f g\"]");
        assert_eq!(shown("a ${B} x${C}y $$d a$E '${'"), r#"["a", "${B:-}", "x${C:-}y", "$d", "a$E", "$${"]"#);
        assert_eq!(shown(":a ${B} $C"), r#"["a", "$${B}", "$C"]"#);
        assert_eq!(shown("a $OPTS 'x y' \"$B ${C}\""), "exec a $OPTS 'x y' \"\\$B ${C}\"");
        assert_eq!(shown("a ${MAINPID}"), "exec a \"${MAINPID}\"");
        assert_eq!(shown("@/bin/a name b"), "[\"/bin/a\", \"b\"]");
    }

    #[test]
    fn prefixes_are_read_and_commands_divided() {
        let exec = one("-+/bin/a b");
        assert!(exec.is_lenient && exec.is_privileged && exec.plain() == Some(vec!["/bin/a", "b"]));
        let both = parse("a b ; -c \\; ';'", |text| Ok(text.to_owned())).unwrap();
        assert_eq!(both.len(), 2);
        assert_eq!(both[1].plain(), Some(vec!["c", ";", ";"]));
        for broken in ["a 'b", "", "-", "a \\"] {
            assert!(parse(broken, |text| Ok(text.to_owned())).is_err(), "{broken}");
        }
    }
}
