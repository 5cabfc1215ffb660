//! One shard of the cache: a store and an order of its entries, under one lock with [lanes](super::lanes).
//!
//! | who | holds | and others |
//! |---|---|---|
//! | a lookup | its lane | look up |
//! | a change of entries | everything | wait, for about a microsecond |
//! | a change of policy, a pass over the entries | `order`, and each lane in turn for a moment | look up |
//!
//! A lookup notes its hit (see [`Notes`]); when the notes are full it *tries* `order`. The flights have a lock
//! of their own, taken inside `order` or alone. User code that runs inside a lock is the key's `Hash` and `Eq`, the
//! value's `Clone` and the clock. Values are dropped, and the listener is called, by the caller after all locks are
//! released: changes hand out what left the cache as [`Gone`].

mod change;
mod control;

use super::expiry::Expiry;
use super::flight::Flights;
use super::lanes::{Lanes, Ordered, Reading};
use super::notes::Notes;
use super::store::{self, Entry, Store, short};
use super::table::Near;
use crate::sync::{AtomicU64, Ordering};
use hashbrown::Equivalent;
use host_policy::{Policy, PolicyFactory};

/// What a cache's shards have in common.
pub(super) struct Common<S> {
    pub(super) hasher: S,
    pub(super) expiry: Expiry,
}

/// What a shard counts, besides the lookups, which its lanes count. Written under the order's lock.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) waited: AtomicU64,
    pub(super) insertions: AtomicU64,
    pub(super) evictions: AtomicU64,
    pub(super) expired: AtomicU64,
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

type Held<'a, K, V> = Ordered<'a, Notes, Order, Store<K, V>>;

// Two cache lines, because processors fetch lines in pairs: neighbouring shards do not share one.
#[repr(align(128))]
pub(super) struct Shard<K, V> {
    /// Where the store's entries lie, for lookups that are about to enter a lane.
    near: Near<store::Held<K, V>>,
    lanes: Lanes<Notes, Order, Store<K, V>>,
    pub(super) counters: Counters,
    pub(super) flights: Flights<K, V>,
}

/// What a lookup found.
pub(super) enum Lookup<V> {
    Hit(V),
    Miss,
    /// An entry whose time is over, which counts as a miss.
    Expired,
}

impl<K: Eq, V> Shard<K, V> {
    pub(super) fn new(policy: &PolicyFactory, capacity: u64, weighed: bool, lanes: usize) -> Self {
        let order = Order { policy: policy.build(capacity), capacity, limit: capacity };
        Self {
            near: Near::nowhere(),
            lanes: Lanes::new(lanes, Notes::new, order, Store::new(weighed)),
            counters: Counters::default(),
            flights: Flights::new(),
        }
    }

    /// A counted lookup.
    #[inline]
    pub(super) fn get<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q, expiry: &Expiry) -> Lookup<V>
    where
        V: Clone,
    {
        self.near.fetch(short(hash));
        let mut reading = self.lanes.read();
        let (store, notes) = reading.parts();
        let Some((slot, entry)) = store.find(hash, key) else {
            notes.misses += 1;
            return Lookup::Miss;
        };
        if let Some(lifetime) = store.lifetime(slot) {
            let now = expiry.now();
            if lifetime.is_over(now) {
                notes.misses += 1;
                return Lookup::Expired;
            }
            expiry.touch(lifetime, now);
        }
        let value = entry.value.clone();
        if !notes.push(slot) {
            apply_full(&mut reading);
        }
        Lookup::Hit(value)
    }

    /// Lets `look` at the entry without counting or noting anything.
    pub(super) fn peek<Q: Equivalent<K> + ?Sized, R>(
        &self,
        hash: u64,
        key: &Q,
        expiry: &Expiry,
        look: impl FnOnce(&V) -> R,
    ) -> Option<R> {
        let mut reading = self.lanes.read();
        let (store, _) = reading.parts();
        let (slot, entry) = store.find(hash, key)?;
        let over = store.is_mortal() && store.is_over(slot, expiry.now());
        (!over).then(|| look(&entry.value))
    }

    /// Counted lookups that found their entry, and those that did not.
    pub(super) fn lookups(&self) -> (u64, u64) {
        let mut lookups = (0, 0);
        self.lanes.each_lane(|notes| {
            lookups.0 += notes.hits;
            lookups.1 += notes.misses;
        });
        lookups
    }

    /// Shows every entry that is not over its time. Lookups go on, changes wait.
    pub(super) fn for_each(&self, expiry: &Expiry, visit: &mut impl FnMut(&K, &V)) {
        let mut held = self.lanes.order();
        let (_, store) = held.parts();
        let now = if store.is_mortal() { expiry.now() } else { 0 };
        for (slot, Entry { key, value }) in store.entries() {
            if !store.is_over(slot, now) {
                visit(key, value);
            }
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
