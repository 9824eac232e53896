//! What people do with supervisord because it does not do it, and what they mean by it.

/// What is found in a command.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Whether it kills supervisord when it has ended: its end is meant to end the container.
    pub ends: bool,
    /// The script without that.
    pub script: Option<String>,
    /// A comment for its file.
    pub note: Option<String>,
}

/// The ways in which a script names the supervisor.
const SUPERVISOR: [&str; 9] = [
    "supervisord.pid",
    "$ppid",
    "${ppid}",
    "getppid",
    "pidof supervisord",
    "pgrep supervisord",
    "pgrep -f supervisord",
    "supervisor.pid",
    "pidfile",
];

/// Whether a script kills supervisord, or asks it to end.
pub fn kills_supervisor(text: &str) -> bool {
    let text = text.to_lowercase();
    let asks = [
        "supervisorctl shutdown",
        "supervisor.shutdown",
        "pkill supervisord",
        "killall supervisord",
        "kill(1,",
    ];
    if kills_one(&text) || asks.iter().any(|words| text.contains(words)) {
        return true;
    }
    text.contains("kill") && SUPERVISOR.iter().any(|name| text.contains(name))
}

/// `kill -15 1`.
fn kills_one(text: &str) -> bool {
    let mut words =
        text.split(|c: char| c.is_whitespace() || ";&|()\"'`".contains(c)).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if word != "kill" && !word.ends_with("/kill") {
            continue;
        }
        let mut target = words.next();
        while let Some(option) = target.filter(|word| word.starts_with('-')) {
            let valued = matches!(option, "-s" | "-n");
            target = if valued { words.nth(1) } else { words.next() };
        }
        if target == Some("1") {
            return true;
        }
    }
    false
}

pub fn is_shell(program: &str) -> bool {
    matches!(
        program,
        "sh" | "/bin/sh" | "bash" | "/bin/bash" | "/usr/bin/bash" | "dash" | "/bin/dash" | "ash" | "/bin/ash"
    )
}

/// `SHELL -c TEXT`.
pub fn of_shell(shell: &str, text: &str) -> Found {
    if !is_shell(shell) {
        return Found::default();
    }
    if let Some(script) = without_kill(text) {
        return Found { ends: true, script: Some(script), note: None };
    }
    Found { note: repeated(text).or_else(|| tail(text.split_whitespace())), ..Found::default() }
}

/// A command without a shell.
pub fn of_command(words: &[String]) -> Found {
    Found { note: tail(words.iter().map(String::as_str)), ..Found::default() }
}

/// `COMMAND; CODE=$?; kill $(cat PIDFILE); exit $CODE` without what follows the command.
fn without_kill(text: &str) -> Option<String> {
    let kill = text.find("kill")?;
    if !kills_supervisor(text) {
        return None;
    }
    let before = text.get(..kill)?;
    // Where it keeps the exit code, or else the last separator before the kill.
    let assigned = before.find("=$?").and_then(|at| before.get(..at)?.rfind([';', '\n', '&', '|']));
    let end = assigned.or_else(|| before.rfind([';', '\n', '&', '|']))?;
    let command = text.get(..end)?.trim_end_matches([';', '&', '|', '\n', ' ']).trim();
    (!command.is_empty()).then(|| command.to_owned())
}

/// `while true; do COMMAND; sleep N; done`.
fn repeated(text: &str) -> Option<String> {
    let text = text.trim();
    let body = [
        "while true; do",
        "while true;do",
        "while :; do",
        "while :;do",
        "while [ true ]; do",
        "while [ 1 ]; do",
    ]
    .iter()
    .find_map(|begin| text.strip_prefix(begin))?;
    let body =
        body.trim().trim_end_matches(';').strip_suffix("done")?.trim().trim_end_matches([';', '&', ' ']);
    let (at, seconds) = match body.rfind("sleep ") {
        Some(at) => (at, body.get(at + 6..)?.trim()),
        None => return None,
    };
    let command = body.get(..at)?.trim().trim_end_matches([';', '&', ' ']);
    let period = period(seconds)?;
    let cron = match period {
        60 => "* * * * *".to_owned(),
        3600 => "@hourly".to_owned(),
        86400 => "@daily".to_owned(),
        _ if period % 3600 == 0 && 86400 % period == 0 => format!("0 */{} * * *", period / 3600),
        _ if period % 60 == 0 && 3600 % period == 0 => format!("*/{} * * * *", period / 60),
        _ => return None,
    };
    Some(format!(
        "A schedule does this without a shell that sleeps: take out `script` and `restart`, and write\n\
         type = \"oneshot\"\nscript = {command:?}\n[schedule]\ncron = \"{cron}\""
    ))
}

/// `60`, `5m`, `1h` in seconds.
fn period(text: &str) -> Option<u64> {
    let (number, factor) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (
            number,
            match text.chars().last()? {
                'm' => 60,
                'h' => 3600,
                'd' => 86400,
                _ => 1,
            },
        ),
        None => (text, 1),
    };
    number.parse::<u64>().ok().filter(|number| *number > 0)?.checked_mul(factor)
}

/// `tail -f FILE`.
fn tail<'w>(words: impl Iterator<Item = &'w str>) -> Option<String> {
    let mut words = words.skip_while(|word| *word == "exec");
    let program = words.next()?;
    let follows =
        words.any(|word| matches!(word, "-f" | "-F" | "--follow" | "-fn0" | "-qF" | "--follow=name"));
    (follows && (program == "tail" || program.ends_with("/tail"))).then(|| {
        "It only shows what others write into a file. What a service writes to its standard output and standard error \
         is shown as it is: have them write there (/dev/stdout), and this is not needed."
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_script_that_kills_supervisord_is_recognised() {
        for (text, script) in [
            (
                "start.sh; EXIT_CODE=$?; kill -s SIGINT $(cat /var/run/supervisord.pid); exit $EXIT_CODE",
                Some("start.sh"),
            ),
            ("a --b || kill -TERM 1", Some("a --b")),
            ("a && kill $PPID", Some("a")),
            ("a; pkill supervisord", Some("a")),
            ("a; b; rc=$?; supervisorctl shutdown; kill 1; exit $rc", Some("a; b")),
            ("skill --x; other", None),
            ("kill $(cat /run/nginx.pid); nginx", None),
        ] {
            assert_eq!(without_kill(text).as_deref(), script, "{text}");
        }
    }

    #[test]
    fn a_loop_that_sleeps_is_offered_a_schedule() {
        let cron = |text: &str| repeated(text).and_then(|note| note.lines().last().map(str::to_owned));
        for (text, expected) in [
            ("while true; do php artisan schedule:run; sleep 60; done", Some("cron = \"* * * * *\"")),
            ("while :; do a; b & sleep 10m; done;", Some("cron = \"*/10 * * * *\"")),
            ("while true; do a; sleep 7; done", None),
            ("while true; do a; done", None),
            ("a", None),
        ] {
            assert_eq!(cron(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn scripts_that_end_supervisord_are_told_from_others() {
        for text in [
            "kill -SIGQUIT $PPID",
            "os.kill(os.getppid(), signal.SIGTERM)",
            "kill -3 $(cat \"/var/run/supervisord.pid\")",
            "with open('/run/supervisord.pid') as f:\n    os.kill(int(f.read()), signal.SIGQUIT)",
            "kill -15 1",
        ] {
            assert!(kills_supervisor(text), "{text}");
        }
        for text in [
            "kill -0 $x && sleep 1",
            "mail -s 'a program died' me",
            "kill $(cat /run/nginx.pid)",
            "echo PPID",
        ] {
            assert!(!kills_supervisor(text), "{text}");
        }
    }
}
