//! What changes a cache as a whole while it runs.

use super::removed::Removed;
use super::{Cache, shares};
use crate::shadow::ShadowState;
use crate::sync::Ordering;
use host_policy::{MOST_CAPACITY, PolicyFactory};
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// Removes every entry, shard by shard. Loads under way will not be stored. Must not be called by the listener.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert("key", 1);
    /// cache.clear();
    /// assert!(cache.is_empty());
    /// ```
    pub fn clear(&self) {
        let _changing = self.changing.lock();
        let policy = self.policy();
        for shard in &self.shards {
            let mut removed = Removed::new();
            shard.clear(&policy, &mut removed);
            self.report(removed);
        }
    }

    /// Removes every entry whose time is over, a few hundred at a time, with inserts and lookups going on in
    /// between. Not needed for lookups, which never return such entries; it gives their room back at once.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert_with_ttl("out of date", 1, Duration::ZERO);
    /// assert_eq!(cache.len(), 1);
    /// cache.purge_expired();
    /// assert_eq!((cache.len(), cache.stats().expired), (0, 1));
    /// ```
    pub fn purge_expired(&self) {
        for shard in &self.shards {
            shard.purge_expired(&self.common, |removed| self.report(removed));
        }
    }

    /// Changes the capacity (over 2^62 counts as 2^62) and evicts what no longer fits. The number of shards
    /// stays, so that the heaviest entry that is accepted shrinks with it. Must not be called by the
    /// listener.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// (0..100).for_each(|key| drop(cache.insert(key, key)));
    /// cache.set_capacity(10);
    /// assert_eq!((cache.capacity(), cache.len()), (10, 10));
    /// ```
    pub fn set_capacity(&self, capacity: u64) {
        let _changing = self.changing.lock();
        self.resize(capacity.min(MOST_CAPACITY), self.reserved());
    }

    /// Keeps so much of the capacity from entries, for something else that takes of the same memory; nothing unless set. What no
    /// longer fits is evicted. The capacity stays what it is, and so does what is reserved when it changes. Must not be called
    /// by the listener.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// (0..100).for_each(|key| drop(cache.insert(key, key)));
    /// cache.set_reserved(30);
    /// assert_eq!((cache.capacity(), cache.reserved(), cache.len()), (100, 30, 70));
    /// cache.set_capacity(50);
    /// assert_eq!(cache.len(), 20);
    /// ```
    pub fn set_reserved(&self, reserved: u64) {
        let _changing = self.changing.lock();
        self.resize(self.capacity(), reserved);
    }

    /// Whoever calls this holds `changing`.
    fn resize(&self, capacity: u64, reserved: u64) {
        // The published capacity is never below what the shards may hold.
        self.capacity.fetch_max(capacity, Ordering::SeqCst);
        self.reserved.store(reserved, Ordering::SeqCst);
        let room = capacity.saturating_sub(reserved);
        for (shard, share) in self.shards.iter().zip(shares(room, self.shards.len())) {
            shard.set_capacity(share, &self.common, |removed| self.report(removed));
        }
        self.capacity.store(capacity, Ordering::SeqCst);
    }

    /// Gives back memory that is kept for entries that are no longer there, where these are more than the share `idle` of all, over
    /// 0 to 1: places of the table, and what is kept for each, the policy's order above all. The order stays, and what the policy
    /// knew of entries that are gone is forgotten. For who counts the memory of the process, now and then: a shard in which
    /// less is idle costs a look.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100_000).build();
    /// (0..100_000).for_each(|key| drop(cache.insert(key, key)));
    /// cache.set_capacity(10);
    /// cache.shrink(0.5);
    /// assert_eq!((cache.len(), cache.get(&99_999)), (10, Some(99_999)));
    /// ```
    pub fn shrink(&self, idle: f64) {
        let _changing = self.changing.lock();
        for shard in &self.shards {
            shard.shrink(idle, &self.common);
        }
    }

    /// Share of the capacity that entries loaded [ahead of need](Self::try_fill_with) may take until they are asked for,
    /// in each shard alike. 0.0 to 0.5; more counts as 0.5, not a number as 0.0. A tenth unless set. Where it is 0, or
    /// less than one entry, nothing is stored ahead of need. Must not be called by the listener.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.fill("next page", 1);
    /// cache.set_probation_share(0.0);
    /// assert_eq!((cache.get("next page"), cache.stats().unused), (None, 1));
    /// ```
    pub fn set_probation_share(&self, share: f64) {
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 0.5) };
        let _changing = self.changing.lock();
        for shard in &self.shards {
            let mut removed = Removed::new();
            shard.set_probation_share(share, &mut removed);
            self.report(removed);
        }
    }

    /// Puts another policy in force, shard by shard, without dropping an entry; the [policy
    /// module](crate::policy) says what becomes of their order. Lookups go on; inserts into a shard wait
    /// while its policy changes. Must not be called by the listener.
    ///
    /// Nothing happens where the policy is in force already. Shards that [fell back](super::Stats::fallbacks) to another one get
    /// the policy, also where it is the one that they lost.
    ///
    /// ```
    /// use host_cache::{Cache, builtin};
    ///
    /// let cache = Cache::builder(100).policy(&builtin::LRU).build();
    /// cache.insert("key", 1);
    /// cache.set_policy(&builtin::ARC);
    /// assert_eq!((cache.policy(), cache.get("key")), (builtin::ARC, Some(1)));
    /// ```
    pub fn set_policy(&self, policy: &PolicyFactory) {
        let _changing = self.changing.lock();
        let same = std::mem::replace(&mut *self.policy.lock(), policy.clone()) == *policy;
        for shard in &self.shards {
            if !same || shard.is_degraded() {
                shard.set_policy(policy, shard.fresh(policy), &self.common);
            }
        }
    }

    /// As [`set_policy`](Self::set_policy), for a policy that might not open: it is opened for every shard before the first one
    /// changes, so that what was in force stays where it cannot be.
    ///
    /// ```
    /// use host_cache::{Cache, PolicyFactory, builtin};
    ///
    /// let cache = Cache::<u64, u64>::builder(100).build();
    /// let broken = PolicyFactory::batched("mine", |_| Err("no".to_owned()));
    /// assert_eq!(cache.try_set_policy(&broken), Err("no".to_owned()));
    /// assert_eq!((cache.policy(), cache.try_set_policy(&builtin::ARC)), (builtin::LRU, Ok(())));
    /// ```
    ///
    /// # Errors
    /// Why it cannot be opened, in words. Nothing has changed then.
    pub fn try_set_policy(&self, policy: &PolicyFactory) -> Result<(), String> {
        let _changing = self.changing.lock();
        let same = self.policy() == *policy;
        let shards = self.shards.iter().filter(|shard| !same || shard.is_degraded());
        let mut opened = Vec::new();
        for shard in shards {
            let fresh = shard.fresh(policy);
            if let Some(reason) = fresh.0.fault() {
                return Err(reason.to_owned());
            }
            opened.push((shard, fresh));
        }
        *self.policy.lock() = policy.clone();
        for (shard, fresh) in opened {
            shard.set_policy(policy, fresh, &self.common);
        }
        Ok(())
    }

    /// Puts the policy of a [shadow](crate::Shadows::state) in force, with all that it has learnt. What the shadow holds and
    /// the cache does not is loaded when it is asked for; what only the cache holds is evicted first. The shadow has to
    /// have been told of the keys by their [`id`](Self::id). False, and nothing changed, where the cache has several shards:
    /// a shadow is one. Must not be called by the listener.
    pub fn adopt(&self, state: ShadowState) -> bool {
        let _changing = self.changing.lock();
        let [shard] = &*self.shards else { return false };
        *self.policy.lock() = state.policy().clone();
        shard.adopt(state, &self.common);
        true
    }

    /// The time to live of entries that are stored without one of their own; `None` where they live without end.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let cache = host_cache::Cache::<u64, u64>::builder(100).time_to_live(Duration::from_secs(60)).build();
    /// assert_eq!(cache.time_to_live(), Some(Duration::from_secs(60)));
    /// ```
    pub fn time_to_live(&self) -> Option<Duration> {
        self.common.expiry.live()
    }

    /// Changes the [builder's](super::Builder::time_to_live) time to live; `None` is without end, as is one of more than
    /// 584 years. It holds for entries that are stored from now on, those of loads under way among them. Entries that are
    /// there keep theirs.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert("before", 1);
    /// cache.set_time_to_live(Some(Duration::ZERO));
    /// cache.insert("after", 2);
    /// assert_eq!((cache.get("before"), cache.get("after")), (Some(1), None));
    /// ```
    pub fn set_time_to_live(&self, live: Option<Duration>) {
        self.common.expiry.set_live(live);
    }
}
