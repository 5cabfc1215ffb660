//! Where the limit of this process's memory comes from.

use std::fmt;

use serde::Serialize;

/// Where the memory limit comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemorySource {
    /// The machine's own memory: no smaller limit is set.
    #[default]
    Machine,
    /// `memory.max` of a control group, version 2.
    CgroupV2,
    /// `memory.limit_in_bytes` of a control group, version 1.
    CgroupV1,
}

impl fmt::Display for MemorySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Machine => "machine",
            Self::CgroupV2 => "cgroup v2",
            Self::CgroupV1 => "cgroup v1",
        })
    }
}
