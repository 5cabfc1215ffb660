//! Eviction policies that are components, in a live cache beside their native twins: `cargo bench -p host-plugin --bench live`,
//! `-- sieve lru` for some of them.
//!
//! Read-through, zipf 0.99 over a million keys, 100,000 entries, by one thread and by two. A batch of requests goes to the one cache
//! and then to the other, in turns; the table has the medians of 60 such pairs, and the median of their ratios. Machines are
//! noisy: the ratio is what compares.
#![expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "counts and keys far below 2^53, and two caches of which the turn picks one"
)]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use host_cache::{Cache, Registry};
use host_plugin::{Limits, LoaderConfig, default_cache_dir, full_name, policy_registry};
use rand::{RngExt, SeedableRng};
use rand_distr::Zipf;
use rand_pcg::Pcg64Mcg;

const KEYS: f64 = 1e6;
const CAPACITY: u64 = 100_000;
const WARM_UP: usize = 3_000_000;
const BATCH: usize = 50_000;
const PAIRS: usize = 60;

type Values = Cache<u64, u64>;

/// Answers the keys with so many threads; the time, and the hits.
fn run(cache: &Values, keys: &[u64], threads: usize) -> (Duration, u64) {
    let ready = Barrier::new(threads);
    let answer = |keys: &[u64]| {
        ready.wait();
        let (start, mut hits) = (Instant::now(), 0);
        for &key in keys {
            if black_box(cache.get(&key)).is_some() {
                hits += 1;
            } else {
                cache.insert(key, key);
            }
        }
        (start, Instant::now(), hits)
    };
    if threads == 1 {
        let (start, end, hits) = answer(keys);
        return (end - start, hits);
    }
    let done: Vec<(Instant, Instant, u64)> = thread::scope(|scope| {
        let parts = keys.chunks(keys.len().div_ceil(threads));
        let workers: Vec<_> = parts.map(|part| scope.spawn(move || answer(part))).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    let start = done.iter().map(|(start, ..)| *start).min();
    let end = done.iter().map(|(_, end, _)| *end).max();
    let time = start.zip(end).map_or(Duration::ZERO, |(start, end)| end - start);
    (time, done.iter().map(|(.., hits)| hits).sum())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One line of the table.
fn compare(name: &str, policies: &Registry, keys: &[u64], threads: usize) -> Result<String, String> {
    let cache = |name: &str| {
        let policy = policies.get(name).map_err(|error| error.to_string())?;
        Ok::<Values, String>(Cache::builder(CAPACITY).policy(policy).build())
    };
    let caches = [cache(name)?, cache(&full_name(name))?];
    let (warm_up, batches) = keys.split_at(WARM_UP);
    for cache in &caches {
        run(cache, warm_up, 1);
    }
    let (mut times, mut hits) = ([Vec::new(), Vec::new()], [0, 0]);
    for (turn, batch) in batches.chunks(BATCH).enumerate() {
        for which in [turn % 2, 1 - turn % 2] {
            let (time, hit) = run(&caches[which], batch, threads);
            times[which].push(time.as_secs_f64() * 1e9 / batch.len() as f64);
            hits[which] += hit;
        }
    }
    if let Some(fault) = caches[1].stats().fault {
        return Err(format!("{name}: the component failed: {fault}"));
    }
    let ratios = times[0].iter().zip(&times[1]).map(|(native, component)| component / native).collect();
    let [native, component] = times.map(median);
    let missed = hits.map(|hits| 100.0 - 100.0 * hits as f64 / batches.len() as f64);
    Ok(format!(
        "{name:14}{threads:>9}{native:>11.0}{component:>12.0}{:>8.2}{:>18.2}{:>12.2}",
        median(ratios),
        missed[0],
        missed[1]
    ))
}

fn main() -> ExitCode {
    let mut wanted: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    if wanted.is_empty() {
        wanted = host_plugin::bundled_policies().map(|(name, _)| name.to_owned()).collect();
    }
    let config = LoaderConfig { cache_dir: default_cache_dir(), ..LoaderConfig::default() };
    let policies = policy_registry(&[], config, Limits::of_policies());
    let Ok(zipf) = Zipf::new(KEYS, 0.99) else { return ExitCode::FAILURE };
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let keys: Vec<u64> = (0..WARM_UP + PAIRS * BATCH).map(|_| random.sample(zipf) as u64).collect();
    println!("policy          threads  native ns  component ns  ratio   native misses %  component %");
    for name in wanted {
        for threads in [1, 2] {
            match compare(&name, &policies, &keys, threads) {
                Ok(line) => println!("{line}"),
                Err(error) => {
                    eprintln!("{error}");
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    ExitCode::SUCCESS
}
