//! What supervisord would make of it: every process with its values, to be held against supervisord itself.

use super::expand::{Known, Template};
use super::ini::strip;
use super::program::{Autorestart, Program, codes, restart, signal};
use super::words;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// All processes of these programs.
///
/// # Errors
/// A variable that there is not, or a value that is wrong once the variables have theirs.
pub fn resolved(
    programs: &[Program],
    globals: Option<&Template>,
    variables: &BTreeMap<String, String>,
) -> Result<Value, String> {
    let mut outer = variables.clone();
    let mut common: Vec<(String, String)> = Vec::new();
    if let Some(globals) = globals {
        let text = globals.render(&Known { variables, number: 0, host: HOST })?;
        common = words::pairs(&text).ok_or("no pairs")?;
        outer.extend(common.iter().cloned());
    }
    let mut processes = Vec::new();
    for program in programs {
        let outside = Known { variables: &outer, number: 0, host: HOST };
        let count = text(program, "numprocs", &outside)?.map_or(Ok(1), |text| integer(&text))?;
        for number in program.first()..program.first() + count.min(1000) {
            processes.push(process(program, number, &outer, &common)?);
        }
    }
    Ok(json!({"processes": processes}))
}

/// Stands for the name of the host.
const HOST: &str = "HOST";

fn text(program: &Program, key: &str, known: &Known<'_>) -> Result<Option<String>, String> {
    program.template(key).map(|template| template.render(known)).transpose()
}

fn integer(text: &str) -> Result<i64, String> {
    words::integer(text).ok_or_else(|| format!("no integer: {text}"))
}

fn process(
    program: &Program,
    number: i64,
    outer: &BTreeMap<String, String>,
    common: &[(String, String)],
) -> Result<Value, String> {
    let outside = Known { variables: outer, number, host: HOST };
    let own = match text(program, "environment", &outside)? {
        Some(text) => words::pairs(&text).ok_or("no pairs")?,
        None => Vec::new(),
    };
    let mut inner = outer.clone();
    inner.extend(own.iter().cloned());
    let inside = Known { variables: &inner, number, host: HOST };
    let environment: BTreeMap<&str, &str> =
        common.iter().chain(&own).map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let plain = |key: &str| text(program, key, &outside);
    let number_of = |key: &str, default: i64| plain(key)?.map_or(Ok(default), |text| integer(&text));
    let flag = |key: &str| -> Result<bool, String> {
        let Some(text) = plain(key)? else { return Ok(key == "autostart") };
        words::boolean(&text).ok_or_else(|| format!("no boolean: {text}"))
    };
    let size = |key: &str, default: i64| -> Result<i64, String> {
        let Some(text) = plain(key)? else { return Ok(default) };
        words::size(&text).ok_or_else(|| format!("no size: {text}"))
    };
    let redirect = flag("redirect_stderr")?;
    let logs = |stream: &str| -> Result<Value, String> {
        let file = text(program, &format!("{stream}_logfile"), &inside)?;
        let mut syslog = flag(&format!("{stream}_syslog"))?;
        let mut file = match file.as_deref().map(str::to_lowercase).as_deref() {
            Some("none" | "off") => json!(null),
            None | Some("auto") => json!("AUTO"),
            Some("syslog") => {
                syslog = true;
                json!(null)
            }
            Some(_) => json!(file),
        };
        if redirect && stream == "stderr" {
            file = json!(null);
        }
        Ok(json!({
            "file": file,
            "maxbytes": size(&format!("{stream}_logfile_maxbytes"), 50 << 20)?,
            "backups": number_of(&format!("{stream}_logfile_backups"), 10)?,
            "capture": size(&format!("{stream}_capture_maxbytes"), 0)?,
            "events": flag(&format!("{stream}_events_enabled"))?,
            "syslog": syslog,
        }))
    };
    let command = text(program, "command", &inside)?.unwrap_or_default();
    let name = text(program, "process_name", &inside)?.unwrap_or_else(|| program.name.clone());
    let autorestart = match plain("autorestart")? {
        Some(text) => restart(&text).ok_or_else(|| format!("no autorestart: {text}"))?,
        None => Autorestart::Unexpected,
    };
    let stop = plain("stopsignal")?.map_or(Some(15), |text| signal(&text).map(|signal| signal.number()));
    let exits = plain("exitcodes")?.map_or(Some(vec![0]), |text| codes(&text));
    let umask = plain("umask")?.map(|text| words::octal(&text).ok_or("no octal number")).transpose()?;
    let as_group = flag("stopasgroup")?;
    let kill_group = if program.template("killasgroup").is_some() { flag("killasgroup")? } else { as_group };
    Ok(json!({
        "group": program.group,
        "group_priority": program.group_priority,
        "name": name,
        "argv": words::split(&command),
        "directory": text(program, "directory", &inside)?,
        "user": plain("user")?,
        "umask": umask,
        "priority": number_of("priority", 999)?,
        "autostart": flag("autostart")?,
        "autorestart": match autorestart {
            Autorestart::Always => "always",
            Autorestart::Never => "never",
            Autorestart::Unexpected => "unexpected",
        },
        "startsecs": number_of("startsecs", 1)?,
        "startretries": number_of("startretries", 3)?,
        "exitcodes": exits,
        "stopsignal": stop,
        "stopwaitsecs": number_of("stopwaitsecs", 10)?,
        "stopasgroup": as_group,
        "killasgroup": kill_group,
        "environment": environment,
        "redirect_stderr": redirect,
        "stdout": logs("stdout")?,
        "stderr": logs("stderr")?,
        "socket": plain("socket")?,
        "events": plain("events")?.map(|text| {
            let events: BTreeSet<String> = text.split(',').map(|name| strip(name).to_uppercase()).collect();
            events
        }),
    }))
}
