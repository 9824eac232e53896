//! Leaves out what says nothing: every key without which the plan is the same.
//!
//! A source says what it means and need not know foster's defaults; whoever reads the files sees what differs from them.

use super::draft::{Draft, Item};
use super::{Output, plan, plan_of};
use crate::config::Variables;
use crate::config::diagnostic::Sources;
use crate::model::{Plan, Service};
use std::collections::BTreeSet;

/// Keys that are never there for nothing: a plan without them is none, or another one.
const NEEDED: [&str; 4] = ["type", "command", "script", "schedule.cron"];

/// Takes out every key without which the plan is still `whole`. One stays anyway if a comment stands at it, or if its value
/// is another one elsewhere.
///
/// Each key goes out of many services at once: there may be hundreds of them, and a plan is read anew for each attempt.
pub fn reduce(output: &mut Output, whole: &Plan, sources: &mut Sources, environment: &Variables) {
    let mut open: Vec<usize> = (0..output.services.len()).collect();
    let mut reduction = Reduction { output, whole, sources, environment };
    // What went may have been all that another key was for.
    while !open.is_empty() {
        let mut changed = BTreeSet::new();
        for path in reduction.paths(&open) {
            let services = open.iter().copied().filter(|index| reduction.place(*index, &path).is_some());
            changed.extend(reduction.leave_out(&path, services.collect()));
        }
        open = changed.into_iter().collect();
    }
}

struct Reduction<'r> {
    output: &'r mut Output,
    whole: &'r Plan,
    sources: &'r mut Sources,
    environment: &'r Variables,
}

/// A key that was taken out: of which service, from which place.
struct Taken {
    service: usize,
    place: usize,
    item: Item,
}

fn may_go(item: &Item) -> bool {
    item.notes.is_empty() && !NEEDED.contains(&item.path.as_str()) && !item.depends_on_variables()
}

impl Reduction<'_> {
    /// The keys of these services that may go.
    fn paths(&self, services: &[usize]) -> BTreeSet<String> {
        let items = services.iter().flat_map(|index| self.output.services[*index].items());
        items.filter(|item| may_go(item)).map(|item| item.path.clone()).collect()
    }

    /// Where a key that may go stands in a service.
    fn place(&self, service: usize, path: &str) -> Option<usize> {
        let items = self.output.services[service].items();
        items.iter().position(|item| item.path == path && may_go(item))
    }

    /// Takes a key out of those of these services in which it says nothing; gives them.
    fn leave_out(&mut self, path: &str, services: Vec<usize>) -> Vec<usize> {
        let taken = self.take(path, &services);
        let reduced = plan(self.output, self.sources, self.environment).0;
        if reduced.as_ref() == Some(self.whole) {
            return services;
        }
        // Mostly a key speaks of its own service alone.
        let is_missed = |reduction: &mut Self, taken: &Taken| match &reduced {
            Some(plan) => reduction.differs(plan, taken.service),
            None => reduction.is_wrong_alone(taken.service),
        };
        let (missed, gone): (Vec<Taken>, Vec<Taken>) =
            taken.into_iter().partition(|taken| is_missed(self, taken));
        let rest: Vec<usize> = gone.iter().map(|taken| taken.service).collect();
        self.put_back(missed);
        if rest.is_empty() || plan(self.output, self.sources, self.environment).0.as_ref() == Some(self.whole)
        {
            return rest;
        }
        self.put_back(gone);
        match services.split_at(services.len() / 2) {
            ([], _) => Vec::new(),
            (some, others) => {
                let mut gone = self.leave_out(path, some.to_vec());
                gone.extend(self.leave_out(path, others.to_vec()));
                gone
            }
        }
    }

    fn take(&mut self, path: &str, services: &[usize]) -> Vec<Taken> {
        let mut taken = Vec::with_capacity(services.len());
        for &service in services {
            if let Some(place) = self.place(service, path) {
                let item = self.output.services[service].remove(place);
                taken.push(Taken { service, place, item });
            }
        }
        taken
    }

    fn put_back(&mut self, taken: Vec<Taken>) {
        for Taken { service, place, item } in taken {
            self.output.services[service].insert(place, item);
        }
    }

    /// Whether another plan says something else of a service, or of its instances.
    fn differs(&self, plan: &Plan, service: usize) -> bool {
        let stem = &self.output.services[service].name;
        !instances(plan, stem).eq(instances(self.whole, stem))
    }

    /// Whether a service is wrong whatever the others say.
    fn is_wrong_alone(&mut self, service: usize) -> bool {
        let others = self.output.services.iter().enumerate().filter(|(index, _)| *index != service);
        let names: Vec<&str> = others.map(|(_, draft)| draft.name.as_str()).collect();
        let file = self.output.services.get(service).map(Draft::file);
        plan_of(self.output, file.into_iter().collect(), &names, self.sources, self.environment).0.is_none()
    }
}

fn instances<'p>(plan: &'p Plan, stem: &'p str) -> impl Iterator<Item = &'p Service> {
    plan.services.iter().filter(move |service| service.name.split('@').next() == Some(stem))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::draft::{list, table};
    use super::super::{Trail, write};
    use super::*;
    use crate::config::diagnostic::Span;
    use crate::config::keys::SERVICE;
    use crate::config::tree::Value;
    use proptest::prelude::*;

    const HERE: Span = Span { file: 0, start: 0, end: 0 };

    /// Services `a`, `b` and `c` with these keys beside a command; the last of two with the same name counts.
    fn output(keys: &[(usize, &str, Value<'static>)]) -> Output {
        let mut services: Vec<Draft> = ["a", "b", "c"].iter().map(|name| Draft::new(*name, HERE)).collect();
        for draft in &mut services {
            draft.set("command", list(["x"], HERE), HERE);
        }
        for (service, path, value) in keys {
            services[*service].set(path, value.clone(), HERE);
        }
        Output { services, settings: Draft::new("foster", HERE), trail: Trail::default() }
    }

    fn environment() -> Variables {
        Variables::from([("WHAT".into(), "1".into())])
    }

    fn plan_now(output: &Output) -> Option<Plan> {
        plan(output, &mut Sources::default(), &environment()).0
    }

    fn reduced(output: &mut Output) -> Vec<String> {
        let whole = plan_now(output).unwrap();
        reduce(output, &whole, &mut Sources::default(), &environment());
        output.services.iter().map(|draft| write::toml(draft, &SERVICE)).collect()
    }

    #[test]
    fn defaults_go_and_what_differs_or_has_a_comment_stays() {
        let keys = [
            (0, "stop.group", true.into()),
            (0, "stop.timeout", "5s".into()),
            (1, "stop.timeout", "7s".into()),
            (1, "essential", true.into()),
            (1, "requires", list(["a"], HERE)),
            (1, "after", list(["a"], HERE)),
            (2, "description", "${WHAT}".into()),
        ];
        let mut output = output(&keys);
        output.services[1].set("enabled", true, HERE).note("For now.");
        assert_eq!(
            reduced(&mut output),
            [
                "command = [\"x\"]\n",
                "command = [\"x\"]\n# For now.\nenabled = true\nrequires = [\"a\"]\n\n[stop]\ntimeout = \"7s\"\n",
                "command = [\"x\"]\ndescription = \"${WHAT}\"\n",
            ]
        );
    }

    #[test]
    fn a_key_without_which_nothing_can_be_read_stays_where_it_is_needed_alone() {
        let file = || table(vec![("path", "/log/x".into())], HERE);
        let keys = [
            (0, "log.to", "file".into()),
            (0, "log.file", file()),
            (1, "log.to", "console".into()),
            (2, "log.to", "file".into()),
            (2, "log.file", table(vec![("path", "/log/y".into())], HERE)),
        ];
        let texts = reduced(&mut output(&keys));
        assert!(texts[0].contains("to = \"file\"") && texts[2].contains("to = \"file\""), "{texts:#?}");
        assert!(!texts[1].contains("log"), "{texts:#?}");
    }

    fn key() -> impl Strategy<Value = (usize, &'static str, Value<'static>)> {
        let text = |path: &'static str, texts: &'static [&'static str]| {
            prop::sample::select(texts).prop_map(move |text| (path, Value::from(text))).boxed()
        };
        let flag = |path: &'static str| any::<bool>().prop_map(move |value| (path, value.into())).boxed();
        let names = |path: &'static str| {
            prop::sample::select(&["a", "b", "c"][..])
                .prop_map(move |name| (path, list([name], HERE)))
                .boxed()
        };
        let file = prop::sample::select(&["/log/x", "/log/y"][..])
            .prop_map(|path| ("log.file", table(vec![("path", path.into())], HERE)));
        let choice = prop::strategy::Union::new([
            text("restart.policy", &["always", "on-failure", "never"]),
            text("restart.delay", &["1s", "2s"]),
            (1..3_i64).prop_map(|number| ("restart.factor", Value::Integer(number))).boxed(),
            text("stop.timeout", &["5s", "7s"]),
            text("stop.signal", &["SIGTERM", "SIGINT"]),
            text("umask", &["022", "077"]),
            text("log.to", &["console", "file", "null"]),
            text("environment.A", &["", "1"]),
            text("type", &["daemon", "oneshot"]),
            file.boxed(),
            flag("stop.group"),
            flag("enabled"),
            flag("essential"),
            flag("main"),
            flag("on-demand"),
            flag("schedule.run-at-start"),
            names("requires"),
            names("wants"),
            names("after"),
            names("before"),
            names("required-by"),
            names("restart-with"),
        ]);
        (0..3_usize, choice).prop_map(|(service, (path, value))| (service, path, value))
    }

    proptest! {
        #[test]
        fn the_plan_is_the_same_and_nothing_that_could_go_stays(
            keys in prop::collection::vec(key(), 0..12),
        ) {
            let mut output = output(&keys);
            let Some(whole) = plan_now(&output) else { return Ok(()) };
            reduce(&mut output, &whole, &mut Sources::default(), &environment());
            prop_assert_eq!(plan_now(&output), Some(whole.clone()));
            for service in 0..3 {
                for place in 0..output.services[service].items().len() {
                    if !may_go(&output.services[service].items()[place]) {
                        continue;
                    }
                    let item = output.services[service].remove(place);
                    let path = item.path.clone();
                    prop_assert_ne!(plan_now(&output), Some(whole.clone()), "{} of {}", path, service);
                    output.services[service].insert(place, item);
                }
            }
        }
    }
}
