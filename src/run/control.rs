//! The shell's side of the control socket: takes the calls of the connections, a few in each turn, and answers them.

mod answers;
mod explain;
mod feed;
mod jobs;
mod names;
mod wall;

use super::report;
use super::shell::Shell;
use super::timers::Due;
use crate::control::api::{ActResult, Event, Outcome, SendSignal, Wait};
use crate::control::{Ask, Call, Reply, Verb, serve, socket};
use crate::core::{self, Answer, Goal, Notice, Proc, Request, Role, StateName, Ticket};
use crate::model::{Exit, Id, Plan, Settings, Signal, Socket};
use crate::sys::signal::{self, Sent};
use feed::Feed;
use jobs::Jobs;
use names::Unknown;
use std::ffi::OsString;
use std::future::pending;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Calls that may wait for the shell; who has one more waits with it.
const CALLS: usize = 64;
/// How long one turn answers calls before others have their turn; one is always answered.
const TURN: Duration = Duration::from_millis(2);
/// How often the connections get a turn of their own at the very end, to hand over their last answers.
const LAST_TURNS: usize = 4;

/// What the shell keeps for those who ask.
#[derive(Debug, Default)]
pub(super) struct Control {
    calls: Option<mpsc::Receiver<Call>>,
    /// A call that the shell was woken by.
    next: Option<Call>,
    bound: Option<socket::Bound>,
    jobs: Jobs,
    feed: Feed,
}

impl Control {
    /// Makes the socket and serves it from now on. Without one the tree runs all the same.
    pub(super) async fn open(settings: &Settings, environment: &[(OsString, OsString)]) -> Self {
        let variable =
            |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let uid = nix::unistd::Uid::effective().as_raw();
        let (places, usual) = match &settings.socket {
            Socket::Off => return Self::default(),
            Socket::Path(path) => (vec![PathBuf::from(path)], false),
            Socket::Search => (socket::usual(uid, variable), true),
        };
        let (bound, failed) = socket::bind(&places, usual).await;
        let why = failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let Some((listener, bound)) = bound else {
            tracing::warn!("no control socket: {why}; the tree runs without one");
            return Self::default();
        };
        let (sender, calls) = mpsc::channel(CALLS);
        if let Err(error) = serve(listener, uid, sender) {
            tracing::warn!("no control socket: {error}; the tree runs without one");
            bound.remove();
            return Self::default();
        }
        let path = bound.path.display();
        if why.is_empty() {
            tracing::info!("the control socket is {path}");
        } else {
            tracing::warn!("the control socket is {path}; {why}");
        }
        Self { calls: Some(calls), bound: Some(bound), ..Self::default() }
    }

    /// Waits until there is a call; [`Shell::answer_calls`] takes it.
    pub(super) async fn called(&mut self) {
        if self.next.is_some() {
            return;
        }
        match &mut self.calls {
            Some(calls) => {
                self.next = calls.recv().await;
                if self.next.is_none() {
                    self.calls = None;
                }
            }
            None => pending().await,
        }
    }

    fn take(&mut self) -> Option<Call> {
        self.next.take().or_else(|| self.calls.as_mut()?.try_recv().ok())
    }

    /// Whether somebody is, or may be, connected.
    fn is_open(&self) -> bool {
        self.calls.is_some()
    }
}

impl Shell {
    /// Answers those who ask, for a little while. True when there are more.
    pub(super) fn answer_calls(&mut self) -> bool {
        let begin = Instant::now();
        let mut more = false;
        while let Some(call) = self.control.take() {
            self.forget_abandoned();
            self.answer(call);
            more = begin.elapsed() >= TURN;
            if more {
                break;
            }
        }
        self.control.feed.tell();
        more
    }

    fn answer(&mut self, Call { ask, may_act, reply }: Call) {
        if let Err((reply, unknown)) = self.try_answer(ask, may_act, reply) {
            reply.problem(unknown.status, unknown.error, unknown.help);
        }
    }

    fn try_answer(&mut self, ask: Ask, may_act: bool, reply: Reply) -> Result<(), (Reply, Unknown)> {
        match ask {
            Ask::Status(names) => {
                let (ids, reply) = self.services(&names, reply)?;
                reply.json(200, &self.status(&ids));
            }
            Ask::Service(name) => {
                let (id, reply) = self.service(&name, reply)?;
                reply.json(200, &self.service_status(id, self.wall()));
            }
            Ask::Act(verb, act) => {
                let (ids, reply) = self.services(&act.services, reply)?;
                self.act(verb, &ids, act.no_wait, act.timeout, may_act, reply);
            }
            Ask::Signal(ask) => {
                let (ids, reply) = self.services(&ask.services, reply)?;
                self.send_signal(&ids, &ask, reply);
            }
            Ask::Wait(wait) => {
                let (ids, reply) = self.services(&wait.services, reply)?;
                self.wait(&ids, &wait, may_act, reply);
            }
            Ask::Explain(name) => {
                let (id, reply) = self.service(&name, reply)?;
                reply.json(200, &self.explain(id, may_act));
            }
            Ask::Events(names) => {
                let (ids, reply) = self.services(&names, reply)?;
                let wall = self.wall();
                let services = ids.iter().map(|id| self.service_status(*id, wall)).collect();
                let time = wall.at(self.running());
                self.control.feed.subscribe(names, &Event::Snapshot { time, services }, reply);
            }
            Ask::MoreEvents(subscription) => self.control.feed.more(subscription, reply),
            Ask::Graph => reply.json(200, &self.graph(&names::all(&self.plan))),
            Ask::Timeline => reply.json(200, &self.timeline(&names::all(&self.plan))),
            Ask::Apply(apply) => self.apply(apply, Some(Box::new(reply))),
            Ask::Shutdown(shutdown) => {
                self.facts.push_back(core::Event::Request(Request::Shutdown(shutdown.code), None));
                self.settle();
                jobs::answer(Vec::new(), Vec::new(), reply);
            }
            Ask::Health(names) => {
                let (mut ids, reply) = self.services(&names, reply)?;
                if names.is_empty() {
                    ids.retain(|id| self.core.svc(*id).target());
                }
                let health = self.health(&ids);
                reply.json(if health.healthy { 200 } else { 503 }, &health);
            }
        }
        Ok(())
    }

    /// The services that these names mean; none means all.
    fn services(&self, names: &[String], reply: Reply) -> Result<(Vec<Id>, Reply), (Reply, Unknown)> {
        let found =
            if names.is_empty() { Ok(names::all(&self.plan)) } else { names::resolve(&self.plan, names) };
        match found {
            Ok(ids) => Ok((ids, reply)),
            Err(unknown) => Err((reply, unknown)),
        }
    }

    fn service(&self, name: &str, reply: Reply) -> Result<(Id, Reply), (Reply, Unknown)> {
        match names::one(&self.plan, name) {
            Ok(id) => Ok((id, reply)),
            Err(unknown) => Err((reply, unknown)),
        }
    }

    fn act(
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
            Verb::Stop => self.to_go_down(ids),
            Verb::Restart => [self.to_go_down(ids), self.to_come_up(ids)].concat(),
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

    fn wait(&mut self, ids: &[Id], wait: &Wait, may_act: bool, reply: Reply) {
        let goal = match wait.until {
            crate::control::api::Goal::Ready => Goal::Ready,
            crate::control::api::Goal::Stopped => Goal::Stopped,
        };
        let wanted =
            |id: &Id| !wait.services.is_empty() || goal == Goal::Stopped || self.core.svc(*id).target();
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
        also.sort_unstable();
        also.dedup();
        let services = ids.iter().map(|id| self.name(*id).to_owned()).collect();
        let (number, tickets) = self.control.jobs.open(services, also, reply);
        if let Patience::For(time) = patience {
            self.timers.arm(Due::Request(number), time);
        }
        let requests = ids.iter().zip(tickets);
        self.facts.extend(requests.map(|(id, ticket)| core::Event::Request(request(*id), Some(ticket))));
        self.settle();
        self.note_waiting();
        if let Patience::None = patience {
            self.close_request(number, Outcome::Accepted);
        }
    }

    /// Answers a request as it is now; what it asked for goes on.
    pub(super) fn close_request(&mut self, number: u32, outcome: Outcome) {
        let state = |name: &str| {
            let id = names::one(&self.plan, name);
            id.map_or(StateName::Inactive, |id| self.core.state_name(id))
        };
        let tickets = self.control.jobs.close(number, outcome, state);
        self.facts.extend(tickets.into_iter().map(core::Event::Cancel));
        self.settle();
    }

    fn forget_abandoned(&mut self) {
        let (requests, tickets) = self.control.jobs.forget_abandoned();
        for number in requests {
            self.timers.disarm(Due::Request(number));
        }
        if !tickets.is_empty() {
            self.facts.extend(tickets.into_iter().map(core::Event::Cancel));
            self.settle();
        }
    }

    /// The core has answered a ticket.
    pub(super) fn answered(&mut self, ticket: Ticket, answer: Answer) {
        let Some(name) = self.control.jobs.service(ticket) else { return };
        let id = names::one(&self.plan, name).ok();
        let state = id.map_or(StateName::Inactive, |id| self.core.state_name(id));
        let why = match answer {
            Answer::Done => None,
            Answer::Not(reason) | Answer::Except(_, reason) => Some(report::why_not(&self.core, id, reason)),
        };
        if let Some(number) = self.control.jobs.answered(ticket, state, why) {
            self.timers.disarm(Due::Request(number));
        }
    }

    fn send_signal(&mut self, ids: &[Id], ask: &SendSignal, reply: Reply) {
        let signal: Signal = match ask.signal.parse() {
            Ok(signal) => signal,
            Err(error) => {
                let help = crate::config::did_you_mean(&ask.signal, Signal::names());
                return reply.problem(400, error.to_string(), help);
            }
        };
        let results = ids.iter().map(|id| self.send_signal_to(*id, signal)).collect();
        jobs::answer(results, Vec::new(), reply);
    }

    fn send_signal_to(&self, id: Id, signal: Signal) -> ActResult {
        // Before exec it is not the service yet, and the signal would be taken for a failed start.
        let executed = self.core.svc(id).state != core::State::Starting(core::Starting::Exec);
        let pid = self.procs.pid(Proc { id, role: Role::Main }).filter(|_| executed);
        let why = match pid.map(|pid| signal::kill(pid, signal)) {
            Some(Sent::Sent) => None,
            Some(Sent::NotPermitted) => Some("it runs as another user".to_owned()),
            Some(Sent::Gone | Sent::Refused) | None => Some("it has no process".to_owned()),
        };
        let outcome = if why.is_some() { Outcome::Failed } else { Outcome::Done };
        self.result(id, outcome, why)
    }

    /// Tells those who listen, and keeps what is asked for later.
    pub(super) fn take_note(&mut self, notice: Notice, fault: Option<&str>) {
        if let Notice::State(id, state) = notice {
            let now = self.running();
            self.history.state(id, state, now);
        }
        if !self.control.feed.is_heard() {
            return;
        }
        let time = self.wall().at(self.running());
        let event = match notice {
            Notice::State(id, state) => {
                let reason =
                    if self.core.state_name(id) == state { report::reason(&self.core, id) } else { None };
                Event::State { time, service: self.name(id).to_owned(), state: state.to_string(), reason }
            }
            Notice::Shutdown(_) | Notice::Escalated | Notice::Overdue => {
                Event::Shutdown { time, reason: report::words(&self.core, &self.plan, notice, fault) }
            }
            // What the reload of a service came to, who asked for it is told.
            Notice::Reloaded(_) | Notice::ReloadFailed { .. } => return,
            _ => {
                let Some(id) = report::about(notice) else { return };
                Event::Exit {
                    time,
                    service: self.name(id).to_owned(),
                    text: report::words(&self.core, &self.plan, notice, fault),
                }
            }
        };
        let id = report::about(notice);
        let name = id.map(|id| self.plan.service(id).name.as_str());
        self.control.feed.record(name, &event);
    }

    /// A new plan is in force.
    pub(super) fn note_replaced(&mut self, former: &Plan) {
        let name = |plan: &Plan, id: Id| plan.services.get(id.index()).map(|service| service.name.clone());
        let other = self.plan.ids().filter(|id| name(former, *id) != name(&self.plan, *id));
        self.history.replaced(self.plan.services.len(), other);
        self.note_waiting();
        if self.control.feed.is_heard() {
            let time = self.wall().at(self.running());
            self.control.feed.record(None, &Event::Applied { time });
        }
    }

    /// Somebody may have begun to wait for what it depends on, which is a change of state that the core makes nothing of.
    pub(super) fn note_waiting(&mut self) {
        let now = self.running();
        for id in self.plan.ids().filter(|id| self.core.state_name(*id) == StateName::Waiting) {
            self.history.state(id, StateName::Waiting, now);
        }
    }

    /// A main process has ended.
    pub(super) fn note_end(&mut self, id: Id, exit: Exit) {
        let now = self.running();
        self.history.ended(id, exit, now);
        // What ends by itself, the core tells of, with what follows.
        if matches!(self.core.svc(id).state, core::State::Stopping { .. }) && self.control.feed.is_heard() {
            let (time, service) = (self.wall().at(now), self.name(id).to_owned());
            let event = Event::Exit { time, service, text: report::ended(exit) };
            self.control.feed.record(Some(&self.plan.service(id).name), &event);
        }
    }

    /// The last answers, as far as their clients take them at once, and the end of the socket.
    pub(super) async fn say_goodbye(&mut self) {
        if !self.control.is_open() {
            return;
        }
        for _ in 0..LAST_TURNS {
            self.control.feed.end();
            // Each connection has its turn: it writes what it was answered, and asks for more events, perhaps.
            tokio::task::yield_now().await;
            while let Some(call) = self.control.take() {
                match call.ask {
                    Ask::MoreEvents(subscription) => self.control.feed.more(subscription, call.reply),
                    _ => drop(call),
                }
            }
        }
        if let Some(bound) = &self.control.bound {
            bound.remove();
        }
    }
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
