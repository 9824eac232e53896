//! What a source becomes: tables of the configuration whose keys and values point into the source.

use crate::config::diagnostic::Span;
use crate::config::service::File;
use crate::config::tree::{Entry, Node, Table, Value};

/// One service, as a person would have written its file: only what differs from the defaults is meant to be set.
#[derive(Debug)]
pub struct Draft {
    /// Its name: the stem of its file.
    pub name: String,
    /// Where the source speaks of it.
    pub span: Span,
    /// Comments for the top of its file.
    pub notes: Vec<String>,
    items: Vec<Item>,
}

/// One key with its value.
#[derive(Clone, Debug)]
pub struct Item {
    /// `restart.limit`: at most one table deep, and what follows the first dot is the key in it.
    pub path: String,
    /// Its value.
    pub value: Value<'static>,
    /// What of the source says so.
    pub span: Span,
    /// Comments for the lines above it.
    pub notes: Vec<String>,
}

impl Draft {
    /// A service of which nothing is known but where it stands.
    pub fn new(name: impl Into<String>, span: Span) -> Self {
        Self { name: name.into(), span, notes: Vec::new(), items: Vec::new() }
    }

    /// Sets a key, anew if it was set.
    pub fn set(&mut self, path: &str, value: impl Into<Value<'static>>, span: Span) -> &mut Item {
        let at = match self.items.iter().position(|item| item.path == path) {
            Some(at) => at,
            None => {
                self.items.push(Item { path: path.to_owned(), value: Value::Bad, span, notes: Vec::new() });
                self.items.len() - 1
            }
        };
        let item = &mut self.items[at];
        (item.value, item.span) = (value.into(), span);
        item
    }

    /// Adds a string to a list, once.
    pub fn push(&mut self, path: &str, text: impl Into<String>, span: Span) {
        let text = text.into();
        let node = Node { span, value: Value::from(text.as_str()) };
        match self.items.iter_mut().find(|item| item.path == path).map(|item| &mut item.value) {
            Some(Value::List(list)) => {
                let known = |node: &Node<'_>| matches!(&node.value, Value::Text(old) if **old == *text);
                if !list.iter().any(known) {
                    list.push(node);
                }
            }
            _ => {
                self.set(path, Value::List(vec![node]), span);
            }
        }
    }

    /// The value of a key.
    pub fn get(&self, path: &str) -> Option<&Value<'static>> {
        self.items.iter().find(|item| item.path == path).map(|item| &item.value)
    }

    /// All keys, in the order in which they were set.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Takes a key away.
    pub fn remove(&mut self, at: usize) -> Item {
        self.items.remove(at)
    }

    /// Puts a key back.
    pub fn insert(&mut self, at: usize, item: Item) {
        self.items.insert(at, item);
    }

    /// As a file of a services directory would be read.
    pub fn file(&self) -> File<'_> {
        File { stem: &self.name, file: self.span.file, table: self.table(), complete: true }
    }

    /// The same as TOML would be read.
    pub fn table(&self) -> Table<'static> {
        let mut table = Table::default();
        for item in &self.items {
            let entry = |key: &str| Entry {
                key: key.to_owned().into(),
                key_span: item.span,
                node: Node { span: item.span, value: item.value.clone() },
            };
            let Some((outer, key)) = item.path.split_once('.') else {
                table.entries.push(entry(&item.path));
                continue;
            };
            if table.get(outer).is_none() {
                let value = Value::Table(Table::default());
                let node = Node { span: item.span, value };
                table.entries.push(Entry { key: outer.to_owned().into(), key_span: item.span, node });
            }
            let inner = table.entries.iter_mut().find(|entry| entry.key == outer);
            if let Some(Value::Table(inner)) = inner.map(|entry| &mut entry.node.value) {
                inner.entries.push(entry(key));
            }
        }
        table
    }
}

impl Item {
    /// Adds a comment above the key.
    pub fn note(&mut self, note: impl Into<String>) -> &mut Self {
        self.notes.push(note.into());
        self
    }

    /// Whether a variable says what it is.
    pub fn depends_on_variables(&self) -> bool {
        matches!(&self.value, Value::Text(text) if text.replace("$${", "").contains("${"))
    }
}

impl From<&str> for Value<'static> {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned().into())
    }
}

impl From<String> for Value<'static> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<bool> for Value<'static> {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Value<'static> {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

/// Strings, each of which stands where all of them do.
pub fn list(texts: impl IntoIterator<Item = impl Into<String>>, span: Span) -> Value<'static> {
    let node = |text| Node { span, value: Value::from(Into::<String>::into(text)) };
    Value::List(texts.into_iter().map(node).collect())
}

/// A table in a table: `log.file`.
pub fn table(entries: Vec<(&str, Value<'static>)>, span: Span) -> Value<'static> {
    let entry = |(key, value): (&str, Value<'static>)| Entry {
        key: key.to_owned().into(),
        key_span: span,
        node: Node { span, value },
    };
    Value::Table(Table { entries: entries.into_iter().map(entry).collect() })
}

/// Text that means itself where `${…}` is expanded.
pub fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// The name of a service for what is called `text` elsewhere, one that is not `taken`.
pub fn service_name(text: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut name: String = text
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '.' | '_' | '-') => c,
            _ => '-',
        })
        .take(90)
        .collect();
    name.drain(..name.len() - name.trim_start_matches(['.', '_', '-']).len());
    if name.is_empty() {
        name.push_str("service");
    }
    // That of the supervisor in the output.
    let free = |name: &str| name != "foster" && !taken(name);
    if free(&name) {
        return name;
    }
    (2u32..).map(|n| format!("{name}-{n}")).find(|name| free(name)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_holds_what_was_set_and_tables_their_keys() {
        let mut draft = Draft::new("web", Span::whole(0));
        draft.set("command", list(["a", "b"], Span::whole(0)), Span::whole(0));
        draft.set("restart.limit", 3, Span::whole(0));
        draft.set("restart.delay", "1s", Span::whole(0));
        draft.set("environment.A.B", "x", Span::whole(0));
        draft.push("requires", "db", Span::whole(0));
        draft.push("requires", "db", Span::whole(0));
        let table = draft.table();
        let keys: Vec<&str> = table.entries.iter().map(|entry| &*entry.key).collect();
        assert_eq!(keys, ["command", "restart", "environment", "requires"]);
        let Some(Value::Table(inner)) = table.get("environment").map(|entry| &entry.node.value) else {
            panic!("no table")
        };
        assert!(inner.get("A.B").is_some());
        assert!(matches!(draft.get("requires"), Some(Value::List(list)) if list.len() == 1));
    }

    #[test]
    fn names_are_made_fit_and_different() {
        let name = |text: &str| service_name(text, |name| name == "web");
        assert_eq!(name("App_1"), "app_1");
        assert_eq!(name("Web"), "web-2");
        assert_eq!(name("my app:x"), "my-app-x");
        assert_eq!(name("__"), "service");
        assert_eq!(name("foster"), "foster-2");
    }
}
