//! Names that tell of a service.

use super::{REFUSED, options, service, tell, verb, wrong};
use crate::control::api::{ServiceStatus, Status};
use std::io::Write;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

/// `s6-svok servicedir`: 0 if it is supervised, 1 if not.
pub(super) fn svok(name: &str, words: Vec<String>) -> u8 {
    match &words[..] {
        [path] => u8::from(!matches!(ask(name, path, true), Ok(Some(_)))),
        _ => wrong(name, "usage: s6-svok servicedir"),
    }
}

/// `s6-svstat [-o fields] servicedir`
pub(super) fn svstat(name: &str, words: Vec<String>) -> u8 {
    let mut fields: Vec<String> = Vec::new();
    let read = options(&words, "o", |option, value| {
        fields = match option {
            'o' => value.split(',').map(str::to_owned).collect(),
            'u' => vec!["up".to_owned()],
            'w' => vec!["wantedup".to_owned()],
            'r' => vec!["ready".to_owned()],
            'p' => vec!["pid".to_owned()],
            'e' => vec!["exitcode".to_owned()],
            _ => return Err(format!("foster has no -{option}")),
        };
        Ok(())
    });
    let path = match read {
        Ok([path]) => path,
        Ok(_) => return wrong(name, "usage: s6-svstat [-o fields] servicedir"),
        Err(why) => return wrong(name, &why),
    };
    let status = match ask(name, path, false) {
        Ok(Some(status)) => status,
        Ok(None) => return 1,
        Err(code) => return code,
    };
    let text = if fields.is_empty() {
        sentence(&status)
    } else {
        let values: Result<Vec<String>, String> = fields.iter().map(|field| value(&status, field)).collect();
        match values {
            Ok(values) => values.join(" "),
            Err(why) => return wrong(name, &why),
        }
    };
    if writeln!(std::io::stdout(), "{text}").is_ok() { 0 } else { REFUSED }
}

/// What foster says of it; `None` if it has no such service.
fn ask(name: &str, path: &str, quiet: bool) -> Result<Option<ServiceStatus>, u8> {
    let service = service(path).ok_or(REFUSED)?;
    let output = verb(name, &["status", "--json"], Stdio::piped()).ok_or(REFUSED)?;
    let status: Status = serde_json::from_slice(&output.stdout).map_err(|_| REFUSED)?;
    let found = status.services.into_iter().find(|status| status.name == service);
    if found.is_none() && !quiet {
        tell(name, &format!("foster has no service {service}"));
    }
    Ok(found)
}

fn exit_code(status: &ServiceStatus) -> i64 {
    status.exit.as_ref().and_then(|exit| exit.code).map_or(-1, i64::from)
}

fn signal(status: &ServiceStatus) -> Option<&str> {
    status.exit.as_ref().and_then(|exit| exit.signal.as_deref())
}

/// As s6-svstat says it.
fn sentence(status: &ServiceStatus) -> String {
    let seconds = seconds_since(&status.since);
    match status.pid {
        Some(pid) => {
            let ready = if status.ready { format!(", ready {seconds} seconds") } else { String::new() };
            format!("up (pid {pid} pgid {pid}) {seconds} seconds{ready}")
        }
        None => {
            let end = match signal(status) {
                Some(signal) => format!("signal {signal}"),
                None => format!("exitcode {}", exit_code(status).max(0)),
            };
            format!("down ({end}) {seconds} seconds{}", if status.wanted { ", want up" } else { "" })
        }
    }
}

fn value(status: &ServiceStatus, field: &str) -> Result<String, String> {
    let pid = status.pid.map_or(-1, i64::from);
    Ok(match field {
        "up" => status.pid.is_some().to_string(),
        "wantedup" | "normallyup" => status.wanted.to_string(),
        "ready" => (status.ready && status.pid.is_some()).to_string(),
        "paused" => "false".to_owned(),
        "pid" | "pgid" => pid.to_string(),
        "exitcode" => if status.pid.is_some() { -1 } else { exit_code(status) }.to_string(),
        "signal" => signal(status).filter(|_| status.pid.is_none()).unwrap_or("NA").to_owned(),
        "signum" => {
            let number = signal(status).and_then(|name| name.parse::<crate::model::Signal>().ok());
            number.filter(|_| status.pid.is_none()).map_or(-1, |signal| signal.number()).to_string()
        }
        "updownfor" | "readyfor" => seconds_since(&status.since).to_string(),
        _ => return Err(format!("foster has no field {field}")),
    })
}

/// Seconds from a time such as `2026-01-02T03:04:05.678Z` to now; 0 if it is none.
fn seconds_since(text: &str) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let seconds = || {
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        // Days since 1970 of the civil calendar, with years that begin in March.
        let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
        let days =
            year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
        u64::try_from(days * 86_400 + number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?).ok()
    };
    now.saturating_sub(seconds().unwrap_or(now))
}
