//! Scans against the keys that were there.

use super::{Cache, GROUPS};
use crate::{Life, builtin};
use host_contract::split_mix::mix;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Hashes numbers alike in every run, to so many different values.
#[derive(Debug, Clone, Copy)]
struct Seeded(u64);

struct Hash(u64, u64);

impl BuildHasher for Seeded {
    type Hasher = Hash;
    fn build_hasher(&self) -> Hash {
        Hash(0, self.0)
    }
}

impl Hasher for Hash {
    fn finish(&self) -> u64 {
        mix(self.0 % self.1)
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u64")
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

fn cache(capacity: u64, shards: usize, hashes: u64) -> Cache<u64, u64, Seeded> {
    Cache::builder(capacity).shards(shards).hasher(Seeded(hashes)).build()
}

/// Scans from the beginning to the end, with something in between.
fn scan(
    cache: &Cache<u64, u64, Seeded>,
    count: usize,
    mut between: impl FnMut(),
) -> (BTreeMap<u64, u32>, u32) {
    let (mut seen, mut cursor, mut calls) = (BTreeMap::new(), 0, 0);
    loop {
        cursor = cache.scan(cursor, count, |&key, found| {
            assert_eq!(*found.value, key);
            *seen.entry(key).or_insert(0) += 1;
        });
        calls += 1;
        assert!(cursor < 1 << 44);
        if cursor == 0 {
            return (seen, calls);
        }
        between();
    }
}

proptest! {
    /// What stays is visited once, and what comes and goes no more than that, while the table grows.
    #[test]
    fn a_scan_visits_what_stays(
        stay in prop::collection::btree_set(0u64..2_000, 0..400),
        steps in prop::collection::vec((2_000u64..4_000, any::<bool>()), 0..2_000),
        a_call in 1usize..80,
        count in 0usize..60,
        shards in 0u32..4,
        hashes in prop_oneof![Just(u64::MAX), 1u64..40],
    ) {
        let cache = cache(100_000, 1 << shards, hashes);
        for &key in &stay {
            cache.insert(key, key);
        }
        let mut steps = steps.into_iter();
        let mut turn = 0;
        let (seen, _) = scan(&cache, count, || {
            for (key, stays) in steps.by_ref().take(a_call) {
                cache.insert(key, key);
                if !stays {
                    cache.remove(&key);
                }
            }
            turn += 1;
            cache.set_policy(&builtin::ALL[turn % builtin::ALL.len()]);
        });
        prop_assert!(stay.iter().all(|key| seen.get(key) == Some(&1)), "what stays is visited once");
        prop_assert!(seen.values().all(|&times| times == 1));
    }

    /// Any number is a cursor, from which a scan comes to its end.
    #[test]
    fn any_cursor_leads_to_the_end(
        cursor in prop_oneof![any::<u64>(), (0u64..9, any::<u32>()).prop_map(|(shard, hash)| shard << 32 | u64::from(hash))],
        keys in 0u64..300,
        count in prop_oneof![0usize..20, Just(usize::MAX)],
    ) {
        let cache = cache(100_000, 4, u64::MAX);
        for key in 0..keys { cache.insert(key, key); }
        let (mut next, mut seen) = (cursor, BTreeSet::new());
        loop {
            let after = cache.scan(next, count, |&key, _| assert!(seen.insert(key)));
            if after == 0 {
                break;
            }
            prop_assert!(after > next);
            next = after;
        }
    }

    /// What waits on probation is visited too, also where it is asked for, and leaves it, while the scan is under way.
    #[test]
    fn what_waits_is_visited(
        waiting in prop::collection::btree_set(0u64..1_000, 0..100),
        asked_for in prop::collection::vec(0u64..1_000, 0..200),
    ) {
        let cache = cache(10_000, 2, u64::MAX);
        waiting.iter().for_each(|&key| cache.fill(key, key));
        for key in 1_000..1_200 { cache.insert(key, key); }
        let mut asked_for = asked_for.into_iter();
        let (seen, _) = scan(&cache, 5, || {
            for key in asked_for.by_ref().take(20) {
                cache.get(&key);
            }
        });
        prop_assert!(waiting.iter().all(|key| seen.contains_key(key)));
        prop_assert!((1_000..1_200).all(|key| seen.get(&key) == Some(&1)));
    }
}

#[test]
fn an_emptied_table_is_passed_in_pieces() {
    let cache = cache(1_000_000, 1, u64::MAX);
    for key in 0..60_000 {
        cache.insert(key, key);
    }
    let (seen, calls) = scan(&cache, 1_000, || {});
    assert!(seen.len() == 60_000 && (40..=60).contains(&calls), "{calls} calls");
    for key in 0..60_000 {
        cache.remove(&key);
    }
    let (seen, calls) = scan(&cache, 10, || {});
    // There is a group for each five entries, more or less.
    assert!(
        seen.is_empty() && (60_000 / 7 / (GROUPS + 64) + 1..30).contains(&usize::try_from(calls).unwrap()),
        "{calls}"
    );
}

#[test]
fn what_is_over_its_time_is_not_come_by() {
    let clock = Arc::new(AtomicU64::new(0));
    let time = Arc::clone(&clock);
    let cache = Cache::builder(1_000)
        .hasher(Seeded(u64::MAX))
        .shards(2)
        .clock(move || Duration::from_nanos(time.load(Ordering::Relaxed)))
        .build();
    for key in 0..100 {
        cache.insert_until(key, key, Life::Until(Duration::from_nanos(1 + key % 2)));
    }
    clock.store(1, Ordering::Relaxed);
    let (seen, _) = scan(&cache, 7, || {});
    assert!(seen.len() == 50 && seen.keys().all(|key| key % 2 == 1));
    for random in 0..200 {
        let (key, until) = cache.random_with(mix(random), |&key, found| (key, found.until)).unwrap();
        assert_eq!((key % 2, until), (1, Some(Duration::from_nanos(2))));
    }
    // The entries are there still.
    clock.store(2, Ordering::Relaxed);
    assert_eq!(
        (cache.len(), cache.random_with(5, |&key, _| key), scan(&cache, 7, || {}).0.len()),
        (100, None, 0)
    );
}

#[test]
fn each_entry_is_about_as_likely() {
    let cache = cache(10_000, 4, u64::MAX);
    for key in 0..2_000 {
        cache.insert(key, key);
    }
    for key in (0..2_000).filter(|key| key % 20 > 0) {
        cache.remove(&key);
    }
    (2_000..2_100).for_each(|key| cache.fill(key, key));
    let mut times = BTreeMap::new();
    for random in 0..40_000 {
        let key = cache.random_with(mix(random), |&key, found| (key, *found.value)).unwrap();
        *times.entry(key).or_insert(0) += 1;
    }
    assert_eq!(times.len(), 200);
    // 200 times each on average; a standard deviation of chance alone is 14.
    let (least, most) = (times.values().min().unwrap(), times.values().max().unwrap());
    assert!(*least > 120 && *most < 300, "{least} to {most}");
}

#[test]
fn an_empty_cache_has_nothing_to_come_by() {
    let cache = cache(100, 4, u64::MAX);
    assert_eq!(cache.scan(0, 10, |_, _| panic!("there is nothing")), 0);
    assert_eq!(cache.random_with(u64::MAX, |&key, _| key), None);
}
