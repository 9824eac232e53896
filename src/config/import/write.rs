//! TOML as a person writes it: in the order of the reference, each value on one line where it fits, comments above.

use super::draft::{Draft, Item};
use crate::config::schema::{Group, Type};
use crate::config::tree::{Node, Table, Value};
use std::fmt::Write;

/// Where a line is broken.
const WIDTH: usize = 100;

/// The text of a file with these keys, of this group.
pub fn toml(draft: &Draft, group: &'static Group) -> String {
    let mut text = String::new();
    for note in &draft.notes {
        comment(&mut text, note);
    }
    if !draft.notes.is_empty() && !draft.items().is_empty() {
        text.push('\n');
    }
    let top = |item: &&Item| !item.path.contains('.') && !is_tables(group, &item.path);
    for item in in_order(group, draft.items().iter().filter(top)) {
        line(&mut text, &item.path, item);
    }
    for key in group.keys {
        match key.kind {
            Type::Table(inner) => {
                let path =
                    |item: &&Item| item.path.split_once('.').is_some_and(|(outer, _)| outer == key.name);
                let items = in_order(inner, draft.items().iter().filter(path));
                if items.is_empty() {
                    continue;
                }
                let (tables, lines): (Vec<&Item>, Vec<&Item>) =
                    items.into_iter().partition(|item| has_a_header(inner, item));
                if !lines.is_empty() {
                    header(&mut text, &format!("[{}]", key.name));
                }
                for item in lines {
                    line(&mut text, last(item), item);
                }
                for item in tables {
                    let Value::Table(table) = &item.value else { continue };
                    header(&mut text, &format!("[{}.{}]", key.name, last(item)));
                    item.notes.iter().for_each(|note| comment(&mut text, note));
                    for entry in &table.entries {
                        let _ = writeln!(text, "{} = {}", bare(&entry.key), value(&entry.node.value, 0));
                    }
                }
            }
            Type::Tables(_) => {
                let Some(item) = draft.items().iter().find(|item| item.path == key.name) else { continue };
                let Value::List(list) = &item.value else { continue };
                for table in list {
                    let Value::Table(table) = &table.value else { continue };
                    header(&mut text, &format!("[[{}]]", key.name));
                    item.notes.iter().for_each(|note| comment(&mut text, note));
                    for entry in &table.entries {
                        let _ = writeln!(text, "{} = {}", bare(&entry.key), value(&entry.node.value, 0));
                    }
                }
            }
            _ => {}
        }
    }
    text
}

/// Whether it is a table in a table of the schema: `[log.file]`.
fn has_a_header(group: &Group, item: &Item) -> bool {
    let kind = group.key(last(item)).map(|key| &key.kind);
    matches!(item.value, Value::Table(_)) && matches!(kind, Some(Type::Table(_)))
}

fn is_tables(group: &Group, key: &str) -> bool {
    group.key(key).is_some_and(|key| matches!(key.kind, Type::Tables(_)))
}

/// The key in its table.
fn last(item: &Item) -> &str {
    item.path.split_once('.').map_or(&item.path, |(_, key)| key)
}

/// In the order of the reference; where any key may stand, as they were set.
fn in_order<'d>(group: &Group, items: impl Iterator<Item = &'d Item>) -> Vec<&'d Item> {
    let mut items: Vec<&Item> = items.collect();
    items.sort_by_key(|item| group.keys.iter().position(|key| key.name == last(item)));
    items
}

fn header(text: &mut String, header: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(text, "{header}");
}

fn line(text: &mut String, key: &str, item: &Item) {
    item.notes.iter().for_each(|note| comment(text, note));
    let key = bare(key);
    let _ = writeln!(text, "{key} = {}", value(&item.value, key.len() + 3));
}

fn comment(text: &mut String, note: &str) {
    for paragraph in note.lines() {
        let mut line = String::from("#");
        for word in paragraph.split_whitespace() {
            if line.len() + 1 + word.len() > WIDTH && line.len() > 1 {
                let _ = writeln!(text, "{line}");
                line.truncate(1);
            }
            line.push(' ');
            line.push_str(word);
        }
        let _ = writeln!(text, "{line}");
    }
}

/// A key, in quotes if it needs them.
fn bare(key: &str) -> String {
    let fine = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if fine { key.to_owned() } else { string(key) }
}

/// A value that begins in this column.
fn value(value: &Value<'_>, column: usize) -> String {
    match value {
        Value::Text(text) => string(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Boolean(value) => value.to_string(),
        Value::List(list) => array(list, column),
        Value::Table(table) => inline(table),
        // Never made by an import.
        Value::Datetime | Value::Bad => "\"\"".to_owned(),
    }
}

fn array(list: &[Node<'_>], column: usize) -> String {
    let items: Vec<String> = list.iter().map(|node| value(&node.value, 4)).collect();
    let line = format!("[{}]", items.join(", "));
    if column + line.chars().count() <= WIDTH && !line.contains('\n') {
        return line;
    }
    let lines: String = items.iter().map(|item| format!("    {item},\n")).collect();
    format!("[\n{lines}]")
}

fn inline(table: &Table<'_>) -> String {
    let entry = |entry: &crate::config::tree::Entry<'_>| {
        format!("{} = {}", bare(&entry.key), value(&entry.node.value, 0))
    };
    format!("{{ {} }}", table.entries.iter().map(entry).collect::<Vec<_>>().join(", "))
}

/// A string: over several lines if it has them, without escapes where that is easier to read.
fn string(text: &str) -> String {
    let plain = |c: char| !c.is_control() || c == '\t';
    let lines = text.chars().all(|c| plain(c) || c == '\n');
    if text.contains('\n') && lines && !text.contains("'''") && !text.ends_with('\'') {
        return format!("'''\n{text}'''");
    }
    if text.contains(['"', '\\']) && !text.contains('\'') && text.chars().all(plain) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::draft::list;
    use super::*;
    use crate::config::diagnostic::Span;
    use crate::config::keys::SERVICE;
    use proptest::prelude::*;

    #[test]
    fn keys_stand_in_the_order_of_the_reference_below_their_tables_and_comments() {
        let mut draft = Draft::new("web", Span::whole(0));
        let here = Span::whole(0);
        draft.notes.push("From Procfile.".to_owned());
        draft.set("stop.signal", "SIGQUIT", here);
        draft.set("user", "www-data", here).note("It was root's.");
        draft.set("command", list(["nginx", "-g", "daemon off;"], here), here);
        draft.set("environment.B", "1", here);
        draft.set("environment.A", "a \"b\"", here);
        assert_eq!(
            toml(&draft, &SERVICE),
            "# From Procfile.\n\ncommand = [\"nginx\", \"-g\", \"daemon off;\"]\n# It was root's.\nuser = \"www-data\"\n\n\
             [environment]\nB = \"1\"\nA = 'a \"b\"'\n\n[stop]\nsignal = \"SIGQUIT\"\n"
        );
    }

    proptest! {
        #[test]
        fn every_string_is_read_back_as_it_was(text in "\\PC*|[\\x01-\\x7f]*|[a'\\n\"\\\\]*") {
            let line = format!("x = {}", string(&text));
            let table: toml::Table = toml::from_str(&line).unwrap();
            prop_assert_eq!(table["x"].as_str().unwrap(), text);
        }
    }
}
