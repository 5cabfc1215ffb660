//! What a run gives back.

use std::collections::BTreeMap;

use host_contract::number::ratio;
use host_control::Status;
use host_control::ledger::{Decision, RulesChanged};
use serde::Serialize;

use crate::sweep::Sweep;

pub mod comparison;

/// A whole run. `host run --json` prints this object.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Name of the profile.
    pub profile: String,
    /// What was run.
    pub workload: Workload,
    /// Figures with strategies off and the profile's starting settings, before the tuned run, where that was asked for.
    pub baseline: Option<Figures>,
    /// The same once more after the tuned run: what differs between the two is order, warm-up and noise.
    pub baseline_again: Option<Figures>,
    /// The best fixed settings and what tuning came to beside them, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
    /// Figures with strategies on; none where the run was ended before.
    pub tuned: Option<Figures>,
    /// Every change of a dial, with its reason and its effect.
    pub decisions: Vec<Decision>,
    /// Every change of the prefetch rules, with its reason and its effect.
    pub rules: Vec<RulesChanged>,
    /// Where each strategy stands at the end, and what happened to it; those that could not be started come first.
    pub strategies: Vec<Status>,
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

impl Workload {
    /// One line for the ledger.
    pub(crate) fn header(&self) -> String {
        let path = self.path.as_ref().map(|path| format!(" {path}")).unwrap_or_default();
        format!("{}{path}", self.kind)
    }
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
    /// Requests that the cache served by itself: they caused no load of their own, and no prefetch had loaded for them.
    /// Those that waited for a load under way are among them.
    pub hits: u64,
    /// Requests that a prefetch or warming served: loaded in time, or still under way and waited for.
    pub prefetched: u64,
    /// Requests that waited for another one's load.
    pub waited: u64,
    /// Requests to the cache that had to load.
    pub misses: u64,
    /// `hits / (hits + prefetched + misses)`, 0.0 to 1.0.
    pub hit_ratio: f64,
    /// `prefetched / (hits + prefetched + misses)`, 0.0 to 1.0.
    pub prefetched_ratio: f64,
    /// Median time of a request from its arrival to its end, the wait in the queue included, microseconds.
    pub p50_us: f64,
    /// 99th percentile of the time of a request from its arrival to its end, the wait in the queue included, microseconds.
    pub p99_us: f64,
    /// Requests a second.
    pub throughput: f64,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Largest resident memory of the process in this part of the run, as the kernel keeps it, bytes.
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
    /// Prefetched entries, and what became of them.
    pub prefetch: Prefetch,
    /// Entries that were warmed, and what became of them; none where nothing was to be warmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warming: Option<Warming>,
    /// The parts of the run.
    pub phases: Vec<Phase>,
}

/// Prefetched entries: `issued = timely + late + wasted` at the end of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Prefetch {
    /// Prefetched.
    pub issued: u64,
    /// Requested after they were there.
    pub timely: u64,
    /// Requested while they were still being loaded.
    pub late: u64,
    /// Never requested.
    pub wasted: u64,
    /// Misses of what left the cache for entries that were prefetched and not requested.
    pub caused: u64,
    /// Prefetched again a short time after it was wasted.
    pub again: u64,
    /// Held back for ever, of rules in force, to measure what they save.
    pub withheld: u64,
    /// Of it, requested within the time that a prefetched entry has.
    pub withheld_asked: u64,
    /// Held back because the rule was not known to be worth its loads.
    pub tried: u64,
    /// Of it, requested within that time.
    pub tried_asked: u64,
}

impl Prefetch {
    pub(crate) fn of(counts: host_prefetch::Counts) -> Self {
        Self {
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
        }
    }
}

/// Entries that were loaded before anybody asked, because their keys were hot before. `loaded = asked + wasted + waiting`;
/// `named` is the sum of `loaded` and of all that was not loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Warming {
    /// Keys that the file names, as many as are warmed at the most.
    pub named: u64,
    /// Of them, loaded into room that nobody needed.
    pub loaded: u64,
    /// Of these, loaded before the first request.
    pub loaded_before: u64,
    /// Time that this took, which is in no other figure. Seconds.
    pub before_seconds: f64,
    /// Of the loaded, requested: each would have been a miss.
    pub asked: u64,
    /// Of the loaded, gone before they were requested.
    pub wasted: u64,
    /// Of the loaded, neither at the end.
    pub waiting: u64,
    /// `asked` times the mean time of a load: what requests did not wait. Seconds.
    pub saved_seconds: f64,
    /// Not loaded: in the cache or being loaded already.
    pub there: u64,
    /// Not loaded: the origin has nothing under the key.
    pub unknown: u64,
    /// Not loaded: there was no room left.
    pub no_room: u64,
    /// Not loaded: the load failed.
    pub failed: u64,
    /// Not loaded: no quiet period came.
    pub not_reached: u64,
}

/// One part of a run: a phase of the built-in workload, a pass over a directory, a trace.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Requests finished.
    pub requests: u64,
    /// Requests that the cache served by itself.
    pub hits: u64,
    /// Requests that a prefetch or warming served.
    pub prefetched: u64,
    /// Requests to the cache that had to load.
    pub misses: u64,
    /// Wall time, seconds.
    pub seconds: f64,
}

impl Phase {
    /// Share of the requests to the cache that it served by itself; none without any.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        ratio(self.hits, self.hits + self.prefetched + self.misses)
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
