//! What a region says of itself: its head, in two copies, and its footer.
//!
//! ```text
//! 0              head: free or used, and which generation
//! 64             records
//! size-128-16n   the footer's n entries: hash, offset and whether it is a tombstone, sequence less the generation
//! size-128       trailer: how many entries, their checksum, where the records end, when the last of them is over
//! size-64        the head again
//! ```
//!
//! Where one copy of the head is damaged the other one counts. Both check out and differ only where a write of the two was cut short;
//! the first is the newer then. A region of zeros was never used. The trailer is wiped before a region is used again, so that one that
//! checks out with the head's generation is of what lies there now.

use super::bytes::{length, small, u32_at, u64_at};

/// Bytes of a head, of which there are two.
pub(super) const HEAD: usize = 64;

/// Bytes at the end of a region: the trailer and the second head.
pub(super) const TAIL: usize = 128;

/// Bytes of an entry of the footer.
pub(super) const ENTRY: usize = 16;

const HEAD_MAGIC: u64 = u64::from_le_bytes(*b"hosttier");
const TRAILER_MAGIC: u64 = u64::from_le_bytes(*b"hostfoot");
const VERSION: u32 = 1;
const TOMBSTONE_FLAG: u32 = 1;

/// What the head of a region says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    Free,
    /// All its records have larger sequences than this.
    Used {
        generation: u64,
    },
}

impl Head {
    pub(super) fn write(self, region: u32) -> Vec<u8> {
        let (state, generation) = match self {
            Self::Free => (0_u32, 0),
            Self::Used { generation } => (1, generation),
        };
        let mut to = Vec::with_capacity(HEAD);
        to.extend(HEAD_MAGIC.to_le_bytes());
        to.extend(VERSION.to_le_bytes());
        to.extend(state.to_le_bytes());
        to.extend(region.to_le_bytes());
        to.extend(generation.to_le_bytes());
        to.extend(crc32fast::hash(&to).to_le_bytes());
        to.resize(HEAD, 0);
        to
    }

    fn read(bytes: &[u8], region: u32) -> Option<Self> {
        let bytes = bytes.get(..HEAD)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Some(Self::Free);
        }
        let expected = u64_at(bytes, 0)? == HEAD_MAGIC
            && u32_at(bytes, 8)? == VERSION
            && u32_at(bytes, 16)? == region
            && u32_at(bytes, 28)? == crc32fast::hash(bytes.get(..28)?);
        match u32_at(bytes, 12)? {
            _ if !expected => None,
            0 => Some(Self::Free),
            1 => Some(Self::Used { generation: u64_at(bytes, 20)? }),
            _ => None,
        }
    }

    /// What the two copies say together; none where both are damaged.
    pub(super) fn of(first: &[u8], tail: &[u8], region: u32) -> Option<Self> {
        Self::read(first, region).or_else(|| Self::read(tail.get(TAIL - HEAD..)?, region))
    }
}

/// What a footer says of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) hash: u64,
    /// Bytes from the begin of the region.
    pub(super) offset: u32,
    pub(super) tombstone: bool,
    pub(super) sequence: u64,
}

/// What a region holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) generation: u64,
    /// In the order of their offsets and of their sequences.
    pub(super) entries: Vec<Entry>,
    /// Where the last record ends.
    pub(super) end: u32,
    /// When the last of them is over, in nanoseconds since the UNIX epoch; the largest number: never.
    pub(super) until: u64,
}

impl Footer {
    /// Bytes before the second head.
    pub(super) fn length(entries: usize) -> usize {
        entries.saturating_mul(ENTRY).saturating_add(TAIL - HEAD)
    }

    /// Entries and trailer, to be written before the second head.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(Self::length(self.entries.len()));
        for entry in &self.entries {
            to.extend(entry.hash.to_le_bytes());
            let flag = if entry.tombstone { TOMBSTONE_FLAG } else { 0 };
            to.extend((entry.offset | flag).to_le_bytes());
            let delta = u32::try_from(entry.sequence.saturating_sub(self.generation)).unwrap_or(u32::MAX);
            to.extend(delta.to_le_bytes());
        }
        let entries_checksum = crc32fast::hash(&to);
        let start = to.len();
        to.extend(TRAILER_MAGIC.to_le_bytes());
        to.extend(self.generation.to_le_bytes());
        to.extend(self.until.to_le_bytes());
        to.extend(small(self.entries.len()).to_le_bytes());
        to.extend(self.end.to_le_bytes());
        to.extend(entries_checksum.to_le_bytes());
        let checksum = crc32fast::hash(to.get(start..).unwrap_or_default());
        to.extend(checksum.to_le_bytes());
        to.resize(Self::length(self.entries.len()), 0);
        to
    }

    /// How many entries there are, by the trailer in the tail of a region of this generation and size.
    pub(super) fn count(tail: &[u8], generation: u64, size: u32) -> Option<usize> {
        let valid = u64_at(tail, 0)? == TRAILER_MAGIC
            && u64_at(tail, 8)? == generation
            && u32_at(tail, 36)? == crc32fast::hash(tail.get(..36)?);
        let count = length(u32_at(tail, 24)?);
        let room = length(size).checked_sub(HEAD + TAIL)? / ENTRY;
        (valid && count <= room).then_some(count)
    }

    /// The footer whose entries are `entries`, and whose trailer is in `tail`.
    pub(super) fn read(entries: &[u8], tail: &[u8], generation: u64) -> Option<Self> {
        if u32_at(tail, 32)? != crc32fast::hash(entries) {
            return None;
        }
        let entries = entries.chunks_exact(ENTRY).map(|entry| {
            let at = u32_at(entry, 8)?;
            Some(Entry {
                hash: u64_at(entry, 0)?,
                offset: at & !TOMBSTONE_FLAG,
                tombstone: at & TOMBSTONE_FLAG != 0,
                sequence: generation.checked_add(u64::from(u32_at(entry, 12)?))?,
            })
        });
        Some(Self {
            generation,
            entries: entries.collect::<Option<_>>()?,
            end: u32_at(tail, 28)?,
            until: u64_at(tail, 16)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footer() -> Footer {
        let entry = |n: u32| Entry {
            hash: u64::from(n) << 40,
            offset: 64 + n * 4,
            tombstone: n.is_multiple_of(3),
            sequence: 101 + u64::from(n),
        };
        Footer { generation: 100, entries: (0..7).map(entry).collect(), end: 500, until: 77 }
    }

    fn read(bytes: &[u8], generation: u64) -> Option<Footer> {
        let (entries, tail) = bytes.split_at(bytes.len() - (TAIL - HEAD));
        let count = Footer::count(tail, generation, 1 << 20)?;
        Footer::read(&entries[entries.len().checked_sub(count * ENTRY)?..], tail, generation)
    }

    #[test]
    fn a_footer_is_read_as_it_was_written_by_its_generation_alone() {
        let bytes = footer().write();
        assert_eq!(read(&bytes, 100), Some(footer()));
        assert_eq!(read(&bytes, 101), None);
    }

    #[test]
    fn every_changed_bit_of_a_footer_that_means_something_is_found() {
        let bytes = footer().write();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let found = read(&damaged, 100);
            assert!(found.is_none() || found == Some(footer()), "bit {bit}");
        }
    }

    #[test]
    fn one_good_copy_of_a_head_is_enough_and_the_first_one_counts() {
        let (used, free) = (Head::Used { generation: 9 }.write(3), Head::Free.write(3));
        let tail = |head: &[u8]| [&[0; TAIL - HEAD], head].concat();
        for bit in 0..32 * 8 {
            let mut damaged = used.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Head::of(&damaged, &tail(&used), 3), Some(Head::Used { generation: 9 }));
            assert_eq!(Head::of(&used, &tail(&damaged), 3), Some(Head::Used { generation: 9 }));
            assert_eq!(Head::of(&damaged, &tail(&damaged), 3), None);
        }
        assert_eq!(Head::of(&free, &tail(&used), 3), Some(Head::Free));
        assert_eq!(Head::of(&[0; HEAD], &[0; TAIL], 3), Some(Head::Free));
        assert_eq!(Head::of(&used, &tail(&used), 4), None);
    }
}
