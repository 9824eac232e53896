//! Those who wait for an answer.
//!
//! A job is judged against the state whenever the tree has settled, never on the way, so an answer is true of the very
//! state that it is given in.

use super::{Action, Answer, Core, Goal, Phase, Reason, State, Ticket, Turn};
use crate::model::{Id, Kind};

/// Somebody who waits, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Job {
    pub(super) ticket: Ticket,
    pub(super) ask: Ask,
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ask {
    /// A start or a restart: as long as a restart has something to take down, the service is doomed.
    Up(Id),
    /// A stop.
    Down(Id),
    /// A reload by a command; `next`: by one that is not started yet.
    Reload { id: Id, next: bool },
    /// Nothing was asked for.
    Await(Id, Goal),
    /// A new plan. There is at most one of these.
    Replace,
    /// It is decided already.
    Over(Answer),
}

impl Core {
    pub(super) fn wait_for(&mut self, ticket: Option<Ticket>, ask: Ask) {
        self.jobs.extend(ticket.map(|ticket| Job { ticket, ask }));
    }

    pub(super) fn cancel(&mut self, ticket: Ticket) {
        self.jobs.retain(|job| job.ticket != ticket);
    }

    /// Has all who wait for `old` wait for `new`.
    pub(super) fn turn_into(&mut self, new: Ask, old: Ask) {
        for job in self.jobs.iter_mut().filter(|job| job.ask == old) {
            job.ask = new;
        }
    }

    /// Answers every job that can be answered; `last`: and all others, for nothing comes after this.
    pub(super) fn reply(&mut self, last: bool, turn: &mut Turn<'_>) {
        if self.jobs.is_empty() {
            return;
        }
        let ending = last.then_some(Answer::Not(Reason::Ending));
        let mut jobs = std::mem::take(&mut self.jobs);
        jobs.retain(|job| match self.verdict(job.ask).or(ending) {
            Some(answer) => {
                turn.act(Action::Reply(job.ticket, answer));
                false
            }
            None => true,
        });
        self.jobs = jobs;
    }

    fn verdict(&mut self, ask: Ask) -> Option<Answer> {
        match ask {
            Ask::Over(answer) => Some(answer),
            Ask::Up(id) => self.rises(id, true),
            Ask::Await(id, Goal::Ready) => self.rises(id, false),
            Ask::Await(id, Goal::Stopped) => self.is_stopped(id).then_some(Answer::Done),
            Ask::Down(id) if self.is_down(id) => Some(Answer::Done),
            Ask::Down(id) => {
                let started = self.phase == Phase::Running && !self.svc(id).held;
                started.then_some(Answer::Not(Reason::Started))
            }
            Ask::Reload { .. } if self.phase != Phase::Running => Some(Answer::Not(Reason::Ending)),
            Ask::Reload { id, .. } => {
                (self.svc(id).state != State::Ready).then_some(Answer::Not(Reason::NotReady))
            }
            Ask::Replace => self.replace_verdict(),
        }
    }

    /// Whether it is up, or why it does not come up; `asked`: so that it must not be held back by a stop.
    pub(super) fn rises(&self, id: Id, asked: bool) -> Option<Answer> {
        let svc = self.svc(id);
        let not = |reason| Some(Answer::Not(reason));
        if self.phase != Phase::Running {
            not(Reason::Ending)
        } else if self.is_removed(id) {
            not(Reason::Removed)
        } else if asked && svc.run_failed && svc.state == State::Armed {
            not(Reason::Failed)
        } else if self.satisfied(id) && !svc.doomed {
            Some(Answer::Done)
        } else {
            match svc.state {
                State::Failed if !svc.retiring => not(Reason::Failed),
                State::Blocked(by) if !svc.retiring => not(Reason::Blocked(by)),
                State::Done if !svc.doomed && self.plan.service(id).kind != Kind::Oneshot => {
                    not(Reason::Ended)
                }
                _ if asked && svc.off => self.why_off(id).and_then(not),
                _ => None,
            }
        }
    }

    /// The decision of somebody that keeps it down. `None` if there is none: a failure shows in the state as soon as the
    /// service is down, and what a new plan takes down may come back.
    fn why_off(&self, id: Id) -> Option<Reason> {
        let mut at = id;
        loop {
            let svc = self.svc(at);
            if svc.held {
                return Some(Reason::Stopped(at));
            } else if svc.retiring {
                return None;
            } else if !svc.target {
                return Some(Reason::Disabled);
            }
            at = self.plan.service(at).requires.iter().copied().find(|r| self.svc(*r).off)?;
        }
    }

    /// Nothing of it lives, and nothing of it stands in the way of what it depends on.
    pub(super) fn is_down(&self, id: Id) -> bool {
        let svc = self.svc(id);
        !self.standing(id) && svc.state != State::Backoff && !svc.live.any()
    }

    /// Nothing of it lives, and it does not start unless somebody asks for it.
    #[must_use]
    pub fn is_stopped(&self, id: Id) -> bool {
        let svc = self.svc(id);
        let stays = match svc.state {
            State::Inactive => !svc.target || (svc.off && self.coming.is_none()),
            State::Failed | State::Blocked(_) => !svc.retiring || self.is_removed(id),
            State::Done | State::Skipped => !svc.doomed,
            _ => false,
        };
        stays && !svc.live.any()
    }
}
