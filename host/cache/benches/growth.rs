//! What an entry takes while a cache fills up, and how fast it fills: a million small entries, in a cache that is bounded by
//! their number, and in one that is bounded by weight and does not know how many there will be.
//!
//!     cargo bench -p host-cache --bench growth
//!
//! Bytes are counted as `tests/bytes.rs` does, beyond key and value of 8 bytes each. The worst moment is one after a table
//! grew. Times are the best of several rounds, since whatever else runs makes them longer and never shorter.
#![expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    reason = "a measurement: its numbers are far below 2^53"
)]

#[path = "../tests/support/counting.rs"]
mod counting;

use counting::held;
use host_cache::{Cache, PolicyFactory, builtin};
use host_contract::split_mix::mix;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

const ENTRIES: u64 = 1_000_000;
const ROUNDS: usize = 7;

/// Bytes of key and value.
const KEY_AND_VALUE: usize = 16;

/// A key with a value that it never has, as a pointer is one.
type Key = NonZeroU64;

fn key(number: u64) -> Key {
    NonZeroU64::new(mix(number) | 1).unwrap()
}

fn build(policy: &PolicyFactory, weighed: bool) -> Cache<Key, u64> {
    if weighed {
        Cache::builder(1 << 40).policy(policy).weigher(|_: &Key, _: &u64| 64).build()
    } else {
        Cache::builder(ENTRIES).policy(policy).build()
    }
}

/// Bytes an entry with a million, and at the worst moment from half of them on.
fn bytes(policy: &PolicyFactory, weighed: bool) -> (f64, f64) {
    let before = held();
    let cache = build(policy, weighed);
    let each = |cache: &Cache<Key, u64>| (held() - before) as f64 / cache.len() as f64 - KEY_AND_VALUE as f64;
    let mut worst: f64 = 0.0;
    for number in 0..ENTRIES {
        cache.insert(key(number), number);
        if number >= ENTRIES / 2 && number % 1_000 == 0 {
            worst = worst.max(each(&cache));
        }
    }
    (each(&cache), worst)
}

/// Millions of inserts a second, and of lookups of what is there and of what is not; and the longest insert.
fn times(policy: &PolicyFactory, weighed: bool) -> ([f64; 3], Duration) {
    let mut best = [Duration::MAX; 3];
    let mut longest = Duration::MAX;
    let keys: Vec<Key> = (0..2 * ENTRIES).map(key).collect();
    let (there, others) = keys.split_at(ENTRIES as usize);
    for _ in 0..ROUNDS {
        let cache = build(policy, weighed);
        let took = |work: &mut dyn FnMut()| {
            let begin = Instant::now();
            work();
            begin.elapsed()
        };
        let rounds = [
            took(&mut || {
                for &key in there {
                    cache.insert(key, key.get());
                }
            }),
            took(&mut || assert!(there.iter().filter(|&key| cache.get(key).is_some()).count() > 900_000)),
            took(&mut || assert!(others.iter().all(|key| cache.get(key).is_none()))),
        ];
        for (best, round) in best.iter_mut().zip(rounds) {
            *best = round.min(*best);
        }
        let cache = build(policy, weighed);
        let one = |&key: &Key| {
            took(&mut || {
                cache.insert(key, key.get());
            })
        };
        longest = longest.min(there.iter().map(one).max().unwrap());
    }
    (best.map(|time| ENTRIES as f64 / time.as_secs_f64() / 1e6), longest)
}

fn main() {
    println!("| | bytes at {ENTRIES} | worst | inserts M/s | hits M/s | misses M/s | longest insert us |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for policy in [builtin::SIEVE, builtin::LRU] {
        for weighed in [false, true] {
            let (full, worst) = bytes(&policy, weighed);
            let ([inserts, hits, misses], longest) = times(&policy, weighed);
            println!(
                "| {policy}, by {} | {full:.1} | {worst:.1} | {inserts:.2} | {hits:.2} | {misses:.2} | {} |",
                if weighed { "weight" } else { "number" },
                longest.as_micros(),
            );
        }
    }
}
