//! What was measured, as one consistent picture.
//!
//! The runtime fills a [`Snapshot`] once a tick; every strategy of that tick and the ledger read the
//! same one. "Window" means since the tick before. The fields mirror `wit/metrics.wit`, which gives
//! the units and ranges that hold here too.

use std::time::Duration;

use serde::Serialize;

/// One consistent picture of the machine and the data plane.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Snapshot {
    /// Number of the tick, from 1, without gaps.
    pub tick: u64,
    /// Time since the run began, on the clock that was handed in.
    #[serde(rename = "now_ms", serialize_with = "as_ms")]
    pub now: Duration,
    /// Time since the tick before.
    #[serde(rename = "elapsed_ms", serialize_with = "as_ms")]
    pub elapsed: Duration,
    /// The machine and this process.
    pub system: System,
    /// The memory tier.
    pub cache: Cache,
    /// Every policy at every capacity simulated, in the order of policy, then capacity.
    pub shadows: Vec<Shadow>,
    /// The pools; none where the run has no executor.
    pub executor: Option<Executor>,
    /// Loading ahead of demand.
    pub prefetch: Prefetch,
    /// Keys asked for most recently, oldest first.
    #[serde(skip)]
    pub accesses: Vec<u64>,
    /// Bounded series, oldest figure first.
    #[serde(skip)]
    pub series: SeriesSet,
    /// Requests finished in the window, a second.
    pub throughput: f64,
    /// 99th percentile of the time of a request in the window, microseconds.
    pub latency_p99_us: f64,
}

/// The machine and this process.
#[derive(Debug, Clone, Default, Serialize)]
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
#[derive(Debug, Clone, Default, Serialize)]
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
#[derive(Debug, Clone, Default, Serialize)]
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
}

impl Shadow {
    /// Estimated hit ratio in the window; none without requests.
    #[must_use]
    pub fn window_hit_ratio(&self) -> Option<f64> {
        ratio(self.window_requests.saturating_sub(self.window_misses), self.window_requests)
    }
}

/// Both pools.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Executor {
    /// Threads, for work that keeps a CPU busy.
    pub cpu: Pool,
    /// Async tasks, for work that waits.
    pub io: Pool,
    /// By class, in the order of their names.
    pub classes: Vec<Class>,
}

/// A pool of workers.
#[derive(Debug, Clone, Default, Serialize)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, Default, Serialize)]
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
}

/// Loading ahead of demand.
#[derive(Debug, Clone, Default, Serialize)]
#[expect(missing_docs, reason = "each field is documented, with its unit, in wit/metrics.wit")]
pub struct Prefetch {
    pub in_flight: u32,
    pub max_in_flight: u32,
    pub cache_share: f64,
    pub rules_left: u32,
    /// Rules of every strategy; a strategy is shown its own.
    pub rules: Vec<Rule>,
}

/// What became of the entries that a rule loaded ahead.
#[derive(Debug, Clone, Default, Serialize)]
#[expect(missing_docs, reason = "each field is documented, with its unit, in wit/metrics.wit")]
pub struct Rule {
    /// Name of the strategy that installed the rule.
    pub owner: String,
    pub id: u32,
    pub issued: u64,
    pub timely: u64,
    pub late: u64,
    pub wasted: u64,
}

/// Names of the series kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each series is documented, with its unit, in wit/metrics.wit")]
pub enum Series {
    HitRatio,
    Throughput,
    LatencyP99,
    CpuUsage,
    ProcessMemory,
}

/// One figure a tick for each [`Series`], oldest first.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each series is documented, with its unit, in wit/metrics.wit")]
pub struct SeriesSet {
    pub hit_ratio: Vec<f64>,
    pub throughput: Vec<f64>,
    pub latency_p99: Vec<f64>,
    pub cpu_usage: Vec<f64>,
    pub process_memory: Vec<f64>,
}

impl SeriesSet {
    /// The figures of one series, oldest first.
    #[must_use]
    pub fn get(&self, series: Series) -> &[f64] {
        match series {
            Series::HitRatio => &self.hit_ratio,
            Series::Throughput => &self.throughput,
            Series::LatencyP99 => &self.latency_p99,
            Series::CpuUsage => &self.cpu_usage,
            Series::ProcessMemory => &self.process_memory,
        }
    }
}

/// Milliseconds with their fraction, as a reader of the ledger wants them.
fn as_ms<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(time.as_secs_f64() * 1_000.0)
}

/// `part / whole`; none where there is no whole.
#[expect(clippy::as_conversions, reason = "counts of requests stay far below 2^53")]
pub(crate) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
