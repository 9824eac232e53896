//! What came of an apply, for people and for clients.

use crate::control::api::{self, Applied, ChangeKind};
use crate::model::{Change, Difference, Plan};

/// Names that one line shows of each kind.
const SHOWN: usize = 10;

/// The difference as clients are told of it.
pub(super) fn change(found: Difference, old: &Plan, new: &Plan) -> api::Change {
    let name = |id: crate::model::Id| {
        let of =
            |plan: &Plan| plan.services.get(id.index()).map(|s| s.name.clone()).filter(|n| !n.is_empty());
        of(new).or_else(|| of(old)).unwrap_or_default()
    };
    api::Change {
        service: name(found.id),
        change: match found.change {
            Change::Added => ChangeKind::Added,
            Change::Removed => ChangeKind::Removed,
            Change::Restarted => ChangeKind::Restarted,
            Change::Updated => ChangeKind::Updated,
        },
        keys: found.keys.into_iter().map(str::to_owned).collect(),
        because: found.because.map(name),
    }
}

/// Nothing was changed, and why.
pub(super) fn refusal(reason: &str) -> Applied {
    Applied { ok: false, reason: Some(reason.to_owned()), ..Applied::default() }
}

/// `2 restarted (web, worker), 1 added (cron)`.
pub(super) fn summary(applied: &Applied) -> String {
    let kinds = [
        (ChangeKind::Removed, "removed"),
        (ChangeKind::Restarted, "restarted"),
        (ChangeKind::Added, "added"),
        (ChangeKind::Updated, "updated"),
    ];
    let mut parts = Vec::new();
    for (kind, word) in kinds {
        let names: Vec<&str> =
            applied.changes.iter().filter(|c| c.change == kind).map(|c| c.service.as_str()).collect();
        if !names.is_empty() {
            let more = names.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let shown: Vec<&str> = names.iter().take(SHOWN).copied().collect();
            parts.push(format!("{} {word} ({}{more})", names.len(), shown.join(", ")));
        }
    }
    if !applied.settings.is_empty() {
        parts.push(format!("settings ({})", applied.settings.join(", ")));
    }
    if parts.is_empty() { "nothing has changed".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_done_to_whom() {
        let change = |service: &str, change| api::Change {
            service: service.to_owned(),
            change,
            keys: Vec::new(),
            because: None,
        };
        let mut applied = Applied::default();
        assert_eq!(summary(&applied), "nothing has changed");
        applied.changes = vec![
            change("cron", ChangeKind::Added),
            change("web", ChangeKind::Restarted),
            change("worker", ChangeKind::Restarted),
        ];
        applied.settings.push("log-level".to_owned());
        assert_eq!(summary(&applied), "2 restarted (web, worker), 1 added (cron), settings (log-level)");
        applied.changes = (0..12).map(|n| change(&format!("s{n}"), ChangeKind::Removed)).collect();
        assert!(summary(&applied).ends_with("s9 and 2 more), settings (log-level)"), "{}", summary(&applied));
    }
}
