//! `finish` scripts of execline.

use super::{DEEPEST, Part, Step, Text, Unknown};
use crate::config::import::words::Piece;

type Steps = Result<Step, Unknown>;

/// The commands of a chain, each of which becomes the next.
pub fn read(pieces: &[Piece]) -> Steps {
    chain(pieces, 0)
}

fn chain(pieces: &[Piece], depth: usize) -> Steps {
    let Some((first, rest)) = pieces.split_first() else { return Ok(Step::All(Vec::new())) };
    if depth == DEEPEST {
        return Err(Unknown);
    }
    let name = first.value().ok_or(Unknown)?;
    let inner = |pieces: &[Piece]| chain(pieces, depth + 1);
    match (name.rsplit('/').next().unwrap_or_default(), rest) {
        ("with-contenv" | "exec", rest) => inner(rest),
        ("fdmove", [_, _, _, rest @ ..]) if values(rest.len(), pieces) == ["-c", "2", "1"] => inner(rest),
        ("foreground", [Piece::Block(block), rest @ ..]) => Ok(Step::All(vec![inner(block)?, inner(rest)?])),
        ("if", [option, Piece::Block(block), rest @ ..]) if option.value() == Some("-n") => {
            Ok(guard(Step::Not(Box::new(inner(block)?)), inner(rest)?))
        }
        ("if", [option, Piece::Block(block), rest @ ..]) if option.value() == Some("-t") => {
            Ok(guard(inner(block)?, inner(rest)?))
        }
        ("if", [Piece::Block(block), rest @ ..]) => Ok(guard(inner(block)?, inner(rest)?)),
        ("ifelse", [option, Piece::Block(condition), Piece::Block(then), rest @ ..])
            if option.value() == Some("-n") =>
        {
            let condition = Step::Not(Box::new(inner(condition)?));
            Ok(Step::If(vec![(condition, inner(then)?)], Box::new(inner(rest)?)))
        }
        ("ifelse", [Piece::Block(condition), Piece::Block(then), rest @ ..]) => {
            Ok(Step::If(vec![(inner(condition)?, inner(then)?)], Box::new(inner(rest)?)))
        }
        ("ifthenelse", [Piece::Block(condition), Piece::Block(then), Piece::Block(other), rest @ ..]) => {
            let first = Step::If(vec![(inner(condition)?, inner(then)?)], Box::new(inner(other)?));
            Ok(Step::All(vec![first, inner(rest)?]))
        }
        ("redirfd", [option, fd, path, rest @ ..])
            if option.value() == Some("-w") && fd.value() == Some("1") =>
        {
            match inner(rest)? {
                Step::Command(words, None) => Ok(Step::Command(words, Some(text(path)?))),
                _ => Err(Unknown),
            }
        }
        _ => Ok(Step::Command(pieces.iter().map(text).collect::<Result<_, _>>()?, None)),
    }
}

/// What follows `if` is reached only when its block succeeds; the script ends otherwise.
fn guard(condition: Step, rest: Step) -> Step {
    Step::If(vec![(condition, rest)], Box::new(Step::Last(Box::new(Step::All(Vec::new())))))
}

/// The values of the three words before the last `rest` of `pieces`.
fn values(rest: usize, pieces: &[Piece]) -> Vec<&str> {
    let end = pieces.len() - rest;
    pieces.get(1..end).unwrap_or_default().iter().filter_map(Piece::value).collect()
}

/// A word, in which `${1}` and `$1` are arguments of the script.
fn text(piece: &Piece) -> Result<Text, Unknown> {
    let mut rest = piece.value().ok_or(Unknown)?;
    let mut parts = Vec::new();
    while let Some(at) = rest.find('$') {
        if at > 0 {
            parts.push(Part::Plain(rest[..at].to_owned()));
        }
        let named = &rest[at + 1..];
        let inner = named.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let end = named.find(|c: char| !c.is_ascii_digit()).unwrap_or(named.len());
        let (name, after) = inner.unwrap_or_else(|| named.split_at(end));
        parts.push(Part::Argument(name.parse().map_err(|_| Unknown)?));
        rest = after;
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(Part::Plain(rest.to_owned()));
    }
    Ok(parts)
}
