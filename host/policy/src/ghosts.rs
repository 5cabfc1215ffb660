//! Ghosts: what is remembered of evicted entries, oldest first: ARC's B1 and B2, 2Q's A1out, S3-FIFO's G, LIRS's
//! non-resident blocks.
//!
//! There may be as many ghosts as entries, and most misses ask for one that is not there and make another, so both
//! size and time matter. A ghost is a record of 9 bytes in a ring; its number is its place in the order of all ghosts
//! that ever were. The index is chains, newest ghost first, [`MOST_PER_CHAIN`] long on average at most, with a
//! filter of 16 bits for each that spares most vain walks. Nothing is ever taken out of a chain: numbers fall along it,
//! so it ends where they reach what was dropped. A ghost that returns leaves its record behind, without tag; when
//! these make a quarter of the ring it is packed, which costs a returning ghost three copies on average.
//!
//! A policy may keep a word of its own, `T`, with each ghost. Numbers wrap; there are never more than 2^31.
#![expect(clippy::indexing_slicing, reason = "buckets are hashes cut to the number of heads")]

use crate::list::at;
use crate::mix::mix;
use std::collections::VecDeque;

/// What is kept of an id, by ghosts and by the residents that may become ghosts: 40 bits of its mix.
///
/// Two ids share a tag once in 2^40 pairs: a miss with a million ghosts to compare with is taken for a ghost
/// once in a million such misses, and all that follows is that a newcomer ranks as a returner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag([u8; 5]);

impl Tag {
    /// The tag of nothing.
    const NONE: Self = Self([0; 5]);

    #[inline]
    pub(crate) const fn of(id: u64) -> Self {
        let [a, b, c, d, e, ..] = mix(id).to_le_bytes();
        // Never NONE.
        let a = if a | b | c | d | e == 0 { 1 } else { a };
        Self([a, b, c, d, e])
    }

    /// One of sixteen bits, chosen by bits of the tag that do not choose the chain.
    #[inline]
    const fn filter(self) -> u16 {
        1 << (self.0[4] & 15)
    }

    /// The bits that choose the chain.
    #[inline]
    const fn low(self) -> u32 {
        let [a, b, c, d, _] = self.0;
        u32::from_le_bytes([a, b, c, d])
    }
}

/// The tags of residents, by slot.
#[derive(Debug)]
pub(crate) struct Tags(Vec<Tag>);

impl Tags {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The tag of a slot that was [`set`](Self::set); of another one, some tag.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Tag {
        self.0.get(at(slot)).copied().unwrap_or(Tag::NONE)
    }

    pub(crate) fn set(&mut self, slot: u32, tag: Tag) {
        if at(slot) >= self.0.len() {
            if at(slot) >= self.0.capacity() {
                self.0.reserve_exact(at(slot) + 1 - self.0.len() + self.0.len() / GROWTH);
            }
            self.0.resize(at(slot) + 1, Tag::NONE);
        }
        if let Some(place) = self.0.get_mut(at(slot)) {
            *place = tag;
        }
    }
}

/// The number of the next older ghost of the chain, in bytes so that nothing is lost to alignment.
#[derive(Debug, Clone, Copy)]
struct Record {
    /// [`Tag::NONE`] once the ghost has returned.
    tag: Tag,
    next: [u8; 4],
}

/// A queue of ghosts.
#[derive(Debug)]
pub(crate) struct Ghosts<T = ()> {
    records: VecDeque<Record>,
    words: VecDeque<T>,
    /// Empty while every weight is 1.
    weights: VecDeque<u64>,
    /// The number of the oldest record.
    first: u32,
    /// Records without a ghost.
    gaps: usize,
    /// The number of the newest ghost of each chain, or any that is not in the ring; none or a power of two.
    heads: Vec<u32>,
    /// For each chain, the union of the [`Tag::filter`] bits of its ghosts, and of some that are gone.
    filters: Vec<u16>,
    weight: u64,
}

/// The number of chains to start with.
const FIRST_HEADS: usize = 16;

/// Records per chain, on average, from which there are twice as many chains.
const MOST_PER_CHAIN: usize = 2;

/// The ring grows by one in so many: what lies idle is small, what is copied for each record still constant.
const GROWTH: usize = 16;

/// One record in so many may be a gap before the ring is packed.
const MOST_GAPS: usize = 4;

/// Gaps in a ring that is too short to be worth packing.
const FEW_GAPS: usize = 64;

const MOST_RECORDS: usize = 1 << 31;

impl<T: Copy> Ghosts<T> {
    pub(crate) const fn new() -> Self {
        Self {
            records: VecDeque::new(),
            words: VecDeque::new(),
            weights: VecDeque::new(),
            first: 0,
            gaps: 0,
            heads: Vec::new(),
            filters: Vec::new(),
            weight: 0,
        }
    }

    /// Sum of the weights that the ghosts had when they were evicted.
    pub(crate) const fn weight(&self) -> u64 {
        self.weight
    }

    /// Makes the entry, which is no ghost already, the newest ghost, with a word of its policy's.
    pub(crate) fn remember(&mut self, tag: Tag, weight: u64, word: T) {
        if self.records.len() >= MOST_RECORDS {
            self.drop_oldest();
        }
        if self.records.len() >= self.heads.len() * MOST_PER_CHAIN {
            self.heads = vec![0; (self.heads.len() * 2).max(FIRST_HEADS)];
            self.chain_all();
        }
        if self.records.len() == self.records.capacity() {
            let more = self.records.len() / GROWTH + 1;
            self.records.reserve_exact(more);
            self.words.reserve_exact(more);
        }
        if weight != 1 && self.weights.is_empty() {
            self.weights.resize(self.records.len(), 1);
        }
        if weight != 1 || !self.weights.is_empty() {
            self.weights.push_back(weight);
        }
        let bucket = self.bucket(tag);
        let number = self.number(self.records.len());
        self.records.push_back(Record { tag, next: self.heads[bucket].to_le_bytes() });
        self.words.push_back(word);
        self.heads[bucket] = number;
        self.filters[bucket] |= tag.filter();
        self.weight += weight;
    }

    /// Forgets a ghost and gives its word; `None` when it is none.
    pub(crate) fn forget(&mut self, tag: Tag) -> Option<T> {
        let bucket = self.bucket(tag);
        if self.filters.get(bucket)? & tag.filter() == 0 {
            return None;
        }
        // Places fall along a chain; one that does not is no part of it any more.
        let (mut end, mut filter) = (self.records.len(), 0);
        let mut place = self.place(self.heads[bucket]);
        while place < end {
            let Record { tag: found, next } = self.records[place];
            if found == tag {
                return Some(self.leave(place));
            }
            filter |= found.filter();
            (end, place) = (place, self.place(u32::from_le_bytes(next)));
        }
        // The walk was in vain: what is known now spares the next one.
        self.filters[bucket] = filter;
        None
    }

    /// Forgets the oldest ghost; false when there is none.
    pub(crate) fn drop_oldest(&mut self) -> bool {
        if self.records.is_empty() {
            return false;
        }
        self.weight -= self.weights.front().copied().unwrap_or(1);
        self.pop();
        self.skip_gaps();
        true
    }

    /// Forgets the oldest ghosts until no more than `weight` is left.
    pub(crate) fn limit(&mut self, weight: u64) {
        while self.weight > weight && self.drop_oldest() {}
    }

    /// The word of the oldest ghost.
    pub(crate) fn oldest(&self) -> Option<T> {
        self.words.front().copied()
    }

    /// The words, from the oldest ghost to the newest.
    pub(crate) fn words(&self) -> impl Iterator<Item = T> {
        let ghosts = self.records.iter().zip(&self.words).filter(|(record, _)| record.tag != Tag::NONE);
        ghosts.map(|(_, &word)| word)
    }

    /// Changes every word.
    pub(crate) fn change_words(&mut self, change: impl Fn(T) -> T) {
        self.words.iter_mut().for_each(|word| *word = change(*word));
    }

    /// The chain of a tag, where there are any.
    #[inline]
    const fn bucket(&self, tag: Tag) -> usize {
        // As many low bits as there are heads; beyond 2^32 heads chains get longer.
        at(tag.low()) & self.heads.len().wrapping_sub(1)
    }

    /// The place in the ring of a number; past its end for one that is not in it.
    #[inline]
    const fn place(&self, number: u32) -> usize {
        at(number.wrapping_sub(self.first))
    }

    /// The number of a place in the ring or right behind it.
    #[expect(clippy::as_conversions, reason = "there are at most 2^31 places")]
    const fn number(&self, place: usize) -> u32 {
        self.first.wrapping_add(place as u32)
    }

    /// Takes a ghost out from wherever it stands.
    fn leave(&mut self, place: usize) -> T {
        let weight = self.weights.get_mut(place).map_or(1, |weight| std::mem::replace(weight, 0));
        self.weight -= weight;
        self.records[place].tag = Tag::NONE;
        self.gaps += 1;
        let word = self.words[place];
        self.skip_gaps();
        if self.gaps > self.records.len() / MOST_GAPS + FEW_GAPS {
            self.pack();
        }
        word
    }

    fn pop(&mut self) {
        self.records.pop_front();
        self.words.pop_front();
        self.weights.pop_front();
        self.first = self.first.wrapping_add(1);
    }

    /// Lets the ring start with a ghost.
    fn skip_gaps(&mut self) {
        while self.records.front().is_some_and(|record| record.tag == Tag::NONE) {
            self.pop();
            self.gaps -= 1;
        }
    }

    /// Moves the ghosts together, in their order.
    #[cold]
    fn pack(&mut self) {
        let mut kept = 0;
        for place in 0..self.records.len() {
            if self.records[place].tag != Tag::NONE {
                self.records[kept] = self.records[place];
                self.words[kept] = self.words[place];
                if !self.weights.is_empty() {
                    self.weights[kept] = self.weights[place];
                }
                kept += 1;
            }
        }
        self.records.truncate(kept);
        self.words.truncate(kept);
        self.weights.truncate(kept);
        self.gaps = 0;
        self.chain_all();
    }

    /// Makes the chains anew.
    fn chain_all(&mut self) {
        // A number right before the ring's, so in no ring for a long time.
        self.heads.fill(self.first.wrapping_sub(1));
        self.filters = vec![0; self.heads.len()];
        for place in 0..self.records.len() {
            let tag = self.records[place].tag;
            if tag == Tag::NONE {
                continue;
            }
            let (bucket, number) = (self.bucket(tag), self.number(place));
            self.records[place].next = self.heads[bucket].to_le_bytes();
            self.heads[bucket] = number;
            self.filters[bucket] |= tag.filter();
        }
    }
}

#[cfg(test)]
mod tests;
