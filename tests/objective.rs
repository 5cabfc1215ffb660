//! What the operator wants decides: `optimise` in a profile.

use std::path::Path;

use serde_json::Value;

use crate::support::{ledger, of_type, succeed, trace};

/// The changes of the cache's capacity by `cache-sizing`, and the miss ratio, of a run in virtual time.
fn run(dir: &Path, trace: &Path, objective: &str) -> (Vec<(u64, u64)>, f64) {
    let file = dir.join(format!("{objective}.jsonl"));
    let wanted = format!("optimise={objective}");
    let arguments = ["sim", trace.to_str().unwrap(), "--json", "--profile", "medium", "--capacity", "2000"];
    // Nothing but the capacity: prefetched entries would take some of it.
    let fixed = ["--set", &wanted, "--set", "prefetch.mode=on-demand", "--ledger", file.to_str().unwrap()];
    let report: Value = serde_json::from_str(&succeed([&arguments[..], &fixed].concat())).unwrap();
    let ledger = ledger(&file);
    let changes = of_type(&ledger, "decision")
        .into_iter()
        .filter(|decision| decision["dial"] == "cache-capacity" && decision["by"][0] == "cache-sizing")
        .map(|decision| (decision["from"].as_u64().unwrap(), decision["to"].as_u64().unwrap()))
        .collect();
    (changes, report["miss_ratio"].as_f64().unwrap())
}

#[test]
fn capacity_that_brings_nothing_is_given_up_for_memory_and_kept_for_throughput() {
    let dir = tempfile::tempdir().unwrap();
    // 49 keys come again and again; each third request is for a key that never comes again, so that the cache is full.
    let trace = trace(dir.path(), 60_000);
    let (kept, misses) = run(dir.path(), &trace, "throughput");
    assert_eq!(kept, []);
    let (given_up, more) = run(dir.path(), &trace, "memory");
    assert!(given_up.len() >= 2 && given_up.iter().all(|(from, to)| to < from), "{given_up:?}");
    let (first, last) = (given_up[0].0, given_up[given_up.len() - 1].1);
    assert!(last * 4 <= first, "three quarters bring nothing: {given_up:?}");
    assert!(more <= misses + 0.02, "a miss ratio of {more} after {misses}");
}

/// 400,000 requests for 5,000 keys, of which each is asked for as often as Zipf's law has it, so that the hit ratio rises evenly
/// with the logarithm of the capacity.
fn zipf(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("zipf.txt");
    let mut random = 1_u64;
    let lines: String = (0..400_000)
        .map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = f64::from(u32::try_from(random >> 32).unwrap()) / f64::from(u32::MAX);
            format!("{:.0}\n", 5_000_f64.powf(unit))
        })
        .collect();
    std::fs::write(&path, lines).unwrap();
    path
}

#[test]
fn the_capacity_follows_a_target_of_the_hit_ratio_from_both_sides() {
    let dir = tempfile::tempdir().unwrap();
    let trace = zipf(dir.path());
    for start in ["100", "4000"] {
        let file = dir.path().join(format!("{start}.jsonl"));
        let arguments =
            ["sim", trace.to_str().unwrap(), "--json", "--profile", "medium", "--capacity", start];
        let fixed = [
            "--set",
            "cache.hit-ratio-target=0.5",
            "--set",
            "cache.min-capacity=1MB",
            "--set",
            "cache.max-capacity=20GB",
            "--set",
            "memory.cap=30GB",
            "--set",
            "prefetch.mode=on-demand",
            "--ledger",
            file.to_str().unwrap(),
        ];
        succeed([&arguments[..], &fixed].concat());
        let ledger = ledger(&file);
        let by_it = |decision: &&Value| decision["by"][0] == "cache-sizing";
        let changes = of_type(&ledger, "decision").into_iter().filter(by_it).count();
        assert!(changes >= 2, "from {start}: {changes} changes");
        let ticks = of_type(&ledger, "tick");
        let late = &ticks[ticks.len() * 3 / 4..];
        let sum = |name: &str| late.iter().map(|tick| tick["cache"][name].as_f64().unwrap()).sum::<f64>();
        let (hits, misses) = (sum("window_hits"), sum("window_misses"));
        let ratio = hits / (hits + misses);
        assert!((ratio - 0.5).abs() < 0.03, "from {start}: a hit ratio of {ratio} after {changes} changes");
    }
}

/// The miss ratios by request and by byte of a run of this objective.
fn missed(trace: &Path, objective: &str) -> [f64; 2] {
    let wanted = format!("optimise={objective}");
    let arguments = ["sim", trace.to_str().unwrap(), "--json", "--profile", "medium", "--capacity", "3MB"];
    let fixed = ["--set", &wanted, "--set", "prefetch.mode=on-demand"];
    let report: Value = serde_json::from_str(&succeed([&arguments[..], &fixed].concat())).unwrap();
    ["miss_ratio", "byte_miss_ratio"].map(|ratio| report[ratio].as_f64().unwrap())
}

#[test]
fn bytes_are_saved_for_bandwidth_and_requests_for_throughput() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("sizes.csv");
    // Nine requests of ten are for small objects that come a second time 200 small ones later. The tenth is for one of 40
    // large objects in turn, which are larger than the cache together.
    let small = |n: u64| 1_000_000 + if (n / 200).is_multiple_of(2) { n } else { n - 200 };
    let line = |n: u64| match n % 10 {
        0 => format!("{},100000\n", n / 10 % 40),
        _ => format!("{},1000\n", small(n - n / 10)),
    };
    let lines: String = (0..60_000).map(line).collect();
    std::fs::write(&trace, format!("key,size\n{lines}")).unwrap();

    let [requests, bytes] = missed(&trace, "throughput");
    let [more_requests, fewer_bytes] = missed(&trace, "bandwidth");
    assert!(more_requests > requests + 0.2, "{more_requests} after {requests}");
    assert!(fewer_bytes < bytes - 0.4, "{fewer_bytes} after {bytes}");
}
