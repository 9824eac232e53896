//! Who is connected: a bounded number of clients, each a task of its own, of whom none can keep the others out.
//!
//! Nothing here waits for a client without a limit. A connection that has sent no whole request for [`HEADER_TIME`], or has
//! not taken anything of an answer for [`WRITE_TIME`], is closed. Of peers who may not act there are never more than
//! [`STRANGERS`], so there is always room for root.

use super::call::Call;
use super::respond::{Body, respond};
use super::stall::Stall;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinSet};

/// Connections at most.
pub const CLIENTS: usize = 64;
/// Of those, connections of peers who may not act.
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

/// Serves whoever connects, for as long as the runtime lives. `owner` may act, and root. Inside the runtime only. Gives
/// those who are connected.
///
/// # Errors
/// The runtime cannot watch the socket.
pub fn serve(listener: StdListener, owner: u32, calls: mpsc::Sender<Call>) -> io::Result<Guests> {
    let listener = UnixListener::from_std(listener)?;
    let guests = Guests::default();
    let (tasks, table) = (JoinSet::new(), HashMap::new());
    tokio::spawn(accept(listener, Clients { owner, calls, tasks, table, guests: guests.clone() }));
    Ok(guests)
}

/// The connections of those who may act; nobody else can make the supervisor wait.
#[derive(Clone, Debug, Default)]
pub struct Guests(Arc<watch::Sender<()>>);

impl Guests {
    /// Waits until the last of them has gone.
    pub async fn gone(&self) {
        self.0.closed().await;
    }
}

async fn accept(listener: UnixListener, mut clients: Clients) {
    let mut pause = PAUSE.0;
    loop {
        let accepted = tokio::select! {
            Some(ended) = clients.tasks.join_next_with_id() => {
                clients.table.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                pause = PAUSE.0;
                clients.admit(stream);
            }
            // Trying again at once would be for ever: without a free descriptor it fails also when nobody wants in.
            Err(error) => {
                tracing::debug!("cannot accept a control connection: {error}");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}

/// The connections there are.
struct Clients {
    owner: u32,
    calls: mpsc::Sender<Call>,
    tasks: JoinSet<()>,
    table: HashMap<Id, Client>,
    guests: Guests,
}

struct Client {
    uid: u32,
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
    fn admit(&mut self, stream: UnixStream) {
        let Ok(peer) = stream.peer_cred() else { return };
        let uid = peer.uid();
        let may_act = uid == 0 || uid == self.owner;
        let strangers = self.table.values().filter(|client| !client.may_act).count();
        let full = self.table.len() >= CLIENTS;
        let room = if may_act {
            !full || self.make_room(|client| !client.may_act) || self.make_room(|_| true)
        } else {
            !full && strangers < STRANGERS || self.make_room(|client| !client.may_act) || self.displace(uid)
        };
        if !room {
            // Without waiting; there is room for it in a new connection.
            let _ = stream.try_write(FULL);
            return;
        }
        let busy = Busy::default();
        let guest = may_act.then(|| self.guests.0.subscribe());
        let conversation = converse(stream, may_act, busy.clone(), self.calls.clone());
        let task = self.tasks.spawn(async move {
            conversation.await;
            drop(guest);
        });
        self.table.insert(task.id(), Client { uid, may_act, busy, task });
    }

    /// Closes the one of these connections that has been idle for longest. False if none is.
    fn make_room(&mut self, among: impl Fn(&Client) -> bool) -> bool {
        let idle = |client: &Client| if among(client) { client.busy.idle() } else { None };
        self.close(|client| idle(client))
    }

    /// Closes the oldest connection of the stranger that has most of them, unless that is `uid` itself or has hardly more.
    fn displace(&mut self, uid: u32) -> bool {
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for client in self.table.values().filter(|client| !client.may_act) {
            *counts.entry(client.uid).or_default() += 1;
        }
        let own = counts.get(&uid).copied().unwrap_or(0);
        match counts.into_iter().max_by_key(|(_, count)| *count) {
            Some((greedy, count)) if count > own + 1 => {
                self.close(|client| (client.uid == greedy).then(|| client.busy.0.began.elapsed()))
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
async fn converse(stream: UnixStream, may_act: bool, busy: Busy, calls: mpsc::Sender<Call>) {
    converse_over(Stall::new(stream, WRITE_TIME), may_act, busy, calls).await;
}

/// The same over any connection.
pub async fn converse_over<I>(io: I, may_act: bool, busy: Busy, calls: mpsc::Sender<Call>)
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    let service = service_fn(|request| {
        let (working, calls) = (busy.begin(), calls.clone());
        async move {
            let answer = respond(request, may_act, &calls).await;
            Ok::<_, std::convert::Infallible>(answer.map(|body: Body| body.keep(working)))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_headers(HEADERS).max_buf_size(BUFFER);
    // Whatever ends it concerns the client alone, which sees that it ended.
    if let Err(error) = http.serve_connection(io, service).await {
        tracing::trace!("a control connection ended: {error}");
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
