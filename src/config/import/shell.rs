//! Command lines that a shell ran.

use super::draft::{Draft, list, literal};
use crate::config::diagnostic::Span;

/// Sets what runs a line that a shell was given: argv where the shell would do nothing but split words, otherwise a script.
/// A script of one simple command becomes that command, so that signals reach it and not its shell.
pub fn set_command(draft: &mut Draft, line: &str, span: Span) {
    match plain_words(line) {
        Some(words) => draft.set("command", list(words.iter().map(|word| literal(word)), span), span),
        None => draft.set("script", with_exec(line), span),
    };
}

/// The words of a line in which nothing is for the shell to do.
fn plain_words(line: &str) -> Option<Vec<String>> {
    let special = |c: char| "$`|&;<>()*?[]{}~#!\n\\".contains(c);
    if line.contains(special) {
        return None;
    }
    let words = shlex::split(line)?;
    let first = words.first()?;
    // An assignment, or what only a shell knows.
    let known = first.contains('=') || BUILTINS.contains(&first.as_str());
    (!known && !first.is_empty()).then_some(words)
}

/// Whether a command that begins with this word is the shell's own, or no simple one.
pub fn is_of_the_shell(word: &str) -> bool {
    word.is_empty() || word.contains('=') || BUILTINS.contains(&word)
}

/// A word for a shell, in quotes if it needs them.
pub fn quoted(text: &str) -> String {
    let fine = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,!".contains(c);
    if !text.is_empty() && text.chars().all(fine) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The simple command of these words.
pub fn joined(words: &[String]) -> String {
    let mut words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    if let Some(first) = words.first_mut().filter(|word| word.contains('=') && !word.starts_with('\'')) {
        // It would set a variable.
        *first = format!("'{first}'");
    }
    words.join(" ")
}

/// Words with which a command of a shell can begin that are no programs, or not the same ones.
const BUILTINS: &[&str] = &[
    ".", ":", "alias", "bg", "break", "case", "cd", "continue", "eval", "exec", "exit", "export", "fg",
    "for", "function", "if", "local", "read", "return", "select", "set", "shift", "source", "time", "times",
    "trap", "type", "ulimit", "umask", "unalias", "unset", "until", "wait", "while",
];

/// `exec` before the last command of a list, if that is a simple one.
fn with_exec(line: &str) -> String {
    let trimmed = line.trim();
    let operators = ["|", "&", ";", "<(", "\n", "`", "$(", "(", "{ "];
    let (before, last) = match trimmed.rsplit_once("&&") {
        // In quotes it would be text.
        Some((before, last)) if !line.contains(['"', '\'']) => (Some(before), last.trim()),
        _ => (None, trimmed),
    };
    let first = last.split_whitespace().next().unwrap_or_default();
    let simple = !operators.iter().any(|operator| last.contains(operator))
        && before.is_none_or(|before| !before.contains("||"))
        && !first.contains('=')
        && !first.starts_with(['!', '#'])
        && !BUILTINS.contains(&first);
    match before {
        _ if !simple => line.to_owned(),
        Some(before) => format!("{}&& exec {last}", before),
        None => format!("exec {last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_a_shell_gets_one() {
        assert_eq!(
            plain_words("bundle exec puma -p 5000"),
            Some(["bundle", "exec", "puma", "-p", "5000"].map(String::from).to_vec())
        );
        assert_eq!(plain_words("a 'b c'"), Some(vec!["a".to_owned(), "b c".to_owned()]));
        for line in ["a $PORT", "a | b", "a && b", "A=1 b", "cd x", "a *", "a > b", "a 'b", ""] {
            assert_eq!(plain_words(line), None, "{line}");
        }
    }

    #[test]
    fn the_last_simple_command_takes_the_place_of_the_shell() {
        for (line, script) in [
            ("a -p $PORT", "exec a -p $PORT"),
            ("cd x && a $B", "cd x && exec a $B"),
            ("a | b", "a | b"),
            ("a; b", "a; b"),
            ("A=1 b", "A=1 b"),
            ("a || b && c", "a || b && c"),
            ("exec a $B", "exec a $B"),
            ("cd x && A=1 b", "cd x && A=1 b"),
            ("echo 'a && b'", "echo 'a && b'"),
        ] {
            assert_eq!(with_exec(line), script);
        }
    }
}
