//! This cache beside others in one process: `cargo bench -p host-cache`, and `-- --quick` for a rough look.
//!
//! Machines are noisy and drift, so absolute speeds of two runs do not compare. Here every round gives the same
//! stretch of requests to each cache in turn, and what is quoted is the median over the rounds of the ratio to
//! `quick_cache` in the same round. The turns are shuffled, because a cache runs faster after its like. One row
//! is `quick_cache` once more: how far it is from 1.00 is how far another row's last digits can be believed.
//!
//! Read-through is a lookup and, after a miss, an insert. All hits is the same loop over keys that are all
//! resident. Started without cargo's `--bench` flag, as `cargo test --benches` does, it is quick as well.
//!
//! It fails, with status 1, when a resident key is missed, and with status 2 on an argument it does not know.

#![expect(
    clippy::indexing_slicing,
    reason = "arrays of a fixed size, and stretches that were made as long as they are cut"
)]

use host_cache::{Cache, PolicyKind};
use quick_cache::{UnitWeighter, sync::DefaultLifecycle};
use rand::SeedableRng as _;
use rand::distr::Distribution as _;
use rand::seq::SliceRandom as _;
use rand_distr::Zipf;
use rand_pcg::Pcg64;
use std::process::ExitCode;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

const KEYS: u64 = 1_000_000;
const CAPACITY: u64 = 100_000;
/// Half the capacity, so that no cache whose parts fill unevenly evicts any of it.
const RESIDENT: u64 = CAPACITY / 2;
const EXPONENT: f64 = 0.99;
/// Requests before the first round; three quarters of the keys appear among them.
const WARM_UP: usize = 3_000_000;
const PEERS: usize = 6;
const REFERENCE: usize = 3;

/// What is common to all caches here.
trait Peer: Sync {
    fn get(&self, key: u64) -> Option<u64>;
    fn insert(&self, key: u64, value: u64);
}

impl Peer for Cache<u64, u64> {
    fn get(&self, key: u64) -> Option<u64> {
        Self::get(self, &key)
    }

    fn insert(&self, key: u64, value: u64) {
        Self::insert(self, key, value);
    }
}

type Quick = quick_cache::sync::Cache<u64, u64, UnitWeighter, ahash::RandomState>;

impl Peer for Quick {
    fn get(&self, key: u64) -> Option<u64> {
        Self::get(self, &key)
    }

    fn insert(&self, key: u64, value: u64) {
        Self::insert(self, key, value);
    }
}

type Moka = moka::sync::Cache<u64, u64, ahash::RandomState>;

impl Peer for Moka {
    fn get(&self, key: u64) -> Option<u64> {
        Self::get(self, &key)
    }

    fn insert(&self, key: u64, value: u64) {
        Self::insert(self, key, value);
    }
}

/// The loop that is timed, compiled for each cache.
trait Run: Sync {
    /// Looks every key up, inserts those that miss, and counts the hits.
    fn run(&self, keys: &[u64]) -> usize;
}

impl<P: Peer> Run for P {
    fn run(&self, keys: &[u64]) -> usize {
        let mut hits = 0;
        for &key in keys {
            match self.get(key) {
                Some(value) => hits += usize::from(value == !key),
                None => self.insert(key, !key),
            }
        }
        hits
    }
}

/// All caches, in the order of the table, empty.
fn peers() -> [(&'static str, Box<dyn Run>); PEERS] {
    let hasher = || ahash::RandomState::with_seeds(1, 2, 3, 4);
    let host = |policy| {
        let cache: Cache<u64, u64> = Cache::builder(CAPACITY).policy(policy).hasher(hasher()).build();
        Box::new(cache)
    };
    let quick = || -> Box<Quick> {
        let entries = usize::try_from(CAPACITY).unwrap_or(usize::MAX);
        Box::new(Quick::with(entries, CAPACITY, UnitWeighter, hasher(), DefaultLifecycle::default()))
    };
    let moka: Moka = moka::sync::Cache::builder().max_capacity(CAPACITY).build_with_hasher(hasher());
    [
        ("host-cache, lru", host(PolicyKind::Lru)),
        ("host-cache, lfu", host(PolicyKind::Lfu)),
        ("host-cache, arc", host(PolicyKind::Arc)),
        ("quick_cache", quick()),
        ("quick_cache again", quick()),
        ("moka", Box::new(moka)),
    ]
}

/// `count` Zipf-distributed keys. The popular ones are scattered over the numbers.
#[expect(
    clippy::expect_used,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "constants, and samples that are whole and from 1 to `distinct`"
)]
fn zipf(distinct: u64, count: usize, seed: u64) -> Vec<u64> {
    let popularity = Zipf::new(distinct as f64, EXPONENT).expect("an exponent above 0");
    let random = Pcg64::seed_from_u64(seed);
    popularity.sample_iter(random).take(count).map(|rank: f64| scattered(rank as u64)).collect()
}

/// Odd, hence a permutation of all numbers.
const fn scattered(rank: u64) -> u64 {
    rank.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Million requests a second of `threads` threads that share `keys`, and the hits.
fn timed(cache: &dyn Run, keys: &[u64], threads: usize) -> (f64, usize) {
    let ready = Barrier::new(threads);
    let finished: Vec<(Instant, Instant, usize)> = thread::scope(|scope| {
        let share = |part| {
            let ready = &ready;
            scope.spawn(move || {
                ready.wait();
                let start = Instant::now();
                let hits = cache.run(part);
                (start, Instant::now(), hits)
            })
        };
        let workers: Vec<_> = keys.chunks(keys.len().div_ceil(threads)).map(share).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    let start = finished.iter().map(|&(start, ..)| start).min();
    let end = finished.iter().map(|&(_, end, _)| end).max();
    let seconds = start.zip(end).map_or(f64::NAN, |(start, end)| (end - start).as_secs_f64());
    (number(keys.len()) / seconds / 1e6, finished.iter().map(|&(.., hits)| hits).sum())
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts far below 2^53")]
const fn number(count: usize) -> f64 {
    count as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The speed of each cache in each round of one column, and its hits in all rounds.
struct Column {
    speeds: [Vec<f64>; PEERS],
    hits: [usize; PEERS],
}

impl Column {
    fn new() -> Self {
        Self { speeds: std::array::from_fn(|_| Vec::new()), hits: [0; PEERS] }
    }

    /// One stretch of requests for each cache, in that order.
    fn round(&mut self, caches: &[(&str, Box<dyn Run>)], keys: &[u64], threads: usize, order: &[usize]) {
        for &which in order {
            let (speed, hits) = timed(&*caches[which].1, keys, threads);
            self.speeds[which].push(speed);
            self.hits[which] += hits;
        }
    }

    fn cell(&self, which: usize) -> String {
        let pairs = self.speeds[which].iter().zip(&self.speeds[REFERENCE]);
        let ratio = median(pairs.map(|(speed, reference)| speed / reference).collect());
        format!("{:>7.2} {:>6.2}x", median(self.speeds[which].clone()), ratio)
    }
}

fn main() -> ExitCode {
    let flags: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = flags.iter().find(|flag| !["--bench", "--quick"].contains(&flag.as_str())) {
        eprintln!("unknown argument `{unknown}`: expected --quick or nothing");
        return ExitCode::from(2);
    }
    let quick = flags.iter().any(|flag| flag == "--quick") || !flags.iter().any(|flag| flag == "--bench");
    let (rounds, stretch) = if quick { (3, 100_000) } else { (21, 250_000) };

    // Two stretches of read-through a round: one for one thread, one for two.
    let missing = zipf(KEYS, WARM_UP + 2 * rounds * stretch, 1);
    let (warm_up, missing) = missing.split_at(WARM_UP);
    let hits = zipf(RESIDENT, 2 * rounds * stretch, 2);
    let (through, resident) = (peers(), peers());
    let mut residents: Vec<u64> = (1..=RESIDENT).map(scattered).collect();
    // By number, so that neighbours in a slab are not neighbours in popularity.
    residents.sort_unstable();
    for (_, cache) in &through {
        cache.run(warm_up);
    }
    for (_, cache) in &resident {
        cache.run(&residents);
    }

    let mut columns: [Column; 4] = std::array::from_fn(|_| Column::new());
    let stretches = missing.chunks(2 * stretch).zip(hits.chunks(2 * stretch));
    let mut random = Pcg64::seed_from_u64(3);
    let mut order: [usize; PEERS] = std::array::from_fn(|which| which);
    for (missing, hits) in stretches {
        for threads in [1, 2] {
            order.shuffle(&mut random);
            let part = (threads - 1) * stretch..threads * stretch;
            columns[threads - 1].round(&through, &missing[part.clone()], threads, &order);
            columns[threads + 1].round(&resident, &hits[part], threads, &order);
        }
    }

    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!(
        "Zipf {EXPONENT}, {KEYS} keys of u64, {CAPACITY} entries; medians of {rounds} rounds of {stretch} requests"
    );
    println!("million requests a second, and as a multiple of quick_cache in the same round");
    println!();
    println!(
        "{:<18}|{:^33}|{:^33}|{:>8}",
        "", "read-through, threads: 1, 2", "all hits, threads: 1, 2", "hits %"
    );
    let requests = number(2 * rounds * stretch);
    for (which, (name, _)) in through.iter().enumerate() {
        let [one, two, all_one, all_two] = columns.each_ref().map(|column| column.cell(which));
        let hits = columns[0].hits[which] + columns[1].hits[which];
        println!("{name:<18}| {one} {two} | {all_one} {all_two} |{:>8.2}", 100.0 * number(hits) / requests);
    }
    println!();
    println!(
        "{cores} cores. Not measured: more than 2 threads, keys or values that allocate, weights, loads, memory."
    );
    let lost = |column: &Column, which| rounds * stretch - column.hits[which];
    let missed: Vec<&str> = (0..PEERS)
        .filter(|&which| columns[2..].iter().any(|column| lost(column, which) > 0))
        .map(|which| resident[which].0)
        .collect();
    if missed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("missed keys that should be resident: {}", missed.join("; "));
    ExitCode::FAILURE
}
