//! What services say of themselves, by sd_notify(3): one socket for all of them, and whose word counts.
//!
//! A datagram counts for the service that its sender belongs to, as the kernel names the sender. What counts for nothing is
//! counted, and told of once in a while. Datagrams are dealt with before the dead are waited for, so that a word counts also
//! when its sender ends right after it.

mod care;
mod main_process;
mod post;
mod sender;

use super::shell::{NOTIFY, Shell};
use crate::core::{Event, Proc, Role, State};
use crate::model::{Id, LONGEST_NOTIFICATION, Notification, Sign, Store, Watchdog};
use crate::sys::notify::{Letter, monotonic_usec};
use crate::sys::{Pid, SpawnError, procs};
use care::Care;
use main_process::Moved;
use nix::sys::epoll::{EpollEvent, EpollFlags};
use post::Post;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Datagrams that one turn takes at most when nobody has died.
pub(super) const SHARE: usize = 64;
/// So often, at most, it is told that one counted for nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// What the shell keeps of what services say.
#[derive(Debug, Default)]
pub(super) struct Notify {
    post: Option<Post>,
    /// For one datagram and a byte, so that a longer one shows.
    buffer: Vec<u8>,
    /// The last `STATUS` of each process.
    statuses: BTreeMap<Id, String>,
    /// When those that tell of their reload were last sent the signal, in microseconds of CLOCK_MONOTONIC.
    reloads: BTreeMap<Id, u64>,
    moved: Moved,
    care: Care,
    /// The socket has something.
    pub(super) waits: bool,
    tally: Tally,
    /// When it was last told that something counted for nothing.
    told: Option<Instant>,
}

/// How many datagrams came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Those that counted.
    pub(super) taken: u64,
    /// Those that did not, by [`Refusal`].
    pub(super) refused: [u64; Refusal::ALL.len()],
}

/// Why a datagram, or a part of it, counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not what a datagram has to be.
    Malformed,
    /// Its sender is of no service.
    Stranger,
    /// Its sender is of a service that nobody listens to.
    Unasked,
    /// A `MAINPID` that cannot be the service's.
    MainPid,
    /// A descriptor beyond `fd-store`.
    Store,
}

impl Refusal {
    /// All of them, in the order of [`Tally::refused`], with a word for each.
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Malformed, "malformed"),
        (Self::Stranger, "stranger"),
        (Self::Unasked, "unasked"),
        (Self::MainPid, "mainpid"),
        (Self::Store, "fdstore"),
    ];
}

impl Shell {
    /// What a process is to send to, for `NOTIFY_SOCKET`. Made when it is asked for the first time.
    pub(super) fn notify_address(&mut self) -> Result<&str, SpawnError> {
        if self.notify.post.is_none() {
            let post = Post::open(&self.plan.settings, &self.environment).map_err(|what| {
                SpawnError::socket(0, format!("cannot make a socket for notifications: {what}"))
            })?;
            let event = EpollEvent::new(EpollFlags::EPOLLIN, NOTIFY);
            self.epoll.add(&post.mailbox, event).map_err(|errno| {
                SpawnError::socket(errno as i32, format!("cannot wait for notifications: {}", errno.desc()))
            })?;
            tracing::debug!("the socket for notifications is {}", post.address);
            self.notify.buffer = vec![0; LONGEST_NOTIFICATION + 1];
            self.notify.post = Some(post);
        }
        Ok(self.notify.post.as_ref().map(|post| post.address.as_str()).unwrap_or_default())
    }

    /// Deals with so many datagrams, or with all that are there. True when there may be more.
    pub(super) fn take_notifications(&mut self, most: usize) -> bool {
        for _ in 0..most {
            let Notify { post: Some(post), buffer, .. } = &mut self.notify else { return false };
            let Some(letter) = post.mailbox.receive(buffer) else {
                self.notify.waits = false;
                return false;
            };
            self.open_letter(letter);
        }
        true
    }

    /// Deals with all that a process may have said that has just been seen dead. True when there is more than that.
    pub(super) fn hear_the_dead(&mut self) -> bool {
        match &self.notify.post {
            Some(post) => {
                let most = post.depth;
                self.take_notifications(most)
            }
            None => false,
        }
    }

    fn open_letter(&mut self, mut letter: Letter) {
        let text = self.notify.buffer.get(..letter.length).filter(|_| !letter.truncated);
        let said = match text.map(|text| Notification::parse(text, letter.fds.len())) {
            Some(Ok(said)) => said,
            Some(Err(error)) => return self.refuse(Refusal::Malformed, letter.pid, &error.to_string()),
            None => return self.refuse(Refusal::Malformed, letter.pid, "it is truncated"),
        };
        if said.barrier {
            // All before it has been dealt with, and what is held for it is closed here.
            self.notify.tally.taken += 1;
            return;
        }
        let Some(id) = self.sender(letter.pid) else {
            return self.refuse(Refusal::Stranger, letter.pid, "it belongs to no service");
        };
        if !self.plan.service(id).speaks_notify() {
            let why = format!("{} has neither `notify` nor `watchdog` nor `fd-store`", self.name(id));
            return self.refuse(Refusal::Unasked, letter.pid, &why);
        }
        self.notify.tally.taken += 1;
        tracing::debug!("{}: process {} says {said:?}", self.name(id), letter.pid);
        // Who says something has been executed, and that comes first.
        if let Some(pid) = self.procs.pid(Proc { id, role: Role::Main }) {
            self.report(pid);
        }
        if let Some(pid) = said.main
            && let Err(why) = self.move_main(id, pid, letter.uid)
        {
            let why = format!("MAINPID={pid} of {}: {why}", self.name(id));
            self.refuse(Refusal::MainPid, letter.pid, &why);
        }
        self.take_word(id, &said);
        match said.store {
            Some(Store::Keep { name, poll }) => {
                let most = usize::from(self.plan.service(id).fd_store);
                let fds = std::mem::take(&mut letter.fds);
                let left = self.notify.care.keep(&self.epoll, id, most, &name, poll, fds);
                if left > 0 {
                    let why = format!("{} keeps no more than {most} descriptors", self.name(id));
                    self.refuse(Refusal::Store, letter.pid, &why);
                }
            }
            Some(Store::Drop(name)) => self.notify.care.remove(&self.epoll, id, &name),
            None => {}
        }
        self.settle();
    }

    /// What it says of its state.
    fn take_word(&mut self, id: Id, said: &Notification) {
        match &said.status {
            Some(status) if status.is_empty() => drop(self.notify.statuses.remove(&id)),
            Some(status) => drop(self.notify.statuses.insert(id, status.clone())),
            None => {}
        }
        let service = self.plan.service(id);
        if let Some(interval) = said.watch {
            self.facts.push_back(Event::Watch(id, interval));
        }
        if said.stopping {
            self.facts.push_back(Event::Leaving(id));
        }
        // A stamp of before the signal is of another reload.
        let late = |begun: u64| self.notify.reloads.get(&id).is_none_or(|asked| begun >= *asked);
        if said.reloading && said.monotonic.is_none_or(late) {
            self.facts.push_back(Event::Reloading(id));
        }
        // Of a service that shows in another way that it is ready, it only means that a reload is through.
        let counts = service.ready.sign == Sign::Notify || self.core.svc(id).state == State::Ready;
        if said.ready && counts {
            self.facts.push_back(Event::Ready(id));
        }
        if let Some(time) = said.extend {
            self.facts.push_back(Event::Extend(id, time));
        }
        match said.watchdog {
            Some(Watchdog::Alive) => self.facts.push_back(Event::Alive(id)),
            Some(Watchdog::Hung) => self.facts.push_back(Event::Hung(id)),
            None => {}
        }
    }

    fn refuse(&mut self, refusal: Refusal, pid: Pid, why: &str) {
        if let Some(index) = Refusal::ALL.iter().position(|(one, _)| *one == refusal)
            && let Some(count) = self.notify.tally.refused.get_mut(index)
        {
            *count += 1;
        }
        if self.notify.told.is_some_and(|told| told.elapsed() < SILENCE) {
            return;
        }
        self.notify.told = Some(Instant::now());
        let program = procs::describe(pid).map(|found| format!(" ({})", found.comm)).unwrap_or_default();
        tracing::warn!("a notification of process {pid}{program} was ignored: {why}");
    }

    /// Its reload signal is about to be sent.
    pub(super) fn note_reload(&mut self, id: Id) {
        if self.plan.service(id).reload.notify {
            self.notify.reloads.insert(id, monotonic_usec());
        }
    }

    /// It has a new main process, which has said nothing yet.
    pub(super) fn begin_listening(&mut self, id: Id) {
        self.notify.statuses.remove(&id);
        self.notify.reloads.remove(&id);
    }

    /// What it last said that it does: one line that can be shown.
    pub(super) fn status_text(&self, id: Id) -> Option<&str> {
        self.notify.statuses.get(&id).map(String::as_str)
    }

    /// What came on the socket so far.
    pub(super) fn notify_tally(&self) -> Tally {
        self.notify.tally
    }

    /// The epoll tells that the other side of a descriptor in care has gone.
    pub(super) fn care_is_over(&mut self, serial: u32) {
        self.notify.care.is_over(&self.epoll, serial);
    }

    /// Removes the socket at the very end.
    pub(super) fn close_notify(&mut self) {
        if let Some(post) = self.notify.post.take() {
            post.close();
        }
    }
}
