//! The `metrics` interface: the snapshot of the tick, in the contract's records, and its gauges by name.

use host_contract::snapshot;

use super::RECORD;
use crate::store_data::StoreData;
use crate::versions::v0_1::bindings::optimizer::plugin::metrics;

impl metrics::Host for StoreData {
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
        self.charge(RECORD + self.snapshot.cache.policies.len())?;
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

    fn shadow_missed_bytes(&mut self) -> wasmtime::Result<Vec<u64>> {
        self.charge(self.snapshot.shadows.len())?;
        Ok(self.snapshot.shadows.iter().map(|shadow| shadow.window_missed_bytes).collect())
    }

    /// Where the run has no executor, every figure is 0 and there is no class.
    fn executor(&mut self) -> wasmtime::Result<metrics::ExecutorMetrics> {
        self.charge((2 + classes(&self.snapshot).len()) * RECORD)?;
        let none = snapshot::Executor::default();
        let executor = self.snapshot.executor.as_ref().unwrap_or(&none);
        Ok(metrics::ExecutorMetrics {
            cpu: pool(&executor.cpu),
            io: pool(&executor.io),
            classes: executor.classes.iter().map(class).collect(),
        })
    }

    fn classes(&mut self) -> wasmtime::Result<Vec<metrics::ClassWindow>> {
        self.charge(classes(&self.snapshot).len() * RECORD)?;
        let window = |c: &snapshot::Class| metrics::ClassWindow {
            name: c.name.clone(),
            // The executor counts every task that ended; the contract those that succeeded.
            completed: c.window_completed.saturating_sub(c.window_failed),
            failed: c.window_failed,
            latency_target_us: c.latency_target_us,
        };
        Ok(classes(&self.snapshot).iter().map(window).collect())
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

    fn prefetch_costs(&mut self) -> wasmtime::Result<Vec<metrics::RuleCosts>> {
        self.charge(self.snapshot.prefetch.rules.len() * RECORD)?;
        let own = self.snapshot.prefetch.rules.iter().filter(|rule| rule.owner == self.name);
        let mut costs: Vec<_> = own
            .map(|rule| metrics::RuleCosts {
                id: rule.id,
                caused: rule.caused,
                again: rule.again,
                withheld: rule.withheld,
                withheld_asked: rule.withheld_asked,
                tried: rule.tried,
                tried_asked: rule.tried_asked,
                resting: rule.resting,
            })
            .collect();
        costs.sort_by_key(|rule| rule.id);
        Ok(costs)
    }

    fn gauges(&mut self) -> wasmtime::Result<Vec<metrics::GaugeInfo>> {
        self.charge(self.tables.gauges.iter().count() * RECORD)?;
        let info = |row: &host_contract::GaugeSpec| metrics::GaugeInfo {
            name: row.name.to_owned(),
            unit: row.unit.to_owned(),
            summary: row.meaning.to_owned(),
        };
        Ok(self.tables.gauges.iter().map(info).collect())
    }

    fn gauge(&mut self, name: String) -> wasmtime::Result<Option<f64>> {
        self.charge(1)?;
        self.charge_bytes(name.len())?;
        Ok(self.snapshot.gauge(&name))
    }

    fn history(&mut self, name: String, max: u32) -> wasmtime::Result<Vec<f64>> {
        self.charge_bytes(name.len())?;
        // It holds no more values of a gauge than `wit/metrics.wit` says.
        let values = self.snapshot.history(&name, usize::try_from(max).unwrap_or(usize::MAX));
        self.charge(values.len())?;
        Ok(values)
    }
}

fn classes(snapshot: &host_contract::Snapshot) -> &[snapshot::Class] {
    snapshot.executor.as_ref().map_or(&[], |executor| &executor.classes)
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
