//! The disk tier beside fjall and foyer, and the warm tier beside plain moka: `cargo bench -p host-tier`.
//!
//! Each peer has the same keys and values, one peer after the other, in three rounds; a figure is the median of the rounds. Lookups are of random keys
//! that were put; how many were found stands beside them, because a cache may drop what comes too fast. The files are in the system's
//! memory all the time: what is measured is what the code costs, and not the disk. fjall's calls block, and are made on the
//! runtime's own threads, which a server would not do.
//!
//! It fails, with status 1, where a tier of this crate loses a key.

mod peers;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_contract::Latency;
use peers::{Opened, Peer};
use rand::{RngExt as _, SeedableRng as _};
use tokio::runtime::Runtime;

const ENTRIES: u32 = 100_000;
const LOOKUPS: u32 = 200_000;
const VALUE: usize = 1024;
const ROUNDS: usize = 3;

fn key(number: u32) -> String {
    format!("key:{number:012}")
}

/// Half of it repeats, so that it shrinks to about a half.
fn value(number: u32) -> Vec<u8> {
    let mut random = rand_pcg::Pcg64::seed_from_u64(u64::from(number));
    let mut value: Vec<u8> = std::iter::repeat_with(|| random.random()).take(VALUE / 2).collect();
    value.resize(VALUE, 7);
    value
}

/// What one load came to.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    per_second: f64,
    p99_us: f64,
    found: f64,
}

/// Runs calls from so many tasks at once.
fn run(runtime: &Runtime, peer: &Arc<dyn Peer>, tasks: u32, calls: u32, put: bool) -> Figures {
    let part = calls / tasks;
    let since = Instant::now();
    let spawned: Vec<_> = (0..tasks)
        .map(|task| {
            let peer = Arc::clone(peer);
            runtime.spawn(async move {
                let mut random = rand_pcg::Pcg64::seed_from_u64(u64::from(task));
                let (mut latency, mut found) = (Latency::new(), 0_u32);
                for call in 0..part {
                    let number = if put { task * part + call } else { random.random_range(0..ENTRIES) };
                    let (key, value) = (key(number), put.then(|| value(number)));
                    let since = Instant::now();
                    found += u32::from(match value {
                        Some(value) => peer.put(key, value).await,
                        None => peer.get(key).await,
                    });
                    latency.record(since.elapsed());
                }
                (latency, found)
            })
        })
        .collect();
    let (mut latency, mut found) = (Latency::new(), 0);
    for task in spawned {
        if let Ok((one, hits)) = runtime.block_on(task) {
            latency.merge(&one);
            found += hits;
        }
    }
    let seconds = since.elapsed().as_secs_f64();
    Figures {
        per_second: f64::from(calls) / seconds,
        p99_us: latency.percentiles().p99_us,
        found: f64::from(found) / f64::from(calls),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What a peer came to in one round.
#[derive(Debug, Default)]
struct Round {
    loads: [Figures; 4],
    megabytes: f64,
    open: Duration,
}

fn round(runtime: &Runtime, name: &str) -> Option<Round> {
    let folder = tempfile::tempdir().ok()?;
    let mut round = Round::default();
    // Puts of one task and of eight go to a folder of their own each.
    for (place, tasks) in [(0, 1), (1, 8)] {
        let folder = folder.path().join(tasks.to_string());
        let Opened { peer, .. } = runtime.block_on(peers::open(name, &folder))?;
        if let Some(load) = round.loads.get_mut(place) {
            *load = run(runtime, &peer, tasks, ENTRIES, true);
        }
        runtime.block_on(peer.settle());
        if tasks == 8 {
            for (place, tasks) in [(2, 1), (3, 8)] {
                if let Some(load) = round.loads.get_mut(place) {
                    *load = run(runtime, &peer, tasks, LOOKUPS, false);
                }
            }
            round.megabytes = peer.bytes() / 1e6;
        }
        runtime.block_on(peer.close());
        drop(peer);
        if tasks == 8 {
            round.open = runtime.block_on(peers::open(name, &folder))?.time;
        }
    }
    Some(round)
}

fn main() -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
    else {
        return ExitCode::FAILURE;
    };
    println!("{ENTRIES} entries of {VALUE} bytes; thousand calls a second, and the 99th percentile in us");
    println!(
        "{:<12} {:>16} {:>16} {:>16} {:>16} {:>8} {:>8} {:>8}",
        "", "put, 1 task", "put, 8 tasks", "get, 1 task", "get, 8 tasks", "found %", "MB", "open ms"
    );
    let mut lost = Vec::new();
    for name in peers::NAMES {
        let rounds: Vec<Round> = (0..ROUNDS).filter_map(|_| round(&runtime, name)).collect();
        let of = |load: usize, figure: fn(&Figures) -> f64| {
            median(rounds.iter().filter_map(|round| round.loads.get(load)).map(figure).collect())
        };
        print!("{name:<12}");
        for load in 0..4 {
            let (rate, p99) = (of(load, |load| load.per_second) / 1e3, of(load, |load| load.p99_us));
            print!(" {:>16}", format!("{rate:.0} / {p99:.1}"));
        }
        let found = of(3, |load| load.found);
        let open = median(rounds.iter().map(|round| round.open.as_secs_f64() * 1e3).collect());
        let megabytes = median(rounds.iter().map(|round| round.megabytes).collect());
        println!(" {:>8.2} {megabytes:>8.1} {open:>8.1}", found * 100.0);
        if (name.starts_with("disk") || name.starts_with("warm")) && found < 1.0 {
            lost.push(*name);
        }
    }
    if lost.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("lost keys that have room: {}", lost.join(", "));
    ExitCode::FAILURE
}
