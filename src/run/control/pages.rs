//! The pages: what probes and Prometheus are told, from what is known already. What many may ask for at once is rendered once.

use super::super::notify::Refusal;
use super::super::probes::Tally;
use super::super::shell::Shell;
use crate::control::api::{Health, Outcome};
use crate::control::metrics::{self, Snapshot};
use crate::control::pages::{Format, INDEX, JSON, OPEN_METRICS, PROMETHEUS, Page, TEXT, bind_pages};
use crate::control::{Answer, Call, Guests, Reply, serve_pages};
use crate::core::{Millis, Proc, Role};
use crate::model::{Id, Sign};
use crate::sys::{error_text, read_bounded};
use hyper::body::Bytes;
use nix::time::{ClockId, clock_gettime};
use std::fmt::Write as _;
use std::future::pending;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// For how long rendered figures are told again.
const FRESH: Duration = Duration::from_secs(1);
/// Services that one page names.
const SHOWN: usize = 100;

/// What the shell keeps for the pages.
#[derive(Debug, Default)]
pub(in crate::run) struct Pages {
    address: Option<SocketAddr>,
    /// Accepts and answers; `None`: there are no pages.
    task: Option<JoinHandle<()>>,
    /// It did so elsewhere. Its socket is closed when it has gone; until then the same port may be taken.
    former: Option<JoinHandle<()>>,
    calls: Option<mpsc::Sender<Call>>,
    guests: Guests,
    /// When all was up for the first time.
    up: Option<Duration>,
    /// One that was not, when that was last looked at.
    down: Option<Id>,
    rendered: Vec<Rendered>,
}

/// A page as it was last told.
#[derive(Debug)]
struct Rendered {
    page: Page,
    format: Format,
    /// [`Shell::steps`] then, and when.
    steps: u64,
    time: Instant,
    status: u16,
    media: &'static str,
    body: Bytes,
}

impl Rendered {
    fn answer(&self) -> Answer {
        Answer::Page { status: self.status, media: self.media, body: self.body.clone() }
    }

    /// Whether it is still true.
    fn is_fresh(&self, steps: u64) -> bool {
        match self.page {
            Page::Metrics => self.time.elapsed() < FRESH,
            _ => self.steps == steps,
        }
    }
}

impl Pages {
    /// Serves them at this address from now on; who asks is heard through `calls`.
    pub(super) fn open(&mut self, address: Option<SocketAddr>, calls: mpsc::Sender<Call>) {
        (self.address, self.calls) = (address, Some(calls));
        self.begin();
    }

    pub(super) fn is_open(&self) -> bool {
        self.task.is_some()
    }

    /// They are somewhere else from now on, or nowhere.
    pub(in crate::run) fn go_to(&mut self, address: Option<SocketAddr>) {
        self.address = address;
        if let Some(task) = self.task.take() {
            task.abort();
            self.former = Some(task);
        } else if self.former.is_none() {
            self.begin();
        }
    }

    /// Waits until they have left a place, and serves them at the new one.
    pub(super) async fn moved(&mut self) {
        match &mut self.former {
            Some(former) => {
                let _ = former.await;
                self.former = None;
                self.begin();
            }
            None => pending().await,
        }
    }

    fn begin(&mut self) {
        let (Some(address), Some(calls)) = (self.address, self.calls.clone()) else { return };
        match bind_pages(address) {
            Ok(listener) => {
                tracing::info!("the pages are at http://{}/", listener.local_addr().unwrap_or(address));
                self.task = Some(tokio::spawn(serve(listener, calls, self.guests.clone())));
            }
            Err(error) => {
                let why = error_text(&error);
                tracing::warn!("no pages: cannot listen on {address}: {why}; the tree runs without them");
            }
        }
    }
}

async fn serve(listener: TcpListener, calls: mpsc::Sender<Call>, guests: Guests) {
    if let Err(error) = serve_pages(listener, calls, guests).await {
        tracing::warn!("no pages: {error}; the tree runs without them");
    }
}

impl Shell {
    /// Takes note when all that is meant to be up is, for the first time.
    pub(in crate::run) fn look_whether_up(&mut self) {
        let pages = &self.control.pages;
        if pages.up.is_some() || self.is_stopping() || pages.down.is_some_and(|id| self.is_down(id)) {
            return;
        }
        // Who is found first is looked at alone from then on.
        let down = self.plan.ids().find(|id| self.is_down(*id));
        self.control.pages.down = down;
        if down.is_none() {
            self.control.pages.up = Some(self.running());
        }
    }

    /// Whether all that is meant to be up has been at once.
    pub(in crate::run) fn was_up(&self) -> bool {
        self.control.pages.up.is_some()
    }

    fn is_down(&self, id: Id) -> bool {
        self.core.svc(id).target() && !self.is_well(id)
    }

    pub(super) fn page(&mut self, page: Page, format: Format, reply: Reply) {
        let known = |rendered: &&Rendered| rendered.page == page && rendered.format == format;
        let rendered = self.control.pages.rendered.iter().find(known);
        if let Some(rendered) = rendered.filter(|rendered| rendered.is_fresh(self.steps)) {
            return reply.send(rendered.answer());
        }
        let (status, media, body) = match &page {
            Page::Metrics if format == Format::OpenMetrics => {
                (200, OPEN_METRICS, self.figures().open_metrics())
            }
            Page::Metrics => (200, PROMETHEUS, self.figures().prometheus()),
            Page::Index => (200, TEXT, INDEX.to_owned()),
            page => self.verdict(page).render(format),
        };
        let (steps, time, body) = (self.steps, Instant::now(), body.into());
        let rendered = Rendered { page, format, steps, time, status, media, body };
        reply.send(rendered.answer());
        // There are as many services as there are.
        if !matches!(rendered.page, Page::Service(_)) {
            let all = &mut self.control.pages.rendered;
            all.retain(|other| other.page != rendered.page || other.format != rendered.format);
            all.push(rendered);
        }
    }

    fn verdict(&self, page: &Page) -> Verdict {
        let all = || self.plan.by_name().into_iter().filter(|id| self.core.svc(*id).target());
        match page {
            Page::Service(name) => {
                let is_meant = |id: &Id| {
                    let of = self.name(*id);
                    of == name || of.split_once('@').is_some_and(|(stem, _)| stem == name)
                };
                let ids: Vec<Id> = self.plan.by_name().into_iter().filter(is_meant).collect();
                if ids.is_empty() {
                    return Verdict {
                        status: 404,
                        title: "there is no such service".to_owned(),
                        ..Verdict::default()
                    };
                }
                let mut verdict = self.judge(ids.iter().copied(), ["ready", "not ready"]);
                verdict.title = ids.iter().take(SHOWN).fold(String::new(), |mut lines, id| {
                    let separator = if lines.is_empty() { "" } else { "\n" };
                    let _ = write!(lines, "{separator}{}: {}", self.name(*id), self.state(*id));
                    lines
                });
                verdict
            }
            Page::Startup if self.control.pages.up.is_some() => Verdict::good("started"),
            _ if *page != Page::Live && self.is_stopping() => {
                Verdict { status: 503, title: "the container is stopping".to_owned(), ..Verdict::default() }
            }
            Page::Startup => self.judge(all(), ["started", "not started"]),
            Page::Ready => self.judge(all(), ["ready", "not ready"]),
            Page::Health => self.judge(all(), ["healthy", "not healthy"]),
            Page::Live | Page::Index | Page::Metrics => Verdict::good("alive"),
        }
    }

    fn judge(&self, ids: impl Iterator<Item = Id>, [good, bad]: [&'static str; 2]) -> Verdict {
        let (mut of, mut ill) = (0, Vec::new());
        for id in ids {
            of += 1;
            if !self.is_well(id) {
                ill.push(id);
            }
        }
        if ill.is_empty() {
            return Verdict::good(good);
        }
        let unwell = |id: &Id| self.result(*id, Outcome::Failed, self.ailment(*id));
        Verdict {
            status: 503,
            title: format!("{bad}: {} of {of} services", ill.len()),
            more: ill.len().saturating_sub(SHOWN),
            health: Health { healthy: false, unhealthy: ill.iter().take(SHOWN).map(unwell).collect() },
        }
    }

    /// Of those probes that it has.
    fn probe_figures(&self, id: Id) -> Vec<(&'static str, metrics::Probes)> {
        let service = self.plan.service(id);
        let has = [matches!(service.ready.sign, Sign::Probe(_)), service.health.probe.is_some()];
        let kinds = ["ready", "health"].into_iter().zip(self.tallies(id)).zip(has);
        let figures = |((kind, tally), _): ((&'static str, Tally), bool)| {
            let Tally { successes, failures, last, total } = tally;
            (kind, metrics::Probes { succeeded: successes, failed: failures, last, total })
        };
        kinds.filter(|(_, has)| *has).map(figures).collect()
    }

    fn figures(&self) -> Snapshot {
        let pages = &self.control.pages;
        let wall = self.wall();
        let unix = |millis: Millis| wall.unix(Duration::from_millis(millis));
        let service = |id: Id| {
            let (view, output) = (self.core.view(id), self.output.counts(id));
            let usage = self.cgroups.usage(id, self.plan.service(id));
            let runs = self.procs.pid(Proc { id, role: Role::Main }).is_some();
            metrics::Service {
                name: self.name(id).to_owned(),
                state: view.state,
                since: unix(view.since),
                ready: self.is_well(id),
                wanted: self.core.svc(id).target(),
                started: runs.then(|| wall.unix(self.history.last_begin(id))),
                restarts: view.restarts,
                orphans: self.procs.orphans(id),
                lines: output.map(|count| count.lines),
                bytes: output.map(|count| count.bytes),
                dropped: self.output.dropped(id),
                next_run: self.next_run(id).map(|time| time.as_second() as f64),
                memory: usage.memory,
                processes: usage.pids,
                oom_kills: self.cgroups.oom_kills(id, self.plan.service(id)),
                probes: self.probe_figures(id),
            }
        };
        let notified = self.notify_tally();
        let control = self.control.guests.as_ref().map(|guests| ("control", guests.count()));
        Snapshot {
            services: self.plan.by_name().into_iter().map(service).collect(),
            began: unix(0),
            boot: pages.up,
            ready: !self.is_stopping() && !self.plan.ids().any(|id| self.is_down(id)),
            orphans: self.orphans.reaped,
            connections: control.into_iter().chain([("http", pages.guests.count())]).collect(),
            rejected: Refusal::ALL.into_iter().map(|(_, reason)| reason).zip(notified.refused).collect(),
            notified: notified.taken,
            cpu: clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from).unwrap_or_default(),
            memory: resident(),
        }
    }
}

/// Bytes of this process that are in memory; see `VmRSS` in proc_pid_status(5).
fn resident() -> Option<u64> {
    let status = read_bounded("/proc/self/status", 64 << 10).ok()?;
    let rest = std::str::from_utf8(&status).ok()?.split_once("VmRSS:")?.1;
    let kilobytes: u64 = rest.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

/// What a page says.
#[derive(Debug, Default)]
struct Verdict {
    status: u16,
    title: String,
    health: Health,
    /// Services that are unwell and not named.
    more: usize,
}

impl Verdict {
    fn good(title: &str) -> Self {
        let health = Health { healthy: true, unhealthy: Vec::new() };
        Self { status: 200, title: title.to_owned(), health, more: 0 }
    }

    fn render(&self, format: Format) -> (u16, &'static str, String) {
        if format == Format::Json {
            // It has string keys only, so it cannot fail.
            let json = serde_json::to_string(&self.health).unwrap_or_default();
            return (self.status, JSON, json + "\n");
        }
        let mut text = format!("{}\n", self.title);
        for one in &self.health.unhealthy {
            let reason = one.reason.as_deref().map(|reason| format!(", {reason}")).unwrap_or_default();
            let _ = writeln!(text, "  {}: {}{reason}", one.service, one.state);
        }
        if self.more > 0 {
            let _ = writeln!(text, "  … and {} more", self.more);
        }
        (self.status, TEXT, text)
    }
}
