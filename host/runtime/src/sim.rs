//! The exact simulator: many policies and capacities in one pass over a trace.
//!
//! Exact means no sampling, no buffers, no shards: each request is applied to each policy in order.
//! The file is read once; its keys are numbered, so that a replay indexes arrays, and the numbered
//! requests are held in memory (4 bytes each, 8 with sizes). Every policy sees the hash of a key and
//! never its number, which would give away the order of first appearance.

mod capacity;
mod interned;
mod replay;

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use host_cache::PolicyKind;
use host_workload::trace::{TraceError, TraceReader};
use serde::Serialize;

pub use capacity::{Capacity, CapacityError};
use interned::Interned;
use replay::Tally;

use crate::progress::{Progress, Stop};
use crate::report::share;

/// What decides which entry goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A policy that could run live.
    Policy(PolicyKind),
    /// The offline optimum: evicts what is asked for furthest in the future.
    Belady,
}

impl Method {
    /// Every name that [`Method::from_str`](std::str::FromStr::from_str) understands.
    #[must_use]
    pub fn names() -> Vec<String> {
        let policies = PolicyKind::ALL.iter().map(ToString::to_string);
        policies.chain(["belady".to_owned()]).collect()
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Policy(kind) => kind.fmt(f),
            Self::Belady => f.write_str("belady"),
        }
    }
}

/// No such policy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no policy is called {found:?}; expected one of: {}", expected.join(", "))]
pub struct UnknownMethod {
    found: String,
    expected: Vec<String>,
}

impl std::str::FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "belady" {
            return Ok(Self::Belady);
        }
        let unknown = |_| UnknownMethod { found: text.to_owned(), expected: Self::names() };
        text.parse().map(Self::Policy).map_err(unknown)
    }
}

/// Why a simulation could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A capacity in bytes for a trace without sizes.
    #[error(
        "{path}: capacity {capacity} is in bytes, but {format} gives no sizes; \
         give it in objects (1000) or in percent of the distinct keys (1%)"
    )]
    NoSizes {
        /// The trace.
        path: String,
        /// The capacity as given.
        capacity: String,
        /// The trace's format.
        format: String,
    },
    /// Byte miss ratios of a trace without sizes.
    #[error("{path}: byte miss ratios were asked for, but {format} gives no sizes")]
    NothingToWeigh {
        /// The trace.
        path: String,
        /// The trace's format.
        format: String,
    },
    /// Belady's algorithm is optimal for objects of one size only.
    #[error(
        "belady needs capacities in objects or percent, not {0}: \
         with objects of different sizes the optimum is not computable in useful time"
    )]
    BeladyInBytes(String),
    /// More distinct keys or a longer trace than fits.
    #[error("{0}: more than 4,294,967,295 distinct keys")]
    TooManyKeys(String),
}

/// What is measured besides the misses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Measure byte miss ratios, and take capacities in percent as percent of the footprint: the bytes of
    /// the distinct keys.
    pub sizes: bool,
    /// Count hits by windows of so many requests.
    pub per_window: Option<NonZeroU64>,
}

/// A stretch of the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    /// Its first request, counted from 0.
    pub first: u64,
    /// Requests in it; the last window of a trace may be shorter.
    pub requests: u64,
    /// Those of them that hit.
    pub hits: u64,
}

/// One policy at one capacity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Name of the policy.
    pub policy: String,
    /// Capacity in objects, or in bytes where it was given in bytes.
    pub capacity: u64,
    /// Requests replayed.
    pub requests: u64,
    /// Requests that missed; the cold start counts.
    pub misses: u64,
    /// `misses / requests`.
    pub miss_ratio: f64,
    /// Bytes that missed by bytes asked for; only with [`Options::sizes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte_miss_ratio: Option<f64>,
    /// The windows of the trace, in order; only with [`Options::per_window`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// Time of this replay alone, seconds.
    pub seconds: f64,
}

/// A whole simulation. `host sim --json` prints this object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Simulation {
    /// The trace file.
    pub trace: String,
    /// Requests in it.
    pub requests: u64,
    /// Distinct keys in it.
    pub distinct: u64,
    /// Bytes of the distinct keys; `None` where the trace gives no sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footprint: Option<u64>,
    /// Time to read it, seconds.
    pub read_seconds: f64,
    /// Whether it was ended early; rows that were not reached are missing.
    pub interrupted: bool,
    /// A row for each policy and capacity, in the order asked for.
    pub rows: Vec<Row>,
}

/// Replays `trace` under every method at every capacity.
///
/// # Errors
/// [`SimError`], before the first replay: what is wrong shows within the time of one read.
pub fn simulate(
    trace: TraceReader,
    methods: &[Method],
    capacities: &[Capacity],
    options: &Options,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Simulation, SimError> {
    let path = trace.path().display().to_string();
    let format = trace.format().to_string();
    check(&path, &format, None, methods, capacities, options)?;
    let started = Instant::now();
    progress.begin("reading", None);
    let interned = Interned::read(trace, progress, stop)?;
    let read = started.elapsed();
    let requests = interned.len();
    progress.end(&format!(
        "{requests} requests, {} distinct, read in {:.2} s",
        interned.distinct(),
        read.as_secs_f64()
    ));
    check(&path, &format, Some(&interned), methods, capacities, options)?;

    let mut rows = Vec::new();
    'rows: for method in methods {
        for capacity in capacities {
            if stop.asked() {
                break 'rows;
            }
            progress.begin(&format!("{method} {capacity}"), None);
            let started = Instant::now();
            let in_bytes = capacity.in_bytes(options.sizes);
            let whole = if in_bytes { interned.footprint() } else { interned.distinct() };
            let amount = capacity.resolve(whole);
            let tally = interned.replay(*method, amount, in_bytes, options);
            let row = row(*method, amount, tally, started.elapsed());
            progress.end(&format!("{method} at {capacity}: {:.2} % missed", row.miss_ratio * 100.0));
            rows.push(row);
        }
    }
    Ok(Simulation {
        trace: path,
        requests,
        distinct: interned.distinct(),
        footprint: interned.has_sizes().then(|| interned.footprint()),
        read_seconds: read.as_secs_f64(),
        interrupted: stop.asked(),
        rows,
    })
}

fn check(
    path: &str,
    format: &str,
    read: Option<&Interned>,
    methods: &[Method],
    capacities: &[Capacity],
    options: &Options,
) -> Result<(), SimError> {
    let bytes = capacities.iter().find(|c| c.in_bytes(options.sizes));
    if let Some(bytes) = bytes
        && methods.contains(&Method::Belady)
    {
        return Err(SimError::BeladyInBytes(bytes.to_string()));
    }
    if read.is_none_or(Interned::has_sizes) {
        return Ok(());
    }
    let (path, format) = (path.to_owned(), format.to_owned());
    match bytes {
        _ if options.sizes => Err(SimError::NothingToWeigh { path, format }),
        Some(bytes) => Err(SimError::NoSizes { path, capacity: bytes.to_string(), format }),
        None => Ok(()),
    }
}

fn row(method: Method, capacity: u64, tally: Tally, took: Duration) -> Row {
    Row {
        policy: method.to_string(),
        capacity,
        requests: tally.requests,
        misses: tally.misses,
        miss_ratio: share(tally.misses, tally.requests).unwrap_or(0.0),
        byte_miss_ratio: share(tally.bytes_missed, tally.bytes),
        windows: tally.windows,
        seconds: took.as_secs_f64(),
    }
}
