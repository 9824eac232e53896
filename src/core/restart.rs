//! Whether and when a service that ended is started again: pure functions.

use super::{Millis, millis};
use crate::model::{Exit, Id, Kind, Policy, Restart};

/// What an end of the main process leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Started again at once.
    Now,
    /// Started again later.
    Later,
    /// Not started again; that is well.
    Done,
    /// Not started again; that is a failure.
    Failed,
    /// Not started again: the limit is reached.
    GaveUp,
}

/// Decides about the `failures`-th consecutive end (from 1).
pub(super) fn verdict(restart: &Restart, kind: Kind, exit: Exit, ready: bool, failures: u32) -> Verdict {
    let listed = |list: &[crate::model::ExitMatch]| list.iter().any(|m| m.matches(exit));
    let success = listed(&restart.success);
    if kind == Kind::Oneshot && success {
        return Verdict::Done;
    }
    let again = match restart.policy {
        Policy::Always => true,
        Policy::OnFailure => !success,
        Policy::Never => false,
    };
    if !again || listed(&restart.never_on) {
        return if success { Verdict::Done } else { Verdict::Failed };
    }
    retry(restart, ready, failures)
}

/// The same for an end that is a failure, whatever its code: a process that was taken down for a flaw.
pub(super) fn verdict_failed(restart: &Restart, ready: bool, failures: u32) -> Verdict {
    if restart.policy == Policy::Never { Verdict::Failed } else { retry(restart, ready, failures) }
}

/// The same for an attempt that came to no process at all, and may fare better later. The policy is about ends, so it has
/// no say: nothing has run that must not run twice.
pub(super) fn retry(restart: &Restart, ready: bool, failures: u32) -> Verdict {
    if restart.limit.is_some_and(|limit| failures >= limit) {
        Verdict::GaveUp
    } else if (ready && failures == 1) || restart.delay.is_zero() {
        Verdict::Now
    } else {
        Verdict::Later
    }
}

/// The delay before the next attempt: `delay` × `factor`ⁿ up to `max-delay`, ±10 %. The first end of a service that
/// had run well is not delayed and does not make the delay grow.
pub(super) fn delay(restart: &Restart, id: Id, failures: u32, ready: bool, seed: u64) -> Millis {
    let growth = failures.saturating_sub(if ready { 2 } else { 1 });
    let exponent = i32::try_from(growth.min(1000)).unwrap_or(1000);
    let max = restart.max_delay.as_secs_f64();
    let base = (restart.delay.as_secs_f64() * restart.factor.powi(exponent)).min(max);
    // splitmix64: no state, so the core stays a function of its events.
    let mut z = seed ^ (u64::from(id.0) << 32) ^ u64::from(failures).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    #[allow(clippy::cast_precision_loss)]
    let unit = ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
    let jittered = (base * (0.9 + 0.2 * unit)).min(max);
    std::time::Duration::try_from_secs_f64(jittered).map_or(millis(restart.max_delay), millis).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn restart() -> Restart {
        Restart::default()
    }

    #[test]
    fn the_first_end_of_a_ready_service_is_forgiven_and_the_tenth_is_the_last() {
        let verdict = |ready, failures| verdict(&restart(), Kind::Daemon, Exit::Code(1), ready, failures);
        assert_eq!(verdict(true, 1), Verdict::Now);
        assert_eq!(verdict(false, 1), Verdict::Later);
        assert_eq!(verdict(true, 2), Verdict::Later);
        assert_eq!(verdict(true, 10), Verdict::GaveUp);
    }

    #[test]
    fn delays_double_from_the_first_delayed_restart_up_to_the_maximum() {
        for (failures, expected) in
            [(2, 100u64), (3, 200), (4, 400), (9, 12_800), (10, 25_600), (12, 30_000), (4_000, 30_000)]
        {
            let delay = delay(&restart(), Id(3), failures, true, 7);
            assert!(delay >= expected * 9 / 10 && delay <= expected * 11 / 10, "{failures}: {delay}");
            assert!(delay <= 30_000);
        }
        assert!((90..=110).contains(&delay(&restart(), Id(3), 1, false, 7)));
    }

    #[test]
    fn codes_that_are_a_success_or_forbid_a_restart_are_heeded() {
        let mut on_failure = Restart { policy: Policy::OnFailure, ..restart() };
        on_failure.success.push(crate::model::ExitMatch::Code(3));
        on_failure.never_on.push(crate::model::ExitMatch::Code(9));
        let verdict = |exit| verdict(&on_failure, Kind::Daemon, exit, true, 1);
        assert_eq!(verdict(Exit::Code(0)), Verdict::Done);
        assert_eq!(verdict(Exit::Code(3)), Verdict::Done);
        assert_eq!(verdict(Exit::Code(9)), Verdict::Failed);
        assert_eq!(verdict(Exit::Code(1)), Verdict::Now);
    }

    #[test]
    fn a_delay_of_zero_never_waits() {
        let zero = Restart { delay: Duration::ZERO, ..restart() };
        assert_eq!(verdict(&zero, Kind::Daemon, Exit::Code(1), false, 5), Verdict::Now);
    }

    #[test]
    fn a_start_that_came_to_no_process_is_tried_again_whatever_the_policy_is() {
        let never = Restart { policy: Policy::Never, ..restart() };
        assert_eq!(retry(&never, false, 1), Verdict::Later);
        assert_eq!(retry(&never, false, 10), Verdict::GaveUp);
        assert_eq!(verdict_failed(&never, false, 1), Verdict::Failed);
    }
}
