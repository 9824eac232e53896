//! The variables with which s6-overlay is told how to behave.

use crate::config::diagnostic::Span;
use crate::config::import::Reading;
use crate::config::suggest::did_you_mean;

/// What they say about services.
#[derive(Debug, Default)]
pub struct Rules {
    /// Whether a step that fails ends the container: `S6_BEHAVIOUR_IF_STAGE2_FAILS=2`.
    pub strict: bool,
    /// `S6_LOGGING_SCRIPT`, in words.
    logging_script: Option<Vec<String>>,
}

impl Rules {
    /// The command of a logger; `logutil-service` with the script of the environment.
    pub fn logging(&self, words: Vec<String>) -> Vec<String> {
        match (&words[..], &self.logging_script) {
            ([name, directory], Some(script)) if name.ends_with("logutil-service") => {
                let mut all = vec!["s6-log".to_owned()];
                all.extend(script.iter().cloned().chain([directory.clone()]));
                all
            }
            _ => words,
        }
    }
}

const KNOWN: [&str; 24] = [
    "S6_KEEP_ENV",
    "S6_LOGGING",
    "S6_CATCHALL_USER",
    "S6_LOGGING_SCRIPT",
    "S6_BEHAVIOUR_IF_STAGE2_FAILS",
    "S6_KILL_FINISH_MAXTIME",
    "S6_SERVICES_READYTIME",
    "S6_SERVICES_GRACETIME",
    "S6_KILL_GRACETIME",
    "S6_CMD_ARG0",
    "S6_CMD_USE_TERMINAL",
    "S6_CMD_WAIT_FOR_SERVICES",
    "S6_CMD_WAIT_FOR_SERVICES_MAXTIME",
    "S6_CMD_RECEIVE_SIGNALS",
    "S6_FIX_ATTRS_HIDDEN",
    "S6_READ_ONLY_ROOT",
    "S6_SYNC_DISKS",
    "S6_STAGE2_HOOK",
    "S6_VERBOSITY",
    "S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES",
    "S6_WAIT_FOR_CLOSING_FD",
    "S6_RUNTIME_BUNDLEDIR",
    "S6_RUNTIME_PROFILE",
    "S6_OVERLAY_VERSION",
];

/// Those in the environment.
pub fn read(reading: &mut Reading<'_>) -> Rules {
    let mut rules = Rules::default();
    let environment = reading.environment;
    for (name, value) in environment {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
        if !name.starts_with("S6_") {
            continue;
        }
        let span = Span::whole(reading.sources.add(name, None));
        let mut exact = |why: &str| {
            if why.is_empty() {
                reading.output.trail.exact(span, name, "");
            } else {
                reading.output.trail.approximated(span, name, "", why);
            }
        };
        match (name, value) {
            ("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2") => {
                rules.strict = true;
                exact("");
            }
            ("S6_BEHAVIOUR_IF_STAGE2_FAILS", _) => exact(
                "a oneshot that fails ends the container, as with 2; `essential = false` in its file lets the rest go on",
            ),
            ("S6_LOGGING_SCRIPT", _) => {
                rules.logging_script = Some(value.split_whitespace().map(str::to_owned).collect());
                exact("");
            }
            ("S6_KILL_GRACETIME" | "S6_SERVICES_GRACETIME" | "S6_KILL_FINISH_MAXTIME", _) => exact(
                "foster ends as soon as the last process has; `[shutdown] timeout` in foster.toml is the longest that it takes",
            ),
            ("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", _) => {
                exact(
                    "each service has its own time to become ready, `[ready] timeout`, 60 s unless it says otherwise",
                );
            }
            ("S6_SERVICES_READYTIME", _) => exact("nothing sleeps: readiness is waited for"),
            ("S6_VERBOSITY", _) => exact("FOSTER_LOG_LEVEL says how much foster says of itself"),
            ("S6_LOGGING", "1" | "2") => {
                let why = "there is no log of everything: `[log] to = \"file\"` in each service writes files";
                reading.output.trail.not_carried(span, name, why);
            }
            (
                "S6_STAGE2_HOOK" | "S6_RUNTIME_PROFILE" | "S6_RUNTIME_BUNDLEDIR" | "S6_WAIT_FOR_CLOSING_FD",
                _,
            ) => {
                let why =
                    "foster has nothing of it: run what it is for before foster, or import what it chooses";
                reading.output.trail.not_carried(span, name, why);
            }
            ("S6_SYNC_DISKS" | "S6_CMD_ARG0", _) => {
                let why = "foster has nothing of it: write it into the command";
                reading.output.trail.not_carried(span, name, why);
            }
            _ if KNOWN.contains(&name) => exact(""),
            _ => {
                let advice = did_you_mean(name, KNOWN).map_or(String::new(), |advice| format!(": {advice}"));
                let why = format!("s6-overlay does not know this variable{advice}");
                reading.output.trail.not_carried(span, name, why);
            }
        }
    }
    rules
}
