//! A cache of ids by itself, one request at a time: what a shadow has to miss, and nothing else.

use super::adopted::ShadowState;
use host_policy::{MOST_CAPACITY, Policy, PolicyFactory, Slot};
use std::collections::HashMap;

pub(super) struct Alone {
    kind: PolicyFactory,
    capacity: u64,
    used: u64,
    policy: Box<dyn Policy>,
    slots: HashMap<u64, u32>,
    /// Id and weight by slot.
    held: Vec<Option<(u64, u64)>>,
    free: Vec<usize>,
    misses: u64,
}

impl Alone {
    pub(super) fn new(kind: &PolicyFactory, capacity: u64) -> Self {
        let capacity = capacity.min(MOST_CAPACITY);
        Self {
            kind: kind.clone(),
            capacity,
            used: 0,
            policy: kind.build(capacity),
            slots: HashMap::new(),
            held: Vec::new(),
            free: Vec::new(),
            misses: 0,
        }
    }

    /// What a shadow hands over, going on by itself.
    pub(super) fn of(state: ShadowState, capacity: u64) -> Self {
        let used = state.entries.iter().flatten().map(|entry| entry.1).sum();
        let slots = (0..).zip(&state.entries).filter_map(|(slot, entry)| entry.map(|(id, _)| (id, slot)));
        Self {
            capacity,
            used,
            slots: slots.collect(),
            free: (0..state.entries.len()).filter(|&slot| state.entries[slot].is_none()).collect(),
            kind: state.kind,
            policy: state.policy,
            held: state.entries,
            misses: 0,
        }
    }

    pub(super) fn access(&mut self, id: u64, weight: u64) -> bool {
        if let Some(&slot) = self.slots.get(&id) {
            self.policy.on_hit(Slot(slot));
            return true;
        }
        self.misses += 1;
        self.store(id, weight.max(1));
        false
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
        let slot = self.free.pop().unwrap_or_else(|| {
            self.held.push(None);
            self.held.len() - 1
        });
        self.held[slot] = Some((id, weight));
        let slot = u32::try_from(slot).unwrap();
        self.slots.insert(id, slot);
        self.used += weight;
        self.policy.on_insert(Slot(slot), id, weight);
    }

    fn evict(&mut self) -> bool {
        self.policy.victim().map(|slot| self.release(slot.0)).is_some()
    }

    fn release(&mut self, slot: u32) {
        let slot = usize::try_from(slot).unwrap();
        let (id, weight) = self.held[slot].take().unwrap();
        self.free.push(slot);
        self.slots.remove(&id);
        self.used -= weight;
    }

    pub(super) fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity.min(MOST_CAPACITY);
        self.policy.set_capacity(self.capacity);
        while self.used > self.capacity && self.evict() {}
    }

    pub(super) fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        let gone: Vec<_> = self.slots.iter().filter(|(id, _)| !keep(**id)).map(|(_, &slot)| slot).collect();
        for slot in gone {
            self.policy.on_remove(Slot(slot));
            self.release(slot);
        }
    }

    pub(super) const fn misses(&self) -> u64 {
        self.misses
    }

    pub(super) const fn policy(&self) -> &PolicyFactory {
        &self.kind
    }

    /// Ids and weights of the entries, by id.
    pub(super) fn entries(&self) -> Vec<(u64, u64)> {
        let mut entries: Vec<_> = self.held.iter().flatten().copied().collect();
        entries.sort_unstable();
        entries
    }

    /// The ids in the order of the policy's export.
    pub(super) fn order(&self) -> Vec<u64> {
        let id = |slot: Slot| self.held[usize::try_from(slot.0).unwrap()].unwrap().0;
        self.policy.export().iter().map(|entry| id(entry.slot)).collect()
    }
}
