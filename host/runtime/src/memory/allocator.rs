//! What the allocator is told.
//!
//! The process keeps glibc's allocator. Its sizes go in steps of 16 bytes, so that an entry of 536 bytes takes 544, where those
//! that sort sizes into few classes (jemalloc, mimalloc) take 640; measured under values of all sizes, neither gave memory back
//! sooner than glibc does when it is told to. It does not by itself: freed memory between two pieces that are in use stays
//! resident, and large values come from there too, once some were freed.
//!
//! Elsewhere, as with musl or on a Mac, nothing is done here.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "the allocator is told by functions of the C library")
)]

/// Values from this size on have pages of their own, which go back as they are freed: glibc's own limit at the start, which
/// it raises to 32 MB by itself.
const OWN_PAGES: u32 = 128 << 10;
const PAGE: u64 = 4_096;

/// Values with pages of their own at most; more of them come from where all others do. The kernel allows a process 65,530 mappings,
/// of which threads and components need some.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MOST_OWN: i32 = 32_768;

/// What an allocation of so many bytes takes: a word before it, and what it is rounded up by.
pub(crate) fn taken(bytes: u64) -> u64 {
    // Each multiple is of a constant, or it would take a division.
    let taken = if bytes < u64::from(OWN_PAGES) {
        bytes.saturating_add(8).checked_next_multiple_of(16)
    } else {
        bytes.saturating_add(16).checked_next_multiple_of(PAGE)
    };
    taken.unwrap_or(u64::MAX).max(32)
}

/// To be called before there is much.
pub(super) fn set_up() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: they change numbers that the allocator goes by, under its own lock.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_PAGES.cast_signed());
        libc::mallopt(libc::M_MMAP_MAX, MOST_OWN);
    }
}

/// Gives back the pages that nothing lies in. Takes up to some ten milliseconds; who needs memory meanwhile may wait.
pub(super) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes the allocator's own locks, and touches free memory alone.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::taken;

    #[test]
    fn what_is_taken_goes_in_steps_of_16_bytes_and_of_pages() {
        for (bytes, takes) in [
            (0, 32),
            (24, 32),
            (25, 48),
            (152, 160),
            (153, 176),
            (131_071, 131_088),
            (131_072, 135_168),
            (8_000_000, 8_003_584),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(taken(bytes), takes, "{bytes}");
        }
    }
}
