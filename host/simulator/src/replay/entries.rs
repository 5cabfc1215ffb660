//! The loops over requests: entries of weight 1, and of any weight.
#![expect(clippy::indexing_slicing, reason = "weights are as many as slots were handed out")]

use host_policy::{InSlot, ReplayPolicy, Slot};

use super::index::Index;
use super::{Feed, PolicyFault, Tally};
use crate::index::{NIL, at};
use crate::prefetch::{BATCH, batch};

/// Gives the requests to `apply`, a batch at a time, and prefetches for the next three: the slots of the first one's
/// entries, the entries of the second, the neighbours of those of the third. What was found may have changed by the time
/// it is applied; it is looked up again, and only the time depends on it.
#[inline]
fn in_batches<T, P: ReplayPolicy, I: Index>(
    entries: &mut T,
    requests: &[I::Key],
    parts: impl Fn(&T) -> (&P, &I),
    mut apply: impl FnMut(&mut T, &[I::Key]),
) {
    for number in 0..requests.len().div_ceil(BATCH) + 3 {
        let (policy, index) = parts(entries);
        for &key in batch(requests, number, 0) {
            index.prefetch(key);
        }
        for &key in batch(requests, number, 1) {
            let slot = index.guess(key);
            index.prefetch_slot(slot);
            policy.prefetch_entry(Slot(slot));
        }
        look_around(policy, index, batch(requests, number, 2));
        apply(entries, batch(requests, number, 3));
    }
}

/// Prefetches what a policy will need for requests whose entries were looked up.
#[inline]
fn look_around<P: ReplayPolicy, I: Index>(policy: &P, index: &I, requests: &[I::Key]) {
    // Without a branch for each: a processor cannot predict whether a request will miss. And without a panic, so that
    // the compiler leaves all of it out for a policy that prefetches nothing for a miss.
    let (mut missing, mut count) = ([I::Key::default(); BATCH], 0);
    for &key in requests {
        let slot = index.guess(key);
        policy.prefetch_neighbours(Slot(slot));
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

impl<P: ReplayPolicy, I: Index> Unit<P, I> {
    /// Whether the request hits.
    #[inline(always)]
    fn access(&mut self, key: I::Key) -> bool {
        let slot = self.index.guess(key);
        let hit = self.index.holds(slot, key);
        self.apply(hit, slot, key);
        hit
    }

    #[inline(always)]
    fn apply(&mut self, hit: bool, slot: u32, key: I::Key) {
        if hit {
            self.policy.on_hit(Slot(slot));
        } else {
            self.miss(slot, key);
        }
    }

    /// The same where it is rare.
    #[cold]
    #[inline(never)]
    fn apply_apart(&mut self, hit: bool, slot: u32, key: I::Key) {
        self.apply(hit, slot, key);
    }

    /// A request once the cache is full, for a policy that [serves](ReplayPolicy::serve) it.
    #[inline(always)]
    fn serve(&mut self, key: I::Key) -> bool {
        let slot = self.index.guess(key);
        let hit = self.index.holds(slot, key);
        match self.policy.serve(hit, Slot(slot)) {
            Some(slot) => self.index.served(hit, slot, key),
            None => self.apply_apart(hit, slot, key),
        }
        hit
    }

    #[inline(never)]
    fn miss(&mut self, guess: u32, key: I::Key) {
        let id = self.index.id(key);
        if let Some(ghosts) = self.policy.ghost_slots() {
            ghosts.set_lookup(self.index.lookup_ghost(guess, key));
        }
        self.policy.on_miss(id, 1);
        if self.room == 0 {
            let Some(victim) = self.policy.victim() else { return };
            if !retains(&mut self.policy) {
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

/// Whether the last victim stays in its slot.
#[inline]
fn retains<P: ReplayPolicy>(policy: &mut P) -> bool {
    policy.ghost_slots().is_some_and(|ghosts| ghosts.retains())
}

/// Puts the key where something evicted is no longer remembered, else into a new slot; [`NIL`] where there is none.
#[inline]
fn take<P: ReplayPolicy, I: Index>(policy: &mut P, index: &mut I, key: I::Key) -> u32 {
    match policy.ghost_slots().and_then(InSlot::reclaim) {
        Some(slot) => {
            index.replace(slot, key);
            slot.0
        }
        None => index.push(key),
    }
}

impl<P: ReplayPolicy + 'static, I: Index + Send> Feed<I::Key> for Unit<P, I> {
    fn learn(&mut self, ids: &[u64]) {
        self.index.learn(ids);
    }

    fn feed(&mut self, requests: &[I::Key], sizes: &[u32]) -> Result<Tally, PolicyFault> {
        let mut tally = Tally::default();
        let mut sizes = sizes.iter();
        in_batches(
            self,
            requests,
            |entries| (&entries.policy, &entries.index),
            |entries, requests| {
                if sizes.len() != 0 {
                    for (&key, &size) in requests.iter().zip(&mut sizes) {
                        tally.count(entries.access(key), size.max(1));
                    }
                } else if entries.room == 0 && entries.policy.serves() {
                    for &key in requests {
                        tally.hits += u64::from(entries.serve(key));
                    }
                } else {
                    for &key in requests {
                        tally.hits += u64::from(entries.access(key));
                    }
                }
            },
        );
        Ok(tally)
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

impl<P: ReplayPolicy, I: Index> Weighed<P, I> {
    #[inline(always)]
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
        if let Some(ghosts) = self.policy.ghost_slots() {
            ghosts.set_lookup(self.index.lookup_ghost(guess, key));
        }
        self.policy.on_miss(id, weight);
        while weight > self.room {
            let Some(slot) = self.policy.victim() else { return };
            self.room += u64::from(self.weights[at(slot.0)]);
            if retains(&mut self.policy) {
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

impl<P: ReplayPolicy + 'static, I: Index + Send> Feed<I::Key> for Weighed<P, I> {
    fn learn(&mut self, ids: &[u64]) {
        self.index.learn(ids);
    }

    fn feed(&mut self, requests: &[I::Key], sizes: &[u32]) -> Result<Tally, PolicyFault> {
        let mut tally = Tally::default();
        let mut sizes = sizes.iter();
        in_batches(
            self,
            requests,
            |entries| (&entries.policy, &entries.index),
            |entries, requests| {
                if sizes.len() == 0 {
                    for &key in requests {
                        tally.hits += u64::from(entries.access(key, 1));
                    }
                } else {
                    for (&key, &size) in requests.iter().zip(&mut sizes) {
                        tally.count(entries.access(key, size.max(1)), size.max(1));
                    }
                }
            },
        );
        Ok(tally)
    }
}
