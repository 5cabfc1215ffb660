//! Detection: the base by files, overlays by hardware, a reason for each.

use std::fs;
use std::path::Path;

use host_profile::{FILES_LIMIT, count_files, detect};
use host_telemetry::{DiskKind, MemorySource};

use crate::{loader, machine};

const GB: u64 = 1_000_000_000;

#[test]
fn the_base_follows_the_files_and_the_overlays_the_hardware() {
    for (cores, memory, files, profile) in [
        (8.0, 16 * GB, 0, "small"),
        (8.0, 16 * GB, 999, "small"),
        (8.0, 16 * GB, 1_000, "medium"),
        (8.0, 16 * GB, 10_000, "medium"),
        (8.0, 16 * GB, 10_001, "large"),
        (16.0, 32 * GB, 10_001, "high-performance"),
        (15.5, 32 * GB, 10_001, "large"),
        (16.0, 31 * GB, 10_001, "large"),
        (16.0, 32 * GB, 10_000, "medium"),
        (4.0, 4 * GB, 5_000, "medium"),
        (3.5, 4 * GB, 5_000, "medium+cpu-constrained"),
        (4.0, 4 * GB - 1, 5_000, "medium+memory-constrained"),
        (1.0, GB, 20_000, "large+memory-constrained+cpu-constrained"),
        (8.0, 0, 5_000, "medium"),
    ] {
        let detection = detect(&machine(cores, memory), files);
        assert_eq!(detection.profile, profile);
        assert_eq!(detection.reasons.len(), 4);
        loader().profile(detection.profile).load(&machine(cores, memory)).unwrap();
    }
}

#[test]
fn every_reason_is_a_sentence() {
    let mut small = machine(1.5, 2 * GB);
    small.cores = 2;
    small.memory_bytes = 16 * GB;
    small.memory_source = MemorySource::CgroupV2;
    small.disk = DiskKind::Hdd;
    assert_eq!(
        detect(&small, 4_321).reasons,
        [
            "4321 files, between 1000 and 10000: medium.",
            "16 GB of memory, of which 2 GB may be used (cgroup v2), less than 4 GB: memory-constrained lowers \
             what is above its bounds.",
            "2 cores, of which 1.5 may be used, fewer than 4: cpu-constrained lowers what is above its bounds.",
            "The disk reports that it rotates (virtual ones often do): if it does, give --set \
             executor.max-io-workers=4 --set executor.io-workers=4, because such a disk reads one place at a time.",
        ]
    );
    let mut big = machine(16.0, 64 * GB);
    big.cores = 16;
    assert_eq!(
        detect(&big, FILES_LIMIT).reasons,
        [
            "More than 10000 files, and with 16 cores and 32 GB or more the hardware for it: high-performance.",
            "64 GB of memory: enough, no overlay for memory.",
            "16 cores: enough, no overlay for cores.",
            "The disk is an SSD: parallel reads cost little, the profile's IO workers stay.",
        ]
    );
}

#[test]
fn the_advice_for_a_rotating_disk_loads() {
    let advice = ["executor.max-io-workers=4", "executor.io-workers=4"];
    for (name, _) in host_profile::list() {
        loader().profile(name).set(advice).load(&machine(8.0, 64 * GB)).unwrap();
    }
}

#[test]
fn files_are_counted_as_gitignore_says() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(".gitignore", "built/\n*.log\n");
    write("a.rs", "");
    write("src/b.rs", "");
    write("src/c.log", "");
    write("built/d.o", "");
    write(".hidden/e", "");
    assert_eq!(count_files(dir.path(), FILES_LIMIT).unwrap(), 2);
    assert_eq!(count_files(dir.path(), 1).unwrap(), 1);
    assert_eq!(count_files(&dir.path().join("a.rs"), FILES_LIMIT).unwrap(), 1);
    let error = count_files(Path::new("no-such-folder"), 10).unwrap_err().to_string();
    assert!(error.starts_with("no-such-folder: cannot be walked: "), "{error}");
}
