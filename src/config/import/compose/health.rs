//! `healthcheck`, `restart`, and how it is stopped.

use super::super::draft::list;
use super::yaml::{Node, Yaml};
use super::{Key, Making};
use crate::config::tree::Value;
use crate::model::{Signal, format_duration, parse_duration};
use std::time::Duration;

const HEALTHCHECK: &[&str] =
    &["test", "interval", "timeout", "start_period", "start_interval", "retries", "disable"];
const RESTART_POLICY: &[&str] = &["condition", "delay", "max_attempts", "window"];

/// What all have together at the end, by default.
const SHUTDOWN: Duration = Duration::from_secs(9);

/// A duration as Go writes them.
fn duration(text: &str) -> Option<Duration> {
    let text = text.replace("us", "").replace("µs", "").replace("ns", "");
    parse_duration(&text).ok()
}

impl Making<'_, '_> {
    /// Reads `healthcheck`.
    pub fn healthcheck(&mut self, key: &Key<'_>) {
        for (name, sub) in key.subs().filter(|(name, _)| !HEALTHCHECK.contains(name)) {
            self.unknown(&sub, name, HEALTHCHECK);
        }
        let test = key.node.get("test");
        let is_none =
            test.and_then(Node::list).is_some_and(|list| list.first().and_then(Node::text) == Some("NONE"));
        if key.node.get("disable").is_some_and(Node::says_yes) || is_none {
            return self.exact(key, "");
        }
        if self.source.is_oneshot {
            return self.not_carried(key, "others wait for its end, not for its health");
        }
        let Some(test) = test else {
            return self.not_carried(
                key,
                "the test is that of the image, which is not known: write `[health] exec`",
            );
        };
        let argv = match self.test(test) {
            Ok(argv) => argv,
            Err(why) => return self.not_carried(key, why),
        };
        let mut time = |name: &str, default: u64| {
            let default = Duration::from_secs(default);
            let Some((_, sub)) =
                key.subs().find(|(other, sub)| *other == name && sub.node.value != Yaml::Null)
            else {
                return default;
            };
            match self.now(&sub).map(|text| duration(&text)) {
                // For Docker none is the default.
                Some(Some(time)) => {
                    if time.is_zero() {
                        default
                    } else {
                        time
                    }
                }
                Some(None) => {
                    self.not_carried(&sub, "it is no duration");
                    default
                }
                None => default,
            }
        };
        let (interval, timeout) = (time("interval", 30), time("timeout", 30));
        let (start, start_interval) = (time("start_period", 0), time("start_interval", 5));
        let retries = self.retries(key);
        let text = |time: Duration| Value::from(format_duration(time));
        self.draft.set("health.exec", list(argv.clone(), test.span), test.span);
        self.draft.set("health.interval", text(interval), key.span);
        self.draft.set("health.timeout", text(timeout), key.span);
        self.draft.set("health.failures", retries, key.span);
        self.draft
            .set("health.on-failure", "none", key.span)
            .note("As with Docker, which only tells: `restart` would restart it.");
        if !self.source.is_awaited {
            if start > interval {
                self.draft.set("health.grace", text(start), key.span);
            }
            return self.exact(key, "health");
        }
        self.draft.set("ready.exec", list(argv, test.span), test.span);
        if key.node.get("start_interval").is_some() && !start.is_zero() {
            self.draft.set("ready.interval", text(start_interval), key.span);
        }
        // When Docker has called it unhealthy.
        let rounds = u32::try_from(retries).unwrap_or(u32::MAX);
        let longest = (interval + timeout).saturating_mul(rounds).saturating_add(start);
        self.draft.set("ready.timeout", text(longest.min(Duration::from_secs(86_400))), key.span);
        let why = "others wait for it by `[ready]`, which asks more often; if it is not ready by the time at which \
                   Docker would call it unhealthy it is stopped, and that is a failure";
        self.nearly(key, "health, ready", why);
    }

    fn test(&mut self, test: &Node) -> Result<Vec<String>, String> {
        let shell = |line: String| vec!["/bin/sh".to_owned(), "-c".to_owned(), line];
        if let Some(text) = test.text() {
            return Ok(shell(self.lookup.written(text)?));
        }
        let words = self.words(test)?;
        match words.split_first() {
            Some((first, rest)) if first == "CMD" && !rest.is_empty() => Ok(rest.to_vec()),
            Some((first, [line])) if first == "CMD-SHELL" => Ok(shell(line.clone())),
            _ => {
                Err("`test` is a string, or a list that begins with `CMD`, `CMD-SHELL` or `NONE`".to_owned())
            }
        }
    }

    fn retries(&mut self, key: &Key<'_>) -> i64 {
        let Some((_, sub)) = key.subs().find(|(name, _)| *name == "retries") else { return 3 };
        match self.now(&sub).map(|text| text.parse::<i64>()) {
            Some(Ok(0)) | None => 3,
            Some(Ok(count @ 1..=1000)) => count,
            Some(_) => {
                self.not_carried(&sub, "it is no count from 1 to 1000");
                3
            }
        }
    }

    /// Reads `restart`.
    pub fn restart(&mut self, key: &Key<'_>) {
        let Some(text) = self.now(key) else { return };
        let (policy, count) = match text.split_once(':') {
            Some((policy, count)) => (policy, Some(count)),
            None => (text.as_str(), None),
        };
        match (policy, count.map(str::parse::<i64>)) {
            ("no" | "false", None) => self.policy(key, "never", None),
            ("always" | "unless-stopped", None) => self.policy(key, "always", None),
            ("on-failure", None) => self.policy(key, "on-failure", None),
            ("on-failure", Some(Ok(count @ 0..=1_000_000))) => self.policy(key, "on-failure", Some(count)),
            _ => self.not_carried(
                key,
                "it is none of `no`, `always`, `unless-stopped`, `on-failure`, `on-failure:N`",
            ),
        }
    }

    /// Sets the policy, with as many restarts as Docker makes.
    fn policy(&mut self, key: &Key<'_>, policy: &'static str, restarts: Option<i64>) {
        if self.source.is_oneshot && policy == "always" {
            return self.not_carried(key, "others wait for its end: it is not restarted after a success");
        }
        // That of a daemon anyway.
        if policy != "always" {
            self.draft.set("restart.policy", policy, key.span);
        }
        match restarts {
            // Docker counts restarts, foster ends.
            Some(count) => {
                self.draft.set("restart.limit", count + 1, key.span);
                self.exact(key, "restart");
            }
            None if policy == "never" => self.exact(key, "restart.policy"),
            None => {
                let why = "after ten ends in a row it has failed for good: `restart.limit = \"unlimited\"` goes on for \
                           ever, as Docker does";
                self.nearly(key, "restart.policy", why);
            }
        }
    }

    /// Reads `deploy.restart_policy`.
    pub fn restart_policy(&mut self, key: &Key<'_>) {
        if self.source.node.get("restart").is_some() {
            return self.not_carried(key, "`restart` is there, and counts");
        }
        let (mut policy, mut attempts) = ("always", None);
        let mut times = Vec::new();
        for (name, sub) in key.subs() {
            if !RESTART_POLICY.contains(&name) {
                self.unknown(&sub, name, RESTART_POLICY);
                continue;
            }
            let Some(text) = self.now(&sub) else { continue };
            match (name, text.as_str(), duration(&text)) {
                ("condition", "none", _) => policy = "never",
                ("condition", "on-failure", _) => policy = "on-failure",
                ("condition", "any", _) => policy = "always",
                ("delay" | "window", _, Some(time)) => times.push((sub, name, time)),
                ("max_attempts", _, _) if text.parse::<u32>().is_ok() => attempts = text.parse::<i64>().ok(),
                _ => self.not_carried(&sub, "it is not understood"),
            }
        }
        let is_restarted = policy != "never" && !(policy == "always" && self.source.is_oneshot);
        self.policy(key, policy, attempts.filter(|_| is_restarted));
        for (sub, name, time) in times {
            match name {
                _ if !is_restarted || time.is_zero() => self.exact(&sub, ""),
                "delay" => {
                    self.draft.set("restart.factor", 1, sub.span);
                    self.set(&sub, "restart.delay", format_duration(time));
                }
                _ => self.set(&sub, "restart.reset-after", format_duration(time)),
            }
        }
    }

    /// Reads `stop_signal`.
    pub fn stop_signal(&mut self, key: &Key<'_>) {
        match self.now(key).map(|text| text.parse::<Signal>()) {
            Some(Ok(signal)) => self.set(key, "stop.signal", signal.to_string()),
            Some(Err(_)) => self.not_carried(key, "it is no signal"),
            None => {}
        }
    }

    /// Reads `stop_grace_period`.
    pub fn stop_timeout(&mut self, key: &Key<'_>) {
        match self.now(key).map(|text| duration(&text)) {
            Some(Some(time)) => {
                self.draft.set("stop.timeout", format_duration(time), key.span);
                if time <= SHUTDOWN {
                    return self.exact(key, "stop.timeout");
                }
                self.budget(key, time);
                let why = "`docker stop` waits 10 s for the whole container: `docker run --stop-timeout` has it wait \
                           for the `[shutdown] timeout` in foster.toml";
                self.nearly(key, "stop.timeout", why);
            }
            Some(None) => self.not_carried(key, "it is no duration"),
            None => {}
        }
    }

    /// Gives the shutdown the time that the slowest service needs.
    fn budget(&mut self, key: &Key<'_>, time: Duration) {
        let time = time.saturating_add(Duration::from_secs(2));
        let settings = &mut self.reading.output.settings;
        let is_longer = match settings.get("shutdown.timeout") {
            Some(Value::Text(text)) => parse_duration(text).is_ok_and(|longest| longest < time),
            _ => true,
        };
        if is_longer {
            let item = settings.set("shutdown.timeout", format_duration(time), key.span);
            item.notes = vec![
                "More than the longest `stop.timeout`; `docker stop` has to wait longer than this."
                    .to_owned(),
            ];
        }
    }
}
