//! Where an entry is: the slot of a key, by its number or by its hash.
#![expect(
    clippy::indexing_slicing,
    reason = "slots are handed out here, and numbers are below those of the keys"
)]

use hashbrown::HashTable;
use host_contract::split_mix::mix;
use host_policy::Slot;

use crate::index::{NIL, at};
use crate::prefetch::prefetch_at;

/// The bit of an entry that was evicted and is retained: set in its key, and in its slot in the table of [`Hashed`].
const RETAINED: u32 = 1 << 31;

/// Finds the slot of a key. Slots are dense and given out by [`push`](Index::push).
pub(super) trait Index {
    type Key: Copy + Default;
    /// The hash of the key that policies see.
    fn id(&self, key: Self::Key) -> u64;
    /// Prefetches what [`guess`](Index::guess) will read.
    fn prefetch(&self, _key: Self::Key) {}
    /// Prefetches what [`holds`](Index::holds) will read.
    fn prefetch_slot(&self, slot: u32);
    /// A slot that holds the key if any does, found in one step. For what comes before [`holds`](Index::holds).
    fn guess(&self, key: Self::Key) -> u32;
    /// Whether the slot, a [`guess`](Index::guess) of any time, holds the key.
    fn holds(&self, slot: u32, key: Self::Key) -> bool;
    /// The slot, a [`guess`](Index::guess) just made, if the key was evicted and is retained in it. The key may then
    /// be put elsewhere.
    fn lookup_ghost(&mut self, slot: u32, key: Self::Key) -> Option<Slot>;
    /// Gives the key the next new slot; [`NIL`] once there is none.
    fn push(&mut self, key: Self::Key) -> u32;
    /// Forgets the key in a slot.
    fn clear(&mut self, slot: Slot);
    /// Takes the key in a slot for evicted, and retains it there.
    fn retain(&mut self, slot: Slot);
    /// Puts a key into a slot that is clear.
    fn put(&mut self, slot: Slot, key: Self::Key);
    /// Learns the hashes of further keys, where keys are numbers.
    fn learn(&mut self, ids: &[u64]);
    /// After a request: the key that hit is in the slot, or goes there in place of another one.
    #[inline]
    fn served(&mut self, hit: bool, slot: Slot, key: Self::Key) {
        if !hit {
            self.replace(slot, key);
        }
    }
    /// Puts a key into a slot in place of another one.
    #[inline]
    fn replace(&mut self, slot: Slot, key: Self::Key) {
        self.clear(slot);
        self.put(slot, key);
    }
}

/// The slot of a key is where it was last, if it still is there (the sparse set of Briggs and Torczon, "An efficient
/// representation for sparse sets", ACM LOPLAS 1993). So nothing has to be done about a key that goes: its place in the
/// large array is far away, and a store to it would be waited for.
#[derive(Default)]
pub(super) struct Numbered {
    /// The slot that each key, by number, had last.
    slots: Vec<u32>,
    /// The number of the key in each slot, [`RETAINED`] or not; [`NIL`], which is no key's, where there is none.
    keys: Vec<u32>,
    /// The hash of each key, by number.
    ids: Vec<u64>,
}

impl Index for Numbered {
    type Key = u32;

    #[inline]
    fn id(&self, key: u32) -> u64 {
        self.ids.get(at(key)).copied().unwrap_or_default()
    }

    #[inline]
    fn prefetch(&self, key: u32) {
        prefetch_at(&self.slots, at(key));
    }

    #[inline]
    fn prefetch_slot(&self, slot: u32) {
        prefetch_at(&self.keys, at(slot));
    }

    #[inline]
    fn guess(&self, key: u32) -> u32 {
        self.slots.get(at(key)).copied().unwrap_or(NIL)
    }

    #[inline]
    fn holds(&self, slot: u32, key: u32) -> bool {
        self.keys.get(at(slot)) == Some(&key)
    }

    #[inline]
    fn lookup_ghost(&mut self, slot: u32, key: u32) -> Option<Slot> {
        self.holds(slot, key | RETAINED).then_some(Slot(slot))
    }

    #[inline]
    fn push(&mut self, key: u32) -> u32 {
        let slot = next_slot(self.keys.len());
        if slot != NIL {
            reserve(&mut self.keys);
            self.keys.push(key);
            self.slots[at(key)] = slot;
        }
        slot
    }

    #[inline]
    fn clear(&mut self, slot: Slot) {
        self.keys[at(slot.0)] = NIL;
    }

    #[inline]
    fn retain(&mut self, slot: Slot) {
        self.keys[at(slot.0)] |= RETAINED;
    }

    #[inline]
    fn put(&mut self, slot: Slot, key: u32) {
        self.keys[at(slot.0)] = key;
        self.slots[at(key)] = slot.0;
    }

    #[inline]
    fn replace(&mut self, slot: Slot, key: u32) {
        self.put(slot, key);
    }

    #[inline]
    fn served(&mut self, _hit: bool, slot: Slot, key: u32) {
        // After a hit it says what it said, without a branch.
        self.put(slot, key);
    }

    fn learn(&mut self, ids: &[u64]) {
        self.ids.extend(ids);
        self.slots.resize(self.ids.len(), 0);
    }
}

#[derive(Default)]
pub(super) struct Hashed {
    /// Slots, [`RETAINED`] or not.
    table: HashTable<u32>,
    /// The key in each slot.
    keys: Vec<u64>,
}

impl Index for Hashed {
    type Key = u64;

    #[inline]
    fn id(&self, key: u64) -> u64 {
        key
    }

    #[inline]
    fn prefetch_slot(&self, _slot: u32) {
        // To guess it, it was read.
    }

    #[inline]
    fn guess(&self, key: u64) -> u32 {
        self.table.find(mix(key), |&slot| self.keys[place(slot)] == key).copied().unwrap_or(NIL)
    }

    #[inline]
    fn holds(&self, slot: u32, key: u64) -> bool {
        self.keys.get(at(slot)) == Some(&key)
    }

    fn lookup_ghost(&mut self, slot: u32, key: u64) -> Option<Slot> {
        let retained = slot != NIL && slot & RETAINED != 0;
        if retained && let Ok(found) = self.table.find_entry(mix(key), |&held| held == slot) {
            found.remove();
        }
        retained.then_some(Slot(slot & !RETAINED))
    }

    fn push(&mut self, key: u64) -> u32 {
        let slot = next_slot(self.keys.len());
        if slot != NIL {
            reserve(&mut self.keys);
            self.keys.push(key);
            self.put(Slot(slot), key);
        }
        slot
    }

    fn clear(&mut self, slot: Slot) {
        let key = self.keys[at(slot.0)];
        if let Ok(found) = self.table.find_entry(mix(key), |&held| place(held) == at(slot.0)) {
            found.remove();
        }
    }

    fn retain(&mut self, slot: Slot) {
        if let Some(held) = self.table.find_mut(mix(self.keys[at(slot.0)]), |&held| held == slot.0) {
            *held |= RETAINED;
        }
    }

    fn put(&mut self, slot: Slot, key: u64) {
        self.keys[at(slot.0)] = key;
        let keys = &self.keys;
        self.table.insert_unique(mix(key), slot.0, |&slot| mix(keys[place(slot)]));
    }

    fn learn(&mut self, _ids: &[u64]) {}
}

/// Where the key of a slot is, [`RETAINED`] or not.
#[inline]
const fn place(slot: u32) -> usize {
    at(slot & !RETAINED)
}

/// The slot behind so many; [`NIL`] once the bit of [`RETAINED`] would be needed.
#[inline]
fn next_slot(slots: usize) -> u32 {
    u32::try_from(slots).ok().filter(|&slot| slot < RETAINED - 1).unwrap_or(NIL)
}

/// Makes room for one more, and for a sixteenth: the vector of a full cache grows no more, and would keep twice what it
/// needs.
#[inline]
fn reserve<T>(slots: &mut Vec<T>) {
    if slots.len() == slots.capacity() {
        slots.reserve_exact(slots.len() / 16 + 1);
    }
}
