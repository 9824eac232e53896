//! Why a service is in its state: the way from it to the root cause, and what happens next.

use super::super::shell::Shell;
use crate::control::api::{Explanation, Link};
use crate::core::{Flaw, Starting, State, StateName, Why};
use crate::model::{Health, Id, Kind, Sign, format_duration, format_size};
use std::time::Duration;

/// Lines of output that belong to an explanation.
const LAST_LINES: usize = 10;

impl Shell {
    pub(super) fn explain(&mut self, id: Id, may_act: bool) -> Explanation {
        let wall = self.wall();
        let chain = self.core.chain(id);
        let culprit = chain.last().map_or(id, |(id, _)| *id);
        let last_lines = if may_act { self.last_log_lines(culprit, LAST_LINES) } else { Vec::new() };
        let link = |(id, _): &(Id, Why)| Link {
            service: self.name(*id).to_owned(),
            state: self.state(*id).to_string(),
            text: self.reason(*id).unwrap_or_default(),
        };
        Explanation {
            service: self.service_status(id, wall),
            chain: chain.iter().map(link).collect(),
            facts: self.facts(id),
            next: self.what_follows(id),
            exits: self.exits(id, wall),
            last_lines,
        }
    }

    /// What a service is looked at with and what that came to, what it holds and says, and when it runs.
    fn facts(&self, id: Id) -> Vec<String> {
        let (service, svc) = (self.plan.service(id), self.core.svc(id));
        let answer = self.last_answer(id).map(|answer| format!(": {answer}")).unwrap_or_default();
        let mut facts = Vec::new();
        if !matches!(service.ready.sign, Sign::Exec | Sign::Delay(_)) {
            let awaited = matches!(svc.state, State::Starting(_)) || svc.flaw == Some(Flaw::Unready);
            let answer = if awaited { answer.as_str() } else { "" };
            facts.push(format!("readiness: {}{answer}", service.ready.sign));
        }
        if let Some(probe) = &service.health.probe {
            let Health { interval, failures, .. } = &service.health;
            let answer = if svc.state == State::Ready { answer.as_str() } else { "" };
            let misses = match svc.misses {
                0 => String::new(),
                count => format!(" ({count} of {failures} failures in a row)"),
            };
            facts.push(format!("health: {probe}, every {}{answer}{misses}", format_duration(*interval)));
        }
        let watchdog = svc.watchdog.map(Duration::from_millis).filter(|_| svc.live.main);
        if let Some(interval) = watchdog.or(service.health.watchdog) {
            facts.push(format!("watchdog: WATCHDOG=1 within each {}", format_duration(interval)));
        }
        if let Some(status) = self.status_text(id) {
            facts.push(format!("it says: {status}"));
        }
        for socket in &service.sockets {
            facts.push(format!("socket {}: {}", socket.name, socket.listen));
        }
        if let Some(schedule) = &service.schedule {
            let zone = schedule.timezone.as_ref().map(|zone| format!(" in {zone}")).unwrap_or_default();
            let next = self.next_run(id).map(|time| format!(", next at {time}")).unwrap_or_default();
            facts.push(format!("schedule: {}{zone}{next}", schedule.cron));
        }
        facts.extend(self.resources(id));
        let sinks = self.sinks(id);
        let dropped = self.output.dropped(id);
        if dropped > 0 || !matches!(sinks.as_slice(), [] | [_]) || sinks.iter().any(|sink| sink != "console")
        {
            let dropped = match dropped {
                0 => String::new(),
                count => format!("; dropped lines: {count}"),
            };
            facts.push(format!("output: {}{dropped}", sinks.join(", ")));
        }
        facts
    }

    /// What it uses, of what it may.
    fn resources(&self, id: Id) -> Option<String> {
        let service = self.plan.service(id);
        let usage = self.cgroups.usage(id, service);
        let of = |limit: Option<String>| limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
        let memory = usage.memory.map(|bytes| {
            // Less than a KiB is not meant.
            format!(
                "memory {}{}",
                format_size(bytes >> 10 << 10),
                of(service.resources.memory.map(format_size))
            )
        });
        let pids = usage.pids.map(|count| {
            format!("processes {count}{}", of(service.resources.pids.map(|pids| pids.to_string())))
        });
        let used: Vec<String> = memory.into_iter().chain(pids).collect();
        (!used.is_empty()).then(|| format!("uses: {}", used.join(", ")))
    }

    /// What happens next to a service by itself.
    fn what_follows(&self, id: Id) -> String {
        let (service, svc, view) = (self.plan.service(id), self.core.svc(id), self.core.view(id));
        if self.is_stopping() {
            return "the container ends".to_owned();
        }
        let left = view.next.map(|next| {
            let left = Duration::from_millis(next).saturating_sub(self.running());
            // More than milliseconds is not meant.
            format_duration(Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)))
        });
        let delayed = svc.state == State::Starting(Starting::Delay);
        match (view.state, left) {
            (StateName::Backoff, left) => {
                let attempt = svc.failures.saturating_add(1);
                let of = service.restart.limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
                format!(
                    "restarting it in {} (attempt {attempt}{of})",
                    left.unwrap_or_else(|| "0s".to_owned())
                )
            }
            (StateName::Stopping, Some(left)) => {
                format!("killing it with SIGKILL in {left}, if it is not down")
            }
            (StateName::Stopping, None) => "it is down when its processes are gone".to_owned(),
            (StateName::Starting, Some(left)) if delayed => {
                format!("it is ready in {left}, if it still runs")
            }
            (StateName::Starting, Some(left)) if svc.state == State::Starting(Starting::Sign) => {
                format!("it becomes ready, or is stopped in {left}")
            }
            (StateName::Starting, _) if service.kind == Kind::Oneshot => "it runs to its end".to_owned(),
            (StateName::Starting, _) => "it becomes ready".to_owned(),
            (StateName::Waiting, _) if svc.state == State::Armed && service.schedule.is_some() => {
                match self.next_run(id) {
                    Some(time) => format!("it runs at {time}"),
                    // An instance that takes the runs of another one, or a time that never comes.
                    None => "it runs when another instance is due and still runs, or somebody starts it"
                        .to_owned(),
                }
            }
            (StateName::Waiting, _) if svc.state == State::Armed => {
                "it starts when something comes on its sockets".to_owned()
            }
            (StateName::Waiting, _) => "it starts when what it waits for is there".to_owned(),
            (StateName::Ready | StateName::Skipped, _) => "nothing".to_owned(),
            (StateName::Done, _) if service.kind == Kind::Oneshot => "nothing".to_owned(),
            (StateName::Blocked, _) => "nothing until what it requires is started".to_owned(),
            (StateName::Inactive | StateName::Done | StateName::Failed, _) => {
                "nothing until somebody starts it".to_owned()
            }
        }
    }
}
