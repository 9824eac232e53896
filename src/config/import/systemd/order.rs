//! What a unit says of others, and when it is to run: `[Unit]` and `[Install]`.

use super::super::draft::literal;
use super::boot::is_reached_anyway;
use super::unit::{Setting, specifiers};
use super::{Making, conditions};

/// Reads the order.
pub fn order(making: &mut Making<'_, '_>) {
    let unit = making.unit;
    for setting in unit.settings.iter().filter(|setting| setting.section == "Unit") {
        match setting.key.as_str() {
            "Description" => {
                if let Some(text) = expand(making, setting) {
                    making.draft.set("description", literal(&text), setting.span);
                    making.exact(setting, "description");
                }
            }
            "Documentation" => {
                let pages: Vec<&str> = setting.words().map(|word| word.trim_end_matches(',')).collect();
                making.draft.notes.push(format!("See {}.", pages.join(", ")));
                making.exact(setting, "a comment");
            }
            "After" | "Before" | "Requires" | "Wants" | "BindsTo" | "Requisite" | "Upholds" => {
                relation(making, setting);
            }
            "Conflicts" => {
                let others = setting.words().filter(|name| !is_reached_anyway(name)).count();
                if others == 0 {
                    making.exact(setting, "");
                } else {
                    making.not_carried(setting, "services do not exclude each other: enable one of them");
                }
            }
            "RequiresMountsFor" | "WantsMountsFor" => {
                making.exact(setting, "the container's mounts are there")
            }
            "SuccessAction" | "FailureAction" => action(making, setting),
            "StartLimitBurst" | "StartLimitIntervalSec" | "StartLimitInterval" => {
                super::settings::start_limit(making, setting);
            }
            // All of them together say whether it starts.
            key if key.starts_with("Condition") || key.starts_with("Assert") => {}
            _ => super::settings::other(making, setting),
        }
    }
    conditions::conditions(making);
    links(making);
}

pub fn expand(making: &mut Making<'_, '_>, setting: &Setting) -> Option<String> {
    match specifiers(&setting.value, &making.unit.name) {
        Ok(text) => Some(text),
        Err(why) => {
            making.not_carried(setting, why);
            None
        }
    }
}

/// Whether `other` starts after this unit.
fn is_before(making: &Making<'_, '_>, other: &str) -> bool {
    let says = |unit: &super::Unit, key: &str, name: &str| {
        unit.all(key)
            .any(|setting| setting.words().any(|word| specifiers(word, &unit.name).as_deref() == Ok(name)))
    };
    says(making.unit, "Before", other)
        || making.units.get(other).is_some_and(|unit| says(unit, "After", &making.unit.name))
}

fn relation(making: &mut Making<'_, '_>, setting: &Setting) {
    let Some(text) = expand(making, setting) else { return };
    let key = match setting.key.as_str() {
        "After" => "after",
        "Before" => "before",
        "Wants" | "Upholds" => "wants",
        "BindsTo" => "restart-with",
        _ => "requires",
    };
    let (mut missing, mut against, mut unordered, mut any) = (Vec::new(), Vec::new(), false, false);
    for name in text.split_whitespace() {
        if name == making.unit.name {
            continue;
        }
        let Some(other) = making.units.get(name) else {
            if !is_reached_anyway(name) {
                missing.push(name.to_owned());
            }
            continue;
        };
        // Sockets are held before any service starts; a timer is part of what it starts; the rest is reached anyway.
        if other.service.is_empty() {
            continue;
        }
        if key != "before" && key != "after" {
            if is_before(making, name) {
                against.push(name.to_owned());
                continue;
            }
            let after = making.unit.all("After").any(|setting| setting.words().any(|word| word == name));
            unordered |= !after;
        }
        let service = other.service.clone();
        making.draft.push(key, service, setting.span);
        any = true;
    }
    let became = if any { key } else { "" };
    let requires = matches!(setting.key.as_str(), "Requires" | "BindsTo" | "Requisite");
    if !against.is_empty() {
        let why = format!(
            "what a service {key} starts before it, and {} starts after it: enable both",
            against.join(", ")
        );
        making.not_carried(setting, why);
    } else if !missing.is_empty() && requires {
        making.not_carried(setting, format!("{} is not in the import: import it too", missing.join(", ")));
    } else if !missing.is_empty() {
        let why = format!("{} is not in the import, and nothing waits for it", missing.join(", "));
        making.nearly(setting, became, why);
    } else if matches!(setting.key.as_str(), "Requisite" | "Upholds") {
        making.nearly(setting, became, "it is started with this service, if it does not run");
    } else if setting.key == "BindsTo" {
        making.nearly(
            setting,
            became,
            "when it crashes, this one is started again after it instead of stopped",
        );
    } else if unordered {
        making.nearly(setting, became, "it starts after it, too; systemd starts both at once");
    } else {
        making.exact(setting, became);
    }
}

fn action(making: &mut Making<'_, '_>, setting: &Setting) {
    match (setting.key.as_str(), setting.value.as_str()) {
        (_, "none") => making.exact(setting, ""),
        ("FailureAction", _) => {
            making.exact(setting, "an essential service that has failed ends the container")
        }
        _ if !is_enabled(making) => {
            making.not_carried(
                setting,
                "nothing of the import starts it by itself: `main = true` ends the container with it",
            );
        }
        _ if making.holder("main").is_some() => {
            making
                .not_carried(setting, "the container ends with one service, and that is another one: `main`");
        }
        _ => {
            making.draft.set("main", true, setting.span);
            making.nearly(setting, "main", "the container ends with its code, whatever that is");
        }
    }
}

/// Reads `[Install]`, and what links say.
fn links(making: &mut Making<'_, '_>) {
    let unit = making.unit;
    for setting in unit.settings.iter().filter(|setting| setting.section == "Install") {
        match setting.key.as_str() {
            key @ ("WantedBy" | "RequiredBy" | "UpheldBy") => {
                let key = if key == "RequiredBy" { "required-by" } else { "wanted-by" };
                let mut became = "";
                let names: Vec<String> = setting.words().map(str::to_owned).collect();
                for name in &names {
                    let other = making.units.get(name).map(|other| other.service.clone());
                    if let Some(service) = other.filter(|service| !service.is_empty()) {
                        making.draft.push(key, service, setting.span);
                        became = key;
                    }
                }
                making.exact(setting, if became.is_empty() { "enabled" } else { became });
            }
            "Also" | "Alias" | "DefaultInstance" => making.exact(setting, ""),
            _ => super::settings::other(making, setting),
        }
    }
    let links = making.units.links.iter().filter(|(_, name, _)| *name == unit.name);
    for (who, _, requires) in links {
        let other = making.units.get(who);
        if let Some(service) = other.map(|other| other.service.clone()).filter(|service| !service.is_empty())
        {
            making.draft.push(if *requires { "required-by" } else { "wanted-by" }, service, unit.span);
        }
    }
}

/// Targets that are reached at every boot.
const AT_BOOT: &[&str] = &[
    "basic.target",
    "default.target",
    "getty.target",
    "graphical.target",
    "local-fs.target",
    "multi-user.target",
    "network-online.target",
    "network.target",
    "remote-fs.target",
    "sockets.target",
    "sysinit.target",
    "timers.target",
];

/// Whether it would start at boot once it is installed, or another unit of the import would start it.
pub fn is_installed(making: &Making<'_, '_>) -> bool {
    let unit = making.unit;
    let starts = |name: &str| AT_BOOT.contains(&name) || making.units.get(name).is_some();
    unit.is_linked
        || ["WantedBy", "RequiredBy", "UpheldBy"]
            .iter()
            .any(|key| unit.all(key).any(|setting| setting.words().any(starts)))
}

/// Whether it starts by itself: it is installed, or it is the one unit that is imported.
pub fn is_enabled(making: &Making<'_, '_>) -> bool {
    !making.units.is_directory || is_installed(making)
}
