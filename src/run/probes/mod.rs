//! Probes: looks at services from outside, for the core.
//!
//! An attempt is in the table from [`Action::Probe`](crate::core::Action::Probe) on, and whatever takes it out tells
//! [`Event::Probed`]: so there is exactly one answer for each. What it is made of never waits; the patience with it is the
//! core's.

mod command;
mod connect;
mod http;

use super::shell::{PROBE, Shell};
use crate::core::{Event, Proc, Role, State};
use crate::model::{Id, Probe, Sign, Signal, format_duration};
use crate::sys::signal;
use command::Said;
use connect::{Connection, Target};
use nix::sys::epoll::{EpollEvent, EpollFlags};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// What was heard: of a success, of a failure.
type Verdict = Result<String, String>;

/// Bytes of an answer that are kept, as one line.
const LONGEST: usize = 256;
/// From here on, that an attempt is still without an answer is news.
const LONG: Duration = Duration::from_millis(100);

/// The probes that are under way, and what came of those before.
#[derive(Debug, Default)]
pub(super) struct Probes {
    attempts: BTreeMap<Id, Attempt>,
    /// Of each service that was ever probed.
    heard: BTreeMap<Id, Heard>,
    /// By service and whether it is for its health; of the plan that is in force.
    targets: BTreeMap<(Id, bool), Rc<Target>>,
}

#[derive(Debug)]
struct Attempt {
    /// By `[health]`, not by `[ready]`.
    health: bool,
    began: Instant,
    /// What the core gives it.
    patience: Duration,
    /// It was given up, and its process has to be reaped yet.
    abandoned: bool,
    work: Work,
}

#[derive(Debug)]
enum Work {
    /// `None` until its process is made.
    Command(Option<Said>),
    Connection(Connection),
}

#[derive(Debug, Default)]
struct Heard {
    last: Option<String>,
    tallies: [Tally; 2],
}

/// What came of all probes of one kind of one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// How many succeeded.
    pub(super) successes: u64,
    /// How many failed, or took too long.
    pub(super) failures: u64,
    /// How long the last one took.
    pub(super) last: Duration,
    /// How long all took together.
    pub(super) total: Duration,
}

impl Attempt {
    /// That there is no answer, and what it said nevertheless.
    fn silence(&self, how: &str, time: Duration) -> String {
        // More than milliseconds is not meant.
        let time = Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let mut text = format!("no answer {how} {}", format_duration(time));
        if let Work::Command(Some(said)) = &self.work {
            text.extend(said.last_line().map(|line| format!(": {line}")));
        }
        text
    }
}

impl Probes {
    /// Another plan: these services are others than before, and probes may be others.
    pub(super) fn replace(&mut self, anew: &[Id]) {
        self.targets.clear();
        for id in anew {
            self.heard.remove(id);
        }
    }

    /// A new life: what was heard of the last one is over.
    pub(super) fn begin(&mut self, id: Id) {
        if let Some(heard) = self.heard.get_mut(&id) {
            heard.last = None;
        }
    }

    fn note(&mut self, id: Id, verdict: &Verdict) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let heard = self.heard.entry(id).or_default();
        let (Ok(text) | Err(text)) = verdict;
        heard.last = Some(line(text));
        let [ready, health] = &mut heard.tallies;
        let tally = if attempt.health { health } else { ready };
        tally.successes += u64::from(verdict.is_ok());
        tally.failures += u64::from(verdict.is_err());
        tally.last = attempt.began.elapsed();
        tally.total = tally.total.saturating_add(tally.last);
    }
}

impl Shell {
    /// What a service is to be looked at with now.
    fn current_probe(&self, id: Id) -> Option<&Probe> {
        let service = self.plan.service(id);
        match (self.core.svc(id).state, &service.ready.sign) {
            (State::Ready, _) => service.health.probe.as_ref(),
            (_, Sign::Probe(probe)) => Some(probe),
            _ => None,
        }
    }

    /// The epoll has something of a probe of this service.
    fn probe_event(id: Id) -> EpollEvent {
        EpollEvent::new(EpollFlags::EPOLLIN, PROBE | u64::from(id.0))
    }

    /// Looks at it once; the answer is an [`Event::Probed`].
    pub(super) fn probe(&mut self, id: Id) {
        let health = self.core.svc(id).state == State::Ready;
        let target = self.target(id, health);
        let work = match &target {
            Some(Ok(target)) => Work::Connection(Connection::new(Rc::clone(target))),
            Some(Err(_)) | None => Work::Command(None),
        };
        let patience = Duration::from_millis(self.core.probe_patience(id));
        let attempt = Attempt { health, began: Instant::now(), patience, abandoned: false, work };
        self.probes.attempts.insert(id, attempt);
        match target {
            Some(Ok(_)) => self.go_on_probing(id),
            Some(Err(why)) => self.answer_probe(id, Err(why)),
            None => self.spawns.push_back(Proc { id, role: Role::Probe }),
        }
    }

    /// `None`: it is a command.
    fn target(&mut self, id: Id, health: bool) -> Option<Result<Rc<Target>, String>> {
        if let Some(target) = self.probes.targets.get(&(id, health)) {
            return Some(Ok(Rc::clone(target)));
        }
        let made = Target::new(self.current_probe(id)?)?.map(Rc::new);
        if let Ok(target) = &made {
            self.probes.targets.insert((id, health), Rc::clone(target));
        }
        Some(made)
    }

    /// There is news of its probe, or perhaps of one before.
    pub(super) fn go_on_probing(&mut self, id: Id) {
        let Some(attempt) = self.probes.attempts.get_mut(&id) else { return };
        match &mut attempt.work {
            Work::Command(Some(said)) => {
                if said.read() == Ok(0) {
                    // That would be told for ever; the death of its process is told otherwise.
                    let _ = self.epoll.delete(said.descriptor());
                }
            }
            Work::Command(None) => {}
            Work::Connection(connection) => {
                if let Poll::Ready(verdict) = connection.advance(&self.epoll, Self::probe_event(id).data()) {
                    self.answer_probe(id, verdict);
                }
            }
        }
    }

    /// Gives the look up; it is answered all the same, by the death of its process if it has one.
    pub(super) fn abandon(&mut self, id: Id) {
        let Some(attempt) = self.probes.attempts.get_mut(&id) else { return };
        attempt.abandoned = true;
        let has_process = matches!(attempt.work, Work::Command(Some(_)));
        // What took too long has failed; what was given up earlier has only lost its meaning.
        if attempt.began.elapsed() >= attempt.patience {
            let text = attempt.silence("within", attempt.patience);
            self.probes.note(id, &Err(text));
        }
        let process = Proc { id, role: Role::Probe };
        match self.procs.pid(process) {
            Some(pid) if has_process => drop(signal::kill_family(pid, Signal::KILL)),
            _ => {
                self.spawns.retain(|queued| *queued != process);
                self.answer_probe(id, Err(String::new()));
            }
        }
    }

    /// Ends the attempt, if there is one.
    pub(super) fn answer_probe(&mut self, id: Id, verdict: Verdict) {
        let Some(attempt) = self.probes.attempts.get(&id) else { return };
        let counts = !attempt.abandoned;
        if counts {
            self.probes.note(id, &verdict);
        }
        let Some(mut attempt) = self.probes.attempts.remove(&id) else { return };
        match &mut attempt.work {
            Work::Command(Some(said)) => drop(self.epoll.delete(said.descriptor())),
            Work::Command(None) => {}
            Work::Connection(connection) => connection.close(&self.epoll),
        }
        self.facts.push_back(Event::Probed(id, counts && verdict.is_ok()));
    }

    /// What the last probe heard, for people; of a service that is starting, what its sign is waiting for.
    pub(super) fn last_answer(&self, id: Id) -> Option<String> {
        if let Some(attempt) = self.probes.attempts.get(&id).filter(|attempt| !attempt.abandoned) {
            let lasts = attempt.began.elapsed();
            if lasts >= LONG {
                return Some(line(&attempt.silence("for", lasts)));
            }
        }
        if let Some(last) = self.probes.heard.get(&id).and_then(|heard| heard.last.clone()) {
            return Some(last);
        }
        match self.core.svc(id).state {
            State::Starting(_) => self.missing_sign(id),
            _ => None,
        }
    }

    /// What came of its probes: those of its readiness, those of its health.
    pub(super) fn tallies(&self, id: Id) -> [Tally; 2] {
        self.probes.heard.get(&id).map(|heard| heard.tallies).unwrap_or_default()
    }
}

/// As one line of at most [`LONGEST`] bytes, without control characters.
fn line(text: &str) -> String {
    let mut line = String::new();
    for letter in text.trim().chars() {
        if line.len() > LONGEST - 16 {
            line.push('…');
            break;
        }
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_is_one_short_line_whatever_it_is() {
        assert_eq!(line(" a\tb\u{1b}[1m\r\nc \n"), "a\\tb\\u{1b}[1m\\r\\nc");
        for letter in ["x", "é", "\u{7}", "\u{9b}", "🦀"] {
            let long = line(&letter.repeat(10_000));
            assert!(long.len() <= LONGEST && long.ends_with('…'), "{} bytes", long.len());
        }
    }
}
