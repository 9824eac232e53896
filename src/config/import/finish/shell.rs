//! `finish` scripts of a shell: simple commands, lists, `if`, `[ … ]` and `[[ … ]]`.

use super::{DEEPEST, Part, Step, Text, Unknown};

/// What a script is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `;` or the end of a line.
    End,
    And,
    Or,
    /// `>` and what it names.
    To(String),
}

/// Reads a script.
pub fn read(script: &str) -> Result<Step, Unknown> {
    let mut reader = Reader { tokens: tokens(script)?, at: 0, depth: 0 };
    let step = reader.list(&[])?;
    if reader.at == reader.tokens.len() { Ok(step) } else { Err(Unknown) }
}

fn tokens(script: &str) -> Result<Vec<Token>, Unknown> {
    let script = script.replace("\\\n", " ");
    let mut rest: &str = &script;
    let mut tokens = Vec::new();
    while let Some(c) = rest.chars().next() {
        if c == '\n' || rest.starts_with(";") {
            if rest.starts_with(";;") {
                return Err(Unknown);
            }
            tokens.push(Token::End);
            rest = &rest[1..];
        } else if c.is_whitespace() {
            rest = &rest[c.len_utf8()..];
        } else if c == '#' {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if let Some(after) = rest.strip_prefix("&&") {
            tokens.push(Token::And);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("||") {
            tokens.push(Token::Or);
            rest = after;
        } else if let Some((file, after)) = redirection(rest)? {
            tokens.extend(file.map(Token::To));
            rest = after;
        } else {
            let end = word_end(rest)?;
            let (word, after) =
                rest.split_at_checked(end).filter(|(word, _)| !word.is_empty()).ok_or(Unknown)?;
            tokens.push(Token::Word(word.to_owned()));
            rest = after;
        }
    }
    Ok(tokens)
}

/// `>file`, `1> file`, `2>&1`, `>&2`; what it names, if that is a file of standard output, and the rest.
fn redirection(text: &str) -> Result<Option<(Option<String>, &str)>, Unknown> {
    for quiet in ["2>&1", "1>&2", ">&2", "2>/dev/null", "2> /dev/null"] {
        if let Some(after) = text.strip_prefix(quiet) {
            return Ok(Some((None, after)));
        }
    }
    let Some(after) = text.strip_prefix("1>").or_else(|| text.strip_prefix('>')) else { return Ok(None) };
    let after = after.strip_prefix('|').unwrap_or(after).trim_start_matches([' ', '\t']);
    let end = word_end(after)?;
    let (word, after) = after.split_at_checked(end).filter(|(word, _)| !word.is_empty()).ok_or(Unknown)?;
    Ok(Some((Some(word.to_owned()), after)))
}

/// Where a word ends: with its quotes, and `$( … )` as a whole.
fn word_end(text: &str) -> Result<usize, Unknown> {
    let (mut quote, mut open) = (None, 0usize);
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match (c, quote) {
            (c, Some(mark)) if c == mark && before != '\\' => quote = None,
            ('`', None | Some('"')) => return Err(Unknown),
            (_, Some(_)) => {}
            ('"' | '\'', None) if before != '\\' => quote = Some(c),
            ('(', None) if open > 0 || before == '$' => open += 1,
            (')', None) if open > 0 => open -= 1,
            _ if open > 0 => {}
            (c, None) if c.is_whitespace() || matches!(c, ';' | '>') => return Ok(at),
            ('&' | '|', None) => {
                return if text.get(at..at + 2) == Some("&&") || text.get(at..at + 2) == Some("||") {
                    Ok(at)
                } else {
                    Err(Unknown)
                };
            }
            ('<' | '(' | ')', None) => return Err(Unknown),
            _ => {}
        }
        before = c;
    }
    if quote.is_none() && open == 0 { Ok(text.len()) } else { Err(Unknown) }
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn word(&self) -> Option<&str> {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let there = self.word() == Some(word);
        self.at += usize::from(there);
        there
    }

    /// Commands, up to one of these words.
    fn list(&mut self, ends: &[&str]) -> Result<Step, Unknown> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Unknown);
        }
        let mut steps = Vec::new();
        loop {
            while self.tokens.get(self.at) == Some(&Token::End) {
                self.at += 1;
            }
            if self.at == self.tokens.len() || self.word().is_some_and(|word| ends.contains(&word)) {
                break;
            }
            steps.push(self.several()?);
        }
        self.depth -= 1;
        Ok(Step::All(steps))
    }

    /// `a && b || c`
    fn several(&mut self) -> Result<Step, Unknown> {
        let mut step = self.one()?;
        loop {
            let and = match self.tokens.get(self.at) {
                Some(Token::And) => true,
                Some(Token::Or) => false,
                Some(Token::End) | None => return Ok(step),
                _ => return Err(Unknown),
            };
            self.at += 1;
            while self.tokens.get(self.at) == Some(&Token::End) {
                self.at += 1;
            }
            let (first, second) = (Box::new(step), Box::new(self.one()?));
            step = if and { Step::And(first, second) } else { Step::Or(first, second) };
        }
    }

    fn one(&mut self) -> Result<Step, Unknown> {
        match self.word() {
            Some("!") => {
                self.at += 1;
                self.depth += 1;
                let step = if self.depth > DEEPEST { Err(Unknown) } else { self.one() };
                self.depth -= 1;
                Ok(Step::Not(Box::new(step?)))
            }
            Some("if") => self.branches(),
            Some("[[") => self.tests(),
            Some(
                "case" | "for" | "while" | "until" | "{" | "function" | "select" | "time" | "trap" | "eval",
            ) => Err(Unknown),
            _ => self.simple(),
        }
    }

    fn branches(&mut self) -> Result<Step, Unknown> {
        self.at += 1;
        let mut branches = Vec::new();
        loop {
            let condition = self.list(&["then"])?;
            if !self.take("then") {
                return Err(Unknown);
            }
            branches.push((condition, self.list(&["elif", "else", "fi"])?));
            if !self.take("elif") {
                break;
            }
        }
        let otherwise = if self.take("else") { self.list(&["fi"])? } else { Step::All(Vec::new()) };
        if self.take("fi") { Ok(Step::If(branches, Box::new(otherwise))) } else { Err(Unknown) }
    }

    /// `[[ a && b || c ]]`
    fn tests(&mut self) -> Result<Step, Unknown> {
        let mut step: Option<(bool, Step)> = None;
        let mut words = vec![plain("[[")];
        loop {
            let token = self.tokens.get(self.at + 1).ok_or(Unknown)?.clone();
            self.at += 1;
            let joins = match token {
                Token::Word(word) if word == "]]" => None,
                Token::Word(word) => {
                    words.push(text(&word)?);
                    continue;
                }
                Token::And => Some(true),
                Token::Or => Some(false),
                Token::End | Token::To(_) => return Err(Unknown),
            };
            let one = Step::Command(std::mem::replace(&mut words, vec![plain("[[")]), None);
            let whole = match step.take() {
                Some((true, first)) => Step::And(Box::new(first), Box::new(one)),
                Some((false, first)) => Step::Or(Box::new(first), Box::new(one)),
                None => one,
            };
            match joins {
                Some(and) => step = Some((and, whole)),
                None => {
                    self.at += 1;
                    return Ok(whole);
                }
            }
        }
    }

    fn simple(&mut self) -> Result<Step, Unknown> {
        let (mut words, mut to) = (Vec::new(), None);
        loop {
            match self.tokens.get(self.at) {
                Some(Token::Word(word)) => words.push(word.clone()),
                Some(Token::To(file)) if to.is_none() => to = Some(text(file)?),
                Some(Token::To(_)) => return Err(Unknown),
                _ => break,
            }
            self.at += 1;
        }
        let last = words.first().is_some_and(|word| word == "exec");
        if last {
            words.remove(0);
        }
        let nothing = words.is_empty();
        let words: Result<Vec<Text>, Unknown> = words.iter().map(|word| text(word)).collect();
        let step = Step::Command(words?, to);
        Ok(if last && !nothing { Step::Last(Box::new(step)) } else { step })
    }
}

fn plain(word: &str) -> Text {
    vec![Part::Plain(word.to_owned())]
}

/// A word, in parts.
fn text(word: &str) -> Result<Text, Unknown> {
    let mut parts: Text = Vec::new();
    let mut plain = String::new();
    let mut rest = word;
    let mut quote = None;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match (c, quote) {
            (c, Some(mark)) if c == mark => {
                quote = None;
                after
            }
            ('"' | '\'', None) => {
                quote = Some(c);
                after
            }
            ('$', None | Some('"')) => {
                let (part, after) = expansion(after)?;
                if !plain.is_empty() {
                    parts.push(Part::Plain(std::mem::take(&mut plain)));
                }
                parts.push(part);
                after
            }
            ('\\', None | Some('"')) => {
                let escaped = after.chars().next().ok_or(Unknown)?;
                if quote.is_some() && !matches!(escaped, '"' | '\\' | '$') {
                    plain.push('\\');
                }
                plain.push(escaped);
                &after[escaped.len_utf8()..]
            }
            (c, _) => {
                plain.push(c);
                after
            }
        };
    }
    if !plain.is_empty() || parts.is_empty() {
        parts.push(Part::Plain(plain));
    }
    Ok(parts)
}

/// What follows a `$`, and the rest.
fn expansion(text: &str) -> Result<(Part, &str), Unknown> {
    if let Some(inner) = text.strip_prefix("((") {
        let (sum, after) = inner.split_once("))").ok_or(Unknown)?;
        let terms: Result<Vec<Text>, Unknown> = sum.split('+').map(|term| term_of(term.trim())).collect();
        return Ok((Part::Sum(terms?), after));
    }
    if let Some(inner) = text.strip_prefix('(') {
        let (command, after) = inner.split_once(')').ok_or(Unknown)?;
        let words: Vec<&str> = command.split_whitespace().collect();
        let file = match words[..] {
            ["cat", file] | ["<", file] => file,
            [file] => file.strip_prefix('<').ok_or(Unknown)?,
            _ => return Err(Unknown),
        };
        let known = file.trim_matches('"') == "/run/s6-linux-init-container-results/exitcode";
        return if known { Ok((Part::ContainerCode, after)) } else { Err(Unknown) };
    }
    if let Some(inner) = text.strip_prefix('{') {
        let (name, after) = inner.split_once('}').ok_or(Unknown)?;
        return Ok((named(name)?, after));
    }
    if let Some(digit) = text.chars().next().filter(char::is_ascii_digit) {
        return Ok((named(&digit.to_string())?, &text[1..]));
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    Ok((named(&text[..end])?, &text[end..]))
}

fn named(name: &str) -> Result<Part, Unknown> {
    match name.parse::<usize>() {
        Ok(0) => Err(Unknown),
        Ok(number) => Ok(Part::Argument(number)),
        Err(_) if crate::config::import::words::is_variable(name) => Ok(Part::Variable(name.to_owned())),
        Err(_) => Err(Unknown),
    }
}

/// A term of a sum: a number, a variable with or without its `$`.
fn term_of(term: &str) -> Result<Text, Unknown> {
    if let Some(name) = term.strip_prefix('$') {
        let (part, after) = expansion(name)?;
        return if after.is_empty() { Ok(vec![part]) } else { Err(Unknown) };
    }
    match term.parse::<u32>() {
        Ok(_) => Ok(plain(term)),
        Err(_) => Ok(vec![named(term)?]),
    }
}
