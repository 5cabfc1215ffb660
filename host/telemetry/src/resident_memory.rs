//! What the process holds in memory at present, of its own.

use std::path::Path;

use crate::small_file;

/// What is resident and belongs to the process alone: heaps and stacks, not the files that it has mapped, of which the kernel
/// takes pages back as it likes. Bytes; none where the system does not tell (Linux does from 4.5 on).
#[must_use]
pub fn resident_memory_bytes() -> Option<u64> {
    anonymous(&small_file::read(Path::new("/proc/self/status"))?)
}

/// Of a line `RssAnon:   10240 kB`.
fn anonymous(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;
    use crate::test_root::PEAK_MEMORY;

    #[test]
    fn the_line_is_read_with_care() {
        assert_eq!(anonymous("VmRSS:\t 9 kB\nRssAnon:\t   10240 kB\n"), Some(10_485_760));
        for nonsense in ["", "RssAnon:", "RssAnon:\t12 MB", "RssAnon:\t-1 kB"] {
            assert_eq!(anonymous(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn a_block_is_counted_once_it_is_written() {
        const BLOCK: u64 = 64 << 20;
        let _alone = PEAK_MEMORY.lock().unwrap();
        let Some(before) = resident_memory_bytes() else {
            assert_ne!(std::env::consts::OS, "linux", "Linux tells it");
            return;
        };
        let block = black_box(vec![1_u8; usize::try_from(BLOCK).unwrap()]);
        let with = resident_memory_bytes().unwrap();
        drop(block);
        assert!(with > before + BLOCK / 2, "{with} after {before}");
    }
}
