//! What goes into the core and what comes out of it.

use super::{Millis, StateName};
use crate::model::{Exit, Id, OnFailure, Plan};
use std::rc::Rc;

/// What a process is to its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The service itself.
    Main,
    /// The command of its `when`.
    Check,
    /// The command of its `[stop]`.
    Stop,
    /// The command of its `[reload]`.
    Reload,
    /// The command of a probe. Never told: what is said of a probe is [`Action::Probe`] and [`Event::Probed`].
    Probe,
}

/// One process: at most one of each (service, role) is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proc {
    /// The service.
    pub id: Id,
    /// What it is to the service.
    pub role: Role,
}

/// Somebody who waits for an answer; chosen by the shell, unique among the open ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u32);

/// A fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The tree is to be started. Comes once, first.
    Boot,
    /// Somebody asks for something. The ticket is answered with [`Action::Reply`]; without one nobody waits.
    Request(Request, Option<Ticket>),
    /// Who holds this ticket has left: no answer. What was asked for goes on.
    Cancel(Ticket),
    /// A new plan is to be in force. A service that is in both has the same [`Id`], the slot of one that is gone holds a
    /// [`crate::model::Service::tombstone`], and new ones are in slots that held one or behind the last.
    Replace(Rc<Plan>, Option<Ticket>),
    /// The answer to [`Action::Check`]: whether the conditions on environment and paths hold. Comes before any other event.
    Checked(Id, bool),
    /// exec succeeded.
    Spawned(Proc),
    /// There is no process: fork or something before exec failed, or the spawn was cancelled by a stop.
    SpawnFailed(Proc, Fault),
    /// The process ended. After [`Event::Spawned`] of the same process, unless it was being stopped.
    Exited {
        /// Which.
        proc: Proc,
        /// How.
        exit: Exit,
        /// Whether its process group still has members (always false for a service with `stop.group = false`).
        leftover: bool,
    },
    /// The process group of a main process that has ended has no members any more.
    Vacated(Id),
    /// An armed timer has run out.
    Timer(Timer),
    /// The service has given the sign by which it is ready, or by which a reload is through. Also when nobody waits for it.
    Ready(Id),
    /// The attempt of [`Action::Probe`] is over, with this success, and nothing of it lives. Exactly one for each, after
    /// [`Action::Abandon`] too.
    Probed(Id, bool),
    /// It says that it is stopping by itself.
    Leaving(Id),
    /// It says that it began to reload, after the reload signal was sent.
    Reloading(Id),
    /// It asks for more time: what it is at may take so long from now on.
    Extend(Id, Millis),
    /// It says that it is alive.
    Alive(Id),
    /// It asks to be watched at this interval from now on; 0: not at all.
    Watch(Id, Millis),
    /// It says that it does not work any more.
    Hung(Id),
    /// What it waits for has come: a connection, or a time of its schedule.
    Triggered(Id),
    /// There is no child left at all. Told after a [`Action::Sweep`], at once or when the last one is reaped.
    NoChildren,
}

/// What somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Start it and all that it requires, and forget its failures.
    Start(Id),
    /// Stop it, its dependents first, and keep it down.
    Stop(Id),
    /// Stop and start it, its dependents too; start it when it is down.
    Restart(Id),
    /// Have it read its configuration anew, if it is ready.
    Reload(Id),
    /// Change nothing; only wait until this is true of it.
    Await(Id, Goal),
    /// End the container in order; asked again, at once. The code overrides the usual one.
    Shutdown(Option<u8>),
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Goal {
    /// Satisfied, and not about to come down.
    Ready,
    /// No process of it is alive, and it is not about to start.
    Stopped,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// What was asked for is true at this moment.
    Done,
    /// It is not, and will not come true by itself.
    Not(Reason),
    /// The new plan is in force, but this service, which it started or restarted, is not up: the first of them by number.
    Except(Id, Reason),
}

/// Why what was asked for did not come true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It has failed for good.
    Failed,
    /// It cannot start, because this requirement has failed or ended for good.
    Blocked(Id),
    /// A daemon that has ended well and is not restarted.
    Ended,
    /// This one, itself or something that it requires, was stopped on purpose.
    Stopped(Id),
    /// A stop was overtaken: somebody started it again.
    Started,
    /// The new plan does not want it any more.
    Disabled,
    /// It is not in the plan any more, or about to be removed from it.
    Removed,
    /// A reload, and it is not ready, or not any more.
    NotReady,
    /// A reload of a target: there is nobody to tell.
    NoProcess,
    /// Its reload command ended like this.
    ReloadFailed(Exit),
    /// Its reload command could not be started.
    ReloadNotStarted,
    /// Its reload command took too long and was killed.
    ReloadLate,
    /// A newer plan came before this one was in force and up.
    Superseded,
    /// The container ends.
    Ending,
}

/// Why there is no process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Another attempt may succeed (no memory, too many processes).
    pub temporary: bool,
    /// The exit code that a shell would show: 127 not found, 126 not executable, 1 otherwise.
    pub code: u8,
}

/// A timer. Each exists once; arming it again sets it anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// The timer of one service; its state says what it means.
    Service(Id),
    /// The end of the patience with the service's reload command.
    Reload(Id),
    /// The next probe of the service, or the end of the patience with the one that runs.
    Probe(Id),
    /// The end of the time within which the service has to say that it is alive.
    Watchdog(Id),
    /// The next deadline of the shutdown.
    Shutdown,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Look whether the service's conditions on environment and paths hold, and answer with [`Event::Checked`].
    Check(Id),
    /// Start a process.
    Spawn(Proc),
    /// Send the stop signal to the main process, with its group unless `stop.group` is off, and SIGCONT after it.
    Stop(Id),
    /// Let the input of a logger end, once it has got all that is meant for it.
    EndInput(Id),
    /// Send the reload signal to the main process.
    Reload(Id),
    /// Send SIGKILL to this process and its group.
    Kill(Proc),
    /// Send SIGABRT to the main process.
    Abort(Id),
    /// Look at the service once, by its `[ready]` while it is starting and by its `[health]` while it is ready, and answer
    /// with [`Event::Probed`].
    Probe(Id),
    /// Give up the probe that runs: kill its process, close its connection.
    Abandon(Id),
    /// Tell [`Event::Triggered`] when a connection waits (once) or whenever the schedule says so, until told otherwise. Told
    /// again, nothing changes for a schedule.
    Await(Id),
    /// Wait for it no more.
    Forget(Id),
    /// Set a timer, from now.
    Arm(Timer, Millis),
    /// Drop a timer; it must not fire any more.
    Disarm(Timer),
    /// Signal every process that is left, and tell [`Event::NoChildren`] as soon as there is no child.
    Sweep(Sweep),
    /// Something that people may want to know.
    Announce(Notice),
    /// [`Core::plan`](super::Core::plan) is the new plan from here on.
    Replaced,
    /// The answer to a ticket: exactly one for each that is not cancelled, before [`Action::Exit`] at the latest.
    Reply(Ticket, Answer),
    /// End with this code. The last action ever.
    Exit(u8),
}

/// With what to sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sweep {
    /// SIGTERM and SIGCONT.
    Term,
    /// SIGKILL.
    Kill,
}

/// Something that people may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The service is in another state, by its public name.
    State(Id, StateName),
    /// Its main process ended by itself and left members in its group, which are cleared away first.
    Leftover {
        /// Which.
        id: Id,
        /// How.
        exit: Exit,
    },
    /// Its main process ended by itself.
    Ended {
        /// Which.
        id: Id,
        /// How.
        exit: Exit,
        /// What the core does about it.
        next: Next,
    },
    /// It was taken down for a flaw that was told before, and is down.
    TakenDown {
        /// Which.
        id: Id,
        /// What the core does about it.
        next: Next,
    },
    /// Its main process could not be started.
    NotStarted {
        /// Which.
        id: Id,
        /// What the core does about it.
        next: Next,
    },
    /// Its condition could not be evaluated: no process, or not in time.
    CheckFailed {
        /// Which.
        id: Id,
        /// True: it took too long. False: it could not be started.
        late: bool,
    },
    /// It was told to read its configuration anew; its reload command, if there is one, has ended well.
    Reloaded(Id),
    /// Its reload command did not do what it should.
    ReloadFailed {
        /// Which.
        id: Id,
        /// [`Reason::ReloadFailed`], [`Reason::ReloadNotStarted`] or [`Reason::ReloadLate`].
        reason: Reason,
    },
    /// It was not ready in time and is stopped.
    Unready(Id),
    /// A probe of its health failed, so many in a row by now.
    Unwell(Id, u32),
    /// It is not well: so many probes in a row failed, and this is done about it.
    Unhealthy(Id, u32, OnFailure),
    /// A probe succeeded again.
    Healthy(Id),
    /// It did not say in time that it is alive (`hung`: it said that it is not), and gets SIGABRT.
    Watchdog {
        /// Which.
        id: Id,
        /// It said so itself.
        hung: bool,
    },
    /// Its schedule says that it runs, but it runs already; `queued`: it runs again afterwards.
    Overlap {
        /// Which.
        id: Id,
        /// Whether it runs again afterwards.
        queued: bool,
    },
    /// It did not stop in time and is killed.
    Late(Id),
    /// It cannot start, because of this requirement.
    Blocked(Id, Id),
    /// The container ends.
    Shutdown(Cause),
    /// The container ends at once, for it was asked to again.
    Escalated,
    /// The services' part of the shutdown timeout is over; what is left of them is killed.
    Overdue,
}

/// What follows an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A restart now.
    Restart,
    /// A restart after this delay, the attempt with this number.
    RestartIn(Millis, u32),
    /// It has failed for good: so many consecutive ends reached its limit.
    GaveUp(u32),
    /// It has failed for good: no restart is due by its policy, or none would help.
    Failed,
    /// It has ended well.
    Done,
    /// It waits for its next connection or time.
    Rest,
    /// Nothing: a new plan takes it down anyway.
    Retires,
}

/// Why the container ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It was asked to, perhaps with a code.
    Asked(Option<u8>),
    /// The main service has ended, with this code.
    Main(Id, u8),
    /// An essential service has failed for good, with this code.
    Failed(Id, u8),
    /// A service is not well, and its `[health]` says that the container ends with that.
    Unhealthy(Id),
    /// An essential service can never start, because of this requirement's failure, with this code.
    Blocked(Id, Id, u8),
    /// Nothing is left to do.
    Finished,
}
