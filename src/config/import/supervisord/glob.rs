//! The patterns of `[include]`, as Python's `glob` reads them.

use std::fs;
use std::path::{Path, PathBuf};

/// Entries of directories that are looked at, at most.
const MOST: usize = 20_000;

/// The files that a pattern names, sorted. A relative pattern begins at `base`.
pub fn files(base: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut left = MOST;
    let mut found = vec![if pattern.starts_with('/') { PathBuf::from("/") } else { base.to_owned() }];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for path in found {
            if !part.contains(['*', '?', '[']) {
                next.push(path.join(part));
                continue;
            }
            let Ok(entries) = fs::read_dir(&path) else { continue };
            for entry in entries.flatten() {
                let Some(rest) = left.checked_sub(1) else { break };
                left = rest;
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let hidden = name.starts_with('.') && !part.starts_with('.');
                if !hidden && matches(part, &name) {
                    next.push(path.join(&*name));
                }
            }
        }
        found = next;
    }
    found.retain(|path| path.is_file());
    found.sort();
    found
}

/// Whether a name fits: `*`, `?`, `[a-z]`, `[!a-z]`.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where to go on when it does not fit: the last star, and how much that has taken.
    let mut star: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), name.get(n)) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            (Some(_), Some(c)) => {
                if let Some(width) = one(pattern.get(p..).unwrap_or_default(), *c) {
                    (p, n) = (p + width, n + 1);
                    continue;
                }
            }
            _ => {}
        }
        match star {
            Some((at, taken)) if taken < name.len() => {
                (p, n) = (at + 1, taken + 1);
                star = Some((at, taken + 1));
            }
            _ => return false,
        }
    }
}

/// How long the piece of the pattern is that fits this character.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['[', rest @ ..] => {
            let negated = rest.first() == Some(&'!');
            let from = usize::from(negated);
            // A bracket at the begin is one of the characters.
            let end = rest.iter().skip(from + 1).position(|c| *c == ']').map(|at| at + from + 1);
            let Some(set) = end.and_then(|end| rest.get(from..end)) else { return (c == '[').then_some(1) };
            let mut fits = false;
            let mut at = 0;
            while let Some(low) = set.get(at) {
                match (set.get(at + 1), set.get(at + 2)) {
                    (Some('-'), Some(high)) => {
                        fits |= (*low..=*high).contains(&c);
                        at += 3;
                    }
                    _ => {
                        fits |= *low == c;
                        at += 1;
                    }
                }
            }
            (fits != negated).then_some(set.len() + from + 2)
        }
        [other, ..] => (*other == c).then_some(1),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_python() {
        for (pattern, name, fits) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("?.ini", "a.ini", true),
            ("[a-c]*", "bx", true),
            ("[!a-c]*", "bx", false),
            ("a[b", "a[b", true),
            ("*a*b*c", "xaybzc", true),
            ("*a*b*c", "xaybz", false),
            ("[]]", "]", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
