//! What `finish` scripts say about the end of a service and of the container.

use crate::config::diagnostic::Span;
use crate::config::import::Reading;
use crate::config::import::draft::Draft;
use crate::config::import::place::Image;
use crate::config::import::script::Script;
use std::path::Path;

/// The rules that people write there.
#[derive(Debug, PartialEq, Eq)]
enum Rule {
    Nothing,
    /// The container ends when it has failed.
    OnFailure,
    /// The container ends with it.
    Always,
    /// It is not started again.
    Once,
    /// It is not started again after so many ends within so many seconds.
    Limit(u64, u64),
    Other,
}

const HALTS: [&str; 7] = [
    "basedir/bin/halt",
    "basedir/bin/poweroff",
    "s6-svscanctl -t",
    "s6-svscanctl -bt",
    "s6-linux-init-shutdown",
    "kill 1\n",
    "TERM 1\n",
];

fn rule(text: &str) -> Rule {
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let text = lines.join("\n") + "\n";
    let has = |texts: &[&str]| texts.iter().any(|part| text.contains(part));
    if has(&HALTS) {
        let asked = has(&["-ne 0", "-gt 0", "!= 0", "!= \"0\"", "-eq 0", "== 0", "= 0", "256"]);
        return if asked { Rule::OnFailure } else { Rule::Always };
    }
    if let Some((_, arguments)) = text.split_once("s6-permafailon ") {
        let numbers: Vec<u64> =
            arguments.split_whitespace().take(2).filter_map(|word| word.parse().ok()).collect();
        if let [seconds, times] = numbers[..] {
            return Rule::Limit(times.max(1), seconds);
        }
    }
    if has(&["exit 125", "s6-svc -d", "s6-svc -O", "s6-svc -o"]) && !has(&["if ", "case "]) {
        return Rule::Once;
    }
    let idle = |line: &&str| {
        ["exit 0", "true", ":"].contains(line)
            || line.starts_with("echo ")
            || line.starts_with("sleep ")
            || line.starts_with("s6-sleep ")
    };
    if lines.iter().all(idle) { Rule::Nothing } else { Rule::Other }
}

/// Reads a `finish`, and sets what it says.
pub fn read(what: &str, path: &Path, draft: &mut Draft, image: &Image, reading: &mut Reading<'_>) {
    let Some(script) = Script::read(path, image, reading) else { return };
    let span: Span = script.span;
    let trail = &mut reading.output.trail;
    let keys = |keys: &str| format!("{}: {keys}", draft.name);
    match rule(&script.text) {
        Rule::Nothing => trail.exact(span, what, ""),
        Rule::OnFailure => {
            let became = keys("restart.policy");
            draft
                .set("restart.policy", "never", span)
                .note("A failure ends the container with its exit code.");
            let why = "a failure ends the container with its exit code, as here; but it is not started again after an end with 0 \
                       either: with `policy = \"on-failure\"` it would be restarted after failures, up to 10 in a row";
            trail.approximated(span, what, became, why);
        }
        Rule::Always => {
            let became = keys("restart.policy");
            draft
                .set("restart.policy", "never", span)
                .note("A failure ends the container with its exit code.");
            let why = "its failure ends the container, with its exit code; for an end with 0 to do the same, write `main = true`, \
                       which one service can have";
            trail.approximated(span, what, became, why);
        }
        Rule::Once => {
            let became = keys("restart.policy, essential");
            draft.set("restart.policy", "never", span);
            draft.set("essential", false, span);
            trail.approximated(
                span,
                what,
                became,
                "it is not started again; what else the script does is left out",
            );
        }
        Rule::Limit(times, seconds) => {
            let became = keys("restart.limit, restart.reset-after, essential");
            draft.set("restart.limit", i64::try_from(times).unwrap_or(i64::MAX), span);
            draft.set("restart.reset-after", format!("{seconds}s"), span);
            draft.set("essential", false, span);
            let why = "the limit counts ends in a row, whatever their codes are";
            trail.approximated(span, what, became, why);
        }
        Rule::Other => {
            let why = "nothing of foster runs after each end: what has to be cleared away can be done at the start of `script`, \
                       and what is to come of an end, `[restart]` and `essential` say";
            trail.not_carried(span, what, why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_known_by_what_people_write() {
        let add_on = "if [[ \"$1\" -ne 0 ]]; then\n echo $1 > /run/s6-linux-init-container-results/exitcode\n \
                      exec /run/s6/basedir/bin/halt\nfi\n";
        assert_eq!(rule(add_on), Rule::OnFailure);
        assert_eq!(rule("if { s6-test ${1} -ne 0 } s6-svscanctl -t /var/run/s6/services"), Rule::OnFailure);
        assert_eq!(rule("/run/s6/basedir/bin/halt"), Rule::Always);
        assert_eq!(rule("kill -s TERM 1"), Rule::Always);
        assert_eq!(rule("s6-permafailon 60 5 1-255 exit 0"), Rule::Limit(5, 60));
        assert_eq!(rule("exit 125"), Rule::Once);
        assert_eq!(rule("# nothing\necho bye\nexit 0\n"), Rule::Nothing);
        assert_eq!(rule("rm -f /run/x"), Rule::Other);
    }
}
