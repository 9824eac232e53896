//! The names of capabilities(7) and their numbers in linux/capability.h.

const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// The number of a capability by its name: `net-bind-service`, `NET_BIND_SERVICE` or `CAP_NET_BIND_SERVICE`.
#[must_use]
pub fn capability_number(name: &str) -> Option<u8> {
    let upper = name.to_ascii_uppercase().replace('-', "_");
    let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
    NAMES.iter().position(|known| *known == bare).and_then(|n| u8::try_from(n).ok())
}

/// The name of a capability, as in `CAP_NET_BIND_SERVICE`; `None` for one newer than this program.
#[must_use]
pub fn capability_name(number: u8) -> Option<String> {
    NAMES.get(usize::from(number)).map(|name| format!("CAP_{name}"))
}

/// Every name without `CAP_`, in capital letters: for suggestions.
pub fn capability_names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_in_every_usual_form() {
        for name in ["net-bind-service", "NET_BIND_SERVICE", "CAP_NET_BIND_SERVICE", "cap_net_bind_service"] {
            assert_eq!(capability_number(name), Some(10), "{name}");
        }
        assert_eq!(capability_number("CAP_"), None);
        assert_eq!(capability_name(40).as_deref(), Some("CAP_CHECKPOINT_RESTORE"));
        assert_eq!(capability_name(41), None);
    }
}
