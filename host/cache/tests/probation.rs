//! What waits on probation: no policy knows of it, it never takes more than its share, and asked for it becomes an entry
//! like any.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use host_cache::{Cache, Cause, Fill, Outcome, PolicyFactory, Served, builtin};

/// A generator that gives the same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn index(&mut self, end: u64) -> usize {
        usize::try_from(self.below(end)).unwrap_or(0)
    }

    /// Small numbers more often than large ones.
    fn skewed(&mut self, end: u64) -> u64 {
        let most = self.below(end) + 1;
        self.below(most)
    }
}

fn cache(policy: &PolicyFactory, capacity: u64) -> Cache<u64, u64> {
    Cache::builder(capacity).policy(policy).shards(1).build()
}

/// Looks up, and stores what was missed. Whether it hit.
fn request(cache: &Cache<u64, u64>, key: u64) -> bool {
    let hit = cache.get(&key).is_some();
    if !hit {
        cache.insert(key, key);
    }
    hit
}

#[test]
fn a_policy_hits_what_it_would_hit_in_a_cache_that_is_smaller_by_probation() {
    for policy in [builtin::LRU, builtin::FIFO, builtin::SIEVE, builtin::LFU] {
        let (with, without) = (cache(&policy, 100), cache(&policy, 90));
        let mut random = Random(7);
        for junk in 0..10 {
            with.fill(1_000_000 + junk, 0);
        }
        for turn in 0..20_000 {
            let key = random.skewed(400);
            assert_eq!(request(&with, key), request(&without, key), "{policy}, request {turn}");
            with.fill(2_000_000 + turn, 0);
        }
        let stats = with.stats();
        assert_eq!((stats.probation, stats.unused, stats.promoted), (10, 20_000, 0), "{policy}");
        assert_eq!(stats.weight, 100);
        with.check().unwrap();
    }
}

#[test]
fn asked_for_an_entry_is_to_the_policy_a_miss_that_was_loaded() {
    for policy in [builtin::LRU, builtin::FIFO, builtin::SIEVE, builtin::LFU] {
        let (with, without) = (cache(&policy, 100), cache(&policy, 100));
        let mut random = Random(11);
        for turn in 0..20_000 {
            let key = random.skewed(400);
            let missed = !with.contains(&key);
            if missed && random.below(2) == 0 {
                with.fill(key, key);
                assert_eq!(with.get(&key), Some(key));
            } else {
                request(&with, key);
            }
            assert_eq!(request(&without, key), !missed, "{policy}, request {turn}");
        }
        let (with, without) = (with.stats(), without.stats());
        assert_eq!(with.hits - with.promoted, without.hits, "{policy}");
        assert_eq!(with.misses + with.promoted, without.misses, "{policy}");
        assert!(with.promoted > 1_000);
    }
}

#[test]
fn every_policy_keeps_its_books_and_the_limits_hold() {
    for policy in &builtin::ALL {
        let cache =
            Cache::builder(1_000).policy(policy).shards(2).weigher(|key: &u64, _: &u64| key % 17 + 1).build();
        let mut random = Random(3);
        for turn in 0..30_000 {
            let key = random.skewed(600);
            match random.below(12) {
                0..4 => cache.fill(key, key),
                4 => drop(cache.remove(&key)),
                5 => drop(cache.insert(key, key)),
                6 if turn % 64 == 0 => cache.set_capacity(300 + random.below(1_000)),
                6 if turn % 65 == 0 => cache.set_probation_share([0.0, 0.05, 0.2, 0.6][random.index(4)]),
                6 if turn % 66 == 0 => cache.set_policy(&builtin::ALL[random.index(5)]),
                _ => drop(request(&cache, key)),
            }
            assert!(cache.weight() <= cache.capacity(), "{policy}");
            if turn % 16 == 0 {
                cache.check().unwrap_or_else(|wrong| panic!("{policy}, {turn}: {wrong}"));
            }
        }
        let stats = cache.stats();
        assert!(stats.promoted > 100 && stats.unused > 100 && stats.fallbacks == 0, "{policy}: {stats:?}");
    }
}

#[test]
fn the_oldest_leaves_first_and_the_listener_is_told_why() {
    let (heard, left) = mpsc::channel();
    let listener = move |&key: &u64, _: &u64, cause| heard.send((key, cause)).unwrap();
    let cache = Cache::builder(20).shards(1).listener(listener).build();
    for key in 1..=3 {
        cache.fill(key, key);
    }
    assert_eq!(left.try_iter().collect::<Vec<_>>(), [(1, Cause::Unused)]);
    assert_eq!(cache.insert(2, 20), Outcome::Replaced);
    assert_eq!(left.try_iter().collect::<Vec<_>>(), [(2, Cause::Replaced)]);
    assert_eq!((cache.get(&2), cache.remove(&3), cache.peek(&3)), (Some(20), Some(3), None));
    cache.fill(4, 4);
    assert_eq!(cache.iter().count(), 2);
    cache.clear();
    assert!(cache.is_empty() && cache.stats().probation == 0);
    cache.check().unwrap();
}

#[test]
fn an_entry_that_takes_all_of_a_shard_finds_room_though_others_wait() {
    let cache = Cache::builder(100).shards(1).weigher(|key: &u64, _: &u64| *key).build();
    cache.fill(10, 0);
    assert_eq!(cache.insert(100, 0), Outcome::Inserted);
    assert_eq!((cache.len(), cache.contains(&10)), (1, false));
    cache.fill(11, 0);
    assert_eq!(cache.stats().refused, 1, "heavier than all that may wait");
    cache.check().unwrap();
}

#[test]
fn what_waits_too_long_is_not_served() {
    let seconds = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&seconds);
    let cache = Cache::builder(100)
        .shards(1)
        .time_to_live(Duration::from_secs(60))
        .clock(move || Duration::from_secs(clock.load(Ordering::Relaxed)))
        .build();
    for key in 1..=3 {
        cache.fill(key, key);
    }
    assert_eq!(cache.get(&3), Some(3));
    seconds.store(60, Ordering::Relaxed);
    assert_eq!((cache.contains(&1), cache.get(&1)), (false, None));
    cache.purge_expired();
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.expired, stats.misses), (0, 3, 1));
}

#[test]
fn a_lookup_that_waits_for_a_fill_takes_its_entry_off_probation() {
    let cache = Arc::new(cache(&builtin::LRU, 100));
    let (begun, go) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let filling = {
        let (cache, begun, go) = (Arc::clone(&cache), Arc::clone(&begun), Arc::clone(&go));
        thread::spawn(move || {
            cache.try_fill_with(7, || {
                begun.wait();
                go.wait();
                Ok::<_, ()>(70)
            })
        })
    };
    begun.wait();
    let asking = {
        let cache = Arc::clone(&cache);
        thread::spawn(move || cache.get_or_insert_with(7, || unreachable!("one load a key")))
    };
    while cache.stats().misses == 0 {
        thread::yield_now();
    }
    go.wait();
    assert_eq!(filling.join().unwrap(), Ok(Fill::Loaded));
    let (value, served) = asking.join().unwrap();
    assert!(value == 70 && matches!(served, Served::Waited), "{value} {served:?}");
    let stats = cache.stats();
    assert_eq!((stats.probation, stats.waited, stats.entries), (0, 1, 1));
    cache.check().unwrap();
}

#[test]
fn threads_that_fill_and_ask_keep_the_books() {
    let cache = Arc::new(Cache::builder(500).shards(4).weigher(|key: &u64, _: &u64| key % 9 + 1).build());
    let threads: Vec<_> = (0..4)
        .map(|seed| {
            let cache = Arc::clone(&cache);
            thread::spawn(move || {
                let mut random = Random(seed);
                for _ in 0..20_000 {
                    let key = random.skewed(600);
                    if random.below(3) == 0 {
                        cache.try_fill_with(key, || Ok::<_, ()>(key)).unwrap();
                    } else {
                        assert_eq!(cache.get_or_insert_with(key, || key).0, key);
                    }
                    assert!(cache.weight() <= 500);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    cache.check().unwrap();
    let stats = cache.stats();
    assert!(stats.promoted > 0 && stats.unused > 0, "{stats:?}");
}
