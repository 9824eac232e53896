//! Oneshots of s6-rc.

use super::definitions::Definition;
use super::directories::{FILES, program};
use crate::config::diagnostic::Span;
use crate::config::import::Reading;
use crate::config::import::draft::Draft;
use crate::config::import::place::Image;
use crate::config::import::script::Script;
use crate::config::suggest::did_you_mean;

/// A service that runs once, by its definition; `None` when that is broken.
pub fn oneshot(
    name: &str,
    definition: &Definition,
    draft: &mut Draft,
    image: &Image,
    reading: &mut Reading<'_>,
) -> Option<()> {
    let up = definition.directory.join("up");
    if !up.exists() {
        let file = reading.sources.add(up.to_string_lossy(), None);
        reading.broken(Span::whole(file), format!("the oneshot `{name}` has no `up`"));
        return None;
    }
    let file = reading.load(&up)?;
    let line = Script::of_line(file, image.inside(&up), reading)?;
    // Mostly it is the path of a script.
    let named = line.only_word().filter(|word| word.starts_with('/')).map(str::to_owned);
    let script = named.as_deref().and_then(|path| Script::read(&image.here(path), image, reading));
    draft.set("type", "oneshot", definition.span);
    let mut became = match script {
        Some(mut script) => program(name, &mut script, draft, image, reading),
        None => line.apply(draft, image, reading),
    };
    if became.nothing {
        draft.set("type", "target", definition.span);
        reading.output.trail.exact(line.span, format!("{name}/up"), format!("{}: type", draft.name));
    } else {
        if line.text.starts_with("#!") {
            became.differs.push("`up` is one line of execline there, and its `#!` a comment".to_owned());
        }
        let keys = format!("{}: type, {}", draft.name, became.keys.join(", "));
        if became.differs.is_empty() {
            reading.output.trail.exact(line.span, format!("{name}/up"), keys);
        } else {
            reading.output.trail.approximated(
                line.span,
                format!("{name}/up"),
                keys,
                became.differs.join("; "),
            );
        }
    }
    for (entry, path) in image.entries(&definition.directory, reading) {
        let what = format!("{name}/{entry}");
        let span = Span::whole(reading.sources.add(path.to_string_lossy(), None));
        let trail = &mut reading.output.trail;
        match entry.as_str() {
            "up" | "dependencies" | "dependencies.d" => {}
            "type" => trail.exact(span, what, ""),
            "flag-essential" | "flag-recommended" => {
                trail.approximated(span, what, "", "`foster stop` stops it when it is asked to");
            }
            "timeout-up" if is_zero(&path) => trail.exact(span, what, ""),
            "timeout-up" => {
                let why = "a oneshot has as long as it needs: `timeout` before its command sets it an end";
                trail.not_carried(span, what, why);
            }
            "timeout-down" | "down" => {
                let why = "nothing runs when a oneshot is taken down: a daemon `sleep infinity` with this as `[stop] command` does that";
                trail.not_carried(span, what, why);
            }
            _ if named.as_deref().is_some_and(|path| path.ends_with(&format!("/{entry}"))) => {
                trail.exact(span, what, "")
            }
            _ if line.text.contains(&entry) => trail.exact(span, what, ""),
            _ => {
                let advice =
                    did_you_mean(&entry, FILES).map_or(String::new(), |advice| format!(": {advice}"));
                trail.not_carried(
                    span,
                    what,
                    format!("s6-rc does not know it, and `up` does not name it{advice}"),
                );
            }
        }
    }
    Some(())
}

/// Whether a time is that which means none.
fn is_zero(path: &std::path::Path) -> bool {
    crate::sys::read_bounded(path, 64).is_ok_and(|text| text.trim_ascii() == b"0")
}
