//! The tree of s6-overlay in an image: source definitions of s6-rc (version 3), and the scripts and service directories of
//! before; or a directory of s6's service directories alone.

mod definitions;
mod directories;
mod legacy;
mod oneshot;
mod order;
mod pipeline;
mod services;
mod settings;
mod variables;

use super::Reading;
use super::draft::Draft;
use super::place::Image;
use crate::config::diagnostic::Span;
use crate::config::tree::Value;
use std::path::{Path, PathBuf};

/// Where what of it is.
#[derive(Debug)]
struct Layout {
    image: Image,
    /// `s6-rc.d`
    definitions: Option<PathBuf>,
    /// `user-bundles.d`
    bundles: Option<PathBuf>,
    /// `services.d`
    services: Option<PathBuf>,
    /// `cont-init.d`
    before: Option<PathBuf>,
    /// `cont-finish.d`
    after: Option<PathBuf>,
    /// `fix-attrs.d`
    attributes: Option<PathBuf>,
}

/// Reads it: the root of an image, its `/etc`, `/etc/s6-overlay`, or one of the directories in these.
pub fn read(path: &Path, reading: &mut Reading<'_>) {
    let Some(mut layout) = layout(path) else {
        let file = reading.sources.add(path.to_string_lossy(), None);
        let message = format!(
            "cannot find services of s6 in {}: neither etc/s6-overlay/s6-rc.d nor etc/services.d nor etc/cont-init.d is there",
            path.display()
        );
        return reading.broken(Span::whole(file), message);
    };
    let rules = variables::read(reading);
    if let Some(bundles) = &rules.bundles {
        layout.bundles = Some(layout.image.here(bundles)).filter(|directory| directory.is_dir());
    }
    let steps = legacy::before(&layout, reading);
    let started = layout.definitions.as_deref().map(|directory| {
        let definitions = definitions::read(directory, layout.bundles.as_deref(), &layout.image, reading);
        services::all(&definitions, &layout.image, &steps, &rules, reading)
    });
    let services::Started { user, late } = started.unwrap_or_default();
    let names = legacy::services(&layout, &steps, &user, &rules, reading);
    order::after_services(late, &names, rules.waits_for_services, reading);
    legacy::after(&layout, &rules, reading);
    settings::set(&rules, reading);
    of_all(path, &rules, reading);
    if reading.output.services.is_empty() && reading.findings.is_empty() {
        let file = reading.sources.add(path.to_string_lossy(), None);
        reading.broken(Span::whole(file), "there is no service in it");
    }
}

/// What differs for all services alike, once.
fn of_all(path: &Path, rules: &variables::Rules, reading: &mut Reading<'_>) {
    let span = Span::whole(reading.sources.add(path.to_string_lossy(), None));
    let text = |draft: &Draft, key: &str| match draft.get(key) {
        Some(Value::Text(text)) => text.to_string(),
        _ => String::new(),
    };
    let services = &reading.output.services;
    let restarted = services
        .iter()
        .any(|draft| text(draft, "type").is_empty() && text(draft, "restart.policy") != "never");
    let stopped =
        services.iter().any(|draft| text(draft, "type").is_empty() && draft.get("stop.timeout").is_none());
    let elsewhere = services
        .iter()
        .any(|draft| text(draft, "type").is_empty() && draft.get("working-directory").is_none());
    let steps = services.iter().any(|draft| text(draft, "type") == "oneshot");
    let trail = &mut reading.output.trail;
    if restarted {
        trail.approximated(
            span,
            "restarts",
            "",
            "at once, then with growing delays, and after 10 ends in a row the container ends; s6 restarts each second, for ever: \
             `[restart] limit = \"unlimited\"`, or `essential = false`",
        );
    }
    if stopped {
        trail.approximated(
            span,
            "stops",
            "",
            "SIGKILL 5 s after the stop signal; s6 waits for ever: `[stop] timeout` gives more time",
        );
    }
    if elsewhere {
        trail.approximated(
            span,
            "directories",
            "",
            "services run in that of foster; there in their service directory: `working-directory`",
        );
    }
    if steps && !rules.strict && !rules.told_of_failures {
        trail.approximated(
            span,
            "oneshots",
            "",
            "one that fails ends the container, as with S6_BEHAVIOUR_IF_STAGE2_FAILS=2: `essential = false` in its file, and in \
             those that require it, lets the rest go on",
        );
    }
}

fn layout(path: &Path) -> Option<Layout> {
    let path = std::path::absolute(path).ok()?;
    let is = |directory: PathBuf| directory.is_dir().then_some(directory);
    let mut layout = Layout {
        image: Image::around(&path),
        definitions: None,
        bundles: None,
        services: None,
        before: None,
        after: None,
        attributes: None,
    };
    let etc = if path.join("etc").is_dir() {
        layout.image = Image::at(&path);
        path.join("etc")
    } else {
        path.clone()
    };
    layout.definitions = is(etc.join("s6-overlay/s6-rc.d"));
    layout.bundles = is(etc.join("s6-overlay/user-bundles.d"));
    layout.services = is(etc.join("services.d"));
    layout.before = is(etc.join("cont-init.d"));
    layout.after = is(etc.join("cont-finish.d"));
    layout.attributes = is(etc.join("fix-attrs.d"));
    let of_etc = layout.definitions.is_some() || layout.services.is_some() || layout.before.is_some();
    if of_etc || layout.after.is_some() {
        return Some(layout);
    }
    if path.join("s6-rc.d").is_dir() {
        layout.definitions = is(path.join("s6-rc.d"));
        layout.bundles = is(path.join("user-bundles.d"));
        return Some(layout);
    }
    let has = |file: &str| {
        let children = std::fs::read_dir(&path).ok().into_iter().flatten().flatten();
        children.take(4000).any(|child| child.path().join(file).exists())
    };
    let called = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if called == "cont-init.d" {
        layout.before = Some(path);
    } else if has("type") {
        layout.bundles = path.parent().and_then(|parent| is(parent.join("user-bundles.d")));
        layout.definitions = Some(path);
    } else if has("run") {
        layout.services = Some(path);
    } else {
        return None;
    }
    Some(layout)
}
