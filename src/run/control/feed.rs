//! Events for those who listen: one ring for all of them, and a cursor for each.
//!
//! Nothing is kept while nobody listens. Listeners ask for more when they have room for it; who falls behind the ring is
//! told how many events are missing, and goes on.

use super::names::Filter;
use crate::control::api::Event;
use crate::control::{Answer, Ask, Reply};
use hyper::body::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Events that are kept at most, and their bytes: the boot of a thousand services is fewer.
const EVENTS: usize = 8192;
const BYTES: usize = 2 << 20;
/// Bytes that one answer carries, or one event if that is longer.
const CHUNK: usize = 32 * 1024;

/// What happened lately.
#[derive(Debug, Default)]
pub(super) struct Feed {
    ring: VecDeque<Entry>,
    /// The number of the oldest event in it.
    first: u64,
    bytes: usize,
    /// Everybody who listens, and those among them who wait for more.
    listeners: Vec<Weak<()>>,
    waiting: Vec<(Subscription, Reply)>,
}

#[derive(Debug)]
struct Entry {
    /// The service that it is about; nobody for what is about all.
    service: Option<Box<str>>,
    /// As JSON, with a newline.
    line: Box<[u8]>,
}

/// Somebody who listens, and how far that one has read. Events are kept while one of them exists, here or on its way to
/// and from its client.
#[derive(Debug)]
pub(super) struct Subscription {
    /// The number of the next event.
    next: u64,
    filter: Filter,
    /// It exists: [`Feed::listeners`] looks at it.
    _alive: Arc<()>,
}

impl Feed {
    /// Whether anybody would hear of an event. Forgets who has left.
    pub(super) fn is_heard(&mut self) -> bool {
        if self.listeners.is_empty() {
            return false;
        }
        self.waiting.retain(|(_, reply)| !reply.is_abandoned());
        self.listeners.retain(|alive| alive.strong_count() > 0);
        if self.listeners.is_empty() {
            self.first = self.next();
            (self.ring, self.bytes) = (VecDeque::new(), 0);
        }
        !self.listeners.is_empty()
    }

    /// Keeps an event.
    pub(super) fn record(&mut self, service: Option<&str>, event: &Event) {
        let mut line = serde_json::to_vec(event).unwrap_or_default();
        line.push(b'\n');
        while self.ring.len() >= EVENTS || !self.ring.is_empty() && self.bytes + line.len() > BYTES {
            if let Some(oldest) = self.ring.pop_front() {
                self.bytes -= oldest.line.len();
                self.first += 1;
            }
        }
        self.bytes += line.len();
        self.ring.push_back(Entry { service: service.map(Into::into), line: line.into() });
    }

    fn next(&self) -> u64 {
        self.first + self.ring.len() as u64
    }

    /// Somebody begins to listen, from now on, and is told this first.
    pub(super) fn subscribe(&mut self, services: Vec<String>, first: &Event, reply: Reply) {
        let alive = Arc::new(());
        self.listeners.push(Arc::downgrade(&alive));
        let filter = Filter::new(services);
        let subscription = Subscription { next: self.next(), filter, _alive: alive };
        let mut line = serde_json::to_vec(first).unwrap_or_default();
        line.push(b'\n');
        reply.send(Answer::Lines { lines: line.into(), more: Some(more(subscription)) });
    }

    /// Somebody who listens has room for more: answered at once if there is more, else by [`Feed::tell`].
    pub(super) fn more(&mut self, mut subscription: Subscription, reply: Reply) {
        match self.read(&mut subscription) {
            Some(lines) => {
                reply.send(Answer::Lines { lines, more: Some(more(subscription)) });
            }
            None => self.waiting.push((subscription, reply)),
        }
    }

    /// Answers those who wait for more, if there is more.
    pub(super) fn tell(&mut self) {
        let next = self.next();
        if self.waiting.iter().all(|(subscription, _)| subscription.next == next) {
            return;
        }
        for (subscription, reply) in std::mem::take(&mut self.waiting) {
            self.more(subscription, reply);
        }
    }

    /// It is over: who waits gets what there is, and the end.
    pub(super) fn end(&mut self) {
        for (mut subscription, reply) in std::mem::take(&mut self.waiting) {
            let lines = self.read(&mut subscription).unwrap_or_default();
            reply.send(Answer::Lines { lines, more: None });
        }
    }

    /// The next events for a listener, and its cursor behind them. `None` if there is nothing for it.
    fn read(&self, subscription: &mut Subscription) -> Option<Bytes> {
        let mut lines = Vec::new();
        if let Some(count @ 1..) = self.first.checked_sub(subscription.next) {
            serde_json::to_writer(&mut lines, &Event::Lost { count }).ok()?;
            lines.push(b'\n');
            subscription.next = self.first;
        }
        let behind = usize::try_from(subscription.next - self.first).unwrap_or(usize::MAX);
        for entry in self.ring.iter().skip(behind) {
            if !lines.is_empty() && lines.len() + entry.line.len() > CHUNK {
                break;
            }
            subscription.next += 1;
            if entry.service.as_deref().is_none_or(|name| subscription.filter.takes(name)) {
                lines.extend_from_slice(&entry.line);
            }
        }
        (!lines.is_empty()).then(|| lines.into())
    }
}

fn more(subscription: Subscription) -> Ask {
    Ask::MoreEvents(Box::new(subscription))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::api::Event::{Lost, Snapshot, State};
    use tokio::sync::oneshot::Receiver;

    fn event(service: &str) -> Event {
        let [time, service, state] = ["t", service, "ready"].map(str::to_owned);
        State { time, service, state, reason: None }
    }

    fn record(feed: &mut Feed, service: &str) {
        feed.record(Some(service), &event(service));
    }

    fn subscribe(feed: &mut Feed, services: &[&str]) -> Subscription {
        let (reply, mut answer) = Reply::new();
        let services = services.iter().map(|&name| name.to_owned()).collect();
        feed.subscribe(services, &Snapshot { time: "t".to_owned(), services: Vec::new() }, reply);
        taken(&mut answer).expect("an answer").1.expect("more")
    }

    fn taken(answer: &mut Receiver<Answer>) -> Option<(Vec<Event>, Option<Subscription>)> {
        let Ok(Answer::Lines { lines, more }) = answer.try_recv() else { return None };
        let events = lines.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        let events = events.map(|line| serde_json::from_slice(line).unwrap()).collect();
        let more = more.map(|ask| match ask {
            Ask::MoreEvents(subscription) => *subscription.downcast().unwrap(),
            other => panic!("{other:?}"),
        });
        Some((events, more))
    }

    fn ask(feed: &mut Feed, subscription: Subscription) -> Receiver<Answer> {
        let (reply, answer) = Reply::new();
        feed.more(subscription, reply);
        answer
    }

    #[test]
    fn nothing_is_kept_while_nobody_listens() {
        let mut feed = Feed::default();
        assert!(!feed.is_heard());
        let subscription = subscribe(&mut feed, &[]);
        assert!(feed.is_heard());
        record(&mut feed, "web");
        drop(subscription);
        assert!(!feed.is_heard());
        assert_eq!((feed.ring.len(), feed.bytes, feed.first), (0, 0, 1));
    }

    #[test]
    fn a_listener_who_waits_is_told_and_one_who_left_is_forgotten() {
        let mut feed = Feed::default();
        let subscription = subscribe(&mut feed, &[]);
        let mut answer = ask(&mut feed, subscription);
        assert!(taken(&mut answer).is_none(), "there is nothing yet");
        record(&mut feed, "web");
        feed.tell();
        let (events, more) = taken(&mut answer).unwrap();
        assert_eq!(events, [event("web")]);
        drop(ask(&mut feed, more.unwrap()));
        assert!(!feed.is_heard() && feed.waiting.is_empty());
    }

    #[test]
    fn who_comes_and_goes_leaves_nothing_behind() {
        let mut feed = Feed::default();
        for _ in 0..100 {
            assert!(!feed.is_heard());
            let subscription = subscribe(&mut feed, &[]);
            drop(ask(&mut feed, subscription));
        }
        assert!(feed.listeners.len() <= 1 && feed.waiting.len() <= 1);
    }

    #[test]
    fn who_falls_behind_is_told_how_much_is_missing() {
        let mut feed = Feed::default();
        let subscription = subscribe(&mut feed, &[]);
        for _ in 0..EVENTS + 5 {
            record(&mut feed, "web");
        }
        let (events, more) = taken(&mut ask(&mut feed, subscription)).unwrap();
        assert_eq!(events[0], Lost { count: 5 });
        let mut got = events.len() - 1;
        let mut more = more.unwrap();
        while got < EVENTS {
            let (events, next) = taken(&mut ask(&mut feed, more)).unwrap();
            assert!(!events.iter().any(|event| matches!(event, Lost { .. })));
            got += events.len();
            more = next.unwrap();
        }
        assert_eq!((got, more.next), (EVENTS, feed.next()));
    }

    #[test]
    fn long_events_cannot_make_the_ring_large() {
        let mut feed = Feed::default();
        let _subscription = subscribe(&mut feed, &[]);
        for _ in 0..100 {
            record(&mut feed, &"x".repeat(BYTES / 10));
        }
        assert!(feed.bytes <= BYTES && feed.ring.len() <= 10);
        record(&mut feed, &"x".repeat(2 * BYTES));
        assert_eq!(feed.ring.len(), 1, "the newest is always there");
    }

    #[test]
    fn a_listener_hears_of_its_services_only_and_of_what_concerns_all() {
        let mut feed = Feed::default();
        let subscription = subscribe(&mut feed, &["w*"]);
        record(&mut feed, "db");
        let mut answer = ask(&mut feed, subscription);
        record(&mut feed, "db");
        feed.tell();
        assert!(taken(&mut answer).is_none());
        record(&mut feed, "web");
        let all = Event::Applied { time: "t".to_owned() };
        feed.record(None, &all);
        feed.tell();
        assert_eq!(taken(&mut answer).unwrap().0, [event("web"), all]);
    }

    #[test]
    fn at_the_end_who_waits_gets_the_rest_and_the_end() {
        let mut feed = Feed::default();
        let subscription = subscribe(&mut feed, &[]);
        let mut answer = ask(&mut feed, subscription);
        record(&mut feed, "web");
        feed.end();
        let (events, more) = taken(&mut answer).unwrap();
        assert_eq!((events.len(), more.is_none()), (1, true));
    }
}
