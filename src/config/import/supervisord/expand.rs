//! `%(name)s`: Python's `%` with a dictionary. What is not known before it runs stays open.

use super::super::draft::literal;
use super::super::words::is_variable;
use super::words::MARKS;
use std::collections::BTreeMap;

/// A piece of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// `%(ENV_X)s`.
    Variable(String),
    /// `%(process_num)02d`: its width, and whether zeroes fill it.
    Number {
        width: usize,
        zeroes: bool,
    },
    /// `%(host_node_name)s`.
    Host,
}

/// A value whose names are resolved but for those of its pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(pub Vec<Piece>);

/// What the names mean that are known.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub here: String,
    pub program: Option<String>,
    pub group: Option<String>,
    pub processes: Option<i64>,
    /// Whether `process_num` has a meaning.
    pub numbered: bool,
}

/// What is known when it runs.
pub struct Known<'k> {
    pub variables: &'k BTreeMap<String, String>,
    pub number: i64,
    pub host: &'k str,
}

/// Wider than anything that somebody means.
const WIDEST: usize = 100;

impl Template {
    /// # Errors
    /// Why supervisord refuses it, or it cannot be carried.
    pub fn parse(text: &str, names: &Names) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            plain.push_str(before);
            let format = Format::parse(after).ok_or("a `%` that begins no format; `%%` is a `%`")?;
            rest = format.rest;
            if format.conversion == '%' {
                plain.push('%');
                continue;
            }
            match format.piece(names)? {
                Piece::Text(text) => plain.push_str(&text),
                piece => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(piece);
                }
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// Its text, if nothing is open.
    pub fn known(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Its text when it runs.
    ///
    /// # Errors
    /// The variable that there is not.
    pub fn render(&self, known: &Known<'_>) -> Result<String, String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text += plain,
                Piece::Variable(name) => text += known.variables.get(name).ok_or_else(|| name.clone())?,
                Piece::Number { width, zeroes } => text += &padded(known.number, *width, *zeroes),
                Piece::Host => text += known.host,
            }
        }
        Ok(text)
    }

    /// Its text with one of [`MARKS`] for each open piece, to be split into words.
    pub fn marked(&self) -> String {
        let mut marks = MARKS;
        let mut mark = |piece: &Piece| match piece {
            Piece::Text(plain) => plain.chars().filter(|c| !MARKS.contains(c)).collect(),
            _ => marks.next().map(String::from).unwrap_or_default(),
        };
        self.0.iter().map(&mut mark).collect()
    }

    /// What a word of [`Self::marked`] is in our own words.
    pub fn unmarked(&self, word: &str) -> String {
        let open: Vec<&Piece> = self.0.iter().filter(|piece| !matches!(piece, Piece::Text(_))).collect();
        let mut text = String::new();
        let mut plain = String::new();
        for c in word.chars() {
            if !MARKS.contains(&c) {
                plain.push(c);
                continue;
            }
            text += &literal(&std::mem::take(&mut plain));
            let at = u32::from(c).wrapping_sub(u32::from(*MARKS.start())) as usize;
            text += &open.get(at).map(|piece| piece.ours()).unwrap_or_default();
        }
        text + &literal(&plain)
    }

    /// In our own words.
    pub fn ours(&self) -> String {
        self.0.iter().map(Piece::ours).collect()
    }

    /// Whether it has the number of the process in it; with a width, or plain.
    pub fn numbers(&self) -> impl Iterator<Item = bool> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Number { width, .. } => Some(*width > 1),
            _ => None,
        })
    }

    pub fn has_variables(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Variable(_)))
    }

    pub fn has_host(&self) -> bool {
        self.0.contains(&Piece::Host)
    }

    /// The same for one of the processes.
    pub fn of(&self, number: i64) -> Self {
        let mut pieces: Vec<Piece> = Vec::with_capacity(self.0.len());
        for piece in &self.0 {
            let piece = match piece {
                Piece::Number { width, zeroes } => Piece::Text(padded(number, *width, *zeroes)),
                piece => piece.clone(),
            };
            match (pieces.last_mut(), piece) {
                (Some(Piece::Text(old)), Piece::Text(more)) => old.push_str(&more),
                (_, piece) => pieces.push(piece),
            }
        }
        Self(pieces)
    }
}

impl Piece {
    fn ours(&self) -> String {
        match self {
            Self::Text(text) => literal(text),
            Self::Variable(name) => format!("${{{name}}}"),
            Self::Number { .. } => "{instance}".to_owned(),
            // What Docker and Kubernetes set, and shells.
            Self::Host => "${HOSTNAME:-localhost}".to_owned(),
        }
    }
}

fn padded(number: i64, width: usize, zeroes: bool) -> String {
    if zeroes { format!("{number:0width$}") } else { format!("{number:width$}") }
}

/// `(name)flags width.precision conversion`.
struct Format<'t> {
    name: Option<&'t str>,
    zeroes: bool,
    other_flags: bool,
    width: usize,
    precision: bool,
    conversion: char,
    rest: &'t str,
}

impl<'t> Format<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let mut rest = text;
        let mut name = None;
        if let Some(inner) = text.strip_prefix('(') {
            let mut depth = 1;
            let end = inner.find(|c| {
                depth += match c {
                    '(' => 1,
                    ')' => -1,
                    _ => 0,
                };
                depth == 0
            })?;
            (name, rest) = (inner.get(..end), inner.get(end + 1..)?);
        }
        let after = rest.trim_start_matches(['#', '0', '-', ' ', '+']);
        let flags = rest.get(..rest.len() - after.len())?;
        let tail = after.trim_start_matches(|c: char| c.is_ascii_digit());
        let width = after.get(..after.len() - tail.len())?;
        let width = if width.is_empty() { 0 } else { width.parse().ok().filter(|width| *width <= WIDEST)? };
        let (tail, precision) = match tail.strip_prefix('.') {
            Some(tail) => (tail.trim_start_matches(|c: char| c.is_ascii_digit()), true),
            None => (tail, false),
        };
        let tail = tail.strip_prefix(['h', 'l', 'L']).unwrap_or(tail);
        let conversion = tail.chars().next()?;
        let rest = tail.get(conversion.len_utf8()..)?;
        let (zeroes, other_flags) = (flags.contains('0'), flags.chars().any(|flag| flag != '0'));
        Some(Self { name, zeroes, other_flags, width, precision, conversion, rest })
    }

    fn piece(&self, names: &Names) -> Result<Piece, String> {
        let name =
            self.name.ok_or_else(|| format!("`%{}` without a name; `%%` is a `%`", self.conversion))?;
        let number = match (name, names.processes) {
            ("process_num", _) if names.numbered => Some(None),
            ("numprocs", Some(count)) if names.numbered => Some(Some(count)),
            ("numprocs", None) if names.numbered => {
                return Err(
                    "`numprocs` depends on a variable, so that `%(numprocs)d` is not known".to_owned()
                );
            }
            _ => None,
        };
        let plain = self.width == 0 && !self.precision && !self.other_flags;
        match (number, self.conversion) {
            (Some(number), 's' | 'd' | 'i' | 'u') if !self.precision && !self.other_flags => {
                // For a string, zeroes are no flag.
                let zeroes = self.zeroes && self.conversion != 's';
                Ok(match number {
                    Some(number) => Piece::Text(padded(number, self.width, zeroes)),
                    None => Piece::Number { width: self.width, zeroes },
                })
            }
            (Some(_), conversion) => {
                Err(format!("a number as `%{conversion}` with this format is not carried"))
            }
            (None, 's') if plain => match name {
                "here" => Ok(Piece::Text(names.here.clone())),
                "host_node_name" => Ok(Piece::Host),
                "program_name" | "group_name" => {
                    let known = if name == "program_name" { &names.program } else { &names.group };
                    known.clone().map(Piece::Text).ok_or_else(|| unknown(name))
                }
                _ => match name.strip_prefix("ENV_") {
                    Some(variable) if is_variable(variable) => Ok(Piece::Variable(variable.to_owned())),
                    _ => Err(unknown(name)),
                },
            },
            (None, _) => Err(format!("`%({name}){}`: only `%({name})s` is carried", self.conversion)),
        }
    }
}

fn unknown(name: &str) -> String {
    format!("`%({name})s` has no meaning here")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names() -> Names {
        let program = Some("web".to_owned());
        Names { here: "/etc".into(), program, group: None, processes: Some(3), numbered: true }
    }

    #[test]
    fn names_get_their_values_and_what_is_open_is_in_our_words() {
        let ours = |text: &str| Template::parse(text, &names()).map(|template| template.ours());
        for (text, expected) in [
            ("%(program_name)s-%(process_num)02d", "web-{instance}"),
            ("100%% of %(numprocs)d in %(here)s", "100% of 3 in /etc"),
            ("%(ENV_A)s:${A}", "${A}:$${A}"),
        ] {
            assert_eq!(ours(text).as_deref(), Ok(expected));
        }
        for text in ["%(nothing)s", "%s", "100%", "%(x", "%(program_name)d", "%(group_name)s"] {
            assert!(ours(text).is_err(), "{text}");
        }
    }

    #[test]
    fn open_pieces_find_their_way_through_words() {
        let template = Template::parse("a \"%(ENV_A)s b\" %(process_num)d${x}", &names()).unwrap();
        let words = super::super::words::split(&template.marked()).unwrap();
        let words: Vec<String> = words.iter().map(|word| template.unmarked(word)).collect();
        assert_eq!(words, ["a", "${A} b", "{instance}$${x}"]);
    }
}
