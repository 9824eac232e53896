//! Another plan at run time: reads the configuration anew, tells what differs, and gives it to the core.
//!
//! ```text
//! apply() ──► Reading, in a copy of this process ──► align, differences ──► Event::Replace ──► Action::Replaced, Reply
//!                                                        └──► who only wants to know (dry run)
//! ```
//!
//! One reading at a time. Who asks while one is under way gets the next: the files may have changed since it began. Whoever
//! else asks until then gets the same. When something is wrong with the configuration, nothing is changed.

mod load;
mod told;

pub use load::Origin;

use super::report::{ended, why_not};
use super::shell::Shell;
use super::timers::Due;
use crate::control::Reply;
use crate::control::api::{Applied, Apply};
use crate::core::{Answer, Event, Phase, Ticket};
use crate::model::{
    Exit, Id, LogLevel, Plan, Signal, Socket, align, differences, format_duration, settings_differences,
};
use crate::sys::{Pid, errno_text, memory, signal};
use load::{Read, Reading};
use std::rc::Rc;
use std::time::Duration;
use told::{change, refusal, summary};

/// More waiters than this are turned away.
const WAITERS: usize = 64;
/// The tickets of applies; those of other requests count up from 1. Two are enough: a newer one answers the older.
const TICKETS: [Ticket; 2] = [Ticket(u32::MAX), Ticket(u32::MAX - 1)];

/// Who asked for an apply.
#[derive(Debug)]
pub(super) enum Asker {
    Client(Reply),
    /// What comes of it is said in the supervisor's own lines.
    Hangup,
    /// He does not wait any more. What he asked for goes on.
    Gone,
}

/// Somebody who asked.
#[derive(Debug)]
struct Waiter {
    number: u32,
    request: Apply,
    asker: Asker,
}

impl Waiter {
    fn has_left(&self) -> bool {
        matches!(&self.asker, Asker::Client(reply) if reply.is_abandoned())
    }

    /// What is left of one who does not wait any more, and is to be done all the same.
    fn remains(&self) -> Option<Self> {
        let Self { number, request, .. } = self;
        (!request.dry_run).then(|| Self { number: *number, request: request.clone(), asker: Asker::Gone })
    }
}

/// A plan that was given to the core and is not all up yet.
#[derive(Debug)]
struct Given {
    ticket: Ticket,
    /// What was found, and what to answer when all goes well.
    applied: Applied,
    in_force: bool,
    /// SIGHUP asked for it: told when it is in force, for what does not come up then tells of itself.
    aloud: bool,
    waiters: Vec<Waiter>,
}

/// All applies that are not over.
#[derive(Debug, Default)]
pub(super) struct Applies {
    reading: Option<Reading>,
    /// Who waits for the reading under way, and who for the next.
    current: Vec<Waiter>,
    next: Vec<Waiter>,
    given: Vec<Given>,
    last_number: u32,
}

impl Applies {
    /// Whether this child is one of ours: it reads the configuration.
    pub(super) fn is_reader(&self, pid: Pid) -> bool {
        self.reading.as_ref().is_some_and(|reading| reading.pid == pid)
    }

    /// Whether something may change by one of them.
    pub(super) fn are_under_way(&self) -> bool {
        let changes = |waiter: &Waiter| !waiter.request.dry_run;
        !self.given.is_empty() || self.current.iter().chain(&self.next).any(changes)
    }

    fn lists(&mut self) -> impl Iterator<Item = &mut Vec<Waiter>> {
        let given = self.given.iter_mut().map(|given| &mut given.waiters);
        [&mut self.current, &mut self.next].into_iter().chain(given)
    }

    /// Takes those out who do not wait any more; one of them stands for all.
    fn take_out(&mut self, gone: impl Fn(&Waiter) -> bool) -> Vec<(Waiter, Option<Applied>)> {
        let mut out = Vec::new();
        for list in [&mut self.current, &mut self.next] {
            let mut remains = None;
            for waiter in list.extract_if(.., |waiter| gone(waiter) || matches!(waiter.asker, Asker::Gone)) {
                remains = remains.or(waiter.remains());
                out.push((waiter, None));
            }
            list.extend(remains);
        }
        for given in &mut self.given {
            let waiters = given.waiters.extract_if(.., |waiter| gone(waiter));
            out.extend(waiters.map(|waiter| (waiter, Some(given.applied.clone()))));
        }
        out
    }
}

impl Shell {
    /// Reads the configuration anew, and makes of the running tree what it says. Who asked is answered when what changed is
    /// up again, or earlier as the request says.
    pub(super) fn apply(&mut self, request: Apply, asker: Asker) {
        for (waiter, _) in self.applies.take_out(Waiter::has_left) {
            self.timers.disarm(Due::Apply(waiter.number));
        }
        let number = self.applies.last_number.wrapping_add(1);
        self.applies.last_number = number;
        let waiter = Waiter { number, request, asker };
        let waiting: usize = self.applies.lists().map(|list| list.len()).sum();
        let refused = if self.core.phase() != Phase::Running {
            Some((409, "the container is stopping"))
        } else if waiting >= WAITERS {
            Some((503, "too many others wait for an apply"))
        } else {
            None
        };
        if let Some((status, reason)) = refused {
            return self.answer_all(vec![waiter], status, &refusal(reason));
        }
        if let Some(seconds) = waiter.request.timeout {
            self.timers
                .arm(Due::Apply(number), Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
        }
        if self.applies.reading.is_some() {
            if self.applies.current.is_empty() {
                // It was given up and is not dead yet; whether it ever will be, nobody knows.
                self.timers.arm(Due::Reading, load::PATIENCE);
            }
            // One signal or ten: what they ask for is the same.
            let hangup = |waiter: &Waiter| matches!(waiter.asker, Asker::Hangup);
            if !hangup(&waiter) || !self.applies.next.iter().any(hangup) {
                self.applies.next.push(waiter);
            }
            return;
        }
        self.applies.current.push(waiter);
        self.begin_reading();
    }

    fn begin_reading(&mut self) {
        match Reading::begin(&self.origin, &self.environment) {
            Ok(reading) => {
                tracing::debug!("process {} reads the configuration", reading.pid);
                // Without its event it is read when the process ends, if it ends: a pipe holds most answers.
                let _ = self.epoll.add(reading.descriptor(), Self::reading_event());
                self.timers.arm(Due::Reading, load::PATIENCE);
                self.applies.reading = Some(reading);
            }
            Err(error) => {
                let why = error
                    .raw_os_error()
                    .map_or_else(|| error.to_string(), |errno| errno_text(errno).to_owned());
                self.conclude(Err(why));
            }
        }
    }

    /// The process that reads has something to say.
    pub(super) fn read_on(&mut self) {
        let Some(reading) = &mut self.applies.reading else { return };
        if !reading.take() {
            let _ = self.epoll.delete(reading.descriptor());
            if reading.is_too_much() {
                signal::kill(reading.pid, Signal::KILL);
            }
        }
    }

    /// The process that reads has died and was waited for.
    pub(super) fn bury_reader(&mut self, exit: Exit) {
        let Some(reading) = self.applies.reading.take() else { return };
        let _ = self.epoll.delete(reading.descriptor());
        self.timers.disarm(Due::Reading);
        self.conclude(reading.end(&ended(exit)));
        self.applies.current = std::mem::take(&mut self.applies.next);
        if !self.applies.current.is_empty() {
            self.begin_reading();
        }
        memory::give_back();
    }

    /// It takes too long, on a mount that does not answer, say.
    pub(super) fn reading_is_late(&mut self) {
        self.give_up_reading(&format!("not done within {}", format_duration(load::PATIENCE)));
    }

    /// Its process may even be beyond SIGKILL; until it is gone, no other one is started.
    pub(super) fn give_up_reading(&mut self, why: &str) {
        let Some(reading) = &self.applies.reading else { return };
        signal::kill(reading.pid, Signal::KILL);
        let next = std::mem::take(&mut self.applies.next);
        self.applies.current.extend(next);
        self.conclude(Err(why.to_owned()));
    }

    /// What was read, for those who wait for it.
    fn conclude(&mut self, read: Result<Read, String>) {
        let waiters = std::mem::take(&mut self.applies.current);
        if waiters.is_empty() {
            return;
        }
        let read = match read {
            _ if self.core.phase() != Phase::Running => {
                return self.answer_all(waiters, 409, &refusal("the container is stopping"));
            }
            Ok(read) => read,
            Err(why) => {
                let reason = format!("cannot read the configuration: {why}");
                return self.answer_all(waiters, 409, &refusal(&reason));
            }
        };
        let Some(plan) = read.plan else {
            let errors =
                if read.errors == 1 { "1 error".to_owned() } else { format!("{} errors", read.errors) };
            let reason = format!("the configuration has {errors}");
            let applied = Applied { findings: read.findings, errors: read.errors, ..refusal(&reason) };
            return self.answer_all(waiters, 422, &applied);
        };
        let plan = align(&self.plan, plan);
        let changes = differences(&self.plan, &plan);
        let applied = Applied {
            ok: true,
            changes: changes.into_iter().map(|found| change(found, &self.plan, &plan)).collect(),
            settings: settings_differences(&self.plan.settings, &plan.settings)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            reason: None,
            findings: read.findings,
            errors: 0,
        };
        let (curious, waiters): (Vec<_>, Vec<_>) = waiters.into_iter().partition(|w| w.request.dry_run);
        self.answer_all(curious, 200, &applied);
        if !waiters.is_empty() {
            for note in read.notes {
                tracing::warn!("{note}");
            }
            self.give(plan, applied, waiters);
        }
    }

    fn give(&mut self, plan: Plan, applied: Applied, mut waiters: Vec<Waiter>) {
        let taken = |ticket: &Ticket| self.applies.given.iter().any(|given| given.ticket == *ticket);
        let ticket = TICKETS.into_iter().find(|ticket| !taken(ticket)).unwrap_or(TICKETS[0]);
        let aloud = waiters.iter().any(|waiter| matches!(waiter.asker, Asker::Hangup));
        waiters.retain(|waiter| matches!(waiter.asker, Asker::Client(_)));
        self.applies.given.push(Given { ticket, applied, in_force: false, aloud, waiters });
        self.facts.push_back(Event::Replace(Rc::new(plan), Some(ticket)));
        self.settle();
        // It is accepted, whatever comes of it.
        let Some(given) = self.applies.given.iter_mut().find(|given| given.ticket == ticket) else { return };
        let hasty: Vec<_> = given.waiters.extract_if(.., |waiter| waiter.request.no_wait).collect();
        let applied = given.applied.clone();
        self.answer_all(hasty, 200, &applied);
    }

    /// The core carries out another plan from here on. Ids are stable, so tables only grow.
    pub(super) fn replaced(&mut self) {
        let new = Rc::clone(self.core.plan());
        let old = std::mem::replace(&mut self.plan, Rc::clone(&new));
        let name =
            |plan: &Plan, id: Id| plan.services.get(id.index()).map(|s| s.name.clone()).unwrap_or_default();
        let anew: Vec<Id> = new.ids().filter(|id| name(&old, *id) != name(&new, *id)).collect();
        self.procs.replace(new.services.len(), &anew);
        self.probes.replace(&anew);
        self.faults.resize(new.services.len().max(self.faults.len()), None);
        for id in &anew {
            self.unmet.remove(id);
            if let Some(fault) = self.faults.get_mut(id.index()) {
                *fault = None;
            }
        }
        self.cgroups.replace(&old, &new, &anew);
        self.output.replace(&new, &anew);
        self.divert_from_all();
        self.schedules_replaced();
        self.replace_sockets(&old, &anew);
        for id in &anew {
            self.begin_listening(*id);
        }
        self.note_replaced(&old);
        self.take_settings(&old);
        let Some(given) = self.applies.given.last_mut() else { return };
        given.in_force = true;
        let line = format!("applied: {}", summary(&given.applied));
        say(given.aloud, &line);
    }

    fn take_settings(&mut self, old: &Plan) {
        let settings = &self.plan.settings;
        if settings.log_level != old.settings.log_level {
            self.output.set_log_level(settings.log_level);
        }
        if let Err(error) = self.inbox.renew(settings, self.plan.services.iter().any(|service| service.main))
        {
            tracing::warn!("cannot take the signals of `[shutdown] signals`: {error}");
        }
        if settings.http != old.settings.http {
            self.control.pages.go_to(settings.http);
        }
        if settings.cgroup != old.settings.cgroup {
            tracing::warn!("`cgroup` counts only when the container is restarted");
        }
        if settings.socket != old.settings.socket {
            let place = match &settings.socket {
                Socket::Search => "a usual place",
                Socket::Path(path) => path,
                Socket::Off => "nowhere",
            };
            tracing::warn!("the control socket moves to {place} only when the container is restarted");
        }
    }

    /// What the core made of a plan. False if the ticket is not one of these.
    pub(super) fn apply_answered(&mut self, ticket: Ticket, answer: Answer) -> bool {
        if !TICKETS.contains(&ticket) {
            return false;
        }
        let Some(index) = self.applies.given.iter().position(|given| given.ticket == ticket) else {
            return true;
        };
        let mut given = self.applies.given.remove(index);
        let reason = match answer {
            Answer::Done => None,
            Answer::Not(reason) => Some(why_not(&self.core, None, reason)),
            Answer::Except(id, reason) => {
                Some(format!("{}: {}", self.name(id), why_not(&self.core, Some(id), reason)))
            }
        };
        given.applied.ok = reason.is_none();
        given.applied.reason = reason;
        if let (false, Some(reason)) = (given.in_force, &given.applied.reason) {
            say(given.aloud, &format!("not applied: {reason}"));
        }
        self.answer_all(given.waiters, if given.applied.ok { 200 } else { 409 }, &given.applied);
        true
    }

    /// Somebody has waited as long as he wanted to.
    pub(super) fn end_waiting(&mut self, number: u32) {
        for (waiter, applied) in self.applies.take_out(|waiter| waiter.number == number) {
            let goes_on = if waiter.request.dry_run { "" } else { "; it goes on" };
            let reason = Some(format!("not done in time{goes_on}"));
            let applied = Applied { ok: false, reason, ..applied.unwrap_or_default() };
            self.answer_all(vec![waiter], 504, &applied);
        }
    }

    fn answer_all(&mut self, waiters: Vec<Waiter>, status: u16, applied: &Applied) {
        for waiter in waiters {
            self.timers.disarm(Due::Apply(waiter.number));
            match waiter.asker {
                Asker::Client(reply) => reply.json(status, applied),
                Asker::Gone => {}
                Asker::Hangup => {
                    let reason = applied.reason.as_deref().unwrap_or_default();
                    tracing::warn!("not applied, nothing was changed: {reason}");
                    if !applied.findings.is_empty() {
                        self.output.say(LogLevel::Warn, applied.findings.as_bytes());
                    }
                }
            }
        }
    }
}

fn say(aloud: bool, line: &str) {
    if aloud {
        tracing::warn!("{line}");
    } else {
        tracing::info!("{line}");
    }
}
