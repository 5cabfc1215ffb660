//! This cache beside others in one process: `cargo bench -p host-cache`, `-- u64` for a part of it.
//!
//! Machines are noisy and drift, so absolute speeds of two benchmarks do not compare. Here every batch of requests
//! that a cache answers is preceded or followed by the same batch for `quick_cache`, in turns; Criterion is
//! told the time of the cache alone, and what the table at the end quotes is the median of the ratios of such
//! pairs. One row is `quick_cache` against a second one: how far it is from 1.00 is how far another row's last
//! digits can be believed.
//!
//! Read-through is a lookup and, after a miss, an insert. All hits is the same loop over keys that are all
//! resident. The floor is hash tables under 64 locks that keep everything, so that its read-through misses less
//! and less.
//!
//! It fails, with status 1, when a resident key is missed.

mod caches;
mod requests;

use caches::{REFERENCE, Run, build, names};
use criterion::{Criterion, Throughput};
use requests::{Key, Requests};
use std::cell::RefCell;
use std::process::ExitCode;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

const KEYS: u64 = 1_000_000;
const CAPACITY: u64 = 100_000;
/// Half the capacity, so that no cache whose parts fill unevenly evicts any of it.
const RESIDENT: u64 = CAPACITY / 2;
const EXPONENT: f64 = 0.99;
/// Requests before the first that is timed; three quarters of the keys appear among them.
const WARM_UP: usize = 3_000_000;
/// Requests in one batch.
const BATCH: usize = 50_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    ReadThrough,
    AllHits,
}

impl Load {
    const fn name(self) -> &'static str {
        match self {
            Self::ReadThrough => "read-through",
            Self::AllHits => "all-hits",
        }
    }
}

/// The time in which `threads` threads answer `keys`, and the hits.
fn timed<K: Key>(cache: &dyn Run<K>, keys: &[K], threads: usize) -> (Duration, usize) {
    if threads == 1 {
        let start = Instant::now();
        let hits = cache.run(keys);
        return (start.elapsed(), hits);
    }
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
    let time = start.zip(end).map_or(Duration::ZERO, |(start, end)| end - start);
    (time, finished.iter().map(|&(.., hits)| hits).sum())
}

/// What one benchmark found.
struct Row {
    column: String,
    cache: String,
    /// Time of the reference over the time of the cache, for each pair of batches.
    ratios: Vec<f64>,
    /// Million requests a second in each batch.
    speeds: Vec<f64>,
    requests: usize,
    hits: usize,
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts far below 2^53")]
const fn number(count: usize) -> f64 {
    count as f64
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One cache under one load, beside the reference.
fn pair<K: Key>(criterion: &mut Criterion, load: Load, threads: usize, name: &str, rows: &RefCell<Vec<Row>>) {
    let column = format!("{} {} {threads}", K::NAME, load.name());
    let row = RefCell::new(Row {
        column: column.clone(),
        cache: name.to_owned(),
        ratios: Vec::new(),
        speeds: Vec::new(),
        requests: 0,
        hits: 0,
    });
    type Caches<K> = (Box<dyn Run<K>>, Box<dyn Run<K>>);
    let mut set_up: Option<(Caches<K>, Requests)> = None;
    let mut group = criterion.benchmark_group(column);
    group.throughput(Throughput::Elements(u64::try_from(BATCH).unwrap_or(u64::MAX)));
    group.bench_function(name, |bencher| {
        // Not before: a benchmark that is filtered out needs no caches.
        if set_up.is_none() {
            let (distinct, seed) = if load == Load::AllHits { (RESIDENT, 2) } else { (KEYS, 1) };
            let mut requests = Requests::new(distinct, EXPONENT, seed);
            set_up = build(name, CAPACITY).zip(build(REFERENCE, CAPACITY)).map(|(cache, reference)| {
                let first: Vec<K> = match load {
                    Load::ReadThrough => requests.next(WARM_UP),
                    Load::AllHits => (1..=RESIDENT).map(K::numbered).collect(),
                };
                cache.run(&first);
                reference.run(&first);
                ((cache, reference), requests)
            });
        }
        let Some(((cache, reference), requests)) = &mut set_up else { return };
        bencher.iter_custom(|iterations| {
            let mut row = row.borrow_mut();
            let mut total = Duration::ZERO;
            for iteration in 0..iterations {
                let keys = &requests.next::<K>(BATCH);
                let ahead = (iteration % 2 == 0).then(|| timed(&**reference, keys, threads));
                let (time, hits) = timed(&**cache, keys, threads);
                let (other, _) = ahead.unwrap_or_else(|| timed(&**reference, keys, threads));
                total += time;
                row.ratios.push(other.as_secs_f64() / time.as_secs_f64());
                row.speeds.push(number(keys.len()) / time.as_secs_f64() / 1e6);
                row.requests += keys.len();
                row.hits += hits;
            }
            total
        });
    });
    group.finish();
    let row = row.into_inner();
    if row.requests > 0 {
        rows.borrow_mut().push(row);
    }
}

fn all<K: Key>(criterion: &mut Criterion, rows: &RefCell<Vec<Row>>) {
    for load in [Load::ReadThrough, Load::AllHits] {
        for threads in [1, 2] {
            for name in names() {
                pair::<K>(criterion, load, threads, &name, rows);
            }
        }
    }
}

/// Prints the table; the names of caches that missed a key that should be resident.
fn report(rows: &[Row]) -> Vec<String> {
    println!();
    println!("Zipf {EXPONENT}, {KEYS} keys, {CAPACITY} entries; medians over pairs of batches of {BATCH}");
    let mut column = "";
    for row in rows {
        if row.column != column {
            column = &row.column;
            println!();
            println!("{column:<24} {:>10} {:>16} {:>8}", "M/s", "x quick_cache", "hits %");
        }
        let hits = 100.0 * number(row.hits) / number(row.requests);
        println!(
            "  {:<22} {:>10.2} {:>15.2}x {hits:>8.2}",
            row.cache,
            median(&row.speeds),
            median(&row.ratios)
        );
    }
    println!();
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!("{cores} cores. Not measured: more than 2 threads, weights, loads, memory.");
    let lost = rows.iter().filter(|row| row.column.contains(Load::AllHits.name()) && row.hits < row.requests);
    lost.map(|row| format!("{} ({})", row.cache, row.column)).collect()
}

fn main() -> ExitCode {
    let rows = RefCell::default();
    // Many small benchmarks: half a minute in all for each column, and batches enough for a median.
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .without_plots()
        .configure_from_args();
    all::<u64>(&mut criterion, &rows);
    all::<String>(&mut criterion, &rows);
    criterion.final_summary();
    let missed = report(&rows.into_inner());
    if missed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("missed keys that should be resident: {}", missed.join("; "));
    ExitCode::FAILURE
}
