//! Who is connected: a bounded number of clients, each a task of its own, of whom none can keep the others out.
//!
//! Nothing here waits for a client without a limit. A connection that has sent no whole request for [`HEADER_TIME`], or has
//! not taken anything of an answer for [`WRITE_TIME`], is closed. Of peers who may not act there are never more than
//! [`STRANGERS`], so there is always room for root at the control socket. The pages, where nobody may act, have as many of
//! their own.

use super::call::Call;
use super::respond::{Body, Site, respond};
use super::stall::{Duplex, Stall};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, TcpListener as StdTcpListener};
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinSet};

/// Connections to the control socket at most.
pub const CLIENTS: usize = 64;
/// Connections of peers who may not act: to the control socket, and to the pages.
pub const STRANGERS: usize = 32;
/// A whole head of a request comes in this time; so long a connection may also be idle.
pub const HEADER_TIME: Duration = Duration::from_secs(10);
/// Some of an answer is taken in this time.
pub const WRITE_TIME: Duration = Duration::from_secs(30);
/// A head of a request has no more fields than this.
const HEADERS: usize = 64;
/// Nor is it longer than this; so much of an answer is also kept ready for the socket.
const BUFFER: usize = 16 * 1024;
/// How long nobody is accepted when that fails for want of descriptors or memory: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// What is said to whom there is no room for.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 65\r\n\
    retry-after: 1\r\nconnection: close\r\n\r\n{\"error\":\"too many clients are connected\",\"help\":\"try it again\"}\n";

/// Where clients come in.
enum Door {
    /// The control socket, at which `owner` may act, and root.
    Control { listener: UnixListener, owner: u32 },
    /// The pages, which anybody may read.
    Pages(TcpListener),
}

/// Who has come in.
struct Peer {
    who: Who,
    may_act: bool,
    stream: Socket,
}

/// Whose connections are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    User(u32),
    Host(IpAddr),
}

enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Socket {
    /// Says this, as far as it goes without waiting.
    fn say(&self, text: &[u8]) {
        let _ = match self {
            Self::Unix(stream) => stream.try_write(text),
            Self::Tcp(stream) => stream.try_write(text),
        };
    }

    fn boxed(self) -> Box<dyn Duplex> {
        match self {
            Self::Unix(stream) => Box::new(TokioIo::new(stream)),
            Self::Tcp(stream) => Box::new(TokioIo::new(stream)),
        }
    }
}

impl Door {
    async fn accept(&self) -> io::Result<Peer> {
        match self {
            Self::Control { listener, owner } => {
                let (stream, _) = listener.accept().await?;
                let gone = |_| io::Error::from(io::ErrorKind::NotConnected);
                let uid = stream.peer_cred().map_err(gone)?.uid();
                let may_act = uid == 0 || uid == *owner;
                Ok(Peer { who: Who::User(uid), may_act, stream: Socket::Unix(stream) })
            }
            Self::Pages(listener) => {
                let (stream, address) = listener.accept().await?;
                let who = Who::Host(address.ip().to_canonical());
                Ok(Peer { who, may_act: false, stream: Socket::Tcp(stream) })
            }
        }
    }

    /// What somebody of these rights finds there.
    fn site(&self, may_act: bool) -> Site {
        match self {
            Self::Control { .. } => Site::Control { may_act },
            Self::Pages(_) => Site::Pages,
        }
    }
}

/// Serves whoever connects, for as long as the runtime lives. `owner` may act, and root. Inside the runtime only. Gives
/// those who are connected.
///
/// # Errors
/// The runtime cannot watch the socket.
pub fn serve(listener: StdListener, owner: u32, calls: mpsc::Sender<Call>) -> io::Result<Guests> {
    let listener = UnixListener::from_std(listener)?;
    let guests = Guests::default();
    tokio::spawn(accept(Door::Control { listener, owner }, Clients::new(calls, guests.clone())));
    Ok(guests)
}

/// Serves the pages to whoever connects, for ever. Inside the runtime only.
///
/// # Errors
/// The runtime cannot watch the socket.
pub async fn serve_pages(
    listener: StdTcpListener,
    calls: mpsc::Sender<Call>,
    guests: Guests,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    accept(Door::Pages(listener), Clients::new(calls, guests)).await;
    Ok(())
}

/// Those who are connected.
#[derive(Clone, Debug, Default)]
pub struct Guests {
    /// Those who may act; nobody else can make the supervisor wait.
    acting: Arc<watch::Sender<()>>,
    count: Arc<AtomicUsize>,
}

impl Guests {
    /// Waits until the last of those who may act has gone.
    pub async fn gone(&self) {
        self.acting.closed().await;
    }

    /// How many are connected.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn enter(&self, may_act: bool) -> Guest {
        self.count.fetch_add(1, Ordering::Relaxed);
        Guest { _acting: may_act.then(|| self.acting.subscribe()), count: Arc::clone(&self.count) }
    }
}

/// One who is connected, until this goes.
struct Guest {
    _acting: Option<watch::Receiver<()>>,
    count: Arc<AtomicUsize>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn accept(door: Door, mut clients: Clients) {
    let mut pause = PAUSE.0;
    loop {
        let accepted = tokio::select! {
            Some(ended) = clients.tasks.join_next_with_id() => {
                clients.table.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
                continue;
            }
            accepted = door.accept() => accepted,
        };
        match accepted {
            Ok(peer) => {
                pause = PAUSE.0;
                let site = door.site(peer.may_act);
                clients.admit(peer, site);
            }
            // It was one who has gone already, or whose way here is broken; the next may be in better shape.
            Err(error) if is_of_one(&error) => {}
            // Trying again at once would be for ever: without a free descriptor it fails also when nobody wants in.
            Err(error) => {
                tracing::debug!("cannot accept a connection: {error}");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}

/// Whether it failed for what the one client is or does, and not for want of something. See accept(2), "Error handling".
fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, NetworkDown, NetworkUnreachable, NotConnected,
    };
    let kinds =
        [ConnectionAborted, ConnectionReset, HostUnreachable, NetworkDown, NetworkUnreachable, NotConnected];
    kinds.contains(&error.kind())
}

/// The connections there are.
struct Clients {
    calls: mpsc::Sender<Call>,
    tasks: JoinSet<()>,
    table: HashMap<Id, Client>,
    guests: Guests,
}

struct Client {
    who: Who,
    may_act: bool,
    busy: Busy,
    task: AbortHandle,
}

/// Whether a request is in progress on a connection, from its head to the last of its answer, or since when none is.
#[derive(Clone, Debug)]
pub struct Busy(Arc<Activity>);

#[derive(Debug)]
struct Activity {
    began: Instant,
    /// Milliseconds after that at which the last request was over; [`WORKING`] during one.
    idle_since: AtomicU64,
}

const WORKING: u64 = u64::MAX;

impl Default for Busy {
    fn default() -> Self {
        Self(Arc::new(Activity { began: Instant::now(), idle_since: AtomicU64::new(0) }))
    }
}

impl Busy {
    /// A request is in progress until what is returned goes.
    #[must_use]
    pub fn begin(&self) -> Working {
        self.0.idle_since.store(WORKING, Ordering::Relaxed);
        Working(self.clone())
    }

    /// For how long none has been in progress; `None` while one is.
    fn idle(&self) -> Option<Duration> {
        let since = self.0.idle_since.load(Ordering::Relaxed);
        (since != WORKING).then(|| self.0.began.elapsed().saturating_sub(Duration::from_millis(since)))
    }
}

/// A request in progress.
#[derive(Debug)]
pub struct Working(Busy);

impl Drop for Working {
    fn drop(&mut self) {
        let activity = &self.0.0;
        let now = u64::try_from(activity.began.elapsed().as_millis()).unwrap_or(WORKING - 1);
        activity.idle_since.store(now, Ordering::Relaxed);
    }
}

impl Clients {
    fn new(calls: mpsc::Sender<Call>, guests: Guests) -> Self {
        Self { calls, tasks: JoinSet::new(), table: HashMap::new(), guests }
    }

    fn admit(&mut self, peer: Peer, site: Site) {
        let Peer { who, may_act, stream } = peer;
        let strangers = self.table.values().filter(|client| !client.may_act).count();
        let full = self.table.len() >= CLIENTS;
        let room = if may_act {
            !full || self.make_room(|client| !client.may_act) || self.make_room(|_| true)
        } else {
            !full && strangers < STRANGERS || self.make_room(|client| !client.may_act) || self.displace(who)
        };
        if !room {
            // There is room for it in a new connection.
            stream.say(FULL);
            return;
        }
        let busy = Busy::default();
        let guest = self.guests.enter(may_act);
        let conversation = converse(stream.boxed(), site, busy.clone(), self.calls.clone());
        let task = self.tasks.spawn(async move {
            conversation.await;
            drop(guest);
        });
        self.table.insert(task.id(), Client { who, may_act, busy, task });
    }

    /// Closes the one of these connections that has been idle for longest. False if none is.
    fn make_room(&mut self, among: impl Fn(&Client) -> bool) -> bool {
        let idle = |client: &Client| if among(client) { client.busy.idle() } else { None };
        self.close(|client| idle(client))
    }

    /// Closes the oldest connection of the stranger that has most of them, unless that is this one itself or has hardly more.
    fn displace(&mut self, who: Who) -> bool {
        let mut counts: HashMap<Who, usize> = HashMap::new();
        for client in self.table.values().filter(|client| !client.may_act) {
            *counts.entry(client.who).or_default() += 1;
        }
        let own = counts.get(&who).copied().unwrap_or(0);
        match counts.into_iter().max_by_key(|(_, count)| *count) {
            Some((greedy, count)) if count > own + 1 => {
                self.close(|client| (client.who == greedy).then(|| client.busy.0.began.elapsed()))
            }
            _ => false,
        }
    }

    /// Closes the connection for which this is longest.
    fn close(&mut self, how_long: impl Fn(&Client) -> Option<Duration>) -> bool {
        let candidates = self.table.iter().filter_map(|(id, client)| Some((how_long(client)?, *id)));
        let Some((_, id)) = candidates.max_by_key(|(time, _)| *time) else { return false };
        if let Some(client) = self.table.remove(&id) {
            client.task.abort();
        }
        true
    }
}

/// Answers one client until one side has enough.
async fn converse(stream: Box<dyn Duplex>, site: Site, busy: Busy, calls: mpsc::Sender<Call>) {
    converse_over(Stall::new(stream, WRITE_TIME), site, busy, calls).await;
}

/// The same over any connection.
pub async fn converse_over<I>(io: I, site: Site, busy: Busy, calls: mpsc::Sender<Call>)
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    let service = service_fn(|request| {
        let (working, calls) = (busy.begin(), calls.clone());
        async move {
            let answer = respond(request, site, &calls).await;
            Ok::<_, std::convert::Infallible>(answer.map(|body: Body| body.keep(working)))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_headers(HEADERS).max_buf_size(BUFFER);
    // Whatever ends it concerns the client alone, which sees that it ended.
    if let Err(error) = http.serve_connection(io, service).await {
        tracing::trace!("a connection ended: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_whom_there_is_no_room_for_is_a_whole_answer() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
        assert!(serde_json::from_str::<super::super::api::Problem>(body).is_ok());
    }
}
