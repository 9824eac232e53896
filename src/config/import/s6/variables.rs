//! The variables with which s6-overlay is told how to behave.

use crate::config::diagnostic::Span;
use crate::config::import::Reading;
use crate::config::import::trail::Fate;
use crate::config::suggest::did_you_mean;

/// What they say about services. Times are milliseconds.
#[derive(Debug, Default)]
pub struct Rules {
    /// Whether a step that fails ends the container: `S6_BEHAVIOUR_IF_STAGE2_FAILS=2`.
    pub strict: bool,
    /// Whether it is set to anything else.
    pub told_of_failures: bool,
    /// `S6_CMD_WAIT_FOR_SERVICES=1`
    pub waits_for_services: bool,
    /// `S6_CMD_WAIT_FOR_SERVICES_MAXTIME`
    pub start: Option<(u64, Span)>,
    /// `S6_SERVICES_GRACETIME`
    pub services: Option<(u64, Span)>,
    /// `S6_KILL_GRACETIME`
    pub kill: Option<(u64, Span)>,
    /// `S6_KILL_FINISH_MAXTIME`
    pub finish: Option<(u64, Span)>,
    /// `S6_LOGGING`: 1 for the console and a file, 2 for a file.
    pub catch_all: Option<(u64, Span)>,
    /// `S6_VERBOSITY`
    pub verbosity: Option<(u64, Span)>,
    /// `S6_RUNTIME_BUNDLEDIR`
    pub bundles: Option<String>,
    /// `S6_LOGGING_SCRIPT`, in words.
    pub logging_script: Option<Vec<String>>,
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

/// Reads those in the environment.
pub fn read(reading: &mut Reading<'_>) -> Rules {
    let mut rules = Rules::default();
    let environment = reading.environment;
    let mut place = None;
    for (name, value) in environment {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
        if !name.starts_with("S6_") {
            continue;
        }
        let file = *place.get_or_insert_with(|| reading.sources.add("the environment", None));
        let span = Span::whole(file);
        let (fate, became) = rules.take(name, value.trim(), span);
        let what = format!("{name}={value}");
        let trail = &mut reading.output.trail;
        match fate {
            Fate::Exact => trail.exact(span, what, became),
            Fate::Approximated(why) => trail.approximated(span, what, became, why),
            Fate::NotCarried(why) => trail.not_carried(span, what, why),
        }
    }
    rules
}

impl Rules {
    /// What one means, and what it becomes.
    fn take(&mut self, name: &str, value: &str, span: Span) -> (Fate, &'static str) {
        let exact = |became| (Fate::Exact, became);
        let nearly = |became, why: &str| (Fate::Approximated(why.to_owned()), became);
        let lost = |why: &str| (Fate::NotCarried(why.to_owned()), "");
        let number = value.parse::<u64>().ok();
        // A number is what it has to be; anything else counts as 0 there.
        let off = number.is_none_or(|number| number == 0);
        let time = number.map(|number| (number, span));
        match name {
            "S6_BEHAVIOUR_IF_STAGE2_FAILS" if value == "2" => {
                self.strict = true;
                exact("")
            }
            "S6_BEHAVIOUR_IF_STAGE2_FAILS" => {
                self.told_of_failures = true;
                nearly(
                    "",
                    "a oneshot that fails ends the container, as with 2: `essential = false` in its file, and in those that \
                     require it, lets the rest go on",
                )
            }
            "S6_LOGGING_SCRIPT" => {
                self.logging_script = Some(value.split_whitespace().map(str::to_owned).collect());
                exact("log.file of what has a logger")
            }
            "S6_KILL_GRACETIME" => {
                self.kill = time;
                match off {
                    true => exact(""),
                    false => nearly(
                        "foster: shutdown.timeout",
                        "foster sleeps at no end: it exits as soon as the last process has; this is the longest that it takes",
                    ),
                }
            }
            "S6_SERVICES_GRACETIME" => {
                self.services = time;
                nearly(
                    "stop.timeout of services.d",
                    "each has this time, and that of S6_KILL_GRACETIME, from its stop signal to SIGKILL",
                )
            }
            "S6_KILL_FINISH_MAXTIME" => {
                self.finish = time.filter(|_| !off);
                match off {
                    true => {
                        nearly("", "each script of cont-finish.d has 5 s; `[stop] timeout` gives it more")
                    }
                    false => exact("stop.timeout of cont-finish.d"),
                }
            }
            "S6_CMD_WAIT_FOR_SERVICES" if !off => {
                self.waits_for_services = true;
                exact("")
            }
            "S6_CMD_WAIT_FOR_SERVICES" => {
                nearly("", "the command after `--` starts when all that starts at boot is ready, as with 1")
            }
            "S6_CMD_WAIT_FOR_SERVICES_MAXTIME" if off => {
                nearly("", "each service has 60 s to become ready; `[ready] timeout` gives it more")
            }
            "S6_CMD_WAIT_FOR_SERVICES_MAXTIME" => {
                self.start = time;
                nearly(
                    "ready.timeout",
                    "each service has this time for itself, from its own start; there all have it together, and oneshots too",
                )
            }
            "S6_VERBOSITY" => {
                self.verbosity = time;
                nearly("foster: log-level", "what foster says of itself is its own")
            }
            "S6_LOGGING" if off => exact(""),
            "S6_LOGGING" => {
                self.catch_all = time;
                nearly(
                    "log",
                    "each service writes to /run/uncaught-logs/current; what the command after `--` and foster itself say stays \
                     on the console",
                )
            }
            "S6_CATCHALL_USER" => nearly("", "files of logs belong to the user of foster"),
            "S6_KEEP_ENV" if off => nearly(
                "",
                "services have the environment of the container, with or without `with-contenv`; `clear-environment = true` \
                 takes it away",
            ),
            "S6_READ_ONLY_ROOT"
            | "S6_SERVICES_READYTIME"
            | "S6_KEEP_ENV"
            | "S6_OVERLAY_VERSION"
            | "S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES"
            | "S6_CMD_USE_TERMINAL" => exact(""),
            "S6_FIX_ATTRS_HIDDEN" if off => nearly("", "hidden files are changed, too"),
            "S6_FIX_ATTRS_HIDDEN" => exact(""),
            "S6_SYNC_DISKS" | "S6_WAIT_FOR_CLOSING_FD" | "S6_CMD_RECEIVE_SIGNALS" if off => exact(""),
            "S6_CMD_RECEIVE_SIGNALS" => nearly(
                "",
                "TERM, INT and QUIT stop all in order, the command after `--` first, and its code is that of the container; \
                 `foster signal USR1 main` sends it others",
            ),
            "S6_SYNC_DISKS" => lost("foster does not call sync(2), which is of the host, too"),
            "S6_WAIT_FOR_CLOSING_FD" => {
                lost("foster waits for nothing before it begins: start it when it may")
            }
            "S6_CMD_ARG0" => lost("write it in front of the command after `--`"),
            "S6_STAGE2_HOOK" => lost(
                "foster reads its services before anything runs: run the hook first, as in `sh -c 'HOOK && exec foster run'`; what it \
                 adds to the tree has to be there when that is imported",
            ),
            "S6_RUNTIME_PROFILE" => lost("import /etc/cont-profile.d/NAME instead of /etc"),
            "S6_RUNTIME_BUNDLEDIR" => {
                self.bundles = Some(value.to_owned());
                exact("enabled")
            }
            _ => {
                let advice = did_you_mean(name, KNOWN).map_or(String::new(), |advice| format!(": {advice}"));
                lost(&format!("s6-overlay does not know this variable{advice}"))
            }
        }
    }
}
