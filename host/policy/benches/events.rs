//! How long the policies alone take: millions of events a second, one thread, no cache around them.
//!
//! `cargo bench -p host-policy` prints a table: hits one by one, hits in batches of 64, and misses (announcement,
//! victim, insert), for a state that fits a core's own cache and for one that does not. The best of five rounds
//! counts, rounds going through all policies in turn.
#![expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a benchmark: a panic is its failure, its numbers are its own"
)]

#[path = "../tests/owner/mix.rs"]
mod mix;

use host_policy::{ReplayPolicy, Slot, Visitor, builtin};
use mix::mix;
use std::time::Instant;

const ROUNDS: usize = 5;
const EVENTS: usize = 2_000_000;
const BATCH: usize = 64;
const ENTRIES: [u32; 2] = [10_000, 1_000_000];

/// Slots in a skewed random order; which of them are popular is random too.
fn requests(entries: u32) -> Vec<Slot> {
    let mut shuffled: Vec<u32> = (0..entries).collect();
    for at in (1..shuffled.len()).rev() {
        shuffled.swap(at, (mix(at as u64) % (at as u64 + 1)) as usize);
    }
    let one = |step: u64| {
        let (a, b) = (mix(step) >> 32, mix(step) & 0xFFFF_FFFF);
        Slot(shuffled[((((a * b) >> 32) * u64::from(entries)) >> 32) as usize])
    };
    (0..EVENTS as u64).map(one).collect()
}

/// Million events a second: hits, hits in batches, misses.
struct Measure<'a> {
    entries: u32,
    requests: &'a [Slot],
    round: usize,
}

impl Visitor for Measure<'_> {
    type Output = [f64; 3];

    fn visit<P: ReplayPolicy + 'static>(self, mut policy: P) -> [f64; 3] {
        let mut id = (self.round as u64) << 40;
        for slot in 0..self.entries {
            id += 1;
            policy.on_miss(id, 1);
            policy.on_insert(Slot(slot), id, 1);
        }
        let rate = |start: Instant| EVENTS as f64 / start.elapsed().as_secs_f64() / 1e6;
        // Once unmeasured, so that every entry that is popular has been used.
        policy.on_hits(self.requests);
        let start = Instant::now();
        for &slot in self.requests {
            policy.on_hit(slot);
        }
        let hits = rate(start);
        let start = Instant::now();
        for batch in self.requests.chunks(BATCH) {
            policy.on_hits(batch);
        }
        let batches = rate(start);
        let start = Instant::now();
        for _ in 0..EVENTS {
            id += 1;
            policy.on_miss(id, 1);
            if let Some(slot) = policy.victim() {
                policy.on_insert(slot, id, 1);
            }
        }
        let misses = rate(start);
        assert_eq!(policy.len(), self.entries as usize);
        [hits, batches, misses]
    }
}

fn main() {
    println!("million events a second, best of {ROUNDS}");
    for entries in ENTRIES {
        let requests = requests(entries);
        let mut best = builtin::ALL.map(|kind| (kind, [0.0_f64; 3]));
        for round in 0..ROUNDS {
            for (kind, best) in &mut best {
                let measure = Measure { entries, requests: &requests, round };
                let rates = kind.visit(u64::from(entries), measure);
                best.iter_mut().zip(rates).for_each(|(best, rate)| *best = best.max(rate));
            }
        }
        println!("\n{:<10} {:>8} {:>12} {:>8}   {entries} entries", "policy", "hits", "batches", "misses");
        for (kind, [hits, batches, misses]) in best {
            println!("{kind:<10} {hits:>8.1} {batches:>12.1} {misses:>8.1}");
        }
    }
}
