//! The most memory that was ever resident, as the kernel counts it.
//!
//! Samples miss what comes and goes between two of them; the kernel does not. Linux tells it in
//! `/proc/self/status` (`VmHWM`) and lets the process begin anew, so that the parts of a run can be told
//! apart. `getrusage` has a figure too, which on Linux includes what the parent process held before this
//! one was started; it is taken on other Unix systems, for want of a better one.

use std::path::Path;

use crate::small_file;

/// The most that was resident since the process began, or since [`restart_peak_memory`] succeeded. Bytes;
/// none where the system does not tell.
#[must_use]
pub fn peak_memory_bytes() -> Option<u64> {
    small_file::read(Path::new("/proc/self/status"))
        .and_then(|status| high_water_mark(&status))
        .or_else(resource_usage)
}

/// Begins the count of [`peak_memory_bytes`] anew, with what is resident now. False where the system cannot
/// (it takes Linux 4.0): the figure then is that of the whole life of the process.
#[must_use]
pub fn restart_peak_memory() -> bool {
    cfg!(target_os = "linux") && std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// Of a line `VmHWM:   10240 kB`.
fn high_water_mark(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn resource_usage() -> Option<u64> {
    use nix::sys::resource::{UsageWho, getrusage};
    // Apple counts in bytes, everybody else in kibibytes.
    let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
    u64::try_from(getrusage(UsageWho::RUSAGE_SELF).ok()?.max_rss()).ok()?.checked_mul(unit)
}

#[cfg(not(all(unix, not(target_os = "linux"))))]
fn resource_usage() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;
    use crate::test_root::PEAK_MEMORY;

    #[test]
    fn the_line_is_read_with_care() {
        assert_eq!(high_water_mark("VmPeak:\t 9 kB\nVmHWM:\t   10240 kB\n"), Some(10_485_760));
        for nonsense in ["", "VmHWM:", "VmHWM:\t12 MB", "VmHWM:\t-1 kB", "VmHWM:\t18446744073709551615 kB"] {
            assert_eq!(high_water_mark(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn the_peak_outlives_the_memory_until_it_begins_anew() {
        const BLOCK: u64 = 256 << 20;
        let _alone = PEAK_MEMORY.lock().unwrap();
        let block = black_box(vec![1_u8; usize::try_from(BLOCK).unwrap()]);
        drop(block);
        let Some(with) = peak_memory_bytes() else {
            assert_ne!(std::env::consts::FAMILY, "unix", "every Unix tells it");
            return;
        };
        assert!(with >= BLOCK, "{with}");
        if restart_peak_memory() {
            let anew = peak_memory_bytes().unwrap();
            assert!(anew < with, "{anew} after {with}");
        }
    }
}
