//! Gauges as data: every figure that a strategy may read by name.
//!
//! `host plugin gauges` and the reference are made from this table. A gauge has a value in a tick where something
//! measured it; its history keeps one value a tick.

use std::collections::BTreeMap;

/// One row: a gauge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GaugeSpec {
    /// Its name, kebab-case.
    pub name: &'static str,
    /// Its unit: `ratio`, `bytes`, `per-second`, `microseconds`, `cores`, `count`, `seconds`.
    pub unit: &'static str,
    /// One line: what it is.
    pub meaning: &'static str,
}

const fn row(name: &'static str, unit: &'static str, meaning: &'static str) -> GaugeSpec {
    GaugeSpec { name, unit, meaning }
}

/// The gauges built in, in the order of their names. "Window" means since the tick before.
pub const BUILT_IN: &[GaugeSpec] = &[
    row(
        "cpu-pool-service",
        "microseconds",
        "mean time from start to end of the CPU pool's tasks in the window",
    ),
    row("cpu-pool-utilisation", "ratio", "mean share of the CPU pool's threads that were busy in the window"),
    row(
        "cpu-pool-wait",
        "microseconds",
        "mean time that the CPU pool's tasks waited before they ran in the window",
    ),
    row(
        "cpu-throttled",
        "ratio",
        "share of the periods of the CPU quota in the window in which this process was held back (cgroup)",
    ),
    row("cpu-usage", "ratio", "CPU in use on the machine in the window, as a share of all its cores"),
    row("disk-bytes", "bytes", "what the disk tier holds"),
    row("disk-hits", "count", "lookups of the disk tier in the window that found a value"),
    row("disk-latency", "microseconds", "mean time of the disk tier's lookups in the window"),
    row("disk-misses", "count", "lookups of the disk tier in the window that found none"),
    row("hit-ratio", "ratio", "share of the window's requests that caused no load of their own"),
    row(
        "io-pool-service",
        "microseconds",
        "mean time from start to end of the IO pool's tasks in the window",
    ),
    row("io-pool-utilisation", "ratio", "mean share of the IO pool's places that were busy in the window"),
    row(
        "io-pool-wait",
        "microseconds",
        "mean time that the IO pool's tasks waited before they ran in the window",
    ),
    row("latency-mean", "microseconds", "mean time of the window's requests, from submission to end"),
    row("latency-p50", "microseconds", "median time of the window's requests, from submission to end"),
    row(
        "latency-p99",
        "microseconds",
        "99th percentile of the time of the window's requests, from submission to end",
    ),
    row(
        "memory-room",
        "bytes",
        "memory that this process may still take: more would leave less free than `memory.keep-free`; 0 where tasks wait for it",
    ),
    row(
        "missed-bytes",
        "bytes",
        "size of what the window's requests had to load, in the unit of the capacity",
    ),
    row(
        "origin-latency-p99",
        "microseconds",
        "99th percentile of the time of the origin's loads that ended in the window, prefetches among them",
    ),
    row("others-cpu-usage", "ratio", "CPU that other processes used in the window, as a share of all cores"),
    row(
        "prefetch-caused-misses",
        "count",
        "misses since the start of entries that left for prefetched ones not asked for",
    ),
    row(
        "prefetch-control-saving",
        "ratio",
        "share of the entries held back for ever, of rules in force, that were asked for: what prefetching saves",
    ),
    row(
        "prefetch-precision",
        "ratio",
        "share of the prefetched entries decided since the start that were asked for",
    ),
    row(
        "prefetch-resting",
        "count",
        "prefetch rules that the host lets load nothing for a while, because they lost",
    ),
    row(
        "prefetch-waiting",
        "bytes",
        "what prefetched and warmed entries take that were not asked for yet, in the unit of the capacity",
    ),
    row("process-cpu-cores", "cores", "CPU that this process used in the window"),
    row("process-memory", "bytes", "resident memory of this process"),
    row("psi-cpu", "ratio", "share of the last 10 s in which some task waited for a CPU (PSI)"),
    row("psi-io", "ratio", "share of the last 10 s in which some task waited for IO (PSI)"),
    row("psi-memory", "ratio", "share of the last 10 s in which some task waited for memory (PSI)"),
    row("refreshed", "count", "entries loaded again in the window before their time was over"),
    row("remote-hits", "count", "lookups of the remote tier in the window that found a value"),
    row("remote-latency", "microseconds", "mean time of the remote tier's lookups in the window"),
    row("remote-misses", "count", "lookups of the remote tier in the window that found none, or failed"),
    row(
        "run-queue-wait",
        "ratio",
        "of the time in which this process's threads wanted a CPU in the window, the share they waited for one",
    ),
    row(
        "target-hit-ratio",
        "ratio",
        "share of the requests that the operator wants served without a load (`cache.hit-ratio-target`)",
    ),
    row("throughput", "per-second", "requests that finished in the window"),
    row("warm-bytes", "bytes", "what the warm tier takes"),
    row("warm-entries", "count", "entries of the warm tier"),
    row("warm-hits", "count", "lookups of the warm tier in the window that found a value"),
    row("warm-latency", "microseconds", "mean time of the warm tier's lookups in the window"),
    row("warm-misses", "count", "lookups of the warm tier in the window that found none"),
];

/// The gauges of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gauges(Vec<GaugeSpec>);

impl Gauges {
    /// The gauges built in.
    #[must_use]
    pub fn built_in() -> Self {
        Self(BUILT_IN.to_vec())
    }

    /// The same with one more; one of the same name is replaced.
    #[must_use]
    pub fn with(mut self, spec: GaugeSpec) -> Self {
        self.0.retain(|row| row.name != spec.name);
        self.0.push(spec);
        self.0.sort_by_key(|row| row.name);
        self
    }

    /// The rows, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &GaugeSpec> {
        self.0.iter()
    }

    /// The row of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&GaugeSpec> {
        self.0.iter().find(|row| row.name == name)
    }
}

impl Default for Gauges {
    fn default() -> Self {
        Self::built_in()
    }
}

/// The gauges that have a value in one tick, by name.
pub type Values = BTreeMap<&'static str, f64>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_in_order() {
        assert!(BUILT_IN.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn one_more_gauge_is_found_and_keeps_the_order() {
        let gauges = Gauges::built_in().with(row("extra", "count", "one more"));
        assert_eq!(gauges.find("extra").map(|row| row.unit), Some("count"));
        let names: Vec<_> = gauges.iter().map(|row| row.name).collect();
        assert!(names.is_sorted() && names.len() == BUILT_IN.len() + 1);
    }
}
