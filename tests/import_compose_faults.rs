//! Claims about compose files that are broken or mean harm: each is refused, soon, with what is wrong and where.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;

use foster::config::import::Kind;
use import_room::Source;
use std::time::Instant;

fn compose(text: &str) -> Source {
    Source::new(Kind::Compose, "compose.yaml", &[("compose.yaml", text)])
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

#[test]
fn a_broken_file_is_an_error_with_its_place() {
    for (text, line, told) in [
        ("services:\n  a: [\n", 2, "unclosed bracket"),
        ("services:\n  a:\n\tcommand: x\n", 3, "tabs disallowed"),
        ("services:\n  a:\n    command: x\n   b: y\n", 4, "did not find expected key"),
        ("services:\n  a:\n    command: \"x\n", 3, "unclosed quote"),
        ("a: 1\n", 1, "there are no `services` in it"),
        ("services: [a]\n", 1, "is a map of services"),
        ("services:\n  a:\n    image: x\n", 2, "no service in it says what it runs"),
        ("services:\n  a:\n    extends: b\n    command: x\n", 3, "there is no service `b` to extend"),
        ("services:\n  a:\n    extends: a\n    command: x\n", 3, "it extends itself"),
        ("services:\n  a:\n    extends: {service: b, file: b.yaml}\n", 1, "cannot read /b.yaml"),
        ("include: x.yaml\nservices:\n  a:\n    command: x\n", 1, "cannot read /x.yaml"),
        ("include: compose.yaml\nservices:\n  a:\n    command: x\n", 1, "it includes itself"),
        ("services:\n  a:\n    command: x ${A\n", 3, "a `${` without its `}`"),
        ("services:\n  a:\n    command: x 'y\n", 3, "a quote without its end"),
        ("services:\n  a: x\n", 2, "is a map of keys"),
        ("services:\n  a:\n    command: x\n  a:\n    command: y\n", 4, "`a` is given twice"),
        ("services:\n  a:\n    command: *x\n", 3, "unknown anchor"),
        ("services:\n  web:\n    command: x\n    depends_on: [wbe]\n", 4, "there is no service `wbe`"),
        (
            "services:\n  a:\n    command: x\n    depends_on: [b]\n  b:\n    command: y\n    depends_on: [a]\n",
            4,
            "services wait for each other",
        ),
        ("---\na: 1\n---\nb: 1\n", 3, "more than one document"),
        ("services:\n  a:\n    command: {x: y}\n", 3, "it is a list or a string"),
    ] {
        let shown = compose(text).broken();
        let place = format!(".yaml:{line}:");
        assert!(
            shown.contains(told) && (shown.contains(&place) || shown.contains("cannot read /")),
            "{told} {line}:\n{shown}"
        );
    }
    let nowhere = Source::new(Kind::Compose, "nowhere.yaml", &[]).broken();
    has(&nowhere, &["cannot read /nowhere.yaml"]);
    has(&Source::new(Kind::Compose, "", &[("x", "")]).broken(), &["cannot read /compose.yaml"]);
    has(&compose("").broken(), &["there is nothing in it"]);
    has(&compose("\u{0}\u{1}\u{7f}ELF").broken(), &["unexpected character"]);
}

#[test]
fn hostile_sources_are_refused_before_they_fill_the_memory() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let list = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{list}]\n"));
    }
    let chain: String = (0..900)
        .map(|n| format!("  s{n}:\n    extends: s{}\n    command: x\n    environment: {{A{n}: b}}\n", n + 1))
        .collect();
    let wide: String = (0..2000).map(|n| format!("      A{n}: b\n")).collect();
    let copies: String = (0..900).map(|n| format!("  s{n}:\n    extends: wide\n")).collect();
    let many: String = (0..1500).map(|n| format!("  s{n}: {{command: x}}\n")).collect();
    for (text, told) in [
        (bomb, "with all that aliases repeat"),
        (format!("services: {}{}\n", "[".repeat(5000), "]".repeat(5000)), "recursion limit exceeded"),
        ("services: &a\n  b: *a\n".to_owned(), "an alias of what is not yet closed"),
        (format!("services:\n{chain}"), "leads too far"),
        (
            format!("services:\n  wide:\n    command: x\n    environment:\n{wide}{copies}"),
            "values in what is extended",
        ),
        (format!("services:\n{many}"), "more than 1000 services"),
        (format!("services:\n  a:\n    command: '{}'\n", "${A:-".repeat(10_000)), "a `${` without its `}`"),
        (
            format!("services:\n  a:\n    command: {}x{}\n", "${A:-".repeat(2000), "}".repeat(2000)),
            "more than 8 deep",
        ),
        ("a".repeat(2 << 20), "larger than"),
    ] {
        let begin = Instant::now();
        let shown = compose(&text).broken();
        assert!(shown.contains(told), "{told}:\n{}", shown.get(..2000).unwrap_or(&shown));
        assert!(begin.elapsed().as_secs() < 20, "{told}: {:?}", begin.elapsed());
    }
}
