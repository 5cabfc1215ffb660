//! A policy that is not built in, for tests.

use host_cache::policy::{ExportedEntry, ImportedEntry, Policy, Slot};

/// Evicts what was used most recently: the best there is for a loop, and unlike any built-in policy.
#[derive(Default)]
pub(crate) struct Mru {
    /// The entries, the most recently used last.
    order: Vec<Slot>,
}

impl Policy for Mru {
    fn on_hit(&mut self, slot: Slot) {
        let before = self.order.len();
        self.on_remove(slot);
        if self.order.len() < before {
            self.order.push(slot);
        }
    }

    fn on_miss(&mut self, _id: u64, _weight: u64) {}

    fn victim(&mut self) -> Option<Slot> {
        self.order.pop()
    }

    fn on_insert(&mut self, slot: Slot, _id: u64, _weight: u64) {
        self.order.push(slot);
    }

    fn on_remove(&mut self, slot: Slot) {
        self.order.retain(|&held| held != slot);
    }

    fn on_reweigh(&mut self, _slot: Slot, _weight: u64) {}

    fn set_capacity(&mut self, _capacity: u64) {}

    fn export(&self) -> Vec<ExportedEntry> {
        self.order.iter().rev().map(|&slot| ExportedEntry { slot, frequency: 1 }).collect()
    }

    fn import(&mut self, entries: &[ImportedEntry]) {
        self.order = entries.iter().map(|entry| entry.slot).collect();
    }

    fn len(&self) -> usize {
        self.order.len()
    }
}
