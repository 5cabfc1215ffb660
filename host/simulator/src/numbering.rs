//! Keys to numbers, in the order of their first requests.
//!
//! The keys of a large trace are anywhere in this table, so the time is that of memory. Keys are therefore looked up in
//! batches, and what the next batches need is prefetched. The tables of libraries do not say where a key would be; so
//! this one is written here. It only grows: open addressing with linear probing, at most half full, 8 to 16 bytes a key,
//! and 8 for the key itself.
#![expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "places are masked to the table, numbers handed out here and below 2^31; a hash is cut to a place"
)]

use crate::index::NIL;
use crate::prefetch::{BATCH, batch, prefetch_at};

/// Keys that are numbered: a replay needs a bit of the number for itself, and the largest one stands for "none".
const MOST_KEYS: usize = (1 << 31) - 1;

/// Places to start with.
const FIRST_PLACES: usize = 1 << 12;

/// More keys than there are numbers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The numbers of keys.
pub(crate) struct Numbering {
    /// Each key, by number.
    ids: Vec<u64>,
    /// Numbers, each at its key's place or behind it; a power of two.
    table: Vec<u32>,
}

impl Numbering {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self { ids: Vec::new(), table: vec![NIL; FIRST_PLACES] }
    }

    /// The keys, by number. They are hashes.
    pub(crate) fn ids(&self) -> &[u64] {
        &self.ids
    }

    /// The keys, when no more are to come.
    pub(crate) fn into_ids(self) -> Vec<u64> {
        self.ids
    }

    /// Memory in use.
    pub(crate) fn bytes(&self) -> u64 {
        u64::try_from(8 * self.ids.len() + 4 * self.table.len()).unwrap_or(u64::MAX)
    }

    /// Prefetches what the keys of the two batches ahead of one are found by.
    #[inline]
    fn prefetch(&self, keys: &[u64], number: usize) {
        for &key in batch(keys, number, 0) {
            prefetch_at(&self.table, self.place(key));
        }
        for &key in batch(keys, number, 1) {
            prefetch_at(&self.ids, self.table[self.place(key)] as usize);
        }
    }

    /// Appends the number of each key.
    pub(crate) fn number(&mut self, keys: &[u64], numbers: &mut Vec<u32>) -> Result<(), Full> {
        numbers.reserve(keys.len());
        for number in 0..keys.len().div_ceil(BATCH) + 2 {
            self.prefetch(keys, number);
            let due = batch(keys, number, 2);
            if (self.ids.len() + due.len()) * 2 > self.table.len() {
                self.grow();
            }
            for &key in due {
                numbers.push(self.one(key)?);
            }
        }
        Ok(())
    }

    /// Appends the number of each key; [`NIL`] for one that has none.
    pub(crate) fn find_all(&self, keys: &[u64], numbers: &mut Vec<u32>) {
        numbers.reserve(keys.len());
        for number in 0..keys.len().div_ceil(BATCH) + 2 {
            self.prefetch(keys, number);
            numbers.extend(batch(keys, number, 2).iter().map(|&key| self.find(key)));
        }
    }

    /// The number of a key; [`NIL`] where it has none.
    pub(crate) fn find(&self, key: u64) -> u32 {
        self.look(key).0
    }

    /// The number of a key, and its place; [`NIL`], and where the key would go, where it has none.
    #[inline]
    fn look(&self, key: u64) -> (u32, usize) {
        let mut place = self.place(key);
        loop {
            let number = self.table[place];
            if number == NIL || self.ids[number as usize] == key {
                return (number, place);
            }
            place = (place + 1) & (self.table.len() - 1);
        }
    }

    #[inline]
    fn one(&mut self, key: u64) -> Result<u32, Full> {
        let (number, place) = self.look(key);
        if number != NIL {
            return Ok(number);
        }
        let number = self.ids.len();
        if number >= MOST_KEYS {
            return Err(Full);
        }
        let number = number as u32;
        self.ids.push(key);
        self.table[place] = number;
        Ok(number)
    }

    /// Where to look for a key first. It is a hash already, and serves as its own.
    #[inline]
    fn place(&self, key: u64) -> usize {
        key as usize & (self.table.len() - 1)
    }

    #[cold]
    fn grow(&mut self) {
        self.table = vec![NIL; self.table.len() * 2];
        let last = self.table.len() - 1;
        for (number, &key) in (0..).zip(&self.ids) {
            let mut place = self.place(key);
            while self.table[place] != NIL {
                place = (place + 1) & last;
            }
            self.table[place] = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Numbering;
    use host_workload::key::hash_number;
    use std::collections::HashMap;

    #[test]
    fn numbers_are_those_of_first_requests() {
        let mut numbering = Numbering::new();
        let mut known = HashMap::new();
        // Every key is asked for twice, half of the keys in one place of the first table.
        let keys: Vec<u64> = (0..40_000u64)
            .map(|step| if step % 2 == 0 { hash_number(step / 4) } else { ((step / 4) << 40) | 4_095 })
            .collect();
        let want: Vec<u32> = keys
            .iter()
            .map(|&key| {
                let next = u32::try_from(known.len()).unwrap();
                *known.entry(key).or_insert(next)
            })
            .collect();
        let mut numbers = Vec::new();
        for keys in keys.chunks(777) {
            numbering.number(keys, &mut numbers).unwrap();
        }
        assert_eq!(numbers, want);
        let mut found = Vec::new();
        numbering.find_all(&keys, &mut found);
        assert_eq!(found, want);
        assert_eq!((numbering.find(keys[9]), numbering.find(7)), (want[9], crate::index::NIL));
        assert_eq!(numbering.ids().len(), known.len());
        assert!(numbering.ids().iter().all(|id| known.contains_key(id)));
        assert!(numbering.bytes() <= 24 * 20_000, "{} bytes", numbering.bytes());
    }
}
