//! LFU: evict the entry that was used least often since it was inserted.
//!
//! Constant-time frequency lists after Shah, Mitra and Matani, "An O(1) algorithm for implementing the LFU
//! cache eviction scheme" (2010): a list of buckets in ascending frequency, each a list of entries. A hit
//! moves an entry to the back of the next bucket. No parameters.
//!
//! Ties evict the entry that reached its frequency first, which is the least recently used one of that
//! frequency. The count is exact while the entry is resident and forgotten with it ("in-cache LFU").
//!
//! When not to use it: where what is popular changes. Entries that were hot once stay until the newcomers
//! have out-counted them, and newcomers, being least frequent, evict each other meanwhile.

use crate::list::{List, NIL, Nodes};
use crate::replay::hit_in_stages;
use crate::{ExportedEntry, ImportedEntry, Policy, ReplayPolicy, Slot};

#[derive(Debug, Clone, Copy)]
struct Bucket {
    frequency: u32,
    entries: List,
}

/// The policy; see the [module](self).
#[derive(Debug, Clone)]
pub struct Lfu {
    /// The bucket of each slot, [`NIL`] where there is no entry.
    entries: Nodes<u32>,
    buckets: Nodes<Bucket>,
    /// The buckets that hold entries, by ascending frequency.
    ascending: List,
    len: usize,
}

impl Lfu {
    /// A policy that holds no entry.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Nodes::new(), buckets: Nodes::new(), ascending: List::new(), len: 0 }
    }

    #[inline]
    fn bucket_of(&self, slot: Slot) -> Option<u32> {
        self.entries.get(slot.0).copied().filter(|&bucket| bucket != NIL)
    }

    /// The bucket of `frequency`, which belongs right behind the bucket `before` ([`NIL`]: at the front).
    #[inline]
    fn bucket_after(&mut self, before: u32, frequency: u32) -> u32 {
        let next = if before == NIL { self.ascending.front() } else { List::next(&self.buckets, before) };
        if next != NIL && self.buckets.data(next).frequency == frequency {
            return next;
        }
        let bucket = self.buckets.take(Bucket { frequency, entries: List::new() });
        self.ascending.insert_after(&mut self.buckets, before, bucket);
        bucket
    }

    #[inline]
    fn link(&mut self, slot: Slot, bucket: u32) {
        *self.entries.data_mut(slot.0) = bucket;
        self.buckets.data_mut(bucket).entries.push_back(&mut self.entries, slot.0);
    }

    #[inline]
    fn unlink(&mut self, slot: Slot, bucket: u32) {
        let list = &mut self.buckets.data_mut(bucket).entries;
        list.remove(&mut self.entries, slot.0);
        *self.entries.data_mut(slot.0) = NIL;
        if list.is_empty() {
            self.ascending.remove(&mut self.buckets, bucket);
            self.buckets.give(bucket);
        }
    }
}

impl Default for Lfu {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy for Lfu {
    #[inline]
    fn on_hit(&mut self, slot: Slot) {
        let Some(bucket) = self.bucket_of(slot) else { return };
        let Bucket { frequency, entries } = self.buckets.data_mut(bucket);
        let Some(higher) = frequency.checked_add(1) else {
            entries.move_to_back(&mut self.entries, slot.0);
            return;
        };
        let next = List::next(&self.buckets, bucket);
        let next_is_higher = next != NIL && self.buckets.data(next).frequency == higher;
        let data = self.buckets.data_mut(bucket);
        if data.entries.len() == 1 && !next_is_higher {
            // Alone in its bucket, and no bucket of the next frequency: the bucket itself rises.
            data.frequency = higher;
            return;
        }
        let target = self.bucket_after(bucket, higher);
        self.unlink(slot, bucket);
        self.link(slot, target);
    }

    #[inline]
    fn on_hits(&mut self, slots: &[Slot]) {
        hit_in_stages(self, slots);
    }

    #[inline]
    fn on_miss(&mut self, _id: u64, _weight: u64) {}

    #[inline]
    fn victim(&mut self) -> Option<Slot> {
        let lowest = self.ascending.front();
        let slot = Slot(self.buckets.get(lowest)?.entries.front());
        self.unlink(slot, lowest);
        self.len -= 1;
        Some(slot)
    }

    fn next_victim(&self) -> Option<Slot> {
        Some(Slot(self.buckets.get(self.ascending.front())?.entries.front()))
    }

    #[inline]
    fn on_insert(&mut self, slot: Slot, _id: u64, _weight: u64) {
        self.on_remove(slot);
        self.entries.reach(slot.0, &NIL);
        let bucket = self.bucket_after(NIL, 1);
        self.link(slot, bucket);
        self.len += 1;
    }

    #[inline]
    fn on_remove(&mut self, slot: Slot) {
        if let Some(bucket) = self.bucket_of(slot) {
            self.unlink(slot, bucket);
            self.len -= 1;
        }
    }

    fn on_reweigh(&mut self, _slot: Slot, _weight: u64) {}

    fn set_capacity(&mut self, _capacity: u64) {}

    fn export(&self) -> Vec<ExportedEntry> {
        let mut exported = Vec::with_capacity(self.len);
        for bucket in self.ascending.iter(&self.buckets) {
            let Bucket { frequency, entries } = *self.buckets.data(bucket);
            exported.extend(
                entries.iter(&self.entries).map(|slot| ExportedEntry { slot: Slot(slot), frequency }),
            );
        }
        exported
    }

    fn import(&mut self, entries: &[ImportedEntry]) {
        let mut entries = entries.to_vec();
        // Stable: within one frequency the order given is kept, least recently used first.
        entries.sort_by_key(|entry| entry.frequency);
        for entry in entries {
            self.on_remove(entry.slot);
            self.entries.reach(entry.slot.0, &NIL);
            let highest = self.ascending.back();
            let same = self.buckets.get(highest).is_some_and(|bucket| bucket.frequency == entry.frequency);
            let bucket = if same { highest } else { self.bucket_after(highest, entry.frequency) };
            self.link(entry.slot, bucket);
            self.len += 1;
        }
    }

    fn duplicate(&self) -> Option<Box<dyn Policy>> {
        Some(Box::new(self.clone()))
    }

    fn len(&self) -> usize {
        self.len
    }
}

impl ReplayPolicy for Lfu {
    #[inline]
    fn prefetch_entry(&self, slot: Slot) {
        self.entries.fetch(slot.0);
    }

    #[inline]
    fn prefetch_neighbours(&self, slot: Slot) {
        self.entries.prefetch(slot.0);
    }

    #[inline]
    fn serves(&self) -> bool {
        true
    }

    /// Where the victim was used once, the newcomer takes its node, which moves to the end of the bucket.
    #[inline]
    fn serve(&mut self, hit: bool, slot: Slot) -> Option<Slot> {
        if hit {
            self.on_hit(slot);
            return Some(slot);
        }
        let lowest = self.ascending.front();
        self.buckets.get(lowest).filter(|bucket| bucket.frequency == 1)?;
        let entries = &mut self.buckets.data_mut(lowest).entries;
        let slot = entries.front();
        entries.move_to_back(&mut self.entries, slot);
        Some(Slot(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::Lfu;
    use crate::{ImportedEntry, Policy, Slot};

    #[test]
    fn buckets_are_given_back() {
        let mut lfu = Lfu::new();
        for slot in 0..4 {
            lfu.on_insert(Slot(slot), 0, 1);
        }
        for round in 0..1_000 {
            lfu.on_hit(Slot(round % 4));
        }
        for slot in 0..4 {
            lfu.on_remove(Slot(slot));
        }
        assert!(lfu.is_empty());
        assert!(lfu.ascending.is_empty());
        // At most one bucket more than entries was ever needed: 6 would be a leak.
        assert!(lfu.buckets.get(5).is_none());
        assert_eq!(lfu.victim(), None);
    }

    #[test]
    fn the_highest_frequency_saturates() {
        let mut lfu = Lfu::new();
        let entry = |slot| ImportedEntry { slot: Slot(slot), id: 0, weight: 1, frequency: u32::MAX };
        lfu.import(&[entry(0), entry(1)]);
        lfu.on_hit(Slot(0));
        assert_eq!(lfu.victim(), Some(Slot(1)));
        assert_eq!(lfu.victim(), Some(Slot(0)));
    }
}
