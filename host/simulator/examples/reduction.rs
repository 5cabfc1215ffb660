//! How many of LRU's misses policies remove, in the mean over traces and capacities.
//!
//! ```text
//! cargo run --release -p host-simulator --example reduction -- [--rows] DIRECTORY POLICY ...
//! cargo run --release -p host-simulator --example reduction -- ../shared/traces s3-fifo 'lirs(hir=0.1, ghosts=4)'
//! ```
//!
//! The rows are those of `bench/choosing`: twelve traces, each at 0.1, 1, 10 and 50 percent of its distinct keys, where
//! that is 20 objects or more. A row's reduction is 1 - misses / LRU's misses, and each row counts once. The second figure
//! leaves out the traces of the LIRS paper, which are synthetic or short, and in which most of the gain lies. `--rows`
//! prints every row, in percent of the requests that miss.

use std::error::Error;
use std::path::Path;

use host_simulator::{Capacity, Method, Options, builtin, simulate};
use host_workload::trace::{self, TraceReader};

/// The traces, and whether they are those of the LIRS paper.
const TRACES: [(&str, bool); 12] = [
    ("OLTP.lis.zst", false),
    ("cloudPhysicsIO.csv.zst", false),
    ("loop.trace.gz", true),
    ("cpp.trace.gz", true),
    ("gli.trace.gz", true),
    ("multi1.trace.gz", true),
    ("multi2.trace.gz", true),
    ("multi3.trace.gz", true),
    ("sprite.trace.gz", true),
    ("c2k_web07.txt.zst", false),
    ("corda_vault.txt.zst", false),
    ("mooncake_conv.txt.zst", false),
];

/// Percent of the distinct keys.
const CAPACITIES: [f64; 4] = [0.1, 1.0, 10.0, 50.0];

/// Percent of fewer objects are no cache.
const FEWEST: u64 = 20;

/// The mean; NaN of nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, mut given): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    if given.len() < 2 || flags.iter().any(|flag| flag != "--rows") {
        return Err("give a directory of traces, and after it policies: ../shared/traces arc s3-fifo".into());
    }
    let directory = given.remove(0);
    let methods = given.iter().map(|name| name.parse()).collect::<Result<Vec<Method>, _>>()?;
    let replayed: Vec<Method> =
        std::iter::once(Method::Policy(builtin::LRU)).chain(methods.clone()).collect();
    let capacities = CAPACITIES.map(Capacity::Percent);

    // For each row, whether it is of the LIRS paper, and the reductions in the order of the methods.
    let mut reductions: Vec<(bool, Vec<f64>)> = Vec::new();
    for (name, of_lirs) in TRACES {
        let trace = TraceReader::open(&Path::new(&directory).join(name), &trace::Options::default())?;
        let rows = simulate(trace, &replayed, &capacities, &Options::default(), &())?.rows;
        let (lru, others) = rows.split_at(capacities.len());
        for (at, lru) in lru.iter().enumerate().filter(|(_, row)| row.capacity >= FEWEST) {
            let ratios: Vec<f64> =
                others.iter().skip(at).step_by(capacities.len()).map(|row| row.miss_ratio).collect();
            if !flags.is_empty() {
                let shown: Vec<String> =
                    ratios.iter().map(|ratio| format!("{:6.2}", 100.0 * ratio)).collect();
                println!("{name:<24} {:>8} {:6.2} {}", lru.capacity, 100.0 * lru.miss_ratio, shown.join(" "));
            }
            reductions.push((of_lirs, ratios.iter().map(|ratio| 1.0 - ratio / lru.miss_ratio).collect()));
        }
    }
    let others = reductions.iter().filter(|(of_lirs, _)| !of_lirs).count();
    println!("{:<40} {:>8} {:>16}", "percent of LRU's misses removed, rows:", reductions.len(), others);
    for (at, method) in methods.iter().enumerate() {
        let row = |(_, reductions): &(bool, Vec<f64>)| reductions.get(at).copied().unwrap_or(f64::NAN);
        let all = mean(reductions.iter().map(row));
        let others = mean(reductions.iter().filter(|(of_lirs, _)| !of_lirs).map(row));
        println!("{method:<40} {:>8.2} {:>16.2}", 100.0 * all, 100.0 * others);
    }
    Ok(())
}
