//! Ghosts by hash.
//!
//! There may be as many ghosts as entries, and most misses look for one that is not there and make another, so both
//! size and time matter. A ghost is a record of 9 bytes in a ring; its number is its place in the order of all ghosts
//! ever made. The index is chains, newest ghost first, [`MOST_PER_CHAIN`] long on average at most, with a filter of 16
//! bits for each, which avoids most walks that would find nothing. Nothing is ever taken out of a chain: numbers fall
//! along it, so it ends where they reach what was dropped. A ghost that returns leaves its record behind, without
//! fingerprint; when these make an eighth of the ring it is packed, which costs a returning ghost seven copies on average.
//!
//! Numbers wrap; there are never more than 2^31.
#![expect(clippy::indexing_slicing, reason = "buckets are hashes cut to the number of heads")]

use std::fmt::Debug;

use super::{Carry, GhostStore, InSlot};
use crate::list::{Nodes, at};
use crate::mix::mix;
use crate::weights::Weights;
use std::collections::VecDeque;

/// What is kept of an id, by ghosts and by the residents that may become ghosts: 40 bits of its mixed hash.
///
/// Two ids share a fingerprint once in 2^40 pairs: a miss with a million ghosts to compare with is taken for a ghost
/// once in a million such misses, and all that follows is that a newcomer ranks as a returner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 5]);

impl Fingerprint {
    /// The fingerprint of nothing.
    const NONE: Self = Self([0; 5]);

    #[inline]
    pub(crate) const fn of(id: u64) -> Self {
        let [a, b, c, d, e, ..] = mix(id).to_le_bytes();
        // Never NONE.
        let a = if a | b | c | d | e == 0 { 1 } else { a };
        Self([a, b, c, d, e])
    }

    /// One of sixteen bits, chosen by bits of the fingerprint that do not choose the chain.
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

/// Fingerprints of hashes: of residents by slot, and in the queues those of ghosts.
#[derive(Debug, Clone)]
pub struct ByHash {
    fingerprints: Vec<Fingerprint>,
}

impl GhostStore for ByHash {
    type Fingerprint = Fingerprint;
    type Queue<T: Copy + Debug + Send> = Ghosts<T>;

    fn new() -> Self {
        Self { fingerprints: Vec::new() }
    }

    fn queue<T: Copy + Debug + Send>() -> Ghosts<T> {
        Ghosts::new()
    }

    #[inline]
    fn fingerprint(&self, id: u64) -> Fingerprint {
        Fingerprint::of(id)
    }

    #[inline]
    fn hold(&mut self, slot: u32, fingerprint: Fingerprint) {
        if at(slot) >= self.fingerprints.len() {
            if at(slot) >= self.fingerprints.capacity() {
                self.fingerprints
                    .reserve_exact(at(slot) + 1 - self.fingerprints.len() + self.fingerprints.len() / GROWTH);
            }
            self.fingerprints.resize(at(slot) + 1, Fingerprint::NONE);
        }
        if let Some(place) = self.fingerprints.get_mut(at(slot)) {
            *place = fingerprint;
        }
    }

    #[inline]
    fn weight<T: Copy + Debug + Send>(queue: &Ghosts<T>) -> u64 {
        queue.weight
    }

    #[inline]
    fn remember<D: Carry<T>, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Ghosts<T>,
        _nodes: &mut Nodes<D>,
        slot: u32,
        weight: u64,
        payload: T,
    ) {
        let fingerprint = self.fingerprints.get(at(slot)).copied().unwrap_or(Fingerprint::NONE);
        queue.remember(fingerprint, weight, payload);
    }

    #[inline]
    fn forget<D: Carry<T>, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Ghosts<T>,
        _nodes: &mut Nodes<D>,
        _weights: &Weights,
        fingerprint: Fingerprint,
        _mine: impl Fn(&D) -> bool,
    ) -> Option<T> {
        queue.forget(fingerprint)
    }

    #[inline]
    fn drop_oldest<D: Clone, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Ghosts<T>,
        _nodes: &mut Nodes<D>,
        _weights: &Weights,
    ) -> bool {
        queue.drop_oldest()
    }

    #[inline]
    fn oldest<D: Carry<T>, T: Copy + Debug + Send>(queue: &Ghosts<T>, _nodes: &Nodes<D>) -> Option<T> {
        queue.oldest()
    }

    fn for_each_payload<D: Carry<T>, T: Copy + Debug + Send>(
        queue: &mut Ghosts<T>,
        _nodes: &mut Nodes<D>,
        change: impl FnMut(T) -> T,
    ) {
        queue.change_payloads(change);
    }

    #[inline]
    fn choose(&mut self) {}

    #[inline]
    fn in_slots(&mut self) -> Option<&mut InSlot> {
        None
    }

    fn by_hash(&self, _ids: &[u64]) -> ByHash {
        self.clone()
    }

    fn queue_by_hash<D: Carry<T>, T: Copy + Debug + Send>(
        queue: &Ghosts<T>,
        _nodes: &Nodes<D>,
        _weights: &Weights,
        _ids: &[u64],
    ) -> Ghosts<T> {
        queue.clone()
    }
}

/// A ghost, in bytes so that nothing is lost to alignment.
#[derive(Debug, Clone, Copy)]
struct Record<T> {
    /// [`Fingerprint::NONE`] once the ghost has returned.
    fingerprint: Fingerprint,
    /// The number of the next older ghost of the chain.
    next: [u8; 4],
    /// What its policy keeps with it.
    payload: T,
}

/// What is known of a chain, together so that a probe that finds nothing reads one cache line.
#[derive(Debug, Clone, Copy)]
struct Chain {
    /// The number of the newest ghost, or any that is not in the ring. In halves, which need less alignment.
    head: [u16; 2],
    /// The union of the [`Fingerprint::filter`] bits of its ghosts, and of some that were forgotten since.
    filter: u16,
}

impl Chain {
    #[inline]
    #[expect(clippy::as_conversions, reason = "the two halves of 32 bits")]
    const fn with_head(self, number: u32) -> Self {
        Self { head: [number as u16, (number >> 16) as u16], ..self }
    }

    #[inline]
    fn head(self) -> u32 {
        let [low, high] = self.head.map(u32::from);
        high << 16 | low
    }
}

/// A queue of ghosts.
#[derive(Debug, Clone)]
pub struct Ghosts<T> {
    records: VecDeque<Record<T>>,
    /// Empty while every weight is 1.
    weights: VecDeque<u64>,
    /// The number of the oldest record.
    first: u32,
    /// Records without a ghost.
    gaps: usize,
    /// None or a power of two.
    chains: Vec<Chain>,
    weight: u64,
}

/// The number of chains to start with.
const FIRST_CHAINS: usize = 16;

/// Records per chain, on average, from which there are twice as many chains.
const MOST_PER_CHAIN: usize = 2;

/// The ring grows by one in so many: what lies idle is small, what is copied for each record still constant.
const GROWTH: usize = 32;

/// One record in so many may be a gap before the ring is packed.
const MOST_GAPS: usize = 8;

/// Gaps in a ring that is too short to be worth packing.
const FEW_GAPS: usize = 64;

/// A ring for so many is not worth shrinking.
const LEAST_SHRUNK: usize = 256;

const MOST_RECORDS: usize = 1 << 31;

const NO_CHAIN: Chain = Chain { head: [0; 2], filter: 0 };

impl<T: Copy> Ghosts<T> {
    pub(super) const fn new() -> Self {
        Self {
            records: VecDeque::new(),
            weights: VecDeque::new(),
            first: 0,
            gaps: 0,
            chains: Vec::new(),
            weight: 0,
        }
    }

    /// Makes the entry, which is no ghost already, the newest ghost, with its policy's payload.
    #[inline]
    pub(super) fn remember(&mut self, fingerprint: Fingerprint, weight: u64, payload: T) {
        if self.records.len() >= MOST_RECORDS {
            self.drop_oldest();
        }
        if self.records.len() >= self.chains.len() * MOST_PER_CHAIN {
            self.more_chains();
        }
        if self.records.len() == self.records.capacity() {
            self.records.reserve_exact(self.records.len() / GROWTH + 1);
        }
        if weight != 1 && self.weights.is_empty() {
            self.weights.resize(self.records.len(), 1);
        }
        if weight != 1 || !self.weights.is_empty() {
            self.weights.push_back(weight);
        }
        let number = self.number(self.records.len());
        let bucket = self.bucket(fingerprint);
        let chain = &mut self.chains[bucket];
        let next = chain.head().to_le_bytes();
        *chain = Chain { filter: chain.filter | fingerprint.filter(), ..chain.with_head(number) };
        self.records.push_back(Record { fingerprint, next, payload });
        self.weight += weight;
    }

    /// Forgets a ghost and returns its payload; `None` when there is no such ghost.
    #[inline]
    fn forget(&mut self, fingerprint: Fingerprint) -> Option<T> {
        let chain = *self.chains.get(self.bucket(fingerprint))?;
        if chain.filter & fingerprint.filter() == 0 {
            return None;
        }
        self.search(fingerprint, chain.head())
    }

    /// Walks the chain of the fingerprint for its ghost.
    fn search(&mut self, fingerprint: Fingerprint, head: u32) -> Option<T> {
        // Places fall along a chain; one that does not is no part of it any more.
        let (mut end, mut filter) = (self.records.len(), 0);
        let mut place = self.place(head);
        while place < end {
            let Record { fingerprint: found, next, .. } = self.records[place];
            if found == fingerprint {
                return Some(self.leave(place));
            }
            filter |= found.filter();
            (end, place) = (place, self.place(u32::from_le_bytes(next)));
        }
        // The walk found nothing: the filter made anew from it avoids the next one.
        let bucket = self.bucket(fingerprint);
        self.chains[bucket].filter = filter;
        None
    }

    /// Forgets the oldest ghost; false when there is none.
    #[inline]
    fn drop_oldest(&mut self) -> bool {
        if self.records.is_empty() {
            return false;
        }
        self.weight -= self.weights.front().copied().unwrap_or(1);
        self.pop();
        self.skip_gaps();
        if self.records.len() < self.records.capacity() / 4 * 3 && self.records.capacity() > LEAST_SHRUNK {
            self.shrink();
        }
        true
    }

    /// The payload of the oldest ghost.
    #[inline]
    fn oldest(&self) -> Option<T> {
        self.records.front().map(|record| record.payload)
    }

    /// Changes every payload, from the oldest ghost to the newest.
    fn change_payloads(&mut self, mut change: impl FnMut(T) -> T) {
        let ghosts = self.records.iter_mut().filter(|record| record.fingerprint != Fingerprint::NONE);
        ghosts.for_each(|record| record.payload = change(record.payload));
    }

    /// The chain of a fingerprint, where there are any.
    #[inline]
    const fn bucket(&self, fingerprint: Fingerprint) -> usize {
        // As many low bits as there are chains; beyond 2^32 they get longer.
        at(fingerprint.low()) & self.chains.len().wrapping_sub(1)
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
    #[inline]
    fn leave(&mut self, place: usize) -> T {
        let weight = self.weights.get_mut(place).map_or(1, |weight| std::mem::replace(weight, 0));
        self.weight -= weight;
        self.records[place].fingerprint = Fingerprint::NONE;
        self.gaps += 1;
        let payload = self.records[place].payload;
        self.skip_gaps();
        if self.gaps > self.records.len() / MOST_GAPS + FEW_GAPS {
            self.pack();
        }
        payload
    }

    #[inline]
    fn pop(&mut self) {
        self.records.pop_front();
        if !self.weights.is_empty() {
            self.weights.pop_front();
        }
        self.first = self.first.wrapping_add(1);
    }

    /// Lets the ring start with a ghost.
    #[inline]
    fn skip_gaps(&mut self) {
        while self.records.front().is_some_and(|record| record.fingerprint == Fingerprint::NONE) {
            self.pop();
            self.gaps -= 1;
        }
    }

    /// Moves the ghosts together, in their order.
    #[cold]
    fn pack(&mut self) {
        let mut kept = 0;
        for place in 0..self.records.len() {
            if self.records[place].fingerprint != Fingerprint::NONE {
                self.records[kept] = self.records[place];
                if !self.weights.is_empty() {
                    self.weights[kept] = self.weights[place];
                }
                kept += 1;
            }
        }
        self.records.truncate(kept);
        self.weights.truncate(kept);
        self.gaps = 0;
        self.chain_all();
    }

    /// Gives back unused memory: of two rings that share a bound, as ARC's do, one grows as the other one shrinks.
    #[cold]
    fn shrink(&mut self) {
        let most = self.records.len() + self.records.len() / GROWTH + 1;
        self.records.shrink_to(most);
        self.weights.shrink_to(most);
        if self.records.len() < self.chains.len() / 4 * 3 && self.chains.len() > FIRST_CHAINS {
            self.chains.truncate(self.chains.len() / 2);
            self.chains.shrink_to_fit();
            self.chain_all();
        }
    }

    #[cold]
    fn more_chains(&mut self) {
        self.chains = vec![NO_CHAIN; (self.chains.len() * 2).max(FIRST_CHAINS)];
        self.chain_all();
    }

    /// Makes the chains anew.
    fn chain_all(&mut self) {
        // A number right before the ring's, so in no ring for a long time.
        self.chains.fill(NO_CHAIN.with_head(self.first.wrapping_sub(1)));
        for place in 0..self.records.len() {
            let fingerprint = self.records[place].fingerprint;
            if fingerprint == Fingerprint::NONE {
                continue;
            }
            let (bucket, number) = (self.bucket(fingerprint), self.number(place));
            let chain = self.chains[bucket];
            self.records[place].next = chain.head().to_le_bytes();
            self.chains[bucket] =
                Chain { filter: chain.filter | fingerprint.filter(), ..chain.with_head(number) };
        }
    }
}

#[cfg(test)]
mod tests;
