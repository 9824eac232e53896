//! What changes the tree, or waits for a change: each request becomes one of the core's for each service, with a ticket.

use super::super::report;
use super::super::shell::Shell;
use super::super::timers::Due;
use super::jobs;
use crate::config::did_you_mean;
use crate::control::api::{self, ActResult, Outcome, SendSignal, Wait};
use crate::control::{Reply, Verb};
use crate::core::{Answer, Core, Event, Goal, Request, Starting, State, StateName, Ticket};
use crate::model::{Id, Plan, Signal, sort};
use crate::sys::signal::{self, Sent};
use std::time::Duration;

impl Shell {
    pub(super) fn act(
        &mut self,
        verb: Verb,
        ids: &[Id],
        no_wait: bool,
        timeout: Option<f64>,
        may_act: bool,
        reply: Reply,
    ) {
        let also = match verb {
            Verb::Start => self.to_come_up(ids),
            Verb::Stop => self.core.dependents_of(ids),
            Verb::Restart => [self.core.dependents_of(ids), self.to_come_up(ids)].concat(),
            Verb::Reload => Vec::new(),
        };
        let request = match verb {
            Verb::Start => Request::Start,
            Verb::Stop => Request::Stop,
            Verb::Restart => Request::Restart,
            Verb::Reload => Request::Reload,
        };
        let patience = if no_wait { Patience::None } else { Patience::of(timeout) };
        self.request(ids, request, also, patience, may_act, reply);
    }

    pub(super) fn wait(&mut self, ids: &[Id], wait: &Wait, may_act: bool, reply: Reply) {
        let goal = match wait.until {
            api::Goal::Ready => Goal::Ready,
            api::Goal::Stopped => Goal::Stopped,
        };
        // At the end of the container nothing is wanted any more, which is not what was meant.
        let all = !wait.services.is_empty() || goal == Goal::Stopped || self.is_stopping();
        let wanted = |id: &Id| all || self.core.svc(*id).target();
        let ids: Vec<Id> = ids.iter().copied().filter(wanted).collect();
        let request = |id| Request::Await(id, goal);
        self.request(&ids, request, Vec::new(), Patience::of(wait.timeout), may_act, reply);
    }

    /// Gives the core a request for each of these, all before anything else happens, and answers when all of them are.
    fn request(
        &mut self,
        ids: &[Id],
        request: impl Fn(Id) -> Request,
        mut also: Vec<Id>,
        patience: Patience,
        may_act: bool,
        reply: Reply,
    ) {
        if ids.is_empty() {
            return jobs::answer(Vec::new(), Vec::new(), reply);
        }
        if !self.control.jobs.has_room(ids.len(), may_act) {
            let help = Some("try it again when some of them are done".to_owned());
            return reply.problem(503, "too many requests are open", help);
        }
        also.retain(|id| !ids.contains(id));
        let mut also: Vec<String> = also.iter().map(|id| self.name(*id).to_owned()).collect();
        sort(&mut also);
        also.dedup();
        let services = ids.iter().map(|id| (*id, self.name(*id).to_owned())).collect();
        let (number, tickets) = self.control.jobs.open(services, also, reply);
        if let Patience::For(time) = patience {
            self.timers.arm(Due::Request(number), time);
        }
        let requests = ids.iter().zip(tickets);
        self.facts.extend(requests.map(|(id, ticket)| Event::Request(request(*id), Some(ticket))));
        self.settle();
        if let Patience::None = patience {
            self.close_request(number, Outcome::Accepted);
        }
    }

    /// Answers a request as it is now; what it asked for goes on.
    pub(in crate::run) fn close_request(&mut self, number: u32, outcome: Outcome) {
        let Self { plan, core, control, .. } = self;
        let tickets = control.jobs.close(number, outcome, |id, name| state_of(plan, core, id, name));
        self.facts.extend(tickets.into_iter().map(Event::Cancel));
        self.settle();
    }

    /// Forgets all who have left. Before each call, so that there are never more of them than clients.
    pub(super) fn forget_abandoned(&mut self) {
        self.control.feed.is_heard();
        self.control.followers.forget_abandoned();
        let (requests, tickets) = self.control.jobs.forget_abandoned();
        for number in requests {
            self.timers.disarm(Due::Request(number));
        }
        if !tickets.is_empty() {
            self.facts.extend(tickets.into_iter().map(Event::Cancel));
            self.settle();
        }
    }

    /// The core has answered a ticket.
    pub(in crate::run) fn answered(&mut self, ticket: Ticket, answer: Answer) {
        let Some((id, name)) = self.control.jobs.service(ticket) else { return };
        let state = state_of(&self.plan, &self.core, id, name);
        let why = match answer {
            Answer::Done => None,
            Answer::Not(reason) | Answer::Except(_, reason) => {
                Some(report::why_not(&self.core, Some(id), reason))
            }
        };
        if let Some(number) = self.control.jobs.answered(ticket, state, why) {
            self.timers.disarm(Due::Request(number));
        }
    }

    pub(super) fn send_signal(&mut self, ids: &[Id], ask: &SendSignal, reply: Reply) {
        let signal: Signal = match ask.signal.parse() {
            Ok(signal) => signal,
            Err(error) => {
                let help = did_you_mean(&ask.signal, Signal::names());
                return reply.problem(400, error.to_string(), help);
            }
        };
        let results = ids.iter().map(|id| self.send_signal_to(*id, signal)).collect();
        jobs::answer(results, Vec::new(), reply);
    }

    fn send_signal_to(&self, id: Id, signal: Signal) -> ActResult {
        // Before exec it is not the service yet, and the signal would be taken for a failed start.
        let executed = self.core.svc(id).state != State::Starting(Starting::Exec);
        let pid = self.main_pid(id).filter(|_| executed);
        let why = match pid.map(|pid| signal::kill(pid, signal)) {
            Some(Sent::Sent) => None,
            Some(Sent::NotPermitted) => Some("it runs as another user".to_owned()),
            Some(Sent::Gone | Sent::Refused) | None => Some("it has no process".to_owned()),
        };
        let outcome = if why.is_some() { Outcome::Failed } else { Outcome::Done };
        self.result(id, outcome, why)
    }
}

/// The state of a service that had this id and name; one that is gone is down.
fn state_of(plan: &Plan, core: &Core, id: Id, name: &str) -> StateName {
    let same = plan.services.get(id.index()).is_some_and(|service| service.name == name);
    if same { core.state_name(id) } else { StateName::Inactive }
}

/// How long somebody waits for what was asked.
#[derive(Clone, Copy, Debug)]
enum Patience {
    /// Not at all: accepted is enough.
    None,
    For(Duration),
    Ever,
}

impl Patience {
    /// Seconds were checked when they were read.
    fn of(seconds: Option<f64>) -> Self {
        seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()).map_or(Self::Ever, Self::For)
    }
}
