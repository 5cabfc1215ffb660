//! The live cache, with one shard and one thread, hits exactly where the simulation does.

use host_cache::Cache;
use host_policy::builtin;
use host_simulator::{Replay, Weigh};
use host_workload::key::hash_number;

use crate::reference::Reference;
use crate::traces;

#[test]
fn equals_the_naive_cache_through_switches_and_new_capacities() {
    for kind in &builtin::ALL {
        let cache = Cache::builder(500).policy(kind).shards(1).weigher(|&key: &u64, ()| key % 4).build();
        let mut naive = Reference::new(kind, 500);
        for step in 0..100_000_u64 {
            // Long runs of hits fill the buffer of reads; the product is skewed.
            let key = (hash_number(step) % 60) * (hash_number(step / 3) % 20);
            let hits = cache.stats().hits;
            cache.get_or_try_insert_with(key, || Ok::<_, ()>(())).unwrap();
            let hit = cache.stats().hits > hits;
            assert_eq!(hit, naive.access(cache.id(&key), key % 4), "{kind}, step {step}");
            if step % 20_000 == 9_999 {
                let other = &builtin::ALL[(step / 20_000) as usize % builtin::ALL.len()];
                cache.set_policy(other);
                naive.set_policy(other);
                cache.set_capacity(300 + step % 400);
                naive.set_capacity(300 + step % 400);
            }
            if step % 1_000 == 0 {
                cache.check().unwrap();
                assert_eq!((cache.weight(), cache.len()), (naive.used(), naive.len() as u64));
            }
        }
        let stats = cache.stats();
        assert_eq!((stats.hits, stats.misses), (naive.hits, naive.misses));
        assert!(stats.hits > 5_000 && stats.misses > 5_000, "{stats:?} tests little");
    }
}

#[test]
fn equals_a_replay_of_a_real_trace() {
    let Some(directory) = traces::directory() else { return };
    let requests = traces::read(&directory, "sprite.trace.gz");
    for kind in &builtin::ALL {
        let cache = Cache::builder(708).policy(kind).shards(1).build();
        for &id in &requests {
            cache.get_or_try_insert_with(id, || Ok::<_, ()>(())).unwrap();
        }
        cache.check().unwrap();
        // By the cache's own ids: the sketch of W-TinyLFU confuses others where ids are others.
        let ids: Vec<u64> = requests.iter().map(|id| cache.id(id)).collect();
        let hits = Replay::hashed(kind, 708, Weigh::Objects).feed(&ids, &[]).unwrap().hits;
        let stats = cache.stats();
        assert_eq!((stats.hits, stats.misses), (hits, requests.len() as u64 - hits), "{kind}");
    }
}
