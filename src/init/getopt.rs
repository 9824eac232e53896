//! The words of a command line one after another, as getopt(3) takes them.

use std::ffi::CStr;

/// An option that there is.
pub struct Flag {
    /// What it is known by, here and, unless it is [`Flag::LONG_ONLY`], behind one hyphen.
    pub key: u8,
    /// Behind two hyphens; empty for none.
    pub long: &'static str,
    /// What its value is called; empty for none.
    pub value: &'static str,
    /// For people.
    pub help: &'static str,
}

impl Flag {
    /// Keys from here on are not letters to be typed.
    pub const LONG_ONLY: u8 = 128;

    /// The letter behind one hyphen.
    #[must_use]
    pub fn letter(&self) -> Option<char> {
        (self.key < Self::LONG_ONLY).then_some(char::from(self.key))
    }
}

/// How the words are to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Options are looked for behind operands, too.
    pub permute: bool,
    /// The start of a long option stands for it.
    pub abbreviate: bool,
}

/// A command line, taken apart from its front.
pub struct Getopt<'a> {
    words: &'a [&'static CStr],
    flags: &'a [Flag],
    manner: Manner,
    /// The rest of a word of letters.
    letters: &'static [u8],
    operands: Vec<&'static CStr>,
}

/// What was found.
pub type Found = Result<(u8, Option<&'static str>), Fault>;

/// What is wrong with a word, in the words of getopt(3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

impl<'a> Getopt<'a> {
    /// `words` without the name of the program.
    #[must_use]
    pub fn new(words: &'a [&'static CStr], flags: &'a [Flag], manner: Manner) -> Self {
        Self { words, flags, manner, letters: b"", operands: Vec::new() }
    }

    /// The next option and its value; `None` when only operands are left.
    pub fn option(&mut self) -> Option<Found> {
        loop {
            if let Some((letter, rest)) = self.letters.split_first() {
                self.letters = rest;
                return Some(self.letter(*letter));
            }
            let (word, rest) = self.words.split_first()?;
            self.words = rest;
            match word.to_bytes() {
                b"--" => {
                    self.operands.extend(std::mem::take(&mut self.words));
                }
                [b'-', b'-', long @ ..] if self.has_long() => return Some(self.long(text(long))),
                [b'-', letters @ ..] if !letters.is_empty() => self.letters = letters,
                _ => {
                    self.operands.push(word);
                    if !self.manner.permute {
                        self.operands.extend(std::mem::take(&mut self.words));
                    }
                }
            }
        }
    }

    /// What is no option, when all options have been taken.
    #[must_use]
    pub fn operands(self) -> Vec<&'static CStr> {
        self.operands
    }

    fn has_long(&self) -> bool {
        self.flags.iter().any(|flag| !flag.long.is_empty())
    }

    fn letter(&mut self, letter: u8) -> Found {
        let shown = char::from(letter);
        let Some(flag) = self.flags.iter().find(|flag| flag.key == letter && letter < Flag::LONG_ONLY) else {
            return Err(Fault(format!("invalid option -- '{shown}'")));
        };
        if flag.value.is_empty() {
            return Ok((letter, None));
        }
        let rest = std::mem::take(&mut self.letters);
        let value = if rest.is_empty() { self.word() } else { Some(text(rest)) };
        value
            .map(|value| (letter, Some(value)))
            .ok_or_else(|| Fault(format!("option requires an argument -- '{shown}'")))
    }

    fn long(&mut self, word: &'static str) -> Found {
        let (name, given) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let begins = |flag: &&Flag| !flag.long.is_empty() && flag.long.starts_with(name);
        let exact = self.flags.iter().find(|flag| flag.long == name && !name.is_empty());
        let mut alike = self.flags.iter().filter(begins).filter(|_| self.manner.abbreviate);
        let flag = match (exact, alike.next(), alike.next()) {
            (Some(flag), ..) | (None, Some(flag), None) => flag,
            (None, Some(_), Some(_)) => return Err(Fault(format!("option '--{name}' is ambiguous"))),
            _ => return Err(Fault(format!("unrecognized option '--{word}'"))),
        };
        let (key, long) = (flag.key, flag.long);
        match (flag.value.is_empty(), given) {
            (true, Some(_)) => Err(Fault(format!("option '--{long}' doesn't allow an argument"))),
            (true, None) => Ok((key, None)),
            (false, given) => given
                .or_else(|| self.word())
                .map(|value| (key, Some(value)))
                .ok_or_else(|| Fault(format!("option '--{long}' requires an argument"))),
        }
    }

    fn word(&mut self) -> Option<&'static str> {
        let (word, rest) = self.words.split_first()?;
        self.words = rest;
        Some(text(word.to_bytes()))
    }
}

/// Options and their values are text; what is not is no option and no value that anybody knows.
fn text(bytes: &'static [u8]) -> &'static str {
    std::str::from_utf8(bytes).unwrap_or("\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: &[Flag] = &[
        Flag { key: b'h', long: "help", value: "", help: "" },
        Flag { key: b'v', long: "verbose", value: "", help: "" },
        Flag { key: b'V', long: "version", value: "", help: "" },
        Flag { key: b'r', long: "rewrite", value: "S:R", help: "" },
        Flag { key: 200, long: "quiet", value: "", help: "" },
    ];

    /// Everything that is found, as text, and the operands.
    fn parse(words: &[&'static CStr], flags: &[Flag], permute: bool) -> (Vec<String>, Vec<&'static CStr>) {
        let mut getopt = Getopt::new(words, flags, Manner { permute, abbreviate: true });
        let mut found = Vec::new();
        while let Some(one) = getopt.option() {
            found.push(match one {
                Ok((key, None)) => key.to_string(),
                Ok((key, Some(value))) => format!("{key}={value}"),
                Err(Fault(why)) => why,
            });
        }
        (found, getopt.operands())
    }

    #[test]
    fn options_are_taken_as_getopt_takes_them() {
        let key = |letter: u8| letter.to_string();
        let all: &[(&[&'static CStr], &[String])] = &[
            (
                &[c"-hv", c"-r1:2", c"-vr", c"3:4"],
                &[key(b'h'), key(b'v'), "114=1:2".into(), key(b'v'), "114=3:4".into()],
            ),
            (
                &[c"--verb", c"--quiet", c"--rewrite=x", c"--rewrite", c"y"],
                &[key(b'v'), "200".into(), "114=x".into(), "114=y".into()],
            ),
            (&[c"-Zh"], &["invalid option -- 'Z'".into(), key(b'h')]),
            (&[c"-r"], &["option requires an argument -- 'r'".into()]),
            (&[c"--rewrite"], &["option '--rewrite' requires an argument".into()]),
            (&[c"--help=1"], &["option '--help' doesn't allow an argument".into()]),
            (&[c"--ver"], &["option '--ver' is ambiguous".into()]),
            (&[c"--nope"], &["unrecognized option '--nope'".into()]),
            (&[c"--=x"], &["option '--' is ambiguous".into()]),
            (&[c"-\xff"], &["invalid option -- 'ÿ'".into()]),
        ];
        for (words, expected) in all {
            let (found, operands) = parse(words, FLAGS, false);
            assert_eq!(found, *expected, "{words:?}");
            assert!(operands.is_empty());
        }
    }

    #[test]
    fn operands_end_the_options_or_do_not() {
        let words = [c"-v", c"echo", c"-h", c"--", c"-V"];
        assert_eq!(parse(&words, FLAGS, false), (vec!["118".into()], words[1..].to_vec()));
        let (found, operands) = parse(&words, FLAGS, true);
        assert_eq!(found, ["118", "104"]);
        assert_eq!(operands, [c"echo", c"-V"]);
        assert_eq!(parse(&[c"--", c"-h"], FLAGS, true).1, [c"-h"]);
        assert_eq!(parse(&[c"-"], FLAGS, true).1, [c"-"]);
    }

    #[test]
    fn without_long_options_two_hyphens_are_letters() {
        let flags = &[Flag { key: b'h', long: "", value: "", help: "" }];
        assert_eq!(parse(&[c"--h"], flags, true).0, ["invalid option -- '-'", "104"]);
    }
}
