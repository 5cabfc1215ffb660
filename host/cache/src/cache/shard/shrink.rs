//! Giving memory back.
//!
//! A cache of many small entries that come to be few large ones would keep its table and all that is kept by slot, the policy's
//! order above all, for ever: a third of what it once took for small entries. So who watches over memory has the slots numbered
//! anew once most of them are idle. The policy is made anew for it, and takes over the order as at a change of policy: its ghosts
//! are forgotten, of which most stood for what weighs little beside the new entries.

use super::control::in_order;
use super::{Common, Shard};
use host_policy::Slot;
use std::hash::{BuildHasher, Hash};

impl<K: Eq + Hash, V> Shard<K, V> {
    /// Gives back what is kept for entries that are no longer there, where that is more than this share of all, over 0 to 1.
    /// Inserts wait meanwhile, some hundred nanoseconds an entry that is left; lookups wait for a tenth of that.
    pub(in super::super) fn shrink(&self, idle: f64, common: &Common<impl BuildHasher>) {
        let factory = {
            let mut guard = self.lock.order();
            let (order, store) = guard.parts();
            if !store.is_sparse(idle) {
                return;
            }
            order.factory.clone()
        };
        let (mut fresh, capacity) = self.fresh(&factory);
        if fresh.fault().is_some() {
            return;
        }
        let mut guard = self.prepared();
        let (order, store) = guard.parts();
        // Entries came, or the policy failed, in between.
        if order.factory != factory || !store.is_sparse(idle) {
            return;
        }
        let mut entries = in_order(order, store, &common.hasher);
        let before: Vec<Slot> = entries.iter().map(|entry| entry.slot).collect();
        for (number, entry) in (0..).zip(&mut entries) {
            entry.slot = Slot(number);
        }
        if order.capacity != capacity {
            fresh.set_capacity(order.capacity);
        }
        fresh.import(&entries);
        let before = self.change_with(guard, |order, store| {
            store.renumber(&before);
            std::mem::replace(&mut order.policy, fresh)
        });
        drop(before);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Cache, builtin};
    use std::time::Duration;

    const MANY: u64 = 20_000;
    const FEW: u64 = 300;

    #[test]
    fn every_entry_that_is_left_stays_where_the_policy_had_it() {
        for policy in &builtin::ALL {
            for weighed in [false, true] {
                let builder = Cache::builder(10 * MANY).shards(2).policy(policy);
                let cache = if weighed {
                    builder.weigher(|key: &u64, _: &u64| 1 + key % 5).build()
                } else {
                    builder.build()
                };
                for key in 0..MANY {
                    cache.insert(key, key);
                }
                for key in (0..MANY).filter(|key| key % 64 != 0) {
                    cache.remove(&key);
                }
                let (left, weight) = (cache.len(), cache.weight());
                cache.shrink(0.5);
                cache.check().unwrap();
                assert_eq!((cache.len(), cache.weight()), (left, weight), "{policy}");
                for shard in &cache.shards {
                    let mut guard = shard.lock.order();
                    let (_, store) = guard.parts();
                    assert_eq!(u64::from(store.slot_count()), u64::try_from(store.len()).unwrap());
                }
                for key in 0..MANY {
                    assert_eq!(cache.get(&key), (key % 64 == 0).then_some(key), "{policy}");
                }
                // Slots are given out again, and the policy knows each.
                for key in 0..MANY {
                    cache.insert(key, key + 1);
                }
                cache.check().unwrap();
                cache.set_capacity(FEW);
                cache.check().unwrap();
                assert!(cache.weight() <= FEW);
            }
        }
    }

    #[test]
    fn the_order_of_lru_and_lifetimes_stay() {
        let cache = Cache::builder(MANY).shards(1).policy(&builtin::LRU).build();
        for key in 0..MANY {
            let time = Duration::from_secs(if key % 2 == 0 { 0 } else { 1_000 });
            cache.insert_with_ttl(key, key, time);
        }
        for key in 0..MANY - FEW {
            cache.remove(&key);
        }
        // The oldest that are left, and the only ones that were used.
        let oldest = MANY - FEW + 1..MANY - FEW + 20;
        let living = |key: &u64| key % 2 == 1;
        oldest.clone().filter(living).for_each(|key| assert_eq!(cache.get(&key), Some(key)));
        cache.shrink(0.9);
        cache.set_capacity(10);
        let kept: Vec<u64> = (0..MANY).filter(|key| cache.get(key).is_some()).collect();
        assert_eq!(kept, oldest.filter(living).collect::<Vec<_>>());
        cache.purge_expired();
        cache.check().unwrap();
    }

    #[test]
    fn what_is_not_sparse_stays_as_it_is() {
        let cache = Cache::builder(MANY).shards(1).build();
        for key in 0..MANY {
            cache.insert(key, key);
        }
        for key in 0..MANY / 2 {
            cache.remove(&key);
        }
        let slots = || u64::from(cache.shards[0].lock.order().parts().1.slot_count());
        cache.shrink(0.6);
        assert_eq!(slots(), MANY);
        cache.shrink(0.4);
        assert_eq!(slots(), MANY / 2);
    }
}
