//! When a program starts, is restarted and is stopped.

use super::daemon::Made;
use super::program::{Autorestart, Typed, codes, restart, signal};
use super::server::Server;
use super::words;
use crate::config::import::Reading;
use crate::config::tree::{Node, Value};

/// `autostart`, `autorestart` and `exitcodes`.
pub fn restarts(
    made: &mut Made<'_>,
    server: &Server,
    waited_for: bool,
    ended: bool,
    reading: &mut Reading<'_>,
) {
    let program = made.program;
    let place = |key: &str| program.get(key).map_or(program.span, |(_, span)| span);
    match program.typed("autostart", words::boolean) {
        Some(Typed::Known(false)) => {
            let note = "It starts by hand alone: with `foster start`, where it was `supervisorctl start`. If that only \
                        put things in order, say so with `requires` in what comes after, and take this line out.";
            made.draft.set("enabled", false, place("autostart")).note(note);
            let why = "`foster start` starts it; but foster ends when all that runs has ended, where supervisord waits for \
                       somebody to start something: run what does that as a service, too";
            made.nearly(reading, "autostart", "enabled", why);
        }
        Some(Typed::Open(text)) => {
            made.draft.set("enabled", text, place("autostart"));
            made.nearly(
                reading,
                "autostart",
                "enabled",
                "its value has to be `true` or `false`: no `yes`, `on` or `1`",
            );
        }
        _ => made.exact(reading, "autostart", ""),
    }
    let mut policy = match program.typed("autorestart", restart) {
        Some(Typed::Known(policy)) => {
            let became = if policy == Autorestart::Always { "" } else { "restart.policy" };
            made.exact(reading, "autorestart", became);
            policy
        }
        Some(Typed::Open(_)) => {
            let why = "a policy cannot be a variable that says true or false: it is \"on-failure\" now";
            made.not(reading, "autorestart", why);
            Autorestart::Unexpected
        }
        None => Autorestart::Unexpected,
    };
    let mains = reading.output.services.iter().any(|draft| draft.get("main").is_some());
    if ended && !mains {
        made.draft.set("main", true, place("command"));
        policy = Autorestart::Never;
    } else if ended || server.ends.is_some_and(|ends| ends.at_any_end) {
        made.draft.set("restart.policy", "never", place("autorestart"));
        policy = Autorestart::Never;
    } else if policy == Autorestart::Never {
        made.draft.set("restart.policy", "never", place("autorestart"));
    } else if policy == Autorestart::Unexpected {
        made.draft.set("restart.policy", "on-failure", place("autorestart"));
    }
    match program.known("exitcodes", codes) {
        // What does not count is not worth a line.
        Some(codes) if codes != [0] && policy != Autorestart::Always => {
            let codes = codes.into_iter().map(|code| Node { span: place("exitcodes"), value: code.into() });
            made.draft.set("restart.success-codes", Value::List(codes.collect()), place("exitcodes"));
            made.exact(reading, "exitcodes", "restart.success-codes");
        }
        Some(_) => made.exact(reading, "exitcodes", ""),
        None => made.not(reading, "exitcodes", "it depends on a variable: write `restart.success-codes`"),
    }
    start(made, waited_for, policy, reading);
}

/// `startsecs` and `startretries`.
fn start(made: &mut Made<'_>, waited_for: bool, policy: Autorestart, reading: &mut Reading<'_>) {
    let program = made.program;
    let place = |key: &str| program.get(key).map_or(program.span, |(_, span)| span);
    let seconds = match program.typed("startsecs", words::integer) {
        Some(Typed::Known(seconds)) => (seconds > 0).then(|| format!("{seconds}s")),
        Some(Typed::Open(text)) => Some(format!("{text}s")),
        None => None,
    };
    match seconds {
        Some(seconds) if seconds != "1s" && !waited_for => {
            made.draft.set("ready.delay", seconds, place("startsecs"));
            made.exact(reading, "startsecs", "ready.delay");
        }
        Some(_) => {
            let why = "it is ready once it is executed, so that what comes after it need not wait; \
                       `ready.delay` has it wait, and a sign of readiness is better than either";
            made.nearly(reading, "startsecs", "", why);
        }
        None => made.exact(reading, "startsecs", ""),
    }
    if program.known("startsecs", words::integer) == Some(0) && policy == Autorestart::Never && made.tells {
        let note = "With `startsecs=0` and no restart: if it runs to its end, as a task before others, write \
                    `type = \"oneshot\"` instead of the policy, and `requires` in what needs it.";
        made.draft.notes.push(note.to_owned());
    }
    let why = "all ends in a row count, until it has been ready for a minute, where supervisord counts those before \
               `startsecs`; and delays begin at 100 ms and double";
    match program.typed("startretries", words::integer) {
        Some(_) if policy == Autorestart::Never => {
            let why = "it is not restarted, after a failed start neither";
            made.nearly(reading, "startretries", "", why);
        }
        Some(Typed::Known(retries)) => {
            // The first end is no retry; and with a limit of 1 it would never be restarted at all.
            made.draft.set("restart.limit", retries.max(1).saturating_add(1), place("startretries"));
            made.nearly(reading, "startretries", "restart.limit", why);
        }
        Some(Typed::Open(text)) => {
            made.draft.set("restart.limit", text, place("startretries"));
            made.nearly(
                reading,
                "startretries",
                "restart.limit",
                format!("the limit counts the first end, too; {why}"),
            );
        }
        None => {}
    }
}

/// `stopsignal` and what else a stop is made of.
pub fn stop(made: &mut Made<'_>, server: &Server, reading: &mut Reading<'_>) {
    let program = made.program;
    let place = |key: &str| program.get(key).map_or(program.span, |(_, span)| span);
    match program.typed("stopsignal", signal) {
        Some(Typed::Known(signal)) => {
            made.draft.set("stop.signal", signal.to_string(), place("stopsignal"));
            made.exact(reading, "stopsignal", "stop.signal");
        }
        Some(Typed::Open(text)) => {
            made.draft.set("stop.signal", text, place("stopsignal"));
            made.exact(reading, "stopsignal", "stop.signal");
        }
        None => {}
    }
    match program.typed("stopwaitsecs", words::integer) {
        Some(Typed::Known(seconds)) => {
            made.draft.set("stop.timeout", format!("{}s", seconds.max(0)), place("stopwaitsecs"));
            if seconds > server.shutdown {
                let why = format!("`docker stop` and Kubernetes have to wait longer than {seconds} s, too");
                made.nearly(reading, "stopwaitsecs", "stop.timeout", why);
            } else {
                made.exact(reading, "stopwaitsecs", "stop.timeout");
            }
        }
        Some(Typed::Open(text)) => {
            made.draft.set("stop.timeout", format!("{text}s"), place("stopwaitsecs"));
            made.exact(reading, "stopwaitsecs", "stop.timeout");
        }
        None => {}
    }
    let why = "the whole process group gets the stop signal, and SIGKILL; for the main process alone, write \
               `stop.group = false`";
    for key in ["stopasgroup", "killasgroup"] {
        if program.known(key, words::boolean) == Some(true) {
            made.exact(reading, key, "");
        } else {
            made.nearly(reading, key, "", why);
        }
    }
}
