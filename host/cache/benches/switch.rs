//! How long a lookup waits while the policy is switched: `cargo bench -p host-cache --bench switch`.
//!
//! A million entries are resident, two threads look them up without a break, and a third puts one policy after
//! another in charge, every ordered pair of them. Each lookup is timed, and those that overlap a switch make the
//! pair's row. A switch must pause no lookup for 2 ms at the 99.99th percentile; the rows that fail this are
//! marked, and the status is then 1, as it is when an entry is lost.
//!
//! With fewer cores than threads, a thread also waits because another has its core. So the first rows are
//! measured without a switch: the lookups alone, then beside a thread that computes something else for as long
//! as a switch takes. What the last of these shows, the scheduler does.
//!
//! Inserts into a shard wait while its policy changes. The second table has a thread that inserts beside one that
//! looks up, with the shards that there are by default and with one, the longest wait there can be.
//!
//! Times are wall time in microseconds; a histogram keeps three digits.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a measurement on numbers of its own: what cannot go on panics"
)]

use hdrhistogram::Histogram;
use host_cache::{Cache, Outcome, builtin};
use host_contract::split_mix::mix;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const ENTRIES: u64 = 1_000_000;
/// Room to spare, so that no shard evicts however unevenly the keys fall.
const CAPACITY: u64 = 2 * ENTRIES;
/// Switches of each pair.
const ROUNDS: usize = 5;
/// What a row without a switch lasts in all, and what it stands for.
const BASELINE: Duration = Duration::from_millis(100);
/// Lookups before what is measured, so that the threads are at full speed and their read buffers are in use.
const SETTLE: Duration = Duration::from_millis(5);
/// The most that a lookup may wait at the 99.99th percentile, in nanoseconds.
const BOUND: u64 = 2_000_000;

type Numbers = Cache<u64, u64>;

/// What the two threads beside the switch do.
#[derive(Clone, Copy)]
enum Work {
    Get,
    Insert,
}

impl Work {
    fn run(self, cache: &Numbers, number: u64) {
        let key = number % ENTRIES;
        match self {
            Self::Get => assert_eq!(black_box(cache.get(&key)), Some(key), "an entry is lost"),
            Self::Insert => assert_ne!(cache.insert(key, key), Outcome::Refused),
        }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order")
}

/// Runs `meanwhile` beside threads that do `work`, and adds what each operation took that overlapped it. Returns
/// what `meanwhile` took.
fn beside(
    cache: &Numbers,
    work: [Work; 2],
    seen: &mut [Histogram<u64>; 2],
    meanwhile: impl FnOnce(),
) -> Duration {
    let (start, during, end) = (Barrier::new(3), AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|threads| {
        let workers: Vec<_> = (0..2)
            .map(|worker: u64| {
                let (start, during, end) = (&start, &during, &end);
                threads.spawn(move || {
                    let mut seen = histogram();
                    let mut number = mix(worker);
                    start.wait();
                    while !end.load(Ordering::Relaxed) {
                        number = mix(number);
                        let before = during.load(Ordering::SeqCst);
                        let began = Instant::now();
                        work[worker as usize].run(cache, number);
                        let took = began.elapsed();
                        if before || during.load(Ordering::SeqCst) {
                            seen.saturating_record(took.as_nanos() as u64);
                        }
                    }
                    seen
                })
            })
            .collect();
        start.wait();
        thread::sleep(SETTLE);
        during.store(true, Ordering::SeqCst);
        let began = Instant::now();
        meanwhile();
        let took = began.elapsed();
        during.store(false, Ordering::SeqCst);
        end.store(true, Ordering::Relaxed);
        for (worker, seen) in workers.into_iter().zip(seen) {
            seen.add(worker.join().unwrap()).expect("both have the same bounds");
        }
        took
    })
}

fn head(first: &str) {
    println!(
        "\n{first:<24} {:>10} {:>9} {:>9} {:>9} {:>10} {:>10}",
        "operations", "p50", "p99", "p99.99", "max", "switch"
    );
}

/// Prints a row; false if it is over the bound.
fn row(name: &str, seen: &Histogram<u64>, switch: Option<Duration>, bounded: bool) -> bool {
    let us = |quantile| seen.value_at_quantile(quantile) as f64 / 1e3;
    let within = !bounded || seen.value_at_quantile(0.9999) < BOUND;
    let switch = switch.map_or_else(|| "-".to_owned(), |took| format!("{:.0}", took.as_secs_f64() * 1e6));
    println!(
        "{name:<24} {:>10} {:>9.2} {:>9.2} {:>9.1} {:>10.1} {switch:>10}{}",
        seen.len(),
        us(0.5),
        us(0.99),
        us(0.9999),
        seen.max() as f64 / 1e3,
        if within { "" } else { "  over 2 ms" },
    );
    within
}

fn full(shards: Option<usize>) -> Numbers {
    let mut builder = Cache::builder(CAPACITY);
    if let Some(shards) = shards {
        builder = builder.shards(shards);
    }
    let cache = builder.build();
    (0..ENTRIES).for_each(|key| assert_eq!(cache.insert(key, key), Outcome::Inserted));
    assert_eq!(cache.len(), ENTRIES);
    cache
}

/// Burns the core for so long.
fn compute(time: Duration) {
    let (began, mut number) = (Instant::now(), 0);
    while began.elapsed() < time {
        (0..1_000).for_each(|_| number = black_box(mix(number)));
    }
}

fn merged(seen: [Histogram<u64>; 2]) -> Histogram<u64> {
    let [mut first, second] = seen;
    first.add(second).expect("both have the same bounds");
    first
}

/// Every ordered pair, beside two threads that look up. False if one was over the bound.
fn lookups() -> bool {
    let cache = full(None);
    println!(
        "{ENTRIES} entries in {} shards, two threads of lookups, {ROUNDS} switches a row",
        cache.shards()
    );
    head("lookups during");
    for (name, other) in [("no switch, 2 threads", false), ("no switch, 3 threads", true)] {
        let mut seen = [histogram(), histogram()];
        for _ in 0..ROUNDS {
            beside(&cache, [Work::Get; 2], &mut seen, || {
                if other { compute(BASELINE) } else { thread::sleep(BASELINE) }
            });
        }
        row(name, &merged(seen), None, false);
    }
    let mut within = true;
    for from in &builtin::ALL {
        for to in builtin::ALL.iter().filter(|&to| to != from) {
            let mut seen = [histogram(), histogram()];
            let mut longest = Duration::ZERO;
            for _ in 0..ROUNDS {
                cache.set_policy(from);
                longest = longest.max(beside(&cache, [Work::Get; 2], &mut seen, || cache.set_policy(to)));
                assert_eq!(cache.len(), ENTRIES, "{from} to {to} lost entries");
            }
            within &= row(&format!("{from} to {to}"), &merged(seen), Some(longest), true);
        }
    }
    cache.check().expect("the books are in order");
    let lost = (0..ENTRIES).filter(|key| cache.peek(key) != Some(*key)).count();
    println!("entries before and after every switch: {ENTRIES}; lost at the end: {lost}");
    within && lost == 0
}

/// What an insert waits, with the shards there are by default and with one.
fn inserts(shards: Option<usize>) {
    let cache = full(shards);
    head(&format!("{} shards, inserts during", cache.shards()));
    let work = [Work::Insert, Work::Get];
    let mut seen = [histogram(), histogram()];
    beside(&cache, work, &mut seen, || compute(BASELINE));
    row("no switch", &seen[0], None, false);
    for pair in builtin::ALL.windows(2) {
        let mut seen = [histogram(), histogram()];
        let mut longest = Duration::ZERO;
        for _ in 0..ROUNDS {
            cache.set_policy(&pair[0]);
            longest = longest.max(beside(&cache, work, &mut seen, || cache.set_policy(&pair[1])));
        }
        row(&format!("{} to {}", pair[0], pair[1]), &seen[0], Some(longest), false);
        row("  lookups beside", &seen[1], None, false);
    }
    assert_eq!(cache.len(), ENTRIES);
}

fn main() -> ExitCode {
    let within = lookups();
    for shards in [None, Some(1)] {
        inserts(shards);
    }
    if within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
