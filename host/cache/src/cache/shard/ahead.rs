//! Entries that were loaded ahead of need: onto probation, off it, and dropped from it.

use super::super::flight::Lead;
use super::super::probation::{Probation, Room, Waiting};
use super::super::removed::Removed;
use super::super::store::{Incoming, Store};
use super::super::{Cause, Outcome};
use super::{Common, Order, Shard, count};
use hashbrown::Equivalent;
use std::hash::{BuildHasher, Hash};

impl<K: Eq + Hash, V> Shard<K, V> {
    /// Drops an entry that waits, if it does.
    pub(in super::super) fn discard<Q: Equivalent<K> + ?Sized>(
        &self,
        hash: u64,
        key: &Q,
        removed: &mut Removed<K, V>,
    ) {
        self.change(|_, store| {
            if let Some(waiting) = store.take_waiting(|probation| probation.take(hash, key)) {
                count(&self.counters.unused);
                removed.push(waiting.entry, Cause::Unused);
            }
        });
    }

    /// Drops what came to spare room last; false where nothing waits there.
    #[inline]
    pub(super) fn drop_spare(&self, store: &mut Store<K, V>, removed: &mut Removed<K, V>) -> bool {
        let Some(waiting) = store.take_waiting(Probation::take_spare) else { return false };
        count(&self.counters.unused);
        removed.push(waiting.entry, Cause::Unused);
        true
    }

    /// Drops what has waited longest.
    pub(super) fn drop_waiting(&self, store: &mut Store<K, V>, removed: &mut Removed<K, V>) {
        if let Some(waiting) = store.take_waiting(Probation::take_oldest) {
            count(&self.counters.unused);
            removed.push(waiting.entry, Cause::Unused);
        }
    }

    /// Puts an entry that was loaded ahead of need on probation. One that is heavier than all that may wait there, or than the
    /// spare room that it asks for, is stored like any other where somebody waits for its load, else refused. Nothing
    /// happens where its key is there by now, or the load was overtaken.
    pub(in super::super) fn fill(
        &self,
        incoming: Incoming<K, V>,
        common: &Common<impl BuildHasher>,
        load: Option<&Lead<'_, K, V>>,
        room: Room,
        removed: &mut Removed<K, V>,
    ) -> Option<Outcome> {
        self.change(|order, store| {
            let there = store.find(incoming.hash, &incoming.entry.key).is_some();
            let waits = store.waiting(incoming.hash, &incoming.entry.key).is_some();
            if there || waits || load.is_some_and(|load| load.flight().is_overtaken()) {
                return None;
            }
            let limit = match room {
                Room::Share => order.probation(),
                Room::Spare => order.capacity.saturating_sub(store.weight()),
            };
            if incoming.weight > limit {
                if load.is_some_and(Lead::is_awaited) {
                    return Some(self.store(order, store, incoming, common, removed));
                }
                count(&self.counters.refused);
                removed.push(incoming.entry, Cause::Refused);
                return Some(Outcome::Refused);
            }
            if room == Room::Share {
                while incoming.weight > limit.saturating_sub(store.share_weight()) {
                    self.drop_waiting(store, removed);
                }
                while incoming.weight > order.capacity.saturating_sub(store.weight()) {
                    self.make_room(order, store, common, removed);
                }
            } else {
                count(&self.counters.spare_filled);
            }
            store.put_on_probation(incoming, room);
            count(&self.counters.insertions);
            Some(Outcome::Inserted)
        })
    }

    /// Takes an entry that was asked for off probation, lets `read` see it, and tells the policy of it. `None` where it is not
    /// there.
    #[cold]
    pub(in super::super) fn promote<Q: Equivalent<K> + ?Sized, R>(
        &self,
        hash: u64,
        key: &Q,
        common: &Common<impl BuildHasher>,
        removed: &mut Removed<K, V>,
        read: impl FnOnce(&K, &V) -> R,
    ) -> Option<R> {
        self.change(|order, store| {
            let result = if let Some((slot, entry)) = store.find(hash, key) {
                // Another lookup was faster.
                order.policy.on_hit(slot);
                read(&entry.key, &entry.value)
            } else {
                self.leave_probation(order, store, (hash, key), common, removed, read)?
            };
            count(&self.counters.promoted);
            Some(result)
        })
    }

    pub(super) fn leave_probation<Q: Equivalent<K> + ?Sized, R>(
        &self,
        order: &mut Order,
        store: &mut Store<K, V>,
        (hash, key): (u64, &Q),
        common: &Common<impl BuildHasher>,
        removed: &mut Removed<K, V>,
        read: impl FnOnce(&K, &V) -> R,
    ) -> Option<R> {
        let waiting = store.waiting(hash, key)?;
        let over = waiting.lifetime.is_some() && waiting.is_expired(common.expiry.now());
        // While it still waits: where this panics, nothing is lost.
        let result = (!over).then(|| read(&waiting.entry.key, &waiting.entry.value));
        let Waiting { weight, lifetime, entry, room, .. } =
            store.take_waiting(|probation| probation.take(hash, key))?;
        if over {
            count(&self.counters.expired);
            removed.push(entry, Cause::Expired);
            return None;
        }
        if let Some(lifetime) = &lifetime {
            common.expiry.touch(lifetime, common.expiry.now());
        }
        if room == Room::Spare {
            count(&self.counters.spare_asked);
        }
        self.admit(order, store, Incoming { hash, weight, lifetime, entry }, common, removed);
        result
    }
}
