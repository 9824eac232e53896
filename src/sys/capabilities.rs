//! Capabilities of a service, see capabilities(7).
//!
//! `capabilities = [...]` names the only ones kept: the bounding set is reduced to them, they are permitted, effective
//! and inheritable, and ambient too where the service is not root, so that they survive its exec.

use super::{SpawnError, Stage};
use crate::model::capability_name;

/// `_LINUX_CAPABILITY_VERSION_3`: two words of 32 capabilities each.
const VERSION: u32 = 0x2008_0522;
const SETPCAP: u8 = 8;

#[repr(C)]
pub(super) struct Header {
    version: u32,
    pid: i32,
}

/// Header for capget(2) and capset(2) of the calling process.
pub(super) const SELF: Header = Header { version: VERSION, pid: 0 };

/// One word of the three sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// What the child has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Orders {
    /// To be dropped from the bounding set, before the user changes.
    pub(super) drop: Vec<u8>,
    /// For capset(2), after the user has changed.
    pub(super) sets: [Sets; 2],
    /// To be raised in the ambient set.
    pub(super) ambient: Vec<u8>,
    /// The bounding set cannot be reduced here: exec must give nothing back (`no_new_privs`).
    pub(super) no_new_privs: bool,
}

/// Works out how to keep exactly `keep`, or says which of them cannot be kept.
pub(super) fn plan(keep: &[u8], root: bool) -> Result<Orders, SpawnError> {
    plan_from(keep, root, permitted()?, bounding())
}

fn plan_from(keep: &[u8], root: bool, permitted: u64, bounding: u64) -> Result<Orders, SpawnError> {
    let mut wanted = 0u64;
    for number in keep {
        let bit = 1u64.checked_shl(u32::from(*number)).unwrap_or(0);
        if bit == 0 || permitted & bounding & bit == 0 {
            let name = capability_name(*number).unwrap_or_else(|| format!("capability {number}"));
            let what = format!("cannot keep {name}: the supervisor does not have it itself");
            return Err(SpawnError { stage: Stage::Capabilities, errno: libc::EPERM, what });
        }
        wanted |= bit;
    }
    let surplus = bounding & !wanted;
    let may_drop = permitted & (1 << SETPCAP) != 0;
    let drop = if may_drop { (0..64).filter(|n| surplus >> n & 1 == 1).collect() } else { Vec::new() };
    #[allow(clippy::cast_possible_truncation)]
    let word = |bits: u64| Sets { effective: bits as u32, permitted: bits as u32, inheritable: bits as u32 };
    Ok(Orders {
        drop,
        sets: [word(wanted), word(wanted >> 32)],
        ambient: if root { Vec::new() } else { keep.to_vec() },
        no_new_privs: !may_drop && surplus != 0,
    })
}

/// The permitted set of this process.
fn permitted() -> Result<u64, SpawnError> {
    let mut sets = [Sets::default(); 2];
    let mut header = SELF;
    // SAFETY: both structures have the layout of version 3, which takes two words.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) };
    if result != 0 {
        return Err(SpawnError::system(Stage::Capabilities, super::errno(), "read the capabilities"));
    }
    Ok(u64::from(sets[0].permitted) | u64::from(sets[1].permitted) << 32)
}

/// The bounding set of this process.
fn bounding() -> u64 {
    (0..64u64)
        // SAFETY: PR_CAPBSET_READ takes a number, and gives EINVAL beyond the last capability of this kernel.
        .take_while(|n| unsafe { libc::prctl(libc::PR_CAPBSET_READ, *n, 0, 0, 0) } >= 0)
        // SAFETY: as above.
        .filter(|n| unsafe { libc::prctl(libc::PR_CAPBSET_READ, *n, 0, 0, 0) } == 1)
        .fold(0, |set, n| set | 1 << n)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_kept_are_dropped() {
        let orders = plan_from(&[10], false, 1 << 10 | 1 << 8, 1 << 10 | 1 << 8 | 1 << 40).unwrap();
        assert_eq!(orders.drop, [8, 40]);
        assert_eq!(orders.ambient, [10]);
        assert_eq!(orders.sets[0], Sets { effective: 1 << 10, permitted: 1 << 10, inheritable: 1 << 10 });
        assert_eq!(orders.sets[1], Sets::default());
        assert!(!orders.no_new_privs);
    }

    #[test]
    fn root_needs_no_ambient_set() {
        assert!(plan_from(&[10], true, u64::MAX, u64::MAX).unwrap().ambient.is_empty());
    }

    #[test]
    fn where_the_bounding_set_must_stay_exec_gives_nothing_back() {
        let orders = plan_from(&[], false, 0, 1 << 5).unwrap();
        assert!(orders.drop.is_empty());
        assert!(orders.no_new_privs);
    }

    #[test]
    fn a_capability_that_is_not_there_is_named() {
        let error = plan_from(&[12], true, 0, 0).unwrap_err();
        assert_eq!(error.to_string(), "cannot keep CAP_NET_ADMIN: the supervisor does not have it itself");
    }
}
