//! Ghosts by hash.
//!
//! There may be as many ghosts as entries, and most misses look for one that is not there and make another, so both
//! size and time matter. A queue is a ring of records, of a byte and the policy's payload; a ghost's number is its place
//! in the order of all ghosts ever made. The [`Index`] finds it by its fingerprint, in 12 to 14 bytes. A ghost that
//! returns leaves its record behind as a gap; when these make an eighth of the ring it is packed, which costs a
//! returning ghost seven copies on average.
//!
//! Numbers wrap; there are never more than 2^30.
#![expect(
    clippy::indexing_slicing,
    reason = "the index takes lines modulo their number, the queue places below its length"
)]

mod index;

use std::fmt::Debug;

use super::{Carry, GhostStore, InSlot, counted};
use crate::fetch::fetch_at;
use crate::list::{Nodes, at};
use crate::mix::mix;
use crate::weights::Weights;
use index::{Index, MOST_RECORDS, Window};
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
        // No word of the index is that of nothing, whatever it keeps of the fingerprint.
        let e = if b | c | d | e == 0 { 1 } else { e };
        Self([a, b, c, d, e])
    }

    /// The upper bits of a word, those first that are kept longest.
    #[inline]
    const fn word(self) -> u64 {
        let [a, b, c, d, e] = self.0;
        u64::from_le_bytes([0, 0, 0, a, b, c, d, e])
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

    fn expect<T: Copy + Debug + Send>(queue: &mut Ghosts<T>, ghosts: u64) {
        queue.expect(usize::try_from(ghosts).unwrap_or(MOST_RECORDS));
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
    fn fetch_lookup<T: Copy + Debug + Send>(queue: &Ghosts<T>, fingerprint: Fingerprint) {
        queue.index.fetch(fingerprint);
    }

    #[inline]
    fn fetch_held(&self, slot: u32) {
        fetch_at(&self.fingerprints, at(slot));
    }

    #[inline]
    fn fetch_remember<T: Copy + Debug + Send>(&self, queue: &Ghosts<T>, slot: u32) {
        if let Some(&fingerprint) = self.fingerprints.get(at(slot)) {
            queue.index.fetch(fingerprint);
        }
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

/// What is kept of a ghost in the order of all.
#[derive(Debug, Clone, Copy)]
struct Record<T> {
    /// False once the ghost has returned.
    remembered: bool,
    /// What its policy keeps with it.
    payload: T,
}

/// A queue of ghosts.
#[derive(Debug, Clone)]
pub struct Ghosts<T> {
    records: VecDeque<Record<T>>,
    /// Empty while every weight is 1.
    weights: VecDeque<u32>,
    /// The number of the oldest record.
    first: u32,
    /// Records without a ghost.
    gaps: usize,
    index: Index,
    weight: u64,
}

/// The ring grows by one in so many: what lies idle is small, what is copied for each record still constant.
const GROWTH: usize = 32;

/// One record in so many may be a gap before the ring is packed.
const MOST_GAPS: usize = 8;

/// Gaps in a ring that is too short to be worth packing.
const FEW_GAPS: usize = 64;

/// A ring for so many is not worth shrinking.
const LEAST_SHRUNK: usize = 256;

impl<T: Copy> Ghosts<T> {
    pub(super) const fn new() -> Self {
        Self {
            records: VecDeque::new(),
            weights: VecDeque::new(),
            first: 0,
            gaps: 0,
            index: Index::new(),
            weight: 0,
        }
    }

    /// Makes room for so many at once, and for some gaps among them.
    #[cold]
    fn expect(&mut self, ghosts: usize) {
        let ghosts = ghosts.min(MOST_RECORDS);
        self.records.reserve_exact((ghosts + ghosts / GROWTH).saturating_sub(self.records.len()));
        self.index.expect(ghosts, self.window());
    }

    /// Makes the entry, which is no ghost already, the newest ghost, with its policy's payload.
    #[inline]
    pub(super) fn remember(&mut self, fingerprint: Fingerprint, weight: u64, payload: T) {
        if self.records.len() >= MOST_RECORDS {
            self.drop_oldest();
        }
        if self.records.len() - self.gaps >= self.index.room() {
            self.index.grow(self.window());
        }
        if self.records.len() == self.records.capacity() {
            self.records.reserve_exact(self.records.len() / GROWTH + 1);
        }
        let weight = counted(weight);
        if weight != 1 || !self.weights.is_empty() {
            if self.weights.len() == self.weights.capacity() || self.weights.is_empty() {
                self.weights.reserve_exact(self.records.capacity() - self.weights.len());
            }
            if self.weights.is_empty() {
                self.weights.resize(self.records.len(), 1);
            }
            self.weights.push_back(weight);
        }
        self.records.push_back(Record { remembered: true, payload });
        self.index.put(fingerprint, self.window());
        self.weight += u64::from(weight);
    }

    /// Forgets a ghost and returns its payload; `None` when there is no such ghost.
    #[inline]
    fn forget(&mut self, fingerprint: Fingerprint) -> Option<T> {
        let place = self.index.take(fingerprint, self.window())?;
        Some(self.leave(place))
    }

    /// Forgets the oldest ghost; false when there is none.
    #[inline]
    fn drop_oldest(&mut self) -> bool {
        if self.records.is_empty() {
            return false;
        }
        self.weight -= self.weights.front().map_or(1, |weight| u64::from(*weight));
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
        let ghosts = self.records.iter_mut().filter(|record| record.remembered);
        ghosts.for_each(|record| record.payload = change(record.payload));
    }

    #[inline]
    fn window(&self) -> Window {
        Window { first: self.first, len: self.records.len() }
    }

    /// Takes a ghost out from wherever it stands.
    #[inline]
    fn leave(&mut self, place: usize) -> T {
        let weight = self.weights.get_mut(place).map_or(1, |weight| std::mem::replace(weight, 0));
        self.weight -= u64::from(weight);
        let record = &mut self.records[place];
        record.remembered = false;
        let payload = record.payload;
        self.gaps += 1;
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
        while self.records.front().is_some_and(|record| !record.remembered) {
            self.pop();
            self.gaps -= 1;
        }
    }

    /// Moves the ghosts together, in their order.
    #[cold]
    fn pack(&mut self) {
        let window = self.window();
        // One more than the place that each has, or the one before it.
        let mut behind = Vec::with_capacity(self.records.len());
        let mut kept = 0;
        for place in 0..self.records.len() {
            if self.records[place].remembered {
                self.records[kept] = self.records[place];
                if !self.weights.is_empty() {
                    self.weights[kept] = self.weights[place];
                }
                kept += 1;
            }
            behind.push(kept);
        }
        self.index.pack(window, |place| behind[place].checked_sub(1));
        self.records.truncate(kept);
        self.weights.truncate(kept);
        self.gaps = 0;
    }

    /// Gives back unused memory: of two rings that share a bound, as ARC's do, one grows as the other one shrinks.
    #[cold]
    fn shrink(&mut self) {
        let most = self.records.len() + self.records.len() / GROWTH + 1;
        self.records.shrink_to(most);
        self.weights.shrink_to(most);
        self.index.shrink(self.records.len() - self.gaps, self.window());
    }
}

#[cfg(test)]
mod tests;
