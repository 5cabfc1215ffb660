//! A record as it lies in a region.
//!
//! ```text
//!  0  checksum   CRC-32 of the region's generation and of all that follows
//!  4  u32        bytes of the value
//!  8  u64        sequence
//! 16  u64        end of life in nanoseconds since the UNIX epoch; the largest number: without end
//! 24  u16        bytes of the key
//! 26  u8         kind of the value
//! 27  u8         1 an item, 2 a tombstone, 3 the end mark
//! 28  key, value, zeros up to a multiple of 4
//! ```
//!
//! All numbers are little-endian. A region is used again and again, and what it held before lies behind what it holds now: the
//! generation in the checksum tells them apart. CRC-32 finds every change of up to 32 bits in a row, in hardware; a longer hash would
//! find more only against someone who writes into the file, and such a one can write a hash, too.
//!
//! The key of a tombstone is the hash of the key that is gone. The end mark lies behind the last record that was written, and the next
//! write begins where it is: where a region was not sealed, it tells "here it ended" from "here something is damaged".

use std::time::Duration;

use bytes::Bytes;

use super::bytes::{length, nanoseconds, small, u16_at, u32_at, u64_at};
use crate::Item;

/// Bytes before the key.
pub(super) const HEADER: usize = 28;

/// Bytes of a tombstone.
pub(super) const TOMBSTONE: usize = HEADER + 8;

/// Records begin at multiples of this.
pub(super) const ALIGN: usize = 4;

/// The longest key.
pub(super) const LONGEST_KEY: usize = 65_535;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Item,
    Tombstone,
    End,
}

/// A record that checks out, in the bytes that it was found in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) what: What,
    pub(super) sequence: u64,
    pub(super) until: u64,
    kind: u8,
    pub(super) key: &'a [u8],
    value: &'a [u8],
    /// Bytes up to the next record.
    pub(super) length: usize,
}

/// Bytes that an item takes; none where it is too large for any region.
pub(super) fn item_length(item: &Item) -> Option<usize> {
    (item.key.len() <= LONGEST_KEY).then_some(())?;
    HEADER.checked_add(item.key.len())?.checked_add(item.value.len())?.checked_next_multiple_of(ALIGN)
}

/// Appends an item.
pub(super) fn write_item(to: &mut Vec<u8>, generation: u64, sequence: u64, item: &Item) {
    write(to, generation, What::Item, sequence, nanoseconds(item.until), item.kind, &item.key, &item.value);
}

/// Appends what says that a key is gone, by its hash.
pub(super) fn write_tombstone(to: &mut Vec<u8>, generation: u64, sequence: u64, hash: u64) {
    write(to, generation, What::Tombstone, sequence, u64::MAX, 0, &hash.to_le_bytes(), &[]);
}

/// Appends the end mark.
pub(super) fn write_end(to: &mut Vec<u8>, generation: u64, sequence: u64) {
    write(to, generation, What::End, sequence, u64::MAX, 0, &[], &[]);
}

#[expect(clippy::too_many_arguments, reason = "the fields of a record, in their order")]
fn write(
    to: &mut Vec<u8>,
    generation: u64,
    what: What,
    sequence: u64,
    until: u64,
    kind: u8,
    key: &[u8],
    value: &[u8],
) {
    let start = to.len();
    to.extend([0; 4]);
    to.extend(small(value.len()).to_le_bytes());
    to.extend(sequence.to_le_bytes());
    to.extend(until.to_le_bytes());
    to.extend(u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
    to.push(kind);
    to.push(match what {
        What::Item => 1,
        What::Tombstone => 2,
        What::End => 3,
    });
    to.extend(key);
    to.extend(value);
    to.resize(to.len().next_multiple_of(ALIGN), 0);
    let checksum = to.get(start + 4..).map_or(0, |rest| checksum(generation, rest));
    if let Some(place) = to.get_mut(start..start + 4) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
}

fn checksum(generation: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&generation.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

impl<'a> Record<'a> {
    /// The record at the begin of `bytes`, if there is a whole one that checks out.
    pub(super) fn read(bytes: &'a [u8], generation: u64) -> Option<Self> {
        let what = match *bytes.get(27)? {
            1 => What::Item,
            2 => What::Tombstone,
            3 => What::End,
            _ => return None,
        };
        let (key, value) = (usize::from(u16_at(bytes, 24)?), length(u32_at(bytes, 4)?));
        let value_at = HEADER.checked_add(key)?;
        let end = value_at.checked_add(value)?;
        let whole = end.checked_next_multiple_of(ALIGN)?;
        if u32_at(bytes, 0)? != checksum(generation, bytes.get(4..whole)?) {
            return None;
        }
        Some(Self {
            what,
            sequence: u64_at(bytes, 8)?,
            until: u64_at(bytes, 16)?,
            kind: *bytes.get(26)?,
            key: bytes.get(HEADER..value_at)?,
            value: bytes.get(value_at..end)?,
            length: whole,
        })
    }

    /// The sequence at the begin of `bytes`, checked or not: which places are worth a closer look.
    pub(super) fn sequence(bytes: &[u8]) -> Option<u64> {
        u64_at(bytes, 8)
    }

    /// The hash of the key that it is about. The end mark is about none.
    pub(super) fn hash(&self) -> Option<u64> {
        match self.what {
            What::Item => Some(crate::hash::hash(self.key)),
            What::Tombstone => u64_at(self.key, 0),
            What::End => None,
        }
    }

    /// The item, in memory of its own: the bytes that were read are more than it.
    pub(super) fn item(&self) -> Item {
        let until = (self.until != u64::MAX).then(|| Duration::from_nanos(self.until));
        let (key, value) = (Bytes::copy_from_slice(self.key), Bytes::copy_from_slice(self.value));
        Item { key, value, kind: self.kind, until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_by_its_generation_alone() {
        let item = Item { kind: 3, ..Item::new("a key", "a value") }.until(Duration::from_nanos(17));
        let mut bytes = Vec::new();
        write_item(&mut bytes, 5, 9, &item);
        assert_eq!(Some(bytes.len()), item_length(&item));
        let record = Record::read(&bytes, 5).unwrap();
        assert_eq!((record.item(), record.sequence, record.length), (item, 9, bytes.len()));
        assert!(Record::read(&bytes, 6).is_none());
    }

    #[test]
    fn every_changed_bit_and_every_missing_byte_is_found() {
        let mut bytes = Vec::new();
        write_item(&mut bytes, 5, 9, &Item::new("a key", "a value"));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::read(&damaged, 5).is_none(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Record::read(&bytes[..length], 5).is_none(), "{length} bytes");
        }
    }
}
