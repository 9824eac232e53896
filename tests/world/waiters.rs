//! Who waits for an answer, and whether the answer is true.

use super::{Life, World};
use foster::core::{
    Answer, Core, Goal, Phase, Proc, Reason, Request, Role, Said, State, StateName, Ticket, Why,
};
use foster::model::{Exit, Id, Kind, Plan};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

/// Somebody who waits.
#[derive(Clone)]
pub struct Waiter {
    pub ticket: Ticket,
    /// What they asked for; `None`: the plan.
    pub request: Option<Request>,
    pub plan: Option<Rc<Plan>>,
    /// A main process of the service was started since, or it needed none.
    pub spawned: bool,
}

impl std::fmt::Debug for Waiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.request {
            Some(request) => write!(f, "{:?} for {request:?}", self.ticket),
            None => write!(f, "{:?} for a plan", self.ticket),
        }
    }
}

impl Hash for Waiter {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.ticket, self.request, self.spawned, self.plan.as_ref().map(Rc::as_ptr)).hash(hasher);
    }
}

impl Waiter {
    pub fn new(core: &Core, ticket: Ticket, request: Request) -> Self {
        let spawned = match request {
            Request::Restart(id) => core.plan().service(id).kind == Kind::Target,
            // Who asks for a run means one that is not over yet.
            Request::Start(id) => {
                let runs = matches!(core.svc(id).state, State::Starting(_) | State::Ready | State::Skipped);
                runs || !core.plan().service(id).waits_for_trigger()
            }
            _ => true,
        };
        Self { ticket, request: Some(request), plan: None, spawned }
    }

    pub fn for_plan(ticket: Ticket, plan: &Rc<Plan>) -> Self {
        Self { ticket, request: None, plan: Some(Rc::clone(plan)), spawned: true }
    }

    pub fn is_about(&self, proc: Proc) -> bool {
        let asked = [Request::Start(proc.id), Request::Restart(proc.id)];
        self.request.is_some_and(|request| asked.contains(&request)) && proc.role == Role::Main
    }

    fn id(&self) -> Option<Id> {
        match self.request? {
            Request::Start(id)
            | Request::Stop(id)
            | Request::Restart(id)
            | Request::Reload(id)
            | Request::Await(id, _) => Some(id),
            Request::Shutdown(_) => None,
        }
    }

    /// Whether the answer is true of the world.
    fn is_true(&self, answer: Answer, world: &World) -> bool {
        let core = &world.core;
        match answer {
            Answer::Done => self.is_done(world),
            Answer::Except(id, reason) => {
                self.plan.as_ref().is_some_and(|plan| Rc::ptr_eq(plan, core.plan()))
                    && reason_is_true(core, Some(id), reason)
            }
            Answer::Not(reason) => reason_is_true(core, self.id(), reason),
        }
    }

    fn is_done(&self, world: &World) -> bool {
        let core = &world.core;
        let running = core.phase() == Phase::Running;
        match (self.request, &self.plan) {
            (None, plan) => running && plan.as_ref().is_some_and(|plan| Rc::ptr_eq(plan, core.plan())),
            (Some(Request::Await(id, Goal::Ready)), _) => {
                running && core.satisfied(id) && !core.svc(id).doomed()
            }
            (Some(Request::Start(id) | Request::Restart(id)), _) => {
                let svc = core.svc(id);
                let new = self.spawned || svc.state == State::Skipped;
                // A run that failed is none that was asked for.
                let ran =
                    svc.state != State::Armed || (svc.last_exit == Some(Exit::Code(0)) && !svc.stillborn);
                running && core.satisfied(id) && !svc.doomed() && new && ran
            }
            (Some(Request::Stop(id)), _) => !world.lives(id) && !core.standing(id),
            (Some(Request::Await(id, Goal::Stopped)), _) => {
                let view = core.view(id);
                let starts = match view.state {
                    StateName::Waiting => !matches!(view.why, Why::Stopped(_)),
                    state => {
                        matches!(
                            state,
                            StateName::Starting | StateName::Ready | StateName::Stopping | StateName::Backoff
                        )
                    }
                };
                !world.lives(id) && !starts
            }
            // It had no time to come down since: without a command it is done at once, with one it has just ended.
            (Some(Request::Reload(id)), _) => running && core.svc(id).state == State::Ready,
            (Some(Request::Shutdown(_)), _) => !running,
        }
    }
}

fn reason_is_true(core: &Core, id: Option<Id>, reason: Reason) -> bool {
    let state = id.map(|id| core.svc(id).state);
    match reason {
        // What retires may be brought back.
        Reason::Failed => id.is_some_and(|id| match core.svc(id).state {
            State::Failed => !core.svc(id).retiring,
            State::Armed => core.svc(id).run_failed,
            _ => false,
        }),
        Reason::Blocked(by) => state == Some(State::Blocked(by)) && !core.svc(by).retiring,
        Reason::Ended => state == Some(State::Done),
        Reason::Stopped(by) => core.svc(by).held,
        Reason::Started => core.phase() == Phase::Running,
        // What came over it may be the end of everything.
        Reason::Superseded => id.is_none(),
        Reason::Disabled => id.is_some_and(|id| !core.svc(id).target() && !core.plan().service(id).enabled),
        Reason::Removed => id.is_some_and(|id| core.plan().service(id).is_tombstone() || core.is_replacing()),
        Reason::NotReady => id.is_some_and(|id| state != Some(State::Ready) || core.svc(id).doomed()),
        Reason::NoProcess => id.is_some_and(|id| core.plan().service(id).kind == Kind::Target),
        Reason::ReloadFailed(_) | Reason::ReloadNotStarted | Reason::ReloadLate => {
            state == Some(State::Ready)
        }
        Reason::Ending => core.phase() != Phase::Running,
    }
}

impl World {
    pub(super) fn answered(&mut self, ticket: Ticket, answer: Answer) -> Result<(), String> {
        match self.waiters.iter().position(|waiter| waiter.ticket == ticket) {
            Some(at) => {
                let waiter = self.waiters.remove(at);
                if waiter.is_true(answer, self) {
                    Ok(())
                } else {
                    Err(format!("an answer is true in the state that it is given in: {waiter:?}, {answer:?}"))
                }
            }
            None => Err(format!("{ticket:?} is not open and got {answer:?}")),
        }
    }
}

/// When nothing is pending, only those wait who asked for nothing, and for what may still come true.
pub fn nobody_waits_in_vain(world: &World) -> Result<(), String> {
    let core = &world.core;
    let may_wait = |waiter: &Waiter| match waiter.request {
        Some(Request::Await(id, Goal::Ready)) => core.svc(id).state == State::Inactive,
        Some(Request::Await(id, Goal::Stopped)) => {
            matches!(core.svc(id).state, State::Ready | State::Armed)
        }
        _ => false,
    };
    match world.waiters.iter().find(|waiter| !may_wait(waiter)) {
        Some(waiter) => Err(format!("{waiter:?}")),
        None => Ok(()),
    }
}

/// A command that reloads belongs to a service that is up, or is on its way out with it.
pub fn reloads_end_with_readiness(world: &World) -> Result<(), String> {
    for id in world.core.plan().ids() {
        let (svc, outside) = (world.core.svc(id), world.outside[id.index()]);
        let fits = match svc.state {
            _ if outside.reload == Life::None => match svc.reload_said {
                Said::Nothing => !outside.reload_timer && !svc.reload_again,
                Said::Asked | Said::Begun => svc.state == State::Ready,
            },
            State::Ready => true,
            State::Stopping { .. } => svc.reload_killed && !svc.reload_again,
            _ => false,
        };
        let armed = world.exit.is_some() || outside.reload_timer == world.core.needs_reload_timer(id);
        if !fits || !armed {
            return Err(format!("{id:?}, {:?} with {outside:?}", svc.state));
        }
    }
    Ok(())
}
