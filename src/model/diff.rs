//! From one plan to the next: the same ids for the same services, and what differs.

use super::{Environment, Exec, Id, Plan, Service, Settings, Sink, sort, sort_by};
use std::collections::{HashMap, VecDeque};

/// What becomes of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Its process would differ, or something that it requires is removed or restarted: it is stopped, and started anew.
    Restarted,
    /// It goes on; what differs counts from now on.
    Updated,
}

/// A service that an apply touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which: the same in both plans.
    pub id: Id,
    /// What becomes of it.
    pub change: Change,
    /// The keys that differ, as the configuration calls them; none for one that was added or removed.
    pub keys: Vec<&'static str>,
    /// What it requires and therefore follows, when nothing of itself asks for its restart.
    pub because: Option<Id>,
}

/// The new plan with the ids of the current one: a service that is in both keeps its id, one that is gone leaves a
/// [tombstone](Service::tombstone), and a new one takes the slot of an earlier tombstone, or one behind the last.
///
/// So no id ever means two services across one change, and the plan never has more slots than two successive plans had
/// services together.
#[must_use]
pub fn align(current: &Plan, new: Plan) -> Plan {
    let known: HashMap<&str, usize> = current
        .services
        .iter()
        .enumerate()
        .filter(|(_, service)| !service.is_tombstone())
        .map(|(index, service)| (service.name.as_str(), index))
        .collect();
    let free = current.services.iter().enumerate().filter(|(_, service)| service.is_tombstone());
    let mut free = free.map(|(index, _)| index).chain(current.services.len()..);
    let places: Vec<usize> = new
        .services
        .iter()
        .map(|service| match known.get(service.name.as_str()) {
            Some(index) => *index,
            // The second half never ends.
            None => free.next().unwrap_or(usize::MAX),
        })
        .collect();
    let ids: Vec<Id> = places.iter().map(|place| Id(u32::try_from(*place).unwrap_or(u32::MAX))).collect();
    let slots = places.iter().map(|place| place + 1).max().unwrap_or(0).max(current.services.len());
    let mut services = vec![Service::tombstone(); slots];
    for (mut service, place) in new.services.into_iter().zip(places) {
        let pool = service.schedule.as_mut().map(|schedule| &mut schedule.pool);
        let edges =
            [&mut service.requires, &mut service.wants, &mut service.after, &mut service.restart_with];
        let loggers = service.log.to.iter_mut().filter_map(|sink| match sink {
            Sink::Service(logger) => Some(logger),
            _ => None,
        });
        for edge in edges.into_iter().chain(pool).flatten().chain(loggers) {
            *edge = ids.get(edge.index()).copied().unwrap_or(*edge);
        }
        if let Some(slot) = services.get_mut(place) {
            *slot = service;
        }
    }
    Plan { services, settings: new.settings }
}

/// What differs between the current plan and an [aligned](align) new one, by name of the service.
///
/// A service that is down takes its next start from the new plan, whatever is said of it here.
#[must_use]
pub fn differences(current: &Plan, aligned: &Plan) -> Vec<Difference> {
    let nobody = Service::tombstone();
    let mut found: Vec<Option<Difference>> = Vec::with_capacity(aligned.services.len());
    let mut way = VecDeque::new();
    for id in aligned.ids() {
        let old = current.services.get(id.index()).unwrap_or(&nobody);
        let new = aligned.service(id);
        let mut keys = Vec::new();
        let change = match (old.is_tombstone(), new.is_tombstone()) {
            (true, true) => None,
            (true, false) => Some(Change::Added),
            (false, true) => Some(Change::Removed),
            (false, false) => {
                keys = differing_keys(old, new);
                match old.needs_restart(new) {
                    true => Some(Change::Restarted),
                    false => (!keys.is_empty()).then_some(Change::Updated),
                }
            }
        };
        if matches!(change, Some(Change::Removed | Change::Restarted)) {
            way.push_back(id);
        }
        found.push(change.map(|change| Difference { id, change, keys, because: None }));
    }
    follow(current, way, &mut found);
    let name = |difference: &Difference| {
        let gone = difference.change == Change::Removed;
        let plan = if gone { current } else { aligned };
        plan.service(difference.id).name.as_str()
    };
    let mut found: Vec<Difference> = found.into_iter().flatten().collect();
    sort_by(&mut found, |a, b| name(a).cmp(name(b)));
    found
}

/// What requires one that goes down, goes down too: by the current plan, for that is what is carried out until then.
fn follow(current: &Plan, mut way: VecDeque<Id>, found: &mut [Option<Difference>]) {
    let mut required_by: Vec<Vec<Id>> = vec![Vec::new(); current.services.len()];
    for id in current.ids() {
        for below in &current.service(id).requires {
            if let Some(list) = required_by.get_mut(below.index()) {
                list.push(id);
            }
        }
    }
    while let Some(below) = way.pop_front() {
        for &id in required_by.get(below.index()).into_iter().flatten() {
            let Some(slot) = found.get_mut(id.index()) else { continue };
            match slot {
                Some(difference) if difference.change != Change::Updated => continue,
                Some(difference) => {
                    difference.change = Change::Restarted;
                    difference.because = Some(below);
                }
                None => {
                    let (change, because) = (Change::Restarted, Some(below));
                    *slot = Some(Difference { id, change, keys: Vec::new(), because });
                }
            }
            way.push_back(id);
        }
    }
}

/// The keys of `foster.toml` that differ.
#[must_use]
pub fn settings_differences(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let Settings { shutdown_timeout, shutdown_signals, log_level, socket, http, log_format, cgroup } = old;
    let keys = [
        ("shutdown.timeout", *shutdown_timeout != new.shutdown_timeout),
        ("shutdown.signals", *shutdown_signals != new.shutdown_signals),
        ("log-level", *log_level != new.log_level),
        ("socket", *socket != new.socket),
        ("http.listen", *http != new.http),
        ("log.format", log_format.shape != new.log_format.shape),
        ("log.timestamps", log_format.timestamps != new.log_format.timestamps),
        ("cgroup", *cgroup != new.cgroup),
    ];
    that_differ(&keys).collect()
}

fn that_differ(keys: &[(&'static str, bool)]) -> impl Iterator<Item = &'static str> {
    keys.iter().filter(|(_, differs)| *differs).map(|(key, _)| *key)
}

/// The keys of a service file that differ. What another file says with `before`, `required-by` or `wanted-by` counts where
/// it works: as `after`, `requires` or `wants`.
fn differing_keys(old: &Service, new: &Service) -> Vec<&'static str> {
    let Service {
        name: _,
        description,
        kind,
        enabled,
        main,
        essential,
        when,
        requires,
        wants,
        after,
        restart_with,
        exec,
        ready,
        health,
        sockets,
        on_demand,
        schedule,
        fd_store,
        restart,
        stop,
        reload,
        resources,
        log,
        logger,
    } = old;
    // The main service comes after all others anyway, and more or fewer of them are no difference of its own.
    let order_is_given = *main && new.main;
    let mut keys: Vec<_> = that_differ(&[
        ("type", *kind != new.kind),
        ("description", *description != new.description),
        ("enabled", *enabled != new.enabled),
        ("main", *main != new.main),
        ("essential", *essential != new.essential),
        ("requires", differ(requires, &new.requires)),
        ("wants", differ(wants, &new.wants)),
        ("after", !order_is_given && differ(after, &new.after)),
        ("restart-with", differ(restart_with, &new.restart_with)),
        ("when.env", when.env != new.when.env),
        ("when.path", when.path != new.when.path),
        ("when.command", when.command != new.when.command),
        ("when.timeout", when.timeout != new.when.timeout),
        ("ready", ready.sign != new.ready.sign),
        ("ready.interval", ready.interval != new.ready.interval),
        ("ready.timeout", ready.timeout != new.ready.timeout),
        ("health", health.probe != new.health.probe),
        ("health.interval", health.interval != new.health.interval),
        ("health.timeout", health.timeout != new.health.timeout),
        ("health.failures", health.failures != new.health.failures),
        ("health.grace", health.grace != new.health.grace),
        ("health.on-failure", health.on_failure != new.health.on_failure),
        ("health.watchdog", health.watchdog != new.health.watchdog),
        ("socket", *sockets != new.sockets),
        ("on-demand", *on_demand != new.on_demand),
        ("schedule", *schedule != new.schedule),
        ("fd-store", *fd_store != new.fd_store),
        ("restart.policy", restart.policy != new.restart.policy),
        ("restart.delay", restart.delay != new.restart.delay),
        ("restart.factor", restart.factor != new.restart.factor),
        ("restart.max-delay", restart.max_delay != new.restart.max_delay),
        ("restart.limit", restart.limit != new.restart.limit),
        ("restart.reset-after", restart.reset_after != new.restart.reset_after),
        ("restart.success-codes", restart.success != new.restart.success),
        ("restart.never-on", restart.never_on != new.restart.never_on),
        ("stop.signal", stop.signal != new.stop.signal),
        ("stop.timeout", stop.timeout != new.stop.timeout),
        ("stop.command", stop.command != new.stop.command),
        ("stop.group", stop.group != new.stop.group),
        ("reload.signal", reload.signal != new.reload.signal),
        ("reload.command", reload.command != new.reload.command),
        ("reload.timeout", reload.timeout != new.reload.timeout),
        ("reload.notify", reload.notify != new.reload.notify),
        ("resources.memory", resources.memory != new.resources.memory),
        ("resources.memory-high", resources.memory_high != new.resources.memory_high),
        ("resources.swap", resources.swap != new.resources.swap),
        ("resources.oom-group", resources.oom_group != new.resources.oom_group),
        ("resources.cpu", resources.cpu != new.resources.cpu),
        ("resources.cpu-weight", resources.cpu_weight != new.resources.cpu_weight),
        ("resources.pids", resources.pids != new.resources.pids),
        ("resources", resources.counted != new.resources.counted),
        ("log", *log != new.log),
        // Of its own, or since another one's log goes there.
        ("stdin", *logger != new.logger),
    ])
    .collect();
    if let (Some(old), Some(new)) = (exec, &new.exec) {
        keys.extend(differing_keys_of_process(old, new));
    }
    keys
}

fn differing_keys_of_process(old: &Exec, new: &Exec) -> Vec<&'static str> {
    let Exec {
        argv,
        user,
        group,
        supplementary_groups,
        working_directory,
        umask,
        nice,
        oom_score_adj,
        limits,
        capabilities,
        no_new_privileges,
        stdin,
        tty,
        environment: Environment { pass, files, secrets, set },
    } = old;
    that_differ(&[
        // Or `script`: what is left of either is argv.
        ("command", *argv != new.argv),
        ("user", *user != new.user),
        ("group", *group != new.group),
        ("supplementary-groups", *supplementary_groups != new.supplementary_groups),
        ("working-directory", *working_directory != new.working_directory),
        ("umask", *umask != new.umask),
        ("nice", *nice != new.nice),
        ("oom-score-adj", *oom_score_adj != new.oom_score_adj),
        ("limits", *limits != new.limits),
        ("capabilities", *capabilities != new.capabilities),
        ("no-new-privileges", *no_new_privileges != new.no_new_privileges),
        ("stdin", *stdin != new.stdin),
        ("tty", *tty != new.tty),
        ("environment", *set != new.environment.set),
        ("environment-files", *files != new.environment.files),
        ("pass-environment", *pass != new.environment.pass),
        ("secrets", *secrets != new.environment.secrets),
    ])
    .collect()
}

/// Whether the edges differ; their order means nothing.
fn differ(old: &[Id], new: &[Id]) -> bool {
    if old == new {
        return false;
    }
    let sorted = |edges: &[Id]| {
        let mut edges = edges.to_vec();
        sort(&mut edges);
        edges.dedup();
        edges
    };
    sorted(old) != sorted(new)
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
