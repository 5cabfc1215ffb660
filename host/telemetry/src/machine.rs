//! The machine as this process may use it.
//!
//! Read once, at start, because a profile is chosen from it and capacities are clamped to it. Limits are
//! of two kinds, the machine's and those of the control group, and the smaller one holds: in a container
//! the machine's own figures are the ones that get a process killed.

use std::path::{Path, PathBuf};
use std::{fmt, thread};

use serde::Serialize;
use sysinfo::{CpuRefreshKind, DiskRefreshKind, Disks, MemoryRefreshKind, RefreshKind, System};

use crate::cgroup::Limits;
use crate::memory_source::MemorySource;

/// Cores, memory and disk, with the limits of the control group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    /// Logical cores of the machine. At least 1.
    pub cores: u32,
    /// CPU that this process may use, in cores: at most `cores`; less under a quota or an affinity mask.
    /// Above 0.
    pub cpu_limit: f64,
    /// The highest frequency among the cores at the time of reading. Megahertz; 0 where it is not known.
    pub cpu_frequency_mhz: u64,
    /// Memory of the machine. Bytes; 0 where it is not known.
    pub memory_bytes: u64,
    /// Memory that this process may use: the machine's, or the control group's limit where that is smaller.
    /// Bytes; 0 where it is not known.
    pub memory_limit_bytes: u64,
    /// Where `memory_limit_bytes` comes from.
    pub memory_source: MemorySource,
    /// Kind of the disk that holds the path asked about.
    pub disk: DiskKind,
}

/// Kind of a disk, as the operating system tells it. Virtual disks are often reported as rotating.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskKind {
    /// Flash: many reads at once cost little more than one.
    Ssd,
    /// Rotating: the order of reads matters.
    Hdd,
    /// Not told, or no disk at all (a network or memory file system).
    #[default]
    Unknown,
}

impl fmt::Display for DiskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ssd => "SSD",
            Self::Hdd => "HDD",
            Self::Unknown => "unknown",
        })
    }
}

impl Machine {
    /// Reads the machine, and the kind of the disk that holds `path` (or the nearest folder above it that
    /// exists). Takes a few milliseconds. Never fails: what is not told has the value its field names.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let refresh = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_frequency())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(refresh).ok();
        let cpus = system.as_ref().map_or(&[][..], System::cpus);
        let limits = Limits::read(Path::new("/"));
        let (cores, cpu_limit) = cpu_limit_now(cpus.len(), &limits);
        let memory_bytes = system.as_ref().map_or(0, System::total_memory);
        let (memory_limit_bytes, memory_source) = memory_limit(memory_bytes, &limits);
        Self {
            cores,
            cpu_limit,
            cpu_frequency_mhz: cpus.iter().map(sysinfo::Cpu::frequency).max().unwrap_or(0),
            memory_bytes,
            memory_limit_bytes,
            memory_source,
            disk: disk_kind(path),
        }
    }
}

/// Cores of the machine, of which `cpus` were counted, and how many of them this process may use now.
pub(crate) fn cpu_limit_now(cpus: usize, limits: &Limits) -> (u32, f64) {
    // Respects the affinity mask and the quota, the latter rounded down.
    let available = thread::available_parallelism().map_or(1, usize::from);
    let whole = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let cores = whole(cpus.max(available));
    (cores, cpu_limit(cores, whole(available), limits.cpu))
}

/// `available` knows the affinity mask but rounds the quota down to whole cores, so the exact quota is
/// used unless the mask is what binds.
fn cpu_limit(cores: u32, available: u32, quota: Option<f64>) -> f64 {
    let available = f64::from(available.clamp(1, cores.max(1)));
    match quota {
        Some(quota) if available >= quota.floor().max(1.0) => quota.min(f64::from(cores.max(1))),
        _ => available,
    }
}

pub(crate) fn memory_limit(memory_bytes: u64, limits: &Limits) -> (u64, MemorySource) {
    match limits.memory {
        Some(limit) if memory_bytes == 0 || limit.bytes < memory_bytes => (limit.bytes, limit.source),
        _ => (memory_bytes, MemorySource::Machine),
    }
}

fn disk_kind(path: &Path) -> DiskKind {
    let Ok(disks) = Disks::new_with_refreshed_list_specifics(DiskRefreshKind::nothing().with_kind()) else {
        return DiskKind::Unknown;
    };
    // On Linux a bind mount repeats its disk; the last of equal mount points is the one on top.
    let mounts = disks.iter().map(|disk| (disk.mount_point(), disk.kind()));
    match longest_prefix(mounts, &existing(path)) {
        Some(sysinfo::DiskKind::SSD) => DiskKind::Ssd,
        Some(sysinfo::DiskKind::HDD) => DiskKind::Hdd,
        Some(sysinfo::DiskKind::Unknown(_)) | None => DiskKind::Unknown,
    }
}

fn longest_prefix<'a, T>(mounts: impl Iterator<Item = (&'a Path, T)>, path: &Path) -> Option<T> {
    mounts
        .filter(|(mount, _)| path.starts_with(mount))
        .max_by_key(|(mount, _)| mount.components().count())
        .map(|(_, kind)| kind)
}

/// The path without links, or that of the nearest folder above it that exists.
fn existing(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    absolute.ancestors().find_map(|part| part.canonicalize().ok()).unwrap_or(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::MemoryLimit;

    #[test]
    fn this_machine_has_cores_memory_and_sane_limits() {
        let machine = Machine::read(Path::new("."));
        assert!(machine.cores >= 1);
        assert!(machine.cpu_limit > 0.0 && machine.cpu_limit <= f64::from(machine.cores));
        assert!(machine.memory_limit_bytes > 0);
        assert!(machine.memory_limit_bytes <= machine.memory_bytes);
        assert_eq!(
            machine.memory_source == MemorySource::Machine,
            machine.memory_limit_bytes == machine.memory_bytes
        );
    }

    #[test]
    fn quota_is_exact_unless_the_affinity_mask_binds() {
        assert_eq!(cpu_limit(8, 8, None), 8.0);
        assert_eq!(cpu_limit(8, 1, Some(1.5)), 1.5);
        assert_eq!(cpu_limit(8, 1, Some(0.25)), 0.25);
        assert_eq!(cpu_limit(8, 2, Some(6.0)), 2.0, "bound to two cores");
        assert_eq!(cpu_limit(4, 4, Some(16.0)), 4.0, "a quota above the machine");
        assert_eq!(cpu_limit(0, 0, None), 1.0);
    }

    #[test]
    fn the_smaller_memory_limit_holds_and_is_named() {
        let group = |bytes| Limits {
            memory: Some(MemoryLimit { bytes, used_bytes: None, source: MemorySource::CgroupV2 }),
            ..Limits::default()
        };
        assert_eq!(memory_limit(1000, &group(400)), (400, MemorySource::CgroupV2));
        assert_eq!(memory_limit(1000, &group(4000)), (1000, MemorySource::Machine));
        assert_eq!(memory_limit(1000, &Limits::default()), (1000, MemorySource::Machine));
        assert_eq!(memory_limit(0, &group(400)), (400, MemorySource::CgroupV2), "memory not told");
        assert_eq!(MemorySource::CgroupV2.to_string(), "cgroup v2");
    }

    #[test]
    fn the_disk_is_the_one_mounted_nearest_above() {
        let mounts = [("/", 1), ("/home", 2), ("/home/user/data", 3), ("/ho", 4)];
        let of =
            |path: &str| longest_prefix(mounts.iter().map(|(m, k)| (Path::new(*m), *k)), Path::new(path));
        assert_eq!(of("/home/user/code"), Some(2));
        assert_eq!(of("/home/user/data/x"), Some(3));
        assert_eq!(of("/var"), Some(1));
        assert_eq!(longest_prefix([(Path::new("/a"), 1)].into_iter(), Path::new("/b")), None);
    }

    #[test]
    fn a_path_that_is_not_there_is_looked_up_through_its_parent() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("not/there");
        assert_eq!(existing(&missing), dir.path().canonicalize().unwrap());
    }
}
