//! `entrypoint` and `command`.

use super::super::draft::list;
use super::variables::{Part, Variable, parts};
use super::yaml::{Node, Yaml};
use super::{Key, Making};

/// Stands for a variable while its line is split: of those that Unicode leaves to each, so that quotes do nothing to it.
const MARKS: std::ops::Range<u32> = 0xE000..0xE100;
/// The same between quotes.
const QUOTED: u32 = 0x100;

/// What people write who take it for a line of a shell.
const OPERATORS: &[&str] = &["&&", "||", "|", "&", ";", ">", ">>", "<", "2>&1"];

/// A part of a word.
enum Piece {
    Text(String),
    Variable(Variable, bool),
}

impl Making<'_, '_> {
    /// `entrypoint` with `command` behind it.
    pub fn command(&mut self) {
        let node = self.source.node;
        let given = |name: &str| node.map().unwrap_or_default().iter().find(|(key, _, _)| key == name);
        let mut words = Vec::new();
        let mut span = self.source.span;
        for name in ["entrypoint", "command"] {
            let Some((_, at, node)) = given(name).filter(|(_, _, node)| node.value != Yaml::Null) else {
                continue;
            };
            match pieces(node) {
                Ok(more) => words.extend(more),
                Err(why) => return self.reading.broken(*at, format!("cannot read `{name}`: {why}")),
            }
            span = node.span;
        }
        let may_split = |lookup: &super::variables::Lookup<'_>, word: &Vec<Piece>| {
            word.iter()
                .any(|piece| matches!(piece, Piece::Variable(variable, false) if lookup.may_split(variable)))
        };
        let is_split = words.iter().any(|word| may_split(&self.lookup, word));
        let script = if is_split { self.script(&words) } else { None };
        let became = if script.is_some() { "script" } else { "command" };
        if let Some(script) = script {
            self.draft.set("script", script, span);
        } else {
            let mut argv = Vec::new();
            for word in &words {
                match self.word(word) {
                    Ok(word) => argv.push(word),
                    Err(why) => return self.reading.broken(span, format!("cannot read the command: {why}")),
                }
            }
            self.draft.set("command", list(argv, span), span);
        }
        for name in ["entrypoint", "command"] {
            let Some((_, span, node)) = given(name) else { continue };
            let key = Key { what: format!("services.{}.{name}", self.source.called), span: *span, node };
            let mut why: Vec<String> = Vec::new();
            if node.value == Yaml::Null {
                self.exact(&key, "");
                continue;
            }
            if name == "command" && self.source.node.get("entrypoint").is_none() {
                why.push(
                    "if the image has an ENTRYPOINT, it has to stand before it: it is not known here"
                        .to_owned(),
                );
            }
            if is_split && became == "script" {
                why.push(
                    "a shell splits what its variables hold, as Compose does; it expands patterns, too"
                        .to_owned(),
                );
            } else if is_split {
                why.push("what a variable holds is one argument, even with blanks".to_owned());
            }
            let mine = pieces(node).unwrap_or_default();
            let texts: Vec<&str> = mine
                .iter()
                .flatten()
                .filter_map(|piece| match piece {
                    Piece::Text(text) => Some(text.as_str()),
                    Piece::Variable(..) => None,
                })
                .collect();
            if node.text().is_some() && texts.iter().any(|text| OPERATORS.contains(text)) {
                why.push(
                    "no shell runs it, here or with Compose: a shell's operator is an argument".to_owned(),
                );
            }
            if let Some(host) = texts.iter().find_map(|text| self.names_a_host("", text)) {
                why.push(format!("`{host}` runs in this container: its host is `localhost`"));
            }
            match why.is_empty() {
                true => self.exact(&key, became),
                false => self.nearly(&key, became, why.join("; ")),
            }
        }
    }

    /// The words of a command that a probe or a hook runs.
    pub fn words(&mut self, node: &Node) -> Result<Vec<String>, String> {
        pieces(node)?.iter().map(|word| self.word(word)).collect()
    }

    fn word(&mut self, word: &[Piece]) -> Result<String, String> {
        let part = |piece: &Piece| match piece {
            Piece::Text(text) => Part::Text(text.clone()),
            Piece::Variable(variable, _) => Part::Variable(variable.clone()),
        };
        self.lookup.write(&word.iter().map(part).collect::<Vec<_>>())
    }

    /// The same for a shell; `None` where that would not be simple.
    fn script(&mut self, words: &[Vec<Piece>]) -> Option<String> {
        let mut script = String::from("exec");
        for word in words {
            script.push(' ');
            if word.is_empty() {
                script.push_str("''");
            }
            for piece in word {
                match piece {
                    Piece::Text(text) => script.push_str(&shlex::try_quote(text).ok()?),
                    Piece::Variable(variable, is_quoted) => {
                        let quote = if *is_quoted { "\"" } else { "" };
                        let variable = self.lookup.shell(variable)?;
                        script.push_str(&format!("{quote}{variable}{quote}"));
                    }
                }
            }
        }
        // Or the letter behind it would belong to the name.
        let is_clear =
            words.iter().all(|word| word.windows(2).all(|pair| !matches!(pair, [Piece::Variable(..), _])));
        is_clear.then_some(script)
    }
}

/// The words of a command: a list, or a string that is split as a shell would.
fn pieces(node: &Node) -> Result<Vec<Vec<Piece>>, String> {
    match &node.value {
        Yaml::List(list) => {
            let word = |node: &Node| {
                let text = node.text().ok_or("a list of words holds text")?;
                let piece = |part| match part {
                    Part::Text(text) => Piece::Text(text),
                    Part::Variable(variable) => Piece::Variable(variable, true),
                };
                Ok(parts(text)?.into_iter().map(piece).collect())
            };
            list.iter().map(word).collect()
        }
        Yaml::Text(text) => split(text),
        Yaml::Null => Ok(Vec::new()),
        Yaml::Map(_) => Err("it is a list or a string".to_owned()),
    }
}

/// Splits a line in which variables may stand for several words.
fn split(text: &str) -> Result<Vec<Vec<Piece>>, String> {
    let (mut line, mut variables) = (String::new(), Vec::new());
    let (mut quote, mut is_escaped) = (None, false);
    for part in parts(text)? {
        match part {
            Part::Text(text) => {
                for c in text.chars() {
                    let begins = line.is_empty() || line.ends_with(char::is_whitespace);
                    if c == '#' && begins && quote.is_none() && !is_escaped {
                        // No comment for Compose.
                        line.push('\\');
                    }
                    match (c, quote) {
                        _ if is_escaped => is_escaped = false,
                        ('\\', None | Some('"')) => is_escaped = true,
                        ('"' | '\'', None) => quote = Some(c),
                        (c, Some(open)) if c == open => quote = None,
                        _ => {}
                    }
                    if (MARKS.start..MARKS.end + QUOTED).contains(&u32::from(c)) {
                        return Err("a character for private use in it".to_owned());
                    }
                    line.push(c);
                }
            }
            Part::Variable(variable) => {
                let number = u32::try_from(variables.len()).unwrap_or(u32::MAX);
                let mark = MARKS.start.checked_add(number).filter(|mark| MARKS.contains(mark));
                let mark = mark.ok_or("there are more than 256 variables in it")?;
                let mark = mark + if quote.is_some() { QUOTED } else { 0 };
                line.push(char::from_u32(mark).unwrap_or_default());
                variables.push(variable);
            }
        }
    }
    let words = shlex::split(&line).ok_or("a quote without its end")?;
    Ok(words.iter().map(|word| unmarked(word, &variables)).collect())
}

fn unmarked(word: &str, variables: &[Variable]) -> Vec<Piece> {
    let (mut pieces, mut text) = (Vec::new(), String::new());
    for c in word.chars() {
        let mark = u32::from(c).wrapping_sub(MARKS.start);
        let variable = usize::try_from(mark % QUOTED).ok().and_then(|at| variables.get(at));
        let Some(variable) = variable.filter(|_| mark < 2 * QUOTED) else {
            text.push(c);
            continue;
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(Piece::Variable(variable.clone(), mark >= QUOTED));
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}
