//! The loops over requests: entries of weight 1, and of any weight.
#![expect(clippy::indexing_slicing, reason = "weights are as many as slots were handed out")]

use std::hint::black_box;

use host_policy::list::{NIL, at};
use host_policy::{Policy, Slot};

use super::index::Index;
use super::{Feed, Tally};

/// Requests that are looked up before they are applied. Enough for the memory to be busy; few enough that what was
/// fetched is still in the first-level cache.
const AHEAD: usize = 32;

/// Looks up what requests will need, so that it is near when they are applied.
#[inline]
fn look_ahead<P: Policy, I: Index>(policy: &P, index: &I, requests: &[I::Key]) {
    let mut slots = [NIL; AHEAD];
    for (slot, &key) in slots.iter_mut().zip(requests) {
        *slot = index.guess(key);
    }
    for &slot in black_box(&slots) {
        policy.prefetch(Slot(slot));
    }
    // Without a branch for each: whether a request will miss is what a processor cannot guess. And without a panic, so
    // that all of it is left out for a policy that wants to know nothing of misses.
    let (mut missing, mut count) = ([I::Key::default(); AHEAD], 0);
    for (&slot, &key) in slots.iter().zip(requests) {
        if let Some(place) = missing.get_mut(count) {
            *place = key;
        }
        count += usize::from(!index.holds(slot, key));
    }
    for &key in missing.iter().take(count) {
        policy.prefetch_miss(index.id(key));
    }
}

/// Entries of weight 1: once the cache is full, an entry takes the slot of the one it evicts, unless that is retained.
pub(super) struct Unit<P, I> {
    pub(super) policy: P,
    pub(super) index: I,
    /// Entries that fit besides those there are.
    pub(super) room: u64,
}

impl<P: Policy, I: Index> Unit<P, I> {
    /// Whether the request hits.
    #[inline]
    fn access(&mut self, key: I::Key) -> bool {
        let slot = self.index.guess(key);
        if self.index.holds(slot, key) {
            self.policy.on_hit(Slot(slot));
            return true;
        }
        self.miss(slot, key);
        false
    }

    #[inline]
    fn miss(&mut self, guess: u32, key: I::Key) {
        let id = self.index.id(key);
        self.policy.recall(self.index.recall(guess, key));
        self.policy.on_miss(id, 1);
        if self.room == 0 {
            let Some(victim) = self.policy.victim() else { return };
            if !self.policy.retains() {
                self.index.replace(victim, key);
                self.policy.on_insert(victim, id, 1);
                return;
            }
            self.index.retain(victim);
            self.room = 1;
        }
        let slot = take(&mut self.policy, &mut self.index, key);
        if slot != NIL {
            self.room -= 1;
            self.policy.on_insert(Slot(slot), id, 1);
        }
    }
}

/// Puts the key where something evicted is no longer remembered, else into a new slot; [`NIL`] where there is none.
#[inline]
fn take<P: Policy, I: Index>(policy: &mut P, index: &mut I, key: I::Key) -> u32 {
    match policy.reclaim() {
        Some(slot) => {
            index.replace(slot, key);
            slot.0
        }
        None => index.push(key),
    }
}

impl<P: Policy + 'static, I: Index + Send> Feed<I::Key> for Unit<P, I> {
    fn learn(&mut self, ids: &[u64]) {
        self.index.learn(ids);
    }

    fn into_hashed(self: Box<Self>) -> Box<dyn Feed<u64>> {
        let Self { policy, index, room } = *self;
        Box::new(Unit { policy, index: index.into_hashed(), room })
    }

    fn feed(&mut self, requests: &[I::Key], sizes: &[u32]) -> Tally {
        let mut tally = Tally::default();
        let mut sizes = sizes.iter();
        for requests in requests.chunks(AHEAD) {
            look_ahead(&self.policy, &self.index, requests);
            if sizes.len() == 0 {
                for &key in requests {
                    tally.hits += u64::from(self.access(key));
                }
            } else {
                for (&key, &size) in requests.iter().zip(&mut sizes) {
                    tally.count(self.access(key), size.max(1));
                }
            }
        }
        tally
    }
}

/// Entries of any weight.
pub(super) struct Weighed<P, I> {
    pub(super) policy: P,
    pub(super) index: I,
    pub(super) capacity: u64,
    /// What fits besides the entries there are.
    pub(super) room: u64,
    /// Weight of the entry in each slot.
    pub(super) weights: Vec<u32>,
    pub(super) free: Vec<u32>,
}

impl<P: Policy, I: Index> Weighed<P, I> {
    #[inline]
    fn access(&mut self, key: I::Key, weight: u32) -> bool {
        let slot = self.index.guess(key);
        if self.index.holds(slot, key) {
            self.policy.on_hit(Slot(slot));
            return true;
        }
        self.miss(slot, key, weight);
        false
    }

    fn miss(&mut self, guess: u32, key: I::Key, size: u32) {
        let weight = u64::from(size);
        if weight > self.capacity {
            return;
        }
        let id = self.index.id(key);
        self.policy.recall(self.index.recall(guess, key));
        self.policy.on_miss(id, weight);
        while weight > self.room {
            let Some(slot) = self.policy.victim() else { return };
            self.room += u64::from(self.weights[at(slot.0)]);
            if self.policy.retains() {
                self.index.retain(slot);
            } else {
                self.index.clear(slot);
                self.free.push(slot.0);
            }
        }
        let slot = if let Some(slot) = self.free.pop() {
            self.index.put(Slot(slot), key);
            slot
        } else {
            take(&mut self.policy, &mut self.index, key)
        };
        if slot == NIL {
            return;
        }
        if let Some(held) = self.weights.get_mut(at(slot)) {
            *held = size;
        } else {
            self.weights.push(size);
        }
        self.room -= weight;
        self.policy.on_insert(Slot(slot), id, weight);
    }
}

impl<P: Policy + 'static, I: Index + Send> Feed<I::Key> for Weighed<P, I> {
    fn learn(&mut self, ids: &[u64]) {
        self.index.learn(ids);
    }

    fn into_hashed(self: Box<Self>) -> Box<dyn Feed<u64>> {
        let Self { policy, index, capacity, room, weights, free } = *self;
        Box::new(Weighed { policy, index: index.into_hashed(), capacity, room, weights, free })
    }

    fn feed(&mut self, requests: &[I::Key], sizes: &[u32]) -> Tally {
        let mut tally = Tally::default();
        let mut sizes = sizes.iter();
        for requests in requests.chunks(AHEAD) {
            look_ahead(&self.policy, &self.index, requests);
            if sizes.len() == 0 {
                for &key in requests {
                    tally.hits += u64::from(self.access(key, 1));
                }
            } else {
                for (&key, &size) in requests.iter().zip(&mut sizes) {
                    tally.count(self.access(key, size.max(1)), size.max(1));
                }
            }
        }
        tally
    }
}
