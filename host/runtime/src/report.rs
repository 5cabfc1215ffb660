//! What a run gives back.

use std::collections::BTreeMap;

use host_control::ledger::{Decision, Disabled, RulesChanged};
use serde::Serialize;

/// A whole run. `host run --json` prints this object.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Name of the profile.
    pub profile: String,
    /// What was run.
    pub workload: Workload,
    /// Figures with strategies off and the profile's starting settings, where that was asked for.
    pub baseline: Option<Figures>,
    /// Figures with strategies on; none where the run was ended before.
    pub tuned: Option<Figures>,
    /// Every change of a dial, with its reason and its effect.
    pub decisions: Vec<Decision>,
    /// Every change of the prefetch rules, with its reason and its effect.
    pub rules: Vec<RulesChanged>,
    /// Strategies that were disabled, and why.
    pub disabled: Vec<Disabled>,
    /// What tuning cost.
    pub cost: Cost,
    /// What the operator should know: values clamped, proposals refused, files skipped.
    pub notes: Vec<String>,
    /// Whether the run was ended early.
    pub interrupted: bool,
}

/// What was run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Workload {
    /// `built-in`, `directory` or `trace`.
    pub kind: String,
    /// The path, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where chance comes from.
    pub seed: u64,
    /// What the indexed files add up to, of a directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
}

/// What the indexed files of a directory add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Text files.
    pub files: u64,
    /// Bytes of text, as `wc -c` counts them.
    pub bytes: u64,
    /// Lines, as `wc -l` counts them.
    pub lines: u64,
    /// Tokens (`o200k`).
    pub tokens: u64,
    /// Files that are not text.
    pub binary: u64,
    /// Files that could not be read.
    pub unreadable: u64,
    /// Files by language, most tokens first.
    pub languages: Vec<Share>,
    /// Directories with the most tokens in the files right inside them, most first.
    pub directories: Vec<Share>,
}

/// One row of a breakdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Language or directory.
    pub name: String,
    /// Files.
    pub files: u64,
    /// Lines.
    pub lines: u64,
    /// Tokens.
    pub tokens: u64,
}

/// The figures of one side of the comparison.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Requests finished.
    pub requests: u64,
    /// Requests to the cache that caused no load of their own; those that waited for one under way are
    /// among them.
    pub hits: u64,
    /// Of these, requests that waited for a load under way.
    pub waited: u64,
    /// Requests to the cache that had to load.
    pub misses: u64,
    /// `hits / (hits + misses)`, 0.0 to 1.0.
    pub hit_ratio: f64,
    /// Median time of a request, microseconds.
    pub p50_us: f64,
    /// 99th percentile of the time of a request, microseconds.
    pub p99_us: f64,
    /// Requests a second.
    pub throughput: f64,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Largest resident memory seen, bytes.
    pub peak_memory_bytes: u64,
    /// Policy at the end.
    pub policy: String,
    /// Capacity of the cache at the end, bytes.
    pub capacity_bytes: u64,
    /// Entries evicted.
    pub evictions: u64,
    /// CPU workers at the end.
    pub cpu_workers: u32,
    /// IO workers at the end.
    pub io_workers: u32,
    /// Entries loaded ahead of demand, and what became of them.
    pub prefetch: Prefetch,
    /// The parts of the run.
    pub phases: Vec<Phase>,
}

/// Entries loaded ahead of demand: `issued = timely + late + wasted` at the end of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Prefetch {
    /// Loaded ahead.
    pub issued: u64,
    /// Asked for after they were there.
    pub timely: u64,
    /// Asked for while they were still being loaded.
    pub late: u64,
    /// Never asked for.
    pub wasted: u64,
}

/// One part of a run: a phase of the built-in workload, a pass over a directory, a trace.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Requests finished.
    pub requests: u64,
    /// Requests to the cache that caused no load of their own.
    pub hits: u64,
    /// Requests to the cache that had to load.
    pub misses: u64,
    /// Wall time, seconds.
    pub seconds: f64,
}

impl Phase {
    /// Share of the requests to the cache that it served; none without any.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        share(self.hits, self.hits + self.misses)
    }
}

/// What tuning cost (ORCH-14).
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cost {
    /// Ticks held.
    pub ticks: u64,
    /// CPU time of the control thread: sampling, shadows, strategies, arbitration. Seconds.
    pub cpu_seconds: f64,
    /// The same as a share of what the machine's CPUs could have done meanwhile, 0.0 to 1.0.
    pub machine_share: f64,
    /// The same as a share of the CPU time of the whole process during the tuned run, 0.0 to 1.0.
    pub process_share: f64,
    /// What each strategy asked for and burnt.
    pub strategies: BTreeMap<String, host_control::registration::Cost>,
}

/// What was clamped or refused, a sentence for each strategy: a hint for its author.
pub(crate) fn objections(strategies: &BTreeMap<String, host_control::registration::Cost>) -> Vec<String> {
    let said = |(name, cost): (&String, &host_control::registration::Cost)| {
        let first = cost.first_objection.as_ref()?;
        Some(format!("{name}: {} proposals clamped, {} refused; first: {first}", cost.clamped, cost.refused))
    };
    strategies.iter().filter_map(said).collect()
}

/// `part / whole`; none where there is no whole.
#[must_use]
#[expect(clippy::as_conversions, reason = "counts of requests stay far below 2^53")]
pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
