//! A policy that is not built in runs in the cache and in a shadow, by the name it was registered under. The simulator's
//! tests do the same with a replay.

#[path = "support/mru.rs"]
mod mru;

use host_cache::{Cache, Outcome, PolicyFactory, RegisterError, Registry, Shadows, builtin};
use mru::Mru;

fn registry() -> Result<Registry, RegisterError> {
    let mut policies = Registry::default();
    policies.register(PolicyFactory::new("mru", |_| Box::<Mru>::default()))?;
    Ok(policies)
}

const KEYS: u64 = 150;
const CAPACITY: u64 = 100;
const REQUESTS: usize = 6_000;

/// The hits of a loop over more keys than fit.
fn hits(mut request: impl FnMut(u64) -> bool) -> u64 {
    (0..KEYS).cycle().take(REQUESTS).map(|key| u64::from(request(key))).sum()
}

#[test]
fn cache_and_shadow_run_a_registered_policy_alike() {
    let policies = registry().unwrap();
    let mru = policies.get("mru").unwrap();

    let cache = Cache::builder(CAPACITY).policy(mru).shards(1).build();
    let in_cache = hits(|key| cache.get(&key).is_some() || cache.insert(key, ()) != Outcome::Inserted);
    assert_eq!(cache.stats().policy.name(), "mru");

    let mut shadows = Shadows::new(&[builtin::LRU, mru.clone()], &[1.0], CAPACITY, 1);
    hits(|key| {
        shadows.feed(key, 1);
        false
    });
    let estimates = shadows.estimates();
    let of = |name| estimates.iter().find(|estimate| estimate.policy.name() == name).unwrap();

    // About two thirds fit; LRU hits none of them.
    assert!(in_cache > 3_800, "{in_cache} hits");
    assert_eq!((of("mru").requests - of("mru").misses, of("lru").misses), (in_cache, 6_000));
}

#[test]
fn a_cache_changes_to_a_registered_policy_and_back() {
    let policies = registry().unwrap();
    let cache = Cache::builder(10).shards(1).build();
    for key in 0..10 {
        cache.insert(key, key);
    }
    cache.set_policy(policies.get("MRU").unwrap());
    cache.insert(10, 10);
    assert!(cache.contains(&0) && !cache.contains(&9), "the hottest goes");
    cache.set_policy(policies.get("lru").unwrap());
    cache.insert(11, 11);
    assert_eq!((cache.len(), cache.policy().name()), (10, "lru"));
    cache.check().unwrap();
}

#[test]
fn a_new_constructor_under_the_same_name_is_put_in_force() {
    let built = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counting = |built: &std::sync::Arc<std::sync::atomic::AtomicU64>| {
        let built = std::sync::Arc::clone(built);
        PolicyFactory::new("mru", move |_| {
            built.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Box::<Mru>::default()
        })
    };
    let (first, second) = (counting(&built), counting(&built));
    let cache = Cache::<u64, u64>::builder(10).shards(1).policy(&first).build();
    cache.set_policy(&first);
    assert_eq!(built.load(std::sync::atomic::Ordering::Relaxed), 1, "it is in force already");
    cache.set_policy(&second);
    assert_eq!(built.load(std::sync::atomic::Ordering::Relaxed), 2);
}
