//! What the core decided, done.

use super::gifts::Gifts;
use super::shell::Shell;
use super::timers::Due;
use super::{conditions, report, sweep, terminal};
use crate::core::{Action, Event, Fault, Notice, Proc, Reason, Role, StateName, Sweep};
use crate::model::{Id, LogLevel, Signal};
use crate::sys::own_pid;
use crate::sys::reap::{self, Peek};
use crate::sys::signal::Sent;
use crate::sys::{Child, Outcome, Pid, Prepared, SpawnError, signal};
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

impl Shell {
    pub(super) fn name(&self, id: Id) -> &str {
        &self.plan.service(id).name
    }

    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Check(id) => self.check(id),
            Action::Spawn(proc) => self.spawns.push_back(proc),
            Action::Stop(id) => self.send_stop(id),
            Action::EndInput(id) => self.end_input(id),
            Action::Reload(id) => self.send_reload(id),
            Action::Kill(proc) => self.send_kill(proc),
            Action::Abort(id) => self.send_abort(id),
            Action::Probe(id) => self.probe(id),
            Action::Abandon(id) => self.abandon(id),
            Action::Await(id) => self.await_trigger(id),
            Action::Forget(id) => self.forget_trigger(id),
            Action::Arm(timer, after) => self.timers.arm(Due::Core(timer), Duration::from_millis(after)),
            Action::Disarm(timer) => self.timers.disarm(Due::Core(timer)),
            Action::Sweep(kind) => self.sweep(kind),
            Action::Announce(notice) => self.announce(notice),
            Action::Replaced => self.replaced(),
            Action::Reply(ticket, answer) => {
                if !self.apply_answered(ticket, answer) {
                    self.answered(ticket, answer);
                }
            }
            Action::Exit(code) => self.exit = Some(code),
        }
    }

    fn check(&mut self, id: Id) {
        let result = conditions::evaluate(&self.plan.service(id).when, &self.environment);
        // Before anything else: the core waits for the answer.
        self.facts.push_front(Event::Checked(id, result.is_ok()));
        self.unmet(id, result.err());
    }

    /// Keeps, and says, which condition of a service does not hold; `None`: all do.
    pub(super) fn unmet(&mut self, id: Id, condition: Option<String>) {
        match condition {
            Some(condition) => {
                tracing::info!("{}: skipped, for it does not hold: {condition}", self.name(id));
                self.unmet.insert(id, condition);
            }
            None => {
                self.unmet.remove(&id);
            }
        }
    }

    /// Why a service is where it is, for people.
    pub(super) fn reason(&self, id: Id) -> Option<String> {
        match self.unmet.get(&id) {
            Some(condition) if self.core.state_name(id) == StateName::Skipped => {
                Some(format!("does not hold: {condition}"))
            }
            _ => {
                let reason = report::reason(&self.core, id);
                let says = self.main_pid(id).and(self.status_text(id)).map(|text| format!("says: {text}"));
                match (reason, says) {
                    (Some(reason), Some(says)) => Some(format!("{reason}; {says}")),
                    (reason, says) => reason.or(says),
                }
            }
        }
    }

    /// Whether a process that waits to be made can be made now.
    pub(super) fn may_start(&self) -> bool {
        !self.spawns.is_empty() && self.spawner.ready()
    }

    /// Makes the processes that wait, as long as that is cheap.
    pub(super) fn start_queued(&mut self) {
        while self.spawner.ready()
            && let Some(proc) = self.spawns.pop_front()
        {
            match self.spawn(proc) {
                Ok(child) => self.took(proc, child),
                Err(error) => self.not_spawned(proc, &error),
            }
        }
    }

    fn spawn(&mut self, proc: Proc) -> Result<Child, SpawnError> {
        let gifts = if proc.role == Role::Main { self.gifts(proc.id)? } else { Gifts::default() };
        let plan = Rc::clone(&self.plan);
        let service = plan.service(proc.id);
        let Some(exec) = &service.exec else { return Err(SpawnError::nothing(&service.name)) };
        let argv = match proc.role {
            Role::Main => Some(&exec.argv),
            Role::Check => service.when.command.as_ref(),
            Role::Stop => service.stop.command.as_ref(),
            Role::Reload => service.reload.command.as_ref(),
            Role::Probe => self.probe_command(proc.id),
        };
        let Some(argv) = argv else { return Err(SpawnError::nothing(&service.name)) };
        let gifts = &gifts;
        let main = self.procs.pid(Proc { id: proc.id, role: Role::Main }).map(|pid| pid.to_string());
        let mut extra = vec![("FOSTER_SERVICE", OsStr::new(&service.name))];
        if let Some((_, instance)) = service.name.split_once('@') {
            extra.push(("FOSTER_INSTANCE", OsStr::new(instance)));
        }
        if let (Role::Stop | Role::Reload | Role::Probe, Some(main)) = (proc.role, &main) {
            extra.push(("MAINPID", OsStr::new(main)));
        }
        extra.extend(gifts.variables.iter().map(|(name, value)| (*name, value.as_os_str())));
        let mut prepared = Prepared::new(exec, argv, &extra, &self.environment)?;
        if let Some(directory) = self.cgroups.enter(proc.id, proc.role, service) {
            prepared = prepared.in_cgroup(directory);
        }
        if gifts.any() {
            prepared = prepared.pass(&gifts.fds(proc.id, &self.sockets, &self.notify), &gifts.own_pid);
        }
        if proc.role == Role::Main
            && service.logger
            && let Some(input) = self.output.open_input(proc.id).map_err(|e| SpawnError::output(&e))?
        {
            prepared = prepared.with_input(input);
        }
        match proc.role {
            Role::Main => self.expect_sign(proc.id),
            Role::Probe => return self.spawn_probe(proc.id, prepared),
            Role::Check | Role::Stop | Role::Reload => {}
        }
        let pipes = self.output.open(proc.id).map_err(|e| SpawnError::output(&e))?;
        if proc.role != Role::Main || !self.terminal.offer(proc.id, service) {
            return self.spawner.spawn(prepared, pipes[0], pipes[1]);
        }
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let [stdout, stderr] = terminal::output(service, pipes, [stdout.as_fd(), stderr.as_fd()]);
        self.spawner.spawn(prepared.with_terminal(), stdout, stderr)
    }

    /// A new child: known before anybody can wait for it.
    fn took(&mut self, proc: Proc, Child { pid, report }: Child) {
        tracing::debug!("{}: process {pid} started ({:?})", self.name(proc.id), proc.role);
        // Without the event the report is read when the process dies, at the latest.
        if let Err(errno) = self.epoll.add(&report, Self::report_event(pid)) {
            tracing::debug!("{}: cannot wait for the report of process {pid}: {errno}", self.name(proc.id));
        }
        let session = if proc.role == Role::Main { self.terminal.took(proc.id, pid) } else { None };
        self.procs.insert(pid, proc, report, session.unwrap_or(pid));
        if proc.role == Role::Main {
            self.cgroups.begin(proc.id);
            self.begin_listening(proc.id);
            self.output.begin(proc.id, pid);
            let now = self.running();
            self.history.begun(proc.id, now);
            self.probes.begin(proc.id);
        }
    }

    fn not_spawned(&mut self, proc: Proc, error: &SpawnError) {
        if proc.role == Role::Probe {
            return self.answer_probe(proc.id, Err(error.to_string()));
        }
        let fault = Fault { temporary: error.temporary(), code: error.exit_code() };
        if let Some(slot) = self.faults.get_mut(proc.id.index()) {
            *slot = Some(error.to_string());
        }
        if proc.role == Role::Stop {
            tracing::warn!(
                "{}: its stop command did not run: {error}; sending the stop signal",
                self.name(proc.id)
            );
        }
        self.facts.push_back(Event::SpawnFailed(proc, fault));
    }

    /// Reads the report of a child, if it is not yet read.
    pub(super) fn report(&mut self, pid: Pid) {
        let Some(entry) = self.procs.get_mut(pid) else { return };
        let proc = entry.proc;
        let Some(report) = &mut entry.report else { return };
        match report.poll() {
            Outcome::Pending => return,
            Outcome::Executed => {
                entry.report = None;
                if proc.role == Role::Probe {
                    return;
                }
                self.facts.push_back(Event::Spawned(proc));
                if proc.role == Role::Main {
                    self.sign_may_come(proc.id);
                }
            }
            Outcome::Failed(error) => {
                entry.report = None;
                if proc.role == Role::Probe {
                    return self.probe_not_executed(proc.id, &error);
                }
                entry.failed = true;
                self.not_spawned(proc, &error);
            }
        }
        self.settle();
    }

    fn send_stop(&mut self, id: Id) {
        let main = Proc { id, role: Role::Main };
        if self.cancel(main) {
            return;
        }
        let stop = &self.plan.service(id).stop;
        let (signal, group) = (stop.signal, stop.group);
        if group && self.procs.pid(main).is_some() {
            self.cgroups.told(id);
        }
        // A stopped process takes nothing but SIGKILL until it is continued.
        for signal in [signal, Signal::CONT] {
            let sent = match (self.procs.pid(main), self.procs.group(id), self.whole_group(id)) {
                (Some(_), ..) if !self.is_alive(id) => return,
                (Some(pid), ..) if group => self.procs.signal(pid, signal),
                (Some(pid), ..) => signal::kill(pid, signal),
                (None, Some(group), _) => signal::kill_group(group, signal),
                (None, None, Some(cgroup)) => cgroup.signal(signal, |_| false),
                (None, None, None) => return,
            };
            if sent == Sent::NotPermitted {
                tracing::warn!("{}: cannot send {signal}: it runs as another user", self.name(id));
                break;
            }
        }
        tracing::debug!("{}: {signal} sent", self.name(id));
    }

    /// The main process of a service, which its pid surely means.
    pub(super) fn main_pid(&self, id: Id) -> Option<Pid> {
        self.procs.pid(Proc { id, role: Role::Main }).filter(|_| self.is_alive(id))
    }

    /// To the main process alone, which knows best what its children have to hear.
    fn send_reload(&mut self, id: Id) {
        let signal = self.plan.service(id).reload.signal;
        let Some(pid) = self.main_pid(id) else { return };
        self.note_reload(id);
        if signal::kill(pid, signal) == Sent::NotPermitted {
            tracing::warn!("{}: cannot send {signal}: it runs as another user", self.name(id));
        }
    }

    /// To the main process alone: it is the one that hangs, and its core dump the one that tells why.
    fn send_abort(&mut self, id: Id) {
        let Some(pid) = self.main_pid(id) else { return };
        for signal in [Signal::ABRT, Signal::CONT] {
            if signal::kill(pid, signal) == Sent::NotPermitted {
                tracing::warn!("{}: cannot send {signal}: it runs as another user", self.name(id));
                break;
            }
        }
    }

    fn send_kill(&mut self, proc: Proc) {
        if self.cancel(proc) {
            return;
        }
        let cgroup = self.whole_group(proc.id).filter(|_| proc.role == Role::Main);
        match self.procs.pid(proc) {
            Some(_) if proc.role == Role::Main && !self.is_alive(proc.id) => {}
            Some(pid) => {
                self.procs.signal(pid, Signal::KILL);
            }
            None => {
                if let Some(group) = self.procs.group(proc.id) {
                    signal::kill_group(group, Signal::KILL);
                }
            }
        }
        if let Some(cgroup) = cgroup {
            cgroup.kill();
        }
    }

    /// Takes a process that was not even made yet out of the queue. True when it was there.
    fn cancel(&mut self, proc: Proc) -> bool {
        let before = self.spawns.len();
        self.spawns.retain(|queued| *queued != proc);
        let cancelled = self.spawns.len() < before;
        if cancelled {
            self.facts.push_back(Event::SpawnFailed(proc, Fault { temporary: true, code: 1 }));
        }
        cancelled
    }

    /// To the main service, as the runtime meant it.
    pub(super) fn forward(&mut self, signal: Signal) {
        let main = self.plan.ids().find(|id| self.plan.service(*id).main);
        if let Some(id) = main
            && let Some(pid) = self.main_pid(id)
        {
            tracing::debug!("{}: {signal} passed on", self.name(id));
            self.procs.signal(pid, signal);
        }
    }

    fn sweep(&mut self, kind: Sweep) {
        let first = !std::mem::replace(&mut self.swept, true);
        self.deaths = true;
        self.give_up_reading("the container is stopping");
        if reap::peek() == Peek::None {
            self.facts.push_back(Event::NoChildren);
            return;
        }
        if kind == Sweep::Kill {
            let service = |pid| self.procs.service_of(pid).map(|id| self.name(id));
            report::killed(&sweep::left(service));
        }
        if !self.signal_all(kind) && first {
            tracing::warn!(
                "cannot end what services left behind: /proc of this pid namespace is not mounted; waiting for it to end"
            );
        }
    }

    /// False when not all of them could be found.
    pub(super) fn signal_all(&self, kind: Sweep) -> bool {
        let known: Vec<_> = self.procs.pids().collect();
        let all = sweep::sweep(kind, &known);
        if kind == Sweep::Kill && own_pid() != 1 {
            self.cgroups.kill_all(&self.plan);
        }
        all
    }

    fn announce(&mut self, notice: Notice) {
        let fault = match notice {
            Notice::NotStarted { id, .. }
            | Notice::CheckFailed { id, .. }
            | Notice::ReloadFailed { id, reason: Reason::ReloadNotStarted } => {
                self.faults.get_mut(id.index()).and_then(Option::take)
            }
            Notice::Unready(id) => self.last_answer(id).or_else(|| self.missing_sign(id)),
            Notice::Unwell(id, _) | Notice::Unhealthy(id, ..) => self.last_answer(id),
            Notice::State(id, state) => {
                self.state_is(id, state);
                self.hold_sockets(id, state);
                self.divert_from(id, state);
                None
            }
            Notice::Shutdown(_) => {
                self.tell_stopping();
                None
            }
            _ => None,
        };
        report::say(&self.core, &self.plan, notice, fault.as_deref());
        self.take_note(notice, fault.as_deref());
        if let Some(id) = report::wants_output(notice) {
            report::last_lines(&mut self.output, &self.plan.service(id).name, id);
        }
    }

    /// SIGUSR1: a table of what is.
    pub(super) fn print_status(&mut self) {
        let table = report::status(&self.core, self.now(), self.orphans.reaped, |id| self.reason(id));
        self.output.say(LogLevel::Info, table.as_bytes());
    }
}
