//! One shard of the cache: a store and an order, each under its own lock.
//!
//! | lock | guards | held by |
//! |---|---|---|
//! | `order` (mutex) | the policy, the shard's capacity | every change, and the application of noted hits |
//! | `store` (reader-writer) | keys, values, weights | a lookup shared; a change exclusively, inside `order` |
//! | flights' own (mutex) | loads under way | inside `order` or alone |
//!
//! A lookup takes only the shared lock, and notes its hit (see [`Notes`]); when the notes are full it *tries*
//! `order`, so it can never wait in a cycle. A switch of policies takes `order` and, shared, `store`: lookups
//! go on. User code that runs inside a lock is the key's `Eq` and the value's `Clone`. Values are dropped,
//! and the listener is called, by the caller after all locks are released: changes hand out what left the
//! cache as [`Gone`].

use super::flight::{Flight, Flights};
use super::lanes::{Lanes, Reading};
use super::notes::Notes;
use super::store::{Entry, Store};
use super::{Cause, Outcome};
use hashbrown::Equivalent;
use host_policy::{Policy, PolicyKind, Slot, reconcile};
use crate::sync::{AtomicU64, Ordering};
use std::hash::{BuildHasher, Hash};

/// Evictions in one go when the capacity shrinks, so that lookups wait microseconds and not until all is
/// gone.
const BATCH: usize = 256;

/// An entry to be stored.
#[derive(Debug)]
pub(super) struct Incoming<K, V> {
    pub(super) hash: u64,
    pub(super) weight: u64,
    pub(super) entry: Entry<K, V>,
}

/// Entries that left the cache and still have to be reported and dropped.
///
/// The first needs no allocation: an insert into a full cache usually evicts one entry.
#[derive(Debug)]
pub(super) struct Gone<K, V> {
    first: Option<(Entry<K, V>, Cause)>,
    rest: Vec<(Entry<K, V>, Cause)>,
}

impl<K, V> Gone<K, V> {
    pub(super) const fn new() -> Self {
        Self { first: None, rest: Vec::new() }
    }

    pub(super) fn push(&mut self, entry: Entry<K, V>, cause: Cause) {
        if self.first.is_none() {
            self.first = Some((entry, cause));
        } else {
            self.rest.push((entry, cause));
        }
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = (Entry<K, V>, Cause)> {
        self.first.into_iter().chain(self.rest)
    }
}

/// What a shard counts, besides the lookups, which its lanes count. Written under the order's lock.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) waited: AtomicU64,
    pub(super) insertions: AtomicU64,
    pub(super) evictions: AtomicU64,
    pub(super) refused: AtomicU64,
    /// Copies of the store's figures, for readers without its lock.
    pub(super) entries: AtomicU64,
    pub(super) weight: AtomicU64,
}

/// Counts one more. The caller holds the order's lock: nobody else writes, so no atomic addition is needed.
#[inline]
fn count(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

struct Order {
    policy: Box<dyn Policy>,
    capacity: u64,
    /// The limit that holds: the capacity, or the one before while evictions make room for a smaller one.
    limit: u64,
}

// Two cache lines, because processors fetch lines in pairs: neighbouring shards do not share one.
#[repr(align(128))]
pub(super) struct Shard<K, V> {
    lanes: Lanes<Notes, Order, Store<K, V>>,
    pub(super) counters: Counters,
    pub(super) flights: Flights<K, V>,
}

impl<K: Eq, V> Shard<K, V> {
    pub(super) fn new(kind: PolicyKind, capacity: u64, weighed: bool, lanes: usize) -> Self {
        let order = Order { policy: kind.build(capacity), capacity, limit: capacity };
        Self {
            lanes: Lanes::new(lanes, Notes::new, order, Store::new(weighed)),
            counters: Counters::default(),
            flights: Flights::new(),
        }
    }

    /// Counts a lookup that was served by another's load, and tells the policy of the use: to it, it is one
    /// like any.
    pub(super) fn waited<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q) {
        let mut held = self.lanes.order();
        held.each_lane(|order, notes| notes.apply(&mut *order.policy));
        let (order, store) = held.parts();
        if let Some((slot, _)) = store.find(hash, key) {
            order.policy.on_hit(slot);
        }
        count(&self.counters.waited);
    }

    /// A counted lookup.
    #[inline]
    pub(super) fn get<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<V>
    where
        V: Clone,
    {
        let mut reading = self.lanes.read();
        let (store, notes) = reading.parts();
        let Some((slot, entry)) = store.find(hash, key) else {
            notes.misses += 1;
            return None;
        };
        let value = entry.value.clone();
        if !notes.push(slot) {
            apply_full(&mut reading);
        }
        Some(value)
    }

    /// Counted lookups that found their entry, and those that did not.
    pub(super) fn lookups(&self) -> (u64, u64) {
        let mut lookups = (0, 0);
        self.lanes.order().each_lane(|_, notes| {
            lookups.0 += notes.hits;
            lookups.1 += notes.misses;
        });
        lookups
    }

    /// Lets `look` at the entry without counting or noting anything.
    pub(super) fn peek<Q: Equivalent<K> + ?Sized, R>(
        &self,
        hash: u64,
        key: &Q,
        look: impl FnOnce(&V) -> R,
    ) -> Option<R> {
        self.lanes.read().parts().0.find(hash, key).map(|(_, entry)| look(&entry.value))
    }

    /// Runs a change with everything held, every note applied before and the copied figures brought up to
    /// date after.
    #[inline]
    fn change<R>(&self, change: impl FnOnce(&mut Order, &mut Store<K, V>) -> R) -> R {
        let mut held = self.lanes.order().exclude();
        held.each_lane(|order, notes| notes.apply(&mut *order.policy));
        let (order, store) = held.parts();
        let result = change(order, store);
        self.counters.weight.store(store.weight(), Ordering::Release);
        self.counters.entries.store(u64::try_from(store.len()).unwrap_or(u64::MAX), Ordering::Release);
        result
    }

    /// Stores an entry. `None`, and nothing stored, when it comes from a load that was overtaken.
    pub(super) fn insert(
        &self,
        incoming: Incoming<K, V>,
        hasher: &impl BuildHasher,
        load: Option<&Flight<K, V>>,
        gone: &mut Gone<K, V>,
    ) -> Option<Outcome>
    where
        K: Hash,
    {
        self.change(|order, store| {
            match load {
                Some(flight) if flight.is_overtaken() => return None,
                Some(_) => {}
                // Whatever is being loaded for this key is older than this value.
                None => self.flights.overtake(incoming.hash, &incoming.entry.key),
            }
            Some(self.place(order, store, incoming, hasher, gone))
        })
    }

    fn place(
        &self,
        order: &mut Order,
        store: &mut Store<K, V>,
        incoming: Incoming<K, V>,
        hasher: &impl BuildHasher,
        gone: &mut Gone<K, V>,
    ) -> Outcome
    where
        K: Hash,
    {
        let Incoming { hash, weight, entry } = incoming;
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
                self.evict(order, store, hasher, gone);
            }
            if store.entry(slot).is_some() {
                order.policy.on_reweigh(slot, weight);
                gone.extend(store.replace(slot, entry, weight), Cause::Replaced);
                count(&self.counters.insertions);
                return Outcome::Replaced;
            }
        }
        order.policy.on_miss(hash, weight);
        let evicted = weight > order.capacity.saturating_sub(store.weight());
        while weight > order.capacity.saturating_sub(store.weight()) {
            self.evict(order, store, hasher, gone);
        }
        match store.insert(hash, entry, weight) {
            Ok(slot) => {
                order.policy.on_insert(slot, hash, weight);
                if evicted && let Some(next) = order.policy.next_victim() {
                    // Cold by its nature, and needed by the next insert that comes.
                    store.fetch(next);
                }
                count(&self.counters.insertions);
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
    fn evict(
        &self,
        order: &mut Order,
        store: &mut Store<K, V>,
        hasher: &impl BuildHasher,
        gone: &mut Gone<K, V>,
    ) where
        K: Hash,
    {
        let mut victim = order.policy.victim().and_then(|slot| store.remove(slot));
        if victim.is_none() {
            order.policy = successor(PolicyKind::Lru, order, store, hasher);
            victim = order.policy.victim().and_then(|slot| store.remove(slot));
        }
        if victim.is_some() {
            count(&self.counters.evictions);
        }
        gone.extend(victim, Cause::Evicted);
    }

    /// Removes an entry; a load of the key that is under way will not be stored.
    pub(super) fn remove<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<Entry<K, V>> {
        self.change(|order, store| {
            let slot = store.find(hash, key).map(|(slot, _)| slot);
            let removed = slot.and_then(|slot| {
                order.policy.on_remove(slot);
                store.remove(slot)
            });
            self.flights.overtake(hash, key);
            removed
        })
    }

    /// Removes every entry; what is being loaded will not be stored.
    pub(super) fn clear(&self, kind: PolicyKind, gone: &mut Gone<K, V>) {
        self.change(|order, store| {
            for index in 0..store.slot_count() {
                gone.extend(store.remove(Slot(index)), Cause::Removed);
            }
            order.policy = kind.build(order.capacity);
            self.flights.overtake_all();
        });
    }

    /// Changes the capacity and evicts what no longer fits; `report` gets what was evicted, with no lock
    /// held.
    pub(super) fn set_capacity(
        &self,
        capacity: u64,
        hasher: &impl BuildHasher,
        mut report: impl FnMut(Gone<K, V>),
    ) where
        K: Hash,
    {
        loop {
            let mut gone = Gone::new();
            let fits = self.change(|order, store| {
                if order.capacity != capacity {
                    order.capacity = capacity;
                    order.policy.set_capacity(capacity);
                    order.limit = order.limit.max(capacity);
                }
                for _ in 0..BATCH {
                    if store.weight() <= capacity {
                        break;
                    }
                    self.evict(order, store, hasher, &mut gone);
                }
                let fits = store.weight() <= capacity;
                if fits {
                    order.limit = capacity;
                }
                fits
            });
            report(gone);
            if fits {
                return;
            }
        }
    }

    /// Puts another policy in charge of the same entries. Lookups go on meanwhile.
    pub(super) fn set_policy(&self, kind: PolicyKind, hasher: &impl BuildHasher)
    where
        K: Hash,
    {
        let mut held = self.lanes.order();
        held.each_lane(|order, notes| notes.apply(&mut *order.policy));
        let (order, store) = held.parts();
        order.policy = successor(kind, order, store, hasher);
    }

    pub(super) fn for_each(&self, visit: &mut impl FnMut(&K, &V)) {
        for (_, entry) in self.lanes.order().parts().1.entries() {
            visit(&entry.key, &entry.value);
        }
    }

    /// Replaces the policy by one that knows no entry, as a faulty one might be.
    #[cfg(test)]
    pub(super) fn lose_track(&self) {
        let mut held = self.lanes.order();
        let (order, _) = held.parts();
        order.policy = PolicyKind::Arc.build(order.capacity);
    }

    /// What is wrong inside the shard, if anything is.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut held = self.lanes.order();
        let (order, store) = held.parts();
        let sum: u64 = store.entries().map(|(slot, _)| store.weight_of(slot)).sum();
        let told = self.counters.weight.load(Ordering::Acquire);
        let entries = store.entries().count();
        let mut ordered: Vec<Slot> = order.policy.export().iter().map(|standing| standing.slot).collect();
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

impl<K, V> Gone<K, V> {
    fn extend(&mut self, entry: Option<Entry<K, V>>, cause: Cause) {
        if let Some(entry) = entry {
            self.push(entry, cause);
        }
    }
}

/// Tells the policy of the notes of a lane that has no room for more, unless somebody else has the policy.
#[cold]
fn apply_full<T>(reading: &mut Reading<'_, Notes, Order, T>) {
    if let Some((mut order, notes)) = reading.try_order() {
        notes.apply(&mut *order.policy);
    }
}

/// A policy that takes over all entries of the store from the one in charge.
#[cold]
fn successor<K: Hash, V>(
    kind: PolicyKind,
    order: &Order,
    store: &Store<K, V>,
    hasher: &impl BuildHasher,
) -> Box<dyn Policy> {
    let resident = |slot| {
        store.entry(slot).map(|entry: &Entry<K, V>| (hasher.hash_one(&entry.key), store.weight_of(slot)))
    };
    kind.succeed(order.capacity, &reconcile(&order.policy.export(), store.slot_count(), resident))
}
