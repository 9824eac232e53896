//! A syslog server as an outlet: what [`Header::frame`] appends goes there over a Unix socket, UDP or TCP.
//!
//! ```text
//! buffer:  [ delivered │ with the kernel, perhaps lost │ waits ]
//!                     done                           sent
//! ```
//!
//! A frame counts as delivered once nobody can take it back: over TCP when the machine of the server has acknowledged it,
//! over a Unix socket when the kernel has taken it, over UDP when that was answered with no error. What is between `done`
//! and `sent` when a connection breaks is sent again, whole messages only. So none is lost that the server's machine has not
//! got, and one may come twice. Where a datagram is lost without an error, which is what UDP does in a busy network, nobody
//! ever learns of it.
//!
//! After a failure the first message is a trial: only when it has been sent and nothing has broken for a while does the
//! rest follow. A server that takes connections and closes them costs one message at a time, and that one is kept.

mod link;
mod message;

pub use message::Header;

use super::outlet::{LOW, Notice, Outlet, Progress, empty};
use crate::model::SyslogAddress;
use crate::sys::{connect, error_text};
use link::Link;
use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// The time to the first attempt after a failure; it doubles with each.
const DELAY: Duration = Duration::from_millis(200);
const MAX_DELAY: Duration = Duration::from_secs(10);
/// For how long a connection over TCP may be under way.
const CONNECTING: Duration = Duration::from_secs(10);
/// A connection that lasted so long was a good one: another is tried at once, before anything is said.
const GOOD: Duration = Duration::from_secs(1);
/// One that lasted so long starts the delays anew.
const STEADY: Duration = Duration::from_secs(10);
/// How long a trial takes.
const TRIAL: Duration = Duration::from_millis(200);
/// When to look again whether all is acknowledged.
const LOOK: Duration = Duration::from_millis(50);
/// A message is not cut to less than RFC 5424 section 6.1 has every receiver take.
const SHORTEST: usize = 480;

/// The way to one syslog server, for all services whose messages go there. It is opened when the first one comes.
#[derive(Debug)]
pub struct Syslog {
    address: SyslogAddress,
    buffer: Vec<u8>,
    done: usize,
    sent: usize,
    /// How much of the message at `sent` is with the kernel, where that counts without its length.
    part: usize,
    link: Option<Link>,
    /// The link takes messages, or is still being made.
    up: bool,
    /// Since when that is so.
    since: Instant,
    /// The last attempt to send found no room.
    crammed: bool,
    wait: Option<Instant>,
    delay: Duration,
    failing: bool,
    /// The message that is tried is with the kernel, and proved good then.
    trial: Option<Instant>,
    /// The longest message that goes as a datagram.
    longest: usize,
    /// The length of the last datagram, which an error may still say was lost.
    last: usize,
    lost: u64,
    notice: Option<Notice>,
}

impl Syslog {
    /// For the server at this address.
    #[must_use]
    pub fn new(address: &SyslogAddress) -> Self {
        Self {
            address: address.clone(),
            buffer: Vec::new(),
            done: 0,
            sent: 0,
            part: 0,
            link: None,
            up: false,
            since: Instant::now(),
            crammed: false,
            wait: None,
            delay: DELAY,
            failing: false,
            trial: None,
            longest: usize::MAX,
            last: 0,
            lost: 0,
            notice: None,
        }
    }

    /// Takes all along as far as it goes now.
    fn go(&mut self, now: Instant) -> io::Result<Progress> {
        self.crammed = false;
        if self.link.is_none() {
            if self.wait.is_some_and(|until| now < until) {
                return Ok(Progress::Stalled);
            }
            self.link = Some(Link::open(&self.address)?);
            (self.up, self.since) = (false, now);
        }
        let Some(link) = &mut self.link else { return Ok(Progress::Stalled) };
        if !self.up {
            if !link.is_up()? {
                let until = self.since + CONNECTING;
                (self.crammed, self.wait) = (true, Some(until));
                return if now < until {
                    Ok(Progress::Stalled)
                } else {
                    Err(io::Error::from_raw_os_error(libc::ETIMEDOUT))
                };
            }
            (self.up, self.since) = (true, now);
        }
        self.wait = None;
        if !matches!(link, Link::Udp(_)) {
            link.check()?;
        }
        let end = if self.failing {
            message::message(&self.buffer, self.done).map_or(self.buffer.len(), |message| message.end)
        } else {
            self.buffer.len()
        };
        let all = self.send(end)?;
        if self.failing {
            if !all || !self.is_proved(now)? {
                return Ok(Progress::Stalled);
            }
            return self.go(now);
        }
        self.confirm()?;
        if all && self.pending() > 0 {
            self.wait = Some(now + LOOK);
        }
        Ok(if self.pending() > 0 { Progress::Stalled } else { Progress::Empty })
    }

    /// Hands the frames up to `end` to the kernel. False if some had no room.
    fn send(&mut self, end: usize) -> io::Result<bool> {
        while self.sent < end {
            let result = match (&mut self.link, message::message(&self.buffer, self.sent)) {
                (Some(link @ Link::Tcp(_)), _) => {
                    link.send(self.buffer.get(self.sent..end).unwrap_or_default(), 0)
                }
                (Some(link), Some(message)) => {
                    let message = self.buffer.get(message).unwrap_or_default();
                    link.send(message.get(..self.longest).unwrap_or(message), self.part)
                }
                // Only what is no frame has no message.
                (None, _) | (_, None) => return Ok(true),
            };
            match result {
                Ok(0) => return Err(io::Error::from_raw_os_error(libc::EIO)),
                Ok(count) => self.advance(count),
                Err(error) => match error.raw_os_error() {
                    Some(libc::EMSGSIZE) => self.shorten(),
                    Some(libc::ENOBUFS) => {
                        self.wait = Some(Instant::now() + LOOK);
                        return Ok(false);
                    }
                    _ if error.kind() == ErrorKind::Interrupted => {}
                    _ if error.kind() == ErrorKind::WouldBlock => {
                        self.crammed = true;
                        return Ok(false);
                    }
                    _ => return Err(error),
                },
            }
        }
        Ok(true)
    }

    /// The kernel took so many bytes, or a datagram.
    fn advance(&mut self, count: usize) {
        let message = |syslog: &Self| message::message(&syslog.buffer, syslog.sent);
        let end = match &self.link {
            Some(Link::Lines(_)) => {
                self.part += count;
                // The newline counts too.
                let Some(message) = message(self).filter(|message| self.part > message.len()) else { return };
                self.part = 0;
                message.end
            }
            Some(Link::Udp(_) | Link::Datagrams(_)) => {
                self.last = count;
                message(self).map_or(self.buffer.len(), |message| message.end)
            }
            Some(Link::Tcp(_)) | None => {
                self.sent += count;
                return;
            }
        };
        if !self.failing {
            // That a datagram over UDP is refused is told with the next.
            self.done = if matches!(self.link, Some(Link::Udp(_))) { self.sent } else { end };
        }
        self.sent = end;
    }

    /// The message is too long for a datagram here.
    fn shorten(&mut self) {
        let Some(message) = message::message(&self.buffer, self.sent) else { return };
        self.longest = self.longest.min(message.len()) / 2;
        if self.longest >= SHORTEST {
            let text = format!("messages are cut to {} bytes, for longer ones are refused", self.longest);
            self.notice.get_or_insert(Notice::Told(text));
        } else {
            self.longest = usize::MAX;
            self.lost += message.len() as u64;
            (self.sent, self.done) = (message.end, message.end);
        }
    }

    /// After a failure: whether the message that was tried has gone its way, and with that the link is good again.
    fn is_proved(&mut self, now: Instant) -> io::Result<bool> {
        let Some(link) = &mut self.link else { return Ok(false) };
        if !matches!(link, Link::Datagrams(_)) {
            let until = *self.trial.get_or_insert(now + TRIAL);
            if now < until {
                self.wait = Some(until);
                return Ok(false);
            }
            link.check()?;
            if matches!(link, Link::Tcp(stream) if connect::unacknowledged(stream) > 0) {
                self.wait = Some(now + LOOK);
                return Ok(false);
            }
        }
        (self.failing, self.trial, self.done) = (false, None, self.sent);
        self.notice = Some(Notice::Recovered(std::mem::take(&mut self.lost)));
        Ok(true)
    }

    /// Finds out how much of what was sent cannot be lost any more.
    fn confirm(&mut self) -> io::Result<()> {
        match &mut self.link {
            Some(Link::Tcp(stream)) => {
                let acknowledged = self.sent.saturating_sub(connect::unacknowledged(stream));
                while let Some(message) = message::message(&self.buffer, self.done)
                    && message.end <= acknowledged
                {
                    self.done = message.end;
                }
            }
            Some(link @ Link::Udp(_)) => {
                // On this machine the answer of a closed port is there at once.
                link.check()?;
                self.done = self.sent;
            }
            Some(Link::Datagrams(_) | Link::Lines(_)) | None => {}
        }
        Ok(())
    }

    /// The link is of no use any more, or could not be made.
    fn broke(&mut self, error: &io::Error, now: Instant) {
        let lasted = if self.up { now.saturating_duration_since(self.since) } else { Duration::ZERO };
        if self.failing {
            self.trial = None;
        } else if matches!(self.link, Some(Link::Tcp(_))) {
            let _ = self.confirm();
        }
        let refused = matches!(self.link, Some(Link::Udp(_))) && error.kind() == ErrorKind::ConnectionRefused;
        if refused && self.done == self.sent {
            self.lost += std::mem::take(&mut self.last) as u64;
        }
        (self.link, self.up) = (None, false);
        (self.sent, self.part, self.longest) = (self.done, 0, usize::MAX);
        if lasted >= STEADY {
            self.delay = DELAY;
        }
        if !self.failing && !refused && lasted >= GOOD {
            self.wait = None;
            return;
        }
        if !std::mem::replace(&mut self.failing, true) {
            self.notice = Some(Notice::Failing(error_text(error)));
        }
        self.wait = Some(now + self.delay);
        self.delay = (self.delay * 2).min(MAX_DELAY);
    }
}

impl Outlet for Syslog {
    fn buffer(&mut self) -> &mut Vec<u8> {
        if self.done >= LOW {
            // One move of at most HIGH bytes for each LOW bytes sent.
            self.buffer.drain(..self.done);
            self.sent -= self.done;
            self.done = 0;
        }
        &mut self.buffer
    }

    /// What is not acknowledged counts too.
    fn pending(&self) -> usize {
        self.buffer.len() - self.done
    }

    fn flush(&mut self) -> Progress {
        if self.pending() == 0 {
            return Progress::Empty;
        }
        let now = Instant::now();
        let mut gone = self.go(now);
        if let Err(error) = &gone {
            self.broke(error, now);
            if self.wait.is_none() {
                gone = self.go(now);
                if let Err(error) = &gone {
                    self.broke(error, now);
                }
            }
        }
        // A connection that broke may have been found to have done its work.
        if self.pending() > 0 {
            return Progress::Stalled;
        }
        (self.done, self.sent) = (0, 0);
        empty(&mut self.buffer);
        Progress::Empty
    }

    /// Another one after each failure.
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.link.as_ref().filter(|_| self.crammed).map(Link::fd)
    }

    fn retry(&self) -> Option<Instant> {
        self.wait
    }

    fn is_failing(&self) -> bool {
        self.failing
    }

    fn take_notice(&mut self) -> Option<Notice> {
        self.notice.take()
    }
}

#[cfg(test)]
#[path = "syslog_tests.rs"]
mod tests;
