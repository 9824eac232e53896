//! What somebody who waits at a terminal sees meanwhile: every change of the services concerned, as it happens.

use super::connection::PATIENCE;
use super::terminal::{self, paint, state_colour};
use crate::control::api::{Event, Graph, Node};
use crate::control::client::{Answer, Asking, Client, Failure, Lines};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal, Write};

/// Does the work, and where stderr is a terminal shows what happens to these services and to those that depend on them or
/// that they depend on.
///
/// # Errors
/// Those of the work. Without events it is done in silence.
pub(super) async fn show(
    client: &Client,
    patterns: &[String],
    wanted: bool,
    mut work: Asking<'_, Answer>,
) -> Result<Answer, Failure> {
    if !wanted || !io::stderr().is_terminal() {
        return work.await;
    }
    let Ok((mut events, concerned)) = listen(client, patterns).await else { return work.await };
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            line = events.next(), if open => match line {
                Ok(Some(line)) => say(&line, concerned.as_ref()),
                _ => open = false,
            },
            result = &mut work => {
                while let Some(line) = events.buffered() {
                    say(&line, concerned.as_ref());
                }
                return result;
            }
        }
    }
}

/// The events from now on, and the services whose events are of interest; `None` is all.
async fn listen(client: &Client, patterns: &[String]) -> Result<(Lines, Option<BTreeSet<String>>), Failure> {
    let mut events = client.lines("/v1/events", PATIENCE).await?;
    // The state before anything was asked.
    events.next().await?;
    let concerned = match patterns {
        [] => None,
        _ => {
            let graph: Graph = client.get("/v1/graph", PATIENCE).await?.read()?;
            Some(concerned(&graph, patterns))
        }
    };
    Ok((events, concerned))
}

/// The services of these names, what they need, and what needs them.
fn concerned(graph: &Graph, patterns: &[String]) -> BTreeSet<String> {
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut needed_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in &graph.services {
        for other in node.requires.iter().chain(&node.wants) {
            needs.entry(&node.name).or_default().push(other);
            needed_by.entry(other).or_default().push(&node.name);
        }
    }
    let asked: Vec<&str> = graph
        .services
        .iter()
        .map(|node: &Node| node.name.as_str())
        .filter(|name| patterns.iter().any(|pattern| is_meant(pattern, name)))
        .collect();
    let mut found: BTreeSet<String> = BTreeSet::new();
    for edges in [&needs, &needed_by] {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut open = asked.clone();
        while let Some(name) = open.pop() {
            if seen.insert(name) {
                open.extend(edges.get(name).into_iter().flatten());
            }
        }
        found.extend(seen.into_iter().map(str::to_owned));
    }
    found
}

/// Whether a pattern means this service, as the supervisor sees it: the stem of instances means all of them.
fn is_meant(pattern: &str, name: &str) -> bool {
    let stem = name.split_once('@').map_or(name, |(stem, _)| stem);
    let pattern = wildmatch::WildMatch::new(pattern);
    pattern.matches(name) || pattern.matches(stem)
}

/// Shows everything that happens until the supervisor has ended; nothing where stderr is no terminal.
pub(super) async fn until_the_end(events: &mut Lines) {
    let shown = io::stderr().is_terminal();
    while let Ok(Some(line)) = events.next().await {
        if shown {
            say(&line, None);
        }
    }
}

fn say(line: &str, concerned: Option<&BTreeSet<String>>) {
    let Ok(event) = serde_json::from_slice::<Event>(line.as_bytes()) else { return };
    let colour = terminal::colours(&io::stderr());
    let of = |service: &String| concerned.is_none_or(|names| names.contains(service));
    let text = match &event {
        Event::State { service, state, reason, .. } if of(service) => {
            let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            format!("  {service}: {}{reason}", paint(state, state_colour(state), colour))
        }
        Event::Exit { service, text, .. } if of(service) => format!("  {service}: {text}"),
        Event::Shutdown { reason, .. } => format!("  the container is being stopped: {reason}"),
        _ => return,
    };
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        let node = |name: &str, requires: &[&str]| Node {
            name: name.to_owned(),
            requires: requires.iter().map(|&name| name.to_owned()).collect(),
            ..Node::default()
        };
        let services = vec![
            node("db", &[]),
            node("app", &["db"]),
            node("web", &["app"]),
            node("job@1", &["db"]),
            node("job@2", &["db"]),
            node("other", &[]),
        ];
        Graph { services }
    }

    fn found(pattern: &str) -> Vec<String> {
        concerned(&graph(), &[pattern.to_owned()]).into_iter().collect()
    }

    #[test]
    fn those_above_and_below_are_concerned_and_nobody_beside() {
        assert_eq!(found("app"), ["app", "db", "web"]);
        assert_eq!(found("web"), ["app", "db", "web"]);
        assert_eq!(found("job"), ["db", "job@1", "job@2"]);
        assert_eq!(found("job@2"), ["db", "job@2"]);
        assert_eq!(found("o*"), ["other"]);
    }
}
