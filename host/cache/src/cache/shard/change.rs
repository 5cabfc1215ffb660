//! Changes of single entries: insert, remove, evict, expire.

use super::super::expiry::Lifetime;
use super::super::flight::Flight;
use super::super::probation::Probation;
use super::super::removed::Removed;
use super::super::store::{Entry, Incoming, Store, short};
use super::super::{Cause, Outcome};
use super::control::rebuilt;
use super::{Common, Guard, Order, Shard, count};
use crate::sync::Ordering;
use hashbrown::Equivalent;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

/// Slots that an insert looks at for entries whose time is over. A shard is looked through once in so many
/// inserts as a fraction of its entries.
pub(super) const SWEEP: u32 = 4;

impl<K: Eq + Hash, V> Shard<K, V> {
    /// Runs a change with everything held. The policy is told of all buffered hits before, and the copied figures are
    /// brought up to date after. What the policy [defers](super::deferred) is done at the end, with nothing held.
    #[inline]
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Order, &mut Store<K, V>) -> R) -> R {
        self.change_with(self.lock.order(), change)
    }

    #[inline]
    pub(super) fn change_with<R>(
        &self,
        guard: Guard<'_, K, V>,
        change: impl FnOnce(&mut Order, &mut Store<K, V>) -> R,
    ) -> R {
        let mut all = guard.exclude();
        all.each_stripe(|order, buffer| buffer.apply(&mut *order.policy));
        let (order, store) = all.parts();
        let result = change(order, store);
        store.publish(&self.address);
        self.counters.weight.store(store.weight(), Ordering::Release);
        let waiting = store.probation().map_or(0, Probation::len);
        self.counters
            .entries
            .store(u64::try_from(store.len() + waiting).unwrap_or(u64::MAX), Ordering::Release);
        self.counters.probation.store(store.waiting_weight(), Ordering::Release);
        if let Some(probation) = store.probation() {
            self.counters.spare.store(probation.spare_len(), Ordering::Release);
        }
        let work = order.policy.take_deferred();
        drop(all);
        if let Some(work) = work {
            self.run_deferred(work);
        }
        result
    }

    /// Stores an entry. `None`, and nothing stored, when it comes from a load that was overtaken.
    #[inline]
    pub(in super::super) fn insert(
        &self,
        incoming: Incoming<K, V>,
        common: &Common<impl BuildHasher>,
        load: Option<&Flight<K, V>>,
        removed: &mut Removed<K, V>,
    ) -> Option<Outcome> {
        self.address.fetch(short(incoming.hash));
        let mut guard = self.lock.order();
        let (order, store) = guard.parts();
        // Arrives while the stripes are taken and the policy is told of the hits.
        store.fetch_expected();
        order.policy.prepare_miss(incoming.hash);
        self.change_with(guard, |order, store| {
            match load {
                Some(flight) if flight.is_overtaken() => return None,
                Some(_) => {}
                // Whatever is being loaded for this key is older than this value.
                None => self.flights.overtake(incoming.hash, &incoming.entry.key),
            }
            if store.has_lifetimes() {
                let now = common.expiry.now();
                self.sweep(order, store, now, SWEEP, removed);
                let present = store.find(incoming.hash, &incoming.entry.key).map(|(slot, _)| slot);
                if let Some(slot) = present.filter(|&slot| store.is_expired(slot, now)) {
                    order.policy.on_remove(slot);
                    removed.extend(store.remove(slot), Cause::Expired);
                    count(&self.counters.expired);
                }
            }
            Some(self.store(order, store, incoming, common, removed))
        })
    }

    pub(super) fn store(
        &self,
        order: &mut Order,
        store: &mut Store<K, V>,
        incoming: Incoming<K, V>,
        common: &Common<impl BuildHasher>,
        removed: &mut Removed<K, V>,
    ) -> Outcome {
        let Incoming { hash, weight, lifetime, entry } = incoming;
        let present = store.find(hash, &entry.key).map(|(slot, old)| (slot, store.weigh(slot, old)));
        // What waited is out of date, and was not asked for.
        let waited = store.take_waiting(|probation| probation.take(hash, &entry.key));
        let replaces = waited.is_some();
        removed.extend(waited.map(|waiting| waiting.entry), Cause::Replaced);
        if weight > order.capacity {
            if let Some((slot, _)) = present {
                // The old value is out of date whether or not the new one fits.
                order.policy.on_remove(slot);
                removed.extend(store.remove(slot), Cause::Replaced);
            }
            count(&self.counters.refused);
            removed.push(entry, Cause::Refused);
            return Outcome::Refused;
        }
        if let Some((slot, old_weight)) = present {
            order.policy.on_hit(slot);
            let mut is_there = true;
            // A heavier value needs room before it comes in, and its own entry may be what goes.
            while is_there && weight > order.capacity.saturating_sub(store.weight() - old_weight) {
                self.make_room(order, store, common, removed);
                is_there = store.entry(slot).is_some();
            }
            if is_there {
                if weight != old_weight {
                    order.policy.on_reweigh(slot, weight);
                }
                removed.extend(store.replace(slot, entry, (old_weight, weight)), Cause::Replaced);
                store.set_lifetime(slot, lifetime);
                count(&self.counters.insertions);
                return Outcome::Replaced;
            }
        }
        match self.admit(order, store, Incoming { hash, weight, lifetime, entry }, common, removed) {
            Outcome::Inserted if replaces => Outcome::Replaced,
            outcome => outcome,
        }
    }

    /// Gives an entry a slot and tells the policy of it, as of a miss that was loaded.
    pub(super) fn admit(
        &self,
        order: &mut Order,
        store: &mut Store<K, V>,
        incoming: Incoming<K, V>,
        common: &Common<impl BuildHasher>,
        removed: &mut Removed<K, V>,
    ) -> Outcome {
        let Incoming { hash, weight, lifetime, entry } = incoming;
        order.policy.on_miss(hash, weight);
        let full = weight > order.capacity.saturating_sub(store.weight());
        while weight > order.capacity.saturating_sub(store.weight()) {
            self.make_room(order, store, common, removed);
        }
        match store.insert(hash, entry, weight, order.capacity) {
            Ok(slot) => {
                order.policy.on_insert(slot, hash, weight);
                store.set_lifetime(slot, lifetime);
                count(&self.counters.insertions);
                // The next victim is cold by its nature, and needed by the next insert.
                if full && let Some(next) = order.policy.next_victim() {
                    store.expect_removal(next);
                }
                Outcome::Inserted
            }
            Err(entry) => {
                count(&self.counters.refused);
                removed.push(entry, Cause::Refused);
                Outcome::Refused
            }
        }
    }

    /// Takes one entry out of a store that has one: what waits in spare room, then the policy's choice, and where it has none
    /// what waits longest.
    #[inline]
    pub(super) fn make_room(
        &self,
        order: &mut Order,
        store: &mut Store<K, V>,
        common: &Common<impl BuildHasher>,
        removed: &mut Removed<K, V>,
    ) {
        if self.drop_spare(store, removed) {
            // Nobody misses it.
        } else if store.len() > 0 {
            self.evict(order, store, common, removed);
        } else {
            self.drop_waiting(store, removed);
        }
    }

    /// Evicts one entry of a store that has one with a slot.
    ///
    /// A policy that names no entry, or one that is not there, has lost track. The fallback then takes over within the same
    /// call, with all entries, and the limit holds.
    #[inline]
    pub(super) fn evict(
        &self,
        order: &mut Order,
        store: &mut Store<K, V>,
        common: &Common<impl BuildHasher>,
        removed: &mut Removed<K, V>,
    ) {
        let mut victim = take_victim(order, store);
        if victim.is_none() {
            let reason = order.policy.fault().unwrap_or("it named no entry to evict").to_owned();
            let failed = std::mem::replace(&mut order.factory, common.fallback.clone());
            *common.fault.lock() = Some((failed, reason));
            order.policy = rebuilt(&common.fallback, order, store, &common.hasher);
            count(&self.counters.fallbacks);
            self.counters.degraded.store(1, Ordering::Release);
            victim = take_victim(order, store);
        }
        if let Some((entry, until)) = victim {
            count(&self.counters.evictions);
            removed.push_evicted(entry, until);
        }
    }

    /// Removes what is over its time among the next `most` slots in turn.
    pub(super) fn sweep(
        &self,
        order: &mut Order,
        store: &mut Store<K, V>,
        now: u64,
        mut most: u32,
        removed: &mut Removed<K, V>,
    ) {
        while let Some(slot) = store.sweep(now, &mut most) {
            order.policy.on_remove(slot);
            removed.extend(store.remove(slot), Cause::Expired);
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
        let guard = self.lock.try_order()?;
        self.change_with(guard, |order, store| {
            let (slot, _) = store.find(hash, key)?;
            // Another value may have come under the key by now.
            if !store.is_expired(slot, common.expiry.now()) {
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
            let (entry, over) = if let Some((slot, _)) = store.find(hash, key) {
                let over = store.has_lifetimes() && store.is_expired(slot, common.expiry.now());
                order.policy.on_remove(slot);
                (store.remove(slot)?, over)
            } else {
                let waiting = store.take_waiting(|probation| probation.take(hash, key))?;
                let over = waiting.lifetime.is_some() && waiting.is_expired(common.expiry.now());
                (waiting.entry, over)
            };
            if over {
                count(&self.counters.expired);
            }
            Some((entry, if over { Cause::Expired } else { Cause::Removed }))
        })
    }

    /// Counts a lookup that was served by another's load, and tells the policy of the use: to it, it is one
    /// like any. What was loaded ahead of need leaves probation by it.
    pub(in super::super) fn waited<Q: Equivalent<K> + ?Sized>(
        &self,
        hash: u64,
        key: &Q,
        common: &Common<impl BuildHasher>,
        removed: &mut Removed<K, V>,
    ) {
        let mut guard = self.lock.order();
        guard.each_stripe(|order, buffer| buffer.apply(&mut *order.policy));
        count(&self.counters.waited);
        let (order, store) = guard.parts();
        if let Some((slot, _)) = store.find(hash, key) {
            order.policy.on_hit(slot);
        } else if store.waiting(hash, key).is_some() {
            self.change_with(guard, |order, store| {
                // The value is in the caller's hands already.
                self.leave_probation(order, store, (hash, key), common, removed, |_, _| ());
            });
        }
    }
}

/// Takes out the entry that the policy chooses, with the end of its time to live; none where it names none that is there.
#[inline]
fn take_victim<K: Eq + Hash, V>(
    order: &mut Order,
    store: &mut Store<K, V>,
) -> Option<(Entry<K, V>, Option<Duration>)> {
    let slot = order.policy.victim()?;
    let until = store.lifetime(slot).and_then(Lifetime::until);
    Some((store.remove(slot)?, until))
}
