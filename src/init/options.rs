//! What an init is to do, as plain data, whichever command line says it.

use super::decide::Rules;
use super::say::Voice;
use crate::model::Signal;
use crate::sys::init_child::{Place, SignalState};
use crate::sys::signal::Mask;
use std::ffi::CStr;

/// What is to be done.
pub struct Options {
    /// The program and its arguments. None is a pause: nothing but reaping.
    pub command: Vec<&'static CStr>,
    /// Where it lives.
    pub place: Place,
    /// The signals it begins with.
    pub state: SignalState,
    /// What happens when.
    pub rules: Rules,
    /// Who is told what, and how.
    pub voice: Voice,
    /// Whether orphans come here when this is not PID 1.
    pub subreaper: Subreaper,
    /// The signal to this init at the death of its own parent.
    pub parent_death: Option<Signal>,
    /// The signals that are not taken, but left to their actions.
    pub free: Mask,
    /// Whether each orphan that is reaped is told of.
    pub warn_on_reap: bool,
}

/// Whether orphans come here when this is not PID 1, see `PR_SET_CHILD_SUBREAPER` in prctl(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subreaper {
    /// They go elsewhere.
    No,
    /// They go elsewhere, and somebody should know.
    Warn,
    /// They come here where the kernel lets them.
    Try,
    /// They come here, or this is a failure.
    Must,
}

/// What a command line asks for.
pub enum Asked {
    /// To be an init.
    Run(Box<Options>),
    /// Nothing more than what was printed; the exit code.
    Printed(u8),
    /// The help that is made of the declaration of the verb.
    Help,
}

/// The signals that only a fault of the process itself should raise: SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS.
pub const FAULTS: Mask = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 30;
