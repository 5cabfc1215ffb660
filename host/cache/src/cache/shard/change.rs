//! Changes of single entries: insert, remove, evict, expire.

use super::super::flight::Flight;
use super::super::gone::{Gone, Incoming};
use super::super::store::{Entry, Store};
use super::super::{Cause, Outcome};
use super::control::successor;
use super::{Common, Held, Order, Shard, count};
use crate::sync::Ordering;
use hashbrown::Equivalent;
use host_policy::builtin;
use std::hash::{BuildHasher, Hash};

/// Slots that an insert looks at for entries whose time is over. A shard is looked through once in so many
/// inserts as a fraction of its entries.
const SWEEP: u32 = 4;

impl<K: Eq + Hash, V> Shard<K, V> {
    /// Runs a change with everything held, every note applied before and the copied figures brought up to
    /// date after.
    #[inline]
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Order, &mut Store<K, V>) -> R) -> R {
        self.change_held(self.lanes.order(), change)
    }

    #[inline]
    fn change_held<R>(
        &self,
        held: Held<'_, K, V>,
        change: impl FnOnce(&mut Order, &mut Store<K, V>) -> R,
    ) -> R {
        let mut all = held.exclude();
        // Arrives while the policy is told of the hits.
        all.parts().1.fetch_expected();
        all.each_lane(|order, notes| notes.apply(&mut *order.policy));
        let (order, store) = all.parts();
        let result = change(order, store);
        store.publish(&self.near);
        self.counters.weight.store(store.weight(), Ordering::Release);
        self.counters.entries.store(u64::try_from(store.len()).unwrap_or(u64::MAX), Ordering::Release);
        result
    }

    /// Stores an entry. `None`, and nothing stored, when it comes from a load that was overtaken.
    #[inline]
    pub(in super::super) fn insert(
        &self,
        incoming: Incoming<K, V>,
        common: &Common<impl BuildHasher>,
        load: Option<&Flight<K, V>>,
        gone: &mut Gone<K, V>,
    ) -> Option<Outcome> {
        self.change(|order, store| {
            match load {
                Some(flight) if flight.is_overtaken() => return None,
                Some(_) => {}
                // Whatever is being loaded for this key is older than this value.
                None => self.flights.overtake(incoming.hash, &incoming.entry.key),
            }
            if store.is_mortal() {
                let now = common.expiry.now();
                self.sweep(order, store, now, SWEEP, gone);
                let present = store.find(incoming.hash, &incoming.entry.key).map(|(slot, _)| slot);
                if let Some(slot) = present.filter(|&slot| store.is_over(slot, now)) {
                    order.policy.on_remove(slot);
                    gone.extend(store.remove(slot), Cause::Expired);
                    count(&self.counters.expired);
                }
            }
            Some(self.place(order, store, incoming, common, gone))
        })
    }

    fn place(
        &self,
        order: &mut Order,
        store: &mut Store<K, V>,
        incoming: Incoming<K, V>,
        common: &Common<impl BuildHasher>,
        gone: &mut Gone<K, V>,
    ) -> Outcome {
        let Incoming { hash, weight, lifetime, entry } = incoming;
        let present = store.find(hash, &entry.key).map(|(slot, _)| slot);
        if weight > order.capacity {
            if let Some(slot) = present {
                // The old value is out of date whether or not the new one fits.
                order.policy.on_remove(slot);
                gone.extend(store.remove(slot), Cause::Replaced);
            }
            count(&self.counters.refused);
            gone.push(entry, Cause::Refused);
            return Outcome::Refused;
        }
        if let Some(slot) = present {
            order.policy.on_hit(slot);
            let old_weight = store.weight_of(slot);
            // A heavier value needs room before it comes in, and its own entry may be what goes.
            while store.entry(slot).is_some()
                && weight > order.capacity.saturating_sub(store.weight() - old_weight)
            {
                self.evict(order, store, common, gone);
            }
            if store.entry(slot).is_some() {
                order.policy.on_reweigh(slot, weight);
                gone.extend(store.replace(slot, entry, weight), Cause::Replaced);
                store.set_lifetime(slot, lifetime);
                count(&self.counters.insertions);
                return Outcome::Replaced;
            }
        }
        order.policy.on_miss(hash, weight);
        let full = weight > order.capacity.saturating_sub(store.weight());
        while weight > order.capacity.saturating_sub(store.weight()) {
            self.evict(order, store, common, gone);
        }
        match store.insert(hash, entry, weight, order.capacity) {
            Ok(slot) => {
                order.policy.on_insert(slot, hash, weight);
                store.set_lifetime(slot, lifetime);
                count(&self.counters.insertions);
                // The next victim is cold by its nature, and needed by the next insert.
                if full && let Some(next) = order.policy.next_victim() {
                    store.expect(next);
                }
                Outcome::Inserted
            }
            Err(entry) => {
                count(&self.counters.refused);
                gone.push(entry, Cause::Refused);
                Outcome::Refused
            }
        }
    }

    /// Evicts one entry of a store that has one.
    ///
    /// A policy that names no entry, or one that is not there, has lost track: LRU takes over within the same
    /// call, with all entries, and the limit holds.
    #[inline]
    pub(super) fn evict(
        &self,
        order: &mut Order,
        store: &mut Store<K, V>,
        common: &Common<impl BuildHasher>,
        gone: &mut Gone<K, V>,
    ) {
        let mut victim = order.policy.victim().and_then(|slot| store.remove(slot));
        if victim.is_none() {
            order.policy = successor(&builtin::LRU, order, store, &common.hasher);
            victim = order.policy.victim().and_then(|slot| store.remove(slot));
        }
        if victim.is_some() {
            count(&self.counters.evictions);
        }
        gone.extend(victim, Cause::Evicted);
    }

    /// Removes what is over its time among the next `most` slots in turn.
    pub(super) fn sweep(
        &self,
        order: &mut Order,
        store: &mut Store<K, V>,
        now: u64,
        mut most: u32,
        gone: &mut Gone<K, V>,
    ) {
        while let Some(slot) = store.sweep(now, &mut most) {
            order.policy.on_remove(slot);
            gone.extend(store.remove(slot), Cause::Expired);
            count(&self.counters.expired);
        }
    }

    /// Removes the entry if its time is over, unless somebody else is changing the shard: a lookup does not wait.
    #[cold]
    pub(in super::super) fn expire<Q: Equivalent<K> + ?Sized, S>(
        &self,
        hash: u64,
        key: &Q,
        common: &Common<S>,
    ) -> Option<Entry<K, V>> {
        let held = self.lanes.try_order()?;
        self.change_held(held, |order, store| {
            let (slot, _) = store.find(hash, key)?;
            // Another value may have come under the key by now.
            if !store.is_over(slot, common.expiry.now()) {
                return None;
            }
            order.policy.on_remove(slot);
            count(&self.counters.expired);
            store.remove(slot)
        })
    }

    /// Removes an entry, and says whether its time was over; a load of the key that is under way will not be
    /// stored.
    pub(in super::super) fn remove<Q: Equivalent<K> + ?Sized, S>(
        &self,
        hash: u64,
        key: &Q,
        common: &Common<S>,
    ) -> Option<(Entry<K, V>, Cause)> {
        self.change(|order, store| {
            self.flights.overtake(hash, key);
            let (slot, _) = store.find(hash, key)?;
            let over = store.is_mortal() && store.is_over(slot, common.expiry.now());
            order.policy.on_remove(slot);
            let entry = store.remove(slot)?;
            if over {
                count(&self.counters.expired);
            }
            Some((entry, if over { Cause::Expired } else { Cause::Removed }))
        })
    }

    /// Counts a lookup that was served by another's load, and tells the policy of the use: to it, it is one
    /// like any.
    pub(in super::super) fn waited<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q) {
        let mut held = self.lanes.order();
        held.each_lane(|order, notes| notes.apply(&mut *order.policy));
        let (order, store) = held.parts();
        if let Some((slot, _)) = store.find(hash, key) {
            order.policy.on_hit(slot);
        }
        count(&self.counters.waited);
    }
}
