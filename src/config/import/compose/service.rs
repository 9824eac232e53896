//! One service.

use super::super::draft::{Draft, list};
use super::variables::parts;
use super::yaml::{Node, Yaml};
use super::{Key, Making, outside};
use crate::config::diagnostic::Span;

/// What means nothing in a container that runs already.
const OF_COMPOSE: &[&str] = &[
    "attach",
    "build",
    "develop",
    "extends",
    "image",
    "platform",
    "provider",
    "pull_policy",
    "pull_refresh_after",
];
const CARRIED: &[&str] = &[
    "cap_add",
    "cap_drop",
    "command",
    "cpu_shares",
    "cpus",
    "depends_on",
    "deploy",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "group_add",
    "healthcheck",
    "init",
    "logging",
    "mem_limit",
    "mem_reservation",
    "memswap_limit",
    "oom_score_adj",
    "pids_limit",
    "post_start",
    "pre_stop",
    "profiles",
    "restart",
    "scale",
    "security_opt",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "tty",
    "ulimits",
    "user",
    "working_dir",
];

/// All keys of a service.
fn known() -> impl Iterator<Item = &'static str> {
    CARRIED.iter().chain(OF_COMPOSE).copied().chain(outside::names())
}

impl Making<'_, '_> {
    /// Reads it.
    pub fn made(mut self) -> Draft {
        if self.source.is_oneshot {
            self.draft.set("type", "oneshot", self.source.span);
        }
        self.command();
        let what = format!("services.{}", self.source.called);
        let node = self.source.node;
        let whole = Key { what, span: self.source.span, node };
        for (name, key) in whole.subs() {
            if key.node.value != Yaml::Null || !known().any(|other| other == name) {
                self.key(name, &key);
            } else if !matches!(name, "command" | "entrypoint") {
                self.exact(&key, "");
            }
        }
        let restarts = |node: &Node| node.get("restart_policy").is_some();
        if node.get("restart").is_none()
            && !node.get("deploy").is_some_and(restarts)
            && !self.source.is_oneshot
        {
            self.draft.set("restart.policy", "never", self.source.span);
        }
        self.say_of_variables(&whole);
        self.draft
    }

    fn say_of_variables(&mut self, whole: &Key<'_>) {
        let mut why = Vec::new();
        if self.lookup.is_used {
            why.push(
                "foster expands them at the start, from the `environment` of the service, its `env_file`s and the \
                 container's environment, not from the shell that calls Compose",
            );
        }
        if self.lookup.is_wider {
            why.push("`${X-y}` stands in for an empty X, too");
        }
        if self.lookup.is_decided {
            why.push("for numbers, times, sizes and `${X:+y}` their values of now have been taken");
        }
        if !why.is_empty() {
            let key = Key { what: format!("{}: variables", whole.what), ..whole.clone() };
            self.nearly(&key, "", why.join("; "));
        }
    }

    fn key(&mut self, name: &str, key: &Key<'_>) {
        match name {
            // Done already.
            "command" | "entrypoint" => {}
            "environment" => self.environment(key),
            "env_file" => self.env_files(key),
            "depends_on" => self.depends_on(key),
            "healthcheck" => self.healthcheck(key),
            "restart" => self.restart(key),
            "stop_signal" => self.stop_signal(key),
            "stop_grace_period" => self.stop_timeout(key),
            "pre_stop" => self.pre_stop(key),
            "post_start" => self.not_carried(key, "write a oneshot that requires this service"),
            "user" => self.user(key),
            "group_add" => {
                let why =
                    "`supplementary-groups` names all groups beside the user's own, not those that are added";
                self.not_carried(key, why);
            }
            "working_dir" => {
                if let Some(path) = self.written(key) {
                    if path.starts_with('/') || path.starts_with("${") {
                        self.set(key, "working-directory", path);
                    } else {
                        self.not_carried(key, "where it begins is said by the image: write the whole path");
                    }
                }
            }
            "oom_score_adj" => match self.now(key).map(|text| text.parse::<i64>()) {
                Some(Ok(number)) => self.set(key, "oom-score-adj", number),
                Some(Err(_)) => self.not_carried(key, "it is no number"),
                None => {}
            },
            "init" => self.exact(key, ""),
            "tty" | "stdin_open" if !key.node.says_yes() => self.exact(key, ""),
            "tty" => self.once(key, "tty", true, "the container has one terminal"),
            // The terminal is where it reads from.
            "stdin_open" if self.source.node.get("tty").is_some_and(Node::says_yes) => self.exact(key, ""),
            "stdin_open" => self.once(key, "stdin", "inherit", "the container has one standard input"),
            "profiles" => {
                self.draft.set("enabled", false, key.span);
                let why = "there are no profiles: `foster start` starts it, or `enabled = \"${WITH_IT:-false}\"` here";
                self.nearly(key, "enabled", why);
            }
            "scale" => self.instances(key),
            "deploy" => self.deploy(key),
            "mem_limit" => self.size(key, "resources.memory"),
            "memswap_limit" => self.swap(key),
            "cpus" => self.cpus(key),
            "cpu_shares" | "mem_reservation" => {
                self.not_carried(
                    key,
                    "`[resources]` has `cpu-weight` and `memory-high`, which count otherwise",
                );
            }
            "pids_limit" => self.pids(key),
            "ulimits" => self.ulimits(key),
            "cap_add" | "cap_drop" => self.capabilities(name, key),
            "security_opt" => self.security(key),
            "logging" => self.logging(key),
            // What Docker makes nothing of either.
            "expose" => self.exact(key, ""),
            name if OF_COMPOSE.contains(&name) => self.exact(key, ""),
            name => match outside::option(name) {
                Some(option) => {
                    let why = outside::advice(option, key.node);
                    self.not_carried(key, why);
                }
                None => self.unknown(key, name, &known().collect::<Vec<_>>()),
            },
        }
    }

    /// What one service alone can have.
    fn once(
        &mut self,
        key: &Key<'_>,
        path: &str,
        value: impl Into<crate::config::tree::Value<'static>>,
        why: &str,
    ) {
        if self.is_many() {
            return self.not_carried(key, format!("{why}, and there are several of it"));
        }
        let others = &self.reading.output.services;
        match others.iter().find(|other| other.get(path).is_some()).map(|other| other.name.clone()) {
            Some(other) => self.not_carried(key, format!("{why}, and `{other}` has it")),
            None => self.set(key, path, value),
        }
    }

    fn user(&mut self, key: &Key<'_>) {
        let Some(text) = key.node.text() else { return self.not_carried(key, "it should be text here") };
        // The colon that stands in no variable.
        let split = parts(text).ok().and_then(|parts| {
            let colon = |part: &super::variables::Part| match part {
                super::variables::Part::Text(text) => text.contains(':'),
                super::variables::Part::Variable(_) => false,
            };
            let at = parts.iter().position(colon)?;
            let (before, after) = parts.split_at(at);
            let [super::variables::Part::Text(text), after @ ..] = after else { return None };
            let (user, group) = text.split_once(':')?;
            let text = |text: &str| super::variables::Part::Text(text.to_owned());
            let user: Vec<_> = before.iter().cloned().chain([text(user)]).collect();
            let group: Vec<_> = [text(group)].into_iter().chain(after.iter().cloned()).collect();
            Some((user, group))
        });
        let Some((user, group)) = split else {
            match self.written(key) {
                Some(user) if user.is_empty() => self.exact(key, ""),
                Some(user) => self.set(key, "user", user),
                None => {}
            }
            return;
        };
        match (self.lookup.write(&user), self.lookup.write(&group)) {
            (Ok(user), Ok(group)) => {
                let given =
                    [("user", user), ("group", group)].into_iter().filter(|(_, name)| !name.is_empty());
                let given: Vec<&str> = given
                    .map(|(path, name)| {
                        self.draft.set(path, name, key.span);
                        path
                    })
                    .collect();
                self.exact(key, &given.join(", "));
            }
            (Err(why), _) | (_, Err(why)) => self.not_carried(key, why),
        }
    }

    fn environment(&mut self, key: &Key<'_>) {
        let pairs: Vec<(String, Option<String>, Span)> = match &key.node.value {
            Yaml::Map(entries) => {
                let pair = |(name, span, node): &(String, Span, Node)| {
                    (name.clone(), node.text().map(str::to_owned), *span)
                };
                entries.iter().map(pair).collect()
            }
            Yaml::List(list) => {
                let pair = |node: &Node| {
                    let text = node.text()?;
                    Some(match text.split_once('=') {
                        Some((name, value)) => (name.to_owned(), Some(value.to_owned()), node.span),
                        None => (text.to_owned(), None, node.span),
                    })
                };
                list.iter().filter_map(pair).collect()
            }
            _ => return self.not_carried(key, "it is a map or a list"),
        };
        for (name, value, span) in pairs {
            let sub = key.sub(&name, span, key.node);
            // Without a value it is the one that the container has, or `.env`.
            let value = match (value, self.lookup.known.contains_key(&name)) {
                (Some(value), _) => value,
                (None, true) => format!("${{{name}}}"),
                (None, false) => continue,
            };
            let value = match self.lookup.written(&value) {
                Ok(value) => value,
                Err(why) => {
                    self.not_carried(&sub, why);
                    continue;
                }
            };
            let host = self.names_a_host(&name, &value);
            let item = self.draft.set(&format!("environment.{name}"), value, span);
            if let Some(host) = host {
                item.note(format!("`{host}` is a service of this container now: it is at `localhost`."));
                let why = format!(
                    "`{host}` runs in this container: its host is `localhost`, or give \
                                   `--add-host {host}:127.0.0.1` to what runs the container"
                );
                self.nearly(&sub, &format!("environment.{name}"), why);
            }
        }
        self.exact(key, "environment");
    }

    /// The service of this container that a value names as a host.
    pub fn names_a_host(&self, variable: &str, value: &str) -> Option<String> {
        let is_host =
            ["HOST", "SERVER", "ADDR"].iter().any(|word| variable.to_ascii_uppercase().contains(word));
        let names = |called: &str| {
            value.match_indices(called).any(|(at, _)| {
                let before = value.get(..at).unwrap_or_default();
                let after = value.get(at + called.len()..).unwrap_or_default();
                let is_port = |text: &str| text.starts_with(|c: char| c.is_ascii_digit() || c == '$');
                let has_port = after.strip_prefix(':').is_some_and(is_port);
                let is_begin = before.is_empty() || before.ends_with(['/', '@', ',']);
                let is_end = after.is_empty() || after.starts_with(['/', ',']);
                is_begin && has_port
                    || is_end && before.ends_with("//")
                    || is_end && before.ends_with('@')
                    || is_host && value == called
            })
        };
        self.all
            .iter()
            .find(|other| !other.called.is_empty() && names(other.called))
            .map(|other| other.called.to_owned())
    }

    fn env_files(&mut self, key: &Key<'_>) {
        let one = [key.node.clone()];
        let mut is_carried = false;
        for node in key.node.list().unwrap_or(&one) {
            let Some(path) = node.text().or_else(|| node.get("path").and_then(Node::text)) else {
                self.not_carried(key, "a file has a `path`");
                continue;
            };
            for (name, span, node) in node.map().unwrap_or_default() {
                if !matches!(name.as_str(), "path" | "required") {
                    self.not_carried(
                        &key.sub(name, *span, node),
                        "there is one format, in which nothing is expanded",
                    );
                }
            }
            let path = match self.lookup.written(path.strip_prefix("./").unwrap_or(path)) {
                Ok(path) => path,
                Err(why) => {
                    self.not_carried(key, why);
                    continue;
                }
            };
            let directory = super::super::draft::literal(&self.source.project.directory.to_string_lossy());
            let path = if path.starts_with('/') { path } else { format!("{directory}/{path}") };
            let may_miss = node.get("required").is_some_and(|node| !node.says_yes());
            let sign = if may_miss { "-" } else { "" };
            self.draft.push("environment-files", format!("{sign}{path}"), node.span);
            is_carried = true;
        }
        if is_carried {
            let why = "they are read at each start, from where they are now: change the path if the image has it \
                       elsewhere";
            self.nearly(key, "environment-files", why);
        }
    }

    fn pre_stop(&mut self, key: &Key<'_>) {
        let hooks = key.node.list().unwrap_or_default();
        let [hook] = hooks else { return self.not_carried(key, "`[stop] command` is one command") };
        let is_plain = hook.map().is_some_and(|entries| entries.iter().all(|(key, _, _)| key == "command"));
        let Some(command) = hook.get("command").filter(|_| is_plain) else {
            return self.not_carried(key, "`[stop] command` runs as the service does: write it by hand");
        };
        match self.words(command) {
            Ok(words) => self.set(key, "stop.command", list(words, key.span)),
            Err(why) => self.not_carried(key, why),
        }
    }
}
