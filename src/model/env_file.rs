//! The format of `environment-files`.
//!
//! What the files of Docker Compose, systemd and `sh` have in common: `NAME=value` lines with optional quotes. Nothing is
//! expanded: a password may hold a `$`.

/// Reads the text of an environment file.
///
/// - Blank lines and lines that begin with `#` are ignored; `export ` before a name too; so is a carriage return at the
///   end of a line.
/// - `NAME=value`: blanks around the value are dropped, and so is a comment that begins with ` #`.
/// - `NAME='value'`: taken literally, over several lines if need be.
/// - `NAME="value"`: the same, but `\n`, `\"`, `\\` and `\$` stand for a newline, `"`, `\` and `$`; a backslash before
///   anything else stays.
///
/// # Errors
/// The number of the first bad line, from 1, and what is wrong with it; never the value, which may be a secret.
pub fn parse_env_file(text: &str) -> Result<Vec<(String, String)>, (usize, String)> {
    let mut set = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut number = 1;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            rest = after;
            number += 1;
            continue;
        }
        let error = |message: &str| (number, message.to_owned());
        let (name, _) = line.split_once('=').ok_or_else(|| error("there is no `=`"))?;
        let value = &rest[name.len() + 1..];
        let name = name.trim_start();
        let name = name.strip_prefix("export").filter(|n| n.starts_with([' ', '\t'])).unwrap_or(name);
        let name = check_name(name.trim_start()).map_err(|message| error(&message))?;
        let value = value.trim_start_matches([' ', '\t']);
        let (value, tail) = match value.as_bytes().first() {
            Some(b'\'') => single_quoted(&value[1..]).ok_or_else(|| error("the `'` has no end"))?,
            Some(b'"') => double_quoted(&value[1..]).ok_or_else(|| error("the `\"` has no end"))?,
            _ => unquoted(value),
        };
        // Only a quoted value can leave something on its last line.
        let (left, after) = tail.split_once('\n').unwrap_or((tail, ""));
        number += rest[..rest.len() - tail.len()].matches('\n').count();
        let left = left.trim_end();
        let comment = left.trim_start().starts_with('#') && left.starts_with([' ', '\t']);
        if !left.is_empty() && !comment {
            return Err((number, "there is text behind the closing quote".to_owned()));
        }
        if value.contains('\0') {
            return Err((number, format!("the value of `{name}` contains a NUL character")));
        }
        set.push((name.to_owned(), value));
        rest = after;
        number += 1;
    }
    Ok(set)
}

/// Letters, digits and `_`, and the `.` and `-` that some programs use; not a digit first.
fn check_name(name: &str) -> Result<&str, String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.ends_with([' ', '\t']) {
        return Err(format!("there is a blank before the `=` of `{}`", name.trim_end().escape_debug()));
    }
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(fine) {
        return Err(format!("`{}` is no name of a variable", name.escape_debug()));
    }
    Ok(name)
}

fn unquoted(text: &str) -> (String, &str) {
    let end = text.find('\n').unwrap_or(text.len());
    let (line, tail) = text.split_at(end);
    let line = if line.starts_with('#') { "" } else { line };
    let comment = [" #", "\t#"].iter().filter_map(|mark| line.find(mark)).min();
    (line[..comment.unwrap_or(line.len())].trim_end().to_owned(), tail)
}

fn single_quoted(text: &str) -> Option<(String, &str)> {
    let (value, tail) = text.split_once('\'')?;
    Some((value.replace("\r\n", "\n"), tail))
}

fn double_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.peek() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, next @ ('"' | '\\' | '$'))) => value.push(*next),
                _ => {
                    value.push('\\');
                    continue;
                }
            },
            '\r' if characters.peek().is_some_and(|(_, next)| *next == '\n') => continue,
            other => {
                value.push(other);
                continue;
            }
        }
        characters.next();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(text: &str) -> Result<String, (usize, String)> {
        parse_env_file(text).map(|set| set.into_iter().map(|(n, v)| format!("{n}={v};")).collect())
    }

    #[test]
    fn each_form_of_a_value_is_read() {
        for (text, set) in [
            ("", ""),
            ("A=1\n\n# note\nB=2", "A=1;B=2;"),
            ("A=1\r\nB='x'\r\n", "A=1;B=x;"),
            ("export A=1\n  export  B=2", "A=1;B=2;"),
            ("A=", "A=;"),
            ("A= b c  # comment", "A=b c;"),
            ("A=b#c", "A=b#c;"),
            ("A= # only a comment", "A=;"),
            ("A='$x \\n \"'", "A=$x \\n \";"),
            ("A=\"a\\nb\\\"\\\\\\$\\x\"", "A=a\nb\"\\$\\x;"),
            ("A=\"two\nlines\" # note\nB=3", "A=two\nlines;B=3;"),
            ("A=a=b", "A=a=b;"),
            ("A=it's", "A=it's;"),
            ("exported=1", "exported=1;"),
            ("discovery.type=x", "discovery.type=x;"),
            ("\u{feff}A=1", "A=1;"),
        ] {
            assert_eq!(one(text), Ok(set.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        for (text, line) in [
            ("A=1\nB", 2),
            ("1A=1", 1),
            ("A=1\n=2", 2),
            ("A='x\ny\nz", 1),
            ("A=\"x\ny\" z\nB=1", 2),
            ("A=\"x\ny\"\nB", 3),
            ("A =1", 1),
            ("A B=1", 1),
            ("A='x'y", 1),
            ("A=a\0b", 1),
        ] {
            assert_eq!(one(text).map_err(|(line, _)| line), Err(line), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_value_survives_double_quotes(value in "[^\r\0]{0,40}") {
            let quoted: String = value
                .chars()
                .map(|c| match c { '"' | '\\' | '$' => format!("\\{c}"), c => c.to_string() })
                .collect();
            prop_assert_eq!(parse_env_file(&format!("A=\"{quoted}\"\n")), Ok(vec![("A".to_owned(), value)]));
        }

        #[test]
        fn no_text_upsets_it(text in "[A-C=#'\"\\\\ \n\r\tné]{0,60}") {
            let _ = parse_env_file(&text);
        }
    }
}
