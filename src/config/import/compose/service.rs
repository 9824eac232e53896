//! One service.

use super::super::Reading;
use super::super::draft::{Draft, list, literal};
use super::health::{self, duration};
use super::interpolate::interpolate;
use super::yaml::{Node, Yaml};
use super::{Compose, Source};
use crate::config::diagnostic::Span;
use crate::config::did_you_mean;
use crate::config::tree::Value;
use crate::model::{Signal, capability_number, format_size};

/// A key with its value, and what the report calls it.
pub struct Key<'y> {
    pub what: String,
    pub service: &'y str,
    pub span: Span,
    pub node: &'y Node,
}

impl Key<'_> {
    /// It became these keys.
    pub fn exact(&self, became: &str, reading: &mut Reading<'_>) {
        reading.output.trail.exact(self.span, &self.what, self.became(became));
    }

    /// It nearly became these keys.
    pub fn nearly(&self, became: &str, why: &str, reading: &mut Reading<'_>) {
        reading.output.trail.approximated(self.span, &self.what, self.became(became), why);
    }

    /// Nothing came of it.
    pub fn not_carried(&self, why: &str, reading: &mut Reading<'_>) {
        reading.output.trail.not_carried(self.span, &self.what, why);
    }

    /// A key in it.
    pub fn sub(&self, name: &str) -> Self {
        let node = self.node.get(name).unwrap_or(self.node);
        Self { what: format!("{}.{name}", self.what), service: self.service, span: node.span, node }
    }

    fn became(&self, keys: &str) -> String {
        if keys.is_empty() { String::new() } else { format!("{}: {keys}", self.service) }
    }
}

/// What belongs to the container as a whole.
const OF_THE_CONTAINER: &[&str] = &[
    "annotations", "blkio_config", "cgroup", "cgroup_parent", "configs", "container_name", "cpu_count", "cpu_percent",
    "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpuset", "credential_spec",
    "device_cgroup_rules", "devices", "dns", "dns_opt", "dns_search", "domainname", "expose", "external_links",
    "extra_hosts", "gpus", "group_add", "hostname", "ipc", "isolation", "labels", "label_file", "links", "mac_address",
    "mem_reservation", "mem_swappiness", "memswap_limit", "network_mode", "networks", "oom_kill_disable", "pid", "ports",
    "privileged", "read_only", "runtime", "secrets", "security_opt", "shm_size", "storage_opt", "sysctls", "tmpfs",
    "userns_mode", "uts", "volumes", "volumes_from",
];
/// What says how Compose itself makes and runs it.
const OF_COMPOSE: &[&str] =
    &["attach", "build", "develop", "image", "platform", "pull_policy", "provider", "post_start", "pre_stop", "models"];
const CARRIED: &[&str] = &[
    "cap_add", "cap_drop", "command", "cpus", "depends_on", "deploy", "entrypoint", "env_file", "environment", "healthcheck",
    "init", "logging", "mem_limit", "oom_score_adj", "pids_limit", "profiles", "restart", "scale", "stdin_open",
    "stop_grace_period", "stop_signal", "tty", "ulimits", "user", "working_dir",
];

/// Reads a service.
pub fn service(compose: &Compose<'_>, source: &Source<'_>, mut draft: Draft, reading: &mut Reading<'_>) -> Draft {
    if source.is_oneshot {
        draft.set("type", "oneshot", source.span);
    }
    command(compose, source, &mut draft, reading);
    for (name, span, node) in source.node.map().unwrap_or_default() {
        let what = format!("services.{}.{name}", source.called);
        let key = Key { what, service: &source.name, span: *span, node };
        one(compose, source, name, &key, &mut draft, reading);
    }
    if source.node.get("restart").is_none() && !source.is_oneshot {
        draft.set("restart.policy", "never", source.span);
    }
    draft
}

/// `entrypoint` with `command` behind it.
fn command(compose: &Compose<'_>, source: &Source<'_>, draft: &mut Draft, reading: &mut Reading<'_>) {
    let mut argv = Vec::new();
    let mut span = source.span;
    for key in ["entrypoint", "command"] {
        let Some(node) = source.node.get(key).filter(|node| !matches!(node.value, Yaml::Null)) else { continue };
        match words(compose, node) {
            Ok(words) => argv.extend(words),
            Err(why) => return reading.broken(node.span, format!("cannot read `{key}`: {why}")),
        }
        span = node.span;
    }
    draft.set("command", list(argv, span), span);
}

/// The words of a command: a list, or a string that is split as a shell would.
pub fn words(compose: &Compose<'_>, node: &Node) -> Result<Vec<String>, String> {
    match &node.value {
        Yaml::List(list) => list
            .iter()
            .map(|node| interpolate(node.text().unwrap_or_default(), &compose.known))
            .collect(),
        Yaml::Text(text) => {
            let words = shlex::split(text).ok_or("a quote without its end")?;
            words.iter().map(|word| interpolate(word, &compose.known)).collect()
        }
        Yaml::Null => Ok(Vec::new()),
        Yaml::Map(_) => Err("it is a list or a string".to_owned()),
    }
}

fn one(compose: &Compose<'_>, source: &Source<'_>, name: &str, key: &Key<'_>, draft: &mut Draft, reading: &mut Reading<'_>) {
    let text = key.node.text().unwrap_or_default();
    let expanded = match interpolate(text, &compose.known) {
        Ok(expanded) => expanded,
        Err(why) if !["command", "entrypoint"].contains(&name) => return key.not_carried(&why, reading),
        Err(_) => String::new(),
    };
    match name {
        "command" | "entrypoint" => key.exact("command", reading),
        "environment" => environment(compose, key, draft, reading),
        "env_file" => env_file(compose, key, draft, reading),
        "depends_on" => depends_on(compose, key, draft, reading),
        "healthcheck" => health::healthcheck(compose, source, key, draft, reading),
        "restart" => health::restart(source, key, draft, reading),
        "stop_signal" => match text.parse::<Signal>() {
            Ok(signal) => set(key, draft, "stop.signal", signal.to_string(), reading),
            Err(_) => key.not_carried("it is no signal", reading),
        },
        "stop_grace_period" => match duration(text) {
            Some(span) => {
                draft.set("stop.timeout", span, key.span);
                let why = "at the end of the container all have 9 s together: `[shutdown] timeout` in foster.toml";
                key.nearly("stop.timeout", why, reading);
            }
            None => key.not_carried("it is no duration", reading),
        },
        "user" => match expanded.split_once(':') {
            // Not within a variable.
            Some((user, group)) if !user.contains('$') => {
                draft.set("group", group, key.span);
                set(key, draft, "user", user, reading);
            }
            _ => set(key, draft, "user", expanded, reading),
        },
        "working_dir" => set(key, draft, "working-directory", expanded, reading),
        "oom_score_adj" => match text.parse::<i64>() {
            Ok(number) => set(key, draft, "oom-score-adj", number, reading),
            Err(_) => key.not_carried("it is no number", reading),
        },
        "init" => key.exact("foster is the init", reading),
        "tty" | "stdin_open" if !key.node.says_yes() => key.exact("", reading),
        "tty" => {
            let is_taken = reading.output.services.iter().any(|other| other.get("tty").is_some());
            if is_taken {
                return key.not_carried("the container has one terminal, and another service has it", reading);
            }
            set(key, draft, "tty", true, reading);
        }
        "stdin_open" => key.not_carried("the container has one input: `stdin = \"inherit\"` gives it to this service", reading),
        "ulimits" => ulimits(key, draft, reading),
        "cap_add" | "cap_drop" => capabilities(source, name, key, draft, reading),
        "profiles" => {
            draft.set("enabled", false, key.span);
            key.nearly("enabled", "there are no profiles: `foster start`, or `enabled = \"${WITH_IT:-false}\"`", reading);
        }
        "deploy" => deploy(key, draft, reading),
        "scale" => instances(key, draft, reading),
        "mem_limit" => memory(key, draft, "resources.memory", reading),
        "cpus" => cpus(key, draft, reading),
        "pids_limit" => pids(key, draft, reading),
        "logging" => key.not_carried("output is the container's, to which its runtime gives a driver; or `[log]`", reading),
        "image" | "build" => key.exact("it runs in the image that has foster in it", reading),
        name if name.starts_with("x-") => key.exact("", reading),
        name if OF_THE_CONTAINER.contains(&name) => {
            key.not_carried("it is of the container, which all services share: give it to what runs that", reading);
        }
        name if OF_COMPOSE.contains(&name) => key.not_carried("it is for Compose itself", reading),
        name => {
            let known = CARRIED.iter().chain(OF_THE_CONTAINER).chain(OF_COMPOSE).copied();
            let advice = did_you_mean(name, known).map_or(String::new(), |advice| format!(", {advice}"));
            key.not_carried(&format!("unknown key{advice}"), reading);
        }
    }
}

fn set(key: &Key<'_>, draft: &mut Draft, path: &str, value: impl Into<Value<'static>>, reading: &mut Reading<'_>) {
    draft.set(path, value, key.span);
    key.exact(path, reading);
}

fn environment(compose: &Compose<'_>, key: &Key<'_>, draft: &mut Draft, reading: &mut Reading<'_>) {
    let pairs: Vec<(String, Option<&str>, Span)> = match &key.node.value {
        Yaml::Map(entries) => {
            entries.iter().map(|(name, span, node)| (name.clone(), node.text(), *span)).collect()
        }
        Yaml::List(list) => list
            .iter()
            .filter_map(|node| node.text().map(|text| (text, node.span)))
            .map(|(text, span)| match text.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value), span),
                None => (text.to_owned(), None, span),
            })
            .collect(),
        _ => return key.not_carried("it is a map or a list", reading),
    };
    for (name, value, span) in pairs {
        // Without a value it is the one that is there.
        let Some(value) = value else { continue };
        match interpolate(value, &compose.known) {
            // Its own name is what the container has.
            Ok(value) => {
                draft.set(&format!("environment.{name}"), value, span);
            }
            Err(why) => key.sub(&name).not_carried(&why, reading),
        }
    }
    key.exact("environment", reading);
}

fn env_file(compose: &Compose<'_>, key: &Key<'_>, draft: &mut Draft, reading: &mut Reading<'_>) {
    let one = [key.node.clone()];
    let files = match &key.node.value {
        Yaml::List(list) => list.as_slice(),
        _ => one.as_slice(),
    };
    for node in files {
        let path = node.text().or_else(|| node.get("path").and_then(Node::text));
        let is_optional = node.get("required").is_some_and(|node| !node.says_yes());
        let Some(path) = path else {
            key.not_carried("a file has a `path`", reading);
            continue;
        };
        let path = compose.directory.join(path.trim_start_matches("./"));
        let optional = if is_optional { "-" } else { "" };
        draft.push("environment-files", format!("{optional}{}", literal(&path.to_string_lossy())), node.span);
    }
    let why = "it is read at each start, from where it is now: change the path if the image has it elsewhere";
    key.nearly("environment-files", why, reading);
}

fn depends_on(compose: &Compose<'_>, key: &Key<'_>, draft: &mut Draft, reading: &mut Reading<'_>) {
    let list: Vec<(&str, Option<&Node>, Span)> = match &key.node.value {
        Yaml::List(list) => list.iter().filter_map(|node| node.text().map(|text| (text, None, node.span))).collect(),
        Yaml::Map(entries) => entries.iter().map(|(name, span, node)| (name.as_str(), Some(node), *span)).collect(),
        _ => return key.not_carried("it is a list or a map", reading),
    };
    for (called, how, span) in list {
        let what = format!("{}.{called}", key.what);
        let key = Key { what, service: key.service, span, node: key.node };
        let Some(other) = compose.services.iter().find(|source| source.called == called) else {
            key.not_carried("that service is not carried: let the service itself wait for it", reading);
            continue;
        };
        let says = |name: &str| how.and_then(|how| how.get(name));
        let path = match (says("required").is_some_and(|node| !node.says_yes()), says("restart").is_some_and(Node::says_yes)) {
            (true, _) => "wants",
            (false, true) => "restart-with",
            (false, false) => "requires",
        };
        draft.push(path, other.name.clone(), span);
        match says("condition").and_then(Node::text).unwrap_or("service_started") {
            "service_started" if other.is_awaited => {
                key.nearly(path, "it waits until that is healthy, as another service does", reading);
            }
            "service_healthy" if other.node.get("healthcheck").is_none() => {
                key.nearly(path, "that has no healthcheck here: `[ready]` says when it is ready", reading);
            }
            "service_started" | "service_healthy" | "service_completed_successfully" => key.exact(path, reading),
            _ => key.nearly(path, "its condition is not known: it waits until that is ready", reading),
        }
    }
}

const LIMITS: &[(&str, &str)] = &[
    ("as", "as"), ("core", "core"), ("cpu", "cpu"), ("data", "data"), ("fsize", "fsize"), ("locks", "locks"),
    ("memlock", "memlock"), ("msgqueue", "msgqueue"), ("nice", "nice"), ("nofile", "nofile"), ("nproc", "nproc"),
    ("rss", "rss"), ("rtprio", "rtprio"), ("rttime", "rttime"), ("sigpending", "sigpending"), ("stack", "stack"),
];

fn ulimits(key: &Key<'_>, draft: &mut Draft, reading: &mut Reading<'_>) {
    for (name, span, node) in key.node.map().unwrap_or_default() {
        let sub = Key { what: format!("{}.{name}", key.what), service: key.service, span: *span, node };
        let one = |node: Option<&Node>| match node.and_then(Node::text) {
            Some("-1") => Some("unlimited".to_owned()),
            Some(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => Some(text.to_owned()),
            _ => None,
        };
        let limit = match one(Some(node)) {
            Some(limit) => Some(limit),
            None => one(node.get("soft")).zip(one(node.get("hard"))).map(|(soft, hard)| format!("{soft}:{hard}")),
        };
        match (LIMITS.iter().find(|(known, _)| known == name), limit) {
            (Some((_, path)), Some(limit)) => set(&sub, draft, &format!("limits.{path}"), limit, reading),
            (None, _) => sub.not_carried("there is no such limit", reading),
            _ => sub.not_carried("it is a number, or `soft` and `hard`", reading),
        }
    }
}

fn capabilities(source: &Source<'_>, name: &str, key: &Key<'_>, draft: &mut Draft, reading: &mut Reading<'_>) {
    let texts = |key: &str| -> Vec<String> {
        let Some(Node { value: Yaml::List(list), .. }) = source.node.get(key) else { return Vec::new() };
        let short = |text: &str| text.to_ascii_lowercase().trim_start_matches("cap_").replace('_', "-");
        list.iter().filter_map(Node::text).map(short).collect()
    };
    if !texts("cap_drop").iter().any(|name| name == "all") {
        let why = if name == "cap_add" {
            "the container has to have it: docker run --cap-add; `capabilities` takes the others away"
        } else {
            "`capabilities` names those that it keeps, not those that it loses"
        };
        return key.not_carried(why, reading);
    }
    let kept = texts("cap_add");
    if kept.iter().any(|name| capability_number(name).is_none()) {
        return key.not_carried("one of them is no capability", reading);
    }
    draft.set("capabilities", list(kept, key.span), key.span);
    key.exact("capabilities", reading);
}

fn deploy(key: &Key<'_>, draft: &mut Draft, reading: &mut Reading<'_>) {
    for (name, span, node) in key.node.map().unwrap_or_default() {
        let sub = Key { what: format!("{}.{name}", key.what), service: key.service, span: *span, node };
        match name.as_str() {
            "replicas" => instances(&sub, draft, reading),
            "resources" => {
                for (name, _, node) in node.map().unwrap_or_default() {
                    let limits = sub.sub(name);
                    if name != "limits" {
                        limits.not_carried("nothing is kept for it: `[resources]` has limits and weights", reading);
                        continue;
                    }
                    for (name, _, _) in node.map().unwrap_or_default() {
                        let limit = limits.sub(name);
                        match name.as_str() {
                            "cpus" => cpus(&limit, draft, reading),
                            "memory" => memory(&limit, draft, "resources.memory", reading),
                            "pids" => pids(&limit, draft, reading),
                            _ => limit.not_carried("there is no such limit", reading),
                        }
                    }
                }
            }
            _ => sub.not_carried("it is for a swarm", reading),
        }
    }
}

fn instances(key: &Key<'_>, draft: &mut Draft, reading: &mut Reading<'_>) {
    match key.node.text().and_then(|text| text.parse::<i64>().ok()) {
        Some(count @ 1..=1000) => set(key, draft, "instances", count, reading),
        Some(0) => set(key, draft, "enabled", false, reading),
        _ => key.not_carried("it is no number from 0 to 1000", reading),
    }
}

/// A size as Docker has them: `512m` are mebibytes.
fn memory(key: &Key<'_>, draft: &mut Draft, path: &str, reading: &mut Reading<'_>) {
    let text = key.node.text().unwrap_or_default().to_ascii_lowercase();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: u64 = match text.get(number.len()..).unwrap_or_default() {
        "" | "b" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        _ => 0,
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).filter(|size| *size > 0) {
        Some(size) => set(key, draft, path, format_size(size), reading),
        None => key.not_carried("it is no size", reading),
    }
}

fn cpus(key: &Key<'_>, draft: &mut Draft, reading: &mut Reading<'_>) {
    match key.node.text().and_then(|text| text.parse::<f64>().ok()).filter(|cpus| (0.01..10_000.0).contains(cpus)) {
        Some(cpus) => set(key, draft, "resources.cpu", Value::Float(cpus), reading),
        None => key.not_carried("it is no number of processors", reading),
    }
}

fn pids(key: &Key<'_>, draft: &mut Draft, reading: &mut Reading<'_>) {
    match key.node.text().and_then(|text| text.parse::<i64>().ok()) {
        Some(-1) => key.exact("", reading),
        Some(count) if count > 0 => set(key, draft, "resources.pids", count, reading),
        _ => key.not_carried("it is no count", reading),
    }
}
