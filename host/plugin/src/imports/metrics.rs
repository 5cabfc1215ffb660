//! The `metrics` interface: the snapshot of the tick, in the contract's records.

use host_contract::snapshot;

use super::RECORD;
use crate::bindings::optimizer::plugin::metrics;
use crate::state::State;

/// Most keys answered at once, as `wit/metrics.wit` says.
const MAX_ACCESSES: usize = 4096;

impl metrics::Host for State {
    fn system(&mut self) -> wasmtime::Result<metrics::SystemMetrics> {
        self.charge(RECORD)?;
        let s = &self.snapshot.system;
        Ok(metrics::SystemMetrics {
            cpu_cores: s.cpu_cores,
            cpu_usage: s.cpu_usage,
            memory_limit_bytes: s.memory_limit_bytes,
            memory_used_bytes: s.memory_used_bytes,
            process_memory_bytes: s.process_memory_bytes,
            disk_read_bytes_per_second: s.disk_read_bytes_per_second,
            disk_write_bytes_per_second: s.disk_write_bytes_per_second,
            network_received_bytes_per_second: s.network_received_bytes_per_second,
            network_sent_bytes_per_second: s.network_sent_bytes_per_second,
        })
    }

    fn cache(&mut self) -> wasmtime::Result<metrics::CacheMetrics> {
        self.charge(RECORD)?;
        let c = &self.snapshot.cache;
        Ok(metrics::CacheMetrics {
            policy: c.policy.clone(),
            policies: c.policies.clone(),
            capacity_bytes: c.capacity_bytes,
            used_bytes: c.used_bytes,
            entries: c.entries,
            window_hits: c.window_hits,
            window_misses: c.window_misses,
            window_evictions: c.window_evictions,
            hits: c.hits,
            misses: c.misses,
        })
    }

    fn shadows(&mut self) -> wasmtime::Result<Vec<metrics::ShadowEstimate>> {
        self.charge(self.snapshot.shadows.len() * RECORD)?;
        let estimate = |s: &snapshot::Shadow| metrics::ShadowEstimate {
            policy: s.policy.clone(),
            capacity_factor: s.capacity_factor,
            capacity_bytes: s.capacity_bytes,
            sampling_rate: s.sampling_rate,
            window_requests: s.window_requests,
            window_misses: s.window_misses,
            requests: s.requests,
            misses: s.misses,
        };
        Ok(self.snapshot.shadows.iter().map(estimate).collect())
    }

    /// Where the run has no executor, every figure is 0 and there is no class.
    fn executor(&mut self) -> wasmtime::Result<metrics::ExecutorMetrics> {
        let classes = self.snapshot.executor.as_ref().map_or(0, |executor| executor.classes.len());
        self.charge((2 + classes) * RECORD)?;
        Ok(match &self.snapshot.executor {
            Some(executor) => metrics::ExecutorMetrics {
                cpu: pool(&executor.cpu),
                io: pool(&executor.io),
                classes: executor.classes.iter().map(class).collect(),
            },
            None => metrics::ExecutorMetrics {
                cpu: pool(&snapshot::Pool::default()),
                io: pool(&snapshot::Pool::default()),
                classes: Vec::new(),
            },
        })
    }

    fn prefetch(&mut self) -> wasmtime::Result<metrics::PrefetchMetrics> {
        self.charge((1 + self.snapshot.prefetch.rules.len()) * RECORD)?;
        let p = &self.snapshot.prefetch;
        let own = p.rules.iter().filter(|rule| rule.owner == self.name);
        let mut rules: Vec<_> = own
            .map(|rule| metrics::RuleMetrics {
                id: rule.id,
                issued: rule.issued,
                timely: rule.timely,
                late: rule.late,
                wasted: rule.wasted,
            })
            .collect();
        rules.sort_by_key(|rule| rule.id);
        Ok(metrics::PrefetchMetrics {
            in_flight: p.in_flight,
            max_in_flight: p.max_in_flight,
            cache_share: p.cache_share,
            rules_left: self.context.rules_left(),
            rules,
        })
    }

    fn recent_accesses(&mut self, max: u32) -> wasmtime::Result<Vec<u64>> {
        let accesses = last(&self.snapshot.accesses.keys, max, MAX_ACCESSES);
        self.charge(accesses.len())?;
        Ok(accesses)
    }

    fn history(&mut self, series: metrics::Series, max: u32) -> wasmtime::Result<Vec<f64>> {
        let gauge = match series {
            metrics::Series::HitRatio => "hit-ratio",
            metrics::Series::Throughput => "throughput",
            metrics::Series::LatencyP99 => "latency-p99",
            metrics::Series::CpuUsage => "cpu-usage",
            metrics::Series::ProcessMemory => "process-memory",
        };
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let figures = self.snapshot.history(gauge, max);
        self.charge(figures.len())?;
        Ok(figures)
    }
}

fn pool(p: &snapshot::Pool) -> metrics::PoolMetrics {
    metrics::PoolMetrics {
        workers: p.workers,
        min_workers: p.min_workers,
        max_workers: p.max_workers,
        utilisation: p.utilisation,
        queued: p.queued,
        window_completed: p.window_completed,
        mean_wait_us: p.mean_wait_us,
        mean_service_us: p.mean_service_us,
    }
}

fn class(c: &snapshot::Class) -> metrics::ClassMetrics {
    metrics::ClassMetrics {
        name: c.name.clone(),
        kind: match c.kind {
            snapshot::TaskKind::Unknown => metrics::TaskKind::Unknown,
            snapshot::TaskKind::Cpu => metrics::TaskKind::Cpu,
            snapshot::TaskKind::Io => metrics::TaskKind::Io,
            snapshot::TaskKind::Mixed => metrics::TaskKind::Mixed,
        },
        completed: c.completed,
        cpu_share: c.cpu_share,
        wait_p50_us: c.wait_p50_us,
        wait_p99_us: c.wait_p99_us,
        service_p50_us: c.service_p50_us,
        service_p99_us: c.service_p99_us,
    }
}

/// The last `max` items, and never more than `cap`.
fn last<T: Copy>(items: &[T], max: u32, cap: usize) -> Vec<T> {
    let wanted = usize::try_from(max).unwrap_or(usize::MAX).min(cap);
    let skipped = items.len().saturating_sub(wanted);
    items.iter().skip(skipped).copied().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use host_contract::Snapshot;

    use super::*;
    use crate::limits::Limits;

    #[test]
    fn the_last_items_are_answered_and_never_more_than_the_cap() {
        let items: Vec<u64> = (0..10).collect();
        assert_eq!(last(&items, 3, 100), [7, 8, 9]);
        assert_eq!(last(&items, u32::MAX, 4), [6, 7, 8, 9]);
        assert!(last(&items, 0, 4).is_empty());
        assert_eq!(last(&items, 100, 100), items);
    }

    #[test]
    fn a_strategy_is_shown_its_own_rules_in_the_order_of_their_ids() {
        let rule = |owner: &str, id| snapshot::Rule { owner: owner.to_owned(), id, ..Default::default() };
        let prefetch = snapshot::Prefetch {
            rules: vec![rule("mine", 7), rule("other", 1), rule("mine", 2)],
            ..Default::default()
        };
        let mut state = State::new(&Limits::default(), 0);
        state.name = "mine".to_owned();
        state.work.refill(u64::MAX);
        state.snapshot = Arc::new(Snapshot { prefetch, ..Default::default() });
        let ids: Vec<_> = metrics::Host::prefetch(&mut state).unwrap().rules.iter().map(|r| r.id).collect();
        assert_eq!(ids, [2, 7]);
    }
}
