//! A cache of ids without values: a shadow's.
//!
//! It drives a [`Policy`] by the same sequence of calls as [`Cache`](crate::Cache), so that it misses what the cache
//! would. It cannot fail: an entry heavier than the capacity is a miss and is not stored.
#![expect(clippy::indexing_slicing, reason = "slots come from the table, which holds only slots handed out")]

use super::adopted::ShadowState;
use crate::index::{NIL, at};
use hashbrown::HashTable;
use host_contract::split_mix::mix;
use host_policy::{MOST_CAPACITY, Policy, PolicyFactory, Slot};

/// What a slot holds; weight 0 marks a free slot.
#[derive(Debug, Clone, Copy)]
struct Held {
    id: u64,
    weight: u64,
}

/// The cache; see the [module](self).
pub(super) struct Miniature {
    kind: PolicyFactory,
    capacity: u64,
    used: u64,
    policy: Box<dyn Policy>,
    /// The slot of each id.
    table: HashTable<u32>,
    slots: Vec<Held>,
    free: Vec<u32>,
    misses: u64,
}

impl Miniature {
    /// An empty cache. `capacity` is in the unit of the weights; over 2^62 counts as 2^62.
    pub(super) fn new(kind: &PolicyFactory, capacity: u64) -> Self {
        let capacity = capacity.min(MOST_CAPACITY);
        Self {
            kind: kind.clone(),
            capacity,
            used: 0,
            policy: kind.build(capacity),
            table: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            misses: 0,
        }
    }

    /// Asks for the entry `id`; true if it was there. If not, it is stored with `weight` (0 counts as 1),
    /// evicting what the policy says, unless it is heavier than the capacity. A hit keeps the weight the
    /// entry was stored with.
    #[inline]
    pub(super) fn access(&mut self, id: u64, weight: u64) -> bool {
        if let Some(&slot) = self.table.find(mix(id), |&slot| self.slots[at(slot)].id == id) {
            self.policy.on_hit(Slot(slot));
            return true;
        }
        self.misses += 1;
        self.store(id, weight.max(1));
        false
    }

    /// Requests that did not find their entry.
    pub(super) const fn misses(&self) -> u64 {
        self.misses
    }

    /// Number of entries.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The policy in use.
    pub(super) const fn policy(&self) -> &PolicyFactory {
        &self.kind
    }

    /// A copy of the policy with the entries that it holds; `None` where it cannot be copied.
    pub(super) fn state(&self) -> Option<ShadowState> {
        let policy = self.policy.duplicate()?;
        let entries = self.slots.iter().map(|held| (held.weight > 0).then_some((held.id, held.weight)));
        Some(ShadowState { kind: self.kind.clone(), policy, entries: entries.collect() })
    }

    /// Changes the capacity, evicting at once what no longer fits. Over 2^62 counts as 2^62.
    pub(super) fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity.min(MOST_CAPACITY);
        self.policy.set_capacity(self.capacity);
        while self.used > self.capacity && self.evict() {}
    }

    /// Removes every entry whose id does not satisfy `keep`.
    pub(super) fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        for slot in (0..).take(self.slots.len()).map(Slot) {
            let Held { id, weight } = self.slots[at(slot.0)];
            if weight > 0 && !keep(id) {
                self.policy.on_remove(slot);
                self.release(slot);
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
        self.table.insert_unique(mix(id), slot.0, |&slot| mix(slots[at(slot)].id));
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
        if let Ok(found) = self.table.find_entry(mix(id), |&held| held == slot.0) {
            found.remove();
        }
        self.used -= weight;
        self.slots[at(slot.0)] = Held { id: 0, weight: 0 };
        self.free.push(slot.0);
    }
}

impl std::fmt::Debug for Miniature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Miniature")
            .field("policy", &self.kind)
            .field("capacity", &self.capacity)
            .field("used", &self.used)
            .field("misses", &self.misses)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Miniature;
    use host_policy::builtin;

    #[test]
    fn an_entry_over_the_capacity_is_a_miss_and_is_not_stored() {
        for kind in &builtin::ALL {
            let mut cache = Miniature::new(kind, 10);
            assert!(!cache.access(1, 4));
            assert!(!cache.access(2, 11));
            assert!(!cache.access(2, 11));
            assert!(cache.access(1, 4), "{kind}: the refused entry evicted nothing");
            assert_eq!((cache.used, cache.misses), (4, 3));
        }
    }

    #[test]
    fn capacity_and_entries_change_while_it_runs() {
        for kind in &builtin::ALL {
            let mut cache = Miniature::new(kind, 100);
            for id in 0..100 {
                cache.access(id, 1);
            }
            cache.retain(|id| id % 2 == 0);
            assert_eq!((cache.table.len(), cache.used), (50, 50));
            cache.set_capacity(20);
            assert_eq!((cache.table.len(), cache.used), (20, 20), "{kind}");
            cache.set_capacity(0);
            assert!(cache.table.is_empty() && !cache.access(98, 1) && cache.table.is_empty());
            cache.set_capacity(u64::MAX);
            assert!(!cache.access(98, u64::MAX) && !cache.access(98, 1) && cache.access(98, 1));
        }
    }
}
