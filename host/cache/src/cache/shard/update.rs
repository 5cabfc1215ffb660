//! Reads and changes an entry in one step.
//!
//! The order is held throughout, so that nobody changes the entry in between. What the caller hands in runs before anything is
//! changed, and with no stripe taken: lookups go on, and a panic leaves everything as it was. An update that keeps what is
//! there waits for no lookup.

use super::super::expiry::{Life, Lifetime};
use super::super::removed::Removed;
use super::super::store::{Entry, Incoming, Store, short};
use super::super::{Cause, Change, Outcome, Present};
use super::change::SWEEP;
use super::{Common, Order, Shard, count};
use hashbrown::Equivalent;
use host_policy::Slot;
use std::hash::{BuildHasher, Hash};

/// What is to be done once everything is held.
enum Step<K, V> {
    Keep,
    Remove,
    Live(Life),
    Store { entry: Entry<K, V>, weight: u64, lifetime: Option<Lifetime> },
}

impl<K: Eq + Hash, V> Shard<K, V> {
    /// Lets `change` see the entry of a key and does what it says; `weigh` says what an entry weighs that it stores.
    pub(in super::super) fn update<Q: Equivalent<K> + ?Sized, R>(
        &self,
        (hash, key): (u64, &Q),
        change: impl FnOnce(Option<(&K, Present<'_, V>)>) -> (Change<(K, V)>, R),
        weigh: impl FnOnce(&K, &V) -> u64,
        common: &Common<impl BuildHasher>,
        removed: &mut Removed<K, V>,
    ) -> (R, Option<Outcome>) {
        self.address.fetch(short(hash));
        let mut guard = self.lock.order();
        let (order, store) = guard.parts();
        store.fetch_expected();
        order.policy.prepare_miss(hash);

        let found = if let Some((slot, entry)) = store.find(hash, key) {
            Some((Some(slot), entry, store.lifetime(slot)))
        } else {
            let waiting = store.waiting(hash, key);
            waiting.map(|waiting| (None, &waiting.entry, waiting.lifetime.as_ref()))
        };
        let is_over = found
            .and_then(|(_, _, lifetime)| lifetime)
            .is_some_and(|lifetime| lifetime.is_expired(common.expiry.now()));
        let valid = found.filter(|_| !is_over);
        let present = valid.map(|(_, entry, lifetime)| (&entry.key, Present::new(&entry.value, lifetime)));
        let slot = found.and_then(|(slot, ..)| slot);
        let (is_found, is_present) = (found.is_some(), valid.is_some());

        let (change, result) = change(present);
        let step = match change {
            Change::Keep => Step::Keep,
            Change::Remove => Step::Remove,
            Change::Live(life) => Step::Live(life),
            Change::Store((key, value), life) => {
                let weight = weigh(&key, &value);
                let lifetime = common.expiry.begin_as(life, valid.map(|(_, _, lifetime)| lifetime));
                Step::Store { entry: Entry { key, value }, weight, lifetime }
            }
        };
        if !matches!(step, Step::Keep) {
            // Whatever is being loaded for this key is older than this change.
            self.flights.overtake(hash, key);
        }
        let nothing_to_do = match step {
            Step::Keep => !is_over,
            Step::Remove | Step::Live(_) => !is_found,
            Step::Store { .. } => false,
        };
        if nothing_to_do {
            return (result, None);
        }
        let outcome = self.change_with(guard, |order, store| {
            if is_over {
                count(&self.counters.expired);
                removed.extend(take(order, store, slot, (hash, key)), Cause::Expired);
            }
            match step {
                Step::Remove if is_present => {
                    removed.extend(take(order, store, slot, (hash, key)), Cause::Removed);
                }
                Step::Live(life) if is_present => set_life(store, slot, (hash, key), life, common),
                Step::Keep | Step::Remove | Step::Live(_) => {}
                Step::Store { entry, weight, lifetime } => {
                    if store.has_lifetimes() {
                        self.sweep(order, store, common.expiry.now(), SWEEP, removed);
                    }
                    let incoming = Incoming { hash, weight, lifetime, entry };
                    return Some(self.store(order, store, incoming, common, removed));
                }
            }
            None
        });
        (result, outcome)
    }
}

/// Takes an entry out that is in this slot, or on probation.
fn take<K, V, Q: Equivalent<K> + ?Sized>(
    order: &mut Order,
    store: &mut Store<K, V>,
    slot: Option<Slot>,
    (hash, key): (u64, &Q),
) -> Option<Entry<K, V>> {
    let Some(slot) = slot else {
        return store.take_waiting(|probation| probation.take(hash, key)).map(|waiting| waiting.entry);
    };
    order.policy.on_remove(slot);
    store.remove(slot)
}

/// Changes how long an entry lives that is in this slot, or on probation.
fn set_life<K, V, Q: Equivalent<K> + ?Sized, S>(
    store: &mut Store<K, V>,
    slot: Option<Slot>,
    (hash, key): (u64, &Q),
    life: Life,
    common: &Common<S>,
) {
    if let Some(slot) = slot {
        let lifetime = common.expiry.renew(life, store.lifetime(slot));
        store.set_lifetime(slot, lifetime);
    } else if let Some(waiting) = store.waiting_mut(hash, key) {
        waiting.lifetime = common.expiry.renew(life, waiting.lifetime.as_ref());
    }
}
