use super::*;
use crate::model::{Kind, Sign, Signal};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

/// A plan of these services: name, what it requires, and a number that stands for all else.
fn plan(services: &[(&str, &[&str], u32)]) -> Plan {
    let id = |name: &&str| {
        let index = services.iter().position(|(other, ..)| other == name).unwrap();
        Id(u32::try_from(index).unwrap())
    };
    let service = |(name, requires, number): &(&str, &[&str], u32)| {
        let mut service = Service::new(name, Kind::Daemon);
        service.requires = requires.iter().map(id).collect();
        service.exec = Some(Exec { argv: vec![format!("{number}")], ..Exec::default() });
        service
    };
    Plan { services: services.iter().map(service).collect(), ..Plan::default() }
}

fn told(current: &Plan, aligned: &Plan) -> Vec<String> {
    let name = |id: Id| {
        let name =
            |plan: &Plan| plan.services.get(id.index()).map(|s| s.name.clone()).filter(|n| !n.is_empty());
        name(aligned).or_else(|| name(current)).unwrap()
    };
    let tell = |difference: &Difference| {
        let because = difference.because.map(|id| format!(" with {}", name(id))).unwrap_or_default();
        let keys = difference.keys.join(" ");
        format!("{} {:?} {keys}{because}", name(difference.id), difference.change)
    };
    differences(current, aligned).iter().map(tell).collect()
}

#[test]
fn a_service_keeps_its_id_and_a_new_one_takes_a_slot_that_was_empty_before() {
    let first = plan(&[("a", &[], 0), ("b", &["a"], 0), ("c", &["b"], 0)]);
    let second = align(&first, plan(&[("a", &[], 0), ("c", &["a"], 0), ("d", &["c"], 0)]));
    let names = |plan: &Plan| plan.services.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&second), ["a", "", "c", "d"], "b is being stopped under its id meanwhile");
    assert_eq!(
        (&second.services[2].requires[..], &second.services[3].requires[..]),
        (&[Id(0)][..], &[Id(2)][..])
    );
    let third = align(&second, plan(&[("a", &[], 0), ("e", &["f"], 0), ("f", &[], 0)]));
    assert_eq!(names(&third), ["a", "e", "", "", "f"]);
    assert_eq!(third.services[1].requires, [Id(4)]);
    let by_name = third.by_name();
    assert_eq!(
        by_name.iter().map(|id| third.service(*id).name.as_str()).collect::<Vec<_>>(),
        ["a", "e", "f"]
    );
}

#[test]
fn people_count_instances_by_number() {
    let plan = plan(&[("web-x", &[], 0), ("web@10", &[], 0), ("web@9", &[], 0), ("web", &[], 0)]);
    let names: Vec<_> = plan.by_name().into_iter().map(|id| plan.service(id).name.clone()).collect();
    assert_eq!(names, ["web", "web@9", "web@10", "web-x"]);
}

#[test]
fn what_requires_one_that_goes_down_goes_down_too_and_says_because_of_what() {
    let old = plan(&[("a", &[], 0), ("b", &["a"], 0), ("c", &["b"], 0), ("d", &[], 0), ("e", &["d"], 0)]);
    let new = align(
        &old,
        plan(&[("a", &[], 1), ("b", &["a"], 0), ("c", &["b"], 0), ("e", &[], 0), ("f", &["e"], 0)]),
    );
    assert_eq!(
        told(&old, &new),
        [
            "a Restarted command",
            "b Restarted  with a",
            "c Restarted  with b",
            "d Removed ",
            "e Restarted requires with d",
            "f Added "
        ]
    );
}

#[test]
fn what_needs_no_other_process_is_only_updated() {
    let old = plan(&[("a", &[], 0), ("b", &["a"], 0)]);
    let mut new = old.clone();
    let a = &mut new.services[0];
    a.stop.timeout = Duration::from_secs(1);
    a.reload.signal = Signal::USR1;
    a.when.path.push(crate::model::PathCondition { path: "/x".to_owned(), negate: false });
    assert_eq!(told(&old, &new), ["a Updated when.path stop.timeout reload.signal"]);
    new.services[0].ready.sign = Sign::Delay(Duration::from_secs(1));
    assert_eq!(
        told(&old, &new),
        ["a Restarted when.path ready stop.timeout reload.signal", "b Restarted  with a"]
    );
}

#[test]
fn the_main_service_is_not_touched_by_services_that_come_and_go() {
    let mut old = plan(&[("a", &[], 0), ("main", &[], 0)]);
    (old.services[1].main, old.services[1].after) = (true, vec![Id(0)]);
    let mut new = plan(&[("a", &[], 0), ("b", &[], 0), ("main", &[], 0)]);
    (new.services[2].main, new.services[2].after) = (true, vec![Id(0), Id(1)]);
    assert_eq!(told(&old, &align(&old, new)), ["b Added "]);
}

#[test]
fn settings_are_told_by_their_keys() {
    let old = Settings::default();
    let new = Settings { shutdown_timeout: Duration::from_secs(1), ..Settings::default() };
    assert_eq!(settings_differences(&old, &new), ["shutdown.timeout"]);
    assert!(settings_differences(&old, &old).is_empty());
}

#[test]
fn a_thousand_services_are_compared_at_once() {
    // One that requires a thousand, and a chain of a thousand: quadratic work would be seen.
    let names: Vec<String> = (0..20_000).map(|n| format!("s{n}")).collect();
    let mut old = Plan::default();
    for (n, name) in names.iter().enumerate() {
        let mut service = Service::new(name, Kind::Daemon);
        service.requires =
            n.checked_sub(1).map(|below| Id(u32::try_from(below).unwrap())).into_iter().collect();
        old.services.push(service);
    }
    old.services
        .push(Service { requires: (0..20_000).map(Id).collect(), ..Service::new("all", Kind::Target) });
    let mut new = old.clone();
    new.services[0].ready.sign = Sign::Delay(Duration::from_secs(1));
    let begin = std::time::Instant::now();
    let new = align(&old, new);
    assert_eq!(differences(&old, &new).len(), 20_001);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

/// Services out of eight names, each with some of those before it as requirements, wants and order.
fn any_plan() -> impl Strategy<Value = Plan> {
    let draft = (any::<bool>(), any::<[u8; 4]>(), 0..3u32);
    (prop::collection::vec(draft, 8), any::<bool>()).prop_map(|(drafts, backwards)| {
        let mut names: Vec<usize> = (0..8).filter(|n| drafts[*n].0).collect();
        if backwards {
            names.reverse();
        }
        let ids = |mask: u8, below: usize| -> Vec<Id> {
            let chosen = |(_, name): &(usize, &usize)| mask >> **name & 1 == 1;
            names[..below]
                .iter()
                .enumerate()
                .filter(chosen)
                .map(|(n, _)| Id(u32::try_from(n).unwrap()))
                .collect()
        };
        let service = |(index, name): (usize, &usize)| {
            let (_, masks, number) = drafts[*name];
            let mut service = Service::new(&format!("s{name}"), Kind::Daemon);
            service.exec = Some(Exec { argv: vec![number.to_string()], ..Exec::default() });
            service.requires = ids(masks[0], index);
            service.wants = ids(masks[1], index);
            service.after = ids(masks[2], index);
            service.restart_with = ids(masks[0] & masks[3], index);
            service
        };
        Plan { services: names.iter().enumerate().map(service).collect(), ..Plan::default() }
    })
}

/// Everything that a plan says, with names in the place of ids.
fn meaning(plan: &Plan) -> BTreeSet<String> {
    let names = |ids: &[Id]| ids.iter().map(|id| plan.service(*id).name.clone()).collect::<Vec<_>>();
    let services = plan.services.iter().filter(|service| !service.is_tombstone());
    services
        .map(|s| {
            let edges = [&s.requires, &s.wants, &s.after, &s.restart_with].map(|edges| names(edges));
            format!("{} {:?} {edges:?}", s.name, s.exec)
        })
        .collect()
}

proptest! {
    #[test]
    fn aligning_says_the_same_by_name_and_never_moves_a_service(plans in prop::collection::vec(any_plan(), 1..40)) {
        let mut current = Plan::default();
        for new in plans {
            let aligned = align(&current, new.clone());
            prop_assert_eq!(meaning(&aligned), meaning(&new));
            for id in current.ids() {
                let (old, new) = (current.service(id), &aligned.services[id.index()]);
                prop_assert!(old.is_tombstone() || new.is_tombstone() || old.name == new.name);
            }
            prop_assert!(aligned.services.len() <= 16, "slots are used again");
            prop_assert_eq!(differences(&aligned, &align(&aligned, new.clone())), vec![]);
            prop_assert_eq!(&align(&aligned, new), &aligned);
            current = aligned;
        }
    }

    #[test]
    fn who_is_not_named_is_the_same_and_requires_only_the_same(old in any_plan(), new in any_plan()) {
        let aligned = align(&old, new);
        let named: BTreeSet<Id> = differences(&old, &aligned).iter().map(|d| d.id).collect();
        let goes_down: BTreeSet<Id> =
            differences(&old, &aligned).iter().filter(|d| matches!(d.change, Change::Removed | Change::Restarted)).map(|d| d.id).collect();
        for id in old.ids().filter(|id| !named.contains(id)) {
            let (before, after) = (old.service(id), aligned.service(id));
            prop_assert_eq!(&before.exec, &after.exec);
            prop_assert!(!differ(&before.requires, &after.requires));
            prop_assert!(before.requires.iter().all(|below| !goes_down.contains(below)));
        }
    }

    #[test]
    fn a_plan_survives_its_way_through_a_pipe(plan in any_plan(), factor in 1.0..1e300f64) {
        let mut plan = plan;
        for service in &mut plan.services {
            service.restart.factor = factor;
        }
        let text = serde_json::to_vec(&plan).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Plan>(&text).unwrap(), plan);
    }
}
