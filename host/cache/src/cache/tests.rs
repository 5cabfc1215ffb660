//! One thread; the concurrent tests are in `tests/`.

use super::{Cache, Cause, Outcome, shares};
use host_contract::split_mix::mix;
use host_policy::{ExportedEntry, ImportedEntry, Policy, PolicyFactory, Slot, builtin};
use parking_lot::Mutex;
use std::sync::Arc;

type Log = Arc<Mutex<Vec<(u64, u64, Cause)>>>;

/// One shard, values are weights, and a log of what the listener hears.
fn logged(capacity: u64, kind: &PolicyFactory) -> (Cache<u64, u64>, Log) {
    let log = Log::default();
    let heard = Arc::clone(&log);
    let cache = Cache::builder(capacity)
        .policy(kind)
        .shards(1)
        .weigher(|_, &value| value)
        .listener(move |&key, &value, cause| heard.lock().push((key, value, cause)))
        .build();
    (cache, log)
}

#[test]
fn outcomes_are_returned_counted_and_heard() {
    let (cache, log) = logged(10, &builtin::LRU);
    assert_eq!(cache.insert(1, 4), Outcome::Inserted);
    assert_eq!(cache.insert(2, 4), Outcome::Inserted);
    assert_eq!(cache.insert(1, 5), Outcome::Replaced);
    assert_eq!(cache.insert(3, 3), Outcome::Inserted);
    assert_eq!(cache.insert(4, 11), Outcome::Refused);
    assert_eq!(cache.insert(1, 12), Outcome::Refused);
    assert_eq!(cache.remove(&3), Some(3));
    assert_eq!(cache.remove(&3), None);
    let heard = std::mem::take(&mut *log.lock());
    let want = [
        (1, 4, Cause::Replaced),
        (2, 4, Cause::Evicted),
        (4, 11, Cause::Refused),
        (1, 5, Cause::Replaced),
        (1, 12, Cause::Refused),
        (3, 3, Cause::Removed),
    ];
    assert_eq!(heard, want);
    let stats = cache.stats();
    assert_eq!((stats.insertions, stats.evictions, stats.refused), (4, 1, 2));
    assert!(cache.is_empty() && cache.weight() == 0);
    cache.insert(5, 1);
    cache.clear();
    assert_eq!(*log.lock(), [(5, 1, Cause::Removed)]);
    cache.check().unwrap();
}

#[test]
fn a_heavier_value_makes_room_first_even_by_its_own_entry() {
    let (cache, log) = logged(10, &builtin::LFU);
    cache.insert(1, 5);
    cache.insert(2, 5);
    (0..9).for_each(|_| assert_eq!(cache.get(&2), Some(5)));
    // Entry 1 is the least frequent also after this use: growing evicts its own old value, then 2 has to go
    // too.
    assert_eq!(cache.insert(1, 6), Outcome::Inserted);
    assert_eq!(*log.lock(), [(1, 5, Cause::Evicted), (2, 5, Cause::Evicted)]);
    assert_eq!((cache.get(&1), cache.weight()), (Some(6), 6));
    for kind in &builtin::ALL {
        let (cache, _) = logged(100, kind);
        for step in 0..20_000 {
            cache.insert(mix(step) % 30, 1 + mix(step + 7) % 40);
            assert!(cache.weight() <= 100);
            if step % 97 == 0 {
                cache.remove(&(mix(step) % 30));
                cache.check().unwrap();
            }
        }
    }
}

#[test]
fn peeking_counts_nothing_and_moves_nothing() {
    let (cache, _) = logged(2, &builtin::LRU);
    cache.insert(1, 1);
    cache.insert(2, 1);
    assert_eq!((cache.peek(&1), cache.peek(&9)), (Some(1), None));
    assert!(cache.contains(&1) && !cache.contains(&9));
    cache.insert(3, 1);
    assert!(!cache.contains(&1), "1 was still the least recently used");
    assert_eq!((cache.stats().hits, cache.stats().misses), (0, 0));
    let mut seen = Vec::new();
    cache.for_each(|&key, _| seen.push(key));
    seen.sort_unstable();
    assert_eq!(seen, [2, 3]);
}

#[test]
fn shares_add_up_and_shards_are_bounded() {
    for (capacity, count) in [(0, 4), (3, 4), (1_000, 8), (u64::MAX >> 2, 16)] {
        let shares: Vec<u64> = shares(capacity, count).collect();
        assert_eq!(shares.iter().sum::<u64>(), capacity);
        assert!(shares[0] - shares[count - 1] <= 1);
    }
    let shards = |capacity, weighed: bool| {
        let builder = Cache::<u64, u64>::builder(capacity);
        if weighed { builder.weigher(|_, _| 8).build().shards() } else { builder.build().shards() }
    };
    assert_eq!([shards(0, false), shards(1_500, false), shards(1 << 20, true)], [1, 1, 1]);
    assert!(shards(1 << 20, false) > 1 && shards(1 << 40, true) > 1);
    assert_eq!(Cache::<u64, u64>::builder(9).shards(5).build().shards(), 8);
}

#[test]
fn keys_are_spread_over_shards_by_any_hasher_and_found_again() {
    /// Hashes a number to itself: its high bits are empty.
    #[derive(Default, Clone)]
    struct Identity(u64);
    impl std::hash::Hasher for Identity {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, _: &[u8]) {
            unreachable!("keys are u64")
        }
        fn write_u64(&mut self, number: u64) {
            self.0 = number;
        }
    }
    let hasher = std::hash::BuildHasherDefault::<Identity>::default();
    let cache = Cache::builder(8_000).shards(8).hasher(hasher).build();
    (0..4_000u64).for_each(|key| assert_eq!(cache.insert(key, key), Outcome::Inserted));
    assert!((0..4_000).all(|key| cache.get(&key) == Some(key)), "an uneven spread evicts");
    cache.check().unwrap();
}

#[test]
fn a_policy_that_names_no_resident_is_replaced_and_the_limit_holds() {
    use super::expiry::{Expiry, Monotonic};
    use super::removed::Removed;
    use super::shard::{Common, Shard};
    use super::store::{Entry, Incoming};
    use super::weights::Weighing;
    let shard = Shard::<u64, u64>::new(&builtin::ARC, 3, 0.1, Weighing::Alike, 1);
    let expiry = Expiry::new(Box::new(Monotonic(std::time::Instant::now())), None, None);
    let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
    let fault = crate::sync::Mutex::new(None);
    let common = Common { hasher, expiry, fallback: builtin::LRU, fault };
    let incoming =
        |key| Incoming { hash: mix(key), weight: 1, lifetime: None, entry: Entry { key, value: key } };
    for key in 0..3 {
        shard.insert(incoming(key), &common, None, &mut Removed::new());
    }
    assert!(!shard.is_degraded());
    shard.lose_track();
    let mut removed = Removed::new();
    assert_eq!(shard.insert(incoming(3), &common, None, &mut removed), Some(Outcome::Inserted));
    assert_eq!(removed.into_iter().count(), 1);
    assert!(shard.is_degraded());
    let fault = common.fault.lock().clone();
    assert_eq!(fault, Some((builtin::ARC, "it named no entry to evict".to_owned())));
    shard.check().unwrap();
}

#[test]
fn a_changed_time_to_live_holds_for_what_is_stored_from_then_on() {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;
    let seconds = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&seconds);
    let cache = Cache::builder(100).clock(move || Duration::from_secs(clock.load(Ordering::Relaxed))).build();
    let held = |cache: &Cache<u64, u64>| (0..6).filter(|key| cache.contains(key)).collect::<Vec<_>>();
    assert_eq!(cache.time_to_live(), None);
    cache.insert(0, 0);
    cache.set_time_to_live(Some(Duration::from_secs(10)));
    assert_eq!(cache.time_to_live(), Some(Duration::from_secs(10)));
    cache.insert(1, 1);
    cache.insert_with_ttl(2, 2, Duration::from_secs(30));
    cache.get_or_insert_with(3, || 3);
    cache.set_time_to_live(Some(Duration::from_secs(20)));
    cache.insert(4, 4);
    cache.set_time_to_live(None);
    assert_eq!(cache.time_to_live(), None);
    cache.insert(5, 5);
    for (now, left) in
        [(9, vec![0, 1, 2, 3, 4, 5]), (10, vec![0, 2, 4, 5]), (20, vec![0, 2, 5]), (30, vec![0, 5])]
    {
        seconds.store(now, Ordering::Relaxed);
        assert_eq!(held(&cache), left, "at {now} s");
    }
    // A replacement begins anew, by what holds then.
    cache.set_time_to_live(Some(Duration::from_secs(5)));
    cache.insert(0, 0);
    seconds.store(35, Ordering::Relaxed);
    assert_eq!(held(&cache), [5]);
    cache.check().unwrap();
}

/// Forgets every entry at its third insert, and then names none.
struct Forgetful {
    lru: Box<dyn Policy>,
    inserts: u32,
}

fn forgetful() -> PolicyFactory {
    PolicyFactory::new("forgetful", |capacity| {
        Box::new(Forgetful { lru: builtin::LRU.build(capacity), inserts: 0 })
    })
}

impl Policy for Forgetful {
    fn on_hit(&mut self, slot: Slot) {
        self.lru.on_hit(slot);
    }

    fn on_miss(&mut self, id: u64, weight: u64) {
        self.lru.on_miss(id, weight);
    }

    fn victim(&mut self) -> Option<Slot> {
        self.lru.victim()
    }

    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64) {
        self.inserts += 1;
        self.lru.on_insert(slot, id, weight);
        if self.inserts == 3 {
            self.lru = builtin::LRU.build(10);
        }
    }

    fn on_remove(&mut self, slot: Slot) {
        self.lru.on_remove(slot);
    }

    fn on_reweigh(&mut self, slot: Slot, weight: u64) {
        self.lru.on_reweigh(slot, weight);
    }

    fn set_capacity(&mut self, capacity: u64) {
        self.lru.set_capacity(capacity);
    }

    fn export(&self) -> Vec<ExportedEntry> {
        self.lru.export()
    }

    fn import(&mut self, entries: &[ImportedEntry]) {
        self.lru.import(entries);
    }

    fn len(&self) -> usize {
        self.lru.len()
    }
}

/// `(fallbacks, degraded shards, policy set, policy in force)`.
fn told(cache: &Cache<u64, u64>) -> (u64, u64, String, String) {
    let stats = cache.stats();
    let in_force = stats.in_force().to_string();
    (stats.fallbacks, stats.degraded_shards, stats.policy.to_string(), in_force)
}

#[test]
fn a_fallback_shows_in_the_stats_until_a_policy_is_set() {
    let cache = Cache::builder(3).shards(1).policy(&forgetful()).build();
    let policy = cache.policy();
    let state = |fallbacks, degraded, in_force: &str| {
        (fallbacks, degraded, "forgetful".to_owned(), in_force.to_owned())
    };
    for key in 0..3 {
        cache.insert(key, key);
    }
    assert_eq!(told(&cache), state(0, 0, "forgetful"), "nothing had to be evicted yet");
    cache.insert(3, 3);
    assert_eq!(told(&cache), state(1, 1, "lru"));
    assert_eq!((cache.len(), cache.stats().evictions), (3, 1));
    cache.check().unwrap();

    // The same policy again is in force again, built anew with all entries, and may fail again.
    cache.set_policy(&policy);
    assert_eq!(told(&cache), state(1, 0, "forgetful"));
    assert_eq!(cache.len(), 3);
    cache.check().unwrap();
    for key in 4..8 {
        cache.insert(key, key);
    }
    assert_eq!(told(&cache), state(2, 1, "lru"));

    cache.clear();
    assert_eq!(told(&cache), state(2, 0, "forgetful"));

    // Another policy ends the state as well.
    for key in 0..4 {
        cache.insert(key, key);
    }
    cache.set_policy(&builtin::ARC);
    assert_eq!(told(&cache), (3, 0, "arc".to_owned(), "arc".to_owned()));
    cache.check().unwrap();
}

#[test]
fn a_shard_that_falls_back_leaves_the_others_their_policy() {
    let cache = Cache::builder(6).shards(2).policy(&forgetful()).build();
    let mut keys = 0..;
    while cache.stats().fallbacks == 0 {
        let key = keys.next().unwrap();
        cache.insert(key, key);
    }
    let stats = cache.stats();
    assert_eq!((stats.degraded_shards, stats.shards, stats.in_force()), (1, 2, builtin::LRU));
}

#[test]
fn the_listener_may_use_the_cache() {
    // Two levels: what the first evicts, its listener puts into the second, and asks the first about it.
    let below = Arc::new(Cache::<u64, u64>::builder(100).shards(1).build());
    let above: Arc<std::sync::OnceLock<Cache<u64, u64>>> = Arc::default();
    let (second, first) = (Arc::clone(&below), Arc::clone(&above));
    let cache = Cache::builder(10).shards(1).listener(move |&key, &value, cause| {
        assert_eq!(cause, Cause::Evicted);
        let first = first.get().unwrap();
        assert!(!first.contains(&key) && first.weight() <= 10, "told after the fact, without a lock");
        second.insert(key, value);
    });
    let cache = above.get_or_init(|| cache.build());
    for key in 0..50 {
        cache.insert(key, key * 2);
    }
    assert_eq!((cache.len(), below.len()), (10, 40));
    assert!((0..50).all(|key| cache.get(&key).or_else(|| below.get(&key)) == Some(key * 2)));
}
