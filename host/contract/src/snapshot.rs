//! What was measured, as one consistent picture.
//!
//! The runtime fills a [`Snapshot`] once a tick. Every strategy of that tick, the judge and the ledger share it. "Window"
//! means since the tick before. The fields mirror `wit/metrics.wit`, which gives the units and ranges that hold here
//! too; what is not in a frozen record is a gauge ([`crate::gauge`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::gauge::{Gauges, Values};
use crate::history::History;
use crate::number::ratio;
use crate::run::RunInfo;

/// One consistent picture of the machine and the data plane.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Number of the tick, from 1, without gaps.
    pub tick: u64,
    /// Time since the run began, on the clock that was handed in.
    #[serde(rename = "now_ms", with = "ms")]
    pub now: Duration,
    /// Time since the tick before.
    #[serde(rename = "elapsed_ms", with = "ms")]
    pub elapsed: Duration,
    /// The machine and this process.
    pub system: System,
    /// The memory tier.
    pub cache: Cache,
    /// Every policy at every capacity simulated, in the order of policy, then capacity.
    pub shadows: Vec<Shadow>,
    /// The pools; none where the run has no executor.
    pub executor: Option<Executor>,
    /// Prefetching.
    pub prefetch: Prefetch,
    /// The gauges that were measured in this tick, by name.
    #[serde(deserialize_with = "known_gauges")]
    pub gauges: Values,
    /// The most recent requests.
    #[serde(skip)]
    pub accesses: Arc<Accesses>,
    /// The history of every gauge, this tick included.
    #[serde(skip)]
    pub history: Arc<History>,
    /// What run this is.
    #[serde(skip)]
    pub run: RunInfo,
}

impl Snapshot {
    /// The value of a gauge in this tick; none where it was not measured.
    #[must_use]
    pub fn gauge(&self, name: &str) -> Option<f64> {
        self.gauges.get(name).copied()
    }

    /// The last `max` values of a gauge, this tick included, oldest first; empty where there is none.
    #[must_use]
    pub fn history(&self, name: &str, max: usize) -> Vec<f64> {
        self.history.last(name, max)
    }

    /// Requests finished in the window, a second.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        self.gauge("throughput").unwrap_or(0.0)
    }
}

/// The most recent requests, oldest first, as `wit/accesses.wit` gives them: what stands at one position of the lists
/// belongs together.
#[derive(Debug, Clone, Default)]
pub struct Accesses {
    /// Requests before the first one kept here.
    pub before: u64,
    /// Keys; each fits 53 bits.
    pub keys: Vec<u64>,
    /// Sizes in the unit of the capacity; 0 where it is not known.
    pub sizes: Vec<u32>,
    /// 1 for a request that caused no load of its own, 0 for one that had to load.
    pub hits: Vec<u8>,
}

/// The machine and this process.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is documented, with its unit, in wit/metrics.wit")]
pub struct System {
    pub cpu_cores: f64,
    pub cpu_usage: f64,
    pub memory_limit_bytes: u64,
    pub memory_used_bytes: u64,
    pub process_memory_bytes: u64,
    pub disk_read_bytes_per_second: f64,
    pub disk_write_bytes_per_second: f64,
    pub network_received_bytes_per_second: f64,
    pub network_sent_bytes_per_second: f64,
}

/// The memory tier.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is documented, with its unit, in wit/metrics.wit")]
pub struct Cache {
    pub policy: String,
    pub policies: Vec<String>,
    pub capacity_bytes: u64,
    pub used_bytes: u64,
    pub entries: u64,
    pub window_hits: u64,
    pub window_misses: u64,
    pub window_evictions: u64,
    pub hits: u64,
    pub misses: u64,
}

impl Cache {
    /// Share of the window's requests that were served from the cache; none without requests.
    #[must_use]
    pub fn window_hit_ratio(&self) -> Option<f64> {
        ratio(self.window_hits, self.window_hits + self.window_misses)
    }
}

/// What a miniature cache says of a setting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is documented, with its unit, in wit/metrics.wit")]
pub struct Shadow {
    pub policy: String,
    pub capacity_factor: f64,
    pub capacity_bytes: u64,
    pub sampling_rate: f64,
    pub window_requests: u64,
    pub window_misses: u64,
    pub requests: u64,
    pub misses: u64,
    pub window_missed_bytes: u64,
}

impl Shadow {
    /// Estimated hit ratio in the window; none without requests.
    #[must_use]
    pub fn window_hit_ratio(&self) -> Option<f64> {
        ratio(self.window_requests.saturating_sub(self.window_misses), self.window_requests)
    }
}

/// Both pools.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Executor {
    /// Threads, for work that keeps a CPU busy.
    pub cpu: Pool,
    /// Async tasks, for work that waits.
    pub io: Pool,
    /// By class, in the order of their names.
    pub classes: Vec<Class>,
}

/// A pool of workers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is documented, with its unit, in wit/metrics.wit")]
pub struct Pool {
    pub workers: u32,
    pub min_workers: u32,
    pub max_workers: u32,
    pub utilisation: f64,
    pub queued: u64,
    pub window_completed: u64,
    pub mean_wait_us: f64,
    pub mean_service_us: f64,
}

/// What measured wait and run time say of a kind of work (WORK-6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// Too few tasks to say.
    #[default]
    Unknown,
    /// Nearly all of its time on a CPU.
    Cpu,
    /// Nearly all of its time waiting.
    Io,
    /// Both.
    Mixed,
}

/// One class of tasks.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is documented, with its unit, in wit/metrics.wit")]
pub struct Class {
    pub name: String,
    pub kind: TaskKind,
    pub completed: u64,
    pub cpu_share: f64,
    pub wait_p50_us: f64,
    pub wait_p99_us: f64,
    pub service_p50_us: f64,
    pub service_p99_us: f64,
    pub window_completed: u64,
    pub window_failed: u64,
    pub latency_target_us: Option<f64>,
}

/// Prefetching.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is documented, with its unit, in wit/metrics.wit")]
pub struct Prefetch {
    pub in_flight: u32,
    pub max_in_flight: u32,
    pub cache_share: f64,
    pub rules_left: u32,
    /// Rules of every strategy; a strategy is shown its own.
    pub rules: Vec<Rule>,
}

/// What became of the entries that a rule prefetched.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is documented, with its unit, in wit/metrics.wit")]
pub struct Rule {
    /// Name of the strategy that installed the rule.
    pub owner: String,
    pub id: u32,
    pub issued: u64,
    pub timely: u64,
    pub late: u64,
    pub wasted: u64,
    pub caused: u64,
    pub again: u64,
    pub withheld: u64,
    pub withheld_asked: u64,
    pub tried: u64,
    pub tried_asked: u64,
    pub resting: bool,
}

/// Milliseconds with their fraction, as a reader of the ledger wants them.
mod ms {
    use std::time::Duration;

    use serde::de::{Error as _, Unexpected};
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::number::to_u64;

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(time.as_secs_f64() * 1_000.0)
    }

    /// Exact to the nanosecond for the first hundred days of a run.
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let ms = f64::deserialize(from)?;
        if !ms.is_finite() || ms < 0.0 {
            return Err(D::Error::invalid_value(Unexpected::Float(ms), &"milliseconds"));
        }
        Ok(Duration::from_nanos(to_u64((ms * 1e6).round())))
    }
}

/// The gauges that this host has; a ledger of another one may hold more.
fn known_gauges<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Values, D::Error> {
    let all = BTreeMap::<String, f64>::deserialize(from)?;
    let known = Gauges::built_in();
    Ok(all.into_iter().filter_map(|(name, value)| Some((known.find(&name)?.name, value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_read_as_it_was_written() {
        let snapshot = Snapshot {
            tick: 3,
            now: Duration::from_nanos(3_000_000_017),
            elapsed: Duration::from_micros(1_001),
            gauges: [("hit-ratio", 0.1 + 0.2), ("throughput", 1e7 / 3.0)].into(),
            executor: Some(Executor {
                classes: vec![Class { name: "load".to_owned(), kind: TaskKind::Io, ..Class::default() }],
                ..Executor::default()
            }),
            shadows: vec![Shadow { policy: "lru".to_owned(), sampling_rate: 0.7, ..Shadow::default() }],
            ..Snapshot::default()
        };
        let text = serde_json::to_string(&snapshot).unwrap();
        let read: Snapshot = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("{read:?}"), format!("{snapshot:?}"));
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }

    #[test]
    fn what_is_missing_or_cannot_be_is_named_and_a_later_gauge_is_left_out() {
        let text = serde_json::to_string(&Snapshot::default()).unwrap();
        let refused = |from: &str, to: &str| {
            assert!(text.contains(from), "{text}");
            let read = serde_json::from_str::<Snapshot>(&text.replacen(from, to, 1));
            read.map(|snapshot| snapshot.gauges).map_err(|error| error.to_string())
        };
        let error = refused("\"now_ms\":0.0", "\"now_ms\":-1.0").unwrap_err();
        assert!(error.contains("expected milliseconds"), "{error}");
        let error = refused("\"window_hits\":0,", "").unwrap_err();
        assert!(error.contains("missing field `window_hits`"), "{error}");
        let gauges = refused("\"gauges\":{}", "\"gauges\":{\"hit-ratio\":0.5,\"of-tomorrow\":1.0}").unwrap();
        assert_eq!(gauges, [("hit-ratio", 0.5)].into());
    }
}
