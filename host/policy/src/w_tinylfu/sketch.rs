//! TinyLFU's frequency sketch: how often was an id requested lately?
//!
//! A count-min sketch (Cormode and Muthukrishnan, Journal of Algorithms 2005) of 4 rows with 4-bit counters, in
//! the two refinements of the TinyLFU paper (Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache
//! Admission Policy", ACM Transactions on Storage 2017): only the smallest of an id's counters rise ("minimal
//! increment"), which keeps an id's estimate from being raised by its neighbours, and all counters are halved
//! once so many additions were seen ("reset"), which lets old counts fade. An estimate is never below the true
//! (aged) count up to 15, and seldom above it.
//!
//! As in Caffeine, the four counters of an id lie in one block of 64 bytes, so that an addition touches one
//! cache line, and there are 16 counters (8 bytes) for an entry of the cache. The paper's doorkeeper, a Bloom
//! filter that keeps ids seen once out of the sketch, is left out, as in Caffeine: it saves counters where the
//! sample holds many ids seen once, at the price of a second cache line an addition; with 16 counters an entry
//! there is nothing to save.
//!
//! The number of entries is not known beforehand where weights are bytes. So the table starts small and doubles
//! with the entries: the upper half becomes a copy of the lower, after which every estimate is what it was.
#![expect(clippy::indexing_slicing, reason = "a block is masked to the table, a word to its block")]

use crate::fetch::fetch_at;

/// The largest count.
pub const MOST: u32 = 15;

/// Entries served by a block: 128 counters, 16 an entry.
const ENTRIES_PER_BLOCK: usize = 8;

/// Blocks of the smallest table (512 bytes), so that a cache of a few entries still tells ids apart.
const FEWEST_BLOCKS: usize = 8;

/// Counters of all rows side by side: row r has the words 2r and 2r + 1, 16 counters each.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Block([u64; 8]);

/// The lowest bit of every counter.
const ONES: u64 = 0x1111_1111_1111_1111;

/// How often ids were requested lately, in 4 bits a counter, four counters an id: a count-min sketch.
#[derive(Debug, Clone)]
pub struct Sketch {
    /// A power of two.
    blocks: Vec<Block>,
    /// Additions since the last halving, and half of those before it, and so on.
    additions: u64,
}

/// Where a counter of a hash lies in its block: the word, and the shift in the word.
#[inline]
#[expect(clippy::as_conversions, reason = "5 bits")]
const fn place(hash: u64, row: usize) -> (usize, u32) {
    // The block is chosen by the low bits. These are the top 20.
    let pick = (hash >> (44 + 5 * row)) & 31;
    (2 * row + (pick >> 4) as usize, (pick as u32 & 15) * 4)
}

impl Default for Sketch {
    fn default() -> Self {
        Self::new()
    }
}

impl Sketch {
    /// An empty sketch for up to 64 entries.
    #[must_use]
    pub fn new() -> Self {
        Self { blocks: vec![Block([0; 8]); FEWEST_BLOCKS], additions: 0 }
    }

    #[inline]
    #[expect(clippy::as_conversions, reason = "the mask cuts it to the table, whose length is a usize")]
    const fn block_of(&self, hash: u64) -> usize {
        hash as usize & (self.blocks.len() - 1)
    }

    /// Entries for which the table has enough counters.
    pub const fn entries(&self) -> usize {
        self.blocks.len() * ENTRIES_PER_BLOCK
    }

    /// Grows the table, if need be, to serve so many entries. No estimate changes.
    pub fn reach(&mut self, entries: usize) {
        while self.entries() < entries {
            self.blocks.extend_from_within(..);
        }
    }

    /// Halves the table if a quarter of it would serve so many entries, and it is not the smallest. No estimate
    /// falls; of two counters that become one, the higher stays.
    pub fn shrink(&mut self, entries: usize) {
        let half = self.blocks.len() / 2;
        if half < FEWEST_BLOCKS || self.entries() / 4 < entries {
            return;
        }
        let (lower, upper) = self.blocks.split_at_mut(half);
        for (kept, gone) in lower.iter_mut().zip(upper) {
            for (kept, gone) in kept.0.iter_mut().zip(gone.0) {
                let counters = (0..64).step_by(4);
                let higher = counters.map(|shift| (*kept & (15 << shift)).max(gone & (15 << shift)));
                *kept = higher.fold(0, |word, counter| word | counter);
            }
        }
        self.blocks.truncate(half);
        self.blocks.shrink_to_fit();
    }

    /// Prefetches the block that counts a hash.
    #[inline]
    pub(super) fn fetch(&self, hash: u64) {
        fetch_at(&self.blocks, self.block_of(hash));
    }

    /// The estimate for a hash, 0 to [`MOST`]. The hash's bits have to be well mixed.
    #[inline]
    pub fn estimate(&self, hash: u64) -> u32 {
        let Block(words) = &self.blocks[self.block_of(hash)];
        Self::lowest(words, hash)
    }

    #[inline]
    #[expect(clippy::as_conversions, reason = "4 bits")]
    const fn lowest(words: &[u64; 8], hash: u64) -> u32 {
        let mut lowest = MOST as u64;
        let mut row = 0;
        while row < 4 {
            let (word, shift) = place(hash, row);
            let counter = (words[word] >> shift) & 15;
            if counter < lowest {
                lowest = counter;
            }
            row += 1;
        }
        lowest as u32
    }

    /// Counts one use. [`MOST`] stays.
    #[inline]
    pub fn add(&mut self, hash: u64) {
        self.additions = self.additions.saturating_add(1);
        let block = self.block_of(hash);
        let Block(words) = &mut self.blocks[block];
        let lowest = Self::lowest(words, hash);
        if lowest == MOST {
            return;
        }
        for row in 0..4 {
            let (word, shift) = place(hash, row);
            let is_lowest = (words[word] >> shift) & 15 == u64::from(lowest);
            words[word] += u64::from(is_lowest) << shift;
        }
    }

    /// Makes the estimate at least `count`, at most [`MOST`]: what another policy knew of the id. Counts as no
    /// addition.
    pub fn raise(&mut self, hash: u64, count: u32) {
        let count = u64::from(count.min(MOST));
        let block = self.block_of(hash);
        let Block(words) = &mut self.blocks[block];
        for row in 0..4 {
            let (word, shift) = place(hash, row);
            let counter = (words[word] >> shift) & 15;
            words[word] += count.saturating_sub(counter) << shift;
        }
    }

    /// Uses counted, halved as the counters are.
    #[inline]
    pub const fn additions(&self) -> u64 {
        self.additions
    }

    /// Halves every counter: the paper's reset.
    pub fn halve(&mut self) {
        self.additions /= 2;
        for Block(words) in &mut self.blocks {
            for word in words {
                *word = (*word >> 1) & (ONES * 7);
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::as_conversions, reason = "a test: its numbers are its own")]
mod tests {
    use super::{FEWEST_BLOCKS, MOST, Sketch};
    use crate::mix::mix;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// The same sketch without packing: a counter by block, row and column.
    #[derive(Default)]
    struct Naive {
        blocks: u64,
        counters: BTreeMap<(u64, u64, u64), u32>,
    }

    impl Naive {
        fn cells(&self, hash: u64) -> [(u64, u64, u64); 4] {
            [0, 1, 2, 3].map(|row| (hash % self.blocks, row, (hash >> (44 + 5 * row)) % 32))
        }
        fn estimate(&self, hash: u64) -> u32 {
            let counts = self.cells(hash).map(|cell| self.counters.get(&cell).copied().unwrap_or(0));
            counts.into_iter().min().unwrap()
        }
        fn raise(&mut self, hash: u64, count: u32) {
            for cell in self.cells(hash) {
                let counter = self.counters.entry(cell).or_default();
                *counter = count.min(MOST).max(*counter);
            }
        }
        fn halve(&mut self) {
            self.counters.values_mut().for_each(|counter| *counter /= 2);
        }
        fn double(&mut self) {
            let copies: Vec<_> =
                self.counters.iter().map(|(&(b, r, c), &n)| ((b + self.blocks, r, c), n)).collect();
            self.counters.extend(copies);
            self.blocks *= 2;
        }
        fn shrink(&mut self) {
            self.blocks /= 2;
            for ((block, row, column), count) in std::mem::take(&mut self.counters) {
                let counter = self.counters.entry((block % self.blocks, row, column)).or_default();
                *counter = count.max(*counter);
            }
        }
    }

    proptest! {
        #[test]
        fn estimates_are_the_naive_ones(steps in prop::collection::vec((0u8..40, 0u64..400), 0..2_000)) {
            let mut sketch = Sketch::new();
            let mut naive = Naive { blocks: FEWEST_BLOCKS as u64, ..Naive::default() };
            for (step, id) in steps {
                let hash = mix(id);
                match step {
                    0 => {
                        sketch.halve();
                        naive.halve();
                    }
                    1 if naive.blocks < 64 => {
                        sketch.reach(sketch.entries() + 1);
                        naive.double();
                    }
                    2 if naive.blocks > FEWEST_BLOCKS as u64 => {
                        sketch.shrink(sketch.entries() / 4 + 1);
                        prop_assert_eq!(sketch.entries() as u64, naive.blocks * 8, "more than a quarter is needed");
                        sketch.shrink(sketch.entries() / 4);
                        naive.shrink();
                    }
                    3 => {
                        sketch.raise(hash, (id % 20) as u32);
                        naive.raise(hash, (id % 20) as u32);
                    }
                    _ => {
                        sketch.add(hash);
                        let estimate = naive.estimate(hash);
                        naive.raise(hash, estimate + 1);
                    }
                }
                prop_assert_eq!(sketch.entries() as u64, naive.blocks * 8);
                prop_assert_eq!(sketch.estimate(hash), naive.estimate(hash));
            }
            for id in 0..400 {
                prop_assert_eq!(sketch.estimate(mix(id)), naive.estimate(mix(id)));
            }
        }
    }

    #[test]
    fn no_estimate_is_low_and_few_are_high() {
        // As many entries as the table serves, each asked for up to 9 times, in a sample of 5 times as many ids.
        let mut sketch = Sketch::new();
        sketch.reach(4_096);
        let count = |id: u64| if id < 4_096 { 1 + id % 9 } else { 1 };
        for round in 0..9 {
            for id in (0..5 * 4_096).filter(|&id| count(id) > round) {
                sketch.add(mix(id));
            }
        }
        let over =
            |id: u64| u64::from(sketch.estimate(mix(id))).checked_sub(count(id)).expect("never too low");
        let wrong = (0..5 * 4_096).filter(|&id| over(id) > 0).count();
        assert!(wrong < 5 * 4_096 / 10, "{wrong} estimates of {} are too high", 5 * 4_096);
        assert_eq!(sketch.additions(), (0..5 * 4_096).map(count).sum::<u64>());
    }

    #[test]
    fn the_smallest_table_stays() {
        let mut sketch = Sketch::new();
        sketch.shrink(0);
        assert_eq!(sketch.entries(), 64);
        sketch.reach(65);
        assert_eq!(sketch.entries(), 128);
        sketch.shrink(33);
        assert_eq!(sketch.entries(), 128);
        sketch.shrink(32);
        assert_eq!(sketch.entries(), 64);
    }
}
