//! Who waits for what to come true: requests that were given to the core with a ticket for each service.

use crate::control::Reply;
use crate::control::api::{ActResult, Acted, Outcome};
use crate::core::{StateName, Ticket};
use crate::model::Id;
use std::collections::BTreeMap;

/// Tickets that may be open at a time, for all and for those who may not act. The core looks at each after every event.
pub(super) const TICKETS: usize = 8_192;
pub(super) const STRANGERS: usize = 2_048;

/// The numbers above it are those of applies.
const LAST_TICKET: u32 = u32::MAX - 2;

/// One request of a client.
#[derive(Debug)]
struct Job {
    reply: Reply,
    results: Vec<Option<ActResult>>,
    /// Services whose results are missing, with their place among the results.
    open: BTreeMap<Ticket, (usize, Id, String)>,
    also: Vec<String>,
}

/// The open requests, by number.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    jobs: BTreeMap<u32, Job>,
    /// Which request a ticket belongs to.
    tickets: BTreeMap<Ticket, u32>,
    last_job: u32,
    last_ticket: u32,
}

/// What came of one service: `None` if all is well, else why not.
pub(super) type Why = Option<String>;

impl Jobs {
    /// Whether so many tickets more may be open.
    pub(super) fn has_room(&self, count: usize, may_act: bool) -> bool {
        self.tickets.len() + count <= if may_act { TICKETS } else { STRANGERS }
    }

    /// A new request for these services: its number, and the ticket for each.
    pub(super) fn open(
        &mut self,
        services: Vec<(Id, String)>,
        also: Vec<String>,
        reply: Reply,
    ) -> (u32, Vec<Ticket>) {
        // They come again after billions; what has been open since then is stepped over.
        self.last_job = self.last_job.wrapping_add(1);
        while self.jobs.contains_key(&self.last_job) {
            self.last_job = self.last_job.wrapping_add(1);
        }
        let number = self.last_job;
        let results = vec![None; services.len()];
        let mut open = BTreeMap::new();
        let mut tickets = Vec::with_capacity(services.len());
        for (at, (id, service)) in services.into_iter().enumerate() {
            let ticket = self.free_ticket();
            self.tickets.insert(ticket, number);
            open.insert(ticket, (at, id, service));
            tickets.push(ticket);
        }
        self.jobs.insert(number, Job { reply, results, open, also });
        (number, tickets)
    }

    fn free_ticket(&mut self) -> Ticket {
        loop {
            self.last_ticket = self.last_ticket % LAST_TICKET + 1;
            let ticket = Ticket(self.last_ticket);
            if !self.tickets.contains_key(&ticket) {
                return ticket;
            }
        }
    }

    /// The service that a ticket is for. Its name may have gone, and its id may be another's by now.
    pub(super) fn service(&self, ticket: Ticket) -> Option<(Id, &str)> {
        let job = self.jobs.get(self.tickets.get(&ticket)?)?;
        job.open.get(&ticket).map(|(_, id, service)| (*id, service.as_str()))
    }

    /// The core has answered a ticket. Returns the number of the request if that was the last one, and its client has
    /// its answer.
    pub(super) fn answered(&mut self, ticket: Ticket, state: StateName, why: Why) -> Option<u32> {
        let number = self.tickets.remove(&ticket)?;
        let job = self.jobs.get_mut(&number)?;
        let outcome = if why.is_some() { Outcome::Failed } else { Outcome::Done };
        job.settle(ticket, outcome, state, why);
        if !job.open.is_empty() {
            return None;
        }
        if let Some(job) = self.jobs.remove(&number) {
            job.answer();
        }
        Some(number)
    }

    /// Answers a request as it is now: what is open is `outcome`. Its open tickets are to be cancelled.
    pub(super) fn close(
        &mut self,
        number: u32,
        outcome: Outcome,
        state: impl Fn(Id, &str) -> StateName,
    ) -> Vec<Ticket> {
        let Some(mut job) = self.jobs.remove(&number) else { return Vec::new() };
        let open: Vec<Ticket> = job.open.keys().copied().collect();
        for ticket in &open {
            self.tickets.remove(ticket);
            let state =
                job.open.get(ticket).map_or(StateName::Inactive, |(_, id, service)| state(*id, service));
            job.settle(*ticket, outcome, state, None);
        }
        job.answer();
        open
    }

    /// Forgets the requests whose clients have left: their numbers, and their tickets, which are to be cancelled.
    pub(super) fn forget_abandoned(&mut self) -> (Vec<u32>, Vec<Ticket>) {
        let gone: Vec<u32> =
            self.jobs.iter().filter(|(_, job)| job.reply.is_abandoned()).map(|(number, _)| *number).collect();
        let mut tickets = Vec::new();
        for number in &gone {
            tickets.extend(self.jobs.remove(number).into_iter().flat_map(|job| job.open.into_keys()));
        }
        for ticket in &tickets {
            self.tickets.remove(ticket);
        }
        (gone, tickets)
    }
}

impl Job {
    fn settle(&mut self, ticket: Ticket, outcome: Outcome, state: StateName, reason: Why) {
        let Some((at, _, service)) = self.open.remove(&ticket) else { return };
        if let Some(slot) = self.results.get_mut(at) {
            *slot = Some(ActResult { service, outcome, state: state.to_string(), reason });
        }
    }

    fn answer(self) {
        let results: Vec<ActResult> = self.results.into_iter().flatten().collect();
        answer(results, self.also, self.reply);
    }
}

/// Answers with what came of each service, and the status that follows from it.
pub(super) fn answer(results: Vec<ActResult>, also: Vec<String>, reply: Reply) {
    let any = |outcome| results.iter().any(|result| result.outcome == outcome);
    let (late, failed) = (any(Outcome::Timeout), any(Outcome::Failed));
    // What failed will not come true by waiting longer, so that is said first.
    let status = if failed {
        409
    } else if late {
        504
    } else {
        200
    };
    reply.json(status, &Acted { ok: !late && !failed, results, also });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Answer;
    use tokio::sync::oneshot::Receiver;

    fn open(jobs: &mut Jobs, services: &[&str]) -> (u32, Vec<Ticket>, Receiver<Answer>) {
        let (reply, answer) = Reply::new();
        let names = services.iter().map(|&name| (Id(7), name.to_owned())).collect();
        let (number, tickets) = jobs.open(names, vec!["also".to_owned()], reply);
        (number, tickets, answer)
    }

    fn acted(mut answer: Receiver<Answer>) -> (u16, Acted) {
        match answer.try_recv() {
            Ok(Answer::Whole { status, body }) => (status, serde_json::from_slice(&body).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    fn is_clean(jobs: &Jobs) -> bool {
        jobs.jobs.is_empty() && jobs.tickets.is_empty()
    }

    #[test]
    fn a_request_is_answered_when_the_last_of_its_services_is_and_in_the_order_asked() {
        let mut jobs = Jobs::default();
        let (number, tickets, answer) = open(&mut jobs, &["a", "b"]);
        assert_eq!(jobs.service(tickets[1]), Some((Id(7), "b")));
        assert_eq!(jobs.answered(tickets[1], StateName::Ready, None), None);
        assert_eq!(jobs.answered(tickets[0], StateName::Ready, None), Some(number));
        let (status, acted) = acted(answer);
        assert_eq!((status, acted.ok), (200, true));
        assert_eq!(acted.results.iter().map(|r| r.service.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(acted.also, ["also"]);
        assert!(is_clean(&jobs));
    }

    #[test]
    fn a_failure_outweighs_a_timeout_which_outweighs_success() {
        let mut jobs = Jobs::default();
        let (number, tickets, answer) = open(&mut jobs, &["a", "b", "c"]);
        jobs.answered(tickets[0], StateName::Ready, None);
        let left = jobs.close(number, Outcome::Timeout, |_, _| StateName::Waiting);
        assert_eq!(left, tickets[1..]);
        let (status, acted_late) = acted(answer);
        assert_eq!((status, acted_late.results[2].outcome), (504, Outcome::Timeout));

        let (number, tickets, answer) = open(&mut jobs, &["a", "b"]);
        jobs.answered(tickets[0], StateName::Failed, Some("it has failed".to_owned()));
        jobs.close(number, Outcome::Timeout, |_, _| StateName::Waiting);
        let (status, acted) = acted(answer);
        assert_eq!((status, acted.results[0].reason.as_deref()), (409, Some("it has failed")));
        assert!(is_clean(&jobs));
    }

    #[test]
    fn who_left_is_forgotten_with_every_ticket() {
        let mut jobs = Jobs::default();
        let (number, tickets, answer) = open(&mut jobs, &["a", "b"]);
        let (_, kept, _answer) = open(&mut jobs, &["c"]);
        drop(answer);
        assert_eq!(jobs.forget_abandoned(), (vec![number], tickets));
        assert_eq!(jobs.service(kept[0]), Some((Id(7), "c")));
        assert_eq!(jobs.answered(Ticket(99), StateName::Ready, None), None, "nobody's ticket");
    }

    #[test]
    fn tickets_are_bounded_and_strangers_have_fewer() {
        let jobs = Jobs::default();
        assert!(jobs.has_room(TICKETS, true) && !jobs.has_room(TICKETS + 1, true));
        assert!(jobs.has_room(STRANGERS, false) && !jobs.has_room(STRANGERS + 1, false));
    }
}
