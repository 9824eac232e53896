//! What a service may use, may do, and how often it is there.

use super::super::draft::list;
use super::variables::parts;
use super::yaml::{Node, Yaml};
use super::{Key, Making};
use crate::config::limits;
use crate::config::tree::Value;
use crate::model::{capability_number, format_size};

const DEPLOY: &[&str] = &[
    "replicas",
    "resources",
    "restart_policy",
    "mode",
    "labels",
    "placement",
    "update_config",
    "rollback_config",
    "endpoint_mode",
];
const RESOURCES: &[&str] = &["cpus", "memory", "pids", "devices", "generic_resources"];

impl Making<'_, '_> {
    /// Reads `ulimits`.
    pub fn ulimits(&mut self, key: &Key<'_>) {
        // Docker and foster call them the same.
        let limits = limits::names();
        for (name, sub) in key.subs() {
            if !limits.contains(&name) {
                self.unknown(&sub, name, &limits);
                continue;
            }
            let mut one = |node: &Node| match self.lookup.now(node.text()?).ok()?.as_str() {
                "-1" => Some("unlimited".to_owned()),
                text => text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.to_owned()),
            };
            let limit = match (one(sub.node), sub.node.get("soft"), sub.node.get("hard")) {
                (Some(limit), _, _) => Some(limit),
                (None, Some(soft), Some(hard)) => {
                    one(soft).zip(one(hard)).map(|(soft, hard)| format!("{soft}:{hard}"))
                }
                _ => None,
            };
            match limit.filter(|limit| !limit.is_empty()) {
                Some(limit) => self.set(&sub, &format!("limits.{name}"), limit),
                None => self.not_carried(&sub, "it is a number, or `soft` and `hard`"),
            }
        }
    }

    /// Reads `cap_add` and `cap_drop`.
    pub fn capabilities(&mut self, name: &str, key: &Key<'_>) {
        let texts = |name: &str| -> Vec<String> {
            let list = self.source.node.get(name).and_then(Node::list).unwrap_or_default();
            let short = |text: &str| text.to_ascii_lowercase().trim_start_matches("cap_").replace('_', "-");
            list.iter().filter_map(Node::text).map(short).collect()
        };
        if !texts("cap_drop").iter().any(|name| name == "all") {
            let why = if name == "cap_add" {
                "the container has to have it: `docker run --cap-add`; `capabilities` takes the others away"
            } else {
                "`capabilities` names those that it keeps, not those that it loses; or `docker run --cap-drop`"
            };
            return self.not_carried(key, why);
        }
        let kept = texts("cap_add");
        if let Some(wrong) = kept.iter().find(|name| capability_number(name).is_none()) {
            return self.not_carried(key, format!("`{wrong}` is no capability"));
        }
        if name == "cap_drop" {
            self.draft.set("capabilities", list(kept.clone(), key.span), key.span);
        }
        if kept.is_empty() {
            return self.exact(key, "capabilities");
        }
        self.nearly(
            key,
            "capabilities",
            "the container has to have those that are kept: `docker run --cap-add`",
        );
    }

    /// Reads `security_opt`.
    pub fn security(&mut self, key: &Key<'_>) {
        let all = key.node.list().unwrap_or_default();
        let is_known = |node: &Node| {
            matches!(
                node.text(),
                Some("no-new-privileges" | "no-new-privileges:true" | "no-new-privileges=true")
            )
        };
        if all.iter().any(is_known) {
            self.draft.set("no-new-privileges", true, key.span);
            if all.iter().all(is_known) {
                return self.exact(key, "no-new-privileges");
            }
        }
        let others = all.iter().filter(|node| !is_known(node)).cloned().collect();
        let others = Node::new(key.span, Yaml::List(others));
        self.not_carried(key, super::outside::advice("--security-opt", &others));
    }

    /// Reads `deploy`.
    pub fn deploy(&mut self, key: &Key<'_>) {
        for (name, sub) in key.subs() {
            match name {
                "replicas" => self.instances(&sub),
                "restart_policy" => self.restart_policy(&sub),
                "resources" => {
                    for (name, sub) in sub.subs() {
                        match name {
                            "limits" => self.resources(&sub),
                            "reservations" => {
                                self.not_carried(&sub, "`[resources]` keeps nothing free for a service")
                            }
                            _ => self.unknown(&sub, name, &["limits", "reservations"]),
                        }
                    }
                }
                "mode" if sub.node.text() == Some("replicated") => self.exact(&sub, ""),
                _ if DEPLOY.contains(&name) => {
                    self.not_carried(&sub, "it is for those who distribute containers")
                }
                _ => self.unknown(&sub, name, DEPLOY),
            }
        }
    }

    fn resources(&mut self, key: &Key<'_>) {
        for (name, sub) in key.subs() {
            match name {
                "cpus" => self.cpus(&sub),
                "memory" => self.size(&sub, "resources.memory"),
                "pids" => self.pids(&sub),
                _ if RESOURCES.contains(&name) => self.not_carried(&sub, "there is no such limit"),
                _ => self.unknown(&sub, name, RESOURCES),
            }
        }
    }

    /// Reads `scale` and `deploy.replicas`.
    pub fn instances(&mut self, key: &Key<'_>) {
        let Some(now) = self.now(key) else { return };
        let is_variable = key.node.text().and_then(|text| parts(text).ok()).is_some_and(|parts| {
            parts.iter().any(|part| matches!(part, super::variables::Part::Variable(_)))
        });
        match now.parse::<i64>() {
            Ok(0..=1000) if is_variable => {
                // The container's environment says it, as that of Compose does.
                if let Some(text) = self.written(key) {
                    self.set(key, "instances", text);
                }
            }
            Ok(0) => self.set(key, "enabled", false),
            Ok(1) => self.exact(key, ""),
            Ok(count @ 2..=1000) => self.set(key, "instances", count),
            _ => self.not_carried(key, "it is no number from 0 to 1000"),
        }
    }

    /// Whether there may be several of it.
    pub fn is_many(&mut self) -> bool {
        let replicas = self.source.node.get("deploy").and_then(|deploy| deploy.get("replicas"));
        let count = self.source.node.get("scale").or(replicas).and_then(Node::text);
        count.is_some_and(|text| !matches!(text, "0" | "1"))
    }

    /// Reads a size.
    pub fn size(&mut self, key: &Key<'_>, path: &str) {
        match self.now(key).map(|text| bytes(&text)) {
            Some(Some(size)) if size > 0 => self.set(key, path, format_size(size)),
            Some(Some(_)) => self.exact(key, ""),
            Some(None) => self.not_carried(key, "it is no size"),
            None => {}
        }
    }

    /// Reads `memswap_limit`, which is memory and swap together.
    pub fn swap(&mut self, key: &Key<'_>) {
        let memory = self.source.node.get("mem_limit").and_then(Node::text);
        let memory = memory.and_then(|text| self.lookup.now(text).ok()).and_then(|text| bytes(&text));
        match (self.now(key), memory) {
            (Some(text), _) if text == "-1" || text == "0" => self.exact(key, ""),
            (Some(text), Some(memory)) => match bytes(&text).and_then(|both| both.checked_sub(memory)) {
                Some(swap) => self.set(key, "resources.swap", format_size(swap)),
                None => self.not_carried(key, "it is no size that is larger than `mem_limit`"),
            },
            (Some(_), None) => {
                self.not_carried(key, "it is memory and swap together, and there is no `mem_limit`")
            }
            (None, _) => {}
        }
    }

    /// Reads `cpus`.
    pub fn cpus(&mut self, key: &Key<'_>) {
        match self.now(key).map(|text| text.parse::<f64>()) {
            Some(Ok(cpus)) if (0.01..10_000.0).contains(&cpus) => {
                self.set(key, "resources.cpu", Value::Float(cpus))
            }
            Some(Ok(0.0)) => self.exact(key, ""),
            Some(_) => self.not_carried(key, "it is no number of processors"),
            None => {}
        }
    }

    /// Reads `pids_limit`.
    pub fn pids(&mut self, key: &Key<'_>) {
        match self.now(key).map(|text| text.parse::<i64>()) {
            Some(Ok(-1 | 0)) => self.exact(key, ""),
            Some(Ok(count @ 1..=4_194_304)) => self.set(key, "resources.pids", count),
            Some(_) => self.not_carried(key, "it is no count"),
            None => {}
        }
    }
}

/// A size as Docker reads it: `512m` are mebibytes, and there may be a fraction.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = text.get(number.len()..)?.trim().trim_end_matches('b').trim_end_matches('i');
    let factor: u64 = match unit {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    #[allow(clippy::cast_precision_loss)]
    let size = number.parse::<f64>().ok()? * factor as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (0.0..1e15).contains(&size).then_some(size as u64)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_those_of_docker() {
        for (text, size) in [
            ("512m", Some(512 << 20)),
            ("1.5g", Some(3 << 29)),
            ("64MiB", Some(64 << 20)),
            ("10 kb", Some(10 << 10)),
            ("1024", Some(1024)),
            ("7b", Some(7)),
            ("", None),
            ("m", None),
            ("1x", None),
            ("-1m", None),
            ("99999999999999t", None),
            ("inf", None),
        ] {
            assert_eq!(bytes(text), size, "{text}");
        }
    }
}
