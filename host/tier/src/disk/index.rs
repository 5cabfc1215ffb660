//! Where the newest record of each key is: 16 bytes an entry, by the hash of the key.
//!
//! An entry is a key's newest record, or the tombstone of a key that is gone, for as long as older records of the key ("dead" ones)
//! are in some region: they would be found when the tier is opened again. How many there are is counted here. An entry without
//! any goes with its record.
//!
//! | bits | what |
//! |---|---|
//! | 16 | region |
//! | 22 | offset in it, in units of four bytes |
//! | 7 | a bound of the record's length, at most a quarter too large |
//! | 1 | whether it is a tombstone |
//! | 1 | whether it was asked for since it was written |
//! | 17 | older records. At the largest number it stands still, and the tombstone stays: that wastes, and is not wrong |

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Tables, so that one that grows keeps requests waiting for its own part alone.
const TABLES: usize = 64;

/// The largest number of older records that is told apart.
pub(super) const MANY: u32 = (1 << 17) - 1;

/// Where a record is, and how long at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) region: u16,
    /// In bytes, a multiple of 4.
    pub(super) offset: u32,
    /// Bytes that it has at most.
    pub(super) bound: u32,
}

impl Place {
    /// Whether a record of so many bytes may be there, as far as the index tells.
    pub(super) fn may_have(self, bytes: usize) -> bool {
        class(super::bytes::small(bytes)) == class(self.bound)
    }
}

/// What the index has of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) place: Place,
    pub(super) tombstone: bool,
    pub(super) hit: bool,
    /// Older records of this hash in the regions.
    pub(super) dead: u32,
}

impl Slot {
    /// Whether a tombstone has to take its place when its region goes.
    pub(super) fn is_carried(&self) -> bool {
        self.dead > 0
    }

    fn pack(self) -> u64 {
        let class = class(self.place.bound);
        u64::from(self.place.region) << 48
            | u64::from(self.place.offset >> 2) << 26
            | u64::from(class) << 19
            | u64::from(self.tombstone) << 18
            | u64::from(self.hit) << 17
            | u64::from(self.dead.min(MANY))
    }

    fn unpack(word: u64) -> Self {
        // Each part is masked to fewer bits than its type has.
        let part = |shift: u32, bits: u32| u32::try_from(word >> shift & ((1 << bits) - 1)).unwrap_or(0);
        Self {
            place: Place {
                region: u16::try_from(part(48, 16)).unwrap_or(0),
                offset: part(26, 22) << 2,
                bound: bound(part(19, 7)),
            },
            tombstone: part(18, 1) == 1,
            hit: part(17, 1) == 1,
            dead: part(0, 17),
        }
    }
}

/// The class of a length: an exponent, and a mantissa of two bits; rounded up.
fn class(length: u32) -> u32 {
    let largest_below = (length.max(4).ilog2() - 2) * 4;
    (largest_below..128).find(|class| bound(*class) >= length).unwrap_or(127)
}

/// The largest length of a class: 4 to 7, shifted.
const fn bound(class: u32) -> u32 {
    let exponent = class >> 2;
    (4 + (class & 3)) << if exponent < 24 { exponent } else { 24 }
}

#[derive(Debug, Clone, Copy)]
struct Packed {
    hash: u64,
    word: u64,
}

type Table = HashTable<Packed>;

/// Changes what a table has of a hash, and returns what it had.
fn change(table: &mut Table, hash: u64, new: impl FnOnce(Option<Slot>) -> Slot) -> Option<Slot> {
    match table.entry(hash, |packed| packed.hash == hash, |packed| packed.hash) {
        Entry::Occupied(mut entry) => {
            let old = Slot::unpack(entry.get().word);
            entry.get_mut().word = new(Some(old)).pack();
            Some(old)
        }
        Entry::Vacant(entry) => {
            entry.insert(Packed { hash, word: new(None).pack() });
            None
        }
    }
}

#[derive(Debug)]
pub(super) struct Index {
    tables: Vec<Table>,
}

/// Some of the tables, to be filled beside the others.
#[derive(Debug)]
pub(super) struct Part<'i> {
    first: usize,
    tables: &'i mut [Table],
}

impl Part<'_> {
    /// Sets what it has of a hash by what it had. Nothing where the hash belongs to another part.
    pub(super) fn change(&mut self, hash: u64, new: impl FnOnce(Option<Slot>) -> Slot) {
        let table = Index::table_number(hash).checked_sub(self.first);
        if let Some(table) = table.and_then(|number| self.tables.get_mut(number)) {
            change(table, hash, new);
        }
    }

    /// Keeps what `keep` says, which sees everything once.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(Slot) -> bool) {
        self.tables.iter_mut().for_each(|table| table.retain(|packed| keep(Slot::unpack(packed.word))));
    }
}

impl Index {
    pub(super) fn new() -> Self {
        Self { tables: (0..TABLES).map(|_| HashTable::new()).collect() }
    }

    /// Bits that the tables themselves do not begin with.
    fn table_number(hash: u64) -> usize {
        usize::try_from(hash >> 40).unwrap_or(0) % TABLES
    }

    /// Makes room for so many entries in all.
    pub(super) fn reserve(&mut self, entries: usize) {
        for table in &mut self.tables {
            table.reserve(entries / TABLES + entries / TABLES / 16, |packed| packed.hash);
        }
    }

    pub(super) fn get(&self, hash: u64) -> Option<Slot> {
        let table = self.tables.get(Self::table_number(hash))?;
        table.find(hash, |packed| packed.hash == hash).map(|packed| Slot::unpack(packed.word))
    }

    /// Sets what it has of a hash, and returns what it had.
    pub(super) fn set(&mut self, hash: u64, slot: Slot) -> Option<Slot> {
        change(self.tables.get_mut(Self::table_number(hash))?, hash, |_| slot)
    }

    /// The tables in so many parts, or a few more.
    pub(super) fn parts(&mut self, parts: usize) -> impl Iterator<Item = Part<'_>> {
        let tables = (TABLES / parts.max(1)).max(1);
        let firsts = (0..TABLES).step_by(tables);
        firsts.zip(self.tables.chunks_mut(tables)).map(|(first, tables)| Part { first, tables })
    }

    pub(super) fn remove(&mut self, hash: u64) -> Option<Slot> {
        let table = self.tables.get_mut(Self::table_number(hash))?;
        let found = table.find_entry(hash, |packed| packed.hash == hash).ok()?;
        Some(Slot::unpack(found.remove().0.word))
    }

    /// All that lie in one region, by going through everything.
    pub(super) fn of_region(&self, region: u16) -> Vec<(u64, Slot)> {
        let all = self.tables.iter().flatten().map(|packed| (packed.hash, Slot::unpack(packed.word)));
        all.filter(|(_, slot)| slot.place.region == region).collect()
    }

    /// Entries, tombstones among them.
    pub(super) fn len(&self) -> usize {
        self.tables.iter().map(HashTable::len).sum()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_unpacked_as_it_was_packed() {
        for (region, offset, tombstone, hit, dead) in
            [(0, 0, false, false, 0), (65_535, (16 << 20) - 4, true, true, MANY), (9, 64, false, true, 1)]
        {
            let slot = Slot { place: Place { region, offset, bound: 48 }, tombstone, hit, dead };
            assert_eq!(Slot::unpack(slot.pack()), slot);
        }
    }

    #[test]
    fn a_bound_is_never_too_small_and_at_most_a_quarter_too_large() {
        for length in (4..100_000).chain([1 << 20, (1 << 20) + 1, (16 << 20) - 300]) {
            let bound = bound(class(length));
            assert!(bound >= length && bound <= length + length / 4 + 1, "{length}: {bound}");
        }
    }

    #[test]
    fn parts_together_are_the_whole() {
        let place = Place { region: 1, offset: 64, bound: 64 };
        let slot = |hit| Slot { place, tombstone: false, hit, dead: 0 };
        let hashes: Vec<u64> = (0..1_000).map(|n| n << 38).collect();
        for parts in [0, 1, 2, 3, 64, 100] {
            let mut index = Index::new();
            for mut part in index.parts(parts) {
                for hash in &hashes {
                    part.change(*hash, |old| slot(old.is_some()));
                }
                part.retain(|slot| !slot.hit);
            }
            assert_eq!(index.len(), hashes.len(), "{parts}: each hash is in one part");
            assert!(hashes.iter().all(|hash| index.get(*hash) == Some(slot(false))));
        }
    }

    #[test]
    fn the_index_has_what_was_set_last() {
        let mut index = Index::new();
        let slot = |offset| Slot {
            place: Place { region: 1, offset, bound: 64 },
            tombstone: false,
            hit: false,
            dead: 0,
        };
        assert_eq!(index.set(1 << 40, slot(4)), None);
        assert_eq!(index.set(1 << 40, slot(8)), Some(slot(4)));
        assert_eq!(index.set(2 << 40, slot(12)), None);
        assert_eq!((index.get(1 << 40), index.len()), (Some(slot(8)), 2));
        assert_eq!(index.of_region(1).len(), 2);
        assert_eq!(index.remove(1 << 40), Some(slot(8)));
        assert_eq!((index.get(1 << 40), index.remove(1 << 40)), (None, None));
    }
}
