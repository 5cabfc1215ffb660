//! What a switch promises while requests go on: the hot set stays, and counts are not lost on the way.
//!
//! The exact order of the victims after a switch, for each pair of policies, is tested beside the policies.

use host_cache::{Cache, PolicyFactory, Served, builtin};

/// One shard, so that the policy orders all entries together.
fn cache(policy: &PolicyFactory, capacity: u64) -> Cache<u64, ()> {
    Cache::builder(capacity).policy(policy).shards(1).build()
}

/// Asks for an entry, and stores it where it is missing; true if it was there.
fn access(cache: &Cache<u64, ()>, id: u64) -> bool {
    cache.get_or_insert_with(id, || ()).1 == Served::Hit
}

#[test]
fn the_hot_set_outlives_the_switch() {
    for from in &builtin::ALL {
        for to in builtin::ALL.iter().filter(|&to| to != from) {
            let cache = cache(from, 4_000);
            // 400 hot ids, each used five times; then 3,600 that are used once and fill the cache.
            for id in (0..400).cycle().take(2_000).chain(10_000..13_600) {
                access(&cache, id);
            }
            // Recency alone would let the hot ids go next: they are used once more, as a hot id would be.
            for id in 0..400 {
                assert!(access(&cache, id), "{from}: {id} is resident");
            }
            cache.set_policy(to);
            for id in 20_000..21_000 {
                access(&cache, id);
            }
            let left = (0..400).filter(|&id| cache.contains(&id)).count();
            assert_eq!(
                (left, cache.len()),
                (400, 4_000),
                "{from} to {to}: hot ids went within 1,000 evictions"
            );
        }
    }
}

/// A switch to a policy under load, from a cache that has long been full and whose ghosts, main parts and marks
/// are populated.
#[test]
fn a_cache_long_in_use_keeps_what_is_hot() {
    for from in &builtin::ALL {
        for to in builtin::ALL.iter().filter(|&to| to != from) {
            let cache = cache(from, 2_000);
            let mut new = 1_000_000;
            for round in 0..200_u64 {
                // 200 hot ids a round, among 100 that were asked for before and 100 that never were.
                for id in 0..200 {
                    access(&cache, id);
                    if id % 2 == 0 {
                        access(&cache, 1_000 + (round * 100 + id / 2) % 5_000);
                        access(&cache, new);
                        new += 1;
                    }
                }
            }
            assert_eq!(cache.len(), 2_000);
            let hot = |cache: &Cache<u64, ()>| (0..200).filter(|&id| cache.contains(&id)).count();
            let before = hot(&cache);
            cache.set_policy(to);
            for id in 2_000_000..2_001_000 {
                access(&cache, id);
            }
            assert_eq!(hot(&cache), before, "{from} to {to}: of {before} hot ids");
            // FIFO lets go of everything in its turn; all others know the hot set.
            assert!(before == 200 || *from == builtin::FIFO, "{from} holds {before} of 200 hot ids");
        }
    }
}

#[test]
fn a_way_through_all_keeps_counts() {
    let cache = cache(&builtin::LFU, 100);
    for id in (0..100).chain((0..10).cycle().take(500)) {
        access(&cache, id);
    }
    for kind in builtin::ALL.iter().chain(builtin::ALL.iter().rev()).chain([&builtin::LFU]) {
        cache.set_policy(kind);
    }
    // Fifty uses each: newcomers used forty times still rank below them.
    for id in (1_000..1_090).flat_map(|id| std::iter::repeat_n(id, 40)) {
        access(&cache, id);
    }
    for id in 2_000..2_200 {
        access(&cache, id);
    }
    assert!((0..10).all(|id| cache.contains(&id)));
}
