//! `$VAR` and `${VAR:-x}` of compose files, as foster writes them.

use std::collections::BTreeMap;

/// How deep defaults may lie in each other.
const DEEPEST: usize = 8;

/// The text with foster's variables. `known` is what the file `.env` beside it says; what it names becomes the default.
///
/// # Errors
/// What foster has no word for.
pub fn interpolate(text: &str, known: &BTreeMap<String, String>) -> Result<String, String> {
    expand(text, known, 0)
}

fn expand(text: &str, known: &BTreeMap<String, String>, depth: usize) -> Result<String, String> {
    if depth > DEEPEST {
        return Err(format!("defaults lie in each other more than {DEEPEST} deep"));
    }
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let after = after.strip_prefix('$').unwrap_or_default();
        if let Some(more) = after.strip_prefix('$') {
            // A `$` of its own; before a brace foster would take it for a variable.
            out.push_str(if more.starts_with('{') { "$$" } else { "$" });
            rest = more;
        } else if let Some(inside) = after.strip_prefix('{') {
            let end = closing(inside).ok_or("a `${` without its `}`")?;
            let (inside, more) = inside.split_at(end);
            out.push_str(&braced(inside, known, depth)?);
            rest = more.strip_prefix('}').unwrap_or_default();
        } else {
            let end = after.find(|c: char| !is_name(c)).unwrap_or(after.len());
            let (name, more) = after.split_at(end);
            if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err("a `$` alone: `$$` is one".to_owned());
            }
            out.push_str(&with_default(name, "", known));
            rest = more;
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Where the brace ends that has been opened.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn braced(inside: &str, known: &BTreeMap<String, String>, depth: usize) -> Result<String, String> {
    let end = inside.find(|c: char| !is_name(c)).unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    if name.is_empty() {
        return Err(format!("`${{{inside}}}` names no variable"));
    }
    let (operator, word) = match rest.strip_prefix(':') {
        Some(rest) => (rest.chars().next(), rest.get(1..).unwrap_or_default()),
        None => (rest.chars().next(), rest.get(1..).unwrap_or_default()),
    };
    match operator {
        None => Ok(with_default(name, "", known)),
        Some('-') => Ok(with_default(name, &expand(word, known, depth + 1)?, known)),
        Some('?') if known.contains_key(name) => Ok(with_default(name, "", known)),
        Some('?') => Ok(format!("${{{name}:?{}}}", if word.is_empty() { "it is not set" } else { word })),
        Some('+') => Err(format!("`${{{inside}}}`: there is no value for variables that are set")),
        Some(_) => Err(format!("`${{{inside}}}` is no variable")),
    }
}

fn with_default(name: &str, default: &str, known: &BTreeMap<String, String>) -> String {
    let default = match known.get(name) {
        Some(value) if !value.contains(['{', '}']) => value.as_str(),
        _ => default,
    };
    format!("${{{name}:-{default}}}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn variables_become_those_of_foster() {
        let known = BTreeMap::from([("K".to_owned(), "v".to_owned())]);
        for (text, written) in [
            ("a $B ${C}", "a ${B:-} ${C:-}"),
            ("${A:-x} ${A-y} ${A:-${B:-c}}", "${A:-x} ${A:-y} ${A:-${B:-c}}"),
            ("${A:?no} ${A?}", "${A:?no} ${A:?it is not set}"),
            ("$K ${K:-x} ${K:?no}", "${K:-v} ${K:-v} ${K:-v}"),
            ("$$B $${C} $$", "$B $${C} $"),
        ] {
            assert_eq!(interpolate(text, &known).unwrap(), written);
        }
        for text in ["$", "${", "${}", "${A:+x}", "${A!}", "$1"] {
            assert!(interpolate(text, &known).is_err(), "{text}");
        }
    }
}
