//! Scripts as people write them, and what is no rule.

use super::*;
use crate::config::import::words;

fn shell(text: &str, of: Of) -> Option<(Vec<(&'static str, String)>, String)> {
    keys(&shell::read(text).ok()?, of)
}

fn execline(text: &str) -> Option<(Vec<(&'static str, String)>, String)> {
    keys(&blocks::read(&words::execline(text).unwrap()).ok()?, Of::S6)
}

/// The keys with their values, and what differs.
fn keys(step: &Step, of: Of) -> Option<(Vec<(&'static str, String)>, String)> {
    let rules = follow(step, of).ok()?;
    let (mut draft, mut differs) = (Draft::new("a", Span::whole(0)), Vec::new());
    let keys = rules.set(Span::whole(0), &mut draft, &mut differs);
    let value = |key: &str| match draft.get(key) {
        Some(Value::Text(text)) => text.to_string(),
        Some(Value::List(list)) => list
            .iter()
            .map(|node| match &node.value {
                Value::Integer(number) => number.to_string(),
                Value::Text(text) => text.to_string(),
                other => format!("{other:?}"),
            })
            .collect::<Vec<_>>()
            .join(" "),
        Some(Value::Integer(number)) => number.to_string(),
        Some(Value::Boolean(value)) => value.to_string(),
        other => format!("{other:?}"),
    };
    Some((keys.iter().map(|key| (*key, value(key))).collect(), differs.join("; ")))
}

fn one(key: &'static str, value: &str) -> Vec<(&'static str, String)> {
    vec![(key, value.to_owned())]
}

const ADD_ON: &str = "declare exit_code\nreadonly exit_code_container=$(</run/s6-linux-init-container-results/exitcode)\n\
    readonly exit_code_service=\"${1}\"\nreadonly exit_code_signal=\"${2}\"\nreadonly service=\"web\"\n\n\
    bashio::log.info \\\n  \"Service ${service} exited with code ${exit_code_service}\" \\\n  \"(by signal ${exit_code_signal})\"\n\n\
    if [[ \"${exit_code_service}\" -eq 256 ]]; then\n  if [[ \"${exit_code_container}\" -eq 0 ]]; then\n    \
    echo $((128 + $exit_code_signal)) > /run/s6-linux-init-container-results/exitcode\n  fi\n  \
    [[ \"${exit_code_signal}\" -eq 15 ]] && exec /run/s6/basedir/bin/halt\n\
    elif [[ \"${exit_code_service}\" -ne 0 ]]; then\n  if [[ \"${exit_code_container}\" -eq 0 ]]; then\n    \
    echo \"${exit_code_service}\" > /run/s6-linux-init-container-results/exitcode\n  fi\n  exec /run/s6/basedir/bin/halt\nfi\n";

#[test]
fn the_finish_of_add_ons_ends_the_container_after_failures() {
    let (keys, differs) = shell(ADD_ON, Of::S6).unwrap();
    assert_eq!(keys, one("restart.policy", "never"));
    assert_eq!(
        differs,
        "after an end with 0 it stays down; there it is started again; \
         death by any signal but SIGTERM ends the container; there it is started again"
    );
    // What another word makes of it is not known.
    assert_eq!(shell(&ADD_ON.replace("declare exit_code\n", "rm -f /run/x\n"), Of::S6), None);
    assert_eq!(shell(&ADD_ON.replace("-eq 15", "-eq \"$X\""), Of::S6), None);
}

#[test]
fn shapes_that_people_write_are_followed() {
    let plugin = "declare APP_EXIT_CODE=${1}\nif [[ \"${APP_EXIT_CODE}\" -ne 0 ]] && [[ \"${APP_EXIT_CODE}\" -ne 256 ]]; then\n  \
                  bashio::log.warning \"Halt\"\n  echo \"${APP_EXIT_CODE}\" > /run/s6-linux-init-container-results/exitcode\n  \
                  exec /run/s6/basedir/bin/halt\nfi\nbashio::log.info 'again'\n";
    let (keys, differs) = shell(plugin, Of::S6).unwrap();
    assert_eq!(keys, one("restart.policy", "never"));
    assert_eq!(
        differs,
        "after an end with 0 it stays down; there it is started again; \
         death by a signal ends the container; there it is started again"
    );
    let web = "if test \"$1\" -eq 256 ; then\n  e=$((128 + $2))\nelse\n  e=\"$1\"\nfi\n\
               echo \"$e\" > /run/s6-linux-init-container-results/exitcode\n/run/s6/basedir/bin/halt\n";
    let (keys, differs) = shell(web, Of::S6).unwrap();
    assert_eq!(keys, one("restart.policy", "never"));
    assert_eq!(
        differs,
        "an end with 0 does not end the container; for that, write `main = true`, which one service can have"
    );
    let (keys, differs) = execline(
        "if { s6-test ${1} -ne 0 }\nif { s6-test ${1} -ne 256 }\ns6-svscanctl -t /var/run/s6/services",
    )
    .unwrap();
    assert_eq!(keys, one("restart.policy", "never"));
    assert!(
        differs.ends_with(
            "the container ends with the code of the service; there after any other exit code with 0"
        ),
        "{differs}"
    );
    let redirected = "foreground { redirfd -w 1 /run/s6-linux-init-container-results/exitcode echo ${1} } /run/s6/basedir/bin/halt";
    assert_eq!(execline(redirected).unwrap().0, one("restart.policy", "never"));
    assert_eq!(
        execline("if -n { s6-test ${1} -eq 0 } s6-svscanctl -bt /run/service").unwrap().0,
        one("restart.policy", "never")
    );
}

#[test]
fn a_few_ends_that_halt_are_listed() {
    let (keys, differs) = shell("if [ \"$1\" = 78 ] || [ $1 -eq 64 ]; then echo $1 >/run/s6-linux-init-container-results/exitcode; halt; fi", Of::S6).unwrap();
    assert_eq!((keys, differs), (one("restart.never-on", "64 78"), String::new()));
}

#[test]
fn what_only_concerns_the_service_is_its_policy() {
    let off = |policy: &str| vec![("restart.policy", policy.to_owned()), ("essential", "false".to_owned())];
    assert_eq!(shell("exit 125", Of::S6).unwrap(), (off("never"), String::new()));
    assert_eq!(shell("s6-svc -O .\n", Of::S6).unwrap(), (off("never"), String::new()));
    assert_eq!(shell("[ $1 -ne 0 ] || s6-svc -d .", Of::S6).unwrap(), (off("on-failure"), String::new()));
    let limit = [("restart.limit", "5"), ("restart.reset-after", "60s"), ("essential", "false")];
    assert_eq!(
        execline("s6-permafailon 60 5 1-255,SIGSEGV exit 0").unwrap().0,
        limit.map(|(key, value)| (key, value.to_owned()))
    );
    for nothing in ["# nothing\necho bye\nexit 0\n", "", "sleep 1", "set -e\nprintf '%s\\n' \"$1\" >&2; true"]
    {
        assert_eq!(shell(nothing, Of::S6), Some((Vec::new(), String::new())), "{nothing}");
    }
    let kept = shell("echo $1 > /run/s6-linux-init-container-results/exitcode", Of::S6).unwrap();
    assert!(kept.0.is_empty() && kept.1.ends_with("asked to stop, foster ends with 0"), "{kept:?}");
    assert_eq!(shell("sv down .", Of::Runit).unwrap(), (off("never"), String::new()));
    assert_eq!(shell("exec kill -HUP 1", Of::Runit).unwrap().0, one("restart.policy", "never"));
    assert_eq!(shell("test $1 -eq -1 && kill 1", Of::Runit).unwrap().0, one("restart.policy", "never"));
}

#[test]
fn whatever_is_not_known_is_no_rule() {
    for text in [
        "rm -f /run/x",
        "s6-svc -d /run/service/other",
        "echo kill 1 > /x",
        "case $1 in 0) halt;; esac",
        "while :; do :; done",
        "if true; then halt",
        "fi",
        "halt |",
        "echo $(reboot)",
        "echo `halt`",
        "(halt)",
        "[[ a && ]]x",
        "[[ a",
        "! ! ! if",
        "halt & ",
        "kill -9 1",
        "kill 11",
        "echo 'x",
        "echo \"$UNSET\" && halt",
        "[[ $1 == 2* ]]",
    ] {
        assert_eq!(shell(text, Of::S6), None, "{text}");
    }
    let doubled = "a=$a$a\n".repeat(60);
    assert_eq!(shell(&format!("a=x\n{doubled}[ $a = b ] && halt"), Of::S6), None);
    let large = "a=9223372036854775807\na=$((a + 1 + $2))\n[ $a -gt 0 ] && halt";
    assert!(shell(large, Of::S6).is_some());
    // In a message, or in a comment, nothing is meant.
    assert_eq!(
        shell("echo 'will /run/s6/basedir/bin/halt -ne 0'\n# kill 1\n", Of::S6),
        Some((Vec::new(), String::new()))
    );
    assert_eq!(shell(&"if true; then ".repeat(1000), Of::S6), None);
    assert_eq!(shell(&"! ".repeat(1000), Of::S6), None);
    for text in ["backtick X { a } halt", "if", "if -x { a } b", "importas A A a", "a { b }"] {
        assert_eq!(execline(text), None, "{text}");
    }
}
