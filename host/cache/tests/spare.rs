//! What waits in spare room: it saves misses and causes none, whatever the policy.

use host_cache::{Cache, Cause, Fill, Outcome, PolicyFactory, builtin};
use std::sync::mpsc;

/// A generator that gives the same numbers each time; small ones more often than large ones.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn skewed(&mut self, end: u64) -> u64 {
        let most = self.below(end) + 1;
        self.below(most)
    }
}

fn cache(policy: &PolicyFactory, capacity: u64) -> Cache<u64, u64> {
    // The same hashes in both: a sketch counts keys together by them.
    let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
    Cache::builder(capacity).policy(policy).shards(1).weigher(|key, _| 1 + key % 3).hasher(hasher).build()
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
fn every_request_hits_that_would_hit_without_it_and_the_others_are_those_that_it_saves() {
    for policy in builtin::ALL {
        let (with, without) = (cache(&policy, 200), cache(&policy, 200));
        let mut random = Random(5);
        // Hottest first, and more than there is room for.
        (0..400).for_each(|key| with.fill_spare(key, key));
        let filled = with.stats().spare_filled;
        assert!((90..=200).contains(&filled), "{policy}: {filled}");
        let mut saved = 0;
        for turn in 0..20_000 {
            let key = random.skewed(400);
            let (warm, cold) = (request(&with, key), request(&without, key));
            assert!(warm || !cold, "{policy}, request {turn}: a miss was caused");
            saved += u64::from(warm && !cold);
            if turn % 64 == 0 {
                with.check().unwrap();
            }
        }
        let (with, without) = (with.stats(), without.stats());
        assert_eq!((with.spare_asked, with.misses), (saved, without.misses - saved), "{policy}");
        assert!(saved > 20 && with.spare == 0, "{policy}: {saved} saved, {} left", with.spare);
        assert_eq!(with.evictions, without.evictions, "{policy}");
    }
}

#[test]
fn spare_room_is_given_up_the_latest_first_and_before_what_was_prefetched() {
    let (heard, left) = mpsc::channel();
    let listener = move |&key: &u64, _: &u64, cause| {
        heard.send((key, cause)).ok();
    };
    let cache = Cache::builder(10).shards(1).listener(listener).build();
    cache.set_probation_share(0.2);
    cache.fill(100, 0);
    (0..9).for_each(|key| cache.fill_spare(key, 0));
    assert_eq!(cache.len(), 10);
    cache.fill_spare(9, 0);
    assert_eq!(left.try_iter().collect::<Vec<_>>(), [(9, Cause::Refused)], "there is no room left");
    cache.fill(101, 0);
    assert_eq!(cache.insert(200, 0), Outcome::Inserted);
    assert_eq!(left.try_iter().collect::<Vec<_>>(), [(8, Cause::Unused), (7, Cause::Unused)]);
    cache.set_capacity(5);
    let gone: Vec<_> = left.try_iter().collect();
    // The share of a smaller cache is one entry.
    assert!(gone.contains(&(100, Cause::Unused)) && !gone.contains(&(200, Cause::Evicted)), "{gone:?}");
    assert!(gone.iter().all(|(key, _)| *key > 2), "the first to come are the last to leave: {gone:?}");
    assert_eq!((cache.get(&0), cache.len()), (Some(0), 5));
    cache.check().unwrap();
    cache.clear();
    assert!(cache.is_empty() && cache.stats().spare == 0);
}

#[test]
fn what_is_put_or_removed_meanwhile_is_not_counted_as_asked_for() {
    let cache = cache(&builtin::ARC, 100);
    (0..4).for_each(|key| cache.fill_spare(key, key));
    assert_eq!(cache.insert(0, 7), Outcome::Replaced);
    assert_eq!(cache.remove(&1), Some(1));
    assert_eq!((cache.get(&0), cache.get(&2)), (Some(7), Some(2)));
    let stats = cache.stats();
    assert_eq!((stats.spare_filled, stats.spare_asked, stats.spare), (4, 1, 1));
    cache.check().unwrap();
}

#[tokio::test]
async fn who_asks_during_the_load_waits_for_it_and_counts() {
    let cache = cache(&builtin::LRU, 100);
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let load = async {
        gone.await.ok();
        Ok::<_, ()>(1)
    };
    let ask = async {
        let asked = cache.get_or_try_insert_async(1, async { Err(()) });
        let (asked, ()) = tokio::join!(asked, async {
            tokio::task::yield_now().await;
            go.send(()).ok();
        });
        asked
    };
    let (filled, asked) = tokio::join!(cache.try_fill_spare_async(1, load), ask);
    assert_eq!((filled, asked.map(|(value, _)| value)), (Ok(Fill::Loaded), Ok(1)));
    let stats = cache.stats();
    assert_eq!((stats.spare_asked, stats.spare, stats.waited), (1, 0, 1));
}
