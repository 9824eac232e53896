//! `foster status`: a table of all services.

use super::Verb;
use super::connection::{Connection, PATIENCE, Trouble};
use super::terminal::{self, ago, ahead, paint, print, state_colour};
use crate::control::api::{Exit, ServiceStatus, Status};
use crate::control::client::{Answer, Client, Failure, Lines, target};
use jiff::Timestamp;
use std::time::Duration;

/// Show the state of services
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster status                       all services
  foster status web 'worker@*'
  foster status --watch               again at every change, until Ctrl-C
  foster status --json | jq -r '.services[] | select(.ready | not) | .name'

SINCE is how long it has been in its state; LAST EXIT the code or the signal with which its process last \
ended. REASON also has the next run of a schedule, what a probe heard that failed, and what a service says of \
itself (STATUS= of sd_notify). On a terminal the table is cut to its width; through a pipe it is whole. With --watch --json, each \
line is one status.

Exit code: 0 when the supervisor answers, whatever the states are (see `foster healthcheck`), 1 when there \
is no such service, 69 when no supervisor answers, 64 for a wrong command line.")]
pub(super) struct Args {
    /// Names of services, or patterns with * and ? [default: all]
    #[arg(value_name = "SVC")]
    services: Vec<String>,

    /// Print the answer as JSON
    #[arg(long)]
    json: bool,

    /// Print it again whenever something changes, until Ctrl-C or the end of the supervisor
    #[arg(long)]
    watch: bool,

    #[command(flatten)]
    connection: Connection,
}

impl Verb for Args {
    fn run(self) -> u8 {
        self.connection.run(async |client: &Client| {
            let query: Vec<_> = self.services.iter().map(|name| ("service", name.as_str())).collect();
            let target = target("/v1/status", &query);
            if self.watch {
                return self.watch(client, &target).await;
            }
            let answer = client.get(&target, PATIENCE).await?;
            if self.json {
                print(&format!("{:#}\n", answer.body))?;
            } else {
                let view = View { width: terminal::width(), colour: terminal::colours(&std::io::stdout()) };
                print(&view.table(&answer.read()?, Timestamp::now()))?;
            }
            Ok(0)
        })
    }
}

impl Args {
    async fn watch(&self, client: &Client, target: &str) -> Result<u8, Trouble> {
        // Before the first status, so that no change is between them.
        let mut events = client.lines("/v1/events", PATIENCE).await?;
        let screen = terminal::size().is_some() && !self.json;
        let mut first = true;
        loop {
            // What has come so far is in the answer.
            while events.buffered().is_some() {}
            let answer = match client.get(target, PATIENCE).await {
                Err(Failure::NoSupervisor { .. } | Failure::Ended(_)) if !first => return Ok(0),
                answer => answer?,
            };
            if !screen {
                let text = if self.json { format!("{}\n", answer.body) } else { self.block(&answer, first)? };
                print(&text)?;
            }
            first = false;
            loop {
                if screen {
                    print(&frame(&answer.read()?))?;
                }
                match changed(&mut events, screen).await {
                    Change::Service => break,
                    Change::Clock => {}
                    Change::End => return Ok(0),
                }
            }
        }
    }

    fn block(&self, answer: &Answer, first: bool) -> Result<String, Failure> {
        let table = View { width: None, colour: false }.table(&answer.read()?, Timestamp::now());
        Ok(format!("{}{table}", if first { "" } else { "\n" }))
    }
}

/// Why the picture is not right any more.
enum Change {
    Service,
    /// A second has passed, and somebody looks.
    Clock,
    /// The supervisor has ended.
    End,
}

async fn changed(events: &mut Lines, clock: bool) -> Change {
    tokio::select! {
        line = events.next() => match line {
            Ok(Some(_)) => Change::Service,
            _ => Change::End,
        },
        () = tokio::time::sleep(Duration::from_secs(1)), if clock => Change::Clock,
    }
}

/// The table over the whole screen; what does not fit is counted.
fn frame(status: &Status) -> String {
    let (width, rows) = terminal::size().unwrap_or((80, 24));
    let view = View { width: Some(width), colour: terminal::colours(&std::io::stdout()) };
    let table = view.table(status, Timestamp::now());
    let count = table.lines().count();
    let shown = if count > rows { rows.saturating_sub(1) } else { count };
    // Home, each line cleared behind its text, and what is below cleared: nothing flickers.
    let mut frame = "\x1b[H".to_owned();
    for line in table.lines().take(shown) {
        frame += &format!("{line}\x1b[K\n");
    }
    if shown < count {
        frame += &format!("and {} more\x1b[K", count - shown);
    }
    frame + "\x1b[J"
}

/// How a table is shown.
struct View {
    /// Columns of the terminal; `None` for a pipe, where nothing is cut.
    width: Option<usize>,
    colour: bool,
}

const HEADINGS: [&str; 9] =
    ["NAME", "STATE", "SINCE", "PID", "MEMORY", "RESTARTS", "READY", "LAST EXIT", "REASON"];
/// The column that is only there when somebody's memory is counted.
const MEMORY: usize = 4;

impl View {
    fn table(&self, status: &Status, now: Timestamp) -> String {
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        rows.extend(status.services.iter().map(|service| cells(service, now)));
        let counted = status.services.iter().any(|service| service.memory.is_some());
        let mut widths = [0; HEADINGS.len()];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut text = String::new();
        for (number, row) in rows.iter().enumerate() {
            let mut line = String::new();
            for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
                if index != MEMORY || counted {
                    line += &format!("{cell:width$}  ");
                }
            }
            let line = self.cut(line.trim_end());
            text += &self.colour_line(&line, number == 0, widths[0] + 2);
            text.push('\n');
        }
        if status.supervisor.stopping {
            text += "the container is being stopped\n";
        }
        text
    }

    /// A line that would not fit ends with `~`, or it would take two.
    fn cut(&self, line: &str) -> String {
        match self.width {
            Some(width) if line.chars().count() > width => {
                line.chars().take(width.saturating_sub(1)).chain(['~']).collect()
            }
            _ => line.to_owned(),
        }
    }

    /// Colours the word at this place, the state; or the whole line of headings.
    fn colour_line(&self, line: &str, headings: bool, at: usize) -> String {
        if headings {
            return paint(line, terminal::DIM, self.colour);
        }
        let Some((before, rest)) = line.split_at_checked(at) else { return line.to_owned() };
        let (state, after) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
        format!("{before}{}{after}", paint(state, state_colour(state), self.colour))
    }
}

fn cells(service: &ServiceStatus, now: Timestamp) -> [String; 9] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        service.name.clone(),
        service.state.clone(),
        ago(&service.since, now),
        or_dash(service.pid.map(|pid| pid.to_string())),
        or_dash(service.memory.map(|bytes| match bytes >> 20 {
            0..10 => format!("{}KiB", bytes >> 10),
            mebibytes => format!("{mebibytes}MiB"),
        })),
        service.restarts.to_string(),
        if service.ready { "yes" } else { "no" }.to_owned(),
        or_dash(service.exit.as_ref().map(last_exit)),
        remark(service, now),
    ]
}

/// Why it is in its state, when it runs next, what is wrong with it; else what it says of itself.
fn remark(service: &ServiceStatus, now: Timestamp) -> String {
    let parts = [
        service.reason.clone(),
        service.next_run.as_ref().map(|time| format!("next run in {}", ahead(time, now))),
        service.answer.clone().filter(|_| service.state == "starting" || service.misses > 0),
        service.status.clone().filter(|_| service.reason.is_none()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// `3`, `SIGKILL`, `SIGSEGV+core`, `OOM`.
fn last_exit(exit: &Exit) -> String {
    if exit.oom {
        return "OOM".to_owned();
    }
    match (&exit.signal, exit.code) {
        (Some(signal), _) => format!("{signal}{}", if exit.core { "+core" } else { "" }),
        (None, Some(code)) => code.to_string(),
        (None, None) => exit.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::api::Supervisor;

    fn status() -> Status {
        let service = |name: &str, state: &str, reason: Option<&str>, exit: Option<Exit>| ServiceStatus {
            name: name.to_owned(),
            kind: "daemon".to_owned(),
            description: None,
            state: state.to_owned(),
            reason: reason.map(str::to_owned),
            pid: (state == "ready").then_some(17),
            ready: state == "ready",
            wanted: true,
            restarts: 3,
            failures: 0,
            since: "2026-01-02T03:00:00.000Z".to_owned(),
            exit,
            next_start: None,
            main: false,
            essential: true,
            orphans: 0,
            healthy: None,
            misses: 0,
            answer: None,
            status: None,
            next_run: None,
            log: Vec::new(),
            log_memory: 0,
            log_dropped: 0,
            memory: None,
            processes: None,
        };
        let exit = |code, signal: Option<&str>| Exit {
            time: String::new(),
            code,
            signal: signal.map(str::to_owned),
            core: signal.is_some(),
            oom: false,
            text: String::new(),
        };
        let supervisor = Supervisor {
            version: "0.1.0".to_owned(),
            pid: 1,
            stopping: false,
            since: "2026-01-02T02:00:00.000Z".to_owned(),
            orphans: 0,
        };
        let services = vec![
            service("web", "ready", None, Some(exit(None, Some("SIGSEGV")))),
            service(
                "worker@10",
                "backoff",
                Some("restarting it in 1.6s (attempt 5 of 10)"),
                Some(exit(Some(3), None)),
            ),
        ];
        Status { supervisor, services }
    }

    fn table(width: Option<usize>, colour: bool) -> String {
        View { width, colour }.table(&status(), "2026-01-02T03:05:12Z".parse().unwrap())
    }

    #[test]
    fn a_pipe_gets_the_table_whole() {
        let expected = "\
NAME       STATE    SINCE  PID  RESTARTS  READY  LAST EXIT     REASON
web        ready    5m12s  17   3         yes    SIGSEGV+core
worker@10  backoff  5m12s  -    3         no     3             restarting it in 1.6s (attempt 5 of 10)
";
        assert_eq!(table(None, false), expected);
    }

    #[test]
    fn memory_has_a_column_where_it_is_counted() {
        let mut status = status();
        status.services[1].memory = Some(300 << 20);
        let expected = "\
NAME       STATE    SINCE  PID  MEMORY  RESTARTS  READY  LAST EXIT     REASON
web        ready    5m12s  17   -       3         yes    SIGSEGV+core
worker@10  backoff  5m12s  -    300MiB  3         no     3             restarting it in 1.6s (attempt 5 of 10)
";
        let now = "2026-01-02T03:05:12Z".parse().unwrap();
        assert_eq!(View { width: None, colour: false }.table(&status, now), expected);
    }

    #[test]
    fn the_last_column_says_what_there_is_to_say() {
        let now = "2026-01-02T03:05:12Z".parse().unwrap();
        let mut web = status().services.remove(0);
        assert_eq!(remark(&web, now), "");
        web.status = Some("serving 3 clients".to_owned());
        web.answer = Some("HTTP 200 OK".to_owned());
        assert_eq!(remark(&web, now), "serving 3 clients");
        (web.misses, web.answer) = (1, Some("HTTP 503 Busy".to_owned()));
        assert_eq!(remark(&web, now), "HTTP 503 Busy; serving 3 clients");
        (web.state, web.misses, web.reason) = ("starting".to_owned(), 0, Some("not ready yet".to_owned()));
        assert_eq!(remark(&web, now), "not ready yet; HTTP 503 Busy");
        let mut job = status().services.remove(0);
        (job.state, job.reason) = ("waiting".to_owned(), Some("waits for its next time".to_owned()));
        job.next_run = Some("2026-01-02T04:05:12.000Z".to_owned());
        assert_eq!(remark(&job, now), "waits for its next time; next run in 1h");
    }

    #[test]
    fn a_terminal_gets_each_service_on_one_line_of_its_width() {
        let table = table(Some(80), false);
        assert_eq!(table.lines().count(), 3, "{table}");
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
        assert!(table.ends_with("3             restarting it in~\n"), "{table}");
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let coloured = table(None, true);
        assert!(coloured.contains("  \x1b[32mready\x1b[0m    5m12s"), "{coloured}");
        assert!(coloured.contains("  \x1b[33mbackoff\x1b[0m  5m12s"), "{coloured}");
        let mut plain = coloured;
        for code in ["\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, table(None, false));
    }

    #[test]
    fn a_stop_of_the_container_is_said() {
        let mut status = status();
        status.supervisor.stopping = true;
        let text = View { width: None, colour: false }.table(&status, Timestamp::now());
        assert!(text.ends_with("the container is being stopped\n"), "{text}");
    }
}
