//! Where a shard keeps keys, values and weights: a hash table of slot numbers over a slab of entries.
//!
//! The store knows nothing of order. A slot number stays an entry's name for as long as the entry lives, also
//! when its value is replaced and when another policy takes over, and is used again after the entry has gone.
//! The hash of a key is kept beside it, so that a key is hashed once in its life.
#![expect(clippy::indexing_slicing, reason = "slots come from the table, which holds only occupied slots")]

use hashbrown::{Equivalent, HashTable};
use host_policy::Slot;
use host_policy::list::{NIL, at};

#[derive(Debug)]
pub(super) struct Entry<K, V> {
    pub(super) key: K,
    pub(super) value: V,
    pub(super) hash: u64,
    pub(super) weight: u64,
}

#[derive(Debug)]
pub(super) struct Store<K, V> {
    table: HashTable<u32>,
    slots: Vec<Option<Entry<K, V>>>,
    free: Vec<u32>,
    weight: u64,
}

impl<K, V> Store<K, V> {
    pub(super) const fn new() -> Self {
        Self { table: HashTable::new(), slots: Vec::new(), free: Vec::new(), weight: 0 }
    }

    /// Sum of the weights of the entries.
    pub(super) const fn weight(&self) -> u64 {
        self.weight
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many slot numbers were ever given out.
    pub(super) fn slot_count(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(NIL)
    }

    pub(super) fn entry(&self, slot: Slot) -> Option<&Entry<K, V>> {
        self.slots.get(at(slot.0))?.as_ref()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry<K, V>> {
        self.slots.iter().flatten()
    }

    #[inline]
    pub(super) fn find<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<(Slot, &Entry<K, V>)> {
        let is_it = |entry: &&Entry<K, V>| entry.hash == hash && key.equivalent(&entry.key);
        let slot = *self.table.find(hash, |&slot| self.slots[at(slot)].as_ref().filter(is_it).is_some())?;
        self.slots[at(slot)].as_ref().map(|entry| (Slot(slot), entry))
    }

    /// Stores an entry whose key is not there. The entry comes back once all 2^32 - 1 slots are taken.
    pub(super) fn insert(&mut self, entry: Entry<K, V>) -> Result<Slot, Entry<K, V>> {
        let (hash, weight) = (entry.hash, entry.weight);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[at(slot)] = Some(entry);
                slot
            }
            None => match u32::try_from(self.slots.len()) {
                Ok(slot) if slot != NIL => {
                    self.slots.push(Some(entry));
                    slot
                }
                _ => return Err(entry),
            },
        };
        let slots = &self.slots;
        self.table.insert_unique(hash, slot, |&slot| slots[at(slot)].as_ref().map_or(0, |entry| entry.hash));
        self.weight += weight;
        Ok(Slot(slot))
    }

    /// Puts a new key, value and weight into an occupied slot; the key is equal to the old one.
    pub(super) fn replace(&mut self, slot: Slot, entry: Entry<K, V>) -> Option<Entry<K, V>> {
        let weight = entry.weight;
        let old = self.slots.get_mut(at(slot.0))?.as_mut().map(|held| std::mem::replace(held, entry))?;
        self.weight = self.weight - old.weight + weight;
        Some(old)
    }

    /// Takes the entry out of an occupied slot.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<Entry<K, V>> {
        let entry = self.slots.get_mut(at(slot.0))?.take()?;
        if let Ok(found) = self.table.find_entry(entry.hash, |&held| held == slot.0) {
            found.remove();
        }
        self.free.push(slot.0);
        self.weight -= entry.weight;
        Some(entry)
    }
}
