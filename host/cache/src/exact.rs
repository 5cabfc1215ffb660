//! A cache without values: which requests hit, single-threaded and exact.
//!
//! The simulator replays traces through it with unit weights, and shadows use it as their miniature cache. It
//! drives a [`Policy`] by the same sequence of calls as [`Cache`](crate::Cache), which is what makes its
//! answer the cache's own: with one shard and one thread the two agree request by request.
//!
//! It cannot fail: an entry heavier than the capacity is a miss and is not stored.
#![expect(clippy::indexing_slicing, reason = "slots come from the index, which holds only slots handed out")]

pub mod replay;

use hashbrown::HashTable;
use host_policy::list::{NIL, at};
use host_policy::mix::mix;
use host_policy::{MOST_CAPACITY, Policy, PolicyFactory, Slot, reconcile};

/// What a slot holds; weight 0 marks a free slot.
#[derive(Debug, Clone, Copy)]
struct Held {
    id: u64,
    weight: u64,
}

/// Finds the slot of an id.
enum Index {
    Hashed(HashTable<u32>),
    /// For ids 0, 1, 2, ...: the slot by id, [`NIL`] where there is none.
    Dense(Vec<u32>),
}

/// A cache of ids without values.
///
/// ```
/// use host_cache::{Exact, builtin};
///
/// let mut cache = Exact::new(&builtin::LRU, 2);
/// assert_eq!([7, 8, 7, 9, 8].map(|id| cache.access(id, 1)), [false, false, true, false, false]);
/// assert_eq!((cache.hits(), cache.misses(), cache.used()), (1, 4, 2));
/// ```
pub struct Exact {
    kind: PolicyFactory,
    capacity: u64,
    used: u64,
    policy: Box<dyn Policy>,
    index: Index,
    slots: Vec<Held>,
    free: Vec<u32>,
    hits: u64,
    misses: u64,
}

impl Exact {
    /// An empty cache for any ids. `capacity` is in the unit of the weights; over 2^62 counts as 2^62.
    pub fn new(kind: &PolicyFactory, capacity: u64) -> Self {
        Self::with_index(kind, capacity, Index::Hashed(HashTable::new()))
    }

    /// An empty cache for the ids 0 to `distinct` - 1, which it finds by position: faster by a hash a
    /// request, for 4 bytes per distinct id. Larger ids work, and grow the table.
    pub fn dense(kind: &PolicyFactory, capacity: u64, distinct: u32) -> Self {
        Self::with_index(kind, capacity, Index::Dense(vec![NIL; at(distinct)]))
    }

    fn with_index(kind: &PolicyFactory, capacity: u64, index: Index) -> Self {
        let capacity = capacity.min(MOST_CAPACITY);
        let policy = kind.build(capacity);
        let kind = kind.clone();
        Self {
            kind,
            capacity,
            used: 0,
            policy,
            index,
            slots: Vec::new(),
            free: Vec::new(),
            hits: 0,
            misses: 0,
        }
    }

    /// Asks for the entry `id`; true if it was there. If not, it is stored with `weight` (0 counts as 1),
    /// evicting what the policy says, unless it is heavier than the capacity. A hit keeps the weight the
    /// entry was stored with.
    #[inline]
    pub fn access(&mut self, id: u64, weight: u64) -> bool {
        if let Some(slot) = self.find(id) {
            self.hits += 1;
            self.policy.on_hit(slot);
            return true;
        }
        self.misses += 1;
        self.store(id, weight.max(1));
        false
    }

    /// Requests that found their entry.
    pub const fn hits(&self) -> u64 {
        self.hits
    }

    /// Requests that did not find their entry.
    pub const fn misses(&self) -> u64 {
        self.misses
    }

    /// Sum of the weights of the entries; never above the capacity.
    pub const fn used(&self) -> u64 {
        self.used
    }

    /// Number of entries.
    pub const fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is no entry.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The capacity in the unit of the weights.
    pub const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The policy in use.
    pub const fn policy(&self) -> &PolicyFactory {
        &self.kind
    }

    /// Changes the capacity, evicting at once what no longer fits. Over 2^62 counts as 2^62.
    pub fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity.min(MOST_CAPACITY);
        self.policy.set_capacity(self.capacity);
        while self.used > self.capacity && self.evict() {}
    }

    /// Changes the policy. Every entry stays; the [policy module](crate::policy) says what becomes of their
    /// order.
    pub fn set_policy(&mut self, kind: &PolicyFactory) {
        if *kind == self.kind {
            return;
        }
        let entries = reconcile(&self.policy.export(), self.slot_count(), |slot| {
            self.slots.get(at(slot.0)).filter(|held| held.weight > 0).map(|held| (held.id, held.weight))
        });
        self.policy = kind.rebuild(self.capacity, &entries);
        self.kind = kind.clone();
    }

    /// Whether `id` is stored. Does not count as a request.
    pub fn contains(&self, id: u64) -> bool {
        self.find(id).is_some()
    }

    /// Removes the entry `id`; true if it was there.
    pub fn remove(&mut self, id: u64) -> bool {
        let Some(slot) = self.find(id) else { return false };
        self.policy.on_remove(slot);
        self.release(slot);
        true
    }

    /// Removes every entry whose id does not satisfy `keep`.
    pub fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        for index in 0..self.slot_count() {
            let Held { id, weight } = self.slots[at(index)];
            if weight > 0 && !keep(id) {
                self.remove(id);
            }
        }
    }

    fn slot_count(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(NIL)
    }

    #[inline]
    fn find(&self, id: u64) -> Option<Slot> {
        match &self.index {
            Index::Hashed(table) => {
                table.find(mix(id), |&slot| self.slots[at(slot)].id == id).map(|&slot| Slot(slot))
            }
            Index::Dense(slots) => {
                let slot = *slots.get(usize::try_from(id).ok()?)?;
                (slot != NIL).then_some(Slot(slot))
            }
        }
    }

    fn store(&mut self, id: u64, weight: u64) {
        if weight > self.capacity {
            return;
        }
        self.policy.on_miss(id, weight);
        while weight > self.capacity - self.used {
            if !self.evict() {
                return;
            }
        }
        let Some(slot) = self.claim(Held { id, weight }) else { return };
        let slots = &self.slots;
        match &mut self.index {
            Index::Hashed(table) => {
                table.insert_unique(mix(id), slot.0, |&slot| mix(slots[at(slot)].id));
            }
            Index::Dense(by_id) => {
                let Ok(place) = usize::try_from(id) else { return };
                if place >= by_id.len() {
                    by_id.resize(place + 1, NIL);
                }
                by_id[place] = slot.0;
            }
        }
        self.used += weight;
        self.policy.on_insert(slot, id, weight);
    }

    /// A free slot, now holding `held`; `None` once all 2^32 - 1 are taken.
    fn claim(&mut self, held: Held) -> Option<Slot> {
        if let Some(slot) = self.free.pop() {
            self.slots[at(slot)] = held;
            return Some(Slot(slot));
        }
        let slot = u32::try_from(self.slots.len()).ok().filter(|&slot| slot != NIL)?;
        self.slots.push(held);
        Some(Slot(slot))
    }

    fn evict(&mut self) -> bool {
        let victim = self.policy.victim();
        victim.map(|slot| self.release(slot)).is_some()
    }

    /// Frees a slot that the policy no longer holds.
    fn release(&mut self, slot: Slot) {
        let Held { id, weight } = self.slots[at(slot.0)];
        match &mut self.index {
            Index::Hashed(table) => {
                if let Ok(found) = table.find_entry(mix(id), |&held| held == slot.0) {
                    found.remove();
                }
            }
            Index::Dense(by_id) => {
                if let Some(held) = usize::try_from(id).ok().and_then(|place| by_id.get_mut(place)) {
                    *held = NIL;
                }
            }
        }
        self.used -= weight;
        self.slots[at(slot.0)] = Held { id: 0, weight: 0 };
        self.free.push(slot.0);
    }
}

impl std::fmt::Debug for Exact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exact")
            .field("policy", &self.kind)
            .field("capacity", &self.capacity)
            .field("used", &self.used)
            .field("entries", &self.len())
            .field("hits", &self.hits)
            .field("misses", &self.misses)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Exact;
    use host_policy::builtin;

    #[test]
    fn an_entry_over_the_capacity_is_a_miss_and_is_not_stored() {
        for kind in &builtin::ALL {
            let mut cache = Exact::new(kind, 10);
            assert!(!cache.access(1, 4));
            assert!(!cache.access(2, 11));
            assert!(!cache.access(2, 11));
            assert!(cache.access(1, 4), "{kind}: the refused entry evicted nothing");
            assert_eq!((cache.used(), cache.len()), (4, 1));
        }
    }

    #[test]
    fn dense_and_hashed_ids_agree() {
        for kind in &builtin::ALL {
            let mut hashed = Exact::new(kind, 50);
            let mut dense = Exact::dense(kind, 50, 10);
            for step in 0..20_000u64 {
                let id = host_policy::mix::mix(step) % 170 * (step % 7) / 4;
                assert_eq!(hashed.access(id, 1 + id % 3), dense.access(id, 1 + id % 3));
                assert_eq!((hashed.used(), hashed.len()), (dense.used(), dense.len()));
            }
        }
    }

    #[test]
    fn capacity_and_entries_change_while_it_runs() {
        for kind in &builtin::ALL {
            let mut cache = Exact::new(kind, 100);
            for id in 0..100 {
                cache.access(id, 1);
            }
            cache.retain(|id| id % 2 == 0);
            assert_eq!((cache.len(), cache.used()), (50, 50));
            assert!(cache.contains(2) && !cache.contains(3));
            assert!(cache.remove(2) && !cache.remove(2));
            cache.set_capacity(20);
            assert_eq!((cache.len(), cache.used()), (20, 20), "{kind}");
            cache.set_capacity(0);
            assert!(cache.is_empty() && !cache.access(98, 1) && cache.is_empty());
            cache.set_capacity(u64::MAX);
            assert!(!cache.access(98, u64::MAX) && !cache.access(98, 1) && cache.access(98, 1));
        }
    }
}
