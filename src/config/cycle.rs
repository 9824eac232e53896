//! Services that wait for each other, shown as the path and the key that makes each step of it.

use super::diagnostic::{Code, Diagnostic, Span};
use super::resolve::{Names, waits_for};
use super::service::{Context, Draft, Relation};
use crate::model::{find_cycle, sort};
use std::collections::BTreeSet;

/// More are not shown: breaking the first ones usually breaks the others.
const MAX_CYCLES: usize = 8;

/// Reports the cycles; returns whether there is one.
pub fn check(context: &Context<'_>, drafts: &[Draft<'_>], names: &Names<'_>) -> bool {
    let mut graph = waits_for(drafts);
    let mut shown: BTreeSet<Vec<Span>> = BTreeSet::new();
    let mut found = false;
    for _ in 0..MAX_CYCLES * 4 {
        let Some(mut path) = find_cycle(&graph) else { break };
        found = true;
        let lowest = (0..path.len()).min_by_key(|n| path[*n]).unwrap_or(0);
        path.rotate_left(lowest);
        let steps: Vec<(Span, String)> = (0..path.len())
            .filter_map(|n| step(drafts, names, path[n], path[(n + 1) % path.len()]))
            .collect();
        let mut key: Vec<Span> = steps.iter().map(|(span, _)| *span).collect();
        sort(&mut key);
        // Instances walk the same cycle side by side: one of them says it all.
        if shown.len() < MAX_CYCLES && shown.insert(key) {
            context.findings.push(describe(drafts, &path, steps));
        }
        // Without one of its steps the next cycle comes to light.
        let (Some(&last), Some(&first)) = (path.last(), path.first()) else { break };
        graph[last].retain(|other| *other != first);
    }
    found
}

fn describe(drafts: &[Draft<'_>], path: &[usize], steps: Vec<(Span, String)>) -> Diagnostic {
    let round = path.iter().chain(path.first());
    let names: Vec<&str> = round.map(|index| drafts[*index].service.name.as_str()).collect();
    let message = format!("services wait for each other: {}", names.join(" → "));
    let mut steps = steps.into_iter();
    let first = steps.next();
    let mut error = Diagnostic::error(Code::Cycle, first.as_ref().map(|(span, _)| *span), message);
    error.label = first.map(|(_, label)| label);
    error.related = steps.collect();
    error.help("take one of these steps out".to_owned())
}

/// Where it is said that `waiting` waits for `other`, and in which words.
fn step(drafts: &[Draft<'_>], names: &Names<'_>, waiting: usize, other: usize) -> Option<(Span, String)> {
    let says = |holder: usize, target: usize, inverse: bool| {
        drafts[holder].references.iter().find(|(relation, name)| {
            let is_inverse = matches!(relation, Relation::Before | Relation::RequiredBy | Relation::WantedBy);
            is_inverse == inverse && names.find(&name.value).is_some_and(|found| found.contains(&target))
        })
    };
    let (relation, name) = says(waiting, other, false).or_else(|| says(other, waiting, true))?;
    let (a, b) = (&drafts[waiting].service.name, &drafts[other].service.name);
    let words = match relation {
        Relation::Requires => format!("`{a}` requires `{b}`"),
        Relation::Wants => format!("`{a}` wants `{b}`"),
        Relation::After => format!("`{a}` starts after `{b}`"),
        Relation::Before => format!("`{b}` starts before `{a}`"),
        Relation::RequiredBy => format!("`{b}` is required by `{a}`"),
        Relation::WantedBy => format!("`{b}` is wanted by `{a}`"),
        Relation::RestartWith => format!("`{a}` restarts with `{b}`"),
        Relation::Log => format!("`{a}` writes its log to `{b}`"),
    };
    Some((name.span, words))
}
