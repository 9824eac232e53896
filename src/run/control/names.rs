//! Which services are meant: a name, a pattern, or the name of a service with instances.

use crate::config::did_you_mean;
use crate::model::{Id, Plan, sort_by};
use std::collections::{BTreeSet, HashMap, HashSet};
use wildmatch::WildMatch;

/// Patterns in one request at most, and characters in one: matching is the one thing whose time a client chooses.
const PATTERNS: usize = 64;
const PATTERN: usize = 128;

/// The client meant something that is not there, or asked too much.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    /// HTTP status.
    pub(super) status: u16,
    pub(super) error: String,
    pub(super) help: Option<String>,
}

fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// `worker` of `worker@2`.
fn stem(name: &str) -> &str {
    name.split_once('@').map_or(name, |(stem, _)| stem)
}

/// The ids that these names mean, each once, in order of name.
pub(super) fn resolve(plan: &Plan, names: &[String]) -> Result<Vec<Id>, Unknown> {
    check_patterns(names)?;
    let services =
        || plan.ids().map(|id| (id, plan.service(id).name.as_str())).filter(|(_, n)| !n.is_empty());
    let known: HashMap<&str, Id> = services().map(|(id, name)| (name, id)).collect();
    let mut found = BTreeSet::new();
    for name in names {
        if let Some(id) = known.get(name.as_str()) {
            found.insert(*id);
            continue;
        }
        let pattern = is_pattern(name).then(|| WildMatch::new(name));
        let meant = |(_, other): &(Id, &str)| match &pattern {
            Some(pattern) => pattern.matches(other),
            None => stem(other) == name,
        };
        let mut meant = services().filter(meant).map(|(id, _)| id).peekable();
        if meant.peek().is_none() {
            return Err(match pattern {
                Some(_) => unknown(format!("no service matches `{}`", short(name)), None),
                None => no_such(plan, name),
            });
        }
        found.extend(meant);
    }
    let mut ids: Vec<Id> = found.into_iter().collect();
    in_order(plan, &mut ids);
    Ok(ids)
}

/// The service with exactly this name.
pub(super) fn one(plan: &Plan, name: &str) -> Result<Id, Unknown> {
    if let Some(id) = plan.ids().find(|id| plan.service(*id).name == name && !name.is_empty()) {
        return Ok(id);
    }
    let instances: Vec<_> = plan
        .services
        .iter()
        .map(|s| s.name.as_str())
        .filter(|n| stem(n) == name && *n != name)
        .take(3)
        .collect();
    match instances[..] {
        [] => Err(no_such(plan, name)),
        _ => Err(unknown(
            format!("{} has several instances", short(name)),
            Some(format!("one of them is {}", instances.join(", "))),
        )),
    }
}

/// All services there are, in order of name.
pub(super) fn all(plan: &Plan) -> Vec<Id> {
    plan.by_name()
}

/// Sorts by name, instances by number. Ids are in this order until a new plan has filled gaps.
fn in_order(plan: &Plan, ids: &mut [Id]) {
    let key = |id: &Id| {
        let name = &plan.service(*id).name;
        let number = name.split_once('@').and_then(|(_, number)| number.parse::<u32>().ok());
        (stem(name), number)
    };
    if !ids.is_sorted_by_key(key) {
        sort_by(ids, |a, b| key(a).cmp(&key(b)));
    }
}

fn check_patterns(names: &[String]) -> Result<(), Unknown> {
    let patterns = names.iter().filter(|name| is_pattern(name));
    if patterns.clone().count() > PATTERNS {
        return Err(too_much(format!("more than {PATTERNS} patterns in one request")));
    }
    match patterns.into_iter().any(|pattern| pattern.chars().count() > PATTERN) {
        true => Err(too_much(format!("a pattern has at most {PATTERN} characters"))),
        false => Ok(()),
    }
}

fn too_much(error: String) -> Unknown {
    Unknown { status: 400, error, help: None }
}

fn unknown(error: String, help: Option<String>) -> Unknown {
    Unknown { status: 404, error, help }
}

fn no_such(plan: &Plan, name: &str) -> Unknown {
    let names = plan.services.iter().flat_map(|s| [s.name.as_str(), stem(&s.name)]).filter(|n| !n.is_empty());
    unknown(format!("no service is called `{}`", short(name)), did_you_mean(name, names))
}

/// As much of a name as a message needs; a real one has no more.
fn short(name: &str) -> String {
    name.chars().take(PATTERN).collect()
}

/// Names to compare others with, again and again.
#[derive(Debug, Default)]
pub(super) struct Filter {
    exact: HashSet<String>,
    patterns: Vec<WildMatch>,
}

impl Filter {
    /// None means all. The names were resolved before, so the patterns are few.
    pub(super) fn new(names: Vec<String>) -> Self {
        let (patterns, exact): (Vec<_>, _) = names.into_iter().partition(|name| is_pattern(name));
        let patterns = patterns.iter().map(|pattern| WildMatch::new(pattern)).collect();
        Self { exact: exact.into_iter().collect(), patterns }
    }

    pub(super) fn takes(&self, name: &str) -> bool {
        let all = self.exact.is_empty() && self.patterns.is_empty();
        all || self.exact.contains(name)
            || self.exact.contains(stem(name))
            || self.patterns.iter().any(|pattern| pattern.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, Service};

    fn plan(names: &[&str]) -> Plan {
        let services = names.iter().map(|name| Service::new(name, Kind::Daemon)).collect();
        Plan { services, ..Plan::default() }
    }

    fn found(names: &[&str]) -> Result<Vec<String>, Unknown> {
        let plan = plan(&["db", "web", "worker@1", "worker@2", "worker@10", ""]);
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        resolve(&plan, &names).map(|ids| ids.iter().map(|id| plan.service(*id).name.clone()).collect())
    }

    #[test]
    fn names_patterns_and_instances_are_found_once_each_in_order() {
        assert_eq!(found(&["web", "db", "web"]).unwrap(), ["db", "web"]);
        assert_eq!(found(&["w*"]).unwrap(), ["web", "worker@1", "worker@2", "worker@10"]);
        assert_eq!(found(&["worker"]).unwrap(), ["worker@1", "worker@2", "worker@10"]);
        assert_eq!(found(&["worker@?", "d?"]).unwrap(), ["db", "worker@1", "worker@2"]);
        assert_eq!(found(&["*"]).unwrap().len(), 5, "a tombstone is nobody");
    }

    #[test]
    fn who_is_unknown_is_named_with_a_suggestion() {
        let error = found(&["db", "wbe"]).unwrap_err();
        assert_eq!((error.status, error.error.as_str()), (404, "no service is called `wbe`"));
        assert_eq!(error.help.as_deref(), Some("did you mean `web`?"));
        assert_eq!(found(&["workr"]).unwrap_err().help.as_deref(), Some("did you mean `worker`?"));
        assert_eq!(found(&["x*"]).unwrap_err().error, "no service matches `x*`");
        assert_eq!(found(&[""]).unwrap_err().status, 404);
    }

    #[test]
    fn the_time_that_matching_takes_is_bounded() {
        assert_eq!(found(&[&"*a".repeat(100)]).unwrap_err().status, 400);
        assert_eq!(found(&vec!["*"; PATTERNS + 1]).unwrap_err().status, 400);
    }

    #[test]
    fn one_service_is_asked_for_by_its_exact_name() {
        let plan = plan(&["web", "worker@1", "worker@2"]);
        assert_eq!(one(&plan, "worker@2"), Ok(Id(2)));
        let error = one(&plan, "worker").unwrap_err();
        assert_eq!(error.error, "worker has several instances");
        assert_eq!(error.help.as_deref(), Some("one of them is worker@1, worker@2"));
    }

    #[test]
    fn services_stay_in_order_of_name_when_a_new_one_took_a_gap() {
        let plan = plan(&["zeta", "worker@10", "alpha", "worker@2"]);
        let names: Vec<_> = all(&plan).into_iter().map(|id| plan.service(id).name.as_str()).collect();
        assert_eq!(names, ["alpha", "worker@2", "worker@10", "zeta"]);
    }

    #[test]
    fn a_filter_takes_what_its_names_mean() {
        let filter = Filter::new(vec!["worker".to_owned(), "d*".to_owned()]);
        assert!(filter.takes("worker@3") && filter.takes("db") && !filter.takes("web"));
        assert!(Filter::default().takes("anything"));
    }
}
