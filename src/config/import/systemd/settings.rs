//! Keys that become nothing, each with its reason, and those that several sections have.

use super::unit::Setting;
use super::{Making, values};
use crate::config::did_you_mean;
use crate::model::format_duration;

const SANDBOX: &str = "foster makes no sandbox inside the container: the container itself is one, and its runtime makes it \
                       tighter (--read-only, --cap-drop, --security-opt, volumes)";
const MANAGER: &str = "it is for the service manager of a whole machine, and means nothing in a container";
const SCHEDULING: &str = "there is nothing like it here: give the container its share, or begin the command with chrt, ionice \
                          or taskset";

/// Groups of keys, and why they become nothing.
const REASONS: &[(&str, &[&str])] = &[
    (
        SANDBOX,
        &[
            "BindPaths",
            "BindReadOnlyPaths",
            "DeviceAllow",
            "DevicePolicy",
            "DynamicUser",
            "ExecPaths",
            "InaccessibleDirectories",
            "InaccessiblePaths",
            "IPAddressAllow",
            "IPAddressDeny",
            "KeyringMode",
            "LockPersonality",
            "MemoryDenyWriteExecute",
            "MountAPIVFS",
            "MountFlags",
            "MountImages",
            "NetworkNamespacePath",
            "NoExecPaths",
            "Personality",
            "PrivateDevices",
            "PrivateIPC",
            "PrivateMounts",
            "PrivateNetwork",
            "PrivatePIDs",
            "PrivateTmp",
            "PrivateUsers",
            "ProcSubset",
            "ProtectClock",
            "ProtectControlGroups",
            "ProtectHome",
            "ProtectHostname",
            "ProtectKernelLogs",
            "ProtectKernelModules",
            "ProtectKernelTunables",
            "ProtectProc",
            "ProtectSystem",
            "ReadOnlyDirectories",
            "ReadOnlyPaths",
            "ReadWriteDirectories",
            "ReadWritePaths",
            "RemoveIPC",
            "RestrictAddressFamilies",
            "RestrictFileSystems",
            "RestrictNamespaces",
            "RestrictRealtime",
            "RestrictSUIDSGID",
            "RootDirectory",
            "RootImage",
            "SecureBits",
            "SystemCallArchitectures",
            "SystemCallErrorNumber",
            "SystemCallFilter",
            "SystemCallLog",
            "TemporaryFileSystem",
            "AppArmorProfile",
            "SELinuxContext",
            "SmackProcessLabel",
        ],
    ),
    (
        SCHEDULING,
        &[
            "AllowedCPUs",
            "BlockIOWeight",
            "CPUAffinity",
            "CPUSchedulingPolicy",
            "CPUSchedulingPriority",
            "CPUSchedulingResetOnFork",
            "CPUShares",
            "IOReadBandwidthMax",
            "IOSchedulingClass",
            "IOSchedulingPriority",
            "IOWeight",
            "IOWriteBandwidthMax",
            "NUMAMask",
            "NUMAPolicy",
            "MemoryLow",
            "MemoryMin",
            "StartupCPUWeight",
            "StartupIOWeight",
            "TimerSlackNSec",
        ],
    ),
    (
        MANAGER,
        &[
            "AllowIsolate",
            "BusName",
            "CollectMode",
            "Delegate",
            "IgnoreOnIsolate",
            "JobTimeoutSec",
            "JobTimeoutAction",
            "JoinsNamespaceOf",
            "OnFailureJobMode",
            "RebootArgument",
            "RefuseManualStart",
            "RefuseManualStop",
            "RootDirectoryStartOnly",
            "Slice",
            "SourcePath",
            "StartLimitAction",
            "USBFunctionDescriptors",
            "UtmpIdentifier",
            "UtmpMode",
            "PAMName",
            "ManagedOOMSwap",
            "ManagedOOMMemoryPressure",
        ],
    ),
    (
        "nothing follows a failure but the end of the container, or a restart: `[restart]`, `essential`",
        &["OnFailure", "OnSuccess"],
    ),
    (
        "stopping, restarting and reloading one service does it for no other: name both, as in `foster restart A B`",
        &["PartOf", "PropagatesReloadTo", "ReloadPropagatedFrom", "PropagatesStopTo", "StopPropagatedFrom"],
    ),
    (
        "there is no such part of the end of a service: signal, timeout, SIGKILL, with `[stop]`",
        &[
            "FinalKillSignal",
            "RestartKillSignal",
            "SendSIGHUP",
            "SendSIGKILL",
            "TimeoutAbortSec",
            "TimeoutStartFailureMode",
            "TimeoutStopFailureMode",
            "WatchdogSignal",
            "SurviveFinalKillSignal",
        ],
    ),
    (
        "a service runs as long as it does: let it end itself, or schedule `foster restart`",
        &["RuntimeMaxSec"],
    ),
    ("what runs after the end of a service is another service, or a script around it", &["ExecStopPost"]),
    (
        "it starts for as long as it runs: stop what needs it and it by name",
        &["StopWhenUnneeded", "RestartMode"],
    ),
    (
        "terminals are the container's: `tty` and `docker run -t`",
        &["TTYPath", "TTYReset", "TTYVHangup", "TTYVTDisallocate", "TTYRows", "TTYColumns"],
    ),
    (
        "give it a file as a secret: `[secrets]`, or a mount",
        &[
            "LoadCredential",
            "LoadCredentialEncrypted",
            "SetCredential",
            "SetCredentialEncrypted",
            "ImportCredential",
        ],
    ),
    (
        "lines keep the level of their stream, and come with the name of the service",
        &[
            "LogExtraFields",
            "LogFilterPatterns",
            "LogLevelMax",
            "LogNamespace",
            "LogRateLimitBurst",
            "LogRateLimitIntervalSec",
            "SyslogFacility",
            "SyslogLevel",
            "SyslogLevelPrefix",
        ],
    ),
    ("take it out of the container's environment, or use `clear-environment`", &["UnsetEnvironment"]),
    ("it is restarted by `policy`, `success-codes` and `never-on` alone", &["RestartForceExitStatus"]),
    (
        "its input is nothing, the container's, or a file: `stdin`",
        &["StandardInputText", "StandardInputData"],
    ),
];

/// Keys that mean nothing different from what foster does anyway.
const ANYWAY: &[&str] = &[
    "BlockIOAccounting",
    "CPUAccounting",
    "DefaultDependencies",
    "GuessMainPID",
    "IOAccounting",
    "IPAccounting",
    "IgnoreSIGPIPE",
    "MemoryAccounting",
    "TasksAccounting",
    "ConfigurationDirectoryMode",
    "RuntimeDirectoryMode",
    "StateDirectoryMode",
    "CacheDirectoryMode",
    "LogsDirectoryMode",
    "CoredumpReceive",
];

/// What is carried, for "did you mean".
const CARRIED: &[&str] = &[
    "After",
    "AmbientCapabilities",
    "Before",
    "BindsTo",
    "CPUQuota",
    "CPUWeight",
    "CapabilityBoundingSet",
    "Description",
    "Documentation",
    "Environment",
    "EnvironmentFile",
    "ExecCondition",
    "ExecReload",
    "ExecStart",
    "ExecStartPost",
    "ExecStartPre",
    "ExecStop",
    "FileDescriptorStoreMax",
    "Group",
    "KillMode",
    "KillSignal",
    "LimitNOFILE",
    "LimitNPROC",
    "LimitCORE",
    "MemoryHigh",
    "MemoryMax",
    "MemorySwapMax",
    "Nice",
    "NoNewPrivileges",
    "NotifyAccess",
    "OOMPolicy",
    "OOMScoreAdjust",
    "PIDFile",
    "PassEnvironment",
    "RemainAfterExit",
    "RequiredBy",
    "Requires",
    "Restart",
    "RestartPreventExitStatus",
    "RestartSec",
    "RuntimeDirectory",
    "StandardError",
    "StandardInput",
    "StandardOutput",
    "StartLimitBurst",
    "StartLimitIntervalSec",
    "StateDirectory",
    "SuccessExitStatus",
    "SupplementaryGroups",
    "SyslogIdentifier",
    "TasksMax",
    "TimeoutSec",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "Type",
    "UMask",
    "User",
    "WantedBy",
    "Wants",
    "WatchdogSec",
    "WorkingDirectory",
    "ListenStream",
    "ListenDatagram",
    "OnCalendar",
    "OnBootSec",
    "OnUnitActiveSec",
    "Persistent",
];

/// A key that nothing comes of.
pub fn other(making: &mut Making<'_, '_>, setting: &Setting) {
    let key = setting.key.as_str();
    if ANYWAY.contains(&key) || key.starts_with("X-") || setting.section.starts_with("X-") {
        return making.exact(setting, "");
    }
    if let Some((why, _)) = REASONS.iter().find(|(_, keys)| keys.contains(&key)) {
        return making.not_carried(setting, *why);
    }
    let keys = CARRIED.iter().chain(ANYWAY).chain(REASONS.iter().flat_map(|(_, keys)| keys.iter())).copied();
    let why = match did_you_mean(key, keys) {
        Some(advice) => format!("unknown key, {advice}"),
        None if CARRIED.contains(&key) => "it does not belong into this section".to_owned(),
        None => "there is nothing like it here".to_owned(),
    };
    making.not_carried(setting, why);
}

/// Whether it is not restarted, so that nothing can be said of when.
pub fn never_restarts(making: &Making<'_, '_>) -> bool {
    matches!(making.unit.value("Restart"), None | Some("no" | "on-success"))
}

/// How often it may start.
pub fn start_limit(making: &mut Making<'_, '_>, setting: &Setting) {
    if never_restarts(making) {
        return making.exact(setting, "it is not restarted");
    }
    let why = "foster counts ends that follow each other, until it was ready for `reset-after`; systemd counts starts in \
               an interval";
    if setting.key == "StartLimitBurst" {
        return match setting.value.parse::<i64>() {
            Ok(0) => {
                making.draft.set("restart.limit", "unlimited", setting.span);
                making.exact(setting, "restart.limit");
            }
            Ok(count) if count > 0 => {
                let is_unlimited = making.draft.get("restart.limit").is_some();
                if !is_unlimited {
                    making.draft.set("restart.limit", count, setting.span);
                }
                making.nearly(setting, "restart.limit", why);
            }
            _ => making.not_carried(setting, format!("`{}` is no count", setting.value)),
        };
    }
    match values::span(&setting.value) {
        Ok(Some(span)) if span.is_zero() => {
            making.draft.set("restart.limit", "unlimited", setting.span);
            making.exact(setting, "restart.limit");
        }
        Ok(Some(span)) => {
            making.draft.set("restart.reset-after", format_duration(span), setting.span);
            making.nearly(setting, "restart.reset-after", why);
        }
        Ok(None) => making
            .not_carried(setting, "an interval without an end: the count begins anew after `reset-after`"),
        Err(why) => making.not_carried(setting, why),
    }
}
