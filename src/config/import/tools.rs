//! Programs of other supervisors, where scripts call them.

/// Names that `foster install-compat` makes.
const COMPATIBLE: [&str; 11] = [
    "with-contenv",
    "printcontenv",
    "s6-setuidgid",
    "s6-envdir",
    "s6-notifyoncheck",
    "s6-svc",
    "s6-svwait",
    "s6-svok",
    "s6-svstat",
    "s6-rc",
    "logutil-service",
];

/// That a script runs programs of the supervisor that foster takes the place of, and what to do about that.
pub fn needs(script: &str) -> Option<String> {
    let tools = tools(script);
    let names = |compatible: bool| {
        let tools = tools.iter().filter(|tool| COMPATIBLE.contains(tool) == compatible);
        tools.map(|tool| format!("`{tool}`")).collect::<Vec<_>>().join(", ")
    };
    let (made, others) = (names(true), names(false));
    let made =
        (!made.is_empty()).then(|| format!("it runs {made}: `foster install-compat DIR` makes these names"));
    let others = (!others.is_empty())
        .then(|| format!("it runs {others}: keep that in the image, or write what foster has for it"));
    let all: Vec<String> = made.into_iter().chain(others).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Programs of other supervisors that a script names.
fn tools(script: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut found: Vec<&str> = Vec::new();
    for line in script.lines().filter(|line| !line.trim_start().starts_with('#') && !says_once(line)) {
        for word in line.split(|c| !is_part(c)) {
            let known = ["sv", "chpst", "svlogd", "logutil-service", "with-contenv", "runsv", "runsvdir"];
            if (known.contains(&word) || word.starts_with("s6-") && word.len() > 4) && !found.contains(&word)
            {
                found.push(word);
            }
        }
    }
    found
}

/// Whether a line says that the service is not to be started again after this.
pub fn says_once(line: &str) -> bool {
    matches!(line.trim(), "s6-svc -O ." | "s6-svc -o ." | "sv once .")
}
