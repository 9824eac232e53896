//! What keeps programs in the foreground that units let go into the background (`Type=forking`).

use super::super::words::base;
use super::exec::Exec;

/// Options that a program gets, and those that it loses.
struct Habit {
    program: &'static str,
    add: &'static [&'static str],
    drop: &'static [&'static str],
}

const fn habit(program: &'static str, add: &'static [&'static str], drop: &'static [&'static str]) -> Habit {
    Habit { program, add, drop }
}

const HABITS: &[Habit] = &[
    habit("atd", &["-f"], &[]),
    habit("cron", &["-f"], &[]),
    habit("crond", &["-f"], &[]),
    habit("dnsmasq", &["--keep-in-foreground"], &[]),
    habit("dovecot", &["-F"], &[]),
    habit("exim4", &["-bdf"], &["-bd"]),
    habit("haproxy", &[], &["-D", "-Ws"]),
    habit("in.tftpd", &["--foreground"], &[]),
    habit("keepalived", &["--dont-fork"], &[]),
    habit("memcached", &[], &["-d"]),
    habit("monit", &["-I"], &[]),
    habit("named", &["-f"], &[]),
    habit("proftpd", &["--nodaemon"], &[]),
    habit("rsyslogd", &["-n"], &[]),
    habit("snmpd", &["-f"], &[]),
    habit("sshd", &["-D"], &[]),
    habit("zabbix_agentd", &["--foreground"], &[]),
    habit("zabbix_server", &["--foreground"], &[]),
];

/// The same command in the foreground, if it is known how that is said.
pub fn foreground(exec: &Exec) -> Option<Exec> {
    let words = exec.plain()?;
    let (path, arguments) = words.split_first()?;
    let program = base(path);
    match program {
        "nginx" => return Some(nginx(exec, path, arguments)),
        "apachectl" | "apache2ctl" | "httpd" if arguments.contains(&"start") || program == "httpd" => {
            let mut words = vec![*path, "-D", "FOREGROUND"];
            words.extend(arguments.iter().filter(|word| !matches!(**word, "start" | "-k")));
            return Some(exec.with_words(&words));
        }
        "pg_ctlcluster" if arguments.last() == Some(&"start") => {
            let mut words = vec![*path, "--foreground"];
            words.extend(arguments);
            return Some(exec.with_words(&words));
        }
        "postfix" if arguments.last() == Some(&"start") => {
            let mut words = vec![*path];
            words.extend(arguments.iter().map(|word| if *word == "start" { "start-fg" } else { word }));
            return Some(exec.with_words(&words));
        }
        "redis-server" => {
            let mut words = words.clone();
            if let Some(at) = words.iter().position(|word| *word == "--daemonize") {
                words.drain(at..(at + 2).min(words.len()));
            }
            words.extend(["--daemonize", "no"]);
            return Some(exec.with_words(&words));
        }
        _ => {}
    }
    let habit = HABITS.iter().find(|habit| habit.program == program)?;
    let mut words = vec![*path];
    words.extend(habit.add.iter().filter(|word| !arguments.contains(word)));
    words.extend(arguments.iter().filter(|word| !habit.drop.contains(word)));
    Some(exec.with_words(&words))
}

/// `-g` may be given once.
fn nginx(exec: &Exec, path: &str, arguments: &[&str]) -> Exec {
    let mut words: Vec<String> = vec![path.to_owned()];
    let mut is_said = false;
    let mut is_global = false;
    for word in arguments {
        if std::mem::take(&mut is_global) {
            let rest = word.replace("daemon on;", "").replace("daemon off;", "");
            words.push(format!("daemon off; {}", rest.trim()).trim().to_owned());
            is_said = true;
        } else {
            is_global = *word == "-g";
            words.push((*word).to_owned());
        }
    }
    if !is_said {
        words.extend(["-g".to_owned(), "daemon off;".to_owned()]);
    }
    exec.with_words(&words.iter().map(String::as_str).collect::<Vec<_>>())
}
