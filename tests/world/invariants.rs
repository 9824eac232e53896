//! What must hold, one sentence and one function each. Every function is checked on every edge of the exploration.

use super::waiters::{nobody_waits_in_vain, reloads_end_with_readiness};
use super::{Life, World};
use foster::core::{
    Action, Core, Event, Phase, Proc, Request, Role, Stage, Starting, State, Then, Timer, Why,
};
use foster::model::{Exit, Id, Kind, Plan, Policy};
use std::rc::Rc;

/// One step, seen from outside.
pub struct Edge<'a> {
    pub before: &'a World,
    pub event: &'a Event,
    pub actions: &'a [Action],
    pub after: &'a World,
}

/// What must hold of a step.
type OfSteps = fn(&Edge<'_>) -> Result<(), String>;
/// What must hold of a state, however it was reached.
type OfStates = fn(&World) -> Result<(), String>;

pub const OF_STEPS: [(&str, OfSteps); 9] = [
    ("nothing is started while a requirement is not satisfied", requirements_first),
    ("nothing is stopped under a live dependent", dependents_stop_first),
    ("no service is started after the shutdown began", no_start_in_shutdown),
    ("what retires is not started", nothing_retiring_starts),
    ("what waits for a connection or a time starts for nothing else, unless somebody asks", triggered_starts),
    ("what a new plan changes starts from scratch", changed_starts_anew),
    ("a plan is swapped when nothing of what retires lives", swapped_when_retired),
    (
        "a new plan leaves alone what it does not change, unless a requirement of it changes",
        changes_only_what_changed,
    ),
    ("the exit comes with the last process or the last deadline", exit_in_time),
];

pub const OF_STATES: [(&str, OfStates); 17] = [
    ("what the core believes to live is what lives", beliefs_are_true),
    ("what is derived equals its definition", derived_facts_equal_their_definition),
    ("a timer is armed exactly in the states that need one", timers_fit_states),
    ("the shutdown has a deadline until it is over", shutdown_has_a_deadline),
    ("four deadlines end every shutdown, whatever lives", shutdown_ends),
    ("when nothing is pending every target is met or a reason is named", targets_are_met),
    ("when nothing is pending nothing runs that should not", nothing_runs_unasked),
    ("when nothing is pending nobody waits in vain", quiet_answers_all),
    ("what is gone from the plan is gone", nothing_of_tombstones),
    ("exactly those retire that the coming plan removes or changes", only_changed_retire),
    ("a reload command ends with the readiness of its service", reloads_end_with_readiness),
    ("a probe belongs to a service that it can still tell something about", probes_have_a_meaning),
    ("who has to say that it is alive is up", watchdogs_watch_the_ready),
    ("exactly those are awaited that may start by it", awaited_may_start),
    ("an essential failure ends the container", essential_failures_end_it),
    ("blocked means that the named requirement blocks", blocked_names_its_reason),
    ("a state and its processes fit", states_fit_processes),
];

pub fn check_step(edge: &Edge<'_>) -> Result<(), String> {
    OF_STEPS.iter().try_for_each(|(sentence, holds)| holds(edge).map_err(|why| format!("{sentence}: {why}")))
}

pub fn check_state(world: &World) -> Result<(), String> {
    OF_STATES
        .iter()
        .try_for_each(|(sentence, holds)| holds(world).map_err(|why| format!("{sentence}: {why}")))
}

fn beliefs_are_true(world: &World) -> Result<(), String> {
    for id in world.core.plan().ids() {
        let (live, outside) = (world.core.svc(id).live, world.outside[id.index()]);
        let real = [outside.main, outside.check, outside.stop, outside.reload].map(|life| life != Life::None);
        if [live.main, live.check, live.stop, live.reload] != real {
            return Err(format!("{id:?} believes {live:?}, there is {outside:?}"));
        }
        if live.probe != outside.probe {
            return Err(format!("{id:?} believes {live:?}, there is {outside:?}"));
        }
        if live.group != outside.group {
            return Err(format!("{id:?} believes in a group that is gone"));
        }
    }
    Ok(())
}

fn is_target(core: &Core, id: Id) -> bool {
    let svc = core.svc(id);
    core.phase() == Phase::Running
        && !svc.held
        && (svc.want || core.pulled_by(id).iter().any(|p| is_target(core, *p)))
}

fn is_off(core: &Core, id: Id) -> bool {
    let lost = |r: Id| matches!(core.svc(r).state, State::Failed | State::Blocked(_));
    !is_target(core, id)
        || core.svc(id).retiring
        || core.plan().service(id).requires.iter().any(|&r| is_off(core, r) || lost(r))
}

fn is_doomed(core: &Core, id: Id) -> bool {
    let service = core.plan().service(id);
    is_off(core, id)
        || core.svc(id).again
        || service.requires.iter().any(|&r| is_doomed(core, r))
        || service.restart_with.iter().any(|&r| !core.satisfied(r))
}

fn derived_facts_equal_their_definition(world: &World) -> Result<(), String> {
    let core = &world.core;
    for id in core.plan().ids() {
        let svc = core.svc(id);
        let derived = (svc.target(), svc.off(), svc.doomed());
        let defined = (is_target(core, id), is_off(core, id), is_doomed(core, id));
        if derived != defined {
            return Err(format!("{id:?} has {derived:?}, should be {defined:?}"));
        }
    }
    Ok(())
}

impl Edge<'_> {
    /// The actions, each with the plan by which it was decided on.
    fn by_plan(&self) -> impl Iterator<Item = (&Action, &Rc<Plan>)> {
        let swap = self.actions.iter().position(|a| *a == Action::Replaced).unwrap_or(0);
        let plans = [self.after.core.plan(), self.before.core.plan()];
        self.actions.iter().enumerate().map(move |(at, action)| (action, plans[usize::from(at < swap)]))
    }
}

/// Whether a service has to come down before another plan can be in force.
pub fn retires(old: &Plan, new: &Plan, id: Id) -> bool {
    let (was, is) = (old.service(id), new.service(id));
    !was.is_tombstone() && (is.name != was.name || was.needs_restart(is))
}

fn requirements_first(edge: &Edge<'_>) -> Result<(), String> {
    let core = &edge.after.core;
    for (action, plan) in edge.by_plan() {
        let Action::Spawn(proc) = action else { continue };
        if matches!(proc.role, Role::Stop | Role::Reload) {
            continue;
        }
        // What counted as satisfied by the old plan may get another chance by the new one in the same step.
        let old = !Rc::ptr_eq(plan, core.plan());
        let satisfied = |r: &Id| core.satisfied(*r) || (old && edge.before.core.satisfied(*r));
        if let Some(open) = plan.service(proc.id).requires.iter().find(|r| !satisfied(r)) {
            return Err(format!("{proc:?} started while {open:?} is {:?}", core.svc(*open).state));
        }
    }
    Ok(())
}

fn dependents_stop_first(edge: &Edge<'_>) -> Result<(), String> {
    let core = &edge.after.core;
    let overdue = matches!(edge.event, Event::Timer(Timer::Shutdown) | Event::Request(..))
        && core.phase() != Phase::Running
        && edge.before.core.phase() != Phase::Running;
    for (action, plan) in edge.by_plan() {
        let (Action::Stop(id) | Action::EndInput(id)) = *action else { continue };
        // What a process that ended by itself left behind is in nobody's use.
        let rest = edge.after.outside[id.index()].main == Life::None;
        // Nor does a stop that began while nobody minded have to wait for who came later.
        let begun = matches!(edge.before.core.svc(id).state, State::Stopping { .. });
        // A process that is of no use comes down for that, whoever is about to come down before it.
        let flaw = match *edge.event {
            Event::Timer(Timer::Service(of) | Timer::Probe(of)) | Event::Probed(of, _) => of == id,
            _ => false,
        };
        if overdue
            || rest
            || begun
            || flaw
            || !matches!(core.svc(id).state, State::Stopping { then: Then::Down, .. })
        {
            continue;
        }
        for dependent in plan.ids() {
            let service = plan.service(dependent);
            let required = service.requires.contains(&id);
            if !required && !service.wants.contains(&id) && !service.after.contains(&id) {
                continue;
            }
            // What starts and stops by the new plan in the same step is not what this stop was about.
            let old = !Rc::ptr_eq(plan, core.plan());
            let alive = edge.after.lives(dependent) && (!old || edge.before.lives(dependent));
            // In the step in which the shutdown begins, a stop for another reason may have come just before it.
            let at_once = edge.before.core.phase() == Phase::Running && core.phase() != Phase::Running;
            if alive && (required || (core.svc(dependent).doomed() && !at_once && !old)) {
                return Err(format!(
                    "{id:?} stopped under {dependent:?}, {:?}, by {:?}",
                    core.svc(dependent).state,
                    edge.actions
                ));
            }
        }
    }
    Ok(())
}

fn timers_fit_states(world: &World) -> Result<(), String> {
    for id in world.core.plan().ids() {
        if world.exit.is_none() && world.outside[id.index()].timer != world.core.needs_timer(id) {
            return Err(format!(
                "{id:?} armed: {}, {:?}",
                world.outside[id.index()].timer,
                world.core.svc(id)
            ));
        }
    }
    Ok(())
}

fn shutdown_has_a_deadline(world: &World) -> Result<(), String> {
    let needed =
        matches!(world.core.phase(), Phase::Stopping { .. } | Phase::Sweeping { .. } | Phase::Killing);
    if world.exit.is_none() && world.shutdown_timer != needed {
        return Err(format!("armed: {}, {:?}", world.shutdown_timer, world.core.phase()));
    }
    Ok(())
}

fn no_start_in_shutdown(edge: &Edge<'_>) -> Result<(), String> {
    let spawn =
        |a: &Action| matches!(a, Action::Spawn(p) if p.role != Role::Stop) || matches!(a, Action::Check(_));
    if edge.before.core.phase() != Phase::Running && edge.actions.iter().any(spawn) {
        return Err(format!("{:?}", edge.actions));
    }
    Ok(())
}

fn nothing_retiring_starts(edge: &Edge<'_>) -> Result<(), String> {
    for action in edge.actions {
        let id = match *action {
            Action::Spawn(proc) if proc.role != Role::Stop => proc.id,
            Action::Check(id) => id,
            _ => continue,
        };
        if edge.after.core.svc(id).retiring {
            return Err(format!("{action:?}"));
        }
    }
    Ok(())
}

fn triggered_starts(edge: &Edge<'_>) -> Result<(), String> {
    let (before, after) = (&edge.before.core, &edge.after.core);
    for action in edge.actions {
        let Action::Spawn(Proc { id, role: Role::Main }) = *action else { continue };
        if !after.plan().service(id).waits_for_trigger() {
            continue;
        }
        let was = before.plan().services.get(id.index()).map(|_| before.svc(id));
        let up = was.is_some_and(|svc| {
            matches!(svc.state, State::Starting(_) | State::Ready | State::Backoff | State::Stopping { .. })
        });
        let policy = after.plan().service(id).restart.policy;
        let due = match *edge.event {
            Event::Triggered(_) => true,
            Event::Request(Request::Start(asked) | Request::Restart(asked), _) if asked == id => true,
            // A crash is followed by a restart, an end that is none by nothing.
            Event::Exited { proc, exit, .. } if proc.id == id => {
                let flawed = was.is_some_and(|svc| matches!(svc.state, State::Stopping { .. }));
                up && (flawed || exit != Exit::Code(0) || policy == Policy::Always)
            }
            // What was up comes up again.
            _ => up,
        };
        let asked = was.is_none_or(|svc| svc.demanded || svc.queued || svc.again);
        let fresh = edge.actions.contains(&Action::Replaced)
            && after.plan().service(id).schedule.as_ref().is_some_and(|s| s.run_at_start);
        if !due && !asked && !fresh {
            return Err(format!("{id:?} was {:?}", was.map(|svc| svc.state)));
        }
    }
    Ok(())
}

fn probes_have_a_meaning(world: &World) -> Result<(), String> {
    let core = &world.core;
    for id in core.plan().ids() {
        let (svc, outside) = (core.svc(id), world.outside[id.index()]);
        let fits = match svc.state {
            State::Starting(Starting::Sign) | State::Ready => outside.given_up == svc.probe_dropped,
            State::Stopping { .. } => outside.given_up == outside.probe,
            _ => !outside.probe,
        };
        let armed = world.exit.is_some() || outside.probe_timer == core.needs_probe_timer(id);
        if !fits || !armed {
            return Err(format!("{id:?}, {:?} with {outside:?}", svc.state));
        }
    }
    Ok(())
}

fn watchdogs_watch_the_ready(world: &World) -> Result<(), String> {
    let core = &world.core;
    for id in core.plan().ids() {
        let (svc, armed) = (core.svc(id), world.outside[id.index()].watchdog_timer);
        if world.exit.is_none() && (armed != core.needs_watchdog(id) || armed && svc.state != State::Ready) {
            return Err(format!("{id:?}, {:?}, armed: {armed}", svc.state));
        }
    }
    Ok(())
}

fn awaited_may_start(world: &World) -> Result<(), String> {
    let core = &world.core;
    for id in core.plan().ids() {
        let (svc, service) = (core.svc(id), core.plan().service(id));
        let awaited = world.outside[id.index()].awaited;
        let fits = match svc.state {
            State::Armed => awaited,
            // The next time may come while it runs, or waits for what it requires.
            _ if awaited => {
                let over =
                    matches!(svc.state, State::Failed | State::Blocked(_) | State::Skipped | State::Done);
                service.schedule.is_some() && !over && (svc.state != State::Inactive || !svc.doomed())
            }
            State::Starting(_) => service.schedule.is_none(),
            _ => true,
        };
        if !fits || awaited != svc.awaiting || (awaited && !service.waits_for_trigger()) {
            return Err(format!("{id:?}, {:?}, awaited: {awaited}, {}", svc.state, svc.awaiting));
        }
    }
    Ok(())
}

/// Rests of groups; as to processes, the world sees itself.
fn swapped_when_retired(edge: &Edge<'_>) -> Result<(), String> {
    let (before, after) = (edge.before, edge.after);
    if !edge.actions.contains(&Action::Replaced) {
        return Ok(());
    }
    let last = match *edge.event {
        Event::Exited { proc, .. } => Some(proc.id),
        Event::Vacated(id) | Event::Timer(Timer::Service(id)) => Some(id),
        _ => None,
    };
    let (old, new) = (before.core.plan(), after.core.plan());
    match old.ids().find(|id| retires(old, new, *id) && before.outside[id.index()].group && last != Some(*id))
    {
        Some(id) => Err(format!("{id:?} is {:?}", before.core.svc(id).state)),
        None => Ok(()),
    }
}

fn changed_starts_anew(edge: &Edge<'_>) -> Result<(), String> {
    let (old, new) = (edge.before.core.plan(), edge.after.core.plan());
    if !edge.actions.contains(&Action::Replaced) {
        return Ok(());
    }
    for id in old.ids().filter(|id| retires(old, new, *id)) {
        let (was, is) = (edge.before.core.svc(id), edge.after.core.svc(id));
        let asked = matches!(edge.event, Event::Request(Request::Start(_) | Request::Restart(_), _));
        let stays_held = was.held == is.held || asked || new.service(id).name != old.service(id).name;
        if is.failures > 0 || is.checked || is.retiring || !stays_held {
            return Err(format!("{id:?} is {is:?}"));
        }
    }
    Ok(())
}

/// Of the step in which somebody applies a plan: the rest follows from who is doomed, which has its own definition.
fn changes_only_what_changed(edge: &Edge<'_>) -> Result<(), String> {
    let Event::Replace(new, _) = edge.event else { return Ok(()) };
    let (before, after) = (&edge.before.core, &edge.after.core);
    let old = before.plan();
    fn disturbed(old: &Plan, new: &Plan, id: Id) -> bool {
        let below = &old.service(id).requires;
        old.service(id) != new.service(id) || below.iter().any(|&r| disturbed(old, new, r))
    }
    let stays = |id: &Id| before.standing(*id) && !before.svc(*id).doomed();
    for id in old.ids().filter(|id| stays(id) && !disturbed(old, new, *id)) {
        // Who is not wanted for itself may lose the last one that needs it.
        let (was, is) = (before.svc(id), after.svc(id));
        let same = was.state == is.state && was.live == is.live && was.restarts == is.restarts;
        if !same && (is.target() || !was.target()) && before.phase() == after.phase() {
            return Err(format!("{id:?} was {:?} and is {:?}", was.state, is.state));
        }
    }
    Ok(())
}

fn quiet_answers_all(world: &World) -> Result<(), String> {
    if !is_quiet(world) || world.core.phase() != Phase::Running {
        return Ok(());
    }
    if world.core.is_replacing() {
        return Err("a plan waits".to_owned());
    }
    nobody_waits_in_vain(world)
}

fn nothing_of_tombstones(world: &World) -> Result<(), String> {
    let core = &world.core;
    for id in core.plan().ids().filter(|id| core.plan().service(*id).is_tombstone()) {
        let svc = core.svc(id);
        if world.lives(id) || svc.state != State::Inactive || svc.target() || world.outside[id.index()].timer
        {
            return Err(format!("{id:?} is {svc:?}"));
        }
    }
    Ok(())
}

fn only_changed_retire(world: &World) -> Result<(), String> {
    let core = &world.core;
    for id in core.plan().ids() {
        let should = core.is_replacing() && retires(core.plan(), &world.asked, id);
        if core.svc(id).retiring != should {
            return Err(format!("{id:?} retiring: {}", core.svc(id).retiring));
        }
    }
    Ok(())
}

fn shutdown_ends(world: &World) -> Result<(), String> {
    if world.core.phase() == Phase::Running || world.exit.is_some() {
        return Ok(());
    }
    let mut world = world.clone();
    for _ in 0..4 {
        if world.exit.is_some() {
            return Ok(());
        }
        if let Some(asked) = world.outside.iter().position(|o| o.asked) {
            world.happen(0, Event::Checked(Id(u32::try_from(asked).unwrap_or(0)), true))?;
        }
        if !world.shutdown_timer {
            return Err("no deadline is armed".to_owned());
        }
        world.happen(0, Event::Timer(Timer::Shutdown))?;
    }
    world.exit.map(|_| ()).ok_or_else(|| format!("still {:?}", world.core.phase()))
}

fn exit_in_time(edge: &Edge<'_>) -> Result<(), String> {
    let last =
        matches!(edge.event, Event::Timer(Timer::Shutdown)) && edge.before.core.phase() == Phase::Killing;
    if edge.actions.iter().any(|a| matches!(a, Action::Exit(_))) && edge.after.anything_lives() && !last {
        return Err("something lives".to_owned());
    }
    Ok(())
}

/// Nothing can happen but that somebody asks for something, a ready daemon ends, or its count of failures is reset.
fn is_quiet(world: &World) -> bool {
    world.exit.is_none()
        && !world.shutdown_timer
        && world.core.plan().ids().all(|id| {
            let (outside, state) = (world.outside[id.index()], world.core.svc(id).state);
            let ready = state == State::Ready;
            !outside.asked
                && outside.check == Life::None
                && outside.stop == Life::None
                && outside.reload == Life::None
                && !outside.reload_timer
                && (!outside.probe || ready)
                && !(outside.main == Life::Spawning)
                && (outside.main == Life::None || ready)
                && (!outside.timer || ready)
                && !world.core.svc(id).live.group
        })
}

fn targets_are_met(world: &World) -> Result<(), String> {
    let core = &world.core;
    if !is_quiet(world) || core.phase() != Phase::Running {
        return Ok(());
    }
    for id in core.plan().ids() {
        let svc = core.svc(id);
        let fine = match svc.state {
            State::Ready | State::Armed => true,
            State::Done | State::Failed | State::Blocked(_) | State::Skipped => true,
            State::Inactive => {
                !svc.target() || matches!(core.view(id).why, Why::Stopped(r) if core.svc(r).off())
            }
            _ => false,
        };
        if !fine {
            return Err(format!("{id:?} is {:?}, {:?}", svc.state, core.view(id).why));
        }
    }
    Ok(())
}

fn nothing_runs_unasked(world: &World) -> Result<(), String> {
    let core = &world.core;
    if !is_quiet(world) || core.phase() != Phase::Running {
        return Ok(());
    }
    match core
        .plan()
        .ids()
        .find(|id| core.svc(*id).doomed() && (world.lives(*id) || core.svc(*id).state == State::Ready))
    {
        Some(id) => Err(format!("{id:?} is {:?}", core.svc(id).state)),
        None => Ok(()),
    }
}

fn essential_failures_end_it(world: &World) -> Result<(), String> {
    let core = &world.core;
    let fatal = |id: &Id| {
        let service = core.plan().service(*id);
        let failed = matches!(core.svc(*id).state, State::Failed | State::Blocked(_));
        (service.essential && failed) || (service.main && (failed || core.svc(*id).state == State::Done))
    };
    match core.plan().ids().find(fatal) {
        Some(id) if core.phase() == Phase::Running => Err(format!("{id:?} is {:?}", core.svc(id).state)),
        _ => Ok(()),
    }
}

fn blocked_names_its_reason(world: &World) -> Result<(), String> {
    let core = &world.core;
    for id in core.plan().ids() {
        let State::Blocked(by) = core.svc(id).state else { continue };
        let over = core.svc(by).state == State::Done && core.plan().service(by).kind == Kind::Daemon;
        let lost = matches!(core.svc(by).state, State::Failed | State::Blocked(_));
        if core.phase() == Phase::Running && !(over || lost) {
            return Err(format!("{id:?} by {by:?}, which is {:?}", core.svc(by).state));
        }
    }
    Ok(())
}

fn states_fit_processes(world: &World) -> Result<(), String> {
    for id in world.core.plan().ids() {
        let (svc, kind) = (world.core.svc(id), world.core.plan().service(id).kind);
        let live = svc.live;
        let fits = match svc.state {
            State::Checking { command } => live.check == command && !live.main && !live.group,
            State::Starting(Starting::Delay | Starting::Sign) => live.main && kind == Kind::Daemon,
            State::Starting(Starting::Run) => live.main && kind == Kind::Oneshot,
            State::Starting(Starting::Exec) => live.main && kind != Kind::Target,
            State::Ready => live.main == (kind == Kind::Daemon) && kind != Kind::Oneshot && !live.stop,
            State::Stopping { stage, .. } => live.any() && (stage != Stage::Command || live.stop),
            _ => !live.any(),
        };
        let fits = fits && (!live.reload || matches!(svc.state, State::Ready | State::Stopping { .. }));
        if !fits {
            return Err(format!("{id:?} is {:?} with {live:?}", svc.state));
        }
    }
    Ok(())
}
