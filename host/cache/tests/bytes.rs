//! What an entry costs beyond its key and value, under every policy: entries of two `u64`, counted by the
//! allocator while requests evict and ghosts fill up, at the moment when the full cache held most.
//!
//! The sizes are what was asked for: what an allocator rounds up is its own. Slack is included: places of the table
//! that are empty, and what a growing vector has in reserve. A cache of one size could be lucky with these, so
//! several are measured, and the worst is what the limits are for.
#![expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a measurement: its numbers are far below 2^53"
)]

#[path = "support/counting.rs"]
mod counting;

use counting::held;
use host_cache::{Cache, PolicyFactory, builtin};
use host_contract::split_mix::mix;
use std::sync::Mutex;

/// Held by the test that counts: there is one count for all of the process.
static COUNTS: Mutex<()> = Mutex::new(());

const KEY_AND_VALUE: usize = 16;

/// Bytes an entry beyond key and value, at the worst moment of a long run with this capacity, once the cache is full.
fn bytes(kind: &PolicyFactory, capacity: u64) -> f64 {
    let before = held();
    let cache = Cache::builder(capacity).policy(kind).build();
    let mut worst: f64 = 0.0;
    // Half of the requests ask again for what was asked for lately, by which ARC's both halves and both ghost lists
    // fill; half are new, by which everything is evicted. Eight times the capacity is enough for as many ghosts as
    // there can be.
    for number in 0..8 * capacity {
        let key = if number % 2 == 0 {
            number
        } else {
            number.saturating_sub(2 * (mix(number) % (capacity / 2)) + 1)
        };
        if cache.get(&key).is_none() {
            cache.insert(key, key);
        }
        if number % (capacity / 8) == 0 && cache.len() > capacity - capacity / 100 {
            let held = (held() - before) as f64;
            worst = worst.max(held / cache.len() as f64 - KEY_AND_VALUE as f64);
        }
    }
    assert!(cache.len() > capacity - capacity / 100, "the cache is full: {} of {capacity}", cache.len());
    assert!(cache.stats().evictions > capacity, "and has evicted");
    worst
}

/// Every policy's figure, the worst of these capacities; the two that are promised are kept.
fn table(kinds: &[PolicyFactory], capacities: &[u64]) {
    let _counts = COUNTS.lock();
    println!("bytes an entry beyond key and value, at capacities of {capacities:?}");
    for kind in kinds {
        let each: Vec<f64> = capacities.iter().map(|&capacity| bytes(kind, capacity)).collect();
        let worst = each.iter().copied().fold(0.0, f64::max);
        let each: Vec<String> = each.iter().map(|bytes| format!("{bytes:>6.1}")).collect();
        println!("{:<10} {}", kind.name(), each.join(" "));
        let most = match kind.name() {
            "lru" => 34.0,
            "arc" => 56.0,
            _ => 60.0,
        };
        assert!(worst <= most, "{kind}: {worst:.1} bytes an entry, over {most}");
    }
}

#[test]
fn entries_are_small() {
    table(&[builtin::LRU, builtin::ARC], &[100_000]);
}

#[test]
#[ignore = "half a minute: up to a million entries, under every policy"]
fn many_entries_are_small() {
    table(&builtin::ALL, &[300_000]);
    table(&[builtin::LRU, builtin::ARC], &[1_000_000]);
}
