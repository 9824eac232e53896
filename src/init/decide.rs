//! What an init does when: events in, actions out. No system call, no clock.
//!
//! ```text
//!   Starting ──Started──► Running ──Ended──► Ending ──Swept──► Exit
//!    │  ▲ Refused, Timer     ▲ │ Stopped, CONT  │ (wait)
//!    └──┘                    └─┘                ▼
//!                                            Waiting ──Swept (nobody), Timer twice──► Exit
//! ```

/// Signals by their numbers on Linux.
mod number {
    pub(super) const INT: u8 = 2;
    pub(super) const QUIT: u8 = 3;
    pub(super) const KILL: u8 = 9;
    pub(super) const TERM: u8 = 15;
    pub(super) const CHLD: u8 = 17;
    pub(super) const CONT: u8 = 18;
    pub(super) const TSTP: u8 = 20;
    pub(super) const TTIN: u8 = 21;
    pub(super) const TTOU: u8 = 22;
    pub(super) const WINCH: u8 = 28;
}

/// How often a process is asked for, when the kernel has none.
const ATTEMPTS: u8 = 10;
/// The wait after the first refusal, in milliseconds; it doubles, up to the longest. Four seconds and a half in all.
const FIRST_DELAY: u32 = 10;
const LONGEST_DELAY: u32 = 1000;
/// How long after SIGKILL the last processes are waited for, in milliseconds: one in the middle of a disk's call may take.
const GRACE: u32 = 1000;

/// What is decided by the options.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Signals go to the process group of the child.
    pub group: bool,
    /// The child is in the group of the init, so that a key of the terminal reaches it anyway.
    pub shared: bool,
    /// What each signal becomes, by number; 0 drops it.
    pub rewrite: [u8; 65],
    /// What a stopped child, or a signal that stops, means for the init itself.
    pub jobs: Jobs,
    /// How long what is left at the end of the child may take, in milliseconds.
    pub wait: Option<u32>,
    /// An end by a signal that was passed on counts as success.
    pub zero_on_stop: bool,
    /// What each exit code becomes.
    pub codes: [u8; 256],
    /// At the end of the child, the rest of its group is sent SIGTERM.
    pub farewell: bool,
    /// There is no child: it ends at SIGTERM and SIGINT.
    pub pause: bool,
}

/// Job control, which PID 1 has no part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Jobs {
    /// None.
    None,
    /// When the child is stopped, so is the init, and the terminal goes back to the shell above; then the other way round.
    Follow,
    /// The init stops itself at signals that stop.
    Echo,
}

impl Default for Rules {
    /// Everything passed on as it is, to the child.
    fn default() -> Self {
        Self {
            group: false,
            shared: false,
            rewrite: std::array::from_fn(|number| number as u8),
            jobs: Jobs::None,
            wait: None,
            zero_on_stop: false,
            codes: std::array::from_fn(|code| code as u8),
            farewell: false,
            pause: false,
        }
    }
}

/// Who sent a signal.
pub use crate::sys::taking::Origin;

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A process executes the program.
    Started,
    /// There is none to be had.
    Refused {
        /// There may be one a little later.
        again: bool,
    },
    /// It cannot be executed; with the exit code for that.
    Failed(u8),
    /// A signal came.
    Signal(u8, Origin),
    /// The child has ended, with this exit code, which is 128+n for signal n.
    Ended(u8),
    /// The child was stopped.
    Stopped,
    /// [`Action::Suspend`] had no effect.
    NotSuspended,
    /// Nobody dead is left; whether nobody is left at all.
    Swept {
        /// There is no child, own or adopted.
        alone: bool,
    },
    /// The time of [`Action::Arm`] has come.
    Timer,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Start the child.
    Start,
    /// Send a signal to the child, or with `whole` to its group.
    Pass {
        /// Its number.
        number: u8,
        /// To the group.
        whole: bool,
    },
    /// Send a signal to what the child, which has ended, has left of its group.
    Farewell(u8),
    /// Send a signal to everybody below.
    PassAll(u8),
    /// Ask for [`Event::Timer`] in so many milliseconds, instead of what was asked for before.
    Arm(u32),
    /// Give the terminal to the child.
    HandOver,
    /// Take the terminal back from the child.
    TakeBack,
    /// Stop as a job: this process, with `group` all of its group.
    Suspend {
        /// All of the group.
        group: bool,
    },
    /// Stop by SIGSTOP.
    StopSelf,
    /// Say that there is no process to be had.
    GiveUp,
    /// Say that there are processes which even SIGKILL has not ended.
    Abandon,
    /// End with this code.
    Exit(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Starting {
        refused: u8,
    },
    Running {
        stopped: bool,
    },
    /// The child has ended with this code.
    Ending(u8),
    /// As that, and what is left has been told; or killed.
    Waiting {
        code: u8,
        killed: bool,
    },
    Over,
}

/// The state of an init.
#[derive(Clone, Debug)]
pub struct Mind {
    rules: Rules,
    state: State,
    /// The signals that were passed on: bit n-1 for signal n.
    passed: u64,
}

impl Mind {
    /// Before the child is started, which the first [`Mind::begin`] asks for.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, state: State::Starting { refused: 0 }, passed: 0 }
    }

    /// The first thing to do.
    pub fn begin(&mut self, act: &mut dyn FnMut(Action)) {
        if self.rules.pause {
            self.state = State::Running { stopped: false };
        } else {
            act(Action::Start);
        }
    }

    /// Whether signals but SIGCHLD are taken now. While there is no child they wait.
    #[must_use]
    pub fn listens(&self) -> bool {
        !matches!(self.state, State::Starting { .. })
    }

    /// What an event means.
    pub fn step(&mut self, event: Event, act: &mut dyn FnMut(Action)) {
        match (self.state, event) {
            (State::Starting { .. }, Event::Started) => self.state = State::Running { stopped: false },
            (State::Starting { refused }, Event::Refused { again: true }) if refused < ATTEMPTS => {
                let delay = FIRST_DELAY << refused;
                self.state = State::Starting { refused: refused + 1 };
                act(Action::Arm(delay.min(LONGEST_DELAY)));
            }
            (State::Starting { .. }, Event::Refused { .. }) => {
                act(Action::GiveUp);
                self.exit(1, act);
            }
            (State::Starting { .. }, Event::Timer) => act(Action::Start),
            // Later only where the start could not be waited for.
            (State::Starting { .. } | State::Running { .. }, Event::Failed(code)) => {
                self.back(act);
                self.exit(code, act);
            }
            (State::Running { stopped }, Event::Signal(number, origin)) => {
                self.signal(number, origin, stopped, act);
            }
            (State::Waiting { .. } | State::Ending(_), Event::Signal(number, origin)) => {
                if let Some(number) = self.translate(number, origin) {
                    act(Action::PassAll(number));
                }
            }
            (State::Running { .. }, Event::Stopped) if self.rules.jobs == Jobs::Follow => {
                self.state = State::Running { stopped: true };
                self.back(act);
                // In a shared group, who stopped the child by a key has stopped all of it.
                act(Action::Suspend { group: !self.rules.shared });
            }
            (State::Running { stopped: true }, Event::NotSuspended) if !self.rules.shared => {
                act(Action::HandOver);
            }
            (State::Running { .. }, Event::Ended(code)) if !self.rules.pause => {
                self.back(act);
                if let (true, Some(number)) =
                    (self.rules.farewell, self.translate(number::TERM, Origin::Somebody))
                {
                    act(Action::Farewell(number));
                }
                self.state = State::Ending(self.code(code));
            }
            (State::Ending(code), Event::Swept { alone }) => match self.rules.wait {
                Some(time) if !alone => {
                    let killed = time == 0;
                    act(Action::PassAll(if killed { number::KILL } else { number::TERM }));
                    if !killed {
                        // One that is stopped could not end.
                        act(Action::PassAll(number::CONT));
                    }
                    act(Action::Arm(if killed { GRACE } else { time }));
                    self.state = State::Waiting { code, killed };
                }
                _ => self.exit(code, act),
            },
            (State::Waiting { code, .. }, Event::Swept { alone: true }) => self.exit(code, act),
            // Whom the dead have left behind.
            (State::Waiting { killed: true, .. }, Event::Swept { .. }) => act(Action::PassAll(number::KILL)),
            (State::Waiting { code, killed: false }, Event::Timer) => {
                act(Action::PassAll(number::KILL));
                act(Action::Arm(GRACE));
                self.state = State::Waiting { code, killed: true };
            }
            (State::Waiting { code, killed: true }, Event::Timer) => {
                act(Action::Abandon);
                self.exit(code, act);
            }
            _ => {}
        }
    }

    fn signal(&mut self, number: u8, origin: Origin, stopped: bool, act: &mut dyn FnMut(Action)) {
        if self.rules.pause {
            if matches!(number, number::TERM | number::INT) {
                self.exit(0, act);
            }
            return;
        }
        if let Some(to) = self.translate(number, origin) {
            self.passed |= 1 << (to - 1);
            // A key stopped all of its group, so all of it is continued.
            let job = stopped && to == number::CONT && self.rules.jobs == Jobs::Follow;
            if job && !self.rules.shared {
                act(Action::HandOver);
            }
            act(Action::Pass { number: to, whole: self.rules.group || (job && !self.rules.shared) });
            if to == number::CONT {
                self.state = State::Running { stopped: false };
            }
        }
        let stops = matches!(number, number::TSTP | number::TTIN | number::TTOU);
        if stops && self.rules.jobs == Jobs::Echo && origin != Origin::Own {
            act(Action::StopSelf);
        }
    }

    /// What a signal becomes on its way to the child; `None` when it does not go there.
    fn translate(&self, number: u8, origin: Origin) -> Option<u8> {
        let by_key = matches!(
            number,
            number::INT | number::QUIT | number::TSTP | number::TTIN | number::TTOU | number::WINCH
        );
        let doubled =
            self.rules.shared && by_key && origin == Origin::Kernel && self.rules.jobs != Jobs::Echo;
        if number == number::CHLD || origin == Origin::Own || doubled {
            return None;
        }
        self.rules.rewrite.get(usize::from(number)).copied().filter(|to| (1..=64).contains(to))
    }

    fn back(&self, act: &mut dyn FnMut(Action)) {
        if !self.rules.shared {
            act(Action::TakeBack);
        }
    }

    fn code(&self, code: u8) -> u8 {
        let by_request = (129..=192).contains(&code) && self.passed >> (code - 129) & 1 == 1;
        if self.rules.zero_on_stop && by_request {
            return 0;
        }
        self.rules.codes.get(usize::from(code)).copied().unwrap_or(code)
    }

    fn exit(&mut self, code: u8, act: &mut dyn FnMut(Action)) {
        self.state = State::Over;
        act(Action::Exit(code));
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
