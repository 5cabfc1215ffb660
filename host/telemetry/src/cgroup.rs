//! Limits that a control group sets, version 1 and 2.
//!
//! sysinfo reads memory limits, but not the CPU quota, and only those of the real file system. So the
//! few one-line files are read here, below a root that a test can put elsewhere.
//!
//! A limit of any ancestor binds too, so the smallest on the way from the process's own group to the
//! mount point counts. In a container the path in `/proc/self/cgroup` is often one of the machine outside
//! and does not exist under the mount: the walk then only meets the mount point itself, which is the
//! container's group. A file that is missing or reads as nonsense sets no limit.

use std::path::{Path, PathBuf};

use crate::memory_source::MemorySource;
use crate::small_file;

/// From here on a version 1 limit means "none": the kernel writes the largest multiple of a page.
const UNLIMITED_V1: u64 = 1 << 60;

/// Where control groups are mounted, below the root.
const MOUNT: &str = "sys/fs/cgroup";

/// What the control groups of a process allow it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Limits {
    /// Cores that the quota amounts to.
    pub(crate) cpu: Option<f64>,
    /// The smallest memory limit.
    pub(crate) memory: Option<MemoryLimit>,
}

/// A memory limit, and the use that is counted against it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MemoryLimit {
    pub(crate) bytes: u64,
    /// Charged to the group, less the file cache that the kernel can drop at once. Bytes.
    pub(crate) used_bytes: Option<u64>,
    pub(crate) source: MemorySource,
}

impl Limits {
    /// Reads the limits of this process. `root` is `/`, except in tests.
    pub(crate) fn read(root: &Path) -> Self {
        let mut limits = Self::default();
        let mount = root.join(MOUNT);
        let membership = membership(root);
        for (controllers, path) in membership.lines().filter_map(hierarchy) {
            if controllers.is_empty() {
                for group in ancestry(&mount, path) {
                    limits.lower_cpu(quota_v2(&group));
                    limits.lower_memory(memory_v2(&group));
                }
            }
            for controller in controllers.split(',') {
                // Mounted by its own name, or with those it shares a hierarchy with: `cpu,cpuacct`.
                let base = [mount.join(controller), mount.join(controllers)].into_iter().find(|p| p.is_dir());
                let Some(base) = base else { continue };
                for group in ancestry(&base, path) {
                    match controller {
                        "cpu" => limits.lower_cpu(quota_v1(&group)),
                        "memory" => limits.lower_memory(memory_v1(&group)),
                        _ => {}
                    }
                }
            }
        }
        limits
    }

    fn lower_cpu(&mut self, cores: Option<f64>) {
        if let Some(cores) = cores {
            self.cpu = Some(self.cpu.map_or(cores, |present| present.min(cores)));
        }
    }

    fn lower_memory(&mut self, limit: Option<MemoryLimit>) {
        if let Some(limit) = limit
            && self.memory.is_none_or(|present| limit.bytes < present.bytes)
        {
            self.memory = Some(limit);
        }
    }
}

/// Periods of a CPU quota since the group began, and in how many of them the group was held back because it had used its quota.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Periods {
    pub(crate) all: u64,
    pub(crate) throttled: u64,
}

impl Periods {
    /// Of the nearest group with a quota on the way from the process's own to the mount point; none where there is none.
    pub(crate) fn read(root: &Path) -> Option<Self> {
        let mount = root.join(MOUNT);
        let membership = membership(root);
        membership.lines().filter_map(hierarchy).find_map(|(controllers, path)| {
            let has_cpu = controllers.is_empty() || controllers.split(',').any(|one| one == "cpu");
            let base = [mount.join(controllers), mount.join("cpu")].into_iter().find(|base| base.is_dir())?;
            ancestry(&base, path).iter().filter(|_| has_cpu).find_map(|group| Self::of(group))
        })
    }

    fn of(group: &Path) -> Option<Self> {
        let stat = small_file::read(&group.join("cpu.stat"))?;
        let all = figure(&stat, "nr_periods").filter(|all| *all > 0)?;
        Some(Self { all, throttled: figure(&stat, "nr_throttled")? })
    }

    /// Share of the periods between the two readings in which the group was held back; none without a period.
    #[expect(clippy::as_conversions, reason = "periods of a tenth of a second stay far below 2^53")]
    pub(crate) fn share_since(self, before: Self) -> Option<f64> {
        let all = self.all.checked_sub(before.all).filter(|all| *all > 0)?;
        Some((self.throttled.saturating_sub(before.throttled) as f64 / all as f64).min(1.0))
    }
}

/// The folder of the process's own group of version 2; none where it is in none that can be seen.
pub(crate) fn own_v2(root: &Path) -> Option<PathBuf> {
    let membership = membership(root);
    let (_, path) =
        membership.lines().filter_map(hierarchy).find(|(controllers, _)| controllers.is_empty())?;
    ancestry(&root.join(MOUNT), path).into_iter().next()
}

fn membership(root: &Path) -> String {
    small_file::read(&root.join("proc/self/cgroup")).unwrap_or_default()
}

/// Controllers and path of a line `hierarchy:controllers:path`; version 2 is hierarchy 0 without controllers.
fn hierarchy(line: &str) -> Option<(&str, &str)> {
    line.split_once(':')?.1.split_once(':')
}

/// The folders from `mount/path` up to `mount`, those that exist.
fn ancestry(mount: &Path, path: &str) -> Vec<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    // `..` shows where the cgroup namespace's root lies below the process's group: not below the mount.
    if relative.components().any(|part| part == std::path::Component::ParentDir) {
        return vec![mount.to_path_buf()];
    }
    relative.ancestors().map(|part| mount.join(part)).filter(|group| group.is_dir()).collect()
}

fn quota_v2(group: &Path) -> Option<f64> {
    let text = small_file::read(&group.join("cpu.max"))?;
    let (quota, period) = text.trim().split_once(' ')?;
    cores(quota.parse().ok()?, period.parse().ok()?)
}

fn quota_v1(group: &Path) -> Option<f64> {
    // -1 means none and does not parse as a count.
    cores(number(&group.join("cpu.cfs_quota_us"))?, number(&group.join("cpu.cfs_period_us"))?)
}

#[expect(clippy::as_conversions, reason = "microseconds of a scheduling period stay far below 2^53")]
fn cores(quota_us: u64, period_us: u64) -> Option<f64> {
    (quota_us > 0 && period_us > 0).then(|| quota_us as f64 / period_us as f64)
}

fn memory_v2(group: &Path) -> Option<MemoryLimit> {
    // "max" means none and does not parse as a count. 0 would mean that nothing may run.
    let bytes = number(&group.join("memory.max")).filter(|&bytes| bytes > 0)?;
    let used_bytes = in_use(group, "memory.current", "inactive_file");
    Some(MemoryLimit { bytes, used_bytes, source: MemorySource::CgroupV2 })
}

fn memory_v1(group: &Path) -> Option<MemoryLimit> {
    let bytes = number(&group.join("memory.limit_in_bytes")).filter(|b| (1..UNLIMITED_V1).contains(b))?;
    let used_bytes = in_use(group, "memory.usage_in_bytes", "total_inactive_file");
    Some(MemoryLimit { bytes, used_bytes, source: MemorySource::CgroupV1 })
}

/// What is charged, less the cold part of the file cache. Counting that would show a process that once
/// read a large file as one out of memory.
fn in_use(group: &Path, total: &str, reclaimable: &str) -> Option<u64> {
    let total = number(&group.join(total))?;
    let stat = small_file::read(&group.join("memory.stat")).unwrap_or_default();
    Some(total.saturating_sub(figure(&stat, reclaimable).unwrap_or(0)))
}

/// A figure of a file of lines `name value`.
fn figure(stat: &str, wanted: &str) -> Option<u64> {
    stat.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        if name == wanted { value.trim().parse().ok() } else { None }
    })
}

fn number(file: &Path) -> Option<u64> {
    small_file::read(file)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_root::root;

    #[test]
    fn version_2_takes_the_smallest_limit_of_group_and_ancestors() {
        let dir = root(&[
            ("proc/self/cgroup", "0::/app.slice/job\n"),
            ("sys/fs/cgroup/app.slice/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/app.slice/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/app.slice/memory.current", "5000\n"),
            ("sys/fs/cgroup/app.slice/memory.stat", "anon 1\ninactive_file 1000\n"),
            ("sys/fs/cgroup/app.slice/job/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/app.slice/job/memory.max", "max\n"),
        ]);
        let limits = Limits::read(dir.path());
        assert_eq!(limits.cpu, Some(1.5));
        let memory = limits.memory.unwrap();
        assert_eq!((memory.bytes, memory.used_bytes), (1 << 30, Some(4000)));
        assert_eq!(memory.source, MemorySource::CgroupV2);
    }

    #[test]
    fn in_a_container_the_mount_point_is_the_group() {
        for path in ["/", "/docker/0123", "/../../outside"] {
            let dir = root(&[
                ("proc/self/cgroup", &format!("0::{path}\n")),
                ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
                ("sys/fs/cgroup/memory.max", "268435456\n"),
            ]);
            let limits = Limits::read(dir.path());
            assert_eq!((limits.cpu, limits.memory.map(|m| m.bytes)), (Some(0.5), Some(256 << 20)), "{path}");
        }
    }

    #[test]
    fn version_1_reads_each_controller_in_its_own_hierarchy() {
        let dir = root(&[
            ("proc/self/cgroup", "4:memory:/box\n2:cpu,cpuacct:/box\n1:name=systemd:/\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "536870912\n"),
            ("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "700\n"),
            ("sys/fs/cgroup/memory/box/memory.stat", "inactive_file 1\ntotal_inactive_file 200\n"),
            ("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "200000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n"),
        ]);
        let limits = Limits::read(dir.path());
        assert_eq!(limits.cpu, Some(2.0));
        let memory = limits.memory.unwrap();
        assert_eq!((memory.bytes, memory.used_bytes), (512 << 20, Some(500)));
        assert_eq!(memory.source, MemorySource::CgroupV1);
    }

    #[test]
    fn throttling_is_that_of_the_nearest_group_with_a_quota() {
        let before = Periods { all: 100, throttled: 10 };
        for files in [
            [
                ("proc/self/cgroup", "0::/app.slice/job\n"),
                ("sys/fs/cgroup/app.slice/cpu.stat", "usage_usec 1\nnr_periods 140\nnr_throttled 20\n"),
                ("sys/fs/cgroup/app.slice/job/cpu.stat", "usage_usec 1\nnr_periods 0\nnr_throttled 0\n"),
            ],
            [
                ("proc/self/cgroup", "2:cpu,cpuacct:/box\n0::/\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.stat", "nr_periods 0\nnr_throttled 0\n"),
                ("sys/fs/cgroup/cpu,cpuacct/box/cpu.stat", "nr_periods 140\nnr_throttled 20\n"),
            ],
        ] {
            let periods = Periods::read(root(&files).path()).unwrap();
            assert_eq!(periods, Periods { all: 140, throttled: 20 });
            assert_eq!(periods.share_since(before), Some(0.25));
            assert_eq!(periods.share_since(periods), None);
            assert_eq!(before.share_since(periods), None, "another group than before");
        }
        assert_eq!(Periods::read(root(&[("proc/self/cgroup", "0::/\n")]).path()), None);
    }

    #[test]
    fn no_limit_and_nonsense_set_none() {
        let dir = root(&[
            ("proc/self/cgroup", "4:memory:/\n2:cpu:/\nnonsense\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(Limits::read(dir.path()), Limits::default());

        let dir = root(&[
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "many\n"),
            ("sys/fs/cgroup/cpu.max", "1 0\n"),
        ]);
        assert_eq!(Limits::read(dir.path()), Limits::default());

        assert_eq!(Limits::read(tempfile::tempdir().unwrap().path()), Limits::default());
    }
}
