//! From `main` to the first turn, and the end.

use super::apply::Origin;
use super::control::Control;
use super::shell::Shell;
use super::signals::Inbox;
use crate::log::OwnLines;
use crate::model::Plan;
use crate::sys::{error_text, fds, limits, reap, signal};
use std::ffi::OsString;
use std::io;
use std::rc::Rc;

/// Why the supervisor could not even begin. Once it has begun, it does not end by an error.
#[derive(Debug)]
pub struct BootError {
    what: &'static str,
    source: io::Error,
}

impl std::fmt::Display for BootError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot {}: {}", self.what, error_text(&self.source))
    }
}

impl std::error::Error for BootError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Names what could not be done.
pub(super) fn cannot<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> BootError {
    move |source| BootError { what, source: source.into() }
}

/// Supervises the plan in this process until the container is to end, and returns the exit code.
///
/// `environment` is that of the container; the plan was read from `origin`, and is again at each apply; `notes` are said
/// first, at warn level.
///
/// # Errors
/// No descriptor or memory for the runtime is to be had. Nothing was started then.
pub fn run(
    plan: Plan,
    origin: Origin,
    environment: Vec<(OsString, OsString)>,
    notes: &[String],
) -> Result<u8, BootError> {
    signal::prepare_supervisor();
    fds::close_inherited();
    limits::raise_nofile();
    // Silent where it is refused: orphans then go to the PID 1 that there is.
    let _ = std::process::id() == 1 || reap::set_child_subreaper();
    let own = OwnLines::init(plan.settings.log_level);
    for note in notes {
        tracing::warn!("{note}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        // Nothing but the connections of clients has timers there.
        .enable_time()
        .build()
        .map_err(cannot("start the event loop"))?;
    let code = runtime.block_on(async move {
        let has_main = plan.services.iter().any(|s| s.main);
        let inbox = Inbox::new(&plan.settings, has_main).map_err(cannot("take signals"))?;
        // Handlers are in place: what arrived since the first instruction is delivered now.
        signal::unblock_handled();
        // Before the first service is started: it may ask.
        let control = Control::open(&plan.settings, &environment).await;
        let mut shell = Shell::new(Rc::new(plan), environment, origin, own, inbox, control)?;
        let code = shell.supervise().await;
        // The process ends here, and the kernel takes its descriptors all at once.
        std::mem::forget(shell);
        Ok(code)
    });
    std::mem::forget(runtime);
    code
}
