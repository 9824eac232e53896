//! Words as Python's `shlex` finds them: of a command, and of a list `KEY="value",…`.

use super::ini::is_space;
use std::ops::RangeInclusive;

/// Stands for what is not known before it runs, one character for each; see [`super::expand::Template::marked`].
pub const MARKS: RangeInclusive<char> = '\u{F0000}'..='\u{FFFFD}';

/// The words of a command, as `shlex.split` has them; `None` with a quote that does not end.
pub fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match quote {
            None if matches!(c, ' ' | '\t' | '\r' | '\n') => words.extend(word.take()),
            None if matches!(c, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c == '\\' => word.get_or_insert_default().push(chars.next()?),
            None => word.get_or_insert_default().push(c),
            Some(end) if c == end => quote = None,
            Some('"') if c == '\\' => {
                let next = chars.next()?;
                let word = word.get_or_insert_default();
                if !matches!(next, '"' | '\\') {
                    word.push('\\');
                }
                word.push(next);
            }
            Some(_) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return None;
    }
    words.extend(word);
    Some(words)
}

/// The pairs of an `environment`; of two with the same key the last, at the place of the first. `None` if it is none.
pub fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let tokens = tokens(text)?;
    let mut pairs: Vec<(String, String)> = Vec::new();
    // What stands at the place of the comma is not looked at.
    for group in tokens.chunks(4) {
        let [key, equals, value, ..] = group else { return None };
        if equals != "=" {
            return None;
        }
        let value = value.trim_matches(['\'', '"']).to_owned();
        match pairs.iter_mut().find(|(old, _)| old == key) {
            Some(old) => old.1 = value,
            None => pairs.push((key.clone(), value)),
        }
    }
    Some(pairs)
}

/// What `shlex.shlex(text)` yields with `/.+-():` as further characters of words.
fn tokens(text: &str) -> Option<Vec<String>> {
    let in_word = |c: char| c.is_ascii_alphanumeric() || "_/.+-():".contains(c) || MARKS.contains(&c);
    let mut tokens = Vec::new();
    let mut token = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if matches!(c, ' ' | '\t' | '\r' | '\n') {
            if !token.is_empty() {
                tokens.push(std::mem::take(&mut token));
            }
        } else if c == '#' {
            // A comment; within a word, that goes on in the next line.
            for c in chars.by_ref() {
                if c == '\n' {
                    break;
                }
            }
        } else if token.is_empty() && matches!(c, '"' | '\'') {
            token.push(c);
            loop {
                let next = chars.next()?;
                token.push(next);
                if next == c {
                    break;
                }
            }
            tokens.push(std::mem::take(&mut token));
        } else if in_word(c) || (!token.is_empty() && matches!(c, '"' | '\'')) {
            token.push(c);
        } else {
            if !token.is_empty() {
                tokens.push(std::mem::take(&mut token));
            }
            tokens.push(c.to_string());
        }
    }
    if !token.is_empty() {
        tokens.push(token);
    }
    Some(tokens)
}

/// A whole number as Python reads it.
pub fn integer(text: &str) -> Option<i64> {
    let text = text.trim_matches(is_space);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let fine = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit())
        && !digits.contains("__")
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    text.replace('_', "").parse().ok().filter(|_| fine)
}

/// An octal number as Python's `int(text, 8)` reads it.
pub fn octal(text: &str) -> Option<i64> {
    let text = text.trim_matches(is_space);
    let digits = text.strip_prefix("0o").or_else(|| text.strip_prefix("0O")).unwrap_or(text);
    let fine = !digits.is_empty() && digits.bytes().all(|b| (b'0'..=b'7').contains(&b));
    i64::from_str_radix(digits, 8).ok().filter(|_| fine)
}

/// A size in bytes; `KB`, `MB` and `GB` are powers of 1024.
pub fn size(text: &str) -> Option<i64> {
    let text = text.to_lowercase();
    let units = [("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1_i64 << 30)];
    match units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor))) {
        Some((number, factor)) => integer(number)?.checked_mul(*factor),
        None => integer(&text),
    }
}

/// A boolean.
pub fn boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Some(true),
        "no" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_as_python_does_it() {
        let words = |text| split(text).map(|words| words.join("|"));
        for (text, expected) in [
            ("a 'b c' \"d \\\" e\" f\\ g", Some("a|b c|d \" e|f g")),
            ("a # b", Some("a|#|b")),
            ("a '' b", Some("a||b")),
            ("a \"\\x\"", Some("a|\\x")),
            ("a\n  b", Some("a|b")),
            ("a 'b", None),
            ("a \\", None),
        ] {
            assert_eq!(words(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn pairs_are_found_as_python_does_it() {
        let all = |text| {
            pairs(text).map(|all| all.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("|"))
        };
        for (text, expected) in [
            ("A=\"1, 2\",B=c", Some("A=1, 2|B=c")),
            ("A = 'x' , B=/a:/b", Some("A=x|B=/a:/b")),
            ("A=1,A=2", Some("A=2")),
            ("A=1,", Some("A=1")),
            ("A=x@y", None),
            ("A", None),
            ("A=\"x", None),
            ("", Some("")),
        ] {
            assert_eq!(all(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_as_python_does_it() {
        assert_eq!(
            ["1", " +5 ", "-3", "1_0", "1__0", "x", "", "_1"].map(integer),
            [Some(1), Some(5), Some(-3), Some(10), None, None, None, None]
        );
        assert_eq!(
            ["10MB", "1 kb", "7", "2gB", "MB"].map(size),
            [Some(10 << 20), Some(1024), Some(7), Some(2 << 30), None]
        );
        assert_eq!(["022", "0o22", "8"].map(octal), [Some(18), Some(18), None]);
    }
}
