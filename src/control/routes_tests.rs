//! The table of routes: what finds its way, and what is refused.

use super::*;

#[test]
fn a_path_and_a_method_find_their_route() {
    let name = |method, path| match find(method, path) {
        Found::Route(route, name) => format!("{} {name}", route.path),
        Found::OtherMethod(allow) => allow.to_owned(),
        Found::Nothing => "nothing".to_owned(),
    };
    assert_eq!(name("GET", "/v1/status"), "/v1/status ");
    assert_eq!(name("GET", "/v1/services/worker%401"), "/v1/services/{name} worker@1");
    assert_eq!(name("POST", "/v1/status"), "GET");
    assert_eq!(name("PUT", "/v1/log-level"), "GET, POST");
    for path in ["/", "/v1/status/", "/v1/services/", "/v1/services/a/b", "/v2/status", "*"] {
        assert_eq!(name("GET", path), "nothing", "{path}");
    }
}

#[test]
fn a_query_is_taken_apart_and_nothing_of_it_is_ignored() {
    let Found::Route(route, _) = find("GET", "/v1/status") else { panic!("no status") };
    let query = route.query("service=a%2Ab&service=c&").unwrap();
    assert_eq!(query, [("service", "a*b".to_owned()), ("service", "c".to_owned())]);
    assert_eq!(route.query("servce=a").unwrap_err().error, "unknown parameter `servce`");
}

#[test]
fn what_is_wrong_with_a_body_is_named() {
    let Found::Route(route, _) = find("POST", "/v1/stop") else { panic!("no stop") };
    let ask = |body: &'static str| {
        let input = Input { body: Bytes::from_static(body.as_bytes()), ..Input::default() };
        (route.ask)(input).map(|_| ()).map_err(|problem| problem.error)
    };
    assert_eq!(ask(r#"{"services":["a"]}"#), Ok(()));
    assert!(ask(r#"{"servces":["a"]}"#).unwrap_err().contains("`servces`"));
    assert!(ask(r#"{"services":["a"],}"#).unwrap_err().contains("line 1 column"));
    assert_eq!(ask("").unwrap_err(), "cannot read the body: it is empty");
    assert_eq!(ask(r#"{"services":[]}"#).unwrap_err(), "`services` names none");
    assert_eq!(ask(r#"{"services":["a"],"timeout":-1}"#).unwrap_err(), "`timeout` cannot be -1");
}

#[test]
fn what_is_asked_of_logs_is_understood_and_what_is_wrong_is_named() {
    let Found::Route(route, _) = find("GET", "/v1/logs") else { panic!("no logs") };
    let ask = |query: &str| {
        let query = route.query(query)?;
        logs(Input { query, ..Input::default() })
    };
    let asked = ask("service=a&lines=7&follow=true&since=2026-01-02T03:04:05Z").unwrap();
    assert_eq!((asked.services.len(), asked.lines, asked.follow), (1, Some(7), true));
    assert_eq!(asked.since.map(|time| time.as_second()), Some(1_767_323_045));
    let ago = ask("since=10m").unwrap().since.unwrap();
    assert!((595..605).contains(&Timestamp::now().duration_since(ago).as_secs()));
    for (query, culprit) in [
        ("lines=many", "lines"),
        ("since=then", "since"),
        ("follow=perhaps", "follow"),
        ("stream=in", "stream"),
    ] {
        assert!(ask(query).unwrap_err().error.contains(culprit), "{query}");
    }
    assert_eq!(ask("lines=1&lines=2").unwrap_err().error, "the parameter `lines` is given twice");
}

#[test]
fn escapes_are_decoded_and_what_is_none_stays() {
    assert_eq!(decode("a%20b%2a%"), "a b*%");
    assert_eq!(decode("%zz%4"), "%zz%4");
    assert_eq!(decode("%ff"), "\u{fffd}");
}
