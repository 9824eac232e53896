//! `[resources]`: what a service may use of memory, processors and processes, by its cgroup.

use serde::{Deserialize, Serialize};

/// `[resources]`: the limits of the cgroup of a service; see "Controllers" in the kernel's cgroup-v2 document. `None` is no
/// limit, or the usual share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// `memory`: bytes; beyond that, the OOM killer (memory.max).
    pub memory: Option<u64>,
    /// `memory-high`: bytes; beyond that, it is slowed down and its memory reclaimed (memory.high).
    pub memory_high: Option<u64>,
    /// `swap`: bytes, beside the memory (memory.swap.max).
    pub swap: Option<u64>,
    /// `oom-group`: the OOM killer takes all of it (memory.oom.group).
    pub oom_group: bool,
    /// `cpu`: microseconds of CPU time in each [`Resources::CPU_PERIOD`] (cpu.max).
    pub cpu: Option<u64>,
    /// `cpu-weight`: 1 to 10000, of 100 for everybody else (cpu.weight).
    pub cpu_weight: Option<u32>,
    /// `pids`: processes and threads (pids.max).
    pub pids: Option<u32>,
    /// `[resources]` is there, be it without any limit: what it uses is counted.
    pub counted: bool,
}

impl Resources {
    /// Microseconds in which [`Resources::cpu`] may be used: the kernel's own default.
    pub const CPU_PERIOD: u64 = 100_000;
}
