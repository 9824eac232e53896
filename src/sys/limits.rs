//! Resource limits, see getrlimit(2).

use crate::model::{Limit, Resource};
use std::sync::OnceLock;

/// `RLIMIT_NOFILE` as prlimit(2) takes it.
#[allow(clippy::unnecessary_cast)] // unsigned in glibc, signed in musl
pub(super) const NOFILE: u32 = libc::RLIMIT_NOFILE as u32;

/// As many descriptors as the supervisor allows itself: far more than thousands of services need.
const OWN_NOFILE: u64 = 65_536;

/// The limit of open files with which this process was started, once it was raised.
static INHERITED_NOFILE: OnceLock<[u64; 2]> = OnceLock::new();

/// Raises this process's own soft limit of open files, within the hard one. Children get the inherited limit back.
///
/// Returns the limit that now holds.
pub fn raise_nofile() -> u64 {
    let Some([soft, hard]) = get(NOFILE) else { return 0 };
    let want = hard.min(OWN_NOFILE);
    if soft >= want {
        return soft;
    }
    let _ = INHERITED_NOFILE.set([soft, hard]);
    let limit = libc::rlimit64 { rlim_cur: want, rlim_max: hard };
    // SAFETY: the structure is a valid rlimit64.
    match unsafe { libc::setrlimit64(NOFILE as _, &raw const limit) } {
        0 => want,
        _ => soft,
    }
}

/// The limit of open files (soft, hard) that a child gets back, where this process has raised its own.
pub(super) fn inherited_nofile() -> Option<[u64; 2]> {
    INHERITED_NOFILE.get().copied()
}

/// Soft and hard value of a limit of this process.
fn get(resource: u32) -> Option<[u64; 2]> {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is writable and of the type that the call fills.
    (unsafe { libc::getrlimit64(resource as _, &raw mut limit) } == 0)
        .then_some([limit.rlim_cur, limit.rlim_max])
}

/// The numbers of a limit as prlimit(2) takes them: resource, then soft and hard value.
pub(super) fn numbers(limit: &Limit) -> (u32, [u64; 2]) {
    let value = |v: Option<u64>| v.unwrap_or(libc::RLIM64_INFINITY);
    (resource_number(limit.resource), [value(limit.soft), value(limit.hard)])
}

/// The configuration's name of a resource.
pub(super) fn name(resource: Resource) -> &'static str {
    match resource {
        Resource::As => "as",
        Resource::Core => "core",
        Resource::Cpu => "cpu",
        Resource::Data => "data",
        Resource::Fsize => "fsize",
        Resource::Locks => "locks",
        Resource::Memlock => "memlock",
        Resource::Msgqueue => "msgqueue",
        Resource::Nice => "nice",
        Resource::Nofile => "nofile",
        Resource::Nproc => "nproc",
        Resource::Rss => "rss",
        Resource::Rtprio => "rtprio",
        Resource::Rttime => "rttime",
        Resource::Sigpending => "sigpending",
        Resource::Stack => "stack",
    }
}

#[allow(clippy::unnecessary_cast)] // unsigned in glibc, signed in musl
fn resource_number(resource: Resource) -> u32 {
    (match resource {
        Resource::As => libc::RLIMIT_AS,
        Resource::Core => libc::RLIMIT_CORE,
        Resource::Cpu => libc::RLIMIT_CPU,
        Resource::Data => libc::RLIMIT_DATA,
        Resource::Fsize => libc::RLIMIT_FSIZE,
        Resource::Locks => libc::RLIMIT_LOCKS,
        Resource::Memlock => libc::RLIMIT_MEMLOCK,
        Resource::Msgqueue => libc::RLIMIT_MSGQUEUE,
        Resource::Nice => libc::RLIMIT_NICE,
        Resource::Nofile => libc::RLIMIT_NOFILE,
        Resource::Nproc => libc::RLIMIT_NPROC,
        Resource::Rss => libc::RLIMIT_RSS,
        Resource::Rtprio => libc::RLIMIT_RTPRIO,
        Resource::Rttime => libc::RLIMIT_RTTIME,
        Resource::Sigpending => libc::RLIMIT_SIGPENDING,
        Resource::Stack => libc::RLIMIT_STACK,
    }) as u32
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_unlimited() {
        let limit = Limit { resource: Resource::Core, soft: Some(0), hard: None };
        assert_eq!(numbers(&limit), (4, [0, u64::MAX]));
    }
}
