//! What belongs to the container as a whole: which option of `docker run` says it. And `logging`.

use super::super::draft::table;
use super::yaml::{Node, Yaml};
use super::{Key, Making};
use crate::config::keys::FACILITIES;
use crate::config::tree::Value;
use std::net::SocketAddr;

/// Keys, and the options; none where there is none that takes the same words.
const OPTIONS: &[(&str, &str)] = &[
    ("annotations", "--annotation"),
    ("blkio_config", ""),
    ("cgroup", "--cgroupns"),
    ("cgroup_parent", "--cgroup-parent"),
    ("configs", ""),
    ("container_name", "--name"),
    ("cpu_count", ""),
    ("cpu_percent", ""),
    ("cpu_period", "--cpu-period"),
    ("cpu_quota", "--cpu-quota"),
    ("cpu_rt_period", "--cpu-rt-period"),
    ("cpu_rt_runtime", "--cpu-rt-runtime"),
    ("cpuset", "--cpuset-cpus"),
    ("credential_spec", ""),
    ("device_cgroup_rules", "--device-cgroup-rule"),
    ("devices", "--device"),
    ("dns", "--dns"),
    ("dns_opt", "--dns-option"),
    ("dns_search", "--dns-search"),
    ("domainname", "--domainname"),
    ("external_links", "--link"),
    ("extra_hosts", "--add-host"),
    ("gpus", "--gpus"),
    ("hostname", "--hostname"),
    ("ipc", "--ipc"),
    ("isolation", "--isolation"),
    ("label_file", "--label-file"),
    ("labels", "--label"),
    ("links", ""),
    ("mac_address", "--mac-address"),
    ("mem_swappiness", "--memory-swappiness"),
    ("models", ""),
    ("network_mode", "--network"),
    ("networks", "--network"),
    ("oom_kill_disable", ""),
    ("pid", "--pid"),
    ("ports", "-p"),
    ("privileged", "--privileged"),
    ("read_only", "--read-only"),
    ("runtime", "--runtime"),
    ("secrets", ""),
    ("shm_size", "--shm-size"),
    ("storage_opt", "--storage-opt"),
    ("sysctls", "--sysctl"),
    ("tmpfs", "--tmpfs"),
    ("use_api_socket", ""),
    ("userns_mode", "--userns"),
    ("uts", "--uts"),
    ("volumes", "-v"),
    ("volumes_from", "--volumes-from"),
];

/// The option for a key of the container.
pub fn option(name: &str) -> Option<&'static str> {
    OPTIONS.iter().find(|(key, _)| *key == name).map(|(_, option)| *option)
}

/// All of those keys.
pub fn names() -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().map(|(key, _)| *key)
}

/// How many values an advice shows.
const SHOWN: usize = 8;

/// What to do instead: give this to whatever runs the container.
pub fn advice(option: &str, node: &Node) -> String {
    let of_container = "it is of the container, which all services share";
    let values: Option<Vec<String>> = match &node.value {
        _ if option.is_empty() => None,
        Yaml::Null => Some(Vec::new()),
        Yaml::Text(text) if matches!(text.as_str(), "true" | "false") => Some(vec![String::new()]),
        Yaml::Text(text) => Some(vec![text.clone()]),
        Yaml::List(list) => list.iter().map(|node| value(option, node)).collect(),
        Yaml::Map(entries) => Some(entries.iter().map(|(name, _, node)| pair(option, name, node)).collect()),
    };
    let Some(values) = values.filter(|values| !values.is_empty()) else {
        return format!("{of_container}: give it to what runs that");
    };
    let more = if values.len() > SHOWN { " …" } else { "" };
    let options = values.iter().take(SHOWN).map(|value| format!(" {option} {value}").trim_end().to_owned());
    format!("{of_container}: `docker run{}{more}`", options.collect::<String>())
}

fn pair(option: &str, name: &str, node: &Node) -> String {
    let sign = if option == "--add-host" { ":" } else { "=" };
    match node.text() {
        Some(text) if option != "--network" => format!("{name}{sign}{text}"),
        _ => name.to_owned(),
    }
}

/// The short form of one of a list.
fn value(option: &str, node: &Node) -> Option<String> {
    if let Some(text) = node.text() {
        return Some(text.to_owned());
    }
    let part = |key: &str| node.get(key).and_then(Node::text);
    let target = part("target")?;
    match option {
        "-p" => {
            let address = part("host_ip").map_or(String::new(), |address| format!("{address}:"));
            let published = part("published").map_or(String::new(), |port| format!("{port}:"));
            let protocol = part("protocol").map_or(String::new(), |protocol| format!("/{protocol}"));
            Some(format!("{address}{published}{target}{protocol}"))
        }
        "-v" => {
            let source = part("source").map_or(String::new(), |source| format!("{source}:"));
            let mode = if node.get("read_only").is_some_and(Node::says_yes) { ":ro" } else { "" };
            Some(format!("{source}{target}{mode}"))
        }
        _ => part("source").map(|source| format!("{source}:{target}")),
    }
}

const LOGGING: &[&str] = &["driver", "options"];
const SYSLOG: &[&str] = &["syslog-address", "syslog-facility", "tag"];

impl Making<'_, '_> {
    /// Reads `logging`.
    pub fn logging(&mut self, key: &Key<'_>) {
        for (name, sub) in key.subs().filter(|(name, _)| !LOGGING.contains(name)) {
            self.unknown(&sub, name, LOGGING);
        }
        let options: Vec<(&str, Key<'_>)> = key
            .subs()
            .find(|(name, _)| *name == "options")
            .map(|(_, options)| {
                let entries = options.node.map().unwrap_or_default().iter();
                entries.map(|(name, span, node)| (name.as_str(), options.sub(name, *span, node))).collect()
            })
            .unwrap_or_default();
        match key.node.get("driver").and_then(Node::text) {
            Some("none") => self.set(key, "log.to", "null"),
            Some("syslog") if options.iter().any(|(name, _)| *name == "syslog-address") => {
                let entries: Vec<_> =
                    options.iter().filter_map(|(name, sub)| self.syslog(name, sub)).collect();
                if !entries.iter().any(|(name, _)| *name == "address") {
                    return self.not_carried(key, "it has no address");
                }
                self.draft.set("log.to", "syslog", key.span);
                self.draft.set("log.syslog", table(entries, key.span), key.span);
                self.exact(key, "log.to, log.syslog");
            }
            driver => {
                let driver = driver.map_or(String::new(), |driver| format!(" --log-driver {driver}"));
                let options = options
                    .iter()
                    .take(SHOWN)
                    .map(|(name, sub)| format!(" --log-opt {name}={}", sub.node.text().unwrap_or_default()));
                let why = format!(
                    "its output is that of the container: `docker run{driver}{}`; or `[log] to = \"file\"`",
                    options.collect::<String>()
                );
                self.not_carried(key, why);
            }
        }
    }

    /// What one of its options becomes in `[log.syslog]`.
    fn syslog(&mut self, name: &str, key: &Key<'_>) -> Option<(&'static str, Value<'static>)> {
        let text = self.now(key)?;
        let why = match name {
            "syslog-address" => match syslog_address(&text) {
                Some(address) => return Some(self.syslog_key(key, "address", address)),
                None => "foster resolves no names, and knows udp, tcp and unix: `[log.syslog] address`",
            },
            "syslog-facility" if FACILITIES.contains(&text.as_str()) => {
                return Some(self.syslog_key(key, "facility", text));
            }
            "syslog-facility" => "`[log.syslog] facility` is a name",
            "tag" if text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'{') && text.len() <= 48 => {
                return Some(self.syslog_key(key, "tag", text));
            }
            "tag" => "nothing is filled in, and there are no blanks: it is the name of the service",
            name => {
                self.unknown(key, name, SYSLOG);
                return None;
            }
        };
        self.not_carried(key, why);
        None
    }

    fn syslog_key(
        &mut self,
        key: &Key<'_>,
        name: &'static str,
        value: String,
    ) -> (&'static str, Value<'static>) {
        self.exact(key, &format!("log.syslog.{name}"));
        (name, value.into())
    }
}

/// The address of a server as foster writes it.
fn syslog_address(text: &str) -> Option<String> {
    match text.split_once("://")? {
        (protocol @ ("udp" | "tcp"), at) => {
            let is_whole = at.parse::<SocketAddr>().is_ok();
            let at = if is_whole { at.to_owned() } else { format!("{at}:514") };
            at.parse::<SocketAddr>().is_ok().then(|| format!("{protocol}:{at}"))
        }
        ("unix" | "unixgram", path) => path.starts_with('/').then(|| path.to_owned()),
        _ => None,
    }
}
