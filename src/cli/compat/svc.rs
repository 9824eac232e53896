//! Names that have a service do something.

use super::{REFUSED, WRONG, code, options, service, verb, wrong};
use std::os::unix::process::CommandExt;
use std::process::Stdio;

/// `s6-svc [-u|-d|-r|-l|signals|-s signal] [-wu|-wU|-wd|-wD|-wr|-wR] [-T ms] servicedir…`
pub(super) fn svc(name: &str, words: Vec<String>) -> u8 {
    let (mut acts, mut wait, mut time): (Vec<(&str, String)>, Option<char>, u64) = (Vec::new(), None, 0);
    let read = options(&words, "wTs", |option, value| {
        let signal = |signal: &str| ("signal", signal.to_owned());
        acts.push(match option {
            'u' | 'U' => ("start", String::new()),
            'd' | 'D' | 'x' => ("stop", String::new()),
            'r' => ("restart", String::new()),
            'l' => ("reload", String::new()),
            'a' => signal("ALRM"),
            'b' => signal("ABRT"),
            'q' => signal("QUIT"),
            'h' => signal("HUP"),
            'k' => signal("KILL"),
            't' => signal("TERM"),
            'i' => signal("INT"),
            '1' => signal("USR1"),
            '2' => signal("USR2"),
            'p' => signal("STOP"),
            'c' => signal("CONT"),
            'y' => signal("WINCH"),
            's' => signal(value),
            'w' => {
                wait = value.chars().next().filter(|c| "uUdDrR".contains(*c));
                return wait.map(drop).ok_or_else(|| format!("-w{value} is not known"));
            }
            'T' => {
                time = value.parse().map_err(|_| "-T needs a number".to_owned())?;
                return Ok(());
            }
            'o' | 'O' => {
                return Err(format!("foster has no -{option}: `[restart] policy = \"never\"` says it"));
            }
            _ => return Err(format!("foster has no -{option}")),
        });
        Ok(())
    });
    let services = match read {
        Ok([]) => return wrong(name, "usage: s6-svc [options] servicedir"),
        Ok(paths) => paths.iter().filter_map(|path| service(path)).collect::<Vec<_>>(),
        Err(why) => return wrong(name, &why),
    };
    let timeout = format!("{time}ms");
    for service in &services {
        for (act, signal) in &acts {
            let mut line = vec![*act];
            line.extend((!signal.is_empty()).then_some(signal.as_str()));
            line.push(service);
            // Without -w, it only asks.
            if *act != "signal" {
                match (wait.is_some(), time > 0) {
                    (false, _) => line.push("--no-wait"),
                    (true, true) => line.extend(["--timeout", timeout.as_str()]),
                    (true, false) => {}
                }
            }
            let code = code(verb(name, &line, Stdio::null()));
            if code != 0 {
                return code;
            }
        }
        if acts.is_empty() || acts.iter().any(|(act, _)| *act == "signal") {
            let goal = match wait {
                Some('d' | 'D') => "--stopped",
                Some(_) => "--ready",
                None => continue,
            };
            let code = await_(name, goal, std::slice::from_ref(service), time);
            if code != 0 {
                return code;
            }
        }
    }
    0
}

fn await_(name: &str, goal: &str, services: &[String], time: u64) -> u8 {
    let timeout = format!("{time}ms");
    let mut line = vec!["wait", goal];
    line.extend(services.iter().map(String::as_str));
    if time > 0 {
        line.extend(["--timeout", timeout.as_str()]);
    }
    code(verb(name, &line, Stdio::null()))
}

/// `s6-svwait [-u|-U|-d|-D] [-a] [-t ms] servicedir…`: for all of them.
pub(super) fn svwait(name: &str, words: Vec<String>) -> u8 {
    let (mut goal, mut time) = ("--ready", 0);
    let read = options(&words, "t", |option, value| {
        match option {
            'u' | 'U' => goal = "--ready",
            'd' | 'D' => goal = "--stopped",
            'a' | 'A' => {}
            't' => time = value.parse().map_err(|_| "-t needs a number".to_owned())?,
            _ => return Err(format!("foster has no -{option}")),
        }
        Ok(())
    });
    match read {
        Ok([]) => wrong(name, "usage: s6-svwait [options] servicedirs"),
        Ok(paths) => {
            await_(name, goal, &paths.iter().filter_map(|path| service(path)).collect::<Vec<_>>(), time)
        }
        Err(why) => wrong(name, &why),
    }
}

/// `s6-rc [-u|-d] [-t ms] change|start|stop service…`
pub(super) fn rc(name: &str, words: Vec<String>) -> u8 {
    let (mut down, mut time) = (false, 0u64);
    let read = options(&words, "tvn", |option, value| {
        match option {
            'u' => down = false,
            'd' => down = true,
            't' => time = value.parse().map_err(|_| "-t needs a number".to_owned())?,
            'v' => {}
            _ => return Err(format!("foster has no -{option}")),
        }
        Ok(())
    });
    let (word, services) = match read.map(<[String]>::split_first) {
        Ok(Some((word, services))) if !services.is_empty() => (word, services),
        Ok(_) => return wrong(name, "usage: s6-rc [-u|-d] start|stop|change services"),
        Err(why) => return wrong(name, &why),
    };
    let act = match word.as_str() {
        "start" => "start",
        "stop" => "stop",
        "change" if down => "stop",
        "change" => "start",
        _ => return wrong(name, &format!("foster has no `{word}` of s6-rc: see `foster --help`")),
    };
    let timeout = format!("{time}ms");
    let services: Vec<String> = services.iter().filter_map(|path| service(path)).collect();
    let mut line = vec![act];
    line.extend(services.iter().map(String::as_str));
    if time > 0 {
        line.extend(["--timeout", timeout.as_str()]);
    }
    match code(verb(name, &line, Stdio::null())) {
        super::LATE => 2,
        WRONG => 3,
        code => code,
    }
}

/// Where s6-overlay looks for the exit code of the container.
const RESULT: &str = "/run/s6-linux-init-container-results/exitcode";

/// `halt`, `poweroff`, `reboot`: the end of the container, with the code that scripts have written.
pub(super) fn halt(name: &str, _: Vec<String>) -> u8 {
    let written = crate::sys::read_bounded(RESULT, 64).ok();
    let text = written.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let mut line = vec!["shutdown", "--no-wait"];
    if text.trim().parse::<u8>().is_ok() {
        line.extend(["--code", text.trim()]);
    }
    // As foster itself, which does not mind that it is asked to end with all others.
    let foster = std::env::current_exe().unwrap_or_else(|_| "foster".into());
    let why = std::process::Command::new(foster).args(line).stdout(Stdio::null()).exec();
    super::tell(name, &format!("cannot ask foster: {why}"));
    REFUSED
}
