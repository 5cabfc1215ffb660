//! From counters to one consistent snapshot.
//!
//! The data plane counts up; a strategy wants to know what happened since it was last asked. This
//! keeps the counters of the tick before and the bounded series. Pure: the readings and the time are
//! handed in, so that it serves wall time and virtual time alike.

use std::time::Duration;

use host_cache::{Estimate, Stats};
use host_contract::Latency;
use host_control::snapshot::{self, SeriesSet, Snapshot, System};
use host_prefetch::RuleStats;
use host_telemetry::Series;

/// Figures of each series that are kept.
const SERIES: usize = 512;

/// What was read from the data plane at one moment.
#[derive(Debug)]
pub(crate) struct Readings {
    pub(crate) system: System,
    pub(crate) cache: Stats,
    pub(crate) shadows: Vec<Estimate>,
    pub(crate) executor: Option<snapshot::Executor>,
    pub(crate) prefetch: Prefetch,
    pub(crate) accesses: Vec<u64>,
    /// Requests of any kind finished since the start.
    pub(crate) finished: u64,
    /// Times of the requests of the window.
    pub(crate) latency: Latency,
}

/// What was read from the prefetcher.
#[derive(Debug)]
pub(crate) struct Prefetch {
    pub(crate) in_flight: u32,
    pub(crate) max_in_flight: u32,
    pub(crate) cache_share: f64,
    pub(crate) max_rules: u32,
    pub(crate) rules: Vec<RuleStats>,
    /// Names of the owners, by their number.
    pub(crate) owners: Vec<String>,
}

/// Keeps what the tick before saw.
#[derive(Debug)]
pub(crate) struct Sense {
    tick: u64,
    now: Duration,
    hits: u64,
    misses: u64,
    evictions: u64,
    finished: u64,
    shadows: Vec<Estimate>,
    policies: Vec<String>,
    hit_ratio: Series,
    throughput: Series,
    latency_p99: Series,
    cpu_usage: Series,
    process_memory: Series,
}

impl Sense {
    pub(crate) fn new(policies: Vec<String>) -> Self {
        let series = || Series::new(SERIES);
        Self {
            tick: 0,
            now: Duration::ZERO,
            hits: 0,
            misses: 0,
            evictions: 0,
            finished: 0,
            shadows: Vec::new(),
            policies,
            hit_ratio: series(),
            throughput: series(),
            latency_p99: series(),
            cpu_usage: series(),
            process_memory: series(),
        }
    }

    /// Ticks so far.
    pub(crate) fn ticks(&self) -> u64 {
        self.tick
    }

    /// The snapshot of the next tick.
    pub(crate) fn snapshot(&mut self, now: Duration, readings: Readings) -> Snapshot {
        let elapsed = now.saturating_sub(self.now);
        let finished = readings.finished.saturating_sub(self.finished);
        let throughput = per_second(finished, elapsed);
        let latency_p99_us = readings.latency.percentiles().p99_us;
        let (hits, misses) = served(&readings.cache);
        let cache = snapshot::Cache {
            policy: readings.cache.policy.to_string(),
            policies: self.policies.clone(),
            capacity_bytes: readings.cache.capacity,
            used_bytes: readings.cache.weight,
            entries: readings.cache.entries,
            window_hits: hits.saturating_sub(self.hits),
            window_misses: misses.saturating_sub(self.misses),
            window_evictions: readings.cache.evictions.saturating_sub(self.evictions),
            hits,
            misses,
        };
        let shadows = readings.shadows.iter().map(|estimate| self.shadow(estimate)).collect();

        // A window without requests has no ratio of its own; the last one stands.
        let ratio = cache.window_hit_ratio().or_else(|| self.hit_ratio.latest()).unwrap_or(0.0);
        self.hit_ratio.push(ratio);
        self.throughput.push(throughput);
        self.latency_p99.push(latency_p99_us);
        self.cpu_usage.push(readings.system.cpu_usage);
        self.process_memory.push(bytes_as_f64(readings.system.process_memory_bytes));

        self.tick += 1;
        self.now = now;
        self.hits = hits;
        self.misses = misses;
        self.evictions = readings.cache.evictions;
        self.finished = readings.finished;
        self.shadows = readings.shadows;
        Snapshot {
            tick: self.tick,
            now,
            elapsed,
            system: readings.system,
            cache,
            shadows,
            executor: readings.executor,
            prefetch: prefetch(readings.prefetch),
            accesses: readings.accesses,
            series: self.series(),
            throughput,
            latency_p99_us,
        }
    }

    fn shadow(&self, now: &Estimate) -> snapshot::Shadow {
        let same = |e: &&Estimate| e.policy == now.policy && e.factor == now.factor;
        let (requests, misses) =
            self.shadows.iter().find(same).map_or((0, 0), |before| (before.requests, before.misses));
        snapshot::Shadow {
            policy: now.policy.to_string(),
            capacity_factor: now.factor,
            capacity_bytes: now.capacity,
            sampling_rate: now.sampling_rate,
            window_requests: now.requests.saturating_sub(requests),
            window_misses: now.misses.saturating_sub(misses),
            requests: now.requests,
            misses: now.misses,
        }
    }

    fn series(&self) -> SeriesSet {
        let all = |series: &Series| series.last(SERIES).collect();
        SeriesSet {
            hit_ratio: all(&self.hit_ratio),
            throughput: all(&self.throughput),
            latency_p99: all(&self.latency_p99),
            cpu_usage: all(&self.cpu_usage),
            process_memory: all(&self.process_memory),
        }
    }
}

/// Requests that caused no load of their own, and those that did. One that waited for a load under way is
/// among the former, as it is in the shadows and in the simulator: it costs the origin nothing.
pub(crate) fn served(cache: &Stats) -> (u64, u64) {
    let waited = cache.waited.min(cache.misses);
    (cache.hits + waited, cache.misses - waited)
}

fn prefetch(read: Prefetch) -> snapshot::Prefetch {
    let rules: Vec<snapshot::Rule> = read
        .rules
        .iter()
        .map(|rule| {
            let owner = usize::try_from(rule.owner).ok().and_then(|at| read.owners.get(at));
            snapshot::Rule {
                owner: owner.cloned().unwrap_or_default(),
                id: rule.id,
                issued: rule.issued,
                timely: rule.timely,
                late: rule.late,
                wasted: rule.wasted,
            }
        })
        .collect();
    snapshot::Prefetch {
        in_flight: read.in_flight,
        max_in_flight: read.max_in_flight,
        cache_share: read.cache_share,
        rules_left: read.max_rules,
        rules,
    }
}

#[expect(clippy::as_conversions, reason = "counts of requests stay far below 2^53")]
pub(crate) fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { count as f64 / elapsed.as_secs_f64() }
}

#[expect(clippy::as_conversions, reason = "bytes of memory stay far below 2^53")]
fn bytes_as_f64(bytes: u64) -> f64 {
    bytes as f64
}
