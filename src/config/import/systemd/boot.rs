//! What of the boot of a machine is there in a container already, and what has no place in it.

use super::unit::Unit;

/// Targets that a container has reached from its beginning on, or never reaches and nobody misses; see systemd.special(7).
/// A `*` stands for the rest.
const ALWAYS: &[&str] = &[
    "basic",
    "bluetooth",
    "boot-complete",
    "cryptsetup*",
    "ctrl-alt-del",
    "default",
    "emergency",
    "exit",
    "factory-reset",
    "final",
    "first-boot-complete",
    "getty*",
    "graphical",
    "halt",
    "hibernate",
    "hybrid-sleep",
    "initrd*",
    "integritysetup*",
    "kexec",
    "local-fs*",
    "machines",
    "multi-user",
    "network*",
    "nss-lookup",
    "nss-user-lookup",
    "paths",
    "poweroff",
    "printer",
    "reboot",
    "remote-cryptsetup",
    "remote-fs*",
    "remote-veritysetup",
    "rescue",
    "rpcbind",
    "runlevel*",
    "shutdown",
    "sigpwr",
    "sleep",
    "slices",
    "smartcard",
    "sockets",
    "sound",
    "suspend*",
    "swap",
    "sysinit",
    "syslog",
    "system-update*",
    "time-set",
    "time-sync",
    "timers",
    "umount",
    "usb-gadget",
    "veritysetup*",
];

/// Units of systemd itself, and those that bring up a machine or save one that does not come up.
const MACHINE: &[&str] = &[
    "autovt@*",
    "console-getty",
    "container-getty@*",
    "debug-shell",
    "e2scrub*",
    "emergency",
    "fstrim",
    "getty*",
    "hwclock",
    "initrd-*",
    "kmod*",
    "modprobe@*",
    "packagekit-offline-update",
    "pam_namespace",
    "quotaon",
    "rc",
    "rc-local",
    "rcS",
    "rescue",
    "serial-getty@*",
    "system-update-*",
    "systemd-*",
    "user-runtime-dir@*",
    "user@*",
];

fn is_in(names: &[&str], stem: &str) -> bool {
    names.iter().any(|name| match name.strip_suffix('*') {
        Some(start) => stem.starts_with(start),
        None => stem == *name,
    })
}

/// Whether a unit of this name has no business in a container.
pub fn is_of_the_machine(name: &str) -> bool {
    let Some((stem, "service" | "socket" | "timer")) = name.rsplit_once('.') else { return false };
    is_in(MACHINE, stem)
}

/// Whether a unit becomes a service, in a directory with others or alone.
pub fn is_carried(unit: &Unit, is_directory: bool) -> bool {
    match unit.kind() {
        "service" => !is_directory || !is_of_the_machine(&unit.name),
        "target" => !is_reached_anyway(&unit.name),
        _ => false,
    }
}

/// Whether a container needs nobody to reach it.
pub fn is_reached_anyway(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((stem, "target")) => is_in(ALWAYS, stem),
        Some((_, "mount" | "automount" | "device" | "slice" | "swap" | "scope" | "path")) => true,
        Some((stem, "service" | "socket")) => {
            stem.starts_with("systemd-") || matches!(stem, "syslog" | "dbus" | "rsyslog")
        }
        _ => false,
    }
}
