//! `[resources]`: the limits of the cgroup of a service.

use super::reader::{Located, Reader};
use crate::model::Resources;

/// Nothing starts with less; who writes less has forgotten the unit.
const LEAST_MEMORY: u64 = 256 << 10;

/// Reads `[resources]`.
pub fn resources(outer: &Reader<'_, '_>) -> Resources {
    let Some(reader) = outer.inner("resources") else { return Resources::default() };
    let memory = memory(&reader, "memory");
    let high = memory_above(&reader, "memory-high", memory.as_ref());
    Resources {
        memory: memory.map(|memory| memory.value),
        memory_high: high,
        swap: reader.size("swap").and_then(|size| size.value),
        oom_group: reader.boolean("oom-group").is_some_and(|flag| flag.value),
        cpu: reader.number("cpu").map(|cpu| quota(cpu.value)),
        cpu_weight: reader.integer("cpu-weight").and_then(|weight| u32::try_from(weight.value).ok()),
        pids: reader.integer("pids").and_then(|pids| u32::try_from(pids.value).ok()),
        counted: true,
    }
}

fn memory(reader: &Reader<'_, '_>, key: &'static str) -> Option<Located<u64>> {
    let Located { value: size, span } = reader.size(key)?;
    let value = size?;
    if value < LEAST_MEMORY {
        let message = format!(
            "`{}` is {value} bytes, and no program starts with less than 256KiB",
            reader.group.path(key)
        );
        let help = format!("a number without a unit is bytes; write {key} = \"256MiB\", say");
        reader.invalid(span, message, Some(help));
        return None;
    }
    Some(Located { value, span })
}

/// `memory-high`, which means nothing above `memory`.
fn memory_above(reader: &Reader<'_, '_>, key: &'static str, most: Option<&Located<u64>>) -> Option<u64> {
    let high = memory(reader, key)?;
    if let Some(most) = most.filter(|most| most.value < high.value) {
        let message = "`resources.memory-high` is above `resources.memory`";
        reader.conflict(key, message, "nothing is slowed down there: it is killed before", Some(most.span));
    }
    Some(high.value)
}

/// Microseconds of each period for so many processors.
fn quota(processors: f64) -> u64 {
    // A float that is too large becomes the largest integer.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let quota = (processors * Resources::CPU_PERIOD as f64).round() as u64;
    // More than the kernel takes is more than there is.
    quota.min(u64::from(u32::MAX))
}
