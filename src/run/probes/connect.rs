//! Probes that are connections: begun, and taken along as far as they go whenever the epoll has something to tell.

use super::Verdict;
use super::http::Request;
use crate::model::{Host, Http, Probe};
use crate::sys::{connect, error_text};
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::task::Poll;

/// What is read at once.
const PIECE: usize = 4096;

/// What to connect to, and what to say there: a probe made ready once for all its attempts.
#[derive(Debug)]
pub(super) enum Target {
    Tcp(Place),
    Unix(String),
    Http(Place, Request),
}

/// Addresses to be tried in order, and how people write them.
#[derive(Debug)]
pub(super) struct Place {
    shown: String,
    addresses: Vec<SocketAddr>,
}

impl Target {
    /// `None` for a probe that is a command.
    ///
    /// # Errors
    /// It cannot be tried at all, which the configuration does not let happen.
    pub(super) fn new(probe: &Probe) -> Option<Result<Self, String>> {
        Some(match probe {
            Probe::Exec(_) => return None,
            Probe::Tcp(host) => Place::new(host).map(Self::Tcp),
            Probe::Unix(path) => Ok(Self::Unix(path.clone())),
            Probe::Http(http) => Self::http(http),
        })
    }

    fn http(http: &Http) -> Result<Self, String> {
        Ok(Self::Http(Place::new(&http.host)?, Request::new(http)?))
    }
}

impl Place {
    fn new(Host { host, port }: &Host) -> Result<Self, String> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let hosts = if bare == "localhost" {
            vec![IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)]
        } else {
            vec![bare.parse().map_err(|_| format!("cannot connect to {host}: names are not resolved"))?]
        };
        let addresses: Vec<_> = hosts.into_iter().map(|host| SocketAddr::new(host, *port)).collect();
        let shown = match addresses.as_slice() {
            [one] => one.to_string(),
            _ => format!("{host}:{port}"),
        };
        Ok(Self { shown, addresses })
    }
}

/// One attempt.
#[derive(Debug)]
pub(super) struct Connection {
    target: Rc<Target>,
    /// Addresses that were tried.
    tried: usize,
    stage: Stage,
    answer: Vec<u8>,
    /// What the first address that was tried met, which is the one that people think of.
    failure: Option<io::Error>,
}

#[derive(Debug)]
enum Stage {
    /// No address is being tried.
    Between,
    Connecting(Watched),
    /// So many bytes are sent.
    Sending(Watched, usize),
    Receiving(Watched),
}

/// A stream, and what the epoll looks for in it.
#[derive(Debug)]
struct Watched {
    stream: TcpStream,
    flags: EpollFlags,
}

impl Connection {
    pub(super) fn new(target: Rc<Target>) -> Self {
        Self { target, tried: 0, stage: Stage::Between, answer: Vec::new(), failure: None }
    }

    /// Goes on as far as possible without waiting. When it is over, the epoll has nothing of it any more.
    pub(super) fn advance(&mut self, epoll: &Epoll, data: u64) -> Poll<Verdict> {
        let verdict = match Rc::clone(&self.target).as_ref() {
            Target::Unix(path) => Poll::Ready(match connect::try_unix(path) {
                Ok(()) => Ok(accepted(path)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    Err(format!("cannot connect to {path}: nobody accepts, and the queue is full"))
                }
                Err(error) => Err(refused(path, &error)),
            }),
            Target::Tcp(place) => self.over_tcp(place, None, epoll, data),
            Target::Http(place, request) => self.over_tcp(place, Some(request), epoll, data),
        };
        if verdict.is_ready() {
            self.close(epoll);
        }
        verdict
    }

    /// Drops the connection.
    pub(super) fn close(&mut self, epoll: &Epoll) {
        if let Stage::Connecting(watched) | Stage::Sending(watched, _) | Stage::Receiving(watched) =
            std::mem::replace(&mut self.stage, Stage::Between)
        {
            watched.forget(epoll);
        }
    }

    fn over_tcp(
        &mut self,
        place: &Place,
        request: Option<&Request>,
        epoll: &Epoll,
        data: u64,
    ) -> Poll<Verdict> {
        let waits = |waits: io::Result<()>| match waits {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(format!("cannot wait for an answer: {}", error_text(&error)))),
        };
        loop {
            match &mut self.stage {
                Stage::Between => {
                    let Some(address) = place.addresses.get(self.tried) else {
                        let error = self.failure.take().unwrap_or_else(|| ErrorKind::NotFound.into());
                        return Poll::Ready(Err(refused(&place.shown, &error)));
                    };
                    self.tried += 1;
                    match connect::begin(*address) {
                        Ok(stream) => {
                            self.stage = Stage::Connecting(Watched { stream, flags: EpollFlags::empty() });
                        }
                        Err(error) => drop(self.failure.get_or_insert(error)),
                    }
                }
                Stage::Connecting(watched) => match connect::connected(&watched.stream) {
                    Ok(false) => return waits(watched.wait(EpollFlags::EPOLLOUT, epoll, data)),
                    Ok(true) if request.is_none() => return Poll::Ready(Ok(accepted(&place.shown))),
                    Ok(true) => self.go_on(|watched| Stage::Sending(watched, 0)),
                    Err(error) => {
                        self.failure.get_or_insert(error);
                        self.close(epoll);
                    }
                },
                Stage::Sending(watched, sent) => {
                    let rest = request.and_then(|request| request.bytes().get(*sent..)).unwrap_or_default();
                    if rest.is_empty() {
                        self.go_on(Stage::Receiving);
                        continue;
                    }
                    match watched.stream.write(rest) {
                        Ok(count) => *sent += count,
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            return waits(watched.wait(EpollFlags::EPOLLOUT, epoll, data));
                        }
                        Err(error) => {
                            let cause = lower(&error);
                            return Poll::Ready(Err(format!(
                                "cannot send a request to {}: {cause}",
                                place.shown
                            )));
                        }
                    }
                }
                Stage::Receiving(watched) => {
                    let Some(request) = request else { return Poll::Pending };
                    let read = receive(&mut watched.stream, &mut self.answer);
                    let over = !matches!(&read, Err(error) if error.kind() == ErrorKind::WouldBlock);
                    if let Err(error) = &read
                        && over
                        && self.answer.is_empty()
                    {
                        return Poll::Ready(Err(format!("no answer from {}: {}", place.shown, lower(error))));
                    }
                    return match request.judge(&self.answer, over) {
                        Some(verdict) => Poll::Ready(verdict),
                        None => waits(watched.wait(EpollFlags::EPOLLIN, epoll, data)),
                    };
                }
            }
        }
    }

    fn go_on(&mut self, next: impl FnOnce(Watched) -> Stage) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Between) {
            Stage::Between => Stage::Between,
            Stage::Connecting(watched) | Stage::Sending(watched, _) | Stage::Receiving(watched) => {
                next(watched)
            }
        };
    }
}

impl Watched {
    fn wait(&mut self, flags: EpollFlags, epoll: &Epoll, data: u64) -> io::Result<()> {
        if self.flags == flags {
            return Ok(());
        }
        let mut event = EpollEvent::new(flags, data);
        if self.flags.is_empty() {
            epoll.add(&self.stream, event)?;
        } else {
            epoll.modify(&self.stream, &mut event)?;
        }
        self.flags = flags;
        Ok(())
    }

    /// Not left to the closing: a process that was forked meanwhile may hold the socket open.
    fn forget(self, epoll: &Epoll) {
        if !self.flags.is_empty() {
            let _ = epoll.delete(&self.stream);
        }
    }
}

/// Reads all that is there. Ok: there is no more of it, or as much as is ever read.
fn receive(stream: &mut TcpStream, answer: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = [0; PIECE];
    while answer.len() < Http::LONGEST {
        let most = PIECE.min(Http::LONGEST - answer.len());
        match stream.read(&mut piece[..most]) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn accepted(place: &str) -> String {
    format!("{place} accepts connections")
}

fn refused(place: &str, error: &io::Error) -> String {
    format!("cannot connect to {place}: {}", lower(error))
}

/// The text of an error within a sentence.
fn lower(error: &io::Error) -> String {
    let text = error_text(error);
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => text,
    }
}
