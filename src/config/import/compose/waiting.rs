//! `depends_on`.

use super::yaml::{Node, Yaml};
use super::{Key, Making};
use crate::config::diagnostic::Span;

const KEYS: &[&str] = &["condition", "required", "restart"];

impl Making<'_, '_> {
    /// Reads it.
    pub fn depends_on(&mut self, key: &Key<'_>) {
        let of_list = key.node.list().unwrap_or_default().iter();
        let of_list = of_list.filter_map(|node| Some((node.text()?, None, node.span)));
        let of_map = key.node.map().unwrap_or_default().iter();
        let of_map = of_map.map(|(name, span, node)| (name.as_str(), Some(node), *span));
        let all: Vec<(&str, Option<&Node>, Span)> = of_list.chain(of_map).collect();
        if !matches!(key.node.value, Yaml::List(_) | Yaml::Map(_)) {
            return self.not_carried(key, "it is a list or a map");
        }
        for (called, how, span) in all {
            let sub = key.sub(called, span, how.unwrap_or(key.node));
            if how.is_some() {
                for (name, sub) in sub.subs().filter(|(name, _)| !KEYS.contains(name)) {
                    self.unknown(&sub, name, KEYS);
                }
            }
            self.waits_for(&sub, called, how);
        }
    }

    fn waits_for(&mut self, key: &Key<'_>, called: &str, how: Option<&Node>) {
        let all = self.all;
        let Some(other) = all.iter().find(|source| source.called == called) else {
            let why =
                "that service is not carried: have this one wait for it by itself, or by `[when] command`";
            return self.not_carried(key, why);
        };
        let says = |name: &str| how.and_then(|how| how.get(name));
        let is_optional = says("required").is_some_and(|node| !node.says_yes());
        let path = match (is_optional, says("restart").is_some_and(Node::says_yes)) {
            (true, _) => "wants",
            (false, true) => "restart-with",
            (false, false) => "requires",
        };
        self.draft.push(path, other.name.clone(), key.span);
        let has_test = other.node.get("healthcheck").is_some_and(|check| check.get("test").is_some());
        match says("condition").and_then(Node::text).unwrap_or("service_started") {
            "service_started" if other.is_oneshot => {
                self.nearly(key, path, "it waits until that has ended well, as another service does");
            }
            "service_started" if other.is_awaited && has_test => {
                self.nearly(key, path, "it waits until that is healthy, as another service does");
            }
            "service_healthy" if other.is_oneshot => {
                self.nearly(key, path, "it waits until that has ended well, as another service does");
            }
            "service_healthy" if !has_test => {
                self.nearly(
                    key,
                    path,
                    "that has no test of its health here: `[ready]` says when it is ready",
                );
            }
            "service_started" | "service_healthy" | "service_completed_successfully" => self.exact(key, path),
            _ => {
                let why = "its condition is none of service_started, service_healthy, service_completed_successfully: \
                           it waits until that is ready";
                self.nearly(key, path, why);
            }
        }
    }
}
