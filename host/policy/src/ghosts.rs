//! Ghosts: what is remembered of evicted entries, oldest first: ARC's B1 and B2, 2Q's A1out, S3-FIFO's G, LIRS's
//! non-resident blocks.
//!
//! There are as many ghosts as entries, so their size matters: 9 bytes each, and 2 to 4 for the index. They stand
//! in [`Chunks`], an unrolled list that closes the gaps which returning ghosts leave; the index is chains through
//! them, two ghosts long on average at most. A filter byte for each chain spares most misses the
//! walk, as most are not of ghosts.
//!
//! A policy may keep a word of its own, `T`, with each ghost. Beyond 2^32 - 64 ghosts nothing more is remembered.
#![expect(clippy::indexing_slicing, reason = "buckets come from a hash cut to the number of heads")]

mod chunks;

use crate::list::{NIL, at};
use crate::mix::mix;
use chunks::Chunks;

/// What is kept of an id, by ghosts and by the residents that may become ghosts: 40 bits of its mix.
///
/// Two ids share a tag once in 2^40 pairs: a miss with a million ghosts to compare with is taken for a ghost
/// once in a million such misses, and all that follows is that a newcomer ranks as a returner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag([u8; 5]);

impl Tag {
    /// The tag of nothing: some tag.
    const NONE: Self = Self([0; 5]);

    #[inline]
    pub(crate) const fn of(id: u64) -> Self {
        let [a, b, c, d, e, ..] = mix(id).to_le_bytes();
        Self([a, b, c, d, e])
    }

    /// One of eight bits, chosen by bits of the tag.
    #[inline]
    const fn filter(self) -> u8 {
        1 << (self.0[4] & 7)
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
            self.0.resize(at(slot) + 1, Tag::NONE);
        }
        if let Some(place) = self.0.get_mut(at(slot)) {
            *place = tag;
        }
    }
}

/// A queue of ghosts.
#[derive(Debug)]
pub(crate) struct Ghosts<T = ()> {
    chunks: Chunks<T>,
    /// The first ghost of each chain, [`NIL`] for none; none or a power of two of them.
    heads: Vec<u32>,
    /// For each chain, the union of the [`Tag::filter`] bits of its ghosts, and maybe of some that left.
    filters: Vec<u8>,
    count: usize,
    weight: u64,
}

/// The number of chains to start with.
const FIRST_HEADS: usize = 16;

/// Ghosts per chain, on average, from which there are twice as many chains.
const MOST_PER_CHAIN: usize = 2;

impl<T: Copy + Default> Ghosts<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Chunks::new(), heads: Vec::new(), filters: Vec::new(), count: 0, weight: 0 }
    }

    /// Sum of the weights that the ghosts had when they were evicted.
    pub(crate) const fn weight(&self) -> u64 {
        self.weight
    }

    /// Makes the entry the newest ghost, with a word of its policy's. It is none already.
    pub(crate) fn remember(&mut self, tag: Tag, weight: u64, word: T) {
        self.forget(tag);
        if self.count >= self.heads.len() * MOST_PER_CHAIN {
            self.lengthen();
        }
        let Some(ghost) = self.chunks.push(tag, weight, word) else { return };
        self.chain(ghost, tag);
        self.count += 1;
        self.weight += weight;
    }

    /// Forgets a ghost and gives its word; `None` when it is none.
    pub(crate) fn forget(&mut self, tag: Tag) -> Option<T> {
        if self.heads.is_empty() {
            return None;
        }
        let bucket = self.bucket(tag);
        if self.filters[bucket] & tag.filter() == 0 {
            return None;
        }
        let (mut before, mut ghost, mut filter) = (NIL, self.heads[bucket], 0);
        while ghost != NIL {
            let found = self.chunks.tag(ghost);
            if found == tag {
                self.set_next(bucket, before, self.chunks.next(ghost));
                let word = self.chunks.word(ghost);
                self.take_out(ghost);
                return Some(word);
            }
            filter |= found.filter();
            (before, ghost) = (ghost, self.chunks.next(ghost));
        }
        // The walk was in vain: what is known now spares the next one.
        self.filters[bucket] = filter;
        None
    }

    /// Forgets the oldest ghost; false when there is none.
    pub(crate) fn drop_oldest(&mut self) -> bool {
        let oldest = self.chunks.oldest();
        if oldest == NIL {
            return false;
        }
        self.unchain(oldest, self.chunks.next(oldest));
        self.take_out(oldest);
        true
    }

    /// Forgets the oldest ghosts until no more than `weight` is left.
    pub(crate) fn limit(&mut self, weight: u64) {
        while self.weight > weight && self.drop_oldest() {}
    }

    /// The word of the oldest ghost.
    pub(crate) fn oldest(&self) -> Option<T> {
        let oldest = self.chunks.oldest();
        (oldest != NIL).then(|| self.chunks.word(oldest))
    }

    /// The words, from the oldest ghost to the newest.
    pub(crate) fn words(&self) -> impl Iterator<Item = T> {
        self.chunks.iter().map(|ghost| self.chunks.word(ghost))
    }

    /// Changes every word.
    pub(crate) fn change_words(&mut self, change: impl Fn(T) -> T) {
        self.chunks.change_words(change);
    }

    /// The chain of a tag; there are heads.
    #[inline]
    fn bucket(&self, tag: Tag) -> usize {
        // As many low bits as there are heads; beyond 2^32 heads chains get longer.
        at(tag.low()) & (self.heads.len() - 1)
    }

    fn chain(&mut self, ghost: u32, tag: Tag) {
        let bucket = self.bucket(tag);
        self.chunks.set_next(ghost, self.heads[bucket]);
        self.heads[bucket] = ghost;
        self.filters[bucket] |= tag.filter();
    }

    fn set_next(&mut self, bucket: usize, before: u32, next: u32) {
        if before == NIL {
            self.heads[bucket] = next;
        } else {
            self.chunks.set_next(before, next);
        }
    }

    /// Lets the predecessor of `ghost` in its chain point to `next` instead.
    fn unchain(&mut self, ghost: u32, next: u32) {
        let bucket = self.bucket(self.chunks.tag(ghost));
        let (mut before, mut here) = (NIL, self.heads[bucket]);
        while here != ghost && here != NIL {
            (before, here) = (here, self.chunks.next(here));
        }
        self.set_next(bucket, before, next);
    }

    /// Takes a ghost that is in no chain any more out of the queue.
    fn take_out(&mut self, ghost: u32) {
        self.count -= 1;
        self.weight -= self.chunks.weight(ghost);
        let Some(first) = self.chunks.remove(ghost) else { return };
        // The successor stays; the number to come takes the place of the old one in its chain.
        for (from, to) in self.chunks.merging(first) {
            if from != to {
                self.unchain(from, to);
                self.chunks.relocate(from, to);
            }
        }
        self.chunks.merged(first);
    }

    /// Doubles the number of chains.
    #[cold]
    fn lengthen(&mut self) {
        let heads = (self.heads.len() * 2).max(FIRST_HEADS);
        self.heads = vec![NIL; heads];
        self.filters = vec![0; heads];
        let ghosts: Vec<u32> = self.chunks.iter().collect();
        for ghost in ghosts {
            self.chain(ghost, self.chunks.tag(ghost));
        }
    }
}

#[cfg(test)]
mod tests;
