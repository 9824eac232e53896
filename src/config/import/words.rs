//! Words of a command, as a shell or execline would read them.

use super::draft::literal;

/// What a command consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// One argument.
    Word(Word),
    /// `{ … }` of execline.
    Block(Vec<Piece>),
}

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// As it is written.
    pub raw: String,
    /// What it means, as a value of the configuration; `None` when only a shell can tell.
    pub value: Option<String>,
}

impl Piece {
    /// What a word means, if that is known.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Word(word) => word.value.as_deref(),
            Self::Block(_) => None,
        }
    }
}

/// Whether this is the name of a variable.
pub fn is_variable(name: &str) -> bool {
    let first = name.bytes().next();
    first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The last part of a path: what a program is called.
pub fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Why a line is more than one simple command.
#[derive(Debug, PartialEq, Eq)]
pub struct NotSimple;

/// A simple command of a shell, and whether its standard error goes where its standard output goes.
pub fn shell_command(line: &str) -> Result<(Vec<Piece>, bool), NotSimple> {
    let mut pieces = Vec::new();
    let mut joined = false;
    for raw in shell_words(line)? {
        if raw == "2>&1" {
            joined = true;
        } else if raw.starts_with('#') {
            break;
        } else {
            let value = shell_value(&raw)?;
            pieces.push(Piece::Word(Word { raw, value }));
        }
    }
    Ok((pieces, joined))
}

/// The words of a line, as they are written.
fn shell_words(line: &str) -> Result<Vec<String>, NotSimple> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut chars = line.chars();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => {
                word.push(c);
                word.push(chars.next().ok_or(NotSimple)?);
                continue;
            }
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            (c, None) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            _ => {}
        }
        word.push(c);
    }
    if quote.is_some() {
        return Err(NotSimple);
    }
    if !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

/// What a word means without a shell; `Ok(None)` if a shell has to expand it.
fn shell_value(raw: &str) -> Result<Option<String>, NotSimple> {
    let (mut value, mut known) = (String::new(), true);
    let mut chars = raw.chars();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\'', None) => quote = Some('\''),
            ('"', None) => quote = Some('"'),
            (c, Some(open)) if c == open => quote = None,
            ('\\', None) => value.extend(chars.next()),
            ('\\', Some('"')) => match chars.next() {
                Some(c @ ('"' | '\\' | '$' | '`')) => value.push(c),
                Some(c) => value.extend(['\\', c]),
                None => return Err(NotSimple),
            },
            ('`', None | Some('"')) => return Err(NotSimple),
            ('$', None | Some('"')) => {
                if chars.as_str().starts_with('(') {
                    return Err(NotSimple);
                }
                known = false;
            }
            (';' | '&' | '|' | '<' | '>' | '(' | ')', None) => return Err(NotSimple),
            ('*' | '?' | '[' | '~', None) => known = false,
            ('{' | '}', None) if raw.len() == 1 => return Err(NotSimple),
            (c, _) => value.push(c),
        }
    }
    Ok(known.then(|| literal(&value)))
}

/// How deep blocks of execline may be in each other.
const DEEPEST: usize = 64;

/// A script of execline.
///
/// # Errors
/// Where it is wrong, as a byte of the text, and why.
pub fn execline(text: &str) -> Result<Vec<Piece>, (usize, &'static str)> {
    let mut open: Vec<Vec<Piece>> = vec![Vec::new()];
    let mut chars = text.char_indices().peekable();
    while let Some(&(start, c)) = chars.peek() {
        if c.is_ascii_whitespace() {
            chars.next();
            continue;
        }
        if c == '#' {
            while chars.next_if(|(_, c)| *c != '\n').is_some() {}
            continue;
        }
        let (value, quoted) = execline_word(&mut chars).map_err(|why| (start, why))?;
        match value.as_str() {
            "{" if !quoted && open.len() < DEEPEST => open.push(Vec::new()),
            "{" if !quoted => return Err((start, "its blocks are nested too deeply")),
            "}" if !quoted => {
                let block = open.pop().filter(|_| !open.is_empty());
                let block = block.ok_or((start, "a `}` without its `{`"))?;
                open.last_mut().ok_or((start, "a `}` without its `{`"))?.push(Piece::Block(block));
            }
            _ => {
                let end = chars.peek().map_or(text.len(), |(at, _)| *at);
                let raw = text.get(start..end).unwrap_or_default().to_owned();
                let word = Piece::Word(Word { raw, value: Some(value) });
                open.last_mut().ok_or((start, "a `}` without its `{`"))?.push(word);
            }
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(pieces), true) => Ok(pieces),
        _ => Err((text.len(), "a `{` is never closed")),
    }
}

/// One word, and whether something in it was quoted.
fn execline_word(
    chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
) -> Result<(String, bool), &'static str> {
    let (mut value, mut quoted, mut inside) = (String::new(), false, false);
    while let Some((_, c)) = chars.next_if(|(_, c)| inside || !c.is_ascii_whitespace()) {
        match c {
            '"' => {
                (quoted, inside) = (true, !inside);
            }
            '\\' => {
                quoted = true;
                let (_, escaped) = chars.next().ok_or("a backslash at its end")?;
                match (inside, escaped) {
                    (true, 'n') => value.push('\n'),
                    (true, 't') => value.push('\t'),
                    (true, 'r') => value.push('\r'),
                    (true, 's') => value.push(' '),
                    (true, '\n') => {}
                    (true, 'a' | 'b' | 'v' | 'f' | '0'..='9') => {
                        return Err("an escape that is not known here");
                    }
                    (_, c) => value.push(c),
                }
            }
            c => value.push(c),
        }
    }
    if inside { Err("a `\"` is never closed") } else { Ok((value, quoted)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pieces: &[Piece]) -> Vec<Option<&str>> {
        pieces.iter().map(Piece::value).collect()
    }

    #[test]
    fn a_simple_command_is_split_as_a_shell_would() {
        let (pieces, joined) = shell_command(r#"exec chpst -u "a b" x\ y '$z' 2>&1 # why"#).unwrap();
        assert!(joined);
        assert_eq!(values(&pieces), ["exec", "chpst", "-u", "a b", "x y", "$z"].map(Some));
        let (pieces, _) = shell_command("a $B \"${C}\" *.x '${D}'").unwrap();
        assert_eq!(values(&pieces), [Some("a"), None, None, None, Some("$${D}")]);
        for line in ["a | b", "a; b", "a && b", "a $(b)", "a `b`", "a > b", "( a )", "a 'b", "a &", "a \\"] {
            assert_eq!(shell_command(line), Err(NotSimple), "{line}");
        }
    }

    #[test]
    fn execline_has_words_quotes_comments_and_blocks() {
        let pieces = execline("# c\nforeground { echo \"a\\tb\" }\nx#y \"{\" \\} \"#\"").unwrap();
        assert_eq!(pieces.len(), 6);
        assert_eq!(values(&pieces)[2..], [Some("x#y"), Some("{"), Some("}"), Some("#")]);
        let Piece::Block(block) = &pieces[1] else { panic!("no block") };
        assert_eq!(values(block), [Some("echo"), Some("a\tb")]);
        for text in ["a {", "a }", "} a {", "a \"b", "a \\", &"{ ".repeat(100)] {
            assert!(execline(text).is_err(), "{text}");
        }
        assert_eq!(execline("  # nothing\n"), Ok(Vec::new()));
    }
}
