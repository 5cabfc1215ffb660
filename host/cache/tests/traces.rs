//! Real traces: the published hit ratios, and those of a reference simulator.
//!
//! The traces lie beside the repository, in `../shared/traces`; without them these tests say so and pass.
#![expect(
    clippy::unwrap_used,
    clippy::as_conversions,
    reason = "a test: a panic is its failure, its numbers are its own"
)]

use host_cache::belady::Belady;
use host_cache::{Cache, Exact, PolicyKind};
use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;

fn directory() -> Option<PathBuf> {
    let traces = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces");
    if !traces.join("OLTP.lis.zst").exists() {
        eprintln!("SKIPPED: no traces in {}", traces.display());
        return None;
    }
    Some(traces)
}

/// Reads a trace, its keys numbered by first appearance.
fn read(directory: &std::path::Path, name: &str) -> Vec<u32> {
    let file = std::fs::File::open(directory.join(name)).unwrap();
    let mut text = String::new();
    if name.ends_with(".zst") {
        zstd::Decoder::new(file).unwrap().read_to_string(&mut text).unwrap();
    } else {
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    }
    let mut numbers = HashMap::new();
    let mut requests = Vec::new();
    let mut ask = |key: u64| {
        let next = numbers.len() as u32;
        requests.push(*numbers.entry(key).or_insert(next));
    };
    for line in text.lines().filter(|line| !line.starts_with('*')) {
        let mut fields = line.split_whitespace().map(|field| field.parse::<u64>().unwrap());
        let Some(key) = fields.next() else { continue };
        // A line of an ARC trace stands for so many consecutive blocks.
        let count = if name.contains(".lis") { fields.next().unwrap() } else { 1 };
        (key..key + count).for_each(&mut ask);
    }
    requests
}

fn hit_percent(requests: &[u32], kind: PolicyKind, capacity: u64) -> f64 {
    let mut cache = Exact::dense(kind, capacity, 1 << 18);
    for &id in requests {
        cache.access(u64::from(id), 1);
    }
    assert_eq!(cache.hits() + cache.misses(), requests.len() as u64);
    100.0 * cache.hits() as f64 / requests.len() as f64
}

#[test]
fn oltp_gives_the_table_of_the_arc_paper() {
    let Some(directory) = directory() else { return };
    let requests = read(&directory, "OLTP.lis.zst");
    assert_eq!(requests.len(), 914_145);
    let table = [
        (1_000, "32.83", 38.93),
        (2_000, "42.47", 46.08),
        (5_000, "53.65", 55.25),
        (10_000, "60.70", 61.87),
        (15_000, "64.63", 65.40),
    ];
    for (capacity, lru, arc) in table {
        let ours = hit_percent(&requests, PolicyKind::Arc, capacity);
        println!("OLTP, {capacity}: ARC {ours:.2} %, published {arc} %");
        assert_eq!(format!("{:.2}", hit_percent(&requests, PolicyKind::Lru, capacity)), lru);
        assert!((ours - arc).abs() <= 0.1, "ARC at {capacity}: {ours:.2} %, published {arc} %");
    }
}

#[test]
fn reference_miss_ratios() {
    let Some(directory) = directory() else { return };
    let mut reference = csv::Reader::from_path(directory.join("reference.csv")).unwrap();
    let headers = reference.headers().unwrap().clone();
    let mut read_so_far: HashMap<String, (Vec<u32>, Belady)> = HashMap::new();
    let mut worst: HashMap<&str, (f64, String)> = HashMap::new();
    let mut wrong = Vec::new();
    for row in reference.records() {
        let row = row.unwrap();
        let field = |name: &str| &row[headers.iter().position(|header| header == name).unwrap()];
        let (trace, capacity) =
            (field("trace").to_owned(), field("capacity_objects").parse::<u64>().unwrap());
        if trace.ends_with(".csv.zst") {
            continue; // another format; its rows say nothing that these do not
        }
        let (requests, belady) = read_so_far.entry(trace.clone()).or_insert_with(|| {
            let requests = read(&directory, &trace);
            let belady = Belady::new(&requests);
            (requests, belady)
        });
        assert_eq!(requests.len(), field("requests").parse::<usize>().unwrap(), "{trace}");
        let optimum = belady.misses(capacity as usize) as f64 / requests.len() as f64;
        let miss = |kind| 1.0 - hit_percent(requests, kind, capacity) / 100.0;
        // LFU's ties and ARC's details are free in principle; all the same, these are the reference's, to its
        // last digit.
        let columns = [
            ("belady", optimum, 0.000_051),
            ("lru", miss(PolicyKind::Lru), 0.000_051),
            ("lfu", miss(PolicyKind::Lfu), 0.000_051),
            ("arc", miss(PolicyKind::Arc), 0.000_051),
        ];
        for (name, ours, tolerance) in columns {
            let theirs: f64 = field(name).parse().unwrap();
            let off = (ours - theirs).abs();
            let line = format!("{trace} {capacity} {name}: {ours:.4}, reference {theirs:.4}");
            if off > tolerance {
                wrong.push(line.clone());
            }
            let entry = worst.entry(name).or_insert((-1.0, String::new()));
            if off > entry.0 {
                *entry = (off, line);
            }
        }
    }
    println!("{worst:#?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_cache_itself_hits_where_the_simulation_does() {
    let Some(directory) = directory() else { return };
    let requests = read(&directory, "sprite.trace.gz");
    for kind in PolicyKind::ALL {
        let cache = Cache::builder(708).policy(kind).shards(1).build();
        for &id in &requests {
            cache.get_or_try_insert_with(id, || Ok::<_, ()>(())).unwrap();
        }
        cache.check().unwrap();
        let ours = cache.stats().hit_ratio() * 100.0;
        assert_eq!(ours, hit_percent(&requests, kind, 708), "{kind}");
    }
}
