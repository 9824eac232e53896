//! Names of services become ids, and the set as a whole is checked: dangling names, the main service, cycles.

use super::cycle;
use super::diagnostic::{Code, Diagnostic, Span};
use super::reader::Located;
use super::service::{Context, Draft, Relation};
use super::{log_targets, schedule, sockets, suggest};
use crate::model::{Id, Service, Sink, Stdin, map_of, set_of, sort};
use std::collections::BTreeMap;
use std::ops::Range;

/// The services by stem: the indexes of one service or of all instances of one.
pub struct Names<'s> {
    by_stem: BTreeMap<&'s str, Entry>,
}

struct Entry {
    indexes: Range<usize>,
    /// Whether it has instances, so that `NAME@k` means one.
    numbered: bool,
}

impl<'s> Names<'s> {
    /// `drafts` stand in the order of their stems. `broken` are names of files that could not be read: they exist.
    pub fn new(drafts: &[Draft<'s>], broken: &[&'s str]) -> Self {
        let mut by_stem = map_of(broken.iter().map(|stem| (*stem, Entry { indexes: 0..0, numbered: false })));
        for (index, draft) in drafts.iter().enumerate() {
            let numbered = draft.service.name.len() > draft.stem.len();
            by_stem
                .entry(draft.stem)
                .and_modify(|entry| entry.indexes.end = index + 1)
                .or_insert(Entry { indexes: index..index + 1, numbered });
        }
        Self { by_stem }
    }

    /// The indexes that a name means.
    pub fn find(&self, name: &str) -> Option<Range<usize>> {
        let (stem, number) = match name.split_once('@') {
            Some((stem, number)) => (stem, Some(number)),
            None => (name, None),
        };
        let entry = self.by_stem.get(stem)?;
        let Some(number) = number else { return Some(entry.indexes.clone()) };
        if entry.indexes.is_empty() {
            return Some(0..0);
        }
        // As it is shown, and in no other way: `web@02` is not `web@2`.
        let written = |n: &u32| *n > 0 && entry.numbered && n.to_string() == number;
        let number: u32 = number.parse().ok().filter(written)?;
        let index = entry.indexes.start + number as usize - 1;
        entry.indexes.contains(&index).then_some(index..index + 1)
    }

    fn explain(&self, name: &str) -> (String, Option<String>) {
        if let Some((stem, _)) = name.split_once('@')
            && let Some(entry) = self.by_stem.get(stem)
        {
            let message = format!("there is no service `{name}`");
            let help = match entry.indexes.len() {
                _ if !entry.numbered => format!("`{stem}` has no instances; write `{stem}`"),
                1 => format!("`{stem}@1` is its only instance"),
                count => format!("`{stem}` has the instances `{stem}@1` to `{stem}@{count}`"),
            };
            return (message, Some(help));
        }
        let help = suggest::did_you_mean(name, self.by_stem.keys().copied());
        (format!("there is no service `{name}`"), help)
    }
}

/// Resolves all names and checks the set. The services stand in the order of `drafts`.
pub fn resolve(context: &Context<'_>, drafts: &mut [Draft<'_>], broken: &[&str]) {
    let names = Names::new(drafts, broken);
    check_names(context, drafts, &names);
    for index in 0..drafts.len() {
        let references = std::mem::take(&mut drafts[index].references);
        for (relation, name) in &references {
            let found = names.find(&name.value).unwrap_or(0..0);
            if *relation == Relation::Log && found.len() > 1 {
                continue;
            }
            for other in found {
                if other != index {
                    connect(drafts, index, *relation, other);
                }
            }
        }
        drafts[index].references = references;
    }
    for draft in drafts.iter_mut() {
        tidy(&mut draft.service);
    }
    check_main(context, drafts);
    check_stdin(context, drafts);
    give_the_terminal(drafts);
    sockets::check(context, drafts);
    log_targets::check(context, drafts, &names);
    schedule::pool(drafts);
    let cyclic = cycle::check(context, drafts, &names);
    if !cyclic {
        main_is_last(drafts);
    }
}

/// Puts a relation where it counts: in the service that waits.
fn connect(drafts: &mut [Draft<'_>], index: usize, relation: Relation, other: usize) {
    let id = |n: usize| Id(u32::try_from(n).unwrap_or(u32::MAX));
    match relation {
        Relation::Requires => drafts[index].service.requires.push(id(other)),
        Relation::Wants => drafts[index].service.wants.push(id(other)),
        Relation::After => drafts[index].service.after.push(id(other)),
        Relation::Before => drafts[other].service.after.push(id(index)),
        Relation::RequiredBy => drafts[other].service.requires.push(id(index)),
        Relation::WantedBy => drafts[other].service.wants.push(id(index)),
        Relation::RestartWith => {
            drafts[index].service.requires.push(id(other));
            drafts[index].service.restart_with.push(id(other));
        }
        // It must be there before what it reads, and be there still when that ends.
        Relation::Log => {
            drafts[index].service.wants.push(id(other));
            drafts[index].service.log.to.push(Sink::Service(id(other)));
            let logger = &mut drafts[other].service;
            logger.logger = true;
            if let Some(exec) = &mut logger.exec {
                exec.stdin = Stdin::Null;
            }
        }
    }
}

/// Each id once; and what is required need not be wanted, nor ordered, as well.
fn tidy(service: &mut Service) {
    let Service { requires, wants, after, restart_with, .. } = service;
    for list in [&mut *requires, &mut *wants, &mut *after, &mut *restart_with] {
        sort(list);
        list.dedup();
    }
    wants.retain(|id| requires.binary_search(id).is_err());
    after.retain(|id| requires.binary_search(id).is_err() && wants.binary_search(id).is_err());
    for list in [requires, wants, after, restart_with] {
        list.shrink_to_fit();
    }
}

/// Reports names that exist nowhere, that mean the service itself, and that are given twice.
fn check_names(context: &Context<'_>, drafts: &[Draft<'_>], names: &Names<'_>) {
    for (index, draft) in drafts.iter().enumerate() {
        let mut seen: BTreeMap<(&str, &str), Span> = BTreeMap::new();
        for (relation, Located { value: name, span }) in &draft.references {
            let key = relation.key();
            let Some(found) = names.find(name) else {
                let (message, help) = names.explain(name);
                context.findings.error(Code::Reference, *span, format!("`{key}`: {message}"), help);
                continue;
            };
            if found.contains(&index) {
                let help = (found.len() > 1).then(|| {
                    format!("`{name}` means all instances, this one too; `{name}@{{instance}}` is this one")
                });
                let message = format!("`{key}` names the service itself");
                context.findings.error(Code::Reference, *span, message, help);
            }
            if let Some(first) = seen.insert((key, name), *span) {
                let message = format!("`{key}` names `{name}` twice");
                let error = Diagnostic::error(Code::Reference, *span, message);
                context.findings.push(error.related(first, "named here first"));
            }
            let stronger = match relation {
                Relation::Wants => seen.get(&("requires", name.as_str())),
                Relation::WantedBy => seen.get(&("required-by", name.as_str())),
                _ => None,
            };
            if let Some(first) = stronger.filter(|first| first.file == span.file) {
                let message = format!("`{name}` is required already, so `{key}` adds nothing");
                let error = Diagnostic::error(Code::Conflict, *span, message);
                context.findings.push(error.related(*first, "required here"));
            }
        }
    }
}

fn check_main(context: &Context<'_>, drafts: &[Draft<'_>]) {
    let mut first: Option<(&str, Span)> = None;
    for draft in drafts {
        let Some(span) = draft.main else { continue };
        if context.has_command {
            let message = format!(
                "`main = true` of `{}` has no effect: the command after `--` is the main service",
                draft.stem
            );
            context.warn(Code::Suspicious, span, message, None);
            continue;
        }
        match first {
            Some((stem, place)) if stem != draft.stem => {
                let message = format!("two main services, `{stem}` and `{}`", draft.stem);
                let error = Diagnostic::error(Code::Conflict, span, message);
                let help = "only one process can decide the exit code".to_owned();
                context.findings.push(error.related(place, "the other one").help(help));
            }
            _ => first = Some((draft.stem, span)),
        }
    }
}

fn check_stdin(context: &Context<'_>, drafts: &[Draft<'_>]) {
    let mut readers = drafts.iter().filter_map(|d| d.inherits_stdin.map(|span| (&d.service.name, span)));
    let Some((first, place)) = readers.next() else { return };
    for (name, span) in readers {
        let message = format!("`{name}` and `{first}` both read the container's stdin");
        let mut error = Diagnostic::error(Code::Conflict, span, message);
        if span != place {
            error = error.related(place, "the other one");
        }
        let help = "what one of them reads, the other never sees; leave it to one service".to_owned();
        context.findings.push(error.help(help));
    }
}

/// The main service has the terminal by default: not where another one reads what comes from it, nor where what others
/// write is what it reads.
fn give_the_terminal(drafts: &mut [Draft<'_>]) {
    let taken = drafts.iter().any(|draft| draft.inherits_stdin.is_some());
    for draft in drafts.iter_mut().filter(|draft| draft.inherits_stdin.is_none()) {
        if let Some(exec) = draft.service.exec.as_mut().filter(|_| taken || draft.service.logger) {
            exec.tty = false;
        }
    }
}

/// For each service those that it waits for.
pub fn waits_for(drafts: &[Draft<'_>]) -> Vec<Vec<usize>> {
    let list = |draft: &Draft<'_>| {
        let Service { requires, wants, after, .. } = &draft.service;
        requires.iter().chain(wants).chain(after).map(|id| id.index()).collect()
    };
    drafts.iter().map(list).collect()
}

/// The main service starts after, and stops before, all that does not wait for it.
fn main_is_last(drafts: &mut [Draft<'_>]) {
    let Some(main) = drafts.iter().position(|draft| draft.service.main) else { return };
    let mut waiting = vec![Vec::new(); drafts.len()];
    for (index, list) in waits_for(drafts).into_iter().enumerate() {
        for other in list {
            waiting[other].push(index);
        }
    }
    let mut later = set_of([main]);
    let mut open = vec![main];
    while let Some(index) = open.pop() {
        open.extend(waiting[index].iter().copied().filter(|other| later.insert(*other)));
    }
    let others = (0..drafts.len()).filter(|index| !later.contains(index));
    let others: Vec<Id> = others.filter_map(|index| u32::try_from(index).ok()).map(Id).collect();
    drafts[main].service.after.extend(others);
    tidy(&mut drafts[main].service);
}
