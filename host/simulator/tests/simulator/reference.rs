//! A naive cache: it drives a policy one request at a time, by the sequence that the policy crate documents.

use std::collections::HashMap;

use host_policy::{Policy, PolicyFactory, Slot, reconcile};

/// A cache of ids without values.
pub(crate) struct Reference {
    kind: PolicyFactory,
    policy: Box<dyn Policy>,
    capacity: u64,
    slots: HashMap<u64, u32>,
    /// Id and weight of the entry in each slot.
    entries: Vec<Option<(u64, u64)>>,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

impl Reference {
    pub(crate) fn new(kind: &PolicyFactory, capacity: u64) -> Self {
        let (slots, entries) = (HashMap::new(), Vec::new());
        Self {
            kind: kind.clone(),
            policy: kind.build(capacity),
            capacity,
            slots,
            entries,
            hits: 0,
            misses: 0,
        }
    }

    /// Asks for an id; true if it was there. If not, it is stored unless it is heavier than the capacity.
    pub(crate) fn access(&mut self, id: u64, weight: u64) -> bool {
        if let Some(&slot) = self.slots.get(&id) {
            self.hits += 1;
            self.policy.on_hit(Slot(slot));
            return true;
        }
        self.misses += 1;
        let weight = weight.max(1);
        if weight <= self.capacity {
            self.policy.on_miss(id, weight);
            self.evict_to(self.capacity - weight);
            let slot = self.entries.iter().position(Option::is_none).unwrap_or(self.entries.len());
            self.entries.resize(self.entries.len().max(slot + 1), None);
            self.entries[slot] = Some((id, weight));
            self.slots.insert(id, slot as u32);
            self.policy.on_insert(Slot(slot as u32), id, weight);
        }
        false
    }

    pub(crate) fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.policy.set_capacity(capacity);
        self.evict_to(capacity);
    }

    pub(crate) fn set_policy(&mut self, kind: &PolicyFactory) {
        if *kind != self.kind {
            let entries = reconcile(&self.policy.export(), self.entries.len() as u32, |slot| {
                self.entries.get(slot.0 as usize).copied().flatten()
            });
            self.policy = kind.rebuild(self.capacity, &entries);
            self.kind = kind.clone();
        }
    }

    pub(crate) fn used(&self) -> u64 {
        self.entries.iter().flatten().map(|&(_, weight)| weight).sum()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    fn evict_to(&mut self, most: u64) {
        let mut used = self.used();
        while used > most {
            let victim = self.policy.victim().unwrap();
            let (id, weight) = self.entries[victim.0 as usize].take().unwrap();
            self.slots.remove(&id);
            used -= weight;
        }
    }
}
