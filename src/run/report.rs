//! What people are told, in words: one line per failure, with the reason and what happens next.

use super::output::Output;
use crate::core::{Cause, Core, Flaw, Next, Notice, Reason, Starting, State, Why};
use crate::model::{Exit, Id, Kind, LogLevel, OnFailure, Plan, format_duration, format_size};
use std::fmt::Write;
use std::time::Duration;
use tracing::Level;
use tracing::level_filters::LevelFilter;

/// Lines of output that a failure for good is told with.
const LAST_LINES: usize = 10;

/// `exited with code 3`, `was killed by SIGKILL`.
pub(super) fn ended(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exited with code {code}"),
        Exit::Signal { signal, core: false } => format!("was killed by {signal}"),
        Exit::Signal { signal, core: true } => format!("was killed by {signal} (core dumped)"),
        Exit::OutOfMemory { limit: None } => "was killed by the OOM killer".to_owned(),
        Exit::OutOfMemory { limit: Some(limit) } => {
            format!("was killed by the OOM killer, at its memory limit of {}", format_size(limit))
        }
    }
}

fn ms(millis: u64) -> String {
    format_duration(Duration::from_millis(millis))
}

/// Says it at the level that it deserves, with the name of the service before it.
///
/// `plan` is the one in force when it happened; the core may have come to another one in the same step.
pub(super) fn say(core: &Core, plan: &Plan, notice: Notice, fault: Option<&str>) {
    let level = level(notice);
    // Most are not said at all, and there are thousands of them in a boot.
    if level > LevelFilter::current() {
        return;
    }
    let mut text = words(core, plan, notice, fault);
    if let Some(id) = about(notice) {
        text = format!("{}: {text}", plan.service(id).name);
    }
    match level {
        Level::ERROR => tracing::error!("{text}"),
        Level::WARN => tracing::warn!("{text}"),
        _ => tracing::info!("{text}"),
    }
}

/// Failures at warn, what ends the container at error, the rest at info.
fn level(notice: Notice) -> Level {
    match notice {
        Notice::State(..)
        | Notice::Ended { next: Next::Done, .. }
        | Notice::Ended { exit: Exit::Code(0), next: Next::Rest, .. }
        | Notice::Reloaded(_)
        | Notice::Unwell(..) => Level::INFO,
        Notice::Shutdown(Cause::Failed(..) | Cause::Blocked(..) | Cause::Unhealthy(_)) => Level::ERROR,
        Notice::Shutdown(_) => Level::INFO,
        _ => Level::WARN,
    }
}

/// The service that it is about.
pub(super) fn about(notice: Notice) -> Option<Id> {
    match notice {
        Notice::State(id, _) | Notice::Late(id) | Notice::Blocked(id, _) | Notice::Reloaded(id) => Some(id),
        Notice::Unready(id) | Notice::Unwell(id, _) | Notice::Unhealthy(id, ..) | Notice::Healthy(id) => {
            Some(id)
        }
        Notice::Leftover { id, .. }
        | Notice::TakenDown { id, .. }
        | Notice::Watchdog { id, .. }
        | Notice::Overlap { id, .. }
        | Notice::ReloadFailed { id, .. }
        | Notice::Ended { id, .. }
        | Notice::NotStarted { id, .. }
        | Notice::CheckFailed { id, .. } => Some(id),
        Notice::Shutdown(_) | Notice::Escalated | Notice::Overdue => None,
    }
}

/// What is said of it. `fault`: what a process could not be started of, or what a probe heard last.
pub(super) fn words(core: &Core, plan: &Plan, notice: Notice, fault: Option<&str>) -> String {
    let name = |id: Id| plan.service(id).name.as_str();
    let heard = fault.map(|answer| format!(": {answer}")).unwrap_or_default();
    let fault = fault.unwrap_or("it could not be started");
    match notice {
        Notice::State(_, state) => state.to_string(),
        Notice::Leftover { exit, .. } => format!("{}; clearing away what it left running", ended(exit)),
        Notice::Ended { exit, next: Next::Done, .. } => ended(exit),
        Notice::Ended { id, exit, next } => format!("{}; {}", ended(exit), follows(core, plan, id, next)),
        Notice::TakenDown { id, next } => format!("it is down; {}", follows(core, plan, id, next)),
        Notice::Unready(id) => {
            let timeout = format_duration(plan.service(id).ready.timeout);
            let then = match plan.service(id).health.on_failure {
                OnFailure::Shutdown => "the container stops",
                OnFailure::Restart | OnFailure::None => "stopping it",
            };
            format!("was not ready within {timeout}{heard}; {then}")
        }
        Notice::Unwell(_, 1) => format!("a probe failed{heard}"),
        Notice::Unwell(_, count) => format!("{count} probes in a row failed{heard}"),
        Notice::Unhealthy(id, count, _) => {
            let probes = if count == 1 { "a probe".to_owned() } else { format!("{count} probes in a row") };
            format!("is not healthy: {probes} failed{heard}; {}", about_flaw(plan, id, "stopping it"))
        }
        Notice::Healthy(_) => "is healthy again".to_owned(),
        Notice::Watchdog { id, hung: true } => {
            format!("says that it does not work; {}", about_flaw(plan, id, "sending SIGABRT"))
        }
        Notice::Watchdog { id, hung: false } => {
            let within = core.svc(id).watchdog.map(ms).unwrap_or_default();
            format!("did not say for {within} that it is alive; {}", about_flaw(plan, id, "sending SIGABRT"))
        }
        Notice::Overlap { queued: true, .. } => {
            "is due by its schedule and still runs; it runs again afterwards".to_owned()
        }
        Notice::Overlap { queued: false, .. } => {
            "is due by its schedule and still runs; this run is left out".to_owned()
        }
        Notice::NotStarted { id, next } => format!("{fault}; {}", follows(core, plan, id, next)),
        Notice::CheckFailed { late: false, .. } => {
            format!("its condition could not be evaluated: {fault}; it has failed")
        }
        Notice::CheckFailed { id, late: true } => {
            let timeout = format_duration(plan.service(id).when.timeout);
            format!("its condition was not decided within {timeout}; it has failed")
        }
        Notice::Reloaded(_) => "told to reload".to_owned(),
        Notice::ReloadFailed { reason: Reason::ReloadFailed(exit), .. } => {
            format!("its reload command {}; it goes on as it is", ended(exit))
        }
        Notice::ReloadFailed { id, reason: Reason::ReloadLate } => {
            let timeout = format_duration(plan.service(id).reload.timeout);
            if plan.service(id).reload.command.is_none() {
                return format!("did not say within {timeout} that it has reloaded; it goes on as it is");
            }
            format!("its reload command took longer than {timeout}; killing it with SIGKILL")
        }
        Notice::ReloadFailed { .. } => {
            format!("its reload command did not run: {fault}; it goes on as it is")
        }
        Notice::Late(id) => {
            let timeout = format_duration(plan.service(id).stop.timeout);
            format!("did not stop within {timeout}; killing it with SIGKILL")
        }
        Notice::Blocked(_, by) => {
            let why = lost(core, by);
            format!("blocked, because {}, which it requires, {why}", name(by))
        }
        Notice::Shutdown(cause) => why_it_stops(plan, cause),
        Notice::Escalated => "asked to stop again: killing what is left with SIGKILL".to_owned(),
        Notice::Overdue => {
            let late: Vec<_> = plan.ids().filter(|id| core.svc(*id).live.any()).map(name).collect();
            let budget = format_duration(plan.settings.shutdown_timeout);
            let late = if late.is_empty() { "nobody".to_owned() } else { late.join(", ") };
            format!("the shutdown timeout of {budget} is almost over; killing with SIGKILL: {late}")
        }
    }
}

fn follows(core: &Core, plan: &Plan, id: Id, next: Next) -> String {
    match next {
        Next::Restart => "restarting it now".to_owned(),
        Next::RestartIn(delay, attempt) => format!("restarting it in {} (attempt {attempt})", ms(delay)),
        Next::GaveUp(after) => format!("{}{}{}", gave_up(after), consequence(plan, id), hint(core, plan, id)),
        Next::Failed => format!("it has failed{}", consequence(plan, id)),
        Next::Done => "done".to_owned(),
        Next::Rest if plan.service(id).schedule.is_some() => "it runs again at its next time".to_owned(),
        Next::Rest => "it starts again with the next connection".to_owned(),
        Next::Retires => "the new configuration has already taken it out".to_owned(),
    }
}

/// What follows from a flaw of a process that lives; `restart`: the first step of a restart.
fn about_flaw(plan: &Plan, id: Id, restart: &str) -> String {
    match plan.service(id).health.on_failure {
        OnFailure::Restart => restart.to_owned(),
        OnFailure::Shutdown => "the container stops".to_owned(),
        OnFailure::None => "it goes on".to_owned(),
    }
}

/// What the commonest mistake looks like.
fn hint(core: &Core, plan: &Plan, id: Id) -> &'static str {
    match core.svc(id).last_exit {
        Some(Exit::Code(0)) if plan.service(id).kind == Kind::Daemon => {
            " (it ended well each time: if it makes itself a daemon, have it stay in the foreground)"
        }
        _ => "",
    }
}

fn consequence(plan: &Plan, id: Id) -> &'static str {
    let service = plan.service(id);
    if service.main || service.essential {
        ", and the container stops"
    } else {
        ", and the container goes on without it"
    }
}

fn why_it_stops(plan: &Plan, cause: Cause) -> String {
    let name = |id: Id| plan.service(id).name.as_str();
    match cause {
        Cause::Asked(_) => "stopping".to_owned(),
        Cause::Main(id, code) => format!("stopping: the main service {} has ended, code {code}", name(id)),
        Cause::Failed(id, code) => {
            format!("stopping: {} has failed and is essential, code {code}", name(id))
        }
        Cause::Blocked(id, by, code) => {
            format!("stopping: {} is essential and cannot run without {}, code {code}", name(id), name(by))
        }
        Cause::Unhealthy(id) => format!("stopping: {} is not well, code 1", name(id)),
        Cause::Finished => "stopping: nothing is left to do".to_owned(),
    }
}

/// The service whose last output belongs to this notice.
pub(super) fn wants_output(notice: Notice) -> Option<Id> {
    match notice {
        Notice::Ended { id, next: Next::GaveUp(_) | Next::Failed, .. } => Some(id),
        Notice::Unready(id) => Some(id),
        _ => None,
    }
}

/// The last lines that a service wrote, below the line that says that it failed.
pub(super) fn last_lines(output: &mut Output, name: &str, id: Id) {
    let mut text = Vec::new();
    for (_, line) in output.last_lines(id, LAST_LINES) {
        text.extend_from_slice(b"    ");
        text.extend_from_slice(line.bytes);
        text.push(b'\n');
    }
    if !text.is_empty() {
        let mut told = format!("{name}: its last output was\n").into_bytes();
        told.append(&mut text);
        output.say(LogLevel::Warn, &told);
    }
}

/// Names what is killed at the very end.
pub(super) fn killed((names, count): &(Vec<String>, usize)) {
    if *count == 0 {
        return;
    }
    let more = count.saturating_sub(names.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let processes = if *count == 1 { "1 process that is" } else { "processes that are" };
    tracing::warn!("killing {processes} left with SIGKILL: {}{more}", names.join(", "));
}

/// Why a service is where it is: one line for people, with at most one other service, that says the rest.
pub(super) fn reason(core: &Core, id: Id) -> Option<String> {
    let name = |id: Id| core.plan().service(id).name.as_str();
    let (view, service) = (core.view(id), core.plan().service(id));
    let end = match view.last_exit {
        _ if view.stillborn => Some("could not be started".to_owned()),
        _ if let Some(flaw) = view.flaw => Some(flaw_text(flaw).to_owned()),
        exit => exit.map(ended),
    };
    Some(match view.why {
        Why::Plain if core.svc(id).state == State::Starting(Starting::Sign) => "not ready yet".to_owned(),
        Why::Plain if let Some(flaw) = view.flaw => flaw_text(flaw).to_owned(),
        Why::Plain => return end.map(|end| format!("last {end}")),
        Why::Requires(other) => format!("waits for {}", name(other)),
        Why::After(other) => format!("starts after {}", name(other)),
        Why::Stopped(other) => format!("requires {}, which is {}", name(other), off(core, other)),
        Why::Blocked(other) => format!("requires {}, which {}", name(other), lost(core, other)),
        Why::Dependents(other) => format!("waits until {} is down", name(other)),
        Why::With(other) => format!("comes down with {}", name(other)),
        Why::Held => "stopped by request".to_owned(),
        Why::Unwanted if !service.enabled => "not enabled".to_owned(),
        Why::Unwanted => "nothing needs it".to_owned(),
        Why::Restart => "restarted by request".to_owned(),
        Why::Retiring => "comes down for the new configuration".to_owned(),
        Why::Condition => "its conditions do not hold".to_owned(),
        Why::Backoff => {
            format!("{}; attempt {} follows", end.unwrap_or_default(), view.failures.saturating_add(1))
        }
        Why::Trigger if service.schedule.is_some() => match end {
            Some(end) => format!("waits for its next time; last {end}"),
            None => "waits for its next time".to_owned(),
        },
        Why::Trigger => "waits for a connection".to_owned(),
        Why::Flaw => end?,
        Why::Leaving => "says that it is stopping".to_owned(),
        Why::Leftover => format!("{}; clearing away what it left running", end.unwrap_or_default()),
        Why::Failed(code) => {
            let end = end.unwrap_or_else(|| format!("has failed, code {code}"));
            match service.restart.limit {
                Some(limit) if view.failures >= limit => format!("{}: {end}", gave_up(view.failures)),
                _ => end,
            }
        }
        Why::Ended => end?,
        Why::Ending => "the container is being stopped".to_owned(),
    })
}

fn flaw_text(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Unready => "was not ready in time",
        Flaw::Unhealthy => "is not healthy",
        Flaw::Silent => "did not say in time that it is alive",
        Flaw::Hung => "said that it does not work",
    }
}

fn off(core: &Core, id: Id) -> &'static str {
    match core.svc(id) {
        svc if svc.held => "stopped by request",
        svc if svc.retiring => "coming down for the new configuration",
        _ => "not meant to be up",
    }
}

fn lost(core: &Core, id: Id) -> &'static str {
    match core.svc(id).state {
        State::Done => "has ended",
        State::Blocked(_) => "is blocked itself",
        _ => "has failed",
    }
}

fn gave_up(after: u32) -> String {
    format!("gave up after {after} consecutive {}", if after == 1 { "end" } else { "ends" })
}

/// Why what was asked of a service did not come true.
pub(super) fn why_not(core: &Core, id: Option<Id>, reason: Reason) -> String {
    let name = |id: Id| core.plan().service(id).name.as_str();
    let last = id.and_then(|id| core.svc(id).last_exit).map(|exit| format!(": {}", ended(exit)));
    match reason {
        Reason::Failed => format!("it has failed{}", last.unwrap_or_default()),
        Reason::Blocked(by) => format!("{}, which it requires, has failed or ended", name(by)),
        Reason::Ended => format!("it ended{}", last.unwrap_or_default()),
        Reason::Stopped(by) if Some(by) == id => "it was stopped by request".to_owned(),
        Reason::Stopped(by) => format!("{}, which it requires, was stopped by request", name(by)),
        Reason::Started => "it was started again meanwhile".to_owned(),
        Reason::Disabled => "it is not enabled any more".to_owned(),
        Reason::Removed => "it was removed from the configuration".to_owned(),
        Reason::NotReady => "it is not ready".to_owned(),
        Reason::NoProcess => "it has no process".to_owned(),
        Reason::ReloadFailed(exit) => format!("its reload command {}", ended(exit)),
        Reason::ReloadNotStarted => "its reload command could not be started".to_owned(),
        Reason::ReloadLate => match id.map(|id| &core.plan().service(id).reload.command) {
            Some(None) => "it did not say in time that it has reloaded".to_owned(),
            _ => "its reload command took too long and was killed".to_owned(),
        },
        Reason::Superseded => "a newer configuration came before it was in force".to_owned(),
        Reason::Ending => "the container ends".to_owned(),
    }
}

/// The table for SIGUSR1.
pub(super) fn status(core: &Core, now: u64, orphans: u64, reason: impl Fn(Id) -> Option<String>) -> String {
    let name = |id: Id| core.plan().service(id).name.as_str();
    let width = core.plan().services.iter().map(|s| s.name.len()).max().unwrap_or(0).max("service".len());
    let mut table = format!("{:width$}  {:8}  {:>8}  {:>8}  note\n", "service", "state", "for", "restarts");
    for id in core.plan().by_name() {
        let view = core.view(id);
        let note = reason(id).unwrap_or_default();
        let since = format_duration(Duration::from_secs(now.saturating_sub(view.since) / 1_000));
        let (state, restarts) = (view.state, view.restarts);
        // Writing to a string does not fail.
        let _ = writeln!(table, "{:width$}  {state:8}  {since:>8}  {restarts:>8}  {note}", name(id));
    }
    let _ = write!(table, "orphans reaped: {orphans}");
    table
}
