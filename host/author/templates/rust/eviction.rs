//! An eviction policy: which entries of a cache leave when there is no room.
//!
//! This one takes the oldest entry that was not used since it was last looked at. Replace it with an idea of your own. The
//! host keeps keys and values; a policy orders slots, small numbers, so that a list by slot is all that it needs.
//! `policy_sdk::host_policy` has policies to learn from.

use std::collections::VecDeque;

use policy_sdk::host_policy::{ExportedEntry, ImportedEntry, Policy, ReplayPolicy, Slot};

#[derive(Default)]
struct SecondChance {
    /// From the oldest to the newest: the slot, and the stamp that its entry had when it came in. What has another stamp by
    /// now is out of date.
    queue: VecDeque<(u32, u32)>,
    /// By slot.
    entries: Vec<Entry>,
    stamp: u32,
    resident: usize,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    /// 0 where no entry is resident.
    stamp: u32,
    used: bool,
    uses: u32,
}

impl SecondChance {
    /// The entry in a slot, where one is resident.
    fn held(&mut self, slot: Slot) -> Option<&mut Entry> {
        self.entries
            .get_mut(slot.0 as usize)
            .filter(|entry| entry.stamp != 0)
    }

    fn push(&mut self, slot: Slot, uses: u32) {
        self.on_remove(slot);
        if self.entries.len() <= slot.0 as usize {
            self.entries.resize(slot.0 as usize + 1, Entry::default());
        }
        self.stamp = self.stamp.wrapping_add(1).max(1);
        self.entries[slot.0 as usize] = Entry {
            stamp: self.stamp,
            used: false,
            uses,
        };
        self.queue.push_back((slot.0, self.stamp));
        self.resident += 1;
    }
}

impl Policy for SecondChance {
    fn on_hit(&mut self, slot: Slot) {
        if let Some(entry) = self.held(slot) {
            entry.used = true;
            entry.uses = entry.uses.saturating_add(1);
        }
    }

    fn on_miss(&mut self, _id: u64, _weight: u64) {}

    fn victim(&mut self) -> Option<Slot> {
        while let Some((slot, stamp)) = self.queue.pop_front() {
            let slot = Slot(slot);
            let Some(entry) = self.held(slot).filter(|entry| entry.stamp == stamp) else {
                continue;
            };
            if !std::mem::take(&mut entry.used) {
                self.on_remove(slot);
                return Some(slot);
            }
            self.queue.push_back((slot.0, stamp));
        }
        None
    }

    fn on_insert(&mut self, slot: Slot, _id: u64, _weight: u64) {
        self.push(slot, 1);
    }

    fn on_remove(&mut self, slot: Slot) {
        let Some(entry) = self.held(slot) else { return };
        *entry = Entry::default();
        self.resident -= 1;
        // What is out of date leaves the queue at its front; where it does not get there, all of it at once.
        if self.queue.len() > 2 * self.resident + 64 {
            let entries = &self.entries;
            self.queue
                .retain(|(slot, stamp)| entries[*slot as usize].stamp == *stamp);
        }
    }

    fn on_reweigh(&mut self, _slot: Slot, _weight: u64) {}

    fn set_capacity(&mut self, _capacity: u64) {}

    fn export(&self) -> Vec<ExportedEntry> {
        let current = self
            .queue
            .iter()
            .filter(|(slot, stamp)| self.entries[*slot as usize].stamp == *stamp);
        let entry = |slot: u32| ExportedEntry {
            slot: Slot(slot),
            frequency: self.entries[slot as usize].uses,
        };
        current.map(|(slot, _)| entry(*slot)).collect()
    }

    fn import(&mut self, entries: &[ImportedEntry]) {
        for entry in entries {
            self.push(entry.slot, entry.frequency);
        }
    }

    fn len(&self) -> usize {
        self.resident
    }
}

impl ReplayPolicy for SecondChance {}

policy_sdk::export_policy! {
    name: "{{name}}",
    summary: "Takes the oldest entry that was not used since it was last looked at",
    wants_ids: false,
    open: |_opening| SecondChance::default(),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_spared_once() {
        let mut policy = SecondChance::default();
        (0..3).for_each(|slot| policy.on_insert(Slot(slot), 0, 1));
        policy.on_hit(Slot(0));
        let victims: Vec<_> = std::iter::from_fn(|| policy.victim()).collect();
        assert_eq!(victims, [Slot(1), Slot(2), Slot(0)]);
    }
}
