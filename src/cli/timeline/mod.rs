//! `foster timeline`: what the boot spent its time on.

mod svg;

use super::Verb;
use super::connection::{Connection, PATIENCE, Trouble};
use super::terminal::{self, BOLD, paint, print};
use crate::control::api::{Span, Timeline};
use crate::control::client::Client;
use crate::model::{format_duration, sort_by};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Show what the boot spent its time on, and which services it waited for
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster timeline
  foster timeline --svg boot.svg
  foster timeline --svg - > boot.svg

Of each service its first start: in the bars, `.` is waiting for what it depends on, `=` is starting until \
ready. Services marked with * are the critical path: who wants a faster boot begins with them.

Exit code: 0, 1 when the file cannot be written, 69 when no supervisor answers, 64 for a wrong command \
line.")]
pub(super) struct Args {
    /// Write a picture to this file; `-` is stdout
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Print the answer as JSON
    #[arg(long, conflicts_with = "svg")]
    json: bool,

    #[command(flatten)]
    connection: Connection,
}

impl Verb for Args {
    fn run(self) -> u8 {
        self.connection.run(async |client: &Client| {
            let answer = client.get("/v1/timeline", PATIENCE).await?;
            let timeline: Timeline = answer.read()?;
            match &self.svg {
                Some(path) if path == Path::new("-") => print(&svg::draw(&Chart::new(&timeline)))?,
                Some(path) => {
                    let written = std::fs::write(path, svg::draw(&Chart::new(&timeline)));
                    written.map_err(|error| Trouble::Own(format!("write {}", path.display()), error))?;
                }
                None if self.json => print(&format!("{:#}\n", answer.body))?,
                None => {
                    let width = terminal::width().unwrap_or(100);
                    print(&Chart::new(&timeline).text(width, terminal::colours(&std::io::stdout())))?;
                }
            }
            Ok(0)
        })
    }
}

/// What is started that much later than the boot had nothing more to do, in milliseconds, was started by somebody.
const QUIET: f64 = 1_000.0;

/// The timeline of the boot, with its critical path.
struct Chart<'a> {
    /// Those that belong to the boot.
    spans: Vec<&'a Span>,
    /// Those that were started first when the boot was over.
    later: Vec<&'a Span>,
    /// Whether each is on the critical path.
    critical: Vec<bool>,
    /// The critical path, first service first.
    path: Vec<usize>,
    /// The last moment of all, in milliseconds.
    end: f64,
}

impl<'a> Chart<'a> {
    fn new(timeline: &'a Timeline) -> Self {
        let (spans, later) = split(&timeline.services);
        let moments = spans.iter().flat_map(|span| [span.waiting, span.started, span.ready]);
        let end = moments.flatten().filter(|moment| moment.is_finite()).fold(0.0, f64::max);
        let index: HashMap<&str, usize> =
            spans.iter().enumerate().map(|(at, span)| (span.service.as_str(), at)).collect();
        let mut critical = vec![false; spans.len()];
        let mut path = Vec::new();
        let ready = spans.iter().enumerate().filter_map(|(at, span)| Some((span.ready?, at)));
        let mut next = ready.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, at)| at);
        // Each once, whatever the answer says.
        while let Some(at) = next.filter(|at| !critical[*at]) {
            critical[at] = true;
            path.push(at);
            next = spans[at].waited_for.as_deref().and_then(|name| index.get(name).copied());
        }
        path.reverse();
        Self { spans, later, critical, path, end }
    }

    fn text(&self, width: usize, colour: bool) -> String {
        if self.spans.is_empty() {
            return "nothing was started\n".to_owned();
        }
        let names = self.spans.iter().map(|span| span.service.len()).max().unwrap_or(0).max("SERVICE".len());
        // The mark, the name, three columns of eight, and what is between them.
        let bars = width.saturating_sub(names + 33).max(20);
        let mut text = format!(
            "{:names$}  {:>8} {:>8} {:>8}  ",
            "  SERVICE",
            "WAITED",
            "TOOK",
            "READY AT",
            names = names + 2
        );
        text += &format!("0{:>1$}\n", length(self.end), bars - 1);
        for (at, &span) in self.spans.iter().enumerate() {
            let mark = if self.critical[at] { "* " } else { "  " };
            let name = format!("{mark}{:names$}", span.service);
            let name = paint(&name, if self.critical[at] { BOLD } else { "" }, colour);
            let [waited, started] =
                [span.waited(), span.took()].map(|time| time.map_or("-".to_owned(), length));
            let ready = span.ready.map_or(span.state.clone(), length);
            let bar = self.bar(span, bars);
            text += format!("{name}  {waited:>8} {started:>8} {ready:>8}  {bar}").trim_end();
            text.push('\n');
        }
        text + &self.summary()
    }

    fn bar(&self, span: &Span, width: usize) -> String {
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let place = |moment: f64| ((moment / self.end.max(1e-9)) * width as f64).round() as usize;
        let begin = span.waiting.or(span.started);
        let Some(begin) = begin.map(place) else { return String::new() };
        let started = span.started.map_or(width, place).clamp(begin.min(width), width);
        let ready = span.ready.map_or(width, place).clamp(started, width);
        let begin = begin.min(started);
        // Whatever took any time at all can be seen.
        let ran = if span.started.is_some() { (ready - started).max(1) } else { 0 };
        format!("{}{}{}", " ".repeat(begin), ".".repeat(started - begin), "=".repeat(ran))
    }

    fn summary(&self) -> String {
        let Some(last) = self.path.last() else { return "\nnothing is ready yet\n".to_owned() };
        let steps: Vec<String> = self
            .path
            .iter()
            .map(|at| {
                let span = &self.spans[*at];
                let took = span.took().map(|time| format!(" {}", length(time))).unwrap_or_default();
                format!("{}{took}", span.service)
            })
            .collect();
        let ready = length(self.spans[*last].ready.unwrap_or(self.end));
        let last = &self.spans[*last].service;
        let mut text =
            format!("\n{last} was ready last, after {ready}; critical path: {}\n", steps.join(" -> "));
        if !self.later.is_empty() {
            let later: Vec<&str> = self.later.iter().map(|span| span.service.as_str()).collect();
            text += &format!("started first after the boot: {}\n", later.join(", "));
        }
        text
    }
}

/// Takes apart what belongs to the boot and what came first when the boot was over.
fn split(spans: &[Span]) -> (Vec<&Span>, Vec<&Span>) {
    let begin = |span: &&Span| span.waiting.or(span.started).or(span.ready).unwrap_or(0.0);
    let mut order: Vec<&Span> = spans.iter().collect();
    sort_by(&mut order, |a, b| begin(a).total_cmp(&begin(b)));
    let mut busy_until = order.first().map_or(0.0, begin);
    let mut boot_until = f64::INFINITY;
    for span in &order {
        if begin(span) > busy_until + QUIET {
            boot_until = busy_until;
            break;
        }
        busy_until = busy_until.max(span.ready.or(span.started).unwrap_or(0.0));
    }
    spans.iter().partition(|span| begin(span) <= boot_until)
}

impl Span {
    /// How long it waited for what it depends on, in milliseconds.
    fn waited(&self) -> Option<f64> {
        Some((self.started.or(self.ready)? - self.waiting?).max(0.0))
    }

    /// How long it took from its start until it was ready, in milliseconds.
    fn took(&self) -> Option<f64> {
        Some((self.ready? - self.started?).max(0.0))
    }
}

/// A length of time of so many milliseconds: `0.4ms`, `120ms`, `2.35s`, `1m5s`.
fn length(millis: f64) -> String {
    match millis {
        short if short < 9.95 => format!("{short:.1}ms"),
        short if short < 999.5 => format!("{short:.0}ms"),
        medium if medium < 59_995.0 => format!("{:.2}s", medium / 1_000.0),
        long => format_duration(Duration::from_secs_f64((long / 1_000.0).round().min(1e9))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn timeline() -> Timeline {
        let span =
            |name: &str, waiting: f64, started: Option<f64>, ready: Option<f64>, waited_for: Option<&str>| {
                Span {
                    service: name.to_owned(),
                    kind: "daemon".to_owned(),
                    state: if ready.is_some() { "ready" } else { "starting" }.to_owned(),
                    waiting: Some(waiting),
                    started,
                    ready,
                    waited_for: waited_for.map(str::to_owned),
                }
            };
        Timeline {
            since: "2026-01-02T03:04:05.000Z".to_owned(),
            services: vec![
                span("setup", 1.0, Some(1.2), Some(120.0), None),
                span("cache", 1.0, Some(1.3), Some(4.0), None),
                span("db", 1.0, Some(121.0), Some(1_000.0), Some("setup")),
                span("web", 1.0, Some(1_001.0), Some(2_000.0), Some("db")),
                span("slow", 1.0, Some(5.0), None, None),
                span("last", 1.0, None, None, Some("slow")),
            ],
        }
    }

    #[test]
    fn the_critical_path_leads_back_from_what_was_ready_last() {
        let timeline = timeline();
        let text = Chart::new(&timeline).text(80, false);
        let expected = "  SERVICE    WAITED     TOOK READY AT  0                                  2.00s
* setup       0.2ms    119ms    120ms  ==
  cache       0.3ms    2.7ms    4.0ms  =
* db          120ms    879ms    1.00s  ..==================
* web         1.00s    999ms    2.00s  ....................====================
  slow        4.0ms        - starting  ========================================
  last            -        - starting  ........................................

web was ready last, after 2.00s; critical path: setup 119ms -> db 879ms -> web 999ms
";
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn what_was_started_long_after_the_boot_does_not_squeeze_it() {
        let mut timeline = timeline();
        let before = Chart::new(&timeline).text(80, false);
        timeline.services.push(Span {
            service: "job".to_owned(),
            waiting: Some(9_000_000.0),
            started: Some(9_000_001.0),
            ready: Some(9_000_002.0),
            ..Span::default()
        });
        let after = Chart::new(&timeline).text(80, false);
        assert_eq!(after, before + "started first after the boot: job\n");
    }

    #[test]
    fn nothing_and_nonsense_are_drawn_too() {
        assert_eq!(Chart::new(&Timeline::default()).text(80, false), "nothing was started\n");
        let mut timeline = timeline();
        for span in &mut timeline.services {
            (span.waiting, span.started, span.ready) = (Some(9e9), Some(-5.0), Some(f64::NAN));
            span.waited_for = Some(span.service.clone());
        }
        for width in [0, 1, 80] {
            assert!(!Chart::new(&timeline).text(width, true).is_empty());
        }
    }

    #[test]
    fn lengths_are_told_as_precisely_as_they_matter() {
        for (millis, text) in
            [(0.0, "0.0ms"), (9.94, "9.9ms"), (10.2, "10ms"), (1_234.0, "1.23s"), (65_000.0, "1m5s")]
        {
            assert_eq!(length(millis), text);
        }
    }
}
