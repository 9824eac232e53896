//! `[restart]`: what happens after a service has ended.

use super::diagnostic::{Code, Diagnostic};
use super::reader::{Located, Reader};
use super::tree::{Node, Value};
use crate::model::{Kind, Policy, Restart};

/// Reads `[restart]`; `policy` is what holds if it gives none.
pub fn restart(outer: &Reader<'_, '_>, kind: Kind, policy: Policy) -> Restart {
    let mut restart = Restart { policy, ..Restart::default() };
    let Some(reader) = outer.inner("restart") else { return restart };
    match reader.choice("policy") {
        Some(Located { value: "always", span }) => {
            restart.policy = Policy::Always;
            if kind == Kind::Oneshot {
                let help = "a oneshot ends after its success; use \"on-failure\", or `type = \"daemon\"`";
                let message = "a oneshot cannot have the policy \"always\"";
                let conflict = Diagnostic::error(Code::Conflict, span, message).help(help.to_owned());
                reader.scope.findings.push(conflict);
            }
        }
        Some(Located { value: "on-failure", .. }) => restart.policy = Policy::OnFailure,
        Some(Located { value: "never", .. }) => restart.policy = Policy::Never,
        _ => {}
    }
    let delay = reader.duration("delay");
    let longest = reader.duration("max-delay");
    if let Some(delay) = &delay {
        restart.delay = delay.value;
    }
    if let Some(longest) = &longest {
        restart.max_delay = longest.value;
    }
    if restart.max_delay < restart.delay {
        match (&delay, &longest) {
            (_, Some(longest)) => {
                reader.invalid(longest.span, "`restart.max-delay` is below `restart.delay`", None);
            }
            // Only the delay was given: the default must not cut it.
            _ => restart.max_delay = restart.delay,
        }
    }
    if let Some(factor) = reader.number("factor") {
        restart.factor = factor.value;
    }
    if let Some(after) = reader.duration("reset-after") {
        restart.reset_after = after.value;
        if after.value.is_zero() {
            let help = "for restarts without end, write limit = \"unlimited\"".to_owned();
            reader.invalid(after.span, "`restart.reset-after` must be longer than 0", Some(help));
        }
    }
    if let Some(node) = reader.node("limit") {
        restart.limit = limit(&reader, node).unwrap_or(restart.limit);
    }
    if let Some(success) = reader.exits("success-codes") {
        restart.success = success;
    }
    if let Some(never) = reader.exits("never-on") {
        restart.never_on = never;
    }
    if restart.policy == Policy::Never {
        let reason = reader
            .key_span("policy")
            .or_else(|| outer.key_span("main").filter(|_| kind == Kind::Daemon))
            .or_else(|| outer.key_span("type"));
        for key in ["delay", "factor", "max-delay", "limit", "reset-after", "never-on"] {
            if reader.given_with(key, reason) {
                let message = format!("`restart.{key}` does nothing, because the policy is \"never\"");
                reader.conflict(key, message, "remove it, or set `policy`", reason);
            }
        }
    }
    restart
}

/// `None` if it is no limit; the inner `None` is unlimited.
fn limit(reader: &Reader<'_, '_>, node: &Node<'_>) -> Option<Option<u32>> {
    match &node.value {
        Value::Integer(0) => {
            let help = "write policy = \"never\" for no restart at all".to_owned();
            reader.invalid(node.span, "`restart.limit` must be at least 1", Some(help));
            None
        }
        Value::Integer(count) => {
            let count = u32::try_from(*count).ok();
            if count.is_none() {
                reader.invalid(node.span, "`restart.limit` must be from 1 to 4294967295", None);
            }
            count.map(Some)
        }
        Value::Text(text) if text == "unlimited" => Some(None),
        _ => {
            reader.mismatch("limit", node);
            None
        }
    }
}
