//! The state of a service and of the tree.

use super::{Millis, StateName};
use crate::model::{Exit, Id, Service};

/// What the core knows of one service.
#[derive(Clone, Copy, Debug)]
pub struct Svc {
    /// Where it is.
    pub state: State,
    /// Which of its processes are alive.
    pub live: Live,
    /// Somebody asked for it.
    pub want: bool,
    /// Stopped on purpose: no target, whoever requires it.
    pub held: bool,
    /// A restart was asked for, and it is not yet down.
    pub again: bool,
    /// The plan that is to come removes it or changes its process: it comes down first.
    pub retiring: bool,
    /// Its reload command runs, and one more was asked for.
    pub reload_again: bool,
    /// Its reload command got SIGKILL.
    pub reload_killed: bool,
    /// It was told to reload and says itself when it is through.
    pub reload_said: Said,
    /// The probe that runs was given up: what it comes to does not matter.
    pub probe_dropped: bool,
    /// Attempts at readiness that failed, as far as they make the next one wait longer.
    pub attempts: u8,
    /// Probes of its health that failed in a row, up to the number that makes it unhealthy.
    pub misses: u32,
    /// Within what time it has to say that it is alive; as the process was started, or as it said later.
    pub watchdog: Option<Millis>,
    /// What it waited for has come: it may start. Only of one that waits for a connection or a time.
    pub demanded: bool,
    /// It is to run again after this run.
    pub queued: bool,
    /// The shell was told to wait for its connection or time.
    pub awaiting: bool,
    /// Its last end was a failure, and it was not started since.
    pub run_failed: bool,
    /// What was wrong with its process when it was last taken down for that; until it is ready again or ends by itself.
    pub flaw: Option<Flaw>,
    /// Its conditions hold; asked once per start, not at every restart.
    pub checked: bool,
    /// Consecutive ends, none of them after `reset-after` of readiness.
    pub failures: u32,
    /// Derived: it should be up, as far as asking goes.
    pub(super) target: bool,
    /// Derived: it is not meant to be up.
    pub(super) off: bool,
    /// Derived: it has to come down.
    pub(super) doomed: bool,
    /// The public name under which its state was last announced.
    pub(super) told: StateName,
    /// When it entered its state.
    pub since: Millis,
    /// Starts of its main process after the first.
    pub restarts: u32,
    /// Whether its main process was ever started.
    pub started: bool,
    /// How its main process last ended.
    pub last_exit: Option<Exit>,
    /// Its last start came to no main process: it could not be made, or the conditions could not be decided.
    pub stillborn: bool,
    /// When its timer is due, if it is armed.
    pub(super) due: Option<Millis>,
    /// The code to show for its failure for good.
    pub fail_code: u8,
}

impl Svc {
    pub(super) fn new(service: &Service) -> Self {
        Self {
            state: State::Inactive,
            live: Live::default(),
            want: service.enabled,
            held: false,
            again: false,
            retiring: false,
            reload_again: false,
            reload_killed: false,
            reload_said: Said::Nothing,
            probe_dropped: false,
            attempts: 0,
            misses: 0,
            watchdog: None,
            demanded: service.schedule.as_ref().is_some_and(|schedule| schedule.run_at_start),
            queued: false,
            awaiting: false,
            run_failed: false,
            flaw: None,
            checked: false,
            failures: 0,
            target: false,
            off: true,
            doomed: true,
            told: StateName::Inactive,
            since: 0,
            restarts: 0,
            started: false,
            last_exit: None,
            stillborn: false,
            due: None,
            fail_code: 1,
        }
    }

    /// Wanted or needed, and not stopped on purpose.
    #[must_use]
    pub fn target(&self) -> bool {
        self.target
    }

    /// Not meant to be up: no target, or a requirement that is off or failed for good.
    #[must_use]
    pub fn off(&self) -> bool {
        self.off
    }

    /// Has to come down.
    #[must_use]
    pub fn doomed(&self) -> bool {
        self.doomed
    }
}

/// Where a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Down: not meant to run, or waiting for what it depends on.
    Inactive,
    /// Its conditions are being looked at; `command`: by a process.
    Checking {
        /// The command of `when` runs (or is being started).
        command: bool,
    },
    /// Its main process exists, or is about to, and it is not ready.
    Starting(Starting),
    /// Up. A target has no process.
    Ready,
    /// It has no process until a connection comes, or the next time of its schedule. Counts as satisfied.
    Armed,
    /// Coming down, or clearing away what a dead main process left in its group.
    Stopping {
        /// How far.
        stage: Stage,
        /// What comes after.
        then: Then,
    },
    /// Waiting for its next attempt.
    Backoff,
    /// Ended well; a oneshot is satisfied.
    Done,
    /// Failed for good.
    Failed,
    /// Cannot start because this requirement is not going to be satisfied.
    Blocked(Id),
    /// Its conditions do not hold. Counts as satisfied.
    Skipped,
}

/// How far a start is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Starting {
    /// exec is not reported yet.
    Exec,
    /// A daemon that is ready when its delay is over.
    Delay,
    /// A daemon that is ready when it gives its sign, or a probe succeeds.
    Sign,
    /// A oneshot, running.
    Run,
}

/// How far a stop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The stop command runs.
    Command,
    /// A logger: its input has ended, and it may end by itself when it has written what it read.
    Input,
    /// The stop signal is sent.
    Signal,
    /// SIGKILL is sent.
    Kill,
}

/// What comes after a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// Inactive.
    Down,
    /// The main process had ended by itself, in readiness or before: what its policy says.
    Ended {
        /// How.
        exit: Exit,
        /// Whether it was ready.
        ready: bool,
    },
    /// It is stopped for this flaw, which counts as a failure: what its policy says.
    Flawed {
        /// Whether it was ready.
        ready: bool,
    },
    /// It said that it is stopping by itself; its end will be its own.
    Leaving {
        /// Whether it was ready.
        ready: bool,
    },
    /// Failed: its condition took too long.
    Fail,
}

/// What is wrong with a process that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// It was not ready in time.
    Unready,
    /// Probes of its health failed.
    Unhealthy,
    /// It did not say in time that it is alive.
    Silent,
    /// It said that it does not work.
    Hung,
}

/// What a service that reloads said about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said {
    /// Nothing, and nobody waits for it.
    Nothing,
    /// Nothing yet: it has the signal.
    Asked,
    /// That it began.
    Begun,
}

/// Which processes of a service are alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Live {
    /// The main process, from the decision to spawn it.
    pub main: bool,
    /// The command of `when`.
    pub check: bool,
    /// The stop command.
    pub stop: bool,
    /// The reload command.
    pub reload: bool,
    /// A probe.
    pub probe: bool,
    /// Members of the main process's group that outlived it and are to be cleared away.
    pub group: bool,
}

impl Live {
    /// Anything at all.
    #[must_use]
    pub fn any(self) -> bool {
        self.group || self.any_but_group()
    }

    fn any_but_group(self) -> bool {
        self.main || self.check || self.stop || self.reload || self.probe
    }

    /// Nothing but the rest of a group.
    #[must_use]
    pub fn only_group(self) -> bool {
        self.group && !self.any_but_group()
    }
}

/// How far the end of the container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Not ending.
    Running,
    /// Services stop in order; all is over at `deadline`.
    Stopping {
        /// End of the shutdown timeout.
        deadline: Millis,
    },
    /// What is left got SIGTERM.
    Sweeping {
        /// End of the shutdown timeout.
        deadline: Millis,
    },
    /// What is left got SIGKILL.
    Killing,
    /// [`super::Action::Exit`] was given.
    Over,
}
