//! Claims about the tree that YAML becomes.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::{Node, parse};

const SEEDS: &[&str] = &[
    "a: b\nc:\n  - d\n  - e: f\n    g: h\n  -\n    i: j\n  - - k\n    - l\nm:\n- n\n- o:\n  - p\nq: r\n",
    "x-a: &a\n  k: v   # why\n  l: [1, 'it''s', \"two\\n\\u00e9\\x41\", {x: y, \"z\":1, w}, ]\ns: &s text\n\
     services:\n  web:\n    <<: *a\n    t: *s\n  two:\n    <<: [*a, {m: n}]\n    k: *s\n",
    "a: |\n  one\n   two\n\n  three\n\nb: >-\n  one\n  two\n\n   three\n  four\nc: |+\n  x\n\nd: >2\n   y\n  z\n\
     e: |-\n\n  lead\nf: \"many\n  lines\n\n  here \\\n  on\"\ng: plain\n  text\n\n  more\nh: 'single\n  line'\n",
    "# top\n---\na: {b: [c, d], e: {f: }, g: h\n  i}\nj: [\n  k,\n  l # m\n]\n\"n o\": p\n'q': ~\nr: http://x:80/#y\n...\n",
    "{\"services\": {\"web\": {\"command\": [\"a\", \"b\"], \"tty\": true, \"n\": null, \"x\": 1.5}}}\n",
    "\u{feff}a: b\r\nc: |\r\n  d\r\n  e\r\nf:\r\n  - g\r\n",
    "a: &x !override\n  - &y b\n  - *y\nc: !override null\nd: ! e\nf: !!str 1\ng: &z\nh: *z\n? i\n: j\n",
];

#[test]
fn what_is_written_in_compose_files_is_read() {
    let read = |text: &str| parse(0, text).unwrap_or_else(|(span, why)| panic!("{why} at {span:?}:\n{text}"));
    for text in SEEDS {
        read(text);
    }
    let node = read(SEEDS[2]);
    assert_eq!(node.get("a").unwrap().text(), Some("one\n two\n\nthree\n"));
    assert_eq!(node.get("b").unwrap().text(), Some("one two\n\n three\nfour"));
    assert_eq!(node.get("f").unwrap().text(), Some("many lines\nhere on"));
    let node = read(SEEDS[1]);
    let two = node.get("services").unwrap().get("two").unwrap();
    assert_eq!(two.get("k").unwrap().text(), Some("text"));
    assert_eq!(two.get("m").unwrap().text(), Some("n"));
    let node = read("\"<<\": a\n&x b: c\nd: *x\n? e\n: f\n");
    assert_eq!(node.map().unwrap().len(), 4);
    assert_eq!((node.get("<<").unwrap().text(), node.get("d").unwrap().text()), (Some("a"), Some("b")));
    let node = parse(0, "a: !override [b]\nc: !reset d\ne: !!str\nf: !!str null\n").unwrap();
    assert!(node.get("a").unwrap().is_whole);
    assert!(node.get("c").is_none());
    assert_eq!(node.get("f").unwrap().text(), Some("null"));
}

#[test]
fn what_is_no_yaml_or_beyond_it_is_refused_with_its_place() {
    for (text, at, told) in [
        ("a: [b\n", 3, "not YAML: unclosed bracket"),
        ("a: {b: c]\n", 3, "mismatched bracket"),
        ("a: 'b\n", 3, "unclosed quote"),
        ("a: \"\\q\"\n", 3, "unknown escape"),
        ("a:\n\tb: c\n", 4, "tabs disallowed"),
        ("a: b\n c: d\n", 7, "mapping values are not allowed"),
        ("  a: b\nc: d\n", 7, "expected <document start>"),
        ("a: @b\n", 3, "unexpected character"),
        ("a: b\nc\n", 5, "expected ':'"),
        ("%YAML 1.2\n---\na: b\n", 0, "directives are disallowed"),
        ("a: *b\n", 3, "unknown anchor"),
        ("ä: \u{0}\n", 4, "unexpected character"),
        ("", 0, "there is nothing in it"),
        ("# a\n", 0, "there is nothing in it"),
        ("a: b\n---\nc: d\n", 5, "more than one document"),
        ("a: b\na: c\n", 5, "`a` is given twice"),
        ("a: &b [*b]\n", 7, "`*b` is an alias of what is not yet closed"),
        ("a: !x b\n", 6, "the tag `!x` is not known"),
        ("[a]: b\n", 0, "a key is text"),
        ("a: &b [c]\n*b : d\n", 10, "a key is text"),
        ("<<: a\n", 0, "`<<` merges a map"),
    ] {
        let (span, why) = parse(0, text).map(|node| panic!("{node:?}: {text}")).unwrap_err();
        assert!(why.contains(told), "{why}: {text:?}");
        assert_eq!(span.range().start, at, "{why}: {text:?}");
    }
}

#[test]
fn values_and_keys_know_their_places() {
    let text = "ä: é\nb:\n  - 'ü'\n  - [x, *]\n";
    assert_eq!(parse(0, text).unwrap_err().0.range(), text.find('*').unwrap()..text.find('*').unwrap() + 1);
    let node = parse(0, &text.replace(", *", "")).unwrap();
    let at = |node: &Node| text[node.span.range()].to_owned();
    assert_eq!(at(node.get("ä").unwrap()), "é");
    assert_eq!(at(&node.get("b").unwrap().list().unwrap()[0]), "'ü'");
    let (key, span, _) = &node.map().unwrap()[1];
    assert_eq!((key.as_str(), &text[span.range()]), ("b", "b"));
}

#[test]
fn hostile_sources_end_soon() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let list = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{list}]\n"));
    }
    let long = "y".repeat(500_000);
    let million = 1_000_000;
    for (text, told) in [
        (bomb, "with all that aliases repeat"),
        (format!("a: &a {long}\nb: [{}]\n", vec!["*a"; 1000].join(", ")), "with all that aliases repeat"),
        ("[".repeat(million), "recursion limit"),
        ("{a: ".repeat(million / 4), "recursion limit"),
        ("- ".repeat(million / 2), "64 deep"),
        ((0..900).map(|n| format!("{}a:\n", " ".repeat(n))).collect(), "64 deep"),
        ("- a\n".repeat(million / 4), "more than 50000 values"),
        ((0..million / 10).map(|n| format!("a{n}: b\n")).collect(), "more than 2000 keys"),
        (format!("a: '{}", "\n".repeat(million)), "unclosed quote"),
        (format!("a: \"{}", "\\\n ".repeat(million / 3)), "unclosed quote"),
        (format!("a: {}\n b: c", "b\n ".repeat(million / 3)), "mapping values are not allowed"),
        (format!("a: |\n{} b\n", "  \n".repeat(million / 3)), "wrongly indented"),
        (format!("{}: a", "k".repeat(million)), "mapping values are not allowed"),
        (format!("a: [{}", "b,\n\n#\n".repeat(9000)), "unclosed bracket"),
    ] {
        let begin = std::time::Instant::now();
        let (_, why) = parse(0, &text).unwrap_err();
        assert!(why.contains(told), "{why}: {}", &text[..40.min(text.len())]);
        assert!(begin.elapsed().as_secs() < 5, "{told}: {:?}", begin.elapsed());
    }
}
