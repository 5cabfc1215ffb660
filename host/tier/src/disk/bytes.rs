//! Whole numbers in bytes from outside, which may be fewer than expected.

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// An offset within a region, which is at most 16 MiB.
pub(super) fn small(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// An offset within a region as a length in memory.
pub(super) fn length(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// A time since the UNIX epoch in nanoseconds; without end, or after the year 2554, it is the largest number.
pub(super) fn nanoseconds(until: Option<std::time::Duration>) -> u64 {
    until.map_or(u64::MAX, |until| u64::try_from(until.as_nanos()).unwrap_or(u64::MAX))
}
