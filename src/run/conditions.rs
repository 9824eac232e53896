//! The conditions of `when` that need no process.

use crate::model::{Conditions, EnvCondition};
use std::ffi::{OsStr, OsString};

/// Whether the conditions on environment and paths hold; if not, which does not.
pub(super) fn evaluate(when: &Conditions, container: &[(OsString, OsString)]) -> Result<(), String> {
    for condition in &when.env {
        let value =
            container.iter().find(|(name, _)| name == OsStr::new(&condition.name)).map(|(_, value)| value);
        if holds(condition, value.map(OsString::as_os_str)) == condition.negate {
            let EnvCondition { name, value, negate } = condition;
            let not = if *negate { "!" } else { "" };
            return Err(match value {
                Some(value) => format!("env {not}{name}={value}"),
                None => format!("env {not}{name}"),
            });
        }
    }
    for condition in &when.path {
        // A path that cannot be looked at, for lack of a permission say, is there as little as a missing one.
        let exists = std::fs::symlink_metadata(&condition.path).is_ok();
        if exists == condition.negate {
            return Err(format!("path {}{}", if condition.negate { "!" } else { "" }, condition.path));
        }
    }
    Ok(())
}

fn holds(condition: &EnvCondition, actual: Option<&OsStr>) -> bool {
    match (&condition.value, actual) {
        (_, None) => false,
        (None, Some(actual)) => !actual.is_empty(),
        (Some(wanted), Some(actual)) => actual == OsStr::new(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PathCondition;

    fn env(name: &str, value: Option<&str>, negate: bool) -> Conditions {
        let condition = EnvCondition { name: name.into(), value: value.map(Into::into), negate };
        Conditions { env: vec![condition], ..Conditions::default() }
    }

    #[test]
    fn every_condition_has_to_hold_and_the_first_that_does_not_is_named() {
        let container = [("A".into(), "1".into()), ("EMPTY".into(), "".into())];
        assert!(evaluate(&env("A", None, false), &container).is_ok());
        assert!(evaluate(&env("A", Some("1"), false), &container).is_ok());
        assert_eq!(evaluate(&env("A", Some("2"), false), &container), Err("env A=2".into()));
        assert_eq!(evaluate(&env("A", None, true), &container), Err("env !A".into()));
        assert_eq!(evaluate(&env("EMPTY", None, false), &container), Err("env EMPTY".into()));
        assert!(evaluate(&env("MISSING", Some("x"), true), &container).is_ok());
        let path = |path: &str, negate| Conditions {
            path: vec![PathCondition { path: path.into(), negate }],
            ..Conditions::default()
        };
        assert!(evaluate(&path("/", false), &container).is_ok());
        assert_eq!(evaluate(&path("/nowhere", false), &container), Err("path /nowhere".into()));
        assert!(evaluate(&path("/nowhere", true), &container).is_ok());
    }
}
