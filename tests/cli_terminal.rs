//! Claims about who sits at a terminal: colours, progress, the width, and Ctrl-C.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::process::Command;
use support::{Container, Ran, Setup, find_program, needs_namespace, serve, sh, skip};

/// A verb whose input, output and errors are a terminal, by script(1); what it shows, without the carriage returns.
fn at_terminal(c: &Container, line: &str, environment: &[(&str, &str)]) -> Ran {
    let mut ran = Ran::of(terminal(c, line, "/dev/null", environment));
    ran.stdout = ran.stdout.replace('\r', "");
    ran
}

/// The same, not started yet, with a file that gets all that is shown at once.
fn terminal(c: &Container, line: &str, record: &str, environment: &[(&str, &str)]) -> Command {
    let foster = support::foster_bin();
    let line = format!("stty cols 60 rows 10; {} {line}", foster.display());
    let mut command: Command = c.exec(&["timeout", "-s", "KILL", "60", "script", "-qfec", &line, record]);
    command.env("FOSTER_SOCKET", c.path("control.sock")).env_remove("NO_COLOR").env("TERM", "xterm");
    command.env("LC_ALL", "C.UTF-8").envs(environment.iter().copied());
    command
}

macro_rules! needs_script {
    () => {
        needs_namespace!();
        if find_program("script").is_none() {
            skip!("no script(1)");
        }
    };
}

fn tree() -> Container {
    let c = Setup::new()
        .service("db", serve("db", &[]))
        .service("web", "requires = [\"db\"]\n".to_owned() + &serve("web", &[]))
        .service("other", serve("other", &[]))
        .service("slow", "enabled = false\n".to_owned() + &serve("slow", &[]) + "[ready]\ndelay = \"1h\"\n")
        .start();
    c.wait_event("up web");
    c.wait_event("up other");
    c
}

#[test]
fn a_terminal_gets_colours_unless_it_wants_none() {
    needs_script!();
    let c = tree();
    let ran = at_terminal(&c, "status", &[]);
    assert!(ran.stdout.contains("\x1b[32mready\x1b[0m"), "{ran:#?}");
    for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let ran = at_terminal(&c, "status", &[plain]);
        assert!(ran.stdout.contains("ready") && !ran.stdout.contains('\x1b'), "{plain:?}: {ran:#?}");
    }
}

#[test]
fn a_table_is_as_wide_as_the_terminal() {
    needs_script!();
    let toml = "essential = false\n".to_owned()
        + &sh("exit 3")
        + "[restart]\ndelay = \"1h\"\nmax-delay = \"1h\"\n[ready]\ndelay = \"1h\"\n";
    let c = Setup::new().service("web", serve("web", &[])).service("a-service-with-a-name", toml).start();
    c.wait_event("up web");
    c.wait_state("a-service-with-a-name", "backoff");
    let ran = at_terminal(&c, "status", &[("NO_COLOR", "1")]);
    assert_eq!(ran.stdout.lines().count(), 3, "{ran:#?}");
    let whole = c.foster_ends(0, &["status"]);
    assert!(whole.stdout.lines().any(|line| line.len() > 60), "{whole:#?}");
}

#[test]
fn progress_is_shown_of_the_services_concerned_only() {
    needs_script!();
    let c = tree();
    let ran = at_terminal(&c, "restart db", &[("NO_COLOR", "1")]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let place = |part: &str| {
        lines
            .iter()
            .position(|line| line.starts_with(part))
            .unwrap_or_else(|| panic!("no {part:?}: {ran:#?}"))
    };
    assert!(place("  web: stopping") < place("  db: stopping"), "{ran:#?}");
    assert!(place("  db: stopping") < place("db: restarted"), "{ran:#?}");
    assert!(!ran.stdout.contains("other"), "{ran:#?}");
    // Results only, where nobody looks.
    let ran = c.foster_ends(0, &["restart", "db"]);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("db: restarted\nalso restarted: web\n", ""));
}

#[test]
fn the_tree_is_drawn_with_lines_where_they_can_be_shown() {
    needs_script!();
    let c = tree();
    assert!(at_terminal(&c, "graph", &[("NO_COLOR", "1")]).stdout.contains("└─ db"));
    assert!(at_terminal(&c, "graph", &[("NO_COLOR", "1"), ("LC_ALL", "C")]).stdout.contains("`- db"));
    assert!(c.foster_ends(0, &["graph"]).stdout.contains("`- db"));
}

#[test]
fn a_watched_status_fills_the_screen_and_no_more() {
    needs_script!();
    let c = (0..20)
        .fold(Setup::new(), |setup, at| setup.service(&format!("s{at:02}"), serve("one", &[])))
        .start();
    c.wait_events("up one", 20);
    c.foster_ends(0, &["wait"]);
    let record = c.path("record");
    let mut command = terminal(&c, "status --watch", record.to_str().unwrap(), &[("NO_COLOR", "1")]);
    let mut watch = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let shown = || std::fs::read_to_string(&record).unwrap_or_default();
    c.check(support::eventually(support::PATIENCE, || shown().contains("and 12 more")), &shown());
    c.kill_verb(libc::SIGINT);
    // As the shell of script(1) tells that it died of that.
    assert_eq!(watch.wait().unwrap().code(), Some(130));
    let shown = shown().replace('\r', "");
    let frame = shown.split("\x1b[H").nth(1).unwrap_or_else(|| panic!("{shown}"));
    assert_eq!(frame.split("\x1b[J").next().unwrap().lines().count(), 10, "{shown}");
}

#[test]
fn an_interrupt_ends_the_waiting_and_not_what_was_asked() {
    needs_namespace!();
    let c = tree();
    for (verb, told) in [
        (&["start", "slow"][..], "foster: no longer waiting; the start goes on\n"),
        (&["wait", "slow"], "foster: no longer waiting\n"),
    ] {
        let waiting = c.verb(verb).spawn().unwrap();
        if verb[0] == "start" {
            c.wait_event("up slow");
        }
        c.signal_verb(libc::SIGINT);
        let output = waiting.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{verb:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), told);
    }
    c.wait_state("slow", "starting");
    c.check(!c.events().contains(&"term slow".to_owned()), "the service was stopped");
}

#[test]
fn an_interrupt_that_is_ignored_stays_ignored() {
    needs_namespace!();
    let c = tree();
    // As a shell does with what runs in its background.
    let below = ["timeout", "-s", "KILL", "60", "sh", "-c", "trap '' INT; exec \"$@\"", "sh"];
    let waiting = c.verb_below(&below, &["start", "slow", "--timeout", "1s"]).spawn().unwrap();
    c.wait_event("up slow");
    c.signal_verb(libc::SIGINT);
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(124));
}
