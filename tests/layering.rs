//! The plan of the house holds: who may use whom, where `unsafe` is, how long a file is, and that PID 1 cannot panic.
//!
//! The table of who may use whom is the one in `src/lib.rs`; this test reads it there, so it is written once.
#![allow(clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LONGEST: usize = 500;

/// One file below `src/`, without what only tests compile.
struct Source {
    path: PathBuf,
    /// Its directory below `src/`; empty for `main.rs` and `lib.rs`.
    room: String,
    lines: usize,
    /// Line number and text, comments and string contents removed.
    code: Vec<(usize, String)>,
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    let mut directories = vec![PathBuf::from("src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    let tests = files_of_tests(&files);
    let sources: Vec<_> = files.into_iter().filter(|path| !tests.contains(path)).map(source).collect();
    assert!(sources.len() > 40, "the sources were not found");
    sources
}

/// The files that are modules of tests: `#[cfg(test)] #[path = "…"] mod tests;`.
fn files_of_tests(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for path in files {
        let text = fs::read_to_string(path).expect("a source");
        for part in text.split("#[cfg(test)]").skip(1) {
            let named = part.trim_start().strip_prefix("#[path = \"").and_then(|rest| rest.split('"').next());
            if let Some(name) = named {
                found.insert(path.with_file_name(name));
            }
        }
    }
    found
}

fn source(path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).expect("a source");
    let parts: Vec<_> = path.components().skip(1).map(|c| c.as_os_str().to_string_lossy()).collect();
    let room = if parts.len() > 1 { parts[0].to_string() } else { String::new() };
    let mut code = Vec::new();
    // Tests stand last in a file.
    for (number, line) in text.lines().enumerate().take_while(|(_, line)| *line != "#[cfg(test)]") {
        code.push((number + 1, bare(line)));
    }
    Source { room, lines: text.lines().count(), code, path }
}

/// A line without its comment and without what is between quotes.
fn bare(line: &str) -> String {
    let (mut kept, mut quoted, mut escaped) = (String::new(), false, false);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '\'' if !quoted && rest.peek() == Some(&'"') => {
                rest.next();
            }
            '"' => quoted = !quoted,
            '/' if !quoted && rest.peek() == Some(&'/') => break,
            _ if !quoted => kept.push(c),
            _ => {}
        }
    }
    kept
}

/// Whether `word` stands in `text` by itself.
fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

/// The rooms that this text names behind `crate::`, groups in braces included.
fn rooms_named(text: &str, rooms: &BTreeSet<String>) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (at, found) in text.match_indices("crate::") {
        let rest = &text[at + found.len()..];
        match rest.strip_prefix('{') {
            // Heads of the group's members; what is in inner braces belongs to one of them.
            Some(group) => {
                let mut depth = 1;
                let mut head = String::new();
                for c in group.chars() {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    if depth == 0 {
                        break;
                    }
                    if depth == 1 {
                        head.push(c)
                    }
                }
                named.extend(head.split(',').filter_map(|m| m.trim().split("::").next()).map(str::to_owned));
            }
            None => {
                named.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        }
    }
    named.retain(|name| rooms.contains(name));
    named
}

/// The table in `src/lib.rs`: each room, and what it may use.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string("src/lib.rs").expect("src/lib.rs");
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let mut table = BTreeMap::new();
    for row in text.lines().filter_map(|line| line.strip_prefix("//! | `")) {
        let cells: Vec<_> = row.split('|').collect();
        let [room, _, uses, ..] = cells[..] else { panic!("a row of another shape: {row}") };
        table.insert(room.trim().trim_end_matches('`').to_owned(), names(uses));
    }
    table
}

#[test]
fn every_room_uses_only_what_the_table_allows() {
    let table = table();
    let rooms: BTreeSet<String> = table.keys().cloned().collect();
    let directories: BTreeSet<String> = fs::read_dir("src")
        .expect("src")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .filter_map(|path| path.file_name().map(|n| n.to_string_lossy().into_owned()))
        .collect();
    assert_eq!(rooms, directories, "the rooms of the table and of src/");

    let mut wrong = Vec::new();
    for source in sources().iter().filter(|s| !s.room.is_empty()) {
        // As one text, for a `use` may go over several lines.
        let text: Vec<_> = source.code.iter().map(|(_, line)| line.as_str()).collect();
        for name in rooms_named(&text.join(" "), &rooms) {
            if name != source.room && !table[&source.room].contains(&name) {
                wrong.push(format!("{}: `{}` may not use `{name}`", source.path.display(), source.room));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_no_way_round() {
    let table = table();
    fn reaches(table: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
        table.get(from).is_some_and(|uses| uses.contains(to) || uses.iter().any(|u| reaches(table, u, to)))
    }
    let mut order: Vec<_> = table.keys().collect();
    // A table with a cycle would make `reaches` run for ever: take away what uses nothing that is left, again and again.
    while !order.is_empty() {
        let before = order.len();
        let left = order.clone();
        order.retain(|room| table[*room].iter().any(|used| left.contains(&used)));
        assert!(order.len() < before, "a cycle among {order:?}");
    }
    assert!(!reaches(&table, "core", "sys"), "what decides must not touch Linux");
}

#[test]
fn unsafe_is_in_sys_alone() {
    for source in sources().iter().filter(|s| s.room != "sys") {
        for (number, line) in &source.code {
            // The symbol that libc calls is in the one file that is no library.
            let entry = source.path == Path::new("src/main.rs") && line == "#[unsafe(no_mangle)]";
            assert!(entry || !has_word(line, "unsafe"), "{}:{number}: unsafe", source.path.display());
        }
    }
}

#[test]
fn no_file_is_too_long_to_be_read() {
    for source in sources() {
        let Source { path, lines, .. } = source;
        assert!(lines <= LONGEST, "{}: {lines} lines, more than {LONGEST}", path.display());
    }
}

#[test]
fn nothing_that_pid_1_executes_panics_on_purpose() {
    let panics = [".unwrap()", ".expect(", "panic!", "unreachable!", "todo!", "unimplemented!"];
    for source in sources() {
        for (number, line) in &source.code {
            for panic in panics {
                assert!(!line.contains(panic), "{}:{number}: {panic}", source.path.display());
            }
        }
    }
}

#[test]
fn decisions_need_no_clock_no_io_and_no_runtime() {
    let outside = [
        "std::fs",
        "std::io",
        "std::time::Instant",
        "std::env",
        "std::process",
        "tokio",
        "nix",
        "libc",
        "tracing",
    ];
    for source in sources().iter().filter(|s| s.room == "core") {
        for (number, line) in &source.code {
            for name in outside {
                assert!(!has_word(line, name), "{}:{number}: {name}", source.path.display());
            }
        }
    }
}

#[test]
fn the_reader_of_sources_reads_what_it_should() {
    assert_eq!(bare(r#"let a = "// no"; // unsafe"#), "let a = ; ");
    assert_eq!(bare(r#"f("a\"b", '"', c)"#), "f(, ', c)");
    assert!(has_word("unsafe {", "unsafe") && !has_word("unsafe_code", "unsafe"));
    let rooms = ["core", "model", "sys"].map(str::to_owned).into();
    let named = rooms_named("use crate::{core::{Core, model}, sys}; crate::model::Id; crate::Other", &rooms);
    assert_eq!(named, rooms);
    let named = rooms_named("use crate::core::{Event, sys};", &rooms);
    assert_eq!(named, ["core".to_owned()].into());
    assert!(Path::new("src/lib.rs").exists());
}
