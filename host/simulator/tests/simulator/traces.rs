//! Real traces: the published hit ratios, and those of a reference simulator.
//!
//! The traces lie beside the repository, in `../shared/traces`; without them these tests say so and pass.

use host_policy::{PolicyFactory, builtin};
use host_simulator::belady::Belady;
use host_simulator::{Replay, Weigh};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

pub(crate) fn directory() -> Option<PathBuf> {
    let traces = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces");
    if !traces.join("OLTP.lis.zst").exists() {
        eprintln!("SKIPPED: no traces in {}", traces.display());
        return None;
    }
    Some(traces)
}

/// The keys of a trace, as the file writes them.
pub(crate) fn keys(directory: &Path, name: &str) -> Vec<u64> {
    let file = std::fs::File::open(directory.join(name)).unwrap();
    let mut text = String::new();
    if name.ends_with(".zst") {
        zstd::Decoder::new(file).unwrap().read_to_string(&mut text).unwrap();
    } else {
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    }
    let mut keys = Vec::new();
    // The header of the CSV, and the checkpoints of a LIRS trace.
    for line in text.lines().filter(|line| !line.starts_with(['*', 'v'])) {
        if name.ends_with(".csv.zst") {
            keys.push(line.rsplit(',').next().unwrap().parse().unwrap());
            continue;
        }
        let mut fields = line.split_whitespace().map(|field| field.parse::<u64>().unwrap());
        let Some(key) = fields.next() else { continue };
        // A line of an ARC trace stands for so many consecutive blocks.
        let count = if name.contains(".lis") { fields.next().unwrap() } else { 1 };
        keys.extend(key..key + count);
    }
    keys
}

/// The requests of a trace, their keys numbered by first appearance.
pub(crate) fn read(directory: &Path, name: &str) -> Vec<u32> {
    let mut numbers = HashMap::new();
    let number = |key| {
        let next = numbers.len() as u32;
        *numbers.entry(key).or_insert(next)
    };
    keys(directory, name).into_iter().map(number).collect()
}

fn hit_percent(requests: &[u32], kind: &PolicyFactory, capacity: u64) -> f64 {
    let distinct = requests.iter().max().map_or(0, |&last| u64::from(last) + 1);
    let ids: Vec<u64> = (0..distinct).collect();
    let mut replay = Replay::numbered(kind, capacity, Weigh::Objects);
    replay.learn(&ids);
    let hits = replay.feed(requests, &[]).unwrap().hits;
    100.0 * hits as f64 / requests.len() as f64
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
        let ours = hit_percent(&requests, &builtin::ARC, capacity);
        println!("OLTP, {capacity}: ARC {ours:.2} %, published {arc} %");
        assert_eq!(format!("{:.2}", hit_percent(&requests, &builtin::LRU, capacity)), lru);
        assert!((ours - arc).abs() <= 0.1, "ARC at {capacity}: {ours:.2} %, published {arc} %");
    }
}

/// How far from the reference a policy may be, in points of miss ratio: half of the reference's last digit, even
/// where the publication leaves some freedom and the reference happens to use it as we do.
const EXACT: f64 = 0.0051;

/// As far as the reference may be trusted to be the same algorithm.
fn tolerance(column: &str) -> f64 {
    match column {
        // The order of the stack bottom after pruning is left open by the paper.
        "lirs" => 0.1,
        // The sketch hashes, and the reference hashes otherwise.
        "wtinylfu" => 0.5,
        _ => EXACT,
    }
}

/// Rows that differ by more, by how many points, and why.
const EXPLAINED: [(&str, u64, &str, f64, &str); 32] = [
    ("c2k_web07.txt.zst", 20, "wtinylfu", -20.62, EMPTY),
    ("c2k_web07.txt.zst", 205, "wtinylfu", -1.45, OTHER),
    ("c2k_web07.txt.zst", 2_048, "wtinylfu", -1.19, OTHER),
    ("cloudPhysicsIO.csv.zst", 49, "wtinylfu", -11.68, EMPTY),
    ("cloudPhysicsIO.csv.zst", 490, "wtinylfu", -1.55, OTHER),
    ("cloudPhysicsIO.csv.zst", 4_897, "wtinylfu", 1.93, OTHER),
    ("corda_vault.txt.zst", 905, "wtinylfu", 1.22, OTHER),
    ("cpp.trace.gz", 12, "s3fifo", -10.59, REFUSES),
    ("cpp.trace.gz", 12, "wtinylfu", -11.35, EMPTY),
    ("gli.trace.gz", 25, "wtinylfu", -1.16, EMPTY),
    ("gli.trace.gz", 253, "wtinylfu", 4.22, OTHER),
    ("gli.trace.gz", 1_264, "wtinylfu", -0.60, OTHER),
    ("multi1.trace.gz", 26, "wtinylfu", -15.99, EMPTY),
    ("multi1.trace.gz", 261, "wtinylfu", -0.94, OTHER),
    ("multi2.trace.gz", 57, "wtinylfu", -21.47, EMPTY),
    ("multi3.trace.gz", 75, "wtinylfu", -23.00, EMPTY),
    ("sprite.trace.gz", 71, "wtinylfu", -23.90, EMPTY),
    ("sprite.trace.gz", 708, "wtinylfu", -0.91, OTHER),
    ("sprite.trace.gz", 3_538, "wtinylfu", -0.52, OTHER),
    ("mooncake_conv.txt.zst", 1_828, "wtinylfu", -1.96, OTHER),
    ("mooncake_conv.txt.zst", 18_279, "wtinylfu", -2.76, OTHER),
    ("OLTP.lis.zst", 187, "wtinylfu", -1.37, OTHER),
    ("OLTP.lis.zst", 1_000, "wtinylfu", -3.93, OTHER),
    ("OLTP.lis.zst", 1_869, "wtinylfu", -1.37, OTHER),
    ("OLTP.lis.zst", 2_000, "wtinylfu", -4.68, OTHER),
    ("OLTP.lis.zst", 5_000, "wtinylfu", -5.08, OTHER),
    ("OLTP.lis.zst", 10_000, "wtinylfu", -3.79, OTHER),
    ("OLTP.lis.zst", 15_000, "wtinylfu", -3.10, OTHER),
    ("OLTP.lis.zst", 18_688, "wtinylfu", -0.63, OTHER),
    ("loop.trace.gz", 10, "s3fifo", -0.89, REFUSES),
    ("loop.trace.gz", 101, "wtinylfu", 9.35, OTHER),
    ("loop.trace.gz", 506, "wtinylfu", -0.99, OTHER),
];

/// What explains a row may move by this much before it no longer does.
const DRIFT: f64 = 0.05;

const REFUSES: &str =
    "the reference stores no object as large as S, and here S is one object: it misses always";
const EMPTY: &str =
    "the reference's window, 1 % rounded down, is empty, and nothing enters main but through it";
const OTHER: &str = "the reference halves after 32 hits in main an entry (paper, 3.3: W requests), counts no hit in \
                     its window (3.1: every request), and its counters have no limit (3.4: W / C)";

/// Column of the reference, and the policy.
const COLUMNS: [(&str, PolicyFactory); 9] = [
    ("lru", builtin::LRU),
    ("fifo", builtin::FIFO),
    ("lfu", builtin::LFU),
    ("arc", builtin::ARC),
    ("sieve", builtin::SIEVE),
    ("s3fifo", builtin::S3_FIFO),
    ("wtinylfu", builtin::W_TINYLFU),
    ("lirs", builtin::LIRS),
    ("twoq", builtin::TWO_Q),
];

/// The traces that take seconds; apart, so that they run beside the others.
const LONG: [&str; 2] = ["OLTP.lis.zst", "loop.trace.gz"];

/// Replays the traces with `wanted` names through every policy at every capacity of the reference, and prints
/// all of it.
fn compare(wanted: impl Fn(&str) -> bool) {
    let Some(directory) = directory() else { return };
    let mut reference = csv::Reader::from_path(directory.join("reference.csv")).unwrap();
    let headers = reference.headers().unwrap().clone();
    let mut last: Option<(String, Vec<u32>, Belady)> = None;
    let mut wrong = Vec::new();
    println!(
        "{:<24} {:>8} {:<8} {:>8} {:>10} {:>8}",
        "trace", "capacity", "policy", "ours", "reference", "points"
    );
    for row in reference.records() {
        let row = row.unwrap();
        let field = |name: &str| &row[headers.iter().position(|header| header == name).unwrap()];
        let (trace, capacity) = (field("trace"), field("capacity_objects").parse::<u64>().unwrap());
        if !wanted(trace) {
            continue;
        }
        if last.as_ref().is_none_or(|(name, ..)| name != trace) {
            let requests = read(&directory, trace);
            assert_eq!(requests.len(), field("requests").parse::<usize>().unwrap(), "{trace}");
            let belady = Belady::new(&requests);
            last = Some((trace.to_owned(), requests, belady));
        }
        let (_, requests, belady) = last.as_ref().unwrap();
        let optimum = 100.0 * belady.misses(capacity as usize) as f64 / requests.len() as f64;
        let policies = COLUMNS.map(|(column, kind)| (column, 100.0 - hit_percent(requests, &kind, capacity)));
        for (column, ours) in std::iter::once(("belady", optimum)).chain(policies) {
            let theirs = 100.0 * field(column).parse::<f64>().unwrap();
            let line = format!(
                "{trace:<24} {capacity:>8} {column:<8} {ours:>8.2} {theirs:>10.2} {:>+8.2}",
                ours - theirs
            );
            let explained = EXPLAINED.iter().find(|row| (row.0, row.1, row.2) == (trace, capacity, column));
            println!("{line}  {}", explained.map_or("", |row| row.4));
            let (expected, tolerance) = explained.map_or((0.0, tolerance(column)), |row| (row.3, DRIFT));
            if (ours - theirs - expected).abs() > tolerance {
                wrong.push(line);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn short_traces_give_the_reference() {
    compare(|trace| !LONG.contains(&trace));
}

#[test]
fn long_traces_give_the_reference() {
    compare(|trace| LONG.contains(&trace));
}

/// Percent of the requests that miss in the authors' Clock2Q+ (libCacheSim 0.3.5, `Clock2QPlus`): with the paper's ghosts,
/// half of the capacity, and with a window of a fifth besides.
const CLOCK2Q_PLUS: [(&str, u64, f64, f64); 14] = [
    ("c2k_web07.txt.zst", 205, 56.7474, 57.0378),
    ("c2k_web07.txt.zst", 2_048, 42.3645, 42.1333),
    ("cloudPhysicsIO.csv.zst", 490, 82.9010, 82.8562),
    ("cloudPhysicsIO.csv.zst", 4_897, 78.0894, 77.9340),
    ("corda_vault.txt.zst", 905, 66.6667, 66.6667),
    ("cpp.trace.gz", 122, 19.9403, 19.7856),
    ("cpp.trace.gz", 612, 14.0820, 13.8831),
    ("gli.trace.gz", 1_264, 48.7781, 48.1629),
    ("multi1.trace.gz", 261, 50.2775, 50.3279),
    ("multi1.trace.gz", 1_303, 30.6533, 30.6344),
    ("multi2.trace.gz", 57, 92.6913, 92.9307),
    ("multi3.trace.gz", 745, 54.1351, 54.2442),
    ("sprite.trace.gz", 708, 14.3228, 14.0176),
    ("sprite.trace.gz", 3_538, 6.1562, 6.2756),
];

#[test]
fn clock2q_plus_gives_the_reference() {
    let Some(directory) = directory() else { return };
    let narrow = builtin::CLOCK2Q_PLUS.with_parameters("window=0.2").unwrap();
    for (trace, capacity, half, fifth) in CLOCK2Q_PLUS {
        let requests = read(&directory, trace);
        for (policy, theirs) in [(&builtin::CLOCK2Q_PLUS, half), (&narrow, fifth)] {
            let ours = 100.0 - hit_percent(&requests, policy, capacity);
            assert!((ours - theirs).abs() < 0.0001, "{policy}, {trace}, {capacity}: {ours} and {theirs}");
        }
    }
}

/// Without the newest part it is S3-FIFO.
#[test]
fn s4_fifo_without_a_skip_is_s3_fifo() {
    let Some(directory) = directory() else { return };
    let s3 = builtin::S4_FIFO.with_parameters("skip=0").unwrap();
    for (trace, capacity) in [("sprite.trace.gz", 708), ("c2k_web07.txt.zst", 2_048), ("multi3.trace.gz", 75)]
    {
        let requests = read(&directory, trace);
        let [ours, theirs, skipping] =
            [&s3, &builtin::S3_FIFO, &builtin::S4_FIFO].map(|kind| hit_percent(&requests, kind, capacity));
        assert!((ours - theirs).abs() < f64::EPSILON, "{trace}, {capacity}");
        assert!((ours - skipping).abs() > 0.001 || capacity < 100, "{trace}, {capacity}: {skipping}");
    }
}
