//! The cache alone: read through it, change its policy while it runs, and see what it counted.
//!
//!     cargo run -p host-cache --example cache

use host_cache::{Cache, Registry, Served};

/// Stands for something slow: a query, a file, another machine.
fn load(page: u64) -> String {
    format!("page {page}")
}

/// Readers ask for a few popular pages again and again. Between them a crawler asks for every page once.
fn requests() -> impl Iterator<Item = u64> {
    (0..20_000).map(|step| if step % 3 == 0 { 1_000 + step } else { step * step % 500 })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policies = Registry::default();
    let cache = Cache::builder(200).policy(policies.get("lru")?).shards(1).build();

    let (page, served) = cache.get_or_insert_with(7, || load(7));
    assert_eq!((page.as_str(), served), ("page 7", Served::Loaded));
    let (_, served) = cache.get_or_insert_with(7, || load(7));
    assert_eq!(served, Served::Hit);

    println!("{:<10} {:>6} {:>8} {:>10}", "policy", "hits", "misses", "evictions");
    let mut before = cache.stats();
    for name in ["lru", "arc", "sieve"] {
        // Every entry stays; only the order in which they are evicted is another one.
        cache.set_policy(policies.get(name)?);
        for page in requests() {
            cache.get_or_insert_with(page, || load(page));
        }
        let now = cache.stats();
        let (hits, misses) = (now.hits - before.hits, now.misses - before.misses);
        println!("{:<10} {hits:>6} {misses:>8} {:>10}", now.policy, now.evictions - before.evictions);
        before = now;
    }

    // A mistyped name lists the policies that there are.
    if let Err(error) = policies.get("seive") {
        println!("{error}");
    }
    Ok(())
}
