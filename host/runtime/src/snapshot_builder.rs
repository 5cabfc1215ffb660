//! From counters to one consistent snapshot.
//!
//! The data plane counts up; a strategy wants to know what happened since it was last asked. This keeps the counters of the
//! tick before and the history of every gauge. Pure: the sample and the time are handed in, so that it serves wall time and
//! virtual time alike.

use std::sync::Arc;
use std::time::Duration;

use host_cache::{Estimate, Stats};
use host_contract::gauge::Values;
use host_contract::number::{per_second, ratio, to_f64};
use host_contract::snapshot::{self, Accesses, Snapshot, System};
use host_contract::{History, Latency, RunInfo};
use host_control::ledger::{Fallback, Record};
use host_prefetch::{Counts, RuleStats};

use crate::fallbacks::Fallbacks;

/// What was read from the data plane at one moment.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) system: System,
    pub(crate) cache: Stats,
    /// The names of the policies that can be set.
    pub(crate) policies: Vec<String>,
    pub(crate) shadows: Vec<Estimate>,
    pub(crate) executor: Option<snapshot::Executor>,
    pub(crate) prefetch: Prefetch,
    pub(crate) accesses: Accesses,
    /// Requests of any kind finished since the start.
    pub(crate) finished: u64,
    /// Times of the requests of the window.
    pub(crate) latency: Latency,
    /// Gauges that were measured elsewhere, by name.
    pub(crate) gauges: Values,
}

/// What was read from the prefetcher.
#[derive(Debug)]
pub(crate) struct Prefetch {
    pub(crate) in_flight: u32,
    pub(crate) max_in_flight: u32,
    pub(crate) cache_share: f64,
    pub(crate) max_rules: u32,
    pub(crate) rules: Vec<RuleStats>,
    /// Of all rules ever.
    pub(crate) totals: Counts,
    /// Names of the owners, by their number.
    pub(crate) owners: Vec<String>,
}

/// Keeps what the tick before saw.
#[derive(Debug)]
pub(crate) struct SnapshotBuilder {
    tick: u64,
    now: Duration,
    hits: u64,
    misses: u64,
    evictions: u64,
    finished: u64,
    fallbacks: Fallbacks,
    fallback: Option<Fallback>,
    shadows: Vec<Estimate>,
    history: History,
    run: RunInfo,
}

impl SnapshotBuilder {
    pub(crate) fn new(run: RunInfo) -> Self {
        Self {
            tick: 0,
            now: Duration::ZERO,
            hits: 0,
            misses: 0,
            evictions: 0,
            finished: 0,
            fallbacks: Fallbacks::default(),
            fallback: None,
            shadows: Vec::new(),
            history: History::default(),
            run,
        }
    }

    /// What run this is.
    pub(crate) fn run(&self) -> RunInfo {
        self.run
    }

    /// Ticks so far.
    pub(crate) fn ticks(&self) -> u64 {
        self.tick
    }

    /// That a policy lost track of entries in the window of the last snapshot; told once.
    pub(crate) fn take_fallback(&mut self) -> Option<Record> {
        self.fallback.take().map(Record::Fallback)
    }

    /// That a policy lost track of entries since the last snapshot; told once.
    pub(crate) fn fell_back(&mut self, cache: &Stats) -> Option<Record> {
        self.fallbacks.since(self.tick, cache).map(Record::Fallback)
    }

    /// The snapshot of the next tick.
    pub(crate) fn snapshot(&mut self, now: Duration, sample: Sample) -> Snapshot {
        let elapsed = now.saturating_sub(self.now);
        let (hits, misses) = served(&sample.cache);
        let cache = snapshot::Cache {
            policy: sample.cache.in_force().to_string(),
            policies: sample.policies.clone(),
            capacity_bytes: sample.cache.capacity,
            used_bytes: sample.cache.weight,
            entries: sample.cache.entries,
            window_hits: hits.saturating_sub(self.hits),
            window_misses: misses.saturating_sub(self.misses),
            window_evictions: sample.cache.evictions.saturating_sub(self.evictions),
            hits,
            misses,
        };
        let shadows = sample.shadows.iter().map(|estimate| self.shadow(estimate)).collect();
        let finished = sample.finished.saturating_sub(self.finished);
        let gauges = gauges(&sample, &cache, per_second(finished, elapsed));
        for (name, value) in &gauges {
            self.history.push(name, *value);
        }

        self.tick += 1;
        self.fallback = self.fallbacks.since(self.tick, &sample.cache);
        self.now = now;
        self.hits = hits;
        self.misses = misses;
        self.evictions = sample.cache.evictions;
        self.finished = sample.finished;
        self.shadows = sample.shadows;
        Snapshot {
            tick: self.tick,
            now,
            elapsed,
            system: sample.system,
            cache,
            shadows,
            executor: sample.executor,
            prefetch: prefetch(sample.prefetch),
            gauges,
            accesses: Arc::new(sample.accesses),
            history: Arc::new(self.history.clone()),
            run: self.run,
        }
    }

    fn shadow(&self, now: &Estimate) -> snapshot::Shadow {
        let same = |e: &&Estimate| e.policy == now.policy && e.factor == now.factor;
        let before = self.shadows.iter().find(same);
        let (requests, misses) = before.map_or((0, 0), |before| (before.requests, before.misses));
        let missed_weight = before.map_or(0, |before| before.missed_weight);
        snapshot::Shadow {
            policy: now.policy.to_string(),
            capacity_factor: now.factor,
            capacity_bytes: now.capacity,
            sampling_rate: now.sampling_rate,
            window_requests: now.requests.saturating_sub(requests),
            window_misses: now.misses.saturating_sub(misses),
            requests: now.requests,
            misses: now.misses,
            window_missed_bytes: now.missed_weight.saturating_sub(missed_weight),
        }
    }
}

/// The gauges of a tick: those handed in, and those that follow from the rest of the sample.
fn gauges(sample: &Sample, cache: &snapshot::Cache, throughput: f64) -> Values {
    let latency = sample.latency.percentiles();
    let measured_latency = |figure: f64| (latency.count > 0).then_some(figure);
    let pools = sample.executor.as_ref();
    let [cpu, io] = [pools.map(|pools| &pools.cpu), pools.map(|pools| &pools.io)];
    let totals = sample.prefetch.totals;
    let used = totals.timely + totals.late;
    let resting =
        u64::try_from(sample.prefetch.rules.iter().filter(|rule| rule.resting).count()).unwrap_or(0);
    let measured = [
        ("throughput", Some(throughput)),
        ("hit-ratio", cache.window_hit_ratio()),
        ("latency-mean", measured_latency(latency.mean_us)),
        ("latency-p50", measured_latency(latency.p50_us)),
        ("latency-p99", measured_latency(latency.p99_us)),
        ("cpu-usage", Some(sample.system.cpu_usage)),
        ("process-memory", Some(to_f64(sample.system.process_memory_bytes))),
        ("cpu-pool-utilisation", cpu.map(|pool| pool.utilisation)),
        ("cpu-pool-wait", cpu.map(|pool| pool.mean_wait_us)),
        ("cpu-pool-service", cpu.map(|pool| pool.mean_service_us)),
        ("io-pool-utilisation", io.map(|pool| pool.utilisation)),
        ("io-pool-wait", io.map(|pool| pool.mean_wait_us)),
        ("io-pool-service", io.map(|pool| pool.mean_service_us)),
        ("prefetch-caused-misses", Some(to_f64(totals.caused))),
        ("prefetch-control-saving", ratio(totals.withheld_asked, totals.withheld)),
        ("prefetch-precision", ratio(used, used + totals.wasted)),
        ("prefetch-resting", Some(to_f64(resting))),
        ("prefetch-waiting", Some(to_f64(sample.cache.probation))),
    ];
    let mut gauges = sample.gauges.clone();
    gauges.extend(measured.into_iter().filter_map(|(name, value)| Some((name, value?))));
    gauges
}

/// Requests that caused no load of their own, and those that did. One that waited for a load under way is among the former,
/// as it is in the shadows and in the simulator: it costs the origin nothing.
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
            let counts = rule.counts;
            snapshot::Rule {
                owner: owner.cloned().unwrap_or_default(),
                id: rule.id,
                issued: counts.issued,
                timely: counts.timely,
                late: counts.late,
                wasted: counts.wasted,
                caused: counts.caused,
                again: counts.again,
                withheld: counts.withheld,
                withheld_asked: counts.withheld_asked,
                tried: counts.tried,
                tried_asked: counts.tried_asked,
                resting: rule.resting,
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

#[cfg(test)]
mod tests;
