//! What people read about a verb comes from its declaration, and says all that they need.

use super::*;

/// The options of a verb that are written with two hyphens.
pub(super) fn long_options(verb: &Command) -> Vec<String> {
    let longs = verb.get_arguments().filter(|argument| !argument.is_hide_set()).filter_map(|a| a.get_long());
    longs.filter(|long| *long != "help").map(|long| format!("--{long}")).collect()
}

#[test]
fn the_whole_command_line_and_that_of_each_verb_are_sound() {
    command(None).debug_assert();
    for verb in VERBS {
        command(Some(verb)).debug_assert();
    }
}

#[test]
fn every_verb_has_examples_and_tells_its_exit_codes() {
    for verb in VERBS {
        let declared = verb.command();
        let about = declared.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(!about.is_empty() && !about.ends_with('.'), "{}: {about:?}", verb.name);
        let after = declared.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(after.starts_with(&format!("Examples:\n  foster {}", verb.name)), "{}: {after}", verb.name);
        let (_, codes) =
            after.split_once("\n\nExit code: ").unwrap_or_else(|| panic!("{}: no codes", verb.name));
        assert!(codes.contains("0") && codes.contains("64"), "{}: {codes}", verb.name);
        // Prose is broken by clap at the width of the terminal.
        let (examples, prose) = after.split_once("\n\n").unwrap_or((&after, ""));
        assert!(examples.lines().all(|line| line.len() <= 100), "{}: an example is too long", verb.name);
        assert!(prose.split("\n\n").all(|one| !one.contains('\n')), "{}: prose is broken by hand", verb.name);
    }
}

#[test]
fn every_verb_that_talks_to_a_supervisor_says_what_happens_without_one() {
    for verb in VERBS {
        let declared = verb.command();
        let talks = long_options(&declared).contains(&"--socket".to_owned());
        let after = declared.get_after_help().map(ToString::to_string).unwrap_or_default();
        let told = after.contains("69 when no supervisor answers");
        // The one that never ends with 69.
        assert_eq!(told, talks && verb.name != "healthcheck", "{}", verb.name);
    }
}

#[test]
fn every_verb_and_option_is_in_the_documentation() {
    let text = include_str!("../../docs/cli.md");
    for verb in VERBS {
        let heading = format!("\n## foster {}\n", verb.name);
        let (_, below) = text.split_once(&heading).unwrap_or_else(|| panic!("docs/cli.md: no{heading}"));
        let section = below.split("\n## ").next().unwrap_or_default();
        for option in long_options(&verb.command()) {
            assert!(section.contains(&option), "docs/cli.md: foster {}: no {option}", verb.name);
        }
    }
}

#[test]
fn every_option_of_the_documentation_exists() {
    let text = include_str!("../../docs/cli.md");
    for verb in VERBS {
        let heading = format!("\n## foster {}\n", verb.name);
        let Some((_, below)) = text.split_once(&heading) else { continue };
        let section = below.split("\n## ").next().unwrap_or_default();
        let known = long_options(&verb.command());
        for word in section.split(|c: char| c.is_whitespace() || "`|[],;".contains(c)) {
            if word.starts_with("--") && word.chars().any(char::is_alphabetic) {
                let option = word.split('=').next().unwrap_or_default();
                assert!(known.iter().any(|long| long == option), "docs/cli.md: foster {}: {word}", verb.name);
            }
        }
    }
}
