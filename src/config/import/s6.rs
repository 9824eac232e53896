//! The tree of s6-overlay in an image: source definitions of s6-rc (version 3), and the scripts and service directories of
//! before; or a directory of s6's service directories alone.

mod definitions;
mod directories;
mod finish;
mod legacy;
mod services;
mod variables;

use super::Reading;
use super::place::Image;
use crate::config::diagnostic::Span;
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
    let Some(layout) = layout(path) else {
        let file = reading.sources.add(path.to_string_lossy(), None);
        let message = format!(
            "cannot find services of s6 in {}: neither etc/s6-overlay/s6-rc.d nor etc/services.d nor etc/cont-init.d is there",
            path.display()
        );
        return reading.broken(Span::whole(file), message);
    };
    let rules = variables::read(reading);
    let steps = legacy::before(&layout, &rules, reading);
    let names = layout.definitions.as_deref().map(|directory| {
        let definitions = definitions::read(directory, layout.bundles.as_deref(), &layout.image, reading);
        services::all(&definitions, &layout.image, &steps, &rules, reading)
    });
    legacy::services(&layout, &steps, &names.unwrap_or_default(), reading);
    legacy::after(&layout, reading);
    if reading.output.services.is_empty() && reading.findings.is_empty() {
        let file = reading.sources.add(path.to_string_lossy(), None);
        reading.broken(Span::whole(file), "there is no service in it");
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
