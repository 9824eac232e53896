//! The shell's side of the control socket and of the pages: takes the calls of the connections, a few in each turn, and
//! answers them.

mod acts;
mod answers;
mod explain;
mod feed;
mod jobs;
mod logs;
mod names;
mod notes;
mod pages;
mod wall;

use super::apply::Asker;
use super::shell::Shell;
use crate::control::api::{Event, Level};
use crate::control::{Ask, Call, Guests, Reply, serve, socket};
use crate::core::{self, Request};
use crate::model::{Id, Settings, Socket};
use feed::Feed;
use jobs::Jobs;
use logs::Followers;
use names::Unknown;
use pages::Pages;
use std::cell::Cell;
use std::ffi::OsString;
use std::future::pending;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use wall::Wall;

/// Calls that may wait for the shell; who has one more waits with it.
const CALLS: usize = 64;
/// How long one turn answers calls before others have their turn; one is always answered.
const TURN: Duration = Duration::from_millis(2);
/// How often the connections get a turn of their own at the very end, to hand over their last answers.
const LAST_TURNS: usize = 4;
/// How long those who act have to take them. They live in the container more often than not: what it ends with ends them
/// too, and then their own exit code would be that of a kill.
const LAST_WAIT: Duration = Duration::from_millis(100);

/// What the shell keeps for those who ask.
#[derive(Debug, Default)]
pub(super) struct Control {
    calls: Option<mpsc::Receiver<Call>>,
    pub(super) pages: Pages,
    /// A call that the shell was woken by.
    next: Option<Call>,
    bound: Option<socket::Bound>,
    guests: Option<Guests>,
    jobs: Jobs,
    feed: Feed,
    followers: Followers,
    wall: Cell<Option<Wall>>,
}

impl Control {
    /// Makes the sockets and serves them from now on. Without them the tree runs all the same.
    pub(super) async fn open(settings: &Settings, environment: &[(OsString, OsString)]) -> Self {
        let (sender, calls) = mpsc::channel(CALLS);
        let mut control = Self { calls: Some(calls), ..Self::default() };
        control.open_socket(settings, environment, &sender).await;
        control.pages.open(settings.http, sender);
        control
    }

    async fn open_socket(
        &mut self,
        settings: &Settings,
        environment: &[(OsString, OsString)],
        sender: &mpsc::Sender<Call>,
    ) {
        let variable =
            |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let uid = nix::unistd::Uid::effective().as_raw();
        let (places, usual) = match &settings.socket {
            Socket::Off => return,
            Socket::Path(path) => (vec![PathBuf::from(path)], false),
            Socket::Search => (socket::usual(uid, variable), true),
        };
        let (bound, failed) = socket::bind(&places, usual).await;
        let why = failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let Some((listener, bound)) = bound else {
            tracing::warn!("no control socket: {why}; the tree runs without one");
            return;
        };
        match serve(listener, uid, sender.clone()) {
            Ok(guests) => self.guests = Some(guests),
            Err(error) => {
                tracing::warn!("no control socket: {error}; the tree runs without one");
                return bound.remove();
            }
        }
        let path = bound.path.display();
        if why.is_empty() {
            tracing::info!("the control socket is {path}");
        } else {
            tracing::warn!("the control socket is {path}; {why}");
        }
        self.bound = Some(bound);
    }

    /// Waits until there is a call; [`Shell::answer_calls`] takes it. There is always somebody who may call.
    pub(super) async fn called(&mut self) {
        if self.next.is_some() {
            return;
        }
        let call = async {
            match &mut self.calls {
                Some(calls) => calls.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            call = call => self.next = call,
            () = self.pages.moved() => {}
        }
    }

    fn take(&mut self) -> Option<Call> {
        self.next.take().or_else(|| self.calls.as_mut()?.try_recv().ok())
    }

    /// Whether somebody is, or may be, connected.
    fn is_open(&self) -> bool {
        self.bound.is_some() || self.pages.is_open()
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
            // Both come from here, so they are what they should be.
            Ask::MoreEvents(subscription) => {
                if let Ok(subscription) = subscription.downcast() {
                    self.control.feed.more(*subscription, reply);
                }
            }
            Ask::Graph => reply.json(200, &self.graph(&names::all(&self.plan))),
            Ask::Timeline => reply.json(200, &self.timeline(&names::all(&self.plan))),
            Ask::Apply(apply) => self.apply(apply, Asker::Client(reply)),
            Ask::Shutdown(shutdown) => {
                self.facts.push_back(core::Event::Request(Request::Shutdown(shutdown.code), None));
                self.settle();
                jobs::answer(Vec::new(), Vec::new(), reply);
            }
            Ask::Logs(logs) => {
                let (ids, reply) = self.services(&logs.services, reply)?;
                let ids = (!logs.services.is_empty()).then_some(ids.as_slice());
                self.logs(ids, &logs, reply);
            }
            Ask::LogLevel(level) => {
                if let Some(level) = level {
                    self.output.set_log_level(level);
                }
                let level = self.output.log_level().name().to_owned();
                reply.json(200, &Level { level });
            }
            Ask::ReopenLogs => {
                self.output.reopen_files();
                jobs::answer(Vec::new(), Vec::new(), reply);
            }
            Ask::MoreLogs(reading) => {
                if let Ok(reading) = reading.downcast() {
                    self.more_logs(*reading, reply);
                }
            }
            Ask::Page(page, format) => self.page(page, format, reply),
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

    /// The last answers, as far as their clients take them at once, and the end of the socket.
    pub(super) async fn say_goodbye(&mut self) {
        if !self.control.is_open() {
            return;
        }
        for _ in 0..LAST_TURNS {
            self.control.feed.end();
            self.end_followers();
            // Each connection has its turn: it writes what it was answered, and asks for more events, perhaps.
            tokio::task::yield_now().await;
            while let Some(call) = self.control.take() {
                match call.ask {
                    Ask::MoreEvents(_) | Ask::MoreLogs(_) => self.answer(call),
                    // Its connection tells that it is too late.
                    _ => {}
                }
            }
        }
        if let Some(bound) = &self.control.bound {
            bound.remove();
        }
        if let Some(guests) = &self.control.guests {
            let _ = tokio::time::timeout(LAST_WAIT, guests.gone()).await;
        }
    }
}
