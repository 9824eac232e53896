//! One part of a compose file laid over another, as `extends` and `compose.override.yaml` do.

use super::yaml::{Node, Yaml};
use crate::config::diagnostic::Span;

/// What is replaced and not added to.
const WHOLE: &[&str] = &["command", "entrypoint", "test"];
/// What may be a map, or a list of `NAME=value` or names.
const PAIRS: &[&str] = &[
    "environment",
    "labels",
    "annotations",
    "args",
    "sysctls",
    "extra_hosts",
    "depends_on",
    "networks",
    "options",
];
/// What may be one text, or a list.
const ONE_OR_MORE: &[&str] = &["env_file", "tmpfs", "dns", "dns_search", "label_file"];

/// `over` laid over `base`: the values of the key `name`.
pub fn lay(name: &str, base: Node, over: Node) -> Node {
    if over.is_whole || WHOLE.contains(&name) {
        return over;
    }
    let (mut base, mut over) = (base, over);
    for node in [&mut base, &mut over] {
        if PAIRS.contains(&name) {
            pairs(name, node);
        } else if ONE_OR_MORE.contains(&name) && matches!(node.value, Yaml::Text(_) | Yaml::Map(_)) {
            let one = Node::new(node.span, node.value.clone());
            node.value = Yaml::List(vec![one]);
        }
    }
    let span = over.span;
    let value = match (base.value, over.value) {
        (Yaml::Map(mut all), Yaml::Map(entries)) => {
            for (key, span, node) in entries {
                match all.iter_mut().find(|(other, _, _)| *other == key) {
                    Some((_, at, old)) => {
                        let base = Node::new(old.span, std::mem::replace(&mut old.value, Yaml::Null));
                        (*at, *old) = (span, lay(&key, base, node));
                    }
                    None => all.push((key, span, node)),
                }
            }
            Yaml::Map(all)
        }
        (Yaml::List(mut all), Yaml::List(list)) => {
            for node in list {
                if !all.contains(&node) {
                    all.push(node);
                }
            }
            Yaml::List(all)
        }
        (_, value) => value,
    };
    Node::new(span, value)
}

/// A list as the map that it means.
fn pairs(name: &str, node: &mut Node) {
    let Yaml::List(list) = &node.value else { return };
    let mut entries: Vec<(String, Span, Node)> = Vec::new();
    for item in list {
        let Some(text) = item.text() else { return };
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Yaml::Text(value.to_owned())),
            None if name == "depends_on" => {
                let condition = Node::new(item.span, Yaml::Text("service_started".to_owned()));
                (text, Yaml::Map(vec![("condition".to_owned(), item.span, condition)]))
            }
            None => (text, Yaml::Null),
        };
        entries.retain(|(other, _, _)| other != key);
        entries.push((key.to_owned(), item.span, Node::new(item.span, value)));
    }
    node.value = Yaml::Map(entries);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::yaml::parse;
    use super::lay;

    #[test]
    fn maps_grow_lists_grow_and_commands_are_replaced() {
        let base = "command: a\nenvironment: [A=1, B=2, C]\nports: ['1:1', '2:2']\nenv_file: x\ndepends_on: [d]\n\
                    healthcheck: {test: [CMD, a], retries: 3}\ntty: true\n";
        let over = "command: [b]\nenvironment: {A: '3', D: '4'}\nports: ['2:2', '3:3']\nenv_file: [y]\n\
                    depends_on: {d: {condition: service_healthy}, e: {}}\nhealthcheck: {test: b}\ntty: !reset x\n";
        let all = "command: [b]\nenvironment: {A: '3', B: '2', C: , D: '4'}\nports: ['1:1', '2:2', '3:3']\n\
                   env_file: [x, y]\ndepends_on: {d: {condition: service_healthy}, e: {}}\n\
                   healthcheck: {test: b, retries: 3}\ntty:\n";
        let laid = lay("", parse(0, base).unwrap(), parse(0, over).unwrap());
        assert_eq!(laid, parse(0, all).unwrap());
        let whole = lay("", parse(0, base).unwrap(), parse(0, "ports: !override [x]\n").unwrap());
        assert_eq!(whole.get("ports").unwrap().list().unwrap().len(), 1);
    }
}
