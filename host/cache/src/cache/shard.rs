//! One shard of the cache: a store and an order of its entries, under one [striped lock](super::striped_lock).
//!
//! | who | holds | meanwhile others |
//! |---|---|---|
//! | a lookup | its stripe | look up |
//! | a change of entries | everything | wait, for about a microsecond |
//! | a change of policy, a pass over the entries | `order`, and each stripe in turn for a moment | look up |
//!
//! A lookup leaves its hit in a [`ReadBuffer`]; when that is full it *tries* `order`. The flights have a lock
//! of their own, taken inside `order` or alone. User code that runs inside a lock is the key's `Hash` and `Eq`, the
//! value's `Clone`, what reads or changes an entry in place, the clock and the policy. One that is a component is [not called](mod@deferred) there. Values are dropped, and the listener is called, by
//! the caller after all locks are released: changes hand out what left the cache as [`Removed`](super::removed::Removed).
//!
//! A policy that cannot name a resident entry to evict has lost track of them. The fallback then takes the shard over, which is
//! [degraded](Shard::is_degraded) until a policy is set again.

mod ahead;
mod change;
mod control;
mod deferred;
mod pass;
mod shrink;
mod update;

use super::Present;
use super::expiry::Expiry;
use super::flight::Flights;
use super::read_buffer::ReadBuffer;
use super::store::{Store, Stored, short};
use super::striped_lock::{OrderGuard, ReadGuard, StripedLock};
use super::table::TableAddress;
use super::weights::Weighing;
use crate::sync::{AtomicU64, Mutex, Ordering};
use hashbrown::Equivalent;
use host_policy::{Deferred, Policy, PolicyFactory};

/// What a cache's shards have in common.
pub(super) struct Common<S> {
    pub(super) hasher: S,
    pub(super) expiry: Expiry,
    /// Takes over from a policy that lost track.
    pub(super) fallback: PolicyFactory,
    /// The policy that lost track last, and why.
    pub(super) fault: Mutex<Option<(PolicyFactory, String)>>,
}

/// What a shard counts, besides the lookups, which its stripes count. Written under the order's lock.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) waited: AtomicU64,
    pub(super) insertions: AtomicU64,
    pub(super) evictions: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) refused: AtomicU64,
    /// Lookups that found their entry on probation.
    pub(super) promoted: AtomicU64,
    /// Entries that left probation because nobody had asked for them.
    pub(super) unused: AtomicU64,
    /// Entries that were loaded into spare room, those of them that were asked for, and those that wait there now.
    pub(super) spare_filled: AtomicU64,
    pub(super) spare_asked: AtomicU64,
    pub(super) spare: AtomicU64,
    /// How often a policy lost track, and the fallback took over.
    pub(super) fallbacks: AtomicU64,
    /// 1 while the fallback stands in for the policy that was set.
    pub(super) degraded: AtomicU64,
    /// Copies of the store's figures, for readers without its lock.
    pub(super) entries: AtomicU64,
    pub(super) weight: AtomicU64,
    pub(super) probation: AtomicU64,
}

/// Counts one more. The caller holds the order's lock: nobody else writes, so no atomic addition is needed.
#[inline]
fn count(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

struct Order {
    policy: Box<dyn Policy>,
    /// What made the policy.
    factory: PolicyFactory,
    capacity: u64,
    /// Share of the capacity that probation may take.
    probation_share: f64,
    /// The limit that holds: the capacity, or the one before while evictions make room for a smaller one.
    limit: u64,
}

impl Order {
    /// The most that may wait on probation.
    #[expect(
        clippy::as_conversions,
        reason = "a share of the capacity, rounded down; float to integer saturates"
    )]
    fn probation(&self) -> u64 {
        (self.capacity as f64 * self.probation_share) as u64
    }
}

type Guard<'a, K, V> = OrderGuard<'a, ReadBuffer, Order, Store<K, V>>;

// Two cache lines, because processors fetch lines in pairs: neighbouring shards do not share one.
#[repr(align(128))]
pub(super) struct Shard<K, V> {
    /// Where the store's entries lie, for lookups that are about to take a stripe.
    address: TableAddress<Stored<K, V>>,
    lock: StripedLock<ReadBuffer, Order, Store<K, V>>,
    pub(super) counters: Counters,
    pub(super) flights: Flights<K, V>,
    /// Whether entries differ in weight.
    weighed: bool,
}

/// What a lookup found, that was to do `F` with it.
pub(super) enum Lookup<R, F> {
    Hit(R),
    Miss,
    /// An entry on probation, to be [taken](Shard::promote) from there; counted as a miss until then.
    Waiting(F),
    /// An entry whose time is over, which counts as a miss.
    Expired,
}

impl<K: Eq, V> Shard<K, V> {
    pub(super) fn new(
        factory: &PolicyFactory,
        capacity: u64,
        probation_share: f64,
        weighing: Weighing<K, V>,
        stripes: usize,
    ) -> Self {
        let weighed = !matches!(weighing, Weighing::Alike);
        let policy = factory.build_live(capacity, weighed);
        let order = Order { policy, factory: factory.clone(), capacity, probation_share, limit: capacity };
        Self {
            address: TableAddress::unknown(),
            lock: StripedLock::new(stripes, ReadBuffer::new, order, Store::new(weighing)),
            counters: Counters::default(),
            flights: Flights::new(),
            weighed,
        }
    }

    /// Begins to fetch what a lookup will look at first.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        self.address.fetch(short(hash));
    }

    /// As [`prefetch`](Self::prefetch), for what lies behind it: `fetch` sees the key that a lookup will probably find. Where the
    /// entry is to be replaced, what a change reads of it besides is fetched too, unless somebody changes the shard.
    #[inline]
    pub(super) fn prefetch_entry(&self, hash: u64, replaces: bool, fetch: impl FnOnce(&K)) {
        let mut reading = self.lock.read();
        let (store, _) = reading.parts();
        let Some((slot, entry)) = store.probable(hash) else { return };
        fetch(&entry.key);
        if replaces {
            store.fetch_place(slot);
            if let Some((order, _)) = reading.try_order() {
                order.policy.prepare_hit(slot);
            }
        }
    }

    /// A counted lookup, that lets `read` see what it finds.
    #[inline]
    pub(super) fn get<Q: Equivalent<K> + ?Sized, R, F: FnOnce(&K, &V) -> R>(
        &self,
        hash: u64,
        key: &Q,
        expiry: &Expiry,
        read: F,
    ) -> Lookup<R, F> {
        self.address.fetch(short(hash));
        let mut reading = self.lock.read();
        let (store, buffer) = reading.parts();
        let Some((slot, entry)) = store.find(hash, key) else {
            buffer.misses += 1;
            return if store.waiting(hash, key).is_some() { Lookup::Waiting(read) } else { Lookup::Miss };
        };
        if let Some(lifetime) = store.lifetime(slot) {
            let now = expiry.now();
            if lifetime.is_expired(now) {
                buffer.misses += 1;
                return Lookup::Expired;
            }
            expiry.touch(lifetime, now);
        }
        let result = read(&entry.key, &entry.value);
        if !buffer.push(slot)
            && let Some(work) = apply_full(&mut reading)
        {
            drop(reading);
            self.run_deferred(work);
        }
        Lookup::Hit(result)
    }

    /// Lets `look` at the entry without counting it and without telling the policy.
    pub(super) fn peek<Q: Equivalent<K> + ?Sized, R>(
        &self,
        hash: u64,
        key: &Q,
        expiry: &Expiry,
        look: impl FnOnce(&K, Present<'_, V>) -> R,
    ) -> Option<R> {
        let mut reading = self.lock.read();
        let (store, _) = reading.parts();
        let Some((slot, entry)) = store.find(hash, key) else {
            let waiting = store.waiting(hash, key)?;
            let over = waiting.lifetime.is_some() && waiting.is_expired(expiry.now());
            return (!over).then(|| look(&waiting.entry.key, waiting.present()));
        };
        let over = store.has_lifetimes() && store.is_expired(slot, expiry.now());
        (!over).then(|| look(&entry.key, Present::new(&entry.value, store.lifetime(slot))))
    }

    /// Whether the fallback stands in for a policy that lost track.
    pub(super) fn is_degraded(&self) -> bool {
        self.counters.degraded.load(Ordering::Acquire) != 0
    }

    /// Counted lookups that found their entry, and those that did not.
    pub(super) fn lookups(&self) -> (u64, u64) {
        let mut lookups = (0, 0);
        self.lock.each_stripe(|buffer| {
            lookups.0 += buffer.hits;
            lookups.1 += buffer.misses;
        });
        lookups
    }
}

/// Tells the policy of the hits in a full buffer, unless somebody else holds the policy. Gives the work that is due by then.
#[cold]
fn apply_full<T>(reading: &mut ReadGuard<'_, ReadBuffer, Order, T>) -> Option<Deferred> {
    let (mut order, buffer) = reading.try_order()?;
    buffer.apply(&mut *order.policy);
    order.policy.take_deferred()
}
