//! Changes of a whole shard: its capacity, its policy, all of its entries; and the check of its books.

use super::super::Cause;
use super::super::probation::Probation;
use super::super::removed::Removed;
use super::super::store::{Entry, Store};
use super::{Common, Order, Shard, count};
use crate::shadow::{Adopted, ShadowState};
use crate::sync::Ordering;
#[cfg(test)]
use host_policy::builtin;
use host_policy::{ImportedEntry, Policy, PolicyFactory, Slot, reconcile};
use std::hash::{BuildHasher, Hash};

/// Evictions in one go when the capacity shrinks, and slots looked at in one go for entries whose time is over,
/// so that lookups wait microseconds and not for the whole of it.
const BATCH: u32 = 256;

impl<K: Eq + Hash, V> Shard<K, V> {
    /// Removes every entry; what is being loaded will not be stored.
    pub(in super::super) fn clear(&self, policy: &PolicyFactory, removed: &mut Removed<K, V>) {
        let (mut fresh, capacity) = self.fresh(policy);
        self.change(|order, store| {
            for index in 0..store.slot_count() {
                removed.extend(store.remove(Slot(index)), Cause::Removed);
            }
            while let Some(waiting) = store.take_waiting(Probation::take_any) {
                removed.push(waiting.entry, Cause::Removed);
            }
            if order.capacity != capacity {
                fresh.set_capacity(order.capacity);
            }
            std::mem::swap(&mut order.policy, &mut fresh);
            order.factory = policy.clone();
            self.counters.degraded.store(0, Ordering::Release);
            self.flights.overtake_all();
        });
    }

    /// An empty policy, opened with no lock held, and the capacity that it was opened for.
    pub(in super::super) fn fresh(&self, policy: &PolicyFactory) -> (Box<dyn Policy>, u64) {
        let capacity = self.lock.order().parts().0.capacity;
        (policy.build_live(capacity, self.weighed), capacity)
    }

    /// Entries with a time to live.
    pub(in super::super) fn expiring(&self) -> u64 {
        self.lock.order().parts().1.expiring()
    }

    /// Removes every entry whose time is over; `report` gets them, with no lock held.
    pub(in super::super) fn purge_expired<S>(
        &self,
        common: &Common<S>,
        mut report: impl FnMut(Removed<K, V>),
    ) {
        let mut left = {
            let mut guard = self.lock.order();
            let (_, store) = guard.parts();
            let waits = store.probation().is_some_and(|probation| probation.len() > 0);
            if store.has_lifetimes() || waits { store.slot_count().max(1) } else { 0 }
        };
        while left > 0 {
            let batch = left.min(BATCH);
            left -= batch;
            let mut removed = Removed::new();
            let now = common.expiry.now();
            self.change(|order, store| {
                self.sweep(order, store, now, batch, &mut removed);
                while let Some(waiting) = store.take_waiting(|probation| probation.take_expired(now)) {
                    count(&self.counters.expired);
                    removed.push(waiting.entry, Cause::Expired);
                }
            });
            report(removed);
        }
    }

    /// Changes the capacity and evicts what no longer fits; `report` gets what was evicted, with no lock
    /// held.
    pub(in super::super) fn set_capacity(
        &self,
        capacity: u64,
        common: &Common<impl BuildHasher>,
        mut report: impl FnMut(Removed<K, V>),
    ) {
        self.change_with(self.prepared(), |order, _| {
            if order.capacity != capacity {
                order.capacity = capacity;
                order.policy.set_capacity(capacity);
                order.limit = order.limit.max(capacity);
            }
        });
        loop {
            let mut removed = Removed::new();
            let fits = self.change(|order, store| {
                let fits = |order: &Order, store: &Store<K, V>| {
                    store.weight() <= capacity && store.share_weight() <= order.probation()
                };
                for _ in 0..BATCH {
                    if fits(order, store) {
                        break;
                    }
                    if store.share_weight() > order.probation() {
                        self.drop_waiting(store, &mut removed);
                    } else {
                        self.make_room(order, store, common, &mut removed);
                    }
                }
                let fits = fits(order, store);
                if fits {
                    order.limit = capacity;
                }
                fits
            });
            report(removed);
            if fits {
                return;
            }
        }
    }

    /// Changes the share of the capacity that probation may take, and drops what no longer may wait there.
    pub(in super::super) fn set_probation_share(&self, share: f64, removed: &mut Removed<K, V>) {
        self.change(|order, store| {
            order.probation_share = share;
            while store.share_weight() > order.probation() {
                self.drop_waiting(store, removed);
            }
        });
    }

    /// Puts another policy, [fresh](Self::fresh) as it is, in charge of the same entries. Lookups go on meanwhile.
    pub(in super::super) fn set_policy(
        &self,
        policy: &PolicyFactory,
        (mut fresh, capacity): (Box<dyn Policy>, u64),
        common: &Common<impl BuildHasher>,
    ) {
        let mut guard = self.prepared();
        let (order, store) = guard.parts();
        let entries = in_order(order, store, &common.hasher);
        if order.capacity != capacity {
            fresh.set_capacity(order.capacity);
        }
        let before = std::mem::replace(&mut order.policy, fresh);
        order.factory = policy.clone();
        order.policy.import(&entries);
        self.counters.degraded.store(0, Ordering::Release);
        let work = order.policy.take_deferred();
        drop(guard);
        drop(before);
        if let Some(work) = work {
            self.run_deferred(work);
        }
    }

    /// Puts a shadow's policy in charge of the same entries. Lookups go on meanwhile.
    pub(in super::super) fn adopt(&self, state: ShadowState, common: &Common<impl BuildHasher>) {
        let mut guard = self.prepared();
        let (order, store) = guard.parts();
        let entries = in_order(order, store, &common.hasher);
        order.factory = state.policy().clone();
        let adopted = Box::new(Adopted::new(state, order.capacity, &entries));
        let before = std::mem::replace(&mut order.policy, adopted);
        self.counters.degraded.store(0, Ordering::Release);
        drop(guard);
        drop(before);
    }

    /// Replaces the policy by one that knows no entry, as a faulty one might be.
    #[cfg(test)]
    pub(in super::super) fn lose_track(&self) {
        let mut guard = self.lock.order();
        let (order, _) = guard.parts();
        order.policy = builtin::ARC.build(order.capacity);
    }

    /// What is wrong inside the shard, if anything is.
    pub(in super::super) fn check(&self) -> Result<(), String> {
        let mut guard = self.lock.order();
        let (order, store) = guard.parts();
        let waiting: u64 = store.probation().into_iter().flat_map(Probation::iter).map(|w| w.weight).sum();
        if waiting != store.waiting_weight() || store.share_weight() > order.probation() {
            let (told, share, most) = (store.waiting_weight(), store.share_weight(), order.probation());
            return Err(format!(
                "{waiting} wait on probation, it says {told}, {share} within the share of at most {most}"
            ));
        }
        let sum: u64 = store.entries().map(|(slot, _)| store.weight_of(slot)).sum::<u64>() + waiting;
        let told = self.counters.weight.load(Ordering::Acquire);
        let entries = store.entries().count();
        let mut ordered: Vec<Slot> = order.policy.export().iter().map(|entry| entry.slot).collect();
        let all_there = ordered.iter().all(|&slot| store.entry(slot).is_some());
        ordered.sort_unstable();
        ordered.dedup();
        let limit = order.limit;
        if sum != store.weight() || sum != told {
            Err(format!("weights sum to {sum}, the store says {}, the counter {told}", store.weight()))
        } else if sum > limit {
            Err(format!("weight {sum} is over the limit of {limit}"))
        } else if entries != store.len()
            || ordered.len() != entries
            || order.policy.len() != entries
            || !all_there
        {
            let (ordered, policy, table) = (ordered.len(), order.policy.len(), store.len());
            Err(format!(
                "{entries} entries, {table} in the table, {ordered} in order, {policy} by the policy's count"
            ))
        } else {
            Ok(())
        }
    }
}

/// A policy that takes over all entries of the store from the one in charge.
#[cold]
pub(super) fn rebuilt<K: Hash, V>(
    policy: &PolicyFactory,
    order: &Order,
    store: &Store<K, V>,
    hasher: &impl BuildHasher,
) -> Box<dyn Policy> {
    policy.rebuild(order.capacity, &in_order(order, store, hasher))
}

/// All entries of the store in the order of the policy in charge.
pub(super) fn in_order<K: Hash, V>(
    order: &Order,
    store: &Store<K, V>,
    hasher: &impl BuildHasher,
) -> Vec<ImportedEntry> {
    let resident = |slot| {
        store.entry(slot).map(|entry: &Entry<K, V>| (hasher.hash_one(&entry.key), store.weight_of(slot)))
    };
    reconcile(&order.policy.export(), store.slot_count(), resident)
}
