//! Snapshots from samples.

use host_cache::Cache;
use host_contract::gauge;

use super::*;

fn sample(hits: u64, misses: u64, finished: u64) -> Sample {
    let mut stats = Cache::<u64, u32>::builder(100).build().stats();
    (stats.hits, stats.misses, stats.waited, stats.evictions) = (hits, misses, 1, hits / 2);
    Sample {
        system: System { process_memory_bytes: 1_000, cpu_usage: 0.5, ..System::default() },
        cache: stats,
        policies: vec!["lru".to_owned()],
        shadows: Vec::new(),
        executor: None,
        prefetch: Prefetch {
            in_flight: 1,
            max_in_flight: 8,
            cache_share: 0.25,
            max_rules: 16,
            rules: Vec::new(),
            totals: host_prefetch::Counts::default(),
            owners: Vec::new(),
        },
        accesses: Accesses::default(),
        finished,
        latency: Latency::default(),
        gauges: Values::new(),
    }
}

fn builder() -> SnapshotBuilder {
    SnapshotBuilder::new(RunInfo::default())
}

#[test]
fn a_window_is_what_happened_since_the_tick_before() {
    let mut builder = builder();
    let first = builder.snapshot(Duration::from_secs(1), sample(100, 51, 150));
    // One request waited for a load under way: it counts as a hit.
    assert_eq!((first.cache.window_hits, first.cache.window_misses), (101, 50));
    let second = builder.snapshot(Duration::from_secs(3), sample(160, 61, 210));
    assert_eq!((second.tick, second.elapsed), (2, Duration::from_secs(2)));
    assert_eq!((second.cache.window_hits, second.cache.window_misses), (60, 10));
    assert_eq!((second.cache.hits, second.cache.window_evictions), (161, 30));
    assert_eq!((second.throughput(), second.gauge("hit-ratio")), (30.0, Some(60.0 / 70.0)));
    assert_eq!(second.history("throughput", 9), [150.0, 30.0]);
    assert_eq!(first.history("throughput", 9), [150.0], "the tick before keeps its own history");
}

#[test]
fn what_was_not_measured_has_no_value_and_no_history() {
    let mut builder = builder();
    builder.snapshot(Duration::from_secs(1), sample(100, 51, 150));
    let idle = builder.snapshot(Duration::from_secs(2), sample(100, 51, 150));
    assert_eq!(
        (idle.gauge("hit-ratio"), idle.gauge("latency-p99"), idle.gauge("psi-cpu")),
        (None, None, None)
    );
    assert_eq!((idle.throughput(), idle.history("hit-ratio", 9).len()), (0.0, 1));
}

#[test]
fn every_gauge_of_a_snapshot_is_in_the_table() {
    let mut latency = Latency::default();
    latency.record(Duration::from_millis(3));
    let full = Sample {
        latency,
        executor: Some(snapshot::Executor::default()),
        gauges: Values::from([("psi-cpu", 0.25)]),
        ..sample(100, 51, 150)
    };
    let snapshot = builder().snapshot(Duration::from_secs(1), full);
    assert_eq!(snapshot.gauge("psi-cpu"), Some(0.25));
    assert!(snapshot.gauge("latency-p99").is_some_and(|p99| p99 > 2_000.0));
    assert!(snapshot.gauges.len() > 12, "{:?}", snapshot.gauges);
    for name in snapshot.gauges.keys() {
        assert!(gauge::BUILT_IN.iter().any(|row| row.name == *name), "{name} is no row of the table");
    }
}

#[test]
fn a_rule_is_shown_with_the_name_of_its_owner() {
    let mut of_two = sample(1, 1, 1);
    of_two.prefetch.owners = vec!["a".to_owned(), "b".to_owned()];
    let counts = host_prefetch::Counts { issued: 3, timely: 1, late: 1, wasted: 1, ..Default::default() };
    of_two.prefetch.rules = vec![RuleStats { owner: 1, id: 7, counts, resting: false }];
    let snapshot = builder().snapshot(Duration::from_secs(1), of_two);
    let rule = &snapshot.prefetch.rules[0];
    assert_eq!((rule.owner.as_str(), rule.id, rule.issued, rule.timely), ("b", 7, 3, 1));
    assert_eq!((snapshot.prefetch.rules_left, snapshot.prefetch.in_flight), (16, 1));
}
