//! Commands: argv as an array, or a string that is split by the quoting rules of the shell.

use super::diagnostic::{Code, Diagnostic};
use super::reader::{Located, Reader, span_inside};
use super::tree::Value;
use std::ops::Range;

/// Reads argv; never an empty one, and never an empty program name.
pub fn argv(reader: &Reader<'_, '_>, key: &'static str) -> Option<Located<Vec<String>>> {
    let node = reader.node(key)?;
    let name = reader.group.path(key);
    let (value, count) = match &node.value {
        Value::Text(text) => {
            if let Some((range, what)) = shell_syntax(text) {
                let span = span_inside(reader.scope.sources, node.span, text, range);
                let message = format!("no shell runs `{name}`, so {what} is passed on as it stands");
                let help = if name == "command" {
                    "use `script` for a shell, or quote it"
                } else {
                    "write [\"/bin/sh\", \"-c\", \"…\"] for a shell, or quote it"
                };
                let warning = Diagnostic::warning(Code::Suspicious, span, message);
                reader.scope.findings.push(warning.help(help.to_owned()));
            }
            let Some(words) = shlex::split(text) else {
                let message = format!("`{name}` has a quote without its end");
                let help = "write it as an array: one string for each argument".to_owned();
                reader.invalid(node.span, message, Some(help));
                return None;
            };
            let expanded: Vec<String> = words
                .iter()
                .filter_map(|word| reader.scope.text(node, word).map(std::borrow::Cow::into_owned))
                .collect();
            (expanded, words.len())
        }
        Value::List(list) => {
            let items = list.iter().filter_map(|item| reader.item(key, item)).map(|item| item.value);
            (items.collect(), list.len())
        }
        _ => {
            reader.mismatch(key, node);
            return None;
        }
    };
    if value.len() < count {
        return None;
    }
    if value.first().is_none_or(String::is_empty) {
        let message = if count == 0 { "is empty" } else { "names no program: its first word is empty" };
        reader.invalid(node.span, format!("`{name}` {message}"), None);
        return None;
    }
    Some(Located { value, span: node.span })
}

/// The first thing in `text`, outside quotes, that only a shell would understand.
fn shell_syntax(text: &str) -> Option<(Range<usize>, String)> {
    let bytes = text.as_bytes();
    let found = |range: Range<usize>| {
        let what = format!("`{}`", &text[range.clone()]);
        Some((range, what))
    };
    let mut quote = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (quote, byte) {
            (None | Some(b'"'), b'\\') => at += 1,
            (None, b'\'' | b'"') => quote = Some(byte),
            (Some(open), _) if byte == open => quote = None,
            // In double quotes a shell would still substitute commands.
            (None | Some(b'"'), b'`') => return found(at..at + 1),
            (None | Some(b'"'), b'$') if bytes.get(at + 1) == Some(&b'(') => return found(at..at + 2),
            (None | Some(b'"'), b'$') if bytes.get(at + 1) == Some(&b'{') => {
                // Ours, to its end: a default may hold anything.
                at += text[at..].find('}').unwrap_or(0);
            }
            (None, b'|' | b'&' | b';' | b'<' | b'>') => {
                let double = bytes.get(at + 1) == Some(&byte);
                return found(at..at + 1 + usize::from(double));
            }
            _ => {}
        }
        at += 1;
    }
    let first = text.split_whitespace().next()?;
    let (name, _) = first.split_once('=')?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let start = text.find(first)?;
    is_name.then(|| (start..start + first.len(), format!("`{name}=…` sets no variable and")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_shell_understands_is_noticed_outside_quotes() {
        for (text, found) in [
            ("a | b", "`|`"),
            ("a && b", "`&&`"),
            ("a > /dev/null", "`>`"),
            ("a; b", "`;`"),
            ("a $(b)", "`$(`"),
            ("a \"$(b)\"", "`$(`"),
            ("a `b`", "`` ` ``"),
            ("X=1 a", "`X=…` sets no variable and"),
        ] {
            let found = if found == "`` ` ``" { "```" } else { found };
            assert_eq!(shell_syntax(text).map(|(_, what)| what).as_deref(), Some(found), "{text}");
        }
        for text in
            ["a 'b | c'", "a \"b;c\"", "a \\| b", "a ${X:-b|c}", "nginx -g 'daemon off;'", "a b=c", "é"]
        {
            assert_eq!(shell_syntax(text), None, "{text}");
        }
    }
}
