//! Figures: what is known of the tree at one moment, as OpenMetrics 1.0, and as the text format 0.0.4 that Prometheus had
//! before. One series for each service and figure, so there are never more than the plan has services.

use crate::core::StateName;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;
use std::fmt::{Error, Write as _};
use std::time::Duration;

/// All figures at one moment. Durations are since the supervisor began, times are Unix time in seconds.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Of its services, by name.
    pub services: Vec<Service>,
    /// When the supervisor began.
    pub began: f64,
    /// How long it took until all was up for the first time; `None`: not yet.
    pub boot: Option<Duration>,
    /// Whether all that is meant to be up is.
    pub ready: bool,
    /// All orphans that were reaped, those of no service too.
    pub orphans: u64,
    /// Clients that are connected, by the socket: `control`, `http`.
    pub connections: Vec<(&'static str, usize)>,
    /// Notifications that counted.
    pub notified: u64,
    /// Notifications that changed nothing, by reason.
    pub rejected: Vec<(&'static str, u64)>,
    /// CPU time of the supervisor itself.
    pub cpu: Duration,
    /// Its memory, in bytes.
    pub memory: Option<u64>,
}

/// The figures of one service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: StateName,
    /// When it came to that state.
    pub since: f64,
    /// Whether it is well.
    pub ready: bool,
    /// Whether it is meant to be up.
    pub wanted: bool,
    /// Since when its main process runs.
    pub started: Option<f64>,
    /// Starts after the first.
    pub restarts: u32,
    /// Orphans that were reaped.
    pub orphans: u64,
    /// Lines of its stdout and stderr.
    pub lines: [u64; 2],
    /// Bytes of them.
    pub bytes: [u64; 2],
    /// Lines that a sink had no room for.
    pub dropped: u64,
    /// Its next run, if it has a schedule.
    pub next_run: Option<f64>,
    /// Bytes of memory that it uses, if they are counted.
    pub memory: Option<u64>,
    /// Processes and threads that it has, if they are counted.
    pub processes: Option<u64>,
    /// Processes that the OOM killer took.
    pub oom_kills: u64,
    /// Its probes: `ready`, `health`.
    pub probes: Vec<(&'static str, Probes)>,
}

/// What came of the probes of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Probes {
    /// How many succeeded.
    pub succeeded: u64,
    /// How many failed.
    pub failed: u64,
    /// How long the last one took.
    pub last: Duration,
    /// How long all of them took together.
    pub total: Duration,
}

/// The states, as their label has them.
const STATES: [StateName; 10] = [
    StateName::Inactive,
    StateName::Waiting,
    StateName::Starting,
    StateName::Ready,
    StateName::Stopping,
    StateName::Backoff,
    StateName::Done,
    StateName::Failed,
    StateName::Blocked,
    StateName::Skipped,
];

const STREAMS: [&str; 2] = ["stdout", "stderr"];

impl Snapshot {
    /// As OpenMetrics 1.0.
    #[must_use]
    pub fn open_metrics(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut out = String::new();
        // Only writing could fail, and a string takes all.
        let _ = text::encode(&mut out, &registry);
        out
    }

    /// As the text format 0.0.4.
    #[must_use]
    pub fn prometheus(self) -> String {
        earlier_format(&self.open_metrics())
    }
}

/// The text format 0.0.4 has the suffixes of OpenMetrics in the names of the families, no type `info`, no units and no end.
fn earlier_format(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut help = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            // Its name is known when the type is.
            help = rest.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                kind => ("", kind),
            };
            let _ = writeln!(out, "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with('#') {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

type Labels<'a> = &'a [(&'a str, &'a str)];

/// The series of one figure.
struct Family<'a>(MetricEncoder<'a>);

impl Family<'_> {
    fn gauge(&mut self, labels: Labels<'_>, value: f64) -> Result<(), Error> {
        match labels {
            // Empty braces would be as good, but nobody writes them.
            [] => self.0.encode_gauge(&value),
            labels => self.0.encode_family(&labels)?.encode_gauge(&value),
        }
    }

    fn counter(&mut self, labels: Labels<'_>, value: impl EncodeCounterValue) -> Result<(), Error> {
        let none: Option<&Exemplar<Labels<'_>, f64>> = None;
        match labels {
            [] => self.0.encode_counter(&value, none),
            labels => self.0.encode_family(&labels)?.encode_counter(&value, none),
        }
    }
}

/// The families, one after the other.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn gauge(&mut self, name: &'static str, help: &str) -> Result<Family<'_>, Error> {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge).map(Family)
    }

    fn counter(&mut self, name: &'static str, help: &str) -> Result<Family<'_>, Error> {
        self.0.encode_descriptor(name, help, None, MetricType::Counter).map(Family)
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        encoder
            .encode_descriptor("foster_build", "The supervisor's version", None, MetricType::Info)?
            .encode_info(&version)?;
        let mut families = Families(encoder);
        self.encode_supervisor(&mut families)?;
        self.encode_services(&mut families)?;
        self.encode_output(&mut families)?;
        self.encode_probes(&mut families)
    }
}

impl Snapshot {
    fn encode_supervisor(&self, families: &mut Families<'_>) -> Result<(), Error> {
        families.gauge("foster_ready", "1: all that is meant to be up is")?.gauge(&[], flag(self.ready))?;
        if let Some(boot) = self.boot {
            families
                .gauge(
                    "foster_boot_duration_seconds",
                    "How long it took until all was up for the first time",
                )?
                .gauge(&[], boot.as_secs_f64())?;
        }
        let mut open = families.gauge("foster_connections", "Clients that are connected")?;
        for (socket, count) in &self.connections {
            open.gauge(&[("socket", socket)], *count as f64)?;
        }
        let help = "Notifications that services sent and that counted";
        families.counter("foster_notify_accepted", help)?.counter(&[], self.notified)?;
        let help = "Notifications that changed nothing, by the reason";
        let mut rejected = families.counter("foster_notify_rejected", help)?;
        for (reason, count) in &self.rejected {
            rejected.counter(&[("reason", reason)], *count)?;
        }
        families
            .gauge("process_start_time_seconds", "When the supervisor began, as Unix time")?
            .gauge(&[], self.began)?;
        families
            .counter("process_cpu_seconds", "CPU time of the supervisor")?
            .counter(&[], self.cpu.as_secs_f64())?;
        if let Some(memory) = self.memory {
            families
                .gauge("process_resident_memory_bytes", "Memory of the supervisor")?
                .gauge(&[], memory as f64)?;
        }
        Ok(())
    }

    fn encode_services(&self, families: &mut Families<'_>) -> Result<(), Error> {
        let mut states = families.gauge("foster_service_state", "1: the service is in this state")?;
        let names = STATES.map(|state| state.to_string());
        for service in &self.services {
            for (state, name) in STATES.iter().zip(&names) {
                let labels = [("service", service.name.as_str()), ("state", name.as_str())];
                states.gauge(&labels, flag(service.state == *state))?;
            }
        }
        let gauges: [Gauge; 7] = [
            ("foster_service_state_since_seconds", "When it came to its state, as Unix time", |s| {
                Some(s.since)
            }),
            ("foster_service_ready", "1: it is as it should be", |s| Some(flag(s.ready))),
            ("foster_service_wanted", "1: it is meant to be up", |s| Some(flag(s.wanted))),
            ("foster_service_start_time_seconds", "When its main process was started, as Unix time", |s| {
                s.started
            }),
            ("foster_service_next_run_seconds", "When its schedule runs it next, as Unix time", |s| {
                s.next_run
            }),
            ("foster_service_memory_bytes", "Memory that it uses, where it has a cgroup", |s| {
                s.memory.map(|bytes| bytes as f64)
            }),
            ("foster_service_processes", "Processes and threads that it has, where it has a cgroup", |s| {
                s.processes.map(|count| count as f64)
            }),
        ];
        for (name, help, value) in gauges {
            let mut family = families.gauge(name, help)?;
            for service in &self.services {
                if let Some(value) = value(service) {
                    family.gauge(&[("service", &service.name)], value)?;
                }
            }
        }
        let mut restarts =
            families.counter("foster_service_restarts", "Starts of its main process after the first")?;
        for service in &self.services {
            restarts.counter(&[("service", &service.name)], u64::from(service.restarts))?;
        }
        let help = "Processes that the OOM killer took, where it has a cgroup";
        let mut killed = families.counter("foster_service_oom_kills", help)?;
        for service in &self.services {
            killed.counter(&[("service", &service.name)], service.oom_kills)?;
        }
        let help = "Processes whose parent died, reaped when they ended, by the service that they came from";
        let mut orphans = families.counter("foster_orphans_reaped", help)?;
        for service in &self.services {
            orphans.counter(&[("service", &service.name)], service.orphans)?;
        }
        let known: u64 = self.services.iter().map(|service| service.orphans).sum();
        orphans.counter(&[("service", "")], self.orphans.saturating_sub(known))
    }

    fn encode_output(&self, families: &mut Families<'_>) -> Result<(), Error> {
        let counters: [Counters; 2] = [
            ("foster_log_lines", "Lines that services wrote", |service| service.lines),
            ("foster_log_bytes", "Bytes that services wrote", |service| service.bytes),
        ];
        for (name, help, values) in counters {
            let mut family = families.counter(name, help)?;
            for service in &self.services {
                for (stream, value) in STREAMS.iter().zip(values(service)) {
                    family.counter(&[("service", &service.name), ("stream", stream)], value)?;
                }
            }
        }
        let help = "Lines that one of its sinks had no room for";
        let mut dropped = families.counter("foster_log_dropped_lines", help)?;
        for service in &self.services {
            dropped.counter(&[("service", &service.name)], service.dropped)?;
        }
        Ok(())
    }

    fn encode_probes(&self, families: &mut Families<'_>) -> Result<(), Error> {
        let probes = || {
            self.services.iter().flat_map(|service| {
                service.probes.iter().map(|(kind, probes)| (service.name.as_str(), *kind, *probes))
            })
        };
        let mut results =
            families.counter("foster_probe_results", "Probes that are over, by what came of them")?;
        for (service, kind, probes) in probes() {
            for (result, count) in [("success", probes.succeeded), ("failure", probes.failed)] {
                results.counter(&[("service", service), ("probe", kind), ("result", result)], count)?;
            }
        }
        let help = "How long all probes took together";
        let mut total = families.counter("foster_probe_seconds", help)?;
        for (service, kind, probes) in probes() {
            total.counter(&[("service", service), ("probe", kind)], probes.total.as_secs_f64())?;
        }
        let mut last = families.gauge("foster_probe_duration_seconds", "How long the last probe took")?;
        for (service, kind, probes) in probes() {
            if probes.succeeded + probes.failed > 0 {
                last.gauge(&[("service", service), ("probe", kind)], probes.last.as_secs_f64())?;
            }
        }
        Ok(())
    }
}

type Gauge = (&'static str, &'static str, fn(&Service) -> Option<f64>);
type Counters = (&'static str, &'static str, fn(&Service) -> [u64; 2]);

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn service(name: String) -> Service {
        Service {
            name,
            state: StateName::Ready,
            since: 1_700_000_000.25,
            ready: true,
            wanted: true,
            started: Some(1_700_000_000.0),
            restarts: 3,
            orphans: 2,
            lines: [10, 1],
            bytes: [100, 7],
            dropped: 6,
            next_run: None,
            memory: Some(5 << 20),
            processes: None,
            oom_kills: 1,
            probes: vec![("health", Probes { succeeded: 4, failed: 1, ..Probes::default() })],
        }
    }

    fn snapshot(services: usize) -> Snapshot {
        Snapshot {
            services: (0..services).map(|number| service(format!("s{number}"))).collect(),
            boot: Some(Duration::from_millis(1500)),
            ready: true,
            orphans: 5,
            connections: vec![("http", 1)],
            ..Snapshot::default()
        }
    }

    #[test]
    fn open_metrics_have_a_type_for_each_family_and_an_end() {
        let text = snapshot(1).open_metrics();
        for line in [
            "# TYPE foster_build info",
            "# TYPE foster_service_restarts counter",
            "foster_service_restarts_total{service=\"s0\"} 3",
            "foster_service_state{service=\"s0\",state=\"ready\"} 1.0",
            "foster_service_state{service=\"s0\",state=\"failed\"} 0.0",
            "foster_orphans_reaped_total{service=\"\"} 3",
            "foster_log_bytes_total{service=\"s0\",stream=\"stderr\"} 7",
            "foster_log_dropped_lines_total{service=\"s0\"} 6",
            "foster_service_memory_bytes{service=\"s0\"} 5242880.0",
            "foster_service_oom_kills_total{service=\"s0\"} 1",
            "foster_probe_results_total{service=\"s0\",probe=\"health\",result=\"failure\"} 1",
            "foster_boot_duration_seconds 1.5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
    }

    #[test]
    fn the_earlier_format_names_families_as_their_series() {
        let text = snapshot(1).prometheus();
        for line in ["# TYPE foster_build_info gauge", "# TYPE foster_service_restarts_total counter"] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let mut types = std::collections::BTreeMap::new();
        for line in text.lines() {
            if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                assert!(["counter", "gauge"].contains(&kind), "{line}");
                assert!(types.insert(name, kind).is_none(), "twice: {line}");
            } else if !line.starts_with("# HELP ") {
                let name = line.split(['{', ' ']).next().unwrap();
                assert!(types.contains_key(name), "a series without a family: {line}");
            }
        }
    }

    #[test]
    fn a_thousand_services_are_rendered_in_a_moment() {
        let snapshot = snapshot(1000);
        let begin = Instant::now();
        let text = snapshot.prometheus();
        let took = begin.elapsed();
        println!("{} bytes in {took:?}", text.len());
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
}
