//! `if [ … ]; then exec sleep infinity; fi`: what people write who have no conditions.

/// A condition under which a service has something to do: a key of `[when]` and its value.
pub type Condition = (&'static str, String);

/// Conditions at the beginning of a script, and the script without them.
pub fn conditions(text: &str) -> Option<(Vec<Condition>, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let (mut kept, mut found, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(line) = lines.get(at) {
        let trimmed = line.trim();
        if trimmed.is_empty()
            || trimmed.starts_with('#')
            || trimmed == "exec 2>&1"
            || trimmed.starts_with("set -")
        {
            kept.push(*line);
            at += 1;
            continue;
        }
        let Some((condition, end)) = idle_block(&lines, at) else { break };
        found.push(condition);
        at = end;
    }
    if found.is_empty() {
        return None;
    }
    kept.extend(&lines[at..]);
    let rest = kept.join("\n") + "\n";
    Some((found, rest.trim_start_matches('\n').to_owned()))
}

/// A block that ends in idleness and begins at this line, as a condition for the opposite; and the line behind it.
fn idle_block(lines: &[&str], start: usize) -> Option<(Condition, usize)> {
    let first = lines.get(start)?.trim().strip_prefix("if ")?;
    let (condition, mut at) = match first.split_once(';') {
        Some((condition, then)) => (condition, (then.trim() == "then").then_some(start + 1)?),
        None => (first, (lines.get(start + 1)?.trim() == "then").then_some(start + 2)?),
    };
    let mut idle = false;
    loop {
        let line = lines.get(at)?.trim();
        at += 1;
        match line {
            "fi" => break,
            "exec sleep infinity" | "sleep infinity" | "exec tail -f /dev/null" | "exec s6-pause" => {
                idle = true
            }
            _ if line.is_empty()
                || line.starts_with('#')
                || line.starts_with("echo ")
                || line.starts_with("bashio::log") => {}
            _ => return None,
        }
    }
    idle.then_some(())?;
    Some((opposite(condition.trim())?, at))
}

/// What has to hold for a test to fail.
fn opposite(test: &str) -> Option<Condition> {
    let (outer, test) = match test.strip_prefix("! ") {
        Some(test) => (true, test.trim()),
        None => (false, test),
    };
    let inner = [("[[ ", " ]]"), ("[ ", " ]")]
        .iter()
        .find_map(|(open, close)| test.strip_prefix(open)?.strip_suffix(close))
        .or_else(|| test.strip_prefix("test "))?;
    let words = shlex::split(inner)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (negated, words) = match words.split_first()? {
        (&"!", rest) => (!outer, rest),
        _ => (outer, &words[..]),
    };
    // `when` says what must hold: the opposite of what makes it idle.
    let not = |negated: bool| if negated { "" } else { "!" };
    match *words {
        ["-z", variable] => Some(("when.env", format!("{}{}", not(!negated), variable_of(variable)?.0))),
        ["-n", variable] => Some(("when.env", format!("{}{}", not(negated), variable_of(variable)?.0))),
        ["-e" | "-f" | "-d", path] if path.starts_with('/') && !path.contains(['$', '*']) => {
            Some(("when.path", format!("{}{path}", not(negated))))
        }
        [variable, operator @ ("=" | "==" | "!="), value] if !value.contains(['$', '*']) => {
            let (name, default) = variable_of(variable)?;
            // Unset it has its default, which must not be the value in question.
            if default == value {
                return None;
            }
            let negated = negated != (operator == "!=");
            Some(("when.env", format!("{}{name}={value}", not(negated))))
        }
        _ => None,
    }
}

/// The name in `$NAME`, `${NAME}` or `${NAME:-default}`, and the default.
fn variable_of(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('$')?;
    let inner = text.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).unwrap_or(text);
    let (name, default) = inner.split_once(":-").unwrap_or((inner, ""));
    super::words::is_variable(name).then_some((name, default))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(test: &str) -> Option<Condition> {
        conditions(&format!("if {test}; then\n  echo off\n  exec sleep infinity\nfi\nexec a\n")).map(
            |(mut c, rest)| {
                assert_eq!(rest, "exec a\n");
                c.remove(0)
            },
        )
    }

    #[test]
    fn idleness_under_a_condition_is_a_condition_for_the_opposite() {
        for (test, key, value) in [
            ("[ -z \"$A\" ]", "when.env", "A"),
            ("[[ -n ${A} ]]", "when.env", "!A"),
            ("[ \"$A\" = off ]", "when.env", "!A=off"),
            ("[[ \"${A:-false}\" != \"true\" ]]", "when.env", "A=true"),
            ("[ ! -f /etc/a.conf ]", "when.path", "/etc/a.conf"),
            ("! [ -e /etc/a.conf ]", "when.path", "/etc/a.conf"),
            ("[ -d /etc/a ]", "when.path", "!/etc/a"),
        ] {
            assert_eq!(of(test), Some((key, value.to_owned())), "{test}");
        }
        for test in
            ["[ \"${A:-true}\" != true ]", "[ -z \"$A\" ] || [ -z \"$B\" ]", "grep -q a b", "[ $A -gt 1 ]"]
        {
            assert_eq!(of(test), None, "{test}");
        }
        assert_eq!(conditions("if [ -z \"$A\" ]; then\n  rm x\n  sleep infinity\nfi\n"), None);
    }
}
